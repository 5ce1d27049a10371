/*
 * expect_abort.h - proves that a mistake of ours stops the process.
 *
 * expect_abort(run, payload) calls run(payload) in a forked child whose
 * stderr is closed, and fails unless the child ended by abort(). Include
 * after cmocka.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_BASE_EXPECT_ABORT_H
#define TESTS_BASE_EXPECT_ABORT_H

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void expect_abort(void (*run)(void *), void *payload)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        const int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDERR_FILENO);
        run(payload);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

#endif
