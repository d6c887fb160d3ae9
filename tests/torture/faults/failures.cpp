// Every system call and every allocation of each operation fails once: the first, the second, ...
// in every way in which a kernel can refuse it. The operation then ends with its result, by a
// fallback, or with an error that has words; done again without the fault it works; nothing is left
// behind.
#include <sys/wait.h>

#include <atomic>

#include "failing_new.hpp"
#include "operations.hpp"
#include "recovery/participant.hpp"
#include "support/census.hpp"
#include "syscall_tamper.hpp"
#include "tally.hpp"

using namespace shmbus;
using namespace shmbus::torture;

namespace {

/// Shared by the child in whom things fail and the parent who makes them.
struct Control {
  std::atomic<bool> armed{false};
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::uint64_t> fail_allocation{~0ULL};
};
Control* control = nullptr;

bool refused() noexcept {
  if (control == nullptr || !control->armed.load(std::memory_order_relaxed)) return false;
  return control->allocations.fetch_add(1) == control->fail_allocation.load();
}

constexpr int no_filter = 77;
constexpr int unprepared = 80;
constexpr int no_words = 81;
constexpr int wrong = 82;
constexpr int not_again = 83;

/// The child: 0 when the operation ended well, 1 when with an error, else what was wrong.
int perform(const Operation& operation, Env env, int socket) {
  if (auto ready = operation.prepare(env); !ready) {
    std::fprintf(stderr, "prepare: %s\n", std::string(ready.error().message.view()).c_str());
    return unprepared;
  }
  if (socket >= 0 && !submit(socket)) return no_filter;
  control->armed.store(true);
  const auto ended = operation.run(env);
  control->armed.store(false);
  if (!ended && ended.error().message.view().empty()) return no_words;
  if (!ended && ended.error().kind == ErrorKind::none) return wrong;
  const auto again = ended ? ended : operation.run(env);
  if (!again) {
    std::fprintf(stderr, "%s: first '%s', then '%s'\n", operation.name.c_str(),
                 std::string(ended.error().message.view()).c_str(),
                 std::string(again.error().message.view()).c_str());
    return not_again;
  }
  return ended ? 0 : 1;
}

class Stage {
 public:
  Stage(Tally& tally, const std::string& path) : tally_(tally), path_(path) {
    control = &*shared_;
    allocation_refused = refused;
  }

  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() { allocation_refused = nullptr; }

  /// Fails call number n of the operation with its k-th error. Says whether there was such a call.
  bool fail_call(const Operation& operation, std::uint64_t n, std::size_t k) {
    int failed_call = -1;
    int with = 0;
    bool more_errors = false;
    std::uint64_t seen = 0;
    const auto decide = [&](const seccomp_data& asked) {
      if (!shared_->armed.load() || seen++ != n) return 0;
      const auto possible = plausible_errors(asked);
      failed_call = asked.nr;
      more_errors = k < possible.size();
      with = more_errors ? possible[k] : 0;
      return with;
    };
    const int code = supervised(operation, decide);
    if (code == no_filter) return skipped_ = true, false;
    if (failed_call < 0) return any_ = false, false;
    any_ = true;
    if (more_errors) {
      judge(code, operation.name + ": call " + std::to_string(n) + " (number " +
                      std::to_string(failed_call) + ") failing with " + ::strerrorname_np(with));
    }
    return more_errors;
  }
  [[nodiscard]] bool there_was_such_a_call() const { return any_; }
  [[nodiscard]] bool skipped() const { return skipped_; }

  /// As in a sandbox that forbids it for ever.
  void forbid(const Operation& operation, const std::vector<int>& calls, int error) {
    const int code = supervised(operation, [&](const seccomp_data& asked) {
      return std::find(calls.begin(), calls.end(), asked.nr) != calls.end() ? error : 0;
    });
    std::string what = operation.name + " without calls";
    for (const int call : calls) what += " " + std::to_string(call);
    tally_.point(code == 0,
                 what + ": " + ::strerrorname_np(error) + ", ended with " + std::to_string(code));
  }

  bool fail_allocation(const Operation& operation, std::uint64_t n) {
    shared_->allocations.store(0);
    shared_->fail_allocation.store(n);
    const int code = test::Child([&] {
                       return perform(operation, {path_, {}, {}, {}}, -1);
                     }).wait(20s);
    shared_->armed.store(false);
    const bool happened = shared_->allocations.load() > n;
    shared_->fail_allocation.store(~0ULL);
    if (happened) judge(code, operation.name + ": allocation " + std::to_string(n));
    tidy_up();
    return happened;
  }

  unsigned long long fallbacks = 0;
  unsigned long long errors = 0;

 private:
  template <class Decide>
  int supervised(const Operation& operation, Decide decide) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return no_filter;
    prepare_dead(operation.name);
    test::Child child([&] { return perform(operation, {path_, {}, {}, {}}, pair[1]); });
    ::close(pair[1]);
    const int listener = receive_listener(pair[0]);
    ::close(pair[0]);
    if (listener >= 0) supervise(listener, decide, 20s);
    const int code = child.wait(listener >= 0 ? 1s : 20s);
    if (listener >= 0) ::close(listener);
    shared_->armed.store(false);
    tidy_up();
    return code;
  }
  /// Somebody to recover from: a process that ended with names and lanes in its hands.
  void prepare_dead(const std::string& name) const {
    if (name != "take over" && name != "reclaim" && name != "daemon") return;
    test::Child([&] {
      Env env{path_, {}, {}, {}};
      if (!with_caller("echo")(env) || !keep(env.bus->serve(), env.server)) return 1;
      if (!env.server->on("gone", [](Context&) { return Status::ok(); })) return 2;
      ::_exit(0);
    }).wait();
  }
  void tidy_up() const { ::unlink((path_ + ".new").c_str()); }

