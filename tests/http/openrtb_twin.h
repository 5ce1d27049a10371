/*
 * openrtb_twin.h - the slow twin of openrtb_insert: builds the new request
 * from the parsed one, value by value, and compares. For the random test and
 * the fuzz target.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_OPENRTB_TWIN_H
#define HTTP_OPENRTB_TWIN_H

#include <string.h>
#include "http/openrtb.h"

#define TWIN_BYTES_MAX ((size_t)64 << 20)

static inline void twin_value(json_writer *w, const json_value *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL:
        json_put_null(w);
        return;
    case JSON_BOOL:
        json_put_bool(w, json_bool(v));
        return;
    case JSON_INT:
    case JSON_NUMBER:
        json_put_raw(w, json_string(v));
        return;
    case JSON_STRING:
        json_put_text(w, json_string(v));
        return;
    case JSON_ARRAY:
        json_open_array(w);
        break;
    case JSON_OBJECT:
        json_open_object(w);
        break;
    }
    for (json_iter it = json_iter_of(v); json_next(&it);) {
        if (it.object)
            json_key_text(w, it.key);
        twin_value(w, it.value);
    }
    json_close(w);
}

static inline bool twin_is_ours(const json_value *v,
                                const openrtb_rules *rules)
{
    if (json_typeof(v) != JSON_OBJECT)
        return false;
    const json_value *name = json_get(v, "name");
    const json_value *ext = json_get(v, "ext");
    const json_value *tax = ext ? json_get(ext, "segtax") : NULL;
    if (!name || json_typeof(name) != JSON_STRING ||
        !text_is(json_string(name), rules->name))
        return false;
    if (!tax || json_typeof(tax) == JSON_NULL)
        return rules->segtax == 0;
    return json_typeof(tax) == JSON_INT &&
           (json_int(tax) == rules->segtax ||
            (rules->nodes != 0 && json_int(tax) == rules->nodes));
}

/* The list with ours behind the others. */
static inline void twin_data(json_writer *w, const json_value *data,
                             const openrtb_rules *rules, muster_text ours)
{
    json_open_array(w);
    if (data)
        for (json_iter it = json_iter_of(data); json_next(&it);)
            if (!twin_is_ours(it.value, rules))
                twin_value(w, it.value);
    json_put_raw(w, ours);
    json_close(w);
}

static inline void twin_user(json_writer *w, const json_value *user,
                             const openrtb_rules *rules, muster_text ours)
{
    const json_value *data = user ? json_get(user, "data") : NULL;
    json_open_object(w);
    if (!data) {
        json_key(w, "data");
        twin_data(w, NULL, rules, ours);
    }
    json_iter it = user ? json_iter_of(user) : (json_iter){0};
    while (json_next(&it)) {
        json_key_text(w, it.key);
        if (it.value == data)
            twin_data(w, json_typeof(data) == JSON_ARRAY ? data : NULL, rules,
                      ours);
        else
            twin_value(w, it.value);
    }
    json_close(w);
}

static inline void twin_request(json_writer *w, const json_value *root,
                                const openrtb_rules *rules, muster_text ours)
{
    const json_value *user = json_get(root, "user");
    json_open_object(w);
    if (!user) {
        json_key(w, "user");
        twin_user(w, NULL, rules, ours);
    }
    for (json_iter it = json_iter_of(root); json_next(&it);) {
        json_key_text(w, it.key);
        if (it.value == user)
            twin_user(w, json_typeof(user) == JSON_OBJECT ? user : NULL, rules,
                      ours);
        else
            twin_value(w, it.value);
    }
    json_close(w);
}

/* Does `said`, the text that openrtb_insert made of the request, say what the
 * twin says? */
static inline bool twin_agrees(const openrtb *bid, const openrtb_rules *rules,
                               muster_text ours, muster_text said)
{
    buffer want, got;
    json_writer w;
    json_doc *doc = NULL;
    bool same = json_parse(&doc, said.ptr, said.len, JSON_STRICT, NULL) == 0;

    buffer_init(&want, TWIN_BYTES_MAX);
    buffer_init(&got, TWIN_BYTES_MAX);
    if (same) {
        json_begin(&w, &want, false);
        twin_request(&w, json_root(bid->doc), rules, ours);
        json_begin(&w, &got, false);
        twin_value(&w, json_root(doc));
        same = want.len == got.len &&
               memcmp(want.data, got.data, want.len) == 0;
    }
    buffer_release(&want);
    buffer_release(&got);
    json_free(doc);
    return same;
}

#endif
