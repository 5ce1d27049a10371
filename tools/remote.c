/*
 * remote.c - the session with a server: opening it, sending one request,
 * turning a problem (RFC 9457) into the engine's error, reading JSON.
 *
 * What an error was to the engine stands in the problem's "class"; a problem
 * without one was made by the server itself, and its status decides:
 *
 *   400 413 415 422   the request is wrong          MUSTER_EINVAL
 *   401 403           the key is, or may not        MUSTER_EREFUSED
 *   404               there is none                 MUSTER_ENOTFOUND
 *   409 412           in conflict                   MUSTER_ECONFLICT
 *   others            the server cannot now         CLI_ESERVER
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "remote.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

/* A path with its query: an id or a key in it is at most 512 bytes, three
 * times as long when encoded. */
#define PATH_BYTES_MAX ((size_t)16 << 10)
/* The largest body that is sent whole is a catalog file of 64 MiB, in JSON. */
#define BODY_BYTES_MAX ((size_t)256 << 20)
#define TOKEN_FILE_BYTES_MAX ((size_t)4096)
/* Rows of one page: the most a server gives. */
#define PAGE_ROWS 1000

struct remote {
    http_client *http;
    const char *url; /* of the settings */
    muster_time now;
    muster_epoch epoch;
};

/* ---- opening ---- */

int remote_check_flags(const cli *c)
{
    const struct {
        const char *flag;
        bool given;
        const char *whose;
    } own[] = {
        {"--now", c->set.now != 0, "clock"},
        {"--key-file", c->set.key_file != NULL, "key of the pseudonyms"},
        {"--memory", c->set.memory_bytes != 0, "budgets"},
        {"--log", c->set.log_bytes != 0, "budgets"},
        {"--resident", c->set.resident_bytes != 0, "budgets"},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i].given)
            return tell_usage(c, "%s is for a data directory: a server has a"
                                 " %s of its own (muster serve %s)",
                              own[i].flag, own[i].whose, own[i].flag);
    return 0;
}

/* The key that is sent, NULL when there is none; freed by mem_free. 0, or an
 * exit code after telling. */
static int find_token(cli *c, char **out)
{
    const char *named = getenv("MUSTER_TOKEN");
    char *text = NULL;
    size_t len = 0;
    *out = NULL;
    if (c->set.token == NULL && c->set.token_file != NULL) {
        const int code = input_read(c, c->set.token_file, TOKEN_FILE_BYTES_MAX,
                                    &text, &len);
        if (code != 0)
            return code;
        text[strcspn(text, "\r\n")] = '\0';
        *out = text;
    } else if (c->set.token != NULL) {
        *out = mem_strdup(c->set.token);
    } else if (named != NULL && *named != '\0') {
        *out = mem_strdup(named);
    }
    return 0;
}

