#include "tests/tensorboard/records.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t little(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* By the table of remainders; the writer goes bit by bit. */
static uint32_t checksum(const uint8_t *bytes, size_t count) {
    uint32_t table[256], crc = 0xffffffffu;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t r = i;
        for (int bit = 0; bit < 8; bit++)
            r = r & 1 ? (r >> 1) ^ 0x82f63b78u : r >> 1;
        table[i] = r;
    }
    for (size_t i = 0; i < count; i++)
        crc = table[(crc ^ bytes[i]) & 255] ^ (crc >> 8);
    crc = ~crc;
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static const char *cut(Records *records, size_t size) {
    for (size_t at = 0; at < size;) {
        uint8_t *head = records->text + at;
        if (size - at < 12)
            return "it ends within a length";
        uint64_t length = little(head, 8);
        if (little(head + 8, 4) != checksum(head, 8))
            return "the checksum of a length is wrong";
        if (length > size - at - 12 || size - at - 12 - length < 4)
            return "it ends within a record";
        if (little(head + 12 + length, 4) != checksum(head + 12, length))
            return "the checksum of a record is wrong";
        if (records->count == RECORDS_MAX)
            return "it has too many records";
        records->bytes[records->count] = head + 12;
        records->sizes[records->count++] = length;
        at += 16 + length;
    }
    return NULL;
}

const char *records_read(const char *path, Records *records) {
    memset(records, 0, sizeof *records);
    FILE *file = fopen(path, "rb");
    if (!file)
        return "it cannot be opened";
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    records->text = malloc(size + 1);
    bool whole = records->text && fread(records->text, 1, size, file) == size;
    fclose(file);
    return whole ? cut(records, size) : "it cannot be read";
}

void records_free(Records *records) {
    free(records->text);
    memset(records, 0, sizeof *records);
}
