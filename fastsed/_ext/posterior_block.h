/* Weights of a piece of models for one source. Included once per SIMD level: see each_level.h. */

#if VW > 1
#define WIDE LANES
typedef double PASTE(wide, LEVEL) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef int64_t PASTE(wide_bits, LEVEL) __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
#define VEC PASTE(wide, LEVEL)
#define INTS PASTE(wide_bits, LEVEL)
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
#define LOAD(p) (*(p))
#define STORE(p, x) (*(p) = (x))
#define STORE_INTS(p, x) (*(p) = (x))
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

#if VW == 8
#define FUSED(x, y, z) ((VEC)_mm512_fmadd_pd((__m512d)(x), (__m512d)(y), (__m512d)(z)))
#else
#define FUSED(x, y, z) ((x) * (y) + (z))
#endif

/* Vectors of models of which any may have ln w >= least: where they begin; how many there are comes back. Rounds as it
   likes: `weigh_hits` decides. gain >= needed is tested as num^2 >= needed den: no division. */
TARGET static ptrdiff_t PASTE(find_hits, LEVEL)(const piece_t *p, const weighing_t *c, const source_t *s,
                                                double offset, double least, const double *weight,
                                                const double *weighted, ptrdiff_t *hits)
{
    const tile_t *t = &p->tile;
    const double base = s->total * (1 - 1e-12) + 2 * (least - offset) - 1e-9;
    ptrdiff_t n = 0;
    if (c->marginal || s->own_spec_scale || !(least > -HUGE_VAL)) {
        for (ptrdiff_t m = 0; m < t->nmodel; m += WIDE)
            hits[n++] = m;
        return n;
    }
    ptrdiff_t m = 0;
    for (; m + 2 * WIDE <= t->nmodel; m += 2 * WIDE) {
        VEC num0 = ALL(0.0), num1 = ALL(0.0), den0 = ALL(0.0), den1 = ALL(0.0);
        const double *flux = t->flux + m;
        for (ptrdiff_t b = 0; b < t->nband; b++, flux += t->stride) {
            const VEC f0 = LOAD(flux), f1 = LOAD(flux + WIDE), w = ALL(weight[b]), wf = ALL(weighted[b]);
            num0 = FUSED(wf, f0, num0);
            num1 = FUSED(wf, f1, num1);
            den0 = FUSED(w, f0 * f0, den0);
            den1 = FUSED(w, f1 * f1, den1);
        }
        const INTS near0 = (INTS)(num0 * num0 >= (base - 2.0 * LOAD(p->ln_weight + m)) * den0);
        const INTS near1 = (INTS)(num1 * num1 >= (base - 2.0 * LOAD(p->ln_weight + m + WIDE)) * den1);
        hits[n] = m;
        n += BITS_OF(near0) != 0;
        hits[n] = m + WIDE;
        n += BITS_OF(near1) != 0;
    }
    for (; m < t->nmodel; m += WIDE)
        hits[n++] = m;
    return n;
}

/* ln w of the models of some vectors from sums over the columns, an upper bound where the source needs more than that;
   what scales and gains (chi2 without a model less that with it) they have, and squared norms, vector after vector.
   Vectors without any ln w >= least are left out. The largest comes back. */
TARGET static double PASTE(weigh_hits, LEVEL)(const piece_t *p, const weighing_t *c, const source_t *s, double offset,
                                              double least, const double *weight, const double *weighted,
                                              models_t *found)
{
    const tile_t *t = &p->tile;
    const ptrdiff_t cut = s->own_spec_scale ? t->nmain : t->nband;
    const VEC never = ALL(-HUGE_VAL);
    VEC most = never;
    ptrdiff_t n = 0;
    for (ptrdiff_t h = 0; h < found->n; h++) {
        const ptrdiff_t m = found->start[h];
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
        }
        const INTS possible = (INTS)(num > 0.0) & (INTS)(l >= least) & (INTS)(l > -HUGE_VAL);
        if (!BITS_OF(possible))
            continue;
        l = CHOOSE(possible, l, never);
        const INTS larger = (INTS)(l > most);
        most = CHOOSE(larger, l, most);
        found->start[n] = m;
        STORE(found->ln + n * LANES, l);
        STORE(found->scale + n * LANES, a);
        STORE(found->gain + n * LANES, g);
        STORE(found->norm2 + n * LANES, den);
        n++;
    }
    found->n = n;
    double lanes[LANES];
    STORE(lanes, most);
    for (int k = 1; k < WIDE; k++)
        lanes[0] = lanes[k] > lanes[0] ? lanes[k] : lanes[0];
    return lanes[0];
}

/* Bins of the properties of some models next to each other, of weight w where the bits say so; `ratio` may be NULL for
   ones. What goes to the moments is added to `sums` [nproperty][3][LANES]. */
