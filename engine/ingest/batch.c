/*
 * batch.c - the encoded form of facts: the bytes that the log keeps and that
 * applying reads. Pseudonyms, names, value texts and facts; nothing that
 * identifies.
 *
 * Batch (v: LEB128 varint, z: zigzag varint, both in their shortest form):
 *
 *   bytes  content
 *   4      "MFB" and the version: 1, or 2 when some record has a wipe
 *   v      number of providers P
 *   v      number of id spaces S, at most 255
 *   v      number of attributes A
 *   v      number of terms T
 *   v      number of records R
 *   z      base time: ts of the first record (0 when there is none)
 *   v*P    length of each provider's name
 *   v*S    length of each space's name
 *   v*A    length of each attribute's name
 *   2v*T   each term: attribute number, length of its value text
 *   ..     the texts, in the same order, one behind the other
 *   ..     R records to the end
 *
 * Record:
 *
 *   1      bits 0-4: number of ids, 0 when it does not fit; bit 5: provider
 *          is not number 0; bit 6: ts differs from the record before (from
 *          the base time for the first); bit 7: it has a TTL
 *   v      number of ids, when bits 0-4 are 0
 *   v      provider, when bit 5
 *   z      ts - ts of the record before, when bit 6
 *   v      TTL in hours, when bit 7
 *   17*n   ids: number of the space, pseudonym
 *   v      number of facts
 *   ..     facts
 *
 * Fact: one byte, bits 0-3 the fact_op, bits 4-7 by op; then
 *
 *   wipe                           nothing
 *   clear, replace, flag, unflag   v attribute
 *   remove, set, text, add         v term
 *   number                         v attribute, z value: whole units when
 *                                  bit 4, else x 10^4
 *   event                          v term when bit 4, else v attribute;
 *                                  z ts - ts of the record when bit 5;
 *                                  v count (>= 2) when bit 6;
 *                                  v amount x 10^4 when bit 7
 *
 * Bytes are a batch if and only if (1) they read as above to their last
 * byte; (2) names are names of the catalog, values are 1 to 1024 bytes of
 * UTF-8; (3) every number of a text is below its count; (4) times lie in
 * CLOCK_TIME_MIN..MAX, numbers, counts, amounts, TTLs and the sizes of a
 * record within limits.h; (5) a wipe is the first fact of its record, and of
 * version 2. What (1) to (5) does not hold for is MUSTER_ECORRUPT; so applying
 * may assert them. The order of facts in a record is the writer's: wipe,
 * clear, remove, set, add, events.
 *
 * Cost: a fact is 3 to 4 bytes in practice and 5 to 10 ns to read. Reading
 * allocates 16 to 20 bytes a text, at most that many times the batch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/batch.h"

#define BATCH_MAGIC "MFB"
#define BATCH_MAGIC_LEN 3u
#define BATCH_PLAIN 1u
#define BATCH_WIPES 2u
/* Far above what a chunk of input can become. */
#define BATCH_BYTES_MAX ((size_t)2 << 30)

#define VARINT_32_MAX 5u
#define VARINT_64_MAX 10u
#define HEAD_BYTES_MAX (1 + 3 * VARINT_32_MAX + 2 * VARINT_64_MAX)
#define FACT_BYTES_MAX (1 + 2 * VARINT_32_MAX + 2 * VARINT_64_MAX)

#define HEAD_IDS_MASK 0x1fu
#define HEAD_PROVIDER 0x20u
#define HEAD_TIME 0x40u
#define HEAD_TTL 0x80u

#define FACT_OP_MASK 0x0fu
#define FACT_WHOLE 0x10u
#define FACT_TERM 0x10u
#define FACT_TIME 0x20u
#define FACT_COUNT 0x40u
#define FACT_AMOUNT 0x80u

#define TTL_HOURS_MAX (10000u * 24u) /* text_parse_duration's */
#define NUMBER_LIMIT                                                           \
    ((int64_t)MUSTER_NUMBER_SCALE << MUSTER_NUMBER_BITS) /* exclusive */

