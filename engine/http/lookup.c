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

static void make_older(lookup_state *state, const muster_lookup *other)
{
    if (other->epoch < state->epoch)
        state->epoch = other->epoch;
    if (other->as_of < state->as_of)
        state->as_of = other->as_of;
}

void lookup_settle(http_request *r, lookup_state *state)
{
    const lookup_state now = {muster_engine_epoch(r->engine),
                              muster_engine_now(r->engine)};
    if (state->epoch == UINT64_MAX)
        *state = now;
}

static lookup_status tell(lookup_status status)
{
    static const http_metric counted[] = {METRIC_LOOKUP_HIT, METRIC_LOOKUP_MISS,
                                          METRIC_LOOKUP_REFUSED};
    if (status != LOOKUP_FAILED)
        metrics_add(counted[status], 1);
    return status;
}

lookup_status lookup_user(http_request *r, const muster_id *user,
                          muster_saved_fn each, void *payload,
                          lookup_state *state, muster_error *err)
{
    muster_lookup about;
    int rc;

    if (user != NULL)
        rc = muster_audience_lookup_at(r->engine, r->caller->viewer, user,
                                       &about, each, payload, err);
    else
        rc = error_set(err, MUSTER_EINVAL, "unknown_space",
                       "the id space is not declared");
    if (rc == MUSTER_EINVAL || rc == MUSTER_EREFUSED)
        return tell(LOOKUP_REFUSED);
    if (rc < 0)
        return LOOKUP_FAILED;
    make_older(state, &about);
    return tell(about.known ? LOOKUP_HIT : LOOKUP_MISS);
}

/* ---- bodies ---- */

bool lookup_named(lookup_name *name, muster_text space, muster_text id,
                  muster_id *out)
{
    if (space.len >= sizeof name->text ||
        (space.len > 0 && memchr(space.ptr, '\0', space.len) != NULL))
        return false;
    memcpy(name->text, space.ptr, space.len);
    name->text[space.len] = '\0';
    *out = (muster_id){name->text, id.ptr, id.len};
    return true;
}

bool lookup_id(const json_value *v, lookup_name *name, muster_id *out)
{
    const bool object = json_typeof(v) == JSON_OBJECT;
    const json_value *space = object ? json_get(v, "space") : NULL;
    const json_value *id = object ? json_get(v, "id") : NULL;
    return space != NULL && id != NULL && json_typeof(space) == JSON_STRING &&
           json_typeof(id) == JSON_STRING &&
           lookup_named(name, json_string(space), json_string(id), out);
}

bool lookup_body(http_request *r, json_doc **out, const json_value **ids,
                 http_answer *a)
{
    if (!request_document(r, out, a))
        return false;
    *ids = json_get(json_root(*out), "ids");
    if (*ids == NULL || json_typeof(*ids) != JSON_ARRAY)
        answer_problem_at(a, 422, "bad_ids", "/ids",
                          "ids must be a list of {\"space\", \"id\"}");
    else if (json_count(*ids) > LOOKUP_BATCH_MAX)
        answer_problem_at(a, 422, "too_many_ids", "/ids",
                          "a batch has at most %u ids", LOOKUP_BATCH_MAX);
    else
        return true;
    json_free(*out);
    *out = NULL;
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
