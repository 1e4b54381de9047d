#include "harness/sweep/config.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/sweep/columns.h"
#include "harness/sweep/values.h"

/* ---- values as text ---- */

/* "did you mean 'resnet'?" or nothing. */
static const char *hint(const char *choices, const char *value, char *text, size_t size) {
    enum { WORDS = 16 };
    char copy[256], *rest = copy;
    const char *words[WORDS + 1] = {NULL};
    int count = 0;
    snprintf(copy, sizeof copy, "%s", choices);
    for (char *word; count < WORDS && (word = strsep(&rest, "|")) != NULL;)
        words[count++] = word;
    const char *near = cli_nearest(value, words);
    text[0] = '\0';
    if (near)
        snprintf(text, size, "; did you mean '%s'?", near);
    return text;
}

static Status refuse(const Column *column, const char *value) {
    char allowed[256], more[64] = "";
    columns_values(column, allowed, sizeof allowed);
    if (column->choices)
        hint(column->choices, value, more, sizeof more);
    return status_fail(STATUS_BAD_INPUT, "%s: '%s' is not allowed here (%s)%s", column->name, value,
                       allowed, more);
}

static bool is_stage_list(const char *column) {
    return strcmp(column, "blocks") == 0 || strcmp(column, "channels") == 0 ||
           strcmp(column, "bottlenecks") == 0;
}

/* "3 3 3"; "none" is an empty list. */
static Status stages_parse(const char *column, const char *text, StageList *stages) {
    char copy[128], *rest = copy;
    *stages = (StageList){0};
    if (strcmp(text, "none") == 0)
        return STATUS_OK;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        int64_t value;
        if (stages->count == STAGES_MAX || !value_int(word, &value) || value < 1 || value > 4096)
            return status_fail(
                STATUS_BAD_INPUT,
                "%s: '%s': expected 1 to %d whole numbers from 1 to 4096 with blanks "
                "between them, one a stage, or none",
                column, text, STAGES_MAX);
        stages->values[stages->count++] = (int)value;
    }
    return STATUS_OK;
}

static void stages_print(const StageList *stages, char *text, size_t size) {
    size_t used = 0;
    snprintf(text, size, "none");
    for (int i = 0; i < stages->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%d", i ? " " : "", stages->values[i]);
}

static Status set_text(const Column *column, char *field, const char *value) {
    char text[256];
    Schedule schedule;
    Warmup warmup;
    StageList stages;
    value_squeeze(value, text, sizeof text);
    bool none = strcmp(text, "none") == 0;
    if (!text[0] || strlen(value) + 1 > column->size)
        return status_fail(STATUS_BAD_INPUT, "%s: '%s' is empty or longer than %zu characters",
                           column->name, value, column->size - 1);
    /* The size of an epoch is not known yet; it matters to no check but that of the order, which
     * the run makes again. */
    if (!none && strcmp(column->name, "schedule") == 0)
        TRY(schedule_parse(text, 50000, 128, &schedule));
    if (!none && strcmp(column->name, "warmup") == 0)
        TRY(warmup_parse(text, &warmup));
    if (!none && is_stage_list(column->name))
        TRY(stages_parse(column->name, text, &stages));
    snprintf(field, column->size, "%s", text);
    return STATUS_OK;
}

static Status set_path(const Column *column, char *field, const char *value) {
    if (!value[0] || strlen(value) + 1 > column->size)
        return status_fail(STATUS_BAD_INPUT, "%s: '%s' is empty or longer than %zu characters",
                           column->name, value, column->size - 1);
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < ' ')
            return status_fail(STATUS_BAD_INPUT, "%s: control characters in a file's name",
                               column->name);
    snprintf(field, column->size, "%s", value);
    return STATUS_OK;
}

/* ---- one column ---- */

