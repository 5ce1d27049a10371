/*
 * judge.c - does a record fit the catalog, and what does it add to it?
 *
 * Two passes, so that a refused record leaves nothing behind: judge_record
 * looks (new names get a guessed kind that all facts of the record must share),
 * judge_accept adds to the catalog what the record needs. Both are cheap for
 * names seen before in the batch: one array look-up a fact.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdarg.h>
#include <stdio.h>

#include "engine.h"

typedef struct guess {
    attribute_kind kind; /* 0 = none in this record */
    bool amount;
    uint32_t record;     /* for which record the guess holds */
} guess;

struct judge {
    catalog *names;
    muster_time now;
    const batch_reader *batch;
    const catalog_attribute **attributes; /* by batch number; NULL unknown */
    const catalog_provider **providers;
    bool *spaces; /* by batch number: is it declared? */
    uint32_t *values; /* by term; CATALOG_NONE = not in the catalog yet */
    guess *guesses;   /* by batch attribute */
    uint32_t record;
    uint32_t event;   /* of the record, being judged; from 0 */
};

/* What is known of the terms, one look-up right behind the other: apart they
 * would each wait for memory. */
static void find_values(judge *j)
{
    for (uint32_t i = 0; i < j->batch->term_count; i++) {
        const catalog_attribute *a =
            j->attributes[j->batch->term_attributes[i]];
        j->values[i] = a ? catalog_value_find(j->names, a->id,
                                              j->batch->terms[i])
                         : CATALOG_NONE;
    }
}

judge *judge_new(catalog *names, muster_time now, const batch_reader *batch)
{
    judge *j = mem_zalloc(sizeof *j);

    j->names = names;
    j->now = now;
    j->batch = batch;
    j->attributes = mem_array(batch->attribute_count + 1,
                              sizeof *j->attributes);
    j->providers = mem_array(batch->provider_count + 1, sizeof *j->providers);
    j->spaces = mem_array(batch->space_count + 1, sizeof *j->spaces);
    j->guesses = mem_array(batch->attribute_count + 1, sizeof *j->guesses);
    j->values = mem_array(batch->term_count + 1, sizeof *j->values);
    for (uint32_t i = 0; i < batch->attribute_count; i++)
        j->attributes[i] = catalog_attribute_find(names, batch->attributes[i]);
    for (uint32_t i = 0; i < batch->provider_count; i++)
        j->providers[i] = catalog_provider_find(names, batch->providers[i]);
    for (uint32_t i = 0; i < batch->space_count; i++)
        j->spaces[i] = catalog_space_find(names, batch->spaces[i]) != NULL;
    find_values(j);
    return j;
}

void judge_free(judge *j)
{
    mem_free(j->attributes);
    mem_free(j->providers);
    mem_free(j->spaces);
    mem_free(j->guesses);
    mem_free(j->values);
    mem_free(j);
}

const catalog_attribute *judge_attribute(const judge *j, uint32_t number)
{
    return j->attributes[number];
}

muster_text judge_term_text(const judge *j, uint32_t term)
{
    return j->batch->terms[term];
}

uint32_t judge_value(judge *j, uint32_t term, bool intern)
{
    if (j->values[term] != CATALOG_NONE)
        return j->values[term];
    const catalog_attribute *a =
        j->attributes[j->batch->term_attributes[term]];
    const muster_text text = j->batch->terms[term];
    if (!a)
        return CATALOG_NONE;
    j->values[term] = intern
                          ? catalog_value_intern(j->names, a->id, text)
                          : catalog_value_find(j->names, a->id, text);
    return j->values[term];
}

bool judge_number(const catalog_attribute *a, muster_text text, int64_t *out)
{
    muster_day day;
    muster_time time;

    if (a->unit_date) {
        if (clock_parse_date(text, &day)) {
            *out = (int64_t)day * MUSTER_NUMBER_SCALE;
            return true;
        }
        if (clock_parse_time(text, &time)) {
            *out = (int64_t)clock_day_of(time) * MUSTER_NUMBER_SCALE;
            return true;
        }
    }
    return text_parse_number(text, out) == 0;
}

/* ---- refusing ---- */

static const char *section(fact_op op)
{
    switch (op) {
    case FACT_CLEAR:
        return "clear";
    case FACT_REMOVE:
        return "remove";
    case FACT_ADD:
        return "add";
    default:
        return "set";
    }
}

