/*
 * engine.h - the wiring: what an open engine is made of. Private to
 * engine/ (the files beside this one).
 *
 *   open.c        options, opening, closing, statistics
 *   state.c       the working state: made from disk, replayed, thrown away
 *   epoch.c       immutable states: pinned by readers, published, retired
 *   writer.c      the one writer: a queue of changes, committed in groups
 *   keeper.c      the background: generations, merges, checkpoints
 *   warm.c        the background: resident forms of hot planes
 *   change.c      the change list: bodies and what they do
 *   apply.c       one batch of facts to rows and planes
 *   spoken.c      who ever spoke of what: what a wipe clears
 *   judge.c       does a record fit the catalog? what becomes of its facts
 *   mirror.c      catalog and segments as readable SQLite tables
 *   generation.c  the whole state to a generation and back
 *   catalog_bytes.c  the catalog's encoded form in a generation
 *   flight.c      a parsed batch on its way through the writer and back
 *   feed.c        muster_feed: input to batches to changes
 *   load.c        how far an input is: load ids, idempotency keys
 *   body.c        muster_ingest: small inputs of many threads
 *   reading.c     how an input of a dialect is read
 *   messages.c    muster_ingest_messages: what customer data platforms send
 *   mapping.c     muster_mapping: mapping files checked, proposed
 *   preview.c     what the first records of a dry run would become
 *   contact.c     muster_contact: digests of addresses and numbers
 *   ask.c         muster_segment: count, users, has, explain
 *   compiled.c    muster_segment: compile, plans and programs kept
 *   saved.c       muster_audience: saved segments
 *   lookup.c      muster_audience_lookup: which of them a user is in
 *   matcher.c     the background: the forward index kept up
 *   match_list.c  the segments that it keeps, and what they read
 *   match_check.c  is it right?
 *   journal.c     what changed of whom, from the writer to the matcher
 *   names.c       muster_catalog and muster_attributes, providers
 *   taxonomy.c    muster_taxonomy: its nodes, and what is mapped to them
 *   people.c      muster_privacy: opt-out, forget
 *   keys.c        muster_key: made, revoked, verified
 *   partners.c    muster_partner, and what is shared with them
 *   audit.c       who changed what, as a table for people
 *   numbers.c     muster_reach: overlap, breakdown
 *   report.c      muster_reach_report: providers beside each other
 *   report_json.c the same as JSON, for the program and for HTTP
 *   state_hash.c  one number for a whole state; steps of long work
 *   backup.c      muster_snapshot: copies that are checked
 *   doctor.c      muster_doctor: everything read and compared, repairs
 *
 * One order. A change is encoded, logged and committed, and applied by the
 * writer thread; replay applies the same bytes in the same order and gives
 * the same state. The state is: catalog, saved segments, dictionary, planes,
 * forgotten rows, the clock. The SQLite tables of catalog and segments are
 * copies for people; recovery reads the newest generation and the log behind
 * it.
 *
 * Working state and epochs. The writer thread alone reads and changes the
 * working state (struct working). After a commit it publishes what readers
 * may see as an epoch: counted, immutable snapshots of its parts. Readers pin
 * the newest epoch and take no lock. A commit that fails leaves the working
 * state ahead of the disk: it is thrown away and made anew from the disk
 * before the next change; readers go on with the last epoch meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <muster/muster.h>
#include "audience/audience.h"
#include "base/base.h"
#include "base/point.h"
#include "catalog/catalog.h"
#include "change_list.h"
#include "identity/identity.h"
#include "index/index.h"
#include "ingest/ingest.h"
#include "journal.h"
#include "privacy/privacy.h"
#include "segment/segment.h"
#include "storage/storage.h"

#define ENGINE_MAGIC 0x4d757374u

/* Facts gathered before they become a delta, when nobody waits for them:
 * bounds the builder's memory to about 32 bytes each. */
#define ENGINE_DELTA_FACTS 4000000u
/* Facts that a start may replay before a feed's end asks for a generation. */
#define ENGINE_REPLAY_FACTS 200000u

/* ---- epochs ---- */

/* A mapped generation, under base planes and dictionaries. */
typedef struct shared_base {
    generation *file;
    uint32_t users; /* atomic */
} shared_base;
shared_base *base_share(generation *take_file);
shared_base *base_retain(shared_base *b); /* NULL is fine */
void base_release(shared_base *b);        /* NULL is fine */
/* Has a byte been asked for that could not be proved? MUSTER_ECORRUPT then:
 * nothing that was read over it is an answer. NULL is fine. */
