/*
 * access.c - who asks: keys, permissions, token buckets.
 *
 * A request shows a key as `Authorization: Bearer muster_live_...`, or, where
 * facts are brought, as the user of `Basic` with an empty password, as the
 * libraries of CDPs send their write key. The engine says which key that is
 * and whether it holds, from its newest epoch; nothing about that is kept
 * here, so a key that was revoked is refused by the next request. Which key a
 * connection showed last is: by two hashes of the secret, 128 bits, whose seeds
 * are drawn at the start and leave the process as little as the hashes do.
 *
 * What never changes of a key (its id, permissions, partner and provider, and
 * a scope made of them) is kept from its first request on, by its number, and
 * so is its bucket; both tables are as long as there can be keys, and pages of
 * them that no key uses cost nothing.
 *
 * A bucket is one word: the moment at which it will be full again (the generic
 * cell rate algorithm). A request moves it on by one interval, and is refused
 * when that would be further ahead than the burst. So limits are exact, and a
 * request costs one compare-and-swap.
 *
 * Answers do not tell a key that is unknown from one that was revoked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/access.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define SECOND_NS 1000000000u
/* Base64 of a secret, a colon, and some room. */
#define BASIC_BYTES_MAX 96u

/* What is kept of a key. */
typedef struct kept_caller {
    http_caller caller; /* first: what others have of it */
    uint32_t number;
    char texts[]; /* id, partner, provider */
} kept_caller;

typedef struct access_slot {
    _Atomic(kept_caller *) kept; /* NULL: not seen yet */
    _Atomic uint64_t full_ns;    /* when the bucket will be full */
} access_slot;

struct http_access {
    muster_engine *engine;
    bool open;
    uint64_t seeds[2];    /* of memos: nobody outside can choose collisions */
    uint64_t interval_ns; /* of one request; 0: no limit */
    uint64_t ahead_ns;    /* of a whole burst */
    http_caller nobody;   /* asks where all may */
    http_caller anybody;  /* may everything, where that is wanted */
    muster_scope *house;
    access_slot *slots;   /* by number of the key; 0 is nobody's */
};

/* ---- life ---- */

static void set_rate(http_access *access, const http_access_options *o)
{
    const uint64_t burst = o->burst > 0 ? o->burst : o->rate;

    if (o->rate == 0)
        return;
    access->interval_ns = SECOND_NS / o->rate;
    access->ahead_ns = burst * access->interval_ns;
}

int access_new(http_access **out, muster_engine *engine,
               const http_access_options *options, muster_error *err)
{
    *out = NULL;
    if (options->rate > ACCESS_RATE_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_rate",
                         "the rate of a key is at most %u requests a second",
                         ACCESS_RATE_MAX);
    http_access *access = mem_zalloc(sizeof *access);
    const int rc = muster_scope_new(&access->house, "anybody",
                                    MUSTER_PURPOSE_ANALYSIS, NULL, err);
    if (rc != 0) {
        mem_free(access);
        return rc;
    }
    access->engine = engine;
    access->open = options->open;
    access->nobody.key = "";
    access->anybody = (http_caller){
        .may = MUSTER_MAY_ALL, .key = "", .viewer = access->house};
    access->slots = mem_array(MUSTER_KEYS_MAX + 1, sizeof *access->slots);
    ASSERT(getrandom(access->seeds, sizeof access->seeds, 0) ==
           (ssize_t)sizeof access->seeds);
    set_rate(access, options);
    *out = access;
    return 0;
}

void access_free(http_access *access)
{
    if (access == NULL)
        return;
    for (size_t i = 0; i <= MUSTER_KEYS_MAX; i++) {
        kept_caller *kept = atomic_load(&access->slots[i].kept);
        if (kept == NULL)
            continue;
        muster_scope_free((muster_scope *)kept->caller.viewer);
        mem_free(kept);
    }
    muster_scope_free(access->house);
    mem_free(access->slots);
    mem_free(access);
}

/* ---- what is kept of a key ---- */

static const char *keep_text(char **place, const char *text)
{
    char *at = *place;
    const size_t bytes = strlen(text) + 1;

    memcpy(at, text, bytes);
    *place = at + bytes;
    return at;
}

