/*
 * scope.c - who asks, for what purpose, for which partner.
 *
 * A scope is made once for a question and read only from then on: any thread.
 * It holds copies of its texts, all in one allocation.
 *
 * Cost: one small allocation; the questions to it are field reads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "privacy/privacy.h"

#include <muster/limits.h>

struct scope {
    scope_purpose purpose;
    muster_text asker;
    muster_text partner;
    char texts[];
};

static int check_name(muster_text name, const char *what, muster_error *err)
{
    if (name.len > MUSTER_NAME_BYTES_MAX)
        return error_set(err, MUSTER_EINVAL, "bad_scope",
                         "the %s of a scope is longer than %u bytes", what,
                         MUSTER_NAME_BYTES_MAX);
    if (!text_is_utf8(name))
        return error_set(err, MUSTER_EINVAL, "bad_scope",
                         "the %s of a scope is not valid UTF-8", what);
    return 0;
}

static bool is_purpose(scope_purpose purpose)
{
    return purpose == PURPOSE_ANALYSIS || purpose == PURPOSE_SERVING ||
           purpose == PURPOSE_DELIVERY;
}

static muster_text copy_to(char *place, muster_text text)
{
    if (text.len > 0)
        memcpy(place, text.ptr, text.len);
    return text_make(place, text.len);
}

int scope_new(scope **out, muster_text asker, scope_purpose purpose,
              muster_text partner, muster_error *err)
{
    ASSERT(out != NULL);
    *out = NULL;
    int rc = check_name(asker, "asker", err);
    if (rc == 0)
        rc = check_name(partner, "partner", err);
    if (rc != 0)
        return rc;
    if (asker.len == 0)
        return error_set(err, MUSTER_EINVAL, "bad_scope",
                         "a scope names who asks");
    if (!is_purpose(purpose))
        return error_set(err, MUSTER_EINVAL, "bad_scope",
                         "a scope's purpose is analysis, serving or "
                         "delivery");
    scope *s = mem_zalloc(sizeof *s + asker.len + partner.len + 1);
    s->purpose = purpose;
    s->asker = copy_to(s->texts, asker);
    s->partner = copy_to(s->texts + asker.len, partner);
    *out = s;
    return 0;
}

void scope_free(scope *s)
{
    mem_free(s);
}

scope_purpose scope_purpose_of(const scope *s)
{
    ASSERT(s != NULL);
    return s->purpose;
}

muster_text scope_asker(const scope *s)
{
    ASSERT(s != NULL);
    return s->asker;
}

muster_text scope_partner(const scope *s)
{
    ASSERT(s != NULL);
    return s->partner;
}

bool scope_sees_provider(const scope *s, const catalog_provider *provider)
{
    ASSERT(s != NULL && provider != NULL);
    return true;
}
