/*
 * map_propose.c - a mapping file proposed from a sample, with comments that
 * say why.
 *
 * Each field is put to the rows of `kinds` in turn, the surest first; the
 * first that fits writes its rule. What fits none is left out, as a comment.
 *
 * A proposal is read by people and passed on, so it shows no value of the
 * sample but those of fields that have few different ones, none of them
 * personal or long. Names of fields are shown; one that looks personal is not
 * (a file without a header).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/map_guess.h"

#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define SHOWN_VALUES 8u
#define SHOWN_BYTES_MAX 40u
#define ONE_OF_MAX 30u /* distinct values of a one_of */
#define REPEATS_MIN 2u /* of a value, on average, to be shown */
#define LIST_VALUES_MAX 45u

/* What is known of the proposal while it is written. */
typedef struct proposal {
    guess *guess;
    buffer *out;
    bool has_ts;
    bool has_ids;
    bool wants_id; /* no field has said by its name that it is one */
} proposal;

/* ---- writing ---- */

static void put_quoted(buffer *out, muster_text text)
{
    json_writer w;
    json_begin(&w, out, false);
    json_put_text(&w, text);
}

/* Within a comment: control characters would end it. */
static void put_comment(buffer *out, muster_text text)
{
    for (size_t i = 0; i < text.len; i++)
        buffer_put_u8(out, (unsigned char)text.ptr[i] < 0x20
                               ? ' '
                               : (uint8_t)text.ptr[i]);
}

/* "Job Title" to job_title; parts of a path stay apart. */
static void put_slug(buffer *out, muster_text name, bool dots)
{
    char last = '.';
    size_t len = 0;
    for (size_t i = 0; i < name.len && len < 60; i++) {
        char c = name.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        const bool digit = c >= '0' && c <= '9';
        if (dots && (c == '.' || c == '/'))
            c = '.';
        else if (!digit && (c < 'a' || c > 'z'))
            c = '_';
        if ((c == '_' || c == '.') && (last == '_' || last == '.'))
            continue;
        if (digit && last == '.')
            buffer_put_str(out, "x");
        buffer_put_u8(out, (uint8_t)c);
        last = c;
        len++;
    }
    if (len > 0 && (last == '_' || last == '.'))
        out->len--;
    if (len <= (last == '_' || last == '.'))
        buffer_put_str(out, "field");
}

static void begin_rule(proposal *p, const guess_field *f, const char *section)
{
    buffer_printf(p->out, "    {\"to\": \"%s.", section);
    put_slug(p->out, f->name, true);
    buffer_put_str(p->out, "\", \"from\": ");
    put_quoted(p->out, f->name);
}

/* The space is named after the field, unless that looks like an id itself. */
static void begin_own_id(proposal *p, const guess_field *f)
{
    buffer_put_str(p->out, "    {\"to\": \"ids.");
    const size_t start = p->out->len;
    put_slug(p->out, f->name, false);
    if (!record_shows(text_make((const char *)p->out->data + start,
                                p->out->len - start))) {
        p->out->len = start;
        buffer_put_str(p->out, "own_id");
    }
    buffer_put_str(p->out, "\", \"from\": ");
    put_quoted(p->out, f->name);
}

static void begin_rule_to(proposal *p, const guess_field *f, const char *to)
{
    buffer_printf(p->out, "    {\"to\": \"%s\", \"from\": ", to);
    put_quoted(p->out, f->name);
}

static void end_rule(proposal *p, const char *comment)
{
    buffer_printf(p->out, "},%s%s\n", comment[0] != '\0' ? " // " : "",
                  comment);
}

static bool may_show(muster_text value)
{
    return value.len <= SHOWN_BYTES_MAX && !identity_is_pii(value) &&
           text_is_utf8(value);
}

static bool named(const guess_field *f, const char *const *parts)
{
    for (; *parts != NULL; parts++)
        if (text_contains_nocase(f->name, text_of(*parts)))
            return true;
    return false;
}

