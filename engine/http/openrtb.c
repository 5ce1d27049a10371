/*
 * openrtb.c - reading bid requests: consent, time, ids. Putting segments into
 * them is openrtb_insert.c.
 *
 * The request is parsed as a whole first, so that what is read here is valid
 * JSON. Its objects are walked member by member instead of asked for a name:
 * a second `regs` that says coppa=1 must count, and a second `user` is refused
 * since another reader may take the other.
 *
 * What a signal says:
 *
 *   member            no                       anything else
 *   coppa gdpr gpc    absent, null, false, 0,  forbids
 *                     "", "0"
 *   gpp               absent, null, ""         forbids
 *   gpp_sid           absent, null, [], ""     forbids
 *   us_privacy        absent, null, "", or     forbids
 *                     1 [YN-] [N-] [YN-]
 *   user.consent      absent, null, ""         forbids unless gdpr is told and
 *                                              says no
 *   device.dnt lmt    as coppa                 forbids
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/openrtb.h"

#include <string.h>

/* tmax beyond an hour is no deadline; keeps nanoseconds in range. */
#define TMAX_MS_MAX 3600000
#define NS_PER_MS 1000000u
#define SCALED_ONE 10000 /* json_scaled */

/* ---- what signals say ---- */

static bool is_empty_text(const json_value *v)
{
    return json_typeof(v) == JSON_STRING && json_string(v).len == 0;
}

/* A flag that is told and plainly off. */
static bool is_no(const json_value *v)
{
    switch (json_typeof(v)) {
    case JSON_BOOL:
        return !json_bool(v);
    case JSON_INT:
        return json_int(v) == 0;
    case JSON_STRING:
        return text_is(json_string(v), "0");
    default:
        return false;
    }
}

static bool flag_forbids(const json_value *v)
{
    return json_typeof(v) != JSON_NULL && !is_empty_text(v) && !is_no(v);
}

static bool text_forbids(const json_value *v)
{
    return json_typeof(v) != JSON_NULL && !is_empty_text(v);
}

