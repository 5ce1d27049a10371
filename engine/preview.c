/*
 * preview.c - what the first records of a dry run would become.
 *
 *   [{"accepted":true,"line":2,"offset":40,"provider":"crm","ts":"...",
 *     "ttl":"30d","ids":["customer"],
 *     "facts":[{"op":"set","attribute":"geo.country","value":"DE"},
 *              {"op":"event","attribute":"purchase","value":"shoes",
 *               "count":1,"amount":19.9,"ts":"..."}]},
 *    {"accepted":false,"line":3,"offset":90,"pointer":"/ts","code":"bad_time",
 *     "message":"..."}]
 *
 * Made from the batch that would be logged, so it shows what would be stored
 * and no more: ids are pseudonyms there, and only their spaces are told.
 * Refused records come where they stood, those of parsing and those of
 * applying.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "preview.h"

#define PREVIEW_BYTES_MAX ((size_t)64 << 20)

void preview_init(preview *p, uint32_t records)
{
    memset(p, 0, sizeof *p);
    buffer_init(&p->text, PREVIEW_BYTES_MAX);
    p->left = records < PREVIEW_RECORDS_MAX ? records : PREVIEW_RECORDS_MAX;
    if (p->left == 0)
        return;
    p->open = true;
    json_begin(&p->out, &p->text, false);
    json_open_array(&p->out);
}

void preview_release(preview *p)
{
    buffer_release(&p->text);
}

const char *preview_end(preview *p)
{
    if (!p->open)
        return p->text.len > 0 ? buffer_cstr(&p->text) : NULL;
    json_close(&p->out);
    p->open = false;
    p->left = 0;
    return buffer_cstr(&p->text);
}

/* ---- what is put ---- */

static void put_time(json_writer *out, const char *key, muster_time t)
{
    char text[32];
    json_key(out, key);
    json_put_text(out, text_make(text, clock_format_time(text, t)));
}

static void begin_record(json_writer *out, bool accepted)
{
    json_open_object(out);
    json_key(out, "accepted");
    json_put_bool(out, accepted);
}

static void put_refused(preview *p, const ingest_reject *r)
{
    begin_record(&p->out, false);
    reject_put_members(r, &p->out);
    json_close(&p->out);
    p->left--;
}

static const char *op_word(fact_op op)
{
    switch (op) {
    case FACT_WIPE:
        return "wipe";
    case FACT_CLEAR:
        return "clear";
    case FACT_REMOVE:
        return "remove";
    case FACT_REPLACE:
        return "replace";
    case FACT_FLAG:
    case FACT_UNFLAG:
    case FACT_SET:
    case FACT_NUMBER:
    case FACT_TEXT:
        return "set";
    case FACT_ADD:
        return "add";
    case FACT_EVENT:
        break;
    }
    return "event";
}

static void put_value(json_writer *out, const batch_reader *r, const fact *f)
{
    if (f->op == FACT_CLEAR || f->op == FACT_REPLACE ||
        (f->op == FACT_EVENT && f->term == FACT_NO_TERM))
        return;
    json_key(out, "value");
    if (f->op == FACT_FLAG || f->op == FACT_UNFLAG)
        json_put_bool(out, f->op == FACT_FLAG);
    else if (f->op == FACT_NUMBER)
        json_put_scaled(out, f->number);
    else
        json_put_text(out, r->terms[f->term]);
}

static void put_fact(json_writer *out, const batch_reader *r, const fact *f)
{
    json_open_object(out);
    json_key(out, "op");
    json_put_str(out, op_word(f->op));
    if (f->op != FACT_WIPE) {
        json_key(out, "attribute");
        json_put_text(out, r->attributes[f->attribute]);
        put_value(out, r, f);
    }
    if (f->op == FACT_EVENT) {
        json_key(out, "count");
        json_put_uint(out, f->count);
        put_time(out, "ts", f->ts);
    }
    if (f->has_amount) {
        json_key(out, "amount");
        json_put_scaled(out, f->amount);
    }
    json_close(out);
}

static void put_ids(json_writer *out, const batch_reader *r,
                    const fact_record *record)
{
    json_key(out, "ids");
    json_open_array(out);
    for (uint32_t i = 0; i < record->id_count; i++)
        json_put_text(
            out, r->spaces[record->ids[i * (1 + sizeof(muster_pseudonym))]]);
    json_close(out);
}

static void put_accepted(preview *p, batch_reader *r, const fact_record *record,
                         record_place place)
{
    json_writer *out = &p->out;
    char ttl[16];
    uint32_t shown = 0;
    fact f;
    begin_record(out, true);
    json_key(out, "line");
    json_put_uint(out, place.line);
    json_key(out, "offset");
    json_put_uint(out, place.offset);
    json_key(out, "provider");
    json_put_text(out, r->providers[record->provider]);
    put_time(out, "ts", record->ts);
    if (record->ttl_hours != CATALOG_TTL_UNSET) {
        json_key(out, "ttl");
        json_put_text(
            out, text_make(ttl, text_format_duration(ttl, record->ttl_hours)));
    }
    put_ids(out, r, record);
    json_key(out, "facts");
    json_open_array(out);
    for (; shown < PREVIEW_FACTS_MAX && batch_next_fact(r, &f); shown++)
        put_fact(out, r, &f);
    json_close(out);
    if (shown < record->fact_count) {
        json_key(out, "facts_more");
        json_put_uint(out, record->fact_count - shown);
    }
    json_close(out);
    p->left--;
}

/* ---- a batch ---- */

static void put_records(preview *p, const flight *f, batch_reader *r)
{
    const fact_batch *b = f->batch;
    size_t parsed = 0;
    size_t applied = 0;
    fact_record record;
    for (uint32_t i = 0; p->left > 0 && batch_next_record(r, &record); i++) {
        while (p->left > 0 && parsed < b->reject_count &&
               b->reject_before[parsed] <= i)
            put_refused(p, &b->rejects[parsed++]);
        if (p->left == 0)
            return;
        if (applied < f->reject_count && f->rejects[applied].number == i)
            put_refused(p, &f->rejects[applied++]);
        else
            put_accepted(p, r, &record, b->places[i]);
    }
    while (p->left > 0 && parsed < b->reject_count)
        put_refused(p, &b->rejects[parsed++]);
}

void preview_add(preview *p, const flight *f)
{
    batch_reader r;
    if (p->left == 0)
        return;
    const int rc =
        batch_open(&r, f->batch->bytes.data, f->batch->bytes.len, NULL);
    ASSERT(rc == 0);
    put_records(p, f, &r);
    batch_close(&r);
}
