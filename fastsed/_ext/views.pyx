"""Tiles, data and groups of models as the kernels see them: numpy arrays in, their addresses and sizes out.

A view keeps its arrays alive; their shapes are checked by whoever makes it.
"""

from fastsed._ext.chi2_types cimport GROUP, data_t
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t

# models that `simulate` takes together
GROUP_SIZE = GROUP


cdef class TileView:
    """A tile as the kernels see it: the fields of `tile_t` (chi2_types.h), whose shapes are checked by the caller."""

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
    """The data of all sources as the kernels see them: the fields of `data_t` (chi2_types.h), likewise.

    `template_error2` (nz, nband) has a row for each redshift; `limit`, `limit_error`, `limited` are None without upper
    limits.
    """

    def __init__(self, value, variance, template_error2, own_spec_scale, log_component, log_lir, log_error, limit=None,
                 limit_error=None, limited=None):
        cdef const double[:, ::1] value_view = value, variance_view = variance, error2_view = template_error2
        cdef const unsigned char[::1] own_view = own_spec_scale
        cdef const int[::1] component_view = log_component
        cdef const double[::1] lir_view = log_lir, lir_error_view = log_error
        self.c.nband = value_view.shape[1]
        self.c.value, self.c.variance = &value_view[0, 0], &variance_view[0, 0]
        self.c.template_error2, self.c.own_spec_scale = &error2_view[0, 0], &own_view[0]
        self.c.log_component, self.c.log_lir, self.c.log_error = &component_view[0], &lir_view[0], &lir_error_view[0]
        cdef const double[:, ::1] limit_view = limit, limit_error_view = limit_error
        cdef const unsigned char[::1] limited_view = limited
        self.c.limit = &limit_view[0, 0] if limit is not None else NULL
        self.c.limit_error = &limit_error_view[0, 0] if limit is not None else NULL
        self.c.limited = &limited_view[0] if limit is not None else NULL
        self.arrays = (value, variance, template_error2, own_spec_scale, log_component, log_lir, log_error, limit,
                       limit_error, limited)

    cdef data_t at(self, int64_t iz) noexcept:
        """The data beside models of one redshift."""
        cdef data_t d = self.c
        d.template_error2 += iz * d.nband
        return d


cdef class SpaceView:
    """Models in groups, and draws of the noise, as the kernels see them: the fields of `space_t` (chi2_types.h).

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
