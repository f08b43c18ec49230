/* Posteriors: the weights of all models of a source, summed over the cells of the axes and over bins of properties.

   Models come in pieces of a tile, [cell][population]: what depends on the population alone is binned once for all dust
   cells, what depends on the cell once for all populations. The vector code has eight lanes at every SIMD level and no
   fused operations but those that it names, exact ones on any processor, so that sums are the same to the last bit. */
#ifndef FASTSED_POSTERIOR_H
#define FASTSED_POSTERIOR_H

#include "chi2_kernels.h"
#include "columns.h"
#include "scratch.h"
#ifdef __aarch64__
#include <arm_neon.h>
#endif

/* models that are summed side by side; populations are padded to a multiple of it */
#define LANES 8
/* sources that take the pieces together: a piece stays in the cache for them */
#define GROUP_OF_SOURCES 16
/* vectors that go through all steps together, so that what is known of them stays in the cache */
#define TOGETHER 128
/* numbers of a convolution that are summed side by side */
#define CONVOLVED 32
/* bins of a quantity without logarithm: they become wider where there would be more */
#define MOST_LINEAR_BINS 1024
/* bits of the first value of such a quantity that its bins resolve */
#define LINEAR_BITS 20
/* and the exponent that its bins take for smaller values, so that their number per unit is finite */
#define LEAST_EXPONENT (-1000)
/* weights stay below exp of it, and their squares are finite */
#define LARGEST_LN 300.0
/* differences of sums over more than this squared S/N lose the digits of chi2 */
#define LARGEST_TOTAL 1e8
/* a Gaussian ends there: 1e-9 of it is beyond */
#define FURTHEST_SIGMA 6.0
/* numbers below 2^51 in amount become whole ones beside it */
#define SHIFT 0x1.8p52
/* models that are left out for the sum of the others weigh less than `cut` says by exp of it: few of them, far away, matter
   to a standard deviation, though not to a mean */
#define LN_RESERVE 2.0
/* bins that are counted in vectors */
#define LARGEST_BIN 0x1p50
/* Phi(x) is one in double precision beyond it */
#define CERTAIN 8.3
#define LG_E 0.43429448190325182765
/* squared norms below it, with that of the brightest model below the number of bands, are lost in single precision */
#define FAINT 1e-30f

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
    const float *single;     /* [nband][single_stride] fluxes over `unit` of their band, at most 1 */
    const float *single_ln;  /* [single_stride] ln_weight, rounded up */
    const double *unit;      /* [nband] */
    ptrdiff_t single_stride;
    ptrdiff_t ncell, npopulation, naxes;
    const double *ln_weight; /* [stride] ln(prior x cell widths), -inf for models that do not exist */
    const double *values;    /* [nproperty][stride]; of populations: the first npopulation of each row */
    const int64_t *cell_bins;       /* [2][ncell] indices in the histogram of the axes */
    const int64_t *population_bins; /* [naxes][npopulation] */
    const int64_t *cell_of, *population_of; /* dust cell, and first population, of each LANES models */
    int64_t z_bin, metal_bin;
} piece_t;

/* What all sources share. */
typedef struct {
    ptrdiff_t nproperty, nbin, nz;
    ptrdiff_t nmodel_property; /* properties that differ between dust cells */
    const property_t *property;
    double cut;
    int marginal;
} weighing_t;

/* One source. */
typedef struct {
    sums_t *sums;
    double *axes;            /* [nbin] */
    double *least_chi2;      /* [nz] of the models that may count; -inf where it is not known */
    moments_t *moments;      /* [nproperty] */
    histogram_t *histograms; /* [nproperty] */
    double *population;      /* [npopulation] weights that are not yet in axes and histograms; or NULL */
    double *cells;           /* [ncell][LANES] those of dust cells, behind them */
    ptrdiff_t npopulation, ncell;
    int failed;
} posterior_t;

/* Models that may count, as vectors of up to LANES that begin at `start`; the rest has LANES for each of them. Scales
   become their logarithms, and `per_gain` and `ln` memory for the values and weights of a property. */
typedef struct {
    ptrdiff_t n;
    double largest_gain;      /* num^2 / den */
    ptrdiff_t *start;
    int64_t *bin, *other_bin; /* of two properties */
    double *ln, *scale, *per_gain, *norm2, *ratio, *weight;
} models_t;

