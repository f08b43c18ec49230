/* Small matrix products: out[r][j] = sum over l of left[r][l] * right[l][j], for a few rows and many columns; the
   spectra on the right are in single precision, sums in double.
   Included once per SIMD level with VW, TARGET and LEVEL defined. */

#if VW > 1
typedef double PASTE(pvec, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
#define VEC PASTE(pvec, LEVEL)
typedef float PASTE(pfloats, LEVEL) __attribute__((vector_size(VW * 4), aligned(4), may_alias));
#define LOAD(p) __builtin_convertvector(*(const PASTE(pfloats, LEVEL) *)(p), VEC)
#define STORE(p, x) (*(VEC *)(p) = (x))
#else
typedef double PASTE(pvec, LEVEL);
#define VEC PASTE(pvec, LEVEL)
#define LOAD(p) ((double)*(p))
#define STORE(p, x) (*(p) = (x))
#endif

/* PRODUCT_ROWS rows times two vectors of columns; left is packed [length][PRODUCT_ROWS]. */
TARGET static void PASTE(product_strip, LEVEL)(const double *left, const float *right, ptrdiff_t right_stride,
                                               ptrdiff_t length, int nrow, double *out, ptrdiff_t out_stride)
{
    VEC sum[PRODUCT_ROWS][2];
    for (int r = 0; r < PRODUCT_ROWS; r++)
        sum[r][0] = sum[r][1] = (VEC){0};
    for (ptrdiff_t l = 0; l < length; l++, left += PRODUCT_ROWS, right += right_stride) {
        const VEC a = LOAD(right), b = LOAD(right + VW);
        PREFETCH(right + 8 * right_stride);
        PREFETCH(right + 8 * right_stride + VW);
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

/* `ngroup` groups of PRODUCT_ROWS rows, packed one after another: a strip of columns stays in the cache for all. */
TARGET static void PASTE(product, LEVEL)(const double *left, const float *right, ptrdiff_t right_stride,
                                         ptrdiff_t length, ptrdiff_t nrow, ptrdiff_t ncol, double *out,
                                         ptrdiff_t out_stride)
{
    const ptrdiff_t width = 2 * VW;
    if (ncol < width) {
        for (ptrdiff_t j = 0; j < ncol; j++)
            for (ptrdiff_t r = 0; r < nrow; r++) {
                const double *group = left + r / PRODUCT_ROWS * PRODUCT_ROWS * length + r % PRODUCT_ROWS;
                double sum = 0;
                for (ptrdiff_t l = 0; l < length; l++)
                    sum += group[l * PRODUCT_ROWS] * right[l * right_stride + j];
                out[r * out_stride + j] = sum;
            }
        return;
    }
    for (ptrdiff_t next = 0; next < ncol; next += width) {
        /* the last strip overlaps the one before */
        const ptrdiff_t j = next + width <= ncol ? next : ncol - width;
        for (ptrdiff_t first = 0; first < nrow; first += PRODUCT_ROWS) {
            const int n = nrow - first < PRODUCT_ROWS ? (int)(nrow - first) : PRODUCT_ROWS;
            PASTE(product_strip, LEVEL)(left + first * length, right + j, right_stride, length, n,
                                        out + first * out_stride + j, out_stride);
        }
    }
}

#undef VEC
#undef LOAD
#undef STORE
#undef VW
#undef TARGET
#undef LEVEL
