/*
 * access_test.c - who may ask what, made from the table of routes: every route
 * is asked with every kind of key over a socket, and answers as its row says.
 * A partner's key asks for segments that are shared with it, for others and
 * for none, and cannot tell the last two apart.
 *
 * Kinds that may change something come last, so that what they take away is
 * missed by nobody.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <muster/server.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/engine_support.h"
#include "http/parts.h"

#define ANSWER_MS 20000

/* ---- a client ---- */

typedef struct answer {
    int status;
    char *text;    /* all of it */
    char *headers; /* behind the status line */
    char *body;
} answer;

static int connect_to(const char *url)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    unsigned port;
    if (sscanf(url, "http://127.0.0.1:%u", &port) != 1)
        fail_msg("no such URL: %s", url);
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void read_all(int fd, buffer *out)
{
    struct pollfd p = {fd, POLLIN, 0};
    char piece[4096];
    for (;;) {
        if (poll(&p, 1, ANSWER_MS) != 1)
            fail_msg("no answer");
        const ssize_t n = read(fd, piece, sizeof piece);
        if (n <= 0)
            return;
        buffer_put(out, piece, (size_t)n);
    }
}

/* One request on a connection of its own. Freed by free_answer. */
static answer ask(const char *url, const char *method, const char *path,
                  const char *secret, const char *body)
{
    answer a = {0};
    buffer b;
    buffer_init(&b, 1 << 24);
    buffer_printf(&b, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                      "X-Request-Id: same\r\n", method, path);
    if (secret)
        buffer_printf(&b, "Authorization: Bearer %s\r\n", secret);
    if (body)
        buffer_printf(&b, "Content-Type: application/json\r\n"
                          "Content-Length: %zu\r\n", strlen(body));
    buffer_printf(&b, "\r\n%s", body ? body : "");
    const int fd = connect_to(url);
    assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), b.len);
    buffer_clear(&b);
    read_all(fd, &b);
    close(fd);
    a.text = mem_strdup(buffer_cstr(&b));
    buffer_release(&b);
    a.body = strstr(a.text, "\r\n\r\n");
    if (sscanf(a.text, "HTTP/1.1 %d", &a.status) != 1 || !a.body)
        fail_msg("%s %s: no answer of HTTP: %s", method, path, a.text);
    a.headers = strstr(a.text, "\r\n");
    *a.body = '\0';
    a.body += 4;
    return a;
}

static void free_answer(answer *a)
{
    mem_free(a->text);
}

/* Numbers that may differ between two answers become dots: times. */
static void drop_times(char *text)
{
    static const char *const names[] = {"Date:", "Server-Timing:",
                                        "\"elapsed_us\":"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *at = strstr(text, names[i]);
        for (; at && *at != '\0' && !strchr("\r\n,}", *at); at++)
            *at = '.';
    }
}

/* ---- the house and its keys ---- */

typedef struct kind {
    const char *name;
    const char *role;
    uint32_t may;
    bool partner;
    int refused; /* 401: no key that holds */
    char secret[MUSTER_KEY_SECRET_BYTES];
} kind;

/* In the order of asking. */
static kind kinds[] = {
    {.name = "no key", .refused = 401},
    {.name = "typo", .refused = 401},
    {.name = "revoked", .role = "admin", .refused = 401},
    {.name = "stranger's", .role = "admin", .refused = 401},
    {.name = "lookup", .may = MAY_LOOKUP},
    {.name = "read", .may = MAY_READ},
    {.name = "export", .may = MAY_EXPORT},
    {.name = "partner", .role = "partner", .partner = true},
    {.name = "partner, export", .may = MAY_EXPORT, .partner = true},
    {.name = "analyst", .role = "analyst"},
    {.name = "ad server", .role = "ad-server"},
    {.name = "ingest", .may = MAY_INGEST},
    {.name = "write", .may = MAY_WRITE},
    {.name = "ad-ops", .role = "ad-ops"},
    {.name = "admin alone", .may = MAY_ADMIN},
    {.name = "admin", .role = "admin"},
};
#define KINDS (sizeof kinds / sizeof *kinds)

typedef struct served {
    house h;
    muster_server *server;
    const char *url;
} served;

static int note_id(void *payload, const muster_key *key)
{
    snprintf(payload, 20, "%s", key->id);
    return 0;
}

static void make_key(muster_engine *engine, kind *k, char id[20])
{
    muster_key_options o = MUSTER_KEY_OPTIONS_INIT;
    muster_error err;
    o.role = k->role;
    o.may = k->may;
    o.partner = k->partner ? "acme" : NULL;
    if (muster_key_create(engine, &o, k->secret, note_id, id, &err) != 0)
        fail_msg("%s: %s", k->name, err.message);
}

