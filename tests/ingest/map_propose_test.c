/*
 * map_propose_test.c - mappings proposed from samples: what fields are taken
 * for, that a proposal is taken as it is, and that it gives nothing away.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map_support.h"

static void propose(buffer *out, const char *sample)
{
    muster_error err;
    buffer_init(out, 1 << 24);
    if (mapping_propose(out, INGEST_AUTO, sample, strlen(sample), &err) != 0)
        fail_msg("%s: %s", sample, err.message);
}

static const char csv_sample[] =
    "Record ID,Email,Phone,First Name,Country,Created,Modified,Birthday,"
    "Newsletter,Revenue,Tags,Level,Note,Empty,p_secret,Device GAID\n"
    "11,anna@example.com,+49 170 1112223,Anna,DE,1.2.2026,2026-11-01 10:00,"
    "1990-05-06,yes,\"1.234,50\",a;b,gold,first words here,,q,"
    "123e4567-e89b-42d3-a456-426614174000\n"
    "12,bert@example.com,+49 170 1112224,Bert,AT,14.3.2026,2026-11-02 11:00,"
    "1980-01-02,no,\"99,00\",b,silver,other words there,,q,"
    "123e4567-e89b-42d3-a456-426614174001\n"
    "13,carl@example.com,+49 170 1112225,Carl,DE,27.2.2026,2026-11-03 12:00,"
    "1970-12-31,yes,\"7,25\",a;c,gold,third text,,q,"
    "123e4567-e89b-42d3-a456-426614174002\n"
    "14,dora@example.com,+49 170 1112226,Dora,FR,28.2.2026,2026-11-04 13:00,"
    "2001-07-08,no,\"2.000,00\",,silver,,,q,"
    "123e4567-e89b-42d3-a456-426614174003\n";

static const char *const csv_rules[] = {
    "{\"to\": \"ids.customer\", \"from\": \"Record ID\"}",
    "{\"to\": \"ids.email_sha256\", \"from\": \"Email\", \"hash\": \"uid2\"",
    "{\"to\": \"ids.phone_sha256\", \"from\": \"Phone\", \"hash\": \"uid2\"",
    "left out: First Name",
    "{\"to\": \"set.geo.country\", \"from\": \"Country\", \"upper\": true}",
    "{\"to\": \"set.created\", \"from\": \"Created\", \"date\": \"D.M.YYYY\"",
    "{\"to\": \"ts\", \"from\": \"Modified\", \"date\": \"iso\"",
    "{\"to\": \"set.demo.age\", \"from\": \"Birthday\", \"date\": \"iso\", "
    "\"as\": \"age\"",
    "{\"to\": \"set.newsletter\", \"from\": \"Newsletter\", \"flag\": true",
    "{\"to\": \"set.revenue\", \"from\": \"Revenue\", \"number\": "
    "{\"decimal\": \",\", \"thousands\": \".\"}",
    "{\"to\": \"add.tags\", \"from\": \"Tags\", \"split\": \";\"}",
    "{\"to\": \"set.level\", \"from\": \"Level\"}",
    "left out: Empty is empty in the sample",
    "left out: p_secret is private",
    "{\"to\": \"ids.gaid\", \"from\": \"Device GAID\"}",
};

static const char *const hidden[] = {"anna", "1112223", "Anna", "4266",
                                     "1990-05-06"};

static void assert_holds(const char *text, const char *const *parts,
                         size_t count, bool held)
{
    for (size_t i = 0; i < count; i++)
        if ((strstr(text, parts[i]) != NULL) != held)
            fail_msg("%s %s in\n%s", parts[i], held ? "is not" : "is", text);
}

static void test_ingest_map_propose__columns_are_guessed(void **state)
{
    (void)state;
    buffer text;
    buffer out;
    propose(&text, csv_sample);
    const char *proposal = buffer_cstr(&text);
    assert_holds(proposal, csv_rules, sizeof csv_rules / sizeof *csv_rules,
                 true);
    assert_holds(proposal, hidden, sizeof hidden / sizeof *hidden, false);
    mapping *m = compiled(proposal);
    map_text(&out, m, csv_sample);
    assert_null(strstr(buffer_cstr(&out), "reject"));
    assert_non_null(
        strstr(buffer_cstr(&out), "number attribute=revenue number=12345000"));
    buffer_release(&out);
    buffer_release(&text);
    mapping_free(m);
}

static const char json_sample[] =
    "{\"total\":3,\"people\":[{\"user_id\":\"u1\",\"address\":{\"country\":"
    "\"de\"},\"score\":1.5,\"vip\":true,\"tags\":[\"x\",\"y\"],\"odd.name\":"
    "\"k\",\"own\":{\"p_x\":1},\"orders\":[{\"sku\":1}]},{\"user_id\":\"u2\","
    "\"address\":"
    "{\"country\":\"at\"},\"score\":2,\"vip\":false,\"tags\":[\"x\"],"
    "\"odd.name\":\"k\"}]}\n";

static const char *const json_rules[] = {
    "\"each\": \"people\"",
    "{\"to\": \"ids.customer\", \"from\": \"user_id\"}",
    "{\"to\": \"set.geo.country\", \"from\": \"address.country\", \"upper\": "
    "true}",
    "{\"to\": \"set.score\", \"from\": \"score\", \"number\": true",
    "{\"to\": \"set.vip\", \"from\": \"vip\"}",
    "{\"to\": \"add.tags\", \"from\": \"tags\"}",
    "\"from\": \"/odd.name\"",
    "left out: own.p_x is private",
    "left out: orders holds objects",
};

static void test_ingest_map_propose__members_are_guessed(void **state)
{
    (void)state;
    buffer text;
    buffer out;
    propose(&text, json_sample);
    assert_holds(buffer_cstr(&text), json_rules,
                 sizeof json_rules / sizeof *json_rules, true);
    mapping *m = compiled(buffer_cstr(&text));
    map_text(&out, m, json_sample);
    assert_null(strstr(buffer_cstr(&out), "reject"));
    buffer_release(&out);
    buffer_release(&text);
    mapping_free(m);
}

/* A file without a header has people in its first row. */
static void test_ingest_map_propose__no_header_is_not_shown(void **state)
{
    (void)state;
    static const char *const secrets[] = {"eve@", "+49170"};
    buffer text;
    propose(&text, "eve@example.com,+491701112223\nx@example.com,"
                   "+491701112224\n");
    assert_holds(buffer_cstr(&text), secrets, 2, false);
    buffer_release(&text);
}

