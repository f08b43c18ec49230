/* Weights of a piece of models for one source. Included once per SIMD level: see each_level.h. */

#if VW > 1
#define WIDE LANES
typedef double PASTE(wide, LEVEL) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef int64_t PASTE(wide_bits, LEVEL) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef float PASTE(wide_single, LEVEL) __attribute__((vector_size(2 * LANES * 4), aligned(4), may_alias));
#define VEC PASTE(wide, LEVEL)
#define INTS PASTE(wide_bits, LEVEL)
#define SINGLE PASTE(wide_single, LEVEL)
#define SINGLE_WIDE (2 * WIDE)
#define LOAD_SINGLE(p) (*(const SINGLE *)(p))
#define ALL_SINGLE(x) ((x) - (SINGLE){0})
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, x) (*(VEC *)(p) = (x))
#define STORE_INTS(p, x) (*(INTS *)(p) = (x))
/* less zero: more zero would be an addition, which makes 0 of -0 */
#define ALL(x) ((x) - (VEC){0})
#define CHOOSE(mask, x, y) ((VEC)(((INTS)(x) & (INTS)(mask)) | ((INTS)(y) & ~(INTS)(mask))))
#else
#define WIDE 1
typedef double PASTE(wide, LEVEL);
typedef int64_t PASTE(wide_bits, LEVEL);
#define VEC PASTE(wide, LEVEL)
#define INTS PASTE(wide_bits, LEVEL)
#define SINGLE float
#define SINGLE_WIDE 1
#define LOAD_SINGLE(p) (*(p))
#define ALL_SINGLE(x) (x)
#define LOAD(p) (*(p))
#define STORE(p, x) (*(p) = (x))
#define STORE_INTS(p, x) (*(p) = (x))
#define ALL(x) (x)
#define CHOOSE(mask, x, y) ((mask) ? (x) : (y))
#endif

#if VW == 8
#define LARGER(x, y) ((VEC)_mm512_max_pd((__m512d)(x), (__m512d)(y)))
#define SMALLER(x, y) ((VEC)_mm512_min_pd((__m512d)(x), (__m512d)(y)))
#else
#define LARGER(x, y) CHOOSE((INTS)((x) > (y)), x, y)
#define SMALLER(x, y) CHOOSE((INTS)((x) < (y)), x, y)
#endif

#if VW == 8
#define BITS_OF(mask) ((unsigned)_mm512_movepi64_mask((__m512i)(mask)))
#else
#define BITS_OF(mask) PASTE(bits_of, LEVEL)((const int64_t *)&(mask))
#endif

#if VW == 4
TARGET ALWAYS_INLINE unsigned PASTE(bits_of, LEVEL)(const int64_t *mask)
{
    return (unsigned)_mm256_movemask_pd(_mm256_loadu_pd((const double *)mask)) |
           (unsigned)_mm256_movemask_pd(_mm256_loadu_pd((const double *)(mask + 4))) << 4;
}
#elif VW < 4
ALWAYS_INLINE unsigned PASTE(bits_of, LEVEL)(const int64_t *mask)
{
    unsigned bits = 0;
    for (int k = 0; k < WIDE; k++)
        bits |= (unsigned)(mask[k] != 0) << k;
    return bits;
}
#endif

#if VW > 1
/* exp of numbers of at most a few hundred, to 1e-10 of itself: powers of two, and the series on half an octave. */
TARGET ALWAYS_INLINE void PASTE(exp_of, LEVEL)(VEC *x)
{
    const double shift = 0x1.8p52;
    const VEC shifted = *x * 1.44269504088896340736 + shift, whole = shifted - shift;
    const VEC r = (*x - whole * 0x1.62e42feep-1) - whole * 0x1.a39ef35793c76p-33;
    VEC e = ALL(1.0 / 362880.0);
    e = e * r + 1.0 / 40320.0;
    e = e * r + 1.0 / 5040.0;
    e = e * r + 1.0 / 720.0;
    e = e * r + 1.0 / 120.0;
    e = e * r + 1.0 / 24.0;
    e = e * r + 1.0 / 6.0;
    e = e * r + 0.5;
    e = e * r + 1.0;
    e = e * r + 1.0;
    *x = (VEC)((INTS)e + ((INTS)shifted << 52));
}