static int keep_key(void *payload, const muster_key *key)
{
    kept_caller **out = payload;
    kept_caller *kept =
        mem_alloc(sizeof *kept + strlen(key->id) + strlen(key->partner) +
                  strlen(key->provider) + 3);
    char *place = kept->texts;
    muster_scope *viewer;

    kept->number = key->number;
    kept->caller = (http_caller){.may = key->may};
    kept->caller.key = keep_text(&place, key->id);
    const char *partner = keep_text(&place, key->partner);
    const char *provider = keep_text(&place, key->provider);
    kept->caller.partner = *partner != '\0' ? partner : NULL;
    kept->caller.provider = *provider != '\0' ? provider : NULL;
    const int rc = muster_scope_new(&viewer, key->id, MUSTER_PURPOSE_SERVING,
                                    kept->caller.partner, NULL);
    ASSERT(rc == 0); /* of names that the engine took */
    kept->caller.viewer = viewer;
    *out = kept;
    return 0;
}

/* Of two threads that see a key first, one's is kept. */
static const http_caller *caller_of(http_access *access, uint32_t number)
{
    access_slot *slot = &access->slots[number];
    kept_caller *kept =
        atomic_load_explicit(&slot->kept, memory_order_acquire);
    kept_caller *mine = NULL;

    if (kept != NULL)
        return &kept->caller;
    const int rc =
        muster_key_get(access->engine, number, keep_key, &mine, NULL);
    ASSERT(rc == 0 && mine != NULL); /* a key is never removed */
    if (atomic_compare_exchange_strong(&slot->kept, &kept, mine))
        return &mine->caller;
    muster_scope_free((muster_scope *)mine->caller.viewer);
    mem_free(mine);
    return &kept->caller;
}

/* ---- reading the header ---- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes into `out`; false when it is not well-formed or too long. */
static bool base64_decode(muster_text in, char *out, size_t room, size_t *len)
{
    uint32_t bits = 0;
    unsigned held = 0;

    *len = 0;
    while (in.len > 0 && in.ptr[in.len - 1] == '=')
        in.len--;
    if (in.len % 4 == 1 || in.len / 4 * 3 + 3 > room)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        const int value = base64_value(in.ptr[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[(*len)++] = (char)(bits >> held & 0xff);
        }
    }
    return true;
}

/* The words behind the scheme when it is this one. */
static bool scheme_is(muster_text header, const char *scheme,
                      muster_text *rest)
{
    const size_t len = strlen(scheme);

    if (header.len <= len || header.ptr[len] != ' ' ||
        !text_equal_nocase(text_make(header.ptr, len), text_of(scheme)))
        return false;
    *rest = text_trim(text_make(header.ptr + len, header.len - len));
    return true;
}

static muster_key_verdict verify_basic(http_access *access, muster_text word,
                                       muster_rights *out)
{
    char pair[BASIC_BYTES_MAX];
    muster_key_verdict verdict = MUSTER_KEY_MALFORMED;
    size_t len;

    if (base64_decode(word, pair, sizeof pair, &len) && len > 0 &&
        pair[len - 1] == ':')
        verdict = muster_key_verify(access->engine, pair, len - 1, out);
    explicit_bzero(pair, sizeof pair);
    return verdict;
}

/* A key that is shown once more by the same connection is known by its hash. */
static muster_key_verdict verify_bearer(http_access *access, muster_text word,
                                        access_memo *memo, muster_rights *out)
{
    uint64_t shown[2];

    for (size_t i = 0; i < 2; i++)
        shown[i] = hash_bytes_seed(word.ptr, word.len, access->seeds[i]);
    if (memo->number != 0 && memcmp(shown, memo->shown, sizeof shown) == 0)
        return muster_key_rights(access->engine, memo->number, out);
    const muster_key_verdict verdict =
        muster_key_verify(access->engine, word.ptr, word.len, out);
    memcpy(memo->shown, shown, sizeof shown);
    memo->number = out->number;
    return verdict;
}

static muster_key_verdict verify(http_access *access, const http_route *route,
                                 muster_text header, access_memo *memo,
                                 muster_rights *out)
{
    muster_text word;

    *out = (muster_rights){0, 0};
    if (scheme_is(header, "Bearer", &word))
        return verify_bearer(access, word, memo, out);
    if ((route->may & MAY_INGEST) != 0 && scheme_is(header, "Basic", &word))
        return verify_basic(access, word, out);
    return MUSTER_KEY_MALFORMED;
}

/* ---- refusing ---- */

static void challenge(const http_route *route, http_answer *a)
{
    answer_header(a, "WWW-Authenticate", "Bearer realm=\"muster\"");
    if ((route->may & MAY_INGEST) != 0)
        answer_header(a, "WWW-Authenticate",
                      "Basic realm=\"muster\", charset=\"UTF-8\"");
}

static bool refuse_missing(const http_route *route, http_answer *a)
{
    answer_problem(a, 401, "key_required",
                   "this needs a key: Authorization: Bearer muster_live_...");
    challenge(route, a);
    return false;
}

