/*
 * backup.c - muster_snapshot: copies of a data directory that are checked.
 *
 * A snapshot is made as <root>/.<name>.part, locked by whoever makes it:
 * storage copies database and generation, the copy is opened and hashed, then
 * manifest.json is written and flushed and the directory gets its name. What
 * broke off keeps the name that begins with a point, and the next one of the
 * same name begins with removing it.
 *
 * manifest.json, one object:
 *
 *   muster_snapshot   1, the version of this form
 *   created           RFC 3339, UTC
 *   epoch, users      of the state
 *   state_hash        32 hex digits: high, low (state_hash.c)
 *   files             of each: name, bytes, xxh3_128 (32 hex digits, as
 *                     xxh128sum prints them)
 *   checksum          32 hex digits: XXH3-128 of what the manifest says:
 *                     i64 created, u64 epoch, users, state hash low, high;
 *                     of each file u32 length of name, name, u64 bytes,
 *                     checksum low, high; all little-endian
 *
 * A snapshot is complete when its manifest is read, all its files are there
 * with their lengths, and its name does not begin with a point.
 *
 * Restoring copies once more, after the checksums were compared, and compares
 * the hash of what then opens; the copy's log is a life of its own.
 *
 * Threads: any; nothing is shared but the file system.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

#define MANIFEST "manifest.json"
#define MANIFEST_VERSION 1
/* A database, a generation, and room for what later versions add. */
#define MANIFEST_FILES_MAX 64u
#define MANIFEST_BYTES_MAX ((size_t)64 << 10)
#define PATH_ROOM 4352u
#define NAME_ROOM 80u

typedef struct manifest_file {
    char name[NAME_ROOM];
    uint64_t bytes;
    uint64_t hash[2];
} manifest_file;

typedef struct manifest {
    muster_time created;
    muster_epoch epoch;
    uint64_t users;
    muster_state_hash hash;
    manifest_file files[MANIFEST_FILES_MAX];
    size_t file_count;
} manifest;

/* ---- names and paths ---- */

/* [A-Za-z0-9._-]{1,64}, not beginning with a point. */
static bool is_name(muster_text name)
{
    if (name.len == 0 || name.len > 64 || name.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

static int join(char out[static PATH_ROOM], const char *dir, const char *name,
                muster_error *err)
{
    const int len = snprintf(out, PATH_ROOM, "%s/%s", dir, name);
    if (len > 0 && (size_t)len < PATH_ROOM)
        return 0;
    return error_set(err, MUSTER_EINVAL, "bad_path",
                     "the path %.60s... is too long", dir);
}

/* Without the slashes at its end. */
static int copy_path(char out[static PATH_ROOM], const char *path,
                     muster_error *err)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len == 0 || len >= PATH_ROOM)
        return error_set(err, MUSTER_EINVAL, "bad_path",
                         "the path is empty or too long");
    memcpy(out, path, len);
    out[len] = '\0';
    return 0;
}

static int root_of(char out[static PATH_ROOM], const char *data_dir,
                   const char *root, muster_error *err)
{
    return root ? copy_path(out, root, err)
                : join(out, data_dir, "snapshots", err);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- what is there ---- */

/* Nothing must have this name. */
static int check_absent(const char *path, muster_error *err)
{
    storage_thing thing;
    const int rc = storage_look(path, &thing, NULL, err);
    if (rc != 0 || thing == STORAGE_NOTHING)
        return rc;
    return error_set(err, MUSTER_ECONFLICT, "exists", "%s is there already",
                     path);
}

/* What stays of it because that fails hurts nobody: its name is none of a
 * snapshot. */
static void remove_directory(const char *dir)
{
    storage_directory_clear(dir, NULL);
    storage_directory_remove(dir, NULL);
}

/* ---- the manifest ---- */

static void put_hex(json_writer *w, uint64_t high, uint64_t low)
{
    char text[40];
    snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)high,
             (unsigned long long)low);
    json_put_str(w, text);
}

static bool get_hex(const json_value *v, uint64_t *high, uint64_t *low)
{
    muster_pseudonym p; /* 16 bytes in lower-case hex, too */
    if (!v || json_typeof(v) != JSON_STRING ||
        !pseudonym_parse(json_string(v), &p))
        return false;
    *high = *low = 0;
    for (size_t i = 0; i < 8; i++) {
        *high = *high << 8 | p.bytes[i];
        *low = *low << 8 | p.bytes[i + 8];
    }
    return true;
}

