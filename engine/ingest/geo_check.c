/*
 * geo_check.c - is a database in the MaxMind DB form, version 2, whole?
 * https://maxmind.github.io/MaxMind-DB/
 *
 *   tree       node_count nodes of two records of record_bits each
 *   16 bytes   zero
 *   data       values, one in the other
 *   marker     ab cd ef "MaxMind.com"; the last one within 128 KiB of the end
 *   metadata   one value, a map
 *
 * Valid if and only if: (1) the metadata are a map with what must be in it, of
 * version 2, built between 1970 and 2199; (2) tree, gap and data fit before the
 * marker; (3) each record is a node, nothing, or begins in the data; (4) from
 * the root no way leads back and none is longer than an address; (5) all nodes
 * are reached; (6) each value that is reached, from the tree or through a
 * pointer, ends within its section, is of a known type with a length that fits
 * the type, is nested at most DEPTH_MAX deep and does not hold itself; (7)
 * pointers lead to values that are no pointers; (8) texts are UTF-8, and keys
 * of maps are texts.
 *
 * Reading what passed needs no more checks of bounds. libmaxminddb opens a
 * database that breaks (3) to (8) and finds out when it gets there, or not.
 *
 * Cost: each node and each value is looked at once or twice: a byte for each
 * of them remembers how much is below it. A file that overlaps its values to
 * make that more is refused by a budget. A second for 100 MB, and, while it
 * lasts, the size of the file in memory once more.
 * Threads: nothing is shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/geo_check.h"

#include <stdarg.h>
#include <stdio.h>

#define METADATA_MAX ((size_t)128 << 10)
static const char marker[] = "\xab\xcd\xefMaxMind.com";
#define MARKER_BYTES (sizeof marker - 1)
/* GeoIP2's deepest record, Enterprise's, has five. */
#define DEPTH_MAX 16u
#define ADDRESS_BITS_MAX 128u
/* What is being looked at, where else its height + 1 is remembered. */
#define BUSY 255u

/* Types of values. */
enum {
    EXTENDED = 0,
    POINTER = 1,
    TEXT = 2,
    DOUBLE = 3,
    BYTES = 4,
    UINT16 = 5,
    UINT32 = 6,
    MAP = 7,
    INT32 = 8,
    UINT64 = 9,
    UINT128 = 10,
    ARRAY = 11,
    BOOLEAN = 14,
    FLOAT = 15
};

/* Values that point at each other: the data, or the metadata. */
typedef struct section {
    const char *name; /* for messages */
    const uint8_t *bytes;
    size_t len;
    uint8_t *heights; /* by offset: 0 = not seen */
    uint64_t budget;
    muster_error *err;
} section;

typedef struct field {
    unsigned type;
    size_t size; /* bytes or members; POINTER: where to */
    size_t at;   /* of what follows the head */
} field;

__attribute__((format(printf, 2, 3))) static bool
refuse(muster_error *err, const char *format, ...)
{
    char why[160];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    error_set(err, MUSTER_ECORRUPT, "bad_database", "%s", why);
    return false;
}

static void section_init(section *s, const char *name, const uint8_t *bytes,
                         size_t len, muster_error *err)
{
    *s = (section){.name = name, .bytes = bytes, .len = len, .err = err};
    s->heights = mem_zalloc(len + 1);
    s->budget = 4 * (uint64_t)len + 64;
}

/* ---- values ---- */

static bool refuse_at(const section *s, size_t at, const char *what)
{
    return refuse(s->err, "%s, at byte %zu of %s", what, at, s->name);
}

static uint64_t big_endian(const uint8_t *p, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++)
        v = v << 8 | p[i];
    return v;
}

static bool has_bytes(const section *s, size_t at, size_t count)
{
    if (at <= s->len && count <= s->len - at)
        return true;
    return refuse_at(s, at, "a value ends behind them");
}

static bool read_pointer(const section *s, unsigned head, field *f)
{
    static const uint32_t bases[] = {0, 2048, 526336, 0};
    const unsigned kind = head >> 3 & 3;
    const size_t count = kind + 1u;
    if (!has_bytes(s, f->at, count))
        return false;
    const uint64_t high = kind < 3 ? (uint64_t)(head & 7) << (8 * count) : 0;
    f->size = (size_t)(high + big_endian(s->bytes + f->at, count)) +
              bases[kind];
    f->at += count;
    return true;
}

