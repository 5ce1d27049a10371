/*
 * history_client.c - see history_client.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crash/history_client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "support/dice.h"

typedef struct registers {
    int fd;
    uint32_t client;
    uint64_t opened; /* a reader sees the state of this time; else 0 */
    muster_engine *engine;
    muster_scope *scope;
    muster_segment *bits[HISTORY_CLIENTS][HISTORY_BITS];
} registers;

static void give_up(int fd, const char *what, const muster_error *err)
{
    journal_tell_text(fd, 'E', "%s: %.120s (%s)", what, err->message,
                      err->word);
    _exit(3);
}

static void must(const registers *r, int rc, const muster_error *err,
                 const char *what)
{
    if (rc != 0)
        give_up(r->fd, what, err);
}

static void open_at(const registers *r, const char *dir,
                    muster_open_mode mode, muster_engine **out)
{
    const journal_place place = {dir, NULL, JOURNAL_START, 1u << 20};
    muster_error err;
    must(r, journal_open(out, &place, mode, &err), &err, "open");
}

int history_prepare(const char *dir, muster_error *err)
{
    const journal_place place = {dir, NULL, JOURNAL_START, 0};
    muster_engine *engine;
    buffer text;

    int rc = journal_open(&engine, &place, MUSTER_OPEN_CREATE, err);
    if (rc != 0)
        return rc;
    buffer_init(&text, 1u << 16);
    buffer_put_str(&text, "{\"attributes\":{");
    for (uint32_t i = 0; i < HISTORY_CLIENTS; i++)
        buffer_printf(&text, "\"h%u\":{\"kind\":\"flag\"},", i);
    for (uint32_t i = 0; i < HISTORY_BITS; i++)
        buffer_printf(&text, "%s\"b%u\":{\"kind\":\"flag\"}", i ? "," : "", i);
    buffer_put_str(&text, "}}");
    rc = muster_catalog_apply(engine, (const char *)text.data, text.len, err);
    buffer_release(&text);
    muster_engine_close(engine);
    return rc;
}

/* ---- reading ---- */

static void registers_open(registers *r)
{
    muster_error err;
    char expr[32];

    must(r, muster_scope_new(&r->scope, "test", MUSTER_PURPOSE_ANALYSIS, NULL,
                             &err), &err, "scope");
    for (uint32_t i = 0; i < HISTORY_CLIENTS; i++)
        for (uint32_t b = 0; b < HISTORY_BITS; b++) {
            snprintf(expr, sizeof expr, "h%u and b%u", i, b);
            must(r, muster_segment_compile(&r->bits[i][b], r->engine,
                                           r->scope, expr, strlen(expr),
                                           &err), &err, "compile");
        }
}

static void registers_close(registers *r)
{
    for (uint32_t i = 0; i < HISTORY_CLIENTS; i++)
        for (uint32_t b = 0; b < HISTORY_BITS; b++)
            muster_segment_free(r->bits[i][b]);
    muster_scope_free(r->scope);
}

static void read_register(const registers *r, uint32_t which)
{
    const uint64_t before = r->opened ? r->opened : clock_monotonic_ns();
    muster_overlap *answer;
    muster_error err;
    uint64_t value = 0;

    must(r, muster_reach_overlap(r->bits[which], HISTORY_BITS, &answer, &err),
         &err, "overlap");
    for (uint32_t b = 0; b < HISTORY_BITS; b++)
        value |= answer->counts[b * HISTORY_BITS + b] << b;
    const muster_epoch epoch = answer->epoch;
    muster_overlap_free(answer);
    if (epoch > muster_engine_epoch(r->engine)) {
        journal_tell_text(r->fd, 'E', "an answer of epoch %llu comes before "
                          "its time", (unsigned long long)epoch);
        _exit(3);
    }
    journal_tell(r->fd, 'r', r->client, which, epoch, before, value);
}

/* ---- the writer ---- */

typedef struct client {
    int fd;
    uint32_t number;
    uint64_t next;
    muster_engine *engine;
} client;

static void write_register(const client *c, uint64_t value)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_receipt receipt;
    muster_error err;
    buffer text;

    options.format = MUSTER_INPUT_NDJSON;
    options.ack = value % 4 ? MUSTER_ACK_APPLIED : MUSTER_ACK_DURABLE;
    buffer_init(&text, 4096);
    buffer_printf(&text, "{\"ids\":{\"cookie\":\"h%u\"},\"set\":{\"h%u\":true",
                  c->number, c->number);
    for (uint32_t b = 0; b < HISTORY_BITS; b++)
        buffer_printf(&text, ",\"b%u\":%s", b,
                      value >> b & 1 ? "true" : "false");
    buffer_put_str(&text, "}}\n");
    journal_tell(c->fd, 'b', c->number, value, 0, 0, 0);
    if (muster_ingest(c->engine, &options, text.data, text.len, &receipt,
                      NULL, &err) != 0)
        give_up(c->fd, "write", &err);
    journal_tell(c->fd, 'w', c->number, value, receipt.epoch,
                 clock_monotonic_ns(), options.ack);
    buffer_release(&text);
}

static void *run_client(void *payload)
{
    client *c = payload;
    registers r = {.fd = c->fd, .client = c->number, .engine = c->engine};
    random_state random;
    muster_error err;

    random_seed(&random, c->next * HISTORY_CLIENTS + c->number);
    registers_open(&r);
    for (;; c->next++) {
        ASSERT(c->next >> HISTORY_BITS == 0);
        write_register(c, c->next);
        read_register(&r, c->number);
        read_register(&r, dice(&random, HISTORY_CLIENTS));
        if (c->number != 0 || c->next % 32 != 0)
            continue;
        must(&r, muster_engine_checkpoint(c->engine, &err), &err,
             "checkpoint");
        journal_tell(c->fd, 'c', 0, 0, 0, 0, 0);
    }
    return NULL;
}

/* Until it is killed. */
int history_writer(int argc, char **argv)
{
    client clients[HISTORY_CLIENTS];
    pthread_t threads[HISTORY_CLIENTS];
    registers r = {0};
    muster_engine *engine;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc != 2 + (int)HISTORY_CLIENTS)
        return 2;
    r.fd = (int)journal_number(argv[0]);
    open_at(&r, argv[1], MUSTER_OPEN_WRITE, &engine);
    for (uint32_t i = 0; i < HISTORY_CLIENTS; i++) {
        clients[i] = (client){r.fd, i, journal_number(argv[2 + i]),
                              engine};
        threads[i] = thread_start(run_client, &clients[i]);
    }
    for (uint32_t i = 0; i < HISTORY_CLIENTS; i++)
        thread_join(threads[i]);
    return 0;
}

/* Until it is killed. */
int history_reader(int argc, char **argv)
{
    registers r = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc != 3)
        return 2;
    r.fd = (int)journal_number(argv[0]);
    r.client = HISTORY_CLIENTS + (uint32_t)journal_number(argv[2]);
    for (;;) {
        r.opened = clock_monotonic_ns();
        open_at(&r, argv[1], MUSTER_OPEN_READ, &r.engine);
        registers_open(&r);
        for (uint32_t i = 0; i < HISTORY_CLIENTS; i++)
            read_register(&r, i);
        registers_close(&r);
        muster_engine_close(r.engine);
    }
}
