/* Fetching from a server of the test's own: sound, wrong, cut, resumed, refused. */
#include <arpa/inet.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/data/digest.h"
#include "harness/data/fetch.h"
#include "tests/data/files.h"
#include "tests/data/server.h"

enum { FILES = 4, TRAIN = 400, TEST = 12 };

static const char *const names[FILES] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                         "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};

static Server *server;
static char root[256], target[512], table[512];
static uint8_t *bytes[FILES];
static size_t sizes[FILES];
static char sums[FILES][DIGEST_TEXT];

static int group_setup(void **state) {
    char good[300];
    (void)state;
    folder_new(root, sizeof root);
    snprintf(good, sizeof good, "%s/good", root);
    idx_set(good, TRAIN, TEST, 1);
    for (int i = 0; i < FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", good, names[i]);
        bytes[i] = file_read(path, &sizes[i]);
        assert_int_equal(digest_file(path, sums[i]), STATUS_OK);
    }
    server = server_start();
    /* A proxy of the user's must not come between the test and its own server. */
    return setenv("no_proxy", "*", 1) || unsetenv("HARNESS_DATA");
}

static int group_teardown(void **state) {
    (void)state;
    server_stop(server);
    for (int i = 0; i < FILES; i++)
        free(bytes[i]);
    return !folder_remove(root);
}

/* A fresh folder, sound pages, no requests counted. */
static int setup(void **state) {
    static int number;
    (void)state;
    snprintf(target, sizeof target, "%s/target%d", root, ++number);
    snprintf(table, sizeof table, "%s/table%d.csv", root, number);
    for (int i = 0; i < FILES; i++) {
        char path[64];
        snprintf(path, sizeof path, "/%s", names[i]);
        server_page(server, path, bytes[i], sizes[i], FAULT_NONE);
    }
    server_requests(server, NULL);
    return 0;
}

static void set_page(int i, const void *page, size_t size, Fault fault) {
    char path[64];
    snprintf(path, sizeof path, "/%s", names[i]);
    server_page(server, path, page, size, fault);
}

/* The table of addresses; sum of file 0 and port can be given. */
static void write_table(int port, const char *first_sum, int with_sizes, const char *more) {
    char text[4096];
    int used = snprintf(text, sizeof text, "dataset,file,url,sha256,bytes,unpack\n%s", more);
    for (int i = 0; i < FILES; i++) {
        char size[32] = "";
        if (with_sizes)
            snprintf(size, sizeof size, "%zu", sizes[i]);
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "mnist,%s,http://127.0.0.1:%d/%s,%s,%s,none\n", names[i], port, names[i],
                         i == 0 && first_sum ? first_sum : sums[i], size);
    }
    file_write(table, text, (size_t)used, 0);
}

static Status fetch(FetchResult *result) {
    FetchOptions options = {.folder = target, .sources = table};
    return data_fetch("mnist", &options, result);
}

static void assert_fetched(const char *what) {
    FetchResult result;
    DataSource source;
    if (fetch(&result) != STATUS_OK)
        fail_msg("%s: %s", what, status_message());
    assert_false(result.present);
    assert_int_equal(result.train, TRAIN);
    assert_int_equal(result.test, TEST);
    assert_int_equal(data_load("mnist", target, &source), STATUS_OK);
    assert_string_equal(source.folder, result.folder);
    assert_string_equal(source.sha256, result.sha256);
    data_free(&source);
    char stage[600];
    snprintf(stage, sizeof stage, "%s/mnist.part", target);
    assert_int_not_equal(access(stage, F_OK), 0);
}

static void assert_failed(Status expected, const char *a, const char *b) {
    FetchResult result;
    char folder[600];
    Status status = fetch(&result);
    if (status != expected)
        fail_msg("status %d, expected %d: %s", status, expected, status_message());
    if (!strstr(status_message(), a) || !strstr(status_message(), b))
        fail_msg("'%s' or '%s' is not in the message: %s", a, b, status_message());
    snprintf(folder, sizeof folder, "%s/mnist", target);
    assert_int_not_equal(access(folder, F_OK), 0);
}

/* Size of <stage>/<file 0>.part; -1: not there. */
static long long part_size(void) {
    char path[700];
    struct stat info;
    snprintf(path, sizeof path, "%s/mnist.part/%s.part", target, names[0]);
    return stat(path, &info) == 0 ? (long long)info.st_size : -1;
}

static void write_part(const void *content, size_t size) {
    char path[700];
    snprintf(path, sizeof path, "%s/mnist.part/%s.part", target, names[0]);
    file_write(path, content, size, 0);
}