/* The head of the value at `at`. */
static bool read_field(const section *s, size_t at, field *f)
{
    static const uint32_t bases[] = {29, 285, 65821};
    if (!has_bytes(s, at, 1))
        return false;
    const unsigned head = s->bytes[at];
    f->at = at + 1;
    f->type = head >> 5;
    if (f->type == POINTER)
        return read_pointer(s, head, f);
    if (f->type == EXTENDED) {
        if (!has_bytes(s, f->at, 1))
            return false;
        f->type = 7u + s->bytes[f->at++];
        if (f->type < INT32)
            return refuse_at(s, at, "a value has no known type");
    }
    f->size = head & 31;
    if (f->size < 29)
        return true;
    const size_t count = f->size - 28;
    if (!has_bytes(s, f->at, count))
        return false;
    f->size = bases[count - 1] + (size_t)big_endian(s->bytes + f->at, count);
    f->at += count;
    return true;
}

/* A value that holds no others. */
static bool check_plain(section *s, size_t at, const field *f)
{
    static const struct {
        uint8_t least;
        uint8_t most;
    } sizes[] = {
        [DOUBLE] = {8, 8},  [UINT16] = {0, 2},   [UINT32] = {0, 4},
        [INT32] = {0, 4},   [UINT64] = {0, 8},   [UINT128] = {0, 16},
        [BOOLEAN] = {0, 1}, [FLOAT] = {4, 4},
    };
    const bool text = f->type == TEXT || f->type == BYTES;
    if (f->type > FLOAT || (!text && sizes[f->type].most == 0))
        return refuse_at(s, at, "a value has no known type");
    if (!text && (f->size < sizes[f->type].least ||
                  f->size > sizes[f->type].most))
        return refuse_at(s, at, "a value is longer or shorter than its type");
    if (f->type == BOOLEAN)
        return true;
    if (!has_bytes(s, f->at, f->size))
        return false;
    if (f->type == TEXT &&
        !text_is_utf8(text_make((const char *)s->bytes + f->at, f->size)))
        return refuse_at(s, at, "a text is not UTF-8");
    return true;
}

static bool spend(section *s, const field *f)
{
    const uint64_t price = 1 + (f->type == TEXT ? f->size : 0);
    if (price > s->budget)
        return refuse(s->err, "values of %s overlap", s->name);
    s->budget -= price;
    return true;
}

static bool check_value(section *s, size_t at, unsigned depth, size_t *behind);

static bool check_depth(section *s, size_t at, unsigned depth)
{
    if (depth < DEPTH_MAX)
        return true;
    return refuse_at(s, at, "values are nested too deep");
}

/* A value that something points to; looked at once. */
static bool check_target(section *s, size_t at, unsigned depth)
{
    field f;
    size_t ignored = 0;
    if (!read_field(s, at, &f))
        return false;
    if (f.type == POINTER)
        return refuse_at(s, at, "a pointer is pointed to");
    if (s->heights[at] == BUSY)
        return refuse_at(s, at, "a value holds itself");
    if (s->heights[at] != 0)
        return check_depth(s, at, depth + s->heights[at] - 1);
    return check_value(s, at, depth, &ignored);
}

static bool check_key(section *s, size_t at)
{
    field f;
    if (!read_field(s, at, &f))
        return false;
    if (f.type == POINTER && !read_field(s, f.size, &f))
        return false;
    if (f.type == TEXT)
        return true;
    return refuse_at(s, at, "a key is no text");
}

/* What is in a map or array; *height becomes how deep it goes. */
static bool check_members(section *s, const field *f, unsigned depth,
                          size_t *behind, unsigned *height)
{
    const bool map = f->type == MAP;
    const size_t count = map ? f->size * 2 : f->size;
    size_t at = f->at;
    if (!has_bytes(s, at, count)) /* each has one at least */
        return false;
    for (size_t i = 0; i < count; i++) {
        const size_t member = at;
        if (map && i % 2 == 0 && !check_key(s, at))
            return false;
        if (!check_value(s, at, depth + 1, &at))
            return false;
        if (s->heights[member] > *height)
            *height = s->heights[member];
    }
    *behind = at;
    return true;
}

/* Looks at the value and all that it holds. */
static bool check_value(section *s, size_t at, unsigned depth, size_t *behind)
{
    field f;
    unsigned height = 0;
    bool ok = false;
    if (!check_depth(s, at, depth) || !read_field(s, at, &f) || !spend(s, &f))
        return false;
    const uint8_t before = s->heights[at];
    s->heights[at] = BUSY;
    if (f.type == POINTER) {
        *behind = f.at;
        ok = check_target(s, f.size, depth);
        height = ok ? s->heights[f.size] - 1u : 0;
    } else if (f.type == MAP || f.type == ARRAY) {
        ok = check_members(s, &f, depth, behind, &height);
    } else {
        ok = check_plain(s, at, &f);
        *behind = f.at + (f.type == BOOLEAN ? 0 : f.size);
    }
    s->heights[at] = before != 0 ? before : (uint8_t)(height + 1);
    return ok;
}

/* ---- metadata ---- */

