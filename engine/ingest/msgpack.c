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
 * Records as programs write them are then read by a way of our own, to a
 * tape; what is rare (bin, ext, depth) by msgpack-c. Both give the same.
 *
 * Cost: the walk is some 2 ns a value, the tape 4; building reuses one zone.
 * Threads: a parser belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

#include <math.h>
#include <msgpack.h>
#include "ingest/tape.h"

#define ZONE_BYTES ((size_t)32 << 10)
#define VALUES_LIMIT ((uint64_t)1 << 62)
#define EXT_TIME (-1)
#define SECONDS_BITS 34
#define RELATIVE_ERROR 1e-9
#define ABSOLUTE_ERROR 0.01 /* of 1/10,000, however large the number */
#define SCALED_LIMIT ((double)MUSTER_NUMBER_SCALE * 1099511627776.0)

/* Longer records are the library's. */
#define PLAIN_BYTES_MAX 65536u

struct msgpack_parser {
    tape tape;
    msgpack_zone zone;
};

msgpack_parser *msgpack_parser_new(void)
{
    msgpack_parser *p = mem_zalloc(sizeof *p);
    const bool made = msgpack_zone_init(&p->zone, ZONE_BYTES);
    ASSERT(made);
    return p;
}

void msgpack_parser_free(msgpack_parser *p)
{
    if (p == NULL)
        return;
    tape_release(&p->tape);
    msgpack_zone_destroy(&p->zone);
    mem_free(p);
}

/* ---- walking over values ---- */

/* First bytes c0 to df: how many bytes of length follow, and what stands
 * behind them: raw bytes, values, or pairs of values. */
typedef enum skip_unit {
    UNIT_RAW,
    UNIT_VALUES,
    UNIT_PAIRS,
    UNIT_BAD
} skip_unit;
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

/* The head of a value that is none of the short ones: bytes behind it in
 * *at, new values in s. False when it is not whole or no msgpack (*bad). */
static bool skip_long(msgpack_skip *s, const uint8_t *p, size_t len, size_t *at,
                      bool *bad)
{
    const skip_row *row = &skip_rows[p[*at] - 0xc0];
    *bad = row->unit == UNIT_BAD;
    if (*bad || len - *at < 1u + row->length_bytes)
        return false;
    const uint64_t length = big_endian(p + *at + 1, row->length_bytes);
    *at += 1u + row->length_bytes;
    if (row->unit == UNIT_RAW)
        *at += length + row->raw;
    else
        s->values += row->unit == UNIT_PAIRS ? length * 2 : length;
    *bad = s->values > VALUES_LIMIT;
    return !*bad;
}

msgpack_state msgpack_skip_on(msgpack_skip *s, muster_text bytes, size_t *used)
{
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    const size_t len = bytes.len;
    size_t at = s->raw < len ? (size_t)s->raw : len;
    bool bad = false;
    s->raw -= at;
    while (s->values > 0 && at < len) {
        const uint8_t first = p[at];
        if (first >= 0xa0 && first <= 0xbf) {
            at += 1 + (first & 0x1fu); /* str */
        } else if (first <= 0x7f || first >= 0xe0) {
            at++; /* integer */
        } else if (first <= 0x9f) {
            s->values += first <= 0x8f ? 2 * (first & 0x0fu) : first & 0x0fu;
            at++;
        } else if (!skip_long(s, p, len, &at, &bad)) {
            *used = at;
            return bad ? MSGPACK_BAD : MSGPACK_MORE;
        }
        s->values--;
    }
    if (at > len) {
        s->raw = at - len;
        at = len;
    }
    *used = at;
    return s->values > 0 || s->raw > 0 ? MSGPACK_MORE : MSGPACK_DONE;
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

size_t msgpack_cut(chunk *c, bool *bad)
{
    size_t cut = 0;
    size_t len = 0;
    msgpack_state state = MSGPACK_DONE;
    c->end_count = 0;
    for (;;) {
        state = measure_map(text_make(c->data + cut, c->len - cut), &len);
        if (state != MSGPACK_DONE)
            break;
        cut += len;
        mem_grow(&c->ends, &c->end_capacity, c->end_count + 1, sizeof *c->ends);
        c->ends[c->end_count++] = cut;
    }
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
                         "starts",
                         offset, err);
}

int msgpack_truncated(uint64_t offset, muster_error *err)
{
    return refuse_stream("truncated_msgpack",
                         "the input ends within the msgpack map that starts",
                         offset, err);
}

/* ---- msgpack as a tree ---- */

