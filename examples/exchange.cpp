// A handler is exchanged while its caller goes on calling: exchange [BUS]. Prints who answered.
#include <cstdio>
#include <stop_token>
#include <thread>

#include "report.hpp"

struct Order {
  std::uint64_t cents;
};
struct Price {
  std::uint64_t cents;
};
using WithTax = shmbus::Command<"price.with_tax", Order, Price>;

namespace {

/// From any thread of the process, while another runs the server.
shmbus::Result<void> raise_the_tax(shmbus::Server& server) {
  const auto swap = server.replace<WithTax>(
      [](const Order& order, Price& price) { price.cents = order.cents * 121 / 100; });
  if (!swap) return tl::unexpected<shmbus::Error>(swap.error());
  // Whatever it still had to answer is answered: what it used may go.
  if (!swap->wait(shmbus::SwapStage::gone, std::chrono::seconds(5))) {
    return shmbus::fail(shmbus::ErrorKind::timed_out, "the old handler does not go");
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  auto server = bus->serve();
  if (!server) return report(server.error());
  auto added = server->on<WithTax>(
      [](const Order& order, Price& price) { price.cents = order.cents * 119 / 100; });
  if (!added) return report(added.error());
  std::jthread serving([&](const std::stop_token& stop) { (void)server->run(stop); });

  auto with_tax = bus->caller<WithTax>();
  if (!with_tax) return report(with_tax.error());
  const auto before = with_tax->call({10'000});
  if (!before) return report(before.error());
  if (auto raised = raise_the_tax(*server); !raised) return report(raised.error());
  const auto after = with_tax->call({10'000});
  if (!after) return report(after.error());
  std::printf("%llu, then %llu\n", static_cast<unsigned long long>(before->cents),
              static_cast<unsigned long long>(after->cents));
  return 0;
}
