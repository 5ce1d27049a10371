/*
 * format_model_test.c - random records, written as NDJSON, as msgpack and,
 * where it can say them, as CSV, give the facts they were made of. The model
 * is a record as plain arrays; the facts expected are written down from it
 * directly.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format_writer.h"
#include "ingest/ingest_support.h"

#define RECORDS 4000
#define LIST_MAX 4

static random_state rnd;

static uint32_t below(uint32_t bound)
{
    return (uint32_t)random_below(&rnd, bound);
}

/* Texts with what formats must quote; none has a control character, the
 * later ones not even | (CSV lists). */
static const char *const texts[] = {
    "a|b",
    "|",
    "a",
    "B",
    "\"",
    "say \"hi\"",
    "a,b",
    "a;b",
    "\\",
    "x\\\"y",
    "M\xc3\xbcnchen",
    "\xf0\x9f\x98\x80",
    " lead",
    "trail ",
    "'",
    "true",
    "17",
    "-",
    "null",
    "a value that is longer than thirty-one bytes, so",
    "/p/index.html?x=1&y=2",
    "#",
    "{}",
    "[]",
    "\xe2\x82\xac",
};
#define TEXT_COUNT (sizeof texts / sizeof texts[0])
#define BAR_TEXTS 2u

static const char *const names[] = {
    "a",
    "b1",
    "geo.country",
    "geo.city",
    "demo.age",
    "page.view",
    "cart.add",
    "x.y.z",
    "very.long_name.that_goes_on.and_on.and_on.for_a.while",
    "z_9",
};
#define NAME_COUNT (sizeof names / sizeof names[0])

static const char *const spaces[] = {"cookie", "customer", "loyalty", "s-1"};
#define SPACE_COUNT 4u

typedef struct model_list {
    const char *name;
    uint32_t count;
    bool single; /* written as one text, not as a list */
    const char *values[LIST_MAX];
} model_list;

typedef enum model_kind {
    MODEL_TEXT,
    MODEL_NUMBER,
    MODEL_TRUE,
    MODEL_FALSE,
    MODEL_LIST,
    MODEL_NULL,
    MODEL_KINDS
} model_kind;

typedef struct model_set {
    model_kind kind;
    int64_t number;
    model_list list; /* its first value for MODEL_TEXT */
} model_set;

typedef struct model_event {
    const char *name;
    const char *value; /* NULL = none */
    uint32_t count;    /* 0 = not said */
    int64_t amount;    /* below 0 = none */
    muster_time ts;    /* 0 = not said */
} model_event;

typedef struct model {
    uint32_t id_count;
    model_list ids[SPACE_COUNT];
    muster_time ts; /* 0 = not said */
    bool ts_number;
    const char *provider; /* NULL = none */
    const char *ttl;      /* NULL = none */
    uint32_t clear_count;
    const char *clear[LIST_MAX];
    uint32_t remove_count;
    model_list remove[LIST_MAX];
    uint32_t set_count;
    model_set set[LIST_MAX];
    uint32_t add_count;
    model_list add[LIST_MAX];
    uint32_t event_count;
    model_event events[LIST_MAX];
} model;

/* ---- making ---- */

/* `csv`: only what a CSV can say. */
static const char *random_text(bool csv)
{
    const uint32_t first = csv ? BAR_TEXTS : 0;
    return texts[first + below(TEXT_COUNT - first)];
}

/* Lists with distinct names: a random start, then one after the other. */
static uint32_t random_lists(model_list *lists, const char *const *from,
                             uint32_t from_count, uint32_t most, bool csv)
{
    const uint32_t count = below(most + 1);
    const uint32_t start = below(from_count);
    for (uint32_t i = 0; i < count; i++) {
        lists[i].name = from[(start + i) % from_count];
        lists[i].count = 1 + below(LIST_MAX);
        lists[i].single = !csv && below(3) == 0;
        if (lists[i].single)
            lists[i].count = 1;
        for (uint32_t j = 0; j < lists[i].count; j++)
            lists[i].values[j] = random_text(csv);
    }
    return count;
}

static int64_t random_number(void)
{
    const int64_t number = (int64_t)random_below(&rnd, (uint64_t)1 << 52);
    const int64_t shifted = number >> below(52);
    return below(2) ? shifted : -shifted;
}

