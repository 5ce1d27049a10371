/*
 * muster.h - the public C API of Muster, an anonymous audience engine.
 *
 * Five minutes:
 *     open     muster_engine_open      a data directory
 *     feed     muster_feed_open, _push, _finish     records of facts
 *     compile  muster_segment_compile  an expression, in a scope
 *     ask      muster_segment_count, _estimate, _users, _has, _explain
 *     close    muster_segment_free, muster_engine_close
 * docs/embedding.md has a whole program.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MUSTER_MUSTER_H
#define MUSTER_MUSTER_H

#include <muster/access.h>
#include <muster/audience.h>
#include <muster/catalog.h>
#include <muster/derive.h>
#include <muster/contact.h>
#include <muster/doctor.h>
#include <muster/engine.h>
#include <muster/error.h>
#include <muster/ingest.h>
#include <muster/limits.h>
#include <muster/mapping.h>
#include <muster/privacy.h>
#include <muster/reach.h>
#include <muster/scope.h>
#include <muster/segment.h>
#include <muster/server.h>
#include <muster/snapshot.h>
#include <muster/types.h>

#endif