static void make_keys(house *h)
{
    muster_error err;
    house other = {0};
    char id[20];

    for (size_t i = 0; i < KINDS; i++) {
        kind *k = &kinds[i];
        if (strcmp(k->name, "typo") == 0)
            snprintf(k->secret, sizeof k->secret, "muster_live_%048d", 7);
        if (!k->role && k->may == 0)
            continue;
        if (strcmp(k->name, "stranger's") == 0) {
            house_open(&other, NOON, 1);
            make_key(other.engine, k, id);
            house_close(&other);
            continue;
        }
        make_key(h->engine, k, id);
        if (strcmp(k->name, "revoked") == 0)
            assert_int_equal(muster_key_revoke(h->engine, id, &err), 0);
    }
}

static const char *const people =
    "{\"ids\":{\"cookie\":\"4f2a\"},\"set\":{\"a\":true,\"geo.country\":"
    "\"DE\"},\"events\":[{\"name\":\"purchase\"}]}\n"
    "{\"ids\":{\"cookie\":\"u2\"},\"set\":{\"a\":true}}\n";

static int open_served(void **state)
{
    served *s = calloc(1, sizeof *s);
    muster_server_options o = MUSTER_SERVER_OPTIONS_INIT;
    muster_error err;

    house_open(&s->h, NOON, 2);
    feed(&s->h, people);
    save(&s->h, "buyers", "a"); /* what examples ask for */
    save(&s->h, "hidden", "a");
    assert_int_equal(
        muster_partner_set(s->h.engine, "acme", NULL, NULL, &err), 0);
    assert_int_equal(muster_audience_share(s->h.engine, "buyers", "acme",
                                           false, NULL, &err), 0);
    make_keys(&s->h);
    o.listen = "127.0.0.1:0";
    if (muster_server_start(&s->server, s->h.engine, &o, &err) != 0)
        fail_msg("%s", err.message);
    s->url = muster_server_url(s->server, false);
    *state = s;
    return 0;
}

static int close_served(void **state)
{
    served *s = *state;
    muster_server_stop(s->server);
    house_close(&s->h);
    free(s);
    return 0;
}

/* ---- every route with every key ---- */

/* What the table says of a kind: 0 when it may ask. */
static int refusal(const http_route *route, const kind *k)
{
    const uint32_t may =
        k->role ? muster_role_find(text_of(k->role)) : k->may;
    if (route->may == 0)
        return 0;
    if (k->refused)
        return k->refused;
    if ((may & route->may) == 0 || (k->partner && !route->partner))
        return 403;
    return 0;
}

static bool is_answer_of(const http_route *route, int status)
{
    char text[8];
    snprintf(text, sizeof text, "%d", status);
    return strstr(route->answers, text) != NULL;
}

static void check_refusal(const http_route *route, const kind *k,
                          const answer *a, int want)
{
    if (a->status != want)
        fail_msg("%s with key \"%s\": %d, not %d: %s", route->name, k->name,
                 a->status, want, a->body);
    if (!strstr(a->headers, "application/problem+json"))
        fail_msg("%s: no problem: %s", route->name, a->headers);
    if ((want == 401) != (strstr(a->headers, "WWW-Authenticate:") != NULL))
        fail_msg("%s: challenge: %s", route->name, a->headers);
    if (k->secret[0] && strstr(a->body, k->secret + 12))
        fail_msg("%s: the key is said back", route->name);
}

static void test_http_access__every_route_with_every_key(void **state)
{
    served *s = *state;
    unsigned cells = 0;
    unsigned refused = 0;

    for (size_t i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        for (const http_route *r = http_routes; r->name; r++) {
            const int want = refusal(r, k);
            answer a = ask(s->url, http_method_name(r->method), r->example,
                           k->secret[0] ? k->secret : NULL,
                           *r->sends ? r->sends : NULL);
            if (want != 0)
                check_refusal(r, k, &a, want);
            else if (!is_answer_of(r, a.status))
                fail_msg("%s with key \"%s\": %d, and it answers %s: %s",
                         r->name, k->name, a.status, r->answers, a.body);
            refused += want != 0;
            cells++;
            free_answer(&a);
        }
    }
    print_message("%u cells, %u refused\n", cells, refused);
    assert_true(refused > KINDS && refused < cells);
}

/* ---- own and foreign ---- */

