/*
 * history_test.c - what clients saw while processes were paused and killed
 * fits one history.
 *
 * Clients write growing numbers into registers and read them
 * (history_client.h). Meanwhile readers are stopped and continued, killed and
 * started anew, and so is the writer; while a reader stands still, every
 * client must go on being acknowledged and a generation must be written. All
 * that was told is kept, and judged at the end:
 *
 *   (1) a value that is read was written by its owner, whole;
 *   (2) a read at epoch e shows exactly the acknowledged writes whose epoch is
 *       at most e: a prefix of the log;
 *   (3) two reads of a register are in the order of their epochs, and at one
 *       epoch the same, also where the write was never acknowledged;
 *   (4) the epochs of a client never go back, across kills too;
 *   (5) a read that began after a write was acknowledged as applied (by a
 *       process that opens the directory: as durable) shows it.
 *
 * Nothing waits for time: each step waits for what has to happen.
 * MUSTER_TEST_LONG: 250 steps instead of 40.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* pipe2, mkdtemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crash/child.h"
#include "crash/history_client.h"
#include "support/dice.h"

#define WRITER HISTORY_READERS /* place of the writer among processes */
#define PROCESSES (HISTORY_READERS + 1)
#define VIEWERS (HISTORY_CLIENTS + HISTORY_READERS)
/* What a step waits for, of each client and each reader. */
#define STEP_WRITES 15u
#define STEP_READS 16u

/* Of one register, by number. */
typedef struct written {
    bool begun;
    bool acknowledged;
    bool applied;
    muster_epoch epoch;
    uint64_t time;
} written;

typedef struct seen {
    uint32_t viewer;
    uint32_t which;
    muster_epoch epoch;
    uint64_t time;
    uint64_t value;
} seen;

typedef struct process {
    pid_t pid;
    int fd;
} process;

typedef struct history {
    char dir[512];
    uint64_t seed;
    process processes[PROCESSES];
    written *writes[HISTORY_CLIENTS];
    size_t write_capacity[HISTORY_CLIENTS];
    uint64_t begun[HISTORY_CLIENTS]; /* the highest number */
    uint64_t acknowledged[HISTORY_CLIENTS]; /* how many */
    seen *reads;
    size_t read_count;
    size_t read_capacity;
    uint64_t reads_of[VIEWERS];
    uint64_t generations;
} history;

/* ---- processes ---- */

static void start(history *h, uint32_t which)
{
    char text[2 + HISTORY_CLIENTS][32], *argv[4 + HISTORY_CLIENTS + 1] = {0};
    int fds[2], n = 0;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    argv[n++] = "history_test";
    argv[n++] = which == WRITER ? "writer" : "reader";
    snprintf(text[0], sizeof text[0], "%d", fds[1]);
    argv[n++] = text[0];
    argv[n++] = h->dir;
    snprintf(text[1], sizeof text[1], "%u", which);
    if (which != WRITER)
        argv[n++] = text[1];
    for (uint32_t i = 0; which == WRITER && i < HISTORY_CLIENTS; i++) {
        snprintf(text[2 + i], sizeof text[2 + i], "%llu",
                 (unsigned long long)h->begun[i] + 1);
        argv[n++] = text[2 + i];
    }
    h->processes[which] = (process){child_start(argv, fds), fds[0]};
}

static written *write_at(history *h, uint32_t client, uint64_t number)
{
    const size_t old = h->write_capacity[client];

    mem_grow(&h->writes[client], &h->write_capacity[client], number + 1,
             sizeof(written));
    memset(h->writes[client] + old, 0,
           (h->write_capacity[client] - old) * sizeof(written));
    return &h->writes[client][number];
}

static void take_read(history *h, const journal_note *n)
{
    assert_true(n->worker < VIEWERS && n->number < HISTORY_CLIENTS);
    mem_grow(&h->reads, &h->read_capacity, h->read_count + 1, sizeof(seen));
    h->reads[h->read_count++] =
        (seen){n->worker, (uint32_t)n->number, n->a, n->b, n->c};
    h->reads_of[n->worker]++;
}

