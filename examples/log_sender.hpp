// Sends commands of the log over the bus, many of them outstanding, and collects the replies.
//
// The commands of one server share one lane of this thread, so the store runs them in the order in
// which they are sent, however many are under way. Digests keep no state: one that was started by a
// handler that died is sent again. A file command would not be: nobody knows what it did.
#pragma once

#include <deque>
#include <thread>
#include <vector>

#include "crc32.hpp"
#include "log_commands.hpp"
#include "log_tally.hpp"

class LogSender {
 public:
  struct Options {
    std::size_t window = 1;  ///< commands under way at each of the two servers
    Latencies* latencies = nullptr;
  };

  LogSender(shmbus::Bus& bus, std::string prefix, Tally& tally, Options options)
      : bus_(&bus), prefix_(std::move(prefix)), tally_(&tally), options_(options) {}

  /// May wait for earlier replies. Where the reply goes is where the entry's reply is put later.
  shmbus::Result<void> send(const log_reader::Entry& entry, log_commands::Record& reply) {
    Route& route = is_digest(entry) ? digests_ : store_;
    while (route.size() >= options_.window) {
      if (auto done = finish_oldest(route); !done) return done;
    }
    auto sent = submit(route, entry, reply);
    return !sent || options_.window > 1 ? sent : finish_oldest(route);
  }

  shmbus::Result<void> finish_all() {
    for (Route* route : {&store_, &digests_}) {
      while (!route->empty()) {
        if (auto done = finish_oldest(*route); !done) return done;
      }
    }
    return {};
  }

  /// Tells the store to forget this sender's files.
  shmbus::Result<void> clear() {
    log_reader::Entry entry;
    entry.name = "file.clear";
    log_commands::Record reply;
    if (auto sent = submit(store_, entry, reply); !sent) return sent;
    return finish_all();
  }

 private:
  struct Sent {
    const log_reader::Entry* entry;
    log_commands::Record* reply;
    Clock::time_point at;
    shmbus::Pending pending;
  };
  using Route = std::deque<Sent>;

  static constexpr std::size_t by_value_max = 512;  // larger requests are written into a loan
  static constexpr shmbus::Duration timeout = std::chrono::seconds(10);

  static bool is_digest(const log_reader::Entry& entry) { return !entry.name.starts_with("file."); }

  shmbus::Result<void> submit(Route& route, const log_reader::Entry& entry,
                              log_commands::Record& reply) {
    const auto began = Clock::now();
    for (;;) {
      const auto now = Clock::now();
      auto pending = start(entry);
      if (pending) {
        route.push_back({&entry, &reply, now, std::move(*pending)});
        return {};
      }
      const bool full = pending.error().kind == shmbus::ErrorKind::overloaded;
      if (!full || now - began > timeout) return tl::unexpected(pending.error());
      if (auto freed = make_room(); !freed) return freed;
    }
  }

  /// No memory for another large payload: our own replies bring some back, or other callers' do.
  shmbus::Result<void> make_room() {
    if (!store_.empty()) return finish_oldest(store_);
    if (!digests_.empty()) return finish_oldest(digests_);
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    return {};
  }

  shmbus::Result<shmbus::Pending> start(const log_reader::Entry& entry) {
    auto caller = caller_of(entry.name);
    if (!caller) return tl::unexpected(caller.error());
    const std::string path = is_digest(entry) ? std::string() : prefix_ + entry.path;
    const std::string to = entry.to.empty() ? std::string() : prefix_ + entry.to;
    const log_commands::Request request{entry.offset, entry.length, path, to, entry.payload};
    const std::size_t size = log_commands::encoded_size(request);
    const std::size_t reply_room = sizeof(log_commands::Record) + entry.length;
    if (size <= by_value_max) {
      std::array<std::byte, by_value_max> bytes;
      log_commands::encode(request, bytes);
      return (*caller)->start(std::span(bytes).first(size), reply_room, timeout);
    }
    auto loan = (*caller)->loan(size, reply_room);
    if (!loan) return tl::unexpected(loan.error());
    log_commands::encode(request, loan->bytes());
    return loan->start(timeout);
  }

  shmbus::Result<shmbus::RawCaller*> caller_of(const std::string& name) {
    auto found = callers_.find(name);
    if (found == callers_.end()) {
      auto made = bus_->caller(std::string_view(name), {.when_vacant = shmbus::WhenVacant::wait,
                                                        .when_full = shmbus::WhenFull::fail});
      if (!made) return tl::unexpected(made.error());
      found = callers_.emplace(name, std::move(*made)).first;
    }
    return &found->second;
  }

  shmbus::Result<void> finish_oldest(Route& route) {
    Sent sent = std::move(route.front());
    route.pop_front();
    auto view = sent.pending.wait();
    if (!view) return told(route, sent, view.error());
    if (sent.entry->seq == 0) return {};  // file.clear
    if (options_.latencies != nullptr) options_.latencies->add(*sent.entry, Clock::now() - sent.at);
    accept(sent, view->bytes());
    return {};
  }

  /// The bytes that a file.read brought must be those that its record speaks of.
  void accept(const Sent& sent, std::span<const std::byte> bytes) {
    ++tally_->replies;
    if (bytes.size() < sizeof(log_commands::Record)) {
      ++tally_->damaged;
      return;
    }
    std::memcpy(sent.reply, bytes.data(), sizeof(log_commands::Record));
    const auto found = bytes.subspan(sizeof(log_commands::Record));
    if (sent.entry->name != "file.read" || sent.reply->status != log_commands::done) return;
    if (found.size() != sent.reply->size || crc32(found) != sent.reply->checksum) {
      ++tally_->damaged;
    }
  }

  shmbus::Result<void> told(Route& route, const Sent& sent, const shmbus::Error& error) {
    ++tally_->errors[error.kind];
    const bool again = is_digest(*sent.entry) && is_told(error.kind);
    print_told(sent, error, again, route.size());
    if (!again) return tl::unexpected(error);
    ++tally_->again;
    return submit(route, *sent.entry, *sent.reply);
  }

  /// Kinds that say what became of the command: it did not run, or its handler died of it.
  static bool is_told(shmbus::ErrorKind kind) {
    return kind == shmbus::ErrorKind::handler_died_after_start ||
           kind == shmbus::ErrorKind::handler_died_before_start ||
           kind == shmbus::ErrorKind::not_registered;
  }

  static void print_told(const Sent& sent, const shmbus::Error& error, bool again,
                         std::size_t behind) {
    using std::chrono::system_clock;
    const std::chrono::duration<double> now = system_clock::now().time_since_epoch();
    const std::string kind(shmbus::to_string(error.kind));
    const std::string text(error.message.view());
    std::printf("told %.6f %s #%llu (%zu bytes) %s: %s; %s, %zu more under way\n", now.count(),
                sent.entry->name.c_str(), static_cast<unsigned long long>(sent.entry->seq),
                sent.entry->payload.size(), kind.c_str(), text.c_str(),
                again ? "sent again" : "given up", behind);
    std::fflush(stdout);
  }

  shmbus::Bus* bus_;
  std::string prefix_;
  Tally* tally_;
  Options options_;
  std::map<std::string, shmbus::RawCaller> callers_;
  Route store_;
  Route digests_;
};
