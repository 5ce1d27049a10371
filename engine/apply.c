/*
 * apply.c - one batch of facts: ids to rows, records judged, facts to planes.
 * Serial, in the log's order; everything it decides depends only on the state
 * and the batch.
 *
 * Records are decoded some ahead of being applied, and what the dictionary
 * will be asked for is fetched into the cache meanwhile: among ten million
 * users each look-up would else wait for memory twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include <stdio.h>

#define DAY_HOURS 24
/* A TTL below this ends with its hour, else with its day. */
#define HOURLY_TTL 48

/* ---- users ---- */

bool working_is_forgotten(const working *w, uint32_t row)
{
    return row < w->forgotten_rows && (w->forgotten[row >> 3] >> (row & 7)) & 1;
}

void working_set_forgotten(working *w, uint32_t row)
{
    if (row >= w->forgotten_rows) {
        const size_t old = w->forgotten_rows / 8;
        const size_t bytes = ((size_t)row / 65536 + 1) * 8192;
        w->forgotten = mem_realloc(w->forgotten, bytes);
        memset(w->forgotten + old, 0, bytes - old);
        w->forgotten_rows = bytes * 8;
    }
    w->forgotten[row >> 3] |= (uint8_t)(1u << (row & 7));
}

uint32_t apply_user_row(working *w, const muster_pseudonym *p)
{
    const uint32_t row = dictionary_find(w->ids, p);
    return row == DICTIONARY_NONE ? dictionary_add_user(w->ids, p) : row;
}

static muster_pseudonym id_at(const fact_record *record, uint32_t i)
{
    muster_pseudonym p;
    memcpy(p.bytes, record->ids + (size_t)i * 17 + 1, sizeof p.bytes);
    return p;
}

typedef struct user_match {
    uint32_t row; /* of the first known id, or DICTIONARY_NONE */
    bool conflict;
    bool forgotten; /* one of the ids is a forgotten user's */
    uint32_t unknown;
} user_match;

static user_match match_user(const working *w,
                             const fact_record *record)
{
    user_match m = {DICTIONARY_NONE, false, false, 0};

    for (uint32_t i = 0; i < record->id_count; i++) {
        const muster_pseudonym p = id_at(record, i);
        const uint32_t row = dictionary_find(w->ids, &p);
        m.forgotten |= row != DICTIONARY_NONE && working_is_forgotten(w, row);
        if (row == DICTIONARY_NONE)
            m.unknown++;
        else if (m.row == DICTIONARY_NONE)
            m.row = row;
        else if (row != m.row)
            m.conflict = true;
    }
    return m;
}

/* Gives the record its row and lets its unknown ids join. */
static uint32_t settle_user(working *w, const fact_record *record,
                            const user_match *m, ingest_receipt *receipt)
{
    uint32_t row = m->row;

    for (uint32_t i = 0; m->unknown > 0 && i < record->id_count; i++) {
        const muster_pseudonym p = id_at(record, i);
        if (dictionary_find(w->ids, &p) != DICTIONARY_NONE)
            continue;
        if (row != DICTIONARY_NONE) {
            dictionary_add_id(w->ids, &p, row);
            continue;
        }
        row = dictionary_add_user(w->ids, &p);
        if (receipt)
            receipt->users_new++;
    }
    if (receipt && m->conflict)
        receipt->conflicts++;
    return row;
}

/* ---- facts ---- */

typedef struct fact_target {
    working *w;
    judge *judge;
    const fact_record *record;
    const catalog_provider *provider;
    uint32_t row;
    uint32_t seen_until; /* latest expiry of the record's sayings */
    bool said;
    bool fresh; /* nobody knew the user before this record */
    ingest_receipt *receipt;
} fact_target;

