/*
 * population_record.c - one random record, told twice.
 *
 * What a record does is drawn as a list of deeds in the order of LANGUAGE.md
 * ("Inside a record: clear, remove, set, add, events"). The twin is told them
 * in that order; the JSON has its members in any order, as a client may.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include "support/dice.h"
#include "support/population_internal.h"

#define DEEDS_MAX 64
#define VALUES_MAX 4
#define DAY 86400
#define AHEAD_MAX 86000 /* within the 24 hours that are accepted */

typedef enum deed_phase {
    PHASE_CLEAR,
    PHASE_REMOVE,
    PHASE_SET,
    PHASE_ADD,
    PHASE_EVENTS,
    PHASES
} deed_phase;

typedef enum deed_form {
    FORM_NONE,
    FORM_NULL,
    FORM_TRUE,
    FORM_FALSE,
    FORM_TEXT,  /* values[0] */
    FORM_TEXTS, /* values */
    FORM_NUMBER
} deed_form;

typedef struct deed {
    deed_phase phase;
    uint32_t attribute;
    deed_form form;
    const char *values[VALUES_MAX];
    uint32_t value_count;
    int64_t number;
    uint32_t count;  /* events; 0 = not written, 1 is meant */
    int64_t amount;  /* -1 = not written */
    bool has_ts;
    muster_time ts;
} deed;

typedef struct record {
    population *p;
    population_feed *feed;
    uint32_t user;
    uint32_t provider;
    bool has_ts;
    muster_time ts;
    uint32_t ttl_hours;
    uint32_t ids[2]; /* KNOWN_..., in the order of the record */
    uint32_t id_count;
    deed deeds[DEEDS_MAX];
    uint32_t deed_count;
} record;

/* ---- times ---- */

muster_time population_edge(random_state *r, muster_time t)
{
    switch (dice(r, 8)) {
    case 0:
        return (muster_time)clock_day_of(t) * DAY;
    case 1:
        return (muster_time)clock_day_of(t) * DAY + DAY - 1;
    case 2:
        return (muster_time)clock_hour_of(t) * 3600;
    case 3:
        return (muster_time)clock_hour_of(t) * 3600 + 3599;
    default:
        return t;
    }
}

/* At most AHEAD_MAX after the clock of the feed. */
static muster_time draw_ts(record *c, muster_time oldest)
{
    random_state *r = &c->p->random;
    const muster_time now = c->feed->now;
    muster_time t = now;
    if (chance(r, 12))
        t = now + dice_between(r, 0, AHEAD_MAX);
    else if (chance(r, 60))
        t = now - dice_between(r, 0, 6 * DAY);
    else
        t = now - dice_between(r, 0, 45 * DAY);
    t = population_edge(r, t);
    if (t > now + AHEAD_MAX)
        t = now + AHEAD_MAX;
    return t < oldest ? oldest + dice(r, 2) * 7200 : t;
}

/* The first second of the attribute's retention. */
static muster_time oldest_event(const record *c,
                                const population_attribute *a)
{
    return ((muster_time)clock_day_of(c->feed->now) - a->retention_days + 1) *
           DAY;
}

/* ---- drawing deeds ---- */

static deed *new_deed(record *c, deed_phase phase, uint32_t attribute,
                      deed_form form)
{
    ASSERT(c->deed_count < DEEDS_MAX);
    deed *d = &c->deeds[c->deed_count++];
    *d = (deed){.phase = phase,
                .attribute = attribute,
                .form = form,
                .amount = -1};
    return d;
}

static const char *draw_value(record *c, const population_attribute *a)
{
    return a->values[dice(&c->p->random, a->value_count)];
}

static void draw_values(record *c, const population_attribute *a, deed *d,
                        uint32_t least, uint32_t most)
{
    d->value_count =
        least + dice(&c->p->random, most - least + 1);
    for (uint32_t i = 0; i < d->value_count; i++)
        d->values[i] = draw_value(c, a);
}

static void draw_number(record *c, const population_attribute *a, deed *d)
{
    d->number = a->numbers[dice(&c->p->random, a->number_count)];
}

static void draw_event(record *c, uint32_t attribute)
{
    random_state *r = &c->p->random;
    const population_attribute *a = &c->p->attributes[attribute];
    static const int64_t amounts[] = {0,      1,       10000,       199900,
                                      500000, 1000000, 10000000000, 99999,
                                      100000000000};
    deed *d = new_deed(c, PHASE_EVENTS, attribute, FORM_NONE);
    const muster_time oldest = oldest_event(c, a);
    if (chance(r, 80))
        draw_values(c, a, d, 1, 1);
    if (chance(r, 40))
        d->count = chance(r, 4) ? 1000000000 : 1 + dice(r, a->cap + 1);
    if (a->amount && chance(r, 75))
        d->amount = PICK(r, amounts);
    d->has_ts = c->ts < oldest || chance(r, 60);
    d->ts = d->has_ts ? draw_ts(c, oldest) : c->ts;
}

