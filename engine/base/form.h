/*
 * form.h - reading JSON files that people write (the catalog's, mappings):
 * members by tables, and messages that begin with the JSON pointer of what is
 * wrong and carry its place in the text. See form.c.
 *
 * Every call returns 0 or a negative code; after an error nothing more may be
 * read, and the path stays as it was, for the message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_FORM_H
#define BASE_FORM_H

#include "base/json.h"
#include "base/place.h"

#define FORM_DEPTH_MAX 40u

typedef struct json_form {
    muster_text text; /* the file: a document that json_parse took */
    muster_error *err;
    muster_text path[FORM_DEPTH_MAX]; /* to what is being read */
    char digits[FORM_DEPTH_MAX][24];  /* of the elements among them */
    size_t depth;
    void *owner; /* the reader's own */
} json_form;

/* One member of an object. */
typedef struct form_member {
    const char *key;
    int (*read)(json_form *f, const json_value *v, void *target);
} form_member;

/* Sets the error, with pointer and place: of the key, or of its value. */
int form_fail(const json_form *f, int code, const char *word, bool at_key,
              const char *format, ...) __attribute__((format(printf, 5, 6)));
int form_wrong_type(const json_form *f, const json_value *v,
                    const char *expected);
/* A word that is none of a few: names them, suggests the nearest. */
int form_wrong_word(const json_form *f, muster_text found,
                    const char *const *words, size_t count);

void form_enter(json_form *f, muster_text key);
void form_enter_element(json_form *f, size_t index);
void form_leave(json_form *f);

/* An object whose keys are those of a table, each once; at most 64 rows. */
int form_read_object(json_form *f, const json_value *v, const form_member *rows,
                     size_t count, void *target);
/* Elements of an array, or one value that is none as an array of one. */
int form_read_each(json_form *f, const json_value *v,
                   int (*read)(json_form *f, const json_value *v, void *target),
                   void *target);
int form_read_text(const json_form *f, const json_value *v, muster_text *out);
int form_read_bool(const json_form *f, const json_value *v, bool *out);
/* The number of the word among `words`. */
int form_read_word(const json_form *f, const json_value *v,
                   const char *const *words, size_t count, size_t *out);

#endif
