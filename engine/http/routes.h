/*
 * routes.h - the one table of routes. Dispatch, limits, permissions, the
 * OpenAPI document, the reference in docs/ and the tests all read it.
 *
 * To add a route: write its handler in on_<subject>.c, then a row in the
 * section of its subject. The handler is declared from the row: WAY QUICK,
 * INDEXED and WORK declare `void handler(http_request *r, http_answer *a)`, STREAM
 * declares `extern const http_stream handler`.
 *
 * X(name, METHOD, "path", may, WAY, body_max, partner, admin_only,
 *   takes, offers, handler,
 *   "summary", "query", "sends", "example", "answers")
 *
 *   name        an identifier, unique: operationId and label of metrics
 *   METHOD      GET POST PUT PATCH DELETE; HEAD comes with GET
 *   path        {name} is one part of it, never empty, decoded into r->args
 *   may         http_permission bits of which one is needed; 0: open to all
 *   WAY         QUICK INDEXED WORK STREAM (parts.h)
 *   body_max    bytes, after its Content-Encoding; 0: no body is taken
 *   partner     a partner's key may ask
 *   admin_only  with two listeners, on the admin one alone
 *   takes       TAKES_NOTHING _DOCUMENT _RECORDS
 *   offers      OFFERS_DATA _JSON _METRICS _ROWS
 *   summary     one line
 *   query       "limit cursor": the parameters it knows
 *   sends       an example of a body, JSON; "" = none
 *   example     an example of the path with its query
 *   answers     "200 304 404": what it may answer by itself
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include "http/parts.h"

/* Bodies that are one document: expressions are at most 64 KiB, batches of
 * lookups 1,000 ids of 512 bytes. */
#define BODY_DOCUMENT ((size_t)1 << 20)
/* The catalog file: as long as the engine takes one. */
#define BODY_CATALOG ((size_t)16 << 20)
/* Bodies that are streamed have no bound of their own. */
#define BODY_STREAM SIZE_MAX
/* What customer data platforms send at once: one message, and many. */
#define BODY_MESSAGE ((size_t)32 << 10)
#define BODY_MESSAGES ((size_t)500 << 10)

/* ---- operations (on_ops.c) ---- */

#define HTTP_ROUTES_OPS(X)                                                    \
    X(livez, GET, "/livez", 0, QUICK, 0, true, false,                         \
      TAKES_NOTHING, OFFERS_DATA, on_livez,                                   \
      "Is the process alive?", "", "", "/livez", "200")                       \
    X(readyz, GET, "/readyz", 0, QUICK, 0, true, false,                       \
      TAKES_NOTHING, OFFERS_DATA, on_readyz,                                  \
      "Does it answer requests? 503 while it starts and while it drains",     \
      "verbose", "", "/readyz?verbose", "200 503")                            \
    X(version, GET, "/version", 0, QUICK, 0, true, false,                     \
      TAKES_NOTHING, OFFERS_DATA, on_version,                                 \
      "The version of the server", "", "", "/version", "200")                 \
    X(metrics, GET, "/metrics", MAY_READ | MAY_ADMIN, WORK, 0, false, true,   \
      TAKES_NOTHING, OFFERS_METRICS, on_metrics,                              \
      "What the server counts, for Prometheus", "", "", "/metrics", "200")    \
    X(openapi, GET, "/openapi.json", 0, QUICK, 0, true, false,                \
      TAKES_NOTHING, OFFERS_JSON, on_openapi,                                 \
      "These routes, as an OpenAPI 3.1 document", "", "", "/openapi.json",    \
      "200 304")

/* ---- access: keys, partners (on_keys.c, on_partners.c) ---- */