static ingest_reason refuse(const judge *j, const fact *f,
                            ingest_reason reason, ingest_reject *out,
                            const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static ingest_reason refuse(const judge *j, const fact *f,
                            ingest_reason reason, ingest_reject *out,
                            const char *format, ...)
{
    va_list args;

    if (f && f->op == FACT_EVENT) {
        snprintf(out->pointer, sizeof out->pointer, "/events/%u", j->event);
    } else if (f) {
        const muster_text name = j->batch->attributes[f->attribute];
        snprintf(out->pointer, sizeof out->pointer, "/%s/%.*s",
                 section(f->op), (int)name.len, name.ptr);
    }
    va_start(args, format);
    vsnprintf(out->message, sizeof out->message, format, args);
    va_end(args);
    return reason;
}

/* ---- one fact ---- */

/* The kind a fact speaks of; 0 when any will do. */
static attribute_kind spoken_kind(const judge *j, const fact *f)
{
    int64_t number;

    switch (f->op) {
    case FACT_CLEAR:
    case FACT_REMOVE:
    case FACT_WIPE:
        return 0;
    case FACT_REPLACE:
    case FACT_ADD:
        return KIND_MANY_OF;
    case FACT_FLAG:
    case FACT_UNFLAG:
        return KIND_FLAG;
    case FACT_SET:
        return KIND_ONE_OF;
    case FACT_NUMBER:
        return KIND_NUMBER;
    case FACT_EVENT:
        return KIND_EVENT;
    case FACT_TEXT:
        break;
    }
    const muster_text text = j->batch->terms[f->term];
    if (text_is(text, "true") || text_is(text, "false"))
        return KIND_FLAG;
    /* 01234 is a code, not a number */
    const bool code = text.len > 1 && text.ptr[0] == '0' && text.ptr[1] != '.';
    if (!code && text_parse_number(text, &number) == 0)
        return KIND_NUMBER;
    return KIND_ONE_OF;
}

/* Untyped or dated text against a declared kind. */
static ingest_reason judge_text(const judge *j, const catalog_attribute *a,
                                const fact *f, ingest_reject *out)
{
    const muster_text text = j->batch->terms[f->term];
    int64_t number;

    switch (a->kind) {
    case KIND_NUMBER:
        if (f->op == FACT_SET && !a->unit_date)
            break;
        if (judge_number(a, text, &number))
            return INGEST_OK;
        return refuse(j, f, INGEST_BAD_NUMBER, out,
                      a->unit_date ? "the value is neither a date like "
                                     "2026-11-21 nor a number"
                                   : "the value is not a number with at most "
                                     "four decimals below 2^40");
    case KIND_FLAG:
        if (f->op == FACT_TEXT &&
            (text_is(text, "true") || text_is(text, "false")))
            return INGEST_OK;
        break;
    case KIND_ONE_OF:
        return INGEST_OK;
    default:
        break;
    }
    return refuse(j, f, INGEST_WRONG_KIND, out,
                  "the attribute is of kind %s; %s",
                  catalog_kind_name(a->kind),
                  a->kind == KIND_MANY_OF ? "give an array, or use add"
                  : a->kind == KIND_EVENT ? "give it under events"
                                          : "a text does not fit");
}

static ingest_reason judge_event(const judge *j, const catalog_attribute *a,
                                 const fact *f, ingest_reject *out)
{
    const muster_day today = clock_day_of(j->now);

    if (f->has_amount && !a->amount && a->declared)
        return refuse(j, f, INGEST_NO_AMOUNT, out,
                      "the event carries an amount but is not declared to; "
                      "declare \"amount\": true in the catalog file");
    if (f->ts < 0 ||
        clock_day_of(f->ts) <= today - (muster_day)a->retention_days)
        return refuse(j, f, INGEST_BEFORE_RETENTION, out,
                      "the event is older than the attribute's retention of "
                      "%u days", a->retention_days);
    return INGEST_OK;
}

static ingest_reason judge_known(const judge *j, const catalog_attribute *a,
                                 const fact *f, ingest_reject *out)
{
    if (f->op == FACT_CLEAR)
        return INGEST_OK;
    if (f->op == FACT_SET || f->op == FACT_TEXT)
        return judge_text(j, a, f, out);
    if (f->op == FACT_REMOVE) {
        if (a->kind == KIND_MANY_OF || a->kind == KIND_ONE_OF)
            return INGEST_OK;
        return refuse(j, f, INGEST_WRONG_KIND, out,
                      "values are removed from one_of and many_of; the "
                      "attribute is of kind %s: use clear",
                      catalog_kind_name(a->kind));
    }
    if (spoken_kind(j, f) != a->kind)
        return refuse(j, f, INGEST_WRONG_KIND, out,
                      "the attribute is of kind %s, the record speaks of it "
                      "as %s", catalog_kind_name(a->kind),
                      catalog_kind_name(spoken_kind(j, f)));
    return a->kind == KIND_EVENT ? judge_event(j, a, f, out) : INGEST_OK;
}

/* A name the catalog does not know. */
static ingest_reason judge_new_name(judge *j, const fact *f,
                                    ingest_reject *out)
{
    guess *g = &j->guesses[f->attribute];
    const attribute_kind kind = spoken_kind(j, f);

    if (catalog_strict(j->names))
        return refuse(j, f, INGEST_UNKNOWN_ATTRIBUTE, out, "%s",
                      ingest_reason_text(INGEST_UNKNOWN_ATTRIBUTE));
    if (g->record != j->record)
        *g = (guess){0, false, j->record};
    if (kind == 0)
        return INGEST_OK;
    if (g->kind != 0 && g->kind != kind)
        return refuse(j, f, INGEST_WRONG_KIND, out,
                      "the record speaks of the attribute as %s and as %s",
                      catalog_kind_name(g->kind), catalog_kind_name(kind));
    g->kind = kind;
    g->amount |= f->op == FACT_EVENT && f->has_amount;
    if (kind != KIND_EVENT)
        return INGEST_OK;
    const catalog_attribute inferred = catalog_attribute_default(kind);
    fact plain = *f;
    plain.has_amount = false;
    return judge_event(j, &inferred, &plain, out);
}

ingest_reason judge_record(judge *j, const fact_record *record,
                           const fact *facts, uint32_t count,
                           ingest_reject *out)
{
    j->record++;
    if (!j->providers[record->provider] && catalog_strict(j->names)) {
        snprintf(out->pointer, sizeof out->pointer, "/provider");
        return refuse(j, NULL, INGEST_UNKNOWN_PROVIDER, out, "%s",
                      ingest_reason_text(INGEST_UNKNOWN_PROVIDER));
    }
    for (uint32_t i = 0; i < record->id_count; i++) {
        const uint8_t number = record->ids[(size_t)i * 17];
        if (j->spaces[number])
            continue;
        const muster_text space = j->batch->spaces[number];
        snprintf(out->pointer, sizeof out->pointer, "/ids/%.*s",
                 (int)space.len, space.ptr);
        return refuse(j, NULL, INGEST_UNKNOWN_SPACE, out,
                      "the id space is not declared; declare it under "
                      "id_spaces in the catalog file");
    }
    j->event = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (facts[i].op == FACT_WIPE)
            continue;
        const catalog_attribute *a = j->attributes[facts[i].attribute];
        const ingest_reason reason = a ? judge_known(j, a, &facts[i], out)
                                       : judge_new_name(j, &facts[i], out);
        if (reason != INGEST_OK)
            return reason;
        j->event += facts[i].op == FACT_EVENT;
    }
    return INGEST_OK;
}

