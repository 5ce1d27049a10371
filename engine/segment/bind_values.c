/*
 * bind_values.c - the values of a comparison: texts to value numbers, numbers
 * and dates to bounds.
 *
 * A text the attribute has never seen is a warning with the nearest known
 * one, and stands for no value: the comparison holds nobody for it. Finding
 * the nearest walks the attribute's values, within BIND_NEAR_BUDGET for the
 * whole bind.
 *
 * Dates compare as days x 10^4 (a moment as its UTC day).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/bind.h"

#include <stdlib.h>

#define SUGGESTED_BYTES_MAX 120

/* ---- texts ---- */

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts and makes distinct; returns how many are left. */
static uint32_t make_set(uint32_t *ids, uint32_t count)
{
    uint32_t kept = 0;
    if (count > 1)
        qsort(ids, count, sizeof *ids, by_number);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return kept;
}

static void suggest_value(binder *b, const catalog_attribute *attribute,
                          const ast_value *value, muster_error *note)
{
    const catalog *names = b->with->names;
    const uint32_t count = catalog_value_count(names, attribute->id);
    near_name near;
    near_init(&near, value->text);
    for (uint32_t v = 1; v <= count && b->near_left > 0; v++) {
        near_offer(&near, catalog_value_text(names, attribute->id, v));
        b->near_left--;
    }
    if (near.best.ptr == NULL || near.best.len > SUGGESTED_BYTES_MAX)
        return;
    const ast_value best = {.type = VALUE_STRING, .text = near.best};
    buffer text;
    buffer_init(&text, sizeof note->suggestion);
    value_format(&best, &text);
    if (buffer_ok(&text))
        error_suggest(note, "%s", buffer_cstr(&text));
    buffer_release(&text);
}

static void warn_unknown(binder *b, const catalog_attribute *attribute,
                         const ast_value *value)
{
    const int shown = value->text.len < SUGGESTED_BYTES_MAX
                          ? (int)value->text.len
                          : SUGGESTED_BYTES_MAX;
    muster_error *note =
        bind_warn(b, value->offset, value->length, "unknown_value",
                  "no record has said %s = \"%.*s\" so far", attribute->name,
                  shown, value->text.ptr);
    if (note != NULL)
        suggest_value(b, attribute, value, note);
}

/* A number or `today` for an attribute of texts: says how to write it. */
static bool fail_not_text(binder *b, const ast_node *ast,
                          const catalog_attribute *attribute,
                          const ast_value *value)
{
    buffer text;
    buffer_init(&text, 64);
    value_format(value, &text);
    bind_fail(b, value->length > 0 ? value->offset : ast->offset,
              value->length > 0 ? value->length : ast->length, "bad_value",
              "the values of '%s' are texts, %s is a %s", attribute->name,
              buffer_cstr(&text),
              value->type == VALUE_NUMBER ? "number" : "date");
    if (value->type == VALUE_NUMBER && b->outermost == NULL)
        error_suggest(b->err, "\"%s\"", buffer_cstr(&text));
    buffer_release(&text);
    return false;
}

static bool find_value(binder *b, const ast_node *ast,
                       const catalog_attribute *attribute,
                       const ast_value *value, uint32_t *out)
{
    if (value->type != VALUE_STRING)
        return fail_not_text(b, ast, attribute, value);
    *out = catalog_value_find(b->with->names, attribute->id, value->text);
    if (*out == CATALOG_NONE) {
        b->plan->open = true;
        warn_unknown(b, attribute, value);
    }
    return true;
}

bool bind_value(binder *b, const ast_node *ast,
                const catalog_attribute *attribute, const ast_value *value,
                const uint32_t **out, uint32_t *out_count)
{
    uint32_t *ids = arena_alloc(&b->plan->memory, sizeof *ids);
    if (!find_value(b, ast, attribute, value, ids))
        return false;
    *out = ids;
    *out_count = ids[0] == CATALOG_NONE ? 0 : 1;
    return true;
}

