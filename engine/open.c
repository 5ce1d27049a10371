/*
 * open.c - opening and closing a data directory, its clock, its statistics.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine.h"

#define LOG_BYTES ((uint64_t)4 << 30)

int engine_check_writable(const muster_engine *e, muster_error *err)
{
    engine_check(e);
    if (e->mode == MUSTER_OPEN_READ)
        return error_set(err, MUSTER_EREFUSED, "read_only",
                         "the data directory is open for reading only");
    return 0;
}

/* ---- time ---- */

muster_time engine_now_at(const muster_engine *e, const epoch *at)
{
    const muster_time fixed = engine_fixed_now(e);
    if (fixed)
        return fixed;
    const muster_time now = clock_now();
    const muster_time tick = (muster_time)at->tick * 3600;
    return now > tick ? now : tick;
}

muster_time muster_engine_now(const muster_engine *engine)
{
    epoch_pin pin;

    engine_check(engine);
    const muster_time now = engine_now_at(
        engine, epoch_pin_newest((muster_engine *)engine, &pin));
    epoch_unpin((muster_engine *)engine, &pin);
    return now;
}

muster_epoch muster_engine_epoch(const muster_engine *engine)
{
    epoch_pin pin;

    engine_check(engine);
    const muster_epoch seq =
        epoch_pin_newest((muster_engine *)engine, &pin)->seq;
    epoch_unpin((muster_engine *)engine, &pin);
    return seq;
}

/* ---- opening ---- */

static int check_options(const muster_engine_options *o, muster_error *err)
{
    if (!o || o->size != sizeof *o || !o->data_dir || !*o->data_dir)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "options must start from "
                         "MUSTER_ENGINE_OPTIONS_INIT and name a data_dir");
    if (o->mode < MUSTER_OPEN_READ || o->mode > MUSTER_OPEN_CREATE)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "there is no such mode of opening");
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

/* The n-th part of the machine's memory. */
static uint64_t part_of_memory(uint64_t n)
{
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes / n
                                  : ((uint64_t)4 << 30) / n;
}

static muster_engine *engine_new(const muster_engine_options *o)
{
    muster_engine *e = mem_aligned(sizeof *e); /* the gate's slots */

    memset(e, 0, sizeof *e);
    e->magic = ENGINE_MAGIC;
    e->mode = o->mode;
    e->fixed_now = o->now;
    e->threads = o->threads ? o->threads : thread_processors();
    e->memory_budget = o->memory_bytes ? o->memory_bytes : part_of_memory(4);
    e->log_budget = o->log_bytes ? o->log_bytes : LOG_BYTES;
    e->data_dir = mem_strdup(o->data_dir);
    pthread_mutex_init(&e->lists, NULL);
    warmer_open(e, o->resident_bytes ? o->resident_bytes : part_of_memory(8));
    state_init(&e->state);
    return e;
}

int engine_open(muster_engine **out, const muster_engine_options *options,
                bool keyless, muster_error *err)
{
    static const storage_mode modes[] = {STORAGE_READ, STORAGE_WRITE,
                                         STORAGE_CREATE};

    error_clear(err);
    *out = NULL;
    int rc = check_options(options, err);
    if (rc != 0)
        return rc;
    muster_engine *e = engine_new(options);
    e->checking = keyless;
    rc = storage_open(&e->store, e->data_dir, modes[e->mode], err);
    if (rc == 0 && !keyless)
        rc = open_key(e, options->key_file, err);
    if (rc == 0)
        rc = state_recover(e, &e->state, &e->damage, err);
    if (rc == 0)
        rc = log_measure(e, err);
    if (rc != 0) {
        muster_engine_close(e);
        return rc;
    }
    if (e->mode != MUSTER_OPEN_READ) {
        mirror_attach(e);
        keeper_start(e);
    }
    if (options->forward_bytes > 0 && !keyless)
        matcher_open(e, options->forward_bytes);
    epoch_publish(e);
    if (e->mode != MUSTER_OPEN_READ) {
        keeper_show(e);
        writer_start(e);
    }
    if (e->matcher)
        matcher_start(e);
    *out = e;
    return 0;
}

int muster_engine_open(muster_engine **out,
                       const muster_engine_options *options,
                       muster_error *err)
{
    return engine_open(out, options, false, err);
}

bool muster_engine_notice(const muster_engine *engine, muster_error *out)
{
    engine_check(engine);
    if (engine->damage.code == 0)
        return false;
    *out = engine->damage;
    if (out->suggestion[0] == '\0')
        error_suggest(out, "muster doctor --repair");
    return true;
}