static void random_set(model *m, bool csv)
{
    const uint32_t start = below(NAME_COUNT);
    m->set_count = below(LIST_MAX + 1);
    for (uint32_t i = 0; i < m->set_count; i++) {
        model_set *s = &m->set[i];
        s->kind = csv ? MODEL_TEXT : (model_kind)below(MODEL_KINDS);
        s->number = random_number();
        s->list.single = false;
        s->list.count = s->kind == MODEL_LIST ? below(LIST_MAX) : 1;
        for (uint32_t j = 0; j < LIST_MAX; j++)
            s->list.values[j] = random_text(csv);
        s->list.name = names[(start + i) % NAME_COUNT];
    }
}

static void random_events(model *m, bool csv)
{
    const uint32_t start = below(NAME_COUNT);
    m->event_count = below(LIST_MAX + 1);
    for (uint32_t i = 0; i < m->event_count; i++) {
        model_event *e = &m->events[i];
        e->name = names[(csv ? start + i : below(NAME_COUNT)) % NAME_COUNT];
        e->value = csv || below(3) ? random_text(csv) : NULL;
        e->count = csv || below(2) ? 0 : 1 + below(300);
        e->amount = csv || below(2) ? -1 : (int64_t)below(2000000000);
        e->ts = csv || below(2) ? 0 : TEST_NOW - below(100000000);
    }
}

static void random_model(model *m, bool csv)
{
    static const char *const ttls[] = {"0", "30d", "12h", "4w"};
    memset(m, 0, sizeof *m);
    do
        m->id_count =
            random_lists(m->ids, spaces, SPACE_COUNT, SPACE_COUNT - 1, csv);
    while (m->id_count == 0);
    m->ts = below(3) ? TEST_NOW - below(100000000) : 0;
    m->ts_number = below(2);
    m->provider = below(2) ? (below(2) ? "shop" : "other-1.x") : NULL;
    m->ttl = below(2) ? ttls[below(4)] : NULL;
    m->clear_count = below(3);
    for (uint32_t i = 0; i < m->clear_count; i++)
        m->clear[i] = names[below(NAME_COUNT)];
    m->remove_count = random_lists(m->remove, names, NAME_COUNT, LIST_MAX, csv);
    m->add_count = random_lists(m->add, names, NAME_COUNT, LIST_MAX, csv);
    random_set(m, csv);
    random_events(m, csv);
}

/* ---- what is expected ---- */

static void expect_fact(buffer *out, const char *op, const char *name,
                        const char *value)
{
    buffer_printf(out, "  %s attribute=%s", op, name);
    if (value)
        buffer_printf(out, " value=%s", value);
}

static void expect_list(buffer *out, const char *op, const model_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        expect_fact(out, op, list->name, list->values[i]);
        buffer_put_str(out, "\n");
    }
}

static void expect_set(buffer *out, const model_set *s, bool csv)
{
    static const char *const ops[] = {"set",    "number",  "flag",
                                      "unflag", "replace", "clear"};
    expect_fact(out, csv ? "text" : ops[s->kind], s->list.name,
                s->kind == MODEL_TEXT ? s->list.values[0] : NULL);
    if (s->kind == MODEL_NUMBER)
        buffer_printf(out, " number=%lld", (long long)s->number);
    buffer_put_str(out, "\n");
    if (s->kind == MODEL_LIST)
        expect_list(out, "add", &s->list);
}

static void expect_ids(buffer *out, const model *m)
{
    const char *seen[SPACE_COUNT * LIST_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < m->id_count; i++) {
        const size_t first = count;
        for (uint32_t j = 0; j < m->ids[i].count; j++) {
            char hex[PSEUDONYM_HEX + 1];
            muster_pseudonym p;
            assert_int_equal(identity_pseudonymise(
                                 test_key(), text_of(m->ids[i].name),
                                 identity_raw_of(text_of(m->ids[i].values[j])),
                                 &p, NULL),
                             0);
            bool repeated = false;
            for (size_t k = first; k < count; k++)
                repeated |= strcmp(seen[k], m->ids[i].values[j]) == 0;
            if (repeated)
                continue;
            seen[count++] = m->ids[i].values[j];
            pseudonym_format(hex, &p);
            buffer_printf(out, " id=%s:%s", m->ids[i].name, hex);
        }
    }
}

