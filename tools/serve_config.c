/*
 * serve_config.c - one table of options, read from three places.
 *
 * Every value is a text first, wherever it comes from, and is understood by
 * one function for its kind; only the beginning of a message tells where it
 * stands: "--log-level", "MUSTER_LOG_LEVEL", "muster.json:3: log_level".
 *
 * The JSON reader does not tell where a member stands, so a message that needs
 * the line walks the text once more (line_of_member).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "serve_config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "base/mem.h"

/* A configuration is a page or two; more is not one. */
#define CONFIG_BYTES_MAX ((size_t)1 << 20)
#define NAME_BYTES_MAX 64

/* ---- the table ---- */

enum kind { KIND_TEXT, KIND_LIST, KIND_WORD, KIND_COUNT, KIND_BYTES, KIND_YES };

typedef struct option {
    const char *flag; /* without --; the key has _ for - */
    enum kind kind;
    size_t offset; /* in serve_config */
    const char *words;
    const char *otherwise; /* the default; NULL = none */
    uint64_t low, high;    /* KIND_BYTES: low is the share of memory */
} option;

#define AT(member) offsetof(serve_config, member)
#define ROW_TEXT(m, flag, value, otherwise, help) \
    {flag, KIND_TEXT, AT(m), NULL, otherwise, 0, 0},
#define ROW_LIST(m, flag, value, otherwise, help) \
    {flag, KIND_LIST, AT(m), NULL, otherwise, 0, 0},
#define ROW_WORD(m, flag, value, words, otherwise, help) \
    {flag, KIND_WORD, AT(m), words, otherwise, 0, 0},
#define ROW_COUNT(m, flag, low, high, otherwise, help) \
    {flag, KIND_COUNT, AT(m), NULL, otherwise, low, high},
#define ROW_BYTES(m, flag, share, help) \
    {flag, KIND_BYTES, AT(m), NULL, NULL, share, 0},
#define ROW_YES(m, flag, help) {flag, KIND_YES, AT(m), NULL, NULL, 0, 0},

static const option options[] = {
    SERVE_OPTIONS(ROW_TEXT, ROW_LIST, ROW_WORD, ROW_COUNT, ROW_BYTES,
                  ROW_YES)};
#define OPTIONS (sizeof options / sizeof *options)

#define FLAG_TEXT(m, flag, value, otherwise, help) \
    {flag, 0, value, NULL, help},
#define FLAG_LIST FLAG_TEXT
#define FLAG_WORD(m, flag, value, words, otherwise, help) \
    {flag, 0, value, words, help " (" otherwise ")"},
#define FLAG_COUNT(m, flag, low, high, otherwise, help) \
    {flag, 0, "N", NULL, help " (" otherwise ")"},
#define FLAG_BYTES(m, flag, share, help) {flag, 0, "BYTES", NULL, help},
#define FLAG_YES(m, flag, help) {flag, 0, NULL, NULL, help},

const cli_flag serve_flags[] = {
    {"config", 0, "FILE", NULL,
     "options from a file of JSON (MUSTER_CONFIG)"},
    {"print-config", 0, NULL, NULL,
     "print the options as such a file, and end"},
    {"print-routes", 0, "FORMAT", "md json",
     "print the reference or OpenAPI document, and end"},
    SERVE_OPTIONS(FLAG_TEXT, FLAG_LIST, FLAG_WORD, FLAG_COUNT, FLAG_BYTES,
                  FLAG_YES) CLI_FLAG_END};

#define KEY_OF(name) #name,
static const char *const global_keys[] = {SERVE_GLOBALS(KEY_OF)};
#define GLOBALS (sizeof global_keys / sizeof *global_keys)

/* log_level of --log-level. */
static void key_of(const option *o, char out[NAME_BYTES_MAX])
{
    const size_t len = strlen(o->flag);
    ASSERT(len < NAME_BYTES_MAX);
    for (size_t i = 0; i <= len; i++)
        out[i] = (char)(o->flag[i] == '-' ? '_' : o->flag[i]);
}

