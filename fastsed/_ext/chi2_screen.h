/* The inner loop: for a few sources at once, find the models that may reach what they must.
   Included once per SIMD level and precision: see each_precision.h.
   num^2/den >= threshold is tested as num^2 - threshold * den >= 0: no division. */

/* sources a block: as many as the registers hold sums for */
#define NS (VW * sizeof(REAL) == 64 ? 4 : 2)
/* largest relative rounding of one operation */
#define ROUNDING (sizeof(REAL) == 4 ? 0x1p-24 : 0x1p-53)
/* squared norms about this small, of models beside the brightest, may be lost */
#define FAINT ((REAL)(sizeof(REAL) == 4 ? 1e-30 : 1e-280))

#if VW > 1
typedef REAL PASTE(vec, LEVEL) __attribute__((vector_size(VW * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
#define VEC PASTE(vec, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#else
typedef REAL PASTE(vec, LEVEL);
#define VEC PASTE(vec, LEVEL)
#define LOAD(p) (*(p))
#endif

/* What num^2/den must reach, from what it must reach in double precision. With y = value / error of unit length and v =
   1 / error, num = sum of y v f is off by at most (nband + 3) roundings of sum |y v f| <= sqrt(den) (Cauchy and Schwarz),
   den by (nband + 5) of itself, the comparison by three, and both columns by two: the margin. */
static REAL PASTE(threshold, LEVEL)(const screened_t *s, ptrdiff_t nband)
{
    return (REAL)(s->reach * s->per_total - ROUNDING * (4.0 * (double)nband + 40.0));
}

/* scratch: 2 NS numbers for each column. */
TARGET static void PASTE(screen_block, LEVEL)(const tile_t *t, const fluxes_t *fluxes, screened_t *sources,
                                              int nsource, void *scratch)
{
    REAL threshold[NS], *weights = (REAL *)scratch, *weighted = weights + NS * t->nband;
    for (int s = 0; s < (int)NS; s++) {
        threshold[s] = s < nsource ? PASTE(threshold, LEVEL)(&sources[s], t->nband) : 1;
        for (ptrdiff_t b = 0; b < t->nband; b++) {
            weights[b * NS + s] = s < nsource ? (REAL)sources[s].weight[b] : 0;
            weighted[b * NS + s] = s < nsource ? (REAL)sources[s].weighted[b] : 0;
        }
    }
    for (ptrdiff_t m = 0; m < t->nmodel; m += 2 * VW) {
        VEC num[NS][2], den[NS][2];
        for (int s = 0; s < (int)NS; s++)
            num[s][0] = num[s][1] = den[s][0] = den[s][1] = (VEC){0};
        const REAL *flux = (const REAL *)fluxes->flux + m;
        for (ptrdiff_t b = 0; b < t->nband; b++, flux += fluxes->stride) {
            const VEC f0 = LOAD(flux), f1 = LOAD(flux + VW);
            const VEC g0 = f0 * f0, g1 = f1 * f1;
            for (int s = 0; s < (int)NS; s++) {
                const REAL w = weights[b * NS + s], wf = weighted[b * NS + s];
                num[s][0] += wf * f0;
                num[s][1] += wf * f1;
                den[s][0] += w * g0;
                den[s][1] += w * g1;
            }
        }
        /* most pairs fail: one test for all of them */
        VEC excess[NS][2], most = -HUGE_VALF + (VEC){0};
        for (int s = 0; s < (int)NS; s++)
            for (int h = 0; h < 2; h++) {
                excess[s][h] = num[s][h] * num[s][h] - (threshold[s] * den[s][h] - FAINT);
                most = LARGER(excess[s][h], most);
            }
        const VEC zero = (VEC){0};
        if (REACHES(most, zero))
            for (int s = 0; s < nsource; s++)
                for (int h = 0; h < 2; h++) {
                    unsigned hits = (unsigned)REACHES(excess[s][h], zero);
                    for (ptrdiff_t k = m + h * VW; hits && k < t->nmodel; hits >>= 1, k++)
                        if (hits & 1) {
                            LEAVE_VECTORS;
                            sources[s].purpose->visit(t, &sources[s], k);
                            threshold[s] = PASTE(threshold, LEVEL)(&sources[s], t->nband);
                        }
                }
    }
}

#undef VEC
#undef LOAD
#undef NS
#undef ROUNDING
#undef FAINT
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
