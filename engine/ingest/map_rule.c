/*
 * map_rule.c - rules and conditions as the file says them, and what fits
 * where: which conversions a target takes, and that nothing private is
 * stored.
 *
 * `to` is looked up first: it decides which other members a rule may have.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"

#include <stdio.h>

#define PARTS_MAX 100u /* of a condition */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONVERT_BIT(convert) (1u << (convert))

#define TARGET_WORD(symbol, word, named, many) {word, sizeof(word) - 1},
const muster_text map_target_words[TARGET_COUNT] = {
    MAP_TARGET_LIST(TARGET_WORD)};
#undef TARGET_WORD

#define TARGET_NAMED(symbol, word, named, many) named,
static const bool target_is_named[TARGET_COUNT] = {
    MAP_TARGET_LIST(TARGET_NAMED)};
#undef TARGET_NAMED

/* Conversions that a target takes, beside none. */
static const unsigned target_converts[TARGET_COUNT] = {
    [TARGET_IDS] = CONVERT_BIT(CONVERT_HASH) | CONVERT_BIT(CONVERT_NUMBER),
    [TARGET_TS] = CONVERT_BIT(CONVERT_DATE),
    [TARGET_SET] = CONVERT_BIT(CONVERT_DATE) | CONVERT_BIT(CONVERT_NUMBER) |
                   CONVERT_BIT(CONVERT_FLAG),
};

static const char *const part_words[PART_COUNT_OF] = {
    [PART_NAME] = "name",     [PART_VALUE] = "value", [PART_COUNT] = "count",
    [PART_AMOUNT] = "amount", [PART_TS] = "ts",
};

static const unsigned part_converts[PART_COUNT_OF] = {
    [PART_COUNT] = CONVERT_BIT(CONVERT_NUMBER),
    [PART_AMOUNT] = CONVERT_BIT(CONVERT_NUMBER),
    [PART_TS] = CONVERT_BIT(CONVERT_DATE),
};

/* ---- conditions ---- */

/* A condition while its members are read. */
typedef struct condition_reading {
    map_condition *c;
    bool has_field;
    bool optional;
    unsigned tests; /* members that say what is asked */
} condition_reading;

static int read_field_member(json_form *f, const json_value *v, void *target)
{
    condition_reading *r = target;
    r->has_field = true;
    return map_ref_read(f, v, &r->c->ref);
}

static int read_in(json_form *f, const json_value *v, void *target)
{
    condition_reading *r = target;
    r->tests++;
    r->c->kind = CONDITION_IN;
    return map_read_words(f, v, &r->c->words);
}

static int read_not_in(json_form *f, const json_value *v, void *target)
{
    condition_reading *r = target;
    r->tests++;
    r->c->kind = CONDITION_NOT_IN;
    return map_read_words(f, v, &r->c->words);
}

static int read_is_empty(json_form *f, const json_value *v, void *target)
{
    condition_reading *r = target;
    bool empty = false;
    const int rc = form_read_bool(f, v, &empty);
    r->tests++;
    r->c->kind = empty ? CONDITION_EMPTY : CONDITION_FILLED;
    return rc;
}

static int add_part(json_form *f, const json_value *v, void *target)
{
    map_condition *c = target;
    return map_condition_read(f, v, &c->parts[c->part_count++]);
}

static int read_parts(json_form *f, const json_value *v, void *target,
                      condition_kind kind, size_t most)
{
    condition_reading *r = target;
    const size_t count = json_typeof(v) == JSON_ARRAY ? json_count(v) : 1;
    r->tests++;
    r->c->kind = kind;
    if (count == 0 || count > most ||
        (most > 1) != (json_typeof(v) == JSON_ARRAY))
        return map_fail(f,
                        most > 1 ? "an array of 1 to %zu conditions is "
                                   "expected"
                                 : "a condition is expected",
                        most);
    r->c->parts = map_keep(f, count * sizeof *r->c->parts);
    return form_read_each(f, v, add_part, r->c);
}

