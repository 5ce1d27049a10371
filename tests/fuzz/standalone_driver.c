/*
 * standalone_driver.c - runs a fuzz target without a fuzz engine.
 *
 *   <name>_fuzz PATH...
 *
 * Gives the target every file that is named or stands in a named folder, in
 * order of name, and an empty input first. So what a fuzz engine once found is
 * replayed by every run of the tests, with any compiler. A folder that is not
 * there counts as empty. Prints how many inputs were given.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (64u << 20) /* no corpus file is near this */
#define PATH_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long given;

static void stop(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(2);
}

/* The bytes are in a block of exactly their size, so that a sanitizer sees a
 * read past the end. */
static void give(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        stop("memory");
    if (size)
        memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    given++;
}

static void give_file(const char *path, size_t size)
{
    if (size > INPUT_BYTES_MAX) {
        fprintf(stderr, "%s: too large for a corpus\n", path);
        exit(2);
    }
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(size ? size : 1);
    if (!file || !bytes)
        stop(path);
    if (fread(bytes, 1, size, file) != size)
        stop(path);
    fclose(file);
    give(bytes, size);
    free(bytes);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void give_path(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        if (errno == ENOENT)
            return;
        stop(path);
    }
    if (!S_ISDIR(status.st_mode)) {
        give_file(path, (size_t)status.st_size);
        return;
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0)
        stop(path);
    for (int i = 0; i < count; i++) {
        char inner[PATH_BYTES_MAX];
        int length = snprintf(inner, sizeof inner, "%s/%s", path,
                              entries[i]->d_name);
        if (length < 0 || (size_t)length >= sizeof inner) {
            errno = ENAMETOOLONG;
            stop(path);
        }
        give_path(inner);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    give(NULL, 0);
    for (int i = 1; i < argc; i++)
        give_path(argv[i]);
    printf("%lu inputs\n", given);
    return 0;
}
