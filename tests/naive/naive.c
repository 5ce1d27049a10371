/*
 * naive.c - the statements of the slow twin, and what LANGUAGE.md says of
 * sets: universe, and, or, not, `of`, segments. Leaves are in naive_leaf.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "naive/naive.h"

#include "naive/naive_internal.h"

#define SECONDS_PER_HOUR 3600
#define SECONDS_PER_DAY 86400

/* ---- building ---- */

naive *naive_new(uint32_t users)
{
    naive *n = mem_zalloc(sizeof *n);
    n->user_count = users;
    n->masked = mem_array(users, sizeof *n->masked);
    n->latest = mem_array(users, sizeof *n->latest);
    for (uint32_t u = 0; u < users; u++)
        n->latest[u] = INT64_MIN;
    return n;
}

void naive_free(naive *n)
{
    if (n == NULL)
        return;
    mem_free(n->attributes);
    mem_free(n->providers);
    mem_free(n->statements);
    mem_free(n->segments);
    mem_free(n->masked);
    mem_free(n->latest);
    mem_free(n->order);
    mem_free(n->first);
    mem_free(n);
}

uint32_t naive_add_attribute(naive *n, const naive_attribute *attribute)
{
    mem_grow(&n->attributes, &n->attribute_capacity, n->attribute_count + 1,
             sizeof *n->attributes);
    n->attributes[n->attribute_count] = *attribute;
    return n->attribute_count++;
}

uint32_t naive_add_provider(naive *n, const naive_provider *provider)
{
    ASSERT(n->provider_count < NAIVE_PROVIDERS_MAX);
    mem_grow(&n->providers, &n->provider_capacity, n->provider_count + 1,
             sizeof *n->providers);
    n->providers[n->provider_count] = *provider;
    return n->provider_count++;
}

void naive_add_segment(naive *n, const char *key, const ast_node *root)
{
    mem_grow(&n->segments, &n->segment_capacity, n->segment_count + 1,
             sizeof *n->segments);
    n->segments[n->segment_count++] = (naive_segment){text_of(key), root};
}

void naive_mask(naive *n, uint32_t user, bool masked)
{
    ASSERT(user < n->user_count);
    n->masked[user] = masked;
}

uint32_t naive_users(const naive *n)
{
    return n->user_count;
}

size_t naive_statement_count(const naive *n)
{
    return n->statement_count;
}

const naive_statement *naive_statement_at(const naive *n, size_t i)
{
    ASSERT(i < n->statement_count);
    return &n->statements[i];
}

/* ---- how long a statement lives ---- */

/* "TTL of a profile fact: the record's, else the attribute's, else the
 * provider's, else none." */
static uint32_t ttl_of(const naive *n, const naive_statement *s)
{
    if (s->ttl_hours != NAIVE_TTL_UNSET)
        return s->ttl_hours;
    if (n->attributes[s->attribute].ttl_hours != NAIVE_TTL_UNSET)
        return n->attributes[s->attribute].ttl_hours;
    if (n->providers[s->provider].ttl_hours != NAIVE_TTL_UNSET)
        return n->providers[s->provider].ttl_hours;
    return 0;
}

/* "It is live until the end of the UTC day (the UTC hour, for a TTL below
 * 48 h) that contains ts + TTL." An event: the last day of its retention,
 * which counts the event's own day. */
static muster_time last_second(const naive *n, const naive_statement *s)
{
    if (s->op == NAIVE_HAPPEN) {
        const uint32_t kept = n->attributes[s->attribute].retention_days;
        const muster_time day = clock_day_of(s->ts);
        return (day + (muster_time)kept) * SECONDS_PER_DAY - 1;
    }
    const uint32_t ttl = ttl_of(n, s);
    if (ttl == 0)
        return NAIVE_NEVER;
    const muster_time end = s->ts + (muster_time)ttl * SECONDS_PER_HOUR;
    if (ttl < 48)
        return ((muster_time)clock_hour_of(end) + 1) * SECONDS_PER_HOUR - 1;
    return ((muster_time)clock_day_of(end) + 1) * SECONDS_PER_DAY - 1;
}

void naive_say(naive *n, const naive_statement *statement)
{
    ASSERT(statement->user < n->user_count);
    ASSERT(statement->attribute < n->attribute_count);
    ASSERT(statement->provider < n->provider_count);
    mem_grow(&n->statements, &n->statement_capacity, n->statement_count + 1,
             sizeof *n->statements);
    naive_statement *s = &n->statements[n->statement_count++];
    *s = *statement;
    s->until = last_second(n, s);
    /* "A user is in a scope's universe while a provider in scope has said an
     * unexpired fact of it; remove, clear and replacement do not end that
     * earlier." Taking away is not saying. */
    const bool says = s->op == NAIVE_SAY || s->op == NAIVE_ADD ||
                      s->op == NAIVE_HAPPEN;
    if (says && s->until > n->latest[s->user])
        n->latest[s->user] = s->until;
    n->sorted = false;
}

