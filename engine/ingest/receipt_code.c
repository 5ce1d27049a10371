/*
 * receipt_code.c - a receipt as bytes: what a load has counted, kept beside
 * its last batch, so that a load that goes on gives the receipt of the whole
 * input, and one that is repeated gives that of the first time.
 *
 *   version   u8: 1, or 2 when there are parts behind
 *   counters  varint each, in the order of COUNTERS
 *   load id   text of at most 63 bytes
 *   reasons   varint count, then each: text, the reason's word; varint,
 *             how often, at least 1
 *   unknown   varint count, then each: text, the attribute's name
 *   parts     version 2: u8, not 0: 1 dropped, 2 sources, 4 tally, which
 *             follow in this order
 *   dropped   varint count, at least 1, then each: text, the reason; varint,
 *             how many rows were left out for it, at least 1
 *   sources   varint count, at least 1, then each: text, its kind; text, its
 *             type; varint, when it was built in seconds since 1970
 *   tally     text, the dialect; varint count, then each: text, the name;
 *             varint, how often
 *
 * A text is its length as a varint and its bytes. Valid if and only if: the
 * version is 1 or 2; every count is within its list; reasons are ones that
 * this version knows and stand once; names are names of attributes; sources
 * and reasons of what was dropped stand once; the dialect is known, and its
 * names ascend; nothing follows. Reasons go by word, so that their numbers may
 * change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest.h"

#define VERSION 1u
#define VERSION_PARTS 2u
#define PART_DROPPED 1u
#define PART_SOURCES 2u
#define PART_TALLY 4u
#define TALLY_NAME_MAX ((size_t)MUSTER_NAME_BYTES_MAX * 2)

/* X(member): what is counted, in the order in which it is written. */
#define COUNTERS(X)                                                            \
    X(records)                                                                 \
    X(accepted)                                                                \
    X(rejected)                                                                \
    X(facts_flag)                                                              \
    X(facts_one_of)                                                            \
    X(facts_many_of)                                                           \
    X(facts_number)                                                            \
    X(facts_event)                                                             \
    X(facts_unset)                                                             \
    X(users_new)                                                               \
    X(conflicts)                                                               \
    X(bytes)                                                                   \
    X(epoch)

static void put_text(buffer *out, const char *text)
{
    const size_t len = strlen(text);
    buffer_put_varint(out, len);
    buffer_put(out, text, len);
}

static void put_reasons(const ingest_receipt *r, buffer *out)
{
    uint64_t count = 0;
    for (int i = INGEST_OK + 1; i < INGEST_REASON_COUNT; i++)
        count += r->reasons[i] > 0;
    buffer_put_varint(out, count);
    for (int i = INGEST_OK + 1; i < INGEST_REASON_COUNT; i++) {
        if (r->reasons[i] == 0)
            continue;
        put_text(out, ingest_reason_word((ingest_reason)i));
        buffer_put_varint(out, r->reasons[i]);
    }
}

static void put_sources(const ingest_receipt *r, buffer *out)
{
    buffer_put_varint(out, r->source_count);
    for (size_t i = 0; i < r->source_count; i++) {
        put_text(out, r->sources[i].kind);
        put_text(out, r->sources[i].type);
        buffer_put_varint(out, (uint64_t)r->sources[i].built);
    }
}

static void put_tally(const ingest_tally *t, buffer *out)
{
    put_text(out, t->dialect);
    buffer_put_varint(out, t->count);
    for (size_t i = 0; i < t->count; i++) {
        put_text(out, t->items[i].name);
        buffer_put_varint(out, t->items[i].count);
    }
}

static void put_dropped(const ingest_receipt *r, buffer *out)
{
    buffer_put_varint(out, r->drop_count);
    for (size_t i = 0; i < r->drop_count; i++) {
        put_text(out, r->drops[i].word);
        buffer_put_varint(out, r->drops[i].count);
    }
}

void receipt_encode(const ingest_receipt *r, buffer *out)
{
    ASSERT(r != NULL && out != NULL);
    const uint8_t parts = (r->drop_count > 0 ? PART_DROPPED : 0) |
                          (r->source_count > 0 ? PART_SOURCES : 0) |
                          (r->tally.dialect != NULL ? PART_TALLY : 0);
    buffer_put_u8(out, parts != 0 ? VERSION_PARTS : VERSION);
#define PUT_COUNTER(member) buffer_put_varint(out, r->member);
    COUNTERS(PUT_COUNTER)
#undef PUT_COUNTER
    put_text(out, r->load_id);
    put_reasons(r, out);
    buffer_put_varint(out, r->unknown_attribute_count);
    for (size_t i = 0; i < r->unknown_attribute_count; i++)
        put_text(out, r->unknown_attributes[i]);
    if (parts != 0)
        buffer_put_u8(out, parts);
    if ((parts & PART_DROPPED) != 0)
        put_dropped(r, out);
    if ((parts & PART_SOURCES) != 0)
        put_sources(r, out);
    if ((parts & PART_TALLY) != 0)
        put_tally(&r->tally, out);
}

/* ---- reading ---- */

