"""Best fits and simulations: a tile of model fluxes and the data of all sources in, best models out."""

from cython.parallel cimport parallel, prange, threadid
from libc.math cimport INFINITY
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc


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

    const int LINE
    double *first_line(double *)
    int simd_level()
    screens_t choose_screens(int level)
    ptrdiff_t block_scratch(ptrdiff_t nband, ptrdiff_t stride)
    void fit_item(const tile_t *, const data_t *, bests_t *, const screens_t *, const int64_t *, ptrdiff_t, ptrdiff_t,
                  ptrdiff_t, ptrdiff_t, best_t *, double *) noexcept
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


cdef extern from "shares.h" nogil:
    ctypedef struct shares_t:
        void *memory
        int n

    ctypedef struct items_t:
        ptrdiff_t first, end

    shares_t shares_of(int n)
    void share_out(const shares_t *, ptrdiff_t nitem)
    items_t next_items(const shares_t *, int thread, ptrdiff_t most)


cdef extern from "threads.h" nogil:
    int threads_for(ptrdiff_t nitem, double enough_for, int n)


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
    # models of an item, at least
    SMALLEST_PART = 1024
    # fluxes that stay in the second cache while all sources take them
    PIECE_DOUBLES = 65536
    # sources that take the tiles of `simulate` together, at most
    TOGETHER = 12
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
    return threads_for(nitem, multiply_adds / MULTIPLY_ADDS_PER_THREAD, n_threads)


cdef class TileView:
    """A tile as the kernels see it: the fields of `tile_t` (chi2_exact.h), whose shapes are checked by the caller."""

    cdef tile_t c
    cdef tuple arrays

    def __init__(self, flux, dust, ids, order, ptrdiff_t nmain, int64_t first, int64_t iz, int64_t nz):
        cdef const double[:, ::1] flux_view = flux, dust_view = dust
        cdef const int64_t[::1] ids_view = ids, order_view = order
        self.c.nband, self.c.stride = flux_view.shape[0], flux_view.shape[1]
        self.c.nmain, self.c.nmodel = nmain, order_view.shape[0]
        self.c.flux = &flux_view[0, 0]
        self.c.dust = &dust_view[0, 0] if dust is not None else NULL
        self.c.ids, self.c.order = &ids_view[0], &order_view[0]
        self.c.first, self.c.iz, self.c.nz = first, iz, nz
        self.arrays = (flux, dust, ids, order)


cdef class DataView:
    """The data of all sources as the kernels see them: the fields of `data_t` (chi2_kernels.h), likewise.

    `template_error2` (nz, nband) has a row for each redshift.
    """

    cdef data_t c
    cdef tuple arrays

    def __init__(self, value, variance, template_error2, own_spec_scale, log_component, log_lir, log_error):
        cdef const double[:, ::1] value_view = value, variance_view = variance, error2_view = template_error2
        cdef const unsigned char[::1] own_view = own_spec_scale
        cdef const int[::1] component_view = log_component
        cdef const double[::1] lir_view = log_lir, lir_error_view = log_error
        self.c.nband = value_view.shape[1]
        self.c.value, self.c.variance = &value_view[0, 0], &variance_view[0, 0]
        self.c.template_error2, self.c.own_spec_scale = &error2_view[0, 0], &own_view[0]
        self.c.log_component, self.c.log_lir, self.c.log_error = &component_view[0], &lir_view[0], &lir_error_view[0]
        self.arrays = (value, variance, template_error2, own_spec_scale, log_component, log_lir, log_error)

    cdef data_t at(self, int64_t iz) noexcept:
        """The data beside models of one redshift."""
        cdef data_t d = self.c
        d.template_error2 += iz * d.nband
        return d


