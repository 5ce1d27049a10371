/*
 * map_row.h - private to room `ingest`: one thread's memory for mapping rows;
 * for map_row.c and map_emit.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_MAP_ROW_H
#define INGEST_MAP_ROW_H

#include "ingest/map.h"

/* Values of one source or field. */
typedef struct value_list {
    tree_value *items;
    size_t count;
    size_t capacity;
} value_list;

typedef struct field_span {
    size_t first;
    size_t count;
    bool present;
} field_span;

struct mapper {
    const mapping *map;
    record_front *front;
    const map_row *row;
    uint64_t row_number; /* in its document, from 1; 0: it is the document */
    tree_value element;  /* of an events rule with `each` */
    arena texts;         /* of the row */
    size_t rows_nodes;   /* of the rows of the document so far */
    size_t rows_bytes;
    value_list raw;    /* what a source was given */
    value_list values; /* what it gives */
    value_list fields; /* of all fields */
    field_span *spans;
    size_t raw_count;     /* that the last source was given */
    bool present;         /* what it names was there, empty or not */
    const map_rule *rule; /* being read; NULL: a field, a drop */
    const char *leaf;     /* of its event */
    value_list nodes;     /* the record */
    uint32_t *origins;    /* rules of what stands in it */
    size_t origin_count;
    size_t origin_capacity;
    size_t *slot_origins; /* where those of a slot begin */
};

void value_list_put(value_list *list, tree_value v);
/* Refuses the row, naming the rule. Returns false. */
bool mapper_refuse(mapper *m, ingest_reason reason, const char *message);
/* Adds the values of the source to m->values; false when it was refused. */
bool mapper_read(mapper *m, const map_source *s);
bool mapper_holds(mapper *m, const map_condition *c, bool *out);
/* The text of a value, empty of what has none; false when refused. */
bool mapper_text(mapper *m, tree_value v, muster_text *out);
/* Adds the elements of the list, or the values of the map, that the path names
 * to `out`, as nodes; *found: there was one. */
void mapper_elements(mapper *m, const map_ref *ref, value_list *out,
                     bool *found);

/* ---- map_emit.c ---- */

/* All slots to nodes, and those to the front; false when it was refused. */
bool mapper_emit(mapper *m);

#endif
