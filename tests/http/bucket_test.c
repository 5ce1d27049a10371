/*
 * bucket_test.c - who asks, without sockets: the forms of the header, what is
 * refused how, and token buckets that are exact.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/engine_support.h"
#include "http/access.h"
#include "http/answer.h"

#define SECOND ((uint64_t)1000000000)

static const http_route lookup_route = {
    .name = "t", .path = "/t", .may = MAY_LOOKUP, .partner = true};
static const http_route ingest_route = {
    .name = "t", .path = "/t", .may = MAY_INGEST};
static const http_route read_route = {
    .name = "t", .path = "/t", .may = MAY_READ | MAY_ADMIN};
static const http_route open_route = {.name = "t", .path = "/t"};

/* An answer of one request. */
typedef struct asked {
    bool passed;
    int status;
    const http_caller *caller;
    char headers[512]; /* "Name: value; " each */
    char body[1024];
} asked;

static void take_headers(asked *out, const http_answer *a)
{
    const char *at = (const char *)a->headers.data;
    const char *end = at + a->headers.len;
    size_t len = 0;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        len += (size_t)snprintf(out->headers + len, sizeof out->headers - len,
                                "%s: %s; ", at, value);
        at = value + strlen(value) + 1;
    }
}

/* All ask by one connection, which remembers the key that it showed last. */
static asked ask_at(http_access *access, const http_route *route,
                    const char *header, uint64_t now)
{
    static _Thread_local access_memo memo;
    http_answer a;
    asked out = {.status = 0};
    const http_request r = {.route = route};
    answer_init(&a);
    answer_clear(&a, &r);
    out.passed = access_caller(access, route, text_of(header), now,
                               &memo, &out.caller, &a);
    out.status = a.status;
    take_headers(&out, &a);
    snprintf(out.body, sizeof out.body, "%.*s", (int)a.body.len,
             (const char *)a.body.data);
    answer_release(&a);
    return out;
}

static asked ask(http_access *access, const http_route *route,
                 const char *header)
{
    return ask_at(access, route, header, SECOND);
}

static http_access *make_access(house *h, uint32_t rate, uint32_t burst)
{
    const http_access_options o = {.rate = rate, .burst = burst};
    http_access *access;
    muster_error err;
    if (access_new(&access, h->engine, &o, &err) != 0)
        fail_msg("%s", err.message);
    return access;
}

typedef struct key_text {
    char id[20];
    char secret[MUSTER_KEY_SECRET_BYTES];
    char bearer[MUSTER_KEY_SECRET_BYTES + 8];
} key_text;

static int note_id(void *payload, const muster_key *key)
{
    snprintf(payload, 20, "%s", key->id);
    return 0;
}

static key_text make_key(house *h, const char *role, uint32_t may,
                         const char *partner, const char *provider)
{
    muster_key_options o = MUSTER_KEY_OPTIONS_INIT;
    key_text key;
    muster_error err;
    o.role = role;
    o.may = may;
    o.partner = partner;
    o.provider = provider;
    if (muster_key_create(h->engine, &o, key.secret, note_id, key.id, &err))
        fail_msg("%s", err.message);
    snprintf(key.bearer, sizeof key.bearer, "Bearer %s", key.secret);
    return key;
}

/* ---- the header ---- */

static void test_http_bucket__who_asks_is_told(void **state)
{
    house *h = *state;
    http_access *access = make_access(h, 0, 0);
    muster_error err;
    assert_int_equal(
        muster_partner_set(h->engine, "acme", NULL, NULL, &err), 0);
    const key_text a = make_key(h, "partner", 0, "acme", NULL);
    const key_text w = make_key(h, NULL, MAY_INGEST, NULL, "shop");

    const asked q = ask(access, &lookup_route, a.bearer);
    assert_true(q.passed);
    assert_string_equal(q.caller->key, a.id);
    assert_string_equal(q.caller->partner, "acme");
    assert_null(q.caller->provider);
    assert_int_equal(q.caller->may, MAY_LOOKUP | MAY_READ);
    assert_non_null(q.caller->viewer);
    assert_ptr_equal(ask(access, &lookup_route, a.bearer).caller, q.caller);
    const asked p = ask(access, &ingest_route, w.bearer);
    assert_string_equal(p.caller->provider, "shop");
    assert_null(p.caller->partner);
    const asked nobody = ask(access, &open_route, "Bearer nonsense");
    assert_true(nobody.passed);
    assert_int_equal(nobody.caller->may, 0);
    assert_null(nobody.caller->viewer);
    assert_string_equal(nobody.caller->key, "");
    access_free(access);
}

