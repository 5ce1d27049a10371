/*
 * derive.h - attributes that nobody says but that follow from what a record
 * brings: from an IP address where somebody is, from a user agent on what.
 *
 * A muster_derive holds the databases and rules, shared by all threads, and
 * is given to feeds (muster_feed_options.derive). The address and the user
 * agent are used and forgotten: what is kept is the attributes below, facts of
 * the record's provider. What a record says itself of one of them wins.
 *
 * Sources: databases in the MaxMind DB form, version 2
 * (https://maxmind.github.io/MaxMind-DB/), of the layouts that docs/derive.md
 * names; regexes of uap-core (https://github.com/ua-parser/uap-core).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_DERIVE_H
#define MUSTER_DERIVE_H

#include <stdbool.h>
#include <muster/error.h>
#include <muster/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(symbol, name, kind, source): the attributes, in the order in which they
 * are shown. TEXT is a one_of, NUMBER a whole number; ADDRESS and DEVICE are
 * what they follow from. One row adds one. */
#define MUSTER_DERIVED_LIST(X)                                               \
    X(GEO_COUNTRY, "geo.country", TEXT, ADDRESS) /* ISO 3166-1 alpha-2 */    \
    X(GEO_REGION, "geo.region", TEXT, ADDRESS)   /* ISO 3166-2, DE-BY */     \
    X(GEO_CITY, "geo.city", TEXT, ADDRESS)       /* its English name */      \
    X(GEO_METRO, "geo.metro", TEXT, ADDRESS)     /* code of a US market */   \
    X(GEO_POSTAL, "geo.postal", TEXT, ADDRESS)                               \
    X(NET_CONNECTION, "net.connection", TEXT, ADDRESS)                       \
    X(GEO_ASN, "geo.asn", NUMBER, ADDRESS)                                   \
    X(DEVICE_TYPE, "device.type", TEXT, DEVICE)                              \
    X(DEVICE_OS, "device.os", TEXT, DEVICE)                                  \
    X(DEVICE_OS_VERSION, "device.os_version", NUMBER, DEVICE)                \
    X(DEVICE_BROWSER, "device.browser", TEXT, DEVICE)                        \
    X(DEVICE_BROWSER_VERSION, "device.browser_version", NUMBER, DEVICE)      \
    X(DEVICE_VENDOR, "device.vendor", TEXT, DEVICE)                          \
    X(DEVICE_MODEL, "device.model", TEXT, DEVICE)

typedef enum muster_derived_attribute {
#define MUSTER_DERIVED_ENUM(symbol, name, kind, source) MUSTER_##symbol,
    MUSTER_DERIVED_LIST(MUSTER_DERIVED_ENUM)
#undef MUSTER_DERIVED_ENUM
    MUSTER_DERIVED_COUNT
} muster_derived_attribute;

/* What followed. Bit i of the sets is muster_derived_attribute i. */
typedef struct muster_derived {
    uint32_t known; /* these have a text or a number here */
    uint32_t open;  /* these could have been known: the sources speak of them,
                       and the address or device was found */
    muster_text texts[MUSTER_DERIVED_COUNT];
    int64_t numbers[MUSTER_DERIVED_COUNT]; /* whole */
} muster_derived;

/* The attribute's name, e.g. "geo.country". */
MUSTER_API const char *muster_derived_name(muster_derived_attribute which);
MUSTER_API bool muster_derived_is_number(muster_derived_attribute which);

typedef struct muster_derive muster_derive;

/* Where Debian's package uap-core has its regexes. */
#define MUSTER_UA_REGEXES "/usr/share/uap-core/regexes.yaml"
/* That path; NULL when nothing can be read there. Any thread. */
MUSTER_API const char *muster_ua_regexes(void);

/* One database or file of rules: each is opened, read and checked whole. */
#define MUSTER_DERIVE_GEO_MAX 16u /* databases */
#define MUSTER_DERIVE_SOURCES_MAX (MUSTER_DERIVE_GEO_MAX + 1u)

