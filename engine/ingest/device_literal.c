/*
 * device_literal.c - what texts a pattern cannot match without.
 *
 * The pattern is read as a tree of pieces. A piece is *exact* when it matches
 * one of a few texts and nothing else ("foo", "(?:a|b)c", "x?"); exact pieces
 * side by side are multiplied out, until something that is not exact ("\d+",
 * ".*") or too many texts end the run. The run is then a *clause*: one of its
 * texts stands in whatever the pattern matches. An alternative has the union of
 * one clause of each branch. Of all clauses the best few are kept: those whose
 * shortest text is long, and that are few texts. (The idea is that of RE2's
 * FilteredRE2, https://github.com/google/re2/blob/main/re2/filtered_re2.h.)
 *
 * All is in lower case, so it holds for patterns that ignore case too: the
 * texts are looked for without regard to case. Anchors and assertions match
 * the empty text: what they ask for is not used.
 *
 * It must never ask for too much: whatever is not surely understood (escapes
 * with letters or digits other than \d \s \w \b and their capitals, groups
 * other than capturing, plain and assertions, nesting deeper than DEPTH_MAX,
 * verbs, classes of classes) makes the pattern one without clauses, which is
 * tried every time. That the rules found so give the same answers as trying
 * all is what tests/ingest/device_test.c and the fuzz target check.
 *
 * Cost: some microseconds a pattern. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_rules.h"

#define DEPTH_MAX 40u
/* Texts of a run, and of a clause. */
#define EXACT_MAX 64u
#define CLAUSE_MAX 512u
/* Characters of a class that is multiplied out. */
#define CLASS_MAX 5u
/* Shorter texts stand in every user agent. */
#define TEXT_MIN 2u
/* A repetition is written out so often at most. */
#define REPEAT_MAX 4u

typedef struct piece {
    bool exact;
    literal_set texts;       /* when exact */
    literal_clauses clauses; /* when not */
} piece;

typedef struct literal_reader {
    const char *at;
    const char *end;
    arena *memory;
    unsigned depth;
    bool lost; /* something was not understood */
} literal_reader;

static piece anything(void)
{
    return (piece){.exact = false};
}

static bool more(const literal_reader *r)
{
    return r->at < r->end && !r->lost;
}

static piece give_up(literal_reader *r)
{
    r->lost = true;
    return anything();
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || c == '_' || (lower(c) >= 'a' && lower(c) <= 'z');
}

static bool is_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* ---- sets of texts ---- */

static literal_set set_new(literal_reader *r, size_t room)
{
    return (literal_set){arena_alloc(r->memory, room * sizeof(muster_text)),
                         0};
}

static piece exact_text(literal_reader *r, const char *ptr, size_t len)
{
    piece p = {.exact = true, .texts = set_new(r, 1)};
    p.texts.texts[0] = text_make(arena_strndup(r->memory, ptr, len), len);
    p.texts.count = 1;
    return p;
}

static literal_set set_union(literal_reader *r, literal_set a, literal_set b)
{
    literal_set out = set_new(r, (size_t)a.count + b.count + 1);
    for (uint32_t i = 0; i < a.count; i++)
        out.texts[out.count++] = a.texts[i];
    for (uint32_t i = 0; i < b.count; i++)
        out.texts[out.count++] = b.texts[i];
    return out;
}

static muster_text join(literal_reader *r, muster_text a, muster_text b)
{
    char *bytes = arena_alloc(r->memory, a.len + b.len + 1);
    memcpy(bytes, a.ptr, a.len);
    memcpy(bytes + a.len, b.ptr, b.len);
    return text_make(bytes, a.len + b.len);
}

static literal_set set_product(literal_reader *r, literal_set a, literal_set b)
{
    literal_set out = set_new(r, (size_t)a.count * b.count);
    for (uint32_t i = 0; i < a.count; i++)
        for (uint32_t k = 0; k < b.count; k++)
            out.texts[out.count++] = join(r, a.texts[i], b.texts[k]);
    return out;
}

