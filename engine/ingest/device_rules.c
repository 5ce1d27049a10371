/*
 * device_rules.c - regexes.yaml to rules
 * (https://github.com/ua-parser/uap-core/blob/master/docs/specification.md).
 *
 * The file is one map; three of its members are lists of rules, each a map of
 * texts: `regex`, for devices `regex_flag: i`, and what each part says. Other
 * members of the file and of a rule are passed over. Aliases are refused, as
 * is whatever is nested otherwise; so what is read is bounded by the file.
 *
 * All patterns are compiled at once, so that a bad one is known by its line;
 * that takes most of the time of device_open. Machine code takes longer and
 * most rules are never tried, so it is made of a rule when one is: under a
 * lock, by whoever comes first. Until then nobody runs the pattern.
 *
 * Threads: device_rule_ready is for any; the rest is before rules are shared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <yaml.h>

#include "ingest/device_marks.h"

/* The members of the three lists and of their rules; part by part. */
static const struct {
    const char *list;
    const char *parts[DEVICE_PARTS_MAX];
} kinds[DEVICE_KINDS] = {
    {"user_agent_parsers",
     {"family_replacement", "v1_replacement", "v2_replacement",
      "v3_replacement", NULL}},
    {"os_parsers",
     {"os_replacement", "os_v1_replacement", "os_v2_replacement",
      "os_v3_replacement", "os_v4_replacement"}},
    {"device_parsers",
     {"device_replacement", "brand_replacement", "model_replacement", NULL,
      NULL}},
};

/* A rule as it stands in the file. */
typedef struct rule_draft {
    size_t line; /* from 1 */
    muster_text pattern;
    bool nocase;
    muster_text templates[DEVICE_PARTS_MAX]; /* ptr NULL: none */
} rule_draft;

typedef struct rules_reader {
    yaml_parser_t parser;
    yaml_event_t event;
    device_rules *rules;
    device_kind kind;
    literal_clauses *clauses; /* of each rule */
    size_t clause_capacity;
    bool seen[DEVICE_KINDS];
    arena drafts;   /* texts of one rule, and what finding its clauses takes */
    arena literals; /* texts of the clauses of all */
    muster_error *err;
} rules_reader;

/* ---- events ---- */

static int refuse_at(rules_reader *r, size_t line, const char *what)
{
    return error_set(r->err, MUSTER_ECORRUPT, "bad_regexes",
                     "regexes of user agents, line %zu: %s", line, what);
}

static int refuse(rules_reader *r, const char *what)
{
    return refuse_at(r, r->event.start_mark.line + 1, what);
}

static int next(rules_reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return 0;
    memset(&r->event, 0, sizeof r->event);
    r->event.start_mark = r->parser.problem_mark;
    return refuse(r, r->parser.problem ? r->parser.problem : "no YAML");
}

static int next_is(rules_reader *r, yaml_event_type_t type, const char *what)
{
    const int rc = next(r);
    if (rc != 0)
        return rc;
    return r->event.type == type ? 0 : refuse(r, what);
}

static muster_text scalar(const rules_reader *r)
{
    return text_make((const char *)r->event.data.scalar.value,
                     r->event.data.scalar.length);
}

/* Passes over the value whose first event is next. */
static int skip_value(rules_reader *r)
{
    size_t depth = 0;
    do {
        const int rc = next(r);
        if (rc != 0)
            return rc;
        const yaml_event_type_t type = r->event.type;
        if (type == YAML_ALIAS_EVENT)
            return refuse(r, "aliases are not read");
        if (type == YAML_SEQUENCE_START_EVENT ||
            type == YAML_MAPPING_START_EVENT)
            depth++;
        if (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT)
            depth--;
    } while (depth > 0);
    return 0;
}

/* ---- one rule ---- */

static int take_text(rules_reader *r, size_t bytes_max, muster_text *out)
{
    const int rc = next_is(r, YAML_SCALAR_EVENT, "a text was expected");
    if (rc != 0)
        return rc;
    const muster_text t = scalar(r);
    if (t.len > bytes_max)
        return refuse(r, "the text is too long");
    if (memchr(t.ptr, '\0', t.len) != NULL)
        return refuse(r, "the text has a zero byte");
    *out = text_make(arena_strndup(&r->drafts, t.ptr, t.len), t.len);
    return 0;
}

static int take_flag(rules_reader *r, rule_draft *draft)
{
    muster_text flag = {NULL, 0};
    const int rc = take_text(r, DEVICE_TEMPLATE_BYTES_MAX, &flag);
    if (rc != 0)
        return rc;
    draft->nocase = text_is(flag, "i");
    return draft->nocase ? 0 : refuse(r, "the only regex_flag is i");
}

