"""Which models of a grid can look like a star of each of some sub files."""

import numpy as np

from libc.math cimport isfinite
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint32_t, uint64_t


cdef extern from *:
    """
    #include <math.h>
    #include "simd.h"
    #define KERNEL "stars_trim.h"
    #include "each_level.h"
    static uint64_t within_window(int level, const double *brightest, const double *faintest, ptrdiff_t nband,
                                  const double *window)
    {
    #if FASTSED_X86
        if (level == SIMD_AVX512)
            return within_window_avx512(brightest, faintest, nband, window);
        if (level == SIMD_AVX2)
            return within_window_avx2(brightest, faintest, nband, window);
    #endif
        (void)level;
        return within_window_plain(brightest, faintest, nband, window);
    }
    """
    uint64_t within_window(int, const double *, const double *, ptrdiff_t, const double *) noexcept nogil
    int simd_level() nogil
    int lowest_bit(uint64_t) noexcept nogil


cdef enum:
    RUN = 64


def select_models(const double[:, ::1] flux, const double[:, ::1] margin, usable, const double[:, :, ::1] windows):
    """Models whose flux, give or take a margin, lies within the window of every band.

    Parameters
    ----------
    flux, margin : (n, nband)
    usable : (n,) bool
        Models that may be chosen at all.
    windows : (nwindow, nband, 2)
        Faintest and brightest flux.

    Returns
    -------
    list of (n,) uint32
        For each window, the numbers of its models, ascending.
    """
    cdef ptrdiff_t n = flux.shape[0], nband = flux.shape[1], nwindow = windows.shape[0], run, first, some, i, j, k, w
    cdef int level = simd_level()
    cdef const unsigned char[::1] may = np.ascontiguousarray(usable).view(np.uint8)
    cdef double[:, ::1] brightest = np.empty((nband, RUN)), faintest = np.empty((nband, RUN))
    cdef uint64_t inside, valid
    cdef uint32_t[:, ::1] chosen = np.empty((nwindow, max(n, 1)), dtype=np.uint32)
    cdef ptrdiff_t[::1] counts = np.zeros(nwindow, dtype=np.intp)
    with nogil:
        for run in range((n + RUN - 1) // RUN):
            first = run * RUN
            some = min(<ptrdiff_t> RUN, n - first)
            valid = 0
            for j in range(some):
                valid |= (<uint64_t> (may[first + j] != 0)) << j
            for k in range(nband):
                for j in range(RUN):
                    i = first + min(j, some - 1)
                    brightest[k, j] = flux[i, k] + margin[i, k]
                    faintest[k, j] = flux[i, k] - margin[i, k]
                    if not (isfinite(brightest[k, j]) and isfinite(faintest[k, j])):
                        valid &= ~((<uint64_t> 1) << j)
            if valid == 0:
                continue
            for w in range(nwindow):
                inside = valid & within_window(level, &brightest[0, 0], &faintest[0, 0], nband, &windows[w, 0, 0])
                while inside:
                    chosen[w, counts[w]] = <uint32_t> (first + lowest_bit(inside))
                    counts[w] += 1
                    inside &= inside - 1
    return [np.asarray(chosen)[w, : counts[w]].copy() for w in range(nwindow)]