/* ---- writer ---- */

batch_writer *batch_writer_new(void)
{
    batch_writer *w = mem_zalloc(sizeof *w);
    intern_init(&w->providers);
    intern_init(&w->spaces);
    intern_init(&w->attributes);
    intern_init(&w->terms);
    buffer_init(&w->body, BATCH_BYTES_MAX);
    return w;
}

void batch_writer_free(batch_writer *w)
{
    if (w == NULL)
        return;
    intern_release(&w->providers);
    intern_release(&w->spaces);
    intern_release(&w->attributes);
    intern_release(&w->terms);
    buffer_release(&w->body);
    mem_free(w->facts);
    mem_free(w);
}

uint32_t batch_provider(batch_writer *w, muster_text name)
{
    bool is_new;
    return intern_put(&w->providers, 0, name, &is_new);
}

uint32_t batch_space(batch_writer *w, muster_text name)
{
    bool is_new;
    return intern_put(&w->spaces, 0, name, &is_new);
}

uint32_t batch_attribute(batch_writer *w, muster_text name)
{
    bool is_new;
    return intern_put(&w->attributes, 0, name, &is_new);
}

uint32_t batch_term(batch_writer *w, uint32_t attribute, muster_text value)
{
    bool is_new;
    ASSERT(attribute < w->attributes.count);
    return intern_put(&w->terms, attribute, value, &is_new);
}

void batch_record_begin(batch_writer *w)
{
    ASSERT(!w->building);
    w->building = true;
    w->id_count = 0;
    w->fact_count = 0;
    w->provider_mark = w->providers.count;
    w->space_mark = w->spaces.count;
    w->attribute_mark = w->attributes.count;
    w->term_mark = w->terms.count;
}

/* An id that the record already has is not said twice. */
void batch_record_id(batch_writer *w, uint32_t space, const muster_pseudonym *p)
{
    ASSERT(w->building && space < w->spaces.count);
    ASSERT(space < BATCH_SPACES_MAX);
    uint8_t id[BATCH_ID_BYTES];
    id[0] = (uint8_t)space;
    memcpy(id + 1, p->bytes, sizeof p->bytes);
    for (uint32_t i = 0; i < w->id_count; i++)
        if (memcmp(w->ids + i * BATCH_ID_BYTES, id, BATCH_ID_BYTES) == 0)
            return;
    ASSERT(w->id_count < MUSTER_RECORD_IDS_MAX);
    memcpy(w->ids + w->id_count * BATCH_ID_BYTES, id, BATCH_ID_BYTES);
    w->id_count++;
}

uint32_t batch_record_id_later(batch_writer *w, uint32_t space)
{
    ASSERT(w->building && space < w->spaces.count);
    ASSERT(space < BATCH_SPACES_MAX && w->id_count < MUSTER_RECORD_IDS_MAX);
    uint8_t *id = w->ids + w->id_count * BATCH_ID_BYTES;
    memset(id, 0, BATCH_ID_BYTES);
    id[0] = (uint8_t)space;
    return w->id_count++;
}

bool batch_record_has_space(const batch_writer *w, uint32_t space)
{
    for (uint32_t i = 0; i < w->id_count; i++)
        if (w->ids[i * BATCH_ID_BYTES] == space)
            return true;
    return false;
}

void batch_record_fact(batch_writer *w, const fact *f)
{
    *batch_record_slot(w) = *f;
}