  void judge(int code, const std::string& what) {
    if (code == 0) ++fallbacks;
    if (code == 1) ++errors;
    if (code == -1) ++tally_.hung;
    tally_.point(code == 0 || code == 1, what + ": ended with " + std::to_string(code));
  }

  Tally& tally_;
  std::string path_;
  test::Shared<Control> shared_;
  bool any_ = false;
  bool skipped_ = false;
};

/// What is held on the bus once the dead have been reclaimed.
/// The last events of a name keep their memory until a publisher of another name needs it.
int give_up_events(const std::string& path) {
  auto bus = Bus::open(path, options());
  if (!bus) return 1;
  std::vector<RawPublisher> all;
  for (;;) {
    auto out = bus->publisher("last", {.keep = 1});
    if (!out) return out.error().kind == ErrorKind::limit_reached ? 0 : 2;
    all.push_back(std::move(*out));
  }
}

test::Census census_of(const std::string& path) {
  test::Shared<test::Census> out;
  test::Child([&] {
    const auto core = shmbus::detail::BusCore::open(path, {options(), false});
    if (!core) return 1;
    for (int i = 0; i < 100; ++i) {
      recovery::reclaim_all((*core)->attachment());
      *out = test::census((*core)->view());
      if (out->participants <= 2 && out->lanes == 0) break;
      test::nap(10ms);  // the handler drops what its dead callers left
    }
    return 0;
  }).wait();
  return *out;
}

/// Puts back what it reads; three records when it is given none.
Status echo_stream(Context& context) {
  RawReader in(context);
  RawWriter out(context);
  static const std::array<std::byte, 100> record{};
  for (int i = 0; !in.valid() && i < 3; ++i) {
    if (!out.put(record)) return Status::reject(1);
  }
  while (in.valid()) {
    const auto next = in.next();
    if (!next) break;
    if (out.valid() && !out.put(*next)) return Status::reject(1);
  }
  return Status::ok();
}

test::Child start_handler(const std::string& path) {
  test::Child handler([&] {
    auto bus = Bus::open(path, options());
    auto server = bus ? bus->serve() : fail(ErrorKind::bus_unusable, "");
    const auto answer = [](Context& context) {
      const auto to = context.reply_buffer(context.request().size());
      std::copy_n(context.request().begin(), to.size(), to.begin());
      return Status::ok();
    };
    if (!server || !server->on("echo", answer) ||
        !server->on("slow",
                    [&](Context& context) {
                      test::nap(3ms);
                      return answer(context);
                    }) ||
        !server->on("stream", echo_stream)) {
      return 1;
    }
    return server->run({}) ? 0 : 2;
  });
  test::Child([&] {
    auto bus = Bus::open(path, options());
    return bus && bus->wait_until_available("stream", 10s) ? 0 : 1;
  }).wait();
  return handler;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  Tally tally(arguments.seed);
  Scratch place;
  const auto handler = start_handler(place.path());
  Stage stage(tally, place.path());
  const auto before = census_of(place.path());
  const std::vector<std::vector<int>> sandboxes = {
      {SYS_membarrier},
      {SYS_futex_waitv},
      {SYS_pidfd_open},
      {SYS_membarrier, SYS_futex_waitv, SYS_pidfd_open}};
  // Quick: every call, with one of its errors, chosen by the seed; full: with each.
  for (const auto& operation : operations()) {
    for (std::uint64_t n = 0; n < 2'000; ++n) {
      if (arguments.full) {
        for (std::size_t k = 0; stage.fail_call(operation, n, k); ++k) {
        }
      } else if (!stage.fail_call(operation, n, (arguments.seed + n) % 6)) {
        if (stage.there_was_such_a_call()) stage.fail_call(operation, n, 0);
      }
      if (!stage.there_was_such_a_call()) break;
    }
    if (stage.skipped()) {
      std::puts("no seccomp listener here: system calls cannot be made to fail");
      return 77;
    }
    for (const auto& calls : sandboxes) {
      for (const int error : {ENOSYS, EPERM}) stage.forbid(operation, calls, error);
    }
    for (std::uint64_t n = 0; stage.fail_allocation(operation, n); ++n) {
    }
  }
  tally.point(test::Child([&] { return give_up_events(place.path()); }).wait() == 0,
              "lanes of events are not given up");
  const auto after = census_of(place.path());
  if (!(before == after)) {
    ++tally.leaked;
    std::printf("seed=0 leaked: %u slots, %u lanes, %u extents, %u endpoints, %u leases\n",
                after.participants, after.lanes, after.extents, after.endpoints, after.leases);
  }
  return tally.finish("fallbacks=" + std::to_string(stage.fallbacks) +
                      " errors=" + std::to_string(stage.errors));
}