static bool get_count(const json_value *object, const char *key,
                      uint64_t *out)
{
    const json_value *v = json_get(object, key);
    if (!v || json_typeof(v) != JSON_INT || json_int(v) < 0)
        return false;
    *out = (uint64_t)json_int(v);
    return true;
}

/* Of what it says, however that is written. */
static hash128 manifest_checksum(const manifest *m)
{
    buffer bytes;

    buffer_init(&bytes, MANIFEST_BYTES_MAX);
    buffer_put_u64(&bytes, (uint64_t)m->created);
    buffer_put_u64(&bytes, m->epoch);
    buffer_put_u64(&bytes, m->users);
    buffer_put_u64(&bytes, m->hash.low);
    buffer_put_u64(&bytes, m->hash.high);
    for (size_t i = 0; i < m->file_count; i++) {
        const manifest_file *f = &m->files[i];
        buffer_put_u32(&bytes, (uint32_t)strlen(f->name));
        buffer_put_str(&bytes, f->name);
        buffer_put_u64(&bytes, f->bytes);
        buffer_put_u64(&bytes, f->hash[0]);
        buffer_put_u64(&bytes, f->hash[1]);
    }
    ASSERT(buffer_ok(&bytes));
    const hash128 sum = hash_bytes128(bytes.data, bytes.len);
    buffer_release(&bytes);
    return sum;
}

static void put_files(json_writer *w, const manifest *m)
{
    json_open_array(w);
    for (size_t i = 0; i < m->file_count; i++) {
        json_open_object(w);
        json_key(w, "name");
        json_put_str(w, m->files[i].name);
        json_key(w, "bytes");
        json_put_uint(w, m->files[i].bytes);
        json_key(w, "xxh3_128");
        put_hex(w, m->files[i].hash[1], m->files[i].hash[0]);
        json_close(w);
    }
    json_close(w);
}

static int manifest_write(const manifest *m, const char *dir,
                          muster_error *err)
{
    const hash128 sum = manifest_checksum(m);
    buffer text;
    json_writer w;
    char created[32];

    buffer_init(&text, MANIFEST_BYTES_MAX);
    created[clock_format_time(created, m->created)] = '\0';
    json_begin(&w, &text, true);
    json_open_object(&w);
    json_key(&w, "muster_snapshot");
    json_put_int(&w, MANIFEST_VERSION);
    json_key(&w, "created");
    json_put_str(&w, created);
    json_key(&w, "epoch");
    json_put_uint(&w, m->epoch);
    json_key(&w, "users");
    json_put_uint(&w, m->users);
    json_key(&w, "state_hash");
    put_hex(&w, m->hash.high, m->hash.low);
    json_key(&w, "files");
    put_files(&w, m);
    json_key(&w, "checksum");
    put_hex(&w, sum.high, sum.low);
    json_close(&w);
    buffer_put_u8(&text, '\n');
    ASSERT(buffer_ok(&text));
    const int rc = 
        storage_file_save(dir, MANIFEST, text.data, text.len, err);
    buffer_release(&text);
    return rc;
}

static bool take_file(manifest_file *f, const json_value *v)
{
    const json_value *name = json_get(v, "name");
    if (!name || json_typeof(name) != JSON_STRING ||
        !is_name(json_string(name)))
        return false;
    const muster_text text = json_string(name);
    memcpy(f->name, text.ptr, text.len);
    f->name[text.len] = '\0';
    return get_count(v, "bytes", &f->bytes) &&
           get_hex(json_get(v, "xxh3_128"), &f->hash[1], &f->hash[0]);
}

static bool take_members(manifest *m, const json_value *root)
{
    const json_value *created = json_get(root, "created");
    const json_value *files = json_get(root, "files");
    hash128 said;

    if (!created || json_typeof(created) != JSON_STRING ||
        !clock_parse_time(json_string(created), &m->created) ||
        !get_count(root, "epoch", &m->epoch) ||
        !get_count(root, "users", &m->users) ||
        !get_hex(json_get(root, "state_hash"), &m->hash.high, &m->hash.low) ||
        !get_hex(json_get(root, "checksum"), &said.high, &said.low) ||
        !files || json_typeof(files) != JSON_ARRAY ||
        json_count(files) == 0 || json_count(files) > MANIFEST_FILES_MAX)
        return false;
    for (json_iter it = json_iter_of(files); json_next(&it);)
        if (!take_file(&m->files[m->file_count++], it.value))
            return false;
    const hash128 is = manifest_checksum(m);
    return is.low == said.low && is.high == said.high;
}

