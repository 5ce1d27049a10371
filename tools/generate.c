/*
 * generate.c - draws a population, block by block.
 *
 * A block is 1,000 users. First come their profile records in order of user,
 * then their event records in order of time, users mixed: as in a log file,
 * one user's visits lie far apart. Each block has a generator of its own,
 * seeded by (seed, number of the block), so memory stays that of one block.
 *
 * One profile record a user comes from the shop (or, for one user in seven,
 * from the partner); three users in ten are also known to the data hub, which
 * is wrong about gender in three of ten cases and about the age band in three
 * of ten. What it says expires after 60 days.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "generate_record.h"

#define BLOCK_USERS 1000u
#define RECORDS_PER_USER_MAX 64u
#define OUT_BYTES (1u << 20)
#define SECONDS_PER_DAY 86400
#define SECONDS_MIN 946684800 /* 2000-01-01 */
#define SECONDS_MAX 4102444800 /* 2100-01-01 */

typedef struct generator {
    const generate_options *options;
    world world;
    record_writer writer;
    random_state random;
    uint32_t span; /* seconds */
    char *out;
    char *at;
    char *end; /* room for one more record is behind it */
    bool failed;
    generate_totals totals;
    /* The users of the block. */
    uint64_t first_user;
    uint32_t block_users;
    uint32_t ids[BLOCK_USERS];
    uint8_t class[BLOCK_USERS];
    uint16_t visits[BLOCK_USERS * RECORDS_PER_USER_MAX]; /* whose turn */
    uint32_t visit_count;
} generator;

static bool one_in(generator *g, uint32_t n)
{
    return random_below(&g->random, n) == 0;
}

/* True in `percent` of a hundred cases. */
static bool chance(generator *g, uint32_t percent)
{
    return random_below(&g->random, 100) < percent;
}

static uint32_t draw(generator *g, const alias_table *t)
{
    return alias_draw(t, random_u64(&g->random));
}

/* ---- output ---- */

static void flush(generator *g)
{
    const size_t len = (size_t)(g->at - g->out);
    if (!g->failed && fwrite(g->out, 1, len, g->options->out) != len)
        g->failed = true;
    g->totals.bytes += len;
    g->at = g->out;
}

static void put_record(generator *g, const drawn_record *r)
{
    if (g->at >= g->end)
        flush(g);
    g->at = g->writer.record(&g->writer, g->at, r);
    g->totals.records++;
    g->totals.facts += (r->place >= 0 ? 3u : 0) + (r->device >= 0 ? 4u : 0) +
                       (r->age >= 0) + (r->gender >= 0) + (r->band >= 0) +
                       (r->income >= 0) + (r->visits >= 0) + r->newsletter +
                       r->interest_count + r->event_count;
}

/* ---- drawing ---- */

static drawn_record empty_record(generator *g, uint32_t user)
{
    return (drawn_record){
        .user = g->first_user + user,
        .ids = g->ids[user],
        .provider = PROVIDER_SHOP,
        .ts = g->writer.start +
              (muster_time)random_below(&g->random, g->span),
        .place = -1,
        .device = -1,
        .age = -1,
        .gender = -1,
        .band = -1,
        .income = -1,
        .visits = -1,
    };
}

/* Phones are known by their advertising id, browsers by a cookie, and some
 * users have given their name to the shop, which gave them a number. */
static uint32_t draw_ids(generator *g, const world_device *device)
{
    const uint32_t advertising = device->apple ? ID_IDFA : ID_GAID;
    uint32_t ids = 0;
    if (device->class == CLASS_DESKTOP)
        ids = 1u << ID_COOKIE;
    else if (device->class == CLASS_TV)
        ids = 1u << ID_CTV;
    else if (chance(g, 40))
        ids = 1u << advertising;
    else
        ids = 1u << advertising | 1u << ID_COOKIE;
    if (chance(g, device->class == CLASS_TV ? 15 : 35))
        ids |= 1u << ID_CUSTOMER;
    return ids;
}

/* Themes by general liking or, in four of ten cases, by the group's own. */
static uint32_t draw_interest(generator *g, uint32_t group)
{
    const uint32_t parts = WORLD_INTERESTS / WORLD_THEMES;
    uint32_t theme = draw(g, &g->world.theme);
    if (chance(g, 40))
        theme = g->world.taste[group][theme];
    /* The theme itself in one of four cases, else the part drawn. */
    const uint32_t part = (uint32_t)random_below(&g->random, 12);
    return theme * parts + (part < 3 ? 0 : part - 2);
}

static void draw_interests(generator *g, drawn_record *r, uint32_t count,
                           uint32_t group)
{
    ASSERT(count <= INTERESTS_MAX);
    while (r->interest_count < count) {
        const uint32_t interest = draw_interest(g, group);
        bool known = false;
        for (uint32_t i = 0; i < r->interest_count; i++)
            known |= r->interests[i] == interest;
        if (!known)
            r->interests[r->interest_count++] = interest;
    }
}

