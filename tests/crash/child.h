/*
 * child.h - this program once more, as a process of its own that tells what
 * it does through a pipe. Include after cmocka.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CRASH_CHILD_H
#define TESTS_CRASH_CHILD_H

#include <fcntl.h>
#include <unistd.h>

/* `fds` are a pipe that is closed on exec: the child keeps its writing end,
 * whose number `argv` tells it, the caller the reading one. */
static inline pid_t child_start(char **argv, const int fds[2])
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fcntl(fds[1], F_SETFD, 0);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    close(fds[1]);
    return pid;
}

#endif
