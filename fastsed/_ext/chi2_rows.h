/* chi2 of many models of one source: those acceptable beside the best, or all of a block for the chi2 grid. */
#ifndef FASTSED_CHI2_ROWS_H
#define FASTSED_CHI2_ROWS_H

#include "chi2_kernels.h"

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

/* Models of the tile whose chi2 with source `row` is below `limit`. scratch: 3 nband + 2 stride doubles. */
static void collect_acceptable(const tile_t *t, const data_t *d, const screens_t *screens, int64_t row, double limit,
                         acceptables_t *found, double *scratch)
{
    double *root = scratch + t->nband, *data = root + t->nband, *distance2 = data + t->nband;
    const source_t s = prepare_source(d, row, scratch);
    for (ptrdiff_t b = 0; b < t->nband; b++) {
        root[b] = sqrt(s.weight[b]);
        data[b] = root[b] * s.value[b];
    }
    const double nearest2 = screens->distances(
        t->flux, t->stride, t->nmodel, t->nband, s.own_spec_scale ? t->nmain : t->nband, root, data, s.total,
        rounding_of_sums(t->nband) * s.total, distance2, distance2 + t->stride);
    if (!(nearest2 < limit))
        return;
    for (ptrdiff_t m = 0; m < t->nmodel; m++) {
        if (!(distance2[m] < limit))
            continue;
        acceptable_t g = {row, t->first + t->ids[m], 0, 0, 0};
        g.chi2 = exact_chi2(t, &s, m, &g.scale, &g.spec_scale);
        if (g.chi2 < limit)
            add_acceptable(found, g);
    }
}

/* chi2, scale and spectral scale of one source with all models of the tile, [nmodel] each.
   scratch: 3 nband + 2 stride doubles. Differences of large numbers are used only where they keep the digits of single
   precision. */
static void chi2_of_models(const tile_t *t, const data_t *d, const screens_t *screens, int64_t row, double *chi2,
                           double *scale, double *spec_scale, double *scratch)
{
    double *root = scratch + t->nband, *data = root + t->nband, *left = data + t->nband, *scales = left + t->stride;
    const source_t s = prepare_source(d, row, scratch);
    const size_t size = sizeof(double) * (size_t)t->nmodel;
    const int quick = !s.own_spec_scale && s.log_component < 0 && !s.limit;
    if (quick) {
        for (ptrdiff_t b = 0; b < t->nband; b++) {
            root[b] = sqrt(s.weight[b]);
            data[b] = root[b] * s.value[b];
        }
        screens->chi2_and_scale(t->flux, t->stride, t->nmodel, t->nband, root, data, s.total, left, scales);
        memcpy(chi2, left, size);
        memcpy(scale, scales, size);
        memcpy(spec_scale, scales, size);
    }
    for (ptrdiff_t m = 0; m < t->nmodel; m++)
        if (!quick || chi2[m] < 1e-6 * s.total)
            chi2[m] = exact_chi2(t, &s, m, &scale[m], &spec_scale[m]);
}

#endif
