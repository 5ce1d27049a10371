/*
 * device_filter.c - which of many texts stand in a user agent, and so which
 * rules may match it.
 *
 * All texts of all clauses (device_literal.c) are in one automaton of Aho and
 * Corasick (1975), as a full table: one step a byte. The bytes that occur in
 * no text share one class, capitals that of their small letters, so a row of
 * the table has some 50 cells, not 256.
 *
 * Rules have places, a bit each. There are LITERAL_CLAUSES_MAX rows of such
 * bits; a text that is found sets, in the row of its clause, the bits of the
 * rules it belongs to (as pairs of word and mask: a text of a hundred rules
 * costs a few ORs). A rule is a candidate when its bit is set in all rows;
 * rows of clauses it does not have are set from the start.
 *
 * A cell holds the next state's row and, in its top bit, whether a text ends
 * there. A state knows one text that ends there and the next shorter state
 * that has one too; a text seen before ends that walk, for what follows it was
 * seen with it.
 *
 * Sizes come from the file of rules, so they are bounded: when the table would
 * have more than CELLS_MAX cells, further rules are candidates always, which
 * costs time and no answer.
 *
 * Cost: uap-core's 1,162 rules have 3,347 texts, 17,549 states and 4 MB; all
 * but one of them have a text. A user agent takes some 0.7 us.
 * Threads: a finished filter is read by any number; a scan belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_rules.h"

/* 64 MiB of them. A million states of 16 classes, or 65,536 of 256. */
#define CELLS_MAX ((size_t)1 << 24)
#define NONE UINT32_MAX
#define ENDS 0x80000000u
#define ROWS LITERAL_CLAUSES_MAX

/* Sets bits of a word, which counts through all rows. */
typedef struct filter_hit {
    uint32_t word;
    uint64_t mask;
} filter_hit;

typedef struct filter_text {
    filter_hit *hits;
    size_t count;
    size_t capacity;
    uint64_t marks;
} filter_text;

/* While it is built a state has a list of children. */
typedef struct filter_state {
    uint32_t child;   /* the newest, NONE: none */
    uint32_t sibling; /* of the same parent */
    uint32_t text;    /* that ends here, NONE: none */
    uint32_t shorter; /* state of the longest text that ends here as well */
    uint32_t fall;    /* state of the longest proper ending of this one */
    unsigned char byte;
} filter_state;

struct device_filter {
    uint32_t places;
    uint32_t words;
    uint64_t *initial; /* ROWS * words */
    filter_text *texts;
    size_t text_count;
    size_t text_capacity;
    filter_state *states;
    size_t state_count;
    size_t state_capacity;
    uint8_t classes[256];
    uint32_t class_count;
    uint32_t *cells; /* states * classes */
};

static uint32_t state_add(device_filter *f, unsigned char byte)
{
    mem_grow(&f->states, &f->state_capacity, f->state_count + 1,
             sizeof *f->states);
    f->states[f->state_count] = (filter_state){
        .child = NONE,
        .sibling = NONE,
        .text = NONE,
        .shorter = NONE,
        .byte = byte,
    };
    return (uint32_t)f->state_count++;
}

device_filter *filter_new(uint32_t places)
{
    device_filter *f = mem_zalloc(sizeof *f);
    f->places = places;
    f->words = (places + 63) / 64;
    f->initial = mem_array((size_t)f->words * ROWS + 1, sizeof *f->initial);
    state_add(f, 0);
    return f;
}

void filter_free(device_filter *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->text_count; i++)
        mem_free(f->texts[i].hits);
    mem_free(f->texts);
    mem_free(f->states);
    mem_free(f->cells);
    mem_free(f->initial);
    mem_free(f);
}

/* ---- adding ---- */

static uint32_t child_of(const device_filter *f, uint32_t state,
                         unsigned char byte)
{
    uint32_t child = f->states[state].child;
    while (child != NONE && f->states[child].byte != byte)
        child = f->states[child].sibling;
    return child;
}

static filter_text *text_put(device_filter *f, muster_text text)
{
    uint32_t at = 0;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        uint32_t next = child_of(f, at, byte);
        if (next == NONE) {
            next = state_add(f, byte);
            f->states[next].sibling = f->states[at].child;
            f->states[at].child = next;
        }
        at = next;
    }
    if (f->states[at].text == NONE) {
        mem_grow(&f->texts, &f->text_capacity, f->text_count + 1,
                 sizeof *f->texts);
        f->texts[f->text_count] = (filter_text){.hits = NULL};
        f->states[at].text = (uint32_t)f->text_count++;
    }
    return &f->texts[f->states[at].text];
}

/* The texts of a rule are of neighbouring places: the last hit is looked at. */
static void text_hit(filter_text *t, uint32_t word, uint64_t mask)
{
    for (size_t i = t->count; i > 0; i--) {
        if (t->hits[i - 1].word == word) {
            t->hits[i - 1].mask |= mask;
            return;
        }
    }
    mem_grow(&t->hits, &t->capacity, t->count + 1, sizeof *t->hits);
    t->hits[t->count++] = (filter_hit){word, mask};
}

static bool has_room(const device_filter *f, const literal_clauses *c)
{
    size_t states = f->state_count;
    for (uint32_t i = 0; i < c->count; i++)
        states += (size_t)c->sets[i].count * LITERAL_BYTES_MAX;
    return states <= CELLS_MAX / 256;
}