static int manifest_parse(manifest *m, const buffer *text, const char *path,
                          muster_error *err)
{
    json_doc *doc = NULL;
    muster_error why;
    uint64_t version = 0;

    memset(m, 0, sizeof *m);
    if (json_parse(&doc, (const char *)text->data, text->len, JSON_STRICT,
                   &why) != 0)
        return error_set(err, MUSTER_ECORRUPT, "bad_manifest",
                         "%s is damaged: %s", path, why.message);
    int rc = 0;
    if (!get_count(json_root(doc), "muster_snapshot", &version))
        rc = error_set(err, MUSTER_ECORRUPT, "bad_manifest",
                       "%s is damaged: it is no manifest of a snapshot",
                       path);
    else if (version > MANIFEST_VERSION)
        rc = error_set(err, MUSTER_EVERSION, "newer_version",
                       "%s was made by a newer version; upgrade Muster",
                       path);
    else if (!take_members(m, json_root(doc)))
        rc = error_set(err, MUSTER_ECORRUPT, "bad_manifest",
                       "%s is damaged: a member is missing, or its checksum "
                       "does not fit",
                       path);
    json_free(doc);
    return rc;
}

/* Its file is not there, or nothing at all. */
static int no_manifest(const char *dir, muster_error *err)
{
    storage_thing thing;
    const int rc = storage_look(dir, &thing, NULL, err);
    if (rc != 0)
        return rc;
    if (thing == STORAGE_NOTHING)
        return error_set(err, MUSTER_ENOTFOUND, "no_snapshot",
                         "there is no snapshot at %s", dir);
    return error_set(err, MUSTER_ECORRUPT, "incomplete",
                     "%s is no complete snapshot: it has no " MANIFEST, dir);
}

static int manifest_load(buffer *text, const char *dir, const char *path,
                         muster_error *err)
{
    const int rc = storage_file_load(path, text, err);
    if (rc == MUSTER_ENOTFOUND)
        return no_manifest(dir, err);
    if (rc == MUSTER_ELIMIT)
        return error_set(err, MUSTER_ECORRUPT, "bad_manifest",
                         "%s is damaged: it is too long", path);
    return rc;
}

static int manifest_read(manifest *m, const char *dir, muster_error *err)
{
    char path[PATH_ROOM];
    buffer text;

    int rc = join(path, dir, MANIFEST, err);
    if (rc != 0)
        return rc;
    buffer_init(&text, MANIFEST_BYTES_MAX);
    rc = manifest_load(&text, dir, path, err);
    if (rc == 0)
        rc = manifest_parse(m, &text, path, err);
    buffer_release(&text);
    return rc;
}

/* Fills in what a file of that name is. */
static int measure_file(manifest_file *f, const char *dir,
                        const muster_task *task, muster_error *err)
{
    char path[PATH_ROOM];
    char words[NAME_ROOM + 16];
    storage_thing thing;
    uint64_t bytes = 0;

    int rc = join(path, dir, f->name, err);
    if (rc == 0)
        rc = storage_look(path, &thing, &bytes, err);
    if (rc != 0)
        return rc;
    if (thing == STORAGE_NOTHING)
        return error_set(err, MUSTER_ECORRUPT, "bad_file",
                         "%s is missing, which " MANIFEST " names", path);
    snprintf(words, sizeof words, "reading %s", f->name);
    rc = task_step(task, words, 0, bytes, err);
    return rc ? rc : storage_file_hash(path, f->hash, &f->bytes, err);
}

typedef struct measuring {
    manifest *m;
    const char *dir;
    const muster_task *task;
} measuring;

static int measure_named(void *payload, const char *name, muster_error *err)
{
    const measuring *it = payload;
    if (!is_name(text_of(name)))
        return 0;
    ASSERT(it->m->file_count < MANIFEST_FILES_MAX);
    manifest_file *f = &it->m->files[it->m->file_count++];
    snprintf(f->name, sizeof f->name, "%.64s", name);
    return measure_file(f, it->dir, it->task, err);
}

