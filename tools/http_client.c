/*
 * http_client.c - see http_client.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http_client.h"

#include <curl/curl.h>
#include <poll.h>
#include <string.h>
#include <muster/types.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli.h"

#define HTTP_ATTEMPTS_MAX 3
/* Before the second attempt; twice as long before the third. */
#define HTTP_PAUSE_MS 100
/* A server that wants more patience than this is told as busy. */
#define HTTP_RETRY_AFTER_MAX_S 5
/* A page of a list has some MB, all values of an attribute some 100 MB. */
#define HTTP_ANSWER_BYTES_MAX ((size_t)256 << 20)
#define HTTP_URL_BYTES_MAX ((size_t)64 << 10)
#define HTTP_TOKEN_BYTES_MAX 4096
#define NS_PER_S 1000000000ull

struct http_client {
    CURL *curl;
    char *url; /* without a slash at its end */
    char *authorization;
    char *ca_file;
    uint64_t timeout_ns;
    char reason[CURL_ERROR_SIZE];
    /* of the exchange at hand */
    http_exchange *exchange;
    curl_off_t moved;  /* bytes, both ways */
    uint64_t moved_at; /* when that was last more than before */
    bool stalled;
    bool gave_up; /* read said so */
    bool too_long;
};

/* ---- the client ---- */

static bool is_address(const char *url)
{
    const char *host = strstr(url, "://");
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return false;
    if (host[3] == '\0' || host[3] == '/' || strlen(url) > HTTP_URL_BYTES_MAX)
        return false;
    for (const char *at = url; *at != '\0'; at++)
        if (*at <= ' ' || *at == 0x7f || strchr("?#@\"<>\\", *at) != NULL)
            return false;
    return true;
}

static bool is_token(const char *token)
{
    if (*token == '\0' || strlen(token) > HTTP_TOKEN_BYTES_MAX)
        return false;
    for (; *token != '\0'; token++)
        if (*token <= ' ' || *token >= 0x7f)
            return false;
    return true;
}

int http_client_new(http_client **out, const http_client_options *options,
                    muster_error *err)
{
    static bool ready;
    *out = NULL;
    ASSERT(options->timeout_s > 0);
    if (!is_address(options->url))
        return error_set(err, MUSTER_EINVAL, "bad_url",
                         "a server is named as http://HOST:PORT or"
                         " https://HOST:PORT");
    if (options->token != NULL && !is_token(options->token))
        return error_set(err, MUSTER_EINVAL, "bad_token",
                         "the token is empty, too long, or has blanks in it");
    if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(err, MUSTER_EIO, "no_curl", "libcurl does not start");
    ready = true;
    http_client *h = mem_zalloc(sizeof *h);
    h->curl = curl_easy_init();
    ASSERT(h->curl != NULL); /* out of memory */
    size_t len = strlen(options->url);
    while (options->url[len - 1] == '/')
        len--;
    h->url = mem_strndup(options->url, len);
    if (options->ca_file != NULL)
        h->ca_file = mem_strdup(options->ca_file);
    if (options->token != NULL) {
        buffer b;
        buffer_init(&b, HTTP_TOKEN_BYTES_MAX + 64);
        buffer_printf(&b, "Authorization: Bearer %s", options->token);
        h->authorization = mem_strdup(buffer_cstr(&b));
        buffer_release(&b);
    }
    h->timeout_ns = options->timeout_s * NS_PER_S;
    *out = h;
    return 0;
}

void http_client_free(http_client *h)
{
    if (h == NULL)
        return;
    curl_easy_cleanup(h->curl);
    mem_free(h->url);
    mem_free(h->authorization);
    mem_free(h->ca_file);
    mem_free(h);
}

void http_exchange_init(http_exchange *x, const char *method, const char *path)
{
    *x = (http_exchange){.method = method, .path = path};
    buffer_init(&x->answer, HTTP_ANSWER_BYTES_MAX);
}

void http_exchange_release(http_exchange *x)
{
    buffer_release(&x->answer);
}

void http_put_encoded(buffer *out, muster_text text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                "UVWXYZ0123456789-._~";
    for (size_t i = 0; i < text.len; i++) {
        const char at = text.ptr[i];
        if (at != '\0' && strchr(plain, at) != NULL)
            buffer_put_u8(out, (uint8_t)at);
        else
            buffer_printf(out, "%%%02X", (unsigned)(unsigned char)at);
    }
}

/* ---- what libcurl calls ---- */

static size_t on_read(char *to, size_t size, size_t count, void *payload)
{
    http_client *h = payload;
    http_exchange *x = h->exchange;
    const ssize_t n = x->read(x->payload, to, size * count);
    h->moved_at = clock_monotonic_ns(); /* waiting for input is no stall */
    h->gave_up = n < 0;
    return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *payload)
{
    http_client *h = payload;
    http_exchange *x = h->exchange;
    const size_t len = size * count;
    buffer_put(&x->answer, bytes, len);
    h->too_long = !buffer_ok(&x->answer);
    return h->too_long ? 0 : len;
}

/* Called at least once a second. */
static int on_step(void *payload, curl_off_t to_come, curl_off_t come,
                   curl_off_t to_go, curl_off_t gone)
{
    http_client *h = payload;
    const uint64_t now = clock_monotonic_ns();
    (void)to_come;
    (void)to_go;
    if (come + gone > h->moved) {
        h->moved = come + gone;
        h->moved_at = now;
    }
    h->stalled = now - h->moved_at > h->timeout_ns;
    return h->stalled;
}

