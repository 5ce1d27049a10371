/*
 * generate_record.c - snippets, ids and times: what the writers share.
 *
 * Ids follow from seed and user alone, so nothing is kept per user:
 *
 *   cookie     16 hex digits
 *   customer   c1, c2, ... by the user's number
 *   gaid, ctv  a UUID in lower case; idfa: one in upper case
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate_record.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"

#define SECONDS_PER_DAY 86400

const char *const id_space_names[ID_SPACES] = {"cookie", "customer", "gaid",
                                               "idfa", "ctv"};

/* ---- small texts ---- */

static const char two_digits[] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";

char *put_decimal(char *at, uint64_t number)
{
    char digits[20];
    size_t first = sizeof digits;
    while (number >= 10) {
        first -= 2;
        memcpy(digits + first, two_digits + number % 100 * 2, 2);
        number /= 100;
    }
    if (number > 0 || first == sizeof digits)
        digits[--first] = (char)('0' + number);
    return put_bytes(at, digits + first, sizeof digits - first);
}

char *put_time(const record_writer *w, char *at, muster_time ts)
{
    const muster_time from = (muster_time)w->first_day * SECONDS_PER_DAY;
    ASSERT(ts >= from);
    const uint32_t day = (uint32_t)((ts - from) / SECONDS_PER_DAY);
    const uint32_t second = (uint32_t)((ts - from) % SECONDS_PER_DAY);
    at = put_snippet(at, w->date[day]);
    memcpy(at, two_digits + second / 3600 * 2, 2);
    at[2] = ':';
    memcpy(at + 3, two_digits + second / 60 % 60 * 2, 2);
    at[5] = ':';
    memcpy(at + 6, two_digits + second % 60 * 2, 2);
    at[8] = 'Z';
    return at + 9;
}

/* ---- ids ---- */

static char *put_hex(char *at, uint64_t bits, uint32_t count,
                     const char *digits)
{
    for (uint32_t i = 0; i < count; i++) {
        at[i] = digits[bits >> 60];
        bits <<= 4;
    }
    return at + count;
}

/* A UUID of version 4: random but for the version and the variant. */
static char *put_uuid(char *at, uint64_t high, uint64_t low,
                      const char *digits)
{
    at = put_hex(at, high, 8, digits);
    *at++ = '-';
    at = put_hex(at, high << 32, 4, digits);
    *at++ = '-';
    *at++ = '4';
    at = put_hex(at, high << 48, 3, digits);
    *at++ = '-';
    *at++ = digits[8 + (low >> 62)];
    at = put_hex(at, low << 4, 3, digits);
    *at++ = '-';
    return put_hex(at, low << 16, 12, digits);
}

char *put_id(char *at, uint64_t seed, uint64_t user, uint32_t space)
{
    ASSERT(space < ID_SPACES);
    if (space == ID_CUSTOMER) {
        *at = 'c';
        return put_decimal(at + 1, user + 1);
    }
    const char *digits =
        space == ID_IDFA ? "0123456789ABCDEF" : "0123456789abcdef";
    const uint64_t high = hash_mix(hash_mix(seed + space) + user);
    if (space == ID_COOKIE)
        return put_hex(at, high, 16, digits);
    return put_uuid(at, high, hash_mix(high + user), digits);
}

/* ---- snippets ---- */

/* Keeps the bytes [from, to), with room to copy a whole last step. */
static snippet keep(record_writer *w, const char *from, const char *to)
{
    const size_t len = (size_t)(to - from);
    const size_t room = (len / SNIPPET_STEP + 1) * SNIPPET_STEP;
    char *bytes = arena_zalloc(&w->memory, room);
    memcpy(bytes, from, len);
    return (snippet){bytes, len};
}

static char *put_member(const flavour *f, char *at, const char *name,
                        const char *text)
{
    at = f->name(at, name);
    return f->text(at, text);
}

static char *put_next(const flavour *f, char *at, const char *name,
                      const char *text)
{
    at = put_bytes(at, f->between, strlen(f->between));
    return put_member(f, at, name, text);
}

static snippet keep_member(record_writer *w, const flavour *f,
                           const char *name, const char *text)
{
    char bytes[512];
    return keep(w, bytes, put_member(f, bytes, name, text));
}

