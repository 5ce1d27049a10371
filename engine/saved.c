/*
 * saved.c - muster_audience: saved segments and which a user is in.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "engine.h"

/* ---- reading ---- */

int saved_tell(const audience *a, const audience_version *v,
               muster_saved_fn each, void *payload)
{
    const muster_saved row = {a->key,      a->id,     v->version,
                              v->expr.ptr, v->name.ptr, v->priority,
                              v->served,   v->removed, v->created,
                              "",          0};
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
            rc = saved_tell(a, v, each, payload);
    }
    epoch_unpin(engine, &pin);
    return rc;
}

int saved_find(const audience_store *all, const char *key, bool removed,
               const audience **out, muster_error *err)
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
    int rc = saved_find(epoch_pin_newest(engine, &pin)->audiences, key, false,
                        &a, err);
    if (rc == 0)
        rc = saved_tell(a, audience_current(a), each, payload);
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
    int rc = saved_find(epoch_pin_newest(engine, &pin)->audiences, key, true,
                        &a, err);
    if (rc == 0)
        for (size_t i = a->version_count; i-- > 0 && rc == 0;)
            rc = saved_tell(a, &a->versions[i], each, payload);
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
    muster_when when;
    muster_changed made;
} saving;

static int check_when(saving *s, const audience *a, muster_error *err)
{
    const audience_version *now = a ? audience_current(a) : NULL;
    const bool holds = s->when.version == 0 ||
                       (s->when.version == MUSTER_VERSION_NONE
                            ? !now
                            : now && now->version == s->when.version);

    s->made = (muster_changed){a ? a->id : 0,
                               a ? (uint32_t)a->version_count : 0, false};
    if (holds)
        return 0;
    if (!now)
        return error_set(err, MUSTER_ECONFLICT, "version_changed",
                         "there is no segment \"%.64s\" by now", s->key);
    return error_set(err, MUSTER_ECONFLICT, "version_changed",
                     "segment \"%.64s\" is there, at version %u", s->key,
                     now->version);
}

/* What is going to change; 1 when it is only tried. */
static int is_tried(saving *s)
{
    s->made.version++;
    s->made.changed = true;
    return s->when.dry_run ? 1 : 0;
}

/* Behind applying: the id that it got. */
static int note_id(muster_engine *e, change_request *r, muster_error *err)
{
    saving *s = r->payload;
    (void)err;
    s->made.id = audience_find(e->state.audiences, text_of(s->key))->id;
    return 0;
}

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

/* A name stands in one line, in files among others. */
static int check_name(muster_text name, muster_error *err)
{
    if (name.len > MUSTER_VALUE_BYTES_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "the name is longer than %u bytes",
                         MUSTER_VALUE_BYTES_MAX);
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
            return error_set(err, MUSTER_EINVAL, "bad_name",
                             "a name is one line, without control characters");
    return 0;
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
    return check_name(text_of(save->name ? save->name : ""), err);
}

