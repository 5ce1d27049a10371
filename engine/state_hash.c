/*
 * state_hash.c - one number for a whole state, to compare two of them.
 *
 * Each thing the state holds is an item of bytes; the hash is the sum of the
 * XXH3-128 of all items, the low and the high 64 bits each modulo 2^64. So it
 * does not depend on the order of items, on the numbers of rows and names, nor
 * on how facts lie in layers: reopening, checkpoints and merges leave it as it
 * is.
 *
 * Items; integers little-endian, text = u32 length, bytes:
 *
 *   'F' u8, 16 bytes primary pseudonym, text attribute, text provider,
 *       text value, u64 bucket, u64 count, i64 amount, i64 number
 *           a fact. value: "" for flags, numbers and the any-value of events.
 *           bucket: the last live hour of a profile fact (4294967295: for
 *           ever), the day or hour of an event. count: 1 but for events.
 *           amount, number: x 10^4, 0 where there is none. An event is an item
 *           under its value and one under the any-value.
 *   'U' u8, 16 bytes primary            a user
 *   'I' u8, 16 bytes id, 16 primary     a further id of a user
 *   'O' u8, 16 bytes primary            is opted out
 *   'X' u8, 16 bytes primary            is forgotten
 *   'A' u8, text name, u8 kind, u8 grain, u32 cap, u8 amount, u8 unit is date,
 *       text unit, u32 ttl hours, u32 retention days, u8 declared
 *   'P' u8, text name, u8 party, u32 ttl hours, u8 declared
 *   'N' u8, text name, u8 declared      an id space
 *   'T' u8, text name, u32 segtax      the taxonomy
 *   'D' u8, text id, text parent, text path, text note    a node of it
 *   'M' u8, text attribute, u8 has a value, text value, text node
 *   'S' u8, text key, u32 id, u32 version, text expr, text name,
 *       u32 priority, u8 served, u8 removed, u64 created
 *           each version of a segment
 *   'K' u8, text id, name, role, partner, provider, u32 may, u64 created,
 *       u64 revoked, 32 bytes hash of the secret
 *   'Q' u8, text key, text name, u64 created    a partner
 *   'H' u8, text key of the partner, u32 id     a segment shared with it
 *
 * Facts are counted when they are live at the state's own clock (its tick; all
 * are while it has none): profile facts whose last hour is not over, events
 * within their attribute's retention. Facts of forgotten users are not there
 * any more. A tick moves the hash, time alone does not.
 *
 * Here are also the steps of long work, which the other walks share.
 *
 * Cost: one pass over the planes and the dictionary, on the caller's thread;
 * memory of one plane group. Threads: any; it reads a pinned epoch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine.h"

#include <stdio.h>

/* How often a long walk looks whether it may go on. */
#define ITEMS_PER_STEP ((uint64_t)1 << 20)

typedef struct hashing {
    const epoch *at;
    const muster_task *task;
    muster_error *err;
    muster_state_hash sum;
    buffer item;
    working people; /* who is forgotten; nothing else of it is used */
    state_rules rules;
    index_limits limits;
    /* what the item begins with while it is a fact's */
    uint32_t attribute;
    uint32_t provider;
    uint32_t value;
    uint32_t oldest; /* live from this bucket on */
    size_t head_len;
    /* progress */
    uint64_t entries;
    uint64_t planes;
    uint64_t planes_total;
} hashing;

int task_step(const muster_task *task, const char *what, uint64_t done,
              uint64_t total, muster_error *err)
{
    if (!task || !task->step ||
        task->step(task->payload, what, done, total) == 0)
        return 0;
    return error_set(err, MUSTER_ECANCELLED, "cancelled",
                     "stopped on request");
}

static bool is_wanted(void *payload)
{
    const task_stop *s = payload;
    return task_step(s->task, "counting", 0, 0, NULL) != 0;
}

program_stop *task_stop_of(task_stop *s, const muster_task *task)
{
    *s = (task_stop){{is_wanted, s, 0}, task};
    return task && task->step ? &s->stop : NULL;
}

