// What stands behind RawCaller, Loan, Pending and ReplyView: one name, resolved to a lane of this
// thread, and the ways to publish into it and to wait for what comes back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "attach/deadline.hpp"
#include "call/balance.hpp"
#include "call/port.hpp"
#include "lane/caller_lane.hpp"
#include "os/fd_bridge.hpp"
#include "os/spin.hpp"
#include "policy/gate.hpp"
#include "shmbus/caller.hpp"
#include "shmbus/command.hpp"
#include "shmbus/schema.hpp"
#include "shmbus/stream.hpp"
#include "stream/window.hpp"
#include "trace/current_command.hpp"
#include "trace/spans.hpp"
#include "words/members.hpp"

namespace shmbus::detail {

class CallerCore {
 public:
  CallerCore(std::shared_ptr<Port> port, const CommandName& name, const CallerOptions& options,
             const Schema& schema);
  CallerCore(const CallerCore&) = delete;
  CallerCore& operator=(const CallerCore&) = delete;
  ~CallerCore();

  CallerRef::Count count;

  /// type_mismatch when the name has a live owner with other types; says what differs.
  Result<void> check_types() noexcept;

  Result<std::size_t> call(std::span<const std::byte> request, std::span<std::byte> reply,
                           Duration timeout) noexcept;
  Result<Pending> start(std::span<const std::byte> request, std::size_t reply_capacity,
                        Duration timeout, Notify notify) noexcept;
  Result<std::size_t> send_many(std::span<const std::byte> requests, std::size_t each,
                                Notify notify, Duration timeout) noexcept;
  Result<std::uint64_t> send(std::span<const std::byte> request, Notify notify,
                             Duration timeout) noexcept;
  Result<void> flush() noexcept;
  Result<Loan> loan(std::size_t bytes, std::size_t reply_capacity) noexcept;
  Result<Pending> start(Loan& loan, Duration timeout) noexcept;
  Result<ReplyView> call(Loan& loan, Duration timeout) noexcept;
  Result<void> send(Loan& loan, Duration timeout) noexcept;

  Result<ReplyView> wait(Pending& pending) noexcept;
  [[nodiscard]] bool ready(const Pending& pending) noexcept;
  bool wait_ready(Pending& pending, Duration limit) noexcept;
  void cancel(Pending& pending) noexcept;
  void give_up(Pending& pending) noexcept;
  void give_back(Block& block) noexcept;

  void on_lost(OnLost callback, void* user) noexcept;
  [[nodiscard]] std::uint64_t lost() const noexcept;
  Result<int> fd() noexcept;
  Result<void> poll() noexcept;

  // Streams (stream_call.cpp)
  Result<std::unique_ptr<StreamCall, CloseStream>> open_stream(std::span<const std::byte> request,
                                                               std::size_t reply_capacity,
                                                               const StreamOptions& options,
                                                               Records records) noexcept;
  /// What else ends a wait.
  struct StreamWait {
    stream::Change change;
    Deadline* deadline = nullptr;  ///< of this wait, not of the call
    bool ended = true;             ///< the call has ended, as the result says
  };
  Result<ReplyView> wait_for_change(Pending& pending, StreamWait& stream) noexcept;
  /// REQUIRES: usable(), and it was not waited for.
  [[nodiscard]] bool answered(const Pending& pending) const noexcept;
  [[nodiscard]] const Attachment& attachment() const noexcept { return *bus_; }
  /// REQUIRES: !usable().
  [[nodiscard]] tl::unexpected<Error> unusable_error() const noexcept { return unusable(); }

  [[nodiscard]] Duration usual_timeout() const noexcept {
    return Duration(static_cast<std::int64_t>(
        std::min<std::uint64_t>(bus_->default_timeout_ns, std::uint64_t(forever.count()))));
  }
  /// In ticks, from now.
  [[nodiscard]] std::uint64_t usual_deadline() const noexcept {
    return Deadline(*bus_, usual_timeout()).at();
  }

  /// The calling thread and process may use this caller.
  [[nodiscard]] bool usable() const noexcept {
    return bus_->intact() && port_->of_calling_thread();
  }
  /// It may give back what it holds: also in the hands of another thread once its own has ended.
  [[nodiscard]] bool may_give_back() const noexcept {
    return usable() || (bus_->intact() && port_->thread_has_ended());
  }