/* `text` with every `from` as `to`, which is as long. Freed by mem_free. */
static char *with(const char *text, const char *from, const char *to)
{
    char *copy = mem_strdup(text);
    assert_int_equal(strlen(from), strlen(to));
    for (char *at = copy; (at = strstr(at, from)) != NULL; at += strlen(to))
        memcpy(at, to, strlen(to));
    return copy;
}

static answer ask_for(const served *s, const http_route *r, const char *key,
                      const char *secret)
{
    char *path = with(r->example, "buyers", key);
    char *body = with(r->sends, "buyers", key);
    answer a = ask(s->url, http_method_name(r->method), path, secret,
                   *body ? body : NULL);
    mem_free(path);
    mem_free(body);
    /* what was asked for is the caller's own word */
    for (char *at = a.body; (at = strstr(at, key)) != NULL;)
        memcpy(at, "......", 6);
    drop_times(a.headers);
    drop_times(a.body);
    return a;
}

static bool names_segment(const http_route *r)
{
    return strstr(r->example, "buyers") || strstr(r->sends, "buyers");
}

static const kind *kind_of(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    fail_msg("no kind %s", name);
    return NULL;
}

static void test_http_access__foreign_is_as_if_it_were_not(void **state)
{
    served *s = *state;
    const kind *partner = kind_of("partner");
    const kind *admin = kind_of("admin");
    unsigned routes = 0;

    for (const http_route *r = http_routes; r->name; r++) {
        if (!names_segment(r) || refusal(r, partner) != 0)
            continue;
        answer own = ask_for(s, r, "buyers", partner->secret);
        answer foreign = ask_for(s, r, "hidden", partner->secret);
        answer none = ask_for(s, r, "absent", partner->secret);
        answer at_home = ask_for(s, r, "hidden", admin->secret);
        if (own.status != 200)
            fail_msg("%s: own: %d %s", r->name, own.status, own.body);
        if (at_home.status != 200)
            fail_msg("%s: admin: %d %s", r->name, at_home.status,
                     at_home.body);
        if (foreign.status == 200)
            fail_msg("%s: foreign: %s", r->name, foreign.body);
        assert_int_equal(foreign.status, none.status);
        assert_string_equal(foreign.headers, none.headers);
        assert_string_equal(foreign.body, none.body);
        free_answer(&own);
        free_answer(&foreign);
        free_answer(&none);
        free_answer(&at_home);
        routes++;
    }
    print_message("%u routes name a segment to a partner\n", routes);
    assert_true(routes >= 1);
}

/* The same lists in each of their forms, of one user; "buyers" has the number
 * 1, "hidden" 2. */
static const struct {
    const char *method;
    const char *path;
    const char *body;
    const char *shared; /* what a partner finds in it */
    const char *all;
} lists[] = {
    {"GET", "/v1/lookup/cookie/4f2a", NULL, ":[\"buyers\"]",
     ":[\"buyers\",\"hidden\"]"},
    {"GET", "/v1/lookup/cookie/4f2a?format=kv&key=s", NULL, "s=1", "s=1,2"},
    {"POST", "/v1/lookup", "{\"ids\":[{\"space\":\"cookie\",\"id\":"
                           "\"4f2a\"}]}",
     ":[\"buyers\"]", ":[\"buyers\",\"hidden\"]"},
    {"POST", "/v1/openrtb/enrich", "{\"id\":\"1\",\"user\":{\"buyeruid\":"
                                   "\"4f2a\"}}",
     "[{\"id\":\"1\"}]", "[{\"id\":\"1\"},{\"id\":\"2\"}]"},
};

static void expect_list(const served *s, size_t i, const char *secret,
                        bool all)
{
    const char *want = all ? lists[i].all : lists[i].shared;
    answer a = ask(s->url, lists[i].method, lists[i].path, secret,
                   lists[i].body);
    if (a.status != 200 || !strstr(a.body, want) ||
        (!all && strstr(a.body, lists[i].all)))
        fail_msg("%s: %d %s", lists[i].path, a.status, a.body);
    free_answer(&a);
}

/* Wherever lists of segments come, a partner's have its own alone. */
static void test_http_access__lists_have_what_is_shared(void **state)
{
    served *s = *state;
    const kind *partner = kind_of("partner");

    for (const http_route *r = http_routes; r->name; r++) {
        if (refusal(r, partner) != 0 || r->may == 0)
            continue;
        answer a = ask(s->url, http_method_name(r->method), r->example,
                       partner->secret, *r->sends ? r->sends : NULL);
        if (strstr(a.body, "hidden"))
            fail_msg("%s: %s", r->name, a.body);
        free_answer(&a);
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        expect_list(s, i, partner->secret, false);
        expect_list(s, i, kind_of("admin")->secret, true);
    }
}

