/*
 * generation.c - immutable, checksummed files of named sections.
 *
 * File gen-<id>.mgen, integers little-endian:
 *
 *   header, 64 bytes
 *     0   8   "MSTRGENF"
 *     8   4   1, the version of this form
 *     12  52  0
 *   sections, each at a multiple of 64, gaps filled with 0
 *   directory, at a multiple of 64: one entry of 48 bytes per section
 *     0   16  name, filled with 0
 *     16  8   offset in the file
 *     24  8   bytes
 *     32  8   XXH3-64 of the section
 *     40  8   0
 *   footer, the last 64 bytes
 *     0   8   "MSTRGENE"
 *     8   4   1
 *     12  4   number of sections
 *     16  8   id of the generation
 *     24  8   seq: the state after this batch of the log
 *     32  8   offset of the directory
 *     40  8   bytes of the file
 *     48  8   XXH3-64 of the directory
 *     56  8   XXH3-64 of the 56 bytes before
 *
 * Valid if and only if: (1) header, footer and directory are as above and
 * their checksums fit; (2) the file has the length that the footer and the
 * row in SQLite tell, and their ids and seqs agree; (3) directory and footer
 * follow the sections; (4) each section lies between header and directory
 * and begins at a multiple of 64; (5) each section's checksum fits.
 *
 * Life: written as gen-<id>.tmp, flushed, renamed, the directory flushed
 * (sealed), and only then published by a row in SQLite (adopted). A crash
 * before leaves a file that no row names; the next writer removes it when it
 * opens. The two newest generations are kept and the log back to the older
 * one, so a damaged one costs a longer replay and no data. One that was found
 * damaged is not counted among the two, and goes at the next adoption.
 *
 * The row is not believed either: what decides about removal is asked of the
 * frame too (1, 2, 3), which is three pages of each file.
 *
 * Files are mapped, never read into memory; a removed file stays readable to
 * who has it mapped. Cost of opening: one pass of XXH3 over the file.
 * Threads: a mapped generation may be read by any; writing and sealing one
 * touch neither SQLite nor what changes in the handle, so that a background
 * thread does them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "storage/file.h"

#define HEADER_BYTES ((size_t)64)
#define ENTRY_BYTES ((size_t)48)
#define FOOTER_BYTES ((size_t)64)
#define NAME_BYTES 16u
#define ALIGN ((uint64_t)64)
#define FORM_VERSION 1u
#define SECTIONS_MAX 1024u
#define WRITE_BYTES ((size_t)1 << 20)
#define STEP_BYTES ((size_t)1 << 20)
#define FILE_NAME_ROOM 48u

static const char header_magic[8] = {'M', 'S', 'T', 'R', 'G', 'E', 'N', 'F'};
static const char footer_magic[8] = {'M', 'S', 'T', 'R', 'G', 'E', 'N', 'E'};

typedef struct section {
    char name[NAME_BYTES];
    uint64_t offset;
    uint64_t len;
    uint64_t checksum;
} section;

struct generation_writer {
    storage *s;
    int64_t id;
    uint64_t seq;
    char *temporary; /* path */
    char *path;
    int fd;
    uint64_t offset; /* where the next byte goes */
    uint8_t *pending;
    size_t pending_len;
    size_t unflushed;
    hash_stream *hash; /* of the open section; NULL between sections */
    section *sections;
    size_t section_count;
    size_t section_capacity;
    bool failed;
    bool renamed; /* the file has its name */
    bool complete; /* sealed */
    bool adopted;
    uint32_t breaks; /* of the store, when it was adopted */
    generation_rows dropped; /* by the adoption */
};

struct generation {
    const uint8_t *bytes;
    size_t len;
    int64_t id;
    uint64_t seq;
    const uint8_t *directory;
    uint32_t section_count;
};

/* ---- writing ---- */

/* Flushed in steps: one flush of it all would hold up the flushes of others,
 * the writer's commits, for as long as it takes. */