int base_check(const shared_base *b, muster_error *err);

typedef struct epoch {
    muster_epoch seq;
    muster_hour tick;
    const catalog *names;
    const audience_store *audiences;
    const access_store *access;
    const dictionary *ids;
    const index_stack *index;
    shared_base *base;
    uint64_t ids_number; /* of the dictionary whose snapshot `ids` is */
    uint64_t noted;      /* notes of the journal that belong to it */
    uint32_t holders;        /* atomic: kept beyond a call */
    struct epoch *next;      /* retired */
} epoch;

/* How many calls may read at one moment; more wait for one to end. */
#define EPOCH_SLOTS 256u
typedef struct epoch_slot {
    _Alignas(64) const epoch *at; /* atomic */
    uint64_t turn; /* atomic: how often it was left */
} epoch_slot;
typedef struct epoch_gate {
    epoch_slot slots[EPOCH_SLOTS];
    epoch *current; /* atomic */
    epoch *retired; /* writer's thread */
} epoch_gate;

typedef struct epoch_pin {
    const epoch *at;
    uint32_t slot;
} epoch_pin;

/* The newest epoch, which stays until unpinned. Any thread, no lock. */
const epoch *epoch_pin_newest(muster_engine *e, epoch_pin *pin);
void epoch_unpin(muster_engine *e, epoch_pin *pin);
/* Unpins behind an answer made of planes or ids, and returns rc, or
 * MUSTER_ECORRUPT where base_check forbids to believe it. */
int epoch_answer(muster_engine *e, epoch_pin *pin, int rc, muster_error *err);
/* Who reads now, to learn when all of them have ended. */
typedef struct epoch_readers {
    bool some; /* noted, and not known to have ended */
    uint64_t turns[EPOCH_SLOTS]; /* UINT64_MAX: nobody */
} epoch_readers;
/* What was unlinked before this call is read by none but those noted. */
void epoch_note_readers(muster_engine *e, epoch_readers *r);
bool epoch_readers_ended(muster_engine *e, epoch_readers *r);
/* Keeps a pinned epoch beyond the pin. */
void epoch_hold(const epoch *at);
void epoch_let_go(const epoch *at);
/* Writer's thread: the working state becomes the newest epoch. */
void epoch_publish(muster_engine *e);
/* The same in two steps, while the facts of the first one's moment become
 * planes: what it was then is kept, and is published with the planes that
 * there are now; or it is dropped. */
epoch *epoch_prepare(muster_engine *e);
void epoch_publish_prepared(muster_engine *e, epoch *take_prepared);
void epoch_drop(muster_engine *e, epoch *take_prepared); /* NULL is fine */
/* Writer's thread: gives back what no reader has any more. */
void epoch_reap(muster_engine *e);
bool epoch_has_retired(const muster_engine *e);
/* When no thread uses the engine any more. */
void epoch_close(muster_engine *e);

/* ---- the working state ---- */

typedef struct working {
    catalog *names;
    audience_store *audiences;
    access_store *access;
    dictionary *ids;
    uint64_t ids_number; /* another for each dictionary in the process */
    index_stack *index; /* view of the closed layers */
    index_builder *building;
    struct delta_maker *making; /* of earlier facts; NULL: none */
    uint8_t *forgotten; /* one bit a row */
    size_t forgotten_rows;
    struct spoken *spoken; /* by provider: of which attributes (spoken.c) */
    size_t spoken_capacity;
    shared_base *base;      /* NULL before the first generation */
    uint64_t seq;           /* last applied change */
    muster_hour tick;       /* the state's own clock; 0: none yet */
    index_residents *residents; /* bases keep their forms there; or NULL */
    size_t names_base;      /* bytes of names at the newest generation */
    uint64_t facts_behind;  /* applied since the newest generation */
    uint64_t bytes_behind;  /* of the log since it */
    int64_t generation;     /* number of the newest; 0 none */
    uint64_t generation_seq;
    journal *changes;       /* NULL: nobody wants to know who changed */
} working;

static inline void working_note(working *w, uint32_t row, uint32_t attribute,
                                uint32_t value)
{
    if (w->changes)
        journal_note(w->changes, row, attribute, value);
}