static int take_member(rules_reader *r, rule_draft *draft)
{
    const muster_text key = scalar(r);
    if (text_is(key, "regex"))
        return take_text(r, DEVICE_PATTERN_BYTES_MAX, &draft->pattern);
    if (text_is(key, "regex_flag"))
        return take_flag(r, draft);
    for (size_t i = 0; i < DEVICE_PARTS_MAX; i++) {
        const char *part = kinds[r->kind].parts[i];
        if (part != NULL && text_is(key, part))
            return take_text(r, DEVICE_TEMPLATE_BYTES_MAX,
                             &draft->templates[i]);
    }
    return skip_value(r);
}

/* PCRE2 must read bytes as uap-core's patterns mean them: no verb of the
 * pattern's own may change that. */
static int compile(rules_reader *r, const rule_draft *draft, pcre2_code **out)
{
    PCRE2_UCHAR why[120];
    int code;
    PCRE2_SIZE at;
    const uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF |
                             PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C |
                             (draft->nocase ? PCRE2_CASELESS : 0);
    if (draft->pattern.len > 1 && draft->pattern.ptr[0] == '(' &&
        draft->pattern.ptr[1] == '*')
        return refuse_at(r, draft->line, "the regex begins with a verb");
    *out = pcre2_compile((PCRE2_SPTR)draft->pattern.ptr, draft->pattern.len,
                         options, &code, &at, NULL);
    if (*out != NULL)
        return 0;
    pcre2_get_error_message(code, why, sizeof why);
    return refuse_at(r, draft->line, (const char *)why);
}

/* To find clauses takes much more memory than they do: up to 10 MB of a
 * pattern, which goes with the draft. */
static literal_clauses find_clauses(rules_reader *r, muster_text pattern)
{
    literal_clauses found;
    literal_find(&r->drafts, pattern, &found);
    for (uint32_t i = 0; i < found.count; i++) {
        literal_set *s = &found.sets[i];
        muster_text *texts =
            arena_alloc(&r->literals, s->count * sizeof *texts);
        for (uint32_t k = 0; k < s->count; k++)
            texts[k] = text_make(arena_strndup(&r->literals, s->texts[k].ptr,
                                               s->texts[k].len),
                                 s->texts[k].len);
        s->texts = texts;
    }
    return found;
}

static int add_rule(rules_reader *r, const rule_draft *draft)
{
    device_rules *rules = r->rules;
    pcre2_code *code;
    if (draft->pattern.ptr == NULL)
        return refuse_at(r, draft->line, "a rule without a regex");
    if (rules->count == DEVICE_RULES_MAX)
        return error_set(r->err, MUSTER_ELIMIT, "too_large",
                         "regexes of user agents: more than %u rules",
                         DEVICE_RULES_MAX);
    const int rc = compile(r, draft, &code);
    if (rc != 0)
        return rc;
    mem_grow(&rules->rules, &rules->capacity, rules->count + 1,
             sizeof *rules->rules);
    mem_grow(&r->clauses, &r->clause_capacity, rules->count + 1,
             sizeof *r->clauses);
    r->clauses[rules->count] = find_clauses(r, draft->pattern);
    device_rule *rule = &rules->rules[rules->count++];
    *rule = (device_rule){.code = code};
    for (size_t i = 0; i < DEVICE_PARTS_MAX; i++)
        if (draft->templates[i].len > 0)
            rule->templates[i] = mem_strndup(draft->templates[i].ptr,
                                             draft->templates[i].len);
    return 0;
}

static int read_rule(rules_reader *r)
{
    rule_draft draft = {.line = r->event.start_mark.line + 1};
    arena_reset(&r->drafts);
    int rc = 0;
    while (rc == 0) {
        rc = next(r);
        if (rc == 0 && r->event.type == YAML_MAPPING_END_EVENT)
            return add_rule(r, &draft);
        if (rc == 0 && r->event.type != YAML_SCALAR_EVENT)
            rc = refuse(r, "the name of a member was expected");
        if (rc == 0)
            rc = take_member(r, &draft);
    }
    return rc;
}

/* ---- the file ---- */

static int read_list(rules_reader *r)
{
    device_rules *rules = r->rules;
    if (r->seen[r->kind])
        return refuse(r, "a list stands twice");
    r->seen[r->kind] = true;
    rules->first[r->kind] = (uint32_t)rules->count;
    int rc = next_is(r, YAML_SEQUENCE_START_EVENT, "a list was expected");
    while (rc == 0) {
        rc = next(r);
        if (rc == 0 && r->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (rc == 0 && r->event.type != YAML_MAPPING_START_EVENT)
            rc = refuse(r, "a rule was expected");
        if (rc == 0)
            rc = read_rule(r);
    }
    rules->last[r->kind] = (uint32_t)rules->count;
    return rc;
}

static int read_top_member(rules_reader *r)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse(r, "the name of a list was expected");
    for (r->kind = 0; r->kind < DEVICE_KINDS; r->kind++)
        if (text_is(scalar(r), kinds[r->kind].list))
            return read_list(r);
    return skip_value(r);
}

