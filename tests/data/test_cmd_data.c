/* `harness data` as a user runs it: exit codes, what is printed, and an interrupted download.
 * usage: test_cmd_data HARNESS */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/data/digest.h"
#include "net/philox.h"
#include "tests/data/files.h"
#include "tests/data/server.h"

enum { TRAIN = 500, TEST = 20, FILES = 4 };

static const char *const names[FILES] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
static char harness[PATH_MAX], root[256], output[8192];
static uint8_t *bytes[FILES];
static size_t sizes[FILES];
static Server *server;

static int group_setup(void **state) {
    char table[400], text[4096], path[600];
    (void)state;
    folder_new(root, sizeof root);
    server = server_start();
    int used = snprintf(text, sizeof text, "dataset,file,url,sha256,bytes,unpack\n");
    for (int i = 0; i < FILES; i++) {
        char sum[DIGEST_TEXT], page[64];
        int count = i < 2 ? TRAIN : TEST;
        bytes[i] = i % 2 ? idx_labels(count, i, &sizes[i]) : idx_images(count, i, &sizes[i]);
        snprintf(path, sizeof path, "%s/original/%s", root, names[i]);
        file_write(path, bytes[i], sizes[i], 0);
        assert_int_equal(digest_file(path, sum), STATUS_OK);
        snprintf(page, sizeof page, "/%s", names[i]);
        server_page(server, page, bytes[i], sizes[i], FAULT_NONE);
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "mnist,%s,http://127.0.0.1:%d%s,%s,%zu,none\n", names[i],
                         server_port(server), page, sum, sizes[i]);
    }
    snprintf(table, sizeof table, "%s/table.csv", root);
    file_write(table, text, (size_t)used, 0);
    return setenv("no_proxy", "*", 1) || unsetenv("HARNESS_DATA") || chdir(root);
}

static int group_teardown(void **state) {
    (void)state;
    server_stop(server);
    for (int i = 0; i < FILES; i++)
        free(bytes[i]);
    assert_int_equal(chdir("/"), 0);
    return !folder_remove(root);
}

/* Runs `harness data ARGUMENTS` in the test's folder; both streams go to `output`. */
static int run(const char *arguments) {
    char command[PATH_MAX + 512];
    snprintf(command, sizeof command, "'%s' data %s 2>&1", harness, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(output, 1, sizeof output - 1, pipe);
    output[got] = '\0';
    int code = pclose(pipe);
    assert_true(WIFEXITED(code));
    return WEXITSTATUS(code);
}

static void assert_run(const char *arguments, int expected, const char *a, const char *b) {
    int code = run(arguments);
    if (code != expected || !strstr(output, a) || !strstr(output, b))
        fail_msg("harness data %s: exit code %d, expected %d with '%s' and '%s'; printed:\n%s",
                 arguments, code, expected, a, b, output);
}

static void test_usage(void **state) {
    (void)state;
    assert_run("--help", 0, "Usage: harness data", "Example: harness data fetch cifar10");
    assert_run("fetch", 2, "needs the name", "--help");
    assert_run("fetch cifar", 2, "'cifar' is not a data set", "cifar10");
    assert_run("fetch mnist nope --sources table.csv", 2, "'nope'", "");
    assert_run("mnist", 2, "unknown word 'mnist'", "fetch mnist");
    assert_run("--nope", 2, "unknown", "--nope");
    assert_run("--data", 2, "--data", "needs a value");
    assert_run("--sources x.csv", 2, "--sources", "fetch");
    assert_run("fetch fashion_mnist --data elsewhere", 2, "apt install dataset-fashion-mnist", "");
    assert_run("fetch mnist --data elsewhere --sources none.csv", 2, "none.csv", "");
    assert_int_not_equal(access("elsewhere/mnist", F_OK), 0);
}

static void test_list(void **state) {
    (void)state;
    idx_set("here/mnist", 33, 11, 1);
    assert_run("--data here", 0, "here/mnist", "33 training and 11 test images, 1 x 28 x 28");
    assert_run("--data here", 0, "cifar10        missing", "harness data fetch cifar10");
    assert_run("--data here --csv", 0,
               "dataset,state,folder,train,test,channels,height,width,classes,sha256\n",
               "\nmnist,found,here/mnist,33,11,1,28,28,10,");
    assert_run("--data here --csv", 0, "\ncifar100,missing,,,,,,,,\n", "");
    file_write("here/cifar-10-batches-bin/data_batch_1.bin", "x", 1, 0);
    assert_run("--data here --csv", 2, "\ncifar10,broken,here/cifar-10-batches-bin,,,,,,,\n",
               "data_batch_2.bin: missing");
}

static void test_fetch(void **state) {
    (void)state;
    assert_run("fetch mnist --data a --sources table.csv", 0, "mnist: fetched to a/mnist",
               "500 training and 20 test images");
    assert_run("fetch mnist --data a --sources table.csv", 0, "already complete in a/mnist", "");
    assert_run("fetch mnist --sources table.csv", 0, "fetched to data/mnist", "");
    assert_run("", 0, "./data/mnist", "500 training");
    assert_int_equal(setenv("HARNESS_DATA", "b", 1), 0);
    assert_run("fetch mnist --sources table.csv", 0, "fetched to b/mnist", "");
    assert_run("", 0, "b/mnist", "");
    assert_int_equal(unsetenv("HARNESS_DATA"), 0);
}

static long long size_of(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (long long)info.st_size : -1;
}

/* Killed in the middle of a file; the second run asks for the rest only. */
static void test_killed_and_repeated(void **state) {
    (void)state;
    const char *part = "k/mnist.part/train-images-idx3-ubyte.part";
    char page[64];
    long long from = -1;
    snprintf(page, sizeof page, "/%s", names[0]);
    server_page(server, page, bytes[0], sizes[0], FAULT_STALL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl(harness, "harness", "data", "fetch", "mnist", "--data", "k", "--sources", "table.csv",
              (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 6000 && size_of(part) < (long long)sizes[0] / 4; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); /* at most a minute */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    long long kept = size_of(part);
    assert_in_range(kept, sizes[0] / 4, sizes[0] / 2);
    assert_int_not_equal(access("k/mnist", F_OK), 0);
    server_page(server, page, bytes[0], sizes[0], FAULT_NONE);
    for (int i = 1; i < FILES; i++) { /* so that the last request is the one for the rest */
        char path[128];
        snprintf(path, sizeof path, "k/mnist.part/%s", names[i]);
        file_write(path, bytes[i], sizes[i], 0);
    }
    assert_run("fetch mnist --data k --sources table.csv", 0, "fetched to k/mnist", "");
    server_requests(server, &from);
    assert_int_equal(from, kept);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_killed_and_repeated),
    };
    if (argc != 2 || !realpath(argv[1], harness)) {
        fprintf(stderr, "usage: test_cmd_data HARNESS\n");
        return 2;
    }
    return !!cmocka_run_group_tests(tests, group_setup, group_teardown);
}
