/* Fluxes of many spectra behind many screens in one band. */
#ifndef FASTSED_BAND_PRODUCTS_H
#define FASTSED_BAND_PRODUCTS_H

#include "simd.h"
#include <stddef.h>

#define PRODUCT_ROWS 8

#ifdef __GNUC__
#define PREFETCH(p) __builtin_prefetch(p)
#else
#define PREFETCH(p) ((void)0)
#endif

#if FASTSED_X86
#define LEVEL _avx512
#define VW 8
#define TARGET __attribute__((target("avx512f,avx512dq,avx2,fma")))
#include "products.h"
#define LEVEL _avx2
#define VW 4
#define TARGET __attribute__((target("avx2,fma")))
#include "products.h"
#endif

#define LEVEL _plain
#ifdef __GNUC__
#define VW 2
#else
#define VW 1
#endif
#define TARGET
#include "products.h"

typedef void (*product_fn)(const double *, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, double *,
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

/* out[screen][spectrum] = sum over l of screens[screen][l] weights[l] sed[l][spectrum]; `length` wavelengths.
   scratch: length * PRODUCT_ROWS doubles for each group of PRODUCT_ROWS screens. */
static void band_product(product_fn product, const double *screens, ptrdiff_t screen_stride, ptrdiff_t nscreen,
                         const double *weights, ptrdiff_t length, const float *sed, ptrdiff_t sed_stride,
                         ptrdiff_t nsed, double *out, ptrdiff_t out_stride, double *scratch)
{
    double *packed = scratch;
    for (ptrdiff_t first = 0; first < nscreen; first += PRODUCT_ROWS)
        for (ptrdiff_t l = 0; l < length; l++)
            for (ptrdiff_t r = first; r < first + PRODUCT_ROWS; r++)
                *packed++ = r < nscreen ? screens[r * screen_stride + l] * weights[l] : 0;
    product(scratch, sed, sed_stride, length, nscreen, nsed, out, out_stride);
}

#endif
