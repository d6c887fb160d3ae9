#include "schedule/sites.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "schedule/arena.hpp"

namespace shmbus::schedule {
namespace {

constexpr std::string_view sources = "libshmbus/src/";
constexpr unsigned lines_above = 5;  // of a statement and the comment before it
constexpr unsigned lines_below = 5;

std::string below_sources(std::string_view path) {
  const auto at = path.rfind(sources);
  return std::string(at == std::string_view::npos ? path : path.substr(at + sources.size()));
}

std::string_view trimmed(std::string_view line) noexcept {
  const auto from = line.find_first_not_of(' ');
  return from == std::string_view::npos ? std::string_view() : line.substr(from);
}
std::string_view code_of(std::string_view line) noexcept {
  line = line.substr(0, line.find("//"));
  const auto to = line.find_last_not_of(' ');
  return to == std::string_view::npos ? std::string_view() : line.substr(0, to + 1);
}
bool ends_statement(std::string_view line) noexcept {
  const auto code = code_of(line);
  return !code.empty() && (code.back() == ';' || code.back() == '{' || code.back() == '}');
}

void collect(std::string_view line, std::string_view mark, std::vector<std::string>& into) {
  const auto at = line.find(mark);
  if (at == std::string_view::npos) return;
  const auto rest = line.substr(at + mark.size());
  const auto end = rest.find_first_of(" :;,");
  std::string name(rest.substr(0, end));
  if (!name.empty() && name.back() == '.') name.pop_back();
  if (std::find(into.begin(), into.end(), name) == into.end()) into.push_back(std::move(name));
}

/// Names behind the mark, in the statement around the line and in the comment before it. `line`
/// counts from 1.
std::vector<std::string> marks_at(const std::vector<std::string>& lines, unsigned line,
                                  std::string_view mark) {
  std::vector<std::string> found;
  if (line == 0 || line > lines.size()) return found;
  for (unsigned i = line; i < line + lines_below && i <= lines.size(); ++i) {
    collect(lines[i - 1], mark, found);
    if (ends_statement(lines[i - 1])) break;
  }
  for (unsigned i = line - 1; i > 0 && i + lines_above >= line; --i) {
    const auto text = trimmed(lines[i - 1]);
    const bool comment = text.starts_with("//");
    if (!comment && (text.empty() || ends_statement(text))) break;
    collect(text, mark, found);
  }
  return found;
}

}  // namespace

std::string_view name_of(Side side) noexcept {
  return side == Side::release ? "release" : side == Side::acquire ? "acquire" : "fence";
}

std::optional<Weakening> Weakening::parse(std::string_view text) {
  Weakening out;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto side = text.substr(0, colon);
  text.remove_prefix(colon + 1);
  if (side == "release") {
    out.side = Side::release;
  } else if (side == "acquire") {
    out.side = Side::acquire;
  } else if (side == "fence") {
    out.side = Side::fence;
  } else {
    return std::nullopt;
  }
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    out.sync = text.substr(0, at);
    out.file = text.substr(at + 1);
  } else if (const auto line = text.find(':'); line != std::string_view::npos) {
    out.file = text.substr(0, line);
    const auto number = text.substr(line + 1);
    std::from_chars(number.data(), number.data() + number.size(), out.line);
  } else {
    out.sync = text;
  }
  return out;
}

void Sites::judge(Place& place) const {
  place.weakened = 0;
  if (!weakening_) return;
  const Weakening& what = *weakening_;
  if (!what.file.empty() && what.file != place.file) return;
  if (what.line != 0 && what.line != place.line) return;
  if (!what.sync.empty() &&
      std::find(place.syncs.begin(), place.syncs.end(), what.sync) == place.syncs.end()) {
    return;
  }
  place.weakened = static_cast<std::uint8_t>(what.side);
}

void Sites::weaken(std::optional<Weakening> what) {
  weakening_ = std::move(what);
  for (auto& [key, place] : places_) judge(place);
}

const std::vector<std::string>& Sites::lines_of(const std::string& file) {
  auto& lines = sources_[file];
  if (!lines.empty()) return lines;
  std::ifstream from(std::string(SHMBUS_SOURCE_DIR "/") + std::string(sources) + file);
  for (std::string line; std::getline(from, line);) lines.push_back(line);
  return lines;
}

Sites::Place& Sites::at(scheduled::Site site) {
  const auto found = known_.find({site.file, site.line});
  if (found != known_.end()) return *found->second;
  const arena::Use off(false);
  const std::string file = below_sources(site.file);
  auto& place = places_[{file, site.line}];
  if (place.line == 0) {
    place.file = file;
    place.line = site.line;
    place.syncs = marks_at(lines_of(file), site.line, "// SYNC ");
    place.hint = !marks_at(lines_of(file), site.line, "// HINT: ").empty();
    judge(place);
  }
  known_[{site.file, site.line}] = &place;
  return place;
}

std::memory_order Sites::order(scheduled::Site site, std::memory_order asked) {
  using std::memory_order_acq_rel;
  if (asked == std::memory_order_relaxed || asked == std::memory_order_seq_cst) return asked;
  Place& place = at(site);
  const bool acquire = asked == std::memory_order_acquire || asked == memory_order_acq_rel;
  const bool release = asked == std::memory_order_release || asked == memory_order_acq_rel;
  const auto has = [&](Side side) {
    return (place.weakened & static_cast<std::uint8_t>(side)) != 0;
  };
  if (acquire) place.sides |= static_cast<std::uint8_t>(Side::acquire);
  if (release) place.sides |= static_cast<std::uint8_t>(Side::release);
  const bool still_acquire = acquire && !has(Side::acquire);
  const bool still_release = release && !has(Side::release);
  if (still_acquire && still_release) return memory_order_acq_rel;
  if (still_acquire) return std::memory_order_acquire;
  return still_release ? std::memory_order_release : std::memory_order_relaxed;
}

bool Sites::fences(scheduled::Site site) {
  Place& place = at(site);
  place.sides |= static_cast<std::uint8_t>(Side::fence);
  return (place.weakened & static_cast<std::uint8_t>(Side::fence)) == 0;
}

std::vector<const Sites::Place*> Sites::all() const {
  std::vector<const Place*> list;
  for (const auto& [key, place] : places_) {
    if (place.sides != 0) list.push_back(&place);
  }
  return list;
}

}  // namespace shmbus::schedule