static uint32_t expiry_of(muster_time ts, uint32_t ttl_hours)
{
    if (ttl_hours == 0 || ttl_hours == CATALOG_TTL_UNSET)
        return INDEX_NEVER;
    const muster_time end = ts + (muster_time)ttl_hours * 3600;
    if (end < 0)
        return 0;
    if (ttl_hours < HOURLY_TTL)
        return (uint32_t)clock_hour_of(end);
    return (uint32_t)clock_day_of(end) * DAY_HOURS + DAY_HOURS - 1;
}

static uint32_t profile_expiry(const fact_target *t,
                               const catalog_attribute *a)
{
    uint32_t ttl = t->record->ttl_hours;
    if (ttl == CATALOG_TTL_UNSET)
        ttl = a->ttl_hours;
    if (ttl == CATALOG_TTL_UNSET)
        ttl = t->provider->ttl_hours;
    return expiry_of(t->record->ts, ttl);
}

static void note_said(fact_target *t, uint32_t expiry)
{
    if (!t->said || expiry > t->seen_until)
        t->seen_until = expiry;
    t->said = true;
}

static void note_change(fact_target *t, const catalog_attribute *a,
                        uint32_t value)
{
    working_note(t->w, t->row, a->id, value);
    spoken_note(t->w, t->provider->id, a->id);
}

static void add_value(fact_target *t, const catalog_attribute *a,
                      index_op op, uint32_t value)
{
    const uint32_t expiry = profile_expiry(t, a);
    index_add_profile(t->w->building, a->id, t->provider->id, t->row, op,
                      value, expiry);
    note_change(t, a, op == INDEX_ADD ? value : NOTE_ANY);
    note_said(t, expiry);
}

static void add_number(fact_target *t, const catalog_attribute *a,
                       int64_t number)
{
    const uint32_t expiry = profile_expiry(t, a);
    index_add_number(t->w->building, a->id, t->provider->id, t->row, number,
                     expiry);
    note_change(t, a, NOTE_ANY);
    note_said(t, expiry);
}

static void add_event(fact_target *t, const catalog_attribute *a,
                      const fact *f)
{
    const bool hours = a->grain == GRAIN_HOUR;
    const muster_day day = clock_day_of(f->ts);
    const uint32_t bucket =
        hours ? (uint32_t)clock_hour_of(f->ts) : (uint32_t)day;
    const uint32_t last_day = (uint32_t)day + a->retention_days - 1;
    const uint32_t value = f->term == FACT_NO_TERM
                               ? INDEX_NO_VALUE
                               : judge_value(t->judge, f->term, true);

    index_add_event(t->w->building, a->id, t->provider->id, a->cap, value,
                    bucket, t->row, f->count,
                    f->has_amount ? f->amount : 0);
    note_change(t, a, value);
    note_said(t, last_day * DAY_HOURS + DAY_HOURS - 1);
}

static void clear_attribute(fact_target *t, const catalog_attribute *a)
{
    index_add_profile(t->w->building, a->id, t->provider->id, t->row,
                      INDEX_CLEAR, INDEX_NO_VALUE, 0);
    working_note(t->w, t->row, a->id, NOTE_ANY);
}

static void set_text(fact_target *t, const catalog_attribute *a,
                     const fact *f)
{
    const muster_text text = judge_term_text(t->judge, f->term);
    int64_t number = 0;

    if (a->kind == KIND_NUMBER) {
        const bool ok = judge_number(a, text, &number);
        ASSERT(ok);
        add_number(t, a, number);
    } else if (a->kind == KIND_FLAG) {
        if (text_is(text, "true"))
            add_value(t, a, INDEX_ADD, INDEX_NO_VALUE);
        else
            clear_attribute(t, a);
    } else {
        add_value(t, a, INDEX_SET, judge_value(t->judge, f->term, true));
    }
}

static void count_fact(ingest_receipt *r, const catalog_attribute *a,
                       const fact *f, bool unset)
{
    if (unset) {
        r->facts_unset++;
        return;
    }
    if (f->op == FACT_REPLACE)
        return;
    switch (a->kind) {
    case KIND_FLAG:
        r->facts_flag++;
        return;
    case KIND_ONE_OF:
        r->facts_one_of++;
        return;
    case KIND_MANY_OF:
        r->facts_many_of++;
        return;
    case KIND_NUMBER:
        r->facts_number++;
        return;
    case KIND_EVENT:
        r->facts_event++;
        return;
    }
}

