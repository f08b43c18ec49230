/* Fluxes of many spectra behind many screens in one band. */
#ifndef FASTSED_BAND_PRODUCTS_H
#define FASTSED_BAND_PRODUCTS_H

#include "simd.h"
#include <stddef.h>
#if FASTSED_X86
#include <immintrin.h>
#endif

/* terms of the sums that are taken at a time */
#define PRODUCT_LENGTH 256
#define EACH_OF_7(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)
#define EACH_OF_8(X) EACH_OF_7(X) X(7)

#define KERNEL "products.h"
#include "each_level.h"

typedef void (*product_fn)(const double *, int, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, double *,
                           ptrdiff_t);

static product_fn choose_product(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return product_avx512;
    if (level == SIMD_AVX2)
        return product_avx2;
#endif
    return product_plain;
}

/* Rows that go through the product together: 8 or 7, whichever leaves fewer of them empty. */
static int rows_together(ptrdiff_t nscreen) { return (nscreen + 6) / 7 * 7 < (nscreen + 7) / 8 * 8 ? 7 : 8; }

/* numbers that band_product packs for each wavelength */
static ptrdiff_t packed_rows(ptrdiff_t nscreen)
{
    const ptrdiff_t group = rows_together(nscreen);
    return (nscreen + group - 1) / group * group;
}

/* out[screen][spectrum] = sum over l of screens[l][screen] weights[l] sed[l][spectrum]; `length` wavelengths.
   scratch: length * packed_rows(nscreen) doubles. */
static void band_product(product_fn product, const double *screens, ptrdiff_t nscreen, const double *weights,
                         ptrdiff_t length, const float *sed, ptrdiff_t sed_stride, ptrdiff_t nsed, double *out,
                         ptrdiff_t out_stride, double *scratch)
{
    const int group = rows_together(nscreen);
    double *packed = scratch;
    for (ptrdiff_t first = 0; first < nscreen; first += group) {
        const ptrdiff_t n = nscreen - first < group ? nscreen - first : group;
        for (ptrdiff_t l = 0; l < length; l++, packed += group) {
            const double *passed = screens + l * nscreen + first;
            for (ptrdiff_t r = 0; r < n; r++)
                packed[r] = passed[r] * weights[l];
            for (ptrdiff_t r = n; r < group; r++)
                packed[r] = 0;
        }
    }
    product(scratch, group, sed, sed_stride, length, nscreen, nsed, out, out_stride);
}

#endif
