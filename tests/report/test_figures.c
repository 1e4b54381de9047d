/* The figures: made, well-formed, the same each time; and what gnuplot must not do. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/report/gnuplot.h"
#include "harness/report/report.h"
#include "tests/report/fixture.h"
#include "tests/sweep/scratch.h"

static const char *const figures[] = {"error_curves", "error_depth", "cost_depth"};
enum { FIGURES = sizeof figures / sizeof figures[0] };

static char *read_figure(const char *folder, const char *name, const char *ending) {
    char path[1024];
    snprintf(path, sizeof path, "%s/figures/%s.%s", folder, name, ending);
    return slurp_text(path);
}

static void assert_contains(const char *text, const char *part) {
    if (!text || !strstr(text, part))
        fail_msg("'%s' is not in:\n%.3000s", part, text ? text : "(no file)");
}

/* Tags open and close in order, attributes are quoted, the root is svg: enough of XML to see that
 * no text of a label has become markup. */
static void assert_well_formed(const char *svg) {
    char open[64][32];
    int depth = 0, roots = 0;
    assert_memory_equal(svg, "<?xml", 5);
    const char *p = strstr(svg, "?>");
    assert_non_null(p);
    while ((p = strchr(p, '<')) != NULL) {
        const char *end = p;
        char quote = 0;
        while (*++end && (quote || *end != '>')) {
            assert_true(quote || *end != '<');
            if (quote ? *end == quote : *end == '"' || *end == '\'')
                quote = quote ? 0 : *end;
        }
        assert_int_equal(*end, '>');
        bool closes = p[1] == '/', empty = end[-1] == '/';
        size_t length = strcspn(p + 1 + closes, " \t\r\n/>");
        assert_in_range(length, 1, 31);
        if (closes) {
            assert_true(depth > 0);
            depth--;
            assert_int_equal(strlen(open[depth]), length);
            assert_memory_equal(open[depth], p + 2, length);
        } else if (!empty) {
            assert_true(depth < 64);
            roots += depth == 0;
            snprintf(open[depth++], sizeof open[0], "%.*s", (int)length, p + 1);
        }
        p = end;
    }
    assert_int_equal(depth, 0);
    assert_int_equal(roots, 1);
    assert_string_equal(open[0], "svg");
}

static void figures_are_made(void **state) {
    (void)state;
    const char *folder = fixture_copy("made");
    assert_int_equal(report_write(folder), STATUS_OK);
    for (int i = 0; i < FIGURES; i++) {
        char *svg = read_figure(folder, figures[i], "svg");
        char *png = read_figure(folder, figures[i], "png");
        assert_non_null(svg);
        assert_non_null(png);
        assert_well_formed(svg);
        assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
        free(svg);
        free(png);
    }
}

static void series_and_axes_are_named(void **state) {
    (void)state;
    static const char *const texts[FIGURES][10] = {
        {">plain<", ">resnet A<", ">resnet B<", ">20 layers<", ">56 layers<", ">110 layers<",
         ">iterations<", ">error (%)<", ">diverged<"},
        {">plain, test<", ">plain, train<", ">resnet A, test<", ">resnet B, train<", ">diverged<",
         ">depth (weighted layers)<", ">final error (%)<"},
        {">plain<", ">resnet A<", ">resnet B<", ">time of a run (s)<", ">parameters (thousands)<"},
    };
    const char *folder = fixture_copy("named");
    assert_int_equal(report_write(folder), STATUS_OK);
    for (int i = 0; i < FIGURES; i++) {
        char *svg = read_figure(folder, figures[i], "svg");
        for (int k = 0; texts[i][k]; k++)
            assert_contains(svg, texts[i][k]);
        free(svg);
    }
}

static void again_gives_the_same_bytes(void **state) {
    (void)state;
    char first[512], *before[FIGURES];
    snprintf(first, sizeof first, "%s", fixture_copy("once"));
    assert_int_equal(report_write(first), STATUS_OK);
    for (int i = 0; i < FIGURES; i++)
        before[i] = read_figure(first, figures[i], "svg");
    assert_int_equal(report_write(first), STATUS_OK); /* over the old ones */
    const char *other = fixture_copy("elsewhere");
    assert_int_equal(report_write(other), STATUS_OK);
    for (int i = 0; i < FIGURES; i++) {
        char *again = read_figure(first, figures[i], "svg");
        char *copy = read_figure(other, figures[i], "svg");
        assert_string_equal(again, before[i]);
        assert_string_equal(copy, before[i]);
        free(again);
        free(copy);
        free(before[i]);
    }
}

static void what_cannot_be_drawn_is_left_out(void **state) {
    (void)state;
    const char *runs = RUNS_HEADER "m,plain,8,A,16,mnist,64,9,1,none,1,k,diverged,3,,,,100,\n";
    const char *folder = fixture_folder("diverged", runs, CURVES_HEADER);
    assert_int_equal(report_write(folder), STATUS_OK);
    assert_null(read_figure(folder, "error_curves", "svg"));
    assert_null(read_figure(folder, "error_depth", "svg"));
    char *svg = read_figure(folder, "cost_depth", "svg");
    assert_contains(svg, ">parameters (thousands)<");
    assert_null(strstr(svg, "time of a run"));
    free(svg);
}

/* A series whose runs all diverged before their first evaluation has a panel with a cross. */
static void a_panel_without_lines(void **state) {
    (void)state;
    const char *runs = RUNS_HEADER "m,plain,8,A,16,mnist,64,9,1,none,1,k,diverged,3,,,,100,\n"
                                   "m,resnet,8,A,16,mnist,64,9,1,none,1,l,done,,9,9,9,100,1\n";
    const char *curves = CURVES_HEADER "l,m,resnet,8,A,1,9,9,9\n";
    const char *folder = fixture_folder("empty_panel", runs, curves);
    assert_int_equal(report_write(folder), STATUS_OK);
    char *svg = read_figure(folder, "error_curves", "svg");
    assert_contains(svg, ">plain<");
    assert_contains(svg, ">diverged<");
    free(svg);
}

