/*
 * state_twin.c - the state that a journal must lead to, the slow way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crash/state_twin.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>
#include "identity/identity.h"

#define NEVER UINT32_MAX /* an expiry hour */
#define NO_TTL UINT32_MAX
#define NOTES_MAX 4096u
#define VERSIONS_MAX 65536u

enum { FLAG = 1, ONE_OF, MANY_OF, NUMBER, EVENT };

typedef struct twin_attribute {
    const char *name;
    uint8_t kind;
    bool hourly;
    uint32_t cap;
    uint32_t ttl_hours;
    uint32_t retention_days;
} twin_attribute;

static const twin_attribute attributes[] = {
    {"flag", FLAG, false, 0, NO_TTL, 0},
    {"city", ONE_OF, false, 0, NO_TTL, 0},
    {"tag", MANY_OF, false, 0, NO_TTL, 0},
    {"score", NUMBER, false, 0, NO_TTL, 0},
    {"hold.short", ONE_OF, false, 0, 30, 0},
    {"hold.day", FLAG, false, 0, 72, 0},
    {"ev", EVENT, false, 1000, NO_TTL, 10},
    {"hit", EVENT, true, 100, NO_TTL, 9},
};

#define ATTRIBUTES (sizeof attributes / sizeof attributes[0])

typedef struct twin_fact {
    char attribute[32];
    bool lease;
    char value[8];
    uint64_t bucket; /* expiry hour, or day or hour of an event */
    uint64_t count;
    int64_t number;
} twin_fact;

typedef struct twin_user {
    muster_pseudonym cookie; /* the primary */
    muster_pseudonym customer;
    bool exists;
    bool has_customer;
    bool opted_out;
    uint32_t seen_until; /* hour */
    twin_fact *facts;
    size_t count;
    size_t capacity;
} twin_user;

typedef struct twin_version {
    uint32_t worker;
    uint32_t segment;
    uint32_t version;
    bool removed;
    char expr[96];
    muster_time created;
} twin_version;

struct state_twin {
    twin_user users[JOURNAL_WORKERS][JOURNAL_USERS];
    twin_version *versions;
    size_t version_count;
    size_t version_capacity;
    char (*notes)[32]; /* attributes that nobody declared */
    size_t note_count;
};

/* ---- facts ---- */

static const twin_attribute *attribute_of(const char *name)
{
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (strcmp(attributes[i].name, name) == 0)
            return &attributes[i];
    return NULL;
}

static bool speaks(const twin_fact *f, const char *attribute, bool lease)
{
    return f->lease == lease && strcmp(f->attribute, attribute) == 0;
}

static twin_fact *find_fact(twin_user *u, const char *attribute, bool lease,
                            const char *value, uint64_t bucket, bool event)
{
    for (size_t i = 0; i < u->count; i++) {
        twin_fact *f = &u->facts[i];
        if (speaks(f, attribute, lease) && strcmp(f->value, value) == 0 &&
            (!event || f->bucket == bucket))
            return f;
    }
    return NULL;
}

static twin_fact *add_fact(twin_user *u, const char *attribute, bool lease,
                           const char *value)
{
    mem_grow(&u->facts, &u->capacity, u->count + 1, sizeof *u->facts);
    twin_fact *f = &u->facts[u->count++];
    memset(f, 0, sizeof *f);
    snprintf(f->attribute, sizeof f->attribute, "%s", attribute);
    snprintf(f->value, sizeof f->value, "%s", value);
    f->lease = lease;
    return f;
}

/* Takes away what the provider said: this value, or (NULL) every value. */
static void take_facts(twin_user *u, const char *attribute, bool lease,
                       const char *value)
{
    size_t n = 0;
    for (size_t i = 0; i < u->count; i++) {
        const twin_fact *f = &u->facts[i];
        if (speaks(f, attribute, lease) &&
            (value == NULL || strcmp(f->value, value) == 0))
            continue;
        u->facts[n++] = *f;
    }
    u->count = n;
}

/* A fact lasts as long as any saying of it since it was last replaced. */
static void say(twin_user *u, const journal_record *r, const char *attribute,
                const char *value, uint32_t expiry)
{
    twin_fact *f = find_fact(u, attribute, r->lease, value, 0, false);
    if (!f)
        f = add_fact(u, attribute, r->lease, value);
    f->count = 1;
    if (expiry > f->bucket)
        f->bucket = expiry;
    if (expiry > u->seen_until)
        u->seen_until = expiry;
}

