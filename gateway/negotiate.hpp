// What a request's fields ask of the form of its answer: only if it is another one than the client
// has (If-None-Match), and compressed (Accept-Encoding).
#pragma once

#include <string>
#include <string_view>

#include "gateway/http_reader.hpp"
#include "gateway/response.hpp"

namespace shmbus::gateway {

/// A weak entity tag, with its quotes: the same for the same text.
std::string weak_tag(std::string_view text);
/// Whether If-None-Match, "*" or a list of tags, names this one; weak and strong ones compare
/// alike.
bool names_tag(std::string_view field, std::string_view tag) noexcept;
/// Whether Accept-Encoding allows gzip.
bool accepts_gzip(const RequestHead& head) noexcept;

/// Gives an answer that is complete the form that was asked for: a 200 whose `ETag` the client has
/// becomes 304; text and JSON from 1 KiB to 1 MiB become gzip where `compress` and the client say
/// so. Longer ones would keep the loop busy.
void negotiate(Response& response, const RequestHead& head, bool compress);

}  // namespace shmbus::gateway
