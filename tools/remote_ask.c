/*
 * remote_ask.c - expressions through a server.
 *
 *   compile     POST /v1/validate     the text's warnings, or its error
 *   count       POST /v1/count        exact, with clauses, or an estimate
 *   users       POST /v1/ids          page after page
 *   has         POST /v1/explain
 *   explain     POST /v1/explain
 *   overlap     POST /v1/overlap
 *   breakdown   POST /v1/breakdown
 *
 * An answer's texts are borrowed from its JSON document, so both are kept in
 * one box and freed together (remote_answer_free).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "remote.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"

struct remote_segment {
    remote *remote;
    char *text;
    size_t len;
    muster_error *warnings;
    size_t warning_count;
};

/* The answer comes first, so that its address is the box's. */
typedef struct box {
    union {
        muster_count count;
        muster_explanation explanation;
        muster_overlap overlap;
        muster_breakdown breakdown;
    } of;
    json_doc *doc;
    arena memory; /* its lists */
} box;

/* Takes the document of the call. */
static box *box_new(remote_call *call)
{
    box *b = mem_zalloc(sizeof *b);
    b->doc = call->doc;
    call->doc = NULL;
    arena_init(&b->memory);
    return b;
}

void remote_answer_free(void *answer)
{
    box *b = answer;
    if (b == NULL)
        return;
    json_free(b->doc);
    arena_release(&b->memory);
    mem_free(b);
}

/* ---- compile ---- */

/* Findings are warnings, or the one error: its code, else 0. */
static int take_findings(remote_segment *s, const json_value *list,
                         muster_error *err)
{
    s->warnings = mem_array(list_count(list) + 1, sizeof *s->warnings);
    for (json_iter it = list_walk(list); json_next(&it);) {
        muster_error found = {.code = MUSTER_EEXPR};
        remote_read_error(it.value, s->text, s->len, &found);
        if (text_is(member_text(it.value, "severity"), "warning"))
            s->warnings[s->warning_count++] = found;
        else if (err != NULL)
            *err = found;
    }
    return s->warning_count == list_count(list) ? 0 : MUSTER_EEXPR;
}

/* Begins a question about a text; errors point into it. */
static json_writer *ask(remote_call *call, const remote_segment *s,
                        const char *path)
{
    remote_call_init(call, s->remote, "POST", true);
    buffer_put_str(&call->path, path);
    call->text = s->text;
    call->text_len = s->len;
    json_writer *w = remote_call_body(call);
    json_key(w, "expr");
    json_put_text(w, text_make(s->text, s->len));
    return w;
}

int remote_segment_compile(remote_segment **out, remote *r, const char *text,
                           size_t len, muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_segment *s = mem_zalloc(sizeof *s);
    s->remote = r;
    s->text = mem_strndup(text, len);
    s->len = len;
    ask(&call, s, "/v1/validate");
    int status = remote_call_send(&call, &root, err);
    const json_value *findings =
        root != NULL ? json_get(root, "findings") : NULL;
    if (status == 0 && findings == NULL)
        status = remote_bad_answer(r, "findings", err);
    if (status == 0)
        status = take_findings(s, findings, err);
    remote_call_release(&call);
    *out = s;
    if (status == 0)
        return 0;
    remote_segment_free(s);
    *out = NULL;
    return status;
}

void remote_segment_free(remote_segment *s)
{
    if (s == NULL)
        return;
    mem_free(s->warnings);
    mem_free(s->text);
    mem_free(s);
}

size_t remote_segment_warning_count(const remote_segment *s)
{
    return s->warning_count;
}

const muster_error *remote_segment_warning(const remote_segment *s, size_t i)
{
    ASSERT(i < s->warning_count);
    return &s->warnings[i];
}

/* ---- count ---- */

static void take_clauses(box *b, const json_value *list)
{
    muster_clause *clauses =
        arena_zalloc(&b->memory, (list_count(list) + 1) * sizeof *clauses);
    b->of.count.clauses = clauses;
    for (json_iter it = list_walk(list); json_next(&it);)
        clauses[b->of.count.clause_count++] = (muster_clause){
            .path = member_str(it.value, "path"),
            .text = member_str(it.value, "text"),
            .count = member_uint(it.value, "count"),
            .marginal = member_int(it.value, "marginal"),
        };
}

static void take_windows(box *b, const json_value *list)
{
    muster_window *windows =
        arena_zalloc(&b->memory, (list_count(list) + 1) * sizeof *windows);
    b->of.count.windows = windows;
    for (json_iter it = list_walk(list); json_next(&it);)
        windows[b->of.count.window_count++] = (muster_window){
            .text = member_str(it.value, "text"),
            .from = member_time(it.value, "from"),
            .to = member_time(it.value, "to"),
        };
}

