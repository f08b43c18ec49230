/* Weights of a piece of models for one source. Included once per SIMD level: see each_level.h. */

#if VW > 1
#define WIDE LANES
typedef double PASTE(wide, LEVEL) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef int64_t PASTE(wide_bits, LEVEL) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
#define VEC PASTE(wide, LEVEL)
#define INTS PASTE(wide_bits, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, x) (*(VEC *)(p) = (x))
#define ALL(x) ((x) + (VEC){0})
#define CHOOSE(mask, x, y) ((VEC)(((INTS)(x) & (INTS)(mask)) | ((INTS)(y) & ~(INTS)(mask))))
#else
#define WIDE 1
typedef double PASTE(wide, LEVEL);
typedef int64_t PASTE(wide_bits, LEVEL);
#define VEC PASTE(wide, LEVEL)
#define INTS PASTE(wide_bits, LEVEL)
#define LOAD(p) (*(p))
#define STORE(p, x) (*(p) = (x))
#define ALL(x) (x)
#define CHOOSE(mask, x, y) ((mask) ? (x) : (y))
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
/* exp of numbers of at most a few hundred: powers of two, and the series on half an octave. */
TARGET ALWAYS_INLINE void PASTE(exp_of, LEVEL)(VEC *x)
{
    const double shift = 0x1.8p52;
    const VEC shifted = *x * 1.44269504088896340736 + shift, whole = shifted - shift;
    const VEC r = (*x - whole * 0x1.62e42feep-1) - whole * 0x1.a39ef35793c76p-33;
    VEC e = ALL(1.0 / 6227020800.0);
    e = e * r + 1.0 / 479001600.0;
    e = e * r + 1.0 / 39916800.0;
    e = e * r + 1.0 / 3628800.0;
    e = e * r + 1.0 / 362880.0;
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

/* Natural logarithm of positive numbers: exponent, and the series of the area tangent. */
TARGET ALWAYS_INLINE void PASTE(log_of, LEVEL)(VEC *x)
{
    const INTS bits = (INTS)*x;
    VEC m = (VEC)((bits & 0xfffffffffffffLL) | 0x3ff0000000000000LL);
    const INTS large = m > 1.41421356237309504880;
    m = CHOOSE(large, 0.5 * m, m);
    const INTS exponent = (bits >> 52) - 1023 - large;
    const VEC e = (VEC)(exponent + 0x4338000000000000LL) - 0x1.8p52;
    const VEC f = (m - 1.0) / (m + 1.0), g = f * f;
    VEC s = ALL(1.0 / 21.0);
    s = s * g + 1.0 / 19.0;
    s = s * g + 1.0 / 17.0;
    s = s * g + 1.0 / 15.0;
    s = s * g + 1.0 / 13.0;
    s = s * g + 1.0 / 11.0;
    s = s * g + 1.0 / 9.0;
    s = s * g + 1.0 / 7.0;
    s = s * g + 1.0 / 5.0;
    s = s * g + 1.0 / 3.0;
    s = s * g + 1.0;
    *x = e * 0.69314718055994530942 + 2.0 * f * s;
}
#else
static inline void PASTE(exp_of, LEVEL)(VEC *x) { *x = exp(*x); }
static inline void PASTE(log_of, LEVEL)(VEC *x) { *x = log(*x); }
#endif

/* ln w [nmodel] of all models from sums over the columns, an upper bound where the source needs more than that; what
   scales and gains (chi2 without a model less that with it) they have, and squared norms. The largest comes back. */
TARGET static double PASTE(weigh_sums, LEVEL)(const piece_t *p, const weighing_t *c, const source_t *s, double offset,
                                              double *coefficients, double *ln, double *scale, double *gain,
                                              double *norm2)
{
    const tile_t *t = &p->tile;
    const ptrdiff_t cut = s->own_spec_scale ? t->nmain : t->nband;
    double *weighted = coefficients, *weight = coefficients + t->nband;
    for (ptrdiff_t b = 0; b < t->nband; b++) {
        weight[b] = s->weight[b];
        weighted[b] = s->weight[b] * s->value[b];
    }
    const VEC never = ALL(-HUGE_VAL);
    VEC most = never;
    for (ptrdiff_t m = 0; m < t->nmodel; m += WIDE) {
        VEC num = ALL(0.0), den = ALL(0.0);
        const double *flux = t->flux + m;
        for (ptrdiff_t b = 0; b < cut; b++) {
            const VEC f = LOAD(flux + b * t->stride);
            num += weighted[b] * f;
            den += weight[b] * (f * f);
        }
        const VEC a = num / den;
        VEC g = num * a;
        if (cut < t->nband) {
            VEC spec_num = ALL(0.0), spec_den = ALL(0.0);
            for (ptrdiff_t b = cut; b < t->nband; b++) {
                const VEC f = LOAD(flux + b * t->stride);
                spec_num += weighted[b] * f;
                spec_den += weight[b] * (f * f);
            }
            g += spec_num * spec_num / spec_den;
        }
        VEC l = (0.5 * (g - s->total) + LOAD(p->ln_weight + m)) + offset;
        if (c->marginal) {
            VEC ln_den = den;
            PASTE(log_of, LEVEL)(&ln_den);
            l -= 0.5 * ln_den;
            STORE(norm2 + m, den);
        }
        const INTS possible = (INTS)(num > 0.0) & (INTS)(l == l);
        l = CHOOSE(possible, l, never);
        const INTS larger = l > most;
        most = CHOOSE(larger, l, most);
        STORE(ln + m, l);
        STORE(scale + m, a);
        STORE(gain + m, g);
    }
    double lanes[LANES];
    STORE(lanes, most);
    for (int k = 1; k < WIDE; k++)
        lanes[0] = lanes[k] > lanes[0] ? lanes[k] : lanes[0];
    return lanes[0];
}

/* Properties of some models next to each other, of weight w where the bits say so; ratio may be NULL for ones. */
TARGET static void PASTE(add_models, LEVEL)(const piece_t *p, const weighing_t *c, posterior_t *o, ptrdiff_t m,
                                            unsigned bits, const double *weight, const double *scale,
                                            const double *ratio)
{
    const VEC w = LOAD(weight);
    VEC log_scale = LOAD(scale + m);
    PASTE(log_of, LEVEL)(&log_scale);
    log_scale *= 0.43429448190325182765;
    double x[LANES], valid[LANES], first[LANES] = {0}, second[LANES] = {0}, invalid[LANES] = {0};
    for (ptrdiff_t q = 0; q < c->nproperty; q++) {
        const property_t *property = c->property + q;
        if (!property->of_model)
            continue;
        moments_t *moments = o->moments + q;
        VEC v = LOAD(p->values + q * p->tile.stride + m);
        if (property->is_ratio) {
            v = ALL(1.0);
            if (ratio)
                v = LOAD(ratio + m);
        } else if (property->factor != 0) {
            v += property->factor * log_scale;
        }
        STORE(x, v);
        const INTS has_value = v == v;
        const VEC wv = CHOOSE(has_value, w, ALL(0.0));
        STORE(valid, wv);
        for (unsigned left = bits; moments->origin != moments->origin && left; left &= left - 1)
            moments->origin = x[lowest_bit(left)];
        const INTS counts = (INTS)(wv > 0.0);
        const VEC d = CHOOSE(counts, v - moments->origin, ALL(0.0));
        STORE(invalid, w - wv);
        STORE(first, wv * d);
        STORE(second, wv * d * d);
        moments->invalid += sum_of_lanes(invalid);
        moments->first += sum_of_lanes(first);
        moments->second += sum_of_lanes(second);
        histogram_t *h = o->histograms + q;
        for (unsigned left = bits; left; left &= left - 1) {
            const int k = lowest_bit(left);
            if (valid[k] > 0)
                o->failed |= !add_to_bin(h, property, x[k], valid[k]);
        }
    }
}

/* Add the weights of a piece of models to what is known of a source. `offset` is ln(prior x cell width) of the
   redshift; scratch as `weigh_scratch` says. */
TARGET static void PASTE(weigh_piece, LEVEL)(const piece_t *p, const weighing_t *c, posterior_t *o, const source_t *s,
                                             double offset, double *scratch)
{
    const ptrdiff_t n = p->tile.nmodel, size = p->tile.stride + LANES;
    double *ln = scratch, *scale = ln + size, *gain = scale + size, *norm2 = gain + size, *ratio = norm2 + size;
    double *population = ratio + size;
    sums_t *sums = o->sums;
    double largest = PASTE(weigh_sums, LEVEL)(p, c, s, offset, population + size, ln, scale, gain, norm2);
    if (!(largest >= sums->largest - c->cut) || !(largest > -HUGE_VAL))
        return;
    const int exact = needs_exact_chi2(s);
    if (exact || c->marginal) {
        if (exact)
            weigh_exactly(p, c, s, offset, sums->largest - c->cut, ln, scale, gain, norm2, ratio);
        else
            weigh_positive_scales(n, c->cut, sums->largest - c->cut, ln, scale, norm2);
        largest = -HUGE_VAL;
        for (ptrdiff_t m = 0; m < n; m++)
            largest = ln[m] > largest ? ln[m] : largest;
        if (!(largest >= sums->largest - c->cut) || !(largest > -HUGE_VAL))
            return;
    }
    if (largest > sums->largest)
        sums->largest = largest;
    if (!(sums->sum > 0))
        sums->reference = sums->largest;
    else if (sums->largest - sums->reference > LARGEST_LN)
        change_reference(o, c, sums->largest);

    const double least = sums->largest - c->cut, reference = sums->reference;
    int models = 0;
    for (ptrdiff_t q = 0; q < c->nproperty; q++)
        models |= c->property[q].of_model;
    for (ptrdiff_t i = 0; i < p->npopulation; i += WIDE)
        STORE(population + i, ALL(0.0));
    VEC squares = ALL(0.0), width = ALL(0.0);
    double total = 0, lanes[LANES] = {0};
    for (ptrdiff_t cell = 0; cell < p->ncell; cell++) {
        VEC of_cell = ALL(0.0);
        unsigned any = 0;
        for (ptrdiff_t i = 0; i < p->npopulation; i += WIDE) {
            const ptrdiff_t m = cell * p->npopulation + i;
            VEC w = LOAD(ln + m) - reference;
            const INTS counts = (INTS)(LOAD(ln + m) >= least);
            const unsigned bits = BITS_OF(counts);
            if (!bits)
                continue;
            any |= bits;
            w = CHOOSE(counts, w, ALL(0.0));
            PASTE(exp_of, LEVEL)(&w);
            w = CHOOSE(counts, w, ALL(0.0));
            const VEC g = CHOOSE(counts, LOAD(gain + m), ALL(1.0));
            of_cell += w;
            squares += w * w;
            width += w / g;
            STORE(population + i, LOAD(population + i) + w);
            if (models) {
                STORE(lanes, w);
                PASTE(add_models, LEVEL)(p, c, o, m, bits, lanes, scale, exact ? ratio : NULL);
            }
        }
        if (!any)
            continue;
        double of_lanes[LANES] = {0};
        STORE(of_lanes, of_cell);
        const double sum = sum_of_lanes(of_lanes);
        o->axes[p->cell_bins[cell]] += sum;
        o->axes[p->cell_bins[p->ncell + cell]] += sum;
        total += sum;
    }
    double of_lanes[LANES] = {0};
    STORE(of_lanes, squares);
    sums->squares += sum_of_lanes(of_lanes);
    STORE(of_lanes, width);
    sums->width += sum_of_lanes(of_lanes);
    sums->sum += total;
    o->axes[p->z_bin] += total;
    o->axes[p->metal_bin] += total;
    add_populations(p, c, o, population);
}

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
