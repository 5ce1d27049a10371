/*
 * on_ops.c - GET /livez, /readyz, /version.
 *
 * /livez answers as long as the event loop turns. /readyz answers 503 once the
 * server drains, so that a balancer sends no more; ?verbose tells of what the
 * answer is made.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include "http/server.h"

static void put_member(json_writer *w, const char *name, const char *value)
{
    json_key(w, name);
    json_put_str(w, value);
}

void on_livez(http_request *r, http_answer *a)
{
    json_writer *w = answer_json(a, 200);
    (void)r;
    json_open_object(w);
    put_member(w, "status", "ok");
    json_close(w);
}

static void put_details(json_writer *w, http_request *r)
{
    http_server *s = r->server;
    json_key(w, "epoch");
    json_put_uint(w, muster_engine_epoch(r->engine));
    json_key(w, "connections");
    json_put_uint(w, gate_count(s->gate));
    json_key(w, "requests");
    json_put_uint(w, atomic_load(&s->active));
    json_key(w, "streams");
    json_put_uint(w, atomic_load(&s->streams));
}

void on_readyz(http_request *r, http_answer *a)
{
    const bool draining = atomic_load(&r->server->draining);
    bool verbose;
    if (!request_flag(r, "verbose", &verbose, a))
        return;
    json_writer *w = answer_json(a, draining ? 503 : 200);
    json_open_object(w);
    put_member(w, "status", draining ? "draining" : "ready");
    if (verbose)
        put_details(w, r);
    json_close(w);
    if (draining)
        answer_header(a, "Retry-After", "1");
}

void on_version(http_request *r, http_answer *a)
{
    json_writer *w = answer_json(a, 200);
    (void)r;
    json_open_object(w);
    put_member(w, "name", "muster");
    put_member(w, "version", muster_version());
    json_close(w);
}
