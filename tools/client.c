/*
 * client.c - hands each call of client.h to the engine of a directory or to a
 * server's twin of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client.h"

#include <string.h>
#include "base/error.h"
#include "base/mem.h"
#include "remote.h"

struct client_segment {
    muster_segment *local;
    remote_segment *remote; /* or this one */
};

/* Walks of the catalog tell no error of their own. */
static int walked(int status, const char *what, muster_error *err)
{
    if (status >= 0)
        return status;
    return error_set(err, status, "", "cannot list the %s: %s", what,
                     muster_error_name(status));
}

/* ---- state ---- */

/* A line of the shell may name another server, or a directory. */
static bool is_as_opened(const cli *c)
{
    return c->remote != NULL && c->opened.server == c->set.server &&
           c->opened.token == c->set.token &&
           c->opened.token_file == c->set.token_file &&
           c->opened.ca_file == c->set.ca_file &&
           c->opened.timeout_s == c->set.timeout_s;
}

int client_open(cli *c, muster_open_mode mode)
{
    if (c->set.server == NULL)
        return session_open(c, mode);
    const int code = remote_check_flags(c);
    if (code != 0 || is_as_opened(c))
        return code;
    session_close(c);
    c->opened = c->set;
    return remote_open(c, &c->remote);
}

bool client_is_open(const cli *c)
{
    return c->engine != NULL || c->remote != NULL;
}

bool client_exists(const cli *c)
{
    return c->set.server != NULL || session_exists(c);
}

muster_time client_now(const cli *c)
{
    return c->remote != NULL ? remote_now(c->remote)
                             : muster_engine_now(c->engine);
}

muster_epoch client_epoch(const cli *c)
{
    return c->remote != NULL ? remote_epoch(c->remote)
                             : muster_engine_epoch(c->engine);
}

/* ---- expressions ---- */

int client_segment_compile(cli *c, client_segment **out, const char *text,
                           size_t len, muster_error *err)
{
    client_segment *s = mem_zalloc(sizeof *s);
    const int status =
        c->remote != NULL
            ? remote_segment_compile(&s->remote, c->remote, text, len, err)
            : muster_segment_compile(&s->local, c->engine, c->scope, text,
                                     len, err);
    *out = s;
    if (status >= 0)
        return status;
    mem_free(s);
    *out = NULL;
    return status;
}

void client_segment_free(client_segment *s)
{
    if (s == NULL)
        return;
    muster_segment_free(s->local);
    remote_segment_free(s->remote);
    mem_free(s);
}

size_t client_segment_warning_count(const client_segment *s)
{
    return s->remote != NULL ? remote_segment_warning_count(s->remote)
                             : muster_segment_warning_count(s->local);
}

const muster_error *client_segment_warning(const client_segment *s, size_t i)
{
    return s->remote != NULL ? remote_segment_warning(s->remote, i)
                             : muster_segment_warning(s->local, i);
}

int client_segment_count(client_segment *s, bool clauses, muster_count **out,
                         muster_error *err)
{
    return s->remote != NULL
               ? remote_segment_count(s->remote, clauses, NULL, out, err)
               : muster_segment_count(s->local, clauses, out, err);
}

int client_segment_estimate(client_segment *s, const muster_sample *sample,
                            muster_count **out, muster_error *err)
{
    return s->remote != NULL
               ? remote_segment_count(s->remote, false, sample, out, err)
               : muster_segment_estimate(s->local, sample, out, err);
}

void client_count_free(const cli *c, muster_count *count)
{
    if (c->remote != NULL)
        remote_answer_free(count);
    else
        muster_count_free(count);
}

typedef struct first_users {
    muster_user_fn each;
    void *payload;
    uint64_t left;
    bool ended; /* by us or by `each`, not by an error */
} first_users;

static int take_user(void *payload, const muster_pseudonym *user)
{
    first_users *first = payload;
    first->ended =
        first->left == 0 || first->each(first->payload, user) != 0;
    first->left--;
    return first->ended;
}

int client_segment_users(client_segment *s, uint64_t limit,
                         muster_user_fn each, void *payload, muster_error *err)
{
    first_users first = {each, payload, limit, false};
    if (s->remote != NULL)
        return remote_segment_users(s->remote, limit, each, payload, err);
    const int status = muster_segment_users(s->local, take_user, &first, err);
    return first.ended ? 0 : status;
}

