/* The readers of IDX and CIFAR files, and how they refuse damaged ones. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/data/formats.h"
#include "net/philox.h"
#include "tests/data/files.h"

enum { IMAGES = 23, RECORDS = 7 };

static char folder[256], images_path[512], labels_path[512], cifar_path[512];

static int setup(void **state) {
    (void)state;
    folder_new(folder, sizeof folder);
    snprintf(images_path, sizeof images_path, "%s/train-images-idx3-ubyte", folder);
    snprintf(labels_path, sizeof labels_path, "%s/train-labels-idx1-ubyte", folder);
    snprintf(cifar_path, sizeof cifar_path, "%s/data_batch_1.bin", folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    return !folder_remove(folder);
}

static ImageSet mnist_like(void) {
    return (ImageSet){.shape = {1, 28, 28}, .classes = 10};
}

static void free_set(ImageSet *set) {
    free(set->images);
    free(set->labels);
}

static void write_good(int packed) {
    size_t size;
    uint8_t *bytes = idx_images(IMAGES, 1, &size);
    file_write(images_path, bytes, size, packed);
    free(bytes);
    bytes = idx_labels(IMAGES, 1, &size);
    file_write(labels_path, bytes, size, packed);
    free(bytes);
}

/* Each part must occur in the message. */
static void assert_message(Status found, Status expected, const char *a, const char *b,
                           const char *c) {
    const char *parts[] = {a, b, c};
    if (found != expected)
        fail_msg("status %d, expected %d; last message: %s", found, expected, status_message());
    for (int i = 0; i < 3; i++)
        if (parts[i] && !strstr(status_message(), parts[i]))
            fail_msg("'%s' is not in the message: %s", parts[i], status_message());
}

/* idx_read must refuse and leave nothing allocated. */
static void assert_refused(const char *a, const char *b, const char *c) {
    ImageSet set = mnist_like();
    Status status = idx_read(images_path, labels_path, NULL, &set);
    assert_message(status, STATUS_BAD_INPUT, a, b, c);
    assert_null(set.images);
    assert_null(set.labels);
}

static void test_idx_values(void **state) {
    (void)state;
    uint8_t digests[2][SHA256_DIGEST_SIZE];
    for (int packed = 0; packed < 2; packed++) {
        ImageSet set = mnist_like();
        struct sha256_ctx hash;
        sha256_init(&hash);
        write_good(packed);
        assert_int_equal(idx_read(images_path, labels_path, &hash, &set), STATUS_OK);
        assert_int_equal(set.count, IMAGES);
        for (int k = 0; k < IMAGES * 784; k++)
            assert_int_equal(set.images[k], (7 * k + 1) % 251);
        for (int i = 0; i < IMAGES; i++)
            assert_int_equal(set.labels[i], (3 * i + 1) % 10);
        sha256_digest(&hash, SHA256_DIGEST_SIZE, digests[packed]);
        free_set(&set);
    }
    assert_memory_equal(digests[0], digests[1], SHA256_DIGEST_SIZE);
}

/* The sum is over images, then labels, headers included. */
static void test_idx_hash(void **state) {
    (void)state;
    uint8_t found[SHA256_DIGEST_SIZE], expected[SHA256_DIGEST_SIZE];
    struct sha256_ctx hash;
    ImageSet set = mnist_like();
    size_t size;
    write_good(1);
    sha256_init(&hash);
    assert_int_equal(idx_read(images_path, labels_path, &hash, &set), STATUS_OK);
    sha256_digest(&hash, sizeof found, found);
    free_set(&set);
    uint8_t *bytes = idx_images(IMAGES, 1, &size);
    sha256_update(&hash, size, bytes);
    free(bytes);
    bytes = idx_labels(IMAGES, 1, &size);
    sha256_update(&hash, size, bytes);
    free(bytes);
    sha256_digest(&hash, sizeof expected, expected);
    assert_memory_equal(found, expected, sizeof found);
}

static void test_idx_truncated(void **state) {
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        static const size_t lengths[] = {1, 3, 7, 15, 16, 17, 16 + 784, 16 + IMAGES * 784 - 1};
        size_t size;
        write_good(packed);
        uint8_t *bytes = idx_images(IMAGES, 1, &size);
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            char offset[64];
            file_write(images_path, bytes, lengths[k], packed);
            snprintf(offset, sizeof offset, "ends at offset %zu%s;", lengths[k],
                     packed ? " (unpacked)" : "");
            assert_refused(images_path, offset, "expected");
        }
        free(bytes);
        write_good(packed);
        bytes = idx_labels(IMAGES, 1, &size);
        file_write(labels_path, bytes, size - 1, packed);
        assert_refused(labels_path, packed ? "offset 30 (unpacked)" : "offset 30;",
                       "expected 23 bytes of labels from offset 8");
        free(bytes);
    }
}