static int read_all(json_form *f, const json_value *v, void *target)
{
    return read_parts(f, v, target, CONDITION_ALL, PARTS_MAX);
}

static int read_any(json_form *f, const json_value *v, void *target)
{
    return read_parts(f, v, target, CONDITION_ANY, PARTS_MAX);
}

static int read_not(json_form *f, const json_value *v, void *target)
{
    return read_parts(f, v, target, CONDITION_NOT, 1);
}

static int read_if_optional(json_form *f, const json_value *v, void *target)
{
    condition_reading *r = target;
    return form_read_bool(f, v, &r->optional);
}

int map_condition_read(json_form *f, const json_value *v, map_condition *out)
{
    static const form_member members[] = {
        {"field", read_field_member},
        {"in", read_in},
        {"not_in", read_not_in},
        {"empty", read_is_empty},
        {"all", read_all},
        {"any", read_any},
        {"not", read_not},
        {"optional", read_if_optional},
    };
    condition_reading r = {.c = out};
    map_file *file = map_file_of(f);
    if (++file->nesting > MAPPING_NESTING_MAX)
        return map_fail(f, "conditions are nested at most %u deep",
                        MAPPING_NESTING_MAX);
    const int rc = form_read_object(f, v, members, COUNT_OF(members), &r);
    if (rc != 0)
        return rc;
    file->nesting--;
    const bool asks_field = out->kind <= CONDITION_FILLED;
    if (r.tests != 1 || asks_field != r.has_field ||
        (r.optional && !r.has_field))
        return map_fail(f, "a condition is a \"field\" with \"in\", \"not_in\" "
                           "or \"empty\", or one of \"all\", \"any\" and "
                           "\"not\"");
    if (r.has_field)
        map_need_add(f, &out->ref, 1, r.optional);
    return 0;
}

/* ---- members of rules ---- */

static int read_to(json_form *f, const json_value *v, void *target)
{
    (void)f; /* read before the others */
    (void)v;
    (void)target;
    return 0;
}

static int read_if(json_form *f, const json_value *v, void *target)
{
    map_rule *r = target;
    r->condition = map_keep(f, sizeof *r->condition);
    return map_condition_read(f, v, r->condition);
}

static int read_required(json_form *f, const json_value *v, void *target)
{
    map_rule *r = target;
    return form_read_bool(f, v, &r->required);
}

static int read_empty(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"skip", "clear"};
    map_rule *r = target;
    size_t word = 0;
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    r->clears = word == 1;
    if (rc == 0 && r->clears && r->target != TARGET_SET)
        return map_fail(f, "only a \"set\" can clear");
    return rc;
}

static int read_part(json_form *f, const json_value *v, map_rule *r,
                     event_part part)
{
    map_source *s = &r->parts[part];
    const int rc = map_source_read(f, v, s);
    if (rc != 0)
        return rc;
    if (s->convert == CONVERT_NONE &&
        part_converts[part] == CONVERT_BIT(CONVERT_NUMBER)) {
        s->convert = CONVERT_NUMBER;
        s->number = (number_format){.decimal = '.', .scale = 1};
    }
    if (s->convert != CONVERT_NONE &&
        (part_converts[part] & CONVERT_BIT(s->convert)) == 0)
        return map_fail(f, "the %s of an event does not take this conversion",
                        part_words[part]);
    if (s->has_as)
        return map_fail(f, "a time is a moment; \"as\" belongs to \"set\"");
    if (part != PART_TS && map_source_shows(s))
        return map_fail(f, "a private field would be stored");
    return 0;
}

#define PART_READER(name, part)                                                \
    static int name(json_form *f, const json_value *v, void *target)           \
    {                                                                          \
        return read_part(f, v, target, part);                                  \
    }
PART_READER(read_event_name, PART_NAME)
PART_READER(read_event_value, PART_VALUE)
PART_READER(read_event_count, PART_COUNT)
PART_READER(read_event_amount, PART_AMOUNT)
PART_READER(read_event_ts, PART_TS)
#undef PART_READER

