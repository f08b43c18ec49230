"""Best fits and simulations: a tile of model fluxes and the data of all sources in, best models out."""

from cython.parallel cimport parallel, prange, threadid
from libc.math cimport INFINITY
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free


cdef extern from "chi2_rows.h" nogil:
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

    ctypedef struct screens_t:
        int block_size

    ctypedef struct bests_t:
        double *chi2
        double *scale
        double *spec_scale
        double *tolerance
        int64_t *model
        int64_t *order


    ctypedef struct simulations_t:
        ptrdiff_t nsim
        const double *noise
        const double *log_noise
        double *chi2
        double *scale
        double *spec_scale
        int64_t *order

    ctypedef struct simulators_t:
        pass

    ctypedef struct good_t:
        int64_t source, model
        double chi2, scale, spec_scale

    ctypedef struct goods_t:
        good_t *rows
        ptrdiff_t count
        int failed

    void collect_good(const tile_t *, const data_t *, const simulators_t *, int64_t, double, goods_t *,
                      double *) noexcept
    void chi2_of_models(const tile_t *, const data_t *, const screens_t *, int64_t, double *, double *, double *,
                        double *) noexcept

    int simd_level()
    screens_t choose_screens(int level)
    ptrdiff_t block_scratch(ptrdiff_t nband, ptrdiff_t stride)
    void fit_item(const tile_t *, const data_t *, const bests_t *, const screens_t *, const int64_t *, ptrdiff_t,
                  ptrdiff_t, ptrdiff_t, ptrdiff_t, best_t *, double *) noexcept
    ctypedef struct space_t:
        ptrdiff_t nspace, cut, ngroup, stride, ncentre, noise_stride
        const double *rows
        const float *rows_single
        const double *centres
        const float *centres_single
        const double *scale
        const int64_t *place
        const double *noise
        const float *noise_single
        const double *data
        const double *total
        double slack

    const int GROUP
    const int SIMULATIONS_TOGETHER
    void add_squares(const double *flux, const double *weight, ptrdiff_t nband, ptrdiff_t n, double *norm2) noexcept
    simulators_t choose_simulators(int level)
    ptrdiff_t simulation_scratch(ptrdiff_t nband, const space_t *space, ptrdiff_t nsim)
    void simulate_source(const tile_t *, const data_t *, const simulators_t *, int64_t, space_t, simulations_t, int,
                         double *, double *) noexcept
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

# models that `simulate` takes together
GROUP_SIZE = GROUP
SIMD_NAMES = ("scalar", "avx2", "avx512")

# work for about this many items a tile, whatever the number of threads: the results must not depend on it
cdef enum:
    ITEMS = 64
    SMALLEST_PART = 1024
    CHUNK = 8
    # multiply-adds that would take as long as the best models of a simulation where nothing is known yet
    TRY = 10000

# a thread that waits for the end of a tile keeps a processor from those that make the next ones: each needs enough to
# do, some tenths of a millisecond
MULTIPLY_ADDS_PER_THREAD = 2_000_000


def simulation_parts(ptrdiff_t nsim):
    """Number of parts in which `simulate` takes `nsim` simulations."""
    return (nsim + SIMULATIONS_TOGETHER - 1) // SIMULATIONS_TOGETHER


def has_openmp():
    """Whether the kernels were built with OpenMP."""
    return bool(FASTSED_OPENMP)


def simd_name():
    """Name of the SIMD level in use: "scalar", "avx2" or "avx512"."""
    return SIMD_NAMES[simd_level()]


cdef int useful_threads(ptrdiff_t nitem, double multiply_adds, int n_threads) except -1:
    """How many of the threads have something to do."""
    return max(1, min(nitem, int(multiply_adds / MULTIPLY_ADDS_PER_THREAD), n_threads))


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
    size = (size + 15) // 16 * 16
    nparts = (t.nmodel + size - 1) // size

    cdef ptrdiff_t scratch_size = block_scratch(d.nband, t.stride), item, part
    cdef double *scratch = <double *> calloc(scratch_size * n_threads, sizeof(double))
    cdef best_t *found = <best_t *> calloc(nactive * nparts, sizeof(best_t))
    if scratch == NULL or found == NULL:
        free(scratch)
        free(found)
        raise MemoryError(f"no memory for {nactive} sources")
    cdef int used = useful_threads(nblock * nparts, 2.0 * nactive * t.nmodel * d.nband, n_threads)
    with nogil:
        for item in prange(nblock * nparts, num_threads=used, schedule="dynamic"):
            part = item // nblock
            fit_item(&t, &d, &bests, &screens, &active[0], nactive, item % nblock, part * size,
                     min((part + 1) * size, t.nmodel), found + part * nactive, scratch + threadid() * scratch_size)
        merge_parts(&bests, &active[0], nactive, found, nparts)
    free(scratch)
    free(found)


