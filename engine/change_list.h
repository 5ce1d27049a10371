/*
 * change_list.h - every way the state can change. To add one: a row here, its
 * body and its apply in change.c, a case in tests/engine/replay_test.c.
 *
 * X(symbol, number, name): numbers are what the log holds; never change one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_CHANGE_LIST_H
#define ENGINE_CHANGE_LIST_H

#define CHANGE_LIST(X)                                                       \
    X(FACTS, 1, "facts")                                                     \
    X(CATALOG, 2, "catalog")                                                 \
    X(PROVIDER, 3, "provider")                                               \
    X(SEGMENT_SAVE, 4, "segment save")                                       \
    X(SEGMENT_REMOVE, 5, "segment remove")                                   \
    X(OPTOUT, 6, "opt-out")                                                  \
    X(FORGET, 7, "forget")                                                   \
    X(TICK, 8, "tick")                                                       \
    X(KEY_CREATE, 9, "key create")                                           \
    X(KEY_REVOKE, 10, "key revoke")                                          \
    X(PARTNER_SET, 11, "partner set")                                        \
    X(PARTNER_REMOVE, 12, "partner remove")                                  \
    X(SHARE, 13, "share")                                                    \
    X(TAXONOMY, 20, "taxonomy")                                              \
    X(MAPPING, 21, "mapping")

typedef enum change_kind {
#define CHANGE_ENUM(symbol, number, name) CHANGE_##symbol = number,
    CHANGE_LIST(CHANGE_ENUM)
#undef CHANGE_ENUM
} change_kind;

#endif
