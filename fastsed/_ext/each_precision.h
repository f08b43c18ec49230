/* Compiles the file KERNEL once for each SIMD level and precision, with LEVEL (end of its names), REAL, SQRT, VW
   (numbers a vector), TARGET, REACHES (bits: where x >= y), LARGER and SMALLER (y where x is NaN), CHOOSE (of a pair of
   pointers), LEAVE_VECTORS (before calls of code without AVX, which waits for the upper halves of registers otherwise),
   and LEAST (of a vector) where there is an instruction for it; the file undefines them. */
#if FASTSED_X86
#define LEVEL _avx512_single
#define REAL float
#define SQRT(x) sqrtf(x)
#define VW 16
#define TARGET TARGET_AVX512
#define LEAVE_VECTORS _mm256_zeroupper()
#define REACHES(x, y) _mm512_cmp_ps_mask((__m512)(x), (__m512)(y), _CMP_GE_OQ)
#define LARGER(x, y) ((VEC)_mm512_max_ps((__m512)(x), (__m512)(y)))
#define SMALLER(x, y) ((VEC)_mm512_min_ps((__m512)(x), (__m512)(y)))
#define LEAST(x) _mm512_reduce_min_ps((__m512)(x))
#define CHOOSE(pair) (pair##_single)
#include KERNEL
#define LEVEL _avx512_double
#define REAL double
#define SQRT(x) sqrt(x)
#define VW 8
#define TARGET TARGET_AVX512
#define LEAVE_VECTORS _mm256_zeroupper()
#define REACHES(x, y) _mm512_cmp_pd_mask((__m512d)(x), (__m512d)(y), _CMP_GE_OQ)
#define LARGER(x, y) ((VEC)_mm512_max_pd((__m512d)(x), (__m512d)(y)))
#define SMALLER(x, y) ((VEC)_mm512_min_pd((__m512d)(x), (__m512d)(y)))
#define LEAST(x) _mm512_reduce_min_pd((__m512d)(x))
#define CHOOSE(pair) (pair)
#include KERNEL
#define LEVEL _avx2_single
#define REAL float
#define SQRT(x) sqrtf(x)
#define VW 8
#define TARGET TARGET_AVX2
#define LEAVE_VECTORS _mm256_zeroupper()
#define REACHES(x, y) _mm256_movemask_ps((__m256)((x) >= (y)))
#define LARGER(x, y) ((VEC)_mm256_max_ps((__m256)(x), (__m256)(y)))
#define SMALLER(x, y) ((VEC)_mm256_min_ps((__m256)(x), (__m256)(y)))
#define CHOOSE(pair) (pair##_single)
#include KERNEL
#define LEVEL _avx2_double
#define REAL double
#define SQRT(x) sqrt(x)
#define VW 4
#define TARGET TARGET_AVX2
#define LEAVE_VECTORS _mm256_zeroupper()
#define REACHES(x, y) _mm256_movemask_pd((__m256d)((x) >= (y)))
#define LARGER(x, y) ((VEC)_mm256_max_pd((__m256d)(x), (__m256d)(y)))
#define SMALLER(x, y) ((VEC)_mm256_min_pd((__m256d)(x), (__m256d)(y)))
#define CHOOSE(pair) (pair)
#include KERNEL
#endif

#define LEVEL _plain_single
#define REAL float
#define SQRT(x) sqrtf(x)
#define TARGET
#define LEAVE_VECTORS (void)0
#define CHOOSE(pair) (pair##_single)
#ifdef __GNUC__
#define VW 4
#define REACHES(x, y) \
    (((x)[0] >= (y)[0]) | ((x)[1] >= (y)[1]) << 1 | ((x)[2] >= (y)[2]) << 2 | ((x)[3] >= (y)[3]) << 3)
#define LARGER(x, y) plain_larger_single(x, y)
#define SMALLER(x, y) plain_smaller_single(x, y)
#else
#define VW 1
#define REACHES(x, y) ((x) >= (y))
#define LARGER(x, y) ((x) > (y) ? (x) : (y))
#define SMALLER(x, y) ((x) < (y) ? (x) : (y))
#endif
#include KERNEL
#define LEVEL _plain_double
#define REAL double
#define SQRT(x) sqrt(x)
#define TARGET
#define LEAVE_VECTORS (void)0
#define CHOOSE(pair) (pair)
#ifdef __GNUC__
#define VW 2
#define REACHES(x, y) (((x)[0] >= (y)[0]) | ((x)[1] >= (y)[1]) << 1)
#define LARGER(x, y) plain_larger_double(x, y)
#define SMALLER(x, y) plain_smaller_double(x, y)
#else
#define VW 1
#define REACHES(x, y) ((x) >= (y))
#define LARGER(x, y) ((x) > (y) ? (x) : (y))
#define SMALLER(x, y) ((x) < (y) ? (x) : (y))
#endif
#include KERNEL
#undef KERNEL
