"""The threads that OpenMP keeps from one loop to the next."""


cdef extern from *:
    """
    #if defined(_OPENMP) && (_OPENMP >= 201811 || (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 9))
    #include <omp.h>
    static int fastsed_release_team(void) { return omp_pause_resource_all(omp_pause_hard); }
    #else
    static int fastsed_release_team(void) { return 0; }
    #endif
    """
    int fastsed_release_team() noexcept nogil


def release_team():
    """Let the threads that wait for work of the calling thread end; the next loop starts others.

    GCC's OpenMP would wait for ever, in a forked child, for threads that only its parent has.
    """
    with nogil:
        fastsed_release_team()
