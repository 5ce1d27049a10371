/*
 * disk_story.c - a run of the engine, and its answers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crash/disk_story.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/base.h"

#define PEOPLE 40u
#define SAVED 5u
#define ANSWER_BYTES_MAX ((size_t)1 << 20)

static const char *const step_names[STEP_KINDS] = {
#define STEP_NAME(symbol, run) #symbol,
    STEP_MAP(STEP_NAME)
#undef STEP_NAME
};

const char *step_name(step_kind kind)
{
    return step_names[kind];
}

static char here[400]; /* what the test is doing */
static char opened[STORY_ROOT_ROOM + 8]; /* the data directory, the last */

/* ---- making up ---- */

static void put_record(buffer *out, random_state *r)
{
    static const char *const providers[] = {"shop", "acme", "default"};
    buffer_printf(out, "{\"ids\":{\"cookie\":[\"u%u\"", dice(r, PEOPLE));
    if (chance(r, 10))
        buffer_printf(out, ",\"u%u\"", dice(r, PEOPLE));
    buffer_printf(out,
                  "]},\"provider\":\"%s\",\"ts\":%lld,\"set\":{\"c\":\"v%u\","
                  "\"n\":%u.5",
                  PICK(r, providers),
                  (long long)(STORY_NOW - dice(r, 20 * 86400)), dice(r, 5),
                  dice(r, 50));
    if (chance(r, 30))
        buffer_printf(out, ",\"f\":%s", chance(r, 70) ? "true" : "false");
    buffer_printf(out, "},\"add\":{\"t\":[\"w%u\"]}", dice(r, 5));
    if (chance(r, 20))
        buffer_printf(out, ",\"remove\":{\"t\":[\"w%u\"]}", dice(r, 5));
    buffer_printf(out,
                  ",\"events\":[{\"name\":\"e\",\"value\":\"x%u\","
                  "\"count\":%u,\"amount\":%u.25}]}\n",
                  dice(r, 4), 1 + dice(r, 4), dice(r, 90));
}

static char *make_records(random_state *r)
{
    static const char first[] =
        "{\"ids\":{\"cookie\":\"u0\"},\"provider\":\"acme\",\"set\":{\"c\":"
        "\"v1\",\"n\":1,\"f\":true},\"add\":{\"t\":[\"w1\"]},\"events\":[{"
        "\"name\":\"e\",\"amount\":1}]}\n";
    buffer out;
    buffer_init(&out, ANSWER_BYTES_MAX);
    buffer_put_str(&out, first);
    const uint32_t n = chance(r, 20) ? 300 : dice(r, 30);
    for (uint32_t i = 0; i < n; i++)
        put_record(&out, r);
    char *text = mem_strdup(buffer_cstr(&out));
    buffer_release(&out);
    return text;
}

__attribute__((format(printf, 1, 2))) static char *
make_text(const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return mem_strdup(text);
}

void story_add(story *s, random_state *r, step_kind kind)
{
    ASSERT(s->count < STORY_STEPS_MAX);
    const unsigned at = (unsigned)s->count;
    step *one = &s->steps[s->count++];
    one->kind = kind;
    snprintf(one->name, sizeof one->name, "u%u", dice(r, PEOPLE + 5));
    if (kind == STEP_FEED || kind == STEP_INGEST) {
        snprintf(one->name, sizeof one->name, "load-%llu-%u",
                 (unsigned long long)s->seed, at);
        one->text = make_records(r);
    } else if (kind == STEP_SAVE) {
        snprintf(one->name, sizeof one->name, "s%u", dice(r, SAVED));
        one->text = make_text("c = \"v%u\" or n > %u", dice(r, 5), at);
    } else if (kind == STEP_REMOVE) {
        snprintf(one->name, sizeof one->name, "s%u", dice(r, SAVED));
        one->text = mem_strdup("");
    } else if (kind == STEP_CATALOG) {
        one->text = make_text("{\"attributes\":{\"z%u\":{\"kind\":"
                              "\"number\"}}, \"id_spaces\":{\"i%u\":{}}}",
                              at, at);
    } else if (kind == STEP_SNAPSHOT) {
        snprintf(one->name, sizeof one->name, "snapshot-%u", at);
        one->text = mem_strdup("");
    } else {
        one->text = make_text("%ud", 10 + at);
    }
}

