/*
 * place.c - where a value stands in a JSON text.
 *
 * The JSON reader keeps values, not places. When a value turns out to be
 * wrong, this scanner goes through the text a second time, only as far as
 * needed. It may rely on the text being well-formed, since the reader took
 * it; it still never leaves the text. Commas and colons are treated as white
 * space: between keys and values nothing else can stand there.
 *
 * Cost: one pass per error. No state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/place.h"

#include "base/error.h"

#include <string.h>

typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

static bool more(const cursor *c)
{
    return c->at < c->end;
}

static bool ahead(const cursor *c, const char *word)
{
    const size_t len = strlen(word);
    return (size_t)(c->end - c->at) >= len && memcmp(c->at, word, len) == 0;
}

/* To the first byte of `word`, or to the end. */
static void skip_to(cursor *c, const char *word)
{
    while (more(c) && !ahead(c, word))
        c->at++;
}

static void skip_between(cursor *c)
{
    while (more(c)) {
        if (strchr(" \t\r\n,:", *c->at) != NULL && *c->at != '\0')
            c->at++;
        else if (ahead(c, "\xef\xbb\xbf"))
            c->at += 3;
        else if (ahead(c, "//"))
            skip_to(c, "\n");
        else if (ahead(c, "/*")) {
            skip_to(c, "*/");
            c->at += ahead(c, "*/") ? 2 : 0;
        } else
            return;
    }
}

static void skip_string(cursor *c)
{
    ASSERT(more(c) && *c->at == '"');
    c->at++;
    while (more(c) && *c->at != '"')
        c->at += *c->at == '\\' && c->end - c->at > 1 ? 2 : 1;
    c->at += more(c) ? 1 : 0;
}

/* A number or a word. Always goes on by one byte at least. */
static void skip_word(cursor *c)
{
    do
        c->at++;
    while (more(c) && strchr(" \t\r\n,:{}[]\"/", *c->at) == NULL);
}

/* A string, a number, a word, or everything up to the closing bracket. */
static void skip_value(cursor *c)
{
    size_t depth = 0;
    do {
        skip_between(c);
        if (!more(c))
            return;
        if (*c->at == '"') {
            skip_string(c);
        } else if (*c->at == '{' || *c->at == '[') {
            depth++;
            c->at++;
        } else if (*c->at == '}' || *c->at == ']') {
            depth -= depth > 0 ? 1 : 0;
            c->at++;
        } else {
            skip_word(c);
        }
    } while (depth > 0);
}

/* The object at the cursor: places of the last member named `key`. */
static bool find_member(cursor *c, muster_text key, text_place *key_place,
                        text_place *value_place, const char *start)
{
    bool found = false;
    if (!more(c) || *c->at != '{')
        return false;
    c->at++;
    for (skip_between(c); more(c) && *c->at == '"'; skip_between(c)) {
        const char *name = c->at;
        skip_string(c);
        const size_t name_len = (size_t)(c->at - name);
        skip_between(c);
        const char *value = c->at;
        skip_value(c);
        if (name_len != key.len + 2 ||
            (key.len != 0 && memcmp(name + 1, key.ptr, key.len) != 0))
            continue;
        found = true;
        *key_place = (text_place){(size_t)(name - start), name_len};
        *value_place =
            (text_place){(size_t)(value - start), (size_t)(c->at - value)};
    }
    return found;
}

/* The array at the cursor: place of the element of that number. */
static bool find_element(cursor *c, muster_text number, text_place *place,
                         const char *start)
{
    int64_t left = 0;
    if (!text_parse_int(number, &left))
        return false;
    c->at++;
    for (skip_between(c); more(c) && *c->at != ']'; skip_between(c)) {
        const char *value = c->at;
        skip_value(c);
        *place = (text_place){(size_t)(value - start), (size_t)(c->at - value)};
        if (left-- == 0)
            return true;
    }
    return false;
}

static bool find_inside(cursor *c, muster_text key, text_place *key_place,
                        text_place *value_place, const char *start)
{
    skip_between(c);
    if (!more(c) || *c->at != '[')
        return find_member(c, key, key_place, value_place, start);
    const bool found = find_element(c, key, value_place, start);
    *key_place = *value_place;
    return found;
}

bool place_find(muster_text text, const muster_text *keys, size_t depth,
                bool of_key, text_place *out)
{
    ASSERT(text.ptr != NULL && out != NULL);
    text_place key = {0, 0};
    text_place value = {0, text.len};
    for (size_t i = 0; i < depth; i++) {
        cursor c = {text.ptr + value.offset,
                    text.ptr + value.offset + value.length};
        if (!find_inside(&c, keys[i], &key, &value, text.ptr))
            return false;
    }
    *out = of_key ? key : value;
    ASSERT(out->offset + out->length <= text.len);
    return true;
}
