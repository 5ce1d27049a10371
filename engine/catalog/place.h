/*
 * place.h - private to room `catalog`: where a member stands in a JSON text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_PLACE_H
#define CATALOG_PLACE_H

#include "base/base.h"

typedef struct text_place {
    size_t offset;
    size_t length;
} text_place;

/* Follows `keys` from the outermost object of `text`, a document that
 * json_parse took (comments allowed). False when a member is not found or is
 * written with escapes. Of members with the same last key it is the last.
 * `of_key`: the place of the key instead of the value. */
bool place_find(muster_text text, const muster_text *keys, size_t depth,
                bool of_key, text_place *out);

#endif
