/*
 * backup_test.c - snapshots: the same state, made beside a writer, checked,
 * restored; what is damaged, in the way or broken off is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/base.h"
#include "engine_support.h"

/* ---- looking ---- */

typedef struct shown {
    char name[100];
    char path[1200];
    muster_snapshot s; /* of the last one */
    size_t count;
    size_t complete;
} shown;

static int note_snapshot(void *payload, const muster_snapshot *s)
{
    shown *out = payload;
    snprintf(out->name, sizeof out->name, "%s", s->name);
    snprintf(out->path, sizeof out->path, "%s", s->path);
    out->s = *s;
    out->count++;
    out->complete += s->complete;
    return 0;
}

static muster_state_hash hash_of(muster_engine *engine)
{
    muster_state_hash hash;
    muster_error err;
    if (muster_engine_state_hash(engine, NULL, &hash, NULL, &err) != 0)
        fail_msg("hash: %s", err.message);
    return hash;
}

static bool same(muster_state_hash a, muster_state_hash b)
{
    return a.low == b.low && a.high == b.high;
}

static shown make(const house *h, const char *name)
{
    shown out = {.count = 0};
    muster_error err;
    if (muster_snapshot_create(h->dir, NULL, name, NULL, note_snapshot, &out,
                               &err) != 0)
        fail_msg("create: %s", err.message);
    assert_int_equal(out.count, 1);
    return out;
}

static shown list(const house *h)
{
    shown out = {.count = 0};
    muster_error err;
    assert_int_equal(
        muster_snapshots_each(h->dir, NULL, note_snapshot, &out, &err), 0);
    return out;
}

static void sound(const char *path)
{
    shown out = {.count = 0};
    muster_error err;
    if (muster_snapshot_verify(path, NULL, note_snapshot, &out, &err) != 0)
        fail_msg("verify: %s", err.message);
    assert_int_equal(out.count, 1);
}

static bool is_there(const char *dir, const char *name)
{
    char path[1400];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return lstat(path, &st) == 0;
}

