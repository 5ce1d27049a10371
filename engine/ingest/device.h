/*
 * device.h - private to room `ingest`: what kind of device, system and
 * browser a record comes from, as the attributes device.*.
 *
 * Sources, the stronger first, attribute by attribute:
 *
 *   1. client hints: `ch` (headers sec-ch-ua*), `sua` (OpenRTB 2.6, 3.2.29),
 *      unless its `source` says that it was made of the user agent
 *   2. what an OpenRTB `device` declares: devicetype, make, model, os, osv
 *   3. the user agent: `ua`, or that of the `device`, read by uap-core's rules
 *
 * A version belongs to the system or browser it was said with: a stronger
 * source that names another one takes the weaker one's version away.
 *
 *   device.os, device.browser            uap-core's families, word for word
 *                                        ("Mac OS X", "Chrome Mobile"); the
 *                                        names of hints are turned into them
 *   device.os_version, browser_version   the leading integer of its major
 *   device.vendor, device.model          uap-core's brand and model; absent
 *                                        where they say nothing (Generic,
 *                                        "Smartphone", the frozen "K")
 *   device.type                          the rows of device_type.c; what hints
 *                                        and devicetype say
 *
 * A word that may name one device and not a kind of them (a serial number, an
 * id) is left out, as is one that looks like personal data.
 *
 * Absent is what nobody said: "Other" is no family. The major of a frozen user
 * agent is as it stands there ("Android 10; K" gives 10, "Mac OS X 10_15_7"
 * 10, "Windows NT 10.0" 10); only hints know better. A platform version of 13
 * or more is Windows 11, of 1 to 12 Windows 10 (https://learn.microsoft.com/
 * microsoft-edge/web-platform/how-to-detect-win11).
 *
 * A bot is what uap-core calls a Spider. Of a bot, vendor and model are absent
 * and the type is other.
 *
 * Patterns work on bytes: "." is a byte, and letters beyond ASCII have no
 * case. Parts that would break a character at their ends are cut there.
 *
 * Nothing of a user agent is kept but these words: the cache is keyed by a
 * seeded 64-bit hash. Two user agents of one hash, of which there is one chance
 * in 2^48 with a full cache, would be taken for one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_DEVICE_H
#define INGEST_DEVICE_H

#include "ingest/derive.h"

/* Four times the longest that uap-core's own tests know; what is longer is
 * not read at all: cut, it could be taken for another. */
#define DEVICE_UA_BYTES_MAX 2048u
/* A family, version, brand or model that is longer is cut. */
#define DEVICE_PART_BYTES_MAX 256u
#define DEVICE_PARTS_MAX 5u
/* Of a file of rules; uap-core 0.18 has 208 KB and 1,179 rules. */
#define DEVICE_FILE_BYTES_MAX ((size_t)8 << 20)
#define DEVICE_RULES_MAX 16384u
#define DEVICE_PATTERN_BYTES_MAX 4096u
#define DEVICE_TEMPLATE_BYTES_MAX 512u

/* Rules; read-only once open, and shared by any number of readers. */
typedef struct device_rules device_rules;
/* Reads the file; NULL: MUSTER_UA_REGEXES. MUSTER_EIO "read_failed";
 * MUSTER_ELIMIT "too_large"; MUSTER_ECORRUPT "bad_regexes", with the line.
 * Cost: 14 ms with uap-core's rules; machine code is made of a pattern when it
 * is first tried. */
int device_open(device_rules **out, const char *path, muster_error *err);
/* The same of bytes (tests, fuzzing). */
int device_open_bytes(device_rules **out, const char *bytes, size_t len,
                      muster_error *err);
void device_free(device_rules *rules); /* NULL is fine */
size_t device_rule_count(const device_rules *rules);

/* What uap-core's three parsers say. An absent part has ptr NULL; a family is
 * never absent ("Other"). Unused parts of a kind are absent. */
typedef struct device_words {
    muster_text agent[DEVICE_PARTS_MAX];    /* family, major, minor, patch */
    muster_text os[DEVICE_PARTS_MAX];       /* the same, patch_minor */
    muster_text hardware[DEVICE_PARTS_MAX]; /* family, brand, model */
} device_words;

#define DEVICE_ATTRIBUTES                                                    \
    (DERIVED_BIT(MUSTER_DEVICE_TYPE) | DERIVED_BIT(MUSTER_DEVICE_OS) |       \
     DERIVED_BIT(MUSTER_DEVICE_OS_VERSION) |                                 \
     DERIVED_BIT(MUSTER_DEVICE_BROWSER) |                                    \
     DERIVED_BIT(MUSTER_DEVICE_BROWSER_VERSION) |                            \
     DERIVED_BIT(MUSTER_DEVICE_VENDOR) | DERIVED_BIT(MUSTER_DEVICE_MODEL))

/* One thread's way to ask. The rules must outlive it. */
typedef struct device_reader device_reader;
device_reader *device_reader_new(const device_rules *rules);
void device_reader_free(device_reader *r); /* NULL is fine */

static inline bool device_is_given(const device_input *in)
{
    return in->ua.ptr != NULL || in->sua.kind == TREE_MAP ||
           in->ch.kind == TREE_MAP || in->device.kind == TREE_MAP;
}

/* Adds what is known of the device to out, as derive.h says; false: nothing
 * is. Texts are borrowed until the next call. *bot: the user agent is a
 * bot's; what is known is added all the same. */
bool device_derive(device_reader *r, const device_input *in, derived *out,
                   bool *bot);

/* The same of a user agent alone, past the cache, with uap-core's own words,
 * which are borrowed from the user agent and until the next call.
 * MUSTER_ELIMIT: it is longer than DEVICE_UA_BYTES_MAX, or would take too
 * long. */
int device_read(device_reader *r, muster_text ua, device_words *words,
                derived *out, bool *bot);

/* For tests and benches: all rules are tried in order, as if there were no
 * filter; the cache is not asked. The answers are the same. */
void device_reader_plain(device_reader *r, bool all_rules, bool uncached);

#endif
