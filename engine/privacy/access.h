/*
 * access.h - what the files of access share; private to room `privacy`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PRIVACY_ACCESS_H
#define PRIVACY_ACCESS_H

#include "privacy/privacy.h"

/* The highest number that a partner was given. */
uint32_t access_partner_last(const access_store *s);
/* What a generation says: the number to go on from, then each partner with the
 * number it has, of a key and a number that are not there yet. */
void access_partner_restore_last(access_store *s, uint32_t last);
void access_partner_restore(access_store *s, const access_partner *p);

#endif
