/* Event files, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/tensorboard/crc32c.h"
#include "harness/tensorboard/event_file.h"
#include "tests/sweep/scratch.h"
#include "tests/tensorboard/records.h"

/* RFC 3720, appendix B.4, and the check value of the catalogues. */
static void known_checksums(void **state) {
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(crc32c("123456789", 9), 0xe3069283u);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(bytes, 32), 0x46dd794eu);
    assert_int_equal(crc32c(bytes, 0), 0);
    /* e3069283 turned right by 15 bits is 2507c60d; a282ead8 is added, modulo 2^32 */
    assert_int_equal(crc32c_masked("123456789", 9), 0xc78ab0e5u);
}

static const char *log_folder(void) {
    static char path[512];
    snprintf(path, sizeof path, "%s/a/b", scratch_folder());
    return path;
}

static Records written(void) {
    char path[600];
    Records records;
    snprintf(path, sizeof path, "%s/events.out.tfevents.name", log_folder());
    const char *wrong = records_read(path, &records);
    if (wrong)
        fail_msg("%s: %s", path, wrong);
    return records;
}

/* The encoding of one event, worked out by hand from the field numbers. */
static void bytes_of_an_event(void **state) {
    (void)state;
    static const uint8_t expected[] = {
        0x09, 0,  0,    0, 0,   0,    0, 0xf8, 0x3f,       /* 1, double: 1.5 */
        0x10, 3,                                           /* 2, varint */
        0x2a, 20,                                          /* 5, the summary, so many bytes */
        0x0a, 8,  0x0a, 1, 'a', 0x15, 0, 0,    0,    0x40, /* 1, value; 1, tag; 2, float: 2 */
        0x0a, 8,  0x0a, 1, 'b', 0x15, 0, 0,    0,    0,    /* a zero is written, too */
    };
    const EventScalar scalars[] = {{"a", 2}, {"none", NAN}, {"b", 0}};
    EventFile *file;
    assert_int_equal(event_file_create(log_folder(), "name", &file), STATUS_OK);
    assert_int_equal(event_file_scalars_at(file, 1.5, 3, scalars, 3), STATUS_OK);
    Records records = written(); /* before it is closed: whoever reads along sees it */
    assert_int_equal(records.count, 2);
    assert_int_equal(records.sizes[1], sizeof expected);
    assert_memory_equal(records.bytes[1], expected, sizeof expected);
    records_free(&records);
    assert_int_equal(event_file_close(file), STATUS_OK);
}

static void begins_with_the_version(void **state) {
    (void)state;
    static const uint8_t version[] = "\x1a\x0d"
                                     "brain.Event:2";
    EventFile *file;
    assert_int_equal(event_file_create(log_folder(), "name", &file), STATUS_OK);
    assert_int_equal(event_file_close(file), STATUS_OK);
    Records records = written(); /* begun anew: the event of the test before is gone */
    assert_int_equal(records.count, 1);
    assert_int_equal(records.sizes[0], 9 + 15);
    assert_int_equal(records.bytes[0][0], 0x09);
    assert_memory_equal(records.bytes[0] + 9, version, 15);
    records_free(&records);
}

static void refuses(void **state) {
    (void)state;
    EventScalar many[EVENT_SCALARS_MAX + 1];
    EventFile *file;
    for (int i = 0; i <= EVENT_SCALARS_MAX; i++)
        many[i] = (EventScalar){"tag", i};
    assert_int_equal(event_file_create(log_folder(), "name", &file), STATUS_OK);
    assert_int_equal(event_file_scalars(file, 1, many, EVENT_SCALARS_MAX), STATUS_OK);
    assert_int_equal(event_file_scalars(file, 1, many, EVENT_SCALARS_MAX + 1), STATUS_BAD_INPUT);
    assert_int_equal(event_file_close(file), STATUS_OK);
    assert_int_equal(event_file_close(NULL), STATUS_OK);
    const char *plain = scratch_text("plain", "a file");
    assert_int_equal(event_file_create(plain, "name", &file), STATUS_IO);
    assert_non_null(strstr(status_message(), plain));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_checksums),
        cmocka_unit_test(bytes_of_an_event),
        cmocka_unit_test(begins_with_the_version),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests_name("event_file", tests, NULL, NULL);
}
