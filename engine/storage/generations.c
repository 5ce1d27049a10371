/*
 * generations.c - which generations there are: rows, adoption, what goes.
 *
 * A row of table `generation` publishes a sealed file (generation.c). The two
 * newest sound ones are kept, and the log back to the older of them; all
 * that is older goes with the adoption of a new one, the log behind it in
 * pieces (storage_log_trim), so that no commit is long.
 *
 * Before anything goes for good, the frames of what is kept are compared with
 * their rows: a changed bit in a row must not make the log end too late.
 *
 * Threads: all of it is the writer's, but for readers' generation_open and
 * for generation_finish.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "storage/file.h"

#define KEPT 2u

/* A quick opening still reads a file of up to this size whole: within about
 * 50 ms, and what is damaged is passed over before anyone builds on it. */
static uint64_t quick_bytes = (uint64_t)256 << 20;

void storage_quick_hook(uint64_t bytes)
{
    quick_bytes = bytes;
}

/* ---- rows ---- */

static int take_row(void *payload, const storage_value *columns,
                    size_t column_count, muster_error *err)
{
    generation_rows *known = payload;
    (void)err;
    ASSERT(column_count == 3);
    mem_grow(&known->rows, &known->capacity, known->count + 1,
             sizeof *known->rows);
    known->rows[known->count++] = (generation_row){
        .id = columns[0].integer,
        .seq = (uint64_t)columns[1].integer,
        .bytes = (uint64_t)columns[2].integer,
    };
    return 0;
}

int generation_rows_read(storage *s, generation_rows *out, muster_error *err)
{
    memset(out, 0, sizeof *out);
    const int rc = storage_each(
        s, "SELECT id, seq, bytes FROM generation ORDER BY id DESC", NULL, 0,
        take_row, out, err);
    if (rc != 0) {
        mem_free(out->rows);
        memset(out, 0, sizeof *out);
    }
    return rc;
}

static bool is_damaged(const storage *s, int64_t id)
{
    for (size_t i = 0; i < s->damaged_count; i++)
        if (s->damaged[i] == id)
            return true;
    return false;
}

void generation_distrust(storage *s, int64_t id)
{
    ASSERT(s != NULL);
    if (!is_damaged(s, id) && s->damaged_count < STORAGE_DAMAGED_MAX)
        s->damaged[s->damaged_count++] = id;
}

/* 0, or MUSTER_ECORRUPT when the file does not confirm the row, or another
 * code when it cannot be asked now. */
static int confirm_row(const storage *s, const generation_row *row)
{
    generation *g = NULL;
    if (is_damaged(s, row->id))
        return MUSTER_ECORRUPT;
    const int rc = generation_open_row(&g, s, row, false, NULL);
    generation_close(g);
    return rc;
}

int generation_newest_seq(storage *s, uint64_t *out, muster_error *err)
{
    generation_rows known;
    *out = 0;
    const int rc = generation_rows_read(s, &known, err);
    for (size_t i = 0; i < known.count; i++)
        if (known.rows[i].seq > *out && confirm_row(s, &known.rows[i]) == 0)
            *out = known.rows[i].seq;
    mem_free(known.rows);
    return rc;
}

int generation_trim_limit(storage *s, uint64_t *out, muster_error *err)
{
    generation_rows known;
    uint64_t oldest = UINT64_MAX;
    size_t sound = 0;
    bool unsure = false;
    *out = 0;
    const int rc = generation_rows_read(s, &known, err);
    for (size_t i = 0; i < known.count; i++) {
        const int confirmed = confirm_row(s, &known.rows[i]);
        unsure |= confirmed != 0 && confirmed != MUSTER_ECORRUPT;
        if (confirmed != 0)
            continue;
        sound++;
        if (known.rows[i].seq < oldest)
            oldest = known.rows[i].seq;
    }
    mem_free(known.rows);
    if (!unsure && sound >= KEPT && oldest <= s->log_last)
        *out = oldest;
    return rc;
}

/* ---- files that no row names ---- */

static bool is_known(const generation_rows *known, int64_t id, const char *end)
{
    if (strcmp(end, "mgen") != 0)
        return false;
    for (size_t i = 0; i < known->count; i++)
        if (known->rows[i].id == id)
            return true;
    return false;
}

void generation_each_stray(const storage *s, const generation_rows *known,
                           void (*each)(void *payload, const char *name),
                           void *payload)
{
    DIR *dir = opendir(s->dir);
    if (dir == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        long long id = 0;
        int end = 0;
        const char *name = entry->d_name;
        if (sscanf(name, "gen-%lld.%n", &id, &end) != 1 || end == 0)
            continue;
        if (strcmp(name + end, "mgen") != 0 && strcmp(name + end, "tmp") != 0)
            continue;
        if (!is_known(known, id, name + end))
            each(payload, name);
    }
    closedir(dir);
}