void muster_engine_close(muster_engine *engine)
{
    if (!engine)
        return;
    engine_check(engine);
    warmer_stop(engine);
    matcher_stop(engine);
    keeper_stop(engine);
    writer_stop(engine);
    epoch_close(engine);
    keeper_free(engine);
    matcher_free(engine);
    ASSERT(engine->segments == NULL && engine->loads == NULL);
    engine->magic = 0;
    mirror_free(engine);
    state_free(&engine->state);
    warmer_free(engine);
    identity_key_free(engine->key);
    storage_close(engine->store);
    pthread_mutex_destroy(&engine->lists);
    mem_free(engine->data_dir);
    mem_free(engine);
}

int muster_engine_checkpoint(muster_engine *engine, muster_error *err)
{
    error_clear(err);
    const int rc = engine_check_writable(engine, err);
    return rc ? rc : keeper_generation(engine, err);
}

int muster_engine_settle(muster_engine *engine, muster_error *err)
{
    error_clear(err);
    engine_check(engine);
    return engine->keeper ? keeper_settle(engine, err) : 0;
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

static int take_log_size(void *payload, const storage_value *columns,
                         size_t column_count, muster_error *err)
{
    muster_engine *e = payload;
    (void)err;
    ASSERT(column_count == 2);
    __atomic_store_n(&e->shown_log_batches, (uint64_t)columns[0].integer,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&e->shown_log_bytes, (uint64_t)columns[1].integer,
                     __ATOMIC_RELAXED);
    return 0;
}

int log_measure(muster_engine *e, muster_error *err)
{
    return storage_each(e->store,
                        "SELECT count(*), coalesce(sum(length(body)), 0)"
                        " FROM log",
                        NULL, 0, take_log_size, e, err);
}

static void count_names(const epoch *at, muster_engine_stats *out)
{
    out->users = dictionary_rows(at->ids);
    out->ids = dictionary_ids(at->ids);
    out->dictionary_bytes = dictionary_memory(at->ids);
    out->attributes = catalog_attribute_count(at->names);
    for (size_t i = 0; i < out->attributes; i++)
        out->values += catalog_value_count(
            at->names, catalog_attribute_at(at->names, i)->id);
    out->providers = catalog_provider_count(at->names);
    for (size_t i = 0; i < audience_count(at->audiences); i++)
        out->segments +=
            audience_current(audience_at(at->audiences, i)) != NULL;
}

typedef struct weighing {
    const epoch *at;
    const muster_task *task;
    muster_error *err;
} weighing;

/* What was read of a base need not stay in memory. */
static int step_weighing(void *payload, uint64_t done, uint64_t total)
{
    const weighing *w = payload;
    if (w->at->base)
        generation_unload(w->at->base->file, "planes");
    return task_step(w->task, "weighing planes", done, total, w->err);
}

static muster_plane_weight weight_of(const index_weight *w)
{
    return (muster_plane_weight){w->planes, w->bytes, w->croaring};
}

int muster_engine_weigh(muster_engine *engine, const muster_task *task,
                        muster_weight *out, muster_error *err)
{
    index_weights all;
    epoch_pin pin;

    engine_check(engine);
    error_clear(err);
    weighing w = {epoch_pin_newest(engine, &pin), task, err};
    const int rc = index_weigh(w.at->index, &all, step_weighing, &w);
    *out = (muster_weight){weight_of(&all.said), weight_of(&all.derived),
                           all.gaps, all.directory};
    return epoch_answer(engine, &pin, rc, err);
}

void muster_engine_stats_get(muster_engine *engine, muster_engine_stats *out)
{
    epoch_pin pin;

    memset(out, 0, sizeof *out);
    const epoch *at = epoch_pin_newest(engine, &pin);
    count_names(at, out);
    out->planes = index_plane_count(at->index);
    out->plane_bytes = index_plane_bytes(at->index);
    out->deltas = index_delta_count(at->index);
    out->epoch = at->seq;
    out->tick = (muster_time)at->tick * 3600;
    matcher_stats(engine, out); /* the index stays while an epoch is pinned */
    epoch_unpin(engine, &pin);
    out->log_batches = engine_shown(&engine->shown_log_batches);
    out->log_bytes = engine_shown(&engine->shown_log_bytes);
    out->log_budget = engine->log_budget;
    index_resident_stats residents;
    index_residents_stats(engine->residents, &residents);
    out->resident_bytes = residents.bytes;
    out->resident_budget = residents.budget;
    out->resident_forms = residents.forms;
    out->resident_hits = residents.hits;
    out->resident_misses = residents.misses;
    out->memory_bytes = engine_shown(&engine->shown_memory);
    out->memory_budget = engine->memory_budget;
    out->generation = engine_shown(&engine->shown_generation);
    out->generation_epoch = engine_shown(&engine->shown_generation_seq);
    out->generation_time =
        storage_generation_time(engine->data_dir, (int64_t)out->generation);
    out->lag_ns = writer_lag_ns(engine);
    out->disk_bytes = directory_bytes(engine->data_dir);
}