int client_segment_has(client_segment *s, const muster_id *user, bool *out,
                       muster_error *err)
{
    return s->remote != NULL ? remote_segment_has(s->remote, user, out, err)
                             : muster_segment_has(s->local, user, out, err);
}

int client_segment_explain(client_segment *s, const muster_id *user,
                           muster_explanation **out, muster_error *err)
{
    return s->remote != NULL
               ? remote_segment_explain(s->remote, user, out, err)
               : muster_segment_explain(s->local, user, out, err);
}

void client_explanation_free(const cli *c, muster_explanation *explanation)
{
    if (c->remote != NULL)
        remote_answer_free(explanation);
    else
        muster_explanation_free(explanation);
}

int client_reach_overlap(cli *c, client_segment *const *segments, size_t n,
                         muster_overlap **out, muster_error *err)
{
    remote_segment *remotes[MUSTER_OVERLAP_MAX];
    muster_segment *locals[MUSTER_OVERLAP_MAX];
    ASSERT(n <= MUSTER_OVERLAP_MAX);
    for (size_t i = 0; i < n; i++) {
        remotes[i] = segments[i]->remote;
        locals[i] = segments[i]->local;
    }
    return c->remote != NULL ? remote_reach_overlap(remotes, n, out, err)
                             : muster_reach_overlap(locals, n, out, err);
}

void client_overlap_free(const cli *c, muster_overlap *overlap)
{
    if (c->remote != NULL)
        remote_answer_free(overlap);
    else
        muster_overlap_free(overlap);
}

int client_reach_breakdown(client_segment *s, const char *attribute,
                           size_t limit, muster_breakdown **out,
                           muster_error *err)
{
    return s->remote != NULL
               ? remote_reach_breakdown(s->remote, attribute, limit, out, err)
               : muster_reach_breakdown(s->local, attribute, limit, out, err);
}

void client_breakdown_free(const cli *c, muster_breakdown *breakdown)
{
    if (c->remote != NULL)
        remote_answer_free(breakdown);
    else
        muster_breakdown_free(breakdown);
}

/* ---- saved segments ---- */

int client_audience_save(cli *c, const muster_save *save, bool *changed,
                         muster_error *err)
{
    return c->remote != NULL
               ? remote_audience_save(c->remote, save, changed, err)
               : muster_audience_save(c->engine, save, changed, err);
}

int client_audience_remove(cli *c, const char *key, muster_error *err)
{
    return c->remote != NULL ? remote_audience_remove(c->remote, key, err)
                             : muster_audience_remove(c->engine, key, err);
}

int client_audience_revert(cli *c, const char *key, uint32_t version,
                           muster_error *err)
{
    return c->remote != NULL
               ? remote_audience_revert(c->remote, key, version, err)
               : muster_audience_revert(c->engine, key, version, err);
}

int client_audiences_each(cli *c, muster_saved_fn each, void *payload,
                          muster_error *err)
{
    return c->remote != NULL
               ? remote_audiences_each(c->remote, each, payload, err)
               : walked(muster_audiences_each(c->engine, each, payload),
                        "segments", err);
}

int client_audience_find(cli *c, const char *key, muster_saved_fn each,
                         void *payload, muster_error *err)
{
    return c->remote != NULL
               ? remote_audience_find(c->remote, key, each, payload, err)
               : muster_audience_find(c->engine, key, each, payload, err);
}

int client_audience_versions(cli *c, const char *key, muster_saved_fn each,
                             void *payload, muster_error *err)
{
    return c->remote != NULL
               ? remote_audience_versions(c->remote, key, each, payload, err)
               : muster_audience_versions(c->engine, key, each, payload, err);
}

int client_audience_lookup(cli *c, const muster_id *user, bool *known,
                           muster_saved_fn each, void *payload,
                           muster_error *err)
{
    return c->remote != NULL
               ? remote_audience_lookup(c->remote, user, known, each, payload,
                                        err)
               : muster_audience_lookup(c->engine, c->scope, user, known, each,
                                        payload, err);
}

/* A user has at most all of MUSTER_SEGMENTS_MAX. */
#define KEYS_BYTES_MAX ((size_t)64 << 20)

