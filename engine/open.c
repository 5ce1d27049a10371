/*
 * open.c - opening a data directory, recovery, closing.
 *
 * Recovery: the newest valid generation, then every newer batch of the log,
 * applied in order by the code that applied them the first time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* pthread_rwlockattr_setkind_np */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "engine.h"

void engine_lock_read(muster_engine *e)
{
    engine_check(e);
    const int rc = pthread_rwlock_rdlock(&e->lock);
    ASSERT(rc == 0);
}

void engine_lock_write(muster_engine *e)
{
    engine_check(e);
    const int rc = pthread_rwlock_wrlock(&e->lock);
    ASSERT(rc == 0);
}

void engine_unlock(muster_engine *e)
{
    const int rc = pthread_rwlock_unlock(&e->lock);
    ASSERT(rc == 0);
}

void engine_write_begin(muster_engine *e)
{
    engine_check(e);
    while (sem_wait(&e->writing) != 0)
        ASSERT(errno == EINTR);
}

void engine_write_end(muster_engine *e)
{
    const int rc = sem_post(&e->writing);
    ASSERT(rc == 0);
}

int engine_check_writable(const muster_engine *e, muster_error *err)
{
    engine_check(e);
    if (e->mode == MUSTER_OPEN_READ)
        return error_set(err, MUSTER_EREFUSED, "read_only",
                         "the data directory is open for reading only");
    if (__atomic_load_n(&e->broken, __ATOMIC_ACQUIRE))
        return error_set(err, MUSTER_EIO, "write_failed",
                         "an earlier write to the data directory failed; "
                         "nothing more is accepted until it is opened again");
    return 0;
}

uint32_t engine_cap(void *payload, uint32_t attribute)
{
    const muster_engine *e = payload;
    if (attribute < CATALOG_ATTRIBUTE_FIRST)
        return 1;
    const catalog_attribute *a = catalog_attribute_get(e->names, attribute);
    return a && a->cap ? a->cap : MUSTER_COUNT_CAP_DEFAULT;
}

muster_time muster_engine_now(const muster_engine *engine)
{
    engine_check(engine);
    return engine->fixed_now ? engine->fixed_now : clock_now();
}

muster_epoch muster_engine_epoch(const muster_engine *engine)
{
    engine_check(engine);
    return __atomic_load_n(&engine->seq, __ATOMIC_ACQUIRE);
}

/* ---- recovery ---- */

static int replay_batch(void *payload, const storage_batch *batch,
                        muster_error *err)
{
    muster_engine *e = payload;
    const int rc = engine_replay(e, batch, err);

    if (rc == 0 && index_builder_facts(e->building) >= ENGINE_DELTA_FACTS)
        apply_flush(e);
    return rc;
}

static int recover(muster_engine *e, muster_error *err)
{
    const bool reading = e->mode == MUSTER_OPEN_READ;
    int rc = reading ? storage_begin(e->store, err) : 0;

    if (rc == 0)
        rc = snapshot_read(e, err);
    if (rc == 0)
        rc = storage_log_each(e->store, e->seq, replay_batch, e, err);
    if (reading)
        storage_rollback(e->store);
    if (rc == 0)
        apply_flush(e);
    return rc;
}

/* ---- opening ---- */

static int check_options(const muster_engine_options *o, muster_error *err)
{
    if (!o || o->size != sizeof *o || !o->data_dir || !*o->data_dir)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "options must start from "
                         "MUSTER_ENGINE_OPTIONS_INIT and name a data_dir");
    if (o->now < 0 || o->now > CLOCK_TIME_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_now",
                         "the fixed clock must lie between 1970 and 2199");
    return 0;
}

static int row_check(void *payload, const storage_value *columns,
                     size_t column_count, muster_error *err)
{
    (void)err;
    ASSERT(column_count == 1);
    *(int64_t *)payload = columns[0].integer;
    return 0;
}

/* Opens the key file. Another key would turn every known user into a
 * stranger: one that does not fit the data is refused, and a missing one is
 * made anew only where there is nothing yet. */
static int open_key(muster_engine *e, const char *given, muster_error *err)
{
    char path[4096];
    int64_t stored = 0;
    const int n = snprintf(path, sizeof path, "%s/muster.key", e->data_dir);

    if (!given && (n < 0 || (size_t)n >= sizeof path))
        return error_set(err, MUSTER_EINVAL, "long_path",
                         "the path of the data directory is too long");
    int rc = storage_each(e->store,
                          "SELECT value FROM meta WHERE key = 'key_check'",
                          NULL, 0, row_check, &stored, err);
    if (rc == 0)
        rc = identity_key_open(&e->key, given ? given : path,
                               e->mode == MUSTER_OPEN_CREATE && stored == 0,
                               err);
    if (rc != 0)
        return rc;
    const int64_t mine = (int64_t)identity_key_check(e->key);
    if (stored == 0 && e->mode != MUSTER_OPEN_READ) {
        const storage_value value = storage_int(mine);
        return storage_run(e->store,
                           "INSERT INTO meta(key, value)"
                           " VALUES('key_check', ?1)",
                           &value, 1, err);
    }
    if (stored != 0 && stored != mine)
        return error_set(err, MUSTER_EREFUSED, "wrong_key",
                         "the key file is not the one this data directory "
                         "was made with; give the right one with --key-file");
    return 0;
}

