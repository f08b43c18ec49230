"""Blocks of the chi2 grid: chi2, scales and properties in, single-precision blocks as they stand in the file out."""

from cython.parallel cimport prange
from libc.math cimport INFINITY, NAN
from libc.stddef cimport ptrdiff_t


# models whose rows of the block stay in the cache together
cdef enum:
    MODELS_AT_ONCE = 16


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
    """Fill some models: few enough for a source's numbers to share cache lines, and for the rows written to stay."""
    cdef ptrdiff_t m, p, s, row, nproperty = properties.shape[1]
    cdef double a
    for s in range(block.shape[2]):
        row = column[s]
        for m in range(first, stop):
            if row < 0:
                block[m, 0, s] = <float> INFINITY
                for p in range(nproperty):
                    block[m, 1 + p, s] = <float> NAN
                continue
            block[m, 0, s] = <float> chi2[row, m]
            a = scale[row, m]
            for p in range(nproperty):
                block[m, 1 + p, s] = <float> (properties[m, p] * (a if scales[p] else 1.0))
            block[m, 1 + spec_row, s] = <float> (a / spec_scale[row, m])
