/* Models of unit length, in an order in which neighbours resemble each other: a tree that halves them along their
   widest coordinate. */
#ifndef FASTSED_GROUPS_H
#define FASTSED_GROUPS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* coordinates that are looked at together */
#define TOGETHER 8

/* Points one after the other: coordinate k of point i is x[i * stride + k], zero behind the last coordinate. */
typedef struct {
    const float *x;
    ptrdiff_t stride;
} points_t;

/* points that tell which coordinate is the widest */
#define SAMPLE 64

/* A number that tells where a point is along a coordinate, and above all which it is: no two are equal. */
typedef uint64_t label_t;

static label_t label_of(float value, label_t point)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    /* floats are in the order of their bits, but for the sign */
    bits ^= bits >> 31 ? UINT32_MAX : (uint32_t)1 << 31;
    return (label_t)bits << 32 | point;
}

static ptrdiff_t point_of(label_t label) { return (ptrdiff_t)(label & UINT32_MAX); }

static ptrdiff_t widest_coordinate(const points_t *p, const label_t *label, ptrdiff_t n)
{
    ptrdiff_t widest = 0;
    float width = -1;
    for (ptrdiff_t first = 0; first < p->stride; first += TOGETHER) {
        float low[TOGETHER], high[TOGETHER];
        memcpy(low, p->x + point_of(label[0]) * p->stride + first, sizeof low);
        memcpy(high, low, sizeof high);
        for (ptrdiff_t i = 0; i < n; i += 1 + n / SAMPLE) {
            const float *x = p->x + point_of(label[i]) * p->stride + first;
            for (int k = 0; k < TOGETHER; k++) {
                low[k] = x[k] < low[k] ? x[k] : low[k];
                high[k] = x[k] > high[k] ? x[k] : high[k];
            }
        }
        for (int k = 0; k < TOGETHER; k++)
            if (high[k] - low[k] > width) {
                width = high[k] - low[k];
                widest = first + k;
            }
    }
    return widest;
}

static label_t middle_of(label_t a, label_t b, label_t c)
{
    const label_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Put the `first` smallest labels at the beginning (Hoare 1961, Communications of the ACM 4, 321); on both sides they
   stay in their order. `spare` has room for n. */
static void split_at(label_t *label, ptrdiff_t n, ptrdiff_t first, label_t *spare)
{
    while (first > 0 && first < n) {
        const label_t pivot = n > 2 ? middle_of(label[0], label[n / 2], label[n - 1])
                                    : (label[0] > label[1] ? label[0] : label[1]);
        ptrdiff_t below = 0, above = 0;
        /* without branches: they would be foreseen no better than a coin */
        for (ptrdiff_t i = 0; i < n; i++) {
            const label_t x = label[i];
            const int is_below = x < pivot;
            label[below] = x;
            spare[above] = x;
            below += is_below;
            above += !is_below;
        }
        memcpy(label + below, spare, (size_t)above * sizeof *label);
        if (first >= below) {
            label += below;
            n -= below;
            first -= below;
        } else
            n = below;
    }
}

/* Order n points so that each `size` in a row are near to each other. */
static void order_by_likeness(const points_t *p, label_t *label, ptrdiff_t n, ptrdiff_t size, label_t *spare)
{
    while (n > size) {
        const ptrdiff_t first = (n / size + 1) / 2 * size < n ? (n / size + 1) / 2 * size : n - size;
        const ptrdiff_t widest = widest_coordinate(p, label, n);
        for (ptrdiff_t i = 0; i < n; i++)
            label[i] = label_of(p->x[point_of(label[i]) * p->stride + widest], label[i] & UINT32_MAX);
        split_at(label, n, first, spare);
        order_by_likeness(p, label, first, size, spare);
        label += first;
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

/* sum of x^2, in parts that do not wait for one another */
static double squared_length(const double *x, ptrdiff_t n)
{
    double part[8] = {0}, sum = 0;
    for (ptrdiff_t i = 0; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            part[k] += x[i + k] * x[i + k];
    for (ptrdiff_t i = n / 8 * 8; i < n; i++)
        part[0] += x[i] * x[i];
    for (int k = 0; k < 8; k++)
        sum += part[k];
    return sum;
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
        const double square = squared_length(s->x + k * s->stride, s->n);
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

/* Models, coordinate k of model i at x[k * stride + i], and what is found of them: their coordinates [ndim] in groups
   of `size`, divided by `scale` [ndim], the means of the groups, zeros behind these, and the numbers of the models. */
typedef struct {
    const double *x;
    ptrdiff_t stride, ndim, n;
    double *scale;
    pair_t rows, centres;
    int64_t *place;
    ptrdiff_t ngroup; /* -1: no memory */
} grouping_t;

static void put_in_groups(const shapes_t *s, ptrdiff_t size, const label_t *label, grouping_t *g)
{
    for (ptrdiff_t j = 0; j < g->ngroup * size; j++)
        g->place[j] = s->lit[point_of(label[j])];
    for (ptrdiff_t k = 0; k < s->ndim; k++) {
        const double *x = s->x + k * s->stride;
        for (ptrdiff_t group = 0; group < g->ngroup; group++) {
            double sum = 0;
            for (ptrdiff_t j = group * size; j < (group + 1) * size; j++) {
                const double value = x[point_of(label[j])];
                put(&g->rows, k * g->rows.stride + j, value);
                sum += value;
            }
            put(&g->centres, k * g->centres.stride + group, sum / (double)size);
        }
        for (ptrdiff_t group = g->ngroup; group < g->centres.stride; group++)
            put(&g->centres, k * g->centres.stride + group, 0);
    }
}

/* Put models into groups; the last one fills up the last group. */
static void find_groups(grouping_t *g, ptrdiff_t size, int equal_axes)
{
    const ptrdiff_t stride = (g->ndim + TOGETHER - 1) / TOGETHER * TOGETHER;
    const size_t n = (size_t)g->n, room = n + (size_t)size;
    double *x = malloc((size_t)g->ndim * n * sizeof *x), *scratch = malloc(n * sizeof *scratch);
    int64_t *lit = malloc(n * sizeof *lit);
    float *point = calloc((size_t)stride * n, sizeof *point);
    label_t *label = malloc(room * sizeof *label), *spare = malloc(n * sizeof *spare);
    g->ngroup = -1;
    if (x && scratch && lit && point && label && spare) {
        shapes_t s = {g->ndim, g->n, 0, x, lit};
        find_shapes(&s, g->x, g->stride, g->n, equal_axes, g->scale, scratch);
        for (ptrdiff_t k = 0; k < s.ndim; k++)
            for (ptrdiff_t j = 0; j < s.n; j++)
                point[j * stride + k] = (float)x[k * s.stride + j];
        for (ptrdiff_t j = 0; j < s.n; j++)
            label[j] = (label_t)j;
        order_by_likeness(&(points_t){point, stride}, label, s.n, size, spare);
        g->ngroup = (s.n + size - 1) / size;
        for (ptrdiff_t j = s.n; j < g->ngroup * size; j++)
            label[j] = label[s.n - 1];
        put_in_groups(&s, size, label, g);
    }
    free(x);
    free(scratch);
    free(lit);
    free(point);
    free(label);
    free(spare);
}

#endif
