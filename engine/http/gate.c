/*
 * gate.c - who may connect, and which connections there are.
 *
 * A slot's word is the deadline with its three lowest bits replaced by the
 * phase, so that both are read and written at once, without a lock.
 *
 * Addresses are counted in a table with open addressing, linear, at most half
 * full; the hash is seeded, so that nobody can choose addresses that collide.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/gate.h"

#include <sys/random.h>
#include <sys/socket.h>

/* Connections that were told to close count until they have; so many slots
 * are there for newcomers meanwhile. */
#define SLOTS_SPARE 1024u
#define PHASE_BITS 7u
/* A connection this young never gives way: it had no time to ask. */
#define YIELD_AGE_NS UINT64_C(250000000)

typedef struct gate_slot {
    _Atomic uint64_t word;
    http_connection *c;
    bool closing; /* it was told to close; its word may go on changing */
} gate_slot;

typedef struct gate_address_count {
    struct in6_addr address;
    uint32_t count; /* 0: free */
} gate_address_count;

struct http_gate {
    pthread_mutex_t lock;
    uint32_t connections; /* the bounds */
    uint32_t by_address;
    uint32_t count;
    uint32_t closing; /* of them, told to close */
    uint32_t slot_count;
    gate_slot *slots;
    uint32_t *free; /* numbers of free slots, a stack */
    uint32_t free_count;
    gate_address_count *table;
    size_t table_mask;
    uint64_t seed;
};

http_gate *gate_new(uint32_t connections, uint32_t by_address)
{
    ASSERT(connections > 0);
    http_gate *g = mem_zalloc(sizeof *g);
    ASSERT(pthread_mutex_init(&g->lock, NULL) == 0);
    g->connections = connections;
    g->by_address = by_address;
    g->slot_count = connections + SLOTS_SPARE;
    g->slots = mem_array(g->slot_count, sizeof *g->slots);
    g->free = mem_array(g->slot_count, sizeof *g->free);
    for (uint32_t i = g->slot_count; i-- > 0;)
        g->free[g->free_count++] = i;
    size_t size = 16;
    while (size < 2 * (size_t)g->slot_count)
        size *= 2;
    g->table = mem_array(size, sizeof *g->table);
    g->table_mask = size - 1;
    if (getrandom(&g->seed, sizeof g->seed, 0) != (ssize_t)sizeof g->seed)
        g->seed = clock_monotonic_ns();
    return g;
}

void gate_free(http_gate *g)
{
    if (g == NULL)
        return;
    ASSERT(g->free_count == g->slot_count);
    ASSERT(pthread_mutex_destroy(&g->lock) == 0);
    mem_free(g->table);
    mem_free(g->free);
    mem_free(g->slots);
    mem_free(g);
}

static void lock(http_gate *g)
{
    ASSERT(pthread_mutex_lock(&g->lock) == 0);
}

static void unlock(http_gate *g)
{
    ASSERT(pthread_mutex_unlock(&g->lock) == 0);
}

/* ---- addresses ---- */

struct in6_addr gate_address(const struct sockaddr *address)
{
    struct in6_addr out;
    memset(&out, 0, sizeof out);
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        const size_t kept = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 16 : 8;
        memcpy(out.s6_addr, v6.sin6_addr.s6_addr, kept);
    } else if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        out.s6_addr[10] = out.s6_addr[11] = 0xff;
        memcpy(out.s6_addr + 12, &v4.sin_addr, 4);
    }
    return out;
}

static size_t home_of(const http_gate *g, const struct in6_addr *address)
{
    return hash_bytes_seed(address, sizeof *address, g->seed) & g->table_mask;
}

/* Where the address stands, or the free place where it would. */
static size_t place_of(const http_gate *g, const struct in6_addr *address)
{
    size_t at = home_of(g, address);
    while (g->table[at].count != 0 &&
           memcmp(&g->table[at].address, address, sizeof *address) != 0)
        at = (at + 1) & g->table_mask;
    return at;
}

/* Moves what stands behind a freed place up, so that no search ends early. */
static void close_gap(http_gate *g, size_t gap)
{
    for (size_t at = (gap + 1) & g->table_mask; g->table[at].count != 0;
         at = (at + 1) & g->table_mask) {
        const size_t home = home_of(g, &g->table[at].address);
        if (((at - home) & g->table_mask) < ((at - gap) & g->table_mask))
            continue;
        g->table[gap] = g->table[at];
        g->table[at].count = 0;
        gap = at;
    }
}

static void count_down(http_gate *g, const struct in6_addr *address)
{
    const size_t at = place_of(g, address);
    ASSERT(g->count > 0 && g->table[at].count > 0);
    g->count--;
    if (--g->table[at].count == 0)
        close_gap(g, at);
}

/* ---- giving way ---- */