/* A record sets an attribute at most once, as keys stand once in JSON. */
static void draw_set(record *c, uint32_t attribute)
{
    random_state *r = &c->p->random;
    const population_attribute *a = &c->p->attributes[attribute];
    if (chance(r, 6)) {
        new_deed(c, PHASE_SET, attribute, FORM_NULL);
        return;
    }
    switch (a->kind) {
    case NAIVE_FLAG:
        new_deed(c, PHASE_SET, attribute,
                 chance(r, 80) ? FORM_TRUE : FORM_FALSE);
        break;
    case NAIVE_ONE_OF:
        draw_values(c, a, new_deed(c, PHASE_SET, attribute, FORM_TEXT), 1, 1);
        break;
    case NAIVE_MANY_OF:
        draw_values(c, a, new_deed(c, PHASE_SET, attribute, FORM_TEXTS), 0,
                    3);
        break;
    default:
        draw_number(c, a, new_deed(c, PHASE_SET, attribute, FORM_NUMBER));
        break;
    }
}

static void draw_deeds(record *c, uint32_t attribute, deed_phase phase)
{
    random_state *r = &c->p->random;
    const population_attribute *a = &c->p->attributes[attribute];
    const bool many = a->kind == NAIVE_MANY_OF;
    switch (phase) {
    case PHASE_CLEAR:
        if (chance(r, 5))
            new_deed(c, PHASE_CLEAR, attribute, FORM_NONE);
        break;
    case PHASE_REMOVE:
        if ((many || a->kind == NAIVE_ONE_OF) && chance(r, 15))
            draw_values(c, a,
                        new_deed(c, PHASE_REMOVE, attribute, FORM_TEXTS), 1,
                        many ? 2 : 1);
        break;
    case PHASE_SET:
        if (a->kind != NAIVE_EVENT && chance(r, many ? 12 : 75))
            draw_set(c, attribute);
        break;
    case PHASE_ADD:
        if (many && chance(r, 75))
            draw_values(c, a, new_deed(c, PHASE_ADD, attribute, FORM_TEXTS),
                        1, 3);
        break;
    default:
        if (a->kind == NAIVE_EVENT)
            for (uint32_t n = 1 + dice(r, 3); n > 0; n--)
                draw_event(c, attribute);
        break;
    }
}

/* ---- ids ---- */

/* At least one that is known, so that the record is this user's. */
static void draw_ids(record *c)
{
    random_state *r = &c->p->random;
    const population_user *who = &c->p->who[c->user];
    uint32_t ids = KNOWN_COOKIE | KNOWN_CUSTOMER;
    if (who->primary == 0) /* its first record; or an act has named it */
        ids = who->known != 0 || chance(r, 75) ? KNOWN_COOKIE : ids;
    else if (chance(r, 70))
        ids = who->known == ids ? 1 + dice(r, 3) : who->known;
    c->id_count = 0;
    if ((ids & KNOWN_COOKIE) != 0)
        c->ids[c->id_count++] = KNOWN_COOKIE;
    if ((ids & KNOWN_CUSTOMER) != 0)
        c->ids[c->id_count++] = KNOWN_CUSTOMER;
    if (c->id_count == 2 && chance(r, 50)) {
        c->ids[0] = KNOWN_CUSTOMER;
        c->ids[1] = KNOWN_COOKIE;
    }
}

static void note_ids(record *c)
{
    population_user *who = &c->p->who[c->user];
    if (who->forgotten)
        return;
    if (who->primary == 0)
        who->primary = (uint8_t)c->ids[0];
    for (uint32_t i = 0; i < c->id_count; i++)
        who->known |= (uint8_t)c->ids[i];
}

/* ---- to the twin ---- */

static void say(const record *c, const deed *d, naive_op op,
                const char *value)
{
    const naive_statement s = {
        .user = c->user,
        .provider = c->provider,
        .attribute = d->attribute,
        .op = op,
        .value = text_of(value),
        .number = d->number,
        .ts = d->phase == PHASE_EVENTS ? d->ts : c->ts,
        .ttl_hours = c->ttl_hours,
        .count = d->count == 0 ? 1 : d->count,
        .amount = d->amount < 0 ? 0 : d->amount,
    };
    naive_say(c->p->twin, &s);
}

