/*
 * cdp.c - the events that customer data platforms send, as records.
 *
 * A message is read in two passes: who, when and what must be right, or the
 * whole of it is refused; then its traits and properties one by one, each kept
 * or dropped. So a record that is written fits the catalog as it was a moment
 * ago, and one trait that does not fit costs no others.
 *
 * Time, by the platforms' specification: the moment is receivedAt - (sentAt -
 * originalTimestamp), which takes the error of the sender's clock out. A
 * message that has both `timestamp` and `originalTimestamp` has been through
 * that already.
 *
 * Numbers come from programs that count in binary: they are rounded to the
 * four decimals that are kept. A text that is a moment becomes its UTC date:
 * moments are as many as there are users.
 *
 * Cost: one pass, a look-up of the catalog for each member, no allocation but
 * the output's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/ingest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define POINTER_BYTES 160
/* Names that show are short and hold few digits: more is rather an id. */
#define SHOWN_BYTES_MAX 64u
#define SHOWN_DIGITS_MAX 12u
#define NUMBER_TEXT_MAX 64u

const char *cdp_reason_word(cdp_reason reason)
{
    switch (reason) {
#define REASON_WORD(symbol, word, text)                                       \
    case CDP_##symbol:                                                        \
        return word;
        CDP_REASON_LIST(REASON_WORD)
#undef REASON_WORD
    case CDP_OK:
    case CDP_REASON_COUNT:
        break;
    }
    return "ok";
}

const char *cdp_reason_text(cdp_reason reason)
{
    switch (reason) {
#define REASON_TEXT(symbol, word, text)                                       \
    case CDP_##symbol:                                                        \
        return text;
        CDP_REASON_LIST(REASON_TEXT)
#undef REASON_TEXT
    case CDP_OK:
    case CDP_REASON_COUNT:
        break;
    }
    return "";
}

/* ---- names ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

size_t cdp_name(char *out, muster_text name)
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (((unsigned char)c & 0xc0) == 0x80)
            continue; /* within a character */
        if (is_letter(c))
            c = (char)(c | 0x20);
        else if (c == '.' && (i + 1 == name.len || !is_letter(name.ptr[i + 1])))
            c = '_';
        else if (!is_digit(c) && c != '.')
            c = '_';
        if (len == 0 && (c == '_' || c == '.'))
            continue;
        if (len == MUSTER_NAME_BYTES_MAX)
            return 0;
        out[len++] = c;
    }
    out[len] = '\0';
    return len > 0 && is_letter(out[0]) ? len : 0;
}

/* May the name be shown? It has the form of one, and not of an id. */
static bool is_shown(muster_text name)
{
    size_t digits = 0;
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        digits += is_digit(c);
        if (!is_letter(c) && !is_digit(c) && c != '_' && c != ' ' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= SHOWN_BYTES_MAX &&
           digits <= SHOWN_DIGITS_MAX;
}

/* Names that the platforms reserve for what tells who somebody is, without
 * what stands between their words. */
static bool is_reserved(const char *name, bool of_group)
{
    static const char *const words[] = {
        "avatar",      "birthdate", "birthday",     "dateofbirth",
        "dob",         "email",     "emailaddress", "familyname",
        "firstname",   "fullname",  "givenname",    "ip",
        "ipaddress",   "lastname",  "middlename",   "mobile",
        "mobilephone", "password",  "phone",        "phonenumber",
        "ssn",         "street",    "streetaddress", "surname",
        "telephone",   "username"};
    char plain[MUSTER_NAME_BYTES_MAX + 1];
    size_t len = 0;
    bool nested = false;
    for (; *name != '\0'; name++) {
        if (*name == '.') {
            len = 0;
            nested = true;
        } else if (*name != '_') {
            plain[len++] = *name;
        }
    }
    plain[len] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(plain, words[i]) == 0)
            return true;
    return strcmp(plain, "name") == 0 && !nested && !of_group;
}

/* ---- values ---- */

