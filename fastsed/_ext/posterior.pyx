"""Posteriors: pieces of tiles and the data of some sources in; sums of weights over axes and properties out."""

from cython.parallel cimport prange, threadid
from fastsed._ext cimport runtime
from fastsed._ext.chi2_types cimport data_t, tile_t
from fastsed._ext.scratch cimport Scratch
from fastsed._ext.views cimport DataView, TileView
from libc.math cimport INFINITY
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

import numpy as np


cdef extern from "scratch.h" nogil:
    ptrdiff_t whole_lines(ptrdiff_t n, size_t size)

cdef extern from "posterior.h" nogil:
    ctypedef struct source_t:
        double total

    ctypedef struct histogram_t:
        int64_t low
        ptrdiff_t n
        double per_step
        double *weight

    ctypedef struct moments_t:
        double origin, invalid, first, second

    ctypedef struct sums_t:
        double reference, largest, sum, squares, width

    ctypedef struct property_t:
        double factor, per_step
        int of_model, is_ratio

    ctypedef struct piece_t:
        tile_t tile
        const float *single
        const float *single_ln
        const double *unit
        ptrdiff_t single_stride
        ptrdiff_t ncell, npopulation, naxes
        const double *ln_weight
        const double *values
        const int64_t *cell_bins
        const int64_t *population_bins
        const int64_t *cell_of
        const int64_t *population_of
        int64_t z_bin, metal_bin

    ctypedef struct weighing_t:
        ptrdiff_t nproperty, nbin, nz, nmodel_property
        const property_t *property
        double cut
        int marginal

    ctypedef struct posterior_t:
        sums_t *sums
        double *axes
        double *least_chi2
        moments_t *moments
        histogram_t *histograms
        double *population
        double *cells
        ptrdiff_t npopulation, ncell
        int failed

    ctypedef struct member_t:
        posterior_t posterior
        source_t source
        double *inverse_variance
        double offset
        int takes_part, is_waiting

    ctypedef struct posterior_kernels_t:
        void (*weigh_piece)(const piece_t *, const weighing_t *, member_t *, ptrdiff_t, double *) noexcept nogil
        void (*multiply_adds)(ptrdiff_t, const double *, const double *, const double *, double *) noexcept nogil

    enum:
        LANES_ "LANES"
        GROUP_OF_SOURCES

    posterior_kernels_t choose_posterior_kernels(int level)
    ptrdiff_t scratch_of_models(ptrdiff_t nband, ptrdiff_t nmodel)
    ptrdiff_t scratch_of_source(ptrdiff_t nband, ptrdiff_t nmodel)
    void place_source(member_t *, ptrdiff_t nband, double *scratch) noexcept
    void add_populations(const piece_t *, const weighing_t *, posterior_t *) noexcept
    void add_cells(const piece_t *, posterior_t *) noexcept
    source_t prepare_source(const data_t *, int64_t, double *) noexcept
    void join_posteriors(const weighing_t *, posterior_t *, posterior_t *) noexcept
    void trim_bins(histogram_t *) noexcept
    int broaden(histogram_t *, const weighing_t *, double, const posterior_kernels_t *) noexcept
    void histogram_quantiles(const histogram_t *, const double *, ptrdiff_t, double *) noexcept


# populations of a piece are padded to a multiple of it
LANES = LANES_


def multiply_adds(const double[::1] x, const double[::1] y, const double[::1] z):
    """x y + z with one rounding, as the sums have it at the SIMD level in use; (n,) each, n a multiple of `LANES`."""
    if not (x.shape[0] == y.shape[0] == z.shape[0] and x.shape[0] % LANES_ == 0):
        raise ValueError(f"{x.shape[0]}, {y.shape[0]} and {z.shape[0]} numbers, not as many multiples of {LANES_}")
    found = np.empty(x.shape[0])
    cdef double[::1] out = found
    if x.shape[0]:
        choose_posterior_kernels(runtime.simd_level()).multiply_adds(x.shape[0], &x[0], &y[0], &z[0], &out[0])
    return found


