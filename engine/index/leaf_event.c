/*
 * leaf_event.c - leaves of events: seen, counts, totals, distinct days.
 *
 * Counters are bit-sliced over the block (one 8 KiB register a bit, plus one
 * for "more than the slices can say") where planes are dense, and plain
 * numbers per row where they are sparse: adding a plane bit-sliced costs
 * about 1,024 word operations a slice, per row about 1 ns. Totals are always
 * per row. Only what the comparison needs is counted: sums stop growing once
 * they are above both ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index/leaf.h"

#include <stdlib.h>

/* Rows a sparse plane may hold, on average, for per-row counting to win. */
#define SPARSE_ROWS 250

/* ---- gathering ---- */

static bool same_group(const plane_key *a, const plane_key *b)
{
    return a->attribute == b->attribute && a->provider == b->provider &&
           a->value == b->value;
}

/* Takes the planes of one value in buckets [from, to] of one layer. */
static void gather_value(index_leaf *leaf, const index_layer *l,
                         const leaf_spec *spec, uint32_t provider,
                         uint32_t value, view_span clears)
{
    const plane_key from = {spec->attribute, (uint16_t)provider, 0, 0, value,
                            spec->from};
    event_part *part = NULL;

    for (size_t i = layer_seek(l, &from); i < l->count; i++) {
        const layer_entry *e = &l->entries[i];
        if (!same_group(&e->key, &from) || e->key.bucket > spec->to)
            break;
        if (e->key.role == ROLE_SEEN) {
            mem_grow(&leaf->parts, &leaf->part_capacity, leaf->part_count + 1,
                     sizeof *leaf->parts);
            part = &leaf->parts[leaf->part_count++];
            *part = (event_part){leaf_add_view(leaf, l, e), {0, 0}, {0, 0},
                                 clears,
                                 e->key.bucket * spec->bucket_hours / 24};
        } else if (e->key.role == ROLE_COUNT && leaf->type == LEAF_COUNT) {
            const uint32_t view = leaf_add_view(leaf, l, e);
            if (part->counts.count++ == 0)
                part->counts.first = view;
        } else if (e->key.role == ROLE_AMOUNT && leaf->type == LEAF_TOTAL) {
            const uint32_t view = leaf_add_view(leaf, l, e);
            if (part->amounts.count++ == 0)
                part->amounts.first = view;
        }
    }
}

static int by_day(const void *a, const void *b)
{
    const event_part *x = a;
    const event_part *y = b;
    return (x->day > y->day) - (x->day < y->day);
}

void leaf_gather_events(index_leaf *leaf, const index_stack *x,
                        const leaf_spec *spec)
{
    static const uint32_t any = INDEX_NO_VALUE;
    const uint32_t *values = spec->any ? &any : spec->values;
    const uint32_t count = spec->any ? 1 : spec->value_count;

    for (uint32_t p = 0; p < spec->provider_count; p++) {
        const plane_key hard = {spec->attribute,
                                (uint16_t)spec->providers[p], ROLE_HARD, 0, 0,
                                0};
        /* clears of layer i and later stand in [clears_at[i], end) */
        uint32_t clears_at[INDEX_DELTAS_MAX + 2];
        for (size_t i = 1; i < x->count; i++) {
            clears_at[i] = leaf->view_count;
            leaf_find_view(leaf, x->layers[i], &hard);
        }
        const uint32_t end = leaf->view_count;
        clears_at[x->count] = end;
        for (size_t i = 0; i < x->count; i++) {
            const view_span clears = {clears_at[i + 1],
                                      end - clears_at[i + 1]};
            for (uint32_t v = 0; v < count; v++)
                gather_value(leaf, x->layers[i], spec, spec->providers[p],
                             values[v], clears);
        }
    }
    if (leaf->type == LEAF_DAYS && leaf->part_count > 1)
        qsort(leaf->parts, leaf->part_count, sizeof *leaf->parts, by_day);
}

/* A view of a part without the rows cleared later; in `out` or borrowed. */
static block_ref part_block(const index_leaf *leaf, leaf_cursor *c,
                            const event_part *part, uint32_t view,
                            uint32_t block, block_buf *out)
{
    const block_ref b = leaf_at(leaf, c, view, block);
    if (part->clears.count == 0 || b.type == BLOCK_EMPTY)
        return b;
    const block_ref gone =
        span_block(leaf, c, part->clears, block, &c->bufs[5]);
    return block_andnot(b, gone, out);
}

