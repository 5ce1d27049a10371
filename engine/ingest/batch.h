/*
 * batch.h - private to room `ingest`: what the shared front (record.c) needs
 * of a batch_writer beyond the door: whether a text is new in the batch, so
 * that names and values are checked once and not for each fact.
 *
 * A record that is dropped takes back the texts it brought, so nothing of a
 * refused record is ever in the encoded bytes, and a text that was refused
 * is new again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_BATCH_H
#define INGEST_BATCH_H

#include "ingest/ingest.h"

/* Spaces are numbered by one byte; the last number is left unused. */
#define BATCH_SPACES_MAX 255u

uint32_t batch_intern_provider(batch_writer *w, muster_text name,
                               bool *is_new);
uint32_t batch_intern_space(batch_writer *w, muster_text name, bool *is_new);
uint32_t batch_intern_attribute(batch_writer *w, muster_text name,
                                bool *is_new);
uint32_t batch_intern_term(batch_writer *w, uint32_t attribute,
                           muster_text value, bool *is_new);
/* A fact of the current record to be filled in place, every member. */
fact *batch_record_slot(batch_writer *w);
/* Borrowed until the next new attribute. */
muster_text batch_attribute_name(const batch_writer *w, uint32_t attribute);
uint32_t batch_space_count(const batch_writer *w);
uint32_t batch_attribute_count(const batch_writer *w);
uint32_t batch_record_count(const batch_writer *w);

#endif
