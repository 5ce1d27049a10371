/*
 * msgpack.c - a stream of msgpack maps of the shape of a record; the one file
 * that knows msgpack-c.
 *
 * Strings are msgpack str; bin is refused. Times may also be the timestamp
 * extension (type -1, of 4, 8 or 12 bytes; fractions are dropped). A number
 * that is a float is meant as the decimal it was written from: a double is
 * taken when it is within 1e-9 (relative) of a multiple of 1/10,000, a single
 * when it is the single nearest to one.
 *
 * A stream has no marks to find the next record by. So bytes that are no
 * msgpack, or a value that is no map where a record should start, end the
 * input; a map that is only wrong as a record costs itself alone.
 *
 * Before anything is built, a value is walked over by its lengths alone:
 * iteratively, in constant memory, whatever its depth. So msgpack-c only
 * sees values that are whole, and what it allocates is bounded by the
 * record's bytes. It goes 32 levels deep; deeper records are refused.
 *
 * Cost: the walk is some 2 ns a value; building reuses one zone.
 * Threads: a parser belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

#include <math.h>
#include <msgpack.h>

#define ZONE_BYTES ((size_t)32 << 10)
#define VALUES_LIMIT ((uint64_t)1 << 62)
#define EXT_TIME (-1)
#define SECONDS_BITS 34
#define RELATIVE_ERROR 1e-9
#define ABSOLUTE_ERROR 0.01 /* of 1/10,000, however large the number */
#define SCALED_LIMIT ((double)MUSTER_NUMBER_SCALE * 1099511627776.0)

struct msgpack_parser {
    msgpack_zone zone;
};

msgpack_parser *msgpack_parser_new(void)
{
    msgpack_parser *p = mem_zalloc(sizeof *p);
    ASSERT(msgpack_zone_init(&p->zone, ZONE_BYTES));
    return p;
}

void msgpack_parser_free(msgpack_parser *p)
{
    if (p == NULL)
        return;
    msgpack_zone_destroy(&p->zone);
    mem_free(p);
}

/* ---- walking over values ---- */

/* First bytes c0 to df: how many bytes of length follow, and what stands
 * behind them: raw bytes, values, or pairs of values. */
typedef enum skip_unit { UNIT_RAW, UNIT_VALUES, UNIT_PAIRS, UNIT_BAD } skip_unit;
typedef struct skip_row {
    uint8_t length_bytes;
    uint8_t unit;
    uint8_t raw; /* bytes beside what the length says */
} skip_row;

static const skip_row skip_rows[32] = {
    {0, UNIT_RAW, 0},    {0, UNIT_BAD, 0},    /* nil, never used */
    {0, UNIT_RAW, 0},    {0, UNIT_RAW, 0},    /* false, true */
    {1, UNIT_RAW, 0},    {2, UNIT_RAW, 0},    /* bin 8, 16 */
    {4, UNIT_RAW, 0},    {1, UNIT_RAW, 1},    /* bin 32, ext 8 */
    {2, UNIT_RAW, 1},    {4, UNIT_RAW, 1},    /* ext 16, 32 */
    {0, UNIT_RAW, 4},    {0, UNIT_RAW, 8},    /* float 32, 64 */
    {0, UNIT_RAW, 1},    {0, UNIT_RAW, 2},    /* uint 8, 16 */
    {0, UNIT_RAW, 4},    {0, UNIT_RAW, 8},    /* uint 32, 64 */
    {0, UNIT_RAW, 1},    {0, UNIT_RAW, 2},    /* int 8, 16 */
    {0, UNIT_RAW, 4},    {0, UNIT_RAW, 8},    /* int 32, 64 */
    {0, UNIT_RAW, 2},    {0, UNIT_RAW, 3},    /* fixext 1, 2 */
    {0, UNIT_RAW, 5},    {0, UNIT_RAW, 9},    /* fixext 4, 8 */
    {0, UNIT_RAW, 17},   {1, UNIT_RAW, 0},    /* fixext 16, str 8 */
    {2, UNIT_RAW, 0},    {4, UNIT_RAW, 0},    /* str 16, 32 */
    {2, UNIT_VALUES, 0}, {4, UNIT_VALUES, 0}, /* array 16, 32 */
    {2, UNIT_PAIRS, 0},  {4, UNIT_PAIRS, 0},  /* map 16, 32 */
};

void msgpack_skip_begin(msgpack_skip *s)
{
    s->values = 1;
    s->raw = 0;
}

static uint64_t big_endian(const uint8_t *bytes, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++)
        v = v << 8 | bytes[i];
    return v;
}

/* The head of one value at `at`, of `left` bytes; its length, 0 when it is
 * not whole, SIZE_MAX when it is none. */
