/*
 * enrich.h - how this server names its segments in OpenRTB; private to
 * engine/http.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_ENRICH_H
#define HTTP_ENRICH_H

#include <muster/limits.h>
#include "http/openrtb.h"
#include "http/parts.h"

/* Are the options of OpenRTB fine? MUSTER_EINVAL "bad_option". */
int enrich_check(const muster_server_options *options, muster_error *err);
/* They, of the server that was asked; texts stay as long as it. */
openrtb_rules enrich_rules(const http_request *r);

/* Segments of one answer: what the field's adapters pass on at most. */
#define ENRICH_SEGMENTS_MAX 500u

/* Nodes of a taxonomy that segments of an answer carry, each once, in the
 * order of the segments. Only `n` is to be set to 0 before. */
typedef struct enrich_nodes {
    uint32_t n;
    uint32_t segtax;
    char ids[ENRICH_SEGMENTS_MAX][MUSTER_TAXONOMY_ID_BYTES_MAX + 1];
} enrich_nodes;
/* The node of a segment, where it carries one and the taxonomy has a number
 * that is not the one of our own entry. */
void enrich_nodes_add(enrich_nodes *nodes, const openrtb_rules *rules,
                      const muster_saved *row);
/* Their entry of user.data; there must be one at least. */
void enrich_nodes_put(const enrich_nodes *nodes, const openrtb_rules *rules,
                      reply *w);

#endif