static int write_on(generation_writer *w, const uint8_t *bytes, size_t len,
                    muster_error *err)
{
    int rc = 0;
    while (len > 0 && rc == 0) {
        const size_t room = STEP_BYTES - w->unflushed;
        const size_t n = len < room ? len : room;
        rc = file_write(w->fd, bytes, n, w->temporary, err);
        bytes += n;
        len -= n;
        w->unflushed += n;
        if (rc == 0 && w->unflushed == STEP_BYTES) {
            rc = file_sync(w->fd, w->temporary, err);
            w->unflushed = 0;
        }
    }
    w->failed |= rc != 0;
    return rc;
}

static int flush_pending(generation_writer *w, muster_error *err)
{
    const int rc = write_on(w, w->pending, w->pending_len, err);
    w->pending_len = 0;
    return rc;
}

static int put_bytes(generation_writer *w, const void *bytes, size_t len,
                     muster_error *err)
{
    ASSERT(w->fd >= 0 && w->pending_len <= WRITE_BYTES);
    if (w->pending_len + len > WRITE_BYTES) {
        const int rc = flush_pending(w, err);
        if (rc != 0)
            return rc;
    }
    w->offset += len;
    if (len >= WRITE_BYTES)
        return write_on(w, bytes, len, err);
    if (len != 0)
        memcpy(w->pending + w->pending_len, bytes, len);
    w->pending_len += len;
    return 0;
}

static int put_padding(generation_writer *w, muster_error *err)
{
    static const uint8_t zeros[64];
    return put_bytes(w, zeros, (size_t)(-w->offset & (ALIGN - 1)), err);
}

static void file_name(char out[FILE_NAME_ROOM], int64_t id, const char *end)
{
    snprintf(out, FILE_NAME_ROOM, "gen-%lld.%s", (long long)id, end);
}

char *generation_path(const char *dir, int64_t id, const char *end)
{
    char name[FILE_NAME_ROOM];
    char path[STORAGE_PATH_ROOM];
    file_name(name, id, end);
    const int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    ASSERT(len > 0 && (size_t)len < sizeof path);
    return mem_strdup(path);
}

static int put_header(generation_writer *w, muster_error *err)
{
    uint8_t header[HEADER_BYTES] = {0};
    memcpy(header, header_magic, sizeof header_magic);
    put_word(header + 8, FORM_VERSION, 4);
    return put_bytes(w, header, sizeof header, err);
}

int generation_start(generation_writer **out, storage *s, int64_t id,
                     uint64_t seq, muster_error *err)
{
    ASSERT(out != NULL && s != NULL && !storage_is_reader(s) && id > 0);
    generation_writer *w = mem_zalloc(sizeof *w);
    *out = NULL;
    w->s = s;
    w->seq = seq;
    w->id = id;
    w->path = generation_path(s->dir, id, "mgen");
    w->temporary = generation_path(s->dir, id, "tmp");
    w->pending = mem_alloc(WRITE_BYTES);
    int rc = file_open(&w->fd, w->temporary, O_WRONLY | O_CREAT | O_TRUNC, err);
    if (rc == 0)
        rc = put_header(w, err);
    if (rc != 0) {
        generation_abandon(w);
        return rc;
    }
    *out = w;
    return 0;
}

int generation_begin(generation_writer *w, const char *name, muster_error *err)
{
    ASSERT(w != NULL && w->hash == NULL);
    ASSERT(name[0] != '\0' && strlen(name) < NAME_BYTES);
    ASSERT(w->section_count < SECTIONS_MAX);
    for (size_t i = 0; i < w->section_count; i++)
        ASSERT(strcmp(w->sections[i].name, name) != 0);
    const int rc = put_padding(w, err);
    if (rc != 0)
        return rc;
    mem_grow(&w->sections, &w->section_capacity, w->section_count + 1,
             sizeof *w->sections);
    section *sec = &w->sections[w->section_count++];
    memset(sec, 0, sizeof *sec);
    memcpy(sec->name, name, strlen(name));
    sec->offset = w->offset;
    w->hash = hash_stream_new();
    return 0;
}

