/*
 * wipe_test.c - .overwrite files: what a provider said of a user goes, and
 * nothing else. The twin says the same in plain records, which clear every
 * attribute by name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/engine_support.h"
#include "engine/twin.h"
#include "support/dice.h"
#include "support/tick.h"

#define PEOPLE 60u
#define SYNC "ftp_dpm_7_1795100000.sync"
#define OVERWRITE "ftp_dpm_7_1795200000.overwrite"

/* Feeds a file under its name; every line must be accepted. */
static muster_receipt feed_file(muster_engine *engine, const char *name,
                                const char *text, const char *load_id)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    reject_log log = {0};
    muster_receipt receipt;
    muster_feed *feed;
    muster_error err;

    options.input_name = name;
    options.id_space = "cookie";
    options.load_id = load_id;
    options.reject = note_reject;
    options.payload = &log;
    if (muster_feed_open(&feed, engine, &options, &err) != 0 ||
        muster_feed_push(feed, text, strlen(text), &err) != 0 ||
        muster_feed_finish(feed, &err) != 0)
        fail_msg("%s: %s", name, err.message);
    muster_feed_receipt(feed, &receipt);
    muster_feed_free(feed);
    if (receipt.rejected != 0)
        fail_msg("rejected line %llu %s: %s", (unsigned long long)log.line,
                 log.pointer, log.message);
    return receipt;
}

static uint64_t traits(house *h, const char *value)
{
    char text[64];
    snprintf(text, sizeof text, "trait = \"%s\"", value);
    return count(h, text);
}

/* ---- the use case of the documentation ---- */

static void test_engine_wipe__sync_adds_and_overwrite_replaces(void **state)
{
    static const struct {
        const char *second;
        uint64_t kept; /* of traits 1 and 2 */
    } cases[] = {{SYNC, 1}, {OVERWRITE, 0}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        house h = {0};
        house_open(&h, NOON, 2);
        feed_file(h.engine, SYNC, "visitor123\td_sid=1,d_sid=2,d_sid=3\n",
                  NULL);
        feed_file(h.engine, cases[i].second,
                  "visitor123\td_sid=3,d_sid=4,d_sid=5\n", NULL);
        assert_int_equal(traits(&h, "1"), cases[i].kept);
        assert_int_equal(traits(&h, "2"), cases[i].kept);
        assert_int_equal(traits(&h, "3"), 1);
        assert_int_equal(traits(&h, "4"), 1);
        assert_int_equal(traits(&h, "5"), 1);
        house_close(&h);
    }
}

static void test_engine_wipe__others_and_unlisted_users_stay(void **state)
{
    house *h = *state;
    feed_file(h->engine, SYNC, "a\td_sid=1,gender=f\nb\td_sid=1\n", NULL);
    feed_file(h->engine, "ftp_dpm_7_9_1795100000.sync", "a\td_sid=1,x=1\n",
              NULL);
    feed(h, "{\"ids\":{\"cookie\":\"a\"},\"provider\":\"dpid_7\","
            "\"events\":[{\"name\":\"seen\"}]}\n"
            "{\"ids\":{\"cookie\":\"a\"},\"events\":[{\"name\":\"seen\"}]}\n");
    feed_file(h->engine, OVERWRITE, "a\td_sid=2\n", NULL);
    assert_int_equal(count(h, "trait = \"1\" from dpid_7"), 1); /* b */
    assert_int_equal(count(h, "trait = \"1\" from dpid_9"), 1); /* a */
    assert_int_equal(count(h, "signal.gender is known"), 0);
    assert_int_equal(count(h, "signal.x = \"1\""), 1);
    assert_int_equal(count(h, "seen exactly 1 times"), 1); /* of default */
}

/* Lines of one user add up, in whatever batch they come. */
static void test_engine_wipe__lines_of_a_user_add_up(void **state)
{
    house *h = *state;
    buffer text;
    buffer_init(&text, (size_t)64 << 20);
    feed_file(h->engine, SYNC, "a\td_sid=1\n", NULL);
    buffer_put_str(&text, "a\td_sid=2\n");
    while (text.len < (size_t)3 << 20) /* pieces of 1 MiB */
        buffer_printf(&text, "filler%zu\td_sid=9\n", text.len);
    buffer_put_str(&text, "a\td_sid=3\n");
    feed_file(h->engine, OVERWRITE, buffer_cstr(&text), NULL);
    buffer_release(&text);
    assert_int_equal(traits(h, "1"), 0);
    assert_int_equal(traits(h, "2"), 1);
    assert_int_equal(traits(h, "3"), 1);
}

