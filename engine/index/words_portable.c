/* words_portable.c - words.h for any processor; the oracle of the others.
 * SPDX-License-Identifier: Apache-2.0 */
#define WORDS_NAME words_portable
#define WORDS_LEVEL "portable"
#include "index/words_body.h"
