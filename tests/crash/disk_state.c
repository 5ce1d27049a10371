/*
 * disk_state.c - what a power failure leaves: rules (1) to (4) of disk.h.
 *
 * The record is gone through twice: backwards, to find what flushes saved,
 * and forwards, to make files of what is kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* nftw */
#include "crash/disk_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "support/dice.h"

typedef enum fate {
    KEPT,
    LOST,
    TORN,    /* of a write: some sectors */
    LONGER,  /* of a write: only the length of the file */
    PENDING, /* not decided: no flush saved it */
} fate;

static const char *const loss_names[DISK_LOSSES] = {
    [DISK_LOSE_NOTHING] = "nothing lost",
    [DISK_LOSE_ALL] = "all lost",
    [DISK_TEAR_LAST] = "last write torn",
    [DISK_LOSE_SOME] = "some lost",
};

const char *disk_loss_name(disk_loss loss)
{
    return loss_names[loss];
}

static bool is_naming(const disk_op *op)
{
    return op->act == DISK_NAME || op->act == DISK_UNNAME ||
           op->act == DISK_MOVE;
}

/* ---- fates ---- */

static bool is_saved(const disk_op *op, const bool *saved)
{
    if (!is_naming(op))
        return saved[op->node];
    return saved[op->dir] && (op->act != DISK_MOVE || saved[op->to_dir]);
}

static void find_saved(const disk *d, size_t count, fate *fates)
{
    bool *saved = mem_array(d->nodes, sizeof *saved);
    for (size_t i = count; i-- > 0;) {
        const disk_op *op = &d->ops[i];
        if (op->act == DISK_SYNC)
            saved[op->node] = true;
        else if (op->act == DISK_SYNC_FAILED)
            saved[op->node] = saved[op->node] && d->directory[op->node];
        else
            fates[i] = is_saved(op, saved) ? KEPT : PENDING;
    }
    mem_free(saved);
}

static void decide_all(const disk *d, size_t count, fate *fates, fate what)
{
    for (size_t i = 0; i < count; i++)
        if (fates[i] == PENDING)
            fates[i] = what;
    (void)d;
}

static void tear_last(const disk *d, size_t count, fate *fates)
{
    for (size_t i = count; i-- > 0;)
        if (fates[i] == PENDING && d->ops[i].act == DISK_WRITE) {
            fates[i] = TORN;
            break;
        }
    decide_all(d, count, fates, KEPT);
}

/* The names of one directory, all or each on its own, up to some moment. */
static void decide_names(const disk *d, size_t count, fate *fates,
                         random_state *r)
{
    const bool ordered = chance(r, 50);
    const size_t until = (size_t)random_below(r, count + 1);
    const uint32_t kept = PICK(r, ((const uint32_t[]){10, 50, 90}));
    for (size_t i = 0; i < count; i++)
        if (fates[i] == PENDING && is_naming(&d->ops[i]))
            fates[i] = (ordered ? i < until : chance(r, kept)) ? KEPT : LOST;
}

static void decide_some(const disk *d, size_t count, fate *fates,
                        random_state *r)
{
    const uint32_t kept = PICK(r, ((const uint32_t[]){5, 30, 70, 95}));
    const uint32_t torn = PICK(r, ((const uint32_t[]){0, 10, 60}));
    decide_names(d, count, fates, r);
    for (size_t i = 0; i < count; i++) {
        if (fates[i] != PENDING)
            continue;
        const bool write = d->ops[i].act == DISK_WRITE;
        fates[i] = chance(r, kept)            ? KEPT
                   : write && chance(r, torn) ? TORN
                   : write && chance(r, 10)   ? LONGER
                                              : LOST;
    }
}

static void decide(const disk *d, const disk_state *state, fate *fates,
                   random_state *r)
{
    find_saved(d, state->position, fates);
    switch (state->loss) {
    case DISK_LOSE_NOTHING:
        decide_all(d, state->position, fates, KEPT);
        break;
    case DISK_LOSE_ALL:
        decide_all(d, state->position, fates, LOST);
        break;
    case DISK_TEAR_LAST:
        tear_last(d, state->position, fates);
        break;
    default:
        decide_some(d, state->position, fates, r);
    }
}

/* ---- contents ---- */

typedef struct content {
    uint8_t *bytes;
    size_t len;
    size_t capacity;
} content;

static void set_length(content *c, size_t len)
{
    if (len > c->len) {
        mem_grow(&c->bytes, &c->capacity, len, 1);
        memset(c->bytes + c->len, 0, len - c->len);
    }
    c->len = len;
}

static void put_part(content *c, const disk_op *op, size_t from, size_t to)
{
    if (from == to) /* an empty file that was taken in */
        return;
    if (c->len < op->offset + to)
        set_length(c, op->offset + to);
    memcpy(c->bytes + op->offset + from, op->bytes + from, to - from);
}