cdef class SpaceView:
    """Models in groups, and draws of the noise, as the kernels see them: the fields of `space_t` (chi2_simulations.h).

    Parameters
    ----------
    rows, centres : pair of arrays
        In double and in single precision.
    scale, place : array
    noise : pair of arrays
        Likewise, with room for a multiple of 16 simulations.
    data, total : array, optional
        Of a single source, where the space is a smaller one.
    slack : float
    """

    cdef space_t c
    cdef tuple arrays

    def __init__(self, rows, centres, scale, place, noise, data=None, total=None, double slack=0.0):
        cdef const double[:, ::1] rows_view = rows[0], centres_view = centres[0], noise_view = noise[0]
        cdef const float[:, ::1] rows_single = rows[1], centres_single = centres[1], noise_single = noise[1]
        cdef const double[::1] scale_view = scale, data_view = data, total_view = total
        cdef const int64_t[::1] place_view = place
        self.c.nspace = self.c.cut = rows_view.shape[0]
        self.c.stride, self.c.ncentre = rows_view.shape[1], centres_view.shape[1]
        self.c.ngroup = place_view.shape[0] // GROUP
        self.c.rows, self.c.rows_single = &rows_view[0, 0], &rows_single[0, 0]
        self.c.centres, self.c.centres_single = &centres_view[0, 0], &centres_single[0, 0]
        self.c.scale, self.c.place = &scale_view[0], &place_view[0]
        self.c.noise, self.c.noise_single = &noise_view[0, 0], &noise_single[0, 0]
        self.c.noise_stride = noise_single.shape[1]
        self.c.data = &data_view[0] if data is not None else NULL
        self.c.total = &total_view[0] if total is not None else NULL
        self.c.slack = slack
        self.arrays = (rows, centres, scale, place, noise, data, total)


