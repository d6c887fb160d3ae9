// peer.pipe: one pipe per direction, messages of a known size back to back. Spinning means reads
// and writes that return at once.

#include <fcntl.h>

#include <array>
#include <memory>

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

}  // namespace

void register_peer_pipe(Registry& registry) {
  auto rows = register_link<PipeLink>(registry, "pipe");
  rows.echo<40, 1024, 64 * 1024, 4 * 1024 * 1024>("spin", Wait::spin);
  rows.echo<40>("block", Wait::block);
  rows.stream<32, 64>("block", Wait::block);
}

}  // namespace shmbus::bench
