/*
 * segment_apply.c - `muster segment apply DIR`: the saved segments become
 * what the files of a directory say.
 *
 *   1. read all files, check all expressions: an error ends it here
 *   2. compare with what is saved: new, changed, unchanged, removed
 *   3. show the plan
 *   4. save, what is referred to first; then remove, what refers first
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd_segment.h"

#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "base/mem.h"
#include "client.h"

typedef enum action {
    ACTION_NEW,
    ACTION_CHANGED,
    ACTION_SAME,
    ACTION_GONE
} action;
static const char *const action_names[] = {"new", "changed", "unchanged",
                                           "removed"};

typedef struct apply {
    cli *c;
    segment_set files;
    segment_set saved;
    size_t counts[4]; /* by action */
    bool prune;
    bool dry_run;
    int code;
} apply;

/* ---- 1. check ---- */

static void tell_finding(void *payload, const segment_file *f, bool error,
                         const muster_error *finding)
{
    apply *a = payload;
    if (error) {
        tell_error(a->c, EXIT_EXPR, "%s:", f->path);
        a->code = tell_status(a->c, finding, f->text, f->text_len);
    } else if (a->c->set.verbose) {
        tell(a->c, "%s:", f->path);
        tell_warning(a->c, finding, f->text, f->text_len);
    }
}

/* With --prune, a file may not refer to what will be removed. */
static void check_pruned(apply *a, const segment_file *f)
{
    segment_reference ref;
    for (size_t at = 0;
         segment_reference_next(f->text, f->text_len, &at, &ref);) {
        if (segment_set_find(&a->files, ref.key) != NULL ||
            segment_set_find(&a->saved, ref.key) == NULL)
            continue;
        a->code = tell_error(a->c, EXIT_EXPR,
                             "%s: it refers to the segment %.*s, which has no"
                             " file and would be removed",
                             f->path, (int)ref.key.len, ref.key.ptr);
    }
}

static void check_files(apply *a)
{
    for (size_t i = 0; i < a->files.count && a->code != EXIT_SERVER; i++) {
        const segment_file *f = &a->files.items[i];
        segment_set_check(a->c, &a->files, f, tell_finding, a);
        if (a->prune)
            check_pruned(a, f);
    }
}

/* ---- 2. compare ---- */

static action action_of(const apply *a, const segment_file *f)
{
    const segment_file *saved = segment_set_find(&a->saved, text_of(f->key));
    if (saved == NULL)
        return ACTION_NEW;
    return segment_file_same(f, saved) ? ACTION_SAME : ACTION_CHANGED;
}

static bool is_gone(const apply *a, const segment_file *saved)
{
    return a->prune && segment_set_find(&a->files, text_of(saved->key)) == NULL;
}

/* ---- 3. show ---- */

static void put_plan_row(apply *a, rows *r, const char *key, action what)
{
    rows_str(r, key);
    rows_str(r, action_names[what]);
    a->counts[what]++;
}

static void put_plan(apply *a)
{
    static const column columns[] = {{"key", COLUMN_TEXT},
                                     {"action", COLUMN_TEXT}};
    cli *c = a->c;
    out_open(c);
    rows *r = rows_open(c, "plan", columns, 2);
    for (size_t i = 0; i < a->files.count; i++)
        put_plan_row(a, r, a->files.items[i].key,
                     action_of(a, &a->files.items[i]));
    for (size_t i = 0; i < a->saved.count; i++)
        if (is_gone(a, &a->saved.items[i]))
            put_plan_row(a, r, a->saved.items[i].key, ACTION_GONE);
    rows_close(r);
    for (int i = 0; i < 4; i++)
        out_member_uint(c, action_names[i], a->counts[i]);
    out_member_bool(c, "dry_run", a->dry_run);
    out_close(c);
    out_flush(c);
    tell(c, "%zu new, %zu changed, %zu unchanged, %zu removed%s",
         a->counts[ACTION_NEW], a->counts[ACTION_CHANGED],
         a->counts[ACTION_SAME], a->counts[ACTION_GONE],
         a->dry_run ? " (dry run: nothing was changed)" : "");
}

/* ---- 4. save and remove ---- */

/* Files in the order of the set they are part of. */
static void save_files(apply *a, const size_t *order)
{
    for (size_t i = 0; i < a->files.count && a->code == 0; i++) {
        const segment_file *f = &a->files.items[order[i]];
        if (action_of(a, f) != ACTION_SAME)
            a->code = segment_save(a->c, f, NULL);
    }
}

static void remove_saved(apply *a, const size_t *order)
{
    muster_error err;
    for (size_t i = a->saved.count; i > 0 && a->code == 0; i--) {
        const segment_file *f = &a->saved.items[order[i - 1]];
        error_clear(&err);
        if (is_gone(a, f) &&
            client_audience_remove(a->c, f->key, &err) < 0)
            a->code = tell_status(a->c, &err, NULL, 0);
    }
}

/* Where the files with what stays saved beside them make a ring. */
static bool tell_ring(apply *a)
{
    segment_set all = {NULL, 0, 0};
    size_t ring = 0;
    for (size_t i = 0, j = 0; i < a->files.count || j < a->saved.count;) {
        const segment_file *f = i < a->files.count ? &a->files.items[i] : NULL;
        const segment_file *s = j < a->saved.count ? &a->saved.items[j] : NULL;
        const int order = f == NULL   ? 1
                          : s == NULL ? -1
                                      : strcmp(f->key, s->key);
        mem_grow(&all.items, &all.capacity, all.count + 1, sizeof *all.items);
        all.items[all.count++] = order <= 0 ? *f : *s;
        i += order <= 0;
        j += order >= 0;
    }
    size_t *places = mem_array(all.count + 1, sizeof *places);
    const bool ok = segment_set_order(&all, places, &ring);
    if (!ok)
        a->code = tell_error(a->c, EXIT_EXPR,
                             "%s: it refers to itself by way"
                             " of other segments",
                             all.items[ring].path);
    mem_free(places);
    mem_free(all.items); /* the texts belong to files and saved */
    return !ok;
}

static void apply_plan(apply *a)
{
    size_t *files = mem_array(a->files.count + 1, sizeof *files);
    size_t *saved = mem_array(a->saved.count + 1, sizeof *saved);
    size_t ring;
    const bool ok = segment_set_order(&a->files, files, &ring) &&
                    segment_set_order(&a->saved, saved, &ring);
    ASSERT(ok); /* tell_ring was asked, and what is saved has none */
    save_files(a, files);
    remove_saved(a, saved);
    mem_free(files);
    mem_free(saved);
}

int cmd_segment_apply(cli *c, int argc, char **argv)
{
    apply a = {.c = c,
               .prune = cli_flag_is(c, "prune"),
               .dry_run = cli_flag_is(c, "dry-run")};
    (void)argc;
    a.code = segment_set_read(c, &a.files, argv[0]);
    if (a.code == 0)
        a.code =
            client_open(c, a.dry_run ? MUSTER_OPEN_READ : MUSTER_OPEN_WRITE);
    if (a.code == 0)
        a.code = segment_set_saved(c, &a.saved);
    if (a.code == 0)
        check_files(&a);
    if (a.code == 0 && !tell_ring(&a)) {
        put_plan(&a);
        if (!a.dry_run)
            apply_plan(&a);
    }
    segment_set_release(&a.files);
    segment_set_release(&a.saved);
    return a.code;
}