static void expect_record(buffer *out, const model *m, bool csv)
{
    const muster_time ts = m->ts ? m->ts : TEST_NOW;
    uint32_t ttl = 0;
    buffer_printf(out, "record provider=%s ts=%lld",
                  m->provider ? m->provider : "default", (long long)ts);
    if (m->ttl) {
        assert_true(text_parse_duration(text_of(m->ttl), &ttl));
        buffer_printf(out, " ttl=%u", ttl);
    }
    expect_ids(out, m);
    buffer_put_str(out, "\n");
    for (uint32_t i = 0; i < m->clear_count; i++) {
        expect_fact(out, "clear", m->clear[i], NULL);
        buffer_put_str(out, "\n");
    }
    for (uint32_t i = 0; i < m->remove_count; i++)
        expect_list(out, "remove", &m->remove[i]);
    for (uint32_t i = 0; i < m->set_count; i++)
        expect_set(out, &m->set[i], csv);
    for (uint32_t i = 0; i < m->add_count; i++)
        expect_list(out, "add", &m->add[i]);
    for (uint32_t i = 0; i < m->event_count; i++) {
        const model_event *e = &m->events[i];
        expect_fact(out, "event", e->name, e->value);
        buffer_printf(out, " ts=%lld count=%u", (long long)(e->ts ? e->ts : ts),
                      e->count ? e->count : 1);
        if (e->amount >= 0)
            buffer_printf(out, " amount=%lld", (long long)e->amount);
        buffer_put_str(out, "\n");
    }
}

/* ---- NDJSON and msgpack ---- */

