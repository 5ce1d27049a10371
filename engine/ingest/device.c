/*
 * device.c - a thread's way to ask what device a record is of: its cache, and
 * all sources as one answer.
 *
 * The cache holds what the rules say of a user agent, by a 64-bit hash of its
 * text that is seeded anew for each reader: sets of four, of which the next in
 * turn gives way. Texts are interned, so an entry has 40 bytes; when the texts
 * of a reader pass TEXTS_MAX or their bytes TEXT_BYTES_MAX, which only many
 * invented models bring about, texts and cache are begun anew.
 *
 * A model that a hint names is read by the rules too, within a user agent as
 * Android writes them, for they know whose it is.
 *
 * Cost: 0.1 us where the cache knows the user agent, 2.4 us where it does not;
 * 3 MB of memory. Threads: a reader belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_rules.h"

#include <stdio.h>

#define WAYS 4u
#define SETS 16384u
#define TEXTS_MAX 65536u
#define TEXT_BYTES_MAX ((size_t)1 << 20)
/* Of 26,669 words of uap-core's tests 14 with an id in them have so many, and
 * 6 without. */
#define DIGITS_MAX 10u
#define HEX_MAX 12u

typedef struct cache_entry {
    uint64_t key; /* 0: empty */
    device_facts facts;
} cache_entry;

struct device_reader {
    device_matcher matcher;
    device_texts texts;
    cache_entry *cache; /* SETS * WAYS */
    uint8_t *turns;     /* of each set */
    uint64_t seed;
    bool uncached;
    device_words words;
};

static const char *const type_names[DEVICE_TYPES] = {
    "", "phone", "tablet", "desktop", "tv", "console", "other",
};

device_reader *device_reader_new(const device_rules *rules)
{
    device_reader *r = mem_zalloc(sizeof *r);
    matcher_init(&r->matcher, rules);
    intern_init(&r->texts.table);
    r->cache = mem_array((size_t)SETS * WAYS, sizeof *r->cache);
    r->turns = mem_array(SETS, sizeof *r->turns);
    r->seed = hash_mix(clock_monotonic_ns() ^ (uint64_t)(uintptr_t)r);
    return r;
}

void device_reader_free(device_reader *r)
{
    if (r == NULL)
        return;
    matcher_release(&r->matcher);
    intern_release(&r->texts.table);
    mem_free(r->texts.fit);
    mem_free(r->cache);
    mem_free(r->turns);
    mem_free(r);
}

void device_reader_plain(device_reader *r, bool all_rules, bool uncached)
{
    r->matcher.all = all_rules;
    r->uncached = uncached;
}

/* ---- texts ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Some devices say which one they are, not only of which make: uap-core's own
 * tests have models with a "Device ID", a UUID or an IMEI in them. A text with
 * DIGITS_MAX decimal digits in a row, or HEX_MAX hexadecimal ones, two of them
 * decimal and `-` and `:` between them not counted, may be of that kind. */
static bool may_name_one(muster_text text)
{
    size_t digits = 0; /* in a row */
    size_t hex = 0;
    size_t decimal = 0; /* of `hex` */
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const char small = (char)(c | 0x20);
        digits = is_digit(c) ? digits + 1 : 0;
        if (is_digit(c) || (small >= 'a' && small <= 'f'))
            hex++;
        else if (c != '-' && c != ':')
            hex = decimal = 0;
        decimal += is_digit(c);
        if (digits >= DIGITS_MAX || (hex >= HEX_MAX && decimal >= 2))
            return true;
    }
    return false;
}

uint32_t device_texts_put(device_texts *t, muster_text text)
{
    bool is_new = false;
    if (text.len == 0 || text.len > DEVICE_PART_BYTES_MAX)
        return 0;
    const uint32_t number = intern_put(&t->table, 0, text, &is_new);
    if (is_new) {
        mem_grow(&t->fit, &t->fit_capacity, (size_t)number + 1, 1);
        t->fit[number] = derive_text_is_fit(text) && !may_name_one(text);
    }
    return t->fit[number] ? number + 1 : 0;
}

/* Numbers given before are no longer valid; nor is the cache. */
static void keep_bounds(device_reader *r)
{
    if (r->texts.table.count <= TEXTS_MAX &&
        r->texts.table.bytes_len <= TEXT_BYTES_MAX)
        return;
    intern_reset(&r->texts.table);
    memset(r->cache, 0, (size_t)SETS * WAYS * sizeof *r->cache);
}

/* ---- one user agent ---- */

static void read_words(device_reader *r, muster_text ua, device_facts *out)
{
    if (matcher_read(&r->matcher, ua, &r->words) == 0)
        device_facts_of(&r->texts, &r->words, r->matcher.scan.marks, out);
    else
        *out = DEVICE_FACTS_NONE;
}

static void read_agent(device_reader *r, muster_text ua, device_facts *out)
{
    const uint64_t hash = hash_bytes_seed(ua.ptr, ua.len, r->seed);
    const uint64_t key = hash | 1;
    const size_t set = hash >> 32 & (SETS - 1);
    cache_entry *entries = r->cache + set * WAYS;
    for (size_t i = 0; i < WAYS && !r->uncached; i++) {
        if (entries[i].key == key) {
            *out = entries[i].facts;
            return;
        }
    }
    read_words(r, ua, out);
    entries[r->turns[set]++ % WAYS] = (cache_entry){key, *out};
}

/* ---- several sources ---- */