/* Statements by user, for each in log order: order[first[u]..first[u+1]). */
static void sort_by_user(naive *n)
{
    if (n->sorted)
        return;
    mem_free(n->order);
    mem_free(n->first);
    n->order = mem_array(n->statement_count + 1, sizeof *n->order);
    n->first = mem_array((size_t)n->user_count + 2, sizeof *n->first);
    for (size_t i = 0; i < n->statement_count; i++)
        n->first[n->statements[i].user + 2]++;
    for (uint32_t u = 0; u < n->user_count; u++)
        n->first[u + 2] += n->first[u + 1];
    for (size_t i = 0; i < n->statement_count; i++)
        n->order[n->first[n->statements[i].user + 1]++] = n->statements[i];
    n->sorted = true;
}

bool naive_in_universe(naive *n, uint32_t user, muster_time now)
{
    ASSERT(user < n->user_count);
    return n->latest[user] >= now;
}

uint64_t naive_universe_count(naive *n, muster_time now)
{
    uint64_t count = 0;
    for (uint32_t u = 0; u < n->user_count; u++)
        count += naive_in_universe(n, u, now) && !n->masked[u];
    return count;
}

/* ---- sets ---- */

static void eval(const asking *a, const ast_node *node, bool *in);

static void eval_all(const asking *a, bool *in)
{
    for (uint32_t i = 0; i < a->count; i++)
        in[i] = naive_in_universe(a->n, a->first + i, a->now);
}

/* "number of listed expressions that hold" */
static bool of_holds(const ast_node *node, uint32_t held)
{
    switch (node->quantity) {
    case QUANTITY_AT_LEAST:
        return held >= node->n;
    case QUANTITY_AT_MOST:
        return held <= node->n;
    case QUANTITY_EXACTLY:
        return held == node->n;
    default:
        ASSERT(!"a quantity");
        return false;
    }
}

/* and: all hold; or: one holds; of: so many hold; not: none holds. */
static bool group_holds(const ast_node *node, uint32_t held)
{
    switch (node->type) {
    case AST_AND:
        return held == node->child_count;
    case AST_OR:
        return held > 0;
    case AST_NOT:
        return held == 0;
    default:
        return of_holds(node, held);
    }
}

static void eval_group(const asking *a, const ast_node *node, bool *in)
{
    bool *child = mem_array(a->count, sizeof *child);
    uint32_t *held = mem_array(a->count, sizeof *held);
    for (uint32_t c = 0; c < node->child_count; c++) {
        eval(a, node->children[c], child);
        for (uint32_t i = 0; i < a->count; i++)
            held[i] += child[i];
    }
    eval_all(a, in); /* nobody outside the universe is in any answer */
    for (uint32_t i = 0; i < a->count; i++)
        in[i] = in[i] && group_holds(node, held[i]);
    mem_free(child);
    mem_free(held);
}

static const ast_node *segment_of(const naive *n, muster_text key)
{
    for (size_t i = 0; i < n->segment_count; i++)
        if (text_equal(n->segments[i].key, key))
            return n->segments[i].root;
    ASSERT(!"a segment that was added");
    return NULL;
}

static void eval(const asking *a, const ast_node *node, bool *in)
{
    switch (node->type) {
    case AST_ALL:
        eval_all(a, in);
        break;
    case AST_NONE:
        memset(in, 0, a->count * sizeof *in);
        break;
    case AST_AND:
    case AST_OR:
    case AST_NOT:
    case AST_QUANTITY:
        eval_group(a, node, in);
        break;
    case AST_SEGMENT:
        eval(a, segment_of(a->n, node->text), in);
        break;
    case AST_PREDICATE:
        naive_eval_leaf(a, node, in);
        break;
    default:
        ASSERT(!"split and taxonomy are not for the twin");
    }
}

void naive_answer(naive *n, const ast_node *root, muster_time now,
                  uint32_t first, uint32_t count, bool *members)
{
    ASSERT(first + count <= n->user_count);
    sort_by_user(n);
    const asking a = {n, now, first, count};
    eval(&a, root, members);
    for (uint32_t i = 0; i < count; i++)
        members[i] = members[i] && !n->masked[first + i];
}

bool naive_has(naive *n, const ast_node *root, muster_time now, uint32_t user)
{
    bool member = false;
    naive_answer(n, root, now, user, 1, &member);
    return member;
}