/* A timestamp's whole seconds; false when the extension is none. */
static bool ext_seconds(int8_t type, const uint8_t *p, size_t len, int64_t *out)
{
    if (type != EXT_TIME)
        return false;
    if (len == 4)
        *out = (int64_t)big_endian(p, 4);
    else if (len == 8)
        *out =
            (int64_t)(big_endian(p, 8) & (((uint64_t)1 << SECONDS_BITS) - 1));
    else if (len == 12)
        *out = (int64_t)big_endian(p + 4, 8);
    else
        return false;
    return true;
}

static const tree_node *node_of(const msgpack_object *o)
{
    return (const tree_node *)(const void *)o;
}

static const msgpack_object *object_of(const tree_node *node)
{
    return (const msgpack_object *)(const void *)node;
}

/* The library has no pointer for an empty str. */
static muster_text text_of_str(const msgpack_object *o)
{
    const msgpack_object_str *str = &o->via.str;
    return str->size > 0 ? text_make(str->ptr, str->size) : text_of("");
}

static tree_value value_of_ext(const msgpack_object *o)
{
    tree_value v = {.kind = TREE_TIME};
    if (!ext_seconds(o->via.ext.type, (const uint8_t *)o->via.ext.ptr,
                     o->via.ext.size, &v.as.integer))
        v.kind = TREE_OTHER;
    return v;
}

static tree_value value_msgpack(const tree_node *node)
{
    const msgpack_object *o = object_of(node);
    tree_value v = {.kind = TREE_OTHER, .as.node = node};
    switch (o->type) {
    case MSGPACK_OBJECT_STR:
        return (tree_value){TREE_TEXT, o->via.str.size, {text_of_str(o).ptr}};
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        v.kind = TREE_NUMBER;
        if (o->via.u64 <= INT64_MAX)
            return (tree_value){.kind = TREE_INT, .as.integer = o->via.i64};
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return (tree_value){.kind = TREE_INT, .as.integer = o->via.i64};
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        v.kind = TREE_NUMBER;
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        return (tree_value){.kind = TREE_BOOL, .as.integer = o->via.boolean};
    case MSGPACK_OBJECT_ARRAY:
        v.kind = TREE_LIST;
        break;
    case MSGPACK_OBJECT_MAP:
        v.kind = TREE_MAP;
        break;
    case MSGPACK_OBJECT_NIL:
        v.kind = TREE_NULL;
        break;
    case MSGPACK_OBJECT_EXT:
        return value_of_ext(o);
    case MSGPACK_OBJECT_BIN:
        break;
    }
    return v;
}

static tree_iter walk_msgpack(const tree_node *node)
{
    const msgpack_object *o = object_of(node);
    tree_iter it = {.object = o->type == MSGPACK_OBJECT_MAP};
    if (it.object) {
        it.cursor = (const tree_node *)(const void *)o->via.map.ptr;
        it.left = o->via.map.size;
    } else {
        it.cursor = node_of(o->via.array.ptr);
        it.left = o->via.array.size;
    }
    return it;
}

static bool next_msgpack(tree_iter *it)
{
    if (it->left == 0)
        return false;
    it->left--;
    if (!it->object) {
        it->value = it->cursor;
        it->cursor = node_of(object_of(it->cursor) + 1);
        return true;
    }
    const msgpack_object_kv *pair = (const void *)it->cursor;
    it->key = text_make(NULL, 0);
    if (pair->key.type == MSGPACK_OBJECT_STR)
        it->key = text_of_str(&pair->key);
    it->value = node_of(&pair->val);
    it->cursor = (const tree_node *)(const void *)(pair + 1);
    return true;
}

/* Is v what `scaled` / 10,000 becomes when it is written as a float? */
static bool is_written_from(double v, bool single, double scaled)
{
    const double exact = scaled / MUSTER_NUMBER_SCALE;
    return single ? (float)exact == (float)v : exact == v;
}

/* The multiple of 1/10,000 that a float was written from. Where doubles are
 * sparse the product below is off by up to one. */
static int scale_float(double v, bool single, int64_t *out)
{
    const double x = v * MUSTER_NUMBER_SCALE;
    if (!isfinite(v))
        return MUSTER_EPARSE;
    if (fabs(x) >= 2 * SCALED_LIMIT)
        return MUSTER_ELIMIT;
    const double nearest = nearbyint(x);
    const double size = fabs(x) > 1 ? fabs(x) : 1;
    const double allowed = fmin(RELATIVE_ERROR * size, ABSOLUTE_ERROR);
    double found = nearest;
    if (!is_written_from(v, single, found) && fabs(x - nearest) > allowed)
        found =
            is_written_from(v, single, nearest + 1) ? nearest + 1 : nearest - 1;
    if (fabs(found) >= SCALED_LIMIT ||
        (!is_written_from(v, single, found) && fabs(x - found) > allowed))
        return MUSTER_ELIMIT;
    *out = (int64_t)found;
    return 0;
}