static inline uint8_t *put_varint(uint8_t *to, uint64_t v)
{
    while (v >= 0x80) {
        *to++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *to++ = (uint8_t)v;
    return to;
}

static inline uint8_t *put_zigzag(uint8_t *to, int64_t v)
{
    const uint64_t sign = v < 0 ? UINT64_MAX : 0;
    return put_varint(to, ((uint64_t)v << 1) ^ sign);
}

static uint8_t *put_number(uint8_t *to, const fact *f)
{
    ASSERT(f->number > -NUMBER_LIMIT && f->number < NUMBER_LIMIT);
    const bool whole = f->number % MUSTER_NUMBER_SCALE == 0;
    *to++ = (uint8_t)(FACT_NUMBER | (whole ? FACT_WHOLE : 0));
    to = put_varint(to, f->attribute);
    return put_zigzag(to, whole ? f->number / MUSTER_NUMBER_SCALE : f->number);
}

static uint8_t *put_event(uint8_t *to, const fact *f, muster_time record_ts)
{
    ASSERT(f->count >= 1 && f->amount >= 0);
    uint32_t bits = FACT_EVENT;
    bits |= f->term != FACT_NO_TERM ? FACT_TERM : 0;
    bits |= f->ts != record_ts ? FACT_TIME : 0;
    bits |= f->count != 1 ? FACT_COUNT : 0;
    bits |= f->has_amount ? FACT_AMOUNT : 0;
    *to++ = (uint8_t)bits;
    to = put_varint(to, f->term != FACT_NO_TERM ? f->term : f->attribute);
    if ((bits & FACT_TIME) != 0)
        to = put_zigzag(to, f->ts - record_ts);
    if ((bits & FACT_COUNT) != 0)
        to = put_varint(to, f->count);
    if ((bits & FACT_AMOUNT) != 0)
        to = put_varint(to, (uint64_t)f->amount);
    return to;
}

static uint8_t *put_fact(const batch_writer *w, uint8_t *to, const fact *f,
                         muster_time record_ts)
{
    if (f->op == FACT_WIPE) {
        *to++ = (uint8_t)f->op;
        return to;
    }
    ASSERT(f->attribute < w->attributes.count);
    ASSERT(f->term == FACT_NO_TERM || f->term < w->terms.count);
    switch (f->op) {
    case FACT_REMOVE:
    case FACT_SET:
    case FACT_TEXT:
    case FACT_ADD:
        ASSERT(f->term != FACT_NO_TERM);
        *to++ = (uint8_t)f->op;
        return put_varint(to, f->term);
    case FACT_NUMBER:
        return put_number(to, f);
    case FACT_EVENT:
        return put_event(to, f, record_ts);
    case FACT_CLEAR:
    case FACT_REPLACE:
    case FACT_FLAG:
    case FACT_UNFLAG:
    case FACT_WIPE:
        break;
    }
    *to++ = (uint8_t)f->op;
    return put_varint(to, f->attribute);
}

static uint8_t *put_head(const batch_writer *w, uint8_t *to, uint32_t provider,
                         muster_time ts, uint32_t ttl_hours)
{
    const bool fits = w->id_count <= HEAD_IDS_MASK;
    uint32_t bits = fits ? w->id_count : 0;
    bits |= provider != 0 ? HEAD_PROVIDER : 0;
    bits |= ts != w->last_ts ? HEAD_TIME : 0;
    bits |= ttl_hours != CATALOG_TTL_UNSET ? HEAD_TTL : 0;
    *to++ = (uint8_t)bits;
    if (!fits)
        to = put_varint(to, w->id_count);
    if ((bits & HEAD_PROVIDER) != 0)
        to = put_varint(to, provider);
    if ((bits & HEAD_TIME) != 0)
        to = put_zigzag(to, ts - w->last_ts);
    if ((bits & HEAD_TTL) != 0)
        to = put_varint(to, ttl_hours);
    return to;
}

void batch_record_end(batch_writer *w, uint32_t provider, muster_time ts,
                      uint32_t ttl_hours)
{
    ASSERT(w->building && w->id_count > 0);
    ASSERT(provider < w->providers.count);
    ASSERT(ts >= CLOCK_TIME_MIN && ts <= CLOCK_TIME_MAX);
    if (w->record_count == 0) {
        w->base_time = ts;
        w->last_ts = ts;
    }
    const size_t id_bytes = (size_t)w->id_count * BATCH_ID_BYTES;
    uint8_t *const start =
        buffer_reserve(&w->body, HEAD_BYTES_MAX + id_bytes +
                                     (size_t)w->fact_count * FACT_BYTES_MAX);
    ASSERT(start != NULL);
    uint8_t *to = put_head(w, start, provider, ts, ttl_hours);
    memcpy(to, w->ids, id_bytes);
    w->ids_at = w->body.len + (size_t)(to - start);
    to = put_varint(to + id_bytes, w->fact_count);
    for (uint32_t i = 0; i < w->fact_count; i++)
        to = put_fact(w, to, &w->facts[i], ts);
    w->body.len += (size_t)(to - start);
    w->last_ts = ts;
    w->record_count++;
    w->has_wipes |= w->fact_count > 0 && w->facts[0].op == FACT_WIPE;
    w->building = false;
}

void batch_record_drop(batch_writer *w)
{
    ASSERT(w->building);
    intern_cut(&w->providers, w->provider_mark);
    intern_cut(&w->spaces, w->space_mark);
    intern_cut(&w->terms, w->term_mark);
    intern_cut(&w->attributes, w->attribute_mark);
    w->building = false;
}

static void put_lengths(buffer *out, const intern_table *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        buffer_put_varint(out, t->entries[i].len);
}

static void put_terms(buffer *out, const intern_table *t)
{
    const size_t most = (size_t)t->count * 2 * VARINT_32_MAX;
    uint8_t *const start = buffer_reserve(out, most);
    ASSERT(start != NULL);
    uint8_t *to = start;
    for (uint32_t i = 0; i < t->count; i++) {
        to = put_varint(to, t->entries[i].group);
        to = put_varint(to, t->entries[i].len);
    }
    out->len += (size_t)(to - start);
}

void batch_writer_finish(batch_writer *w, buffer *out)
{
    ASSERT(!w->building);
    buffer_reserve(out, w->body.len + w->terms.bytes_len +
                            (size_t)w->terms.count * 4 + 4096);
    buffer_put(out, BATCH_MAGIC, BATCH_MAGIC_LEN);
    buffer_put_u8(out, w->has_wipes ? BATCH_WIPES : BATCH_PLAIN);
    buffer_put_varint(out, w->providers.count);
    buffer_put_varint(out, w->spaces.count);
    buffer_put_varint(out, w->attributes.count);
    buffer_put_varint(out, w->terms.count);
    buffer_put_varint(out, w->record_count);
    buffer_put_zigzag(out, w->record_count > 0 ? w->base_time : 0);
    put_lengths(out, &w->providers);
    put_lengths(out, &w->spaces);
    put_lengths(out, &w->attributes);
    put_terms(out, &w->terms);
    buffer_put(out, w->providers.bytes, w->providers.bytes_len);
    buffer_put(out, w->spaces.bytes, w->spaces.bytes_len);
    buffer_put(out, w->attributes.bytes, w->attributes.bytes_len);
    buffer_put(out, w->terms.bytes, w->terms.bytes_len);
    buffer_put(out, w->body.data, w->body.len);
    ASSERT(buffer_ok(out));
    intern_reset(&w->providers);
    intern_reset(&w->spaces);
    intern_reset(&w->attributes);
    intern_reset(&w->terms);
    buffer_clear(&w->body);
    w->record_count = 0;
    w->has_wipes = false;
}

void fact_batch_free(fact_batch *b)
{
    if (b == NULL)
        return;
    buffer_release(&b->bytes);
    mem_free(b->places);
    mem_free(b->rejects);
    mem_free(b->reject_before);
    mem_free(b->sources);
    mem_free(b->marks);
    tally_release(&b->tally);
    mem_free(b);
}

/* ---- reader ---- */

/* The decoding loop keeps its own cursor: a varint of one byte, the usual
 * one, costs a comparison. */
static inline uint64_t get_varint(reader *in)
{
    if (in->ptr < in->end && *in->ptr < 0x80)
        return *in->ptr++;
    if (in->end - in->ptr >= 2 && in->ptr[1] < 0x80 && in->ptr[1] != 0) {
        const uint32_t low = in->ptr[0] & 0x7fu;
        const uint32_t high = in->ptr[1];
        in->ptr += 2;
        return low | high << 7;
    }
    return reader_varint(in);
}

static inline int64_t get_zigzag(reader *in)
{
    const uint64_t v = get_varint(in);
    const uint64_t sign = (v & 1) != 0 ? UINT64_MAX : 0;
    return (int64_t)((v >> 1) ^ sign);
}

static bool spoil(batch_reader *r)
{
    r->in.bad = true;
    r->in.ptr = r->in.end;
    r->facts_left = 0;
    r->records_left = 0;
    return false;
}

/* A count of things that take at least `least` bytes each. */
static uint32_t get_count(batch_reader *r, uint64_t least)
{
    const uint64_t count = get_varint(&r->in);
    if (count > UINT32_MAX / 4 || count * least > reader_left(&r->in)) {
        spoil(r);
        return 0;
    }
    return (uint32_t)count;
}

static bool get_lengths(batch_reader *r, muster_text *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t len = get_varint(&r->in);
        if (len == 0 || len > MUSTER_NAME_BYTES_MAX)
            return spoil(r);
        texts[i].len = (size_t)len;
    }
    return true;
}

