/* Posteriors: the weights of all models of a source, summed over the cells of the axes and over bins of properties.

   Models come in pieces of a tile, [cell][population]: what depends on the population alone is binned once for all dust
   cells, what depends on the cell once for all populations. The vector code has lanes of eight doubles at every SIMD
   level and is compiled without fused operations, so that sums are the same to the last bit. */
#ifndef FASTSED_POSTERIOR_H
#define FASTSED_POSTERIOR_H

#include "chi2_kernels.h"
#include "scratch.h"

/* models that are summed side by side; populations are padded to a multiple of it */
#define LANES 8
/* bins of a quantity without logarithm: they become wider where there would be more */
#define MOST_LINEAR_BINS 4096
/* bits of the first value of such a quantity that its bins resolve */
#define LINEAR_BITS 20
/* weights stay below exp of it, and their squares are finite */
#define LARGEST_LN 300.0
/* differences of sums over more than this squared S/N lose the digits of chi2 */
#define LARGEST_TOTAL 1e8
/* Phi(x) is one in double precision beyond it */
#define CERTAIN 8.3

/* Weights in bins; the first bin begins at low / per_step. */
typedef struct {
    int64_t low;
    ptrdiff_t n;
    double per_step;
    double *weight;
} histogram_t;

/* Moments of a property about `origin`, its first value; `invalid` is the weight of the models without a value. */
typedef struct {
    double origin, invalid, first, second;
} moments_t;

/* What is known of a source: weights are relative to exp(reference). */
typedef struct {
    double reference, largest, sum, squares, width;
} sums_t;

/* One property: how it follows from the value of the model. */
typedef struct {
    double factor;           /* of log10(scale) that is added */
    double per_step;         /* bins per unit; 0: as wide as its values ask for */
    int of_model;            /* 0: the same for all dust cells */
    int is_ratio;            /* scale over that of the spectrum */
} property_t;

/* Some models of a tile, [ncell][npopulation]. */
typedef struct {
    tile_t tile;
    ptrdiff_t ncell, npopulation, naxes;
    const double *ln_weight; /* [stride] ln(prior x cell widths), -inf for models that do not exist */
    const double *values;    /* [nproperty][stride]; of populations: the first npopulation of each row */
    const int64_t *cell_bins;       /* [2][ncell] indices in the histogram of the axes */
    const int64_t *population_bins; /* [naxes][npopulation] */
    int64_t z_bin, metal_bin;
} piece_t;

/* What all sources share. */
typedef struct {
    ptrdiff_t nproperty, nbin;
    ptrdiff_t nmodel_property; /* properties that differ between dust cells */
    const property_t *property;
    double cut;
    int marginal;
} weighing_t;

/* One source. */
typedef struct {
    sums_t *sums;
    double *axes;            /* [nbin] */
    moments_t *moments;      /* [nproperty] */
    histogram_t *histograms; /* [nproperty] */
    double *population;      /* [npopulation] weights that are not yet in axes and histograms; or NULL */
    ptrdiff_t npopulation;
    int failed;
} posterior_t;

/* Models that may count, as vectors of LANES. */
typedef struct {
    ptrdiff_t n;
    ptrdiff_t *start;        /* [n] the first model of each */
    double *ln, *scale, *gain, *norm2, *ratio; /* [n][LANES] */
} models_t;

static int64_t whole_below(double x)
{
    const int64_t k = (int64_t)x;
    return k - (x < (double)k);
}

/* Join the bins two by two. */
static void widen_bins(histogram_t *h)
{
    const int64_t low = whole_below(0.5 * (double)h->low);
    const ptrdiff_t n = (ptrdiff_t)(whole_below(0.5 * (double)(h->low + h->n - 1)) - low) + 1;
    for (ptrdiff_t i = 0; i < h->n; i++) {
        const ptrdiff_t to = (ptrdiff_t)(whole_below(0.5 * (double)(h->low + i)) - low);
        const double w = h->weight[i];
        h->weight[i] = 0;
        h->weight[to] += w;
    }
    h->low = low;
    h->n = n;
    h->per_step *= 0.5;
}

