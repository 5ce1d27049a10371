/*
 * ingest.h - the door of room `ingest`: bytes to records to facts. Touches
 * no state: what it emits are encoded batches that the wiring logs and
 * applies.
 *
 *   batch.c        the encoded form of facts: writer and reader
 *   intern.c       texts to numbers within one batch
 *   record.c       the shared front of all formats: one record's checks
 *   record_tree.c  a record that comes as nested maps
 *   derive.c       attributes that follow from what a record brings
 *   geo*.c         where an address is: databases checked, read, exchanged
 *   device*.c      what a user agent, client hints and OpenRTB say of a device
 *   ndjson.c       one JSON object a line
 *   array.c        the elements of a JSON array
 *   scan.c         the fast way for plain lines of JSON
 *   tape.c         nested values as the fast ways lay them down
 *   csv.c          RFC 4180 with a header of paths
 *   msgpack.c      a stream of maps
 *   dialect*.c     the forms of others: their files' names; what of a file is
 *                  known only when all before it was seen
 *   aam.c          Audience Manager's data files and id-sync files
 *   liveramp.c     the columns of LiveRamp's files
 *   cdp*.c         messages of customer data platforms
 *   tally.c        what a dialect counts beside the records
 *   input.c        plain, gzip, zstd
 *   head.c         how an input begins, to know it again
 *   cut.c          input to chunks at record ends; which format it is
 *   map*.c         rows of other shapes to records, as a mapping file says
 *   parser.c       a chunk of any format to batches
 *   pipeline.c     chunks to parser threads and back in input order
 *   body.c         a small input that is there whole, on the calling thread
 *   receipt.c      counters, reasons, first errors; JSON form
 *   receipt_code.c a receipt as bytes, to go on counting from
 *
 * Pure and parallel: a parser sees one chunk and options, never the catalog.
 * The names and values it meets are numbered per batch; only applying gives
 * them their lasting numbers. So kinds are judged when applied: a record that
 * does not fit the catalog is refused there, with the same codes and place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include <muster/derive.h>

#include "base/base.h"
#include "catalog/catalog.h"
#include "identity/identity.h"

/* ---- reasons ---- */

/* X(symbol, word, text): why a record is refused. The word is what receipts
 * and rejects files say. The second group is decided when applied. */
#define INGEST_REASON_LIST(X)                                                \
    X(BAD_JSON, "bad_json", "the line is not one JSON object")               \
    X(BAD_UTF8, "bad_utf8", "the record is not valid UTF-8")                 \
    X(BAD_CSV, "bad_csv", "the row does not fit the header")                 \
    X(BAD_MSGPACK, "bad_msgpack", "the bytes are not a msgpack map")         \
    X(BAD_LINE, "bad_line", "the line does not have the form of its dialect") \
    X(TOO_LONG, "too_long", "the record is longer than 1 MiB")               \
    X(TOO_MANY, "too_many", "the record has too many facts or ids")          \
    X(NO_IDS, "no_ids", "the record names no id")                            \
    X(BAD_ID, "bad_id", "an id does not have the form its space asks for")   \
    X(PII_SUSPECTED, "pii_suspected",                                        \
      "a raw e-mail address or phone number was given")                      \
    X(UNKNOWN_FIELD, "unknown_field", "the record has an unknown member")    \
    X(DUPLICATE_KEY, "duplicate_key", "a key stands twice")                  \
    X(WRONG_TYPE, "wrong_type", "a member has the wrong type")               \
    X(MISSING, "missing", "what a mapping requires is empty")                \
    X(BAD_NAME, "bad_name", "an attribute or provider name is malformed")    \
    X(FOREIGN_PROVIDER, "foreign_provider",                                  \
      "the record names another provider than whom the input is of")         \
    X(BAD_VALUE, "bad_value", "a value is empty or too long")                \
    X(BAD_NUMBER, "bad_number", "a number does not fit")                     \
    X(BAD_COUNT, "bad_count", "an event count is not a positive integer")    \
    X(BAD_TIME, "bad_time", "a time is not RFC 3339 or integer seconds")     \
    X(BAD_TTL, "bad_ttl", "a ttl is not like 30d, 12h or 0")                 \
    X(FUTURE, "future", "the fact is dated over 24 hours ahead")             \
    X(BOT, "bot", "the user agent is that of a bot")                         \
    X(UNKNOWN_ATTRIBUTE, "unknown_attribute",                                \
      "the attribute is not declared and the catalog is strict")             \
    X(UNKNOWN_PROVIDER, "unknown_provider",                                  \
      "the provider is not declared and the catalog is strict")              \
    X(UNKNOWN_SPACE, "unknown_space", "the id space is not declared")        \
    X(WRONG_KIND, "wrong_kind", "the attribute is of another kind")          \
    X(NO_AMOUNT, "no_amount", "the event is not declared to carry amounts")  \
    X(BEFORE_RETENTION, "before_retention",                                  \
      "the event is older than its attribute's retention")                   \
    X(FORGOTTEN, "forgotten", "the user was forgotten; nothing is stored")   \
    X(FULL, "full", "a limit of the data directory is reached")