static void to_base64(const char *text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t len = strlen(text);
    for (size_t i = 0; i < len; i += 3) {
        const uint32_t bits =
            (uint32_t)(uint8_t)text[i] << 16 |
            (i + 1 < len ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0) |
            (i + 2 < len ? (uint32_t)(uint8_t)text[i + 2] : 0);
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = i + 1 < len ? digits[bits >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[bits & 63] : '=';
    }
    *out = '\0';
}

static const char *basic(const char *pair)
{
    static char header[300];
    memcpy(header, "Basic ", 6);
    to_base64(pair, header + 6);
    return header;
}

static void expect(const asked *q, int status, const char *code)
{
    char member[64];
    snprintf(member, sizeof member, "\"code\":\"%s\"", code);
    assert_false(q->passed);
    assert_int_equal(q->status, status);
    if (strstr(q->body, member) == NULL)
        fail_msg("not %s: %s", code, q->body);
    if ((status == 401) != (strstr(q->headers, "WWW-Authenticate") != NULL))
        fail_msg("challenge: %d %s", status, q->headers);
}

static void test_http_bucket__forms_of_the_header(void **state)
{
    house *h = *state;
    http_access *access = make_access(h, 0, 0);
    const key_text k = make_key(h, NULL, MAY_INGEST | MAY_LOOKUP, NULL, NULL);
    char text[300];
    asked q;

    snprintf(text, sizeof text, "bEARER   %s ", k.secret);
    assert_true(ask(access, &lookup_route, text).passed);
    snprintf(text, sizeof text, "%s:", k.secret);
    assert_true(ask(access, &ingest_route, basic(text)).passed);
    q = ask(access, &lookup_route, basic(text)); /* brings no facts */
    expect(&q, 401, "malformed_key");
    assert_null(strstr(q.headers, "Basic"));
    snprintf(text, sizeof text, "%s:password", k.secret);
    q = ask(access, &ingest_route, basic(text));
    expect(&q, 401, "malformed_key");
    assert_non_null(strstr(q.headers, "Basic"));
    q = ask(access, &ingest_route, basic(k.secret));
    expect(&q, 401, "malformed_key");
    snprintf(text, sizeof text, "%sx", k.secret);
    q = ask(access, &ingest_route, basic(text)); /* no colon */
    expect(&q, 401, "malformed_key");
    q = ask(access, &ingest_route, NULL);
    expect(&q, 401, "key_required");
    static const char *const odd[] = {
        "", " ", "Bearer", "Bearer ", "Bearer muster_live_", "Basic",
        "Basic ====", "Basic A", "Basic !!!!", "Digest x",
        "Basic "
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        q = ask(access, &ingest_route, odd[i]);
        expect(&q, 401, "malformed_key");
    }
    snprintf(text, sizeof text, "Bearer%s", k.secret);
    q = ask(access, &lookup_route, text);
    expect(&q, 401, "malformed_key");
    access_free(access);
}

static bool holds(http_access *access, const http_caller *caller)
{
    const http_request r = {.route = &lookup_route};
    http_answer a;
    answer_init(&a);
    answer_clear(&a, &r);
    const bool held = access_holds(access, &lookup_route, caller, &a);
    assert_int_equal(a.status, held ? 200 : 401);
    answer_release(&a);
    return held;
}

/* A key of another directory and one that was revoked are told alike. */
static void test_http_bucket__what_is_refused(void **state)
{
    house *h = *state;
    http_access *access = make_access(h, 0, 0);
    muster_error err;
    house other = {0};
    assert_int_equal(
        muster_partner_set(h->engine, "acme", NULL, NULL, &err), 0);
    const key_text held = make_key(h, "ad-server", 0, NULL, NULL);
    const key_text gone = make_key(h, "ad-server", 0, NULL, NULL);
    const key_text late = make_key(h, "ad-server", 0, NULL, NULL);
    const key_text partner = make_key(h, "partner", 0, "acme", NULL);
    house_open(&other, NOON, 1);
    const key_text stranger = make_key(&other, "admin", 0, NULL, NULL);
    house_close(&other);

    const asked first = ask(access, &lookup_route, late.bearer);
    assert_true(ask(access, &lookup_route, gone.bearer).passed);
    assert_int_equal(muster_key_revoke(h->engine, gone.id, &err), 0);
    const asked q = ask(access, &lookup_route, gone.bearer);
    expect(&q, 401, "invalid_key");
    const asked s = ask(access, &lookup_route, stranger.bearer);
    expect(&s, 401, "invalid_key");
    assert_string_equal(q.body, s.body);
    assert_true(holds(access, first.caller));
    assert_int_equal(muster_key_revoke(h->engine, late.id, &err), 0);
    assert_false(holds(access, first.caller)); /* in the middle of a body */
    assert_true(holds(access, ask(access, &open_route, NULL).caller));
    const asked f = ask(access, &read_route, held.bearer);
    expect(&f, 403, "forbidden");
    assert_non_null(strstr(f.body, "read or admin"));
    assert_true(ask(access, &lookup_route, partner.bearer).passed);
    const asked p = ask(access, &read_route, partner.bearer);
    expect(&p, 403, "forbidden");
    access_free(access);
}

static void test_http_bucket__without_authentication(void **state)
{
    house *h = *state;
    const http_access_options o = {.open = true};
    http_access *access;
    muster_error err;
    const key_text k = make_key(h, "ad-server", 0, NULL, NULL);

    assert_int_equal(access_new(&access, h->engine, &o, &err), 0);
    const asked any = ask(access, &read_route, NULL);
    assert_true(any.passed);
    assert_int_equal(any.caller->may, MUSTER_MAY_ALL);
    const asked q = ask(access, &read_route, k.bearer); /* as what it is */
    expect(&q, 403, "forbidden");
    const asked typo = ask(access, &read_route, "Bearer muster_live_x");
    expect(&typo, 401, "malformed_key");
    access_free(access);
}

/* ---- the bucket ---- */

static void test_http_bucket__a_burst_then_the_rate(void **state)
{
    house *h = *state;
    http_access *access = make_access(h, 10, 5);
    const key_text k = make_key(h, "ad-server", 0, NULL, NULL);
    const key_text other = make_key(h, "ad-server", 0, NULL, NULL);
    const uint64_t t = 77 * SECOND;

    for (int i = 0; i < 5; i++)
        assert_true(ask_at(access, &lookup_route, k.bearer, t).passed);
    const asked q = ask_at(access, &lookup_route, k.bearer, t);
    expect(&q, 429, "too_many_requests");
    assert_non_null(strstr(q.headers, "Retry-After: 1;"));
    assert_true(ask_at(access, &lookup_route, other.bearer, t).passed);
    assert_false(
        ask_at(access, &lookup_route, k.bearer, t + SECOND / 10 - 1).passed);
    assert_true(
        ask_at(access, &lookup_route, k.bearer, t + SECOND / 10).passed);
    assert_false(
        ask_at(access, &lookup_route, k.bearer, t + SECOND / 10).passed);
    for (int i = 0; i < 5; i++) /* full again, and no fuller */
        assert_true(
            ask_at(access, &lookup_route, k.bearer, t + 60 * SECOND).passed);
    assert_false(
        ask_at(access, &lookup_route, k.bearer, t + 60 * SECOND).passed);
    access_free(access);
}

/* Who asks all the time passes at the rate, to a hundredth. */
static void test_http_bucket__the_rate_is_exact(void **state)
{
    static const uint32_t rates[] = {1, 7, 1000, 30000, 999983};
    house *h = *state;
    const key_text k = make_key(h, "ad-server", 0, NULL, NULL);

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        const uint32_t rate = rates[i];
        const uint64_t requests = 20000;
        const uint64_t gap = SECOND / rate / 3 + 1; /* thrice too often */
        http_access *access = make_access(h, rate, 1);
        uint64_t passed = 0;
        for (uint64_t n = 0; n < requests; n++)
            passed += ask_at(access, &lookup_route, k.bearer,
                             SECOND + n * gap).passed;
        const double want =
            (double)(requests * gap) / (double)SECOND * (double)rate;
        if ((double)passed < 0.99 * want - 1 ||
            (double)passed > 1.01 * want + 1)
            fail_msg("rate %u: %llu passed, not %.0f", rate,
                     (unsigned long long)passed, want);
        access_free(access);
    }
}

