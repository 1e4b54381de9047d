#include "harness/sweep/key.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "harness/sweep/columns.h"

void config_canonical(const RunConfig *config, char text[CANONICAL_SIZE]) {
    int count, used = 0;
    const Column *columns = columns_independent(&count);
    for (int i = 0; i < count; i++) {
        char value[256];
        config_get(config, columns[i].name, value, sizeof value);
        const char *unsaid = columns_unsaid(&columns[i]);
        if (unsaid && strcmp(value, unsaid) == 0)
            continue;
        used +=
            snprintf(text + used, CANONICAL_SIZE - (size_t)used, "%s=%s\n", columns[i].name, value);
    }
}

ConvAlgorithm config_conv(const RunConfig *config, const Backend *backend) {
    return config->conv == CONV_AUTO ? backend->ops->conv : (ConvAlgorithm)config->conv;
}

void config_resolve(RunConfig *config, const Backend *backend) {
    snprintf(config->backend, sizeof config->backend, "%s", backend->ops->name);
    if (strcmp(config->precision, "auto") == 0)
        snprintf(config->precision, sizeof config->precision, "%s",
                 precision_name(backend->ops->native));
    config->threads = backend->info.threads;
    config->conv = config_conv(config, backend);
}

Status precision_parse(const char *name, Precision *precision) {
    for (int p = PRECISION_FP32; p <= PRECISION_FP64; p++)
        if (strcmp(name, precision_name((Precision)p)) == 0) {
            *precision = (Precision)p;
            return STATUS_OK;
        }
    return status_fail(STATUS_BAD_INPUT, "precision: '%s' is none", name);
}

void run_key(const RunConfig *config, const char *dataset_sha256, const char *weights_sha256,
             char key[KEY_SIZE]) {
    char text[CANONICAL_SIZE];
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;
    config_canonical(config, text);
    sha256_init(&context);
    sha256_update(&context, strlen(text), (const uint8_t *)text);
    sha256_update(&context, strlen(dataset_sha256), (const uint8_t *)dataset_sha256);
    sha256_update(&context, strlen(weights_sha256), (const uint8_t *)weights_sha256);
    sha256_digest(&context, sizeof digest, digest);
    for (int i = 0; i < (KEY_SIZE - 1) / 2; i++)
        snprintf(key + 2 * i, 3, "%02x", digest[i]);
}
