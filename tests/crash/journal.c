/*
 * journal.c - acts of crash tests: drawn from a seed, and done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* nftw */
#include "crash/journal.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "support/dice.h"

/* ---- drawing ---- */

static void seed_for(random_state *r, uint64_t seed, uint32_t worker,
                     uint64_t number, uint32_t part)
{
    random_seed(r, hash_mix(seed ^ hash_mix(number * JOURNAL_WORKERS + worker +
                                            1)) + part);
}

void journal_cookie(uint32_t worker, uint32_t user, char *out)
{
    snprintf(out, 24, "w%u-u%u", worker, user);
}

void journal_customer(uint32_t worker, uint32_t user, char *out)
{
    snprintf(out, 24, "w%u-c%u", worker, user);
}

static void name_segment(journal_act *out, uint32_t segment)
{
    out->segment = segment;
    snprintf(out->key, sizeof out->key, "w%u-s%u", out->worker, segment);
}

void journal_first_save(uint32_t worker, uint32_t segment, journal_act *out)
{
    *out = (journal_act){.kind = ACT_SAVE, .worker = worker};
    name_segment(out, segment);
    snprintf(out->expr, sizeof out->expr, "flag");
}

/* Every fourth act of a segment removes it; no two in a row are the same. */
static void draw_segment(journal_act *out, uint64_t turn)
{
    const uint64_t round = turn / JOURNAL_KEYS;

    name_segment(out, (uint32_t)(turn % JOURNAL_KEYS));
    out->kind = round % 4 == 3 ? ACT_REMOVE : ACT_SAVE;
    snprintf(out->expr, sizeof out->expr,
             "city = \"v%llu\" and score >= %llu",
             (unsigned long long)(round % 6), (unsigned long long)round);
}

/* First all of a few users opt out, one after another, then all come back. */
static void draw_optout(journal_act *out, uint64_t turn)
{
    const uint64_t few = JOURNAL_USERS / 10;

    out->user = (uint32_t)(turn % few * 10 + 3);
    out->kind = turn / few % 2 == 0 ? ACT_OPTOUT : ACT_UNDO;
}

void journal_act_draw(uint64_t seed, uint32_t worker, uint64_t number,
                      journal_act *out)
{
    random_state r;

    seed_for(&r, seed, worker, number, UINT32_MAX);
    *out = (journal_act){.kind = ACT_INGEST, .worker = worker,
                         .number = number};
    switch (number % 16) {
    case 5:
        draw_optout(out, number / 16);
        return;
    case 9:
        draw_segment(out, number / 16);
        return;
    case 13:
        if (number / 16 % 4 == worker % 4) {
            out->kind = number / 64 % 4 ? ACT_CHECKPOINT : ACT_SNAPSHOT;
            return;
        }
        break;
    case 0:
    case 7:
        out->kind = ACT_FEED;
        break;
    default:
        break;
    }
    out->records = 1 + dice(&r, out->kind == ACT_FEED ? JOURNAL_RECORDS_MAX
                                                      : 6);
    snprintf(out->load_id, sizeof out->load_id, "act-%u-%llu", worker,
             (unsigned long long)number);
}

static void draw_events(random_state *r, journal_record *out)
{
    out->event_count = dice(r, 4);
    for (uint32_t i = 0; i < out->event_count; i++)
        out->events[i] = (journal_event){
            .hourly = chance(r, 30),
            .value = chance(r, 20) ? -1 : (int)dice(r, 4),
            .count = 1 + dice(r, 3),
            .ts = JOURNAL_START - dice(r, 2 * 86400),
        };
}

static int maybe(random_state *r, uint32_t percent, uint32_t bound)
{
    return chance(r, percent) ? (int)dice(r, bound) : -1;
}

/* Those who never opt out are the nine of each ten whose last digit is not
 * 3; consecutive places are different ones of them. */
static uint32_t steady_user(uint32_t place)
{
    place %= JOURNAL_USERS / 10 * 9;
    return place / 9 * 10 + place % 9 + (place % 9 >= 3);
}

