/*
 * reading.c - how an input of a dialect is read: what its name and the options
 * of the feed say, the catalog that messages are judged by, and what must be
 * remembered of the whole input.
 *
 * The id spaces of a dialect (dpid_478) are nobody's to declare by hand: where
 * the catalog is lenient, those that it lacks are declared before the first
 * record, as by a catalog file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reading.h"

#include <stdio.h>

struct reading {
    dialect how;
    dialect_once *once;
    const epoch *at; /* CDP: held, its names are what messages see */
};

/* ---- names of formats ---- */

static const char *const format_names[] = {
    [MUSTER_INPUT_AUTO] = "auto",
    [MUSTER_INPUT_NDJSON] = "ndjson",
    [MUSTER_INPUT_CSV] = "csv",
    [MUSTER_INPUT_MSGPACK] = "msgpack",
    [MUSTER_INPUT_ARRAY] = "array",
    [MUSTER_INPUT_AAM_SYNC] = "aam-sync",
    [MUSTER_INPUT_AAM_OVERWRITE] = "aam-overwrite",
    [MUSTER_INPUT_AAM_IDS] = "aam-ids",
    [MUSTER_INPUT_LIVERAMP] = "liveramp",
    [MUSTER_INPUT_CDP] = "cdp",
};
#define FORMAT_COUNT (sizeof format_names / sizeof *format_names)

const char *muster_input_format_name(muster_input_format format)
{
    return (size_t)format < FORMAT_COUNT ? format_names[format] : NULL;
}

muster_input_format muster_input_format_find(muster_text name)
{
    size_t i = FORMAT_COUNT - 1;
    while (i > 0 && !text_is(name, format_names[i]))
        i--;
    return (muster_input_format)i;
}

bool muster_input_is_named(const char *name)
{
    dialect ignored;
    return name && dialect_of_name(&ignored, text_of(name));
}

/* ---- what it is ---- */

static int bad_name(muster_error *err)
{
    return error_set(err, MUSTER_EINVAL, "bad_input_name",
                     "the name of the input is not one of this dialect: "
                     "ftp_dpm_478_1366545717.sync (or .overwrite, with .gz), "
                     "adobe_id_111_222_1454442149.sync; a global source takes "
                     "an owner, ftp_dpm_20914_21_1366545717.sync; name it with "
                     "--input-name");
}

/* From the name alone, or as the format says. */
static int read_name(dialect *out, const muster_feed_options *o,
                     muster_error *err)
{
    const muster_text name = text_of(o->input_name);
    const bool found = name.len > 0 && dialect_of_name(out, name);
    const bool ids = o->format == MUSTER_INPUT_AAM_IDS;

    if (o->format == MUSTER_INPUT_AUTO) {
        if (!found)
            out->format = INGEST_AUTO;
        return 0;
    }
    if (!found || (out->format == INGEST_AAM_IDS) != ids)
        return bad_name(err);
    out->overwrite = o->format == MUSTER_INPUT_AAM_OVERWRITE;
    return 0;
}

static int find_dialect(dialect *out, const muster_feed_options *o,
                        muster_error *err)
{
    memset(out, 0, sizeof *out);
    switch (o->format) {
    case MUSTER_INPUT_AUTO:
    case MUSTER_INPUT_AAM_SYNC:
    case MUSTER_INPUT_AAM_OVERWRITE:
    case MUSTER_INPUT_AAM_IDS:
        return read_name(out, o, err);
    case MUSTER_INPUT_LIVERAMP:
        out->format = INGEST_LIVERAMP;
        return 0;
    case MUSTER_INPUT_CDP:
        out->format = INGEST_CDP;
        return 0;
    default:
        return 0;
    }
}

static int set_space(dialect *d, const char *space, muster_error *err)
{
    if (!space)
        return 0;
    if (d->format != INGEST_AAM || !catalog_is_provider_name(text_of(space)))
        return error_set(err, MUSTER_EINVAL, "bad_id_space",
                         "an id space can be given for data files of Audience "
                         "Manager, and is named in lower-case letters, "
                         "digits, '_', '-' and '.'");
    d->columns[0].form = DIALECT_ID_ANY;
    snprintf(d->columns[0].space, sizeof d->columns[0].space, "%s", space);
    return 0;
}

