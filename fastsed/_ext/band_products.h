/* Fluxes of many spectra behind the dust of many cells in many bands. */
#ifndef FASTSED_BAND_PRODUCTS_H
#define FASTSED_BAND_PRODUCTS_H

#include "simd.h"
#include <stddef.h>
#include <stdint.h>
#if FASTSED_X86
#include <immintrin.h>
#endif

/* spectra that are taken together: with the wavelengths of a run they stay in the second cache */
#define COLUMNS 128
#define EACH_OF_1(X) X(0)
#define EACH_OF_4(X) X(0) X(1) X(2) X(3)
#define EACH_OF_5(X) EACH_OF_4(X) X(4)
#define EACH_OF_6(X) EACH_OF_5(X) X(5)
#define EACH_OF_7(X) EACH_OF_6(X) X(6)
#define EACH_OF_8(X) EACH_OF_7(X) X(7)

#define KERNEL "products.h"
#include "each_level.h"

/* The functions of one SIMD level. */
typedef struct {
    void (*product)(const double *, int, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, int, double *,
                    ptrdiff_t);
    void (*mix)(const double *, ptrdiff_t, ptrdiff_t, const double *, ptrdiff_t, ptrdiff_t, int, double *, ptrdiff_t);
} products_t;

static products_t choose_products(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return (products_t){product_avx512, mix_avx512};
    if (level == SIMD_AVX2)
        return (products_t){product_avx2, mix_avx2};
#endif
    return (products_t){product_plain, mix_plain};
}

/* Dust transmissions in runs of wavelengths, as DustSkeleton in models/dust_skeleton.py has them. */
typedef struct {
    ptrdiff_t ncell, nrun;
    const double *transmission; /* [nlam][ncell] */
    const int64_t *starts;      /* [nrun + 1] */
    const int64_t *n_skeleton;  /* [nrun]; 0: none, the cells are taken one by one */
    const double *skeleton;     /* run by run [length][n_skeleton] */
    const double *coefficients; /* run by run [ncell][n_skeleton] */
} dust_t;

/* A band on the wavelengths of the spectra: those from `first` to `stop` (excluded) and their weights. */
typedef struct {
    ptrdiff_t first, stop;
    const double *weights;
} band_t;

/* Spectra [nlam][stride], of which ncol are to be seen. */
typedef struct {
    const float *flux;
    ptrdiff_t stride, ncol;
} spectra_t;

/* Rows that go through a product together: 4 to 8, with as few of them empty as may be. */
static int rows_together(ptrdiff_t nrow)
{
    const ptrdiff_t ngroup = (nrow + 7) / 8, group = (nrow + ngroup - 1) / ngroup;
    return group < 4 ? 4 : (int)group;
}

/* numbers that a product packs for each wavelength */
static ptrdiff_t packed_rows(ptrdiff_t nrow)
{
    const ptrdiff_t group = rows_together(nrow);
    return (nrow + group - 1) / group * group;
}

/* out[row][spectrum] = sum over l of curves[l][row] weights[l] sed[l][spectrum] */
static void weighted_product(const products_t *f, const double *curves, ptrdiff_t nrow, const double *weights,
                             ptrdiff_t length, const spectra_t *sed, int first, double *out, ptrdiff_t out_stride,
                             double *scratch)
{
    const int group = rows_together(nrow);
    double *packed = scratch;
    for (ptrdiff_t row = 0; row < nrow; row += group) {
        const ptrdiff_t n = nrow - row < group ? nrow - row : group;
        for (ptrdiff_t l = 0; l < length; l++, packed += group) {
            for (ptrdiff_t r = 0; r < n; r++)
                packed[r] = curves[l * nrow + row + r] * weights[l];
            for (ptrdiff_t r = n; r < group; r++)
                packed[r] = 0;
        }
    }
    f->product(scratch, group, sed->flux, sed->stride, length, nrow, sed->ncol, first, out, out_stride);
}

