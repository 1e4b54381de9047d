#include "tests/sweep/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/folder.h"

static char folder[64];

static void remove_folder(void) {
    folder_remove(folder);
}

const char *scratch_folder(void) {
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/reslab-test-XXXXXX");
        if (!mkdtemp(folder)) {
            perror(folder);
            abort();
        }
        atexit(remove_folder);
    }
    return folder;
}

const char *scratch_file(const char *name, const char *text, size_t size) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(text, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        abort();
    }
    return path;
}

const char *scratch_text(const char *name, const char *text) {
    return scratch_file(name, text, strlen(text));
}

char *slurp_text(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = malloc((size_t)size + 1);
    if (text && fread(text, 1, (size_t)size, file) == (size_t)size) {
        text[size] = '\0';
    } else {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}
