// Streams of a known type, both sides. A thin layer on stream.hpp.
//
//   using UserList  = shmbus::Command<"user.list", Filter, shmbus::Stream<User>>;
//   using LogAppend = shmbus::Command<"log.append", shmbus::Stream<Line>, Appended>;
//
//   server.on<UserList>([](const Filter& filter, shmbus::Writer<User>& out) -> Result<void> {
//     for (const User& user : matching(filter)) {
//       if (auto put = out.put(user); !put) return put;          // the caller wants no more
//     }
//     return {};
//   });
//   server.on<LogAppend>([](shmbus::Reader<Line>& in) -> Result<Appended> {
//     while (auto line = in.next()) write(**line);
//     return in.complete() ? Result<Appended>(Appended{...}) : give_up();
//   });
//
//   auto list = bus->caller<UserList>();
//   auto users = list->open(filter);
//   while (auto user = users->next()) use(**user);
//   if (auto how = users->end(); !how) complain(how.error());
//
//   auto log = bus->caller<LogAppend>()->open();
//   log->put(line);
//   auto appended = log->finish();
//
// The handler runs on the thread that serves, which runs nothing else meanwhile. One that takes a
// DeferredStream<Command> in place of Writer and Reader returns at once, and the stream goes on in
// another thread of the process.
//
// Threads, lifetimes, errors: see stream.hpp.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "shmbus/caller.hpp"
#include "shmbus/command.hpp"
#include "shmbus/context.hpp"
#include "shmbus/error.hpp"
#include "shmbus/schema/check.hpp"
#include "shmbus/schema/growth.hpp"
#include "shmbus/stream.hpp"
#include "shmbus/tsan.hpp"
#include "shmbus/types/in_message.hpp"

namespace shmbus {

/// A record of a known type, in place, until the next operation on its reader.
template <class T>
class Record {
 public:
  explicit Record(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {
    if constexpr (may_be_earlier) {
      if (bytes_.size() < sizeof(T)) {
        std::memcpy(static_cast<void*>(&earlier_), bytes_.data(), bytes_.size());
      }
    }
  }
  [[nodiscard]] const T& operator*() const noexcept {
    if constexpr (may_be_earlier) {
      // What a writer that was built before T grew does not know of is absent.
      if (bytes_.size() < sizeof(T)) return earlier_;
    }
    return *reinterpret_cast<const T*>(bytes_.data());
  }
  [[nodiscard]] const T* operator->() const noexcept { return &**this; }
  /// All of it: what Text and Array<T> are read with.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  static constexpr bool may_be_earlier = detail::grows<T> || detail::wire_bytes<T> == 0;
  std::span<const std::byte> bytes_;
  [[no_unique_address]] std::conditional_t<may_be_earlier, T, detail::Unused> earlier_{};
};

namespace detail {

SHMBUS_API tl::unexpected<Error> record_size_mismatch(std::size_t got, std::size_t want) noexcept;
SHMBUS_API tl::unexpected<Error> record_value_invalid(std::string_view member) noexcept;

template <class T>
Result<Record<T>> typed_record(const Result<std::span<const std::byte>>& bytes) noexcept {
  if (!bytes) [[unlikely]]
    return tl::unexpected<Error>(bytes.error());
  tsan_observe();
  bool fits = bytes->size() == wire_bytes<T>;
  if constexpr (wire_bytes<T> != 0) fits = fits || fits_message<T>(bytes->size());
  if (!fits) [[unlikely]]
    return record_size_mismatch(bytes->size(), wire_bytes<T>);
  Record<T> record(*bytes);
  if constexpr (is_checkable<T>()) {
    if (const auto bad = first_bad(*record); !bad.empty()) [[unlikely]]
      return record_value_invalid(bad);
  }
  return record;
}

}  // namespace detail

/// Memory for a record of a known type. `Raw` is what it was loaned from.
template <class T, class Raw>
class RecordLoan {
 public:
  RecordLoan(Raw& raw, std::span<std::byte> bytes) noexcept : raw_(&raw), bytes_(bytes) {}
  [[nodiscard]] T& operator*() noexcept { return *reinterpret_cast<T*>(bytes_.data()); }
  [[nodiscard]] T* operator->() noexcept { return &**this; }
  /// Places what Text and Array<T> of the record name; what is not used is not sent.
  [[nodiscard]] Tail& tail() noexcept {
    if (tail_.used() == 0) tail_ = Tail(bytes_, detail::wire_bytes<T>);
    return tail_;
  }
  Result<void> commit() noexcept {
    std::size_t bytes = bytes_.size();
    if constexpr (detail::has_tail<T>()) bytes = tail().used();
    detail::tsan_publish();
    return raw_->commit(bytes);
  }

