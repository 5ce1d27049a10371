/*
 * ingest.h - feeding records: NDJSON, CSV or msgpack, plain, gzip or zstd.
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
#include <muster/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_feed muster_feed;

typedef enum muster_input_format {
    MUSTER_INPUT_AUTO = 0,
    MUSTER_INPUT_NDJSON = 1,
    MUSTER_INPUT_CSV = 2,
    MUSTER_INPUT_MSGPACK = 3
} muster_input_format;

/* One refused record; never holds an id or a value of it. */
typedef struct muster_reject {
    uint64_t line;       /* 1-based (msgpack: record number) */
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

typedef struct muster_feed_options {
    size_t size;
    muster_input_format format;
    const char *provider;   /* for records without one; NULL: "default" */
    const char *load_id;    /* NULL: a new one is made */
    uint64_t max_errors;    /* stop after this many rejects; UINT64_MAX: never */
    bool dry_run;           /* parse and judge, store nothing */
    /* Called on the feed's own thread, in input order. May be NULL. */
    void (*reject)(void *payload, const muster_reject *reject);
    void (*progress)(void *payload, const muster_progress *progress);
    void *payload;
} muster_feed_options;
#define MUSTER_FEED_OPTIONS_INIT                                             \
    { sizeof(muster_feed_options), MUSTER_INPUT_AUTO, NULL, NULL, UINT64_MAX, \
      false, NULL, NULL, NULL }

/* The engine must be open for writing (or reading, when dry_run). One feed
 * at a time per engine (MUSTER_EBUSY). */
MUSTER_API int muster_feed_open(muster_feed **out, muster_engine *engine,
                                const muster_feed_options *options,
                                muster_error *err);
/* Blocks while parsers are behind, so memory is bounded. An error ends the
 * feed: only finish (which still tells what was accepted) and free remain.
 * MUSTER_EPARSE: the input cannot be read on (place in the message);
 * MUSTER_ECANCELLED "max_errors". */
MUSTER_API int muster_feed_push(muster_feed *feed, const void *bytes,
                                size_t len, muster_error *err);
/* Ends the input, applies what is left, writes a generation. What was
 * accepted is durable when this returns, also when it returns an error. */
MUSTER_API int muster_feed_finish(muster_feed *feed, muster_error *err);

typedef struct muster_receipt {
    uint64_t records, accepted, rejected;
    uint64_t facts; /* of all kinds, unset included */
    uint64_t users_new, conflicts, bytes;
    double seconds;
    muster_epoch epoch;
} muster_receipt;
MUSTER_API void muster_feed_receipt(const muster_feed *feed,
                                    muster_receipt *out);
/* The receipt as one JSON object (docs/receipt.md). Borrowed until the feed
 * is freed; valid after finish. */
MUSTER_API const char *muster_feed_receipt_json(muster_feed *feed);
/* NULL is fine. Stops a feed that was not finished; what it had already
 * acknowledged stays. */
MUSTER_API void muster_feed_free(muster_feed *feed);

#ifdef __cplusplus
}
#endif
#endif
