#include "schema/check.hpp"

#include "schema/grammar.hpp"

namespace shmbus::schema {
namespace {

/// Where in the types we are: "request", "request.owner".
using Path = FixedText<64>;

struct Both {
  std::string_view handler;
  std::string_view caller;
};

class Comparison {
 public:
  /// A request or reply: the one place where a side may have more at its end.
  void side(std::string_view name, Both types) noexcept {
    const Path path(name);
    const auto handler = stream_item(types.handler);
    const auto caller = stream_item(types.caller);
    if (handler && caller) types = {*handler, *caller};
    if (!both_structs(types)) {
      same(path, types, 0);
      return;
    }
    members(path, types, 0, !mentions_tail(types.handler) && !mentions_tail(types.caller));
  }
  [[nodiscard]] const Difference& found() const noexcept { return found_; }

 private:
  static bool both_structs(Both types) noexcept {
    return types.handler.starts_with('{') && types.caller.starts_with('{');
  }
  /// Parts of it lie behind it, so its end cannot move.
  static bool mentions_tail(std::string_view type) noexcept {
    return type.find(":text@") != std::string_view::npos ||
           type.find("<text>") != std::string_view::npos ||
           type.find("list<") != std::string_view::npos;
  }

  void report(std::string_view where, std::string_view handler, std::string_view caller) noexcept {
    if (!found_.empty()) found_.append("; ");
    found_.append(where).append(": handler ").append(shown(handler));
    found_.append(", caller ").append(shown(caller));
  }
  static std::string_view shown(std::string_view type) noexcept {
    constexpr std::size_t legible = 40;
    if (type.empty()) return "has none";
    return type.starts_with('{') ? "a struct" : type.substr(0, legible);
  }

  void same(const Path& path, Both types, int depth) noexcept {
    if (types.handler == types.caller) return;
    if (both_structs(types) && depth < depth_max) {
      members(path, types, depth + 1, false);
      return;
    }
    // The same kind of holder with as many elements: what differs is inside.
    const Type handler = parse_type(types.handler);
    const Type caller = parse_type(types.caller);
    const bool inside = handler.kind == caller.kind && handler.count == caller.count &&
                        !handler.item.empty() && handler.kind != Kind::enumeration;
    if (inside && depth < depth_max) {
      same(path, {handler.item, caller.item}, depth + 1);
    } else {
      report(path.view(), types.handler, types.caller);
    }
  }

  void members(const Path& path, Both types, int depth, bool may_grow) noexcept {
    const Difference before = found_;
    Members handler(types.handler);
    Members caller(types.caller);
    for (;;) {
      Member theirs;
      Member ours;
      const bool have_theirs = handler.next(theirs);
      const bool have_ours = caller.next(ours);
      if (!have_theirs && !have_ours) break;
      Path at = path;
      at.append(".").append(have_theirs ? theirs.name : ours.name);
      if (have_theirs != have_ours) {
        const auto extra = have_theirs ? theirs.type : ours.type;
        if (may_grow && extra.starts_with("opt<")) continue;
        report(at.view(), theirs.type, ours.type);
        continue;
      }
      if (theirs.name != ours.name) {
        // What follows is shifted: one difference tells more than all of them.
        report(at.view(), theirs.name, ours.name);
        return;
      }
      same(at, {theirs.type, ours.type}, depth);
    }
    const bool equal = types.handler == types.caller || (may_grow && grown(types));
    if (!handler.good() || !caller.good() || (found_.view() == before.view() && !equal)) {
      report(path.view(), "members at other places", "members at other places");
    }
  }

  /// The members that both have lie at the same places.
  static bool grown(Both types) noexcept {
    Members handler(types.handler);
    Members caller(types.caller);
    Member theirs;
    Member ours;
    while (handler.next(theirs) && caller.next(ours)) {
      if (theirs.offset != ours.offset) return false;
    }
    return true;
  }

  Difference found_;
};

tl::unexpected<Error> mismatch(std::string_view name, std::string_view what) noexcept {
  Error error{ErrorKind::type_mismatch, 0, 0, {}};
  error.message.append("'").append(name.substr(0, 40)).append("': ").append(what);
  return tl::unexpected<Error>(error);
}

}  // namespace

Difference difference(std::string_view handler, std::string_view caller) noexcept {
  const auto theirs = split(handler);
  const auto ours = split(caller);
  if (!theirs || !ours) return "the types are not legible";
  Comparison comparison;
  comparison.side("request", {theirs->request, ours->request});
  comparison.side("reply", {theirs->reply, ours->reply});
  return comparison.found();
}

Result<void> check(std::string_view name, const Registered& handler,
                   const Schema& caller) noexcept {
  if (caller.text.empty() || handler.hash == caller.hash) return {};
  if (handler.known == Known::hash_only) {
    return mismatch(name, "handler and caller were built with different types");
  }
  if (handler.known != Known::all) return {};
  const auto what = difference(handler.text(), caller.text);
  if (what.empty()) return {};
  return mismatch(name, what.view());
}

}  // namespace shmbus::schema
