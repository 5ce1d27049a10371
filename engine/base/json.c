/*
 * json.c - JSON in and out; the one file that includes yyjson.
 *
 * Reading. yyjson parses without recursion into an array of 16-byte values
 * in document order, a container before its content. Numbers are kept as
 * their source text (checked, not converted): most are never asked for, and
 * those that are become integers or fixed point exactly, never by way of a
 * double. One pass over the values refuses what is nested too deep.
 *
 * A pool owns one block of memory, as large as yyjson says the largest record
 * so far can need (13 bytes per byte of text), and each document is carved
 * from it. Cost: one copy of the text and one pass of parsing, no malloc. Two
 * kinds of text get a document of their own, freed at the next call: those
 * above POOL_TEXT_MAX, and the few (thousands of tiny values) that need more
 * than yyjson said.
 *
 * Writing. Whatever is put, the output is valid JSON in valid UTF-8: bytes
 * that are no UTF-8 become U+FFFD. Values in the wrong place (a key outside
 * an object, a second root) are mistakes of ours and stop the process.
 *
 * Threads: a parsed document is read-only, any thread; a pool and a writer
 * belong to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/json.h"

#include <math.h>
#include <string.h>
#include <yyjson.h>
#include "base/text.h"

#define POOL_TEXT_MAX ((size_t)256 * 1024)
#define POOL_MEMORY_MIN ((size_t)64 * 1024)
#define SHORT_INT_DIGITS 18 /* cannot pass int64_t */
#define SCALE 10000
#define WHOLE_LIMIT ((int64_t)1 << 40)
#define DOUBLE_TEXT_MAX 64
#define EACH_BYTE 0x0101010101010101u
#define WIDE_RUN_MAX 64 /* looked at per bad byte: keeps bad input linear */

struct json_doc {
    yyjson_doc *doc;
};

struct json_pool {
    uint8_t *memory;
    size_t size;
    json_doc *apart; /* the last document, when it is not in memory */
};

static void *alc_malloc(void *ctx, size_t size)
{
    (void)ctx;
    return mem_alloc(size);
}

static void *alc_realloc(void *ctx, void *ptr, size_t old_size, size_t size)
{
    (void)ctx;
    (void)old_size;
    return mem_realloc(ptr, size);
}

static void alc_free(void *ctx, void *ptr)
{
    (void)ctx;
    mem_free(ptr);
}

static const yyjson_alc heap = {alc_malloc, alc_realloc, alc_free, NULL};

/* ---- what is wrong with a text -------------------------------------- */

/* Offset behind the string, or the comment if those are read, that starts at
 * `at`; at + 1 if none does. */
static size_t skip_token(muster_text t, size_t at, bool comments)
{
    if (t.ptr[at] == '"') {
        for (at++; at < t.len && t.ptr[at] != '"'; at++)
            at += t.ptr[at] == '\\';
        return at + 1;
    }
    if (!comments || t.ptr[at] != '/' || at + 1 >= t.len)
        return at + 1;
    const bool line = t.ptr[at + 1] == '/';
    const char *end = line ? "\n" : "*/";
    for (at += 2; at < t.len; at++)
        if (text_starts_with(text_make(t.ptr + at, t.len - at), text_of(end)))
            return at + strlen(end);
    return at;
}