static void write_list(value_writer *w, const model_list *list)
{
    write_str(w, list->name);
    if (list->single) {
        write_str(w, list->values[0]);
        return;
    }
    write_open(w, false, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        write_str(w, list->values[i]);
    write_close(w);
}

static void write_lists(value_writer *w, const char *section,
                        const model_list *lists, uint32_t count)
{
    if (count == 0)
        return;
    write_str(w, section);
    write_open(w, true, count);
    for (uint32_t i = 0; i < count; i++)
        write_list(w, &lists[i]);
    write_close(w);
}

static void write_time(value_writer *w, muster_time ts, bool number)
{
    char text[32];
    if (ts == 0)
        return;
    write_str(w, "ts");
    text[clock_format_time(text, ts)] = '\0';
    if (number)
        write_int(w, ts);
    else
        write_str(w, text);
}

static void write_set(value_writer *w, const model *m)
{
    if (m->set_count == 0)
        return;
    write_str(w, "set");
    write_open(w, true, m->set_count);
    for (uint32_t i = 0; i < m->set_count; i++) {
        const model_set *s = &m->set[i];
        if (s->kind == MODEL_LIST) {
            write_list(w, &s->list);
            continue;
        }
        write_str(w, s->list.name);
        if (s->kind == MODEL_TEXT)
            write_str(w, s->list.values[0]);
        else if (s->kind == MODEL_NUMBER)
            write_scaled(w, s->number);
        else if (s->kind == MODEL_NULL)
            write_null(w);
        else
            write_bool(w, s->kind == MODEL_TRUE);
    }
    write_close(w);
}

static void write_event(value_writer *w, const model_event *e)
{
    write_open(w, true,
               1u + (e->value != NULL) + (e->count != 0) + (e->amount >= 0) +
                   (e->ts != 0));
    if (e->value) {
        write_str(w, "value");
        write_str(w, e->value);
    }
    write_str(w, "name");
    write_str(w, e->name);
    if (e->count) {
        write_str(w, "count");
        write_int(w, e->count);
    }
    if (e->amount >= 0) {
        write_str(w, "amount");
        write_scaled(w, e->amount);
    }
    write_time(w, e->ts, e->count % 2);
    write_close(w);
}

static void write_clear(value_writer *w, const model *m)
{
    write_str(w, "clear");
    write_open(w, false, m->clear_count);
    for (uint32_t i = 0; i < m->clear_count; i++)
        write_str(w, m->clear[i]);
    write_close(w);
}

static void write_events(value_writer *w, const model *m)
{
    write_str(w, "events");
    write_open(w, false, m->event_count);
    for (uint32_t i = 0; i < m->event_count; i++)
        write_event(w, &m->events[i]);
    write_close(w);
}

static void write_member(value_writer *w, const model *m, uint32_t which)
{
    switch (which) {
    case 0:
        write_lists(w, "ids", m->ids, m->id_count);
        break;
    case 1:
        write_time(w, m->ts, m->ts_number);
        break;
    case 2:
        if (m->provider) {
            write_str(w, "provider");
            write_str(w, m->provider);
        }
        break;
    case 3:
        if (m->ttl) {
            write_str(w, "ttl");
            write_str(w, m->ttl);
        }
        break;
    case 4:
        write_clear(w, m);
        break;
    case 5:
        write_lists(w, "remove", m->remove, m->remove_count);
        break;
    case 6:
        write_set(w, m);
        break;
    case 7:
        write_lists(w, "add", m->add, m->add_count);
        break;
    default:
        write_events(w, m);
        break;
    }
}

/* Members from a random one on; a stride that meets them all. */
static void write_record(buffer *out, writer_format format, const model *m,
                         uint32_t start)
{
    static const uint32_t strides[] = {1, 2, 4, 5, 7, 8};
    value_writer w;
    writer_init(&w, out, format);
    const uint32_t count = 3u + (m->ts != 0) + (m->provider != NULL) +
                           (m->ttl != NULL) + (m->remove_count > 0) +
                           (m->set_count > 0) + (m->add_count > 0);
    write_open(&w, true, count);
    for (uint32_t i = 0; i < 9; i++)
        write_member(&w, m, (start + i * strides[start % 6]) % 9);
    write_close(&w);
    if (format == WRITE_JSON)
        buffer_put_str(out, start % 2 ? "\r\n" : "\n");
}

static void assert_format(ingest_format format, const buffer *input,
                          const buffer *expected, uint64_t seed)
{
    ingest_options options = test_options(format);
    outcome o;
    options.chunk_bytes = 16384;
    outcome_init(&o);
    o.places = false;
    load(&o, &options, input->data, input->len, 5000);
    if (o.rc != 0 || o.text.len != expected->len ||
        memcmp(o.text.data, expected->data, expected->len) != 0) {
        size_t at = 0;
        while (at < o.text.len && at < expected->len &&
               o.text.data[at] == expected->data[at])
            at++;
        at = at > 200 ? at - 200 : 0;
        fail_msg("seed %llu, format %d, rc %d %s: wanted\n%.600s\ngot\n%.600s",
                 (unsigned long long)seed, format, o.rc, o.err.message,
                 (char *)expected->data + at, outcome_text(&o) + at);
    }
    outcome_release(&o);
}

static uint64_t seed_of(void)
{
    const char *text = getenv("MUSTER_SEED");
    return text ? strtoull(text, NULL, 10) : 20261121;
}

static void test_ingest_formats__ndjson_and_msgpack_say_the_same(void **state)
{
    (void)state;
    buffer expected;
    buffer json;
    buffer packed;
    const uint64_t seed = seed_of();
    random_seed(&rnd, seed);
    buffer_init(&expected, (size_t)1 << 30);
    buffer_init(&json, (size_t)1 << 30);
    buffer_init(&packed, (size_t)1 << 30);
    for (int i = 0; i < RECORDS; i++) {
        model m;
        random_model(&m, false);
        expect_record(&expected, &m, false);
        const uint32_t start = below(9 * 6);
        write_record(&json, WRITE_JSON, &m, start);
        write_record(&packed, WRITE_MSGPACK, &m, start);
    }
    buffer_cstr(&expected);
    assert_format(INGEST_NDJSON, &json, &expected, seed);
    assert_format(INGEST_AUTO, &json, &expected, seed);
    assert_format(INGEST_MSGPACK, &packed, &expected, seed);
    assert_format(INGEST_AUTO, &packed, &expected, seed);
    buffer_release(&expected);
    buffer_release(&json);
    buffer_release(&packed);
}

/* ---- CSV ---- */

static void write_cell(buffer *out, char separator, const char *text)
{
    const bool quoted = strpbrk(text, ",;\t\"") != NULL || below(4) == 0;
    if (quoted)
        buffer_put_u8(out, '"');
    for (; *text; text++) {
        if (*text == '"')
            buffer_put_u8(out, '"');
        buffer_put_u8(out, (uint8_t)*text);
    }
    if (quoted)
        buffer_put_u8(out, '"');
    buffer_put_u8(out, (uint8_t)separator);
}

static void put_joined(buffer *out, const char *const *texts_of, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        buffer_printf(out, "%s%s", i > 0 ? "|" : "", texts_of[i]);
}

static void write_list_cell(buffer *out, char separator,
                            const model_list *lists, uint32_t count,
                            const char *name)
{
    buffer cell;
    buffer_init(&cell, 1024);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(lists[i].name, name) == 0)
            put_joined(&cell, lists[i].values, lists[i].count);
    write_cell(out, separator, buffer_cstr(&cell));
    buffer_release(&cell);
}

static void write_csv_header(buffer *out, char separator)
{
    static const char *const sections[] = {"remove", "set", "add", "event"};
    for (uint32_t i = 0; i < SPACE_COUNT; i++)
        buffer_printf(out, "ids.%s%c", spaces[i], separator);
    for (uint32_t s = 0; s < 4; s++)
        for (uint32_t i = 0; i < NAME_COUNT; i++)
            buffer_printf(out, "%s.%s%c", sections[s], names[i], separator);
    buffer_printf(out, "ts%cclear%cua%cprovider%cttl\n", separator, separator,
                  separator, separator);
}

