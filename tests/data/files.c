#define _DEFAULT_SOURCE
#include "tests/data/files.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

void folder_new(char *path, size_t size) {
    const char *root = getenv("TMPDIR");
    int length = snprintf(path, size, "%s/reslab_data_XXXXXX", root && root[0] ? root : "/tmp");
    assert_true(length > 0 && (size_t)length < size);
    assert_non_null(mkdtemp(path));
}

static void make_folders_above(const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(folder, 0777) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

void file_write(const char *path, const void *bytes, size_t size, int packed) {
    make_folders_above(path);
    gzFile file = gzopen(path, packed ? "wb6" : "wbT");
    assert_non_null(file);
    assert_int_equal(gzfwrite(bytes, 1, size, file), size);
    assert_int_equal(gzclose(file), Z_OK);
}

uint8_t *file_read(const char *path, size_t *size) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    *size = (size_t)info.st_size;
    uint8_t *bytes = malloc(*size + 1);
    FILE *file = fopen(path, "rb");
    assert_true(bytes && file);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void put_u32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

uint8_t *idx_images(int count, int seed, size_t *size) {
    *size = 16 + (size_t)count * 784;
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    put_u32(bytes, 0x803);
    put_u32(bytes + 4, (uint32_t)count);
    put_u32(bytes + 8, 28);
    put_u32(bytes + 12, 28);
    for (size_t k = 0; k < *size - 16; k++)
        bytes[16 + k] = (uint8_t)((7 * k + (size_t)seed) % 251);
    return bytes;
}

uint8_t *idx_labels(int count, int seed, size_t *size) {
    *size = 8 + (size_t)count;
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    put_u32(bytes, 0x801);
    put_u32(bytes + 4, (uint32_t)count);
    for (int i = 0; i < count; i++)
        bytes[8 + i] = (uint8_t)((3 * i + seed) % 10);
    return bytes;
}

void idx_set(const char *folder, int train, int test, int packed) {
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    for (int i = 0; i < 4; i++) {
        char path[PATH_MAX];
        size_t size;
        int count = i < 2 ? train : test, seed = i < 2 ? 1 : 2;
        uint8_t *bytes = i % 2 ? idx_labels(count, seed, &size) : idx_images(count, seed, &size);
        snprintf(path, sizeof path, "%s/%s%s", folder, names[i], packed ? ".gz" : "");
        file_write(path, bytes, size, packed);
        free(bytes);
    }
}
