"""chi2 of all models of a tile with each source, for the chi2 grid."""

from cython.parallel cimport prange, threadid
from fastsed._ext.chi2_types cimport data_t, tile_t
from fastsed._ext.runtime cimport simd_level, useful_threads
from fastsed._ext.scratch cimport Scratch
from fastsed._ext.views cimport DataView, TileView
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t


cdef extern from "chi2_rows.h" nogil:
    ctypedef struct screens_t:
        pass

    screens_t choose_screens(int level)
    void chi2_of_models(const tile_t *, const data_t *, const screens_t *, int64_t, double *, double *, double *,
                        double *) noexcept


def all_chi2(TileView tile not None, DataView data not None, const int64_t[::1] active, double[:, ::1] chi2,
             double[:, ::1] scale, double[:, ::1] spec_scale, int n_threads):
    """chi2 and scales of all models of one tile with each active source.

    Parameters
    ----------
    tile : TileView
    data : DataView
    active : (nactive,)
        Sources that take the tile.
    chi2, scale, spec_scale : (nactive, nmodel)
        Are filled.
    n_threads : int
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