/* Values that stand once may be somebody's. */
static void test_ingest_map_propose__rare_values_are_not_shown(void **state)
{
    (void)state;
    static const char *const secrets[] = {"mine", "yours", "theirs"};
    static const char *const shown[] = {"// gold, silver"};
    buffer text;
    propose(&text, "user_id,word,level,own id\n1,mine,gold,theirs\n"
                   "2,yours,silver,theirs\n3,,gold,theirs\n4,,silver,theirs\n");
    assert_holds(buffer_cstr(&text), secrets, 3, false);
    assert_holds(buffer_cstr(&text), shown, 1, true);
    buffer_release(&text);
}

static void test_ingest_map_propose__nothing_comes_of_nothing(void **state)
{
    (void)state;
    static const char *const samples[] = {"\x1f\x8b\x08", "",         "\n",
                                          "a,b\n",        "{\n",      "[1,2]",
                                          "{}\n[",        "[{\"a\":1"};
    static const bool fine[] = {false, false, false, false,
                                false, false, true,  false};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        buffer out;
        muster_error err;
        buffer_init(&out, 1 << 20);
        const int rc = mapping_propose(&out, INGEST_AUTO, samples[i],
                                       strlen(samples[i]), &err);
        if ((rc == 0) != fine[i])
            fail_msg("%s gave %d, %s", samples[i], rc, buffer_cstr(&out));
        assert_true(rc == 0 || strcmp(err.word, "bad_sample") == 0);
        buffer_release(&out);
    }
}

/* Whatever the sample, what is proposed is a mapping once it has an id. */
static void test_ingest_map_propose__random_samples_compile(void **state)
{
    (void)state;
    static const char *const cells[] = {
        "1",       "x",        "a;b", "2026-01-01", "yes",    "no",
        "1,5",     "DE",       "",    "\"q\"",      "a@b.de", "+491701234567",
        "\\u00e4", "1.2.2026", "id",  "p_a",        "//",     "*/",
        "ID",      "a.b"};
    random_state random;
    random_seed(&random, 5);
    for (int round = 0; round < 300; round++) {
        buffer sample;
        buffer out;
        buffer_init(&sample, 1 << 20);
        buffer_init(&out, 1 << 20);
        const uint64_t columns = 1 + random_below(&random, 6);
        const uint64_t rows = 2 + random_below(&random, 20);
        for (uint64_t i = 0; i < rows * columns; i++)
            buffer_printf(&sample, "%s%s", cells[random_below(&random, 20)],
                          (i + 1) % columns == 0 ? "\n" : "\t");
        muster_error err;
        mapping *m = NULL;
        const int rc = mapping_propose(&out, INGEST_CSV, (char *)sample.data,
                                       sample.len, &err);
        const char *text = buffer_cstr(&out);
        if (rc == 0 && mapping_compile(&m, text, strlen(text), &err) != 0 &&
            strstr(err.message, "no rule goes to an id") == NULL &&
            strstr(err.message, "nothing would come") == NULL)
            fail_msg("seed 5, round %d: %s\n%s", round, err.message, text);
        mapping_free(m);
        buffer_release(&sample);
        buffer_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_map_propose__columns_are_guessed),
        cmocka_unit_test(test_ingest_map_propose__members_are_guessed),
        cmocka_unit_test(test_ingest_map_propose__no_header_is_not_shown),
        cmocka_unit_test(test_ingest_map_propose__rare_values_are_not_shown),
        cmocka_unit_test(test_ingest_map_propose__nothing_comes_of_nothing),
        cmocka_unit_test(test_ingest_map_propose__random_samples_compile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