/* A feed, which may be there in part, is followed by what its users can be
 * asked for; so it has users who are never masked, and `pos` never runs out.
 * A one-shot is there whole or not at all: only its last record must be so. */
void journal_record_draw(uint64_t seed, const journal_act *a, uint32_t i,
                         journal_record *out)
{
    const bool hidden = a->kind == ACT_INGEST && i + 1 < a->records;
    random_state r;

    seed_for(&r, seed, a->worker, a->number, UINT32_MAX);
    const uint32_t first = dice(&r, JOURNAL_USERS);
    seed_for(&r, seed, a->worker, a->number, i);
    *out = (journal_record){
        .worker = a->worker,
        .user = hidden && chance(&r, 40) ? dice(&r, JOURNAL_USERS / 10) * 10 + 3
                                         : steady_user(first + i),
        .customer = chance(&r, 30),
        .lease = chance(&r, 30),
        .ts = JOURNAL_START - dice(&r, 2 * 86400),
        .pos = (int64_t)(a->number * JOURNAL_RECORDS_MAX + i),
    };
    if (hidden && chance(&r, 40))
        out->ttl_hours = 36 + dice(&r, 60);
    out->flag = maybe(&r, 50, 3) > 0 ? 1 : maybe(&r, 10, 1);
    out->city = maybe(&r, 50, 6);
    out->score = maybe(&r, 40, 800);
    out->tag = maybe(&r, 40, 4);
    out->untag = maybe(&r, 15, 4);
    out->clear_city = chance(&r, 5);
    out->hold = maybe(&r, 30, 3);
    out->hold_day = chance(&r, 30);
    out->note = chance(&r, 3) ? (int64_t)(a->number / 256) : -1;
    draw_events(&r, out);
}

/* ---- writing ---- */

static void write_set(const journal_record *r, buffer *out)
{
    buffer_printf(out, ",\"set\":{\"pos.w%u\":%lld", r->worker,
                  (long long)r->pos);
    if (r->flag >= 0)
        buffer_printf(out, ",\"flag\":%s", r->flag ? "true" : "false");
    if (r->city >= 0)
        buffer_printf(out, ",\"city\":\"v%d\"", r->city);
    if (r->score >= 0)
        buffer_printf(out, ",\"score\":%d.%02d", r->score / 4,
                      r->score % 4 * 25);
    if (r->hold >= 0)
        buffer_printf(out, ",\"hold.short\":\"h%d\"", r->hold);
    if (r->hold_day)
        buffer_put_str(out, ",\"hold.day\":true");
    if (r->note >= 0)
        buffer_printf(out, ",\"note.w%u.n%lld\":\"x\"", r->worker,
                      (long long)r->note);
    buffer_put_str(out, "}");
}

static void write_events(const journal_record *r, buffer *out)
{
    buffer_put_str(out, ",\"events\":[");
    for (uint32_t i = 0; i < r->event_count; i++) {
        const journal_event *e = &r->events[i];
        buffer_printf(out, "%s{\"name\":\"%s\",\"count\":%u,\"ts\":%lld",
                      i ? "," : "", e->hourly ? "hit" : "ev", e->count,
                      (long long)e->ts);
        if (e->value >= 0)
            buffer_printf(out, ",\"value\":\"e%d\"", e->value);
        buffer_put_str(out, "}");
    }
    buffer_put_str(out, "]");
}

void journal_record_write(const journal_record *r, buffer *out)
{
    char cookie[24], customer[24];

    journal_cookie(r->worker, r->user, cookie);
    journal_customer(r->worker, r->user, customer);
    buffer_printf(out, "{\"ids\":{\"cookie\":\"%s\"", cookie);
    if (r->customer)
        buffer_printf(out, ",\"customer\":\"%s\"", customer);
    buffer_printf(out, "},\"ts\":%lld", (long long)r->ts);
    if (r->lease)
        buffer_put_str(out, ",\"provider\":\"lease\"");
    if (r->ttl_hours)
        buffer_printf(out, ",\"ttl\":\"%uh\"", r->ttl_hours);
    if (r->clear_city)
        buffer_put_str(out, ",\"clear\":[\"city\"]");
    if (r->untag >= 0)
        buffer_printf(out, ",\"remove\":{\"tag\":[\"t%d\"]}", r->untag);
    write_set(r, out);
    if (r->tag >= 0)
        buffer_printf(out, ",\"add\":{\"tag\":[\"t%d\"]}", r->tag);
    if (r->event_count)
        write_events(r, out);
    buffer_put_str(out, "}\n");
}