static void take_count(box *b, const json_value *root)
{
    muster_count *n = &b->of.count;
    n->count = member_uint(root, "count");
    n->universe = member_uint(root, "universe");
    n->share = member_double(root, "share");
    n->exact = member_bool(root, "exact");
    n->as_of = member_time(root, "as_of");
    n->epoch = member_uint(root, "epoch");
    n->elapsed_ns = member_uint(root, "elapsed_us") * 1000;
    n->low = member_uint(root, "low");
    n->high = member_uint(root, "high");
    n->error = member_double(root, "error");
    n->sampled_rows = member_uint(root, "sampled_rows");
    take_clauses(b, json_get(root, "clauses"));
    take_windows(b, json_get(root, "windows"));
}

/* Sends a question whose answer must have `member`; the box of the answer, or
 * NULL with *status set. */
static box *ask_box(remote_call *call, const char *member,
                    const json_value **root, int *status, muster_error *err)
{
    box *b = NULL;
    *status = remote_call_send(call, root, err);
    if (*status == 0 && (*root == NULL || json_get(*root, member) == NULL))
        *status = remote_bad_answer(call->remote, member, err);
    if (*status == 0)
        b = box_new(call);
    remote_call_release(call);
    return b;
}

int remote_segment_count(remote_segment *s, bool clauses,
                         const muster_sample *sample, muster_count **out,
                         muster_error *err)
{
    const json_value *root;
    remote_call call;
    int status;
    json_writer *w = ask(&call, s, "/v1/count");
    if (clauses) {
        json_key(w, "clauses");
        json_put_bool(w, true);
    }
    if (sample != NULL) {
        json_key(w, "error");
        json_put_double(w, sample->error);
        json_key(w, "seed");
        json_put_uint(w, sample->seed);
    }
    box *b = ask_box(&call, "count", &root, &status, err);
    if (b == NULL)
        return status;
    take_count(b, root);
    *out = &b->of.count;
    return 0;
}

/* ---- users ---- */

/* The most a server puts on one page: some MB. */
#define USERS_PAGE 100000

static int digit_of(char at)
{
    if (at >= '0' && at <= '9')
        return at - '0';
    return at >= 'a' && at <= 'f' ? at - 'a' + 10 : -1;
}

