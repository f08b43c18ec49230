/* The fit of one redshift: blocks of sources against a tile of models. */
#ifndef FASTSED_CHI2_KERNELS_H
#define FASTSED_CHI2_KERNELS_H

#include "simd.h"
#include "chi2_exact.h"
#if FASTSED_X86
#include <immintrin.h>
#endif

/* models whose distances are found together; a multiple of every vector */
#define DISTANCE_BLOCK 128
/* up to so many coordinates, sums stay in registers */
#define FEW_COORDINATES 16

#define KERNEL "chi2_distances.h"
#include "each_level.h"

typedef double (*distances_fn)(const double *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, const double *,
                               const double *, double, double, double *, double *);
typedef void (*chi2_and_scale_fn)(const double *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const double *, const double *,
                                  double, double *, double *);

typedef struct {
    distances_fn distances;
    chi2_and_scale_fn chi2_and_scale;
} screens_t;

static inline screens_t choose_screens(int level)
{
#if FASTSED_X86
    if (level == SIMD_AVX512)
        return (screens_t){distances_avx512, chi2_and_scale_avx512};
    if (level == SIMD_AVX2)
        return (screens_t){distances_avx2, chi2_and_scale_avx2};
#endif
    return (screens_t){distances_plain, chi2_and_scale_plain};
}

/* Weights of source i at this redshift into w [nband]. */
static source_t prepare_source(const data_t *d, int64_t i, double *w)
{
    const double *value = d->value + i * d->nband, *variance = d->variance + i * d->nband;
    double total = 0;
    for (ptrdiff_t b = 0; b < d->nband; b++) {
        w[b] = 1.0 / (variance[b] + d->template_error2[b] * value[b] * value[b]);
        total += w[b] * value[b] * value[b];
    }
    const int limited = d->limit && d->limited[i];
    return (source_t){w, value, total, d->own_spec_scale[i], d->log_component[i], d->log_lir[i], d->log_error[i],
                      limited ? d->limit + i * d->nband : NULL, limited ? d->limit_error + i * d->nband : NULL};
}

#endif