static inline size_t skip_head(msgpack_skip *s, const uint8_t *at, size_t left)
{
    const uint8_t first = at[0];
    if (first <= 0x7f || first >= 0xe0)
        return 1; /* small integers */
    if (first <= 0x8f) {
        s->values += 2u * (first & 0x0fu);
        return 1;
    }
    if (first <= 0x9f) {
        s->values += first & 0x0fu;
        return 1;
    }
    if (first <= 0xbf) {
        s->raw = first & 0x1fu;
        return 1;
    }
    const skip_row *row = &skip_rows[first - 0xc0];
    if (row->unit == UNIT_BAD)
        return SIZE_MAX;
    if (left < 1u + row->length_bytes)
        return 0;
    const uint64_t length = big_endian(at + 1, row->length_bytes);
    if (row->unit == UNIT_RAW)
        s->raw = length + row->raw;
    else
        s->values += row->unit == UNIT_PAIRS ? length * 2 : length;
    return 1u + row->length_bytes;
}

msgpack_state msgpack_skip_on(msgpack_skip *s, muster_text bytes,
                              size_t *used)
{
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    size_t at = 0;
    msgpack_state state = MSGPACK_DONE;
    while (state == MSGPACK_DONE && (s->raw > 0 || s->values > 0)) {
        const size_t left = bytes.len - at;
        const size_t raw = s->raw < left ? (size_t)s->raw : left;
        at += raw;
        s->raw -= raw;
        if (s->raw > 0 || (at == bytes.len && s->values > 0)) {
            state = MSGPACK_MORE;
        } else if (s->values > 0) {
            const size_t head = skip_head(s, p + at, bytes.len - at);
            if (head == 0) {
                state = MSGPACK_MORE;
            } else if (head == SIZE_MAX || s->values > VALUES_LIMIT) {
                state = MSGPACK_BAD;
            } else {
                s->values--;
                at += head;
            }
        }
    }
    *used = at;
    return state;
}

bool msgpack_is_map(char first)
{
    const uint8_t c = (uint8_t)first;
    return (c & 0xf0) == 0x80 || c == 0xde || c == 0xdf;
}

/* Length of the map at the start of `bytes`, when it is whole. */
static msgpack_state measure_map(muster_text bytes, size_t *len)
{
    msgpack_skip skip;
    *len = 0;
    if (bytes.len == 0)
        return MSGPACK_MORE;
    if (!msgpack_is_map(bytes.ptr[0]))
        return MSGPACK_BAD;
    msgpack_skip_begin(&skip);
    return msgpack_skip_on(&skip, bytes, len);
}

size_t msgpack_cut(muster_text bytes, bool *bad)
{
    size_t cut = 0;
    size_t len = 0;
    msgpack_state state = MSGPACK_DONE;
    do {
        state = measure_map(
            text_make(bytes.ptr + cut, bytes.len - cut), &len);
        if (state == MSGPACK_DONE)
            cut += len;
    } while (state == MSGPACK_DONE);
    *bad = state == MSGPACK_BAD;
    return cut;
}

static int refuse_stream(const char *word, const char *what, uint64_t offset,
                         muster_error *err)
{
    error_set(err, MUSTER_EPARSE, word, "%s at byte %llu", what,
              (unsigned long long)offset);
    if (err != NULL)
        err->offset = (size_t)offset;
    return MUSTER_EPARSE;
}

int msgpack_refuse(uint64_t offset, muster_error *err)
{
    return refuse_stream("bad_msgpack",
                         "the stream cannot be read on: no whole msgpack map "
                         "starts", offset, err);
}

int msgpack_truncated(uint64_t offset, muster_error *err)
{
    return refuse_stream("truncated_msgpack",
                         "the input ends within the msgpack map that starts",
                         offset, err);
}

/* ---- msgpack as a tree ---- */

/* A timestamp's whole seconds; false when it has no form of one. */
static bool ext_seconds(const msgpack_object_ext *ext, int64_t *out)
{
    const uint8_t *p = (const uint8_t *)ext->ptr;
    if (ext->type != EXT_TIME)
        return false;
    if (ext->size == 4)
        *out = (int64_t)big_endian(p, 4);
    else if (ext->size == 8)
        *out = (int64_t)(big_endian(p, 8) &
                         (((uint64_t)1 << SECONDS_BITS) - 1));
    else if (ext->size == 12)
        *out = (int64_t)big_endian(p + 4, 8);
    else
        return false;
    return true;
}

