"""Star formation histories, row by row: banded integrals, and the shape quantities that need a walk.

Every row belongs to one thread, so results do not depend on the number of threads.
"""

from cython.parallel cimport prange
from libc.stdint cimport int64_t


cdef inline double ragged_dot(const double* row, const double* weights, Py_ssize_t n) noexcept nogil:
    """Dot product in four interleaved sums, which the compiler can keep in one vector register."""
    cdef double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0
    cdef Py_ssize_t i = 0
    while i + 4 <= n:
        s0 += row[i] * weights[i]
        s1 += row[i + 1] * weights[i + 1]
        s2 += row[i + 2] * weights[i + 2]
        s3 += row[i + 3] * weights[i + 3]
        i += 4
    while i < n:
        s0 += row[i] * weights[i]
        i += 1
    return (s0 + s1) + (s2 + s3)


cdef inline void banded_row(
    const double* row,
    const double* weights,
    const int64_t* begin,
    const int64_t* first,
    double* out,
    Py_ssize_t n_out,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n_out):
        out[j] = ragged_dot(row + first[j], weights + begin[j], begin[j + 1] - begin[j])


def banded_product(
    const double[:, ::1] rows,
    const double[::1] weights,
    const int64_t[::1] begin,
    const int64_t[::1] first,
    double[:, ::1] out,
    int num_threads,
):
    """out[i, j] = sum over l of rows[i, first[j] + l] * weights[begin[j] + l], l < begin[j + 1] - begin[j]."""
    cdef Py_ssize_t i, n = rows.shape[0], n_out = out.shape[1]
    if n == 0 or n_out == 0 or weights.shape[0] == 0:
        out[:, :] = 0.0
        return
    for i in prange(n, nogil=True, schedule="static", num_threads=num_threads):
        banded_row(&rows[i, 0], &weights[0], &begin[0], &first[0], &out[i, 0], n_out)


cdef inline double trapezoid(const double* t, const double* sfr, Py_ssize_t k) noexcept nogil:
    """Stars formed between the samples k and k + 1."""
    return 0.5 * (sfr[k] + sfr[k + 1]) * (t[k + 1] - t[k])


cdef double total_mass(const double* t, const double* sfr, Py_ssize_t n) noexcept nogil:
    cdef double total = 0.0
    cdef Py_ssize_t k
    for k in range(n - 1):
        total += trapezoid(t, sfr, k)
    return total


cdef double shortest_span(const double* t, const double* sfr, Py_ssize_t n, double target) noexcept nogil:
    """Length of the interval, grown from the peak sample to its larger neighbour, that holds `target`."""
    cdef Py_ssize_t k, low = 0, high, added
    cdef double inside = 0.0, gained
    for k in range(1, n):
        if sfr[k] > sfr[low]:
            low = k
    high = low
    while low > 0 or high < n - 1:
        if low > 0 and (high == n - 1 or sfr[low - 1] >= sfr[high + 1]):
            low -= 1
            added = low
        else:
            added = high
            high += 1
        gained = trapezoid(t, sfr, added)
        if inside + gained > target:
            return (t[high] - t[low]) - (t[added + 1] - t[added]) * (1.0 - (target - inside) / gained)
        inside += gained
    return t[high] - t[low]


cdef double time_of_mass(const double* t, const double* sfr, Py_ssize_t n, double target) noexcept nogil:
    """Time at which the mass summed from t[0] on reaches `target`, linear between samples."""
    cdef double mass = 0.0, gained
    cdef Py_ssize_t k
    if target <= 0.0:
        return t[0]
    for k in range(n - 1):
        gained = trapezoid(t, sfr, k)
        if mass + gained >= target:
            return t[k] + (t[k + 1] - t[k]) * (target - mass) / gained
        mass += gained
    return t[n - 1]


cdef double time_of_rate(const double* t, const double* sfr, Py_ssize_t n, double threshold) noexcept nogil:
    """First time at which the rate is above `threshold`, linear between samples; 0 if it never is."""
    cdef Py_ssize_t k
    if sfr[0] > threshold:
        return 0.0
    for k in range(1, n):
        if sfr[k] > threshold:
            return t[k - 1] + (t[k] - t[k - 1]) * (threshold - sfr[k - 1]) / (sfr[k] - sfr[k - 1])
    return 0.0


cdef inline void shape_row(
    const double* t,
    const double* sfr,
    Py_ssize_t n,
    double share,
    const double* formed,
    Py_ssize_t n_formed,
    const double* factors,
    Py_ssize_t n_factors,
    double* out,
) noexcept nogil:
    cdef double total = total_mass(t, sfr, n)
    cdef double span = shortest_span(t, sfr, n, share * total)
    cdef double mean = share * total / span
    cdef Py_ssize_t j
    out[0] = span
    out[1] = mean
    for j in range(n_formed):
        out[2 + j] = time_of_mass(t, sfr, n, (1.0 - formed[j]) * total)
    for j in range(n_factors):
        out[2 + n_formed + j] = time_of_rate(t, sfr, n, mean / factors[j])


def shape_quantities(
    const double[::1] t,
    const double[:, ::1] sfr,
    double share,
    const double[::1] formed,
    const double[::1] factors,
    double[:, ::1] out,
    int num_threads,
):
    """out[i] = span, mean rate in it, times when the fractions `formed` existed, times since mean / `factors`.

    A history of one sample or without stars gives what C's division does: NaN or inf.
    """
    cdef Py_ssize_t i, n = sfr.shape[0], n_t = t.shape[0], n_formed = formed.shape[0], n_factors = factors.shape[0]
    cdef const double* formed_at = &formed[0] if n_formed else NULL
    cdef const double* factors_at = &factors[0] if n_factors else NULL
    if n_t == 0:
        raise ValueError("a star formation history needs at least one sample")
    for i in prange(n, nogil=True, schedule="static", num_threads=num_threads):
        shape_row(&t[0], &sfr[i, 0], n_t, share, formed_at, n_formed, factors_at, n_factors, &out[i, 0])
