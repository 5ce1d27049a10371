/*
 * record_tree.c - one record that comes as nested maps (NDJSON, msgpack) to
 * facts. A format shows its values through a tree_source; what a record may
 * hold is said here, once for all of them:
 *
 *   ids       map: space -> text or list of texts; required, 1 to 64 ids
 *   ts        RFC 3339 text or whole seconds; else now
 *   provider  text
 *   ttl       text like 30d, or 0
 *   clear     list of attribute names
 *   remove    map: attribute -> text or list of texts
 *   set       map: attribute -> text, number, bool, list of texts, null
 *   add       map: attribute -> text or list of texts
 *   events    list of maps: name, value, count, amount, ts
 *   ip, ua    text       \
 *   sua, ch   maps        | derived from (derive.c), and dropped
 *   device    map        /
 *   consent   map        accepted, and dropped
 *
 * Members may come in any order: they are noted first and read in the order
 * of this list, which is the order in which their facts apply. Anything else
 * is refused with the nearest known name. A key stands once in its map.
 *
 * Cost: one pass over the members, no allocation. Depth: the shape above is
 * four levels; only what is dropped is walked deeper, as deep as the format
 * allows, and its keys are sorted to find one that stands twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/derive.h"

#include <stdlib.h>

/* X(word): the members of a record, the frequent ones first. */
#define MEMBER_LIST(X)                                                         \
    X(ids)                                                                     \
    X(events)                                                                  \
    X(ts)                                                                      \
    X(provider)                                                                \
    X(set)                                                                     \
    X(add)                                                                     \
    X(ttl)                                                                     \
    X(remove)                                                                  \
    X(clear)                                                                   \
    X(ip)                                                                      \
    X(ua)                                                                      \
    X(sua)                                                                     \
    X(ch)                                                                      \
    X(device)                                                                  \
    X(consent)

typedef enum member {
#define MEMBER_ENUM(word) MEMBER_##word,
    MEMBER_LIST(MEMBER_ENUM)
#undef MEMBER_ENUM
    MEMBER_COUNT
} member;

/* X(word): the members of an event. */
#define EVENT_MEMBER_LIST(X)                                                   \
    X(name)                                                                    \
    X(value)                                                                   \
    X(count)                                                                   \
    X(amount)                                                                  \
    X(ts)

typedef enum event_member {
#define EVENT_MEMBER_ENUM(word) EVENT_##word,
    EVENT_MEMBER_LIST(EVENT_MEMBER_ENUM)
#undef EVENT_MEMBER_ENUM
    EVENT_MEMBER_COUNT
} event_member;

#define MEMBER_NAME(word) {#word, sizeof(#word) - 1},
static const muster_text member_names[] = {MEMBER_LIST(MEMBER_NAME)};
static const muster_text event_names[] = {EVENT_MEMBER_LIST(MEMBER_NAME)};
#undef MEMBER_NAME

/* The record that is being read. */
typedef struct reading {
    record_front *front;
    const tree_source *source;
    bool has[MEMBER_COUNT];
    tree_value members[MEMBER_COUNT];
} reading;

#define DEPTH_MAX 100 /* of what is dropped; formats are bounded below this */
#define KEYS_ON_STACK 32u
#define WHOLE_LIMIT ((int64_t)1 << MUSTER_NUMBER_BITS)

static const char *kind_name(tree_kind kind)
{
    static const char *const names[] = {
        [TREE_NULL] = "null",         [TREE_BOOL] = "a boolean",
        [TREE_INT] = "a number",      [TREE_NUMBER] = "a number",
        [TREE_TEXT] = "a string",     [TREE_TIME] = "a timestamp",
        [TREE_LIST] = "an array",     [TREE_MAP] = "an object",
        [TREE_OTHER] = "binary data",
    };
    return names[kind];
}

static bool refuse_type(record_front *f, const record_where *where,
                        const char *wanted, tree_kind got)
{
    return record_refuse(f, INGEST_WRONG_TYPE, where,
                         "%s is expected here, not %s", wanted, kind_name(got));
}

/* Known names have up to 8 bytes: they are compared as words. */
#define IF_NAME(word, number)                                                  \
    if (bytes == intern_word(word, sizeof(word) - 1) &&                        \
        key.len == sizeof(word) - 1)                                           \
        return number;