static inline tree_value tree_of(const msgpack_object *o)
{
    tree_value t = {.kind = TREE_OTHER, .node = o};
    switch (o->type) {
    case MSGPACK_OBJECT_NIL:
        t.kind = TREE_NULL;
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        t.kind = TREE_BOOL;
        t.integer = o->via.boolean;
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        t.kind = o->via.u64 <= INT64_MAX ? TREE_INT : TREE_NUMBER;
        t.integer = (int64_t)(o->via.u64 & INT64_MAX);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        t.kind = TREE_INT;
        t.integer = o->via.i64;
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        t.kind = TREE_NUMBER;
        break;
    case MSGPACK_OBJECT_STR:
        t.kind = TREE_TEXT;
        t.text = text_make(o->via.str.ptr, o->via.str.size);
        break;
    case MSGPACK_OBJECT_ARRAY:
        t.kind = TREE_LIST;
        break;
    case MSGPACK_OBJECT_MAP:
        t.kind = TREE_MAP;
        break;
    case MSGPACK_OBJECT_EXT:
        t.kind = ext_seconds(&o->via.ext, &t.integer) ? TREE_TIME
                                                      : TREE_OTHER;
        break;
    case MSGPACK_OBJECT_BIN:
        break;
    }
    return t;
}

static tree_iter walk_msgpack(const tree_value *v)
{
    const msgpack_object *o = v->node;
    if (v->kind == TREE_MAP)
        return (tree_iter){
            .cursor = o->via.map.ptr,
            .left = o->via.map.size,
            .map = true,
        };
    return (tree_iter){
        .cursor = o->via.array.ptr,
        .left = o->via.array.size,
    };
}

static bool next_msgpack(tree_iter *it)
{
    if (it->left == 0)
        return false;
    it->left--;
    if (!it->map) {
        const msgpack_object *o = it->cursor;
        it->value = tree_of(o);
        it->cursor = o + 1;
        return true;
    }
    const msgpack_object_kv *pair = it->cursor;
    it->key_is_text = pair->key.type == MSGPACK_OBJECT_STR;
    if (it->key_is_text)
        it->key = text_make(pair->key.via.str.ptr, pair->key.via.str.size);
    it->value = tree_of(&pair->val);
    it->cursor = pair + 1;
    return true;
}

/* The multiple of 1/10,000 that a float was written from. */
static int scale_float(double v, bool single, int64_t *out)
{
    const double x = v * MUSTER_NUMBER_SCALE;
    if (!isfinite(v))
        return MUSTER_EPARSE;
    if (x <= -SCALED_LIMIT || x >= SCALED_LIMIT)
        return MUSTER_ELIMIT;
    const double nearest = nearbyint(x);
    const double size = fabs(x) > 1 ? fabs(x) : 1;
    const double allowed = fmin(RELATIVE_ERROR * size, ABSOLUTE_ERROR);
    const bool near = fabs(x - nearest) <= allowed;
    const bool written =
        single ? (float)(nearest / MUSTER_NUMBER_SCALE) == (float)v
               : nearest / MUSTER_NUMBER_SCALE == v;
    if (!near && !written)
        return MUSTER_ELIMIT;
    *out = (int64_t)nearest;
    return 0;
}

static int scaled_msgpack(const tree_value *v, int64_t *out)
{
    const msgpack_object *o = v->node;
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return MUSTER_ELIMIT; /* it would be a TREE_INT if it fitted */
    return scale_float(o->via.f64, o->type == MSGPACK_OBJECT_FLOAT32, out);
}

static const tree_source msgpack_source = {
    walk_msgpack,
    next_msgpack,
    scaled_msgpack,
};

/* ---- records ---- */

static void read_map(msgpack_parser *p, record_front *f, muster_text bytes,
                     record_place place)
{
    if (bytes.len > MUSTER_RECORD_BYTES_MAX) {
        record_refuse_at(f, place, INGEST_TOO_LONG,
                         "a record has at most %u bytes",
                         MUSTER_RECORD_BYTES_MAX);
        return;
    }
    msgpack_object object;
    size_t used = 0;
    const msgpack_unpack_return rc =
        msgpack_unpack(bytes.ptr, bytes.len, &used, &p->zone, &object);
    if (rc == MSGPACK_UNPACK_SUCCESS || rc == MSGPACK_UNPACK_EXTRA_BYTES) {
        const tree_value tree = tree_of(&object);
        record_begin(f, place);
        if (record_read_tree(f, &msgpack_source, &tree))
            record_end(f);
    } else {
        record_refuse_at(f, place, INGEST_BAD_MSGPACK,
                         "the map is nested too deep");
    }
    msgpack_zone_clear(&p->zone);
}

void msgpack_read(msgpack_parser *p, record_front *f, const chunk *c,
                  chunk_cursor *cursor, bool whole)
{
    while (cursor->at < c->len && (whole || !parser_is_full(f))) {
        const uint64_t offset = c->offset + cursor->at;
        muster_text bytes =
            text_make(c->data + cursor->at, c->len - cursor->at);
        const msgpack_state state = measure_map(bytes, &bytes.len);
        if (state != MSGPACK_DONE) {
            f->fatal = state == MSGPACK_BAD
                           ? msgpack_refuse(offset, &f->error)
                           : msgpack_truncated(offset, &f->error);
            cursor->at = c->len;
            return;
        }
        cursor->at += bytes.len;
        cursor->line++;
        read_map(p, f, bytes, (record_place){cursor->line, offset});
    }
}