static int read_file(rules_reader *r)
{
    int rc = next_is(r, YAML_STREAM_START_EVENT, "no YAML");
    if (rc == 0)
        rc = next_is(r, YAML_DOCUMENT_START_EVENT, "there is nothing in it");
    if (rc == 0)
        rc = next_is(r, YAML_MAPPING_START_EVENT, "a map was expected");
    while (rc == 0) {
        rc = next(r);
        if (rc == 0 && r->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (rc == 0)
            rc = read_top_member(r);
    }
    if (rc == 0 && r->rules->count == 0)
        rc = refuse(r, "there are no rules in it");
    return rc;
}

static void make_filter(rules_reader *r)
{
    device_rules *rules = r->rules;
    uint32_t places = 0;
    for (device_kind k = 0; k < DEVICE_KINDS; k++) {
        rules->place[k] = places;
        places += (rules->last[k] - rules->first[k] + 63) / 64 * 64;
    }
    rules->filter = filter_new(places);
    for (device_kind k = 0; k < DEVICE_KINDS; k++)
        for (uint32_t i = rules->first[k]; i < rules->last[k]; i++)
            filter_add(rules->filter,
                       rules->place[k] + (i - rules->first[k]),
                       &r->clauses[i]);
    for (size_t i = 0; i < DEVICE_MARKS; i++)
        filter_add_mark(rules->filter, device_mark_words[i].word,
                        device_mark_words[i].mark);
    filter_finish(rules->filter);
}

int device_open_bytes(device_rules **out, const char *bytes, size_t len,
                      muster_error *err)
{
    rules_reader r = {.err = err};
    *out = NULL;
    r.rules = mem_zalloc(sizeof *r.rules);
    pthread_mutex_init(&r.rules->making, NULL);
    arena_init(&r.drafts);
    arena_init(&r.literals);
    ASSERT(yaml_parser_initialize(&r.parser));
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, len);
    int rc = len > DEVICE_FILE_BYTES_MAX
                 ? error_set(err, MUSTER_ELIMIT, "too_large",
                             "regexes of user agents: more than %zu bytes",
                             DEVICE_FILE_BYTES_MAX)
                 : read_file(&r);
    if (rc == 0) {
        make_filter(&r);
        *out = r.rules;
    } else {
        device_free(r.rules);
    }
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    arena_release(&r.drafts);
    arena_release(&r.literals);
    mem_free(r.clauses);
    return rc;
}

static int cannot_read(const char *path, muster_error *err)
{
    return error_set(err, MUSTER_EIO, "read_failed", "cannot read %s: %m",
                     path);
}

/* The file whole, or so much of it that it is too long. */
static int load(const char *path, buffer *bytes, muster_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot_read(path, err);
    ssize_t got = 1;
    while (got > 0 && bytes->len <= DEVICE_FILE_BYTES_MAX) {
        uint8_t *to = buffer_reserve(bytes, 65536);
        got = read(fd, to, 65536);
        bytes->len += got > 0 ? (size_t)got : 0;
    }
    const int rc = got < 0 ? cannot_read(path, err) : 0;
    close(fd);
    return rc;
}

int device_open(device_rules **out, const char *path, muster_error *err)
{
    buffer bytes;
    buffer_init(&bytes, DEVICE_FILE_BYTES_MAX + 2 * 65536);
    *out = NULL;
    int rc = load(path ? path : MUSTER_UA_REGEXES, &bytes, err);
    if (rc == 0)
        rc = device_open_bytes(out, (const char *)bytes.data, bytes.len, err);
    buffer_release(&bytes);
    return rc;
}

void device_free(device_rules *rules)
{
    if (rules == NULL)
        return;
    for (size_t i = 0; i < rules->count; i++) {
        pcre2_code_free(rules->rules[i].code);
        for (size_t k = 0; k < DEVICE_PARTS_MAX; k++)
            mem_free(rules->rules[i].templates[k]);
    }
    mem_free(rules->rules);
    filter_free(rules->filter);
    pthread_mutex_destroy(&rules->making);
    mem_free(rules);
}

size_t device_rule_count(const device_rules *rules)
{
    return rules->count;
}

void device_rule_ready(const device_rules *rules, device_rule *rule)
{
    if (atomic_load_explicit(&rule->ready, memory_order_acquire))
        return;
    /* The lock is of the rules, which are otherwise read-only. */
    pthread_mutex_t *making = (pthread_mutex_t *)&rules->making;
    pthread_mutex_lock(making);
    if (!atomic_load_explicit(&rule->ready, memory_order_relaxed)) {
        /* Without machine code the pattern is interpreted. */
        (void)pcre2_jit_compile(rule->code, PCRE2_JIT_COMPLETE);
        atomic_store_explicit(&rule->ready, true, memory_order_release);
    }
    pthread_mutex_unlock(making);
}