/* Hashes what lies in the directory. */
static int manifest_list(manifest *m, const char *dir,
                         const muster_task *task, muster_error *err)
{
    measuring it = {m, dir, task};
    return storage_directory_each(dir, measure_named, &it, err);
}

static uint64_t manifest_bytes(const manifest *m)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < m->file_count; i++)
        sum += m->files[i].bytes;
    return sum;
}

static int tell(const manifest *m, const char *path, muster_snapshot_fn fn,
                void *payload)
{
    const muster_snapshot s = {
        .name = last_part(path),
        .path = path,
        .complete = true,
        .created = m->created,
        .epoch = m->epoch,
        .users = m->users,
        .bytes = manifest_bytes(m),
        .hash = m->hash,
    };
    return fn ? fn(payload, &s) : 0;
}

/* ---- checking ---- */

/* What the directory opens as: epoch, users and hash, all of the log. */
static int measure_state(const char *dir, manifest *out,
                         const muster_task *task, muster_error *err)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    muster_engine *e;
    epoch_pin pin;

    options.data_dir = dir;
    options.memory_bytes = UINT64_MAX;
    int rc = task_step(task, "opening the copy", 0, 0, err);
    if (rc == 0)
        rc = engine_open(&e, &options, true, err);
    if (rc != 0)
        return rc;
    const epoch *at = epoch_pin_newest(e, &pin);
    out->epoch = at->seq;
    out->users = dictionary_rows(at->ids);
    rc = epoch_hash(at, task, &out->hash, err);
    epoch_unpin(e, &pin);
    muster_engine_close(e);
    return rc;
}

/* Does `dir` open as the state that the manifest of `path` tells of? */
static int check_state(const manifest *m, const char *path, const char *dir,
                       const muster_task *task, muster_error *err)
{
    manifest is;
    const int rc = measure_state(dir, &is, task, err);

    if (rc != 0)
        return rc;
    if (is.epoch == m->epoch && is.users == m->users &&
        is.hash.low == m->hash.low && is.hash.high == m->hash.high)
        return 0;
    return error_set(err, MUSTER_ECORRUPT, "other_state",
                     "%s opens as another state than %s/" MANIFEST " says",
                     dir, path);
}

static int check_files(const manifest *m, const char *path,
                       const muster_task *task, muster_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < m->file_count && rc == 0; i++) {
        const manifest_file *f = &m->files[i];
        manifest_file is = *f;
        rc = measure_file(&is, path, task, err);
        if (rc == 0 && (is.bytes != f->bytes || is.hash[0] != f->hash[0] ||
                        is.hash[1] != f->hash[1]))
            rc = error_set(err, MUSTER_ECORRUPT, "bad_file",
                           "%s/%s is damaged: it is not the file that "
                           MANIFEST " tells of",
                           path, f->name);
    }
    return rc;
}

typedef struct log_check {
    task_act act;
    const char *path;
    muster_error first; /* damage */
} log_check;

static void take_damage(void *payload, const storage_finding *f)
{
    log_check *c = payload;
    if (f->kind == STORAGE_DAMAGE && c->first.code == 0)
        error_set(&c->first, MUSTER_ECORRUPT, "bad_file",
                  "%s/%s is damaged%s%s: %s", c->path, f->file,
                  f->place[0] ? " at " : "", f->place, f->message);
}

static int step_log_check(void *payload, const char *what, uint64_t done,
                          uint64_t total)
{
    log_check *c = payload;
    return task_act_step(&c->act, what, done, total);
}

/* Damage that was copied has a fitting checksum. */
static int check_content(const char *path, const muster_task *task,
                         muster_error *err)
{
    log_check c = {.act = {task, "checking"}, .path = path};
    storage *s;

    int rc = storage_open(&s, path, STORAGE_EXAMINE, err);
    if (rc != 0)
        return rc;
    rc = storage_check(s, take_damage, step_log_check, &c, NULL, err);
    storage_close(s);
    if (rc == 0 && c.first.code != 0) {
        rc = c.first.code;
        if (err)
            *err = c.first;
    }
    return rc;
}

