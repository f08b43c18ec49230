"""Fits of stars: the order of the models, the tree over them, bins of their parameters, the fit itself."""

import numpy as np

from cython.parallel cimport prange, threadid
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset


cdef extern from "stars.h" nogil:
    int FAN, BLOCK, C_MAX_BANDS "MAX_BANDS", MAX_LEVELS
    int simd_level()
    ctypedef struct tree_t:
        ptrdiff_t nband, padded, nmodel, ngroup, nblock, record
        int nlevel, full, exhaustive
        double top
        const double *exact
        const float *leaf
        const double *centre
        const float *spread
        const float *node[8]
        const uint32_t *row
    ctypedef struct search_t:
        double window

cdef extern from "stars_build.h" nogil:
    ctypedef struct entries_t:
        float *entry
        ptrdiff_t ndim, width
    void coordinates(const double *, ptrdiff_t, ptrdiff_t, ptrdiff_t, const double *, const double *, float *,
                     ptrdiff_t) noexcept
    void order_entries(const entries_t *, ptrdiff_t, ptrdiff_t) noexcept
    void build_block(const tree_t *, ptrdiff_t, const double *, float *, double *, float *, double *) noexcept
    void build_node(const double *, ptrdiff_t, ptrdiff_t, float *, double *) noexcept

cdef extern from "stars_reduce.h" nogil:
    int C_MAX_PARAMETERS "MAX_PARAMETERS"
    ctypedef struct parameters_t:
        ptrdiff_t nspectrum, ndust, nparameter, nbin
        ptrdiff_t n[3]
        const int32_t *number[3]
        const uint32_t *code[2]
        const double *value[2]
        const uint8_t *of_model
        ptrdiff_t stride
        const int64_t *start
        const int32_t *size
        const double *centre
        ptrdiff_t naxis[3]
        ptrdiff_t npair, nbin2
        const uint16_t *axis_code[2]
        const uint16_t *axis_of_model
        const int32_t *pair
        const int32_t *pair_kind
        const int32_t *mixed
        ptrdiff_t nmixed
        const int64_t *pair_start
        const int32_t *axis_size
    ctypedef struct summary_t:
        int64_t best_row, chi2_row, nmember
        double ln_p_max, log_norm, chi2_min

cdef extern from "stars_fit.h" nogil:
    ctypedef struct outputs_t:
        int16_t *status
        summary_t *summary
        double *expectation
        double *percentile
        double **pdf1d
        double **pdf2d
        int swap
        int64_t nsample
        uint64_t seed
    ctypedef struct samples_t:
        int64_t *row
        float *lnp
        float *chi2
        ptrdiff_t n
    ctypedef struct worker_t:
        search_t search
        samples_t samples
        ptrdiff_t start
        int failed
    ptrdiff_t fit_star(worker_t *, const parameters_t *, const outputs_t *, const double *, ptrdiff_t, uint64_t,
                       int) noexcept
    int raise_best(worker_t *, const double *, double *, int) noexcept
    ptrdiff_t add_star(worker_t *, const parameters_t *, const outputs_t *, const double *, ptrdiff_t, double,
                       int) noexcept
    ptrdiff_t draw_by_key(worker_t *, const outputs_t *, uint64_t, uint64_t) noexcept
    uint64_t sample_key(uint64_t, uint64_t, uint64_t) noexcept
    int start_worker(worker_t *, const tree_t *, const parameters_t *, double) noexcept
    void end_worker(worker_t *) noexcept

cdef extern from "stars_columns.h" nogil:
    const uint32_t C_NO_ID "NO_ID"
    ctypedef struct distinct_t:
        ptrdiff_t nkey, ncolumn, n, limit
        ptrdiff_t key[4]
        double *row
        uint8_t *differs
        int given_up
    ctypedef struct column_t:
        double least, most
        int finite, many
        ptrdiff_t n
        uint64_t mask
        double *values
    int number_rows(distinct_t *, const double *, ptrdiff_t, int, uint32_t *) noexcept
    void free_distinct(distinct_t *) noexcept
    int start_column(column_t *, ptrdiff_t) noexcept
    void scan_column(column_t *, const double *, ptrdiff_t, ptrdiff_t) noexcept
    void bin_values(const double *, ptrdiff_t, const uint32_t *, const double *, const double *, const double *,
                    ptrdiff_t, int, uint16_t, float *, ptrdiff_t, uint16_t *, ptrdiff_t) noexcept


