/*
 * generation.c - immutable, checksummed files of named sections.
 *
 * File gen-<id>.mgen, integers little-endian:
 *
 *   header, 64 bytes
 *     0   8   "MSTRGENF"
 *     8   4   2, the version of this form
 *     12  52  0
 *   sections, each at a multiple of 64, gaps filled with 0
 *   directory, at a multiple of 64: one entry of 48 bytes per section
 *     0   16  name, filled with 0
 *     16  8   offset in the file
 *     24  8   bytes
 *     32  16  0
 *     and behind the entries, section by section, the XXH3-64 of each piece
 *     of 65,536 bytes (the last is shorter)
 *   footer, the last 64 bytes
 *     0   8   "MSTRGENE"
 *     8   4   2
 *     12  4   number of sections
 *     16  8   id of the generation
 *     24  8   seq: the state after this batch of the log
 *     32  8   offset of the directory
 *     40  8   bytes of the file
 *     48  8   XXH3-64 of the directory, entries and sums
 *     56  8   XXH3-64 of the 56 bytes before
 *
 * Valid if and only if: (1) header, footer and directory are as above and
 * their checksums fit; (2) the file has the length that the footer and the
 * row in SQLite tell, and their ids and seqs agree; (3) directory and footer
 * follow the sections; (4) each section lies between header and directory
 * and begins at a multiple of 64; (5) each piece's checksum fits.
 *
 * (1) to (4), the frame, are looked at when a file is opened: a few pages. (5)
 * is a pass over the file, which of many gigabytes takes long: for a start
 * only small ones are read whole (generations.c); of others a piece is believed
 * when it is first used (base/proof.h). Whoever reads such a section
 * asks its proof; what cannot be proved is never used for an answer, and
 * generation_check tells so from then on.
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
 * who has it mapped.
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
#define FORM_VERSION 2u
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
    bool open; /* a section is */
    hash_stream *hash; /* of the piece that is being written */
    size_t hashed;     /* bytes of it */
    uint8_t *sums;     /* of those before */
    size_t sum_count;
    size_t sum_capacity;
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
    proof **proofs; /* of the sections */
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
    w->hash = hash_stream_new();
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
    ASSERT(w != NULL && !w->open);
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
    w->open = true;
    return 0;
}

static void end_piece(generation_writer *w)
{
    mem_grow(&w->sums, &w->sum_capacity, w->sum_count + 1, 8);
    put_word(w->sums + 8 * w->sum_count++, hash_stream_value(w->hash), 8);
    hash_stream_clear(w->hash);
    w->hashed = 0;
}

static void hash_pieces(generation_writer *w, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const size_t room = PROOF_PIECE - w->hashed;
        const size_t n = len < room ? len : room;
        hash_stream_add(w->hash, bytes, n);
        w->hashed += n;
        bytes += n;
        len -= n;
        if (w->hashed == PROOF_PIECE)
            end_piece(w);
    }
}

int generation_write(generation_writer *w, const void *bytes, size_t len,
                     muster_error *err)
{
    ASSERT(w != NULL && w->open);
    ASSERT(bytes != NULL || len == 0);
    hash_pieces(w, bytes, len);
    return len != 0 ? put_bytes(w, bytes, len, err) : 0;
}

int generation_end(generation_writer *w, muster_error *err)
{
    ASSERT(w != NULL && w->open && w->section_count > 0);
    section *sec = &w->sections[w->section_count - 1];
    sec->len = w->offset - sec->offset;
    if (w->hashed > 0)
        end_piece(w);
    w->open = false;
    return put_padding(w, err);
}

