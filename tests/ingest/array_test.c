/*
 * array_test.c - records as elements of a JSON array: where they end, what
 * costs one element and what costs the input, cut at any place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/packers.h"
#include "ingest/random_input.h"

#define A "{\"ids\":{\"cookie\":\"a\"},\"set\":{\"x\":\"1\"}}"
#define B "{\"ids\":{\"cookie\":\"b\"},\"set\":{\"x\":\"],}\\\"[{,\"}}"

typedef struct array_case {
    const char *input;
    uint64_t records;
    uint64_t rejects;
    const char *word; /* of the error that ends the input, "" = none */
} array_case;

static const array_case cases[] = {
    {"", 0, 0, ""},
    {" \n", 0, 0, ""},
    {"[]", 0, 0, ""},
    {"[ ]\n\n", 0, 0, ""},
    {"[" A "]", 1, 0, ""},
    {" [ " A " , " B " ] ", 2, 0, ""},
    {"[\n" A ",\r\n" B "\n]\n", 2, 0, ""},
    {"\xef\xbb\xbf[" A "," B "]", 2, 0, ""},
    {"[" A "," B ",]", 2, 0, ""},
    {"[" A ",," B "]", 2, 1, ""},
    {"[," A "]", 1, 1, ""},
    {"[,]", 0, 1, ""},
    {"[" A ",17," B ",null,\"x,]\",[1,[2]],{}]", 2, 5, ""},
    {"[{\"a\":1]," A "]", 1, 1, ""},
    {"[" A " " B "," A "]", 1, 1, ""},
    {"[}," A "]", 1, 1, ""},
    {"[\"\\\\\"," A "]", 1, 1, ""},
    {"[" A "," B, 1, 0, "truncated_array"},
    {"[" A ",", 1, 0, "truncated_array"},
    {"[", 0, 0, "truncated_array"},
    {"[" A "]" B, 1, 0, "bad_array"},
    {"[" A "],", 1, 0, "bad_array"},
    {"[]]", 0, 0, "bad_array"},
    {"[" A "] \"", 1, 0, "bad_array"},
    {A, 0, 0, "bad_array"},
    {"17", 0, 0, "bad_array"},
};

static void test_ingest_array__elements_end_where_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const array_case *c = &cases[i];
        const size_t len = strlen(c->input);
        for (size_t chunk = 1; chunk < 90; chunk += chunk < 9 ? 1 : 7) {
            outcome o;
            ingest_options options = test_options(INGEST_ARRAY);
            options.chunk_bytes = chunk;
            outcome_init(&o);
            load(&o, &options, c->input, len, chunk % 5);
            if (strcmp(o.err.word, c->word) != 0 || o.records != c->records ||
                o.rejects != c->rejects ||
                (o.rc == 0 && o.input_end != len && len > 2))
                fail_msg("%s, chunk %zu: %llu records, %llu rejects, to %llu, "
                         "%s: %s\n%s",
                         c->input, chunk, (unsigned long long)o.records,
                         (unsigned long long)o.rejects,
                         (unsigned long long)o.input_end, o.err.word,
                         o.err.message, outcome_text(&o));
            outcome_release(&o);
        }
    }
}