/* Number of the member that `key` is, MEMBER_COUNT when it is none. */
static inline size_t find_member(muster_text key)
{
    if (key.len > 8)
        return MEMBER_COUNT;
    const uint64_t bytes = intern_word(key.ptr, key.len);
#define IF_MEMBER(word) IF_NAME(#word, MEMBER_##word)
    MEMBER_LIST(IF_MEMBER)
#undef IF_MEMBER
    return MEMBER_COUNT;
}

static inline size_t find_event_member(muster_text key)
{
    if (key.len > 8)
        return EVENT_MEMBER_COUNT;
    const uint64_t bytes = intern_word(key.ptr, key.len);
#define IF_MEMBER(word) IF_NAME(#word, EVENT_##word)
    EVENT_MEMBER_LIST(IF_MEMBER)
#undef IF_MEMBER
    return EVENT_MEMBER_COUNT;
}

/* The names of one map and how to find one. */
typedef struct name_list {
    const muster_text *names;
    size_t count;
    size_t (*find)(muster_text key);
} name_list;

static const name_list member_list = {member_names, MEMBER_COUNT, find_member};
static const name_list event_list = {event_names, EVENT_MEMBER_COUNT,
                                     find_event_member};

/* A TREE_INT or TREE_NUMBER x 10^4: 0 or a code. */
static int scaled_of(const tree_source *source, tree_value v, int64_t *out)
{
    if (v.kind == TREE_NUMBER)
        return source->scaled(v.as.node, out);
    ASSERT(v.kind == TREE_INT);
    if (v.as.integer <= -WHOLE_LIMIT || v.as.integer >= WHOLE_LIMIT)
        return MUSTER_ELIMIT;
    *out = v.as.integer * MUSTER_NUMBER_SCALE;
    return 0;
}

/* The unknown key is shown when it looks like a name. */
static bool refuse_unknown(record_front *f, record_where where,
                           const name_list *known, muster_text key)
{
    const bool shown = record_shows(key);
    const muster_text label = shown ? key : text_of("a member");
    near_name near;
    near_init(&near, key);
    for (size_t i = 0; i < known->count && shown; i++)
        near_offer(&near, known->names[i]);
    if (where.section[0] == '\0')
        where.name = &key;
    if (near.best.ptr == NULL)
        return record_refuse(f, INGEST_UNKNOWN_FIELD, &where,
                             "%.*s is not known here", (int)label.len,
                             label.ptr);
    return record_refuse(f, INGEST_UNKNOWN_FIELD, &where,
                         "%.*s is not known here; did you mean %.*s?",
                         (int)label.len, label.ptr, (int)near.best.len,
                         near.best.ptr);
}

static bool refuse_repeated(record_front *f, record_where where,
                            const char *name)
{
    if (where.section[0] == '\0')
        where.section = name;
    else
        where.leaf = name;
    return record_refuse(f, INGEST_DUPLICATE_KEY, &where, "%s stands twice",
                         name);
}

static bool key_is_text(record_front *f, const tree_iter *it,
                        const record_where *where)
{
    if (it->key.ptr != NULL)
        return true;
    return record_refuse(f, INGEST_WRONG_TYPE, where,
                         "the keys of an object are strings");
}

/* Notes the members of a map by number; refuses what is not known and what
 * stands twice. */
static inline bool note_members(reading *r, tree_value map,
                                const record_where *where,
                                const name_list *known, bool *has,
                                tree_value *values)
{
    memset(has, 0, known->count * sizeof *has);
    tree_iter it = r->source->walk(map.as.node);
    while (r->source->next(&it)) {
        if (!key_is_text(r->front, &it, where))
            return false;
        const size_t i = known->find(it.key);
        if (i == known->count)
            return refuse_unknown(r->front, *where, known, it.key);
        if (has[i])
            return refuse_repeated(r->front, *where, known->names[i].ptr);
        has[i] = true;
        values[i] = r->source->value(it.value);
    }
    return true;
}

/* ---- ids ---- */

static bool read_id(reading *r, uint32_t space, tree_value v,
                    const record_where *where)
{
    if (v.kind != TREE_TEXT)
        return refuse_type(r->front, where, "an id as a string", v.kind);
    return record_id(r->front, space, tree_text(v), where);
}

