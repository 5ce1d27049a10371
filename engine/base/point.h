/*
 * point.h - named places that a test can stop a program at.
 *
 * `point("commit.before")` does nothing unless a test has set a hook; the
 * crash tests set one that ends the process there, as kill -9 would. The
 * names in use stand where they are called.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_POINT_H
#define BASE_POINT_H

/* Set before any thread is started; NULL = none. */
extern void (*point_hook)(const char *name);

static inline void point(const char *name)
{
    if (point_hook)
        point_hook(name);
}

#endif
