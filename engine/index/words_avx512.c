/* words_avx512.c - words.h for AVX-512 with VPOPCNTDQ.
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vpopcntdq")
#pragma GCC target("sse4.2,popcnt,bmi2")
#pragma GCC target("prefer-vector-width=512")
#endif
#define WORDS_NAME words_avx512
#define WORDS_LEVEL "avx512"
#include "index/words_body.h"
