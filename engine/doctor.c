/*
 * doctor.c - muster_doctor: everything read and compared, repairs.
 *
 * An examination has two halves. First storage reads its files: SQLite's own
 * structure, every batch of the log, every generation, loads, the mark, files
 * that nobody names. Then the directory is opened without its key, as a reader
 * would, and what it holds is looked at: every plane, the dictionary against
 * its inverse, the readable tables against the state, the state's hash, and
 * whether the forward index made of it is what its segments say.
 *
 * A repair is: examine; do what can be done; examine again. What was found the
 * first time and not the second is repaired. Done, in this order:
 *
 *   (1) opening as the writer removes files that no row names
 *   (2) damaged generations are forgotten, where the rest suffices
 *   (3) a fresh generation is written of the state, so that there are two
 *       again, or that damaged batches before the newest are not needed and go
 *   (4) the readable tables are written anew
 *
 * A repair never changes the state: the clock stands still, so no tick is
 * logged, and nothing is rebuilt from less than all it was made of.
 *
 * Cost: about one reading of the directory and one pass over the planes; twice
 * that with a repair. Memory: the state above the generation. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include <stdio.h>

#define DATABASE "muster.db"
/* A writer beside us commits faster than we look: then we look again. */
#define COMPARE_TRIES 5

/* Of the log, in one transaction. */
#define TRIM_BYTES ((size_t)16 << 20)

#define REPAIR "muster doctor --repair"
#define RESTORE                                                              \
    "restore the newest snapshot: muster snapshot ls; "                      \
    "muster snapshot restore NAME --data NEW-DIRECTORY"

typedef struct examination {
    arena memory; /* texts of the findings */
    muster_finding *findings;
    size_t count;
    size_t capacity;
    int64_t *generations; /* damaged ones */
    size_t generation_count;
    size_t generation_capacity;
    bool batches; /* some that no generation needs are damaged */
    bool tables;  /* some differ from the state */
    bool whole_log; /* never pruned */
    bool unreadable; /* planes or ids are not what readers take them for */
    storage_tally tally;
    muster_health health;
} examination;

typedef struct doctor {
    const char *dir;
    const muster_task *task;
    examination *x; /* under way */
} doctor;

/* ---- findings ---- */

static void examination_release(examination *x)
{
    arena_release(&x->memory);
    mem_free(x->findings);
    mem_free(x->generations);
}

static const char *keep_text(examination *x, const char *text)
{
    return arena_strndup(&x->memory, text, strlen(text));
}

static void find(examination *x, muster_severity severity, const char *file,
                 const char *place, const char *message)
{
    mem_grow(&x->findings, &x->capacity, x->count + 1, sizeof *x->findings);
    x->findings[x->count++] = (muster_finding){
        .severity = severity,
        .file = keep_text(x, file),
        .place = keep_text(x, place),
        .message = keep_text(x, message),
    };
}

static bool has_worse_than_notes(const examination *x)
{
    for (size_t i = 0; i < x->count; i++)
        if (x->findings[i].severity != MUSTER_NOTE)
            return true;
    return false;
}

/* What cannot be read because it is damaged is a finding, unless another tells
 * why; other errors end the examination. */
static int as_finding(examination *x, int rc, const muster_error *why,
                      muster_error *err)
{
    if (rc == MUSTER_ECORRUPT) {
        if (!has_worse_than_notes(x))
            find(x, MUSTER_DAMAGE, DATABASE, "", why->message);
        return 0;
    }
    if (rc != 0 && err)
        *err = *why;
    return rc;
}

static void note_generation(examination *x, int64_t id)
{
    for (size_t i = 0; i < x->generation_count; i++)
        if (x->generations[i] == id)
            return;
    mem_grow(&x->generations, &x->generation_capacity,
             x->generation_count + 1, sizeof *x->generations);
    x->generations[x->generation_count++] = id;
}

/* ---- the files ---- */

