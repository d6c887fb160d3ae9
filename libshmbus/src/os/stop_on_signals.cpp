// The handler of the signals only notes them and posts a semaphore; one thread, for all objects of
// the process, asks the tokens to stop. The semaphore and the notes are never destroyed, so that a
// handler that still runs on another thread finds them.
#include <semaphore.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "os/scoped_signal_mask.hpp"
#include "shmbus/signals.hpp"

namespace shmbus {

struct detail::StopState {
  std::uint64_t signals = 0;  ///< a bit each, from 1 on
  std::stop_source source;
  std::atomic<int> first{0};
};

namespace signals {
namespace {

using State = detail::StopState;

constexpr int signal_max = 63;

std::uint64_t bit(int signal) noexcept { return std::uint64_t{1} << static_cast<unsigned>(signal); }

// --- touched by the handler -------------------------------------------------------------------

std::atomic<std::uint64_t> came{0};
std::atomic<pid_t> whose{0};
sem_t news;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

void note(int signal) noexcept {
  const int before = errno;
  if (whose.load(std::memory_order_relaxed) != ::getpid()) {
    // A child has this handler and not the thread: the signal is for its program.
    ::signal(signal, SIG_DFL);
    (void)::raise(signal);
  } else {
    came.fetch_or(bit(signal), std::memory_order_release);
    (void)::sem_post(&news);
  }
  errno = before;
}

// --- the rest ---------------------------------------------------------------------------------

/// One for the process, never destroyed.
class Watcher {
 public:
  static Watcher& the() {
    static auto* const one = new Watcher;
    return *one;
  }

  Result<void> add(State* state) {
    const std::scoped_lock life(life_);
    auto taken = take_signals(state->signals);
    if (!taken) return taken;
    try {
      {
        const std::scoped_lock lock(mutex_);
        states_.push_back(state);
        quit_ = false;
      }
      if (!thread_.joinable()) start();
    } catch (const std::exception&) {
      forget(state);
      give_back(state->signals);
      return fail(ErrorKind::overloaded, "no memory, or no thread, to wait for signals");
    }
    (void)::sem_post(&news);  // the thread lets in what is new
    return {};
  }

  void remove(State* state) noexcept {
    const std::scoped_lock life(life_);
    if (whose.load(std::memory_order_relaxed) != ::getpid()) return;  // a child has no thread
    const bool last = forget(state);
    give_back(state->signals);
    if (!last) return;
    {
      const std::scoped_lock lock(mutex_);
      quit_ = true;
    }
    (void)::sem_post(&news);
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();  // destroyed by what the token called
    } else {
      thread_.join();
    }
  }

 private:
  Watcher() { (void)::sem_init(&news, 0, 0); }

  void start() {
    came.store(0, std::memory_order_relaxed);  // what came to nobody is over
    whose.store(::getpid(), std::memory_order_relaxed);
    const wait::ScopedSignalMask blocked;
    thread_ = std::thread([this] { run(); });
  }

  bool forget(State* state) noexcept {
    const std::scoped_lock lock(mutex_);
    std::erase(states_, state);
    return states_.empty();
  }

  void run() {
    for (;;) {
      std::uint64_t wanted = 0;
      {
        const std::scoped_lock lock(mutex_);
        if (quit_) return;
        for (const auto* state : states_) wanted |= state->signals;
      }
      let_in(wanted);
      if (::sem_wait(&news) != 0) continue;  // a signal was handled on this very thread
      tell(came.exchange(0, std::memory_order_acquire));
    }
  }

  static void let_in(std::uint64_t signals) noexcept {
    sigset_t set;
    sigemptyset(&set);
    for (int signal = 1; signal <= signal_max; ++signal) {
      if ((signals & bit(signal)) != 0) sigaddset(&set, signal);
    }
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }

  /// What a token calls may do anything, except with the lock held.
  void tell(std::uint64_t signals) {
    std::vector<std::stop_source> sources;
    {
      const std::scoped_lock lock(mutex_);
      for (auto* state : states_) {
        const std::uint64_t both = state->signals & signals;
        if (both == 0) continue;
        int nobody = 0;
        state->first.compare_exchange_strong(nobody, std::countr_zero(both));
        sources.push_back(state->source);
      }
    }
    for (auto& source : sources) source.request_stop();
  }

