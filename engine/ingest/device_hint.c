/*
 * device_hint.c - what client hints and OpenRTB say of a device.
 *
 * Client hints (https://wicg.github.io/ua-client-hints/) come as a map of
 * header to value, the names in any case; the values are structured fields
 * (RFC 8941) of which these forms are read:
 *
 *   sec-ch-ua, sec-ch-ua-full-version-list   "Brand";v="1.2", "Other";v="3"
 *   sec-ch-ua-mobile                         ?1 or ?0
 *   sec-ch-ua-platform, -platform-version,   "text"
 *   sec-ch-ua-model
 *
 * and OpenRTB's `sua` (OpenRTB 2.6, 3.2.29 and 3.2.30) is the same as objects:
 * browsers [{brand, version []}], platform {brand, version []}, mobile, model,
 * source. Of several brands the browser is the first that is neither a decoy
 * ("Not A;Brand", in whatever punctuation) nor Chromium, which many are.
 *
 * What hints say of the type: mobile is a phone; Android and iOS that are not
 * mobile a tablet; other systems a desktop. They know no televisions: device.c
 * leaves what a user agent says of these.
 *
 * OpenRTB's devicetype (AdCOM 1.0, list "Device Types"): 1 (phone or tablet)
 * says neither; 6 (connected device) is other, unless somebody knows better.
 *
 * What is malformed is not there: a hint refuses no record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_rules.h"

/* Brands of one list: browsers send three or four. */
#define BRANDS_MAX 16u

static const struct {
    const char *brand;
    const char *desktop; /* uap-core's family */
    const char *mobile;
} browsers[] = {
    {"Google Chrome", "Chrome", "Chrome Mobile"},
    {"Microsoft Edge", "Edge", "Edge Mobile"},
    {"Opera", "Opera", "Opera Mobile"},
    {"Android WebView", "Chrome Mobile WebView", "Chrome Mobile WebView"},
    {"YaBrowser", "Yandex Browser", "Yandex Browser"},
    {"Yandex", "Yandex Browser", "Yandex Browser"},
};

static const struct {
    const char *name;
    const char *family; /* uap-core's */
    bool handheld;
    bool computer;
} platforms[] = {
    {"Android", "Android", true, false},
    {"iOS", "iOS", true, false},
    {"iPadOS", "iOS", true, false},
    {"Windows", "Windows", false, true},
    {"macOS", "Mac OS X", false, true},
    {"Mac OS", "Mac OS X", false, true},
    {"Mac OS X", "Mac OS X", false, true},
    {"OS X", "Mac OS X", false, true},
    {"Linux", "Linux", false, true},
    {"Chrome OS", "Chrome OS", false, true},
    {"ChromeOS", "Chrome OS", false, true},
    {"Chromium OS", "Chrome OS", false, true},
    {"tvOS", "tvOS", false, false},
    {"Roku OS", "Roku", false, false},
};
#define PLATFORMS (sizeof platforms / sizeof platforms[0])

/* As it was said, before names are turned into uap-core's. */
typedef struct raw_hints {
    muster_text brand;
    muster_text brand_version;
    bool full; /* of the list of full versions */
    int mobile; /* below 0: not said */
    muster_text platform;
    muster_text platform_version;
    muster_text model;
} raw_hints;

/* ---- from words to families ---- */

/* "Not A;Brand", "Not_A Brand", "(Not(A:Brand", "Not.A/Brand", " Not;A Brand":
 * with the letters alone, one of two. */
static bool is_decoy(muster_text brand)
{
    char letters[16];
    size_t n = 0;
    for (size_t i = 0; i < brand.len; i++) {
        const char c = (char)(brand.ptr[i] | 0x20);
        if (c < 'a' || c > 'z')
            continue;
        if (n == sizeof letters)
            return false;
        letters[n++] = c;
    }
    const muster_text only = text_make(letters, n);
    return text_is(only, "notabrand") || text_is(only, "notanybrand");
}

static void offer_brand(raw_hints *raw, muster_text brand, muster_text version,
                        bool full)
{
    brand = text_trim(brand);
    if (brand.len == 0 || is_decoy(brand))
        return;
    const bool chromium = text_is(brand, "Chromium");
    const bool has_better = raw->brand.ptr != NULL &&
                            (chromium || !text_is(raw->brand, "Chromium"));
    if (has_better && (raw->full || !full))
        return;
    if (has_better && !text_equal(raw->brand, brand))
        return;
    raw->brand = brand;
    raw->brand_version = version;
    raw->full = full;
}

static int platform_of(muster_text name)
{
    for (size_t i = 0; i < PLATFORMS; i++)
        if (text_equal_nocase(name, text_of(platforms[i].name)))
            return (int)i;
    return -1;
}

static muster_text browser_family(muster_text brand, bool mobile)
{
    for (size_t i = 0; i < sizeof browsers / sizeof browsers[0]; i++)
        if (text_is(brand, browsers[i].brand))
            return text_of(mobile ? browsers[i].mobile : browsers[i].desktop);
    return brand;
}