size_t cdp_weight(const json_value *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        return json_string(v).len + 2;
    case JSON_NUMBER:
        return json_string(v).len;
    case JSON_INT: {
        char text[24];
        return text_format_int(text, json_int(v));
    }
    case JSON_NULL:
    case JSON_BOOL:
        return 4;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    size_t sum = 2;
    for (json_iter it = json_iter_of(v); json_next(&it);)
        sum += cdp_weight(it.value) + 1 + (it.object ? it.key.len + 3 : 0);
    return sum;
}

/* C0, DEL, C1; the text is UTF-8. */
static bool has_control(muster_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        const unsigned char c = (unsigned char)t.ptr[i];
        if (c < 0x20 || c == 0x7f ||
            (c == 0xc2 && (unsigned char)t.ptr[i + 1] < 0xa0))
            return true;
    }
    return false;
}

static cdp_reason check_text(muster_text t)
{
    if (t.len == 0 || t.len > MUSTER_VALUE_BYTES_MAX || has_control(t))
        return CDP_BAD_VALUE;
    return identity_is_pii(t) ? CDP_PERSONAL : CDP_OK;
}

static bool is_number(const json_value *v)
{
    return v != NULL &&
           (json_typeof(v) == JSON_INT || json_typeof(v) == JSON_NUMBER);
}

/* x 10^4, rounded. */
static bool read_scaled(const json_value *v, int64_t *out)
{
    char text[NUMBER_TEXT_MAX];
    const double limit = (double)((int64_t)1 << MUSTER_NUMBER_BITS);
    if (json_scaled(v, out) == 0)
        return true;
    if (json_typeof(v) != JSON_NUMBER || json_string(v).len >= sizeof text)
        return false;
    memcpy(text, json_string(v).ptr, json_string(v).len);
    text[json_string(v).len] = '\0';
    const double x = strtod(text, NULL);
    if (!(fabs(x) < limit - 1))
        return false;
    *out = llround(x * MUSTER_NUMBER_SCALE);
    return true;
}

/* ---- one message ---- */

typedef struct translation {
    const cdp_view *view;
    const json_value *message;
    json_writer w;
    char pointer[POINTER_BYTES];
    size_t pointer_len;
    bool hidden; /* a part of the pointer may not be shown */
    uint64_t names[CDP_MEMBERS_MAX]; /* hashes of those that were written */
    size_t name_count;
    bool of_group;
    bool opened; /* `set` was */
    uint64_t ignored;
} translation;

static void drop(translation *t, cdp_reason reason)
{
    t->view->drop(t->view->payload, reason, t->pointer);
}

/* A part more of the pointer; the length before it, to go back to. */
static size_t enter(translation *t, muster_text name)
{
    const size_t before = t->pointer_len;
    const size_t room = sizeof t->pointer - before;
    if (t->hidden || !is_shown(name) || name.len + 2 > room) {
        t->hidden = true;
        return before;
    }
    t->pointer[t->pointer_len++] = '/';
    memcpy(t->pointer + t->pointer_len, name.ptr, name.len);
    t->pointer_len += name.len;
    t->pointer[t->pointer_len] = '\0';
    return before;
}

static void leave(translation *t, size_t before, bool hidden)
{
    t->pointer_len = before;
    t->pointer[before] = '\0';
    t->hidden = hidden;
}

/* Notes a name; CDP_REPEATED when it was there. */
static cdp_reason note_name(translation *t, const char *name)
{
    const uint64_t hash = hash_bytes(name, strlen(name));
    for (size_t i = 0; i < t->name_count; i++)
        if (t->names[i] == hash)
            return CDP_REPEATED;
    if (t->name_count == CDP_MEMBERS_MAX)
        return CDP_TOO_MANY;
    t->names[t->name_count++] = hash;
    return CDP_OK;
}

static muster_text text_member(const json_value *object, const char *name)
{
    const json_value *v = json_get(object, name);
    return v != NULL && json_typeof(v) == JSON_STRING ? json_string(v)
                                                      : text_make(NULL, 0);
}

/* ---- traits ---- */

/* What a trait becomes; its text or number. */
typedef struct trait {
    cdp_kind kind;
    muster_text text;
    int64_t number;
    char made[NUMBER_TEXT_MAX];
} trait;