/* Until the end of the day, or for less than two days of the hour. */
static uint32_t expiry_of(const journal_record *r, uint32_t attribute_ttl)
{
    uint32_t ttl = r->ttl_hours;

    if (ttl == 0)
        ttl = attribute_ttl;
    if (ttl == NO_TTL)
        ttl = r->lease ? 60 : NO_TTL;
    if (ttl == NO_TTL || ttl == 0)
        return NEVER;
    const muster_time end = r->ts + (muster_time)ttl * 3600;
    return ttl < 48 ? (uint32_t)(end / 3600)
                    : (uint32_t)(end / 86400 * 24 + 23);
}

static void say_one(twin_user *u, const journal_record *r,
                    const char *attribute, const char *value)
{
    const twin_attribute *a = attribute_of(attribute);
    const uint32_t expiry = expiry_of(r, a ? a->ttl_hours : NO_TTL);
    if (!find_fact(u, attribute, r->lease, value, 0, false))
        take_facts(u, attribute, r->lease, NULL);
    say(u, r, attribute, value, expiry);
}

static void say_number(twin_user *u, const journal_record *r,
                       const char *attribute, int64_t number, uint32_t ttl)
{
    twin_fact *f = find_fact(u, attribute, r->lease, "", 0, false);
    if (f && f->number != number)
        take_facts(u, attribute, r->lease, NULL);
    say(u, r, attribute, "", expiry_of(r, ttl));
    find_fact(u, attribute, r->lease, "", 0, false)->number = number;
}

static void count_event(twin_user *u, const journal_record *r,
                        const journal_event *e, const char *value)
{
    const twin_attribute *a = attribute_of(e->hourly ? "hit" : "ev");
    const uint64_t bucket = (uint64_t)(e->ts / (e->hourly ? 3600 : 86400));
    const uint64_t last = (uint64_t)(e->ts / 86400) + a->retention_days - 1;
    twin_fact *f = find_fact(u, a->name, r->lease, value, bucket, true);

    if (!f) {
        f = add_fact(u, a->name, r->lease, value);
        f->bucket = bucket;
    }
    f->count += e->count;
    if (f->count > a->cap)
        f->count = a->cap;
    if (last * 24 + 23 > u->seen_until)
        u->seen_until = (uint32_t)(last * 24 + 23);
}

/* ---- records ---- */

static const char *numbered(char *out, char letter, int n)
{
    ASSERT(n >= 0 && n < 10);
    out[0] = letter;
    out[1] = (char)('0' + n);
    out[2] = '\0';
    return out;
}

static void note_attribute(state_twin *t, const char *name)
{
    for (size_t i = 0; i < t->note_count; i++)
        if (strcmp(t->notes[i], name) == 0)
            return;
    ASSERT(t->note_count < NOTES_MAX);
    snprintf(t->notes[t->note_count++], sizeof t->notes[0], "%s", name);
}

static void apply_sets(state_twin *t, twin_user *u, const journal_record *r)
{
    char name[32], value[8];

    snprintf(name, sizeof name, "pos.w%u", r->worker);
    say_number(u, r, name, r->pos * 10000, 0);
    if (r->flag == 0)
        take_facts(u, "flag", r->lease, NULL);
    if (r->flag == 1)
        say(u, r, "flag", "", expiry_of(r, NO_TTL));
    if (r->city >= 0)
        say_one(u, r, "city", numbered(value, 'v', r->city));
    if (r->score >= 0)
        say_number(u, r, "score", (int64_t)r->score * 2500, NO_TTL);
    if (r->hold >= 0)
        say_one(u, r, "hold.short", numbered(value, 'h', r->hold));
    if (r->hold_day)
        say(u, r, "hold.day", "", expiry_of(r, 72));
    if (r->note < 0)
        return;
    snprintf(name, sizeof name, "note.w%u.n%lld", r->worker,
             (long long)r->note);
    note_attribute(t, name);
    say_one(u, r, name, "x");
}