  /// All or none.
  Result<void> take_signals(std::uint64_t signals) {
    std::uint64_t taken = 0;
    for (int signal = 1; signal <= signal_max; ++signal) {
      if ((signals & bit(signal)) == 0) continue;
      auto done = take(signal);
      if (!done) {
        give_back(taken);
        return done;
      }
      taken |= bit(signal);
    }
    return {};
  }

  Result<void> take(int signal) {
    auto& one = taken_[static_cast<std::size_t>(signal)];
    if (one.users++ != 0) return {};
    const auto refuse = [&](ErrorKind kind, std::string_view why) {
      --one.users;
      Error error{kind, signal, 0, {}};
      error.message.append("signal ").append(static_cast<std::uint64_t>(signal)).append(why);
      return tl::unexpected<Error>(error);
    };
    if (::sigaction(signal, nullptr, &one.before) != 0) {
      return refuse(ErrorKind::invalid_argument, " is none");
    }
    const bool plain = (one.before.sa_flags & SA_SIGINFO) == 0;
    if (!plain || (one.before.sa_handler != SIG_DFL && one.before.sa_handler != SIG_IGN)) {
      return refuse(ErrorKind::already_registered,
                    " is handled by the program: let its handler ask a std::stop_source to stop");
    }
    const bool of_terminals = signal == SIGINT || signal == SIGQUIT || signal == SIGHUP;
    if (of_terminals && one.before.sa_handler == SIG_IGN) return {};
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    if (::sigaction(signal, &action, nullptr) != 0) {
      return refuse(ErrorKind::invalid_argument, " cannot be caught");
    }
    return {};
  }

  void give_back(std::uint64_t signals) noexcept {
    for (int signal = 1; signal <= signal_max; ++signal) {
      if ((signals & bit(signal)) == 0) continue;
      auto& one = taken_[static_cast<std::size_t>(signal)];
      if (--one.users != 0) continue;
      struct sigaction now {};
      // Somebody may have put a handler of their own in the place of ours.
      const bool ours = ::sigaction(signal, nullptr, &now) == 0 &&
                        (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == note;
      if (ours) (void)::sigaction(signal, &one.before, nullptr);
    }
  }

  struct Taken {
    unsigned users = 0;
    struct sigaction before {};
  };

  std::mutex life_;  ///< of what comes and goes; held while the thread is joined
  std::array<Taken, signal_max + 1> taken_{};
  std::thread thread_;

  std::mutex mutex_;  ///< of what follows
  std::vector<State*> states_;
  bool quit_ = false;
};

}  // namespace
}  // namespace signals

StopOnSignals::StopOnSignals(std::unique_ptr<detail::StopState> state) noexcept
    : state_(std::move(state)) {}

StopOnSignals::StopOnSignals(StopOnSignals&& other) noexcept = default;

StopOnSignals& StopOnSignals::operator=(StopOnSignals&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

StopOnSignals::~StopOnSignals() {
  if (state_) signals::Watcher::the().remove(state_.get());
}

std::stop_token StopOnSignals::token() const noexcept {
  return state_ ? state_->source.get_token() : std::stop_token();
}

int StopOnSignals::signal() const noexcept {
  return state_ ? state_->first.load(std::memory_order_relaxed) : 0;
}

Result<StopOnSignals> stop_on_signals(std::initializer_list<int> wanted) noexcept {
  if (wanted.size() == 0) return fail(ErrorKind::invalid_argument, "no signal was named");
  for (const int signal : wanted) {
    if (signal < 1 || signal > signals::signal_max) {
      return fail(ErrorKind::invalid_argument, "there is no such signal", signal);
    }
  }
  try {
    auto state = std::make_unique<detail::StopState>();
    for (const int signal : wanted) state->signals |= signals::bit(signal);
    if (auto added = signals::Watcher::the().add(state.get()); !added) {
      return tl::unexpected<Error>(added.error());
    }
    return StopOnSignals(std::move(state));
  } catch (const std::exception&) {
    return fail(ErrorKind::overloaded, "no memory to wait for signals");
  }
}

}  // namespace shmbus