static cdp_reason read_text_trait(const json_value *v, cdp_kind known,
                                  trait *out)
{
    muster_time moment;
    out->text = json_string(v);
    if (known == CDP_KIND_NUMBER) {
        out->kind = CDP_KIND_NUMBER;
        return text_parse_number_exponent(out->text, &out->number) == 0
                   ? CDP_OK
                   : CDP_WRONG_KIND;
    }
    if (known == CDP_KIND_FLAG || known == CDP_KIND_EVENT)
        return CDP_WRONG_KIND;
    if (clock_parse_time(out->text, &moment))
        out->text = text_make(
            out->made, clock_format_date(out->made, clock_day_of(moment)));
    else if (known == CDP_KIND_DATE)
        return clock_parse_date(out->text, &(muster_day){0}) ? CDP_OK
                                                             : CDP_WRONG_KIND;
    out->kind =
        known == CDP_KIND_MANY_OF ? CDP_KIND_MANY_OF : CDP_KIND_ONE_OF;
    return check_text(out->text);
}

static cdp_reason read_number_trait(const json_value *v, cdp_kind known,
                                    trait *out)
{
    if (!read_scaled(v, &out->number))
        return CDP_BAD_NUMBER;
    out->kind = CDP_KIND_NUMBER;
    if (known == CDP_KIND_NONE || known == CDP_KIND_NUMBER)
        return CDP_OK;
    if (known != CDP_KIND_ONE_OF)
        return CDP_WRONG_KIND;
    out->kind = CDP_KIND_ONE_OF;
    out->text = text_make(out->made,
                          text_format_number(out->made, out->number));
    return CDP_OK;
}

/* One of the values: flag, text, number. */
static cdp_reason read_trait(const json_value *v, cdp_kind known, trait *out)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        return read_text_trait(v, known, out);
    case JSON_INT:
    case JSON_NUMBER:
        return read_number_trait(v, known, out);
    case JSON_BOOL:
        out->kind = CDP_KIND_FLAG;
        return known == CDP_KIND_NONE || known == CDP_KIND_FLAG
                   ? CDP_OK
                   : CDP_WRONG_KIND;
    default:
        return CDP_WRONG_TYPE;
    }
}

static void put_trait(translation *t, const json_value *v, const trait *r)
{
    switch (r->kind) {
    case CDP_KIND_FLAG:
        json_put_bool(&t->w, json_bool(v));
        return;
    case CDP_KIND_NUMBER:
        json_put_scaled(&t->w, r->number);
        return;
    case CDP_KIND_MANY_OF:
        json_open_array(&t->w);
        json_put_text(&t->w, r->text);
        json_close(&t->w);
        return;
    default:
        json_put_text(&t->w, r->text);
    }
}

static void put_set(translation *t, const char *name)
{
    if (!t->opened) {
        json_key(&t->w, "set");
        json_open_object(&t->w);
        t->opened = true;
    }
    json_key(&t->w, name);
}

/* The texts of a list; those that cannot be kept are dropped. */
static void put_list(translation *t, const char *name, const json_value *list)
{
    put_set(t, name);
    json_open_array(&t->w);
    for (json_iter it = json_iter_of(list); json_next(&it);) {
        const bool text = json_typeof(it.value) == JSON_STRING;
        const cdp_reason reason =
            text ? check_text(json_string(it.value)) : CDP_WRONG_TYPE;
        if (reason == CDP_OK)
            json_put_text(&t->w, json_string(it.value));
        else
            drop(t, reason);
    }
    json_close(&t->w);
}

