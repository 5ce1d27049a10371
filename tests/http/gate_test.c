/*
 * gate_test.c - who may connect: the table of addresses beside a slow twin,
 * and how addresses are counted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "http/gate.h"
#include "support/dice.h"

enum { CONNECTIONS = 300, BY_ADDRESS = 5, ADDRESSES = 200, STEPS = 20000 };

static struct in6_addr address_of(const char *text)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return gate_address((struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return gate_address((struct sockaddr *)&v6);
}

static bool is_same(const char *a, const char *b)
{
    const struct in6_addr x = address_of(a), y = address_of(b);
    return memcmp(&x, &y, sizeof x) == 0;
}

static void test_http_gate__an_address_of_ipv6_is_counted_by_its_64(
    void **state)
{
    (void)state;
    assert_true(is_same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
    assert_false(is_same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert_true(is_same("127.0.0.1", "::ffff:127.0.0.1"));
    assert_false(is_same("::ffff:127.0.0.1", "::ffff:127.0.0.2"));
    assert_false(is_same("127.0.0.1", "127.0.0.2"));
}

typedef struct twin {
    uint32_t counts[ADDRESSES];
    uint32_t all;
} twin;

static void enter(http_gate *gate, twin *t, uint32_t i,
                  const struct in6_addr *address)
{
    const gate_verdict verdict = gate_enter(gate, address);
    if (t->counts[i] == BY_ADDRESS)
        assert_int_equal(verdict, GATE_ADDRESS_FULL);
    else if (t->all == CONNECTIONS)
        assert_int_equal(verdict, GATE_FULL);
    else
        assert_int_equal(verdict, GATE_OPEN);
    t->counts[i] += verdict == GATE_OPEN;
    t->all += verdict == GATE_OPEN;
}

/* The twin: a count for each address, and one for all. None waits, so none
 * gives way. By turns it fills and empties. */
static void compare_with_twin(uint64_t seed)
{
    twin t = {.all = 0};
    random_state r;
    random_seed(&r, seed);
    http_gate *gate = gate_new(CONNECTIONS, BY_ADDRESS);
    for (int step = 0; step < STEPS; step++) {
        const uint32_t i = dice(&r, ADDRESSES);
        struct in6_addr address;
        memset(&address, 0, sizeof address);
        address.s6_addr[15] = (uint8_t)i;
        if (chance(&r, step / 2000 % 2 == 0 ? 60 : 40)) {
            enter(gate, &t, i, &address);
        } else if (t.counts[i] > 0) {
            gate_leave(gate, &address);
            t.counts[i]--;
            t.all--;
        }
        assert_int_equal(gate_count(gate), t.all);
        assert_int_equal(gate_pending(gate), t.all);
    }
    gate_free(gate);
}

static void test_http_gate__counts_are_those_of_the_twin(void **state)
{
    (void)state;
    test_each_seed(compare_with_twin, test_size(10, 200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_http_gate__an_address_of_ipv6_is_counted_by_its_64),
        cmocka_unit_test(test_http_gate__counts_are_those_of_the_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
