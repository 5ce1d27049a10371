/*
 * crowd_test.c - many requests that come at once are all answered, whatever
 * their number is.
 *
 * The server is a process of its own here: it is stopped, every client sends a
 * request, and it goes on: so its event loop finds all of them at the same
 * time. An event loop of libmicrohttpd up to 1.0.10, as it comes, sleeps when
 * they are exactly 128 (tools/setup mends it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>
#include "support/wire.h"

#define CROWD_MAX 384

typedef struct child {
    pid_t pid;
    int stay; /* the child ends when this is closed */
    uint16_t port;
} child;

static _Noreturn void serve(int told, int stay)
{
    wire_server w;
    muster_server_options options = wire_options();
    char end;
    options.loops = 1;
    wire_open(&w, &options);
    const ssize_t n = write(told, &w.port, sizeof w.port);
    ASSERT(n == (ssize_t)sizeof w.port);
    while (read(stay, &end, 1) > 0)
        ;
    wire_close(&w);
    _exit(0);
}

static child start_child(void)
{
    int told[2], stay[2];
    child c;
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(stay), 0);
    c.pid = fork();
    assert_true(c.pid >= 0);
    if (c.pid == 0) {
        close(told[0]);
        close(stay[1]);
        serve(told[1], stay[0]);
    }
    close(told[1]);
    close(stay[0]);
    c.stay = stay[1];
    assert_int_equal(read(told[0], &c.port, sizeof c.port), sizeof c.port);
    close(told[0]);
    return c;
}

static void end_child(const child *c)
{
    int status;
    close(c->stay);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* All send while the server stands still. */
static void send_at_once(const child *c, const int *clients, size_t count)
{
    int status;
    kill(c->pid, SIGSTOP);
    assert_int_equal(waitpid(c->pid, &status, WUNTRACED), c->pid);
    assert_true(WIFSTOPPED(status));
    for (size_t i = 0; i < count; i++)
        wire_say(clients[i], "GET /livez HTTP/1.1\r\nHost: m\r\n\r\n");
    kill(c->pid, SIGCONT);
}

static void test_http_crowd__of_any_size_is_answered(void **state)
{
    static const size_t counts[] = {1, 127, 128, 129, 255, 256, 257, CROWD_MAX};
    int clients[CROWD_MAX];
    (void)state;
    const child c = start_child();
    for (size_t i = 0; i < CROWD_MAX; i++) {
        clients[i] = wire_connect(c.port, NULL);
        assert_int_equal(wire_get(clients[i], "/livez"), 200);
    }
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        send_at_once(&c, clients, counts[n]);
        for (size_t i = 0; i < counts[n]; i++) {
            wire_answer a;
            wire_read(clients[i], &a);
            if (a.status != 200)
                fail_msg("%zu of %zu: status %d", i, counts[n], a.status);
            wire_answer_release(&a);
        }
    }
    for (size_t i = 0; i < CROWD_MAX; i++)
        close(clients[i]);
    end_child(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_crowd__of_any_size_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
