/*
 * place.h - where a value stands in a JSON text, for messages about files that
 * people write.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include <stdbool.h>
#include "base/text.h"

typedef struct text_place {
    size_t offset;
    size_t length;
} text_place;

/* Follows `keys` from the outermost value of `text`, a document that
 * json_parse took (comments allowed); in an array a key is the number of an
 * element in decimal digits. False when one is not found or is written with
 * escapes. Of members with the same last key it is the last. `of_key`: the
 * place of the key instead of the value (of an element: of its value). */
bool place_find(muster_text text, const muster_text *keys, size_t depth,
                bool of_key, text_place *out);

#endif