/* Where the first bracket beyond JSON_DEPTH_MAX stands, in a valid text. */
static size_t deep_offset(muster_text t, bool comments)
{
    size_t depth = 0;
    for (size_t at = 0; at < t.len; at = skip_token(t, at, comments)) {
        const char c = t.ptr[at];
        if (c == ']' || c == '}')
            depth--;
        else if ((c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
            return at;
    }
    return 0;
}

static int refuse_depth(muster_text t, int flags, muster_error *err)
{
    error_set(err, MUSTER_EPARSE, "bad_json", "nested deeper than %d levels",
              JSON_DEPTH_MAX);
    const bool comments = (flags & JSON_COMMENTS) != 0;
    error_place(err, t.ptr, t.len, deep_offset(t, comments), 1);
    return MUSTER_EPARSE;
}

static int refuse_utf8(muster_text t, size_t offset, muster_error *err)
{
    error_set(err, MUSTER_EPARSE, "bad_utf8", "not valid UTF-8");
    error_place(err, t.ptr, t.len, offset, 1);
    return MUSTER_EPARSE;
}

/* A text that is both is called by what comes first. */
static int refuse_text(muster_text t, const yyjson_read_err *cause,
                       muster_error *err)
{
    ASSERT(cause->code != YYJSON_READ_ERROR_MEMORY_ALLOCATION);
    const size_t at = cause->pos < t.len ? cause->pos : t.len;
    const size_t valid = text_utf8_prefix(t);
    if (valid < t.len && valid <= at)
        return refuse_utf8(t, valid, err);
    error_set(err, MUSTER_EPARSE, "bad_json", "not valid JSON: %s", cause->msg);
    error_place(err, t.ptr, t.len, at, 1);
    return MUSTER_EPARSE;
}

/* ---- parsing -------------------------------------------------------- */

/* No container stands inside more than JSON_DEPTH_MAX - 1 others. */
static bool depth_is_fine(yyjson_doc *doc)
{
    const yyjson_val *end[JSON_DEPTH_MAX];
    const yyjson_val *v = yyjson_doc_get_root(doc);
    const yyjson_val *stop = v + yyjson_doc_get_val_count(doc);
    size_t depth = 0;
    for (; v < stop; v++) {
        if (!unsafe_yyjson_is_ctn((void *)(uintptr_t)v))
            continue;
        while (depth > 0 && v >= end[depth - 1])
            depth--;
        if (depth == JSON_DEPTH_MAX)
            return false;
        end[depth++] = unsafe_yyjson_get_next((void *)(uintptr_t)v);
    }
    return true;
}

static yyjson_read_flag read_flags(int flags)
{
    yyjson_read_flag f = YYJSON_READ_NUMBER_AS_RAW;
    if ((flags & JSON_COMMENTS) != 0)
        f |= YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS |
             YYJSON_READ_ALLOW_BOM;
    return f;
}

/* The document in memory of `alc`, or NULL with the cause. */
static yyjson_doc *read_text(muster_text t, int flags, const yyjson_alc *alc,
                             yyjson_read_err *cause)
{
    /* yyjson promises not to write: it copies unless asked to be in situ. */
    return yyjson_read_opts((char *)(uintptr_t)t.ptr, t.len, read_flags(flags),
                            alc, cause);
}

/* What was read, unless it is too deep: then it is freed. */
static yyjson_doc *check_after(yyjson_doc *doc, muster_text t, int flags,
                               muster_error *err)
{
    if (depth_is_fine(doc))
        return doc;
    yyjson_doc_free(doc);
    refuse_depth(t, flags, err);
    return NULL;
}

/* yyjson does not read an empty text, nor look into comments. */
static int check_before(muster_text t, int flags, muster_error *err)
{
    if (t.len == 0)
        return error_set(err, MUSTER_EPARSE, "bad_json", "the text is empty");
    if ((flags & JSON_COMMENTS) != 0) {
        const size_t valid = text_utf8_prefix(t);
        if (valid < t.len)
            return refuse_utf8(t, valid, err);
    }
    return 0;
}

int json_parse(json_doc **out, const char *text, size_t len, int flags,
               muster_error *err)
{
    ASSERT(out != NULL && (text != NULL || len == 0));
    const muster_text t = text_make(text, len);
    *out = NULL;
    const int rc = check_before(t, flags, err);
    if (rc != 0)
        return rc;
    yyjson_read_err cause;
    yyjson_doc *doc = read_text(t, flags, &heap, &cause);
    if (doc == NULL)
        return refuse_text(t, &cause, err);
    doc = check_after(doc, t, flags, err);
    if (doc == NULL)
        return MUSTER_EPARSE;
    *out = mem_alloc(sizeof **out);
    (*out)->doc = doc;
    return 0;
}

const json_value *json_root(const json_doc *doc)
{
    return yyjson_doc_get_root(doc->doc);
}

void json_free(json_doc *doc)
{
    if (doc == NULL)
        return;
    yyjson_doc_free(doc->doc);
    mem_free(doc);
}

json_pool *json_pool_new(void)
{
    return mem_zalloc(sizeof(json_pool));
}

void json_pool_free(json_pool *pool)
{
    if (pool == NULL)
        return;
    json_free(pool->apart);
    mem_free(pool->memory);
    mem_free(pool);
}

/* Memory for a text of len bytes; what it held before is not needed. */
static void pool_fit(json_pool *pool, size_t len)
{
    const size_t need =
        yyjson_read_max_memory_usage(len, YYJSON_READ_NUMBER_AS_RAW);
    ASSERT(need > len);
    if (need <= pool->size)
        return;
    size_t size = pool->size != 0 ? pool->size : POOL_MEMORY_MIN;
    while (size < need)
        size *= 2;
    mem_free(pool->memory);
    pool->memory = mem_alloc(size);
    pool->size = size;
}

/* Outside the pool's memory, until the next call. */
static const json_value *parse_apart(json_pool *pool, muster_text t,
                                     muster_error *err)
{
    if (json_parse(&pool->apart, t.ptr, t.len, JSON_STRICT, err) != 0)
        return NULL;
    return json_root(pool->apart);
}

const json_value *json_pool_parse(json_pool *pool, const char *text, size_t len,
                                  muster_error *err)
{
    ASSERT(pool != NULL && (text != NULL || len == 0));
    const muster_text t = text_make(text, len);
    json_free(pool->apart);
    pool->apart = NULL;
    if (len > POOL_TEXT_MAX)
        return parse_apart(pool, t, err);
    if (check_before(t, JSON_STRICT, err) != 0)
        return NULL;
    pool_fit(pool, len);
    yyjson_alc alc;
    yyjson_read_err cause;
    ASSERT(yyjson_alc_pool_init(&alc, pool->memory, pool->size));
    yyjson_doc *doc = read_text(t, JSON_STRICT, &alc, &cause);
    if (doc == NULL && cause.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return parse_apart(pool, t, err);
    if (doc == NULL)
        refuse_text(t, &cause, err);
    else
        doc = check_after(doc, t, JSON_STRICT, err);
    return doc != NULL ? yyjson_doc_get_root(doc) : NULL;
}

/* ---- values --------------------------------------------------------- */

/* yyjson takes pointers to mutable values and only reads them. */
static yyjson_val *bare(const json_value *v)
{
    ASSERT(v != NULL);
    return (yyjson_val *)(uintptr_t)v;
}

/* The source text of a number. */
static muster_text raw_text(const json_value *v)
{
    return text_make(unsafe_yyjson_get_raw(bare(v)),
                     unsafe_yyjson_get_len(bare(v)));
}

/* A checked JSON number as an integer, if it is written as one and fits. */
static bool raw_int(const json_value *v, int64_t *out)
{
    const muster_text t = raw_text(v);
    if (t.len > SHORT_INT_DIGITS)
        return text_parse_int(t, out);
    const size_t start = t.ptr[0] == '-';
    int64_t n = 0;
    for (size_t i = start; i < t.len; i++) {
        const int digit = t.ptr[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        n = n * 10 + digit;
    }
    *out = start != 0 ? -n : n;
    return true;
}

json_type json_typeof(const json_value *v)
{
    int64_t ignored = 0;
    switch (unsafe_yyjson_get_type(bare(v))) {
    case YYJSON_TYPE_STR:
        return JSON_STRING;
    case YYJSON_TYPE_RAW:
        return raw_int(v, &ignored) ? JSON_INT : JSON_NUMBER;
    case YYJSON_TYPE_OBJ:
        return JSON_OBJECT;
    case YYJSON_TYPE_ARR:
        return JSON_ARRAY;
    case YYJSON_TYPE_BOOL:
        return JSON_BOOL;
    default:
        ASSERT(unsafe_yyjson_is_null(bare(v)));
        return JSON_NULL;
    }
}

bool json_bool(const json_value *v)
{
    ASSERT(unsafe_yyjson_is_bool(bare(v)));
    return unsafe_yyjson_get_bool(bare(v));
}

int64_t json_int(const json_value *v)
{
    int64_t n = 0;
    ASSERT(unsafe_yyjson_is_raw(bare(v)) && raw_int(v, &n));
    return n;
}

muster_text json_string(const json_value *v)
{
    ASSERT(unsafe_yyjson_is_str(bare(v)) || unsafe_yyjson_is_raw(bare(v)));
    return raw_text(v);
}

int json_scaled(const json_value *v, int64_t *out)
{
    ASSERT(out != NULL);
    int64_t n = 0;
    if (!unsafe_yyjson_is_raw(bare(v)))
        return MUSTER_EPARSE;
    if (!raw_int(v, &n))
        return text_parse_number_exponent(raw_text(v), out);
    if (n <= -WHOLE_LIMIT || n >= WHOLE_LIMIT)
        return MUSTER_ELIMIT;
    *out = n * SCALE;
    return 0;
}

size_t json_count(const json_value *v)
{
    if (!unsafe_yyjson_is_ctn(bare(v)))
        return 0;
    return unsafe_yyjson_get_len(bare(v));
}

const json_value *json_get(const json_value *object, const char *key)
{
    ASSERT(key != NULL);
    return yyjson_obj_getn(bare(object), key, strlen(key));
}

json_iter json_iter_of(const json_value *v)
{
    json_iter it = {0};
    it.left = json_count(v);
    it.object = unsafe_yyjson_is_obj(bare(v));
    if (it.left > 0)
        it.cursor = unsafe_yyjson_get_first(bare(v));
    return it;
}

bool json_next(json_iter *it)
{
    if (it->left == 0)
        return false;
    it->left--;
    if (it->object) {
        it->key = raw_text(it->cursor);
        it->cursor++; /* a key is one value, its value follows */
    }
    it->value = it->cursor;
    if (it->left > 0)
        it->cursor = unsafe_yyjson_get_next(bare(it->cursor));
    return true;
}

/* ---- writing -------------------------------------------------------- */

void json_begin(json_writer *w, buffer *out, bool pretty)
{
    ASSERT(w != NULL && out != NULL);
    memset(w, 0, sizeof *w);
    w->out = out;
    w->pretty = pretty;
    w->first[0] = 1;
}

static void new_line(json_writer *w)
{
    buffer_put_u8(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        buffer_put_str(w->out, "  ");
}

/* The comma and indent before an element or a key. */
static void separate(json_writer *w)
{
    ASSERT(w->depth > 0 || w->first[0]); /* a document has one root */
    if (!w->first[w->depth])
        buffer_put_u8(w->out, ',');
    w->first[w->depth] = 0;
    if (w->pretty && w->depth > 0)
        new_line(w);
}

/* What stands before a value: the key's colon did it already in an object. */
static void before_value(json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    ASSERT(w->closer[w->depth] != '}'); /* a member needs a key */
    separate(w);
}

static void open_container(json_writer *w, uint8_t opener, uint8_t closer)
{
    ASSERT(w->depth < JSON_DEPTH_MAX);
    before_value(w);
    buffer_put_u8(w->out, opener);
    w->depth++;
    w->first[w->depth] = 1;
    w->closer[w->depth] = closer;
}

void json_open_object(json_writer *w)
{
    open_container(w, '{', '}');
}

void json_open_array(json_writer *w)
{
    open_container(w, '[', ']');
}

void json_close(json_writer *w)
{
    ASSERT(w->depth > 0 && !w->after_key);
    const bool empty = w->first[w->depth] != 0;
    const uint8_t closer = w->closer[w->depth];
    w->depth--;
    if (w->pretty && !empty)
        new_line(w);
    buffer_put_u8(w->out, closer);
}

/* The high bit of each byte that is below `limit` (at most 0x80); bytes above
 * 0x7f must be looked for apart, and what stands above a hit is not exact. */
static inline uint64_t bytes_below(uint64_t word, uint64_t limit)
{
    return (word - EACH_BYTE * limit) & ~word & (EACH_BYTE * 0x80);
}

static inline bool word_is_plain(uint64_t word)
{
    const uint64_t quotes = bytes_below(word ^ (EACH_BYTE * '"'), 1);
    const uint64_t slashes = bytes_below(word ^ (EACH_BYTE * '\\'), 1);
    const uint64_t wide = word & (EACH_BYTE * 0x80);
    return (bytes_below(word, 0x20) | quotes | slashes | wide) == 0;
}

/* Bytes from p on that need no escape and are ASCII. */
static size_t plain_run(const char *p, size_t len)
{
    size_t i = 0;
    uint64_t word = 0;
    for (; len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        if (!word_is_plain(word))
            break;
    }
    for (; i < len; i++) {
        const unsigned char c = (unsigned char)p[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
    }
    return i;
}

static void put_escape(buffer *out, char c)
{
    static const char letters[] = "btn?fr"; /* from 8 on; 11 has none */
    const unsigned char code = (unsigned char)c;
    if (c == '"' || c == '\\') {
        buffer_put_u8(out, '\\');
        buffer_put_u8(out, code);
    } else if (code >= 8 && code <= 13 && code != 11) {
        buffer_put_u8(out, '\\');
        buffer_put_u8(out, (uint8_t)letters[code - 8]);
    } else {
        buffer_printf(out, "\\u%04x", code);
    }
}

/* From a byte that is not ASCII: the valid characters up to the next ASCII
 * byte, or a replacement for one bad byte. Returns how many bytes it took. */
static size_t put_wide(buffer *out, const char *p, size_t len)
{
    size_t run = 0;
    while (run < len && run < WIDE_RUN_MAX && (unsigned char)p[run] >= 0x80)
        run++;
    const size_t valid = text_utf8_prefix(text_make(p, run));
    if (valid > 0) {
        buffer_put(out, p, valid);
        return valid;
    }
    buffer_put_str(out, "\xef\xbf\xbd"); /* U+FFFD */
    return 1;
}

static void put_quoted(buffer *out, muster_text t)
{
    buffer_put_u8(out, '"');
    size_t at = 0;
    while (at < t.len) {
        const size_t run = plain_run(t.ptr + at, t.len - at);
        buffer_put(out, t.ptr + at, run);
        at += run;
        if (at == t.len)
            break;
        if ((unsigned char)t.ptr[at] >= 0x80)
            at += put_wide(out, t.ptr + at, t.len - at);
        else
            put_escape(out, t.ptr[at++]);
    }
    buffer_put_u8(out, '"');
}

void json_key_text(json_writer *w, muster_text key)
{
    ASSERT(w->depth > 0 && w->closer[w->depth] == '}' && !w->after_key);
    separate(w);
    put_quoted(w->out, key);
    buffer_put_str(w->out, w->pretty ? ": " : ":");
    w->after_key = true;
}

void json_key(json_writer *w, const char *key)
{
    json_key_text(w, text_of(key));
}

void json_put_text(json_writer *w, muster_text text)
{
    before_value(w);
    put_quoted(w->out, text);
}

void json_put_str(json_writer *w, const char *str)
{
    json_put_text(w, text_of(str));
}

void json_put_raw(json_writer *w, muster_text json)
{
    ASSERT(json.len > 0);
    before_value(w);
    buffer_put_text(w->out, json);
}

void json_put_int(json_writer *w, int64_t v)
{
    char text[32];
    json_put_raw(w, text_make(text, text_format_int(text, v)));
}

void json_put_uint(json_writer *w, uint64_t v)
{
    char text[32];
    json_put_raw(w, text_make(text, text_format_uint(text, v)));
}

void json_put_bool(json_writer *w, bool v)
{
    json_put_raw(w, text_of(v ? "true" : "false"));
}

void json_put_null(json_writer *w)
{
    json_put_raw(w, text_of("null"));
}

void json_put_double(json_writer *w, double v)
{
    if (!isfinite(v)) {
        json_put_null(w);
        return;
    }
    char text[DOUBLE_TEXT_MAX];
    yyjson_val number = {0};
    yyjson_set_real(&number, v);
    const char *end = yyjson_write_number(&number, text);
    ASSERT(end != NULL);
    size_t len = (size_t)(end - text);
    if (len > 2 && memcmp(end - 2, ".0", 2) == 0)
        len -= 2;
    json_put_raw(w, text_make(text, len));
}

void json_put_scaled(json_writer *w, int64_t scaled)
{
    char text[32];
    json_put_raw(w, text_make(text, text_format_number(text, scaled)));
}

void json_put_value(json_writer *w, const json_value *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL:
        json_put_null(w);
        return;
    case JSON_BOOL:
        json_put_bool(w, json_bool(v));
        return;
    case JSON_INT:
        json_put_int(w, json_int(v));
        return;
    case JSON_NUMBER:
        json_put_raw(w, json_string(v));
        return;
    case JSON_STRING:
        json_put_text(w, json_string(v));
        return;
    case JSON_ARRAY:
        json_open_array(w);
        break;
    case JSON_OBJECT:
        json_open_object(w);
        break;
    }
    for (json_iter it = json_iter_of(v); json_next(&it);) {
        if (it.object)
            json_key_text(w, it.key);
        json_put_value(w, it.value);
    }
    json_close(w);
}
