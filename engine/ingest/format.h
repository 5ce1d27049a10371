/*
 * format.h - private to room `ingest`: what a format gives to the cutter
 * (input.c) and to the parser threads (pipeline.c).
 *
 * A *chunk* is a stretch of the decompressed input that starts and ends at
 * record ends. A parser reads a chunk in one or more goes: a go ends at the
 * chunk's end or when the batch is full (many rejects, many id spaces), so
 * that hostile input costs bounded memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_FORMAT_H
#define INGEST_FORMAT_H

#include "ingest/record.h"

/* More than a record of the maximal length with its line end: what has no
 * end within so many bytes is surely too long. */
#define RECORD_SPAN ((size_t)MUSTER_RECORD_BYTES_MAX + 3)

/* Why a stretch of input is refused whole, unread. */
typedef enum chunk_kind {
    CHUNK_RECORDS = 0,
    CHUNK_TOO_LONG /* one record that is too long; data is not kept */
} chunk_kind;

typedef struct csv_header csv_header;

typedef struct chunk {
    uint64_t number; /* from 0, in input order */
    chunk_kind kind;
    ingest_format format;
    const csv_header *header; /* CSV */
    char *data;
    size_t len;
    size_t capacity;
    uint64_t offset;       /* of data[0] in the input */
    uint64_t start;        /* where the chunk before it ended */
    uint64_t end;          /* offset behind it */
    uint64_t lines_before; /* lines between the chunk before and data[0] */
    size_t *ends;          /* msgpack: where each record ends in data */
    size_t end_count;
    size_t end_capacity;
} chunk;

/* Where a parser stands in a chunk. */
typedef struct chunk_cursor {
    size_t at;     /* bytes read */
    uint64_t line; /* lines (msgpack: records) behind, of this chunk */
} chunk_cursor;

/* Does the first row say what the columns are? */
static inline bool format_has_header(ingest_format f)
{
    return f == INGEST_CSV || f == INGEST_LIVERAMP;
}

/* ---- parser.c ---- */

/* One thread's memory for parsing, of whatever format comes. */
typedef struct parser parser;
/* Can one parse with these options? MUSTER_EINVAL: "no_key", "bad_name". */
int parser_check(const ingest_options *options, muster_error *err);
parser *parser_new(const ingest_options *options);
void parser_free(parser *p);
/* Parses on from the cursor (zeroed at first); all is read when cursor->at
 * is the chunk's len. `whole`: in one go. Places count from the chunk's
 * first line. */
fact_batch *parser_read(parser *p, const chunk *c, chunk_cursor *cursor,
                        bool whole);
/* Has the batch grown enough to be handed on? */
bool parser_is_full(const record_front *f);

/* The next line, without its end (\n or \r\n); the last may lack it. There
 * are bytes left. */
static inline muster_text chunk_line(const chunk *c, chunk_cursor *cursor,
                                     record_place *place)
{
    const char *start = c->data + cursor->at;
    const size_t left = c->len - cursor->at;
    const char *end = memchr(start, '\n', left);
    const size_t len = end != NULL ? (size_t)(end - start) : left;
    *place = (record_place){cursor->line + 1, c->offset + cursor->at};
    cursor->at += len + (end != NULL);
    cursor->line++;
    return text_make(start, len - (len > 0 && start[len - 1] == '\r'));
}

/* ---- ndjson.c ---- */

typedef struct ndjson_parser ndjson_parser;
ndjson_parser *ndjson_parser_new(void);
void ndjson_parser_free(ndjson_parser *p);
void ndjson_read(ndjson_parser *p, record_front *f, const chunk *c,
                 chunk_cursor *cursor, bool whole);

/* Reads one record; `unit` is what it is called in messages. */
void ndjson_read_one(ndjson_parser *p, record_front *f, muster_text line,
                     const char *unit, record_place place);

/* ---- array.c ---- */

