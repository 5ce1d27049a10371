/*
 * batch_test.c - the encoded form of facts: what goes in comes out, its bytes
 * stay what they are, and damaged bytes are refused and never trusted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest_support.h"

static muster_pseudonym pseudonym_of(uint8_t fill)
{
    muster_pseudonym p;
    memset(p.bytes, fill, sizeof p.bytes);
    return p;
}

static void put(batch_writer *w, fact_op op, uint32_t attribute, uint32_t term,
                int64_t number)
{
    const fact f = {
        .op = op,
        .attribute = attribute,
        .term = term,
        .number = number,
    };
    batch_record_fact(w, &f);
}

static void put_event(batch_writer *w, uint32_t attribute, uint32_t term,
                      muster_time ts, uint32_t count, int64_t amount)
{
    const fact f = {
        .op = FACT_EVENT,
        .attribute = attribute,
        .term = term,
        .ts = ts,
        .count = count,
        .has_amount = amount >= 0,
        .amount = amount >= 0 ? amount : 0,
    };
    batch_record_fact(w, &f);
}

/* Every op, and every form that a head or a fact can take. */
static void write_sample(batch_writer *w)
{
    const muster_pseudonym p1 = pseudonym_of(0x11);
    const muster_pseudonym p2 = pseudonym_of(0x22);
    const uint32_t shop = batch_provider(w, text_of("shop"));
    const uint32_t other = batch_provider(w, text_of("other"));
    const uint32_t cookie = batch_space(w, text_of("cookie"));
    const uint32_t customer = batch_space(w, text_of("customer"));
    const uint32_t a = batch_attribute(w, text_of("a"));
    const uint32_t b = batch_attribute(w, text_of("geo.city"));
    const uint32_t ax = batch_term(w, a, text_of("x"));
    const uint32_t bx = batch_term(w, b, text_of("x"));
    const uint32_t city = batch_term(w, b, text_of("M\xc3\xbcnchen"));
    batch_record_begin(w);
    batch_record_id(w, cookie, &p1);
    put(w, FACT_CLEAR, a, FACT_NO_TERM, 0);
    put(w, FACT_REMOVE, a, ax, 0);
    put(w, FACT_REPLACE, b, FACT_NO_TERM, 0);
    put(w, FACT_FLAG, a, FACT_NO_TERM, 0);
    put(w, FACT_UNFLAG, b, FACT_NO_TERM, 0);
    put(w, FACT_SET, b, city, 0);
    put(w, FACT_NUMBER, a, FACT_NO_TERM, 340000);
    put(w, FACT_NUMBER, a, FACT_NO_TERM, -1);
    put(w, FACT_NUMBER, a, FACT_NO_TERM, 10995116277759999);
    put(w, FACT_NUMBER, a, FACT_NO_TERM, -10995116277759999);
    put(w, FACT_TEXT, b, bx, 0);
    put(w, FACT_ADD, a, ax, 0);
    put_event(w, a, FACT_NO_TERM, 1000, 1, -1);
    put_event(w, b, bx, 900, 7, 199000);
    put_event(w, b, city, CLOCK_TIME_MIN, 1000000000, 100000000000);
    batch_record_end(w, shop, 1000, CATALOG_TTL_UNSET);
    batch_record_begin(w);
    batch_record_id(w, customer, &p2);
    batch_record_id(w, cookie, &p1);
    batch_record_id(w, cookie, &p1);
    batch_record_end(w, other, 1000, 0);
    batch_record_begin(w);
    for (uint8_t i = 0; i < MUSTER_RECORD_IDS_MAX; i++) {
        const muster_pseudonym p = pseudonym_of(i);
        batch_record_id(w, cookie, &p);
    }
    batch_record_end(w, shop, CLOCK_TIME_MAX, 720);
}

static const char sample_text[] =
    "record provider=shop ts=1000 id=cookie:11111111111111111111111111111111\n"
    "  clear attribute=a\n"
    "  remove attribute=a value=x\n"
    "  replace attribute=geo.city\n"
    "  flag attribute=a\n"
    "  unflag attribute=geo.city\n"
    "  set attribute=geo.city value=M\xc3\xbcnchen\n"
    "  number attribute=a number=340000\n"
    "  number attribute=a number=-1\n"
    "  number attribute=a number=10995116277759999\n"
    "  number attribute=a number=-10995116277759999\n"
    "  text attribute=geo.city value=x\n"
    "  add attribute=a value=x\n"
    "  event attribute=a ts=1000 count=1\n"
    "  event attribute=geo.city value=x ts=900 count=7 amount=199000\n"
    "  event attribute=geo.city value=M\xc3\xbcnchen ts=-2208988800"
    " count=1000000000 amount=100000000000\n"
    "record provider=other ts=1000 ttl=0"
    " id=customer:22222222222222222222222222222222"
    " id=cookie:11111111111111111111111111111111\n"
    "record provider=shop ts=7258118399 ttl=720";

