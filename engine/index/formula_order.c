/*
 * formula_order.c - in which order one row is asked: what is cheap and likely
 * to decide comes first.
 *
 * A part's cost is counted in planes probed; how likely it holds is guessed
 * from the rows of its planes, as if they were independent. The members of a
 * chain of ands are asked by cost over the chance that they end it (c / (1 -
 * p)), those of an or by c / p, which is the best order for independent ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/formula_parts.h"

#include <stdlib.h>

#include "base/base.h"

/* Nothing is ever sure. */
#define LEAST_CHANCE 1e-6

typedef struct member {
    formula_part part;
    double rank;
    double cost;
    double ends; /* chance that it ends the chain */
} member;

static int by_rank(const void *a, const void *b)
{
    const member *x = a;
    const member *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->part > y->part) - (x->part < y->part);
}

static double chance_of(const formula *f, formula_part p)
{
    const double chance = part_of(f, p)->chance;
    return is_flipped(p) ? 1 - chance : chance;
}

static void order_chain(formula *f, part *p)
{
    const bool is_or = p->type == PART_OR;
    member *list = mem_array(p->count, sizeof *list);
    double cost = 0;
    double left = 1; /* chance that the chain is not over yet */

    for (uint32_t i = 0; i < p->count; i++) {
        const formula_part child = f->children[p->first + i];
        const double holds = chance_of(f, child);
        const double ends = is_or ? holds : 1 - holds;
        list[i] = (member){child, 0, part_of(f, child)->cost, ends};
        list[i].rank = list[i].cost /
                       (ends > LEAST_CHANCE ? ends : LEAST_CHANCE);
    }
    qsort(list, p->count, sizeof *list, by_rank);
    for (uint32_t i = 0; i < p->count; i++) {
        f->asked[p->first + i] = list[i].part;
        cost += left * list[i].cost;
        left *= 1 - list[i].ends;
    }
    p->cost = (float)cost;
    p->chance = (float)(is_or ? 1 - left : left);
    mem_free(list);
}

static float share(const part *p, double rows)
{
    return p->weight < rows ? (float)((double)p->weight / rows) : 1;
}

static void weigh(formula *f, part *p, double rows)
{
    switch (p->type) {
    case PART_NOBODY:
        return;
    case PART_PLANE:
        p->cost = 1;
        p->chance = share(p, rows);
        return;
    case PART_LEAF:
        p->cost = 1 + (float)f->leaves[p->first]->view_count;
        p->chance = share(p, rows);
        return;
    case PART_AND:
    case PART_OR:
        order_chain(f, p);
        return;
    case PART_TALLY:
    case PART_RANGE:
    case PART_FILTER:
        break;
    }
    p->cost = 1;
    p->chance = 0.5F;
    for (uint32_t i = 0; i < p->count; i++)
        p->cost += part_of(f, f->children[p->first + i])->cost;
}

void formula_root(formula *f, formula_part root, uint32_t rows)
{
    f->root = root;
    f->rows = rows;
    mem_free(f->asked);
    f->asked = mem_array(f->child_count + 1, sizeof *f->asked);
    /* children come before what they are children of */
    for (uint32_t i = 0; i < f->count; i++)
        weigh(f, &f->parts[i], rows > 0 ? rows : 1);
}
