/*
 * answer.c - what is answered: bodies, problems, headers.
 *
 * An answer is written into buffers that live as long as the connection, so
 * that a small one allocates nothing. A body that would pass ANSWER_BYTES_MAX
 * becomes a problem when it is closed (answer_close).
 *
 * A problem never shows the path that was asked for, since raw ids stand in
 * paths: its instance is the fixed beginning of the route's own path.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/answer.h"

#include <stdio.h>
#include <string.h>

#define DETAIL_BYTES_MAX 600
/* Tags are made here, of numbers and hashes. */
#define ETAG_BYTES_MAX 128

void answer_init(http_answer *a)
{
    memset(a, 0, sizeof *a);
    buffer_init(&a->body, ANSWER_BYTES_MAX);
    buffer_init(&a->headers, ANSWER_HEADERS_MAX);
}

void answer_release(http_answer *a)
{
    buffer_release(&a->body);
    buffer_release(&a->headers);
}

void answer_clear(http_answer *a, const http_request *r)
{
    a->status = 200;
    a->media = MEDIA_NONE;
    a->eval_ns = 0;
    a->request = r;
    if (a->body.capacity > ANSWER_BYTES_KEPT)
        buffer_release(&a->body);
    buffer_clear(&a->body);
    buffer_clear(&a->headers);
}

json_writer *answer_json(http_answer *a, int status)
{
    a->status = status;
    a->media = MEDIA_JSON;
    buffer_clear(&a->body);
    json_begin(&a->json, &a->body, false);
    return &a->json;
}

void answer_empty(http_answer *a, int status)
{
    a->status = status;
    a->media = MEDIA_NONE;
    buffer_clear(&a->body);
}

/* ---- problems ---- */

