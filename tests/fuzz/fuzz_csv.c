/* csv_read(): a table that is taken is a full rectangle, and comes back the same after csv_put().
 */
#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "tests/fuzz/fuzz.h"

static void put_row(FILE *file, char *const *cells, int count) {
    if (count == 1 && !cells[0][0]) /* nothing at all would be an empty line, which is skipped */
        fputs("\"\"", file);
    for (int i = 0; i < count; i++) {
        if (i)
            fputc(',', file);
        csv_put(file, cells[i]);
    }
    fputc('\n', file);
}

static void require_rectangle(const CsvTable *table) {
    REQUIRE(table->columns > 0 && table->rows >= 0);
    for (int i = 0; i < table->columns; i++) {
        REQUIRE(table->header[i][0]);
        REQUIRE(csv_column(table, table->header[i]) == i);
    }
    for (int row = 0; row < table->rows; row++) {
        REQUIRE(table->lines[row] >= table->header_line);
        for (int i = 0; i < table->columns; i++) {
            REQUIRE(table->positions[row][i] >= 1);
            fuzz_touch(table->cells[row][i], strlen(table->cells[row][i]));
        }
    }
}

static void require_same(const CsvTable *a, const CsvTable *b) {
    REQUIRE(a->columns == b->columns && a->rows == b->rows);
    for (int i = 0; i < a->columns; i++)
        REQUIRE(strcmp(a->header[i], b->header[i]) == 0);
    for (int row = 0; row < a->rows; row++)
        for (int i = 0; i < a->columns; i++)
            REQUIRE(strcmp(a->cells[row][i], b->cells[row][i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CsvTable table, again;
    char *text = NULL;
    size_t length = 0;
    if (csv_read(fuzz_file(0, data, size), &table) != STATUS_OK) {
        REQUIRE(!table.header && !table.cells && !table.path);
        return 0;
    }
    require_rectangle(&table);
    FILE *file = open_memstream(&text, &length);
    REQUIRE(file);
    put_row(file, table.header, table.columns);
    for (int row = 0; row < table.rows; row++)
        put_row(file, table.cells[row], table.columns);
    fclose(file);
    REQUIRE(csv_read(fuzz_file(1, text, length), &again) == STATUS_OK);
    require_same(&table, &again);
    csv_table_free(&again);
    csv_table_free(&table);
    free(text);
    return 0;
}
