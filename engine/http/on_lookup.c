/*
 * on_lookup.c - GET /v1/lookup/{space}/{id} and POST /v1/lookup: which
 * segments users are in.
 *
 * One user, in three forms:
 *
 *   json   {"segments":["buyers","germans"],"as_of":"...","epoch":7}
 *   ortb2  {"user":{"data":[{"name":"...","segment":[{"id":"3"}]}]}}
 *   kv     muster=3,1
 *
 * Segments stand the highest priority first, so that `limit` and
 * `budget_bytes` keep those. Clients that take text/plain alone get kv.
 *
 * The ETag is the epoch, the hour and a hash of the segments: what is shared
 * with a partner, and the order of segments, are those of now, also while the
 * list of a user is of an epoch before.
 *
 * A batch answers in the order of its ids; `epoch` is the oldest of theirs.
 *
 * Cost: what the engine takes for a user, and about 15 ns a segment. Answers
 * are written as the engine tells, so that nothing is allocated for an id or a
 * segment but room in the body.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <string.h>
#include "http/enrich.h"
#include "http/kv.h"
#include "http/lookup.h"
#include "http/openrtb.h"

#define KV_KEY_DEFAULT "muster"
/* Headers of requests end at some KB: longer values reach no ad server. */
#define KV_BUDGET_MAX 65536u
#define SECONDS_PER_HOUR 3600

typedef enum lookup_format { FORMAT_JSON, FORMAT_ORTB2, FORMAT_KV } format;

/* What is wanted of the segments of a user. */
typedef struct wanted {
    format format;
    muster_text only; /* keys with commas between; empty: all */
    muster_text key;  /* of kv */
    uint64_t limit;
    uint64_t budget;
    uint64_t deadline;
} wanted;

/* Segments on their way into an answer. */
typedef struct putting {
    const wanted *wants;
    const openrtb_rules *rules;
    reply w;
    kv pairs;
    size_t mark;      /* of the list of segments ... */
    size_t data_mark; /* ... and of the one around its entry in ortb2 */
    uint32_t n;       /* put */
    bool full;
    enrich_nodes *nodes; /* of ortb2 */
} putting;

/* ---- what is wanted ---- */

static bool is_listed(muster_text list, const char *key)
{
    const size_t len = strlen(key);
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        const size_t item = comma ? (size_t)(comma - list.ptr) : list.len;
        if (item == len && memcmp(list.ptr, key, len) == 0)
            return true;
        const size_t used = comma ? item + 1 : item;
        list = text_make(list.ptr + used, list.len - used);
    }
    return false;
}

static bool read_format(http_request *r, wanted *out, http_answer *a)
{
    muster_text name;
    out->format = r->wants == MEDIA_TEXT ? FORMAT_KV : FORMAT_JSON;
    if (!request_query(r, "format", &name))
        return true;
    if (text_is(name, "json"))
        out->format = FORMAT_JSON;
    else if (text_is(name, "ortb2"))
        out->format = FORMAT_ORTB2;
    else if (text_is(name, "kv"))
        out->format = FORMAT_KV;
    else
        answer_problem(a, 400, "bad_parameter", "format is json, ortb2 or kv");
    return a->status == 200;
}

/* The key, and a budget with room for it. */
static bool read_pair(http_request *r, wanted *out, http_answer *a)
{
    muster_text budget;
    const bool keyed = request_query(r, "key", &out->key);
    if (!keyed)
        out->key = text_of(KV_KEY_DEFAULT);
    if (out->format != FORMAT_KV) {
        if (!keyed && !request_query(r, "budget_bytes", &budget))
            return true;
        answer_problem(a, 400, "bad_parameter",
                       "key and budget_bytes go with format=kv");
        return false;
    }
    if (!kv_key_is_fine(out->key)) {
        answer_problem(a, 400, "bad_parameter",
                       "key is 1 to %u letters, digits, '_', '-' and '.'",
                       KV_KEY_BYTES_MAX);
        return false;
    }
    return request_number(r, "budget_bytes", kv_bytes_min(out->key),
                          KV_BUDGET_MAX, KV_BUDGET_MAX, &out->budget, a);
}

