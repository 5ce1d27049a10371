/*
 * contact.c - digests of contacts, public side: room `identity` has the rules.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "identity/identity.h"

int muster_contact_rule_find(muster_contact_rule *out, muster_text name,
                             muster_error *err)
{
    return contact_rule_find(out, name, err);
}

int muster_contact_country_parse(uint16_t *out, muster_text text,
                                 muster_error *err)
{
    return contact_country_parse(out, text, err);
}

int muster_contact_check(const muster_contact *how, muster_error *err)
{
    return contact_check(how, err);
}

int muster_contact_hash(const muster_contact *how, muster_text raw,
                        char out[MUSTER_CONTACT_DIGEST_BYTES],
                        muster_error *err)
{
    return contact_hash(how, raw, out, err);
}
