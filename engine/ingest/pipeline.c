/*
 * pipeline.c - chunks to parser threads and back in input order.
 *
 *   caller: push -> input (decompress) -> cutter -> work queue
 *   N threads: work queue -> parser -> the chunk's slot
 *   one thread: slots in order of chunk number -> sink
 *
 * Chunks are numbered as they are cut; chunk n uses slot n mod WINDOW. A
 * chunk enters only when the one WINDOW before it is through the sink, so
 * slots are never shared and memory is bounded: push waits while the rest is
 * behind. A slot holds one batch; a chunk that becomes several (parser.c)
 * waits for its slot to be taken. That cannot lock up: chunks are taken from
 * the queue in order, so the one the sink waits for always has a thread.
 *
 * A parser counts lines from its chunk's start; the sink's thread, which
 * sees all chunks in order, adds the lines before, from options.resume_line
 * when a load goes on. So lines are exact and nobody counts them twice.
 *
 * The end is one of: all done; an error of the input, returned after what
 * was complete has been through the sink; an error of the sink or a batch
 * that is `fatal`, after which nothing more is parsed. All state that threads
 * share lies under one lock, taken a few times a chunk.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/format.h"

#define THREADS_MAX 256u
#define SLOTS_PER_THREAD 2u
#define SLOTS_MORE 2u

/* Where the batches of one chunk wait for their turn. */
typedef struct slot {
    fact_batch *batch; /* NULL = empty */
    bool last;
} slot;

struct ingest {
    ingest_options options;
    char *provider; /* the copy options.provider points to, NULL = none */
    ingest_sink sink;
    void *payload;
    input_head *head;
    cutter *cutter;
    input *input;
    queue *work;
    pthread_t *parsers;
    unsigned parser_count;
    pthread_t sinker;
    bool running; /* threads are to be joined */
    bool ended;   /* finish or an error was seen by the caller */

    pthread_mutex_t lock;
    pthread_cond_t ready; /* a slot was filled, or the end */
    pthread_cond_t room;  /* a slot was emptied, or the end */
    slot *slots;
    uint64_t window;
    uint64_t put;  /* chunks cut so far */
    uint64_t next; /* chunk the sink waits for */
    bool closed;   /* no chunk will follow */
    bool stopped;  /* nothing more is to be done */
    int code;      /* why it stopped */
    muster_error error;
    chunk **spare;
    size_t spare_count;
};

static void lock(ingest *in)
{
    const int rc = pthread_mutex_lock(&in->lock);
    ASSERT(rc == 0);
}

static void unlock(ingest *in)
{
    const int rc = pthread_mutex_unlock(&in->lock);
    ASSERT(rc == 0);
}

static void wake_all(ingest *in)
{
    pthread_cond_broadcast(&in->ready);
    pthread_cond_broadcast(&in->room);
}

/* ---- chunks ---- */

static chunk *get_chunk(void *payload, size_t capacity)
{
    ingest *in = payload;
    chunk *c = NULL;
    lock(in);
    if (in->spare_count > 0)
        c = in->spare[--in->spare_count];
    unlock(in);
    if (c == NULL)
        c = mem_zalloc(sizeof *c);
    const chunk old = *c;
    *c = (chunk){.ends = old.ends, .end_capacity = old.end_capacity};
    c->data = old.data;
    c->capacity = old.capacity;
    if (c->capacity < capacity) {
        mem_free(c->data);
        c->data = mem_alloc(capacity);
        c->capacity = capacity;
    }
    return c;
}

static void free_chunk(chunk *c)
{
    if (c == NULL)
        return;
    mem_free(c->data);
    mem_free(c->ends);
    mem_free(c);
}

/* Keeps it for the next one: fresh memory costs page faults. */
static void drop_chunk(void *payload, chunk *c)
{
    ingest *in = payload;
    lock(in);
    const bool kept = in->spare_count < in->window;
    if (kept)
        in->spare[in->spare_count++] = c;
    unlock(in);
    if (!kept)
        free_chunk(c);
}

/* Why the pipeline stopped, for the caller. */
static int stop_code(ingest *in, muster_error *err)
{
    if (err != NULL)
        *err = in->error;
    return in->code;
}

