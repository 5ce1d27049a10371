/*
 * history_client.h - the processes of history_test: one writer, in which
 * eight clients write and read, and readers that open the directory again and
 * again.
 *
 * Client j owns a register, the user "h<j>": its number is kept in the flags
 * b0, b1, ... of that user, so that one question (an overlap) reads all of it
 * at one epoch, and half a record would show. Client j writes 1, 2, 3, ...
 * into its own register and reads its own and others'.
 *
 * Arguments of the writer: FD DIR NEXT-NUMBER of each client; of a reader:
 * FD DIR ITS-NUMBER.
 *
 * Notes (times: clock_monotonic_ns, the same for all processes):
 *     'b' client, number          about to write it
 *     'w' client, number, a = epoch, b = time after, c = muster_ack
 *     'r' client (readers: CLIENTS + reader), number = register, a = epoch,
 *         b = time before it (readers: before opening), c = value
 *     'c' a generation was written
 *     'E' text
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CRASH_HISTORY_CLIENT_H
#define TESTS_CRASH_HISTORY_CLIENT_H

#include "crash/journal.h"

#define HISTORY_CLIENTS 8u
#define HISTORY_READERS 2u
#define HISTORY_BITS 17u

int history_prepare(const char *dir, muster_error *err);
int history_writer(int argc, char **argv);
int history_reader(int argc, char **argv);

#endif
