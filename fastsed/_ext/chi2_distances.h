/* Squared distances of a source's data from all models of a tile, in some space of coordinates.
   Included once per SIMD level: see each_level.h. */

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

/* The sums of a run of models, kept in registers: for few coordinates. `width` is a multiple of VW. */
TARGET static void PASTE(sums_in_registers, LEVEL)(const double *rows, ptrdiff_t stride, ptrdiff_t width,
                                                   ptrdiff_t from, ptrdiff_t to, const double *multiplier,
                                                   const double *data, double *num, double *den)
{
    for (ptrdiff_t m = 0; m < width; m += VW) {
        VEC n = (VEC){0}, d = (VEC){0};
        for (ptrdiff_t k = from; k < to; k++) {
            const VEC f = multiplier[k] * LOAD(rows + k * stride + m);
            n += data[k] * f;
            d += f * f;
        }
        STORE(num + m, n);
        STORE(den + m, d);
    }
}

/* The same, coordinate by coordinate: for many, whose rows are then read in long runs. */
TARGET static void PASTE(sums_by_rows, LEVEL)(const double *rows, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t from,
                                              ptrdiff_t to, const double *multiplier, const double *data, double *num,
                                              double *den)
{
    memset(num, 0, sizeof(double) * DISTANCE_BLOCK);
    memset(den, 0, sizeof(double) * DISTANCE_BLOCK);
    for (ptrdiff_t k = from; k < to; k++)
        for (ptrdiff_t m = 0; m < width; m += VW) {
            const VEC f = multiplier[k] * LOAD(rows + k * stride + m);
            STORE(num + m, LOAD(num + m) + data[k] * f);
            STORE(den + m, LOAD(den + m) + f * f);
        }
}

/* distance2[m] = total - sum over scales of (rows_m . data)^2 / |rows_m|^2, less the rounding; NaN for models without
   flux. rows: [nspace][stride], multiplied by multiplier [nspace]; coordinates from `cut` on have a scale of their
   own. norm2 [stride] is |rows_m|^2 of the last scale. The smallest squared distance comes back. */
TARGET static double PASTE(distances, LEVEL)(const double *rows, ptrdiff_t stride, ptrdiff_t nmodel, ptrdiff_t nspace,
                                             ptrdiff_t cut, const double *multiplier, const double *data, double total,
                                             double rounding, double *distance2, double *norm2)
{
    /* a part of a tile ends before its stride does */
    const ptrdiff_t room = (nmodel + 15) / 16 * 16;
    VEC nearest = HUGE_VAL + (VEC){0};
    double num[DISTANCE_BLOCK], den[DISTANCE_BLOCK], gain[DISTANCE_BLOCK];
    for (ptrdiff_t first = 0; first < nmodel; first += DISTANCE_BLOCK) {
        /* the last block overlaps the one before, unless there is only one */
        const ptrdiff_t width = room < DISTANCE_BLOCK ? room : DISTANCE_BLOCK;
        const ptrdiff_t m = first + width <= room ? first : room - width;
        for (ptrdiff_t from = 0, to = cut; from < nspace; from = to, to = nspace) {
            if (to - from <= FEW_COORDINATES)
                PASTE(sums_in_registers, LEVEL)(rows + m, stride, width, from, to, multiplier, data, num, den);
            else
                PASTE(sums_by_rows, LEVEL)(rows + m, stride, width, from, to, multiplier, data, num, den);
            for (ptrdiff_t v = 0; v < width; v += VW) {
                const VEC n = LOAD(num + v), d = LOAD(den + v);
                VEC g = n * n / d;
                if (from > 0)
                    g += LOAD(gain + v);
                STORE(gain + v, g);
                STORE(norm2 + m + v, d);
            }
        }
        for (ptrdiff_t v = 0; v < width; v += VW) {
            const VEC left = (total - rounding) - LOAD(gain + v);
            STORE(distance2 + m + v, left);
            nearest = SMALLER(left, nearest);
        }
    }
    double lanes[VW];
    memcpy(lanes, &nearest, sizeof lanes);
    for (int v = 1; v < VW; v++)
        if (lanes[v] < lanes[0])
            lanes[0] = lanes[v];
    return lanes[0];
}

/* chi2 [nmodel] and scale [nmodel] of all models, one scale for all columns; both arrays have room for `stride`. */
TARGET static void PASTE(chi2_and_scale, LEVEL)(const double *rows, ptrdiff_t stride, ptrdiff_t nmodel,
                                                ptrdiff_t nspace, const double *multiplier, const double *data,
                                                double total, double *chi2, double *scale)
{
    double num[DISTANCE_BLOCK], den[DISTANCE_BLOCK];
    const ptrdiff_t room = (nmodel + 15) / 16 * 16, width = room < DISTANCE_BLOCK ? room : DISTANCE_BLOCK;
    for (ptrdiff_t first = 0; first < nmodel; first += width) {
        const ptrdiff_t m = first + width <= room ? first : room - width;
        if (nspace <= FEW_COORDINATES)
            PASTE(sums_in_registers, LEVEL)(rows + m, stride, width, 0, nspace, multiplier, data, num, den);
        else
            PASTE(sums_by_rows, LEVEL)(rows + m, stride, width, 0, nspace, multiplier, data, num, den);
        for (ptrdiff_t v = 0; v < width; v += VW) {
            const VEC n = LOAD(num + v), a = n / LOAD(den + v), left = total - n * a;
            STORE(scale + m + v, a);
            STORE(chi2 + m + v, left);
        }
    }
}

#undef VEC
#undef MASK
#undef SMALLER
#undef LOAD
#undef STORE
#undef VW
#undef TARGET
#undef LEVEL
