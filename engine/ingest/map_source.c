/*
 * map_source.c - where the values of a rule come from and what is done to
 * them, as the file says it.
 *
 * Members are read in the order in which they stand; what depends on others is
 * checked when all were read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map.h"

#include <stdlib.h>

#define REFS_MAX 32u
#define STRIPS_MAX 16u
#define CONSTANTS_MAX 1000u
#define SCALE_EXPONENT (-4)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- where from ---- */

static int set_kind(json_form *f, map_source *s, source_kind kind)
{
    if (s->kind != SOURCE_NONE)
        return map_fail(f, "only one of \"from\", \"join\" and \"const\" can "
                           "stand here");
    s->kind = kind;
    return 0;
}

static int add_ref(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    if (s->ref_count == REFS_MAX)
        return map_fail(f, "at most %u fields", REFS_MAX);
    return map_ref_read(f, v, &s->refs[s->ref_count++]);
}

static int read_refs(json_form *f, const json_value *v, map_source *s)
{
    s->refs = map_keep(f, REFS_MAX * sizeof *s->refs);
    const int rc = form_read_each(f, v, add_ref, s);
    if (rc == 0 && s->ref_count == 0)
        return map_fail(f, "the name of a field is expected");
    return rc;
}

static int read_from(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    const int rc = set_kind(f, s, SOURCE_FROM);
    return rc != 0 ? rc : read_refs(f, v, s);
}

static int read_join(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    const int rc = set_kind(f, s, SOURCE_JOIN);
    return rc != 0 ? rc : read_refs(f, v, s);
}

static int read_with(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    const int rc = form_read_text(f, v, &s->with);
    if (rc == 0)
        s->with = map_keep_text(f, s->with);
    return rc;
}

static int add_constant(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    tree_value *c = &s->constants[s->constant_count++];
    muster_text text;
    switch (json_typeof(v)) {
    case JSON_STRING:
    case JSON_NUMBER:
        text = map_keep_text(f, json_string(v));
        *c = (tree_value){json_typeof(v) == JSON_STRING ? TREE_TEXT
                                                        : TREE_NUMBER,
                          (uint32_t)text.len,
                          {text.ptr}};
        return 0;
    case JSON_INT:
        *c = (tree_value){.kind = TREE_INT, .as.integer = json_int(v)};
        return 0;
    case JSON_BOOL:
        *c = (tree_value){.kind = TREE_BOOL, .as.integer = json_bool(v)};
        return 0;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return form_wrong_type(f, v, "a text, a number, true or false");
}

static int read_const(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    const size_t count = json_typeof(v) == JSON_ARRAY ? json_count(v) : 1;
    const int rc = set_kind(f, s, SOURCE_CONST);
    if (rc != 0)
        return rc;
    if (count == 0 || count > CONSTANTS_MAX)
        return map_fail(f, "1 to %u values are expected", CONSTANTS_MAX);
    s->constants = map_keep(f, count * sizeof *s->constants);
    return form_read_each(f, v, add_constant, s);
}

static int read_keys(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    return form_read_bool(f, v, &s->keys);
}

static int read_optional(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    return form_read_bool(f, v, &s->optional);
}

/* ---- texts ---- */

static int read_split(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    s->splits = true;
    return map_read_name(f, v, MAPPING_NAME_BYTES_MAX, &s->split);
}

static int set_letters(json_form *f, const json_value *v, map_source *s,
                       map_letters letters)
{
    bool is = false;
    const int rc = form_read_bool(f, v, &is);
    if (rc != 0 || !is)
        return rc;
    if (s->letters != LETTERS_KEPT)
        return map_fail(f, "only one of \"lower\", \"upper\" and \"slug\" can "
                           "stand here");
    s->letters = letters;
    return 0;
}

static int read_lower(json_form *f, const json_value *v, void *target)
{
    return set_letters(f, v, target, LETTERS_LOWER);
}

static int read_upper(json_form *f, const json_value *v, void *target)
{
    return set_letters(f, v, target, LETTERS_UPPER);
}

static int read_slug(json_form *f, const json_value *v, void *target)
{
    return set_letters(f, v, target, LETTERS_SLUG);
}

static int order_pairs(const void *a, const void *b)
{
    return word_compare(((const word_pair *)a)->key,
                        ((const word_pair *)b)->key);
}

static int read_pair(json_form *f, const json_iter *it, word_pair *out)
{
    muster_text value = {NULL, 0};
    form_enter(f, it->key);
    out->key = map_keep_text(f, text_trim(it->key));
    if (json_typeof(it->value) != JSON_NULL) {
        const int rc = form_read_text(f, it->value, &value);
        if (rc != 0)
            return rc;
        value = map_keep_text(f, value);
    }
    out->value = value;
    form_leave(f);
    return 0;
}

static int read_map(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    if (json_typeof(v) != JSON_OBJECT)
        return form_wrong_type(f, v, "an object of words");
    int rc = map_count_words(f, json_count(v));
    if (rc != 0)
        return rc;
    s->table = map_keep(f, (json_count(v) + 1) * sizeof *s->table);
    for (json_iter it = json_iter_of(v); json_next(&it);) {
        rc = read_pair(f, &it, &s->table[s->table_count++]);
        if (rc != 0)
            return rc;
    }
    qsort(s->table, s->table_count, sizeof *s->table, order_pairs);
    for (size_t i = 1; i < s->table_count; i++)
        if (order_pairs(&s->table[i - 1], &s->table[i]) == 0)
            return map_fail(f, "a key stands here twice; the case of letters "
                               "does not count");
    return 0;
}

static int read_else_value(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    s->otherwise = ELSE_VALUE;
    return map_read_name(f, v, MUSTER_VALUE_BYTES_MAX, &s->else_value);
}

static int read_else(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"keep", "drop", "reject"};
    static const form_member members[] = {{"const", read_else_value}};
    map_source *s = target;
    size_t word = 0;
    s->has_else = true;
    if (json_typeof(v) == JSON_OBJECT) {
        const int rc = form_read_object(f, v, members, 1, s);
        if (rc == 0 && s->otherwise != ELSE_VALUE)
            return map_fail(f, "the member \"const\" is missing");
        return rc;
    }
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    s->otherwise = (map_else)word;
    return rc;
}

