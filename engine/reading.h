/*
 * reading.h - how an input of a dialect is read; for feed.c and body.c.
 * NULL stands for an input that is of none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_READING_H
#define ENGINE_READING_H

#include "engine.h"

typedef struct reading reading;
/* What the options say; *out NULL: no dialect. MUSTER_EINVAL
 * "bad_input_name", "bad_id_space". */
int reading_open(reading **out, muster_engine *e, const muster_feed_options *o,
                 muster_error *err);
void reading_free(reading *r);
/* Declares the id spaces that it needs: in the catalog, or in `scratch`. */
int reading_declare(const reading *r, muster_engine *e, catalog *scratch,
                    muster_error *err);
/* Sets what the dialect decides; the reading must outlive the input. An input
 * that goes on is read from its beginning, so that what stood there counts. */
void reading_options(const reading *r, ingest_options *how);
/* Makes of the next batch what counts of it. */
int reading_pass(reading *r, fact_batch *b, muster_error *err);

/* What messages see of these names, which must live as long; the clock and
 * what is told of members left out are the caller's to set. */
cdp_view reading_view(const catalog *names);

#endif