/* Windows counts its platform versions apart: 13 and more is Windows 11. */
static int32_t platform_major(int platform, muster_text version)
{
    const int32_t major = device_major(version);
    if (platform < 0 || !text_is(text_of(platforms[platform].family),
                                 "Windows") || major < 0)
        return major;
    return major >= 13 ? 11 : major >= 1 ? 10 : -1;
}

static void settle(const raw_hints *raw, device_hints *out)
{
    const int platform = platform_of(raw->platform);
    if (raw->brand.ptr != NULL) {
        out->browser_weak = text_is(raw->brand, "Chromium");
        out->browser = browser_family(raw->brand, raw->mobile > 0);
        out->browser_version = device_major(raw->brand_version);
    }
    if (raw->platform.len > 0 && !text_is(raw->platform, "Unknown")) {
        out->os = platform < 0 ? raw->platform
                               : text_of(platforms[platform].family);
        out->os_version = platform_major(platform, raw->platform_version);
    }
    if (raw->model.len > 0)
        out->model = raw->model;
    if (raw->mobile > 0)
        out->type = DEVICE_PHONE;
    else if (raw->mobile == 0 && platform >= 0)
        out->type = platforms[platform].handheld   ? DEVICE_TABLET
                    : platforms[platform].computer ? DEVICE_DESKTOP
                                                   : DEVICE_NO_TYPE;
}

/* ---- structured fields ---- */

static bool starts(muster_text t, char c)
{
    return t.len > 0 && t.ptr[0] == c;
}

static muster_text skip(muster_text t, size_t n)
{
    return text_make(t.ptr + n, t.len - n);
}

/* A string in quotes at the start of *t, which then is behind it. One with
 * escapes is not read (a decoy has them): *out is empty. */
static bool read_string(muster_text *t, muster_text *out)
{
    if (!starts(*t, '"'))
        return false;
    bool escaped = false;
    for (size_t i = 1; i < t->len; i++) {
        if (t->ptr[i] == '"') {
            *out = text_make(t->ptr + 1, escaped ? 0 : i - 1);
            *t = skip(*t, i + 1);
            return true;
        }
        if (t->ptr[i] == '\\') {
            escaped = true;
            i++;
        }
    }
    return false;
}

/* The value of a header of one string; without quotes it is taken as it is. */
static muster_text string_of(muster_text value)
{
    muster_text out = text_trim(value);
    muster_text rest = out;
    if (starts(out, '"') && !read_string(&rest, &out))
        return text_make(NULL, 0);
    return text_trim(out);
}

/* The parameters of a list's member: *version is v's. */
static bool read_parameters(muster_text *t, muster_text *version)
{
    *t = text_trim(*t);
    while (starts(*t, ';')) {
        *t = text_trim(skip(*t, 1));
        const bool is_v = text_starts_with(*t, text_of("v="));
        while (t->len > 0 && strchr("=;,", t->ptr[0]) == NULL)
            *t = skip(*t, 1);
        if (starts(*t, '=')) {
            muster_text value = {NULL, 0};
            *t = skip(*t, 1);
            if (!read_string(t, &value))
                return false;
            *version = is_v ? value : *version;
        }
        *t = text_trim(*t);
    }
    return t->len == 0 || starts(*t, ',');
}

static void read_brands(raw_hints *raw, muster_text value, bool full)
{
    muster_text t = text_trim(value);
    for (size_t i = 0; i < BRANDS_MAX && t.len > 0; i++) {
        muster_text brand = {NULL, 0};
        muster_text version = {NULL, 0};
        if (!read_string(&t, &brand) || !read_parameters(&t, &version))
            return;
        offer_brand(raw, brand, version, full);
        t = text_trim(starts(t, ',') ? skip(t, 1) : t);
    }
}

static void read_header(raw_hints *raw, muster_text name, muster_text value)
{
    if (text_equal_nocase(name, text_of("sec-ch-ua")))
        read_brands(raw, value, false);
    else if (text_equal_nocase(name, text_of("sec-ch-ua-full-version-list")))
        read_brands(raw, value, true);
    else if (text_equal_nocase(name, text_of("sec-ch-ua-mobile")))
        raw->mobile = text_is(text_trim(value), "?1")   ? 1
                      : text_is(text_trim(value), "?0") ? 0
                                                        : raw->mobile;
    else if (text_equal_nocase(name, text_of("sec-ch-ua-platform")))
        raw->platform = string_of(value);
    else if (text_equal_nocase(name, text_of("sec-ch-ua-platform-version")))
        raw->platform_version = string_of(value);
    else if (text_equal_nocase(name, text_of("sec-ch-ua-model")))
        raw->model = string_of(value);
}