const char *answer_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {400, "Bad request"},
        {401, "A key is needed"},
        {403, "Not allowed"},
        {404, "Not found"},
        {405, "Method not allowed"},
        {406, "Not acceptable"},
        {408, "The request came too slowly"},
        {409, "Conflict"},
        {412, "Precondition failed"},
        {413, "Too large"},
        {414, "The address is too long"},
        {415, "Unsupported media type"},
        {422, "The content is not valid"},
        {428, "A precondition is required"},
        {429, "Too many requests"},
        {431, "The headers are too large"},
        {500, "Internal error"},
        {501, "Not implemented"},
        {503, "Not available now"},
        {505, "HTTP version not supported"},
        {507, "The disk is full"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

/* "/v1/segments" of "/v1/segments/{key}/versions". */
static muster_text instance_of(const http_route *route)
{
    size_t len = strcspn(route->path, "{");
    if (route->path[len] == '{')
        while (len > 0 && route->path[len - 1] == '/')
            len--;
    return text_make(route->path, len);
}

/* "/problems/expr-syntax" */
static void put_type(json_writer *w, const char *code)
{
    char type[96];
    snprintf(type, sizeof type, "/problems/%s", code);
    for (char *c = type; *c != '\0'; c++)
        if (*c == '_')
            *c = '-';
    json_key(w, "type");
    json_put_str(w, type);
}

/* Everything but "errors"; the object stays open. */
static json_writer *open_problem(http_answer *a, int status, const char *code,
                                 const char *detail)
{
    const http_request *r = a->request;
    json_writer *w = answer_json(a, status);
    a->media = MEDIA_PROBLEM;
    json_open_object(w);
    put_type(w, code);
    json_key(w, "title");
    json_put_str(w, answer_reason(status));
    json_key(w, "status");
    json_put_int(w, status);
    json_key(w, "detail");
    json_put_str(w, detail);
    if (r != NULL && r->route != NULL) {
        json_key(w, "instance");
        json_put_text(w, instance_of(r->route));
    }
    json_key(w, "code");
    json_put_str(w, code);
    if (r != NULL && r->id != NULL) {
        json_key(w, "request_id");
        json_put_str(w, r->id);
    }
    return w;
}

void answer_problem(http_answer *a, int status, const char *code,
                    const char *format, ...)
{
    char detail[DETAIL_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    json_close(open_problem(a, status, code, detail));
}

/* An entry of "errors"; `err` may be NULL. */
static void put_entry(json_writer *w, const char *pointer, const char *code,
                      const char *message, const muster_error *err)
{
    json_key(w, "errors");
    json_open_array(w);
    json_open_object(w);
    json_key(w, "pointer");
    json_put_str(w, pointer);
    if (err != NULL && err->line > 0) {
        json_key(w, "line");
        json_put_uint(w, err->line);
        json_key(w, "column");
        json_put_uint(w, err->column);
        json_key(w, "offset");
        json_put_uint(w, err->offset);
        json_key(w, "length");
        json_put_uint(w, err->length);
    }
    json_key(w, "code");
    json_put_str(w, code);
    json_key(w, "message");
    json_put_str(w, message);
    if (err != NULL && err->suggestion[0] != '\0') {
        json_key(w, "suggestion");
        json_put_str(w, err->suggestion);
    }
    json_close(w);
    json_close(w);
}

void answer_problem_at(http_answer *a, int status, const char *code,
                       const char *pointer, const char *format, ...)
{
    char detail[DETAIL_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    json_writer *w = open_problem(a, status, code, detail);
    put_entry(w, pointer, code, detail, NULL);
    json_close(w);
}

/* ---- errors of the engine ---- */

/* Limits that pass with time; the others are those of the input or of the
 * data directory. */
static int status_of_limit(const char *word)
{
    return strcmp(word, "memory") == 0 ? 503 : 413;
}

static int status_of_error(const muster_error *err)
{
    switch (err->code) {
    case MUSTER_EEXPR:
    case MUSTER_EINVAL:
        return 422;
    case MUSTER_ENOTFOUND:
        return 404;
    case MUSTER_ECONFLICT:
        return 409;
    case MUSTER_EREFUSED:
        return 403;
    case MUSTER_ELIMIT:
        return status_of_limit(err->word);
    case MUSTER_EBUSY:
    case MUSTER_ECANCELLED:
        return 503;
    case MUSTER_EPARSE:
        return 400;
    case MUSTER_EIO:
        return strcmp(err->word, "disk_full") == 0 ? 507 : 500;
    default:
        return 500;
    }
}

/* The kind of an engine's error: several have one status. The program's exit
 * codes follow from it when it asks a server (tools/remote.c). */
static const char *class_of(int code)
{
    static const char *const classes[] = {
        "",       "invalid",  "io",      "expression", "not_found",
        "conflict", "partial", "refused", "limit",      "corrupt",
        "version",  "busy",    "parse",   "cancelled"};
    const size_t at = (size_t)-code;
    return at < sizeof classes / sizeof *classes ? classes[at] : "";
}

void answer_error(http_answer *a, const muster_error *err, const char *pointer)
{
    const int status = status_of_error(err);
    const char *code = err->word[0] != '\0' ? err->word : "error";
    const char *text =
        err->message[0] != '\0' ? err->message : muster_error_name(err->code);
    ASSERT(err->code < 0);
    json_writer *w = open_problem(a, status, code, text);
    json_key(w, "class");
    json_put_str(w, class_of(err->code));
    if (err->line > 0 || err->suggestion[0] != '\0' ||
        (pointer != NULL && *pointer != '\0'))
        put_entry(w, pointer != NULL ? pointer : "", code, text, err);
    json_close(w);
    if (status == 503)
        answer_header(a, "Retry-After", "%d", ANSWER_RETRY_SECONDS);
}

/* ---- headers ---- */

static void put_header(http_answer *a, const char *name, const char *value,
                       size_t len)
{
    buffer_put(&a->headers, name, strlen(name) + 1);
    buffer_put(&a->headers, value, len);
    buffer_put_u8(&a->headers, '\0');
}

void answer_header(http_answer *a, const char *name, const char *format, ...)
{
    char value[ANSWER_HEADER_VALUE_MAX];
    va_list args;
    if (strpbrk(format, "%\r\n") == NULL) { /* most are as they are */
        put_header(a, name, format, strlen(format));
        return;
    }
    va_start(args, format);
    const int len = vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof value ||
        strpbrk(value, "\r\n") != NULL)
        return;
    put_header(a, name, value, (size_t)len);
}

/* Is the tag one of an If-Match or If-None-Match list? `weak`: W/ before it
 * is passed over. */
bool answer_tag_listed(muster_text list, const char *tag, bool weak)
{
    const muster_text wanted = text_of(tag);
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        const size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
        muster_text item = text_trim(text_make(list.ptr, len));
        if (text_is(item, "*"))
            return true;
        if (weak && text_starts_with(item, text_of("W/")))
            item = text_make(item.ptr + 2, item.len - 2);
        if (item.len == wanted.len + 2 && item.ptr[0] == '"' &&
            item.ptr[item.len - 1] == '"' &&
            memcmp(item.ptr + 1, tag, wanted.len) == 0)
            return true;
        const size_t used = comma ? len + 1 : len;
        list = text_make(list.ptr + used, list.len - used);
    }
    return false;
}

bool answer_etag(http_answer *a, http_request *r, const char *tag)
{
    muster_text wanted;
    char quoted[ETAG_BYTES_MAX + 3];
    const size_t len = strlen(tag);
    ASSERT(len <= ETAG_BYTES_MAX && strpbrk(tag, "\"\r\n") == NULL);
    quoted[0] = '"';
    memcpy(quoted + 1, tag, len);
    quoted[len + 1] = '"';
    put_header(a, "ETag", quoted, len + 2);
    if (!request_header(r, "If-None-Match", &wanted) ||
        !answer_tag_listed(wanted, tag, true))
        return false;
    answer_empty(a, 304);
    return true;
}

void answer_put_time(json_writer *w, muster_time t)
{
    char text[24];
    clock_format_time(text, t);
    json_put_str(w, text);
}

void answer_close(http_answer *a)
{
    if (buffer_ok(&a->body) && buffer_ok(&a->headers))
        return;
    buffer_clear(&a->headers);
    answer_problem(a, 500, "long_answer",
                   "the answer is longer than the server sends at once");
}
