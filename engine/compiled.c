/*
 * compiled.c - muster_segment: compile, and what is kept with a segment.
 *
 * A compiled segment keeps its text. Its plan is bound to the catalog and the
 * saved segments of one epoch, its program to the planes of that epoch and to
 * the hour; both are made anew when another epoch is asked. What is kept
 * holds its epoch; the keeper lets go of it when a segment has been idle over
 * a new generation.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

/* ---- scopes and users ---- */

int muster_scope_new(muster_scope **out, const char *asker,
                     muster_purpose purpose, const char *partner,
                     muster_error *err)
{
    scope *inner;

    error_clear(err);
    *out = NULL;
    const int rc = scope_new(&inner, text_of(asker), (scope_purpose)purpose,
                             text_of(partner), err);
    if (rc != 0)
        return rc;
    *out = mem_alloc(sizeof **out);
    (*out)->inner = inner;
    return 0;
}

void muster_scope_free(muster_scope *s)
{
    if (!s)
        return;
    scope_free(s->inner);
    mem_free(s);
}

int engine_pseudonym(const muster_engine *e, const catalog *names,
                     const muster_id *user, muster_pseudonym *out,
                     muster_error *err)
{
    if (!user || !user->space || !user->id)
        return error_set(err, MUSTER_EINVAL, "no_id", "no user is named");
    if (!catalog_space_find(names, text_of(user->space)))
        return error_set(err, MUSTER_EINVAL, "unknown_space",
                         "the id space is not declared");
    return identity_pseudonymise(
        e->key, text_of(user->space),
        identity_raw_of(text_make(user->id, user->id_len)), out, err);
}

program_state epoch_state(const muster_engine *e, const epoch *at)
{
    return (program_state){.index = at->index,
                           .ids = at->ids,
                           .rows = dictionary_rows(at->ids),
                           .now = engine_now_at(e, at)};
}

/* ---- binding ---- */

typedef struct seen_segments {
    const epoch *at;
    access_view view;
} seen_segments;

static muster_text find_expr(void *payload, muster_text key)
{
    const seen_segments *s = payload;
    const audience *a = audience_find(s->at->audiences, key);
    const audience_version *v = a ? audience_current(a) : NULL;
    return v ? v->expr : text_make(NULL, 0);
}

static bool sees_key(void *payload, muster_text key)
{
    const seen_segments *s = payload;
    const audience *a = audience_find(s->at->audiences, key);
    return a && access_view_has(s->view, a->id);
}

static void offer_keys(void *payload, near_name *near)
{
    const seen_segments *s = payload;
    for (size_t i = 0; i < audience_count(s->at->audiences); i++) {
        const audience *a = audience_at(s->at->audiences, i);
        if (audience_current(a) && access_view_has(s->view, a->id))
            near_offer(near, text_of(a->key));
    }
}

static int bind_text(const muster_engine *e, const epoch *at,
                     const scope *viewer, bool asked, muster_text text,
                     muster_text self, plan **out, segment_diagnostics *notes,
                     muster_error *err)
{
    seen_segments seen = {at, access_view_of(at->access, viewer)};
    ast_tree *tree;
    const segment_binding binding = {
        at->names,  viewer, e->key,    find_expr,
        offer_keys, &seen,  at->index, self,
        asked ? sees_key : NULL};

    *out = NULL;
    const int rc = segment_parse(&tree, text, err);
    if (rc != 0)
        return rc;
    return segment_bind(out, tree, &binding, notes, err);
}

int engine_bind(const muster_engine *e, const epoch *at, const scope *viewer,
                muster_text text, muster_text self, plan **out,
                segment_diagnostics *notes, muster_error *err)
{
    return bind_text(e, at, viewer, false, text, self, out, notes, err);
}

int engine_bind_asked(const muster_engine *e, const epoch *at,
                      const scope *viewer, muster_text text, plan **out,
                      segment_diagnostics *notes, muster_error *err)
{
    return bind_text(e, at, viewer, true, text, text_make(NULL, 0), out,
                     notes, err);
}

/* ---- what is kept ---- */

/* Caller holds `binding`. */
static void drop(kept_plan *k)
{
    if (!k || --k->users > 0)
        return;
    program_free(k->g);
    segment_plan_free(k->plan);
    epoch_let_go(k->at);
    mem_free(k);
}

static int keep(muster_segment *s, const epoch *at, muster_hour hour,
                muster_error *err)
{
    const program_state state = epoch_state(s->engine, at);
    plan *bound;

    const int rc = engine_bind_asked(s->engine, at, s->viewer,
                                     text_make(s->text, s->text_len), &bound,
                                     s->compiled ? NULL : &s->notes, err);
    if (rc != 0)
        return rc;
    drop(s->kept);
    s->compiled = true;
    s->kept = mem_alloc(sizeof *s->kept);
    const uint64_t residents = index_residents_version(s->engine->residents);
    *s->kept = (kept_plan){at,   bound,     program_new(bound, &state),
                           hour, residents, 1};
    epoch_hold(at);
    return 0;
}

int kept_take(muster_segment *s, const epoch *at, kept_plan **out,
              muster_error *err)
{
    const muster_hour hour = clock_hour_of(engine_now_at(s->engine, at));
    int rc = 0;

    *out = NULL;
    pthread_mutex_lock(&s->binding);
    if (!s->kept || s->kept->at != at || s->kept->hour != hour ||
        s->kept->residents !=
            index_residents_version(s->engine->residents))
        rc = keep(s, at, hour, err);
    if (rc == 0) {
        s->kept->users++;
        *out = s->kept;
    }
    pthread_mutex_unlock(&s->binding);
    return rc;
}

