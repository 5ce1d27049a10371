/*
 * durable_sqlite.c - the peers of durable/ack: SQLite alone, in the settings
 * of the engine's own store (WAL, synchronous=FULL, pages of 16 KiB), with
 * SQLite's own checkpoint after 1,000 pages. A batch is one row, its text as a
 * blob: nothing is parsed and nothing can be asked.
 *
 *   sqlite         threads take turns by a lock; one commit a batch
 *   sqlite-group   who comes while nobody commits takes all that wait and
 *                  commits for them; then the first of those who came
 *                  meanwhile does the same
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "durable.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct waiter {
    const buffer *body;
    pthread_cond_t wake;
    bool over;  /* it is durable */
    bool leads; /* it is this one's turn to commit */
    struct waiter *next;
} waiter;

typedef struct peer {
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *insert;
    sqlite3_stmt *commit;
    pthread_mutex_t lock;
    bool led; /* sqlite-group: somebody commits */
    waiter *first;
    waiter **end;
} peer;

static void must(const peer *p, bool well)
{
    if (well)
        return;
    fprintf(stderr, "muster-bench: SQLite: %s\n", sqlite3_errmsg(p->db));
    exit(1);
}

static sqlite3_stmt *prepare(const peer *p, const char *text)
{
    sqlite3_stmt *s;
    must(p, sqlite3_prepare_v2(p->db, text, -1, &s, NULL) == SQLITE_OK);
    return s;
}

static void step(const peer *p, sqlite3_stmt *s)
{
    must(p, sqlite3_step(s) == SQLITE_DONE);
    sqlite3_reset(s);
}

static peer *peer_open(const char *path)
{
    static const char settings[] =
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL;"
        "PRAGMA synchronous = FULL;"
        "CREATE TABLE IF NOT EXISTS"
        " log(seq INTEGER PRIMARY KEY, body BLOB NOT NULL);";
    peer *p = mem_zalloc(sizeof *p);

    must(p, sqlite3_open(path, &p->db) == SQLITE_OK);
    must(p, sqlite3_exec(p->db, settings, NULL, NULL, NULL) == SQLITE_OK);
    pthread_mutex_init(&p->lock, NULL);
    p->end = &p->first;
    return p;
}

static void *store_open(const char *path)
{
    peer *p = peer_open(path);
    p->begin = prepare(p, "BEGIN IMMEDIATE");
    p->insert = prepare(p, "INSERT INTO log(body) VALUES(?1)");
    p->commit = prepare(p, "COMMIT");
    return p;
}

static void store_close(void *store)
{
    peer *p = store;
    sqlite3_finalize(p->begin);
    sqlite3_finalize(p->insert);
    sqlite3_finalize(p->commit);
    sqlite3_close(p->db);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

static void insert(const peer *p, const buffer *body)
{
    must(p, sqlite3_bind_blob64(p->insert, 1, body->data, body->len,
                                SQLITE_STATIC) == SQLITE_OK);
    step(p, p->insert);
}

static void commit_alone(void *store, const buffer *body)
{
    peer *p = store;
    pthread_mutex_lock(&p->lock);
    step(p, p->begin);
    insert(p, body);
    step(p, p->commit);
    pthread_mutex_unlock(&p->lock);
}

/* Commits for everybody who waits; the lock is let go meanwhile. */
static void lead(peer *p)
{
    waiter *group = p->first;

    p->led = true;
    p->first = NULL;
    p->end = &p->first;
    pthread_mutex_unlock(&p->lock);
    step(p, p->begin);
    for (const waiter *w = group; w; w = w->next)
        insert(p, w->body);
    step(p, p->commit);
    pthread_mutex_lock(&p->lock);
    while (group) {
        waiter *w = group;
        group = w->next; /* it may go once it is told */
        w->over = true;
        pthread_cond_signal(&w->wake);
    }
    p->led = p->first != NULL;
    if (p->first) {
        p->first->leads = true;
        pthread_cond_signal(&p->first->wake);
    }
}

static void commit_group(void *store, const buffer *body)
{
    peer *p = store;
    waiter me = {.body = body, .wake = PTHREAD_COND_INITIALIZER};

    pthread_mutex_lock(&p->lock);
    *p->end = &me;
    p->end = &me.next;
    me.leads = !p->led;
    while (!me.over && !me.leads)
        pthread_cond_wait(&me.wake, &p->lock);
    if (!me.over)
        lead(p);
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&me.wake);
}

static bool check(const char *path, const durable_sent *sent)
{
    peer *p = peer_open(path);
    sqlite3_stmt *s =
        prepare(p, "SELECT count(*), coalesce(sum(length(body)), 0) FROM log");

    must(p, sqlite3_step(s) == SQLITE_ROW);
    const bool ok = (uint64_t)sqlite3_column_int64(s, 0) == sent->commits &&
                    (uint64_t)sqlite3_column_int64(s, 1) == sent->bytes;
    sqlite3_finalize(s);
    store_close(p);
    return ok;
}

const durable_way durable_sqlite = {"sqlite", store_open, commit_alone,
                                    store_close, check};
const durable_way durable_sqlite_group = {"sqlite-group", store_open,
                                          commit_group, store_close, check};
