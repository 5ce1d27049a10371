/*
 * sources.c - providers beside each other (reach.h).
 *
 * What is counted, of users whom the viewer sees and who did not opt out, and
 * of facts that are live at now:
 *
 *   users          with any fact of the source; `only`: and of no other
 *   facts          of profile attributes: a user and a value that is held (a
 *                  flag, a number: a user)
 *   events         a user, an event attribute and a day (an hour, for hour
 *                  grain) in which something happened, whatever its value
 *   age            of events: the bucket. When a profile fact was said is not
 *                  kept, only when it ends: `ending` within ENDING_HOURS
 *   contradicted   one_of: a provider holds one value at most of a user, so
 *                  where several values are held, each provider that speaks of
 *                  the user is contradicted by another
 *   agreement      the same attribute and user, both providers; value by value
 *
 * Attributes come one after the other; of each, leaves (a source and a value,
 * or a bucket) are read block by block, as many at once as memory is set aside
 * for: an attribute may have a million values. Providers that are not sources
 * are one more, the last: `others`.
 *
 * `once` gathers the rows with a value, `twice` those with a second one. The
 * rows of one value are kept until all sources have told theirs, since the same
 * value twice is no contradiction. What is compared with the truth needs to
 * know who speaks of whom: the leaves of that attribute are read a second time.
 *
 * Threads: one; it reads immutable views.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reach/reach.h"

#define ENDING_HOURS 720u
#define HOURS_PER_DAY 24u
#define SECONDS_PER_HOUR 3600
/* Leaves of so many values are made between two looks at the stop. */
#define VALUES_PER_LOOK 256u
/* Leaves at once, of some 5 KB, and those of one value more. */
#define TOLD_MOST 1024u
/* The largest number there is, x 10^4. */
#define NUMBER_MOST                                                            \
    (((int64_t)1 << MUSTER_NUMBER_BITS) * MUSTER_NUMBER_SCALE - 1)

const uint32_t reach_age_days[REACH_AGES] = {1, 7, 30};

/* What a source says of one value, or in one bucket. */
typedef struct told {
    uint32_t source;
    uint32_t value; /* or the bucket */
    index_leaf *leaf;
    leaf_cursor *cursor;
    index_leaf *later; /* what is left in ENDING_HOURS; NULL: of no matter */
    leaf_cursor *later_cursor;
} told;

typedef struct counting {
    const program_state *state;
    const catalog *names;
    const reach_sources_question *q;
    reach_source *out;
    uint32_t sources; /* with others, the last */
    uint32_t blocks;
    uint64_t *seen; /* a bit a row: whom the viewer sees */
    uint64_t **users; /* by source: those with a fact */
    /* of the attribute at hand */
    const catalog_attribute *attribute;
    bool speaks[REACH_SOURCES_MAX + 1];
    told *told; /* some: by value or bucket, then source */
    size_t told_count;
    size_t told_capacity;
    reach_of_attribute rows[REACH_SOURCES_MAX + 1];
    block_buf **known; /* by source, block: rows with any value; NULL: the
                          source spoke of no attribute yet */
    block_buf *once;   /* by block */
    block_buf *twice;
    /* of the block at hand; by source */
    block_buf *read; /* where a leaf may write */
    block_buf *kept; /* rows of the value at hand */
    block_ref *refs;
    block_buf *spare;
} counting;

/* ---- leaves ---- */

static bool is_others(const counting *c, uint32_t source)
{
    return source == c->q->count;
}

static bool speaks_of(const counting *c, uint32_t source, uint32_t attribute)
{
    const index_stack *x = c->state->index;
    if (!is_others(c, source))
        return index_has_group(x, attribute, c->q->providers[source]);
    for (uint32_t i = 0; i < c->q->other_count; i++)
        if (index_has_group(x, attribute, c->q->others[i]))
            return true;
    return false;
}

