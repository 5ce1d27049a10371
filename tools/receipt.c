/*
 * receipt.c - what a load did, added up over files and shown.
 *
 * In JSON and NDJSON the receipt of one file goes out as the engine wrote it
 * (docs/receipt.md); of several files their sum has the same shape and a list
 * of the single receipts under "files". tsv, csv and md have one row of the
 * plain numbers. For people there are a few lines, with the first refused
 * records.
 *
 * Only the first RECEIPT_ERRORS_MAX errors are kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "receipt.h"

#include <stdlib.h>
#include <string.h>
#include "base/error.h"
#include "base/mem.h"

#define ERRORS_SHOWN 5
#define UNKNOWN_SHOWN 8

void load_receipt_init(receipt *r)
{
    memset(r, 0, sizeof *r);
}

static void release_counts(receipt_counts *counts)
{
    for (size_t i = 0; i < counts->count; i++)
        mem_free(counts->items[i].name);
    mem_free(counts->items);
}

void load_receipt_release(receipt *r)
{
    release_counts(&r->reasons);
    release_counts(&r->facts);
    release_counts(&r->dropped);
    release_counts(&r->unknown);
    release_counts(&r->dialects);
    release_counts(&r->sources);
    for (size_t i = 0; i < r->error_count; i++) {
        mem_free(r->errors[i].file);
        mem_free(r->errors[i].pointer);
        mem_free(r->errors[i].code);
        mem_free(r->errors[i].message);
    }
    mem_free(r->load_id);
    mem_free(r->json);
    load_receipt_init(r);
}

/* ---- adding ---- */

static char *copy_text(const json_value *object, const char *key)
{
    const json_value *v = json_get(object, key);
    if (v == NULL || json_typeof(v) != JSON_STRING)
        return mem_strdup("");
    const muster_text text = json_string(v);
    return mem_strndup(text.ptr, text.len);
}

static uint64_t count_of(const json_value *object, const char *key)
{
    const json_value *v = json_get(object, key);
    if (v == NULL || json_typeof(v) != JSON_INT || json_int(v) < 0)
        return 0;
    return (uint64_t)json_int(v);
}

static bool bool_of(const json_value *object, const char *key)
{
    const json_value *v = json_get(object, key);
    return v != NULL && json_typeof(v) == JSON_BOOL && json_bool(v);
}

static double double_of(const json_value *object, const char *key)
{
    const json_value *v = json_get(object, key);
    if (v != NULL && json_typeof(v) == JSON_INT)
        return (double)json_int(v);
    if (v == NULL || json_typeof(v) != JSON_NUMBER)
        return 0;
    const muster_text text = json_string(v);
    char *copy = mem_strndup(text.ptr, text.len);
    const double d = strtod(copy, NULL);
    mem_free(copy);
    return d;
}

static void add_count(receipt_counts *counts, muster_text name, uint64_t n)
{
    for (size_t i = 0; i < counts->count; i++) {
        if (text_is(name, counts->items[i].name)) {
            counts->items[i].count += n;
            return;
        }
    }
    mem_grow(&counts->items, &counts->capacity, counts->count + 1,
             sizeof *counts->items);
    counts->items[counts->count++] =
        (receipt_count){mem_strndup(name.ptr, name.len), n};
}

static void add_counts(receipt_counts *counts, const json_value *object)
{
    for (json_iter it = json_iter_of(object); json_next(&it);) {
        const bool number = json_typeof(it.value) == JSON_INT;
        add_count(counts, it.key, number ? (uint64_t)json_int(it.value) : 0);
    }
}

