/* The safetensors reader and writer: sound files, damaged ones, hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/whole_file.h"
#include "harness/weights/safetensors.h"

static char folder[64], path[128];

/* ---- bytes of a file ---- */

typedef struct Bytes {
    unsigned char *at;
    size_t size;
} Bytes;

/* N, the header, the data. */
static Bytes join(const char *header, const void *data, size_t data_size) {
    uint64_t length = strlen(header);
    Bytes b = {malloc(8 + length + data_size), 8 + length + data_size};
    memcpy(b.at, &length, 8);
    memcpy(b.at + 8, header, length);
    if (data_size)
        memcpy(b.at + 8 + length, data, data_size);
    return b;
}

/* A copy of exactly this size, so that a sanitizer sees a byte read too many. */
static unsigned char *exact(const unsigned char *bytes, size_t size) {
    unsigned char *copy = malloc(size ? size : 1);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

static Bytes whole_file(void) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    Bytes b = {malloc(1 << 16), 0};
    b.size = fread(b.at, 1, 1 << 16, file);
    fclose(file);
    return b;
}

/* What a file that was taken must fulfil: the tensors cover the data, each byte once. */
static void assert_sound(const TensorFile *file, size_t size) {
    uint64_t length;
    size_t sum = 0;
    memcpy(&length, file->bytes, 8);
    for (int i = 0; i < file->count; i++) {
        const Tensor *t = &file->tensors[i];
        size_t expected = dtype_size(t->dtype);
        for (int d = 0; d < t->rank; d++)
            expected *= (size_t)t->dims[d];
        assert_int_equal(t->size, expected);
        assert_true(t->data >= file->bytes + 8 + length);
        assert_true(t->data + t->size <= file->bytes + size);
        sum += t->size;
    }
    assert_int_equal(sum, size - 8 - length);
}

/* ---- sound files ---- */

static const float numbers[6] = {1, -2, 3.5f, 4, 5, 6};
static const int64_t big = 1234567890123;
static const unsigned char flags[3] = {1, 0, 1};

/* A scalar, an empty tensor and three widths, so that the order on the disk is not the header's. */
static void write_mixed(void) {
    TensorFile file = {0};
    assert_int_equal(tensor_file_add(&file, "flags", DTYPE_BOOL, 1, (int64_t[]){3}, flags), 0);
    assert_int_equal(tensor_file_add(&file, "w", DTYPE_F32, 2, (int64_t[]){2, 3}, numbers), 0);
    assert_int_equal(tensor_file_add(&file, "none", DTYPE_F32, 2, (int64_t[]){0, 3}, NULL), 0);
    assert_int_equal(tensor_file_add(&file, "count", DTYPE_I64, 0, NULL, &big), 0);
    assert_int_equal(tensor_file_note(&file, "a \"quoted\" key", "line\nline"), 0);
    assert_int_equal(tensor_file_write(path, &file), 0);
    tensor_file_free(&file);
}

static void round_trip(void **state) {
    (void)state;
    TensorFile file;
    write_mixed();
    assert_int_equal(tensor_file_read(path, &file), STATUS_OK);
    assert_int_equal(file.count, 4);
    assert_string_equal(file.tensors[0].name, "flags");
    assert_string_equal(file.tensors[3].name, "count");
    const Tensor *w = tensor_file_find(&file, "w");
    assert_non_null(w);
    assert_int_equal(w->rank, 2);
    assert_int_equal(w->dims[0], 2);
    assert_int_equal(w->dims[1], 3);
    assert_int_equal(w->size, sizeof numbers);
    assert_memory_equal(w->data, numbers, sizeof numbers);
    assert_memory_equal(tensor_file_find(&file, "count")->data, &big, sizeof big);
    assert_memory_equal(tensor_file_find(&file, "flags")->data, flags, sizeof flags);
    assert_int_equal(tensor_file_find(&file, "none")->size, 0);
    assert_null(tensor_file_find(&file, "W"));
    assert_string_equal(tensor_file_metadata(&file, "a \"quoted\" key"), "line\nline");
    for (int i = 0; i < file.count; i++) /* readers map files and want values aligned */
        assert_int_equal(
            (size_t)(file.tensors[i].data - file.bytes) % dtype_size(file.tensors[i].dtype), 0);
    tensor_file_free(&file);
}