static void take_finding(void *payload, const storage_finding *f)
{
    static const muster_severity severities[] = {
        [STORAGE_NOTE] = MUSTER_NOTE,
        [STORAGE_REPAIRABLE] = MUSTER_REPAIRABLE,
        [STORAGE_DAMAGE] = MUSTER_DAMAGE,
    };
    examination *x = ((doctor *)payload)->x;

    find(x, severities[f->kind], f->file, f->place, f->message);
    if (f->generation != 0)
        note_generation(x, f->generation);
    else if (f->kind == STORAGE_REPAIRABLE)
        x->batches = true;
}

static int step_files(void *payload, const char *what, uint64_t done,
                      uint64_t total)
{
    const doctor *d = payload;
    task_act act = {d->task, "reading"};
    return task_act_step(&act, strcmp(what, "log") == 0 ? "the log" : what,
                         done, total);
}

static int examine_files(doctor *d, storage *s, muster_error *err)
{
    examination *x = d->x;
    const int rc =
        storage_check(s, take_finding, step_files, d, &x->tally, err);

    x->whole_log = x->tally.log_batches == storage_log_last(s);
    x->health.log_batches = x->tally.log_batches;
    x->health.log_bytes = x->tally.log_bytes;
    x->health.generations = x->tally.generations;
    x->health.bytes_read = x->tally.bytes_read;
    return rc;
}

/* ---- the state ---- */

/* What is in a generation although its checksums fit. */
static void find_in_base(examination *x, const epoch *at, const char *place,
                         const muster_error *why)
{
    char file[40];
    const bool others =
        x->whole_log ||
        x->tally.generations > (uint64_t)x->generation_count + 1;

    if (!at->base) {
        find(x, MUSTER_DAMAGE, DATABASE, place, why->message);
        return;
    }
    const int64_t id = generation_id(at->base->file);
    snprintf(file, sizeof file, "gen-%lld.mgen", (long long)id);
    find(x, others ? MUSTER_REPAIRABLE : MUSTER_DAMAGE, file, place,
         why->message);
    note_generation(x, id);
}

static int examine_planes(doctor *d, const epoch *at, muster_error *err)
{
    const size_t layers = index_layer_count(at->index);
    muster_error why;

    for (size_t i = 0; i < layers; i++) {
        const int rc =
            task_step(d->task, "checking planes", i, layers, err);
        if (rc != 0)
            return rc;
        if (index_layer_check(index_layer_at(at->index, i), i == 0, &why) ==
            0)
            continue;
        d->x->unreadable = true;
        if (i == 0)
            find_in_base(d->x, at, "section planes", &why);
        else
            find(d->x, MUSTER_DAMAGE, DATABASE, "log", why.message);
    }
    return 0;
}

static int step_ids(void *payload, uint64_t done, uint64_t total)
{
    const doctor *d = payload;
    return task_step(d->task, "checking ids", done, total, NULL);
}

static int examine_ids(doctor *d, const epoch *at, muster_error *err)
{
    muster_error why;
    const int rc = dictionary_check(at->ids, step_ids, d, &why);

    if (rc == MUSTER_ECANCELLED) /* says so again, in *err */
        return error_set(err, rc, "cancelled", "stopped on request");
    if (rc != 0) {
        d->x->unreadable = true;
        find_in_base(d->x, at, "section dictionary", &why);
    }
    return 0;
}

static int examine_hash(doctor *d, const epoch *at, muster_error *err)
{
    muster_error why;
    const int rc = epoch_hash(at, d->task, &d->x->health.hash, &why);

    if (rc == MUSTER_ECORRUPT)
        find_in_base(d->x, at, "", &why);
    else if (rc != 0 && err)
        *err = why;
    return rc == MUSTER_ECORRUPT ? 0 : rc;
}

static void take_wrong(void *payload, const char *key, uint32_t wrong,
                       uint32_t of)
{
    examination *x = ((doctor *)payload)->x;
    char text[200];

    snprintf(text, sizeof text,
             "lookups by the forward index are wrong for segment \"%s\": "
             "%u of %u users looked at; please report it", key, wrong, of);
    find(x, MUSTER_DAMAGE, DATABASE, "", text);
}

