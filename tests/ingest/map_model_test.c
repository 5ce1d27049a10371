/*
 * map_model_test.c - one population in three forms: as records, as a CSV of
 * somebody else's and as JSON of somebody else's, each through its mapping.
 * The facts must be the same. The foreign forms are written from the same
 * random people by code that knows nothing of mappings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map_support.h"

#define PEOPLE 400

static const char *const countries[][2] = {
    {"Germany", "DE"}, {"Austria", "AT"}, {"France", "FR"}};
static const char *const colours[] = {"red", "green", "blue", "black"};

typedef struct person {
    int id;
    size_t country; /* 3: none */
    int64_t money;  /* hundredths; below 0: none */
    int day, month, year;
    bool opted_out;
    unsigned colours; /* bits */
    int buys;
} person;

static person make_person(random_state *random, int id)
{
    return (person){
        .id = id,
        .country = random_below(random, 4),
        .money = (int64_t)random_below(random, 40000000) - 4000000,
        .day = 1 + (int)random_below(random, 28),
        .month = 1 + (int)random_below(random, 12),
        .year = 2000 + (int)random_below(random, 26),
        .opted_out = random_below(random, 2) != 0,
        .colours = (unsigned)random_below(random, 16),
        .buys = (int)random_below(random, 4),
    };
}

static void put_colours(buffer *out, unsigned bits, const char *between,
                        const char *quote)
{
    bool any = false;
    for (size_t i = 0; i < 4; i++) {
        if ((bits & 1u << i) == 0)
            continue;
        buffer_printf(out, "%s%s%s%s", any ? between : "", quote, colours[i],
                      quote);
        any = true;
    }
}

static void put_as_record(buffer *out, const person *p)
{
    buffer_printf(out,
                  "{\"ids\":{\"customer\":\"%d\"},\"provider\":\"crm\","
                  "\"ts\":\"%04d-%02d-%02dT00:00:00Z\",\"set\":{",
                  p->id, p->year, p->month, p->day);
    if (p->country < 3)
        buffer_printf(out, "\"geo.country\":\"%s\",", countries[p->country][1]);
    if (p->money >= 0)
        buffer_printf(out, "\"money\":%lld.%02lld,", (long long)p->money / 100,
                      (long long)p->money % 100);
    buffer_printf(out, "\"mail_me\":%s}", p->opted_out ? "false" : "true");
    if (p->colours != 0) {
        buffer_put_str(out, ",\"add\":{\"colour\":[");
        put_colours(out, p->colours, ",", "\"");
        buffer_put_str(out, "]}");
    }
    if (p->buys > 0)
        buffer_printf(out,
                      ",\"events\":[{\"name\":\"buy\",\"value\":\"hat\","
                      "\"count\":%d}]",
                      p->buys);
    buffer_put_str(out, "}\n");
}

static void put_money(buffer *out, int64_t money)
{
    const long long whole = money / 100;
    if (whole >= 1000)
        buffer_printf(out, "%lld.%03lld,%02lld", whole / 1000, whole % 1000,
                      (long long)money % 100);
    else
        buffer_printf(out, "%lld,%02lld", whole, (long long)money % 100);
}

static void put_row(buffer *out, const person *p)
{
    buffer_printf(out, "%d;\"%s\";", p->id,
                  p->country < 3 ? countries[p->country][0] : "unknown");
    if (p->money >= 0)
        put_money(out, p->money);
    buffer_printf(out, ";%d.%d.%04d;%s;", p->day, p->month, p->year,
                  p->opted_out ? "Ja" : "nein");
    put_colours(out, p->colours, " / ", "");
    buffer_printf(out, ";%s;", p->buys > 0 ? "hat" : "");
    buffer_printf(out, "%d\r\n", p->buys);
}

static void put_member(buffer *out, const person *p)
{
    buffer_printf(out, "{\"key\":%d,\"home\":{\"name\":%s%s%s},", p->id,
                  p->country < 3 ? "\"" : "",
                  p->country < 3 ? countries[p->country][0] : "null",
                  p->country < 3 ? "\"" : "");
    if (p->money >= 0)
        buffer_printf(out, "\"cents\":%lld,", (long long)p->money);
    buffer_printf(out,
                  "\"seen\":%lld,\"prefs\":[{\"k\":\"out\",\"v\":%s}],"
                  "\"likes\":[",
                  (long long)clock_day_from_civil(p->year, p->month, p->day) *
                      86400000,
                  p->opted_out ? "true" : "false");
    put_colours(out, p->colours, ",", "\"");
    buffer_put_str(out, "],\"bought\":[");
    if (p->buys > 0)
        buffer_printf(out, "{\"what\":\"hat\",\"n\":\"%d\"}", p->buys);
    buffer_put_str(out, "]}");
}

