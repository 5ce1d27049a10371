/*
 * types.h - small value types that every other public header uses.
 *
 * Terms: a *pseudonym* is 16 bytes made from a raw id under the data
 * directory's secret key; the raw id itself is never stored. A *day* counts
 * UTC days since 1970-01-01, an *hour* UTC hours since the same moment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_TYPES_H
#define MUSTER_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MUSTER_VERSION_MAJOR 0
#define MUSTER_VERSION_MINOR 1
#define MUSTER_VERSION_PATCH 0
#define MUSTER_VERSION "0.1.0"

#if defined(__GNUC__)
#define MUSTER_API __attribute__((visibility("default")))
#else
#define MUSTER_API
#endif

/* Borrowed text: `len` bytes at `ptr`, UTF-8, not NUL-terminated. */
typedef struct muster_text {
    const char *ptr;
    size_t len;
} muster_text;

/* Keyed hash of one raw id (BLAKE2b-128): safe to store, print and compare. */
typedef struct muster_pseudonym {
    uint8_t bytes[16];
} muster_pseudonym;

typedef int64_t muster_time;  /* seconds since 1970-01-01T00:00:00Z */
typedef int32_t muster_day;   /* UTC days since 1970-01-01 */
typedef int32_t muster_hour;  /* UTC hours since 1970-01-01T00 */
typedef uint64_t muster_epoch; /* one published, immutable state */

/* The version of the library that is linked, e.g. "0.1.0". Any thread. */
MUSTER_API const char *muster_version(void);

#ifdef __cplusplus
}
#endif
#endif
