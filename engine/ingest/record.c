/*
 * record.c - the shared front of all formats: the checks of one record, and
 * the batch that a chunk becomes. What a record may say stands in the
 * checks here and in record_tree.c, once for every format.
 *
 * Terms: a record is begun, filled and then ended or refused; a refused
 * record leaves a reject and nothing else, not even its texts. A *section*
 * is a member of the record that holds attributes: set, add, remove.
 *
 * What is checked once for each distinct text of a batch and not for each
 * fact: the form of names; that a value is UTF-8 without control characters
 * and does not look like personal data. The rest is checked each time.
 *
 * An id goes from the parser's memory into identity_pseudonymise and
 * nowhere else. Pointers and messages show names of the right form, limits
 * and positions, never a value or an id. As a name of an id space with more
 * than 12 digits is more likely an id in the wrong place, it is refused and
 * not shown.
 *
 * Kept to nanoseconds per fact: attributes come in the same order in most
 * records, so each remembers its follower, which is tried before hashing; a
 * repeated name in a section is found by a stamp, not by a search.
 *
 * Threads: a front belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/derive.h"

#include <stdio.h>

#define FUTURE_SECONDS 86400
#define SPACE_DIGITS_MAX 12u
#define NO_ATTRIBUTE UINT32_MAX
#define BATCH_BYTES_MAX ((size_t)3 << 30)

void record_front_init(record_front *f, const ingest_options *options)
{
    ASSERT(options != NULL && options->key != NULL);
    memset(f, 0, sizeof *f);
    f->options = options;
    f->writer = batch_writer_new();
    f->waiting.queue = identity_queue_new(options->key);
    f->default_provider =
        text_of(options->provider != NULL ? options->provider : "default");
    f->latest = options->now + FUTURE_SECONDS;
    if (options->derive != NULL)
        f->deriver = deriver_take(options->derive);
}

void record_front_release(record_front *f)
{
    batch_writer_free(f->writer);
    identity_queue_free(f->waiting.queue);
    deriver_give(f->deriver);
    mem_free(f->memos);
    mem_free(f->places);
    mem_free(f->rejects);
    mem_free(f->reject_before);
    mem_free(f->marks);
    tally_release(&f->tally);
    memset(f, 0, sizeof *f);
}

/* ---- ids that wait for their pseudonyms ---- */

static uint8_t *pseudonym_at(record_front *f, size_t i)
{
    const size_t place = f->waiting.places[i];
    if (i < f->waiting.settled)
        return f->writer->body.data + place;
    return f->writer->ids + place * BATCH_ID_BYTES + 1;
}

static void fill_pseudonyms(record_front *f)
{
    muster_pseudonym made[IDENTITY_QUEUE_IDS];
    const size_t count = identity_queue_count(f->waiting.queue);

    identity_queue_take(f->waiting.queue, made);
    for (size_t i = 0; i < count; i++)
        memcpy(pseudonym_at(f, i), made[i].bytes, sizeof made[i].bytes);
    f->waiting.settled = 0;
}

/* The record has ended: its ids stand in the body now. */
static void settle_ids(record_front *f)
{
    const size_t count = identity_queue_count(f->waiting.queue);

    for (size_t i = f->waiting.settled; i < count; i++)
        f->waiting.places[i] = f->writer->ids_at +
                               f->waiting.places[i] * BATCH_ID_BYTES + 1;
    f->waiting.settled = count;
}

