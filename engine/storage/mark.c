/*
 * mark.c - the witness of the last acknowledged batch.
 *
 * SQLite takes a damaged frame of its write-ahead log for the end of it: what
 * stands behind is an unfinished commit to it. A single changed bit would so
 * take committed batches away without a word. The file `mark` tells their
 * last number, little-endian, 64 bytes:
 *
 *     0   8   "MSTRMARK"
 *     8   4   1, the version of this form
 *     12  4   0
 *     16  8   id of the log: meta row `log_id`, drawn when it was made
 *     24  8   seq: the last batch that was committed
 *     32  24  0
 *     56  8   XXH3-64 of the 56 bytes before
 *
 * It is written at once after each commit that appends, never before, and
 * never flushed. After a kill the kernel still has it, and it tells all that
 * was acknowledged. After a loss of power it may be older than the log or
 * gone, which says nothing; newer it cannot be, since the commit was flushed
 * before. So: a log that ends before its mark has lost something; every other
 * mark, and one that cannot be read, is no evidence. So a commit whose mark
 * could not be written stands, and the next one's makes up for it. A copy of
 * the directory has no mark and another id (copy.c).
 *
 * Cost: one write of 64 bytes into the page cache per commit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/internal.h"

#include <fcntl.h>
#include "storage/file.h"

#define MARK_BYTES ((size_t)64)
#define MARK_VERSION 1u

static const char mark_magic[8] = {'M', 'S', 'T', 'R', 'M', 'A', 'R', 'K'};

int storage_mark(storage *s, muster_error *err)
{
    ASSERT(s != NULL && !storage_is_reader(s));
    char path[STORAGE_PATH_ROOM];
    uint8_t mark[MARK_BYTES] = {0};
    int rc = 0;
    storage_path(s, STORAGE_MARK, path);
    if (s->mark_fd < 0)
        rc = file_open(&s->mark_fd, path, O_RDWR | O_CREAT, err);
    if (rc != 0)
        return rc;
    memcpy(mark, mark_magic, sizeof mark_magic);
    put_word(mark + 8, MARK_VERSION, 4);
    put_word(mark + 16, (uint64_t)s->log_id, 8);
    put_word(mark + 24, s->log_last_committed, 8);
    put_word(mark + 56, hash_bytes(mark, 56), 8);
    return file_write_at(s->mark_fd, mark, sizeof mark, 0, path, err);
}

void mark_read(const storage *s, log_mark *out)
{
    char path[STORAGE_PATH_ROOM];
    uint8_t mark[MARK_BYTES + 1]; /* a longer file is none of ours */
    size_t got = 0;
    int fd = -1;
    *out = (log_mark){0};
    storage_path(s, STORAGE_MARK, path);
    if (file_open(&fd, path, O_RDONLY, NULL) != 0)
        return;
    const int rc = file_read_at(fd, mark, sizeof mark, 0, &got, path, NULL);
    file_close(&fd);
    if (rc != 0 || got != MARK_BYTES ||
        memcmp(mark, mark_magic, sizeof mark_magic) != 0 ||
        get_word(mark + 8, 4) != MARK_VERSION ||
        get_word(mark + 56, 8) != hash_bytes(mark, 56))
        return;
    out->log_id = (int64_t)get_word(mark + 16, 8);
    out->seq = get_word(mark + 24, 8);
    out->found = true;
}