/* The index that a server would make of it. */
static int examine_matches(doctor *d, muster_engine *e, const epoch *at,
                           muster_error *err)
{
    const int rc = task_step(d->task, "matching segments", 0, 0, err);

    if (rc != 0)
        return rc;
    matcher_open(e, UINT64_MAX);
    matcher_start(e);
    matcher_settle(e);
    return matcher_check(e, at, d->task, take_wrong, d, err);
}

/* ---- the readable tables ---- */

static void take_fault(void *payload, const mirror_fault *f)
{
    examination *x = payload;
    char place[64];
    char message[160];

    snprintf(place, sizeof place, "table %s", f->table);
    snprintf(message, sizeof message,
             "it is not what the state says: %llu rows missing, %llu "
             "different, %llu too many",
             (unsigned long long)f->missing,
             (unsigned long long)f->different,
             (unsigned long long)f->surplus);
    find(x, MUSTER_REPAIRABLE, DATABASE, place, message);
    x->tables = true;
}

/* *behind: a writer went on meanwhile, so there is nothing to compare. */
static int compare_tables(doctor *d, muster_engine *e, const epoch *at,
                          bool *behind, muster_error *err)
{
    muster_error why;
    int rc = task_step(d->task, "comparing the tables", 0, 0, err);

    error_clear(&why);
    if (rc == 0)
        rc = storage_begin(e->store, err);
    if (rc != 0)
        return rc;
    *behind = storage_log_last(e->store) != at->seq;
    if (!*behind)
        rc = as_finding(d->x, mirror_check(e->store, at, take_fault, d->x,
                                           &why), &why, err);
    storage_rollback(e->store);
    return rc;
}

/* ---- the whole ---- */

static int open_reader(doctor *d, muster_engine **out, muster_error *err)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;

    options.data_dir = d->dir;
    options.memory_bytes = UINT64_MAX;
    const int rc = task_step(d->task, "replaying the log", 0, 0, err);
    return rc ? rc : engine_open(out, &options, true, err);
}

static int open_state(doctor *d, muster_engine **out, muster_error *err)
{
    muster_error why;

    *out = NULL;
    error_clear(&why);
    return as_finding(d->x, open_reader(d, out, &why), &why, err);
}

/* Opens it, and again while a writer makes the comparison pointless. */
static int open_and_compare(doctor *d, muster_engine **out, epoch_pin *pin,
                            muster_error *err)
{
    bool behind = true;
    int rc = 0;

    for (int i = 0; i < COMPARE_TRIES && behind && rc == 0; i++) {
        if (*out) {
            epoch_unpin(*out, pin);
            muster_engine_close(*out);
        }
        rc = open_state(d, out, err);
        if (!*out)
            return rc;
        rc = compare_tables(d, *out, epoch_pin_newest(*out, pin), &behind,
                            err);
    }
    if (rc == 0 && behind)
        find(d->x, MUSTER_NOTE, DATABASE, "",
             "the readable tables were not compared, for the directory is "
             "being written to");
    return rc;
}

static int examine_state(doctor *d, muster_error *err)
{
    muster_health *health = &d->x->health;
    muster_engine *e = NULL;
    epoch_pin pin;
    int rc = open_and_compare(d, &e, &pin, err);

    if (!e)
        return rc;
    const epoch *at = pin.at;
    health->planes = index_plane_count(at->index);
    health->users = dictionary_rows(at->ids);
    health->ids = dictionary_ids(at->ids);
    health->epoch = at->seq;
    if (rc == 0)
        rc = examine_planes(d, at, err);
    if (rc == 0)
        rc = examine_ids(d, at, err);
    if (rc == 0 && !d->x->unreadable)
        rc = examine_hash(d, at, err);
    if (rc == 0 && !d->x->unreadable)
        rc = examine_matches(d, e, at, err);
    epoch_unpin(e, &pin);
    muster_engine_close(e);
    return rc;
}

