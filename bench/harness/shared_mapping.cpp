#include "harness/shared_mapping.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

namespace shmbus::bench {

SharedMapping::SharedMapping(std::size_t bytes) : data_(nullptr), bytes_(bytes) {
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "mmap of shared memory");
  }
  data_ = static_cast<std::byte*>(address);
}

SharedMapping::~SharedMapping() {
  if (data_ != nullptr) {
    munmap(data_, bytes_);
  }
}

void SharedMapping::prefault() const noexcept {
#ifdef MADV_POPULATE_WRITE
  if (madvise(data_, bytes_, MADV_POPULATE_WRITE) == 0) {
    return;
  }
#endif
  // Older kernels: a read is enough to map a page of shared memory that somebody has written.
  volatile std::byte* page = data_;
  for (std::size_t offset = 0; offset < bytes_; offset += 4096) {
    (void)page[offset];
  }
}

}  // namespace shmbus::bench
