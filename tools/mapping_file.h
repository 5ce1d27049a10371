/*
 * mapping_file.h - mapping files and presets, found and read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOLS_MAPPING_FILE_H
#define TOOLS_MAPPING_FILE_H

#include "cli.h"

/* The text of a mapping file, or of the preset of that name, ended by NUL and
 * checked: 0, or an exit code after telling. Freed with mem_free. */
int mapping_read(cli *c, const char *name, char **out,
                 muster_mapping_facts *facts);
/* The beginning of a file ("-": stdin), MUSTER_SAMPLE_BYTES_MAX at most. */
int mapping_read_sample(cli *c, const char *path, char **out, size_t *len);

#endif
