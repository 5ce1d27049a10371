/*
 * access_test.c - keys, partners and shares through the public API: what is
 * verified, what a partner sees, what survives, and what people can read of
 * it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/base.h"
#include "engine_support.h"

typedef struct made_key {
    char id[20];
    char secret[MUSTER_KEY_SECRET_BYTES];
    uint32_t number;
} made_key;

static int note_key_row(void *payload, const muster_key *key)
{
    made_key *m = payload;
    snprintf(m->id, sizeof m->id, "%s", key->id);
    m->number = key->number;
    return 0;
}

static int try_key(house *h, const char *role, uint32_t may,
                   const char *partner, const char *provider, made_key *out,
                   muster_error *err)
{
    muster_key_options o = MUSTER_KEY_OPTIONS_INIT;
    o.name = "test";
    o.role = role;
    o.may = may;
    o.partner = partner;
    o.provider = provider;
    return muster_key_create(h->engine, &o, out->secret, note_key_row, out,
                             err);
}

static made_key make_key(house *h, const char *role, const char *partner)
{
    made_key made;
    muster_error err;
    if (try_key(h, role, 0, partner, NULL, &made, &err) != 0)
        fail_msg("%s: %s", role, err.message);
    return made;
}

static muster_key_verdict verify(house *h, const char *secret,
                                 muster_rights *out)
{
    return muster_key_verify(h->engine, secret, strlen(secret), out);
}

static void add_partner(house *h, const char *key)
{
    muster_error err;
    if (muster_partner_set(h->engine, key, NULL, NULL, &err) != 0)
        fail_msg("%s: %s", key, err.message);
}

static bool share(house *h, const char *key, const char *partner, bool undo)
{
    muster_error err;
    bool changed;
    if (muster_audience_share(h->engine, key, partner, undo, &changed,
                              &err) != 0)
        fail_msg("%s: %s", key, err.message);
    return changed;
}

static const char *const people =
    "{\"ids\":{\"cookie\":\"u1\"},\"set\":{\"a\":true,\"b\":true}}\n"
    "{\"ids\":{\"cookie\":\"u2\"},\"set\":{\"a\":true}}\n"
    "{\"ids\":{\"cookie\":\"u3\"},\"set\":{\"b\":true}}\n";

/* Three segments, of which `open` refers to one that is not shared. */
static void fill(house *h)
{
    feed(h, people);
    save(h, "secret", "a");
    save(h, "open", "segment(\"secret\") and b");
    save(h, "other", "b");
    add_partner(h, "acme");
    add_partner(h, "zeta");
    share(h, "open", "acme", false);
}

/* ---- keys ---- */

static void test_engine_access__a_key_is_verified_until_revoked(void **state)
{
    house *h = *state;
    muster_rights rights;
    muster_error err;
    const made_key a = make_key(h, "ad-server", NULL);
    const made_key b = make_key(h, "admin", NULL);

    assert_int_equal(verify(h, a.secret, &rights), MUSTER_KEY_HOLDS);
    assert_int_equal(rights.may, MUSTER_MAY_LOOKUP);
    assert_int_equal(rights.number, a.number);
    assert_int_equal(verify(h, b.secret, &rights), MUSTER_KEY_HOLDS);
    assert_int_equal(rights.may, MUSTER_MAY_ALL);
    assert_int_equal(muster_key_revoke(h->engine, a.id, &err), 0);
    assert_int_equal(verify(h, a.secret, &rights), MUSTER_KEY_REVOKED);
    assert_int_equal(rights.may, 0);
    assert_int_equal(rights.number, a.number);
    assert_int_equal(verify(h, b.secret, &rights), MUSTER_KEY_HOLDS);
    const muster_epoch then = muster_engine_epoch(h->engine);
    assert_int_equal(muster_key_revoke(h->engine, a.id, &err), 0);
    assert_int_equal(muster_engine_epoch(h->engine), then);
    assert_int_equal(muster_key_revoke(h->engine, "k_nobody", &err),
                     MUSTER_ENOTFOUND);
    assert_string_equal(err.word, "unknown_key");
}