MAX_BANDS = C_MAX_BANDS
GROUP_SIZE = FAN
NO_ID = C_NO_ID
# models ordered by one thread
ORDER_PART = 1 << 16
# stars that one thread takes at a time: each helps the next
STARS_A_TURN = 32


def order_by_likeness(const double[:, ::1] flux, ptrdiff_t nband, constants, const double[::1] ratio,
                      const double[::1] floors):
    """The order that halves points along their widest coordinate at multiples of powers of 16.

    Parameters
    ----------
    flux : (n, at least nband)
        Fluxes in the first columns.
    nband : int
    constants : (n,) float32, or None
        One more coordinate.
    ratio, floors : (nband,)
        Typical flux/error of bright models, and errors of faint ones.

    Returns
    -------
    (n,) uint32
    """
    cdef ptrdiff_t n = flux.shape[0], extra = constants is not None, width, i
    cdef const float[::1] more
    cdef entries_t entries
    cdef uint32_t number
    if nband > C_MAX_BANDS:
        raise ValueError(f"{nband} bands; at most {C_MAX_BANDS} can be fitted")
    width = nband + extra + 1
    memory = np.empty((max(n, 1), width), dtype=np.float32)
    order = np.empty(n, dtype=np.uint32)
    cdef float[:, ::1] view = memory
    cdef uint32_t[::1] numbers = order
    if n == 0:
        return order
    if extra:
        more = constants
    with nogil:
        coordinates(&flux[0, 0], flux.shape[1], n, nband, &ratio[0], &floors[0], &view[0, 0], width)
        for i in range(n):
            if extra:
                view[i, nband] = more[i]
            number = <uint32_t> i
            memcpy(&view[i, width - 1], &number, sizeof(number))
        entries.entry, entries.ndim, entries.width = &view[0, 0], nband + extra, width
        order_entries(&entries, 0, n)
        for i in range(n):
            memcpy(&numbers[i], &view[i, width - 1], sizeof(number))
    return order


cdef class StarTree:
    """Models of stars in the order of likeness, with bounds for the search.

    Parameters
    ----------
    exact : (n, record)
        Fluxes (nband,), ln of what multiplies exp(-chi2 / 2), zeros up to `padded` numbers; then 1/errors (padded,),
        or the upper triangle of the inverse covariance, elements off the diagonal twice.
    rows : (n,) uint32
        Rows of the grid.
    nband, padded : int
    smallest : (n,), or None
        Of a full covariance: c such that chi2 >= c x sum of (diagonal x squared difference).
    exhaustive : bool
        Do not search: compare with every model.
    n_threads : int
    """

    cdef tree_t c
    cdef list arrays

    def __init__(self, const double[:, ::1] exact, const uint32_t[::1] rows, ptrdiff_t nband, ptrdiff_t padded,
                 smallest, bint exhaustive, int n_threads):
        cdef tree_t *t = &self.c
        cdef const double[::1] least
        cdef const double *least_of = NULL
        cdef ptrdiff_t b, nrange = 4 * nband + 1, n = exact.shape[0]
        if n == 0 or nband > C_MAX_BANDS:
            raise ValueError(f"a tree needs models, and at most {C_MAX_BANDS} bands")
        t.nband, t.padded, t.nmodel, t.record = nband, padded, n, exact.shape[1]
        t.ngroup = (n + FAN - 1) // FAN
        t.nblock = (t.ngroup + FAN - 1) // FAN
        t.ngroup = t.nblock * FAN
        t.full, t.exhaustive = smallest is not None, exhaustive
        t.exact, t.row = &exact[0, 0], &rows[0]
        t.top = np.max(np.asarray(exact)[:, nband])
        if smallest is not None:
            least = smallest
            least_of = &least[0]
        self.arrays = [exact, rows]
        cdef float[:, :, ::1] leaf = np.empty((t.ngroup, 2 * nband + 1, FAN), dtype=np.float32)
        cdef double[:, ::1] centre = np.empty((t.nblock, nband))
        cdef float[::1] spread = np.empty(t.nblock, dtype=np.float32)
        cdef double[:, :, ::1] ranges = np.empty((t.nblock, FAN, nrange))
        # models that fill up the last block are zeros of constant -inf
        np.asarray(leaf)[(t.nblock - 1) * FAN :] = 0
        with nogil:
            for b in prange(t.nblock, num_threads=n_threads, schedule="static"):
                build_block(t, b, least_of, &leaf[0, 0, 0], &centre[0, 0], &spread[0], &ranges[0, 0, 0])
        t.leaf, t.centre, t.spread = &leaf[0, 0, 0], &centre[0, 0], &spread[0]
        self.arrays += [leaf, centre, spread]
        self._build_levels(np.asarray(ranges).reshape(-1, nrange))

    cdef _build_levels(self, ranges):
        """Nodes of all levels from the ranges of the groups."""
        cdef tree_t *t = &self.c
        cdef ptrdiff_t n, i, nchild
        cdef int level = 0
        cdef double[:, ::1] below, above
        cdef float[:, :, ::1] node
        while True:
            level += 1
            nchild = len(ranges)
            n = (nchild + FAN - 1) // FAN
            node = np.empty((n, 4 * t.nband + 1, FAN), dtype=np.float32)
            below, above = ranges, np.empty((n, 4 * t.nband + 1))
            with nogil:
                for i in range(n):
                    build_node(&below[i * FAN, 0], min(<ptrdiff_t> FAN, nchild - i * FAN), t.nband, &node[i, 0, 0],
                               &above[i, 0])
            self.arrays.append(node)
            t.node[level], t.nlevel, ranges = &node[0, 0, 0], level, np.asarray(above)
            if n == 1:
                return
            if level == MAX_LEVELS - 1:
                raise ValueError(f"more than {FAN ** MAX_LEVELS} models")


