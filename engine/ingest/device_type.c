/*
 * device_type.c - what a user agent says, as attributes.
 *
 * uap-core has families, brands and models but no type of device. It follows
 * from the first row of `rows` that applies: of the marks in the user agent
 * (device_marks.h) one of `any` and none of `none`, and the system is of one
 * of the kinds `systems`. The reasons:
 *
 *   - televisions and consoles run the systems of phones and computers, so
 *     their own words come first; consoles say SmartTV too ("PlayStation
 *     5/SmartTV");
 *   - a browser on Android says "Mobile" on a phone and not on a tablet
 *     (https://developer.chrome.com/docs/multidevice/user-agent); Firefox says
 *     "Tablet" (https://developer.mozilla.org/docs/Web/HTTP/Headers/User-Agent/
 *     Firefox). A library within an application says neither: it is taken for
 *     a phone, as most are;
 *   - "Tablet PC" is a feature of Windows on any computer;
 *   - an iPad that asks for desktop pages says it is a Macintosh: it is taken
 *     for one.
 *
 * A user agent of which nothing is known has no type.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_marks.h"
#include "ingest/device_rules.h"

#define BIT(n) (UINT64_C(1) << (n))

enum system_kind {
    SYSTEM_UNKNOWN, /* none is said */
    SYSTEM_OTHER,
    SYSTEM_PHONE,
    SYSTEM_ANDROID,
    SYSTEM_DESKTOP,
    SYSTEM_TV,
    SYSTEM_WATCH
};

/* uap-core's families. */
static const struct {
    const char *family;
    enum system_kind kind;
} systems[] = {
    {"Android", SYSTEM_ANDROID},
    {"iOS", SYSTEM_PHONE},
    {"Windows", SYSTEM_DESKTOP},
    {"Mac OS X", SYSTEM_DESKTOP},
    {"Linux", SYSTEM_DESKTOP},
    {"Chrome OS", SYSTEM_DESKTOP},
    {"Ubuntu", SYSTEM_DESKTOP},
    {"Windows Phone", SYSTEM_PHONE},
    {"Windows Mobile", SYSTEM_PHONE},
    {"Windows CE", SYSTEM_PHONE},
    {"KaiOS", SYSTEM_PHONE},
    {"Firefox OS", SYSTEM_PHONE},
    {"BlackBerry OS", SYSTEM_PHONE},
    {"BlackBerry Tablet OS", SYSTEM_OTHER},
    {"Symbian OS", SYSTEM_PHONE},
    {"Symbian^3", SYSTEM_PHONE},
    {"Symbian^3 Anna", SYSTEM_PHONE},
    {"Symbian^3 Belle", SYSTEM_PHONE},
    {"Nokia Series 30 Plus", SYSTEM_PHONE},
    {"Nokia Series 40", SYSTEM_PHONE},
    {"Bada", SYSTEM_PHONE},
    {"Brew MP", SYSTEM_PHONE},
    {"BREW", SYSTEM_PHONE},
    {"MeeGo", SYSTEM_PHONE},
    {"Maemo", SYSTEM_PHONE},
    {"Sailfish", SYSTEM_PHONE},
    {"Harmony OS", SYSTEM_PHONE},
    {"tvOS", SYSTEM_TV},
    {"ATV OS X", SYSTEM_TV},
    {"GoogleTV", SYSTEM_TV},
    {"WebTV", SYSTEM_TV},
    {"FireHbbTV", SYSTEM_TV},
    {"Chromecast", SYSTEM_TV},
    {"Roku", SYSTEM_TV},
    {"Web0S", SYSTEM_TV},
    {"WatchOS", SYSTEM_WATCH},
    {"Mac OS", SYSTEM_DESKTOP},
    {"Debian", SYSTEM_DESKTOP},
    {"Fedora", SYSTEM_DESKTOP},
    {"Red Hat", SYSTEM_DESKTOP},
    {"CentOS", SYSTEM_DESKTOP},
    {"SUSE", SYSTEM_DESKTOP},
    {"Gentoo", SYSTEM_DESKTOP},
    {"Mandriva", SYSTEM_DESKTOP},
    {"Mageia", SYSTEM_DESKTOP},
    {"Slackware", SYSTEM_DESKTOP},
    {"Arch Linux", SYSTEM_DESKTOP},
    {"PCLinuxOS", SYSTEM_DESKTOP},
    {"Linux Mint", SYSTEM_DESKTOP},
    {"FreeBSD", SYSTEM_DESKTOP},
    {"OpenBSD", SYSTEM_DESKTOP},
    {"NetBSD", SYSTEM_DESKTOP},
    {"BSD", SYSTEM_DESKTOP},
    {"Solaris", SYSTEM_DESKTOP},
    {"SerenityOS", SYSTEM_DESKTOP},
};

