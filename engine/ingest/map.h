/*
 * map.h - private to room `ingest`: a compiled mapping file, and the way of a
 * row through it. The language is docs/mapping.md.
 *
 *   map.c          the file's outermost members; what a mapping owns
 *   map_rule.c     rules, conditions
 *   map_source.c   where values come from and what is done to them
 *   map_path.c     fields: columns, paths, and walking them
 *   map_date.c     dates in common forms
 *   map_convert.c  numbers, flags, words
 *   map_bind.c     columns found in a header
 *   map_row.c      a row to a record
 *   map_emit.c     the record's nodes
 *
 * Terms: a *ref* names a field; a *source* gives values: from refs, then
 * steps; a *slot* is a target with all its rules; a *need* is a set of columns
 * of which one must be there. A compiled mapping is never written to again and
 * is shared by all threads; a *mapper* is one thread's memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef INGEST_MAP_H
#define INGEST_MAP_H

#include "identity/identity.h"
#include "ingest/tape.h"

#define MAPPING_BYTES_MAX ((size_t)1 << 20)
#define MAPPING_RULES_MAX 1000u
#define MAPPING_FIELDS_MAX 200u
#define MAPPING_WORDS_MAX 10000u    /* in all maps and lists together */
#define MAPPING_COLUMNS_MAX 5000u   /* that are named */
#define MAPPING_STEPS_MAX 16u       /* of a path */
#define MAPPING_NESTING_MAX 8u      /* of conditions */
#define MAPPING_FORMATS_MAX 16u     /* of one date */
#define MAPPING_ROWS_MAX 10000u     /* of one document */
#define MAPPING_NAME_BYTES_MAX 256u /* of a column, a path, a pattern */
#define NUMBER_SCALE_MAX ((int64_t)1000000 * MUSTER_NUMBER_SCALE)
/* What one row may take while it is mapped. */
#define MAPPING_VALUES_MAX 20000u
#define MAPPING_NODES_MAX 100000u
#define MAPPING_TEXT_BYTES_MAX ((size_t)4 << 20)
/* What the rows of one document may take together. */
#define MAPPING_DOCUMENT_NODES_MAX 2000000u
#define MAPPING_DOCUMENT_BYTES_MAX ((size_t)64 << 20)

/* ---- words ---- */

/* Sorted, without regard to the case of ASCII letters. */
typedef struct word_set {
    muster_text *words;
    size_t count;
} word_set;

typedef struct word_pair {
    muster_text key;
    muster_text value; /* ptr NULL: drop */
} word_pair;

bool word_set_has(const word_set *s, muster_text word);
int word_compare(muster_text a, muster_text b);

/* ---- fields ---- */

typedef enum ref_root {
    REF_ROW,
    REF_DOCUMENT,
    REF_ELEMENT, /* of an events rule with `each` */
    REF_COLUMN,
    REF_FIELD
} ref_root;

typedef struct path_step {
    muster_text name;
    int64_t index; /* of an element, -1: `name` is no number */
    bool each;
} path_step;

typedef struct map_ref {
    ref_root root;
    uint32_t number; /* REF_COLUMN, REF_FIELD */
    const path_step *steps;
    size_t step_count;
    bool is_private;
} map_ref;

/* ---- sources ---- */

typedef enum date_as { DATE_DAY, DATE_AGE, DATE_YEAR } date_as;

/* One date as it was read; a part that was not there is 0, a day 1. */
typedef struct map_date {
    muster_day day; /* as written */
    muster_time moment;
} map_date;

typedef struct date_step {
    char kind; /* map_date.c */
    char literal;
} date_step;

typedef enum date_form {
    DATE_PATTERN,
    DATE_ISO,
    DATE_SECONDS,
    DATE_MILLIS,
    DATE_MICROS,
    DATE_EXCEL
} date_form;

typedef struct date_format {
    date_form form;
    const date_step *steps;
    size_t step_count;
} date_format;

typedef struct number_format {
    char decimal;
    muster_text thousands; /* " ": any blank */
    muster_text *strip;
    size_t strip_count;
    bool percent;
    int64_t scale; /* times 10^scale_exponent */
    int scale_exponent;
} number_format;

typedef enum map_convert {
    CONVERT_NONE,
    CONVERT_DATE,
    CONVERT_NUMBER,
    CONVERT_FLAG,
    CONVERT_HASH
} map_convert;

typedef enum map_letters {
    LETTERS_KEPT,
    LETTERS_LOWER,
    LETTERS_UPPER,
    LETTERS_SLUG
} map_letters;

