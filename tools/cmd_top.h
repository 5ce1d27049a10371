/*
 * cmd_top.h - the two forms of `muster top`: of the engine of this process
 * (cmd_top.c) and of a server (server_top.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CMD_TOP_H
#define CMD_TOP_H

#include "cli.h"

/* Shows what the server that was named has been asked; `limit` routes, 0:
 * all. An exit code. */
int top_of_server(cli *c, uint64_t limit);

#endif
