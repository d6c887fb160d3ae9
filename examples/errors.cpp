// Errors by kind between three processes, routed and retried: errors [BUS]
//
//   this process  -- order.place -->  orders  -- stock.take -->  stock
#include <string>

#include "processes.hpp"

struct Order {
  std::uint32_t article;
  std::uint32_t pieces;
};
struct Receipt {
  std::uint64_t number;
};
using StockTake = shmbus::Command<"stock.take", Order>;
using OrderPlace = shmbus::Command<"order.place", Order, Receipt>;
using OrderCount =
    shmbus::Command<"order.count", shmbus::Nothing, std::uint64_t, shmbus::Idempotent>;

constexpr std::int32_t too_few = 12;     // codes of stock
constexpr std::int32_t try_later = 503;  // codes of orders
constexpr std::int32_t out_of_stock = 409;

namespace {

using shmbus::Error;
using shmbus::ErrorKind;
using shmbus::Status;

int stock(const char* path) {
  return serve(path, [](shmbus::Bus&, shmbus::Server& server) {
    return server.on<StockTake>([](const Order& order) {
      return order.pieces <= 3 ? Status::ok() : Status::reject(too_few, "3 left");
    });
  });
}

/// What the customer is told when stock.take failed.
const auto because_of_stock = shmbus::routes(
    shmbus::on_code<too_few>([](const Error& error) {
      return Status::reject(out_of_stock, "out of stock").because(error, StockTake::name.text);
    }),
    shmbus::on_kind<ErrorKind::not_registered, ErrorKind::overloaded>([](const Error& error) {
      return Status::reject(try_later, "try later").because(error, StockTake::name.text);
    }),
    shmbus::otherwise(
        [](const Error& error) { return shmbus::rejected_by(error, StockTake::name.text); }));

shmbus::Result<void> serve_orders(shmbus::Server& server, shmbus::Caller<StockTake>& take) {
  return server.on<OrderPlace>(
      [&take, next = std::uint64_t{1000}](const Order& order, Receipt& receipt) mutable {
        const auto taken = take.call(order);
        if (!taken) return because_of_stock(taken.error());
        receipt.number = ++next;
        return Status::ok();
      });
}

int orders(const char* path) {
  return serve(path, [](shmbus::Bus& bus, shmbus::Server& server) -> shmbus::Result<void> {
    static shmbus::Caller<StockTake> take;
    auto caller = bus.caller<StockTake>();
    if (!caller) return tl::unexpected(caller.error());
    take = std::move(*caller);
    return serve_orders(server, take);
  });
}

/// Orders, and says in words what became of it.
std::string place(shmbus::Caller<OrderPlace>& orders, const Order& order) {
  const auto receipt = orders.call(order);
  if (receipt) return "receipt " + std::to_string(receipt->number);
  static const auto words = shmbus::routes(
      shmbus::on_code<out_of_stock>([](const Error& error) {
        return "refused: " + std::string(error.message.view()) + ", because " +
               std::string(to_text(error.causes).view());
      }),
      shmbus::on_code<try_later>([](const Error&) { return std::string("later"); }),
      shmbus::on_kind<ErrorKind::handler_died_after_start>(
          [](const Error&) { return std::string("nobody knows: ask before you order again"); }),
      shmbus::otherwise([](const Error& error) { return std::string(to_string(error.kind)); }));
  return words(receipt.error());
}

/// Counting twice does no harm, and the Command says so: repeated whatever happened to it.
std::string count(shmbus::Caller<OrderCount>& orders) {
  const auto number =
      shmbus::call_with_retry(orders, {}, {.attempts = 3, .backoff = std::chrono::milliseconds(2)},
                              std::chrono::milliseconds(100));
  return number ? std::to_string(*number) : std::string(to_string(number.error().kind));
}

}  // namespace

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "hello";
  const Process stock_process([path] { return stock(path); });
  const Process orders_process([path] { return orders(path); });
  auto bus = shmbus::Bus::open(path);
  if (!bus) return report(bus.error());
  for (const auto& name : {StockTake::name, OrderPlace::name}) {
    if (auto there = bus->wait_until_available(name, std::chrono::seconds(5)); !there) {
      return report(there.error());
    }
  }
  auto orders = bus->caller<OrderPlace>();
  if (!orders) return report(orders.error());
  auto counting = bus->caller<OrderCount>();
  if (!counting) return report(counting.error());
  std::printf("%s; %s; count: %s\n", place(*orders, {7, 2}).c_str(), place(*orders, {7, 9}).c_str(),
              count(*counting).c_str());
  return 0;
}