static void finish_sample(buffer *out)
{
    batch_writer *w = batch_writer_new();
    buffer_init(out, 1 << 20);
    write_sample(w);
    batch_writer_finish(w, out);
    batch_writer_free(w);
}

static void batch_text(buffer *out, const buffer *bytes)
{
    fact_batch b = {0};
    batch_reader r;
    assert_int_equal(batch_open(&r, bytes->data, bytes->len, NULL), 0);
    b.record_count = r.record_count;
    batch_close(&r);
    b.bytes = *bytes;
    buffer_init(out, 1 << 20);
    put_batch(out, &b, false);
}

static void test_ingest_batch__what_goes_in_comes_out(void **state)
{
    (void)state;
    buffer bytes;
    buffer text;
    finish_sample(&bytes);
    batch_text(&text, &bytes);
    assert_true(
        text_starts_with(text_of(buffer_cstr(&text)), text_of(sample_text)));
    buffer_release(&text);
    buffer_release(&bytes);
}

/* The log of an older program must be readable: these are its bytes. */
static const char golden_hex[] =
    "4d4642010202020303d00f04050608010800010101010873686f706f74686572636f"
    "6f6b6965637573746f6d65726167656f2e6369747978784dc3bc6e6368656e010011"
    "1111111111111111111111111111110f010002000301040005010602170044070001"
    "0700feffffffffff87270700fdffffffffff8727080109000a00fa01c70107d8920c"
    "fa02cf89d4ba108094ebdc0380d0dbc3f402a2010001222222222222222222222222"
    "22222222001111111111111111111111111111111100c040aed4f08936d005";

static void test_ingest_batch__the_form_of_version_1_stays(void **state)
{
    (void)state;
    buffer bytes;
    buffer hex;
    finish_sample(&bytes);
    buffer_init(&hex, 1 << 20);
    for (size_t i = 0; i < bytes.len; i++)
        buffer_printf(&hex, "%02x", bytes.data[i]);
    if (strncmp(buffer_cstr(&hex), golden_hex, strlen(golden_hex)) != 0)
        fail_msg("the bytes are now %s", buffer_cstr(&hex));
    assert_int_equal(bytes.len, 1290);
    assert_true(hash_bytes(bytes.data, bytes.len) == 0x969e5fca5c46ec76u);
    buffer_release(&hex);
    buffer_release(&bytes);
}

static void test_ingest_batch__empty(void **state)
{
    (void)state;
    batch_writer *w = batch_writer_new();
    buffer bytes;
    batch_reader r;
    fact_record record;
    fact f;
    buffer_init(&bytes, 1 << 20);
    batch_writer_finish(w, &bytes);
    assert_int_equal(batch_open(&r, bytes.data, bytes.len, NULL), 0);
    assert_false(batch_next_fact(&r, &f));
    assert_false(batch_next_record(&r, &record));
    assert_true(batch_ok(&r));
    batch_close(&r);
    buffer_release(&bytes);
    batch_writer_free(w);
}

/* A writer that has finished is as good as a new one. */
static void test_ingest_batch__a_writer_starts_anew(void **state)
{
    (void)state;
    buffer first;
    buffer second;
    batch_writer *w = batch_writer_new();
    buffer_init(&first, 1 << 20);
    buffer_init(&second, 1 << 20);
    write_sample(w);
    batch_writer_finish(w, &first);
    write_sample(w);
    batch_writer_finish(w, &second);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    buffer_release(&first);
    buffer_release(&second);
    batch_writer_free(w);
}

