/*
 * request.c - what was asked: ids of requests, headers, queries, documents.
 *
 * Headers that the server itself looks at are found in one pass over all of
 * them; handlers look up others by name. The values of a query come from
 * libmicrohttpd with their % as sent, and are decoded when they are asked for;
 * that they decode is checked before a handler is called.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include "http/connection.h"
#include "http/msgpack.h"
#include "http/server.h"

#define DOCUMENT_ROOM ((size_t)16 << 20) /* a document of msgpack as JSON */

/* ---- ids ---- */

static _Atomic uint64_t ids_made;
static uint64_t ids_process;
static pthread_once_t ids_once = PTHREAD_ONCE_INIT;

static void begin_ids(void)
{
    struct {
        struct timespec now;
        pid_t pid;
        void *place;
    } seed;
    memset(&seed, 0, sizeof seed);
    clock_gettime(CLOCK_REALTIME, &seed.now);
    seed.pid = getpid();
    seed.place = &seed;
    ids_process = hash_bytes(&seed, sizeof seed);
}

/* `digits` of five bits each, the last ones of v; Crockford's base 32. */
static void put_digits(char *out, uint64_t v, int digits)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int i = digits; i-- > 0; v >>= 5)
        out[i] = alphabet[v & 31];
}

void request_id_make(char out[REQUEST_ID_MAX + 1])
{
    struct timespec now;
    pthread_once(&ids_once, begin_ids);
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    const uint64_t ms =
        (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    put_digits(out, ms, 10);
    put_digits(out + 10, ids_process, 8);
    put_digits(out + 18,
               atomic_fetch_add_explicit(&ids_made, 1, memory_order_relaxed),
               8);
    out[REQUEST_ID_LENGTH] = '\0';
}

bool request_id_is_sane(muster_text id)
{
    if (id.len == 0 || id.len > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || strchr("._:-+=/", c) != NULL))
            return false;
    }
    return true;
}

/* ---- headers ---- */

static muster_text *place_of(http_headers *h, const char *name, size_t len)
{
    switch (len) {
    case 6:
        return strncasecmp(name, "Accept", len) == 0 ? &h->accept : NULL;
    case 7: /* who says no and yes says no clear word */
        return strncasecmp(name, "Sec-GPC", len) == 0 ? &h->gpc : NULL;
    case 12:
        if (strncasecmp(name, "Content-Type", len) == 0)
            return &h->content_type;
        return strncasecmp(name, "X-Request-Id", len) == 0 ? &h->request_id
                                                           : NULL;
    case 13:
        return strncasecmp(name, "Authorization", len) == 0
                   ? &h->authorization
                   : NULL;
    case 14:
        return strncasecmp(name, "Content-Length", len) == 0
                   ? &h->content_length
                   : NULL;
    case 16:
        return strncasecmp(name, "Content-Encoding", len) == 0
                   ? &h->content_encoding
                   : NULL;
    case 17:
        return strncasecmp(name, "Transfer-Encoding", len) == 0
                   ? &h->transfer_encoding
                   : NULL;
    default:
        return NULL;
    }
}

static mhd_result scan_header(void *payload, enum MHD_ValueKind kind,
                              const char *name, size_t name_len,
                              const char *value, size_t value_len)
{
    http_headers *h = payload;
    (void)kind;
    h->count++;
    muster_text *place = place_of(h, name, name_len);
    if (place == NULL)
        return MHD_YES;
    if (place->ptr != NULL && place != &h->accept)
        h->twice = true;
    *place = text_make(value != NULL ? value : "", value_len);
    return MHD_YES;
}

void request_scan(http_connection *c)
{
    memset(&c->headers, 0, sizeof c->headers);
    MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, scan_header,
                                &c->headers);
}

static http_connection *connection_of(const http_request *r)
{
    return r->connection;
}