def simulate(const double[:, ::1] flux, const double[:, ::1] dust, const int64_t[::1] ids,
             const int64_t[::1] order, ptrdiff_t nmain, int64_t first, int64_t iz, int64_t nz,
             const double[:, ::1] value, const double[:, ::1] variance, const double[::1] template_error2,
             const unsigned char[::1] own_spec_scale, const int[::1] log_component,
             const double[::1] log_lir, const double[::1] log_error,
             const int64_t[::1] active, int64_t offset, const double[:, ::1] noise, const double[::1] log_noise,
             double[:, ::1] chi2, double[:, ::1] scale, double[:, ::1] spec_scale, int64_t[:, ::1] best_order,
             double[:, ::1] reach2, tuple models, tuple draws, tuple coordinates, bint prune, int n_threads):
    """Bring the best fits of the simulations of the active sources up to date with one tile.

    The first arguments are those of `find_best`. `noise` is (nsim, nband), `log_noise` (nsim,). What follows has a row
    for each source from number `offset` on: the results (nsource, nsim), of which `best_order` is -1 where there is
    none yet, else order * nz + iz of the best model; `reach2` (nsource, simulation_parts(nsim)), which starts infinite
    and is kept from tile to tile. The rest are fields of `space_t` (chi2_simulations.h): `models` rows, centres (each
    in double and single precision), scale and place; `draws` the noise, likewise twice, with room for a multiple of
    16 simulations; `coordinates` None, or for a single active source data, total and slack. Without `prune` every
    model is tried on every simulation.
    """
    cdef const double[:, ::1] rows, centres, coordinate_noise
    cdef const float[:, ::1] rows_single, centres_single, noise_single
    cdef const double[::1] axis_scale, space_data, space_total
    cdef const int64_t[::1] place
    rows, rows_single, centres, centres_single, axis_scale, place = models
    coordinate_noise, noise_single = draws
    if active.shape[0] == 0 or place.shape[0] == 0 or noise.shape[0] == 0:
        return
    cdef tile_t t = make_tile(flux, dust, ids, order, nmain, first, iz, nz)
    cdef data_t d = make_data(value, variance, template_error2, own_spec_scale, log_component, log_lir, log_error)
    cdef simulators_t simulators = choose_simulators(simd_level())
    cdef space_t space
    space.nspace = space.cut = rows.shape[0]
    space.stride, space.ngroup, space.ncentre = rows.shape[1], rows.shape[1] // GROUP, centres.shape[1]
    space.rows, space.rows_single = &rows[0, 0], &rows_single[0, 0]
    space.centres, space.centres_single = &centres[0, 0], &centres_single[0, 0]
    space.scale, space.place, space.noise_stride = &axis_scale[0], &place[0], noise_single.shape[1]
    space.data = space.total = NULL
    space.slack = 0
    if coordinates is not None:
        space_data, space_total, space.slack = coordinates
        space.data, space.total = &space_data[0], &space_total[0]

    # simulations are independent: they are taken in parts, so that few sources share the threads
    cdef ptrdiff_t nsim = noise.shape[0], nactive = active.shape[0], nparts = reach2.shape[1]
    cdef ptrdiff_t scratch_size = simulation_scratch(d.nband, &space, SIMULATIONS_TOGETHER)
    cdef ptrdiff_t item, row, part
    cdef double *scratch = <double *> calloc(scratch_size * n_threads, sizeof(double))
    if scratch == NULL:
        raise MemoryError(f"no memory for {nsim} simulations")
    # most groups of models need one product for each simulation
    cdef double work = nactive * t.nmodel * (3.0 + nsim / <double> GROUP) * space.nspace
    if reach2[active[0] - offset, 0] == INFINITY:
        # nothing is known yet: a few models are tried on all simulations
        work += nactive * nsim * (TRY + 20.0 * d.nband)
    cdef int used = useful_threads(nactive * nparts, work, n_threads)
    with nogil:
        for item in prange(nactive * nparts, num_threads=used, schedule="dynamic", chunksize=CHUNK):
            row, part = active[item // nparts] - offset, item % nparts
            simulate_part(&t, &d, &simulators, row + offset, &space, part * SIMULATIONS_TOGETHER, nsim,
                          &coordinate_noise[0, 0], &noise_single[0, 0], &noise[0, 0], &log_noise[0], &chi2[row, 0],
                          &scale[row, 0], &spec_scale[row, 0], &best_order[row, 0], prune, &reach2[row, part],
                          scratch + threadid() * scratch_size)
    free(scratch)


cdef void simulate_part(const tile_t *t, const data_t *d, const simulators_t *simulators, int64_t row,
                        const space_t *space, ptrdiff_t begin, ptrdiff_t nsim, const double *coordinate_noise,
                        const float *noise_single, const double *noise, const double *log_noise, double *chi2,
                        double *scale, double *spec_scale, int64_t *order, bint prune, double *reach2,
                        double *scratch) noexcept nogil:
    """Some simulations of one source, from number `begin` on."""
    cdef space_t own = space[0]
    cdef simulations_t sims
    own.noise, own.noise_single = coordinate_noise + begin, noise_single + begin
    if own.total != NULL:
        own.total += begin
    sims.nsim = min(SIMULATIONS_TOGETHER, nsim - begin)
    sims.noise, sims.log_noise = noise + begin * d.nband, log_noise + begin
    sims.chi2, sims.scale, sims.spec_scale, sims.order = chi2 + begin, scale + begin, spec_scale + begin, order + begin
    simulate_source(t, d, simulators, row, own, sims, prune, reach2, scratch)


def weighted_norms(const double[:, ::1] flux, const double[::1] weight, double[::1] norm2):
    """norm2[m] = sum over bands of weight[b] flux[b, m]^2."""
    cdef ptrdiff_t nband = flux.shape[0], n = flux.shape[1]
    with nogil:
        add_squares(&flux[0, 0], &weight[0], nband, n, &norm2[0])


def good_models(const double[:, ::1] flux, const double[:, ::1] dust, const int64_t[::1] ids,
                const int64_t[::1] order, ptrdiff_t nmain, int64_t first, int64_t iz, int64_t nz,
                const double[:, ::1] value, const double[:, ::1] variance, const double[::1] template_error2,
                const unsigned char[::1] own_spec_scale, const int[::1] log_component,
                const double[::1] log_lir, const double[::1] log_error,
                const int64_t[::1] active, const double[::1] limit, int n_threads):
    """Models of one tile with a chi2 below `limit` (nsource,) of each active source.

    The first arguments are those of `find_best`.

    Returns
    -------
    source, model : int64 arrays (n,), sorted by both
    chi2, scale, spec_scale : float64 arrays (n,)
    """
    import numpy as np

    cdef tile_t t = make_tile(flux, dust, ids, order, nmain, first, iz, nz)
    cdef data_t d = make_data(value, variance, template_error2, own_spec_scale, log_component, log_lir, log_error)
    cdef simulators_t simulators = choose_simulators(simd_level())
    cdef ptrdiff_t scratch_size = 3 * d.nband + 2 * t.stride, k, i, n = 0
    cdef double *scratch = <double *> calloc(scratch_size * n_threads, sizeof(double))
    cdef goods_t *found = <goods_t *> calloc(n_threads, sizeof(goods_t))
    cdef bint failed = scratch == NULL or found == NULL
    cdef int used = useful_threads(active.shape[0], 2.0 * active.shape[0] * t.nmodel * d.nband, n_threads)
    if not failed:
        with nogil:
            for k in prange(active.shape[0], num_threads=used, schedule="dynamic"):
                collect_good(&t, &d, &simulators, active[k], limit[active[k]], found + threadid(),
                             scratch + threadid() * scratch_size)
        for k in range(n_threads):
            n += found[k].count
            failed = failed or found[k].failed
    source, model = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    chi2, scale, spec_scale = np.empty(n), np.empty(n), np.empty(n)
    cdef int64_t[::1] source_ = source, model_ = model
    cdef double[::1] chi2_ = chi2, scale_ = scale, spec_scale_ = spec_scale
    n = 0
    if found != NULL:
        for k in range(n_threads):
            for i in range(found[k].count):
                source_[n], model_[n] = found[k].rows[i].source, found[k].rows[i].model
                chi2_[n], scale_[n] = found[k].rows[i].chi2, found[k].rows[i].scale
                spec_scale_[n] = found[k].rows[i].spec_scale
                n += 1
            free(found[k].rows)
    free(found)
    free(scratch)
    if failed:
        raise MemoryError("no memory for the good models")
    # threads finish in any order
    place = np.lexsort((model, source))
    return source[place], model[place], chi2[place], scale[place], spec_scale[place]


def all_chi2(const double[:, ::1] flux, const double[:, ::1] dust, const int64_t[::1] ids,
             const int64_t[::1] order, ptrdiff_t nmain, int64_t first, int64_t iz, int64_t nz,
             const double[:, ::1] value, const double[:, ::1] variance, const double[::1] template_error2,
             const unsigned char[::1] own_spec_scale, const int[::1] log_component,
             const double[::1] log_lir, const double[::1] log_error,
             const int64_t[::1] active, double[:, ::1] chi2, double[:, ::1] scale, double[:, ::1] spec_scale,
             int n_threads):
    """chi2 and scales of all models of one tile with each active source, (nactive, nmodel).

    The first arguments are those of `find_best`; the last arrays are filled.
    """
    if active.shape[0] == 0 or order.shape[0] == 0:
        return
    cdef tile_t t = make_tile(flux, dust, ids, order, nmain, first, iz, nz)
    cdef data_t d = make_data(value, variance, template_error2, own_spec_scale, log_component, log_lir, log_error)
    cdef ptrdiff_t k
    cdef screens_t screens = choose_screens(simd_level())
    cdef ptrdiff_t scratch_size = 3 * d.nband + 2 * t.stride
    cdef double *scratch = <double *> calloc(scratch_size * n_threads, sizeof(double))
    if scratch == NULL:
        raise MemoryError("no memory for the weights of the sources")
    cdef int used = useful_threads(active.shape[0], 2.0 * active.shape[0] * t.nmodel * d.nband, n_threads)
    with nogil:
        for k in prange(active.shape[0], num_threads=used, schedule="dynamic"):
            chi2_of_models(&t, &d, &screens, active[k], &chi2[k, 0], &scale[k, 0], &spec_scale[k, 0],
                           scratch + threadid() * scratch_size)
    free(scratch)