typedef enum ingest_reason {
    INGEST_OK = 0,
#define INGEST_REASON_ENUM(symbol, word, text) INGEST_##symbol,
    INGEST_REASON_LIST(INGEST_REASON_ENUM)
#undef INGEST_REASON_ENUM
    INGEST_REASON_COUNT
} ingest_reason;
const char *ingest_reason_word(ingest_reason r);
const char *ingest_reason_text(ingest_reason r);

/* ---- mappings ---- */

/* A mapping file, compiled: how rows of another shape become records. The
 * language is docs/mapping.md. Read-only once made: any number of threads. */
typedef struct mapping mapping;
/* Distinct reasons of rows that are left out. */
#define MAPPING_DROPS_MAX 32u
/* Errors, with the place in the text: MUSTER_EPARSE "bad_json", MUSTER_EINVAL
 * "bad_mapping", "wrong_type", "wrong_value", "unknown_key", "duplicate_key";
 * MUSTER_ELIMIT "long_mapping" (1 MiB), "too_many". Frees with mapping_free
 * (NULL is fine). Cost: milliseconds. */
int mapping_compile(mapping **out, const char *text, size_t len,
                    muster_error *err);
void mapping_free(mapping *m);
bool mapping_is_csv(const mapping *m); /* else JSON */
size_t mapping_rule_count(const mapping *m);
/* The reason of a row that is left out, by number; NULL behind the last. */
const char *mapping_drop_word(const mapping *m, size_t number);
/* ---- what a dialect counts beside the records (tally.c) ---- */

/* Names with counts, in the order of their bytes; a name with a `/` is that of
 * a member within a member: `dropped/pii_suspected`. Zeroed at first. */
#define TALLY_NAMES_MAX 512u /* names; further ones are not counted */
typedef struct tally_item {
    char *name;
    uint64_t count;
} tally_item;
typedef struct ingest_tally {
    const char *dialect; /* static; NULL: nothing was counted */
    tally_item *items;
    size_t count;
    size_t capacity;
} ingest_tally;
/* `whose` is static and the dialect; `name` has at most MUSTER_NAME_BYTES_MAX
 * * 2 bytes. Cost: a binary search. */
void tally_add(ingest_tally *t, const char *whose, muster_text name,
               uint64_t count);
void tally_add_all(ingest_tally *into, const ingest_tally *from);
uint64_t tally_get(const ingest_tally *t, const char *name); /* 0: none */
void tally_release(ingest_tally *t);

/* ---- facts ---- */

