/*
 * names.c - muster_attributes, values, providers and the catalog file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "engine.h"
#include "reach/reach.h"

int find_attribute(const catalog *names, const char *name,
                   const catalog_attribute **out, muster_error *err)
{
    near_name near;

    *out = catalog_attribute_find(names, text_of(name));
    if (*out || !err)
        return *out ? 0 : MUSTER_ENOTFOUND;
    near_init(&near, text_of(name));
    for (size_t i = 0; i < catalog_attribute_count(names); i++)
        near_offer(&near, text_of(catalog_attribute_at(names, i)->name));
    error_set(err, MUSTER_ENOTFOUND, "unknown_attribute",
              "there is no attribute \"%.128s\"", name);
    if (near.best.ptr)
        error_suggest(err, "%.*s", (int)near.best.len, near.best.ptr);
    return MUSTER_ENOTFOUND;
}

/* ---- attributes ---- */

static const char *ttl_text(char *out, uint32_t hours)
{
    if (hours == CATALOG_TTL_UNSET)
        return "";
    out[text_format_duration(out, hours)] = 0;
    return out;
}

static int tell_attribute(const catalog *names, const catalog_attribute *a,
                          muster_attribute_fn each, void *payload)
{
    char ttl[32];
    const muster_attribute row = {
        a->name,
        catalog_kind_name(a->kind),
        a->kind != KIND_EVENT ? "" : a->grain == GRAIN_HOUR ? "hour" : "day",
        a->cap,
        a->amount,
        a->unit,
        ttl_text(ttl, a->ttl_hours),
        a->retention_days,
        catalog_value_count(names, a->id),
        a->declared,
    };
    return each(payload, &row);
}

static int by_name(const void *a, const void *b)
{
    const catalog_attribute *x = *(const catalog_attribute *const *)a;
    const catalog_attribute *y = *(const catalog_attribute *const *)b;
    return strcmp(x->name, y->name);
}