/* Names in a directory, but for the two with points. */
static size_t names_in(const char *dir)
{
    DIR *d = opendir(dir);
    size_t n = 0;
    if (d == NULL)
        return 0;
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void beside(char *out, size_t room, const house *h, const char *name)
{
    snprintf(out, room, "%s-%s", h->dir, name);
}

static const char words[] =
    "{\"ids\":{\"cookie\":[\"u\",\"v\"]},\"set\":{\"c\":\"red\",\"n\":2},"
    "\"events\":[{\"name\":\"e\"}]}\n"
    "{\"ids\":{\"cookie\":\"w\"},\"set\":{\"c\":\"blue\"}}\n";

/* Something in a generation and something only in the log. */
static void fill(house *h)
{
    feed(h, words);
    save(h, "reds", "c = \"red\"");
    house_checkpoint(h);
    feed(h, "{\"ids\":{\"cookie\":\"x\"},\"add\":{\"t\":[\"late\"]}}\n");
}

/* ---- making ---- */

static void test_engine_backup__is_the_same_state(void **state)
{
    static const char *const absent[] = {"muster.key", "lock", "mark",
                                         "muster.db-wal", "muster.db-shm"};
    house *h = *state;
    muster_engine *copy;
    muster_error err;
    char key[600];

    fill(h);
    const muster_state_hash now = hash_of(h->engine);
    const shown made = make(h, "one");
    assert_string_equal(made.name, "one");
    assert_true(made.s.complete);
    assert_true(same(made.s.hash, now));
    assert_int_equal(made.s.users, 3);
    assert_true(made.s.epoch == muster_engine_epoch(h->engine));
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_false(is_there(made.path, absent[i]));
    assert_int_equal(names_in(made.path), 3);
    sound(made.path);
    snprintf(key, sizeof key, "%s/muster.key", h->dir);
    assert_int_equal(
        open_directory(&copy, made.path, MUSTER_OPEN_READ, key, &err), 0);
    assert_true(same(hash_of(copy), now));
    muster_engine_close(copy);
    feed(h, words);
    save(h, "blues", "c = \"blue\"");
    assert_false(same(hash_of(h->engine), now));
    sound(made.path);
}

static void test_engine_backup__needs_no_generation(void **state)
{
    house *h = *state;
    save(h, "reds", "not all");
    const shown made = make(h, "log-alone");
    assert_true(same(made.s.hash, hash_of(h->engine)));
    sound(made.path);
}

static void expect_refused(const house *h, const char *root, const char *name,
                           int code, const char *word)
{
    shown out = {.count = 0};
    muster_error err;
    const int rc = muster_snapshot_create(h->dir, root, name, NULL,
                                          note_snapshot, &out, &err);
    assert_int_equal(rc, code);
    assert_string_equal(err.word, word);
    assert_int_equal(out.count, 0);
}

static void test_engine_backup__names_are_checked(void **state)
{
    static const char *const bad[] = {"", ".", "..", ".a", "a/b", "a b", "\xc3",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    house *h = *state;
    house nothing = {.dir = "/nowhere-at-all"};
    muster_time created;
    char time[64];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_refused(h, NULL, bad[i], MUSTER_EINVAL, "bad_name");
    expect_refused(&nothing, NULL, NULL, MUSTER_ENOTFOUND, "no_data");
    assert_int_equal(list(h).count, 0);
    const shown made = make(h, NULL);
    assert_int_equal(strlen(made.name), 16);
    snprintf(time, sizeof time, "%.4s-%.2s-%.5s:%.2s:%.3s", made.name,
             made.name + 4, made.name + 6, made.name + 11, made.name + 13);
    assert_true(clock_parse_time(text_of(time), &created));
    assert_true(created == made.s.created);
    expect_refused(h, NULL, made.name, MUSTER_ECONFLICT, "exists");
    sound(made.path);
    make(h, "A-z_0.9");
    assert_int_equal(list(h).complete, 2);
}

typedef struct crowd {
    house *h;
    bool done; /* atomic */
} crowd;

static void *keep_feeding(void *payload)
{
    crowd *c = payload;
    char text[100];
    for (int i = 0; !__atomic_load_n(&c->done, __ATOMIC_ACQUIRE); i++) {
        snprintf(text, sizeof text,
                 "{\"ids\":{\"cookie\":\"p%d\"},\"set\":{\"k\":\"%d\"}}\n", i,
                 i % 7);
        feed_with(c->h->engine, text, false, NULL);
        if (i % 40 == 39)
            house_checkpoint(c->h);
    }
    return NULL;
}

static void test_engine_backup__beside_a_writer(void **state)
{
    house *h = *state;
    crowd c = {h, false};
    pthread_t feeder;
    char name[16];

    fill(h);
    assert_int_equal(pthread_create(&feeder, NULL, keep_feeding, &c), 0);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "s%d", i);
        sound(make(h, name).path);
    }
    __atomic_store_n(&c.done, true, __ATOMIC_RELEASE);
    pthread_join(feeder, NULL);
    assert_int_equal(list(h).complete, 4);
}

/* ---- stopping and breaking off ---- */

typedef struct walk {
    uint32_t steps;
    uint32_t stop_at;
} walk;

static int on_step(void *payload, const char *what, uint64_t done,
                   uint64_t total)
{
    walk *w = payload;
    assert_true(what[0] != '\0');
    assert_true(done <= total);
    return ++w->steps == w->stop_at;
}

static int make_until(const house *h, walk *w, const char *name,
                      muster_error *err)
{
    const muster_task task = {on_step, w};
    return muster_snapshot_create(h->dir, NULL, name, &task, NULL, NULL, err);
}

static void test_engine_backup__stopped_leaves_nothing(void **state)
{
    house *h = *state;
    muster_error err;
    char snapshots[600];
    char back[600];
    walk w = {0, 0};

    fill(h);
    snprintf(snapshots, sizeof snapshots, "%s/snapshots", h->dir);
    beside(back, sizeof back, h, "back");
    assert_int_equal(make_until(h, &w, "all", &err), 0);
    assert_true(w.steps > 5);
    for (uint32_t at = w.steps; at > 0; at--) {
        w = (walk){0, at};
        assert_int_equal(make_until(h, &w, "cut", &err), MUSTER_ECANCELLED);
        assert_string_equal(err.word, "cancelled");
        assert_int_equal(names_in(snapshots), 1);
    }
    const shown whole = list(h);
    const muster_task task = {on_step, &w};
    uint32_t at = 0;
    int rc;
    do {
        w = (walk){0, ++at};
        rc = muster_snapshot_restore(whole.path, back, &task, NULL, NULL,
                                     &err);
        if (rc != 0)
            assert_false(is_there(back, "muster.db"));
    } while (rc == MUSTER_ECANCELLED);
    assert_int_equal(rc, 0);
    assert_true(at > 5);
}

