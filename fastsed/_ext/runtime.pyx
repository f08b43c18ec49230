"""The machine the kernels run on: OpenMP, the SIMD level, the number of threads that pay off."""

cdef extern from *:
    """
    #ifdef _OPENMP
    #define FASTSED_OPENMP 1
    #else
    #define FASTSED_OPENMP 0
    #endif
    """
    const int FASTSED_OPENMP

SIMD_NAMES = ("scalar", "avx2", "avx512")

# a thread that waits for the end of a tile keeps a processor from those that make the next ones: each needs enough to
# do, some tenths of a millisecond
MULTIPLY_ADDS_PER_THREAD = 2_000_000


def has_openmp():
    """Whether the kernels were built with OpenMP."""
    return bool(FASTSED_OPENMP)


def simd_name():
    """Name of the SIMD level in use: "scalar", "avx2" or "avx512"."""
    return SIMD_NAMES[simd_level()]


cdef int useful_threads(ptrdiff_t nitem, double multiply_adds, int n_threads) except -1:
    """How many of the threads have something to do."""
    return threads_for(nitem, multiply_adds / MULTIPLY_ADDS_PER_THREAD, n_threads)
