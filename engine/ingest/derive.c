/*
 * derive.c - attributes that follow from what a record brings: the sources
 * (geo.c, device.c) and how what they know becomes facts of the record.
 *
 * An attribute of the list (muster_derive.h) is *known*, when a source says it
 * for this record; *open*, when the source could have said it, as it speaks of
 * the attribute and has found the address or device. What is known is set; what
 * is open and not known is cleared, so that no stale city stays beside a new
 * country. Neither happens to an attribute that the record speaks of itself
 * (set, add, clear or an event), nor to one that the catalog has as another
 * kind, or whose values have all but filled it, or that it, being strict, has
 * not (options->derive_mask): what nobody asked for must not refuse a record. A record that has no room left for all of them gets none.
 *
 * An address that is none, or that no database knows, derives nothing; it is
 * not an error of the record. Addresses and user agents live in the input's
 * bytes alone; nothing here copies, remembers or shows them.
 *
 * Cost: without a deriver one comparison a record; with one some 100 ns for
 * each attribute.
 * Threads: a muster_derive is shared; each parser has a deriver, taken from a
 * list of spare ones under a lock and given back, so that the small bodies of
 * requests do not begin with cold caches. On the way of a record no lock is
 * taken.
 *
 * One that watches has a thread which looks for replaced files once a second,
 * so that neither parsers nor requests wait for one to be read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device.h"
#include "ingest/geo.h"

#include <time.h>
#include <unistd.h>

/* An attribute with so many values is not derived. */
#define DERIVED_VALUES_MAX (MUSTER_VALUES_MAX / 10u * 9u)
/* Spare derivers: more are only made when more threads parse at a time. */
#define SPARE_MAX 64u

struct muster_deriver {
    muster_derive *owner;
    geo_reader *geo;       /* NULL: no databases */
    device_reader *device; /* NULL: no rules */
    bool device_known;     /* of one something was, since deriver_begin */
    derived found;
    muster_deriver *next; /* of the spare ones */
};

struct muster_derive {
    bool keep_bots;
    void (*say)(void *payload, bool well, const char *line);
    void *payload;
    geo_shelf *geo;       /* NULL: no databases */
    device_rules *device; /* NULL: no rules */
    pthread_mutex_t lock; /* over what follows */
    muster_deriver *spare;
    size_t spare_count;
    pthread_t watcher;
    bool watching;
    bool ending;        /* the watcher ends */
    pthread_cond_t end; /* with `ending` */
};

/* ---- the list ---- */

#define TEXT KIND_ONE_OF
#define NUMBER KIND_NUMBER
static const struct {
    muster_text name;
    attribute_kind kind;
} rows[] = {
#define ROW(symbol, name, kind, source) {{name, sizeof(name) - 1}, kind},
    MUSTER_DERIVED_LIST(ROW)
#undef ROW
};
#undef TEXT
#undef NUMBER

static inline bool has(uint32_t set, int which)
{
    return (set >> which & 1) != 0;
}

const char *muster_derived_name(muster_derived_attribute which)
{
    ASSERT(which < MUSTER_DERIVED_COUNT);
    return rows[which].name.ptr;
}

bool muster_derived_is_number(muster_derived_attribute which)
{
    ASSERT(which < MUSTER_DERIVED_COUNT);
    return rows[which].kind == KIND_NUMBER;
}

/* Whoever invents models must not fill an attribute so far that records are
 * refused: what is left is for those who say a value themselves. */
static bool takes_derived(const catalog *names, const catalog_attribute *a,
                          attribute_kind kind)
{
    return a->kind == kind && !a->unit_date &&
           catalog_value_count(names, a->id) < DERIVED_VALUES_MAX;
}

uint32_t derive_mask_of(const catalog *names)
{
    uint32_t mask = 0;
    for (int i = 0; i < MUSTER_DERIVED_COUNT; i++) {
        const catalog_attribute *a =
            catalog_attribute_find(names, rows[i].name);
        const bool fits = a != NULL ? takes_derived(names, a, rows[i].kind)
                                    : !catalog_strict(names);
        mask |= (uint32_t)fits << i;
    }
    return mask;
}

bool derive_text_is_fit(muster_text text)
{
    return text.len > 0 && text.len <= MUSTER_VALUE_BYTES_MAX &&
           record_value_fault(text) == INGEST_OK;
}

/* ---- opening ---- */

static int check_options(const muster_derive_options *o, muster_error *err)
{
    if (o == NULL || o->size != sizeof *o ||
        o->geo_count > MUSTER_DERIVE_GEO_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_options",
                         "options must start from MUSTER_DERIVE_OPTIONS_INIT "
                         "and name at most %u databases",
                         MUSTER_DERIVE_GEO_MAX);
    return 0;
}

/* ---- watching ---- */

static struct timespec in_a_second(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec++;
    return at;
}