/* ---- hostile text ---- */

static int entries(const char *folder) {
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

/* As they stand in the file: quotes doubled. */
static const char *const hostile[] = {
    "$(touch mark)",
    "`touch mark`",
    "x'; system('touch mark'); y='",
    "'.system('touch mark').'",
    "x\ny\nEOD\nsystem 'touch mark'\n",
    "</text><script>mark</script>",
    "@mark",
    "%s%n%1000000d",
    "\"\" . system(\"\"touch mark\"\") . \"\"",
};

/* A folder and cells that would make a file `mark` if any shell or gnuplot took them as code. */
static void hostile_text_does_nothing(void **state) {
    (void)state;
    char *runs = NULL, *curves = NULL;
    size_t runs_size, curves_size;
    FILE *r = open_memstream(&runs, &runs_size), *c = open_memstream(&curves, &curves_size);
    fputs(RUNS_HEADER, r);
    fputs(CURVES_HEADER, c);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        const char *text = hostile[i];
        fprintf(r, "m,\"%s\",20,\"%s\",16,\"%s\",64,9,\"%s\",none,1,\"%s\",done,,1,1,1,1,1\n", text,
                text, text, text, text);
        fprintf(c, "\"%s\",m,\"%s\",20,\"%s\",1,9,5,6\n", text, text, text);
    }
    fclose(r);
    fclose(c);
    const char *folder = fixture_folder("a'b \"c\" `touch mark` $(touch mark) | ;&", runs, curves);
    free(runs);
    free(curves);
    if (report_write(folder) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_int_equal(entries(folder), 6); /* runs, curves, three tables, figures */
    char figures_folder[1024];
    snprintf(figures_folder, sizeof figures_folder, "%s/figures", folder);
    assert_int_equal(entries(figures_folder), 3 * FIGURES);
    assert_int_not_equal(access("mark", F_OK), 0);
    for (int i = 0; i < FIGURES; i++) {
        char *svg = read_figure(folder, figures[i], "svg");
        assert_well_formed(svg);
        assert_null(strstr(svg, "<script"));
        free(svg);
    }
}

static void strings_are_quoted(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    gnuplot_put_string(file, "it's `x` $(y)\n\"z\"");
    fclose(file);
    assert_string_equal(text, "'it''s `x` $(y)?\"z\"'");
    free(text);
}

/* ---- gnuplot that is missing or fails ---- */

/* The only program in PATH: a stand-in with that script as its body; NULL: none at all. */
static void put_in_path(const char *name, const char *body) {
    char folder[512], path[600];
    snprintf(folder, sizeof folder, "%s", fixture_folder(name, NULL, NULL));
    if (body) {
        snprintf(path, sizeof path, "%s/gnuplot", folder);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "#!/bin/sh\n%s\n", body);
        fclose(file);
        assert_int_equal(chmod(path, 0755), 0);
    }
    setenv("PATH", folder, 1);
}

/* What report_write() says with that gnuplot over a folder that already has figures. */
static void report_with(const char *name, const char *body, Status status, const char *message) {
    char bin[64], path[600], *old = strdup(getenv("PATH"));
    const char *folder = fixture_copy(name);
    assert_int_equal(report_write(folder), STATUS_OK);
    snprintf(path, sizeof path, "%s/table.csv", folder);
    assert_int_equal(unlink(path), 0);
    char kept[512];
    snprintf(kept, sizeof kept, "%s", folder);
    snprintf(bin, sizeof bin, "%s-bin", name);
    put_in_path(bin, body);
    Status found = report_write(kept);
    setenv("PATH", old, 1);
    free(old);
    assert_int_equal(found, status);
    assert_contains(status_message(), message);
    assert_int_equal(access(path, F_OK), 0); /* tables need no gnuplot */
    char *svg = read_figure(kept, "error_curves", "svg");
    assert_null(svg); /* the earlier figure does not pass for a new one */
}

static void gnuplot_missing(void **state) {
    (void)state;
    report_with("missing", NULL, STATUS_UNAVAILABLE, "gnuplot-nox");
}

static void gnuplot_fails(void **state) {
    (void)state;
    report_with("fails", "echo '\"error_curves.gp\" line 7: what is that?' >&2; exit 3",
                STATUS_BACKEND, "line 7: what is that?");
}

static void gnuplot_warns(void **state) {
    (void)state;
    report_with("warns", "echo > error_curves.svg; echo '\"e.gp\" line 9: warning: odd' >&2",
                STATUS_BACKEND, "line 9: warning: odd");
}

static void gnuplot_draws_nothing(void **state) {
    (void)state;
    report_with("nothing", "exit 0", STATUS_BACKEND, "error_curves");
}

static void gnuplot_is_killed(void **state) {
    (void)state;
    report_with("killed", "kill -9 $$", STATUS_BACKEND, "signal");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_made),
        cmocka_unit_test(series_and_axes_are_named),
        cmocka_unit_test(again_gives_the_same_bytes),
        cmocka_unit_test(what_cannot_be_drawn_is_left_out),
        cmocka_unit_test(a_panel_without_lines),
        cmocka_unit_test(hostile_text_does_nothing),
        cmocka_unit_test(strings_are_quoted),
        cmocka_unit_test(gnuplot_missing),
        cmocka_unit_test(gnuplot_fails),
        cmocka_unit_test(gnuplot_warns),
        cmocka_unit_test(gnuplot_draws_nothing),
        cmocka_unit_test(gnuplot_is_killed),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