static bool get_term_lengths(batch_reader *r, muster_text *terms,
                             uint32_t *attributes)
{
    for (uint32_t i = 0; i < r->term_count; i++) {
        const uint64_t attribute = get_varint(&r->in);
        const uint64_t len = get_varint(&r->in);
        if (attribute >= r->attribute_count || len == 0 ||
            len > MUSTER_VALUE_BYTES_MAX)
            return spoil(r);
        attributes[i] = (uint32_t)attribute;
        terms[i].len = (size_t)len;
    }
    return true;
}

/* Texts with their lengths set get their bytes; each must be `valid`. */
static bool get_texts(batch_reader *r, muster_text *texts, uint32_t count,
                      bool (*valid)(muster_text))
{
    for (uint32_t i = 0; i < count; i++) {
        texts[i].ptr = (const char *)reader_bytes(&r->in, texts[i].len);
        if (texts[i].ptr == NULL || !valid(texts[i]))
            return spoil(r);
    }
    return true;
}

static bool get_counts(batch_reader *r)
{
    r->provider_count = get_count(r, 2);
    r->space_count = get_count(r, 2);
    r->attribute_count = get_count(r, 2);
    r->term_count = get_count(r, 3);
    r->record_count = get_count(r, 2 + BATCH_ID_BYTES);
    r->base_time = get_zigzag(&r->in);
    r->record_ts = r->base_time;
    r->records_left = r->record_count;
    return reader_ok(&r->in) && r->space_count <= BATCH_SPACES_MAX;
}

