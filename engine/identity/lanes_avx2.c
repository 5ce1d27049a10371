/* lanes_avx2.c - lanes.h for AVX2: twice four lanes.
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#pragma GCC target("avx2")
#endif
#define LANES_NAME lanes_avx2
#define LANES_LEVEL "avx2"
#define LANES_WIDE 4
#include "identity/lanes_body.h"