void kept_give(muster_segment *s, kept_plan *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&s->binding);
    drop(k);
    pthread_mutex_unlock(&s->binding);
}

void segments_refresh(muster_engine *e)
{
    const epoch *newest = __atomic_load_n(&e->gate.current, __ATOMIC_ACQUIRE);

    pthread_mutex_lock(&e->lists);
    for (muster_segment *s = e->segments; s; s = s->next) {
        if (pthread_mutex_trylock(&s->binding) != 0)
            continue; /* in use: it will look for itself */
        if (s->kept && s->kept->at != newest) {
            drop(s->kept);
            s->kept = NULL;
        }
        pthread_mutex_unlock(&s->binding);
    }
    pthread_mutex_unlock(&e->lists);
}

/* ---- life ---- */

static void enlist(muster_engine *e, muster_segment *s)
{
    pthread_mutex_lock(&e->lists);
    s->next = e->segments;
    if (s->next)
        s->next->former = s;
    e->segments = s;
    pthread_mutex_unlock(&e->lists);
}

static void strike_off(muster_engine *e, muster_segment *s)
{
    pthread_mutex_lock(&e->lists);
    if (s->next)
        s->next->former = s->former;
    if (s->former)
        s->former->next = s->next;
    else if (e->segments == s)
        e->segments = s->next;
    pthread_mutex_unlock(&e->lists);
}

static int copy_scope(scope **out, const muster_scope *from,
                      muster_error *err)
{
    ASSERT(from != NULL); /* nothing is evaluated without a scope */
    return scope_new(out, scope_asker(from->inner),
                     scope_purpose_of(from->inner),
                     scope_partner(from->inner), err);
}

static int bind_once(muster_segment *s, muster_error *err)
{
    epoch_pin pin;
    kept_plan *k;

    const int rc =
        kept_take(s, epoch_pin_newest(s->engine, &pin), &k, err);
    kept_give(s, k);
    epoch_unpin(s->engine, &pin);
    return rc;
}

int muster_segment_compile(muster_segment **out, muster_engine *engine,
                           const muster_scope *viewer, const char *text,
                           size_t text_len, muster_error *err)
{
    error_clear(err);
    *out = NULL;
    engine_check(engine);
    if (text_len > MUSTER_SEGMENT_BYTES_MAX)
        return error_set(err, MUSTER_EEXPR, "expr_bytes",
                         "the expression is longer than %u bytes",
                         MUSTER_SEGMENT_BYTES_MAX);
    muster_segment *s = mem_zalloc(sizeof *s);
    s->engine = engine;
    pthread_mutex_init(&s->binding, NULL);
    s->text = mem_strndup(text, text_len);
    s->text_len = text_len;
    enlist(engine, s);
    int rc = copy_scope(&s->viewer, viewer, err);
    if (rc == 0)
        rc = bind_once(s, err);
    if (rc != 0) {
        muster_segment_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void muster_segment_free(muster_segment *segment)
{
    if (!segment)
        return;
    strike_off(segment->engine, segment);
    drop(segment->kept);
    segment_diagnostics_release(&segment->notes);
    scope_free(segment->viewer);
    pthread_mutex_destroy(&segment->binding);
    mem_free(segment->text);
    mem_free(segment);
}

size_t muster_segment_warning_count(const muster_segment *segment)
{
    return segment->notes.count;
}

const muster_error *muster_segment_warning(const muster_segment *segment,
                                           size_t i)
{
    ASSERT(i < segment->notes.count);
    return &segment->notes.items[i].detail;
}

/* ---- texts ---- */

void muster_free(void *memory)
{
    mem_free(memory);
}

static char *detach(buffer *b)
{
    char *text = mem_strndup(buffer_cstr(b), b->len);
    buffer_release(b);
    return text;
}

int muster_segment_format(const char *text, size_t text_len, char **out_text,
                          char **out_json, muster_error *err)
{
    ast_tree *tree;
    buffer b;

    error_clear(err);
    const int rc = segment_parse(&tree, text_make(text, text_len), err);
    if (rc != 0)
        return rc;
    if (out_text) {
        buffer_init(&b, (size_t)4 << 20);
        segment_format(segment_root(tree), &b);
        *out_text = detach(&b);
    }
    if (out_json) {
        json_writer w;
        buffer_init(&b, (size_t)16 << 20);
        json_begin(&w, &b, false);
        segment_to_json(segment_root(tree), &w);
        *out_json = detach(&b);
    }
    segment_tree_free(tree);
    return 0;
}

int muster_segment_from_json(const char *json, size_t json_len,
                             char **out_text, muster_error *err)
{
    json_doc *doc;
    ast_tree *tree = NULL;
    buffer b;

    error_clear(err);
    int rc = json_parse(&doc, json, json_len, JSON_STRICT, err);
    if (rc != 0)
        return rc;
    rc = segment_from_json(&tree, json_root(doc), err);
    if (rc == 0) {
        buffer_init(&b, (size_t)4 << 20);
        segment_format(segment_root(tree), &b);
        *out_text = detach(&b);
        segment_tree_free(tree);
    }
    json_free(doc);
    return rc;
}

char *muster_error_caret(const muster_error *err, const char *text,
                         size_t text_len)
{
    buffer b;

    buffer_init(&b, (size_t)1 << 20);
    segment_error_caret(err, text_make(text, text_len), &b);
    return detach(&b);
}
