/* Best fits: blocks of sources against parts of a tile, and the winners of the parts. */
#ifndef FASTSED_BEST_FIT_H
#define FASTSED_BEST_FIT_H

#include "screen.h"

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

static double reach_of_best(const source_t *s, ptrdiff_t nband, const void *state)
{
    return screen_threshold((const best_t *)state, s, nband);
}

static void visit_for_best(const tile_t *t, screened_t *s, ptrdiff_t m)
{
    best_t *best = (best_t *)s->state;
    try_model(t, &s->source, m, best);
    s->reach = screen_threshold(best, &s->source, t->nband);
}

static void best_of_one(const tile_t *t, const source_t *s, distances_fn distances, void *state, double *scratch)
{
    best_t *best = (best_t *)state;
    const double *distance2;
    const double nearest2 = distances_of_one(t, s, distances, scratch, &distance2);
    double limit = best->model < 0 ? HUGE_VAL : best->chi2 + best->tolerance;
    if (!(nearest2 <= limit))
        return;
    for (ptrdiff_t m = 0; m < t->nmodel; m++)
        if (distance2[m] <= limit) {
            try_model(t, s, m, best);
            limit = best->model < 0 ? HUGE_VAL : best->chi2 + best->tolerance;
        }
}

static const purpose_t best_fits = {reach_of_best, visit_for_best, best_of_one};

/* One block of sources and one part of the tile, the unit of work of a thread: brings the best fits up to date or,
   where other parts of the tile have their say too, fills `winners` [nactive]. `single` has the fluxes of the tile from
   model `begin` on, where enough sources share them; else no flux. */
static void fit_item(const tile_t *t, const fluxes_t *single, ptrdiff_t begin, const data_t *d, bests_t *bests,
                     const searchers_t *search, const int64_t *active, ptrdiff_t nactive, ptrdiff_t block,
                     ptrdiff_t from, ptrdiff_t to, best_t *winners, double *scratch)
{
    const int64_t *ids;
    const int n = sources_of_block(search, active, nactive, block, &ids);
    const tile_t part = part_of_tile(t, from, to);
    const fluxes_t fluxes = fluxes_from(t, single, begin, from);
    best_t best[MAX_BLOCK];
    void *states[MAX_BLOCK];
    for (int k = 0; k < n; k++) {
        best[k] = get_best(bests, ids[k]);
        states[k] = &best[k];
    }
    screen_sources(&part, &fluxes, d, search, ids, n, &best_fits, states, scratch);
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
