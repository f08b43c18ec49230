/* Monte Carlo simulations: the product of a few models' unit vectors with the simulated data, and its comparison with
   what each simulation must reach. Included once per SIMD level and precision with REAL, VW (numbers a vector),
   REACHES, LARGER, TARGET and LEVEL defined. */

#if VW > 1
typedef REAL PASTE(svec, LEVEL) __attribute__((vector_size(VW * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
#define VEC PASTE(svec, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#else
typedef REAL PASTE(svec, LEVEL);
#define VEC PASTE(svec, LEVEL)
#define LOAD(p) (*(p))
#endif

/* Bounds of the simulations from `from` on, as many as `n`; see simulations_t. A model wins only if
   (|p| + e)^2 >= T = |y_s|^2 - best, where p is the product in the space and e bounds what is left out of it: the
   slack and the rounding. Then, by the triangle inequality, its distance from the unperturbed data (in the space) is
   at most |r| + sqrt(|z_s|^2 - (sqrt(T) - e)^2). A logarithmic prior only adds to chi2_s, and a second scale only
   makes of the line a plane: both bounds hold. The largest of these distances comes back. */
TARGET static double PASTE(set_bounds, LEVEL)(simulations_t *sims, ptrdiff_t from, ptrdiff_t n, ptrdiff_t nband)
{
    const double rounding = 4e-16 * (double)(nband + 8), slack = sims->slack;
    const double miss_inside = (sizeof(REAL) == 4 ? 6e-8 : 2e-16) * (double)(sims->nspace + 8);
    const double *total = sims->total + from, *inside = sims->inside + from, *noise_norm = sims->noise_norm + from;
    const double *chi2 = sims->bound_chi2 + from;
    REAL *threshold = (REAL *)sims->threshold + from;
    double *reach = sims->far + from, largest = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double tolerance = 1e-13 * (chi2[i] + sqrt(chi2[i] * total[i])) + 1e-26 * total[i];
        const double left = POSITIVE(total[i] - chi2[i] - tolerance - rounding * total[i]);
        const double miss = slack * sqrt(POSITIVE(total[i] - inside[i])) + miss_inside * sqrt(inside[i]);
        const double product = POSITIVE(sqrt(left) - miss);
        const double gap = POSITIVE(inside[i] * (1 + 1e-12) - product * product);
        threshold[i] = (REAL)(product * product * (1 - 1e-6));
        reach[i] = (noise_norm[i] + sqrt(gap)) * (1 + 1e-12);
    }
    for (ptrdiff_t i = 0; i < n; i++)
        largest = reach[i] > largest ? reach[i] : largest;
    return largest * largest;
}

/* Coordinates of data plus noise, and their norms. */
TARGET static void PASTE(add_noise, LEVEL)(const space_t *space, const double *root_weight, simulations_t *sims)
{
    const ptrdiff_t n = sims->nsim;
    const int *draws = sims->draws;
    double *inside = sims->inside, *noise_norm = sims->noise_norm;
    for (ptrdiff_t k = 0; k < space->nspace; k++) {
        const double *noise = space->noise + k * space->n_draws, y = space->data[k];
        const double used = root_weight[k] > 0 ? 1 : 0;
        REAL *data = (REAL *)sims->data + k * sims->stride;
        for (ptrdiff_t i = 0; i < n; i++) {
            const double r = used * noise[draws[i]], v = y + r;
            inside[i] += v * v;
            noise_norm[i] += r * r;
            data[i] = (REAL)v;
        }
    }
    for (ptrdiff_t i = 0; i < n; i++)
        noise_norm[i] = sqrt(noise_norm[i]);
}

/* Unit vectors, one per scale, of the models from `from` to `to`, as columns of units: [nspace][unit_stride]. */
TARGET static void PASTE(unit_vectors, LEVEL)(const space_t *space, const double *root, ptrdiff_t stride,
                                              ptrdiff_t from, ptrdiff_t to, const double *norm2, void *units,
                                              ptrdiff_t unit_stride)
{
    double inverse[UNIT_BLOCK];
    const ptrdiff_t n = to - from;
    for (ptrdiff_t i = 0; i < n; i++)
        inverse[i] = 1 / sqrt(norm2[from + i]);
    for (ptrdiff_t k = space->cut < space->nspace ? space->cut : 0; k < space->nspace; k++) {
        const double *row = space->rows + k * stride + from, r = root[k];
        REAL *unit = (REAL *)units + k * unit_stride + from;
        for (ptrdiff_t i = 0; i < n; i++)
            unit[i] = (REAL)(r * row[i] * inverse[i]);
    }
    if (space->cut == space->nspace)
        return;
    for (ptrdiff_t i = 0; i < n; i++)
        inverse[i] = 0;
    for (ptrdiff_t k = 0; k < space->cut; k++)
        for (ptrdiff_t i = 0; i < n; i++) {
            const double x = root[k] * space->rows[k * stride + from + i];
            inverse[i] += x * x;
        }
    for (ptrdiff_t i = 0; i < n; i++)
        inverse[i] = 1 / sqrt(inverse[i]);
    for (ptrdiff_t k = 0; k < space->cut; k++)
        for (ptrdiff_t i = 0; i < n; i++)
            ((REAL *)units)[k * unit_stride + from + i] =
                (REAL)(root[k] * space->rows[k * stride + from + i] * inverse[i]);
}

/* Squares of the products of SIM_MODELS models with two vectors of simulations, that start at v and w, over the
   coordinates from `from` to `to`. */
TARGET ALWAYS_INLINE void PASTE(squares, LEVEL)(
    const simulations_t *sims, const REAL *const *units, ptrdiff_t unit_stride, ptrdiff_t v, ptrdiff_t w,
    ptrdiff_t from, ptrdiff_t to, VEC square[SIM_MODELS][2])
{
    VEC product[SIM_MODELS][2];
    for (int k = 0; k < SIM_MODELS; k++)
        product[k][0] = product[k][1] = (VEC){0};
    const REAL *y0 = (const REAL *)sims->data + from * sims->stride + v, *y1 = y0 + (w - v);
    const REAL *u[SIM_MODELS];
    for (int k = 0; k < SIM_MODELS; k++)
        u[k] = units[k];
    const ptrdiff_t stride = sims->stride;
    for (ptrdiff_t b = from * unit_stride; b < to * unit_stride; b += unit_stride, y0 += stride, y1 += stride) {
        const VEC a0 = LOAD(y0), a1 = LOAD(y1);
        for (int k = 0; k < SIM_MODELS; k++) {
            product[k][0] += u[k][b] * a0;
            product[k][1] += u[k][b] * a1;
        }
    }
    for (int k = 0; k < SIM_MODELS; k++)
        for (int h = 0; h < 2; h++)
            square[k][h] = product[k][h] * product[k][h];
}

/* Gains of SIM_MODELS models in the simulations of two vectors. */
TARGET ALWAYS_INLINE void PASTE(gains, LEVEL)(const simulations_t *sims, const REAL *const *units,
                                              ptrdiff_t unit_stride, ptrdiff_t v, ptrdiff_t w, int two_scales,
                                              VEC gain[SIM_MODELS][2])
{
    PASTE(squares, LEVEL)(sims, units, unit_stride, v, w, 0, sims->cut, gain);
    if (two_scales) {
        VEC more[SIM_MODELS][2];
        PASTE(squares, LEVEL)(sims, units, unit_stride, v, w, sims->cut, sims->nspace, more);
        for (int k = 0; k < SIM_MODELS; k++)
            for (int h = 0; h < 2; h++)
                gain[k][h] += more[k][h];
    }
}

/* Whether any of the models may win any of the simulations: no, for most. */
TARGET ALWAYS_INLINE int PASTE(any_hit, LEVEL)(const simulations_t *sims, const REAL *const *units,
                                               ptrdiff_t unit_stride, ptrdiff_t v, ptrdiff_t w, int two_scales)
{
    VEC gain[SIM_MODELS][2];
    PASTE(gains, LEVEL)(sims, units, unit_stride, v, w, two_scales, gain);
    const VEC bound0 = LOAD((const REAL *)sims->threshold + v), bound1 = LOAD((const REAL *)sims->threshold + w);
    VEC most0 = gain[0][0], most1 = gain[0][1];
    for (int k = 1; k < SIM_MODELS; k++) {
        most0 = LARGER(gain[k][0], most0);
        most1 = LARGER(gain[k][1], most1);
    }
    return ((uint64_t)REACHES(most0, bound0) | (uint64_t)REACHES(most1, bound1)) != 0;
}

/* The same for one scale, the usual case, and the innermost loop of the simulations. Spelt out model by model: GCC
   leaves arrays of vectors on the stack. */
TARGET static int PASTE(any_hit_one_scale, LEVEL)(const simulations_t *sims, const REAL *const *units,
                                                  ptrdiff_t unit_stride, ptrdiff_t v, ptrdiff_t w)
{
    const ptrdiff_t stride = sims->stride, end = sims->nspace * unit_stride;
    const REAL *y0 = (const REAL *)sims->data + v, *y1 = (const REAL *)sims->data + w;
#define START(k) const REAL *u##k = units[k]; VEC p##k = (VEC){0}, q##k = (VEC){0};
    EACH_MODEL(START)
    for (ptrdiff_t b = 0; b < end; b += unit_stride, y0 += stride, y1 += stride) {
        const VEC a0 = LOAD(y0), a1 = LOAD(y1);
#define ADD(k) p##k += u##k[b] * a0; q##k += u##k[b] * a1;
        EACH_MODEL(ADD)
    }
    VEC most0 = p0 * p0, most1 = q0 * q0;
#define COMPARE(k) p##k *= p##k; q##k *= q##k; most0 = LARGER(p##k, most0); most1 = LARGER(q##k, most1);
    EACH_MODEL(COMPARE)
#undef START
#undef ADD
#undef COMPARE
    const VEC bound0 = LOAD((const REAL *)sims->threshold + v), bound1 = LOAD((const REAL *)sims->threshold + w);
    return ((uint64_t)REACHES(most0, bound0) | (uint64_t)REACHES(most1, bound1)) != 0;
}

TARGET static int PASTE(any_hit_two_scales, LEVEL)(const simulations_t *sims, const REAL *const *units,
                                                   ptrdiff_t unit_stride, ptrdiff_t v, ptrdiff_t w)
{
    return PASTE(any_hit, LEVEL)(sims, units, unit_stride, v, w, 1);
}

/* Which simulations each model may win: a bit for each. */
TARGET static void PASTE(find_hits, LEVEL)(const simulations_t *sims, const REAL *const *units, ptrdiff_t unit_stride,
                                           ptrdiff_t v, ptrdiff_t w, uint32_t hits[SIM_MODELS][2])
{
    VEC gain[SIM_MODELS][2];
    PASTE(gains, LEVEL)(sims, units, unit_stride, v, w, sims->cut < sims->nspace, gain);
    const VEC bound0 = LOAD((const REAL *)sims->threshold + v), bound1 = LOAD((const REAL *)sims->threshold + w);
    for (int k = 0; k < SIM_MODELS; k++) {
        hits[k][0] = (uint32_t)REACHES(gain[k][0], bound0);
        hits[k][1] = (uint32_t)REACHES(gain[k][1], bound1);
    }
}

/* A few models against all simulations that they may reach; distance2: of the unperturbed data from each, squared. */
TARGET static void PASTE(simulate_models, LEVEL)(const tile_t *t, const source_t *s, simulations_t *sims,
                                                 const void *all_units, ptrdiff_t unit_stride,
                                                 const ptrdiff_t *models, const double *distance2, int nmodel)
{
    const REAL *units[SIM_MODELS];
    double nearest2 = distance2[0];
    for (int k = 0; k < SIM_MODELS; k++) {
        units[k] = (const REAL *)all_units + models[k < nmodel ? k : 0];
        if (k < nmodel && distance2[k] < nearest2)
            nearest2 = distance2[k];
    }
    ptrdiff_t starts[2];
    int n = 0;
    for (ptrdiff_t v = 0; v <= sims->stride; v += VW) {
        if (v < sims->stride && nearest2 <= sims->reach2[v / SIM_GROUP])
            starts[n++] = v;
        if (n < 2 && (v < sims->stride || n == 0))
            continue;
        if (n == 1)
            starts[1] = starts[0];
        const int any = sims->cut < sims->nspace
            ? PASTE(any_hit_two_scales, LEVEL)(sims, units, unit_stride, starts[0], starts[1])
            : PASTE(any_hit_one_scale, LEVEL)(sims, units, unit_stride, starts[0], starts[1]);
        if (any) {
            uint32_t hits[SIM_MODELS][2];
            PASTE(find_hits, LEVEL)(sims, units, unit_stride, starts[0], starts[1], hits);
            for (int k = 0; k < nmodel; k++)
                for (int h = 0; h < n; h++)
                    for (ptrdiff_t i = starts[h]; hits[k][h]; hits[k][h] >>= 1, i++)
                        if (hits[k][h] & 1)
                            try_simulated(t, s, sims, models[k], i);
        }
        n = 0;
    }
}

#undef VEC
#undef LARGER
#undef LOAD
#undef REACHES
#undef VW
#undef TARGET
#undef LEVEL
#undef REAL
