/*
 * limits.h - every limit of Muster with its reason. Each has a test in
 * tests/limit/. Sizes in bytes unless said otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_LIMITS_H
#define MUSTER_LIMITS_H

#include <muster/types.h>

/* One record: ten times the largest profile seen in practice; bounds what a
 * parser thread holds, and makes a 2 GB line an error instead of a crash. */
#define MUSTER_RECORD_BYTES_MAX (1u << 20)
/* Facts of one record: a record this large is a bulk file in disguise. */
#define MUSTER_RECORD_FACTS_MAX 10000u
/* Ids of one record: Adobe's DCS takes 10; graphs beyond this are errors. */
#define MUSTER_RECORD_IDS_MAX 64u
/* A raw id: longer than any id in use (RampID 49, UID2 44, TC strings are
 * not ids). */
#define MUSTER_ID_BYTES_MAX 512u
/* Names of attributes, providers, id spaces: fit a screen and a URL. */
#define MUSTER_NAME_BYTES_MAX 128u
/* A value's text: field practice is 255 characters. */
#define MUSTER_VALUE_BYTES_MAX 1024u
/* Values of one attribute: beyond this it is an id, not an attribute. */
#define MUSTER_VALUES_MAX 1000000u
/* Attributes and providers of one data directory: index keys hold 24 and
 * 16 bits; these stay well below. */
#define MUSTER_ATTRIBUTES_MAX 65536u
#define MUSTER_PROVIDERS_MAX 4096u
#define MUSTER_SPACES_MAX 200u
/* Users of one node: rows are 32-bit; the last 65,536 are left unused. */
#define MUSTER_USERS_MAX 4294901760u
/* Numbers: |x| < 2^40 with four decimals, compared exactly. */
#define MUSTER_NUMBER_BITS 40
#define MUSTER_NUMBER_SCALE 10000
/* Amount of one event, in whole units; and what a sum saturates at. */
#define MUSTER_AMOUNT_MAX 10000000ll
#define MUSTER_TOTAL_MAX ((1ll << 40) - 1)
/* Count of one event record. */
#define MUSTER_EVENT_COUNT_MAX 1000000000ll
/* Largest declarable count cap: 20 slices. */
#define MUSTER_COUNT_CAP_MAX 1000000u
#define MUSTER_COUNT_CAP_DEFAULT 255u
/* Days an inferred event is kept. */
#define MUSTER_RETENTION_DAYS_DEFAULT 400u
#define MUSTER_RETENTION_DAYS_MAX 10000u
/* A database of addresses: GeoIP2 Enterprise, the largest, has 1 GB; offsets
 * within one have 32 bits. */
#define MUSTER_GEO_BYTES_MAX ((size_t)2 << 30)
/* A taxonomy: forty times the IAB's 1,558 nodes. Ids are numbers there; tiers
 * are titles; its tree is 6 deep. */
#define MUSTER_TAXONOMY_NODES_MAX 65536u
#define MUSTER_TAXONOMY_ID_BYTES_MAX 32u
#define MUSTER_TAXONOMY_PATH_BYTES_MAX 1024u
#define MUSTER_TAXONOMY_DEPTH_MAX 16u
#define MUSTER_TAXONOMY_BYTES_MAX (16u << 20)
/* Attributes and values mapped to its nodes: each bind of taxonomy(..) walks
 * them, and each change copies them. */
#define MUSTER_TAXONOMY_MAPPINGS_MAX 65536u
/* Segment expressions. */
#define MUSTER_SEGMENT_BYTES_MAX 65536u
#define MUSTER_SEGMENT_DEPTH_MAX 64u
#define MUSTER_SEGMENT_NODES_MAX 10000u
#define MUSTER_SEGMENT_KEY_BYTES_MAX 64u
#define MUSTER_SEGMENTS_MAX 1000000u
/* Keys of one data directory, revoked ones among them: a key is a program's or
 * a partner's, not a person's; each has a token bucket in a server. */
#define MUSTER_KEYS_MAX 65536u
/* Partners: each has a bit for every segment. */
#define MUSTER_PARTNERS_MAX 1024u
/* Half the interval of an estimate, as a share of the count: wider ones say
 * less than its first digit. */
#define MUSTER_SAMPLE_ERROR_MAX 0.5
/* A compressed input that grows more than this many times (after its first
 * 64 MiB of output) is taken for a bomb. gzip cannot exceed 1,032. */
#define MUSTER_EXPANSION_MAX 500u

#endif