static snippet keep_number(record_writer *w, const flavour *f,
                           const char *name, uint32_t number)
{
    char bytes[512];
    return keep(w, bytes, f->number(f->name(bytes, name), number));
}

static void keep_places(record_writer *w, const flavour *f, const world *from)
{
    char bytes[512];
    for (uint32_t i = 0; i < from->place_count; i++) {
        const world_place *place = &from->places[i];
        char *at = put_member(f, bytes, "geo.country", place->country);
        at = put_next(f, at, "geo.region", place->region);
        at = put_next(f, at, "geo.city", place->city);
        w->place[i] = keep(w, bytes, at);
    }
    for (uint32_t i = 0; i < from->device_count; i++) {
        const world_device *device = &from->devices[i];
        char *at = put_member(f, bytes, "device.type", device->type);
        at = put_next(f, at, "device.os", device->os);
        at = put_next(f, at, "device.browser", device->browser);
        at = put_next(f, at, "device.vendor", device->vendor);
        w->device[i] = keep(w, bytes, at);
    }
}

static void keep_people(record_writer *w, const flavour *f, const world *from)
{
    char bytes[512];
    for (uint32_t i = 0; i < WORLD_PROVIDERS; i++)
        w->provider[i] =
            keep_member(w, f, "provider", world_provider_names[i]);
    w->ttl = keep_member(w, f, "ttl", "60d");
    for (uint32_t i = WORLD_AGE_MIN; i < WORLD_AGE_MIN + WORLD_AGES; i++)
        w->age[i] = keep_number(w, f, "demo.age", i);
    for (uint32_t i = 0; i < WORLD_GENDERS; i++)
        w->gender[i] =
            keep_member(w, f, "demo.gender", world_gender_names[i]);
    for (uint32_t i = 0; i < WORLD_BANDS; i++)
        w->band[i] = keep_member(w, f, "demo.age_band", world_band_names[i]);
    for (uint32_t i = 0; i < WORLD_INCOMES; i++)
        w->income[i] =
            keep_member(w, f, "demo.income", world_income_names[i]);
    for (uint32_t i = 0; i < 256; i++)
        w->visits[i] = keep_number(w, f, "visits", i);
    w->newsletter =
        keep(w, bytes, f->truth(f->name(bytes, "newsletter")));
    for (uint32_t i = 0; i < WORLD_INTERESTS; i++)
        w->interest[i] =
            keep(w, bytes, f->text(bytes, from->interests[i]));
}

static void keep_events(record_writer *w, const flavour *f, const world *from)
{
    char bytes[512];
    for (uint32_t e = 0; e < WORLD_EVENTS; e++) {
        const world_values *values = &from->values[e];
        w->event[e] =
            arena_zalloc(&w->memory, values->count * sizeof(snippet));
        for (uint32_t v = 0; v < values->count; v++) {
            char *at = bytes;
            if (f != &csv_flavour)
                at = put_next(f, put_member(f, at, "name",
                                            world_event_names[e]),
                              "value", values->texts[v]);
            else
                at = f->text(at, values->texts[v]);
            w->event[e][v] = keep(w, bytes, at);
        }
    }
}

void record_writer_init(record_writer *w, generate_format format,
                        const world *from, uint64_t seed, muster_time start,
                        uint32_t days)
{
    const flavour *f = format == GENERATE_CSV       ? &csv_flavour
                       : format == GENERATE_MSGPACK ? &packed_flavour
                                                    : &ndjson_flavour;
    memset(w, 0, sizeof *w);
    arena_init(&w->memory);
    w->record = format == GENERATE_CSV       ? csv_record
                : format == GENERATE_MSGPACK ? packed_record
                                             : ndjson_record;
    w->begin = format == GENERATE_CSV ? csv_begin : NULL;
    w->seed = seed;
    w->start = start;
    w->first_day = clock_day_of(start);
    keep_places(w, f, from);
    keep_people(w, f, from);
    keep_events(w, f, from);
    w->date = arena_zalloc(&w->memory, (days + 2) * sizeof(snippet));
    for (uint32_t d = 0; d < days + 2; d++) {
        char date[32];
        const size_t len =
            clock_format_date(date, w->first_day + (muster_day)d);
        date[len] = 'T';
        w->date[d] = keep(w, date, date + len + 1);
    }
}

void record_writer_release(record_writer *w)
{
    arena_release(&w->memory);
    memset(w, 0, sizeof *w);
}