void filter_add(device_filter *f, uint32_t place, const literal_clauses *c)
{
    ASSERT(place < f->places && f->cells == NULL);
    const uint64_t mask = (uint64_t)1 << place % 64;
    const uint32_t rows = has_room(f, c) ? c->count : 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        const uint32_t word = row * f->words + place / 64;
        if (row >= rows)
            f->initial[word] |= mask;
        for (uint32_t i = 0; row < rows && i < c->sets[row].count; i++)
            text_hit(text_put(f, c->sets[row].texts[i]), word, mask);
    }
}

void filter_add_mark(device_filter *f, const char *word, uint32_t mark)
{
    ASSERT(mark < FILTER_MARKS_MAX && f->cells == NULL && word[0] != '\0');
    text_put(f, text_of(word))->marks |= (uint64_t)1 << mark;
}

/* ---- the table ---- */

static void find_classes(device_filter *f)
{
    f->class_count = 1; /* 0: bytes of no text */
    for (size_t i = 1; i < f->state_count; i++) {
        uint8_t *class = &f->classes[f->states[i].byte];
        if (*class == 0)
            *class = (uint8_t)f->class_count++;
    }
    for (int c = 'A'; c <= 'Z'; c++)
        f->classes[c] = f->classes[c + ('a' - 'A')];
}

/* Text ends of a state: its own, and those of its falls. */
static void link_state(device_filter *f, uint32_t state, uint32_t fall)
{
    filter_state *s = &f->states[state];
    s->fall = fall;
    s->shorter = f->states[fall].text != NONE ? fall : f->states[fall].shorter;
}

static uint32_t cell_of(const device_filter *f, uint32_t state)
{
    const filter_state *s = &f->states[state];
    const bool ends = s->text != NONE || s->shorter != NONE;
    return state * f->class_count | (ends ? ENDS : 0);
}

/* A state's row is that of its fall, but for its children. Parents and falls
 * come before in breadth-first order. */
static void fill_row(device_filter *f, uint32_t state, uint32_t *order,
                     size_t *tail)
{
    const size_t n = f->class_count;
    uint32_t *row = f->cells + state * n;
    const uint32_t *fall_row = f->cells + f->states[state].fall * n;
    if (state != 0)
        memcpy(row, fall_row, n * sizeof *row);
    for (uint32_t c = f->states[state].child; c != NONE;
         c = f->states[c].sibling) {
        uint32_t *cell = &row[f->classes[f->states[c].byte]];
        const uint32_t fall =
            state == 0 ? 0 : (*cell & ~ENDS) / f->class_count;
        link_state(f, c, fall);
        *cell = cell_of(f, c);
        order[(*tail)++] = c;
    }
}

void filter_finish(device_filter *f)
{
    ASSERT(f->cells == NULL);
    find_classes(f);
    ASSERT(f->class_count <= 256 && f->state_count <= CELLS_MAX / 128);
    f->cells = mem_array(f->state_count * f->class_count, sizeof *f->cells);
    uint32_t *order = mem_array(f->state_count, sizeof *order);
    size_t tail = 1;
    for (size_t head = 0; head < tail; head++)
        fill_row(f, order[head], order, &tail);
    ASSERT(tail == f->state_count);
    mem_free(order);
}

/* ---- reading ---- */

uint32_t filter_words(const device_filter *f)
{
    return f->words;
}

void filter_scan_init(filter_scan *s, const device_filter *f)
{
    ASSERT(f->cells != NULL);
    memset(s, 0, sizeof *s);
    s->candidates = mem_array((size_t)f->words + 1, sizeof *s->candidates);
    s->clauses = mem_array((size_t)f->words * ROWS + 1, sizeof *s->clauses);
    s->seen = mem_array(f->text_count / 64 + 1, sizeof *s->seen);
}

void filter_scan_release(filter_scan *s)
{
    mem_free(s->candidates);
    mem_free(s->clauses);
    mem_free(s->seen);
    memset(s, 0, sizeof *s);
}

static void note_texts(const device_filter *f, filter_scan *s, uint32_t state)
{
    while (state != NONE) {
        const uint32_t number = f->states[state].text;
        if (number != NONE) {
            uint64_t *seen = &s->seen[number / 64];
            const uint64_t bit = (uint64_t)1 << number % 64;
            if ((*seen & bit) != 0)
                return;
            *seen |= bit;
            const filter_text *t = &f->texts[number];
            s->marks |= t->marks;
            for (size_t i = 0; i < t->count; i++)
                s->clauses[t->hits[i].word] |= t->hits[i].mask;
        }
        state = f->states[state].shorter;
    }
}

void filter_read(const device_filter *f, filter_scan *s, muster_text text)
{
    const size_t words = f->words;
    uint32_t at = 0;
    s->marks = 0;
    memset(s->seen, 0, (f->text_count / 64 + 1) * sizeof *s->seen);
    memcpy(s->clauses, f->initial, words * ROWS * sizeof *s->clauses);
    for (size_t i = 0; i < text.len; i++) {
        const uint32_t cell =
            f->cells[at + f->classes[(unsigned char)text.ptr[i]]];
        at = cell & ~ENDS;
        if ((cell & ENDS) != 0)
            note_texts(f, s, at / f->class_count);
    }
    for (size_t w = 0; w < words; w++) {
        uint64_t bits = s->clauses[w];
        for (size_t row = 1; row < ROWS; row++)
            bits &= s->clauses[row * words + w];
        s->candidates[w] = bits;
    }
}
