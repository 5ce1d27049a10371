/*
 * sample.c - how many rows hold, from a sample, with an interval that is
 * right for 95 of 100 seeds or more, else exactly.
 *
 * Rows arrive in time order: neighbours are alike and whole blocks are
 * cohorts. So every block is a stratum, and slivers (512 rows, formula.h) are
 * drawn at random within each. Nothing is assumed of the data: what is random
 * is the draw, from the seed.
 *
 *   first look    a pair of slivers of every block, some pairs where blocks
 *                 are few. Narrow enough: that is the answer.
 *   second look   another draw, of its own random numbers, of as many pairs
 *                 a block as the first look says are needed
 *   exact         when those were too many, or it was not narrow enough, or
 *                 too little was seen to know; for few users at once
 *
 * An interval is wrong with 2.5 % at each look, so with 5 % at most in all,
 * however it is decided which look answers (Bonferroni).
 *
 * With m of the M = 128 slivers of each block and y rows seen, the estimate is
 * M/m y and its variance M^2 (1 - m/M) / m^2 x sum d^2, where d are the
 * differences within pairs of slivers of a block, paired as they were drawn
 * (1 - m/M: blocks are finite). It has f = 3 (sum d^2)^2 / sum d^4 - 2 degrees
 * of freedom: the number of pairs when d is normal, about three a pair that
 * differs when few do (Welch and Satterthwaite, with fourth moments from the
 * pairs); with next to none nothing is answered from the sample.
 *
 * What no sliver showed has no part in that variance: slivers of another kind
 * that are a share of 3/n of all stay out of n drawn ones once in 20 times
 * (the rule of three). So half an interval is never less than what they would
 * change if there were that many, each as different as a sliver can be. Without
 * it, a few long runs in an even crowd made one interval of six wrong.
 *
 * What stands behind the last full block is counted.
 *
 * Sums are whole numbers, so one seed has one answer, whatever the processor.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "segment/program.h"

#include <math.h>

#include "base/random.h"

/* Fewer blocks (2 M users) are counted as fast. */
#define BLOCKS_MIN 32u
#define FIRST_PAIRS 1024u /* of the first look, in all */
#define FIRST_MAX 8u      /* slivers of a block */
/* More of a block are not much faster than all of it. */
#define SECOND_MAX 16u
#define FREEDOM_MIN 5.0
#define UNSEEN 3.0
/* The normal quantile that 2.5 % lie beyond, to both sides. */
#define LOOK_Z 2.241402727604947
/* The second look is made for this share of the width, so that it is seldom
 * too wide by chance. */
#define MARGIN 0.9
/* Memory is fetched so many blocks ahead. */
#define AHEAD 12u
#define RING 16u

typedef struct look {
    const program *g;
    formula_frame *x;
    random_state random;
    uint32_t blocks; /* that are sampled */
    uint32_t take;   /* slivers of each; even */
    uint8_t order[SLIVERS];
    uint8_t drawn[RING][SECOND_MAX];
    uint64_t seen; /* rows that hold */
    uint64_t pairs;
    uint64_t squares; /* of differences within pairs */
    uint64_t fourths;
} look;

/* ---- drawing and counting ---- */

static void look_init(look *k, const program *g, formula_frame *x,
                      uint32_t blocks, uint32_t take, uint64_t seed)
{
    memset(k, 0, sizeof *k);
    k->g = g;
    k->x = x;
    k->blocks = blocks;
    k->take = take;
    random_seed(&k->random, seed);
    for (uint32_t i = 0; i < SLIVERS; i++)
        k->order[i] = (uint8_t)i;
}

/* The first of a shuffled block. */
static void draw(look *k, uint8_t *out)
{
    for (uint32_t i = 0; i < k->take; i++) {
        const uint32_t j =
            i + (uint32_t)random_below(&k->random, SLIVERS - i);
        out[i] = k->order[j];
        k->order[j] = k->order[i];
        k->order[i] = out[i];
    }
}

static void add_pair(look *k, uint32_t a, uint32_t b)
{
    const uint64_t d = a > b ? a - b : b - a;

    k->pairs++;
    k->squares += d * d;
    k->fourths += d * d * d * d;
}

static void count_block(look *k, uint32_t block)
{
    uint32_t counts[SECOND_MAX];

    formula_count_slivers(k->x, block, k->drawn[block % RING], k->take,
                          counts);
    for (uint32_t i = 0; i < k->take; i++)
        k->seen += counts[i];
    for (uint32_t i = 0; i < k->take; i += 2)
        add_pair(k, counts[i], counts[i + 1]);
}

/* False: stopped. */
static bool look_run(look *k, program_stop *stop)
{
    for (uint32_t block = 0; block < k->blocks + AHEAD; block++) {
        if (program_stopped(stop))
            return false;
        if (block < k->blocks) {
            uint8_t *out = k->drawn[block % RING];
            draw(k, out);
            formula_fetch_slivers(k->g->formula, block, out, k->take);
        }
        if (block >= AHEAD)
            count_block(k, block - AHEAD);
    }
    return true;
}

/* ---- what it tells ---- */

static double look_estimate(const look *k)
{
    return (double)k->seen * SLIVERS / k->take;
}