/* Walks over one element of an array; constant memory. Zeroed at first. */
typedef struct array_span {
    uint64_t depth;
    bool text; /* within one */
    bool escaped;
} array_span;
typedef enum array_end {
    ARRAY_MORE,  /* it goes on behind *used */
    ARRAY_COMMA, /* *used is behind the comma that follows it */
    ARRAY_CLOSE  /* *used is at the bracket that closes the array */
} array_end;
array_end array_span_on(array_span *s, muster_text bytes, size_t *used);
bool array_is_blank(muster_text text);
typedef enum array_start {
    ARRAY_STARTED, /* *used is behind the opening bracket */
    ARRAY_START_MORE,
    ARRAY_START_BAD
} array_start;
array_start array_begin(muster_text text, size_t *used);
/* Bytes up to the last element that has ended, with its comma; all of them
 * once the array is *closed (kept from call to call); *bad when something
 * else follows it. */
size_t array_cut(muster_text text, bool *closed, bool *bad);
/* Set and return MUSTER_EPARSE: "bad_array", "truncated_array". */
int array_refuse(uint64_t offset, muster_error *err);
int array_truncated(uint64_t offset, muster_error *err);
void array_read(ndjson_parser *p, record_front *f, const chunk *c,
                chunk_cursor *cursor, bool whole);

/* ---- csv.c ---- */

/* Reads the header row at the start of `text`, of INGEST_CSV or
 * INGEST_LIVERAMP: *used bytes and *lines lines; none where the mapping of the
 * options has the names. `text` holds the row whole. MUSTER_EPARSE,
 * "bad_header". */
int csv_header_new(csv_header **out, ingest_format format, muster_text text,
                   const ingest_options *options, size_t *used,
                   uint64_t *lines, muster_error *err);
void csv_header_free(csv_header *h);
/* Does the row that starts here name a path as the header of a CSV does? */
bool csv_is_header(muster_text line);
/* Bytes up to the last row end; 0 when no row is complete. A row whose
 * quotes do not close within a record's length ends at its first line. */
size_t csv_cut(const csv_header *h, muster_text text);

typedef struct csv_parser csv_parser;
csv_parser *csv_parser_new(void);
void csv_parser_free(csv_parser *p);
void csv_read(csv_parser *p, record_front *f, const chunk *c,
              chunk_cursor *cursor, bool whole);

/* Walks over the rows of a text, the header among them; its separator is told
 * by its first row. Rows whose quotes are wrong are passed over, and one at the
 * end whose line end is missing within quotes. Cells are valid until the next
 * call. */
typedef struct csv_walk csv_walk;
csv_walk *csv_walk_new(muster_text text, char *separator);
void csv_walk_free(csv_walk *w);
bool csv_walk_next(csv_walk *w, const muster_text **cells, size_t *count);

/* ---- msgpack.c ---- */

/* Walks over values without building them; constant memory. */
typedef struct msgpack_skip {
    uint64_t values; /* still to come */
    uint64_t raw;    /* bytes still to come of the current one */
} msgpack_skip;
typedef enum msgpack_state {
    MSGPACK_DONE, /* *used is behind the value */
    MSGPACK_MORE, /* it goes on behind *used */
    MSGPACK_BAD   /* no msgpack at *used */
} msgpack_state;
void msgpack_skip_begin(msgpack_skip *s);
msgpack_state msgpack_skip_on(msgpack_skip *s, muster_text bytes, size_t *used);
bool msgpack_is_map(char first);
/* Bytes up to the last whole map in c, whose ends are noted in c; *bad when
 * behind it no map starts or one is damaged. */
size_t msgpack_cut(chunk *c, bool *bad);
/* Set and return MUSTER_EPARSE: "bad_msgpack", "truncated_msgpack". */
int msgpack_refuse(uint64_t offset, muster_error *err);
int msgpack_truncated(uint64_t offset, muster_error *err);