static void test_engine_access__strangers_and_typos(void **state)
{
    house *h = *state;
    muster_rights rights;
    made_key a = make_key(h, "admin", NULL);
    made_key typo = a;
    house other = {0};

    typo.secret[20] = typo.secret[20] == 'x' ? 'y' : 'x';
    assert_int_equal(verify(h, typo.secret, &rights), MUSTER_KEY_MALFORMED);
    assert_int_equal(verify(h, "", &rights), MUSTER_KEY_MALFORMED);
    assert_int_equal(verify(h, "muster_live_", &rights),
                     MUSTER_KEY_MALFORMED);
    assert_int_equal(rights.number, 0);
    house_open(&other, NOON, 1); /* another directory has another key */
    const made_key b = make_key(&other, "admin", NULL);
    house_close(&other);
    assert_int_equal(verify(h, b.secret, &rights), MUSTER_KEY_UNKNOWN);
    assert_int_equal(rights.may, 0);
    assert_int_equal(verify(h, a.secret, &rights), MUSTER_KEY_HOLDS);
}

static void test_engine_access__what_keys_there_are(void **state)
{
    static const struct {
        const char *role;
        uint32_t may;
        const char *partner;
        const char *provider;
        const char *word; /* "": is made */
    } cases[] = {
        {NULL, 0, NULL, NULL, "bad_permissions"},
        {"", 0, NULL, NULL, "bad_permissions"},
        {NULL, 64, NULL, NULL, "bad_permissions"},
        {"admin", MUSTER_MAY_READ, NULL, NULL, "bad_permissions"},
        {"boss", 0, NULL, NULL, "bad_role"},
        {"partner", 0, NULL, NULL, "bad_permissions"},
        {"partner", 0, "acme", NULL, ""},
        {"partner", 0, "acne", NULL, "unknown_partner"},
        {"admin", 0, "acme", NULL, "bad_permissions"},
        {NULL, MUSTER_MAY_INGEST, "acme", NULL, "bad_permissions"},
        {NULL, MUSTER_MAY_EXPORT, "acme", NULL, ""},
        {NULL, MUSTER_MAY_INGEST, NULL, "shop", ""},
        {NULL, MUSTER_MAY_INGEST, NULL, "Shop!", "bad_name"},
        {"analyst", 0, NULL, "shop", "bad_permissions"},
        {"admin", 0, NULL, "shop", ""},
    };
    house *h = *state;
    add_partner(h, "acme");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        made_key made = {.secret = "?"};
        muster_error err;
        const int rc = try_key(h, cases[i].role, cases[i].may,
                               cases[i].partner, cases[i].provider, &made,
                               &err);
        if ((rc == 0) != (*cases[i].word == '\0') ||
            strcmp(err.word, cases[i].word) != 0)
            fail_msg("case %zu: %d %s", i, rc, err.word);
        muster_rights rights;
        assert_int_equal(verify(h, made.secret, &rights),
                         rc == 0 ? MUSTER_KEY_HOLDS : MUSTER_KEY_MALFORMED);
    }
}

static int describe_key(void *payload, const muster_key *k)
{
    buffer_printf(payload, "%u %s %s %u %s %s %d %d\n", k->number, k->id,
                  k->role, k->may, k->partner, k->provider,
                  k->created == NOON, k->revoked != 0);
    return 0;
}

static int describe_partner(void *payload, const muster_partner *p)
{
    buffer_printf(payload, "%s \"%s\" %u %u\n", p->key, p->name, p->segments,
                  p->keys);
    return 0;
}

static int describe_saved(void *payload, const muster_saved *s)
{
    buffer_printf(payload, "  %s\n", s->key);
    return 0;
}

static int describe_shares(void *payload, const muster_partner *p)
{
    (void)payload;
    (void)p;
    return 0;
}

static char *describe(house *h)
{
    static const char *const partners[] = {"acme", "zeta"};
    buffer out;
    buffer_init(&out, 1 << 20);
    muster_keys_each(h->engine, describe_key, &out);
    muster_partners_each(h->engine, describe_partner, &out);
    for (size_t i = 0; i < 2; i++)
        if (muster_partner_find(h->engine, partners[i], describe_shares,
                                NULL, NULL) == 0)
            muster_partner_shares_each(h->engine, partners[i],
                                       describe_saved, &out, NULL);
    char *text = mem_strdup(buffer_cstr(&out));
    buffer_release(&out);
    return text;
}

/* ---- partners ---- */

static void expect_described(house *h, const char *want)
{
    char *text = describe(h);
    const char *at = strstr(text, "acme \"");
    assert_string_equal(at ? at : text, want);
    mem_free(text);
}

