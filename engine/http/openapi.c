/*
 * openapi.c - the table of routes as an OpenAPI 3.1 document, and
 * GET /openapi.json.
 *
 * Made once, when it is first asked for, and kept; its ETag is the hash of its
 * bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/openapi.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <muster/server.h>
#include "http/answer.h"
#include "http/routes.h"

#define NAME_BYTES_MAX 128

static void put_str(json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_put_str(w, value);
}

static void put_text(json_writer *w, const char *key, muster_text value)
{
    json_key(w, key);
    json_put_text(w, value);
}

static void open_member(json_writer *w, const char *key)
{
    json_key(w, key);
    json_open_object(w);
}

/* ---- types ---- */

/* A type ends at a blank, or at the bracket that closes the one around it. */
static void put_type(json_writer *w, muster_text *at);

static void skip(muster_text *at, size_t n)
{
    ASSERT(n <= at->len);
    *at = text_make(at->ptr + n, at->len - n);
}

static muster_text take_name(muster_text *at, const char *ends)
{
    size_t n = 0;
    while (n < at->len && strchr(ends, at->ptr[n]) == NULL)
        n++;
    const muster_text name = text_make(at->ptr, n);
    skip(at, n);
    return name;
}

static void put_words(json_writer *w, muster_text *at)
{
    put_str(w, "type", "string");
    json_key(w, "enum");
    json_open_array(w);
    do {
        skip(at, 1); /* the = or the comma */
        json_put_text(w, take_name(at, ", ]}|"));
    } while (at->len > 0 && *at->ptr == ',');
    json_close(w);
}

/* A list or a map: the bracket, the type of what is in it, the other one. */
static void put_many(json_writer *w, muster_text *at, const char *type,
                     const char *of)
{
    put_str(w, "type", type);
    skip(at, 1);
    json_key(w, of);
    put_type(w, at);
    skip(at, 1);
}

/* `kind`: "schemas", "responses". */
static void put_ref(json_writer *w, const char *kind, muster_text name)
{
    char ref[NAME_BYTES_MAX];
    snprintf(ref, sizeof ref, "#/components/%s/%.*s", kind, (int)name.len,
             name.ptr);
    put_str(w, "$ref", ref);
}

static void put_simple(json_writer *w, muster_text name)
{
    static const struct {
        const char *name, *type, *format;
    } types[] = {
        {"text", "string", NULL},     {"int", "integer", "int64"},
        {"number", "number", NULL},   {"bool", "boolean", NULL},
        {"time", "string", "date-time"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!text_is(name, types[i].name))
            continue;
        put_str(w, "type", types[i].type);
        if (types[i].format != NULL)
            put_str(w, "format", types[i].format);
        return;
    }
    if (text_is(name, "any"))
        return;
    ASSERT(openapi_shape_find(name) != NULL);
    put_ref(w, "schemas", name);
}

static void put_plain_type(json_writer *w, muster_text *at)
{
    json_open_object(w);
    ASSERT(at->len > 0);
    if (*at->ptr == '[')
        put_many(w, at, "array", "items");
    else if (*at->ptr == '{')
        put_many(w, at, "object", "additionalProperties");
    else if (*at->ptr == '=')
        put_words(w, at);
    else
        put_simple(w, take_name(at, " ]}|"));
    json_close(w);
}

/* Does "|null" stand behind the type that begins here? */
static bool is_nullable(muster_text at)
{
    int depth = 0;
    for (size_t i = 0; i < at.len && depth >= 0 && at.ptr[i] != ' '; i++) {
        const char c = at.ptr[i];
        depth += (c == '[' || c == '{') - (c == ']' || c == '}');
        if (c == '|' && depth == 0)
            return true;
    }
    return false;
}

static void put_type(json_writer *w, muster_text *at)
{
    if (!is_nullable(*at)) {
        put_plain_type(w, at);
        return;
    }
    json_open_object(w);
    json_key(w, "anyOf");
    json_open_array(w);
    put_plain_type(w, at);
    json_open_object(w);
    put_str(w, "type", "null");
    json_close(w);
    json_close(w);
    json_close(w);
    skip(at, strlen("|null"));
}

/* ---- shapes ---- */

static const char others[] = "...";

static muster_text member_name(muster_text word, bool *required)
{
    const char *colon = memchr(word.ptr, ':', word.len);
    ASSERT(colon != NULL);
    size_t len = (size_t)(colon - word.ptr);
    *required = word.ptr[len - 1] != '?';
    return text_make(word.ptr, *required ? len : len - 1);
}

static void put_properties(json_writer *w, const char *members)
{
    muster_text word;
    bool required;
    open_member(w, "properties");
    for (muster_text left = text_of(members);
         openapi_next_word(&left, &word) && !text_is(word, others);) {
        const char *colon = memchr(word.ptr, ':', word.len);
        json_key_text(w, member_name(word, &required));
        muster_text type =
            text_make(colon + 1, word.len - (size_t)(colon + 1 - word.ptr));
        put_type(w, &type);
        ASSERT(type.len == 0);
    }
    json_close(w);
    json_key(w, "required");
    json_open_array(w);
    for (muster_text left = text_of(members);
         openapi_next_word(&left, &word) && !text_is(word, others);) {
        const muster_text name = member_name(word, &required);
        if (required)
            json_put_text(w, name);
    }
    json_close(w);
    if (text_is(word, others)) {
        json_key(w, "additionalProperties");
        json_put_bool(w, true);
    }
}