# What the threads that find best fits share.
cdef struct search_t:
    bests_t bests
    screens_t screens
    # the sources that take a tile, and the winners of each part of it, where there are several
    int64_t *active
    best_t *found
    double *scratch
    ptrdiff_t scratch_size
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
        The fields of `bests_t` (chi2_kernels.h): the same for any number of threads.
    n_threads : int
    """
    cdef ptrdiff_t ntile = len(tiles), nsource = chosen.shape[1], stride = 0, k
    if ntile == 0 or nsource == 0:
        return
    cdef search_t s
    s.bests.chi2, s.bests.scale, s.bests.spec_scale = &chi2[0], &scale[0], &spec_scale[0]
    s.bests.tolerance, s.bests.model, s.bests.order = &tolerance[0], &model[0], &best_order[0]
    s.screens = choose_screens(simd_level())
    s.n_threads, s.multiply_adds_per_thread = n_threads, MULTIPLY_ADDS_PER_THREAD

    cdef TileView tile
    cdef tile_t *each = <tile_t *> malloc(ntile * sizeof(tile_t))
    if each == NULL:
        raise MemoryError(f"no memory for {ntile} tiles")
    for k in range(ntile):
        tile = tiles[k]
        each[k] = tile.c
        stride = max(stride, tile.c.stride)
    s.scratch_size = block_scratch(data.c.nband, stride)
    s.scratch = <double *> calloc(s.scratch_size * n_threads, sizeof(double))
    s.active = <int64_t *> malloc(nsource * sizeof(int64_t))
    s.found = <best_t *> malloc(ITEMS * s.screens.block_size * sizeof(best_t))
    s.shares = shares_of(n_threads)
    cdef bint enough = s.scratch != NULL and s.active != NULL and s.found != NULL and s.shares.memory != NULL
    if enough:
        with nogil:
            for k in range(ntile):
                find_best_in_tile(each + k, data.c, &chosen[k, 0], nsource, &s)
    free(each)
    free(s.scratch)
    free(s.active)
    free(s.found)
    free(s.shares.memory)
    if not enough:
        raise MemoryError(f"no memory for {nsource} sources")


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

    cdef ptrdiff_t nblock = (nactive + s.screens.block_size - 1) // s.screens.block_size
    cdef ptrdiff_t piece = min(t.nmodel, max(SMALLEST_PART, PIECE_DOUBLES // d.nband // 16 * 16))
    cdef ptrdiff_t nparts = min(max(1, ITEMS // nblock), max(1, piece // SMALLEST_PART))
    cdef ptrdiff_t size = ((piece + nparts - 1) // nparts + 15) // 16 * 16
    nparts = (piece + size - 1) // size
    cdef best_t *found = s.found if nparts > 1 else NULL
    cdef ptrdiff_t begin, end, part = 0
    cdef items_t items = [0, 0]
    s.shares.n = threads_for(nblock * nparts, 2.0 * nactive * piece * d.nband / s.multiply_adds_per_thread, s.n_threads)
    for begin from 0 <= begin < t.nmodel by piece:
        end = min(begin + piece, t.nmodel)
        share_out(&s.shares, nblock * ((end - begin + size - 1) // size))
        with parallel(num_threads=s.shares.n):
            items = next_items(&s.shares, threadid(), 1)
            while items.first < items.end:
                part = items.first // nblock
                fit_item(t, &d, &s.bests, &s.screens, s.active, nactive, items.first % nblock, begin + part * size,
                         min(begin + (part + 1) * size, end), found + part * nactive if found != NULL else NULL,
                         s.scratch + threadid() * s.scratch_size)
                items = next_items(&s.shares, threadid(), 1)
        if found != NULL:
            merge_parts(&s.bests, s.active, nactive, found, (end - begin + size - 1) // size)


# Simulations of sources against one tile, and the results of all.
cdef struct task_t:
    tile_t tile
    data_t data
    space_t space
    const unsigned char *chosen


cdef struct results_t:
    ptrdiff_t nsim, nparts
    int64_t offset
    const double *noise
    const double *log_noise
    double *chi2
    double *scale
    double *spec_scale
    int64_t *order
    double *reach2
    bint prune


def simulate(list tiles, DataView data not None, list spaces, const unsigned char[:, ::1] chosen, int64_t offset,
             const double[:, ::1] noise, const double[::1] log_noise, double[:, ::1] chi2, double[:, ::1] scale,
             double[:, ::1] spec_scale, int64_t[:, ::1] best_order, double[:, ::1] reach2, bint prune, int n_threads):
    """Bring the best fits of the simulations of sources up to date with a few tiles.

    A source takes one tile after the other, which keeps its simulations in the cache: the tiles should fit there too.

    Parameters
    ----------
    tiles : list of TileView
    data : DataView
    spaces : list of SpaceView
        Of the models of each tile.
    chosen : (ntile, nsource) uint8
        Which sources are to be fitted with each tile.
    offset : int
        Number, in the data, of the first of these sources.
    noise : (nsim, nband)
    log_noise : (nsim,)
    chi2, scale, spec_scale, best_order : (nsource, nsim)
        The best fits; `best_order` is -1 where there is none yet, else order * nz + iz of the best model.
    reach2 : (nsource, simulation_parts(nsim))
        Starts infinite and is kept from call to call.
    prune : bool
        False tries every model on every simulation.
    n_threads : int
    """
    cdef ptrdiff_t ntask = len(tiles), nsource = chosen.shape[1], nsim = noise.shape[0], k
    if ntask == 0 or nsource == 0 or nsim == 0:
        return
    cdef results_t results
    results.nsim, results.nparts, results.offset, results.prune = nsim, reach2.shape[1], offset, prune
    results.noise, results.log_noise = &noise[0, 0], &log_noise[0]
    results.chi2, results.scale, results.spec_scale = &chi2[0, 0], &scale[0, 0], &spec_scale[0, 0]
    results.order, results.reach2 = &best_order[0, 0], &reach2[0, 0]

    cdef ptrdiff_t scratch_size = 0
    cdef double work = 0
    cdef TileView tile
    cdef SpaceView space
    cdef task_t *tasks = <task_t *> malloc(ntask * sizeof(task_t))
    if tasks == NULL:
        raise MemoryError(f"no memory for {ntask} tiles")
    for k in range(ntask):
        tile, space = tiles[k], spaces[k]
        tasks[k].tile, tasks[k].data, tasks[k].space = tile.c, data.at(tile.c.iz), space.c
        tasks[k].chosen = &chosen[k, 0]
        scratch_size = max(scratch_size, simulation_scratch(data.c.nband, &space.c, SIMULATIONS_TOGETHER))
        work += work_of_task(tasks + k, nsource, &results)

    # simulations are independent: they are taken in parts, so that few sources share the threads
    cdef simulators_t simulators = choose_simulators(simd_level())
    cdef ptrdiff_t nitem = nsource * results.nparts
    cdef int used = useful_threads(nitem, work, n_threads)
    cdef double *memory = <double *> calloc(scratch_size * used + LINE, sizeof(double))
    cdef double *scratch = first_line(memory)
    cdef shares_t shares = shares_of(used)
    cdef items_t items = [0, 0]
    if memory == NULL or shares.memory == NULL:
        free(tasks)
        free(memory)
        free(shares.memory)
        raise MemoryError(f"no memory for {nsim} simulations")
    share_out(&shares, nitem)
    with nogil, parallel(num_threads=used):
        items = next_items(&shares, threadid(), TOGETHER)
        while items.first < items.end:
            simulate_items(tasks, ntask, &simulators, &results, nsource, items, scratch + threadid() * scratch_size)
            items = next_items(&shares, threadid(), TOGETHER)
    free(memory)
    free(tasks)
    free(shares.memory)


cdef double work_of_task(const task_t *task, ptrdiff_t nsource, const results_t *results) noexcept:
    """About how many multiply-adds the sources of a tile take."""
    cdef ptrdiff_t row, nchosen = 0, nfirst = 0
    for row in range(nsource):
        if task.chosen[row]:
            nchosen += 1
            nfirst += results.reach2[row * results.nparts] == INFINITY
    # most groups of models need one product for each simulation; where nothing is known, a few models are tried on all
    return (nchosen * task.tile.nmodel * (3.0 + results.nsim / <double> GROUP) * task.space.nspace
            + nfirst * results.nsim * (TRY + 20.0 * task.data.nband))


cdef void simulate_items(const task_t *tasks, ptrdiff_t ntask, const simulators_t *simulators,
                         const results_t *results, ptrdiff_t nsource, items_t items, double *scratch) noexcept nogil:
    """Some items: one part of the simulations of one source each, first part 0 of all sources."""
    cdef ptrdiff_t k, item
    for k in range(ntask):
        if tasks[k].space.ngroup > 0:
            for item in range(items.first, items.end):
                if tasks[k].chosen[item % nsource]:
                    simulate_part(tasks + k, simulators, results, item % nsource, item // nsource, scratch)


cdef void simulate_part(const task_t *task, const simulators_t *simulators, const results_t *all, ptrdiff_t row,
                        ptrdiff_t part, double *scratch) noexcept nogil:
    """One part of the simulations of one source."""
    cdef ptrdiff_t begin = part * SIMULATIONS_TOGETHER, start = row * all.nsim + begin
    cdef space_t own = task.space
    cdef simulations_t sims
    own.noise += begin
    own.noise_single += begin
    if own.total != NULL:
        own.total += begin
    sims.nsim = min(SIMULATIONS_TOGETHER, all.nsim - begin)
    sims.noise, sims.log_noise = all.noise + begin * task.data.nband, all.log_noise + begin
    sims.chi2, sims.scale, sims.spec_scale = all.chi2 + start, all.scale + start, all.spec_scale + start
    sims.order = all.order + start
    simulate_source(&task.tile, &task.data, simulators, row + all.offset, own, sims, all.prune,
                    all.reach2 + row * all.nparts + part, scratch)


def weighted_norms(const double[:, ::1] flux, const double[::1] weight, double[::1] norm2):
    """norm2[m] = sum over bands of weight[b] flux[b, m]^2."""
    cdef ptrdiff_t nband = flux.shape[0], n = flux.shape[1]
    with nogil:
        add_squares(&flux[0, 0], &weight[0], nband, n, &norm2[0])


def good_models(TileView tile not None, DataView data not None, const int64_t[::1] active, const double[::1] limit,
                int n_threads):
    """Models of one tile with a chi2 below `limit` (nsource,) of each active source.

    The first arguments are those of `find_best`.

    Returns
    -------
    source, model : int64 arrays (n,), sorted by both
    chi2, scale, spec_scale : float64 arrays (n,)
    """
    import numpy as np

    cdef tile_t t = tile.c
    cdef data_t d = data.at(t.iz)
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


def all_chi2(TileView tile not None, DataView data not None, const int64_t[::1] active, double[:, ::1] chi2,
             double[:, ::1] scale, double[:, ::1] spec_scale, int n_threads):
    """chi2 and scales of all models of one tile with each active source, (nactive, nmodel).

    The first arguments are those of `find_best`; the last arrays are filled.
    """
    if active.shape[0] == 0 or tile.c.nmodel == 0:
        return
    cdef tile_t t = tile.c
    cdef data_t d = data.at(t.iz)
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
