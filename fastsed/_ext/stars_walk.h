/* The search for a star's acceptable models: nodes best first, leaves by the screen. Included once per SIMD level. */

#define LANES (2 * VW)
#define NVEC (FAN / LANES)

#if VW > 1
typedef float PASTE(fvec, LEVEL) __attribute__((vector_size(VW * 8), aligned(4), may_alias));
#define VEC PASTE(fvec, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#define SPREAD(x) ((x) - (VEC){0})
#endif

#if VW == 8
#define MULTIPLY_SUBTRACT(a, b, c) ((VEC)_mm512_fmsub_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define SUBTRACT_PRODUCT(c, a, b) ((VEC)_mm512_fnmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define MULTIPLY_ADD(a, b, c) ((VEC)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define LARGER(x, y) ((VEC)_mm512_max_ps((__m512)(x), (__m512)(y)))
#define AT_LEAST(x, y) ((unsigned)_mm512_cmp_ps_mask((__m512)(x), (__m512)(y), _CMP_GE_OQ))
#elif VW == 4
#define MULTIPLY_SUBTRACT(a, b, c) ((VEC)_mm256_fmsub_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define SUBTRACT_PRODUCT(c, a, b) ((VEC)_mm256_fnmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define MULTIPLY_ADD(a, b, c) ((VEC)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define LARGER(x, y) ((VEC)_mm256_max_ps((__m256)(x), (__m256)(y)))
#define AT_LEAST(x, y) ((unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)(x), (__m256)(y), _CMP_GE_OQ)))
#elif VW == 2
#define MULTIPLY_SUBTRACT(a, b, c) ((a) * (b) - (c))
#define SUBTRACT_PRODUCT(c, a, b) ((c) - (a) * (b))
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#define LARGER(x, y) plain_larger_single(x, y)
#define AT_LEAST(x, y) \
    ((unsigned)((x)[0] >= (y)[0]) | (unsigned)((x)[1] >= (y)[1]) << 1 | (unsigned)((x)[2] >= (y)[2]) << 2 \
     | (unsigned)((x)[3] >= (y)[3]) << 3)
#else
/* no vector extensions: a vector is one number */
#undef LANES
#undef NVEC
#define LANES 1
#define NVEC FAN
typedef float PASTE(fvec, LEVEL);
#define VEC PASTE(fvec, LEVEL)
#define LOAD(p) (*(p))
#define SPREAD(x) (x)
#define MULTIPLY_SUBTRACT(a, b, c) ((a) * (b) - (c))
#define SUBTRACT_PRODUCT(c, a, b) ((c) - (a) * (b))
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#define LARGER(x, y) ((x) > (y) ? (x) : (y))
#define AT_LEAST(x, y) ((unsigned)((x) >= (y)))
#endif

/* Upper bounds of lnP - top in the children of a node: which of them reach the threshold.

   In each band a residual is at least A1 (y - largest flux), A1 the smallest 1/error, and at least the smallest
   flux/error minus A2 y, A2 the largest 1/error (the smallest where y < 0). The table holds A1, A1 x flux, A2,
   flux/error, the second and fourth moved outwards by more than the roundings of a line can be. */
TARGET static unsigned PASTE(node_bounds, LEVEL)(const search_t *s, const float *node, float *bound)
{
    const ptrdiff_t nband = s->t->nband;
    VEC sum[NVEC];
    for (int v = 0; v < NVEC; v++)
        sum[v] = SPREAD(0.0f);
    for (ptrdiff_t k = 0; k < nband; k++, node += 4 * FAN) {
        const VEC down = SPREAD(s->down[k]), up = SPREAD(s->up[k]);
        const float *slope = s->up[k] < 0 ? node : node + 2 * FAN;
        for (int v = 0; v < NVEC; v++) {
            const VEC above = MULTIPLY_SUBTRACT(LOAD(node + v * LANES), down, LOAD(node + FAN + v * LANES));
            const VEC below = SUBTRACT_PRODUCT(LOAD(node + 3 * FAN + v * LANES), LOAD(slope + v * LANES), up);
            const VEC zero = SPREAD(0.0f), most = LARGER(above, below), r = LARGER(most, zero);
            sum[v] = MULTIPLY_ADD(r, r, sum[v]);
        }
    }
    unsigned hits = 0;
    const VEC half = SPREAD(0.5f * (1 - 2e-5f)), threshold = SPREAD(s->threshold);
    for (int v = 0; v < NVEC; v++) {
        const VEC b = SUBTRACT_PRODUCT(LOAD(node + v * LANES), half, sum[v]);
        memcpy(bound + v * LANES, &b, sizeof b);
        hits |= AT_LEAST(b, threshold) << (v * LANES);
    }
    return hits;
}

