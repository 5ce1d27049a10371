/*
 * rot_test.c - a damaged file is refused or does no harm: never a wrong
 * answer, a crash or a hang.
 *
 * A small directory is made three times: closed in peace, left by a kill with
 * a write-ahead log, and as a snapshot. Each trial copies one, damages one
 * file of it (bits flipped, cut off, blocks swapped or zeroed, gone) and
 * opens it in a process of its own, for reading, for writing, and by the
 * doctor; every second time so that generations are not read when they are
 * opened, as large ones are not, but piece by piece as they are used. Either a call fails with a code, a word and a message that names a
 * file, or every question and the state hash are answered as before the
 * damage. A directory that the doctor calls sound, or has repaired, must be
 * right; of a snapshot's data, any changed byte must be found.
 *
 * MUSTER_TEST_LONG: 20,000 damages instead of 2,000.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* pipe2, mkdtemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crash/journal.h"
#include "storage/file.h"
#include "support/dice.h"

#define USERS 2000u
#define FILES_MAX 16u
#define HANG_SECONDS 60u
#define FOLDERS 3u

/* ---- what is damaged ---- */

typedef struct rot_file {
    char name[64];
    uint8_t *bytes;
    size_t len;
    uint32_t trials, refused;
} rot_file;

typedef struct rot_folder {
    const char *label;
    bool snapshot;
    rot_file files[FILES_MAX];
    uint32_t file_count;
    journal_answer answers[JOURNAL_QUESTIONS];
    muster_state_hash hash;
    muster_snapshot made; /* of a snapshot; its numbers */
} rot_folder;

typedef struct rot {
    char root[256];
    char key_file[300]; /* sound, for snapshots */
    char copy[300];     /* where a trial looks */
    char restored[300];
    rot_folder folders[FOLDERS];
} rot;

typedef struct damage {
    const rot_folder *folder;
    uint32_t file;
    bool gone;
    bool quick; /* generations are proved as they are used */
    bool nothing; /* what was swapped or zeroed was alike */
    uint8_t *bytes;
    size_t len;
    char text[200];
} damage;

static void must(int rc, const muster_error *err, const char *what)
{
    if (rc != 0)
        fail_msg("%s: %s (%s)", what, err->message, err->word);
}

/* ---- files ---- */

static void read_file(const char *path, rot_file *out)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    out->len = (size_t)st.st_size;
    out->bytes = mem_alloc(out->len + 1);
    assert_int_equal(read(fd, out->bytes, out->len), out->len);
    close(fd);
}

static void read_folder(const char *dir, rot_folder *out)
{
    DIR *d = opendir(dir);
    char path[600];

    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        assert_true(out->file_count < FILES_MAX);
        rot_file *f = &out->files[out->file_count++];
        snprintf(f->name, sizeof f->name, "%.60s", e->d_name);
        read_file(path, f);
    }
    closedir(d);
}

