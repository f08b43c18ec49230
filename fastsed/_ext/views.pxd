"""Tiles, data and groups of models as the kernels see them."""

from fastsed._ext.chi2_types cimport data_t, space_t, tile_t
from libc.stdint cimport int64_t


cdef class TileView:
    cdef tile_t c
    cdef tuple arrays


cdef class DataView:
    cdef data_t c
    cdef tuple arrays

    cdef data_t at(self, int64_t iz) noexcept


cdef class SpaceView:
    cdef space_t c
    cdef tuple arrays
