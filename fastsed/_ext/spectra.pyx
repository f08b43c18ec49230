"""Spectra of star formation histories at the ages of a grid: those of library files in, side by side out."""

from fastsed._ext.scratch cimport Scratch
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t

# wavelengths that are turned round together: all their spectra stay in the second cache
DEF RUN = 256


cdef void between(const float *early, const float *late, double early_share, double late_share, ptrdiff_t n,
                  float *out) noexcept nogil:
    cdef ptrdiff_t i
    for i in range(n):
        out[i] = <float> (early[i] * early_share + late[i] * late_share)


cdef void turned(const float *rows, ptrdiff_t nrow, ptrdiff_t stride, ptrdiff_t n, float *out,
                 ptrdiff_t out_stride) noexcept nogil:
    """out[i][row] = rows[row][i], some rows at a time: each line of the cache is written once."""
    cdef ptrdiff_t first, i, r, several
    for first in range(0, nrow, 16):
        several = min(16, nrow - first)
        for i in range(n):
            for r in range(several):
                out[i * out_stride + first + r] = rows[(first + r) * stride + i]


def interpolate_spectra(list histories, const int64_t[:, :] left, const double[:, :] early,
                        const double[:, :] late, float[:, :] out):
    """Spectra between two ages of a library, for several histories: out[wavelength, age * nhistory + history].

    Parameters
    ----------
    histories : list of (nlibrary_age, nlam) float32 arrays, the last axis contiguous
    left : (nhistory, nage) the earlier age of each pair
    early, late : (nhistory, nage) shares of the earlier and of the next age
    out : (nlam, nage * nhistory), the last axis contiguous
    """
    cdef ptrdiff_t nhistory = left.shape[0], nage = left.shape[1], nlam = out.shape[0], start, n, a, h, offset
    cdef const float[:, :] sed
    purpose = "the spectra of the library"
    cdef Scratch scratch = Scratch()
    cdef const char **first = <const char **> scratch.take(nhistory, sizeof(char *), purpose)
    cdef ptrdiff_t *stride = <ptrdiff_t *> scratch.take(nhistory, sizeof(ptrdiff_t), purpose)
    cdef float *rows = <float *> scratch.take(nage * nhistory * RUN, sizeof(float), purpose)
    for h in range(nhistory):
        sed = histories[h]
        first[h], stride[h] = <const char *> &sed[0, 0], sed.strides[0]
    with nogil:
        for start in range(0, nlam, RUN):
            n = min(<ptrdiff_t> RUN, nlam - start)
            offset = start * sizeof(float)
            for h in range(nhistory):
                for a in range(nage):
                    between(<const float *> (first[h] + left[h, a] * stride[h] + offset),
                            <const float *> (first[h] + (left[h, a] + 1) * stride[h] + offset),
                            early[h, a], late[h, a], n, rows + (a * nhistory + h) * RUN)
            turned(rows, nage * nhistory, RUN, n, &out[start, 0], out.strides[0] // sizeof(float))
