"""Band integrals: filters and a wavelength grid in, weights out; weights, screens and spectra in, fluxes out."""

from libc.stddef cimport ptrdiff_t
from libc.stdlib cimport calloc, free


cdef extern from "band_products.h" nogil:
    ptrdiff_t packed_rows(ptrdiff_t nscreen)
    ctypedef void (*product_fn)(const double *, int, const float *, ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t,
                                double *, ptrdiff_t) noexcept
    int simd_level()
    product_fn choose_product(int level)
    void band_product(product_fn, const double *, ptrdiff_t, const double *, ptrdiff_t, const float *,
                      ptrdiff_t, ptrdiff_t, double *, ptrdiff_t, double *) noexcept


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


def band_fluxes(const double[::1] lam, double stretch, list bands, const double[::1] transmission,
                const double[:, ::1] screens, const float[:, :] sed, double[:, :, :] out):
    """Fluxes of spectra behind screens in all bands: out[band, screen, spectrum].

    Parameters
    ----------
    lam : (nlam,) wavelengths of the spectra
    stretch : 1 + z
    bands : list of (wavelengths, response) pairs of float64 arrays
    transmission : (nlam,) factor on every spectrum
    screens : (nlam, nscreen) factors of each screen
    sed : (nlam, nspectrum), the last axis contiguous
    out : (nband, nscreen, nspectrum), the last axis contiguous
    """
    cdef ptrdiff_t nlam = lam.shape[0], nscreen = screens.shape[1], nsed = sed.shape[1], b, l, first, stop
    cdef const double[::1] band_lam, response
    cdef product_fn product = choose_product(simd_level())
    if nsed == 0 or nscreen == 0:
        return
    cdef double *scratch = <double *> calloc(nlam * (1 + packed_rows(nscreen)), sizeof(double))
    if scratch == NULL:
        raise MemoryError("no memory for the weights of a band")
    cdef double[::1] weights = <double[:nlam]> scratch
    for b in range(len(bands)):
        band_lam, response = bands[b]
        with nogil:
            first, stop = add_band_weights(lam, stretch, band_lam, response, weights)
            for l in range(first, stop):
                weights[l] *= transmission[l]
            band_product(product, &screens[first, 0], nscreen, scratch + first, stop - first, &sed[first, 0],
                         sed.strides[0] // sizeof(float), nsed, &out[b, 0, 0], out.strides[1] // sizeof(double),
                         scratch + nlam)
            for l in range(first, stop):
                weights[l] = 0
    free(scratch)