static void test_idx_oversized(void **state) {
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        size_t size;
        write_good(packed);
        uint8_t *bytes = idx_images(IMAGES + 1, 1, &size); /* one image more than the head says */
        bytes[7] = IMAGES;
        file_write(images_path, bytes, 16 + IMAGES * 784 + 1, packed);
        assert_refused(images_path, "goes on after offset 18048", NULL);
        free(bytes);
        write_good(packed);
        bytes = idx_labels(IMAGES + 1, 1, &size);
        bytes[7] = IMAGES;
        file_write(labels_path, bytes, size, packed);
        assert_refused(labels_path, "goes on after offset 31", NULL);
        free(bytes);
    }
}

static void test_idx_empty(void **state) {
    (void)state;
    write_good(0);
    file_write(images_path, "", 0, 0);
    assert_refused(images_path, "ends at offset 0;", "IDX header");
    write_good(0);
    file_write(labels_path, "", 0, 1);
    assert_refused(labels_path, "ends at offset 0 (unpacked)", "IDX header");
}

/* Writes byte `value` at `offset` of the sound images (which 0) or labels (1), and reads. */
static void spoil(int which, size_t offset, uint8_t value) {
    size_t size;
    write_good(0);
    uint8_t *bytes = which ? idx_labels(IMAGES, 1, &size) : idx_images(IMAGES, 1, &size);
    bytes[offset] = value;
    file_write(which ? labels_path : images_path, bytes, size, 0);
    free(bytes);
}

static void test_idx_header(void **state) {
    (void)state;
    spoil(0, 3, 1);
    assert_refused(images_path, "offset 0: found the number 0x00000801", "expected 0x00000803");
    spoil(0, 2, 9);
    assert_refused(images_path, "0x00000903", "not an IDX file of images");
    spoil(1, 3, 3);
    assert_refused(labels_path, "0x00000803", "not an IDX file of labels");
    spoil(0, 4, 0xff); /* four thousand million images: refused before memory is asked for */
    assert_refused(images_path, "offset 4: found a count of 4278190103", "expected 1 to");
    spoil(0, 7, 0);
    assert_refused(images_path, "offset 4: found a count of 0", NULL);
    spoil(0, 11, 32);
    assert_refused(images_path, "offset 8: found images of 32 x 28", "expected 28 x 28");
    spoil(0, 12, 1);
    assert_refused(images_path, "28 x 16777244", "expected 28 x 28");
    spoil(1, 7, IMAGES - 1);
    assert_refused(labels_path, "offset 4: found 22 labels, expected 23", images_path);
}

static void test_idx_mislabelled(void **state) {
    (void)state;
    spoil(1, 8 + 5, 10);
    assert_refused(labels_path, "offset 13: found label 10", "expected 0 to 9");
    spoil(1, 8 + IMAGES - 1, 255);
    assert_refused(labels_path, "offset 30: found label 255", "expected 0 to 9");
}

static void test_gzip_damaged(void **state) {
    (void)state;
    size_t size;
    write_good(1);
    uint8_t *bytes = file_read(images_path, &size);
    file_write(images_path, bytes, size / 2, 0);
    assert_refused(images_path, "ends at offset", "cut short");
    file_write(images_path, bytes, size - 1, 0); /* all pixels, but not the whole trailer */
    assert_refused(images_path, "without the gzip trailer", NULL);
    bytes[size - 6] ^= 1; /* the checksum */
    file_write(images_path, bytes, size, 0);
    assert_refused(images_path, "gzip data is damaged near packed offset", "data check");
    bytes[size - 6] ^= 1;
    bytes[size] = 'x';
    file_write(images_path, bytes, size + 1, 0);
    assert_refused(images_path, "goes on after packed offset", NULL);
    free(bytes);
}

static void test_idx_unreadable(void **state) {
    (void)state;
    ImageSet set = mnist_like();
    write_good(0);
    assert_message(idx_read("/nonexistent/images", labels_path, NULL, &set), STATUS_IO,
                   "/nonexistent/images", "No such file", NULL);
    assert_message(idx_read(folder, labels_path, NULL, &set), STATUS_IO, folder, "Is a directory",
                   NULL);
    assert_message(idx_read(images_path, "/nonexistent/labels", NULL, &set), STATUS_IO,
                   "/nonexistent/labels", NULL, NULL);
    assert_null(set.images);
}

/* RECORDS records; label i is 3 i + 1 modulo the classes, pixel k of the file (11 k) % 253. */
static uint8_t *cifar_bytes(int classes, size_t *size) {
    int labels = classes == 100 ? 2 : 1;
    *size = (size_t)RECORDS * (size_t)(labels + 3072);
    uint8_t *bytes = malloc(*size + 1), *p = bytes;
    assert_non_null(bytes);
    for (int i = 0; i < RECORDS; i++) {
        if (labels == 2)
            *p++ = (uint8_t)((i + 15) % 20);
        *p++ = (uint8_t)((17 * i + 1) % classes);
        for (int k = 0; k < 3072; k++)
            *p++ = (uint8_t)(11 * (i * 3072 + k) % 253);
    }
    *p = 0;
    return bytes;
}

static uint8_t pixels[RECORDS * 3072];
static int32_t labels[RECORDS];