static bool get_tables(batch_reader *r)
{
    if (!get_counts(r))
        return false;
    const size_t names =
        (size_t)r->provider_count + r->space_count + r->attribute_count;
    muster_text *texts =
        arena_alloc(&r->memory, (names + r->term_count + 1) * sizeof *texts);
    uint32_t *attributes = arena_alloc(&r->memory, ((size_t)r->term_count + 1) *
                                                       sizeof *attributes);
    muster_text *spaces = texts + r->provider_count;
    muster_text *terms = texts + names;
    r->providers = texts;
    r->spaces = spaces;
    r->attributes = spaces + r->space_count;
    r->terms = terms;
    r->term_attributes = attributes;
    return get_lengths(r, texts, (uint32_t)names) &&
           get_term_lengths(r, terms, attributes) &&
           get_texts(r, texts, r->provider_count + r->space_count,
                     catalog_is_provider_name) &&
           get_texts(r, spaces + r->space_count, r->attribute_count,
                     catalog_is_attribute_name) &&
           get_texts(r, terms, r->term_count, text_is_utf8);
}

int batch_open(batch_reader *r, const uint8_t *bytes, size_t len,
               muster_error *err)
{
    ASSERT(r != NULL && (bytes != NULL || len == 0));
    memset(r, 0, sizeof *r);
    reader_init(&r->in, bytes, len);
    arena_init(&r->memory);
    const uint8_t *magic = reader_bytes(&r->in, BATCH_MAGIC_LEN);
    r->version = reader_u8(&r->in);
    if (magic == NULL || memcmp(magic, BATCH_MAGIC, BATCH_MAGIC_LEN) != 0 ||
        (r->version != BATCH_PLAIN && r->version != BATCH_WIPES)) {
        spoil(r);
        return error_set(err, MUSTER_ECORRUPT, "bad_batch",
                         "these bytes are not a batch of facts");
    }
    if (!get_tables(r)) {
        spoil(r);
        arena_release(&r->memory);
        return error_set(err, MUSTER_ECORRUPT, "bad_batch",
                         "the tables of a batch of facts are damaged");
    }
    return 0;
}

