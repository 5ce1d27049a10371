/*
 * population.c - the catalog and the feeds of a random population. What one
 * record says is in population_record.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/population.h"

#include <stdio.h>
#include "support/dice.h"
#include "support/population_internal.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* Prefixes of each other, other alphabets, quotes, and what looks like
 * something else. */
static const char *const value_pool[] = {
    "a",      "ab",         "abc",     "abd",  "b",        "ba",
    "bab",    "c d",        "A",       "x-1",  "x-10",     "x-2",
    "\"q\"",  "b\\s",       "z\xc3\xbcrich", "\xe6\x9d\xb1", "2026-11-21",
    "12",     "true",       "a|b",     "#tag", "long-value-of-many-letters",
    "N.l",     "or",
};

static const int64_t number_pool[] = {
    0,        10000,     -10000,  250000, 440000,       199000,
    1,        -1,        5000,    -5000,  123456789,    9999,
    10995116277759999, -10995116277759999, 20000,        30000,
};

/* ---- catalog ---- */

static const char *const kind_names[] = {"flag", "one_of", "many_of",
                                         "number", "event"};
static const char *const party_names[] = {"", "first", "second", "third"};

/* A few TTLs on both sides of 48 hours; `never` and none among them. */
static uint32_t draw_ttl(random_state *r)
{
    static const uint32_t ttls[] = {0,  1,      12,      36,      47,
                                    48, 24 * 3, 24 * 10, 24 * 30, 24 * 60};
    return PICK(r, ttls);
}

static void put_ttl(buffer *out, uint32_t ttl_hours)
{
    char text[16];
    text_format_duration(text, ttl_hours);
    buffer_printf(out, ",\"ttl\":\"%s\"", text);
}

static void draw_values(population *p, population_attribute *a)
{
    const uint32_t wanted = 2 + dice(&p->random, POPULATION_VALUES_MAX - 1);
    while (a->value_count < wanted) {
        const char *value = PICK(&p->random, value_pool);
        bool known = false;
        for (uint32_t i = 0; i < a->value_count; i++)
            known |= a->values[i] == value;
        if (!known)
            a->values[a->value_count++] = value;
    }
}

static void draw_numbers(population *p, population_attribute *a)
{
    const int64_t today = clock_day_of(p->feeds[0].now);
    a->number_count = 2 + dice(&p->random, POPULATION_NUMBERS_MAX - 1);
    for (uint32_t i = 0; i < a->number_count; i++)
        a->numbers[i] =
            a->dates ? (today + dice_between(&p->random, -20, 80)) * 10000
                     : PICK(&p->random, number_pool);
}

static void add_attribute(population *p, naive_kind kind, const char *name)
{
    population_attribute *a = &p->attributes[p->attribute_count++];
    buffer *out = &p->catalog;
    random_state *r = &p->random;
    ASSERT(p->attribute_count <= POPULATION_ATTRIBUTES_MAX);
    a->kind = kind;
    a->ttl_hours = NAIVE_TTL_UNSET;
    snprintf(a->name, sizeof a->name, "%s", name);
    buffer_printf(out, "%s\"%s\":{\"kind\":\"%s\"",
                  p->attribute_count > 1 ? "," : "", name, kind_names[kind]);
    if (kind == NAIVE_EVENT) {
        a->hourly = chance(r, 40);
        a->amount = chance(r, 50);
        a->cap = 3 + dice(r, 18);
        a->retention_days = 5 + dice(r, 36);
        buffer_printf(out,
                      ",\"grain\":\"%s\",\"amount\":%s,\"cap\":%u,"
                      "\"retention\":\"%ud\"",
                      a->hourly ? "hour" : "day", a->amount ? "true" : "false",
                      a->cap, a->retention_days);
    } else if (chance(r, 25)) {
        a->ttl_hours = draw_ttl(r);
        put_ttl(out, a->ttl_hours);
    }
    if (kind == NAIVE_NUMBER) {
        a->dates = chance(r, 40);
        if (a->dates)
            buffer_put_str(out, ",\"unit\":\"date\"");
        draw_numbers(p, a);
    } else if (kind != NAIVE_FLAG) {
        draw_values(p, a);
    }
    buffer_put_str(out, "}");
    const naive_attribute row = {
        a->name,   kind,   a->dates,         a->ttl_hours,
        a->hourly, a->cap, a->retention_days,
    };
    naive_add_attribute(p->twin, &row);
}

static void add_attributes(population *p)
{
    static const char *const names[][3] = {
        {"vip", "f.two", "has"},
        {"city", "o.b.c", "total"},
        {"likes", "m_2", "segment"},
        {"age", "n.ends", "day.of"},
        {"page", "e.ping", "from1"},
    };
    buffer_put_str(&p->catalog, "\"attributes\":{");
    for (uint32_t k = 0; k < COUNT_OF(names); k++) {
        const uint32_t count = 1 + dice(&p->random, k == NAIVE_EVENT ? 3 : 2);
        for (uint32_t i = 0; i < count; i++)
            add_attribute(p, (naive_kind)k, names[k][i]);
    }
    buffer_put_str(&p->catalog, "}");
}

