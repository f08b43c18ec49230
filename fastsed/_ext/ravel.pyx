"""Row-major numbers of the models of a grid: numbers in, indices along the axes, or numbers in another order, out."""

from cython.parallel cimport prange
from fastsed._ext.runtime cimport threads_for
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t

import numpy as np


cdef enum:
    # numbers for which it is worth to begin a thread
    NUMBERS_PER_THREAD = 8192

# up to here a floating-point quotient is wrong by one at most
cdef int64_t LARGEST = 1LL << 50


cdef inline int64_t divide(int64_t *number, int64_t divisor, double inverse) noexcept nogil:
    """The rest of a division, the number becoming the quotient: by a product, several times faster than a division."""
    cdef int64_t quotient, rest
    if divisor == 1:
        return 0
    if number[0] > LARGEST:
        quotient = number[0] // divisor
        rest = number[0] - quotient * divisor
    else:
        quotient = <int64_t> (<double> number[0] * inverse)
        rest = number[0] - quotient * divisor
        quotient += (rest >= divisor) - (rest < 0)
        rest += ((rest < 0) - (rest >= divisor)) * divisor
    number[0] = quotient
    return rest


def unravel(const int64_t[::1] numbers, const int64_t[::1] sizes, const int64_t[::1] strides, int64_t[:, ::1] indices,
            int64_t[::1] others, int n_threads):
    """Indices of models along axes, and their numbers in another order.

    Parameters
    ----------
    numbers : (n,)
        Row-major numbers; for negative ones all results are -1.
    sizes : (naxis,), at least one
        Of the axes, the last being the fastest.
    strides : (naxis,)
        How far apart, in the other order, neighbours along each of these axes are.
    indices : (naxis, n)
        To be filled.
    others : (n,)
        Likewise.
    n_threads : int
    """
    cdef const double[::1] inverse = 1.0 / np.asarray(sizes)
    cdef ptrdiff_t n = numbers.shape[0], i
    cdef int used = threads_for(n, n / <double> NUMBERS_PER_THREAD, n_threads)
    for i in prange(n, nogil=True, schedule="static", num_threads=used):
        others[i] = unravel_one(numbers[i], &sizes[0], &inverse[0], &strides[0], sizes.shape[0], &indices[0, i], n)


cdef int64_t unravel_one(int64_t number, const int64_t *sizes, const double *inverse, const int64_t *strides,
                         ptrdiff_t n_axes, int64_t *indices, ptrdiff_t step) noexcept nogil:
    cdef ptrdiff_t k
    cdef int64_t other = 0
    if number < 0:
        for k in range(n_axes):
            indices[k * step] = -1
        return -1
    for k in range(n_axes - 1, 0, -1):
        indices[k * step] = divide(&number, sizes[k], inverse[k])
        other += indices[k * step] * strides[k]
    indices[0] = number
    return other + number * strides[0]
