/*
 * remote_load.c - `load` through a server: POST /v1/ingest, a stream in
 * chunks. The answer is the engine's receipt; when the server gives up in the
 * middle, a problem that has the receipt of what was accepted before.
 *
 * The load id goes along as the Idempotency-Key, also where none was given:
 * when the connection breaks, the same input under the same id goes on behind
 * what was stored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* memmem */
#include "remote.h"

#include <string.h>
#include <sys/random.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

char *remote_load_id(void)
{
    uint64_t own = 0;
    char date[32];
    buffer b;
    buffer_init(&b, 256);
    ASSERT(getrandom(&own, sizeof own, 0) == (ssize_t)sizeof own);
    date[clock_format_time(date, clock_now())] = '\0';
    buffer_printf(&b, "load-%s-%016llx", date, (unsigned long long)own);
    char *id = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    return id;
}

static void put_query(buffer *path, const muster_feed_options *o)
{
    buffer_printf(path, "/v1/ingest?ack=%s",
                  o->ack == MUSTER_ACK_APPLIED ? "applied" : "durable");
    if (o->dry_run)
        buffer_put_str(path, "&dry_run=true");
    if (o->max_errors != UINT64_MAX)
        buffer_printf(path, "&max_errors=%llu",
                      (unsigned long long)o->max_errors);
    const struct {
        const char *name;
        const char *value;
    } texts[] = {
        {"provider", o->provider},
        {"input_format", o->format >= MUSTER_INPUT_AAM_SYNC
                             ? muster_input_format_name(o->format)
                             : NULL},
        {"input_name", o->input_name},
        {"id_space", o->id_space},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].value == NULL)
            continue;
        buffer_printf(path, "&%s=", texts[i].name);
        http_put_encoded(path, text_of(texts[i].value));
    }
}

/* NULL: the server looks at the first bytes. */
static const char *type_of(muster_input_format format)
{
    switch (format) {
    case MUSTER_INPUT_NDJSON:
        return "application/x-ndjson";
    case MUSTER_INPUT_CSV:
        return "text/csv";
    case MUSTER_INPUT_MSGPACK:
        return "application/vnd.msgpack";
    case MUSTER_INPUT_ARRAY:
        return "application/json";
    default:
        return NULL;
    }
}

/* What the engine calls these, and the flags that it speaks of, the server
 * words for all of its clients. */
static void reword(const muster_feed_options *o, muster_error *err)
{
    if (strcmp(err->word, "max_errors") == 0) {
        err->code = MUSTER_ECANCELLED;
        snprintf(err->message, sizeof err->message,
                 "stopped: more than %llu records were rejected "
                 "(--max-errors %llu)", (unsigned long long)o->max_errors,
                 (unsigned long long)o->max_errors);
    } else if (strcmp(err->word, "idempotency_mismatch") == 0)
        err->code = MUSTER_ECONFLICT;
    else if (strcmp(err->word, "idempotency_in_use") == 0)
        err->code = MUSTER_EBUSY;
}

/* receipt.c relies on these. */
static bool is_receipt(const json_value *root)
{
    static const char *const members[] = {"records", "reasons", "facts",
                                          "unknown_attributes", "errors"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_get(root, members[i]) == NULL)
            return false;
    return true;
}

/* The receipt in an answer: all of it but the request's id at its end, or the
 * member "receipt" at the end of a problem. */
static char *take_receipt(const buffer *answer)
{
    static const char inner[] = ",\"receipt\":";
    static const char id[] = ",\"request_id\":";
    const char *text = (const char *)answer->data;
    size_t len = answer->len;
    json_doc *doc = NULL;
    muster_error bad;
    char *receipt = NULL;
    const char *from = memmem(text, len, inner, strlen(inner));
    if (from != NULL) {
        from += strlen(inner);
        len -= (size_t)(from - text) + 1;
        text = from;
    }
    const char *end = memmem(text, len, id, strlen(id));
    buffer b;
    buffer_init(&b, len + 2);
    buffer_put(&b, text, end != NULL ? (size_t)(end - text) : len);
    buffer_put_str(&b, end != NULL ? "}" : "");
    if (json_parse(&doc, (const char *)b.data, b.len, JSON_STRICT, &bad) == 0 &&
        is_receipt(json_root(doc)))
        receipt = mem_strndup((const char *)b.data, b.len);
    json_free(doc);
    buffer_release(&b);
    return receipt;
}

int remote_load_send(remote *r, const remote_load *load, char **receipt,
                     muster_error *err)
{
    const json_value *root;
    remote_call call;
    remote_call_init(&call, r, "POST", false);
    put_query(&call.path, load->options);
    call.http.content_type = type_of(load->options->format);
    call.http.idempotency_key = load->options->load_id;
    call.http.read = load->read;
    call.http.payload = load->payload;
    int status = remote_call_send(&call, &root, err);
    *receipt = NULL;
    if (call.http.answer.len > 0)
        *receipt = take_receipt(&call.http.answer);
    if (status == 0 && *receipt == NULL)
        status = remote_bad_answer(r, "a receipt", err);
    if (status < 0 && err != NULL) {
        reword(load->options, err);
        status = err->code;
    }
    remote_call_release(&call);
    return status;
}
