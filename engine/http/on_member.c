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
 * `epoch` is that of the beginning: an id is decided on it or on a newer one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <stdio.h>
#include <string.h>
#include "http/lookup.h"

#define IDS_PER_LOOK 16u
#define EXPR_BYTES_MAX (MUSTER_SEGMENT_KEY_BYTES_MAX + 16)

static int note_served(void *payload, const muster_saved *row)
{
    *(bool *)payload = row->served;
    return 0;
}

/* May the caller ask for members of it? False: answered, with 404 whatever
 * the reason. */
static bool segment_is_open(http_request *r, const char *key, http_answer *a)
{
    const http_caller *who = r->caller;
    muster_error err;
    bool served = false;
    int rc = MUSTER_ENOTFOUND;
    if (muster_audience_is_seen(r->engine, who->viewer, key))
        rc = muster_audience_find(r->engine, key, note_served, &served, &err);
    if (rc == 0 && (served || (who->may & MAY_READ) != 0))
        return true;
    answer_problem_at(a, 404, "unknown_segment", "/segment",
                      "there is no such segment");
    return false;
}

/* segment("key") for the caller; NULL: answered. */
static muster_segment *open_segment(http_request *r, muster_text key,
                                    http_answer *a)
{
    char name[MUSTER_SEGMENT_KEY_BYTES_MAX + 1] = "";
    char expr[EXPR_BYTES_MAX];
    muster_segment *segment = NULL;
    muster_error err;

    /* One that is longer, or has a NUL in it, is no key. */
    if (key.len < sizeof name && memchr(key.ptr, '\0', key.len) == NULL)
        memcpy(name, key.ptr, key.len);
    if (!segment_is_open(r, name, a))
        return NULL;
    const int len = snprintf(expr, sizeof expr, "segment(\"%s\")", name);
    ASSERT(len > 0 && (size_t)len < sizeof expr);
    if (muster_segment_compile(&segment, r->engine, r->caller->viewer, expr,
                               (size_t)len, &err) != 0)
        answer_error(a, &err, "/segment");
    return segment;
}

enum verdict { NO_MEMBER, MEMBER, REFUSED };

typedef struct verdicts {
    uint8_t of[LOOKUP_BATCH_MAX];
    uint32_t n;
    uint32_t refused;
} verdicts;

/* Decides one id; false: answered. */
static bool decide(muster_segment *segment, const muster_id *user,
                   verdicts *all, http_answer *a)
{
    bool member = false;
    muster_error err;
    const int rc = muster_segment_has(segment, user, &member, &err);
    const bool refused = rc == MUSTER_EINVAL || rc == MUSTER_EREFUSED;
    if (rc != 0 && !refused) {
        answer_error(a, &err, "");
        return false;
    }
    all->of[all->n++] = refused ? REFUSED : member ? MEMBER : NO_MEMBER;
    all->refused += refused;
    return true;
}

/* All of them; false: answered. */
static bool decide_all(muster_segment *segment, const lookup_users *users,
                       uint64_t deadline, verdicts *all, http_answer *a)
{
    for (size_t i = 0; i < users->count; i++) {
        if (!decide(segment, &users->ids[i], all, a))
            return false;
        if (all->n % IDS_PER_LOOK == 0 && lookup_is_late(deadline, a))
            return false;
    }
    return !lookup_is_late(deadline, a);
}

static void put_verdicts(http_request *r, const verdicts *all,
                         const lookup_state *state, http_answer *a)
{
    reply w = reply_begin(a, r->wants);
    reply_map(&w, all->refused > 0 ? 4 : 3);
    reply_key(&w, "member");
    reply_array(&w, all->n);
    for (uint32_t i = 0; i < all->n; i++)
        reply_bool(&w, all->of[i] == MEMBER);
    reply_array_end(&w);
    if (all->refused > 0) {
        reply_key(&w, "refused");
        reply_array(&w, all->refused);
        for (uint32_t i = 0; i < all->n; i++)
            if (all->of[i] == REFUSED)
                reply_uint(&w, i);
        reply_array_end(&w);
    }
    lookup_put_state(&w, state);
    reply_map_end(&w);
}

static void answer_members(http_request *r, const lookup_users *users,
                           http_answer *a)
{
    const json_value *root = json_root(users->doc);
    verdicts all = {.n = 0};
    lookup_state state = lookup_newest();
    uint64_t deadline;
    muster_text key;
    if (!request_member_text(root, "segment", true, text_make("", 0), &key,
                             a) ||
        !lookup_deadline(r, &deadline, a))
        return;
    muster_segment *segment = open_segment(r, key, a);
    if (segment == NULL)
        return;
    lookup_settle(r, &state);
    const uint64_t began = clock_monotonic_ns();
    const bool done = decide_all(segment, users, deadline, &all, a);
    a->eval_ns = clock_monotonic_ns() - began;
    muster_segment_free(segment);
    if (done)
        put_verdicts(r, &all, &state, a);
}

void on_member(http_request *r, http_answer *a)
{
    lookup_users users;
    if (!lookup_body(r, &users, a))
        return;
    answer_members(r, &users, a);
    json_free(users.doc);
}
