/*
 * map_emit.c - the record of a row, laid down as a tree of nodes (tape.h), so
 * that what a record may hold is checked where all formats check it.
 *
 * Slots come in the order of a record's members; one that gives nothing is
 * left out. While nodes are put their list may move, so the end of a map or
 * list is kept as a number and made a pointer when all is laid down.
 *
 * For each value that is laid down its rule is noted. When the record is
 * refused, the pointer says which value it was, and the message gets its rule.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map_row.h"

#include <stdio.h>

/* ---- nodes ---- */

static bool put_node(mapper *m, tree_value v)
{
    if (m->nodes.count == MAPPING_NODES_MAX)
        return mapper_refuse(m, INGEST_TOO_MANY,
                             "the row becomes too many facts");
    value_list_put(&m->nodes, v);
    return true;
}

static bool put_text(mapper *m, muster_text text)
{
    return put_node(m, (tree_value){TREE_TEXT, (uint32_t)text.len, {text.ptr}});
}

static bool open_node(mapper *m, tree_kind kind, size_t *at)
{
    *at = m->nodes.count;
    return put_node(m, (tree_value){.kind = kind});
}

/* Its members are behind it now. */
static void close_node(mapper *m, size_t at, size_t members)
{
    m->nodes.items[at].len = (uint32_t)members;
    m->nodes.items[at].as.integer = (int64_t)m->nodes.count;
}

static void point_ends(mapper *m)
{
    for (size_t i = 0; i < m->nodes.count; i++) {
        tree_value *v = &m->nodes.items[i];
        if (v->kind == TREE_MAP || v->kind == TREE_LIST)
            v->as.node = tape_node(m->nodes.items + v->as.integer);
    }
}

static void note_origins(mapper *m, size_t count)
{
    mem_grow(&m->origins, &m->origin_capacity, m->origin_count + count,
             sizeof *m->origins);
    for (size_t i = 0; i < count; i++)
        m->origins[m->origin_count++] = m->rule->number;
}

/* ---- values ---- */

/* As texts, where a record has texts only. */
static bool put_value(mapper *m, map_target target, tree_value v)
{
    int64_t seconds = 0;
    muster_text text;
    const bool number = v.kind == TREE_INT || v.kind == TREE_NUMBER;
    if (target == TARGET_TS && v.kind == TREE_TEXT &&
        text_parse_int(tree_text(v), &seconds))
        v = (tree_value){.kind = TREE_INT, .as.integer = seconds};
    else if (number && target != TARGET_TS && target != TARGET_SET) {
        if (!mapper_text(m, v, &text))
            return false;
        return put_text(m, text);
    }
    return put_node(m, v);
}

static bool put_values(mapper *m, const map_slot *slot)
{
    const size_t count = m->values.count;
    const bool one = slot->target != TARGET_CLEAR && count == 1;
    const bool first = slot->target == TARGET_TS ||
                       slot->target == TARGET_PROVIDER ||
                       slot->target == TARGET_TTL ||
                       slot->target == TARGET_IP || slot->target == TARGET_UA;
    size_t at = 0;
    if (one || first)
        return put_value(m, slot->target, m->values.items[0]);
    if (!open_node(m, TREE_LIST, &at))
        return false;
    for (size_t i = 0; i < count; i++) {
        tree_value v = m->values.items[i];
        muster_text text;
        if (v.kind == TREE_INT || v.kind == TREE_NUMBER) {
            if (!mapper_text(m, v, &text))
                return false;
            v = (tree_value){TREE_TEXT, (uint32_t)text.len, {text.ptr}};
        }
        if (!put_node(m, v))
            return false;
    }
    close_node(m, at, count);
    return true;
}

static bool rule_applies(mapper *m, bool *out)
{
    *out = true;
    return m->rule->condition == NULL ||
           mapper_holds(m, m->rule->condition, out);
}