/* MUSTER_LOG_LEVEL of --log-level. */
static void variable_of(const option *o, char out[NAME_BYTES_MAX])
{
    char key[NAME_BYTES_MAX];
    key_of(o, key);
    const int n = snprintf(out, NAME_BYTES_MAX, "MUSTER_%s", key);
    ASSERT(n > 0 && n < NAME_BYTES_MAX);
    for (char *c = out; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c & ~0x20);
}

/* ---- understanding a value ---- */

static bool word_is_listed(const char *words, const char *text)
{
    const size_t len = strlen(text);
    for (const char *at = words; *at != '\0';) {
        const size_t n = strcspn(at, " ");
        if (n == len && memcmp(at, text, n) == 0)
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

static bool parse_yes(const char *text, bool *out)
{
    *out = word_is_listed("true yes on 1", text);
    return *out || word_is_listed("false no off 0", text);
}

static int refuse(const cli *c, const char *place, const option *o,
                  const char *text)
{
    switch (o->kind) {
    case KIND_TEXT:
    case KIND_LIST:
        return tell_error(c, EXIT_USAGE, "%s takes a text that is not empty",
                          place);
    case KIND_WORD:
        return tell_error(c, EXIT_USAGE, "%s takes one of: %s; not '%s'",
                          place, o->words, tell_safe(text));
    case KIND_YES:
        return tell_error(c, EXIT_USAGE, "%s takes true or false; not '%s'",
                          place, tell_safe(text));
    case KIND_BYTES:
        return tell_error(c, EXIT_USAGE, "%s takes bytes, as 512M or 4G;"
                          " not '%s'", place, tell_safe(text));
    default:
        return tell_error(c, EXIT_USAGE,
                          "%s takes a whole number from %" PRIu64 " to %" PRIu64
                          ", not '%s'",
                          place, o->low, o->high, tell_safe(text));
    }
}

/* `place` is how a message begins; `text` stays borrowed. */
static int set_option(const cli *c, serve_config *config, const option *o,
                      const char *place, const char *text)
{
    void *member = (char *)config + o->offset;
    int64_t v;
    switch (o->kind) {
    case KIND_TEXT:
    case KIND_LIST:
        if (*text == '\0')
            return refuse(c, place, o, text);
        *(const char **)member = text;
        return 0;
    case KIND_WORD:
        if (!word_is_listed(o->words, text))
            return refuse(c, place, o, text);
        *(const char **)member = text;
        return 0;
    case KIND_YES:
        return parse_yes(text, member) ? 0 : refuse(c, place, o, text);
    case KIND_BYTES:
        return options_parse_bytes(text, member)
                   ? 0
                   : refuse(c, place, o, text);
    default:
        if (!text_parse_int(text_of(text), &v) || v < (int64_t)o->low ||
            v > (int64_t)o->high)
            return refuse(c, place, o, text);
        *(uint64_t *)member = (uint64_t)v;
        return 0;
    }
}

/* ---- the file ---- */

typedef struct config_file {
    cli *c;
    serve_config *config;
    const char *path;
    const char *text;
    size_t len;
} config_file;

/* Behind a comment that begins at `at`; `at` itself when none does. */
static size_t skip_comment(const char *text, size_t len, size_t at)
{
    if (at + 1 >= len || text[at] != '/')
        return at;
    if (text[at + 1] == '/') {
        const char *end = memchr(text + at, '\n', len - at);
        return end != NULL ? (size_t)(end - text) : len;
    }
    for (size_t i = at + 2; text[at + 1] == '*' && i + 1 < len; i++)
        if (text[i] == '*' && text[i + 1] == '/')
            return i + 2;
    return at;
}

/* Behind the string that begins at `at`. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
    for (at++; at < len && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at + 1;
}

/* Line of the member of that number, from 0, of the object that a sound text
 * is. A string directly in the object is a key when the number of colons in
 * front of it is that of commas. */
static unsigned line_of_member(const char *text, size_t len, size_t number)
{
    unsigned line = 1;
    int depth = 0;
    size_t commas = 0;
    bool is_key = true;
    size_t next;
    for (size_t at = 0; at < len; at = next) {
        const char ch = text[at];
        next = skip_comment(text, len, at);
        if (ch == '"')
            next = skip_string(text, len, at);
        if (ch == '"' && depth == 1 && is_key && commas == number)
            return line;
        if (next == at)
            next = at + 1;
        for (size_t i = at; i < next && i < len; i++)
            line += text[i] == '\n';
        if (next > at + 1) /* a comment or a string */
            continue;
        depth += (ch == '{' || ch == '[') - (ch == '}' || ch == ']');
        if (depth == 1 && ch == ':')
            is_key = false;
        if (depth == 1 && ch == ',') {
            commas++;
            is_key = true;
        }
    }
    return line;
}

/* "muster.json:3: log_level" */
static const char *place_in_file(config_file *f, muster_text key, size_t number)
{
    buffer b;
    buffer_init(&b, 64 * 1024);
    buffer_printf(&b, "%s:%u: %.*s", f->path,
                  line_of_member(f->text, f->len, number), (int)key.len,
                  key.ptr);
    const char *place =
        arena_strndup(&f->config->texts, (const char *)b.data, b.len);
    buffer_release(&b);
    return place;
}

/* A list of texts with commas between; false: something else is in it. */
static bool put_list(buffer *b, const json_value *list)
{
    for (json_iter it = json_iter_of(list); json_next(&it);) {
        if (json_typeof(it.value) != JSON_STRING)
            return false;
        if (b->len > 0)
            buffer_put_u8(b, ',');
        buffer_put_text(b, json_string(it.value));
    }
    return true;
}

/* The value as a flag would have it; NULL when it is none of these. */
static const char *text_of_value(config_file *f, const json_value *v)
{
    buffer b;
    bool fine = true;
    buffer_init(&b, CONFIG_BYTES_MAX);
    switch (json_typeof(v)) {
    case JSON_STRING:
    case JSON_NUMBER:
        buffer_put_text(&b, json_string(v));
        break;
    case JSON_INT:
        buffer_printf(&b, "%" PRId64, json_int(v));
        break;
    case JSON_BOOL:
        buffer_put_str(&b, json_bool(v) ? "true" : "false");
        break;
    case JSON_ARRAY:
        fine = put_list(&b, v);
        break;
    default:
        fine = false;
    }
    fine = fine && memchr(buffer_cstr(&b), '\0', b.len) == NULL;
    const char *text =
        fine ? arena_strndup(&f->config->texts, (const char *)b.data, b.len)
             : NULL;
    buffer_release(&b);
    return text;
}

static int unknown_key(config_file *f, muster_text key, const char *place)
{
    near_name near;
    near_init(&near, key);
    char names[OPTIONS][NAME_BYTES_MAX];
    for (size_t i = 0; i < OPTIONS; i++) {
        key_of(&options[i], names[i]);
        near_offer(&near, text_of(names[i]));
    }
    for (size_t i = 0; i < GLOBALS; i++)
        near_offer(&near, text_of(global_keys[i]));
    if (near.best.ptr != NULL)
        return tell_error(f->c, EXIT_USAGE,
                          "%s: no such option; did you mean %.*s?", place,
                          (int)near.best.len, near.best.ptr);
    return tell_error(f->c, EXIT_USAGE,
                      "%s: no such option; see muster help serve", place);
}

static bool in_environment(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0';
}

/* Was --data or MUSTER_DATA given? options_defaults took the variable. */
static bool data_is_told(const cli *c)
{
    cli fresh;
    options_defaults(&fresh);
    return in_environment("MUSTER_DATA") ||
           c->set.data_dir != fresh.set.data_dir;
}

static int set_budget(config_file *f, const char *place, const char *variable,
                      const char *text, uint64_t none, uint64_t *out)
{
    uint64_t v;
    if (!options_parse_bytes(text, &v))
        return tell_error(f->c, EXIT_USAGE,
                          "%s takes bytes, as 512M or 4G; not '%s'", place,
                          tell_safe(text));
    if (*out == 0 && !in_environment(variable))
        *out = v > 0 ? v : none;
    return 0;
}

static int set_global(config_file *f, const char *key, const char *place,
                      const char *text)
{
    cli_settings *set = &f->c->set;
    if (strcmp(key, "memory") == 0)
        return set_budget(f, place, "MUSTER_MEMORY", text, 0,
                          &set->memory_bytes);
    if (strcmp(key, "log") == 0)
        return set_budget(f, place, "MUSTER_LOG", text, 0, &set->log_bytes);
    if (strcmp(key, "resident") == 0)
        return set_budget(f, place, "MUSTER_RESIDENT", text, RESIDENT_NONE,
                          &set->resident_bytes);
    if (*text == '\0')
        return tell_error(f->c, EXIT_USAGE,
                          "%s takes a text that is not empty", place);
    if (strcmp(key, "data") == 0 && !data_is_told(f->c))
        set->data_dir = text;
    if (strcmp(key, "key_file") == 0 && set->key_file == NULL)
        set->key_file = text; /* serve_config_read took the variable */
    return 0;
}

static int take_member(config_file *f, muster_text key, const json_value *v,
                       size_t number)
{
    const char *place = place_in_file(f, key, number);
    const char *text = text_of_value(f, v);
    if (text == NULL)
        return tell_error(f->c, EXIT_USAGE,
                          "%s takes a text, a number, true or false, or a"
                          " list of texts",
                          place);
    for (size_t i = 0; i < OPTIONS; i++) {
        char name[NAME_BYTES_MAX];
        key_of(&options[i], name);
        if (text_is(key, name))
            return set_option(f->c, f->config, &options[i], place, text);
    }
    for (size_t i = 0; i < GLOBALS; i++)
        if (text_is(key, global_keys[i]))
            return set_global(f, global_keys[i], place, text);
    return unknown_key(f, key, place);
}

static bool came_before(const json_value *root, muster_text key, size_t number)
{
    size_t i = 0;
    for (json_iter it = json_iter_of(root); json_next(&it) && i < number; i++)
        if (text_equal(it.key, key))
            return true;
    return false;
}

static int take_members(config_file *f, const json_value *root)
{
    size_t number = 0;
    if (json_typeof(root) != JSON_OBJECT)
        return tell_error(f->c, EXIT_USAGE,
                          "%s: a configuration is one object, as"
                          " {\"log_level\":\"warn\"}",
                          f->path);
    for (json_iter it = json_iter_of(root); json_next(&it); number++) {
        int code = take_member(f, it.key, it.value, number);
        if (code == 0 && came_before(root, it.key, number))
            code = tell_error(f->c, EXIT_USAGE, "%s: it stands there twice",
                              place_in_file(f, it.key, number));
        if (code != 0)
            return code;
    }
    return 0;
}

static int read_file(cli *c, serve_config *config, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    json_doc *doc = NULL;
    muster_error err;
    int code = input_read(c, path, CONFIG_BYTES_MAX, &text, &len);
    if (code != 0)
        return code;
    if (json_parse(&doc, text, len, JSON_COMMENTS, &err) != 0) {
        code = tell_status(c, &err, text, len);
        tell(c, "in %s", path);
    } else {
        config_file f = {c, config, path, text, len};
        code = take_members(&f, json_root(doc));
    }
    json_free(doc);
    mem_free(text);
    return code == 0 ? 0 : EXIT_USAGE;
}

/* ---- all three ---- */

static uint64_t machine_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

static void take_defaults(const cli *c, serve_config *config)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        if (o->kind == KIND_BYTES)
            *(uint64_t *)(void *)((char *)config + o->offset) =
                machine_memory() / o->low;
        if (o->otherwise != NULL)
            ASSERT(set_option(c, config, o, o->flag, o->otherwise) == 0);
    }
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The table repeats the server's defaults, for the help. */
#define SAME_TEXT(m, ...) ASSERT(is_same(config->m, server.m));
#define SAME_UINT(m, ...) ASSERT(config->m == server.m);
#define SKIP(m, ...)
static void check_defaults(const serve_config *config)
{
    const muster_server_options server = MUSTER_SERVER_OPTIONS_INIT;
    SERVE_OPTIONS(SAME_TEXT, SAME_TEXT, SAME_TEXT, SAME_UINT, SKIP, SAME_UINT)
}

static int take_environment(const cli *c, serve_config *config)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        char name[NAME_BYTES_MAX];
        variable_of(&options[i], name);
        if (!in_environment(name))
            continue;
        const int code =
            set_option(c, config, &options[i], name, getenv(name));
        if (code != 0)
            return code;
    }
    return 0;
}