 private:
  // Resolving (caller_resolve.cpp)
  Result<LeasedLane*> lane_for_publish(Deadline& deadline) noexcept;
  /// Two loads that hit: the binding has not moved, and the endpoint does not say "vacant".
  [[nodiscard]] bool resolved_and_owned() const noexcept {
    if (lane_ == nullptr || lane_->retired) return false;
    // SYNC names.binding
    if (binding_word_->load(std::memory_order_acquire) != binding_) return false;
    return lane_->lane.endpoint().attention.attention.load(std::memory_order_relaxed) !=
           static_cast<std::uint32_t>(layout::Attention::vacant);
  }
  /// The same for a command of these: what the policy of the name asks of it is done.
  Result<LeasedLane*> lane_for(Deadline& deadline, Duration timeout, policy::Kind kind) noexcept;
  void read_policy() noexcept;
  struct Destination {
    layout::BindingWord word;
    std::uint64_t seen = 0;  ///< the binding that led there
    bool routed = false;     ///< the name has members
    bool balanced = false;   ///< any member will do
  };
  [[nodiscard]] std::optional<Destination> destination() noexcept;
  Result<LeasedLane*> resolve(Deadline& deadline) noexcept;
  Result<LeasedLane*> look_up(Deadline& deadline) noexcept;
  Result<void> check_types(const Destination& to) const noexcept;
  Result<void> wait_for_owner(Deadline& deadline) noexcept;
  Result<std::shared_ptr<LeasedLane>> lane_to(std::uint32_t endpoint, Deadline& deadline) noexcept;
  [[nodiscard]] static tl::unexpected<Error> only_unread(const LeasedLane& lane) noexcept;
  [[nodiscard]] static tl::unexpected<Error> no_room(const LeasedLane& lane) noexcept;
  Result<void> settle_into(std::shared_ptr<LeasedLane> lane, bool routed,
                           Deadline& deadline) noexcept;
  /// Of this caller's name, whether or not somebody sits there.
  [[nodiscard]] bool leads_to(const LeasedLane& lane) const noexcept;
  bool withdraw_if_moved() noexcept;
  void adopt_lane() noexcept;
  void choose_path() noexcept;
  Result<void> wait_for_room(LeasedLane& lane, Deadline& deadline) noexcept;
  bool wait_for_turn(LeasedLane& lane, lane::Ticket ticket, Deadline& deadline) noexcept;
  /// After publish_cell() and its like. False as above.
  bool take_turn(LeasedLane& lane, lane::Ticket ticket) noexcept {
    if (lane.lane.take_turn()) [[likely]]
      return true;
    Deadline deadline(bus(), std::uint64_t{0});
    return wait_for_turn(lane, ticket, deadline);
  }
  [[nodiscard]] tl::unexpected<Error> not_registered() const noexcept;

  // Names with members (route.cpp)
  [[nodiscard]] std::optional<Destination> routed_destination(
      const names::Members& members) noexcept;
  [[nodiscard]] bool is_canarys(layout::RouteWord route) const noexcept;
  [[nodiscard]] layout::BindingWord pick_member(const names::Members& members) noexcept;
  bool make_balance() noexcept;
  Result<void> check_routed_types() const noexcept;
  Result<LeasedLane*> spread_over(Deadline& deadline) noexcept;
  Result<LeasedLane*> least_busy(Deadline& deadline) noexcept;
  Result<void> drain(LeasedLane& old, Deadline& deadline) noexcept;
  [[nodiscard]] bool nobody_takes_over(const LeasedLane& lane) const noexcept;

