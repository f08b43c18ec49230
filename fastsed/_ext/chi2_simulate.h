/* Monte Carlo simulations of a source: which groups of models, and which models of them, may win which simulations.
   Included once per SIMD level and precision: see each_precision.h. */

#if VW > 1
typedef REAL PASTE(svec, LEVEL) __attribute__((vector_size(VW * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
#define VEC PASTE(svec, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, x) (*(VEC *)(p) = (x))
#else
typedef REAL PASTE(svec, LEVEL);
#define VEC PASTE(svec, LEVEL)
#define LOAD(p) (*(p))
#define STORE(p, x) (*(p) = (x))
#endif
#define EPSILON (sizeof(REAL) == 4 ? 6e-8 : 1.2e-16)
/* of a product of unit vectors in this precision, and of what it is compared with */
#define ROUNDING(nspace) (EPSILON * (double)((nspace) + 20))
/* vectors of a group that go through a product together */
#define WIDTH (VW == GROUP ? 1 : 2)

/* What the source sees of the models, in this precision. Arrays of two rows have one for each scale. */
typedef struct {
    const REAL *rows, *centres; /* [nspace][stride], [nspace][ncentre]: to be multiplied by multiplier [nspace] */
    const REAL *noise;          /* [nspace][noise_stride] */
    REAL *multiplier, *data;    /* [nspace] */
    REAL *axes, *along;         /* [nspace][ncentre], [2][ncentre] unit vectors of centres; their products with data */
    REAL *near2;                /* [ncentre] least squared distance of the data from a model of the group */
    REAL *cosine, *sine;        /* [ncentre] of the largest angle between a model of the group and its centre */
    REAL *units, *unit_along;   /* [nspace][GROUP], [2][GROUP]: the same for the models of one group */
    REAL *least, *gap, *threshold; /* [stride]: see set_bounds */
} PASTE(view, LEVEL);
#define VIEW PASTE(view, LEVEL)

TARGET ALWAYS_INLINE REAL PASTE(least_of, LEVEL)(VEC x)
{
#ifdef LEAST
    return LEAST(x);
#else
    REAL lanes[VW];
    STORE(lanes, x);
    for (int i = 1; i < VW; i++)
        lanes[0] = lanes[i] < lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
#endif
}

/* Bounds of a group of simulations. A model wins only if |p| + e >= sqrt(T), T = |y_s|^2 - best, where p is the product
   in the space and e bounds what is left out of it: the slack and the rounding. So |p| must reach `least`, and the
   distance of the model from the simulated data, in the space, is at most `gap`; from the unperturbed data, by the
   triangle inequality, at most |r| + gap. A logarithmic prior only adds to chi2_s, and a second scale only makes of the
   line a plane: the bounds hold. The largest of these distances comes back, squared. */
TARGET static double PASTE(set_bounds, LEVEL)(simulations_t *sims, ptrdiff_t group, ptrdiff_t nband)
{
    const VIEW *view = (const VIEW *)sims->view;
    const ptrdiff_t from = group * SIM_GROUP;
    const double rounding = rounding_of_sums(nband), margin = 8 * EPSILON;
    const double *total = sims->total + from, *inside = sims->inside + from, *noise_norm = sims->noise_norm + from;
    const double *chi2 = sims->bound_chi2 + from, *miss = sims->miss + from;
    REAL *least = view->least + from, *gap = view->gap + from, *threshold = view->threshold + from;
    REAL minus_reach[SIM_GROUP];
    for (ptrdiff_t i = 0; i < SIM_GROUP; i++) {
        /* at least the tolerance of ties: the mean of two numbers is more than their geometric mean */
        const double tolerance = 1e-13 * (2 * chi2[i] + total[i]);
        const double left = POSITIVE(total[i] - chi2[i] - tolerance - rounding * total[i]);
        const double product = POSITIVE((double)SQRT(left) - miss[i]);
        const double distance = (double)SQRT(POSITIVE(inside[i] * (1 + 1e-12) - product * product)) * (1 + margin);
        least[i] = (REAL)(product * (1 - margin));
        gap[i] = (REAL)distance;
        threshold[i] = (REAL)(product * product * (1 - 2 * margin));
        minus_reach[i] = (REAL)(-(noise_norm[i] + distance) * (1 + margin));
    }
    /* the largest reach is minus the least of these */
    VEC least_lanes = LOAD(minus_reach);
    for (int i = VW; i < SIM_GROUP; i += VW)
        least_lanes = SMALLER(LOAD(minus_reach + i), least_lanes);
    const double reach = -PASTE(least_of, LEVEL)(least_lanes);
    return reach * reach;
}

/* Norms of data plus noise, and of the noise, over the coordinates that count, and what the products may miss. */
TARGET static void PASTE(add_noise, LEVEL)(const space_t *space, const double *multiplier, simulations_t *sims)
{
    double *total = sims->total, *inside = sims->inside, *noise_norm = sims->noise_norm, *miss = sims->miss;
    const ptrdiff_t n = sims->stride;
    memset(inside, 0, sizeof(double) * (size_t)n);
    memset(noise_norm, 0, sizeof(double) * (size_t)n);
    for (ptrdiff_t k = 0; k < space->nspace; k++) {
        if (!(multiplier[k] > 0))
            continue;
        const double *noise = space->noise + k * space->noise_stride, y = space->data[k];
        for (ptrdiff_t i = 0; i < n; i++) {
            const double r = noise[i], v = y + r;
            inside[i] += v * v;
            noise_norm[i] += r * r;
        }
    }
    for (ptrdiff_t i = 0; i < n; i++)
        noise_norm[i] = sqrt(noise_norm[i]);
    memcpy(total, inside, sizeof(double) * (size_t)n);
    if (space->total)
        memcpy(total, space->total, sizeof(double) * (size_t)sims->nsim);
    for (ptrdiff_t i = 0; i < n; i++)
        miss[i] = ROUNDING(space->nspace) * (sims->data_norm + noise_norm[i]);
    for (ptrdiff_t i = 0; i < n && space->slack > 0; i++)
        miss[i] += space->slack * sqrt(POSITIVE(total[i] - inside[i]));
}

/* Unit vectors of the centres, and their products with the data. Of a centre without length nothing is concluded. */
TARGET static void PASTE(find_axes, LEVEL)(const space_t *space, const VIEW *view)
{
    for (ptrdiff_t from = 0, to = space->cut, scale = 0; from < space->nspace; from = to, to = space->nspace, scale++)
        for (ptrdiff_t g = 0; g < space->ncentre; g += VW) {
            VEC norm2 = (VEC){0}, along = (VEC){0};
            for (ptrdiff_t k = from; k < to; k++) {
                const VEC c = view->multiplier[k] * LOAD(view->centres + k * space->ncentre + g);
                norm2 += c * c;
            }
            REAL inverse[VW];
            STORE(inverse, norm2);
            for (int i = 0; i < VW; i++)
                inverse[i] = inverse[i] > 0 ? 1 / SQRT(inverse[i]) : 0;
            for (ptrdiff_t k = from; k < to; k++) {
                const VEC c = view->multiplier[k] * LOAD(view->centres + k * space->ncentre + g) * LOAD(inverse);
                STORE(view->axes + k * space->ncentre + g, c);
                along += c * view->data[k];
            }
            STORE(view->along + scale * space->ncentre + g, along);
        }
}

/* near2 and the squares of cosine for all groups. The least near2 comes back; *faintest is the least square of a
   model's length. */
TARGET static REAL PASTE(survey_groups, LEVEL)(const space_t *space, const VIEW *view, double total, REAL *faintest)
{
    const REAL left = (REAL)(total - 4 * ROUNDING(space->nspace) * total);
    const REAL *multiplier = view->multiplier, *data = view->data;
    VEC nearest = (REAL)HUGE_VAL + (VEC){0}, shortest = nearest;
    for (ptrdiff_t g = 0; g < space->ngroup; g++) {
        VEC near2 = (REAL)HUGE_VAL + (VEC){0}, cosine2 = (REAL)1 + (VEC){0};
        for (ptrdiff_t m = g * GROUP; m < (g + 1) * GROUP; m += VW) {
            VEC gain = (VEC){0};
            for (ptrdiff_t from = 0, to = space->cut; from < space->nspace; from = to, to = space->nspace) {
                VEC num = (VEC){0}, den = (VEC){0}, product = (VEC){0};
                const REAL *row = view->rows + from * space->stride + m, *axis = view->axes + from * space->ncentre + g;
                for (ptrdiff_t k = from; k < to; k++, row += space->stride, axis += space->ncentre) {
                    const VEC f = multiplier[k] * LOAD(row);
                    num += data[k] * f;
                    den += f * f;
                    product += *axis * f;
                }
                const VEC inverse = (REAL)1 / den;
                gain += num * num * inverse;
                product = LARGER(product, (VEC){0});
                cosine2 = SMALLER(product * product * inverse, cosine2);
                shortest = SMALLER(den, shortest);
            }
            near2 = SMALLER(left - gain, near2);
        }
        nearest = SMALLER(near2, nearest);
        view->near2[g] = PASTE(least_of, LEVEL)(near2);
        view->cosine[g] = PASTE(least_of, LEVEL)(cosine2);
    }
    *faintest = PASTE(least_of, LEVEL)(shortest);
    return PASTE(least_of, LEVEL)(nearest);
}

/* From the squares of the cosines to cosine and sine: at least as wide an angle, whatever the rounding. */
TARGET static void PASTE(find_angles, LEVEL)(const space_t *space, const VIEW *view)
{
    const REAL rounding = (REAL)(4 * ROUNDING(space->nspace)), up = (REAL)(1 + 8 * EPSILON);
    for (ptrdiff_t g = 0; g < space->ngroup; g++) {
        const REAL cosine2 = POSITIVE(view->cosine[g] - rounding);
        view->cosine[g] = SQRT(cosine2) / up;
        view->sine[g] = SQRT(1 - cosine2) * up;
    }
}

/* Products of CENTRES groups' axes with the simulations of two vectors, squared, over the coordinates of one scale. */
TARGET ALWAYS_INLINE void PASTE(centre_squares, LEVEL)(
    const space_t *space, const VIEW *view, const ptrdiff_t *groups, ptrdiff_t v, ptrdiff_t w, ptrdiff_t from,
    ptrdiff_t to, ptrdiff_t scale, VEC square[CENTRES][2])
{
    const REAL *y0 = view->noise + from * space->noise_stride + v, *y1 = y0 + (w - v);
    const REAL *along = view->along + scale * space->ncentre;
#define START(k) \
    const REAL *u##k = view->axes + from * space->ncentre + groups[k]; \
    VEC p##k = along[groups[k]] + (VEC){0}, q##k = p##k;
    EACH_CENTRE(START)
    for (ptrdiff_t b = 0; b < (to - from) * space->ncentre; b += space->ncentre) {
        const VEC a0 = LOAD(y0), a1 = LOAD(y1);
#define ADD(k) p##k += u##k[b] * a0; q##k += u##k[b] * a1;
        EACH_CENTRE(ADD)
        y0 += space->noise_stride;
        y1 += space->noise_stride;
    }
#define SQUARE(k) square[k][0] = p##k * p##k; square[k][1] = q##k * q##k;
    EACH_CENTRE(SQUARE)
#undef START
#undef ADD
#undef SQUARE
}

/* Which simulations of two vectors may be won by a model of each of CENTRES groups: a bit for each.
   A model within an angle A of the axis has |p| >= least only if the axis has |p| >= cos A least - sin A gap. */
TARGET ALWAYS_INLINE void PASTE(test_centres, LEVEL)(
    const space_t *space, const VIEW *view, const ptrdiff_t *groups, ptrdiff_t v, ptrdiff_t w,
    uint32_t hits[CENTRES][2])
{
    VEC square[CENTRES][2];
    PASTE(centre_squares, LEVEL)(space, view, groups, v, w, 0, space->cut, 0, square);
    if (space->cut < space->nspace) {
        VEC more[CENTRES][2];
        PASTE(centre_squares, LEVEL)(space, view, groups, v, w, space->cut, space->nspace, 1, more);
        for (int k = 0; k < CENTRES; k++)
            for (int h = 0; h < 2; h++)
                square[k][h] += more[k][h];
    }
    const VEC least0 = LOAD(view->least + v), least1 = LOAD(view->least + w);
    const VEC gap0 = LOAD(view->gap + v), gap1 = LOAD(view->gap + w), zero = (VEC){0};
#define TEST(k) { \
        const REAL cosine = view->cosine[groups[k]], sine = view->sine[groups[k]]; \
        const VEC must0 = LARGER(cosine * least0 - sine * gap0, zero); \
        const VEC must1 = LARGER(cosine * least1 - sine * gap1, zero); \
        hits[k][0] = (uint32_t)REACHES(square[k][0], must0 * must0); \
        hits[k][1] = (uint32_t)REACHES(square[k][1], must1 * must1); \
    }
    EACH_CENTRE(TEST)
#undef TEST
}

/* Unit vectors of the models of a group, and their products with the data: both sums first, as the next group waits for
   them. */
TARGET static void PASTE(find_units, LEVEL)(const space_t *space, const VIEW *view, ptrdiff_t group)
{
    const REAL *rows = view->rows + group * GROUP;
    for (ptrdiff_t from = 0, to = space->cut, scale = 0; from < space->nspace; from = to, to = space->nspace, scale++) {
        REAL inverse[GROUP], *along = view->unit_along + scale * GROUP;
        for (ptrdiff_t i = 0; i < GROUP; i += VW) {
            VEC norm2 = (VEC){0}, product = (VEC){0};
            for (ptrdiff_t k = from; k < to; k++) {
                const VEC f = view->multiplier[k] * LOAD(rows + k * space->stride + i);
                norm2 += f * f;
                product += f * view->data[k];
                STORE(view->units + k * GROUP + i, f);
            }
            STORE(inverse + i, norm2);
            STORE(along + i, product);
        }
        for (int i = 0; i < GROUP; i++)
            inverse[i] = 1 / SQRT(inverse[i]);
        for (ptrdiff_t i = 0; i < GROUP; i += VW) {
            STORE(along + i, LOAD(along + i) * LOAD(inverse + i));
            for (ptrdiff_t k = from; k < to; k++)
                STORE(view->units + k * GROUP + i, LOAD(view->units + k * GROUP + i) * LOAD(inverse + i));
        }
    }
}

/* Products of WIDTH vectors of models, from number m of the group on, with BLOCK simulations, over the coordinates of
   one scale. Spelt out simulation by simulation: GCC leaves arrays of vectors on the stack. */
TARGET ALWAYS_INLINE void PASTE(member_products, LEVEL)(
    const space_t *space, const VIEW *view, ptrdiff_t m, const int *list, int in_a_row, ptrdiff_t from, ptrdiff_t to,
    ptrdiff_t scale, VEC product[BLOCK][2])
{
    const REAL *u = view->units + from * GROUP + m, *noise = view->noise + from * space->noise_stride;
    const VEC start0 = LOAD(view->unit_along + scale * GROUP + m);
    const VEC start1 = WIDTH > 1 ? LOAD(view->unit_along + scale * GROUP + m + VW) : start0;
    const ptrdiff_t stride = space->noise_stride;
#define START(j) \
    const REAL *y##j = noise + (in_a_row ? (ptrdiff_t)list[0] + j : list[j]); \
    VEC p##j = start0, q##j = start1;
    EACH_OF_BLOCK(START)
    for (ptrdiff_t k = from, b = 0; k < to; k++, b += stride, u += GROUP) {
        const VEC a0 = LOAD(u), a1 = WIDTH > 1 ? LOAD(u + VW) : a0;
#define ADD(j) p##j += y##j[b] * a0; if (WIDTH > 1) q##j += y##j[b] * a1;
        EACH_OF_BLOCK(ADD)
    }
#define KEEP(j) product[j][0] = p##j; if (WIDTH > 1) product[j][1] = q##j;
    EACH_OF_BLOCK(KEEP)
#undef START
#undef ADD
#undef KEEP
}

/* By how much the squares of the products over all coordinates exceed the thresholds, and whether any does: for most
   blocks none. */
TARGET ALWAYS_INLINE int PASTE(any_hit, LEVEL)(const space_t *space, const VIEW *view, ptrdiff_t m, const int *list,
                                               int in_a_row, int two_scales, VEC found[BLOCK][2])
{
    VEC product[BLOCK][2], more[BLOCK][2], excess[BLOCK][2];
    PASTE(member_products, LEVEL)(space, view, m, list, in_a_row, 0, space->cut, 0, product);
    if (two_scales)
        PASTE(member_products, LEVEL)(space, view, m, list, in_a_row, space->cut, space->nspace, 1, more);
    /* a product and a difference at once, where there is an instruction for it */
#define EXCESS(j) { \
        const REAL threshold = view->threshold[in_a_row ? (ptrdiff_t)list[0] + j : list[j]]; \
        for (int h = 0; h < WIDTH; h++) \
            excess[j][h] = two_scales ? product[j][h] * product[j][h] - (threshold - more[j][h] * more[j][h]) \
                                      : product[j][h] * product[j][h] - threshold; \
    }
    EACH_OF_BLOCK(EXCESS)
#undef EXCESS
#define MOST(j) const VEC e##j = WIDTH > 1 ? (VEC)LARGER(excess[j][0], excess[j][1]) : excess[j][0];
    EACH_OF_BLOCK(MOST)
#undef MOST
    const VEC most = LARGER(LARGER(LARGER(e0, e1), LARGER(e2, e3)), LARGER(e4, e5));
    if (!REACHES(most, (VEC){0}))
        return 0;
#define KEEP(j) found[j][0] = excess[j][0]; if (WIDTH > 1) found[j][1] = excess[j][1];
    EACH_OF_BLOCK(KEEP)
#undef KEEP
    return 1;
}

/* The first block, from number `i` of the list on, in which any of the models may win; `n` or more if there is none.
   Functions of their own for simulations in a row, which need one pointer, and for others: GCC would make one loop of
   both. */
#define DEFINE_NEXT_HIT(name, in_a_row, two_scales) \
    TARGET NOT_INLINE static int PASTE(name, LEVEL)(const space_t *space, const VIEW *view, ptrdiff_t m, \
                                                    const int *list, int i, int n, VEC excess[BLOCK][2]) \
    { \
        for (; i < n; i += BLOCK) \
            if (PASTE(any_hit, LEVEL)(space, view, m, list + i, in_a_row, two_scales, excess)) \
                return i; \
        return i; \
    }
DEFINE_NEXT_HIT(next_hit_in_a_row, 1, 0)
DEFINE_NEXT_HIT(next_hit, 0, 0)
DEFINE_NEXT_HIT(next_hit_two_scales, 0, 1)
#undef DEFINE_NEXT_HIT

/* Models of a group, from number m on, against simulation i, by what the squares of their products have above the
   threshold: the best first, so that few others are worth a try. */
TARGET static void PASTE(try_in_order, LEVEL)(const tile_t *t, const source_t *s, simulations_t *sims,
                                              const VIEW *view, const int64_t *place, ptrdiff_t m, const VEC *excess,
                                              int i)
{
    /* each better model raises it */
    const REAL threshold = view->threshold[i];
    REAL above[WIDTH * VW];
    uint32_t left = 0;
    for (int h = 0; h < WIDTH; h++) {
        STORE(above + h * VW, excess[h]);
        left |= (uint32_t)REACHES(excess[h], (VEC){0}) << h * VW;
    }
    while (left) {
        int best = lowest_bit(left);
        for (uint32_t others = left & (left - 1); others; others &= others - 1)
            best = above[lowest_bit(others)] > above[best] ? lowest_bit(others) : best;
        if (!(above[best] >= view->threshold[i] - threshold))
            return;
        LEAVE_VECTORS;
        try_simulated(t, s, sims, (int)m + best, place[m + best], i);
        left &= ~(1u << best);
    }
}

/* The models of a group against the `n` simulations of an ascending list that they may win; the list has room for a
   block more. */
TARGET static void PASTE(try_members, LEVEL)(const tile_t *t, const source_t *s, const space_t *space,
                                             const VIEW *view, simulations_t *sims, ptrdiff_t group, int *list, int n)
{
    PASTE(find_units, LEVEL)(space, view, group);
    for (int j = 0; j < BLOCK; j++)
        list[n + j] = list[n - 1];
    const int two_scales = space->cut < space->nspace, in_a_row = !two_scales && list[n - 1] - list[0] == n - 1;
    /* the last block of a row may take simulations that are not asked for, if there are any */
    const int room = list[0] + (n + BLOCK - 1) / BLOCK * BLOCK <= sims->stride;
    const int row = !in_a_row ? 0 : room ? n : n - n % BLOCK;
    for (ptrdiff_t m = 0; m < GROUP; m += WIDTH * VW) {
        VEC excess[BLOCK][2];
        for (int i = 0; i < n; i += BLOCK) {
            i = PASTE(next_hit_in_a_row, LEVEL)(space, view, m, list, i, row, excess);
            if (i >= row)
                i = two_scales ? PASTE(next_hit_two_scales, LEVEL)(space, view, m, list, i, n, excess)
                               : PASTE(next_hit, LEVEL)(space, view, m, list, i, n, excess);
            for (int j = 0; j < BLOCK && i + j < n; j++)
                PASTE(try_in_order, LEVEL)(t, s, sims, view, space->place + group * GROUP, m, excess[j], list[i + j]);
        }
    }
}

/* Which simulations each of up to CENTRES groups may win: a bit for each. */
TARGET static void PASTE(test_groups, LEVEL)(const space_t *space, const VIEW *view, const simulations_t *sims,
                                             const ptrdiff_t *groups, int n, uint64_t may_win[CENTRES][MAX_WORDS])
{
    ptrdiff_t padded[CENTRES], starts[2];
    REAL near2[CENTRES], nearest2 = view->near2[groups[0]];
    for (int k = 0; k < CENTRES; k++) {
        padded[k] = groups[k < n ? k : 0];
        near2[k] = view->near2[padded[k]];
        nearest2 = near2[k] < nearest2 ? near2[k] : nearest2;
        for (ptrdiff_t w = 0; w * WORD < sims->stride; w++)
            may_win[k][w] = 0;
    }
    int count = 0;
    for (ptrdiff_t v = 0; v <= sims->stride; v += VW) {
        if (v < sims->stride && nearest2 <= sims->reach2[v / SIM_GROUP])
            starts[count++] = v;
        if (count < 2 && (v < sims->stride || count == 0))
            continue;
        if (count == 1)
            starts[1] = starts[0];
        uint32_t hits[CENTRES][2];
        PASTE(test_centres, LEVEL)(space, view, padded, starts[0], starts[1], hits);
        for (int h = 0; h < count; h++) {
            const double reach2 = sims->reach2[starts[h] / SIM_GROUP];
            for (int k = 0; k < CENTRES; k++)
                may_win[k][starts[h] / WORD] |= (uint64_t)(near2[k] <= reach2 ? hits[k][h] : 0) << starts[h] % WORD;
        }
        count = 0;
    }
}

/* Up to CENTRES groups against the simulations that they may win; without `prune` against all. */
TARGET static void PASTE(try_groups, LEVEL)(const tile_t *t, const source_t *s, const space_t *space, const VIEW *view,
                                            simulations_t *sims, const ptrdiff_t *groups, int n, int prune)
{
    int list[SIMULATIONS_TOGETHER + BLOCK];
    if (!prune) {
        for (int i = 0; i < sims->nsim; i++)
            list[i] = i;
        for (int k = 0; k < n; k++)
            PASTE(try_members, LEVEL)(t, s, space, view, sims, groups[k], list, (int)sims->nsim);
        return;
    }
    uint64_t may_win[CENTRES][MAX_WORDS];
    PASTE(test_groups, LEVEL)(space, view, sims, groups, n, may_win);
    for (int k = 0; k < n; k++) {
        int found = 0;
        for (ptrdiff_t begin = 0; begin < sims->nsim; begin += WORD) {
            const ptrdiff_t left = sims->nsim - begin;
            uint64_t bits = may_win[k][begin / WORD] & (left < WORD ? ((uint64_t)1 << left) - 1 : UINT64_MAX);
            for (; bits; bits &= bits - 1)
                list[found++] = (int)begin + lowest_bit(bits);
        }
        if (found > 0)
            PASTE(try_members, LEVEL)(t, s, space, view, sims, groups[k], list, found);
    }
}

/* The model nearest to the unperturbed data in all simulations: after it few others can win any. */
TARGET static void PASTE(try_nearest, LEVEL)(const tile_t *t, const source_t *s, const space_t *space, const VIEW *view,
                                             simulations_t *sims, ptrdiff_t group)
{
    PASTE(find_units, LEVEL)(space, view, group);
    ptrdiff_t best = 0;
    for (ptrdiff_t i = 1; i < GROUP; i++)
        if (fabs((double)view->unit_along[i]) > fabs((double)view->unit_along[best]))
            best = i;
    LEAVE_VECTORS;
    for (ptrdiff_t i = 0; i < sims->nsim; i++)
        try_simulated(t, s, sims, (int)best, space->place[group * GROUP + best], i);
}

/* All simulations of a source against a tile; 0 where this precision is too small for it, and nothing was done. */
TARGET static int PASTE(simulate_models, LEVEL)(const tile_t *t, const source_t *s, const space_t *space,
                                                const double *multiplier, simulations_t *sims, int prune,
                                                int first_tile, double *reach2, void *scratch)
{
    const ptrdiff_t nspace = space->nspace, ncentre = space->ncentre;
    VIEW view;
    REAL *next = (REAL *)scratch;
#define TAKE(name, n) view.name = next; next += whole_lines(n, sizeof(REAL));
    TAKE(axes, nspace * ncentre)
    TAKE(along, 2 * ncentre)
    TAKE(near2, ncentre)
    TAKE(cosine, ncentre)
    TAKE(sine, ncentre)
    TAKE(units, nspace * GROUP)
    TAKE(unit_along, 2 * GROUP)
    TAKE(least, sims->stride)
    TAKE(gap, sims->stride)
    TAKE(threshold, sims->stride)
    TAKE(multiplier, nspace)
    TAKE(data, nspace)
#undef TAKE
    view.rows = (const REAL *)CHOOSE(space->rows);
    view.centres = (const REAL *)CHOOSE(space->centres);
    view.noise = (const REAL *)CHOOSE(space->noise);
    double total = 0;
    for (ptrdiff_t k = 0; k < nspace; k++) {
        view.multiplier[k] = (REAL)multiplier[k];
        view.data[k] = (REAL)space->data[k];
        total += space->data[k] * space->data[k];
    }
    PASTE(find_axes, LEVEL)(space, &view);
    REAL faintest;
    const REAL nearest2 = PASTE(survey_groups, LEVEL)(space, &view, total, &faintest);
    if (sizeof(REAL) == 4 && !(faintest > FAINTEST))
        return 0;
    if (prune && !(nearest2 <= *reach2))
        return 1;
    PASTE(find_angles, LEVEL)(space, &view);
    sims->view = &view;
    sims->bounds = PASTE(set_bounds, LEVEL);
    sims->data_norm = sqrt(total);
    PASTE(add_noise, LEVEL)(space, multiplier, sims);
    set_all_bounds(t, sims);

    ptrdiff_t groups[CENTRES], first = -1;
    if (first_tile) {
        for (first = 0; first < space->ngroup - 1 && view.near2[first] > nearest2; first++)
            ;
        PASTE(try_nearest, LEVEL)(t, s, space, &view, sims, first);
        PASTE(try_groups, LEVEL)(t, s, space, &view, sims, &first, 1, prune);
    }
    *reach2 = farthest(sims);
    int n = 0;
    for (ptrdiff_t g = 0; g < space->ngroup; g++) {
        if (g != first && (!prune || view.near2[g] <= *reach2))
            groups[n++] = g;
        if (n == CENTRES || (n > 0 && g == space->ngroup - 1)) {
            PASTE(try_groups, LEVEL)(t, s, space, &view, sims, groups, n, prune);
            *reach2 = farthest(sims);
            n = 0;
        }
    }
    return 1;
}

#undef VEC
#undef LOAD
#undef STORE
#undef EPSILON
#undef ROUNDING
#undef SQRT
#undef WIDTH
#undef VIEW
#undef LARGER
#undef SMALLER
#undef REACHES
#undef LEAST
#undef SQRT
#undef CHOOSE
#undef LEAVE_VECTORS
#undef VW
#undef TARGET
#undef LEVEL
#undef REAL
