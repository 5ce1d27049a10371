/*
 * contact.h - part of the door of room `identity`: e-mail addresses and phone
 * numbers to digests, by the rule of whoever is to recognise them.
 * <muster/contact.h> has the types; contact.c the rules.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IDENTITY_CONTACT_H
#define IDENTITY_CONTACT_H

#include <muster/contact.h>
#include "base/base.h"

/* As muster_contact_rule_find, _country_parse, _check and _hash. */
int contact_rule_find(muster_contact_rule *out, muster_text name,
                      muster_error *err);
int contact_country_parse(uint16_t *out, muster_text text, muster_error *err);
int contact_check(const muster_contact *how, muster_error *err);
int contact_hash(const muster_contact *how, muster_text raw,
                 char out[MUSTER_CONTACT_DIGEST_BYTES], muster_error *err);

/* "uid2" for MUSTER_CONTACT_UID2 and so on; static. */
const char *contact_rule_name(muster_contact_rule rule);
#endif
