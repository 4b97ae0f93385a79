/* Compile a function for processors with and without AVX2; the machine picks one when it loads the library. They differ in
   how many numbers they take at once, not in what they compute: no fused products, so the bits are the same. */
#ifndef SIMLAB_VECTOR_H
#define SIMLAB_VECTOR_H

#include <stdlib.h> /* says whether the C library is glibc, which can pick */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define SIMLAB_WIDE __attribute__((unused, target_clones("avx2", "default")))
#else
#define SIMLAB_WIDE
#endif

#endif