int task_stop_check(const program_stop *stop, muster_error *err)
{
    if (!stop || !stop->stopped)
        return 0;
    return error_set(err, MUSTER_ECANCELLED, "cancelled",
                     "stopped on request");
}

int task_act_step(void *payload, const char *what, uint64_t done,
                  uint64_t total)
{
    const task_act *a = payload;
    char words[128];

    snprintf(words, sizeof words, "%s %s", a->act, what);
    return task_step(a->task, words, done, total, NULL);
}

/* ---- items ---- */

static void begin(hashing *h, char type)
{
    buffer_clear(&h->item);
    buffer_put_u8(&h->item, (uint8_t)type);
}

static void put_text(hashing *h, muster_text text)
{
    buffer_put_u32(&h->item, (uint32_t)text.len);
    buffer_put_text(&h->item, text);
}

static void put_id(hashing *h, const muster_pseudonym *p)
{
    buffer_put(&h->item, p->bytes, sizeof p->bytes);
}

static void add(hashing *h)
{
    ASSERT(buffer_ok(&h->item));
    const hash128 x = hash_bytes128(h->item.data, h->item.len);
    h->sum.low += x.low;
    h->sum.high += x.high;
}

/* ---- facts ---- */

static int unknown_name(hashing *h, const char *what, uint32_t number)
{
    return error_set(h->err, MUSTER_ECORRUPT, "bad_state",
                     "the state names %s %u, which is not there", what,
                     number);
}

/* The part that facts of one plane share, but for the user. */
static int begin_fact(hashing *h, const index_entry *e)
{
    static const muster_pseudonym nobody;
    const catalog *names = h->at->names;
    const catalog_attribute *a = catalog_attribute_get(names, e->attribute);
    const catalog_provider *p = catalog_provider_get(names, e->provider);

    if (!a)
        return unknown_name(h, "attribute", e->attribute);
    if (!p)
        return unknown_name(h, "provider", e->provider);
    if (e->value > catalog_value_count(names, a->id))
        return unknown_name(h, "value", e->value);
    begin(h, 'F');
    put_id(h, &nobody);
    put_text(h, text_of(a->name));
    put_text(h, text_of(p->name));
    put_text(h, e->value == INDEX_NO_VALUE
                    ? text_of("")
                    : catalog_value_text(names, a->id, e->value));
    h->head_len = h->item.len;
    h->attribute = e->attribute;
    h->provider = e->provider;
    h->value = e->value;
    h->oldest = h->limits.now_hour;
    if (a->kind == KIND_EVENT)
        h->oldest = h->limits.first_bucket
                        ? h->limits.first_bucket(h->limits.payload, a->id)
                        : 0;
    return 0;
}

static int add_fact(hashing *h, const index_entry *e,
                    const muster_pseudonym *primary)
{
    int rc = 0;

    if (e->attribute != h->attribute || e->provider != h->provider ||
        e->value != h->value)
        rc = begin_fact(h, e);
    if (rc != 0 || e->bucket < h->oldest ||
        working_is_forgotten(&h->people, e->row))
        return rc;
    memcpy(h->item.data + 1, primary->bytes, sizeof primary->bytes);
    h->item.len = h->head_len;
    buffer_put_u64(&h->item, e->bucket);
    buffer_put_u64(&h->item, e->count);
    buffer_put_u64(&h->item, (uint64_t)e->amount);
    buffer_put_u64(&h->item, (uint64_t)e->number);
    add(h);
    return 0;
}

static void add_person(hashing *h, char type, const muster_pseudonym *primary)
{
    h->attribute = INDEX_UNIVERSE; /* the item is no fact's any more */
    begin(h, type);
    put_id(h, primary);
    add(h);
}

static int step_entries(void *payload, uint64_t done, uint64_t total)
{
    hashing *h = payload;
    h->planes = done;
    h->planes_total = total;
    return task_step(h->task, "hashing facts", done, total, h->err);
}

