/* chi2 of all models of a tile with one source, for the chi2 grid. */
#ifndef FASTSED_CHI2_ROWS_H
#define FASTSED_CHI2_ROWS_H

#include "chi2_kernels.h"

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
