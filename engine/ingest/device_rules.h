/*
 * device_rules.h - private to room `ingest`: the rules of uap-core and how
 * the few that may match a user agent are found.
 *
 *   device_rules.c    regexes.yaml to rules, patterns compiled
 *   device_literal.c  what texts a pattern cannot match without
 *   device_filter.c   which of many texts stand in a user agent: candidates
 *   device_match.c    the first rule that matches, and what it says
 *   device_type.c     what a user agent says, as attributes
 *   device_hint.c     what client hints and OpenRTB say, as attributes
 *   device.c          a thread's reader: its cache, all sources as one
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_DEVICE_RULES_H
#define INGEST_DEVICE_RULES_H

#include "ingest/device.h"

#include "ingest/intern.h"

#include <pthread.h>
#include <stdatomic.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* ---- device_literal.c ---- */

/* A pattern has up to so many clauses; of each, one text at least stands in
 * whatever the pattern matches. */
#define LITERAL_CLAUSES_MAX 4u
/* Longer texts are cut: a beginning must be there too. */
#define LITERAL_BYTES_MAX 24u

typedef struct literal_set {
    muster_text *texts; /* in lower case */
    uint32_t count;
} literal_set;

typedef struct literal_clauses {
    literal_set sets[LITERAL_CLAUSES_MAX];
    uint32_t count; /* 0: it may match anything */
} literal_clauses;

/* Finds the clauses of a pattern, the best first; memory is of the arena. A
 * pattern of which it does not understand every part has none. */
void literal_find(arena *memory, muster_text pattern, literal_clauses *out);

/* ---- device_filter.c ---- */

/* Marks: words of our own that are looked for in the same pass. */
#define FILTER_MARKS_MAX 64u

typedef struct device_filter device_filter;
/* One thread's memory for a scan. */
typedef struct filter_scan {
    uint64_t *candidates; /* a bit for each place, in order */
    uint64_t marks;
    uint64_t *seen;
    uint64_t *clauses;
} filter_scan;

/* For places [0, places). A place that is never added is no candidate. */
device_filter *filter_new(uint32_t places);
void filter_free(device_filter *f);
void filter_add(device_filter *f, uint32_t place, const literal_clauses *c);
/* Words are in lower case. Several words may have one mark. */
void filter_add_mark(device_filter *f, const char *word, uint32_t mark);
/* Then nothing may be added any more. */
void filter_finish(device_filter *f);
uint32_t filter_words(const device_filter *f); /* of candidates, of 64 bits */
void filter_scan_init(filter_scan *s, const device_filter *f);
void filter_scan_release(filter_scan *s);
/* Reads the text once, whatever its case. */
void filter_read(const device_filter *f, filter_scan *s, muster_text text);

/* ---- device_rules.c ---- */

/* The three lists of regexes.yaml. */
typedef enum device_kind {
    DEVICE_AGENT,
    DEVICE_OS,
    DEVICE_HARDWARE,
    DEVICE_KINDS
} device_kind;

typedef struct device_rule {
    pcre2_code *code;
    atomic_bool ready; /* its machine code is made, or cannot be */
    /* What part i says: text with $1 to $9; NULL: the group of its number. */
    char *templates[DEVICE_PARTS_MAX];
} device_rule;

struct device_rules {
    device_rule *rules;
    size_t count;
    size_t capacity;
    /* Rules of a kind: [first, last); the place of the first in the filter,
     * a multiple of 64. */
    uint32_t first[DEVICE_KINDS];
    uint32_t last[DEVICE_KINDS];
    uint32_t place[DEVICE_KINDS];
    device_filter *filter;
    pthread_mutex_t making; /* of machine code */
};

/* Makes the machine code of a rule that is needed for the first time. */
void device_rule_ready(const device_rules *rules, device_rule *rule);

/* ---- device_match.c ---- */

typedef struct device_matcher {
    const device_rules *rules;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    filter_scan scan;
    bool all; /* try all rules, in order */
    char text[DEVICE_KINDS][DEVICE_PARTS_MAX][DEVICE_PART_BYTES_MAX];
} device_matcher;

void matcher_init(device_matcher *m, const device_rules *rules);
void matcher_release(device_matcher *m);
/* What the rules say of a user agent, borrowed until the next call. Afterwards
 * m->scan.marks are the marks in it. MUSTER_ELIMIT: it is too long, or a
 * pattern would take too long over it; nothing is said then. */
int matcher_read(device_matcher *m, muster_text ua, device_words *out);

/* ---- device.c ---- */

/* A reader's texts by number from 1; 0: none, or not fit for a value. */
typedef struct device_texts {
    intern_table table;
    uint8_t *fit; /* by number - 1 */
    size_t fit_capacity;
} device_texts;

uint32_t device_texts_put(device_texts *texts, muster_text text);

/* What one source says of a device. */
typedef struct device_facts {
    uint32_t os; /* texts, by their numbers; 0: none */
    uint32_t browser;
    uint32_t vendor;
    uint32_t model;
    int32_t os_version; /* below 0: none */
    int32_t browser_version;
    uint8_t type; /* device_type; 0: none */
    bool bot;
} device_facts;
#define DEVICE_FACTS_NONE                                                    \
    ((device_facts){.os_version = -1, .browser_version = -1})

/* ---- device_type.c ---- */

typedef enum device_type {
    DEVICE_NO_TYPE,
    DEVICE_PHONE,
    DEVICE_TABLET,
    DEVICE_DESKTOP,
    DEVICE_TV,
    DEVICE_CONSOLE,
    DEVICE_OTHER,
    DEVICE_TYPES
} device_type;

void device_facts_of(device_texts *texts, const device_words *words,
                     uint64_t marks, device_facts *out);
/* The integer at the start, up to 9 digits; -1: there is none. */
int32_t device_major(muster_text version);

/* ---- device_hint.c ---- */

/* What is said of a device otherwise than by a user agent; absent texts have
 * ptr NULL. */
typedef struct device_hints {
    muster_text browser; /* uap-core's family where it has one */
    bool browser_weak;   /* only that it is some Chromium */
    int32_t browser_version;
    muster_text os;
    int32_t os_version;
    muster_text vendor;
    muster_text model;
    device_type type;
    bool type_weak; /* only where nobody else says */
    bool parsed;    /* of a user agent, by who sent it */
} device_hints;
#define DEVICE_HINTS_NONE                                                    \
    ((device_hints){.os_version = -1, .browser_version = -1})

/* Client hints by the names of their headers. */
void device_hints_headers(const tree_source *source, tree_value ch,
                          device_hints *out);
/* OpenRTB `sua`. */
void device_hints_sua(const tree_source *source, tree_value sua,
                      device_hints *out);
/* What an OpenRTB `device` declares itself; *ua and *sua are its members. */
void device_hints_declared(const tree_source *source, tree_value device,
                           device_hints *out, muster_text *ua,
                           tree_value *sua);

#endif