/* A trait that is no object, under its name as an attribute. */
static cdp_reason set_one(translation *t, const char *name,
                          const json_value *v)
{
    const cdp_kind known =
        t->view->find(t->view->names, name).kind;
    const json_type type = json_typeof(v);
    trait read = {.kind = CDP_KIND_NONE};
    cdp_reason reason = CDP_OK;
    if (is_reserved(name, t->of_group))
        return CDP_PERSONAL;
    if (known == CDP_KIND_NONE && type == JSON_NULL)
        return CDP_OK; /* there is nothing to take away */
    if (known == CDP_KIND_NONE && t->view->strict)
        return CDP_UNKNOWN;
    if (type == JSON_NULL || type == JSON_ARRAY)
        reason = known == CDP_KIND_EVENT ||
                         (type == JSON_ARRAY && known != CDP_KIND_NONE &&
                          known != CDP_KIND_MANY_OF)
                     ? CDP_WRONG_KIND
                     : CDP_OK;
    else
        reason = read_trait(v, known, &read);
    if (reason == CDP_OK)
        reason = note_name(t, name);
    if (reason != CDP_OK)
        return reason;
    if (type == JSON_ARRAY) {
        put_list(t, name, v);
        return CDP_OK;
    }
    put_set(t, name);
    if (type == JSON_NULL)
        json_put_null(&t->w);
    else
        put_trait(t, v, &read);
    return CDP_OK;
}

/* All members of an object of traits; `prefix` stands before their names. */
static void set_traits(translation *t, const char *prefix,
                       const json_value *traits, unsigned depth)
{
    for (json_iter it = json_iter_of(traits); json_next(&it);) {
        char whole[MUSTER_NAME_BYTES_MAX + 1];
        char part[MUSTER_NAME_BYTES_MAX + 1];
        const bool hidden = t->hidden;
        const size_t before = enter(t, it.key);
        cdp_reason reason = CDP_OK;
        if (identity_is_pii(it.key))
            reason = CDP_PERSONAL;
        else if (cdp_name(part, it.key) == 0 ||
                 (size_t)snprintf(whole, sizeof whole, "%s%s%s", prefix,
                                  *prefix != '\0' ? "." : "",
                                  part) >= sizeof whole)
            reason = CDP_BAD_NAME;
        else if (json_typeof(it.value) != JSON_OBJECT)
            reason = set_one(t, whole, it.value);
        else if (depth == CDP_DEPTH_MAX)
            reason = CDP_WRONG_TYPE;
        else
            set_traits(t, whole, it.value, depth + 1);
        if (reason != CDP_OK)
            drop(t, reason);
        leave(t, before, hidden);
    }
}

static void put_traits(translation *t, const char *prefix)
{
    const json_value *traits = json_get(t->message, "traits");
    const size_t before = enter(t, text_of("traits"));
    if (traits != NULL && json_typeof(traits) == JSON_OBJECT)
        set_traits(t, prefix, traits, 1);
    else if (traits != NULL && json_typeof(traits) != JSON_NULL)
        drop(t, CDP_WRONG_TYPE);
    leave(t, before, false);
    if (t->opened)
        json_close(&t->w);
}

/* The group that somebody is in. */
static void put_group(translation *t)
{
    const json_value *v = json_get(t->message, "groupId");
    const size_t before = enter(t, text_of("groupId"));
    const cdp_attribute known = t->view->find(t->view->names, "group");
    if (v != NULL) {
        cdp_reason reason = json_typeof(v) == JSON_STRING
                                ? check_text(json_string(v))
                                : CDP_WRONG_TYPE;
        if (known.kind == CDP_KIND_NONE ? t->view->strict
                                        : known.kind != CDP_KIND_MANY_OF)
            reason = known.kind == CDP_KIND_NONE ? CDP_UNKNOWN
                                                 : CDP_WRONG_KIND;
        if (reason == CDP_OK) {
            json_key(&t->w, "add");
            json_open_object(&t->w);
            json_key(&t->w, "group");
            json_put_text(&t->w, json_string(v));
            json_close(&t->w);
        } else {
            drop(t, reason);
        }
    }
    leave(t, before, false);
    t->of_group = true;
    put_traits(t, "group");
}

/* ---- events ---- */