static leaf_spec spec_of(const counting *c, uint32_t source)
{
    const bool others = is_others(c, source);
    const catalog_attribute *a = c->attribute;
    return (leaf_spec){
        .type = LEAF_HELD,
        .attribute = a->id,
        .providers = others ? c->q->others : &c->q->providers[source],
        .provider_count = others ? c->q->other_count : 1,
        .any = true,
        .exclusive = a->kind == KIND_ONE_OF,
        .now_hour = (uint32_t)clock_hour_of(c->state->now),
    };
}

/* Leaves without a row are not kept. */
static void tell(counting *c, uint32_t source, uint32_t value,
                 leaf_spec *spec)
{
    told t = {.source = source, .value = value};
    t.leaf = index_leaf_new(c->state->index, spec);
    if (index_leaf_weight(t.leaf) == 0) {
        index_leaf_free(t.leaf);
        return;
    }
    t.cursor = leaf_cursor_new(t.leaf);
    if (c->attribute->kind != KIND_EVENT && !is_others(c, source)) {
        spec->now_hour += ENDING_HOURS;
        t.later = index_leaf_new(c->state->index, spec);
        t.later_cursor = leaf_cursor_new(t.later);
        spec->now_hour -= ENDING_HOURS;
    }
    mem_grow(&c->told, &c->told_capacity, c->told_count + 1, sizeof *c->told);
    c->told[c->told_count++] = t;
}

/* One value of a one_of or many_of, as long as the leaf is being made. */
static void tell_value(counting *c, uint32_t source, uint32_t value)
{
    leaf_spec spec = spec_of(c, source);
    spec.values = &value;
    spec.value_count = 1;
    spec.any = false;
    tell(c, source, value, &spec);
}

static void tell_bucket(counting *c, uint32_t source, uint32_t bucket)
{
    const bool hours = c->attribute->grain == GRAIN_HOUR;
    leaf_spec spec = spec_of(c, source);
    spec.type = LEAF_SEEN;
    spec.bucket_hours = hours ? 1 : HOURS_PER_DAY;
    spec.from = spec.to = bucket;
    tell(c, source, bucket, &spec);
}

/* A flag or a number, which have one value or none. */
static void tell_known(counting *c, uint32_t source)
{
    leaf_spec spec = spec_of(c, source);
    if (c->attribute->kind == KIND_NUMBER) {
        spec.type = LEAF_NUMBER;
        spec.low = -NUMBER_MOST;
        spec.high = NUMBER_MOST;
    }
    tell(c, source, 1, &spec);
}

/* Values, or buckets within retention: first to last. */
static void find_range(const counting *c, uint32_t *first, uint32_t *last)
{
    const catalog_attribute *a = c->attribute;
    *first = *last = 1;
    if (a->kind == KIND_ONE_OF || a->kind == KIND_MANY_OF)
        *last = catalog_value_count(c->names, a->id);
    if (a->kind != KIND_EVENT)
        return;
    const int64_t today = clock_day_of(c->state->now);
    const int64_t oldest = today - (int64_t)a->retention_days + 1;
    const uint32_t hours = a->grain == GRAIN_HOUR ? HOURS_PER_DAY : 1;
    *first = (uint32_t)(oldest < 0 ? 0 : oldest) * hours;
    *last = a->grain == GRAIN_HOUR
                ? (uint32_t)clock_hour_of(c->state->now)
                : (uint32_t)today;
}

/* What the sources say from the value *next on, as much as is taken at once;
 * false: there is no more, or it is to end. */
static bool tell_some(counting *c, uint32_t *next, uint32_t last)
{
    const attribute_kind kind = c->attribute->kind;
    const bool valued = kind == KIND_ONE_OF || kind == KIND_MANY_OF;
    for (; *next <= last && c->told_count < TOLD_MOST; (*next)++) {
        if (*next % VALUES_PER_LOOK == 0 && program_stopped(c->q->stop))
            return false;
        for (uint32_t s = 0; s < c->sources; s++) {
            if (!c->speaks[s])
                continue;
            if (kind == KIND_EVENT)
                tell_bucket(c, s, *next);
            else if (valued)
                tell_value(c, s, *next);
            else
                tell_known(c, s);
        }
    }
    return c->told_count > 0;
}