cdef class StarParameters:
    """Values and bins of the parameters of a tree's models.

    Parameters
    ----------
    numbers : three of (n,) int32
        Numbers of the parameters of spectra, of dust points, of models.
    codes, values : two of (nspectrum or ndust, n), uint32 and float64
        Bins in the histogram and values of the first two kinds.
    of_model : (nmodel, stride) uint8
        Of each model: differences from bin centres (float32), bins in the histogram (uint16), spectrum and dust point
        (uint32).
    start, size, centre : (nparameter,) int64 and int32, (nbin,)
        Where the bins of each parameter begin in the histogram, and their number; behind them is a further bin for
        values in none.
    axis_codes : three of (n, naxis) uint16
        Bins of the parameters that make pairs, of spectra, dust points, models.
    axis_size : (naxis,) int32
        Numbers of bins.
    pairs, kinds, pair_start : (npair, 2) int32, (npair,) int32, (npair + 1,) int64
        Axes of each pair; 0: both of the spectrum, 1: both of the dust, 2: neither; where its bins begin.
    """

    cdef parameters_t c
    cdef list arrays

    def __init__(self, numbers, codes, values, const uint8_t[:, ::1] of_model, const int64_t[::1] start,
                 const int32_t[::1] size, const double[::1] centre, axis_codes, const int32_t[::1] axis_size, const int32_t[:, ::1] pairs,
                 const int32_t[::1] kinds, const int64_t[::1] pair_start):
        cdef parameters_t *p = &self.c
        cdef const int32_t[::1] number, mixed
        cdef const uint16_t[:, ::1] axis_code
        cdef const uint32_t[:, ::1] code
        cdef const double[:, ::1] value
        cdef int kind
        if start.shape[0] > C_MAX_PARAMETERS:
            raise ValueError(f"{start.shape[0]} parameters; at most {C_MAX_PARAMETERS}")
        self.arrays = [numbers, codes, values, of_model, start, size, centre, axis_codes, axis_size, pairs,
                       kinds, pair_start]
        for kind in range(3):
            number = numbers[kind]
            p.n[kind], p.number[kind] = number.shape[0], &number[0] if number.shape[0] else NULL
            axis_code = axis_codes[kind]
            p.naxis[kind] = axis_code.shape[1]
            if kind < 2:
                p.axis_code[kind] = &axis_code[0, 0] if axis_code.size else NULL
                code, value = codes[kind], values[kind]
                p.code[kind] = &code[0, 0] if code.size else NULL
                p.value[kind] = &value[0, 0] if value.size else NULL
            else:
                p.axis_of_model = &axis_code[0, 0] if axis_code.size else NULL
        p.nspectrum, p.ndust = codes[0].shape[0], codes[1].shape[0]
        p.nparameter, p.nbin = start.shape[0], centre.shape[0]
        p.of_model, p.stride = &of_model[0, 0], of_model.shape[1]
        p.start, p.size, p.centre = &start[0], &size[0], &centre[0]
        p.npair = pairs.shape[0]
        p.pair_start, p.nbin2 = &pair_start[0], pair_start[pair_start.shape[0] - 1]
        if p.npair:
            mixed = np.flatnonzero(np.asarray(kinds) == 2).astype(np.int32)
            self.arrays.append(mixed)
            p.pair, p.pair_kind, p.axis_size = &pairs[0, 0], &kinds[0], &axis_size[0]
            p.nmixed, p.mixed = mixed.shape[0], &mixed[0] if mixed.shape[0] else NULL