int generation_write(generation_writer *w, const void *bytes, size_t len,
                     muster_error *err)
{
    ASSERT(w != NULL && w->hash != NULL);
    ASSERT(bytes != NULL || len == 0);
    if (len == 0)
        return 0;
    hash_stream_add(w->hash, bytes, len);
    return put_bytes(w, bytes, len, err);
}

int generation_end(generation_writer *w, muster_error *err)
{
    ASSERT(w != NULL && w->hash != NULL && w->section_count > 0);
    section *sec = &w->sections[w->section_count - 1];
    sec->len = w->offset - sec->offset;
    sec->checksum = hash_stream_value(w->hash);
    hash_stream_free(w->hash);
    w->hash = NULL;
    return put_padding(w, err);
}

void generation_writer_free(generation_writer *w)
{
    file_close(&w->fd);
    hash_stream_free(w->hash);
    mem_free(w->sections);
    mem_free(w->pending);
    mem_free(w->temporary);
    mem_free(w->path);
    mem_free(w->dropped.rows);
    mem_free(w);
}

static uint32_t breaks_of(const storage *s)
{
    return __atomic_load_n(&s->breaks, __ATOMIC_RELAXED);
}

void generation_abandon(generation_writer *w)
{
    if (w == NULL)
        return;
    if (!w->renamed)
        file_unlink(w->temporary, NULL);
    else if (!w->adopted || breaks_of(w->s) == w->breaks)
        file_unlink(w->path, NULL); /* else a row may name it */
    generation_writer_free(w);
}

generation_row generation_writer_row(const generation_writer *w)
{
    ASSERT(w->complete);
    return (generation_row){w->id, w->seq, w->offset};
}

generation_rows *generation_writer_adopt(generation_writer *w)
{
    ASSERT(w->complete);
    w->adopted = true;
    w->breaks = breaks_of(w->s);
    return &w->dropped;
}

/* ---- sealing ---- */

static int put_directory(generation_writer *w, muster_error *err)
{
    const uint64_t offset = w->offset;
    const size_t len = w->section_count * ENTRY_BYTES;
    ASSERT(offset % ALIGN == 0);
    uint8_t *directory = mem_zalloc(len);
    for (size_t i = 0; i < w->section_count; i++) {
        uint8_t *entry = directory + i * ENTRY_BYTES;
        memcpy(entry, w->sections[i].name, NAME_BYTES);
        put_word(entry + 16, w->sections[i].offset, 8);
        put_word(entry + 24, w->sections[i].len, 8);
        put_word(entry + 32, w->sections[i].checksum, 8);
    }
    const uint64_t directory_hash = hash_bytes(directory, len);
    int rc = put_bytes(w, directory, len, err);
    mem_free(directory);
    if (rc == 0)
        rc = put_padding(w, err);
    if (rc != 0)
        return rc;
    uint8_t footer[FOOTER_BYTES] = {0};
    memcpy(footer, footer_magic, sizeof footer_magic);
    put_word(footer + 8, FORM_VERSION, 4);
    put_word(footer + 12, w->section_count, 4);
    put_word(footer + 16, (uint64_t)w->id, 8);
    put_word(footer + 24, w->seq, 8);
    put_word(footer + 32, offset, 8);
    put_word(footer + 40, w->offset + FOOTER_BYTES, 8);
    put_word(footer + 48, directory_hash, 8);
    put_word(footer + 56, hash_bytes(footer, 56), 8);
    return put_bytes(w, footer, sizeof footer, err);
}

static int make_durable(generation_writer *w, muster_error *err)
{
    ASSERT(w->hash == NULL && w->offset > HEADER_BYTES);
    int rc = flush_pending(w, err);
    if (rc == 0)
        rc = file_sync(w->fd, w->temporary, err);
    if (rc == 0)
        rc = file_rename(w->temporary, w->path, err);
    if (rc != 0)
        return rc;
    w->renamed = true;
    return file_sync_directory(w->s->dir, err);
}

