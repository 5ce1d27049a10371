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
/* Seconds that an answer may be kept by its client. */
#define LOOKUP_CACHE_SECONDS 60

typedef enum lookup_status {
    LOOKUP_HIT, /* the user is known; it may be in no segment */
    LOOKUP_MISS,
    LOOKUP_REFUSED, /* no id of its space, personal data, no such space */
    LOOKUP_FAILED
} lookup_status;

/* What an answer holds for. */
typedef struct lookup_state {
    muster_epoch epoch;
    muster_time as_of;
} lookup_state;

/* Calls `each` for the served segments of a user that the caller may see, the
 * highest priority first. `user` NULL: one that could not be named, refused.
 * Fills *err unless it is a hit or a miss; *state is made the older of itself
 * and what this answer holds for. Counted in the metrics. */
lookup_status lookup_user(http_request *r, const muster_id *user,
                          muster_saved_fn each, void *payload,
                          lookup_state *state, muster_error *err);
/* One that is newer than all. */
lookup_state lookup_newest(void);
/* Where no user was asked about, the engine's own state. */
void lookup_settle(http_request *r, lookup_state *state);

/* The name of a space, ended by a NUL as the engine wants it. */
typedef struct lookup_name {
    char text[MUSTER_NAME_BYTES_MAX + 1];
} lookup_name;
/* A user as the engine wants it: *out points to *name, which gets the space,
 * and to the id. False: it can be no space; *out must not be used. */
bool lookup_named(lookup_name *name, muster_text space, muster_text id,
                  muster_id *out);
/* The same of an element {"space":...,"id":...} of a list of ids. */
bool lookup_id(const json_value *v, lookup_name *name, muster_id *out);
/* The body, {"ids":[...],...} with LOOKUP_BATCH_MAX ids at most; *out is freed
 * with json_free. False: answered. */
bool lookup_body(http_request *r, json_doc **out, const json_value **ids,
                 http_answer *a);

/* The moment, of the monotone clock, that timeout_ms and the server's own
 * deadline allow. False: answered. */
bool lookup_deadline(http_request *r, uint64_t *out, http_answer *a);
/* True when it has passed: then it is answered (503). */
bool lookup_is_late(uint64_t deadline, http_answer *a);

/* The two members "as_of" and "epoch". */
void lookup_put_state(reply *w, const lookup_state *state);

#endif