fact_batch *record_front_finish(record_front *f)
{
    fact_batch *b = mem_zalloc(sizeof *b);
    buffer_init(&b->bytes, BATCH_BYTES_MAX);
    b->record_count = f->writer->record_count;
    fill_pseudonyms(f);
    batch_writer_finish(f->writer, &b->bytes);
    b->places = f->places;
    b->rejects = f->rejects;
    b->reject_before = f->reject_before;
    b->reject_count = f->reject_count;
    memcpy(b->dropped, f->dropped, sizeof b->dropped);
    b->mapping = f->options->mapping;
    memset(f->dropped, 0, sizeof f->dropped);
    b->marks = f->marks;
    b->tally = f->tally;
    f->marks = NULL;
    f->mark_capacity = 0;
    memset(&f->tally, 0, sizeof f->tally);
    b->fatal = f->fatal;
    b->error = f->error;
    f->fatal = 0;
    f->places = NULL;
    f->place_capacity = 0;
    f->rejects = NULL;
    f->reject_capacity = 0;
    f->reject_before = NULL;
    f->before_capacity = 0;
    f->reject_count = 0;
    f->memo_count = 0;
    f->serial = 0;
    return b;
}

/* ---- beginning, end, refusal ---- */

void record_begin(record_front *f, record_place place)
{
    batch_record_begin(f->writer);
    f->place = place;
    f->serial++;
    f->id_count = 0;
    f->last_attribute = NO_ATTRIBUTE;
    f->ts = f->options->now;
    f->ttl_hours = CATALOG_TTL_UNSET;
    f->has_provider = false;
}

void record_end(record_front *f)
{
    bool ignored;
    if (!f->has_provider)
        f->provider =
            intern_put(&f->writer->providers, 0, f->default_provider, &ignored);
    const size_t count = f->writer->record_count;
    batch_record_end(f->writer, f->provider, f->ts, f->ttl_hours);
    settle_ids(f);
    mem_grow(&f->places, &f->place_capacity, count + 1, sizeof *f->places);
    f->places[count] = f->place;
    if (f->marks != NULL) {
        mem_grow(&f->marks, &f->mark_capacity, count + 1, sizeof *f->marks);
        memset(&f->marks[count], 0, sizeof f->marks[count]);
    }
}

void record_mark_last(record_front *f, const record_mark *mark)
{
    const size_t count = f->writer->record_count;
    ASSERT(count > 0);
    if (f->marks == NULL) {
        mem_grow(&f->marks, &f->mark_capacity, count, sizeof *f->marks);
        memset(f->marks, 0, count * sizeof *f->marks);
    }
    f->marks[count - 1] = *mark;
}

/* More digits than a name has. */
static bool looks_like_id(muster_text name)
{
    size_t digits = 0;
    for (size_t i = 0; i < name.len; i++)
        digits += name.ptr[i] >= '0' && name.ptr[i] <= '9';
    return digits > SPACE_DIGITS_MAX;
}

bool record_shows(muster_text name)
{
    return name.len > 0 && catalog_is_provider_name(name) &&
           !looks_like_id(name);
}

/* Adds printf-formed text to a pointer of `size` bytes; false when full. */
__attribute__((format(printf, 4, 5))) static bool
append(char *out, size_t size, size_t *len, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int added = vsnprintf(out + *len, size - *len, format, args);
    va_end(args);
    if (added < 0 || (size_t)added >= size - *len) {
        out[*len] = '\0';
        return false;
    }
    *len += (size_t)added;
    return true;
}

/* What may not be shown or does not fit is left out with what follows. */
static void format_pointer(char *out, size_t size, const record_where *where)
{
    size_t len = 0;
    bool more = true;
    out[0] = '\0';
    if (where->section[0] != '\0')
        more = append(out, size, &len, "/%s", where->section);
    if (more && where->name != NULL)
        more = record_shows(*where->name) &&
               append(out, size, &len, "/%.*s", (int)where->name->len,
                      where->name->ptr);
    if (more && where->index >= 0)
        more = append(out, size, &len, "/%lld", (long long)where->index);
    if (more && where->leaf != NULL)
        append(out, size, &len, "/%s", where->leaf);
}

static ingest_reject *add_reject(record_front *f, record_place place,
                                 ingest_reason reason)
{
    ASSERT(reason > INGEST_OK && reason < INGEST_REASON_COUNT);
    mem_grow(&f->rejects, &f->reject_capacity, f->reject_count + 1,
             sizeof *f->rejects);
    mem_grow(&f->reject_before, &f->before_capacity, f->reject_count + 1,
             sizeof *f->reject_before);
    f->reject_before[f->reject_count] = f->writer->record_count;
    ingest_reject *r = &f->rejects[f->reject_count++];
    memset(r, 0, sizeof *r);
    r->place = place;
    r->reason = reason;
    return r;
}