static const form_member rule_members[] = {
    {"to", read_to},
    {"if", read_if},
    {"required", read_required},
    {"about", map_read_about},
};
static const form_member value_members[] = {
    {"empty", read_empty},
};
static const form_member event_members[] = {
    {"each", read_to},           {"optional", read_to},
    {"name", read_event_name},   {"value", read_event_value},
    {"count", read_event_count}, {"amount", read_event_amount},
    {"ts", read_event_ts},
};
#define RULE_MEMBERS_MAX                                                       \
    (COUNT_OF(rule_members) + COUNT_OF(value_members) +                        \
     COUNT_OF(event_members) + MAP_SOURCE_MEMBERS)

/* ---- targets ---- */

static bool name_is_fine(map_target target, muster_text name)
{
    if (target == TARGET_IDS)
        return record_shows(name);
    return catalog_is_attribute_name(name);
}

/* The word of the target before the point, the name behind it. */
static int split_target(json_form *f, map_rule *r)
{
    const char *words[TARGET_COUNT];
    const char *point = memchr(r->to.ptr, '.', r->to.len);
    const size_t len = point != NULL ? (size_t)(point - r->to.ptr) : r->to.len;
    const muster_text word = text_make(r->to.ptr, len);
    int target = TARGET_COUNT;
    for (int i = 0; i < TARGET_COUNT; i++) {
        words[i] = map_target_words[i].ptr;
        if (text_equal(word, map_target_words[i]))
            target = i;
    }
    if (target == TARGET_COUNT)
        return form_wrong_word(f, word, words, TARGET_COUNT);
    r->target = (map_target)target;
    r->name =
        point != NULL ? text_make(point + 1, r->to.len - len - 1) : text_of("");
    const bool bare = point == NULL && r->target == TARGET_EVENTS;
    if (target_is_named[target] != (point != NULL) && !bare)
        return map_fail(f,
                        point != NULL ? "nothing follows `%.*s`"
                                      : "a name follows, like %.*s.name",
                        (int)len, r->to.ptr);
    if (point != NULL && !name_is_fine(r->target, r->name))
        return map_fail(f, "the name behind `%.*s.` is malformed", (int)len,
                        r->to.ptr);
    return 0;
}

/* `optional` of a rule goes for all columns that it names. */
static int begin_optional(json_form *f, const json_value *v)
{
    const json_value *optional = json_get(v, "optional");
    map_file_of(f)->optional = false;
    if (optional == NULL)
        return 0;
    form_enter(f, text_of("optional"));
    const int rc = form_read_bool(f, optional, &map_file_of(f)->optional);
    if (rc == 0)
        form_leave(f);
    return rc;
}

static int begin_each(json_form *f, const json_value *v, map_rule *r)
{
    const json_value *each = json_get(v, "each");
    if (each == NULL)
        return 0;
    form_enter(f, text_of("each"));
    if (map_file_of(f)->map->is_csv)
        return map_fail(f, "only JSON has arrays");
    const int rc = map_path_read(f, each, &r->each);
    if (rc == 0)
        form_leave(f);
    r->has_each = true;
    return rc;
}

static int begin_rule(json_form *f, const json_value *v, map_rule *r)
{
    const json_value *to = json_get(v, "to");
    map_file *file = map_file_of(f);
    if (to == NULL)
        return json_typeof(v) == JSON_OBJECT
                   ? map_fail(f, "the member \"to\" is missing")
                   : form_wrong_type(f, v, "an object");
    form_enter(f, text_of("to"));
    int rc = map_read_name(f, to, MAPPING_NAME_BYTES_MAX, &r->to);
    if (rc == 0)
        rc = split_target(f, r);
    if (rc != 0)
        return rc;
    form_leave(f);
    snprintf(file->what, sizeof file->what, "rule %u (%.*s)", r->number,
             (int)(r->to.len < 40 ? r->to.len : 40), r->to.ptr);
    rc = begin_optional(f, v);
    return rc == 0 && r->target == TARGET_EVENTS ? begin_each(f, v, r) : rc;
}

/* ---- what fits ---- */