static bool read_space(reading *r, const tree_iter *space)
{
    record_where where = {"ids", &space->key, -1, NULL};
    const tree_value v = r->source->value(space->value);
    uint32_t number = 0;
    if (!record_space(r->front, &where, &number))
        return false;
    if (v.kind != TREE_LIST)
        return read_id(r, number, v, &where);
    tree_iter it = r->source->walk(v.as.node);
    for (where.index = 0; r->source->next(&it); where.index++)
        if (!read_id(r, number, r->source->value(it.value), &where))
            return false;
    return true;
}

/* Spaces are few: a repeated one is looked for among all before it. */
static bool space_is_repeated(const muster_text *spaces, size_t count,
                              muster_text name)
{
    for (size_t i = 0; i < count; i++)
        if (intern_same(spaces[i], name))
            return true;
    return false;
}

static bool read_ids(reading *r)
{
    const record_where where = RECORD_AT("ids");
    const tree_value ids = r->members[MEMBER_ids];
    muster_text spaces[MUSTER_RECORD_IDS_MAX];
    size_t count = 0;
    if (!r->has[MEMBER_ids])
        return record_has_ids(r->front);
    if (ids.kind != TREE_MAP)
        return refuse_type(r->front, &where, "an object of id spaces",
                           ids.kind);
    tree_iter it = r->source->walk(ids.as.node);
    while (r->source->next(&it)) {
        if (!key_is_text(r->front, &it, &where))
            return false;
        if (count == MUSTER_RECORD_IDS_MAX)
            return record_refuse(r->front, INGEST_TOO_MANY, &where,
                                 "a record has at most %u ids",
                                 MUSTER_RECORD_IDS_MAX);
        if (space_is_repeated(spaces, count, it.key))
            return record_refuse(r->front, INGEST_DUPLICATE_KEY,
                                 &(record_where){"ids", &it.key, -1, NULL},
                                 "the id space stands twice");
        spaces[count++] = it.key;
        if (!read_space(r, &it))
            return false;
    }
    return record_has_ids(r->front);
}

/* ---- ts, provider, ttl, what is dropped ---- */

static bool read_time(reading *r, tree_value v, const record_where *where,
                      muster_time *out)
{
    if (v.kind == TREE_TEXT)
        return record_time_text(r->front, tree_text(v), where, out);
    if (v.kind == TREE_INT || v.kind == TREE_TIME)
        return record_time_seconds(r->front, v.as.integer, where, out);
    if (v.kind == TREE_NUMBER)
        return record_refuse(r->front, INGEST_BAD_TIME, where,
                             "a time in numbers is whole seconds");
    return refuse_type(r->front, where, "a time", v.kind);
}

static bool read_ttl(reading *r, tree_value v)
{
    const record_where where = RECORD_AT("ttl");
    if (v.kind == TREE_TEXT)
        return record_ttl_text(r->front, tree_text(v));
    if (v.kind != TREE_INT && v.kind != TREE_NUMBER)
        return refuse_type(r->front, &where, "a ttl as a string", v.kind);
    if (v.kind != TREE_INT || v.as.integer != 0)
        return record_refuse(r->front, INGEST_BAD_TTL, &where,
                             "the only ttl in numbers is 0; others have a "
                             "unit, like 30d or 12h");
    r->front->ttl_hours = 0;
    return true;
}

static bool read_provider(reading *r, tree_value v)
{
    if (v.kind != TREE_TEXT)
        return refuse_type(r->front, &RECORD_AT("provider"), "a name", v.kind);
    return record_provider(r->front, tree_text(v));
}

static int compare_keys(const void *a, const void *b)
{
    return text_compare(*(const muster_text *)a, *(const muster_text *)b);
}

/* Whether a key of the map itself stands twice. */
static bool map_repeats(const tree_source *source, tree_value map)
{
    tree_iter it = source->walk(map.as.node);
    const size_t most = it.left;
    if (most < 2)
        return false;
    muster_text few[KEYS_ON_STACK];
    muster_text *keys =
        most <= KEYS_ON_STACK ? few : mem_array(most, sizeof *keys);
    size_t count = 0;
    while (source->next(&it))
        if (it.key.ptr != NULL && count < most)
            keys[count++] = it.key;
    qsort(keys, count, sizeof *keys, compare_keys);
    bool repeats = false;
    for (size_t i = 1; i < count; i++)
        repeats |= text_equal(keys[i - 1], keys[i]);
    if (keys != few)
        mem_free(keys);
    return repeats;
}

