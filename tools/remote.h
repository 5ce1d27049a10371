/*
 * remote.h - a server behind the verbs: muster --server URL.
 *
 * Design. The verbs ask the engine through client.h, the smallest seam there
 * is: the calls of <muster/...> that they make, and no others. client.c hands
 * each to the engine of a directory or to its twin here. A twin sends one
 * request to the route of that question (docs/http.md) and fills the engine's
 * own struct from the JSON that comes back, so that everything behind it
 * (output.c, message.c, carets, exit codes) is the same code for both and
 * prints the same bytes.
 *
 *   http_client.c      connections, TLS, time limits, repeating (libcurl)
 *   remote.c           the session, requests, problems to errors, reading JSON
 *   remote_ask.c       expressions: compile, count, users, has, explain, ...
 *   remote_saved.c     saved segments, their versions, lookup
 *   remote_catalog.c   attributes, providers, users who want out
 *   remote_taxonomy.c  the taxonomy, and what is mapped to it
 *   remote_report.c    providers beside each other
 *   remote_access.c    keys, partners, shares
 *   remote_load.c      `load`: a stream of records
 *
 * Compiling is POST /v1/validate: its warnings, or the error with its place.
 * The expression itself goes along with each question. An error's class (a
 * member of the problem) becomes the engine's code, from which the exit code
 * follows.
 *
 * A request is repeated only when that does nothing twice: questions, and
 * writes that say the whole new state. `load` sends its load id as the
 * Idempotency-Key, so that a repeat goes on behind what was stored.
 *
 * Raw ids go in bodies, never into a path or a query, which others may keep;
 * but for DELETE /v1/ids/{space}/{id}, which has no body.
 *
 * On the machine of the verb, and not on the server, work: fmt, generate,
 * completion, help, version. What needs the data directory itself (snapshot,
 * doctor, serve) says so. `top` shows something else: what the server was
 * asked (server_top.c).
 *
 * The server has its own clock, key and budgets: --now, --key-file, --memory,
 * --log and --resident are refused beside --server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "client.h"
#include "http_client.h"

typedef struct remote remote;

/* The directory's own flags mean nothing to a server: 0, or EXIT_USAGE after
 * telling that one was given. */
int remote_check_flags(const cli *c);
/* Nothing is sent yet. 0, or an exit code after telling. */
int remote_open(cli *c, remote **out);
void remote_close(remote *r); /* NULL is fine */
/* Of the last answer that told. */
muster_time remote_now(const remote *r);
muster_epoch remote_epoch(const remote *r);

/* ---- expressions (remote_ask.c) ---- */

typedef struct remote_segment remote_segment;

int remote_segment_compile(remote_segment **out, remote *r, const char *text,
                           size_t len, muster_error *err);
void remote_segment_free(remote_segment *s);
size_t remote_segment_warning_count(const remote_segment *s);
const muster_error *remote_segment_warning(const remote_segment *s, size_t i);
int remote_segment_count(remote_segment *s, bool clauses,
                         const muster_sample *sample, muster_count **out,
                         muster_error *err);
int remote_segment_users(remote_segment *s, uint64_t limit,
                         muster_user_fn each, void *payload,
                         muster_error *err);
int remote_segment_has(remote_segment *s, const muster_id *user, bool *out,
                       muster_error *err);
int remote_segment_explain(remote_segment *s, const muster_id *user,
                           muster_explanation **out, muster_error *err);
int remote_reach_overlap(remote_segment *const *segments, size_t n,
                         muster_overlap **out, muster_error *err);
int remote_reach_breakdown(remote_segment *s, const char *attribute,
                           size_t limit, muster_breakdown **out,
                           muster_error *err);
/* Of the answers above; NULL is fine. */
void remote_answer_free(void *answer);

/* ---- saved segments (remote_saved.c) ---- */

int remote_audience_save(remote *r, const muster_save *save, bool *changed,
                         muster_error *err);
int remote_audience_remove(remote *r, const char *key, muster_error *err);
int remote_audience_revert(remote *r, const char *key, uint32_t version,
                           muster_error *err);
int remote_audiences_each(remote *r, muster_saved_fn each, void *payload,
                          muster_error *err);
int remote_audience_find(remote *r, const char *key, muster_saved_fn each,
                         void *payload, muster_error *err);
int remote_audience_versions(remote *r, const char *key, muster_saved_fn each,
                             void *payload, muster_error *err);
int remote_audience_lookup(remote *r, const muster_id *user, bool *known,
                           muster_saved_fn each, void *payload,
                           muster_error *err);
int remote_audience_lookup_many(remote *r, const muster_id *users, size_t n,
                                client_found_fn each, void *payload,
                                muster_error *err);

/* ---- catalog, users who want out (remote_catalog.c) ---- */

int remote_attributes_each(remote *r, muster_attribute_fn each, void *payload,
                           muster_error *err);
int remote_attribute_find(remote *r, const char *name,
                          muster_attribute_fn each, void *payload,
                          muster_error *err);
int remote_values_each(remote *r, const char *attribute, bool counts,
                       size_t limit, muster_value_fn each, void *payload,
                       muster_error *err);
int remote_providers_each(remote *r, muster_provider_fn each, void *payload,
                          muster_error *err);
int remote_provider_set(remote *r, const char *name, const char *party,
                        const char *ttl, muster_error *err);