/* The kind of contact that a space holds, by its name. */
static int check_hash(json_form *f, map_rule *r)
{
    map_source *s = &r->source;
    muster_error own;
    if (!s->has_contact_kind) {
        const bool email = text_contains(r->name, text_of("email"));
        const bool phone = text_contains(r->name, text_of("phone"));
        if (email == phone)
            return map_fail(f, "\"kind\" is missing: \"email\" or \"phone\"");
        s->contact.kind = email ? MUSTER_CONTACT_EMAIL : MUSTER_CONTACT_PHONE;
    }
    if (contact_check(&s->contact, &own) != 0)
        return map_fail(f, "%s", own.message);
    return 0;
}

static int check_value_rule(json_form *f, map_rule *r)
{
    map_source *s = &r->source;
    const bool time = r->target == TARGET_TS;
    const bool forgotten = time || r->target == TARGET_IDS ||
                           r->target == TARGET_IP || r->target == TARGET_UA;
    if (s->convert != CONVERT_NONE &&
        (target_converts[r->target] & CONVERT_BIT(s->convert)) == 0)
        return map_fail(f, "`%.*s` does not take this conversion",
                        (int)r->to.len, r->to.ptr);
    if (time && s->has_as)
        return map_fail(f, "a time is a moment; \"as\" belongs to \"set\"");
    if (!forgotten && map_source_shows(s))
        return map_fail(f, "a private field would be stored; let a \"map\" "
                           "with \"else\", a \"flag\", or the \"as\" of a "
                           "\"date\" make something of it, or rename it");
    if (r->clears && s->kind != SOURCE_FROM)
        return map_fail(f, "\"empty\" belongs to \"from\"");
    return s->convert == CONVERT_HASH ? check_hash(f, r) : 0;
}

static int check_events_rule(json_form *f, const map_rule *r)
{
    const bool named = r->parts[PART_NAME].kind != SOURCE_NONE;
    if (named == (r->name.len > 0))
        return map_fail(f, named ? "the event has a name behind `events.`"
                                 : "the member \"name\" is missing, or a name "
                                   "behind `events.`");
    return 0;
}

static size_t add_members(form_member *members, size_t count,
                          const form_member *more, size_t more_count)
{
    memcpy(members + count, more, more_count * sizeof *more);
    return count + more_count;
}

static int add_rule(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    map_file *file = map_file_of(f);
    form_member members[RULE_MEMBERS_MAX];
    map_rule *r = &m->rules[m->rule_count++];
    r->number = (uint32_t)m->rule_count;
    int rc = begin_rule(f, v, r);
    if (rc != 0)
        return rc;
    const bool events = r->target == TARGET_EVENTS;
    size_t count =
        add_members(members, 0, rule_members, COUNT_OF(rule_members));
    if (events) {
        r->parts = map_keep(f, PART_COUNT_OF * sizeof *r->parts);
        count =
            add_members(members, count, event_members, COUNT_OF(event_members));
    } else {
        count =
            add_members(members, count, value_members, COUNT_OF(value_members));
        count =
            add_members(members, count, map_source_members, MAP_SOURCE_MEMBERS);
    }
    file->in_element = r->has_each;
    file->in_private = r->has_each && r->each.is_private;
    rc = form_read_object(f, v, members, count, r);
    file->in_element = false;
    if (rc == 0)
        rc = events ? check_events_rule(f, r) : map_source_check(f, &r->source);
    return rc == 0 && !events ? check_value_rule(f, r) : rc;
}

int map_rules_read(json_form *f, const json_value *v, void *target)
{
    mapping *m = target;
    if (json_typeof(v) != JSON_ARRAY)
        return form_wrong_type(f, v, "an array of rules");
    if (json_count(v) > MAPPING_RULES_MAX)
        return form_fail(f, MUSTER_ELIMIT, "too_many", false,
                         "a mapping has at most %u rules", MAPPING_RULES_MAX);
    m->rules = map_keep(f, (json_count(v) + 1) * sizeof *m->rules);
    return form_read_each(f, v, add_rule, m);
}
