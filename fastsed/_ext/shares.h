/* Pieces of work for threads: each has a run of neighbours for itself, and then helps the others. What it left in its
   cache at one call is then mostly what it wants at the next. */
#ifndef FASTSED_SHARES_H
#define FASTSED_SHARES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "scratch.h"

/* What is left of a thread's share: the first item, and above it in 32 bits the one after the last; a line each, so
   that threads do not wait for one another. */
typedef struct {
    uint64_t left;
    char rest[LINE - sizeof(uint64_t)];
} share_t;

typedef struct {
    void *memory;
    share_t *share;
    int n;
} shares_t;

/* Room for the shares of n threads; no `memory` if there is none. */
static shares_t shares_of(int n)
{
    void *memory = malloc(((size_t)n + 1) * sizeof(share_t));
    return (shares_t){memory, (share_t *)first_line(memory), n};
}

/* Share out items [0, nitem). */
static void share_out(const shares_t *s, ptrdiff_t nitem)
{
    for (int k = 0; k < s->n; k++)
        s->share[k].left = (uint64_t)(nitem * k / s->n) | (uint64_t)(nitem * (k + 1) / s->n) << 32;
}

/* Take the first item of a share, or the last; -1 if none is left. */
static ptrdiff_t take_item(share_t *share, int last)
{
    uint64_t left = __atomic_load_n(&share->left, __ATOMIC_RELAXED);
    for (;;) {
        const uint64_t begin = left & UINT32_MAX, end = left >> 32;
        if (begin >= end)
            return -1;
        const uint64_t fewer = last ? begin | (end - 1) << 32 : (begin + 1) | end << 32;
        if (__atomic_compare_exchange_n(&share->left, &left, fewer, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return (ptrdiff_t)(last ? end - 1 : begin);
    }
}

/* The next item of a thread: of its own share, else of another's; -1 if none is left. */
static ptrdiff_t next_item(const shares_t *s, int thread)
{
    ptrdiff_t item = take_item(&s->share[thread], 0);
    for (int k = 1; item < 0 && k < s->n; k++)
        item = take_item(&s->share[(thread + k) % s->n], 1);
    return item;
}

#endif
