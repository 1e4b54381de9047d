/* A tutorial's claims beside what was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/base/csv.h"
#include "harness/report/report.h"
#include "tests/report/fixture.h"

#define RUNS                                                                                       \
    "model,family,depth,shortcut,dataset,seed,key,status,test_error_pct\n"                         \
    "tutorial003,plain,8,A,mnist,1,a,done,9.5\n"                                                   \
    "tutorial003,plain,8,A,mnist,2,b,done,10.9\n"                                                  \
    "tutorial003,resnet,8,A,mnist,1,c,done,1\n"

/* Of the plain runs, 10 epochs: accuracy 90.5 and 89.1, mean 89.8; loss 0.3 and 0.5. */
#define CURVES                                                                                     \
    "key,iteration,epoch,train_loss,train_error_pct,test_error_pct\n"                              \
    "a,938,1.0000,2,50,50\n"                                                                       \
    "a,9380,10.0000,0.3,9,9.5\n"                                                                   \
    "b,9380,10.0000,0.5,9,10.9\n"                                                                  \
    "c,18760,20.0000,0.21,2,1\n"

static const struct Expected {
    const char *family, *epoch, *metric, *runs, *measured, *verdict;
} expected[] = {
    {"plain", "10", "test_accuracy_pct", "2", "89.8", "agrees"},
    {"plain", "10", "train_loss", "2", "0.4", "differs"},
    {"plain", "20", "train_loss", "0", "", "not measured"},
    {"resnet", "10", "test_accuracy_pct", "0", "", "not measured"},
    {"resnet", "20", "test_accuracy_pct", "1", "99", "agrees"},
    {"resnet", "20", "train_loss", "1", "0.21", "agrees"},
};

static int find_row(const CsvTable *table, const struct Expected *e) {
    for (int row = 0; row < table->rows; row++)
        if (strcmp(csv_get(table, row, "family"), e->family) == 0 &&
            strcmp(csv_get(table, row, "epoch"), e->epoch) == 0 &&
            strcmp(csv_get(table, row, "metric"), e->metric) == 0)
            return row;
    fail_msg("no claim %s %s %s", e->family, e->epoch, e->metric);
    return -1;
}

static void measured_beside_claimed(void **state) {
    (void)state;
    char path[512];
    const char *folder = fixture_folder("claims", RUNS, CURVES);
    CsvTable table;
    if (report_write(folder) != STATUS_OK)
        fail_msg("%s", status_message());
    snprintf(path, sizeof path, "%s/claims.csv", folder);
    assert_int_equal(csv_read(path, &table), STATUS_OK);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct Expected *e = &expected[i];
        int row = find_row(&table, e);
        assert_string_equal(csv_get(&table, row, "runs"), e->runs);
        assert_string_equal(csv_get(&table, row, "measured"), e->measured);
        assert_string_equal(csv_get(&table, row, "verdict"), e->verdict);
    }
    csv_table_free(&table);
}

static void others_have_no_claims(void **state) {
    (void)state;
    char path[512];
    const char *folder = fixture_copy("no claims");
    assert_int_equal(report_write(folder), STATUS_OK);
    snprintf(path, sizeof path, "%s/claims.csv", folder);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_beside_claimed),
        cmocka_unit_test(others_have_no_claims),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