static inline bool is_time(muster_time t)
{
    return t >= CLOCK_TIME_MIN && t <= CLOCK_TIME_MAX;
}

/* A time near `from`; 0 and spoilt when it is none. */
static inline muster_time get_time(batch_reader *r, muster_time from)
{
    const int64_t delta = get_zigzag(&r->in);
    muster_time t = 0;
    if (__builtin_add_overflow(from, delta, &t) || !is_time(t)) {
        spoil(r);
        return 0;
    }
    return t;
}

static bool get_ids(batch_reader *r, fact_record *out)
{
    out->ids = reader_bytes(&r->in, (size_t)out->id_count * BATCH_ID_BYTES);
    if (out->ids == NULL)
        return spoil(r);
    for (uint32_t i = 0; i < out->id_count; i++)
        if (out->ids[(size_t)i * BATCH_ID_BYTES] >= r->space_count)
            return spoil(r);
    return true;
}

static bool get_head(batch_reader *r, fact_record *out)
{
    const uint32_t bits = reader_u8(&r->in);
    uint64_t ids = bits & HEAD_IDS_MASK;
    uint64_t provider = 0;
    uint64_t ttl = CATALOG_TTL_UNSET;
    if (ids == 0) {
        ids = get_varint(&r->in);
        if (ids <= HEAD_IDS_MASK)
            return spoil(r);
    }
    if ((bits & HEAD_PROVIDER) != 0)
        provider = get_varint(&r->in);
    if ((bits & HEAD_TIME) != 0)
        r->record_ts = get_time(r, r->record_ts);
    if ((bits & HEAD_TTL) != 0) {
        ttl = get_varint(&r->in);
        if (ttl > TTL_HOURS_MAX)
            return spoil(r);
    }
    if (ids > MUSTER_RECORD_IDS_MAX || provider >= r->provider_count ||
        !is_time(r->record_ts) || !reader_ok(&r->in))
        return spoil(r);
    out->id_count = (uint32_t)ids;
    out->provider = (uint32_t)provider;
    out->ttl_hours = (uint32_t)ttl;
    out->ts = r->record_ts;
    return get_ids(r, out);
}

bool batch_next_record(batch_reader *r, fact_record *out)
{
    fact skipped;
    while (r->facts_left > 0)
        if (!batch_next_fact(r, &skipped))
            return false;
    if (r->records_left == 0) {
        if (reader_left(&r->in) > 0)
            spoil(r);
        return false;
    }
    r->records_left--;
    if (!get_head(r, out))
        return false;
    const uint64_t facts = get_varint(&r->in);
    if (facts > MUSTER_RECORD_FACTS_MAX || !reader_ok(&r->in))
        return spoil(r);
    out->fact_count = (uint32_t)facts;
    r->facts_left = (uint32_t)facts;
    r->at_first = true;
    return true;
}