/* A value of an event <event>.<property> that the catalog knows. */
static cdp_reason put_property(translation *t, const char *name,
                               const json_value *v)
{
    trait read = {.kind = CDP_KIND_NONE};
    muster_text text = text_of("true");
    cdp_reason reason = CDP_OK;
    if (json_typeof(v) == JSON_BOOL)
        text = text_of(json_bool(v) ? "true" : "false");
    else if (json_typeof(v) == JSON_STRING || is_number(v))
        reason = read_trait(v, CDP_KIND_ONE_OF, &read);
    else
        reason = CDP_WRONG_TYPE;
    if (reason == CDP_OK)
        reason = note_name(t, name);
    if (reason != CDP_OK)
        return reason;
    json_open_object(&t->w);
    json_key(&t->w, "name");
    json_put_str(&t->w, name);
    json_key(&t->w, "value");
    json_put_text(&t->w, json_typeof(v) == JSON_BOOL ? text : read.text);
    json_close(&t->w);
    return CDP_OK;
}

static bool is_used_property(const char *name)
{
    return strcmp(name, "revenue") == 0 || strcmp(name, "value") == 0 ||
           strcmp(name, "name") == 0;
}

static void put_properties(translation *t, const char *event,
                           const json_value *properties)
{
    for (json_iter it = json_iter_of(properties); json_next(&it);) {
        char whole[MUSTER_NAME_BYTES_MAX + 1];
        char part[MUSTER_NAME_BYTES_MAX + 1];
        if (cdp_name(part, it.key) == 0 ||
            (size_t)snprintf(whole, sizeof whole, "%s.%s", event, part) >=
                sizeof whole ||
            t->view->find(t->view->names, whole).kind != CDP_KIND_EVENT) {
            t->ignored += !is_used_property(part);
            continue;
        }
        const bool hidden = t->hidden;
        const size_t before = enter(t, it.key);
        const cdp_reason reason = is_reserved(whole, false)
                                      ? CDP_PERSONAL
                                      : put_property(t, whole, it.value);
        if (reason != CDP_OK)
            drop(t, reason);
        leave(t, before, hidden);
    }
}

static void put_amount(translation *t, const json_value *properties,
                       const cdp_attribute *known)
{
    const json_value *v = json_get(properties, "revenue");
    const char *name = "revenue";
    int64_t amount;
    if (!is_number(v)) {
        name = "value";
        v = json_get(properties, name);
    }
    if (!is_number(v))
        return;
    const size_t before = enter(t, text_of(name));
    if (known->no_amount) {
        drop(t, CDP_NO_AMOUNT);
    } else if (!read_scaled(v, &amount) || amount < 0 ||
               amount > MUSTER_AMOUNT_MAX * MUSTER_NUMBER_SCALE) {
        drop(t, CDP_BAD_NUMBER);
    } else {
        json_key(&t->w, "amount");
        json_put_scaled(&t->w, amount);
    }
    leave(t, before, false);
}

static void put_event_value(translation *t)
{
    const json_value *properties = json_get(t->message, "properties");
    const json_value *v = json_get(t->message, "name");
    if ((v == NULL || json_typeof(v) == JSON_NULL) && properties != NULL)
        v = json_get(properties, "name");
    if (v == NULL || json_typeof(v) == JSON_NULL)
        return;
    const size_t before = enter(t, text_of("name"));
    const cdp_reason reason = json_typeof(v) == JSON_STRING
                                  ? check_text(json_string(v))
                                  : CDP_WRONG_TYPE;
    if (reason == CDP_OK) {
        json_key(&t->w, "value");
        json_put_text(&t->w, json_string(v));
    } else {
        drop(t, reason);
    }
    leave(t, before, false);
}

/* May an event of that name be written? */
static cdp_reason check_event(const translation *t, const char *name,
                              cdp_attribute *known)
{
    *known = t->view->find(t->view->names, name);
    if (known->kind == CDP_KIND_NONE)
        return t->view->strict ? CDP_UNKNOWN : CDP_OK;
    return known->kind == CDP_KIND_EVENT ? CDP_OK : CDP_WRONG_KIND;
}

