/* The data sets that can be loaded: how they lie on the disk. One table for loading, listing and
 * fetching. */
#ifndef HARNESS_DATA_SETS_H
#define HARNESS_DATA_SETS_H

#include <stdbool.h>

#include "harness/data/data.h"

typedef enum SetFormat { FORMAT_IDX, FORMAT_CIFAR } SetFormat;

enum { SET_FILES = 6 };

typedef struct SetLayout {
    const char *name;
    SetFormat format;
    Shape shape;
    int classes;
    int train_count, test_count; /* as published; an IDX set's own header decides */
    const char *folders[4]; /* under a root, in the order tried; the first is what fetch makes */
    const char *files[SET_FILES]; /* in the order of the sum; an IDX file may end in .gz */
    int train_files;              /* CIFAR: how many of the files are training images */
    const char *package;          /* Debian package; NULL: none */
    const char *sha256; /* the usual copy's, over all unpacked bytes; NULL: not known here */
} SetLayout;

/* The layout by name; STATUS_BAD_INPUT names the sets there are. */
Status set_find(const char *name, const SetLayout **layout);
int set_file_count(const SetLayout *layout);
/* Path of file number i in folder, with .gz where only that exists; false when neither does. */
bool set_file_path(const SetLayout *layout, const char *folder, int i, char *path, size_t size);
/* The folder under root that holds files of the set; false: none. A root that holds IDX files
 * itself is taken for Fashion-MNIST when its name says so, else for MNIST: their files are named
 * alike. */
bool set_find_under(const SetLayout *layout, const char *root, char *folder, size_t size);
/* Loads and checks the set whose files lie in this very folder. */
Status set_load(const SetLayout *layout, const char *folder, DataSource *source);
/* How to get it: "apt install ..." or "harness data fetch ...". */
void set_advice(const SetLayout *layout, char *text, size_t size);

#endif