#if VW == 8
#define OF_TABLE(table, i) \
    ((VEC)_mm512_permutex2var_pd(_mm512_loadu_pd(table), (__m512i)(i), _mm512_loadu_pd((table) + 8)))
#else
#define OF_TABLE(table, i) \
    ((VEC){(table)[(i)[0]], (table)[(i)[1]], (table)[(i)[2]], (table)[(i)[3]], (table)[(i)[4]], (table)[(i)[5]], \
           (table)[(i)[6]], (table)[(i)[7]]})
#endif

/* Natural logarithm of positive numbers, to 1e-13: exponent, the middle of the sixteenth of an octave, and a series. */
TARGET ALWAYS_INLINE void PASTE(log_of, LEVEL)(VEC *x)
{
    const INTS bits = (INTS)*x, part = (bits >> 48) & 15;
    const VEC m = (VEC)((bits & 0xfffffffffffffLL) | 0x3ff0000000000000LL);
    const VEC e = (VEC)(((bits >> 52) - 1023) + 0x4338000000000000LL) - 0x1.8p52;
    const VEC r = m * OF_TABLE(per_middle, part) - 1.0;
    VEC s = ALL(1.0 / 9.0);
    s = s * r - 1.0 / 8.0;
    s = s * r + 1.0 / 7.0;
    s = s * r - 1.0 / 6.0;
    s = s * r + 1.0 / 5.0;
    s = s * r - 1.0 / 4.0;
    s = s * r + 1.0 / 3.0;
    s = s * r - 1.0 / 2.0;
    *x = (e * 0.69314718055994530942 + OF_TABLE(ln_middle, part)) + (r + r * r * s);
}
#else
static inline void PASTE(exp_of, LEVEL)(VEC *x) { *x = exp(*x); }
static inline void PASTE(log_of, LEVEL)(VEC *x) { *x = log(*x); }
#endif

#if VW == 8
#define FUSED(x, y, z) ((SINGLE)_mm512_fmadd_ps((__m512)(x), (__m512)(y), (__m512)(z)))
#define REACHED(x) ((unsigned)_mm512_cmp_ps_mask((__m512)(x), _mm512_setzero_ps(), _CMP_GE_OQ))
#else
#define FUSED(x, y, z) ((x) * (y) + (z))
#define REACHED(x) PASTE(reached, LEVEL)((const float *)&(x))
#endif

#if VW == 4
TARGET ALWAYS_INLINE unsigned PASTE(reached, LEVEL)(const float *x)
{
    const __m256 zero = _mm256_setzero_ps();
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x), zero, _CMP_GE_OQ)) |
           (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x + 8), zero, _CMP_GE_OQ)) << 8;
}
#elif VW < 4
ALWAYS_INLINE unsigned PASTE(reached, LEVEL)(const float *x)
{
    unsigned bits = 0;
    for (int k = 0; k < SINGLE_WIDE; k++)
        bits |= (unsigned)(x[k] >= 0) << k;
    return bits;
}
#endif

/* What the screen makes of some vectors of models next to each other: the ones that may count go to `hits`, of which
   there are n so far. gain >= needed is tested as num^2 >= needed den: no division. */
