/*
 * tick.h - the state's own clock, moved by a test. A house with a fixed time
 * logs no ticks by itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SUPPORT_TICK_H
#define SUPPORT_TICK_H

#include "support/house.h"

/* Logs the beginning of the hour of `to`; visible when it returns. */
void house_tick(house *h, muster_time to);

#endif
