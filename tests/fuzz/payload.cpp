// What people give to the tool, and what it prints of what peers sent.
#include <cstdint>
#include <cstdlib>

#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "cli/units.hpp"

using namespace shmbus::cli;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto parsed = parse_hex(text); parsed && parse_hex(to_hex(*parsed)) != parsed) {
    std::abort();  // what is printed must read back
  }
  if (parse_hex(to_hex(bytes))->size() != size) std::abort();
  (void)hex_dump(bytes);
  (void)parse_duration(text);
  if (const auto parsed = parse_bytes(text); parsed && *parsed > bytes_max) std::abort();
  if (!is_text(printable(text))) std::abort();  // nothing that steers a terminal is left
  return 0;
}