static uint32_t group_of(int gender, int age)
{
    const uint32_t years = age < 25 ? 0 : age < 40 ? 1 : age < 60 ? 2 : 3;
    return (uint32_t)(gender == 0) * 4 + years;
}

static void put_profile(generator *g, uint32_t user, drawn_record *known)
{
    const world *w = &g->world;
    const uint32_t device = draw(g, &w->device);
    g->class[user] = (uint8_t)w->devices[device].class;
    g->ids[user] = draw_ids(g, &w->devices[device]);
    drawn_record r = empty_record(g, user);
    r.provider = one_in(g, 7) ? PROVIDER_PARTNER : PROVIDER_SHOP;
    const uint32_t country = draw(g, &w->country);
    r.place = (int)(w->country_first[country] + draw(g, &w->city[country]));
    r.device = (int)device;
    r.age = (int)(WORLD_AGE_MIN + draw(g, &w->age));
    r.gender = one_in(g, 50) ? 2 : one_in(g, 2);
    r.income = (int)draw(g, &w->income);
    r.visits = (int)draw(g, &w->visits) + 1;
    r.newsletter = chance(g, 40);
    draw_interests(g, &r, draw(g, &w->interest_count),
                   group_of(r.gender, r.age));
    put_record(g, &r);
    *known = r;
}

/* What the data hub believes: often true. */
static void put_claim(generator *g, uint32_t user, const drawn_record *known)
{
    drawn_record r = empty_record(g, user);
    r.ids &= ~(1u << ID_CUSTOMER);
    r.provider = PROVIDER_DATAHUB;
    r.ttl_days = TTL_DAYS;
    r.gender = known->gender;
    if (chance(g, 30))
        r.gender = r.gender == 0;
    r.band = (int)world_band_of((uint32_t)known->age);
    if (chance(g, 30))
        r.band = (r.band + 1 + (int)random_below(&g->random, 5)) % 6;
    r.income = (int)draw(g, &g->world.income);
    draw_interests(g, &r, 1 + (uint32_t)random_below(&g->random, 3),
                   group_of(r.gender, known->age));
    put_record(g, &r);
}

static drawn_event draw_event(generator *g, world_event event)
{
    drawn_event e = {event, draw(g, &g->world.values[event].likely), 1, 0};
    if (event == EVENT_PAGE_VIEW)
        e.count += draw(g, &g->world.views);
    if (event == EVENT_PURCHASE) {
        e.cents = 299 + (uint32_t)random_below(&g->random, 4700);
        if (one_in(g, 4))
            e.cents += (uint32_t)random_below(&g->random, 45000);
    }
    return e;
}

/* A user's visit: a page (on a screen without pages, the app) and what came
 * of it. */
static void put_visit(generator *g, uint32_t user, muster_time ts)
{
    drawn_record r = empty_record(g, user);
    const uint32_t class = g->class[user];
    const uint32_t advertising = 1u << ID_GAID | 1u << ID_IDFA | 1u << ID_CTV;
    const uint32_t bare = r.ids & ~(1u << ID_CUSTOMER);
    r.ts = ts;
    if (r.ids != bare && one_in(g, 5)) {
        r.ids = 1u << ID_CUSTOMER;
    } else {
        const bool app = (bare & advertising) != 0 &&
                         ((bare & ~advertising) == 0 || one_in(g, 2));
        r.ids = app ? bare & advertising : bare & ~advertising;
    }
    r.provider = one_in(g, 12) ? PROVIDER_PARTNER : PROVIDER_SHOP;
    r.event_count = 2;
    r.events[0] =
        draw_event(g, class == CLASS_TV ? EVENT_APP_OPEN : EVENT_PAGE_VIEW);
    r.events[1] = draw_event(g, (world_event)draw(g, &g->world.second[class]));
    /* Who looks at a product puts that one into the cart. */
    if (r.events[1].event == EVENT_CART_ADD &&
        r.events[0].value >= WORLD_PAGES_NAMED)
        r.events[1].value = r.events[0].value - WORLD_PAGES_NAMED;
    put_record(g, &r);
}

/* ---- blocks ---- */

static void plan_visits(generator *g)
{
    g->visit_count = 0;
    for (uint32_t user = 0; user < g->block_users; user++)
        for (uint32_t n = draw(g, &g->world.records); n > 0; n--)
            g->visits[g->visit_count++] = (uint16_t)user;
    for (uint32_t i = g->visit_count; i > 1; i--) {
        const uint32_t other = (uint32_t)random_below(&g->random, i);
        const uint16_t moved = g->visits[i - 1];
        g->visits[i - 1] = g->visits[other];
        g->visits[other] = moved;
    }
}