static int scaled_msgpack(const tree_node *node, int64_t *out)
{
    const msgpack_object *o = object_of(node);
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        return MUSTER_ELIMIT; /* it would be a TREE_INT if it fitted */
    return scale_float(o->via.f64, o->type == MSGPACK_OBJECT_FLOAT32, out);
}

static const tree_source msgpack_source = {
    walk_msgpack,
    next_msgpack,
    value_msgpack,
    scaled_msgpack,
    NULL,
};

/* ---- plain records ---- */

/* A value in front of `end` to its node; behind it, NULL when it is not
 * plain. Maps and lists: their head alone, with the number of members. */
static const uint8_t *unpack_text(const uint8_t *p, const uint8_t *end,
                                  size_t len, tree_value *out)
{
    if ((size_t)(end - p) < len)
        return NULL;
    *out = (tree_value){TREE_TEXT, (uint32_t)len, {(const char *)p}};
    return p + len;
}

static const uint8_t *unpack_int(const uint8_t *p, size_t size, bool negative,
                                 tree_value *out)
{
    const uint64_t bits = big_endian(p, size);
    const int shift = 64 - 8 * (int)size;
    if (!negative && bits > INT64_MAX)
        return NULL;
    const int64_t v =
        negative ? (int64_t)(bits << shift) >> shift : (int64_t)bits;
    *out = (tree_value){.kind = TREE_INT, .as.integer = v};
    return p + size;
}

/* An extension that is a time, at its type. */
static const uint8_t *unpack_time(const uint8_t *p, const uint8_t *end,
                                  size_t len, tree_value *out)
{
    *out = (tree_value){.kind = TREE_TIME};
    if ((size_t)(end - p) < len + 1 ||
        !ext_seconds((int8_t)*p, p + 1, len, &out->as.integer))
        return NULL;
    return p + 1 + len;
}

/* First bytes from c0 to df, behind that byte. */
static const uint8_t *unpack_long(const uint8_t *p, const uint8_t *end,
                                  tree_value *out)
{
    const uint8_t first = p[-1];
    const skip_row *row = &skip_rows[first - 0xc0];
    const size_t size = row->length_bytes;
    if (row->unit == UNIT_BAD || (size_t)(end - p) < size + row->raw)
        return NULL;
    const uint64_t length = big_endian(p, size);
    if (row->unit == UNIT_PAIRS || row->unit == UNIT_VALUES) {
        const bool map = row->unit == UNIT_PAIRS;
        *out = (tree_value){map ? TREE_MAP : TREE_LIST, (uint32_t)length, {0}};
        return p + size;
    }
    if (first >= 0xd9) /* str 8, 16, 32 */
        return unpack_text(p + size, end, (size_t)length, out);
    if (first == 0xc7) /* ext 8 */
        return unpack_time(p + size, end, (size_t)length, out);
    if (first == 0xd6 || first == 0xd7) /* fixext 4, 8 */
        return unpack_time(p, end, row->raw - 1u, out);
    if (first >= 0xcc && first <= 0xd3) /* uint, int */
        return unpack_int(p, row->raw, first >= 0xd0, out);
    if (first == 0xca || first == 0xcb) {
        *out = (tree_value){TREE_NUMBER, row->raw, {(const char *)p}};
        return p + row->raw;
    }
    *out = (tree_value){.kind = TREE_NULL, .as.integer = 0};
    if (first == 0xc2 || first == 0xc3)
        *out = (tree_value){.kind = TREE_BOOL, .as.integer = first & 1};
    return first <= 0xc3 ? p : NULL; /* bin, other ext */
}

static inline const uint8_t *unpack_value(const uint8_t *p, const uint8_t *end,
                                          tree_value *out)
{
    if (p == end)
        return NULL;
    const uint8_t first = *p++;
    if (first >= 0xa0 && first <= 0xbf)
        return unpack_text(p, end, first & 0x1fu, out);
    if (first <= 0x7f || first >= 0xe0) {
        *out = (tree_value){.kind = TREE_INT, .as.integer = (int8_t)first};
        return p;
    }
    if (first > 0x9f)
        return unpack_long(p, end, out);
    *out =
        (tree_value){first <= 0x8f ? TREE_MAP : TREE_LIST, first & 0x0fu, {0}};
    return p;
}

/* The fast way for maps as programs write them: to a tape, in one pass. What
 * has bin, ext but times, keys that are no str, or integers beyond int64_t is
 * left to the library; what is taken, it reads the same. */