void device_hints_headers(const tree_source *source, tree_value ch,
                          device_hints *out)
{
    raw_hints raw = {.mobile = -1};
    *out = DEVICE_HINTS_NONE;
    tree_iter it = source->walk(ch.as.node);
    while (source->next(&it)) {
        const tree_value v = source->value(it.value);
        if (it.key.ptr != NULL && v.kind == TREE_TEXT)
            read_header(&raw, it.key, tree_text(v));
    }
    settle(&raw, out);
}

/* ---- OpenRTB ---- */

static int64_t integer_of(const tree_source *source, tree_value v)
{
    int64_t scaled = 0;
    if (v.kind == TREE_INT || v.kind == TREE_BOOL)
        return v.as.integer;
    if (v.kind == TREE_NUMBER && source->scaled(v.as.node, &scaled) == 0 &&
        scaled % MUSTER_NUMBER_SCALE == 0)
        return scaled / MUSTER_NUMBER_SCALE;
    return -1;
}

static muster_text text_of_value(tree_value v)
{
    return v.kind == TREE_TEXT ? text_trim(tree_text(v)) : text_make(NULL, 0);
}

/* {"brand": "...", "version": ["1", ...]} */
static void read_brand_version(const tree_source *source, tree_value map,
                               muster_text *brand, muster_text *version)
{
    if (map.kind != TREE_MAP)
        return;
    tree_iter it = source->walk(map.as.node);
    while (source->next(&it)) {
        const tree_value v = source->value(it.value);
        if (text_is(it.key, "brand"))
            *brand = text_of_value(v);
        if (!text_is(it.key, "version") || v.kind != TREE_LIST)
            continue;
        tree_iter first = source->walk(v.as.node);
        if (source->next(&first))
            *version = text_of_value(source->value(first.value));
    }
}

static void read_browsers(const tree_source *source, tree_value list,
                          raw_hints *raw)
{
    if (list.kind != TREE_LIST)
        return;
    tree_iter it = source->walk(list.as.node);
    for (size_t i = 0; i < BRANDS_MAX && source->next(&it); i++) {
        muster_text brand = {NULL, 0};
        muster_text version = {NULL, 0};
        read_brand_version(source, source->value(it.value), &brand, &version);
        offer_brand(raw, brand, version, false);
    }
}

/* `source` of sua, AdCOM's list "User-Agent Source". */
#define SUA_PARSED 3

void device_hints_sua(const tree_source *source, tree_value sua,
                      device_hints *out)
{
    raw_hints raw = {.mobile = -1};
    *out = DEVICE_HINTS_NONE;
    tree_iter it = source->walk(sua.as.node);
    while (source->next(&it)) {
        const tree_value v = source->value(it.value);
        if (text_is(it.key, "browsers"))
            read_browsers(source, v, &raw);
        else if (text_is(it.key, "platform"))
            read_brand_version(source, v, &raw.platform,
                               &raw.platform_version);
        else if (text_is(it.key, "mobile"))
            raw.mobile = integer_of(source, v) == 1   ? 1
                         : integer_of(source, v) == 0 ? 0
                                                      : -1;
        else if (text_is(it.key, "model"))
            raw.model = text_of_value(v);
        else if (text_is(it.key, "source"))
            out->parsed = integer_of(source, v) == SUA_PARSED;
    }
    settle(&raw, out);
}

static void read_device_type(int64_t number, device_hints *out)
{
    static const device_type types[] = {
        DEVICE_NO_TYPE, DEVICE_NO_TYPE, DEVICE_DESKTOP, DEVICE_TV, DEVICE_PHONE,
        DEVICE_TABLET,  DEVICE_OTHER,   DEVICE_TV,      DEVICE_OTHER,
    };
    if (number < 0 || number >= (int64_t)(sizeof types / sizeof types[0]))
        return;
    out->type = types[number];
    out->type_weak = number == 6;
}

void device_hints_declared(const tree_source *source, tree_value device,
                           device_hints *out, muster_text *ua, tree_value *sua)
{
    muster_text os = {NULL, 0};
    muster_text version = {NULL, 0};
    *out = DEVICE_HINTS_NONE;
    tree_iter it = source->walk(device.as.node);
    while (source->next(&it)) {
        const tree_value v = source->value(it.value);
        if (text_is(it.key, "ua") && v.kind == TREE_TEXT)
            *ua = tree_text(v);
        else if (text_is(it.key, "sua") && v.kind == TREE_MAP)
            *sua = v;
        else if (text_is(it.key, "devicetype"))
            read_device_type(integer_of(source, v), out);
        else if (text_is(it.key, "make"))
            out->vendor = text_of_value(v);
        else if (text_is(it.key, "model"))
            out->model = text_of_value(v);
        else if (text_is(it.key, "os"))
            os = text_of_value(v);
        else if (text_is(it.key, "osv"))
            version = text_of_value(v);
    }
    const int platform = platform_of(os);
    if (os.len > 0)
        out->os = platform < 0 ? os : text_of(platforms[platform].family);
    if (os.len > 0)
        out->os_version = device_major(version);
}