/* The numbers of an object and of those within it. */
static void add_paths(receipt_counts *counts, const json_value *object,
                      const char *path)
{
    buffer b;
    buffer_init(&b, (size_t)1 << 20);
    for (json_iter it = json_iter_of(object); json_next(&it);) {
        buffer_clear(&b);
        buffer_printf(&b, "%s/%.*s", path, (int)it.key.len, it.key.ptr);
        if (json_typeof(it.value) == JSON_OBJECT)
            add_paths(counts, it.value, buffer_cstr(&b));
        else if (json_typeof(it.value) == JSON_INT)
            add_count(counts, text_of(buffer_cstr(&b)),
                      (uint64_t)json_int(it.value));
    }
    buffer_release(&b);
}

static void add_dialects(receipt *r, const json_value *root)
{
    static const char *const names[] = {"aam", "cdp", "liveramp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_value *v = json_get(root, names[i]);
        if (v != NULL && json_typeof(v) == JSON_OBJECT)
            add_paths(&r->dialects, v, names[i]);
    }
}

/* A source is known again by its text. */
static void add_sources(receipt *r, const json_value *list)
{
    for (json_iter it = json_iter_of(list); json_next(&it);) {
        json_writer w;
        buffer text;
        buffer_init(&text, (size_t)64 << 10);
        json_begin(&w, &text, false);
        json_open_object(&w);
        for (json_iter in = json_iter_of(it.value); json_next(&in);) {
            if (json_typeof(in.value) != JSON_STRING)
                continue;
            json_key_text(&w, in.key);
            json_put_text(&w, json_string(in.value));
        }
        json_close(&w);
        add_count(&r->sources, text_of(buffer_cstr(&text)), 0);
        buffer_release(&text);
    }
}

static void add_errors(receipt *r, const json_value *list, const char *file)
{
    for (json_iter it = json_iter_of(list); json_next(&it);) {
        if (r->error_count == RECEIPT_ERRORS_MAX) {
            r->truncated = true;
            return;
        }
        r->errors[r->error_count++] = (receipt_error){
            .file = mem_strdup(file),
            .line = count_of(it.value, "line"),
            .offset = count_of(it.value, "offset"),
            .pointer = copy_text(it.value, "pointer"),
            .code = copy_text(it.value, "code"),
            .message = copy_text(it.value, "message"),
        };
    }
}

/* Keeps the text of each receipt, with commas between. */
static void add_json(receipt *r, const char *json)
{
    if (r->json == NULL) {
        r->json = mem_strdup(json);
        return;
    }
    const size_t former = strlen(r->json);
    const size_t more = strlen(json) + 1;
    r->json = mem_realloc(r->json, former + more + 1);
    r->json[former] = ',';
    memcpy(r->json + former + 1, json, more);
}

void load_receipt_add(receipt *r, const char *json, const char *file)
{
    json_doc *doc = NULL;
    muster_error err;
    error_clear(&err);
    ASSERT(json != NULL);
    ASSERT(json_parse(&doc, json, strlen(json), JSON_STRICT, &err) == 0);
    const json_value *root = json_root(doc);
    r->loads++;
    r->records += count_of(root, "records");
    r->accepted += count_of(root, "accepted");
    r->rejected += count_of(root, "rejected");
    r->users_new += count_of(root, "users_new");
    r->conflicts += count_of(root, "conflicts");
    r->bytes += count_of(root, "bytes");
    r->epoch = count_of(root, "epoch");
    r->seconds += double_of(root, "seconds");
    r->resumed += count_of(root, "resumed");
    r->repeated += bool_of(root, "repeated");
    r->truncated = r->truncated || bool_of(root, "errors_truncated");
    mem_free(r->load_id);
    r->load_id = copy_text(root, "load_id");
    add_counts(&r->reasons, json_get(root, "reasons"));
    add_counts(&r->facts, json_get(root, "facts"));
    if (json_get(root, "dropped") != NULL)
        add_counts(&r->dropped, json_get(root, "dropped"));
    for (json_iter it = json_iter_of(json_get(root, "unknown_attributes"));
         json_next(&it);)
        if (json_typeof(it.value) == JSON_STRING)
            add_count(&r->unknown, json_string(it.value), 0);
    add_dialects(r, root);
    if (json_get(root, "sources") != NULL)
        add_sources(r, json_get(root, "sources"));
    add_errors(r, json_get(root, "errors"), file);
    add_json(r, json);
    json_free(doc);
}