cdef class PieceView:
    """Some models of a tile as the kernel sees them: the fields of `piece_t` (posterior.h).

    Parameters
    ----------
    tile : TileView
        Fluxes (nband, ncell x npopulation).
    single : (nband, >= ncell x npopulation) float32
        Fluxes over `unit`, and zeros.
    single_ln : (>= ncell x npopulation,) float32
        `ln_weight`, rounded up, and -inf.
    unit : (nband,)
    ln_weight : (ncell x npopulation,)
    values : (nproperty, ncell x npopulation)
    cell_bins : (2, ncell)
    population_bins : (naxes, npopulation)
    cell_of, population_of : (ncell x npopulation / LANES,)
        Dust cell, and first population, of each `LANES` models.
    z_bin, metal_bin : int
    """

    cdef piece_t c
    cdef tuple arrays

    def __init__(self, TileView tile, single, single_ln, unit, ln_weight, values, cell_bins, population_bins,
                 cell_of, population_of, int64_t z_bin, int64_t metal_bin):
        cdef const float[:, ::1] single_view = single
        cdef const float[::1] single_ln_view = single_ln
        cdef const double[::1] unit_view = unit
        cdef const double[::1] weight_view = ln_weight
        cdef const double[:, ::1] values_view = values
        cdef const int64_t[:, ::1] cell_view = cell_bins, population_view = population_bins
        self.c.tile = tile.c
        self.c.ncell, self.c.npopulation = cell_view.shape[1], population_view.shape[1]
        self.c.naxes = population_view.shape[0]
        self.c.single, self.c.single_stride = &single_view[0, 0], single_view.shape[1]
        self.c.single_ln, self.c.unit = &single_ln_view[0], &unit_view[0]
        self.c.ln_weight = &weight_view[0]
        self.c.values = &values_view[0, 0] if values_view.shape[0] else NULL
        self.c.cell_bins, self.c.population_bins = &cell_view[0, 0], &population_view[0, 0]
        cdef const int64_t[::1] cell_of_view = cell_of, population_of_view = population_of
        self.c.cell_of, self.c.population_of = &cell_of_view[0], &population_of_view[0]
        self.c.z_bin, self.c.metal_bin = z_bin, metal_bin
        self.arrays = (tile, single, single_ln, unit, ln_weight, values, cell_bins, population_bins,
                       cell_of, population_of)