static void put_block(generator *g, uint64_t block)
{
    const uint64_t left = g->options->users - block * BLOCK_USERS;
    random_seed(&g->random, hash_mix(g->options->seed) + block);
    g->first_user = block * BLOCK_USERS;
    g->block_users = left < BLOCK_USERS ? (uint32_t)left : BLOCK_USERS;
    for (uint32_t user = 0; user < g->block_users; user++) {
        drawn_record known;
        put_profile(g, user, &known);
        if (chance(g, 30))
            put_claim(g, user, &known);
    }
    plan_visits(g);
    for (uint32_t i = 0; i < g->visit_count; i++) {
        const uint64_t slot =
            (uint64_t)i * g->span + random_below(&g->random, g->span);
        put_visit(g, g->visits[i],
                  g->writer.start + (muster_time)(slot / g->visit_count));
    }
    g->totals.users += g->block_users;
}

static int check_options(const generate_options *o, muster_error *err)
{
    if (o->days < 1 || o->days > GENERATE_DAYS_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_days",
                         "days must be from 1 to %u, not %u",
                         GENERATE_DAYS_MAX, o->days);
    if (o->users > GENERATE_USERS_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_users",
                         "at most %llu users can be generated",
                         GENERATE_USERS_MAX);
    if (o->now < SECONDS_MIN || o->now > SECONDS_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_now",
                         "the time must be from 2000 to 2100");
    return 0;
}

static int run_blocks(generator *g, muster_error *err)
{
    const generate_options *o = g->options;
    const uint64_t blocks = (o->users + BLOCK_USERS - 1) / BLOCK_USERS;
    for (uint64_t block = 0; block < blocks && !g->failed; block++) {
        put_block(g, block);
        if (o->progress != NULL &&
            o->progress(o->payload, g->totals.users,
                        g->totals.bytes + (uint64_t)(g->at - g->out)) != 0)
            return error_set(err, MUSTER_ECANCELLED, "cancelled",
                             "stopped after %llu users",
                             (unsigned long long)g->totals.users);
    }
    flush(g);
    if (g->failed || fflush(o->out) != 0)
        return error_errno(err, "write", "the records");
    return 0;
}

int generate_run(const generate_options *options, generate_totals *totals,
                 muster_error *err)
{
    ASSERT(options != NULL && options->out != NULL);
    const int code = check_options(options, err);
    if (code != 0)
        return code;
    generator *g = mem_zalloc(sizeof *g);
    g->options = options;
    g->span = options->days * SECONDS_PER_DAY;
    g->out = mem_alloc(OUT_BYTES + RECORD_BYTES_MAX);
    g->at = g->out;
    g->end = g->out + OUT_BYTES;
    world_init(&g->world);
    record_writer_init(&g->writer, options->format, &g->world, options->seed,
                       options->now - (muster_time)g->span, options->days);
    if (g->writer.begin != NULL)
        g->at = g->writer.begin(g->at);
    const int result = run_blocks(g, err);
    if (totals != NULL)
        *totals = g->totals;
    record_writer_release(&g->writer);
    world_release(&g->world);
    mem_free(g->out);
    mem_free(g);
    return result;
}

const char *generate_catalog(void)
{
#define ONE_OF(name) "    \"" name "\": {\"kind\": \"one_of\"},\n"
#define EVENT(name) "    \"" name "\": {\"kind\": \"event\"},\n"
    return "{\n"
           "  \"providers\": {\n"
           "    \"shop\": {\"party\": \"first\"},\n"
           "    \"partner\": {\"party\": \"second\"},\n"
           "    \"datahub\": {\"party\": \"third\", \"ttl\": \"60d\"}\n"
           "  },\n"
           "  \"attributes\": {\n"
           ONE_OF("geo.country") ONE_OF("geo.region") ONE_OF("geo.city")
           ONE_OF("device.type") ONE_OF("device.os")
           ONE_OF("device.browser") ONE_OF("device.vendor")
           "    \"demo.age\": {\"kind\": \"number\", \"unit\": \"years\"},\n"
           ONE_OF("demo.gender") ONE_OF("demo.age_band")
           ONE_OF("demo.income")
           "    \"visits\": {\"kind\": \"number\"},\n"
           "    \"newsletter\": {\"kind\": \"flag\"},\n"
           "    \"interest\": {\"kind\": \"many_of\"},\n"
           EVENT("page.view") EVENT("cart.add") EVENT("app.open")
           EVENT("search") EVENT("ad.view") EVENT("ad.click")
           EVENT("video.play") EVENT("email.open")
           "    \"purchase\": {\"kind\": \"event\", \"amount\": true}\n"
           "  }\n"
           "}\n";
#undef ONE_OF
#undef EVENT
}
