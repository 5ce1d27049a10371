/*
 * privacy.h - the door of room `privacy`: who may be told what.
 *
 *   scope.c   who asks, for what purpose, for which partner
 *
 * Nothing is evaluated without a scope: bind and every evaluation take one.
 * A scope decides which providers' facts may be read and which users are
 * masked. At present every provider is in every scope, and users who opted
 * out or were forgotten are masked in all of them.
 */
#ifndef PRIVACY_PRIVACY_H
#define PRIVACY_PRIVACY_H

#include "base/base.h"
#include "catalog/catalog.h"

typedef enum scope_purpose {
    PURPOSE_ANALYSIS = 1, /* counts and reach for people of the house */
    PURPOSE_SERVING = 2,  /* membership at request time */
    PURPOSE_DELIVERY = 3  /* audiences that leave the house */
} scope_purpose;

typedef struct scope scope;

/* asker: who, for the audit trail ("cli"); partner: name or empty. Copies
 * its texts. Errors: MUSTER_EINVAL "bad_scope". */
int scope_new(scope **out, muster_text asker, scope_purpose purpose,
              muster_text partner, muster_error *err);
void scope_free(scope *s);
scope_purpose scope_purpose_of(const scope *s);
muster_text scope_asker(const scope *s);
muster_text scope_partner(const scope *s);
bool scope_sees_provider(const scope *s, const catalog_provider *provider);

#endif
