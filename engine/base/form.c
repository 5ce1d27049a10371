/*
 * form.c - reading JSON files that people write.
 *
 * A reader is a table of members, each with the function that reads it; what
 * is not in the table is refused with the nearest name. While a member is
 * read its key is on the path, so a message can say where it is.
 *
 * Cost: no copies; the text is searched only for a message. Threads: a form
 * belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/form.h"

#include <stdarg.h>

/* "/attributes/demo.age/kind" */
static void put_pointer(buffer *b, const json_form *f)
{
    for (size_t i = 0; i < f->depth; i++) {
        buffer_put_u8(b, '/');
        const muster_text key = f->path[i];
        const size_t shown = key.len < 100 ? key.len : 100;
        for (size_t j = 0; j < shown; j++) {
            if (key.ptr[j] == '~')
                buffer_put_str(b, "~0");
            else if (key.ptr[j] == '/')
                buffer_put_str(b, "~1");
            else
                buffer_put_u8(b, (uint8_t)key.ptr[j]);
        }
    }
    buffer_put_str(b, f->depth == 0 ? "the file" : "");
}

int form_fail(const json_form *f, int code, const char *word, bool at_key,
              const char *format, ...)
{
    buffer message;
    buffer_init(&message, 8192);
    put_pointer(&message, f);
    buffer_put_str(&message, ": ");
    va_list args;
    va_start(args, format);
    buffer_vprintf(&message, format, args);
    va_end(args);
    error_set(f->err, code, word, "%s", buffer_cstr(&message));
    buffer_release(&message);
    text_place place;
    if (place_find(f->text, f->path, f->depth, at_key, &place)) {
        if (!at_key && f->depth == 0)
            place.length = 1;
        error_place(f->err, f->text.ptr, f->text.len, place.offset,
                    place.length);
    }
    return code;
}

static const char *type_name(const json_value *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL:
        return "null";
    case JSON_BOOL:
        return "true or false";
    case JSON_INT:
    case JSON_NUMBER:
        return "a number";
    case JSON_STRING:
        return "a text";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    }
    return "something else";
}

int form_wrong_type(const json_form *f, const json_value *v,
                    const char *expected)
{
    return form_fail(f, MUSTER_EINVAL, "wrong_type", false,
                     "%s is expected, this is %s", expected, type_name(v));
}

static void suggest(const json_form *f, const near_name *near)
{
    if (near->best.ptr != NULL)
        error_suggest(f->err, "%.*s", (int)near->best.len, near->best.ptr);
}

int form_wrong_word(const json_form *f, muster_text found,
                    const char *const *words, size_t count)
{
    buffer list;
    near_name near;
    buffer_init(&list, 4096);
    near_init(&near, found);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&list, "%s\"%s\"", i == 0 ? "" : ", ", words[i]);
        near_offer(&near, text_of(words[i]));
    }
    const int rc = form_fail(
        f, MUSTER_EINVAL, "wrong_value", false, "\"%.*s\" is not one of %s",
        (int)(found.len < 64 ? found.len : 64), found.ptr, buffer_cstr(&list));
    suggest(f, &near);
    buffer_release(&list);
    return rc;
}

static int unknown_key(const json_form *f, muster_text key,
                       const form_member *rows, size_t count)
{
    near_name near;
    near_init(&near, key);
    for (size_t i = 0; i < count; i++)
        near_offer(&near, text_of(rows[i].key));
    const int rc = form_fail(f, MUSTER_EINVAL, "unknown_key", true,
                             "there is no such key here");
    suggest(f, &near);
    return rc;
}

/* ---- walking ---- */

void form_enter(json_form *f, muster_text key)
{
    ASSERT(f->depth < FORM_DEPTH_MAX);
    f->path[f->depth++] = key;
}

void form_enter_element(json_form *f, size_t index)
{
    ASSERT(f->depth < FORM_DEPTH_MAX);
    char *digits = f->digits[f->depth];
    form_enter(f, text_make(digits, text_format_uint(digits, index)));
}

void form_leave(json_form *f)
{
    ASSERT(f->depth > 0);
    f->depth--;
}

static int read_member(json_form *f, const form_member *rows, size_t count,
                       const json_value *v, uint64_t *seen, void *target)
{
    ASSERT(f->depth > 0 && count <= 64);
    const muster_text key = f->path[f->depth - 1];
    for (size_t i = 0; i < count; i++) {
        if (!text_is(key, rows[i].key))
            continue;
        if ((*seen & (uint64_t)1 << i) != 0)
            return form_fail(f, MUSTER_EINVAL, "duplicate_key", true,
                             "this key stands here twice");
        *seen |= (uint64_t)1 << i;
        return rows[i].read(f, v, target);
    }
    return unknown_key(f, key, rows, count);
}

int form_read_object(json_form *f, const json_value *v, const form_member *rows,
                     size_t count, void *target)
{
    if (json_typeof(v) != JSON_OBJECT)
        return form_wrong_type(f, v, "an object");
    uint64_t seen = 0;
    for (json_iter it = json_iter_of(v); json_next(&it);) {
        form_enter(f, it.key);
        const int rc = read_member(f, rows, count, it.value, &seen, target);
        if (rc != 0)
            return rc; /* the path stays for the message */
        form_leave(f);
    }
    return 0;
}

int form_read_each(json_form *f, const json_value *v,
                   int (*read)(json_form *f, const json_value *v, void *target),
                   void *target)
{
    size_t index = 0;
    if (json_typeof(v) != JSON_ARRAY)
        return read(f, v, target);
    for (json_iter it = json_iter_of(v); json_next(&it); index++) {
        form_enter_element(f, index);
        const int rc = read(f, it.value, target);
        if (rc != 0)
            return rc;
        form_leave(f);
    }
    return 0;
}

/* ---- values ---- */

int form_read_text(const json_form *f, const json_value *v, muster_text *out)
{
    if (json_typeof(v) != JSON_STRING)
        return form_wrong_type(f, v, "a text");
    *out = json_string(v);
    return 0;
}

int form_read_bool(const json_form *f, const json_value *v, bool *out)
{
    if (json_typeof(v) != JSON_BOOL)
        return form_wrong_type(f, v, "true or false");
    *out = json_bool(v);
    return 0;
}

int form_read_word(const json_form *f, const json_value *v,
                   const char *const *words, size_t count, size_t *out)
{
    muster_text word;
    const int rc = form_read_text(f, v, &word);
    if (rc != 0)
        return rc;
    for (*out = 0; *out < count; ++*out)
        if (text_is(word, words[*out]))
            return 0;
    return form_wrong_word(f, word, words, count);
}
