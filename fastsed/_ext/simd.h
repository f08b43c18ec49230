/* Run-time choice of the SIMD level. Kernels are written once on vectors of VW doubles (GCC/Clang vector
   extensions) and compiled for each level; other compilers get VW = 1, plain C. */
#ifndef FASTSED_SIMD_H
#define FASTSED_SIMD_H

#include <stdint.h>
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

#ifdef __GNUC__
#define NOT_INLINE __attribute__((noinline))
#define MAY_BE_UNUSED __attribute__((unused))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define NOT_INLINE
#define MAY_BE_UNUSED
#define ALWAYS_INLINE static inline
#endif
/* Eight steps of the loop that follows without asking whether it ends. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll_count(8)")
#elif defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 8")
#else
#define UNROLLED
#endif
/* For code that must round alike whatever vector code calls it: never inlined into a fused-multiply-add variant. */
#define ONE_ROUNDING NOT_INLINE

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

/* The number of the lowest bit that is set; there must be one. */
static inline int lowest_bit(uint64_t bits)
{
#ifdef __GNUC__
    return __builtin_ctzll(bits);
#else
    int i = 0;
    while (!(bits >> i & 1))
        i++;
    return i;
#endif
}

/* The larger and the smaller of each pair of numbers, y where x is NaN, where there is no instruction to name. */
#ifdef __GNUC__
typedef float plain_single_t __attribute__((vector_size(16), aligned(4), may_alias));
typedef double plain_double_t __attribute__((vector_size(16), aligned(8), may_alias));
#define DEFINE_PLAIN(name, type, n, sign) \
    static inline type name(type x, type y) \
    { \
        for (int i = 0; i < n; i++) \
            x[i] = x[i] sign y[i] ? x[i] : y[i]; \
        return x; \
    }
DEFINE_PLAIN(plain_larger_single, plain_single_t, 4, >)
DEFINE_PLAIN(plain_smaller_single, plain_single_t, 4, <)
DEFINE_PLAIN(plain_larger_double, plain_double_t, 2, >)
DEFINE_PLAIN(plain_smaller_double, plain_double_t, 2, <)
#endif

/* The best level of this processor, or the one named by FASTSED_SIMD where the processor has it. */
static inline int simd_level(void)
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