TARGET ALWAYS_INLINE ptrdiff_t PASTE(screen_vectors, LEVEL)(const piece_t *p, const screen_t *screen, ptrdiff_t m,
                                                            int n_vectors, ptrdiff_t *hits, ptrdiff_t n)
{
    SINGLE num[SCREENED], den[SCREENED];
    for (int k = 0; k < n_vectors; k++)
        num[k] = den[k] = ALL_SINGLE(0.0f);
    const float *flux = p->single + m;
    for (ptrdiff_t b = 0; b < p->tile.nband; b++, flux += p->single_stride) {
        const SINGLE weight = ALL_SINGLE(screen->weight[b]), weighted = ALL_SINGLE(screen->weighted[b]);
        for (int k = 0; k < n_vectors; k++) {
            const SINGLE f = LOAD_SINGLE(flux + k * SINGLE_WIDE);
            num[k] = FUSED(weighted, f, num[k]);
            den[k] = FUSED(weight, f * f, den[k]);
        }
    }
    for (int k = 0; k < n_vectors; k++, m += SINGLE_WIDE) {
        const SINGLE needed = screen->base - screen->per_ln * LOAD_SINGLE(p->single_ln + m);
        const SINGLE excess = num[k] * num[k] - needed * den[k] + FAINT;
        const unsigned bits = REACHED(excess);
        hits[n] = m;
        n += (bits & ((1u << WIDE) - 1)) != 0;
        if (SINGLE_WIDE > WIDE) {
            hits[n] = m + WIDE;
            n += bits >> WIDE != 0;
        }
    }
    return n;
}

/* Vectors of models of which any may have ln w >= least: where they begin; how many there are comes back. In single
   precision, with a margin: `weigh_hits` decides. */
TARGET static ptrdiff_t PASTE(find_hits, LEVEL)(const piece_t *p, const screen_t *screen, ptrdiff_t *hits)
{
    ptrdiff_t n = 0, m = 0;
    for (; m + SCREENED * SINGLE_WIDE <= p->single_stride; m += SCREENED * SINGLE_WIDE)
        n = PASTE(screen_vectors, LEVEL)(p, screen, m, SCREENED, hits, n);
    for (; m < p->tile.nmodel; m += SINGLE_WIDE)
        n = PASTE(screen_vectors, LEVEL)(p, screen, m, 1, hits, n);
    return n;
}

/* Sums over columns [from, to) for vectors of models that begin at `start`. */
TARGET ALWAYS_INLINE void PASTE(sum_columns, LEVEL)(const tile_t *t, const coefficients_t *s, ptrdiff_t from,
                                                    ptrdiff_t to, const ptrdiff_t *start, int n_vectors, VEC *num,
                                                    VEC *den)
{
    for (int k = 0; k < n_vectors; k++)
        num[k] = den[k] = ALL(0.0);
    for (ptrdiff_t b = from; b < to; b++) {
        const VEC weight = ALL(s->weight[b]), weighted = ALL(s->weighted[b]);
        for (int k = 0; k < n_vectors; k++) {
            const VEC f = LOAD(t->flux + b * t->stride + start[k]);
            num[k] += weighted * f;
            den[k] += weight * (f * f);
        }
    }
}

/* ln w of the models of some vectors from sums over the columns, an upper bound where the source needs more than that;
   what scales, squared norms and inverse gains (chi2 without a model less that with it) they have. Those without any
   ln w >= least are left out, the others become number n, ...; how many there are then comes back. */