/* ---- seen ---- */

block_ref leaf_seen_block(const index_leaf *leaf, leaf_cursor *c,
                          uint32_t block, block_buf *out)
{
    block_ref one = block_empty();
    uint32_t found = 0;

    for (uint32_t i = 0; i < leaf->part_count; i++) {
        const event_part *part = &leaf->parts[i];
        const block_ref b = part_block(leaf, c, part, part->seen, block,
                                       &c->bufs[found == 0 ? 1 : 0]);
        if (b.type == BLOCK_EMPTY)
            continue;
        if (b.type == BLOCK_FULL)
            return b;
        if (found++ == 0) {
            one = b;
            continue;
        }
        if (found == 2)
            block_expand(one, out);
        block_or_into(out, b);
    }
    if (found > 1)
        return block_bits(out);
    if (found == 1 && one.data == c->bufs[1].words) {
        memcpy(out->words, c->bufs[1].words, sizeof out->words);
        one.data = out->words;
    }
    return one;
}

/* ---- per row ---- */

typedef struct row_sums {
    uint64_t *sums;
    uint16_t *touched;
    uint32_t count;
    uint64_t top; /* sums above this need not grow */
} row_sums;

static row_sums sums_begin(const index_leaf *leaf, leaf_cursor *c)
{
    const int64_t top =
        leaf->high == INT64_MAX ? leaf->low : leaf->high;
    row_sums s = {cursor_sums(c), c->touched, 0, (uint64_t)top};
    return s;
}

/* Adds `amount` to each row of a block; rows are noted when `touch` is set
 * and their sum has been 0: bit 63 marks a noted row. */
#define TOUCHED ((uint64_t)1 << 63)

static void sums_add_row(row_sums *s, uint32_t row, uint64_t amount)
{
    uint64_t v = s->sums[row];
    if (!(v & TOUCHED)) {
        s->touched[s->count++] = (uint16_t)row;
        v = TOUCHED;
    }
    if ((v & ~TOUCHED) <= s->top)
        v += amount;
    s->sums[row] = v;
}

static void sums_add(row_sums *s, block_ref b, uint64_t amount)
{
    uint16_t rows[BLOCK_ARRAY_MAX];

    if (b.type == BLOCK_ARRAY) {
        const row_in *values = b.data;
        for (uint32_t i = 0; i < b.n; i++)
            sums_add_row(s, values[i], amount);
        return;
    }
    if (b.type != BLOCK_EMPTY && block_count(b) <= BLOCK_ARRAY_MAX) {
        const uint32_t n = block_rows(b, rows);
        for (uint32_t i = 0; i < n; i++)
            sums_add_row(s, rows[i], amount);
        return;
    }
    block_buf expanded;
    const word_in *words = block_words(b, &expanded);
    for (uint32_t i = 0; i < WORDS && b.type != BLOCK_EMPTY; i++)
        for (uint64_t w = words[i]; w; w &= w - 1)
            sums_add_row(s, i * 64 + (uint32_t)__builtin_ctzll(w), amount);
}

/* Rows whose sum is in [low, high]; zeroes the sums. */
static block_ref sums_end(const index_leaf *leaf, row_sums *s,
                          block_buf *out)
{
    uint32_t kept = 0;

    if (s->count == 0)
        return block_empty();
    block_clear(out);
    for (uint32_t i = 0; i < s->count; i++) {
        const uint32_t row = s->touched[i];
        const int64_t sum = (int64_t)(s->sums[row] & ~TOUCHED);
        s->sums[row] = 0;
        if (sum < leaf->low || sum > leaf->high)
            continue;
        out->words[row >> 6] |= (uint64_t)1 << (row & 63);
        kept++;
    }
    return (block_ref){kept ? BLOCK_BITSET : BLOCK_EMPTY, kept, out->words};
}

