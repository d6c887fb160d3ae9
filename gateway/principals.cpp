#include "gateway/principals.hpp"

#include <algorithm>
#include <ctime>

#include "gateway/http_reader.hpp"
#include "gateway/stream.hpp"

namespace shmbus::gateway {

Principal::Principal(PrincipalConfig config, BusLink link)
    : config_(std::move(config)), link_(std::move(link)), left_(config_.burst) {}

bool Principal::may(Action action, std::string_view name) const noexcept {
  const auto& patterns = action == Action::call   ? config_.call
                         : action == Action::send ? config_.send
                                                  : config_.events;
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return matches(pattern, name); });
}

bool Principal::take(Time at) noexcept {
  if (config_.rate <= 0) return true;
  const double passed = static_cast<double>(at - counted_at_) / static_cast<double>(second);
  left_ = std::min(config_.burst, left_ + passed * config_.rate);
  counted_at_ = at;
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

Time Principal::wait_for_one() const noexcept {
  if (config_.rate <= 0 || left_ >= 1) return 0;
  return static_cast<Time>((1 - left_) / config_.rate * static_cast<double>(second));
}

void Principal::adopt(PrincipalConfig config) noexcept {
  config_ = std::move(config);
  left_ = std::min(left_, config_.burst);
}

Slot::Slot(std::shared_ptr<Principal> of) noexcept : of_(std::move(of)) { ++of_->under_way_; }
Slot& Slot::operator=(Slot&& other) noexcept {
  std::swap(of_, other.of_);
  return *this;
}
Slot::~Slot() {
  if (of_ != nullptr) --of_->under_way_;
}

std::optional<Slot> Slot::take(const std::shared_ptr<Principal>& of) {
  if (of->under_way_ >= of->config_.concurrent) return std::nullopt;
  return Slot(of);
}

void Principals::update(const Config& config, EventLoop& loop) {
  std::vector<std::shared_ptr<Principal>> before;
  before.swap(all_);
  by_token_.clear();
  by_uid_.clear();
  by_certificate_.clear();
  anonymous_.reset();
  for (const auto& wanted : config.principals) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const auto& one) {
      return one->config().name == wanted.name && one->link().leads_to(config.bus, config.trust);
    });
    std::shared_ptr<Principal> principal;
    if (same != before.end()) {
      principal = *same;
      principal->adopt(wanted);
    } else {
      principal = std::make_shared<Principal>(
          wanted, BusLink(loop, {config.bus, config.trust, wanted.name}));
    }
    for (const auto& hash : wanted.token_hashes) by_token_[hash] = principal;
    for (const auto uid : wanted.uids) by_uid_[uid] = principal;
    for (const auto& name : wanted.certificates) by_certificate_[name] = principal;
    if (wanted.anonymous) anonymous_ = principal;
    all_.push_back(std::move(principal));
  }
  for (auto& one : before) {
    if (std::find(all_.begin(), all_.end(), one) == all_.end()) former_.push_back(std::move(one));
  }
}

void Principals::tick() {
  for (const auto& one : all_) one->link().tick();
  for (const auto& one : former_) one->link().tick();
}

void Principals::check() {
  for (const auto& one : all_) one->link().check_bus();
  std::erase_if(former_, [](const auto& one) { return !one->busy(); });
}

std::shared_ptr<Principal> Principals::find(const Credentials& shown) const {
  if (shown.authorization) {
    constexpr std::string_view scheme = "bearer ";
    auto text = *shown.authorization;
    if (text.size() <= scheme.size() || !same_word(text.substr(0, scheme.size()), scheme)) {
      return nullptr;
    }
    text.remove_prefix(scheme.size());
    // Looked up by its hash: how long that takes tells nothing about a token.
    const auto found = by_token_.find(sha256_hex(text));
    return found == by_token_.end() ? nullptr : found->second;
  }
  if (shown.peer.uid) {
    const auto found = by_uid_.find(*shown.peer.uid);
    if (found != by_uid_.end()) return found->second;
  }
  // Asked at each request: a certificate may expire while its connection is open.
  const auto* certificate = shown.peer.certificate.get();
  if (certificate != nullptr && std::time(nullptr) < certificate->until) {
    for (const auto& name : certificate->names) {
      const auto found = by_certificate_.find(name);
      if (found != by_certificate_.end()) return found->second;
    }
  }
  return anonymous_;
}

}  // namespace shmbus::gateway
