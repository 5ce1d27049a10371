/*
 * task.c - long work: its bar, and the interrupt that ends it.
 *
 * A first interrupt (Ctrl-C) asks the work to stop where it can do so cleanly;
 * a second one ends the program at once. The handler of before, the shell's
 * maybe, is put back when the work is over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* ppoll */
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include "base/error.h"

static volatile sig_atomic_t interrupted;
static struct sigaction former;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

void interrupt_open(void)
{
    struct sigaction act = {.sa_handler = on_interrupt,
                            .sa_flags = (int)SA_RESETHAND};
    interrupted = 0;
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, &former);
}

bool interrupt_is_seen(void)
{
    return interrupted != 0;
}

ssize_t interrupt_read(int fd, void *buf, size_t len)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    sigset_t block;
    sigset_t before;

    sigemptyset(&block);
    sigaddset(&block, SIGINT);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    const int rc = interrupted ? -1 : ppoll(&ready, 1, NULL, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc >= 0)
        return read(fd, buf, len);
    errno = EINTR;
    return -1;
}

void interrupt_close(void)
{
    sigaction(SIGINT, &former, NULL);
}

static int on_step(void *payload, const char *what, uint64_t done,
                   uint64_t total)
{
    task *t = payload;
    progress_update_part(t->bar, what, done, total);
    return interrupt_is_seen();
}

void task_open(task *t, const cli *c, const char *label)
{
    t->bar = progress_new_parts(c, label);
    t->steps = (muster_task){.step = on_step, .payload = t};
    interrupt_open();
}

int task_close(task *t, const cli *c, int status, const muster_error *err)
{
    interrupt_close();
    progress_free(t->bar);
    t->bar = NULL;
    if (status >= 0)
        return 0;
    if (status == MUSTER_ECANCELLED && interrupt_is_seen()) {
        tell(c, "interrupted");
        return EXIT_INTERRUPTED;
    }
    return session_tell_error(c, err);
}
