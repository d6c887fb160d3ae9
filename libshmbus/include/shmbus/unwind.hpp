// SHMBUS_FORCED_UNWIND: abi::__forced_unwind is what unwinds a thread that ends in the middle of
// something (pthread_exit, pthread_cancel). A handler of `catch (...)` must let it pass.
#pragma once

#if defined(__GLIBCXX__) || __has_include(<bits/c++config.h>)
#include <cxxabi.h>
#if defined(__cpp_exceptions)
#define SHMBUS_FORCED_UNWIND 1
#endif
#endif