/* Fills the body; 1 when the segment is like that already. */
static int put_version(muster_engine *e, change_request *r,
                       const audience_version *v, muster_error *err)
{
    saving *s = r->payload;
    const muster_text key = text_of(s->key);
    const audience_store *all = e->state.audiences;
    const audience *a = audience_find(all, key);

    int rc = check_when(s, a, err);
    if (rc == 0)
        rc = try_expr(e, key, v->expr, err);
    if (rc != 0)
        return rc;
    if (!a && audience_count(all) >= MUSTER_SEGMENTS_MAX)
        return error_set(err, MUSTER_ELIMIT, "segments_full",
                         "there is no room for another segment");
    if (a && same_version(audience_current(a), v))
        return 1;
    change_segment(r->body, key, v);
    ASSERT(buffer_ok(r->body));
    return is_tried(s);
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

    const int rc = saved_find(e->state.audiences, s->key, true, &a, err);
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

/* A text that has neither the key nor a backslash, which may stand for a part
 * of it, does not refer to it and need not be parsed. */
static bool may_refer(muster_text expr, muster_text key)
{
    return text_contains(expr, key) || memchr(expr.ptr, '\\', expr.len);
}

/* The next current segment from *at on that refers to `key`; NULL when no
 * more does. */
static const audience *next_referrer(const audience_store *all,
                                     muster_text key, size_t *at)
{
    while (*at < audience_count(all)) {
        const audience *a = audience_at(all, (*at)++);
        const audience_version *v = audience_current(a);
        ast_tree *tree;
        if (!v || text_is(key, a->key) || !may_refer(v->expr, key) ||
            segment_parse(&tree, v->expr, NULL) != 0)
            continue;
        const bool refers = segment_refers(tree, key);
        segment_tree_free(tree);
        if (refers)
            return a;
    }
    return NULL;
}

int muster_audience_usage(muster_engine *engine, const char *key,
                          muster_saved_fn each, void *payload,
                          muster_error *err)
{
    const audience *a;
    size_t at = 0;
    epoch_pin pin;

    error_clear(err);
    const audience_store *all = epoch_pin_newest(engine, &pin)->audiences;
    int rc = saved_find(all, key, false, &a, err);
    while (rc == 0 && (a = next_referrer(all, text_of(key), &at)) != NULL)
        rc = saved_tell(a, audience_current(a), each, payload);
    epoch_unpin(engine, &pin);
    return rc;
}

static int act_remove(muster_engine *e, change_request *r, muster_error *err)
{
    saving *s = r->payload;
    const audience *a;
    size_t at = 0;

    int rc = saved_find(e->state.audiences, s->key, false, &a, err);
    if (rc == 0)
        rc = check_when(s, a, err);
    if (rc != 0)
        return rc;
    const audience *user =
        next_referrer(e->state.audiences, text_of(s->key), &at);
    if (user)
        return error_set(err, MUSTER_ECONFLICT, "in_use",
                         "segment \"%s\" refers to \"%.64s\"; change it "
                         "first", user->key, s->key);
    change_segment(r->body, text_of(s->key), &s->version);
    return is_tried(s);
}

static int ask_writer(muster_engine *e, change_kind kind, saving *s,
                      int (*act)(muster_engine *, change_request *,
                                 muster_error *),
                      muster_error *err)
{
    buffer body;

    buffer_init(&body, (size_t)1 << 20);
    s->version.created = muster_engine_now(e);
    change_request r = {.kind = kind,
                        .body = &body,
                        .act = act,
                        .logged = note_id,
                        .payload = s};
    const int rc = writer_do(e, &r, err);
    buffer_release(&body);
    return rc;
}

/* The answer to who asked; the writer's 1 is that nothing was to be done. */
static int tell_made(const saving *s, int rc, muster_changed *out)
{
    if (out)
        *out = rc >= 0 ? s->made : (muster_changed){0, 0, false};
    return rc > 0 ? 0 : rc;
}

static muster_when when_of(const muster_when *when)
{
    return when ? *when : (muster_when){0, false};
}

int muster_audience_save(muster_engine *engine, const muster_save *save,
                         bool *changed, muster_error *err)
{
    muster_changed made;

    const int rc = muster_audience_save_when(engine, save, NULL, &made, err);
    if (changed)
        *changed = made.changed;
    return rc;
}

int muster_audience_save_when(muster_engine *engine, const muster_save *save,
                              const muster_when *when, muster_changed *out,
                              muster_error *err)
{
    error_clear(err);
    if (out)
        *out = (muster_changed){0, 0, false};
    int rc = check_save(save, err);
    if (rc == 0)
        rc = engine_check_writable(engine, err);
    if (rc != 0)
        return rc;
    saving s = {
        .key = save->key,
        .when = when_of(when),
        .version = {.expr = text_trim(text_make(save->expr, save->expr_len)),
                    .name = text_of(save->name ? save->name : ""),
                    .priority = save->priority,
                    .served = save->served}};
    rc = ask_writer(engine, CHANGE_SEGMENT_SAVE, &s, act_save, err);
    return tell_made(&s, rc, out);
}

int muster_audience_revert(muster_engine *engine, const char *key,
                           uint32_t version, muster_error *err)
{
    return muster_audience_revert_when(engine, key, version, NULL, NULL, err);
}

int muster_audience_revert_when(muster_engine *engine, const char *key,
                                uint32_t version, const muster_when *when,
                                muster_changed *out, muster_error *err)
{
    saving s = {.key = key, .back_to = version, .when = when_of(when)};

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc == 0)
        rc = ask_writer(engine, CHANGE_SEGMENT_SAVE, &s, act_revert, err);
    return tell_made(&s, rc, out);
}

int muster_audience_remove(muster_engine *engine, const char *key,
                           muster_error *err)
{
    return muster_audience_remove_when(engine, key, NULL, NULL, err);
}

int muster_audience_remove_when(muster_engine *engine, const char *key,
                                const muster_when *when, muster_changed *out,
                                muster_error *err)
{
    saving s = {.key = key,
                .when = when_of(when),
                .version = {.expr = text_of(""), .name = text_of("")}};

    error_clear(err);
    int rc = engine_check_writable(engine, err);
    if (rc == 0)
        rc = ask_writer(engine, CHANGE_SEGMENT_REMOVE, &s, act_remove, err);
    return tell_made(&s, rc, out);
}
