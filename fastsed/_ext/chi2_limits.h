/* Upper limits: the true flux is below a limit with a Gaussian error. chi2 gets -2 ln Phi((limit - scale flux) / error)
   of each, and is still convex in the scale. */
#ifndef FASTSED_CHI2_LIMITS_H
#define FASTSED_CHI2_LIMITS_H

#include "chi2_types.h"
#include <math.h>

/* below it the asymptotic series of the normal distribution has all digits */
#define FAR_BELOW -25.0
#define ROOT_HALF 0.70710678118654752440
#define HALF_LN_2PI 0.91893853320467274178
/* steps of Newton's method, or halves of what is left; a few are enough */
#define MOST_STEPS 200
/* relative to the scale; chi2 is that of the minimum to the square of it */
#define CONVERGED 1e-14

/* What the asymptotic series Phi(x) = phi(x) / -x (1 - tail) takes away, for x below FAR_BELOW. */
static double tail_series(double x)
{
    const double r = 1 / (x * x);
    return r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r * (1 - 9 * r * (1 - 11 * r)))));
}

/* ln Phi(x) */
static double ln_normal_below(double x)
{
    if (x < FAR_BELOW)
        return -0.5 * x * x - HALF_LN_2PI - log(-x) + log1p(-tail_series(x));
    return log(0.5 * erfc(-x * ROOT_HALF));
}

/* phi(x) / Phi(x); `more` is it plus x, without the digits that their difference loses where x is far below 0. */
static double normal_hazard(double x, double *more)
{
    if (x < FAR_BELOW) {
        const double tail = tail_series(x);
        *more = -x * tail / (1 - tail);
        return -x / (1 - tail);
    }
    const double hazard = exp(-0.5 * x * x - HALF_LN_2PI) / (0.5 * erfc(-x * ROOT_HALF));
    *more = hazard + x;
    return hazard;
}

/* What the limits add to chi2 at a scale. */
static double limit_chi2(const tile_t *t, const source_t *s, ptrdiff_t m, double scale)
{
    double sum = 0;
    for (ptrdiff_t b = 0; b < t->nmain; b++)
        if (s->limit_error[b] < HUGE_VAL)
            sum -= 2 * ln_normal_below((s->limit[b] - scale * t->flux[b * t->stride + m]) / s->limit_error[b]);
    return sum;
}

/* Half of the first and of the second derivative of that. */
static double limit_derivatives(const tile_t *t, const source_t *s, ptrdiff_t m, double scale, double *second)
{
    double first = 0;
    *second = 0;
    for (ptrdiff_t b = 0; b < t->nmain; b++)
        if (s->limit_error[b] < HUGE_VAL) {
            const double f = t->flux[b * t->stride + m] / s->limit_error[b];
            double more;
            const double hazard = normal_hazard(s->limit[b] / s->limit_error[b] - scale * f, &more);
            first += f * hazard;
            *second += f * f * hazard * more;
        }
    return first;
}

/* The scale of the smallest chi2, from that of the detections and their squared norm: Newton's method on the derivative, which
   rises with the scale. Where a step leaves the interval in which the derivative changes sign, half of it is taken: beyond
   the limits the derivative is that of the detections alone, and the step would lead back to where it began. */
static double limited_scale(const tile_t *t, const source_t *s, ptrdiff_t m, double detected, double norm2)
{
    double scale = detected, low = -HUGE_VAL, high = HUGE_VAL;
    if (!(norm2 > 0) || !(fabs(detected) < HUGE_VAL))
        return detected;
    for (int k = 0; k < MOST_STEPS; k++) {
        double second;
        const double before = scale, first = norm2 * (scale - detected) + limit_derivatives(t, s, m, scale, &second);
        if (first > 0)
            high = scale;
        else
            low = scale;
        scale -= first / (norm2 + (second > 0 ? second : 0));
        if (!(scale >= low && scale <= high))
            scale = low + 0.5 * (high - low);
        if (!(fabs(scale - before) > CONVERGED * fabs(before)))
            break;
    }
    return scale;
}

#endif
