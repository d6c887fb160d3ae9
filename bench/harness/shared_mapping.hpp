#pragma once
// Anonymous shared memory, made before the fork so that all roles of a group see it at one address.

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace shmbus::bench {

class SharedMapping {
 public:
  explicit SharedMapping(std::size_t bytes);
  ~SharedMapping();
  SharedMapping(SharedMapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;
  SharedMapping& operator=(SharedMapping&&) = delete;

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }

  /// Maps every page into the calling process, so that no measured access takes a page fault.
  void prefault() const noexcept;

 private:
  std::byte* data_;
  std::size_t bytes_;
};

/// One T in shared memory.
template <class T>
class SharedObject {
  static_assert(std::is_trivially_destructible_v<T>, "processes end without running destructors");

 public:
  SharedObject() : mapping_(sizeof(T)) { ::new (mapping_.data()) T; }
  [[nodiscard]] T* operator->() const noexcept { return get(); }
  [[nodiscard]] T& operator*() const noexcept { return *get(); }
  [[nodiscard]] T* get() const noexcept {
    return std::launder(reinterpret_cast<T*>(mapping_.data()));
  }
  void prefault() const noexcept { mapping_.prefault(); }

 private:
  SharedMapping mapping_;
};

}  // namespace shmbus::bench
