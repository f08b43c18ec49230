/* A source by columns as screens see it: numbers of the order of one, whatever the units. */
#ifndef FASTSED_COLUMNS_H
#define FASTSED_COLUMNS_H

#include "chi2_types.h"
#include <math.h>

/* A source by columns of fluxes that are in some units (NULL: in those of the data). With y = value / error of unit length
   and v = 1 / error over the largest, `weight` gets v^2 and `weighted` y v: then num = sum of y v f and den = sum of v^2
   f^2 are sums of small numbers, and total num^2 / den is chi2 without a model less that with it. The square of the
   largest 1 / error comes back. */
static double normalise_columns(const source_t *s, ptrdiff_t nband, const double *unit, double *weight,
                                double *weighted)
{
    double largest = 0;
    for (ptrdiff_t b = 0; b < nband; b++) {
        const double u = unit ? unit[b] : 1;
        weight[b] = s->weight[b] * (u * u);
        weighted[b] = s->weight[b] * s->value[b] * u;
        largest = weight[b] > largest ? weight[b] : largest;
    }
    const double per_weight = largest > 0 ? 1 / largest : 0;
    const double per_length = s->total > 0 && largest > 0 ? 1 / (sqrt(s->total) * sqrt(largest)) : 0;
    for (ptrdiff_t b = 0; b < nband; b++) {
        weight[b] *= per_weight;
        weighted[b] *= per_length;
    }
    return largest;
}

#endif
