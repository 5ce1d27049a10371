/*
 * generate_ndjson.c - a drawn record as one line of JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate_record.h"

static char *json_text(char *at, const char *text)
{
    *at++ = '"';
    at = put_bytes(at, text, strlen(text)); /* none needs an escape */
    *at++ = '"';
    return at;
}

static char *json_name(char *at, const char *name)
{
    at = json_text(at, name);
    *at++ = ':';
    return at;
}

static char *json_number(char *at, uint32_t number)
{
    return put_decimal(at, number);
}

static char *json_truth(char *at)
{
    return PUT(at, "true");
}

const flavour ndjson_flavour = {json_text, json_name, json_number, json_truth,
                                ","};

static char *put_ids(const record_writer *w, char *at, const drawn_record *r)
{
    static const snippet open[ID_SPACES] = {
        {"\"cookie\":\"                     ", 10},
        {"\"customer\":\"                   ", 12},
        {"\"gaid\":\"                       ", 8},
        {"\"idfa\":\"                       ", 8},
        {"\"ctv\":\"                        ", 7},
    };
    at = PUT(at, "{\"ids\":{");
    for (uint32_t space = 0; space < ID_SPACES; space++) {
        if ((r->ids >> space & 1) == 0)
            continue;
        at = put_snippet(at, open[space]);
        at = put_id(at, w->seed, r->user, space);
        at = PUT(at, "\",");
    }
    at[-1] = '}';
    return at;
}

static char *put_set(const record_writer *w, char *at, const drawn_record *r)
{
    const snippet none = {NULL, 0};
    const snippet members[] = {
        r->place >= 0 ? w->place[r->place] : none,
        r->device >= 0 ? w->device[r->device] : none,
        r->age >= 0 ? w->age[r->age] : none,
        r->gender >= 0 ? w->gender[r->gender] : none,
        r->band >= 0 ? w->band[r->band] : none,
        r->income >= 0 ? w->income[r->income] : none,
        r->visits >= 0 ? w->visits[r->visits] : none,
        r->newsletter ? w->newsletter : none,
    };
    at = PUT(at, ",\"set\":{");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (members[i].len == 0)
            continue;
        at = put_snippet(at, members[i]);
        *at++ = ',';
    }
    at[-1] = '}';
    return at;
}

static char *put_events(const record_writer *w, char *at,
                        const drawn_record *r)
{
    at = PUT(at, ",\"events\":[");
    for (uint32_t i = 0; i < r->event_count; i++) {
        const drawn_event *e = &r->events[i];
        *at++ = '{';
        at = put_snippet(at, w->event[e->event][e->value]);
        if (e->count > 1)
            at = put_decimal(PUT(at, ",\"count\":"), e->count);
        if (e->cents > 0) {
            at = put_decimal(PUT(at, ",\"amount\":"), e->cents / 100);
            *at++ = '.';
            *at++ = (char)('0' + e->cents / 10 % 10);
            *at++ = (char)('0' + e->cents % 10);
        }
        at = PUT(at, "},");
    }
    at[-1] = ']';
    return at;
}

char *ndjson_record(const record_writer *w, char *at, const drawn_record *r)
{
    at = put_ids(w, at, r);
    at = PUT(at, ",\"ts\":\"");
    at = put_time(w, at, r->ts);
    at = PUT(at, "\",");
    at = put_snippet(at, w->provider[r->provider]);
    if (r->ttl_days > 0) {
        *at++ = ',';
        at = put_snippet(at, w->ttl);
    }
    if (r->gender >= 0)
        at = put_set(w, at, r);
    if (r->interest_count > 0) {
        at = PUT(at, ",\"add\":{\"interest\":[");
        for (uint32_t i = 0; i < r->interest_count; i++) {
            at = put_snippet(at, w->interest[r->interests[i]]);
            *at++ = ',';
        }
        at[-1] = ']';
        *at++ = '}';
    }
    if (r->event_count > 0)
        at = put_events(w, at, r);
    return PUT(at, "}\n");
}