int generation_seal(generation_writer *w, muster_error *err)
{
    ASSERT(w != NULL && w->hash == NULL && !w->renamed);
    if (w->failed)
        return error_set(err, MUSTER_EIO, "io",
                         "the generation could not be written to %s",
                         w->s->dir);
    int rc = put_directory(w, err);
    if (rc == 0)
        rc = make_durable(w, err);
    w->complete = rc == 0;
    w->failed = rc != 0;
    file_close(&w->fd);
    return rc;
}

/* ---- reading ---- */

static int damaged_file(muster_error *err, int64_t id, const char *what)
{
    return error_set(err, MUSTER_ECORRUPT, "bad_generation",
                     "generation %lld is damaged: %s", (long long)id, what);
}

/* (1) to (3): header, footer, directory. */
static int check_frame(generation *g, const generation_row *row,
                       muster_error *err)
{
    if (g->len != row->bytes)
        return damaged_file(err, row->id, "it has another length");
    if (memcmp(g->bytes, header_magic, sizeof header_magic) != 0)
        return damaged_file(err, row->id, "it does not begin as one");
    if (get_word(g->bytes + 8, 4) != FORM_VERSION)
        return damaged_file(err, row->id, "it has another form");
    ASSERT(g->len >= HEADER_BYTES + FOOTER_BYTES);
    const uint8_t *footer = g->bytes + g->len - FOOTER_BYTES;
    if (memcmp(footer, footer_magic, sizeof footer_magic) != 0 ||
        hash_bytes(footer, 56) != get_word(footer + 56, 8))
        return damaged_file(err, row->id, "its end does not fit");
    const uint64_t count = get_word(footer + 12, 4);
    const uint64_t offset = get_word(footer + 32, 8);
    if (get_word(footer + 8, 4) != FORM_VERSION ||
        get_word(footer + 16, 8) != (uint64_t)row->id ||
        get_word(footer + 24, 8) != row->seq ||
        get_word(footer + 40, 8) != g->len || count > SECTIONS_MAX)
        return damaged_file(err, row->id, "it is another one");
    const uint64_t room = g->len - FOOTER_BYTES;
    if (offset < HEADER_BYTES || offset > room || offset % ALIGN != 0 ||
        count * ENTRY_BYTES > room - offset)
        return damaged_file(err, row->id, "its directory is out of place");
    g->directory = g->bytes + offset;
    g->section_count = (uint32_t)count;
    g->seq = row->seq;
    if (hash_bytes(g->directory, (size_t)count * ENTRY_BYTES) !=
        get_word(footer + 48, 8))
        return damaged_file(err, row->id, "its directory does not fit");
    return 0;
}

/* (4) and (5): NULL, or what is wrong with it. */
static const char *section_fault(const generation *g, uint32_t i)
{
    const uint64_t room = (uint64_t)(g->directory - g->bytes);
    const uint8_t *entry = g->directory + i * ENTRY_BYTES;
    const uint64_t offset = get_word(entry + 16, 8);
    const uint64_t len = get_word(entry + 24, 8);
    if (entry[NAME_BYTES - 1] != 0 || offset < HEADER_BYTES || offset > room ||
        len > room - offset || offset % ALIGN != 0)
        return "a section is out of place";
    if (hash_bytes(g->bytes + offset, (size_t)len) != get_word(entry + 32, 8))
        return "the bytes of a section changed";
    return NULL;
}

static int check_sections(const generation *g, muster_error *err)
{
    for (uint32_t i = 0; i < g->section_count; i++) {
        const char *fault = section_fault(g, i);
        if (fault != NULL)
            return damaged_file(err, g->id, fault);
    }
    return 0;
}

void generation_each_section(const generation *g,
                             void (*each)(void *payload, const char *name,
                                          const char *fault),
                             void *payload)
{
    for (uint32_t i = 0; i < g->section_count; i++) {
        char name[NAME_BYTES] = "";
        memcpy(name, g->directory + i * ENTRY_BYTES, NAME_BYTES - 1);
        each(payload, name, section_fault(g, i));
    }
}

