/* Scratch memory is handed out in whole cache lines: a vector that crosses one takes two loads. */
#ifndef FASTSED_SCRATCH_H
#define FASTSED_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#define LINE 64
/* Numbers of this size that fill up the lines of n. */
static inline ptrdiff_t whole_lines(ptrdiff_t n, size_t size)
{
    const ptrdiff_t line = LINE / (ptrdiff_t)size;
    return (n + line - 1) / line * line;
}

static inline double *first_line(double *memory) { return (double *)(((uintptr_t)memory + LINE - 1) / LINE * LINE); }

#endif