static void sums_add_slices(const index_leaf *leaf, leaf_cursor *c,
                            row_sums *s, const event_part *part,
                            view_span slices, uint32_t block)
{
    for (uint32_t i = 0; i < slices.count; i++) {
        const uint32_t view = slices.first + i;
        sums_add(s, part_block(leaf, c, part, view, block, &c->bufs[0]),
                 (uint64_t)1 << leaf->slice_of[view]);
    }
}

static block_ref rows_block(const index_leaf *leaf, leaf_cursor *c,
                            uint32_t block, block_buf *out)
{
    row_sums s = sums_begin(leaf, c);

    for (uint32_t i = 0; i < leaf->part_count; i++) {
        const event_part *part = &leaf->parts[i];
        const block_ref seen =
            part_block(leaf, c, part, part->seen, block, &c->bufs[0]);
        if (seen.type == BLOCK_EMPTY)
            continue;
        sums_add(&s, seen, leaf->type == LEAF_TOTAL ? 0 : 1);
        sums_add_slices(leaf, c, &s, part,
                        leaf->type == LEAF_TOTAL ? part->amounts
                                                 : part->counts,
                        block);
    }
    return sums_end(leaf, &s, out);
}

block_ref leaf_total_block(const index_leaf *leaf, leaf_cursor *c,
                           uint32_t block, block_buf *out)
{
    return rows_block(leaf, c, block, out);
}

/* Is this block sparse enough to count per row? Also finds empty blocks. */
static bool is_sparse(const index_leaf *leaf, leaf_cursor *c, uint32_t block,
                      bool *empty)
{
    uint64_t rows = 0;
    uint32_t planes = 0;

    for (uint32_t i = 0; i < leaf->part_count; i++) {
        const uint32_t view = leaf->parts[i].seen;
        const uint32_t n = view_block_count(&leaf->views[view], block,
                                            &c->hints[view]);
        rows += n;
        planes += n > 0;
    }
    *empty = planes == 0;
    return rows <= (uint64_t)planes * SPARSE_ROWS;
}

/* ---- bit-sliced ---- */

typedef struct counter {
    const words_ops *ops;
    block_buf *slices;
    block_buf *above; /* sums the slices cannot say */
    block_buf *carry;
    uint32_t bits;
} counter;

static counter counter_begin(const index_leaf *leaf, leaf_cursor *c)
{
    const int64_t top = leaf->high == INT64_MAX ? leaf->low : leaf->high;
    const uint32_t bits = 64 - (uint32_t)__builtin_clzll((uint64_t)top | 1);
    counter k = {words_get(), cursor_slices(c, bits), &c->bufs[2],
                 &c->bufs[3], bits};

    for (uint32_t i = 0; i < bits; i++)
        block_clear(&k.slices[i]);
    block_clear(k.above);
    return k;
}

/* Adds carry (already filled) plus the slices of a part. */
static void counter_add(const index_leaf *leaf, leaf_cursor *c,
                        const counter *k, const event_part *part,
                        uint32_t block)
{
    uint32_t next = 0;
    bool carrying = true;

    for (uint32_t bit = 0; bit < k->bits; bit++) {
        const uint32_t view = part->counts.first + next;
        if (next < part->counts.count && leaf->slice_of[view] == bit) {
            const block_ref b =
                part_block(leaf, c, part, view, block, &c->bufs[0]);
            carrying = k->ops->full_add(k->slices[bit].words,
                                        block_words(b, &c->bufs[1]),
                                        k->carry->words);
            next++;
        } else if (carrying) {
            carrying = k->ops->half_add(k->slices[bit].words,
                                        k->carry->words);
        } else if (next == part->counts.count) {
            return;
        }
    }
    if (carrying)
        block_or_into(k->above, block_bits(k->carry));
    for (; next < part->counts.count; next++)
        block_or_into(k->above,
                      part_block(leaf, c, part, part->counts.first + next,
                                 block, &c->bufs[0]));
}

