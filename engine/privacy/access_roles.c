/*
 * access_roles.c - permissions and roles by name, and names for people.
 *
 * To add a permission: a bit in <muster/access.h>, a row here. To add a role:
 * a row here; what keys of a role may is kept with each key when it is made,
 * so that a changed row is for new keys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "privacy/privacy.h"

typedef struct name_row {
    const char *name;
    uint32_t may;
} name_row;

static const name_row permissions[] = {
    {"ingest", MUSTER_MAY_INGEST}, {"lookup", MUSTER_MAY_LOOKUP},
    {"read", MUSTER_MAY_READ},     {"write", MUSTER_MAY_WRITE},
    {"export", MUSTER_MAY_EXPORT}, {"admin", MUSTER_MAY_ADMIN},
};

static const name_row roles[] = {
    {"ad-ops", MUSTER_MAY_LOOKUP | MUSTER_MAY_READ | MUSTER_MAY_WRITE},
    {"analyst", MUSTER_MAY_READ},
    {"ad-server", MUSTER_MAY_LOOKUP},
    {"partner", MUSTER_MAY_LOOKUP | MUSTER_MAY_READ},
    {"admin", MUSTER_MAY_ALL},
};

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static uint32_t find(const name_row *rows, size_t count, muster_text name)
{
    for (size_t i = 0; i < count; i++)
        if (text_is(name, rows[i].name))
            return rows[i].may;
    return 0;
}

int access_check_title(muster_text title, muster_error *err)
{
    if (title.len > MUSTER_NAME_BYTES_MAX || !text_is_utf8(title))
        return error_set(err, MUSTER_EINVAL, "bad_name",
                         "a name is UTF-8 of at most %u bytes",
                         MUSTER_NAME_BYTES_MAX);
    for (size_t i = 0; i < title.len; i++)
        if ((uint8_t)title.ptr[i] < ' ' || title.ptr[i] == 0x7f)
            return error_set(err, MUSTER_EINVAL, "bad_name",
                             "a name has no control characters");
    return 0;
}

uint32_t muster_permission_find(muster_text name)
{
    return find(permissions, COUNT(permissions), name);
}

uint32_t muster_role_find(muster_text role)
{
    return find(roles, COUNT(roles), role);
}

int muster_permissions_each(uint32_t may,
                            int (*each)(void *payload, const char *name),
                            void *payload)
{
    int rc = 0;

    for (size_t i = 0; i < COUNT(permissions) && rc == 0; i++)
        if (may & permissions[i].may)
            rc = each(payload, permissions[i].name);
    return rc;
}
