"""Best fits: tiles of model fluxes and the data of all sources in, the best model of each source out."""

from cython.parallel cimport parallel, threadid
from fastsed._ext cimport runtime
from fastsed._ext.chi2_types cimport best_t, bests_t, data_t, tile_t
from fastsed._ext.scratch cimport Scratch
from fastsed._ext.shares cimport bytes_of_shares, items_t, next_items, share_out, shares_in, shares_t
from fastsed._ext.views cimport DataView, TileView
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t

from fastsed._ext import runtime as settings


cdef extern from "best_fit.h" nogil:
    ctypedef struct fluxes_t:
        const void *flux
        ptrdiff_t stride
        const double *unit

    ctypedef struct searchers_t:
        int block_size

    searchers_t choose_searchers(int level)
    fluxes_t single_fluxes(const tile_t *, ptrdiff_t, ptrdiff_t, ptrdiff_t, float *, double *) noexcept
    enum:
        SMALLEST_PART
        SHARED_BY

    ptrdiff_t screen_scratch(ptrdiff_t nband, ptrdiff_t stride)
    ptrdiff_t piece_models(ptrdiff_t nmodel, ptrdiff_t nband)
    ptrdiff_t piece_stride(ptrdiff_t nmodel, ptrdiff_t nband)
    void fit_item(const tile_t *, const fluxes_t *, ptrdiff_t, const data_t *, bests_t *, const searchers_t *,
                  const int64_t *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, best_t *, double *) noexcept
    void merge_parts(bests_t *, const int64_t *, ptrdiff_t, const best_t *, ptrdiff_t) noexcept


# work for about this many items a tile, whatever the number of threads: the results must not depend on it
cdef enum:
    ITEMS = 64


# What the threads that find best fits share.
cdef struct search_t:
    bests_t bests
    searchers_t search
    # the sources that take a tile, and the winners of each part of it, where there are several
    int64_t *active
    best_t *winners
    double *scratch
    ptrdiff_t scratch_size
    # fluxes of a piece of a tile in single precision, and their units
    float *single
    double *unit
    shares_t shares
    int n_threads
    double multiply_adds_per_thread


def find_best(list tiles, DataView data not None, const unsigned char[:, ::1] chosen, double[::1] chi2,
              double[::1] scale, double[::1] spec_scale, double[::1] tolerance, int64_t[::1] model,
              int64_t[::1] best_order, int n_threads):
    """Bring the best fits of sources up to date with a few tiles, one after the other.

    Parameters
    ----------
    tiles : list of TileView
    data : DataView
    chosen : (ntile, nsource) uint8
        Which sources may take each tile.
    chi2, scale, spec_scale, tolerance, model, best_order : (nsource,)
        The fields of `bests_t` (chi2_types.h): the same for any number of threads.
    n_threads : int
    """
    cdef ptrdiff_t ntile = len(tiles), nsource = chosen.shape[1], stride = 0, k
    if ntile == 0 or nsource == 0:
        return
    cdef search_t s
    s.bests.chi2, s.bests.scale, s.bests.spec_scale = &chi2[0], &scale[0], &spec_scale[0]
    s.bests.tolerance, s.bests.model, s.bests.order = &tolerance[0], &model[0], &best_order[0]
    s.search = choose_searchers(runtime.simd_level())
    s.n_threads, s.multiply_adds_per_thread = n_threads, settings.MULTIPLY_ADDS_PER_THREAD

    cdef Scratch scratch = Scratch()
    cdef TileView tile
    cdef tile_t *each = <tile_t *> scratch.take(ntile, sizeof(tile_t), f"{ntile} tiles")
    for k in range(ntile):
        tile = tiles[k]
        each[k] = tile.c
        stride = max(stride, tile.c.stride)
    purpose = f"{nsource} sources"
    s.scratch_size = screen_scratch(data.c.nband, stride)
    s.scratch = <double *> scratch.take(s.scratch_size * n_threads, sizeof(double), purpose)
    s.active = <int64_t *> scratch.take(nsource, sizeof(int64_t), purpose)
    s.winners = <best_t *> scratch.take(ITEMS * s.search.block_size, sizeof(best_t), purpose)
    s.unit = <double *> scratch.take(data.c.nband, sizeof(double), purpose)
    s.single = NULL
    if nsource >= SHARED_BY:
        s.single = <float *> scratch.take(data.c.nband * piece_stride(stride, data.c.nband), sizeof(float), purpose)
    s.shares = shares_in(scratch.take(bytes_of_shares(n_threads), 1, purpose), n_threads)
    with nogil:
        for k in range(ntile):
            find_best_in_tile(each + k, data.c, &chosen[k, 0], nsource, &s)


cdef void find_best_in_tile(const tile_t *t, data_t d, const unsigned char *chosen, ptrdiff_t nsource,
                            search_t *s) noexcept nogil:
    """Bring the best fits of the chosen sources up to date with one tile."""
    cdef ptrdiff_t nactive = 0, k
    for k in range(nsource):
        s.active[nactive] = k
        nactive += chosen[k] != 0
    if nactive == 0 or t.nmodel == 0:
        return
    d.template_error2 += t.iz * d.nband

    cdef ptrdiff_t nblock = (nactive + s.search.block_size - 1) // s.search.block_size
    cdef ptrdiff_t piece = piece_models(t.nmodel, d.nband)
    cdef ptrdiff_t nparts = min(max(1, ITEMS // nblock), max(1, piece // SMALLEST_PART))
    cdef ptrdiff_t size = ((piece + nparts - 1) // nparts + 15) // 16 * 16
    nparts = (piece + size - 1) // size
    cdef best_t *winners = s.winners if nparts > 1 else NULL
    cdef ptrdiff_t begin, end, part = 0
    cdef items_t items = [0, 0]
    cdef fluxes_t single
    single.flux = NULL
    s.shares.n = runtime.threads_for(nblock * nparts, 2.0 * nactive * piece * d.nband / s.multiply_adds_per_thread, s.n_threads)
    for begin from 0 <= begin < t.nmodel by piece:
        end = min(begin + piece, t.nmodel)
        if nactive >= SHARED_BY:
            single = single_fluxes(t, begin, end, piece_stride(t.nmodel, d.nband), s.single, s.unit)
        share_out(&s.shares, nblock * ((end - begin + size - 1) // size))
        with parallel(num_threads=s.shares.n):
            items = next_items(&s.shares, threadid(), 1)
            while items.first < items.end:
                part = items.first // nblock
                fit_item(t, &single, begin, &d, &s.bests, &s.search, s.active, nactive, items.first % nblock, begin + part * size,
                         min(begin + (part + 1) * size, end), winners + part * nactive if winners != NULL else NULL,
                         s.scratch + threadid() * s.scratch_size)
                items = next_items(&s.shares, threadid(), 1)
        if winners != NULL:
            merge_parts(&s.bests, s.active, nactive, winners, (end - begin + size - 1) // size)
