"""Blocks of the chi2 grid: chi2, scales and properties in, single-precision blocks as they stand in the file out."""

from cython.parallel cimport prange
from libc.math cimport INFINITY, NAN
from libc.stddef cimport ptrdiff_t


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
    cdef ptrdiff_t m, p, s, row, nproperty = properties.shape[1], nsource = block.shape[2]
    for m in prange(block.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        for s in range(nsource):
            block[m, 0, s] = <float> chi2[column[s], m] if column[s] >= 0 else <float> INFINITY
        for p in range(nproperty):
            for s in range(nsource):
                row = column[s]
                if row < 0:
                    block[m, 1 + p, s] = <float> NAN
                elif p == spec_row:
                    block[m, 1 + p, s] = <float> (scale[row, m] / spec_scale[row, m])
                elif scales[p]:
                    block[m, 1 + p, s] = <float> (properties[m, p] * scale[row, m])
                else:
                    block[m, 1 + p, s] = <float> properties[m, p]
