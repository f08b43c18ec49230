/* Best fits: blocks of sources against parts of a tile, and the winners of the parts. */
#ifndef FASTSED_BEST_FIT_H
#define FASTSED_BEST_FIT_H

#include "chi2_kernels.h"
#include "columns.h"

/* Sources of a block, at most, at any level. */
#define MAX_BLOCK 4

/* Fluxes [nband][stride] of a tile in double precision, or in single precision in `unit` [nband] of each column, which
   leaves none above 1. */
typedef struct {
    const void *flux;
    ptrdiff_t stride;
    const double *unit;
} fluxes_t;

/* A source as the screen sees it: see normalise_columns. */
typedef struct {
    const source_t *source;
    const double *weight, *weighted;
    double per_total;
} screened_t;

/* What num^2/den must reach for a model to be worth an exact evaluation; below zero: look at every model. */
static double screen_threshold(const best_t *b, const source_t *s, ptrdiff_t nband)
{
    if (b->model < 0)
        return -1.0;
    return s->total - b->chi2 - b->tolerance - rounding_of_sums(nband) * s->total;
}

ONE_ROUNDING static void try_model(const tile_t *t, const source_t *s, ptrdiff_t m, best_t *b)
{
    double scale, spec_scale;
    const double chi2 = exact_chi2(t, s, m, &scale, &spec_scale);
    const int64_t order = t->order[m] * t->nz + t->iz;
    if (improves(b, chi2, order)) {
        b->chi2 = chi2;
        b->scale = scale;
        b->spec_scale = spec_scale;
        b->model = t->first + t->ids[m];
        b->order = order;
        b->tolerance = rounding_of(chi2, s->total);
    }
}

#define KERNEL "chi2_screen.h"
#include "each_precision.h"

typedef void (*screen_block_fn)(const tile_t *, const fluxes_t *, const screened_t *, best_t *, int, void *);

typedef struct {
    screen_block_fn block, block_single;
    distances_fn distances;
    int block_size;
} searchers_t;

static inline searchers_t choose_searchers(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return (searchers_t){screen_block_avx512_double, screen_block_avx512_single, distances_avx512, 4};
    if (level == SIMD_AVX2)
        return (searchers_t){screen_block_avx2_double, screen_block_avx2_single, distances_avx2, 2};
#endif
    return (searchers_t){screen_block_plain_double, screen_block_plain_single, distances_plain, 2};
}

/* Models [from, to) of a tile in single precision: rows of `stride`, filled up with zeros. */
static fluxes_t single_fluxes(const tile_t *t, ptrdiff_t from, ptrdiff_t to, ptrdiff_t stride, float *flux, double *unit)
{
    for (ptrdiff_t b = 0; b < t->nband; b++) {
        const double *row = t->flux + b * t->stride;
        float *out = flux + b * stride;
        double most = 0;
        for (ptrdiff_t m = from; m < to; m++)
            most = fabs(row[m]) > most ? fabs(row[m]) : most;
        int exponent = 0;
        frexp(most < HUGE_VAL ? most : 1, &exponent);
        /* its square, too, is a number */
        unit[b] = ldexp(1.0, exponent < -500 ? -500 : exponent > 500 ? 500 : exponent);
        const double per_unit = 1 / unit[b];
        for (ptrdiff_t m = from; m < to; m++)
            out[m - from] = (float)(row[m] * per_unit);
        for (ptrdiff_t m = to - from; m < stride; m++)
            out[m] = 0;
    }
    return (fluxes_t){flux, stride, unit};
}

static best_t get_best(const bests_t *b, int64_t i)
{
    return (best_t){b->chi2[i], b->scale[i], b->spec_scale[i], b->tolerance[i], b->model[i], b->order[i]};
}

static void put_best(bests_t *b, int64_t i, const best_t *x)
{
    b->chi2[i] = x->chi2;
    b->scale[i] = x->scale;
    b->spec_scale[i] = x->spec_scale;
    b->tolerance[i] = x->tolerance;
    b->model[i] = x->model;
    b->order[i] = x->order;
}

/* doubles of scratch that fit_block needs */
static ptrdiff_t block_scratch(ptrdiff_t nband, ptrdiff_t stride) { return (5 * MAX_BLOCK + 2) * nband + 2 * stride; }

/* One source by itself: many columns, two scales, or nobody to share the models with.
   scratch: 2 nband + 2 stride doubles. */
