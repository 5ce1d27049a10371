/*
 * ingest.h - feeding records: NDJSON, a JSON array, CSV, msgpack or the forms
 * of others, plain, gzip or zstd.
 *
 * A feed is opened, bytes are pushed as they come, and it is finished.
 * Parsing runs on all processors; applying is one writer in input order. A
 * bad record never stops the feed: it is counted by reason and reported.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_INGEST_H
#define MUSTER_INGEST_H

#include <stdbool.h>
#include <muster/derive.h>
#include <muster/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_feed muster_feed;

typedef enum muster_input_format {
    MUSTER_INPUT_AUTO = 0,
    MUSTER_INPUT_NDJSON = 1,
    MUSTER_INPUT_CSV = 2,
    MUSTER_INPUT_MSGPACK = 3,
    MUSTER_INPUT_ARRAY = 4, /* one JSON array of records */
    /* The forms of others (docs/dialects.md). */
    MUSTER_INPUT_AAM_SYNC = 5,      /* Audience Manager's data files: what a */
    MUSTER_INPUT_AAM_OVERWRITE = 6, /* line says is added, or replaces */
    MUSTER_INPUT_AAM_IDS = 7,       /* and its id-sync files */
    MUSTER_INPUT_LIVERAMP = 8,
    MUSTER_INPUT_CDP = 9 /* messages of customer data platforms, NDJSON */
} muster_input_format;

/* As command line and routes say it: "aam-sync"; NULL: there is none. */
MUSTER_API const char *muster_input_format_name(muster_input_format format);
/* MUSTER_INPUT_AUTO: it is the name of none. */
MUSTER_API muster_input_format muster_input_format_find(muster_text name);
/* Does a file's name say what is in it, as those of Audience Manager do? */
MUSTER_API bool muster_input_is_named(const char *name);

/* One refused record; never holds an id or a value of it. */
typedef struct muster_reject {
    uint64_t line;       /* 1-based (msgpack, array: record number) */
    uint64_t offset;     /* bytes, in the decompressed input */
    const char *pointer; /* JSON pointer, "" = the whole record */
    const char *code;
    const char *message;
} muster_reject;

typedef struct muster_progress {
    uint64_t bytes;    /* of input pushed, as given */
    uint64_t records;  /* applied or refused */
    uint64_t facts;
    uint64_t rejected;
} muster_progress;

/* A load id: fits a line of a report. */
#define MUSTER_LOAD_ID_BYTES_MAX 63u

typedef struct muster_feed_options {
    size_t size;
    muster_input_format format;
    const char *provider;   /* for records without one; NULL: "default" */
    bool only_provider;     /* records that name another are refused */
    bool gentle;            /* parsing gives way to all else of the machine */
    const char *load_id;    /* NULL: a new one is made */
    uint64_t max_errors;    /* stop after this many rejects; UINT64_MAX: never */
    bool dry_run;           /* parse and judge, store nothing */
    /* Called on the feed's own thread, in input order. May be NULL. */
    void (*reject)(void *payload, const muster_reject *reject);
    void (*progress)(void *payload, const muster_progress *progress);
    void *payload;
    muster_ack ack;
    muster_derive *derive;  /* what attributes are derived from; outlives the
                               feed; NULL: none are */
    /* A mapping file's text (mapping.h), ended by NUL; copied. NULL: records
     * as they are. Not for muster_ingest. Its format goes before `format`. */
    const char *mapping;
    /* Called while pushing, on the pushing thread, with what is worth knowing
     * and no error. May be NULL. */
    void (*notice)(void *payload, const char *text);
    unsigned preview; /* dry_run: so many records are shown in the receipt */
    /* The file's name, folders or not: files of Audience Manager's are told by
     * it, and say in it whose ids they hold and who says it. May be NULL. */
    const char *input_name;
    const char *id_space; /* of its data files' ids; NULL: as the name says */
} muster_feed_options;
#define MUSTER_FEED_OPTIONS_INIT                                             \
    { sizeof(muster_feed_options), MUSTER_INPUT_AUTO, NULL, false, false,    \
      NULL, UINT64_MAX, false, NULL, NULL, NULL, MUSTER_ACK_DURABLE, NULL,   \
      NULL, NULL, 0, NULL, NULL }

/* The engine must be open for writing (or reading, when dry_run).
 *
 * A load id that was fed before continues behind the last record that was
 * committed then: push the same input from its beginning; what was read is
 * passed over and counts nothing twice, and the receipt is that of the whole
 * input. An input whose beginning is another is refused (MUSTER_ECONFLICT
 * "other_input"), and two feeds of one id at a time are (MUSTER_EBUSY
 * "feeding"). The newest 100,000 load ids are remembered. */
MUSTER_API int muster_feed_open(muster_feed **out, muster_engine *engine,
                                const muster_feed_options *options,
                                muster_error *err);
