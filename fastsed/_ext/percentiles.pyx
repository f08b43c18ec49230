"""Percentiles of grid parameters over simulations: indices along an axis in, interpolated values out."""

from cython.parallel cimport prange, threadid
from fastsed._ext.runtime cimport threads_for
from fastsed._ext.scratch cimport Scratch
from libc.math cimport NAN
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.string cimport memset


cdef enum:
    # simulations for which it is worth to begin a thread
    SIMULATIONS_PER_THREAD = 8192


def interpolated_percentiles(const int64_t[:, ::1] places, const int64_t[::1] rank, const double[::1] axis,
                             const double[::1] probabilities, double[:, ::1] out, int n_threads):
    """Values (nsource, nprobability) at which the cumulated histogram of each source reaches some probabilities.

    Parameters
    ----------
    places : (nsource, nsim)
        A source with a negative one gets NaN.
    rank : (nvalue,)
        Place of each value in `axis`.
    axis : (nvalue,)
        Ascending.
    probabilities : (nprobability,)
    out : (nsource, nprobability)
    n_threads : int
    """
    cdef ptrdiff_t n_sources = places.shape[0], n_sim = places.shape[1], n = axis.shape[0], i
    cdef int used = threads_for(n_sources, n_sources * n_sim / <double> SIMULATIONS_PER_THREAD, n_threads)
    if n_sources == 0 or n_sim == 0:
        out[:, :] = NAN
        return
    cdef Scratch scratch = Scratch()
    cdef int64_t *below = <int64_t *> scratch.take(used * n, sizeof(int64_t), f"histograms of {n} values")
    with nogil:
        for i in prange(n_sources, schedule="static", num_threads=used):
            percentiles_of_one(&places[i, 0], n_sim, &rank[0], &axis[0], n, &probabilities[0], probabilities.shape[0],
                               below + threadid() * n, &out[i, 0])


cdef void percentiles_of_one(const int64_t *places, ptrdiff_t n_sim, const int64_t *rank, const double *axis,
                             ptrdiff_t n, const double *probabilities, ptrdiff_t n_probabilities, int64_t *below,
                             double *out) noexcept nogil:
    cdef ptrdiff_t i, k
    memset(below, 0, n * sizeof(int64_t))
    for i in range(n_sim):
        if places[i] < 0:
            for k in range(n_probabilities):
                out[k] = NAN
            return
        below[rank[places[i]]] += 1
    for i in range(1, n):
        below[i] += below[i - 1]
    for k in range(n_probabilities):
        out[k] = reached(below, n_sim, axis, n, probabilities[k])


cdef double reached(const int64_t *below, ptrdiff_t n_sim, const double *axis, ptrdiff_t n, double p) noexcept nogil:
    """Value at which the numbers of simulations up to each value reach a share of them."""
    cdef ptrdiff_t above = 0
    cdef double start, stop, total = <double> n_sim
    if below[0] / total >= p:
        return axis[0]
    while above < n and below[above] / total <= p:
        above += 1
    if above == 0 or above == n:
        return axis[0 if above == 0 else n - 1]
    start, stop = below[above - 1] / total, below[above] / total
    return axis[above - 1] + (axis[above] - axis[above - 1]) * ((p - start) / (stop - start))
