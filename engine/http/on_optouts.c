/*
 * on_optouts.c - users who want out: POST /v1/optouts, and for good DELETE
 * /v1/ids/{space}/{id}.
 *
 *   {"ids":2,"known":1,"unknown":0,"refused":1,"dry_run":false,
 *    "errors":[{"pointer":"/ids/1","code":"...","message":"..."}],
 *    "as_of":"...","epoch":7}
 *
 * 200, or 207 when an id was refused (it is none of its space, or personal
 * data); the others are out nevertheless. No id is said back: an error names
 * the position.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/routes.h"

#include <stdio.h>
#include <string.h>
#include "http/ask.h"
#include "http/shapes.h"

/* Ids of one request: all are durable together. */
#define OPTOUT_IDS_MAX 1000u

/* ---- the answer ---- */

static void put_refusal(json_writer *w, size_t i, const muster_error *e)
{
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/ids/%zu", i);
    json_open_object(w);
    shape_put_str(w, "pointer", pointer);
    shape_put_str(w, "code", e->word);
    shape_put_str(w, "message", e->message);
    json_close(w);
}

static void put_answer(http_request *r, http_answer *a,
                       const muster_wish *wishes, size_t n, bool dry_run)
{
    size_t known = 0;
    size_t refused = 0;
    for (size_t i = 0; i < n; i++) {
        refused += wishes[i].error.code != 0;
        known += wishes[i].error.code == 0 && wishes[i].known;
    }
    json_writer *w = answer_json(a, refused > 0 ? 207 : 200);
    json_open_object(w);
    shape_put_uint(w, "ids", n);
    shape_put_uint(w, "known", known);
    shape_put_uint(w, "unknown", n - known - refused);
    shape_put_uint(w, "refused", refused);
    shape_put_bool(w, "dry_run", dry_run);
    json_key(w, "errors");
    json_open_array(w);
    for (size_t i = 0; i < n; i++)
        if (wishes[i].error.code != 0)
            put_refusal(w, i, &wishes[i].error);
    json_close(w);
    shape_put_state(w, r->engine);
    json_close(w);
}

/* ---- trying ---- */

/* What is known of a user is told by explaining `all`: opted out or not. */
static int try_wishes(http_request *r, muster_wish *wishes, size_t n,
                      muster_error *err)
{
    muster_segment *all = NULL;
    int rc = muster_segment_compile(&all, r->engine, r->caller->viewer,
                                    "all", 3, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        muster_explanation *e = NULL;
        const int one =
            muster_segment_explain(all, &wishes[i].user, &e,
                                   &wishes[i].error);
        wishes[i].known = one == 0 && e->known;
        if (one != 0 && one != MUSTER_EINVAL && one != MUSTER_EREFUSED) {
            *err = wishes[i].error;
            rc = one;
        }
        muster_explanation_free(e);
    }
    muster_segment_free(all);
    return rc;
}

/* ---- opting out ---- */

/* {"space":..,"id":..} */
static bool read_id(ask *q, const json_value *v, size_t i, muster_id *out)
{
    char pointer[32];
    const json_value *space = json_get(v, "space");
    const json_value *id = json_get(v, "id");
    if (space != NULL && id != NULL && json_count(v) == 2 &&
        json_typeof(space) == JSON_STRING && json_typeof(id) == JSON_STRING) {
        const muster_text name = json_string(space);
        *out = (muster_id){arena_strndup(&q->r->texts, name.ptr, name.len),
                           json_string(id).ptr, json_string(id).len};
        return true;
    }
    snprintf(pointer, sizeof pointer, "/ids/%zu", i);
    answer_problem_at(q->a, 422, "bad_id", pointer,
                      "an id is {\"space\":\"...\",\"id\":\"...\"}");
    return false;
}

static muster_wish *read_wishes(ask *q, size_t *n)
{
    const json_value *list = json_get(q->root, "ids");
    size_t i = 0;
    const bool many = list != NULL && json_typeof(list) == JSON_ARRAY;
    *n = many ? json_count(list) : 0;
    if (*n == 0 || *n > OPTOUT_IDS_MAX) {
        answer_problem_at(q->a, 422, "bad_ids", "/ids",
                          "1 to %u ids are needed", OPTOUT_IDS_MAX);
        return NULL;
    }
    muster_wish *wishes = mem_array(*n, sizeof *wishes);
    for (json_iter it = json_iter_of(list); json_next(&it); i++) {
        if (read_id(q, it.value, i, &wishes[i].user))
            continue;
        mem_free(wishes);
        return NULL;
    }
    return wishes;
}

static void opt_out(ask *q, bool dry_run)
{
    bool undo = false;
    size_t n = 0;
    muster_error err;
    if (!ask_bool(q, "undo", &undo))
        return;
    muster_wish *wishes = read_wishes(q, &n);
    if (wishes == NULL)
        return;
    const int rc = dry_run ? try_wishes(q->r, wishes, n, &err)
                           : muster_privacy_optouts(q->r->engine, wishes, n,
                                                    undo, &err);
    if (rc == 0)
        put_answer(q->r, q->a, wishes, n, dry_run);
    else
        answer_error(q->a, &err, "");
    mem_free(wishes);
}

void on_optout(http_request *r, http_answer *a)
{
    bool dry_run = false;
    ask q;
    if (ask_open(&q, r, "ids undo", a) &&
        request_flag(r, "dry_run", &dry_run, a))
        opt_out(&q, dry_run);
    ask_close(&q);
}

/* ---- forgetting ---- */

void on_id_forget(http_request *r, http_answer *a)
{
    const char *space =
        arena_strndup(&r->texts, r->args[0].ptr, r->args[0].len);
    muster_wish wish = {.user = {space, r->args[1].ptr, r->args[1].len}};
    bool dry_run = false;
    muster_error err;
    if (!request_flag(r, "dry_run", &dry_run, a))
        return;
    error_clear(&wish.error);
    int rc = dry_run ? try_wishes(r, &wish, 1, &err)
                     : muster_privacy_forget(r->engine, &wish.user,
                                             &wish.known, &err);
    if (rc == 0 && wish.error.code != 0) {
        rc = wish.error.code;
        err = wish.error;
    }
    if (rc == 0)
        put_answer(r, a, &wish, 1, dry_run);
    else
        answer_error(a, &err, "");
}
