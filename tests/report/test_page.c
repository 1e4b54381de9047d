/* The page of a folder: its parts, its markup, hostile text, and the experiment that repeats it. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/report/html.h"
#include "harness/report/page.h"
#include "harness/sweep/experiment.h"
#include "harness/sweep/key.h"
#include "tests/report/fixture.h"
#include "tests/sweep/scratch.h"

static const Level level = {.alpha = 0.05, .power = 0.8};

static char *page_of(const char *folder) {
    char path[1024];
    bool figures = false;
    if (page_write(folder, level, &figures) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_true(figures);
    snprintf(path, sizeof path, "%s/report.html", folder);
    char *text = slurp_text(path);
    assert_non_null(text);
    return text;
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
        n++;
    return n;
}

static void has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("'%s' is not on the page", part);
}

static bool is_void(const char *name) {
    return strcmp(name, "meta") == 0 || strcmp(name, "br") == 0 || strcmp(name, "!DOCTYPE") == 0;
}

/* Every element ends in order, attributes are quoted. What a file said is text only if this holds
 * and nothing below is found. */
static void assert_well_formed(const char *page) {
    char open[64][24];
    int depth = 0;
    for (const char *p = page; (p = strchr(p, '<')) != NULL;) {
        const char *end = p;
        char quote = 0, name[24];
        while (*++end && (quote || *end != '>')) {
            assert_true(quote || *end != '<');
            if (quote ? *end == quote : *end == '"' || *end == '\'')
                quote = quote ? 0 : *end;
        }
        assert_int_equal(*end, '>');
        bool closes = p[1] == '/';
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1 + closes, " \t\r\n/>"),
                 p + 1 + closes);
        if (closes) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (end[-1] != '/' && !is_void(name)) {
            assert_true(depth < 64);
            strcpy(open[depth++], name);
        }
        p = end;
    }
    assert_int_equal(depth, 0);
}

/* Nothing that would fetch or run. */
static void assert_contained(const char *page) {
    static const char *const forbidden[] = {"<script", "javascript:", "http://", "https://",
                                            "src=",    "@import",     "<link",   "<iframe",
                                            "<img",    "<object"};
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        const char *found = strstr(page, forbidden[i]);
        while (found && strncmp(found, "http://www.w3.org/", 18) == 0) /* names, not places */
            found = strstr(found + 1, forbidden[i]);
        if (found)
            fail_msg("the page has '%.80s'", found);
    }
}

/* No id twice, and every reference has its id. */
static void assert_ids(const char *page) {
    char needle[128];
    for (const char *p = page; (p = strstr(p, " id=")) != NULL; p++) {
        size_t length = strcspn(p + 5, "\"'");
        snprintf(needle, sizeof needle, "%.*s", (int)length + 6, p);
        if (count(page, needle) != 1)
            fail_msg("more than once:%s", needle);
    }
    for (const char *p = page; (p = strstr(p, "href='#")) != NULL; p++) {
        size_t length = strcspn(p + 7, "'");
        snprintf(needle, sizeof needle, " id='%.*s'", (int)length, p + 7);
        has(page, needle);
    }
}

static void every_part_is_there(void **state) {
    (void)state;
    static const char *const parts[] = {
        "<section id=\"summary\">",
        "<section id=\"verdicts\">",
        "<section id=\"figures\">",
        "<section id=\"layers\">",
        "<section id=\"provenance\">",
        "<section id=\"repeat\">",
        "Content-Security-Policy",
        "prefers-color-scheme:dark",
        "@media print",
        "name=\"viewport\"",
        "<title>whole - ResLab</title>",
        "✗ not reproduced",
        "? undecided: runs diverged (1 of 5 diverged)",
        "<td class=\"n\">21.50 ± 1.80</td>",
        "Every layer of resnet A, 20 layers",
        "layer3",
    };
    const char *folder = fixture_copy("whole");
    fixture_file(folder, "expectations.csv",
                 "key,metric,expect,tolerance,source\nkey0,test_error_pct,8.75,0.5,paper\n");
    fixture_file(folder, "x.claims.csv",
                 "claim,metric,left,relation,right,margin,source\n"
                 "shortcuts,test_error_pct,family=plain depth=56,>,"
                 "family=resnet depth=20 shortcut=A,,\n");
    char *page = page_of(folder);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        has(page, parts[i]);
    assert_well_formed(page);
    assert_contained(page);
    assert_ids(page);
    free(page);
}