static void forget_told(counting *c)
{
    for (size_t i = 0; i < c->told_count; i++) {
        const told *t = &c->told[i];
        leaf_cursor_free(t->cursor);
        index_leaf_free(t->leaf);
        if (t->later == NULL)
            continue;
        leaf_cursor_free(t->later_cursor);
        index_leaf_free(t->later);
    }
    c->told_count = 0;
}

/* ---- a block ---- */

static block_ref seen_in(const counting *c, uint32_t block)
{
    return (block_ref){BLOCK_BITSET, BLOCK_UNKNOWN,
                       c->seen + (size_t)block * WORDS};
}

/* The rows that a leaf holds, whom the viewer sees; in `out` or the index. */
static block_ref rows_of(counting *c, const index_leaf *leaf,
                         leaf_cursor *cursor, uint32_t block, block_buf *out)
{
    const block_ref rows = index_leaf_block(leaf, cursor, block, c->read);
    if (rows.type == BLOCK_EMPTY)
        return rows;
    return block_and(rows, seen_in(c, block), out);
}

/* When a bucket of the attribute begins. */
static muster_time bucket_time(const counting *c, uint32_t bucket)
{
    const bool hours = c->attribute->grain == GRAIN_HOUR;
    return (muster_time)bucket * (hours ? 1 : HOURS_PER_DAY) *
           SECONDS_PER_HOUR;
}

static void count_events(counting *c, const told *t, uint64_t n)
{
    reach_source *s = &c->out[t->source];
    const muster_time at = bucket_time(c, t->value);
    const int64_t age = clock_day_of(c->state->now) - clock_day_of(at);
    s->events += n;
    for (size_t i = 0; i < REACH_AGES; i++)
        s->recent[i] += age < (int64_t)reach_age_days[i] ? n : 0;
    if (s->oldest == 0 || at < s->oldest)
        s->oldest = at;
    if (at > s->newest)
        s->newest = at;
}

static void count_told(counting *c, const told *t, uint32_t block,
                       block_ref rows)
{
    const uint64_t n = block_count(rows);
    block_or_into(&c->known[t->source][block], rows);
    c->rows[t->source].facts += n;
    if (is_others(c, t->source) || n == 0)
        return;
    if (c->attribute->kind == KIND_EVENT) {
        count_events(c, t, n);
        return;
    }
    c->out[t->source].facts += n;
    c->out[t->source].ending +=
        n - block_count(rows_of(c, t->later, t->later_cursor, block,
                                c->spare));
}

/* All that is told of one value: from `first` on; returns behind the last. */
static size_t count_value(counting *c, size_t first, uint32_t block)
{
    const bool one_of = c->attribute->kind == KIND_ONE_OF;
    size_t end = first;
    for (; end < c->told_count && c->told[end].value == c->told[first].value;
         end++) {
        const told *t = &c->told[end];
        c->refs[t->source] = rows_of(c, t->leaf, t->cursor, block,
                                     &c->kept[t->source]);
        if (c->refs[t->source].type == BLOCK_EMPTY)
            continue;
        count_told(c, t, block, c->refs[t->source]);
        if (one_of)
            block_or_into(&c->twice[block],
                          block_and(block_bits(&c->once[block]),
                                    c->refs[t->source], c->spare));
    }
    for (size_t i = first; one_of && i < end; i++)
        block_or_into(&c->once[block], c->refs[c->told[i].source]);
    return end;
}

/* Rows of which the source knows any value. */
static block_ref known_in(const counting *c, uint32_t source, uint32_t block)
{
    return c->speaks[source] ? block_bits(&c->known[source][block])
                             : block_empty();
}

/* ---- agreement, behind what is known ---- */