static void drop_current(record_front *f)
{
    batch_record_drop(f->writer);
    identity_queue_cut(f->waiting.queue, f->waiting.settled);
}

void record_leave_out(record_front *f, uint32_t drop_word)
{
    ASSERT(drop_word < MAPPING_DROPS_MAX);
    drop_current(f);
    f->dropped[drop_word]++;
}

bool record_refuse(record_front *f, ingest_reason reason,
                   const record_where *where, const char *format, ...)
{
    drop_current(f);
    ingest_reject *r = add_reject(f, f->place, reason);
    format_pointer(r->pointer, sizeof r->pointer, where);
    va_list args;
    va_start(args, format);
    vsnprintf(r->message, sizeof r->message, format, args);
    va_end(args);
    return false;
}

void record_refuse_at(record_front *f, record_place place, ingest_reason reason,
                      const char *format, ...)
{
    ingest_reject *r = add_reject(f, place, reason);
    va_list args;
    va_start(args, format);
    vsnprintf(r->message, sizeof r->message, format, args);
    va_end(args);
}

/* ---- ids ---- */

bool record_space(record_front *f, const record_where *where, uint32_t *out)
{
    bool is_new = false;
    if (where->name->len <= MUSTER_NAME_BYTES_MAX)
        *out = intern_put(&f->writer->spaces, 0, *where->name, &is_new);
    if (where->name->len > MUSTER_NAME_BYTES_MAX ||
        (is_new && !record_shows(*where->name)))
        return record_refuse(f, INGEST_BAD_NAME, where,
                             "the name of an id space is lower-case letters, "
                             "digits, `_`, `.`, `-`, and not an id");
    if (*out >= BATCH_SPACES_MAX)
        return record_refuse(f, INGEST_UNKNOWN_SPACE, where,
                             "more than %u id spaces within one part of the "
                             "input",
                             BATCH_SPACES_MAX);
    return true;
}

/* An id of a space that the record has already may be one that it has. */
static int put_id_now(record_front *f, uint32_t space, muster_text name,
                      muster_text id, muster_error *err)
{
    muster_pseudonym p;

    fill_pseudonyms(f);
    const int rc = identity_pseudonymise(f->options->key, name,
                                         identity_raw_of(id), &p, err);
    if (rc == 0)
        batch_record_id(f->writer, space, &p);
    return rc;
}

static int put_id_later(record_front *f, uint32_t space, muster_text name,
                        muster_text id, muster_error *err)
{
    record_waiting *w = &f->waiting;

    if (identity_queue_count(w->queue) == IDENTITY_QUEUE_IDS)
        fill_pseudonyms(f);
    const size_t count = identity_queue_count(w->queue);
    const int rc =
        identity_queue_put(w->queue, name, identity_raw_of(id), err);
    if (rc == 0)
        w->places[count] = batch_record_id_later(f->writer, space);
    return rc;
}

bool record_id(record_front *f, uint32_t space, muster_text id,
               const record_where *where)
{
    if (f->id_count++ == MUSTER_RECORD_IDS_MAX)
        return record_refuse(f, INGEST_TOO_MANY, &RECORD_AT("ids"),
                             "a record has at most %u ids",
                             MUSTER_RECORD_IDS_MAX);
    muster_error err;
    const int rc = batch_record_has_space(f->writer, space)
                       ? put_id_now(f, space, *where->name, id, &err)
                       : put_id_later(f, space, *where->name, id, &err);
    if (rc == 0)
        return true;
    const bool pii = strcmp(err.word, "pii_suspected") == 0;
    return record_refuse(f, pii ? INGEST_PII_SUSPECTED : INGEST_BAD_ID, where,
                         "%s", err.message);
}