static bool is_unset(const fact_target *t, const catalog_attribute *a,
                     const fact *f)
{
    return f->op == FACT_CLEAR || f->op == FACT_REMOVE ||
           f->op == FACT_UNFLAG ||
           (f->op == FACT_TEXT && a->kind == KIND_FLAG &&
            !text_is(judge_term_text(t->judge, f->term), "true"));
}

static void remove_value(fact_target *t, const catalog_attribute *a,
                         const fact *f)
{
    const uint32_t value = judge_value(t->judge, f->term, false);
    if (value == CATALOG_NONE)
        return;
    index_add_profile(t->w->building, a->id, t->provider->id, t->row,
                      INDEX_REMOVE, value, 0);
    working_note(t->w, t->row, a->id, value);
}

/* Everything that the provider said of the user goes: of each attribute that
 * it ever spoke of, all values are taken away. */
static void wipe(fact_target *t)
{
    const uint32_t *list = NULL;
    const size_t n =
        t->fresh ? 0 : spoken_list(t->w, t->provider->id, &list);
    for (size_t i = 0; i < n; i++)
        clear_attribute(t, catalog_attribute_get(t->w->names, list[i]));
    if (t->receipt)
        t->receipt->facts_unset++;
}

static void add_fact(fact_target *t, const fact *f)
{
    if (f->op == FACT_WIPE) {
        wipe(t);
        return;
    }
    const catalog_attribute *a = judge_attribute(t->judge, f->attribute);
    if (!a) { /* a removal from something never said */
        if (t->receipt)
            t->receipt->facts_unset++;
        return;
    }
    if (t->receipt)
        count_fact(t->receipt, a, f, is_unset(t, a, f));
    switch (f->op) {
    case FACT_CLEAR:
    case FACT_REPLACE:
    case FACT_UNFLAG:
        clear_attribute(t, a);
        return;
    case FACT_REMOVE:
        remove_value(t, a, f);
        return;
    case FACT_FLAG:
        add_value(t, a, INDEX_ADD, INDEX_NO_VALUE);
        return;
    case FACT_SET:
    case FACT_TEXT:
        set_text(t, a, f);
        return;
    case FACT_NUMBER:
        add_number(t, a, f->number);
        return;
    case FACT_ADD:
        add_value(t, a, INDEX_ADD, judge_value(t->judge, f->term, true));
        return;
    case FACT_EVENT:
        add_event(t, a, f);
        return;
    case FACT_WIPE:
        break;
    }
}

/* ---- records ---- */

/* Records decoded ahead, and facts: enough to hide the memory's delay, few
 * enough to stay in the nearest cache. */
#define AHEAD_RECORDS 24u
#define AHEAD_FACTS 256u

typedef struct ahead {
    fact_record records[AHEAD_RECORDS];
    uint32_t count;
    fact *facts; /* of all of them, one record behind the other */
    size_t fact_count;
    size_t fact_capacity;
} ahead;

/* False when the batch does not decode. */
static bool read_facts(batch_reader *batch, uint32_t count, ahead *out)
{
    mem_grow(&out->facts, &out->fact_capacity, out->fact_count + count + 1,
             sizeof *out->facts);
    for (uint32_t i = 0; i < count; i++)
        if (!batch_next_fact(batch, &out->facts[out->fact_count++]))
            return false;
    return true;
}

