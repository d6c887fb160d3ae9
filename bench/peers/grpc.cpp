// peer.grpc: gRPC over a Unix socket, synchronous client and server. Messages are plain bytes, so
// no encoding is measured; calls are unary, the stream is one client-streaming call.

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/method_handler.h>
#include <grpcpp/support/sync_stream.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "peers/peers.hpp"
#include "peers/socket_path.hpp"

namespace shmbus::bench {
namespace {

using grpc::ByteBuffer;

constexpr const char* kEchoMethod = "/shmbus.Bench/Echo";
constexpr const char* kStreamMethod = "/shmbus.Bench/Stream";

template <std::size_t Bytes, class Fill>
ByteBuffer filled(Fill&& fill) {
  grpc_slice slice = grpc_slice_malloc(Bytes);
  fill(reinterpret_cast<std::byte*>(GRPC_SLICE_START_PTR(slice)));
  const grpc::Slice owner(slice, grpc::Slice::STEAL_REF);
  return {&owner, 1};
}

template <std::size_t Bytes, class Read>
void read_from(const ByteBuffer& buffer, Read&& read) {
  grpc::Slice slice;
  if (buffer.Length() != Bytes) {
    throw DataLost("short message");
  }
  if (!buffer.TrySingleSlice(&slice).ok()) {
    buffer.DumpToSingleSlice(&slice);
  }
  read(reinterpret_cast<const std::byte*>(slice.begin()));
}

// What protoc would generate for one unary and one client-streaming method of bytes.
class BenchService final : public grpc::Service {
 public:
  using Reader = grpc::ServerReader<ByteBuffer>;

  BenchService() {
    using grpc::internal::ClientStreamingHandler;
    using grpc::internal::RpcMethod;
    using grpc::internal::RpcMethodHandler;
    using grpc::internal::RpcServiceMethod;
    AddMethod(new RpcServiceMethod(kEchoMethod, RpcMethod::NORMAL_RPC,
                                   new RpcMethodHandler<BenchService, ByteBuffer, ByteBuffer>(
                                       [](BenchService* service, grpc::ServerContext*,
                                          const ByteBuffer* request, ByteBuffer* response) {
                                         service->on_echo(*request, *response);
                                         return grpc::Status::OK;
                                       },
                                       this)));
    AddMethod(new RpcServiceMethod(
        kStreamMethod, RpcMethod::CLIENT_STREAMING,
        new ClientStreamingHandler<BenchService, ByteBuffer, ByteBuffer>(
            [](BenchService* service, grpc::ServerContext*, Reader* reader, ByteBuffer* response) {
              service->lend(reader);
              *response = filled<8>([](std::byte* to) { payload::write<8>(to, 0); });
              return grpc::Status::OK;
            },
            this)));
  }

  /// Called by gRPC's own threads, one call at a time here.
  std::function<void(const ByteBuffer&, ByteBuffer&)> on_echo;

  /// The stream's reader, for the thread that consumes; release() lets its call return.
  Reader* reader() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reader_ != nullptr; });
    return reader_;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    reader_ = nullptr;
    changed_.notify_all();
  }

 private:
  void lend(Reader* reader) {
    std::unique_lock lock(mutex_);
    reader_ = reader;
    changed_.notify_all();
    changed_.wait(lock, [&] { return reader_ == nullptr; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Reader* reader_ = nullptr;
};

class ServerEnd {
 public:
  explicit ServerEnd(const std::string& address) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      throw std::runtime_error("the gRPC server did not start");
    }
  }
  ServerEnd(const ServerEnd&) = delete;
  ServerEnd& operator=(const ServerEnd&) = delete;
  ~ServerEnd() {
    service_.release();
    server_->Shutdown();
  }

  template <std::size_t Bytes, class Echo>
  void serve(Echo& echo) {
    service_.on_echo = [&](const ByteBuffer& request, ByteBuffer& response) {
      read_from<Bytes>(request, [&](const std::byte* from) { echo.take(from); });
      response = filled<Bytes>([&](std::byte* to) { echo.reply(to); });
      if (echo.ended()) {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        changed_.notify_one();
      }
    };
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_; });
  }

  template <std::size_t Bytes, class Read>
  void receive(Read&& read) {
    if (reader_ == nullptr) {
      reader_ = service_.reader();
    }
    ByteBuffer message;
    if (!reader_->Read(&message)) {
      throw DataLost("the stream broke off");
    }
    read_from<Bytes>(message, read);
  }

 private:
  BenchService service_;
  std::unique_ptr<grpc::Server> server_;
  BenchService::Reader* reader_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

class CallerEnd {
 public:
  explicit CallerEnd(const std::string& address)
      : channel_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        echo_(kEchoMethod, grpc::internal::RpcMethod::NORMAL_RPC, channel_),
        stream_(kStreamMethod, grpc::internal::RpcMethod::CLIENT_STREAMING, channel_) {}

  template <std::size_t Bytes, class Fill, class Read>
  void call(Fill&& fill, Read&& read) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    ByteBuffer response;
    const grpc::Status status = grpc::internal::BlockingUnaryCall<ByteBuffer, ByteBuffer>(
        channel_.get(), echo_, &context, filled<Bytes>(fill), &response);
    if (!status.ok()) {
      throw DataLost("call: " + status.error_message());
    }
    read_from<Bytes>(response, read);
  }

  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    if (writer_ == nullptr) {
      stream_context_.set_wait_for_ready(true);
      writer_.reset(grpc::internal::ClientWriterFactory<ByteBuffer>::Create(
          channel_.get(), stream_, &stream_context_, &stream_response_));
    }
    if (!writer_->Write(filled<Bytes>(fill))) {
      throw DataLost("the stream broke off");
    }
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::internal::RpcMethod echo_;
  grpc::internal::RpcMethod stream_;
  grpc::ClientContext stream_context_;
  ByteBuffer stream_response_;
  std::unique_ptr<grpc::ClientWriter<ByteBuffer>> writer_;
};

class GrpcLink {
 public:
  CallerEnd caller() { return CallerEnd(address()); }
  ServerEnd server() { return ServerEnd(address()); }

 private:
  [[nodiscard]] std::string address() const { return "unix:" + path_.path(); }
  SocketPath path_;
};

}  // namespace

void register_peer_grpc(Registry& registry) {
  auto rows = register_link<GrpcLink>(registry, "grpc");
  rows.echo<40, 1024, 64 * 1024>("block");
  rows.stream<32, 64>("block");
}

}  // namespace shmbus::bench
