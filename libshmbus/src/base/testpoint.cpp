#include "base/testpoint.hpp"

#if defined(SHMBUS_TESTPOINTS)
namespace shmbus::testpoint {
void (*hook)(const char* name) = nullptr;
}
#endif
