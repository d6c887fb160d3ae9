// A plug-in in C++ with a handler of each shape.
#include <stdexcept>
#include <thread>
#include <vector>

#include "plugin/shapes.hpp"
#include "shmbus/plugin.hpp"

using shmbus::Status;
using shmbus::plugin::Call;
using shmbus::plugin::Later;

class Shapes {
 public:
  ~Shapes() {
    for (auto& thread : threads_) thread.join();
  }
  bool init(shmbus::plugin::Commands& commands) {
    using namespace shapes;
    const auto twice = [](const Number& in, Number& out, Call& call) {
      out.value = in.value * 2;
      return call.one_way() ? Status::reject(1) : Status::ok();
    };
    const auto later = [this](const Number& in, Later<shapes::Slow> answer) {
      threads_.emplace_back([in, answer = std::move(answer)]() mutable {
        in.value == 0 ? answer.reject(4, "nothing") : answer.reply({in.value * 4});
      });
    };
    return commands.add<InPlace>(twice) &&
           commands.add<ByValue>([](const Number& in) { return Number{in.value * 3}; }) &&
           commands.add<Throws>([](const Number&, Number&) { throw std::runtime_error("no"); }) &&
           commands.add<Refuses>([](const Number& in) {
             return Status::reject(static_cast<std::int32_t>(in.value), "refused");
           }) &&
           commands.add<Slow>(later) && commands.add<Drops>([](const Number&, Later<Drops>) {}) &&
           commands.add<WhoAmI>([](const shmbus::Nothing&, shmbus::String<64>& out, Call& call) {
             out = shmbus::String<64>::truncate(call.caller().label);
           }) &&
           commands.add<Feel>([](const Feeling& in, Number& out) {
             out.value = static_cast<std::uint32_t>(in.mood);
           }) &&
           commands.add<Introduce>([](const Person& in, Card& out) {
             out.name = in.name;
             out.age = in.age.value_or(99U);
           });
  }

 private:
  std::vector<std::thread> threads_;
};
SHMBUS_PLUGIN(Shapes, "shapes", "1")
