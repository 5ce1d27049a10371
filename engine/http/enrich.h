/*
 * enrich.h - how this server names its segments in OpenRTB; private to
 * engine/http.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HTTP_ENRICH_H
#define HTTP_ENRICH_H

#include "http/openrtb.h"
#include "http/parts.h"

/* Are the options of OpenRTB fine? MUSTER_EINVAL "bad_option". */
int enrich_check(const muster_server_options *options, muster_error *err);
/* They, of the server that was asked; texts stay as long as it. */
openrtb_rules enrich_rules(const http_request *r);

#endif