/* The very bytes of the format, not by our own writer. */
static void known_bytes(void **state) {
    (void)state;
    TensorFile file;
    Bytes b = join("{\"b\":{\"shape\":[2],\"data_offsets\":[4,8],\"dtype\":\"I16\"},"
                   "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}   ",
                   "\0\0\x80\x3f\1\0\2\0", 8);
    assert_int_equal(tensor_file_parse("known", b.at, b.size, &file), STATUS_OK);
    float one;
    memcpy(&one, tensor_file_find(&file, "a")->data, 4);
    assert_true(one == 1.0f);
    assert_memory_equal(tensor_file_find(&file, "b")->data, "\1\0\2\0", 4);
    tensor_file_free(&file);
    b = join("{}", NULL, 0);
    assert_int_equal(tensor_file_parse("empty", b.at, b.size, &file), STATUS_OK);
    assert_int_equal(file.count, 0);
    tensor_file_free(&file);
}

/* ---- damaged files ---- */

static void every_truncation(void **state) {
    (void)state;
    TensorFile file;
    write_mixed();
    Bytes b = whole_file();
    for (size_t size = 0; size < b.size; size++) {
        assert_int_equal(tensor_file_parse("cut", exact(b.at, size), size, &file),
                         STATUS_BAD_INPUT);
        assert_null(file.tensors);
    }
    unsigned char *longer = malloc(b.size + 1);
    memcpy(longer, b.at, b.size);
    longer[b.size] = 0;
    assert_int_equal(tensor_file_parse("longer", longer, b.size + 1, &file), STATUS_BAD_INPUT);
    free(b.at);
}

static void every_flipped_bit(void **state) {
    (void)state;
    int taken = 0, refused = 0;
    uint64_t length;
    write_mixed();
    Bytes b = whole_file();
    memcpy(&length, b.at, 8);
    for (size_t bit = 0; bit < 8 * b.size; bit++) {
        TensorFile file;
        unsigned char *copy = exact(b.at, b.size);
        copy[bit / 8] ^= (unsigned char)(1u << bit % 8);
        Status status = tensor_file_parse("flipped", copy, b.size, &file);
        if (status == STATUS_OK) {
            assert_sound(&file, b.size);
            tensor_file_free(&file);
            taken++;
        } else {
            assert_int_equal(status, STATUS_BAD_INPUT);
            assert_true(bit / 8 < 8 + length); /* the data may hold anything */
            refused++;
        }
    }
    assert_true(taken > 0 && refused > 1000);
    free(b.at);
}

/* ---- hostile files ---- */

#define T(name, dtype, shape, offsets)                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void hostile_headers(void **state) {
    (void)state;
    const struct {
        const char *header, *word; /* of the message, with eight bytes of data */
    } bad[] = {
        {"", "'{'"},
        {"[]", "'{'"},
        {" {}", "'{'"},
        {"{} x", "JSON"},
        {"{", "JSON"},
        {"{\"a\":1e999}", "JSON"},
        {"{\"a\":\xff}", "JSON"},
        {"{}", "8 bytes follow the header, but its tensors have 0"},
        {"{\"a\":7}", "expected an object"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "expected an object"},
        {"{" T("a", "F32", "[2]", "[0,8]") "," T("a", "F32", "[2]", "[0,8]") "}", "duplicate"},
        {"{" T("a", "F31", "[2]", "[0,8]") "}", "dtype 'F31'"},
        {"{\"a\":{\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype"},
        {"{" T("a", "F32", "2", "[0,8]") "}", "shape"},
        {"{" T("a", "F32", "[2.0]", "[0,8]") "}", "shape"},
        {"{" T("a", "F32", "[-2]", "[0,8]") "}", "shape"},
        {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", "shape"},
        {"{" T("a", "F32", "[99999999999999999999]", "[0,8]") "}", "JSON"},
        {"{" T("a", "F32", "[4294967296,4294967296]", "[0,8]") "}", "larger than any memory"},
        {"{" T("a", "F32", "[4611686018427387904]", "[0,0]") "}", "larger than any memory"},
        {"{" T("a", "F32", "[3]", "[0,8]") "}", "has 8 bytes; its shape and dtype make 12"},
        {"{" T("a", "F32", "[3]", "[0,12]") "}", "from 0 to 12, but 8 bytes follow"},
        {"{" T("a", "F32", "[2]", "[-8,0]") "}", "data_offsets"},
        {"{" T("a", "F32", "[2]", "[8,0]") "}", "from 8 to 0"},
        {"{" T("a", "F32", "[2]", "[0,8,9]") "}", "data_offsets"},
        {"{" T("a", "F32", "[2]", "[0]") "}", "data_offsets"},
        {"{" T("a", "F32", "[0]", "[9223372036854775807,9223372036854775807]") "}", "lies from"},
        {"{" T("a", "F32", "[1]", "[0,4]") "}", "its tensors have 4"},
        {"{" T("a", "F32", "[1]", "[4,8]") "}", "a gap"},
        {"{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[1]", "[4,8]") "}", "overlaps"},
        {"{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[0,8]") "}", "overlaps"},
        {"{" T("a\\u0000b", "F32", "[2]", "[0,8]") "}", "JSON"},
        {"{\"__metadata__\":[]," T("a", "F32", "[2]", "[0,8]") "}", "__metadata__"},
        {"{\"__metadata__\":{\"k\":1}," T("a", "F32", "[2]", "[0,8]") "}", "'k' is not a string"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        TensorFile file;
        Bytes b = join(bad[i].header, "12345678", 8);
        Status status = tensor_file_parse("hostile", b.at, b.size, &file);
        if (status != STATUS_BAD_INPUT || !strstr(status_message(), bad[i].word))
            fail_msg("%s: status %d, '%s' lacks '%s'", bad[i].header, (int)status, status_message(),
                     bad[i].word);
        assert_null(file.bytes);
    }
}