/* ---- who ever spoke of what (spoken.c) ---- */

void spoken_note(working *w, uint32_t provider, uint32_t attribute);
/* Numbers of all attributes that the provider may have said something of;
 * good until the next note. */
size_t spoken_list(working *w, uint32_t provider, const uint32_t **out);
void spoken_release(working *w);

uint64_t next_ids_number(void);
/* An empty state; state_free is fine with it. */
void state_init(working *w);
void state_free(working *w);
/* Newest valid generation, then every newer batch of the log. A reader stops
 * when its memory budget is used up. `w` is initialised. *damage: what was
 * passed over. */
int state_recover(muster_engine *e, working *w, muster_error *damage,
                  muster_error *err);
/* Fills w->forgotten from the planes. */
void working_find_forgotten(working *w);
/* Facts gathered begin to become a delta, on a thread of their own; the next
 * ones are gathered meanwhile. Not before the one begun last was taken.
 * `done` (may be NULL) comes on that thread. */
void state_begin_delta(working *w, void (*done)(void *payload),
                       void *payload);
/* The delta begun becomes the newest of w->index; waits until it is made. */
void state_take_delta(working *w);
/* All facts gathered become the newest deltas of w->index. */
void state_flush(working *w);
/* Layers [first, first + count) of w->index become one delta. */
void state_merge(working *w, size_t first, size_t count);
size_t state_memory(const working *w); /* above the generation */
size_t state_names(const working *w);  /* bytes of catalog and segments */
/* What merges need to know; `rules` must outlive the limits. */
typedef struct state_rules {
    const catalog *names;
    muster_hour tick;
} state_rules;
/* `drop`: what had ended at the tick goes. */
index_limits rules_limits(state_rules *rules, bool drop);

/* ---- the engine ---- */

struct writer;
struct keeper;
struct mirror;

struct muster_engine {
    uint32_t magic;
    muster_open_mode mode;
    muster_time fixed_now; /* engine_fixed_now */
    unsigned threads;
    uint64_t memory_budget;
    uint64_t log_budget;
    char *data_dir;
    bool checking; /* everything is read, so a generation is read whole */

    storage *store; /* the writer's, once it runs; the keeper shares what
                       storage.h allows it */
    identity_key *key; /* NULL: opened for checking only */
    muster_error damage; /* of a generation that was passed over */
    working state;  /* writer's thread, once it runs */
    struct mirror *mirror; /* NULL when reading */
    epoch_gate gate;
    struct writer *writer; /* NULL when reading */
    struct keeper *keeper;
    index_residents *residents;
    struct warmer *warmer;
    struct matcher *matcher; /* NULL: no forward index is kept */

    /* shown; atomic */
    uint64_t shown_memory;
    uint64_t shown_log_behind;
    uint64_t shown_generation;
    uint64_t shown_generation_seq;
    uint64_t shown_log_batches; /* of all that is not pruned */
    uint64_t shown_log_bytes;

    pthread_mutex_t lists; /* guards these two; any thread */
    struct muster_segment *segments; /* compiled ones */
    struct open_load *loads;         /* load ids being fed */
};

/* 0: the wall clock. Tests move it while threads look. */
static inline muster_time engine_fixed_now(const muster_engine *e)
{
    return __atomic_load_n(&e->fixed_now, __ATOMIC_RELAXED);
}
static inline void engine_check(const muster_engine *e)
{
    ASSERT(e != NULL && e->magic == ENGINE_MAGIC);
}
/* As muster_engine_open; `keyless`: for checking and copying, without the key
 * (then nothing that names an id may be asked). */
int engine_open(muster_engine **out, const muster_engine_options *options,
                bool keyless, muster_error *err);
/* Refuses when the engine is not open for writing. */
int engine_check_writable(const muster_engine *e, muster_error *err);
/* The time a question about this epoch is asked at: never before its tick,
 * unless the clock is fixed. */
muster_time engine_now_at(const muster_engine *e, const epoch *at);

/* ---- changes ---- */

/* What applying a batch of facts did; counters are added to. */
typedef struct apply_report {
    ingest_receipt *receipt; /* of what is accepted; may be NULL */
    /* refused records, in order, for the caller to count; may be NULL */
    void (*reject)(void *payload, const ingest_reject *reject);
    void *payload;
    const record_place *places; /* of the batch's records; NULL in replay */
} apply_report;

