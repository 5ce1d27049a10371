/*
 * lookup.h - what lookup, member and enrich have in common: asking the engine
 * about one user, ids of a body, the state that an answer holds for; private
 * to engine/http.
 *
 * An id is hashed by the engine and goes nowhere else: no answer, no message
 * and no line of the log shows one, nor a space that is not declared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_LOOKUP_H
#define HTTP_LOOKUP_H

#include "http/parts.h"
#include "http/reply.h"

/* Ids of one batch: at a microsecond each, what a client waits for without
 * noticing, and a body of a few dozen KB. */
#define LOOKUP_BATCH_MAX 1000u
/* Of timeout_ms; longer is no deadline. */
#define LOOKUP_TIMEOUT_MS_MAX 60000u
/* Ids between two looks at the clock: some microseconds of an index, some
 * milliseconds where every segment is asked. */
#define LOOKUP_IDS_PER_LOOK 8u
/* A minute that an answer may be kept, by its client alone. */
#define LOOKUP_CACHE_CONTROL "private, max-age=60"

typedef enum lookup_status {
    LOOKUP_HIT, /* the user is known; it may be in no segment */
    LOOKUP_MISS,
    LOOKUP_REFUSED, /* no id of its space, personal data, no such space */
    LOOKUP_FAILED
} lookup_status;
/* Of what the engine returned. */
lookup_status lookup_status_of(int rc, const muster_lookup *about);
/* Adds to the metrics. */
void lookup_count(lookup_status status, uint32_t n);

/* What an answer holds for. */
typedef struct lookup_state {
    muster_epoch epoch;
    muster_time as_of;
} lookup_state;
/* One that is newer than all, to begin with. */
lookup_state lookup_newest(void);
/* Makes it the older of itself and what one lookup holds for. */
void lookup_older(lookup_state *state, const muster_lookup *about);
/* Where no user was asked about, the engine's own state. */
void lookup_settle(http_request *r, lookup_state *state);

/* Calls `each` for the served segments of a user that the caller may see, the
 * highest priority first. Fills *err unless it is a hit or a miss, and then
 * *state. Counted. */
lookup_status lookup_user(http_request *r, const muster_id *user,
                          muster_saved_fn each, void *payload,
                          lookup_state *state, muster_error *err);

/* A user as the engine wants it. The name of the space is copied to `texts`;
 * what can be no name becomes one that no space has. */
muster_id lookup_named(arena *texts, muster_text space, muster_text id);

/* The users of a body, {"ids":[{"space":...,"id":...},...],...}. */
typedef struct lookup_users {
    json_doc *doc;  /* to be freed with json_free */
    muster_id *ids; /* as long as the request and doc; elements that are none
                       are of a space that is none */
    size_t count;   /* LOOKUP_BATCH_MAX at most */
} lookup_users;
/* False: answered. */
bool lookup_body(http_request *r, lookup_users *out, http_answer *a);

/* The moment, of the monotone clock, that timeout_ms and the server's own
 * deadline allow. False: answered. */
bool lookup_deadline(http_request *r, uint64_t *out, http_answer *a);
/* True when it has passed: then it is answered (503). */
bool lookup_is_late(uint64_t deadline, http_answer *a);

/* The two members "as_of" and "epoch". */
void lookup_put_state(reply *w, const lookup_state *state);

#endif
