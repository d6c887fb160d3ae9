// Two processes that were built with different types of one name: told when the handle is made, or
// understood, where one of them has only grown.
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "words/store.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

namespace old_build {
struct User {
  std::uint64_t id = 0;
  String<12> name;
};
struct Row {
  std::uint32_t number = 0;
};
using Create = Command<"user.create", User, Row>;
}  // namespace old_build

namespace new_build {
struct User {
  std::uint64_t id = 0;
  String<12> name;
  Optional<std::uint8_t> age;
  Optional<String<20>> note;
};
struct Row {
  std::uint32_t number = 0;
  Optional<double> took_ms;
};
using Create = Command<"user.create", User, Row>;
}  // namespace new_build

namespace other_build {
struct User {
  std::uint64_t id = 0;
  String<16> mail;
};
using Create = Command<"user.create", User, old_build::Row>;
}  // namespace other_build

test::Setup old_handler() {
  return [](Bus&, Server& server) {
    return server
        .on<old_build::Create>([](const old_build::User& in, old_build::Row& out) {
          out.number = static_cast<std::uint32_t>(in.id);
        })
        .has_value();
  };
}

test::Setup new_handler() {
  return [](Bus&, Server& server) {
    return server
        .on<new_build::Create>([](const new_build::User& in, new_build::Row& out) {
          out.number = static_cast<std::uint32_t>(in.id) + in.age.value_or(100);
          out.took_ms = static_cast<double>(in.note->size());
        })
        .has_value();
  };
}

}  // namespace

TEST_CASE("other types: the handle is refused, with what differs", "[schema]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), old_handler());
  auto bus = test::open_when_served(path.path(), "user.create");
  const auto refused = bus.caller<other_build::Create>();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::type_mismatch);
  CHECK(refused.error().message.view() == "'user.create': request.name: handler name, caller mail");
  CHECK_OK(bus.caller<old_build::Create>());
  CHECK_OK(bus.caller("user.create"));  // bytes fit everything
}

TEST_CASE("an old caller and a new handler, and the other way round", "[schema]") {
  SECTION("the handler has grown") {
    test::TempBus path;
    const auto handler = test::handler_process(path.path(), new_handler());
    auto bus = test::open_when_served(path.path(), "user.create");
    auto create = bus.caller<old_build::Create>();
    REQUIRE_OK(create);
    const auto row = create->call({5, "ann"});
    REQUIRE_OK(row);
    CHECK(row->number == 105);  // the age is absent
    auto pending = create->start({6, "ann"});
    REQUIRE_OK(pending);
    const auto reply = pending->wait();
    REQUIRE_OK(reply);
    CHECK((*reply)->number == 106);
  }
  SECTION("the caller has grown") {
    test::TempBus path;
    const auto handler = test::handler_process(path.path(), old_handler());
    auto bus = test::open_when_served(path.path(), "user.create");
    auto create = bus.caller<new_build::Create>();
    REQUIRE_OK(create);
    const auto row = create->call({5, "ann", std::uint8_t{7}, "a note"});
    REQUIRE_OK(row);
    CHECK(row->number == 5);
    CHECK_FALSE(row->took_ms.has_value());
    auto pending = create->start({6, "ann", std::uint8_t{7}, {}});
    REQUIRE_OK(pending);
    const auto reply = pending->wait();
    REQUIRE_OK(reply);
    CHECK((*reply)->number == 6);
    CHECK_FALSE((*reply)->took_ms.has_value());
  }
  SECTION("neither") {
    test::TempBus path;
    const auto handler = test::handler_process(path.path(), new_handler());
    auto bus = test::open_when_served(path.path(), "user.create");
    const auto row = bus.caller<new_build::Create>()->call({5, "ann", std::uint8_t{7}, "a note"});
    REQUIRE_OK(row);
    CHECK(row->number == 12);
    CHECK(row->took_ms.value_or(0) == 6);
  }
}

