#include "session/core.hpp"

#include <cerrno>
#include <utility>

#include "attach/slot.hpp"
#include "base/log.hpp"
#include "lane/thread_resources.hpp"
#include "layout/participant.hpp"
#include "os/fence.hpp"
#include "os/file_lock.hpp"
#include "os/futex.hpp"
#include "recorder/recorder.hpp"
#include "recovery/participant.hpp"
#include "segment/open.hpp"
#include "session/check_options.hpp"
#include "words/quota.hpp"

namespace shmbus::detail {
namespace {

std::string own_label(std::string_view wanted) {
  if (!wanted.empty()) return std::string(wanted);
  return program_invocation_short_name;
}

tl::unexpected<Error> no_slot() noexcept {
  return fail(ErrorKind::limit_reached,
              "no free participant: create the bus with larger capacities.participants");
}

// A process that removes a bus, or replaces an unusable one, holds the locks of all slots for a
// moment.
constexpr std::uint64_t removal_ns = 100'000;
constexpr std::int32_t replaced_code = ESTALE;

tl::unexpected<Error> replaced() noexcept {
  return fail(ErrorKind::bus_unusable, "the bus was replaced while it was being opened: try again",
              replaced_code);
}

tl::unexpected<Error> no_lock(const std::string& path, int error_number) {
  return segment::system_error(error_number == ENOLCK
                                   ? "too many file locks on this machine: cannot lock a byte of"
                                   : "the kernel refuses to lock a byte (F_OFD_SETLK) of",
                               path, error_number);
}

/// A slot on the description that `mapping` was made from.
Result<layout::ParticipantId> join(const segment::OpenFile& file, const segment::View& view,
                                   const std::string& path, const JoinOptions& options,
                                   std::string_view label) {
  if (options.as_daemon && !liveness::try_lock(file.file.fd(), layout::daemon_lock_offset, 1)) {
    if (!liveness::held_by_another(errno)) return no_lock(path, errno);
    return fail(ErrorKind::already_registered, "another shmbusd is already running on this bus");
  }
  const auto role =
      options.as_daemon ? layout::participant_role::daemon : layout::participant_role::client;
  const auto slot = liveness::take_slot(view, file.file.fd(), {label, role});
  if (!slot && errno != 0) return no_lock(path, errno);
  if (!slot) return liveness::a_slot_is_free(view) ? replaced() : no_slot();
  if (segment::id_of(path) != file.id) return replaced();
  return *slot;
}

/// A slot beyond the quota of this process's user is given back.
Result<layout::ParticipantId> join_within_quota(const segment::OpenFile& file, Attachment newcomer,
                                                const std::string& path, const JoinOptions& options,
                                                std::string_view label) {
  const auto slot = join(file, newcomer.view, path, options, label);
  if (!slot || options.as_daemon || !quota::exceeded(newcomer, quota::Of::participants)) {
    return slot;
  }
  newcomer.me = *slot;
  recovery::leave(newcomer);
  liveness::unlock(file.file.fd(), layout::token_lock_offset + slot->index(), 1);
  return quota::reached(newcomer, quota::Of::participants);
}

void tell(std::string_view event, std::string_view what, const BusCore& core) noexcept {
  if (!logging::wanted(LogLevel::info)) return;
  logging::Text text(what);
  text.append(core.path()).append(" as participant ").append(core.attachment().me.index());
  logging::write(LogLevel::info, event, text);
}

}  // namespace

Result<std::shared_ptr<BusCore>> BusCore::open(std::string_view name_or_path,
                                               const JoinOptions& options) {
  constexpr int attempts = 10;
  for (int i = 1;; ++i) {
    auto core = open_once(name_or_path, options);
    if (core || core.error().code != replaced_code || i == attempts) return core;
    wait::pause_for(removal_ns);
  }
}

Result<std::shared_ptr<BusCore>> BusCore::open_once(std::string_view name_or_path,
                                                    const JoinOptions& options) {
  if (auto sound = check(options.open); !sound) return tl::unexpected<Error>(sound.error());
  wait::prepare_fences();
  const auto location = segment::locate(name_or_path);
  if (!location) return tl::unexpected<Error>(location.error());
  auto file = segment::open_or_create(*location, options.open);
  if (!file) return tl::unexpected<Error>(file.error());

  auto core = std::make_shared<BusCore>();
  core->path_ = location->path;
  core->label_ = own_label(options.open.label);
  core->trace_ratio_ = options.open.trace_ratio;
  auto mapping = segment::Mapping::map(file->file, file->header.segment_bytes,
                                       {true, options.open.catch_bus_errors});
  if (!mapping) return tl::unexpected<Error>(mapping.error());
  core->mapping_ = std::move(*mapping);
  core->prober_ = std::make_unique<liveness::Prober>(file->file.fd(), location->path, file->id,
                                                     file->geometry.capacities.participants);
  if (!core->prober_->valid()) {
    return fail(ErrorKind::bus_unusable, "cannot open the bus a second time to watch its peers",
                errno);
  }
  auto& a = core->attachment_;
  a.view = segment::View(core->mapping_.data(), file->geometry);
  a.prober = core->prober_.get();
  a.rate = wait::TickRate(file->header.ticks_per_s);
  a.default_timeout_ns = file->header.default_timeout_ns;
  a.creator_uid = file->header.creator_uid;
  a.quotas = file->header.quotas_per_uid;
  a.guard = core->mapping_.guard();
  a.time_all = options.open.timing == Timing::all;
  auto slot = join_within_quota(*file, a, location->path, options, core->label_);
  if (!slot && slot.error().kind == ErrorKind::limit_reached) {
    // All slots may be held by dead participants.
    recovery::reclaim_all(a);
    slot = join_within_quota(*file, a, location->path, options, core->label_);
  }
  const bool over_quota = quota::exceeded(a, quota::Of::participants, 1);
  if (!slot && slot.error().kind == ErrorKind::limit_reached && !over_quota) {
    // Commands that dead callers left at a vacant endpoint keep their slots; the handler that could
    // run them must not be kept out by them.
    while (!slot && slot.error().kind == ErrorKind::limit_reached &&
           recovery::drop_one_stranded(a, recovery::of_any_user, false)) {
      slot = join_within_quota(*file, a, location->path, options, core->label_);
    }
  }
  if (!slot) return tl::unexpected<Error>(slot.error());
  a.me = *slot;
  core->mark_ = segment::SlotMark(file->file.fd(), a.me, *core->mapping_.guard());
  core->prober_->set_mark(core->mark_.page());
  // Killed before this line, we hold nothing but the slot, which the daemon's next sweep finds.
  wait::bump_and_wake(a.view.bus_events().arrivals);
  if (!core->prober_->daemon_present()) recovery::reclaim_all(a);
  recorder::record_participant(a, recorder::Kind::joined, a.me);
  if (!a.intact()) return core->not_intact();
  tell("bus.joined", "joined ", *core);
  return core;
}

BusCore::BusCore() noexcept = default;

BusCore::~BusCore() {
  if (attachment_.guard == nullptr) return;
  left_behind_.clear();  // detaches the lanes; their owners finish, then others free the memory
  if (attachment_.intact() && !attachment_.me.nobody()) {
    recovery::leave(attachment_);
    tell("bus.left", "left ", *this);
  }
}

void BusCore::leave_behind(std::unique_ptr<ThreadResources> resources) noexcept {
  try {
    const std::scoped_lock lock(left_behind_mutex_);
    left_behind_.push_back(std::move(resources));
  } catch (...) {
    // Out of memory: `resources` ends here; its extents come back when the bus is closed.
    return;
  }
}

void BusCore::settle_left_behind() noexcept {
  const std::scoped_lock lock(left_behind_mutex_);
  std::erase_if(left_behind_, [](const std::unique_ptr<ThreadResources>& resources) {
    resources->collect_all();
    return resources->settled();
  });
}

tl::unexpected<Error> BusCore::not_intact() const noexcept {
  if (attachment_.guard->lost()) {
    Error error{ErrorKind::bus_unusable, EFAULT, 0, {}};
    error.message.append(path_).append(
        " was cut short while this process had it mapped: what was under way is lost; close this "
        "bus and open it again");
    return tl::unexpected<Error>(error);
  }
  return fail(ErrorKind::forked, "this handle was inherited through fork(): open the bus again");
}

}  // namespace shmbus::detail