void journal_catalog(buffer *out)
{
    buffer_put_str(out,
        "{\"providers\":{\"lease\":{\"party\":\"third\",\"ttl\":\"60h\"}},"
        "\"attributes\":{\"flag\":{\"kind\":\"flag\"},"
        "\"city\":{\"kind\":\"one_of\"},\"tag\":{\"kind\":\"many_of\"},"
        "\"score\":{\"kind\":\"number\"},"
        "\"hold.short\":{\"kind\":\"one_of\",\"ttl\":\"30h\"},"
        "\"hold.day\":{\"kind\":\"flag\",\"ttl\":\"3d\"},"
        "\"ev\":{\"kind\":\"event\",\"cap\":1000,\"retention\":\"10d\"},"
        "\"hit\":{\"kind\":\"event\",\"grain\":\"hour\",\"cap\":100,"
        "\"retention\":\"9d\"}");
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++)
        buffer_printf(out, ",\"pos.w%u\":{\"kind\":\"number\",\"ttl\":\"0\"}",
                      w);
    buffer_put_str(out, "}}\n");
}

/* ---- opening ---- */

int journal_open(muster_engine **out, const journal_place *place,
                 muster_open_mode mode, muster_error *err)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;

    options.data_dir = place->dir;
    options.key_file = place->key_file;
    options.mode = mode;
    options.now = place->clock;
    options.threads = 2;
    options.log_bytes = place->log_bytes;
    return muster_engine_open(out, &options, err);
}

static int save(muster_engine *engine, const journal_act *a,
                muster_error *err)
{
    muster_save row = MUSTER_SAVE_INIT;

    row.key = a->key;
    row.expr = a->expr;
    row.expr_len = strlen(a->expr);
    return muster_audience_save(engine, &row, NULL, err);
}

int journal_tick(muster_engine *engine, muster_error *err)
{
    buffer text;

    buffer_init(&text, 1u << 16);
    journal_catalog(&text);
    const int rc = muster_catalog_apply(engine, (const char *)text.data,
                                        text.len, err);
    buffer_release(&text);
    return rc;
}

int journal_prepare(muster_engine *engine, muster_error *err)
{
    journal_act first;
    int rc = journal_tick(engine, err);

    for (uint32_t w = 0; rc == 0 && w < JOURNAL_WORKERS; w++)
        for (uint32_t s = 0; rc == 0 && s < JOURNAL_KEYS; s++) {
            journal_first_save(w, s, &first);
            rc = save(engine, &first, err);
        }
    return rc;
}

/* ---- doing ---- */

/* Pieces end anywhere, also inside a record. */
static int push_pieces(muster_feed *feed, const buffer *text, size_t piece,
                       muster_error *err)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < text->len; at += piece) {
        const size_t left = text->len - at;
        rc = muster_feed_push(feed, text->data + at,
                              left < piece ? left : piece, err);
    }
    return rc;
}

static int wrong_receipt(const muster_receipt *r, const journal_act *a,
                         uint32_t done, muster_error *err)
{
    if (r->records == a->records && r->accepted == a->records &&
        r->repeated == (done == a->records))
        return 0;
    return error_set(err, MUSTER_ECONFLICT, "wrong_receipt",
                     "act %u/%llu of %u records, %u there before: the receipt "
                     "says %llu records, %llu accepted, repeated %d",
                     a->worker, (unsigned long long)a->number, a->records,
                     done, (unsigned long long)r->records,
                     (unsigned long long)r->accepted, r->repeated);
}

