// peer.pipe: one pipe per direction, messages of a known size back to back. Spinning means reads
// and writes that return at once.

#include <fcntl.h>

#include <array>
#include <memory>

#include "harness/link.hpp"
#include "peers/descriptor.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

constexpr int kPipeBytes = 1 << 20;

struct Pipe {
  Descriptor read;
  Descriptor write;

  explicit Pipe(Wait wait) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), wait == Wait::spin ? O_NONBLOCK : 0) != 0) {
      throw_unavailable("pipe2");
    }
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
    fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);  // refused: smaller, still correct
  }
};

class PipeLink {
 public:
  class End {
   public:
    End(int out, int in)
        : out_(out), in_(in), buffer_(std::make_unique<std::byte[]>(kBufferBytes)) {}

    template <std::size_t Bytes, class Fill>
    void send(Fill&& fill) {
      fill(buffer_.get());
      for (std::size_t done = 0; done < Bytes;) {
        done += progress(write(out_, buffer_.get() + done, Bytes - done));
      }
    }
    template <std::size_t Bytes, class Read>
    void receive(Read&& consume) {
      for (std::size_t done = 0; done < Bytes;) {
        done += progress(read(in_, buffer_.get() + done, Bytes - done));
      }
      consume(static_cast<const std::byte*>(buffer_.get()));
    }

   private:
    static constexpr std::size_t kBufferBytes = 4 << 20;
    static std::size_t progress(ssize_t result) {
      if (result == 0 || (result < 0 && errno != EAGAIN && errno != EINTR)) {
        throw std::runtime_error("pipe closed or failed");
      }
      return result < 0 ? 0 : static_cast<std::size_t>(result);
    }
    int out_;
    int in_;
    std::unique_ptr<std::byte[]> buffer_;
  };

  explicit PipeLink(Wait wait) : requests_(wait), replies_(wait) {}
  End caller() { return {requests_.write.get(), replies_.read.get()}; }
  End server() { return {replies_.write.get(), requests_.read.get()}; }

 private:
  Pipe requests_;
  Pipe replies_;
};

template <std::size_t Bytes, Wait How>
RoundResult echo(const RoundBudget& budget) {
  return run_echo<Bytes, PipeLink>(budget, Isolation::processes, How);
}

template <std::size_t Bytes>
RoundResult stream(const RoundBudget& budget) {
  return run_stream<Bytes, PipeLink>(budget, Isolation::processes, Wait::block);
}

}  // namespace

void register_peer_pipe(Registry& registry) {
  add_peer_echo(registry, "pipe", "rtt40", 40, "spin", echo<40, Wait::spin>);
  add_peer_echo(registry, "pipe", "rtt40_blocking", 40, "block", echo<40, Wait::block>);
  add_peer_echo(registry, "pipe", "rtt1KiB", 1024, "spin", echo<1024, Wait::spin>);
  add_peer_echo(registry, "pipe", "rtt64KiB", 65536, "spin", echo<65536, Wait::spin>);
  add_peer_echo(registry, "pipe", "rtt4MiB", 4 << 20, "spin", echo<4 << 20, Wait::spin>);
  add_peer_stream(registry, "pipe", 32, "block", stream<32>);
  add_peer_stream(registry, "pipe", 64, "block", stream<64>);
}

}  // namespace shmbus::bench