static Status unknown(const char *column) {
    const char *near = columns_nearest(column);
    if (near)
        return status_fail(STATUS_BAD_INPUT, "unknown column '%s'; did you mean '%s'?", column,
                           near);
    return status_fail(STATUS_BAD_INPUT,
                       "unknown column '%s'; 'harness list columns' names them all", column);
}

static Status set_number(const Column *column, void *field, const char *value) {
    bool zero = column->zero && strcmp(value, column->zero) == 0, integer;
    double real = 0;
    int64_t whole = 0;
    integer = column->type == COLUMN_INT;
    if (!zero && !(integer ? value_int(value, &whole) : value_real(value, &real)))
        return refuse(column, value);
    if (integer)
        real = (double)whole;
    if (!zero && !(real >= column->low && real <= column->high))
        return refuse(column, value);
    if (integer)
        *(int64_t *)field = whole;
    else
        *(double *)field = real == 0 ? 0 : real; /* no minus zero */
    return STATUS_OK;
}

static Status set_field(const Column *column, void *field, const char *value) {
    int64_t index;
    switch (column->type) {
    case COLUMN_INT:
    case COLUMN_REAL:
        return set_number(column, field, value);
    case COLUMN_SWITCH:
        index = value_choice("0|1|no|yes|false|true|off|on", value);
        if (index < 0)
            return refuse(column, value);
        *(int64_t *)field = index % 2;
        return STATUS_OK;
    case COLUMN_CHOICE:
        index = value_choice(column->choices, value);
        if (index < 0)
            return refuse(column, value);
        *(int64_t *)field = index;
        return STATUS_OK;
    case COLUMN_WORD:
        if (value_choice(column->choices, value) < 0)
            return refuse(column, value);
        snprintf(field, column->size, "%s", value);
        return STATUS_OK;
    case COLUMN_TEXT:
        return set_text(column, field, value);
    case COLUMN_PATH:
        return set_path(column, field, value);
    }
    return STATUS_OK;
}

Status config_set(RunConfig *config, const char *name, const char *value) {
    const Column *column = columns_find(name);
    if (!column)
        return unknown(name);
    TRY(set_field(column, (char *)config + column->offset, value));
    if (strcmp(name, "epochs") == 0 && config->epochs > 0)
        config->iterations = 0;
    if (strcmp(name, "iterations") == 0 && config->iterations > 0)
        config->epochs = 0;
    return STATUS_OK;
}

Status config_set_pair(RunConfig *config, const char *pair) {
    char name[64];
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair || (size_t)(equals - pair) >= sizeof name)
        return status_fail(STATUS_BAD_INPUT, "'%s': expected COLUMN=VALUE, as in depth=20", pair);
    snprintf(name, sizeof name, "%.*s", (int)(equals - pair), pair);
    return config_set(config, name, equals + 1);
}

Status config_set_list(RunConfig *config, const char *pairs) {
    char pair[256];
    while (*pairs) {
        size_t length = strcspn(pairs, ",");
        if (length >= sizeof pair)
            return status_fail(STATUS_BAD_INPUT, "'%s': longer than %zu characters", pairs,
                               sizeof pair - 1);
        memcpy(pair, pairs, length);
        pair[length] = 0;
        TRY(config_set_pair(config, pair));
        pairs += length + (pairs[length] == ',');
    }
    return STATUS_OK;
}

static bool is_text(const Column *column) {
    return column->type == COLUMN_WORD || column->type == COLUMN_TEXT ||
           column->type == COLUMN_PATH;
}

Status config_get(const RunConfig *config, const char *name, char *text, size_t size) {
    const Column *column = columns_find(name);
    if (!column)
        return unknown(name);
    const void *field = (const char *)config + column->offset;
    int64_t whole = 0;
    double real = 0;
    if (column->type == COLUMN_REAL)
        real = *(const double *)field;
    else if (!is_text(column))
        whole = *(const int64_t *)field;
    if (column->zero && (column->type == COLUMN_REAL ? real == 0 : whole == 0))
        snprintf(text, size, "%s", column->zero);
    else if (column->type == COLUMN_REAL)
        value_put_real(real, text, size);
    else if (column->type == COLUMN_CHOICE)
        value_choice_name(column->choices, whole, text, size);
    else if (is_text(column))
        snprintf(text, size, "%s", (const char *)field);
    else
        snprintf(text, size, "%lld", (long long)whole);
    return STATUS_OK;
}