static bool tree_repeats(const tree_source *source, tree_value v, int depth)
{
    if ((v.kind != TREE_MAP && v.kind != TREE_LIST) || depth > DEPTH_MAX)
        return false;
    if (v.kind == TREE_MAP && map_repeats(source, v))
        return true;
    tree_iter it = source->walk(v.as.node);
    while (source->next(&it))
        if (tree_repeats(source, source->value(it.value), depth + 1))
            return true;
    return false;
}

static bool check_dropped(reading *r)
{
    record_front *f = r->front;
    const member texts[] = {MEMBER_ip, MEMBER_ua};
    for (size_t i = 0; i < 2; i++) {
        const tree_value v = r->members[texts[i]];
        if (r->has[texts[i]] && v.kind != TREE_TEXT)
            return refuse_type(f, &RECORD_AT(member_names[texts[i]].ptr),
                               "a string", v.kind);
    }
    const member maps[] = {MEMBER_sua, MEMBER_ch, MEMBER_device,
                           MEMBER_consent};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        const tree_value v = r->members[maps[i]];
        const record_where where = RECORD_AT(member_names[maps[i]].ptr);
        if (!r->has[maps[i]])
            continue;
        if (v.kind != TREE_MAP)
            return refuse_type(f, &where, "an object", v.kind);
        if (tree_repeats(r->source, v, 0))
            return record_refuse(f, INGEST_DUPLICATE_KEY, &where,
                                 "a key stands twice");
    }
    return true;
}

static bool read_head(reading *r)
{
    record_front *f = r->front;
    if (!read_ids(r))
        return false;
    if (r->has[MEMBER_ts] &&
        !read_time(r, r->members[MEMBER_ts], &RECORD_AT("ts"), &f->ts))
        return false;
    if (r->has[MEMBER_provider] &&
        !read_provider(r, r->members[MEMBER_provider]))
        return false;
    if (r->has[MEMBER_ttl] && !read_ttl(r, r->members[MEMBER_ttl]))
        return false;
    return check_dropped(r);
}

/* ---- clear, remove, set, add ---- */

static bool read_clear(reading *r, tree_value v)
{
    record_front *f = r->front;
    record_where where = RECORD_AT("clear");
    if (v.kind != TREE_LIST)
        return refuse_type(f, &where, "an array of attribute names", v.kind);
    tree_iter it = r->source->walk(v.as.node);
    for (where.index = 0; r->source->next(&it); where.index++) {
        const tree_value name = r->source->value(it.value);
        if (name.kind != TREE_TEXT)
            return refuse_type(f, &where, "the name of an attribute",
                               name.kind);
        uint32_t attribute = 0;
        if (!record_attribute(f, tree_text(name), &where, &attribute) ||
            !record_put_attribute(f, FACT_CLEAR, attribute))
            return false;
    }
    return true;
}

/* A list of values, each a fact `op`. */
static bool read_values(reading *r, tree_value list, fact_op op,
                        uint32_t attribute, record_where *where)
{
    tree_iter it = r->source->walk(list.as.node);
    for (where->index = 0; r->source->next(&it); where->index++) {
        const tree_value value = r->source->value(it.value);
        if (value.kind != TREE_TEXT)
            return refuse_type(r->front, where, "a value as a string",
                               value.kind);
        if (!record_put_term(r->front, op, attribute, tree_text(value), where))
            return false;
    }
    return true;
}

/* One attribute of `add` or `remove`. */
static bool read_values_of(reading *r, record_section section, fact_op op,
                           const tree_iter *at, record_where *where)
{
    const tree_value v = r->source->value(at->value);
    uint32_t attribute = 0;
    if (!record_attribute_once(r->front, section, where, &attribute))
        return false;
    if (v.kind == TREE_TEXT)
        return record_put_term(r->front, op, attribute, tree_text(v), where);
    if (v.kind != TREE_LIST)
        return refuse_type(r->front, where, "an array of strings", v.kind);
    return read_values(r, v, op, attribute, where);
}

static bool read_number(reading *r, tree_value v, uint32_t attribute,
                        const record_where *where)
{
    int64_t scaled = 0;
    fact *f = NULL;
    if (scaled_of(r->source, v, &scaled) != 0)
        return record_refuse(r->front, INGEST_BAD_NUMBER, where,
                             "a number lies below 2^40 and has at most 4 "
                             "decimals");
    if (!record_put(r->front, FACT_NUMBER, attribute, FACT_NO_TERM, &f))
        return false;
    f->number = scaled;
    return true;
}

