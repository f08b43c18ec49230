/* Models of stars in an order that keeps similar ones together, and what the search for a star's acceptable models needs.

   Sixteen models in a row make a group, sixteen groups a block, sixteen blocks a node of level 2, and so on up to one
   root: the tree is implicit. Fluxes are divided by a power of two for each band, which changes no digit. */
#ifndef FASTSED_STARS_H
#define FASTSED_STARS_H

#include <math.h>
#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "simd.h"

#ifdef __GNUC__
#define PREFETCH(p) __builtin_prefetch(p)
#else
#define PREFETCH(p) ((void)(p))
#endif

#define FAN 16
#define BLOCK (FAN * FAN)
#define MAX_BANDS 64
#define MAX_LEVELS 8
/* lnP of the screen below which squares overflow: such stars are compared with every model */
#define HOPELESS (-1e30)

typedef struct {
    ptrdiff_t nband, padded, nmodel, ngroup, nblock, record;
    int nlevel, full, exhaustive;
    double top;                    /* largest constant */
    const double *exact;           /* [nmodel][record]: fluxes, constant, then 1/errors or the inverse covariance */
    const float *leaf;             /* [ngroup][2 nband + 1][FAN] */
    const double *centre;          /* [nblock][nband] */
    const float *spread;           /* [nblock] */
    const float *node[MAX_LEVELS]; /* level 1 (blocks) and up: [n][4 nband + 1][FAN] */
    const uint32_t *row;           /* [nmodel] of the grid */
} tree_t;

typedef struct {
    const tree_t *t;
    double y[MAX_BANDS + 4];
    float down[MAX_BANDS], up[MAX_BANDS];
    double window; /* - threshold */
    double safe;   /* the largest lnP - top is not below it */
    float threshold;
    ptrdiff_t ncandidate;
    uint16_t *mask;     /* [ngroup] candidates */
    uint64_t *marked;   /* a bit a group */
    uint64_t *occupied; /* a bit a word of `marked` */
} search_t;

/* Inlined into code of each SIMD level: four sums side by side, in which products and sums are never contracted. */
ALWAYS_INLINE double fixed_chi2(const double *restrict record, const double *restrict y, ptrdiff_t padded)
{
    const double *restrict errors = record + padded;
    double sum[4] = {0, 0, 0, 0};
    for (ptrdiff_t k = 0; k < padded; k += 4)
        for (int j = 0; j < 4; j++) {
            const double r = (y[k + j] - record[k + j]) * errors[k + j];
            sum[j] += r * r;
        }
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static double covariance_chi2(const double *record, const double *y, ptrdiff_t nband, ptrdiff_t padded)
{
    const double *inverse = record + padded;
    double d[MAX_BANDS], sum = 0;
    for (ptrdiff_t k = 0; k < nband; k++)
        d[k] = y[k] - record[k];
    for (ptrdiff_t k = 0; k < nband; k++) {
        double part = *inverse++ * d[k];
        for (ptrdiff_t l = k + 1; l < nband; l++)
            part += *inverse++ * d[l]; /* twice the element */
        sum += part * d[k];
    }
    return sum;
}

/* The one routine that decides; the same bits at every SIMD level, as products and sums are not contracted. */
static double model_chi2(const tree_t *t, const double *y, ptrdiff_t i)
{
    const double *record = t->exact + i * t->record;
    return t->full ? covariance_chi2(record, y, t->nband, t->padded) : fixed_chi2(record, y, t->padded);
}

static double model_constant(const tree_t *t, ptrdiff_t i) { return t->exact[i * t->record + t->nband]; }

#define U22 0x1p-22
#define U44 0x1p-44

/* How far lnP of the screen may be from the truth in a block, for models that can still be within the window.

   A residual r = a y' - b' has five roundings, of 2^-24 each, of terms no larger than |r| + 2 |b'|; by Cauchy's
   inequality sum |r| |b'| <= R W, with W^2 = sum max b'^2 and R^2 = sum r^2 <= 2 (window + top - lnP). */
static double screen_slack(const search_t *s, double spread)
{
    const double terms = 2 + 0.125 * (double)s->t->nband;
    double square = 2 * (s->window + 1 - s->safe), slack = 0;
    for (int i = 0; i < 2; i++) {
        slack = U22 * (sqrt(square) * spread + terms * square) + U44 * (spread * spread + square);
        if (slack < 0.5)
            break;
        square += 2 * slack;
    }
    return slack;
}

/* lnP - top of the screen below which nothing counts */
static void raise_safe(search_t *s, double value)
{
    if (value > s->safe) {
        s->safe = value;
        s->threshold = (float)(value - s->window - U22 * (1 + s->window - value));
    }
}

static void mark(search_t *s, ptrdiff_t group, unsigned hits)
{
    s->mask[group] = (uint16_t)hits;
    s->marked[group >> 6] |= (uint64_t)1 << (group & 63);
    s->occupied[group >> 12] |= (uint64_t)1 << (group >> 6 & 63);
    for (; hits; hits &= hits - 1)
        s->ncandidate++;
}

/* lnP - top of the models of a group by the arbiter; raises `safe` by the best of those that `hits` names. */
static void try_exactly(search_t *s, ptrdiff_t group, unsigned hits)
{
    for (; hits; hits &= hits - 1) {
        const ptrdiff_t i = group * FAN + lowest_bit(hits);
        if (i >= s->t->nmodel)
            break;
        const double value = model_constant(s->t, i) - 0.5 * model_chi2(s->t, s->y, i) - s->t->top;
        raise_safe(s, value - 1e-9 * (1 - value));
    }
}

static void mark_all(search_t *s)
{
    for (ptrdiff_t g = 0; g < s->t->ngroup; g++) {
        const ptrdiff_t left = s->t->nmodel - g * FAN;
        if (left <= 0)
            break;
        mark(s, g, left < FAN ? (1u << left) - 1 : 0xFFFFu);
    }
}

static float rounded_down(double x)
{
    const float f = (float)x;
    return (double)f > x ? nextafterf(f, -INFINITY) : f;
}

static float rounded_up(double x)
{
    const float f = (float)x;
    return (double)f < x ? nextafterf(f, INFINITY) : f;
}

#endif