 private:
  Raw* raw_;
  std::span<std::byte> bytes_;
  Tail tail_;
};

namespace detail {

template <class T, class Raw>
Result<void> put_record(Raw& raw, const T& record, Duration timeout) noexcept {
  static_assert(!has_tail<T>(),
                "Text and Array<T> lie behind their struct: put such records with loan()");
  tsan_publish();
  return raw.put(bytes_of(record), timeout);
}

template <class T, class Raw>
Result<RecordLoan<T, Raw>> loan_record(Raw& raw, std::size_t tail_bytes,
                                       Duration timeout) noexcept {
  auto bytes = raw.loan(wire_bytes<T> + tail_bytes, timeout);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  tsan_observe();
  ::new (static_cast<void*>(bytes->data())) T;
  return RecordLoan<T, Raw>(raw, *bytes);
}

}  // namespace detail

/// The handler's side: records to the caller. See RawWriter.
template <class T>
class Writer {
 public:
  using Loan = RecordLoan<T, RawWriter>;

  Writer() noexcept = default;
  explicit Writer(RawWriter raw) noexcept : raw_(std::move(raw)) {}

  Result<void> put(const T& record, Duration timeout = default_timeout) noexcept {
    return detail::put_record(raw_, record, timeout);
  }
  /// The record is default-constructed in the caller's memory; `tail_bytes` more lie behind it.
  [[nodiscard]] Result<Loan> loan(std::size_t tail_bytes = 0,
                                  Duration timeout = default_timeout) noexcept {
    return detail::loan_record<T>(raw_, tail_bytes, timeout);
  }
  [[nodiscard]] RawWriter& raw() noexcept { return raw_; }

 private:
  RawWriter raw_;
};

/// The handler's side: records of the caller. See RawReader.
template <class T>
class Reader {
 public:
  Reader() noexcept = default;
  explicit Reader(RawReader raw) noexcept : raw_(std::move(raw)) {}

  /// type_mismatch and corrupted also for a record that is no T; the next call goes on behind it.
  [[nodiscard]] Result<Record<T>> next(Duration timeout = default_timeout) noexcept {
    const auto bytes = raw_.next(timeout);
    complete_ = !bytes && bytes.error().kind == ErrorKind::stream_ended;
    return detail::typed_record<T>(bytes);
  }
  /// The last next() found that the caller has closed the stream: nothing is missing.
  [[nodiscard]] bool complete() const noexcept { return complete_; }
  [[nodiscard]] bool ready() noexcept { return raw_.ready(); }
  [[nodiscard]] RawReader& raw() noexcept { return raw_; }

 private:
  RawReader raw_;
  bool complete_ = false;
};

/// The handler's side of a stream that goes on after its handler has returned, in any thread of the
/// process, one at a time. Destroyed without an end, the caller gets `abandoned`.
template <class C>
class DeferredStream {
 public:
  using Request = typename C::Request;
  using Reply = typename C::Reply;

  explicit DeferredStream(Responder responder) noexcept : responder_(std::move(responder)) {
    if constexpr (detail::is_stream<Reply>) out_ = Writer<Out>(RawWriter(responder_));
    if constexpr (detail::is_stream<Request>) in_ = Reader<In>(RawReader(responder_));
  }

  [[nodiscard]] auto& out() noexcept requires detail::is_stream<Reply> { return out_; }
  [[nodiscard]] auto& in() noexcept requires detail::is_stream<Request> { return in_; }
  /// Ends the stream; a refusal is what the caller's end() or finish() returns.
  Result<void> end(const Status& status = Status::ok()) noexcept {
    return status.is_ok() ? responder_.reply() : responder_.reject(status);
  }
  Result<void> reply(const Reply& reply) noexcept requires(!detail::is_stream<Reply>) {
    detail::tsan_publish();
    return responder_.reply(detail::bytes_of(reply));
  }
  [[nodiscard]] bool cancelled() const noexcept { return responder_.cancelled(); }
  [[nodiscard]] std::stop_token stop_token() noexcept { return responder_.stop_token(); }
  [[nodiscard]] TraceContext trace() const noexcept { return responder_.trace(); }

