"""Band integrals: filters and wavelengths in, weights out; weights, dust transmissions and spectra in, fluxes out."""

from fastsed._ext.scratch cimport Scratch
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc, realloc


cdef extern from "band_products.h" nogil:
    ctypedef struct products_t:
        pass
    ctypedef struct dust_t:
        ptrdiff_t ncell, nrun
        const double *transmission
        const int64_t *starts
        const int64_t *n_skeleton
        const double *skeleton
        const double *coefficients
    ctypedef struct band_t:
        ptrdiff_t first, stop
        const double *weights
    ctypedef struct spectra_t:
        const float *flux
        ptrdiff_t stride, ncol
    int simd_level()
    products_t choose_products(int level)
    ptrdiff_t band_scratch(const dust_t *)
    void band_products(const products_t *, const dust_t *, const band_t *, ptrdiff_t, const spectra_t *, double *,
                       ptrdiff_t, ptrdiff_t, double *) noexcept


cdef ptrdiff_t last_at_or_below(const double[::1] x, double value) noexcept nogil:
    """Largest i with x[i] <= value; -1 if there is none."""
    cdef ptrdiff_t low = -1, high = x.shape[0], middle
    while high - low > 1:
        middle = (low + high) // 2
        if x[middle] <= value:
            low = middle
        else:
            high = middle
    return low


cdef inline double interpolate(const double[::1] x, const double[::1] y, ptrdiff_t i, double at) noexcept nogil:
    return y[i] + (y[i + 1] - y[i]) * (at - x[i]) / (x[i + 1] - x[i])


cdef (ptrdiff_t, ptrdiff_t) add_band_weights(const double[::1] lam, double stretch, const double[::1] band_lam,
                                             const double[::1] response, double[::1] weights) noexcept nogil:
    """Add the weights of one band; first and one past the last wavelength with a weight."""
    cdef ptrdiff_t n = lam.shape[0], nf = band_lam.shape[0], i, j = 0, first
    cdef double x, following, previous, t, f, width
    if n < 2 or nf < 2 or band_lam[0] < lam[0] * stretch or band_lam[nf - 1] > lam[n - 1] * stretch:
        return 0, 0
    i = min(max(last_at_or_below(lam, band_lam[0] / stretch), 0), n - 2)
    while i > 0 and lam[i] * stretch > band_lam[0]:
        i -= 1
    while i < n - 2 and lam[i + 1] * stretch <= band_lam[0]:
        i += 1
    first = i
    x = previous = band_lam[0]
    while True:
        # the next point of the union; x itself where the filter ends
        following = x
        if j < nf - 1:
            following = band_lam[j + 1]
            if i < n - 1 and lam[i + 1] * stretch < following:
                following = lam[i + 1] * stretch
        f = interpolate(band_lam, response, j, x) if j < nf - 1 else response[nf - 1]
        width = 0.5 * (following - previous)
        if i < n - 1:
            t = (x - lam[i] * stretch) / ((lam[i + 1] - lam[i]) * stretch)
            weights[i] += width * f * (1 - t)
            weights[i + 1] += width * f * t
        else:
            weights[n - 1] += width * f
        if j == nf - 1:
            break
        previous, x = x, following
        while j < nf - 1 and band_lam[j + 1] <= x:
            j += 1
        while i < n - 1 and lam[i + 1] * stretch <= x:
            i += 1
    return first, min(i + 2, n)


def band_weights(const double[::1] lam, double stretch, const double[::1] band_lam, const double[::1] response,
                 double[::1] weights):
    """Add to `weights` those of the trapezoid integral of response x spectrum over the union of both grids.

    Parameters
    ----------
    lam : (nlam,) wavelengths of the spectrum, ascending; multiplied by `stretch` (1+z)
    band_lam, response : (nband,) filter curve, ascending
    weights : (nlam,) out; sum(weights * spectrum) is the integral of the product of the two piecewise-linear
        functions at the union of their points.

    Returns
    -------
    (int, int)
        First and one past the last wavelength with a weight; (0, 0) where the filter leaves the spectrum.
    """
    return add_band_weights(lam, stretch, band_lam, response, weights)


