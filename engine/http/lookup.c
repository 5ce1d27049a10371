/*
 * lookup.c - asking the engine about one user.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/lookup.h"

#include <string.h>
#include "http/metrics.h"

#define NS_PER_MS 1000000u
#define RETRY_SECONDS 1

lookup_state lookup_newest(void)
{
    return (lookup_state){UINT64_MAX, INT64_MAX};
}

void lookup_older(lookup_state *state, const muster_lookup *about)
{
    if (about->epoch < state->epoch)
        state->epoch = about->epoch;
    if (about->as_of < state->as_of)
        state->as_of = about->as_of;
}

void lookup_settle(http_request *r, lookup_state *state)
{
    const lookup_state now = {muster_engine_epoch(r->engine),
                              muster_engine_now(r->engine)};
    if (state->epoch == UINT64_MAX)
        *state = now;
}

lookup_status lookup_status_of(int rc, const muster_lookup *about)
{
    if (rc == MUSTER_EINVAL || rc == MUSTER_EREFUSED)
        return LOOKUP_REFUSED;
    if (rc < 0)
        return LOOKUP_FAILED;
    return about->known ? LOOKUP_HIT : LOOKUP_MISS;
}

void lookup_count(lookup_status status, uint32_t n)
{
    static const http_metric counted[] = {METRIC_LOOKUP_HIT, METRIC_LOOKUP_MISS,
                                          METRIC_LOOKUP_REFUSED};
    if (status != LOOKUP_FAILED && n > 0)
        metrics_add(counted[status], n);
}

lookup_status lookup_user(http_request *r, const muster_id *user,
                          muster_saved_fn each, void *payload,
                          lookup_state *state, muster_error *err)
{
    muster_lookup about;
    const int rc = muster_audience_lookup_at(r->engine, r->caller->viewer, user,
                                             &about, each, payload, err);
    const lookup_status status = lookup_status_of(rc, &about);
    if (rc >= 0)
        lookup_older(state, &about);
    lookup_count(status, 1);
    return status;
}

/* ---- users of requests ---- */

muster_id lookup_named(arena *texts, muster_text space, muster_text id)
{
    const bool fine = space.len > 0 && space.len <= MUSTER_NAME_BYTES_MAX &&
                      memchr(space.ptr, '\0', space.len) == NULL;
    const char *name = fine ? arena_strndup(texts, space.ptr, space.len) : "";
    return (muster_id){name, id.ptr, id.len};
}

/* The two texts of an element; false: it has none. */
static bool read_user(const json_value *v, muster_text *space, muster_text *id)
{
    const bool object = json_typeof(v) == JSON_OBJECT;
    const json_value *s = object ? json_get(v, "space") : NULL;
    const json_value *i = object ? json_get(v, "id") : NULL;
    if (s == NULL || i == NULL || json_typeof(s) != JSON_STRING ||
        json_typeof(i) != JSON_STRING)
        return false;
    *space = json_string(s);
    *id = json_string(i);
    return true;
}

/* Mostly all are of one space, whose name is copied once. */
static void name_users(http_request *r, const json_value *list,
                       lookup_users *out)
{
    muster_text last = {NULL, 0};
    muster_id user = {"", "", 0};
    out->count = json_count(list);
    out->ids = arena_alloc(&r->texts, (out->count + 1) * sizeof *out->ids);
    size_t n = 0;
    for (json_iter it = json_iter_of(list); json_next(&it); n++) {
        muster_text space, id;
        if (!read_user(it.value, &space, &id)) {
            out->ids[n] = (muster_id){"", "", 0};
            continue;
        }
        if (last.ptr == NULL || !text_equal(last, space))
            user = lookup_named(&r->texts, space, id);
        last = space;
        user.id = id.ptr;
        user.id_len = id.len;
        out->ids[n] = user;
    }
}

bool lookup_body(http_request *r, lookup_users *out, http_answer *a)
{
    if (!request_document(r, &out->doc, a))
        return false;
    const json_value *list = json_get(json_root(out->doc), "ids");
    if (list == NULL || json_typeof(list) != JSON_ARRAY) {
        answer_problem_at(a, 422, "bad_ids", "/ids",
                          "ids must be a list of {\"space\", \"id\"}");
    } else if (json_count(list) > LOOKUP_BATCH_MAX) {
        answer_problem_at(a, 422, "too_many_ids", "/ids",
                          "a batch has at most %u ids", LOOKUP_BATCH_MAX);
    } else {
        name_users(r, list, out);
        return true;
    }
    json_free(out->doc);
    out->doc = NULL;
    return false;
}

/* ---- time ---- */

bool lookup_deadline(http_request *r, uint64_t *out, http_answer *a)
{
    uint64_t ms;
    *out = request_deadline(r);
    if (!request_number(r, "timeout_ms", 1, LOOKUP_TIMEOUT_MS_MAX, 0, &ms, a))
        return false;
    const uint64_t wanted = request_began(r) + ms * NS_PER_MS;
    if (ms != 0 && wanted < *out)
        *out = wanted;
    return true;
}

bool lookup_is_late(uint64_t deadline, http_answer *a)
{
    if (clock_monotonic_ns() <= deadline)
        return false;
    answer_problem(a, 503, "late", "the answer was not ready in time");
    answer_header(a, "Retry-After", "%d", RETRY_SECONDS);
    return true;
}

void lookup_put_state(reply *w, const lookup_state *state)
{
    reply_key(w, "as_of");
    reply_time(w, state->as_of);
    reply_key(w, "epoch");
    reply_uint(w, state->epoch);
}