/* ---- conversions ---- */

static int set_convert(json_form *f, map_source *s, map_convert convert)
{
    if (map_file_of(f)->in_field)
        return map_fail(f, "a field has no conversion; the rules that use it "
                           "have");
    if (s->convert != CONVERT_NONE)
        return map_fail(f, "only one of \"date\", \"number\", \"flag\" and "
                           "\"hash\" can stand here");
    s->convert = convert;
    return 0;
}

static int add_format(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    muster_text pattern;
    char why[120];
    const int rc = map_read_name(f, v, MAPPING_NAME_BYTES_MAX, &pattern);
    if (rc != 0)
        return rc;
    if (s->format_count == MAPPING_FORMATS_MAX)
        return map_fail(f, "at most %u formats", MAPPING_FORMATS_MAX);
    if (date_format_compile(&s->formats[s->format_count++], pattern,
                            &map_file_of(f)->map->memory, why, sizeof why) != 0)
        return map_fail(f, "%s", why);
    return 0;
}

static int read_date(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    const int rc = set_convert(f, s, CONVERT_DATE);
    if (rc != 0)
        return rc;
    s->formats = map_keep(f, MAPPING_FORMATS_MAX * sizeof *s->formats);
    if (json_typeof(v) == JSON_ARRAY && json_count(v) == 0)
        return map_fail(f, "the format of a date is expected");
    return form_read_each(f, v, add_format, s);
}

static int read_as(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"day", "age", "year"};
    map_source *s = target;
    size_t word = 0;
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    s->as = (date_as)word;
    s->has_as = true;
    return rc;
}

static int read_zone(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    s->has_zone = true;
    return map_read_zone(f, v, &s->zone);
}

static int read_decimal(json_form *f, const json_value *v, void *target)
{
    number_format *n = target;
    muster_text text;
    const int rc = form_read_text(f, v, &text);
    if (rc != 0)
        return rc;
    if (text.len != 1 || (*text.ptr != '.' && *text.ptr != ','))
        return map_fail(f, "\".\" or \",\" is expected");
    n->decimal = *text.ptr;
    return 0;
}

static int read_thousands(json_form *f, const json_value *v, void *target)
{
    number_format *n = target;
    const int rc = map_read_name(f, v, 4, &n->thousands);
    if (rc == 0 && memchr("0123456789-+eE", *n->thousands.ptr, 14) != NULL)
        return map_fail(f, "this cannot stand between thousands");
    return rc;
}

