/*
 * client.h - the engine that a verb asks: that of a data directory, opened in
 * this process, or a server's (remote.h). Verbs call these functions and do
 * not know which of the two it is.
 *
 * They are the calls of <muster/...> of the same names that the verbs make,
 * with the same answers, in the same structs, and the same errors; the session
 * stands where an engine and a scope do. What a server alone can bring is an
 * error with the code CLI_ESERVER: it was not reached, or its answer cannot be
 * read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "cli.h"

/* ---- state ---- */

/* Opens what the flags and the environment name, once: the data directory as
 * session_open does, or the way to a server, of which nothing is asked yet.
 * 0, or an exit code after telling. */
int client_open(cli *c, muster_open_mode mode);
bool client_is_open(const cli *c);
/* Is there something to open: a server's name, or a data directory? */
bool client_exists(const cli *c);
/* Of the engine; of a server, what its last answer told. */
muster_time client_now(const cli *c);
muster_epoch client_epoch(const cli *c);

/* ---- expressions ---- */

int client_segment_compile(cli *c, client_segment **out, const char *text,
                           size_t len, muster_error *err);
void client_segment_free(client_segment *s); /* NULL is fine */
size_t client_segment_warning_count(const client_segment *s);
const muster_error *client_segment_warning(const client_segment *s, size_t i);

int client_segment_count(client_segment *s, bool clauses, muster_count **out,
                         muster_error *err);
int client_segment_estimate(client_segment *s, const muster_sample *sample,
                            muster_count **out, muster_error *err);
void client_count_free(const cli *c, muster_count *count);
/* At most `limit` users; a non-zero return of `each` ends it early. */
int client_segment_users(client_segment *s, uint64_t limit,
                         muster_user_fn each, void *payload,
                         muster_error *err);
int client_segment_has(client_segment *s, const muster_id *user, bool *out,
                       muster_error *err);
int client_segment_explain(client_segment *s, const muster_id *user,
                           muster_explanation **out, muster_error *err);
void client_explanation_free(const cli *c, muster_explanation *explanation);
int client_reach_overlap(cli *c, client_segment *const *segments, size_t n,
                         muster_overlap **out, muster_error *err);
void client_overlap_free(const cli *c, muster_overlap *overlap);
int client_reach_breakdown(client_segment *s, const char *attribute,
                           size_t limit, muster_breakdown **out,
                           muster_error *err);
int client_reach_report(cli *c, const muster_report_query *query,
                        muster_report **out, muster_error *err);
void client_report_free(const cli *c, muster_report *report);
void client_breakdown_free(const cli *c, muster_breakdown *breakdown);

/* ---- saved segments ---- */

int client_audience_save(cli *c, const muster_save *save, bool *changed,
                         muster_error *err);
int client_audience_remove(cli *c, const char *key, muster_error *err);
int client_audience_revert(cli *c, const char *key, uint32_t version,
                           muster_error *err);
int client_audiences_each(cli *c, muster_saved_fn each, void *payload,
                          muster_error *err);
int client_audience_find(cli *c, const char *key, muster_saved_fn each,
                         void *payload, muster_error *err);
int client_audience_versions(cli *c, const char *key, muster_saved_fn each,
                             void *payload, muster_error *err);
int client_audience_lookup(cli *c, const muster_id *user, bool *known,
                           muster_saved_fn each, void *payload,
                           muster_error *err);

/* What is known of one of many users. */
typedef struct client_found {
    const char *status;  /* "hit", "miss" or "refused" */
    const char *message; /* why refused */
    const char *keys;    /* of its segments, each ended by NUL */
    size_t key_count;
} client_found;
typedef int (*client_found_fn)(void *payload, const client_found *found);
#define CLIENT_LOOKUP_MAX 1000
/* Up to CLIENT_LOOKUP_MAX users, in order; a server gets one request. A
 * non-zero return of `each` ends it. */
int client_audience_lookup_many(cli *c, const muster_id *users, size_t n,
                                client_found_fn each, void *payload,
                                muster_error *err);

/* ---- catalog, users who want out ---- */

int client_attributes_each(cli *c, muster_attribute_fn each, void *payload,
                           muster_error *err);
int client_attribute_find(cli *c, const char *name, muster_attribute_fn each,
                          void *payload, muster_error *err);
int client_values_each(cli *c, const char *attribute, bool counts,
                       size_t limit, muster_value_fn each, void *payload,
                       muster_error *err);
int client_providers_each(cli *c, muster_provider_fn each, void *payload,
                          muster_error *err);
int client_provider_set(cli *c, const char *name, const char *party,
                        const char *ttl, muster_error *err);
int client_catalog_apply(cli *c, const char *text, size_t len,
                         muster_error *err);
int client_taxonomy_load(cli *c, const char *name, uint32_t segtax,
                         const char *text, size_t len, muster_error *err);
int client_taxonomy_map(cli *c, const char *attribute, const char *value,
                        const char *const *nodes, size_t count,
                        muster_error *err);
int client_taxonomy_about(cli *c, muster_taxonomy *out, muster_error *err);
int client_taxonomy_each(cli *c, const char *node, uint32_t levels,
                         muster_taxonomy_node_fn each, void *payload,
                         muster_error *err);
int client_mappings_each(cli *c, const char *node, muster_mapping_fn each,
                         void *payload, muster_error *err);
int client_privacy_optout(cli *c, const muster_id *user, bool undo,
                          bool *known, muster_error *err);
int client_privacy_forget(cli *c, const muster_id *user, bool *known,
                          muster_error *err);

/* ---- keys, partners ---- */

int client_keys_each(cli *c, muster_key_fn each, void *payload,
                     muster_error *err);
int client_key_create(cli *c, const muster_key_options *options, char *secret,
                      muster_key_fn each, void *payload, muster_error *err);
int client_key_revoke(cli *c, const char *id, muster_error *err);
int client_partners_each(cli *c, muster_partner_fn each, void *payload,
                         muster_error *err);
int client_partner_set(cli *c, const char *key, const char *name,
                       muster_error *err);
int client_partner_remove(cli *c, const char *key, muster_error *err);
int client_partner_shares_each(cli *c, const char *key, muster_saved_fn each,
                               void *payload, muster_error *err);
int client_audience_share(cli *c, const char *key, const char *partner,
                          bool undo, bool *changed, muster_error *err);

#endif