/* ---- showing ---- */

static uint64_t facts_of(const receipt *r)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->facts.count; i++)
        sum += r->facts.items[i].count;
    return sum;
}

static double per_second(const receipt *r, uint64_t n)
{
    return r->seconds > 0 ? (double)n / r->seconds : 0;
}

static void put_counts(cli *c, const char *key, const receipt_counts *counts)
{
    json_writer *w = out_member(c, key);
    json_open_object(w);
    for (size_t i = 0; i < counts->count; i++) {
        json_key(w, counts->items[i].name);
        json_put_uint(w, counts->items[i].count);
    }
    json_close(w);
}

static void put_errors(cli *c, const receipt *r)
{
    json_writer *w = out_member(c, "errors");
    json_open_array(w);
    for (size_t i = 0; i < r->error_count; i++) {
        const receipt_error *e = &r->errors[i];
        json_open_object(w);
        json_key(w, "file");
        json_put_str(w, e->file);
        json_key(w, "line");
        json_put_uint(w, e->line);
        json_key(w, "offset");
        json_put_uint(w, e->offset);
        json_key(w, "pointer");
        json_put_str(w, e->pointer);
        json_key(w, "code");
        json_put_str(w, e->code);
        json_key(w, "message");
        json_put_str(w, e->message);
        json_close(w);
    }
    json_close(w);
}

/* Those of `all` whose path begins with `path`, a member for each next part of
 * theirs. */
static void put_paths(json_writer *w, const receipt_counts *all,
                      const char *path)
{
    const size_t len = strlen(path);
    json_open_object(w);
    for (size_t i = 0; i < all->count; i++) {
        const char *name = all->items[i].name;
        if (strncmp(name, path, len) != 0)
            continue;
        const char *slash = strchr(name + len, '/');
        if (slash == NULL) {
            json_key(w, name + len);
            json_put_uint(w, all->items[i].count);
            continue;
        }
        const size_t part = (size_t)(slash - name) + 1;
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first = first && strncmp(all->items[k].name, name, part) != 0;
        if (!first)
            continue;
        char *inner = mem_strndup(name, part);
        json_key_text(w, text_make(name + len, part - len - 1));
        put_paths(w, all, inner);
        mem_free(inner);
    }
    json_close(w);
}

static void put_dialects(cli *c, const receipt *r)
{
    static const char *const names[] = {"aam", "cdp", "liveramp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[16];
        const int len = snprintf(path, sizeof path, "%s/", names[i]);
        bool any = false;
        for (size_t k = 0; k < r->dialects.count; k++)
            any |= strncmp(r->dialects.items[k].name, path, (size_t)len) == 0;
        if (any)
            put_paths(out_member(c, names[i]), &r->dialects, path);
    }
}

static void put_sources(cli *c, const receipt *r)
{
    json_writer *w = out_member(c, "sources");
    json_open_array(w);
    for (size_t i = 0; i < r->sources.count; i++)
        json_put_raw(w, text_of(r->sources.items[i].name));
    json_close(w);
}

