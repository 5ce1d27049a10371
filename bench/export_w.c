/*
 * export_w.c - workload W as files.
 *
 *   planes.resp       Redis protocol: SET name <string of bits, row 0 first>
 *   planes.rowbinary  ClickHouse: (String, AggregateFunction(groupBitmap,
 *                     UInt32)) a row; the state is kind 1, its length as
 *                     varint, and the bytes of the plane as they lie with us
 *   users.native      ClickHouse's columnar format, blocks of 65,536 users:
 *                     flags UInt16, country UInt8, visits UInt32 (bit i: i
 *                     days ago), interest0..6 UInt64 (bit i % 64: has it)
 *
 * Planes are named by their flag or value ("a", "c5", "i20"), visits v0 (the
 * last day) to v29.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "export.h"
#include "hand.h"

#define BLOCK_USERS 65536u
#define INTEREST_WORDS 7
#define BITMAP_STATE 1

/* ---- files ---- */

FILE *export_open(const char *dir, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

void export_write(FILE *f, const void *bytes, size_t len)
{
    fwrite(bytes, 1, len, f); /* errors stay in the stream: export_close */
}

void export_close(FILE *f)
{
    const bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        perror("muster-bench: export");
        exit(1);
    }
}

void export_varint(FILE *f, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        fputc((int)(n & 0x7f) | 0x80, f);
    fputc((int)n, f);
}

void export_string(FILE *f, const char *text)
{
    export_varint(f, strlen(text));
    export_write(f, text, strlen(text));
}

/* ---- planes ---- */

typedef struct plane {
    char name[24];
    const layer_entry *entry;
    bitmap *rows;
} plane;

static void plane_open(plane *p, const world *w, const layer_entry *e)
{
    const index_layer *l = w->index->layers[0];
    const catalog_attribute *a =
        catalog_attribute_get(w->names, e->key.attribute);

    p->entry = e;
    p->rows = roaring_bitmap_portable_deserialize_safe(
        (const char *)l->planes + e->offset, e->len);
    ASSERT(p->rows != NULL);
    if (a->kind == KIND_EVENT) {
        snprintf(p->name, sizeof p->name, "v%u",
                 (uint32_t)clock_day_of(w->now) - e->key.bucket);
        return;
    }
    const muster_text name =
        e->key.value == 0 ? text_of(a->name)
                          : catalog_value_text(w->names, a->id, e->key.value);
    snprintf(p->name, sizeof p->name, "%.*s", (int)name.len, name.ptr);
}

static bool set_bit(uint32_t row, void *bits)
{
    ((uint8_t *)bits)[row / 8] |= (uint8_t)(0x80u >> (row % 8));
    return true;
}

static void write_resp(const plane *p, uint8_t *bits, size_t len, FILE *out)
{
    memset(bits, 0, len);
    roaring_iterate(p->rows, set_bit, bits);
    fprintf(out, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n",
            strlen(p->name), p->name, len);
    export_write(out, bits, len);
    export_write(out, "\r\n", 2);
}

static void write_state(const plane *p, const world *w, FILE *out)
{
    const uint8_t *planes = w->index->layers[0]->planes;
    export_string(out, p->name);
    fputc(BITMAP_STATE, out);
    export_varint(out, p->entry->len);
    export_write(out, planes + p->entry->offset, p->entry->len);
}

/* ---- users ---- */

typedef struct columns {
    uint16_t *flags;
    uint8_t *country;
    uint32_t *visits;
    uint64_t *interest[INTEREST_WORDS];
    uint32_t number; /* of the plane being added: bit or code */
} columns;

static bool add_flag(uint32_t row, void *payload)
{
    const columns *c = payload;
    c->flags[row] |= (uint16_t)(1u << c->number);
    return true;
}

static bool add_country(uint32_t row, void *payload)
{
    const columns *c = payload;
    c->country[row] = (uint8_t)c->number;
    return true;
}

static bool add_visit(uint32_t row, void *payload)
{
    const columns *c = payload;
    c->visits[row] |= 1u << c->number;
    return true;
}

static bool add_interest(uint32_t row, void *payload)
{
    const columns *c = payload;
    c->interest[c->number / 64][row] |= UINT64_C(1) << (c->number % 64);
    return true;
}

/* Flags get their bits in the order of the layer: that of w.c. */
static void add_column(columns *c, const plane *p, const world *w,
                       uint32_t *flags)
{
    const catalog_attribute *a =
        catalog_attribute_get(w->names, p->entry->key.attribute);
    roaring_iterator add = add_flag;

    if (a->kind == KIND_FLAG) {
        c->number = (*flags)++;
    } else {
        c->number = (uint32_t)strtoul(p->name + 1, NULL, 10);
        add = a->kind == KIND_ONE_OF  ? add_country
              : a->kind == KIND_EVENT ? add_visit
                                      : add_interest;
    }
    roaring_iterate(p->rows, add, c);
}

static void write_column(FILE *out, const char *name, const char *type,
                         const void *values, size_t len)
{
    export_string(out, name);
    export_string(out, type);
    export_write(out, values, len);
}

static void write_users(const columns *c, uint32_t rows, FILE *out)
{
    for (uint32_t at = 0; at < rows; at += BLOCK_USERS) {
        const uint32_t n =
            rows - at < BLOCK_USERS ? rows - at : BLOCK_USERS;
        export_varint(out, 3 + INTEREST_WORDS);
        export_varint(out, n);
        write_column(out, "flags", "UInt16", c->flags + at,
                     n * sizeof *c->flags);
        write_column(out, "country", "UInt8", c->country + at, n);
        write_column(out, "visits", "UInt32", c->visits + at,
                     n * sizeof *c->visits);
        for (int i = 0; i < INTEREST_WORDS; i++) {
            char name[24];
            snprintf(name, sizeof name, "interest%d", i);
            write_column(out, name, "UInt64", c->interest[i] + at,
                         n * sizeof **c->interest);
        }
    }
}

static void columns_init(columns *c, uint32_t rows)
{
    c->flags = mem_array(rows, sizeof *c->flags);
    c->country = mem_array(rows, sizeof *c->country);
    c->visits = mem_array(rows, sizeof *c->visits);
    for (int i = 0; i < INTEREST_WORDS; i++)
        c->interest[i] = mem_array(rows, sizeof **c->interest);
}

static void columns_release(columns *c)
{
    mem_free(c->flags);
    mem_free(c->country);
    mem_free(c->visits);
    for (int i = 0; i < INTEREST_WORDS; i++)
        mem_free(c->interest[i]);
}

void export_w(const char *dir, const bench_options *options)
{
    world *w = w_open(bench_users(options, 1000000, 200000), options->seed);
    const index_layer *l = w->index->layers[0];
    const size_t len = (w->rows + 7) / 8;
    uint8_t *bits = mem_alloc(len);
    FILE *resp = export_open(dir, "planes.resp");
    FILE *states = export_open(dir, "planes.rowbinary");
    FILE *users = export_open(dir, "users.native");
    uint32_t flags = 0;
    columns c;

    columns_init(&c, w->rows);
    for (size_t i = 0; i < l->count; i++) {
        plane p;
        if (l->entries[i].key.attribute == INDEX_UNIVERSE)
            continue;
        plane_open(&p, w, &l->entries[i]);
        write_resp(&p, bits, len, resp);
        write_state(&p, w, states);
        add_column(&c, &p, w, &flags);
        roaring_bitmap_free(p.rows);
    }
    write_users(&c, w->rows, users);
    export_close(resp);
    export_close(states);
    export_close(users);
    columns_release(&c);
    mem_free(bits);
    world_close(w);
}
