/*
 * normalise.h - private to room `identity`: raw id to normal form.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IDENTITY_NORMALISE_H
#define IDENTITY_NORMALISE_H

#include "identity/identity.h"

/* Writes the normal form of `id` in `space` to `out`, which has room for
 * MUSTER_ID_BYTES_MAX bytes, and its length to *out_len. Errors as
 * identity_pseudonymise. */
int normalise_id(char *out, size_t *out_len, muster_text space, muster_text id,
                 muster_error *err);

#endif