static void test_engine_access__partners_and_shares(void **state)
{
    house *h = *state;
    muster_error err;
    bool changed;

    fill(h);
    make_key(h, "partner", "acme");
    expect_described(h, "acme \"\" 1 1\nzeta \"\" 0 0\n  open\n");
    assert_int_equal(
        muster_partner_set(h->engine, "acme", "Acme", &changed, &err), 0);
    assert_true(changed);
    assert_int_equal(
        muster_partner_set(h->engine, "acme", NULL, &changed, &err), 0);
    assert_false(changed);
    assert_false(share(h, "open", "acme", false));
    assert_true(share(h, "other", "acme", false));
    assert_true(share(h, "open", "acme", true));
    assert_false(share(h, "open", "acme", true));
    expect_described(h, "acme \"Acme\" 1 1\nzeta \"\" 0 0\n  other\n");
    assert_int_equal(muster_partner_set(h->engine, "No Good", NULL, NULL,
                                        &err), MUSTER_EINVAL);
    assert_int_equal(muster_audience_share(h->engine, "opne", "acme", false,
                                           NULL, &err), MUSTER_ENOTFOUND);
    assert_string_equal(err.word, "unknown_segment");
    assert_int_equal(muster_audience_share(h->engine, "open", "acne", false,
                                           NULL, &err), MUSTER_ENOTFOUND);
    assert_string_equal(err.word, "unknown_partner");
    assert_string_equal(err.suggestion, "acme");
    assert_int_equal(muster_partner_remove(h->engine, "acne", &err),
                     MUSTER_ENOTFOUND);
}

static void test_engine_access__what_ends_with_a_partner(void **state)
{
    house *h = *state;
    muster_rights rights;
    muster_error err;

    fill(h);
    const made_key a = make_key(h, "partner", "acme");
    const made_key z = make_key(h, "partner", "zeta");
    assert_int_equal(muster_partner_remove(h->engine, "acme", &err), 0);
    assert_int_equal(verify(h, a.secret, &rights), MUSTER_KEY_REVOKED);
    assert_int_equal(verify(h, z.secret, &rights), MUSTER_KEY_HOLDS);
    add_partner(h, "acme");
    assert_int_equal(verify(h, a.secret, &rights), MUSTER_KEY_REVOKED);
    expect_described(h, "acme \"\" 0 0\nzeta \"\" 0 1\n");
}

/* Who takes a segment away takes it from partners too, also when the key comes
 * back with another meaning. */
static void test_engine_access__a_removed_segment_is_not_shared(void **state)
{
    house *h = *state;
    muster_error err;

    fill(h);
    assert_int_equal(muster_audience_remove(h->engine, "open", &err), 0);
    save(h, "open", "b");
    expect_described(h, "acme \"\" 0 0\nzeta \"\" 0 0\n");
    assert_int_equal(muster_audience_remove(h->engine, "open", &err), 0);
    assert_int_equal(muster_audience_share(h->engine, "open", "acme", false,
                                           NULL, &err), MUSTER_ENOTFOUND);
}

/* ---- what a partner sees ---- */

static muster_scope *scope_of(const char *partner)
{
    muster_scope *s;
    muster_error err;
    if (muster_scope_new(&s, "test", MUSTER_PURPOSE_SERVING, partner, &err))
        fail_msg("%s", err.message);
    return s;
}

static key_list lookup_as(house *h, const muster_scope *viewer,
                          const char *id)
{
    const muster_id user = cookie(id);
    key_list list = {{0}, 0};
    muster_error err;
    if (muster_audience_lookup(h->engine, viewer, &user, NULL, note_key,
                               &list, &err) != 0)
        fail_msg("lookup: %s", err.message);
    return list;
}

static int count_as(house *h, const muster_scope *viewer, const char *expr,
                    uint64_t *out, muster_error *err)
{
    muster_segment *s;
    muster_count *n;
    const int rc = muster_segment_compile(&s, h->engine, viewer, expr,
                                          strlen(expr), err);
    if (rc != 0)
        return rc;
    assert_int_equal(muster_segment_count(s, false, &n, err), 0);
    *out = n->count;
    muster_count_free(n);
    muster_segment_free(s);
    return 0;
}