static bool list_forbids(const json_value *v)
{
    const bool empty = json_typeof(v) == JSON_ARRAY && json_count(v) == 0;
    return text_forbids(v) && !empty;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* Version, notice, opt-out of sale, limited service provider agreement. */
static bool us_privacy_forbids(const json_value *v)
{
    if (!text_forbids(v))
        return false;
    if (json_typeof(v) != JSON_STRING)
        return true;
    const muster_text t = json_string(v);
    return t.len != 4 || t.ptr[0] != '1' || !is_one_of(t.ptr[1], "YyNn-") ||
           !is_one_of(t.ptr[2], "Nn-") || !is_one_of(t.ptr[3], "YyNn-");
}

/* ---- walking objects ---- */

/* One walk over the request fills this. */
typedef struct reading {
    openrtb *bid;
    bool gdpr_off; /* told, and every time off */
    bool gdpr_told;
    bool consent;      /* a TC string is there */
    const char *twice; /* a member that stands twice */
    const char *wrong; /* one of the wrong type */
    unsigned seen;     /* bits of members that may stand once */
} reading;

enum once {
    ONCE_USER = 1,
    ONCE_DEVICE = 2,
    ONCE_DATA = 4,
    ONCE_EIDS = 8,
    ONCE_EXT_EIDS = 16,
    ONCE_TMAX = 32
};

static void see_once(reading *r, unsigned bit, const char *name)
{
    if ((r->seen & bit) != 0)
        r->twice = name;
    r->seen |= bit;
}

static void read_signal(reading *r, muster_text key, const json_value *v)
{
    static const struct {
        const char *key;
        bool (*forbids)(const json_value *v);
    } signals[] = {
        {"coppa", flag_forbids},   {"gdpr", flag_forbids},
        {"gpc", flag_forbids},     {"gpp", text_forbids},
        {"gpp_sid", list_forbids}, {"us_privacy", us_privacy_forbids},
    };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (text_is(key, signals[i].key) && signals[i].forbids(v))
            r->bid->forbidden = true;
    if (text_is(key, "gdpr")) {
        r->gdpr_off = is_no(v) && (!r->gdpr_told || r->gdpr_off);
        r->gdpr_told = true;
    }
}

/* regs.ext; what is no object may be anything. */
static void read_regs_ext(reading *r, const json_value *ext)
{
    if (json_typeof(ext) != JSON_OBJECT && json_typeof(ext) != JSON_NULL)
        r->bid->forbidden = true;
    for (json_iter it = json_iter_of(ext); json_next(&it);)
        if (it.object)
            read_signal(r, it.key, it.value);
}

static void read_regs(reading *r, const json_value *regs)
{
    if (json_typeof(regs) != JSON_OBJECT && json_typeof(regs) != JSON_NULL)
        r->bid->forbidden = true;
    for (json_iter it = json_iter_of(regs); json_next(&it);) {
        if (!it.object)
            continue;
        if (text_is(it.key, "ext"))
            read_regs_ext(r, it.value);
        else
            read_signal(r, it.key, it.value);
    }
}

static void read_user_ext(reading *r, const json_value *ext)
{
    if (json_typeof(ext) != JSON_OBJECT)
        return;
    for (json_iter it = json_iter_of(ext); json_next(&it);) {
        if (text_is(it.key, "consent"))
            r->consent |= text_forbids(it.value);
        if (!text_is(it.key, "eids"))
            continue;
        see_once(r, ONCE_EXT_EIDS, "/user/ext/eids");
        r->bid->eids[1] = it.value;
    }
}

static void read_data(reading *r, const json_value *data, size_t at)
{
    see_once(r, ONCE_DATA, "/user/data");
    r->bid->data_at = at;
    if (json_typeof(data) == JSON_ARRAY)
        r->bid->data = data;
    else if (json_typeof(data) != JSON_NULL)
        r->wrong = "/user/data";
}

static void read_user(reading *r, const json_value *user, size_t at)
{
    see_once(r, ONCE_USER, "/user");
    r->bid->user_at = at;
    if (json_typeof(user) == JSON_NULL)
        return;
    if (json_typeof(user) != JSON_OBJECT) {
        r->wrong = "/user";
        return;
    }
    r->bid->user = user;
    size_t member = 0;
    for (json_iter it = json_iter_of(user); json_next(&it); member++) {
        if (text_is(it.key, "data")) {
            read_data(r, it.value, member);
        } else if (text_is(it.key, "ext")) {
            read_user_ext(r, it.value);
        } else if (text_is(it.key, "consent")) {
            r->consent |= text_forbids(it.value);
        } else if (text_is(it.key, "eids")) {
            see_once(r, ONCE_EIDS, "/user/eids");
            r->bid->eids[0] = it.value;
        }
    }
}

static void read_device(reading *r, const json_value *device)
{
    see_once(r, ONCE_DEVICE, "/device");
    if (json_typeof(device) == JSON_NULL)
        return;
    if (json_typeof(device) != JSON_OBJECT) {
        r->wrong = "/device";
        return;
    }
    r->bid->device = device;
    for (json_iter it = json_iter_of(device); json_next(&it);)
        if (text_is(it.key, "dnt") || text_is(it.key, "lmt"))
            r->bid->forbidden |= flag_forbids(it.value);
}

/* null is absence; what is no number says nothing. One that is too long to be
 * read is long, unless it begins with - or 0. */
static void read_tmax(reading *r, const json_value *v)
{
    int64_t scaled = 0;
    see_once(r, ONCE_TMAX, "/tmax");
    if (json_typeof(v) != JSON_INT && json_typeof(v) != JSON_NUMBER)
        return;
    const char first = *json_string(v).ptr;
    int64_t ms = first == '-' || first == '0' ? 0 : TMAX_MS_MAX;
    if (json_scaled(v, &scaled) == 0 && scaled / SCALED_ONE < TMAX_MS_MAX)
        ms = scaled / SCALED_ONE;
    r->bid->timed = true;
    r->bid->tmax_ns = ms > 0 ? (uint64_t)ms * NS_PER_MS : 0;
}

static void read_request(reading *r, const json_value *root)
{
    size_t member = 0;
    for (json_iter it = json_iter_of(root); json_next(&it); member++) {
        if (text_is(it.key, "user"))
            read_user(r, it.value, member);
        else if (text_is(it.key, "device"))
            read_device(r, it.value);
        else if (text_is(it.key, "regs"))
            read_regs(r, it.value);
        else if (text_is(it.key, "tmax"))
            read_tmax(r, it.value);
    }
    if (r->consent && !r->gdpr_off)
        r->bid->forbidden = true;
}

int openrtb_read(openrtb *out, muster_text body, muster_error *err)
{
    ASSERT(out != NULL);
    memset(out, 0, sizeof *out);
    out->text = body;
    out->user_at = SIZE_MAX;
    out->data_at = SIZE_MAX;
    error_clear(err);
    const int rc = json_parse(&out->doc, body.ptr, body.len, JSON_STRICT, err);
    if (rc != 0)
        return rc;
    reading r = {.bid = out};
    const json_value *root = json_root(out->doc);
    if (json_typeof(root) == JSON_OBJECT)
        read_request(&r, root);
    else
        r.wrong = "";
    if (r.twice == NULL && r.wrong == NULL)
        return 0;
    openrtb_release(out);
    if (r.twice != NULL)
        return error_set(err, MUSTER_EINVAL, "bad_request",
                         "%s stands twice in the bid request", r.twice);
    return error_set(err, MUSTER_EINVAL, "bad_request",
                     "%s of the bid request is not of its type",
                     *r.wrong != '\0' ? r.wrong : "the root");
}

void openrtb_release(openrtb *bid)
{
    json_free(bid->doc);
    bid->doc = NULL;
}

bool openrtb_forbids(const openrtb *bid)
{
    return bid->forbidden;
}

/* ---- ids ---- */

typedef struct rule {
    muster_text place; /* "eids", "device.ifa", "user.id" ... */
    muster_text which; /* behind its colon, or empty */
    muster_text space;
} rule;

static bool is_between(char c)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\n';
}