/* ---- keys and partners over HTTP ---- */

/* The text of a member of the body's object. */
static void member(const answer *a, const char *name, char *out, size_t room)
{
    json_doc *doc;
    muster_error err;
    if (json_parse(&doc, a->body, strlen(a->body), JSON_STRICT, &err) != 0)
        fail_msg("%s: %s", err.message, a->body);
    const json_value *v = json_get(json_root(doc), name);
    if (!v || json_typeof(v) != JSON_STRING)
        fail_msg("no %s in %s", name, a->body);
    const muster_text text = json_string(v);
    snprintf(out, room, "%.*s", (int)text.len, text.ptr);
    json_free(doc);
}

/* The status of one request; the answer has `shows` in it (may be NULL). */
static void expect(const served *s, int status, const char *method,
                   const char *path, const char *body, const char *shows)
{
    answer a = ask(s->url, method, path, kind_of("admin")->secret, body);
    if (a.status != status || (shows && !strstr(a.body, shows)))
        fail_msg("%s %s: %d %s", method, path, a.status, a.body);
    free_answer(&a);
}

static int status_with(const served *s, const char *secret)
{
    answer a = ask(s->url, "GET", "/v1/lookup/cookie/4f2a", secret, NULL);
    const int status = a.status;
    free_answer(&a);
    return status;
}

static void test_http_access__a_key_lives_and_ends(void **state)
{
    served *s = *state;
    char secret[MUSTER_KEY_SECRET_BYTES];
    char path[64] = "/v1/keys/";

    answer a = ask(s->url, "POST", "/v1/keys", kind_of("admin")->secret,
                   "{\"name\":\"Frontend\",\"role\":\"ad-server\"}");
    assert_int_equal(a.status, 201);
    assert_non_null(strstr(a.headers, "Cache-Control: no-store"));
    assert_non_null(strstr(a.body, "\"permissions\":[\"lookup\"]"));
    member(&a, "secret", secret, sizeof secret);
    member(&a, "id", path + strlen(path), sizeof path - strlen(path));
    free_answer(&a);
    assert_int_equal(status_with(s, secret), 200);
    expect(s, 200, "GET", "/v1/keys", NULL, path + 9);
    answer list = ask(s->url, "GET", "/v1/keys?limit=1000",
                      kind_of("admin")->secret, NULL);
    assert_null(strstr(list.body, secret + 12));
    assert_null(strstr(list.body, "secret"));
    free_answer(&list);
    expect(s, 204, "DELETE", path, NULL, NULL);
    assert_int_equal(status_with(s, secret), 401); /* the very next */
    expect(s, 204, "DELETE", path, NULL, NULL);
    expect(s, 404, "DELETE", "/v1/keys/k_0", NULL, "unknown_key");
    expect(s, 422, "POST", "/v1/keys", "{\"role\":\"boss\"}", "bad_role");
    expect(s, 422, "POST", "/v1/keys", "{\"permissions\":[\"fly\"]}",
           "/permissions");
    expect(s, 422, "POST", "/v1/keys", "{\"roles\":\"admin\"}",
           "\\\"role\\\" was meant");
    expect(s, 404, "POST", "/v1/keys", "{\"partner\":\"acne\",\"role\":"
                                       "\"partner\"}", "unknown_partner");
}

static void test_http_access__keys_come_in_pages(void **state)
{
    served *s = *state;
    char path[256] = "/v1/keys?limit=3";
    unsigned pages = 0;
    unsigned keys = 0;
    bool more = true;

    for (; more && pages < 100; pages++) {
        char cursor[128];
        answer a = ask(s->url, "GET", path, kind_of("admin")->secret, NULL);
        assert_int_equal(a.status, 200);
        for (const char *at = a.body; (at = strstr(at, "\"id\":\"k_")); at++)
            keys++;
        more = strstr(a.body, "\"has_more\":true") != NULL;
        if (more) {
            member(&a, "next_cursor", cursor, sizeof cursor);
            snprintf(path, sizeof path, "/v1/keys?limit=3&cursor=%s", cursor);
        }
        free_answer(&a);
    }
    assert_int_equal(keys, KINDS - 3); /* but for three that are no keys */
    assert_int_equal(pages, (keys + 2) / 3);
}

