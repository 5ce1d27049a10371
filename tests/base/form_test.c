/*
 * form_test.c - JSON files that people write: what is wrong is told with its
 * pointer and its place, also within arrays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static int read_flag(json_form *f, const json_value *v, void *target)
{
    return form_read_bool(f, v, target);
}

static int read_colour(json_form *f, const json_value *v, void *target)
{
    static const char *const words[] = {"red", "green"};
    return form_read_word(f, v, words, 2, target);
}

static int read_colours(json_form *f, const json_value *v, void *target)
{
    return form_read_each(f, v, read_colour, target);
}

static const form_member members[] = {{"flag", read_flag},
                                      {"colours", read_colours}};

static int read_item(json_form *f, const json_value *v, void *target)
{
    return form_read_object(f, v, members, 2, target);
}

static int read_list(json_form *f, const json_value *v, void *target)
{
    return form_read_each(f, v, read_item, target);
}

static const form_member file_members[] = {{"list", read_list}};

static int read_file(const char *text, muster_error *err)
{
    json_doc *doc = NULL;
    size_t target = 0;
    json_form f = {.text = text_of(text), .err = err};
    assert_int_equal(json_parse(&doc, text, strlen(text), JSON_COMMENTS, err),
                     0);
    const int rc =
        form_read_object(&f, json_root(doc), file_members, 1, &target);
    json_free(doc);
    return rc;
}

static const struct {
    const char *text;
    const char *message;
    const char *shown;
    const char *suggestion;
} faults[] = {
    {"[]", "the file: an object is expected, this is an array", "[", ""},
    {"{\"lisd\":1}", "/lisd: there is no such key here", "\"lisd\"",
     "list"},
    {"{\"list\":[{},{\"flag\":1}]}",
     "/list/1/flag: true or false is expected, this is a number", "1", ""},
    {"{\"list\": /* ] */ [ {} , // [\n {\"colours\":[\"red\",\"gren\"]}]}",
     "/list/1/colours/1: \"gren\" is not one of \"red\", \"green\"", "\"gren\"",
     "green"},
    {"{\"list\":{\"colours\":\"blue\"}}",
     "/list/colours: \"blue\" is not one of \"red\", \"green\"", "\"blue\"",
     ""},
    {"{\"list\":[[],7]}", "/list/0: an object is expected, this is an array",
     "[]", ""},
    {"{\"list\":[{\"flag\":true,\"flag\":true}]}",
     "/list/0/flag: this key stands here twice", "\"flag\"", ""},
    {"{\"a/b~c\":1}", "/a~1b~0c: there is no such key here", "\"a/b~c\"", ""},
};

static void test_base_form__faults_have_pointer_and_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        muster_error err;
        const int rc = read_file(faults[i].text, &err);
        if (rc != MUSTER_EINVAL ||
            strcmp(err.message, faults[i].message) != 0 ||
            strcmp(err.suggestion, faults[i].suggestion) != 0)
            fail_msg("%s\ngave %s / %s", faults[i].text, err.message,
                     err.suggestion);
        if (err.length != strlen(faults[i].shown) ||
            memcmp(faults[i].text + err.offset, faults[i].shown, err.length) !=
                0)
            fail_msg("%s\nshows %.*s", faults[i].text, (int)err.length,
                     faults[i].text + err.offset);
    }
}

static void test_base_form__what_is_right_is_read(void **state)
{
    (void)state;
    muster_error err;
    assert_int_equal(read_file("{}", &err), 0);
    assert_int_equal(read_file("{\"list\":[]}", &err), 0);
    assert_int_equal(read_file("{\"list\":[{\"colours\":[\"red\"]},"
                               "{\"colours\":\"green\"}],}",
                               &err),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_form__faults_have_pointer_and_place),
        cmocka_unit_test(test_base_form__what_is_right_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
