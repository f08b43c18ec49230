/* The inner loop: for a few sources at once, find the models that may beat their best so far.
   Included once per SIMD level: see each_level.h.
   num^2/den >= threshold is tested as num^2 - threshold * den >= 0: no division. */

/* sources a block: as many as the registers hold sums for */
#if VW == 8
#define NS 4
#else
#define NS 2
#endif

#if VW > 1
typedef double PASTE(vec, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
#define VEC PASTE(vec, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#else
typedef double PASTE(vec, LEVEL);
#define VEC PASTE(vec, LEVEL)
#define LOAD(p) (*(p))
#endif

#if VW == 8
#define ANY_REACHES(x, y) _mm512_cmp_pd_mask((__m512d)(x), (__m512d)(y), _CMP_GE_OQ)
#define LARGER(x, y) ((VEC)_mm512_max_pd((__m512d)(x), (__m512d)(y)))
#elif VW == 4
#define ANY_REACHES(x, y) _mm256_movemask_pd((__m256d)((x) >= (y)))
#define LARGER(x, y) ((VEC)_mm256_max_pd((__m256d)(x), (__m256d)(y)))
#elif VW == 2
#define ANY_REACHES(x, y) (((x)[0] >= (y)[0]) | ((x)[1] >= (y)[1]) << 1)
#define LARGER(x, y) plain_larger_double(x, y)
#else
#define ANY_REACHES(x, y) ((x) >= (y))
#define LARGER(x, y) ((x) > (y) ? (x) : (y))
#endif

/* weights: [nband][NS] and weighted values: [nband][NS] of the block's sources. */
TARGET static void PASTE(screen_block, LEVEL)(const tile_t *t, const source_t *sources, best_t *best, int nsource,
                                              const double *weights, const double *weighted)
{
    double threshold[NS];
    for (int s = 0; s < NS; s++)
        threshold[s] = s < nsource ? screen_threshold(&best[s], &sources[s], t->nband) : 1;
    for (ptrdiff_t m = 0; m < t->nmodel; m += 2 * VW) {
        VEC num[NS][2], den[NS][2];
        for (int s = 0; s < NS; s++)
            num[s][0] = num[s][1] = den[s][0] = den[s][1] = (VEC){0};
        const double *flux = t->flux + m;
        for (ptrdiff_t b = 0; b < t->nband; b++, flux += t->stride) {
            const VEC f0 = LOAD(flux), f1 = LOAD(flux + VW);
            const VEC g0 = f0 * f0, g1 = f1 * f1;
            for (int s = 0; s < NS; s++) {
                const double w = weights[b * NS + s], wf = weighted[b * NS + s];
                num[s][0] += wf * f0;
                num[s][1] += wf * f1;
                den[s][0] += w * g0;
                den[s][1] += w * g1;
            }
        }
        /* most pairs fail: one test for all of them */
        VEC excess[NS][2], most = -HUGE_VAL + (VEC){0};
        for (int s = 0; s < NS; s++)
            for (int h = 0; h < 2; h++) {
                excess[s][h] = num[s][h] * num[s][h] - threshold[s] * den[s][h];
                most = LARGER(excess[s][h], most);
            }
        const VEC zero = (VEC){0};
        if (ANY_REACHES(most, zero))
            for (int s = 0; s < nsource; s++)
                for (int h = 0; h < 2; h++) {
                    unsigned hits = (unsigned)ANY_REACHES(excess[s][h], zero);
                    for (ptrdiff_t k = m + h * VW; hits && k < t->nmodel; hits >>= 1, k++)
                        if (hits & 1) {
                            try_model(t, &sources[s], k, &best[s]);
                            threshold[s] = screen_threshold(&best[s], &sources[s], t->nband);
                        }
                }
    }
}

#undef VEC
#undef LOAD
#undef ANY_REACHES
#undef LARGER
#undef VW
#undef NS
#undef TARGET
#undef LEVEL