typedef enum fact_op {
    FACT_CLEAR = 1,  /* attribute: all its values of this provider */
    FACT_REMOVE,     /* term: that value */
    FACT_REPLACE,    /* attribute: `set` with an array; FACT_ADDs follow */
    FACT_FLAG,       /* attribute: true */
    FACT_UNFLAG,     /* attribute: false */
    FACT_SET,        /* term: a string (one_of, or a date for a number) */
    FACT_NUMBER,     /* attribute + number */
    FACT_TEXT,       /* term: untyped text (CSV): the kind decides */
    FACT_ADD,        /* term: many_of */
    FACT_EVENT,      /* attribute, or term when it has a value */
    FACT_WIPE        /* no attribute: all that this provider said of the user */
} fact_op;

/* One decoded fact. `term` numbers (attribute, text) pairs of the batch;
 * FACT_NO_TERM where there is none; `attribute` is set but for FACT_WIPE and
 * numbers the attribute names of the batch. */
#define FACT_NO_TERM UINT32_MAX
typedef struct fact {
    fact_op op;
    uint32_t attribute;
    uint32_t term;
    int64_t number;  /* FACT_NUMBER, x 10^4 */
    muster_time ts;  /* FACT_EVENT: its own or the record's */
    uint32_t count;  /* FACT_EVENT: >= 1 */
    bool has_amount;
    int64_t amount;  /* FACT_EVENT, x 10^4, >= 0 */
} fact;

/* One decoded record. Order of its facts: wipe, clear, remove, set, add,
 * events. */
typedef struct fact_record {
    uint32_t provider;   /* batch number of its provider name */
    uint32_t ttl_hours;  /* CATALOG_TTL_UNSET when the record has none */
    muster_time ts;
    uint32_t id_count;
    const uint8_t *ids;  /* id_count times: space (u8 batch number) + 16
                            bytes pseudonym */
    uint32_t fact_count;
} fact_record;

/* Place of a record in the input: for receipts, not part of the log. */
typedef struct record_place {
    uint64_t line;   /* 1-based; msgpack, arrays: 1-based record number */
    uint64_t offset; /* bytes from the start of the (decompressed) input */
} record_place;

/* A hash by which a message is known again within an input; all zero: it has
 * no name. */
typedef struct record_mark {
    uint8_t bytes[16];
} record_mark;

/* One refused record. The pointer is a JSON pointer into the record; the
 * message never holds an id or a value of the record. */
typedef struct ingest_reject {
    ingest_reason reason;
    record_place place;
    uint32_t number; /* of one refused when applied: in its batch */
    char pointer[160];
    char message[200];
} ingest_reject;

/* What one chunk became (or a part of it, when it has thousands of rejects
 * or hundreds of id spaces). bytes = the encoded batch (byte table in batch.c):
 * pseudonyms, texts and facts, nothing that identifies. */
typedef struct fact_batch {
    buffer bytes;          /* fact_batch_open reads it */
    record_place *places;  /* one per record in bytes */
    record_mark *marks;    /* likewise, of a dialect whose records have some;
                              else NULL */
    ingest_tally tally;    /* what its dialect counts */
    uint32_t record_count;
    ingest_reject *rejects; /* in input order; see `before` */
    uint32_t *reject_before; /* reject i stands before record number [i] */
    size_t reject_count;
    uint64_t dropped[MAPPING_DROPS_MAX]; /* rows left out, by drop word */
    const mapping *mapping; /* borrowed: the one of the options, or NULL */
    uint64_t input_end;    /* offset behind it in the input, a record end; the
                              next batch starts there. Always set, also
                              when there are no records */
    uint64_t input_line;   /* lines (msgpack: records) up to input_end */
    uint64_t input_bytes;  /* of the input that it covers */
    muster_derive_source *sources; /* what its records were derived from */
    size_t source_count;
    int fatal;             /* 0, or a code: the input cannot go on. What was
                              whole before is in the batch; the pipeline
                              stops by itself behind the sink. */
    muster_error error;    /* when fatal */
} fact_batch;
void fact_batch_free(fact_batch *b);