/* Inside a record: clear, remove, set, add, events. */
static void apply_record(state_twin *t, const journal_record *r)
{
    twin_user *u = &t->users[r->worker][r->user];
    char value[8];

    u->exists = true;
    u->has_customer |= r->customer;
    if (r->clear_city)
        take_facts(u, "city", r->lease, NULL);
    if (r->untag >= 0)
        take_facts(u, "tag", r->lease, numbered(value, 't', r->untag));
    apply_sets(t, u, r);
    if (r->tag >= 0)
        say(u, r, "tag", numbered(value, 't', r->tag), expiry_of(r, NO_TTL));
    for (uint32_t i = 0; i < r->event_count; i++) {
        count_event(u, r, &r->events[i], "");
        if (r->events[i].value >= 0)
            count_event(u, r, &r->events[i],
                        numbered(value, 'e', r->events[i].value));
    }
}

static void add_version(state_twin *t, const journal_act *a,
                        muster_time clock)
{
    uint32_t version = 1;

    for (size_t i = 0; i < t->version_count; i++)
        version += t->versions[i].worker == a->worker &&
                   t->versions[i].segment == a->segment;
    ASSERT(t->version_count < VERSIONS_MAX);
    mem_grow(&t->versions, &t->version_capacity, t->version_count + 1,
             sizeof *t->versions);
    twin_version *v = &t->versions[t->version_count++];
    *v = (twin_version){.worker = a->worker, .segment = a->segment,
                        .version = version, .created = clock,
                        .removed = a->kind == ACT_REMOVE};
    if (!v->removed)
        snprintf(v->expr, sizeof v->expr, "%s", a->expr);
}

void state_twin_act(state_twin *t, uint64_t seed, const journal_act *a,
                    uint32_t from, uint32_t to, muster_time clock)
{
    journal_record record;

    switch (a->kind) {
    case ACT_FEED:
    case ACT_INGEST:
        for (uint32_t i = from; i < to; i++) {
            journal_record_draw(seed, a, i, &record);
            apply_record(t, &record);
        }
        return;
    case ACT_SAVE:
    case ACT_REMOVE:
        add_version(t, a, clock);
        return;
    case ACT_OPTOUT:
    case ACT_UNDO:
        t->users[a->worker][a->user].exists = true;
        t->users[a->worker][a->user].opted_out = a->kind == ACT_OPTOUT;
        return;
    case ACT_CHECKPOINT:
    case ACT_SNAPSHOT:
        return;
    }
}

/* ---- life ---- */

static muster_pseudonym pseudonym(const identity_key *key, const char *space,
                                  const char *id)
{
    muster_pseudonym p;
    const int rc = identity_pseudonymise(key, text_of(space),
                                         identity_raw_of(text_of(id)), &p,
                                         NULL);
    ASSERT(rc == 0);
    return p;
}

state_twin *state_twin_new(const char *key_file, muster_time clock)
{
    state_twin *t = mem_zalloc(sizeof *t);
    identity_key *key;
    journal_act first;
    char id[24];

    const int rc = identity_key_open(&key, key_file, false, NULL);
    ASSERT(rc == 0);
    t->notes = mem_array(NOTES_MAX, sizeof *t->notes);
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++) {
        for (uint32_t u = 0; u < JOURNAL_USERS; u++) {
            journal_cookie(w, u, id);
            t->users[w][u].cookie = pseudonym(key, "cookie", id);
            journal_customer(w, u, id);
            t->users[w][u].customer = pseudonym(key, "customer", id);
        }
        for (uint32_t s = 0; s < JOURNAL_KEYS; s++) {
            journal_first_save(w, s, &first);
            add_version(t, &first, clock);
        }
    }
    identity_key_free(key);
    return t;
}

void state_twin_free(state_twin *t)
{
    if (!t)
        return;
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++)
        for (uint32_t u = 0; u < JOURNAL_USERS; u++)
            mem_free(t->users[w][u].facts);
    mem_free(t->versions);
    mem_free(t->notes);
    mem_free(t);
}

/* ---- the hash ---- */

typedef struct hash_sum {
    buffer item;
    muster_state_hash sum;
} hash_sum;

static void put_text(buffer *out, const char *text)
{
    buffer_put_u32(out, (uint32_t)strlen(text));
    buffer_put_str(out, text);
}

static void begin_item(hash_sum *h, char letter)
{
    buffer_clear(&h->item);
    buffer_put_u8(&h->item, (uint8_t)letter);
}

static void end_item(hash_sum *h)
{
    const XXH128_hash_t x = XXH3_128bits(h->item.data, h->item.len);
    h->sum.low += x.low64;
    h->sum.high += x.high64;
}

