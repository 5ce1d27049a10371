/*
 * geo.c - addresses to attributes, of a real database beside libmaxminddb.
 *
 *   v4, v6   random addresses of the whole space (v6: of 2001::/16
 *            and the first /12 of 2400, 2600, 2800, 2a00 and 2c00), one core:
 *            `derive`, an address to what follows from it; `text`, the same
 *            from its text; the library alone: `find`, MMDB_lookup_sockaddr,
 *            which reads nothing; `read`, the same and three values of what it
 *            found. Millions a second.
 *
 * The database is that of MUSTER_BENCH_MMDB; without one this is skipped, and
 * said so. Answers: each address is found or not as the library says of its
 * shortened form.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <arpa/inet.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/geo_shelf.h"

#define ADDRESSES 4000000
#define ADDRESSES_QUICK 200000

typedef struct geo_state {
    const char *path; /* NULL: none, or it cannot be used */
    geo_shelf *shelf;
    geo_reader *reader;
    MMDB_s peer;
    struct sockaddr_storage *whole; /* as given */
    struct sockaddr_storage *cut;   /* shortened */
    geo_address *addresses;
    char (*texts)[INET6_ADDRSTRLEN];
    size_t count;
} geo_state;

static const char *geo_name(size_t i)
{
    static const char *const names[] = {"v4", "v6", NULL};
    return names[i];
}

static void *geo_setup(const bench_options *o)
{
    geo_state *s = mem_zalloc(sizeof *s);
    muster_error err;
    s->path = getenv("MUSTER_BENCH_MMDB");
    if (s->path == NULL) {
        fprintf(stderr, "geo: skipped: MUSTER_BENCH_MMDB names no database\n");
        return s;
    }
    bench_must(geo_shelf_open(&s->shelf, &s->path, 1, &err), "geo", &err);
    s->reader = geo_reader_new(s->shelf);
    if (MMDB_open(s->path, MMDB_MODE_MMAP, &s->peer) != MMDB_SUCCESS) {
        fprintf(stderr, "geo: libmaxminddb cannot open it\n");
        exit(1);
    }
    s->count = o->quick ? ADDRESSES_QUICK : ADDRESSES;
    s->whole = mem_array(s->count, sizeof *s->whole);
    s->cut = mem_array(s->count, sizeof *s->cut);
    s->addresses = mem_array(s->count, sizeof *s->addresses);
    s->texts = mem_array(s->count, sizeof *s->texts);
    return s;
}

static void geo_teardown(void *state)
{
    geo_state *s = state;
    if (s->path != NULL)
        MMDB_close(&s->peer);
    geo_reader_free(s->reader);
    geo_shelf_free(s->shelf);
    mem_free(s->whole);
    mem_free(s->cut);
    mem_free(s->addresses);
    mem_free(s->texts);
    mem_free(s);
}

static void put_address(struct sockaddr_storage *to, const uint8_t *bytes,
                        bool v6)
{
    memset(to, 0, sizeof *to);
    to->ss_family = v6 ? AF_INET6 : AF_INET;
    if (v6)
        memcpy(&((struct sockaddr_in6 *)(void *)to)->sin6_addr, bytes, 16);
    else
        memcpy(&((struct sockaddr_in *)(void *)to)->sin_addr, bytes, 4);
}

static void make_addresses(geo_state *s, bool v6, uint64_t seed)
{
    static const uint8_t firsts[] = {0x20, 0x24, 0x26, 0x28, 0x2a, 0x2c};
    random_state dice;
    random_seed(&dice, seed);
    for (size_t i = 0; i < s->count; i++) {
        uint8_t bytes[16] = {0};
        const uint64_t v = random_u64(&dice);
        memcpy(bytes, &v, 8);
        if (v6) { /* where the registries give addresses from */
            bytes[0] = firsts[bytes[0] % sizeof firsts];
            bytes[1] = bytes[0] == 0x20 ? 0x01 : bytes[1] & 0x0f;
        }
        put_address(&s->whole[i], bytes, v6);
        inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, s->texts[i],
                  sizeof s->texts[i]);
        geo_address_parse(&s->addresses[i], text_of(s->texts[i]));
        memset(bytes + (v6 ? 6 : 3), 0, v6 ? 10 : 1);
        put_address(&s->cut[i], bytes, v6);
    }
}

/* ---- what is measured: each gives how many were found ---- */

static size_t run_derive(geo_state *s)
{
    size_t found = 0;
    derived d;
    for (size_t i = 0; i < s->count; i++) {
        d.known = d.open = 0;
        found += geo_derive(s->reader, &s->addresses[i], &d);
    }
    return found;
}

static size_t run_text(geo_state *s)
{
    size_t found = 0;
    derived d;
    for (size_t i = 0; i < s->count; i++) {
        geo_address a;
        d.known = d.open = 0;
        found += geo_address_parse(&a, text_of(s->texts[i])) &&
                 geo_derive(s->reader, &a, &d);
    }
    return found;
}

static size_t run_find(geo_state *s)
{
    size_t found = 0;
    for (size_t i = 0; i < s->count; i++) {
        int rc = 0;
        found += MMDB_lookup_sockaddr(
                     &s->peer, (struct sockaddr *)&s->cut[i], &rc)
                     .found_entry;
    }
    return found;
}

static size_t run_read(geo_state *s)
{
    static const char *const paths[][4] = {
        {"country", "iso_code"}, {"country_code"}, {"city"}};
    size_t found = 0;
    for (size_t i = 0; i < s->count; i++) {
        int rc = 0;
        MMDB_entry_data_s data;
        MMDB_lookup_result_s at = MMDB_lookup_sockaddr(
            &s->peer, (struct sockaddr *)&s->whole[i], &rc);
        for (size_t p = 0; p < 3 && at.found_entry; p++)
            MMDB_aget_value(&at.entry, &data, paths[p]);
        found += at.found_entry;
    }
    return found;
}

static double measure(geo_state *s, size_t (*run)(geo_state *s), size_t *found)
{
    const uint64_t from = clock_monotonic_ns();
    *found = run(s);
    return (double)s->count * 1e3 / (double)(clock_monotonic_ns() - from);
}

static bool geo_run(void *state, size_t i, const bench_options *o, report *out)
{
    geo_state *s = state;
    size_t found[4];
    if (s->path == NULL)
        return true;
    make_addresses(s, i == 1, o->seed);
    (void)run_derive(s);
    const double derive = measure(s, run_derive, &found[0]);
    const double text = measure(s, run_text, &found[1]);
    const double find = measure(s, run_find, &found[2]);
    const double read = measure(s, run_read, &found[3]);
    const bool ok = found[0] == found[2] && found[1] == found[2];
    report_begin(out, "geo", geo_name(i));
    report_count(out, "addresses", s->count);
    report_count(out, "found", found[0]);
    report_number(out, "derive_M_per_s", derive, 2);
    report_number(out, "text_M_per_s", text, 2);
    report_number(out, "find_M_per_s", find, 2);
    report_number(out, "read_M_per_s", read, 2);
    report_end(out, ok);
    return ok;
}

const bench bench_geo = {
    .name = "geo",
    .about = "addresses to attributes, beside libmaxminddb "
             "(MUSTER_BENCH_MMDB=FILE)",
    .case_name = geo_name,
    .setup = geo_setup,
    .run = geo_run,
    .teardown = geo_teardown,
};
