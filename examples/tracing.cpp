// One trace over three processes: tracing [BUS]
//
// A request comes in with a `traceparent`, as a web server would get it. The calls that are made
// for it, and those made in the handlers of these, belong to its trace; no handler says so. Look at
// it afterwards with `shmbus trace`.
#include <cstdio>

#include "processes.hpp"

namespace {

using Take = shmbus::Command<"stock.take", std::uint32_t, shmbus::String<55>>;
using Mail = shmbus::Command<"mail.send", std::uint32_t>;
using Place = shmbus::Command<"order.place", std::uint32_t, shmbus::String<55>>;

const shmbus::CallerOptions patient{.when_vacant = shmbus::WhenVacant::wait};

int stock(const char* path) {
  return serve(path, [](shmbus::Bus&, shmbus::Server& server) {
    auto added = server.on<Take>(
        [](const std::uint32_t&, shmbus::String<55>& header, shmbus::Context& context) {
          // For what leaves the bus from here.
          (void)header.assign(context.trace().traceparent().view());
        });
    if (added) added = server.on<Mail>([](std::uint32_t) {});
    return added;
  });
}

int orders(const char* path) {
  return serve(path, [](shmbus::Bus& bus, shmbus::Server& server) -> shmbus::Result<void> {
    auto take = bus.caller<Take>(patient);
    auto mail = bus.caller<Mail>(patient);
    if (!take || !mail) return {};
    return server.on<Place>(
        [take = *take, mail = *mail](std::uint32_t order,
                                     shmbus::String<55>& header) mutable -> shmbus::Status {
          const auto taken = take.call(order);
          if (!taken || !mail.send(order)) return shmbus::Status::reject(1, "out of stock");
          header = *taken;
          return shmbus::Status::ok();
        });
  });
}

}  // namespace

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "hello";
  const Process stock_process([&] { return stock(path); });
  const Process order_process([&] { return orders(path); });
  auto bus = shmbus::Bus::open(path);
  if (!bus) return report(bus.error());
  auto place = bus->caller<Place>(patient);
  if (!place) return report(place.error());

  const auto incoming =
      shmbus::TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  shmbus::Result<shmbus::String<55>> header;
  {
    const shmbus::Span span(*bus, "POST /orders", {.parent = *incoming});
    header = place->call(7);
  }
  if (!header) return report(header.error());
  const auto inside = shmbus::TraceContext::parse(header->view());
  if (!inside) return 1;
  std::printf("%s\n", inside->trace_id == incoming->trace_id && inside->sampled()
                          ? "stock.take ran in the trace of the request"
                          : "stock.take ran in another trace");
}