/* ---- beside the twin ---- */

/* One item of a line, and what it says. */
typedef struct item {
    bool removes;
    char text[32];
    char said[64]; /* as the member of `add` or `remove` */
} item;

static item draw_item(random_state *r)
{
    static const char *const keys[] = {"gender", "city", "model"};
    const uint32_t n = dice(r, 5);
    const uint32_t kind = dice(r, 4);
    item made = {.removes = kind == 1};
    if (kind < 2) {
        snprintf(made.text, sizeof made.text, kind == 0 ? "d_sid=%u" : "%u:0",
                 n);
        snprintf(made.said, sizeof made.said, "{\"trait\":[\"%u\"]}", n);
    } else {
        const char *key = PICK(r, keys);
        snprintf(made.text, sizeof made.text, "%s=v%u", key, n);
        snprintf(made.said, sizeof made.said, "{\"signal.%s\":[\"v%u\"]}",
                 key, n);
    }
    return made;
}

/* One file of dpid_<owner>, and records that say the same: each what one item
 * says, the first of an .overwrite file's user that nothing holds any more. */
typedef struct story {
    buffer file;
    buffer records;
    uint32_t owner;
    bool overwrite;
    bool listed[PEOPLE];
} story;

static void put_record(story *s, uint32_t user, const char *member,
                       const char *said)
{
    buffer_printf(&s->records,
                  "{\"ids\":{\"cookie\":\"u%u\"},\"ts\":1795200000,"
                  "\"provider\":\"dpid_%u\",\"%s\":%s}\n",
                  user, s->owner, member, said);
}

#define ITEMS_MAX 4u

static void put_line(story *s, random_state *r)
{
    const uint32_t user = dice(r, PEOPLE);
    const uint32_t count = 1 + dice(r, ITEMS_MAX);
    item items[ITEMS_MAX];

    if (s->overwrite && !s->listed[user])
        put_record(s, user, "clear",
                   "[\"trait\",\"signal.gender\",\"signal.city\","
                   "\"signal.model\",\"old\",\"n\",\"seen\"]");
    s->listed[user] = true;
    for (uint32_t i = 0; i < count; i++) {
        items[i] = draw_item(r);
        if (i == 0)
            buffer_printf(&s->file, "u%u\t%s", user, items[i].text);
        else
            buffer_printf(&s->file, ", %s", items[i].text);
    }
    buffer_put_str(&s->file, "\n");
    for (uint32_t i = 0; i < count && !s->overwrite; i++)
        if (items[i].removes)
            put_record(s, user, "remove", items[i].said);
    for (uint32_t i = 0; i < count; i++)
        if (!items[i].removes)
            put_record(s, user, "add", items[i].said);
}

/* What both know from records: kinds that files do not say. */
static void feed_both(house *h, house *twin, random_state *r)
{
    buffer text;
    buffer_init(&text, 1 << 20);
    for (uint32_t i = 0; i < 20; i++)
        buffer_printf(&text,
                      "{\"ids\":{\"cookie\":\"u%u\"},\"provider\":\"dpid_%u\","
                      "\"set\":{\"old\":\"v%u\",\"n\":%u},\"events\":["
                      "{\"name\":\"seen\",\"value\":\"w\"}]}\n",
                      dice(r, PEOPLE), 7 + dice(r, 2), dice(r, 3), dice(r, 9));
    feed(h, buffer_cstr(&text));
    feed(twin, buffer_cstr(&text));
    buffer_release(&text);
}

static void feed_story(house *h, house *twin, random_state *r)
{
    char name[64];
    story s = {.owner = 7 + dice(r, 2), .overwrite = chance(r, 60)};
    buffer_init(&s.file, 1 << 20);
    buffer_init(&s.records, 1 << 20);
    for (uint32_t i = 0; i < 40; i++)
        put_line(&s, r);
    snprintf(name, sizeof name, "ftp_dpm_7_%u_1795200000.%s", s.owner,
             s.overwrite ? "overwrite" : "sync");
    feed_file(h->engine, name, buffer_cstr(&s.file), NULL);
    feed(twin, buffer_cstr(&s.records));
    buffer_release(&s.file);
    buffer_release(&s.records);
}

