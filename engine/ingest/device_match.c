/*
 * device_match.c - the first rule of each kind that matches a user agent, and
 * what it says, as uap-core's specification has it:
 *
 *   - rules are tried in their order; the first that matches ends the search;
 *   - part i of user agent and system is group i + 1; of a device, family and
 *     model are group 1 and brand is none. A replacement says it instead, with
 *     $1 to $9 for the groups; one that did not take part is empty;
 *   - spaces at both ends are cut; what is empty is absent;
 *   - a family that nobody says is "Other".
 *
 * A hostile user agent: patterns such as ".{0,200}x.{0,200}y" take quadratic
 * time over a long text. So its length is bounded, and the steps of one match
 * are (MATCH_LIMIT): past either, the user agent is not understood, rather than
 * taken for what a later rule would make of it. With uap-core's rules, the
 * slowest of 95,000 user agents that were bred to be slow took 0.7 ms.
 *
 * Cost: some 2.4 us with uap-core's rules, 80 to 130 us when all are tried.
 * Threads: a matcher belongs to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ingest/device_rules.h"

/* uap-core's own tests need fewer than 10,000, interpreted fewer than this. */
#define MATCH_LIMIT 100000u
#define DEPTH_LIMIT 1000u  /* of the interpreter, where there is no JIT */
#define HEAP_KIB_LIMIT 1024u
#define STACK_BYTES_MIN ((size_t)32 << 10)
#define STACK_BYTES_MAX ((size_t)256 << 10)
#define GROUPS_MAX 10u

void matcher_init(device_matcher *m, const device_rules *rules)
{
    memset(m, 0, sizeof *m);
    m->rules = rules;
    m->data = pcre2_match_data_create(GROUPS_MAX, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(STACK_BYTES_MIN, STACK_BYTES_MAX, NULL);
    ASSERT(m->data != NULL && m->context != NULL);
    pcre2_set_match_limit(m->context, MATCH_LIMIT);
    pcre2_set_depth_limit(m->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(m->context, HEAP_KIB_LIMIT);
    pcre2_jit_stack_assign(m->context, NULL, m->stack);
    filter_scan_init(&m->scan, rules->filter);
}

void matcher_release(device_matcher *m)
{
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    filter_scan_release(&m->scan);
}

/* ---- what a rule says ---- */

/* Cuts half characters at both ends: patterns work on bytes. */
static muster_text whole_characters(muster_text t)
{
    while (t.len > 0 && ((unsigned char)t.ptr[0] & 0xc0) == 0x80) {
        t.ptr++;
        t.len--;
    }
    t.len = text_utf8_prefix(t);
    return t;
}

static muster_text group(const device_matcher *m, int groups, muster_text ua,
                         size_t number)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(m->data);
    if (number >= (size_t)groups || ends[2 * number] == PCRE2_UNSET)
        return text_make(NULL, 0);
    return text_make(ua.ptr + ends[2 * number],
                     ends[2 * number + 1] - ends[2 * number]);
}

static size_t append(char *to, size_t at, muster_text part)
{
    const size_t room = DEVICE_PART_BYTES_MAX - at;
    const size_t len = part.len < room ? part.len : room;
    if (len > 0)
        memcpy(to + at, part.ptr, len);
    return at + len;
}

static muster_text expand(const device_matcher *m, int groups, muster_text ua,
                          const char *template, char *to)
{
    size_t len = 0;
    for (const char *p = template; *p != '\0'; p++) {
        if (p[0] == '$' && p[1] >= '1' && p[1] <= '9')
            len = append(to, len,
                         group(m, groups, ua, (size_t)(*++p - '0')));
        else
            len = append(to, len, text_make(p, 1));
    }
    return text_make(to, len);
}

static muster_text say_part(device_matcher *m, device_kind kind, size_t part,
                            const char *template, int groups, muster_text ua)
{
    char *to = m->text[kind][part];
    muster_text t = {NULL, 0};
    if (template != NULL)
        t = expand(m, groups, ua, template, to);
    else if (kind != DEVICE_HARDWARE)
        t = group(m, groups, ua, part + 1);
    else if (part != 1)
        t = group(m, groups, ua, 1);
    t = text_trim(whole_characters(text_trim(t)));
    if (t.len > DEVICE_PART_BYTES_MAX) {
        t.len = DEVICE_PART_BYTES_MAX;
        t = text_trim(whole_characters(t));
    }
    return t.len > 0 ? t : text_make(NULL, 0);
}

static void say(device_matcher *m, device_kind kind, const device_rule *rule,
                int groups, muster_text ua, muster_text *out)
{
    static const size_t parts[DEVICE_KINDS] = {4, 5, 3};
    for (size_t i = 0; i < parts[kind]; i++)
        out[i] = say_part(m, kind, i, rule->templates[i], groups, ua);
}

/* ---- which rule ---- */

/* More than 0: it matches; 0: it does not; below: not understood. */
static int try_rule(device_matcher *m, device_rule *rule, muster_text ua)
{
    device_rule_ready(m->rules, rule);
    const int rc = pcre2_match(rule->code, (PCRE2_SPTR)ua.ptr, ua.len, 0, 0,
                               m->data, m->context);
    if (rc == 0) /* more groups than are asked for */
        return (int)GROUPS_MAX;
    return rc == PCRE2_ERROR_NOMATCH ? 0 : rc;
}

static int read_kind(device_matcher *m, device_kind kind, muster_text ua,
                     muster_text *out)
{
    const device_rules *rules = m->rules;
    const uint32_t count = rules->last[kind] - rules->first[kind];
    const uint64_t *candidates = m->scan.candidates + rules->place[kind] / 64;
    for (uint32_t word = 0; word * 64 < count; word++) {
        uint64_t bits = m->all ? UINT64_MAX : candidates[word];
        for (; bits != 0; bits &= bits - 1) {
            const uint32_t at = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (at >= count)
                break;
            device_rule *rule = &rules->rules[rules->first[kind] + at];
            const int groups = try_rule(m, rule, ua);
            if (groups < 0)
                return MUSTER_ELIMIT;
            if (groups > 0) {
                say(m, kind, rule, groups, ua, out);
                return 0;
            }
        }
    }
    return 0;
}

int matcher_read(device_matcher *m, muster_text ua, device_words *out)
{
    muster_text *const kinds[DEVICE_KINDS] = {out->agent, out->os,
                                              out->hardware};
    memset(out, 0, sizeof *out);
    m->scan.marks = 0;
    if (ua.len > DEVICE_UA_BYTES_MAX)
        return MUSTER_ELIMIT;
    filter_read(m->rules->filter, &m->scan, ua);
    for (device_kind k = 0; k < DEVICE_KINDS; k++) {
        if (read_kind(m, k, ua, kinds[k]) != 0) {
            memset(out, 0, sizeof *out);
            return MUSTER_ELIMIT;
        }
        if (kinds[k][0].ptr == NULL)
            kinds[k][0] = text_of("Other");
    }
    return 0;
}
