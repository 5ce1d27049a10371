/*
 * record.h - private to room `ingest`: the shared front of all formats. See
 * record.c (one record's checks) and record_tree.c (records that come as
 * nested maps).
 *
 * Every call that can refuse returns false after it has refused: the reject
 * is stored, the record is dropped, and the caller goes to the next record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_RECORD_H
#define INGEST_RECORD_H

#include "ingest/batch.h"

#include <muster/derive.h>

/* Sections in which an attribute may stand once. */
typedef enum record_section {
    SECTION_SET = 0,
    SECTION_ADD,
    SECTION_REMOVE,
    SECTION_COUNT
} record_section;

/* Where in the record something stands: /section/name/index/leaf. The name
 * is shown only when record_shows it. */
typedef struct record_where {
    const char *section;     /* "" = the whole record */
    const muster_text *name; /* NULL = none */
    int64_t index;           /* below 0 = none */
    const char *leaf;        /* NULL = none */
} record_where;

#define RECORD_WHOLE ((record_where){"", NULL, -1, NULL})
#define RECORD_AT(section) ((record_where){section, NULL, -1, NULL})

/* What is remembered of an attribute of the batch. */
typedef struct record_attribute_memo {
    uint32_t seen[SECTION_COUNT]; /* serial of the last record with it */
    uint32_t next; /* the attribute that came after it last time */
    uint32_t own;  /* serial of the last record noted to speak of it */
} record_attribute_memo;

/* Where the pseudonym of an id that waits goes: of the current record, its
 * place among the ids, else where it stands in the body. */
typedef struct record_waiting {
    identity_queue *queue;
    size_t places[IDENTITY_QUEUE_IDS];
    size_t settled; /* so many are of records that have ended */
} record_waiting;

typedef struct record_front {
    const ingest_options *options;
    batch_writer *writer;
    record_waiting waiting;
    muster_deriver *deriver; /* NULL: nothing is derived */
    muster_text default_provider;
    muster_time latest; /* later times are refused */
    /* The current record. */
    record_place place;
    uint32_t serial;   /* from 1 in each batch */
    uint32_t id_count; /* as given, with repetitions */
    uint32_t last_attribute;
    muster_time ts;
    uint32_t ttl_hours;
    uint32_t provider;
    bool has_provider;
    /* The batch. */
    record_attribute_memo *memos;
    size_t memo_capacity;
    size_t memo_count;
    record_place *places;
    size_t place_capacity;
    uint64_t dropped[MAPPING_DROPS_MAX]; /* left out, by reason */
    ingest_reject *rejects;
    size_t reject_capacity;
    uint32_t *reject_before;
    size_t before_capacity;
    size_t reject_count;
    record_mark *marks; /* of records, as far as there are any */
    size_t mark_capacity;
    ingest_tally tally;
    int fatal; /* of the batch, with error */
    muster_error error;
} record_front;

/* options must outlive the front. */
void record_front_init(record_front *f, const ingest_options *options);
void record_front_release(record_front *f);
/* Takes the batch out and starts anew; input_* are the caller's. */
fact_batch *record_front_finish(record_front *f);

/* Whether a name may be shown: it has the form of one and not of an id. */
bool record_shows(muster_text name);

void record_begin(record_front *f, record_place place);
void record_end(record_front *f);
/* The record that ended last is known again by this. */
void record_mark_last(record_front *f, const record_mark *mark);
/* Refuses the current record. Returns false. */
bool record_refuse(record_front *f, ingest_reason reason,
                   const record_where *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Leaves the current record out, for a reason of the mapping's: neither a
 * record nor a reject. */
void record_leave_out(record_front *f, uint32_t drop_word);
/* Refuses a record that was never begun. */
void record_refuse_at(record_front *f, record_place place, ingest_reason reason,
                      const char *format, ...)
    __attribute__((format(printf, 4, 5)));

bool record_space(record_front *f, const record_where *where, uint32_t *out);
/* where->name is the space. */
bool record_id(record_front *f, uint32_t space, muster_text id,
               const record_where *where);
bool record_has_ids(record_front *f);
bool record_time_text(record_front *f, muster_text text,
                      const record_where *where, muster_time *out);
bool record_time_seconds(record_front *f, int64_t seconds,
                         const record_where *where, muster_time *out);
bool record_provider(record_front *f, muster_text name);
bool record_ttl_text(record_front *f, muster_text text);

bool record_attribute(record_front *f, muster_text name,
                      const record_where *where, uint32_t *out);
/* The attribute where->name, which may stand once in the section. */
bool record_attribute_once(record_front *f, record_section section,
                           const record_where *where, uint32_t *out);
/* Notes that the current record speaks of the attribute itself. */
void record_note_own(record_front *f, uint32_t attribute);
bool record_is_own(record_front *f, uint32_t attribute);
/* Why a text of the right length cannot be a value; INGEST_OK when it can. */
ingest_reason record_value_fault(muster_text value);
bool record_term(record_front *f, uint32_t attribute, muster_text value,
                 const record_where *where, uint32_t *out);
/* A fact to be filled: op, attribute and term as given, the rest zero. */
bool record_put(record_front *f, fact_op op, uint32_t attribute, uint32_t term,
                fact **out);
/* An op of one value: remove, set, text, add. */
bool record_put_term(record_front *f, fact_op op, uint32_t attribute,
                     muster_text value, const record_where *where);
/* An op of an attribute alone: clear, replace, flag, unflag. */
bool record_put_attribute(record_front *f, fact_op op, uint32_t attribute);

/* ---- records as trees ---- */

typedef enum tree_kind {
    TREE_NULL,
    TREE_BOOL,
    TREE_INT,    /* a number that fits */
    TREE_NUMBER, /* any other number */
    TREE_TEXT,
    TREE_TIME, /* seconds */
    TREE_LIST,
    TREE_MAP,
    TREE_OTHER /* bytes and the like: nowhere right */
} tree_kind;

/* A value as its format keeps it: opaque here. The JSON reader's own types
 * serve for all formats, so that JSON needs no layer between. */
typedef json_value tree_node;
typedef json_iter tree_iter; /* key.ptr is NULL for a key that is no text */

/* 16 bytes, so that it travels in registers. */
typedef struct tree_value {
    tree_kind kind;
    uint32_t len; /* TREE_TEXT */
    union {
        const char *ptr;       /* TREE_TEXT */
        int64_t integer;       /* TREE_BOOL, TREE_INT, TREE_TIME */
        const tree_node *node; /* the others */
    } as;
} tree_value;

static inline muster_text tree_text(tree_value v)
{
    return text_make(v.as.ptr, v.len);
}

/* How a format shows its nested values. */
typedef struct tree_source {
    tree_iter (*walk)(const tree_node *list_or_map);
    bool (*next)(tree_iter *it); /* sets key (of maps) and value */
    tree_value (*value)(const tree_node *node);
    /* A TREE_NUMBER x 10^4: 0, MUSTER_EPARSE or MUSTER_ELIMIT. */
    int (*scaled)(const tree_node *number, int64_t *out);
    /* A TREE_NUMBER as it is written. NULL where numbers are not texts. */
    muster_text (*digits)(const tree_node *number);
} tree_source;

/* Reads one record between record_begin and record_end; `root` is a map. */
bool record_read_tree(record_front *f, const tree_source *source,
                      tree_value root);

#endif