bool record_has_ids(record_front *f)
{
    if (f->id_count > 0)
        return true;
    return record_refuse(f, INGEST_NO_IDS, &RECORD_AT("ids"),
                         "`ids` names no id; without one nobody is meant");
}

/* ---- time, provider, ttl ---- */

static bool check_future(record_front *f, muster_time ts,
                         const record_where *where)
{
    if (ts <= f->latest)
        return true;
    return record_refuse(f, INGEST_FUTURE, where,
                         "the time is more than 24 hours after now");
}

bool record_time_text(record_front *f, muster_text text,
                      const record_where *where, muster_time *out)
{
    if (!clock_parse_time(text, out))
        return record_refuse(f, INGEST_BAD_TIME, where,
                             "a time is RFC 3339, like "
                             "2026-11-20T10:00:00Z, from 1900 to 2199");
    return check_future(f, *out, where);
}

bool record_time_seconds(record_front *f, int64_t seconds,
                         const record_where *where, muster_time *out)
{
    if (seconds < CLOCK_TIME_MIN || seconds > CLOCK_TIME_MAX)
        return record_refuse(f, INGEST_BAD_TIME, where,
                             "a time in numbers is whole seconds since 1970 "
                             "(not milliseconds), from 1900 to 2199");
    *out = seconds;
    return check_future(f, seconds, where);
}

bool record_provider(record_front *f, muster_text name)
{
    bool is_new = false;
    if (name.len <= MUSTER_NAME_BYTES_MAX)
        f->provider = intern_put(&f->writer->providers, 0, name, &is_new);
    if (name.len > MUSTER_NAME_BYTES_MAX ||
        (is_new && !catalog_is_provider_name(name)))
        return record_refuse(f, INGEST_BAD_NAME, &RECORD_AT("provider"),
                             "a provider's name is lower-case letters, "
                             "digits, `_`, `.` and `-`, up to %u bytes",
                             MUSTER_NAME_BYTES_MAX);
    if (f->options->only_provider && !text_equal(name, f->default_provider))
        return record_refuse(f, INGEST_FOREIGN_PROVIDER, &RECORD_AT("provider"),
                             "the record names another provider than whom "
                             "the input is of");
    f->has_provider = true;
    return true;
}

bool record_ttl_text(record_front *f, muster_text text)
{
    if (text_parse_duration(text, &f->ttl_hours))
        return true;
    return record_refuse(f, INGEST_BAD_TTL, &RECORD_AT("ttl"),
                         "a ttl is like 30d, 12h, 4w, or 0 for never");
}

/* ---- attributes, values, facts ---- */

static void add_memos(record_front *f, uint32_t attribute)
{
    mem_grow(&f->memos, &f->memo_capacity, (size_t)attribute + 1,
             sizeof *f->memos);
    while (f->memo_count <= attribute)
        f->memos[f->memo_count++] =
            (record_attribute_memo){{0}, NO_ATTRIBUTE, 0};
}

static inline record_attribute_memo *memo_of(record_front *f,
                                             uint32_t attribute)
{
    if (attribute >= f->memo_count)
        add_memos(f, attribute);
    return &f->memos[attribute];
}

/* The attribute that followed the last one the last time, if it is meant. */
static bool find_follower(record_front *f, muster_text name, uint32_t *out)
{
    if (f->last_attribute == NO_ATTRIBUTE)
        return false;
    const uint32_t next = memo_of(f, f->last_attribute)->next;
    if (next >= f->writer->attributes.count ||
        !intern_same(intern_text(&f->writer->attributes, next), name))
        return false;
    *out = next;
    return true;
}

