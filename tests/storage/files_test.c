/*
 * files_test.c - whole small files and directories: what is saved is whole or
 * not there, whichever call fails; names are flushed; nothing else is touched.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "directory.h"
#include "storage/file.h"

/* ---- a layer that fails, and counts flushes ---- */

static int calls_left; /* negative: none fails */
static int flushes;

static bool fails(void)
{
    if (calls_left < 0 || calls_left-- > 0)
        return false;
    errno = EIO;
    return true;
}

static int failing_open(const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : file_system.open(path, flags, mode);
}

static ssize_t failing_write(int fd, const void *bytes, size_t len)
{
    return fails() ? -1 : file_system.write(fd, bytes, len > 3 ? 3 : len);
}

static int failing_sync(int fd)
{
    flushes++;
    return fails() ? -1 : file_system.sync(fd);
}

static int failing_rename(const char *from, const char *to)
{
    return fails() ? -1 : file_system.rename(from, to);
}

static int failing_mkdir(const char *path, mode_t mode)
{
    return fails() ? -1 : file_system.mkdir(path, mode);
}

static int failing_look(const char *path, struct stat *out)
{
    return fails() ? -1 : file_system.look(path, out);
}

static DIR *failing_opendir(const char *path)
{
    return fails() ? NULL : file_system.opendir(path);
}

static struct dirent *failing_readdir(DIR *dir)
{
    return fails() ? NULL : file_system.readdir(dir);
}

/* The call number k, from 0, fails, and no other. */
static void fail_at(int k)
{
    static file_ops ops;
    ops = file_system;
    ops.open = failing_open;
    ops.write = failing_write;
    ops.sync = failing_sync;
    ops.rename = failing_rename;
    ops.mkdir = failing_mkdir;
    ops.look = failing_look;
    ops.opendir = failing_opendir;
    ops.readdir = failing_readdir;
    calls_left = k;
    flushes = 0;
    storage_file_hooks(&ops);
}

/* Has the fault struck? */
static bool fault_over(void)
{
    storage_file_hooks(NULL);
    return calls_left < 0;
}

/* ---- looking ---- */

static void inside(char *out, const char *name)
{
    snprintf(out, 600, "%s/%s", parent, name);
}

static storage_thing thing_at(const char *path)
{
    storage_thing thing;
    assert_int_equal(storage_look(path, &thing, NULL, NULL), 0);
    return thing;
}

static int count_name(void *payload, const char *name, muster_error *err)
{
    (void)err;
    assert_string_not_equal(name, ".");
    assert_string_not_equal(name, "..");
    ++*(int *)payload;
    return 0;
}

static int names_in(const char *dir)
{
    int names = 0;
    assert_int_equal(storage_directory_each(dir, count_name, &names, NULL),
                     0);
    return names;
}

static void expect_text(const char *path, const char *text)
{
    buffer b;
    buffer_init(&b, 100);
    assert_int_equal(storage_file_load(path, &b, NULL), 0);
    assert_string_equal(buffer_cstr(&b), text);
    buffer_release(&b);
}

static void test_storage_files__tells_what_is_there(void **state)
{
    (void)state;
    char path[600];
    char link[600];
    storage_thing thing;
    uint64_t bytes = 7;
    inside(path, "f");
    inside(link, "link");
    assert_int_equal(thing_at(parent), STORAGE_DIRECTORY);
    assert_int_equal(storage_look(path, &thing, &bytes, NULL), 0);
    assert_true(thing == STORAGE_NOTHING && bytes == 0);
    assert_int_equal(storage_file_save(parent, "f", "words", 5, NULL), 0);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(storage_look(link, &thing, &bytes, NULL), 0);
    assert_true(thing == STORAGE_FILE && bytes == 5);
    inside(path, "f/below");
    assert_int_equal(thing_at(path), STORAGE_NOTHING);
    assert_int_equal(thing_at("/dev/null"), STORAGE_OTHER);
}

