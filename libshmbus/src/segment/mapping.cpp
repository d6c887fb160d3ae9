#include "segment/mapping.hpp"

#include <sys/mman.h>

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cerrno>
#include <new>
#include <utility>

#include "os/bus_error.hpp"

namespace shmbus::segment {

namespace bip = boost::interprocess;

namespace {

/// What Boost maps: a description that somebody else opened.
struct Opened {
  int fd;
  [[nodiscard]] bip::mapping_handle_t get_mapping_handle() const noexcept { return {fd, false}; }
};

}  // namespace

struct Mapping::Region {
  bip::mapped_region region;
};

Mapping::Mapping() noexcept = default;
Mapping::Mapping(Mapping&& other) noexcept { *this = std::move(other); }

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this == &other) return *this;
  leave();
  region_ = std::move(other.region_);
  guard_ = std::exchange(other.guard_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

Mapping::~Mapping() { leave(); }

void Mapping::leave() noexcept {
  if (guard_ == nullptr) return;
  if (guard_->forked()) {
    (void)region_.release();  // those addresses are not mapped here, or are something else by now
  } else {
    guard_->release();
  }
}

Result<Mapping> Mapping::map(const File& file, std::uint64_t bytes, How how) noexcept {
  try {
    const auto mode = how.writable ? bip::read_write : bip::read_only;
    Mapping mapping;
    mapping.guard_ = liveness::HandleGuard::acquire();
    if (mapping.guard_ == nullptr) {
      return fail(ErrorKind::bus_unusable, "no memory, or no MADV_WIPEONFORK (Linux 4.14)", errno);
    }
    mapping.region_ = std::make_unique<Region>();
    mapping.region_->region = bip::mapped_region(Opened{file.fd()}, mode, 0, bytes);
    mapping.data_ = static_cast<std::byte*>(mapping.region_->region.get_address());
    mapping.bytes_ = bytes;
    if (::madvise(mapping.data_, bytes, MADV_DONTFORK) != 0) {
      return fail(ErrorKind::bus_unusable, "the kernel refused MADV_DONTFORK", errno);
    }
    if (how.catch_bus_errors) {
      if (!liveness::catch_bus_errors()) {
        return fail(ErrorKind::bus_unusable, "the kernel refused a handler of SIGBUS", errno);
      }
      mapping.guard_->watch(mapping.data_, bytes);
    }
    // A core dump reads memory of the dying for a long time, and the death is seen only afterwards.
    (void)::madvise(mapping.data_, bytes, MADV_DONTDUMP);
    return mapping;
  } catch (const bip::interprocess_exception& e) {
    return system_error("cannot map", "the segment", e.get_native_error());
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::bus_unusable, "out of memory while mapping the segment", ENOMEM);
  }
}

}  // namespace shmbus::segment