static size_t set_longest(literal_set s)
{
    size_t longest = 0;
    for (uint32_t i = 0; i < s.count; i++)
        longest = s.texts[i].len > longest ? s.texts[i].len : longest;
    return longest;
}

static size_t set_shortest(literal_set s)
{
    size_t shortest = SIZE_MAX;
    for (uint32_t i = 0; i < s.count; i++)
        shortest = s.texts[i].len < shortest ? s.texts[i].len : shortest;
    return shortest;
}

/* Texts that hold another of the set say nothing more. */
static void set_thin(literal_set *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        bool needed = true;
        for (uint32_t k = 0; k < s->count && needed; k++) {
            const bool same = text_equal(s->texts[i], s->texts[k]);
            needed = same ? k >= kept
                          : !text_contains(s->texts[i], s->texts[k]);
        }
        if (needed)
            s->texts[kept++] = s->texts[i];
    }
    s->count = kept;
}

/* ---- clauses ---- */

/* How much a clause rules out: long texts, and few of them. */
static size_t set_worth(literal_set s)
{
    size_t worth = set_shortest(s);
    worth = worth > 12 ? 12 * 8 : worth * 8;
    for (uint32_t n = s.count; n > 1; n /= 2)
        worth -= worth > 2 ? 2 : 0;
    return worth;
}

/* Kept in order of worth. */
static void clauses_add(literal_clauses *c, literal_set s)
{
    if (s.count == 0 || s.count > CLAUSE_MAX || set_shortest(s) < TEXT_MIN)
        return;
    uint32_t at = c->count;
    while (at > 0 && set_worth(c->sets[at - 1]) < set_worth(s))
        at--;
    if (at == LITERAL_CLAUSES_MAX)
        return;
    if (c->count < LITERAL_CLAUSES_MAX)
        c->count++;
    for (uint32_t i = c->count - 1; i > at; i--)
        c->sets[i] = c->sets[i - 1];
    c->sets[at] = s;
}

static void clauses_add_all(literal_clauses *c, const literal_clauses *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        clauses_add(c, from->sets[i]);
}

/* ---- atoms ---- */

static piece read_alternatives(literal_reader *r);

/* Behind the backslash. */
static piece read_escape(literal_reader *r)
{
    if (!more(r))
        return give_up(r);
    const char c = *r->at++;
    if (!is_word(c) && (unsigned char)c < 0x80)
        return exact_text(r, &c, 1);
    if (c == 'b' || c == 'B')
        return exact_text(r, "", 0);
    if (is_of(c, "dDsSwW"))
        return anything();
    return give_up(r);
}

typedef struct byte_set {
    bool has[256]; /* in lower case */
    bool many;     /* more than are counted */
} byte_set;

/* One character of a class, or 256: it stands for several. */
static unsigned read_class_byte(literal_reader *r)
{
    const char c = *r->at++;
    if (c == '[' && r->at < r->end && is_of(*r->at, ":.="))
        r->lost = true;
    if (c != '\\')
        return (unsigned char)c;
    if (r->at == r->end) {
        r->lost = true;
        return 256;
    }
    const char escaped = *r->at++;
    if (!is_word(escaped))
        return (unsigned char)escaped;
    r->lost = r->lost || !is_of(escaped, "dDsSwW");
    return 256;
}

static void read_class_item(literal_reader *r, byte_set *set)
{
    const unsigned from = read_class_byte(r);
    unsigned to = from;
    if (from < 256 && r->end - r->at >= 2 && r->at[0] == '-' &&
        r->at[1] != ']') {
        r->at++;
        to = read_class_byte(r);
    }
    set->many = set->many || from == 256 || to == 256;
    for (unsigned c = from; c <= to && c < 256; c++)
        set->has[(unsigned char)lower((char)c)] = true;
}