static void test_good_and_repeated(void **state) {
    (void)state;
    FetchResult result;
    write_table(server_port(server), NULL, 1, "");
    assert_fetched("first");
    assert_int_equal(server_requests(server, NULL), FILES);
    assert_int_equal(fetch(&result), STATUS_OK);
    assert_true(result.present);
    assert_int_equal(result.train, TRAIN);
    assert_int_equal(server_requests(server, NULL), 0); /* nothing was asked for again */
}

typedef struct Seen {
    int calls;
    long long last, total;
} Seen;

static void watch(void *context, const char *file, long long done, long long total) {
    Seen *seen = context;
    assert_true(strncmp(file, "t", 1) == 0);
    seen->calls++;
    seen->last = done;
    seen->total = total;
}

static void test_progress(void **state) {
    (void)state;
    for (int with_sizes = 0; with_sizes < 2; with_sizes++) {
        Seen seen = {0};
        FetchResult result;
        FetchOptions options = {
            .folder = target, .sources = table, .progress = watch, .context = &seen};
        setup(NULL);
        write_table(server_port(server), NULL, with_sizes, "");
        assert_int_equal(data_fetch("mnist", &options, &result), STATUS_OK);
        assert_true(seen.calls >= FILES);
        assert_int_equal(seen.last, sizes[FILES - 1]);
        assert_int_equal(seen.total, sizes[FILES - 1]);
    }
}

static void test_wrong_sum(void **state) {
    (void)state;
    char zeros[DIGEST_TEXT];
    memset(zeros, '0', sizeof zeros - 1);
    zeros[sizeof zeros - 1] = '\0';
    for (int with_sizes = 0; with_sizes < 2; with_sizes++) {
        write_table(server_port(server), zeros, with_sizes, "");
        assert_failed(STATUS_BAD_INPUT, sums[0], zeros); /* found and expected */
        assert_int_equal(part_size(), -1);
    }
    write_table(server_port(server), NULL, 1, "");
    assert_fetched("after the table was mended");
}

static void test_not_found(void **state) {
    (void)state;
    char row[512];
    snprintf(row, sizeof row, "mnist,%s,http://127.0.0.1:%d/nowhere,%s,,none\n", names[1],
             server_port(server), sums[1]);
    write_table(server_port(server), NULL, 1, row);
    assert_fetched("the second address gives it");
    setup(NULL);
    char text[1024];
    snprintf(text, sizeof text, "dataset,file,url,sha256,bytes,unpack\n%s", row);
    file_write(table, text, strlen(text), 0);
    assert_failed(STATUS_IO, "/nowhere", "404");
    assert_int_equal(part_size(), -1);
}

static void test_cut_then_resumed(void **state) {
    (void)state;
    long long from;
    write_table(server_port(server), NULL, 1, "");
    set_page(0, bytes[0], sizes[0], FAULT_CUT);
    assert_failed(STATUS_IO, names[0], "run the same command again");
    assert_int_equal(part_size(), sizes[0] / 2);
    assert_failed(STATUS_IO, names[0], "run the same command again"); /* half of the rest */
    assert_int_equal(part_size(), sizes[0] - (sizes[0] - sizes[0] / 2 + 1) / 2);
    long long here = part_size();
    server_requests(server, NULL);
    set_page(0, bytes[0], sizes[0], FAULT_NONE);
    set_page(1, bytes[1], sizes[1], FAULT_CUT);
    assert_failed(STATUS_IO, names[1], "run the same command again");
    assert_int_equal(server_requests(server, &from), 2);
    set_page(1, bytes[1], sizes[1], FAULT_NONE);
    assert_fetched("resumed");
    assert_int_equal(server_requests(server, NULL), FILES - 1); /* file 0 was complete */
    assert_true(here > 0);
}

/* The request that goes on names the byte after the last one kept. */
static void test_resumes_where_it_stopped(void **state) {
    (void)state;
    long long from;
    for (int with_sizes = 0; with_sizes < 2; with_sizes++) {
        setup(NULL);
        write_table(server_port(server), NULL, with_sizes, "");
        write_part(bytes[0], sizes[0] / 3);
        for (int i = 1; i < FILES; i++) { /* the other files are here: one request remains */
            char path[700];
            snprintf(path, sizeof path, "%s/mnist.part/%s", target, names[i]);
            file_write(path, bytes[i], sizes[i], 0);
        }
        assert_fetched("resumed");
        assert_int_equal(server_requests(server, &from), 1);
        assert_int_equal(from, sizes[0] / 3);
    }
}

static void test_server_without_ranges(void **state) {
    (void)state;
    write_table(server_port(server), NULL, 1, "");
    set_page(0, bytes[0], sizes[0], FAULT_NO_RANGES);
    write_part(bytes[0], sizes[0] / 3);
    assert_fetched("from the beginning");
}

