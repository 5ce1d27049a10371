/*
 * tick.c - see tick.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/tick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "engine.h"

void house_tick(house *h, muster_time to)
{
    buffer body;
    muster_error err;

    buffer_init(&body, 64);
    change_tick(&body, clock_hour_of(to));
    change_request r = {
        .kind = CHANGE_TICK, .body = &body, .ack = MUSTER_ACK_APPLIED};
    if (writer_do(h->engine, &r, &err) != 0)
        fail_msg("tick: %s", err.message);
    buffer_release(&body);
}
