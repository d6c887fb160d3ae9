#include "cli/probe_notes.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>
#include <sstream>
#include <string_view>

namespace shmbus::cli {
namespace {

constexpr std::string_view section_name = ".note.stapsdt";
constexpr std::string_view provider = "shmbus";
constexpr std::size_t section_bytes_max = 1U << 20U;

/// Reads a T at an offset of the file; false at its end.
template <class T>
bool read_at(std::ifstream& file, std::uint64_t offset, T& into) {
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  return static_cast<bool>(file.read(reinterpret_cast<char*>(&into), sizeof into));
}

std::string bytes_at(std::ifstream& file, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(std::min<std::uint64_t>(size, section_bytes_max), '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) bytes.clear();
  return bytes;
}

std::string note_section(std::ifstream& file) {
  Elf64_Ehdr head{};
  if (!read_at(file, 0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) return {};
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_shentsize != sizeof(Elf64_Shdr)) return {};
  const auto section = [&](std::uint64_t index, Elf64_Shdr& into) {
    return read_at(file, head.e_shoff + index * sizeof into, into);
  };
  Elf64_Shdr names{};
  if (!section(head.e_shstrndx, names)) return {};
  const std::string texts = bytes_at(file, names.sh_offset, names.sh_size);
  for (std::uint64_t i = 0; i < head.e_shnum; ++i) {
    Elf64_Shdr one{};
    if (!section(i, one)) return {};
    if (one.sh_name >= texts.size()) continue;
    if (section_name == texts.c_str() + one.sh_name) {
      return bytes_at(file, one.sh_offset, one.sh_size);
    }
  }
  return {};
}

/// Takes one text that ends with a zero from the front.
std::string_view take_text(std::string_view& from) {
  const auto end = std::min(from.find('\0'), from.size());
  const auto text = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return text;
}

constexpr std::uint64_t aligned(std::uint64_t size) { return (size + 3U) & ~std::uint64_t{3}; }

}  // namespace

std::size_t ProbeNote::argument_count() const {
  return static_cast<std::size_t>(std::count(arguments.begin(), arguments.end(), '@'));
}

std::vector<ProbeNote> read_probe_notes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string section = note_section(file);
  std::vector<ProbeNote> notes;
  std::string_view left = section;
  while (left.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr head{};
    std::memcpy(&head, left.data(), sizeof head);
    left.remove_prefix(sizeof head);
    const auto owner_size = aligned(head.n_namesz);
    const auto size = owner_size + aligned(head.n_descsz);
    if (size > left.size()) break;
    constexpr std::size_t addresses = 3 * sizeof(std::uint64_t);  // of the probe, a base, a counter
    if (head.n_descsz > addresses) {
      auto text = left.substr(owner_size + addresses, head.n_descsz - addresses);
      const auto whose = take_text(text);
      const auto name = take_text(text);
      if (whose == provider) notes.push_back({std::string(name), std::string(take_text(text))});
    }
    left.remove_prefix(size);
  }
  return notes;
}

std::vector<std::string> files_with_probes(std::uint32_t pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  std::vector<std::string> seen;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    std::string range;
    std::string rights;
    std::string skipped;
    fields >> range >> rights >> skipped >> skipped >> skipped >> std::ws;
    std::string path;
    std::getline(fields, path);
    if (rights.find('x') == std::string::npos || !path.starts_with('/')) continue;
    if (std::find(seen.begin(), seen.end(), path) == seen.end()) seen.push_back(path);
  }
  std::erase_if(seen, [](const std::string& path) { return read_probe_notes(path).empty(); });
  return seen;
}

}  // namespace shmbus::cli