static const bool target_adds_up[TARGET_COUNT] = {
#define ADDS_UP(symbol, word, named, many) many,
    MAP_TARGET_LIST(ADDS_UP)
#undef ADDS_UP
};

/* The values of a slot to m->values; *clear: an empty field clears it. */
static bool read_slot(mapper *m, const map_slot *slot, bool *clear)
{
    m->values.count = 0;
    *clear = false;
    for (size_t i = 0; i < slot->rule_count; i++) {
        const size_t before = m->values.count;
        bool applies = false;
        m->rule = slot->rules[i];
        if (!rule_applies(m, &applies))
            return false;
        if (!applies)
            continue;
        if (!mapper_read(m, &m->rule->source))
            return false;
        const size_t added = m->values.count - before;
        if (added == 0 && m->rule->required)
            return mapper_refuse(m, INGEST_MISSING,
                                 "what is required is empty");
        note_origins(m, added);
        *clear |= m->rule->clears && m->present && m->raw_count == 0;
        if (added > 0 && !target_adds_up[slot->target])
            break;
    }
    return true;
}

/* ---- events ---- */

/* The first value of a part to *out, of kind TREE_NULL when there is none. */
static bool read_part(mapper *m, event_part part, const char *leaf,
                      tree_value *out)
{
    const map_source *s = &m->rule->parts[part];
    *out = (tree_value){.kind = TREE_NULL};
    if (s->kind == SOURCE_NONE)
        return true;
    m->values.count = 0;
    m->leaf = leaf;
    if (!mapper_read(m, s))
        return false;
    m->leaf = NULL;
    if (m->values.count > 0)
        *out = m->values.items[0];
    return true;
}

static bool put_part(mapper *m, const char *key, tree_value v, map_target like,
                     size_t *members)
{
    if (v.kind == TREE_NULL)
        return true;
    ++*members;
    return put_text(m, text_of(key)) && put_value(m, like, v);
}

/* One event; parts[PART_VALUE] may be null. */
static bool put_event(mapper *m, const tree_value *parts, size_t *events)
{
    size_t at = 0;
    size_t members = 0;
    ++*events;
    note_origins(m, 1);
    if (!open_node(m, TREE_MAP, &at) ||
        !put_part(m, "name", parts[PART_NAME], TARGET_ADD, &members) ||
        !put_part(m, "value", parts[PART_VALUE], TARGET_ADD, &members) ||
        !put_part(m, "count", parts[PART_COUNT], TARGET_SET, &members) ||
        !put_part(m, "amount", parts[PART_AMOUNT], TARGET_SET, &members) ||
        !put_part(m, "ts", parts[PART_TS], TARGET_TS, &members))
        return false;
    close_node(m, at, members);
    return true;
}

static bool read_name(mapper *m, tree_value *out)
{
    const muster_text name = m->rule->name;
    *out = (tree_value){TREE_TEXT, (uint32_t)name.len, {name.ptr}};
    return name.len > 0 || read_part(m, PART_NAME, "name", out);
}

/* The events of one row or element; *asked: the rule is for it. */
static bool make_events(mapper *m, size_t *events, bool *asked)
{
    tree_value parts[PART_COUNT_OF];
    const map_source *sources = m->rule->parts;
    bool applies = false;
    if (!rule_applies(m, &applies))
        return false;
    if (!applies)
        return true;
    *asked = true;
    if (!read_name(m, &parts[PART_NAME]) ||
        !read_part(m, PART_COUNT, "count", &parts[PART_COUNT]) ||
        !read_part(m, PART_AMOUNT, "amount", &parts[PART_AMOUNT]) ||
        !read_part(m, PART_TS, "ts", &parts[PART_TS]) ||
        !read_part(m, PART_VALUE, "value", &parts[PART_VALUE]))
        return false;
    if (parts[PART_NAME].kind == TREE_NULL)
        return true;
    if (sources[PART_VALUE].kind == SOURCE_NONE) {
        const bool timed = sources[PART_TS].kind == SOURCE_NONE ||
                           parts[PART_TS].kind != TREE_NULL;
        return !timed || put_event(m, parts, events);
    }
    for (size_t i = 0; i < m->values.count; i++) {
        parts[PART_VALUE] = m->values.items[i];
        if (!put_event(m, parts, events))
            return false;
    }
    return true;
}

