/*
 * bare.c - the least that libmicrohttpd can do: every request is answered with
 * the same bytes. What `muster serve` is measured against.
 *
 *   bare THREADS BYTES      prints the port it listens on; ends with its stdin
 *
 * Its parser is as strict as that of engine/http/server.c. The handler returns
 * MHD_YES on its first call and answers on the next one, as it must for
 * connections to be kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTION_BYTES ((size_t)32 << 10)
#define CONNECTIONS_MAX 20000u

static char *answer;
static size_t answer_len;

static enum MHD_Result handle(void *payload, struct MHD_Connection *connection,
                              const char *url, const char *method,
                              const char *version, const char *upload,
                              size_t *upload_len, void **state)
{
    (void)payload;
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    if (*state == NULL) {
        *state = answer;
        return MHD_YES;
    }
    if (*upload_len > 0) { /* a body is read and forgotten */
        *upload_len = 0;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_static(answer_len, answer);
    MHD_add_response_header(response, "Content-Type", "application/json");
    const enum MHD_Result queued =
        MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return queued;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: bare THREADS BYTES\n", stderr);
        return 2;
    }
    const unsigned threads = (unsigned)strtoul(argv[1], NULL, 10);
    answer_len = strtoul(argv[2], NULL, 10);
    answer = malloc(answer_len + 1);
    if (answer == NULL)
        return 2;
    memset(answer, 'x', answer_len);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, NULL,
        MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, MHD_OPTION_END);
    if (daemon == NULL) {
        fputs("bare: the daemon does not start\n", stderr);
        return 2;
    }
    printf("%u\n", (unsigned)MHD_get_daemon_info(
                       daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    MHD_stop_daemon(daemon);
    free(answer);
    return 0;
}
