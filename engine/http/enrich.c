/*
 * enrich.c - how this server names its segments in OpenRTB: by their numbers,
 * and by the nodes of a taxonomy that they carry.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/enrich.h"

#include <stdio.h>
#include <string.h>

int enrich_check(const muster_server_options *options, muster_error *err)
{
    muster_error cause;
    if (options->enrich_name == NULL ||
        !openrtb_name_is_fine(options->enrich_name))
        return error_set(err, MUSTER_EINVAL, "bad_option",
                         "enrich_name must be 1 to %u printable ASCII "
                         "characters without quote and backslash",
                         OPENRTB_NAME_BYTES_MAX);
    if (options->enrich_ids == NULL ||
        openrtb_ids_check(options->enrich_ids, &cause) == 0)
        return 0;
    return error_set(err, MUSTER_EINVAL, "bad_option", "enrich_ids: %s",
                     cause.message);
}

openrtb_rules enrich_rules(const http_request *r)
{
    const muster_server_options *o = request_options(r);
    return (openrtb_rules){.name = o->enrich_name,
                           .segtax = o->enrich_segtax,
                           .ids = o->enrich_ids != NULL ? o->enrich_ids
                                                        : OPENRTB_IDS_DEFAULT};
}

/* ---- nodes ---- */

void enrich_nodes_add(enrich_nodes *nodes, const openrtb_rules *rules,
                      const muster_saved *row)
{
    if (row->segtax == 0 || row->segtax == rules->segtax ||
        nodes->n == ENRICH_SEGMENTS_MAX)
        return;
    for (uint32_t i = 0; i < nodes->n; i++)
        if (strcmp(nodes->ids[i], row->node) == 0)
            return;
    nodes->segtax = row->segtax;
    snprintf(nodes->ids[nodes->n++], sizeof nodes->ids[0], "%s", row->node);
}

void enrich_nodes_put(const enrich_nodes *nodes, const openrtb_rules *rules,
                      reply *w)
{
    const openrtb_rules named = {.name = rules->name, .segtax = nodes->segtax};
    ASSERT(nodes->n > 0);
    const size_t mark = openrtb_data_begin(w, &named);
    for (uint32_t i = 0; i < nodes->n; i++)
        openrtb_data_put_node(w, nodes->ids[i]);
    openrtb_data_end(w, mark, nodes->n);
}
