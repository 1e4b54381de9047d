#include "harness/base/csv.h"

#include <csv.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char byte_order_mark[] = "\xEF\xBB\xBF";

/* What the callbacks of libcsv need: the row being read and where the reader stands. */
typedef struct Reader {
    CsvTable *table;
    char **cells; /* of the row being read */
    int *positions;
    int count, capacity;
    int row_capacity;
    int row_line;  /* line where the row being read begins */
    int position;  /* of the byte being read, from 1 */
    int cell_from; /* position where the cell being read begins */
    Status status; /* the first failure inside a callback */
} Reader;

static void no_memory(Reader *reader) {
    reader->status = status_fail(STATUS_NO_MEMORY, "%s: no memory", reader->table->path);
}

/* Makes room for one more cell. */
static bool grow_row(Reader *reader) {
    if (reader->count < reader->capacity)
        return true;
    size_t capacity = reader->capacity ? 2 * (size_t)reader->capacity : 16;
    char **cells = realloc(reader->cells, capacity * sizeof *cells);
    if (!cells)
        return false;
    reader->cells = cells;
    int *positions = realloc(reader->positions, capacity * sizeof *positions);
    if (!positions)
        return false;
    reader->positions = positions;
    reader->capacity = (int)capacity;
    return true;
}

/* Makes room for one more row. */
static bool grow_table(Reader *reader) {
    CsvTable *table = reader->table;
    if (table->rows < reader->row_capacity)
        return true;
    size_t capacity = reader->row_capacity ? 2 * (size_t)reader->row_capacity : 16;
    char ***cells = realloc(table->cells, capacity * sizeof *cells);
    if (!cells)
        return false;
    table->cells = cells;
    int *lines = realloc(table->lines, capacity * sizeof *lines);
    if (!lines)
        return false;
    table->lines = lines;
    int **positions = realloc(table->positions, capacity * sizeof *positions);
    if (!positions)
        return false;
    table->positions = positions;
    reader->row_capacity = (int)capacity;
    return true;
}

static void on_cell(void *text, size_t length, void *data) {
    Reader *reader = data;
    if (reader->status != STATUS_OK)
        return;
    if (length && memchr(text, '\0', length)) {
        reader->status =
            status_fail(STATUS_BAD_INPUT, "%s:%d:%d: a NUL byte; the file must be plain UTF-8 text",
                        reader->table->path, reader->row_line, reader->cell_from);
        return;
    }
    char *cell = malloc(length + 1);
    if (!cell || !grow_row(reader)) {
        free(cell);
        no_memory(reader);
        return;
    }
    if (length)
        memcpy(cell, text, length);
    cell[length] = '\0';
    reader->cells[reader->count] = cell;
    reader->positions[reader->count++] = reader->cell_from;
    reader->cell_from = reader->position + 1;
}

/* The first row becomes the header. */
static Status take_header(Reader *reader) {
    CsvTable *table = reader->table;
    for (int i = 0; i < reader->count; i++) {
        if (!reader->cells[i][0])
            return status_fail(STATUS_BAD_INPUT, "%s:%d:%d: column %d has no name", table->path,
                               reader->row_line, reader->positions[i], i + 1);
        for (int j = 0; j < i; j++)
            if (strcmp(reader->cells[i], reader->cells[j]) == 0)
                return status_fail(STATUS_BAD_INPUT, "%s:%d:%d: column '%s' stands there twice",
                                   table->path, reader->row_line, reader->positions[i],
                                   reader->cells[i]);
    }
    table->header = reader->cells;
    table->header_positions = reader->positions;
    table->columns = reader->count;
    table->header_line = reader->row_line;
    return STATUS_OK;
}

static Status take_row(Reader *reader) {
    CsvTable *table = reader->table;
    if (reader->count != table->columns)
        return status_fail(STATUS_BAD_INPUT, "%s:%d: %d cells, but the header has %d columns",
                           table->path, reader->row_line, reader->count, table->columns);
    if (!grow_table(reader))
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", table->path);
    table->cells[table->rows] = reader->cells;
    table->positions[table->rows] = reader->positions;
    table->lines[table->rows++] = reader->row_line;
    return STATUS_OK;
}

static void on_row(int terminator, void *data) {
    (void)terminator;
    Reader *reader = data;
    reader->cell_from = reader->position + 1;
    if (reader->status != STATUS_OK)
        return;
    reader->status = reader->table->header ? take_row(reader) : take_header(reader);
    if (reader->status != STATUS_OK)
        return;
    reader->cells = NULL;
    reader->positions = NULL;
    reader->count = reader->capacity = 0;
}

/* The whole file in memory; the caller frees. */
static Status slurp(const char *path, char **text, size_t *size) {
    Status status = STATUS_OK;
    char *buffer = NULL;
    size_t used = 0, capacity = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return status_fail(STATUS_BAD_INPUT, "%s: %s", path, strerror(errno));
    for (;;) {
        if (used == capacity) {
            capacity = capacity ? 2 * capacity : 65536;
            char *bigger = realloc(buffer, capacity);
            if (!bigger) {
                status =
                    status_fail(STATUS_NO_MEMORY, "%s: no memory for %zu bytes", path, capacity);
                goto out;
            }
            buffer = bigger;
        }
        size_t got = fread(buffer + used, 1, capacity - used, file);
        used += got;
        if (got == 0)
            break;
    }
    if (ferror(file))
        status = status_fail(STATUS_BAD_INPUT, "%s: %s", path, strerror(errno));
out:
    fclose(file);
    if (status != STATUS_OK) {
        free(buffer);
        return status;
    }
    *text = buffer;
    *size = used;
    return STATUS_OK;
}

