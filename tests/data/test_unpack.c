/* Archives: what is taken out of them, and which are refused; and the table of addresses. */
#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/data/digest.h"
#include "harness/data/fetch.h"
#include "harness/data/sources.h"
#include "harness/data/unpack.h"
#include "tests/data/files.h"
#include "tests/data/server.h"

enum { TRAIN = 30, TEST = 10 };

static char root[256], tar_path[300], out[512];
static const SetLayout *layout;

static int group_setup(void **state) {
    (void)state;
    folder_new(root, sizeof root);
    snprintf(tar_path, sizeof tar_path, "%s/set.tar.gz", root);
    return set_find("mnist", &layout) != STATUS_OK || setenv("no_proxy", "*", 1) ||
           unsetenv("HARNESS_DATA");
}

static int group_teardown(void **state) {
    (void)state;
    return !folder_remove(root);
}

static int setup(void **state) {
    static int number;
    char marker[540];
    (void)state;
    snprintf(out, sizeof out, "%s/out%d", root, ++number);
    snprintf(marker, sizeof marker, "%s/", out);
    file_write(strcat(marker, "marker"), "x", 1, 0);
    return 0;
}

/* ---- making archives ---- */

static struct archive *tar_begin(void) {
    struct archive *tar = archive_write_new();
    assert_non_null(tar);
    assert_int_equal(archive_write_add_filter_gzip(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_ustar(tar), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(tar, tar_path), ARCHIVE_OK);
    return tar;
}

static void tar_add(struct archive *tar, const char *name, int type, const void *bytes,
                    size_t size) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, (unsigned)type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    if (type == AE_IFLNK)
        archive_entry_set_symlink(entry, "/etc/passwd");
    assert_int_equal(archive_write_header(tar, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(tar, bytes, size), size);
    archive_entry_free(entry);
}

/* File i of the set, as <prefix>mnist/<name>. */
static void tar_add_file(struct archive *tar, int i, const char *prefix) {
    char name[128];
    size_t size;
    int count = i < 2 ? TRAIN : TEST;
    uint8_t *bytes = i % 2 ? idx_labels(count, i, &size) : idx_images(count, i, &size);
    snprintf(name, sizeof name, "%smnist/%s", prefix, layout->files[i]);
    tar_add(tar, name, AE_IFREG, bytes, size);
    free(bytes);
}

static void tar_end(struct archive *tar) {
    assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
    archive_write_free(tar);
}

static void make_good(const char *prefix) {
    struct archive *tar = tar_begin();
    tar_add(tar, "mnist/", AE_IFDIR, "", 0);
    tar_add(tar, "mnist/readme.html", AE_IFREG, "hello", 5);
    for (int i = 3; i >= 0; i--) /* their order does not matter */
        tar_add_file(tar, i, prefix);
    tar_add(tar, "mnist/sub/train-images-idx3-ubyte", AE_IFREG, "no", 2);
    tar_end(tar);
}

static int has(const char *name) {
    char path[700];
    snprintf(path, sizeof path, "%s/%s", out, name);
    return access(path, F_OK) == 0;
}

static void assert_refused(const char *a, const char *b) {
    Status status = unpack_set(layout, tar_path, out);
    if (status != STATUS_BAD_INPUT)
        fail_msg("status %d, expected %d: %s", status, STATUS_BAD_INPUT, status_message());
    if (!strstr(status_message(), tar_path) || !strstr(status_message(), a) ||
        !strstr(status_message(), b))
        fail_msg("'%s', '%s' or the archive is not in the message: %s", a, b, status_message());
}

/* ---- tests ---- */

static void test_good(void **state) {
    (void)state;
    static const char *const prefixes[] = {"", "./"};
    for (int k = 0; k < 2; k++) {
        DataSource source;
        setup(NULL);
        make_good(prefixes[k]);
        for (int again = 0; again < 2; again++) { /* over what an interrupted try left */
            if (unpack_set(layout, tar_path, out) != STATUS_OK)
                fail_msg("%s", status_message());
            assert_int_equal(set_load(layout, out, &source), STATUS_OK);
            assert_int_equal(source.train.count, TRAIN);
            assert_int_equal(source.test.labels[0], 3);
            data_free(&source);
        }
        assert_false(has("readme.html"));
        assert_false(has("sub"));
        assert_false(has("mnist"));
    }
}

static void test_paths_that_lead_out(void **state) {
    (void)state;
    static const char *const bad[] = {"/tmp/reslab_absolute", "../evil", "mnist/../../evil",
                                      "mnist/.."};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        setup(NULL);
        struct archive *tar = tar_begin();
        tar_add(tar, bad[k], AE_IFREG, "evil", 4);
        for (int i = 0; i < 4; i++)
            tar_add_file(tar, i, "");
        tar_end(tar);
        assert_refused(bad[k], "leads out of its folder");
        assert_false(has("train-images-idx3-ubyte"));
        assert_false(has("../evil"));
    }
    struct archive *tar = tar_begin(); /* two dots in a name are no harm */
    tar_add(tar, "mnist/..readme", AE_IFREG, "x", 1);
    for (int i = 0; i < 4; i++)
        tar_add_file(tar, i, "");
    tar_end(tar);
    assert_int_equal(unpack_set(layout, tar_path, out), STATUS_OK);
}

static void test_link_for_a_file(void **state) {
    (void)state;
    struct archive *tar = tar_begin();
    tar_add(tar, "mnist/train-images-idx3-ubyte", AE_IFLNK, "", 0);
    tar_end(tar);
    assert_refused("train-images-idx3-ubyte", "not a regular file");
    assert_false(has("train-images-idx3-ubyte"));
}