/* The sum of several receipts, in the shape of one. */
static void put_sum(cli *c, const receipt *r)
{
    out_open(c);
    out_member_uint(c, "records", r->records);
    out_member_uint(c, "accepted", r->accepted);
    out_member_uint(c, "rejected", r->rejected);
    put_counts(c, "reasons", &r->reasons);
    put_counts(c, "facts", &r->facts);
    out_member_uint(c, "users_new", r->users_new);
    out_member_uint(c, "conflicts", r->conflicts);
    json_writer *w = out_member(c, "unknown_attributes");
    json_open_array(w);
    for (size_t i = 0; i < r->unknown.count; i++)
        json_put_str(w, r->unknown.items[i].name);
    json_close(w);
    if (r->dropped.count > 0)
        put_counts(c, "dropped", &r->dropped);
    put_dialects(c, r);
    if (r->sources.count > 0)
        put_sources(c, r);
    out_member_double(c, "seconds", r->seconds);
    out_member_uint(c, "records_per_s", (uint64_t)per_second(r, r->records));
    out_member_uint(c, "facts_per_s", (uint64_t)per_second(r, facts_of(r)));
    out_member_uint(c, "bytes", r->bytes);
    out_member_str(c, "load_id", r->load_id);
    out_member_uint(c, "epoch", r->epoch);
    if (r->resumed > 0)
        out_member_uint(c, "resumed", r->resumed);
    if (r->repeated == r->loads)
        out_member_bool(c, "repeated", true);
    put_errors(c, r);
    out_member_bool(c, "errors_truncated", r->truncated);
    w = out_member(c, "files");
    json_open_array(w);
    json_put_raw(w, text_of(r->json));
    json_close(w);
    out_close(c);
}

static void put_json(cli *c, const receipt *r)
{
    if (r->loads > 1) {
        const cli_settings former = c->set;
        const bool tty = c->out_tty;
        c->out_tty = tty && former.format == FORMAT_JSON; /* else one line */
        c->set.format = FORMAT_JSON;
        put_sum(c, r);
        c->set = former;
        c->out_tty = tty;
        return;
    }
    json_put_raw(out_json(c), text_of(r->json));
    out_json_end(c);
}

static const column receipt_columns[] = {
    {"records", COLUMN_COUNT},     {"accepted", COLUMN_COUNT},
    {"rejected", COLUMN_COUNT},    {"facts", COLUMN_COUNT},
    {"users_new", COLUMN_COUNT},   {"conflicts", COLUMN_COUNT},
    {"seconds", COLUMN_DOUBLE},    {"records_per_s", COLUMN_COUNT},
    {"facts_per_s", COLUMN_COUNT}, {"bytes", COLUMN_COUNT},
    {"load_id", COLUMN_TEXT},      {"epoch", COLUMN_INT},
    {"resumed", COLUMN_COUNT},     {"repeated", COLUMN_BOOL}};

static void put_row(cli *c, const receipt *r)
{
    rows *out = rows_open(c, "receipt", receipt_columns, 14);
    rows_uint(out, r->records);
    rows_uint(out, r->accepted);
    rows_uint(out, r->rejected);
    rows_uint(out, facts_of(r));
    rows_uint(out, r->users_new);
    rows_uint(out, r->conflicts);
    rows_double(out, r->seconds);
    rows_uint(out, (uint64_t)per_second(r, r->records));
    rows_uint(out, (uint64_t)per_second(r, facts_of(r)));
    rows_uint(out, r->bytes);
    rows_str(out, r->load_id);
    rows_uint(out, r->epoch);
    rows_uint(out, r->resumed);
    rows_bool(out, r->repeated == r->loads);
    rows_close(out);
}

static void put_named(cli *c, const receipt_counts *counts)
{
    for (size_t i = 0; i < counts->count; i++)
        if (counts->items[i].count > 0)
            out_printf(c, "  %s %s", counts->items[i].name,
                       human_count(counts->items[i].count).text);
}

