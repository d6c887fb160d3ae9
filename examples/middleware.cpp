// Middleware around a handler and around calls: middleware [BUS]
#include <stdexcept>
#include <string>

#include "processes.hpp"

namespace {

using shmbus::Status;
using namespace std::chrono_literals;

struct Transfer {
  std::uint32_t to;
  std::int64_t cents;
};
using Pay = shmbus::Command<"bank.pay", Transfer, std::uint64_t>;

std::uint64_t pay(const Transfer& transfer) {
  if (transfer.to == 0) throw std::invalid_argument("no such account");
  static std::uint64_t paid = 0;
  return ++paid;
}

shmbus::Result<void> serve_payments(shmbus::Server& server, shmbus::CallTimes& times) {
  return server.on<Pay>(shmbus::with(
      shmbus::logged([](std::string_view line) {
        std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
      }),
      shmbus::timed(times),                             // counts what is refused below, too
      shmbus::allow(shmbus::uid_is(getuid())),          // else: not_permitted
      shmbus::validated([](const Transfer& transfer) {  // else: invalid_argument
        return transfer.cents > 0 ? Status::ok() : Status::reject(1, "nothing to pay");
      }),
      shmbus::rate_limited(1'000, 100),  // else: overloaded
      shmbus::catching(shmbus::on_exception<std::invalid_argument>(
          [](const auto& exception) { return Status::reject(404, exception.what()); })),
      pay));
}

/// A middleware of one's own: at most so many failures in a row, then nothing gets through.
struct GiveUpAfter {
  int failures;
  template <class Where, class Next>
  auto operator()(Where&, Next& next) -> decltype(next()) {
    if (failures == 0) {
      return shmbus::refused<decltype(next())>(shmbus::ErrorKind::overloaded, "given up");
    }
    auto outcome = next();
    if (!shmbus::succeeded(outcome)) --failures;
    return outcome;
  }
};

std::string kind(const shmbus::Result<std::uint64_t>& result) {
  return result ? "ok" : std::string(to_string(result.error().kind));
}

std::string pay_some(shmbus::Caller<Pay> caller) {
  shmbus::CallTimes attempts;
  auto payments = shmbus::with(shmbus::retrying({.attempts = 3}), shmbus::timed(attempts),
                               GiveUpAfter{2}, std::move(caller));
  std::string all;
  for (const Transfer& transfer : {Transfer{5, 100}, {5, -1}, {0, 100}, {5, 100}}) {
    all += kind(payments.call(transfer, 1s)) + " ";
  }
  return all + std::to_string(attempts.count) + " attempts";
}

}  // namespace

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "hello";
  static shmbus::CallTimes times;
  const Process bank([path] {
    return serve(
        path, [](shmbus::Bus&, shmbus::Server& server) { return serve_payments(server, times); });
  });
  auto bus = shmbus::Bus::open(path);
  if (!bus) return report(bus.error());
  if (auto there = bus->wait_until_available(Pay::name, 5s); !there) return report(there.error());
  auto caller = bus->caller<Pay>();
  if (!caller) return report(caller.error());
  std::printf("%s\n", pay_some(std::move(*caller)).c_str());
  return 0;
}