bool request_header(http_request *r, const char *name, muster_text *out)
{
    const char *value = NULL;
    size_t len = 0;
    *out = text_make(NULL, 0);
    if (MHD_lookup_connection_value_n(connection_of(r)->mhd, MHD_HEADER_KIND,
                                      name, strlen(name), &value,
                                      &len) != MHD_YES)
        return false;
    *out = text_make(value != NULL ? value : "", value != NULL ? len : 0);
    return true;
}

bool request_if_match(http_request *r, const char *etag, http_answer *a)
{
    muster_text list;
    if (!request_header(r, "If-Match", &list) ||
        answer_tag_listed(list, etag, false))
        return true;
    answer_problem(a, 412, "changed",
                   "it was changed since; its ETag is now \"%s\"", etag);
    return false;
}

/* ---- queries ---- */

typedef struct query_check {
    http_connection *c;
    bool good;
} query_check;

/* Is the name a word of the list, its words parted by blanks? */
static bool is_listed(const char *words, muster_text name)
{
    while (*words != '\0') {
        const size_t len = strcspn(words, " ");
        if (text_equal(name, text_make(words, len)))
            return true;
        words += len;
        words += strspn(words, " ");
    }
    return false;
}

static mhd_result check_parameter(void *payload, enum MHD_ValueKind kind,
                                  const char *name, size_t name_len,
                                  const char *value, size_t value_len)
{
    query_check *check = payload;
    http_connection *c = check->c;
    const char *known = c->request.route->query;
    muster_text decoded;
    (void)kind;
    if (!is_listed(known, text_make(name, name_len))) {
        answer_problem(&c->answer, 400, "unknown_parameter",
                       *known != '\0'
                           ? "a parameter of the query is not known here;"
                             " these are: %s"
                           : "no query is known here%s",
                       known);
        check->good = false;
    } else if (value != NULL &&
               !route_decode(&c->request.texts, text_make(value, value_len),
                             &decoded)) {
        answer_problem(&c->answer, 400, "bad_query",
                       "the query does not decode: %% is followed by two"
                       " hexadecimal digits, and %%00 is refused");
        check->good = false;
    }
    return check->good ? MHD_YES : MHD_NO;
}

bool request_check_query(http_connection *c)
{
    query_check check = {c, true};
    MHD_get_connection_values_n(c->mhd, MHD_GET_ARGUMENT_KIND, check_parameter,
                                &check);
    return check.good;
}

/* As sent: *value NULL when it is a name alone. */
static bool find_parameter(http_request *r, const char *name,
                           const char **value, size_t *len)
{
    return MHD_lookup_connection_value_n(connection_of(r)->mhd,
                                         MHD_GET_ARGUMENT_KIND, name,
                                         strlen(name), value, len) == MHD_YES;
}

bool request_query(http_request *r, const char *name, muster_text *out)
{
    const char *value = NULL;
    size_t len = 0;
    *out = text_make("", 0);
    if (!find_parameter(r, name, &value, &len))
        return false;
    if (value != NULL)
        ASSERT(route_decode(&r->texts, text_make(value, len), out));
    return true;
}

bool request_flag(http_request *r, const char *name, bool *out, http_answer *a)
{
    muster_text value;
    *out = false;
    if (!request_query(r, name, &value) || text_is(value, "false") ||
        text_is(value, "0"))
        return true;
    *out = true;
    if (value.len == 0 || text_is(value, "true") || text_is(value, "1"))
        return true;
    answer_problem(a, 400, "bad_parameter", "%s is true or false", name);
    return false;
}

bool request_number(http_request *r, const char *name, uint64_t low,
                    uint64_t high, uint64_t otherwise, uint64_t *out,
                    http_answer *a)
{
    muster_text value;
    int64_t v = 0;
    *out = otherwise;
    if (!request_query(r, name, &value))
        return true;
    if (text_parse_int(value, &v) && v >= 0 && (uint64_t)v >= low &&
        (uint64_t)v <= high) {
        *out = (uint64_t)v;
        return true;
    }
    answer_problem(a, 400, "bad_parameter",
                   "%s is a whole number from %llu to %llu", name,
                   (unsigned long long)low, (unsigned long long)high);
    return false;
}

