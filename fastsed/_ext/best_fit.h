/* Best fits: blocks of sources against parts of a tile, and the winners of the parts. */
#ifndef FASTSED_BEST_FIT_H
#define FASTSED_BEST_FIT_H

#include "chi2_kernels.h"

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
   where other parts of the tile have their say too, fills `winners` [nactive]. */
static void fit_item(const tile_t *t, const data_t *d, bests_t *bests, const screens_t *screens, const int64_t *active,
                     ptrdiff_t nactive, ptrdiff_t block, ptrdiff_t from, ptrdiff_t to, best_t *winners, double *scratch)
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
        if (winners)
            winners[block * screens->block_size + k] = best[k];
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