typedef struct muster_derive_options {
    size_t size;
    const char *const *geo; /* paths of databases; an attribute is taken from
                               the first that has it */
    size_t geo_count;       /* at most MUSTER_DERIVE_GEO_MAX */
    const char *ua_regexes; /* path of uap-core's regexes.yaml, such as
                               muster_ua_regexes(); NULL: none */
    bool keep_bots;         /* records of bots are kept, not refused */
    bool watch;             /* look once a second for replaced files */
    /* Called when a file was replaced (`well`), and when what replaces it
     * cannot be used: one line without its end. Any thread, one at a time; may
     * be NULL. */
    void (*say)(void *payload, bool well, const char *line);
    void *payload;
} muster_derive_options;
#define MUSTER_DERIVE_OPTIONS_INIT                                           \
    { sizeof(muster_derive_options), NULL, 0, NULL, false, false, NULL, NULL }

/* Opens and checks all of it. Paths are copied. Errors: MUSTER_EINVAL
 * "bad_options", "nothing_derived"; MUSTER_EIO "io"; MUSTER_ELIMIT "too_large";
 * MUSTER_ECORRUPT "bad_database", "bad_regexes". A database costs its size in
 * memory and some seconds for each 100 MB. */
MUSTER_API int muster_derive_open(muster_derive **out,
                                  const muster_derive_options *options,
                                  muster_error *err);
/* NULL is fine. No feed and no muster_deriver may use it any more. */
MUSTER_API void muster_derive_free(muster_derive *derive);

/* Looks whether files were replaced and puts the new ones in their place:
 * who is reading goes on with the old ones and has the new ones from his next
 * batch on. A new file that cannot be used is said and left aside until it
 * changes again. Any thread; two at a time wait for each other. The number of
 * databases that were exchanged. */
MUSTER_API size_t muster_derive_refresh(muster_derive *derive);

/* What is in use, for provenance. */
typedef struct muster_derive_source {
    char kind[8];      /* "geo" or "device" */
    char type[64];     /* as the source calls itself, e.g. GeoLite2-City */
    muster_time built; /* 0: it does not say */
} muster_derive_source;
/* Fills in at most MUSTER_DERIVE_SOURCES_MAX; their number. Any thread. */
MUSTER_API size_t muster_derive_sources(
    const muster_derive *derive,
    muster_derive_source out[MUSTER_DERIVE_SOURCES_MAX]);

/* One thread's way to ask what would be derived. */
typedef struct muster_deriver muster_deriver;
MUSTER_API muster_deriver *muster_deriver_new(muster_derive *derive);
MUSTER_API void muster_deriver_free(muster_deriver *deriver);
/* Of an address, as text; texts are borrowed until the next call. An address
 * that no database knows has nothing known and nothing open. MUSTER_EPARSE
 * "bad_address": it is none; the message does not show it. */
MUSTER_API int muster_deriver_ip(muster_deriver *deriver, muster_text address,
                                 muster_derived *out, muster_error *err);

/* uap-core's own words for a user agent; ptr NULL: absent. A family is never
 * absent: of what no rule knows it is "Other". */
typedef struct muster_device {
    muster_text browser; /* its family */
    muster_text browser_major;
    muster_text os; /* its family */
    muster_text os_major;
    muster_text family;
    muster_text brand;
    muster_text model;
    bool bot;
} muster_device;

/* Of a user agent, bots among them; texts are borrowed from it and until the
 * next call. MUSTER_EINVAL "no_regexes": the derive has none; MUSTER_ELIMIT
 * "bad_user_agent": it is too long. Messages do not show it. Some 5 us. */
MUSTER_API int muster_deriver_ua(muster_deriver *deriver, muster_text ua,
                                 muster_derived *out, muster_device *device,
                                 muster_error *err);

#ifdef __cplusplus
}
#endif
#endif
