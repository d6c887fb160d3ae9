// What is asked of the callers of a name, changed while they run: policies [BUS]
#include <string>
#include <thread>

#include "processes.hpp"

namespace {

using shmbus::Status;
using namespace std::chrono_literals;

/// Sends so many mails, or is asked to fail.
struct Mail {
  std::uint32_t to;
  bool fails;
};
using MailSend = shmbus::Command<"mail.send", Mail, std::uint64_t>;

shmbus::Result<void> serve_mail(shmbus::Server& server) {
  return server.on<MailSend>(
      [sent = std::uint64_t{0}](const Mail& mail, std::uint64_t& number) mutable {
        if (mail.fails) return Status::reject(421, "the mail server is away");
        number = ++sent;
        return Status::ok();
      });
}

/// "rejected", "overloaded", ..., or "ok".
std::string outcome(shmbus::Caller<MailSend>& send, bool fails = false) {
  const auto sent = send.call({.to = 7, .fails = fails});
  return sent ? "ok" : std::string(to_string(sent.error().kind));
}

shmbus::Result<void> deny_and_allow(shmbus::Bus& bus, shmbus::Caller<MailSend>& send) {
  if (auto set = bus.set_policy(MailSend::name, {.deny = true}); !set) return set;
  std::printf("denied: %s\n", outcome(send).c_str());
  auto set = bus.clear_policy(MailSend::name);
  std::printf("allowed: %s\n", outcome(send).c_str());
  return set;
}

shmbus::Result<void> limit_the_rate(shmbus::Bus& bus, shmbus::Caller<MailSend>& send) {
  const shmbus::RateLimit rate{.commands = 20, .per = 1s, .burst = 2};
  if (auto set = bus.set_policy(MailSend::name, {.rate = rate}); !set) return set;
  std::string all;
  for (int i = 0; i < 3; ++i) all += " " + outcome(send);
  const auto refused = send.call({.to = 7, .fails = false});
  if (!refused)
    std::this_thread::sleep_for(std::chrono::nanoseconds(refused.error().retry_after_ns));
  std::printf("at 20/s:%s, later: %s\n", all.c_str(), outcome(send).c_str());
  return {};
}

shmbus::Result<void> break_the_circuit(shmbus::Bus& bus, shmbus::Caller<MailSend>& send) {
  const shmbus::CircuitBreaker breaker{.failure_percent = 50,
                                       .min_calls = 4,
                                       .window = 60s,
                                       .open_for = 50ms,
                                       .count_rejections = true};
  if (auto set = bus.set_policy(MailSend::name, {.breaker = breaker}); !set) return set;
  std::string all;
  for (int i = 0; i < 5; ++i) all += " " + outcome(send, true);
  std::this_thread::sleep_for(breaker.open_for + 5ms);
  std::printf("breaker:%s, on trial: %s", all.c_str(), outcome(send).c_str());
  const auto status = bus.policy_status(MailSend::name);
  if (!status) return tl::unexpected<shmbus::Error>(status.error());
  const bool closed = status->circuit == shmbus::CircuitState::closed;
  std::printf(", %s\n", closed ? "closed" : "open");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "hello";
  const Process mailer([path] {
    return serve(path, [](shmbus::Bus&, shmbus::Server& server) { return serve_mail(server); });
  });
  auto bus = shmbus::Bus::open(path);
  if (!bus) return report(bus.error());
  if (auto there = bus->wait_until_available(MailSend::name, 5s); !there) {
    return report(there.error());
  }
  auto send = bus->caller<MailSend>();
  if (!send) return report(send.error());
  if (auto done = deny_and_allow(*bus, *send); !done) return report(done.error());
  if (auto done = limit_the_rate(*bus, *send); !done) return report(done.error());
  if (auto done = break_the_circuit(*bus, *send); !done) return report(done.error());
  return 0;
}