/* ---- media types ---- */

bool request_negotiate(http_connection *c)
{
    http_request *r = &c->request;
    const http_route *route = r->route;
    r->wants = media_choose(c->headers.accept, route->offers);
    r->sends = MEDIA_NONE;
    if (r->wants == MEDIA_NONE) {
        r->wants = MEDIA_JSON;
        answer_problem(&c->answer, 406, "not_acceptable",
                       "no media type of the Accept header is offered here");
        return false;
    }
    if (c->headers.content_type.ptr != NULL)
        r->sends = media_parse(c->headers.content_type);
    else if (route->way != WAY_STREAM && route->takes != TAKES_NOTHING)
        r->sends = MEDIA_JSON;
    if (route->takes == TAKES_NOTHING || r->sends == MEDIA_NONE ||
        (route->takes & HTTP_MEDIA_BIT(r->sends)) != 0)
        return true;
    answer_problem(&c->answer, 415, "unsupported_media_type",
                   "bodies of this media type are not taken here");
    return false;
}

/* ---- documents ---- */

static bool refuse_document(http_answer *a, const muster_error *err)
{
    answer_problem_at(a, 400, err->word, "", "%s", err->message);
    return false;
}

static int parse_document(http_request *r, json_doc **out, muster_error *err)
{
    if (r->sends != MEDIA_MSGPACK)
        return json_parse(out, r->body.ptr, r->body.len, JSON_STRICT, err);
    buffer text;
    buffer_init(&text, DOCUMENT_ROOM);
    int code = packed_to_json(r->body, &text, err);
    if (code == 0)
        code = json_parse(out, (const char *)text.data, text.len, JSON_STRICT,
                          err);
    buffer_release(&text);
    return code;
}

bool request_document(http_request *r, json_doc **out, http_answer *a)
{
    muster_error err;
    *out = NULL;
    error_clear(&err);
    if (r->body.len == 0) {
        answer_problem(a, 400, "no_body", "a body is needed: one object");
        return false;
    }
    if (parse_document(r, out, &err) < 0)
        return refuse_document(a, &err);
    if (json_typeof(json_root(*out)) == JSON_OBJECT)
        return true;
    json_free(*out);
    *out = NULL;
    answer_problem_at(a, 422, "bad_body", "", "the body must be one object");
    return false;
}

bool request_member_text(const json_value *object, const char *name,
                         bool required, muster_text otherwise,
                         muster_text *out, http_answer *a)
{
    char pointer[MUSTER_NAME_BYTES_MAX + 2];
    const json_value *v = json_get(object, name);
    *out = otherwise;
    if (v == NULL && !required)
        return true;
    if (v != NULL && json_typeof(v) == JSON_STRING) {
        *out = json_string(v);
        return true;
    }
    snprintf(pointer, sizeof pointer, "/%s", name);
    answer_problem_at(a, 422, v == NULL ? "missing_member" : "bad_member",
                      pointer, v == NULL ? "%s is missing" : "%s is a text",
                      name);
    return false;
}

/* ---- time ---- */

uint64_t request_deadline(const http_request *r)
{
    return connection_of(r)->deadline;
}

uint64_t request_began(const http_request *r)
{
    return connection_of(r)->began;
}

bool request_is_over(const http_connection *c)
{
    return atomic_load_explicit(&c->gone, memory_order_relaxed) ||
           clock_monotonic_ns() > c->deadline;
}

static int step_request(void *payload, const char *what, uint64_t done,
                        uint64_t total)
{
    (void)what;
    (void)done;
    (void)total;
    return request_is_over(payload) ? 1 : 0;
}

muster_task request_task(http_request *r)
{
    return (muster_task){step_request, connection_of(r)};
}

muster_derive *request_derive(const http_request *r)
{
    return r->server->derive;
}

const muster_server_options *request_options(const http_request *r)
{
    return &r->server->options;
}
