/*
 * base.h - the door of room `base`: what every other room stands on.
 *
 *   error.h    fill a muster_error
 *   mem.h      memory that never fails, arenas
 *   buffer.h   growing bytes with a birth-given maximum
 *   text.h     muster_text, UTF-8, numbers in text, near names
 *   clock.h    UTC calendar arithmetic
 *   random.h   seeded generator
 *   hash.h     XXH3
 *   proof.h    bytes of a file, believed piece by piece
 *   json.h     JSON reader and writer (yyjson)
 *   place.h    where a value stands in a JSON text
 *   form.h     JSON files that people write
 *   thread.h   bounded queue, threads
 *   point.h    named places that a test can stop a program at
 *
 * base knows nothing of users, facts or planes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crew.h"
#include "base/error.h"
#include "base/form.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/place.h"
#include "base/proof.h"
#include "base/random.h"
#include "base/text.h"
#include "base/point.h"
#include "base/thread.h"

#endif
