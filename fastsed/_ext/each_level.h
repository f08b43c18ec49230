/* Compiles the file KERNEL once for each SIMD level, with LEVEL (end of its names), VW (doubles a vector) and TARGET
   defined; the file undefines them. */
#if FASTSED_X86
#define LEVEL _avx512
#define VW 8
#define TARGET TARGET_AVX512
#include KERNEL
#define LEVEL _avx2
#define VW 4
#define TARGET TARGET_AVX2
#include KERNEL
#endif

#define LEVEL _plain
#ifdef __GNUC__
#define VW 2
#else
#define VW 1
#endif
#define TARGET
#include KERNEL
#undef KERNEL
