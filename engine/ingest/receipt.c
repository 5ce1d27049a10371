/*
 * receipt.c - the reasons in words, what a load counts, and both as JSON in
 * the shapes of CONTRACT.md.
 *
 * The first RECEIPT_ERRORS_MAX rejects are kept for the receipt, all are
 * counted. Reasons that did not occur are left out of the JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest.h"

#include <stdio.h>

const char *ingest_reason_word(ingest_reason r)
{
    switch (r) {
#define REASON_WORD(symbol, word, text)                                        \
    case INGEST_##symbol:                                                      \
        return word;
        INGEST_REASON_LIST(REASON_WORD)
#undef REASON_WORD
    case INGEST_OK:
    case INGEST_REASON_COUNT:
        break;
    }
    return "ok";
}

const char *ingest_reason_text(ingest_reason r)
{
    switch (r) {
#define REASON_TEXT(symbol, word, text)                                        \
    case INGEST_##symbol:                                                      \
        return text;
        INGEST_REASON_LIST(REASON_TEXT)
#undef REASON_TEXT
    case INGEST_OK:
    case INGEST_REASON_COUNT:
        break;
    }
    return "accepted";
}

void receipt_init(ingest_receipt *r)
{
    ASSERT(r != NULL);
    memset(r, 0, offsetof(ingest_receipt, errors));
}

void receipt_release(ingest_receipt *r)
{
    for (size_t i = 0; i < r->unknown_attribute_count; i++)
        mem_free(r->unknown_attributes[i]);
    tally_release(&r->tally);
    memset(r, 0, offsetof(ingest_receipt, errors));
}

void receipt_reject(ingest_receipt *r, const ingest_reject *reject)
{
    ASSERT(reject->reason > INGEST_OK && reject->reason < INGEST_REASON_COUNT);
    r->records++;
    r->rejected++;
    r->reasons[reject->reason]++;
    if (r->error_count < RECEIPT_ERRORS_MAX)
        r->errors[r->error_count++] = *reject;
    else
        r->errors_truncated = true;
}

void receipt_unknown_attribute(ingest_receipt *r, muster_text name)
{
    for (size_t i = 0; i < r->unknown_attribute_count; i++)
        if (text_is(name, r->unknown_attributes[i]))
            return;
    if (r->unknown_attribute_count < RECEIPT_UNKNOWN_MAX)
        r->unknown_attributes[r->unknown_attribute_count++] =
            mem_strndup(name.ptr, name.len);
}

static bool same_source(const muster_derive_source *a,
                        const muster_derive_source *b)
{
    return a->built == b->built && strcmp(a->kind, b->kind) == 0 &&
           strcmp(a->type, b->type) == 0;
}

void receipt_source(ingest_receipt *r, const muster_derive_source *source)
{
    for (size_t i = 0; i < r->source_count; i++)
        if (same_source(&r->sources[i], source))
            return;
    if (r->source_count < RECEIPT_SOURCES_MAX)
        r->sources[r->source_count++] = *source;
}

void receipt_drop_rows(ingest_receipt *r, const char *word, uint64_t count)
{
    size_t i = 0;
    while (i < r->drop_count && strcmp(r->drops[i].word, word) != 0)
        i++;
    if (count == 0 || i == RECEIPT_DROPS_MAX)
        return;
    if (i == r->drop_count) {
        r->drops[r->drop_count++].count = 0;
        snprintf(r->drops[i].word, sizeof r->drops[i].word, "%s", word);
    }
    r->drops[i].count += count;
}

static void put_uint(json_writer *out, const char *key, uint64_t v)
{
    json_key(out, key);
    json_put_uint(out, v);
}

static void put_reasons(const ingest_receipt *r, json_writer *out)
{
    json_key(out, "reasons");
    json_open_object(out);
    for (int i = INGEST_OK + 1; i < INGEST_REASON_COUNT; i++)
        if (r->reasons[i] > 0)
            put_uint(out, ingest_reason_word((ingest_reason)i), r->reasons[i]);
    json_close(out);
}

static uint64_t fact_count(const ingest_receipt *r)
{
    return r->facts_flag + r->facts_one_of + r->facts_many_of +
           r->facts_number + r->facts_event + r->facts_unset;
}

static void put_facts(const ingest_receipt *r, json_writer *out)
{
    json_key(out, "facts");
    json_open_object(out);
    put_uint(out, "flag", r->facts_flag);
    put_uint(out, "one_of", r->facts_one_of);
    put_uint(out, "many_of", r->facts_many_of);
    put_uint(out, "number", r->facts_number);
    put_uint(out, "event", r->facts_event);
    put_uint(out, "unset", r->facts_unset);
    json_close(out);
}

static void put_sources(const ingest_receipt *r, json_writer *out)
{
    char time[32];
    json_key(out, "sources");
    json_open_array(out);
    for (size_t i = 0; i < r->source_count; i++) {
        json_open_object(out);
        json_key(out, "kind");
        json_put_str(out, r->sources[i].kind);
        json_key(out, "type");
        json_put_str(out, r->sources[i].type);
        if (r->sources[i].built != 0) {
            clock_format_time(time, r->sources[i].built);
            json_key(out, "built");
            json_put_str(out, time);
        }
        json_close(out);
    }
    json_close(out);
}

/* ---- what a dialect counts ---- */

