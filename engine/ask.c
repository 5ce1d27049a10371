/*
 * ask.c - muster_segment: compile, count, users, has, explain.
 *
 * A compiled segment keeps its text; its plan is bound to the catalog and the
 * saved segments as they are and bound again when either has changed. A
 * question resolves the plan against the state it finds under the lock, so
 * its numbers hold for one epoch.
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

int engine_pseudonym(const muster_engine *e, const muster_id *user,
                     muster_pseudonym *out, muster_error *err)
{
    if (!user || !user->space || !user->id)
        return error_set(err, MUSTER_EINVAL, "no_id", "no user is named");
    if (!catalog_space_find(e->names, text_of(user->space)))
        return error_set(err, MUSTER_EINVAL, "unknown_space",
                         "the id space is not declared");
    return identity_pseudonymise(
        e->key, text_of(user->space),
        identity_raw_of(text_make(user->id, user->id_len)), out, err);
}

program_state engine_state(const muster_engine *e)
{
    return (program_state){e->index, e->ids, dictionary_rows(e->ids),
                           muster_engine_now(e)};
}

/* ---- binding ---- */

static muster_text find_expr(void *payload, muster_text key)
{
    const muster_engine *e = payload;
    const audience *a = audience_find(e->audiences, key);
    const audience_version *v = a ? audience_current(a) : NULL;
    return v ? v->expr : text_make(NULL, 0);
}

static void offer_keys(void *payload, near_name *near)
{
    const muster_engine *e = payload;
    for (size_t i = 0; i < audience_count(e->audiences); i++) {
        const audience *a = audience_at(e->audiences, i);
        if (audience_current(a))
            near_offer(near, text_of(a->key));
    }
}

int engine_bind(muster_engine *e, const scope *viewer, muster_text text,
                muster_text self, plan **out, segment_diagnostics *notes,
                muster_error *err)
{
    ast_tree *tree;
    const segment_binding binding = {
        e->names, viewer, e->key, find_expr, offer_keys, e, e->index, self};

    *out = NULL;
    const int rc = segment_parse(&tree, text, err);
    if (rc != 0)
        return rc;
    return segment_bind(out, tree, &binding, notes, err);
}

/* Caller holds `binding`. */
static void drop_program(kept_program *k)
{
    if (!k || --k->users > 0)
        return;
    program_free(k->g);
    mem_free(k);
}

int segment_current(muster_segment *s, const plan **out, muster_error *err)
{
    muster_engine *e = s->engine;
    const uint64_t names = catalog_version(e->names);
    const uint64_t audiences = audience_store_version(e->audiences);
    int rc = 0;

    pthread_mutex_lock(&s->binding);
    if (!s->plan || s->catalog_version != names ||
        s->audience_version != audiences) {
        plan *fresh;
        rc = engine_bind(e, s->viewer, text_make(s->text, s->text_len),
                         text_make(NULL, 0), &fresh,
                         s->plan ? NULL : &s->notes, err);
        if (rc == 0) {
            drop_program(s->kept);
            s->kept = NULL;
            segment_plan_free(s->plan);
            s->plan = fresh;
            s->catalog_version = names;
            s->audience_version = audiences;
        }
    }
    *out = s->plan;
    pthread_mutex_unlock(&s->binding);
    return rc;
}

kept_program *segment_take_program(muster_segment *s, const plan *bound,
                                   const program_state *state)
{
    const uint64_t version = index_version(state->index);
    const muster_hour hour = clock_hour_of(state->now);

    pthread_mutex_lock(&s->binding);
    kept_program *k = s->kept;
    if (!k || k->index_version != version || k->hour != hour ||
        k->rows != state->rows) {
        drop_program(k);
        k = mem_alloc(sizeof *k);
        *k = (kept_program){program_new(bound, state), 1, version,
                            state->rows, hour};
        s->kept = k;
    }
    k->users++;
    pthread_mutex_unlock(&s->binding);
    return k;
}

void segment_give_program(muster_segment *s, kept_program *k)
{
    pthread_mutex_lock(&s->binding);
    drop_program(k);
    pthread_mutex_unlock(&s->binding);
}