/* Each figure has a role, a name, a description and a table. */
static void figures_have_alternatives(void **state) {
    (void)state;
    char *page = page_of(fixture_copy("alternatives"));
    int figures = count(page, "<figure>");
    assert_int_equal(figures, 3);
    assert_int_equal(count(page, "<svg"), figures);
    assert_int_equal(count(page, "<svg role=\"img\" aria-labelledby=\""), figures);
    assert_int_equal(count(page, "<figcaption>"), figures);
    for (const char *p = page; (p = strstr(p, "<figure>")) != NULL; p++) {
        const char *end = strstr(p, "</figure>"), *table = strstr(p, "<table>");
        assert_true(end && table && table < end);
    }
    has(page, "id=\"error_curves-title\"");
    has(page, "id=\"error_curves-desc\"");
    assert_null(strstr(page, "Produced by GNUPLOT"));
    free(page);
}

static const char *const hostile[] = {
    "</td><script>mark</script>",
    "</style><img src=x onerror=mark>",
    "' onmouseover='mark",
    "\"\" onload=\"\"mark",
    "$(touch mark)`touch mark`",
    "x'; system('touch mark'); y='",
    "&lt;b&gt;&#60;script>",
    "]]><!-- <svg",
    "javascript:mark",
    "\xff\xfe\x01 text",
};

static void hostile_text_stays_text(void **state) {
    (void)state;
    char *runs = NULL, *claims = NULL, *expected = NULL;
    size_t runs_size, claims_size, expected_size;
    FILE *r = open_memstream(&runs, &runs_size), *c = open_memstream(&claims, &claims_size);
    FILE *e = open_memstream(&expected, &expected_size);
    fprintf(r, "model,family,depth,shortcut,dataset,lr,seed,key,status,test_error_pct,commit,"
               "compiler,device,host,started,dataset_sha256\n");
    fprintf(c, "claim,metric,left,relation,right,margin,source\n");
    fprintf(e, "key,metric,expect,tolerance,source\n");
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        const char *t = hostile[i];
        fprintf(r, "\"%s\",\"%s\",20,A,\"%s\",0.%zu,\"%s\",k%zu,done,5,", t, t, t, i, t, i);
        fprintf(r, "\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\"\n", t, t, t, t, t, t);
        fprintf(c, "\"%s\",test_error_pct,lr=0.%zu,=,lr=0.0,1,\"%s\"\n", t, i + 1, t);
        fprintf(e, "k%zu,test_error_pct,5,1,\"%s\"\n", i, t);
    }
    fclose(r);
    fclose(c);
    fclose(e);
    const char *folder =
        fixture_folder("<b>'a' & \"c\" `touch mark` $(touch mark)", runs, "key,iteration\nx,1\n");
    fixture_file(folder, "h.claims.csv", claims);
    fixture_file(folder, "expectations.csv", expected);
    char *page = page_of(folder);
    assert_int_not_equal(access("mark", F_OK), 0);
    assert_well_formed(page);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "' onmouseover='"));
    assert_null(strstr(page, "\" onload=\""));
    has(page, "&lt;/td&gt;&lt;script&gt;mark");
    has(page, "&amp;lt;b&amp;gt;&amp;#60;script&gt;");
    has(page, "<h1>&lt;b&gt;&#39;a&#39; &amp; &quot;c&quot;");
    has(page, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD text");
    free(page);
    free(runs);
    free(claims);
    free(expected);
}

static void escapes(const char *text, const char *expected) {
    char *got = NULL;
    size_t size;
    FILE *file = open_memstream(&got, &size);
    html_text(file, text);
    fclose(file);
    assert_string_equal(got, expected);
    free(got);
}

static void text_is_escaped(void **state) {
    (void)state;
    escapes("a<b>&\"'c\n", "a&lt;b&gt;&amp;&quot;&#39;c\n");
    escapes("8 ± 1 € 𝛼", "8 ± 1 € 𝛼");
    escapes("\x07|\x7f|\xc2\x80|", "�|�|�|");
    escapes("\xc0\xbc|\xe0\x80\xbc|\xed\xa0\x80|\xf4\x90\x80\x80|\xc3",
            "��|���|���|����|�"); /* overlong, surrogate, beyond, cut off */
}

