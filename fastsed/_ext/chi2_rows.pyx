"""chi2 of many models of each source: those acceptable beside the best fit, or all of a tile for the chi2 grid."""

from cython.parallel cimport prange, threadid
from fastsed._ext.chi2_types cimport data_t, tile_t
from fastsed._ext.runtime cimport simd_level, useful_threads
from fastsed._ext.scratch cimport Scratch
from fastsed._ext.views cimport DataView, TileView
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.stdlib cimport free

import numpy as np


cdef extern from "chi2_rows.h" nogil:
    ctypedef struct screens_t:
        pass

    ctypedef struct acceptable_t:
        int64_t source, model
        double chi2, scale, spec_scale

    ctypedef struct acceptables_t:
        acceptable_t *rows
        ptrdiff_t count
        int failed

    screens_t choose_screens(int level)
    void collect_acceptable(const tile_t *, const data_t *, const screens_t *, int64_t, double, acceptables_t *,
                            double *) noexcept
    void chi2_of_models(const tile_t *, const data_t *, const screens_t *, int64_t, double *, double *, double *,
                        double *) noexcept


def acceptable_models(TileView tile not None, DataView data not None, const int64_t[::1] active,
                      const double[::1] limit, int n_threads):
    """Models of one tile with a chi2 below `limit` (nsource,) of each active source.

    Parameters
    ----------
    tile : TileView
    data : DataView
    active : (n,)
        Sources that take the tile.
    limit : (nsource,)
    n_threads : int

    Returns
    -------
    source, model : int64 arrays (n,), sorted by both
    chi2, scale, spec_scale : float64 arrays (n,)
    """
    cdef tile_t t = tile.c
    cdef data_t d = data.at(t.iz)
    cdef screens_t screens = choose_screens(simd_level())
    cdef ptrdiff_t scratch_size = 3 * d.nband + 2 * t.stride, k, i, n = 0
    cdef int used = useful_threads(active.shape[0], 2.0 * active.shape[0] * t.nmodel * d.nband, n_threads)
    purpose = "the acceptable models"
    cdef Scratch scratch = Scratch()
    cdef double *each = <double *> scratch.take(scratch_size * used, sizeof(double), purpose)
    cdef acceptables_t *of_threads = <acceptables_t *> scratch.take(used, sizeof(acceptables_t), purpose)
    cdef bint failed = False
    with nogil:
        for k in prange(active.shape[0], num_threads=used, schedule="dynamic"):
            collect_acceptable(&t, &d, &screens, active[k], limit[active[k]], of_threads + threadid(),
                               each + threadid() * scratch_size)
    for k in range(used):
        n += of_threads[k].count
        failed = failed or of_threads[k].failed
    source, model = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    chi2, scale, spec_scale = np.empty(n), np.empty(n), np.empty(n)
    cdef int64_t[::1] source_ = source, model_ = model
    cdef double[::1] chi2_ = chi2, scale_ = scale, spec_scale_ = spec_scale
    n = 0
    for k in range(used):
        for i in range(of_threads[k].count):
            source_[n], model_[n] = of_threads[k].rows[i].source, of_threads[k].rows[i].model
            chi2_[n], scale_[n] = of_threads[k].rows[i].chi2, of_threads[k].rows[i].scale
            spec_scale_[n] = of_threads[k].rows[i].spec_scale
            n += 1
        free(of_threads[k].rows)
    if failed:
        raise MemoryError(f"no memory for {purpose}")
    # threads finish in any order
    place = np.lexsort((model, source))
    return source[place], model[place], chi2[place], scale[place], spec_scale[place]


def all_chi2(TileView tile not None, DataView data not None, const int64_t[::1] active, double[:, ::1] chi2,
             double[:, ::1] scale, double[:, ::1] spec_scale, int n_threads):
    """chi2 and scales of all models of one tile with each active source, (nactive, nmodel).

    The first arguments are those of `acceptable_models`; the last arrays are filled.
    """
    if active.shape[0] == 0 or tile.c.nmodel == 0:
        return
    cdef tile_t t = tile.c
    cdef data_t d = data.at(t.iz)
    cdef ptrdiff_t k
    cdef screens_t screens = choose_screens(simd_level())
    cdef ptrdiff_t scratch_size = 3 * d.nband + 2 * t.stride
    cdef int used = useful_threads(active.shape[0], 2.0 * active.shape[0] * t.nmodel * d.nband, n_threads)
    cdef Scratch scratch = Scratch()
    cdef double *each = <double *> scratch.take(scratch_size * used, sizeof(double), "the weights of the sources")
    with nogil:
        for k in prange(active.shape[0], num_threads=used, schedule="dynamic"):
            chi2_of_models(&t, &d, &screens, active[k], &chi2[k, 0], &scale[k, 0], &spec_scale[k, 0],
                           each + threadid() * scratch_size)