static bool refuse_key(const http_route *route, muster_key_verdict verdict,
                       http_answer *a)
{
    if (verdict == MUSTER_KEY_MALFORMED)
        answer_problem(a, 401, "malformed_key",
                       "that is no key: it is cut, has a typo, or is sent"
                       " in another way than this takes");
    else
        answer_problem(a, 401, "invalid_key", "the key does not hold");
    challenge(route, a);
    return false;
}

static int put_name(void *payload, const char *name)
{
    buffer *names = payload;
    buffer_printf(names, "%s%s", names->len > 0 ? " or " : "", name);
    return 0;
}

static bool refuse_partner(http_answer *a)
{
    answer_problem(a, 403, "forbidden",
                   "the key of a partner may not do this");
    return false;
}

static bool refuse_caller(const http_route *route, http_answer *a)
{
    buffer names;

    buffer_init(&names, 256);
    muster_permissions_each(route->may, put_name, &names);
    answer_problem(a, 403, "forbidden",
                   "the key may not do this: it needs the permission %s",
                   buffer_cstr(&names));
    buffer_release(&names);
    return false;
}

static bool refuse_for_now(uint64_t wait_ns, http_answer *a)
{
    answer_problem(a, 429, "too_many_requests",
                   "the key has asked too often");
    answer_header(a, "Retry-After", "%llu",
                  (unsigned long long)(wait_ns / SECOND_NS + 1));
    return false;
}

static int note_revoked(void *payload, const muster_key *key)
{
    *(bool *)payload = key->revoked != 0;
    return 0;
}

bool access_holds(http_access *access, const http_route *route,
                  const http_caller *caller, http_answer *a)
{
    const kept_caller *kept = (const kept_caller *)caller;
    bool revoked = false;

    if (caller == &access->nobody || caller == &access->anybody)
        return true;
    muster_key_get(access->engine, kept->number, note_revoked, &revoked,
                   NULL);
    return !revoked || refuse_key(route, MUSTER_KEY_REVOKED, a);
}

/* ---- the bucket ---- */

/* False: so long it has to wait. */
static bool take_token(http_access *access, access_slot *slot,
                       uint64_t now_ns, uint64_t *wait_ns)
{
    uint64_t full = atomic_load_explicit(&slot->full_ns,
                                         memory_order_relaxed);
    uint64_t next;

    if (access->interval_ns == 0)
        return true;
    do {
        next = (full > now_ns ? full : now_ns) + access->interval_ns;
        if (next - now_ns > access->ahead_ns) {
            *wait_ns = next - now_ns - access->ahead_ns;
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(
        &slot->full_ns, &full, next, memory_order_relaxed,
        memory_order_relaxed));
    return true;
}

/* ---- asking ---- */

/* Of a key that was shown: does it hold, is it time, may it? */
static bool admit(http_access *access, const http_route *route,
                  muster_key_verdict verdict, const muster_rights *rights,
                  uint64_t now_ns, const http_caller **out, http_answer *a)
{
    uint64_t wait_ns = 0;

    if (verdict != MUSTER_KEY_HOLDS)
        return refuse_key(route, verdict, a);
    const http_caller *caller = caller_of(access, rights->number);
    *out = caller;
    if (!take_token(access, &access->slots[rights->number], now_ns, &wait_ns))
        return refuse_for_now(wait_ns, a);
    if (caller->partner != NULL && !route->partner)
        return refuse_partner(a);
    return (rights->may & route->may) != 0 || refuse_caller(route, a);
}

bool access_caller(http_access *access, const http_route *route,
                   muster_text authorization, uint64_t now_ns,
                   access_memo *memo, const http_caller **out,
                   http_answer *a)
{
    muster_rights rights;

    *out = &access->nobody;
    if (route->may == 0)
        return true;
    if (authorization.ptr == NULL && access->open) {
        *out = &access->anybody;
        return true;
    }
    if (authorization.ptr == NULL && (route->may & KEY_IN_BODY) != 0)
        return true;
    if (authorization.ptr == NULL)
        return refuse_missing(route, a);
    const muster_key_verdict verdict =
        verify(access, route, authorization, memo, &rights);
    return admit(access, route, verdict, &rights, now_ns, out, a);
}

bool access_shown(http_access *access, const http_route *route,
                  muster_text key, uint64_t now_ns, const http_caller **out,
                  http_answer *a)
{
    muster_rights rights = {0, 0};

    *out = &access->nobody;
    if (key.ptr == NULL)
        return refuse_missing(route, a);
    const muster_key_verdict verdict =
        muster_key_verify(access->engine, key.ptr, key.len, &rights);
    return admit(access, route, verdict, &rights, now_ns, out, a);
}