static void only_figures_are_copied(void **state) {
    (void)state;
    char *got = NULL;
    size_t size;
    FILE *file = open_memstream(&got, &size);
    assert_int_equal(html_svg(file, "no figure", "f", "t", "d"), STATUS_BAD_INPUT);
    assert_int_equal(html_svg(file, "<svg><script/></svg>", "f", "t", "d"), STATUS_BAD_INPUT);
    assert_int_equal(html_svg(file,
                              "<?xml?>\n<svg w=\"1\"><title>x</title><g id='a'/><use "
                              "xlink:href='#a'/><rect fill=\"url(#b)\"/></svg>",
                              "f", "<t>", "d"),
                     STATUS_OK);
    fclose(file);
    assert_string_equal(got, "<svg role=\"img\" aria-labelledby=\"f-title f-desc\" w=\"1\"><title "
                             "id=\"f-title\">&lt;t&gt;</title><desc id=\"f-desc\">d</desc><g "
                             "id='f-a'/><use xlink:href='#f-a'/><rect fill=\"url(#f-b)\"/></svg>");
    free(got);
}

/* The lines under "How to repeat it" are an experiment of the very same runs. */
static void the_experiment_is_the_same(void **state) {
    (void)state;
    static const char *const texts[] = {
        "family,depth,seed,batch,schedule\nplain|resnet,8|20,1|2,64,none\n",
        "family,depth,epochs,lr,dataset\nresnet,8,2.5,0.05,mnist\n",
        "depth\n20\n",
    };
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        Experiment first, again;
        char *text = NULL, *lines = NULL;
        size_t size;
        int columns_count;
        const Column *columns = columns_independent(&columns_count);
        assert_int_equal(experiment_read(scratch_text("e.csv", texts[t]), NULL, 0, NULL, &first),
                         STATUS_OK);
        FILE *file = open_memstream(&text, &size);
        for (int i = 0; i < columns_count; i++)
            fprintf(file, "%s,", columns[i].name);
        fprintf(file, "key,status,test_error_pct\n");
        for (int r = 0; r < first.count; r++) {
            for (int i = 0; i < columns_count; i++) {
                char cell[256];
                config_get(&first.runs[r].config, columns[i].name, cell, sizeof cell);
                csv_put(file, cell);
                fputc(',', file);
            }
            fprintf(file, "k%d,done,5\n", r);
        }
        fclose(file);
        char name[16];
        snprintf(name, sizeof name, "again%zu", t);
        Results results;
        assert_int_equal(results_read(fixture_folder(name, text, "key,iteration\nx,1\n"), &results),
                         STATUS_OK);
        file = open_memstream(&lines, &size);
        page_experiment(file, &results);
        fclose(file);
        if (experiment_read(scratch_text("again.csv", lines), NULL, 0, NULL, &again) != STATUS_OK)
            fail_msg("%s in\n%s", status_message(), lines);
        assert_int_equal(again.count, first.count);
        for (int r = 0; r < first.count; r++) {
            char want[CANONICAL_SIZE], got[CANONICAL_SIZE];
            config_canonical(&first.runs[r].config, want);
            config_canonical(&again.runs[r].config, got);
            assert_string_equal(got, want);
        }
        experiment_free(&first);
        experiment_free(&again);
        results_free(&results);
        free(text);
        free(lines);
    }
}

/* Without gnuplot there is a page, and it says what is missing. */
static void without_gnuplot(void **state) {
    (void)state;
    char path[1024], *old = strdup(getenv("PATH"));
    bool figures = true;
    const char *folder = fixture_copy("plain_page");
    setenv("PATH", "/nonexistent", 1);
    Status status = page_write(folder, level, &figures);
    setenv("PATH", old, 1);
    free(old);
    assert_int_equal(status, STATUS_OK);
    assert_false(figures);
    assert_non_null(strstr(status_message(), "gnuplot"));
    snprintf(path, sizeof path, "%s/report.html", folder);
    char *page = slurp_text(path);
    has(page, "No figures: gnuplot is not in PATH");
    assert_well_formed(page);
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_there),     cmocka_unit_test(figures_have_alternatives),
        cmocka_unit_test(hostile_text_stays_text), cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(only_figures_are_copied), cmocka_unit_test(the_experiment_is_the_same),
        cmocka_unit_test(without_gnuplot),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