static void take_note(history *h, const journal_note *n)
{
    switch (n->what) {
    case 'b':
        write_at(h, n->worker, n->number)->begun = true;
        h->begun[n->worker] = n->number;
        return;
    case 'w':
        *write_at(h, n->worker, n->number) =
            (written){true, true, n->c == MUSTER_ACK_APPLIED, n->a, n->b};
        h->acknowledged[n->worker]++;
        return;
    case 'r':
        take_read(h, n);
        return;
    case 'c':
        h->generations++;
        return;
    default:
        fail_msg("seed %llu: %s; see %s", (unsigned long long)h->seed,
                 n->text, h->dir);
    }
}

/* Takes the next note of anybody. */
static void hear(history *h)
{
    struct pollfd p[PROCESSES];
    journal_note note;

    for (uint32_t i = 0; i < PROCESSES; i++)
        p[i] = (struct pollfd){h->processes[i].fd, POLLIN, 0};
    assert_true(poll(p, PROCESSES, -1) > 0);
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if (p[i].revents == 0)
            continue;
        if (!journal_hear(h->processes[i].fd, &note))
            fail_msg("process %u ended by itself", i);
        take_note(h, &note);
    }
}

/* Kills it; what it had told is taken. */
static void kill_process(history *h, uint32_t which)
{
    process *p = &h->processes[which];
    journal_note note;

    kill(p->pid, SIGKILL);
    while (journal_hear(p->fd, &note))
        take_note(h, &note);
    close(p->fd);
    assert_int_equal(waitpid(p->pid, NULL, 0), p->pid);
}

/* ---- steps ---- */

typedef struct mark {
    uint64_t acknowledged[HISTORY_CLIENTS];
    uint64_t reads[HISTORY_READERS];
    uint64_t generations;
} mark;

static mark now(const history *h)
{
    mark m;

    memcpy(m.acknowledged, h->acknowledged, sizeof m.acknowledged);
    memcpy(m.reads, h->reads_of + HISTORY_CLIENTS, sizeof m.reads);
    m.generations = h->generations;
    return m;
}

/* Every client was acknowledged, and every reader but one read. */
static bool has_gone_on(const history *h, const mark *m, uint32_t but)
{
    for (uint32_t i = 0; i < HISTORY_CLIENTS; i++)
        if (h->acknowledged[i] < m->acknowledged[i] + STEP_WRITES)
            return false;
    for (uint32_t i = 0; i < HISTORY_READERS; i++)
        if (i != but &&
            h->reads_of[HISTORY_CLIENTS + i] < m->reads[i] + STEP_READS)
            return false;
    return true;
}

static void go_on(history *h, uint32_t but)
{
    const mark m = now(h);
    while (!has_gone_on(h, &m, but))
        hear(h);
}

static void pause_reader(history *h, uint32_t which)
{
    const pid_t pid = h->processes[which].pid;
    const mark m = now(h);
    int status;

    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    go_on(h, which);
    while (h->generations == m.generations)
        hear(h);
    kill(pid, SIGCONT);
}

static void step(history *h, random_state *r, uint32_t number)
{
    const uint32_t which = dice(r, HISTORY_READERS);
    uint32_t notes = dice(r, 200); /* breaks off in the middle of things */

    while (notes-- > 0)
        hear(h);
    switch (number % 4) {
    case 0:
    case 2:
        pause_reader(h, which);
        break;
    case 1:
        kill_process(h, WRITER);
        start(h, WRITER);
        break;
    case 3:
        kill_process(h, which);
        start(h, which);
        break;
    }
    go_on(h, UINT32_MAX);
}

/* ---- judging ---- */

static void wrong(const history *h, const seen *s, const char *what)
{
    fail_msg("seed %llu: viewer %u, register %u, epoch %llu, value %llu: %s; "
             "see %s", (unsigned long long)h->seed, s->viewer, s->which,
             (unsigned long long)s->epoch, (unsigned long long)s->value, what,
             h->dir);
}