/* ---- files ---- */

static void test_storage_files__a_file_is_loaded_whole_or_refused(void **state)
{
    (void)state;
    char path[600];
    muster_error err;
    buffer b;
    inside(path, "f");
    buffer_init(&b, 8);
    assert_int_equal(storage_file_load(path, &b, &err), MUSTER_ENOTFOUND);
    assert_string_equal(err.word, "no_file");
    assert_int_equal(storage_file_save(parent, "f", "", 0, NULL), 0);
    assert_int_equal(storage_file_load(path, &b, &err), 0);
    assert_int_equal(b.len, 0);
    assert_int_equal(storage_file_save(parent, "f", "12345678", 8, NULL), 0);
    assert_int_equal(storage_file_load(path, &b, &err), 0);
    assert_int_equal(b.len, 8);
    buffer_clear(&b);
    assert_int_equal(storage_file_save(parent, "f", "123456789", 9, NULL), 0);
    assert_int_equal(storage_file_load(path, &b, &err), MUSTER_ELIMIT);
    assert_string_equal(err.word, "long_file");
    assert_int_equal(storage_file_remove(path, NULL), 0);
    assert_int_equal(storage_file_remove(path, NULL), 0);
    assert_int_equal(names_in(parent), 0);
    buffer_release(&b);
}

static void test_storage_files__saving_is_all_or_nothing(void **state)
{
    (void)state;
    char path[600];
    bool struck = true;
    inside(path, "f");
    for (int k = 0; struck; k++) {
        muster_error err = {0};
        assert_int_equal(storage_file_save(parent, "f", "old", 3, NULL), 0);
        fail_at(k);
        const int rc = storage_file_save(parent, "f", "new words", 9, &err);
        struck = fault_over();
        assert_int_equal(rc, struck ? MUSTER_EIO : 0);
        assert_int_equal(err.code, rc);
        /* open, three writes, flush, rename; then the directory */
        expect_text(path, k < 6 ? "old" : "new words");
        assert_int_equal(names_in(parent), 1);
        assert_true(struck || (flushes == 2 && k == 8));
    }
}

/* ---- directories ---- */

static void test_storage_files__a_directory_is_made_once(void **state)
{
    (void)state;
    char dir[600];
    char file[600];
    struct stat st;
    bool struck = true;
    inside(dir, "d");
    for (int k = 0; struck; k++) {
        fail_at(k);
        const int rc = storage_directory_make(dir, NULL);
        struck = fault_over();
        assert_int_equal(rc, struck ? MUSTER_EIO : 0);
        assert_true(struck || flushes == 1);
    }
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    fail_at(100);
    assert_int_equal(storage_directory_make(dir, NULL), 0);
    storage_file_hooks(NULL);
    assert_int_equal(flushes, 1); /* whoever made it may not have */
    assert_int_equal(storage_file_save(parent, "f", "", 0, NULL), 0);
    inside(file, "f");
    assert_int_equal(storage_directory_make(file, NULL), MUSTER_EIO);
    assert_int_equal(storage_directory_remove(dir, NULL), 0);
    assert_int_equal(storage_directory_remove(dir, NULL), 0);
    assert_int_equal(names_in(parent), 1);
}

static void test_storage_files__a_name_that_fails_is_taken_back(void **state)
{
    (void)state;
    char from[600];
    char to[600];
    char file[600];
    muster_error err;
    bool struck = true;
    inside(from, "from");
    inside(to, "to");
    inside(file, "to/f");
    assert_int_equal(storage_directory_make(from, NULL), 0);
    assert_int_equal(storage_file_save(from, "f", "words", 5, NULL), 0);
    for (int k = 0; struck; k++) {
        fail_at(k);
        const int rc = storage_directory_rename(from, to, NULL);
        struck = fault_over();
        assert_int_equal(rc, struck ? MUSTER_EIO : 0);
        assert_int_equal(thing_at(struck ? from : to), STORAGE_DIRECTORY);
        assert_int_equal(thing_at(struck ? to : from), STORAGE_NOTHING);
        assert_true(struck || (flushes == 1 && k == 4));
    }
    expect_text(file, "words");
    assert_int_equal(storage_directory_make(from, NULL), 0);
    assert_int_equal(storage_directory_rename(from, to, &err),
                     MUSTER_ECONFLICT);
    assert_string_equal(err.word, "exists");
    expect_text(file, "words");
}

