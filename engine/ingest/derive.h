/*
 * derive.h - private to room `ingest`: attributes that follow from what a
 * record brings. See derive.c; <muster/derive.h> is what clients see.
 *
 * Two sources, each in files of its own: geo.h, from an address; device.h,
 * from a device. This is what device.h offers:
 *
 *   int device_open(device_rules **out, const char *path, muster_error *err);
 *   void device_free(device_rules *rules);
 *   device_reader *device_reader_new(const device_rules *rules);
 *   void device_reader_free(device_reader *reader);
 *   bool device_derive(device_reader *reader, const device_input *in,
 *                      derived *out, bool *bot);
 *
 * Rules are read-only and shared by all threads; a reader, with its caches,
 * belongs to one. device_derive returns whether the device was understood;
 * then it has set out->open to the attributes it could have said, out->known
 * to those it says, and their texts and numbers. Texts are borrowed until the
 * next call and are fit for a value (derive_text_is_fit). out is empty before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_DERIVE_H
#define INGEST_DERIVE_H

#include <muster/derive.h>

#include "ingest/record.h"

typedef muster_derived derived;

#define DERIVED_BIT(symbol) (UINT32_C(1) << (symbol))

static inline void derived_put_text(derived *d, muster_derived_attribute which,
                                    muster_text text)
{
    d->known |= DERIVED_BIT(which);
    d->texts[which] = text;
}

static inline void derived_put_number(derived *d,
                                      muster_derived_attribute which,
                                      int64_t number)
{
    d->known |= DERIVED_BIT(which);
    d->numbers[which] = number;
}

/* Can the text be the value of an attribute: 1 to MUSTER_VALUE_BYTES_MAX bytes
 * of UTF-8 without control characters that does not look like personal data?
 * What is not is left out by whoever derives it, once for each text of a
 * source and not for each record. */
bool derive_text_is_fit(muster_text text);

/* What is known of a device. A tree_value of kind TREE_NULL: none. */
typedef struct device_input {
    muster_text ua; /* ptr NULL: none */
    const tree_source *source;
    tree_value sua;    /* map: OpenRTB 2.6 `device.sua` */
    tree_value ch;     /* map: User-Agent Client Hints, by header */
    tree_value device; /* map: OpenRTB `device` */
} device_input;

/* What a record brings to derive from. */
typedef struct derive_input {
    muster_text ip; /* ptr NULL: none */
    device_input device;
} derive_input;

/* A deriver is taken for as long as a parser lives and given back, so that
 * what it remembers serves the next one. */
muster_deriver *deriver_take(muster_derive *derive);
void deriver_give(muster_deriver *deriver); /* NULL is fine */
/* Goes over to the newest databases: between two batches. */
void deriver_begin(muster_deriver *deriver);
/* What it has derived from since then: its databases, and the rules for devices
 * if they knew one. Freed with mem_free. */
muster_derive_source *deriver_sources(const muster_deriver *deriver,
                                      size_t *count);

/* Adds to the current record what follows from `in`, behind all that it says
 * itself: what it says of an attribute wins. Returns false after it has refused
 * the record (a bot). Without a deriver nothing follows. */
bool record_derive(record_front *f, const derive_input *in);

#endif
