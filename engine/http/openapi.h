/*
 * openapi.h - what is told about the routes beside their rows: subjects,
 * parameters, the shapes of answers; private to engine/http.
 *
 *   openapi.c        the OpenAPI 3.1 document (GET /openapi.json)
 *   openapi_words.c  the tables below
 *   reference.c      docs/http.md, from the same tables
 *
 * A row of routes.h is enough for a route to be in all of them. What the row
 * cannot tell is looked up here by its name or by those of its parameters;
 * tests/http/openapi.test asks that nothing is missing.
 *
 * Shapes are written in a line, `name:type name?:type ...`, where ? marks what
 * may be missing and a type is
 *
 *     text int number bool time any       time is RFC 3339
 *     Name                                another shape
 *     [type]  {type}                      a list; an object of such values
 *     =hit,miss                           one of these words
 *     type|null
 *     ... at the end: and others
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

#include "http/parts.h"

/* Routes of one subject, in the order of docs/. */
typedef struct openapi_subject {
    const char *name;
    const char *heads; /* first words of paths behind /v1, "count explain" */
    const char *about; /* a line or two */
} openapi_subject;

typedef struct openapi_shape {
    const char *name;
    const char *members; /* in the notation above */
    const char *about;
} openapi_shape;

/* Which shapes a route takes and answers with, besides problems; NULL: none
 * that is told. */
typedef struct openapi_body {
    const char *route;
    const char *takes;
    const char *answers;
} openapi_body;

/* A parameter of a path or a query; means the same wherever it stands. */
typedef struct openapi_parameter {
    const char *name;
    const char *type; /* in the notation above */
    const char *about;
} openapi_parameter;

/* Tables, ended by a row without a name. */
extern const openapi_subject openapi_subjects[];
extern const openapi_shape openapi_shapes[];
extern const openapi_body openapi_bodies[];
extern const openapi_parameter openapi_parameters[];

/* The subject of a route; the first one when none claims it. */
const openapi_subject *openapi_subject_of(const http_route *route);
/* NULL: none that is told. */
const openapi_shape *openapi_taken_by(const http_route *route);
const openapi_shape *openapi_answered_by(const http_route *route);
const openapi_shape *openapi_shape_find(muster_text name);
const openapi_parameter *openapi_parameter_find(muster_text name);

/* Walks words with blanks between them: for (muster_text w, left = ...;
 * openapi_next_word(&left, &w);). */
bool openapi_next_word(muster_text *left, muster_text *word);
/* Walks the {parts} of a path with what stands there in its example, decoded
 * by nobody; an empty value where the example is not of that path. */
typedef struct openapi_part {
    const char *path;
    const char *example;
    muster_text name;
    muster_text value;
} openapi_part;
openapi_part openapi_parts_of(const http_route *route);
bool openapi_next_part(openapi_part *p);
/* The value of a parameter in the query of the row's example. */
muster_text openapi_query_example(const http_route *route, muster_text name);
/* "200 400": what the row lists and what any route may answer, in order. At
 * most OPENAPI_STATUSES_MAX; returns how many. */
#define OPENAPI_STATUSES_MAX 40
size_t openapi_statuses(const http_route *route,
                        int out[OPENAPI_STATUSES_MAX]);
/* "ingest" of MAY_INGEST; NULL behind the last. */
const char *openapi_permission(unsigned bit);
/* "application/json" and so on. */
const char *openapi_media(http_media media);

/* The document and the reference: about 3 KB a route. */
#define OPENAPI_BYTES_MAX ((size_t)4 << 20)

#endif
