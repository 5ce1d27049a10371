/*
 * generate_record.h - private to the generator: one drawn record, and the
 * three ways to write it.
 *
 * A record is what was drawn, as numbers of the world; a writer turns it into
 * bytes. All writers get the same records, so the formats hold the same facts
 * (but CSV, which has no place for counts and amounts).
 *
 * Most of a record is text that occurs again and again. So a writer first
 * makes *snippets*: a place, a device, an interest or an event with all that
 * stands around it in its format; writing a record is then mostly copying.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GENERATE_RECORD_H
#define GENERATE_RECORD_H

#include <string.h>
#include <muster/types.h>
#include "base/mem.h"
#include "generate.h"
#include "generate_world.h"

enum { INTERESTS_MAX = 16, EVENTS_MAX = 2 };

enum { ID_COOKIE, ID_CUSTOMER, ID_GAID, ID_IDFA, ID_CTV, ID_SPACES };

typedef struct drawn_event {
    world_event event;
    uint32_t value;
    uint32_t count;
    uint32_t cents; /* 0: no amount */
} drawn_event;

/* -1 where a record does not say it. */
typedef struct drawn_record {
    uint64_t user;
    uint32_t ids; /* bit per ID_... */
    world_provider provider;
    muster_time ts;
    int ttl_days;
    int place;
    int device;
    int age;
    int gender;
    int band;
    int income;
    int visits;
    bool newsletter;
    uint32_t interest_count;
    uint32_t interests[INTERESTS_MAX];
    uint32_t event_count;
    drawn_event events[EVENTS_MAX];
} drawn_record;

/* Copied in steps of SNIPPET_STEP bytes, so there is room behind both. */
#define SNIPPET_STEP 32u
typedef struct snippet {
    const char *bytes;
    size_t len;
} snippet;

static inline char *put_snippet(char *at, snippet s)
{
    size_t i = 0;
    do {
        memcpy(at + i, s.bytes + i, SNIPPET_STEP);
        i += SNIPPET_STEP;
    } while (i < s.len);
    return at + s.len;
}

/* How a format writes `"name":"text"`, and what stands between two. */
typedef struct flavour {
    char *(*text)(char *at, const char *text);   /* a value alone */
    char *(*name)(char *at, const char *name);   /* before a value */
    char *(*number)(char *at, uint32_t number);
    char *(*truth)(char *at); /* true */
    const char *between;      /* of two members or two values */
} flavour;

typedef struct record_writer record_writer;
struct record_writer {
    /* Writes a record behind `at`, at most RECORD_BYTES_MAX bytes. */
    char *(*record)(const record_writer *w, char *at, const drawn_record *r);
    char *(*begin)(char *at); /* what stands before all records; or NULL */
    uint64_t seed;
    muster_day first_day; /* of dates */
    muster_time start;
    arena memory;
    snippet provider[WORLD_PROVIDERS];
    snippet ttl;
    snippet place[WORLD_CITIES_MAX];
    snippet device[WORLD_DEVICES_MAX];
    snippet age[WORLD_AGE_MIN + WORLD_AGES];
    snippet gender[WORLD_GENDERS];
    snippet band[WORLD_BANDS];
    snippet income[WORLD_INCOMES];
    snippet visits[256];
    snippet newsletter;
    snippet interest[WORLD_INTERESTS];
    snippet *event[WORLD_EVENTS]; /* by value */
    snippet *date;                /* "2026-11-20T" */
};

#define RECORD_BYTES_MAX 8192u
#define TTL_DAYS 60

/* Makes the snippets. `days` dates from the day of `start` on. */
void record_writer_init(record_writer *w, generate_format format,
                        const world *from, uint64_t seed, muster_time start,
                        uint32_t days);
void record_writer_release(record_writer *w);

extern const flavour ndjson_flavour;
extern const flavour csv_flavour;
extern const flavour packed_flavour;
char *ndjson_record(const record_writer *w, char *at, const drawn_record *r);
char *csv_begin(char *at);
char *csv_record(const record_writer *w, char *at, const drawn_record *r);
char *packed_record(const record_writer *w, char *at, const drawn_record *r);

/* Shared by the writers. */
extern const char *const id_space_names[ID_SPACES];
/* The raw id of a user in a space; at most 36 bytes. */
char *put_id(char *at, uint64_t seed, uint64_t user, uint32_t space);
char *put_decimal(char *at, uint64_t number);
/* "2026-11-20T10:00:00Z" */
char *put_time(const record_writer *w, char *at, muster_time ts);

static inline char *put_bytes(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}
#define PUT(at, literal) put_bytes(at, literal, sizeof(literal) - 1)

#endif
