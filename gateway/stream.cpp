#include "gateway/stream.hpp"

#include <fmt/format.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "codec/hex.hpp"
#include "common/escape.hpp"

namespace shmbus::gateway {

// TLS 1.3 alone: no renegotiation, no compression, forward secrecy in every suite.
constexpr const char* priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3";

struct TlsCredentials::State {
  gnutls_certificate_credentials_t certificate = nullptr;
  gnutls_priority_t priority = nullptr;
  gnutls_certificate_request_t request = GNUTLS_CERT_IGNORE;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (priority != nullptr) gnutls_priority_deinit(priority);
    if (certificate != nullptr) gnutls_certificate_free_credentials(certificate);
  }
};

TlsCredentials::TlsCredentials(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
TlsCredentials::~TlsCredentials() = default;

Result<std::shared_ptr<const TlsCredentials>> TlsCredentials::load(const TlsFiles& files) {
  auto state = std::make_unique<State>();
  int why = gnutls_certificate_allocate_credentials(&state->certificate);
  if (why >= 0) why = gnutls_priority_init(&state->priority, priorities, nullptr);
  if (why >= 0) {
    why = gnutls_certificate_set_x509_key_file(state->certificate, files.certificate.c_str(),
                                               files.key.c_str(), GNUTLS_X509_FMT_PEM);
  }
  if (why < 0) {
    return fail(ErrorKind::invalid_argument,
                fmt::format("cannot use the certificate {} with the key {}: {}",
                            escape::terminal(files.certificate), escape::terminal(files.key),
                            gnutls_strerror(why)));
  }
  if (!files.clients.empty()) {
    state->request = files.need_certificate ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST;
    const int found = gnutls_certificate_set_x509_trust_file(
        state->certificate, files.clients.c_str(), GNUTLS_X509_FMT_PEM);
    if (found <= 0) {
      return fail(ErrorKind::invalid_argument,
                  fmt::format("cannot use {} for clients' certificates: {}",
                              escape::terminal(files.clients),
                              found == 0 ? "no certificate is in it" : gnutls_strerror(found)));
    }
  }
  return std::make_shared<const TlsCredentials>(std::move(state));
}

namespace {

/// Within the handshake: a certificate that a client shows must be signed by one of the
/// authorities, valid now, and for clients.
int verify_client(gnutls_session_t session) {
  unsigned count = 0;
  if (gnutls_certificate_get_peers(session, &count) == nullptr || count == 0) return 0;
  static char purpose_oid[] = GNUTLS_KP_TLS_WWW_CLIENT;
  gnutls_typed_vdata_st purpose{GNUTLS_DT_KEY_PURPOSE_OID,
                                reinterpret_cast<unsigned char*>(purpose_oid),
                                sizeof purpose_oid - 1};
  unsigned status = ~0U;
  const int result = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
  return result >= 0 && status == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/// The names that stand in a certificate, behind its digest.
void add_names(gnutls_x509_crt_t of, std::vector<std::string>& names) {
  constexpr std::size_t names_max = 64;
  std::array<char, 512> text{};  // a longer name is nobody's
  std::size_t bytes = text.size();
  if (gnutls_x509_crt_get_dn_by_oid(of, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text.data(), &bytes) >=
      0) {
    names.push_back("cn:" + std::string(text.data(), bytes));
  }
  for (unsigned i = 0; names.size() < names_max; ++i) {
    bytes = text.size();
    const int kind = gnutls_x509_crt_get_subject_alt_name(of, i, text.data(), &bytes, nullptr);
    if (kind == GNUTLS_E_SHORT_MEMORY_BUFFER) continue;
    if (kind < 0) return;
    const char* prefix = kind == GNUTLS_SAN_DNSNAME      ? "dns:"
                         : kind == GNUTLS_SAN_URI        ? "uri:"
                         : kind == GNUTLS_SAN_RFC822NAME ? "email:"
                                                         : nullptr;
    if (prefix != nullptr) names.push_back(prefix + std::string(text.data(), bytes));
  }
}

}  // namespace

/// One connection's TLS.
class TlsSession {
 public:
  TlsSession(std::shared_ptr<const TlsCredentials> credentials, int fd)
      : credentials_(std::move(credentials)) {
    const auto& from = credentials_->state();
    if (gnutls_init(&session_, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
      session_ = nullptr;
      return;
    }
    good_ = gnutls_priority_set(session_, from.priority) >= 0 &&
            gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, from.certificate) >= 0;
    gnutls_certificate_server_set_request(session_, from.request);
    gnutls_session_set_verify_function(session_, verify_client);
    gnutls_transport_set_int(session_, fd);
    gnutls_handshake_set_timeout(session_, 0);  // the connection has a limit of its own
    const gnutls_datum_t http{reinterpret_cast<unsigned char*>(const_cast<char*>("http/1.1")), 8};
    (void)gnutls_alpn_set_protocols(session_, &http, 1, 0);
  }
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession() {
    if (session_ != nullptr) gnutls_deinit(session_);
  }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] gnutls_session_t get() const noexcept { return session_; }

 private:
  std::shared_ptr<const TlsCredentials> credentials_;
  gnutls_session_t session_ = nullptr;
  bool good_ = false;
};

namespace {

Moved moved(ssize_t result) noexcept {
  if (result > 0) return {Io::done, static_cast<std::size_t>(result)};
  if (result == 0) return {Io::ended, 0};
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {later ? Io::would_block : Io::broken, 0};
}

Moved moved_by_tls(ssize_t result) noexcept {
  if (result > 0) return {Io::done, static_cast<std::size_t>(result)};
  if (result == 0) return {Io::ended, 0};
  const bool later = result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED ||
                     gnutls_error_is_fatal(static_cast<int>(result)) == 0;
  return {later ? Io::would_block : Io::broken, 0};
}

}  // namespace

Stream::Stream(program::Descriptor socket) noexcept : socket_(std::move(socket)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

bool Stream::begin_tls(std::shared_ptr<const TlsCredentials> credentials) {
  tls_ = std::make_unique<TlsSession>(std::move(credentials), socket_.get());
  return tls_->good();
}

Io Stream::handshake(bool& wants_write) noexcept {
  wants_write = false;
  if (tls_ == nullptr) return Io::done;
  const int result = gnutls_handshake(tls_->get());
  if (result >= 0) return Io::done;
  if (gnutls_error_is_fatal(result) != 0) return Io::broken;
  wants_write = gnutls_record_get_direction(tls_->get()) == 1;
  return Io::would_block;
}

std::shared_ptr<const PeerCertificate> Stream::peer_certificate() const {
  unsigned count = 0;
  const auto* shown = tls_ == nullptr ? nullptr : gnutls_certificate_get_peers(tls_->get(), &count);
  if (shown == nullptr || count == 0) return nullptr;
  gnutls_x509_crt_t crt = nullptr;
  if (gnutls_x509_crt_init(&crt) < 0) return nullptr;
  auto out = std::make_shared<PeerCertificate>();
  out->names.push_back("sha256:" +
                       sha256_hex({reinterpret_cast<const char*>(shown->data), shown->size}));
  if (gnutls_x509_crt_import(crt, shown, GNUTLS_X509_FMT_DER) >= 0) {
    out->until = gnutls_x509_crt_get_expiration_time(crt);
    add_names(crt, out->names);
  }
  gnutls_x509_crt_deinit(crt);
  return out;
}

bool Stream::pending() const noexcept {
  return tls_ != nullptr && gnutls_record_check_pending(tls_->get()) != 0;
}

Moved Stream::read(std::span<char> into) noexcept {
  if (tls_ != nullptr) {
    return moved_by_tls(gnutls_record_recv(tls_->get(), into.data(), into.size()));
  }
  return moved(::recv(socket_.get(), into.data(), into.size(), 0));
}

Moved Stream::write(std::string_view bytes) noexcept {
  if (tls_ != nullptr) {
    // After GNUTLS_E_AGAIN the same record is sent again; what is asked for begins with it, as the
    // connection takes nothing off its buffer meanwhile.
    return moved_by_tls(gnutls_record_send(tls_->get(), bytes.data(), bytes.size()));
  }
  return moved(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

void Stream::end_writing() noexcept {
  if (tls_ != nullptr) (void)gnutls_bye(tls_->get(), GNUTLS_SHUT_WR);
  (void)::shutdown(socket_.get(), SHUT_WR);
}

std::string sha256_hex(std::string_view text) {
  std::array<std::byte, 32> digest{};
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data(), text.size(), digest.data()) < 0) return {};
  return codec::to_hex(digest);
}

std::string random_token() {
  std::array<std::byte, 24> bytes{};
  if (gnutls_rnd(GNUTLS_RND_KEY, bytes.data(), bytes.size()) < 0) return {};
  return codec::to_hex(bytes);
}

}  // namespace shmbus::gateway