static void test_engine_access__lookups_show_what_is_shared(void **state)
{
    house *h = *state;
    fill(h);
    muster_scope *acme = scope_of("acme");
    muster_scope *zeta = scope_of("zeta");
    muster_scope *gone = scope_of("gone");

    assert_string_equal(lookup(h, "u1", NULL).text, "open other secret ");
    assert_string_equal(lookup_as(h, acme, "u1").text, "open ");
    assert_string_equal(lookup_as(h, acme, "u3").text, "");
    assert_string_equal(lookup_as(h, zeta, "u1").text, "");
    assert_string_equal(lookup_as(h, gone, "u1").text, "");
    share(h, "other", "zeta", false);
    assert_string_equal(lookup_as(h, zeta, "u3").text, "other ");
    share(h, "open", "acme", true);
    assert_string_equal(lookup_as(h, acme, "u1").text, "");
    assert_true(muster_audience_is_seen(h->engine, zeta, "other"));
    assert_false(muster_audience_is_seen(h->engine, zeta, "open"));
    assert_false(muster_audience_is_seen(h->engine, h->scope, "nothing"));
    assert_true(muster_audience_is_seen(h->engine, h->scope, "open"));
    muster_scope_free(acme);
    muster_scope_free(zeta);
    muster_scope_free(gone);
}

/* To name a segment that is not shared is to name one that is not there: the
 * same error to the letter, with the same suggestion. */
static void same_refusal(house *h, const muster_scope *viewer,
                         const char *hidden, const char *missing)
{
    char expr[2][64];
    muster_error err[2];
    uint64_t n;
    snprintf(expr[0], sizeof expr[0], "b or segment(\"%s\")", hidden);
    snprintf(expr[1], sizeof expr[1], "b or segment(\"%s\")", missing);
    for (int i = 0; i < 2; i++)
        assert_int_equal(count_as(h, viewer, expr[i], &n, &err[i]),
                         MUSTER_EEXPR);
    assert_int_equal(err[0].code, err[1].code);
    assert_string_equal(err[0].word, err[1].word);
    assert_int_equal(err[0].offset, err[1].offset);
    assert_int_equal(err[0].length, err[1].length);
    assert_string_equal(err[0].suggestion, err[1].suggestion);
    const size_t at = strcspn(err[0].message, "\"");
    assert_memory_equal(err[0].message, err[1].message, at);
    assert_string_equal(err[0].message + at + strlen(hidden) + 2,
                        err[1].message + at + strlen(missing) + 2);
}

static void test_engine_access__expressions_name_what_is_shared(void **state)
{
    house *h = *state;
    muster_error err;
    uint64_t n;

    fill(h);
    muster_scope *acme = scope_of("acme");
    assert_int_equal(count_as(h, acme, "segment(\"open\")", &n, &err), 0);
    assert_int_equal(n, 1); /* by way of one that it may not name */
    assert_int_equal(count_as(h, acme, "b and not segment(\"open\")", &n,
                              &err), 0);
    assert_int_equal(n, 1);
    same_refusal(h, acme, "secret", "zzzzzz");
    same_refusal(h, acme, "other", "othes");
    same_refusal(h, acme, "opener", "openes"); /* near what it may see */
    assert_int_equal(count(h, "segment(\"secret\")"), 2);
    share(h, "secret", "acme", false);
    assert_int_equal(count_as(h, acme, "segment(\"secret\")", &n, &err), 0);
    muster_scope_free(acme);
}

/* A segment that was compiled before does not outlive the share. */
static void test_engine_access__what_was_compiled_ends_too(void **state)
{
    house *h = *state;
    muster_segment *s;
    muster_count *n = NULL;
    muster_error err;
    const muster_id user = cookie("u1");
    bool member = true;

    fill(h);
    muster_scope *acme = scope_of("acme");
    assert_int_equal(muster_segment_compile(&s, h->engine, acme,
                                            "segment(\"open\")", 15, &err), 0);
    assert_int_equal(muster_segment_has(s, &user, &member, &err), 0);
    assert_true(member);
    share(h, "open", "acme", true);
    assert_int_equal(muster_segment_count(s, false, &n, &err), MUSTER_EEXPR);
    assert_string_equal(err.word, "unknown_segment");
    assert_int_equal(muster_segment_has(s, &user, &member, &err),
                     MUSTER_EEXPR);
    assert_false(member);
    muster_segment_free(s);
    muster_scope_free(acme);
}