static void end_here(const char *name)
{
    if (strcmp(name, "snapshot.copied") == 0)
        _exit(7);
}

static void break_off(const house *h, const char *name)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        muster_error err;
        point_hook = end_here;
        (void)muster_snapshot_create(h->dir, NULL, name, NULL, NULL, NULL,
                                     &err);
        _exit(1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void test_engine_backup__broken_off_is_none(void **state)
{
    house *h = *state;
    muster_error err;
    char back[600];

    fill(h);
    muster_engine_close(h->engine);
    h->engine = NULL;
    break_off(h, "one");
    const shown left = list(h);
    assert_int_equal(left.count, 1);
    assert_int_equal(left.complete, 0);
    assert_string_equal(left.name, ".one.part");
    assert_true(left.s.users == 0 && left.s.bytes == 0);
    assert_int_equal(muster_snapshot_verify(left.path, NULL, NULL, NULL, &err),
                     MUSTER_ECORRUPT);
    assert_string_equal(err.word, "incomplete");
    beside(back, sizeof back, h, "back");
    assert_int_equal(
        muster_snapshot_restore(left.path, back, NULL, NULL, NULL, &err),
        MUSTER_ECORRUPT);
    assert_false(is_there(back, ""));
    sound(make(h, "one").path); /* takes its place */
    assert_int_equal(list(h).count, 1);
    assert_int_equal(list(h).complete, 1);
}

/* ---- damage ---- */

static void flip(const char *dir, const char *name, off_t at)
{
    char path[1400];
    uint8_t byte;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void expect_damage(const house *h, const char *path, const char *name)
{
    muster_error err;
    char back[600];
    beside(back, sizeof back, h, "back");
    assert_int_equal(muster_snapshot_verify(path, NULL, NULL, NULL, &err),
                     MUSTER_ECORRUPT);
    if (strstr(err.message, name) == NULL)
        fail_msg("%s is not named: %s", name, err.message);
    assert_int_equal(
        muster_snapshot_restore(path, back, NULL, NULL, NULL, &err),
        MUSTER_ECORRUPT);
    assert_false(is_there(back, ""));
}

static void test_engine_backup__damage_is_named(void **state)
{
    house *h = *state;
    char path[1400];
    struct stat st;

    fill(h);
    const shown made = make(h, "one");
    DIR *d = opendir(made.path);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        snprintf(path, sizeof path, "%s/%.100s", made.path, e->d_name);
        assert_int_equal(stat(path, &st), 0);
        if (!S_ISREG(st.st_mode))
            continue;
        for (off_t at = 0; at < st.st_size; at += st.st_size / 5 + 1) {
            flip(made.path, e->d_name, at);
            if (strcmp(e->d_name, "manifest.json") != 0)
                expect_damage(h, made.path, e->d_name);
            flip(made.path, e->d_name, at);
        }
    }
    closedir(d);
    sound(made.path);
    snprintf(path, sizeof path, "%s/gen-1.mgen", made.path);
    assert_int_equal(unlink(path), 0);
    expect_damage(h, made.path, "gen-1.mgen");
    assert_int_equal(list(h).complete, 0);
}

static void rewrite(const char *dir, const char *text)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/manifest.json", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_engine_backup__the_manifest_is_read_with_care(void **state)
{
    static const char *const bad[] = {
        "", "{", "[]", "{}", "{\"muster_snapshot\":1}",
        "{\"muster_snapshot\":1,\"created\":\"2026-11-21T12:30:00Z\","
        "\"epoch\":1,\"users\":1,\"state_hash\":"
        "\"00000000000000000000000000000000\",\"files\":[]}",
        "{\"muster_snapshot\":1,\"created\":\"2026-11-21T12:30:00Z\","
        "\"epoch\":1,\"users\":1,\"state_hash\":"
        "\"00000000000000000000000000000000\",\"files\":[{\"name\":"
        "\"../muster.db\",\"bytes\":1,\"xxh3_128\":"
        "\"00000000000000000000000000000000\"}]}",
    };
    house *h = *state;
    muster_error err;

    fill(h);
    const shown made = make(h, "one");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rewrite(made.path, bad[i]);
        expect_damage(h, made.path, "manifest.json");
        assert_int_equal(list(h).complete, 0);
    }
    rewrite(made.path, "{\"muster_snapshot\":2}");
    assert_int_equal(muster_snapshot_verify(made.path, NULL, NULL, NULL, &err),
                     MUSTER_EVERSION);
    assert_int_equal(
        muster_snapshot_verify("/nowhere-at-all", NULL, NULL, NULL, &err),
        MUSTER_ENOTFOUND);
}