/* Housekeeping: that it fails hurts nobody. */
static void remove_stray(void *payload, const char *name)
{
    const storage *s = payload;
    char path[STORAGE_PATH_ROOM];
    if (strlen(name) >= STORAGE_PATH_ROOM - STORAGE_PATH_MAX - 1)
        return;
    storage_path(s, name, path);
    file_unlink(path, NULL);
}

int generation_clean(storage *s, muster_error *err)
{
    generation_rows known;
    const int rc = generation_rows_read(s, &known, err);
    if (rc == 0)
        generation_each_stray(s, &known, remove_stray, s);
    mem_free(known.rows);
    return rc;
}

static void remove_file(const storage *s, int64_t id)
{
    char *path = generation_path(s->dir, id, "mgen");
    file_unlink(path, NULL); /* else the next writer to open removes it */
    mem_free(path);
}

/* ---- adoption ---- */

int storage_generation_next(storage *s, int64_t *id, muster_error *err)
{
    ASSERT(s != NULL && !storage_is_reader(s) && id != NULL);
    generation_rows known;
    const int rc = generation_rows_read(s, &known, err);
    if (rc != 0)
        return rc;
    if (known.count != 0 && known.rows[0].id > s->generation_given)
        s->generation_given = known.rows[0].id;
    mem_free(known.rows);
    if (s->generation_given == INT64_MAX)
        return error_set(err, MUSTER_ECORRUPT, "bad_generation",
                         "the numbers of the generations in %s are used up",
                         s->dir);
    *id = ++s->generation_given;
    return 0;
}

static int insert_row(storage *s, const generation_row *row, muster_error *err)
{
    char *path = generation_path(".", row->id, "mgen");
    const storage_value args[] = {
        storage_int(row->id),
        storage_int((int64_t)row->seq),
        storage_text(text_of(path + 2)),
        storage_int((int64_t)row->bytes),
        storage_int(clock_now()),
    };
    const int rc =
        storage_run(s,
                    "INSERT INTO generation (id, seq, file, bytes, created)"
                    " VALUES (?, ?, ?, ?, ?)",
                    args, sizeof args / sizeof args[0], err);
    mem_free(path);
    return rc;
}

muster_time storage_generation_time(const char *dir, int64_t id)
{
    struct stat st;
    char *path = generation_path(dir, id, "mgen");
    const bool found = stat(path, &st) == 0;
    mem_free(path);
    return found ? st.st_mtime : 0;
}

static int delete_row(storage *s, int64_t id, muster_error *err)
{
    const storage_value arg = storage_int(id);
    s->trim_known = false;
    return storage_run(s, "DELETE FROM generation WHERE id = ?", &arg, 1, err);
}

/* Drops the rows of all but the newest sound ones. Those stay in `rows`. */
static int drop_rows(storage *s, generation_rows *rows, muster_error *err)
{
    size_t kept = 0;
    size_t dropped = 0;
    int rc = generation_rows_read(s, rows, err);
    for (size_t i = 0; rc == 0 && i < rows->count; i++) {
        const generation_row row = rows->rows[i];
        if (kept < KEPT && confirm_row(s, &row) != MUSTER_ECORRUPT) {
            kept++;
            continue;
        }
        rows->rows[dropped++] = row;
        rc = delete_row(s, row.id, err);
    }
    rows->count = dropped;
    return rc;
}

int generation_adopt(storage *s, generation_writer *w, muster_error *err)
{
    ASSERT(s != NULL && w != NULL);
    if (storage_is_broken(s))
        return storage_begin(s, err); /* says so */
    ASSERT(storage_in_transaction(s));
    const generation_row row = generation_writer_row(w);
    ASSERT(row.seq <= s->log_last);
    s->trim_known = false;
    const int rc = insert_row(s, &row, err);
    return rc != 0 ? rc : drop_rows(s, generation_writer_adopt(w), err);
}

void generation_adopted(storage *s)
{
    ASSERT(s != NULL && !storage_in_transaction(s));
    s->damaged_count = 0;
}

void generation_finish(const storage *s, generation_writer *w)
{
    ASSERT(s != NULL && w != NULL);
    const generation_rows *dropped = generation_writer_adopt(w);
    for (size_t i = 0; i < dropped->count; i++)
        remove_file(s, dropped->rows[i].id);
    generation_writer_free(w);
}

/* ---- opening the newest ---- */

bool generation_rows_same(const generation_rows *a, const generation_rows *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->rows[i].id != b->rows[i].id)
            return false;
    return true;
}

/* A file is missing: has the writer removed it since we read the rows? Its
 * row went first, so a look that begins now shows. */
static int check_gone(storage *s, const generation_rows *known,
                      muster_error *err)
{
    generation_rows now;
    const bool inside = storage_in_transaction(s);
    if (inside)
        storage_rollback(s);
    int rc = inside ? storage_begin(s, err) : 0;
    if (rc == 0)
        rc = generation_rows_read(s, &now, err);
    if (rc != 0)
        return rc;
    const bool same = generation_rows_same(known, &now);
    mem_free(now.rows);
    if (same)
        return 0;
    if (inside)
        storage_rollback(s);
    return error_set(err, MUSTER_EBUSY, "generation_gone",
                     "%s has been written to meanwhile; open it again",
                     s->dir);
}

