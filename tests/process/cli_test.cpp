// The command line tool as its users meet it: the built binary, real buses, a handler in a process
// of its own. Every command is asked for JSON, and the exit code is part of what is checked.
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;
using nlohmann::json;

namespace {

struct Item {
  std::uint64_t id = 0;
};
struct Price {
  std::uint64_t cents = 0;
};
using ItemPrice = Command<"item.price", Item, Price>;

Status echo(Context& context) {
  const auto in = context.request();
  const auto out = context.reply_buffer(in.size());
  if (!out.empty()) std::memcpy(out.data(), in.data(), in.size());
  return Status::ok();
}

int serve(const std::string& path) {
  auto bus = Bus::open(path, {.label = "shop process"});
  if (!bus) return 1;
  auto server = bus->serve({.label = "shop"});
  if (!server) return 2;
  const bool registered =
      server->on<ItemPrice>([](const Item& in, Price& out) { out.cents = in.id * 100; }) &&
      server->on("echo", echo) &&
      server->on("refuse", [](Context&) { return Status::reject(7, "out of stock"); }) &&
      server->on("relay",
                 [](Context&) {
                   const Error inner{ErrorKind::rejected, 7, 0, "out of stock"};
                   return Status::reject(9, "no order").because(inner, "refuse");
                 }) &&
      server->on("slow", [](Context&) {
        std::this_thread::sleep_for(2s);
        return Status::ok();
      });
  if (!registered) return 3;
  return server->run(std::stop_token{}) ? 0 : 4;
}

/// A bus with a handler process on it. The test itself never opens it.
class Shop {
 public:
  Shop() : handler_([path = place_.path()] { return serve(path); }) {
    REQUIRE(eventually([&] {
      return tool({"ls", "--names"}).out.find("slow") != std::string::npos;
    }));
  }
  Ran tool(std::vector<std::string> arguments, const std::string& input = {}) const {
    arguments.insert(arguments.end(), {"--bus", place_.path()});
    return run_tool(std::move(arguments), input);
  }
  json tool_json(std::vector<std::string> arguments, int code = 0) const {
    arguments.emplace_back("--json");
    const auto ran = tool(std::move(arguments));
    INFO(ran.out << ran.err);
    CHECK(ran.code == code);
    return json::parse(ran.out);
  }
  Child& handler() { return handler_; }
  [[nodiscard]] const std::string& path() const { return place_.path(); }

 private:
  TempBus place_;
  Child handler_;
};

json entry(const json& list, const std::string& key, const std::string& value) {
  for (const auto& item : list) {
    if (item[key] == value) return item;
  }
  return {};
}

}  // namespace