static void put_shapes(json_writer *w)
{
    open_member(w, "schemas");
    for (const openapi_shape *s = openapi_shapes; s->name != NULL; s++) {
        open_member(w, s->name);
        put_str(w, "type", "object");
        put_str(w, "description", s->about);
        put_properties(w, s->members);
        json_close(w);
    }
    json_close(w);
}

/* ---- answers ---- */


static void put_content(json_writer *w, uint32_t medias,
                        const openapi_shape *shape, const char *example)
{
    open_member(w, "content");
    for (http_media m = MEDIA_JSON; m < MEDIA_OTHER; m++) {
        if ((medias & HTTP_MEDIA_BIT(m)) == 0)
            continue;
        open_member(w, openapi_media(m));
        open_member(w, "schema");
        if (m != MEDIA_JSON && m != MEDIA_MSGPACK)
            put_str(w, "type", "string");
        else if (shape != NULL)
            put_ref(w, "schemas", text_of(shape->name));
        json_close(w);
        if (m == MEDIA_JSON && *example != '\0') {
            json_key(w, "example");
            json_put_raw(w, text_of(example));
        }
        json_close(w);
    }
    json_close(w);
}

static const char *success_text(int status)
{
    switch (status) {
    case 201:
        return "Made";
    case 202:
        return "Taken; the work goes on";
    case 204:
        return "Nothing to tell";
    case 207:
        return "Some of it was refused: see errors";
    case 304:
        return "Not changed since the tag that was sent";
    default:
        return "The answer";
    }
}

static void put_response(json_writer *w, const http_route *route, int status)
{
    char name[16];
    char problem[32];
    snprintf(name, sizeof name, "%d", status);
    open_member(w, name);
    if (status >= 400) {
        snprintf(problem, sizeof problem, "Problem%d", status);
        put_ref(w, "responses", text_of(problem));
    } else {
        put_str(w, "description", success_text(status));
        if (status != 204 && status != 304)
            put_content(w, (uint32_t)route->offers,
                        openapi_answered_by(route), "");
    }
    json_close(w);
}

static void put_responses(json_writer *w, const http_route *route)
{
    int statuses[OPENAPI_STATUSES_MAX];
    const size_t n = openapi_statuses(route, statuses);
    open_member(w, "responses");
    for (size_t i = 0; i < n; i++)
        put_response(w, route, statuses[i]);
    json_close(w);
}

/* Statuses from 400 on that some route may answer. */
static void put_problems(json_writer *w)
{
    bool used[600] = {false};
    for (const http_route *r = http_routes; r->name != NULL; r++) {
        int statuses[OPENAPI_STATUSES_MAX];
        const size_t n = openapi_statuses(r, statuses);
        for (size_t i = 0; i < n; i++)
            used[statuses[i]] = true;
    }
    open_member(w, "responses");
    for (int status = 400; status < 600; status++) {
        char name[24];
        if (!used[status])
            continue;
        snprintf(name, sizeof name, "Problem%d", status);
        open_member(w, name);
        put_str(w, "description", answer_reason(status));
        open_member(w, "content");
        open_member(w, openapi_media(MEDIA_PROBLEM));
        open_member(w, "schema");
        put_ref(w, "schemas", text_of("Problem"));
        json_close(w);
        json_close(w);
        json_close(w);
        json_close(w);
    }
    json_close(w);
}

/* ---- what is asked ---- */

static void put_parameter(json_writer *w, const char *in, muster_text name,
                          muster_text example)
{
    const openapi_parameter *p = openapi_parameter_find(name);
    json_open_object(w);
    put_text(w, "name", name);
    put_str(w, "in", in);
    if (strcmp(in, "path") == 0) {
        json_key(w, "required");
        json_put_bool(w, true);
    }
    if (p != NULL)
        put_str(w, "description", p->about);
    json_key(w, "schema");
    muster_text type = text_of(p != NULL ? p->type : "text");
    const bool raw = text_is(type, "int") || text_is(type, "number") ||
                     text_is(type, "bool");
    put_type(w, &type);
    if (example.len > 0) {
        json_key(w, "example");
        if (raw)
            json_put_raw(w, example);
        else
            json_put_text(w, example);
    }
    json_close(w);
}

static void put_asked(json_writer *w, const http_route *route)
{
    muster_text word;
    json_key(w, "parameters");
    json_open_array(w);
    for (openapi_part p = openapi_parts_of(route); openapi_next_part(&p);)
        put_parameter(w, "path", p.name, p.value);
    for (muster_text left = text_of(route->query);
         openapi_next_word(&left, &word);)
        put_parameter(w, "query", word, openapi_query_example(route, word));
    json_close(w);
    if (route->body_max == 0)
        return;
    open_member(w, "requestBody");
    put_content(w, (uint32_t)route->takes, openapi_taken_by(route),
                route->sends);
    json_close(w);
}

