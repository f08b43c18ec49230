/* The screen of blocks of sources against models: which pairs deserve an exact chi2, and who is told of them. */
#ifndef FASTSED_SCREEN_H
#define FASTSED_SCREEN_H

#include "chi2_kernels.h"
#include "columns.h"

/* Sources of a block, at most, at any level. */
#define MAX_BLOCK 4
/* models of a tile that sources take together, at least, and their fluxes, at most: these stay in the second cache */
#define SMALLEST_PART 1024
#define PIECE_DOUBLES 65536
/* so many sources are worth a copy of the fluxes in single precision */
#define SHARED_BY 16

/* Fluxes [nband][stride] of a tile in double precision, or in single precision in `unit` [nband] of each column, which
   leaves none above 1. */
typedef struct {
    const void *flux;
    ptrdiff_t stride;
    const double *unit;
} fluxes_t;

typedef struct screened screened_t;

/* What sources do with models, and with `state`, which each of them has. */
typedef struct {
    /* by how much a model must lower chi2 to be looked at, before any is; below zero: every model */
    double (*reach)(const source_t *, ptrdiff_t nband, const void *state);
    /* look at a model that may reach it, and raise the reach if need be */
    void (*visit)(const tile_t *, screened_t *, ptrdiff_t m);
    /* go through the models by itself, with `distances_of_one` */
    void (*alone)(const tile_t *, const source_t *, distances_fn, void *state, double *scratch);
} purpose_t;

/* A source as the screen sees it: see normalise_columns. */
struct screened {
    source_t source;
    const double *weight, *weighted;
    double per_total, reach;
    const purpose_t *purpose;
    void *state;
};

#define KERNEL "chi2_screen.h"
#include "each_precision.h"

typedef void (*screen_block_fn)(const tile_t *, const fluxes_t *, screened_t *, int, void *);

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

/* Models of a tile that the sources take together. */
static inline ptrdiff_t piece_models(ptrdiff_t nmodel, ptrdiff_t nband)
{
    const ptrdiff_t most = PIECE_DOUBLES / nband / 16 * 16;
    const ptrdiff_t models = most > SMALLEST_PART ? most : SMALLEST_PART;
    return nmodel < models ? nmodel : models;
}

/* Distance between two columns of such models in single precision: whole pairs of the longest vectors. */
static inline ptrdiff_t piece_stride(ptrdiff_t nmodel, ptrdiff_t nband)
{
    return (piece_models(nmodel, nband) + 31) / 32 * 32;
}

/* Fluxes of models [from, ...) of a tile for the screen, in single precision where `single` has those from `begin` on. */
static fluxes_t fluxes_from(const tile_t *t, const fluxes_t *single, ptrdiff_t begin, ptrdiff_t from)
{
    if (single->flux)
        return (fluxes_t){(const float *)single->flux + (from - begin), single->stride, single->unit};
    return (fluxes_t){t->flux + from, t->stride, NULL};
}

/* Squared distances of a source by itself from all models, lower bounds: many columns, two scales, or nobody to share the
   models with. scratch: 2 nband + 2 stride doubles. The smallest comes back, and where all are. */
static double distances_of_one(const tile_t *t, const source_t *s, distances_fn distances, double *scratch,
                               const double **distance2)
{
    double *root = scratch, *data = root + t->nband, *found = data + t->nband;
    for (ptrdiff_t b = 0; b < t->nband; b++) {
        root[b] = sqrt(s->weight[b]);
        data[b] = root[b] * s->value[b];
    }
    *distance2 = found;
    return distances(t->flux, t->stride, t->nmodel, t->nband, s->own_spec_scale ? t->nmain : t->nband, root, data,
                     s->total, rounding_of_sums(t->nband) * s->total, found, found + t->stride);
}

/* The numbers of the sources of a block of the active ones: how many they are comes back. */
static int sources_of_block(const searchers_t *search, const int64_t *active, ptrdiff_t nactive, ptrdiff_t block,
                            const int64_t **ids)
{
    const ptrdiff_t first = block * search->block_size, left = nactive - first;
    *ids = active + first;
    return left < search->block_size ? (int)left : search->block_size;
}

/* doubles of scratch that screen_sources needs */
static ptrdiff_t screen_scratch(ptrdiff_t nband, ptrdiff_t stride) { return (5 * MAX_BLOCK + 2) * nband + 2 * stride; }

/* Show models to up to search.block_size sources, of numbers ids: states[k] is that of source k. */
static void screen_sources(const tile_t *t, const fluxes_t *fluxes, const data_t *d, const searchers_t *search,
                           const int64_t *ids, int n, const purpose_t *purpose, void **states, double *scratch)
{
    double *columns = scratch + MAX_BLOCK * d->nband, *rest = columns + 2 * MAX_BLOCK * d->nband;
    screened_t block[MAX_BLOCK];
    int nblock = 0;
    for (int k = 0; k < n; k++) {
        const source_t source = prepare_source(d, ids[k], scratch + k * d->nband);
        if (source.own_spec_scale || n == 1) {
            purpose->alone(t, &source, search->distances, states[k], rest);
            continue;
        }
        double *weight = columns + 2 * nblock * d->nband, *weighted = weight + d->nband;
        normalise_columns(&source, d->nband, fluxes->unit, weight, weighted);
        block[nblock++] = (screened_t){source, weight, weighted, source.total > 0 ? 1 / source.total : 1,
                                       purpose->reach(&source, d->nband, states[k]), purpose, states[k]};
    }
    if (nblock)
        (fluxes->unit ? search->block_single : search->block)(t, fluxes, block, nblock, rest);
}

#endif
