#include "tests/report/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/sweep/scratch.h"

void fixture_file(const char *folder, const char *name, const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

const char *fixture_folder(const char *name, const char *runs, const char *curves) {
    static char folder[512];
    snprintf(folder, sizeof folder, "%s/%s", scratch_folder(), name);
    if (mkdir(folder, 0777) != 0) {
        perror(folder);
        abort();
    }
    if (runs)
        fixture_file(folder, "runs.csv", runs);
    if (curves)
        fixture_file(folder, "curves.csv", curves);
    return folder;
}

const char *fixture_copy(const char *name) {
    char *runs = slurp_text(FIXTURE_FOLDER "/runs.csv");
    char *curves = slurp_text(FIXTURE_FOLDER "/curves.csv");
    if (!runs || !curves) {
        perror(FIXTURE_FOLDER);
        abort();
    }
    const char *folder = fixture_folder(name, runs, curves);
    free(runs);
    free(curves);
    return folder;
}
