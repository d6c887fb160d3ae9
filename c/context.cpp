// A command while its handler runs, and answers that come later.
#include "c/handles.hpp"

namespace shmbus::capi {
namespace {

int no_room(shmbus_error_t* out, std::size_t size) noexcept {
  Error error{ErrorKind::too_large, 0, size, "the caller made room for less"};
  return report(out, error);
}

Status because(std::int32_t code, const char* text, const shmbus_error_t* failed,
               const char* name) noexcept {
  const Status status = Status::reject(code, view_of(text));
  return failed == nullptr ? status : status.because(error_of(*failed), view_of(name));
}

/// Answers with what `answer` does, and ends the handle.
template <class F>
int answer_with(shmbus_responder_t* responder, shmbus_error_t* error, F&& answer) noexcept {
  if (responder == nullptr) return no_argument(error);
  const auto answered = answer(responder->responder);
  delete responder;
  return report(error, answered);
}

}  // namespace
}  // namespace shmbus::capi

using namespace shmbus;

extern "C" {

const void* shmbus_context_request(const shmbus_context_t* command, size_t* size) {
  const auto request = command->context->request();
  if (size != nullptr) *size = request.size();
  return request.data();
}

const char* shmbus_context_name(const shmbus_context_t* command, size_t* size) {
  const auto name = command->context->name();
  if (size != nullptr) *size = name.size();
  return name.data();
}

int shmbus_context_one_way(const shmbus_context_t* command) {
  return command->context->one_way() ? 1 : 0;
}

size_t shmbus_context_reply_capacity(const shmbus_context_t* command) {
  return command->context->reply_capacity();
}

void* shmbus_context_reply_buffer(shmbus_context_t* command, size_t size) {
  return command->context->smaller_reply_buffer(size).data();
}

int shmbus_context_reply(shmbus_context_t* command, const void* bytes, size_t size,
                         shmbus_error_t* error) {
  if (bytes == nullptr && size != 0) return capi::no_argument(error);
  void* const room = shmbus_context_reply_buffer(command, size);
  if (room == nullptr) return capi::no_room(error, size);
  if (size != 0) std::memcpy(room, bytes, size);
  return SHMBUS_OK;
}

void shmbus_context_reject(shmbus_context_t* command, int32_t code, const char* text) {
  command->refuse(Status::reject(code, capi::view_of(text)));
}

void shmbus_context_reject_because(shmbus_context_t* command, int32_t code, const char* text,
                                   const shmbus_error_t* failed, const char* name) {
  command->refuse(capi::because(code, text, failed, name));
}

void shmbus_context_refuse(shmbus_context_t* command, int32_t kind, int32_t code,
                           const char* text) {
  command->refuse(Status::refuse(static_cast<ErrorKind>(kind), capi::view_of(text), code));
}

int64_t shmbus_context_remaining_ns(const shmbus_context_t* command) {
  return command->context->remaining().count();
}

int shmbus_context_cancelled(const shmbus_context_t* command) {
  return command->context->cancelled() ? 1 : 0;
}

int shmbus_context_caller_gone(const shmbus_context_t* command) {
  return command->context->caller_gone() ? 1 : 0;
}

uint32_t shmbus_context_attempt(const shmbus_context_t* command) {
  return command->context->attempt();
}

uint32_t shmbus_context_queued(const shmbus_context_t* command) {
  return command->context->queued();
}

int shmbus_context_traceparent(const shmbus_context_t* command, char text[56]) {
  const auto parent = command->context->trace().traceparent();
  const auto view = parent.view();
  std::memcpy(text, view.data(), view.size());
  text[view.size()] = '\0';
  return view.empty() ? 0 : 1;
}

void shmbus_context_caller(const shmbus_context_t* command, shmbus_caller_info_t* info) {
  const auto caller = command->context->caller();
  shmbus_caller_info_t out{};
  out.pid = caller.pid;
  out.uid = caller.uid;
  capi::copy_text(out.label, caller.label.view());
  (void)capi::write_out(out, info);
}

shmbus_responder_t* shmbus_context_defer(shmbus_context_t* command) {
  auto* const later = new (std::nothrow) shmbus_responder_t;
  if (later == nullptr) return nullptr;
  later->responder = command->context->defer();
  if (!later->responder.valid()) {
    delete later;
    return nullptr;
  }
  command->deferred = true;
  return later;
}

void* shmbus_responder_buffer(shmbus_responder_t* responder, size_t size) {
  return responder == nullptr ? nullptr : responder->responder.buffer(size).data();
}

int shmbus_responder_reply_buffer(shmbus_responder_t* responder, shmbus_error_t* error) {
  return capi::answer_with(responder, error, [](Responder& to) { return to.reply(); });
}

int shmbus_responder_reply(shmbus_responder_t* responder, const void* bytes, size_t size,
                           shmbus_error_t* error) {
  if (bytes == nullptr && size != 0) {
    delete responder;
    return capi::no_argument(error);
  }
  return capi::answer_with(responder, error,
                           [&](Responder& to) { return to.reply(capi::bytes_of(bytes, size)); });
}

int shmbus_responder_reject(shmbus_responder_t* responder, int32_t code, const char* text,
                            shmbus_error_t* error) {
  return capi::answer_with(responder, error,
                           [&](Responder& to) { return to.reject(code, capi::view_of(text)); });
}

int shmbus_responder_reject_because(shmbus_responder_t* responder, int32_t code, const char* text,
                                    const shmbus_error_t* failed, const char* name,
                                    shmbus_error_t* error) {
  return capi::answer_with(responder, error, [&](Responder& to) {
    return to.reject(capi::because(code, text, failed, name));
  });
}

void shmbus_responder_drop(shmbus_responder_t* responder) { delete responder; }

int shmbus_responder_cancelled(const shmbus_responder_t* responder) {
  return responder != nullptr && responder->responder.cancelled() ? 1 : 0;
}

}  // extern "C"