static void write_csv_row(buffer *out, char separator, const model *m)
{
    char cell[256] = "";
    buffer list;
    for (uint32_t i = 0; i < SPACE_COUNT; i++)
        write_list_cell(out, separator, m->ids, m->id_count, spaces[i]);
    for (uint32_t i = 0; i < NAME_COUNT; i++)
        write_list_cell(out, separator, m->remove, m->remove_count, names[i]);
    for (uint32_t i = 0; i < NAME_COUNT; i++) {
        const char *value = "";
        for (uint32_t j = 0; j < m->set_count; j++)
            if (strcmp(m->set[j].list.name, names[i]) == 0)
                value = m->set[j].list.values[0];
        write_cell(out, separator, value);
    }
    for (uint32_t i = 0; i < NAME_COUNT; i++)
        write_list_cell(out, separator, m->add, m->add_count, names[i]);
    for (uint32_t i = 0; i < NAME_COUNT; i++) {
        const char *value = "";
        for (uint32_t j = 0; j < m->event_count; j++)
            if (strcmp(m->events[j].name, names[i]) == 0)
                value = m->events[j].value;
        write_cell(out, separator, value);
    }
    if (m->ts && m->ts_number)
        snprintf(cell, sizeof cell, "%lld", (long long)m->ts);
    else if (m->ts)
        cell[clock_format_time(cell, m->ts)] = '\0';
    write_cell(out, separator, cell);
    buffer_init(&list, 1024);
    put_joined(&list, m->clear, m->clear_count);
    write_cell(out, separator, buffer_cstr(&list));
    buffer_release(&list);
    write_cell(out, separator, below(2) ? "Mozilla/5.0 (X; \"Y\")" : "");
    write_cell(out, separator, m->provider ? m->provider : "");
    write_cell(out, separator, m->ttl ? m->ttl : "");
    out->len--; /* the last separator */
    buffer_put_str(out, below(2) ? "\n" : "\r\n");
}

/* A row says its lists in the order of the columns. */
static int compare_lists(const void *a, const void *b)
{
    const char *left = ((const model_list *)a)->name;
    const char *right = ((const model_list *)b)->name;
    uint32_t i = 0;
    for (; i < NAME_COUNT && names[i] != left && names[i] != right; i++)
        ;
    if (i < NAME_COUNT)
        return names[i] == left ? -(left != right) : 1;
    for (i = 0; i < SPACE_COUNT && spaces[i] != left && spaces[i] != right;)
        i++;
    return spaces[i] == left ? -(left != right) : 1;
}

static int compare_sets(const void *a, const void *b)
{
    return compare_lists(&((const model_set *)a)->list,
                         &((const model_set *)b)->list);
}

static int compare_events(const void *a, const void *b)
{
    const model_list left = {.name = ((const model_event *)a)->name};
    const model_list right = {.name = ((const model_event *)b)->name};
    return compare_lists(&left, &right);
}

static void order_model(model *m)
{
    qsort(m->ids, m->id_count, sizeof *m->ids, compare_lists);
    qsort(m->remove, m->remove_count, sizeof *m->remove, compare_lists);
    qsort(m->add, m->add_count, sizeof *m->add, compare_lists);
    qsort(m->set, m->set_count, sizeof *m->set, compare_sets);
    qsort(m->events, m->event_count, sizeof *m->events, compare_events);
}

static void test_ingest_formats__csv_says_the_same(void **state)
{
    (void)state;
    static const char separators[] = ",;\t";
    const uint64_t seed = seed_of();
    random_seed(&rnd, seed);
    for (int s = 0; s < 3; s++) {
        buffer expected;
        buffer csv;
        buffer_init(&expected, (size_t)1 << 30);
        buffer_init(&csv, (size_t)1 << 30);
        write_csv_header(&csv, separators[s]);
        for (int i = 0; i < RECORDS / 3; i++) {
            model m;
            random_model(&m, true);
            order_model(&m);
            expect_record(&expected, &m, true);
            write_csv_row(&csv, separators[s], &m);
        }
        buffer_cstr(&expected);
        assert_format(INGEST_CSV, &csv, &expected, seed);
        assert_format(INGEST_AUTO, &csv, &expected, seed);
        buffer_release(&expected);
        buffer_release(&csv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ingest_formats__ndjson_and_msgpack_say_the_same),
        cmocka_unit_test(test_ingest_formats__csv_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
