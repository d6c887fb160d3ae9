// shmbus describe and call, speaking JSON to a handler in a process of its own.
#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using nlohmann::json;

namespace {

enum class Plan : std::uint8_t { free, paid };

struct Address {
  String<16> street;
  std::uint16_t number = 0;
};
struct User {
  std::uint64_t id = 0;
  Email email;
  Plan plan = Plan::free;
  bool active = false;
  std::int16_t balance = 0;
  double share = 0;
  Vector<Address, 3> addresses;
  std::array<std::uint8_t, 2> pair{};
  Uuid key;
  Timestamp since;
  Optional<String<8>> nick;
  Optional<float> score;
};
using Mirror = Command<"user.mirror", User, User>;
using Count = Command<"count", Nothing, std::uint32_t>;
using Add = Command<"add", std::int32_t, std::int32_t>;

struct Note {
  std::uint32_t id = 0;
  Text body;
  Array<std::int16_t> numbers;
};
using Echo = Command<"note.echo", Note, Note>;

Status echo(const Note& in, Note& out, Context& context) {
  out.id = in.id;
  auto& tail = context.tail();
  const bool fits = tail.put(out.body, in.body.view(context.request())) &&
                    tail.put(out.numbers, in.numbers.view(context.request()));
  return fits ? Status::ok() : Status::reject(1, "no room");
}

bool register_all(Bus&, Server& server) {
  return server.on<Mirror>([](const User& in) { return in; }) &&
         server.on<Count>([] { return 7U; }) && server.on<Echo>(echo) &&
         server.on<Add>([](std::int32_t in) { return in + 1; }) &&
         server.on("bytes",
                   [](Context& context) { return test::answer(context, context.request()); });
}

const char* const complete = R"({"id": 7, "email": "a@b.c", "plan": "paid", "active": true,
  "balance": -3, "share": 0.5, "addresses": [{"street": "Elm", "number": 65535}],
  "pair": [1, 2], "key": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
  "since": "2026-11-22T08:30:00.5Z", "nick": "ann"})";

class Peers {
 public:
  Peers() { (void)test::open_when_served(path_.path(), "bytes"); }
  test::Ran tool(std::vector<std::string> arguments, const std::string& input = {}) const {
    arguments.insert(arguments.end(), {"--bus", path_.path()});
    return test::run_tool(std::move(arguments), input);
  }
  json reply(const std::string& name, const std::string& request) const {
    const auto ran = tool({"call", name, request});
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    return json::parse(ran.out);
  }
  /// What is said of `complete` after `change`.
  std::string refusal(const std::string& member, const json& value) const {
    auto request = json::parse(complete);
    request[json::json_pointer(member)] = value;
    const auto ran = tool({"call", "user.mirror", request.dump()});
    CHECK(ran.code == static_cast<int>(ErrorKind::invalid_argument));
    CHECK(ran.out.empty());
    return ran.err;
  }
  void kill() { handler_.kill(); }
  [[nodiscard]] std::string path() const { return path_.path(); }

 private:
  test::TempBus path_;
  test::Child handler_ = test::handler_process(path_.path(), register_all);
};

}  // namespace

TEST_CASE("JSON goes through a handler and comes back the same", "[describe]") {
  const Peers peers;
  auto expected = json::parse(complete);
  expected["score"] = nullptr;
  CHECK(peers.reply("user.mirror", complete) == expected);
  auto other = expected;
  other["nick"] = nullptr;
  other["score"] = 1.5;
  other["plan"] = "free";
  other["addresses"] = json::array();
  other["id"] = 18446744073709551615ULL;
  other["balance"] = -32768;
  CHECK(peers.reply("user.mirror", other.dump()) == other);
  CHECK(peers.reply("add", "-5") == -4);
  CHECK(peers.reply("count", "{}") == 7);
  CHECK(json::parse(peers.tool({"call", "count"}).out) == 7);
  CHECK(json::parse(peers.tool({"call", "user.mirror", "-"}, complete).out) == expected);

  const auto whole = json::parse(peers.tool({"call", "add", "1", "--json"}).out);
  CHECK(whole["reply"] == 2);
  CHECK(whole["hex"] == "02000000");
}

