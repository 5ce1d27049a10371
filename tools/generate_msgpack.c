/*
 * generate_msgpack.c - a drawn record as one msgpack map; the file is a
 * stream of such maps.
 *
 *   first byte      meaning
 *   80 + n          map of n members
 *   90 + n          array of n values
 *   a0 + n, d9 n    text of n bytes (up to 31, up to 255)
 *   00..7f, cc n    number (below 128, below 256)
 *   ce, d3, cb      number of 4 bytes, of 8 bytes; double; big-endian
 *   c3              true
 *
 * Times are whole seconds, amounts doubles: as short as the format can.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "generate_record.h"

#include "base/error.h"

static char *put_byte(char *at, uint32_t byte)
{
    *at = (char)(unsigned char)byte;
    return at + 1;
}

static char *put_big_endian(char *at, uint64_t bits, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        at = put_byte(at, (uint32_t)(bits >> 8 * (bytes - 1 - i) & 0xff));
    return at;
}

static char *put_text_head(char *at, size_t len)
{
    ASSERT(len < 256);
    if (len < 32)
        return put_byte(at, 0xa0 + (uint32_t)len);
    return put_byte(put_byte(at, 0xd9), (uint32_t)len);
}

static char *pack_text(char *at, const char *text)
{
    const size_t len = strlen(text);
    return put_bytes(put_text_head(at, len), text, len);
}

static char *pack_number(char *at, uint32_t number)
{
    if (number < 128)
        return put_byte(at, number);
    if (number < 256)
        return put_byte(put_byte(at, 0xcc), number);
    return put_big_endian(put_byte(at, 0xce), number, 4);
}

static char *pack_truth(char *at)
{
    return put_byte(at, 0xc3);
}

const flavour packed_flavour = {pack_text, pack_text, pack_number,
                                 pack_truth, ""};

static char *pack_double(char *at, double number)
{
    uint64_t bits = 0;
    memcpy(&bits, &number, sizeof bits);
    return put_big_endian(put_byte(at, 0xcb), bits, 8);
}

static char *pack_map(char *at, uint32_t members)
{
    ASSERT(members < 16);
    return put_byte(at, 0x80 + members);
}

static char *pack_array(char *at, uint32_t values)
{
    if (values < 16)
        return put_byte(at, 0x90 + values);
    return put_big_endian(put_byte(at, 0xdc), values, 2);
}

static char *pack_ids(const record_writer *w, char *at, const drawn_record *r)
{
    at = PUT(at, "\xa3ids");
    at = pack_map(at, (uint32_t)__builtin_popcount(r->ids));
    for (uint32_t space = 0; space < ID_SPACES; space++) {
        if ((r->ids >> space & 1) == 0)
            continue;
        char id[64];
        const char *end = put_id(id, w->seed, r->user, space);
        at = pack_text(at, id_space_names[space]);
        at = put_text_head(at, (size_t)(end - id));
        at = put_bytes(at, id, (size_t)(end - id));
    }
    return at;
}

static char *pack_set(const record_writer *w, char *at, const drawn_record *r)
{
    char *head = PUT(at, "\xa3set");
    uint32_t members = 0;
    at = head + 1;
#define SET_MEMBER(is, snippet, holds)                                        \
    if (is) {                                                                 \
        at = put_snippet(at, snippet);                                        \
        members += (holds);                                                   \
    }
    SET_MEMBER(r->place >= 0, w->place[r->place], 3)
    SET_MEMBER(r->device >= 0, w->device[r->device], 4)
    SET_MEMBER(r->age >= 0, w->age[r->age], 1)
    SET_MEMBER(r->gender >= 0, w->gender[r->gender], 1)
    SET_MEMBER(r->band >= 0, w->band[r->band], 1)
    SET_MEMBER(r->income >= 0, w->income[r->income], 1)
    SET_MEMBER(r->visits >= 0, w->visits[r->visits], 1)
    SET_MEMBER(r->newsletter, w->newsletter, 1)
#undef SET_MEMBER
    pack_map(head, members);
    return at;
}

static char *pack_events(const record_writer *w, char *at,
                         const drawn_record *r)
{
    at = pack_array(PUT(at, "\xa6" "events"), r->event_count);
    for (uint32_t i = 0; i < r->event_count; i++) {
        const drawn_event *e = &r->events[i];
        at = pack_map(at, 2u + (e->count > 1) + (e->cents > 0));
        at = put_snippet(at, w->event[e->event][e->value]);
        if (e->count > 1)
            at = pack_number(PUT(at, "\xa5" "count"), e->count);
        if (e->cents > 0)
            at = pack_double(PUT(at, "\xa6" "amount"), e->cents / 100.0);
    }
    return at;
}

char *packed_record(const record_writer *w, char *at, const drawn_record *r)
{
    at = pack_map(at, 3u + (r->ttl_days > 0) + (r->gender >= 0) +
                          (r->interest_count > 0) + (r->event_count > 0));
    at = pack_ids(w, at, r);
    at = PUT(at, "\xa2ts");
    at = put_big_endian(put_byte(at, 0xd3), (uint64_t)r->ts, 8);
    at = put_snippet(at, w->provider[r->provider]);
    if (r->ttl_days > 0)
        at = put_snippet(at, w->ttl);
    if (r->gender >= 0)
        at = pack_set(w, at, r);
    if (r->interest_count > 0) {
        at = pack_map(PUT(at, "\xa3" "add"), 1);
        at = PUT(at, "\xa8interest");
        at = pack_array(at, r->interest_count);
        for (uint32_t i = 0; i < r->interest_count; i++)
            at = put_snippet(at, w->interest[r->interests[i]]);
    }
    if (r->event_count > 0)
        at = pack_events(w, at, r);
    return at;
}