static void tell_twin(const record *c, const deed *d)
{
    if (d->phase == PHASE_EVENTS) {
        say(c, d, NAIVE_HAPPEN, d->value_count > 0 ? d->values[0] : NULL);
        return;
    }
    if (d->phase == PHASE_CLEAR || d->form == FORM_NULL ||
        d->form == FORM_FALSE)
        say(c, d, NAIVE_CLEAR, NULL);
    else if (d->form != FORM_TEXTS)
        say(c, d, NAIVE_SAY, d->form == FORM_TEXT ? d->values[0] : NULL);
    if (d->form != FORM_TEXTS)
        return;
    if (d->phase == PHASE_SET) /* an array replaces */
        say(c, d, NAIVE_CLEAR, NULL);
    for (uint32_t i = 0; i < d->value_count; i++)
        say(c, d, d->phase == PHASE_REMOVE ? NAIVE_TAKE : NAIVE_ADD,
            d->values[i]);
}

/* ---- to JSON ---- */

static void put_ts(const record *c, json_writer *w, muster_time ts)
{
    char text[32];
    random_state *r = &c->p->random;
    json_key(w, "ts");
    if (chance(r, 30)) {
        json_put_int(w, ts);
        return;
    }
    if (chance(r, 80)) {
        clock_format_time(text, ts);
    } else { /* an offset */
        clock_format_time(text, ts + 5400);
        snprintf(text + 19, sizeof text - 19, "+01:30");
    }
    json_put_str(w, text);
}

static void put_form(const record *c, json_writer *w, const deed *d)
{
    const population_attribute *a = &c->p->attributes[d->attribute];
    char date[32];
    switch (d->form) {
    case FORM_NULL:
        json_put_null(w);
        break;
    case FORM_TRUE:
    case FORM_FALSE:
        json_put_bool(w, d->form == FORM_TRUE);
        break;
    case FORM_TEXT:
        json_put_str(w, d->values[0]);
        break;
    case FORM_TEXTS:
        json_open_array(w);
        for (uint32_t i = 0; i < d->value_count; i++)
            json_put_str(w, d->values[i]);
        json_close(w);
        break;
    default:
        ASSERT(d->form == FORM_NUMBER);
        if (a->dates) {
            clock_format_date(date, (muster_day)(d->number / 10000));
            json_put_str(w, date);
        } else {
            json_put_scaled(w, d->number);
        }
    }
}

static void put_event(const record *c, json_writer *w, const deed *d)
{
    json_open_object(w);
    if (d->has_ts && chance(&c->p->random, 50))
        put_ts(c, w, d->ts);
    else if (d->has_ts) {
        json_key(w, "ts");
        json_put_int(w, d->ts);
    }
    json_key(w, "name");
    json_put_str(w, c->p->attributes[d->attribute].name);
    if (d->value_count > 0) {
        json_key(w, "value");
        json_put_str(w, d->values[0]);
    }
    if (d->count > 0) {
        json_key(w, "count");
        json_put_uint(w, d->count);
    }
    if (d->amount >= 0) {
        json_key(w, "amount");
        json_put_scaled(w, d->amount);
    }
    json_close(w);
}

static void put_phase(const record *c, json_writer *w, deed_phase phase)
{
    static const char *const names[] = {"clear", "remove", "set", "add",
                                        "events"};
    bool open = false;
    const bool list = phase == PHASE_CLEAR || phase == PHASE_EVENTS;
    for (uint32_t i = 0; i < c->deed_count; i++) {
        const deed *d = &c->deeds[i];
        const char *attribute = c->p->attributes[d->attribute].name;
        if (d->phase != phase)
            continue;
        if (!open) {
            json_key(w, names[phase]);
            if (list)
                json_open_array(w);
            else
                json_open_object(w);
            open = true;
        }
        if (phase == PHASE_CLEAR) {
            json_put_str(w, attribute);
        } else if (phase == PHASE_EVENTS) {
            put_event(c, w, d);
        } else {
            json_key(w, attribute);
            put_form(c, w, d);
        }
    }
    if (open)
        json_close(w);
}

static void put_head(const record *c, json_writer *w)
{
    char space[24];
    char id[24];
    json_key(w, "ids");
    json_open_object(w);
    for (uint32_t i = 0; i < c->id_count; i++) {
        population_id(c->user, c->ids[i], space, id);
        json_key(w, space);
        json_put_str(w, id);
    }
    json_close(w);
    if (c->has_ts)
        put_ts(c, w, c->ts);
    if (c->ttl_hours != NAIVE_TTL_UNSET) {
        char ttl[16];
        text_format_duration(ttl, c->ttl_hours);
        json_key(w, "ttl");
        json_put_str(w, ttl);
    }
}

