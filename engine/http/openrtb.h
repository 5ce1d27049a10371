/*
 * openrtb.h - bid requests of OpenRTB 2.x: what they say about consent, whose
 * ids they bring, and putting our segments into their user.data; private to
 * engine/http.
 *
 *   openrtb bid;
 *   if (openrtb_read(&bid, body, &err) != 0) ...     bad_json, bad_request
 *   if (openrtb_forbids(&bid)) ...                   answer nothing
 *   n = openrtb_ids(&bid, rules.ids, ids);           candidates, in order
 *   ... segments of the first that is known ...
 *   openrtb_data_begin(&w, &rules); openrtb_data_put(&w, 101); ...
 *   openrtb_insert(&bid, &rules, ours, out);         the request with them
 *   openrtb_release(&bid);
 *
 * Consent fails closed: a signal that is there and not plainly "no" forbids,
 * in its place of 2.6 (`regs.gdpr`) and of 2.5 (`regs.ext.gdpr`) alike, and in
 * each of its places when a member stands twice.
 *
 * openrtb_insert keeps every byte of the request that is not ours: numbers,
 * escapes, white space, unknown members. `user.data` gets our entry, the last,
 * in the place of all of the same name and segtax; and, where nodes of a
 * taxonomy are told (rules.nodes), an entry of these, likewise.
 *
 * Threads: a bid belongs to one. Texts are borrowed from the body.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_OPENRTB_H
#define HTTP_OPENRTB_H

#include "base/base.h"
#include "http/reply.h"

/* Ids of one request that are tried: a device, a publisher's and an
 * exchange's id and some eids; more is no person. */
#define OPENRTB_IDS_MAX 16u
/* Names of data, which stand in answers as they are. */
#define OPENRTB_NAME_BYTES_MAX 128u

/* The buyer's own id before the exchange's, a device where there is neither. */
#define OPENRTB_IDS_DEFAULT                                                    \
    "user.buyeruid=cookie user.id=cookie device.ifa:ios=idfa "                 \
    "device.ifa:android=gaid device.ifa=ctv"

/* How requests are read and answered. Texts are the server's. */
typedef struct openrtb_rules {
    const char *name; /* of user.data[]: the provider, usually a domain */
    uint32_t segtax;  /* user.data[].ext.segtax; 0: none, proprietary */
    const char *ids;  /* which ids are of which space; see openrtb_ids */
    uint32_t nodes;   /* segtax of an entry of nodes beside it; 0: none */
} openrtb_rules;

typedef struct openrtb_id {
    muster_text space;
    muster_text id;
} openrtb_id;

typedef struct openrtb {
    json_doc *doc;
    muster_text text;
    const json_value *user;    /* NULL: absent or null */
    const json_value *data;    /* user.data, likewise */
    const json_value *device;  /* likewise */
    const json_value *eids[2]; /* user.eids, user.ext.eids */
    size_t user_at;            /* which member of the request is user ... */
    size_t data_at;            /* ... and of user is data; SIZE_MAX: none */
    bool forbidden;
    bool timed;       /* tmax is there ... */
    uint64_t tmax_ns; /* ... with this time; 0 when below 1 ms */
} openrtb;

/* MUSTER_EPARSE (bad_json); MUSTER_EINVAL "bad_request" where the request is
 * no object, user, user.data or device have the wrong form, or one of the
 * members that are read stands twice, so that another reader may see another.
 * Messages hold nothing of the request. `body` must outlive *out. */
int openrtb_read(openrtb *out, muster_text body, muster_error *err);
void openrtb_release(openrtb *bid);

/* coppa, gdpr, gpp, gpp_sid, gpc, an opt-out of us_privacy; a TC string where
 * gdpr is not told to be off; device.dnt and device.lmt. */
bool openrtb_forbids(const openrtb *bid);

/* Is `rules` a list of PLACE=SPACE, with blanks or commas between, where PLACE
 * is one of
 *   user.id, user.buyeruid
 *   eids:SOURCE            an id of user.eids (or user.ext.eids) by source
 *   device.ifa             the device's advertising id
 *   device.ifa:OS          the same where device.os is OS, in any case
 * MUSTER_EINVAL "bad_openrtb_ids" with the place. */
int openrtb_ids_check(const char *rules, muster_error *err);
/* Is the name printable ASCII without quote and backslash? */
bool openrtb_name_is_fine(const char *name);

/* The ids that a request brings, in the order of the rules; how many. Rules
 * must have been checked. */
size_t openrtb_ids(const openrtb *bid, const char *rules,
                   openrtb_id out[OPENRTB_IDS_MAX]);

/* One entry of user.data with a list of segments; the mark goes to the end. */
size_t openrtb_data_begin(reply *w, const openrtb_rules *rules);
void openrtb_data_put(reply *w, uint32_t segment);
void openrtb_data_put_node(reply *w, const char *id);
void openrtb_data_end(reply *w, size_t mark, uint32_t n);

/* Appends the request with `ours`, entries as JSON with commas between, in
 * user.data. */
void openrtb_insert(const openrtb *bid, const openrtb_rules *rules,
                    muster_text ours, buffer *out);

#endif