static bool unpack_plain(tape *t, muster_text map)
{
    const uint8_t *p = (const uint8_t *)map.ptr;
    const uint8_t *const end = p + map.len;
    tree_value *open[TAPE_DEPTH_MAX];
    uint64_t left[TAPE_DEPTH_MAX]; /* keys and values */
    size_t depth = 0;
    if (map.len > PLAIN_BYTES_MAX)
        return false;
    tape_reserve(t, map.len + 1);
    tree_value *next = t->nodes;
    do {
        tree_value *node = next++;
        p = unpack_value(p, end, node);
        if (p == NULL)
            return false;
        const bool key = depth > 0 && left[depth - 1] % 2 == 0 &&
                         open[depth - 1]->kind == TREE_MAP;
        if (key && node->kind != TREE_TEXT)
            return false;
        if (node->kind == TREE_MAP || node->kind == TREE_LIST) {
            if (depth == TAPE_DEPTH_MAX)
                return false;
            open[depth] = node;
            left[depth++] =
                (uint64_t)node->len * (node->kind == TREE_MAP ? 2 : 1) + 1;
        }
        while (depth > 0 && --left[depth - 1] == 0)
            open[--depth]->as.node = tape_node(next);
    } while (depth > 0);
    return p == end;
}

/* A float's node has its bytes. */
static int scaled_plain(const tree_node *node, int64_t *out)
{
    const tree_value *v = tape_at(node);
    const uint64_t bits = big_endian((const uint8_t *)v->as.ptr, v->len);
    double d = 0;
    memcpy(&d, &bits, sizeof d);
    if (v->len == sizeof(float)) {
        const uint32_t half = (uint32_t)bits;
        float f = 0;
        memcpy(&f, &half, sizeof f);
        d = (double)f;
    }
    return scale_float(d, v->len == sizeof(float), out);
}

static const tree_source plain_source = {
    tape_walk,
    tape_next,
    tape_value,
    scaled_plain,
    NULL,
};

/* ---- records ---- */

static void read_tree(record_front *f, const tree_source *source,
                      tree_value root, record_place place)
{
    record_begin(f, place);
    if (record_read_tree(f, source, root))
        record_end(f);
}

static void read_any(msgpack_parser *p, record_front *f, muster_text bytes,
                     record_place place)
{
    msgpack_object object;
    size_t used = 0;
    const msgpack_unpack_return rc =
        msgpack_unpack(bytes.ptr, bytes.len, &used, &p->zone, &object);
    if (rc == MSGPACK_UNPACK_SUCCESS || rc == MSGPACK_UNPACK_EXTRA_BYTES)
        read_tree(f, &msgpack_source, value_msgpack(node_of(&object)), place);
    else
        record_refuse_at(f, place, INGEST_BAD_MSGPACK,
                         "the map is nested too deep");
    msgpack_zone_clear(&p->zone);
}

static void read_map(msgpack_parser *p, record_front *f, muster_text bytes,
                     record_place place)
{
    if (bytes.len > MUSTER_RECORD_BYTES_MAX)
        record_refuse_at(f, place, INGEST_TOO_LONG,
                         "a record has at most %u bytes",
                         MUSTER_RECORD_BYTES_MAX);
    else if (unpack_plain(&p->tape, bytes))
        read_tree(f, &plain_source, tape_value(tape_node(p->tape.nodes)),
                  place);
    else
        read_any(p, f, bytes, place);
}

/* Length of the map at the cursor; the cutter knows it if there was one. */
static msgpack_state next_len(const chunk *c, const chunk_cursor *cursor,
                              size_t *len)
{
    if (c->end_count > 0) {
        ASSERT(cursor->line < c->end_count);
        *len = c->ends[cursor->line] - cursor->at;
        return MSGPACK_DONE;
    }
    return measure_map(text_make(c->data + cursor->at, c->len - cursor->at),
                       len);
}

void msgpack_read(msgpack_parser *p, record_front *f, const chunk *c,
                  chunk_cursor *cursor, bool whole)
{
    while (cursor->at < c->len && (whole || !parser_is_full(f))) {
        const uint64_t offset = c->offset + cursor->at;
        size_t len = 0;
        const msgpack_state state = next_len(c, cursor, &len);
        if (state != MSGPACK_DONE) {
            f->fatal = state == MSGPACK_BAD
                           ? msgpack_refuse(offset, &f->error)
                           : msgpack_truncated(offset, &f->error);
            cursor->at = c->len;
            return;
        }
        const muster_text map = text_make(c->data + cursor->at, len);
        cursor->at += len;
        cursor->line++;
        read_map(p, f, map, (record_place){cursor->line, offset});
    }
}