static void put_json(const record *c)
{
    json_writer w;
    const uint32_t turn = dice(&c->p->random, PHASES);
    const bool last = chance(&c->p->random, 30);
    buffer *out = &c->feed->bytes;
    json_begin(&w, out, false);
    json_open_object(&w);
    if (!last)
        put_head(c, &w);
    for (uint32_t i = 0; i < PHASES; i++)
        put_phase(c, &w, (deed_phase)((i + turn) % PHASES));
    json_key(&w, "provider");
    json_put_str(&w, c->p->providers[c->provider].name);
    if (last)
        put_head(c, &w);
    json_close(&w);
    buffer_put_u8(out, '\n');
    ASSERT(buffer_ok(out));
}

/* ---- records ---- */

static void begin_record(record *c, population *p, population_feed *feed,
                         uint32_t user)
{
    static const uint32_t ttls[] = {0,      1,       2,       12,
                                    47,     48,      49,      24 * 5,
                                    24 * 9, 24 * 30, 24 * 90, 24 * 4};
    random_state *r = &p->random;
    c->p = p;
    c->feed = feed;
    c->user = user;
    c->deed_count = 0;
    c->provider = dice(r, p->provider_count);
    c->has_ts = chance(r, 85);
    c->ts = c->has_ts ? draw_ts(c, 0) : feed->now;
    c->ttl_hours = chance(r, 30) ? PICK(r, ttls) : NAIVE_TTL_UNSET;
    draw_ids(c);
}

/* A forgotten user's record is refused, so the twin does not hear of it. */
static void end_record(record *c)
{
    put_json(c);
    c->feed->records++;
    if (c->p->who[c->user].forgotten) {
        c->feed->forgotten++;
        return;
    }
    note_ids(c);
    for (uint32_t i = 0; i < c->deed_count; i++)
        tell_twin(c, &c->deeds[i]);
}

void population_record(population *p, population_feed *feed, uint32_t user)
{
    record c;
    begin_record(&c, p, feed, user);
    const uint32_t share = 10 + dice(&p->random, 50);
    bool chosen[POPULATION_ATTRIBUTES_MAX];
    for (uint32_t a = 0; a < p->attribute_count; a++)
        chosen[a] = chance(&p->random, share);
    for (uint32_t phase = 0; phase < PHASES; phase++)
        for (uint32_t a = 0; a < p->attribute_count; a++)
            if (chosen[a])
                draw_deeds(&c, a, (deed_phase)phase);
    end_record(&c);
}

/* ---- patterns ---- */

/* Does the attribute's pattern take the user? It follows from the
 * attribute's number and the size alone. */
static bool pattern_takes(const population *p, uint32_t attribute,
                          uint32_t user)
{
    const uint64_t mix = hash_mix(attribute * 7919u + p->users);
    const uint32_t spread = (uint32_t)(mix >> 32);
    switch (mix % 6) {
    case 0: /* all */
        return true;
    case 1: /* one long range */
        return user >= spread % p->users / 2 &&
               user < spread % p->users / 2 + p->users / 3;
    case 2: /* many ranges */
        return user / (64 + spread % 3000) % 2 == 0;
    case 3: /* every n-th */
        return user % (2 + spread % 40) == 0;
    case 4: /* a tenth */
        return hash_mix(user ^ mix) % 10 == 0;
    default: /* few */
        return hash_mix(user ^ mix) % 500 == 0;
    }
}

/* Mostly one value for long stretches of users, else any. */
static const char *pattern_value(record *c, const population_attribute *a)
{
    if (chance(&c->p->random, 60))
        return a->values[c->user / 5000 % a->value_count];
    return draw_value(c, a);
}

static void pattern_deed(record *c, uint32_t attribute)
{
    const population_attribute *a = &c->p->attributes[attribute];
    deed *d = NULL;
    switch (a->kind) {
    case NAIVE_FLAG:
        new_deed(c, PHASE_SET, attribute, FORM_TRUE);
        break;
    case NAIVE_ONE_OF:
        d = new_deed(c, PHASE_SET, attribute, FORM_TEXT);
        d->values[d->value_count++] = pattern_value(c, a);
        break;
    case NAIVE_MANY_OF:
        d = new_deed(c, PHASE_ADD, attribute, FORM_TEXTS);
        d->values[d->value_count++] = pattern_value(c, a);
        break;
    case NAIVE_NUMBER:
        draw_number(c, a, new_deed(c, PHASE_SET, attribute, FORM_NUMBER));
        break;
    default:
        draw_event(c, attribute);
        break;
    }
}

void population_pattern_record(population *p, population_feed *feed,
                               uint32_t user)
{
    record c;
    begin_record(&c, p, feed, user);
    if (chance(&p->random, 90))
        c.provider = 0;
    for (uint32_t kind = 0; kind <= NAIVE_EVENT; kind++)
        for (uint32_t a = 0; a < p->attribute_count; a++)
            if (p->attributes[a].kind == (naive_kind)kind &&
                pattern_takes(p, a, user))
                pattern_deed(&c, a);
    end_record(&c);
}