cdef class Weights:
    """Sums of the weights of the models of some sources.

    Parameters
    ----------
    n_sources : int
    n_bins : int
        Of all axes together.
    n_redshifts : int
    factor, per_step, of_model, is_ratio : (nproperty,)
        The fields of `property_t` (posterior.h).
    cut : float
        Models whose ln w is so much below the largest are left out.
    marginal : bool
        Whether the scale is integrated over.

    Attributes
    ----------
    sums : (nsource, 5)
        The fields of `sums_t`.
    axes : (nsource, nbin)
        Weights of the values of each axis.
    moments : (nsource, nproperty, 4)
        The fields of `moments_t`.
    least_chi2 : (nsource, nz)
        Of the models that may count at each redshift: inf where there are none, -inf where it is not known.
    """

    cdef readonly object sums, axes, moments, least_chi2
    cdef weighing_t c
    cdef Scratch scratch
    cdef property_t *properties
    cdef histogram_t *histograms
    cdef ptrdiff_t nsource

    def __cinit__(self, ptrdiff_t n_sources, ptrdiff_t n_bins, ptrdiff_t n_redshifts, const double[::1] factor,
                  const double[::1] per_step, const unsigned char[::1] of_model, const unsigned char[::1] is_ratio,
                  double cut, bint marginal):
        cdef ptrdiff_t n = factor.shape[0], k
        self.scratch = Scratch()
        self.properties = <property_t *> self.scratch.take(n, sizeof(property_t), "properties")
        for k in range(n):
            self.properties[k].factor, self.properties[k].per_step = factor[k], per_step[k]
            self.properties[k].of_model, self.properties[k].is_ratio = of_model[k], is_ratio[k]
            self.c.nmodel_property += of_model[k]
        purpose = f"the posteriors of {n_sources} sources"
        # freed by __dealloc__, which must find them
        self.histograms = <histogram_t *> calloc(max(n * n_sources, 1), sizeof(histogram_t))
        if self.histograms == NULL:
            raise MemoryError(f"no memory for {purpose}")
        self.nsource = n_sources
        self.c.nproperty, self.c.nbin, self.c.nz, self.c.property = n, n_bins, n_redshifts, self.properties
        self.c.cut, self.c.marginal = cut, marginal
        self.sums = np.zeros((n_sources, 5))
        self.sums[:, 1] = -np.inf
        self.axes = np.zeros((n_sources, n_bins))
        self.least_chi2 = np.full((n_sources, n_redshifts), np.inf)
        self.moments = np.zeros((n_sources, n, 4))
        self.moments[:, :, 0] = np.nan

    def __dealloc__(self):
        cdef ptrdiff_t k
        if self.histograms != NULL:
            for k in range(self.nsource * self.c.nproperty):
                free(self.histograms[k].weight)
            free(self.histograms)

    cdef posterior_t first(self):
        """That of the first source, whose arrays the others follow."""
        cdef double[:, ::1] sums = self.sums, axes = self.axes, least_chi2 = self.least_chi2
        cdef double[:, :, ::1] moments = self.moments
        cdef posterior_t p
        p.sums, p.axes, p.least_chi2 = <sums_t *> &sums[0, 0], &axes[0, 0], &least_chi2[0, 0]
        p.moments = <moments_t *> &moments[0, 0, 0] if self.c.nproperty else NULL
        p.histograms, p.failed = self.histograms, 0
        p.population, p.cells, p.npopulation, p.ncell = NULL, NULL, 0, 0
        return p

    def add(self, list pieces, DataView data not None, int64_t first, const double[:, ::1] ln_z,
            const int64_t[::1] first_z, const int64_t[::1] last_z, int n_threads):
        """Add the models of some pieces.

        Parameters
        ----------
        pieces : list of PieceView
        data : DataView
        first : int
            Row of the first source in `data`.
        ln_z : (1 or nsource, nz)
            Logarithm of prior and cell width of each redshift.
        first_z, last_z : (nsource,)
            Redshift indices that each source takes, both included.
        n_threads : int
        """
        cdef ptrdiff_t npiece = len(pieces), nsource = self.nsource, stride = 0, models = 0, most = 0, k
        if npiece == 0 or nsource == 0:
            return
        cdef Scratch scratch = Scratch()
        cdef piece_t *each = <piece_t *> scratch.take(npiece, sizeof(piece_t), f"{npiece} pieces")
        cdef PieceView piece
        for k in range(npiece):
            piece = pieces[k]
            each[k] = piece.c
            stride = max(stride, piece.c.tile.stride)
            models += piece.c.tile.nmodel
            most = max(most, piece.c.npopulation + piece.c.ncell * LANES_)
        cdef data_t d = data.c
        cdef posterior_t start = self.first()
        cdef ptrdiff_t ngroup = (nsource + GROUP_OF_SOURCES - 1) // GROUP_OF_SOURCES, shared = ln_z.shape[0] == 1
        cdef int used = runtime.useful_threads(ngroup, 4.0 * nsource * models * d.nband, n_threads), failed = 0
        cdef ptrdiff_t waiting = whole_lines(most, 8), each_source = waiting + scratch_of_source(d.nband, stride)
        cdef ptrdiff_t size = GROUP_OF_SOURCES * each_source + scratch_of_models(d.nband, stride)
        cdef double *memory = scratch.doubles(size * used, "the weights of the models")
        cdef posterior_kernels_t kernels = choose_posterior_kernels(runtime.simd_level())
        with nogil:
            for k in prange(ngroup, num_threads=used, schedule="dynamic"):
                failed |= weigh_group(each, npiece, &d, &self.c, start, k * GROUP_OF_SOURCES, nsource, first,
                                      &ln_z[0, 0], 0 if shared else ln_z.shape[1], &first_z[0], &last_z[0], &kernels,
                                      waiting, each_source, memory + threadid() * size)
        if failed:
            raise MemoryError(f"no memory for the posteriors of {nsource} sources")

    def join(self, Weights other not None):
        """Add the sums of another part of the models for the same sources; those of `other` are used up."""
        if self.nsource == 0:
            return
        np.minimum(self.least_chi2, other.least_chi2, out=self.least_chi2)
        cdef posterior_t mine = self.first(), theirs = other.first()
        cdef posterior_t a, b
        cdef ptrdiff_t i
        cdef int failed = 0
        with nogil:
            for i in range(self.nsource):
                a, b = of_source(mine, &self.c, i), of_source(theirs, &self.c, i)
                join_posteriors(&self.c, &a, &b)
                failed |= a.failed
        if failed:
            raise MemoryError(f"no memory for the posteriors of {self.nsource} sources")

    def broaden(self, const double[::1] width, const double[::1] probability, int n_threads):
        """Convolve the histograms of the properties that scale with Gaussians: the scale's error widens them.

        Parameters
        ----------
        width : (nsource,)
            Standard deviation of the scale, in dex.
        probability : (nprobability,)
        n_threads : int

        Returns
        -------
        (nsource, nproperty, nprobability)
            Quantiles, linear inside a bin; NaN without any weight.
        """
        cdef ptrdiff_t nproperty = self.c.nproperty, nprobability = probability.shape[0], i, k
        found = np.full((self.nsource, nproperty, nprobability), np.nan)
        cdef double[:, :, ::1] quantiles = found
        cdef int failed = 0
        cdef histogram_t *histograms
        cdef posterior_kernels_t kernels = choose_posterior_kernels(runtime.simd_level())
        with nogil:
            for i in prange(self.nsource, num_threads=n_threads, schedule="dynamic", chunksize=64):
                histograms = self.histograms + i * nproperty
                failed |= not broaden(histograms, &self.c, width[i], &kernels)
                for k in range(nproperty if nprobability else 0):
                    histogram_quantiles(histograms + k, &probability[0], nprobability, &quantiles[i, k, 0])
        if failed:
            raise MemoryError(f"no memory for the posteriors of {self.nsource} sources")
        return found

    def histograms_of(self, ptrdiff_t quantity):
        """The histograms of a property, one after the other.

        Returns
        -------
        low : (nsource,) int64
            The first bin begins at low / per_step.
        counts : (nsource,) int64
            Bins of each source.
        per_step : (nsource,)
            Bins per unit; 0 without any weight.
        weights : (sum of counts,)
        """
        low, counts = np.zeros(self.nsource, dtype=np.int64), np.zeros(self.nsource, dtype=np.int64)
        per_step = np.zeros(self.nsource)
        cdef int64_t[::1] low_view = low, counts_view = counts
        cdef double[::1] per_step_view = per_step
        cdef ptrdiff_t i, total = 0
        cdef histogram_t h
        for i in range(self.nsource):
            trim_bins(self.histograms + i * self.c.nproperty + quantity)
            h = self.histograms[i * self.c.nproperty + quantity]
            low_view[i], counts_view[i], per_step_view[i] = h.low, h.n, h.per_step
            total += h.n
        weights = np.empty(total)
        cdef double[::1] weights_view = weights
        total = 0
        for i in range(self.nsource):
            h = self.histograms[i * self.c.nproperty + quantity]
            if h.n:
                memcpy(&weights_view[total], h.weight, h.n * sizeof(double))
            total += h.n
        return low, counts, per_step, weights