/* `s` may be NULL: it is opened to be looked at. */
static int examine(doctor *d, storage *s, examination *x, muster_error *err)
{
    muster_error why;
    storage *own = NULL;
    int rc = 0;

    memset(x, 0, sizeof *x);
    arena_init(&x->memory);
    d->x = x;
    error_clear(&why);
    if (!s)
        rc = storage_open(&own, d->dir, STORAGE_EXAMINE, &why);
    const bool opened = rc == 0;
    if (opened)
        rc = examine_files(d, s ? s : own, &why);
    storage_close(own);
    rc = as_finding(x, rc, &why, err);
    return rc == 0 && opened ? examine_state(d, err) : rc;
}

/* ---- repairs ---- */

/* Where the rest does not suffice it stays, and is found again. */
static int forget_generations(const examination *x, storage *s,
                              muster_error *err)
{
    for (size_t i = 0; i < x->generation_count; i++) {
        const int rc = generation_forget(s, x->generations[i], err);
        if (rc == MUSTER_EIO)
            return rc;
    }
    return 0;
}

/* Adopted, it makes what the log has before the older of the two newest
 * superfluous. */
static int adopt(storage *s, generation_writer *w, muster_error *err)
{
    bool more = true;
    int rc = 0;

    for (bool first = true; more && rc == 0; first = false) {
        rc = storage_begin(s, err);
        if (rc == 0 && first)
            rc = generation_adopt(s, w, err);
        if (rc == 0)
            rc = storage_log_trim(s, TRIM_BYTES, &more, err);
        if (rc == 0)
            rc = storage_commit(s, err);
        if (rc != 0)
            storage_rollback(s);
        if (first && rc != 0) {
            generation_abandon(w);
        } else if (first) {
            generation_adopted(s);
            generation_finish(s, w);
        }
    }
    return rc;
}

static int write_generation(storage *s, const epoch *at, muster_error *err)
{
    generation_writer *w = NULL;
    int64_t id;

    int rc = storage_generation_next(s, &id, err);
    if (rc == 0)
        rc = generation_start(&w, s, id, at->seq, err);
    if (rc == 0)
        rc = generation_fill(w, at, err);
    if (rc == 0)
        rc = generation_seal(w, err);
    if (rc == 0)
        return adopt(s, w, err);
    generation_abandon(w);
    return rc;
}

/* Of what opens now, while nobody else may write. */
static int renew_generation(doctor *d, storage *s, muster_error *err)
{
    muster_engine *e;
    epoch_pin pin;

    int rc = open_reader(d, &e, err);
    if (rc != 0)
        return rc;
    const epoch *at = epoch_pin_newest(e, &pin);
    rc = task_step(d->task, "writing a generation", 0, 0, err);
    if (rc == 0) /* the one below may be no better */
        rc = index_layer_check(index_layer_at(at->index, 0), true, err);
    if (rc == 0)
        rc = dictionary_check(at->ids, NULL, NULL, err);
    if (rc == 0)
        rc = write_generation(s, at, err);
    epoch_unpin(e, &pin);
    muster_engine_close(e);
    return rc;
}

/* A failure undoes the transaction, which only MUSTER_EIO does; the payload
 * takes its real code. */
static int act_rebuild(muster_engine *e, change_request *r, muster_error *err)
{
    int *code = r->payload;
    *code = mirror_rebuild(e, err);
    return *code == 0 ? 0 : MUSTER_EIO;
}

static int rebuild_tables(doctor *d, muster_error *err)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    int code = 0;
    change_request rebuild = {.act = act_rebuild, .payload = &code};
    muster_engine *e;

    options.data_dir = d->dir;
    options.mode = MUSTER_OPEN_WRITE;
    options.now = clock_now(); /* stands still */
    int rc = task_step(d->task, "rebuilding the tables", 0, 0, err);
    if (rc == 0)
        rc = engine_open(&e, &options, true, err);
    if (rc != 0)
        return rc;
    rc = writer_do(e, &rebuild, err);
    muster_engine_close(e);
    return code != 0 ? code : rc;
}