void config_default(RunConfig *config) {
    int count;
    const Column *columns = columns_independent(&count);
    memset(config, 0, sizeof *config);
    for (int i = 0; i < count; i++) /* sound: the tests read every default */
        set_field(&columns[i], (char *)config + columns[i].offset, columns[i].fallback);
}

/* ---- the whole ---- */

Status config_settle(RunConfig *config) {
    ModelSpec spec = config_model(config, (Shape){0, 0, 0}, 0);
    TRY(model_complete(&spec));
    config->depth = spec.depth;
    config->shortcut = spec.shortcut;
    config->block = spec.block;
    config->width = spec.width;
    config->profile = spec.profile;
    config->first_kernel = spec.first_kernel;
    config->bottleneck_stride = spec.bottleneck_stride;
    stages_print(&spec.blocks, config->blocks, sizeof config->blocks);
    stages_print(&spec.channels, config->channels, sizeof config->channels);
    stages_print(&spec.bottlenecks, config->bottlenecks, sizeof config->bottlenecks);
    return STATUS_OK;
}

/* What table 1 of arXiv 1603.05027 does to the two summands of an addition. */
static Status check_mixing(const RunConfig *config) {
    const char *set = NULL;
    if (config->gate == GATE_NONE && config->gate_bias != 0)
        return status_fail(STATUS_BAD_INPUT, "gate_bias: without a gate there is none; leave it 0");
    if (config->gate != GATE_NONE)
        set = "gate";
    if (config->shortcut_scale != 1)
        set = "shortcut_scale";
    if (config->residual_scale != 1)
        set = "residual_scale";
    if (config->shortcut_dropout > 0)
        set = "shortcut_dropout";
    if (set && config->family == FAMILY_PLAIN)
        return status_fail(STATUS_BAD_INPUT, "%s: plain nets have no addition; leave it out", set);
    return STATUS_OK;
}

static Status check_net(const RunConfig *config) {
    RunConfig settled = *config;
    TRY(config_settle(&settled));
    if (settled.family == FAMILY_PLAIN && settled.shortcut != SHORTCUT_A)
        return status_fail(STATUS_BAD_INPUT,
                           "shortcut: plain nets have none; leave it A (which has no parameters) "
                           "or give the plain nets a row of their own");
    if (settled.pad_side != PAD_APPEND &&
        (settled.family == FAMILY_PLAIN || settled.shortcut != SHORTCUT_A))
        return status_fail(STATUS_BAD_INPUT,
                           "pad_side: only residual nets with shortcut A pad channels");
    return check_mixing(config);
}

static Status check_optimizer(const RunConfig *config) {
    if (config->optimizer != CHOOSE_ADAM)
        return STATUS_OK;
    if (config->nesterov)
        return status_fail(STATUS_BAD_INPUT, "nesterov: adam has no such form");
    if (config->sgd_form != OPTIMIZER_SGD_CAFFE)
        return status_fail(STATUS_BAD_INPUT, "sgd_form: adam has none; leave it out");
    return STATUS_OK;
}

/* Images of this size must hold the net's input with an even rest, so that there is a middle. */
static Status check_resize(const RunConfig *config, const char *column, int64_t size) {
    if (!size)
        return STATUS_OK;
    if (config->normalize == NORMALIZE_PIXEL)
        return status_fail(STATUS_BAD_INPUT,
                           "normalize: a mean image by pixel does not fit resized images; use "
                           "channel, imagenet or scale");
    if (config->input_size && (size < config->input_size || (size - config->input_size) % 2))
        return status_fail(STATUS_BAD_INPUT,
                           "%s: %lld is smaller than input_size=%lld or larger by an odd number",
                           column, (long long)size, (long long)config->input_size);
    return STATUS_OK;
}

