"""Groups of similar models: fluxes in, directions side by side in groups out."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc


cdef extern from "groups.h" nogil:
    ctypedef struct shapes_t:
        ptrdiff_t ndim, stride, n
        double *x
        int64_t *lit

    ctypedef struct pair_t:
        ptrdiff_t stride
        double *x
        float *single
        double smallest

    void find_shapes(shapes_t *, const double *, ptrdiff_t, ptrdiff_t, int, double *, double *) noexcept
    int put_in_groups(const shapes_t *, ptrdiff_t, const pair_t *, const pair_t *, int64_t *) noexcept


cdef class Shapes:
    """Directions of the models that have flux.

    Parameters
    ----------
    models : (ncoordinate, nmodel), at least one of each
        Rows of adjacent numbers.
    scale : (ncoordinate,)
        Filled with the root mean square of each coordinate, by which the directions are divided.
    equal_axes : bool
        Leave all scales at one.
    """

    cdef shapes_t shapes

    def __cinit__(self, const double[:, :] models, double[::1] scale, bint equal_axes):
        cdef ptrdiff_t ndim = models.shape[0], nmodel = models.shape[1]
        if models.strides[1] != sizeof(double):
            raise ValueError("the numbers of a row must be adjacent")
        self.shapes.ndim, self.shapes.stride = ndim, nmodel
        self.shapes.x = <double *> malloc(ndim * nmodel * sizeof(double))
        self.shapes.lit = <int64_t *> malloc(nmodel * sizeof(int64_t))
        cdef double *scratch = <double *> malloc(nmodel * sizeof(double))
        if self.shapes.x == NULL or self.shapes.lit == NULL or scratch == NULL:
            free(scratch)
            raise MemoryError(f"no memory for {nmodel} models")
        with nogil:
            find_shapes(&self.shapes, &models[0, 0], models.strides[0] // sizeof(double), nmodel, equal_axes, &scale[0],
                        scratch)
        free(scratch)

    def __dealloc__(self):
        free(self.shapes.x)
        free(self.shapes.lit)

    def __len__(self):
        return self.shapes.n

    def put_in_groups(self, ptrdiff_t size, double smallest, double[:, ::1] rows, float[:, ::1] rows_single,
                      double[:, ::1] centres, float[:, ::1] centres_single, int64_t[::1] place):
        """Put the directions into an order in which each `size` in a row, counted from the first, resemble each other.

        Parameters
        ----------
        size : int
        smallest : float
            Smaller numbers are zero in single precision.
        rows, rows_single : (ncoordinate, ngroup * size)
            Filled with the directions, the last of which fills up the last group.
        centres, centres_single : (ncoordinate, at least ngroup)
            Filled with their means.
        place : (ngroup * size,)
            Filled with the numbers of the models.
        """
        if place.shape[0] == 0:
            return
        cdef pair_t all_rows = [rows.shape[1], &rows[0, 0], &rows_single[0, 0], smallest]
        cdef pair_t all_centres = [centres.shape[1], &centres[0, 0], &centres_single[0, 0], smallest]
        cdef bint enough
        with nogil:
            enough = put_in_groups(&self.shapes, size, &all_rows, &all_centres, &place[0])
        if not enough:
            raise MemoryError(f"no memory for {self.shapes.n} models")
