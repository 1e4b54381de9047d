#include "harness/verdict/selector.h"

#include <string.h>

#include "harness/sweep/columns.h"
#include "harness/sweep/values.h"

/* The length of NAME when a word is NAME=..., else 0. */
static size_t name_length(const char *word) {
    size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyz_0123456789");
    return word[length] == '=' ? length : 0;
}

static Status check_name(const Selector *selector, const char *name) {
    if (strcmp(name, "seed") == 0 || strcmp(name, "threads") == 0)
        return status_fail(STATUS_BAD_INPUT, "'%s' does not tell groups apart; leave it out", name);
    if (!columns_find(name)) {
        const char *near = columns_nearest(name);
        return near ? status_fail(STATUS_BAD_INPUT, "unknown column '%s'; did you mean '%s'?", name,
                                  near)
                    : status_fail(STATUS_BAD_INPUT,
                                  "unknown column '%s'; 'harness list columns' names them all",
                                  name);
    }
    for (int i = 0; i < selector->count; i++)
        if (strcmp(selector->names[i], name) == 0)
            return status_fail(STATUS_BAD_INPUT, "'%s' is there twice", name);
    return STATUS_OK;
}

/* A word that is no condition belongs to the value before it: the zero byte that cut it off becomes
 * a blank again. */
static Status take_word(Selector *selector, char *word, char *end) {
    size_t length = name_length(word);
    if (!length && selector->count == 0)
        return status_fail(STATUS_BAD_INPUT, "'%s': expected COLUMN=VALUE, as in depth=56", word);
    if (!length) {
        char *value_end = (char *)selector->values[selector->count - 1];
        value_end += strlen(value_end);
        *value_end = ' ';
        memmove(value_end + 1, word, (size_t)(end - word) + 1);
        return STATUS_OK;
    }
    word[length] = '\0';
    TRY(check_name(selector, word));
    if (selector->count == SELECTOR_MAX)
        return status_fail(STATUS_BAD_INPUT, "more than %d conditions", SELECTOR_MAX);
    selector->names[selector->count] = word;
    selector->values[selector->count++] = word + length + 1;
    return STATUS_OK;
}

Status selector_parse(const char *text, Selector *selector) {
    *selector = (Selector){.count = 0};
    if (strlen(text) >= sizeof selector->text)
        return status_fail(STATUS_BAD_INPUT, "longer than %zu bytes", sizeof selector->text - 1);
    strcpy(selector->text, text);
    char *rest = selector->text;
    for (char *word; (word = strsep(&rest, " \t")) != NULL;) {
        if (*word)
            TRY(take_word(selector, word, word + strlen(word)));
    }
    if (selector->count == 0)
        return status_fail(STATUS_BAD_INPUT, "no group; expected as in 'family=plain depth=56'");
    return STATUS_OK;
}

bool selector_holds(const Selector *selector, const Results *results, int run) {
    for (int i = 0; i < selector->count; i++)
        if (!value_same(run_text(results, results->runs[run].row, selector->names[i]),
                        selector->values[i]))
            return false;
    return true;
}
