/*
 * error.h - filling a muster_error, and the assertion of our own mistakes.
 *
 * error_set returns its code so that callers write
 *     return error_set(err, MUSTER_EINVAL, "bad_key", "...", ...);
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <muster/error.h>

/* Clears err (may be NULL). */
void error_clear(muster_error *err);

/* Sets code, word and message (printf form, cut to fit, newlines and other
 * control characters become spaces); place and suggestion are cleared.
 * err may be NULL. Returns `code`. */
int error_set(muster_error *err, int code, const char *word,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds the place: [offset, offset+length) in `text`; line and column follow.
 * Returns err->code (or 0 when err is NULL). */
int error_place(muster_error *err, const char *text, size_t text_len,
                size_t offset, size_t length);

/* Adds a suggestion (printf form). */
void error_suggest(muster_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets an I/O error with errno's text: "cannot <act> <path>: <reason>". */
int error_errno(muster_error *err, const char *act, const char *path);

/* Always-on assertion for mistakes of ours: prints file, line, condition to
 * stderr and aborts. */
#define ASSERT(cond)                                                          \
    ((cond) ? (void)0 : error_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void error_assert_failed(const char *cond, const char *file,
                                   int line);

#endif
