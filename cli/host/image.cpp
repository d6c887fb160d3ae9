#include "cli/host/image.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/host/trusted_file.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli::host {
namespace {

constexpr off_t image_bytes_max = 1L << 30;

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10U;
#endif

std::string name_in_maps(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return "shmbus-plugin:" +
         (slash == std::string::npos ? path : path.substr(slash + 1)).substr(0, 200);
}

int make_memory(const std::string& path) {
  const auto name = name_in_maps(path);
  int fd = descriptor::memory(name.c_str(), MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) {  // Linux before 6.3: executable anyway
    fd = descriptor::memory(name.c_str(), MFD_ALLOW_SEALING);
  }
  return fd;
}

[[noreturn]] void refuse(const std::string& path, const char* what) {
  throw PluginError(fmt::format("{}: {}", path, what));
}

void check_size(const std::string& path, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) refuse(path, std::strerror(errno));
  if (status.st_size > image_bytes_max) refuse(path, "is too large for a plug-in");
}

void copy(const std::string& path, int from, int to) {
  off_t at = 0;
  for (;;) {
    const ssize_t n = ::sendfile(to, from, &at, 1U << 20U);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse(path, std::strerror(errno));
    if (at > image_bytes_max) refuse(path, "is too large for a plug-in");
  }
  ::fcntl(to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
}

/// Whether an object that is mapped begins there.
bool is_mapped(ElfW(Addr) base) noexcept {
  struct Search {
    ElfW(Addr) base;
    bool found = false;
  } search{base};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& wanted = *static_cast<Search*>(data);
        wanted.found = wanted.found || info->dlpi_addr == wanted.base;
        return 0;
      },
      &search);
  return search.found;
}

}  // namespace

Image Image::copy_of(const std::string& path) {
  const Image file(open_trusted(path));
  check_size(path, file.fd());
  Image image(make_memory(path));
  if (image.fd() < 0) refuse(path, "no memory for a private copy (memfd_create)");
  copy(path, file.fd(), image.fd());
  return image;
}

Image::~Image() {
  if (fd_ >= 0) ::close(fd_);
}

Library::Library(Image image) : image_(std::move(image)) {
  const auto path = fmt::format("/proc/self/fd/{}", image_.fd());
  handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) {
    const char* why = ::dlerror();
    throw PluginError(
        fmt::format("cannot be loaded: {}", why != nullptr ? why : "no reason given"));
  }
}

Library& Library::operator=(Library&& other) noexcept {
  std::swap(image_, other.image_);
  std::swap(handle_, other.handle_);
  return *this;
}

const shmbus_plugin& Library::table() const {
  void* symbol = ::dlsym(handle_, "shmbus_plugin_entry");
  if (symbol == nullptr) {
    throw PluginError("is no plug-in: it has no function shmbus_plugin_entry");
  }
  const auto entry = reinterpret_cast<const shmbus_plugin* (*)()>(symbol);
  const shmbus_plugin* table = entry();
  if (table == nullptr) throw PluginError("its shmbus_plugin_entry() returned nothing");
  if (table->abi != SHMBUS_PLUGIN_ABI) {
    throw PluginError(fmt::format("was built for plug-in ABI {}, this host has ABI {}", table->abi,
                                  SHMBUS_PLUGIN_ABI));
  }
  if (table->size < sizeof(shmbus_plugin) || table->init == nullptr || table->name == nullptr) {
    throw PluginError("its table is incomplete");
  }
  return *table;
}

bool Library::close() noexcept {
  if (handle_ == nullptr) return true;
  const link_map* map = nullptr;
  if (::dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0) map = nullptr;
  const ElfW(Addr) base = map != nullptr ? map->l_addr : 0;
  ::dlclose(std::exchange(handle_, nullptr));
  const bool gone = map == nullptr || !is_mapped(base);
  if (gone) image_ = Image();
  return gone;
}

}  // namespace shmbus::cli::host