static void tell_one_story(uint64_t seed)
{
    static const char catalog[] =
        "{\"attributes\":{"
        "\"trait\":{\"kind\":\"many_of\"},\"old\":{\"kind\":\"one_of\"},"
        "\"n\":{\"kind\":\"number\"},\"seen\":{\"kind\":\"event\"},"
        "\"signal.gender\":{\"kind\":\"many_of\"},"
        "\"signal.city\":{\"kind\":\"many_of\"},"
        "\"signal.model\":{\"kind\":\"many_of\"}}}";
    house h = {0};
    house twin = {0};
    random_state r;

    random_seed(&r, seed);
    house_open(&h, NOON, 2);
    twin_open(&twin, &h);
    house_catalog(&h, catalog, strlen(catalog));
    house_catalog(&twin, catalog, strlen(catalog));
    for (uint32_t round = 0; round < 8; round++) {
        feed_both(&h, &twin, &r);
        feed_story(&h, &twin, &r);
        if (chance(&r, 20))
            house_checkpoint(&h);
        if (chance(&r, 20))
            house_reopen(&h, MUSTER_OPEN_WRITE);
        if (!twin_same(twin_hash(h.engine), twin_hash(twin.engine)))
            fail_msg("seed %llu: round %u: the twin knows otherwise",
                     (unsigned long long)seed, round);
    }
    house_close(&h);
    house_close(&twin);
}

static void test_engine_wipe__is_what_clearing_each_attribute_is(void **state)
{
    (void)state;
    test_each_seed(tell_one_story, test_size(8, 200));
}

/* ---- a load that breaks off ---- */

/* A file that is cut short at each of its lines and then loaded whole. */
static void test_engine_wipe__a_load_goes_on_where_it_stopped(void **state)
{
    static const char file[] = "a\td_sid=2\nb\td_sid=2\na\td_sid=3\n"
                               "c\td_sid=4\nb\td_sid=5\n";
    (void)state;
    for (size_t cut = 0; cut < sizeof file; cut++) {
        char id[32];
        house h = {0};
        if (cut > 0 && file[cut - 1] != '\n')
            continue;
        house_open(&h, NOON, 2);
        feed_file(h.engine, SYNC, "a\td_sid=1\nb\td_sid=1\nc\td_sid=1\n",
                  NULL);
        char part[sizeof file];
        memcpy(part, file, cut);
        part[cut] = '\0';
        snprintf(id, sizeof id, "load-%zu", cut);
        feed_file(h.engine, OVERWRITE, part, id);
        const muster_receipt whole = feed_file(h.engine, OVERWRITE, file, id);
        assert_int_equal(whole.records, 5);
        assert_int_equal(traits(&h, "1"), 0);
        assert_int_equal(traits(&h, "2"), 2);
        assert_int_equal(traits(&h, "3"), 1);
        assert_int_equal(traits(&h, "4"), 1);
        assert_int_equal(traits(&h, "5"), 1);
        assert_true(feed_file(h.engine, OVERWRITE, file, id).repeated);
        house_close(&h);
    }
}

/* ---- the index of lookups ---- */

/* Of engine.h, beside which the names above do not stand. */
void matcher_settle(muster_engine *e);

static void test_engine_wipe__lookups_follow(void **state)
{
    house *h = *state;
    bool known = false;
    feed_file(h->engine, SYNC, "a\td_sid=1,gender=f\n", NULL);
    save(h, "ones", "trait = \"1\"");
    save(h, "women", "signal.gender = \"f\"");
    matcher_settle(h->engine);
    assert_string_equal(lookup(h, "a", &known).text, "ones women ");
    feed_file(h->engine, OVERWRITE, "a\td_sid=1\n", NULL);
    matcher_settle(h->engine);
    assert_string_equal(lookup(h, "a", &known).text, "ones ");
}

static int open_house(void **state)
{
    house *h = mem_zalloc(sizeof *h);
    h->forward_bytes = (uint64_t)16 << 20;
    house_open(h, NOON, 2);
    *state = h;
    return 0;
}

static int close_house(void **state)
{
    house_close(*state);
    mem_free(*state);
    return 0;
}

#define WITH_HOUSE(test)                                                       \
    cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_wipe__sync_adds_and_overwrite_replaces),
        WITH_HOUSE(test_engine_wipe__others_and_unlisted_users_stay),
        WITH_HOUSE(test_engine_wipe__lines_of_a_user_add_up),
        cmocka_unit_test(test_engine_wipe__is_what_clearing_each_attribute_is),
        cmocka_unit_test(test_engine_wipe__a_load_goes_on_where_it_stopped),
        WITH_HOUSE(test_engine_wipe__lookups_follow),
    };
    return cmocka_run_group_tests_name("engine_wipe", tests, NULL, NULL);
}