/* Behind the opening bracket. */
static piece read_class(literal_reader *r)
{
    byte_set set = {.many = false};
    if (more(r) && *r->at == '^') {
        r->at++;
        set.many = true;
    }
    for (bool first = true; more(r) && (first || *r->at != ']'); first = false)
        read_class_item(r, &set);
    if (!more(r))
        return give_up(r);
    r->at++;
    piece p = {.exact = true, .texts = set_new(r, CLASS_MAX + 1)};
    for (unsigned c = 0; c < 256 && p.texts.count <= CLASS_MAX; c++) {
        const char byte = (char)c;
        if (set.has[c])
            p.texts.texts[p.texts.count++] =
                text_make(arena_strndup(r->memory, &byte, 1), 1);
    }
    return set.many || p.texts.count > CLASS_MAX ? anything() : p;
}

/* Behind "(": which group it is. False: one of those not understood. */
static bool read_group_head(literal_reader *r, bool *asserts)
{
    static const char *const assertions[] = {"?=", "?!", "?<=", "?<!"};
    const muster_text rest = text_make(r->at, (size_t)(r->end - r->at));
    *asserts = false;
    if (rest.len > 0 && rest.ptr[0] == '*')
        return false;
    if (rest.len == 0 || rest.ptr[0] != '?')
        return true;
    for (size_t i = 0; i < 4; i++) {
        if (text_starts_with(rest, text_of(assertions[i]))) {
            r->at += strlen(assertions[i]);
            *asserts = true;
            return true;
        }
    }
    r->at += 2;
    return text_starts_with(rest, text_of("?:"));
}

static piece read_group(literal_reader *r)
{
    bool asserts = false;
    if (!read_group_head(r, &asserts) || r->depth == DEPTH_MAX)
        return give_up(r);
    r->depth++;
    piece inner = read_alternatives(r);
    r->depth--;
    if (!more(r) || *r->at != ')')
        return give_up(r);
    r->at++;
    return asserts ? exact_text(r, "", 0) : inner;
}

static piece read_atom(literal_reader *r)
{
    const char c = *r->at++;
    const char folded = lower(c);
    switch (c) {
    case '\\':
        return read_escape(r);
    case '[':
        return read_class(r);
    case '(':
        return read_group(r);
    case '.':
        return anything();
    case '^':
    case '$':
        return exact_text(r, "", 0);
    case '*':
    case '+':
    case '?':
        return give_up(r);
    default:
        return exact_text(r, &folded, 1);
    }
}

/* ---- repetitions ---- */

typedef struct repeat {
    unsigned least;
    bool open; /* it may be more than the least */
} repeat;

/* "{2}", "{2,}", "{2,5}"; anything else in braces is not understood. */
static repeat read_braces(literal_reader *r)
{
    unsigned least = 0;
    const char *p = r->at + 1;
    for (; p < r->end && is_digit(*p) && least < 100000; p++)
        least = least * 10 + (unsigned)(*p - '0');
    bool open = false;
    if (p > r->at + 1 && p < r->end && *p == ',') {
        open = true;
        for (p++; p < r->end && is_digit(*p);)
            p++;
    }
    if (p == r->at + 1 || p >= r->end || *p != '}') {
        r->lost = true;
        return (repeat){0, true};
    }
    r->at = p + 1;
    return (repeat){least, open};
}

static repeat read_repeat(literal_reader *r)
{
    repeat n = {1, false};
    if (!more(r) || !is_of(*r->at, "*+?{"))
        return n;
    if (*r->at == '{')
        n = read_braces(r);
    else
        n = (repeat){*r->at++ == '+', true};
    if (more(r) && (*r->at == '?' || *r->at == '+'))
        r->at++;
    return n;
}

/* ---- runs and alternatives ---- */

/* A sequence that is being read: the run of exact pieces at its end, and the
 * clauses of what came before. */
