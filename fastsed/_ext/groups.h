/* Models in an order in which neighbours resemble each other: a tree that halves them along their widest coordinate. */
#ifndef FASTSED_GROUPS_H
#define FASTSED_GROUPS_H

#include <stddef.h>
#include <stdint.h>

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

#endif