/* A source as the screen in single precision sees it. A model may count if num^2 / den is base - per_ln ln_weight or more. */
typedef struct {
    float *weight, *weighted; /* [nband] */
    float minus_base, per_ln;
} screen_t;

/* A source by columns (see normalise_columns): total num^2 / den is the gain, per_scale num / den the scale. */
typedef struct {
    double *weight, *weighted; /* [nband] */
    double largest, total, per_total, per_scale;
    double least_num;          /* of scales that may be above 0: limits may turn the sign of others */
    ptrdiff_t nband, nmain;    /* columns; those of the main scale */
    screen_t screen;
} coefficients_t;

/* A source of a group that takes pieces together. */
typedef struct {
    posterior_t posterior;
    source_t source;          /* its data at the redshift of the piece */
    coefficients_t columns;
    double *inverse_variance; /* [nband] memory for those of `source` */
    uint8_t *may_count;       /* [nmodel / LANES] whether any of LANES models may count */
    double offset;            /* ln(prior x cell width) of the redshift */
    double least;             /* ln w of the models that count */
    int takes_part;           /* whether the piece is for it */
    int is_waiting;           /* whether weights of populations and cells are not yet in axes and histograms */
} member_t;

static int64_t whole_below(double x)
{
    const int64_t k = (int64_t)x;
    return k - (x < (double)k);
}

/* The bin of a histogram whose bins are 2^doublings as wide. */
static int64_t wider_bin(int64_t bin, int doublings)
{
    if (doublings > 62)
        return bin < 0 ? -1 : 0;
    const int64_t width = (int64_t)1 << doublings;
    return bin / width - (bin % width < 0);
}

/* Join 2^doublings bins each. */
static void widen_bins(histogram_t *h, int doublings)
{
    const int64_t low = wider_bin(h->low, doublings);
    for (ptrdiff_t i = 0; i < h->n; i++) {
        const double w = h->weight[i];
        if (!(w > 0))
            continue;
        h->weight[i] = 0;
        h->weight[wider_bin(h->low + i, doublings) - low] += w;
    }
    h->n = (ptrdiff_t)(wider_bin(h->low + h->n - 1, doublings) - low) + 1;
    h->low = low;
    h->per_step = ldexp(h->per_step, -doublings);
}