/* ---- what survives ---- */

static muster_state_hash hash_of(house *h)
{
    muster_state_hash hash;
    muster_error err;
    if (muster_engine_state_hash(h->engine, NULL, &hash, NULL, &err) != 0)
        fail_msg("%s", err.message);
    return hash;
}

static bool same_hash(muster_state_hash a, muster_state_hash b)
{
    return a.low == b.low && a.high == b.high;
}

static void test_engine_access__log_and_generation_keep_it(void **state)
{
    house *h = *state;
    muster_rights rights;
    muster_error err;

    fill(h);
    const made_key a = make_key(h, "partner", "acme");
    const made_key b = make_key(h, "analyst", NULL);
    assert_int_equal(muster_key_revoke(h->engine, b.id, &err), 0);
    make_key(h, "partner", "zeta");
    assert_int_equal(muster_partner_remove(h->engine, "zeta", &err), 0);
    const muster_state_hash before = hash_of(h);
    char *told = describe(h);
    for (int way = 0; way < 4; way++) { /* the log; a generation; both */
        if (way == 1)
            house_checkpoint(h);
        house_reopen(h, way == 3 ? MUSTER_OPEN_READ : MUSTER_OPEN_WRITE);
        char *again = describe(h);
        assert_string_equal(told, again);
        mem_free(again);
        assert_true(same_hash(before, hash_of(h)));
        assert_int_equal(verify(h, a.secret, &rights), MUSTER_KEY_HOLDS);
        assert_int_equal(verify(h, b.secret, &rights), MUSTER_KEY_REVOKED);
    }
    mem_free(told);
    made_key none;
    assert_int_equal(try_key(h, "admin", 0, NULL, NULL, &none, &err),
                     MUSTER_EREFUSED);
    assert_string_equal(err.word, "read_only");
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(make_key(h, "admin", NULL).number, 4);
    add_partner(h, "zeta"); /* as one that was never there */
    expect_described(h, "acme \"\" 1 1\nzeta \"\" 0 0\n  open\n");
}

/* Each of them alone moves the hash, and its undoing need not move it back. */
static void test_engine_access__the_hash_tells_them_apart(void **state)
{
    house *h = *state;
    muster_state_hash seen[8];
    muster_error err;
    size_t n = 0;

    fill(h);
    seen[n++] = hash_of(h);
    const made_key a = make_key(h, "partner", "acme");
    seen[n++] = hash_of(h);
    assert_int_equal(muster_key_revoke(h->engine, a.id, &err), 0);
    seen[n++] = hash_of(h);
    share(h, "other", "acme", false);
    seen[n++] = hash_of(h);
    share(h, "other", "zeta", false);
    seen[n++] = hash_of(h);
    share(h, "other", "acme", true);
    seen[n++] = hash_of(h);
    assert_int_equal(
        muster_partner_set(h->engine, "zeta", "Zeta", NULL, &err), 0);
    seen[n++] = hash_of(h);
    assert_int_equal(muster_partner_remove(h->engine, "zeta", &err), 0);
    seen[n++] = hash_of(h);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(same_hash(seen[i], seen[k]));
}

static void write_all(int fd, const void *bytes, size_t len)
{
    if (write(fd, bytes, len) != (ssize_t)len)
        _exit(3);
}