 private:
  using In = detail::ItemOf<Request>;
  using Out = detail::ItemOf<Reply>;
  Responder responder_;
  [[no_unique_address]] std::conditional_t<detail::is_stream<Reply>, Writer<Out>, detail::Unused>
      out_;
  [[no_unique_address]] std::conditional_t<detail::is_stream<Request>, Reader<In>, detail::Unused>
      in_;
};

/// The caller's side. See RawStream.
template <class C>
class TypedStream {
 public:
  using Request = typename C::Request;
  using Reply = typename C::Reply;
  using In = detail::ItemOf<Reply>;     ///< what is read
  using Out = detail::ItemOf<Request>;  ///< what is put
  static constexpr bool reads = detail::is_stream<Reply>;
  static constexpr bool writes = detail::is_stream<Request>;
  using Loan = RecordLoan<Out, RawStream>;

  TypedStream() noexcept = default;
  explicit TypedStream(RawStream raw) noexcept : raw_(std::move(raw)) {}

  /// type_mismatch and corrupted also for a record that is none; the next call goes on behind it.
  [[nodiscard]] Result<Record<In>> next(
      Duration timeout = default_timeout) noexcept requires reads {
    return detail::typed_record<In>(raw_.next(timeout));
  }
  [[nodiscard]] bool ready() noexcept { return raw_.ready(); }
  Result<void> put(const Out& record, Duration timeout = default_timeout) noexcept requires writes {
    return detail::put_record(raw_, record, timeout);
  }
  [[nodiscard]] Result<Loan> loan(std::size_t tail_bytes = 0,
                                  Duration timeout = default_timeout) noexcept requires writes {
    return detail::loan_record<Out>(raw_, tail_bytes, timeout);
  }
  Result<void> close() noexcept requires writes { return raw_.close(); }
  /// Closes the stream and waits for the reply.
  [[nodiscard]] Result<TypedReply<Reply>> finish() noexcept requires(!reads) {
    return detail::typed<Reply>(raw_.finish());
  }
  Result<void> end() noexcept { return raw_.end(); }
  void cancel() noexcept { raw_.cancel(); }
  [[nodiscard]] RawStream& raw() noexcept { return raw_; }

 private:
  RawStream raw_;
};

/// Calls a command with a stream in it.
template <class C>
requires detail::Streaming<C>
class Caller<C> {
 public:
  using Request = typename C::Request;
  using Reply = typename C::Reply;

  Caller() noexcept = default;
  explicit Caller(RawCaller raw) noexcept : raw_(std::move(raw)) {}

  [[nodiscard]] Result<TypedStream<C>> open(const Request& request,
                                            const StreamOptions& options = {}) noexcept
      requires(!detail::is_stream<Request>) {
    static_assert(!detail::has_tail<Request>(),
                  "Text and Array<T> lie behind their struct: open such streams with raw()");
    detail::tsan_publish();
    return typed(raw_.open(detail::bytes_of(request), options, Records::from_handler));
  }
  [[nodiscard]] Result<TypedStream<C>> open(const StreamOptions& options = {}) noexcept {
    if constexpr (!detail::is_stream<Request>) {
      static_assert(detail::wire_bytes<Request> == 0, "open() takes the request first");
      return typed(raw_.open({}, options, Records::from_handler));
    } else if constexpr (detail::is_stream<Reply>) {
      return typed(raw_.open({}, options, Records::both));
    } else {
      return typed(raw_.open({}, options, Records::to_handler, detail::wire_bytes<Reply>));
    }
  }
  [[nodiscard]] RawCaller& raw() noexcept { return raw_; }

 private:
  static Result<TypedStream<C>> typed(Result<RawStream> stream) noexcept {
    if (!stream) return tl::unexpected<Error>(stream.error());
    return TypedStream<C>(std::move(*stream));
  }
  RawCaller raw_;
};

}  // namespace shmbus

#include "shmbus/stream_handler.hpp"