bool generation_is_missing(const storage *s, int64_t id)
{
    char *path = generation_path(s->dir, id, "mgen");
    const bool missing = access(path, F_OK) != 0 && errno == ENOENT;
    mem_free(path);
    return missing;
}

static int open_one(generation **out, const storage *s,
                    const generation_row *row, bool quick,
                    muster_error *reason)
{
    if (quick && is_damaged(s, row->id))
        return error_set(reason, MUSTER_ECORRUPT, "bad_generation",
                         "generation %lld is damaged",
                         (long long)row->id);
    return generation_open_row(out, s, row,
                               !quick || row->bytes <= quick_bytes, reason);
}

/* The first that opens. *first: why the newest does not; *code: what to
 * return when none does. */
static int open_first(generation **out, storage *s,
                      const generation_rows *known, bool quick,
                      muster_error *first, int *code, muster_error *err)
{
    for (size_t i = 0; i < known->count; i++) {
        const generation_row *row = &known->rows[i];
        muster_error reason;
        error_clear(&reason);
        const int opened = open_one(out, s, row, quick, &reason);
        if (opened == 0)
            return 0;
        if (storage_is_reader(s) && generation_is_missing(s, row->id)) {
            const int rc = check_gone(s, known, err);
            if (rc != 0)
                return rc;
        }
        if (opened == MUSTER_ECORRUPT)
            generation_distrust(s, row->id);
        else if (opened != MUSTER_EVERSION)
            *code = opened;
        if (first->code == 0)
            *first = reason;
    }
    return 0;
}

static int open_newest(generation **out, storage *s, bool quick,
                       muster_error *damage, muster_error *err)
{
    ASSERT(out != NULL && s != NULL);
    generation_rows known;
    *out = NULL;
    error_clear(damage);
    int rc = generation_rows_read(s, &known, err);
    if (rc != 0)
        return rc;
    muster_error first;
    error_clear(&first);
    int code = MUSTER_ECORRUPT; /* unless one could only not be read now */
    rc = open_first(out, s, &known, quick, &first, &code, err);
    if (damage != NULL)
        *damage = first;
    uint64_t pruned = 0;
    if (rc == 0 && *out == NULL && known.count != 0)
        rc = log_pruned(s, &pruned, err);
    /* a log that is whole stands in for all of them */
    if (rc == 0 && *out == NULL && known.count != 0 &&
        (pruned != 0 || code != MUSTER_ECORRUPT)) {
        rc = error_set(err, first.code == MUSTER_EVERSION ? first.code : code,
                       "no_generation",
                       "none of the %zu generations in %s can be read: %s",
                       known.count, s->dir, first.message);
        if (first.suggestion[0] != '\0')
            error_suggest(err, "%s", first.suggestion);
    }
    mem_free(known.rows);
    return rc;
}

int generation_open(generation **out, storage *s, muster_error *damage,
                    muster_error *err)
{
    return open_newest(out, s, false, damage, err);
}

int generation_open_quick(generation **out, storage *s, muster_error *damage,
                          muster_error *err)
{
    return open_newest(out, s, true, damage, err);
}

/* ---- forgetting a damaged one ---- */

/* Is there another sound one, or all of the log? */
static int check_others(storage *s, int64_t id, const generation_rows *known,
                        muster_error *err)
{
    uint64_t pruned = 0;
    bool found = false;
    bool enough = false;
    const int rc = log_pruned(s, &pruned, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < known->count; i++) {
        generation *g = NULL;
        const generation_row *row = &known->rows[i];
        found |= row->id == id;
        if (row->id == id || row->seq < pruned || enough)
            continue;
        enough = generation_open_row(&g, s, row, true, NULL) == 0;
        generation_close(g);
    }
    if (!found)
        return error_set(err, MUSTER_ENOTFOUND, "no_generation",
                         "there is no generation %lld in %s", (long long)id,
                         s->dir);
    if (enough || pruned == 0)
        return 0;
    return error_set(err, MUSTER_EREFUSED, "generation_needed",
                     "generation %lld of %s cannot be replaced: no other one "
                     "is sound, and the log does not go back far enough",
                     (long long)id, s->dir);
}

int generation_forget(storage *s, int64_t id, muster_error *err)
{
    ASSERT(s != NULL && !storage_is_reader(s));
    generation_rows known;
    int rc = storage_begin(s, err);
    if (rc != 0)
        return rc;
    rc = generation_rows_read(s, &known, err);
    if (rc == 0)
        rc = check_others(s, id, &known, err);
    if (rc == 0)
        rc = delete_row(s, id, err);
    if (rc == 0)
        rc = storage_commit(s, err);
    mem_free(known.rows);
    if (rc != 0)
        storage_rollback(s);
    else
        remove_file(s, id);
    return rc;
}
