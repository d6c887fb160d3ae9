// What stands behind Server: the handlers of this process, the endpoints it owns, and the loop that
// runs commands and sleeps.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "attach/deadline.hpp"
#include "lane/reply_target.hpp"
#include "os/fd_bridge.hpp"
#include "os/poll_delay.hpp"
#include "os/spin.hpp"
#include "serve/cancellation.hpp"
#include "serve/handler_table.hpp"
#include "serve/mailbox.hpp"
#include "serve/membership.hpp"
#include "serve/observed.hpp"
#include "serve/owned_endpoint.hpp"
#include "serve/reply_gate.hpp"
#include "serve/roster.hpp"
#include "serve/serving.hpp"
#include "serve/shared_counts.hpp"
#include "session/core.hpp"
#include "shmbus/server.hpp"
#include "stats/sampler.hpp"
#include "trace/current_command.hpp"
#include "trace/spans.hpp"

namespace shmbus::serve {
class Workers;
}  // namespace shmbus::serve

namespace shmbus::detail {

/// One command being run. A server has one, which goes from command to command: what the last one
/// did not touch need not be set again.
struct Invocation : Frame {
  explicit Invocation(ServerCore& core) noexcept : server(&core) { reply = &target; }
  /// What is taken from now on comes from this lane.
  void turn_to(serve::OwnerLane& from) noexcept {
    lane = &from;
    target.lane = &from.head();
    target.lane_index = from.index();
  }
  /// The next command of the lane. Stores delay the answer: what the last one left is left alone.
  void begin(layout::CellWord word) noexcept {
    if (slow_path) [[unlikely]]
      reset_slow_path();
    one_way = word.phase() == layout::Phase::send;
    target.cell = &lane->cell(taken.cell);
    target.second = taken.second;
    target.small_limit =
        taken.second == nullptr ? detail::ReplyRoom::one_cell : detail::ReplyRoom::small_bytes;
    target.seq = word.seq();
    target.size = 0;
  }
  /// The same for one in its cells alone that asks for nothing.
  template <layout::Phase Wanted, bool Paired>
  void begin_plain(std::uint64_t seq) noexcept {
    if (slow_path) [[unlikely]]
      reset_slow_path();
    one_way = Wanted == layout::Phase::send;
    target.size = 0;
    if constexpr (Wanted == layout::Phase::request) {
      target.cell = &lane->cell(taken.cell);
      target.seq = seq;
      if constexpr (Paired) {
        target.second = taken.second;
        target.small_limit = ReplyRoom::small_bytes;
      }
    }
  }
  /// What the last command had besides a cell.
  void end() noexcept {
    in_block = false;
    target.block = nullptr;
    target.second = nullptr;
    target.small_limit = ReplyRoom::one_cell;
  }
  void reset_slow_path() noexcept {
    slow_path = deferred = with_caller = false;
    deadline_ticks = 0;
    end();
    target.capacity = target.needed = 0;
    request_window = reply_window = {};
    span.reset();
  }

  /// REQUIRES: it was begun.
  [[nodiscard]] serve::Started started() const noexcept;
  [[nodiscard]] bool cancelled() const noexcept;
  // traced.cpp
  void begin_span() noexcept;
  void end_span(ErrorKind error, std::int32_t code) noexcept;
  void end_span(const Status& status) noexcept;
  [[nodiscard]] trace::CommandId id() const noexcept;

