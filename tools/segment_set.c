/*
 * segment_set.c - a directory of segment files as one whole.
 *
 * Files may refer to each other, so each is checked as if all were saved
 * already: in the text that is compiled, a reference to a file that is not
 * saved yet is replaced by `all` and blanks of the same length, which leaves
 * every place in an error where it was. Saving goes in an order in which what
 * a segment refers to comes before it; a ring is an error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "base/mem.h"
#include "client.h"

#define CHAIN_MAX 1000

static segment_file *grow(segment_set *set)
{
    mem_grow(&set->items, &set->capacity, set->count + 1, sizeof *set->items);
    segment_file *f = &set->items[set->count++];
    *f = (segment_file){.key = NULL};
    return f;
}

void segment_set_release(segment_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        segment_file_release(&set->items[i]);
    mem_free(set->items);
    *set = (segment_set){NULL, 0, 0};
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const segment_file *)a)->key,
                  ((const segment_file *)b)->key);
}

const segment_file *segment_set_find(const segment_set *set, muster_text key)
{
    for (size_t low = 0, high = set->count; low < high;) {
        const size_t mid = (low + high) / 2;
        const int order = text_compare(key, text_of(set->items[mid].key));
        if (order == 0)
            return &set->items[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* ---- reading ---- */

static bool is_segment(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".seg") == 0;
}

int segment_set_read(cli *c, segment_set *out, const char *dir)
{
    DIR *open = opendir(dir);
    buffer path;
    int code = 0;
    *out = (segment_set){NULL, 0, 0};
    if (open == NULL)
        return tell_error(c, EXIT_USAGE, "cannot read %s: %s", dir,
                          strerror(errno));
    buffer_init(&path, 64 * 1024);
    for (struct dirent *e = readdir(open); e != NULL; e = readdir(open)) {
        if (!is_segment(e->d_name))
            continue;
        buffer_clear(&path);
        buffer_printf(&path, "%s/%s", dir, e->d_name);
        const int one = segment_file_read(c, grow(out), buffer_cstr(&path));
        if (one != 0) {
            segment_file_release(&out->items[--out->count]);
            code = one;
        }
    }
    closedir(open);
    buffer_release(&path);
    if (out->count > 0)
        qsort(out->items, out->count, sizeof *out->items, by_key);
    if (code == 0 && out->count == 0)
        return tell_error(c, EXIT_USAGE, "%s has no *.seg files", dir);
    return code;
}

static int keep_saved(void *payload, const muster_saved *row)
{
    segment_file_take(grow(payload), row);
    return 0;
}

int segment_set_saved(cli *c, segment_set *out)
{
    *out = (segment_set){NULL, 0, 0};
    muster_error err;
    error_clear(&err);
    const int status = client_audiences_each(c, keep_saved, out, &err);
    if (out->count > 0)
        qsort(out->items, out->count, sizeof *out->items, by_key);
    return status < 0 ? tell_status(c, &err, NULL, 0) : 0;
}

/* ---- checking ---- */

static int find_nothing(void *payload, const muster_saved *row)
{
    (void)payload;
    (void)row;
    return 0;
}

static bool is_saved(cli *c, muster_text key)
{
    muster_error err;
    char *copy = mem_strndup(key.ptr, key.len);
    const int status =
        client_audience_find(c, copy, find_nothing, NULL, &err);
    mem_free(copy);
    return status == 0;
}

/* The text with references to what will be saved replaced; *masked marks the
 * bytes that were. */
static char *mask_references(cli *c, const segment_set *set,
                             const segment_file *f, char **masked)
{
    char *text = mem_strndup(f->text, f->text_len);
    segment_reference ref;
    *masked = mem_zalloc(f->text_len + 1);
    for (size_t at = 0;
         segment_reference_next(f->text, f->text_len, &at, &ref);) {
        if (segment_set_find(set, ref.key) == NULL || is_saved(c, ref.key))
            continue;
        for (size_t i = ref.offset; i < ref.offset + ref.length; i++)
            text[i] = text[i] == '\n' ? '\n' : ' ';
        memcpy(text + ref.offset, "all", 3);
        memset(*masked + ref.offset, 1, ref.length);
    }
    return text;
}

static bool touches(const char *masked, const segment_file *f,
                    const muster_error *w)
{
    for (size_t i = w->offset; i < f->text_len && i <= w->offset + w->length;
         i++)
        if (masked[i])
            return true;
    return false;
}

static void check_whole(cli *c, const segment_set *set, const segment_file *f,
                        segment_finding_fn each, void *payload)
{
    client_segment *segment = NULL;
    muster_error err;
    char *masked = NULL;
    error_clear(&err);
    char *text = mask_references(c, set, f, &masked);
    if (client_segment_compile(c, &segment, text, f->text_len, &err) < 0)
        each(payload, f, true, &err);
    const size_t n =
        segment != NULL ? client_segment_warning_count(segment) : 0;
    for (size_t i = 0; i < n; i++) {
        const muster_error *w = client_segment_warning(segment, i);
        if (!touches(masked, f, w))
            each(payload, f, false, w);
    }
    client_segment_free(segment);
    mem_free(masked);
    mem_free(text);
}

void segment_set_check(cli *c, const segment_set *set, const segment_file *f,
                       segment_finding_fn each, void *payload)
{
    muster_error err;
    error_clear(&err);
    if (client_is_open(c)) {
        check_whole(c, set, f, each, payload);
        return;
    }
    char *text = NULL;
    if (muster_segment_format(f->text, f->text_len, &text, NULL, &err) < 0)
        each(payload, f, true, &err);
    muster_free(text);
}

/* ---- order ---- */

typedef struct ordering {
    const segment_set *set;
    char *state; /* 0 not seen, 1 being seen, 2 placed */
    size_t *order;
    size_t placed;
    size_t ring;
    size_t depth;
} ordering;

/* Depth first; a longer chain than CHAIN_MAX is taken for a ring. */
static bool place(ordering *o, size_t i)
{
    const segment_file *f = &o->set->items[i];
    segment_reference ref;
    if (o->state[i] == 2)
        return true;
    if (o->state[i] == 1 || o->depth == CHAIN_MAX) {
        o->ring = i;
        return false;
    }
    o->state[i] = 1;
    o->depth++;
    for (size_t at = 0;
         segment_reference_next(f->text, f->text_len, &at, &ref);) {
        const segment_file *to = segment_set_find(o->set, ref.key);
        if (to != NULL && !place(o, (size_t)(to - o->set->items)))
            return false;
    }
    o->depth--;
    o->state[i] = 2;
    o->order[o->placed++] = i;
    return true;
}

bool segment_set_order(const segment_set *set, size_t *order, size_t *ring)
{
    ordering o = {.set = set, .order = order};
    bool ok = true;
    o.state = mem_zalloc(set->count + 1);
    for (size_t i = 0; i < set->count && ok; i++)
        ok = place(&o, i);
    mem_free(o.state);
    *ring = o.ring;
    return ok;
}
