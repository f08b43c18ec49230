/* Squared distances of a source's data from all models of a tile, in some space of coordinates.
   Included once per SIMD level with VW, TARGET and LEVEL defined. */

#if VW > 1
typedef double PASTE(dvec, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
typedef int64_t PASTE(imask, LEVEL) __attribute__((vector_size(VW * 8)));
#define VEC PASTE(dvec, LEVEL)
#define MASK PASTE(imask, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, x) (*(VEC *)(p) = (x))
#define SMALLER(x, y) ((VEC)(((MASK)(x) & ((x) < (y))) | ((MASK)(y) & ~((x) < (y)))))
#else
typedef double PASTE(dvec, LEVEL);
#define VEC PASTE(dvec, LEVEL)
#define LOAD(p) (*(p))
#define STORE(p, x) (*(p) = (x))
#define SMALLER(x, y) ((x) < (y) ? (x) : (y))
#endif

/* distance2[m] = total - sum over scales of (rows_m . data)^2 / |rows_m|^2, less the rounding; NaN for models without
   flux. rows: [nspace][stride], multiplied by multiplier [nspace]; coordinates from `cut` on have a scale of their
   own. norm2 [stride] is |rows_m|^2 of the last scale. The smallest squared distance comes back. */
TARGET static double PASTE(distances, LEVEL)(const double *rows, ptrdiff_t stride, ptrdiff_t nmodel, ptrdiff_t nspace,
                                             ptrdiff_t cut, const double *multiplier, const double *data, double total,
                                             double rounding, double *distance2, double *norm2)
{
    VEC nearest = HUGE_VAL + (VEC){0};
    for (ptrdiff_t m = 0; m < nmodel; m += VW) {
        VEC gain = (VEC){0};
        for (ptrdiff_t from = 0, to = cut; from < nspace; from = to, to = nspace) {
            VEC num = (VEC){0}, den = (VEC){0};
            for (ptrdiff_t k = from; k < to; k++) {
                const VEC f = multiplier[k] * LOAD(rows + k * stride + m);
                num += data[k] * f;
                den += f * f;
            }
            gain += num * num / den;
            STORE(norm2 + m, den);
        }
        const VEC left = (total - rounding) - gain;
        STORE(distance2 + m, left);
        nearest = SMALLER(left, nearest);
    }
    double lanes[VW];
    memcpy(lanes, &nearest, sizeof lanes);
    for (int v = 1; v < VW; v++)
        if (lanes[v] < lanes[0])
            lanes[0] = lanes[v];
    return lanes[0];
}

#undef VEC
#undef MASK
#undef SMALLER
#undef LOAD
#undef STORE
#undef VW
#undef TARGET
#undef LEVEL