static void put_event(translation *t, const char *name, bool named,
                      const cdp_attribute *known)
{
    const json_value *properties = json_get(t->message, "properties");
    const bool has =
        properties != NULL && json_typeof(properties) == JSON_OBJECT;
    json_key(&t->w, "events");
    json_open_array(&t->w);
    json_open_object(&t->w);
    json_key(&t->w, "name");
    json_put_str(&t->w, name);
    if (named)
        put_event_value(t);
    const size_t before = enter(t, text_of("properties"));
    if (has && !named)
        put_amount(t, properties, known);
    json_close(&t->w);
    (void)note_name(t, name);
    if (has)
        put_properties(t, name, properties);
    leave(t, before, false);
    json_close(&t->w);
}

/* ---- who and when ---- */

/* An id: a text, or a whole number as some platforms send it. */
static muster_text read_id(translation *t, const char *name, char *made)
{
    const json_value *v = json_get(t->message, name);
    const muster_text none = text_make(NULL, 0);
    if (v == NULL || json_typeof(v) == JSON_NULL)
        return none;
    const size_t before = enter(t, text_of(name));
    muster_text id = none;
    if (json_typeof(v) == JSON_STRING)
        id = text_trim(json_string(v));
    else if (json_typeof(v) == JSON_INT)
        id = text_make(made, text_format_int(made, json_int(v)));
    else
        drop(t, CDP_WRONG_TYPE);
    if (id.len > MUSTER_ID_BYTES_MAX || has_control(id)) {
        drop(t, CDP_BAD_VALUE);
        id = none;
    } else if (id.len > 0 && identity_is_pii(id)) {
        drop(t, CDP_PERSONAL);
        id = none;
    }
    leave(t, before, false);
    return id;
}

static cdp_reason put_ids(translation *t)
{
    char made[2][24];
    const muster_text cookie = read_id(t, "anonymousId", made[0]);
    const muster_text customer = read_id(t, "userId", made[1]);
    if (cookie.len == 0 && customer.len == 0)
        return CDP_NO_IDS;
    json_key(&t->w, "ids");
    json_open_object(&t->w);
    if (cookie.len > 0) {
        json_key(&t->w, "cookie");
        json_put_text(&t->w, cookie);
    }
    if (customer.len > 0) {
        json_key(&t->w, "customer");
        json_put_text(&t->w, customer);
    }
    json_close(&t->w);
    return CDP_OK;
}

/* A member that is a time. False: it is there and is none. */
static bool read_time(const json_value *message, const char *name, bool *found,
                      muster_time *out)
{
    const json_value *v = json_get(message, name);
    *found = v != NULL && json_typeof(v) != JSON_NULL;
    return !*found || (json_typeof(v) == JSON_STRING &&
                       clock_parse_time(json_string(v), out));
}

/* When it happened; see the top of the file. */
static cdp_reason read_moment(const translation *t, muster_text batch_sent,
                              muster_time *out)
{
    const json_value *m = t->message;
    muster_time stamp = 0, original = 0, sent = 0, received = t->view->now;
    bool stamped, has_original, was_sent, was_received;
    if (!read_time(m, "timestamp", &stamped, &stamp) ||
        !read_time(m, "originalTimestamp", &has_original, &original) ||
        !read_time(m, "sentAt", &was_sent, &sent) ||
        !read_time(m, "receivedAt", &was_received, &received))
        return CDP_BAD_TIME;
    if (!was_sent && batch_sent.ptr != NULL) {
        was_sent = true;
        if (!clock_parse_time(batch_sent, &sent))
            return CDP_BAD_TIME;
    }
    *out = stamped ? stamp : has_original ? original : received;
    if (was_sent && stamped != has_original) {
        const muster_time ago = sent - *out;
        *out = received - (ago > 0 ? ago : 0); /* not sent before it happened */
    }
    return *out < CLOCK_TIME_MIN ? CDP_BAD_TIME : CDP_OK;
}

/* Where it came from: texts that other rooms derive facts from. */
static void put_context(translation *t)
{
    static const struct {
        const char *name, *as;
    } members[] = {{"ip", "ip"}, {"userAgent", "ua"}};
    const json_value *context = json_get(t->message, "context");
    for (size_t i = 0; context != NULL && i < 2; i++) {
        const muster_text text = text_member(context, members[i].name);
        if (text.len == 0)
            continue;
        json_key(&t->w, members[i].as);
        json_put_text(&t->w, text);
    }
}

