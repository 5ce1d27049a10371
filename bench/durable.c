/*
 * durable.c - records, engines and delays for the benches of durability.
 *
 * The interests of a record are v, v + 37, v + 74 ... of a drawn v, modulo
 * DURABLE_VALUES: all different, each as frequent as any other, and one draw
 * a record, so that making text does not take longer than reading it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* getloadavg */
#include "durable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FACTS_RECORD 5u
#define VALUE_STEP 37u
#define PIECE ((size_t)1 << 20)
#define BODY_BYTES_MAX ((size_t)64 << 20)
#define LOG_BYTES ((uint64_t)64 << 30)

/* ---- records ---- */

void durable_crowd_init(durable_crowd *c, uint64_t first, uint64_t users)
{
    c->first = first;
    c->users = users;
    c->known = mem_zalloc(users / 8 + 1);
    c->marked = mem_zalloc(users / 8 + 1);
}

void durable_crowd_release(durable_crowd *c)
{
    mem_free(c->known);
    mem_free(c->marked);
    c->known = c->marked = NULL;
}

uint64_t durable_count(const durable_crowd *c, const uint8_t *bits)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i <= c->users / 8; i++)
        n += (uint64_t)__builtin_popcount(bits[i]);
    return n;
}

static void set_bit(uint8_t *bits, uint64_t i)
{
    if (bits)
        bits[i / 8] |= (uint8_t)(1u << (i % 8));
}

static void put_number(buffer *out, uint64_t n)
{
    char digits[20];
    size_t i = sizeof digits;

    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    buffer_put(out, digits + i, sizeof digits - i);
}

void durable_record(buffer *out, const durable_crowd *c, uint64_t user,
                    uint32_t facts, random_state *random)
{
    uint32_t value = (uint32_t)random_below(random, DURABLE_VALUES);

    ASSERT(user < c->users && facts > 0);
    set_bit(c->known, user);
    buffer_put_str(out, "{\"ids\":{\"cookie\":\"c");
    put_number(out, c->first + user);
    buffer_put_str(out, "\"},\"add\":{\"interest\":[");
    for (uint32_t i = 0; i < facts; i++) {
        buffer_put_str(out, i ? ",\"v" : "\"v");
        put_number(out, value);
        buffer_put_str(out, "\"");
        if (value == DURABLE_MARK)
            set_bit(c->marked, user);
        value = (value + VALUE_STEP) % DURABLE_VALUES;
    }
    buffer_put_str(out, "]}}\n");
}

void durable_body(buffer *out, const durable_crowd *c, uint64_t seed,
                  uint32_t facts)
{
    random_state random;

    random_seed(&random, seed);
    buffer_init(out, BODY_BYTES_MAX);
    while (facts > 0) {
        const uint32_t n = facts < FACTS_RECORD ? facts : FACTS_RECORD;
        durable_record(out, c, random_below(&random, c->users), n, &random);
        facts -= n;
    }
    ASSERT(buffer_ok(out));
}

/* ---- an engine ---- */

muster_engine *durable_open(const char *dir, muster_open_mode mode)
{
    static const char catalog[] =
        "{\"attributes\": {\"interest\": {\"kind\": \"many_of\"},"
        " \"probe\": {\"kind\": \"many_of\"}}}";
    muster_error err;
    muster_engine *e;
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;

    options.data_dir = dir;
    options.mode = mode;
    options.now = BENCH_NOW;
    options.log_bytes = LOG_BYTES;
    bench_must(muster_engine_open(&e, &options, &err), "open", &err);
    if (mode == MUSTER_OPEN_CREATE)
        bench_must(muster_catalog_apply(e, catalog, strlen(catalog), &err),
                   "catalog", &err);
    return e;
}