/*
 * One thing for the writer to do. `act` (may be NULL) runs first, inside the
 * transaction, with the state of now: it may refuse, read or write the store,
 * and fill `body`. A change is logged and applied when `kind` is not 0 and
 * the body not empty. `done` is called on the writer's thread when all is
 * over, with rc and error set; it may free the request.
 */
typedef struct change_request change_request;
struct change_request {
    change_kind kind; /* 0: act only */
    buffer *body;
    int (*act)(muster_engine *e, change_request *r, muster_error *err);
    /* inside the transaction, after applying; may be NULL */
    int (*logged)(muster_engine *e, change_request *r, muster_error *err);
    /* behind the commit and its publication, before `done`; may be NULL */
    void (*after)(muster_engine *e, change_request *r);
    void (*done)(change_request *r);
    void *payload;
    const char *load_id;
    uint64_t position;
    const char *actor; /* writer_do's: for the audit */
    apply_report *report;
    bool lazy;      /* nobody waits to see it: may become visible later */
    bool internal;  /* the engine's own: nobody's waiting is shortened */
    bool writes;    /* `act` writes the store: its error fails the group */
    bool with_next; /* commits with the next one or not at all; only the
                       first of such a chain may have an `act` */
    muster_ack ack;
    int rc; /* > 0: what `act` returned: nothing was to be done */
    muster_error error;
    muster_epoch seq; /* of the change, or the newest when there is none */
    void *waiter;     /* writer_do's */
    uint64_t posted_ns; /* writer_post's: when it was handed over */
    change_request *next;
};

/* Hands over a chain of requests (by `next`); they run in this order, before
 * those handed over later. */
void writer_post(muster_engine *e, change_request *first);
/* Hands over a chain and waits for it (the last one's `done` is used). The
 * last one's rc. */
int writer_do(muster_engine *e, change_request *r, muster_error *err);
/* How long the oldest request has waited whose change nobody sees yet; 0:
 * there is none. Any thread. */
uint64_t writer_lag_ns(muster_engine *e);
void writer_start(muster_engine *e);
/* Everything handed over is done first. */
void writer_stop(muster_engine *e);

/* Refuses facts when memory or log are over their budgets; a feed
 * (`patient`) waits for the generation that makes room. */
int keeper_admit(muster_engine *e, bool patient, muster_error *err);
void keeper_start(muster_engine *e);
/* Generations that were asked for are written first. Then, with the writer
 * stopped as well, free. */
void keeper_stop(muster_engine *e);
void keeper_free(muster_engine *e);
/* Writer's thread: shows what the state holds now. */
void keeper_show(muster_engine *e);
uint64_t engine_shown(const uint64_t *shown);
/* Measures the log anew: reads every row's length. Writer's thread, or before
 * it runs. */
int log_measure(muster_engine *e, muster_error *err);
/* The generation below has been found damaged: the state is made anew over
 * the older one, and then a fresh one is written. Any thread. */
void keeper_mend(muster_engine *e);
/* Asks for a generation of what is there now. */
void keeper_ask(muster_engine *e);
/* And waits for it. */
int keeper_generation(muster_engine *e, muster_error *err);
/* Waits for those that were asked for; the error of the last one. */
int keeper_settle(muster_engine *e, muster_error *err);
/* Writer's thread, after a commit: is it time for a generation? */
void keeper_look(muster_engine *e);
/* Writer's thread: layers that a generation being written has; no merge may
 * reach over the last of them. 0 when none. */
size_t keeper_closed_layers(muster_engine *e);
/* Writer's thread: the working state was made anew; what is being made of the
 * former one is dropped. */
void keeper_forget(muster_engine *e);
/* What may be large is freed by the keeper: it gives back each part that is
 * not NULL. When there is no keeper, at once. */
typedef struct trash {
    const index_stack *view;
    const dictionary *snapshot;
    dictionary *ids;
    shared_base *base; /* last: the others may lie in it */
    struct trash *next;
} trash;
void keeper_discard(muster_engine *e, const trash *parts);

/* Applies a change to a working state; `notes` (NULL in replay) takes what
 * the readable tables have to say of it. */
int change_apply(working *w, struct mirror *notes, uint32_t kind,
                 const uint8_t *bytes, size_t len, apply_report *report,
                 muster_error *err);