/* id, ID, Record ID, user_id, userId, uuid */
static bool named_id(const guess_field *f)
{
    static const char *const parts[] = {"uuid", "cookie", "guid", NULL};
    const muster_text n = f->name;
    if (named(f, parts) || text_equal_nocase(n, text_of("id")))
        return true;
    if (n.len < 3)
        return false;
    const char *end = n.ptr + n.len - 2;
    const bool word = end[-1] == '_' || end[-1] == ' ' || end[-1] == '.' ||
                      end[-1] == '-' || end[-1] == '/';
    return (word && (end[0] | 0x20) == 'i' && (end[1] | 0x20) == 'd') ||
           (end[0] == 'I' && (end[1] == 'd' || end[1] == 'D'));
}

/* Only of values that come again and again: others may be somebody's. */
static void put_values(proposal *p, const guess_field *f,
                       const word_set *values)
{
    size_t shown = 0;
    if (values->count * REPEATS_MIN > f->values || named_id(f))
        return;
    buffer_put_str(p->out, "    // ");
    for (size_t i = 0; i < values->count && shown < SHOWN_VALUES; i++) {
        if (!may_show(values->words[i]))
            continue;
        buffer_put_str(p->out, shown++ > 0 ? ", " : "");
        put_comment(p->out, values->words[i]);
    }
    buffer_put_str(p->out, shown < values->count ? ", ...\n" : "\n");
}

/* ---- what a field is ---- */

static bool most(uint32_t count, const guess_field *f)
{
    return f->values > 0 && (uint64_t)count * 20 >= (uint64_t)f->values * 19;
}

static bool all(uint32_t count, const guess_field *f)
{
    return f->values > 0 && count == f->values;
}

static bool is_unique(const guess_field *f)
{
    return f->values > 0 && guess_distinct(f) == f->values;
}

static bool try_nothing(proposal *p, const guess_field *f)
{
    if (f->values > 0 || f->objects > 0)
        return false;
    buffer_put_str(p->out, "    // left out: ");
    put_comment(p->out, f->name);
    buffer_put_str(p->out, " is empty in the sample\n");
    return true;
}

static bool try_objects(proposal *p, const guess_field *f)
{
    if (f->objects == 0)
        return false;
    buffer_put_str(p->out, "    // left out: ");
    put_comment(p->out, f->name);
    buffer_put_str(p->out, " holds objects; an events rule with \"each\" "
                           "reads them\n");
    return true;
}

/* Of a path: is one of its steps private? */
static bool is_within_private(muster_text path)
{
    bool is = map_is_private(path);
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '.' || path.ptr[i] == '/')
            is |= map_is_private(text_make(path.ptr + i + 1, path.len - i - 1));
    return is;
}

static bool try_private(proposal *p, const guess_field *f)
{
    if (p->guess->is_csv ? !map_is_private(f->name)
                         : !is_within_private(f->name))
        return false;
    buffer_put_str(p->out, "    // left out: ");
    put_comment(p->out, f->name);
    buffer_put_str(p->out, " is private; a condition may use it\n");
    return true;
}

static bool try_email(proposal *p, const guess_field *f)
{
    if (!most(f->emails, f))
        return false;
    begin_rule_to(p, f, "ids.email_sha256");
    buffer_put_str(p->out, ", \"hash\": \"uid2\", \"invalid\": \"drop\"");
    end_rule(p, "e-mail addresses, hashed before anything else");
    p->has_ids = true;
    return true;
}

static bool try_phone(proposal *p, const guess_field *f)
{
    static const char *const parts[] = {"phone", "mobile", "telefon",
                                        "cell",  "fax",    NULL};
    const bool name = named(f, parts);
    if (!most(f->phones, f) || (!name && !most(f->personal, f)))
        return false;
    begin_rule_to(p, f, "ids.phone_sha256");
    buffer_put_str(p->out, ", \"hash\": \"uid2\", \"invalid\": \"drop\"");
    end_rule(p, "phone numbers; \"country\": \"+49\" where they lack theirs");
    p->has_ids = true;
    return true;
}

