/*
 * ask.c - the body of a question: see ask.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/ask.h"

#include <stdio.h>
#include <string.h>

/* ---- the body ---- */

static bool is_member(const char *members, muster_text name)
{
    for (const char *at = members; *at != '\0';) {
        const size_t len = strcspn(at, " ");
        if (text_equal(text_make(at, len), name))
            return true;
        at += len;
        at += strspn(at, " ");
    }
    return false;
}

/* The known member that is nearest to one that is not. */
static muster_text nearest(const char *members, muster_text name)
{
    near_name near;
    near_init(&near, name);
    for (const char *at = members; *at != '\0';) {
        const size_t len = strcspn(at, " ");
        near_offer(&near, text_make(at, len));
        at += len;
        at += strspn(at, " ");
    }
    return near.best;
}

/* A member that is not known may be anything, so it is not said back. */
static bool check_members(ask *q, const char *members)
{
    for (json_iter it = json_iter_of(q->root); json_next(&it);) {
        if (is_member(members, it.key))
            continue;
        const muster_text near = nearest(members, it.key);
        if (near.ptr != NULL)
            answer_problem_at(q->a, 422, "unknown_member", "",
                              "the body has a member that is not known; "
                              "perhaps \"%.*s\" was meant",
                              (int)near.len, near.ptr);
        else
            answer_problem_at(q->a, 422, "unknown_member", "",
                              "the body has a member that is not known; "
                              "known are: %s",
                              members);
        return false;
    }
    return true;
}

bool ask_open(ask *q, http_request *r, const char *members, http_answer *a)
{
    *q = (ask){.r = r, .a = a};
    if (!request_document(r, &q->doc, a)) {
        q->doc = NULL;
        return false;
    }
    q->root = json_root(q->doc);
    return check_members(q, members);
}

void ask_close(ask *q)
{
    muster_segment_free(q->segment);
    ask_expr_release(&q->expr);
    json_free(q->doc);
}

/* ---- expressions ---- */

static void point_to(ask_expr *e, const char *base, const char *member)
{
    snprintf(e->pointer, sizeof e->pointer, "%s%s", base, member);
}

/* A message about an AST begins with a pointer into it: "/and/0: ...". */
static void take_pointer(ask_expr *e, const char *base, muster_error *err)
{
    char message[sizeof err->message];
    point_to(e, base, "/ast");
    const char *end = strstr(err->message, ": ");
    if (err->message[0] != '/' || end == NULL)
        return;
    const size_t len = strlen(e->pointer);
    snprintf(e->pointer + len, sizeof e->pointer - len, "%.*s",
             (int)(end - err->message), err->message);
    snprintf(message, sizeof message, "%s", end + 2);
    snprintf(err->message, sizeof err->message, "%s", message);
}

static int read_ast(const json_value *ast, const char *base, ask_expr *out,
                    muster_error *err)
{
    buffer json;
    json_writer w;
    char *text = NULL;
    buffer_init(&json, SIZE_MAX); /* as long as the body, which is bounded */
    json_begin(&w, &json, false);
    json_put_value(&w, ast);
    const int rc = muster_segment_from_json(buffer_cstr(&json), json.len,
                                            &text, err);
    buffer_release(&json);
    out->derived = true;
    if (rc < 0) {
        take_pointer(out, base, err);
        err->line = 0;
        return rc;
    }
    point_to(out, base, "/ast");
    out->len = strlen(text);
    out->text = mem_strndup(text, out->len);
    muster_free(text);
    return 0;
}

static int keep_expr(void *payload, const muster_saved *row)
{
    ask_expr *e = payload;
    e->len = strlen(row->expr);
    e->text = mem_strndup(row->expr, e->len);
    return 0;
}

static int read_saved(ask *q, muster_text key, const char *base,
                      ask_expr *out, muster_error *err)
{
    point_to(out, base, "/segment");
    out->derived = true;
    return muster_audience_find(
        q->r->engine, arena_strndup(&q->r->texts, key.ptr, key.len),
        keep_expr, out, err);
}