/* Vendor and model of a model alone, as Android's user agents name it. */
static void find_model(device_reader *r, muster_text model, device_facts *out)
{
    char ua[128 + DEVICE_PART_BYTES_MAX];
    if (model.len > DEVICE_PART_BYTES_MAX)
        return;
    const int len = snprintf(
        ua, sizeof ua,
        "Mozilla/5.0 (Linux; Android 10; %.*s Build/QP1A) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/99.0 Mobile Safari/537.36",
        (int)model.len, model.ptr);
    ASSERT(len > 0 && (size_t)len < sizeof ua);
    device_facts found;
    read_agent(r, text_make(ua, (size_t)len), &found);
    if (found.bot)
        return;
    out->vendor = out->vendor ? out->vendor : found.vendor;
    out->model = found.vendor && found.model ? found.model : out->model;
}

static device_facts facts_of_hints(device_reader *r, const device_hints *h)
{
    device_facts f = DEVICE_FACTS_NONE;
    f.os = device_texts_put(&r->texts, h->os);
    f.os_version = f.os ? h->os_version : -1;
    f.browser = device_texts_put(&r->texts, h->browser);
    f.browser_version = f.browser ? h->browser_version : -1;
    f.vendor = device_texts_put(&r->texts, h->vendor);
    f.model = device_texts_put(&r->texts, h->model);
    f.type = (uint8_t)h->type;
    const bool apple = text_is(h->os, "iOS") || text_is(h->os, "Mac OS X");
    if (f.model && !f.vendor && apple)
        f.vendor = device_texts_put(&r->texts, text_of("Apple"));
    else if (f.model && !f.vendor)
        find_model(r, h->model, &f);
    return f;
}

static bool is_plain_type(uint8_t type)
{
    return type != DEVICE_TV && type != DEVICE_CONSOLE && type != DEVICE_OTHER;
}

static void put_named(uint32_t *name, int32_t *version, uint32_t other,
                      int32_t other_version)
{
    if (other == 0)
        return;
    if (other_version >= 0 || *name != other)
        *version = other_version;
    *name = other;
}

/* What the hints say goes over what is known so far. */
static void facts_over(device_reader *r, device_facts *f, const device_hints *h,
                       bool declared)
{
    const device_facts over = facts_of_hints(r, h);
    put_named(&f->os, &f->os_version, over.os, over.os_version);
    if (!h->browser_weak || f->browser == 0)
        put_named(&f->browser, &f->browser_version, over.browser,
                  over.browser_version);
    if (over.vendor || (over.model && over.model != f->model)) {
        f->model = over.model ? over.model
                   : over.vendor == f->vendor ? f->model : 0;
        f->vendor = over.vendor;
    }
    const bool yields = h->type_weak ? f->type == 0
                                     : declared || is_plain_type(f->type);
    if (over.type != 0 && yields)
        f->type = over.type;
}

/* ---- the answer ---- */

static bool facts_out(const device_reader *r, const device_facts *f,
                      derived *out)
{
    const struct {
        muster_derived_attribute which;
        uint32_t number;
    } texts[] = {
        {MUSTER_DEVICE_OS, f->os},
        {MUSTER_DEVICE_BROWSER, f->browser},
        {MUSTER_DEVICE_VENDOR, f->vendor},
        {MUSTER_DEVICE_MODEL, f->model},
    };
    uint32_t known = f->type;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        known |= texts[i].number;
        if (texts[i].number != 0)
            derived_put_text(out, texts[i].which,
                             intern_text(&r->texts.table,
                                         texts[i].number - 1));
    }
    if (known == 0)
        return false;
    if (f->type != 0)
        derived_put_text(out, MUSTER_DEVICE_TYPE, text_of(type_names[f->type]));
    if (f->os != 0 && f->os_version >= 0)
        derived_put_number(out, MUSTER_DEVICE_OS_VERSION, f->os_version);
    if (f->browser != 0 && f->browser_version >= 0)
        derived_put_number(out, MUSTER_DEVICE_BROWSER_VERSION,
                           f->browser_version);
    out->open |= DEVICE_ATTRIBUTES;
    return true;
}

bool device_derive(device_reader *r, const device_input *in, derived *out,
                   bool *bot)
{
    device_facts f = DEVICE_FACTS_NONE;
    device_hints declared = DEVICE_HINTS_NONE;
    device_hints sua = DEVICE_HINTS_NONE;
    device_hints ch;
    muster_text ua = {NULL, 0};
    tree_value sua_map = {.kind = TREE_NULL};
    keep_bounds(r);
    if (in->device.kind == TREE_MAP)
        device_hints_declared(in->source, in->device, &declared, &ua, &sua_map);
    if (in->sua.kind == TREE_MAP)
        sua_map = in->sua;
    if (sua_map.kind == TREE_MAP)
        device_hints_sua(in->source, sua_map, &sua);
    if (in->ua.len > 0)
        ua = in->ua;
    if (ua.len > 0)
        read_agent(r, ua, &f);
    *bot = f.bot;
    facts_over(r, &f, &declared, true);
    if (!sua.parsed || ua.len == 0)
        facts_over(r, &f, &sua, false);
    if (in->ch.kind == TREE_MAP) {
        device_hints_headers(in->source, in->ch, &ch);
        facts_over(r, &f, &ch, false);
    }
    return facts_out(r, &f, out);
}

int device_read(device_reader *r, muster_text ua, device_words *words,
                derived *out, bool *bot)
{
    device_facts f = DEVICE_FACTS_NONE;
    keep_bounds(r);
    const int rc = matcher_read(&r->matcher, ua, words);
    if (rc == 0)
        device_facts_of(&r->texts, words, r->matcher.scan.marks, &f);
    *bot = f.bot;
    facts_out(r, &f, out);
    return rc;
}