static bool try_digest(proposal *p, const guess_field *f)
{
    static const char *const phones[] = {"phone", "mobile", NULL};
    if (!all(f->digests, f))
        return false;
    begin_rule_to(p, f,
                  named(f, phones) ? "ids.phone_sha256" : "ids.email_sha256");
    end_rule(p, "SHA-256; is it that of the e-mail address?");
    p->has_ids = true;
    return true;
}

static bool try_device(proposal *p, const guess_field *f)
{
    static const char *const gaid[] = {"gaid", "aaid", "android", NULL};
    static const char *const idfa[] = {"idfa", "ios", "apple", NULL};
    if (!most(f->uuids, f) || (!named(f, gaid) && !named(f, idfa)))
        return false;
    begin_rule_to(p, f, named(f, gaid) ? "ids.gaid" : "ids.idfa");
    end_rule(p, "advertising ids");
    p->has_ids = true;
    return true;
}

static bool try_id(proposal *p, const guess_field *f)
{
    static const char *const customers[] = {"customer", "contact", "user",
                                            "record", NULL};
    static const char *const cookies[] = {"cookie", NULL};
    const bool unnamed = p->wants_id && !p->has_ids && all(f->whole, f);
    const bool whole = all(f->whole, f) || most(f->uuids, f);
    if (f->personal > 0 || f->longest > 128 || !is_unique(f) ||
        !(named_id(f) || most(f->uuids, f) || (unnamed && whole)))
        return false;
    if (named(f, cookies))
        begin_rule_to(p, f, "ids.cookie");
    else if (named(f, customers) || text_equal_nocase(f->name, text_of("id")))
        begin_rule_to(p, f, "ids.customer");
    else
        begin_own_id(p, f);
    end_rule(p, named_id(f) ? "all different, and named like an id; is its "
                              "space declared in the catalog?"
                            : "all different: is it an id?");
    p->has_ids = true;
    return true;
}

static bool leave_personal(proposal *p, const guess_field *f)
{
    static const char *const parts[] = {
        "first name", "firstname", "first_name", "last name", "lastname",
        "last_name",  "full name", "fullname",   "full_name", "surname",
        "street",     "address",   "username",   "user name", "vorname",
        "nachname",   "passport",  "iban",       "ssn",       NULL};
    /* people who work on it; but a home owner is a fact */
    static const char *const staff[] = {"owner", "assigned", "manager", NULL};
    static const char *const parts_fine[] = {"country", "city", "region", NULL};
    const bool name = (named(f, parts) && !named(f, parts_fine)) ||
                      (named(f, staff) && !all(f->flags, f) &&
                       !all(f->json_flags, f)) ||
                      text_equal_nocase(f->name, text_of("name"));
    if (f->personal == 0 && !name)
        return false;
    buffer_put_str(p->out, "    // left out: ");
    put_comment(p->out, f->name);
    buffer_put_str(p->out, f->personal > 0
                               ? " has e-mail addresses or phone numbers "
                                 "among its values\n"
                               : " is named like what tells who somebody "
                                 "is\n");
    return true;
}

/* The format that fits most values; GUESS_FORMATS when none does. */
static size_t find_format(const guess_field *f)
{
    static const char *const times[] = {"date",     "time",    "_at", "created",
                                        "modified", "updated", "ts",  NULL};
    for (size_t i = 0; i < GUESS_FORMATS; i++) {
        const bool number = strcmp(guess_formats[i], "seconds") == 0 ||
                            strcmp(guess_formats[i], "millis") == 0;
        const bool plain = all(f->whole, f); /* 20261120: or a number? */
        if (most(f->dates[i], f) && ((!number && !plain) || named(f, times)))
            return i;
    }
    return GUESS_FORMATS;
}