  // Waiting (caller_wait.cpp)
  enum class Waited : std::uint8_t { answered, timed_out, stranded, cancelled, circle, lost };
  Waited await(LeasedLane& lane, lane::Ticket ticket, Deadline& deadline) noexcept;
  [[gnu::noinline]] Waited await_slowly(LeasedLane& lane, lane::Ticket ticket, Deadline& deadline,
                                        stream::Change change) noexcept;
  void note_wait(LeasedLane& lane, lane::Ticket ticket, std::uint64_t waited_ticks,
                 bool slept) noexcept;
  void sleep(LeasedLane& lane, lane::Ticket ticket, stream::Change change, std::uint64_t limit_ns,
             EnclosingCommand outer) noexcept;
  /// Recovers the endpoint when its owner has died. False when nobody serves this lane's commands
  /// any more and this caller does not wait for a successor.
  bool check_owner(const LeasedLane& lane) noexcept;
  bool owner_is_there(LeasedLane& lane, lane::Ticket ticket, std::uint64_t now) noexcept;
  [[nodiscard]] bool daemon_tells_of(const LeasedLane& lane) const noexcept;
  Result<ReplyView> wait_for(Pending& pending, StreamWait* stream = nullptr) noexcept;
  /// A call that was published: all that it takes to wait for it, or to send it again.
  struct Published {
    LeasedLane* lane = nullptr;
    lane::Ticket ticket;
    Block reply;  ///< the block that was sent along for the reply, or none
    std::uint32_t bytes = 0;
    Deadline* deadline = nullptr;
    Pending* pending = nullptr;  ///< whose wait() loops
    bool again = false;          ///< the handler went before it started this: nothing is released
  };
  /// Of an answered call.
  Result<ReplyView> view_answer(Published& call) noexcept;
  [[gnu::cold, gnu::noinline]] Result<ReplyView> view_refusal(Published& call) noexcept;
  [[nodiscard]] bool nobody_will_serve(const LeasedLane& lane) const noexcept;
  void record_given_up(const LeasedLane& lane) noexcept;
  [[nodiscard]] tl::unexpected<Error> stranded() const noexcept;
  [[nodiscard]] static tl::unexpected<Error> in_circle() noexcept;
  [[nodiscard]] bool owed_by_replaced(const LeasedLane& lane, std::uint64_t seq) const noexcept;
  [[gnu::cold, gnu::noinline]] Error give_up_waiting(LeasedLane& lane, lane::Ticket ticket,
                                                     Waited why) noexcept;

  struct FastCall {
    std::uint64_t began;  ///< when, if it is timed, or 0
    bool ordered;         ///< it needs a ticket
    std::span<const std::byte> request;
    std::span<std::byte> reply;
  };

  // Sent again, since its handler went before it started (caller_again.cpp)
  [[nodiscard]] bool next_is_wanted() const noexcept;
  [[nodiscard]] bool goes_on(const Error& error, Deadline& deadline) const noexcept;
  [[nodiscard]] bool goes_on(const Published& call, StatusCode status) const noexcept;
  [[nodiscard]] bool may_go_on(const Pending& pending) const noexcept;
  [[nodiscard]] bool leads_where_it_led() const noexcept;
  void begin_era() noexcept;
  Result<LeasedLane*> lane_again(Deadline& deadline) noexcept;
  Result<std::size_t> call_on(std::span<const std::byte> request, std::span<std::byte> reply,
                              Deadline& deadline, trace::CallSpan& span) noexcept;
  /// What became of a call by the fast path; if it goes on, what becomes of it then.
  [[gnu::cold, gnu::noinline]] Result<std::size_t> after_fast(const Result<std::size_t>& ended,
                                                              bool newest, const FastCall& call,
                                                              Deadline& deadline) noexcept;
  Result<ReplyView> wait_on(Published& call) noexcept;
  enum class Going : std::uint8_t {
    now,
    undecided,  ///< what was sent after it may still be started
    full,       ///< there is no room
    unread,     ///< nor will there be before this thread reads other replies
    nowhere,    ///< it would overtake, or come after, what it must not
  };
  [[nodiscard]] Going going(const Pending& pending, const LeasedLane& to) const noexcept;
  Result<void> send_again(const Pending& pending, const Error& why, Deadline& deadline) noexcept;
  void publish_again(const Pending& pending, LeasedLane& lane) noexcept;
  bool move_on(const Pending& pending) noexcept;
  tl::unexpected<Error> let_go(Pending& pending, const Error& why) noexcept;

  // Inside a handler (caller_nested.cpp)
  /// The command that calls of this caller are made for.
  [[nodiscard]] EnclosingCommand outer() const noexcept {
    return options_.inherit == Inherit::all ? EnclosingCommand::of_this_thread()
                                            : EnclosingCommand();
  }
  [[nodiscard]] Deadline deadline_for(Duration timeout) const noexcept;
  [[nodiscard]] bool enclosing_wanted() const noexcept;
  [[gnu::cold, gnu::noinline]] [[nodiscard]] static tl::unexpected<Error>
  cancelled_error() noexcept;

