/* Pieces of work for threads: each has a run of neighbours for itself, and then helps the others. What it left in its
   cache at one call is then mostly what it wants at the next. */
#ifndef FASTSED_SHARES_H
#define FASTSED_SHARES_H

#include <stddef.h>
#include <stdint.h>

#include "scratch.h"

/* What is left of a thread's share: the first item, and above it in 32 bits the one after the last; a line each, so
   that threads do not wait for one another. */
typedef struct {
    uint64_t left;
    char rest[LINE - sizeof(uint64_t)];
} share_t;

typedef struct {
    share_t *share;
    int n;
} shares_t;

/* Bytes that the shares of n threads take. */
static size_t bytes_of_shares(int n) { return ((size_t)n + 1) * sizeof(share_t); }

/* Shares of n threads in so much memory. */
static shares_t shares_in(void *memory, int n) { return (shares_t){(share_t *)first_line(memory), n}; }

/* Share out items [0, nitem). */
static void share_out(const shares_t *s, ptrdiff_t nitem)
{
    for (int k = 0; k < s->n; k++)
        s->share[k].left = (uint64_t)(nitem * k / s->n) | (uint64_t)(nitem * (k + 1) / s->n) << 32;
}

/* Neighbouring items; none where the first is not before the end. */
typedef struct {
    ptrdiff_t first, end;
} items_t;

/* Take up to `most` items from the front of a share, or from its back, but few of the last ones. */
static items_t take_items(share_t *share, int back, ptrdiff_t most)
{
    uint64_t left = __atomic_load_n(&share->left, __ATOMIC_RELAXED);
    for (;;) {
        const uint64_t begin = left & UINT32_MAX, end = left >> 32;
        if (begin >= end)
            return (items_t){0, 0};
        uint64_t n = (end - begin + 3) / 4;
        n = n < (uint64_t)most ? n : (uint64_t)most;
        const uint64_t fewer = back ? begin | (end - n) << 32 : (begin + n) | end << 32;
        if (__atomic_compare_exchange_n(&share->left, &left, fewer, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return back ? (items_t){(ptrdiff_t)(end - n), (ptrdiff_t)end}
                        : (items_t){(ptrdiff_t)begin, (ptrdiff_t)(begin + n)};
    }
}

/* The next items of a thread, up to `most`: of its own share, else of another's. */
static items_t next_items(const shares_t *s, int thread, ptrdiff_t most)
{
    items_t found = take_items(&s->share[thread], 0, most);
    for (int k = 1; found.first == found.end && k < s->n; k++)
        found = take_items(&s->share[(thread + k) % s->n], 1, most);
    return found;
}

#endif