  ServerCore* server;
  serve::OwnerLane* lane = nullptr;
  serve::Taken taken;
  serve::ReplyTarget target;
  /// A request that lay beside a block, moved to where any type may be read. Written when needed.
  alignas(8) std::array<std::byte, layout::inline_request_beside_block_bytes> aligned;
  bool deferred = false;
  bool in_block = false;  ///< the request, which its caller may use again once it is answered
  /// Has a block, a deadline or a flag, was deferred, has a token, or its reply did not fit.
  bool slow_path = false;
  bool with_caller = false;  ///< not wanted once the caller has gone
  std::uint64_t deadline_ticks = 0;
  // Of a stream, until a reader or writer takes them.
  std::span<std::byte> request_window;
  std::span<std::byte> reply_window;
  std::optional<trace::HandlerSpan> span;  ///< of a command that came with a context
  mutable serve::CallerProbe probe;        ///< it remembers when it asked last
  std::unique_ptr<serve::StopWatch> token;
  serve::Observed observed;
  /// On a worker: what keeps its handler.
  const std::shared_ptr<serve::HandlerLife>* life = nullptr;
};

class ServerCore final : private serve::CommandRunner {
  friend class serve::Workers;  // they run its commands

 public:
  ServerCore(std::shared_ptr<BusCore> bus, const ServeOptions& options);
  ServerCore(const ServerCore&) = delete;
  ServerCore& operator=(const ServerCore&) = delete;
  ~ServerCore();

  // server_register.cpp
  Result<void> add(const CommandName& name, Handler handler, const Schema& schema,
                   const Registration& how);
  Result<void> remove(const CommandName& name);

  // server_core.cpp
  Result<std::size_t> poll(std::size_t budget);
  Result<void> run(const std::stop_token& stop);
  Result<std::size_t> run_for(Duration timeout);
  Result<int> fd();

  // server_exchange.cpp: any thread
  Result<void> post(Task task);
  Result<Swap> replace(const CommandName& name, Handler handler, const Schema& schema);

  /// Keeps the handler of a command that it defers. May throw.
  std::shared_ptr<serve::HandlerLife> handler_life(std::uint32_t record) {
    return handlers_.life(record);
  }
  // run_command.cpp
  /// See Context::take_next().
  bool take_next(Invocation& call, std::span<std::byte> into) noexcept;

  // take_over.cpp
  Result<void> take_over(Duration timeout, IfUnresponsive if_unresponsive);
  Result<bool> stand_by(Duration timeout);
  [[nodiscard]] bool standing_by() const noexcept { return standing_by_; }

  // hand_over.cpp
  [[nodiscard]] bool replaced() const noexcept { return replaced_ && endpoints_.empty(); }
  [[nodiscard]] bool draining() const noexcept;

  // end_inside.cpp
  /// The handle is destroyed by a handler or a task of this very server: it takes nothing more, and
  /// goes when they have returned.
  void end_inside(std::shared_ptr<ServerCore> last) noexcept;
  // parallel.cpp
  /// Makes it one with workers. May throw.
  void start_workers(std::weak_ptr<ServerCore> self);
  /// Takes the handle that a handler on a worker destroys; false: this is no such thread.
  bool end_on_worker(std::shared_ptr<ServerCore>& handle) noexcept;

  /// True once the server ends while its workers run handlers; null without workers.
  [[nodiscard]] const std::atomic<bool>* ending() const noexcept;

  /// What end_inside() has kept, if it was called; null otherwise.
  [[nodiscard]] std::shared_ptr<ServerCore> take_kept() noexcept { return std::move(kept_); }

  // For serving.cpp, by the thread that serves.
  [[nodiscard]] std::uint32_t served_by() const noexcept {
    return served_by_.load(std::memory_order_relaxed);
  }
  void note_served_by(std::uint32_t thread) noexcept {
    if (served_by() != thread) begin_serving(thread);
  }
  [[nodiscard]] bool is_on(const Attachment& bus) const noexcept {
    return &bus == &attachment() || bus.prober->same_file(*attachment().prober);
  }
  [[nodiscard]] bool runs_user_code() const noexcept { return running_; }
  [[nodiscard]] bool owns(std::uint32_t endpoint) noexcept { return owned(endpoint) != nullptr; }
  [[nodiscard]] bool runs(std::uint32_t lane, std::uint64_t seq) const noexcept {
    return running_ && call_.lane != nullptr && call_.lane->index() == lane &&
           call_.taken.word().seq() == seq;
  }
  /// What this thread waits for, in whatever it runs here, or nothing.
  void note_wait(layout::WaitWord waits) noexcept;

