/*
 * restore.c - rows put back from a checkpoint, with the numbers they had.
 *
 * Rows come in order of number and each has to take the next one; the rows
 * every catalog is born with may come too, then they are given their stored
 * definition. A row that would take another number, or a name that is
 * taken, means that the checkpoint is damaged: a number that shifted would
 * give one attribute the planes of another. Restoring tells no watcher.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/internal.h"

#include <string.h>

static int damaged(muster_error *err, const char *what, uint32_t id)
{
    return error_set(err, MUSTER_ECORRUPT, "catalog_damaged",
                     "the stored catalog is damaged at %s %u", what, id);
}

int catalog_restore_attribute(catalog *c, const catalog_attribute *row,
                              muster_error *err)
{
    ASSERT(c != NULL && row != NULL && row->name != NULL);
    const muster_text name = text_of(row->name);
    const uint32_t next = CATALOG_ATTRIBUTE_FIRST + c->attribute_names.count;
    if (row->id != next || c->attribute_names.count >= MUSTER_ATTRIBUTES_MAX ||
        catalog_attribute_find(c, name) != NULL ||
        catalog_definition_check(name, row, NULL) != 0)
        return damaged(err, "attribute", row->id);
    catalog_attribute_append(c, name, row);
    catalog_touch(c);
    return 0;
}

int catalog_restore_value(catalog *c, uint32_t attribute, uint32_t value,
                          muster_text text, muster_error *err)
{
    ASSERT(c != NULL);
    if (catalog_attribute_get(c, attribute) == NULL)
        return damaged(err, "values of attribute", attribute);
    names *values = &c->values[attribute - CATALOG_ATTRIBUTE_FIRST];
    if (value != values->count + 1 || value > MUSTER_VALUES_MAX ||
        text.len > MUSTER_VALUE_BYTES_MAX ||
        names_find(values, c->seed, text) != NAMES_NONE)
        return damaged(err, "values of attribute", attribute);
    names_add(values, &c->store->arena, c->seed, text);
    catalog_touch(c);
    return 0;
}

int catalog_restore_provider(catalog *c, const catalog_provider *row,
                             muster_error *err)
{
    ASSERT(c != NULL && row != NULL && row->name != NULL);
    const muster_text name = text_of(row->name);
    const catalog_provider *known = catalog_provider_find(c, name);
    const bool builtin =
        known != NULL && known->id == row->id && row->id < c->builtin_providers;
    const bool next = known == NULL && row->id == c->provider_names.count &&
                      row->id < MUSTER_PROVIDERS_MAX;
    if ((!builtin && !next) || !catalog_is_provider_name(name) ||
        row->party < PARTY_FIRST || row->party > PARTY_THIRD)
        return damaged(err, "provider", row->id);
    if (builtin)
        catalog_provider_replace(c, row->id, row);
    else
        catalog_provider_append(c, name, row);
    catalog_touch(c);
    return 0;
}

int catalog_restore_space(catalog *c, const catalog_space *row,
                          muster_error *err)
{
    ASSERT(c != NULL && row != NULL && row->name != NULL);
    const muster_text name = text_of(row->name);
    const catalog_space *known = catalog_space_find(c, name);
    if (known != NULL && known->id == row->id && row->id < c->builtin_spaces)
        return 0;
    if (known != NULL || row->id != c->space_names.count ||
        row->id >= MUSTER_SPACES_MAX || !catalog_is_provider_name(name))
        return damaged(err, "id space", row->id);
    catalog_space_append(c, name, row->declared);
    catalog_touch(c);
    return 0;
}