/* A changed bit is found wherever it is, unless it is in blank space. */
static void test_engine_backup__every_bit_of_the_manifest(void **state)
{
    house *h = *state;
    muster_error err;
    char path[1400];
    struct stat st;

    fill(h);
    const shown made = make(h, "one");
    snprintf(path, sizeof path, "%s/manifest.json", made.path);
    assert_int_equal(stat(path, &st), 0);
    for (off_t at = 0; at < st.st_size; at++) {
        flip(made.path, "manifest.json", at);
        const shown now = list(h);
        if (now.complete == 1) {
            if (now.s.created != made.s.created ||
                now.s.epoch != made.s.epoch || now.s.users != made.s.users ||
                !same(now.s.hash, made.s.hash))
                fail_msg("byte %lld is believed", (long long)at);
        } else {
            assert_int_equal(muster_snapshot_verify(made.path, NULL, NULL,
                                                    NULL, &err),
                             MUSTER_ECORRUPT);
            assert_non_null(strstr(err.message, "manifest.json"));
        }
        flip(made.path, "manifest.json", at);
    }
    sound(made.path);
}

/* The manifest of one beside the files of another whose files are the same in
 * number and names. */
static void test_engine_backup__another_manifest_is_noticed(void **state)
{
    house *h = *state;
    char path[1400];
    char text[4096];

    fill(h);
    const shown one = make(h, "one");
    feed(h, words);
    const shown two = make(h, "two");
    snprintf(path, sizeof path, "%s/manifest.json", one.path);
    FILE *f = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    rewrite(two.path, text);
    expect_damage(h, two.path, "manifest.json");
}

static void put_file(buffer *json, buffer *said, const char *dir,
                     const char *name)
{
    char path[1400];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    const int fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *bytes = mem_alloc((size_t)st.st_size);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    const hash128 h = hash_bytes128(bytes, (size_t)st.st_size);
    mem_free(bytes);
    buffer_put_u32(said, (uint32_t)strlen(name));
    buffer_put_str(said, name);
    buffer_put_u64(said, (uint64_t)st.st_size);
    buffer_put_u64(said, h.low);
    buffer_put_u64(said, h.high);
    buffer_printf(json,
                  "{\"name\":\"%s\",\"bytes\":%lld,\"xxh3_128\":"
                  "\"%016llx%016llx\"}",
                  name, (long long)st.st_size, (unsigned long long)h.high,
                  (unsigned long long)h.low);
}

/* A manifest by its table, with checksums that fit. */
static void write_manifest(const muster_snapshot *s, const char *dir)
{
    buffer json;
    buffer said;
    char created[32];

    created[clock_format_time(created, s->created)] = '\0';
    buffer_init(&json, 4096);
    buffer_init(&said, 4096);
    buffer_put_u64(&said, (uint64_t)s->created);
    buffer_put_u64(&said, s->epoch);
    buffer_put_u64(&said, s->users);
    buffer_put_u64(&said, s->hash.low);
    buffer_put_u64(&said, s->hash.high);
    buffer_printf(&json,
                  "{\"muster_snapshot\":1,\"created\":\"%s\",\"epoch\":%llu,"
                  "\"users\":%llu,\"state_hash\":\"%016llx%016llx\","
                  "\"files\":[",
                  created, (unsigned long long)s->epoch,
                  (unsigned long long)s->users,
                  (unsigned long long)s->hash.high,
                  (unsigned long long)s->hash.low);
    put_file(&json, &said, dir, "muster.db");
    buffer_put_str(&json, ",");
    put_file(&json, &said, dir, "gen-1.mgen");
    const hash128 sum = hash_bytes128(said.data, said.len);
    buffer_printf(&json, "],\"checksum\":\"%016llx%016llx\"}",
                  (unsigned long long)sum.high, (unsigned long long)sum.low);
    rewrite(dir, buffer_cstr(&json));
    buffer_release(&json);
    buffer_release(&said);
}