/* ---- the whole ---- */

static cdp_type type_of(muster_text word)
{
    static const struct {
        const char *word;
        cdp_type type;
    } types[] = {{"track", CDP_TRACK},       {"page", CDP_PAGE},
                 {"identify", CDP_IDENTIFY}, {"screen", CDP_SCREEN},
                 {"group", CDP_GROUP}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (text_is(word, types[i].word))
            return types[i].type;
    return CDP_ANY;
}

/* The name of the event that it is, "" when it is none. */
static cdp_reason read_event_name(const translation *t, cdp_type type,
                                  char *out, const char **pointer)
{
    out[0] = '\0';
    if (type == CDP_PAGE || type == CDP_SCREEN)
        cdp_name(out, text_of(type == CDP_PAGE ? "page" : "screen"));
    if (type != CDP_TRACK)
        return CDP_OK;
    *pointer = "/event";
    const json_value *v = json_get(t->message, "event");
    if (v == NULL || json_typeof(v) != JSON_STRING)
        return CDP_WRONG_TYPE;
    if (identity_is_pii(json_string(v)))
        return CDP_PERSONAL;
    return cdp_name(out, json_string(v)) > 0 ? CDP_OK : CDP_BAD_NAME;
}

static cdp_reason put_head(translation *t, muster_text sent_at,
                           const char **pointer)
{
    muster_time moment;
    *pointer = "/timestamp";
    const cdp_reason reason = read_moment(t, sent_at, &moment);
    if (reason != CDP_OK)
        return reason;
    *pointer = "";
    json_open_object(&t->w);
    const cdp_reason who = put_ids(t);
    json_key(&t->w, "ts");
    json_put_int(&t->w, moment);
    return who;
}

static cdp_reason translate(translation *t, cdp_type type,
                            muster_text sent_at, const char **pointer)
{
    char event[MUSTER_NAME_BYTES_MAX + 1];
    cdp_attribute known = {CDP_KIND_NONE, false};
    cdp_reason reason = read_event_name(t, type, event, pointer);
    if (reason == CDP_OK && event[0] != '\0')
        reason = check_event(t, event, &known);
    if (reason == CDP_OK)
        reason = put_head(t, sent_at, pointer);
    if (reason != CDP_OK)
        return reason;
    put_context(t);
    if (type == CDP_IDENTIFY)
        put_traits(t, "");
    else if (type == CDP_GROUP)
        put_group(t);
    else
        put_event(t, event, type != CDP_TRACK, &known);
    json_close(&t->w);
    return CDP_OK;
}

cdp_reason cdp_translate(const cdp_view *view, cdp_type type,
                         const json_value *message, muster_text sent_at,
                         buffer *out, const char **pointer, uint64_t *ignored)
{
    translation t;
    const size_t before = out->len;
    *pointer = "";
    if (json_typeof(message) != JSON_OBJECT)
        return CDP_BAD_MESSAGE;
    if (cdp_weight(message) > CDP_MESSAGE_BYTES_MAX)
        return CDP_TOO_LONG;
    if (type == CDP_ANY) {
        *pointer = "/type";
        type = type_of(text_member(message, "type"));
        if (type == CDP_ANY)
            return CDP_BAD_TYPE;
    }
    memset(&t, 0, offsetof(translation, names));
    t.name_count = 0;
    t.of_group = false;
    t.opened = false;
    t.ignored = 0;
    t.view = view;
    t.message = message;
    json_begin(&t.w, out, false);
    const cdp_reason reason = translate(&t, type, sent_at, pointer);
    if (reason != CDP_OK) {
        out->len = before;
        return reason;
    }
    buffer_put_u8(out, '\n');
    *ignored += t.ignored;
    return CDP_OK;
}

bool cdp_message_id(const json_value *message, muster_text *out)
{
    *out = text_member(message, "messageId");
    return out->len > 0;
}
