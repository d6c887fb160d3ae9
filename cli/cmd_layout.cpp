// shmbus layout: where everything is in a segment. The output depends on the capacities alone; that
// of `--defaults` is compared with tests/golden/layout.txt, so that no change of the format slips
// in unseen.
#include <fmt/format.h>

#include <bit>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/layout_model.hpp"
#include "cli/output.hpp"
#include "cli/present.hpp"
#include "cli/units.hpp"
#include "common/bus_options.hpp"
#include "inspect/reader.hpp"
#include "segment/create.hpp"

namespace shmbus::cli {
namespace {

struct LayoutOptions {
  bool defaults = false;
  Capacities capacities{};
};

layout::Geometry geometry_of(const Context& context, const LayoutOptions& options) {
  if (options.defaults || any_given(options.capacities)) {
    return value_or_fail(segment::geometry_for(options.capacities));
  }
  return value_or_fail(inspect::Reader::open(context.bus)).view().geometry();
}

std::string bits_text(std::uint64_t mask) {
  const int low = std::countr_zero(mask);
  const int high = 63 - std::countl_zero(mask);
  return low == high ? std::to_string(low) : fmt::format("{}..{}", low, high);
}

void print_regions(const layout::Geometry& geometry) {
  fmt::print("Segment, {} bytes ({})\n\n", geometry.segment_bytes,
             format_bytes(geometry.segment_bytes));
  Table table({{"REGION"},
               {"OFFSET", Align::right},
               {"STRIDE", Align::right},
               {"COUNT", Align::right},
               {"BYTES", Align::right}});
  for (const auto& [name, region] : regions_of(geometry)) {
    table.add({name, fmt::format("{:#x}", region.offset), std::to_string(region.stride),
               std::to_string(region.count), std::to_string(region.bytes())});
  }
  fmt::print("{}\n", table.text());
}

void print_structs() {
  for (const auto& shape : shared_structs()) {
    fmt::print("struct {}, {} bytes, aligned to {}\n", shape.name, shape.bytes, shape.align);
    for (const auto& field : shape.fields) {
      fmt::print("  {:#06x} {:>5}  {}\n", field.offset, field.bytes, field.name);
    }
  }
}

void print_words() {
  for (const auto& word : packed_words()) {
    fmt::print("word {}\n", word.name);
    for (const auto& part : word.parts) {
      fmt::print("  {:<7} {}\n", bits_text(part.mask), part.name);
    }
  }
  fmt::print("numbers\n");
  for (const auto& number : format_numbers()) {
    fmt::print("  {:#018x}  {}\n", number.value, number.name);
  }
}

nlohmann::json layout_json(const layout::Geometry& geometry) {
  nlohmann::json out{{"layout", fmt::format("{}.{}", layout::layout_major, layout::layout_minor)},
                     {"segment_bytes", geometry.segment_bytes},
                     {"capacities", capacities_json(geometry.capacities)},
                     {"regions", nlohmann::json::array()},
                     {"structs", nlohmann::json::array()},
                     {"words", nlohmann::json::array()},
                     {"numbers", nlohmann::json::object()}};
  for (const auto& [name, region] : regions_of(geometry)) {
    out["regions"].push_back({{"name", name},
                              {"offset", region.offset},
                              {"stride", region.stride},
                              {"count", region.count}});
  }
  for (const auto& shape : shared_structs()) {
    nlohmann::json fields = nlohmann::json::array();
    for (const auto& field : shape.fields) {
      fields.push_back({{"name", field.name}, {"offset", field.offset}, {"bytes", field.bytes}});
    }
    out["structs"].push_back({{"name", shape.name},
                              {"bytes", shape.bytes},
                              {"align", shape.align},
                              {"fields", std::move(fields)}});
  }
  for (const auto& word : packed_words()) {
    nlohmann::json parts = nlohmann::json::array();
    for (const auto& part : word.parts) {
      parts.push_back({{"name", part.name}, {"bits", bits_text(part.mask)}});
    }
    out["words"].push_back({{"name", word.name}, {"parts", std::move(parts)}});
  }
  for (const auto& number : format_numbers()) {
    out["numbers"][std::string(number.name)] = number.value;
  }
  return out;
}

int run_layout(const Context& context, const LayoutOptions& options) {
  const auto geometry = geometry_of(context, options);
  if (context.json) {
    print_json(layout_json(geometry));
    return exit_ok;
  }
  fmt::print("Layout version {}.{}\n\n", layout::layout_major, layout::layout_minor);
  print_regions(geometry);
  print_structs();
  print_words();
  return exit_ok;
}

}  // namespace

void add_layout(CLI::App& app, Context& context) {
  const auto options = std::make_shared<LayoutOptions>();
  auto& command = add_command(app, context, "layout", "Print the offset table of the segment",
                              [&context, options] { return run_layout(context, *options); });
  command.add_flag("--defaults", options->defaults, "Of a default bus, without looking at any");
  add_capacity_options(command, options->capacities);
}

}  // namespace shmbus::cli