/* Bodies. */
void change_facts(buffer *out, muster_time now, const buffer *batch);
void change_provider(buffer *out, muster_text name, uint32_t party,
                     uint32_t ttl_hours);
void change_segment(buffer *out, muster_text key,
                    const audience_version *version);
void change_user(buffer *out, const muster_pseudonym *user, bool undo);
void change_tick(buffer *out, muster_hour hour);
void change_key(buffer *out, const access_key *key);
/* Of a key (its id) or a partner. */
void change_end(buffer *out, muster_text name, muster_time when);
void change_partner(buffer *out, muster_text key, muster_text name,
                    muster_time created);
void change_share(buffer *out, muster_text segment, muster_text partner,
                  bool undo);
void change_taxonomy(buffer *out, muster_text name, uint32_t segtax,
                     muster_text file);
/* `value` ptr NULL: the whole attribute. */
void change_mapping(buffer *out, muster_text attribute, muster_text value,
                    const muster_text *nodes, size_t count);
/* Both bodies, on the state's catalog or on one to try them on. */
int change_apply_taxonomy(catalog *c, const uint8_t *bytes, size_t len,
                          muster_error *err);
int change_apply_mapping(catalog *c, const uint8_t *bytes, size_t len,
                         muster_error *err);
/* Of a catalog on which a change was tried: MUSTER_EINVAL "pii_suspected" when
 * a value that is mapped looks like personal data. (taxonomy.c) */
int taxonomy_check_mapped(const catalog *names, muster_error *err);
/* "segment save" */
const char *change_name(change_kind kind);
/* What a change is about, as its body says: a segment's key, the id of a key;
 * empty where there is no such name, and for users. */
muster_text change_object(change_kind kind, const uint8_t *bytes, size_t len);

/* apply.c: facts of one batch, judged at `now`. */
int apply_facts(working *w, muster_time now, const uint8_t *bytes,
                size_t len, apply_report *report, muster_error *err);
uint32_t apply_user_row(working *w, const muster_pseudonym *p);
bool working_is_forgotten(const working *w, uint32_t row);
void working_set_forgotten(working *w, uint32_t row);

/* ---- judging records ---- */

/* Batch numbers to catalog rows, for one batch. */
typedef struct judge judge;
/* `names` is changed by judge_accept (inference), never by judge_record. */
judge *judge_new(catalog *names, muster_time now, const batch_reader *batch);
void judge_free(judge *j);
/* Checks provider, spaces and facts against the catalog. INGEST_OK or the
 * reason, with pointer and message in *out (place untouched). */
ingest_reason judge_record(judge *j, const fact_record *record,
                           const fact *facts, uint32_t count,
                           ingest_reject *out);
/* After judge_record said yes: infers what is new. Returns the catalog's
 * provider. INGEST_FULL when a limit is reached. */
ingest_reason judge_accept(judge *j, const fact_record *record,
                           const fact *facts, uint32_t count,
                           const catalog_provider **provider,
                           ingest_reject *out, ingest_receipt *receipt);
const catalog_attribute *judge_attribute(const judge *j, uint32_t number);
/* The lasting number of a term's value; CATALOG_NONE when not interned (a
 * removal of something never said). */
uint32_t judge_value(judge *j, uint32_t term, bool intern);
muster_text judge_term_text(const judge *j, uint32_t term);
/* A text as a number for this attribute (CSV, dates). */
bool judge_number(const catalog_attribute *a, muster_text text,
                  int64_t *out);

/* ---- mirror ---- */

void mirror_attach(muster_engine *e); /* catalog rows as they change */
int mirror_flush(muster_engine *e, muster_error *err); /* in the open
    transaction: what the watcher gathered */
void mirror_audience(struct mirror *notes, const audience *a);
/* By number; what became of it is looked up when the notes are written. */
void mirror_key(struct mirror *notes, uint32_t number);
void mirror_partner(struct mirror *notes, uint32_t number);
void mirror_share(struct mirror *notes, uint32_t partner, uint32_t segment);
void mirror_free(muster_engine *e);
/* Writer's thread, in a transaction: every row anew. */
int mirror_rebuild(muster_engine *e, muster_error *err);
/* What differs in one table; at least one number is not 0. */
typedef struct mirror_fault {
    const char *table;
    uint64_t missing;
    uint64_t different;
    uint64_t surplus; /* nobody's */
} mirror_fault;
/* Compares the tables with a state that the log of `s` ends at. About 3 us a
 * row. */