typedef struct msgpack_parser msgpack_parser;
msgpack_parser *msgpack_parser_new(void);
void msgpack_parser_free(msgpack_parser *p);
void msgpack_read(msgpack_parser *p, record_front *f, const chunk *c,
                  chunk_cursor *cursor, bool whole);

/* ---- aam.c ---- */

typedef struct aam_parser aam_parser;
aam_parser *aam_parser_new(void);
void aam_parser_free(aam_parser *p);
void aam_read(aam_parser *p, record_front *f, const chunk *c,
              chunk_cursor *cursor, bool whole);

/* ---- liveramp.c ---- */

/* What a column of LiveRamp's is. */
typedef enum liveramp_kind {
    LIVERAMP_DATA,   /* an attribute, `name` */
    LIVERAMP_ID,     /* an id of space `name` */
    LIVERAMP_DROPPED /* a name or an address */
} liveramp_kind;
/* `name` has MUSTER_NAME_BYTES_MAX + 1 bytes; false: the header is none. */
bool liveramp_column(muster_text header, liveramp_kind *kind, char *name);
/* NULL, or what is wrong with a hash in that space. */
const char *liveramp_wrong_hash(muster_text space, muster_text id);

/* ---- cdp_read.c ---- */

typedef struct cdp_parser cdp_parser;
cdp_parser *cdp_parser_new(void);
void cdp_parser_free(cdp_parser *p);
void cdp_read(cdp_parser *p, record_front *f, const chunk *c,
              chunk_cursor *cursor, bool whole);

/* ---- head.c ---- */

typedef struct input_head input_head;
/* Compares with options->head_*, if those are known. */
input_head *head_new(const ingest_options *options);
void head_free(input_head *h);
/* The next bytes of the input. MUSTER_ECONFLICT, "other_input". */
int head_add(input_head *h, const void *bytes, size_t len, muster_error *err);
void head_get(input_head *h, uint64_t *hash, uint64_t *len);
/* Is the input the one it should be, as far as that can be told? */
bool head_is_known(const input_head *h);

/* ---- cut.c ---- */

/* Where chunks come from and go to. */
typedef struct chunk_port {
    void *payload;
    chunk *(*get)(void *payload, size_t capacity);
    int (*put)(void *payload, chunk *take_chunk, muster_error *err);
    void (*drop)(void *payload, chunk *take_chunk);
} chunk_port;

typedef struct cutter cutter;
cutter *cutter_new(const ingest_options *options, chunk_port port,
                   input_head *borrowed);
void cutter_free(cutter *c);
/* Room for at least one byte of decompressed input. */
char *cutter_space(cutter *c, size_t *room);
/* So many bytes were written there. */
int cutter_added(cutter *c, size_t len, muster_error *err);
/* The input ends here. */
int cutter_finish(cutter *c, muster_error *err);
/* The input breaks off here: hands on what is complete. */
int cutter_flush(cutter *c, muster_error *err);

/* The bytes of a mark at the start of a text, 0 or 3. */
size_t format_mark(muster_text start);
/* Which format starts here? INGEST_AUTO when more bytes are needed to tell
 * (never when `final`; an empty input counts as NDJSON). */
int format_detect(ingest_format *out, muster_text start, bool final,
                  const mapping *map, muster_error *err);
/* The format that the options give; INGEST_AUTO where it is to be told. */
ingest_format format_given(const ingest_options *options);

/* ---- input.c ---- */

/* Where decompressed bytes go. */
typedef struct byte_port {
    void *payload;
    char *(*space)(void *payload, size_t *room); /* for a byte at least */
    int (*added)(void *payload, size_t len, muster_error *err);
} byte_port;

typedef struct input input;
input *input_new(byte_port port);
void input_free(input *in);
/* Does a whole input that starts so need decompressing? */
bool input_is_packed(const void *bytes, size_t len);
int input_push(input *in, const void *bytes, size_t len, muster_error *err);
/* The packed stream must be whole. */
int input_finish(input *in, muster_error *err);

#endif
