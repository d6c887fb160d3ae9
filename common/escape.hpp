// Text that others wrote, inside a language that something else reads: one function for each
// language, and no other place escapes. Any bytes may be given; what comes out has the promised
// form whatever they are. docs/security.md says where each is used.
//
//   terminal     what people read: tables, errors, logs
//   shell        a word of a POSIX shell
//   json         a string of JSON; json_document() for a document that was written already
//   prometheus   the value of a label
//   bpftrace     a string of bpftrace, and a path in an attach point
//   cpp_string   the inside of a C++ string literal; cpp_comment() the rest of a // comment
//   yaml         a scalar in double quotes
//   html, svg    text or the value of an attribute
#pragma once

#include <string>
#include <string_view>

namespace shmbus::escape {

/// What is_deceptive() and what is no UTF-8 becomes "\xNN" for each of its bytes. One line always.
[[nodiscard]] std::string terminal(std::string_view text);

/// One word that a POSIX shell takes as it stands: in single quotes, unless it needs none. A zero
/// byte, which no word can hold, becomes '?'.
[[nodiscard]] std::string shell(std::string_view text);

/// With its quotes. What is no UTF-8 becomes U+FFFD, what is_deceptive() becomes "\uNNNN".
[[nodiscard]] std::string json(std::string_view text);
/// What is_deceptive() in the strings of a document becomes "\uNNNN"; white space between values
/// stays. REQUIRES: valid JSON in valid UTF-8.
[[nodiscard]] std::string json_document(std::string_view document);

/// Without quotes. The value is like terminal(), but a backslash of the text is doubled, so that
/// different texts are always different values.
[[nodiscard]] std::string prometheus(std::string_view text);

/// With its quotes, in ASCII; at most `bytes_max` of the text, since bpftrace holds strings in 64.
[[nodiscard]] std::string bpftrace(std::string_view text, std::size_t bytes_max = 60);
/// Whether a path can stand in quotes in an attach point. bpftrace has no escapes there that all
/// its versions know: such a path must be left out.
[[nodiscard]] bool bpftrace_takes_path(std::string_view path) noexcept;

/// Without quotes, in ASCII.
[[nodiscard]] std::string cpp_string(std::string_view text);
/// Neither ends a // comment nor a /* comment */, nor continues it on the next line.
[[nodiscard]] std::string cpp_comment(std::string_view text);

/// With its quotes. What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string yaml(std::string_view text);

/// For text between tags and for values in either kind of quotes. What is no UTF-8, and controls
/// that no document may hold, become U+FFFD; what else is_deceptive() becomes a reference.
[[nodiscard]] std::string html(std::string_view text);
/// The same for SVG, and for XML in general.
[[nodiscard]] std::string svg(std::string_view text);

}  // namespace shmbus::escape