TARGET static void PASTE(add_models, LEVEL)(const piece_t *p, const weighing_t *c, posterior_t *o, ptrdiff_t m,
                                            unsigned bits, const double *weight, const double *scale,
                                            const double *ratio, double *sums)
{
    const double whole = 0x1.8p52, largest = 0x1p50;
    const VEC w = LOAD(weight);
    VEC log_scale = LOAD(scale);
    PASTE(log_of, LEVEL)(&log_scale);
    log_scale *= 0.43429448190325182765;
    double x[LANES];
    int64_t bins[LANES];
    for (ptrdiff_t q = 0; q < c->nproperty; q++, sums += 3 * LANES) {
        const property_t *property = c->property + q;
        if (!property->of_model)
            continue;
        moments_t *moments = o->moments + q;
        histogram_t *h = o->histograms + q;
        VEC v = LOAD(p->values + q * p->tile.stride + m);
        if (property->is_ratio) {
            v = ALL(1.0);
            if (ratio)
                v = LOAD(ratio);
        } else if (property->factor != 0) {
            v += property->factor * log_scale;
        }
        const INTS has_value = (INTS)(v == v);
        const unsigned valid = bits & BITS_OF(has_value);
        const VEC wv = CHOOSE(has_value, w, ALL(0.0));
        if (moments->origin != moments->origin && valid) {
            STORE(x, v);
            moments->origin = x[lowest_bit(valid)];
        }
        const INTS counts = (INTS)(wv > 0.0);
        const VEC d = CHOOSE(counts, v - moments->origin, ALL(0.0)), wd = wv * d;
        STORE(sums, LOAD(sums) + (w - wv));
        STORE(sums + LANES, LOAD(sums + LANES) + wd);
        STORE(sums + 2 * LANES, LOAD(sums + 2 * LANES) + wd * d);

        const VEC b = v * h->per_step, nearest = (b + whole) - whole;
        const INTS above = (INTS)(nearest > b);
        const VEC below = CHOOSE(above, nearest - 1.0, nearest) + whole;
        const INTS bin = (INTS)below - (0x4338000000000000LL + h->low);
        const INTS inside = (INTS)(bin >= 0) & (INTS)(bin < (int64_t)h->n) & (INTS)(b < largest) & (INTS)(b > -largest);
        if ((valid & BITS_OF(inside)) == valid) {
            STORE_INTS(bins, bin);
            double *to = h->weight;
            if (valid == (1u << WIDE) - 1)
                for (int k = 0; k < WIDE; k++)
                    to[bins[k]] += weight[k];
            else
                for (unsigned left = valid; left; left &= left - 1)
                    to[bins[lowest_bit(left)]] += weight[lowest_bit(left)];
            continue;
        }
        STORE(x, v);
        for (unsigned left = valid; left; left &= left - 1) {
            const int k = lowest_bit(left);
            o->failed |= !add_to_bin(h, property, x[k], weight[k]);
        }
    }
}

/* Add the weights of a piece of models to what is known of a source, those of populations to `o->population`. `offset`
   is ln(prior x cell width) of the redshift; scratch as `weigh_scratch` says. */
TARGET static void PASTE(weigh_piece, LEVEL)(const piece_t *p, const weighing_t *c, posterior_t *o, const source_t *s,
                                             double offset, double *scratch)
{
    double *weight, *weighted, *moments;
    models_t found = models_in(scratch, p, c, s, &weight, &weighted, &moments);
    sums_t *sums = o->sums;
    double least = sums->largest - c->cut;
    found.n = PASTE(find_hits, LEVEL)(p, c, s, offset, least, weight, weighted, found.start);
    double largest = PASTE(weigh_hits, LEVEL)(p, c, s, offset, least, weight, weighted, &found);
    const int exact = needs_exact_chi2(s);
    if (exact)
        largest = weigh_exactly(p, c, s, offset, least, &found);
    else if (c->marginal)
        largest = weigh_positive_scales(c->cut, least, &found);
    if (!(largest >= least) || !(largest > -HUGE_VAL))
        return;
    if (largest > sums->largest)
        sums->largest = largest;
    if (!(sums->sum > 0))
        sums->reference = sums->largest;
    else if (sums->largest - sums->reference > LARGEST_LN)
        change_reference(o, c, sums->largest);
    least = sums->largest - c->cut;

    const double reference = sums->reference;
    const ptrdiff_t size = p->npopulation;
    VEC squares = ALL(0.0), width = ALL(0.0), of_cell = ALL(0.0);
    double total = 0, lanes[LANES] = {0};
    ptrdiff_t cell = 0;
    for (ptrdiff_t h = 0; h <= found.n; h++) {
        const ptrdiff_t m = h < found.n ? found.start[h] : p->ncell * size;
        if (m >= (cell + 1) * size) {
            STORE(lanes, of_cell);
            total += add_cell(p, o, cell, lanes);
            of_cell = ALL(0.0);
            cell = m / size;
        }
        if (cell >= p->ncell)
            break;
        const VEC l = LOAD(found.ln + h * LANES);
        const INTS counts = (INTS)(l >= least);
        const unsigned bits = BITS_OF(counts);
        if (!bits)
            continue;
        VEC w = CHOOSE(counts, l - reference, ALL(0.0));
        PASTE(exp_of, LEVEL)(&w);
        w = CHOOSE(counts, w, ALL(0.0));
        const VEC g = CHOOSE(counts, LOAD(found.gain + h * LANES), ALL(1.0));
        double *population = o->population + (m - cell * size);
        of_cell += w;
        squares += w * w;
        width += w / g;
        STORE(population, LOAD(population) + w);
        if (c->nmodel_property) {
            STORE(lanes, w);
            PASTE(add_models, LEVEL)(p, c, o, m, bits, lanes, found.scale + h * LANES,
                                     exact ? found.ratio + h * LANES : NULL, moments);
        }
    }
    for (int k = 0; k < LANES; k++)
        lanes[k] = 0;
    STORE(lanes, squares);
    sums->squares += sum_of_lanes(lanes);
    STORE(lanes, width);
    sums->width += sum_of_lanes(lanes);
    sums->sum += total;
    o->axes[p->z_bin] += total;
    o->axes[p->metal_bin] += total;
    add_moments(c, o, moments);
}

#undef FUSED
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