/* Rows whose count is in [low, high]. */
static block_ref counter_end(const index_leaf *leaf, leaf_cursor *c,
                             const counter *k, block_buf *out)
{
    block_buf *less = &c->bufs[0];
    block_buf *greater = &c->bufs[1];
    block_buf *equal = &c->bufs[3];

    block_clear(less);
    block_clear(greater);
    memset(equal->words, 0xff, sizeof equal->words);
    for (uint32_t bit = k->bits; bit-- > 0;)
        k->ops->compare(less->words, greater->words, equal->words,
                        k->slices[bit].words, (leaf->low >> bit) & 1);
    k->ops->or_(out->words, greater->words, equal->words); /* >= low */
    k->ops->or_(out->words, out->words, k->above->words);
    if (leaf->high == INT64_MAX)
        return block_bits(out);
    block_clear(less);
    block_clear(greater);
    memset(equal->words, 0xff, sizeof equal->words);
    for (uint32_t bit = k->bits; bit-- > 0;)
        k->ops->compare(less->words, greater->words, equal->words,
                        k->slices[bit].words, (leaf->high >> bit) & 1);
    k->ops->andnot(out->words, out->words, greater->words);
    k->ops->andnot(out->words, out->words, k->above->words);
    return block_bits(out);
}

block_ref leaf_count_block(const index_leaf *leaf, leaf_cursor *c,
                           uint32_t block, block_buf *out)
{
    bool empty;

    if (is_sparse(leaf, c, block, &empty))
        return empty ? block_empty() : rows_block(leaf, c, block, out);
    const counter k = counter_begin(leaf, c);
    for (uint32_t i = 0; i < leaf->part_count; i++) {
        const event_part *part = &leaf->parts[i];
        const block_ref seen =
            part_block(leaf, c, part, part->seen, block, &c->bufs[0]);
        if (seen.type == BLOCK_EMPTY)
            continue;
        block_expand(seen, k.carry);
        counter_add(leaf, c, &k, part, block);
    }
    return counter_end(leaf, c, &k, out);
}

/* ---- days ---- */

/* Union of the parts of one day from part i on, in c->bufs[4]; returns the
 * next day's first part. */
static uint32_t day_union(const index_leaf *leaf, leaf_cursor *c, uint32_t i,
                          uint32_t block, bool *any)
{
    const uint32_t day = leaf->parts[i].day;

    *any = false;
    for (; i < leaf->part_count && leaf->parts[i].day == day; i++) {
        const event_part *part = &leaf->parts[i];
        const block_ref b =
            part_block(leaf, c, part, part->seen, block, &c->bufs[0]);
        if (b.type == BLOCK_EMPTY)
            continue;
        if (!*any)
            block_expand(b, &c->bufs[4]);
        else
            block_or_into(&c->bufs[4], b);
        *any = true;
    }
    return i;
}

block_ref leaf_days_block(const index_leaf *leaf, leaf_cursor *c,
                          uint32_t block, block_buf *out)
{
    bool empty;
    const bool sparse = is_sparse(leaf, c, block, &empty);
    uint32_t i = 0;

    if (empty)
        return block_empty();
    if (sparse) {
        row_sums s = sums_begin(leaf, c);
        while (i < leaf->part_count) {
            bool any;
            i = day_union(leaf, c, i, block, &any);
            if (any)
                sums_add(&s, block_bits(&c->bufs[4]), 1);
        }
        return sums_end(leaf, &s, out);
    }
    const counter k = counter_begin(leaf, c);
    const event_part no_slices = {0};
    while (i < leaf->part_count) {
        bool any;
        i = day_union(leaf, c, i, block, &any);
        if (!any)
            continue;
        block_expand(block_bits(&c->bufs[4]), k.carry);
        counter_add(leaf, c, &k, &no_slices, block);
    }
    return counter_end(leaf, c, &k, out);
}

/* ---- one row ---- */

static uint64_t slices_sum(const index_leaf *leaf, view_span slices,
                           uint32_t row)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < slices.count; i++)
        if (view_has(&leaf->views[slices.first + i], row))
            sum += (uint64_t)1 << leaf->slice_of[slices.first + i];
    return sum;
}