static size_t find_marker(const uint8_t *bytes, size_t len)
{
    const size_t size = MARKER_BYTES;
    const size_t first = len > METADATA_MAX ? len - METADATA_MAX : 0;
    for (size_t at = len - (len < size ? len : size) + 1; at-- > first;)
        if (len - at >= size && memcmp(bytes + at, marker, size) == 0)
            return at + size;
    return 0;
}

/* The value of a key of the map at 0; it was checked. */
static bool find_key(const section *s, const char *key, field *out)
{
    field map;
    (void)read_field(s, 0, &map);
    size_t at = map.at;
    for (size_t i = 0; i < map.size; i++) {
        field name;
        size_t ignored = 0;
        (void)read_field(s, at, &name);
        size_t behind = name.at + (name.type == POINTER ? 0 : name.size);
        if (name.type == POINTER)
            (void)read_field(s, name.size, &name);
        (void)read_field(s, behind, out);
        if (out->type == POINTER)
            (void)read_field(s, out->size, out);
        if (text_is(text_make((const char *)s->bytes + name.at, name.size),
                    key))
            return true;
        section again = *s;
        (void)check_value(&again, behind, 1, &ignored);
        at = ignored;
    }
    return false;
}

static bool find_number(const section *s, const char *key, uint64_t most,
                        uint64_t *out)
{
    field f;
    if (!find_key(s, key, &f))
        return refuse(s->err, "its metadata do not say %s", key);
    *out = UINT64_MAX;
    if (f.type == UINT16 || f.type == UINT32 || f.type == UINT64)
        *out = big_endian(s->bytes + f.at, f.size);
    if (*out <= most)
        return true;
    return refuse(s->err, "%s of its metadata is not possible", key);
}

static bool read_type(geo_layout *l, const section *s)
{
    field f;
    if (!find_key(s, "database_type", &f) || f.type != TEXT)
        return refuse(s->err, "its metadata do not say database_type");
    const size_t len =
        f.size < GEO_TYPE_BYTES_MAX ? f.size : GEO_TYPE_BYTES_MAX;
    for (size_t i = 0; i < len; i++) {
        const char c = (char)s->bytes[f.at + i];
        l->type[i] = c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '_';
    }
    return true;
}

static bool read_metadata(geo_layout *l, const section *s)
{
    uint64_t version = 0;
    uint64_t bits = 0;
    uint64_t ip = 0;
    uint64_t nodes = 0;
    uint64_t built = 0;
    if (!find_number(s, "binary_format_major_version", UINT16_MAX, &version) ||
        !find_number(s, "record_size", UINT16_MAX, &bits) ||
        !find_number(s, "ip_version", UINT16_MAX, &ip) ||
        !find_number(s, "node_count", UINT32_MAX, &nodes) ||
        !find_number(s, "build_epoch", CLOCK_TIME_MAX, &built))
        return false;
    if (version != 2)
        return refuse(s->err, "version %u of the format is not known here",
                      (unsigned)version);
    if (bits != 24 && bits != 28 && bits != 32)
        return refuse(s->err, "its records have %u bits, not 24, 28 or 32",
                      (unsigned)bits);
    if (ip != 4 && ip != 6)
        return refuse(s->err, "its addresses are neither IPv4 nor IPv6");
    if (nodes == 0)
        return refuse(s->err, "its search tree is empty");
    l->record_bits = (unsigned)bits;
    l->v6 = ip == 6;
    l->node_count = (uint32_t)nodes;
    l->built = (muster_time)built;
    return read_type(l, s);
}

/* Reads the metadata behind the marker at `at`. */
static bool check_metadata(geo_layout *l, const uint8_t *bytes, size_t len,
                           muster_error *err)
{
    section s;
    field f;
    size_t behind = 0;
    section_init(&s, "its metadata", bytes, len, err);
    bool ok = check_value(&s, 0, 0, &behind) && read_field(&s, 0, &f);
    if (ok && f.type != MAP)
        ok = refuse(err, "its metadata are no map");
    if (ok)
        ok = read_metadata(l, &s);
    mem_free(s.heights);
    return ok;
}

/* ---- the tree ---- */

typedef struct step {
    uint32_t node;
    unsigned sides; /* looked at: 0, 1, 2 */
    unsigned height;
} step;

typedef struct walk {
    geo_layout *layout;
    section data;
    uint8_t *heights; /* by node: 0 = not seen */
    uint8_t *listed;  /* a bit for each byte of the data */
    size_t capacity;  /* of layout->records */
    uint64_t seen;
    unsigned depth; /* of the top step */
    step steps[ADDRESS_BITS_MAX + 1];
} walk;