static int run_feed(muster_engine *engine, const muster_feed_options *options,
                    const buffer *text, muster_receipt *receipt,
                    muster_error *err)
{
    muster_feed *feed;
    muster_error late;

    int rc = muster_feed_open(&feed, engine, options, err);
    if (rc != 0)
        return rc;
    rc = push_pieces(feed, text, 700, err);
    const int finished = muster_feed_finish(feed, &late);
    if (rc == 0 && finished != 0) {
        rc = finished;
        *err = late;
    }
    muster_feed_receipt(feed, receipt);
    muster_feed_free(feed);
    return rc;
}

int journal_feed(muster_engine *engine, const buffer *text, muster_error *err)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_receipt receipt;

    options.format = MUSTER_INPUT_NDJSON;
    const int rc = run_feed(engine, &options, text, &receipt, err);
    if (rc != 0 || receipt.rejected == 0)
        return rc;
    return error_set(err, MUSTER_EPARTIAL, "rejected", "%llu records rejected",
                     (unsigned long long)receipt.rejected);
}

static int do_feed(muster_engine *engine, uint64_t seed, const journal_act *a,
                   uint32_t done, muster_error *err)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_receipt receipt;
    journal_record record;
    buffer text;

    options.format = MUSTER_INPUT_NDJSON;
    options.load_id = a->load_id;
    options.ack = a->number % 3 ? MUSTER_ACK_DURABLE : MUSTER_ACK_APPLIED;
    buffer_init(&text, (size_t)1 << 20);
    for (uint32_t i = 0; i < a->records; i++) {
        journal_record_draw(seed, a, i, &record);
        journal_record_write(&record, &text);
    }
    const int rc =
        a->kind == ACT_FEED
            ? run_feed(engine, &options, &text, &receipt, err)
            : muster_ingest(engine, &options, text.data, text.len, &receipt,
                            NULL, err);
    buffer_release(&text);
    return rc ? rc : wrong_receipt(&receipt, a, done, err);
}

/* ---- directories ---- */