static int put_chunk(void *payload, chunk *c, muster_error *err)
{
    ingest *in = payload;
    int rc = 0;
    lock(in);
    while (in->put - in->next >= in->window && !in->stopped)
        pthread_cond_wait(&in->room, &in->lock);
    if (in->stopped)
        rc = stop_code(in, err);
    else
        in->put++;
    unlock(in);
    if (rc == 0 && queue_put(in->work, c))
        return 0;
    drop_chunk(in, c);
    if (rc != 0)
        return rc;
    lock(in);
    rc = stop_code(in, err);
    unlock(in);
    return rc;
}

/* ---- parser threads ---- */

static bool is_stopped(ingest *in)
{
    lock(in);
    const bool stopped = in->stopped;
    unlock(in);
    return stopped;
}

/* Lays the batch into its chunk's slot; false when nobody wants it. */
static bool deliver(ingest *in, const chunk *c, fact_batch *take_batch,
                    const chunk_cursor *cursor)
{
    slot *s = &in->slots[c->number % in->window];
    lock(in);
    while (s->batch != NULL && !in->stopped)
        pthread_cond_wait(&in->room, &in->lock);
    const bool wanted = !in->stopped;
    if (wanted) {
        s->batch = take_batch;
        s->last = cursor->at == c->len;
        pthread_cond_broadcast(&in->ready);
    }
    unlock(in);
    if (!wanted)
        fact_batch_free(take_batch);
    return wanted;
}

static void parse_chunk(ingest *in, parser *p, const chunk *c)
{
    chunk_cursor cursor = {0, 0};
    bool more = true;
    while (more && !is_stopped(in)) {
        fact_batch *b = parser_read(p, c, &cursor, false);
        more = cursor.at < c->len && b->fatal == 0;
        if (b->fatal != 0)
            cursor.at = c->len;
        if (!deliver(in, c, b, &cursor))
            return;
    }
}

static void *run_parser(void *payload)
{
    ingest *in = payload;
    if (in->options.gentle)
        thread_yield_to_others();
    parser *p = parser_new(&in->options);
    chunk *c = NULL;
    while ((c = queue_take(in->work)) != NULL) {
        parse_chunk(in, p, c);
        drop_chunk(in, c);
    }
    parser_free(p);
    return NULL;
}

/* ---- the sink's thread ---- */

static void add_lines(fact_batch *b, uint64_t lines)
{
    for (size_t i = 0; i < b->record_count; i++)
        b->places[i].line += lines;
    for (size_t i = 0; i < b->reject_count; i++)
        b->rejects[i].place.line += lines;
    b->input_line += lines;
}

/* The next batch in order; NULL at the end. */
static fact_batch *take_next(ingest *in, bool *last)
{
    fact_batch *b = NULL;
    lock(in);
    slot *s = &in->slots[in->next % in->window];
    while (s->batch == NULL && !in->stopped &&
           !(in->closed && in->next == in->put))
        pthread_cond_wait(&in->ready, &in->lock);
    if (!in->stopped && s->batch != NULL) {
        b = s->batch;
        *last = s->last;
        s->batch = NULL;
    }
    unlock(in);
    return b;
}

/* The batch is through the sink: its slot may be used again. */
static void pass(ingest *in, bool last)
{
    lock(in);
    in->next += last;
    pthread_cond_broadcast(&in->room);
    unlock(in);
}

static void stop(ingest *in, int code, const muster_error *error)
{
    lock(in);
    if (!in->stopped) {
        in->stopped = true;
        in->code = code;
        in->error = *error;
        if (in->error.code == 0)
            error_set(&in->error, code, "stopped", "the input was stopped");
    }
    wake_all(in);
    unlock(in);
    queue_close(in->work);
}

static void *run_sink(void *payload)
{
    ingest *in = payload;
    uint64_t lines_before = in->options.resume_line;
    bool last = false;
    fact_batch *b = NULL;
    while ((b = take_next(in, &last)) != NULL) {
        muster_error err;
        error_clear(&err);
        const int fatal = b->fatal;
        const muster_error fatal_error = b->error;
        add_lines(b, lines_before);
        if (last)
            lines_before = b->input_line;
        const int rc = in->sink(in->payload, b, &err);
        if (rc != 0 || fatal != 0) {
            stop(in, rc != 0 ? rc : fatal, rc != 0 ? &err : &fatal_error);
            return NULL;
        }
        pass(in, last);
    }
    return NULL;
}

/* ---- the caller's side ---- */

