/*
 * on_member.c - POST /v1/member: which of many users are in one segment.
 *
 *   {"member":[true,false,false],"refused":[2],"as_of":"...","epoch":7}
 *
 * One answer an id, in order. What is no id, or is personal data, is in no
 * segment; its position (from 0) stands in "refused", which is there only
 * when something was. A segment that is not served is there only for keys
 * that may read; one that the caller may not see is not there.
 *
 * Where there is a forward index, a segment that is served is found among those
 * of each user, which takes less than a microsecond however long its
 * expression. Else the expression is decided. `epoch` is the oldest that an id
 * was decided on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <stdio.h>
#include <string.h>
#include "http/lookup.h"

#define EXPR_BYTES_MAX (MUSTER_SEGMENT_KEY_BYTES_MAX + 16)

typedef struct wanted {
    char key[MUSTER_SEGMENT_KEY_BYTES_MAX + 1];
    uint32_t id;
    bool served;
} wanted;

static int note_saved(void *payload, const muster_saved *row)
{
    wanted *w = payload;
    w->id = row->id;
    w->served = row->served;
    return 0;
}

/* The segment of a key, if the caller may ask for its members; false:
 * answered, with 404 whatever the reason. */
static bool find_wanted(http_request *r, muster_text key, wanted *out,
                        http_answer *a)
{
    const http_caller *who = r->caller;
    muster_error err;
    int rc = MUSTER_ENOTFOUND;
    *out = (wanted){.id = 0};
    /* One that is longer, or has a NUL in it, is no key. */
    if (key.len < sizeof out->key && memchr(key.ptr, '\0', key.len) == NULL)
        memcpy(out->key, key.ptr, key.len);
    if (muster_audience_is_seen(r->engine, who->viewer, out->key))
        rc = muster_audience_find(r->engine, out->key, note_saved, out, &err);
    if (rc == 0 && (out->served || (who->may & MAY_READ) != 0))
        return true;
    answer_problem_at(a, 404, "unknown_segment", "/segment",
                      "there is no such segment");
    return false;
}

enum verdict { NO_MEMBER, MEMBER, REFUSED };

typedef struct members {
    const wanted *wants;
    http_answer *a;
    lookup_state state;
    uint64_t deadline;
    uint8_t verdicts[LOOKUP_BATCH_MAX];
    uint32_t n;
    uint32_t refused;
} members;

/* False: it is too late, and answered. */
static bool put_verdict(members *m, enum verdict verdict)
{
    m->refused += verdict == REFUSED;
    m->verdicts[m->n++] = (uint8_t)verdict;
    return m->n % LOOKUP_IDS_PER_LOOK != 0 ||
           !lookup_is_late(m->deadline, m->a);
}

/* ---- of a segment that is served: by the forward index ---- */

static int begin_user(void *payload, size_t which, int rc,
                      const muster_lookup *about)
{
    members *m = payload;
    (void)which;
    if (lookup_status_of(rc, about) == LOOKUP_FAILED)
        return rc;
    lookup_older(&m->state, about);
    return put_verdict(m, rc != 0 ? REFUSED : NO_MEMBER) ? 0 : 1;
}

static int see_segment(void *payload, const muster_saved *row)
{
    members *m = payload;
    if (row->id == m->wants->id)
        m->verdicts[m->n - 1] = MEMBER;
    return 0;
}

/* False: answered. */
static bool look_up_all(http_request *r, const lookup_users *users, members *m)
{
    muster_error err;
    const int rc = muster_audience_lookup_many(
        r->engine, r->caller->viewer, users->ids, users->count, begin_user,
        see_segment, m, &err);
    if (rc < 0)
        answer_error(m->a, &err, "");
    return rc == 0;
}

/* ---- of others: by its expression ---- */

/* segment("key") for the caller; NULL: answered. */
static muster_segment *open_segment(http_request *r, const wanted *wants,
                                    http_answer *a)
{
    char expr[EXPR_BYTES_MAX];
    muster_segment *segment = NULL;
    muster_error err;
    const int len = snprintf(expr, sizeof expr, "segment(\"%s\")", wants->key);
    ASSERT(len > 0 && (size_t)len < sizeof expr);
    if (muster_segment_compile(&segment, r->engine, r->caller->viewer, expr,
                               (size_t)len, &err) != 0)
        answer_error(a, &err, "/segment");
    return segment;
}

/* Decides one id; false: answered. */
static bool decide(muster_segment *segment, const muster_id *user, members *m)
{
    bool member = false;
    muster_error err;
    const int rc = muster_segment_has(segment, user, &member, &err);
    if (rc == MUSTER_EINVAL || rc == MUSTER_EREFUSED)
        return put_verdict(m, REFUSED);
    if (rc == 0)
        return put_verdict(m, member ? MEMBER : NO_MEMBER);
    answer_error(m->a, &err, "");
    return false;
}

/* False: answered. */
static bool decide_all(http_request *r, const lookup_users *users, members *m)
{
    muster_segment *segment = open_segment(r, m->wants, m->a);
    bool going = segment != NULL;
    lookup_settle(r, &m->state);
    for (size_t i = 0; i < users->count && going; i++)
        going = decide(segment, &users->ids[i], m);
    muster_segment_free(segment);
    return going;
}

/* ---- the answer ---- */

static void put_members(http_request *r, members *m)
{
    reply w = reply_begin(m->a, r->wants);
    reply_map(&w, m->refused > 0 ? 4 : 3);
    reply_key(&w, "member");
    reply_array(&w, m->n);
    for (uint32_t i = 0; i < m->n; i++)
        reply_bool(&w, m->verdicts[i] == MEMBER);
    reply_array_end(&w);
    if (m->refused > 0) {
        reply_key(&w, "refused");
        reply_array(&w, m->refused);
        for (uint32_t i = 0; i < m->n; i++)
            if (m->verdicts[i] == REFUSED)
                reply_uint(&w, i);
        reply_array_end(&w);
    }
    lookup_settle(r, &m->state);
    lookup_put_state(&w, &m->state);
    reply_map_end(&w);
}

static void answer_members(http_request *r, const lookup_users *users,
                           http_answer *a)
{
    const json_value *root = json_root(users->doc);
    members m = {.a = a, .state = lookup_newest()};
    muster_text key;
    wanted wants;
    if (!request_member_text(root, "segment", true, text_make("", 0), &key,
                             a) ||
        !lookup_deadline(r, &m.deadline, a) || !find_wanted(r, key, &wants, a))
        return;
    m.wants = &wants;
    const uint64_t began = clock_monotonic_ns();
    const bool indexed = wants.served && muster_audience_is_indexed(r->engine);
    const bool done =
        indexed ? look_up_all(r, users, &m) : decide_all(r, users, &m);
    a->eval_ns = clock_monotonic_ns() - began;
    if (done && !lookup_is_late(m.deadline, a))
        put_members(r, &m);
}

void on_member(http_request *r, http_answer *a)
{
    lookup_users users;
    if (!lookup_body(r, &users, a))
        return;
    answer_members(r, &users, a);
    json_free(users.doc);
}