/* The next rule of *left, which moves behind it; false: there is none. What
 * is no rule has an empty space. */
static bool next_rule(muster_text *left, rule *out)
{
    while (left->len > 0 && is_between(*left->ptr))
        *left = text_make(left->ptr + 1, left->len - 1);
    size_t len = 0;
    while (len < left->len && !is_between(left->ptr[len]))
        len++;
    muster_text item = text_make(left->ptr, len);
    *left = text_make(left->ptr + len, left->len - len);
    *out = (rule){item, text_make(item.ptr + len, 0),
                  text_make(item.ptr + len, 0)};
    for (size_t i = item.len; i-- > 0;)
        if (item.ptr[i] == '=') {
            out->space = text_make(item.ptr + i + 1, item.len - i - 1);
            item.len = i;
            break;
        }
    out->place = item;
    const char *colon = item.len > 0 ? memchr(item.ptr, ':', item.len) : NULL;
    if (colon != NULL) {
        out->place.len = (size_t)(colon - item.ptr);
        out->which = text_make(colon + 1, item.len - out->place.len - 1);
    }
    return len > 0;
}

static bool rule_is_fine(const rule *r)
{
    if (r->space.len == 0 || r->space.len > MUSTER_NAME_BYTES_MAX)
        return false;
    if (text_is(r->place, "eids"))
        return r->which.len > 0;
    if (text_is(r->place, "device.ifa"))
        return true;
    return r->which.len == 0 &&
           (text_is(r->place, "user.id") || text_is(r->place, "user.buyeruid"));
}

int openrtb_ids_check(const char *rules, muster_error *err)
{
    muster_text left = text_of(rules);
    rule r;
    while (next_rule(&left, &r)) {
        if (rule_is_fine(&r))
            continue;
        error_set(err, MUSTER_EINVAL, "bad_openrtb_ids",
                  "not PLACE=SPACE, where PLACE is user.id, user.buyeruid, "
                  "device.ifa, device.ifa:OS or eids:SOURCE");
        return error_place(err, rules, strlen(rules),
                           (size_t)(r.place.ptr - rules),
                           (size_t)(left.ptr - r.place.ptr));
    }
    return 0;
}

/* Candidates, with room for OPENRTB_IDS_MAX. */
typedef struct found {
    openrtb_id *ids;
    size_t n;
} found;

/* Adds the member of an object if it is a text. */
static void find_text(found *f, const json_value *object, const char *name,
                      muster_text space)
{
    const json_value *v = object != NULL ? json_get(object, name) : NULL;
    if (v == NULL || json_typeof(v) != JSON_STRING || f->n == OPENRTB_IDS_MAX)
        return;
    if (json_string(v).len > 0)
        f->ids[f->n++] = (openrtb_id){space, json_string(v)};
}

static void find_eids(found *f, const json_value *eids, const rule *r)
{
    if (eids == NULL || json_typeof(eids) != JSON_ARRAY)
        return;
    for (json_iter it = json_iter_of(eids); json_next(&it);) {
        if (json_typeof(it.value) != JSON_OBJECT)
            continue;
        const json_value *source = json_get(it.value, "source");
        const json_value *uids = json_get(it.value, "uids");
        if (source == NULL || json_typeof(source) != JSON_STRING ||
            !text_equal(json_string(source), r->which) || uids == NULL ||
            json_typeof(uids) != JSON_ARRAY)
            continue;
        for (json_iter uid = json_iter_of(uids); json_next(&uid);)
            if (json_typeof(uid.value) == JSON_OBJECT)
                find_text(f, uid.value, "id", r->space);
    }
}

static void find_ifa(found *f, const json_value *device, const rule *r)
{
    const json_value *os = device != NULL ? json_get(device, "os") : NULL;
    if (r->which.len > 0 && (os == NULL || json_typeof(os) != JSON_STRING ||
                             !text_equal_nocase(json_string(os), r->which)))
        return;
    find_text(f, device, "ifa", r->space);
}

size_t openrtb_ids(const openrtb *bid, const char *rules,
                   openrtb_id out[OPENRTB_IDS_MAX])
{
    found f = {out, 0};
    muster_text left = text_of(rules);
    rule r;
    while (next_rule(&left, &r)) {
        ASSERT(rule_is_fine(&r));
        if (text_is(r.place, "user.id"))
            find_text(&f, bid->user, "id", r.space);
        else if (text_is(r.place, "user.buyeruid"))
            find_text(&f, bid->user, "buyeruid", r.space);
        else if (text_is(r.place, "device.ifa"))
            find_ifa(&f, bid->device, &r);
        else
            for (size_t i = 0; i < 2; i++)
                find_eids(&f, bid->eids[i], &r);
    }
    return f.n;
}
