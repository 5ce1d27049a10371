/*
 * preview.h - what the first records of a dry run would become; for feed.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_PREVIEW_H
#define ENGINE_PREVIEW_H

#include "flight.h"

#define PREVIEW_RECORDS_MAX 100u
#define PREVIEW_FACTS_MAX 100u /* of one record; the rest is counted */

/* A JSON array that grows: see preview.c. */
typedef struct preview {
    buffer text;
    json_writer out;
    uint32_t left; /* records still to be shown */
    bool open;
} preview;

void preview_init(preview *p, uint32_t records);
void preview_release(preview *p);
/* The records of a batch that was judged, as far as they are wanted. */
void preview_add(preview *p, const flight *f);
/* The array; NULL when none was asked for. */
const char *preview_end(preview *p);

#endif