static const struct {
    device_type type;
    uint64_t any;  /* 0: whatever marks */
    uint64_t none;
    uint64_t systems; /* 0: whatever system */
} rows[] = {
    {DEVICE_OTHER, BIT(MARK_WORN), 0, 0},
    {DEVICE_OTHER, 0, 0, BIT(SYSTEM_WATCH)},
    {DEVICE_CONSOLE, BIT(MARK_CONSOLE), 0, 0},
    {DEVICE_TV, BIT(MARK_TV), 0, 0},
    {DEVICE_TV, 0, 0, BIT(SYSTEM_TV)},
    {DEVICE_TABLET, BIT(MARK_TABLET), BIT(MARK_WINDOWS), 0},
    {DEVICE_TABLET, BIT(MARK_BROWSER), BIT(MARK_HANDY), BIT(SYSTEM_ANDROID)},
    {DEVICE_PHONE, 0, 0, BIT(SYSTEM_ANDROID) | BIT(SYSTEM_PHONE)},
    {DEVICE_PHONE, BIT(MARK_HANDY), BIT(MARK_WINDOWS) | BIT(MARK_MAC), 0},
    {DEVICE_DESKTOP, 0, 0, BIT(SYSTEM_DESKTOP)},
};

static enum system_kind system_of(muster_text family)
{
    if (family.ptr == NULL || text_is(family, "Other"))
        return SYSTEM_UNKNOWN;
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++)
        if (text_is(family, systems[i].family))
            return systems[i].kind;
    return SYSTEM_OTHER;
}

static bool is_known(muster_text family)
{
    return family.ptr != NULL && !text_is(family, "Other");
}

static device_type type_of(const device_words *words, uint64_t marks)
{
    const uint64_t system = BIT(system_of(words->os[0]));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if ((rows[i].any == 0 || (marks & rows[i].any) != 0) &&
            (marks & rows[i].none) == 0 &&
            (rows[i].systems == 0 || (system & rows[i].systems) != 0))
            return rows[i].type;
    }
    return DEVICE_OTHER;
}

int32_t device_major(muster_text version)
{
    int32_t major = 0;
    size_t i = 0;
    for (; i < version.len && version.ptr[i] >= '0' && version.ptr[i] <= '9';
         i++) {
        if (major > 99999999)
            return -1;
        major = major * 10 + (version.ptr[i] - '0');
    }
    return i > 0 ? major : -1;
}

/* A brand of uap-core that is no vendor's, with its models that say nothing
 * but the type. Of Android's nameless the model is a model, but for that of
 * frozen user agents. */
static void put_hardware(device_texts *texts, const device_words *words,
                         device_facts *out)
{
    const muster_text brand = words->hardware[1];
    const muster_text model = words->hardware[2];
    const bool nameless = text_starts_with(brand, text_of("Generic"));
    const bool android = text_starts_with(brand, text_of("Generic_Android"));
    if (brand.ptr != NULL && !nameless)
        out->vendor = device_texts_put(texts, brand);
    if (model.ptr != NULL && (!nameless || android) && !text_is(model, "K"))
        out->model = device_texts_put(texts, model);
}

void device_facts_of(device_texts *texts, const device_words *words,
                     uint64_t marks, device_facts *out)
{
    *out = DEVICE_FACTS_NONE;
    const bool os = is_known(words->os[0]);
    const bool browser = is_known(words->agent[0]);
    const bool hardware = is_known(words->hardware[0]);
    out->bot = text_is(words->hardware[0], "Spider");
    if (os) {
        out->os = device_texts_put(texts, words->os[0]);
        out->os_version = device_major(words->os[1]);
    }
    if (browser) {
        out->browser = device_texts_put(texts, words->agent[0]);
        out->browser_version = device_major(words->agent[1]);
    }
    if (hardware && !out->bot)
        put_hardware(texts, words, out);
    if (os || browser || hardware)
        out->type = (uint8_t)(out->bot ? DEVICE_OTHER : type_of(words, marks));
}
