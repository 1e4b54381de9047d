#include "harness/sweep/values.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t value_choice(const char *choices, const char *word) {
    size_t length = strlen(word);
    int64_t index = 0;
    for (const char *c = choices; c; index++) {
        const char *end = strchr(c, '|');
        size_t here = end ? (size_t)(end - c) : strlen(c);
        if (here == length && memcmp(c, word, here) == 0)
            return index;
        c = end ? end + 1 : NULL;
    }
    return -1;
}

void value_choice_name(const char *choices, int64_t index, char *text, size_t size) {
    while (index-- > 0)
        choices = strchr(choices, '|') + 1;
    snprintf(text, size, "%.*s", (int)strcspn(choices, "|"), choices);
}

bool value_real(const char *text, double *value) {
    char *end;
    if (!text[0] || text[strspn(text, "0123456789+-.eE")])
        return false;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

bool value_int(const char *text, int64_t *value) {
    char *end;
    if (!text[0] || text[strspn(text, "0123456789+-")])
        return false;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

bool value_same(const char *a, const char *b) {
    char *end_a, *end_b;
    double x = strtod(a, &end_a), y = strtod(b, &end_b);
    if (*a && *b && *end_a == '\0' && *end_b == '\0')
        return x == y;
    return strcmp(a, b) == 0;
}

void value_put_real(double value, char *text, size_t size) {
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

void value_squeeze(const char *value, char *text, size_t size) {
    size_t used = 0;
    for (const char *c = value; *c && used + 2 < size; c++) {
        if (!strchr(" \t", *c))
            text[used++] = *c;
        else if (used && text[used - 1] != ' ')
            text[used++] = ' ';
    }
    while (used && text[used - 1] == ' ')
        used--;
    text[used] = '\0';
}
