/*
 * cmd_segment.h - what the files of `muster segment` share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CMD_SEGMENT_H
#define CMD_SEGMENT_H

#include "segment_file.h"

int cmd_segment_apply(cli *c, int argc, char **argv);
int cmd_segment_diff(cli *c, int argc, char **argv);
int cmd_segment_share(cli *c, int argc, char **argv); /* cmd_partner.c */
int cmd_segment_unshare(cli *c, int argc, char **argv);

/* 0, or EXIT_USAGE after telling. */
int segment_key_check(cli *c, const char *key);
/* Saves; errors show in f->expr. 0, or an exit code after telling. */
int segment_save(cli *c, const segment_file *f, bool *changed);
/* Appends a saved segment. */
void segment_take(segment_set *set, const muster_saved *saved);
/* Appends the current version of a key; a status of the engine. */
int segment_find(cli *c, const char *key, segment_set *out,
                 muster_error *err);

#endif
