/* Monte Carlo simulations of one source against a tile: every simulation keeps its own best model.
   Included once per SIMD level with VW, TARGET and LEVEL defined. A simulation is y + r, y = weighted data.
   With unit vectors a along the model, chi2_s = |y_s|^2 - sum over scales of (a . y_s)^2: a product of two small
   matrices, and a comparison with what each simulation must exceed. */

#if VW > 1
typedef double PASTE(svec, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
#define VEC PASTE(svec, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#else
typedef double PASTE(svec, LEVEL);
#define VEC PASTE(svec, LEVEL)
#define LOAD(p) (*(p))
#endif

#if VW == 8
#define REACHES(x, y) _mm512_cmp_pd_mask((__m512d)(x), (__m512d)(y), _CMP_GE_OQ)
#elif VW == 4
#define REACHES(x, y) _mm256_movemask_pd((__m256d)((x) >= (y)))
#elif VW == 2
#define REACHES(x, y) (((x)[0] >= (y)[0]) | ((x)[1] >= (y)[1]) << 1)
#else
#define REACHES(x, y) ((x) >= (y))
#endif

/* chi2 of the unperturbed data with every model, lower bounds included: rest[m] = total - num^2/den. */
TARGET static void PASTE(unperturbed, LEVEL)(const tile_t *t, const source_t *s, double *rest)
{
    const ptrdiff_t parts = s->own_spec_scale ? 2 : 1;
    for (ptrdiff_t m = 0; m < t->nmodel; m += VW) {
        VEC gain = (VEC){0};
        for (ptrdiff_t part = 0; part < parts; part++) {
            VEC num = (VEC){0}, den = (VEC){0};
            const ptrdiff_t from = part ? t->nmain : 0, to = parts == 2 && !part ? t->nmain : t->nband;
            for (ptrdiff_t b = from; b < to; b++) {
                const VEC f = LOAD(t->flux + b * t->stride + m);
                num += (s->weight[b] * s->value[b]) * f;
                den += s->weight[b] * (f * f);
            }
            gain += num * num / den;
        }
        const VEC left = s->total - gain;
        *(VEC *)(rest + m) = left;
    }
}

/* A few models (unit vectors, [SIM_MODELS][nband]) against the simulations whose bound they may beat. */
TARGET static void PASTE(simulate_models, LEVEL)(const tile_t *t, const source_t *s, simulations_t *sims,
                                                 const double *units, const ptrdiff_t *models, const double *roots,
                                                 int nmodel)
{
    const ptrdiff_t cut = s->own_spec_scale ? t->nmain : t->nband;
    double lowest = roots[0];
    for (int k = 1; k < nmodel; k++)
        if (roots[k] < lowest)
            lowest = roots[k];
    for (ptrdiff_t v = 0; v < sims->stride; v += VW) {
        if (lowest > sims->reach[v / SIM_GROUP])
            continue;
        VEC gain[SIM_MODELS], product[SIM_MODELS];
        for (int k = 0; k < SIM_MODELS; k++)
            product[k] = gain[k] = (VEC){0};
        const double *y = sims->data + v;
        for (ptrdiff_t b = 0; b < cut; b++, y += sims->stride) {
            const VEC yb = LOAD(y);
            for (int k = 0; k < SIM_MODELS; k++)
                product[k] += units[k * t->nband + b] * yb;
        }
        for (int k = 0; k < SIM_MODELS; k++)
            gain[k] = product[k] * product[k];
        if (cut < t->nband) {
            for (int k = 0; k < SIM_MODELS; k++)
                product[k] = (VEC){0};
            for (ptrdiff_t b = cut; b < t->nband; b++, y += sims->stride) {
                const VEC yb = LOAD(y);
                for (int k = 0; k < SIM_MODELS; k++)
                    product[k] += units[k * t->nband + b] * yb;
            }
            for (int k = 0; k < SIM_MODELS; k++)
                gain[k] += product[k] * product[k];
        }
        for (int k = 0; k < nmodel; k++) {
            const VEC bound = LOAD(sims->threshold + v);
            unsigned hits = (unsigned)REACHES(gain[k], bound);
            for (ptrdiff_t i = v; hits; hits >>= 1, i++)
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
