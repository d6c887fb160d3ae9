// Says what is wrong when a program is compiled for an older C++: without it the compiler complains
// of a word in the middle of some header. Every public header includes this one, before all others.
#pragma once

#if __cplusplus < 202002L
#error "shmbus needs C++20: compile with -std=c++20, or set CMAKE_CXX_STANDARD to 20"
#endif
