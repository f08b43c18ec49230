"""Blocks of the chi2 grid: chi2, scales and properties in, single-precision blocks as they stand in the file out."""

from cython.parallel cimport prange
from libc.math cimport INFINITY, NAN
from libc.stddef cimport ptrdiff_t


cdef enum:
    # models whose numbers share cache lines in what comes in
    MODELS_AT_ONCE = 16
    # sources whose scales stay in the cache for all properties
    SOURCES_AT_ONCE = 256


def fill_block(const double[:, ::1] chi2, const double[:, ::1] scale, const double[:, ::1] spec_scale,
               const long long[::1] column, const double[:, ::1] properties, const unsigned char[::1] scales,
               ptrdiff_t spec_row, float[:, :, ::1] block, int n_threads):
    """Fill `block` (nmodel, 1 + nproperty, nsource) of the chi2 grid.

    Parameters
    ----------
    chi2, scale, spec_scale : (nfitted, nmodel) of the sources that are fitted here
    column : (nsource,) row of each source in these arrays; -1 for sources that do not take these models: their
        chi2 is infinite and their properties NaN
    properties : (nmodel, nproperty) for a scale of one
    scales : (nproperty,) whether a property is multiplied by the scale
    spec_row : index of the property that is scale over spectral scale
    """
    cdef ptrdiff_t run
    for run in prange((block.shape[0] + MODELS_AT_ONCE - 1) // MODELS_AT_ONCE, nogil=True, num_threads=n_threads,
                      schedule="static"):
        fill_models(chi2, scale, spec_scale, column, properties, scales, spec_row, block, run * MODELS_AT_ONCE,
                    min((run + 1) * MODELS_AT_ONCE, block.shape[0]))


cdef void fill_models(const double[:, ::1] chi2, const double[:, ::1] scale, const double[:, ::1] spec_scale,
                      const long long[::1] column, const double[:, ::1] properties,
                      const unsigned char[::1] scales, ptrdiff_t spec_row, float[:, :, ::1] block, ptrdiff_t first,
                      ptrdiff_t stop) noexcept nogil:
    """Fill some models, up to MODELS_AT_ONCE: some sources at a time, whose scales are turned round first."""
    cdef double turned[MODELS_AT_ONCE][SOURCES_AT_ONCE]
    cdef ptrdiff_t m, p, s, n, part, start, row, nproperty = properties.shape[1]
    for part in range((block.shape[2] + SOURCES_AT_ONCE - 1) // SOURCES_AT_ONCE):
        start = part * SOURCES_AT_ONCE
        n = min(<ptrdiff_t> SOURCES_AT_ONCE, block.shape[2] - start)
        for s in range(n):
            row = column[start + s]
            for m in range(stop - first):
                turned[m][s] = scale[row, first + m] if row >= 0 else NAN
                block[first + m, 0, start + s] = <float> (chi2[row, first + m] if row >= 0 else INFINITY)
        for m in range(stop - first):
            for p in range(nproperty):
                fill_row(properties[first + m, p], turned[m] if scales[p] else NULL, n,
                         &block[first + m, 1 + p, start])
        for s in range(n):
            row = column[start + s]
            if row >= 0:
                for m in range(stop - first):
                    block[first + m, 1 + spec_row, start + s] = <float> (turned[m][s] / spec_scale[row, first + m])
            else:
                for m in range(stop - first):
                    for p in range(nproperty):
                        block[first + m, 1 + p, start + s] = <float> NAN


cdef void fill_row(double value, const double *factor, ptrdiff_t n, float *out) noexcept nogil:
    """A number, times factors unless there are none."""
    cdef ptrdiff_t i
    cdef float single = <float> value
    if factor != NULL:
        for i in range(n):
            out[i] = <float> (value * factor[i])
    else:
        for i in range(n):
            out[i] = single
