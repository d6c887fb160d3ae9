// peer.iceoryx: iceoryx 2 with its daemon RouDi, which the suite starts and stops. Calls go through
// its request-response ports, streams through publisher and subscriber with the policy that loses
// nothing. Payloads are written and read in the chunks it loans. Blocking waits are on its WaitSet.

#include <unistd.h>

#include <iceoryx_posh/popo/untyped_client.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_server.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <optional>

#include "peers/iceoryx_service.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

class CallerEnd {
 public:
  CallerEnd(const IceoryxService& service, Wait wait) : client_(service.description()) {
    while (client_.getConnectionState() != iox::ConnectionState::CONNECTED) {
      usleep(100);
    }
    if (wait == Wait::block) {
      wait_set_.emplace();
      wait_set_->attachState(client_, iox::popo::ClientState::HAS_RESPONSE).or_else([](auto) {
        throw std::runtime_error("WaitSet refused the client");
      });
    }
  }

  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    client_.loan(Bytes, alignof(std::uint64_t))
        .and_then([&](void* request) {
          fill(static_cast<std::byte*>(request));
          client_.send(request).or_else([](auto) { throw std::runtime_error("request refused"); });
        })
        .or_else([](auto) { throw std::runtime_error("no chunk for a request"); });
  }

  template <std::size_t, class Read>
  void receive(Read&& read) {
    for (;;) {
      auto response = client_.take();
      if (!response.has_error()) {
        read(static_cast<const std::byte*>(response.value()));
        client_.releaseResponse(response.value());
        return;
      }
      if (wait_set_) {
        wait_set_->wait();
      }
    }
  }

 private:
  iox::popo::UntypedClient client_;
  std::optional<iox::popo::WaitSet<>> wait_set_;
};

class ServerEnd {
 public:
  ServerEnd(const IceoryxService& service, Wait wait) : server_(service.description()) {
    if (wait == Wait::block) {
      wait_set_.emplace();
      wait_set_->attachState(server_, iox::popo::ServerState::HAS_REQUEST).or_else([](auto) {
        throw std::runtime_error("WaitSet refused the server");
      });
    }
  }

  template <std::size_t Bytes, class Echo>
  void serve(Echo& echo) {
    while (!echo.ended()) {
      auto taken = server_.take();
      if (taken.has_error()) {
        if (wait_set_) {
          wait_set_->wait();
        }
        continue;
      }
      const void* request = taken.value();
      echo.take(static_cast<const std::byte*>(request));
      const auto* header = iox::popo::RequestHeader::fromPayload(request);
      server_.loan(header, Bytes, alignof(std::uint64_t))
          .and_then([&](void* response) {
            echo.reply(static_cast<std::byte*>(response));
            server_.send(response).or_else(
                [](auto) { throw std::runtime_error("response refused"); });
          })
          .or_else([](auto) { throw std::runtime_error("no chunk for a response"); });
      server_.releaseRequest(request);
    }
  }

 private:
  iox::popo::UntypedServer server_;
  std::optional<iox::popo::WaitSet<>> wait_set_;
};

class CallLink {
 public:
  static constexpr bool kRunsExitHandlers = true;  // so that RouDi forgets the process
  explicit CallLink(Wait wait) : wait_(wait) { need_roudi(); }
  CallerEnd caller() {
    service_.join("caller");
    return {service_, wait_};
  }
  ServerEnd server() {
    service_.join("server");
    return {service_, wait_};
  }

 private:
  IceoryxService service_;
  Wait wait_;
};

class PublisherEnd {
 public:
  explicit PublisherEnd(const IceoryxService& service)
      : publisher_(service.description(), options()) {
    while (!publisher_.hasSubscribers()) {
      usleep(100);
    }
  }
  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    publisher_.loan(Bytes, alignof(std::uint64_t))
        .and_then([&](void* chunk) {
          fill(static_cast<std::byte*>(chunk));
          publisher_.publish(chunk);
        })
        .or_else([](auto) { throw std::runtime_error("no chunk to publish"); });
  }

 private:
  static iox::popo::PublisherOptions options() {
    iox::popo::PublisherOptions options;
    options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
    return options;
  }
  iox::popo::UntypedPublisher publisher_;
};

class SubscriberEnd {
 public:
  explicit SubscriberEnd(const IceoryxService& service)
      : subscriber_(service.description(), options()) {}

  template <std::size_t, class Read>
  void receive(Read&& read) {
    for (;;) {
      auto chunk = subscriber_.take();
      if (!chunk.has_error()) {
        read(static_cast<const std::byte*>(chunk.value()));
        subscriber_.release(chunk.value());
        return;
      }
    }
  }

 private:
  static iox::popo::SubscriberOptions options() {
    iox::popo::SubscriberOptions options;
    options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
    return options;
  }
  iox::popo::UntypedSubscriber subscriber_;
};

class StreamLink {
 public:
  static constexpr bool kRunsExitHandlers = true;
  StreamLink() { need_roudi(); }
  PublisherEnd caller() {
    service_.join("publisher");
    return PublisherEnd(service_);
  }
  SubscriberEnd server() {
    service_.join("subscriber");
    return SubscriberEnd(service_);
  }

 private:
  IceoryxService service_;
};

}  // namespace

void register_peer_iceoryx(Registry& registry) {
  auto calls = register_link<CallLink>(registry, "iceoryx");
  calls.echo<40, 1024, 64 * 1024, 4 * 1024 * 1024>("spin", Wait::spin);
  calls.echo<40>("block", Wait::block);
  register_link<StreamLink>(registry, "iceoryx").stream<32, 64>("spin");
}

}  // namespace shmbus::bench