static double look_deviation(const look *k)
{
    const double share = (double)k->take / SLIVERS;
    return sqrt((1 - share) * (double)k->squares) / share;
}

/* What slivers that were not seen may change. */
static double look_unseen(const look *k)
{
    const double mean =
        (double)k->seen / ((double)k->blocks * (double)k->take);
    const double other = SLIVER_ROWS - mean;
    return UNSEEN * (mean > other ? mean : other) * SLIVERS / k->take;
}

/* Student's quantile for LOOK_Z (Cornish and Fisher). */
static double student(double freedom)
{
    const double z = LOOK_Z;
    const double cube = z * z * z;
    return z + (cube + z) / (4 * freedom) +
           (5 * cube * z * z + 16 * cube + 3 * z) / (96 * freedom * freedom);
}

static double look_freedom(const look *k)
{
    const double squares = (double)k->squares;
    const double pairs = (double)k->pairs;

    if (k->squares == 0)
        return 0;
    const double moments = 3 * squares * squares / (double)k->fourths - 2;
    return moments < pairs ? moments : pairs;
}

/* Does it answer? `counted`: rows that hold behind the sampled blocks. */
static bool look_answers(const look *k, uint64_t counted, double error,
                         sample_answer *out)
{
    const uint64_t rows = k->g->state.rows;
    const uint64_t looked = (uint64_t)k->blocks * k->take * SLIVER_ROWS;
    const double freedom = look_freedom(k);

    if (freedom < FREEDOM_MIN)
        return false;
    const double count = round((double)counted + look_estimate(k));
    const double noise = student(freedom) * look_deviation(k);
    const double unseen = look_unseen(k);
    const double half = ceil(noise > unseen ? noise : unseen);
    if (half > error * count)
        return false;
    /* what was seen is sure */
    const uint64_t least = counted + k->seen;
    const uint64_t most = rows - (looked - k->seen);
    out->count = (uint64_t)count;
    out->low = (uint64_t)(count - half);
    out->high = (uint64_t)(count + half);
    out->low = out->low > least ? out->low : least;
    out->high = out->high < most ? out->high : most;
    return true;
}

/* Slivers a block that make the interval narrow enough, and trustworthy;
 * above SECOND_MAX when that would not be a sample any more. */
static uint32_t slivers_needed(const look *k, uint64_t counted, double error)
{
    const double count = (double)counted + look_estimate(k);
    const double allowed = MARGIN * error * count / LOOK_Z;
    const double one = SLIVERS * SLIVERS * (double)k->blocks *
                       (double)k->squares / (2 * (double)k->pairs);
    const double freedom = look_freedom(k);

    if (freedom <= 0)
        return SECOND_MAX + 1;
    /* one (1/m - 1/M) = allowed^2 */
    const double narrow = 1 / (allowed * allowed / one + 1.0 / SLIVERS);
    const double seen = k->take * look_unseen(k) / (MARGIN * error * count);
    const double sure = k->take * FREEDOM_MIN / (MARGIN * freedom);
    const double even = 2 * ceil(fmax(narrow, fmax(seen, sure)) / 2);
    return even > SECOND_MAX ? SECOND_MAX + 1 : (uint32_t)even;
}

/* ---- asking ---- */

static uint32_t first_slivers(uint32_t blocks)
{
    const uint32_t pairs = (FIRST_PAIRS + blocks - 1) / blocks;
    return 2 * pairs < FIRST_MAX ? 2 * pairs : FIRST_MAX;
}

/* Both looks; false when neither answers. */
static bool estimate(const program *g, const sample_request *q,
                     program_stop *stop, sample_answer *out)
{
    const uint32_t blocks = g->state.rows / BLOCK_ROWS;
    formula_frame *x = formula_frame_new(g->formula);
    const uint64_t counted =
        formula_count_blocks(x, blocks, block_total(g));
    uint32_t take = first_slivers(blocks);
    look k;

    out->sampled_rows = g->state.rows - (uint64_t)blocks * BLOCK_ROWS;
    bool done = false;
    for (uint32_t i = 0; i < 2 && !done && take <= SECOND_MAX; i++) {
        look_init(&k, g, x, blocks, take, q->seed ^ (uint64_t)i << 63);
        if (!look_run(&k, stop))
            break;
        out->sampled_rows += (uint64_t)blocks * take * SLIVER_ROWS;
        done = look_answers(&k, counted, q->error, out);
        take = slivers_needed(&k, counted, q->error);
    }
    formula_frame_free(x);
    return done;
}

void program_estimate(const program *g, const sample_request *q,
                      program_stop *stop, sample_answer *out)
{
    memset(out, 0, sizeof *out);
    ASSERT(q->error >= 0 && q->error < 1);
    if (q->error > 0 && g->state.rows / BLOCK_ROWS >= BLOCKS_MIN &&
        formula_has_slivers(g->formula)) {
        program_note_asked(g);
        if (estimate(g, q, stop, out))
            return;
    }
    out->exact = true;
    out->count = program_count_by(g, q->threads, stop);
    out->low = out->high = out->count;
    out->sampled_rows = g->state.rows;
}
