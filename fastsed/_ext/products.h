/* Small matrix products: out[r][j] = sum over l of left[r][l] * right[l][j], for a few rows and many columns.
   Included once per SIMD level with VW, TARGET and LEVEL defined. */

#if VW > 1
typedef double PASTE(pvec, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
#define VEC PASTE(pvec, LEVEL)
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, x) (*(VEC *)(p) = (x))
#else
typedef double PASTE(pvec, LEVEL);
#define VEC PASTE(pvec, LEVEL)
#define LOAD(p) (*(p))
#define STORE(p, x) (*(p) = (x))
#endif

/* PRODUCT_ROWS rows times two vectors of columns; left is packed [length][PRODUCT_ROWS]. */
TARGET static void PASTE(product_strip, LEVEL)(const double *left, const double *right, ptrdiff_t right_stride,
                                               ptrdiff_t length, int nrow, double *out, ptrdiff_t out_stride)
{
    VEC sum[PRODUCT_ROWS][2];
    for (int r = 0; r < PRODUCT_ROWS; r++)
        sum[r][0] = sum[r][1] = (VEC){0};
    for (ptrdiff_t l = 0; l < length; l++, left += PRODUCT_ROWS, right += right_stride) {
        const VEC a = LOAD(right), b = LOAD(right + VW);
        for (int r = 0; r < PRODUCT_ROWS; r++) {
            sum[r][0] += left[r] * a;
            sum[r][1] += left[r] * b;
        }
    }
    for (int r = 0; r < nrow; r++) {
        STORE(out + r * out_stride, sum[r][0]);
        STORE(out + r * out_stride + VW, sum[r][1]);
    }
}

TARGET static void PASTE(product, LEVEL)(const double *left, const double *right, ptrdiff_t right_stride,
                                         ptrdiff_t length, int nrow, ptrdiff_t ncol, double *out,
                                         ptrdiff_t out_stride)
{
    ptrdiff_t j = 0;
    for (; j + 2 * VW <= ncol; j += 2 * VW)
        PASTE(product_strip, LEVEL)(left, right + j, right_stride, length, nrow, out + j, out_stride);
    if (j < ncol && ncol >= 2 * VW) { /* the last strip overlaps the one before */
        j = ncol - 2 * VW;
        PASTE(product_strip, LEVEL)(left, right + j, right_stride, length, nrow, out + j, out_stride);
        return;
    }
    for (; j < ncol; j++)
        for (int r = 0; r < nrow; r++) {
            double sum = 0;
            for (ptrdiff_t l = 0; l < length; l++)
                sum += left[l * PRODUCT_ROWS + r] * right[l * right_stride + j];
            out[r * out_stride + j] = sum;
        }
}

#undef VEC
#undef LOAD
#undef STORE
#undef VW
#undef TARGET
#undef LEVEL
