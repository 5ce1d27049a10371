/*
 * on_enrich.c - POST /v1/openrtb/enrich: segments into bid requests.
 *
 *   200  ?return=fragment (as when absent): {"user":{"data":[ours]}}
 *        ?return=request: the request as sent, with ours in user.data
 *   204  nothing to add: no known user, no segment of it, a signal of consent
 *        that forbids, or tmax is over; the bid request goes on unchanged
 *   400  no JSON
 *   422  not a bid request
 *
 * Ids are tried in the order of the rules until one is of a known user; a
 * user who opted out is known, and ends the search with nothing. Ids that are
 * malformed or personal data are passed over.
 *
 * Cost: parsing the request, one lookup an id tried.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include "http/enrich.h"
#include "http/lookup.h"

/* Of so many segments, {"id":"4294967295"}, as many nodes, and the name twice:
 * far from it. */
#define ENRICH_BYTES_MAX ((size_t)64 << 10)

typedef struct enriching {
    http_request *r;
    openrtb_rules rules;
    openrtb bid;
    buffer ours; /* our entry of user.data */
    reply w;     /* into it */
    size_t mark;
    uint32_t n;
    enrich_nodes *nodes;
} enriching;

static int put_segment(void *payload, const muster_saved *row)
{
    enriching *e = payload;
    if (e->n == ENRICH_SEGMENTS_MAX)
        return 0;
    if (e->n++ == 0)
        e->mark = openrtb_data_begin(&e->w, &e->rules);
    openrtb_data_put(&e->w, row->id);
    enrich_nodes_add(e->nodes, &e->rules, row);
    return 0;
}

/* Segments of the first known user into e->ours; false: answered. */
static bool find_segments(enriching *e, http_answer *a)
{
    openrtb_id ids[OPENRTB_IDS_MAX];
    lookup_state state = lookup_newest();
    lookup_status status = LOOKUP_MISS;
    muster_error err;
    const size_t n = openrtb_ids(&e->bid, e->rules.ids, ids);
    const uint64_t began = clock_monotonic_ns();
    for (size_t i = 0; i < n; i++) {
        const muster_id user =
            lookup_named(&e->r->texts, ids[i].space, ids[i].id);
        status = lookup_user(e->r, &user, put_segment, e, &state, &err);
        if (status == LOOKUP_HIT || status == LOOKUP_FAILED)
            break;
    }
    a->eval_ns = clock_monotonic_ns() - began;
    if (status != LOOKUP_FAILED)
        return true;
    answer_error(a, &err, "");
    return false;
}

/* A browser's signal, passed on by whoever calls: anything but 0 is one. */
static bool header_forbids(http_request *r)
{
    muster_text v;
    return request_header(r, "Sec-GPC", &v) && text_trim(v).len > 0 &&
           !text_is(text_trim(v), "0");
}

static bool is_allowed(const enriching *e)
{
    return request_options(e->r)->assume_consent ||
           (!openrtb_forbids(&e->bid) && !header_forbids(e->r));
}

/* Is tmax over? It began when the request did. */
static bool is_late(const enriching *e)
{
    return e->bid.timed &&
           clock_monotonic_ns() - request_began(e->r) >= e->bid.tmax_ns;
}

static void put_fragment(enriching *e, http_answer *a)
{
    buffer_put_str(&a->body, "{\"user\":{\"data\":[");
    buffer_put(&a->body, e->ours.data, e->ours.len);
    buffer_put_str(&a->body, "]}}");
}

/* Their entry behind ours. */
static void put_nodes(enriching *e)
{
    if (e->nodes->n == 0)
        return;
    reply w = reply_into(&e->ours, MEDIA_JSON);
    buffer_put_u8(&e->ours, ',');
    enrich_nodes_put(e->nodes, &e->rules, &w);
    e->rules.nodes = e->nodes->segtax;
}

static void answer_bid(enriching *e, bool whole, http_answer *a)
{
    if (!is_allowed(e) || is_late(e)) {
        answer_empty(a, 204);
        return;
    }
    if (!find_segments(e, a))
        return;
    if (e->n == 0 || is_late(e)) {
        answer_empty(a, 204);
        return;
    }
    openrtb_data_end(&e->w, e->mark, e->n);
    put_nodes(e);
    ASSERT(buffer_ok(&e->ours));
    a->media = MEDIA_JSON;
    if (whole)
        openrtb_insert(&e->bid, &e->rules,
                       text_make((char *)e->ours.data, e->ours.len), &a->body);
    else
        put_fragment(e, a);
}

/* ?return=; false: answered. */
static bool read_return(http_request *r, bool *whole, http_answer *a)
{
    muster_text name;
    *whole = false;
    if (!request_query(r, "return", &name) || text_is(name, "fragment"))
        return true;
    *whole = text_is(name, "request");
    if (!*whole)
        answer_problem(a, 400, "bad_parameter",
                       "return is fragment or request");
    return *whole;
}

void on_enrich(http_request *r, http_answer *a)
{
    enrich_nodes nodes;
    enriching e = {.r = r, .rules = enrich_rules(r), .nodes = &nodes};
    muster_error err;
    bool whole;
    if (!read_return(r, &whole, a))
        return;
    if (openrtb_read(&e.bid, r->body, &err) != 0) {
        answer_error(a, &err, "");
        return;
    }
    nodes.n = 0;
    buffer_init(&e.ours, ENRICH_BYTES_MAX);
    e.w = reply_into(&e.ours, MEDIA_JSON);
    answer_bid(&e, whole, a);
    buffer_release(&e.ours);
    openrtb_release(&e.bid);
}