/* Blocks while parsers are behind, so memory is bounded. An error ends the
 * feed: only finish (which still tells what was accepted) and free remain.
 * MUSTER_EPARSE: the input cannot be read on (place in the message);
 * MUSTER_ECANCELLED "max_errors". */
MUSTER_API int muster_feed_push(muster_feed *feed, const void *bytes,
                                size_t len, muster_error *err);
/* Ends the input and waits for what is left to be committed and visible; asks
 * for a generation (muster_engine_settle waits for it). What was accepted is
 * durable when this returns, also when it returns an error. */
MUSTER_API int muster_feed_finish(muster_feed *feed, muster_error *err);

typedef struct muster_receipt {
    uint64_t records, accepted, rejected;
    uint64_t facts; /* of all kinds, unset included */
    uint64_t users_new, conflicts, bytes;
    double seconds;
    muster_epoch epoch;
    uint64_t resumed; /* bytes of (decompressed) input passed over because
                         they had been committed before */
    bool repeated;    /* all of it had: nothing was done */
} muster_receipt;
MUSTER_API void muster_feed_receipt(const muster_feed *feed,
                                    muster_receipt *out);
/* The receipt as one JSON object (docs/receipt.md). Borrowed until the feed
 * is freed; valid after finish. */
MUSTER_API const char *muster_feed_receipt_json(muster_feed *feed);
/* NULL is fine. Stops a feed that was not finished; what it had already
 * acknowledged stays. */
MUSTER_API void muster_feed_free(muster_feed *feed);

/* A small input that is there whole, as a request brings it: parsed on the
 * calling thread, committed together with those of other threads (one flush
 * of the disk for all that wait), and acknowledged as options->ack says. Any
 * number of threads. options->load_id is an idempotency key: a second call
 * with it does nothing and gives the first one's receipt. `receipt` may be
 * NULL; *receipt_json (may be NULL) is freed with muster_free. Refused at
 * once: MUSTER_ELIMIT "long_body" (use a feed), "memory"; MUSTER_EIO
 * "disk_full", "write_failed". What is returned with an error was not
 * acknowledged: it may or may not be there later, whole. */
#define MUSTER_INGEST_BYTES_MAX ((size_t)16 << 20)
MUSTER_API int muster_ingest(muster_engine *engine,
                             const muster_feed_options *options,
                             const void *bytes, size_t len,
                             muster_receipt *receipt, char **receipt_json,
                             muster_error *err);

/* One of several small inputs that come together, each with a key of its own:
 * the messages of a batch. */
typedef struct muster_part {
    const void *bytes;
    size_t len;
    const char *load_id; /* NULL: none */
    int rc;              /* out: 0, or why it could not be read (error) */
    bool repeated;       /* out: its id was used before, for whatever input;
                            nothing was done, and nothing is counted */
    muster_error error;
} muster_part;
/* As muster_ingest of each, but with the flushes of one: some for each hundred
 * parts. The receipt is the sum; the line of its errors is the number of the
 * part, from 1. options->load_id, reject and max_errors do not count. An error
 * means that some were not acknowledged, as muster_ingest says. */
MUSTER_API int muster_ingest_parts(muster_engine *engine,
                                   const muster_feed_options *options,
                                   muster_part *parts, size_t count,
                                   muster_receipt *receipt,
                                   char **receipt_json, muster_error *err);

/* Messages of customer data platforms (docs/ingest.md) as a request brings
 * them: one of a type, or an object {"batch":[...]} of any. Each is an input of
 * its own, named by its messageId; all commit together, as the parts of
 * muster_ingest_parts do. Kinds are judged by the catalog of this moment. Of
 * the options, provider and ack count. The receipt is one JSON object
 * (docs/ingest.md). Errors beside those of muster_ingest_parts: MUSTER_EPARSE
 * (no JSON), MUSTER_EINVAL "missing_member", MUSTER_ELIMIT "too_many". */
typedef enum muster_message_type {
    MUSTER_MESSAGE_BATCH = 0,
    MUSTER_MESSAGE_IDENTIFY,
    MUSTER_MESSAGE_TRACK,
    MUSTER_MESSAGE_PAGE,
    MUSTER_MESSAGE_SCREEN,
    MUSTER_MESSAGE_GROUP
} muster_message_type;
typedef struct muster_messages_receipt {
    muster_receipt sum;
    uint64_t duplicates; /* messages that were here before */
    uint64_t dropped;    /* members that were left out */
    uint64_t ignored;    /* properties that no attribute asks for */
} muster_messages_receipt;
MUSTER_API int muster_ingest_messages(muster_engine *engine,
                                      const muster_feed_options *options,
                                      muster_message_type type,
                                      const void *bytes, size_t len,
                                      muster_messages_receipt *receipt,
                                      char **receipt_json, muster_error *err);

/* Would the value be refused as personal data (reason "pii_suspected": an
 * e-mail address, a phone number)? Any thread. */
MUSTER_API bool muster_is_personal(muster_text value);

#ifdef __cplusplus
}
#endif
#endif
