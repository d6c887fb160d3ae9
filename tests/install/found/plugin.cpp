// A plug-in outside the tree: the installed headers alone, nothing linked.
#include <shmbus/plugin.hpp>

using Twice = shmbus::Command<"consumer.twice", std::uint32_t, std::uint32_t>;

struct Consumer {
  static bool init(shmbus::plugin::Commands& commands) {
    return commands.add<Twice>([](const std::uint32_t& in) { return in * 2; });
  }
};
SHMBUS_PLUGIN(Consumer, "consumer", "1")
