/*
 * dialect.h - files in the forms of others: part of the door of room
 * `ingest` (ingest.h includes it). See docs/dialects.md for what each becomes.
 *
 * A dialect is what must be known to read a file of it beside its bytes: most
 * of that stands in the file's name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_DIALECT_H
#define INGEST_DIALECT_H

#include "ingest/cdp.h"

/* ---- what a file's name says (dialect_name.c) ---- */

/* Columns of ids of one file. */
#define DIALECT_COLUMNS_MAX 16u
/* A name of a file, without its folders. */
#define DIALECT_NAME_BYTES_MAX 255u

/* What ids of a column must look like, beyond what their space asks for. */
typedef enum dialect_id {
    DIALECT_ID_ANY = 0,  /* no colon, no % sign with two hex digits */
    DIALECT_ID_AAM,      /* Audience Manager's own: 38 digits */
    DIALECT_ID_UPPER,    /* a UUID in upper case */
    DIALECT_ID_LOWER     /* a UUID in lower case */
} dialect_id;

typedef struct dialect_column {
    char space[MUSTER_NAME_BYTES_MAX + 1];
    dialect_id form;
} dialect_column;

typedef struct dialect {
    ingest_format format;
    bool overwrite; /* AAM: the first line of a user replaces what the provider
                       had said of her */
    dialect_column columns[DIALECT_COLUMNS_MAX];
    uint32_t column_count;
    char provider[MUSTER_NAME_BYTES_MAX + 1]; /* "": the name tells none */
    muster_time ts;                           /* AAM: of all lines */
    cdp_view view;                            /* CDP */
} dialect;

/* Reads a name of Audience Manager's, folders before it passed over:
 *   ftp_dpm_<DPID>[_<owner>]_<time>.sync|.overwrite[.<split>][.gz]
 *   [adobe_id_|c2c_id_]<DPID>_<DPID>[_<DPID>...]_<time>.sync[.<split>][.gz]
 * (Adobe's documentation of 2026, "Amazon S3 Name Requirements for Inbound
 * Data Files" and "Name and Content Requirements for ID Synchronization
 * Files".) False: it is none. */
bool dialect_of_name(dialect *out, muster_text name);
/* The space of a data source of Audience Manager: of a global one its own
 * (20914 gaid, 20915 idfa, those of television sets ctv), of 0 aam_uuid, else
 * dpid_<n>. */
void dialect_space_of(dialect_column *out, uint64_t dpid);
/* The i-th space that records of the dialect may use and that the catalog does
 * not have from the start; NULL behind the last. */
const char *dialect_space_at(const dialect *d, size_t i);

/* ---- what depends on all that stood before (dialect_once.c) ---- */

/*
 * Parsers see one piece of a file; some rules are of the whole: of an
 * .overwrite file only the first line of a user wipes, a user has at most
 * DIALECT_LINES_MAX lines, a message counts once. So the batches of an input
 * go through here, in input order, on one thread, before they are logged.
 * A user is her id here, not her row: the lines of two ids that name one user
 * are those of two.
 *
 * Memory: 17 bytes a user or message, in a table at most three quarters full.
 */
#define DIALECT_LINES_MAX 200u
/* Of one input; their table takes up to 1.7 GB while it grows. */
#define DIALECT_USERS_MAX ((size_t)1 << 25)
/* The same where inputs come from others and several at a time: 110 MB. */
#define DIALECT_USERS_SERVED_MAX ((size_t)1 << 21)
typedef struct dialect_once dialect_once;
/* For at most so many users or messages. */
dialect_once *dialect_once_new(const dialect *d, size_t most);
void dialect_once_free(dialect_once *o); /* NULL is fine */
/* Changes the batch to what counts of it. MUSTER_ELIMIT "many_users": then the
 * batch is as it was. Cost: 20 ns a record, and as much as parsing it again
 * when something changes. */
struct fact_batch;
int dialect_once_pass(dialect_once *o, struct fact_batch *b,
                      muster_error *err);
#endif