static void compare_value(counting *c, size_t first, size_t end,
                          uint32_t block)
{
    const uint32_t judge = c->q->truth_source;
    const uint32_t value = c->told[first].value;
    const block_ref by_truth = known_in(c, judge, block);
    for (uint32_t s = 0; s < c->sources; s++)
        c->refs[s] = block_empty();
    for (size_t i = first; i < end; i++) {
        const told *t = &c->told[i];
        c->refs[t->source] = rows_of(c, t->leaf, t->cursor, block,
                                     &c->kept[t->source]);
    }
    for (uint32_t s = 0; s < c->q->count; s++) {
        reach_agreement *g = &c->out[s].values[value];
        g->said += block_and_count(c->refs[s], by_truth);
        g->truth += block_and_count(c->refs[judge], known_in(c, s, block));
        g->both += block_and_count(c->refs[judge], c->refs[s]);
    }
}

static void compare_block(counting *c, uint32_t block)
{
    size_t end;
    for (size_t i = 0; i < c->told_count; i = end) {
        for (end = i + 1; end < c->told_count &&
                          c->told[end].value == c->told[i].value;)
            end++;
        compare_value(c, i, end, block);
    }
}

/* ---- an attribute ---- */

static void count_block(counting *c, uint32_t block)
{
    for (size_t i = 0; i < c->told_count;)
        i = count_value(c, i, block);
}

/* All leaves of the attribute, some at a time. */
static void read_leaves(counting *c,
                        void (*block_of)(counting *c, uint32_t block))
{
    uint32_t next = 0;
    uint32_t last = 0;
    find_range(c, &next, &last);
    while (!program_stopped(c->q->stop) && tell_some(c, &next, last)) {
        for (uint32_t block = 0; block < c->blocks; block++) {
            if (program_stopped(c->q->stop))
                break;
            block_of(c, block);
        }
        forget_told(c);
    }
    forget_told(c);
}

/* Behind the leaves: who is spoken of. */
static void count_known(counting *c, uint32_t source)
{
    for (uint32_t block = 0; block < c->blocks; block++) {
        const block_ref known = known_in(c, source, block);
        uint64_t *users = c->users[source] + (size_t)block * WORDS;
        for (size_t i = 0; i < WORDS; i++)
            users[i] |= c->known[source][block].words[i];
        c->rows[source].users += block_count(known);
        c->rows[source].contradicted +=
            block_and_count(known, block_bits(&c->twice[block]));
    }
}

static void keep_rows(counting *c)
{
    for (uint32_t s = 0; s < c->q->count; s++) {
        reach_source *out = &c->out[s];
        if (c->rows[s].users == 0)
            continue;
        mem_grow(&out->attributes, &out->attribute_capacity,
                 out->attribute_count + 1, sizeof *out->attributes);
        out->attributes[out->attribute_count++] = c->rows[s];
    }
}

static block_buf *new_rows(const counting *c)
{
    const size_t bytes = ((size_t)c->blocks + 1) * sizeof(block_buf);
    return memset(mem_aligned(bytes), 0, bytes);
}

static void clear_rows(const counting *c, block_buf *rows)
{
    memset(rows, 0, (size_t)c->blocks * sizeof *rows);
}

/* Who speaks of the attribute, and nothing said yet. */
static void begin_attribute(counting *c, const catalog_attribute *a)
{
    c->attribute = a;
    for (uint32_t s = 0; s < c->sources; s++) {
        c->rows[s] = (reach_of_attribute){.attribute = a->id};
        c->speaks[s] = speaks_of(c, s, a->id);
        if (c->speaks[s] && c->known[s] != NULL)
            clear_rows(c, c->known[s]);
        else if (c->speaks[s])
            c->known[s] = new_rows(c);
    }
    clear_rows(c, c->once);
    clear_rows(c, c->twice);
}