typedef enum map_else {
    ELSE_KEEP,
    ELSE_DROP,
    ELSE_REJECT,
    ELSE_VALUE
} map_else;

typedef enum source_kind {
    SOURCE_NONE = 0,
    SOURCE_FROM,
    SOURCE_JOIN,
    SOURCE_CONST
} source_kind;

typedef struct map_source {
    source_kind kind;
    map_ref *refs;
    size_t ref_count;
    muster_text with;
    bool keys;
    bool optional;
    tree_value *constants; /* TREE_NUMBER: its text */
    size_t constant_count;
    muster_text split;
    bool splits;
    map_letters letters;
    word_pair *table; /* sorted by key; NULL: none */
    size_t table_count;
    map_else otherwise;
    bool has_else;
    muster_text else_value;
    map_convert convert;
    date_format *formats;
    size_t format_count;
    date_as as;
    bool has_as;
    bool has_zone;
    int zone; /* seconds east */
    number_format number;
    word_set yes;
    word_set no;
    muster_contact contact;
    bool has_contact_kind;
    bool has_encoding;
    bool invalid_drops;
    bool has_invalid;
} map_source;

/* ---- rules ---- */

typedef enum condition_kind {
    CONDITION_IN,
    CONDITION_NOT_IN,
    CONDITION_EMPTY,
    CONDITION_FILLED,
    CONDITION_ALL,
    CONDITION_ANY,
    CONDITION_NOT
} condition_kind;

typedef struct map_condition {
    condition_kind kind;
    map_ref ref;
    word_set words;
    struct map_condition *parts;
    size_t part_count;
} map_condition;

/* X(symbol, word, named, many): in the order in which they are laid down.
 * Named: a name follows the word and a point. Many: values of several rules
 * add up, else the first rule that gives something counts. */
#define MAP_TARGET_LIST(X)                                                     \
    X(IDS, "ids", true, true)                                                  \
    X(TS, "ts", false, false)                                                  \
    X(PROVIDER, "provider", false, false)                                      \
    X(TTL, "ttl", false, false)                                                \
    X(CLEAR, "clear", false, true)                                             \
    X(REMOVE, "remove", true, true)                                            \
    X(SET, "set", true, false)                                                 \
    X(ADD, "add", true, true)                                                  \
    X(EVENTS, "events", true, true)                                            \
    X(IP, "ip", false, false)                                                  \
    X(UA, "ua", false, false)

typedef enum map_target {
#define TARGET_ENUM(symbol, word, named, many) TARGET_##symbol,
    MAP_TARGET_LIST(TARGET_ENUM)
#undef TARGET_ENUM
        TARGET_COUNT
} map_target;
extern const muster_text map_target_words[TARGET_COUNT];

/* Sources of an events rule. */
typedef enum event_part {
    PART_NAME,
    PART_VALUE,
    PART_COUNT,
    PART_AMOUNT,
    PART_TS,
    PART_COUNT_OF
} event_part;

typedef struct map_rule {
    map_source source; /* first: members of both are read as one object */
    uint32_t number;   /* from 1, in the file's order */
    map_target target;
    muster_text to;    /* whole */
    muster_text name;  /* behind the target's word; "" = none */
    map_source *parts; /* of events: PART_COUNT_OF of them */
    map_ref each;
    bool has_each;
    map_condition *condition; /* NULL: always */
    bool required;
    bool clears;
} map_rule;

typedef struct map_slot {
    map_target target;
    muster_text name;
    const map_rule **rules;
    size_t rule_count;
} map_slot;

typedef struct map_column {
    muster_text name;
} map_column;

/* Of the columns `first` on, `count` of them, one must be there. */
typedef struct map_need {
    uint32_t *columns;
    size_t count;
    char what[64]; /* "rule 3 (set.geo.country)" */
} map_need;

typedef struct map_field {
    muster_text name;
    map_source source;
} map_field;

typedef struct map_drop {
    map_condition condition;
    muster_text reason;
    uint32_t word; /* number among the mapping's drop words */
} map_drop;

struct mapping {
    arena memory;
    bool is_csv;
    char separator;      /* '\0': by the header */
    muster_text *header; /* names of columns where the input has no header */
    size_t header_count;
    map_ref each;
    bool has_each;
    char *provider; /* NULL: none */
    muster_text ttl;
    int zone;
    word_set blank;
    map_field *fields;
    size_t field_count;
    map_drop *drops;
    size_t drop_count;
    const char *drop_words[MAPPING_DROPS_MAX];
    size_t drop_word_count;
    map_rule *rules;
    size_t rule_count;
    map_slot *slots;
    size_t slot_count;
    map_column *columns;
    size_t column_count;
    size_t column_capacity;
    map_need *needs;
    size_t need_count;
    size_t need_capacity;
};