static inline bool get_attribute(batch_reader *r, fact *out)
{
    const uint64_t attribute = get_varint(&r->in);
    if (attribute >= r->attribute_count)
        return false;
    out->attribute = (uint32_t)attribute;
    out->term = FACT_NO_TERM;
    return true;
}

static inline bool get_term(batch_reader *r, fact *out)
{
    const uint64_t term = get_varint(&r->in);
    if (term >= r->term_count)
        return false;
    out->attribute = r->term_attributes[term];
    out->term = (uint32_t)term;
    return true;
}

static bool get_number(batch_reader *r, fact *out, uint32_t bits)
{
    if (!get_attribute(r, out))
        return false;
    int64_t v = get_zigzag(&r->in);
    if (v <= -NUMBER_LIMIT || v >= NUMBER_LIMIT)
        return false;
    const bool whole = (bits & FACT_WHOLE) != 0;
    if (whole && __builtin_mul_overflow(v, MUSTER_NUMBER_SCALE, &v))
        return false;
    if (!whole && v % MUSTER_NUMBER_SCALE == 0)
        return false;
    out->number = v;
    return v > -NUMBER_LIMIT && v < NUMBER_LIMIT;
}

static bool get_event(batch_reader *r, fact *out, uint32_t bits)
{
    if ((bits & FACT_TERM) != 0 ? !get_term(r, out) : !get_attribute(r, out))
        return false;
    out->ts = r->record_ts;
    out->count = 1;
    if ((bits & FACT_TIME) != 0)
        out->ts = get_time(r, r->record_ts);
    if ((bits & FACT_COUNT) != 0) {
        const uint64_t count = get_varint(&r->in);
        if (count < 2 || count > MUSTER_EVENT_COUNT_MAX)
            return false;
        out->count = (uint32_t)count;
    }
    if ((bits & FACT_AMOUNT) != 0) {
        const uint64_t amount = get_varint(&r->in);
        if (amount > (uint64_t)MUSTER_AMOUNT_MAX * MUSTER_NUMBER_SCALE)
            return false;
        out->has_amount = true;
        out->amount = (int64_t)amount;
    }
    return true;
}

static inline bool get_fact(batch_reader *r, fact *out, uint32_t bits)
{
    const uint32_t rest = bits & ~FACT_OP_MASK;
    switch (bits & FACT_OP_MASK) {
    case FACT_CLEAR:
    case FACT_REPLACE:
    case FACT_FLAG:
    case FACT_UNFLAG:
        return rest == 0 && get_attribute(r, out);
    case FACT_REMOVE:
    case FACT_SET:
    case FACT_TEXT:
    case FACT_ADD:
        return rest == 0 && get_term(r, out);
    case FACT_NUMBER:
        return (rest & ~FACT_WHOLE) == 0 && get_number(r, out, bits);
    case FACT_EVENT:
        return get_event(r, out, bits);
    case FACT_WIPE:
        out->term = FACT_NO_TERM;
        return rest == 0 && r->at_first && r->version == BATCH_WIPES;
    default:
        return false;
    }
}

bool batch_next_fact(batch_reader *r, fact *out)
{
    if (r->facts_left == 0)
        return false;
    r->facts_left--;
    if (r->in.ptr == r->in.end)
        return spoil(r);
    const uint32_t bits = *r->in.ptr++;
    *out = (fact){.op = (fact_op)(bits & FACT_OP_MASK)};
    if (!get_fact(r, out, bits) || r->in.bad)
        return spoil(r);
    r->at_first = false;
    return true;
}

bool batch_ok(const batch_reader *r)
{
    return reader_ok(&r->in);
}

void batch_close(batch_reader *r)
{
    arena_release(&r->memory);
    memset(r, 0, sizeof *r);
}