#define HTTP_ROUTES_ACCESS(X)                                                 \
    X(keys_list, GET, "/v1/keys", MAY_ADMIN, WORK, 0, false, true,            \
      TAKES_NOTHING, OFFERS_DATA, on_keys_list,                               \
      "The keys, the oldest first; never their secrets", "limit cursor", "",  \
      "/v1/keys?limit=10", "200 400")                                         \
    X(key_create, POST, "/v1/keys", MAY_ADMIN, WORK, BODY_DOCUMENT, false,    \
      true, TAKES_DOCUMENT, OFFERS_DATA, on_key_create,                       \
      "Makes a key; its secret is in this answer and nowhere else", "",       \
      "{\"name\":\"Frontend\",\"role\":\"ad-server\"}",                       \
      "/v1/keys", "201 404 422")                                              \
    X(key_revoke, DELETE, "/v1/keys/{id}", MAY_ADMIN, WORK, 0, false, true,   \
      TAKES_NOTHING, OFFERS_DATA, on_key_revoke,                              \
      "Takes a key back; the next request with it is refused", "", "",        \
      "/v1/keys/k_3f9q0z17ab", "204 404")                                     \
    X(partners_list, GET, "/v1/partners", MAY_ADMIN, WORK, 0, false, true,    \
      TAKES_NOTHING, OFFERS_DATA, on_partners_list,                           \
      "The partners, with how much is shared with each", "limit cursor", "",  \
      "/v1/partners?limit=10", "200 400")                                     \
    X(partner_show, GET, "/v1/partners/{partner}", MAY_ADMIN, WORK, 0, false, \
      true, TAKES_NOTHING, OFFERS_DATA, on_partner_show,                      \
      "A partner and the segments shared with it", "", "",                    \
      "/v1/partners/acme", "200 404")                                         \
    X(partner_put, PUT, "/v1/partners/{partner}", MAY_ADMIN, WORK,            \
      BODY_DOCUMENT, false, true, TAKES_DOCUMENT, OFFERS_DATA,                \
      on_partner_put, "Adds a partner, or gives it another name", "",         \
      "{\"name\":\"Acme Media\"}", "/v1/partners/acme", "200 201 422")        \
    X(partner_remove, DELETE, "/v1/partners/{partner}", MAY_ADMIN, WORK, 0,   \
      false, true, TAKES_NOTHING, OFFERS_DATA, on_partner_remove,             \
      "Removes a partner, its shares, and revokes its keys", "", "",          \
      "/v1/partners/acme", "204 404")                                         \
    X(share_put, PUT, "/v1/segments/{key}/shares/{partner}", MAY_ADMIN, WORK, \
      0, false, true, TAKES_NOTHING, OFFERS_DATA, on_share_put,               \
      "Shares a segment with a partner", "", "",                              \
      "/v1/segments/buyers/shares/acme", "204 404")                           \
    X(share_remove, DELETE, "/v1/segments/{key}/shares/{partner}", MAY_ADMIN, \
      WORK, 0, false, true, TAKES_NOTHING, OFFERS_DATA, on_share_remove,      \
      "Shares it no longer", "", "",                                          \
      "/v1/segments/buyers/shares/acme", "204 404")

/* ---- lookup, member, enrich ---- */

#define HTTP_ROUTES_LOOKUP(X)                                                 \
    X(lookup, GET, "/v1/lookup/{space}/{id}", MAY_LOOKUP, INDEXED, 0, true,   \
      false, TAKES_NOTHING, OFFERS_LOOKUP, on_lookup,                         \
      "The segments a user is in, the highest priority first",                \
      "only format key limit budget_bytes timeout_ms", "",                    \
      "/v1/lookup/cookie/4f2a?limit=10", "200 304 400 422 503")               \
    X(lookup_batch, POST, "/v1/lookup", MAY_LOOKUP, INDEXED, BODY_DOCUMENT,   \
      true, false, TAKES_DOCUMENT, OFFERS_DATA, on_lookup_batch,              \
      "The segments of up to 1,000 users, in order",                          \
      "only limit timeout_ms",                                                \
      "{\"ids\":[{\"space\":\"cookie\",\"id\":\"4f2a\"}]}",                   \
      "/v1/lookup", "200 400 422 503")                                        \
    X(member, POST, "/v1/member", MAY_LOOKUP, INDEXED, BODY_DOCUMENT, true,   \
      false, TAKES_DOCUMENT, OFFERS_DATA, on_member,                          \
      "Which of up to 1,000 users are in a segment", "timeout_ms",            \
      "{\"segment\":\"buyers\",\"ids\":[{\"space\":\"cookie\","               \
      "\"id\":\"4f2a\"}]}",                                                   \
      "/v1/member", "200 400 404 422 503")                                    \
    X(enrich, POST, "/v1/openrtb/enrich", MAY_LOOKUP, INDEXED, BODY_DOCUMENT, \
      true, false, TAKES_JSON, OFFERS_JSON, on_enrich,                        \
      "Segments into a bid request of OpenRTB; 204 when there are none",      \
      "return",                                                               \
      "{\"id\":\"1\",\"user\":{\"buyeruid\":\"4f2a\"}}",                      \
      "/v1/openrtb/enrich?return=fragment", "200 204 400 422")