cdef class BandWindows:
    """The weights of several bands on the wavelengths of spectra.

    Parameters
    ----------
    lam : (nlam,) wavelengths of the spectra
    stretch : 1 + z
    bands : list of (wavelengths, response) pairs of float64 arrays
    transmission : (nlam,) factor on every spectrum
    """
    cdef band_t *bands
    cdef double *weights
    cdef readonly ptrdiff_t n_bands, n_lam, nbytes

    def __cinit__(self, const double[::1] lam, double stretch, list bands, const double[::1] transmission):
        cdef ptrdiff_t b, l, used = 0, capacity = 0
        cdef const double[::1] band_lam, response
        self.n_bands, self.n_lam = len(bands), lam.shape[0]
        self.bands = <band_t *> malloc((self.n_bands + 1) * sizeof(band_t))
        if self.bands == NULL:
            raise MemoryError("no memory for the weights of the bands")
        cdef Scratch scratch = Scratch()
        cdef double *dense = <double *> scratch.take(self.n_lam, sizeof(double), "the weights of the bands")
        for b in range(self.n_bands):
            band_lam, response = bands[b]
            self.bands[b].first, self.bands[b].stop = add_band_weights(lam, stretch, band_lam, response,
                                                                       <double[:self.n_lam]> dense)
            if used + self.n_lam > capacity:
                capacity = 2 * capacity + self.n_lam
                self.resize(capacity)
            for l in range(self.bands[b].first, self.bands[b].stop):
                self.weights[used] = dense[l] * transmission[l]
                dense[l] = 0
                used += 1
        self.resize(used)
        self.nbytes = used * sizeof(double) + self.n_bands * sizeof(band_t)
        used = 0
        for b in range(self.n_bands):
            self.bands[b].weights = self.weights + used
            used += self.bands[b].stop - self.bands[b].first

    cdef resize(self, ptrdiff_t n):
        cdef double *weights = <double *> realloc(self.weights, (n + 1) * sizeof(double))
        if weights == NULL:
            raise MemoryError("no memory for the weights of the bands")
        self.weights = weights

    def __dealloc__(self):
        free(self.bands)
        free(self.weights)


def band_fluxes(BandWindows windows, tuple dust, const float[:, :] sed, double[:, :, :] out):
    """Fluxes of spectra behind dust in all bands: out[band, cell, spectrum].

    Parameters
    ----------
    windows : BandWindows
    dust : (transmission, starts, n_skeleton, skeleton, coefficients) as DustSkeleton has them
    sed : (nlam, nspectrum), the last axis contiguous
    out : (nband, ncell, nspectrum), the last axis contiguous
    """
    cdef const double[:, ::1] transmission = dust[0]
    cdef const int64_t[::1] starts = dust[1], n_skeleton = dust[2]
    cdef const double[::1] skeleton = dust[3], coefficients = dust[4]
    cdef products_t products = choose_products(simd_level())
    if windows.n_bands == 0 or sed.shape[1] == 0:
        return
    cdef dust_t all_dust = dust_t(transmission.shape[1], n_skeleton.shape[0], &transmission[0, 0], &starts[0],
                                  &n_skeleton[0], &skeleton[0], &coefficients[0])
    cdef spectra_t spectra = spectra_t(&sed[0, 0], sed.strides[0] // sizeof(float), sed.shape[1])
    cdef Scratch scratch = Scratch()
    cdef double *each = <double *> scratch.take(band_scratch(&all_dust), sizeof(double), "the fluxes of the bands")
    with nogil:
        band_products(&products, &all_dust, windows.bands, windows.n_bands, &spectra, &out[0, 0, 0],
                      out.strides[0] // sizeof(double), out.strides[1] // sizeof(double), each)
