/*
 * disk.c - what the simulated disk writes down, the names that are live, and
 * faults.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crash/disk_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static disk *current;

void disk_lock(void)
{
    const int rc = pthread_mutex_lock(&lock);
    ASSERT(rc == 0);
}

void disk_unlock(void)
{
    const int rc = pthread_mutex_unlock(&lock);
    ASSERT(rc == 0);
}

disk *disk_current(void)
{
    return current;
}

void disk_install(void)
{
    disk_file_install();
    disk_sqlite_install();
}

void disk_remove(void)
{
    disk_sqlite_remove();
    disk_file_remove();
    disk_fault_set(NULL);
    current = NULL; /* a test that failed left it */
}

int disk_set_up(void **state)
{
    (void)state;
    disk_install();
    return 0;
}

int disk_tear_down(void **state)
{
    (void)state;
    disk_remove();
    return 0;
}

/* ---- names ---- */

static size_t find_entry(const disk_names *n, uint32_t dir, const char *name)
{
    size_t i = 0;
    while (i < n->count && (n->entries[i].dir != dir ||
                            strcmp(n->entries[i].name, name) != 0))
        i++;
    return i;
}

uint32_t disk_names_find(const disk_names *n, uint32_t dir, const char *name)
{
    const size_t i = find_entry(n, dir, name);
    return i < n->count ? n->entries[i].node : DISK_NONE;
}

void disk_names_put(disk_names *n, uint32_t dir, const char *name,
                    uint32_t node)
{
    const size_t i = find_entry(n, dir, name);
    if (i < n->count) {
        n->entries[i].node = node;
        return;
    }
    mem_grow(&n->entries, &n->capacity, n->count + 1, sizeof *n->entries);
    n->entries[n->count++] = (disk_entry){dir, node, mem_strdup(name)};
}

void disk_names_remove(disk_names *n, uint32_t dir, const char *name)
{
    const size_t i = find_entry(n, dir, name);
    ASSERT(i < n->count);
    mem_free(n->entries[i].name);
    n->entries[i] = n->entries[--n->count];
}

void disk_names_release(disk_names *n)
{
    for (size_t i = 0; i < n->count; i++)
        mem_free(n->entries[i].name);
    mem_free(n->entries);
    memset(n, 0, sizeof *n);
}

/* ---- writing down ---- */

static uint32_t new_node(disk *d, bool directory)
{
    mem_grow(&d->directory, &d->node_capacity, d->nodes + 1,
             sizeof *d->directory);
    d->directory[d->nodes] = directory;
    return (uint32_t)d->nodes++;
}

static disk_op *append(disk *d, disk_act act, uint32_t node)
{
    mem_grow(&d->ops, &d->capacity, d->count + 1, sizeof *d->ops);
    disk_op *op = &d->ops[d->count++];
    memset(op, 0, sizeof *op);
    op->act = act;
    op->node = node;
    return op;
}

static void append_name(disk *d, uint32_t dir, const char *name, uint32_t node)
{
    disk_op *op = append(d, DISK_NAME, node);
    op->dir = dir;
    op->name = mem_strdup(name);
    disk_names_put(&d->live, dir, name, node);
}

static bool is_memory(const char *name)
{
    const size_t len = strlen(name);
    return len >= 4 && strcmp(name + len - 4, "-shm") == 0;
}

static void take_in(disk *d, uint32_t dir, const char *name, const char *path);

static void take_in_directory(disk *d, uint32_t node, const char *path)
{
    DIR *list = opendir(path);
    ASSERT(list != NULL);
    const struct dirent *e;
    while ((e = readdir(list)) != NULL) {
        char inner[DISK_PATH_ROOM];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            is_memory(e->d_name))
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (disk_names_find(&d->live, node, e->d_name) == DISK_NONE)
            take_in(d, node, e->d_name, inner);
    }
    closedir(list);
    append(d, DISK_SYNC, node);
}

static void take_in_file(disk *d, uint32_t node, const char *path)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ASSERT(fd >= 0);
    const int rc = fstat(fd, &st);
    ASSERT(rc == 0);
    disk_op *op = append(d, DISK_WRITE, node);
    op->len = (size_t)st.st_size;
    op->bytes = mem_alloc(op->len + 1);
    const ssize_t n = read(fd, op->bytes, op->len);
    ASSERT(n == st.st_size);
    close(fd);
    append(d, DISK_SYNC, node);
}

