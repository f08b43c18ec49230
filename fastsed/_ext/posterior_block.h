/* Weights of a piece of models for one source. Included once per SIMD level: see each_level.h. Models go by LANES, of which a
   vector has a part; sums of each lane are kept apart, so that they are the same at every level. */

#define PARTS (LANES / VW)
/* vectors of as many LANES go through long calculations together: each waits for its last step, and others go on */
#define PAIR 2
#define BOTH (PAIR * PARTS)
/* sources that are screened side by side, as many as the registers hold sums for, and vectors of each: whole LANES */
#define SIDE_BY_SIDE (VW == 8 ? 4 : 2)
#define VECTORS (VW > 1 ? 2 : LANES)
/* numbers of a convolution that are summed side by side */
#define OUTPUTS (CONVOLVED / VW)
#define EACH_PART for (int k = 0; k < PARTS; k++)
#define EACH for (int k = 0; k < BOTH; k++)

#if VW > 1
typedef double PASTE(part, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
typedef int64_t PASTE(part_bits, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
typedef uint64_t PASTE(part_unsigned, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
typedef float PASTE(single, LEVEL) __attribute__((vector_size(VW * 8), aligned(4), may_alias));
#define VEC PASTE(part, LEVEL)
#define INTS PASTE(part_bits, LEVEL)
#define UNSIGNED PASTE(part_unsigned, LEVEL)
#define SINGLE PASTE(single, LEVEL)
#define SINGLE_WIDE (2 * VW)
#define LOAD_SINGLE(p) (*(const SINGLE *)(p))
#define ALL_SINGLE(x) ((x) - (SINGLE){0})
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, x) (*(VEC *)(p) = (x))
#define STORE_INTS(p, x) (*(INTS *)(p) = (x))
/* less zero: more zero would be an addition, which makes 0 of -0 */
#define ALL(x) ((x) - (VEC){0})
#define CHOOSE(mask, x, y) ((VEC)(((INTS)(x) & (INTS)(mask)) | ((INTS)(y) & ~(INTS)(mask))))
/* whole numbers below 2^51 in amount, of which SHIFT is to be taken, as integers */
#define WHOLE(x) ((INTS)(x) - 0x4338000000000000LL)
#else
typedef double PASTE(part, LEVEL);
typedef int64_t PASTE(part_bits, LEVEL);
#define VEC PASTE(part, LEVEL)
#define INTS PASTE(part_bits, LEVEL)
#define SINGLE float
#define SINGLE_WIDE 1
#define LOAD_SINGLE(p) (*(p))
#define ALL_SINGLE(x) (x)
#define LOAD(p) (*(p))
#define STORE(p, x) (*(p) = (x))
#define STORE_INTS(p, x) (*(p) = (x))
#define ALL(x) (x)
#define CHOOSE(mask, x, y) ((mask) ? (x) : (y))
#define WHOLE(x) ((INTS)((x) - SHIFT))
#endif

/* x y + z with one rounding, at every level */
#if VW == 8
#define MULTIPLY_ADD(x, y, z) ((VEC)_mm512_fmadd_pd((__m512d)(x), (__m512d)(y), (__m512d)(z)))
#define LARGER(x, y) ((VEC)_mm512_max_pd((__m512d)(x), (__m512d)(y)))
#define SMALLER(x, y) ((VEC)_mm512_min_pd((__m512d)(x), (__m512d)(y)))
#define ANY_ABOVE(x, y) (_mm512_cmp_pd_mask((__m512d)(x), (__m512d)(y), _CMP_GT_OQ) != 0)
#define BELOW_SHIFTED(x) \
    ((VEC)_mm512_add_round_pd((__m512d)(x), _mm512_set1_pd(SHIFT), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))
#elif VW == 4
#define MULTIPLY_ADD(x, y, z) ((VEC)_mm256_fmadd_pd((__m256d)(x), (__m256d)(y), (__m256d)(z)))
#define LARGER(x, y) ((VEC)_mm256_max_pd((__m256d)(x), (__m256d)(y)))
#define SMALLER(x, y) ((VEC)_mm256_min_pd((__m256d)(x), (__m256d)(y)))
#define ANY_ABOVE(x, y) (_mm256_movemask_pd(_mm256_cmp_pd((__m256d)(x), (__m256d)(y), _CMP_GT_OQ)) != 0)
#define BELOW_SHIFTED(x) ((VEC)_mm256_floor_pd((__m256d)(x)) + SHIFT)
#else
#if VW > 1 && defined(__aarch64__)
#define MULTIPLY_ADD(x, y, z) ((VEC)vfmaq_f64((float64x2_t)(z), (float64x2_t)(x), (float64x2_t)(y)))
#elif VW > 1
#define MULTIPLY_ADD(x, y, z) PASTE(multiply_add, LEVEL)(x, y, z)
#else
#define MULTIPLY_ADD(x, y, z) fma(x, y, z)
#endif
#if VW > 1
#define ANY_ABOVE(x, y) ((x)[0] > (y)[0] || (x)[1] > (y)[1])
#else
#define ANY_ABOVE(x, y) ((x) > (y))
#endif
#define LARGER(x, y) CHOOSE((INTS)((x) > (y)), x, y)
#define SMALLER(x, y) CHOOSE((INTS)((x) < (y)), x, y)
/* of numbers below 2^51 in amount; what is beyond stays about what it is */
#define NEAREST(x) (((x) + SHIFT) - SHIFT)
#define BELOW_SHIFTED(x) (CHOOSE((INTS)(NEAREST(x) > (x)), NEAREST(x) - 1.0, NEAREST(x)) + SHIFT)
#endif

#if VW == 2 && !defined(__aarch64__)
/* The sum of two numbers, and what its rounding leaves out (Knuth). */
static inline VEC PASTE(two_sum, LEVEL)(VEC x, VEC y, VEC *error)
{
    const VEC sum = x + y, of_y = sum - x;
    *error = (x - (sum - of_y)) + (y - of_y);
    return sum;
}

/* Their product, and what its rounding leaves out (Veltkamp, Dekker). */
static inline VEC PASTE(two_product, LEVEL)(VEC x, VEC y, VEC *error)
{
    const VEC product = x * y, cx = x * 0x1.0000002p27, cy = y * 0x1.0000002p27;
    const VEC high_x = cx - (cx - x), high_y = cy - (cy - y), low_x = x - high_x, low_y = y - high_y;
    *error = ((high_x * high_y - product) + high_x * low_y + low_x * high_y) + low_x * low_y;
    return product;
}

/* x y + z with one rounding on processors that have no instruction for it: Boldo & Melquiond (2008, IEEE Transactions on
   Computers 57, 462). libm's own takes forty times as long. */
static inline VEC PASTE(multiply_add, LEVEL)(VEC x, VEC y, VEC z)
{
    VEC low, lower, lowest, lost;
    const VEC product = PASTE(two_product, LEVEL)(x, y, &low);
    const VEC middle = PASTE(two_sum, LEVEL)(z, low, &lowest);
    const VEC high = PASTE(two_sum, LEVEL)(product, middle, &lower);
    const VEC rest = PASTE(two_sum, LEVEL)(lowest, lower, &lost);
    /* rounded to odd: where digits are lost, the last bit becomes one, by the neighbour on their side */
    const INTS bits = (INTS)rest, is_even = (INTS)(lost != 0.0) & ((bits & 1) - 1);
    const INTS outwards = ((bits ^ (INTS)lost) >> 63) | 1;
    return high + (VEC)(bits + (outwards & is_even));
}
#endif

#if VW > 1
/* exp of numbers of at most a few hundred, to 1e-10 of itself: powers of two, and the series on half an octave. */
TARGET ALWAYS_INLINE void PASTE(exp_of, LEVEL)(VEC *x)
{
    VEC shifted[BOTH], r[BOTH], e[BOTH];
    EACH shifted[k] = MULTIPLY_ADD(x[k], ALL(1.44269504088896340736), ALL(SHIFT));
    EACH r[k] = MULTIPLY_ADD(shifted[k] - SHIFT, ALL(-0.69314718055994530942), x[k]);
    EACH e[k] = MULTIPLY_ADD(r[k], ALL(1.0 / 362880.0), ALL(1.0 / 40320.0));
    EACH e[k] = MULTIPLY_ADD(e[k], r[k], ALL(1.0 / 5040.0));
    EACH e[k] = MULTIPLY_ADD(e[k], r[k], ALL(1.0 / 720.0));
    EACH e[k] = MULTIPLY_ADD(e[k], r[k], ALL(1.0 / 120.0));
    EACH e[k] = MULTIPLY_ADD(e[k], r[k], ALL(1.0 / 24.0));
    EACH e[k] = MULTIPLY_ADD(e[k], r[k], ALL(1.0 / 6.0));
    EACH e[k] = MULTIPLY_ADD(e[k], r[k], ALL(0.5));
    EACH e[k] = MULTIPLY_ADD(e[k], r[k], ALL(1.0));
    EACH e[k] = MULTIPLY_ADD(e[k], r[k], ALL(1.0));
    EACH x[k] = (VEC)((INTS)e[k] + ((INTS)shifted[k] << 52));
}

/* exponent and mantissa of positive numbers, as numbers */
#if VW == 8
#define EXPONENT(x) ((VEC)_mm512_getexp_pd((__m512d)(x)))
#define MANTISSA(x) ((VEC)_mm512_getmant_pd((__m512d)(x), _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src))
#else
#define EXPONENT(x) ((VEC)((((UNSIGNED)(x) >> 52) - 1023) + 0x4338000000000000ULL) - SHIFT)
#define MANTISSA(x) ((VEC)(((UNSIGNED)(x) & 0xfffffffffffffULL) | 0x3ff0000000000000ULL))
#endif

/* the last four bits of i count */
#if VW == 8
#define OF_TABLE(table, i) \
    ((VEC)_mm512_permutex2var_pd(_mm512_loadu_pd(table), (__m512i)(i), _mm512_loadu_pd((table) + 8)))
#elif VW == 4
#define OF_TABLE(table, i) ((VEC)_mm256_i64gather_pd(table, (__m256i)((i) & 15), 8))
#else
#define OF_TABLE(table, i) ((VEC){(table)[(i)[0] & 15], (table)[(i)[1] & 15]})
#endif

/* Natural logarithm of positive numbers, to 1e-13: exponent, the middle of the sixteenth of an octave, and a series. */
TARGET ALWAYS_INLINE void PASTE(log_of, LEVEL)(VEC *x)
{
    UNSIGNED part[BOTH];
    VEC r[BOTH], s[BOTH], e[BOTH];
    EACH part[k] = (UNSIGNED)x[k] >> 48;
    EACH r[k] = MANTISSA(x[k]);
    EACH e[k] = EXPONENT(x[k]);
    EACH r[k] = MULTIPLY_ADD(r[k], OF_TABLE(per_middle, part[k]), ALL(-1.0));
    EACH e[k] = MULTIPLY_ADD(e[k], ALL(0.69314718055994530942), OF_TABLE(ln_middle, part[k]));
    EACH s[k] = MULTIPLY_ADD(r[k], ALL(1.0 / 7.0), ALL(-1.0 / 6.0));
    EACH s[k] = MULTIPLY_ADD(s[k], r[k], ALL(1.0 / 5.0));
    EACH s[k] = MULTIPLY_ADD(s[k], r[k], ALL(-1.0 / 4.0));
    EACH s[k] = MULTIPLY_ADD(s[k], r[k], ALL(1.0 / 3.0));
    EACH s[k] = MULTIPLY_ADD(s[k], r[k], ALL(-1.0 / 2.0));
    EACH x[k] = e[k] + MULTIPLY_ADD(r[k] * r[k], s[k], r[k]);
}
#else
static inline void PASTE(exp_of, LEVEL)(VEC *x) { EACH x[k] = exp(x[k]); }
static inline void PASTE(log_of, LEVEL)(VEC *x) { EACH x[k] = log(x[k]); }
#endif

#if VW == 8
#define FUSED(x, y, z) ((SINGLE)_mm512_fmadd_ps((__m512)(x), (__m512)(y), (__m512)(z)))
#define REACHED(x) ((unsigned)_mm512_cmp_ps_mask((__m512)(x), _mm512_setzero_ps(), _CMP_GE_OQ))
#elif VW == 4
#define FUSED(x, y, z) ((SINGLE)_mm256_fmadd_ps((__m256)(x), (__m256)(y), (__m256)(z)))
#define REACHED(x) ((unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)(x), _mm256_setzero_ps(), _CMP_GE_OQ)))
#else
#define FUSED(x, y, z) ((x) * (y) + (z))
#if VW > 1
#define REACHED(x) ((unsigned)((x)[0] >= 0 || (x)[1] >= 0 || (x)[2] >= 0 || (x)[3] >= 0))
#else
#define REACHED(x) ((unsigned)((x) >= 0))
#endif
#endif

/* For vectors of models next to each other and SIDE_BY_SIDE sources: the byte of LANES models is not 0 where one of them may
   count. gain >= needed is tested as num^2 >= needed den: no division. `columns` has weights and weighted values by column. */
TARGET ALWAYS_INLINE void PASTE(screen_vectors, LEVEL)(const piece_t *p, member_t *const *sources, const float *columns,
                                                       ptrdiff_t m, int n_vectors)
{
    SINGLE num[SIDE_BY_SIDE][VECTORS], den[SIDE_BY_SIDE][VECTORS], f[VECTORS], squared[VECTORS];
    for (int s = 0; s < SIDE_BY_SIDE; s++)
        for (int k = 0; k < n_vectors; k++)
            num[s][k] = den[s][k] = ALL_SINGLE(0.0f);
    const float *flux = p->single + m;
    for (ptrdiff_t b = 0; b < p->tile.nband; b++, flux += p->single_stride, columns += 2 * SIDE_BY_SIDE) {
        for (int k = 0; k < n_vectors; k++) {
            f[k] = LOAD_SINGLE(flux + k * SINGLE_WIDE);
            squared[k] = f[k] * f[k];
        }
        for (int s = 0; s < SIDE_BY_SIDE; s++) {
            const SINGLE weight = ALL_SINGLE(columns[s]), weighted = ALL_SINGLE(columns[SIDE_BY_SIDE + s]);
            for (int k = 0; k < n_vectors; k++) {
                num[s][k] = FUSED(weighted, f[k], num[s][k]);
                den[s][k] = FUSED(weight, squared[k], den[s][k]);
            }
        }
    }
    for (int s = 0; s < SIDE_BY_SIDE; s++) {
        const screen_t *screen = &sources[s]->columns.screen;
        uint8_t *may_count = sources[s]->may_count + (size_t)m / LANES;
        unsigned reached = 0;
        for (int k = 0; k < n_vectors; k++) {
            const SINGLE ln = LOAD_SINGLE(p->single_ln + m + k * SINGLE_WIDE);
            const SINGLE not_needed = FUSED(ALL_SINGLE(screen->per_ln), ln, ALL_SINGLE(screen->minus_base));
            const SINGLE excess = FUSED(not_needed, den[s][k], FUSED(num[s][k], num[s][k], ALL_SINGLE(FAINT)));
            reached |= REACHED(excess) << k * SINGLE_WIDE;
        }
        for (int k = 0; k < n_vectors * SINGLE_WIDE / LANES; k++)
            may_count[k] = (uint8_t)(reached >> k * LANES);
    }
}

/* Which LANES models may have ln w >= least, for some sources. In single precision, with a margin: `weigh_models` decides. */
TARGET static void PASTE(screen_models, LEVEL)(const piece_t *p, member_t *const *sources, float *columns)
{
    for (ptrdiff_t b = 0; b < p->tile.nband; b++)
        for (int s = 0; s < SIDE_BY_SIDE; s++) {
            columns[2 * SIDE_BY_SIDE * b + s] = sources[s]->columns.screen.weight[b];
            columns[2 * SIDE_BY_SIDE * b + SIDE_BY_SIDE + s] = sources[s]->columns.screen.weighted[b];
        }
    ptrdiff_t m = 0;
    for (; m + VECTORS * SINGLE_WIDE <= p->single_stride; m += VECTORS * SINGLE_WIDE)
        PASTE(screen_vectors, LEVEL)(p, sources, columns, m, VECTORS);
    for (; m < p->tile.nmodel; m += SINGLE_WIDE)
        PASTE(screen_vectors, LEVEL)(p, sources, columns, m, 1);
}

/* Sums over columns [from, to) for n times LANES models that begin at `start`. The loop does nothing else: its loads would
   wait for what is stored at the same place of another page. The arrays have room for LANES more. */
TARGET static void PASTE(sum_columns, LEVEL)(const tile_t *t, const coefficients_t *s, ptrdiff_t from, ptrdiff_t to,
                                             const ptrdiff_t *start, ptrdiff_t n, double *num, double *den)
{
    const double *weight = s->weight, *weighted = s->weighted, *flux = t->flux + from * t->stride;
    const ptrdiff_t stride = t->stride;
    for (ptrdiff_t h = 0; h < n; h += PAIR) {
        const double *f = flux + start[h], *g = flux + start[h + 1 < n ? h + 1 : h];
        VEC all_num[BOTH], all_den[BOTH];
        EACH all_num[k] = all_den[k] = ALL(0.0);
        UNROLLED for (ptrdiff_t b = from; b < to; b++, f += stride, g += stride) {
            const VEC w = ALL(weight[b]), wf = ALL(weighted[b]);
            EACH {
                const VEC x = LOAD(k < PARTS ? f + k * VW : g + (k - PARTS) * VW);
                all_num[k] = MULTIPLY_ADD(wf, x, all_num[k]);
                all_den[k] = MULTIPLY_ADD(w, x * x, all_den[k]);
            }
        }
        EACH STORE(num + h * LANES + k * VW, all_num[k]);
        EACH STORE(den + h * LANES + k * VW, all_den[k]);
    }
}

/* The logarithms of n times LANES norms, each `factor` times den; the arrays have room for LANES more. */
TARGET static void PASTE(log_norms, LEVEL)(ptrdiff_t n, const double *den, double factor, double *ln)
{
    for (ptrdiff_t h = 0; h < n; h += PAIR) {
        VEC x[BOTH];
        EACH x[k] = LOAD(den + h * LANES + k * VW) * factor;
        PASTE(log_of, LEVEL)(x);
        EACH STORE(ln + h * LANES + k * VW, x[k]);
    }
}

/* The largest of those of all lanes. */
TARGET ALWAYS_INLINE double PASTE(largest_of_parts, LEVEL)(const VEC *x)
{
    double lanes[LANES];
    EACH_PART STORE(lanes + k * VW, x[k]);
    for (int k = 1; k < LANES; k++)
        lanes[0] = lanes[k] > lanes[0] ? lanes[k] : lanes[0];
    return lanes[0];
}

/* ln w of the models found from sums over the columns, an upper bound where the source needs more than that; what scales,
   squared norms and inverse gains they have: of the data that set the scale, chi2 without a model less that with it. LANES
   without any ln w >= least are left out, and some without any model make the number of the others even. The largest comes
   back. */
TARGET static double PASTE(weigh_hits, LEVEL)(const piece_t *p, const weighing_t *c, const coefficients_t *s,
                                              double offset, double least, models_t *found)
{
    const int two_scales = s->nmain < p->tile.nband;
    const double half_total = 0.5 * s->total, per_scale = s->per_scale, per_total = s->per_total;
    double *ln = found->ln, *scale = found->scale, *per_gain = found->per_gain, *norm2 = found->norm2;
    ptrdiff_t n = 0, *start = found->start;
    VEC most[PARTS], gain[PARTS];
    EACH_PART most[k] = gain[k] = ALL(-HUGE_VAL);
    PASTE(sum_columns, LEVEL)(&p->tile, s, 0, s->nmain, start, found->n, ln, scale);
    if (two_scales)
        PASTE(sum_columns, LEVEL)(&p->tile, s, s->nmain, p->tile.nband, start, found->n, found->ratio, per_gain);
    if (c->marginal)
        PASTE(log_norms, LEVEL)(found->n, scale, s->largest, found->weight);
    for (ptrdiff_t h = 0; h < found->n; h++) {
        const double *ln_weight = p->ln_weight + start[h];
        const ptrdiff_t from = h * LANES, to = n * LANES;
        int any = 0;
        start[n] = start[h];
        EACH_PART {
            const VEC num = LOAD(ln + from + k * VW), den = LOAD(scale + from + k * VW);
            /* one division for the scale, 1 / num and 1 / den */
            const VEC r = 1.0 / (num * den), a = num * num * r, per_num = den * r;
            VEC q = num * a;
            if (two_scales) {
                const VEC spec_num = LOAD(found->ratio + from + k * VW);
                q += spec_num * spec_num / LOAD(per_gain + from + k * VW);
            }
            gain[k] = LARGER(q, gain[k]);
            VEC l = MULTIPLY_ADD(ALL(half_total), q - 1.0, LOAD(ln_weight + k * VW)) + offset;
            if (c->marginal) {
                l -= 0.5 * LOAD(found->weight + from + k * VW);
                STORE(norm2 + to + k * VW, den * s->largest);
            }
            l = CHOOSE((INTS)(num > s->least_num) & (INTS)(l >= least), l, ALL(-HUGE_VAL));
            most[k] = LARGER(l, most[k]);
            any |= ANY_ABOVE(l, ALL(-HUGE_VAL));
            STORE(ln + to + k * VW, l);
            STORE(scale + to + k * VW, a * per_scale);
            /* of the data that set the scale */
            STORE(per_gain + to + k * VW, den * (per_num * per_num) * per_total);
        }
        n += any;
    }
    if (n % PAIR) {
        start[n] = start[n - 1];
        EACH_PART STORE(ln + n * LANES + k * VW, ALL(-HUGE_VAL));
        EACH_PART STORE(scale + n * LANES + k * VW, ALL(1.0));
        n++;
    }
    found->n = n;
    found->largest_gain = PASTE(largest_of_parts, LEVEL)(gain);
    return PASTE(largest_of_parts, LEVEL)(most);
}

/* The sum of those of all lanes. */
TARGET ALWAYS_INLINE double PASTE(sum_of_parts, LEVEL)(const VEC *x)
{
    double lanes[LANES];
    EACH_PART STORE(lanes + k * VW, x[k]);
    return sum_of_lanes(lanes);
}

/* The weights of the models that may count, and their sums: over all of them, over dust cells and over populations. Scales
   become their lg. */
TARGET static void PASTE(sum_weights, LEVEL)(const piece_t *p, posterior_t *o, double least, models_t *found)
{
    sums_t *sums = o->sums;
    const int64_t *cell_of = p->cell_of, *population_of = p->population_of;
    const ptrdiff_t *start = found->start;
    const double reference = sums->reference, *ln = found->ln, *per_gain = found->per_gain;
    double *cells = o->cells, *populations = o->population, *weight = found->weight, *scale = found->scale;
    VEC sum[PARTS], squares[PARTS], width[PARTS];
    EACH_PART sum[k] = squares[k] = width[k] = ALL(0.0);
    for (ptrdiff_t h = 0; h < found->n; h += PAIR) {
        VEC w[BOTH], lg[BOTH];
        INTS counts[BOTH];
        EACH w[k] = LOAD(ln + h * LANES + k * VW);
        EACH counts[k] = (INTS)(w[k] >= least);
        EACH w[k] = CHOOSE(counts[k], w[k] - reference, ALL(0.0));
        EACH lg[k] = LOAD(scale + h * LANES + k * VW);
        PASTE(exp_of, LEVEL)(w);
        PASTE(log_of, LEVEL)(lg);
        EACH {
            const ptrdiff_t vector = start[h + k / PARTS] / LANES, part = k % PARTS, i = h * LANES + k * VW;
            double *cell = cells + cell_of[vector] * LANES + part * VW;
            double *population = populations + population_of[vector] + part * VW;
            w[k] = CHOOSE(counts[k], w[k], ALL(0.0));
            sum[part] += w[k];
            squares[part] = MULTIPLY_ADD(w[k], w[k], squares[part]);
            width[part] = MULTIPLY_ADD(w[k], CHOOSE(counts[k], LOAD(per_gain + i), ALL(0.0)), width[part]);
            STORE(cell, LOAD(cell) + w[k]);
            STORE(population, LOAD(population) + w[k]);
            STORE(weight + i, w[k]);
            STORE(scale + i, LG_E * lg[k]);
        }
    }
    const double total = PASTE(sum_of_parts, LEVEL)(sum);
    sums->squares += PASTE(sum_of_parts, LEVEL)(squares);
    sums->width += PASTE(sum_of_parts, LEVEL)(width);
    sums->sum += total;
    o->axes[p->z_bin] += total;
    o->axes[p->metal_bin] += total;
}

/* A property of the models [i, i + VW) of those found. */
TARGET ALWAYS_INLINE void PASTE(values_of, LEVEL)(const property_t *property, const double *values, const models_t *found,
                                                  ptrdiff_t i, int exact, VEC *v)
{
    *v = LOAD(values + found->start[i / LANES] + i % LANES);
    if (property->is_ratio) {
        *v = ALL(1.0);
        if (exact)
            *v = LOAD(found->ratio + i);
    } else if (property->factor != 0) {
        *v = MULTIPLY_ADD(ALL(property->factor), LOAD(found->scale + i), *v);
    }
}

/* Values of a property, and the weights of the models that count: 0 for those without a value. What these weigh comes back. */
TARGET static double PASTE(read_values, LEVEL)(const property_t *property, const double *values, const models_t *found,
                                               int exact, double *x, double *weight)
{
    VEC missing[PARTS];
    EACH_PART missing[k] = ALL(0.0);
    for (ptrdiff_t h = 0; h < found->n; h++)
        EACH_PART {
            const ptrdiff_t i = h * LANES + k * VW;
            VEC v;
            PASTE(values_of, LEVEL)(property, values, found, i, exact, &v);
            const VEC all = LOAD(found->weight + i), of_value = CHOOSE((INTS)(v == v), all, ALL(0.0));
            missing[k] += all - of_value;
            STORE(x + i, v);
            STORE(weight + i, of_value);
        }
    return PASTE(sum_of_parts, LEVEL)(missing);
}

/* A property of the models that count: what it adds to the moments, its bins, and the lowest and the highest of them. Or 0
   where some of these models have no value: nothing is added. */
TARGET static int PASTE(bin_values, LEVEL)(const property_t *property, const double *values, const models_t *found,
                                           int exact, const double *weight, double per_step, moments_t *moments,
                                           int64_t *bin, double *extremes)
{
    /* its fields, as those of the memory that is written, would be read again and again */
    const property_t own = *property;
    const VEC origin = ALL(moments->origin);
    VEC first[PARTS], second[PARTS], last[PARTS], low = ALL(HUGE_VAL), high = ALL(-HUGE_VAL);
    EACH_PART first[k] = second[k] = ALL(0.0);
    /* models that do not count go to the bin of the last one of their lane: if all had the same, sums would wait for sums */
    EACH_PART last[k] = origin;
    for (ptrdiff_t h = 0; h < found->n; h++)
        EACH_PART {
            const ptrdiff_t i = h * LANES + k * VW;
            VEC v;
            PASTE(values_of, LEVEL)(&own, values, found, i, exact, &v);
            const VEC w = LOAD(weight + i);
            last[k] = v = CHOOSE((INTS)(w > 0.0), v, last[k]);
            const VEC d = v - origin, wd = w * d;
            first[k] += wd;
            second[k] = MULTIPLY_ADD(wd, d, second[k]);
            const VEC scaled = v * per_step, below = BELOW_SHIFTED(scaled);
            low = SMALLER(below, low);
            high = LARGER(below, high);
            STORE_INTS(bin + i, WHOLE(below));
        }
    const double sum = PASTE(sum_of_parts, LEVEL)(first);
    if (sum != sum)
        return 0;
    moments->first += sum;
    moments->second += PASTE(sum_of_parts, LEVEL)(second);
    double lanes[2][VW];
    STORE(lanes[0], low - SHIFT);
    STORE(lanes[1], high - SHIFT);
    extremes[0] = lanes[0][0];
    extremes[1] = lanes[1][0];
    for (int k = 1; k < VW; k++) {
        extremes[0] = lanes[0][k] < extremes[0] ? lanes[0][k] : extremes[0];
        extremes[1] = lanes[1][k] > extremes[1] ? lanes[1][k] : extremes[1];
    }
    return 1;
}

/* Moments and bins of the properties of the models that count, two of them together where all models have values. */
TARGET static void PASTE(add_properties, LEVEL)(const piece_t *p, const weighing_t *c, posterior_t *o, int exact,
                                                const models_t *found)
{
    const ptrdiff_t n = found->n * LANES;
    double *x = found->per_gain, *of_value = found->ln;
    int64_t *bin = found->bin;
    histogram_t *waiting = NULL;
    for (ptrdiff_t q = 0; q < c->nproperty; q++) {
        const property_t *property = c->property + q;
        const double *values = p->values + q * p->tile.stride;
        histogram_t *histogram = o->histograms + q;
        moments_t *moments = o->moments + q;
        double extremes[2];
        if (!property->of_model)
            continue;
        if (moments->origin != moments->origin) {
            PASTE(read_values, LEVEL)(property, values, found, exact, x, of_value);
            moments->origin = first_value(n, x, of_value);
        }
        if (moments->origin != moments->origin) {
            for (ptrdiff_t i = 0; i < n; i++)
                moments->invalid += found->weight[i];
            continue;
        }
        if (!histogram->n)
            first_bins(histogram, property, moments->origin);
        const int all = !(moments->invalid > 0) &&
                        PASTE(bin_values, LEVEL)(property, values, found, exact, found->weight, histogram->per_step,
                                                 moments, bin, extremes);
        if (!all) {
            moments->invalid += PASTE(read_values, LEVEL)(property, values, found, exact, x, of_value);
            PASTE(bin_values, LEVEL)(property, values, found, exact, of_value, histogram->per_step, moments, bin, extremes);
        }
        if (!reach_bins(histogram, property, extremes)) {
            if (all)
                PASTE(read_values, LEVEL)(property, values, found, exact, x, of_value);
            o->failed |= !add_one_by_one(histogram, property, n, x, of_value);
        } else if (!all) {
            add_to_one(histogram, bin, n, of_value);
        } else if (!waiting) {
            waiting = histogram;
            bin = found->other_bin;
        } else {
            add_to_two(waiting, found->bin, histogram, bin, n, found->weight);
            waiting = NULL;
            bin = found->bin;
        }
    }
    if (waiting)
        add_to_one(waiting, found->bin, n, found->weight);
}

/* Add the weights of the models of a piece that may count for a source, those of populations to `o->population`. */
TARGET static void PASTE(weigh_models, LEVEL)(const piece_t *p, const weighing_t *c, member_t *s, double *scratch)
{
    posterior_t *o = &s->posterior;
    sums_t *sums = o->sums;
    models_t found = models_in(p, s->may_count, scratch);
    if (!found.n)
        return;
    double largest = PASTE(weigh_hits, LEVEL)(p, c, &s->columns, s->offset, s->least, &found);
    const int exact = needs_exact_chi2(&s->source);
    note_least_chi2(o->least_chi2 + p->tile.iz, &s->source, &found);
    if (exact)
        largest = weigh_exactly(p, c, &s->source, s->offset, s->least, &found);
    else if (c->marginal)
        largest = weigh_positive_scales(c->cut, s->least, &found);
    if (!(largest >= s->least) || !(largest > -HUGE_VAL))
        return;
    if (largest > sums->largest)
        sums->largest = largest;
    if (!(sums->sum > 0))
        sums->reference = sums->largest;
    else if (sums->largest - sums->reference > LARGEST_LN)
        change_reference(o, c, sums->largest);
    const double least = least_that_counts(sums, c->cut);
    for (ptrdiff_t h = 0; h < found.n; h += TOGETHER) {
        models_t some = some_of(&found, h);
        PASTE(sum_weights, LEVEL)(p, o, least, &some);
        if (c->nmodel_property)
            PASTE(add_properties, LEVEL)(p, c, o, exact, &some);
    }
    s->is_waiting = 1;
}

/* Add the weights of a piece of models to what is known of the sources that take part; scratch as `scratch_of_models` says. */
TARGET static void PASTE(weigh_piece, LEVEL)(const piece_t *p, const weighing_t *c, member_t *sources, ptrdiff_t n,
                                             double *scratch)
{
    member_t *screened[GROUP_OF_SOURCES + SIDE_BY_SIDE];
    ptrdiff_t n_screened = 0;
    for (member_t *s = sources; s < sources + n; s++) {
        if (!s->takes_part)
            continue;
        find_columns(p, s);
        s->least = least_that_counts(s->posterior.sums, c->cut);
        if (can_be_screened(c, s))
            screened[n_screened++] = s;
        else
            memset(s->may_count, 1, (size_t)(p->tile.nmodel / LANES));
    }
    /* the last one fills up the others */
    for (int k = 0; n_screened && k < SIDE_BY_SIDE; k++)
        screened[n_screened + k] = screened[n_screened - 1];
    for (ptrdiff_t k = 0; k < n_screened; k += SIDE_BY_SIDE)
        PASTE(screen_models, LEVEL)(p, screened + k, (float *)scratch);
    for (member_t *s = sources; s < sources + n; s++)
        if (s->takes_part)
            PASTE(weigh_models, LEVEL)(p, c, s, scratch);
}

/* Convolve n weights with a kernel of `length` numbers, which has CONVOLVED zeros before and behind it; there is room for as
   many behind `out`. Each number is summed in the order of the weights. */
TARGET static void PASTE(convolve, LEVEL)(const double *weight, ptrdiff_t n, const double *kernel, ptrdiff_t length,
                                          double *out)
{
    for (ptrdiff_t j = 0; j < n + length - 1; j += CONVOLVED) {
        const ptrdiff_t first = j < length ? 0 : j - length + 1, end = j + CONVOLVED < n ? j + CONVOLVED : n;
        VEC sum[OUTPUTS];
        for (int k = 0; k < OUTPUTS; k++)
            sum[k] = ALL(0.0);
        for (ptrdiff_t i = first; i < end; i++)
            for (int k = 0; k < OUTPUTS; k++)
                sum[k] += weight[i] * LOAD(kernel + (j - i) + k * VW);
        for (int k = 0; k < OUTPUTS; k++)
            STORE(out + j + k * VW, sum[k]);
    }
}

/* x y + z of n numbers, a multiple of LANES, as all the sums do it. */
TARGET static void PASTE(multiply_adds, LEVEL)(ptrdiff_t n, const double *x, const double *y, const double *z, double *out)
{
    for (ptrdiff_t i = 0; i < n; i += VW)
        STORE(out + i, MULTIPLY_ADD(LOAD(x + i), LOAD(y + i), LOAD(z + i)));
}

#undef PARTS
#undef PAIR
#undef BOTH
#undef EACH
#undef EACH_PART
#undef SIDE_BY_SIDE
#undef VECTORS
#undef OUTPUTS
#undef VEC
#undef INTS
#undef UNSIGNED
#undef SINGLE
#undef SINGLE_WIDE
#undef LOAD_SINGLE
#undef ALL_SINGLE
#undef LOAD
#undef STORE
#undef STORE_INTS
#undef ALL
#undef CHOOSE
#undef WHOLE
#undef MULTIPLY_ADD
#undef LARGER
#undef SMALLER
#undef ANY_ABOVE
#undef NEAREST
#undef BELOW_SHIFTED
#undef EXPONENT
#undef MANTISSA
#undef OF_TABLE
#undef FUSED
#undef REACHED
#undef VW
#undef TARGET
#undef LEVEL