  [[nodiscard]] const std::shared_ptr<BusCore>& bus() const noexcept { return bus_; }
  [[nodiscard]] const std::shared_ptr<ReplyGate>& gate() const noexcept { return gate_; }
  [[nodiscard]] const Attachment& attachment() const noexcept { return bus_->attachment(); }

 private:
  // parallel.cpp
  void begin_serving(std::uint32_t thread) noexcept;
  void look_for_room() noexcept;
  bool one_way_first() noexcept;
  void show_workers() noexcept;
  void hide_workers(const serve::OwnedEndpoint& endpoint) noexcept;
  void wait_for_workers(const serve::OwnedEndpoint& endpoint) noexcept;
  void finish_on_workers();
  void end_workers() noexcept;

  // run_command.cpp
  std::size_t run_queued(serve::OwnerLane& lane, std::size_t limit) override;
  template <layout::Phase Wanted, bool Paired>
  std::size_t run_plain(serve::OwnerLane& lane, std::size_t limit);
  [[gnu::cold]] void end_slowly(Invocation& call, const Status& status,
                                layout::NameStats& stats) noexcept;
  void run(Invocation& call, layout::CellWord word, const lane::RequestHead& head);
  Status call_handler(const Handler& handler, Context& context, Invocation& call);
  [[nodiscard]] StatusCode refusal_of(Invocation& call, const lane::RequestHead& head) noexcept;
  [[nodiscard]] StatusCode refusal_here(Invocation& call) noexcept;
  [[nodiscard]] StatusCode refusal_in_block(Invocation& call,
                                            const lane::RequestHead& head) noexcept;
  [[nodiscard]] StatusCode slow_refusal(Invocation& call, const lane::RequestHead& head) noexcept;
  bool locate_memory(Invocation& call) noexcept;
  void refuse(Invocation& call, StatusCode why) noexcept;

  // observe.cpp, all of it beside the path of a plain command
  void look_for_taps(std::uint64_t now) noexcept;
  void keep_request(Invocation& call) noexcept;
  [[gnu::cold]] void note_time_queued(Invocation& call, layout::NameStats& stats) noexcept;
  [[gnu::cold]] std::uint64_t begin_observed(Invocation& call) noexcept;
  [[gnu::cold]] void before_answer(Invocation& call, const Status& status) noexcept;
  void observe(Invocation& call, StatusCode outcome, std::uint32_t detail, std::uint64_t began,
               std::uint64_t ended) noexcept;
  [[gnu::cold]] void observe_timed(Invocation& call, const Status& status, std::uint64_t began,
                                   std::uint64_t ended) noexcept;
  [[gnu::cold]] void observe_failed(Invocation& call, const Status& status) noexcept;

  // server_core.cpp
  Result<void> begin_polling();
  [[nodiscard]] Result<void> begin_running();
  /// Gives away the endpoints that somebody asks for. Ok while the segment is there and every
  /// endpoint that is left is still ours. Between polls only.
  [[nodiscard]] Result<void> check_handovers() noexcept;
  void handover_wanted() noexcept override;
  std::size_t poll_all(std::size_t budget);
  std::size_t look_several_times();
  std::size_t serve_hot(serve::OwnedEndpoint& endpoint, serve::OwnerLane& lane);
  void finish_committed();
  std::size_t sweep_if_due(std::uint64_t now);
  /// Sleeps until rung, at most `limit_ns`; returns how many commands ran instead.
  std::size_t sleep(std::uint64_t limit_ns, const std::stop_token* stop);
  std::size_t serve_until(std::uint64_t until, const std::stop_token* stop);

