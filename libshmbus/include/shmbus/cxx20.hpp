// Says what is wrong when a program is compiled for an older C++, or for a machine that shmbus does
// not run on: without it the compiler complains of a word in the middle of some header. Every
// public header includes this one, before all others.
#pragma once

#if __cplusplus < 202002L
#error "shmbus needs C++20: compile with -std=c++20, or set CMAKE_CXX_STANDARD to 20"
#endif
#if __SIZEOF_POINTER__ != 8 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "shmbus needs a 64-bit little-endian machine (x86-64, ARM64): 32-bit ones are not supported"
#endif
