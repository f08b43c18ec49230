/* The order of the models, and the tables of the tree: made once for a grid and its noise model. */
#ifndef FASTSED_STARS_BUILD_H
#define FASTSED_STARS_BUILD_H

#include "stars.h"

/* An entry: `ndim` coordinates, then the number of the model in the bytes of the last float. */
typedef struct {
    float *entry;
    ptrdiff_t ndim, width;
} entries_t;

static void swap_entries(const entries_t *e, ptrdiff_t i, ptrdiff_t j)
{
    float *restrict a = e->entry + i * e->width, *restrict b = e->entry + j * e->width;
    for (ptrdiff_t k = 0; k < e->width; k++) {
        const float x = a[k];
        a[k] = b[k];
        b[k] = x;
    }
}

/* The coordinate that spans most in [low, high); -1 where all entries are alike. */
static ptrdiff_t widest(const entries_t *e, ptrdiff_t low, ptrdiff_t high)
{
    float least[MAX_BANDS + 1], most[MAX_BANDS + 1];
    for (ptrdiff_t k = 0; k < e->ndim; k++)
        least[k] = most[k] = e->entry[low * e->width + k];
    for (ptrdiff_t i = low + 1; i < high; i++) {
        const float *x = e->entry + i * e->width;
        for (ptrdiff_t k = 0; k < e->ndim; k++) {
            least[k] = x[k] < least[k] ? x[k] : least[k];
            most[k] = x[k] > most[k] ? x[k] : most[k];
        }
    }
    ptrdiff_t best = -1;
    float span = 0;
    for (ptrdiff_t k = 0; k < e->ndim; k++)
        if (most[k] - least[k] > span) {
            span = most[k] - least[k];
            best = k;
        }
    return best;
}

/* Move entries so that none before `middle` has a larger coordinate `dim` than any behind it. */
static void select_entries(const entries_t *e, ptrdiff_t low, ptrdiff_t high, ptrdiff_t middle, ptrdiff_t dim)
{
    const float *x = e->entry + dim;
    const ptrdiff_t w = e->width;
    high--;
    while (high - low > 8) {
        const ptrdiff_t third = (high - low) / 3;
        const float a = x[(low + third) * w], b = x[(low + (high - low) / 2) * w], c = x[(high - third) * w];
        const float pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        ptrdiff_t i = low, j = high;
        for (;;) {
            while (x[i * w] < pivot)
                i++;
            while (pivot < x[j * w])
                j--;
            if (i > j)
                break;
            swap_entries(e, i++, j--);
            if (i > j)
                break;
        }
        /* [low, j] <= pivot <= [i, high] */
        if (middle <= j)
            high = j;
        else if (middle >= i)
            low = i;
        else
            return;
    }
    for (ptrdiff_t i = low + 1; i <= high; i++)
        for (ptrdiff_t j = i; j > low && x[j * w] < x[(j - 1) * w]; j--)
            swap_entries(e, j, j - 1);
}

/* Halve [low, high) along its widest coordinate, at multiples of the largest power of FAN below its length, until
   groups are left. */
static void order_entries(const entries_t *e, ptrdiff_t low, ptrdiff_t high)
{
    while (high - low > FAN) {
        ptrdiff_t chunk = FAN;
        while (chunk * FAN < high - low)
            chunk *= FAN;
        const ptrdiff_t nchunk = (high - low + chunk - 1) / chunk, middle = low + (nchunk + 1) / 2 * chunk;
        const ptrdiff_t dim = widest(e, low, high);
        if (dim < 0)
            return;
        if (middle < high)
            select_entries(e, low, high, middle, dim);
        order_entries(e, low, middle < high ? middle : high);
        low = middle;
    }
}

/* log2 to four digits, of positive numbers. */
ALWAYS_INLINE float rough_log2(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const float power = (float)((bits >> 23) - 127);
    bits = (bits & 0x7FFFFF) | 0x3F800000;
    memcpy(&x, &bits, sizeof x);
    return power + ((-0.33582878f * x + 2.0f) * x - 1.65871022f);
}

/* Coordinates in which equal distances are equal numbers of standard deviations, as far as the errors are
   sqrt(floor^2 + (flux/ratio)^2): ratio asinh(flux / (ratio floor)). */
static void coordinates(const double *flux, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t nband, const double *ratio,
                        const double *floor_of, float *out, ptrdiff_t width)
{
    for (ptrdiff_t i = 0; i < n; i++, flux += stride, out += width)
        for (ptrdiff_t k = 0; k < nband; k++) {
            const float z = (float)(fabs(flux[k]) / (ratio[k] * floor_of[k]));
            const float size = (float)ratio[k] * 0.69314718f * rough_log2(z + sqrtf(z * z + 1));
            out[k] = flux[k] < 0 ? -size : size;
        }
}

/* What a node knows of the models below it: [4 nband + 1]: smallest and largest 1/error, largest flux, smallest
   flux/error of each band, largest constant. */