/* What both routes take. */
static bool read_common(http_request *r, wanted *out, http_answer *a)
{
    *out = (wanted){.format = FORMAT_JSON};
    if (!request_query(r, "only", &out->only))
        out->only = text_make("", 0);
    return request_number(r, "limit", 1, MUSTER_SEGMENTS_MAX,
                          MUSTER_SEGMENTS_MAX, &out->limit, a) &&
           lookup_deadline(r, &out->deadline, a);
}

/* ---- segments ---- */

static void put_ortb2(putting *p, const muster_saved *row)
{
    if (p->n == 0)
        p->mark = openrtb_data_begin(&p->w, p->rules);
    openrtb_data_put(&p->w, row->id);
    enrich_nodes_add(p->nodes, p->rules, row);
}

static int put_segment(void *payload, const muster_saved *row)
{
    putting *p = payload;
    const wanted *wants = p->wants;
    if (p->full || (wants->only.len > 0 && !is_listed(wants->only, row->key)))
        return 0;
    if (p->n == wants->limit)
        p->full = true;
    else if (wants->format == FORMAT_KV)
        p->full = !kv_put(&p->pairs, row->id);
    else if (wants->format == FORMAT_ORTB2)
        put_ortb2(p, row);
    else
        reply_text(&p->w, text_of(row->key));
    p->n += !p->full;
    return 0;
}

/* Everything before the segments. */
static void begin_one(putting *p, http_request *r, http_answer *a)
{
    p->w = reply_begin(a, r->wants);
    if (p->wants->format == FORMAT_KV) {
        a->media = MEDIA_TEXT;
        p->pairs = kv_begin(&a->body, p->wants->key, (size_t)p->wants->budget);
    } else if (p->wants->format == FORMAT_JSON) {
        reply_map(&p->w, 3);
        reply_key(&p->w, "segments");
        p->mark = reply_list(&p->w);
    } else {
        reply_map(&p->w, 1);
        reply_key(&p->w, "user");
        reply_map(&p->w, 1);
        reply_key(&p->w, "data");
        p->data_mark = reply_list(&p->w);
    }
}

/* A list of our entry and one of nodes, of one of them, or of none. */
static void end_ortb2(putting *p)
{
    const bool nodes = p->nodes->n > 0;
    if (p->n > 0)
        openrtb_data_end(&p->w, p->mark, p->n);
    if (nodes)
        enrich_nodes_put(p->nodes, p->rules, &p->w);
    reply_list_end(&p->w, p->data_mark, (uint32_t)(p->n > 0) + nodes);
    reply_map_end(&p->w);
    reply_map_end(&p->w);
}

/* Everything behind them; *content is a hash of what stands before the state,
 * which is that of the segments and the form. */
static void end_one(putting *p, const lookup_state *state, http_answer *a,
                    uint64_t *content)
{
    if (p->wants->format == FORMAT_ORTB2)
        end_ortb2(p);
    else if (p->wants->format == FORMAT_JSON)
        reply_list_end(&p->w, p->mark, p->n);
    *content = hash_bytes(a->body.data, a->body.len);
    if (p->wants->format != FORMAT_JSON)
        return;
    lookup_put_state(&p->w, state);
    reply_map_end(&p->w);
}

/* ---- one user ---- */

/* True: the client has it (304). */
static bool put_validator(http_request *r, const lookup_state *state,
                          uint64_t content, http_answer *a)
{
    char tag[80]; /* three numbers of 20 digits */
    size_t len = text_format_uint(tag, state->epoch);
    tag[len++] = '.';
    len += text_format_uint(tag + len, (uint64_t)clock_hour_of(state->as_of));
    tag[len++] = '.';
    len += text_format_uint(tag + len, content);
    tag[len] = '\0';
    answer_header(a, "Cache-Control", LOOKUP_CACHE_CONTROL);
    answer_header(a, "Vary", "Accept, Authorization");
    return answer_etag(a, r, tag);
}