/* The process ends at once, behind the answers; nothing of them is lost. */
static void test_engine_access__a_killed_process_keeps_its_keys(void **state)
{
    house *h = *state;
    made_key keys[2];
    muster_rights rights;
    int pipe_ends[2];
    int status;

    fill(h);
    muster_engine_close(h->engine);
    h->engine = NULL;
    assert_int_equal(pipe(pipe_ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        muster_error err;
        if (open_directory(&h->engine, h->dir, MUSTER_OPEN_WRITE, NULL,
                           &err) != 0 ||
            try_key(h, "admin", 0, NULL, NULL, &keys[0], &err) != 0 ||
            try_key(h, "partner", 0, "acme", NULL, &keys[1], &err) != 0 ||
            muster_key_revoke(h->engine, keys[1].id, &err) != 0 ||
            muster_audience_share(h->engine, "other", "zeta", false, NULL,
                                  &err) != 0)
            _exit(2);
        write_all(pipe_ends[1], keys, sizeof keys);
        raise(SIGKILL);
    }
    assert_int_equal(read(pipe_ends[0], keys, sizeof keys), sizeof keys);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(verify(h, keys[0].secret, &rights), MUSTER_KEY_HOLDS);
    assert_int_equal(verify(h, keys[1].secret, &rights), MUSTER_KEY_REVOKED);
    expect_described(h, "acme \"\" 1 0\nzeta \"\" 1 0\n  open\n  other\n");
}

/* ---- many threads ---- */

#define READERS 3
#define TURNS 25

/* A key that holds all the time and those that end one after the other. */
typedef struct watch {
    house *h;
    made_key held;
    made_key ending[TURNS];
    uint32_t ended; /* atomic: so many are revoked, and their caller knows */
    bool stop;      /* atomic */
    uint32_t wrong; /* atomic */
} watch;

static void *verify_often(void *payload)
{
    watch *w = payload;
    muster_rights rights;

    while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
        const uint32_t ended = __atomic_load_n(&w->ended, __ATOMIC_ACQUIRE);
        bool right =
            verify(w->h, w->held.secret, &rights) == MUSTER_KEY_HOLDS;
        for (uint32_t i = 0; i < ended; i++)
            right &= verify(w->h, w->ending[i].secret, &rights) ==
                     MUSTER_KEY_REVOKED;
        if (!right)
            __atomic_add_fetch(&w->wrong, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* Whoever asks behind the answer to revoking is refused, on every thread,
 * while the state goes on beside. */
static void test_engine_access__readers_beside_the_writer(void **state)
{
    watch *w = calloc(1, sizeof *w);
    pthread_t threads[READERS];
    muster_error err;

    w->h = *state;
    fill(w->h);
    w->held = make_key(w->h, "admin", NULL);
    for (int i = 0; i < TURNS; i++)
        w->ending[i] = make_key(w->h, "ad-server", NULL);
    for (int i = 0; i < READERS; i++)
        threads[i] = thread_start(verify_often, w);
    for (uint32_t i = 0; i < TURNS; i++) {
        assert_int_equal(
            muster_key_revoke(w->h->engine, w->ending[i].id, &err), 0);
        __atomic_store_n(&w->ended, i + 1, __ATOMIC_RELEASE);
        share(w->h, "other", "zeta", i % 2 != 0);
        feed(w->h, people);
    }
    __atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < READERS; i++)
        thread_join(threads[i]);
    assert_int_equal(w->wrong, 0);
    free(w);
}

/* ---- what people read ---- */

static char *ask_sql(const house *h, const char *sql)
{
    char path[600];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    buffer out;

    snprintf(path, sizeof path, "%s/muster.db", h->dir);
    buffer_init(&out, 1 << 20);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++)
            buffer_printf(&out, "%s%s", i > 0 ? "|" : "",
                          sqlite3_column_type(stmt, i) == SQLITE_NULL
                              ? "-"
                              : (const char *)sqlite3_column_text(stmt, i));
        buffer_put_str(&out, "\n");
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    char *text = mem_strdup(buffer_cstr(&out));
    buffer_release(&out);
    return text;
}

static void expect_sql(const house *h, const char *sql, const char *want)
{
    char *got = ask_sql(h, sql);
    assert_string_equal(got, want);
    mem_free(got);
}

static void test_engine_access__tables_for_people(void **state)
{
    house *h = *state;
    muster_error err;

    fill(h);
    share(h, "other", "acme", false);
    share(h, "other", "zeta", false);
    const made_key a = make_key(h, "ad-server", NULL);
    make_key(h, "partner", "zeta");
    assert_int_equal(muster_key_revoke(h->engine, a.id, &err), 0);
    assert_int_equal(muster_partner_remove(h->engine, "zeta", &err), 0);
    assert_int_equal(muster_audience_remove(h->engine, "open", &err), 0);
    expect_sql(h,
               "SELECT number, name, role, ingest, lookup, read, write,"
               " export, admin, partner, revoked FROM access_key",
               "1|test|ad-server|0|1|0|0|0|0||1795264200\n"
               "2|test|partner|0|1|1|0|0|0|zeta|1795264200\n");
    expect_sql(h, "SELECT number, key, name FROM partner", "1|acme|\n");
    expect_sql(h,
               "SELECT share.partner, segment.key FROM share"
               " JOIN segment ON segment.id = share.segment",
               "1|other\n");
    assert_int_equal(muster_doctor(h->dir, false, NULL, NULL, NULL, NULL,
                                   &err), 0);
}

/* Neither the secret nor its hash is for people. */
static void test_engine_access__secrets_are_nowhere(void **state)
{
    house *h = *state;
    char command[800];
    const made_key a = make_key(h, "admin", NULL);
    house_checkpoint(h);
    house_reopen(h, MUSTER_OPEN_WRITE);
    snprintf(command, sizeof command, "grep -rqF %.43s %s", a.secret + 12,
             h->dir);
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "grep -rqF %s %s", a.id, h->dir);
    assert_int_equal(system(command), 0); /* so would be found */
}