/* All that a flag was given, with commas between. */
static const char *flag_list(const cli *c, serve_config *config,
                             const char *flag)
{
    const char *text = NULL;
    buffer b;
    buffer_init(&b, CONFIG_BYTES_MAX);
    for (size_t i = 0; (text = cli_flag_nth(c, flag, i)) != NULL; i++) {
        if (i > 0)
            buffer_put_u8(&b, ',');
        buffer_put_str(&b, text);
    }
    text = b.len > 0 && buffer_ok(&b)
               ? arena_strndup(&config->texts, (const char *)b.data, b.len)
               : "";
    buffer_release(&b);
    return text;
}

static int take_flags(const cli *c, serve_config *config)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        const char *text = cli_flag_text(c, o->flag);
        char name[NAME_BYTES_MAX];
        if (text == NULL)
            continue;
        if (o->kind == KIND_LIST)
            text = flag_list(c, config, o->flag);
        snprintf(name, sizeof name, "--%s", o->flag);
        const int code = set_option(c, config, o, name,
                                    o->kind == KIND_YES ? "true" : text);
        if (code != 0)
            return code;
    }
    return 0;
}

int serve_config_read(cli *c, serve_config *out)
{
    memset(out, 0, sizeof *out);
    arena_init(&out->texts);
    const char *path = cli_flag_text(c, "config");
    if (path == NULL && in_environment("MUSTER_CONFIG"))
        path = getenv("MUSTER_CONFIG");
    take_defaults(c, out);
    check_defaults(out);
    if (c->set.key_file == NULL && in_environment("MUSTER_KEY_FILE"))
        c->set.key_file = getenv("MUSTER_KEY_FILE");
    int code = path != NULL ? read_file(c, out, path) : 0;
    if (code == 0)
        code = take_environment(c, out);
    if (code == 0)
        code = take_flags(c, out);
    return code;
}