void story_make(story *s, uint64_t seed, size_t steps)
{
    static const step_kind kinds[] = {
        STEP_FEED,    STEP_FEED,       STEP_FEED,    STEP_INGEST, STEP_INGEST,
        STEP_INGEST,  STEP_SAVE,       STEP_SAVE,    STEP_REMOVE, STEP_CATALOG,
        STEP_OPTOUT,  STEP_FORGET,     STEP_PROVIDER, STEP_REOPEN,
        STEP_CHECKPOINT, STEP_CHECKPOINT, STEP_SNAPSHOT};
    random_state r;
    ASSERT(steps <= STORY_STEPS_MAX);
    memset(s, 0, sizeof *s);
    s->seed = seed;
    random_seed(&r, seed);
    if (steps > 0)
        story_add(s, &r, chance(&r, 50) ? STEP_FEED : STEP_INGEST);
    while (s->count < steps)
        story_add(s, &r, PICK(&r, kinds));
}

void story_free(story *s)
{
    for (size_t i = 0; i < s->count; i++)
        mem_free(s->steps[i].text);
    for (size_t i = 0; i <= s->count; i++)
        mem_free(s->answers[i]);
    memset(s, 0, sizeof *s);
}

/* ---- running ---- */

static int run_feed(const step *s, muster_engine *e, muster_error *err)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    muster_feed *feed = NULL;
    options.format = MUSTER_INPUT_NDJSON;
    options.load_id = s->name;
    options.ack = MUSTER_ACK_APPLIED;
    int rc = muster_feed_open(&feed, e, &options, err);
    if (rc == 0)
        rc = muster_feed_push(feed, s->text, strlen(s->text), err);
    if (rc == 0)
        rc = muster_feed_finish(feed, err);
    muster_feed_free(feed);
    return rc;
}

static int run_ingest(const step *s, muster_engine *e, muster_error *err)
{
    muster_feed_options options = MUSTER_FEED_OPTIONS_INIT;
    options.format = MUSTER_INPUT_NDJSON;
    options.load_id = s->name;
    options.ack = MUSTER_ACK_APPLIED;
    return muster_ingest(e, &options, s->text, strlen(s->text), NULL, NULL,
                         err);
}

static int run_save(const step *s, muster_engine *e, muster_error *err)
{
    muster_save save = MUSTER_SAVE_INIT;
    save.key = s->name;
    save.expr = s->text;
    save.expr_len = strlen(s->text);
    return muster_audience_save(e, &save, NULL, err);
}

/* What is not there is removed. */
static int run_remove(const step *s, muster_engine *e, muster_error *err)
{
    const int rc = muster_audience_remove(e, s->name, err);
    return rc == MUSTER_ENOTFOUND ? 0 : rc;
}

static int run_catalog(const step *s, muster_engine *e, muster_error *err)
{
    return muster_catalog_apply(e, s->text, strlen(s->text), err);
}

static int run_provider(const step *s, muster_engine *e, muster_error *err)
{
    return muster_provider_set(e, "acme", "third", s->text, err);
}

static muster_id user_of(const char *name)
{
    return (muster_id){"cookie", name, strlen(name)};
}

static int run_optout(const step *s, muster_engine *e, muster_error *err)
{
    const muster_id user = user_of(s->name);
    return muster_privacy_optout(e, &user, false, NULL, err);
}

static int run_forget(const step *s, muster_engine *e, muster_error *err)
{
    const muster_id user = user_of(s->name);
    return muster_privacy_forget(e, &user, NULL, err);
}

static int run_checkpoint(const step *s, muster_engine *e, muster_error *err)
{
    (void)s;
    return muster_engine_checkpoint(e, err);
}

/* What is there already is not made again. */
static int run_snapshot(const step *s, muster_engine *e, muster_error *err)
{
    (void)e;
    const int rc = muster_snapshot_create(opened, NULL, s->name, NULL,
                                          NULL, NULL, err);
    return rc == MUSTER_ECONFLICT ? 0 : rc;
}

