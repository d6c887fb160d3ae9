// Streams, both sides: thin over RawStream, RawWriter and RawReader.
#include "c/handles.hpp"
#include "session/core.hpp"

namespace shmbus::capi {
namespace {

int record_out(const Result<std::span<const std::byte>>& next, const void** record, size_t* size,
               shmbus_error_t* error) noexcept {
  if (!next) [[unlikely]]
    return report(error, next.error());
  *record = next->data();
  *size = next->size();
  return SHMBUS_OK;
}

int room_out(const Result<std::span<std::byte>>& room, void** data,
             shmbus_error_t* error) noexcept {
  if (!room) [[unlikely]]
    return report(error, room.error());
  *data = room->data();
  return SHMBUS_OK;
}

/// The handle of a writer or reader of this command, if it has one to give.
template <class Handle, class Command>
int open_end(Command& command, bool may_open, Handle** out, shmbus_error_t* error) noexcept {
  auto* const handle =
      may_open ? new (std::nothrow) Handle{decltype(Handle::end)(command)} : nullptr;
  if (handle != nullptr && handle->end.valid()) {
    *out = handle;
    return SHMBUS_OK;
  }
  const bool none_made = may_open && handle == nullptr;
  delete handle;
  if (none_made) return no_node(error);
  return refuse(error, ErrorKind::invalid_argument,
                "the command is no stream in this direction, was opened already, or was deferred");
}

}  // namespace
}  // namespace shmbus::capi

using namespace shmbus;