static int add_strip(json_form *f, const json_value *v, void *target)
{
    number_format *n = target;
    if (n->strip_count == STRIPS_MAX)
        return map_fail(f, "at most %u texts", STRIPS_MAX);
    return map_read_name(f, v, MAPPING_NAME_BYTES_MAX,
                         &n->strip[n->strip_count++]);
}

static int read_strip(json_form *f, const json_value *v, void *target)
{
    number_format *n = target;
    n->strip = map_keep(f, STRIPS_MAX * sizeof *n->strip);
    return form_read_each(f, v, add_strip, n);
}

static int read_percent(json_form *f, const json_value *v, void *target)
{
    number_format *n = target;
    return form_read_bool(f, v, &n->percent);
}

/* A number as an integer times a power of ten. */
static int read_scale(json_form *f, const json_value *v, void *target)
{
    number_format *n = target;
    const json_type type = json_typeof(v);
    int64_t scaled = 0;
    if (type != JSON_INT && type != JSON_NUMBER)
        return form_wrong_type(f, v, "a number");
    if (json_scaled(v, &scaled) != 0 || scaled == 0 ||
        scaled > NUMBER_SCALE_MAX || scaled < -NUMBER_SCALE_MAX)
        return map_fail(f, "a scale is a number other than 0 with at most 4 "
                           "decimals, up to a million");
    n->scale = scaled;
    n->scale_exponent = SCALE_EXPONENT;
    return 0;
}

static const form_member number_members[] = {
    {"decimal", read_decimal}, {"thousands", read_thousands},
    {"strip", read_strip},     {"percent", read_percent},
    {"scale", read_scale},
};

/* `true` for what is usual, else an object. */
static int read_usual(json_form *f, const json_value *v, bool *usual)
{
    *usual = json_typeof(v) == JSON_BOOL && json_bool(v);
    if (*usual || json_typeof(v) == JSON_OBJECT)
        return 0;
    return form_wrong_type(f, v, "true or an object");
}

static int read_number(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    bool usual = false;
    int rc = set_convert(f, s, CONVERT_NUMBER);
    if (rc == 0)
        rc = read_usual(f, v, &usual);
    s->number = (number_format){.decimal = '.', .scale = 1};
    if (rc != 0 || usual)
        return rc;
    rc = form_read_object(f, v, number_members, COUNT_OF(number_members),
                          &s->number);
    if (rc == 0 && s->number.thousands.len == 1 &&
        *s->number.thousands.ptr == s->number.decimal)
        return map_fail(f, "\"decimal\" and \"thousands\" are the same");
    return rc;
}

static int read_yes(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    return map_read_words(f, v, &s->yes);
}

static int read_no(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    return map_read_words(f, v, &s->no);
}

static int read_flag(json_form *f, const json_value *v, void *target)
{
    /* Sorted. */
    static muster_text yes[] = {{"1", 1},    {"on", 2}, {"t", 1},
                                {"true", 4}, {"y", 1},  {"yes", 3}};
    static muster_text no[] = {{"0", 1}, {"f", 1},  {"false", 5},
                               {"n", 1}, {"no", 2}, {"off", 3}};
    static const form_member members[] = {{"true", read_yes},
                                          {"false", read_no}};
    map_source *s = target;
    bool usual = false;
    int rc = set_convert(f, s, CONVERT_FLAG);
    if (rc == 0)
        rc = read_usual(f, v, &usual);
    if (rc != 0)
        return rc;
    s->yes = (word_set){yes, usual ? COUNT_OF(yes) : 0};
    s->no = (word_set){no, usual ? COUNT_OF(no) : 0};
    if (usual)
        return 0;
    rc = form_read_object(f, v, members, COUNT_OF(members), s);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < s->yes.count; i++)
        if (word_set_has(&s->no, s->yes.words[i]))
            return map_fail(f, "one word is both true and false");
    if (s->yes.count + s->no.count == 0)
        return map_fail(f, "no words are given");
    return 0;
}

static int read_hash(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    muster_text name;
    muster_error own;
    int rc = set_convert(f, s, CONVERT_HASH);
    if (rc == 0)
        rc = form_read_text(f, v, &name);
    if (rc != 0)
        return rc;
    if (contact_rule_find(&s->contact.rule, name, &own) == 0)
        return 0;
    rc = map_fail(f, "%s", own.message);
    error_suggest(f->err, "%s", own.suggestion);
    return rc;
}

