/* Small matrix products: out[r][j] = sum over l of left[r][l] * right[l][j], for a few rows and many columns; the
   spectra on the right are in single precision, sums in double.
   Included once per SIMD level: see each_level.h. */

#if VW > 1
typedef double PASTE(pvec, LEVEL) __attribute__((vector_size(VW * 8), aligned(8), may_alias));
#define VEC PASTE(pvec, LEVEL)
/* two or more floats, as doubles; GCC's own conversion of the long vectors is slow */
#if VW == 8
#define LOAD(p) ((VEC)_mm512_cvtps_pd(_mm256_loadu_ps(p)))
#elif VW == 4
#define LOAD(p) ((VEC)_mm256_cvtps_pd(_mm_loadu_ps(p)))
#else
#define LOAD(p) ((VEC){(p)[0], (p)[1]})
#endif
#define STORE(p, x) (*(VEC *)(p) = (x))
#define GET(p) (*(const VEC *)(p))
#else
typedef double PASTE(pvec, LEVEL);
#define VEC PASTE(pvec, LEVEL)
#define LOAD(p) ((double)*(p))
#define STORE(p, x) (*(p) = (x))
#define GET(p) (*(p))
#endif

/* Some rows times two vectors of columns; left is packed [length][rows]. The products are added to what is in out,
   unless this is the first piece of the sums. Spelt out row by row: GCC leaves arrays of vectors on the stack. */
#define STRIP(name, rows, EACH)                                                                                        \
    TARGET static void PASTE(name, LEVEL)(const double *left, const float *right, ptrdiff_t right_stride,             \
                                          ptrdiff_t length, int first, int nrow, double *out, ptrdiff_t out_stride)    \
    {                                                                                                                  \
        EACH(START)                                                                                                    \
        for (ptrdiff_t l = 0; l < length; l++, left += rows, right += right_stride) {                                  \
            const VEC a = LOAD(right), b = LOAD(right + VW);                                                           \
            EACH(ADD)                                                                                                  \
        }                                                                                                              \
        EACH(PUT)                                                                                                      \
    }
#define START(r) VEC p##r = (VEC){0}, q##r = (VEC){0};
#define ADD(r) p##r += left[r] * a; q##r += left[r] * b;
#define PUT(r)                                                                                                         \
    if (r < nrow) {                                                                                                    \
        if (!first) {                                                                                                  \
            p##r += GET(out);                                                                                          \
            q##r += GET(out + VW);                                                                                     \
        }                                                                                                              \
        STORE(out, p##r);                                                                                              \
        STORE(out + VW, q##r);                                                                                         \
        out += out_stride;                                                                                             \
    }
STRIP(strip_of_8, 8, EACH_OF_8)
STRIP(strip_of_7, 7, EACH_OF_7)
#undef STRIP
#undef START
#undef ADD
#undef PUT

/* The columns from `next` to `ncol`, fewer than a strip: as a strip that begins earlier, put aside. */
TARGET static void PASTE(last_columns, LEVEL)(const double *left, int group, const float *right,
                                              ptrdiff_t right_stride, ptrdiff_t length, int first, int nrow,
                                              ptrdiff_t next, ptrdiff_t ncol, double *out, ptrdiff_t out_stride)
{
    double aside[8 * 2 * VW];
    const ptrdiff_t begin = ncol - 2 * VW;
    if (group == 8)
        PASTE(strip_of_8, LEVEL)(left, right + begin, right_stride, length, 1, nrow, aside, 2 * VW);
    else
        PASTE(strip_of_7, LEVEL)(left, right + begin, right_stride, length, 1, nrow, aside, 2 * VW);
    for (int r = 0; r < nrow; r++)
        for (ptrdiff_t j = next; j < ncol; j++)
            out[r * out_stride + j] = (first ? 0 : out[r * out_stride + j]) + aside[r * 2 * VW + j - begin];
}

/* left: [length][group] for each group of rows, one after another; `group` is 8 or 7. A piece of the sums at a time,
   so that what is multiplied stays in the innermost cache. */
TARGET static void PASTE(product, LEVEL)(const double *left, int group, const float *right, ptrdiff_t right_stride,
                                         ptrdiff_t length, ptrdiff_t nrow, ptrdiff_t ncol, double *out,
                                         ptrdiff_t out_stride)
{
    const ptrdiff_t width = 2 * VW;
    if (ncol < width) {
        for (ptrdiff_t j = 0; j < ncol; j++)
            for (ptrdiff_t r = 0; r < nrow; r++) {
                const double *own = left + r / group * group * length + r % group;
                double sum = 0;
                for (ptrdiff_t l = 0; l < length; l++)
                    sum += own[l * group] * right[l * right_stride + j];
                out[r * out_stride + j] = sum;
            }
        return;
    }
    for (ptrdiff_t from = 0; from < length || from == 0; from += PRODUCT_LENGTH) {
        const ptrdiff_t n = length - from < PRODUCT_LENGTH ? length - from : PRODUCT_LENGTH;
        for (ptrdiff_t row = 0; row < nrow; row += group) {
            const int rows = nrow - row < group ? (int)(nrow - row) : group;
            const double *own = left + row * length + from * group;
            for (ptrdiff_t next = 0; next < ncol; next += width) {
                /* columns that do not fill a strip are taken one by one */
                if (next + width > ncol)
                    PASTE(last_columns, LEVEL)(own, group, right + from * right_stride, right_stride, n, from == 0,
                                               rows, next, ncol, out + row * out_stride, out_stride);
                else if (group == 8)
                    PASTE(strip_of_8, LEVEL)(own, right + from * right_stride + next, right_stride, n, from == 0,
                                             rows, out + row * out_stride + next, out_stride);
                else
                    PASTE(strip_of_7, LEVEL)(own, right + from * right_stride + next, right_stride, n, from == 0,
                                             rows, out + row * out_stride + next, out_stride);
            }
        }
    }
}

#undef VEC
#undef LOAD
#undef STORE
#undef GET
#undef VW
#undef TARGET
#undef LEVEL
