/*
 * msgpack.h - between msgpack and JSON, for bodies and answers of routes that
 * know JSON alone; private to engine/http.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_MSGPACK_H
#define HTTP_MSGPACK_H

#include "base/base.h"

/* Deeper bodies are refused; none of ours is deeper than an expression. */
#define PACKED_DEPTH_MAX 64

/* One value, and nothing behind it. 0, or MUSTER_EPARSE "bad_msgpack" (broken,
 * too deep, keys that are no text, ext), MUSTER_ELIMIT "long_body" when the
 * text does not fit `out`. bin is taken as text. */
int packed_to_json(muster_text in, buffer *out, muster_error *err);
/* A JSON document as msgpack, behind what is in `out`. False: it is no JSON,
 * or did not fit. */
bool packed_of_json(muster_text json, buffer *out);

#endif
