/* Models of unit length, in an order in which neighbours resemble each other: a tree that halves them along their
   widest coordinate. */
#ifndef FASTSED_GROUPS_H
#define FASTSED_GROUPS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Points side by side: coordinate k of point i is x[k * n + i]. */
typedef struct {
    const float *x;
    ptrdiff_t ndim, n;
} points_t;

/* points that tell which coordinate is the widest */
#define SAMPLE 64

static ptrdiff_t widest_coordinate(const points_t *p, const int32_t *place, ptrdiff_t n)
{
    ptrdiff_t widest = 0;
    float width = -1;
    for (ptrdiff_t k = 0; k < p->ndim; k++) {
        const float *x = p->x + k * p->n;
        float low = x[place[0]], high = low;
        for (ptrdiff_t i = 0; i < n; i += 1 + n / SAMPLE) {
            const float value = x[place[i]];
            low = value < low ? value : low;
            high = value > high ? value : high;
        }
        if (high - low > width) {
            width = high - low;
            widest = k;
        }
    }
    return widest;
}

/* Whether i comes before j: equal values are told apart by their number, so that the order is always the same. */
static int comes_before(const float *x, int32_t i, int32_t j) { return x[i] < x[j] || (x[i] == x[j] && i < j); }

/* Put the `first` smallest points at the beginning (Hoare 1961, Communications of the ACM 4, 321). */
static void split_at(const float *x, int32_t *place, ptrdiff_t n, ptrdiff_t first)
{
    ptrdiff_t from = 0, to = n - 1;
    while (from < to) {
        const int32_t pivot = place[from + (to - from) / 2];
        ptrdiff_t i = from, j = to;
        while (i <= j) {
            while (comes_before(x, place[i], pivot))
                i++;
            while (comes_before(x, pivot, place[j]))
                j--;
            if (i <= j) {
                const int32_t other = place[i];
                place[i++] = place[j];
                place[j--] = other;
            }
        }
        if (first <= j)
            to = j;
        else if (first >= i)
            from = i;
        else
            return;
    }
}

/* Order n points so that each `size` in a row are near to each other. */
static void order_by_likeness(const points_t *p, int32_t *place, ptrdiff_t n, ptrdiff_t size)
{
    while (n > size) {
        const ptrdiff_t first = (n / size + 1) / 2 * size < n ? (n / size + 1) / 2 * size : n - size;
        split_at(p->x + widest_coordinate(p, place, n) * p->n, place, n, first);
        order_by_likeness(p, place, first, size);
        place += first;
        n -= first;
    }
}

/* Directions of models, coordinate k of model i at x[k * stride + i]: those of the n lit models, and their numbers. */
typedef struct {
    ptrdiff_t ndim, stride, n;
    double *x;
    int64_t *lit;
} shapes_t;

/* sum over coordinates of x^2, for each of n vectors */
static void squared_lengths(const double *x, ptrdiff_t stride, ptrdiff_t ndim, ptrdiff_t n, double *length2)
{
    for (ptrdiff_t i = 0; i < n; i++)
        length2[i] = 0;
    for (ptrdiff_t k = 0; k < ndim; k++)
        for (ptrdiff_t i = 0; i < n; i++)
            length2[i] += x[k * stride + i] * x[k * stride + i];
}

/* Divide every vector by its length; `scratch` has room for a number of each. */
static void to_unit_length(shapes_t *s, double *scratch)
{
    squared_lengths(s->x, s->stride, s->ndim, s->n, scratch);
    for (ptrdiff_t i = 0; i < s->n; i++)
        scratch[i] = 1 / sqrt(scratch[i]);
    for (ptrdiff_t k = 0; k < s->ndim; k++)
        for (ptrdiff_t i = 0; i < s->n; i++)
            s->x[k * s->stride + i] *= scratch[i];
}

/* Take the models that have flux, and divide them by their lengths; each coordinate then by its root mean square. */
static void find_shapes(shapes_t *s, const double *models, ptrdiff_t stride, ptrdiff_t nmodel, int equal_axes,
                        double *scale, double *scratch)
{
    squared_lengths(models, stride, s->ndim, nmodel, scratch);
    s->n = 0;
    for (ptrdiff_t i = 0; i < nmodel; i++)
        if (scratch[i] > 0)
            s->lit[s->n++] = i;
    for (ptrdiff_t k = 0; k < s->ndim; k++)
        for (ptrdiff_t j = 0; j < s->n; j++)
            s->x[k * s->stride + j] = models[k * stride + s->lit[j]];
    to_unit_length(s, scratch);
    for (ptrdiff_t k = 0; k < s->ndim; k++) {
        double square = 0;
        for (ptrdiff_t j = 0; j < s->n; j++)
            square += s->x[k * s->stride + j] * s->x[k * s->stride + j];
        scale[k] = square > 0 && !equal_axes ? sqrt(square / s->n) : 1;
        const double factor = 1 / scale[k];
        for (ptrdiff_t j = 0; j < s->n; j++)
            s->x[k * s->stride + j] *= factor;
    }
    if (!equal_axes)
        to_unit_length(s, scratch);
}

/* Rows of numbers in both precisions, padded with zeros. */
typedef struct {
    ptrdiff_t stride;
    double *x;
    float *single;
    /* smaller than this, a number is zero in single precision */
    double smallest;
} pair_t;

static void put(const pair_t *p, ptrdiff_t at, double value)
{
    p->x[at] = value;
    p->single[at] = fabs(value) < p->smallest ? 0 : (float)value;
}

/* Put the models into groups of `size`: their coordinates, the means of the groups, and their numbers. */
static int put_in_groups(const shapes_t *s, ptrdiff_t size, const pair_t *rows, const pair_t *centres, int64_t *place)
{
    const ptrdiff_t ngroup = (s->n + size - 1) / size;
    float *single = malloc((size_t)(s->ndim * s->n) * sizeof *single);
    int32_t *order = malloc((size_t)(ngroup * size) * sizeof *order);
    const int enough = (single && order) || !s->n;
    if (enough && s->n) {
        for (ptrdiff_t k = 0; k < s->ndim; k++)
            for (ptrdiff_t j = 0; j < s->n; j++)
                single[k * s->n + j] = (float)s->x[k * s->stride + j];
        for (ptrdiff_t j = 0; j < s->n; j++)
            order[j] = (int32_t)j;
        const points_t points = {single, s->ndim, s->n};
        order_by_likeness(&points, order, s->n, size);
        for (ptrdiff_t j = s->n; j < ngroup * size; j++)
            order[j] = order[s->n - 1];
        for (ptrdiff_t j = 0; j < ngroup * size; j++)
            place[j] = s->lit[order[j]];
        for (ptrdiff_t k = 0; k < s->ndim; k++)
            for (ptrdiff_t g = 0; g < ngroup; g++) {
                double sum = 0;
                for (ptrdiff_t j = g * size; j < (g + 1) * size; j++) {
                    const double value = s->x[k * s->stride + order[j]];
                    put(rows, k * rows->stride + j, value);
                    sum += value;
                }
                put(centres, k * centres->stride + g, sum / (double)size);
            }
    }
    free(single);
    free(order);
    return enough;
}

#endif
