/*
 * remote_report.c - providers beside each other, through a server:
 * GET /v1/reports/providers?providers=&truth=.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "remote.h"

#include "base/error.h"
#include "base/mem.h"

/* The answer with the memory of its texts. */
typedef struct taken_report {
    muster_report public; /* first */
    arena memory;
} taken_report;

void remote_report_free(muster_report *report)
{
    taken_report *t = (taken_report *)report;
    if (t == NULL)
        return;
    arena_release(&t->memory);
    mem_free(t);
}

/* NULL for what is no text, or empty. */
static const char *keep(taken_report *t, const json_value *v, const char *key)
{
    const muster_text text = member_text(v, key);
    return text.len > 0 ? arena_strndup(&t->memory, text.ptr, text.len)
                        : NULL;
}

static const char *keep_str(taken_report *t, const json_value *v,
                            const char *key)
{
    const char *text = keep(t, v, key);
    return text != NULL ? text : "";
}

static void take_attributes(taken_report *t, const json_value *list,
                            muster_report_row *row)
{
    muster_report_attribute *all =
        arena_zalloc(&t->memory, (list_count(list) + 1) * sizeof *all);
    for (json_iter it = list_walk(list); json_next(&it);)
        all[row->attribute_count++] = (muster_report_attribute){
            .attribute = keep_str(t, it.value, "attribute"),
            .kind = keep_str(t, it.value, "kind"),
            .users = member_uint(it.value, "users"),
            .facts = member_uint(it.value, "facts"),
            .contradicted = member_uint(it.value, "contradicted"),
        };
    row->attributes = all;
}

static void take_values(taken_report *t, const json_value *list,
                        muster_report_row *row)
{
    muster_report_value *all =
        arena_zalloc(&t->memory, (list_count(list) + 1) * sizeof *all);
    for (json_iter it = list_walk(list); json_next(&it);)
        all[row->value_count++] = (muster_report_value){
            .value = keep_str(t, it.value, "value"),
            .said = member_uint(it.value, "said"),
            .truth = member_uint(it.value, "truth"),
            .both = member_uint(it.value, "both"),
        };
    row->values = all;
}

static muster_report_row take_row(taken_report *t, const json_value *v)
{
    muster_report_row row = {
        .name = keep_str(t, v, "name"),
        .party = keep_str(t, v, "party"),
        .users = member_uint(v, "users"),
        .only = member_uint(v, "only"),
        .facts = member_uint(v, "facts"),
        .ending = member_uint(v, "ending"),
        .events = member_uint(v, "events"),
        .events_1d = member_uint(v, "events_1d"),
        .events_7d = member_uint(v, "events_7d"),
        .events_30d = member_uint(v, "events_30d"),
        .oldest = member_time(v, "oldest"),
        .newest = member_time(v, "newest"),
        .compared = member_uint(v, "compared"),
        .agreed = member_uint(v, "agreed"),
    };
    take_attributes(t, json_get(v, "attributes"), &row);
    take_values(t, json_get(v, "values"), &row);
    return row;
}

static muster_report *take_report(const json_value *root)
{
    const json_value *data = json_get(root, "data");
    taken_report *t = mem_zalloc(sizeof *t);
    arena_init(&t->memory);
    muster_report_row *list =
        arena_zalloc(&t->memory, (list_count(data) + 1) * sizeof *list);
    for (json_iter it = list_walk(data); json_next(&it);)
        list[t->public.row_count++] = take_row(t, it.value);
    t->public.rows = list;
    t->public.universe = member_uint(root, "universe");
    t->public.truth_attribute = keep(t, root, "truth_attribute");
    t->public.truth_provider = keep(t, root, "truth_provider");
    t->public.as_of = member_time(root, "as_of");
    t->public.epoch = member_uint(root, "epoch");
    t->public.elapsed_ns = member_uint(root, "elapsed_us") * 1000;
    return &t->public;
}

static void put_query(remote_call *call, const muster_report_query *query)
{
    buffer_put_str(&call->path, "/v1/reports/providers");
    for (size_t i = 0; i < query->count; i++) {
        buffer_put_str(&call->path, i == 0 ? "?providers=" : ",");
        http_put_encoded(&call->path, text_of(query->names[i]));
    }
    if (query->truth_attribute == NULL)
        return;
    buffer_put_str(&call->path, query->count == 0 ? "?truth=" : "&truth=");
    http_put_encoded(&call->path, text_of(query->truth_attribute));
    buffer_put_str(&call->path, "@");
    http_put_encoded(&call->path, text_of(query->truth_provider));
}

int remote_reach_report(remote *r, const muster_report_query *query,
                        muster_report **out, muster_error *err)
{
    const json_value *root = NULL;
    remote_call call;
    remote_call_init(&call, r, "GET", true);
    put_query(&call, query);
    int status = remote_call_send(&call, &root, err);
    if (status == 0 && (root == NULL || json_get(root, "data") == NULL))
        status = remote_bad_answer(r, "data", err);
    if (status == 0)
        *out = take_report(root);
    remote_call_release(&call);
    return status;
}