static bool list_record(walk *w, uint32_t offset)
{
    geo_layout *l = w->layout;
    if ((w->listed[offset / 8] >> (offset % 8) & 1) != 0)
        return true;
    w->listed[offset / 8] |= (uint8_t)(1u << (offset % 8));
    mem_grow(&l->records, &w->capacity, l->record_count + 1,
             sizeof *l->records);
    l->records[l->record_count++] = offset;
    return check_target(&w->data, offset, 0);
}

static void enter(walk *w, uint32_t node)
{
    w->heights[node] = BUSY;
    w->steps[w->depth] = (step){.node = node};
    w->seen++;
}

/* One side of the top step's node; may put a step on top of it. */
static bool follow(walk *w, uint32_t record)
{
    const geo_layout *l = w->layout;
    const unsigned bits = l->v6 ? ADDRESS_BITS_MAX : ADDRESS_BITS_MAX / 4;
    step *top = &w->steps[w->depth];
    unsigned height = 1;
    if (record < l->node_count) {
        const unsigned below = w->heights[record];
        if (below == BUSY)
            return refuse(w->data.err, "node %u of its tree leads back to %u",
                          top->node, record);
        height = below; /* + 1 for this side - 1 as it is remembered */
        if (w->depth + (below != 0 ? below - 1 : 1) >= bits)
            return refuse(w->data.err, "its tree is deeper than an address");
        if (below == 0) {
            w->depth++;
            enter(w, record);
            return true;
        }
    } else if (record > l->node_count) {
        const uint64_t offset = (uint64_t)record - l->node_count;
        if (offset < GEO_GAP || offset - GEO_GAP >= l->data_len)
            return refuse(w->data.err, "node %u of its tree leads outside "
                          "the data", top->node);
        if (!list_record(w, (uint32_t)(offset - GEO_GAP)))
            return false;
    }
    if (height > top->height)
        top->height = height;
    return true;
}

/* The top step is done: what is below it counts for the one before. */
static void leave(walk *w)
{
    const step done = w->steps[w->depth];
    w->heights[done.node] = (uint8_t)(done.height + 1);
    if (w->depth == 0)
        return;
    step *before = &w->steps[--w->depth];
    if (done.height + 1 > before->height)
        before->height = done.height + 1;
}

static bool walk_tree(walk *w)
{
    const geo_layout *l = w->layout;
    enter(w, 0);
    while (w->depth > 0 || w->steps[0].sides < 2) {
        step *top = &w->steps[w->depth];
        if (top->sides == 2)
            leave(w);
        else if (!follow(w, geo_child(l, top->node, top->sides++ == 1)))
            return false;
    }
    if (w->seen == l->node_count)
        return true;
    return refuse(w->data.err, "%llu nodes of its tree are not in the tree",
                  (unsigned long long)(l->node_count - w->seen));
}

static bool check_tree(geo_layout *l, muster_error *err)
{
    walk *w = mem_zalloc(sizeof *w);
    w->layout = l;
    section_init(&w->data, "its data", l->data, l->data_len, err);
    w->heights = mem_zalloc(l->node_count);
    w->listed = mem_zalloc(l->data_len / 8 + 1);
    const bool ok = walk_tree(w);
    mem_free(w->listed);
    mem_free(w->heights);
    mem_free(w->data.heights);
    mem_free(w);
    return ok;
}

/* Where tree and data are, in what is before the marker. */
static bool place_parts(geo_layout *l, const uint8_t *bytes, size_t len,
                        muster_error *err)
{
    const uint64_t tree = (uint64_t)l->node_count * (l->record_bits / 4);
    if (tree > len || len - tree < GEO_GAP)
        return refuse(err, "its search tree is longer than the file");
    l->tree = bytes;
    l->data = bytes + tree + GEO_GAP;
    l->data_len = len - (size_t)tree - GEO_GAP;
    for (size_t i = 0; i < GEO_GAP; i++)
        if (bytes[tree + i] != 0)
            return refuse(err, "its search tree does not end where it should");
    return true;
}

int geo_check(geo_layout *out, const uint8_t *bytes, size_t len,
              muster_error *err)
{
    ASSERT(out != NULL && bytes != NULL);
    memset(out, 0, sizeof *out);
    const size_t metadata = find_marker(bytes, len);
    bool ok = metadata > 0 ||
              refuse(err, "it does not end like a MaxMind DB");
    ok = ok && check_metadata(out, bytes + metadata, len - metadata, err);
    ok = ok && place_parts(out, bytes, metadata - MARKER_BYTES, err);
    ok = ok && check_tree(out, err);
    if (ok)
        return 0;
    geo_layout_release(out);
    return MUSTER_ECORRUPT;
}

void geo_layout_release(geo_layout *l)
{
    mem_free(l->records);
    memset(l, 0, sizeof *l);
}
