/* The exact chi2 of one model and one source, and the rule that says which of two models is the better.
   Compiled once, for every SIMD level: what it returns decides, the vector code only says where to look. */
#ifndef FASTSED_CHI2_EXACT_H
#define FASTSED_CHI2_EXACT_H

#include "chi2_limits.h"
#include "chi2_types.h"
#include "simd.h"
#include <math.h>

/* Largest rounding of a sum of squares over the data columns, beside the sum. */
MAY_BE_UNUSED static double rounding_of_sums(ptrdiff_t nband) { return 4e-16 * (double)(nband + 8); }

static void scale_and_residuals(const tile_t *t, const source_t *s, ptrdiff_t m, ptrdiff_t from, ptrdiff_t to,
                                double *scale, double *chi2)
{
    double num = 0, den = 0, sum = 0;
    for (ptrdiff_t b = from; b < to; b++) {
        const double f = t->flux[b * t->stride + m];
        num += s->weight[b] * s->value[b] * f;
        den += s->weight[b] * f * f;
    }
    double a = num / den;
    if (s->limit && from == 0) {
        a = limited_scale(t, s, m, a, den);
        sum = limit_chi2(t, s, m, a);
    }
    for (ptrdiff_t b = from; b < to; b++) {
        const double r = s->value[b] - a * t->flux[b * t->stride + m];
        sum += s->weight[b] * r * r;
    }
    *scale = a;
    *chi2 += sum;
}

/* chi2 of all but logarithmic luminosities, from the residuals: no difference of large numbers. */
static double linear_chi2(const tile_t *t, const source_t *s, ptrdiff_t m, double *scale, double *spec_scale)
{
    double chi2 = 0;
    if (s->own_spec_scale) {
        scale_and_residuals(t, s, m, 0, t->nmain, scale, &chi2);
        scale_and_residuals(t, s, m, t->nmain, t->nband, spec_scale, &chi2);
    } else {
        scale_and_residuals(t, s, m, 0, t->nband, scale, &chi2);
        *spec_scale = *scale;
    }
    return chi2;
}

/* chi2 of all data. */
MAY_BE_UNUSED static double exact_chi2(const tile_t *t, const source_t *s, ptrdiff_t m, double *scale, double *spec_scale)
{
    double chi2 = linear_chi2(t, s, m, scale, spec_scale);
    if (s->log_component >= 0) {
        const double l = t->dust[s->log_component * t->stride + m];
        const double d = (s->log_lir - log10(*scale * (l > 1e-4 ? l : 1e-4))) / s->log_error;
        chi2 += d * d;
    }
    return chi2;
}

/* Two chi2 closer than their rounding errors tie; the model that comes first in the tie order wins. */
MAY_BE_UNUSED static double rounding_of(double chi2, double total)
{
    return 1e-13 * (chi2 + sqrt(chi2 * total)) + 1e-26 * total;
}

MAY_BE_UNUSED static int improves(const best_t *b, double chi2, int64_t order)
{
    if (b->model < 0)
        return chi2 == chi2;
    return chi2 < b->chi2 - b->tolerance || (chi2 <= b->chi2 + b->tolerance && order < b->order);
}

#endif
