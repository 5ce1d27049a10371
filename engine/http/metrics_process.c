/*
 * metrics_process.c - process_*, as every exporter names them: what the system
 * knows of this process, read from /proc when it is asked for.
 *
 * What cannot be read is left out, rather than told as 0.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* /proc/self/stat is one line of about 300 bytes. */
#define STAT_BYTES_MAX 4096

/* Fields of /proc/self/stat by their number in proc(5), of those behind the
 * name of the program, which may hold blanks. */
enum {
    STAT_FIRST = 3,
    STAT_UTIME = 14,
    STAT_STIME = 15,
    STAT_THREADS = 20,
    STAT_START = 22,
    STAT_VSIZE = 23,
    STAT_RSS = 24,
    STAT_END = 25
};

static bool read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    const bool got = fgets(out, (int)size, file) != NULL;
    fclose(file);
    return got;
}

static bool read_stat(uint64_t fields[STAT_END])
{
    char line[STAT_BYTES_MAX];
    if (!read_line("/proc/self/stat", line, sizeof line))
        return false;
    char *at = strrchr(line, ')');
    if (at == NULL)
        return false;
    at = strchr(at + 2, ' '); /* behind the state, a letter */
    for (int i = STAT_FIRST + 1; i < STAT_END; i++) {
        char *end = at;
        if (at == NULL)
            return false;
        fields[i] = strtoull(at, &end, 10);
        at = end == at ? NULL : end;
    }
    return true;
}

/* When the machine started, seconds since 1970: "btime N" of /proc/stat. */
static bool read_boot(uint64_t *out)
{
    char line[STAT_BYTES_MAX];
    FILE *file = fopen("/proc/stat", "re");
    bool found = false;
    if (file == NULL)
        return false;
    while (!found && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "btime ", 6) == 0) {
            *out = strtoull(line + 6, NULL, 10);
            found = true;
        }
    fclose(file);
    return found;
}

static bool count_files(uint64_t *out)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    uint64_t n = 0;
    if (dir == NULL)
        return false;
    while ((entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.';
    closedir(dir);
    *out = n - 1; /* without the one that this takes */
    return true;
}

static void put_gauge(buffer *b, const char *name, const char *help, uint64_t v)
{
    metrics_put_head(b, name, "gauge", help);
    metrics_put_uint(b, name, "", v);
}

static void put_stat(buffer *b)
{
    uint64_t fields[STAT_END];
    uint64_t boot;
    const double tick = (double)sysconf(_SC_CLK_TCK);
    if (!read_stat(fields))
        return;
    metrics_put_head(b, "process_cpu_seconds_total", "counter",
                     "Processor time, of user and system, in seconds.");
    metrics_put_double(b, "process_cpu_seconds_total", "",
                       (double)(fields[STAT_UTIME] + fields[STAT_STIME]) /
                           tick);
    put_gauge(b, "process_virtual_memory_bytes",
              "Virtual memory, mapped files among it.", fields[STAT_VSIZE]);
    put_gauge(b, "process_resident_memory_bytes", "Resident memory.",
              fields[STAT_RSS] * (uint64_t)sysconf(_SC_PAGESIZE));
    put_gauge(b, "process_threads", "Threads.", fields[STAT_THREADS]);
    if (!read_boot(&boot))
        return;
    metrics_put_head(b, "process_start_time_seconds", "gauge",
                     "When the process started, seconds since 1970.");
    metrics_put_double(b, "process_start_time_seconds", "",
                       (double)boot + (double)fields[STAT_START] / tick);
}

void metrics_put_process(buffer *b)
{
    uint64_t files;
    struct rlimit limit;
    put_stat(b);
    if (count_files(&files))
        put_gauge(b, "process_open_fds", "Open file descriptors.", files);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        put_gauge(b, "process_max_fds", "File descriptors that may be open.",
                  limit.rlim_cur);
}
