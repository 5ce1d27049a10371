/*
 * saved.c - muster_audience: saved segments and which a user is in.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "engine.h"

/* ---- reading ---- */

static int tell_version(const audience *a, const audience_version *v,
                        muster_saved_fn each, void *payload)
{
    const muster_saved row = {a->key,      a->id,     v->version,
                              v->expr.ptr, v->name.ptr, v->priority,
                              v->served,   v->removed, v->created};
    return each(payload, &row);
}

int muster_audiences_each(muster_engine *engine, muster_saved_fn each,
                          void *payload)
{
    epoch_pin pin;
    int rc = 0;

    const audience_store *all = epoch_pin_newest(engine, &pin)->audiences;
    for (size_t i = 0; i < audience_count(all) && rc == 0; i++) {
        const audience *a = audience_at(all, i);
        const audience_version *v = audience_current(a);
        if (v)
            rc = tell_version(a, v, each, payload);
    }
    epoch_unpin(engine, &pin);
    return rc;
}

/* The segment of a key; removed ones only when `removed`. */
static int find_saved(const audience_store *all, const char *key,
                      bool removed, const audience **out, muster_error *err)
{
    near_name near;

    *out = audience_find(all, text_of(key));
    if (*out && (removed || audience_current(*out)))
        return 0;
    near_init(&near, text_of(key));
    for (size_t i = 0; i < audience_count(all); i++)
        if (audience_current(audience_at(all, i)))
            near_offer(&near, text_of(audience_at(all, i)->key));
    error_set(err, MUSTER_ENOTFOUND, "unknown_segment",
              "there is no segment \"%.64s\"", key);
    if (near.best.ptr && err)
        error_suggest(err, "%.*s", (int)near.best.len, near.best.ptr);
    return MUSTER_ENOTFOUND;
}

int muster_audience_find(muster_engine *engine, const char *key,
                         muster_saved_fn each, void *payload,
                         muster_error *err)
{
    const audience *a;
    epoch_pin pin;

    error_clear(err);
    int rc = find_saved(epoch_pin_newest(engine, &pin)->audiences, key, false,
                        &a, err);
    if (rc == 0)
        rc = tell_version(a, audience_current(a), each, payload);
    epoch_unpin(engine, &pin);
    return rc;
}

int muster_audience_versions(muster_engine *engine, const char *key,
                             muster_saved_fn each, void *payload,
                             muster_error *err)
{
    const audience *a;
    epoch_pin pin;

    error_clear(err);
    int rc = find_saved(epoch_pin_newest(engine, &pin)->audiences, key, true,
                        &a, err);
    if (rc == 0)
        for (size_t i = a->version_count; i-- > 0 && rc == 0;)
            rc = tell_version(a, &a->versions[i], each, payload);
    epoch_unpin(engine, &pin);
    return rc;
}

/* ---- saving ---- */

/* What is asked of the writer: to save a version, to go back to one, or to
 * remove the segment. */
typedef struct saving {
    const char *key;
    audience_version version;
    uint32_t back_to; /* 0: save `version` */
} saving;

static bool same_version(const audience_version *a, const audience_version *b)
{
    return a && text_equal(a->expr, b->expr) && text_equal(a->name, b->name) &&
           a->priority == b->priority && a->served == b->served;
}

/* Does the expression bind, and would saving it under `key` make no cycle? */
static int try_expr(muster_engine *e, muster_text key, muster_text expr,
                    muster_error *err)
{
    const epoch now = working_epoch(e);
    plan *bound;
    scope *viewer;

    int rc = scope_new(&viewer, text_of("save"), PURPOSE_ANALYSIS,
                       text_make(NULL, 0), err);
    if (rc != 0)
        return rc;
    rc = engine_bind(e, &now, viewer, expr, key, &bound, NULL, err);
    if (rc == 0)
        segment_plan_free(bound);
    scope_free(viewer);
    return rc;
}