static void write_file(const char *dir, const char *name, const void *bytes,
                       size_t len)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static void write_folder(const char *dir, const rot_folder *f,
                         const damage *d)
{
    journal_remove(dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    for (uint32_t i = 0; i < f->file_count; i++) {
        const rot_file *file = &f->files[i];
        if (!d || d->file != i)
            write_file(dir, file->name, file->bytes, file->len);
        else if (!d->gone)
            write_file(dir, file->name, d->bytes, d->len);
    }
}

/* ---- making ---- */

static void put_people(buffer *text, uint64_t act, uint32_t from, uint32_t to)
{
    journal_record record;

    buffer_clear(text);
    for (uint32_t i = from; i < to; i++) {
        const journal_act a = {.kind = ACT_FEED, .worker = i % JOURNAL_WORKERS,
                               .number = act};
        journal_record_draw(1, &a, i, &record);
        record.user = i / JOURNAL_WORKERS;
        journal_record_write(&record, text);
    }
}

static void feed_people(muster_engine *engine, uint64_t act, uint32_t from,
                        uint32_t to)
{
    buffer text;
    muster_error err;

    buffer_init(&text, (size_t)8 << 20);
    put_people(&text, act, from, to);
    must(journal_feed(engine, &text, &err), &err, "feed");
    buffer_release(&text);
}

static void do_acts(muster_engine *engine, const char *dir, uint64_t first,
                    uint64_t count)
{
    journal_act a;
    muster_error err;

    for (uint64_t i = first; i < first + count; i++) {
        journal_act_draw(1, 0, i, &a);
        if (a.kind != ACT_CHECKPOINT && a.kind != ACT_SNAPSHOT)
            must(journal_do(engine, dir, 1, &a, 0, &err), &err, "act");
    }
}

/* Two generations. */
static void make_base(const char *dir)
{
    const journal_place place = {dir, NULL, JOURNAL_START, 0};
    muster_engine *engine;
    muster_error err;

    must(journal_open(&engine, &place, MUSTER_OPEN_CREATE, &err), &err,
         "create");
    must(journal_prepare(engine, &err), &err, "prepare");
    feed_people(engine, 1000, 0, USERS / 2);
    must(muster_engine_checkpoint(engine, &err), &err, "checkpoint");
    feed_people(engine, 1001, USERS / 3, USERS);
    must(muster_engine_checkpoint(engine, &err), &err, "checkpoint");
    muster_engine_close(engine);
}

/* A log tail behind them; `killed`: by a process that ends there. */
static void make_tail(const char *dir, bool killed)
{
    const journal_place place = {dir, NULL, JOURNAL_START, 0};
    const pid_t pid = fork();
    muster_engine *engine;
    muster_error err;
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        if (journal_open(&engine, &place, MUSTER_OPEN_WRITE, &err) != 0)
            _exit(1);
        feed_people(engine, 1002, 0, USERS / 4);
        do_acts(engine, dir, 0, 20);
        if (killed)
            kill(getpid(), SIGKILL);
        muster_engine_close(engine);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (killed ? !WIFSIGNALED(status) : status != 0)
        fail_msg("making a directory ended with %x", status);
}

static int answer_all(muster_engine *engine, journal_answer *answers,
                      muster_state_hash *hash, muster_error *err)
{
    muster_scope *scope;
    muster_time tick;

    int rc = muster_scope_new(&scope, "test", MUSTER_PURPOSE_ANALYSIS, NULL,
                              err);
    for (uint32_t i = 0; rc == 0 && i < JOURNAL_QUESTIONS; i++)
        rc = journal_ask(engine, scope, i, &answers[i], err);
    if (rc == 0)
        rc = journal_hash(engine, hash, &tick, err);
    muster_scope_free(scope);
    return rc;
}

/* What the sound folder answers; of a copy, for opening may change files. */
static void take_answers(rot *r, rot_folder *f)
{
    const journal_place place = {r->copy, r->key_file, JOURNAL_START, 0};
    muster_engine *engine;
    muster_error err;

    write_folder(r->copy, f, NULL);
    must(journal_open(&engine, &place, MUSTER_OPEN_READ, &err), &err,
         f->label);
    must(answer_all(engine, f->answers, &f->hash, &err), &err, f->label);
    muster_engine_close(engine);
    assert_true(f->answers[0].count > USERS / 10);
}

static int note_made(void *payload, const muster_snapshot *s)
{
    rot_folder *f = payload;
    f->made = *s;
    return 0;
}

static void make_folders(rot *r)
{
    static const char *const labels[FOLDERS] = {"closed", "killed",
                                                "snapshot"};
    char dir[2][300], path[300], kept[300];
    muster_error err;

    for (int i = 0; i < 2; i++) {
        snprintf(dir[i], sizeof dir[i], "%s/%s", r->root, labels[i]);
        make_base(dir[i]);
        make_tail(dir[i], i == 1);
        read_folder(dir[i], &r->folders[i]);
    }
    snprintf(r->key_file, sizeof r->key_file, "%s/closed/muster.key",
             r->root);
    must(muster_snapshot_create(dir[0], r->root, "snapshot", NULL, note_made,
                                &r->folders[2], &err), &err, "snapshot");
    snprintf(path, sizeof path, "%s/snapshot", r->root);
    read_folder(path, &r->folders[2]);
    r->folders[2].snapshot = true;
    for (uint32_t i = 0; i < FOLDERS; i++)
        r->folders[i].label = labels[i];
    take_answers(r, &r->folders[0]);
    take_answers(r, &r->folders[2]);
    /* the killed one has a key of its own */
    memcpy(kept, r->key_file, sizeof kept);
    snprintf(r->key_file, sizeof r->key_file, "%s/killed/muster.key",
             r->root);
    take_answers(r, &r->folders[1]);
    memcpy(r->key_file, kept, sizeof kept);
}

/* ---- damaging ---- */

static void flip_bits(random_state *r, damage *d)
{
    const uint32_t n = 1 + dice(r, 3);

    for (uint32_t i = 0; i < n; i++) {
        const size_t at = random_below(r, d->len);
        d->bytes[at] ^= (uint8_t)(1u << dice(r, 8));
        snprintf(d->text, sizeof d->text, "%u bits flipped, the last in byte "
                 "%zu", n, at);
    }
}

static void cut_off(random_state *r, damage *d)
{
    d->len = chance(r, 20) ? 0 : random_below(r, d->len);
    snprintf(d->text, sizeof d->text, "cut off at %zu", d->len);
}

static void swap_blocks(random_state *r, damage *d, size_t size)
{
    uint8_t kept[4096];

    if (d->len < 2 * size) {
        flip_bits(r, d);
        return;
    }
    const size_t blocks = d->len / size;
    const size_t a = random_below(r, blocks) * size;
    const size_t b = random_below(r, blocks) * size;
    memcpy(kept, d->bytes + a, size);
    memmove(d->bytes + a, d->bytes + b, size);
    memcpy(d->bytes + b, kept, size);
    snprintf(d->text, sizeof d->text, "%zu bytes at %zu and %zu swapped", size,
             a, b);
}

static void zero_block(random_state *r, damage *d)
{
    const size_t size = (size_t)512 << dice(r, 6);
    const size_t at = random_below(r, d->len) / 512 * 512;
    const size_t n = d->len - at < size ? d->len - at : size;

    memset(d->bytes + at, 0, n);
    snprintf(d->text, sizeof d->text, "%zu bytes at %zu zeroed", n, at);
}

static void draw_damage(random_state *r, rot *all, damage *d)
{
    rot_folder *folder = &all->folders[dice(r, FOLDERS)];

    memset(d, 0, sizeof *d);
    d->folder = folder;
    d->file = dice(r, folder->file_count);
    d->quick = chance(r, 50);
    const rot_file *file = &folder->files[d->file];
    d->len = file->len;
    d->bytes = mem_alloc(d->len + 1);
    memcpy(d->bytes, file->bytes, d->len);
    const uint32_t kind = d->len ? dice(r, 100) : 99;
    if (kind < 40)
        flip_bits(r, d);
    else if (kind < 55)
        cut_off(r, d);
    else if (kind < 70)
        swap_blocks(r, d, 512);
    else if (kind < 85)
        swap_blocks(r, d, 4096);
    else if (kind < 97)
        zero_block(r, d);
    else
        d->gone = true;
    d->nothing = !d->gone && d->len == file->len &&
                 memcmp(d->bytes, file->bytes, d->len) == 0;
    if (d->gone)
        snprintf(d->text, sizeof d->text, "gone");
    else if (d->text[0] == '\0')
        snprintf(d->text, sizeof d->text, "empty as it was");
}

/* ---- looking: in the child, which tells what is wrong and ends ---- */

typedef struct look {
    const rot *r;
    const damage *d;
    int fd;
    uint32_t refusals;
} look;

static void wrong(const look *l, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
static void wrong(const look *l, const char *format, ...)
{
    char text[180];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    journal_tell_text(l->fd, 'E', "%s", text);
    _exit(1);
}

/* An error that tells what to look at. */
static void expect_refusal(look *l, int rc, const muster_error *err,
                           const char *what)
{
    static const char *const names[] = {"muster.db", "gen-", "mark", "key",
                                        "lock", "manifest"};
    bool named = strstr(err->message, l->r->copy) != NULL ||
                 strstr(err->message, l->r->restored) != NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        named |= strstr(err->message, names[i]) != NULL;
    l->refusals++;
    if (rc != MUSTER_ECORRUPT && rc != MUSTER_EIO && rc != MUSTER_EVERSION &&
        rc != MUSTER_ENOTFOUND && rc != MUSTER_EREFUSED &&
        rc != MUSTER_EINVAL)
        wrong(l, "%s: code %d: %s", what, rc, err->message);
    if (err->code != rc || !err->word[0] || !err->message[0] || !named)
        wrong(l, "%s: code %d, word \"%s\", message \"%s\"", what, rc,
              err->word, err->message);
}

/* Answers as before the damage; true when it was refused instead. */
static bool look_open(look *l, const char *dir, muster_open_mode mode,
                      const char *key_file, const char *what)
{
    const journal_place place = {dir, key_file, JOURNAL_START, 0};
    journal_answer answers[JOURNAL_QUESTIONS];
    muster_state_hash hash;
    muster_engine *engine;
    muster_error err;

    int rc = journal_open(&engine, &place, mode, &err);
    if (rc != 0) {
        expect_refusal(l, rc, &err, what);
        return true;
    }
    rc = answer_all(engine, answers, &hash, &err);
    muster_engine_close(engine);
    if (rc != 0) {
        if (rc != MUSTER_ECORRUPT && rc != MUSTER_EIO)
            wrong(l, "%s: an answer fails: %s (%s)", what, err.message,
                  err.word);
        expect_refusal(l, rc, &err, what);
        return true;
    }
    for (uint32_t i = 0; i < JOURNAL_QUESTIONS; i++)
        if (answers[i].count != l->d->folder->answers[i].count ||
            answers[i].sum != l->d->folder->answers[i].sum)
            wrong(l, "%s: %s: %llu users instead of %llu", what,
                  journal_questions[i], (unsigned long long)answers[i].count,
                  (unsigned long long)l->d->folder->answers[i].count);
    if (memcmp(&hash, &l->d->folder->hash, sizeof hash) != 0)
        wrong(l, "%s: another state hash", what);
    return false;
}

static void look_doctor(look *l, bool repair, const char *what)
{
    muster_error err;

    const int rc = muster_doctor(l->r->copy, repair, NULL, NULL, NULL, NULL,
                                 &err);

    if (rc != 0) {
        expect_refusal(l, rc, &err, what);
        return;
    }
    /* a key is not the doctor's business */
    if (strcmp(l->d->folder->files[l->d->file].name, "muster.key") != 0 &&
        look_open(l, l->r->copy, MUSTER_OPEN_READ, NULL, what))
        wrong(l, "%s finds nothing wrong, but it does not open", what);
}

static int compare_snapshot(void *payload, const muster_snapshot *s)
{
    const look *l = payload;
    const muster_snapshot *made = &l->d->folder->made;
    if (memcmp(&s->hash, &l->d->folder->hash, sizeof s->hash) != 0)
        wrong(l, "snapshot: another state hash");
    if (s->created != made->created || s->epoch != made->epoch ||
        s->users != made->users)
        wrong(l, "snapshot: another time, epoch or number of users");
    return 0;
}

static void look_snapshot(look *l)
{
    muster_error err;

    (void)look_open(l, l->r->copy, MUSTER_OPEN_READ, l->r->key_file, "read");
    const int verified = muster_snapshot_verify(l->r->copy, NULL,
                                                compare_snapshot, l, &err);
    if (verified != 0)
        expect_refusal(l, verified, &err, "verify");
    /* what the manifest says may be written in other ways */
    if (verified == 0 && !l->d->nothing &&
        strcmp(l->d->folder->files[l->d->file].name, "manifest.json") != 0)
        wrong(l, "verified, though it has changed");
    journal_remove(l->r->restored);
    const int rc = muster_snapshot_restore(l->r->copy, l->r->restored, NULL,
                                           compare_snapshot, l, &err);
    if (rc != 0)
        expect_refusal(l, rc, &err, "restore");
    else if (look_open(l, l->r->restored, MUSTER_OPEN_READ, l->r->key_file,
                       "restored"))
        wrong(l, "what was restored does not open");
    if ((rc == 0) != (verified == 0))
        wrong(l, "verified with %d, restored with %d", verified, rc);
}

static void look_at(look *l)
{
    const struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    alarm(HANG_SECONDS);
    if (l->d->quick)
        storage_quick_hook(0);
    if (l->d->folder->snapshot) {
        look_snapshot(l);
    } else {
        (void)look_open(l, l->r->copy, MUSTER_OPEN_READ, NULL, "read");
        look_doctor(l, false, "doctor");
        (void)look_open(l, l->r->copy, MUSTER_OPEN_WRITE, NULL, "write");
        look_doctor(l, true, "repair");
    }
    journal_tell(l->fd, 'O', 0, 0, l->refusals, 0, 0);
    _exit(0);
}

/* ---- trials ---- */

static void try_damage(rot *r, const damage *d, uint64_t seed)
{
    journal_note note = {0};
    int fds[2], status;
    rot_file *file = &r->folders[d->folder - r->folders].files[d->file];

    write_folder(r->copy, d->folder, d);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        look l = {r, d, fds[1], 0};
        look_at(&l);
    }
    close(fds[1]);
    (void)journal_hear(fds[0], &note);
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (note.what != 'O' || status != 0)
        fail_msg("MUSTER_TEST_SEED=%llu: %s/%s%s, %s: %s (status %x); see %s",
                 (unsigned long long)seed, d->folder->label, file->name,
                 d->quick ? " (quick)" : "", d->text, note.what ? note.text : "it crashed or hung",
                 status, r->copy);
    file->trials++;
    file->refused += note.a > 0;
}

static void show(const rot *r)
{
    for (uint32_t i = 0; i < FOLDERS; i++)
        for (uint32_t k = 0; k < r->folders[i].file_count; k++) {
            const rot_file *f = &r->folders[i].files[k];
            print_message("  %-9s %-24s %8zu bytes: %4u damaged, %4u refused\n",
                          r->folders[i].label, f->name, f->len, f->trials,
                          f->refused);
        }
}

static void begin(rot *r)
{
    const char *tmp = getenv("TMPDIR");

    memset(r, 0, sizeof *r);
    /* in memory where there is such a place: thousands of small flushes */
    if (access("/dev/shm", W_OK) == 0)
        tmp = "/dev/shm";
    snprintf(r->root, sizeof r->root, "%s/muster-rot-XXXXXX",
             tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->root));
    snprintf(r->copy, sizeof r->copy, "%s/copy", r->root);
    snprintf(r->restored, sizeof r->restored, "%s/restored", r->root);
    make_folders(r);
}

static void end(rot *r)
{
    for (uint32_t i = 0; i < FOLDERS; i++)
        for (uint32_t k = 0; k < r->folders[i].file_count; k++)
            mem_free(r->folders[i].files[k].bytes);
    journal_remove(r->root);
}

/* Each damage has a seed of its own, so that one can be tried alone. */
static void test_crash_rot__is_refused_or_harmless(void **state)
{
    uint64_t n = test_size(2000, 20000);
    uint64_t seed = clock_monotonic_ns();
    rot r;

    (void)state;
    if (test_seed(&seed))
        n = 1;
    begin(&r);
    for (uint64_t i = 0; i < n; i++) {
        random_state random;
        damage d;
        random_seed(&random, seed + i);
        draw_damage(&random, &r, &d);
        try_damage(&r, &d, seed + i);
        mem_free(d.bytes);
    }
    show(&r);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_rot__is_refused_or_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
