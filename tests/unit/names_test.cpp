// The name table: one index for a name for ever, the process that asks and however many at once; a
// full table says so; what a dead registrant had leased comes back.
#include "words/table.hpp"

#include <sched.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "layout/text.hpp"
#include "support/catch.hpp"
#include "support/stage.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;

namespace {

OpenOptions many_names() {
  auto options = test::small_bus();
  options.capacities.names = 512;
  return options;
}

std::string name_of(std::uint32_t i) { return "service." + std::to_string(i) + ".do"; }

/// Interns 200 names, in an order of its own.
class Registrant {
 public:
  Registrant(const std::string& path, bool backwards)
      : core_(test::join(path, many_names())), backwards_(backwards) {}
  test::Step step() {
    if (done_ == 200) return test::Step::finished;
    const std::uint32_t i = backwards_ ? 199 - done_ : done_;
    ++done_;
    const auto record = names::intern(core_->attachment(), std::string_view(name_of(i)));
    return record ? test::Step::worked : test::Step::failed;
  }

 private:
  std::shared_ptr<detail::BusCore> core_;
  bool backwards_;
  std::uint32_t done_ = 0;
};

std::uint32_t leases(const segment::View& view) {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < view.capacities().names; ++i) {
    if (view.name(i).lease.load() != 0) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a name is interned once and found by everybody", "[names]") {
  test::TempBus bus;
  const auto a = test::join(bus.path());
  const auto b = test::join(bus.path());
  CHECK_FALSE(names::find(a->view(), "user.create"));
  const auto record = names::intern(a->attachment(), "user.create");
  REQUIRE_OK(record);
  CHECK(names::intern(b->attachment(), "user.create") == *record);
  CHECK(names::find(b->view(), "user.create") == *record);
  CHECK(names::text_of(b->view(), *record).view() == "user.create");
  CHECK_FALSE(names::find(b->view(), "user.creat"));
  CHECK_FALSE(names::find(b->view(), "user.create2"));
}

TEST_CASE("names of 1 to 128 bytes are taken, others refused", "[names]") {
  test::TempBus bus;
  const auto core = test::join(bus.path());
  for (const std::size_t length : {1U, 7U, 8U, 9U, 96U, 127U, 128U}) {
    const std::string name(length, 'n');
    const auto record = names::intern(core->attachment(), std::string_view(name));
    REQUIRE_OK(record);
    CHECK(names::text_of(core->view(), *record).view() == name);
    CHECK(names::find(core->view(), std::string_view(name)) == *record);
  }
  CHECK(test::kind(names::intern(core->attachment(), "")) == ErrorKind::invalid_argument);
  const std::string long_name(129, 'n');
  CHECK(test::kind(names::intern(core->attachment(), std::string_view(long_name))) ==
        ErrorKind::invalid_argument);
}

TEST_CASE("a full table refuses with the name of the option, and keeps serving", "[names]") {
  test::TempBus bus;
  const auto core = test::join(bus.path());
  for (std::uint32_t i = 0; i < 16; ++i) {
    REQUIRE_OK(names::intern(core->attachment(), std::string_view(name_of(i))));
  }
  const auto refused = names::intern(core->attachment(), "one.too.many");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::limit_reached);
  CHECK(refused.error().message.view().find("capacities.names") != std::string_view::npos);
  CHECK(names::intern(core->attachment(), std::string_view(name_of(15))));
  CHECK_FALSE(names::find(core->view(), "another"));  // ends although no slot is empty nearby
}

TEST_CASE("names that hash to one slot live side by side", "[names]") {
  // The upper half of the hash is in the slot, the lower half picks it: names with equal low bits
  // collide. With 32 slots, dozens of names do.
  test::TempBus bus;
  auto options = test::small_bus();
  options.capacities.names = 64;
  const auto core = test::join(bus.path(), options);
  const std::uint64_t slots = core->view().geometry().name_slots.count;
  std::vector<std::string> same;
  for (std::uint32_t i = 0; same.size() < 12; ++i) {
    const auto name = name_of(i);
    if (detail::hash_name(name) % slots == slots - 1) same.push_back(name);  // also wraps
  }
  std::set<std::uint32_t> records;
  for (const auto& name : same) {
    const auto record = names::intern(core->attachment(), std::string_view(name));
    REQUIRE_OK(record);
    records.insert(*record);
  }
  CHECK(records.size() == same.size());
  for (const auto& name : same) {
    CHECK(names::text_of(core->view(), *names::find(core->view(), std::string_view(name))).view() ==
          name);
  }
}

TEST_CASE("two registrants of the same 200 names get the same indices", "[names]") {
  for (const auto stage :
       {test::Stage::one_thread, test::Stage::two_threads, test::Stage::two_processes}) {
    INFO(test::to_string(stage));
    test::TempBus bus;
    REQUIRE(test::play(
        stage, [&] { return std::make_unique<Registrant>(bus.path(), false); },
        [&] {
          return std::make_unique<Registrant>(bus.path(), stage == test::Stage::one_thread);
        }));
    const auto core = test::join(bus.path(), many_names());
    CHECK(leases(core->view()) == 200);  // no record lost to a lost race
    std::set<std::uint32_t> records;
    for (std::uint32_t i = 0; i < 200; ++i) {
      const auto record = names::find(core->view(), std::string_view(name_of(i)));
      REQUIRE(record);
      CHECK(core->view().name(*record).lease.load() == layout::lease_published);
      records.insert(*record);
    }
    CHECK(records.size() == 200);
  }
}

TEST_CASE("what a dead registrant leased comes back, what it published stays", "[names]") {
  test::TempBus bus;
  const auto core = test::join(bus.path());
  const auto dead = layout::ParticipantId::make(5, 9);
  const auto published = names::intern(core->attachment(), "published");
  REQUIRE_OK(published);
  core->view().name(*published).lease.store(dead.bits);  // died before it said "published"
  core->view().name(7).lease.store(dead.bits);           // died before it published
  core->view().name(8).lease.store(layout::ParticipantId::make(5, 10).bits);  // a later generation
  names::return_leases(core->attachment(), dead);
  CHECK(core->view().name(*published).lease.load() == layout::lease_published);
  CHECK(core->view().name(7).lease.load() == 0);
  CHECK(core->view().name(8).lease.load() == layout::ParticipantId::make(5, 10).bits);
}

TEST_CASE("forged slots and records mislead nobody out of bounds", "[names]") {
  test::TempBus bus;
  const auto core = test::join(bus.path());
  const auto& view = core->view();
  const auto record = names::intern(core->attachment(), "real");
  REQUIRE_OK(record);
  const auto hash = detail::hash_name("fake");
  for (std::uint64_t i = 0; i < view.geometry().name_slots.count; ++i) {
    if (view.name_slot(i).load() == 0) view.name_slot(i).store(hash | 0xFFFFFFFFULL);
  }
  CHECK_FALSE(names::find(view, "fake"));
  CHECK(names::find(view, "real") == *record);
  CHECK(test::kind(names::intern(core->attachment(), "fake")) == ErrorKind::limit_reached);
  CHECK(leases(view) == 1);
  view.name(*record).length.store(~0U);
  CHECK(names::text_of(view, *record).view() == "real");
  for (auto& word : view.name(*record).text) word.store(~0ULL);
  CHECK(names::text_of(view, *record).view().size() == layout::name_bytes_max);
}