static const char csv_mapping[] =
    "{\"input\":\"csv\",\"provider\":\"crm\",\"rules\":["
    "{\"to\":\"ids.customer\",\"from\":\"nr\"},"
    "{\"to\":\"set.geo.country\",\"from\":\"land\",\"map\":{\"germany\":\"DE\","
    "\"austria\":\"AT\",\"france\":\"FR\"},\"else\":\"drop\"},"
    "{\"to\":\"set.money\",\"from\":\"geld\",\"number\":{\"decimal\":\",\","
    "\"thousands\":\".\"}},"
    "{\"to\":\"ts\",\"from\":\"stand\",\"date\":\"D.M.YYYY\"},"
    "{\"to\":\"set.mail_me\",\"from\":\"keine post\",\"flag\":{\"true\":"
    "[\"nein\"],\"false\":[\"ja\"]}},"
    "{\"to\":\"add.colour\",\"from\":\"farben\",\"split\":\"/\"},"
    "{\"to\":\"events.buy\",\"value\":{\"from\":\"ware\"},\"count\":{\"from\":"
    "\"mal\"}}]}";

static const char json_mapping[] =
    "{\"input\":\"json\",\"each\":\"/members\",\"rules\":["
    "{\"to\":\"ids.customer\",\"from\":\"key\"},"
    "{\"to\":\"provider\",\"from\":\"$.by\"},"
    "{\"to\":\"set.geo.country\",\"from\":\"home.name\",\"map\":{\"germany\":"
    "\"DE\",\"austria\":\"AT\",\"france\":\"FR\"},\"else\":\"drop\"},"
    "{\"to\":\"set.money\",\"from\":\"cents\",\"number\":{\"scale\":0.01}},"
    "{\"to\":\"ts\",\"from\":\"seen\",\"date\":\"millis\"},"
    "{\"to\":\"set.mail_me\",\"from\":\"prefs.0.v\",\"flag\":{\"true\":"
    "[\"false\"],\"false\":[\"true\"]}},"
    "{\"to\":\"add.colour\",\"from\":\"likes\"},"
    "{\"to\":\"events.buy\",\"each\":\"bought\",\"value\":{\"from\":\".what\"},"
    "\"count\":{\"from\":\".n\"}}]}";

static void test_ingest_map__three_forms_of_one_population(void **state)
{
    (void)state;
    random_state random;
    random_seed(&random, 77);
    buffer forms[3];
    outcome got[3];
    mapping *maps[3] = {NULL, compiled(csv_mapping), compiled(json_mapping)};
    for (int i = 0; i < 3; i++)
        buffer_init(&forms[i], 1 << 24);
    buffer_put_str(&forms[1],
                   "Nr;Land;Geld;Stand;Keine Post;Farben;Ware;Mal\r\n");
    for (int i = 0; i < PEOPLE; i++) {
        const person p = make_person(&random, i + 1);
        put_as_record(&forms[0], &p);
        put_row(&forms[1], &p);
        /* Documents of three members. */
        buffer_put_str(&forms[2],
                       i % 3 == 0 ? "{\"by\":\"crm\",\"members\":[" : ",");
        put_member(&forms[2], &p);
        buffer_put_str(&forms[2], i % 3 == 2 || i == PEOPLE - 1 ? "]}\n" : "");
    }
    for (int i = 0; i < 3; i++) {
        ingest_options options = test_options(INGEST_AUTO);
        options.mapping = maps[i];
        options.chunk_bytes = 3000;
        outcome_init(&got[i]);
        got[i].places = false;
        load(&got[i], &options, forms[i].data, forms[i].len, 777);
        assert_int_equal(got[i].rc, 0);
        assert_int_equal(got[i].records, PEOPLE);
        if (strcmp(outcome_text(&got[i]), outcome_text(&got[0])) != 0)
            fail_msg("seed 77: form %d gives\n%.2000s\nrecords\n%.2000s", i,
                     outcome_text(&got[i]), outcome_text(&got[0]));
    }
    for (int i = 0; i < 3; i++) {
        outcome_release(&got[i]);
        buffer_release(&forms[i]);
        mapping_free(maps[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_map__three_forms_of_one_population),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