typedef struct kept_keys {
    buffer keys; /* each ended by NUL */
    size_t count;
} kept_keys;

static int keep_key(void *payload, const muster_saved *row)
{
    kept_keys *kept = payload;
    buffer_put(&kept->keys, row->key, strlen(row->key) + 1);
    kept->count++;
    return 0;
}

/* The directory's own answer about one of many. */
static int find_keys(cli *c, const muster_id *user, kept_keys *kept,
                     client_found *out, muster_error *err)
{
    bool known = false;
    buffer_clear(&kept->keys);
    kept->count = 0;
    const int status = muster_audience_lookup(c->engine, c->scope, user,
                                              &known, keep_key, kept, err);
    *out = (client_found){.status = known ? "hit" : "miss",
                          .keys = (const char *)kept->keys.data,
                          .key_count = kept->count};
    if (status != MUSTER_EINVAL && status != MUSTER_EREFUSED)
        return status;
    *out = (client_found){.status = "refused", .message = err->message};
    return 0;
}

int client_audience_lookup_many(cli *c, const muster_id *users, size_t n,
                                client_found_fn each, void *payload,
                                muster_error *err)
{
    kept_keys kept = {.count = 0};
    client_found found;
    int status = 0;
    ASSERT(n <= CLIENT_LOOKUP_MAX);
    if (c->remote != NULL)
        return remote_audience_lookup_many(c->remote, users, n, each, payload,
                                           err);
    buffer_init(&kept.keys, KEYS_BYTES_MAX);
    for (size_t i = 0; i < n && status == 0; i++) {
        status = find_keys(c, &users[i], &kept, &found, err);
        if (status == 0)
            status = each(payload, &found);
    }
    buffer_release(&kept.keys);
    return status;
}

/* ---- catalog, users who want out ---- */

int client_attributes_each(cli *c, muster_attribute_fn each, void *payload,
                           muster_error *err)
{
    return c->remote != NULL
               ? remote_attributes_each(c->remote, each, payload, err)
               : walked(muster_attributes_each(c->engine, each, payload),
                        "attributes", err);
}

int client_attribute_find(cli *c, const char *name, muster_attribute_fn each,
                          void *payload, muster_error *err)
{
    return c->remote != NULL
               ? remote_attribute_find(c->remote, name, each, payload, err)
               : muster_attribute_find(c->engine, name, each, payload, err);
}

int client_values_each(cli *c, const char *attribute, bool counts,
                       size_t limit, muster_value_fn each, void *payload,
                       muster_error *err)
{
    return c->remote != NULL
               ? remote_values_each(c->remote, attribute, counts, limit, each,
                                    payload, err)
               : muster_values_each(c->engine, c->scope, attribute, counts,
                                    limit, each, payload, err);
}

int client_providers_each(cli *c, muster_provider_fn each, void *payload,
                          muster_error *err)
{
    return c->remote != NULL
               ? remote_providers_each(c->remote, each, payload, err)
               : walked(muster_providers_each(c->engine, each, payload),
                        "providers", err);
}

int client_provider_set(cli *c, const char *name, const char *party,
                        const char *ttl, muster_error *err)
{
    return c->remote != NULL
               ? remote_provider_set(c->remote, name, party, ttl, err)
               : muster_provider_set(c->engine, name, party, ttl, err);
}

int client_catalog_apply(cli *c, const char *text, size_t len,
                         muster_error *err)
{
    return c->remote != NULL ? remote_catalog_apply(c->remote, text, len, err)
                             : muster_catalog_apply(c->engine, text, len, err);
}

int client_taxonomy_load(cli *c, const char *name, uint32_t segtax,
                         const char *text, size_t len, muster_error *err)
{
    return c->remote != NULL
               ? remote_taxonomy_load(c->remote, name, segtax, text, len, err)
               : muster_taxonomy_load(c->engine, name, segtax, text, len,
                                      err);
}

int client_taxonomy_map(cli *c, const char *attribute, const char *value,
                        const char *const *nodes, size_t count,
                        muster_error *err)
{
    return c->remote != NULL ? remote_taxonomy_map(c->remote, attribute,
                                                   value, nodes, count, err)
                             : muster_taxonomy_map(c->engine, attribute,
                                                   value, nodes, count, err);
}