/* The next records that decode; none at the end, or of a damaged batch. */
static void read_ahead(const working *w, batch_reader *batch, ahead *out)
{
    out->count = 0;
    out->fact_count = 0;
    while (out->count < AHEAD_RECORDS && out->fact_count < AHEAD_FACTS) {
        fact_record *record = &out->records[out->count];
        if (!batch_next_record(batch, record))
            break;
        for (uint32_t i = 0; i < record->id_count; i++) {
            const muster_pseudonym p = id_at(record, i);
            dictionary_prefetch(w->ids, &p);
        }
        if (!read_facts(batch, record->fact_count, out))
            break;
        out->count++;
    }
    for (uint32_t k = 0; k < out->count; k++)
        for (uint32_t i = 0; i < out->records[k].id_count; i++) {
            const muster_pseudonym p = id_at(&out->records[k], i);
            dictionary_prefetch_id(w->ids, &p);
        }
}

static void refuse(apply_report *report, uint32_t number, ingest_reject *r)
{
    r->number = number;
    if (report->places)
        r->place = report->places[number];
    if (report->reject)
        report->reject(report->payload, r);
}

static ingest_reason apply_record(working *w, judge *j,
                                  const fact_record *record,
                                  const fact *facts, apply_report *report,
                                  ingest_reject *reject)
{
    const user_match match = match_user(w, record);
    const uint32_t count = record->fact_count;
    fact_target t = {.w = w,
                     .judge = j,
                     .record = record,
                     .fresh = match.row == DICTIONARY_NONE,
                     .receipt = report->receipt};

    ingest_reason reason = judge_record(j, record, facts, count, reject);
    if (reason != INGEST_OK)
        return reason;
    if (match.forgotten) {
        reject->pointer[0] = 0;
        snprintf(reject->message, sizeof reject->message, "%s",
                 ingest_reason_text(INGEST_FORGOTTEN));
        return INGEST_FORGOTTEN;
    }
    if (match.unknown > 0 && dictionary_full(w->ids)) {
        snprintf(reject->message, sizeof reject->message,
                 "no more users or ids fit into this data directory");
        return INGEST_FULL;
    }
    reason = judge_accept(j, record, facts, count, &t.provider, reject,
                          report->receipt);
    if (reason != INGEST_OK)
        return reason;
    t.row = settle_user(w, record, &match, report->receipt);
    ASSERT(t.row != DICTIONARY_NONE);
    for (uint32_t i = 0; i < count; i++)
        add_fact(&t, &facts[i]);
    if (t.said) {
        index_add_seen(w->building, t.provider->id, t.row, t.seen_until);
        working_note(w, t.row, INDEX_UNIVERSE, NOTE_ANY);
    }
    w->facts_behind += count + 1;
    return INGEST_OK;
}

/* Applies the records read ahead; `number` is the first one's in the batch. */
static void apply_ahead(working *w, judge *j, const ahead *some,
                        uint32_t number, apply_report *report)
{
    const fact *facts = some->facts;
    ingest_reject reject = {0};

    for (uint32_t k = 0; k < some->count; k++) {
        reject.reason =
            apply_record(w, j, &some->records[k], facts, report, &reject);
        if (reject.reason != INGEST_OK) {
            refuse(report, number + k, &reject);
            reject = (ingest_reject){0};
        } else if (report->receipt) {
            report->receipt->records++;
            report->receipt->accepted++;
        }
        facts += some->records[k].fact_count;
    }
}

int apply_facts(working *w, muster_time now, const uint8_t *bytes,
                size_t len, apply_report *report, muster_error *err)
{
    batch_reader batch;
    ahead some = {0};
    uint32_t number = 0;

    int rc = batch_open(&batch, bytes, len, err);
    if (rc != 0)
        return rc;
    judge *j = judge_new(w->names, now, &batch);
    do {
        read_ahead(w, &batch, &some);
        apply_ahead(w, j, &some, number, report);
        number += some.count;
    } while (some.count > 0);
    if (!batch_ok(&batch))
        rc = error_set(err, MUSTER_ECORRUPT, "damaged_batch",
                       "a batch of facts does not decode");
    judge_free(j);
    mem_free(some.facts);
    batch_close(&batch);
    return rc;
}
