"""The models nearly as good as the best: tiles, data and limits of chi2 in, the models below them out."""

from cython.parallel cimport prange, threadid
from fastsed._ext cimport runtime
from fastsed._ext.chi2_types cimport data_t, tile_t
from fastsed._ext.scratch cimport Scratch
from fastsed._ext.views cimport DataView, TileView
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

import numpy as np


cdef extern from "acceptable.h" nogil:
    ctypedef struct fluxes_t:
        const void *flux

    ctypedef struct searchers_t:
        int block_size

    ctypedef struct acceptable_t:
        int64_t source

    ctypedef struct acceptables_t:
        acceptable_t *rows
        ptrdiff_t count
        int failed

    enum:
        SHARED_BY

    searchers_t choose_searchers(int level)
    fluxes_t single_fluxes(const tile_t *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, double *) noexcept
    ptrdiff_t screen_scratch(ptrdiff_t nband, ptrdiff_t stride)
    ptrdiff_t piece_models(ptrdiff_t nmodel, ptrdiff_t nband)
    ptrdiff_t piece_stride(ptrdiff_t nmodel, ptrdiff_t nband)
    void collect_block(const tile_t *, const fluxes_t *, ptrdiff_t, ptrdiff_t, const data_t *, const searchers_t *,
                       const int64_t *, ptrdiff_t, ptrdiff_t, const double *, acceptables_t *, double *) noexcept


cdef struct collection_t:
    # what the threads share, and their models and memory
    searchers_t search
    const double *limit
    acceptables_t *models
    float *single
    double *unit
    double *memory
    ptrdiff_t size
    int n_threads


# the fields of `acceptable_t` (acceptable.h)
ROW = np.dtype([("source", "i8"), ("model", "i8"), ("chi2", "f8"), ("scale", "f8"), ("spec_scale", "f8")])


def acceptable_models(list tiles, DataView data not None, const unsigned char[:, ::1] chosen, const double[::1] limit,
                      int n_threads):
    """Models of a few tiles with a chi2 below the limits of the sources.

    Parameters
    ----------
    tiles : list of TileView
    data : DataView
    chosen : (ntile, nsource) uint8
        Which sources take each tile.
    limit : (nsource,)
    n_threads : int

    Returns
    -------
    (n,) of dtype `ROW`
        In any order: threads finish in any.
    """
    cdef ptrdiff_t nsource = limit.shape[0], stride = 0, nactive, k, i
    cdef TileView tile
    if len(tiles) == 0 or nsource == 0:
        return np.empty(0, dtype=ROW)
    for tile in tiles:
        stride = max(stride, tile.c.stride)
    purpose = "the acceptable models"
    cdef Scratch scratch = Scratch()
    cdef int64_t *active = <int64_t *> scratch.take(nsource, sizeof(int64_t), purpose)
    cdef data_t d = data.c
    cdef collection_t to
    to.models = <acceptables_t *> scratch.take(n_threads, sizeof(acceptables_t), purpose)
    to.search, to.limit, to.n_threads = choose_searchers(runtime.simd_level()), &limit[0], n_threads
    to.single = NULL
    if nsource >= SHARED_BY:
        to.single = <float *> scratch.take(d.nband * piece_stride(stride, d.nband), sizeof(float), purpose)
    to.unit = <double *> scratch.take(d.nband, sizeof(double), purpose)
    to.size = screen_scratch(d.nband, stride)
    to.memory = <double *> scratch.take(to.size * n_threads, sizeof(double), purpose)
    for k, tile in enumerate(tiles):
        nactive = 0
        for i in range(nsource):
            active[nactive] = i
            nactive += chosen[k, i] != 0
        d = data.at(tile.c.iz)
        collect_from_tile(&tile.c, &d, active, nactive, &to)
    return rows_of_threads(to.models, n_threads)


cdef void collect_from_tile(const tile_t *t, const data_t *d, const int64_t *active, ptrdiff_t nactive,
                            const collection_t *to) noexcept:
    """Add the acceptable models of one tile to those of the threads, for the active sources."""
    cdef ptrdiff_t nblock = (nactive + to.search.block_size - 1) // to.search.block_size, begin, end, k
    cdef ptrdiff_t piece = piece_models(t.nmodel, d.nband)
    cdef int used = runtime.useful_threads(nblock, 2.0 * nactive * t.nmodel * d.nband, to.n_threads)
    cdef fluxes_t fluxes
    if nactive == 0 or piece == 0:
        return
    fluxes.flux = NULL
    with nogil:
        for begin from 0 <= begin < t.nmodel by piece:
            end = min(begin + piece, t.nmodel)
            if nactive >= SHARED_BY:
                fluxes = single_fluxes(t, begin, end, piece_stride(t.nmodel, d.nband), to.single, to.unit)
            for k in prange(nblock, num_threads=used, schedule="dynamic"):
                collect_block(t, &fluxes, begin, end, d, &to.search, active, nactive, k, to.limit,
                              to.models + threadid(), to.memory + threadid() * to.size)


cdef rows_of_threads(acceptables_t *models, int n_threads):
    """The models of all threads, whose memory is given back."""
    cdef ptrdiff_t n = 0, k
    cdef bint failed = False
    for k in range(n_threads):
        n += models[k].count
        failed = failed or models[k].failed
    rows = np.empty(n, dtype=ROW)
    cdef unsigned char[::1] raw = rows.view(np.uint8)
    n = 0
    for k in range(n_threads):
        if models[k].count:
            memcpy(&raw[n], models[k].rows, models[k].count * sizeof(acceptable_t))
        n += models[k].count * sizeof(acceptable_t)
        free(models[k].rows)
    if failed:
        raise MemoryError("no memory for the acceptable models")
    return rows