TARGET ALWAYS_INLINE ptrdiff_t PASTE(weigh_vectors, LEVEL)(const piece_t *p, const weighing_t *c,
                                                           const coefficients_t *s, double offset, double least,
                                                           const ptrdiff_t *hits, int n_vectors, models_t *found,
                                                           ptrdiff_t n, VEC *most)
{
    const tile_t *t = &p->tile;
    ptrdiff_t start[WEIGHED];
    VEC num[WEIGHED], den[WEIGHED], spec_num[WEIGHED], spec_den[WEIGHED];
    for (int k = 0; k < n_vectors; k++)
        start[k] = hits[k];
    PASTE(sum_columns, LEVEL)(t, s, 0, s->nmain, start, n_vectors, num, den);
    PASTE(sum_columns, LEVEL)(t, s, s->nmain, t->nband, start, n_vectors, spec_num, spec_den);
    for (int k = 0; k < n_vectors; k++) {
        /* one division for the scale, 1 / num and 1 / den */
        const VEC r = 1.0 / (num[k] * den[k]), a = num[k] * num[k] * r, per_num = den[k] * r;
        VEC q = num[k] * a, per_q = den[k] * (per_num * per_num);
        if (s->nmain < t->nband) {
            q += spec_num[k] * spec_num[k] / spec_den[k];
            per_q = 1.0 / q;
        }
        VEC l = (0.5 * s->total * (q - 1.0) + LOAD(p->ln_weight + start[k])) + offset;
        if (c->marginal) {
            VEC ln_norm2 = den[k] * s->largest;
            STORE(found->norm2 + n * WIDE, ln_norm2);
            PASTE(log_of, LEVEL)(&ln_norm2);
            l -= 0.5 * ln_norm2;
        }
        const INTS possible = (INTS)(num[k] > 0.0) & (INTS)(l >= least);
        l = CHOOSE(possible, l, ALL(-HUGE_VAL));
        *most = LARGER(l, *most);
        found->start[n] = start[k];
        STORE(found->ln + n * WIDE, l);
        STORE(found->scale + n * WIDE, a * s->per_scale);
        STORE(found->per_gain + n * WIDE, per_q * s->per_total);
        n += BITS_OF(possible) != 0;
    }
    return n;
}

/* ln w and what else `weigh_vectors` tells of the models of the vectors found, and which of these remain. The largest
   comes back. */
TARGET static double PASTE(weigh_hits, LEVEL)(const piece_t *p, const weighing_t *c, const coefficients_t *s,
                                              double offset, double least, models_t *found)
{
    VEC most = ALL(-HUGE_VAL);
    ptrdiff_t n = 0, h = 0;
    for (; h + WEIGHED <= found->n; h += WEIGHED)
        n = PASTE(weigh_vectors, LEVEL)(p, c, s, offset, least, found->start + h, WEIGHED, found, n, &most);
    for (; h < found->n; h++)
        n = PASTE(weigh_vectors, LEVEL)(p, c, s, offset, least, found->start + h, 1, found, n, &most);
    found->n = n;
    double lanes[LANES];
    STORE(lanes, most);
    for (int k = 1; k < WIDE; k++)
        lanes[0] = lanes[k] > lanes[0] ? lanes[k] : lanes[0];
    return lanes[0];
}

/* The weights of the models that may count, and their sums: over all of them, over dust cells and over populations. */
TARGET static void PASTE(sum_weights, LEVEL)(const piece_t *p, posterior_t *o, double least, models_t *found)
{
    sums_t *sums = o->sums;
    const double reference = sums->reference;
    VEC sum = ALL(0.0), squares = ALL(0.0), width = ALL(0.0);
    for (ptrdiff_t h = 0; h < found->n; h++) {
        const ptrdiff_t vector = found->start[h] / LANES, lane = found->start[h] % LANES;
        double *cell = o->cells + p->cell_of[vector] * LANES + lane;
        double *population = o->population + p->population_of[vector] + lane;
        const VEC l = LOAD(found->ln + h * WIDE);
        const INTS counts = (INTS)(l >= least);
        VEC w = CHOOSE(counts, l - reference, ALL(0.0));
        PASTE(exp_of, LEVEL)(&w);
        w = CHOOSE(counts, w, ALL(0.0));
        sum += w;
        squares += w * w;
        width += w * CHOOSE(counts, LOAD(found->per_gain + h * WIDE), ALL(0.0));
        STORE(cell, LOAD(cell) + w);
        STORE(population, LOAD(population) + w);
        STORE(found->weight + h * WIDE, w);
    }
    double lanes[LANES] = {0};
    STORE(lanes, squares);
    sums->squares += sum_of_lanes(lanes);
    STORE(lanes, width);
    sums->width += sum_of_lanes(lanes);
    STORE(lanes, sum);
    const double total = sum_of_lanes(lanes);
    sums->sum += total;
    o->axes[p->z_bin] += total;
    o->axes[p->metal_bin] += total;
}