/* ---- ingest and the events of CDPs ---- */

/* A write key may also be shown as writeKey in the body. */
#define MAY_WRITE_KEY (MAY_INGEST | KEY_IN_BODY)

#define HTTP_ROUTES_INGEST(X)                                                 \
    X(ingest, POST, "/v1/ingest", MAY_INGEST, STREAM, BODY_STREAM, false,     \
      false, TAKES_RECORDS, OFFERS_DATA, on_ingest,                           \
      "Records, of any number; 207 when some were refused",                   \
      "provider dry_run max_errors ack input_format input_name id_space",     \
      "{\"ids\":{\"cookie\":\"4f2a\"},\"set\":{\"geo.country\":\"DE\"}}",     \
      "/v1/ingest?provider=shop", "200 207 400 403 409 413 422 503 507")      \
    X(identify, POST, "/v1/identify", MAY_WRITE_KEY, STREAM, BODY_MESSAGE,    \
      false, false, TAKES_DOCUMENT, OFFERS_DATA, on_identify,                 \
      "Traits of a user, as customer data platforms send them", "",           \
      "{\"anonymousId\":\"4f2a\",\"userId\":\"c9\","                          \
      "\"traits\":{\"plan\":\"pro\"}}",                                       \
      "/v1/identify", "200 207 400 503 507")                                  \
    X(track, POST, "/v1/track", MAY_WRITE_KEY, STREAM, BODY_MESSAGE, false,   \
      false, TAKES_DOCUMENT, OFFERS_DATA, on_track,                           \
      "What a user did", "",                                                  \
      "{\"anonymousId\":\"4f2a\",\"event\":\"Order Completed\","              \
      "\"properties\":{\"revenue\":19.9}}",                                   \
      "/v1/track", "200 207 400 503 507")                                     \
    X(page, POST, "/v1/page", MAY_WRITE_KEY, STREAM, BODY_MESSAGE, false,     \
      false, TAKES_DOCUMENT, OFFERS_DATA, on_page,                            \
      "What a user looked at", "",                                            \
      "{\"anonymousId\":\"4f2a\",\"name\":\"Pricing\"}",                      \
      "/v1/page", "200 207 400 503 507")                                      \
    X(group, POST, "/v1/group", MAY_WRITE_KEY, STREAM, BODY_MESSAGE, false,   \
      false, TAKES_DOCUMENT, OFFERS_DATA, on_group,                           \
      "The company or account that a user belongs to", "",                    \
      "{\"anonymousId\":\"4f2a\",\"groupId\":\"g1\","                         \
      "\"traits\":{\"industry\":\"retail\"}}",                                \
      "/v1/group", "200 207 400 503 507")                                     \
    X(batch, POST, "/v1/batch", MAY_WRITE_KEY, STREAM, BODY_MESSAGES, false,  \
      false, TAKES_DOCUMENT, OFFERS_DATA, on_batch,                           \
      "Up to 2,500 messages of these kinds, each with its type", "",          \
      "{\"batch\":[{\"type\":\"track\",\"anonymousId\":\"4f2a\","             \
      "\"event\":\"Order Completed\"}]}",                                     \
      "/v1/batch", "200 207 400 413 422 503 507")

/* ---- segments ---- */

