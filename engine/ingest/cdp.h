/*
 * cdp.h - the events that customer data platforms send, as records: part of
 * the door of room `ingest` (ingest.h includes it). No state and no I/O: JSON
 * in, one line of NDJSON out.
 *
 *   identify   traits            -> set
 *   track      event             -> an event of that name; a number `revenue`
 *                                   or `value` among its properties is its
 *                                   amount
 *   page       name              -> event `page` with the name as its value
 *   screen     name              -> event `screen`, likewise
 *   group      groupId, traits   -> add `group`, set `group.<trait>`
 *
 * anonymousId is an id of space `cookie`, userId one of `customer`. Names are
 * lower-cased, other characters become `_` (cdp_name). Of the properties of
 * an event those are kept, as values of events `<event>.<property>`, that the
 * catalog knows as events: most are made for other purposes, and some are as
 * many as there are events.
 *
 * What cannot be kept of a message is left out and reported; the rest of it
 * counts. Personal data are left out by their value (identity_is_pii) and
 * by the names that the platforms reserve for them. Reports show no value, and
 * names only where they look like names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_CDP_H
#define INGEST_CDP_H

#include <muster/limits.h>
#include "base/base.h"

/* One message: what the platforms allow. */
#define CDP_MESSAGE_BYTES_MAX ((size_t)32 << 10)
/* A batch, likewise, has 500 KB and so many messages. */
#define CDP_BATCH_MESSAGES_MAX 2500u
/* Traits or properties of a message that are looked at: bounds the search for
 * names that stand twice. */
#define CDP_MEMBERS_MAX 1000u
/* Objects within objects of traits, joined by dots. */
#define CDP_DEPTH_MAX 4u

/* X(symbol, word, text): why a message, or a member of one, is not taken. */
#define CDP_REASON_LIST(X)                                                    \
    X(BAD_MESSAGE, "bad_json", "a message is one JSON object")                \
    X(TOO_LONG, "too_long", "a message has at most 32 KiB")                   \
    X(BAD_TYPE, "bad_type",                                                   \
      "the type is none of identify, track, page, screen, group")             \
    X(NO_IDS, "no_ids", "neither anonymousId nor userId names anybody")       \
    X(BAD_TIME, "bad_time", "a time is RFC 3339, like 2026-11-20T10:00:00Z")  \
    X(BAD_NAME, "bad_name",                                                   \
      "the name cannot become that of an attribute: its first letter or "     \
      "digit is no ASCII letter, or it is too long")                          \
    X(WRONG_TYPE, "wrong_type", "a value of another type is expected here")   \
    X(PERSONAL, "pii_suspected",                                              \
      "this looks like personal data; it is not stored")                      \
    X(BAD_VALUE, "bad_value",                                                 \
      "a value has 1 to 1024 bytes and no control characters")                \
    X(BAD_NUMBER, "bad_number", "the number does not fit")                    \
    X(WRONG_KIND, "wrong_kind", "the attribute is of another kind")           \
    X(UNKNOWN, "unknown_attribute",                                           \
      "the attribute is not declared and the catalog is strict")              \
    X(NO_AMOUNT, "no_amount",                                                 \
      "the event is not declared to carry amounts")                           \
    X(REPEATED, "duplicate_key", "two names become the same attribute")       \
    X(TOO_MANY, "too_many", "more members than are looked at")

typedef enum cdp_reason {
    CDP_OK = 0,
#define CDP_REASON_ENUM(symbol, word, text) CDP_##symbol,
    CDP_REASON_LIST(CDP_REASON_ENUM)
#undef CDP_REASON_ENUM
    CDP_REASON_COUNT
} cdp_reason;
const char *cdp_reason_word(cdp_reason reason);
const char *cdp_reason_text(cdp_reason reason);

typedef enum cdp_type {
    CDP_ANY = 0, /* as the message's `type` says */
    CDP_IDENTIFY,
    CDP_TRACK,
    CDP_PAGE,
    CDP_SCREEN,
    CDP_GROUP
} cdp_type;

typedef enum cdp_kind {
    CDP_KIND_NONE = 0, /* the catalog does not know it */
    CDP_KIND_FLAG,
    CDP_KIND_ONE_OF,
    CDP_KIND_MANY_OF,
    CDP_KIND_NUMBER,
    CDP_KIND_DATE, /* a number whose unit is the date */
    CDP_KIND_EVENT
} cdp_kind;

/* What the catalog knows of an attribute. */
typedef struct cdp_attribute {
    cdp_kind kind;
    bool no_amount; /* an event that is declared without amounts */
} cdp_attribute;

/* What a message is read against. */
typedef struct cdp_view {
    muster_time now; /* when it was received */
    bool strict;     /* names that the catalog does not know are refused */
    /* Any thread. */
    cdp_attribute (*find)(const void *names, const char *name);
    const void *names;
    /* A member that is left out; `pointer` into the message. */
    void (*drop)(void *payload, cdp_reason reason, const char *pointer);
    void *payload;
} cdp_view;

/* A name as that of an attribute, into `out` of MUSTER_NAME_BYTES_MAX + 1:
 * letters lower-cased, a dot kept between parts that begin with a letter, any
 * other character `_`, those at the beginning left out. 0: it cannot become
 * one; else the length. */
size_t cdp_name(char *out, muster_text name);

/* Bytes of the value as compact JSON, about: escapes count once. */
size_t cdp_weight(const json_value *v);

/* Appends the record of one message and a newline to `out`. `sent_at` (ptr
 * NULL: none) is that of the batch. CDP_OK, or why the message is refused as a
 * whole, with nothing appended and *pointer (static) saying where. *ignored
 * grows by the properties that the catalog does not ask for. */
cdp_reason cdp_translate(const cdp_view *view, cdp_type type,
                         const json_value *message, muster_text sent_at,
                         buffer *out, const char **pointer,
                         uint64_t *ignored);

/* The message's messageId; false: it has none. */
bool cdp_message_id(const json_value *message, muster_text *out);

#endif
