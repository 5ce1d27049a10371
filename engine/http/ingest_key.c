/*
 * ingest_key.c - load ids of what clients call their inputs, and what the
 * routes of ingest share: answers, keys in bodies, memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/ingest_key.h"

#include <stdio.h>
#include <string.h>
#include "http/server.h"

/* Bodies that are held until they are whole, of all connections together: some
 * thousands of small ones, or hundreds of large ones. */
#define HELD_BYTES_MAX ((size_t)256 << 20)
#define HEX_BYTES 33
/* What passes by itself: a stream's end, a body's commit. */
#define RETRY_SECONDS 1

/* ---- load ids ---- */

static void format_hash(char *out, const char *kind, muster_text text)
{
    const hash128 h = hash_bytes128(text.ptr, text.len);
    snprintf(out, MUSTER_LOAD_ID_BYTES_MAX + 1, "%s-%016llx%016llx", kind,
             (unsigned long long)h.high, (unsigned long long)h.low);
}

/* provider, a slash, the key */
static void put_scoped(buffer *b, const char *provider, muster_text key)
{
    if (provider != NULL) {
        buffer_put_str(b, provider);
        buffer_put_u8(b, '/');
    }
    buffer_put_text(b, key);
}

void ingest_load_id(char *out, const char *provider, muster_text key)
{
    buffer b;
    buffer_init(&b, MUSTER_NAME_BYTES_MAX + 2 + INGEST_KEY_BYTES_MAX);
    put_scoped(&b, provider, key);
    ASSERT(buffer_ok(&b) && b.len > 0);
    if (b.len <= MUSTER_LOAD_ID_BYTES_MAX)
        snprintf(out, MUSTER_LOAD_ID_BYTES_MAX + 1, "%s", buffer_cstr(&b));
    else
        format_hash(out, "key", text_make((const char *)b.data, b.len));
    buffer_release(&b);
}

/* ---- answers ---- */

void ingest_answer(http_request *r, http_answer *a, int status,
                   const char *receipt)
{
    const size_t len = strlen(receipt);
    json_writer *w = answer_json(a, status);
    buffer b;
    json_writer id;
    ASSERT(len > 2 && receipt[0] == '{' && receipt[len - 1] == '}');
    buffer_init(&b, len + 4096);
    buffer_put(&b, receipt, len - 1);
    buffer_put_str(&b, ",\"request_id\":");
    json_begin(&id, &b, false);
    json_put_str(&id, r->id);
    buffer_put_str(&b, "}");
    json_put_raw(w, text_make((const char *)b.data, b.len));
    buffer_release(&b);
}

void ingest_answer_error(http_answer *a, const muster_error *err)
{
    if (strcmp(err->word, "other_input") == 0) {
        answer_problem(a, 422, "idempotency_mismatch",
                       "this Idempotency-Key was used for another body");
    } else if (strcmp(err->word, "feeding") == 0) {
        answer_problem(a, 409, "idempotency_in_use",
                       "a body under this Idempotency-Key is being read at "
                       "this moment; try again when it is through");
        answer_header(a, "Retry-After", "%d", RETRY_SECONDS);
    } else {
        answer_error(a, err, "");
    }
}

/* ---- keys in bodies ---- */

bool ingest_find_caller(http_request *r, muster_text key, http_answer *a)
{
    if (!access_shown(r->server->access, r->route, key, clock_monotonic_ns(),
                      &r->caller, a))
        return false;
    muster_audit_as(r->caller->key);
    return true;
}

/* ---- pacing ---- */

void ingest_be_gentle(void)
{
    static _Thread_local bool is_gentle;
    if (!is_gentle)
        thread_yield_to_others();
    is_gentle = true;
}

/* ---- memory ---- */

static size_t held_bytes;

bool ingest_hold(size_t len, http_answer *a)
{
    const size_t now = __atomic_add_fetch(&held_bytes, len, __ATOMIC_RELAXED);
    if (now <= HELD_BYTES_MAX)
        return true;
    ingest_unhold(len);
    answer_problem(a, 503, "busy",
                   "too many bodies are on their way; try again");
    answer_header(a, "Retry-After", "%d", RETRY_SECONDS);
    return false;
}

void ingest_unhold(size_t len)
{
    const size_t before =
        __atomic_fetch_sub(&held_bytes, len, __ATOMIC_RELAXED);
    ASSERT(before >= len);
}