static void put_torn(content *c, const disk_op *op, random_state *r)
{
    for (size_t from = 0; from < op->len;) {
        const size_t room = DISK_SECTOR - (op->offset + from) % DISK_SECTOR;
        const size_t to = op->len - from < room ? op->len : from + room;
        if (chance(r, 50))
            put_part(c, op, from, to);
        from = to;
    }
}

static void put_write(content *c, const disk_op *op, fate f, random_state *r)
{
    if (f == TORN)
        put_torn(c, op, r);
    else if (f == KEPT)
        put_part(c, op, 0, op->len);
    else if (c->len < op->offset + op->len)
        set_length(c, op->offset + op->len);
}

/* A change of names is kept only where those before it left what it needs. */
static void put_naming(disk_names *names, const disk_op *op)
{
    const uint32_t node = disk_names_find(names, op->dir, op->name);
    if (op->act == DISK_NAME) {
        if (node == DISK_NONE)
            disk_names_put(names, op->dir, op->name, op->node);
        return;
    }
    if (node != op->node)
        return;
    disk_names_remove(names, op->dir, op->name);
    if (op->act == DISK_MOVE)
        disk_names_put(names, op->to_dir, op->to_name, op->node);
}

static void replay(const disk *d, const disk_state *state, content *contents,
                   disk_names *names)
{
    fate *fates = mem_array(state->position + 1, sizeof *fates);
    random_state r;
    random_seed(&r, state->seed);
    decide(d, state, fates, &r);
    for (size_t i = 0; i < state->position; i++) {
        const disk_op *op = &d->ops[i];
        if (fates[i] == LOST)
            continue;
        if (is_naming(op))
            put_naming(names, op);
        else if (op->act == DISK_WRITE)
            put_write(&contents[op->node], op, fates[i], &r);
        else if (op->act == DISK_LENGTH)
            set_length(&contents[op->node], op->offset);
    }
    mem_free(fates);
}

/* ---- files ---- */

static void put_file(const char *path, const content *c)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ASSERT(fd >= 0);
    const ssize_t n = c->len != 0 ? write(fd, c->bytes, c->len) : 0;
    ASSERT(n == (ssize_t)c->len);
    close(fd);
}

static void put_directory(const disk *d, uint32_t node, const char *path,
                          const disk_names *names, const content *contents)
{
    const int rc = mkdir(path, 0700);
    ASSERT(rc == 0);
    for (size_t i = 0; i < names->count; i++) {
        const disk_entry *e = &names->entries[i];
        char inner[DISK_PATH_ROOM];
        if (e->dir != node)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->name);
        if (d->directory[e->node])
            put_directory(d, e->node, inner, names, contents);
        else
            put_file(inner, &contents[e->node]);
    }
}

void disk_leave(const disk *d, const disk_state *state, const char *root)
{
    ASSERT(state->position <= d->count && state->loss < DISK_LOSSES);
    content *contents = mem_array(d->nodes, sizeof *contents);
    disk_names names = {0};
    replay(d, state, contents, &names);
    put_directory(d, DISK_ROOT, root, &names, contents);
    for (size_t i = 0; i < d->nodes; i++)
        mem_free(contents[i].bytes);
    mem_free(contents);
    disk_names_release(&names);
}

static int clear_one(const char *path, const struct stat *stat, int type,
                     struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(path);
}

void disk_clear(const char *root)
{
    nftw(root, clear_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- comparing ---- */

static char *read_whole(const char *path, size_t *len)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    const int rc = fstat(fd, &st);
    ASSERT(rc == 0);
    char *bytes = mem_alloc((size_t)st.st_size + 1);
    const ssize_t n = read(fd, bytes, (size_t)st.st_size);
    ASSERT(n == st.st_size);
    close(fd);
    *len = (size_t)n;
    return bytes;
}

static bool same_file(const char *a, const char *b)
{
    size_t len[2] = {0, 0};
    char *bytes[2] = {read_whole(a, &len[0]), read_whole(b, &len[1])};
    const bool same = bytes[0] != NULL && bytes[1] != NULL &&
                      len[0] == len[1] &&
                      memcmp(bytes[0], bytes[1], len[0]) == 0;
    mem_free(bytes[0]);
    mem_free(bytes[1]);
    return same;
}

/* Is all of `a` in `b`? */
static bool is_part(const char *a, const char *b)
{
    DIR *list = opendir(a);
    bool same = list != NULL;
    const struct dirent *e;
    while (same && (e = readdir(list)) != NULL) {
        char one[DISK_PATH_ROOM];
        char other[DISK_PATH_ROOM];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            strstr(e->d_name, "-shm") != NULL)
            continue;
        snprintf(one, sizeof one, "%s/%s", a, e->d_name);
        snprintf(other, sizeof other, "%s/%s", b, e->d_name);
        same = lstat(one, &st) == 0 && (S_ISDIR(st.st_mode)
                                            ? is_part(one, other)
                                            : same_file(one, other));
    }
    if (list != NULL)
        closedir(list);
    return same;
}

bool disk_same(const char *a, const char *b)
{
    return is_part(a, b) && is_part(b, a);
}