/* What stands at `path` although nobody told us: whole and flushed before it
 * has its name. */
static void take_in(disk *d, uint32_t dir, const char *name, const char *path)
{
    struct stat st;
    const int rc = lstat(path, &st);
    ASSERT(rc == 0);
    const bool directory = S_ISDIR(st.st_mode);
    const uint32_t node = new_node(d, directory);
    if (directory)
        take_in_directory(d, node, path);
    else
        take_in_file(d, node, path);
    append_name(d, dir, name, node);
    append(d, DISK_SYNC, dir);
}

/* Looks for the key file, once, before an operation is written down. */
static void notice_key(disk *d)
{
    char path[DISK_PATH_ROOM];
    if (d->key == NULL)
        return;
    snprintf(path, sizeof path, "%s/%s", d->root, d->key);
    const disk_place place = disk_find(d, path);
    if (place.dir == DISK_NONE)
        return;
    if (place.node == DISK_NONE) {
        if (access(path, F_OK) != 0)
            return;
        take_in(d, place.dir, place.name, path);
    }
    mem_free(d->key);
    d->key = NULL;
}

static disk_op *note(disk *d, disk_act act, uint32_t node)
{
    notice_key(d);
    return append(d, act, node);
}

disk *disk_begin(const char *root, const char *key)
{
    char real[PATH_MAX];
    ASSERT(realpath(root, real) != NULL);
    disk *d = mem_zalloc(sizeof *d);
    d->root = mem_strdup(real);
    d->key = key != NULL ? mem_strdup(key) : NULL;
    new_node(d, true);
    take_in_directory(d, DISK_ROOT, d->root);
    disk_lock();
    ASSERT(current == NULL);
    current = d;
    disk_unlock();
    return d;
}

void disk_end(disk *d)
{
    disk_lock();
    ASSERT(current == d);
    current = NULL;
    disk_unlock();
}

void disk_free(disk *d)
{
    if (d == NULL)
        return;
    ASSERT(current != d);
    for (size_t i = 0; i < d->count; i++) {
        mem_free(d->ops[i].name);
        mem_free(d->ops[i].to_name);
        mem_free(d->ops[i].bytes);
    }
    disk_names_release(&d->live);
    mem_free(d->ops);
    mem_free(d->directory);
    mem_free(d->key);
    mem_free(d->root);
    mem_free(d);
}

size_t disk_position(const disk *d)
{
    disk_lock();
    const size_t count = d->count;
    disk_unlock();
    return count;
}

/* ---- places ---- */

/* The parts of a path below the root, "." and ".." taken out; false when it
 * leads elsewhere. */
static bool walk(const disk *d, const char *path, uint32_t *stack,
                 size_t *depth, char *last)
{
    const size_t root_len = strlen(d->root);
    if (strncmp(path, d->root, root_len) != 0 ||
        (path[root_len] != '/' && path[root_len] != '\0'))
        return false;
    path += root_len;
    stack[0] = DISK_ROOT;
    *depth = 1;
    last[0] = '\0';
    while (*(path += strspn(path, "/")) != '\0') {
        const size_t len = strcspn(path, "/");
        char name[DISK_NAME_ROOM];
        ASSERT(len < sizeof name && *depth < 16);
        memcpy(name, path, len);
        name[len] = '\0';
        path += len;
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            if (--*depth == 0)
                return false;
            last[0] = '\0';
            continue;
        }
        const uint32_t at = stack[*depth - 1];
        stack[(*depth)++] =
            at == DISK_NONE ? at : disk_names_find(&d->live, at, name);
        memcpy(last, name, len + 1);
    }
    return true;
}

disk_place disk_find(disk *d, const char *path)
{
    uint32_t stack[16];
    size_t depth = 0;
    disk_place place = {DISK_NONE, DISK_NONE, {0}};
    if (!walk(d, path, stack, &depth, place.name))
        return place;
    place.node = stack[depth - 1];
    place.dir = depth > 1 ? stack[depth - 2] : DISK_ROOT;
    return place;
}

uint32_t disk_directory_of(const char *path)
{
    return current != NULL ? disk_find(current, path).dir : DISK_NONE;
}

uint32_t disk_opened(const char *path, bool directory)
{
    if (current == NULL)
        return DISK_NONE;
    notice_key(current);
    const disk_place place = disk_find(current, path);
    if (place.node != DISK_NONE || place.dir == DISK_NONE)
        return place.node;
    const uint32_t node = new_node(current, directory);
    append_name(current, place.dir, place.name, node);
    return node;
}