static bool is_live(const twin_fact *f, muster_time at)
{
    const twin_attribute *a = attribute_of(f->attribute);

    if (!a || a->kind != EVENT)
        return f->bucket >= (uint64_t)(at / 3600);
    const uint64_t day = a->hourly ? f->bucket / 24 : f->bucket;
    return day + a->retention_days > (uint64_t)(at / 86400);
}

static void hash_fact(hash_sum *h, const twin_user *u, const twin_fact *f)
{
    begin_item(h, 'F');
    buffer_put(&h->item, u->cookie.bytes, sizeof u->cookie.bytes);
    put_text(&h->item, f->attribute);
    put_text(&h->item, f->lease ? "lease" : "default");
    put_text(&h->item, f->value);
    buffer_put_u64(&h->item, f->bucket);
    buffer_put_u64(&h->item, f->count);
    buffer_put_u64(&h->item, 0); /* amount */
    buffer_put_u64(&h->item, (uint64_t)f->number);
    end_item(h);
}

static void hash_user(hash_sum *h, const twin_user *u, muster_time tick)
{
    if (!u->exists)
        return;
    begin_item(h, 'U');
    buffer_put(&h->item, u->cookie.bytes, sizeof u->cookie.bytes);
    end_item(h);
    if (u->has_customer) {
        begin_item(h, 'I');
        buffer_put(&h->item, u->customer.bytes, sizeof u->customer.bytes);
        buffer_put(&h->item, u->cookie.bytes, sizeof u->cookie.bytes);
        end_item(h);
    }
    if (u->opted_out) {
        begin_item(h, 'O');
        buffer_put(&h->item, u->cookie.bytes, sizeof u->cookie.bytes);
        end_item(h);
    }
    for (size_t i = 0; i < u->count; i++)
        if (is_live(&u->facts[i], tick))
            hash_fact(h, u, &u->facts[i]);
}

static void hash_attribute(hash_sum *h, const twin_attribute *a, bool declared)
{
    begin_item(h, 'A');
    put_text(&h->item, a->name);
    buffer_put_u8(&h->item, a->kind);
    buffer_put_u8(&h->item, a->hourly);
    buffer_put_u32(&h->item, a->cap);
    buffer_put_u8(&h->item, 0); /* amount */
    buffer_put_u8(&h->item, 0); /* unit is date */
    put_text(&h->item, "");
    buffer_put_u32(&h->item, a->ttl_hours);
    buffer_put_u32(&h->item, a->retention_days);
    buffer_put_u8(&h->item, declared);
    end_item(h);
}

static void hash_provider(hash_sum *h, const char *name, uint8_t party,
                          uint32_t ttl, bool declared)
{
    begin_item(h, 'P');
    put_text(&h->item, name);
    buffer_put_u8(&h->item, party);
    buffer_put_u32(&h->item, ttl);
    buffer_put_u8(&h->item, declared);
    end_item(h);
}

static void hash_catalog(hash_sum *h, const state_twin *t)
{
    static const char *const spaces[] = {"cookie", "gaid", "idfa", "ctv",
                                         "email_sha256", "customer"};
    char name[32];

    for (size_t i = 0; i < ATTRIBUTES; i++)
        hash_attribute(h, &attributes[i], true);
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++) {
        snprintf(name, sizeof name, "pos.w%u", w);
        const twin_attribute pos = {name, NUMBER, false, 0, 0, 0};
        hash_attribute(h, &pos, true);
    }
    for (size_t i = 0; i < t->note_count; i++) {
        const twin_attribute note = {t->notes[i], ONE_OF, false, 0, NO_TTL, 0};
        hash_attribute(h, &note, false);
    }
    hash_provider(h, "default", 1, NO_TTL, false);
    hash_provider(h, "lease", 3, 60, true);
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        begin_item(h, 'N');
        put_text(&h->item, spaces[i]);
        buffer_put_u8(&h->item, 1);
        end_item(h);
    }
}

static void hash_version(hash_sum *h, const twin_version *v)
{
    char key[16];

    snprintf(key, sizeof key, "w%u-s%u", v->worker, v->segment);
    begin_item(h, 'S');
    put_text(&h->item, key);
    buffer_put_u32(&h->item, v->worker * JOURNAL_KEYS + v->segment + 1);
    buffer_put_u32(&h->item, v->version);
    put_text(&h->item, v->expr);
    put_text(&h->item, "");
    buffer_put_u32(&h->item, 0); /* priority */
    buffer_put_u8(&h->item, !v->removed);
    buffer_put_u8(&h->item, v->removed);
    buffer_put_u64(&h->item, (uint64_t)v->created);
    end_item(h);
}