/* Enough texts to rehash several times, taken back again and again. */
static void test_ingest_batch__a_dropped_record_takes_its_texts(void **state)
{
    (void)state;
    const muster_pseudonym p = pseudonym_of(1);
    buffer plain;
    buffer mixed;
    buffer_init(&plain, 64 << 20);
    buffer_init(&mixed, 64 << 20);
    for (int drops = 0; drops < 2; drops++) {
        batch_writer *w = batch_writer_new();
        for (uint32_t i = 0; i < 300; i++) {
            char text[32];
            if (drops) {
                batch_record_begin(w);
                for (uint32_t j = 0; j < 20 + i * 3; j++) {
                    snprintf(text, sizeof text, "n%u.%u", i, j);
                    const uint32_t a = batch_attribute(w, text_of(text));
                    batch_term(w, a, text_of(text));
                    batch_provider(w, text_of(text));
                }
                batch_record_drop(w);
            }
            batch_record_begin(w);
            snprintf(text, sizeof text, "n%u", i % 70);
            const uint32_t a = batch_attribute(w, text_of(text));
            const uint32_t term = batch_term(w, a, text_of(text));
            batch_record_id(w, batch_space(w, text_of("cookie")), &p);
            put(w, FACT_SET, a, term, 0);
            batch_record_end(w, batch_provider(w, text_of("p")), 5,
                             CATALOG_TTL_UNSET);
        }
        batch_writer_finish(w, drops ? &mixed : &plain);
        batch_writer_free(w);
    }
    assert_int_equal(plain.len, mixed.len);
    assert_memory_equal(plain.data, mixed.data, plain.len);
    buffer_release(&plain);
    buffer_release(&mixed);
}

static void test_ingest_batch__facts_may_be_left_unread(void **state)
{
    (void)state;
    buffer bytes;
    batch_reader r;
    fact_record record;
    fact f;
    finish_sample(&bytes);
    for (int read = 0; read < 15; read++) {
        assert_int_equal(batch_open(&r, bytes.data, bytes.len, NULL), 0);
        assert_true(batch_next_record(&r, &record));
        assert_int_equal(record.fact_count, 15);
        for (int i = 0; i < read; i++)
            assert_true(batch_next_fact(&r, &f));
        assert_true(batch_next_record(&r, &record));
        assert_int_equal(record.id_count, 2);
        assert_true(batch_next_record(&r, &record));
        assert_int_equal(record.id_count, MUSTER_RECORD_IDS_MAX);
        assert_false(batch_next_record(&r, &record));
        assert_true(batch_ok(&r));
        batch_close(&r);
    }
    buffer_release(&bytes);
}

/* Reads to the end, checking what the door promises of decoded values. */
static bool reads_whole(const uint8_t *bytes, size_t len)
{
    batch_reader r;
    fact_record record;
    fact f;
    if (batch_open(&r, bytes, len, NULL) != 0) {
        batch_close(&r);
        return false;
    }
    for (uint32_t i = 0; i < r.attribute_count; i++)
        assert_true(catalog_is_attribute_name(r.attributes[i]));
    for (uint32_t i = 0; i < r.term_count; i++)
        assert_in_range(r.terms[i].len, 1, MUSTER_VALUE_BYTES_MAX);
    while (batch_next_record(&r, &record)) {
        assert_in_range(record.id_count, 1, MUSTER_RECORD_IDS_MAX);
        assert_true(record.ts >= CLOCK_TIME_MIN && record.ts <= CLOCK_TIME_MAX);
        while (batch_next_fact(&r, &f)) {
            assert_true(f.attribute < r.attribute_count);
            assert_true(f.term == FACT_NO_TERM || f.term < r.term_count);
            if (f.op != FACT_EVENT)
                continue;
            assert_in_range(f.count, 1, MUSTER_EVENT_COUNT_MAX);
            assert_true(f.ts >= CLOCK_TIME_MIN && f.ts <= CLOCK_TIME_MAX);
            assert_true(f.amount >= 0 && f.amount <= MUSTER_AMOUNT_MAX * 10000);
        }
    }
    const bool ok = batch_ok(&r);
    batch_close(&r);
    return ok;
}

static void test_ingest_batch__cut_short_is_damaged(void **state)
{
    (void)state;
    buffer bytes;
    finish_sample(&bytes);
    assert_true(reads_whole(bytes.data, bytes.len));
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *copy = mem_alloc(len + 1);
        memcpy(copy, bytes.data, len);
        assert_false(reads_whole(copy, len));
        mem_free(copy);
    }
    buffer_put_u8(&bytes, 0);
    assert_false(reads_whole(bytes.data, bytes.len));
    buffer_release(&bytes);
}