static void put_rejected(cli *c, const receipt *r, const char *rejects_path)
{
    out_printf(c, "  rejected   %12s", human_count(r->rejected).text);
    put_named(c, &r->reasons);
    if (rejects_path != NULL)
        out_printf(c, "  (all of them: %s)", rejects_path);
    out_printf(c, "\n");
    size_t shown = 0;
    for (; shown < r->error_count && shown < ERRORS_SHOWN; shown++) {
        const receipt_error *e = &r->errors[shown];
        buffer b;
        buffer_init(&b, 64 * 1024);
        buffer_put_str(&b, "    ");
        if (r->loads > 1)
            buffer_printf(&b, "%s: ", e->file);
        buffer_printf(&b, "line %llu", (unsigned long long)e->line);
        if (*e->pointer != '\0')
            buffer_printf(&b, ", %s", e->pointer);
        buffer_printf(&b, ": %s", e->message);
        out_put_safe(&c->out, c, text_make((const char *)b.data, b.len));
        buffer_put_u8(&c->out, '\n');
        buffer_release(&b);
    }
    if (shown < r->rejected)
        out_printf(c, "    %s and %s more%s\n", human_signs(c)->dots,
                   human_count(r->rejected - shown).text,
                   rejects_path == NULL ? "; --rejects FILE writes them all"
                                        : "");
}

static void put_dropped(cli *c, const receipt *r)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->dropped.count; i++)
        sum += r->dropped.items[i].count;
    out_printf(c, "  dropped    %12s", human_count(sum).text);
    put_named(c, &r->dropped);
    out_printf(c, "\n");
}

static void put_unknown(cli *c, const receipt *r)
{
    out_printf(c, "  attributes %12s  not declared:",
               human_count(r->unknown.count).text);
    for (size_t i = 0; i < r->unknown.count && i < UNKNOWN_SHOWN; i++) {
        buffer_put_u8(&c->out, ' ');
        out_put_safe(&c->out, c, text_of(r->unknown.items[i].name));
    }
    out_printf(c, "%s\n",
               r->unknown.count > UNKNOWN_SHOWN ? human_signs(c)->dots : "");
}

static void put_resumed(cli *c, const receipt *r)
{
    out_printf(c,
               "  resumed at %12s  bytes; what stands before was stored"
               " already",
               human_count(r->resumed).text);
    if (r->repeated > 0)
        out_printf(c, " (%u of %u files were done before)", r->repeated,
                   r->loads);
    out_printf(c, "\n");
}

static void put_lines(cli *c, const receipt *r, bool dry_run,
                      const char *rejects_path)
{
    const char *dot = human_signs(c)->dot;
    out_printf(c, "  records    %12s  in %.2f s", human_count(r->records).text,
               r->seconds);
    out_printf(c, " %s %s records/s", dot,
               human_rate(per_second(r, r->records)).text);
    out_printf(c, " %s %s facts/s", dot,
               human_rate(per_second(r, facts_of(r))).text);
    out_printf(c, " %s %s/s\n", dot, human_bytes(per_second(r, r->bytes)).text);
    out_printf(c, "  accepted   %12s\n", human_count(r->accepted).text);
    if (r->rejected > 0)
        put_rejected(c, r, rejects_path);
    if (r->dropped.count > 0)
        put_dropped(c, r);
    out_printf(c, "  facts      %12s", human_count(facts_of(r)).text);
    put_named(c, &r->facts);
    out_printf(c, "\n  new users  %12s\n", human_count(r->users_new).text);
    if (r->conflicts > 0)
        out_printf(c,
                   "  conflicts  %12s  an id of theirs belongs to another"
                   " user\n",
                   human_count(r->conflicts).text);
    if (r->unknown.count > 0)
        put_unknown(c, r);
    if (r->repeated > 0 && r->repeated == r->loads)
        out_printf(c, "  done before: nothing was left to do; the numbers are"
                      " those of then\n");
    else if (r->resumed > 0)
        put_resumed(c, r);
    if (dry_run)
        load_preview_print(c, r->json);
    if (dry_run)
        out_printf(c, "  dry run: nothing was stored\n");
}

void load_receipt_print(cli *c, const receipt *r, bool dry_run,
                        const char *rejects_path)
{
    switch (c->set.format) {
    case FORMAT_JSON:
    case FORMAT_NDJSON:
        put_json(c, r);
        break;
    case FORMAT_TABLE:
        put_lines(c, r, dry_run, rejects_path);
        break;
    default:
        put_row(c, r);
    }
}