int step_run(const step *s, muster_engine *engine, muster_error *err)
{
    static int (*const runs[STEP_KINDS])(const step *, muster_engine *,
                                         muster_error *) = {
#define STEP_RUN(symbol, run) run,
        STEP_MAP(STEP_RUN)
#undef STEP_RUN
    };
    ASSERT(runs[s->kind] != NULL);
    memset(err, 0, sizeof *err);
    return runs[s->kind](s, engine, err);
}

int story_open(muster_engine **out, const char *root, muster_open_mode mode,
               muster_error *err)
{
    muster_engine_options options = MUSTER_ENGINE_OPTIONS_INIT;
    snprintf(opened, sizeof opened, "%s/data", root);
    options.data_dir = opened;
    options.mode = mode;
    options.now = STORY_NOW;
    options.threads = 1;
    options.log_bytes = STORY_LOG_BYTES;
    memset(err, 0, sizeof *err);
    return muster_engine_open(out, &options, err);
}

static void must(int rc, const muster_error *err, const char *what)
{
    if (rc != 0)
        fail_msg("%s: %s: %d %s: %s", story_here(), what, rc, err->word,
                 err->message);
}

muster_engine *story_must_open(const char *root, muster_open_mode mode)
{
    muster_engine *e = NULL;
    muster_error err;
    must(story_open(&e, root, mode, &err), &err, "it does not open");
    return e;
}

void story_tell(story *s, const char *root, const disk *d)
{
    muster_engine *e = NULL;
    muster_error err;
    must(story_open(&e, root, MUSTER_OPEN_CREATE, &err), &err, "create");
    s->opened = d != NULL ? disk_position(d) : 0;
    s->answers[0] = story_ask(e);
    for (size_t i = 0; i < s->count; i++) {
        const step *one = &s->steps[i];
        s->began[i] = d != NULL ? disk_position(d) : 0;
        if (one->kind == STEP_REOPEN) {
            muster_engine_close(e);
            must(story_open(&e, root, MUSTER_OPEN_WRITE, &err), &err, "open");
        } else {
            must(step_run(one, e, &err), &err, step_name(one->kind));
        }
        s->returned[i] = d != NULL ? disk_position(d) : 0;
        s->answers[i + 1] = story_ask(e);
    }
    muster_engine_close(e);
}

/* ---- asking ---- */

static int add_user(void *payload, const muster_pseudonym *user)
{
    *(uint64_t *)payload += hash_bytes(user->bytes, sizeof user->bytes);
    return 0;
}

static void ask_count(muster_engine *e, const muster_scope *scope,
                      const char *text, buffer *out)
{
    muster_segment *s = NULL;
    muster_count *answer = NULL;
    muster_error err;
    uint64_t sum = 0;
    buffer_printf(out, "%s: ", text);
    int rc = muster_segment_compile(&s, e, scope, text, strlen(text), &err);
    if (rc == 0)
        rc = muster_segment_count(s, false, &answer, &err);
    if (rc == 0)
        rc = muster_segment_users(s, add_user, &sum, &err);
    if (rc == 0)
        buffer_printf(out, "%llu %016llx\n", (unsigned long long)answer->count,
                      (unsigned long long)sum);
    else
        buffer_printf(out, "%s\n", err.word);
    muster_count_free(answer);
    muster_segment_free(s);
}

static int put_version(void *payload, const muster_saved *s)
{
    buffer_printf(payload, "%s %u v%u %d %s\n", s->key, s->id, s->version,
                  s->removed, s->expr);
    return 0;
}

static int put_attribute(void *payload, const muster_attribute *a)
{
    buffer_printf(payload, "%s %s %llu %d, ", a->name, a->kind,
                  (unsigned long long)a->values, a->declared);
    return 0;
}

static int put_provider(void *payload, const muster_provider *p)
{
    buffer_printf(payload, "%s %s %s %d, ", p->name, p->party, p->ttl,
                  p->declared);
    return 0;
}

