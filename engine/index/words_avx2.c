/* words_avx2.c - words.h for AVX2 with POPCNT.
 * SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)
#pragma GCC target("avx2,sse4.2,popcnt,bmi,bmi2")
#endif
#define WORDS_NAME words_avx2
#define WORDS_LEVEL "avx2"
#include "index/words_body.h"