static int check_save(const muster_save *save, muster_error *err)
{
    if (!save || save->size != sizeof *save || !save->key || !save->expr)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "a save must start from MUSTER_SAVE_INIT and have a "
                         "key and an expression");
    if (!audience_is_key(text_of(save->key)))
        return error_set(err, MUSTER_EINVAL, "bad_key",
                         "a segment key is 1 to 64 of a-z, 0-9, '-' and '_', "
                         "beginning with a letter or digit");
    if (save->expr_len > MUSTER_SEGMENT_BYTES_MAX)
        return error_set(err, MUSTER_EEXPR, "expr_bytes",
                         "the expression is longer than %u bytes",
                         MUSTER_SEGMENT_BYTES_MAX);
    if (save->name && strlen(save->name) > MUSTER_VALUE_BYTES_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "the name is longer than %u bytes",
                         MUSTER_VALUE_BYTES_MAX);
    return 0;
}

/* Fills the body; 1 when the segment is like that already. */
static int put_version(muster_engine *e, change_request *r,
                       const audience_version *v, muster_error *err)
{
    const saving *s = r->payload;
    const muster_text key = text_of(s->key);
    const audience_store *all = e->state.audiences;

    const int rc = try_expr(e, key, v->expr, err);
    if (rc != 0)
        return rc;
    const audience *a = audience_find(all, key);
    if (!a && audience_count(all) >= MUSTER_SEGMENTS_MAX)
        return error_set(err, MUSTER_ELIMIT, "segments_full",
                         "there is no room for another segment");
    if (a && same_version(audience_current(a), v))
        return 1;
    change_segment(r->body, key, v);
    ASSERT(buffer_ok(r->body));
    return 0;
}

static int act_save(muster_engine *e, change_request *r, muster_error *err)
{
    const saving *s = r->payload;
    return put_version(e, r, &s->version, err);
}

static int act_revert(muster_engine *e, change_request *r, muster_error *err)
{
    const saving *s = r->payload;
    const uint32_t version = s->back_to;
    const audience *a;

    const int rc = find_saved(e->state.audiences, s->key, true, &a, err);
    if (rc != 0)
        return rc;
    if (version < 1 || version > a->version_count ||
        a->versions[version - 1].removed)
        return error_set(err, MUSTER_ENOTFOUND, "unknown_version",
                         "segment \"%.64s\" has no version %u to go back to; "
                         "see: muster segment log", s->key, version);
    audience_version v = a->versions[version - 1];
    v.created = s->version.created;
    return put_version(e, r, &v, err);
}

/* Names a current segment that refers to `key`; NULL when none does. */
static const audience *referrer(const audience_store *all, muster_text key)
{
    for (size_t i = 0; i < audience_count(all); i++) {
        const audience *a = audience_at(all, i);
        const audience_version *v = audience_current(a);
        ast_tree *tree;
        if (!v || text_is(key, a->key) ||
            segment_parse(&tree, v->expr, NULL) != 0)
            continue;
        const bool refers = segment_refers(tree, key);
        segment_tree_free(tree);
        if (refers)
            return a;
    }
    return NULL;
}

static int act_remove(muster_engine *e, change_request *r, muster_error *err)
{
    const saving *s = r->payload;
    const audience *a;

    const int rc = find_saved(e->state.audiences, s->key, false, &a, err);
    if (rc != 0)
        return rc;
    const audience *user = referrer(e->state.audiences, text_of(s->key));
    if (user)
        return error_set(err, MUSTER_ECONFLICT, "in_use",
                         "segment \"%s\" refers to \"%.64s\"; change it "
                         "first", user->key, s->key);
    change_segment(r->body, text_of(s->key), &s->version);
    return 0;
}

static int ask_writer(muster_engine *e, change_kind kind, saving *s,
                      int (*act)(muster_engine *, change_request *,
                                 muster_error *),
                      muster_error *err)
{
    buffer body;

    buffer_init(&body, (size_t)1 << 20);
    s->version.created = muster_engine_now(e);
    change_request r = {
        .kind = kind, .body = &body, .act = act, .payload = s};
    const int rc = writer_do(e, &r, err);
    buffer_release(&body);
    return rc;
}