TEST_CASE("shmbus call: the reply, or the error as exit code") {
  const Shop shop;
  CHECK(shop.tool({"call", "echo", "hello"}).out == "hello");
  CHECK(shop.tool({"call", "echo", "--hex", "de ad:be ef"}).out == "\xde\xad\xbe\xef");
  CHECK(shop.tool({"call", "echo", "-"}, "from stdin").out == "from stdin");
  CHECK(shop.tool({"call", "echo", "--text", "text", "--output", "hex"}).out ==
        "00000000  74 65 78 74                                      text\n");
  const std::string large(100'000, 'x');
  CHECK(shop.tool({"call", "echo", "--file", "-", "--reply-capacity", "128K"}, large).out == large);

  const auto price = shop.tool_json({"call", "item.price", "--hex", "0300000000000000"});
  CHECK(price["hex"] == "2c01000000000000");
  CHECK(price["elapsed_ns"].get<std::uint64_t>() > 0);

  const auto refused = shop.tool({"call", "refuse"});
  CHECK(refused.code == 2);
  CHECK(refused.err.find("code 7: out of stock") != std::string::npos);
  CHECK(shop.tool_json({"call", "refuse"}, 2)["error"]["code"] == 7);
  const auto relayed = shop.tool({"call", "relay"});
  CHECK(relayed.code == 2);
  CHECK(relayed.err.find("code 9: no order, because refuse rejected (7)") != std::string::npos);
  CHECK(shop.tool({"call", "nobody"}).code == 1);
  CHECK(shop.tool({"call", "nobody"}).err.starts_with("shmbus: "));
  CHECK(shop.tool({"call", "nobody", "--wait", "--timeout", "50ms"}).code != 0);
  CHECK(shop.tool({"call", "echo", "--reply-capacity", "10",
                   "more than ten bytes, more than a line "
                   "of them, that is to say"})
            .code == 9);
  CHECK(shop.tool({"call", "slow", "--timeout", "100ms"}).code == 3);
}

TEST_CASE("shmbus call: the handler dies under it") {
  Shop shop;
  Ran ran;
  std::thread call([&] { ran = shop.tool({"call", "slow"}); });
  CHECK(eventually([&] {
    const auto seen = shop.tool_json({"describe", "slow"});
    return seen["name"]["depth"] == 1;
  }));
  nap(20ms);
  shop.handler().kill();
  call.join();
  CHECK(ran.code == 6);
}

TEST_CASE("shmbus send: committed, and run") {
  const Shop shop;
  CHECK(shop.tool_json({"send", "echo", "one way"})["bytes"] == 7);
  CHECK(shop.tool({"send", "echo"}).out.empty());
  CHECK(shop.tool({"send", "nobody"}).code == 1);
  CHECK(eventually([&] { return shop.tool_json({"describe", "echo"})["name"]["calls"] == 2; }));
}

TEST_CASE("shmbus ls, describe, ps, top: what goes on") {
  Shop shop;
  for (int i = 0; i < 3; ++i) CHECK(shop.tool({"call", "echo", "x"}).code == 0);
  CHECK(shop.tool({"call", "refuse"}).code == 2);

  const auto names = shop.tool_json({"ls"});
  CHECK(names["bus"]["path"] == shop.path());
  CHECK(names["names"].size() == 5);
  const auto row = entry(names["names"], "name", "echo");
  CHECK(row["state"] == "active");
  CHECK(row["owner"] == "shop");
  CHECK(row["pid"] == shop.handler().pid());
  CHECK(row["calls"] == 3);
  CHECK(entry(names["names"], "name", "refuse")["errors"] == 1);
  const auto table = shop.tool({"ls"}).out;
  CHECK(table.starts_with("NAME "));
  CHECK(table.find('\x1b') == std::string::npos);  // piped: plain

  const auto described = shop.tool_json({"describe", "item.price"});
  CHECK(described["name"]["request_bytes"] == 8);
  CHECK(described["endpoint"]["order"] == "per caller");
  CHECK(shop.tool({"describe", "item.price"}).out.find("shop, pid") != std::string::npos);
  CHECK(shop.tool({"describe", "nothing"}).code == 1);

  const auto people = shop.tool_json({"ps"})["participants"];
  const auto owner = entry(people, "label", "shop process");
  CHECK(owner["alive"] == true);
  CHECK(owner["endpoints"] == 1);
  CHECK(shop.tool({"ps"}).out.find("shop process") != std::string::npos);

  const auto ran = shop.tool({"top", "--count", "2", "--interval", "20ms", "--json"});
  CHECK(ran.code == 0);
  const auto line_end = ran.out.find('\n');
  CHECK(json::parse(ran.out.substr(0, line_end))["names"].size() == 5);
  CHECK(json::parse(ran.out.substr(line_end + 1))["names"].size() == 5);
  CHECK(shop.tool({"top", "--count", "1", "--interval", "20ms"}).code == 0);
}

TEST_CASE("shmbus doctor, gc, rm: after a death") {
  Shop shop;
  CHECK(shop.tool_json({"doctor"}, shop.tool({"doctor"}).code)["findings"].is_array());
  CHECK(entry(shop.tool_json({"doctor"}, shop.tool({"doctor"}).code)["findings"], "id",
              "dead-participant")
            .is_null());
  CHECK(shop.tool({"rm"}).code == 10);
  shop.handler().kill();

  CHECK(entry(shop.tool_json({"ls"})["names"], "name", "echo")["state"] == "dead");
  CHECK(entry(shop.tool_json({"ps"})["participants"], "label", "shop process")["alive"] == false);
  // Nothing has to be done about the dead: who comes next takes back what they hold.
  const auto found = shop.tool_json({"doctor"}, shop.tool({"doctor"}).code)["findings"];
  CHECK(entry(found, "id", "dead-participant")["severity"] == "note");
  CHECK(shop.tool({"doctor"}).out.find("to know: ") != std::string::npos);

  const auto planned = shop.tool_json({"gc", "--dry-run"});
  CHECK(planned["participants"][0]["result"] == "would be reclaimed");
  CHECK(entry(shop.tool_json({"ps"})["participants"], "label", "shop process").is_object());
  CHECK(shop.tool_json({"gc"})["participants"][0]["result"] == "reclaimed");
  CHECK(entry(shop.tool_json({"ps"})["participants"], "label", "shop process").is_null());
  CHECK(entry(shop.tool_json({"ls"})["names"], "name", "echo")["state"] == "vacant");
  CHECK(shop.tool({"gc"}).out == "nothing to reclaim\n");

  CHECK(shop.tool_json({"rm"})["removed"] == true);
  CHECK(shop.tool({"ls"}).code == 11);
  CHECK(shop.tool({"rm"}).code == 11);
}

TEST_CASE("shmbus rm --force, and the doctor about those left behind") {
  Shop shop;
  CHECK(shop.tool_json({"rm", "--force"})["was_in_use"] == true);
  const auto found = shop.tool_json({"doctor"}, 70)["findings"];
  const auto left = entry(found, "id", "on-deleted-file");
  REQUIRE(left.is_object());
  CHECK(left["what"].get<std::string>().find(std::to_string(shop.handler().pid())) !=
        std::string::npos);
}

TEST_CASE("shmbus works while the handler is stopped") {
  Shop shop;
  shop.handler().signal(SIGSTOP);
  CHECK(entry(shop.tool_json({"ls"})["names"], "name", "echo")["state"] == "active");
  CHECK(shop.tool({"call", "echo", "x", "--timeout", "100ms"}).code == 3);
  // The caller that gave up has gone, and its lane with it: what it had sent was withdrawn, and the
  // handler, which is not dead, never looked into that lane.
  CHECK(shop.tool_json({"gc"})["participants"].empty());
  CHECK(entry(shop.tool_json({"ps"})["participants"], "label", "shmbus call").is_null());
  shop.handler().signal(SIGCONT);
  CHECK(shop.tool({"call", "echo", "x"}).out == "x");
}

TEST_CASE("shmbus create, layout: capacities") {
  const TempBus place;
  const auto tool = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--bus", place.path(), "--json"});
    return run_tool(std::move(arguments));
  };
  const auto made = tool({"create", "--names", "32", "--extent-bytes", "16K", "--mode", "0640"});
  REQUIRE(made.code == 0);
  CHECK(json::parse(made.out)["created"] == true);
  CHECK(json::parse(made.out)["capacities"]["extent_bytes"] == 16384);
  CHECK(json::parse(tool({"create"}).out)["created"] == false);
  CHECK(json::parse(tool({"ps"}).out)["bus"]["mode"] == "0640");
  CHECK(tool({"create", "--names", "64"}).code == 13);
  CHECK(tool({"create", "--extent-bytes", "1000"}).code == 13);
  CHECK(json::parse(tool({"layout"}).out)["capacities"]["names"] == 32);
  CHECK(json::parse(tool({"layout", "--names", "512"}).out)["capacities"]["names"] == 512);
}

