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
#define STRIP(rows)                                                                                                    \
    TARGET static void PASTE(strip_of_##rows, LEVEL)(const double *left, const float *right, ptrdiff_t right_stride,  \
                                                     ptrdiff_t length, int first, ptrdiff_t nrow, double *out,        \
                                                     ptrdiff_t out_stride)                                             \
    {                                                                                                                  \
        EACH_OF_##rows(START)                                                                                          \
        for (ptrdiff_t l = 0; l < length; l++, left += rows, right += right_stride) {                                  \
            const VEC a = LOAD(right), b = LOAD(right + VW);                                                           \
            EACH_OF_##rows(ADD)                                                                                        \
        }                                                                                                              \
        EACH_OF_##rows(PUT)                                                                                            \
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
STRIP(4)
STRIP(5)
STRIP(6)
STRIP(7)
STRIP(8)
#undef STRIP
#undef START
#undef ADD
#undef PUT

TARGET static void PASTE(strip, LEVEL)(int group, const double *left, const float *right, ptrdiff_t right_stride,
                                       ptrdiff_t length, int first, ptrdiff_t nrow, double *out, ptrdiff_t out_stride)
{
#define CASE(rows) \
    case rows: PASTE(strip_of_##rows, LEVEL)(left, right, right_stride, length, first, nrow, out, out_stride); break;
    switch (group) {
    CASE(4)
    CASE(5)
    CASE(6)
    CASE(7)
    CASE(8)
    }
#undef CASE
}

/* left: [length][group] for each group of rows, one after another. Columns that do not fill a strip go as one that
   begins earlier, put aside; if there are fewer than a strip, one by one. */
TARGET static void PASTE(product, LEVEL)(const double *left, int group, const float *right, ptrdiff_t right_stride,
                                         ptrdiff_t length, ptrdiff_t nrow, ptrdiff_t ncol, int first, double *out,
                                         ptrdiff_t out_stride)
{
    const ptrdiff_t width = 2 * VW, begin = ncol - width;
    double aside[8 * 2 * VW];
    for (ptrdiff_t row = 0; row < nrow; row += group, left += group * length, out += group * out_stride) {
        const ptrdiff_t rows = nrow - row < group ? nrow - row : group;
        ptrdiff_t next = 0;
        for (; next + width <= ncol; next += width)
            PASTE(strip, LEVEL)(group, left, right + next, right_stride, length, first, rows, out + next, out_stride);
        if (next < ncol && begin >= 0) {
            PASTE(strip, LEVEL)(group, left, right + begin, right_stride, length, 1, rows, aside, width);
            for (ptrdiff_t r = 0; r < rows; r++)
                for (ptrdiff_t j = next; j < ncol; j++)
                    out[r * out_stride + j] = (first ? 0 : out[r * out_stride + j]) + aside[r * width + j - begin];
        }
        for (ptrdiff_t j = next; j < ncol && begin < 0; j++)
            for (ptrdiff_t r = 0; r < rows; r++) {
                double sum = 0;
                for (ptrdiff_t l = 0; l < length; l++)
                    sum += left[l * group + r] * right[l * right_stride + j];
                out[r * out_stride + j] = (first ? 0 : out[r * out_stride + j]) + sum;
            }
    }
}

/* Rows of shares times two vectors of columns of the parts, spelt out as the strips are. */
#define BLEND(rows)                                                                                                    \
    TARGET static void PASTE(blend_##rows, LEVEL)(const double *shares, ptrdiff_t npart, const double *parts,          \
                                                  ptrdiff_t stride, int first, double *out, ptrdiff_t out_stride)      \
    {                                                                                                                  \
        EACH_OF_##rows(START)                                                                                          \
        for (ptrdiff_t k = 0; k < npart; k++, parts += stride) {                                                       \
            const VEC a = GET(parts), b = GET(parts + VW);                                                             \
            EACH_OF_##rows(ADD)                                                                                        \
        }                                                                                                              \
        EACH_OF_##rows(PUT)                                                                                            \
    }
#define START(r) VEC p##r = (VEC){0}, q##r = (VEC){0};
#define ADD(r) p##r += shares[r * npart + k] * a; q##r += shares[r * npart + k] * b;
#define PUT(r)                                                                                                         \
    if (!first) {                                                                                                      \
        p##r += GET(out + r * out_stride);                                                                             \
        q##r += GET(out + r * out_stride + VW);                                                                        \
    }                                                                                                                  \
    STORE(out + r * out_stride, p##r);                                                                                 \
    STORE(out + r * out_stride + VW, q##r);
BLEND(1)
BLEND(4)
#undef BLEND
#undef START
#undef ADD
#undef PUT

/* out[r][j] = sum over k of shares[r][k] parts[k][j], added to what is there unless this is the first piece. The rows
   of parts hold `stride` numbers, which fill whole pairs of vectors. */
TARGET static void PASTE(mix, LEVEL)(const double *shares, ptrdiff_t nrow, ptrdiff_t npart, const double *parts,
                                     ptrdiff_t stride, ptrdiff_t ncol, int first, double *out, ptrdiff_t out_stride)
{
    const ptrdiff_t width = 2 * VW, whole = ncol - ncol % width;
    for (ptrdiff_t j = 0; j < whole; j += width) {
        ptrdiff_t r = 0;
        for (; r + 4 <= nrow; r += 4)
            PASTE(blend_4, LEVEL)(shares + r * npart, npart, parts + j, stride, first, out + r * out_stride + j,
                                  out_stride);
        for (; r < nrow; r++)
            PASTE(blend_1, LEVEL)(shares + r * npart, npart, parts + j, stride, first, out + r * out_stride + j,
                                  out_stride);
    }
    for (ptrdiff_t r = 0; r < nrow && whole < ncol; r++) {
        double aside[2 * VW];
        PASTE(blend_1, LEVEL)(shares + r * npart, npart, parts + whole, stride, 1, aside, width);
        for (ptrdiff_t j = whole; j < ncol; j++)
            out[r * out_stride + j] = (first ? 0 : out[r * out_stride + j]) + aside[j - whole];
    }
}

#undef VEC
#undef LOAD
#undef STORE
#undef GET
#undef VW
#undef TARGET
#undef LEVEL
