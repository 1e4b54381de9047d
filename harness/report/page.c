#include "harness/report/page.h"

#include <string.h>

#include "harness/base/version.h"
#include "harness/report/files.h"
#include "harness/report/html.h"
#include "harness/report/reference.h"
#include "harness/report/report.h"

/* The folder's own name, whatever stands around it. */
static void folder_name(const char *dir, char *name, size_t size) {
    size_t end = strlen(dir);
    while (end > 1 && dir[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && dir[begin - 1] != '/')
        begin--;
    snprintf(name, size, "%.*s", (int)(end - begin), dir + begin);
}

static void put_head(FILE *file, const char *name) {
    fprintf(file,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta name=\"color-scheme\" content=\"light dark\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            "style-src 'unsafe-inline'\">\n"
            "<meta name=\"generator\" content=\"ResLab %s\">\n<title>",
            version_number());
    html_text(file, name);
    fprintf(file, " - ResLab</title>\n");
    page_style(file);
    fprintf(file, "</head>\n<body>\n<main>\n<h1>");
    html_text(file, name);
    fprintf(file, "</h1>\n");
}

static Status put_page(FILE *file, void *context) {
    const Page *page = context;
    char name[256];
    folder_name(page->dir, name, sizeof name);
    put_head(file, name);
    page_summary(file, page);
    page_verdicts(file, page);
    TRY(page_figures(file, page));
    page_nets(file, page);
    page_provenance(file, page);
    TRY(page_repeat(file, page));
    fprintf(file, "</main>\n</body>\n</html>\n");
    return STATUS_OK;
}

Status page_write(const char *dir, Level level, bool *figures) {
    Verdicts verdicts;
    Page page = {.dir = dir, .verdicts = &verdicts};
    Status status = report_write(dir);
    if (status == STATUS_UNAVAILABLE)
        snprintf(page.no_figures, sizeof page.no_figures, "%s", status_message());
    else if (status != STATUS_OK)
        return status;
    TRY(verdicts_read(dir, level, &verdicts));
    CHECK(verdicts_write(dir, &verdicts));
    CHECK(reference_open(&page.reference));
    CHECK(file_replace(dir, "report.html", put_page, &page));
    *figures = !page.no_figures[0];
    if (page.no_figures[0])
        status_fail(STATUS_UNAVAILABLE, "%s", page.no_figures);
out:
    csv_table_free(&page.reference);
    verdicts_free(&verdicts);
    return status;
}
