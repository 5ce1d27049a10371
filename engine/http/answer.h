/*
 * answer.h - making and closing answers; private to the server itself. What
 * handlers call stands in parts.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/parts.h"

/* A body that is made whole before it is sent: pages of lists are far below,
 * and one for each connection must fit the machine. */
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
/* What a connection keeps of its memory for the next answer. */
#define ANSWER_BYTES_KEPT ((size_t)64 << 10)
/* Headers that handlers add, names and values. */
#define ANSWER_HEADERS_MAX ((size_t)16 << 10)
#define ANSWER_HEADER_VALUE_MAX 2048
/* Retry-After of what passes by itself: a queue drains in less. */
#define ANSWER_RETRY_SECONDS 1

void answer_init(http_answer *a);
void answer_release(http_answer *a);
/* For the next request; `r` may have no route yet. */
void answer_clear(http_answer *a, const http_request *r);
/* Behind the handler: an answer that did not fit becomes a 500. */
void answer_close(http_answer *a);
/* "Not found" of 404: the title of problems. */
const char *answer_reason(int status);
/* Does the list of an If-Match or If-None-Match header name the tag? `weak`:
 * W/ before it is passed over. */
bool answer_tag_listed(muster_text list, const char *tag, bool weak);

#endif