/* ---- reading the file ---- */

/* The owner of the form while a file is read. */
typedef struct map_file {
    mapping *map;
    json_form form;
    size_t words;    /* read so far */
    size_t nesting;  /* of conditions */
    bool in_element; /* paths may begin at an element */
    bool in_private; /* of a private field */
    bool in_field;   /* sources have no conversions */
    bool optional;   /* columns need not be there: of the rule at hand */
    char what[64];   /* what is being read: "rule 3 (set.geo.country)" */
} map_file;

static inline map_file *map_file_of(const json_form *f)
{
    return f->owner;
}
int map_fail(const json_form *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void *map_keep(json_form *f, size_t size); /* zeroed, as long as the mapping */
muster_text map_keep_text(json_form *f, muster_text text);
/* A text of 1 to `most` bytes, kept. */
int map_read_name(json_form *f, const json_value *v, size_t most,
                  muster_text *out);
/* An array of texts, or one. */
int map_read_words(json_form *f, const json_value *v, word_set *out);
/* So many more words; MAPPING_WORDS_MAX. */
int map_count_words(json_form *f, size_t count);
/* "Z" or "+01:00", to seconds east. */
int map_read_zone(const json_form *f, const json_value *v, int *out);
/* "about" and the like, for people. */
int map_read_about(json_form *f, const json_value *v, void *target);

/* ---- map_path.c ---- */

/* Is it forgotten: a column or member whose name begins with p_? */
bool map_is_private(muster_text name);
/* A field: a column, a path, or one of the mapping's own. */
int map_ref_read(json_form *f, const json_value *v, map_ref *out);
/* A path of JSON. */
int map_path_read(json_form *f, const json_value *v, map_ref *out);
/* Of the columns among the refs one must be there; with `optional` none. */
void map_need_add(json_form *f, const map_ref *refs, size_t count,
                  bool optional);

/* ---- map_source.c ---- */

#define MAP_SOURCE_MEMBERS 22u
extern const form_member map_source_members[MAP_SOURCE_MEMBERS];
/* Once all members of a source were read. */
int map_source_check(json_form *f, map_source *s);
/* An object that is a source and nothing else. */
int map_source_read(json_form *f, const json_value *v, map_source *out);
/* Does what a private field holds come through? */
bool map_source_shows(const map_source *s);

/* ---- map_rule.c ---- */

int map_condition_read(json_form *f, const json_value *v, map_condition *out);
int map_rules_read(json_form *f, const json_value *v, void *target);

/* ---- map_date.c ---- */

/* MUSTER_EINVAL with a message about the pattern. */
int date_format_compile(date_format *out, muster_text pattern, arena *memory,
                        char *why, size_t why_size);
/* `zone`: of texts that tell none, seconds east. */
bool date_format_parse(const date_format *format, muster_text text, int zone,
                       map_date *out);
/* Whole years from a day to another, at least 0. */
int date_years(muster_day from, muster_day to);

/* ---- map_convert.c ---- */

/* x 10^4, rounded: 0, MUSTER_EPARSE, MUSTER_ELIMIT. */
int number_format_parse(const number_format *format, muster_text text,
                        int64_t *out);

/* ---- map_bind.c ---- */

/* The cell of each of the mapping's columns, -1 = none, in the header's cells;
 * *out is freed with mem_free. Tells options->notice what no rule uses.
 * MUSTER_EPARSE "bad_header". */
int mapping_bind(const mapping *m, const muster_text *cells, size_t count,
                 int32_t **out, const ingest_options *options,
                 muster_error *err);

/* ---- map_row.c ---- */

/* How a row is seen. */
typedef struct map_row {
    const muster_text *cells;  /* CSV */
    const int32_t *bind;       /* CSV: cell of each column, -1 = none */
    const tree_source *source; /* JSON */
    tree_value document;
    tree_value row;
} map_row;

typedef struct mapper mapper;
mapper *mapper_new(const mapping *map);
void mapper_free(mapper *m);
/* One row to a record of the front, a reject, or a drop. */
void mapper_take(mapper *m, record_front *f, const map_row *row,
                 record_place place);
/* The rows of a document; `root` may be anything. */
void mapper_take_document(mapper *m, record_front *f, const tree_source *source,
                          tree_value root, const char *unit,
                          record_place place);

#endif