static int stop_at_once(void *payload, const char *name, muster_error *err)
{
    (void)payload;
    (void)name;
    (void)err;
    return 42;
}

/* A walk that cannot go on is none that came to its end. */
static void test_storage_files__walks_tell_when_they_break_off(void **state)
{
    (void)state;
    char path[600];
    int names = 0;
    bool struck = true;
    inside(path, "none");
    assert_int_equal(names_in(path), 0);
    assert_int_equal(storage_file_save(parent, "a", "", 0, NULL), 0);
    assert_int_equal(storage_file_save(parent, "b", "", 0, NULL), 0);
    assert_int_equal(storage_directory_each(parent, stop_at_once, NULL, NULL),
                     42);
    for (int k = 0; struck; k++) {
        names = 0;
        fail_at(k);
        const int rc =
            storage_directory_each(parent, count_name, &names, NULL);
        struck = fault_over();
        assert_int_equal(rc, struck ? MUSTER_EIO : 0);
    }
    assert_int_equal(names, 2);
}

static void test_storage_files__clearing_removes_files_alone(void **state)
{
    (void)state;
    char path[600];
    inside(path, "d");
    assert_int_equal(storage_file_save(parent, "a", "1", 1, NULL), 0);
    assert_int_equal(storage_file_save(parent, ".b", "2", 1, NULL), 0);
    assert_int_equal(storage_directory_clear(path, NULL), 0);
    assert_int_equal(storage_directory_clear(parent, NULL), 0);
    assert_int_equal(names_in(parent), 0);
    assert_int_equal(storage_directory_make(path, NULL), 0);
    assert_int_equal(storage_directory_clear(parent, NULL), MUSTER_EIO);
    assert_int_equal(storage_directory_remove(parent, NULL), MUSTER_EIO);
    assert_int_equal(names_in(parent), 1);
}

static void test_storage_files__a_lock_goes_with_the_directory(void **state)
{
    (void)state;
    char from[600];
    char to[600];
    muster_error err;
    int first = -1;
    int second = -1;
    inside(from, "from");
    inside(to, "to");
    assert_int_equal(storage_directory_lock(from, &first, &err), MUSTER_EIO);
    assert_int_equal(first, -1);
    assert_int_equal(storage_directory_make(from, NULL), 0);
    assert_int_equal(storage_directory_lock(from, &first, &err), 0);
    assert_int_equal(storage_directory_rename(from, to, NULL), 0);
    assert_int_equal(storage_directory_lock(to, &second, &err), MUSTER_EBUSY);
    assert_string_equal(err.word, "locked");
    assert_int_equal(second, -1);
    storage_directory_unlock(&first);
    assert_int_equal(first, -1);
    assert_int_equal(storage_directory_lock(to, &second, &err), 0);
    storage_directory_unlock(&second);
    storage_directory_unlock(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        storage_unit_test(test_storage_files__tells_what_is_there),
        storage_unit_test(
            test_storage_files__a_file_is_loaded_whole_or_refused),
        storage_unit_test(test_storage_files__saving_is_all_or_nothing),
        storage_unit_test(test_storage_files__a_directory_is_made_once),
        storage_unit_test(test_storage_files__a_name_that_fails_is_taken_back),
        storage_unit_test(test_storage_files__walks_tell_when_they_break_off),
        storage_unit_test(test_storage_files__clearing_removes_files_alone),
        storage_unit_test(test_storage_files__a_lock_goes_with_the_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
