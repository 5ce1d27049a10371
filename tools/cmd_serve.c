/*
 * cmd_serve.c - `muster serve`: the HTTP server, until a signal ends it.
 *
 * When it answers it says so in one line on stdout, with the address that was
 * taken (a port may be 0). The log goes to stderr. SIGTERM or SIGINT drains:
 * /readyz turns 503, requests under way are finished, exit code 0. A second
 * one ends the process at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <muster/server.h>
#include "base/error.h"
#include "serve_config.h"

/* As many descriptors as the system gives: each connection is one. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void tell_ready(cli *c, const muster_server *server)
{
    const char *url = muster_server_url(server, false);
    const char *admin = muster_server_url(server, true);
    if (c->set.format == FORMAT_JSON) {
        out_open(c);
        out_member_str(c, "url", url);
        if (admin != NULL)
            out_member_str(c, "admin_url", admin);
        out_close(c);
    } else {
        out_printf(c, "listening at %s%s%s\n", url,
                   admin != NULL ? ", admin at " : "",
                   admin != NULL ? admin : "");
    }
    out_flush(c);
}

/* Waits for the first signal; from then on one ends the process. The engine's
 * and the server's threads take none. */
static void await_signal(const sigset_t *signals)
{
    struct sigaction at_once = {.sa_handler = SIG_DFL};
    int which = 0;
    while (sigwait(signals, &which) != 0)
        ;
    sigaction(SIGTERM, &at_once, NULL);
    sigaction(SIGINT, &at_once, NULL);
    sigprocmask(SIG_UNBLOCK, signals, NULL);
}

static int serve(cli *c, muster_server_options *options)
{
    muster_server *server = NULL;
    muster_error err;
    sigset_t signals;
    error_clear(&err);
    raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    const int code = session_open(c, MUSTER_OPEN_CREATE);
    if (code != 0)
        return code;
    options->log_fd = STDERR_FILENO;
    if (muster_server_start(&server, c->engine, options, &err) < 0)
        return tell_status(c, &err, NULL, 0);
    tell_ready(c, server);
    await_signal(&signals);
    muster_server_drain(server);
    muster_server_stop(server);
    return 0;
}

static int cmd_serve(cli *c, int argc, char **argv)
{
    serve_config config;
    (void)argc;
    (void)argv;
    int code = serve_config_read(c, &config);
    if (code == 0 && !serve_config_print(c, &config)) {
        muster_server_options options = serve_config_server(&config);
        c->set.forward_bytes = config.forward_bytes;
        code = session_check_local(c);
        if (code == 0)
            code = serve(c, &options);
    }
    serve_config_release(&config);
    return code;
}

const cli_verb verb_serve = {
    .name = "serve",
    .run = cmd_serve,
    .synopsis = "[--listen ADDRESS:PORT] [FLAG]...",
    .summary = "Answer requests over HTTP",
    .about = "One line on stdout says where, once it answers; the log goes to"
             " stderr.\nSIGTERM and SIGINT end it: /readyz turns 503, and"
             " requests under way\nare finished. docs/http.md has the"
             " routes.\n\n"
             "Every flag of this list is also a variable of the environment"
             "\n(--log-level: MUSTER_LOG_LEVEL) and a key of the file that"
             " --config\nnames (\"log_level\"). Flags win over the"
             " environment, and this over the\nfile. Times are"
             " milliseconds.\n",
    .flags = serve_flags,
    .examples = "# to try it out, on this machine alone\n"
                "muster serve --insecure-no-auth\n"
                "# for others: keys of `muster key create`, TLS\n"
                "muster serve --listen 0.0.0.0:8443 --tls-cert cert.pem"
                " --tls-key key.pem\n"
                "# the options in a file\n"
                "muster serve --config muster.json\n",
    .exits = "0 2 5",
};