static uint64_t word_make(http_phase phase, uint64_t deadline)
{
    return (deadline & ~(uint64_t)PHASE_BITS) | (uint64_t)phase;
}

/* The slot with the earliest deadline in a phase; slot_count: none. */
static uint32_t find_longest(http_gate *g, http_phase phase)
{
    uint32_t best = g->slot_count;
    uint64_t earliest = UINT64_MAX;
    for (uint32_t i = 0; i < g->slot_count; i++) {
        const uint64_t word =
            atomic_load_explicit(&g->slots[i].word, memory_order_relaxed);
        if ((word & PHASE_BITS) == (uint64_t)phase && word < earliest) {
            best = i;
            earliest = word;
        }
    }
    return best;
}

bool gate_close(http_gate *g, http_connection *c)
{
    gate_slot *slot = &g->slots[c->slot];
    gate_wait(g, c->slot, PHASE_CLOSING, 0);
    if (slot->closing)
        return false;
    shutdown(c->fd, SHUT_RDWR);
    slot->closing = true;
    g->closing++;
    return true;
}

/* One that waits gives way; false: none does. */
static bool make_room(http_gate *g)
{
    uint32_t slot = find_longest(g, PHASE_HEADER);
    if (slot == g->slot_count ||
        g->slots[slot].c->connected + YIELD_AGE_NS > clock_monotonic_ns())
        slot = find_longest(g, PHASE_IDLE);
    if (slot == g->slot_count)
        return false;
    gate_close(g, g->slots[slot].c);
    return true;
}

gate_verdict gate_enter(http_gate *g, const struct in6_addr *address)
{
    gate_verdict verdict = GATE_OPEN;
    lock(g);
    const size_t at = place_of(g, address);
    if (g->by_address > 0 && g->table[at].count >= g->by_address) {
        verdict = GATE_ADDRESS_FULL;
    } else if (g->count >= g->slot_count ||
               (g->count - g->closing >= g->connections && !make_room(g))) {
        verdict = GATE_FULL;
    } else {
        g->table[at].address = *address;
        g->table[at].count++;
        g->count++;
    }
    unlock(g);
    return verdict;
}

void gate_leave(http_gate *g, const struct in6_addr *address)
{
    lock(g);
    count_down(g, address);
    unlock(g);
}

uint32_t gate_count(http_gate *g)
{
    lock(g);
    const uint32_t count = g->count;
    unlock(g);
    return count;
}

uint32_t gate_pending(http_gate *g)
{
    lock(g);
    const uint32_t pending = g->count - (g->slot_count - g->free_count);
    unlock(g);
    return pending;
}

/* ---- slots ---- */

bool gate_attach(http_gate *g, http_connection *c)
{
    lock(g);
    const bool room = g->free_count > 0;
    if (room) {
        c->slot = g->free[--g->free_count];
        g->slots[c->slot].c = c;
    }
    unlock(g);
    return room;
}

void gate_detach(http_gate *g, http_connection *c)
{
    lock(g);
    gate_slot *slot = &g->slots[c->slot];
    ASSERT(slot->c == c);
    if (slot->closing)
        g->closing--;
    slot->closing = false;
    atomic_store(&slot->word, PHASE_FREE);
    slot->c = NULL;
    g->free[g->free_count++] = c->slot;
    count_down(g, &c->address);
    unlock(g);
}

void gate_wait(http_gate *g, uint32_t slot, http_phase phase,
               uint64_t deadline)
{
    atomic_store_explicit(&g->slots[slot].word, word_make(phase, deadline),
                          memory_order_relaxed);
}

void gate_wait_if(http_gate *g, uint32_t slot, http_phase was,
                  uint64_t was_until, http_phase phase, uint64_t deadline)
{
    uint64_t word = word_make(was, was_until);
    atomic_compare_exchange_strong(&g->slots[slot].word, &word,
                                   word_make(phase, deadline));
}

bool gate_each(http_gate *g, uint64_t now, bool all,
               bool (*each)(void *payload, http_connection *c,
                            http_phase phase, uint64_t deadline),
               void *payload)
{
    for (uint32_t i = 0; i < g->slot_count; i++) {
        gate_slot *slot = &g->slots[i];
        uint64_t word =
            atomic_load_explicit(&slot->word, memory_order_relaxed);
        http_phase phase = (http_phase)(word & PHASE_BITS);
        if (phase == PHASE_FREE || phase == PHASE_CLOSING ||
            (!all && word >= now))
            continue;
        lock(g);
        word = atomic_load_explicit(&slot->word, memory_order_relaxed);
        phase = (http_phase)(word & PHASE_BITS);
        const bool on =
            slot->c == NULL || phase == PHASE_FREE || phase == PHASE_CLOSING ||
            each(payload, slot->c, phase, word & ~(uint64_t)PHASE_BITS);
        unlock(g);
        if (!on)
            return false;
    }
    return true;
}
