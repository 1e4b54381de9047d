/* A row of an experiment with its lists, and how they multiply out. Private to sweep/. */
#ifndef HARNESS_SWEEP_EXPAND_H
#define HARNESS_SWEEP_EXPAND_H

#include "harness/base/csv.h"
#include "harness/sweep/config.h"

enum { CELLS_MAX = 64, VALUES_MAX = 1024 };

/* One column of one row: its values and where they were written. */
typedef struct ListCell {
    const char *column;
    const char *set; /* the --set argument it comes from, or NULL */
    int position;    /* in the file's line */
    char *text;      /* the list, cut into its values */
    const char *values[VALUES_MAX];
    int count;
} ListCell;

typedef struct ListRow {
    const char *path;
    int line;
    ListCell *cells; /* at most CELLS_MAX */
    int count;
} ListRow;

/* Row `row` of the table with the --set arguments put over it. The caller frees, also on failure.
 */
Status list_row_make(const CsvTable *table, int row, const char *const *sets, int set_count,
                     ListRow *list);
void list_row_free(ListRow *list);
/* How many runs it stands for; 0 when that is more than most. */
int list_row_count(const ListRow *list, int most);
/* Run number `index`, from 0, the last column fastest. */
Status list_row_config(const ListRow *list, int index, RunConfig *config);
/* Puts "file:line:position: " or "file:line: --set ...: " in front of the recorded message: where
 * the column was given; without one, or when it was not given, where the row is. */
Status list_row_blame(const ListRow *list, const char *column, Status status);

#endif