TEST_CASE("parts of any length are placed behind the struct", "[describe]") {
  const Peers peers;
  const std::string body(30'000, 'x');
  const json note{{"id", 1}, {"body", body}, {"numbers", {1, -2, 3}}};
  CHECK(peers.reply("note.echo", note.dump()) == note);
  const json nothing{{"id", 2}, {"body", ""}, {"numbers", json::array()}};
  CHECK(peers.reply("note.echo", nothing.dump()) == nothing);
}

TEST_CASE("bytes, text and hexadecimal digits are still taken as they are", "[describe]") {
  const Peers peers;
  CHECK(peers.tool({"call", "bytes", "{not json"}).out == "{not json");
  CHECK(peers.tool({"call", "add", "--hex", "09000000"}).out == "10\n");
  CHECK(peers.tool({"call", "add", "9", "--output", "hex"}).out.starts_with("00000000  0a 00"));
  CHECK(peers.tool({"send", "add", "9"}).code == 0);
  CHECK(peers.tool({"send", "add", "nine"}).code == 13);
}

TEST_CASE("a wrong member is named, with what it should be", "[describe]") {
  const Peers peers;
  const auto says = [](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  says(peers.refusal("/id", -1), "request.id: -1 is not a whole number, 0 to 18446744073709551615");
  says(peers.refusal("/id", 1.5), "request.id: 1.5 is not");
  says(peers.refusal("/id", "7"), R"(request.id: "7" is not)");
  says(peers.refusal("/email", "nobody"), R"(request.email: "nobody" is not an e-mail address)");
  says(peers.refusal("/plan", "gold"), R"(request.plan: "gold" is not one of free, paid)");
  says(peers.refusal("/active", 1), "request.active: 1 is not true or false");
  says(peers.refusal("/balance", 32768), "request.balance: 32768 is not a whole number, -32768 to");
  says(peers.refusal("/addresses/0/number", 65536), "request.addresses[0].number: 65536 is not");
  says(peers.refusal("/addresses/0/street", "a street of many words"),
       "request.addresses[0].street: 22 bytes, at most 16");
  says(peers.refusal("/addresses", json(4, json::object())), "request.addresses: 4 elements");
  says(peers.refusal("/pair", json{1}), "request.pair: 1 elements, it has 2");
  says(peers.refusal("/key", "f81d"), R"(request.key: "f81d" is not a UUID)");
  says(peers.refusal("/since", "yesterday"), "request.since: \"yesterday\" is not a moment");
  says(peers.refusal("/emial", "a@b.c"), "request.emial: no such member; it has id, email, plan");
  says(peers.tool({"call", "user.mirror", R"({"id":7})"}).err, "request.email: is missing");
  says(peers.tool({"call", "user.mirror"}).err, "request.id: is missing");
  says(peers.tool({"call", "user.mirror", R"({"id":7,)"}).err, "no JSON: at byte");
  CHECK(peers.tool({"call", "user.mirror", R"({"id":7,)"}).code == 13);
}

TEST_CASE("describe lists the members of request and reply", "[describe]") {
  Peers peers;
  const auto text = peers.tool({"describe", "user.mirror"}).out;
  for (const char* part : {"REQUEST", "REPLY", "email", "an e-mail address", "one of free, paid",
                           "addresses[].street", "text of at most 16 bytes", "or none"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
  const auto out = json::parse(peers.tool({"describe", "user.mirror", "--json"}).out);
  CHECK(out["name"]["schema"] == schema_of<Mirror>.text);
  CHECK(out["request"][0]["name"] == "id");
  CHECK(out["request"][1]["offset"] == offsetof(User, email));
  CHECK(out["request"] == out["reply"]);
  CHECK(peers.tool({"describe", "count"}).out.find("nothing") != std::string::npos);
  CHECK(peers.tool({"describe", "bytes"}).out.find("registered as bytes") != std::string::npos);
  // What the last owner said stays until there is another.
  peers.kill();
  CHECK(peers.tool({"describe", "user.mirror"}).out.find("an e-mail address") != std::string::npos);
}

#if !defined(__SANITIZE_ADDRESS__)  // which needs more address space than there is left here
TEST_CASE("a size that somebody forged takes no memory of whoever calls", "[describe]") {
  const Peers peers;
  const auto spoiler = test::join(peers.path());
  for (std::uint32_t i = 0; i < spoiler->view().capacities().names; ++i) {
    spoiler->view().name(i).reply_bytes.store(~0U);
  }
  const auto ran = test::run_program({"/bin/sh", "-c", "ulimit -v 1000000; exec \"$0\" \"$@\"",
                                      SHMBUS_BIN_DIR "/shmbus", "--bus", peers.path(), "call",
                                      "bytes", "--text", "hello"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "hello");
}
#endif