static void screen_one(const tile_t *t, const source_t *s, const searchers_t *search, best_t *best, double *scratch)
{
    double *root = scratch, *data = root + t->nband, *distance2 = data + t->nband;
    for (ptrdiff_t b = 0; b < t->nband; b++) {
        root[b] = sqrt(s->weight[b]);
        data[b] = root[b] * s->value[b];
    }
    const double nearest2 = search->distances(
        t->flux, t->stride, t->nmodel, t->nband, s->own_spec_scale ? t->nmain : t->nband, root, data, s->total,
        rounding_of_sums(t->nband) * s->total, distance2, distance2 + t->stride);
    double limit = best->model < 0 ? HUGE_VAL : best->chi2 + best->tolerance;
    if (!(nearest2 <= limit))
        return;
    for (ptrdiff_t m = 0; m < t->nmodel; m++)
        if (distance2[m] <= limit) {
            try_model(t, s, m, best);
            limit = best->model < 0 ? HUGE_VAL : best->chi2 + best->tolerance;
        }
}

/* Fit up to search.block_size sources, of numbers ids, to a tile; best[k] is brought up to date. */
static void fit_block(const tile_t *t, const fluxes_t *fluxes, const data_t *d, const searchers_t *search,
                      const int64_t *ids, int n, best_t *best, double *scratch)
{
    double *columns = scratch + MAX_BLOCK * d->nband, *rest = columns + 2 * MAX_BLOCK * d->nband;
    source_t plain[MAX_BLOCK];
    screened_t screened[MAX_BLOCK];
    best_t plain_best[MAX_BLOCK];
    int slots[MAX_BLOCK], nplain = 0;

    for (int k = 0; k < n; k++) {
        const source_t source = prepare_source(d, ids[k], scratch + k * d->nband);
        if (source.own_spec_scale || n == 1) {
            screen_one(t, &source, search, &best[k], rest);
            continue;
        }
        double *weight = columns + 2 * nplain * d->nband, *weighted = weight + d->nband;
        normalise_columns(&source, d->nband, fluxes->unit, weight, weighted);
        plain[nplain] = source;
        screened[nplain] = (screened_t){&plain[nplain], weight, weighted, source.total > 0 ? 1 / source.total : 1};
        plain_best[nplain] = best[k];
        slots[nplain++] = k;
    }
    if (nplain == 0)
        return;
    (fluxes->unit ? search->block_single : search->block)(t, fluxes, screened, plain_best, nplain, rest);
    for (int s = 0; s < nplain; s++)
        best[slots[s]] = plain_best[s];
}

/* Models [from, to) of a tile, as a tile. */
static tile_t part_of_tile(const tile_t *t, ptrdiff_t from, ptrdiff_t to)
{
    tile_t p = *t;
    p.nmodel = to - from;
    p.flux = t->flux + from;
    p.dust = t->dust ? t->dust + from : NULL;
    p.ids = t->ids + from;
    p.order = t->order + from;
    return p;
}

/* One block of sources and one part of the tile, the unit of work of a thread: brings the best fits up to date or,
   where other parts of the tile have their say too, fills `winners` [nactive]. `single` has the fluxes of the tile from
   model `begin` on, where enough sources share them; else no flux. */
static void fit_item(const tile_t *t, const fluxes_t *single, ptrdiff_t begin, const data_t *d, bests_t *bests,
                     const searchers_t *search, const int64_t *active, ptrdiff_t nactive, ptrdiff_t block,
                     ptrdiff_t from, ptrdiff_t to, best_t *winners, double *scratch)
{
    const int64_t *ids = active + block * search->block_size;
    const ptrdiff_t left = nactive - block * search->block_size;
    const int n = left < search->block_size ? (int)left : search->block_size;
    const tile_t part = part_of_tile(t, from, to);
    fluxes_t fluxes = {part.flux, t->stride, NULL};
    if (single->flux)
        fluxes = (fluxes_t){(const float *)single->flux + (from - begin), single->stride, single->unit};
    best_t best[MAX_BLOCK];
    for (int k = 0; k < n; k++)
        best[k] = get_best(bests, ids[k]);
    fit_block(&part, &fluxes, d, search, ids, n, best, scratch);
    for (int k = 0; k < n; k++)
        if (winners)
            winners[block * search->block_size + k] = best[k];
        else
            put_best(bests, ids[k], &best[k]);
}

/* Fold the parts' winners, in the order of the parts, into the best fits. */
static void merge_parts(bests_t *bests, const int64_t *active, ptrdiff_t nactive, const best_t *winners,
                        ptrdiff_t nparts)
{
    for (ptrdiff_t i = 0; i < nactive; i++) {
        best_t best = get_best(bests, active[i]);
        for (ptrdiff_t p = 0; p < nparts; p++) {
            const best_t *x = &winners[p * nactive + i];
            if (x->model >= 0 && x->model != best.model && improves(&best, x->chi2, x->order))
                best = *x;
        }
        put_best(bests, active[i], &best);
    }
}

#endif