int mirror_check(storage *s, const epoch *at,
                 void (*fault)(void *payload, const mirror_fault *f),
                 void *payload, muster_error *err);

/* ---- audit ---- */

/* The rows that are kept: the newest. A year of one change every half
 * minute. */
#define AUDIT_ROWS_MAX 1000000
#define AUDIT_ACTOR_BYTES 64u
/* Whom the calling thread's changes are put down to; "": nobody. */
const char *audit_actor(void);
/* Writer's thread, in the transaction of the change: its row. Facts and ticks
 * have none. */
int audit_write(muster_engine *e, const change_request *r, muster_error *err);

/* ---- generations ---- */

/* Writes an epoch as the sections of a generation, its layers merged to one
 * base. Any thread; the epoch is held. */
int generation_fill(generation_writer *w, const epoch *at, muster_error *err);
/* Fills a state that is empty from a generation, which it shares. */
int generation_load(working *w, shared_base *base, muster_error *err);
/* The planes of a generation, as a layer that keeps it mapped. */
int generation_layer(shared_base *base, index_layer **out, muster_error *err);
/* The dictionary of a generation, whose users keep it mapped. */
int generation_dictionary(const shared_base *base, dictionary **out,
                          muster_error *err);

#define CATALOG_BYTES_MAX ((size_t)8 << 30)
void catalog_encode(const catalog *c, buffer *out);
int catalog_decode(catalog *c, const void *bytes, size_t len,
                   muster_error *err);

/* ---- loads ---- */

/* How far an input with a load id is. */
typedef struct load_state {
    char id[64];
    bool found;
    bool ended;
    uint64_t position;
    uint64_t line;
    uint64_t head_hash;
    uint64_t head_len;
    ingest_receipt receipt; /* of everything up to position */
} load_state;
void load_state_init(load_state *l);
void load_state_release(load_state *l);
/* Writer's thread, in a transaction. */
int load_read(muster_engine *e, load_state *l, muster_error *err);
int load_write(muster_engine *e, const load_state *l, muster_error *err);
/* One feed of an id at a time: MUSTER_EBUSY "feeding". */
int load_claim(muster_engine *e, const char *id, muster_error *err);
void load_unclaim(muster_engine *e, const char *id);
int feed_check_options(const muster_feed_options *o, muster_error *err);
int feed_bad_load_id(muster_error *err);
ingest_format input_format_of(muster_input_format format);
/* How an input is read, at `now`, as options that were checked say. The
 * provider stays the options'; what a resumed load needs is not set. */
ingest_options feed_input_options(muster_engine *e,
                                  const muster_feed_options *o,
                                  muster_time now);

/* ---- questions ---- */

struct muster_scope {
    scope *inner;
};

/* Pseudonym of a user as a question names it. */
int engine_pseudonym(const muster_engine *e, const catalog *names,
                     const muster_id *user, muster_pseudonym *out,
                     muster_error *err);
program_state epoch_state(const muster_engine *e, const epoch *at);
/* MUSTER_ENOTFOUND "unknown_attribute" with the nearest name. */
int find_attribute(const catalog *names, const char *name,
                   const catalog_attribute **out, muster_error *err);
/* The segment of a key; removed ones only when `removed`. MUSTER_ENOTFOUND
 * "unknown_segment" with a suggestion. */
int saved_find(const audience_store *all, const char *key, bool removed,
               const audience **out, muster_error *err);
int saved_tell(const audience *a, const audience_version *v,
               muster_saved_fn each, void *payload);
/* MUSTER_ENOTFOUND "unknown_partner" with the nearest one. */
int partner_unknown(const access_store *all, muster_text key,
                    muster_error *err);
/* Binds an expression in an epoch. Of a saved one all references hold. */
int engine_bind(const muster_engine *e, const epoch *at, const scope *viewer,
                muster_text text, muster_text self, plan **out,
                segment_diagnostics *notes, muster_error *err);
/* The same of a text that the viewer wrote: it names what he may know of. */
int engine_bind_asked(const muster_engine *e, const epoch *at,
                      const scope *viewer, muster_text text, plan **out,
                      segment_diagnostics *notes, muster_error *err);