/* Make the bins [first, last] part of the histogram, with ever more beyond, up to their largest number. */
static int extend_bins(histogram_t *h, const property_t *q, int64_t first, int64_t last)
{
    const int grows_down = !h->n || first < h->low, grows_up = !h->n || last >= h->low + h->n;
    int64_t low = grows_down ? first : h->low, end = grows_up ? last + 1 : h->low + h->n;
    int64_t more = 32 + h->n / 2;
    if (!(q->per_step > 0) && more > MOST_LINEAR_BINS - (end - low))
        more = end - low < MOST_LINEAR_BINS ? MOST_LINEAR_BINS - (end - low) : 0;
    if (grows_down)
        low -= more;
    if (grows_up)
        end += more;
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

/* Leave out the empty bins at both ends. */
static void trim_bins(histogram_t *h)
{
    ptrdiff_t first = 0;
    while (h->n && !(h->weight[h->n - 1] > 0))
        h->n--;
    while (first < h->n && !(h->weight[first] > 0))
        first++;
    h->n -= first;
    h->low += first;
    if (first)
        memmove(h->weight, h->weight + first, sizeof(double) * (size_t)h->n);
}

static void first_bins(histogram_t *h, const property_t *q, double x)
{
    int exponent = 0;
    h->per_step = q->per_step;
    if (!(h->per_step > 0)) {
        frexp(x, &exponent);
        h->per_step = ldexp(1.0, LINEAR_BITS - (exponent > LEAST_EXPONENT ? exponent : LEAST_EXPONENT));
    }
}

/* How often the bins of a histogram must double their width for few enough to reach from the ones it has to x. */
static int needed_doublings(const histogram_t *h, double x)
{
    double per_step = h->per_step, low = (double)h->low, end = low + (double)h->n;
    int doublings = 0;
    for (;; doublings++, per_step *= 0.5, low *= 0.5, end *= 0.5) {
        const double at = x * per_step;
        if ((at > end ? at : end) - (at < low ? at : low) <= MOST_LINEAR_BINS)
            return doublings;
    }
}

NOT_INLINE static int add_outside(histogram_t *h, const property_t *q, double x, double w)
{
    if (!h->n)
        first_bins(h, q, x);
    else if (!(q->per_step > 0) && needed_doublings(h, x)) {
        trim_bins(h);
        widen_bins(h, needed_doublings(h, x));
    }
    const int64_t bin = whole_below(x * h->per_step);
    if (!extend_bins(h, q, bin, bin))
        return 0;
    h->weight[bin - h->low] += w;
    return 1;
}

static inline int add_to_bin(histogram_t *h, const property_t *q, double x, double w)
{
    const double at = x * h->per_step;
    if (at >= (double)h->low && at < (double)(h->low + h->n)) {
        h->weight[whole_below(at) - h->low] += w;
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
    for (ptrdiff_t i = 0; o->population && i < o->ncell * LANES; i++)
        o->cells[i] *= factor;
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

/* The least ln w that counts: what all models below it weigh together is nothing beside the sum so far, or beside the
   largest weight where that is more. */
static double least_that_counts(const sums_t *sums, double cut)
{
    const double ln_sum = sums->sum > 0 ? log(sums->sum) + sums->reference - sums->largest : 0;
    return sums->largest - cut + (ln_sum > LN_RESERVE ? ln_sum - LN_RESERVE : 0);
}

/* Sources whose chi2 is more than a difference of sums of squares, or needs more digits. */
static int needs_exact_chi2(const source_t *s)
{
    return s->own_spec_scale || s->log_component >= 0 || s->limit || s->total > LARGEST_TOTAL;
}

/* Among the models found at a redshift may be the one of the least chi2. */
static void note_least_chi2(double *least, const source_t *s, const models_t *found)
{
    const double chi2 = needs_exact_chi2(s) ? -HUGE_VAL : s->total * (1 - found->largest_gain);
    if (chi2 < *least)
        *least = chi2;
}

/* chi2 of the first data columns where no model adds to them. */
static double chi2_without_model(const tile_t *t, const source_t *s, ptrdiff_t ncolumn)
{
    double sum = limit_chi2(t, s, 0, 0.0);
    for (ptrdiff_t b = 0; b < ncolumn; b++)
        sum += s->weight[b] * s->value[b] * s->value[b];
    return sum;
}

/* The exact ln w of the models that may count, beside `offset` for the source; inverse gains, scales and ratios of scales too.
   The largest comes back. */
static double weigh_exactly(const piece_t *p, const weighing_t *c, const source_t *s, double offset, double least,
                            models_t *found)
{
    const ptrdiff_t nscale = s->own_spec_scale ? p->tile.nmain : p->tile.nband;
    const double without = s->limit ? chi2_without_model(&p->tile, s, nscale) : 0;
    double largest = -HUGE_VAL;
    for (ptrdiff_t i = 0; i < found->n * LANES; i++) {
        const ptrdiff_t m = found->start[i / LANES] + i % LANES;
        if (!(found->ln[i] >= least) || !(found->ln[i] > -HUGE_VAL))
            continue;
        double a, b;
        double exact = p->ln_weight[m] + offset - 0.5 * exact_chi2(&p->tile, s, m, &a, &b);
        if (s->limit) {
            double chi2 = 0;
            scale_and_residuals(&p->tile, s, m, 0, nscale, &a, &chi2);
            found->per_gain[i] = 1 / (without - chi2);
        }
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

/* Those of dust cells, which are summed over populations and redshifts, go to Av and Av_bc. */
static void add_cells(const piece_t *p, posterior_t *o)
{
    for (ptrdiff_t cell = 0; cell < p->ncell; cell++) {
        const double sum = sum_of_lanes(o->cells + cell * LANES);
        o->axes[p->cell_bins[cell]] += sum;
        o->axes[p->cell_bins[p->ncell + cell]] += sum;
    }
}

/* Whether all bins between two are there, or could be made: where their width is given. */
static int reach_bins(histogram_t *h, const property_t *q, const double *extremes)
{
    const double low = extremes[0], high = extremes[1];
    if (!(low > -LARGEST_BIN && high < LARGEST_BIN))
        return 0;
    if (h->n && low >= (double)h->low && high < (double)(h->low + h->n))
        return 1;
    return q->per_step > 0 && extend_bins(h, q, (int64_t)low, (int64_t)high);
}

/* The first of n values with a weight; NaN where there is none. */
static double first_value(ptrdiff_t n, const double *x, const double *w)
{
    for (ptrdiff_t i = 0; i < n; i++)
        if (w[i] > 0)
            return x[i];
    return NAN;
}

/* Add n weights to the bins of their values one by one, which may change the bins; whether memory was enough. */
static int add_one_by_one(histogram_t *h, const property_t *q, ptrdiff_t n, const double *x, const double *w)
{
    for (ptrdiff_t i = 0; i < n; i++)
        if (w[i] > 0 && !add_to_bin(h, q, x[i], w[i]))
            return 0;
    return 1;
}

/* Where its bin 0 would be. */
static double *origin_of(const histogram_t *h)
{
    return (double *)((intptr_t)h->weight - (intptr_t)(h->low * (int64_t)sizeof(double)));
}

/* Add n weights, a multiple of LANES, to bins that are there. */
static void add_to_one(const histogram_t *h, const int64_t *bin, ptrdiff_t n, const double *w)
{
    double *to = origin_of(h);
    for (ptrdiff_t i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++)
            to[bin[i + k]] += w[i + k];
}

/* The same for two properties: a quarter faster than one after the other. */
static void add_to_two(const histogram_t *h, const int64_t *bin, const histogram_t *other, const int64_t *other_bin,
                       ptrdiff_t n, const double *w)
{
    double *to = origin_of(h), *to_other = origin_of(other);
    for (ptrdiff_t i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            const double weight = w[i + k];
            const int64_t at = bin[i + k], at_other = other_bin[i + k];
            to[at] += weight;
            to_other[at_other] += weight;
        }
}

/* The columns of a source at the redshift of a piece. */
static void find_columns(const piece_t *p, member_t *s)
{
    coefficients_t *columns = &s->columns;
    screen_t *screen = &columns->screen;
    const source_t *source = &s->source;
    const ptrdiff_t nband = p->tile.nband;
    const double largest = normalise_columns(source, nband, p->unit, columns->weight, columns->weighted);
    columns->nmain = source->own_spec_scale ? p->tile.nmain : nband;
    columns->nband = nband;
    columns->largest = largest;
    columns->total = source->total;
    columns->per_total = 1 / source->total;
    columns->least_num = source->limit ? -HUGE_VAL : 0;
    columns->per_scale = sqrt(source->total) / sqrt(largest);
    for (ptrdiff_t b = 0; b < nband; b++) {
        screen->weight[b] = (float)columns->weight[b];
        screen->weighted[b] = (float)columns->weighted[b];
        columns->weight[b] /= p->unit[b] * p->unit[b];
        columns->weighted[b] /= p->unit[b];
    }
}

/* Whether a source can be screened, and how: with the margin of chi2_screen.h, and some roundings of `base`. */
static int can_be_screened(const weighing_t *c, member_t *s)
{
    screen_t *screen = &s->columns.screen;
    const double per_ln = 2 / s->source.total, base = 1 + per_ln * (s->least - s->offset);
    const double margin = 0x1p-24 * (4.0 * (double)s->columns.nband + 40.0 + 4.0 * fabs(base));
    if (c->marginal || s->source.own_spec_scale || !(fabs(base) < 1e30 && per_ln < 1e30))
        return 0;
    screen->minus_base = (float)(margin - base);
    screen->per_ln = (float)per_ln;
    return 1;
}

/* Numbers from one row of what is known of the models of a piece to the next. Loads wait for stores to the same place of
   another page: what is written begins earlier in its page than what is read beside it (`models_in`). */
static ptrdiff_t row_of_models(ptrdiff_t nmodel) { return (nmodel + 511) / 512 * 512 + 5 * LANES; }

/* doubles of scratch for the models of a piece, and for a source */
static ptrdiff_t scratch_of_models(ptrdiff_t nband, ptrdiff_t nmodel)
{
    return 9 * row_of_models(nmodel) + whole_lines(GROUP_OF_SOURCES * nband, sizeof(double));
}

static ptrdiff_t scratch_of_source(ptrdiff_t nband, ptrdiff_t nmodel)
{
    return 5 * whole_lines(nband, sizeof(double)) + whole_lines(nmodel / LANES + LANES, 1) / (ptrdiff_t)sizeof(double);
}

/* Memory for a source in scratch. */
static void place_source(member_t *s, ptrdiff_t nband, double *scratch)
{
    const ptrdiff_t line = whole_lines(nband, sizeof(double));
    s->inverse_variance = scratch;
    s->columns.weight = scratch + line;
    s->columns.weighted = scratch + 2 * line;
    s->columns.screen.weight = (float *)(scratch + 3 * line);
    s->columns.screen.weighted = (float *)(scratch + 4 * line);
    s->may_count = (uint8_t *)(scratch + 5 * line);
}

/* The models of a piece that may count for a source, and memory for what becomes known of them in scratch. */
static models_t models_in(const piece_t *p, const uint8_t *may_count, double *scratch)
{
    const ptrdiff_t row = row_of_models(p->tile.nmodel), n = p->tile.nmodel / LANES;
    models_t found = {
        .n = 0,
        .start = (ptrdiff_t *)scratch,
        .bin = (int64_t *)(scratch + row),
        .other_bin = (int64_t *)(scratch + 2 * row),
        .weight = scratch + 3 * row,
        .per_gain = scratch + 4 * row,
        .scale = scratch + 5 * row,
        .ln = scratch + 6 * row,
        .norm2 = scratch + 7 * row,
        .ratio = scratch + 8 * row,
    };
    for (ptrdiff_t first = 0; first < n; first += 8) {
        const ptrdiff_t end = first + 8 < n ? first + 8 : n;
        uint64_t any = 1;
        if (end - first == 8)
            memcpy(&any, may_count + first, sizeof any);
        for (ptrdiff_t k = first; any && k < end; k++) {
            found.start[found.n] = k * LANES;
            found.n += may_count[k] != 0;
        }
    }
    return found;
}

/* Those from the vector h on, up to TOGETHER. */
static models_t some_of(const models_t *found, ptrdiff_t h)
{
    models_t some = {
        .n = found->n - h < TOGETHER ? found->n - h : TOGETHER,
        .start = found->start + h,
        .bin = found->bin + h * LANES,
        .other_bin = found->other_bin + h * LANES,
        .ln = found->ln + h * LANES,
        .scale = found->scale + h * LANES,
        .per_gain = found->per_gain + h * LANES,
        .norm2 = found->norm2 + h * LANES,
        .ratio = found->ratio + h * LANES,
        .weight = found->weight + h * LANES,
    };
    return some;
}

/* 1 / m and ln m of the middles m of the sixteenths of [1, 2) */
static const double per_middle[16] = {
    0x1.f07c1f07c1f08p-1, 0x1.d41d41d41d41dp-1, 0x1.bacf914c1bad0p-1, 0x1.a41a41a41a41ap-1,
    0x1.8f9c18f9c18fap-1, 0x1.7d05f417d05f4p-1, 0x1.6c16c16c16c17p-1, 0x1.5c9882b931057p-1,
    0x1.4e5e0a72f0539p-1, 0x1.4141414141414p-1, 0x1.3521cfb2b78c1p-1, 0x1.29e4129e4129ep-1,
    0x1.1f7047dc11f70p-1, 0x1.15b1e5f75270dp-1, 0x1.0c9714fbcda3bp-1, 0x1.0410410410410p-1,
};
static const double ln_middle[16] = {
    0x1.f829b0e7832f8p-6, 0x1.6f0d28ae56b4ep-4, 0x1.29552f81ff521p-3, 0x1.9525a9cf456b6p-3,
    0x1.fb9186d5e3e29p-3, 0x1.2e8e2bae11d31p-2, 0x1.5d1bdbf5809cap-2, 0x1.89a3386c1425bp-2,
    0x1.b44f77bcc8f64p-2, 0x1.dd46a04c1c4a1p-2, 0x1.02552a5a5d0ffp-1, 0x1.154c3d2f4d5eap-1,
    0x1.2795e1289b11bp-1, 0x1.393e0d3562a1ap-1, 0x1.4a4f85db03ebbp-1, 0x1.5ad404c359f2dp-1,
};

#define KERNEL "posterior_block.h"
#include "each_level.h"

/* The functions of one SIMD level. */
typedef struct {
    void (*weigh_piece)(const piece_t *, const weighing_t *, member_t *, ptrdiff_t, double *);
    void (*convolve)(const double *, ptrdiff_t, const double *, ptrdiff_t, double *);
    void (*multiply_adds)(ptrdiff_t, const double *, const double *, const double *, double *);
} posterior_kernels_t;

static posterior_kernels_t choose_posterior_kernels(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return (posterior_kernels_t){weigh_piece_avx512, convolve_avx512, multiply_adds_avx512};
    if (level == SIMD_AVX2)
        return (posterior_kernels_t){weigh_piece_avx2, convolve_avx2, multiply_adds_avx2};
#endif
    return (posterior_kernels_t){weigh_piece_plain, convolve_plain, multiply_adds_plain};
}

/* Add the weights of `from`; the finer bins of the two become as wide as the others. */
static int join_histograms(histogram_t *h, const property_t *q, histogram_t *from)
{
    int exponent, of_from;
    if (!h->n) {
        const histogram_t empty = *h;
        *h = *from;
        *from = empty;
        return 1;
    }
    frexp(h->per_step, &exponent);
    frexp(from->per_step, &of_from);
    if (from->n && exponent > of_from)
        widen_bins(h, exponent - of_from);
    if (from->n && exponent < of_from)
        widen_bins(from, of_from - exponent);
    for (ptrdiff_t i = 0; i < from->n; i++)
        if (from->weight[i] > 0 &&
            !add_to_bin(h, q, ((double)(from->low + i) + 0.5) / from->per_step, from->weight[i]))
            return 0;
    return 1;
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
        o->failed |= !join_histograms(o->histograms + q, c->property + q, other->histograms + q);
    }
}

/* Weights of a unit Gaussian in bins of width step, the middle one about 0, the last one number `half`. */
static void gaussian_bins(double step, ptrdiff_t half, double *middle)
{
    const double root = 0.70710678118654752440;
    double above = 0.5 * erfc(-0.5 * step * root);
    for (ptrdiff_t k = 0; k <= half; k++) {
        const double beyond = 0.5 * erfc(((double)k + 0.5) * step * root);
        middle[-k] = middle[k] = above - beyond;
        above = beyond;
    }
}

/* A unit Gaussian in bins of width step as far as it reaches, with zeros around it as `convolve` wants them. */
static double *new_gaussian(double step, ptrdiff_t *half)
{
    const double reach = FURTHEST_SIGMA / step;
    *half = reach < 1e5 ? (ptrdiff_t)reach + 1 : 100000;
    double *gaussian = (double *)calloc((size_t)(2 * (*half + CONVOLVED) + 1), sizeof(double));
    if (gaussian)
        gaussian_bins(step, *half, gaussian + CONVOLVED + *half);
    return gaussian;
}

/* Convolve the histograms of the properties that scale with Gaussians: the error of the scale is `width`, in dex. The mass in
   each bin is at the middle of the bin. Whether memory was enough. */
static int broaden(histogram_t *histograms, const weighing_t *c, double width, const posterior_kernels_t *kernels)
{
    double *gaussian = NULL, step = 0;
    ptrdiff_t half = 0;
    int enough = 1;
    for (ptrdiff_t q = 0; q < c->nproperty; q++) {
        histogram_t *h = histograms + q;
        const double sigma = fabs(c->property[q].factor) * width;
        if (!(sigma > 0))
            continue;
        trim_bins(h);
        if (!h->n)
            continue;
        const double own_step = 1 / (h->per_step * sigma);
        /* properties with the same steps share it */
        if (!gaussian || step != own_step) {
            free(gaussian);
            step = own_step;
            gaussian = new_gaussian(step, &half);
        }
        const ptrdiff_t length = 2 * half + 1, n = h->n + length - 1;
        double *weight = gaussian ? (double *)malloc(sizeof(double) * (size_t)(n + CONVOLVED)) : NULL;
        if (!weight) {
            enough = 0;
            break;
        }
        kernels->convolve(h->weight, h->n, gaussian + CONVOLVED, length, weight);
        free(h->weight);
        h->weight = weight;
        h->low -= half;
        h->n = n;
    }
    free(gaussian);
    return enough;
}

/* Quantiles of a histogram, linear inside a bin; NaN where it is empty. */
static void histogram_quantiles(const histogram_t *h, const double *probability, ptrdiff_t n, double *found)
{
    double total = 0;
    for (ptrdiff_t i = 0; i < h->n; i++)
        total += h->weight[i];
    double below = 0;
    ptrdiff_t i = 0, last = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        const double aim = probability[k] * total;
        if (k > 0 && probability[k] < probability[k - 1]) {
            below = 0;
            i = 0;
        }
        while (i < h->n && !(h->weight[i] > 0 && below + h->weight[i] >= aim)) {
            below += h->weight[i];
            last = h->weight[i] > 0 ? i : last;
            i++;
        }
        const int inside = i < h->n;
        const double part = inside ? (aim - below) / h->weight[i] : 1;
        const double at = (double)(h->low + (inside ? i : last)) + (part > 0 ? part : 0);
        found[k] = total > 0 ? at / h->per_step : NAN;
    }
}

#endif