/* Consumes s. What cannot be repaired after all is found again. */
static int mend(doctor *d, const examination *x, storage *s,
                muster_error *err)
{
    muster_error why;
    int rc = 0;

    error_clear(&why);
    if (x->generation_count > 0 || x->batches) {
        rc = forget_generations(x, s, &why);
        if (rc == 0)
            rc = renew_generation(d, s, &why);
    }
    storage_close(s);
    if (rc == 0 && x->tables)
        rc = rebuild_tables(d, &why);
    if (rc == MUSTER_ECORRUPT)
        return 0;
    if (rc != 0 && err)
        *err = why;
    return rc;
}

/* ---- telling ---- */

static bool is_found(const examination *x, const muster_finding *f)
{
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->findings[i].file, f->file) == 0 &&
            strcmp(x->findings[i].place, f->place) == 0)
            return true;
    return false;
}

static void tell(muster_health *health, muster_finding f,
                 muster_finding_fn found, void *payload)
{
    static const char *const remedies[] = {
        [MUSTER_NOTE] = "",
        [MUSTER_REPAIRED] = "",
        [MUSTER_REPAIRABLE] = REPAIR,
        [MUSTER_DAMAGE] = RESTORE,
    };
    f.remedy = remedies[f.severity];
    health->findings[f.severity]++;
    if (found)
        found(payload, &f);
}

/* `before` (may be NULL): what was found before the repair. */
static void tell_all(examination *x, const examination *before,
                     muster_finding_fn found, void *payload)
{
    for (size_t i = 0; before && i < before->count; i++) {
        muster_finding f = before->findings[i];
        if (is_found(x, &f) || f.severity == MUSTER_NOTE)
            continue;
        f.severity = MUSTER_REPAIRED;
        tell(&x->health, f, found, payload);
    }
    for (size_t i = 0; i < x->count; i++)
        tell(&x->health, x->findings[i], found, payload);
}

static int conclude(const doctor *d, const muster_health *health,
                    muster_error *err)
{
    const unsigned long long lost = health->findings[MUSTER_DAMAGE];
    const unsigned long long left = health->findings[MUSTER_REPAIRABLE];

    if (lost + left == 0)
        return 0;
    error_set(err, MUSTER_ECORRUPT, "damaged",
              "%s is damaged (findings that a repair puts right: %llu, "
              "others: %llu)",
              d->dir, left, lost);
    error_suggest(err, "%s", lost > 0 ? RESTORE : REPAIR);
    return MUSTER_ECORRUPT;
}

/* ---- the two ways ---- */

static int look(doctor *d, muster_finding_fn found, void *payload,
                muster_health *out, muster_error *err)
{
    examination x;
    int rc = examine(d, NULL, &x, err);

    if (rc == 0) {
        tell_all(&x, NULL, found, payload);
        rc = conclude(d, &x.health, err);
    }
    *out = x.health;
    examination_release(&x);
    return rc;
}

static int look_and_mend(doctor *d, muster_finding_fn found, void *payload,
                         muster_health *out, muster_error *err)
{
    examination before;
    examination after;
    muster_error why;
    storage *s = NULL;

    int rc = storage_open(&s, d->dir, STORAGE_WRITE, &why);
    if (rc == MUSTER_ECORRUPT) /* then there is nothing that may be written */
        return look(d, found, payload, out, err);
    if (rc != 0) {
        if (err)
            *err = why;
        return rc;
    }
    rc = examine(d, s, &before, err);
    *out = before.health;
    if (rc != 0)
        storage_close(s);
    else
        rc = mend(d, &before, s, err);
    if (rc == 0) {
        rc = examine(d, NULL, &after, err);
        if (rc == 0) {
            tell_all(&after, &before, found, payload);
            rc = conclude(d, &after.health, err);
        }
        *out = after.health;
        examination_release(&after);
    }
    examination_release(&before);
    return rc;
}

int muster_doctor(const char *data_dir, bool repair, const muster_task *task,
                  muster_finding_fn found, void *payload, muster_health *out,
                  muster_error *err)
{
    doctor d = {.dir = data_dir, .task = task};
    muster_health health = {0};

    error_clear(err);
    const int rc = repair ? look_and_mend(&d, found, payload, &health, err)
                          : look(&d, found, payload, &health, err);
    if (out)
        *out = health;
    return rc;
}
