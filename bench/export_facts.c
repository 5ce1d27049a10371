/*
 * export_facts.c - facts of the generated population as files.
 *
 * Ids are users and texts are numbers already: what is left for a peer to do
 * is to store. A fact is user, attribute, value, provider, day:
 *
 *   facts.rowbinary  UInt32, UInt16, UInt32, UInt8, UInt16, one behind the
 *                    other
 *   facts.csv        the same as decimal numbers, no header
 *   facts.resp       Redis protocol: SETBIT attribute:value user 1
 *   facts.json       {"users", "facts", "flag", "flagged"}: what there must
 *                    be; flagged: users with attribute number `flag`
 *
 * value is a number's integer part, 1 for the flag, 0 for an event without;
 * day is that of an event, else 0. The keys of Redis leave the day out: with
 * it there would be a long string for nearly every fact.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <roaring/roaring.h>

#include "catalog/catalog.h"
#include "export.h"
#include "identity/identity.h"
#include "ingest/ingest.h"
#include "scratch.h"

#define FACT_USERS 200000
#define FACT_USERS_QUICK 5000
#define PIECE ((size_t)1 << 20)
#define FLAG_NAME "newsletter"

typedef struct exporter {
    catalog *names;
    dictionary *users;
    identity_key *key;
    roaring_bitmap_t *flagged;
    uint64_t facts;
    FILE *binary;
    FILE *csv;
    FILE *resp;
} exporter;

typedef struct plain_fact {
    uint32_t user;
    uint16_t attribute;
    uint32_t value;
    uint8_t provider;
    uint16_t day;
} plain_fact;

static uint32_t attribute_number(exporter *e, muster_text name)
{
    const catalog_attribute *a = catalog_attribute_find(e->names, name);
    const catalog_attribute def = catalog_attribute_default(KIND_MANY_OF);
    muster_error err;

    if (!a)
        bench_must(catalog_attribute_put(e->names, name, &def, &a, &err),
                   "attribute", &err);
    return a->id;
}

static uint32_t provider_number(exporter *e, muster_text name)
{
    const catalog_provider *p = catalog_provider_find(e->names, name);
    muster_error err;

    if (!p)
        bench_must(catalog_provider_put(e->names, name, PARTY_FIRST,
                                        CATALOG_TTL_UNSET, true, &p, &err),
                   "provider", &err);
    return p->id;
}

/* The user of a record's ids; those not seen before become that user's. */
static uint32_t user_of(exporter *e, const fact_record *r)
{
    uint32_t user = DICTIONARY_NONE;
    muster_pseudonym p;

    for (uint32_t i = 0; i < r->id_count && user == DICTIONARY_NONE; i++) {
        memcpy(&p, r->ids + 17 * i + 1, sizeof p);
        user = dictionary_find(e->users, &p);
    }
    for (uint32_t i = 0; i < r->id_count; i++) {
        memcpy(&p, r->ids + 17 * i + 1, sizeof p);
        if (user == DICTIONARY_NONE)
            user = dictionary_add_user(e->users, &p);
        else if (dictionary_find(e->users, &p) == DICTIONARY_NONE)
            dictionary_add_id(e->users, &p, user);
    }
    return user;
}

static void write_fact(exporter *e, const plain_fact *f)
{
    char key[32];
    char user[16];

    e->facts++;
    export_write(e->binary, &f->user, sizeof f->user);
    export_write(e->binary, &f->attribute, sizeof f->attribute);
    export_write(e->binary, &f->value, sizeof f->value);
    export_write(e->binary, &f->provider, sizeof f->provider);
    export_write(e->binary, &f->day, sizeof f->day);
    fprintf(e->csv, "%u,%u,%u,%u,%u\n", f->user, f->attribute, f->value,
            f->provider, f->day);
    snprintf(key, sizeof key, "%u:%u", f->attribute, f->value);
    snprintf(user, sizeof user, "%u", f->user);
    fprintf(e->resp,
            "*4\r\n$6\r\nSETBIT\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$1\r\n1\r\n",
            strlen(key), key, strlen(user), user);
}