/* A step is equal shares, and a share is whole batch-norm groups. */
static Status check_batch(const RunConfig *config) {
    long long batch = config->batch, group = config->bn_group, shares = config->shares;
    if (group && batch % group)
        return status_fail(STATUS_BAD_INPUT, "bn_group: %lld does not divide the batch of %lld",
                           group, batch);
    if (shares & (shares - 1))
        return status_fail(STATUS_BAD_INPUT, "shares: %lld is none of 1, 2, 4, 8, ...", shares);
    if (batch % shares)
        return status_fail(STATUS_BAD_INPUT, "shares: %lld do not divide the batch of %lld", shares,
                           batch);
    if (group && batch / shares % group)
        return status_fail(STATUS_BAD_INPUT,
                           "shares: bn_group=%lld does not divide a share of %lld images", group,
                           batch / shares);
    if (shares > 1 && config->last_batch == LAST_BATCH_KEEP)
        return status_fail(STATUS_BAD_INPUT,
                           "shares: last_batch=keep ends epochs with batches that may have no "
                           "equal shares; use exact or drop");
    return STATUS_OK;
}

Status config_check(const RunConfig *config) {
    TRY(check_net(config));
    TRY(check_resize(config, "resize", config->resize));
    TRY(check_resize(config, "test_resize", config->test_resize));
    TRY(check_optimizer(config));
    if (!config->iterations && !(config->epochs > 0))
        return status_fail(STATUS_BAD_INPUT, "iterations: neither iterations nor epochs are given");
    return check_batch(config);
}

const char *config_init_weights(const RunConfig *config) {
    return strcmp(config->init_weights, "none") == 0 ? NULL : config->init_weights;
}

ModelSpec config_model(const RunConfig *config, Shape data, int classes) {
    Shape input = data;
    if (config->input_size)
        input.h = input.w = (int)config->input_size;
    ModelSpec spec = {.model = config->model,
                      .family = (Family)config->family,
                      .depth = (int)config->depth,
                      .shortcut = (Shortcut)config->shortcut,
                      .pad_side = (PadSide)config->pad_side,
                      .width = (int)config->width,
                      .input = input,
                      .classes = classes,
                      .block = (BlockKind)config->block,
                      .bottleneck_stride = (BottleneckStride)config->bottleneck_stride,
                      .activation = (Activation)config->activation,
                      .gate = (Gate)config->gate,
                      .gate_bias = config->gate_bias,
                      .shortcut_scale = config->shortcut_scale,
                      .residual_scale = config->residual_scale,
                      .shortcut_dropout = config->shortcut_dropout,
                      .profile = (Profile)config->profile,
                      .first_kernel = (int)config->first_kernel};
    /* sound: config_set() has read each of them */
    stages_parse("blocks", config->blocks, &spec.blocks);
    stages_parse("channels", config->channels, &spec.channels);
    stages_parse("bottlenecks", config->bottlenecks, &spec.bottlenecks);
    return spec;
}

Optimizer config_optimizer(const RunConfig *config) {
    Optimizer optimizer = {.momentum = config->momentum,
                           .nesterov = config->nesterov != 0,
                           .weight_decay = config->weight_decay,
                           .decay_scope = (DecayScope)config->decay_scope,
                           .beta1 = config->momentum,
                           .beta2 = 0.999,
                           .eps = 1e-8};
    if (config->optimizer == CHOOSE_ADAM)
        optimizer.kind = OPTIMIZER_ADAM;
    else
        optimizer.kind = config->sgd_form ? OPTIMIZER_SGD_TORCH : OPTIMIZER_SGD_CAFFE;
    return optimizer;
}