TEST_CASE("a large reply that has grown is cut to what an old caller has room for", "[schema]") {
  struct Old {
    std::array<std::uint64_t, 10> numbers{};
  };
  struct New {
    std::array<std::uint64_t, 10> numbers{};
    Optional<std::uint64_t> more;
  };
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    return server
        .on<Command<"all", Nothing, New>>([](New& out) {
          out.numbers.fill(3);
          out.more = std::uint64_t{4};
        })
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "all");
  const auto old = bus.caller<Command<"all", Nothing, Old>>()->call({});
  REQUIRE_OK(old);
  CHECK(old->numbers[9] == 3);
  const auto now = bus.caller<Command<"all", Nothing, New>>()->call({});
  REQUIRE_OK(now);
  CHECK(*now->more == 4);
}

TEST_CASE("a handle made before its name is registered learns it with the first call", "[schema]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto create = bus->caller<other_build::Create>({.when_vacant = WhenVacant::wait});
  REQUIRE_OK(create);
  const auto handler = test::handler_process(path.path(), old_handler());
  const auto refused = create->call({}, 10s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::type_mismatch);
}

TEST_CASE("a handle is compared again when its name gets another owner", "[schema]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  {
    auto handler = test::handler_process(path.path(), old_handler());
    REQUIRE_OK(bus->wait_until_available("user.create", 10s));
    auto create = bus->caller<old_build::Create>();
    REQUIRE_OK(create);
    CHECK_OK(create->call({1, "x"}));
    handler.kill();
    const auto other = test::handler_process(path.path(), [](Bus&, Server& server) {
      return server.on<other_build::Create>([](const other_build::User&) {}).has_value();
    });
    REQUIRE(test::eventually([&] {
      const auto again = create->call({1, "x"});
      return !again && again.error().kind == ErrorKind::type_mismatch;
    }));
    // Nobody judges by what a predecessor said.
    CHECK_OK(bus->caller<other_build::Create>());
  }
}

TEST_CASE("registered as bytes: no schema, and every caller fits", "[schema]") {
  test::TempBus path;
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"user.create", [](Context& context) {
                                      const std::uint32_t number = 9;
                                      return test::answer(context, test::raw(number));
                                    }}}));
  auto bus = test::open_when_served(path.path(), "user.create");
  auto create = bus.caller<old_build::Create>();
  REQUIRE_OK(create);
  CHECK(create->call({1, "x"})->number == 9);
  const auto watcher = test::join(path.path());
  schema::Registered seen;
  schema::read(watcher->view(), 0, layout::BindingWord{watcher->view().name(0).binding.load()},
               seen);
  CHECK(seen.known == schema::Known::bytes);
}

TEST_CASE("a damaged schema is no schema", "[schema]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = bus->serve();
  REQUIRE_OK(server->on<old_build::Create>([](const old_build::User&) {}));
  const auto watcher = test::join(path.path());
  const auto& view = watcher->view();
  const layout::BindingWord binding{view.name(0).binding.load()};
  schema::Registered seen;
  schema::read(view, 0, binding, seen);
  CHECK(seen.known == schema::Known::all);
  CHECK(seen.text() == schema_of<old_build::Create>.text);
  CHECK(view.name(0).schema_hash.load() == schema_of<old_build::Create>.hash);

  view.schema(0).text[1].fetch_xor(1);
  schema::read(view, 0, binding, seen);
  CHECK(seen.known == schema::Known::nothing);
  CHECK_OK(bus->caller<other_build::Create>());  // the size is all that is left to judge by
  view.schema(0).text[1].fetch_xor(1);
  for (const std::uint32_t length : {1985U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    view.schema(0).length.store(length);
    schema::read(view, 0, binding, seen);
    CHECK(seen.known == schema::Known::nothing);
  }
  // Killed between two owners: the words are there, but they are nobody's.
  view.schema(0).tag.store(0);
  schema::read(view, 0, binding, seen);
  CHECK(seen.known == schema::Known::nothing);
}