static void test_engine_access__who_did_what(void **state)
{
    house *h = *state;
    const muster_id user = cookie("u1");
    muster_error err;

    feed(h, people);
    muster_audit_as("cli");
    save(h, "one", "a");
    muster_audit_as("k_0123456789");
    add_partner(h, "acme");
    share(h, "one", "acme", false);
    assert_int_equal(
        muster_privacy_optout(h->engine, &user, false, NULL, &err), 0);
    muster_audit_as(NULL);
    catalog(h, "{\"mode\":\"strict\"}");
    assert_int_equal(muster_audience_remove(h->engine, "nothing", &err),
                     MUSTER_ENOTFOUND); /* did nothing */
    expect_sql(h, "SELECT at, actor, action, object FROM audit ORDER BY id",
               "1795264200|cli|segment save|one\n"
               "1795264200|k_0123456789|partner set|acme\n"
               "1795264200|k_0123456789|share|one\n"
               "1795264200|k_0123456789|opt-out|\n"
               "1795264200||catalog|\n");
    expect_sql(h,
               "SELECT count(*) FROM audit JOIN log ON log.seq = audit.seq",
               "5\n");
}

/* ---- directories of the time before ---- */

static void run_sql(const house *h, const char *sql)
{
    char path[600];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/muster.db", h->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_engine_access__an_older_directory(void **state)
{
    house *h = *state;
    muster_rights rights;
    muster_error err;

    feed(h, people);
    muster_engine_close(h->engine);
    h->engine = NULL;
    run_sql(h, "DROP TABLE access_key; DROP TABLE partner; DROP TABLE share;"
               " DROP TABLE audit; PRAGMA user_version = 2");
    assert_int_equal(muster_doctor(h->dir, false, NULL, NULL, NULL, NULL,
                                   &err), 0);
    house_reopen(h, MUSTER_OPEN_READ);
    char *told = describe(h);
    assert_string_equal(told, "");
    mem_free(told);
    house_reopen(h, MUSTER_OPEN_WRITE);
    const made_key a = make_key(h, "admin", NULL);
    house_reopen(h, MUSTER_OPEN_WRITE);
    assert_int_equal(verify(h, a.secret, &rights), MUSTER_KEY_HOLDS);
    expect_sql(h, "PRAGMA user_version", "3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_access__a_key_is_verified_until_revoked),
        HOUSE_TEST(test_engine_access__strangers_and_typos),
        HOUSE_TEST(test_engine_access__what_keys_there_are),
        HOUSE_TEST(test_engine_access__partners_and_shares),
        HOUSE_TEST(test_engine_access__what_ends_with_a_partner),
        HOUSE_TEST(test_engine_access__a_removed_segment_is_not_shared),
        HOUSE_TEST(test_engine_access__lookups_show_what_is_shared),
        HOUSE_TEST(test_engine_access__expressions_name_what_is_shared),
        HOUSE_TEST(test_engine_access__what_was_compiled_ends_too),
        HOUSE_TEST(test_engine_access__log_and_generation_keep_it),
        HOUSE_TEST(test_engine_access__the_hash_tells_them_apart),
        HOUSE_TEST(test_engine_access__a_killed_process_keeps_its_keys),
        HOUSE_TEST(test_engine_access__readers_beside_the_writer),
        HOUSE_TEST(test_engine_access__tables_for_people),
        HOUSE_TEST(test_engine_access__secrets_are_nowhere),
        HOUSE_TEST(test_engine_access__who_did_what),
        HOUSE_TEST(test_engine_access__an_older_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