/* Every byte set to every value: refused, or read as something else, but
 * always within the promises and the bytes. */
static void test_ingest_batch__damage_never_breaks_the_promises(void **state)
{
    (void)state;
    buffer bytes;
    size_t refused = 0;
    finish_sample(&bytes);
    const size_t head = bytes.len < 400 ? bytes.len : 400;
    for (size_t at = 0; at < head; at++) {
        const uint8_t kept = bytes.data[at];
        for (int value = 0; value < 256; value++) {
            bytes.data[at] = (uint8_t)value;
            refused += !reads_whole(bytes.data, bytes.len);
        }
        bytes.data[at] = kept;
    }
    assert_true(refused > head * 64);
    buffer_release(&bytes);
}

static void test_ingest_batch__random_bytes_never_break(void **state)
{
    (void)state;
    random_state random;
    random_seed(&random, 4711);
    for (int i = 0; i < 20000; i++) {
        const size_t len = random_below(&random, 200);
        uint8_t *bytes = mem_alloc(len + 4);
        memcpy(bytes, i % 2 ? "MFB\x01" : "MFB\x02", 4);
        for (size_t j = 4; j < len + 4; j++)
            bytes[j] = (uint8_t)random_below(&random, 8);
        reads_whole(bytes, len + 4);
        mem_free(bytes);
    }
}

static void test_ingest_batch__refuses_with_a_word(void **state)
{
    (void)state;
    batch_reader r;
    muster_error err;
    const uint8_t bytes[] = "MFB\x03 another version";
    assert_int_equal(batch_open(&r, bytes, sizeof bytes, &err),
                     MUSTER_ECORRUPT);
    assert_string_equal(err.word, "bad_batch");
    assert_false(batch_ok(&r));
    batch_close(&r);
    assert_int_equal(batch_open(&r, NULL, 0, &err), MUSTER_ECORRUPT);
    batch_close(&r);
}

/* A wipe and a value; `second`: the wipe stands behind the value. */
static void write_wipe(buffer *out, bool second)
{
    const muster_pseudonym p1 = pseudonym_of(0x11);
    batch_writer *w = batch_writer_new();
    const uint32_t provider = batch_provider(w, text_of("p"));
    const uint32_t space = batch_space(w, text_of("cookie"));
    const uint32_t a = batch_attribute(w, text_of("a"));
    const uint32_t x = batch_term(w, a, text_of("x"));
    batch_record_begin(w);
    batch_record_id(w, space, &p1);
    if (!second)
        put(w, FACT_WIPE, 0, FACT_NO_TERM, 0);
    put(w, FACT_ADD, a, x, 0);
    if (second)
        put(w, FACT_WIPE, 0, FACT_NO_TERM, 0);
    batch_record_end(w, provider, 1000, CATALOG_TTL_UNSET);
    batch_writer_finish(w, out);
    batch_writer_free(w);
}

static void test_ingest_batch__a_wipe_is_the_first_of_version_2(void **state)
{
    (void)state;
    buffer bytes;
    buffer_init(&bytes, 1 << 16);
    write_wipe(&bytes, false);
    assert_int_equal(bytes.data[3], 2);
    assert_true(reads_whole(bytes.data, bytes.len));
    bytes.data[3] = 1;
    assert_false(reads_whole(bytes.data, bytes.len));
    buffer_clear(&bytes);
    write_wipe(&bytes, true);
    bytes.data[3] = 2;
    assert_false(reads_whole(bytes.data, bytes.len));
    buffer_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_batch__what_goes_in_comes_out),
        cmocka_unit_test(test_ingest_batch__the_form_of_version_1_stays),
        cmocka_unit_test(test_ingest_batch__empty),
        cmocka_unit_test(test_ingest_batch__a_writer_starts_anew),
        cmocka_unit_test(test_ingest_batch__a_dropped_record_takes_its_texts),
        cmocka_unit_test(test_ingest_batch__facts_may_be_left_unread),
        cmocka_unit_test(test_ingest_batch__cut_short_is_damaged),
        cmocka_unit_test(test_ingest_batch__damage_never_breaks_the_promises),
        cmocka_unit_test(test_ingest_batch__random_bytes_never_break),
        cmocka_unit_test(test_ingest_batch__refuses_with_a_word),
        cmocka_unit_test(test_ingest_batch__a_wipe_is_the_first_of_version_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
