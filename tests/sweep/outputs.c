#include "tests/sweep/outputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "harness/data/data.h"
#include "tests/sweep/program.h"

static const char *smoke;

int smoke_begin(int argc, char **argv) {
    DataSource source;
    if (argc != 3)
        return 2;
    Status status = data_load("fashion_mnist", NULL, &source);
    if (status != STATUS_OK) {
        printf("%s: %s\n", status == STATUS_UNAVAILABLE ? "SKIPPED" : "FAILED", status_message());
        return status == STATUS_UNAVAILABLE ? 77 : 1;
    }
    data_free(&source);
    program_use(argv[1]);
    smoke = argv[2];
    return 0;
}

const char *smoke_path(void) {
    return smoke;
}

/* The smoke sweep with more options: "--out a --rows 1". One thread: whatever else the machine
 * does, it is fast. */
void run_smoke(const char *options, int code, const char *words) {
    char args[1024];
    snprintf(args, sizeof args, "run %s --threads 1 --no-plot %s", smoke, options);
    program_expect(args, code, words);
}