/* Writer: used by the parsers. Texts are numbered as they are first seen. */
typedef struct batch_writer batch_writer;
batch_writer *batch_writer_new(void);
void batch_writer_free(batch_writer *w);
uint32_t batch_provider(batch_writer *w, muster_text name);
uint32_t batch_space(batch_writer *w, muster_text name);
uint32_t batch_attribute(batch_writer *w, muster_text name);
uint32_t batch_term(batch_writer *w, uint32_t attribute, muster_text value);
/* A record is built and then either ended or dropped whole. */
void batch_record_begin(batch_writer *w);
void batch_record_id(batch_writer *w, uint32_t space,
                     const muster_pseudonym *p);
void batch_record_fact(batch_writer *w, const fact *f);
void batch_record_end(batch_writer *w, uint32_t provider, muster_time ts,
                      uint32_t ttl_hours);
void batch_record_drop(batch_writer *w);
/* Encodes all records since the last finish into out and starts anew. */
void batch_writer_finish(batch_writer *w, buffer *out);

/* Reader: used when applying and replaying. Checks every bound: damaged
 * bytes give MUSTER_ECORRUPT, never a crash (fuzzed). */
typedef struct batch_reader {
    reader in;
    uint32_t provider_count;
    uint32_t space_count;
    uint32_t attribute_count;
    uint32_t term_count;
    uint32_t record_count;
    const muster_text *providers;
    const muster_text *spaces;
    const muster_text *attributes;
    const muster_text *terms;          /* value texts */
    const uint32_t *term_attributes;   /* batch attribute of each term */
    muster_time base_time;
    muster_time record_ts;
    uint32_t records_left;
    uint32_t facts_left;
    uint8_t version;
    bool at_first; /* of the record's facts */
    arena memory;
} batch_reader;
int batch_open(batch_reader *r, const uint8_t *bytes, size_t len,
               muster_error *err);
/* Next record; false at the end or when damaged (check batch_ok). */
bool batch_next_record(batch_reader *r, fact_record *out);
/* Next fact of the current record; skipping facts is allowed (the next
 * record call skips what is left). */
bool batch_next_fact(batch_reader *r, fact *out);
bool batch_ok(const batch_reader *r);
void batch_close(batch_reader *r);

/* ---- deriving ---- */

/* The attributes of MUSTER_DERIVED_LIST that can be facts in this catalog: it
 * has them with the kind of the list, or not at all and infers them. */
uint32_t derive_mask_of(const catalog *names);

/* ---- parsing ---- */

typedef enum ingest_format {
    INGEST_AUTO = 0, /* by file name or first bytes */
    INGEST_NDJSON,
    INGEST_CSV,
    INGEST_MSGPACK,
    INGEST_ARRAY, /* one JSON array of records */
    /* Dialects: options->dialect says which one, and how to read it. */
    INGEST_AAM,     /* Audience Manager's data file */
    INGEST_AAM_IDS, /* its id-sync file */
    INGEST_LIVERAMP,
    INGEST_CDP /* messages, or batches of them, one JSON object a line */
} ingest_format;

/* Appends a proposal for inputs like the sample; see <muster/mapping.h>.
 * MUSTER_EPARSE "bad_sample". */
int mapping_propose(buffer *out, ingest_format format, const char *sample,
                    size_t len, muster_error *err);
#include "ingest/dialect.h"

typedef struct ingest_options {
    ingest_format format;
    const char *provider;     /* of records without one; NULL = "default" */
    bool only_provider;       /* records that name another are refused */
    bool gentle;              /* parser threads give way to others */
    muster_derive *derive;    /* outlives the input; NULL: nothing derived */
    uint32_t derive_mask;     /* what may be: derive_mask_of the catalog */
    const mapping *mapping;   /* borrowed; NULL: records as they are. Its
                                 format goes before `format`; msgpack is not
                                 mapped */
    /* Told while pushing, on the pushing thread: what is worth knowing and no
     * error ("columns that no rule uses: ..."). May be NULL. */
    void (*notice)(void *payload, const char *text);
    void *notice_payload;
    const identity_key *key;
    const dialect *dialect;   /* of the formats that are some; must outlive
                                 the pipeline */
    muster_time now;          /* for records without ts, and for `future` */
    unsigned threads;         /* 0 = all processors */
    size_t chunk_bytes;       /* 0 = 1 MiB; the cut is by bytes, so batches
                                 do not depend on the number of threads */
    /* To go on with an input that was interrupted; see ingest_open. */
    uint64_t resume_at;       /* input_end of its last batch; 0 = none */
    uint64_t resume_line;     /* input_line of that batch */
    uint64_t head_hash;       /* of its first head_len bytes (ingest_head) */
    uint64_t head_len;        /* 0 = not known, not compared */
    bool reread;              /* what lies before resume_at is handed on, too,
                                 in batches of its own */
} ingest_options;

