#include "harness/data/download.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/digest.h"

enum { CONNECT_SECONDS = 30, STALL_SECONDS = 60 };
static const long long size_limit = 4LL << 30; /* where the table does not give a size */

typedef struct Transfer {
    const SourceRow *row;
    FILE *part;
    long long from;    /* bytes that were here before */
    long long written; /* from included */
    bool too_long;
    FetchProgress *progress;
    void *context;
} Transfer;

static size_t on_bytes(char *bytes, size_t one, size_t size, void *data) {
    Transfer *transfer = data;
    long long limit = transfer->row->bytes ? transfer->row->bytes : size_limit;
    transfer->too_long = transfer->written + (long long)(one * size) > limit;
    if (transfer->too_long)
        return 0;
    size_t put = fwrite(bytes, one, size, transfer->part);
    transfer->written += (long long)(one * put);
    return put;
}

static int on_progress(void *data, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now) {
    Transfer *transfer = data;
    (void)now;
    (void)up_total;
    (void)up_now;
    long long whole = transfer->row->bytes ? transfer->row->bytes
                      : total > 0          ? transfer->from + total
                                           : 0;
    if (transfer->progress)
        transfer->progress(transfer->context, transfer->row->file, transfer->written, whole);
    return 0;
}

static void set_options(CURL *curl, Transfer *transfer, char *message) {
    curl_easy_setopt(curl, CURLOPT_URL, transfer->row->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "reslab");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)transfer->from);
}

static Status explain(const Transfer *transfer, CURLcode code, const char *message) {
    const SourceRow *row = transfer->row;
    if (transfer->too_long)
        return status_fail(STATUS_BAD_INPUT,
                           "%s: longer than the expected %lld bytes: not the file that is wanted",
                           row->url, row->bytes ? row->bytes : size_limit);
    if (code == CURLE_WRITE_ERROR)
        return status_fail(STATUS_IO, "%s: cannot write to %s.part after %lld bytes: %s", row->url,
                           row->file, transfer->written, strerror(errno));
    const char *text = message[0] ? message : curl_easy_strerror(code);
    if (transfer->written > 0)
        return status_fail(STATUS_IO,
                           "%s: %s; the %lld bytes that came are kept: run the same command again "
                           "to go on from there",
                           row->url, text, transfer->written);
    return status_fail(STATUS_IO, "%s: %s; check the network and run the same command again",
                       row->url, text);
}

/* Appends to the part from byte `from`. *restart: the server cannot go on from there. */
static Status transfer_from(Transfer *transfer, long long from, bool *restart) {
    char message[CURL_ERROR_SIZE] = "";
    long http = 0;
    transfer->from = transfer->written = from;
    transfer->too_long = *restart = false;
    if (fflush(transfer->part) != 0 || ftruncate(fileno(transfer->part), from) != 0)
        return status_fail(STATUS_IO, "%s.part: %s", transfer->row->file, strerror(errno));
    CURL *curl = curl_easy_init();
    if (!curl)
        return status_fail(STATUS_NO_MEMORY, "libcurl cannot start");
    set_options(curl, transfer, message);
    errno = 0;
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    curl_easy_cleanup(curl);
    if (fflush(transfer->part) != 0)
        return status_fail(STATUS_IO, "%s.part: %s", transfer->row->file, strerror(errno));
    if (code == CURLE_OK)
        return STATUS_OK;
    *restart = from > 0 && (code == CURLE_RANGE_ERROR || http == 416 || transfer->too_long);
    return explain(transfer, code, message);
}

/* Fetches what is missing after `from`; *fresh tells whether it began at 0. */
static Status complete(Transfer *transfer, long long from, bool *fresh) {
    bool restart;
    Status status = transfer_from(transfer, from, &restart);
    *fresh = from == 0 || restart;
    return restart ? transfer_from(transfer, 0, &restart) : status;
}

static Status check_sum(const SourceRow *row, const char *part, bool *right) {
    char found[DIGEST_TEXT];
    TRY(digest_file(part, found));
    *right = strcmp(found, row->sha256) == 0;
    if (*right)
        return STATUS_OK;
    return status_fail(
        STATUS_BAD_INPUT,
        "%s: SHA-256 is %s, expected %s: the file was changed or damaged on the way; "
        "it has been deleted: try again, or mend the table of addresses",
        row->url, found, row->sha256);
}

/* From whatever the part holds to a part with the right sum. */
static Status make_part(Transfer *transfer, const char *part, bool *right) {
    const SourceRow *row = transfer->row;
    fseek(transfer->part, 0, SEEK_END);
    long long here = ftell(transfer->part);
    bool fresh = true;
    *right = false;
    if (here > 0 && (row->bytes == 0 || here >= row->bytes)) {
        check_sum(row, part, right);
        if (*right)
            return STATUS_OK;
        here = row->bytes == 0 ? here : 0;
    }
    TRY(complete(transfer, here, &fresh));
    Status status = check_sum(row, part, right);
    if (!*right && !fresh) { /* the part may have been of another file */
        TRY(complete(transfer, 0, &fresh));
        status = check_sum(row, part, right);
    }
    return status;
}

Status download_file(const SourceRow *row, const char *path, FetchProgress *progress,
                     void *context) {
    char part[PATH_MAX];
    bool right = false;
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return status_fail(STATUS_BAD_INPUT, "%s: the path is too long", path);
    FILE *file = fopen(part, "ab");
    if (!file)
        return status_fail(STATUS_IO, "%s: cannot be written: %s", part, strerror(errno));
    Transfer transfer = {.row = row, .part = file, .progress = progress, .context = context};
    Status status = make_part(&transfer, part, &right);
    if (status == STATUS_OK && fsync(fileno(file)) != 0)
        status = status_fail(STATUS_IO, "%s: %s", part, strerror(errno));
    bool empty = ftell(file) == 0;
    fclose(file);
    if (status == STATUS_BAD_INPUT || empty)
        remove(part);
    if (status == STATUS_OK && rename(part, path) != 0)
        status = status_fail(STATUS_IO, "%s: cannot be renamed: %s", part, strerror(errno));
    return status;
}
