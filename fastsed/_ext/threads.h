/* How many threads a piece of work is worth. */
#ifndef FASTSED_THREADS_H
#define FASTSED_THREADS_H

#include <stddef.h>

/* How many of n threads are worth it for some items, and for work enough for so many threads. */
static inline int threads_for(ptrdiff_t nitem, double enough_for, int n)
{
    const double most = nitem < n ? (double)nitem : (double)n, used = enough_for < most ? enough_for : most;
    return used > 1 ? (int)used : 1;
}

#endif