/* Takes batches in input order, on one thread, owns each (fact_batch_free).
 * A non-zero return stops the pipeline with that code. */
typedef int (*ingest_sink)(void *payload, fact_batch *take_batch,
                           muster_error *err);

/* The pipeline: push bytes as they come (compressed or not: gzip and zstd are
 * seen by their magic, concatenated members and frames are read), finish
 * hands on the rest. Memory is bounded: push blocks while parsers are behind.
 * Errors of open: MUSTER_EINVAL ("no_key", "bad_name" of the provider). Errors
 * of push and finish: MUSTER_EPARSE ("bad_gzip", "bad_zstd",
 * "truncated_gzip", "truncated_zstd", "expansion", "unknown_format",
 * "bad_header", "bad_msgpack", "truncated_msgpack", "bad_array",
 * "truncated_array"), or what the sink returned. Before an error of the input
 * is returned, all records that were complete have been through the sink.
 * After an error only ingest_free is allowed. options->key must outlive the
 * pipeline.
 *
 * Resuming. With options->resume_at the input is pushed from its beginning
 * once more; what lies before that offset is passed over, unparsed, and the
 * batches go on from there. Records, rejects and places are those of the run
 * that was interrupted; where batches end may differ. Nothing comes out before
 * the first options->head_len bytes were found to be the same. MUSTER_ECONFLICT
 * "other_input": they are not, or the input ends before resume_at. */
typedef struct ingest ingest;
int ingest_open(ingest **out, const ingest_options *options,
                ingest_sink sink, void *payload, muster_error *err);
int ingest_push(ingest *in, const void *bytes, size_t len,
                muster_error *err);
int ingest_finish(ingest *in, muster_error *err);
/* How the input begins: XXH3-64 of its first *len decompressed bytes that
 * were pushed so far, at most INGEST_HEAD_BYTES; final when there are so many
 * or the input has ended. Covers all that the sink has had, up to that many
 * bytes. Any thread, the sink too. */
#define INGEST_HEAD_BYTES 65536u
void ingest_head(const ingest *in, uint64_t *hash, uint64_t *len);
void ingest_free(ingest *in); /* stops threads, drops what is in flight */

/* Parses one whole chunk of complete records on the calling thread (tests,
 * bench, fuzzing). For CSV the header must be its first line. Errors, with
 * *out NULL: "unknown_format", "bad_header"; what is wrong with the records
 * is in the batch, msgpack that breaks off as `fatal`. */
int ingest_parse_chunk(const ingest_options *options, const char *bytes,
                       size_t len, fact_batch **out, muster_error *err);

/* A small input that is there whole, as a request brings it: plain, gzip or
 * zstd, parsed on the calling thread; any number of threads at a time. Gives
 * one or more batches in input order (an empty input: one without records),
 * to be released by fact_batches_release; who takes one out of the list puts
 * NULL in its place. It is read whole or not at all: errors, with an empty
 * list, are those of the pipeline and its options, truncated msgpack among
 * them, and MUSTER_ELIMIT "long_body". Options of threads, chunks and resuming
 * do not count. Cost: some microseconds beside the records. */
#define INGEST_BODY_BYTES_MAX ((size_t)64 << 20) /* decompressed: it is held
                                                    in memory */