/* Make the bins [first, last] part of the histogram, with some more beyond. */
static int extend_bins(histogram_t *h, int64_t first, int64_t last)
{
    const int64_t low = h->n && h->low <= first ? h->low : first - 32;
    const int64_t end = h->n && h->low + h->n > last ? h->low + h->n : last + 33;
    double *weight = (double *)calloc((size_t)(end - low), sizeof(double));
    if (!weight)
        return 0;
    if (h->n)
        memcpy(weight + (h->low - low), h->weight, sizeof(double) * (size_t)h->n);
    free(h->weight);
    h->weight = weight;
    h->low = low;
    h->n = (ptrdiff_t)(end - low);
    return 1;
}

static void first_bins(histogram_t *h, const property_t *q, double x)
{
    int exponent = 0;
    h->per_step = q->per_step;
    if (!(h->per_step > 0)) {
        frexp(x, &exponent);
        h->per_step = ldexp(1.0, LINEAR_BITS - (x == 0 ? 0 : exponent));
    }
}

NOT_INLINE static int add_outside(histogram_t *h, const property_t *q, double x, double w)
{
    if (!h->n)
        first_bins(h, q, x);
    int64_t bin = whole_below(x * h->per_step);
    while (h->n && !(q->per_step > 0) &&
           ((bin > h->low ? bin : h->low + h->n) - (bin < h->low ? bin : h->low)) > MOST_LINEAR_BINS) {
        widen_bins(h);
        bin = whole_below(x * h->per_step);
    }
    if (!extend_bins(h, bin, bin))
        return 0;
    h->weight[bin - h->low] += w;
    return 1;
}

static inline int add_to_bin(histogram_t *h, const property_t *q, double x, double w)
{
    const uint64_t i = (uint64_t)(whole_below(x * h->per_step) - h->low);
    if (i < (uint64_t)h->n) {
        h->weight[i] += w;
        return 1;
    }
    return add_outside(h, q, x, w);
}

/* Take another reference: a factor for all sums. */
static void change_reference(posterior_t *o, const weighing_t *c, double reference)
{
    sums_t *sums = o->sums;
    const double factor = sums->sum > 0 ? exp(sums->reference - reference) : 0;
    sums->sum *= factor;
    sums->squares *= factor * factor;
    sums->width *= factor;
    for (ptrdiff_t i = 0; i < c->nbin; i++)
        o->axes[i] *= factor;
    for (ptrdiff_t i = 0; o->population && i < o->npopulation; i++)
        o->population[i] *= factor;
    for (ptrdiff_t q = 0; q < c->nproperty; q++) {
        moments_t *m = o->moments + q;
        m->invalid *= factor;
        m->first *= factor;
        m->second *= factor;
        for (ptrdiff_t i = 0; i < o->histograms[q].n; i++)
            o->histograms[q].weight[i] *= factor;
    }
    sums->reference = reference;
}

/* Sources whose chi2 is more than a difference of sums of squares, or needs more digits. */
static int needs_exact_chi2(const source_t *s)
{
    return s->own_spec_scale || s->log_component >= 0 || s->limit || s->total > LARGEST_TOTAL;
}

/* The exact ln w of the models that may count, beside `offset` for the source; gains, scales and ratios of scales too.
   The largest comes back. */
static double weigh_exactly(const piece_t *p, const weighing_t *c, const source_t *s, double offset, double least,
                            models_t *found)
{
    const double without = s->limit ? s->total + limit_chi2(&p->tile, s, 0, 0.0) : 0;
    double largest = -HUGE_VAL;
    for (ptrdiff_t i = 0; i < found->n * LANES; i++) {
        const ptrdiff_t m = found->start[i / LANES] + i % LANES;
        if (!(found->ln[i] >= least) || !(found->ln[i] > -HUGE_VAL))
            continue;
        double a, b;
        double exact = p->ln_weight[m] + offset - 0.5 * exact_chi2(&p->tile, s, m, &a, &b);
        if (s->limit)
            found->gain[i] = without - linear_chi2(&p->tile, s, m, &a, &b);
        found->scale[i] = a;
        found->ratio[i] = a / b;
        if (c->marginal) {
            double curvature = 0;
            if (s->limit)
                limit_derivatives(&p->tile, s, m, a, &curvature);
            const double n = sqrt(found->norm2[i] + curvature);
            exact += ln_normal_below(a * n) - log(n);
        }
        found->ln[i] = a > 0 && exact == exact ? exact : -HUGE_VAL;
        largest = found->ln[i] > largest ? found->ln[i] : largest;
        least = largest - c->cut > least ? largest - c->cut : least;
    }
    return largest;
}

