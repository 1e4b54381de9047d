#include "harness/report/html.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* ---- text ---- */

/* The length of the UTF-8 sequence at `text`, 1 to 4; 0 when there is none. Overlong forms and
 * surrogates are none. */
static int utf8_length(const unsigned char *text) {
    static const unsigned char second_low[4] = {0x80, 0xA0, 0x80, 0x90};
    int length;
    if (text[0] < 0x80)
        return 1;
    if (text[0] >= 0xC2 && text[0] <= 0xDF)
        length = 2;
    else if (text[0] >= 0xE0 && text[0] <= 0xEF)
        length = 3;
    else if (text[0] >= 0xF0 && text[0] <= 0xF4)
        length = 4;
    else
        return 0;
    unsigned char low = text[0] == 0xE0 ? second_low[1] : text[0] == 0xF0 ? second_low[3] : 0x80;
    unsigned char high = text[0] == 0xED ? 0x9F : text[0] == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < low || text[1] > high)
        return 0;
    for (int i = 2; i < length; i++)
        if (text[i] < 0x80 || text[i] > 0xBF)
            return 0;
    return length;
}

void html_text(FILE *file, const char *text) {
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        int length = utf8_length(p);
        const char *found = length == 1 ? strchr(special, *p) : NULL;
        bool control =
            (*p < ' ' && *p != '\n' && *p != '\t') || *p == 127 || (p[0] == 0xC2 && p[1] < 0xA0);
        if (found)
            fputs(entities[found - special], file);
        else if (length == 0 || control)
            fputs("\xEF\xBF\xBD", file);
        else
            fwrite(p, 1, (size_t)length, file);
        p += length ? length : 1;
    }
}

void html_number(FILE *file, double value, int decimals) {
    if (!isnan(value) && !isinf(value))
        fprintf(file, "%.*f", decimals, value);
}

/* ---- tables ---- */

void html_table(FILE *file, const char *caption, const char *head) {
    fprintf(file, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    html_text(file, caption);
    fprintf(file, "\"><table><caption>");
    html_text(file, caption);
    fprintf(file, "</caption>\n<thead><tr>");
    while (*head) {
        char cell[128];
        size_t length = strcspn(head, "|");
        bool number = *head == '#';
        snprintf(cell, sizeof cell, "%.*s", (int)(length - number), head + number);
        fprintf(file, "<th scope=\"col\"%s>", number ? " class=\"n\"" : "");
        html_text(file, cell);
        fprintf(file, "</th>");
        head += length + (head[length] == '|');
    }
    fprintf(file, "</tr></thead>\n<tbody>\n");
}

void html_row(FILE *file, const char *first) {
    fprintf(file, "<tr><th scope=\"row\">");
    html_text(file, first);
    fprintf(file, "</th>");
}

void html_cell(FILE *file, const char *text) {
    fprintf(file, "<td>");
    html_text(file, text);
    fprintf(file, "</td>");
}

void html_cell_number(FILE *file, double value, int decimals) {
    fprintf(file, "<td class=\"n\">");
    html_number(file, value, decimals);
    fprintf(file, "</td>");
}

void html_cell_mean(FILE *file, double mean, double sd, int decimals) {
    fprintf(file, "<td class=\"n\">");
    html_number(file, mean, decimals);
    if (!isnan(sd)) {
        fprintf(file, " ± ");
        html_number(file, sd, decimals);
    }
    fprintf(file, "</td>");
}

void html_end_row(FILE *file) {
    fprintf(file, "</tr>\n");
}

void html_end_table(FILE *file) {
    fprintf(file, "</tbody></table></div>\n");
}

/* ---- figures ---- */

/* Where an id is given or used: the text before it. gnuplot quotes either way. */
static size_t id_follows(const char *svg) {
    static const char *const before[] = {" id=\"", " id='", "href=\"#", "href='#", "url(#"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        if (strncmp(svg, before[i], strlen(before[i])) == 0)
            return strlen(before[i]);
    return 0;
}

/* The end of an element <name>...</name> that begins here; NULL when none does. */
static const char *skip_element(const char *svg, const char *name) {
    char open[16], close[16];
    snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    if (strncmp(svg, open, strlen(open)) != 0)
        return NULL;
    const char *end = strstr(svg, close);
    return end ? end + strlen(close) : NULL;
}

static void put_names(FILE *file, const char *prefix, const char *title, const char *description) {
    fprintf(file, "<title id=\"%s-title\">", prefix);
    html_text(file, title);
    fprintf(file, "</title><desc id=\"%s-desc\">", prefix);
    html_text(file, description);
    fprintf(file, "</desc>");
}

Status html_svg(FILE *file, const char *svg, const char *prefix, const char *title,
                const char *description) {
    const char *p = strstr(svg, "<svg"), *end;
    if (!p || !strchr(p, '>') || !strstr(p, "</svg>") || strstr(p, "<script"))
        return status_fail(STATUS_BAD_INPUT, "the figure %s is not what gnuplot draws", prefix);
    fprintf(file, "<svg role=\"img\" aria-labelledby=\"%s-title %s-desc\"", prefix, prefix);
    bool named = false;
    for (p += 4; *p;) {
        size_t id = id_follows(p);
        if ((end = skip_element(p, "title")) || (end = skip_element(p, "desc"))) {
            p = end;
        } else if (id) {
            fprintf(file, "%.*s%s-", (int)id, p, prefix);
            p += id;
        } else {
            fputc(*p, file);
            if (*p++ == '>' && !named) {
                put_names(file, prefix, title, description);
                named = true;
            }
        }
    }
    return STATUS_OK;
}