int remote_catalog_apply(remote *r, const char *text, size_t len,
                         muster_error *err);
int remote_privacy_optout(remote *r, const muster_id *user, bool undo,
                          bool *known, muster_error *err);
int remote_privacy_forget(remote *r, const muster_id *user, bool *known,
                          muster_error *err);

/* ---- providers beside each other (remote_report.c) ---- */

int remote_reach_report(remote *r, const muster_report_query *query,
                        muster_report **out, muster_error *err);
void remote_report_free(muster_report *report); /* NULL is fine */

/* ---- the taxonomy (remote_taxonomy.c) ---- */

int remote_taxonomy_load(remote *r, const char *name, uint32_t segtax,
                         const char *text, size_t len, muster_error *err);
int remote_taxonomy_map(remote *r, const char *attribute, const char *value,
                        const char *const *nodes, size_t count,
                        muster_error *err);
int remote_taxonomy_about(remote *r, muster_taxonomy *out, muster_error *err);
int remote_taxonomy_each(remote *r, const char *node, uint32_t levels,
                         muster_taxonomy_node_fn each, void *payload,
                         muster_error *err);
int remote_mappings_each(remote *r, const char *node, muster_mapping_fn each,
                         void *payload, muster_error *err);

/* ---- keys, partners, shares (remote_access.c) ---- */

int remote_keys_each(remote *r, muster_key_fn each, void *payload,
                     muster_error *err);
int remote_key_create(remote *r, const muster_key_options *options,
                      char *secret, muster_key_fn each, void *payload,
                      muster_error *err);
int remote_key_revoke(remote *r, const char *id, muster_error *err);
int remote_partners_each(remote *r, muster_partner_fn each, void *payload,
                         muster_error *err);
int remote_partner_set(remote *r, const char *key, const char *name,
                       muster_error *err);
int remote_partner_remove(remote *r, const char *key, muster_error *err);
int remote_partner_shares_each(remote *r, const char *key,
                               muster_saved_fn each, void *payload,
                               muster_error *err);
int remote_audience_share(remote *r, const char *key, const char *partner,
                          bool undo, bool *changed, muster_error *err);

/* What the server counts, as text for Prometheus; freed by mem_free. */
int remote_metrics(remote *r, char **out, muster_error *err);

/* ---- load (remote_load.c) ---- */

typedef struct remote_load {
    const muster_feed_options *options; /* load_id is set */
    /* The next bytes: how many, 0 at the end, -1 to give up. */
    ssize_t (*read)(void *payload, void *to, size_t len);
    void *payload;
} remote_load;
/* A name for a load that was given none: with it, it can go on after a break.
 * Freed by mem_free. */
char *remote_load_id(void);
/* *receipt: the receipt's JSON, freed by mem_free; NULL when none came. One may
 * come with an error as well: of what was accepted before it. */
int remote_load_send(remote *r, const remote_load *load, char **receipt,
                     muster_error *err);

/* ---- what these files share (remote.c) ---- */

/* One request, of which more than the method and path is set where it is
 * needed. */
typedef struct remote_call {
    remote *remote;
    http_exchange http;
    buffer path;
    buffer body;
    json_writer json;  /* of the body */
    const char *text;  /* the expression or file an error may point into */
    size_t text_len;
    bool plain;        /* the answer is no JSON: it is left in http.answer */
    json_doc *doc;     /* the answer */
} remote_call;

/* `repeatable`: see http_client.h. */
void remote_call_init(remote_call *call, remote *r, const char *method,
                      bool repeatable);
void remote_call_release(remote_call *call);
/* Opens the body's JSON object, which remote_call_send closes. */
json_writer *remote_call_body(remote_call *call);
/* The member "ids": a list of n. */
void remote_put_ids(json_writer *w, const muster_id *users, size_t n);
/* What a server says of an id that it refused, without a word of its own. */
#define REMOTE_REFUSED "no id of its space, or personal data"
/* Sends, and reads the answer's JSON: *out is its root, or NULL when it has no
 * body. A problem becomes *err. */
int remote_call_send(remote_call *call, const json_value **out,
                     muster_error *err);
/* Every row of a list ("data"); ends at the first non-zero return, which is
 * returned. `paged`: it comes page after page. */
typedef int (*remote_row_fn)(void *payload, const json_value *row);
int remote_each(remote *r, const char *path, bool paged, remote_row_fn each,
                void *payload, muster_error *err);
/* A CLI_ESERVER: the answer lacks what it must have. */
int remote_bad_answer(const remote *r, const char *lacks, muster_error *err);

/* The error that an element of "errors" or "warnings" tells; its place is in
 * the text. */
void remote_read_error(const json_value *entry, const char *text,
                       size_t text_len, muster_error *out);

/* Members of an object; absent ones and those of another type are empty, 0 or
 * false. Texts live as long as the document. */
const char *member_str(const json_value *object, const char *key);
muster_text member_text(const json_value *object, const char *key);
int64_t member_int(const json_value *object, const char *key);
uint64_t member_uint(const json_value *object, const char *key);
double member_double(const json_value *object, const char *key);
bool member_bool(const json_value *object, const char *key);
muster_time member_time(const json_value *object, const char *key);
/* As json_iter_of and json_count; NULL is an empty list. */
json_iter list_walk(const json_value *list);
size_t list_count(const json_value *list);

#endif