typedef struct fact_batches {
    fact_batch **items;
    size_t count;
    size_t capacity;
} fact_batches;
int ingest_parse_body(const ingest_options *options, const void *bytes,
                      size_t len, fact_batches *out, muster_error *err);
void fact_batches_release(fact_batches *list);

/* ---- receipt ---- */

#define RECEIPT_ERRORS_MAX 100
#define RECEIPT_UNKNOWN_MAX 100
/* Each database of a load, some of them exchanged while it ran. */
#define RECEIPT_SOURCES_MAX (2 * MUSTER_DERIVE_SOURCES_MAX)
#define RECEIPT_DROPS_MAX MAPPING_DROPS_MAX
typedef struct receipt_drop {
    char word[33];
    uint64_t count;
} receipt_drop;
typedef struct ingest_receipt {
    uint64_t records;
    uint64_t accepted;
    uint64_t rejected;
    uint64_t reasons[INGEST_REASON_COUNT];
    uint64_t facts_flag;
    uint64_t facts_one_of;
    uint64_t facts_many_of;
    uint64_t facts_number;
    uint64_t facts_event;
    uint64_t facts_unset;
    uint64_t users_new;
    uint64_t conflicts;
    ingest_tally tally;
    char *unknown_attributes[RECEIPT_UNKNOWN_MAX]; /* distinct names */
    size_t unknown_attribute_count;
    muster_derive_source sources[RECEIPT_SOURCES_MAX]; /* distinct ones */
    size_t source_count;
    receipt_drop drops[RECEIPT_DROPS_MAX]; /* rows left out, by reason */
    size_t drop_count;
    const char *preview; /* JSON array, borrowed; NULL: none */
    double seconds;
    uint64_t bytes;         /* of input as given (compressed) */
    char load_id[64];
    uint64_t epoch;
    uint64_t resumed;       /* decompressed bytes passed over */
    bool repeated;          /* all had been committed before */
    uint64_t records_before; /* of these, counted by former runs; the speed */
    uint64_t facts_before;   /* is of what this run did */
    size_t error_count;
    bool errors_truncated;
    ingest_reject errors[RECEIPT_ERRORS_MAX]; /* last: 38 KB not to be zeroed */
} ingest_receipt;
void receipt_init(ingest_receipt *r);
void receipt_release(ingest_receipt *r);
/* Counts it (records, rejected, its reason) and keeps the first ones. */
void receipt_reject(ingest_receipt *r, const ingest_reject *reject);
void receipt_unknown_attribute(ingest_receipt *r, muster_text name);
/* What attributes were derived from; those that there is no room for any more
 * are left out. */
void receipt_source(ingest_receipt *r, const muster_derive_source *source);
/* So many rows were left out for this reason. */
void receipt_drop_rows(ingest_receipt *r, const char *word, uint64_t count);
/* A receipt as bytes, so that a load that goes on can count on: its counters,
 * reasons, unknown attributes, sources, load id and epoch; neither errors nor
 * seconds,
 * nor what is of one run alone (resumed, repeated). Appends some 200 bytes to
 * out, more with unknown attributes. */
void receipt_encode(const ingest_receipt *r, buffer *out);
/* r need not be initialised; it is to be released when this gives 0, and is
 * empty otherwise. Rejects of before are counted but not kept, so
 * errors_truncated is set if there were some. MUSTER_ECORRUPT. */
int receipt_decode(ingest_receipt *r, const void *bytes, size_t len,
                   muster_error *err);
/* The shape of CONTRACT.md "Receipt of load"; `sources`, `resumed` and
 * `repeated` only when they say something. */
void receipt_to_json(const ingest_receipt *r, json_writer *out);
/* One line of the rejects file: {"line":..,"offset":..,"pointer":..,
 * "code":..,"message":..}. */
void reject_to_json(const ingest_reject *r, json_writer *out);
/* Its members alone, within an object. */
void reject_put_members(const ingest_reject *r, json_writer *out);

#endif