#define HTTP_ROUTES_SEGMENTS(X)                                               \
    X(segments_list, GET, "/v1/segments", MAY_READ, WORK, 0, false, true,     \
      TAKES_NOTHING, OFFERS_DATA, on_segments_list,                           \
      "The saved segments, by key", "limit cursor counts", "",                \
      "/v1/segments?limit=10&counts=true", "200 400 503")                     \
    X(segment_create, POST, "/v1/segments", MAY_WRITE, WORK, BODY_DOCUMENT,   \
      false, true, TAKES_DOCUMENT, OFFERS_DATA, on_segment_create,            \
      "Saves a new segment; its key must be free", "dry_run",                 \
      "{\"key\":\"buyers\",\"expr\":\"purchase within 30 days\","             \
      "\"name\":\"Buyers\",\"priority\":10,\"served\":true}",                 \
      "/v1/segments?dry_run=true", "200 201 400 409 422")                     \
    X(segment_show, GET, "/v1/segments/{key}", MAY_READ, WORK, 0, false,      \
      true, TAKES_NOTHING, OFFERS_DATA, on_segment_show,                      \
      "A saved segment; its ETag is its version", "", "",                     \
      "/v1/segments/buyers", "200 304 404")                                   \
    X(segment_put, PUT, "/v1/segments/{key}", MAY_WRITE, WORK, BODY_DOCUMENT, \
      false, true, TAKES_DOCUMENT, OFFERS_DATA, on_segment_put,               \
      "Saves a segment, or its next version, as a whole", "dry_run",          \
      "{\"expr\":\"purchase within 30 days\"}",                               \
      "/v1/segments/buyers?dry_run=true", "200 201 400 404 412 422")          \
    X(segment_patch, PATCH, "/v1/segments/{key}", MAY_WRITE, WORK,            \
      BODY_DOCUMENT, false, true, TAKES_DOCUMENT, OFFERS_DATA,                \
      on_segment_patch, "Changes parts of a segment; the rest stays",         \
      "dry_run", "{\"priority\":20}", "/v1/segments/buyers?dry_run=true",     \
      "200 400 404 409 412 422")                                              \
    X(segment_remove, DELETE, "/v1/segments/{key}", MAY_WRITE, WORK, 0,       \
      false, true, TAKES_NOTHING, OFFERS_DATA, on_segment_remove,             \
      "Removes a segment that no other refers to; its versions stay",         \
      "dry_run", "", "/v1/segments/buyers?dry_run=true",                      \
      "200 204 404 409 412")                                                  \
    X(versions_list, GET, "/v1/segments/{key}/versions", MAY_READ, WORK, 0,   \
      false, true, TAKES_NOTHING, OFFERS_DATA, on_versions_list,              \
      "All versions of a segment, the newest first", "limit cursor", "",      \
      "/v1/segments/buyers/versions", "200 400 404")                          \
    X(version_show, GET, "/v1/segments/{key}/versions/{version}", MAY_READ,   \
      WORK, 0, false, true, TAKES_NOTHING, OFFERS_DATA, on_version_show,      \
      "One version of a segment", "", "", "/v1/segments/buyers/versions/1",   \
      "200 304 404")                                                          \
    X(segment_revert, POST, "/v1/segments/{key}:revert", MAY_WRITE, WORK,     \
      BODY_DOCUMENT, false, true, TAKES_DOCUMENT, OFFERS_DATA,                \
      on_segment_revert, "Makes an earlier version the newest one again",     \
      "dry_run", "{\"version\":1}",                                           \
      "/v1/segments/buyers:revert?dry_run=true", "200 400 404 412 422")       \
    X(segment_usage, GET, "/v1/segments/{key}/usage", MAY_READ, WORK, 0,      \
      false, true, TAKES_NOTHING, OFFERS_DATA, on_segment_usage,              \
      "The segments whose expressions refer to it", "", "",                   \
      "/v1/segments/buyers/usage", "200 404")                                 \
    X(segment_members, GET, "/v1/segments/{key}/members", MAY_EXPORT, WORK,   \
      0, false, true, TAKES_NOTHING, OFFERS_ROWS, on_segment_members,         \
      "The users of a saved segment, by pseudonym", "format limit cursor",    \
      "", "/v1/segments/buyers/members?format=ndjson&limit=100",              \
      "200 400 404 422 503")

/* ---- questions: validate, count, overlap, breakdown, explain ---- */