static void test_missing_and_double(void **state) {
    (void)state;
    struct archive *tar = tar_begin();
    for (int i = 0; i < 3; i++)
        tar_add_file(tar, i, "");
    tar_end(tar);
    assert_refused("lacks mnist/t10k-labels-idx1-ubyte", "not an archive of mnist");
    tar = tar_begin();
    tar_add_file(tar, 1, "");
    tar_add_file(tar, 1, "./");
    tar_end(tar);
    assert_refused("twice", "train-labels-idx1-ubyte");
}

static void test_damaged(void **state) {
    (void)state;
    size_t size;
    make_good("");
    uint8_t *bytes = file_read(tar_path, &size);
    file_write(tar_path, bytes, size / 2, 0);
    assert_refused("damaged archive", "");
    file_write(tar_path, bytes, 0, 0);
    assert_refused("", "");
    file_write(tar_path, "<html>moved</html>", 18, 0);
    assert_refused("", "");
    free(bytes);
}

/* The same from a server, with the archive gone at the end. */
static void test_fetched_archive(void **state) {
    (void)state;
    char table[400], text[600], target[400], sum[DIGEST_TEXT];
    size_t size;
    FetchResult result;
    FetchOptions options = {.folder = target, .sources = table};
    make_good("");
    uint8_t *bytes = file_read(tar_path, &size);
    assert_int_equal(digest_file(tar_path, sum), STATUS_OK);
    Server *server = server_start();
    server_page(server, "/set.tar.gz", bytes, size, FAULT_NONE);
    snprintf(table, sizeof table, "%s/table.csv", root);
    snprintf(target, sizeof target, "%s/fetched", root);
    int used = snprintf(text, sizeof text,
                        "dataset,file,url,sha256,bytes,unpack\n"
                        "mnist,set.tar.gz,http://127.0.0.1:%d/set.tar.gz,%s,%zu,tar.gz\n",
                        server_port(server), sum, size);
    file_write(table, text, (size_t)used, 0);
    if (data_fetch("mnist", &options, &result) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_int_equal(result.train, TRAIN);
    snprintf(out, sizeof out, "%s/mnist", target);
    assert_string_equal(result.folder, out);
    assert_true(has("train-images-idx3-ubyte"));
    assert_false(has("set.tar.gz"));
    server_stop(server);
    free(bytes);
}

/* ---- the table ---- */

static void assert_table_refused(const char *row, const char *a) {
    char path[400], text[800];
    Sources sources;
    snprintf(path, sizeof path, "%s/bad.csv", root);
    int used = snprintf(text, sizeof text, "dataset,file,url,sha256,bytes,unpack\n%s\n", row);
    file_write(path, text, (size_t)used, 0);
    Status status = sources_read(path, "mnist", &sources);
    if (status != STATUS_BAD_INPUT)
        fail_msg("accepted: %s", row);
    if (!strstr(status_message(), a) || !strstr(status_message(), "bad.csv:2"))
        fail_msg("'%s' or the line is not in the message: %s", a, status_message());
    assert_null(sources.rows);
}

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_bad_tables(void **state) {
    (void)state;
    char path[400];
    Sources sources;
    assert_table_refused("mnist,../a,http://x/a," SUM ",1,none", "column file: found '../a'");
    assert_table_refused("mnist,,http://x/a," SUM ",1,none", "column file");
    assert_table_refused("mnist,a,file:///etc/passwd," SUM ",1,none", "column url");
    assert_table_refused("mnist,a,http://x/a," SUM "0,1,none", "column sha256");
    assert_table_refused("mnist,a,http://x/a,,1,none", "column sha256: found ''");
    assert_table_refused("mnist,a,http://x/a," SUM ",1k,none", "column bytes: found '1k'");
    assert_table_refused("mnist,a,http://x/a," SUM ",-1,none", "column bytes");
    assert_table_refused("mnist,a,http://x/a," SUM ",1,zip", "column unpack: found 'zip'");
    snprintf(path, sizeof path, "%s/columns.csv", root);
    file_write(path, "dataset,file,url,bytes\n", 23, 0);
    assert_int_equal(sources_read(path, "mnist", &sources), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "no column 'sha256'"));
}

/* The project's own: every set but the one that Debian brings has sound rows. */
static void test_own_table(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int rows, unpack;
    } expected[] = {
        {"cifar10", 1, 1}, {"cifar100", 1, 1}, {"mnist", 8, 0}, {"fashion_mnist", 0, 0}};
    for (int k = 0; k < 4; k++) {
        Sources sources;
        if (sources_read(NULL, expected[k].name, &sources) != STATUS_OK)
            fail_msg("%s", status_message());
        assert_int_equal(sources.count, expected[k].rows);
        for (int i = 0; i < sources.count; i++) {
            assert_int_equal(sources.rows[i].unpack, expected[k].unpack);
            assert_true(strncmp(sources.rows[i].url, "https://", 8) == 0);
        }
        for (int i = 0; i + 1 < sources.count; i += 2) { /* a file and its mirror, same sum */
            assert_string_equal(sources.rows[i].file, sources.rows[i + 1].file);
            assert_string_equal(sources.rows[i].sha256, sources.rows[i + 1].sha256);
        }
        sources_free(&sources);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, setup),
        cmocka_unit_test_setup(test_paths_that_lead_out, setup),
        cmocka_unit_test_setup(test_link_for_a_file, setup),
        cmocka_unit_test_setup(test_missing_and_double, setup),
        cmocka_unit_test_setup(test_damaged, setup),
        cmocka_unit_test_setup(test_fetched_archive, setup),
        cmocka_unit_test_setup(test_bad_tables, setup),
        cmocka_unit_test_setup(test_own_table, setup),
    };
    return !!cmocka_run_group_tests(tests, group_setup, group_teardown);
}