/* lnP - top of a group by the screen: which reach the threshold. */
TARGET static unsigned PASTE(leaf_screen, LEVEL)(const float *leaf, ptrdiff_t nband, const float *y, float threshold,
                                                 float *value)
{
    VEC sum[NVEC];
    for (int v = 0; v < NVEC; v++)
        sum[v] = SPREAD(0.0f);
    for (ptrdiff_t k = 0; k < nband; k++, leaf += 2 * FAN) {
        const VEC yk = SPREAD(y[k]);
        for (int v = 0; v < NVEC; v++) {
            const VEC r = MULTIPLY_SUBTRACT(LOAD(leaf + v * LANES), yk, LOAD(leaf + FAN + v * LANES));
            sum[v] = MULTIPLY_ADD(r, r, sum[v]);
        }
    }
    unsigned hits = 0;
    const VEC half = SPREAD(0.5f), least = SPREAD(threshold);
    for (int v = 0; v < NVEC; v++) {
        const VEC p = SUBTRACT_PRODUCT(LOAD(leaf + v * LANES), half, sum[v]);
        memcpy(value + v * LANES, &p, sizeof p);
        hits |= AT_LEAST(p, least) << (v * LANES);
    }
    return hits;
}

static int PASTE(largest_of, LEVEL)(const float *bound, unsigned hits)
{
    int best = lowest_bit(hits);
    for (hits &= hits - 1; hits; hits &= hits - 1) {
        const int i = lowest_bit(hits);
        if (bound[i] > bound[best])
            best = i;
    }
    return best;
}

/* The groups of a block whose bounds, in `hits`, reach the threshold. */
TARGET static void PASTE(search_block, LEVEL)(search_t *s, ptrdiff_t block, const float *bound, unsigned hits)
{
    const tree_t *t = s->t;
    const ptrdiff_t nband = t->nband;
    const double *centre = t->centre + block * nband;
    float y[MAX_BANDS], value[FAN];
    for (ptrdiff_t k = 0; k < nband; k++)
        y[k] = (float)(s->y[k] - centre[k]);
    double slack = screen_slack(s, t->spread[block]);
    for (unsigned ahead = hits; ahead; ahead &= ahead - 1)
        PREFETCH(t->leaf + (block * FAN + lowest_bit(ahead)) * (2 * nband + 1) * FAN);
    while (hits) {
        const int child = PASTE(largest_of, LEVEL)(bound, hits);
        if (!(bound[child] >= s->threshold))
            return;
        hits &= ~(1u << child);
        const ptrdiff_t group = block * FAN + child;
        const float least = (float)((double)s->threshold - slack);
        unsigned candidates
            = PASTE(leaf_screen, LEVEL)(t->leaf + group * (2 * nband + 1) * FAN, nband, y, least, value);
        if (!candidates)
            continue;
        mark(s, group, candidates);
        const double before = s->safe;
        if (t->full)
            try_exactly(s, group, candidates);
        else
            raise_safe(s, (double)value[PASTE(largest_of, LEVEL)(value, candidates)] - slack);
        if (s->safe > before)
            slack = screen_slack(s, t->spread[block]);
    }
}

TARGET static void PASTE(walk, LEVEL)(search_t *s, int level, ptrdiff_t node)
{
    float bound[FAN];
    unsigned hits = PASTE(node_bounds, LEVEL)(s, s->t->node[level] + node * (4 * s->t->nband + 1) * FAN, bound);
    if (level == 1) {
        if (hits)
            PASTE(search_block, LEVEL)(s, node, bound, hits);
        return;
    }
    while (hits) {
        const int child = PASTE(largest_of, LEVEL)(bound, hits);
        if (!(bound[child] >= s->threshold))
            return;
        hits &= ~(1u << child);
        PASTE(walk, LEVEL)(s, level - 1, node * FAN + child);
    }
}

#undef VEC
#undef LOAD
#undef SPREAD
#undef MULTIPLY_SUBTRACT
#undef SUBTRACT_PRODUCT
#undef MULTIPLY_ADD
#undef LARGER
#undef AT_LEAST
#undef LANES
#undef NVEC
#undef VW
#undef TARGET
#undef LEVEL