/* ---- the catalog ---- */

static cdp_attribute see_attribute(const void *names, const char *name)
{
    static const cdp_kind kinds[] = {
        [KIND_FLAG] = CDP_KIND_FLAG,       [KIND_ONE_OF] = CDP_KIND_ONE_OF,
        [KIND_MANY_OF] = CDP_KIND_MANY_OF, [KIND_NUMBER] = CDP_KIND_NUMBER,
        [KIND_EVENT] = CDP_KIND_EVENT};
    const catalog_attribute *a = catalog_attribute_find(names, text_of(name));
    cdp_attribute out = {CDP_KIND_NONE, false};

    if (!a)
        return out;
    out.kind = a->unit_date ? CDP_KIND_DATE : kinds[a->kind];
    out.no_amount = a->declared && !a->amount;
    return out;
}

cdp_view reading_view(const catalog *names)
{
    return (cdp_view){.strict = catalog_strict(names),
                      .find = see_attribute,
                      .names = names};
}

static void hold_names(reading *r, muster_engine *e)
{
    epoch_pin pin;

    r->at = epoch_pin_newest(e, &pin);
    epoch_hold(r->at);
    epoch_unpin(e, &pin);
    r->how.view = reading_view(r->at->names);
}

/* A catalog file of the spaces that are missing; false: there is none. */
static bool write_spaces(const dialect *d, const catalog *names, buffer *out)
{
    json_writer w;
    bool any = false;
    const char *space;

    json_begin(&w, out, false);
    json_open_object(&w);
    json_key(&w, "id_spaces");
    json_open_object(&w);
    for (size_t i = 0; (space = dialect_space_at(d, i)) != NULL; i++) {
        bool again = catalog_space_find(names, text_of(space)) != NULL;
        for (size_t k = 0; k < i; k++)
            again |= strcmp(dialect_space_at(d, k), space) == 0;
        if (again)
            continue;
        any = true;
        json_key(&w, space);
        json_open_object(&w);
        json_close(&w);
    }
    json_close(&w);
    json_close(&w);
    return any && !catalog_strict(names);
}

int reading_declare(const reading *r, muster_engine *e, catalog *scratch,
                    muster_error *err)
{
    epoch_pin pin;
    buffer file;
    int rc = 0;

    if (!r)
        return 0;
    buffer_init(&file, (size_t)64 << 10);
    const epoch *at = epoch_pin_newest(e, &pin);
    const bool any = write_spaces(&r->how, at->names, &file);
    epoch_unpin(e, &pin);
    if (any && scratch)
        rc = catalog_file_apply(scratch, (const char *)file.data, file.len,
                                err);
    else if (any)
        rc = muster_catalog_apply(e, (const char *)file.data, file.len, err);
    buffer_release(&file);
    return rc;
}

/* ---- opening ---- */

int reading_open(reading **out, muster_engine *e, const muster_feed_options *o,
                 muster_error *err)
{
    dialect how;

    *out = NULL;
    int rc = find_dialect(&how, o, err);
    if (rc == 0)
        rc = set_space(&how, o->id_space, err);
    if (rc != 0 || how.format < INGEST_AAM)
        return rc;
    reading *r = mem_zalloc(sizeof *r);
    r->how = how;
    r->once = dialect_once_new(&r->how, o->gentle ? DIALECT_USERS_SERVED_MAX
                                                  : DIALECT_USERS_MAX);
    if (how.format == INGEST_CDP)
        hold_names(r, e);
    *out = r;
    return 0;
}

void reading_free(reading *r)
{
    if (!r)
        return;
    if (r->at)
        epoch_let_go(r->at);
    dialect_once_free(r->once);
    mem_free(r);
}

void reading_options(const reading *r, ingest_options *how)
{
    if (!r)
        return;
    how->format = r->how.format;
    how->dialect = &r->how;
    how->reread =
        r->how.format == INGEST_AAM || r->how.format == INGEST_CDP;
    if (!how->provider && r->how.provider[0] != 0)
        how->provider = r->how.provider;
}

int reading_pass(reading *r, fact_batch *b, muster_error *err)
{
    return r ? dialect_once_pass(r->once, b, err) : 0;
}