static void put_security(json_writer *w, const http_route *route)
{
    json_key(w, "security");
    json_open_array(w);
    if (route->may != 0) {
        json_open_object(w);
        json_key(w, "key");
        json_open_array(w);
        json_close(w);
        json_close(w);
    }
    if ((route->may & MAY_INGEST) != 0) {
        json_open_object(w);
        json_key(w, "write_key");
        json_open_array(w);
        json_close(w);
        json_close(w);
    }
    json_close(w);
    if (route->may == 0)
        return;
    json_key(w, "x-permissions");
    json_open_array(w);
    for (unsigned bit = 0; openapi_permission(bit) != NULL; bit++)
        if ((route->may & 1u << bit) != 0)
            json_put_str(w, openapi_permission(bit));
    json_close(w);
}

static void put_operation(json_writer *w, const http_route *route)
{
    char method[8] = {0};
    const char *name = http_method_name(route->method);
    for (size_t i = 0; name[i] != '\0' && i < sizeof method - 1; i++)
        method[i] = (char)(name[i] | 0x20);
    open_member(w, method);
    put_str(w, "operationId", route->name);
    put_str(w, "summary", route->summary);
    json_key(w, "tags");
    json_open_array(w);
    json_put_str(w, openapi_subject_of(route)->name);
    json_close(w);
    put_security(w, route);
    put_asked(w, route);
    put_responses(w, route);
    json_close(w);
}

/* Is this the first row of its path? Rows of one path may stand apart. */
static bool is_first(const http_route *route)
{
    for (const http_route *r = http_routes; r != route; r++)
        if (strcmp(r->path, route->path) == 0)
            return false;
    return true;
}

static void put_paths(json_writer *w)
{
    open_member(w, "paths");
    for (const http_route *r = http_routes; r->name != NULL; r++) {
        if (!is_first(r))
            continue;
        open_member(w, r->path);
        for (const http_route *s = r; s->name != NULL; s++)
            if (strcmp(s->path, r->path) == 0)
                put_operation(w, s);
        json_close(w);
    }
    json_close(w);
}

/* ---- the document ---- */

static void put_info(json_writer *w)
{
    open_member(w, "info");
    put_str(w, "title", "Muster");
    put_str(w, "summary", "An anonymous audience engine");
    put_str(w, "description",
            "Facts about pseudonymous users in; counts, segments and the"
            " segments of a user out. Every answer names the epoch and the"
            " time it holds for.");
    put_str(w, "version", muster_version());
    open_member(w, "license");
    put_str(w, "name", "Apache-2.0");
    put_str(w, "identifier", "Apache-2.0");
    json_close(w);
    json_close(w);
    json_key(w, "servers");
    json_open_array(w);
    json_open_object(w);
    put_str(w, "url", "/");
    json_close(w);
    json_close(w);
}

static void put_tags(json_writer *w)
{
    json_key(w, "tags");
    json_open_array(w);
    for (const openapi_subject *s = openapi_subjects; s->name != NULL; s++) {
        json_open_object(w);
        put_str(w, "name", s->name);
        put_str(w, "description", s->about);
        json_close(w);
    }
    json_close(w);
}

static void put_schemes(json_writer *w)
{
    open_member(w, "securitySchemes");
    open_member(w, "key");
    put_str(w, "type", "http");
    put_str(w, "scheme", "bearer");
    put_str(w, "description", "A key of `muster key create`.");
    json_close(w);
    open_member(w, "write_key");
    put_str(w, "type", "http");
    put_str(w, "scheme", "basic");
    put_str(w, "description",
            "A key with the permission ingest as the name, without a"
            " password.");
    json_close(w);
    json_close(w);
}

static void put_document(buffer *b)
{
    json_writer w;
    json_begin(&w, b, false);
    json_open_object(&w);
    put_str(&w, "openapi", "3.1.0");
    put_info(&w);
    put_tags(&w);
    put_paths(&w);
    open_member(&w, "components");
    put_schemes(&w);
    put_shapes(&w);
    put_problems(&w);
    json_close(&w);
    json_close(&w);
}

char *muster_server_openapi(void)
{
    buffer b;
    buffer_init(&b, OPENAPI_BYTES_MAX);
    put_document(&b);
    ASSERT(buffer_ok(&b));
    char *text = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    return text;
}

/* ---- GET /openapi.json ---- */

static muster_text document;
static char document_tag[17];
static pthread_once_t document_once = PTHREAD_ONCE_INIT;

static void make_document(void)
{
    document = text_of(muster_server_openapi());
    snprintf(document_tag, sizeof document_tag, "%016" PRIx64,
             hash_bytes(document.ptr, document.len));
}

void on_openapi(http_request *r, http_answer *a)
{
    pthread_once(&document_once, make_document);
    if (answer_etag(a, r, document_tag))
        return;
    json_writer *w = answer_json(a, 200);
    json_put_raw(w, document);
}
