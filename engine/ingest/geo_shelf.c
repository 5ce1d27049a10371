/*
 * geo_shelf.c - databases that are replaced while they are read.
 *
 * What is in use is a *snapshot*: the databases in their order, immutable and
 * counted. A reader holds one from batch to batch; who refreshes opens the new
 * files beside it, makes a new snapshot of them and of those that stayed, and
 * lets the shelf point to it. The old one goes when its last reader has gone
 * over.
 *
 * A file was replaced when its device, number, size or a time of it is another
 * than when it was last looked at. A new one that cannot be used is said once
 * and left aside until it changes again: the old database stays.
 *
 * Threads: any may refresh, one after the other; readers take a lock for the
 * moment of going over, and otherwise look at one number.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/geo_shelf.h"

#include <stdio.h>
#include <sys/stat.h>

/* By what a file is known again. */
typedef struct look {
    dev_t device;
    ino_t number;
    off_t size;
    struct timespec written;
    struct timespec changed;
} look;

struct geo_shelf {
    size_t count;
    char **paths;
    pthread_mutex_t refreshing; /* over looks */
    look *looks;
    pthread_mutex_t lock; /* over current */
    geo_snapshot *current;
    uint64_t number; /* of current; read without the lock */
};

static look look_at(const char *path)
{
    struct stat s;
    look l;
    memset(&l, 0, sizeof l);
    if (stat(path, &s) != 0)
        return l;
    l.device = s.st_dev;
    l.number = s.st_ino;
    l.size = s.st_size;
    l.written = s.st_mtim;
    l.changed = s.st_ctim;
    return l;
}

static bool same_look(const look *a, const look *b)
{
    return a->device == b->device && a->number == b->number &&
           a->size == b->size && a->written.tv_sec == b->written.tv_sec &&
           a->written.tv_nsec == b->written.tv_nsec &&
           a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

/* ---- snapshots ---- */

static geo_snapshot *snapshot_new(size_t count, uint64_t number)
{
    geo_snapshot *s = mem_zalloc(sizeof *s);
    ASSERT(count <= MUSTER_DERIVE_GEO_MAX);
    s->refs = 1;
    s->number = number;
    s->count = count;
    return s;
}

void geo_snapshot_release(geo_snapshot *s)
{
    if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < s->count; i++)
        geo_file_release(s->files[i]);
    mem_free(s);
}

uint64_t geo_shelf_number(const geo_shelf *s)
{
    return __atomic_load_n(&s->number, __ATOMIC_ACQUIRE);
}

geo_snapshot *geo_shelf_take(geo_shelf *s)
{
    pthread_mutex_lock(&s->lock);
    geo_snapshot *taken = s->current;
    __atomic_add_fetch(&taken->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&s->lock);
    return taken;
}

static void put_current(geo_shelf *s, geo_snapshot *take)
{
    take->open = 0;
    for (size_t i = 0; i < take->count; i++)
        take->open |= geo_file_open_set(take->files[i]);
    pthread_mutex_lock(&s->lock);
    geo_snapshot *old = s->current;
    s->current = take;
    __atomic_store_n(&s->number, take->number, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&s->lock);
    geo_snapshot_release(old);
}

/* ---- opening ---- */

int geo_shelf_open(geo_shelf **out, const char *const *paths, size_t count,
                   muster_error *err)
{
    ASSERT(out != NULL && count > 0 && count <= MUSTER_DERIVE_GEO_MAX);
    geo_shelf *s = mem_zalloc(sizeof *s);
    geo_snapshot *first = snapshot_new(count, 1);
    int rc = 0;
    *out = NULL;
    ASSERT(pthread_mutex_init(&s->refreshing, NULL) == 0);
    ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    s->count = count;
    s->paths = mem_array(count, sizeof *s->paths);
    s->looks = mem_array(count, sizeof *s->looks);
    for (size_t i = 0; i < count && rc == 0; i++) {
        s->paths[i] = mem_strdup(paths[i]);
        s->looks[i] = look_at(paths[i]); /* before: a change is seen later */
        rc = geo_file_open(&first->files[i], paths[i], err);
    }
    if (rc != 0) {
        geo_snapshot_release(first);
        geo_shelf_free(s);
        return rc;
    }
    put_current(s, first);
    *out = s;
    return 0;
}

void geo_shelf_free(geo_shelf *s)
{
    if (s == NULL)
        return;
    geo_snapshot_release(s->current);
    for (size_t i = 0; i < s->count; i++)
        mem_free(s->paths[i]);
    mem_free(s->paths);
    mem_free(s->looks);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->refreshing);
    mem_free(s);
}

/* ---- replacing ---- */

static void say_line(geo_say say, void *payload, bool well, const char *why)
{
    muster_error line; /* cuts and cleans */
    if (say == NULL)
        return;
    error_set(&line, MUSTER_EIO, "said", "a database was %sreplaced: %s",
              well ? "" : "not ", why);
    say(payload, well, line.message);
}

/* The new file at the path, if it is one that can be used. */
static bool open_again(geo_shelf *s, size_t i, geo_snapshot *next, geo_say say,
                       void *payload)
{
    muster_error err;
    geo_file *file = NULL;
    const look now = look_at(s->paths[i]);
    if (same_look(&now, &s->looks[i]))
        return false;
    s->looks[i] = now;
    if (geo_file_open(&file, s->paths[i], &err) != 0) {
        say_line(say, payload, false, err.message);
        return false;
    }
    geo_file_release(next->files[i]);
    next->files[i] = file;
    say_line(say, payload, true, s->paths[i]);
    return true;
}

size_t geo_shelf_refresh(geo_shelf *s, geo_say say, void *payload)
{
    size_t replaced = 0;
    pthread_mutex_lock(&s->refreshing);
    const geo_snapshot *now = s->current; /* changed by this thread alone */
    geo_snapshot *next = snapshot_new(s->count, now->number + 1);
    for (size_t i = 0; i < s->count; i++)
        next->files[i] = geo_file_retain(now->files[i]);
    for (size_t i = 0; i < s->count; i++)
        replaced += open_again(s, i, next, say, payload);
    if (replaced > 0)
        put_current(s, next);
    else
        geo_snapshot_release(next);
    pthread_mutex_unlock(&s->refreshing);
    return replaced;
}

size_t geo_snapshot_sources(const geo_snapshot *s, muster_derive_source *out,
                            size_t most)
{
    const size_t count = s->count < most ? s->count : most;
    for (size_t i = 0; i < count; i++) {
        snprintf(out[i].kind, sizeof out[i].kind, "geo");
        snprintf(out[i].type, sizeof out[i].type, "%s",
                 geo_file_type(s->files[i]));
        out[i].built = geo_file_built(s->files[i]);
    }
    return count;
}

size_t geo_shelf_sources(geo_shelf *s, muster_derive_source *out, size_t most)
{
    geo_snapshot *now = geo_shelf_take(s);
    const size_t count = geo_snapshot_sources(now, out, most);
    geo_snapshot_release(now);
    return count;
}
