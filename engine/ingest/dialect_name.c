/*
 * dialect_name.c - what the name of a file of Audience Manager says: of whom
 * its ids are, who says it, when, and whether it adds or replaces.
 *
 * Numbers of data sources are of up to 10 digits; the last number of a name
 * is its time, of exactly 10. A data file names its data source and, behind
 * it, the owner of the data: there must be one where the source is a global
 * one, which belongs to nobody who could be meant.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest.h"

#include <stdio.h>

#define NUMBER_DIGITS_MAX 10u
#define TIME_DIGITS 10u
#define NUMBERS_MAX (DIALECT_COLUMNS_MAX + 1)

/* Data sources that everybody shares ("Global Data Sources", "Index of IDs in
 * Audience Manager"); 0 is Audience Manager itself. */
static const struct {
    uint64_t dpid;
    const char *space; /* NULL: the usual name */
    dialect_id form;
} global_sources[] = {
    {0, "aam_uuid", DIALECT_ID_AAM},
    {20914, "gaid", DIALECT_ID_LOWER},  /* Google */
    {20915, "idfa", DIALECT_ID_UPPER},  /* Apple */
    {121963, "ctv", DIALECT_ID_LOWER},  /* Roku */
    {389146, NULL, DIALECT_ID_ANY},     /* Microsoft */
    {404660, "ctv", DIALECT_ID_ANY},    /* Samsung, former */
    {488258, "ctv", DIALECT_ID_LOWER},  /* Amazon Fire TV */
    {963906, "ctv", DIALECT_ID_ANY},    /* Samsung Tizen */
    {1171485, "ctv", DIALECT_ID_ANY},   /* LG webOS */
    {1171489, "ctv", DIALECT_ID_ANY},   /* Vizio */
};
#define GLOBAL_COUNT (sizeof global_sources / sizeof *global_sources)

static size_t find_global(uint64_t dpid)
{
    size_t i = 0;
    while (i < GLOBAL_COUNT && global_sources[i].dpid != dpid)
        i++;
    return i;
}

void dialect_space_of(dialect_column *out, uint64_t dpid)
{
    const size_t i = find_global(dpid);
    const char *space = i < GLOBAL_COUNT ? global_sources[i].space : NULL;
    out->form = i < GLOBAL_COUNT ? global_sources[i].form : DIALECT_ID_ANY;
    if (space != NULL)
        snprintf(out->space, sizeof out->space, "%s", space);
    else
        snprintf(out->space, sizeof out->space, "dpid_%llu",
                 (unsigned long long)dpid);
}

const char *dialect_space_at(const dialect *d, size_t i)
{
    static const char *const of_liveramp[] = {
        "email_md5", "email_sha1", "phone_sha1", "maid_sha1", "rampid"};
    if (d->format == INGEST_LIVERAMP)
        return i < sizeof of_liveramp / sizeof *of_liveramp ? of_liveramp[i]
                                                            : NULL;
    return i < d->column_count ? d->columns[i].space : NULL;
}

/* ---- numbers joined by _ ---- */

typedef struct numbers {
    uint64_t values[NUMBERS_MAX];
    size_t digits[NUMBERS_MAX];
    size_t count;
} numbers;

static bool take_prefix(muster_text *text, const char *prefix)
{
    if (!text_starts_with(*text, text_of(prefix)))
        return false;
    text->ptr += strlen(prefix);
    text->len -= strlen(prefix);
    return true;
}

/* The digits at the start; false when there are none, or too many. */
static bool take_number(muster_text *text, uint64_t *out, size_t *digits)
{
    *out = 0;
    *digits = 0;
    while (text->len > 0 && *text->ptr >= '0' && *text->ptr <= '9' &&
           *digits <= NUMBER_DIGITS_MAX) {
        *out = *out * 10 + (uint64_t)(*text->ptr - '0');
        text->ptr++;
        text->len--;
        ++*digits;
    }
    return *digits > 0 && *digits <= NUMBER_DIGITS_MAX;
}

/* All the numbers, the last of which is a time. */
static bool take_numbers(muster_text *text, numbers *out)
{
    out->count = 0;
    do {
        if (out->count == NUMBERS_MAX ||
            !take_number(text, &out->values[out->count],
                         &out->digits[out->count]))
            return false;
        out->count++;
    } while (take_prefix(text, "_"));
    return out->count > 1 && out->digits[out->count - 1] == TIME_DIGITS;
}

/* What may stand behind the mode. */
static bool is_tail(muster_text text)
{
    uint64_t split = 0;
    size_t digits = 0;
    if (text_starts_with(text, text_of(".gz")))
        return text_is(text, ".gz");
    if (text.len > 1 && *text.ptr == '.') {
        text.ptr++;
        text.len--;
        if (!take_number(&text, &split, &digits))
            return false;
    }
    return text.len == 0 || text_is(text, ".gz");
}

static muster_text without_folders(muster_text name)
{
    size_t at = name.len;
    while (at > 0 && name.ptr[at - 1] != '/')
        at--;
    return text_make(name.ptr + at, name.len - at);
}

/* ---- the two kinds ---- */

static bool read_data_name(dialect *out, const numbers *n)
{
    const bool owned = n->count == 3;
    const uint64_t source = n->values[0];
    if (n->count > 3)
        return false;
    /* Data of Audience Manager's own ids may stand under 0 alone. */
    if (!owned && source != 0 && find_global(source) < GLOBAL_COUNT)
        return false;
    out->format = INGEST_AAM;
    out->column_count = 1;
    dialect_space_of(&out->columns[0], source);
    snprintf(out->provider, sizeof out->provider, "dpid_%llu",
             (unsigned long long)(owned ? n->values[1] : source));
    return true;
}

/* In a c2c file the columns behind the first are e-mail addresses, hashed. */
static bool read_ids_name(dialect *out, const numbers *n, bool emails)
{
    if (n->count < 3)
        return false;
    out->format = INGEST_AAM_IDS;
    out->column_count = (uint32_t)n->count - 1;
    for (uint32_t i = 0; i < out->column_count; i++)
        dialect_space_of(&out->columns[i], n->values[i]);
    for (uint32_t i = 1; emails && i < out->column_count; i++)
        out->columns[i] = (dialect_column){"email_sha256", DIALECT_ID_ANY};
    snprintf(out->provider, sizeof out->provider, "dpid_%llu",
             (unsigned long long)n->values[0]);
    return true;
}

bool dialect_of_name(dialect *out, muster_text name)
{
    muster_text text = without_folders(name);
    numbers n;
    memset(out, 0, sizeof *out);
    if (text.len > DIALECT_NAME_BYTES_MAX)
        return false;
    const bool data = take_prefix(&text, "ftp_dpm_");
    const bool emails = !data && take_prefix(&text, "c2c_id_");
    if (!data && !emails)
        (void)take_prefix(&text, "adobe_id_");
    if (!take_numbers(&text, &n))
        return false;
    out->ts = (muster_time)n.values[n.count - 1];
    out->overwrite = data && take_prefix(&text, ".overwrite");
    if ((!out->overwrite && !take_prefix(&text, ".sync")) || !is_tail(text))
        return false;
    return data ? read_data_name(out, &n) : read_ids_name(out, &n, emails);
}