int muster_snapshot_verify(const char *path, const muster_task *task,
                           muster_snapshot_fn sound, void *payload,
                           muster_error *err)
{
    manifest m;
    char from[PATH_ROOM];

    error_clear(err);
    int rc = copy_path(from, path, err);
    if (rc == 0)
        rc = manifest_read(&m, from, err);
    if (rc == 0)
        rc = check_files(&m, from, task, err);
    if (rc == 0)
        rc = check_content(from, task, err);
    if (rc == 0)
        rc = check_state(&m, from, from, task, err);
    return rc == 0 ? tell(&m, from, sound, payload) : rc;
}

/* ---- making one ---- */

typedef struct making {
    char root[PATH_ROOM];
    char part[PATH_ROOM];
    char path[PATH_ROOM];
    int lock; /* the directory `part` */
    manifest m;
} making;

static int name_paths(making *k, const char *data_dir, const char *root,
                      const char *name, muster_error *err)
{
    char time[32];
    char words[NAME_ROOM];
    char part[NAME_ROOM];

    k->m.created = clock_now();
    time[clock_format_time(time, k->m.created)] = '\0';
    size_t n = 0; /* "2026-11-21T12:30:00Z" without marks */
    for (size_t i = 0; time[i] != '\0'; i++)
        if (time[i] != '-' && time[i] != ':')
            words[n++] = time[i];
    words[n] = '\0';
    if (name && !is_name(text_of(name)))
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "a snapshot's name has 1 to 64 of the characters "
                         "a-z A-Z 0-9 . _ - and does not begin with a point");
    if (name)
        snprintf(words, sizeof words, "%s", name);
    snprintf(part, sizeof part, ".%.64s.part", words);
    int rc = root_of(k->root, data_dir, root, err);
    if (rc == 0)
        rc = join(k->path, k->root, words, err);
    return rc == 0 ? join(k->part, k->root, part, err) : rc;
}

/* Is there something to copy? */
static int check_source(const char *data_dir, muster_error *err)
{
    storage *s;
    const int rc = storage_open(&s, data_dir, STORAGE_READ, err);
    storage_close(s);
    return rc;
}

/* The directory to make it in: ours alone, and empty. */
static int open_part(making *k, muster_error *err)
{
    int rc = storage_directory_make(k->root, err);
    if (rc == 0)
        rc = check_absent(k->path, err);
    if (rc == 0)
        rc = storage_directory_make(k->part, err);
    if (rc == 0)
        rc = storage_directory_lock(k->part, &k->lock, err);
    if (rc == MUSTER_EBUSY)
        return error_set(err, MUSTER_EBUSY, "snapshot_busy",
                         "%s is being made by another process", k->path);
    return rc == 0 ? storage_directory_clear(k->part, err) : rc;
}

static int fill_part(making *k, const char *data_dir,
                     const muster_task *task, muster_error *err)
{
    task_act act = {task, "copying"};
    int rc = storage_copy(data_dir, k->part, task_act_step, &act, err);

    if (rc != 0)
        return rc;
    point("snapshot.copied");
    rc = measure_state(k->part, &k->m, task, err);
    if (rc == 0)
        rc = manifest_list(&k->m, k->part, task, err);
    if (rc == 0)
        rc = manifest_write(&k->m, k->part, err);
    return rc;
}

int muster_snapshot_create(const char *data_dir, const char *root,
                           const char *name, const muster_task *task,
                           muster_snapshot_fn made, void *payload,
                           muster_error *err)
{
    making *k = mem_zalloc(sizeof *k);
    bool ours = false;

    error_clear(err);
    k->lock = -1;
    int rc = name_paths(k, data_dir, root, name, err);
    if (rc == 0)
        rc = check_source(data_dir, err);
    if (rc == 0)
        rc = open_part(k, err);
    ours = rc == 0;
    if (rc == 0)
        rc = fill_part(k, data_dir, task, err);
    if (rc == 0)
        rc = storage_directory_rename(k->part, k->path, err);
    if (rc != 0 && ours)
        remove_directory(k->part);
    storage_directory_unlock(&k->lock);
    if (rc == 0)
        rc = tell(&k->m, k->path, made, payload);
    mem_free(k);
    return rc;
}

/* ---- which there are ---- */

typedef struct listed {
    muster_snapshot s;
    char *path;
} listed;

typedef struct listing {
    const char *root;
    listed *items;
    size_t count;
    size_t capacity;
} listing;