void durable_populate(muster_engine *e, const durable_crowd *c,
                      uint32_t facts_user, uint64_t seed)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_error err;
    muster_feed *feed;
    random_state random;
    buffer piece;

    random_seed(&random, seed);
    buffer_init(&piece, BODY_BYTES_MAX);
    options.format = MUSTER_INPUT_NDJSON;
    bench_must(muster_feed_open(&feed, e, &options, &err), "feed", &err);
    for (uint64_t user = 0; user < c->users; user++) {
        durable_record(&piece, c, user, facts_user, &random);
        if (piece.len < PIECE && user + 1 < c->users)
            continue;
        bench_must(muster_feed_push(feed, piece.data, piece.len, &err), "push",
                   &err);
        buffer_clear(&piece);
    }
    bench_must(muster_feed_finish(feed, &err), "finish", &err);
    muster_feed_free(feed);
    buffer_release(&piece);
    bench_must(muster_engine_checkpoint(e, &err), "checkpoint", &err);
}

void durable_ingest(muster_engine *e, const buffer *body, muster_ack ack)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_receipt receipt;
    muster_error err;

    options.format = MUSTER_INPUT_NDJSON;
    options.ack = ack;
    bench_must(
        muster_ingest(e, &options, body->data, body->len, &receipt, NULL, &err),
        "ingest", &err);
    ASSERT(receipt.rejected == 0 && receipt.accepted > 0);
}

muster_segment *durable_compile(muster_engine *e, const char *text)
{
    muster_scope *viewer;
    muster_segment *s;
    muster_error err;

    bench_must(
        muster_scope_new(&viewer, "bench", MUSTER_PURPOSE_ANALYSIS, NULL, &err),
        "scope", &err);
    bench_must(muster_segment_compile(&s, e, viewer, text, strlen(text), &err),
               text, &err);
    muster_scope_free(viewer);
    return s;
}

uint64_t durable_ask(muster_engine *e, const char *text)
{
    muster_segment *s = durable_compile(e, text);
    muster_count *count;
    muster_error err;

    bench_must(muster_segment_count(s, false, &count, &err), text, &err);
    const uint64_t n = count->count;
    muster_count_free(count);
    muster_segment_free(s);
    return n;
}

muster_engine_stats durable_stats(muster_engine *e)
{
    muster_engine_stats stats;
    muster_engine_stats_get(e, &stats);
    return stats;
}

/* ---- delays ---- */

/* Below 64 each number has its bucket; then each power of two has 64. */
static size_t bucket_of(uint64_t ns)
{
    if (ns < DELAY_STEPS)
        return ns;
    const unsigned shift = 57u - (unsigned)__builtin_clzll(ns);
    return (shift + 1) * DELAY_STEPS + (ns >> shift) - DELAY_STEPS;
}

static uint64_t bucket_middle(size_t i)
{
    if (i < DELAY_STEPS)
        return i;
    const unsigned shift = (unsigned)(i / DELAY_STEPS) - 1;
    const uint64_t least = (uint64_t)(i % DELAY_STEPS + DELAY_STEPS) << shift;
    return least + (((uint64_t)1 << shift) >> 1);
}

void delays_add(delays *d, uint64_t ns)
{
    d->count++;
    d->slow += ns > DELAY_SLOW_NS;
    d->most = ns > d->most ? ns : d->most;
    d->buckets[bucket_of(ns)]++;
}

void delays_merge(delays *into, const delays *from)
{
    into->count += from->count;
    into->slow += from->slow;
    into->most = from->most > into->most ? from->most : into->most;
    for (size_t i = 0; i < DELAY_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t delays_at(const delays *d, double share)
{
    const double wanted = share * (double)d->count;
    uint64_t seen = 0;

    for (size_t i = 0; i < DELAY_BUCKETS; i++) {
        seen += d->buckets[i];
        if (d->buckets[i] > 0 && (double)seen >= wanted) {
            const uint64_t ns = bucket_middle(i);
            return ns < d->most ? ns : d->most;
        }
    }
    return d->most;
}

void durable_nap(uint64_t ns)
{
    const struct timespec t = {(time_t)(ns / 1000000000u),
                               (long)(ns % 1000000000u)};
    nanosleep(&t, NULL);
}

double durable_load_average(void)
{
    double load = 0;
    return getloadavg(&load, 1) == 1 ? load : 0;
}