static void test_http_bucket__a_rate_that_is_none(void **state)
{
    house *h = *state;
    const http_access_options o = {.rate = ACCESS_RATE_MAX + 1};
    http_access *access;
    muster_error err;
    assert_int_equal(access_new(&access, h->engine, &o, &err), MUSTER_EINVAL);
    assert_string_equal(err.word, "bad_rate");
    assert_null(access);
    access_free(NULL);
}

/* ---- many threads ---- */

#define THREADS 4
#define ROUNDS 2000

typedef struct asker {
    http_access *access;
    const char *bearer;
    const http_caller *caller; /* all got */
    uint64_t passed;
} asker;

static void *ask_often(void *payload)
{
    asker *s = payload;
    for (int i = 0; i < ROUNDS; i++) {
        const asked q = ask_at(s->access, &lookup_route, s->bearer, SECOND);
        s->passed += q.passed;
        if (s->caller != NULL && s->caller != q.caller)
            s->passed = UINT64_MAX / 2;
        s->caller = q.caller;
    }
    return NULL;
}

static void test_http_bucket__threads_share_one_bucket(void **state)
{
    house *h = *state;
    const uint32_t burst = THREADS * ROUNDS / 2;
    http_access *access = make_access(h, burst, burst);
    const key_text k = make_key(h, "ad-server", 0, NULL, NULL);
    asker askers[THREADS];
    pthread_t threads[THREADS];
    uint64_t passed = 0;

    for (int i = 0; i < THREADS; i++) {
        askers[i] = (asker){access, k.bearer, NULL, 0};
        threads[i] = thread_start(ask_often, &askers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
        passed += askers[i].passed;
        assert_ptr_equal(askers[i].caller, askers[0].caller);
    }
    assert_int_equal(passed, burst);
    access_free(access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_http_bucket__who_asks_is_told),
        HOUSE_TEST(test_http_bucket__forms_of_the_header),
        HOUSE_TEST(test_http_bucket__what_is_refused),
        HOUSE_TEST(test_http_bucket__without_authentication),
        HOUSE_TEST(test_http_bucket__a_burst_then_the_rate),
        HOUSE_TEST(test_http_bucket__the_rate_is_exact),
        HOUSE_TEST(test_http_bucket__a_rate_that_is_none),
        HOUSE_TEST(test_http_bucket__threads_share_one_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
