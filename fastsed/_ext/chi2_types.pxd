"""The structures of the chi2 kernels: tiles, data, best fits."""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t


cdef extern from "chi2_types.h" nogil:
    ctypedef struct tile_t:
        ptrdiff_t nband, nmain, nmodel, stride
        const double *flux
        const double *dust
        const int64_t *ids
        const int64_t *order
        int64_t first, iz, nz

    ctypedef struct data_t:
        ptrdiff_t nband
        const double *value
        const double *variance
        const double *template_error2
        const unsigned char *own_spec_scale
        const int *log_component
        const double *log_lir
        const double *log_error
        const double *limit
        const double *limit_error
        const unsigned char *limited

    ctypedef struct best_t:
        pass

    ctypedef struct bests_t:
        double *chi2
        double *scale
        double *spec_scale
        double *tolerance
        int64_t *model
        int64_t *order

    ctypedef struct space_t:
        ptrdiff_t nspace, cut, ngroup, stride, ncentre, noise_stride
        const double *rows
        const float *rows_single
        const double *centres
        const float *centres_single
        const double *scale
        const int64_t *place
        const double *noise
        const float *noise_single
        const double *data
        const double *total
        double slack

    const int GROUP