bool record_attribute(record_front *f, muster_text name,
                      const record_where *where, uint32_t *out)
{
    if (!find_follower(f, name, out)) {
        bool is_new = false;
        if (name.len <= MUSTER_NAME_BYTES_MAX)
            *out = intern_put(&f->writer->attributes, 0, name, &is_new);
        if (name.len > MUSTER_NAME_BYTES_MAX ||
            (is_new && !catalog_is_attribute_name(name)))
            return record_refuse(f, INGEST_BAD_NAME, where,
                                 "an attribute's name is parts of a-z, 0-9 "
                                 "and `_` that begin with a letter, joined "
                                 "by `.`, up to %u bytes",
                                 MUSTER_NAME_BYTES_MAX);
        if (f->last_attribute != NO_ATTRIBUTE)
            memo_of(f, f->last_attribute)->next = *out;
    }
    f->last_attribute = *out;
    return true;
}

bool record_attribute_once(record_front *f, record_section section,
                           const record_where *where, uint32_t *out)
{
    if (!record_attribute(f, *where->name, where, out))
        return false;
    record_attribute_memo *memo = memo_of(f, *out);
    if (memo->seen[section] == f->serial)
        return record_refuse(f, INGEST_DUPLICATE_KEY, where,
                             "the attribute stands twice in `%s`",
                             where->section);
    memo->seen[section] = f->serial;
    return true;
}

void record_note_own(record_front *f, uint32_t attribute)
{
    memo_of(f, attribute)->own = f->serial;
}

bool record_is_own(record_front *f, uint32_t attribute)
{
    return memo_of(f, attribute)->own == f->serial;
}

/* C0, DEL, C1. `text` is UTF-8. */
static bool has_control(muster_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && (unsigned char)text.ptr[i + 1] < 0xa0)
            return true;
    }
    return false;
}

ingest_reason record_value_fault(muster_text value)
{
    if (!text_is_utf8(value))
        return INGEST_BAD_UTF8;
    if (has_control(value))
        return INGEST_BAD_VALUE;
    return identity_is_pii(value) ? INGEST_PII_SUSPECTED : INGEST_OK;
}

static bool check_value(record_front *f, muster_text value,
                        const record_where *where)
{
    const ingest_reason fault = record_value_fault(value);
    if (fault == INGEST_OK)
        return true;
    return record_refuse(f, fault, where, "%s",
                         fault == INGEST_BAD_UTF8
                             ? "the value is not valid UTF-8"
                         : fault == INGEST_BAD_VALUE
                             ? "the value has control characters"
                             : "the value looks like an e-mail address or a "
                               "phone number; it is not stored");
}

static inline bool put_term(record_front *f, uint32_t attribute,
                            muster_text value, const record_where *where,
                            uint32_t *out)
{
    if (value.len == 0 || value.len > MUSTER_VALUE_BYTES_MAX)
        return record_refuse(f, INGEST_BAD_VALUE, where,
                             "a value has 1 to %u bytes",
                             MUSTER_VALUE_BYTES_MAX);
    bool is_new = false;
    *out = intern_put(&f->writer->terms, attribute, value, &is_new);
    return !is_new || check_value(f, value, where);
}

bool record_term(record_front *f, uint32_t attribute, muster_text value,
                 const record_where *where, uint32_t *out)
{
    return put_term(f, attribute, value, where, out);
}

static bool refuse_facts(record_front *f)
{
    return record_refuse(f, INGEST_TOO_MANY, &RECORD_WHOLE,
                         "a record has at most %u facts",
                         MUSTER_RECORD_FACTS_MAX);
}

bool record_put(record_front *f, fact_op op, uint32_t attribute, uint32_t term,
                fact **out)
{
    if (f->writer->fact_count == MUSTER_RECORD_FACTS_MAX)
        return refuse_facts(f);
    *out = batch_record_slot(f->writer);
    **out = (fact){.op = op, .attribute = attribute, .term = term};
    return true;
}

bool record_put_term(record_front *f, fact_op op, uint32_t attribute,
                     muster_text value, const record_where *where)
{
    uint32_t term = 0;
    fact *ignored = NULL;
    return put_term(f, attribute, value, where, &term) &&
           record_put(f, op, attribute, term, &ignored);
}

bool record_put_attribute(record_front *f, fact_op op, uint32_t attribute)
{
    fact *ignored = NULL;
    return record_put(f, op, attribute, FACT_NO_TERM, &ignored);
}
