"""Memory of the drivers: freed when its owner goes, whatever happens in between."""


cdef class Scratch:
    cdef void **blocks
    cdef int count, capacity

    cdef void *take(self, size_t n, size_t size, str purpose) except NULL
    cdef double *doubles(self, size_t n, str purpose) except NULL
