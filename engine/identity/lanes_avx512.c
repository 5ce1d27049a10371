/* lanes_avx512.c - lanes.h for AVX-512: eight lanes.
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#pragma GCC target("avx512f")
#pragma GCC target("prefer-vector-width=512")
#endif
#define LANES_NAME lanes_avx512
#define LANES_LEVEL "avx512"
#define LANES_WIDE 8
#include "identity/lanes_body.h"
