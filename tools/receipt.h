/*
 * receipt.h - receipts of loads, added up and shown (receipt.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef RECEIPT_H
#define RECEIPT_H

#include "cli.h"

#define RECEIPT_ERRORS_MAX 100

typedef struct receipt_count {
    char *name;
    uint64_t count;
} receipt_count;

typedef struct receipt_counts {
    receipt_count *items;
    size_t count;
    size_t capacity;
} receipt_counts;

typedef struct receipt_error {
    char *file;
    uint64_t line;
    uint64_t offset;
    char *pointer;
    char *code;
    char *message;
} receipt_error;

typedef struct receipt {
    unsigned loads;
    char *json; /* of the only load, or all of them with commas between */
    uint64_t records, accepted, rejected;
    uint64_t users_new, conflicts, bytes, epoch;
    uint64_t resumed;  /* bytes passed over: stored before */
    unsigned repeated; /* loads that had been done before */
    double seconds;
    receipt_counts reasons;
    receipt_counts facts;
    receipt_counts dropped; /* rows that a mapping left out */
    receipt_counts unknown; /* attributes; counts are not used */
    receipt_counts dialects; /* names are paths: aam/stored_records */
    receipt_counts sources; /* as JSON, each once; counts are not used */
    char *load_id;          /* of the last load */
    receipt_error errors[RECEIPT_ERRORS_MAX];
    size_t error_count;
    bool truncated;
} receipt;

void load_receipt_init(receipt *r);
void load_receipt_release(receipt *r);
/* Adds one load's receipt, an object as muster_feed_receipt_json gives it. */
void load_receipt_add(receipt *r, const char *json, const char *file);
/* The sum on stdout in the chosen format. */
void load_receipt_print(cli *c, const receipt *r, bool dry_run,
                   const char *rejects_path);

/* ---- preview.c ---- */

/* What the first records of a dry run would become, as the receipts tell it:
 * one, or several with commas between. */
void load_preview_print(cli *c, const char *receipts);

#endif