TEST_CASE("shmbus bench: verified figures") {
  const auto ran = run_tool({"bench", "--duration", "20ms", "--json"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const auto results = json::parse(ran.out)["results"];
  CHECK(entry(results, "name", "one-way")["per_s"].get<double>() > 0);
  CHECK(entry(results, "name", "call, blocking")["p50_ns"].get<double>() > 0);
}

TEST_CASE("shmbus: wrong usage is exit code 64") {
  CHECK(run_tool({}).code == 0);  // the help
  CHECK(run_tool({"frobnicate"}).code == 64);
  CHECK(run_tool({"call"}).code == 64);
  CHECK(run_tool({"call", "x", "--hex", "123", "--bus", "/nowhere/x"}).code == 64);
  CHECK(run_tool({"call", "x", "--hex", "12", "--text", "12"}).code == 64);
  CHECK(run_tool({"call", "x", "--timeout", "soon", "--bus", "/nowhere/x"}).code == 64);
  CHECK(run_tool({"completions", "tcsh"}).code == 64);
  CHECK(run_tool({"--version"}).code == 0);
  const auto help = run_tool({"--help"});
  CHECK(help.code == 0);
  CHECK(help.out.find("handler_died_after_start") != std::string::npos);
  CHECK(run_tool({"ls", "--bus", "/nowhere/x"}).code == 11);
}