/* The same elements as lines say the same, but for "line" and "element". */
static void test_ingest_array__says_what_the_lines_say(void **state)
{
    (void)state;
    uint64_t seed = 0;
    const bool given = test_seed(&seed);
    for (uint64_t i = 0; i < test_size(100, 3000); i++) {
        const uint64_t s = given ? seed : i;
        random_state r;
        buffer lines;
        buffer array;
        outcome want;
        outcome got;
        ingest_options options = test_options(INGEST_NDJSON);
        random_seed(&r, s);
        buffer_init(&lines, 1 << 20);
        buffer_init(&array, 1 << 20);
        buffer_put_str(&array, "[");
        const uint32_t count = 1 + dice(&r, 40);
        for (uint32_t n = 0; n < count; n++) {
            const size_t at = lines.len;
            put_random_tree(&lines, WRITE_JSON, &r);
            buffer_put_str(&array, n > 0 ? "," : "");
            buffer_put(&array, lines.data + at, lines.len - at);
            buffer_put_str(&lines, "\n");
        }
        buffer_put_str(&array, "]");
        outcome_init(&want);
        want.places = false;
        load(&want, &options, lines.data, lines.len, 0);
        outcome_init(&got);
        got.places = false;
        options.format = INGEST_ARRAY;
        options.chunk_bytes = 1 + dice(&r, 400);
        load(&got, &options, array.data, array.len, dice(&r, 300));
        if (got.rc != 0 ||
            strcmp(outcome_text(&got), outcome_text(&want)) != 0)
            fail_msg("seed %llu: %s\nwanted\n%s\ngot\n%s",
                     (unsigned long long)s, got.err.message,
                     outcome_text(&want), outcome_text(&got));
        outcome_release(&got);
        outcome_release(&want);
        buffer_release(&lines);
        buffer_release(&array);
    }
}

static void test_ingest_array__places_count_elements(void **state)
{
    (void)state;
    outcome o;
    const ingest_options options = test_options(INGEST_AUTO);
    outcome_init(&o);
    o.places = true;
    load_text(&o, &options, "[" A ",\n 17, {\"ids\":1}]");
    assert_int_equal(o.rc, 0);
    const char *text = outcome_text(&o);
    const char *first = strstr(text, "reject bad_json [] the element is not "
                                     "one JSON object @2/");
    assert_non_null(first);
    assert_non_null(strstr(first, "@3/"));
    outcome_release(&o);
}

static void put_fill(buffer *out, char fill, size_t len)
{
    memset(buffer_reserve(out, len), fill, len);
    out->len += len;
}

/* Longer than a record may be, also with brackets that never close. */
static void test_ingest_array__a_long_element_costs_itself(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
        char fill;
    } rows[] = {{"{\"a\":\"", "\"}", 'x'}, {"", "", '7'}, {"\"", "\"", ']'}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t piece = 0; piece < 200000; piece += 65521) {
            buffer input;
            outcome o;
            const ingest_options options = test_options(INGEST_AUTO);
            buffer_init(&input, (size_t)16 << 20);
            buffer_printf(&input, "[" A ",%s", rows[i].open);
            put_fill(&input, rows[i].fill, 5u << 20);
            buffer_printf(&input, "%s," B "]", rows[i].close);
            outcome_init(&o);
            load(&o, &options, input.data, input.len, piece);
            assert_int_equal(o.rc, 0);
            assert_int_equal(o.records, 2);
            assert_int_equal(o.rejects, 1);
            assert_non_null(strstr(outcome_text(&o), "too_long"));
            assert_int_equal(o.input_end, input.len);
            outcome_release(&o);
            buffer_release(&input);
        }
    }
}

static void test_ingest_array__brackets_without_end(void **state)
{
    (void)state;
    buffer input;
    outcome o;
    const ingest_options options = test_options(INGEST_AUTO);
    buffer_init(&input, (size_t)16 << 20);
    buffer_put_str(&input, "[" A ",");
    put_fill(&input, '[', 6u << 20);
    outcome_init(&o);
    load(&o, &options, input.data, input.len, 100000);
    assert_int_equal(o.rc, MUSTER_EPARSE);
    assert_string_equal(o.err.word, "truncated_array");
    assert_int_equal(o.records, 1);
    outcome_release(&o);
    buffer_release(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_array__elements_end_where_they_should),
        cmocka_unit_test(test_ingest_array__says_what_the_lines_say),
        cmocka_unit_test(test_ingest_array__places_count_elements),
        cmocka_unit_test(test_ingest_array__a_long_element_costs_itself),
        cmocka_unit_test(test_ingest_array__brackets_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