/* The working state as something to bind in; writer's thread. */
epoch working_epoch(const muster_engine *e);

/* A plan and the program made of it, for one epoch and hour; shared by the
 * calls that ask the same segment at the same time. */
typedef struct kept_plan {
    const epoch *at; /* held */
    plan *plan;
    program *g;
    muster_hour hour;
    uint64_t residents; /* version of the forms that the program found */
    uint32_t users; /* takers, and the segment itself */
} kept_plan;

struct muster_segment {
    muster_engine *engine;
    scope *viewer;
    char *text;
    size_t text_len;
    pthread_mutex_t binding;   /* guards the next three, of askers and keeper */
    segment_diagnostics notes; /* of the first binding; then they stay */
    bool compiled;
    kept_plan *kept;
    struct muster_segment *next; /* of the engine's list */
    struct muster_segment *former;
};
/* The segment's plan for a pinned epoch; whoever takes one gives it back. */
int kept_take(muster_segment *s, const epoch *at, kept_plan **out,
              muster_error *err);
void kept_give(muster_segment *s, kept_plan *k);
/* Lets go of what idle segments keep of epochs other than the newest. */
void segments_refresh(muster_engine *e);

/* ---- hot planes ---- */

void warmer_open(muster_engine *e, uint64_t budget);
/* No form is made any more. */
void warmer_stop(muster_engine *e);
/* When no layer is left. */
void warmer_free(muster_engine *e);

/* ---- the forward index ---- */

/* At most about `budget` bytes of it. Before the writer starts. */
void matcher_open(muster_engine *e, uint64_t budget);
/* Keeps the index from now on, by a thread of its own. */
void matcher_start(muster_engine *e);
void matcher_stop(muster_engine *e); /* before the writer stops; NULL is fine */
void matcher_free(muster_engine *e); /* behind it; NULL is fine */
/* An epoch was published. */
void matcher_wake(muster_engine *e);
/* The index, under a pinned epoch; NULL while it is not there (yet). */
const forward *matcher_index(const muster_engine *e);
void matcher_stats(const muster_engine *e, muster_engine_stats *out);
/* Waits until the index holds for the newest epoch and hour of now, or later
 * ones. */
void matcher_settle(muster_engine *e);
/* Compares the index, which has settled and is not changed meanwhile, with
 * asking every segment about a sample of the users; tells of each segment that
 * is wrong somewhere. About a second. MUSTER_ECANCELLED. */
int matcher_check(muster_engine *e, const epoch *at, const muster_task *task,
                  void (*found)(void *payload, const char *key,
                                uint32_t wrong, uint32_t of),
                  void *payload, muster_error *err);
/* Tests: sweeps go by so many blocks, 1 to 16, before they follow the newest
 * epoch. */
void matcher_chunk_hook(uint32_t blocks);
/* Tests: told of every epoch that the index will name, before it does; it may
 * be held. */
void matcher_on_epoch(muster_engine *e,
                      void (*each)(void *payload, const epoch *at),
                      void *payload);

/* ---- checking and copying ---- */

/* Tells how far long work is; MUSTER_ECANCELLED when it shall stop. The task,
 * its step and err may be NULL. */
int task_step(const muster_task *task, const char *what, uint64_t done,
              uint64_t total, muster_error *err);
/* The same for evaluation: a task as what stops it. */
typedef struct task_stop {
    program_stop stop;
    const muster_task *task;
} task_stop;
/* *s as the stop of a task; NULL when there is no task. */
program_stop *task_stop_of(task_stop *s, const muster_task *task);
/* MUSTER_ECANCELLED when it was stopped; `stop` may be NULL. */
int task_stop_check(const program_stop *stop, muster_error *err);
/* The same for the walks of storage, a storage_step_fn whose payload is a
 * task_act: it tells of "<act> <what>". */
typedef struct task_act {
    const muster_task *task;
    const char *act; /* "reading" */
} task_act;
int task_act_step(void *payload, const char *what, uint64_t done,
                  uint64_t total);
/* Of a pinned or held epoch; state_hash.c says of what. MUSTER_ECORRUPT
 * "bad_state" when it names what is not there, MUSTER_ECANCELLED. */
int epoch_hash(const epoch *at, const muster_task *task,
               muster_state_hash *out, muster_error *err);

#endif