static bool try_date(proposal *p, const guess_field *f)
{
    static const char *const births[] = {"birth", "dob", "geburt", NULL};
    static const char *const changes[] = {"modified",  "updated",   "timestamp",
                                          "last seen", "last_seen", NULL};
    const size_t format = find_format(f);
    if (format == GUESS_FORMATS)
        return false;
    const bool birth = named(f, births);
    const bool moment =
        !birth && !p->has_ts &&
        (named(f, changes) || text_equal_nocase(f->name, text_of("ts")));
    if (birth)
        begin_rule_to(p, f, "set.demo.age");
    else if (moment)
        begin_rule_to(p, f, "ts");
    else
        begin_rule(p, f, "set");
    buffer_printf(p->out, ", \"date\": \"%s\"%s, \"invalid\": \"drop\"",
                  guess_formats[format], birth ? ", \"as\": \"age\"" : "");
    p->has_ts |= moment;
    const bool either = strcmp(guess_formats[format], "D/M/YYYY") == 0 &&
                        most(f->dates[format + 1], f);
    end_rule(p, either   ? "or M/D/YYYY? both fit"
                : birth  ? "a date of birth, as an age"
                : moment ? "is this when the row was true?"
                         : "declare it as a number of unit date");
    return true;
}

static bool try_flag(proposal *p, const guess_field *f)
{
    if (!all(f->json_flags, f) && !(all(f->flags, f) && f->values > 1))
        return false;
    begin_rule(p, f, "set");
    if (!all(f->json_flags, f))
        buffer_put_str(p->out, ", \"flag\": true, \"invalid\": \"drop\"");
    end_rule(p, "");
    return true;
}

static bool try_number(proposal *p, const guess_field *f)
{
    static const char *const options[GUESS_NUMBERS] = {
        "true", "{\"thousands\": \",\"}", "{\"decimal\": \",\"}",
        "{\"decimal\": \",\", \"thousands\": \".\"}"};
    static const char *const codes[] = {"zip", "postal", "postcode",
                                        "plz", "code",   NULL};
    size_t form = 0;
    while (form < GUESS_NUMBERS && !most(f->numbers[form], f))
        form++;
    if (form == GUESS_NUMBERS || named(f, codes))
        return false;
    begin_rule(p, f, "set");
    buffer_printf(p->out, ", \"number\": %s, \"invalid\": \"drop\"",
                  options[form]);
    end_rule(p, "");
    return true;
}

static bool try_country(proposal *p, const guess_field *f)
{
    static const char *const parts[] = {"country", "land", "nation", NULL};
    if (!named(f, parts) || guess_distinct(f) > GUESS_VALUES_MAX)
        return false;
    if (most(f->countries, f)) {
        begin_rule_to(p, f, "set.geo.country");
        buffer_put_str(p->out, ", \"upper\": true");
        end_rule(p, "");
        return true;
    }
    put_values(p, f, &f->distinct);
    begin_rule_to(p, f, "set.geo.country");
    buffer_put_str(p->out, ", \"else\": \"drop\", \"map\": {\"Austria\": "
                           "\"AT\", \"France\": \"FR\", \"Germany\": \"DE\", "
                           "\"Switzerland\": \"CH\", \"United Kingdom\": "
                           "\"GB\", \"United States\": \"US\"}");
    end_rule(p, "names to ISO 3166 codes; complete them");
    return true;
}

static bool try_list(proposal *p, const guess_field *f)
{
    if (f->lists > 0 && guess_distinct(f) <= LIST_VALUES_MAX) {
        put_values(p, f, &f->distinct);
        begin_rule(p, f, "add");
        end_rule(p, "");
        return true;
    }
    for (size_t i = 0; i < GUESS_MARKS; i++) {
        if ((uint64_t)f->marked[i] * 4 < f->values ||
            f->parts[i].count >= LIST_VALUES_MAX)
            continue;
        put_values(p, f, &f->parts[i]);
        begin_rule(p, f, "add");
        buffer_printf(p->out, ", \"split\": \"%c\"", guess_marks[i]);
        end_rule(p, "");
        return true;
    }
    return false;
}