static int take_entry(void *payload, const index_entry *e)
{
    hashing *h = payload;

    if (++h->entries % ITEMS_PER_STEP == 0) {
        const int rc = step_entries(h, h->planes, h->planes_total);
        if (rc != 0)
            return rc;
    }
    if (e->attribute == INDEX_UNIVERSE)
        return 0;
    if (e->row >= dictionary_rows(h->at->ids))
        return unknown_name(h, "row", e->row);
    const muster_pseudonym *primary = dictionary_primary(h->at->ids, e->row);
    if (e->attribute == INDEX_OPTED_OUT)
        add_person(h, 'O', primary);
    else if (e->attribute == INDEX_FORGOTTEN)
        add_person(h, 'X', primary);
    else
        return add_fact(h, e, primary);
    return 0;
}

static int hash_entries(hashing *h)
{
    h->people = (working){.index = (index_stack *)h->at->index,
                          .ids = (dictionary *)h->at->ids};
    working_find_forgotten(&h->people);
    h->planes_total = index_plane_count(h->at->index);
    const int rc = index_entries_each(h->at->index, &h->limits, take_entry,
                                      step_entries, h);
    mem_free(h->people.forgotten);
    return rc;
}

/* ---- ids ---- */

static int hash_ids(hashing *h)
{
    const dictionary *ids = h->at->ids;
    const uint64_t total = dictionary_ids(ids);
    const uint32_t rows = dictionary_rows(ids);
    int rc = 0;

    for (uint64_t i = 0; i < total && rc == 0; i++) {
        muster_pseudonym id;
        uint32_t row;
        dictionary_id_at(ids, i, &id, &row);
        if (row >= rows)
            return unknown_name(h, "row", row);
        begin(h, i < rows ? 'U' : 'I');
        put_id(h, &id);
        if (i >= rows)
            put_id(h, dictionary_primary(ids, row));
        add(h);
        if (i % ITEMS_PER_STEP == 0)
            rc = task_step(h->task, "hashing ids", i, total, h->err);
    }
    return rc;
}

/* ---- names ---- */

static void hash_attribute(hashing *h, const catalog_attribute *a)
{
    begin(h, 'A');
    put_text(h, text_of(a->name));
    buffer_put_u8(&h->item, (uint8_t)a->kind);
    buffer_put_u8(&h->item, (uint8_t)a->grain);
    buffer_put_u32(&h->item, a->cap);
    buffer_put_u8(&h->item, a->amount);
    buffer_put_u8(&h->item, a->unit_date);
    put_text(h, text_of(a->unit));
    buffer_put_u32(&h->item, a->ttl_hours);
    buffer_put_u32(&h->item, a->retention_days);
    buffer_put_u8(&h->item, a->declared);
    add(h);
}

static void hash_taxonomy(hashing *h, const catalog *names)
{
    const catalog_taxonomy *t = catalog_taxonomy_get(names);

    if (!t)
        return;
    begin(h, 'T');
    put_text(h, text_of(t->name));
    buffer_put_u32(&h->item, t->segtax);
    add(h);
    for (uint32_t i = 0; i < t->node_count; i++) {
        const taxonomy_node *n = &t->nodes[i];
        const bool root = n->parent == CATALOG_NONE;
        begin(h, 'D');
        put_text(h, text_of(n->id));
        put_text(h, text_of(root ? "" : t->nodes[n->parent].id));
        put_text(h, text_of(n->path));
        put_text(h, text_of(n->note));
        add(h);
    }
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        const taxonomy_mapping *m = &t->mappings[i];
        begin(h, 'M');
        put_text(h, text_of(catalog_attribute_get(names, m->attribute)->name));
        buffer_put_u8(&h->item, m->value.ptr != NULL);
        put_text(h, m->value);
        put_text(h, text_of(t->nodes[m->node].id));
        add(h);
    }
}

static void hash_catalog(hashing *h)
{
    const catalog *names = h->at->names;

    for (size_t i = 0; i < catalog_attribute_count(names); i++)
        hash_attribute(h, catalog_attribute_at(names, i));
    for (uint32_t i = 0; i < catalog_provider_count(names); i++) {
        const catalog_provider *p = catalog_provider_get(names, i);
        begin(h, 'P');
        put_text(h, text_of(p->name));
        buffer_put_u8(&h->item, (uint8_t)p->party);
        buffer_put_u32(&h->item, p->ttl_hours);
        buffer_put_u8(&h->item, p->declared);
        add(h);
    }
    for (uint32_t i = 0; i < catalog_space_count(names); i++) {
        const catalog_space *s = catalog_space_get(names, i);
        begin(h, 'N');
        put_text(h, text_of(s->name));
        buffer_put_u8(&h->item, s->declared);
        add(h);
    }
    hash_taxonomy(h, names);
}