extern "C" {

int shmbus_caller_open(shmbus_caller_t* caller, const void* request, size_t request_size,
                       const shmbus_stream_options_t* options, shmbus_stream_t** stream,
                       shmbus_error_t* error) {
  if (caller == nullptr || stream == nullptr || !capi::readable(request, request_size)) {
    return capi::no_argument(error);
  }
  shmbus_stream_options_t given;
  Records records{};
  if (!capi::read_options(options, &given, sizeof given) ||
      !capi::read_enum(given.records, 3, records) || given.reserved != 0) {
    return capi::bad_options(error);
  }
  StreamOptions how;
  if (given.window != 0) how.window = given.window;
  if (given.timeout_ns != 0) how.timeout = Duration(given.timeout_ns);
  if (given.gap_ns != 0) how.gap = Duration(given.gap_ns);
  auto* const made = new (std::nothrow) shmbus_stream_t{RawStream(), caller};
  if (made == nullptr) return capi::no_node(error);
  auto opened =
      caller->raw.open(capi::bytes_of(request, request_size), how, records, given.reply_capacity);
  if (!opened) {
    delete made;
    return capi::report(error, opened.error());
  }
  made->stream = std::move(*opened);
  ++caller->handles;
  *stream = made;
  return SHMBUS_OK;
}

void shmbus_stream_free(shmbus_stream_t* stream) {
  if (stream == nullptr) return;
  auto* const owner = stream->owner;
  delete stream;
  capi::let_go(owner);
}

int shmbus_stream_next(shmbus_stream_t* stream, int64_t timeout_ns, const void** record,
                       size_t* size, shmbus_error_t* error) {
  if (stream == nullptr || record == nullptr || size == nullptr) [[unlikely]]
    return capi::no_argument(error);
  return capi::record_out(stream->stream.next(Duration(timeout_ns)), record, size, error);
}

int shmbus_stream_ready(shmbus_stream_t* stream) {
  return stream == nullptr || stream->stream.ready() ? 1 : 0;
}

int shmbus_stream_put(shmbus_stream_t* stream, const void* record, size_t size, int64_t timeout_ns,
                      shmbus_error_t* error) {
  if (stream == nullptr || !capi::readable(record, size)) [[unlikely]]
    return capi::no_argument(error);
  return capi::report(error,
                      stream->stream.put(capi::bytes_of(record, size), Duration(timeout_ns)));
}

int shmbus_stream_loan(shmbus_stream_t* stream, size_t size, int64_t timeout_ns, void** data,
                       shmbus_error_t* error) {
  if (stream == nullptr || data == nullptr) return capi::no_argument(error);
  return capi::room_out(stream->stream.loan(size, Duration(timeout_ns)), data, error);
}

int shmbus_stream_commit(shmbus_stream_t* stream, size_t size, shmbus_error_t* error) {
  if (stream == nullptr) return capi::no_argument(error);
  return capi::report(error, stream->stream.commit(size));
}

int shmbus_stream_close(shmbus_stream_t* stream, shmbus_error_t* error) {
  if (stream == nullptr) return capi::no_argument(error);
  return capi::report(error, stream->stream.close());
}

int shmbus_stream_end(shmbus_stream_t* stream, shmbus_error_t* error) {
  if (stream == nullptr) return capi::no_argument(error);
  return capi::report(error, stream->stream.end());
}

int shmbus_stream_finish(shmbus_stream_t* stream, shmbus_reply_t** reply, shmbus_error_t* error) {
  if (stream == nullptr || reply == nullptr) return capi::no_argument(error);
  return capi::hand_out(stream->owner, stream->owner->replies, reply, error,
                        [&] { return stream->stream.finish(); });
}

void shmbus_stream_cancel(shmbus_stream_t* stream) {
  if (stream != nullptr) stream->stream.cancel();
}

int shmbus_context_writer(shmbus_context_t* command, shmbus_writer_t** writer,
                          shmbus_error_t* error) {
  if (command == nullptr || writer == nullptr) return capi::no_argument(error);
  return capi::open_end(*command->context, !command->deferred, writer, error);
}

int shmbus_context_reader(shmbus_context_t* command, shmbus_reader_t** reader,
                          shmbus_error_t* error) {
  if (command == nullptr || reader == nullptr) return capi::no_argument(error);
  return capi::open_end(*command->context, !command->deferred, reader, error);
}

int shmbus_responder_writer(shmbus_responder_t* responder, shmbus_writer_t** writer,
                            shmbus_error_t* error) {
  if (responder == nullptr || writer == nullptr) return capi::no_argument(error);
  return capi::open_end(responder->responder, true, writer, error);
}

int shmbus_responder_reader(shmbus_responder_t* responder, shmbus_reader_t** reader,
                            shmbus_error_t* error) {
  if (responder == nullptr || reader == nullptr) return capi::no_argument(error);
  return capi::open_end(responder->responder, true, reader, error);
}

int shmbus_writer_put(shmbus_writer_t* writer, const void* record, size_t size, int64_t timeout_ns,
                      shmbus_error_t* error) {
  if (writer == nullptr || !capi::readable(record, size)) [[unlikely]]
    return capi::no_argument(error);
  return capi::report(error, writer->end.put(capi::bytes_of(record, size), Duration(timeout_ns)));
}

int shmbus_writer_loan(shmbus_writer_t* writer, size_t size, int64_t timeout_ns, void** data,
                       shmbus_error_t* error) {
  if (writer == nullptr || data == nullptr) return capi::no_argument(error);
  return capi::room_out(writer->end.loan(size, Duration(timeout_ns)), data, error);
}

int shmbus_writer_commit(shmbus_writer_t* writer, size_t size, shmbus_error_t* error) {
  if (writer == nullptr) return capi::no_argument(error);
  return capi::report(error, writer->end.commit(size));
}

void shmbus_writer_free(shmbus_writer_t* writer) { delete writer; }

int shmbus_reader_next(shmbus_reader_t* reader, int64_t timeout_ns, const void** record,
                       size_t* size, shmbus_error_t* error) {
  if (reader == nullptr || record == nullptr || size == nullptr) [[unlikely]]
    return capi::no_argument(error);
  return capi::record_out(reader->end.next(Duration(timeout_ns)), record, size, error);
}

int shmbus_reader_ready(shmbus_reader_t* reader) {
  return reader == nullptr || reader->end.ready() ? 1 : 0;
}

void shmbus_reader_free(shmbus_reader_t* reader) { delete reader; }

}  // extern "C"