void state_twin_hash(const state_twin *t, muster_time tick,
                     muster_state_hash *out)
{
    hash_sum h = {.sum = {0, 0}};

    buffer_init(&h.item, 4096);
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++)
        for (uint32_t u = 0; u < JOURNAL_USERS; u++)
            hash_user(&h, &t->users[w][u], tick);
    hash_catalog(&h, t);
    for (size_t i = 0; i < t->version_count; i++)
        hash_version(&h, &t->versions[i]);
    ASSERT(buffer_ok(&h.item));
    buffer_release(&h.item);
    *out = h.sum;
}

/* ---- questions ---- */

/* A live fact of the attribute and value; NULL stands for any of them. */
static bool holds(const twin_user *u, const char *attribute,
                  const char *value, const char *provider, muster_time now)
{
    for (size_t i = 0; i < u->count; i++) {
        const twin_fact *f = &u->facts[i];
        if (strcmp(f->attribute, attribute) == 0 &&
            (!value || strcmp(f->value, value) == 0) &&
            (!provider || f->lease == (strcmp(provider, "lease") == 0)) &&
            is_live(f, now))
            return true;
    }
    return false;
}

static uint64_t times(const twin_user *u, const char *event,
                      const char *value, muster_time now)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < u->count; i++) {
        const twin_fact *f = &u->facts[i];
        if (strcmp(f->attribute, event) == 0 && strcmp(f->value, value) == 0 &&
            is_live(f, now))
            sum += f->count;
    }
    return sum;
}

static bool scores(const twin_user *u, int64_t least, muster_time now)
{
    for (size_t i = 0; i < u->count; i++)
        if (strcmp(u->facts[i].attribute, "score") == 0 &&
            u->facts[i].number >= least && is_live(&u->facts[i], now))
            return true;
    return false;
}

/* journal_questions, one by one. */
static bool is_in(const twin_user *u, uint32_t question, muster_time now)
{
    switch (question) {
    case 0:
        return holds(u, "flag", NULL, NULL, now);
    case 1:
        return holds(u, "city", "v1", NULL, now);
    case 2:
        return holds(u, "tag", "t0", NULL, now) &&
               holds(u, "tag", "t1", NULL, now);
    case 3:
        return scores(u, 1000000, now);
    case 4:
        return times(u, "ev", "", now) >= 3;
    case 5:
        return times(u, "ev", "e1", now) >= 2;
    case 6:
        return times(u, "ev", "", now) >= 1 && times(u, "ev", "", now) <= 2;
    case 7:
        return times(u, "hit", "", now) >= 2;
    case 8:
        return holds(u, "hold.short", NULL, NULL, now);
    case 9:
        return holds(u, "hold.day", NULL, NULL, now);
    case 10:
        return holds(u, "flag", NULL, "lease", now);
    case 11:
        return holds(u, "city", NULL, NULL, now) &&
               !holds(u, "city", "v0", NULL, now) &&
               !holds(u, "city", "v2", NULL, now);
    case 12:
        return u->seen_until >= (uint64_t)(now / 3600);
    case 13:
        return times(u, "ev", "", now) >= 15;
    case 14:
        return times(u, "ev", "", now) >= 60;
    case 15:
        return times(u, "ev", "e2", now) >= 25;
    case 16:
        return times(u, "hit", "", now) == 20;
    case 17:
        return times(u, "hit", "", now) >= 1 && times(u, "hit", "", now) <= 8;
    }
    return false;
}

void state_twin_answer(const state_twin *t, uint32_t question,
                       muster_time now, journal_answer *out)
{
    *out = (journal_answer){0, 0};
    ASSERT(question < JOURNAL_QUESTIONS);
    for (uint32_t w = 0; w < JOURNAL_WORKERS; w++)
        for (uint32_t i = 0; i < JOURNAL_USERS; i++) {
            const twin_user *u = &t->users[w][i];
            if (!u->exists || u->opted_out || !is_in(u, question, now))
                continue;
            out->count++;
            out->sum += journal_user_sum(&u->cookie);
        }
}