static void hash_version(hashing *h, const audience *a,
                         const audience_version *v)
{
    begin(h, 'S');
    put_text(h, text_of(a->key));
    buffer_put_u32(&h->item, a->id);
    buffer_put_u32(&h->item, v->version);
    put_text(h, v->expr);
    put_text(h, v->name);
    buffer_put_u32(&h->item, (uint32_t)v->priority);
    buffer_put_u8(&h->item, v->served);
    buffer_put_u8(&h->item, v->removed);
    buffer_put_u64(&h->item, (uint64_t)v->created);
    add(h);
}

static void hash_audiences(hashing *h)
{
    for (size_t i = 0; i < audience_count(h->at->audiences); i++) {
        const audience *a = audience_at(h->at->audiences, i);
        for (size_t k = 0; k < a->version_count; k++)
            hash_version(h, a, &a->versions[k]);
    }
}

/* ---- access ---- */

static void hash_key(hashing *h, const access_key *key)
{
    begin(h, 'K');
    put_text(h, key->id);
    put_text(h, key->name);
    put_text(h, key->role);
    put_text(h, key->partner);
    put_text(h, key->provider);
    buffer_put_u32(&h->item, key->may);
    buffer_put_u64(&h->item, (uint64_t)key->created);
    buffer_put_u64(&h->item, (uint64_t)key->revoked);
    buffer_put(&h->item, key->hash, sizeof key->hash);
    add(h);
}

static void hash_partner(hashing *h, const access_partner *p)
{
    begin(h, 'Q');
    put_text(h, p->key);
    put_text(h, p->name);
    buffer_put_u64(&h->item, (uint64_t)p->created);
    add(h);
    for (uint32_t id = 0; id < 64 * p->words; id++) {
        if (!access_is_shared(p, id))
            continue;
        begin(h, 'H');
        put_text(h, p->key);
        buffer_put_u32(&h->item, id);
        add(h);
    }
}

static void hash_access(hashing *h)
{
    const access_store *access = h->at->access;

    for (uint32_t n = 1; n <= access_key_count(access); n++)
        hash_key(h, access_key_at(access, n));
    for (size_t i = 0; i < access_partner_count(access); i++)
        hash_partner(h, access_partner_at(access, i));
}

/* ---- the whole ---- */

int epoch_hash(const epoch *at, const muster_task *task,
               muster_state_hash *out, muster_error *err)
{
    hashing h = {.at = at, .task = task, .err = err};

    *out = (muster_state_hash){0, 0};
    h.rules = (state_rules){at->names, at->tick};
    h.limits = rules_limits(&h.rules, true);
    buffer_init(&h.item, CATALOG_BYTES_MAX);
    hash_catalog(&h);
    hash_audiences(&h);
    hash_access(&h);
    int rc = hash_ids(&h);
    if (rc == 0)
        rc = hash_entries(&h);
    buffer_release(&h.item);
    if (rc == 0)
        *out = h.sum;
    return rc;
}

/* Facts that the writer has gathered become visible first. When it cannot go
 * on (the disk is full), what is visible is what there is to hash. */
static void show_all(muster_engine *e)
{
    change_request nothing = {.ack = MUSTER_ACK_APPLIED};
    if (e->writer)
        (void)writer_do(e, &nothing, NULL);
}

int muster_engine_state_hash(muster_engine *engine, const muster_task *task,
                             muster_state_hash *out, muster_epoch *seq,
                             muster_error *err)
{
    epoch_pin pin;

    engine_check(engine);
    error_clear(err);
    show_all(engine);
    const epoch *at = epoch_pin_newest(engine, &pin);
    const int rc = epoch_hash(at, task, out, err);
    if (seq)
        *seq = at->seq;
    return epoch_answer(engine, &pin, rc, err);
}