static ptrdiff_t longest_run(const dust_t *dust)
{
    ptrdiff_t longest = 0;
    for (ptrdiff_t j = 0; j < dust->nrun; j++)
        if (dust->starts[j + 1] - dust->starts[j] > longest)
            longest = (ptrdiff_t)(dust->starts[j + 1] - dust->starts[j]);
    return longest;
}

/* doubles of scratch that band_products needs */
static ptrdiff_t band_scratch(const dust_t *dust)
{
    return longest_run(dust) * packed_rows(dust->ncell) + dust->ncell * COLUMNS;
}

/* Up to COLUMNS spectra in the wavelengths of one run, in all bands. Behind every dust cell, or, where that is less work,
   behind the skeleton of the run, to be combined. */
static void run_products(const products_t *f, const dust_t *dust, ptrdiff_t run, const double *skeleton,
                         const double *coefficients, const band_t *bands, ptrdiff_t nband, spectra_t sed, double *out,
                         ptrdiff_t band_stride, ptrdiff_t cell_stride, double *scratch)
{
    const ptrdiff_t ncell = dust->ncell, n = (ptrdiff_t)dust->n_skeleton[run];
    const ptrdiff_t start = (ptrdiff_t)dust->starts[run], stop = (ptrdiff_t)dust->starts[run + 1];
    const float *flux = sed.flux;
    double *parts = scratch, *packed = scratch + ncell * COLUMNS;
    for (ptrdiff_t b = 0; b < nband; b++) {
        const ptrdiff_t from = bands[b].first > start ? bands[b].first : start;
        const ptrdiff_t length = (bands[b].stop < stop ? bands[b].stop : stop) - from;
        if (length <= 0)
            continue;
        const double *weights = bands[b].weights + (from - bands[b].first);
        const int first = from == bands[b].first;
        double *own = out + b * band_stride;
        sed.flux = flux + from * sed.stride;
        if (n == 0 || length * (ncell - n) <= ncell * n)
            weighted_product(f, dust->transmission + from * ncell, ncell, weights, length, &sed, first, own,
                             cell_stride, packed);
        else {
            weighted_product(f, skeleton + (from - start) * n, n, weights, length, &sed, 1, parts, COLUMNS, packed);
            f->mix(coefficients, ncell, n, parts, COLUMNS, sed.ncol, first, own, cell_stride);
        }
    }
}

/* out[band][cell][spectrum] = sum over l of transmission[l][cell] weights[l] sed[l][spectrum], run by run of
   wavelengths; scratch as band_scratch says. */
static void band_products(const products_t *f, const dust_t *dust, const band_t *bands, ptrdiff_t nband,
                          const spectra_t *sed, double *out, ptrdiff_t band_stride, ptrdiff_t cell_stride,
                          double *scratch)
{
    for (ptrdiff_t b = 0; b < nband; b++)
        for (ptrdiff_t s = 0; s < dust->ncell && bands[b].first >= bands[b].stop; s++)
            memset(out + b * band_stride + s * cell_stride, 0, sizeof(double) * (size_t)sed->ncol);
    /* what is left there by others would be slow if it were denormal */
    memset(scratch, 0, sizeof(double) * (size_t)(dust->ncell * COLUMNS));
    for (ptrdiff_t column = 0; column < sed->ncol; column += COLUMNS) {
        const ptrdiff_t left = sed->ncol - column;
        const spectra_t some = {sed->flux + column, sed->stride, left < COLUMNS ? left : COLUMNS};
        const double *skeleton = dust->skeleton, *coefficients = dust->coefficients;
        for (ptrdiff_t run = 0; run < dust->nrun; run++) {
            const ptrdiff_t n = (ptrdiff_t)dust->n_skeleton[run];
            run_products(f, dust, run, skeleton, coefficients, bands, nband, some, out + column, band_stride,
                         cell_stride, scratch);
            skeleton += n * (ptrdiff_t)(dust->starts[run + 1] - dust->starts[run]);
            coefficients += n * dust->ncell;
        }
    }
}

#endif
