/*
 * segments.h - what the routes of one saved segment share; private to
 * engine/http.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_SEGMENTS_H
#define HTTP_SEGMENTS_H

#include "http/parts.h"

/* The {key} of the path. False: answered (404), it is none. */
bool segment_key(http_request *r, const char **out, http_answer *a);
/* The current version, whose texts live as long as the request; without one
 * *out has the key and version 0. A status of the engine. */
int segment_now(http_request *r, const char *key, muster_saved *out,
                muster_error *err);
/* ?dry_run=, If-Match and If-None-Match against what there is now (version 0:
 * nothing). False: answered (412). */
bool segment_when(http_request *r, const muster_saved *now, muster_when *out,
                  http_answer *a);
/* Did a change fail because its condition did not hold? */
bool segment_is_conflict(const muster_error *err);
/* A change that failed: then 412. */
void segment_refuse(http_answer *a, const muster_error *err);
/* What a change led to, with its ETag: {"key","id","version","changed",
 * "dry_run","warnings"}. `segment` may be NULL. */
void segment_answer(http_answer *a, int status, const char *key,
                    const muster_when *when, const muster_changed *made,
                    const muster_segment *segment);

#endif