  // server_register.cpp
  [[nodiscard]] serve::OwnedEndpoint* owned(std::uint32_t endpoint) noexcept;
  Result<serve::OwnedEndpoint*> own_slot();
  Result<bool> try_bind(std::uint32_t record, layout::BindingWord seen, const Schema& schema);
  Result<serve::OwnedEndpoint*> endpoint_for(std::uint32_t record, layout::BindingWord seen);
  [[nodiscard]] tl::unexpected<Error> is_event(std::uint32_t record) const;
  [[nodiscard]] tl::unexpected<Error> already_registered(std::uint32_t record,
                                                         layout::ControlWord control) const;
  std::unique_ptr<serve::OwnedEndpoint> acquire(std::uint32_t endpoint);
  Result<serve::OwnedEndpoint*> keep(std::unique_ptr<serve::OwnedEndpoint> endpoint);
  void give_up(std::uint32_t record);
  void give_back_unnamed_endpoints() noexcept;
  void unbind(std::uint32_t record) noexcept;
  std::unique_ptr<serve::OwnedEndpoint> acquire_vacant();
  [[nodiscard]] tl::unexpected<Error> no_endpoint() const noexcept;
  /// One that serves a single name, together with others.
  [[nodiscard]] bool is_shared(std::uint32_t endpoint) const noexcept;

  // strays.cpp
  void reject_leftover_commands(serve::OwnedEndpoint& held) noexcept;

  // server_join.cpp
  Result<bool> try_join(std::uint32_t record, const Schema& schema, Sharing sharing);
  Result<bool> try_found(std::uint32_t record, const names::Members& members, const Schema& schema);
  Result<bool> try_stand_beside(std::uint32_t record, const names::Members& members,
                                std::optional<names::Place> live, const Schema& schema);
  Result<void> check_fellows(std::uint32_t record, const names::Members& members,
                             const Schema& schema) const;
  Result<serve::OwnedEndpoint*> shared_endpoint(std::uint32_t record,
                                                std::optional<std::uint32_t> preferred);
  Result<names::Place> put_in_place(std::uint32_t record, const names::Members& first,
                                    std::uint32_t flags);

  // server_members.cpp
  [[nodiscard]] bool membership_changed() const noexcept;
  void maintain_groups(std::uint64_t now) noexcept;
  void add_counts() noexcept;
  layout::NameStats& counts_of(std::uint32_t record, Sharing sharing);
  void tend(serve::ServedName& name);
  [[nodiscard]] bool is_mine(layout::BindingWord word) noexcept;
  [[nodiscard]] bool is_only_on_trial(const names::Members& members) noexcept;
  void adopt_endpoint(serve::ServedName& name, names::Place place, layout::BindingWord word);
  void drop(serve::ServedName& name, names::Place place, layout::BindingWord word) noexcept;
  void keep_binding(serve::ServedName& name) noexcept;
  void leave_places(std::uint32_t record, names::Place but) noexcept;
  bool hand_to_members(std::uint32_t record) noexcept;
  void release_endpoint(std::uint32_t endpoint, bool run_queue) noexcept;
  void forget_word(std::uint32_t endpoint, std::uint32_t gen) noexcept;
  void retire_endpoints(std::uint64_t now) noexcept;
  void give_back(std::uint32_t endpoint) noexcept;
  void publish_types(std::uint32_t record, const Schema& schema) noexcept;
  Result<bool> bind(std::uint32_t record, const Schema& schema);
  void announce(std::uint32_t record, const Schema& schema) noexcept;
  void wake_all() noexcept;

  // server_exchange.cpp
  bool attend();
  /// What a task threw, once.
  [[nodiscard]] Result<void> tasks_went_well() noexcept;
  void abandon(Invocation& call) noexcept;
  [[nodiscard]] static tl::unexpected<Error> move_threw(std::string_view what) noexcept;
  /// No more commands are taken: an endpoint was found in other hands, or the last was given away.
  void end_loop() noexcept {
    loop_flags_.fetch_or(serve::loop_flag::lost_ownership, std::memory_order_relaxed);
  }
  void may_loop() noexcept {
    loop_flags_.fetch_and(~serve::loop_flag::lost_ownership, std::memory_order_relaxed);
  }
  [[nodiscard]] bool told_to_end() const noexcept {
    return (loop_flags_.load(std::memory_order_relaxed) & serve::loop_flag::lost_ownership) != 0;
  }