static void start_range(double *range, ptrdiff_t nband)
{
    for (ptrdiff_t k = 0; k < nband; k++) {
        range[4 * k] = INFINITY;
        range[4 * k + 1] = 0;
        range[4 * k + 2] = -INFINITY;
        range[4 * k + 3] = INFINITY;
    }
    range[4 * nband] = -INFINITY;
}

static void widen_range(double *range, const double *other, ptrdiff_t nband)
{
    for (ptrdiff_t k = 0; k < nband; k++) {
        range[4 * k] = fmin(range[4 * k], other[4 * k]);
        range[4 * k + 1] = fmax(range[4 * k + 1], other[4 * k + 1]);
        range[4 * k + 2] = fmax(range[4 * k + 2], other[4 * k + 2]);
        range[4 * k + 3] = fmin(range[4 * k + 3], other[4 * k + 3]);
    }
    range[4 * nband] = fmax(range[4 * nband], other[4 * nband]);
}

/* 1/errors that bound chi2 from below: those of the model, or for a full covariance sqrt(smallest x diagonal). */
static double bound_error(const tree_t *t, const double *record, const double *smallest, ptrdiff_t i, ptrdiff_t k)
{
    if (!t->full)
        return record[t->padded + k];
    ptrdiff_t diagonal = t->padded;
    for (ptrdiff_t l = 0; l < k; l++)
        diagonal += t->nband - l;
    const double square = smallest[i] * record[diagonal];
    return square > 0 ? sqrt(square) * (1 - 1e-12) : 0;
}

/* Screens and ranges of one block. */
static void build_block(const tree_t *t, ptrdiff_t block, const double *smallest, float *leaf, double *centre,
                        float *spread, double *ranges)
{
    const ptrdiff_t nband = t->nband, nrow = 2 * nband + 1, nrange = 4 * nband + 1;
    const ptrdiff_t first = block * BLOCK, last = first + BLOCK < t->nmodel ? first + BLOCK : t->nmodel;
    double square = 0, one[4 * MAX_BANDS + 1];
    leaf += block * FAN * nrow * FAN;
    ranges += block * FAN * nrange;
    for (ptrdiff_t k = 0; k < nband; k++) {
        double least = INFINITY, most = -INFINITY, furthest = 0;
        for (ptrdiff_t i = first; i < last; i++) {
            least = fmin(least, t->exact[i * t->record + k]);
            most = fmax(most, t->exact[i * t->record + k]);
        }
        const double middle = 0.5 * least + 0.5 * most;
        centre[block * nband + k] = middle;
        for (ptrdiff_t i = first; i < last; i++) {
            const double *record = t->exact + i * t->record;
            const double a = bound_error(t, record, smallest, i, k), b = a * (record[k] - middle);
            float *row = leaf + ((i - first) / FAN * nrow + 2 * k) * FAN + (i - first) % FAN;
            row[0] = (float)a;
            row[FAN] = (float)b;
            furthest = fmax(furthest, fabs(b));
        }
        square += furthest * furthest;
    }
    spread[block] = rounded_up(sqrt(square) * (1 + 1e-6));
    for (ptrdiff_t g = 0; g < FAN; g++)
        start_range(ranges + g * nrange, nband);
    for (ptrdiff_t i = first; i < first + BLOCK; i++) {
        float *constant = leaf + ((i - first) / FAN * nrow + 2 * nband) * FAN + (i - first) % FAN;
        if (i >= last) {
            *constant = -INFINITY;
            continue;
        }
        const double *record = t->exact + i * t->record;
        *constant = (float)(record[nband] - t->top);
        for (ptrdiff_t k = 0; k < nband; k++) {
            const double a = bound_error(t, record, smallest, i, k);
            one[4 * k] = one[4 * k + 1] = a;
            one[4 * k + 2] = record[k];
            one[4 * k + 3] = a * record[k];
        }
        one[4 * nband] = record[nband] - t->top;
        widen_range(ranges + (i - first) / FAN * nrange, one, nband);
    }
}

/* The bounds of a node from the ranges of its children, of which there are `n`; and its range. */
static void build_node(const double *children, ptrdiff_t n, ptrdiff_t nband, float *node, double *range)
{
    start_range(range, nband);
    for (ptrdiff_t c = 0; c < FAN; c++) {
        const double *child = children + c * (4 * nband + 1);
        const int any = c < n && child[4 * nband] > -INFINITY;
        if (any)
            widen_range(range, child, nband);
        for (ptrdiff_t k = 0; k < nband; k++) {
            float *row = node + 4 * k * FAN + c;
            const float smallest = any ? rounded_down(child[4 * k]) : 0.0f;
            const double above = any ? (double)smallest * child[4 * k + 2] : 0, below = any ? child[4 * k + 3] : 0;
            row[0] = smallest;
            row[FAN] = rounded_up(above + U22 * fabs(above));
            row[2 * FAN] = any ? rounded_up(child[4 * k + 1]) : 0.0f;
            row[3 * FAN] = rounded_down(below - U22 * fabs(below));
        }
        node[4 * nband * FAN + c] = any ? rounded_up(child[4 * nband]) : -INFINITY;
    }
}

#endif