void serve_config_release(serve_config *config)
{
    arena_release(&config->texts);
}

/* ---- printing ---- */

static void put_option(json_writer *w, const serve_config *config,
                       const option *o)
{
    const void *member = (const char *)config + o->offset;
    char key[NAME_BYTES_MAX];
    if ((o->kind == KIND_TEXT || o->kind == KIND_LIST) && *(const char *const *)member == NULL)
        return;
    key_of(o, key);
    json_key(w, key);
    switch (o->kind) {
    case KIND_TEXT:
    case KIND_LIST:
    case KIND_WORD:
        json_put_str(w, *(const char *const *)member);
        break;
    case KIND_YES:
        json_put_bool(w, *(const bool *)member);
        break;
    case KIND_COUNT:
    case KIND_BYTES:
        json_put_uint(w, *(const uint64_t *)member);
        break;
    }
}

static void print_config(cli *c, const serve_config *config)
{
    json_writer *w = out_json(c);
    json_open_object(w);
    for (size_t i = 0; i < OPTIONS; i++)
        put_option(w, config, &options[i]);
    json_close(w);
    out_json_end(c);
}

bool serve_config_print(cli *c, const serve_config *config)
{
    const char *form = cli_flag_text(c, "print-routes");
    if (form != NULL) {
        char *text = strcmp(form, "md") == 0 ? muster_server_reference()
                                             : muster_server_openapi();
        buffer_put_str(&c->out, text);
        if (strcmp(form, "json") == 0)
            buffer_put_u8(&c->out, '\n');
        muster_free(text);
    } else if (cli_flag_is(c, "print-config")) {
        print_config(c, config);
    } else {
        return false;
    }
    return true;
}

/* ---- for the server ---- */

#define PUT_SAME(m, ...) server.m = config->m;
#define PUT_UINT(m, ...) server.m = (uint32_t)config->m;
muster_server_options serve_config_server(const serve_config *config)
{
    muster_server_options server = MUSTER_SERVER_OPTIONS_INIT;
    SERVE_OPTIONS(PUT_SAME, PUT_SAME, PUT_SAME, PUT_UINT, SKIP, PUT_SAME)
    return server;
}