  // In a trace (caller_traced.cpp)
  [[nodiscard]] trace::CallSpan begin_span() const noexcept;
  bool make_way_for_context(lane::Outgoing& out, std::span<const std::byte> request,
                            bool fits) noexcept;
  [[nodiscard]] trace::CommandId id_of(const LeasedLane& lane, lane::Ticket ticket) const noexcept;
  void end_span(const trace::CallSpan& span, const LeasedLane& lane, lane::Ticket ticket,
                const Error* error) noexcept;
  void end_sent(const trace::CallSpan& span, const LeasedLane& lane, lane::Ticket ticket) noexcept;
  /// Until end_kept().
  void keep_span(const trace::CallSpan& span, Pending& pending) noexcept;
  void end_kept(const LeasedLane& lane, std::uint32_t cell, ErrorKind error,
                std::int32_t code) noexcept;

  // Publishing
  Result<Block> allocate(std::uint64_t bytes, Deadline& deadline) noexcept {
    if (auto block = port_->allocate_at_once(bytes)) [[likely]]
      return *block;
    return wait_for_memory(bytes, deadline);
  }
  /// Beside a first block. The process that waits for the second holds the first no longer: others
  /// may wait for that. On an error `first` is gone.
  Result<Block> allocate_second(std::uint64_t bytes, Block& first, std::uint64_t first_bytes,
                                Deadline& deadline) noexcept {
    if (auto block = port_->allocate_at_once(bytes)) [[likely]]
      return *block;
    return wait_for_second(bytes, first, first_bytes, deadline);
  }
  // caller_memory.cpp
  [[gnu::cold, gnu::noinline]] Result<Block> wait_for_memory(std::uint64_t bytes,
                                                             Deadline& deadline) noexcept;
  [[gnu::cold, gnu::noinline]] Result<Block> wait_for_second(std::uint64_t bytes, Block& first,
                                                             std::uint64_t first_bytes,
                                                             Deadline& deadline) noexcept;
  Result<void> wait_a_moment(const Error& why, std::uint64_t began, Deadline& deadline) noexcept;
  Result<lane::Ticket> commit(LeasedLane& lane, const lane::Outgoing& out,
                              Deadline& deadline) noexcept;
  Result<lane::Ticket> commit(LeasedLane& lane, Loan& loan, lane::Outgoing& out,
                              const trace::CallSpan& span, Deadline& deadline) noexcept;
  Result<ReplyView> call_fast(Loan& loan) noexcept;
  Result<void> fill_stream(lane::Outgoing& out, std::span<const std::byte> request,
                           std::size_t reply_capacity, const StreamOptions& options,
                           Records records, Deadline& deadline) noexcept;
  Result<lane::Ticket> publish(LeasedLane& lane, lane::Outgoing& out,
                               std::span<const std::byte> request, std::size_t reply_capacity,
                               Deadline& deadline, trace::CallSpan& span) noexcept;
  [[gnu::noinline]] Result<std::size_t> finish_call(LeasedLane& lane, lane::Ticket ticket,
                                                    const Block& request, const Block& reply,
                                                    std::span<std::byte> into) noexcept;
  Pending make_pending(LeasedLane& lane, lane::Ticket ticket, const lane::Outgoing& out,
                       const Deadline& deadline, const trace::CallSpan& span) noexcept;
  [[nodiscard]] const Attachment& bus() const noexcept { return *bus_; }
  /// Cold: its text must not weigh on the frames of the fast paths.
  [[gnu::cold, gnu::noinline]] [[nodiscard]] tl::unexpected<Error> unusable() const noexcept;
  /// Nothing stands between this thread's commands and `lane`: one of this caller's, or null.
  [[nodiscard]] bool fast(const LeasedLane* lane, Duration timeout) const noexcept {
    return lane != nullptr && thread_ == this_thread.plain && timeout == default_timeout &&
           guard_->intact() && !lane->retired &&
           // SYNC names.binding
           binding_word_->load(std::memory_order_acquire) == binding_ &&
           lane->lane.can_publish_fast();
  }
  [[nodiscard]] bool fast_call(const LeasedLane* lane, Duration timeout) const noexcept {
    return fast(lane, timeout) && thread_->running == nullptr;
  }
  template <class Load>
  Result<std::size_t> end_fast_call(LeasedLane& lane, lane::Ticket ticket, const FastCall& call,
                                    const Block& block, Load load) noexcept;
  Result<std::size_t> call_fast(LeasedLane& lane, std::span<const std::byte> request,
                                std::span<std::byte> reply) noexcept;
  [[gnu::noinline]] Result<std::size_t> call_by_block(LeasedLane& lane,
                                                      std::span<const std::byte> request,
                                                      std::span<std::byte> reply) noexcept;
  [[gnu::noinline]] Result<std::size_t> call_slow(std::span<const std::byte> request,
                                                  std::span<std::byte> reply,
                                                  Duration timeout) noexcept;
  Result<std::size_t> call_in_span(std::span<const std::byte> request, std::span<std::byte> reply,
                                   Duration timeout, trace::CallSpan span) noexcept;
  [[gnu::noinline]] Result<std::uint64_t> send_fast(LeasedLane& lane,
                                                    std::span<const std::byte> request,
                                                    Notify notify) noexcept;
  [[gnu::noinline]] static Result<std::uint64_t> send_in_cell(lane::CallerLane& lane,
                                                              std::uint32_t name,
                                                              std::span<const std::byte> request,
                                                              Notify notify) noexcept;
  [[gnu::cold, gnu::noinline]] static Result<std::uint64_t> notified(lane::CallerLane& lane,
                                                                     std::uint64_t seq) noexcept;
  [[nodiscard]] std::size_t send_run(LeasedLane& lane, const std::byte* requests, std::size_t each,
                                     std::size_t wanted) noexcept;
  Result<std::size_t> call_once(LeasedLane& lane, std::span<const std::byte> request,
                                std::span<std::byte> reply, Deadline& deadline,
                                trace::CallSpan& span, bool& again) noexcept;
  [[gnu::noinline]] Result<std::uint64_t> send_slow(std::span<const std::byte> request,
                                                    Notify notify, Duration timeout) noexcept;
  Result<std::uint64_t> send_in_span(std::span<const std::byte> request, Notify notify,
                                     Duration timeout, trace::CallSpan span) noexcept;
  [[nodiscard]] static std::uint64_t stamp_if_due(LeasedLane& lane) noexcept {
    return lane.sampler.due() ? wait::ticks() : 0;
  }
  void record_round_trip(LeasedLane& lane, lane::Ticket ticket, std::uint64_t began) noexcept;
  [[nodiscard]] CallerRef self() noexcept { return {this, &count}; }

