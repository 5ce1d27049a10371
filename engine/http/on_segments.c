/*
 * on_segments.c - /v1/segments and /v1/segments/{key}: saved segments listed,
 * shown, made, changed and removed. (Their versions: on_versions.c; their
 * users: on_members.c.)
 *
 * The ETag of a segment is the number of its version. What If-Match or
 * If-None-Match ask is compared when the change is made, by the engine's own
 * writer: of two clients that change what they read at the same time, one
 * gets 412.
 *
 *   PUT     the whole: what is not said is as of a new one
 *   PATCH   what is said; the rest stays
 *   POST    as PUT, of a key that is in the body and must be free (409)
 *
 * ?dry_run=true does everything but the change, and tells what it would be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/segments.h"

#include <string.h>
#include "http/ask.h"
#include "http/routes.h"
#include "http/shapes.h"

/* ---- the list ---- */

typedef struct listing {
    http_request *r;
    page page;
    muster_saved *rows; /* texts live as long as the request */
    size_t count;
    size_t capacity;
} listing;

/* Rows are copied: counting inside a walk would ask the engine from within
 * itself. */
static int list_row(void *payload, const muster_saved *row)
{
    listing *l = payload;
    const size_t bytes = strlen(row->expr) + strlen(row->name);
    if (!page_takes(&l->page, text_of(row->key), bytes))
        return l->page.more;
    mem_grow(&l->rows, &l->capacity, l->count + 1, sizeof *l->rows);
    l->rows[l->count++] = shape_keep_saved(l->r, row);
    return 0;
}

/* Of a segment whose expression is no longer valid. */
#define NOT_COUNTED UINT64_MAX

static int count_row(http_request *r, http_answer *a, const char *expr,
                     uint64_t *out, muster_error *err)
{
    muster_task task = request_task(r);
    muster_segment *segment = NULL;
    muster_count *n = NULL;
    *out = NOT_COUNTED;
    if (muster_segment_compile(&segment, r->engine, r->caller->viewer, expr,
                               strlen(expr), err) < 0)
        return 0;
    const int rc =
        muster_segment_count_task(segment, false, &task, &n, err);
    if (rc == 0) {
        *out = n->count;
        a->eval_ns += n->elapsed_ns;
    }
    muster_count_free(n);
    muster_segment_free(segment);
    return rc;
}

static void put_list(http_answer *a, listing *l, const uint64_t *counts)
{
    json_writer *w = answer_json(a, 200);
    json_open_object(w);
    json_key(w, "data");
    json_open_array(w);
    for (size_t i = 0; i < l->count; i++)
        shape_put_saved(w, &l->rows[i],
                        counts != NULL && counts[i] != NOT_COUNTED
                            ? &counts[i]
                            : NULL);
    json_close(w);
    page_put(w, &l->page);
    shape_put_state(w, l->r->engine);
    json_close(w);
}