static void start_threads(ingest *in)
{
    unsigned threads = in->options.threads;
    if (threads == 0)
        threads = thread_processors();
    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    in->window = threads * SLOTS_PER_THREAD + SLOTS_MORE;
    in->slots = mem_array(in->window, sizeof *in->slots);
    in->spare = mem_array(in->window, sizeof *in->spare);
    in->work = queue_new(in->window);
    in->parsers = mem_array(threads, sizeof *in->parsers);
    in->sinker = thread_start(run_sink, in);
    for (unsigned i = 0; i < threads; i++)
        in->parsers[i] = thread_start(run_parser, in);
    in->parser_count = threads;
    in->running = true;
}

static char *get_space(void *payload, size_t *room)
{
    const ingest *in = payload;
    return cutter_space(in->cutter, room);
}

static int added(void *payload, size_t len, muster_error *err)
{
    const ingest *in = payload;
    return cutter_added(in->cutter, len, err);
}

int ingest_open(ingest **out, const ingest_options *options, ingest_sink sink,
                void *payload, muster_error *err)
{
    ASSERT(out != NULL && options != NULL && sink != NULL);
    ASSERT(options->resume_at > 0 || options->resume_line == 0);
    *out = NULL;
    const int rc = parser_check(options, err);
    if (rc != 0)
        return rc;
    ingest *in = mem_zalloc(sizeof *in);
    in->options = *options;
    if (options->provider != NULL)
        in->provider = mem_strdup(options->provider);
    in->options.provider = in->provider;
    in->sink = sink;
    in->payload = payload;
    ASSERT(pthread_mutex_init(&in->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&in->ready, NULL) == 0);
    ASSERT(pthread_cond_init(&in->room, NULL) == 0);
    start_threads(in);
    const chunk_port port = {in, get_chunk, put_chunk, drop_chunk};
    in->head = head_new(&in->options);
    in->cutter = cutter_new(&in->options, port, in->head);
    in->input = input_new((byte_port){in, get_space, added});
    *out = in;
    return 0;
}

static void join(ingest *in)
{
    if (!in->running)
        return;
    thread_join(in->sinker);
    for (unsigned i = 0; i < in->parser_count; i++)
        thread_join(in->parsers[i]);
    in->running = false;
}

/* Lets what was cut go through the sink. Returns the code with which the
 * sink stopped, else `rc`. */
static int drain(ingest *in, int rc, muster_error *err)
{
    in->ended = true;
    lock(in);
    in->closed = true;
    wake_all(in);
    unlock(in);
    queue_close(in->work);
    join(in);
    return in->stopped ? stop_code(in, err) : rc;
}

/* An error of the input: what was complete is handed on first. */
static int break_off(ingest *in, int rc, muster_error *err)
{
    if (!is_stopped(in))
        cutter_flush(in->cutter, NULL);
    return drain(in, rc, err);
}

int ingest_push(ingest *in, const void *bytes, size_t len, muster_error *err)
{
    ASSERT(in != NULL && !in->ended && (bytes != NULL || len == 0));
    const int rc = input_push(in->input, bytes, len, err);
    return rc == 0 ? 0 : break_off(in, rc, err);
}

int ingest_finish(ingest *in, muster_error *err)
{
    ASSERT(in != NULL && !in->ended);
    int rc = input_finish(in->input, err);
    if (rc == 0)
        rc = cutter_finish(in->cutter, err);
    return rc == 0 ? drain(in, 0, err) : break_off(in, rc, err);
}

void ingest_head(const ingest *in, uint64_t *hash, uint64_t *len)
{
    ASSERT(in != NULL && hash != NULL && len != NULL);
    head_get(in->head, hash, len);
}

void ingest_free(ingest *in)
{
    if (in == NULL)
        return;
    muster_error cancelled;
    error_set(&cancelled, MUSTER_ECANCELLED, "cancelled",
              "the input was given up");
    stop(in, MUSTER_ECANCELLED, &cancelled);
    join(in);
    chunk *c = NULL;
    while ((c = queue_take(in->work)) != NULL)
        free_chunk(c);
    for (uint64_t i = 0; i < in->window; i++)
        fact_batch_free(in->slots[i].batch);
    input_free(in->input);
    cutter_free(in->cutter);
    head_free(in->head);
    while (in->spare_count > 0)
        free_chunk(in->spare[--in->spare_count]);
    queue_free(in->work);
    pthread_cond_destroy(&in->room);
    pthread_cond_destroy(&in->ready);
    pthread_mutex_destroy(&in->lock);
    mem_free(in->spare);
    mem_free(in->slots);
    mem_free(in->parsers);
    mem_free(in->provider);
    mem_free(in);
}
