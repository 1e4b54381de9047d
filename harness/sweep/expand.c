#include "harness/sweep/expand.h"

#include <stdlib.h>
#include <string.h>

#include "harness/sweep/columns.h"
#include "harness/sweep/expect.h"

/* Whether a --set argument is for this column. */
static bool sets_column(const char *set, const char *column) {
    size_t length = strlen(column);
    return strncmp(set, column, length) == 0 && set[length] == '=';
}

/* The last --set for a column; NULL when there is none. */
static const char *find_set(const char *const *sets, int set_count, const char *column) {
    const char *found = NULL;
    for (int i = 0; i < set_count; i++)
        if (sets_column(sets[i], column))
            found = sets[i];
    return found;
}

Status list_row_blame(const ListRow *list, const char *column, Status status) {
    for (int i = 0; column && i < list->count; i++) {
        const ListCell *cell = &list->cells[i];
        if (strcmp(cell->column, column) != 0)
            continue;
        if (cell->set)
            return status_context(status, "%s:%d: --set %s", list->path, list->line, cell->set);
        return status_context(status, "%s:%d:%d", list->path, list->line, cell->position);
    }
    return status_context(status, "%s:%d:1", list->path, list->line);
}

/* Cuts "20|32 | 44" into its values; blanks around them go. An empty text has none. */
static Status cut(const ListRow *list, ListCell *cell, const char *text) {
    cell->text = strdup(text);
    if (!cell->text)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", list->path);
    if (!text[strspn(text, " \t")])
        return STATUS_OK;
    char *rest = cell->text;
    for (char *value; (value = strsep(&rest, "|")) != NULL;) {
        value += strspn(value, " \t");
        for (size_t end = strlen(value); end && strchr(" \t", value[end - 1]);)
            value[--end] = '\0';
        if (cell->count == VALUES_MAX)
            return list_row_blame(
                list, cell->column,
                status_fail(STATUS_BAD_INPUT, "%s: more than %d values", cell->column, VALUES_MAX));
        if (!*value)
            return list_row_blame(list, cell->column,
                                  status_fail(STATUS_BAD_INPUT,
                                              "%s: an empty value in the list '%s'", cell->column,
                                              text));
        cell->values[cell->count++] = value;
    }
    return STATUS_OK;
}

static Status add_cell(ListRow *list, const char *column, const char *set, int position,
                       const char *text) {
    if (list->count == CELLS_MAX)
        return status_fail(STATUS_BAD_INPUT, "%s: more than %d columns", list->path, CELLS_MAX);
    ListCell *cell = &list->cells[list->count++];
    *cell = (ListCell){.column = column, .set = set, .position = position};
    return cut(list, cell, text);
}

/* Of iterations and epochs one decides: setting one takes the other out of the file's row. */
static bool displaced(const char *const *sets, int set_count, const char *column) {
    if (strcmp(column, "epochs") == 0)
        return find_set(sets, set_count, "iterations") != NULL;
    if (strcmp(column, "iterations") == 0)
        return find_set(sets, set_count, "epochs") != NULL;
    return false;
}

static const ListCell *find_cell(const ListRow *list, const char *column) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->cells[i].column, column) == 0)
            return &list->cells[i];
    return NULL;
}

static bool given(const ListRow *list, const char *column, const char *zero) {
    const ListCell *cell = find_cell(list, column);
    return cell && cell->count && !(cell->count == 1 && strcmp(cell->values[0], zero) == 0);
}

static Status check_length(const ListRow *list) {
    if (given(list, "iterations", "epochs") && given(list, "epochs", "iterations"))
        return list_row_blame(
            list, "epochs",
            status_fail(STATUS_BAD_INPUT, "epochs: iterations are given, too; leave one out"));
    return STATUS_OK;
}

Status list_row_make(const CsvTable *table, int row, const char *const *sets, int set_count,
                     ListRow *list) {
    *list = (ListRow){.path = table->path, .line = table->lines[row]};
    list->cells = calloc(CELLS_MAX, sizeof *list->cells);
    if (!list->cells)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", table->path);
    for (int i = 0; i < table->columns; i++) {
        const char *name = table->header[i], *set = find_set(sets, set_count, name);
        if (displaced(sets, set_count, name) || expectation_is_column(name))
            continue;
        TRY(add_cell(list, name, set, table->positions[row][i],
                     set ? strchr(set, '=') + 1 : table->cells[row][i]));
    }
    for (int i = 0; i < set_count; i++) {
        char name[64];
        size_t length = strcspn(sets[i], "=");
        if (!sets[i][length] || !length || length >= sizeof name)
            return status_fail(STATUS_BAD_INPUT,
                               "--set %s: expected COLUMN=VALUE, as in --set depth=20", sets[i]);
        memcpy(name, sets[i], length);
        name[length] = '\0';
        const Column *column = columns_find(name);
        if (expectation_is_column(name))
            return status_fail(STATUS_BAD_INPUT,
                               "--set %s: what a run is expected to give stands in its row of %s",
                               sets[i], table->path);
        if (!column) {
            RunConfig none;
            config_default(&none); /* its message names the nearest column */
            return status_context(config_set(&none, name, ""), "--set %s", sets[i]);
        }
        if (csv_column(table, name) < 0 && find_set(sets, set_count, name) == sets[i])
            TRY(add_cell(list, column->name, sets[i], 0, sets[i] + length + 1));
    }
    return check_length(list);
}

void list_row_free(ListRow *list) {
    for (int i = 0; i < list->count; i++)
        free(list->cells[i].text);
    free(list->cells);
    *list = (ListRow){0};
}

int list_row_count(const ListRow *list, int most) {
    long long count = 1;
    for (int i = 0; i < list->count && count <= most; i++)
        count *= list->cells[i].count ? list->cells[i].count : 1;
    return count <= most ? (int)count : 0;
}

Status list_row_config(const ListRow *list, int index, RunConfig *config) {
    const char *values[CELLS_MAX];
    for (int i = list->count - 1; i >= 0; i--) {
        const ListCell *cell = &list->cells[i];
        int count = cell->count ? cell->count : 1;
        values[i] = cell->count ? cell->values[index % count] : NULL;
        index /= count;
    }
    config_default(config);
    for (int i = 0; i < list->count; i++) {
        if (!values[i])
            continue;
        Status status = config_set(config, list->cells[i].column, values[i]);
        if (status != STATUS_OK)
            return list_row_blame(list, list->cells[i].column, status);
    }
    return STATUS_OK;
}
