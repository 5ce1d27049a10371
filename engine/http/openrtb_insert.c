/*
 * openrtb_insert.c - our segments in user.data of a bid request, with every
 * other byte kept as sent.
 *
 * The parsed request tells which member is which (names may be written with
 * escapes); a scan of its text tells where the n-th member's value stands.
 * Four places are possible:
 *
 *   user.data is a list    its entries without ours, then ours
 *   user.data is null      [ours] in its place
 *   user has no data       "data":[ours] as its first member
 *   user is null           {"data":[ours]} in its place
 *   there is no user       "user":{"data":[ours]} as the first member
 *
 * Cost: one pass over the text up to the end of user, one copy.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/openrtb.h"

#include <string.h>

/* ---- our entry ---- */

bool openrtb_name_is_fine(const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (name[i] < ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\')
            return false;
    return len > 0 && len <= OPENRTB_NAME_BYTES_MAX;
}

size_t openrtb_data_begin(reply *w, const openrtb_rules *rules)
{
    reply_map(w, rules->segtax != 0 ? 3 : 2);
    reply_key(w, "name");
    reply_text(w, text_of(rules->name));
    if (rules->segtax != 0) {
        reply_key(w, "ext");
        reply_map(w, 1);
        reply_key(w, "segtax");
        reply_uint(w, rules->segtax);
        reply_map_end(w);
    }
    reply_key(w, "segment");
    return reply_list(w);
}

void openrtb_data_put(reply *w, uint32_t segment)
{
    reply_map(w, 1);
    reply_key(w, "id");
    reply_uint_text(w, segment);
    reply_map_end(w);
}

void openrtb_data_put_node(reply *w, const char *id)
{
    reply_map(w, 1);
    reply_key(w, "id");
    reply_text(w, text_of(id));
    reply_map_end(w);
}

void openrtb_data_end(reply *w, size_t mark, uint32_t n)
{
    reply_list_end(w, mark, n);
    reply_map_end(w);
}

/* The taxonomy of an entry, 0 where none is told; false: what is told is no
 * number of one. */
static bool segtax_of(const json_value *entry, int64_t *out)
{
    const json_value *ext = json_get(entry, "ext");
    const json_value *tax = ext != NULL ? json_get(ext, "segtax") : NULL;
    *out = 0;
    if (tax == NULL || json_typeof(tax) == JSON_NULL)
        return true;
    if (json_typeof(tax) != JSON_INT)
        return false;
    *out = json_int(tax);
    return true;
}

static bool is_ours(const json_value *entry, const openrtb_rules *rules)
{
    int64_t segtax = 0;
    if (json_typeof(entry) != JSON_OBJECT)
        return false;
    const json_value *name = json_get(entry, "name");
    return name != NULL && json_typeof(name) == JSON_STRING &&
           text_is(json_string(name), rules->name) &&
           segtax_of(entry, &segtax) &&
           (segtax == rules->segtax ||
            (rules->nodes != 0 && segtax == rules->nodes));
}

/* ---- where values stand in the text of a valid document ---- */

typedef struct span {
    size_t from;
    size_t to;
} span;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_blank(muster_text t, size_t at)
{
    while (at < t.len && is_blank(t.ptr[at]))
        at++;
    ASSERT(at < t.len);
    return at;
}

/* Behind the string that begins at `at`. */
static size_t skip_string(muster_text t, size_t at)
{
    ASSERT(t.ptr[at] == '"');
    for (at++; at < t.len && t.ptr[at] != '"'; at++)
        at += t.ptr[at] == '\\';
    ASSERT(at < t.len);
    return at + 1;
}

/* Behind the value that begins at `at`. */
static size_t skip_value(muster_text t, size_t at)
{
    size_t depth = 0;
    do {
        const char c = t.ptr[at];
        if (c == '"') {
            at = skip_string(t, at);
            continue;
        }
        if (c == '[' || c == '{')
            depth++;
        else if (c == ']' || c == '}')
            depth--;
        at++;
    } while (at < t.len && depth > 0);
    ASSERT(depth == 0);
    return at;
}

/* Numbers and words, which end where something else begins. */
static size_t skip_word(muster_text t, size_t at)
{
    while (at < t.len && !is_blank(t.ptr[at]) &&
           strchr(",]}", t.ptr[at]) == NULL)
        at++;
    return at;
}

/* The members of an object or elements of a list, one after the other. */
typedef struct walk {
    muster_text t;
    size_t at;
    bool object;
} walk;

static walk walk_of(muster_text t, size_t opener)
{
    ASSERT(t.ptr[opener] == '{' || t.ptr[opener] == '[');
    return (walk){t, opener + 1, t.ptr[opener] == '{'};
}

/* The next value; there must be one. */
static span walk_next(walk *w)
{
    size_t at = skip_blank(w->t, w->at);
    if (w->t.ptr[at] == ',')
        at = skip_blank(w->t, at + 1);
    if (w->object) {
        at = skip_blank(w->t, skip_string(w->t, at));
        ASSERT(w->t.ptr[at] == ':');
        at = skip_blank(w->t, at + 1);
    }
    const bool wide = strchr("\"[{", w->t.ptr[at]) != NULL;
    w->at = wide ? skip_value(w->t, at) : skip_word(w->t, at);
    return (span){at, w->at};
}

static span nth_value(muster_text t, size_t opener, size_t n)
{
    walk w = walk_of(t, opener);
    span value = walk_next(&w);
    for (size_t i = 0; i < n; i++)
        value = walk_next(&w);
    return value;
}

/* ---- the new text ---- */

static void put_part(buffer *out, muster_text t, size_t from, size_t to)
{
    ASSERT(from <= to && to <= t.len);
    buffer_put(out, t.ptr + from, to - from);
}

/* The text with `before`, ours and `after` in the place of `cut`. */
static void put_instead(buffer *out, muster_text t, span cut,
                        const char *before, muster_text ours, const char *after)
{
    put_part(out, t, 0, cut.from);
    buffer_put_str(out, before);
    buffer_put_text(out, ours);
    buffer_put_str(out, after);
    put_part(out, t, cut.to, t.len);
}

/* The same as the first member of the object that begins at `opener`. */
static void put_first(buffer *out, muster_text t, size_t opener,
                      const char *before, muster_text ours, const char *after)
{
    const span place = {opener + 1, opener + 1};
    const bool alone = t.ptr[skip_blank(t, opener + 1)] == '}';
    char end[8];
    const size_t len = strlen(after);
    ASSERT(len + 2 <= sizeof end);
    memcpy(end, after, len);
    memcpy(end + len, alone ? "" : ",", 2 - (size_t)alone);
    put_instead(out, t, place, before, ours, end);
}

/* The list with ours behind those of others. */
static void put_into(buffer *out, const openrtb *bid,
                     const openrtb_rules *rules, span data, muster_text ours)
{
    walk w = walk_of(bid->text, data.from);
    put_part(out, bid->text, 0, data.from + 1);
    for (json_iter it = json_iter_of(bid->data); json_next(&it);) {
        const span entry = walk_next(&w);
        if (is_ours(it.value, rules))
            continue;
        put_part(out, bid->text, entry.from, entry.to);
        buffer_put_u8(out, ',');
    }
    buffer_put_text(out, ours);
    put_part(out, bid->text, data.to - 1, bid->text.len);
}

void openrtb_insert(const openrtb *bid, const openrtb_rules *rules,
                    muster_text ours, buffer *out)
{
    const muster_text t = bid->text;
    const size_t root = skip_blank(t, 0);
    if (bid->user_at == SIZE_MAX) {
        put_first(out, t, root, "\"user\":{\"data\":[", ours, "]}");
        return;
    }
    const span user = nth_value(t, root, bid->user_at);
    if (bid->user == NULL) {
        put_instead(out, t, user, "{\"data\":[", ours, "]}");
        return;
    }
    if (bid->data_at == SIZE_MAX) {
        put_first(out, t, user.from, "\"data\":[", ours, "]");
        return;
    }
    const span data = nth_value(t, user.from, bid->data_at);
    if (bid->data == NULL)
        put_instead(out, t, data, "[", ours, "]");
    else
        put_into(out, bid, rules, data, ours);
}
