/*
 * report.c - rows as a table for people or as NDJSON for programs.
 *
 * The table of a bench has the columns of its first row; rows are printed as
 * they come, so widths are fixed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"

#define FIELDS_MAX 24
#define FIELD_BYTES 64
#define NUMBER_WIDTH 9
#define TEXT_WIDTH 22

typedef struct field {
    const char *name;
    char text[FIELD_BYTES];
    bool quoted;
} field;

struct report {
    bool json;
    char bench[FIELD_BYTES];
    char name[FIELD_BYTES];
    char last_bench[FIELD_BYTES];
    field fields[FIELDS_MAX];
    size_t count;
};

report *report_new(bool json)
{
    report *r = mem_zalloc(sizeof *r);
    r->json = json;
    return r;
}

void report_free(report *r)
{
    mem_free(r);
}

void report_begin(report *r, const char *group, const char *name)
{
    snprintf(r->bench, sizeof r->bench, "%s", group);
    snprintf(r->name, sizeof r->name, "%s", name);
    r->count = 0;
}

static field *add_field(report *r, const char *name)
{
    ASSERT(r->count < FIELDS_MAX);
    field *f = &r->fields[r->count++];
    f->name = name;
    f->quoted = false;
    return f;
}

void report_count(report *r, const char *name, uint64_t value)
{
    field *f = add_field(r, name);
    snprintf(f->text, sizeof f->text, "%llu", (unsigned long long)value);
}

void report_number(report *r, const char *name, double value, int digits)
{
    field *f = add_field(r, name);
    snprintf(f->text, sizeof f->text, "%.*f", digits, value);
}

void report_text(report *r, const char *name, const char *value)
{
    field *f = add_field(r, name);
    snprintf(f->text, sizeof f->text, "%s", value);
    f->quoted = true;
}

void report_bool(report *r, const char *name, bool value)
{
    field *f = add_field(r, name);
    snprintf(f->text, sizeof f->text, "%s", value ? "true" : "false");
}

static void print_json(const report *r)
{
    printf("{\"bench\":\"%s\",\"case\":\"%s\"", r->bench, r->name);
    for (size_t i = 0; i < r->count; i++) {
        const char *quote = r->fields[i].quoted ? "\"" : "";
        printf(",\"%s\":%s%s%s", r->fields[i].name, quote, r->fields[i].text,
               quote);
    }
    printf("}\n");
}

static int width_of(const field *f)
{
    const int least = f->quoted ? TEXT_WIDTH : NUMBER_WIDTH;
    const int name = (int)strlen(f->name);
    return name > least ? name : least;
}

static void print_row(report *r)
{
    if (strcmp(r->bench, r->last_bench) != 0) {
        printf("%s%-24s", r->last_bench[0] ? "\n" : "", r->bench);
        for (size_t i = 0; i < r->count; i++)
            printf("  %*s", width_of(&r->fields[i]), r->fields[i].name);
        printf("\n");
        snprintf(r->last_bench, sizeof r->last_bench, "%s", r->bench);
    }
    printf("%-24s", r->name);
    for (size_t i = 0; i < r->count; i++)
        printf("  %*s", width_of(&r->fields[i]), r->fields[i].text);
    printf("\n");
}

void report_end(report *r, bool answer_ok)
{
    report_bool(r, "answer_ok", answer_ok);
    if (r->json)
        print_json(r);
    else
        print_row(r);
    fflush(stdout);
}