static int read_kind(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"email", "phone"};
    map_source *s = target;
    size_t word = 0;
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    s->contact.kind = word == 0 ? MUSTER_CONTACT_EMAIL : MUSTER_CONTACT_PHONE;
    s->has_contact_kind = true;
    return rc;
}

static int read_encoding(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"hex", "base64"};
    map_source *s = target;
    size_t word = 0;
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    s->contact.encoding =
        word == 0 ? MUSTER_CONTACT_HEX : MUSTER_CONTACT_BASE64;
    s->has_encoding = true;
    return rc;
}

static int read_country(json_form *f, const json_value *v, void *target)
{
    map_source *s = target;
    muster_text text;
    muster_error own;
    const int rc = form_read_text(f, v, &text);
    if (rc != 0)
        return rc;
    if (contact_country_parse(&s->contact.country, text, &own) != 0)
        return map_fail(f, "%s", own.message);
    return 0;
}

static int read_invalid(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"reject", "drop"};
    map_source *s = target;
    size_t word = 0;
    const int rc = form_read_word(f, v, words, COUNT_OF(words), &word);
    s->invalid_drops = word == 1;
    s->has_invalid = true;
    return rc;
}

const form_member map_source_members[MAP_SOURCE_MEMBERS] = {
    {"from", read_from},       {"join", read_join},
    {"with", read_with},       {"const", read_const},
    {"keys", read_keys},       {"optional", read_optional},
    {"split", read_split},     {"lower", read_lower},
    {"upper", read_upper},     {"slug", read_slug},
    {"map", read_map},         {"else", read_else},
    {"date", read_date},       {"as", read_as},
    {"zone", read_zone},       {"number", read_number},
    {"flag", read_flag},       {"hash", read_hash},
    {"kind", read_kind},       {"encoding", read_encoding},
    {"country", read_country}, {"invalid", read_invalid},
};

/* ---- what depends on others ---- */

/* A member that says nothing without another. */
static const char *stray_member(const map_source *s)
{
    const bool date = s->convert == CONVERT_DATE;
    const bool hash = s->convert == CONVERT_HASH;
    if (s->with.ptr != NULL && s->kind != SOURCE_JOIN)
        return "\"with\" belongs to \"join\"";
    if (s->has_else && s->table == NULL)
        return "\"else\" belongs to \"map\"";
    if ((s->has_as || s->has_zone) && !date)
        return "\"as\" and \"zone\" belong to \"date\"";
    if ((s->has_contact_kind || s->has_encoding || s->contact.country != 0) &&
        !hash)
        return "\"kind\", \"encoding\" and \"country\" belong to \"hash\"";
    if (s->has_invalid && s->convert == CONVERT_NONE)
        return "\"invalid\" belongs to \"date\", \"number\", \"flag\" and "
               "\"hash\"";
    return NULL;
}

int map_source_check(json_form *f, map_source *s)
{
    const char *stray = stray_member(s);
    if (stray != NULL)
        return map_fail(f, "%s", stray);
    if (s->kind == SOURCE_NONE)
        return map_fail(f, "\"from\", \"join\" or \"const\" is missing");
    if (s->kind == SOURCE_JOIN && s->with.ptr == NULL)
        s->with = text_of(" ");
    if (!s->has_zone)
        s->zone = map_file_of(f)->map->zone;
    if (s->kind == SOURCE_FROM)
        map_need_add(f, s->refs, s->ref_count, s->optional);
    for (size_t i = 0; s->kind == SOURCE_JOIN && i < s->ref_count; i++)
        map_need_add(f, &s->refs[i], 1, s->optional);
    return 0;
}

int map_source_read(json_form *f, const json_value *v, map_source *out)
{
    const int rc =
        form_read_object(f, v, map_source_members, MAP_SOURCE_MEMBERS, out);
    return rc != 0 ? rc : map_source_check(f, out);
}

bool map_source_shows(const map_source *s)
{
    bool is_private = false;
    for (size_t i = 0; i < s->ref_count; i++)
        is_private |= s->refs[i].is_private;
    const bool coarse = s->convert == CONVERT_FLAG ||
                        (s->convert == CONVERT_DATE && s->as != DATE_DAY) ||
                        (s->table != NULL && s->otherwise != ELSE_KEEP);
    return is_private && !coarse;
}
