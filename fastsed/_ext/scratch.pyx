"""Memory of the drivers: freed when its owner goes, whatever happens in between."""

from libc.stdlib cimport calloc, free, realloc


cdef extern from "scratch.h" nogil:
    const int LINE
    double *first_line(double *)


cdef class Scratch:
    """Zeroed blocks of memory, which live as long as this object."""

    def __dealloc__(self):
        cdef int k
        for k in range(self.count):
            free(self.blocks[k])
        free(self.blocks)

    cdef void *take(self, size_t n, size_t size, str purpose) except NULL:
        """A block of n elements, at least one.

        Raises
        ------
        MemoryError
            Which says what the memory was for.
        """
        cdef void **blocks
        cdef void *block = NULL
        if self.count == self.capacity:
            blocks = <void **> realloc(self.blocks, (self.capacity + 8) * sizeof(void *))
            if blocks == NULL:
                raise MemoryError(f"no memory for {purpose}")
            self.blocks, self.capacity = blocks, self.capacity + 8
        block = calloc(n if n > 0 else 1, size)
        if block == NULL:
            raise MemoryError(f"no memory for {purpose}")
        self.blocks[self.count] = block
        self.count += 1
        return block

    cdef double *doubles(self, size_t n, str purpose) except NULL:
        """n doubles that begin with a cache line."""
        return first_line(<double *> self.take(n + LINE // sizeof(double), sizeof(double), purpose))