/* What lies in a .part need not be the beginning of the right file, nor shorter than it. */
static void test_foreign_part(void **state) {
    (void)state;
    uint8_t *wrong = malloc(sizes[0] + 100);
    assert_non_null(wrong);
    memset(wrong, 'x', sizes[0] + 100);
    const size_t lengths[] = {1, sizes[0] / 3, sizes[0] - 1, sizes[0], sizes[0] + 100};
    for (int with_sizes = 0; with_sizes < 2; with_sizes++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            setup(NULL);
            write_table(server_port(server), NULL, with_sizes, "");
            write_part(wrong, lengths[k]);
            assert_fetched("over a foreign part");
        }
    free(wrong);
}

/* Stopped between the last byte and the renaming: nothing of this file is asked for again. */
static void test_complete_part(void **state) {
    (void)state;
    for (int with_sizes = 0; with_sizes < 2; with_sizes++) {
        setup(NULL);
        write_table(server_port(server), NULL, with_sizes, "");
        write_part(bytes[0], sizes[0]);
        assert_fetched("complete part");
        assert_int_equal(server_requests(server, NULL), FILES - 1);
    }
}

static void test_longer_than_announced(void **state) {
    (void)state;
    uint8_t *longer = calloc(1, sizes[0] + 1);
    assert_non_null(longer);
    memcpy(longer, bytes[0], sizes[0]);
    write_table(server_port(server), NULL, 1, "");
    set_page(0, longer, sizes[0] + 1, FAULT_NONE);
    assert_failed(STATUS_BAD_INPUT, "longer than the expected", names[0]);
    assert_int_equal(part_size(), -1);
    free(longer);
}

static void test_refused_port(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int held = socket(AF_INET, SOCK_STREAM, 0); /* bound, but nobody listens */
    assert_int_equal(bind(held, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(held, (struct sockaddr *)&address, &size), 0);
    write_table(ntohs(address.sin_port), NULL, 1, "");
    assert_failed(STATUS_IO, "127.0.0.1", "check the network");
    close(held);
}

/* The sum is right, but the file is no sound IDX file: nothing is put in place. */
static void test_right_sum_wrong_content(void **state) {
    (void)state;
    static const uint8_t text[] = "this is not IDX, and longer than its header";
    char path[600], sum[DIGEST_TEXT];
    snprintf(path, sizeof path, "%s/x", target);
    file_write(path, text, sizeof text, 0);
    assert_int_equal(digest_file(path, sum), STATUS_OK);
    write_table(server_port(server), sum, 0, "");
    set_page(0, text, sizeof text, FAULT_NONE);
    assert_failed(STATUS_BAD_INPUT, "not an IDX file", "mnist.part");
}

static void test_broken_set_in_the_way(void **state) {
    (void)state;
    FetchResult result;
    char path[700];
    write_table(server_port(server), NULL, 1, "");
    snprintf(path, sizeof path, "%s/mnist/%s", target, names[0]);
    file_write(path, "abc", 3, 0);
    assert_int_equal(fetch(&result), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "move it away"));
    assert_int_equal(server_requests(server, NULL), 0);
}

static void test_two_at_once(void **state) {
    (void)state;
    char stage[600];
    write_table(server_port(server), NULL, 1, "");
    snprintf(stage, sizeof stage, "%s/mnist.part/", target);
    write_part(bytes[0], 10);
    FILE *held = fopen(stage, "r");
    assert_non_null(held);
    assert_int_equal(flock(fileno(held), LOCK_EX | LOCK_NB), 0);
    assert_failed(STATUS_IO, "another fetch is at work", "mnist.part");
    fclose(held);
    assert_fetched("when the other has gone");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good_and_repeated, setup),
        cmocka_unit_test_setup(test_progress, setup),
        cmocka_unit_test_setup(test_wrong_sum, setup),
        cmocka_unit_test_setup(test_not_found, setup),
        cmocka_unit_test_setup(test_cut_then_resumed, setup),
        cmocka_unit_test_setup(test_resumes_where_it_stopped, setup),
        cmocka_unit_test_setup(test_server_without_ranges, setup),
        cmocka_unit_test_setup(test_foreign_part, setup),
        cmocka_unit_test_setup(test_complete_part, setup),
        cmocka_unit_test_setup(test_longer_than_announced, setup),
        cmocka_unit_test_setup(test_refused_port, setup),
        cmocka_unit_test_setup(test_right_sum_wrong_content, setup),
        cmocka_unit_test_setup(test_broken_set_in_the_way, setup),
        cmocka_unit_test_setup(test_two_at_once, setup),
    };
    return !!cmocka_run_group_tests(tests, group_setup, group_teardown);
}