int muster_audience_save(muster_engine *engine, const muster_save *save,
                         bool *changed, muster_error *err)
{
    error_clear(err);
    if (changed)
        *changed = false;
    int rc = check_save(save, err);
    if (rc == 0)
        rc = engine_check_writable(engine, err);
    if (rc != 0)
        return rc;
    saving s = {
        .key = save->key,
        .version = {.expr = text_trim(text_make(save->expr, save->expr_len)),
                    .name = text_of(save->name ? save->name : ""),
                    .priority = save->priority,
                    .served = save->served}};
    rc = ask_writer(engine, CHANGE_SEGMENT_SAVE, &s, act_save, err);
    if (changed)
        *changed = rc == 0;
    return rc > 0 ? 0 : rc;
}

int muster_audience_revert(muster_engine *engine, const char *key,
                           uint32_t version, muster_error *err)
{
    saving s = {.key = key, .back_to = version};

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc == 0)
        rc = ask_writer(engine, CHANGE_SEGMENT_SAVE, &s, act_revert, err);
    return rc > 0 ? 0 : rc;
}

int muster_audience_remove(muster_engine *engine, const char *key,
                           muster_error *err)
{
    saving s = {.key = key,
                .version = {.expr = text_of(""), .name = text_of("")}};

    error_clear(err);
    const int rc = engine_check_writable(engine, err);
    return rc ? rc
              : ask_writer(engine, CHANGE_SEGMENT_REMOVE, &s, act_remove,
                           err);
}

/* ---- lookup ---- */

static int by_priority(const void *a, const void *b)
{
    const audience *x = *(const audience *const *)a;
    const audience *y = *(const audience *const *)b;
    const int32_t p = audience_current(x)->priority;
    const int32_t q = audience_current(y)->priority;
    if (p != q)
        return p > q ? -1 : 1;
    return strcmp(x->key, y->key);
}

static bool is_member(const muster_engine *e, const epoch *at,
                      const scope *viewer, const audience_version *v,
                      const program_state *state, uint32_t row)
{
    plan *bound;

    if (engine_bind(e, at, viewer, v->expr, text_make(NULL, 0), &bound, NULL,
                    NULL) != 0)
        return false; /* refers to something that is gone */
    program *g = program_new(bound, state);
    const bool member = program_has(g, row);
    program_free(g);
    segment_plan_free(bound);
    return member;
}

/* Segments of a row by priority. */
static int lookup_row(const muster_engine *e, const epoch *at,
                      const scope *viewer, uint32_t row,
                      muster_saved_fn each, void *payload)
{
    const program_state state = epoch_state(e, at);
    const size_t count = audience_count(at->audiences);
    const audience **found = mem_array(count + 1, sizeof *found);
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        const audience *a = audience_at(at->audiences, i);
        const audience_version *v = audience_current(a);
        if (v && v->served && is_member(e, at, viewer, v, &state, row))
            found[n++] = a;
    }
    qsort(found, n, sizeof *found, by_priority);
    rc = base_check(at->base, NULL);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = tell_version(found[i], audience_current(found[i]), each,
                          payload);
    mem_free(found);
    return rc;
}

int muster_audience_lookup(muster_engine *engine, const muster_scope *viewer,
                           const muster_id *user, bool *known,
                           muster_saved_fn each, void *payload,
                           muster_error *err)
{
    muster_pseudonym p;
    epoch_pin pin;

    ASSERT(viewer != NULL);
    error_clear(err);
    if (known)
        *known = false;
    const epoch *at = epoch_pin_newest(engine, &pin);
    int rc = engine_pseudonym(engine, at->names, user, &p, err);
    if (rc == 0) {
        const uint32_t row = dictionary_find(at->ids, &p);
        if (known)
            *known = row != DICTIONARY_NONE;
        if (row != DICTIONARY_NONE)
            rc = lookup_row(engine, at, viewer->inner, row, each, payload);
    }
    return epoch_answer(engine, &pin, rc, err);
}
