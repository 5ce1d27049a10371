/*
 * cmd_provider.h - what the files of `muster provider` share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CMD_PROVIDER_H
#define CMD_PROVIDER_H

#include "client.h"

int cmd_provider_report(cli *c, int argc, char **argv);
extern const cli_flag provider_report_flags[];

#endif
