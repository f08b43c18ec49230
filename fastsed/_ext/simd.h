/* Run-time choice of the SIMD level. Kernels are written once on vectors of VW doubles (GCC/Clang vector
   extensions) and compiled for each level; other compilers get VW = 1, plain C. */
#ifndef FASTSED_SIMD_H
#define FASTSED_SIMD_H

#include <stdlib.h>
#include <string.h>

enum { SIMD_SCALAR = 0, SIMD_AVX2 = 1, SIMD_AVX512 = 2 };

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define FASTSED_X86 1
#define TARGET_AVX512 __attribute__((target("avx512f,avx512dq,avx2,fma")))
#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#else
#define FASTSED_X86 0
#endif

/* For code that must round alike whatever vector code calls it: never inlined into a fused-multiply-add variant. */
#ifdef __GNUC__
#define ONE_ROUNDING __attribute__((noinline))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define ONE_ROUNDING
#define ALWAYS_INLINE static inline
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

/* The larger of each pair of numbers, where there is no instruction to name. */
#ifdef __GNUC__
typedef float plain_single_t __attribute__((vector_size(16), aligned(4), may_alias));
typedef double plain_double_t __attribute__((vector_size(16), aligned(8), may_alias));
static inline plain_single_t plain_larger_single(plain_single_t x, plain_single_t y)
{
    for (int i = 0; i < 4; i++)
        x[i] = x[i] > y[i] ? x[i] : y[i];
    return x;
}
static inline plain_double_t plain_larger_double(plain_double_t x, plain_double_t y)
{
    for (int i = 0; i < 2; i++)
        x[i] = x[i] > y[i] ? x[i] : y[i];
    return x;
}
#endif

/* The best level of this processor, or the one named by FASTSED_SIMD where the processor has it. */
static int simd_level(void)
{
    int level = SIMD_SCALAR;
#if FASTSED_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        level = SIMD_AVX2;
    if (level == SIMD_AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        level = SIMD_AVX512;
#endif
    const char *wanted = getenv("FASTSED_SIMD");
    if (wanted) {
        int forced = !strcmp(wanted, "scalar") ? SIMD_SCALAR : !strcmp(wanted, "avx2") ? SIMD_AVX2 : level;
        if (forced < level)
            level = forced;
    }
    return level;
}

#endif