#define HTTP_ROUTES_ASK(X)                                                    \
    X(validate, POST, "/v1/validate", MAY_READ, WORK, BODY_DOCUMENT, false,   \
      true, TAKES_DOCUMENT, OFFERS_DATA, on_validate,                         \
      "Is an expression valid, and what does it read?", "",                   \
      "{\"expr\":\"purchase within 30 days\"}", "/v1/validate",               \
      "200 400 422")                                                          \
    X(count, POST, "/v1/count", MAY_READ, WORK, BODY_DOCUMENT, false, true,   \
      TAKES_DOCUMENT, OFFERS_DATA, on_count,                                  \
      "How many users an expression has, exactly or about", "",               \
      "{\"expr\":\"purchase within 30 days\",\"clauses\":true}", "/v1/count", \
      "200 400 404 422 503")                                                  \
    X(overlap, POST, "/v1/overlap", MAY_READ, WORK, BODY_DOCUMENT, false,     \
      true, TAKES_DOCUMENT, OFFERS_DATA, on_overlap,                          \
      "How many users 2 to 100 segments or expressions share", "",            \
      "{\"sets\":[\"buyers\",\"all\"]}", "/v1/overlap",                       \
      "200 400 404 422 503")                                                  \
    X(breakdown, POST, "/v1/breakdown", MAY_READ, WORK, BODY_DOCUMENT, false, \
      true, TAKES_DOCUMENT, OFFERS_DATA, on_breakdown,                        \
      "The users of an expression by the values of an attribute", "",         \
      "{\"expr\":\"purchase\",\"by\":\"geo.country\",\"limit\":10}",          \
      "/v1/breakdown", "200 400 404 422 503")                                 \
    X(explain, POST, "/v1/explain", MAY_READ, WORK, BODY_DOCUMENT, false,     \
      true, TAKES_DOCUMENT, OFFERS_DATA, on_explain,                          \
      "Why a user is in a segment or not, and until when", "",                \
      "{\"space\":\"cookie\",\"id\":\"4f2a\",\"segment\":\"buyers\"}",        \
      "/v1/explain", "200 400 404 422")                                       \
    X(ids, POST, "/v1/ids", MAY_EXPORT, WORK, BODY_DOCUMENT, false, true,     \
      TAKES_DOCUMENT, OFFERS_ROWS, on_ids,                                    \
      "The users of an expression, by pseudonym", "format",                   \
      "{\"expr\":\"purchase\",\"limit\":100}", "/v1/ids",                     \
      "200 400 404 422 503")

/* ---- attributes, providers, the taxonomy ---- */

#define HTTP_ROUTES_CATALOG(X)                                                \
    X(attributes_list, GET, "/v1/attributes", MAY_READ, WORK, 0, false, true, \
      TAKES_NOTHING, OFFERS_DATA, on_attributes_list,                         \
      "The attributes, by name", "limit cursor", "",                          \
      "/v1/attributes?limit=10", "200 400")                                   \
    X(catalog_put, PUT, "/v1/attributes", MAY_ADMIN, WORK, BODY_CATALOG,      \
      false, true, TAKES_JSON, OFFERS_DATA, on_catalog_put,                   \
      "Declares attributes, providers and id spaces: the catalog file",       \
      "dry_run", "{\"attributes\":{\"demo.age\":{\"kind\":\"number\"}}}",     \
      "/v1/attributes?dry_run=true", "200 400 409 413 422")                   \
    X(attribute_show, GET, "/v1/attributes/{name}", MAY_READ, WORK, 0, false, \
      true, TAKES_NOTHING, OFFERS_DATA, on_attribute_show,                    \
      "An attribute and its values, the most frequent first", "limit", "",    \
      "/v1/attributes/geo.country?limit=5", "200 400 404 503")                \
    X(values_list, GET, "/v1/attributes/{name}/values", MAY_READ, WORK, 0,    \
      false, true, TAKES_NOTHING, OFFERS_DATA, on_values_list,                \
      "Values of an attribute that contain a text, with their sizes",         \
      "q limit counts", "",                                                   \
      "/v1/attributes/geo.country/values?q=d&counts=false",                   \
      "200 400 404 503")                                                      \
    X(providers_list, GET, "/v1/providers", MAY_READ, WORK, 0, false, true,   \
      TAKES_NOTHING, OFFERS_DATA, on_providers_list, "The providers", "", "", \
      "/v1/providers", "200")                                                 \
    X(provider_show, GET, "/v1/providers/{name}", MAY_READ, WORK, 0, false,   \
      true, TAKES_NOTHING, OFFERS_DATA, on_provider_show, "A provider", "",   \
      "", "/v1/providers/default", "200 404")                                 \
    X(provider_put, PUT, "/v1/providers/{name}", MAY_ADMIN, WORK,             \
      BODY_DOCUMENT, false, true, TAKES_DOCUMENT, OFFERS_DATA,                \
      on_provider_put, "Adds a provider, or changes it as a whole",           \
      "dry_run", "{\"party\":\"third\",\"ttl\":\"60d\"}",                     \
      "/v1/providers/acme?dry_run=true", "200 201 400 413 422")               \
    X(providers_report, GET, "/v1/reports/providers", MAY_READ, WORK, 0,      \
      false, true, TAKES_NOTHING, OFFERS_DATA, on_providers_report,           \
      "Providers beside each other: reach, freshness, contradictions, truth", \
      "providers truth", "",                                                  \
      "/v1/reports/providers?truth=geo.country@shop",                         \
      "200 400 404 413 422 503")                                              \
    X(taxonomy_show, GET, "/v1/taxonomy", MAY_READ, WORK, 0, false, true,     \
      TAKES_NOTHING, OFFERS_DATA, on_taxonomy_show,                           \
      "The taxonomy: a node, or the roots, and what is below",                \
      "node levels", "", "/v1/taxonomy?levels=1", "200 400 404")              \
    X(taxonomy_put, PUT, "/v1/taxonomy", MAY_ADMIN, WORK, BODY_CATALOG,       \
      false, true, TAKES_DOCUMENT, OFFERS_DATA, on_taxonomy_put,              \
      "Loads a taxonomy in the place of the one there is", "",                \
      "{\"name\":\"iab\",\"segtax\":4,\"file\":"                              \
      "\"Unique ID\\tParent ID\\tTier 1\\n1\\t\\tInterest\\n\"}",             \
      "/v1/taxonomy", "200 400 409 413 422")                                  \
    X(mappings_list, GET, "/v1/taxonomy/mappings", MAY_READ, WORK, 0, false,  \
      true, TAKES_NOTHING, OFFERS_DATA, on_mappings_list,                     \
      "What is mapped to the taxonomy, or to a node and below it", "node",    \
      "", "/v1/taxonomy/mappings", "200 404")                                 \
    X(mapping_put, PUT, "/v1/taxonomy/mappings", MAY_ADMIN, WORK,             \
      BODY_DOCUMENT, false, true, TAKES_DOCUMENT, OFFERS_DATA,                \
      on_mapping_put, "Maps an attribute, or one value of it, to nodes", "",  \
      "{\"attribute\":\"geo.country\",\"value\":\"DE\","                      \
      "\"nodes\":[\"Interest\"]}",                                            \
      "/v1/taxonomy/mappings", "204 400 404 413 422")