static int remove_one(const char *path, const struct stat *stat, int type,
                      struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void journal_remove(const char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int do_snapshot(const char *dir, const journal_act *a,
                       muster_error *err)
{
    char path[700], name[64];

    snprintf(name, sizeof name, "act-%u-%llu", a->worker,
             (unsigned long long)a->number);
    snprintf(path, sizeof path, "%s/snapshots/%s", dir, name);
    journal_remove(path); /* of an attempt that was broken off */
    int rc = muster_snapshot_create(dir, NULL, name, NULL, NULL, NULL, err);
    if (rc == 0)
        rc = muster_snapshot_verify(path, NULL, NULL, NULL, err);
    if (rc == 0)
        journal_remove(path);
    return rc;
}

static int do_optout(muster_engine *engine, const journal_act *a,
                     muster_error *err)
{
    char cookie[24];
    journal_cookie(a->worker, a->user, cookie);
    const muster_id id = {"cookie", cookie, strlen(cookie)};
    return muster_privacy_optout(engine, &id, a->kind == ACT_UNDO, NULL, err);
}

int journal_do(muster_engine *engine, const char *dir, uint64_t seed,
               const journal_act *a, uint32_t done, muster_error *err)
{
    switch (a->kind) {
    case ACT_FEED:
    case ACT_INGEST:
        return do_feed(engine, seed, a, done, err);
    case ACT_SAVE:
        return save(engine, a, err);
    case ACT_REMOVE: {
        const int rc = muster_audience_remove(engine, a->key, err);
        return rc == MUSTER_ENOTFOUND && done ? 0 : rc;
    }
    case ACT_OPTOUT:
    case ACT_UNDO:
        return do_optout(engine, a, err);
    case ACT_CHECKPOINT:
        return muster_engine_checkpoint(engine, err);
    case ACT_SNAPSHOT:
        return do_snapshot(dir, a, err);
    }
    return MUSTER_EINVAL;
}

/* ---- asking ---- */

const char *const journal_questions[JOURNAL_QUESTIONS] = {
    "flag",
    "city = \"v1\"",
    "tag has all (\"t0\", \"t1\")",
    "score >= 100",
    "ev at least 3 times",
    "ev = \"e1\" at least 2 times",
    "ev at most 2 times",
    "hit at least 2 times",
    "hold.short is known",
    "hold.day",
    "flag from lease",
    "city not in (\"v0\", \"v2\")",
    "all",
    "ev at least 15 times",
    "ev at least 60 times",
    "ev = \"e2\" at least 25 times",
    "hit exactly 20 times",
    "hit at most 8 times",
};

uint64_t journal_user_sum(const muster_pseudonym *user)
{
    return hash_bytes(user->bytes, sizeof user->bytes);
}

static int add_user(void *payload, const muster_pseudonym *user)
{
    journal_answer *out = payload;
    out->count++;
    out->sum += journal_user_sum(user);
    return 0;
}

static int ask(muster_engine *engine, const muster_scope *scope,
               const char *expr, journal_answer *out, muster_error *err)
{
    muster_segment *s;

    *out = (journal_answer){0, 0};
    int rc = muster_segment_compile(&s, engine, scope, expr, strlen(expr),
                                    err);
    if (rc != 0)
        return rc;
    rc = muster_segment_users(s, add_user, out, err);
    muster_segment_free(s);
    return rc;
}

int journal_ask(muster_engine *engine, const muster_scope *scope,
                uint32_t question, journal_answer *out, muster_error *err)
{
    ASSERT(question < JOURNAL_QUESTIONS);
    return ask(engine, scope, journal_questions[question], out, err);
}

int journal_count(muster_engine *engine, const muster_scope *scope,
                  const char *expr, uint64_t *out, muster_error *err)
{
    journal_answer answer;
    const int rc = ask(engine, scope, expr, &answer, err);

    *out = answer.count;
    return rc;
}

/* The tick may move while the state is hashed; then it is hashed again. */
int journal_hash(muster_engine *engine, muster_state_hash *out,
                 muster_time *tick, muster_error *err)
{
    muster_engine_stats before, after;
    int rc;

    do {
        muster_engine_stats_get(engine, &before);
        rc = muster_engine_state_hash(engine, NULL, out, NULL, err);
        muster_engine_stats_get(engine, &after);
    } while (rc == 0 && before.tick != after.tick);
    *tick = after.tick;
    return rc;
}

/* ---- notes ---- */

uint64_t journal_number(const char *text)
{
    char *end;
    const uint64_t n = strtoull(text, &end, 10);
    ASSERT(end != text && *end == '\0');
    return n;
}

static void send_note(int fd, const journal_note *note)
{
    ssize_t n;
    do
        n = write(fd, note, sizeof *note);
    while (n < 0 && errno == EINTR);
    ASSERT(n == (ssize_t)sizeof *note);
}

void journal_tell(int fd, char what, uint32_t worker, uint64_t number,
                  uint64_t a, uint64_t b, uint64_t c)
{
    journal_note note;

    memset(&note, 0, sizeof note);
    note.what = what;
    note.worker = worker;
    note.number = number;
    note.a = a;
    note.b = b;
    note.c = c;
    send_note(fd, &note);
}

void journal_tell_text(int fd, char what, const char *format, ...)
{
    journal_note note;
    va_list args;

    memset(&note, 0, sizeof note);
    note.what = what;
    va_start(args, format);
    vsnprintf(note.text, sizeof note.text, format, args);
    va_end(args);
    send_note(fd, &note);
}

bool journal_hear(int fd, journal_note *out)
{
    size_t have = 0;

    while (have < sizeof *out) {
        const ssize_t n = read(fd, (char *)out + have, sizeof *out - have);
        if (n < 0 && errno == EINTR)
            continue;
        ASSERT(n >= 0);
        if (n == 0)
            break;
        have += (size_t)n;
    }
    ASSERT(have == 0 || have == sizeof *out); /* a note is whole */
    return have != 0;
}