static void *watch(void *payload)
{
    muster_derive *d = payload;
    thread_yield_to_others();
    pthread_mutex_lock(&d->lock);
    while (!d->ending) {
        const struct timespec until = in_a_second();
        while (!d->ending &&
               pthread_cond_timedwait(&d->end, &d->lock, &until) == 0)
            ;
        if (d->ending)
            break;
        pthread_mutex_unlock(&d->lock);
        muster_derive_refresh(d);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void start_watching(muster_derive *d)
{
    d->watcher = thread_start(watch, d);
    d->watching = true;
}

static void stop_watching(muster_derive *d)
{
    if (!d->watching)
        return;
    pthread_mutex_lock(&d->lock);
    d->ending = true;
    pthread_cond_signal(&d->end);
    pthread_mutex_unlock(&d->lock);
    thread_join(d->watcher);
}

static void init_locks(muster_derive *d)
{
    pthread_condattr_t attributes;
    ASSERT(pthread_mutex_init(&d->lock, NULL) == 0);
    ASSERT(pthread_condattr_init(&attributes) == 0);
    ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    ASSERT(pthread_cond_init(&d->end, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

const char *muster_ua_regexes(void)
{
    return access(MUSTER_UA_REGEXES, R_OK) == 0 ? MUSTER_UA_REGEXES : NULL;
}

int muster_derive_open(muster_derive **out,
                       const muster_derive_options *options, muster_error *err)
{
    ASSERT(out != NULL);
    error_clear(err);
    *out = NULL;
    int rc = check_options(options, err);
    if (rc != 0)
        return rc;
    muster_derive *d = mem_zalloc(sizeof *d);
    d->keep_bots = options->keep_bots;
    d->say = options->say;
    d->payload = options->payload;
    init_locks(d);
    if (options->geo_count > 0)
        rc = geo_shelf_open(&d->geo, options->geo, options->geo_count, err);
    if (rc == 0 && options->ua_regexes != NULL)
        rc = device_open(&d->device, options->ua_regexes, err);
    if (rc != 0) {
        muster_derive_free(d);
        return rc;
    }
    if (options->watch && d->geo != NULL)
        start_watching(d);
    *out = d;
    return 0;
}

static void free_deriver(muster_deriver *r)
{
    geo_reader_free(r->geo);
    device_reader_free(r->device);
    mem_free(r);
}

static void drop_spare(muster_derive *d)
{
    pthread_mutex_lock(&d->lock);
    muster_deriver *list = d->spare;
    d->spare = NULL;
    d->spare_count = 0;
    pthread_mutex_unlock(&d->lock);
    while (list != NULL) {
        muster_deriver *r = list;
        list = r->next;
        free_deriver(r);
    }
}

void muster_derive_free(muster_derive *d)
{
    if (d == NULL)
        return;
    stop_watching(d);
    drop_spare(d);
    geo_shelf_free(d->geo);
    device_free(d->device);
    pthread_cond_destroy(&d->end);
    pthread_mutex_destroy(&d->lock);
    mem_free(d);
}

/* Spare derivers would keep what was replaced in memory until they are taken
 * again, if ever. */
size_t muster_derive_refresh(muster_derive *d)
{
    ASSERT(d != NULL);
    const size_t replaced =
        d->geo != NULL ? geo_shelf_refresh(d->geo, d->say, d->payload) : 0;
    if (replaced > 0)
        drop_spare(d);
    return replaced;
}

static const muster_derive_source device_source = {"device", "uap-core", 0};

size_t muster_derive_sources(
    const muster_derive *d, muster_derive_source out[MUSTER_DERIVE_SOURCES_MAX])
{
    ASSERT(d != NULL && out != NULL);
    size_t n = 0;
    if (d->geo != NULL)
        n = geo_shelf_sources(d->geo, out, MUSTER_DERIVE_GEO_MAX);
    if (d->device != NULL)
        out[n++] = device_source;
    return n;
}

/* ---- derivers ---- */

static muster_deriver *take_spare(muster_derive *d)
{
    pthread_mutex_lock(&d->lock);
    muster_deriver *r = d->spare;
    if (r != NULL) {
        d->spare = r->next;
        d->spare_count--;
    }
    pthread_mutex_unlock(&d->lock);
    return r;
}

muster_deriver *deriver_take(muster_derive *d)
{
    ASSERT(d != NULL);
    muster_deriver *r = take_spare(d);
    if (r == NULL) {
        r = mem_zalloc(sizeof *r);
        r->owner = d;
        r->geo = d->geo != NULL ? geo_reader_new(d->geo) : NULL;
        r->device = d->device != NULL ? device_reader_new(d->device) : NULL;
    }
    r->next = NULL;
    deriver_begin(r);
    return r;
}

void deriver_give(muster_deriver *r)
{
    if (r == NULL)
        return;
    muster_derive *d = r->owner;
    pthread_mutex_lock(&d->lock);
    const bool kept = d->spare_count < SPARE_MAX;
    if (kept) {
        /* Under the lock: what is replaced after this finds it spare. */
        deriver_begin(r);
        r->next = d->spare;
        d->spare = r;
        d->spare_count++;
    }
    pthread_mutex_unlock(&d->lock);
    if (!kept)
        free_deriver(r);
}

void deriver_begin(muster_deriver *r)
{
    r->device_known = false;
    if (r->geo != NULL)
        geo_reader_begin(r->geo);
}

muster_derive_source *deriver_sources(const muster_deriver *r, size_t *count)
{
    muster_derive_source *list =
        mem_array(MUSTER_DERIVE_SOURCES_MAX, sizeof *list);
    *count = 0;
    if (r->geo != NULL)
        *count = geo_reader_sources(r->geo, list, MUSTER_DERIVE_GEO_MAX);
    if (r->device_known)
        list[(*count)++] = device_source;
    return list;
}

muster_deriver *muster_deriver_new(muster_derive *derive)
{
    return deriver_take(derive);
}

void muster_deriver_free(muster_deriver *deriver)
{
    deriver_give(deriver);
}

int muster_deriver_ip(muster_deriver *r, muster_text text, muster_derived *out,
                      muster_error *err)
{
    geo_address address;
    ASSERT(r != NULL && out != NULL);
    error_clear(err);
    memset(out, 0, sizeof *out);
    if (!geo_address_parse(&address, text))
        return error_set(err, MUSTER_EPARSE, "bad_address",
                         "that is no IPv4 or IPv6 address");
    deriver_begin(r);
    if (r->geo != NULL)
        geo_derive(r->geo, &address, out);
    return 0;
}

int muster_deriver_ua(muster_deriver *r, muster_text ua, muster_derived *out,
                      muster_device *device, muster_error *err)
{
    device_words words;
    ASSERT(r != NULL && out != NULL && device != NULL);
    error_clear(err);
    memset(out, 0, sizeof *out);
    memset(device, 0, sizeof *device);
    if (r->device == NULL)
        return error_set(err, MUSTER_EINVAL, "no_regexes",
                         "no regexes of user agents are open");
    if (device_read(r->device, ua, &words, out, &device->bot) != 0)
        return error_set(err, MUSTER_ELIMIT, "bad_user_agent",
                         "the user agent is longer than %u bytes, or would "
                         "take too long to read",
                         DEVICE_UA_BYTES_MAX);
    device->browser = words.agent[0];
    device->browser_major = words.agent[1];
    device->os = words.os[0];
    device->os_major = words.os[1];
    device->family = words.hardware[0];
    device->brand = words.hardware[1];
    device->model = words.hardware[2];
    return 0;
}

/* ---- what follows for a record ---- */

static void derive_address(muster_deriver *r, muster_text ip)
{
    geo_address address;
    if (r->geo != NULL && ip.ptr != NULL && geo_address_parse(&address, ip))
        geo_derive(r->geo, &address, &r->found);
}

/* True: it is a bot. */
static bool derive_device(muster_deriver *r, const device_input *in)
{
    bool bot = false;
    if (r->device != NULL && device_is_given(in) &&
        device_derive(r->device, in, &r->found, &bot))
        r->device_known = true;
    return bot;
}

/* Marks the attributes that the record speaks of. */
static void note_own(record_front *f)
{
    for (uint32_t i = 0; i < f->writer->fact_count; i++) {
        const fact *own = &f->writer->facts[i];
        if (own->op != FACT_REMOVE)
            record_note_own(f, own->attribute);
    }
}

static bool put_number(record_front *f, uint32_t attribute, int64_t number)
{
    fact *put = NULL;
    if (!record_put(f, FACT_NUMBER, attribute, FACT_NO_TERM, &put))
        return false;
    put->number = number * MUSTER_NUMBER_SCALE;
    return true;
}

static bool put_derived(record_front *f, const derived *d, int which)
{
    const record_where nowhere = RECORD_WHOLE;
    uint32_t attribute = 0;
    if (!record_attribute(f, rows[which].name, &nowhere, &attribute))
        return false;
    if (record_is_own(f, attribute))
        return true;
    if (!has(d->known, which))
        return record_put_attribute(f, FACT_CLEAR, attribute);
    if (rows[which].kind == KIND_NUMBER)
        return put_number(f, attribute, d->numbers[which]);
    return record_put_term(f, FACT_SET, attribute, d->texts[which], &nowhere);
}

static bool put_all(record_front *f, const derived *d)
{
    const uint32_t set = (d->known | d->open) & f->options->derive_mask;
    if (set == 0 ||
        f->writer->fact_count + MUSTER_DERIVED_COUNT > MUSTER_RECORD_FACTS_MAX)
        return true;
    note_own(f);
    for (int i = 0; i < MUSTER_DERIVED_COUNT; i++)
        if (has(set, i) && !put_derived(f, d, i))
            return false;
    return true;
}

bool record_derive(record_front *f, const derive_input *in)
{
    muster_deriver *r = f->deriver;
    if (r == NULL)
        return true;
    r->found.known = 0;
    r->found.open = 0;
    derive_address(r, in->ip);
    if (derive_device(r, &in->device) && !r->owner->keep_bots)
        return record_refuse(f, INGEST_BOT, &RECORD_WHOLE, "%s",
                             ingest_reason_text(INGEST_BOT));
    return put_all(f, &r->found);
}