/* log10 of the scales, in their place. */
TARGET static void PASTE(log_scales, LEVEL)(models_t *found)
{
    for (ptrdiff_t h = 0; h < found->n; h++) {
        VEC x = LOAD(found->scale + h * WIDE);
        PASTE(log_of, LEVEL)(&x);
        STORE(found->scale + h * WIDE, 0.43429448190325182765 * x);
    }
}

/* A property of some models next to each other. */
TARGET ALWAYS_INLINE void PASTE(values_of, LEVEL)(const piece_t *p, const property_t *property, const double *values,
                                                  const models_t *found, ptrdiff_t h, int exact, VEC *v)
{
    *v = LOAD(values + found->start[h]);
    if (property->is_ratio) {
        *v = ALL(1.0);
        if (exact)
            *v = LOAD(found->ratio + h * WIDE);
    } else if (property->factor != 0) {
        *v += property->factor * LOAD(found->scale + h * WIDE);
    }
}

/* The first value of a property among the models that count; NaN where none has any. */
TARGET static double PASTE(first_value, LEVEL)(const piece_t *p, const property_t *property, const double *values,
                                               const models_t *found, int exact)
{
    double x[LANES];
    VEC v;
    for (ptrdiff_t h = 0; h < found->n; h++) {
        PASTE(values_of, LEVEL)(p, property, values, found, h, exact, &v);
        STORE(x, v);
        for (int k = 0; k < WIDE; k++)
            if (found->weight[h * WIDE + k] > 0 && x[k] == x[k])
                return x[k];
    }
    return NAN;
}

/* A property of the models that count: what it adds to the moments; its values, weights (0 without a value) and bins.
   Of the whole numbers below the values over the width of a bin, the lowest and the highest come back. */
TARGET static void PASTE(bin_values, LEVEL)(const piece_t *p, const property_t *property, const double *values,
                                            const models_t *found, int exact, double per_step, moments_t *moments,
                                            double *x, double *w, double *extremes)
{
    const double whole = 0x1.8p52;
    const VEC origin = ALL(moments->origin);
    VEC invalid = ALL(0.0), first = ALL(0.0), second = ALL(0.0), low = ALL(HUGE_VAL), high = ALL(-HUGE_VAL), v;
    for (ptrdiff_t h = 0; h < found->n; h++) {
        PASTE(values_of, LEVEL)(p, property, values, found, h, exact, &v);
        const VEC weight = LOAD(found->weight + h * WIDE);
        const INTS counts = (INTS)(v == v) & (INTS)(weight > 0.0);
        v = CHOOSE(counts, v, origin);
        const VEC of_value = CHOOSE(counts, weight, ALL(0.0)), d = v - origin, wd = of_value * d;
        invalid += weight - of_value;
        first += wd;
        second += wd * d;
        const VEC b = v * per_step, nearest = (b + whole) - whole;
        const INTS above = (INTS)(nearest > b);
        const VEC below = CHOOSE(above, nearest - 1.0, nearest);
        low = SMALLER(below, low);
        high = LARGER(below, high);
        STORE(x + h * WIDE, v);
        STORE(w + h * WIDE, of_value);
        STORE_INTS(found->bin + h * WIDE, (INTS)(below + whole) - 0x4338000000000000LL);
    }
    double lanes[2 * LANES] = {0};
    STORE(lanes, invalid);
    moments->invalid += sum_of_lanes(lanes);
    STORE(lanes, first);
    moments->first += sum_of_lanes(lanes);
    STORE(lanes, second);
    moments->second += sum_of_lanes(lanes);
    STORE(lanes, low);
    STORE(lanes + LANES, high);
    extremes[0] = lanes[0];
    extremes[1] = lanes[LANES];
    for (int k = 1; k < WIDE; k++) {
        extremes[0] = lanes[k] < extremes[0] ? lanes[k] : extremes[0];
        extremes[1] = lanes[LANES + k] > extremes[1] ? lanes[LANES + k] : extremes[1];
    }
}

