"""Groups of similar models: fluxes in, directions side by side in groups out."""

from cython.parallel cimport prange
from fastsed._ext.scratch cimport Scratch
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t


cdef extern from "groups.h" nogil:
    ctypedef struct pair_t:
        ptrdiff_t stride
        double *x
        float *single
        double smallest

    ctypedef struct grouping_t:
        const double *x
        ptrdiff_t stride, ndim, n
        double *scale
        pair_t rows, centres
        int64_t *place
        ptrdiff_t ngroup

    void c_find_groups "find_groups" (grouping_t *, ptrdiff_t, bint) noexcept


cdef class Grouping:
    """Models, and room for them in groups.

    Parameters
    ----------
    models : (ncoordinate, nmodel), at least one of each
        Rows of adjacent numbers.
    scale : (ncoordinate,)
        To be filled with the root mean square of each coordinate, by which the directions are divided.
    rows : pair of (ncoordinate, n)
        In double and in single precision, n at least nmodel rounded up to whole groups: for the directions, the last
        of which fills up the last group.
    centres : pair of (ncoordinate, n)
        Likewise, n at least the number of groups: for their means, and zeros behind them.
    smallest : float
        Smaller numbers are zero in single precision.
    place : (n,)
        For the numbers of the models.
    """

    cdef grouping_t c
    cdef tuple arrays

    def __init__(self, models, double[::1] scale, tuple rows, tuple centres, double smallest, int64_t[::1] place):
        cdef const double[:, :] x = models
        cdef double[:, ::1] rows_view = rows[0], centres_view = centres[0]
        cdef float[:, ::1] rows_single = rows[1], centres_single = centres[1]
        if x.strides[1] != sizeof(double):
            raise ValueError("the numbers of a row must be adjacent")
        self.c.x, self.c.stride = &x[0, 0], x.strides[0] // sizeof(double)
        self.c.ndim, self.c.n = x.shape[0], x.shape[1]
        self.c.scale, self.c.place = &scale[0], &place[0]
        self.c.rows = [rows_view.shape[1], &rows_view[0, 0], &rows_single[0, 0], smallest]
        self.c.centres = [centres_view.shape[1], &centres_view[0, 0], &centres_single[0, 0], smallest]
        self.arrays = (models, scale, rows, centres, place)

    @property
    def n_groups(self):
        """Number of groups that were found; models without flux are in none."""
        return self.c.ngroup


def find_groups(list groupings, ptrdiff_t size, bint equal_axes, int n_threads):
    """Put models into an order in which each `size` in a row, counted from the first, resemble each other.

    Parameters
    ----------
    groupings : list of Grouping
        Each is filled by one thread.
    size : int
    equal_axes : bool
        Leave all scales at one.
    n_threads : int
    """
    cdef ptrdiff_t n = len(groupings), k
    cdef int used = max(1, min(n_threads, n))
    cdef Grouping grouping
    cdef Scratch scratch = Scratch()
    cdef grouping_t **each = <grouping_t **> scratch.take(n, sizeof(grouping_t *), f"{n} sets of models")
    for k in range(n):
        grouping = groupings[k]
        each[k] = &grouping.c
    with nogil:
        for k in prange(n, num_threads=used, schedule="dynamic"):
            c_find_groups(each[k], size, equal_axes)
    for grouping in groupings:
        if grouping.c.ngroup < 0:
            raise MemoryError(f"no memory for groups of {grouping.c.n} models")