SUMMARY = np.dtype([("best_row", "i8"), ("chi2_row", "i8"), ("n_models", "i8"), ("ln_p_max", "f8"),
                    ("log_norm", "f8"), ("chi2_min", "f8")])


cdef class StarFit:
    """Fits stars, some at a time.

    Parameters
    ----------
    tree : StarTree
    parameters : StarParameters
    threshold : float
        ln of the posterior relative to the largest, below which models do not count; not positive.
    n_samples : int
        At most so many samples of each star; all of them if negative.
    seed : int
    swap : bool
        PDFs in the byte order of FITS.
    n_threads : int
    """

    cdef StarTree tree
    cdef StarParameters parameters
    cdef worker_t *workers
    cdef int n_threads
    cdef outputs_t out

    def __init__(self, StarTree tree, StarParameters parameters, double threshold, int64_t n_samples, uint64_t seed,
                 bint swap, int n_threads):
        self.tree, self.parameters, self.n_threads = tree, parameters, max(1, n_threads)
        self.workers = <worker_t *> calloc(self.n_threads, sizeof(worker_t))
        if self.workers == NULL:
            raise MemoryError("no memory for the threads of the fit")
        for i in range(self.n_threads):
            if not start_worker(&self.workers[i], &tree.c, &parameters.c, threshold):
                raise MemoryError(f"no memory for a search among {tree.c.nmodel} models")
        self.out.nsample, self.out.seed, self.out.swap = n_samples, seed, swap

    def __dealloc__(self):
        if self.workers != NULL:
            for i in range(self.n_threads):
                end_worker(&self.workers[i])
            free(self.workers)

    def fit(self, const double[:, ::1] flux, const int64_t[::1] numbers, const uint32_t[::1] order, dict arrays):
        """Fit some stars.

        Parameters
        ----------
        flux : (nstar, nband)
        numbers : (nstar,)
            Of the stars, which decide what is drawn.
        order : (nstar,)
            In which they are fitted; it changes no result.
        arrays : dict
            To be filled: `status` (nstar,) int16, `summary` (nstar,) of SUMMARY, `expectation` (nstar, nparameter),
            `percentiles` (nstar, nparameter, 3), `pdf1d`, `pdf2d`: lists of arrays.

        Returns
        -------
        counts, rows, lnp, chi2 : arrays
            Number of samples of each star; the samples.
        """
        cdef ptrdiff_t nstar = flux.shape[0], nturn = (nstar + STARS_A_TURN - 1) // STARS_A_TURN, turn, j, i
        cdef outputs_t out = self.out
        cdef int level = simd_level(), thread, failed = 0
        cdef parameters_t *p = &self.parameters.c
        cdef ptrdiff_t turn_size = STARS_A_TURN
        cdef int64_t[::1] counts = np.zeros(nstar, dtype=np.int64), begins = np.zeros(nstar, dtype=np.int64)
        cdef int16_t[::1] status = arrays["status"], owner = np.zeros(nstar, dtype=np.int16)
        cdef double[:, ::1] expectation = arrays["expectation"]
        cdef double[:, :, ::1] percentiles = arrays["percentiles"]
        cdef summary_t[::1] summary = arrays["summary"]
        if nstar == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32)
        out.status, out.summary = &status[0], &summary[0]
        out.expectation = &expectation[0, 0] if p.nparameter else NULL
        out.percentile = &percentiles[0, 0, 0] if p.nparameter else NULL
        out.pdf1d, out.pdf2d = addresses(arrays["pdf1d"]), addresses(arrays["pdf2d"])
        for thread in range(self.n_threads):
            self.workers[thread].samples.n = 0
            self.workers[thread].failed = 0
        with nogil:
            for turn in prange(nturn, num_threads=self.n_threads, schedule="dynamic"):
                fit_turn(&self.workers[threadid()], p, &out, &flux[0, 0], flux.shape[1], turn * turn_size,
                         min(nstar, (turn + 1) * turn_size), &order[0], &numbers[0], &counts[0], &begins[0],
                         &owner[0], threadid(), level)
        free(out.pdf1d)
        free(out.pdf2d)
        for thread in range(self.n_threads):
            failed |= self.workers[thread].failed
        if failed:
            raise MemoryError("no memory for the models of a star")
        return self._gathered(counts, begins, owner)

    def raise_best(self, const double[:, ::1] flux, const uint32_t[::1] order, double[::1] best):
        """Raise the largest ln(posterior) that is known of some stars by that among these models.

        Parameters
        ----------
        flux : (nstar, nband)
        order : (n,)
            The stars, in the order in which they are searched.
        best : (nstar,)
            What is known, -inf for nothing; to be raised.
        """
        cdef ptrdiff_t n = order.shape[0], j, nband = flux.shape[1]
        cdef int level = simd_level(), failed = 0
        with nogil:
            for j in prange(n, num_threads=self.n_threads, schedule="dynamic", chunksize=32):
                if not raise_best(&self.workers[threadid()], &flux[order[j], 0], &best[order[j]], level):
                    failed |= 1
        if failed:
            raise MemoryError("no memory for the models of a star")

    def add(self, const double[:, ::1] flux, const int64_t[::1] numbers, const uint32_t[::1] order,
            const double[::1] best, const uint64_t[::1] limits, dict arrays):
        """Add what these models contribute to some stars whose best model among all is known.

        Parameters
        ----------
        flux, numbers, order
            As for `fit`; `order` names the stars that count.
        best : (nstar,)
            Largest ln(posterior) among all models.
        limits : (nstar,) uint64
            Models with larger keys are not stored.
        arrays : dict
            As for `fit`, native byte order; sums, to be added to. `log_norm` of the summary is the sum of weights.

        Returns
        -------
        counts, rows, lnp, chi2 : arrays
            As `fit` returns.
        """
        cdef ptrdiff_t n = order.shape[0], nstar = flux.shape[0], j, i, found
        cdef outputs_t out = self.out
        cdef int level = simd_level(), thread
        cdef parameters_t *p = &self.parameters.c
        cdef int64_t[::1] counts = np.zeros(nstar, dtype=np.int64), begins = np.zeros(nstar, dtype=np.int64)
        cdef int16_t[::1] owner = np.zeros(nstar, dtype=np.int16)
        cdef double[:, ::1] expectation = arrays["expectation"]
        cdef summary_t[::1] summary = arrays["summary"]
        if n == 0:
            return self._gathered(counts, begins, owner)
        out.summary = &summary[0]
        out.expectation = &expectation[0, 0] if p.nparameter else NULL
        out.pdf1d, out.pdf2d = addresses(arrays["pdf1d"]), addresses(arrays["pdf2d"])
        for thread in range(self.n_threads):
            self.workers[thread].samples.n = 0
            self.workers[thread].failed = 0
        with nogil:
            for j in prange(n, num_threads=self.n_threads, schedule="dynamic", chunksize=32):
                add_turn(&self.workers[threadid()], p, &out, &flux[0, 0], flux.shape[1], order[j], &best[0],
                         &numbers[0], &limits[0], &counts[0], &begins[0], &owner[0], threadid(), level)
        free(out.pdf1d)
        free(out.pdf2d)
        for thread in range(self.n_threads):
            if self.workers[thread].failed:
                raise MemoryError("no memory for the models of a star")
        return self._gathered(counts, begins, owner)

    def _gathered(self, const int64_t[::1] counts, const int64_t[::1] begins, const int16_t[::1] owner):
        """The samples of all stars in their order."""
        cdef ptrdiff_t i, at = 0, total = np.sum(counts)
        rows, lnp, chi2 = np.empty(total, np.int64), np.empty(total, np.float32), np.empty(total, np.float32)
        cdef int64_t[::1] row_of = rows
        cdef float[::1] lnp_of = lnp, chi2_of = chi2
        cdef samples_t *s
        if total:
            with nogil:
                for i in range(counts.shape[0]):
                    if counts[i] == 0:
                        continue
                    s = &self.workers[owner[i]].samples
                    memcpy(&row_of[at], s.row + begins[i], counts[i] * sizeof(int64_t))
                    memcpy(&lnp_of[at], s.lnp + begins[i], counts[i] * sizeof(float))
                    memcpy(&chi2_of[at], s.chi2 + begins[i], counts[i] * sizeof(float))
                    at += counts[i]
        return np.asarray(counts), rows, lnp, chi2