static void hostile_lengths(void **state) {
    (void)state;
    const uint64_t lengths[] = {3, 100000001, UINT32_MAX, INT64_MAX, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        TensorFile file;
        Bytes b = join("{}", NULL, 0);
        memcpy(b.at, &lengths[i], 8);
        assert_int_equal(tensor_file_parse("length", b.at, b.size, &file), STATUS_BAD_INPUT);
        assert_non_null(
            strstr(status_message(), "cut off")); /* without a look at what is not there */
    }
}

/* Brackets without end, as value, and a million of them closed again. */
static void deep_header(void **state) {
    (void)state;
    const char *const opening[] = {"[", "{\"a\":"};
    enum { DEEP = 1000000 };
    for (int k = 0; k < 2; k++) {
        TensorFile file;
        size_t step = strlen(opening[k]);
        char *text = calloc(1, 16 + DEEP * (step + 1));
        memcpy(text, "{\"a\":", 5);
        for (int i = 0; i < DEEP; i++)
            memcpy(text + 5 + step * (size_t)i, opening[k], step);
        Bytes open = join(text, NULL, 0);
        assert_int_equal(tensor_file_parse("deep", open.at, open.size, &file), STATUS_BAD_INPUT);
        memset(text + 5 + step * DEEP, k ? '}' : ']', DEEP);
        Bytes closed = join(text, NULL, 0);
        assert_int_equal(tensor_file_parse("deep", closed.at, closed.size, &file),
                         STATUS_BAD_INPUT);
        free(text);
    }
}

/* Control characters of a name do not reach the terminal. */
static void names_in_messages(void **state) {
    (void)state;
    TensorFile file;
    Bytes b = join("{\"\\u001b[31m\\n\":1}", NULL, 0);
    assert_int_equal(tensor_file_parse("names", b.at, b.size, &file), STATUS_BAD_INPUT);
    assert_null(strchr(status_message(), 27));
    assert_null(strchr(status_message(), '\n'));
}

/* ---- files that cannot be read or written ---- */

static void no_file(void **state) {
    (void)state;
    TensorFile file;
    assert_int_equal(tensor_file_read("/nowhere/at/all", &file), STATUS_UNAVAILABLE);
    assert_int_equal(tensor_file_read(folder, &file), STATUS_BAD_INPUT);
    assert_int_equal(tensor_file_write("/nowhere/at/all", &file), STATUS_IO);
}

static Status give_up(FILE *file, void *context) {
    (void)context;
    fputs("half", file);
    return status_fail(STATUS_BACKEND, "given up");
}

/* What was there stays, and no temporary is left behind. */
static void all_or_nothing(void **state) {
    (void)state;
    write_mixed();
    Bytes before = whole_file();
    assert_int_equal(whole_file_write(path, give_up, NULL), STATUS_BACKEND);
    Bytes after = whole_file();
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.at, after.at, before.size);
    free(before.at);
    free(after.at);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* fails unless empty */
    assert_int_equal(mkdir(folder, 0700), 0);
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/reslab-safetensors-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),       cmocka_unit_test(known_bytes),
        cmocka_unit_test(every_truncation), cmocka_unit_test(every_flipped_bit),
        cmocka_unit_test(hostile_headers),  cmocka_unit_test(hostile_lengths),
        cmocka_unit_test(deep_header),      cmocka_unit_test(names_in_messages),
        cmocka_unit_test(no_file),          cmocka_unit_test(all_or_nothing),
    };
    return cmocka_run_group_tests_name("safetensors", tests, make_folder, remove_folder);
}