/* Moments and bins of the properties of the models that count. */
TARGET static void PASTE(add_properties, LEVEL)(const piece_t *p, const weighing_t *c, posterior_t *o, int exact,
                                                models_t *found)
{
    double *x = found->ln, *w = found->per_gain, extremes[2];
    PASTE(log_scales, LEVEL)(found);
    for (ptrdiff_t q = 0; q < c->nproperty; q++) {
        const property_t *property = c->property + q;
        const double *values = p->values + q * p->tile.stride;
        histogram_t *histogram = o->histograms + q;
        moments_t *moments = o->moments + q;
        if (!property->of_model)
            continue;
        if (moments->origin != moments->origin)
            moments->origin = PASTE(first_value, LEVEL)(p, property, values, found, exact);
        if (moments->origin != moments->origin) {
            for (ptrdiff_t i = 0; i < found->n * WIDE; i++)
                moments->invalid += found->weight[i];
            continue;
        }
        if (!histogram->n)
            first_bins(histogram, property, moments->origin);
        PASTE(bin_values, LEVEL)(p, property, values, found, exact, histogram->per_step, moments, x, w, extremes);
        o->failed |= !add_to_bins(histogram, property, found->n * WIDE, extremes, found->bin, x, w);
    }
}

/* Add the weights of some vectors of models. */
TARGET static void PASTE(weigh_found, LEVEL)(const piece_t *p, const weighing_t *c, posterior_t *o, const source_t *s,
                                             const coefficients_t *columns, double offset, models_t *found)
{
    sums_t *sums = o->sums;
    const double least = sums->largest - c->cut;
    double largest = PASTE(weigh_hits, LEVEL)(p, c, columns, offset, least, found);
    const int exact = needs_exact_chi2(s);
    if (exact)
        largest = weigh_exactly(p, c, s, offset, least, WIDE, found);
    else if (c->marginal)
        largest = weigh_positive_scales(c->cut, least, WIDE, found);
    if (!(largest >= least) || !(largest > -HUGE_VAL))
        return;
    if (largest > sums->largest)
        sums->largest = largest;
    if (!(sums->sum > 0))
        sums->reference = sums->largest;
    else if (sums->largest - sums->reference > LARGEST_LN)
        change_reference(o, c, sums->largest);
    PASTE(sum_weights, LEVEL)(p, o, sums->largest - c->cut, found);
    if (c->nmodel_property)
        PASTE(add_properties, LEVEL)(p, c, o, exact, found);
}

/* Add the weights of a piece of models to what is known of a source, those of populations to `o->population`. `offset`
   is ln(prior x cell width) of the redshift; scratch as `weigh_scratch` says. */
TARGET static void PASTE(weigh_piece, LEVEL)(const piece_t *p, const weighing_t *c, posterior_t *o, const source_t *s,
                                             double offset, double *scratch)
{
    if (!(s->total > 0))
        return;
    ptrdiff_t *hits = (ptrdiff_t *)scratch, n = 0;
    coefficients_t columns;
    models_t found = models_in(scratch + p->tile.stride + LANES, p, s, &columns);
    if (screen_for(c, s, offset, o->sums->largest - c->cut, &columns))
        n = PASTE(find_hits, LEVEL)(p, &columns.screen, hits);
    else
        for (ptrdiff_t m = 0; m < p->tile.nmodel; m += WIDE)
            hits[n++] = m;
    for (ptrdiff_t h = 0; h < n; h += TOGETHER) {
        found.start = hits + h;
        found.n = n - h < TOGETHER ? n - h : TOGETHER;
        PASTE(weigh_found, LEVEL)(p, c, o, s, &columns, offset, &found);
    }
}

#undef FUSED
#undef OF_TABLE
#undef REACHED
#undef LARGER
#undef SMALLER
#undef SINGLE
#undef SINGLE_WIDE
#undef LOAD_SINGLE
#undef ALL_SINGLE
#undef STORE_INTS
#undef VEC
#undef INTS
#undef LOAD
#undef STORE
#undef ALL
#undef CHOOSE
#undef BITS_OF
#undef WIDE
#undef VW
#undef TARGET
#undef LEVEL