typedef struct sequence {
    literal_set run;
    literal_clauses clauses;
    bool broken; /* not exact as a whole */
} sequence;

static void sequence_break(literal_reader *r, sequence *s)
{
    clauses_add(&s->clauses, s->run);
    s->run = exact_text(r, "", 0).texts;
    s->broken = true;
}

static void sequence_add(literal_reader *r, sequence *s, const piece *p)
{
    if (!p->exact) {
        sequence_break(r, s);
        clauses_add_all(&s->clauses, &p->clauses);
        return;
    }
    const bool fits = (size_t)s->run.count * p->texts.count <= EXACT_MAX &&
                      set_longest(s->run) <= LITERAL_BYTES_MAX;
    if (!fits)
        sequence_break(r, s);
    s->run = fits ? set_product(r, s->run, p->texts) : p->texts;
}

/* "x?" is exact when x is; else what is optional asks for nothing. */
static void sequence_repeat(literal_reader *r, sequence *s, piece *p,
                            repeat n, bool once)
{
    if (n.least == 0 && once && p->exact) {
        p->texts = set_union(r, p->texts, exact_text(r, "", 0).texts);
        sequence_add(r, s, p);
        return;
    }
    for (unsigned i = 0; i < n.least && i < REPEAT_MAX; i++)
        sequence_add(r, s, p);
    if (n.open || n.least > REPEAT_MAX)
        sequence_break(r, s);
}

static piece read_sequence(literal_reader *r)
{
    sequence s = {.run = exact_text(r, "", 0).texts};
    while (more(r) && *r->at != '|' && *r->at != ')') {
        piece p = read_atom(r);
        const bool once = more(r) && *r->at == '?';
        const repeat n = read_repeat(r);
        if (!r->lost)
            sequence_repeat(r, &s, &p, n, once);
    }
    if (!s.broken)
        return (piece){.exact = true, .texts = s.run};
    clauses_add(&s.clauses, s.run);
    return (piece){.exact = false, .clauses = s.clauses};
}

/* The texts of which a branch surely has one; none: count is 0. */
static literal_set branch_texts(const piece *p)
{
    if (p->exact)
        return p->texts;
    return p->clauses.count > 0 ? p->clauses.sets[0] : (literal_set){NULL, 0};
}

static piece read_alternatives(literal_reader *r)
{
    piece first = read_sequence(r);
    if (!more(r) || *r->at != '|')
        return first;
    bool exact = first.exact;
    literal_set texts = branch_texts(&first);
    bool known = texts.count > 0;
    while (more(r) && *r->at == '|') {
        r->at++;
        const piece next = read_sequence(r);
        const literal_set others = branch_texts(&next);
        exact = exact && next.exact;
        known = known && others.count > 0 &&
                texts.count + others.count <= CLAUSE_MAX;
        if (known)
            texts = set_union(r, texts, others);
    }
    piece p = anything();
    if (known && exact && texts.count <= EXACT_MAX)
        return (piece){.exact = true, .texts = texts};
    if (known)
        clauses_add(&p.clauses, texts);
    return p;
}

void literal_find(arena *memory, muster_text pattern, literal_clauses *out)
{
    literal_reader r = {
        .at = pattern.ptr,
        .end = pattern.ptr + pattern.len,
        .memory = memory,
    };
    const piece whole = read_alternatives(&r);
    *out = (literal_clauses){.count = 0};
    if (r.lost || r.at < r.end)
        return;
    if (whole.exact)
        clauses_add(out, whole.texts);
    else
        *out = whole.clauses;
    for (uint32_t i = 0; i < out->count; i++) {
        literal_set *s = &out->sets[i];
        for (uint32_t k = 0; k < s->count; k++)
            if (s->texts[k].len > LITERAL_BYTES_MAX)
                s->texts[k].len = LITERAL_BYTES_MAX;
        set_thin(s);
    }
}