static void judge_prefix(const history *h, const seen *s)
{
    const written *w = h->writes[s->which];

    if (s->value > h->begun[s->which] || (s->value && !w[s->value].begun))
        wrong(h, s, "was never written");
    if (s->value && w[s->value].acknowledged && w[s->value].epoch > s->epoch)
        wrong(h, s, "shows a later write");
    for (uint64_t i = s->value + 1; i <= h->begun[s->which]; i++) {
        if (!w[i].acknowledged)
            continue;
        if (w[i].epoch <= s->epoch)
            wrong(h, s, "does not show an earlier write");
        return;
    }
}

/* A client must know of what was applied before it asked, a process of what
 * was acknowledged at all before it opened the directory. */
static void judge_freshness(const history *h, const seen *s)
{
    const written *w = h->writes[s->which];

    for (uint64_t i = s->value + 1; i <= h->begun[s->which]; i++) {
        if (!w[i].acknowledged)
            continue;
        if (w[i].time >= s->time)
            return; /* so are the times of all later ones */
        if (w[i].applied || s->viewer >= HISTORY_CLIENTS)
            wrong(h, s, "began after a later write was acknowledged");
    }
}

static int by_epoch(const void *a, const void *b)
{
    const seen *x = a, *y = b;
    if (x->which != y->which)
        return x->which < y->which ? -1 : 1;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static void judge(history *h)
{
    muster_epoch last[VIEWERS] = {0};

    for (size_t i = 0; i < h->read_count; i++) {
        const seen *s = &h->reads[i];
        if (s->epoch < last[s->viewer])
            wrong(h, s, "its epoch went back");
        last[s->viewer] = s->epoch;
        judge_prefix(h, s);
        judge_freshness(h, s);
    }
    qsort(h->reads, h->read_count, sizeof *h->reads, by_epoch);
    for (size_t i = 1; i < h->read_count; i++) {
        const seen *a = &h->reads[i - 1], *b = &h->reads[i];
        if (a->which != b->which)
            continue;
        if (a->epoch == b->epoch && a->value != b->value)
            wrong(h, b, "differs from another read at its epoch");
        if (b->value < a->value)
            wrong(h, b, "is older than a read at an earlier epoch");
    }
}

/* ---- the test ---- */

static void begin(history *h, uint64_t seed)
{
    const char *tmp = getenv("TMPDIR");
    muster_error err;

    memset(h, 0, sizeof *h);
    h->seed = seed;
    snprintf(h->dir, sizeof h->dir, "%s/muster-history-XXXXXX",
             tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(h->dir));
    if (history_prepare(h->dir, &err) != 0)
        fail_msg("%s", err.message);
    for (uint32_t i = 0; i < HISTORY_CLIENTS; i++)
        (void)write_at(h, i, 0);
    start(h, WRITER);
    for (uint32_t i = 0; i < HISTORY_READERS; i++)
        start(h, i);
    go_on(h, UINT32_MAX);
}

static void end(history *h)
{
    for (uint32_t i = 0; i < PROCESSES; i++)
        kill_process(h, i);
    judge(h);
    uint64_t writes = 0;
    for (uint32_t i = 0; i < HISTORY_CLIENTS; i++) {
        writes += h->acknowledged[i];
        mem_free(h->writes[i]);
    }
    print_message("%llu writes, %zu reads, %llu generations\n",
                  (unsigned long long)writes, h->read_count,
                  (unsigned long long)h->generations);
    mem_free(h->reads);
    journal_remove(h->dir);
}

static void test_crash_history__pauses_and_kills_leave_one_history(
    void **state)
{
    const uint32_t steps = (uint32_t)test_size(40, 250);
    uint64_t seed = clock_monotonic_ns();
    random_state r;
    history h;

    (void)state;
    (void)test_seed(&seed);
    random_seed(&r, seed);
    begin(&h, seed);
    for (uint32_t i = 0; i < steps; i++)
        step(&h, &r, i);
    end(&h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_crash_history__pauses_and_kills_leave_one_history),
    };

    if (argc > 1 && strcmp(argv[1], "writer") == 0)
        return history_writer(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "reader") == 0)
        return history_reader(argc - 2, argv + 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