cdef posterior_t of_source(posterior_t first, const weighing_t *c, ptrdiff_t i) noexcept nogil:
    """The sums of source i."""
    first.sums += i
    first.axes += i * c.nbin
    first.least_chi2 += i * c.nz
    first.moments += i * c.nproperty
    first.histograms += i * c.nproperty
    return first


cdef int weigh_group(const piece_t *pieces, ptrdiff_t npiece, const data_t *data, const weighing_t *c,
                     posterior_t first, ptrdiff_t start, ptrdiff_t nsource, int64_t row, const double *ln_z,
                     ptrdiff_t ln_z_stride, const int64_t *first_z, const int64_t *last_z,
                     const posterior_kernels_t *kernels, ptrdiff_t waiting, ptrdiff_t each_source,
                     double *scratch) noexcept nogil:
    """Add all pieces to some sources; whether memory was short."""
    cdef ptrdiff_t k, i, n = min(GROUP_OF_SOURCES, nsource - start)
    cdef int64_t iz
    cdef data_t d = data[0]
    cdef member_t[GROUP_OF_SOURCES] members
    cdef member_t *m
    cdef int failed = 0
    for i in range(n):
        m = members + i
        m.posterior = of_source(first, c, start + i)
        # weights of populations and cells that are not yet in axes and histograms
        m.posterior.population = scratch
        m.is_waiting = 0
        memset(scratch, 0, waiting * sizeof(double))
        place_source(m, d.nband, scratch + waiting)
        scratch += each_source
    for k in range(npiece):
        iz = pieces[k].tile.iz
        d.template_error2 = data.template_error2 + iz * d.nband
        for i in range(n):
            m = members + i
            m.posterior.npopulation, m.posterior.ncell = pieces[k].npopulation, pieces[k].ncell
            m.posterior.cells = m.posterior.population + pieces[k].npopulation
            m.offset = ln_z[(start + i) * ln_z_stride + iz]
            m.takes_part = first_z[start + i] <= iz <= last_z[start + i] and m.offset > -INFINITY
            if m.takes_part:
                m.source = prepare_source(&d, row + start + i, m.inverse_variance)
                m.takes_part = m.source.total > 0
        kernels.weigh_piece(pieces + k, c, members, n, scratch)
        # the next piece may have the same populations
        if k + 1 < npiece and pieces[k + 1].population_bins == pieces[k].population_bins:
            continue
        for i in range(n):
            m = members + i
            if m.is_waiting:
                add_populations(pieces + k, c, &m.posterior)
                add_cells(pieces + k, &m.posterior)
                memset(m.posterior.population, 0, waiting * sizeof(double))
                m.is_waiting = 0
    for i in range(n):
        failed |= members[i].posterior.failed
    return failed
