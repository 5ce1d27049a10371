/*
 * segment.h - the door of room `segment`: text to plan, plan to answers.
 *
 *   lexer.c     text to tokens
 *   parser*.c   tokens to ast (ast.h)
 *   tree.c      making, checking and comparing asts
 *   format.c    ast to canonical text; the caret under an error
 *   ast_json*.c ast to JSON and back
 *   bind*.c     ast + catalog + scope to plan (plan.h)
 *   lint*.c     warnings
 *   window.c    windows against a now
 *   compile.c   plan + state to a program of flat steps (eval.h)
 *   reads.c     what facts a plan depends on
 *   eval.c      program to count, set, decision
 *   sample.c    program to an estimate of its count
 *   clauses.c   size and effect of each clause; windows of a plan
 *   explain.c   why a user is in or out
 */
#ifndef SEGMENT_SEGMENT_H
#define SEGMENT_SEGMENT_H

#include "catalog/catalog.h"
#include "identity/identity.h"
#include "index/index.h"
#include "privacy/privacy.h"

typedef struct ast_tree ast_tree;
typedef struct ast_node ast_node;
typedef struct plan plan;

/* ---- text and JSON ---- */

/* Parses; errors are MUSTER_EEXPR with place, what was expected, and a
 * suggestion. Words: expr_syntax, expr_string, expr_number, expr_date,
 * expr_depth, expr_nodes, expr_bytes, bad_utf8. */
int segment_parse(ast_tree **out, muster_text text, muster_error *err);
/* The JSON AST (LANGUAGE.md "Errors and lint"). Errors name the pointer. */
int segment_from_json(ast_tree **out, const json_value *json,
                      muster_error *err);
void segment_to_json(const ast_node *node, json_writer *out);
/* Canonical text: parses back to the same tree. */
void segment_format(const ast_node *node, buffer *out);
const ast_node *segment_root(const ast_tree *tree);
void segment_tree_free(ast_tree *tree);
bool segment_same(const ast_node *a, const ast_node *b); /* by meaning of
    the written tree: places and parentheses do not count */

/* Does it name segment("key") itself? (refer.c) */
bool segment_refers(const ast_tree *tree, muster_text key);
/* The node, as written, in whose audience everyone is whom the expression
 * holds, as its form shows: it is taxonomy(".."), or an `and` of which a part
 * is; the first one. Copied into `memory`; ptr NULL: none, or no expression. */
muster_text segment_carries(muster_text expr, arena *memory);

/* ---- diagnostics ---- */

typedef struct segment_diagnostic {
    bool error;            /* else warning */
    muster_error detail;   /* word, place, message, suggestion */
} segment_diagnostic;
typedef struct segment_diagnostics {
    segment_diagnostic *items;
    size_t count;
    size_t capacity;
} segment_diagnostics;
void segment_diagnostics_release(segment_diagnostics *d);
/* The line of `text` that holds the error's place, indented by two, and under
 * it the caret with the suggestion, each ended by a newline; nothing when the
 * error has no place. Columns are code points; tabs stay tabs. Long lines are
 * cut around the place. */
void segment_error_caret(const muster_error *err, muster_text text,
                         buffer *out);

/* ---- bind ---- */

typedef struct segment_binding {
    const catalog *names;
    const scope *viewer;          /* never NULL: asserted */
    const identity_key *key;      /* for split */
    /* The expression of a segment by key; NULL ptr when there is none. */
    muster_text (*find)(void *payload, muster_text key);
    /* Offers every segment key, for suggestions. */
    void (*keys)(void *payload, near_name *near);
    void *payload;
    const index_stack *facts;     /* for lint; may be NULL */
    muster_text self;             /* key being saved: a cycle through it is
                                     an error; ptr NULL when none */
    /* May the text that is bound name this segment itself? What it may not is
     * unknown to it; segments that it may name go on to any. NULL: all. */
    bool (*sees)(void *payload, muster_text key);
} segment_binding;

/* Takes the tree (also on failure). Warnings (unknown value with the nearest
 * one) and lint go to `notes` (may be NULL). Error words: unknown_attribute,
 * unknown_provider, unknown_segment, unknown_taxonomy, segment_cycle,
 * bad_combination, bad_value, above_cap, at_most_zero, ... */
int segment_bind(plan **out, ast_tree *take_tree,
                 const segment_binding *binding, segment_diagnostics *notes,
                 muster_error *err);
void segment_plan_free(plan *p);
/* Warnings about a tree, catalog given; `facts` (may be NULL) tells which
 * providers speak of an attribute at all. Bind calls it where notes are
 * wanted. */
void segment_lint(const ast_tree *tree, const catalog *names,
                  const index_stack *facts, segment_diagnostics *notes);

/* ---- answers ---- */

/* What a plan is resolved against. `rows`: users there are. */
typedef struct program_state {
    const index_stack *index;
    const dictionary *ids; /* for split: row -> primary pseudonym */
    uint32_t rows;
    muster_time now;
    bool once; /* for a moment: neither wishes for resident forms nor asks for
                  them, which takes a lock a plane */
} program_state;

/*
 * A plan resolved against one state and one `now`: flat steps over registers
 * of one block. Borrows the index, the dictionary and the plan: none may
 * change while it lives. Read-only: threads share it.
 */
typedef struct program program;
program *program_new(const plan *p, const program_state *state);
void program_free(program *g);