static int copy_scope(scope **out, const muster_scope *from,
                      muster_error *err)
{
    ASSERT(from != NULL); /* nothing is evaluated without a scope */
    return scope_new(out, scope_asker(from->inner),
                     scope_purpose_of(from->inner),
                     scope_partner(from->inner), err);
}

int muster_segment_compile(muster_segment **out, muster_engine *engine,
                           const muster_scope *viewer, const char *text,
                           size_t text_len, muster_error *err)
{
    const plan *bound;

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
    int rc = copy_scope(&s->viewer, viewer, err);
    if (rc == 0) {
        engine_lock_read(engine);
        rc = segment_current(s, &bound, err);
        engine_unlock(engine);
    }
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
    drop_program(segment->kept);
    segment_plan_free(segment->plan);
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

/* ---- counting ---- */

/* The answer and everything it points to. */
typedef struct count_answer {
    muster_count public; /* first: the caller's pointer is this */
    arena memory;
    muster_clause *clauses;
    size_t clause_capacity;
    muster_window *windows;
    size_t window_capacity;
} count_answer;

static void take_clause(void *payload, const char *path,
                        const ast_node *clause, uint64_t count,
                        int64_t marginal)
{
    count_answer *a = payload;
    buffer text;

    buffer_init(&text, 2 * MUSTER_SEGMENT_BYTES_MAX);
    segment_format(clause, &text);
    mem_grow(&a->clauses, &a->clause_capacity, a->public.clause_count + 1,
             sizeof *a->clauses);
    a->clauses[a->public.clause_count++] = (muster_clause){
        arena_strndup(&a->memory, path, strlen(path)),
        arena_strndup(&a->memory, buffer_cstr(&text), text.len), count,
        marginal};
    buffer_release(&text);
}

static void take_window(void *payload, const char *text, muster_time from,
                        muster_time to)
{
    count_answer *a = payload;

    for (size_t i = 0; i < a->public.window_count; i++)
        if (strcmp(a->windows[i].text, text) == 0 &&
            a->windows[i].from == from)
            return;
    mem_grow(&a->windows, &a->window_capacity, a->public.window_count + 1,
             sizeof *a->windows);
    a->windows[a->public.window_count++] = (muster_window){
        arena_strndup(&a->memory, text, strlen(text)), from, to};
}

int muster_segment_count(muster_segment *segment, bool clauses,
                         muster_count **out, muster_error *err)
{
    muster_engine *e = segment->engine;
    const plan *bound;

    error_clear(err);
    *out = NULL;
    engine_lock_read(e);
    const int rc = segment_current(segment, &bound, err);
    if (rc != 0) {
        engine_unlock(e);
        return rc;
    }
    count_answer *a = mem_zalloc(sizeof *a);
    const program_state state = engine_state(e);
    arena_init(&a->memory);
    const uint64_t start = clock_monotonic_ns();
    kept_program *k = segment_take_program(segment, bound, &state);
    a->public.count = program_count(k->g);
    a->public.elapsed_ns = clock_monotonic_ns() - start;
    segment_give_program(segment, k);
    a->public.universe = segment_universe_count(bound, &state);
    a->public.share = a->public.universe ? (double)a->public.count /
                                               (double)a->public.universe
                                         : 0;
    a->public.exact = true;
    a->public.as_of = state.now;
    a->public.epoch = e->seq;
    if (clauses)
        segment_clauses(bound, &state, take_clause, a);
    segment_windows(bound, state.now, take_window, a);
    engine_unlock(e);
    a->public.clauses = a->clauses;
    a->public.windows = a->windows;
    *out = &a->public;
    return 0;
}

void muster_count_free(muster_count *count)
{
    count_answer *a = (count_answer *)count;
    if (!a)
        return;
    arena_release(&a->memory);
    mem_free(a->clauses);
    mem_free(a->windows);
    mem_free(a);
}

/* ---- sets and decisions ---- */

typedef struct user_walk {
    const muster_engine *e;
    muster_user_fn each;
    void *payload;
} user_walk;

static int tell_user(void *payload, uint32_t row)
{
    const user_walk *w = payload;
    return w->each(w->payload, dictionary_primary(w->e->ids, row));
}

int muster_segment_users(muster_segment *segment, muster_user_fn each,
                         void *payload, muster_error *err)
{
    muster_engine *e = segment->engine;
    user_walk walk = {e, each, payload};
    const plan *bound;

    error_clear(err);
    engine_lock_read(e);
    int rc = segment_current(segment, &bound, err);
    if (rc == 0) {
        const program_state state = engine_state(e);
        kept_program *k = segment_take_program(segment, bound, &state);
        rc = program_each(k->g, tell_user, &walk);
        segment_give_program(segment, k);
    }
    engine_unlock(e);
    return rc;
}

int muster_segment_has(muster_segment *segment, const muster_id *user,
                       bool *out, muster_error *err)
{
    muster_engine *e = segment->engine;
    muster_pseudonym p;
    const plan *bound;

    error_clear(err);
    *out = false;
    engine_lock_read(e);
    int rc = engine_pseudonym(e, user, &p, err);
    if (rc == 0)
        rc = segment_current(segment, &bound, err);
    if (rc == 0) {
        const uint32_t row = dictionary_find(e->ids, &p);
        if (row != DICTIONARY_NONE) {
            const program_state state = engine_state(e);
            kept_program *k = segment_take_program(segment, bound, &state);
            *out = program_has(k->g, row);
            segment_give_program(segment, k);
        }
    }
    engine_unlock(e);
    return rc;
}

/* ---- explaining ---- */

typedef struct explain_answer {
    muster_explanation public; /* first */
    arena memory;
    muster_reason *reasons;
    size_t capacity;
} explain_answer;

static const char *keep(explain_answer *a, const char *text)
{
    return arena_strndup(&a->memory, text, strlen(text));
}

static void take_reason(void *payload, const segment_reason *r)
{
    explain_answer *a = payload;

    mem_grow(&a->reasons, &a->capacity, a->public.reason_count + 1,
             sizeof *a->reasons);
    a->reasons[a->public.reason_count++] =
        (muster_reason){keep(a, r->path), keep(a, r->text), r->depth,
                        r->holds,         keep(a, r->why),  r->until};
}

/* Is the row opted out or forgotten? */
static bool is_masked(const muster_engine *e, uint32_t row)
{
    static const uint32_t provider = 0;
    bool masked = engine_is_forgotten(e, row);
    const leaf_spec spec = {.type = LEAF_HELD,
                            .attribute = INDEX_OPTED_OUT,
                            .providers = &provider,
                            .provider_count = 1,
                            .any = true};
    index_leaf *leaf = index_leaf_new(e->index, &spec);
    masked |= index_leaf_has(leaf, row);
    index_leaf_free(leaf);
    return masked;
}

int muster_segment_explain(muster_segment *segment, const muster_id *user,
                           muster_explanation **out, muster_error *err)
{
    muster_engine *e = segment->engine;
    muster_pseudonym p;
    const plan *bound;

    error_clear(err);
    *out = NULL;
    engine_lock_read(e);
    int rc = engine_pseudonym(e, user, &p, err);
    if (rc == 0)
        rc = segment_current(segment, &bound, err);
    if (rc != 0) {
        engine_unlock(e);
        return rc;
    }
    explain_answer *a = mem_zalloc(sizeof *a);
    const program_state state = engine_state(e);
    const uint32_t row = dictionary_find(e->ids, &p);
    arena_init(&a->memory);
    a->public.as_of = state.now;
    a->public.epoch = e->seq;
    a->public.known = row != DICTIONARY_NONE;
    if (a->public.known) {
        a->public.masked = is_masked(e, row);
        segment_explain(bound, e->names, &state, row, take_reason, a);
        a->public.member = a->reasons[0].holds;
        a->public.until = a->reasons[0].until;
    }
    engine_unlock(e);
    a->public.reasons = a->reasons;
    *out = &a->public;
    return 0;
}

void muster_explanation_free(muster_explanation *explanation)
{
    explain_answer *a = (explain_answer *)explanation;
    if (!a)
        return;
    arena_release(&a->memory);
    mem_free(a->reasons);
    mem_free(a);
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