static int put_key(void *payload, const muster_saved *s)
{
    buffer_printf(payload, "%s ", s->key);
    return 0;
}

static void ask_names(muster_engine *e, buffer *out)
{
    muster_attributes_each(e, put_attribute, out);
    buffer_put_str(out, "\n");
    muster_providers_each(e, put_provider, out);
    buffer_put_str(out, "\n");
    for (unsigned i = 0; i < SAVED; i++) {
        char key[16];
        muster_error err;
        snprintf(key, sizeof key, "s%u", i);
        (void)muster_audience_versions(e, key, put_version, out, &err);
    }
}

static void ask_people(muster_engine *e, const muster_scope *scope,
                       buffer *out)
{
    for (unsigned i = 0; i < PEOPLE + 5; i += 7) {
        char name[16];
        muster_error err;
        bool known = false;
        snprintf(name, sizeof name, "u%u", i);
        const muster_id user = user_of(name);
        buffer_printf(out, "%s: ", name);
        const int rc = muster_audience_lookup(e, scope, &user, &known, put_key,
                                              out, &err);
        buffer_printf(out, "%d %d\n", rc, known);
    }
}

static void ask_state(muster_engine *e, buffer *out)
{
    muster_engine_stats s;
    muster_engine_stats_get(e, &s);
    buffer_printf(out, "users %llu ids %llu segments %llu\n",
                  (unsigned long long)s.users, (unsigned long long)s.ids,
                  (unsigned long long)s.segments);
}

/* Comes last: see story_same. */
static void ask_hash(muster_engine *e, buffer *out)
{
    muster_state_hash hash;
    muster_error err;
    if (muster_engine_state_hash(e, NULL, &hash, NULL, &err) == 0)
        buffer_printf(out, "state %016llx%016llx\n",
                      (unsigned long long)hash.high,
                      (unsigned long long)hash.low);
}

static void ask_all(muster_engine *e, const muster_scope *scope, buffer *out)
{
    static const char *const exprs[] = {
        "all", "f", "c = \"v1\"", "c = \"v2\" from acme",
        "n between 10 and 30", "t has all (\"w1\", \"w2\")", "e",
        "e = \"x3\" at least 3 times", "e within 7 days",
        "e at least 50 total", "c is unknown",
        "at least 2 of (f, c = \"v0\", t = \"w0\")"};
    ask_state(e, out);
    for (size_t i = 0; i < sizeof exprs / sizeof *exprs; i++)
        ask_count(e, scope, exprs[i], out);
    ask_names(e, out);
    ask_people(e, scope, out);
    ask_hash(e, out);
}

/* What a call that failed left in doubt may come in while we ask: then all is
 * asked again. */
char *story_ask(muster_engine *engine)
{
    buffer out;
    muster_error err;
    muster_epoch epoch;
    muster_scope *scope = NULL;
    buffer_init(&out, ANSWER_BYTES_MAX);
    must(muster_scope_new(&scope, "test", MUSTER_PURPOSE_ANALYSIS, NULL, &err),
         &err, "scope");
    do {
        epoch = muster_engine_epoch(engine);
        buffer_clear(&out);
        ask_all(engine, scope, &out);
    } while (muster_engine_epoch(engine) != epoch);
    muster_scope_free(scope);
    char *text = mem_strdup(buffer_cstr(&out));
    buffer_release(&out);
    return text;
}

/* ---- judging ---- */

bool story_same(const char *wanted, const char *got)
{
    if (strcmp(wanted, got) == 0)
        return true;
    const char *hash = strstr(wanted, "state ");
    return disk_fault_struck() && hash != NULL &&
           strncmp(wanted, got, (size_t)(hash - wanted)) == 0 &&
           got[hash - wanted] == '\0';
}

story_span story_span_at(const story *s, size_t position)
{
    story_span span = {position >= s->opened, 0, 0};
    while (span.from < s->count && s->returned[span.from] <= position)
        span.from++;
    span.upto = span.from; /* steps that wrote nothing included */
    while (span.upto < s->count && s->began[span.upto] < position)
        span.upto++;
    return span;
}