static bool read_pseudonym(muster_text hex, muster_pseudonym *out)
{
    if (hex.len != 2 * sizeof out->bytes)
        return false;
    for (size_t i = 0; i < sizeof out->bytes; i++) {
        const int high = digit_of(hex.ptr[2 * i]);
        const int low = digit_of(hex.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

typedef struct user_walk {
    muster_user_fn each;
    void *payload;
    uint64_t left;
    char *cursor; /* of the next page; NULL: of the first, or there is none */
} user_walk;

/* 0, a negative status, or what `each` returned. */
static int give_users(const remote_segment *s, user_walk *walk,
                      const json_value *users, muster_error *err)
{
    for (json_iter it = list_walk(users);
         walk->left > 0 && json_next(&it); walk->left--) {
        muster_pseudonym user;
        if (!read_pseudonym(member_text(it.value, "pseudonym"), &user))
            return remote_bad_answer(s->remote, "a pseudonym", err);
        const int end = walk->each(walk->payload, &user);
        if (end != 0)
            return end;
    }
    return 0;
}

static int each_user_page(remote_segment *s, user_walk *walk,
                          muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    json_writer *w = ask(&call, s, "/v1/ids");
    const uint64_t least = walk->left > 0 ? walk->left : 1;
    json_key(w, "limit");
    json_put_uint(w, least < USERS_PAGE ? least : USERS_PAGE);
    if (walk->cursor != NULL) {
        json_key(w, "cursor");
        json_put_str(w, walk->cursor);
    }
    mem_free(walk->cursor);
    walk->cursor = NULL;
    int status = remote_call_send(&call, &root, err);
    const json_value *users = root != NULL ? json_get(root, "users") : NULL;
    if (status == 0 && users == NULL)
        status = remote_bad_answer(s->remote, "users", err);
    if (status == 0)
        status = give_users(s, walk, users, err);
    const muster_text next = member_text(root, "next_cursor");
    if (status == 0 && next.len > 0 && walk->left > 0)
        walk->cursor = mem_strndup(next.ptr, next.len);
    remote_call_release(&call);
    return status;
}

int remote_segment_users(remote_segment *s, uint64_t limit,
                         muster_user_fn each, void *payload,
                         muster_error *err)
{
    user_walk walk = {each, payload, limit, NULL};
    int status;
    do
        status = each_user_page(s, &walk, err);
    while (status == 0 && walk.cursor != NULL);
    mem_free(walk.cursor);
    return status < 0 ? status : 0;
}

/* ---- one user ---- */

static json_writer *ask_user(remote_call *call, const remote_segment *s,
                             const muster_id *user)
{
    json_writer *w = ask(call, s, "/v1/explain");
    json_key(w, "space");
    json_put_str(w, user->space);
    json_key(w, "id");
    json_put_text(w, text_make(user->id, user->id_len));
    return w;
}

static void take_reasons(box *b, const json_value *list)
{
    muster_reason *reasons =
        arena_zalloc(&b->memory, (list_count(list) + 1) * sizeof *reasons);
    b->of.explanation.reasons = reasons;
    for (json_iter it = list_walk(list); json_next(&it);)
        reasons[b->of.explanation.reason_count++] = (muster_reason){
            .path = member_str(it.value, "path"),
            .text = member_str(it.value, "text"),
            .depth = (unsigned)member_uint(it.value, "depth"),
            .holds = member_bool(it.value, "holds"),
            .why = member_str(it.value, "why"),
            .until = member_time(it.value, "until"),
        };
}

int remote_segment_explain(remote_segment *s, const muster_id *user,
                           muster_explanation **out, muster_error *err)
{
    const json_value *root;
    remote_call call;
    int status;
    ask_user(&call, s, user);
    box *b = ask_box(&call, "member", &root, &status, err);
    if (b == NULL)
        return status;
    muster_explanation *e = &b->of.explanation;
    e->known = json_get(root, "known") == NULL || member_bool(root, "known");
    e->masked = member_bool(root, "masked");
    e->member = member_bool(root, "member");
    e->until = member_time(root, "until");
    e->as_of = member_time(root, "as_of");
    e->epoch = member_uint(root, "epoch");
    take_reasons(b, json_get(root, "reasons"));
    *out = e;
    return 0;
}

/* Decided by the same route: it takes any expression, and no id stands in its
 * address. */
int remote_segment_has(remote_segment *s, const muster_id *user, bool *out,
                       muster_error *err)
{
    muster_explanation *e = NULL;
    const int status = remote_segment_explain(s, user, &e, err);
    *out = status == 0 && e->member;
    remote_answer_free(e);
    const bool unknown = status < 0 && strcmp(err->word, "unknown_user") == 0;
    return unknown ? 0 : status;
}

/* ---- several sets, an attribute's values ---- */

/* The list's counts into their places of the square; false when there are too
 * few of them. */
static bool take_pairs(uint64_t *counts, size_t n, const json_value *sets,
                       const json_value *pairs)
{
    json_iter size = list_walk(sets);
    json_iter pair = list_walk(pairs);
    for (size_t i = 0; i < n; i++) {
        if (!json_next(&size))
            return false;
        counts[i * n + i] = member_uint(size.value, "count");
        for (size_t j = i + 1; j < n; j++) {
            if (!json_next(&pair))
                return false;
            counts[i * n + j] = member_uint(pair.value, "count");
            counts[j * n + i] = counts[i * n + j];
        }
    }
    return true;
}

int remote_reach_overlap(remote_segment *const *segments, size_t n,
                         muster_overlap **out, muster_error *err)
{
    const json_value *root;
    remote_call call;
    int status;
    ASSERT(n > 0);
    remote_call_init(&call, segments[0]->remote, "POST", true);
    buffer_put_str(&call.path, "/v1/overlap");
    json_writer *w = remote_call_body(&call);
    json_key(w, "sets");
    json_open_array(w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(w);
        json_key(w, "expr");
        json_put_text(w, text_make(segments[i]->text, segments[i]->len));
        json_close(w);
    }
    json_close(w);
    box *b = ask_box(&call, "pairs", &root, &status, err);
    if (b == NULL)
        return status;
    muster_overlap *o = &b->of.overlap;
    uint64_t *counts = arena_zalloc(&b->memory, n * n * sizeof *counts);
    o->n = n;
    o->counts = counts;
    o->universe = member_uint(root, "universe");
    o->as_of = member_time(root, "as_of");
    o->epoch = member_uint(root, "epoch");
    o->elapsed_ns = member_uint(root, "elapsed_us") * 1000;
    *out = o;
    if (take_pairs(counts, n, json_get(root, "sets"), json_get(root, "pairs")))
        return 0;
    remote_answer_free(b);
    *out = NULL;
    return remote_bad_answer(segments[0]->remote, "some pairs", err);
}

static void take_rows(box *b, const json_value *list)
{
    muster_breakdown_row *found =
        arena_zalloc(&b->memory, (list_count(list) + 1) * sizeof *found);
    b->of.breakdown.rows = found;
    for (json_iter it = list_walk(list); json_next(&it);)
        found[b->of.breakdown.row_count++] = (muster_breakdown_row){
            .value = member_text(it.value, "value"),
            .count = member_uint(it.value, "count"),
            .share = member_double(it.value, "share"),
        };
}

int remote_reach_breakdown(remote_segment *s, const char *attribute,
                           size_t limit, muster_breakdown **out,
                           muster_error *err)
{
    const json_value *root;
    remote_call call;
    int status;
    json_writer *w = ask(&call, s, "/v1/breakdown");
    json_key(w, "by");
    json_put_str(w, attribute);
    json_key(w, "limit");
    json_put_uint(w, limit);
    box *b = ask_box(&call, "rows", &root, &status, err);
    if (b == NULL)
        return status;
    b->of.breakdown.total = member_uint(root, "total");
    b->of.breakdown.more = member_uint(root, "more");
    b->of.breakdown.as_of = member_time(root, "as_of");
    b->of.breakdown.epoch = member_uint(root, "epoch");
    b->of.breakdown.elapsed_ns = member_uint(root, "elapsed_us") * 1000;
    take_rows(b, json_get(root, "rows"));
    *out = &b->of.breakdown;
    return 0;
}