void disk_note_write(uint32_t node, uint64_t offset, const void *bytes,
                     size_t len)
{
    if (current == NULL || node == DISK_NONE || len == 0)
        return;
    disk_op *op = note(current, DISK_WRITE, node);
    op->offset = offset;
    op->len = len;
    op->bytes = mem_alloc(len);
    memcpy(op->bytes, bytes, len);
}

void disk_note_length(uint32_t node, uint64_t len)
{
    if (current != NULL && node != DISK_NONE)
        note(current, DISK_LENGTH, node)->offset = len;
}

void disk_note_sync(uint32_t node, bool failed)
{
    if (current != NULL && node != DISK_NONE)
        note(current, failed ? DISK_SYNC_FAILED : DISK_SYNC, node);
}

void disk_note_unname(const char *path)
{
    if (current == NULL)
        return;
    const disk_place place = disk_find(current, path);
    if (place.node == DISK_NONE)
        return;
    disk_op *op = note(current, DISK_UNNAME, place.node);
    op->dir = place.dir;
    op->name = mem_strdup(place.name);
    disk_names_remove(&current->live, place.dir, place.name);
}

void disk_note_move(const char *from, const char *to)
{
    if (current == NULL)
        return;
    const disk_place source = disk_find(current, from);
    const disk_place target = disk_find(current, to);
    if (source.node == DISK_NONE || target.dir == DISK_NONE)
        return;
    disk_op *op = note(current, DISK_MOVE, source.node);
    op->dir = source.dir;
    op->name = mem_strdup(source.name);
    op->to_dir = target.dir;
    op->to_name = mem_strdup(target.name);
    disk_names_remove(&current->live, source.dir, source.name);
    disk_names_put(&current->live, target.dir, target.name, source.node);
}

/* ---- faults ---- */

#define CALL(name) (1u << DISK_CALL_##name)

static const struct {
    const char *name;
    unsigned calls[2]; /* that it can strike: of ours, of SQLite's */
} faults[DISK_FAULTS] = {
    [DISK_EIO] = {"EIO",
                  {CALL(OPEN) | CALL(MAKE) | CALL(READ) | CALL(WRITE) |
                       CALL(LENGTH) | CALL(LOOK) | CALL(NAME),
                   CALL(OPEN) | CALL(MAKE) | CALL(READ) | CALL(WRITE) |
                       CALL(LENGTH) | CALL(LOOK) | CALL(NAME)}},
    [DISK_ENOSPC] = {"ENOSPC",
                     {CALL(MAKE) | CALL(WRITE) | CALL(NAME),
                      CALL(MAKE) | CALL(WRITE)}},
    [DISK_FLUSH] = {"a failed flush", {CALL(SYNC), CALL(SYNC)}},
    [DISK_EINTR] = {"EINTR",
                    {CALL(OPEN) | CALL(MAKE) | CALL(READ) | CALL(WRITE) |
                         CALL(LENGTH) | CALL(SYNC),
                     0}},
    [DISK_SHORT] = {"a short call", {CALL(READ) | CALL(WRITE), 0}},
};

static struct {
    bool set;
    bool struck;
    disk_fault fault;
    uint64_t calls;
} trouble;

const char *disk_fault_name(disk_fault_kind kind)
{
    return faults[kind].name;
}

void disk_fault_set(const disk_fault *fault)
{
    disk_lock();
    memset(&trouble, 0, sizeof trouble);
    trouble.set = fault != NULL;
    if (fault != NULL)
        trouble.fault = *fault;
    disk_unlock();
}

bool disk_fault_struck(void)
{
    disk_lock();
    const bool struck = trouble.struck;
    disk_unlock();
    return struck;
}

bool disk_strikes(disk_layer layer, disk_call call, disk_fault_kind *kind)
{
    const disk_fault *f = &trouble.fault;
    if (!trouble.set || !(faults[f->kind].calls[layer] & (1u << call)))
        return false;
    const uint64_t n = ++trouble.calls;
    const uint64_t last = !f->lasting             ? f->at
                          : f->kind == DISK_EINTR ? f->at + 2
                                                  : UINT64_MAX;
    if (n < f->at || n > last)
        return false;
    trouble.struck = true;
    *kind = f->kind;
    return true;
}
