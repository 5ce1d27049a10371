/*
 * mapping_file.c - mapping files and presets, found and read.
 *
 * A name that is no file and has no slash is a preset: NAME.json in the
 * directory that MUSTER_MAPPINGS names, else beside the program, in
 * ../share/muster/mappings (installed) or ../tools/mappings (built in a
 * source tree).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mapping_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "base/mem.h"

#define MAPPING_FILE_BYTES_MAX ((size_t)1 << 20)
#define PATH_BYTES_MAX 4096u

static const char *const beside[] = {
    "../share/muster/mappings", "../tools/mappings", "../../tools/mappings"};
#define BESIDE_COUNT (sizeof beside / sizeof beside[0])

/* The directory of the program; "" when it is not known. */
static void program_dir(char *out, size_t size)
{
    const ssize_t len = readlink("/proc/self/exe", out, size - 1);
    out[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(out, '/');
    if (slash != NULL)
        *slash = '\0';
}

static bool is_preset_at(char *out, size_t size, const char *dir,
                         const char *part, const char *name)
{
    const int len = snprintf(out, size, "%s%s%s/%s.json", dir,
                             *part != '\0' ? "/" : "", part, name);
    return len > 0 && (size_t)len < size && access(out, R_OK) == 0;
}

/* The file of a preset; false when there is none. */
static bool find_preset(const char *name, char *out, size_t size)
{
    char dir[PATH_BYTES_MAX / 2];
    const char *own = getenv("MUSTER_MAPPINGS");
    if (strchr(name, '/') != NULL || strcmp(name, "-") == 0)
        return false;
    if (own != NULL && *own != '\0')
        return is_preset_at(out, size, own, "", name);
    program_dir(dir, sizeof dir);
    for (size_t i = 0; dir[0] != '\0' && i < BESIDE_COUNT; i++)
        if (is_preset_at(out, size, dir, beside[i], name))
            return true;
    return false;
}

int mapping_read(cli *c, const char *name, char **out,
                 muster_mapping_facts *facts)
{
    char preset[PATH_BYTES_MAX];
    muster_error err;
    size_t len = 0;
    const char *path = name;
    error_clear(&err);
    if (access(name, F_OK) != 0 && find_preset(name, preset, sizeof preset))
        path = preset;
    int code = input_read(c, path, MAPPING_FILE_BYTES_MAX, out, &len);
    if (code != 0)
        return code;
    if (strlen(*out) != len)
        code = tell_error(c, EXIT_USAGE, "%s has a byte of zero in it", path);
    else if (muster_mapping_check(*out, len, facts, &err) < 0)
        code = tell_status(c, &err, *out, len);
    if (code != 0) {
        mem_free(*out);
        *out = NULL;
    }
    return code;
}

int mapping_read_sample(cli *c, const char *path, char **out, size_t *len)
{
    const bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rbe");
    if (file == NULL)
        return tell_error(c, EXIT_USAGE, "cannot read %s: %s", path,
                          strerror(errno));
    *out = mem_alloc(MUSTER_SAMPLE_BYTES_MAX + 1);
    *len = fread(*out, 1, MUSTER_SAMPLE_BYTES_MAX, file);
    const bool failed = ferror(file) != 0;
    const int why = errno;
    if (!standard)
        fclose(file);
    if (!failed)
        return 0;
    mem_free(*out);
    *out = NULL;
    return tell_error(c, EXIT_USAGE, "cannot read %s: %s", path, strerror(why));
}