/* The receipt that Audience Manager sends (Adobe, "Sample Message to Partners
 * after Inbound Processing"), as far as its lines have a meaning here: ids
 * need no match, every signal is kept. */
static void put_aam(const ingest_receipt *r, json_writer *out)
{
    const uint64_t ids = tally_get(&r->tally, "invalid_aam_id") +
                         tally_get(&r->tally, "invalid_device_id");
    put_uint(out, "records_received", r->records);
    put_uint(out, "format_errors", r->rejected > ids ? r->rejected - ids : 0);
    put_uint(out, "records_processed", r->records);
    put_uint(out, "stored_records", r->accepted);
}

/* A group of names `group/...` is a member of its own. */
static size_t put_tally_item(const ingest_tally *t, size_t i, json_writer *out)
{
    const char *name = t->items[i].name;
    const char *slash = strchr(name, '/');
    if (slash == NULL) {
        put_uint(out, name, t->items[i].count);
        return i + 1;
    }
    const size_t len = (size_t)(slash - name) + 1;
    json_key_text(out, text_make(name, len - 1));
    json_open_object(out);
    for (; i < t->count && strncmp(t->items[i].name, name, len) == 0; i++)
        put_uint(out, t->items[i].name + len, t->items[i].count);
    json_close(out);
    return i;
}

static void put_tally(const ingest_receipt *r, json_writer *out)
{
    const ingest_tally *t = &r->tally;
    if (t->dialect == NULL)
        return;
    json_key(out, t->dialect);
    json_open_object(out);
    if (strcmp(t->dialect, "aam") == 0)
        put_aam(r, out);
    for (size_t i = 0; i < t->count;)
        i = put_tally_item(t, i, out);
    json_close(out);
}

static uint64_t per_second(uint64_t count, double seconds)
{
    return seconds > 0 ? (uint64_t)((double)count / seconds) : 0;
}

static void put_speed(const ingest_receipt *r, json_writer *out)
{
    /* Milliseconds are as exact as anybody reads. */
    json_key(out, "seconds");
    json_put_double(out, (double)(uint64_t)(r->seconds * 1000 + 0.5) / 1000);
    put_uint(out, "records_per_s",
             per_second(r->records - r->records_before, r->seconds));
    put_uint(out, "facts_per_s",
             per_second(fact_count(r) - r->facts_before, r->seconds));
    put_uint(out, "bytes", r->bytes);
}

void reject_put_members(const ingest_reject *r, json_writer *out)
{
    put_uint(out, "line", r->place.line);
    put_uint(out, "offset", r->place.offset);
    json_key(out, "pointer");
    json_put_str(out, r->pointer);
    json_key(out, "code");
    json_put_str(out, ingest_reason_word(r->reason));
    json_key(out, "message");
    json_put_str(out, r->message);
}

void reject_to_json(const ingest_reject *r, json_writer *out)
{
    json_open_object(out);
    reject_put_members(r, out);
    json_close(out);
}

/* Only where a mapping has left rows out. */
static void put_drops(const ingest_receipt *r, json_writer *out)
{
    if (r->drop_count == 0)
        return;
    json_key(out, "dropped");
    json_open_object(out);
    for (size_t i = 0; i < r->drop_count; i++)
        put_uint(out, r->drops[i].word, r->drops[i].count);
    json_close(out);
}

void receipt_to_json(const ingest_receipt *r, json_writer *out)
{
    json_open_object(out);
    put_uint(out, "records", r->records);
    put_uint(out, "accepted", r->accepted);
    put_uint(out, "rejected", r->rejected);
    put_reasons(r, out);
    put_facts(r, out);
    put_uint(out, "users_new", r->users_new);
    put_uint(out, "conflicts", r->conflicts);
    json_key(out, "unknown_attributes");
    json_open_array(out);
    for (size_t i = 0; i < r->unknown_attribute_count; i++)
        json_put_str(out, r->unknown_attributes[i]);
    json_close(out);
    if (r->source_count > 0)
        put_sources(r, out);
    put_drops(r, out);
    if (r->preview != NULL) {
        json_key(out, "preview");
        json_put_raw(out, text_of(r->preview));
    }
    put_tally(r, out);
    put_speed(r, out);
    json_key(out, "load_id");
    json_put_str(out, r->load_id);
    put_uint(out, "epoch", r->epoch);
    if (r->resumed > 0)
        put_uint(out, "resumed", r->resumed);
    if (r->repeated) {
        json_key(out, "repeated");
        json_put_bool(out, true);
    }
    json_key(out, "errors");
    json_open_array(out);
    for (size_t i = 0; i < r->error_count; i++)
        reject_to_json(&r->errors[i], out);
    json_close(out);
    json_key(out, "errors_truncated");
    json_put_bool(out, r->errors_truncated);
    json_close(out);
}