/* ---- one attempt ---- */

static struct curl_slist *header_list(const http_client *h,
                                      const http_exchange *x)
{
    struct curl_slist *list = NULL;
    buffer b;
    const char *const fields[][2] = {
        {"Accept", "application/json, text/plain;q=0.5"}, /* metrics */
        {"Content-Type", x->content_type != NULL ? x->content_type : ""},
        {"Idempotency-Key", x->idempotency_key},
        {"Transfer-Encoding", x->read != NULL ? "chunked" : NULL},
        {"Expect", ""}, /* not asked for: it costs a round trip */
    };
    buffer_init(&b, HTTP_URL_BYTES_MAX);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i][1] == NULL)
            continue;
        buffer_clear(&b);
        buffer_printf(&b, "%s:%s%s", fields[i][0],
                      fields[i][1][0] != '\0' ? " " : "", fields[i][1]);
        list = curl_slist_append(list, buffer_cstr(&b));
        ASSERT(list != NULL); /* out of memory */
    }
    if (h->authorization != NULL)
        list = curl_slist_append(list, h->authorization);
    buffer_release(&b);
    return list;
}

static void set_body(CURL *curl, const http_exchange *x)
{
    if (x->read != NULL) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        /* A stream cannot be sent again over another connection. */
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    } else if (x->body.ptr != NULL) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)x->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, x->body.ptr);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, x->method);
}

static CURLcode attempt(http_client *h, http_exchange *x, const char *url)
{
    CURL *curl = h->curl;
    struct curl_slist *headers = header_list(h, x);
    long status = 0;
    curl_easy_reset(curl); /* options only: the connection stays */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, h->reason);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(h->timeout_ns / 1000000));
    if (h->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, h->ca_file);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(curl, CURLOPT_READDATA, h);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_step);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, h);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    set_body(curl, x);
    h->exchange = x;
    h->moved = 0;
    h->moved_at = clock_monotonic_ns();
    h->stalled = h->gave_up = h->too_long = false;
    h->reason[0] = '\0';
    buffer_clear(&x->answer);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    x->status = (int)status;
    h->exchange = NULL;
    curl_slist_free_all(headers);
    return code;
}

/* ---- again, or what to say ---- */

static bool is_lost(CURLcode code)
{
    return code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
           code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE;
}

/* Milliseconds to wait before the next attempt; -1: it would not help. */
static int pause_ms(const http_client *h, const http_exchange *x,
                    CURLcode code, int attempts)
{
    curl_off_t after = 0;
    if (!x->repeatable || attempts == HTTP_ATTEMPTS_MAX)
        return -1;
    if (is_lost(code))
        return HTTP_PAUSE_MS << (attempts - 1);
    if (code != CURLE_OK || (x->status != 429 && x->status != 503))
        return -1;
    curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &after);
    if (after > HTTP_RETRY_AFTER_MAX_S)
        return -1;
    return after > 0 ? (int)after * 1000 : HTTP_PAUSE_MS << (attempts - 1);
}

/* libcurl's own words, or those of its code. */
static const char *reason_of(const http_client *h, CURLcode code)
{
    return h->reason[0] != '\0' ? h->reason : curl_easy_strerror(code);
}

static int failed(const http_client *h, CURLcode code, muster_error *err)
{
    switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
        return error_set(err, CLI_ESERVER, "tls",
                         "no trusted connection to %s: %s", h->url,
                         reason_of(h, code));
    case CURLE_OPERATION_TIMEDOUT:
        return error_set(err, CLI_ESERVER, "timeout",
                         "%s did not answer in %llu s (--timeout)", h->url,
                         (unsigned long long)(h->timeout_ns / NS_PER_S));
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return error_set(err, CLI_ESERVER, "unreachable",
                         "%s cannot be reached: %s", h->url,
                         reason_of(h, code));
    default:
        return error_set(err, CLI_ESERVER, "broken",
                         "the connection to %s broke off: %s", h->url,
                         reason_of(h, code));
    }
}

/* What a perform that is over means. */
static int judge(const http_client *h, const http_exchange *x, CURLcode code,
                 muster_error *err)
{
    if (h->stalled)
        return failed(h, CURLE_OPERATION_TIMEDOUT, err);
    if (h->gave_up)
        return error_set(err, MUSTER_ECANCELLED, "stopped", "stopped");
    if (h->too_long)
        return error_set(err, CLI_ESERVER, "bad_answer",
                         "%s answers with more than %zu bytes", h->url,
                         HTTP_ANSWER_BYTES_MAX);
    /* A server that refuses a stream may close before it has read it all. */
    const bool refused = x->read != NULL && x->status >= 400;
    if (code != CURLE_OK && !refused)
        return failed(h, code, err);
    return 0;
}

int http_client_exchange(http_client *h, http_exchange *x, muster_error *err)
{
    buffer url;
    CURLcode code;
    buffer_init(&url, 2 * HTTP_URL_BYTES_MAX);
    buffer_printf(&url, "%s%s", h->url, x->path);
    for (int attempts = 1;; attempts++) {
        code = attempt(h, x, buffer_cstr(&url));
        const int wait = h->stalled ? -1 : pause_ms(h, x, code, attempts);
        if (wait < 0)
            break;
        poll(NULL, 0, wait);
    }
    buffer_release(&url);
    return judge(h, x, code, err);
}