/* Every file is as the manifest says, but it tells of another state. */
static void test_engine_backup__another_state_is_noticed(void **state)
{
    house *h = *state;

    fill(h);
    shown made = make(h, "one");
    write_manifest(&made.s, made.path);
    sound(made.path);
    made.s.hash.low ^= 1;
    write_manifest(&made.s, made.path);
    expect_damage(h, made.path, "manifest.json");
    made.s.hash.low ^= 1;
    made.s.users++;
    write_manifest(&made.s, made.path);
    expect_damage(h, made.path, "manifest.json");
}

/* ---- restoring ---- */

static void test_engine_backup__restored_it_goes_on(void **state)
{
    static const char *const absent[] = {"lock", "mark", "manifest.json"};
    house *h = *state;
    muster_engine *e;
    muster_error err;
    shown out = {.count = 0};
    char back[600];
    char key[600];

    fill(h);
    const shown made = make(h, "one");
    beside(back, sizeof back, h, "back");
    snprintf(key, sizeof key, "%s/muster.key", h->dir);
    if (muster_snapshot_restore(made.path, back, NULL, note_snapshot, &out,
                                &err) != 0)
        fail_msg("restore: %s", err.message);
    assert_int_equal(out.count, 1);
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_false(is_there(back, absent[i]));
    assert_int_equal(open_directory(&e, back, MUSTER_OPEN_WRITE, key, &err),
                     0);
    assert_true(same(hash_of(e), made.s.hash));
    feed_with(e, words, false, NULL);
    assert_int_equal(muster_engine_checkpoint(e, &err), 0);
    const muster_state_hash later = hash_of(e);
    assert_false(same(later, made.s.hash));
    muster_engine_close(e);
    assert_int_equal(open_directory(&e, back, MUSTER_OPEN_WRITE, key, &err),
                     0);
    assert_true(same(hash_of(e), later));
    muster_engine_close(e);
    assert_int_equal(
        muster_snapshot_restore(made.path, back, NULL, NULL, NULL, &err),
        MUSTER_ECONFLICT);
    assert_string_equal(err.word, "exists");
}

static void test_engine_backup__a_key_that_stands_there_stays(void **state)
{
    house *h = *state;
    muster_error err;
    char back[600];

    fill(h);
    const shown made = make(h, "one");
    beside(back, sizeof back, h, "back");
    assert_int_equal(mkdir(back, 0700), 0);
    rewrite(back, "of another life"); /* any file that is not ours */
    if (muster_snapshot_restore(made.path, back, NULL, NULL, NULL, &err) != 0)
        fail_msg("restore: %s", err.message);
    assert_true(is_there(back, "manifest.json"));
    assert_true(is_there(back, "muster.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_engine_backup__is_the_same_state),
        HOUSE_TEST(test_engine_backup__needs_no_generation),
        HOUSE_TEST(test_engine_backup__names_are_checked),
        HOUSE_TEST(test_engine_backup__beside_a_writer),
        HOUSE_TEST(test_engine_backup__stopped_leaves_nothing),
        HOUSE_TEST(test_engine_backup__broken_off_is_none),
        HOUSE_TEST(test_engine_backup__damage_is_named),
        HOUSE_TEST(test_engine_backup__the_manifest_is_read_with_care),
        HOUSE_TEST(test_engine_backup__every_bit_of_the_manifest),
        HOUSE_TEST(test_engine_backup__another_manifest_is_noticed),
        HOUSE_TEST(test_engine_backup__another_state_is_noticed),
        HOUSE_TEST(test_engine_backup__restored_it_goes_on),
        HOUSE_TEST(test_engine_backup__a_key_that_stands_there_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