static bool is_zero(const uint8_t *bytes, uint64_t from, uint64_t to)
{
    while (from < to && bytes[from] == 0)
        from++;
    return from >= to;
}

/* The writer puts sections one behind the other. */
bool generation_gaps_are_sound(const generation *g)
{
    const uint64_t room = (uint64_t)(g->directory - g->bytes);
    uint64_t at = HEADER_BYTES;
    if (!is_zero(g->bytes, 12, HEADER_BYTES))
        return false;
    for (uint32_t i = 0; i < g->section_count; i++) {
        const uint8_t *entry = g->directory + i * ENTRY_BYTES;
        const uint64_t offset = get_word(entry + 16, 8);
        const uint64_t len = get_word(entry + 24, 8);
        if (offset > room || len > room - offset ||
            !is_zero(g->bytes, at, offset))
            return false;
        at = offset + len;
    }
    return is_zero(g->bytes, at, room) &&
           is_zero(g->bytes, room + g->section_count * ENTRY_BYTES,
                   g->len - FOOTER_BYTES);
}

static int map_file(generation *g, const char *path, int64_t id,
                    muster_error *err)
{
    int fd = -1;
    const void *bytes = NULL;
    size_t len = 0;
    int rc = file_open(&fd, path, O_RDONLY, err);
    if (rc != 0 && errno == ENOENT)
        rc = damaged_file(err, id, "its file is missing");
    if (rc == 0)
        rc = file_size(fd, &len, path, err);
    if (rc == 0 && len < HEADER_BYTES + FOOTER_BYTES)
        rc = damaged_file(err, id, "it is too short");
    if (rc == 0)
        rc = file_map(&bytes, fd, len, path, err);
    file_close(&fd);
    if (rc != 0)
        return rc;
    g->bytes = bytes;
    g->len = len;
    return 0;
}

static int open_path(generation **out, const char *path,
                     const generation_row *row, bool whole, muster_error *err)
{
    generation *g = mem_zalloc(sizeof *g);
    *out = NULL;
    g->id = row->id;
    int rc = map_file(g, path, row->id, err);
    if (rc == 0)
        rc = check_frame(g, row, err);
    if (rc == 0 && whole)
        rc = check_sections(g, err);
    if (rc != 0) {
        generation_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

int generation_open_row(generation **out, const storage *s,
                        const generation_row *row, bool whole,
                        muster_error *err)
{
    char *path = generation_path(s->dir, row->id, "mgen");
    const int rc = open_path(out, path, row, whole, err);
    mem_free(path);
    return rc;
}

int generation_map(generation **out, const generation_writer *w,
                   muster_error *err)
{
    ASSERT(out != NULL && w != NULL);
    const generation_row row = generation_writer_row(w);
    return open_path(out, w->path, &row, false, err);
}

uint64_t generation_seq(const generation *g)
{
    ASSERT(g != NULL);
    return g->seq;
}

int64_t generation_id(const generation *g)
{
    ASSERT(g != NULL);
    return g->id;
}

const void *generation_section(const generation *g, const char *name,
                               size_t *len)
{
    ASSERT(g != NULL && len != NULL && strlen(name) < NAME_BYTES);
    for (uint32_t i = 0; i < g->section_count; i++) {
        const uint8_t *entry = g->directory + i * ENTRY_BYTES;
        if (strcmp((const char *)entry, name) != 0)
            continue;
        *len = (size_t)get_word(entry + 24, 8);
        return g->bytes + get_word(entry + 16, 8);
    }
    *len = 0;
    return NULL;
}

size_t generation_bytes(const generation *g)
{
    ASSERT(g != NULL);
    return g->len;
}

void generation_close(generation *g)
{
    if (g == NULL)
        return;
    file_unmap(g->bytes, g->len);
    mem_free(g);
}