/* Writers go before readers that come later: questions without a pause
 * would otherwise keep a feed waiting for ever. So a thread that holds the
 * lock for reading must not ask for it again. */
static void lock_init(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attributes;

    pthread_rwlockattr_init(&attributes);
#ifdef __GLIBC__
    pthread_rwlockattr_setkind_np(
        &attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

static muster_engine *engine_new(const muster_engine_options *o)
{
    muster_engine *e = mem_zalloc(sizeof *e);

    e->magic = ENGINE_MAGIC;
    lock_init(&e->lock);
    sem_init(&e->writing, 0, 1);
    e->mode = o->mode;
    e->fixed_now = o->now;
    e->threads = o->threads ? o->threads : thread_processors();
    e->data_dir = mem_strdup(o->data_dir);
    e->names = catalog_new();
    e->audiences = audience_store_new();
    e->ids = dictionary_new();
    e->index = index_new(engine_cap, e);
    e->building = index_builder_new();
    return e;
}

int muster_engine_open(muster_engine **out,
                       const muster_engine_options *options,
                       muster_error *err)
{
    static const storage_mode modes[] = {STORAGE_READ, STORAGE_WRITE,
                                         STORAGE_CREATE};

    error_clear(err);
    *out = NULL;
    int rc = check_options(options, err);
    if (rc != 0)
        return rc;
    muster_engine *e = engine_new(options);
    rc = storage_open(&e->store, e->data_dir, modes[e->mode], err);
    if (rc == 0)
        rc = open_key(e, options->key_file, err);
    if (rc == 0)
        rc = recover(e, err);
    if (rc != 0) {
        muster_engine_close(e);
        return rc;
    }
    if (e->mode != MUSTER_OPEN_READ)
        mirror_attach(e);
    *out = e;
    return 0;
}

void muster_engine_close(muster_engine *engine)
{
    if (!engine)
        return;
    engine_check(engine);
    engine->magic = 0;
    mirror_free(engine);
    index_builder_free(engine->building);
    index_free(engine->index);
    dictionary_free(engine->ids);
    audience_store_free(engine->audiences);
    catalog_free(engine->names);
    generation_close(engine->base);
    identity_key_free(engine->key);
    storage_close(engine->store);
    pthread_rwlock_destroy(&engine->lock);
    sem_destroy(&engine->writing);
    mem_free(engine->forgotten);
    mem_free(engine->data_dir);
    mem_free(engine);
}

int muster_engine_checkpoint(muster_engine *engine, muster_error *err)
{
    error_clear(err);
    engine_write_begin(engine);
    /* asked inside: a commit that fails meanwhile must not be written */
    int rc = engine_check_writable(engine, err);
    if (rc == 0) {
        engine_lock_write(engine);
        rc = snapshot_write(engine, err);
        engine_unlock(engine);
    }
    engine_write_end(engine);
    return rc;
}

/* ---- statistics ---- */

static uint64_t directory_bytes(const char *path)
{
    DIR *d = opendir(path);
    uint64_t sum = 0;
    struct stat st;

    if (!d)
        return 0;
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        char file[4096];
        const int n = snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (n > 0 && (size_t)n < sizeof file && stat(file, &st) == 0 &&
            S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_size;
    }
    closedir(d);
    return sum;
}

void muster_engine_stats_get(muster_engine *engine, muster_engine_stats *out)
{
    memset(out, 0, sizeof *out);
    engine_lock_read(engine);
    out->users = dictionary_rows(engine->ids);
    out->ids = dictionary_ids(engine->ids);
    out->attributes = catalog_attribute_count(engine->names);
    for (size_t i = 0; i < out->attributes; i++)
        out->values += catalog_value_count(
            engine->names, catalog_attribute_at(engine->names, i)->id);
    out->providers = catalog_provider_count(engine->names);
    for (size_t i = 0; i < audience_count(engine->audiences); i++)
        out->segments +=
            audience_current(audience_at(engine->audiences, i)) != NULL;
    out->planes = index_plane_count(engine->index);
    out->plane_bytes = index_plane_bytes(engine->index);
    out->dictionary_bytes = dictionary_memory(engine->ids);
    out->deltas = index_delta_count(engine->index);
    out->epoch = engine->seq;
    out->disk_bytes = directory_bytes(engine->data_dir);
    engine_unlock(engine);
}