static bool try_one_of(proposal *p, const guess_field *f)
{
    const size_t distinct = guess_distinct(f);
    if (distinct > ONE_OF_MAX || f->lists > 0 ||
        (distinct == f->values && f->values > 3))
        return false;
    put_values(p, f, &f->distinct);
    begin_rule(p, f, "set");
    end_rule(p, "");
    return true;
}

static bool leave_many(proposal *p, const guess_field *f)
{
    buffer_put_str(p->out, "    // left out: ");
    put_comment(p->out, f->name);
    buffer_printf(p->out, " has %zu different values in %u rows\n",
                  guess_distinct(f), f->rows);
    return true;
}

static bool (*const kinds[])(proposal *p, const guess_field *f) = {
    try_private,    try_nothing, try_objects, try_email,
    try_phone,      try_digest,  try_device,  try_id,
    leave_personal, try_date,    try_flag,    try_country,
    try_number,     try_list,    try_one_of,  leave_many,
};

/* ---- the file ---- */

/* Is there anything that is an id by its name or form? */
static bool finds_ids(const guess *g)
{
    for (size_t i = 0; i < g->field_count; i++) {
        const guess_field *f = &g->fields[i];
        if (most(f->emails, f) || all(f->digests, f) ||
            (f->personal == 0 && f->longest <= 128 && is_unique(f) &&
             (named_id(f) || most(f->uuids, f))))
            return true;
    }
    return false;
}

static void put_head(const guess *g, buffer *out)
{
    buffer_printf(out,
                  "// Proposed from %u rows. Read it, change what is not "
                  "meant, and try it with\n"
                  "// muster load --dry-run --map. The language: "
                  "docs/mapping.md.\n"
                  "{\n  \"input\": \"%s\",\n",
                  g->rows, g->is_csv ? "csv" : "json");
    if (g->is_csv) {
        buffer_put_str(out, "  \"separator\": ");
        put_quoted(out, text_make(&g->separator, 1));
        buffer_put_str(out, ",\n");
    }
    if (g->each.len > 0) {
        buffer_put_str(out, "  \"each\": ");
        put_quoted(out, g->each);
        buffer_put_str(out, ",\n");
    }
    buffer_put_str(out, "  // \"provider\": \"...\", whose data these are\n"
                        "  \"rules\": [\n");
}

/* A name that is personal itself is a value: the file has no header. */
static bool shows_name(const guess_field *f)
{
    return text_is_utf8(f->name) && !identity_is_pii(f->name) &&
           f->name.len <= MAPPING_NAME_BYTES_MAX;
}

int mapping_propose(buffer *out, ingest_format format, const char *sample,
                    size_t len, muster_error *err)
{
    guess g;
    guess_init(&g);
    const int rc = guess_sample(&g, format, text_make(sample, len), err);
    if (rc == 0) {
        proposal p = {.guess = &g, .out = out, .wants_id = !finds_ids(&g)};
        put_head(&g, out);
        for (size_t i = 0; i < g.field_count; i++) {
            const guess_field *f = &g.fields[i];
            if (!shows_name(f)) {
                buffer_printf(out,
                              "    // left out: field %zu has a name that is "
                              "not shown; is there a header?\n",
                              i + 1);
                continue;
            }
            size_t k = 0;
            while (k < COUNT_OF(kinds) && !kinds[k](&p, f))
                k++;
        }
        if (!p.has_ids)
            buffer_put_str(out, "    // No field looks like an id. A mapping "
                                "needs one:\n    // {\"to\": "
                                "\"ids.customer\", \"from\": \"...\"},\n");
        buffer_put_str(out, "  ],\n}\n");
    }
    guess_release(&g);
    return rc;
}