/* One attribute of `set`. */
static bool read_set_of(reading *r, record_section section, fact_op op,
                        const tree_iter *at, record_where *where)
{
    const tree_value v = r->source->value(at->value);
    uint32_t attribute = 0;
    if (!record_attribute_once(r->front, section, where, &attribute))
        return false;
    switch (v.kind) {
    case TREE_TEXT:
        return record_put_term(r->front, op, attribute, tree_text(v), where);
    case TREE_INT:
    case TREE_NUMBER:
        return read_number(r, v, attribute, where);
    case TREE_BOOL:
        return record_put_attribute(
            r->front, v.as.integer != 0 ? FACT_FLAG : FACT_UNFLAG, attribute);
    case TREE_NULL:
        return record_put_attribute(r->front, FACT_CLEAR, attribute);
    case TREE_LIST:
        return record_put_attribute(r->front, FACT_REPLACE, attribute) &&
               read_values(r, v, FACT_ADD, attribute, where);
    case TREE_TIME:
    case TREE_MAP:
    case TREE_OTHER:
        break;
    }
    return refuse_type(r->front, where,
                       "a string, number, boolean, array or null", v.kind);
}

typedef bool (*section_reader)(reading *r, record_section section, fact_op op,
                               const tree_iter *at, record_where *where);

static bool read_section(reading *r, member which, record_section section,
                         fact_op op, section_reader read_one)
{
    if (!r->has[which])
        return true;
    const tree_value map = r->members[which];
    const record_where whole = RECORD_AT(member_names[which].ptr);
    if (map.kind != TREE_MAP)
        return refuse_type(r->front, &whole, "an object of attributes",
                           map.kind);
    tree_iter it = r->source->walk(map.as.node);
    while (r->source->next(&it)) {
        record_where where = {whole.section, &it.key, -1, NULL};
        if (!key_is_text(r->front, &it, &whole) ||
            !read_one(r, section, op, &it, &where))
            return false;
    }
    return true;
}

/* ---- events ---- */

static bool read_count(reading *r, tree_value v, fact *event,
                       record_where where)
{
    where.leaf = "count";
    if (v.kind != TREE_INT && v.kind != TREE_NUMBER)
        return refuse_type(r->front, &where, "a whole number", v.kind);
    if (v.kind != TREE_INT || v.as.integer < 1 ||
        v.as.integer > MUSTER_EVENT_COUNT_MAX)
        return record_refuse(r->front, INGEST_BAD_COUNT, &where,
                             "a count is a whole number from 1 to %lld",
                             MUSTER_EVENT_COUNT_MAX);
    event->count = (uint32_t)v.as.integer;
    return true;
}

static bool read_amount(reading *r, tree_value v, fact *event,
                        record_where where)
{
    where.leaf = "amount";
    if (v.kind != TREE_INT && v.kind != TREE_NUMBER)
        return refuse_type(r->front, &where, "a number", v.kind);
    if (scaled_of(r->source, v, &event->amount) != 0 ||
        event->amount > MUSTER_AMOUNT_MAX * MUSTER_NUMBER_SCALE)
        return record_refuse(r->front, INGEST_BAD_NUMBER, &where,
                             "an amount is at most %lld and has at most 4 "
                             "decimals",
                             MUSTER_AMOUNT_MAX);
    if (event->amount < 0)
        return record_refuse(r->front, INGEST_BAD_NUMBER, &where,
                             "an amount is not negative; record refunds as "
                             "an event of their own");
    event->has_amount = true;
    return true;
}

/* Name and value: makes the fact. */
static bool read_event_what(reading *r, const bool *has,
                            const tree_value *values, record_where where,
                            fact **out)
{
    record_front *f = r->front;
    uint32_t attribute = 0;
    uint32_t term = FACT_NO_TERM;
    where.leaf = "name";
    if (!has[EVENT_name])
        return record_refuse(f, INGEST_BAD_NAME, &where,
                             "an event needs a name");
    if (values[EVENT_name].kind != TREE_TEXT)
        return refuse_type(f, &where, "the name of an attribute",
                           values[EVENT_name].kind);
    if (!record_attribute(f, tree_text(values[EVENT_name]), &where, &attribute))
        return false;
    where.leaf = "value";
    if (has[EVENT_value] && values[EVENT_value].kind != TREE_TEXT)
        return refuse_type(f, &where, "a value as a string",
                           values[EVENT_value].kind);
    if (has[EVENT_value] &&
        !record_term(f, attribute, tree_text(values[EVENT_value]), &where,
                     &term))
        return false;
    return record_put(f, FACT_EVENT, attribute, term, out);
}