cdef double **addresses(list arrays) except? NULL:
    """Where some arrays begin."""
    cdef double **where = <double **> malloc((len(arrays) + 1) * sizeof(double *))
    cdef size_t address
    if where == NULL:
        raise MemoryError("no memory for the addresses of the PDFs")
    for i, array in enumerate(arrays):
        address = array.ctypes.data
        where[i] = <double *> address
    return where


cdef void fit_turn(worker_t *w, const parameters_t *p, const outputs_t *out, const double *flux, ptrdiff_t nband,
                   ptrdiff_t first, ptrdiff_t last, const uint32_t *order, const int64_t *numbers, int64_t *counts,
                   int64_t *begins, int16_t *owner, int thread, int level) noexcept nogil:
    """Some stars, by one thread."""
    cdef ptrdiff_t j, i, n
    for j in range(first, last):
        i = order[j]
        begins[i], owner[i] = w.samples.n, <int16_t> thread
        n = fit_star(w, p, out, flux + i * nband, i, <uint64_t> numbers[i], level)
        if n < 0:
            w.failed = 1
            return
        counts[i] = n


cdef void add_turn(worker_t *w, const parameters_t *p, const outputs_t *out, const double *flux, ptrdiff_t nband,
                   ptrdiff_t i, const double *best, const int64_t *numbers, const uint64_t *limits, int64_t *counts,
                   int64_t *begins, int16_t *owner, int thread, int level) noexcept nogil:
    """What some models contribute to a star, by one thread."""
    cdef ptrdiff_t n = add_star(w, p, out, flux + i * nband, i, best[i], level)
    begins[i], owner[i] = w.samples.n, <int16_t> thread
    if n > 0 and out.nsample != 0:
        n = draw_by_key(w, out, <uint64_t> numbers[i], limits[i])
        counts[i] = n
    if n < 0:
        w.failed = 1


