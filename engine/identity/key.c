/*
 * key.c - the secret key file.
 *
 * The file is one line of text, so that it survives editors, e-mail and
 * password stores:
 *
 *   bytes  0..12  "muster-key-1 "   the 1 is the version of the format
 *   bytes 13..76  64 hex digits     32 random bytes
 *   byte  77      newline
 *
 * A key is made at most once: it is written to a file of its own in the same
 * directory, flushed, and then linked to its name. link() fails when the name
 * is taken, so of two processes that start together one wins and the other
 * reads the winner's key; a crash leaves either no key or a whole one.
 *
 * In memory the key lies in pages of sodium_malloc: locked against swapping,
 * fenced by guard pages, read-only once filled, zeroed when freed. Copies on
 * the stack are zeroed before the function returns. Opening happens once per
 * process; nothing here is on a hot path. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_PREFIX "muster-key-1 "
#define KEY_PREFIX_LEN (sizeof KEY_PREFIX - 1)
#define KEY_HEX_LEN ((size_t)2 * IDENTITY_KEY_BYTES)
#define KEY_FILE_LEN (KEY_PREFIX_LEN + KEY_HEX_LEN + 1)
#define KEY_PATH_MAX 4096u

/* Reads up to `size` bytes; returns how many, or -1 with errno. */
static ssize_t read_all(int fd, char *out, size_t size)
{
    size_t have = 0;
    while (have < size) {
        const ssize_t n = read(fd, out + have, size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        const ssize_t n = write(fd, bytes + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

static int sync_directory_of(const char *path)
{
    char dir[KEY_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(dir, sizeof dir, ".");
    else if (slash == path)
        snprintf(dir, sizeof dir, "/");
    else
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const int rc = fsync(fd);
    close(fd);
    return rc;
}

static int bad_key(muster_error *err, const char *path)
{
    return error_set(err, MUSTER_EINVAL, "bad_key",
                     "%s is not a key file: it has to hold the one line "
                     "\"" KEY_PREFIX "\" and %zu hex digits",
                     path, KEY_HEX_LEN);
}

/* The key of the file's text; `text` has `len` bytes. */
static int parse_key(identity_key **out, const char *text, size_t len,
                     const char *path, muster_error *err)
{
    if (len == KEY_FILE_LEN && text[KEY_FILE_LEN - 1] != '\n')
        return bad_key(err, path);
    /* A line without its newline is still whole. */
    if (len != KEY_FILE_LEN && len != KEY_FILE_LEN - 1)
        return bad_key(err, path);
    if (memcmp(text, KEY_PREFIX, KEY_PREFIX_LEN) != 0)
        return bad_key(err, path);
    identity_key *key = sodium_malloc(sizeof *key);
    ASSERT(key != NULL);
    size_t got = 0;
    if (sodium_hex2bin(key->bytes, sizeof key->bytes, text + KEY_PREFIX_LEN,
                       KEY_HEX_LEN, NULL, &got, NULL) != 0 ||
        got != sizeof key->bytes) {
        sodium_free(key);
        return bad_key(err, path);
    }
    sodium_mprotect_readonly(key);
    *out = key;
    return 0;
}

/* Whom the file lets in: nobody but its owner. */
static int check_permissions(int fd, const char *path, muster_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_errno(err, "examine", path);
    if (!S_ISREG(st.st_mode))
        return bad_key(err, path);
    if ((st.st_mode & 077) == 0)
        return 0;
    error_set(err, MUSTER_EREFUSED, "key_permissions",
              "the key file %s can be used by others than its owner "
              "(mode %03o)",
              path, (unsigned)(st.st_mode & 0777));
    error_suggest(err, "chmod 600 %s", path);
    return MUSTER_EREFUSED;
}

/* MUSTER_ENOTFOUND, without touching err, when there is no such file. */
static int read_key(identity_key **out, const char *path, muster_error *err)
{
    char text[KEY_FILE_LEN + 1];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? MUSTER_ENOTFOUND
                               : error_errno(err, "open", path);
    int rc = check_permissions(fd, path, err);
    if (rc != 0)
        goto out;
    const ssize_t len = read_all(fd, text, sizeof text);
    rc = len < 0 ? error_errno(err, "read", path)
                 : parse_key(out, text, (size_t)len, path, err);
out:
    sodium_memzero(text, sizeof text);
    close(fd);
    return rc;
}

static void random_key_text(char *out)
{
    uint8_t bytes[IDENTITY_KEY_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    memcpy(out, KEY_PREFIX, KEY_PREFIX_LEN);
    sodium_bin2hex(out + KEY_PREFIX_LEN, KEY_HEX_LEN + 1, bytes, sizeof bytes);
    out[KEY_FILE_LEN - 1] = '\n';
    sodium_memzero(bytes, sizeof bytes);
}

/* A whole, flushed key file under `path`, which must be new. */
static int write_key(const char *path, muster_error *err)
{
    char text[KEY_FILE_LEN + 1];
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, "create", path);
    random_key_text(text);
    int rc = 0;
    if (fchmod(fd, 0600) != 0 || write_all(fd, text, KEY_FILE_LEN) != 0 ||
        fsync(fd) != 0)
        rc = error_errno(err, "write", path);
    sodium_memzero(text, sizeof text);
    if (close(fd) != 0 && rc == 0)
        rc = error_errno(err, "write", path);
    return rc;
}

/* Makes the key at `path`, or leaves the one that another made. */
static int create_key(const char *path, muster_error *err)
{
    char temporary[KEY_PATH_MAX + 32];
    if (strlen(path) >= KEY_PATH_MAX)
        return error_set(err, MUSTER_EINVAL, "long_path",
                         "the path of the key file is too long");
    snprintf(temporary, sizeof temporary, "%s.%08x.new", path,
             randombytes_random());
    int rc = write_key(temporary, err);
    if (rc == 0 && link(temporary, path) != 0 && errno != EEXIST)
        rc = error_errno(err, "create", path);
    unlink(temporary);
    if (rc == 0 && sync_directory_of(path) != 0)
        rc = error_errno(err, "write the directory of", path);
    return rc;
}

int identity_key_open(identity_key **out, const char *path, bool create,
                      muster_error *err)
{
    ASSERT(out != NULL && path != NULL);
    ASSERT(sodium_init() >= 0);
    *out = NULL;
    int rc = read_key(out, path, err);
    if (rc == MUSTER_ENOTFOUND && create) {
        rc = create_key(path, err);
        if (rc == 0)
            rc = read_key(out, path, err);
    }
    if (rc == MUSTER_ENOTFOUND) {
        error_set(err, rc, "no_key",
                  "there is no key file at %s; without the key that made "
                  "the data no id can be found in it",
                  path);
        error_suggest(err, "put the key back, or name it with --key-file");
    }
    ASSERT((rc == 0) == (*out != NULL));
    return rc;
}

void identity_key_free(identity_key *key)
{
    sodium_free(key);
}
