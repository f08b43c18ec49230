"""Monte Carlo simulations: tiles, data and noise in, the best model of every simulation of every source out."""

from cython.parallel cimport parallel, threadid
from fastsed._ext.chi2_types cimport GROUP, data_t, space_t, tile_t
from fastsed._ext.runtime cimport simd_level, useful_threads
from fastsed._ext.scratch cimport Scratch
from fastsed._ext.shares cimport bytes_of_shares, items_t, next_items, share_out, shares_in, shares_t
from fastsed._ext.views cimport DataView, SpaceView, TileView
from libc.math cimport INFINITY
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t


cdef extern from "chi2_simulations.h" nogil:
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

    const int SIMULATIONS_TOGETHER
    void add_squares(const double *flux, const double *weight, ptrdiff_t nband, ptrdiff_t n, double *norm2) noexcept
    simulators_t choose_simulators(int level)
    ptrdiff_t simulation_scratch(ptrdiff_t nband, const space_t *space, ptrdiff_t nsim)
    void simulate_source(const tile_t *, const data_t *, const simulators_t *, int64_t, space_t, simulations_t, int,
                         double *, double *) noexcept


cdef enum:
    # sources that take the tiles together, at most
    TOGETHER = 12
    # multiply-adds that would take as long as the best models of a simulation where nothing is known yet
    TRY = 10000


def simulation_parts(ptrdiff_t nsim):
    """Number of parts in which `simulate` takes `nsim` simulations."""
    return (nsim + SIMULATIONS_TOGETHER - 1) // SIMULATIONS_TOGETHER


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
    cdef Scratch scratch = Scratch()
    cdef task_t *tasks = <task_t *> scratch.take(ntask, sizeof(task_t), f"{ntask} tiles")
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
    purpose = f"{nsim} simulations"
    cdef double *each = scratch.doubles(scratch_size * used, purpose)
    cdef shares_t shares = shares_in(scratch.take(bytes_of_shares(used), 1, purpose), used)
    cdef items_t items = [0, 0]
    share_out(&shares, nitem)
    with nogil, parallel(num_threads=used):
        items = next_items(&shares, threadid(), TOGETHER)
        while items.first < items.end:
            simulate_items(tasks, ntask, &simulators, &results, nsource, items, each + threadid() * scratch_size)
            items = next_items(&shares, threadid(), TOGETHER)


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
