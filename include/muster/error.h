/*
 * error.h - how every fallible call of Muster reports.
 *
 * A call returns 0 or one of the negative codes below. Where a person wrote
 * the input, the call's last parameter is a `muster_error *` (may be NULL)
 * that receives the code, a short machine word for programs ("expr_syntax"),
 * one line for people, a suggestion where one is near, and for texts the
 * place: byte offset and length in the text that was given, and line and
 * column (1-based; columns count characters, not bytes).
 *
 * There is no global or thread-local last error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_ERROR_H
#define MUSTER_ERROR_H

#include <muster/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(symbol, value, text): one row is one code. */
#define MUSTER_ERROR_MAP(X)                                                   \
    X(MUSTER_EINVAL, -1, "invalid argument")                                  \
    X(MUSTER_EIO, -2, "input or output failed")                               \
    X(MUSTER_EEXPR, -3, "the expression is not valid")                        \
    X(MUSTER_ENOTFOUND, -4, "not found")                                      \
    X(MUSTER_ECONFLICT, -5, "conflict with the stored state")                 \
    X(MUSTER_EPARTIAL, -6, "some records were rejected")                      \
    X(MUSTER_EREFUSED, -7, "refused")                                         \
    X(MUSTER_ELIMIT, -8, "a limit was reached")                               \
    X(MUSTER_ECORRUPT, -9, "stored data is damaged")                          \
    X(MUSTER_EVERSION, -10, "made by a newer version of Muster")              \
    X(MUSTER_EBUSY, -11, "another process is writing to this data directory") \
    X(MUSTER_EPARSE, -12, "the input does not parse")                         \
    X(MUSTER_ECANCELLED, -13, "stopped on request")

typedef enum muster_status {
    MUSTER_OK = 0,
#define MUSTER_ERROR_ENUM(symbol, value, text) symbol = value,
    MUSTER_ERROR_MAP(MUSTER_ERROR_ENUM)
#undef MUSTER_ERROR_ENUM
} muster_status;

typedef struct muster_error {
    int code;             /* a muster_status; 0 = no error */
    uint32_t line;        /* 1-based; 0 = no place in a text */
    uint32_t column;      /* 1-based, in characters */
    size_t offset;        /* in bytes from the start of the text */
    size_t length;        /* bytes to underline; 0 = a point */
    char word[32];        /* stable machine word, e.g. "unknown_attribute" */
    char message[512];    /* one line, no trailing period or newline */
    char suggestion[160]; /* what to write instead, or "" */
} muster_error;

/* The text of a code, e.g. "not found"; "unknown error" for others.
 * Static storage; any thread. */
MUSTER_API const char *muster_error_name(int code);

#ifdef __cplusplus
}
#endif
#endif
