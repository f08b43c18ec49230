"""What all drivers share: the SIMD level, the number of threads that pay off."""

from libc.stddef cimport ptrdiff_t


cdef extern from "simd.h" nogil:
    int simd_level()

cdef extern from "threads.h" nogil:
    int threads_for(ptrdiff_t nitem, double enough_for, int n)

cdef int useful_threads(ptrdiff_t nitem, double multiply_adds, int n_threads) except -1