static void count_attribute(counting *c, const catalog_attribute *a)
{
    begin_attribute(c, a);
    read_leaves(c, count_block);
    for (uint32_t s = 0; s < c->sources; s++)
        if (c->speaks[s])
            count_known(c, s);
    if (a == c->q->truth)
        read_leaves(c, compare_block);
    keep_rows(c);
}

/* ---- all of it ---- */

static void note_seen(void *payload, uint32_t block, block_ref rows)
{
    counting *c = payload;
    block_expand(rows, c->spare);
    memcpy(c->seen + (size_t)block * WORDS, c->spare->words,
           sizeof c->spare->words);
}

static block_ref users_in(const counting *c, uint32_t source, uint32_t block)
{
    return (block_ref){BLOCK_BITSET, BLOCK_UNKNOWN,
                       c->users[source] + (size_t)block * WORDS};
}

/* Users of each source, and those of it alone: behind all attributes. */
static void count_users(counting *c)
{
    clear_rows(c, c->once);
    clear_rows(c, c->twice);
    for (uint32_t block = 0; block < c->blocks; block++) {
        block_buf *once = &c->once[block];
        block_buf *twice = &c->twice[block];
        for (uint32_t s = 0; s < c->sources; s++) {
            const block_ref users = users_in(c, s, block);
            block_or_into(twice,
                          block_and(block_bits(once), users, c->spare));
            block_or_into(once, users);
        }
        for (uint32_t s = 0; s < c->q->count; s++) {
            const block_ref users = users_in(c, s, block);
            c->out[s].users += block_count(users);
            c->out[s].only += block_andnot_count(users, block_bits(twice));
        }
    }
}

static block_buf *new_blocks(uint32_t count)
{
    return mem_aligned(count * sizeof(block_buf));
}

static void counting_init(counting *c)
{
    c->seen = new_rows(c)->words;
    c->users = mem_array(c->sources, sizeof *c->users);
    for (uint32_t s = 0; s < c->sources; s++)
        c->users[s] = new_rows(c)->words;
    c->read = new_blocks(1);
    c->kept = new_blocks(c->sources);
    c->refs = mem_array(c->sources, sizeof *c->refs);
    c->known = mem_array(c->sources, sizeof *c->known);
    c->once = new_rows(c);
    c->twice = new_rows(c);
    c->spare = new_blocks(1);
}

static void counting_release(counting *c)
{
    for (uint32_t s = 0; s < c->sources; s++) {
        mem_free(c->users[s]);
        mem_free(c->known[s]);
    }
    mem_free(c->users);
    mem_free(c->seen);
    mem_free(c->read);
    mem_free(c->kept);
    mem_free(c->refs);
    mem_free(c->known);
    mem_free(c->once);
    mem_free(c->twice);
    mem_free(c->spare);
    mem_free(c->told);
}

void reach_sources(const program *everyone, const program_state *state,
                   const catalog *names, const reach_sources_question *q,
                   reach_source *out)
{
    counting *c = mem_zalloc(sizeof *c);
    ASSERT(q->count <= REACH_SOURCES_MAX);
    c->state = state;
    c->names = names;
    c->q = q;
    c->out = out;
    c->sources = q->count + 1;
    c->blocks = state->rows / BLOCK_ROWS + (state->rows % BLOCK_ROWS != 0);
    counting_init(c);
    for (uint32_t s = 0; s < q->count; s++) {
        out[s] = (reach_source){.provider = q->providers[s]};
        if (q->truth != NULL)
            out[s].values =
                mem_array((size_t)catalog_value_count(names, q->truth->id) + 1,
                          sizeof *out[s].values);
    }
    program_some_blocks(everyone, 0, c->blocks, note_seen, c);
    for (size_t i = 0; i < catalog_attribute_count(names); i++)
        count_attribute(c, catalog_attribute_at(names, i));
    count_users(c);
    counting_release(c);
    mem_free(c);
}

void reach_sources_release(reach_source *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(sources[i].attributes);
        mem_free(sources[i].values);
    }
}