/* Counts the rows; where time is up the page ends early. */
static int count_rows(listing *l, http_answer *a, uint64_t *counts,
                      muster_error *err)
{
    for (size_t i = 0; i < l->count; i++) {
        const int rc = count_row(l->r, a, l->rows[i].expr, &counts[i], err);
        if (rc == MUSTER_ECANCELLED && i > 0) {
            l->count = i;
            page_cut(&l->page, text_of(l->rows[i - 1].key));
        } else if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static void list(http_answer *a, listing *l, bool counted)
{
    uint64_t *counts =
        counted ? mem_array(l->count + 1, sizeof *counts) : NULL;
    muster_error err;
    if (!counted || count_rows(l, a, counts, &err) == 0)
        put_list(a, l, counts);
    else
        answer_error(a, &err, "");
    mem_free(counts);
}

void on_segments_list(http_request *r, http_answer *a)
{
    listing l = {.r = r};
    bool counts = false;
    if (!page_read(r, &l.page, a) || !request_flag(r, "counts", &counts, a))
        return;
    muster_audiences_each(r->engine, list_row, &l);
    list(a, &l, counts);
    mem_free(l.rows);
}

/* ---- one ---- */

bool segment_key(http_request *r, const char **out, http_answer *a)
{
    const muster_text key = r->args[0];
    if (!ask_is_key(key)) {
        answer_problem(a, 404, "unknown_segment",
                       "there is no such segment: a key is 1 to %u of a-z,"
                       " 0-9, '-' and '_', beginning with a letter or digit",
                       MUSTER_SEGMENT_KEY_BYTES_MAX);
        return false;
    }
    *out = arena_strndup(&r->texts, key.ptr, key.len);
    return true;
}

typedef struct finding_one {
    http_request *r;
    muster_saved *out;
} finding_one;

static int keep_one(void *payload, const muster_saved *row)
{
    const finding_one *f = payload;
    *f->out = shape_keep_saved(f->r, row);
    return 0;
}

int segment_now(http_request *r, const char *key, muster_saved *out,
                muster_error *err)
{
    finding_one f = {r, out};
    *out = (muster_saved){.key = key};
    return muster_audience_find(r->engine, key, keep_one, &f, err);
}

void on_segment_show(http_request *r, http_answer *a)
{
    const char *key;
    char tag[16];
    muster_saved row;
    muster_error err;
    if (!segment_key(r, &key, a))
        return;
    if (segment_now(r, key, &row, &err) < 0) {
        answer_error(a, &err, "");
        return;
    }
    tag[text_format_uint(tag, row.version)] = '\0';
    if (!answer_etag(a, r, tag))
        shape_put_saved(answer_json(a, 200), &row, NULL);
}

/* ---- conditions ---- */

static bool refuse_condition(http_answer *a, const char *key)
{
    answer_problem(a, 412, "version_changed",
                   "there is a segment \"%s\" already", key);
    return false;
}

bool segment_when(http_request *r, const muster_saved *now, muster_when *out,
                  http_answer *a)
{
    char tag[16] = "";
    muster_text given;
    *out = (muster_when){0, false};
    if (!request_flag(r, "dry_run", &out->dry_run, a))
        return false;
    if (request_header(r, "If-None-Match", &given) &&
        text_is(text_trim(given), "*")) {
        out->version = MUSTER_VERSION_NONE;
        return now->version == 0 || refuse_condition(a, now->key);
    }
    if (!request_header(r, "If-Match", &given))
        return true;
    if (now->version == 0) {
        answer_problem(a, 412, "version_changed",
                       "there is no segment \"%s\"", now->key);
        return false;
    }
    tag[text_format_uint(tag, now->version)] = '\0';
    if (!request_if_match(r, tag, a))
        return false;
    out->version = now->version;
    return true;
}

/* ---- writing ---- */

bool segment_is_conflict(const muster_error *err)
{
    return strcmp(err->word, "version_changed") == 0;
}

void segment_refuse(http_answer *a, const muster_error *err)
{
    if (segment_is_conflict(err))
        answer_problem(a, 412, err->word, "%s", err->message);
    else
        answer_error(a, err, "");
}

void segment_answer(http_answer *a, int status, const char *key,
                    const muster_when *when, const muster_changed *made,
                    const muster_segment *segment)
{
    char tag[16];
    json_writer *w = answer_json(a, status);
    json_open_object(w);
    shape_put_str(w, "key", key);
    json_key(w, "id");
    if (made->id != 0)
        json_put_uint(w, made->id);
    else
        json_put_null(w);
    shape_put_uint(w, "version", made->version);
    shape_put_bool(w, "changed", made->changed);
    shape_put_bool(w, "dry_run", when->dry_run);
    shape_put_warnings(w, segment);
    json_close(w);
    tag[text_format_uint(tag, made->version)] = '\0';
    if (!when->dry_run)
        answer_header(a, "ETag", "\"%s\"", tag);
}

/* What of a segment a body may say. */
#define SEGMENT_MEMBERS "expr ast name priority served"

static bool has_expr(const ask *q)
{
    return json_get(q->root, "expr") != NULL ||
           json_get(q->root, "ast") != NULL;
}

static bool read_priority(ask *q, int32_t *out)
{
    const json_value *v = json_get(q->root, "priority");
    if (v == NULL)
        return true;
    if (json_typeof(v) != JSON_INT || json_int(v) < INT32_MIN ||
        json_int(v) > INT32_MAX) {
        answer_problem_at(q->a, 422, "bad_type", "/priority",
                          "a priority is a whole number of 32 bits");
        return false;
    }
    *out = (int32_t)json_int(v);
    return true;
}

/* The body over what `save` says already. False: answered. */
static bool read_save(ask *q, muster_save *save, bool partly)
{
    muster_error err;
    if (!ask_text(q, "name", false, &save->name) ||
        !read_priority(q, &save->priority) ||
        !ask_bool(q, "served", &save->served))
        return false;
    if (partly && !has_expr(q))
        return true;
    if (ask_expr_read(q, q->root, "", false, &q->expr, &err) < 0) {
        ask_expr_answer(q, &q->expr, &err);
        return false;
    }
    save->expr = q->expr.text;
    save->expr_len = q->expr.len;
    return true;
}

/* Where an error of saving stands in the body. */
static const char *pointer_of(const ask *q, const muster_error *err)
{
    if (strcmp(err->word, "bad_key") == 0)
        return "/key";
    if (strcmp(err->word, "bad_name") == 0)
        return "/name";
    return err->code == MUSTER_EEXPR ? q->expr.pointer : "";
}

/* Saves and answers; `existed` tells 201 from 200. False: the condition does
 * not hold, and *err, which says so, is left to be answered. */
static bool save_segment(ask *q, const muster_save *save,
                         const muster_when *when, bool existed,
                         muster_error *err)
{
    muster_changed made;
    if (muster_audience_save_when(q->r->engine, save, when, &made, err) < 0) {
        if (segment_is_conflict(err))
            return false;
        if (q->expr.derived)
            err->line = 0;
        answer_error(q->a, err, pointer_of(q, err));
        return true;
    }
    /* For its warnings; what was saved may refer to what is gone by now. */
    if (muster_segment_compile(&q->segment, q->r->engine,
                               q->r->caller->viewer, save->expr,
                               save->expr_len, err) < 0)
        q->segment = NULL;
    const bool fresh = !existed && !when->dry_run;
    segment_answer(q->a, fresh ? 201 : 200, save->key, when, &made,
                   q->segment);
    if (fresh)
        answer_header(q->a, "Location", "/v1/segments/%s", save->key);
    return true;
}

void on_segment_create(http_request *r, http_answer *a)
{
    muster_save save = MUSTER_SAVE_INIT;
    muster_when when = {MUSTER_VERSION_NONE, false};
    muster_error err;
    ask q;
    if (ask_open(&q, r, "key " SEGMENT_MEMBERS, a) &&
        request_flag(r, "dry_run", &when.dry_run, a) &&
        ask_text(&q, "key", true, &save.key) &&
        read_save(&q, &save, false) &&
        !save_segment(&q, &save, &when, false, &err))
        answer_problem_at(a, 409, "exists", "/key",
                          "there is such a segment already");
    ask_close(&q);
}

void on_segment_put(http_request *r, http_answer *a)
{
    muster_save save = MUSTER_SAVE_INIT;
    muster_saved now;
    muster_when when;
    muster_error err;
    ask q;
    if (!segment_key(r, &save.key, a))
        return;
    const bool existed = segment_now(r, save.key, &now, &err) == 0;
    if (!segment_when(r, &now, &when, a))
        return;
    if (ask_open(&q, r, SEGMENT_MEMBERS, a) && read_save(&q, &save, false) &&
        !save_segment(&q, &save, &when, existed, &err))
        answer_problem(a, 412, err.word, "%s", err.message);
    ask_close(&q);
}

/* ---- parts ---- */

/* How often a change of parts is tried when others change the same segment
 * in between, none of whom asked for a condition. */
#define PATCH_TRIES 8

/* One try over what the segment says now; false when another one changed it
 * meanwhile. *minds: the client asked for a condition. */
static bool patch_once(ask *q, const char *key, bool *minds,
                       muster_error *err)
{
    muster_save save = MUSTER_SAVE_INIT;
    muster_saved now;
    muster_when when;
    if (segment_now(q->r, key, &now, err) < 0) {
        answer_error(q->a, err, "");
        return true;
    }
    if (!segment_when(q->r, &now, &when, q->a))
        return true;
    *minds = when.version != 0;
    when.version = now.version;
    save.key = key;
    save.expr = now.expr;
    save.expr_len = strlen(now.expr);
    save.name = now.name;
    save.priority = now.priority;
    save.served = now.served;
    ask_expr_release(&q->expr);
    return !read_save(q, &save, true) ||
           save_segment(q, &save, &when, true, err);
}

void on_segment_patch(http_request *r, http_answer *a)
{
    const char *key;
    bool minds = false;
    muster_error err;
    ask q;
    if (!segment_key(r, &key, a))
        return;
    bool done = !ask_open(&q, r, SEGMENT_MEMBERS, a);
    for (int i = 0; i < PATCH_TRIES && !done && !minds; i++)
        done = patch_once(&q, key, &minds, &err);
    if (!done)
        answer_problem(a, minds ? 412 : 409, err.word, "%s", err.message);
    ask_close(&q);
}

void on_segment_remove(http_request *r, http_answer *a)
{
    const char *key;
    muster_saved now;
    muster_when when;
    muster_changed made;
    muster_error err;
    if (!segment_key(r, &key, a))
        return;
    if (segment_now(r, key, &now, &err) < 0) {
        answer_error(a, &err, "");
        return;
    }
    if (!segment_when(r, &now, &when, a))
        return;
    if (muster_audience_remove_when(r->engine, key, &when, &made, &err) < 0)
        segment_refuse(a, &err);
    else if (when.dry_run)
        segment_answer(a, 200, key, &when, &made, NULL);
    else
        answer_empty(a, 204);
}
