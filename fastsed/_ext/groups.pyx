"""Groups of similar models: shapes in, an order in which neighbours resemble each other out."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t


cdef extern from "groups.h" nogil:
    ctypedef struct points_t:
        const float *x
        ptrdiff_t ndim, n

    void order_by_likeness(const points_t *, int32_t *, ptrdiff_t, ptrdiff_t) noexcept


def order_in_groups(const float[:, ::1] shapes, int32_t[::1] place, ptrdiff_t size):
    """Order points so that each `size` in a row, counted from the first, are near to each other.

    Parameters
    ----------
    shapes : (ndim, n)
        Coordinates of the points, finite.
    place : (m,)
        Numbers of the points to order; they are put into the new order.
    size : int
    """
    cdef points_t points
    points.x, points.ndim, points.n = &shapes[0, 0], shapes.shape[0], shapes.shape[1]
    with nogil:
        order_by_likeness(&points, &place[0], place.shape[0], size)