static void test_cifar_values(void **state) {
    (void)state;
    for (int classes = 10; classes <= 100; classes += 90) {
        uint8_t digest[SHA256_DIGEST_SIZE], expected[SHA256_DIGEST_SIZE];
        struct sha256_ctx hash;
        size_t size;
        uint8_t *bytes = cifar_bytes(classes, &size);
        file_write(cifar_path, bytes, size, 0);
        sha256_init(&hash);
        assert_int_equal(cifar_read(cifar_path, RECORDS, classes, &hash, pixels, labels),
                         STATUS_OK);
        for (int i = 0; i < RECORDS; i++)
            assert_int_equal(labels[i], (17 * i + 1) % classes);
        for (int k = 0; k < RECORDS * 3072; k++)
            assert_int_equal(pixels[k], 11 * k % 253);
        sha256_digest(&hash, sizeof digest, digest);
        sha256_update(&hash, size, bytes);
        sha256_digest(&hash, sizeof expected, expected);
        assert_memory_equal(digest, expected, sizeof digest);
        free(bytes);
    }
}

static void assert_cifar_refused(int classes, const char *a, const char *b) {
    Status status = cifar_read(cifar_path, RECORDS, classes, NULL, pixels, labels);
    assert_message(status, STATUS_BAD_INPUT, cifar_path, a, b);
}

static void test_cifar_sizes(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = cifar_bytes(10, &size);
    file_write(cifar_path, bytes, size - 1, 0);
    assert_cifar_refused(10, "ends at offset 21510", "record 6 of 7 from offset 18438");
    file_write(cifar_path, bytes, size - 3073, 0); /* a whole record is missing */
    assert_cifar_refused(10, "ends at offset 18438", "record 6 of 7");
    file_write(cifar_path, bytes, size + 1, 0);
    assert_cifar_refused(10, "goes on after offset 21511", NULL);
    file_write(cifar_path, bytes, 0, 0);
    assert_cifar_refused(10, "ends at offset 0", "record 0 of 7");
    file_write(cifar_path, bytes, size, 0); /* a CIFAR-10 file is no CIFAR-100 file */
    assert_cifar_refused(100, "offset", NULL);
    free(bytes);
}

static void test_cifar_labels(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = cifar_bytes(10, &size);
    bytes[2 * 3073] = 10;
    file_write(cifar_path, bytes, size, 0);
    assert_cifar_refused(10, "offset 6146 (record 2): found label 10", "expected 0 to 9");
    free(bytes);
    bytes = cifar_bytes(100, &size);
    bytes[3 * 3074] = 20;
    file_write(cifar_path, bytes, size, 0);
    assert_cifar_refused(100, "offset 9222 (record 3): found label 20", "expected 0 to 19");
    bytes[3 * 3074] = 19;
    bytes[3 * 3074 + 1] = 100;
    file_write(cifar_path, bytes, size, 0);
    assert_cifar_refused(100, "offset 9223 (record 3): found label 100", "expected 0 to 99");
    free(bytes);
}

/* Random damage: any answer but a crash is fine, and an accepted file must be in range. */
static void test_random_damage(void **state) {
    (void)state;
    size_t image_size, label_size;
    uint8_t *original = idx_images(3, 1, &image_size), *copy = malloc(image_size);
    uint8_t *label_bytes = idx_labels(3, 1, &label_size);
    int refused = 0;
    for (uint32_t round = 0; round < 400; round++) {
        Philox draw = philox(7, STREAM_TEST, round, 0, 0);
        size_t length = round % 2 ? image_size : philox_below(draw.v[0], (uint32_t)image_size);
        memcpy(copy, original, image_size);
        copy[philox_below(draw.v[1], 20)] = (uint8_t)draw.v[2];
        copy[philox_below(draw.v[3], 16)] ^= (uint8_t)(draw.v[2] >> 8);
        file_write(images_path, copy, length, round % 3 == 0);
        file_write(labels_path, label_bytes, label_size, 0);
        ImageSet set = mnist_like();
        Status status = idx_read(images_path, labels_path, NULL, &set);
        assert_true(status == STATUS_OK || status == STATUS_BAD_INPUT);
        refused += status != STATUS_OK;
        if (status == STATUS_OK)
            free_set(&set);
    }
    assert_true(refused > 300);
    free(original);
    free(copy);
    free(label_bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx_values),      cmocka_unit_test(test_idx_hash),
        cmocka_unit_test(test_idx_truncated),   cmocka_unit_test(test_idx_oversized),
        cmocka_unit_test(test_idx_empty),       cmocka_unit_test(test_idx_header),
        cmocka_unit_test(test_idx_mislabelled), cmocka_unit_test(test_gzip_damaged),
        cmocka_unit_test(test_idx_unreadable),  cmocka_unit_test(test_cifar_values),
        cmocka_unit_test(test_cifar_sizes),     cmocka_unit_test(test_cifar_labels),
        cmocka_unit_test(test_random_damage),
    };
    return !!cmocka_run_group_tests(tests, setup, teardown);
}
