/*
 * serve_config.h - the options of `muster serve` from a file, the environment
 * and flags. The table is serve_options.h.
 *
 * A flag wins over the environment, this over the file, the file over the
 * default. The file (--config FILE, MUSTER_CONFIG) is one JSON object, comments
 * allowed, of the flags' names with _ for -; a list of texts is taken as one
 * text with commas between. What it does not know it refuses, with the line
 * and the nearest name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOLS_SERVE_CONFIG_H
#define TOOLS_SERVE_CONFIG_H

#include <muster/server.h>
#include "base/mem.h"
#include "cli.h"
#include "serve_options.h"

#define SERVE_TEXT(member, ...) const char *member;
#define SERVE_UINT(member, ...) uint64_t member;
#define SERVE_BOOL(member, ...) bool member;
typedef struct serve_config {
    SERVE_OPTIONS(SERVE_TEXT, SERVE_TEXT, SERVE_TEXT, SERVE_UINT, SERVE_UINT,
                  SERVE_BOOL)
    arena texts; /* of the file */
} serve_config;
#undef SERVE_TEXT
#undef SERVE_UINT
#undef SERVE_BOOL

/* For the verb's row: its options, --config, and the two below. */
extern const cli_flag serve_flags[];

/* Fills `out`, and c->set with what the file says of global options that
 * neither a flag nor the environment named. 0, or an exit code after telling;
 * release `out` either way. */
int serve_config_read(cli *c, serve_config *out);
void serve_config_release(serve_config *config);
/* --print-routes md|json, --print-config: prints what was asked for, and then
 * nothing is to be served; false: neither was given. `config` was read. */
bool serve_config_print(cli *c, const serve_config *config);
/* As the server wants them; texts stay borrowed. log_fd is not set. */
muster_server_options serve_config_server(const serve_config *config);

#endif
