/* results_read() and the gnuplot data made of what it read. The first two times two bytes
 * (little-endian) say how many of the rest are runs.csv and curves.csv; what remains is layers.csv.
 *
 * No cell may become anything but a number or the inside of a quoted string: outside of these the
 * data hold nothing that gnuplot could run. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/report/figure.h"
#include "tests/fuzz/fuzz.h"

static char folder[] = "/tmp/fuzz-results-XXXXXX";
static const char *const names[] = {"runs.csv", "curves.csv", "layers.csv"};

static void remove_folder(void) {
    char path[64];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* A folder whose files are those in memory. */
static void make_folder(void) {
    char path[64];
    REQUIRE(mkdtemp(folder));
    atexit(remove_folder);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        REQUIRE(symlink(fuzz_file(i, "", 0), path) == 0);
    }
}

/* A quoted string, its quotes doubled inside; returns what follows it. */
static const char *require_string(const char *at) {
    do {
        for (at++; *at != '\''; at++)
            REQUIRE((unsigned char)*at >= ' ' && *at != 127);
        at++;
    } while (*at == '\'');
    return at;
}

static void require_harmless(const char *text) {
    bool block = false; /* inside of "$name << EOD" */
    for (const char *at = text; *at;) {
        const char *end = strchr(at, '\n');
        REQUIRE(end);
        if (block && strncmp(at, "EOD\n", 4) == 0) {
            block = false;
        } else if (block) {
            REQUIRE(strspn(at, "0123456789.+-e naif") >= (size_t)(end - at));
        } else {
            block = end - at > 7 && memcmp(end - 7, " << EOD", 7) == 0;
            for (const char *c = at; c < end;) {
                REQUIRE(*c == '\'' || isalnum((unsigned char)*c) || strchr("_ =[],.$<+-", *c));
                c = *c == '\'' ? require_string(c) : c + 1;
            }
        }
        at = end + 1;
    }
    REQUIRE(!block);
}

typedef Status DataFn(FILE *script, const Results *results, bool *any);

static void require_figures(const Results *results) {
    static DataFn *const figures[] = {curves_data, depth_data, cost_data, responses_data,
                                      gradients_data};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        char *text = NULL;
        size_t size;
        bool any = false;
        FILE *script = open_memstream(&text, &size);
        REQUIRE(script);
        Status status = figures[i](script, results, &any);
        fclose(script);
        if (status == STATUS_OK && any)
            require_harmless(text);
        free(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool made;
    Results results;
    if (!made)
        make_folder();
    made = true;
    if (size < 4)
        return 0;
    size_t sizes[3] = {data[0] | (size_t)data[1] << 8, data[2] | (size_t)data[3] << 8, size - 4};
    data += 4;
    size -= 4;
    for (int i = 0; i < 3; i++) {
        sizes[i] = sizes[i] < size ? sizes[i] : size;
        fuzz_file(i, data, sizes[i]);
        data += sizes[i];
        size -= sizes[i];
    }
    if (results_read(folder, &results) != STATUS_OK)
        return 0;
    require_figures(&results);
    results_free(&results);
    return 0;
}