static bool make_each(mapper *m, size_t *events, bool *asked)
{
    value_list elements = {NULL, 0, 0};
    bool found = false;
    bool fine = true;
    m->raw.count = 0;
    mapper_elements(m, &m->rule->each, &elements, &found);
    for (size_t i = 0; i < elements.count && fine; i++) {
        m->element = elements.items[i];
        fine = make_events(m, events, asked);
    }
    mem_free(elements.items);
    return fine;
}

static bool emit_events(mapper *m, const map_slot *slot, size_t *members)
{
    size_t at = 0;
    size_t events = 0;
    const size_t key = m->nodes.count;
    m->rule = slot->rules[0];
    if (!put_text(m, map_target_words[TARGET_EVENTS]) ||
        !open_node(m, TREE_LIST, &at))
        return false;
    for (size_t i = 0; i < slot->rule_count; i++) {
        const size_t before = events;
        m->rule = slot->rules[i];
        bool asked = m->rule->condition == NULL;
        if (m->rule->has_each ? !make_each(m, &events, &asked)
                              : !make_events(m, &events, &asked))
            return false;
        if (events == before && asked && m->rule->required)
            return mapper_refuse(m, INGEST_MISSING,
                                 "the event that is required is not there");
    }
    if (events == 0) {
        m->nodes.count = key;
        return true;
    }
    close_node(m, at, events);
    ++*members;
    return true;
}

/* ---- slots ---- */

/* A member of the record that holds slots by name, while it is laid down. */
typedef struct section {
    bool open;
    size_t at;
    size_t members;
} section;

static bool begin_section(mapper *m, section *s, map_target target,
                          size_t *members)
{
    if (s->open)
        return true;
    *s = (section){.open = true};
    ++*members;
    return put_text(m, map_target_words[target]) &&
           open_node(m, TREE_MAP, &s->at);
}

static void end_section(mapper *m, section *s)
{
    if (s->open)
        close_node(m, s->at, s->members);
    s->open = false;
}

static bool emit_slot(mapper *m, const map_slot *slot, section *s,
                      size_t *members)
{
    bool clear = false;
    if (slot->target == TARGET_EVENTS)
        return emit_events(m, slot, members);
    if (!read_slot(m, slot, &clear))
        return false;
    if (m->values.count == 0 && !clear)
        return true;
    if (slot->name.len > 0) {
        if (!begin_section(m, s, slot->target, members) ||
            !put_text(m, slot->name))
            return false;
        s->members++;
    } else {
        if (!put_text(m, map_target_words[slot->target]))
            return false;
        ++*members;
    }
    if (m->values.count == 0)
        return put_node(m, (tree_value){.kind = TREE_NULL});
    return put_values(m, slot);
}

/* What the file says of all rows, where no rule has given it. */
static bool emit_default(mapper *m, map_target target, muster_text text,
                         const bool *given, size_t *members)
{
    if (text.len == 0 || given[target])
        return true;
    ++*members;
    return put_text(m, map_target_words[target]) && put_text(m, text);
}

static bool emit_slots(mapper *m, size_t *members)
{
    section s = {.open = false};
    bool given[TARGET_COUNT] = {false};
    for (size_t i = 0; i < m->map->slot_count; i++) {
        const map_slot *slot = &m->map->slots[i];
        const size_t before = m->nodes.count;
        if (i > 0 && slot->target != m->map->slots[i - 1].target)
            end_section(m, &s);
        m->slot_origins[i] = m->origin_count;
        if (!emit_slot(m, slot, &s, members))
            return false;
        given[slot->target] |= m->nodes.count > before;
    }
    end_section(m, &s);
    m->rule = NULL;
    return emit_default(m, TARGET_PROVIDER, text_of(m->map->provider), given,
                        members) &&
           emit_default(m, TARGET_TTL, m->map->ttl, given, members);
}