def sample_keys(uint64_t seed, const int64_t[::1] numbers, const int64_t[::1] rows):
    """The numbers by which models of stars are chosen: those with the smallest are stored.

    Parameters
    ----------
    seed : int
    numbers, rows : (n,)
        Star and model.
    """
    keys = np.empty(rows.shape[0], dtype=np.uint64)
    cdef uint64_t[::1] view = keys
    cdef ptrdiff_t i
    for i in range(rows.shape[0]):
        view[i] = sample_key(seed, <uint64_t> numbers[i], <uint64_t> rows[i])
    return keys


cdef class DistinctRows:
    """Numbers rows by some of their columns, and finds the columns that are functions of these.

    Parameters
    ----------
    ncolumn : int
    keys : list of int
        At most four columns.
    in_turn : bool
        Numbers follow one another from row to row, rather than stay the same (only a matter of speed).
    limit : int
        Give up if there are more.
    """

    cdef distinct_t c
    cdef bint in_turn

    def __init__(self, ptrdiff_t ncolumn, list keys, bint in_turn, ptrdiff_t limit):
        memset(&self.c, 0, sizeof(self.c))
        self.c.ncolumn, self.c.nkey, self.c.limit, self.in_turn = ncolumn, len(keys), limit, in_turn
        for i, key in enumerate(keys[:4]):
            self.c.key[i] = key
        self.c.differs = <uint8_t *> calloc(ncolumn + 1, 1)
        if self.c.differs == NULL:
            raise MemoryError("no memory for the columns of a grid")

    def __dealloc__(self):
        free_distinct(&self.c)

    def number(self, const double[:, ::1] rows, uint32_t[::1] ids):
        """Number some rows."""
        if self.c.given_up or rows.shape[0] == 0:
            return
        if not number_rows(&self.c, &rows[0, 0], rows.shape[0], self.in_turn, &ids[0]):
            raise MemoryError(f"no memory for {self.c.n} different models")

    @property
    def given_up(self):
        """Whether there are more than the limit."""
        return bool(self.c.given_up)

    def functions(self):
        """Which columns are the same wherever the numbers are."""
        return np.array([self.c.differs[i] == 0 for i in range(self.c.ncolumn)], dtype=bool)

    def rows(self):
        """The first row of each number, (n, ncolumn)."""
        table = np.empty((self.c.n, self.c.ncolumn))
        cdef double[:, ::1] view = table
        if table.size:
            memcpy(&view[0, 0], self.c.row, table.nbytes)
        return table