/* Ends an evaluation early. `wanted` is asked on the calling thread between
 * pieces of work, a few blocks each; what a stopped one gives is no answer. */
typedef struct program_stop {
    bool (*wanted)(void *payload);
    void *payload;
    uint32_t stopped; /* atomic: it was wanted */
} program_stop;
/* Asks, once it was not wanted so far. NULL: never. */
bool program_stopped(program_stop *stop);

uint64_t program_count(const program *g);
/* The same by up to so many threads; few blocks are left to one. `stop` may
 * be NULL. */
uint64_t program_count_by(const program *g, unsigned threads,
                          program_stop *stop);

/* A count from a sample of the users, drawn by the seed. */
typedef struct sample_request {
    double error;     /* half the interval as a share of the count, at most;
                         below 1; 0: exact */
    uint64_t seed;
    unsigned threads; /* where it has to be counted */
} sample_request;
typedef struct sample_answer {
    uint64_t count;
    uint64_t low;  /* the exact count is in [low, high] for 95 % of the seeds */
    uint64_t high; /* or more */
    bool exact;    /* counted: low and high are it */
    uint64_t sampled_rows; /* looked at; all of them when it was counted */
} sample_answer;
/* The same seed has the same answer on the same state. Counts when a sample
 * small enough to be faster does not tell (sample.c). `stop` may be NULL. */
void program_estimate(const program *g, const sample_request *q,
                      program_stop *stop, sample_answer *out);

/* Calls each row in order; a non-zero return ends the walk. */
int program_each(const program *g, int (*each)(void *payload, uint32_t row),
                 void *payload);
/* The same from *row on, until it is stopped (then 0). *row becomes the one
 * that ended the walk, or where it is to go on. `stop` may be NULL. */
int program_each_from(const program *g, uint32_t *row, program_stop *stop,
                      int (*each)(void *payload, uint32_t row),
                      void *payload);
bool program_has(const program *g, uint32_t row);
/* Calls each of the blocks [first, end) that may hold rows, with its rows. */
void program_some_blocks(const program *g, uint32_t first, uint32_t end,
                         void (*each)(void *payload, uint32_t block,
                                      block_ref rows),
                         void *payload);

/* Many plans resolved together, what they share once; asked for some rows.
 * Borrows like a program; one thread at a time may make it, any ask it. */
typedef struct joint joint;
joint *joint_new(const plan *const *plans, size_t n,
                 const program_state *state);
void joint_free(joint *j); /* NULL is fine */
/* Bit r of out[i]: is rows[r] in the set of plans[i], i < count? At most
 * FORMULA_ROWS_MAX rows, ascending, below the state's; bits behind them are
 * undefined. */
void joint_rows(const joint *j, size_t count, const uint32_t *rows,
                uint32_t n, uint64_t (*out)[FORMULA_MASK_WORDS]);
/* Is the row in the set of plans[i]? */
bool joint_has(const joint *j, size_t i, uint32_t row);

/* What facts may change a user's answer: attribute and value, or SEGMENT_ANY
 * for every value of the attribute; INDEX_UNIVERSE where it matters that the
 * user is known at all. Opting out always does and is not told. */
#define SEGMENT_ANY UINT32_MAX
typedef void (*segment_read_fn)(void *payload, uint32_t attribute,
                                uint32_t value);
void segment_plan_reads(const plan *p, segment_read_fn each, void *payload);
/* May values that the catalog did not have when it was bound change it? Then
 * it must be bound again when there are such. */
bool segment_plan_open(const plan *p);
/* Each piece of memory that counting reads, at most once, block after block.
 */
void program_reads(const program *g,
                   void (*each)(void *payload, const void *at, size_t len),
                   void *payload);
/* counts[i * n + j]: rows that programs i and j share. One pass. `stop` may be
 * NULL. */
void programs_overlap(program *const *g, size_t n, program_stop *stop,
                      uint64_t *counts);

/* Everyone in the plan's scope, masked users left out. */
uint64_t segment_universe_count(const plan *p, const program_state *state);

/* The parts of and/or chains, parents before children, with their size and
 * effect: count of the whole minus count of the whole without the part. Not
 * below segment references and quantities; at most SEGMENT_CLAUSES_MAX. `stop`
 * may be NULL. */
#define SEGMENT_CLAUSES_MAX 200
typedef void (*segment_clause_fn)(void *payload, const char *path,
                                  const ast_node *clause, uint64_t count,
                                  int64_t marginal);
void segment_clauses(const plan *p, const program_state *state,
                     program_stop *stop, segment_clause_fn each,
                     void *payload);

/* Each window of the plan with its bounds in seconds (first and last);
 * windows that resolve to nothing have from > to. */
typedef void (*segment_window_fn)(void *payload, const char *text,
                                  muster_time from, muster_time to);
void segment_windows(const plan *p, muster_time now, segment_window_fn each,
                     void *payload);

/* Every node of the plan for one row, parents before children. `why` is for
 * people; `until`: when `holds` flips by itself, 0 = never. Texts are valid
 * until the callback returns. */
typedef struct segment_reason {
    const char *path;
    const char *text;
    unsigned depth;
    bool holds;
    const char *why;
    muster_time until;
} segment_reason;
typedef void (*segment_reason_fn)(void *payload, const segment_reason *r);
void segment_explain(const plan *p, const catalog *names,
                     const program_state *state, uint32_t row,
                     segment_reason_fn each, void *payload);

#endif