  // hand_over.cpp
  bool give_to_standby(std::size_t held) noexcept;
  void forget_endpoint(std::size_t held) noexcept;
  void wait_until_drained(const std::stop_token& stop) noexcept;

  // take_over.cpp
  struct Staged {
    std::uint32_t record;
    Schema schema;
  };
  Result<void> stage(std::uint32_t record, const Schema& schema);
  [[nodiscard]] std::vector<std::uint32_t> endpoints_to_take();
  Result<void> check_fit(std::uint32_t endpoint);
  Result<bool> take_from(std::uint32_t endpoint, Deadline& deadline);
  Result<void> ask_for(std::uint32_t endpoint, layout::ControlWord seen) noexcept;
  Result<void> bind_staged();
  Result<bool> bind_one_staged(const Staged& staged);
  void drop_unknown_names(const serve::OwnedEndpoint& held) noexcept;
  [[nodiscard]] tl::unexpected<Error> not_given(std::uint32_t endpoint) const noexcept;

  std::shared_ptr<BusCore> bus_;
  ServeOptions options_;
  std::string label_;
  std::shared_ptr<ReplyGate> gate_ = std::make_shared<ReplyGate>();
  serve::HandlerTable handlers_;
  std::vector<std::unique_ptr<serve::OwnedEndpoint>> endpoints_;
  std::mutex endpoints_mutex_;     ///< a stop rings all endpoints, from any thread
  std::size_t next_endpoint_ = 0;  ///< whose turn it is
  std::vector<serve::ServedName> served_;
  std::vector<serve::SharedEndpoint> shared_endpoints_;
  std::vector<std::unique_ptr<serve::SharedCounts>> shared_counts_;
  std::uint32_t seen_registrations_ = 0;
  std::vector<std::unique_ptr<wait::FdBridge>> bridges_;
  int fd_ = -1;
  wait::SpinBudget spin_;
  std::uint64_t next_sweep_ = 0;
  std::uint32_t polls_ = 0;
  bool running_ = false;                      ///< a handler
  std::atomic<std::uint32_t> loop_flags_{0};  ///< what has come besides commands: serve::loop_flag
  wait::PollDelay first_look_;
  const liveness::HandleGuard* guard_;
  serve::OwnerLane* just_answered_ = nullptr;  ///< its caller has just been answered, and reads
  std::uint32_t hot_turns_ = 0;
  bool replaced_ = false;  ///< has given an endpoint away
  bool standing_by_;       ///< handlers are here, their names lead elsewhere as yet
  std::vector<Staged> staged_;
  stats::Sampler sampler_{bus_->attachment().time_all};
  serve::Mailbox mailbox_{loop_flags_};
  serve::Roster roster_;
  Invocation call_{*this};
  std::atomic<std::uint32_t> served_by_{0};  ///< the thread that polled last
  std::shared_ptr<ServerCore> kept_;         ///< itself, once its handle has gone inside
  std::weak_ptr<ServerCore> self_;           ///< with workers
  std::optional<Error> task_error_;          ///< of a posted task that threw
  Listed listed_{*this};
  std::unique_ptr<serve::Workers> workers_;
  serve::CommandRunner* runner_ = this;  ///< the workers, if there are any
};

inline serve::Started Invocation::started() const noexcept {
  return {&server->attachment(), lane->index(), taken.cell, lane->party(), with_caller};
}

inline bool Invocation::cancelled() const noexcept { return probe.cancelled(started()); }

}  // namespace shmbus::detail