static void test_http_access__partners_and_shares(void **state)
{
    served *s = *state;
    const char *const partner = kind_of("partner")->secret;

    expect(s, 201, "PUT", "/v1/partners/zeta", "{\"name\":\"Zeta\"}",
           "\"name\":\"Zeta\"");
    expect(s, 200, "PUT", "/v1/partners/zeta", NULL, "\"name\":\"Zeta\"");
    expect(s, 200, "PUT", "/v1/partners/zeta", "{\"name\":\"Z\"}",
           "\"name\":\"Z\"");
    expect(s, 422, "PUT", "/v1/partners/Z%20Z", NULL, "bad_name");
    expect(s, 200, "GET", "/v1/partners", NULL, "\"key\":\"acme\"");
    expect(s, 200, "GET", "/v1/partners/acme", NULL,
           "\"shared\":[\"buyers\"]");
    expect(s, 404, "GET", "/v1/partners/acne", NULL, "unknown_partner");
    expect(s, 204, "PUT", "/v1/segments/hidden/shares/acme", NULL, NULL);
    expect(s, 200, "GET", "/v1/partners/acme", NULL,
           "\"shared\":[\"buyers\",\"hidden\"]");
    answer a = ask(s->url, "GET", "/v1/lookup/cookie/4f2a", partner, NULL);
    assert_non_null(strstr(a.body, "hidden"));
    free_answer(&a);
    expect(s, 204, "DELETE", "/v1/segments/hidden/shares/acme", NULL, NULL);
    a = ask(s->url, "GET", "/v1/lookup/cookie/4f2a", partner, NULL);
    assert_null(strstr(a.body, "hidden"));
    free_answer(&a);
    expect(s, 404, "PUT", "/v1/segments/absent/shares/acme", NULL,
           "unknown_segment");
    expect(s, 404, "PUT", "/v1/segments/hidden/shares/acne", NULL,
           "unknown_partner");
    expect(s, 204, "DELETE", "/v1/partners/acme", NULL, NULL);
    assert_int_equal(status_with(s, partner), 401);
}

/* ---- a body that takes long ---- */

#define PIECES 1024u
static const char line[] = "{\"ids\":{\"cookie\":\"s\"}}\n";

/* Sends pieces of the body until something is answered. */
static void send_until_answered(int fd, const buffer *piece)
{
    struct pollfd p = {fd, POLLIN, 0};
    for (unsigned i = 1; i < PIECES; i++)
        if (poll(&p, 1, 0) != 0 ||
            send(fd, piece->data, piece->len, MSG_NOSIGNAL) < 0)
            return;
}

/* A key that is revoked while its body is read ends the body. */
static void test_http_access__a_body_ends_with_its_key(void **state)
{
    served *s = *state;
    kind k = {.name = "stream", .may = MAY_INGEST};
    char id[20];
    muster_error err;
    buffer piece;
    buffer b;

    make_key(s->h.engine, &k, id);
    buffer_init(&piece, 1 << 20);
    while (piece.len < 1 << 16)
        buffer_put(&piece, line, sizeof line - 1);
    buffer_init(&b, 1 << 20);
    buffer_printf(&b, "POST /v1/ingest HTTP/1.1\r\nHost: test\r\n"
                      "Authorization: Bearer %s\r\n"
                      "Content-Type: application/x-ndjson\r\n"
                      "Content-Length: %zu\r\n\r\n",
                  k.secret, PIECES * piece.len);
    buffer_put(&b, piece.data, piece.len);
    const int fd = connect_to(s->url);
    assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), b.len);
    assert_int_equal(muster_key_revoke(s->h.engine, id, &err), 0);
    send_until_answered(fd, &piece);
    shutdown(fd, SHUT_WR);
    buffer_clear(&b);
    read_all(fd, &b);
    close(fd);
    if (strncmp(buffer_cstr(&b), "HTTP/1.1 401 ", 13) != 0)
        fail_msg("%s", buffer_cstr(&b));
    buffer_release(&b);
    buffer_release(&piece);
}

#define SERVED_TEST(name) \
    cmocka_unit_test_setup_teardown(name, open_served, close_served)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED_TEST(test_http_access__every_route_with_every_key),
        SERVED_TEST(test_http_access__foreign_is_as_if_it_were_not),
        SERVED_TEST(test_http_access__lists_have_what_is_shared),
        SERVED_TEST(test_http_access__a_key_lives_and_ends),
        SERVED_TEST(test_http_access__a_body_ends_with_its_key),
        SERVED_TEST(test_http_access__keys_come_in_pages),
        SERVED_TEST(test_http_access__partners_and_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