static bool has_file(const char *dir, const manifest_file *f)
{
    char path[PATH_ROOM];
    storage_thing thing;
    uint64_t bytes;
    return join(path, dir, f->name, NULL) == 0 &&
           storage_look(path, &thing, &bytes, NULL) == 0 &&
           thing == STORAGE_FILE && bytes == f->bytes;
}

static bool is_complete(const manifest *m, const char *path)
{
    for (size_t i = 0; i < m->file_count; i++)
        if (!has_file(path, &m->files[i]))
            return false;
    return last_part(path)[0] != '.';
}

static int take_snapshot(void *payload, const muster_snapshot *s)
{
    *(muster_snapshot *)payload = *s;
    return 0;
}

static void list_directory(listing *l, const char *path)
{
    manifest m;

    mem_grow(&l->items, &l->capacity, l->count + 1, sizeof *l->items);
    listed *item = &l->items[l->count++];
    item->path = mem_strdup(path);
    item->s = (muster_snapshot){.name = last_part(item->path),
                                .path = item->path};
    if (manifest_read(&m, path, NULL) == 0 && is_complete(&m, path))
        (void)tell(&m, item->path, take_snapshot, &item->s);
}

static int list_named(void *payload, const char *name, muster_error *err)
{
    listing *l = payload;
    char path[PATH_ROOM];
    storage_thing thing;

    int rc = join(path, l->root, name, err);
    if (rc == 0)
        rc = storage_look(path, &thing, NULL, err);
    if (rc == 0 && thing == STORAGE_DIRECTORY)
        list_directory(l, path);
    return rc;
}

static int newest_first(const void *a, const void *b)
{
    const listed *x = a;
    const listed *y = b;
    if (x->s.created != y->s.created)
        return x->s.created > y->s.created ? -1 : 1;
    if (x->s.epoch != y->s.epoch)
        return x->s.epoch > y->s.epoch ? -1 : 1;
    return -strcmp(x->s.name, y->s.name);
}

static int list_root(listing *l, muster_error *err)
{
    const int rc = storage_directory_each(l->root, list_named, l, err);
    if (l->count > 0)
        qsort(l->items, l->count, sizeof *l->items, newest_first);
    return rc;
}

int muster_snapshots_each(const char *data_dir, const char *root,
                          muster_snapshot_fn each, void *payload,
                          muster_error *err)
{
    char path[PATH_ROOM];
    listing l = {.root = path};

    error_clear(err);
    int rc = root_of(path, data_dir, root, err);
    if (rc == 0)
        rc = list_root(&l, err);
    for (size_t i = 0; i < l.count && rc == 0; i++)
        rc = each(payload, &l.items[i].s);
    for (size_t i = 0; i < l.count; i++)
        mem_free(l.items[i].path);
    mem_free(l.items);
    return rc;
}

/* ---- restoring ---- */

/* Takes back what was copied, and nothing else that stands there. */
static void remove_restored(const manifest *m, const char *data_dir,
                            bool made)
{
    char path[PATH_ROOM];

    for (size_t i = 0; i < m->file_count; i++)
        if (join(path, data_dir, m->files[i].name, NULL) == 0)
            storage_file_remove(path, NULL);
    if (made)
        storage_directory_remove(data_dir, NULL);
}

int muster_snapshot_restore(const char *path, const char *data_dir,
                            const muster_task *task,
                            muster_snapshot_fn restored, void *payload,
                            muster_error *err)
{
    task_act act = {task, "copying"};
    manifest m;
    char from[PATH_ROOM];
    char database[PATH_ROOM];
    storage_thing stood;

    error_clear(err);
    int rc = copy_path(from, path, err);
    if (rc == 0)
        rc = join(database, data_dir, "muster.db", err);
    if (rc == 0)
        rc = check_absent(database, err);
    if (rc == 0)
        rc = storage_look(data_dir, &stood, NULL, err);
    if (rc == 0)
        rc = manifest_read(&m, from, err);
    if (rc == 0)
        rc = check_files(&m, from, task, err);
    if (rc == 0)
        rc = storage_copy(from, data_dir, task_act_step, &act, err);
    if (rc != 0)
        return rc;
    rc = check_state(&m, from, data_dir, task, err);
    if (rc != 0) {
        remove_restored(&m, data_dir, stood == STORAGE_NOTHING);
        return rc;
    }
    return tell(&m, from, restored, payload);
}