/* A text of at most `most` bytes; false when it is longer or cut off. */
static bool get_text(reader *in, size_t most, muster_text *out)
{
    const uint64_t len = reader_varint(in);
    if (len > most)
        return false;
    const uint8_t *bytes = reader_bytes(in, (size_t)len);
    *out = text_make((const char *)bytes, (size_t)len);
    return bytes != NULL && memchr(bytes, '\0', (size_t)len) == NULL;
}

/* INGEST_OK when no reason has that word. */
static ingest_reason find_reason(muster_text word)
{
    for (int i = INGEST_OK + 1; i < INGEST_REASON_COUNT; i++)
        if (text_is(word, ingest_reason_word((ingest_reason)i)))
            return (ingest_reason)i;
    return INGEST_OK;
}

static bool get_reasons(ingest_receipt *r, reader *in)
{
    const uint64_t count = reader_varint(in);
    if (count >= INGEST_REASON_COUNT)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        muster_text word;
        if (!get_text(in, MUSTER_NAME_BYTES_MAX, &word))
            return false;
        const ingest_reason reason = find_reason(word);
        const uint64_t times = reader_varint(in);
        if (reason == INGEST_OK || r->reasons[reason] > 0 || times == 0)
            return false;
        r->reasons[reason] = times;
    }
    return true;
}

static bool get_unknown(ingest_receipt *r, reader *in)
{
    const uint64_t count = reader_varint(in);
    if (count > RECEIPT_UNKNOWN_MAX)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        muster_text name;
        if (!get_text(in, MUSTER_NAME_BYTES_MAX, &name) ||
            !catalog_is_attribute_name(name))
            return false;
        receipt_unknown_attribute(r, name);
    }
    return r->unknown_attribute_count == count;
}

static bool get_sources(ingest_receipt *r, reader *in)
{
    const uint64_t count = reader_varint(in);
    if (count == 0 || count > RECEIPT_SOURCES_MAX)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        muster_derive_source source;
        muster_text kind;
        muster_text type;
        memset(&source, 0, sizeof source);
        if (!get_text(in, sizeof source.kind - 1, &kind) ||
            !get_text(in, sizeof source.type - 1, &type))
            return false;
        memcpy(source.kind, kind.ptr, kind.len);
        memcpy(source.type, type.ptr, type.len);
        const uint64_t built = reader_varint(in);
        if (built > CLOCK_TIME_MAX)
            return false;
        source.built = (muster_time)built;
        receipt_source(r, &source);
    }
    return r->source_count == count;
}

static bool get_dropped(ingest_receipt *r, reader *in)
{
    const uint64_t count = reader_varint(in);
    if (count == 0 || count > RECEIPT_DROPS_MAX)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        char word[sizeof r->drops[0].word] = "";
        muster_text text;
        if (!get_text(in, sizeof word - 1, &text))
            return false;
        memcpy(word, text.ptr, text.len);
        receipt_drop_rows(r, word, reader_varint(in));
    }
    return r->drop_count == count;
}

static const char *find_dialect(muster_text name)
{
    static const char *const known[] = {"aam", "cdp", "liveramp"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (text_is(name, known[i]))
            return known[i];
    return NULL;
}

static bool get_tally(ingest_tally *t, reader *in)
{
    muster_text name;
    muster_text last = {"", 0};
    if (!get_text(in, TALLY_NAME_MAX, &name))
        return false;
    t->dialect = find_dialect(name);
    const uint64_t count = reader_varint(in);
    if (t->dialect == NULL || count > TALLY_NAMES_MAX)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!get_text(in, TALLY_NAME_MAX, &name) ||
            text_compare(last, name) >= 0 || !text_is_utf8(name))
            return false;
        tally_add(t, t->dialect, name, reader_varint(in));
        last = name;
    }
    return true;
}

static bool get_parts(ingest_receipt *r, reader *in)
{
    const uint8_t parts = reader_u8(in);
    return parts != 0 && parts <= (PART_DROPPED | PART_SOURCES | PART_TALLY) &&
           ((parts & PART_DROPPED) == 0 || get_dropped(r, in)) &&
           ((parts & PART_SOURCES) == 0 || get_sources(r, in)) &&
           ((parts & PART_TALLY) == 0 || get_tally(&r->tally, in));
}

static bool get_receipt(ingest_receipt *r, reader *in)
{
    muster_text load_id;
    const uint8_t version = reader_u8(in);
    if (version != VERSION && version != VERSION_PARTS)
        return false;
#define GET_COUNTER(member) r->member = reader_varint(in);
    COUNTERS(GET_COUNTER)
#undef GET_COUNTER
    if (!get_text(in, sizeof r->load_id - 1, &load_id))
        return false;
    memcpy(r->load_id, load_id.ptr, load_id.len);
    r->errors_truncated = r->rejected > 0;
    return get_reasons(r, in) && get_unknown(r, in) &&
           (version == VERSION || get_parts(r, in)) && reader_ok(in) &&
           reader_left(in) == 0;
}

int receipt_decode(ingest_receipt *r, const void *bytes, size_t len,
                   muster_error *err)
{
    reader in;
    ASSERT(r != NULL && (bytes != NULL || len == 0));
    receipt_init(r);
    reader_init(&in, bytes, len);
    if (get_receipt(r, &in))
        return 0;
    receipt_release(r);
    return error_set(err, MUSTER_ECORRUPT, "bad_receipt",
                     "the stored receipt of a load is damaged");
}