static void add_providers(population *p)
{
    static const char *const names[] = {"shop", "partner", "data-hub",
                                        "default", "p4"};
    random_state *r = &p->random;
    p->provider_count = 1 + dice(r, COUNT_OF(names));
    buffer_put_str(&p->catalog, "{\"providers\":{");
    for (uint32_t i = 0; i < p->provider_count; i++) {
        population_provider *row = &p->providers[i];
        snprintf(row->name, sizeof row->name, "%s", names[i]);
        row->party = 1 + (int)dice(r, 3);
        row->ttl_hours = NAIVE_TTL_UNSET;
        buffer_printf(&p->catalog, "%s\"%s\":{\"party\":\"%s\"",
                      i > 0 ? "," : "", row->name, party_names[row->party]);
        if (chance(r, 40)) {
            row->ttl_hours = draw_ttl(r);
            put_ttl(&p->catalog, row->ttl_hours);
        }
        buffer_put_str(&p->catalog, "}");
        const naive_provider twin = {row->name, row->party, row->ttl_hours};
        naive_add_provider(p->twin, &twin);
    }
    buffer_put_str(&p->catalog, "},");
}

/* ---- ids ---- */

void population_id(uint32_t user, uint32_t known, char *space, char *id)
{
    const bool cookie = (known & KNOWN_COOKIE) != 0;
    snprintf(space, 24, "%s", cookie ? "cookie" : "customer");
    snprintf(id, 24, "%c%u", cookie ? 'u' : 'k', user);
}

bool population_primary(const population *p, uint32_t user, char *space,
                        char *id)
{
    ASSERT(user < p->users);
    if (p->who[user].primary == 0)
        return false;
    population_id(user, p->who[user].primary, space, id);
    return true;
}

void population_any_id(population *p, uint32_t user, char *space, char *id)
{
    ASSERT(user < p->users);
    uint32_t known = p->who[user].known;
    if (known == 0)
        known = KNOWN_COOKIE;
    if (known == (KNOWN_COOKIE | KNOWN_CUSTOMER))
        known = chance(&p->random, 50) ? KNOWN_COOKIE : KNOWN_CUSTOMER;
    population_id(user, known, space, id);
}

/* ---- feeds ---- */

static void put_acts(population *p, population_feed *feed)
{
    const uint32_t wanted = chance(&p->random, 50) ? 0 : dice(&p->random, 6);
    for (uint32_t i = 0; i < wanted; i++) {
        const uint32_t user = dice(&p->random, p->users);
        population_user *who = &p->who[user];
        population_act_type type = ACT_OPTOUT;
        if (who->forgotten)
            continue;
        if (who->opted_out && chance(&p->random, 60))
            type = ACT_UNDO;
        else if (chance(&p->random, 25))
            type = ACT_FORGET;
        who->forgotten |= type == ACT_FORGET;
        if (type != ACT_FORGET)
            who->opted_out = type == ACT_OPTOUT;
        if (who->known == 0)
            who->known = KNOWN_COOKIE; /* named by the act */
        naive_mask(p->twin, user, who->opted_out || who->forgotten);
        population_act *act = &feed->acts[feed->act_count++];
        act->type = type;
        act->user = user;
        population_any_id(p, user, act->space, act->id);
    }
}

static void fill_small(population *p, population_feed *feed,
                       uint32_t records)
{
    for (uint32_t i = 0; i < records; i++)
        population_record(p, feed, dice(&p->random, p->users));
}

/* The first feed says each attribute of the users its pattern takes; later
 * ones change a range and a random share. */
static void fill_large(population *p, population_feed *feed, bool first)
{
    const uint32_t from = dice(&p->random, p->users);
    const uint32_t share = 1 + dice(&p->random, 60);
    for (uint32_t u = 0; u < p->users; u++) {
        if (first)
            population_pattern_record(p, feed, u);
        else if ((u >= from && u - from < 3000) ||
                 dice(&p->random, 10 * share) == 0)
            population_record(p, feed, u);
    }
}

void population_init(population *p, const population_options *options)
{
    ASSERT(options->users > 0 && options->feeds > 0);
    ASSERT(options->feeds <= POPULATION_FEEDS_MAX);
    memset(p, 0, sizeof *p);
    random_seed(&p->random, options->seed);
    random_state *r = &p->random;
    p->users = options->users;
    p->twin = naive_new(p->users);
    p->who = mem_array(p->users, sizeof *p->who);
    p->feed_count = options->feeds;
    buffer_init(&p->catalog, 1u << 16);
    /* Some day of 2026, at a moment that is often an edge. */
    muster_time now = 1770000000 + dice_between(r, 0, 200) * 86400;
    for (uint32_t f = 0; f < p->feed_count; f++) {
        p->feeds[f].now = population_edge(r, now);
        buffer_init(&p->feeds[f].bytes, (size_t)1 << 32);
        now = p->feeds[f].now + dice_between(r, 0, 4 * 86400);
    }
    add_providers(p);
    add_attributes(p);
    buffer_put_str(&p->catalog, "}");
    ASSERT(buffer_ok(&p->catalog));
    for (uint32_t f = 0; f < p->feed_count; f++) {
        population_feed *feed = &p->feeds[f];
        if (options->patterned)
            fill_large(p, feed, f == 0);
        else
            fill_small(p, feed, p->users * options->records / p->feed_count +
                                    1);
        feed->statements = naive_statement_count(p->twin);
        put_acts(p, feed);
    }
}

void population_release(population *p)
{
    for (uint32_t f = 0; f < p->feed_count; f++)
        buffer_release(&p->feeds[f].bytes);
    buffer_release(&p->catalog);
    naive_free(p->twin);
    mem_free(p->who);
    memset(p, 0, sizeof *p);
}