int muster_attributes_each(muster_engine *engine, muster_attribute_fn each,
                           void *payload)
{
    epoch_pin pin;
    int rc = 0;

    const catalog *names = epoch_pin_newest(engine, &pin)->names;
    const size_t n = catalog_attribute_count(names);
    const catalog_attribute **list = mem_array(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = catalog_attribute_at(names, i);
    qsort(list, n, sizeof *list, by_name);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = tell_attribute(names, list[i], each, payload);
    mem_free(list);
    epoch_unpin(engine, &pin);
    return rc;
}

int muster_attribute_find(muster_engine *engine, const char *name,
                          muster_attribute_fn each, void *payload,
                          muster_error *err)
{
    const catalog_attribute *a;
    epoch_pin pin;

    error_clear(err);
    const catalog *names = epoch_pin_newest(engine, &pin)->names;
    int rc = find_attribute(names, name, &a, err);
    if (rc == 0)
        rc = tell_attribute(names, a, each, payload);
    epoch_unpin(engine, &pin);
    return rc;
}

bool muster_catalog_is_strict(muster_engine *engine)
{
    epoch_pin pin;
    const bool strict = catalog_strict(epoch_pin_newest(engine, &pin)->names);

    epoch_unpin(engine, &pin);
    return strict;
}

/* ---- values ---- */

static int compare_texts(const void *a, const void *b)
{
    return text_compare(*(const muster_text *)a, *(const muster_text *)b);
}

static int values_by_text(const catalog *names, const catalog_attribute *a,
                          const muster_value_query *q, muster_value_fn each,
                          void *payload)
{
    const uint32_t count = catalog_value_count(names, a->id);
    muster_text *list = mem_array((size_t)count + 1, sizeof *list);
    uint32_t n = 0;
    int rc = 0;

    for (uint32_t v = 1; v <= count; v++) {
        const muster_text text = catalog_value_text(names, a->id, v);
        if (!q->part.ptr || text_contains_nocase(text, q->part))
            list[n++] = text;
    }
    qsort(list, n, sizeof *list, compare_texts);
    for (uint32_t i = 0; i < n && rc == 0 && (!q->limit || i < q->limit); i++)
        rc = each(payload, list[i], 0);
    mem_free(list);
    return rc;
}

static int values_by_count(const muster_engine *e, const epoch *at,
                           const muster_scope *viewer,
                           const catalog_attribute *a,
                           const muster_value_query *q,
                           const muster_task *task, muster_value_fn each,
                           void *payload, muster_error *err)
{
    const program_state state = epoch_state(e, at);
    task_stop ended;
    const reach_question question = {a, q->part,
                                     task_stop_of(&ended, task)};
    plan *all;
    reach_row *rows;
    size_t n;
    uint64_t total;

    int rc = engine_bind(e, at, viewer->inner, text_of("all"),
                         text_make(NULL, 0), &all, NULL, err);
    if (rc != 0)
        return rc;
    program *g = program_new(all, &state);
    reach_breakdown(g, &state, at->names, viewer->inner, &question, &rows,
                    &n, &total);
    program_free(g);
    segment_plan_free(all);
    rc = base_check(at->base, err);
    if (rc == 0)
        rc = task_stop_check(question.stop, err);
    for (size_t i = 0; i < n && rc == 0 && (!q->limit || i < q->limit); i++) {
        if (rows[i].value == 0)
            break;
        rc = each(payload,
                  a->kind == KIND_FLAG
                      ? text_of("true")
                      : catalog_value_text(at->names, a->id, rows[i].value),
                  rows[i].count);
    }
    mem_free(rows);
    return rc;
}

int muster_values_each(muster_engine *engine, const muster_scope *viewer,
                       const char *attribute, bool counts, size_t limit,
                       muster_value_fn each, void *payload, muster_error *err)
{
    const muster_value_query q = {text_make(NULL, 0), counts, limit};
    return muster_values_find(engine, viewer, attribute, &q, NULL, each,
                              payload, err);
}

int muster_values_find(muster_engine *engine, const muster_scope *viewer,
                       const char *attribute, const muster_value_query *q,
                       const muster_task *task, muster_value_fn each,
                       void *payload, muster_error *err)
{
    const catalog_attribute *a;

    epoch_pin pin;

    ASSERT(viewer != NULL);
    error_clear(err);
    const epoch *at = epoch_pin_newest(engine, &pin);
    int rc = find_attribute(at->names, attribute, &a, err);
    if (rc == 0 && (!q->counts || a->kind == KIND_NUMBER))
        rc = values_by_text(at->names, a, q, each, payload);
    else if (rc == 0)
        rc = values_by_count(engine, at, viewer, a, q, task, each, payload,
                             err);
    return epoch_answer(engine, &pin, rc, err);
}

/* ---- providers and the catalog file ---- */

int muster_providers_each(muster_engine *engine, muster_provider_fn each,
                          void *payload)
{
    epoch_pin pin;
    int rc = 0;

    const catalog *names = epoch_pin_newest(engine, &pin)->names;
    for (uint32_t i = 0; i < catalog_provider_count(names) && rc == 0; i++) {
        const catalog_provider *p = catalog_provider_get(names, i);
        char ttl[32];
        const muster_provider row = {p->name, catalog_party_name(p->party),
                                     ttl_text(ttl, p->ttl_hours),
                                     p->declared};
        rc = each(payload, &row);
    }
    epoch_unpin(engine, &pin);
    return rc;
}

typedef struct provider_set {
    muster_text name;
    catalog_party party;
    uint32_t ttl_hours;
} provider_set;

/* Both are tried on a copy of the catalog, so that what is logged applies. */
static int try_provider(muster_engine *e, change_request *r,
                        muster_error *err)
{
    const provider_set *p = r->payload;
    catalog *tried = catalog_copy(e->state.names);
    const int rc = catalog_provider_put(tried, p->name, p->party,
                                        p->ttl_hours, true, NULL, err);
    catalog_free(tried);
    return rc;
}

static int try_file(muster_engine *e, change_request *r, muster_error *err)
{
    catalog *tried = catalog_copy(e->state.names);
    int rc = catalog_file_apply(tried, (const char *)r->body->data,
                                r->body->len, err);
    if (rc == 0)
        rc = taxonomy_check_mapped(tried, err);
    catalog_free(tried);
    return rc;
}

int muster_provider_set(muster_engine *engine, const char *name,
                        const char *party, const char *ttl,
                        muster_error *err)
{
    provider_set p = {text_of(name), catalog_party_parse(text_of(party)),
                      CATALOG_TTL_UNSET};
    buffer body;

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc != 0)
        return rc;
    if (p.party == 0)
        return error_set(err, MUSTER_EINVAL, "bad_party",
                         "the party is first, second or third");
    if (ttl && !text_parse_duration(text_of(ttl), &p.ttl_hours))
        return error_set(err, MUSTER_EINVAL, "bad_ttl",
                         "a ttl is written like 30d, 12h or 0 (never)");
    buffer_init(&body, 4096);
    change_provider(&body, p.name, p.party, p.ttl_hours);
    change_request r = {.kind = CHANGE_PROVIDER,
                        .body = &body,
                        .act = try_provider,
                        .payload = &p};
    rc = writer_do(engine, &r, err);
    buffer_release(&body);
    return rc;
}

