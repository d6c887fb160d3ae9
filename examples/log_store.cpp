// An in-memory file store behind the file.* commands: log_store BUS
// One thread, one server: commands of a caller are run in the order in which it sent them.
#include <string>
#include <unordered_map>
#include <vector>

#include "crc32.hpp"
#include "log_handlers.hpp"

namespace {

using log_commands::Record;
using log_commands::Request;

struct File {
  std::vector<std::byte> contents;
  std::uint32_t crc = 0;  ///< of the contents, kept as they grow
};

class Store {
 public:
  Record put(const Request& in) {
    File& file = files_[std::string(in.path)];
    file = {};
    return append_to(file, in.payload);
  }

  Record append(const Request& in) { return append_to(files_[std::string(in.path)], in.payload); }

  Record stat(const Request& in) const {
    const auto found = files_.find(std::string(in.path));
    return found == files_.end() ? missing : state_of(found->second);
  }

  Record rename(const Request& in) {
    const auto found = files_.find(std::string(in.path));
    if (found == files_.end()) return missing;
    File file = std::move(found->second);
    files_.erase(found);
    return state_of(files_[std::string(in.to)] = std::move(file));
  }

  Record link(const Request& in) {
    const auto found = files_.find(std::string(in.path));
    if (found == files_.end()) return missing;
    File copy = found->second;
    return state_of(files_[std::string(in.to)] = std::move(copy));
  }

  Record remove(const Request& in) {
    const Record before = stat(in);
    files_.erase(std::string(in.path));
    return before;
  }

  Record clear(const Request& in) {
    const std::string prefix(in.path);
    const auto dropped = std::erase_if(
        files_, [&prefix](const auto& file) { return file.first.starts_with(prefix); });
    return {0, dropped, log_commands::done, 0};
  }

  /// The bytes from `offset` on, at most `length` of them; nullopt when there is no such file.
  std::optional<std::span<const std::byte>> read(const Request& in) const {
    const auto found = files_.find(std::string(in.path));
    if (found == files_.end()) return std::nullopt;
    const auto& contents = found->second.contents;
    const auto from = std::min<std::uint64_t>(in.offset, contents.size());
    return std::span(contents).subspan(from, std::min(in.length, contents.size() - from));
  }

  static constexpr Record missing{0, 0, log_commands::no_such_file, 0};

 private:
  static Record state_of(const File& file) {
    return {file.crc, file.contents.size(), log_commands::done, 0};
  }

  /// The checksum is taken of the copy: the caller's bytes may change under a handler.
  static Record append_to(File& file, std::span<const std::byte> bytes) {
    const auto before = file.contents.size();
    file.contents.insert(file.contents.end(), bytes.begin(), bytes.end());
    file.crc = crc32(std::span(file.contents).subspan(before), file.crc);
    return state_of(file);
  }

  std::unordered_map<std::string, File> files_;
};

shmbus::Status reply_read(const Store& store, const Request& in, shmbus::Context& context) {
  const auto found = store.read(in);
  if (!found) return log_commands::reply(context, Store::missing);
  return log_commands::reply(context, {crc32(*found), found->size(), log_commands::done, 0},
                             *found);
}

template <class Method>
auto handler_of(Store& store, Method method) {
  return [&store, method](const Request& in, shmbus::Context& context) {
    return log_commands::reply(context, (store.*method)(in));
  };
}

shmbus::Result<void> add_all(shmbus::Server& server, Store& store) {
  using log_commands::serve;
  shmbus::Result<void> added;
  const auto add = [&](std::string_view name, auto method) {
    if (added) added = serve(server, name, handler_of(store, method));
  };
  add("file.put", &Store::put);
  add("file.append", &Store::append);
  add("file.stat", &Store::stat);
  add("file.rename", &Store::rename);
  add("file.link", &Store::link);
  add("file.remove", &Store::remove);
  add("file.clear", &Store::clear);
  if (!added) return added;
  return serve(server, "file.read", [&store](const Request& in, shmbus::Context& context) {
    return reply_read(store, in, context);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s BUS\n", argv[0]);
    return 2;
  }
  Store store;
  return log_commands::serve_until_signal(
      argv[1], "store", [&store](shmbus::Server& server) { return add_all(server, store); });
}