static bool read_event(reading *r, tree_value v, const record_where *where)
{
    bool has[EVENT_MEMBER_COUNT];
    tree_value values[EVENT_MEMBER_COUNT];
    fact *event = NULL;
    if (v.kind != TREE_MAP)
        return refuse_type(r->front, where, "an event as an object", v.kind);
    if (!note_members(r, v, where, &event_list, has, values))
        return false;
    if (!read_event_what(r, has, values, *where, &event))
        return false;
    event->ts = r->front->ts;
    event->count = 1;
    if (has[EVENT_count] && !read_count(r, values[EVENT_count], event, *where))
        return false;
    if (has[EVENT_amount] &&
        !read_amount(r, values[EVENT_amount], event, *where))
        return false;
    record_where ts_where = *where;
    ts_where.leaf = "ts";
    return !has[EVENT_ts] ||
           read_time(r, values[EVENT_ts], &ts_where, &event->ts);
}

static bool read_events(reading *r, tree_value v)
{
    record_where where = RECORD_AT("events");
    if (v.kind != TREE_LIST)
        return refuse_type(r->front, &where, "an array of events", v.kind);
    tree_iter it = r->source->walk(v.as.node);
    for (where.index = 0; r->source->next(&it); where.index++)
        if (!read_event(r, r->source->value(it.value), &where))
            return false;
    return true;
}

/* ---- what a record brings to derive from ---- */

static muster_text text_member(const reading *r, member which)
{
    return r->has[which] ? tree_text(r->members[which]) : text_make(NULL, 0);
}

static tree_value map_member(const reading *r, member which)
{
    return r->has[which] ? r->members[which] : (tree_value){.kind = TREE_NULL};
}

/* The address of an OpenRTB device: `ip`, else `ipv6`. */
static muster_text device_address(const tree_source *source, tree_value device)
{
    muster_text v4 = {NULL, 0};
    muster_text v6 = {NULL, 0};
    tree_iter it = source->walk(device.as.node);
    while (source->next(&it)) {
        const tree_value v = source->value(it.value);
        if (v.kind == TREE_TEXT && text_is(it.key, "ip"))
            v4 = tree_text(v);
        if (v.kind == TREE_TEXT && text_is(it.key, "ipv6"))
            v6 = tree_text(v);
    }
    return v4.len > 0 ? v4 : v6;
}

static bool read_derived(reading *r)
{
    if (r->front->deriver == NULL)
        return true;
    derive_input in = {
        .ip = text_member(r, MEMBER_ip),
        .device = {
            .ua = text_member(r, MEMBER_ua),
            .source = r->source,
            .sua = map_member(r, MEMBER_sua),
            .ch = map_member(r, MEMBER_ch),
            .device = map_member(r, MEMBER_device),
        },
    };
    if (in.ip.len == 0 && in.device.device.kind == TREE_MAP)
        in.ip = device_address(r->source, in.device.device);
    return record_derive(r->front, &in);
}

bool record_read_tree(record_front *f, const tree_source *source,
                      tree_value root)
{
    ASSERT(root.kind == TREE_MAP);
    reading r;
    r.front = f;
    r.source = source;
    if (!note_members(&r, root, &RECORD_WHOLE, &member_list, r.has, r.members))
        return false;
    if (!read_head(&r))
        return false;
    if (r.has[MEMBER_clear] && !read_clear(&r, r.members[MEMBER_clear]))
        return false;
    return read_section(&r, MEMBER_remove, SECTION_REMOVE, FACT_REMOVE,
                        read_values_of) &&
           read_section(&r, MEMBER_set, SECTION_SET, FACT_SET, read_set_of) &&
           read_section(&r, MEMBER_add, SECTION_ADD, FACT_ADD,
                        read_values_of) &&
           (!r.has[MEMBER_events] ||
            read_events(&r, r.members[MEMBER_events])) &&
           read_derived(&r);
}