static Status bad_quote(const Reader *reader, int line) {
    return status_fail(STATUS_BAD_INPUT,
                       "%s:%d:%d: a quote where none may be; a cell with quotes is written "
                       "\"like \"\"this\"\"\"",
                       reader->table->path, line, reader->position);
}

/* Feeds the bytes one at a time: libcsv counts neither lines nor positions. */
static Status parse(Reader *reader, struct csv_parser *parser, const char *text, size_t size) {
    int line = 1;
    for (size_t i = 0; i < size; i++) {
        bool between_rows = parser->pstate == 0;
        bool line_start = i == 0 || text[i - 1] == '\n';
        if (line_start)
            reader->position = 0;
        reader->position++;
        if (between_rows && line_start) {
            reader->row_line = line;
            reader->cell_from = 1;
            if (text[i] == '#') { /* a comment: to the end of the line */
                const char *end = memchr(text + i, '\n', size - i);
                if (!end)
                    return STATUS_OK;
                i = (size_t)(end - text);
                line++;
                continue;
            }
        }
        if (csv_parse(parser, text + i, 1, on_cell, on_row, reader) != 1)
            return csv_error(parser) == CSV_EPARSE
                       ? bad_quote(reader, line)
                       : status_fail(STATUS_NO_MEMORY, "%s:%d: %s", reader->table->path, line,
                                     csv_strerror(csv_error(parser)));
        if (reader->status != STATUS_OK)
            return reader->status;
        line += text[i] == '\n';
    }
    if (csv_fini(parser, on_cell, on_row, reader) != 0)
        return status_fail(STATUS_BAD_INPUT,
                           "%s:%d: the row that begins here has a quote that never ends",
                           reader->table->path, reader->row_line);
    return reader->status;
}

Status csv_read(const char *path, CsvTable *table) {
    Status status = STATUS_OK;
    char *text = NULL;
    size_t size = 0, bom;
    struct csv_parser parser;
    bool parser_made = false;
    *table = (CsvTable){.path = strdup(path)};
    Reader reader = {.table = table, .cell_from = 1, .row_line = 1};
    if (!table->path)
        return status_fail(STATUS_NO_MEMORY, "%s: no memory", path);
    CHECK(slurp(path, &text, &size));
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) {
        status = status_fail(STATUS_NO_MEMORY, "%s: no memory for a CSV parser", path);
        goto out;
    }
    parser_made = true;
    bom = size >= 3 && memcmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
    CHECK(parse(&reader, &parser, text + bom, size - bom));
    if (!table->header)
        status = status_fail(STATUS_BAD_INPUT,
                             "%s: empty; the first line must name the columns, as in "
                             "experiments/smoke.csv",
                             path);
out:
    if (parser_made)
        csv_free(&parser);
    for (int i = 0; i < reader.count; i++)
        free(reader.cells[i]);
    free(reader.cells);
    free(reader.positions);
    free(text);
    if (status != STATUS_OK)
        csv_table_free(table);
    return status;
}

static void free_row(CsvTable *table, int row) {
    for (int i = 0; i < table->columns; i++)
        free(table->cells[row][i]);
    free(table->cells[row]);
    free(table->positions[row]);
}

void csv_drop_row(CsvTable *table, int row) {
    free_row(table, row);
    table->rows--;
    for (; row < table->rows; row++) {
        table->cells[row] = table->cells[row + 1];
        table->positions[row] = table->positions[row + 1];
        table->lines[row] = table->lines[row + 1];
    }
}

void csv_table_free(CsvTable *table) {
    for (int row = 0; row < table->rows; row++)
        free_row(table, row);
    for (int i = 0; i < table->columns; i++)
        free(table->header[i]);
    free(table->header);
    free(table->header_positions);
    free(table->cells);
    free(table->positions);
    free(table->lines);
    free(table->path);
    *table = (CsvTable){0};
}

int csv_column(const CsvTable *table, const char *name) {
    for (int i = 0; i < table->columns; i++)
        if (strcmp(table->header[i], name) == 0)
            return i;
    return -1;
}

const char *csv_get(const CsvTable *table, int row, const char *column) {
    int i = csv_column(table, column);
    return i < 0 ? NULL : table->cells[row][i];
}

void csv_put(FILE *file, const char *text) {
    size_t length = strlen(text);
    bool blank = length && (strchr(" \t", text[0]) || strchr(" \t", text[length - 1]));
    bool mark =
        strncmp(text, byte_order_mark, 3) == 0; /* would be dropped from a file's first cell */
    if (!blank && !mark && text[0] != '#' && !strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            fputc('"', file);
        fputc(*c, file);
    }
    fputc('"', file);
}