size_t story_find(const story *s, story_span span, muster_engine *engine)
{
    char *got = story_ask(engine);
    size_t k = span.from;
    while (k <= span.upto && !story_same(s->answers[k], got))
        k++;
    if (k > span.upto) {
        print_error("%zu steps had returned and %zu begun; the next was %s\n",
                    span.from, span.upto,
                    span.from < s->count ? step_name(s->steps[span.from].kind)
                                         : "none");
        story_differ(s->answers[span.from], got, "another state");
    }
    mem_free(got);
    return k;
}

/* ---- snapshots ---- */

typedef struct wanted_snapshot {
    const char *name;
    const char *answers;
    bool found;
} wanted_snapshot;

static int check_hash(void *payload, const muster_snapshot *s)
{
    const wanted_snapshot *w = payload;
    char line[64];
    snprintf(line, sizeof line, "state %016llx%016llx\n",
             (unsigned long long)s->hash.high, (unsigned long long)s->hash.low);
    if (strstr(w->answers, line) == NULL)
        fail_msg("%s: %s is of another state", here, s->name);
    return 0;
}

static int check_snapshot(void *payload, const muster_snapshot *s)
{
    wanted_snapshot *w = payload;
    muster_error err;
    if (s->complete && s->name[0] == '.')
        fail_msg("%s: %s is called complete", here, s->name);
    if (!s->complete || strcmp(s->name, w->name) != 0)
        return 0;
    must(muster_snapshot_verify(s->path, NULL, check_hash, w, &err), &err,
         s->name);
    w->found = true;
    return 0;
}

bool story_has_snapshot(const char *root, const char *name,
                        const char *answers)
{
    char dir[STORY_ROOT_ROOM + 8];
    wanted_snapshot w = {name, answers, false};
    muster_error err;
    snprintf(dir, sizeof dir, "%s/data", root);
    must(muster_snapshots_each(dir, NULL, check_snapshot, &w, &err), &err,
         "snapshots");
    return w.found;
}

void story_check_snapshots(const story *s, size_t position, const char *root)
{
    for (size_t i = 0; i < s->count; i++) {
        const step *one = &s->steps[i];
        if (one->kind != STEP_SNAPSHOT)
            continue;
        const bool has = story_has_snapshot(root, one->name, s->answers[i]);
        if (!has && s->returned[i] <= position)
            fail_msg("%s: %s was acknowledged and is lost", here, one->name);
        if (has && s->began[i] >= position)
            fail_msg("%s: %s is there before its time", here, one->name);
    }
}

/* ---- where a test is ---- */

static void tell_abort(int signal_number)
{
    const size_t len = strlen(here);
    (void)signal_number;
    ssize_t n = write(STDERR_FILENO, here, len);
    n += write(STDERR_FILENO, ": stopped\n", 10);
    (void)n;
}

void story_where(const char *format, ...)
{
    va_list args;
    signal(SIGABRT, tell_abort);
    va_start(args, format);
    vsnprintf(here, sizeof here, format, args);
    va_end(args);
}

const char *story_here(void)
{
    return here;
}

void story_place(char *out, const char *name)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, STORY_ROOT_ROOM, "%s/muster-%s-%ld",
             tmp != NULL ? tmp : "/tmp", name, (long)getpid());
    disk_clear(out);
}

/* The lines of `a` that differ from those of `b` in the same place. */
static void show_lines(const char *a, const char *b, const char *mark)
{
    while (*a != '\0') {
        const size_t len = strcspn(a, "\n");
        const size_t other = strcspn(b, "\n");
        if (len != other || memcmp(a, b, len) != 0)
            print_error("%s%.*s\n", mark, (int)(len < 900 ? len : 900), a);
        a += len + (a[len] == '\n');
        b += other + (b[other] == '\n');
    }
}

void story_show(const char *wanted, const char *got)
{
    show_lines(wanted, got, "wanted: ");
    show_lines(got, wanted, "got:    ");
}

void story_differ(const char *wanted, const char *got, const char *what)
{
    story_show(wanted, got);
    fail_msg("%s: %s", here, what);
}