  // What a fast command reads of this caller, together.
  LeasedLane* fast_lane_ = nullptr;  ///< lane_, unless every command has to take the slow path
  const layout::Word64* binding_word_ = nullptr;
  std::uint64_t binding_ = 0;  ///< as it was when lane_ was chosen
  const ThreadState* thread_;
  const liveness::HandleGuard* guard_;
  bool upper_half_ = false;              ///< of a block: where the last request lay
  LeasedLane* untraced_lane_ = nullptr;  ///< fast_lane_, for commands that begin no trace

  std::shared_ptr<Port> port_;
  const Attachment* bus_;
  std::string name_text_;
  CommandName name_;
  CallerOptions options_;
  Schema schema_;  ///< of the types that this caller was made for; without text: bytes
  std::optional<std::uint32_t> record_;
  std::shared_ptr<LeasedLane> lane_;
  // Which calls may be sent again: see caller_again.cpp.
  bool sends_again_ = false;      ///< what it looks for a lane for is no new command
  std::uint64_t probed_at_ = 0;   ///< when await_slowly() looked at the owner, in ticks
  bool left_ = false;             ///< a call was sent again to another lane than those of this era
  std::uint32_t era_ = 0;         ///< all new commands of an era go to one lane
  std::uint64_t sent_again_ = 0;  ///< in this era, up to that command; by its first number
  std::uint64_t led_to_ = 0;      ///< the binding of the last look-up
  bool routed_ = false;           ///< the name has members
  bool balanced_ = false;         ///< every command looks for the least busy of them
  std::unique_ptr<Balance> balance_;
  wait::SpinBudget spin_;
  std::unique_ptr<wait::FdBridge> bridge_;
  double trace_ratio_ = 0;
  OnLost on_lost_ = nullptr;
  void* on_lost_user_ = nullptr;
  policy::Gate gate_;  ///< while it is shut or judges, no command takes the fast path
};

/// The error that an unsuccessful answer stands for.
Error error_of_reply(const lane::CellWords& words) noexcept;

}  // namespace shmbus::detail
