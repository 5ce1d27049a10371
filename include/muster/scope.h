/*
 * scope.h - who asks, for what purpose, for which partner. No question is
 * answered without one. At present every scope sees every provider, and users
 * who opted out or were forgotten are masked in all of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_SCOPE_H
#define MUSTER_SCOPE_H

#include <muster/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct muster_scope muster_scope;

typedef enum muster_purpose {
    MUSTER_PURPOSE_ANALYSIS = 1,
    MUSTER_PURPOSE_SERVING = 2,
    MUSTER_PURPOSE_DELIVERY = 3
} muster_purpose;

/* asker: who, for the audit trail, e.g. "cli"; partner: name, or NULL.
 * Texts are copied. MUSTER_EINVAL "bad_scope". Free with
 * muster_scope_free. Read-only afterwards: any thread. */
MUSTER_API int muster_scope_new(muster_scope **out, const char *asker,
                                muster_purpose purpose, const char *partner,
                                muster_error *err);
MUSTER_API void muster_scope_free(muster_scope *scope);

#ifdef __cplusplus
}
#endif
#endif