void generation_writer_free(generation_writer *w)
{
    file_close(&w->fd);
    hash_stream_free(w->hash);
    mem_free(w->sums);
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

/* Entries and sums; *len bytes, mem_free. */
static uint8_t *make_directory(const generation_writer *w, size_t *len)
{
    const size_t entries = w->section_count * ENTRY_BYTES;
    *len = entries + 8 * w->sum_count;
    uint8_t *directory = mem_zalloc(*len);
    for (size_t i = 0; i < w->section_count; i++) {
        uint8_t *entry = directory + i * ENTRY_BYTES;
        memcpy(entry, w->sections[i].name, NAME_BYTES);
        put_word(entry + 16, w->sections[i].offset, 8);
        put_word(entry + 24, w->sections[i].len, 8);
    }
    if (w->sum_count != 0)
        memcpy(directory + entries, w->sums, 8 * w->sum_count);
    return directory;
}

static int put_directory(generation_writer *w, muster_error *err)
{
    const uint64_t offset = w->offset;
    size_t len;
    ASSERT(offset % ALIGN == 0);
    uint8_t *directory = make_directory(w, &len);
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
    ASSERT(!w->open && w->offset > HEADER_BYTES);
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
    ASSERT(w != NULL && !w->open && !w->renamed);
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

/* Whole, as its end tells, but of another version of this program. */
static int other_form(muster_error *err, int64_t id, uint64_t form)
{
    const bool newer = form > FORM_VERSION;
    error_set(err, MUSTER_EVERSION, newer ? "newer_version" : "older_form",
              "generation %lld has form %llu, this Muster reads form %u",
              (long long)id, (unsigned long long)form, FORM_VERSION);
    error_suggest(err, newer ? "use the Muster that wrote it"
                             : "use the Muster that wrote it, or load its "
                               "sources into a new directory");
    return MUSTER_EVERSION;
}

static const uint8_t *entry_at(const generation *g, uint32_t i)
{
    return g->directory + i * ENTRY_BYTES;
}

static const uint8_t *section_at(const generation *g, uint32_t i, size_t *len)
{
    const uint8_t *entry = entry_at(g, i);
    *len = (size_t)get_word(entry + 24, 8);
    return g->bytes + get_word(entry + 16, 8);
}

/* (4) */
static bool is_in_place(const generation *g, uint32_t i)
{
    const uint64_t room = (uint64_t)(g->directory - g->bytes);
    const uint8_t *entry = entry_at(g, i);
    const uint64_t offset = get_word(entry + 16, 8);
    const uint64_t len = get_word(entry + 24, 8);
    return entry[NAME_BYTES - 1] == 0 && offset >= HEADER_BYTES &&
           offset <= room && len <= room - offset && offset % ALIGN == 0;
}

/* Bytes of the directory, which all lie before `end`; 0 when it cannot be. */
static size_t directory_bytes(const generation *g, const uint8_t *end)
{
    const size_t room = (size_t)(end - g->directory);
    size_t bytes = g->section_count * ENTRY_BYTES;
    for (uint32_t i = 0; i < g->section_count && bytes <= room; i++) {
        size_t len;
        if (!is_in_place(g, i))
            return 0;
        (void)section_at(g, i, &len);
        bytes += 8 * proof_pieces(len);
    }
    return bytes <= room ? bytes : 0;
}

/* The rest of (1), and (4). */
static int check_directory(generation *g, const uint8_t *footer,
                           muster_error *err)
{
    const size_t bytes = directory_bytes(g, footer);
    if (bytes == 0 && g->section_count > 0)
        return damaged_file(err, g->id, "a section is out of place");
    if (hash_bytes(g->directory, bytes) != get_word(footer + 48, 8))
        return damaged_file(err, g->id, "its directory does not fit");
    const uint8_t *sums = g->directory + g->section_count * ENTRY_BYTES;
    g->proofs = mem_zalloc((g->section_count + 1) * sizeof(proof *));
    for (uint32_t i = 0; i < g->section_count; i++) {
        size_t len;
        const uint8_t *at = section_at(g, i, &len);
        g->proofs[i] = proof_new(at, len, sums);
        sums += 8 * proof_pieces(len);
    }
    return 0;
}

/* (1) to (4): header, footer, directory. */
static int check_frame(generation *g, const generation_row *row,
                       muster_error *err)
{
    if (g->len != row->bytes)
        return damaged_file(err, row->id, "it has another length");
    if (memcmp(g->bytes, header_magic, sizeof header_magic) != 0)
        return damaged_file(err, row->id, "it does not begin as one");
    ASSERT(g->len >= HEADER_BYTES + FOOTER_BYTES);
    const uint8_t *footer = g->bytes + g->len - FOOTER_BYTES;
    if (memcmp(footer, footer_magic, sizeof footer_magic) != 0 ||
        hash_bytes(footer, 56) != get_word(footer + 56, 8))
        return damaged_file(err, row->id, "its end does not fit");
    const uint64_t form = get_word(footer + 8, 4);
    if (get_word(g->bytes + 8, 4) != form)
        return damaged_file(err, row->id, "it does not begin as it ends");
    if (form != FORM_VERSION)
        return other_form(err, row->id, form);
    const uint64_t count = get_word(footer + 12, 4);
    const uint64_t offset = get_word(footer + 32, 8);
    if (get_word(footer + 16, 8) != (uint64_t)row->id ||
        get_word(footer + 24, 8) != row->seq ||
        get_word(footer + 40, 8) != g->len || count > SECTIONS_MAX)
        return damaged_file(err, row->id, "it is another one");
    const uint64_t room = g->len - FOOTER_BYTES;
    if (offset < HEADER_BYTES || offset > room || offset % ALIGN != 0)
        return damaged_file(err, row->id, "its directory is out of place");
    g->directory = g->bytes + offset;
    g->section_count = (uint32_t)count;
    g->seq = row->seq;
    return check_directory(g, footer, err);
}

/* (5) of a section. */
static bool section_fits(const generation *g, uint32_t i)
{
    size_t len;
    const uint8_t *bytes = section_at(g, i, &len);
    return proof_holds(g->proofs[i], bytes, len);
}

static int check_sections(const generation *g, muster_error *err)
{
    for (uint32_t i = 0; i < g->section_count && section_fits(g, i); i++)
        ;
    return generation_check(g, err);
}

int generation_check(const generation *g, muster_error *err)
{
    uint64_t at;
    ASSERT(g != NULL);
    for (uint32_t i = 0; i < g->section_count; i++) {
        if (!proof_is_broken(g->proofs[i], &at))
            continue;
        error_set(err, MUSTER_ECORRUPT, "bad_generation",
                  "generation %lld is damaged: in section %s of gen-%lld.mgen "
                  "the bytes from %llu on changed",
                  (long long)g->id, (const char *)entry_at(g, i),
                  (long long)g->id, (unsigned long long)at);
        if (err != NULL)
            error_suggest(err, "muster doctor --repair");
        return MUSTER_ECORRUPT;
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
        each(payload, name,
             section_fits(g, i) ? NULL : "the bytes of a section changed");
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
    const uint8_t *end = g->bytes + g->len - FOOTER_BYTES;
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
           is_zero(g->bytes, room + directory_bytes(g, end),
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

/* Its number, or -1. */
static int find_section(const generation *g, const char *name)
{
    ASSERT(g != NULL && strlen(name) < NAME_BYTES);
    for (uint32_t i = 0; i < g->section_count; i++)
        if (strcmp((const char *)entry_at(g, i), name) == 0)
            return (int)i;
    return -1;
}

const void *generation_section(const generation *g, const char *name,
                               size_t *len)
{
    const int i = find_section(g, name);
    *len = 0;
    return i >= 0 ? section_at(g, (uint32_t)i, len) : NULL;
}

proof *generation_proof(const generation *g, const char *name)
{
    const int i = find_section(g, name);
    return i >= 0 ? g->proofs[i] : NULL;
}

void generation_unload(const generation *g, const char *name)
{
    size_t len;
    const void *bytes = generation_section(g, name, &len);
    if (bytes != NULL)
        file_unload(bytes, len);
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
    for (uint32_t i = 0; i < g->section_count && g->proofs; i++)
        proof_free(g->proofs[i]);
    mem_free(g->proofs);
    file_unmap(g->bytes, g->len);
    mem_free(g);
}
