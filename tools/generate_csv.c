/*
 * generate_csv.c - a drawn record as one row of CSV.
 *
 * The header names paths, so that `load` needs no mapping. An event cell holds
 * the value; counts and amounts have no place in such a file and are left
 * out. No text of the world holds a comma, a quote or a bar.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate_record.h"

static char *csv_text(char *at, const char *text)
{
    return put_bytes(at, text, strlen(text));
}

static char *csv_name(char *at, const char *name)
{
    (void)name;
    return at;
}

static char *csv_number(char *at, uint32_t number)
{
    return put_decimal(at, number);
}

static char *csv_truth(char *at)
{
    return PUT(at, "true");
}

const flavour csv_flavour = {csv_text, csv_name, csv_number, csv_truth, ","};

char *csv_begin(char *at)
{
    for (uint32_t space = 0; space < ID_SPACES; space++) {
        at = csv_text(PUT(at, "ids."), id_space_names[space]);
        *at++ = ',';
    }
    at = PUT(at, "ts,provider,ttl,"
                 "set.geo.country,set.geo.region,set.geo.city,"
                 "set.device.type,set.device.os,set.device.browser,"
                 "set.device.vendor,set.demo.age,set.demo.gender,"
                 "set.demo.age_band,set.demo.income,set.visits,"
                 "set.newsletter,add.interest");
    for (uint32_t e = 0; e < WORLD_EVENTS; e++)
        at = csv_text(PUT(at, ",event."), world_event_names[e]);
    return PUT(at, "\n");
}

/* The cell of a snippet, or `empty` commas in its place; and a comma. */
static char *put_cell(char *at, const snippet *cells, int index,
                      const char *empty)
{
    at = index >= 0 ? put_snippet(at, cells[index]) : csv_text(at, empty);
    *at++ = ',';
    return at;
}

char *csv_record(const record_writer *w, char *at, const drawn_record *r)
{
    for (uint32_t space = 0; space < ID_SPACES; space++) {
        if ((r->ids >> space & 1) != 0)
            at = put_id(at, w->seed, r->user, space);
        *at++ = ',';
    }
    at = put_time(w, at, r->ts);
    *at++ = ',';
    at = put_cell(at, w->provider, (int)r->provider, "");
    at = put_cell(at, &w->ttl, r->ttl_days > 0 ? 0 : -1, "");
    at = put_cell(at, w->place, r->place, ",,");
    at = put_cell(at, w->device, r->device, ",,,");
    at = put_cell(at, w->age, r->age, "");
    at = put_cell(at, w->gender, r->gender, "");
    at = put_cell(at, w->band, r->band, "");
    at = put_cell(at, w->income, r->income, "");
    at = put_cell(at, w->visits, r->visits, "");
    at = put_cell(at, &w->newsletter, r->newsletter ? 0 : -1, "");
    for (uint32_t i = 0; i < r->interest_count; i++) {
        if (i > 0)
            *at++ = '|';
        at = put_snippet(at, w->interest[r->interests[i]]);
    }
    for (uint32_t e = 0; e < WORLD_EVENTS; e++) {
        *at++ = ',';
        for (uint32_t i = 0; i < r->event_count; i++)
            if (r->events[i].event == e)
                at = put_snippet(at, w->event[e][r->events[i].value]);
    }
    *at++ = '\n';
    return at;
}