bool leaf_event_has(const index_leaf *leaf, uint32_t row)
{
    const int64_t top = leaf->high == INT64_MAX ? leaf->low : leaf->high;
    uint64_t sum = 0;
    uint32_t last_day = UINT32_MAX;
    bool seen = false;

    for (uint32_t i = 0; i < leaf->part_count; i++) {
        const event_part *part = &leaf->parts[i];
        if (!view_has(&leaf->views[part->seen], row) ||
            span_has(leaf, part->clears, row))
            continue;
        seen = true;
        if (leaf->type == LEAF_SEEN)
            return true;
        if (sum > (uint64_t)top)
            break;
        if (leaf->type == LEAF_TOTAL)
            sum += slices_sum(leaf, part->amounts, row);
        else if (leaf->type == LEAF_COUNT)
            sum += 1 + slices_sum(leaf, part->counts, row);
        else if (part->day != last_day)
            sum++;
        last_day = part->day;
    }
    return seen && leaf->type != LEAF_SEEN && (int64_t)sum >= leaf->low &&
           (int64_t)sum <= leaf->high;
}

/* ---- rows anywhere ---- */

/* Rows of a mask get `amount` more. */
static void add_where(uint64_t *sums, const uint64_t *mask, uint64_t amount)
{
    for (uint32_t i = 0; i < FORMULA_MASK_WORDS; i++)
        for (uint64_t w = mask[i]; w; w &= w - 1)
            sums[i * 64 + (uint32_t)__builtin_ctzll(w)] += amount;
}

/* A part's rows; false when there are none. */
static bool part_mask_of(const index_leaf *leaf, const event_part *part,
                         const view_masks *m, uint64_t *here)
{
    const uint64_t *seen = m->of(m->payload, &leaf->views[part->seen]);
    uint64_t any = 0;

    if (!seen)
        return false;
    memcpy(here, seen, FORMULA_MASK_WORDS * sizeof *here);
    for (uint32_t k = 0; k < part->clears.count; k++) {
        const uint64_t *gone =
            m->of(m->payload, &leaf->views[part->clears.first + k]);
        for (uint32_t i = 0; gone && i < FORMULA_MASK_WORDS; i++)
            here[i] &= ~gone[i];
    }
    for (uint32_t i = 0; i < FORMULA_MASK_WORDS; i++)
        any |= here[i];
    return any != 0;
}

static void add_slices(const index_leaf *leaf, view_span slices,
                       const view_masks *m, const uint64_t *here,
                       uint64_t *sums)
{
    uint64_t more[FORMULA_MASK_WORDS];

    for (uint32_t k = 0; k < slices.count; k++) {
        const uint32_t view = slices.first + k;
        const uint64_t *bit = m->of(m->payload, &leaf->views[view]);
        for (uint32_t i = 0; bit && i < FORMULA_MASK_WORDS; i++)
            more[i] = bit[i] & here[i];
        if (bit)
            add_where(sums, more, (uint64_t)1 << leaf->slice_of[view]);
    }
}

void leaf_event_mask(const index_leaf *leaf, const view_masks *m,
                     uint64_t *out)
{
    uint64_t sums[FORMULA_ROWS_MAX] = {0};
    uint64_t here[FORMULA_MASK_WORDS];
    uint64_t day[FORMULA_MASK_WORDS] = {0};
    uint32_t last_day = UINT32_MAX;

    memset(out, 0, FORMULA_MASK_WORDS * sizeof *out);
    for (uint32_t p = 0; p < leaf->part_count; p++) {
        const event_part *part = &leaf->parts[p];
        if (!part_mask_of(leaf, part, m, here))
            continue;
        if (part->day != last_day)
            memset(day, 0, sizeof day);
        last_day = part->day;
        for (uint32_t i = 0; i < FORMULA_MASK_WORDS; i++) {
            out[i] |= here[i];
            if (leaf->type == LEAF_DAYS) {
                here[i] &= ~day[i];
                day[i] |= here[i];
            }
        }
        if (leaf->type == LEAF_COUNT || leaf->type == LEAF_DAYS)
            add_where(sums, here, 1);
        if (leaf->type == LEAF_COUNT)
            add_slices(leaf, part->counts, m, here, sums);
        if (leaf->type == LEAF_TOTAL)
            add_slices(leaf, part->amounts, m, here, sums);
    }
    if (leaf->type == LEAF_SEEN)
        return;
    for (uint32_t i = 0; i < FORMULA_ROWS_MAX; i++)
        if ((int64_t)sums[i] < leaf->low || (int64_t)sums[i] > leaf->high)
            out[i / 64] &= ~((uint64_t)1 << (i & 63));
}