/* The probability that the scale is positive, where it is not certain. The largest ln w comes back. */
static double weigh_positive_scales(double cut, double least, models_t *found)
{
    double largest = -HUGE_VAL;
    for (ptrdiff_t i = 0; i < found->n * LANES; i++) {
        if (!(found->ln[i] >= least) || !(found->ln[i] > -HUGE_VAL))
            continue;
        const double x = found->scale[i] * sqrt(found->norm2[i]);
        if (x < CERTAIN)
            found->ln[i] += ln_normal_below(x);
        largest = found->ln[i] > largest ? found->ln[i] : largest;
        least = largest - cut > least ? largest - cut : least;
    }
    return largest;
}

static double sum_of_lanes(const double *x)
{
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* The weights of populations, which are summed over dust cells and redshifts, go to their axes and properties. */
static void add_populations(const piece_t *p, const weighing_t *c, posterior_t *o)
{
    const double *population = o->population;
    for (ptrdiff_t i = 0; i < p->npopulation; i++) {
        const double w = population[i];
        if (!(w > 0))
            continue;
        for (ptrdiff_t k = 0; k < p->naxes; k++)
            o->axes[p->population_bins[k * p->npopulation + i]] += w;
        for (ptrdiff_t q = 0; q < c->nproperty; q++) {
            if (c->property[q].of_model)
                continue;
            const double x = p->values[q * p->tile.stride + i];
            moments_t *m = o->moments + q;
            if (x != x) {
                m->invalid += w;
                continue;
            }
            if (m->origin != m->origin)
                m->origin = x;
            const double d = x - m->origin;
            m->first += w * d;
            m->second += w * d * d;
            o->failed |= !add_to_bin(o->histograms + q, c->property + q, x, w);
        }
    }
}

/* Weights of the models of a dust cell, lane by lane: those of Av and Av_bc; their sum comes back. */
static double add_cell(const piece_t *p, posterior_t *o, ptrdiff_t cell, const double *lanes)
{
    const double sum = sum_of_lanes(lanes);
    o->axes[p->cell_bins[cell]] += sum;
    o->axes[p->cell_bins[p->ncell + cell]] += sum;
    return sum;
}

/* What the models of a piece add to the moments, [nproperty][3][LANES]. */
static void add_moments(const weighing_t *c, posterior_t *o, const double *sums)
{
    for (ptrdiff_t q = 0; q < c->nproperty; q++, sums += 3 * LANES)
        if (c->property[q].of_model) {
            o->moments[q].invalid += sum_of_lanes(sums);
            o->moments[q].first += sum_of_lanes(sums + LANES);
            o->moments[q].second += sum_of_lanes(sums + 2 * LANES);
        }
}

/* Memory for the models that may count, and the coefficients of a source, in scratch. */
static models_t models_in(double *scratch, const piece_t *p, const weighing_t *c, const source_t *s, double **weight,
                          double **weighted, double **moments)
{
    const ptrdiff_t size = p->tile.stride + LANES, nband = p->tile.nband;
    models_t found = {0, (ptrdiff_t *)(scratch + 5 * size), scratch, scratch + size, scratch + 2 * size,
                      scratch + 3 * size, scratch + 4 * size};
    *moments = scratch + 6 * size;
    *weight = *moments + 3 * LANES * c->nproperty;
    *weighted = *weight + whole_lines(nband, sizeof(double));
    for (ptrdiff_t b = 0; b < nband; b++) {
        (*weight)[b] = s->weight[b];
        (*weighted)[b] = s->weight[b] * s->value[b];
    }
    memset(*moments, 0, sizeof(double) * (size_t)(3 * LANES * c->nproperty));
    return found;
}

#define KERNEL "posterior_block.h"
#include "each_level.h"

typedef void (*weigh_fn)(const piece_t *, const weighing_t *, posterior_t *, const source_t *, double, double *);

static inline weigh_fn choose_weigh(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return weigh_piece_avx512;
    if (level == SIMD_AVX2)
        return weigh_piece_avx2;
#endif
    return weigh_piece_plain;
}

/* doubles of scratch that weigh_piece needs */
static ptrdiff_t weigh_scratch(ptrdiff_t nband, ptrdiff_t stride, ptrdiff_t nproperty)
{
    return 6 * (stride + LANES) + 3 * LANES * nproperty + 2 * whole_lines(nband, sizeof(double));
}

/* Add what another part of the models gave for the same source. */
static void join_posteriors(const weighing_t *c, posterior_t *o, posterior_t *other)
{
    if (!(other->sums->sum > 0))
        return;
    const double reference = o->sums->sum > 0 && o->sums->reference > other->sums->reference ? o->sums->reference
                                                                                            : other->sums->reference;
    change_reference(o, c, reference);
    change_reference(other, c, reference);
    sums_t *mine = o->sums;
    const sums_t *theirs = other->sums;
    mine->sum += theirs->sum;
    mine->squares += theirs->squares;
    mine->width += theirs->width;
    mine->largest = mine->largest > theirs->largest ? mine->largest : theirs->largest;
    for (ptrdiff_t i = 0; i < c->nbin; i++)
        o->axes[i] += other->axes[i];
    for (ptrdiff_t q = 0; q < c->nproperty; q++) {
        moments_t *m = o->moments + q;
        const moments_t *x = other->moments + q;
        m->invalid += x->invalid;
        if (x->origin != x->origin)
            continue;
        if (m->origin != m->origin)
            m->origin = x->origin;
        const double valid = theirs->sum - x->invalid, d = x->origin - m->origin;
        m->first += x->first + valid * d;
        m->second += x->second + 2 * d * x->first + valid * d * d;
        histogram_t *h = o->histograms + q, *from = other->histograms + q;
        while (h->n && from->per_step > h->per_step)
            widen_bins(from);
        for (ptrdiff_t i = 0; i < from->n; i++)
            if (from->weight[i] > 0)
                o->failed |= !add_to_bin(h, c->property + q, ((double)(from->low + i) + 0.5) / from->per_step,
                                         from->weight[i]);
    }
}

/* Weight of a unit Gaussian between x - step/2 and x + step/2. */
static double gaussian_bin(double x, double step)
{
    const double root = 0.70710678118654752440;
    return 0.5 * (erfc((x - 0.5 * step) * root) - erfc((x + 0.5 * step) * root));
}

/* Convolve a histogram with a Gaussian of standard deviation sigma: its mass in each bin is at the middle of the bin. */
static int broaden(histogram_t *h, double sigma)
{
    if (!h->n || !(sigma > 0) || !(sigma < HUGE_VAL))
        return 1;
    const double step = 1 / (h->per_step * sigma);
    const double reach = 7.5 / step;
    const ptrdiff_t half = reach < 1e5 ? (ptrdiff_t)reach + 1 : 100000, n = h->n + 2 * half;
    double *kernel = (double *)malloc(sizeof(double) * (size_t)(2 * half + 1));
    double *weight = (double *)calloc((size_t)n, sizeof(double));
    if (!kernel || !weight) {
        free(kernel);
        free(weight);
        return 0;
    }
    for (ptrdiff_t k = 0; k <= half; k++)
        kernel[half - k] = kernel[half + k] = gaussian_bin((double)k * step, step);
    for (ptrdiff_t i = 0; i < h->n; i++) {
        const double w = h->weight[i];
        if (w > 0)
            for (ptrdiff_t k = 0; k <= 2 * half; k++)
                weight[i + k] += w * kernel[k];
    }
    free(kernel);
    free(h->weight);
    h->weight = weight;
    h->low -= half;
    h->n = n;
    return 1;
}

/* Quantiles of a histogram, linear inside a bin; NaN where it is empty. */
static void histogram_quantiles(const histogram_t *h, const double *probability, ptrdiff_t n, double *found)
{
    double total = 0;
    for (ptrdiff_t i = 0; i < h->n; i++)
        total += h->weight[i];
    for (ptrdiff_t k = 0; k < n; k++) {
        found[k] = NAN;
        const double aim = probability[k] * total;
        double below = 0;
        for (ptrdiff_t i = 0; i < h->n && total > 0; i++) {
            const double w = h->weight[i];
            if (w > 0 && below + w >= aim) {
                const double part = (aim - below) / w;
                found[k] = ((double)(h->low + i) + (part > 0 ? part : 0)) / h->per_step;
                break;
            }
            below += w;
            if (w > 0)
                found[k] = (double)(h->low + i + 1) / h->per_step;
        }
    }
}

#endif
