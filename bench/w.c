/*
 * w.c - workload W, N users, planes made directly:
 *
 *   a..i       flags, rows at random, densities 0.5, 0.3, 0.2, 0.1, 0.05,
 *              0.02, 0.01, 0.003, 0.001
 *   run1..3    flags in runs of 5,000 rows on average, half, a third, a fifth
 *              of the rows
 *   country    one_of, 200 values by Zipf(1.1): "c0" is the largest
 *   interest   many_of, 400 values by Zipf(1), 8 a user on average: "i0" ..
 *   visit      event, 1 % of the users on each of the last 30 days
 *
 * One provider; everybody is in the universe. Random planes are made by
 * drawing the gap to the next row, so the cost is that of the rows there are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>

#include "maker.h"

#define COUNTRIES 200
#define COUNTRY_POWER 1.1
#define INTERESTS 400
#define INTERESTS_A_USER 8.0
#define RUN_ROWS 5000.0
#define DAYS 30
#define DAY_DENSITY 0.01

static const struct {
    const char *name;
    double density;
    bool runs;
} flags[] = {
    {"a", 0.5, false},      {"b", 0.3, false},   {"c", 0.2, false},
    {"d", 0.1, false},      {"e", 0.05, false},  {"f", 0.02, false},
    {"g", 0.01, false},     {"h", 0.003, false}, {"i", 0.001, false},
    {"run1", 0.5, true},    {"run2", 0.33, true}, {"run3", 0.2, true},
};
#define FLAGS (sizeof flags / sizeof flags[0])

typedef struct drawer {
    maker to;
    random_state random;
    uint32_t row_count;
    uint32_t *rows; /* of the plane being made */
} drawer;

/* A gap with this mean, at least 1. */
static uint64_t gap(drawer *m, double mean)
{
    const double u = 1.0 - random_unit(&m->random);
    if (mean <= 1.0)
        return 1;
    return 1 + (uint64_t)(log(u) / log1p(-1.0 / mean));
}

static size_t draw_rows(drawer *m, double density)
{
    size_t n = 0;
    for (uint64_t row = gap(m, 1 / density) - 1; row < m->row_count;
         row += gap(m, 1 / density))
        m->rows[n++] = (uint32_t)row;
    return n;
}

static size_t draw_runs(drawer *m, double density)
{
    const double hole = RUN_ROWS * (1 - density) / density;
    size_t n = 0;
    for (uint64_t row = gap(m, hole); row < m->row_count;
         row += gap(m, hole)) {
        const uint64_t end = row + gap(m, RUN_ROWS);
        for (; row < end && row < m->row_count; row++)
            m->rows[n++] = (uint32_t)row;
    }
    if (n == 0) /* few users, and all in a hole: no plane may be empty */
        m->rows[n++] = 0;
    return n;
}

static void make_flags(drawer *m)
{
    for (size_t i = 0; i < FLAGS; i++) {
        const uint32_t id = maker_declare(&m->to, flags[i].name, KIND_FLAG);
        const size_t n = flags[i].runs ? draw_runs(m, flags[i].density)
                                       : draw_rows(m, flags[i].density);
        maker_put(&m->to, maker_held(id, 0), m->rows, n);
    }
}

static uint32_t value_of(drawer *m, uint32_t attribute, char letter,
                         uint32_t i)
{
    char name[16];
    snprintf(name, sizeof name, "%c%u", letter, i);
    return maker_value(&m->to, attribute, name);
}

/* Users in order draw their country; rows are then grouped by it. */
static void make_countries(drawer *m)
{
    const uint32_t id = maker_declare(&m->to, "country", KIND_ONE_OF);
    const uint32_t rows = m->row_count;
    uint8_t *of = mem_alloc(rows + 1);
    size_t first[COUNTRIES + 1] = {0};
    double below[COUNTRIES];
    double sum = 0;

    for (uint32_t i = 0; i < COUNTRIES; i++)
        below[i] = sum += pow(i + 1, -COUNTRY_POWER);
    for (uint32_t row = 0; row < rows; row++) {
        const double u = random_unit(&m->random) * sum;
        uint32_t low = 0;
        uint32_t high = COUNTRIES - 1;
        while (low < high) {
            const uint32_t mid = (low + high) / 2;
            if (below[mid] <= u)
                low = mid + 1;
            else
                high = mid;
        }
        of[row] = (uint8_t)low;
        first[low + 1]++;
    }
    for (uint32_t i = 0; i < COUNTRIES; i++)
        first[i + 1] += first[i];
    uint32_t *order = mem_array(rows + 1, sizeof *order);
    size_t at[COUNTRIES];
    memcpy(at, first, sizeof at);
    for (uint32_t row = 0; row < rows; row++)
        order[at[of[row]]++] = row;
    for (uint32_t i = 0; i < COUNTRIES; i++) {
        maker_put(&m->to, maker_held(id, value_of(m, id, 'c', i)),
                  order + first[i], first[i + 1] - first[i]);
    }
    mem_free(order);
    mem_free(of);
}

/* Interests a user has when each is drawn `draws` times by Zipf(1). */
static double mean_interests(double draws)
{
    double harmonic = 0;
    double mean = 0;
    for (int i = 1; i <= INTERESTS; i++)
        harmonic += 1.0 / i;
    for (int i = 1; i <= INTERESTS; i++)
        mean += 1 - pow(1 - 1 / (i * harmonic), draws);
    return mean;
}

static void make_interests(drawer *m)
{
    const uint32_t id = maker_declare(&m->to, "interest", KIND_MANY_OF);
    double harmonic = 0;
    double draws = INTERESTS_A_USER;

    for (int i = 1; i <= INTERESTS; i++)
        harmonic += 1.0 / i;
    while (mean_interests(draws) < INTERESTS_A_USER)
        draws += 0.01;
    for (uint32_t i = 0; i < INTERESTS; i++) {
        const double density = 1 - pow(1 - 1 / ((i + 1) * harmonic), draws);
        const uint32_t value = value_of(m, id, 'i', i);
        maker_put(&m->to, maker_held(id, value), m->rows,
                  draw_rows(m, density));
    }
}

static void make_visits(drawer *m)
{
    const uint32_t id = maker_declare(&m->to, "visit", KIND_EVENT);
    const uint32_t today = (uint32_t)clock_day_of(m->to.w->now);

    for (uint32_t ago = DAYS; ago-- > 0;) {
        const plane_key key = {id, 0, ROLE_SEEN, 0, 0, today - ago};
        maker_put(&m->to, key, m->rows, draw_rows(m, DAY_DENSITY));
    }
}

world *w_open(uint64_t users, uint64_t seed)
{
    drawer m = {.row_count = (uint32_t)users};

    maker_init(&m.to, users);
    m.rows = mem_array(users + 1, sizeof *m.rows);
    random_seed(&m.random, seed);
    make_flags(&m);
    make_countries(&m);
    make_interests(&m);
    make_visits(&m);
    mem_free(m.rows);
    return maker_finish(&m.to);
}