cdef class ColumnRanges:
    """Extremes of columns, and their different values up to a limit.

    Parameters
    ----------
    ncolumn : int
    limit : int
    """

    cdef column_t *columns
    cdef ptrdiff_t ncolumn

    def __init__(self, ptrdiff_t ncolumn, ptrdiff_t limit):
        self.ncolumn = ncolumn
        self.columns = <column_t *> calloc(ncolumn + 1, sizeof(column_t))
        if self.columns == NULL:
            raise MemoryError("no memory for the columns of a grid")
        for i in range(ncolumn):
            if not start_column(&self.columns[i], limit):
                raise MemoryError("no memory for the values of a column")

    def __dealloc__(self):
        if self.columns != NULL:
            for i in range(self.ncolumn):
                free(self.columns[i].values)
            free(self.columns)

    def scan(self, const double[:, ::1] rows):
        """Take some rows into account."""
        cdef ptrdiff_t i
        if rows.shape[0] == 0:
            return
        with nogil:
            for i in range(self.ncolumn):
                scan_column(&self.columns[i], &rows[0, i], rows.shape[1], rows.shape[0])

    def result(self, ptrdiff_t i):
        """Smallest and largest value, whether all are finite, the different values (None if they are too many)."""
        cdef column_t *c = &self.columns[i]
        cdef uint64_t k
        if c.many or not c.finite:
            return c.least, c.most, bool(c.finite), None
        values = sorted(c.values[k] for k in range(c.mask + 1) if c.values[k] == c.values[k])
        return c.least, c.most, True, np.array(values)


def bin_column(const double[::1] positions, const double[::1] values, const uint32_t[::1] models,
               const double[::1] edges, const double[::1] centres, bint clamp, uint16_t start, of_model,
               ptrdiff_t column, ptrdiff_t ncolumn):
    """Bins of a parameter of models, and the differences from their centres, into the records of the models.

    Parameters
    ----------
    positions : (n,)
        Values on the scale of the edges.
    values : (n,)
    models : (n,) uint32
        Which models they are of; NO_ID for none.
    edges, centres : (nbin + 1,), (nbin + 1,)
        The last centre is that of values in no bin.
    clamp : bool
    start : int
        Where the parameter's bins begin in the histogram.
    of_model : (nmodel, stride) uint8
    column, ncolumn : int
    """
    cdef uint8_t[:, ::1] records = of_model
    cdef ptrdiff_t stride = records.shape[1]
    cdef float *difference = <float *> &records[0, 0] + column
    cdef uint16_t *code = <uint16_t *> (&records[0, 0] + 4 * ncolumn) + column
    if positions.shape[0]:
        with nogil:
            bin_values(&positions[0], positions.shape[0], &models[0], &edges[0], &values[0], &centres[0],
                       edges.shape[0] - 1, clamp, start, difference, stride // 4, code, stride // 2)
