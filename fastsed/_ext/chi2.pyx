"""Best fits: one tile of model fluxes and the data of all sources in, best model, chi2 and scale of each out."""

from cython.parallel cimport parallel, prange, threadid
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free


cdef extern from "chi2_kernels.h" nogil:
    ctypedef struct tile_t:
        ptrdiff_t nband, nmain, nmodel, stride
        const double *flux
        const double *dust
        const int64_t *ids
        const int64_t *order
        int64_t first, iz, nz

    ctypedef struct data_t:
        ptrdiff_t nband
        const double *value
        const double *variance
        const double *template_error2
        const unsigned char *own_spec_scale
        const int *log_component
        const double *log_lir
        const double *log_error

    ctypedef struct best_t:
        pass

    ctypedef struct bests_t:
        double *chi2
        double *scale
        double *spec_scale
        double *tolerance
        int64_t *model
        int64_t *order

    ctypedef struct screens_t:
        int block_size

    int simd_level()
    screens_t choose_screens(int level)
    ptrdiff_t block_scratch(ptrdiff_t nband)
    void fit_item(const tile_t *, const data_t *, const bests_t *, const screens_t *, const int64_t *, ptrdiff_t,
                  ptrdiff_t, ptrdiff_t, ptrdiff_t, best_t *, double *) noexcept
    void merge_parts(bests_t *, const int64_t *, ptrdiff_t, const best_t *, ptrdiff_t) noexcept


cdef extern from *:
    """
    #ifdef _OPENMP
    #define FASTSED_OPENMP 1
    #else
    #define FASTSED_OPENMP 0
    #endif
    """
    const int FASTSED_OPENMP

SIMD_NAMES = ("scalar", "avx2", "avx512")

# work for about this many items a tile, whatever the number of threads: the results must not depend on it
cdef enum:
    ITEMS = 64
    SMALLEST_PART = 1024


def has_openmp():
    """Whether the kernels were built with OpenMP."""
    return bool(FASTSED_OPENMP)


def simd_name():
    """Name of the SIMD level in use: "scalar", "avx2" or "avx512"."""
    return SIMD_NAMES[simd_level()]


cdef tile_t make_tile(const double[:, ::1] flux, const double[:, ::1] dust, const int64_t[::1] ids,
                      const int64_t[::1] order, ptrdiff_t nmain, int64_t first, int64_t iz, int64_t nz) noexcept:
    cdef tile_t t
    t.nband, t.stride = flux.shape[0], flux.shape[1]
    t.nmain, t.nmodel = nmain, order.shape[0]
    t.flux = &flux[0, 0]
    t.dust = &dust[0, 0] if dust is not None else NULL
    t.ids, t.order = &ids[0], &order[0]
    t.first, t.iz, t.nz = first, iz, nz
    return t


cdef data_t make_data(const double[:, ::1] value, const double[:, ::1] variance, const double[::1] template_error2,
                      const unsigned char[::1] own_spec_scale, const int[::1] log_component,
                      const double[::1] log_lir, const double[::1] log_error) noexcept:
    cdef data_t d
    d.nband = value.shape[1]
    d.value, d.variance, d.template_error2 = &value[0, 0], &variance[0, 0], &template_error2[0]
    d.own_spec_scale, d.log_component = &own_spec_scale[0], &log_component[0]
    d.log_lir, d.log_error = &log_lir[0], &log_error[0]
    return d


def find_best(const double[:, ::1] flux, const double[:, ::1] dust, const int64_t[::1] ids,
              const int64_t[::1] order, ptrdiff_t nmain, int64_t first, int64_t iz, int64_t nz,
              const double[:, ::1] value, const double[:, ::1] variance, const double[::1] template_error2,
              const unsigned char[::1] own_spec_scale, const int[::1] log_component,
              const double[::1] log_lir, const double[::1] log_error,
              const int64_t[::1] active,
              double[::1] chi2, double[::1] scale, double[::1] spec_scale, double[::1] tolerance,
              int64_t[::1] model, int64_t[::1] best_order, int n_threads):
    """Bring the best fits of the active sources up to date with one tile.

    The arguments are the fields of `tile_t`, `data_t` and `bests_t` (chi2_kernels.h), of which the shapes are
    checked by the caller; `active` lists the sources, by row, that may take this redshift. Results are the same
    for any number of threads.
    """
    if active.shape[0] == 0 or order.shape[0] == 0:
        return
    cdef tile_t t = make_tile(flux, dust, ids, order, nmain, first, iz, nz)
    cdef data_t d = make_data(value, variance, template_error2, own_spec_scale, log_component, log_lir, log_error)
    cdef bests_t bests
    bests.chi2, bests.scale, bests.spec_scale = &chi2[0], &scale[0], &spec_scale[0]
    bests.tolerance, bests.model, bests.order = &tolerance[0], &model[0], &best_order[0]

    cdef screens_t screens = choose_screens(simd_level())
    cdef ptrdiff_t nactive = active.shape[0]
    cdef ptrdiff_t nblock = (nactive + screens.block_size - 1) // screens.block_size
    cdef ptrdiff_t nparts = min(max(1, ITEMS // nblock), max(1, t.nmodel // SMALLEST_PART))
    cdef ptrdiff_t size = (t.nmodel + nparts - 1) // nparts
    size += -size % 16
    nparts = (t.nmodel + size - 1) // size

    cdef ptrdiff_t scratch_size = block_scratch(d.nband), item, part
    cdef double *scratch = <double *> calloc(scratch_size * n_threads, sizeof(double))
    cdef best_t *found = <best_t *> calloc(nactive * nparts, sizeof(best_t))
    if scratch == NULL or found == NULL:
        free(scratch)
        free(found)
        raise MemoryError(f"no memory for {nactive} sources")
    with nogil:
        for item in prange(nblock * nparts, num_threads=n_threads, schedule="dynamic"):
            part = item // nblock
            fit_item(&t, &d, &bests, &screens, &active[0], nactive, item % nblock, part * size,
                     min((part + 1) * size, t.nmodel), found + part * nactive, scratch + threadid() * scratch_size)
        merge_parts(&bests, &active[0], nactive, found, nparts)
    free(scratch)
    free(found)