int client_taxonomy_about(cli *c, muster_taxonomy *out, muster_error *err)
{
    if (c->remote != NULL)
        return remote_taxonomy_about(c->remote, out, err);
    muster_taxonomy_about(c->engine, out);
    return 0;
}

int client_taxonomy_each(cli *c, const char *node, uint32_t levels,
                         muster_taxonomy_node_fn each, void *payload,
                         muster_error *err)
{
    return c->remote != NULL
               ? remote_taxonomy_each(c->remote, node, levels, each, payload,
                                      err)
               : muster_taxonomy_each(c->engine, node, levels, each, payload,
                                      err);
}

int client_mappings_each(cli *c, const char *node, muster_mapping_fn each,
                         void *payload, muster_error *err)
{
    return c->remote != NULL
               ? remote_mappings_each(c->remote, node, each, payload, err)
               : muster_mappings_each(c->engine, node, each, payload, err);
}

int client_reach_report(cli *c, const muster_report_query *query,
                        muster_report **out, muster_error *err)
{
    return c->remote != NULL
               ? remote_reach_report(c->remote, query, out, err)
               : muster_reach_report(c->engine, c->scope, query, NULL, out,
                                     err);
}

void client_report_free(const cli *c, muster_report *report)
{
    if (c->remote != NULL)
        remote_report_free(report);
    else
        muster_report_free(report);
}

int client_privacy_optout(cli *c, const muster_id *user, bool undo,
                          bool *known, muster_error *err)
{
    return c->remote != NULL
               ? remote_privacy_optout(c->remote, user, undo, known, err)
               : muster_privacy_optout(c->engine, user, undo, known, err);
}

int client_privacy_forget(cli *c, const muster_id *user, bool *known,
                          muster_error *err)
{
    return c->remote != NULL
               ? remote_privacy_forget(c->remote, user, known, err)
               : muster_privacy_forget(c->engine, user, known, err);
}

/* ---- keys, partners ---- */

int client_keys_each(cli *c, muster_key_fn each, void *payload,
                     muster_error *err)
{
    return c->remote != NULL
               ? remote_keys_each(c->remote, each, payload, err)
               : walked(muster_keys_each(c->engine, each, payload), "keys",
                        err);
}

int client_key_create(cli *c, const muster_key_options *options, char *secret,
                      muster_key_fn each, void *payload, muster_error *err)
{
    return c->remote != NULL
               ? remote_key_create(c->remote, options, secret, each, payload,
                                   err)
               : muster_key_create(c->engine, options, secret, each, payload,
                                   err);
}

int client_key_revoke(cli *c, const char *id, muster_error *err)
{
    return c->remote != NULL ? remote_key_revoke(c->remote, id, err)
                             : muster_key_revoke(c->engine, id, err);
}

int client_partners_each(cli *c, muster_partner_fn each, void *payload,
                         muster_error *err)
{
    return c->remote != NULL
               ? remote_partners_each(c->remote, each, payload, err)
               : walked(muster_partners_each(c->engine, each, payload),
                        "partners", err);
}

int client_partner_set(cli *c, const char *key, const char *name,
                       muster_error *err)
{
    return c->remote != NULL
               ? remote_partner_set(c->remote, key, name, err)
               : muster_partner_set(c->engine, key, name, NULL, err);
}

int client_partner_remove(cli *c, const char *key, muster_error *err)
{
    return c->remote != NULL ? remote_partner_remove(c->remote, key, err)
                             : muster_partner_remove(c->engine, key, err);
}

int client_partner_shares_each(cli *c, const char *key, muster_saved_fn each,
                               void *payload, muster_error *err)
{
    return c->remote != NULL
               ? remote_partner_shares_each(c->remote, key, each, payload, err)
               : muster_partner_shares_each(c->engine, key, each, payload,
                                            err);
}

int client_audience_share(cli *c, const char *key, const char *partner,
                          bool undo, bool *changed, muster_error *err)
{
    return c->remote != NULL
               ? remote_audience_share(c->remote, key, partner, undo, changed,
                                       err)
               : muster_audience_share(c->engine, key, partner, undo, changed,
                                       err);
}