static bool is_own_machine(const char *url)
{
    static const char *const names[] = {"localhost", "127.", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(url + strlen("http://"), names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* A key that others on the way can read is soon theirs. */
static void warn_of_plain(const cli *c)
{
    muster_error seen;
    if (strncmp(c->set.server, "http://", 7) != 0 ||
        is_own_machine(c->set.server))
        return;
    error_set(&seen, MUSTER_EREFUSED, "plain_token",
              "the key goes over the network unencrypted; use https://");
    tell_warning(c, &seen, NULL, 0);
}

int remote_open(cli *c, remote **out)
{
    http_client_options options = {.url = c->set.server,
                                   .ca_file = c->set.ca_file,
                                   .timeout_s = c->set.timeout_s};
    char *token = NULL;
    muster_error err;
    error_clear(&err);
    *out = NULL;
    int code = find_token(c, &token);
    if (code != 0)
        return code;
    remote *r = mem_zalloc(sizeof *r);
    r->url = c->set.server;
    options.token = token;
    if (http_client_new(&r->http, &options, &err) < 0) {
        code = tell_status(c, &err, NULL, 0);
        mem_free(r);
    } else {
        if (token != NULL)
            warn_of_plain(c);
        if (c->set.verbose)
            tell(c, "asking %s%s", r->url,
                 token != NULL ? "" : ", without a key");
        *out = r;
    }
    mem_free(token);
    return code;
}

void remote_close(remote *r)
{
    if (r == NULL)
        return;
    http_client_free(r->http);
    mem_free(r);
}

muster_time remote_now(const remote *r)
{
    return r->now;
}

muster_epoch remote_epoch(const remote *r)
{
    return r->epoch;
}

/* ---- reading JSON ---- */

static const json_value *member_of(const json_value *object, const char *key,
                                   json_type type)
{
    const json_value *v = object != NULL ? json_get(object, key) : NULL;
    return v != NULL && json_typeof(v) == type ? v : NULL;
}

muster_text member_text(const json_value *object, const char *key)
{
    const json_value *v = member_of(object, key, JSON_STRING);
    return v != NULL ? json_string(v) : text_make(NULL, 0);
}

/* A text of a document is ended by a NUL (json.c). */
const char *member_str(const json_value *object, const char *key)
{
    const muster_text text = member_text(object, key);
    return text.ptr != NULL ? text.ptr : "";
}

int64_t member_int(const json_value *object, const char *key)
{
    const json_value *v = member_of(object, key, JSON_INT);
    return v != NULL ? json_int(v) : 0;
}

uint64_t member_uint(const json_value *object, const char *key)
{
    const int64_t v = member_int(object, key);
    return v > 0 ? (uint64_t)v : 0;
}

double member_double(const json_value *object, const char *key)
{
    const json_value *v = member_of(object, key, JSON_NUMBER);
    if (v == NULL)
        return (double)member_int(object, key);
    const muster_text text = json_string(v);
    char *copy = mem_strndup(text.ptr, text.len);
    const double d = strtod(copy, NULL);
    mem_free(copy);
    return d;
}

bool member_bool(const json_value *object, const char *key)
{
    const json_value *v = member_of(object, key, JSON_BOOL);
    return v != NULL && json_bool(v);
}

muster_time member_time(const json_value *object, const char *key)
{
    muster_time t = 0;
    const muster_text text = member_text(object, key);
    return text.ptr != NULL && clock_parse_time(text, &t) ? t : 0;
}

json_iter list_walk(const json_value *list)
{
    const json_iter none = {.left = 0};
    return list != NULL ? json_iter_of(list) : none;
}

size_t list_count(const json_value *list)
{
    return list != NULL ? json_count(list) : 0;
}

/* ---- errors ---- */

/* The class of an engine's error, as answer.c of the server names it. */
static const struct {
    const char *name;
    int code;
} classes[] = {
    {"invalid", MUSTER_EINVAL},      {"io", MUSTER_EIO},
    {"expression", MUSTER_EEXPR},    {"not_found", MUSTER_ENOTFOUND},
    {"conflict", MUSTER_ECONFLICT},  {"partial", MUSTER_EPARTIAL},
    {"refused", MUSTER_EREFUSED},    {"limit", MUSTER_ELIMIT},
    {"corrupt", MUSTER_ECORRUPT},    {"version", MUSTER_EVERSION},
    {"busy", MUSTER_EBUSY},          {"parse", MUSTER_EPARSE},
    {"cancelled", MUSTER_ECANCELLED},
};

static int code_of_status(int status)
{
    switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
        return MUSTER_EINVAL;
    case 401:
    case 403:
        return MUSTER_EREFUSED;
    case 404:
        return MUSTER_ENOTFOUND;
    case 409:
    case 412:
        return MUSTER_ECONFLICT;
    default:
        return CLI_ESERVER;
    }
}

static int code_of(const json_value *problem, int status)
{
    const muster_text name = member_text(problem, "class");
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (text_is(name, classes[i].name))
            return classes[i].code;
    return code_of_status(status);
}

/* A server's word may be of any length. */
static void set_word(muster_error *err, const char *word)
{
    snprintf(err->word, sizeof err->word, "%s", word);
}

void remote_read_error(const json_value *entry, const char *text,
                       size_t text_len, muster_error *out)
{
    const uint64_t offset = member_uint(entry, "offset");
    const uint64_t length = member_uint(entry, "length");
    const int code = out->code < 0 ? out->code : MUSTER_EEXPR;
    error_set(out, code, "", "%s", member_str(entry, "message"));
    set_word(out, member_str(entry, "code"));
    error_suggest(out, "%s", member_str(entry, "suggestion"));
    if (member_int(entry, "line") < 1 || text == NULL || offset > text_len)
        return;
    error_place(out, text, text_len, offset,
                length < text_len - offset ? length : text_len - offset);
}

/* The word and the sentence of a problem that is none of the engine's. */
static void read_plain(const remote *r, const json_value *problem, int status,
                       muster_error *err)
{
    const char *detail = member_str(problem, "detail");
    const int code = err->code;
    if (*detail == '\0')
        error_set(err, code, "", "%s answers with status %d", r->url, status);
    else if (status == 401)
        error_set(err, code, "", "%s (MUSTER_TOKEN, --token-file)", detail);
    else if (code == CLI_ESERVER)
        error_set(err, code, "", "%s: %s", r->url, detail);
    else
        error_set(err, code, "", "%s", detail);
    set_word(err, member_str(problem, "code"));
}

static int read_problem(const remote_call *call, muster_error *err)
{
    const int status = call->http.status;
    const buffer *body = &call->http.answer;
    json_doc *doc = NULL;
    muster_error bad;
    if (err == NULL)
        return code_of_status(status);
    const bool is_json = json_parse(&doc, (const char *)body->data, body->len,
                                    JSON_STRICT, &bad) == 0;
    const json_value *problem = is_json ? json_root(doc) : NULL;
    const json_value *list =
        problem != NULL ? json_get(problem, "errors") : NULL;
    json_iter it = list_walk(list);
    error_clear(err);
    err->code = code_of(problem, status);
    if (list != NULL && json_next(&it))
        remote_read_error(it.value, call->text, call->text_len, err);
    else
        read_plain(call->remote, problem, status, err);
    json_free(doc);
    return err->code;
}

int remote_bad_answer(const remote *r, const char *lacks, muster_error *err)
{
    return error_set(err, CLI_ESERVER, "bad_answer",
                     "the answer of %s cannot be read: it lacks %s", r->url,
                     lacks);
}

/* ---- one request ---- */

void remote_call_init(remote_call *call, remote *r, const char *method,
                      bool repeatable)
{
    *call = (remote_call){.remote = r};
    http_exchange_init(&call->http, method, NULL);
    call->http.repeatable = repeatable;
    buffer_init(&call->path, PATH_BYTES_MAX);
    buffer_init(&call->body, BODY_BYTES_MAX);
}

void remote_call_release(remote_call *call)
{
    http_exchange_release(&call->http);
    buffer_release(&call->path);
    buffer_release(&call->body);
    json_free(call->doc);
}

json_writer *remote_call_body(remote_call *call)
{
    json_begin(&call->json, &call->body, false);
    json_open_object(&call->json);
    call->http.content_type = "application/json";
    return &call->json;
}

void remote_put_ids(json_writer *w, const muster_id *users, size_t n)
{
    json_key(w, "ids");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(w);
        json_key(w, "space");
        json_put_str(w, users[i].space);
        json_key(w, "id");
        json_put_text(w, text_make(users[i].id, users[i].id_len));
        json_close(w);
    }
    json_close(w);
}

/* What every answer may tell beside its own members. */
static void keep_state(remote *r, const json_value *root)
{
    const muster_time now = member_time(root, "as_of");
    if (now == 0)
        return;
    r->now = now;
    r->epoch = member_uint(root, "epoch");
}

static int read_answer(remote_call *call, const json_value **out,
                       muster_error *err)
{
    const buffer *body = &call->http.answer;
    muster_error bad;
    *out = NULL;
    if (body->len == 0 || call->plain)
        return 0;
    if (json_parse(&call->doc, (const char *)body->data, body->len,
                   JSON_STRICT, &bad) < 0)
        return remote_bad_answer(call->remote, "JSON", err);
    *out = json_root(call->doc);
    keep_state(call->remote, *out);
    return 0;
}

int remote_call_send(remote_call *call, const json_value **out,
                     muster_error *err)
{
    http_exchange *x = &call->http;
    if (call->json.depth > 0)
        json_close(&call->json);
    ASSERT(call->path.len > 0 && buffer_ok(&call->path));
    ASSERT(buffer_ok(&call->body));
    x->path = buffer_cstr(&call->path);
    if (call->body.len > 0)
        x->body = text_make((const char *)call->body.data, call->body.len);
    const int status = http_client_exchange(call->remote->http, x, err);
    if (status < 0)
        return status;
    if (x->status < 200 || x->status > 299)
        return read_problem(call, err);
    return read_answer(call, out, err);
}

int remote_metrics(remote *r, char **out, muster_error *err)
{
    const json_value *none;
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    call.plain = true;
    buffer_put_str(&call.path, "/metrics");
    const int status = remote_call_send(&call, &none, err);
    *out = status == 0 ? mem_strdup(buffer_cstr(&call.http.answer)) : NULL;
    remote_call_release(&call);
    return status;
}

/* ---- lists ---- */

/* The rows of one page; *cursor becomes that of the next one, or NULL. */
static int each_of_page(remote *r, const char *path, bool paged, char **cursor,
                        remote_row_fn each, void *payload, muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    buffer_put_str(&call.path, path);
    if (paged)
        buffer_printf(&call.path, "?limit=%d", PAGE_ROWS);
    if (*cursor != NULL) {
        buffer_put_str(&call.path, "&cursor=");
        http_put_encoded(&call.path, text_of(*cursor));
    }
    mem_free(*cursor);
    *cursor = NULL;
    int status = remote_call_send(&call, &root, err);
    const json_value *data = root != NULL ? json_get(root, "data") : NULL;
    if (status == 0 && data == NULL)
        status = remote_bad_answer(r, "data", err);
    for (json_iter it = list_walk(data); status == 0 && json_next(&it);)
        status = each(payload, it.value);
    const muster_text next = member_text(root, "next_cursor");
    if (status == 0 && next.len > 0)
        *cursor = mem_strndup(next.ptr, next.len);
    remote_call_release(&call);
    return status;
}

int remote_each(remote *r, const char *path, bool paged, remote_row_fn each,
                void *payload, muster_error *err)
{
    char *cursor = NULL;
    int status;
    do
        status = each_of_page(r, path, paged, &cursor, each, payload, err);
    while (status == 0 && cursor != NULL);
    mem_free(cursor);
    return status;
}