static void take_fact(exporter *e, const batch_reader *r, const fact *f,
                      plain_fact *out)
{
    const muster_text name = r->attributes[f->attribute];
    const uint32_t attribute = attribute_number(e, name);

    out->attribute = (uint16_t)attribute;
    out->day = 0;
    out->value = f->op == FACT_FLAG ? 1 : 0;
    if (f->op == FACT_NUMBER)
        out->value = (uint32_t)(f->number / 10000);
    else if (f->term != FACT_NO_TERM)
        out->value =
            catalog_value_intern(e->names, attribute, r->terms[f->term]);
    if (f->op == FACT_EVENT)
        out->day = (uint16_t)clock_day_of(f->ts);
    if (f->op == FACT_FLAG && text_is(name, FLAG_NAME))
        roaring_bitmap_add(e->flagged, out->user);
    write_fact(e, out);
}

static void take_batch(exporter *e, const fact_batch *b)
{
    muster_error err;
    batch_reader r;
    fact_record record;
    fact f;

    bench_must(batch_open(&r, b->bytes.data, b->bytes.len, &err), "batch",
               &err);
    while (batch_next_record(&r, &record)) {
        plain_fact out = {
            .user = user_of(e, &record),
            .provider =
                (uint8_t)provider_number(e, r.providers[record.provider])};
        while (batch_next_fact(&r, &f)) {
            ASSERT(f.op >= FACT_REPLACE && f.op != FACT_TEXT);
            if (f.op != FACT_REPLACE)
                take_fact(e, &r, &f, &out);
        }
    }
    batch_close(&r);
}

/* Whole lines from `bytes` on, about PIECE of them. */
static size_t piece_len(const char *bytes, size_t len)
{
    if (len <= PIECE)
        return len;
    const char *end = memchr(bytes + PIECE, '\n', len - PIECE);
    return end ? (size_t)(end + 1 - bytes) : len;
}

static void exporter_open(exporter *e, const char *dir, const char *key_dir)
{
    char path[SCRATCH_PATH + 16];
    muster_error err;

    memset(e, 0, sizeof *e);
    snprintf(path, sizeof path, "%s/key", key_dir);
    bench_must(identity_key_open(&e->key, path, true, &err), "key", &err);
    e->names = catalog_new();
    e->users = dictionary_new();
    e->flagged = roaring_bitmap_create();
    e->binary = export_open(dir, "facts.rowbinary");
    e->csv = export_open(dir, "facts.csv");
    e->resp = export_open(dir, "facts.resp");
}

static void exporter_close(exporter *e, const char *dir)
{
    FILE *json = export_open(dir, "facts.json");
    const muster_text flag = text_of(FLAG_NAME);
    fprintf(json,
            "{\"users\":%u,\"facts\":%llu,\"flag\":%u,\"flagged\":%llu}\n",
            dictionary_rows(e->users), (unsigned long long)e->facts,
            attribute_number(e, flag),
            (unsigned long long)roaring_bitmap_get_cardinality(e->flagged));
    export_close(json);
    export_close(e->binary);
    export_close(e->csv);
    export_close(e->resp);
    roaring_bitmap_free(e->flagged);
    dictionary_free(e->users);
    catalog_free(e->names);
    identity_key_free(e->key);
}

void export_facts(const char *dir, const bench_options *options)
{
    char scratch[SCRATCH_PATH];
    exporter e;
    generate_totals made;
    muster_error err;
    size_t len;

    scratch_open(scratch);
    exporter_open(&e, dir, scratch);
    const ingest_options parsing = {.format = INGEST_NDJSON,
                                    .provider = "default",
                                    .key = e.key,
                                    .now = BENCH_NOW,
                                    .threads = 1};
    char *bytes = scratch_generate(
        GENERATE_NDJSON, bench_users(options, FACT_USERS, FACT_USERS_QUICK),
        options->seed, &len, &made);
    for (size_t at = 0; at < len;) {
        const size_t n = piece_len(bytes + at, len - at);
        fact_batch *b;
        bench_must(ingest_parse_chunk(&parsing, bytes + at, n, &b, &err),
                   "parse", &err);
        ASSERT(b->input_bytes == n && b->reject_count == 0);
        take_batch(&e, b);
        fact_batch_free(b);
        at += n;
    }
    ASSERT(e.facts == made.facts && dictionary_rows(e.users) == made.users);
    free(bytes);
    exporter_close(&e, dir);
    scratch_close(scratch);
}
