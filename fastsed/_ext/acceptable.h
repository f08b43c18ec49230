/* The models nearly as good as the best of each source. */
#ifndef FASTSED_ACCEPTABLE_H
#define FASTSED_ACCEPTABLE_H

#include "screen.h"

typedef struct {
    int64_t source, model;
    double chi2, scale, spec_scale;
} acceptable_t;

/* Acceptable models of one thread; grows as needed. */
typedef struct {
    acceptable_t *rows;
    ptrdiff_t count, capacity;
    int failed;
} acceptables_t;

/* A source that collects the models whose chi2 is below `limit`. */
typedef struct {
    int64_t source;
    double limit;
    acceptables_t *models;
} collected_t;

static void add_acceptable(acceptables_t *g, acceptable_t row)
{
    if (g->count == g->capacity) {
        const ptrdiff_t capacity = g->capacity ? 2 * g->capacity : 1024;
        acceptable_t *rows = (acceptable_t *)realloc(g->rows, sizeof(acceptable_t) * (size_t)capacity);
        if (!rows) {
            g->failed = 1;
            return;
        }
        g->rows = rows;
        g->capacity = capacity;
    }
    g->rows[g->count++] = row;
}

ONE_ROUNDING static void collect_model(const tile_t *t, const source_t *s, ptrdiff_t m, const collected_t *c)
{
    acceptable_t g = {c->source, t->first + t->ids[m], 0, 0, 0};
    g.chi2 = exact_chi2(t, s, m, &g.scale, &g.spec_scale);
    if (g.chi2 < c->limit)
        add_acceptable(c->models, g);
}

static double reach_of_limit(const source_t *s, ptrdiff_t nband, const void *state)
{
    return s->total - ((const collected_t *)state)->limit - rounding_of_sums(nband) * s->total;
}

static void visit_acceptable(const tile_t *t, screened_t *s, ptrdiff_t m)
{
    collect_model(t, &s->source, m, (const collected_t *)s->state);
}

static void acceptable_of_one(const tile_t *t, const source_t *s, distances_fn distances, void *state, double *scratch)
{
    const collected_t *c = (const collected_t *)state;
    const double *distance2;
    const double nearest2 = distances_of_one(t, s, distances, scratch, &distance2);
    for (ptrdiff_t m = 0; nearest2 < c->limit && m < t->nmodel; m++)
        if (distance2[m] < c->limit)
            collect_model(t, s, m, c);
}

static const purpose_t acceptable_models = {reach_of_limit, visit_acceptable, acceptable_of_one};

/* Collect from models [from, to) of a tile for the sources of one block, whose limits are [nsource]; `single` as of
   `fluxes_from`. */
static void collect_block(const tile_t *t, const fluxes_t *single, ptrdiff_t from, ptrdiff_t to, const data_t *d,
                          const searchers_t *search, const int64_t *active, ptrdiff_t nactive, ptrdiff_t block,
                          const double *limit, acceptables_t *models, double *scratch)
{
    const int64_t *ids;
    const int n = sources_of_block(search, active, nactive, block, &ids);
    const tile_t part = part_of_tile(t, from, to);
    const fluxes_t fluxes = fluxes_from(t, single, from, from);
    collected_t collected[MAX_BLOCK];
    void *states[MAX_BLOCK];
    for (int k = 0; k < n; k++) {
        collected[k] = (collected_t){ids[k], limit[ids[k]], models};
        states[k] = &collected[k];
    }
    screen_sources(&part, &fluxes, d, search, ids, n, &acceptable_models, states, scratch);
}

#endif