bool bind_values(binder *b, const ast_node *ast,
                 const catalog_attribute *attribute, const uint32_t **out,
                 uint32_t *out_count)
{
    ASSERT(ast->value_count > 0);
    uint32_t count = 0;
    uint32_t *ids =
        arena_alloc(&b->plan->memory, ast->value_count * sizeof *ids);
    for (uint32_t i = 0; i < ast->value_count; i++) {
        uint32_t id = CATALOG_NONE;
        if (!find_value(b, ast, attribute, &ast->values[i], &id))
            return false;
        if (id != CATALOG_NONE)
            ids[count++] = id;
    }
    *out = ids;
    *out_count = make_set(ids, count);
    return true;
}

bool bind_matches(binder *b, const ast_node *ast,
                  const catalog_attribute *attribute, const uint32_t **out,
                  uint32_t *out_count)
{
    const catalog *names = b->with->names;
    const ast_value *part = &ast->values[0];
    const uint32_t all = catalog_value_count(names, attribute->id);
    uint32_t *found = NULL;
    size_t capacity = 0;
    uint32_t count = 0;
    ASSERT(ast->value_count == 1 && part->type == VALUE_STRING);
    b->plan->open = true;
    for (uint32_t v = 1; v <= all; v++) {
        const muster_text text = catalog_value_text(names, attribute->id, v);
        if (ast->compare == COMPARE_STARTS_WITH
                ? !text_starts_with(text, part->text)
                : !text_contains(text, part->text))
            continue;
        mem_grow(&found, &capacity, count + 1, sizeof *found);
        found[count++] = v;
    }
    if (count == 0)
        bind_warn(b, part->offset, part->length, "unknown_value",
                  "no value of '%s' that was ever said %s it", attribute->name,
                  ast->compare == COMPARE_STARTS_WITH ? "starts with"
                                                      : "contains");
    uint32_t *ids = arena_alloc(&b->plan->memory, (count + 1) * sizeof *ids);
    if (count > 0)
        memcpy(ids, found, count * sizeof *ids);
    mem_free(found);
    *out = ids;
    *out_count = count;
    return true;
}

/* ---- numbers and dates ---- */

bind_bound bind_date(const ast_date *date)
{
    bind_bound bound = {0, false};
    switch (date->type) {
    case DATE_DAY:
        bound.number = (int64_t)date->day * MUSTER_NUMBER_SCALE;
        break;
    case DATE_TIME:
        bound.number = (int64_t)clock_day_of(date->time) * MUSTER_NUMBER_SCALE;
        break;
    case DATE_TODAY:
        bound.number = (int64_t)date->offset * MUSTER_NUMBER_SCALE;
        bound.today = true;
        break;
    }
    return bound;
}

static bool fail_number(binder *b, const ast_node *ast, const ast_value *value,
                        const char *name, const char *wanted)
{
    const bool placed = value->length > 0;
    buffer text;
    buffer_init(&text, 200);
    value_format(value, &text);
    bind_fail(b, placed ? value->offset : ast->offset,
              placed ? value->length : ast->length, "bad_value",
              "'%s' compares with %s, not with %s", name, wanted,
              buffer_ok(&text) ? buffer_cstr(&text) : "this text");
    buffer_release(&text);
    return false;
}

bool bind_number(binder *b, const ast_node *ast,
                 const catalog_attribute *attribute, const ast_value *value,
                 bind_bound *out)
{
    ast_date date;
    int64_t number = 0;
    if (attribute->unit_date) {
        if (value->type == VALUE_DATE)
            *out = bind_date(&value->date);
        else if (value->type == VALUE_STRING &&
                 tree_parse_date(value->text, &date))
            *out = bind_date(&date);
        else
            return fail_number(b, ast, value, attribute->name,
                               "dates, \"2026-11-21\" or today + 7 days");
        return true;
    }
    if (value->type == VALUE_NUMBER) {
        out->number = value->number;
        out->today = false;
        return true;
    }
    fail_number(b, ast, value, attribute->name,
                value->type == VALUE_DATE
                    ? "numbers (its unit is not declared as date)"
                    : "numbers");
    if (value->type == VALUE_STRING && b->outermost == NULL &&
        text_parse_number(value->text, &number) == 0)
        error_suggest(b->err, "%.*s", (int)value->text.len, value->text.ptr);
    return false;
}