/* ---- opt-outs and forgetting ---- */

#define HTTP_ROUTES_PRIVACY(X)                                                \
    X(optout, POST, "/v1/optouts", MAY_WRITE, WORK, BODY_DOCUMENT, false,     \
      false, TAKES_DOCUMENT, OFFERS_DATA, on_optout,                          \
      "Takes up to 1,000 users out of every answer, or back in", "dry_run",   \
      "{\"ids\":[{\"space\":\"cookie\",\"id\":\"4f2a\"}]}",                   \
      "/v1/optouts?dry_run=true", "200 207 400 422")                          \
    X(id_forget, DELETE, "/v1/ids/{space}/{id}", MAY_ADMIN, WORK, 0, false,   \
      true, TAKES_NOTHING, OFFERS_DATA, on_id_forget,                         \
      "Forgets a user for good", "dry_run", "",                               \
      "/v1/ids/cookie/4f2a?dry_run=true", "200 400 403 422")

#define HTTP_ROUTES(X)                                                        \
    HTTP_ROUTES_OPS(X)                                                        \
    HTTP_ROUTES_ACCESS(X)                                                     \
    HTTP_ROUTES_LOOKUP(X)                                                     \
    HTTP_ROUTES_INGEST(X)                                                     \
    HTTP_ROUTES_SEGMENTS(X)                                                   \
    HTTP_ROUTES_ASK(X)                                                        \
    HTTP_ROUTES_CATALOG(X)                                                    \
    HTTP_ROUTES_PRIVACY(X)

/* ---- the handlers, declared from the rows ---- */

#define HTTP_DECLARE_QUICK(handler)                                           \
    void handler(http_request *r, http_answer *a);
#define HTTP_DECLARE_INDEXED(handler) HTTP_DECLARE_QUICK(handler)
#define HTTP_DECLARE_WORK(handler) HTTP_DECLARE_QUICK(handler)
#define HTTP_DECLARE_STREAM(handler) extern const http_stream handler;
#define HTTP_DECLARE(name, method, path, may, way, body_max, partner,         \
                     admin_only, takes, offers, handler, summary, query,      \
                     sends, example, answers)                                 \
    HTTP_DECLARE_##way(handler)
HTTP_ROUTES(HTTP_DECLARE)
#undef HTTP_DECLARE

#endif