int ask_expr_read(ask *q, const json_value *object, const char *base,
                  bool saved, ask_expr *out, muster_error *err)
{
    const json_value *expr = json_get(object, "expr");
    const json_value *ast = json_get(object, "ast");
    const json_value *key = saved ? json_get(object, "segment") : NULL;
    *out = (ask_expr){.text = NULL};
    error_clear(err);
    if ((expr != NULL) + (ast != NULL) + (key != NULL) != 1) {
        point_to(out, base, "/expr");
        return error_set(err, MUSTER_EINVAL, "no_expr",
                         "one of %s is needed",
                         saved ? "expr, ast and segment" : "expr and ast");
    }
    if (ast != NULL)
        return read_ast(ast, base, out, err);
    const json_value *text = expr != NULL ? expr : key;
    if (json_typeof(text) != JSON_STRING) {
        point_to(out, base, expr != NULL ? "/expr" : "/segment");
        return error_set(err, MUSTER_EINVAL, "bad_type",
                         "it must be a text");
    }
    if (key != NULL)
        return read_saved(q, json_string(key), base, out, err);
    point_to(out, base, "/expr");
    out->len = json_string(text).len;
    out->text = mem_strndup(json_string(text).ptr, out->len);
    return 0;
}

void ask_expr_release(ask_expr *e)
{
    mem_free(e->text);
    e->text = NULL;
}

void ask_expr_answer(ask *q, const ask_expr *e, muster_error *err)
{
    if (e->derived)
        err->line = 0;
    answer_error(q->a, err, e->pointer);
}

bool ask_compile(ask *q)
{
    muster_error err;
    int rc = ask_expr_read(q, q->root, "", true, &q->expr, &err);
    if (rc == 0)
        rc = muster_segment_compile(&q->segment, q->r->engine,
                                    q->r->caller->viewer, q->expr.text,
                                    q->expr.len, &err);
    if (rc == 0)
        return true;
    q->segment = NULL;
    ask_expr_answer(q, &q->expr, &err);
    return false;
}

/* ---- other members ---- */

bool ask_is_key(muster_text text)
{
    if (text.len == 0 || text.len > MUSTER_SEGMENT_KEY_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!first && !(i > 0 && (c == '_' || c == '-')))
            return false;
    }
    return true;
}

static bool bad_member(ask *q, const char *name, const char *what)
{
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/%s", name);
    answer_problem_at(q->a, 422, "bad_type", pointer, "it must be %s", what);
    return false;
}

bool ask_bool(ask *q, const char *name, bool *out)
{
    const json_value *v = json_get(q->root, name);
    if (v == NULL)
        return true;
    if (json_typeof(v) != JSON_BOOL)
        return bad_member(q, name, "true or false");
    *out = json_bool(v);
    return true;
}

bool ask_number(ask *q, const char *name, uint64_t low, uint64_t high,
                uint64_t *out)
{
    char what[96];
    const json_value *v = json_get(q->root, name);
    if (v == NULL)
        return true;
    snprintf(what, sizeof what, "a whole number from %llu to %llu",
             (unsigned long long)low, (unsigned long long)high);
    if (json_typeof(v) != JSON_INT || json_int(v) < 0 ||
        (uint64_t)json_int(v) < low || (uint64_t)json_int(v) > high)
        return bad_member(q, name, what);
    *out = (uint64_t)json_int(v);
    return true;
}

bool ask_text(ask *q, const char *name, bool required, const char **out)
{
    const json_value *v = json_get(q->root, name);
    if (v == NULL && !required)
        return true;
    if (v == NULL || json_typeof(v) != JSON_STRING ||
        (json_string(v).len > 0 &&
         memchr(json_string(v).ptr, 0, json_string(v).len) != NULL))
        return bad_member(q, name, "a text");
    *out = arena_strndup(&q->r->texts, json_string(v).ptr,
                         json_string(v).len);
    return true;
}
