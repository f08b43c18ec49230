/* Monte Carlo simulations: the product of a few models' unit vectors with the simulated data, and its comparison with
   what each simulation must reach. Included once per SIMD level and precision with REAL, VW (numbers a vector),
   TARGET and LEVEL defined. */

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
        const double left = fmax(total[i] - chi2[i] - tolerance - rounding * total[i], 0);
        const double miss = slack * sqrt(fmax(total[i] - inside[i], 0)) + miss_inside * sqrt(inside[i]);
        const double product = fmax(sqrt(left) - miss, 0);
        const double gap = fmax(inside[i] * (1 + 1e-12) - product * product, 0);
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
    double *inside = sims->inside, *noise_norm = sims->noise_norm;
    for (ptrdiff_t k = 0; k < space->nspace; k++) {
        const double *noise = space->noise + k * space->noise_stride, y = space->data[k];
        const double used = root_weight[k] > 0 ? 1 : 0;
        REAL *data = (REAL *)sims->data + k * sims->stride;
        for (ptrdiff_t i = 0; i < n; i++) {
            const double r = used * noise[i], v = y + r;
            inside[i] += v * v;
            noise_norm[i] += r * r;
            data[i] = (REAL)v;
        }
    }
    for (ptrdiff_t i = 0; i < n; i++)
        noise_norm[i] = sqrt(noise_norm[i]);
}

/* Unit vectors of models, one per scale, as rows of units: [SIM_MODELS][nspace]. */
TARGET static void PASTE(unit_vector, LEVEL)(const space_t *space, const double *root, ptrdiff_t stride, ptrdiff_t m,
                                             double norm2, int slot, void *units)
{
    REAL *unit = (REAL *)units + slot * space->nspace;
    const double *row = space->rows + m;
    double inverse = 1 / sqrt(norm2);
    if (space->cut == space->nspace) {
        for (ptrdiff_t k = 0; k < space->nspace; k++)
            unit[k] = (REAL)(root[k] * row[k * stride] * inverse);
        return;
    }
    double first = 0;
    for (ptrdiff_t k = 0; k < space->cut; k++)
        first += root[k] * row[k * stride] * root[k] * row[k * stride];
    for (ptrdiff_t k = 0; k < space->nspace; k++)
        unit[k] = (REAL)(root[k] * row[k * stride] * (k < space->cut ? 1 / sqrt(first) : inverse));
}

/* units: [SIM_MODELS][nspace] of REAL; distance2: of the unperturbed data from each model, squared. */
TARGET static void PASTE(simulate_models, LEVEL)(const tile_t *t, const source_t *s, simulations_t *sims,
                                                 const void *all_units, const ptrdiff_t *models,
                                                 const double *distance2, int nmodel)
{
    const REAL *units = (const REAL *)all_units;
    const ptrdiff_t nspace = sims->nspace, cut = sims->cut;
    double lowest = distance2[0];
    for (int k = 1; k < nmodel; k++)
        if (distance2[k] < lowest)
            lowest = distance2[k];
    for (ptrdiff_t v = 0; v < sims->stride; v += 2 * VW) {
        if (lowest > sims->reach2[v / SIM_GROUP])
            continue;
        VEC gain[SIM_MODELS][2];
        for (int k = 0; k < SIM_MODELS; k++)
            gain[k][0] = gain[k][1] = (VEC){0};
        for (ptrdiff_t from = 0, to = cut; from < nspace; from = to, to = nspace) {
            VEC product[SIM_MODELS][2];
            for (int k = 0; k < SIM_MODELS; k++)
                product[k][0] = product[k][1] = (VEC){0};
            const REAL *y = (const REAL *)sims->data + from * sims->stride + v;
            for (ptrdiff_t b = from; b < to; b++, y += sims->stride) {
                const VEC y0 = LOAD(y), y1 = LOAD(y + VW);
                for (int k = 0; k < SIM_MODELS; k++) {
                    const REAL u = units[k * nspace + b];
                    product[k][0] += u * y0;
                    product[k][1] += u * y1;
                }
            }
            for (int k = 0; k < SIM_MODELS; k++) {
                gain[k][0] += product[k][0] * product[k][0];
                gain[k][1] += product[k][1] * product[k][1];
            }
        }
        for (int k = 0; k < nmodel; k++)
            for (int h = 0; h < 2; h++) {
                const VEC bound = LOAD((const REAL *)sims->threshold + v + h * VW);
                uint64_t hits = (uint64_t)REACHES(gain[k][h], bound);
                for (ptrdiff_t i = v + h * VW; hits; hits >>= 1, i++)
                    if (hits & 1)
                        try_simulated(t, s, sims, models[k], i);
            }
    }
}

#undef VEC
#undef LOAD
#undef REACHES
#undef VW
#undef TARGET
#undef LEVEL
#undef REAL