/* A declaration of every attribute there may be takes some MB. */
#define FILE_BYTES_MAX ((size_t)16 << 20)

static int check_length(size_t len, muster_error *err)
{
    if (len <= FILE_BYTES_MAX)
        return 0;
    return error_set(err, MUSTER_ELIMIT, "long_catalog",
                     "the catalog file is longer than 16 MiB");
}

int muster_catalog_apply(muster_engine *engine, const char *text, size_t len,
                         muster_error *err)
{
    buffer body;

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc != 0)
        return rc;
    rc = check_length(len, err);
    if (rc != 0)
        return rc;
    buffer_init(&body, FILE_BYTES_MAX);
    buffer_put(&body, text, len);
    change_request r = {
        .kind = CHANGE_CATALOG, .body = &body, .act = try_file};
    rc = writer_do(engine, &r, err);
    buffer_release(&body);
    return rc;
}

/* ---- what a file would change ---- */

typedef struct effect_watch {
    const catalog *before;
    muster_catalog_effect *effect;
} effect_watch;

static void note_attribute(void *payload, const catalog_attribute *row)
{
    const effect_watch *w = payload;
    const bool old = catalog_attribute_get(w->before, row->id) != NULL;
    w->effect->attributes_new += !old;
    w->effect->attributes_changed += old;
}

static void note_provider(void *payload, const catalog_provider *row)
{
    const effect_watch *w = payload;
    const bool old = row->id < catalog_provider_count(w->before);
    w->effect->providers_new += !old;
    w->effect->providers_changed += old;
}

static void note_space(void *payload, const catalog_space *row)
{
    const effect_watch *w = payload;
    const bool old = row->id < catalog_space_count(w->before);
    w->effect->spaces_new += !old;
    w->effect->spaces_changed += old;
}

static void note_taxonomy(void *payload, const catalog_taxonomy *t)
{
    const effect_watch *w = payload;
    (void)t;
    w->effect->mappings_changed = true;
}

int muster_catalog_check(muster_engine *engine, const char *text, size_t len,
                         muster_catalog_effect *out, muster_error *err)
{
    epoch_pin pin;

    error_clear(err);
    *out = (muster_catalog_effect){0};
    int rc = check_length(len, err);
    if (rc != 0)
        return rc;
    effect_watch seen = {epoch_pin_newest(engine, &pin)->names, out};
    const catalog_watcher watcher = {.payload = &seen,
                                     .attribute = note_attribute,
                                     .provider = note_provider,
                                     .space = note_space,
                                     .taxonomy = note_taxonomy};
    catalog *tried = catalog_copy(seen.before);
    catalog_watch(tried, &watcher);
    rc = catalog_file_apply(tried, text, len, err);
    if (rc == 0)
        rc = taxonomy_check_mapped(tried, err);
    out->mode_changed = catalog_strict(tried) != catalog_strict(seen.before);
    catalog_free(tried);
    epoch_unpin(engine, &pin);
    return rc;
}