void on_lookup(http_request *r, http_answer *a)
{
    const openrtb_rules rules = enrich_rules(r);
    lookup_state state = lookup_newest();
    uint64_t content;
    wanted wants;
    muster_error err;
    if (!read_common(r, &wants, a) || !read_format(r, &wants, a) ||
        !read_pair(r, &wants, a))
        return;
    enrich_nodes nodes;
    putting p = {.wants = &wants, .rules = &rules, .nodes = &nodes};
    nodes.n = 0;
    begin_one(&p, r, a);
    const uint64_t began = clock_monotonic_ns();
    const muster_id user = lookup_named(&r->texts, r->args[0], r->args[1]);
    const lookup_status status =
        lookup_user(r, &user, put_segment, &p, &state, &err);
    a->eval_ns = clock_monotonic_ns() - began;
    if (status == LOOKUP_REFUSED || status == LOOKUP_FAILED) {
        answer_error(a, &err, "");
        return;
    }
    if (lookup_is_late(wants.deadline, a))
        return;
    end_one(&p, &state, a, &content);
    (void)put_validator(r, &state, content, a);
}

/* ---- a batch ---- */

typedef struct batch {
    putting p; /* first: put_segment's payload is the batch */
    http_answer *a;
    lookup_state state;
    uint32_t told[LOOKUP_FAILED]; /* of each status */
    bool late;
} batch;

static void end_result(putting *p)
{
    reply_list_end(&p->w, p->mark, p->n);
    reply_map_end(&p->w);
}

/* Ends the result before and begins one, up to its segments. */
static int begin_result(void *payload, size_t which, int rc,
                        const muster_lookup *about)
{
    static const char *const words[] = {"hit", "miss", "refused", "refused"};
    batch *b = payload;
    putting *p = &b->p;
    const lookup_status status = lookup_status_of(rc, about);
    if (which > 0)
        end_result(p);
    if (which % LOOKUP_IDS_PER_LOOK == 0)
        b->late = lookup_is_late(p->wants->deadline, b->a);
    if (b->late)
        return 1;
    if (status == LOOKUP_FAILED)
        return rc;
    lookup_older(&b->state, about);
    b->told[status]++;
    reply_map(&p->w, 2);
    reply_key(&p->w, "status");
    reply_text(&p->w, text_of(words[status]));
    reply_key(&p->w, "segments");
    p->mark = reply_list(&p->w);
    p->n = 0;
    p->full = false;
    return 0;
}

/* The list of results; false: answered. */
static bool put_results(http_request *r, batch *b, const lookup_users *users)
{
    putting *p = &b->p;
    muster_error err;
    reply_array(&p->w, (uint32_t)users->count);
    const int rc = muster_audience_lookup_many(
        r->engine, r->caller->viewer, users->ids, users->count, begin_result,
        put_segment, b, &err);
    if (rc < 0)
        answer_error(b->a, &err, "");
    if (rc != 0 || b->late || lookup_is_late(p->wants->deadline, b->a))
        return false;
    if (users->count > 0)
        end_result(p);
    reply_array_end(&p->w);
    for (lookup_status s = LOOKUP_HIT; s < LOOKUP_FAILED; s++)
        lookup_count(s, b->told[s]);
    return true;
}

void on_lookup_batch(http_request *r, http_answer *a)
{
    lookup_users users;
    wanted wants;
    if (!read_common(r, &wants, a) || !lookup_body(r, &users, a))
        return;
    batch b = {.p = {.wants = &wants, .w = reply_begin(a, r->wants)},
               .a = a,
               .state = lookup_newest()};
    reply *w = &b.p.w;
    reply_map(w, 3);
    reply_key(w, "results");
    const uint64_t began = clock_monotonic_ns();
    const bool done = put_results(r, &b, &users);
    a->eval_ns = clock_monotonic_ns() - began;
    if (done) {
        lookup_settle(r, &b.state);
        lookup_put_state(w, &b.state);
        reply_map_end(w);
    }
    json_free(users.doc);
}
