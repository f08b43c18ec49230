/* The fit of one redshift: blocks of sources against a tile of models. */
#ifndef FASTSED_CHI2_KERNELS_H
#define FASTSED_CHI2_KERNELS_H

#include "simd.h"
#include "chi2_exact.h"
#if FASTSED_X86
#include <immintrin.h>
#endif

/* models whose distances are found together; a multiple of every vector */
#define DISTANCE_BLOCK 128
/* up to so many coordinates, sums stay in registers */
#define FEW_COORDINATES 16

/* Sources of a block, at most, at any level. */
#define MAX_BLOCK 4

#define KERNEL "chi2_screen.h"
#include "each_level.h"
#define KERNEL "chi2_distances.h"
#include "each_level.h"

typedef double (*distances_fn)(const double *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const double *,
                               const double *, double, double, double *, double *);
typedef void (*chi2_and_scale_fn)(const double *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const double *, const double *,
                                  double, double *, double *);
typedef void (*screen_block_fn)(const tile_t *, const source_t *, best_t *, int, const double *, const double *);

typedef struct {
    screen_block_fn block;
    distances_fn distances;
    chi2_and_scale_fn chi2_and_scale;
    int block_size;
} screens_t;

static screens_t choose_screens(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return (screens_t){screen_block_avx512, distances_avx512, chi2_and_scale_avx512, 4};
    if (level == SIMD_AVX2)
        return (screens_t){screen_block_avx2, distances_avx2, chi2_and_scale_avx2, 2};
#endif
    return (screens_t){screen_block_plain, distances_plain, chi2_and_scale_plain, 2};
}

/* The data of all sources, [nsource][nband] each; variance is infinite where masked. */
typedef struct {
    ptrdiff_t nband;
    const double *value, *variance;
    const double *template_error2; /* [nband] squared relative error at this redshift */
    const unsigned char *own_spec_scale;
    const int *log_component;
    const double *log_lir, *log_error;
} data_t;

/* Best fits so far, [nsource] each. */
typedef struct {
    double *chi2, *scale, *spec_scale, *tolerance;
    int64_t *model, *order;
} bests_t;

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

/* Weights of source i at this redshift into w [nband]. */
static source_t prepare_source(const data_t *d, int64_t i, double *w)
{
    const double *value = d->value + i * d->nband, *variance = d->variance + i * d->nband;
    double total = 0;
    for (ptrdiff_t b = 0; b < d->nband; b++) {
        w[b] = 1.0 / (variance[b] + d->template_error2[b] * value[b] * value[b]);
        total += w[b] * value[b] * value[b];
    }
    return (source_t){w, value, total, d->own_spec_scale[i], d->log_component[i], d->log_lir[i], d->log_error[i]};
}

/* doubles of scratch that fit_block needs */
static ptrdiff_t block_scratch(ptrdiff_t nband, ptrdiff_t stride) { return (3 * MAX_BLOCK + 2) * nband + 2 * stride; }

/* One source by itself: many columns, two scales, or nobody to share the models with.
   scratch: 2 nband + 2 stride doubles. */
static void screen_one(const tile_t *t, const source_t *s, const screens_t *screens, best_t *best, double *scratch)
{
    double *root = scratch, *data = root + t->nband, *distance2 = data + t->nband;
    for (ptrdiff_t b = 0; b < t->nband; b++) {
        root[b] = sqrt(s->weight[b]);
        data[b] = root[b] * s->value[b];
    }
    const double nearest2 = screens->distances(
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

/* Fit up to screens.block_size sources, of numbers ids, to a tile; best[k] is brought up to date. */
static void fit_block(const tile_t *t, const data_t *d, const screens_t *screens, const int64_t *ids, int n,
                      best_t *best, double *scratch)
{
    const int ns = screens->block_size;
    double *weights = scratch + MAX_BLOCK * d->nband, *weighted = weights + MAX_BLOCK * d->nband;
    double *rest = weighted + MAX_BLOCK * d->nband;
    source_t plain[MAX_BLOCK];
    best_t plain_best[MAX_BLOCK];
    int slots[MAX_BLOCK], nplain = 0;

    for (int k = 0; k < n; k++) {
        const source_t source = prepare_source(d, ids[k], scratch + k * d->nband);
        if (source.own_spec_scale || n == 1) {
            screen_one(t, &source, screens, &best[k], rest);
        } else {
            plain[nplain] = source;
            plain_best[nplain] = best[k];
            slots[nplain++] = k;
        }
    }
    if (nplain == 0)
        return;
    for (int s = 0; s < ns; s++)
        for (ptrdiff_t b = 0; b < d->nband; b++) {
            const double w = s < nplain ? plain[s].weight[b] : 0.0;
            weights[b * ns + s] = w;
            weighted[b * ns + s] = s < nplain ? w * plain[s].value[b] : 0.0;
        }
    screens->block(t, plain, plain_best, nplain, weights, weighted);
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
   where other parts of the tile have their say too, fills `found` [nactive]. */
static void fit_item(const tile_t *t, const data_t *d, bests_t *bests, const screens_t *screens, const int64_t *active,
                     ptrdiff_t nactive, ptrdiff_t block, ptrdiff_t from, ptrdiff_t to, best_t *found, double *scratch)
{
    const int64_t *ids = active + block * screens->block_size;
    const ptrdiff_t left = nactive - block * screens->block_size;
    const int n = left < screens->block_size ? (int)left : screens->block_size;
    const tile_t part = part_of_tile(t, from, to);
    best_t best[MAX_BLOCK];
    for (int k = 0; k < n; k++)
        best[k] = get_best(bests, ids[k]);
    fit_block(&part, d, screens, ids, n, best, scratch);
    for (int k = 0; k < n; k++)
        if (found)
            found[block * screens->block_size + k] = best[k];
        else
            put_best(bests, ids[k], &best[k]);
}

/* Fold the parts' winners, in the order of the parts, into the best fits. */
static void merge_parts(bests_t *bests, const int64_t *active, ptrdiff_t nactive, const best_t *found,
                        ptrdiff_t nparts)
{
    for (ptrdiff_t i = 0; i < nactive; i++) {
        best_t best = get_best(bests, active[i]);
        for (ptrdiff_t p = 0; p < nparts; p++) {
            const best_t *x = &found[p * nactive + i];
            if (x->model >= 0 && x->model != best.model && improves(&best, x->chi2, x->order))
                best = *x;
        }
        put_best(bests, active[i], &best);
    }
}

#endif