/* ---- accepting ---- */

/* Infers an attribute, or lets an inferred event carry amounts. */
static ingest_reason infer(judge *j, const fact *f, ingest_reject *out,
                           ingest_receipt *receipt)
{
    const muster_text name = j->batch->attributes[f->attribute];
    const catalog_attribute *old = j->attributes[f->attribute];
    catalog_attribute def;
    muster_error err;

    if (old) {
        if (!f->has_amount || old->amount)
            return INGEST_OK;
        def = *old;
    } else {
        const guess *g = &j->guesses[f->attribute];
        if (g->record != j->record || g->kind == 0)
            return INGEST_OK;
        def = catalog_attribute_default(g->kind);
        def.amount = g->amount;
        if (receipt)
            receipt_unknown_attribute(receipt, name);
    }
    def.amount |= f->has_amount;
    if (catalog_attribute_put(j->names, name, &def,
                              &j->attributes[f->attribute], &err) != 0)
        return refuse(j, f, INGEST_FULL, out, "%.190s", err.message);
    return INGEST_OK;
}

/* Does applying this fact need the number of its value? */
static bool needs_value(const catalog_attribute *a, const fact *f)
{
    if (f->term == FACT_NO_TERM || !a)
        return false;
    return f->op == FACT_ADD || f->op == FACT_EVENT ||
           ((f->op == FACT_SET || f->op == FACT_TEXT) &&
            a->kind == KIND_ONE_OF);
}

ingest_reason judge_accept(judge *j, const fact_record *record,
                           const fact *facts, uint32_t count,
                           const catalog_provider **provider,
                           ingest_reject *out, ingest_receipt *receipt)
{
    muster_error err;

    if (!j->providers[record->provider] &&
        catalog_provider_put(j->names, j->batch->providers[record->provider],
                             PARTY_FIRST, CATALOG_TTL_UNSET, false,
                             &j->providers[record->provider], &err) != 0) {
        snprintf(out->pointer, sizeof out->pointer, "/provider");
        return refuse(j, NULL, INGEST_FULL, out, "%.190s", err.message);
    }
    *provider = j->providers[record->provider];
    j->event = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (facts[i].op == FACT_WIPE)
            continue;
        const ingest_reason reason = infer(j, &facts[i], out, receipt);
        if (reason != INGEST_OK)
            return reason;
        const catalog_attribute *a = j->attributes[facts[i].attribute];
        if (needs_value(a, &facts[i]) &&
            judge_value(j, facts[i].term, true) == CATALOG_NONE)
            return refuse(j, &facts[i], INGEST_FULL, out,
                          "the attribute has no room for another value");
        j->event += facts[i].op == FACT_EVENT;
    }
    return INGEST_OK;
}
