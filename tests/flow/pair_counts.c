/*
 * pair_counts.c - how many numbers each two lines of the input have in common,
 * for flow/census.test: a second opinion that shares nothing with Muster.
 *
 * A line: a name, then numbers below 1,000,000, with commas between. Prints
 * "i j count" for all i < j, by the place of the lines.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 1000
#define NUMBERS_MAX 1000000
#define WORDS (NUMBERS_MAX / 64 + 1)

static unsigned long long (*sets)[WORDS];

static int read_line(unsigned long long *set)
{
    unsigned number = 0;
    int c = getchar();
    if (c == EOF)
        return 0;
    while (c != ',' && c != '\n' && c != EOF)
        c = getchar();
    while (c == ',') {
        number = 0;
        for (c = getchar(); c >= '0' && c <= '9'; c = getchar())
            number = number * 10 + (unsigned)(c - '0');
        if (number >= NUMBERS_MAX)
            exit(1);
        set[number / 64] |= 1ull << (number % 64);
    }
    return 1;
}

int main(void)
{
    size_t count = 0;
    sets = calloc(LINES_MAX, sizeof *sets);
    if (sets == NULL)
        return 1;
    while (count < LINES_MAX && read_line(sets[count]))
        count++;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            long both = 0;
            for (size_t w = 0; w < WORDS; w++)
                both += __builtin_popcountll(sets[i][w] & sets[j][w]);
            printf("%zu %zu %ld\n", i, j, both);
        }
    }
    free(sets);
    return 0;
}