/* ---- the record ---- */

static int scaled_text(const tree_node *node, int64_t *out)
{
    return text_parse_number_exponent(tree_text(*tape_at(node)), out);
}

static const tree_source mapped_source = {
    tape_walk, tape_next, tape_value, scaled_text, tape_digits,
};

/* The number behind the next slash of a pointer, 0 when there is none. */
static size_t index_of(const char *rest)
{
    int64_t index = 0;
    if (*rest != '/')
        return 0;
    const size_t len = strcspn(++rest, "/");
    if (!text_parse_int(text_make(rest, len), &index) || index < 0)
        return 0;
    return (size_t)index;
}

/* What stands behind the slot's own place in a pointer; NULL when it is
 * another's. */
static const char *behind_slot(const map_slot *slot, const char *pointer)
{
    const muster_text word = map_target_words[slot->target];
    if (*pointer != '/' || strncmp(pointer + 1, word.ptr, word.len) != 0)
        return NULL;
    pointer += 1 + word.len;
    if (slot->name.len > 0) {
        if (*pointer != '/' ||
            strncmp(pointer + 1, slot->name.ptr, slot->name.len) != 0)
            return NULL;
        pointer += 1 + slot->name.len;
    }
    return *pointer == '/' || *pointer == '\0' ? pointer : NULL;
}

/* The rule that gave what a pointer names, NULL when none did. */
static const map_rule *rule_at(const mapper *m, const char *pointer)
{
    for (size_t i = 0; i < m->map->slot_count; i++) {
        const char *rest = behind_slot(&m->map->slots[i], pointer);
        if (rest == NULL)
            continue;
        const size_t end = i + 1 < m->map->slot_count ? m->slot_origins[i + 1]
                                                      : m->origin_count;
        const size_t at = m->slot_origins[i] + index_of(rest);
        return at < end ? &m->map->rules[m->origins[at] - 1] : NULL;
    }
    return NULL;
}

/* The record was refused: says which rule made what is wrong. */
static void name_rule(const mapper *m)
{
    ASSERT(m->front->reject_count > 0);
    ingest_reject *r = &m->front->rejects[m->front->reject_count - 1];
    const map_rule *rule = rule_at(m, r->pointer);
    char tail[140] = "";
    char row[40] = "";
    if (m->row_number > 0)
        snprintf(row, sizeof row, "row %llu",
                 (unsigned long long)m->row_number);
    if (rule != NULL)
        snprintf(tail, sizeof tail, " (rule %u, %.*s%s%s)", rule->number,
                 (int)(rule->to.len < 60 ? rule->to.len : 60), rule->to.ptr,
                 row[0] != '\0' ? ", " : "", row);
    else if (row[0] != '\0')
        snprintf(tail, sizeof tail, " (%s)", row);
    const size_t most = sizeof r->message - 1 - strlen(tail);
    size_t len = strlen(r->message);
    if (len > most)
        len = text_utf8_prefix(text_make(r->message, most));
    snprintf(r->message + len, sizeof r->message - len, "%s", tail);
}

bool mapper_emit(mapper *m)
{
    size_t root = 0;
    size_t members = 0;
    m->nodes.count = 0;
    m->origin_count = 0;
    if (!open_node(m, TREE_MAP, &root) || !emit_slots(m, &members))
        return false;
    close_node(m, root, members);
    point_ends(m);
    if (record_read_tree(m->front, &mapped_source,
                         tape_value(tape_node(m->nodes.items))))
        return true;
    name_rule(m);
    return false;
}
