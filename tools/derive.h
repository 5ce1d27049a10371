/*
 * derive.h - what attributes are derived from, as flags name it; and what was
 * derived, as JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOLS_DERIVE_H
#define TOOLS_DERIVE_H

#include "cli.h"

/* Rows of a verb's flags. */
#define DERIVE_FLAG_GEO                                                        \
    {"geo", 0, "FILE", NULL,                                                   \
     "database of addresses (MMDB); more than once: the first that tells"}
#define DERIVE_FLAG_UA                                                         \
    {"ua-regexes", 0, "FILE", NULL,                                            \
     "regexes of uap-core for user agents (its package's)"}
#define DERIVE_FLAG_BOTS                                                       \
    {"keep-bots", 0, NULL, NULL, "do not refuse records of bots"}

/* Opens what --geo, --ua-regexes and --keep-bots name; without --ua-regexes,
 * for a verb that takes it, the packaged regexes where they are installed. *out
 * stays NULL when there is nothing to open. 0, or an exit code after telling;
 * freed with muster_derive_free. */
int derive_from_flags(const cli *c, bool watch, muster_derive **out);
/* {"geo.country":"DE","geo.asn":3320} */
void derive_put(json_writer *w, const muster_derived *derived);

/* One line of JSON for each line of stdin: `put` writes the members of the
 * object for a line. Lines that are longer than `most` bytes come as a text
 * without ptr. Ends at an interrupt of the output. */
typedef void (*derive_line_fn)(void *payload, json_writer *w, muster_text line);
int derive_each_line(cli *c, size_t most, derive_line_fn put, void *payload);
/* A verb of such lines, whose word must be "-": opens what the flags name and
 * reads stdin, with a muster_deriver as payload. `none` says what is missing
 * when they name nothing, `usage` what the verb reads. An exit code. */
typedef struct derive_lines {
    size_t most;
    derive_line_fn put;
    const char *usage;
    const char *none;
} derive_lines;
int derive_run(cli *c, const char *word, const derive_lines *lines);
void derive_put_error(json_writer *w, const char *why);

#endif
