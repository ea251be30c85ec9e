// OpenSSL with memory BIOs: ciphertext goes in and out through strings, so the engine below never
// sees a socket and the same code runs over pipes in tests. A write is gathered into records of up
// to 16 KB, encrypted and handed to the inner stream record by record, so a slow peer holds back
// the encrypting too. Sessions are kept per host name for resumption. Tests: tls_test.cc.
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <map>
#include <utility>

#include "net/loop.h"

namespace swy::net {
namespace {

constexpr std::size_t kRecord = 16 * 1024;        // TLS's largest plaintext
constexpr std::size_t kWriteBatch = 4 * kRecord;  // encrypted before it is handed on
constexpr std::size_t kCipherBuffer = 4 * 1024;   // of one read; larger records take several
constexpr std::size_t kMaxSessions = 256;

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using CtxPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

constexpr unsigned char kAlpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "unknown reason";
}

tl::unexpected<Error> tls_fail(std::string_view doing) {
  return fail(ErrorCode::kProtocol, "TLS: " + std::string(doing) + ": " + openssl_reason());
}

int choose_alpn(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                const unsigned char* in, unsigned in_size, void* /*unused*/) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpn, sizeof kAlpn, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

struct TlsContext::Impl {
  CtxPtr ctx;
  std::map<std::string, SessionPtr> sessions;  // by host name
  std::uint64_t resumed = 0;
};

namespace {

// The name under which a stream's session is kept; "" on the server's side.
struct SessionName {
  TlsContext::Impl* context;
  std::string host;
};

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* name = static_cast<SessionName*>(SSL_get_app_data(ssl));
  if (name == nullptr || name->host.empty()) return 0;  // 0: we did not take the reference
  if (name->context->sessions.size() >= kMaxSessions) name->context->sessions.clear();
  name->context->sessions[name->host] = SessionPtr(session);
  return 1;
}

Result<CtxPtr> make_ctx(const SSL_METHOD* method) {
  CtxPtr ctx(SSL_CTX_new(method));
  if (!ctx) return tls_fail("making a context");
  SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(ctx.get(),
                   SSL_MODE_RELEASE_BUFFERS);  // an idle connection gives its 34 KB of buffers back
  return ctx;
}

class TlsStream final : public Stream {
 public:
  TlsStream(TlsContext& context, std::unique_ptr<Stream> inner, std::string host);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  SSL* ssl() { return ssl_.get(); }
  base::Task<Status> handshake(std::int64_t due_ns);

  bool start_read(ReadOp& op) override;
  bool start_write(WriteOp& op) override;
  void withdraw_read() noexcept override { read_ = nullptr; }
  void withdraw_write() noexcept override { write_ = nullptr; }
  void set_read_deadline(std::int64_t due_ns) override { inner_->set_read_deadline(due_ns); }
  void set_write_stall(std::int64_t ns) override { inner_->set_write_stall(ns); }
  void cancel() override { inner_->cancel(); }
  void shutdown_write() override;
  void close() override;
  [[nodiscard]] std::string peer() const override { return inner_->peer(); }
  [[nodiscard]] std::string local() const override { return inner_->local(); }

 private:
  bool read_now();  // true: read_->result is set
  void inner_read_done();
  bool take_ciphertext();  // false: the inner stream has ended or failed; read_error_ says how
  bool pump();  // moves what can be moved; true: nothing is left or writing failed (write_error_)
  void encrypt_some();
  void inner_write_done();
  bool take_records();  // wbio into out_; false: none

  SessionName name_;
  std::unique_ptr<Stream> inner_;
  SslPtr ssl_;
  BIO* in_bio_;   // owned by ssl_
  BIO* out_bio_;  // owned by ssl_
  std::unique_ptr<char[]> cipher_;
  std::string out_;
  ReadOp inner_read_;
  WriteOp inner_write_;
  ReadOp* read_ = nullptr;
  WriteOp* write_ = nullptr;
  bool reading_ = false;     // inner_read_ is outstanding
  bool writing_ = false;     // inner_write_ is outstanding
  bool shut_after_ = false;  // shutdown_write() once everything has left
  std::optional<Error> read_error_;
  std::optional<Error> write_error_;
};

TlsStream::TlsStream(TlsContext& context, std::unique_ptr<Stream> inner, std::string host)
    : name_{&context.impl(), std::move(host)},
      inner_(std::move(inner)),
      ssl_(SSL_new(context.impl().ctx.get())),
      in_bio_(BIO_new(BIO_s_mem())),
      out_bio_(BIO_new(BIO_s_mem())),
      cipher_(std::make_unique_for_overwrite<char[]>(kCipherBuffer)) {
  SWY_ASSERT(ssl_ && in_bio_ != nullptr && out_bio_ != nullptr);
  SSL_set_bio(ssl_.get(), in_bio_, out_bio_);
  SSL_set_app_data(ssl_.get(), &name_);
  inner_read_.done = [](void* self) { static_cast<TlsStream*>(self)->inner_read_done(); };
  inner_write_.done = [](void* self) { static_cast<TlsStream*>(self)->inner_write_done(); };
  inner_read_.context = inner_write_.context = this;
}

TlsStream::~TlsStream() {
  close();
  if (reading_) inner_->withdraw_read();
  if (writing_) inner_->withdraw_write();
}

bool TlsStream::take_records() {
  char* bytes = nullptr;
  const long n = BIO_get_mem_data(out_bio_, &bytes);
  if (n <= 0) return false;
  out_.assign(bytes, static_cast<std::size_t>(n));
  (void)BIO_reset(out_bio_);
  return true;
}

base::Task<Status> TlsStream::handshake(std::int64_t due_ns) {
  inner_->set_read_deadline(due_ns);
  for (;;) {
    ERR_clear_error();
    const int r = SSL_do_handshake(ssl_.get());
    const int why = SSL_get_error(ssl_.get(), r);
    const bool failed = r != 1 && why != SSL_ERROR_WANT_READ;
    auto error = failed ? tls_fail("handshake") : tl::unexpected<Error>(Error{});
    if (take_records()) SWY_CO_DO(co_await inner_->write_all(out_));  // an alert, if it failed
    if (failed) co_return error;
    if (r == 1) break;
    SWY_CO_TRY(const std::size_t n, co_await inner_->read_some({cipher_.get(), kCipherBuffer}));
    if (n == 0) co_return fail(ErrorCode::kClosed, "TLS: the peer closed during the handshake");
    BIO_write(in_bio_, cipher_.get(), static_cast<int>(n));
  }
  inner_->set_read_deadline(kNever);
  if (SSL_session_reused(ssl_.get()) == 1) ++name_.context->resumed;
  co_return Status();
}

// ---- reading

bool TlsStream::start_read(ReadOp& op) {
  SWY_ASSERT(read_ == nullptr);
  read_ = &op;
  if (!read_now()) return false;
  read_ = nullptr;
  return true;
}

bool TlsStream::read_now() {
  for (;;) {
    std::size_t n = 0;
    ERR_clear_error();
    const int r = SSL_read_ex(ssl_.get(), read_->buffer.data(), read_->buffer.size(), &n);
    if (r == 1) {
      read_->result = n;
      return true;
    }
    const int why = SSL_get_error(ssl_.get(), r);
    if (why == SSL_ERROR_ZERO_RETURN) {
      read_->result = std::size_t{0};
      return true;
    }
    if (why != SSL_ERROR_WANT_READ) {
      read_->result = tls_fail("reading");
      return true;
    }
    (void)pump();  // the engine may have something to say (a key update)
    if (!reading_ && !read_error_) {
      inner_read_.buffer = {cipher_.get(), kCipherBuffer};
      reading_ = true;
      if (!inner_->start_read(inner_read_)) return false;
      reading_ = false;
      if (take_ciphertext()) continue;
    }
    if (reading_) return false;
    read_->result = tl::unexpected<Error>(*read_error_);
    return true;
  }
}

bool TlsStream::take_ciphertext() {
  if (!inner_read_.result) {
    read_error_ = inner_read_.result.error();
  } else if (*inner_read_.result == 0) {
    read_error_ = Error{ErrorCode::kClosed, "the peer closed without ending TLS"};
  } else {
    BIO_write(in_bio_, cipher_.get(), static_cast<int>(*inner_read_.result));
    return true;
  }
  return false;
}

void TlsStream::inner_read_done() {
  reading_ = false;
  (void)take_ciphertext();
  if (read_ == nullptr || !read_now()) return;
  ReadOp& op = *std::exchange(read_, nullptr);
  op.done(op.context);
}

// ---- writing

bool TlsStream::start_write(WriteOp& op) {
  SWY_ASSERT(write_ == nullptr);
  write_ = &op;
  if (!pump()) return false;
  write_ = nullptr;
  if (write_error_) op.result = tl::unexpected<Error>(*write_error_);
  return true;
}

bool TlsStream::pump() {
  while (!writing_ && !write_error_) {
    while (write_ != nullptr && !write_->empty() && !write_error_ &&
           BIO_ctrl_pending(out_bio_) < kWriteBatch)
      encrypt_some();
    if (take_records()) {
      inner_write_.count = 0;
      inner_write_.result = {};
      inner_write_.add(out_);
      writing_ = true;
      if (!inner_->start_write(inner_write_)) return false;
      writing_ = false;
      if (!inner_write_.result) write_error_ = inner_write_.result.error();
    } else {
      return true;
    }
  }
  return !writing_;
}

// One record from the front of the outstanding write.
void TlsStream::encrypt_some() {
  std::array<char, kRecord> record;
  std::size_t size = 0;
  for (std::size_t i = 0; i < write_->count && size < kRecord; ++i) {
    const std::string_view piece = write_->pieces[i].substr(0, kRecord - size);
    std::copy(piece.begin(), piece.end(), record.begin() + static_cast<std::ptrdiff_t>(size));
    size += piece.size();
  }
  std::size_t written = 0;
  ERR_clear_error();
  if (SSL_write_ex(ssl_.get(), record.data(), size, &written) != 1) {
    write_error_ = Error{ErrorCode::kProtocol, "TLS: writing: " + openssl_reason()};
  }
  write_->consume(written);
}

void TlsStream::inner_write_done() {
  writing_ = false;
  if (!inner_write_.result) write_error_ = inner_write_.result.error();
  if (!pump()) return;
  if (shut_after_) inner_->shutdown_write();
  if (write_ == nullptr) return;
  WriteOp& op = *std::exchange(write_, nullptr);
  if (write_error_) op.result = tl::unexpected<Error>(*write_error_);
  op.done(op.context);
}

void TlsStream::shutdown_write() {
  if (SSL_in_init(ssl_.get()) == 0) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  shut_after_ = !pump();  // the goodbye has to leave first
  if (!shut_after_) inner_->shutdown_write();
}

void TlsStream::close() {
  if (SSL_in_init(ssl_.get()) == 0 && write_ == nullptr) {
    SSL_shutdown(ssl_.get());
    (void)pump();
  }
  ERR_clear_error();
  inner_->close();
}

base::Task<Result<std::unique_ptr<Stream>>> shake(std::unique_ptr<TlsStream> stream,
                                                  std::int64_t due_ns) {
  SWY_CO_DO(co_await stream->handshake(due_ns));
  co_return std::unique_ptr<Stream>(std::move(stream));
}

bool set_expected_name(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1) return true;
  ERR_clear_error();
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;
std::uint64_t TlsContext::resumed() const { return impl_->resumed; }

Result<std::unique_ptr<TlsContext>> TlsContext::client(const TlsClientOptions& options) {
  SWY_TRY(CtxPtr ctx, make_ctx(TLS_client_method()));
  const bool trust =
      options.ca_file.empty()
          ? SSL_CTX_set_default_verify_paths(ctx.get()) == 1
          : SSL_CTX_load_verify_locations(ctx.get(), options.ca_file.c_str(), nullptr) == 1;
  if (!trust) return tls_fail("reading the trusted certificates " + options.ca_file);
  SSL_CTX_set_verify(ctx.get(), options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_alpn_protos(ctx.get(), kAlpn, sizeof kAlpn);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx.get(), keep_session);
  auto impl = std::make_unique<Impl>();
  impl->ctx = std::move(ctx);
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

Result<std::unique_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
  SWY_TRY(CtxPtr ctx, make_ctx(TLS_server_method()));
  const BioPtr certificates(BIO_new_mem_buf(options.certificate_pem.data(),
                                            static_cast<int>(options.certificate_pem.size())));
  const BioPtr keys(
      BIO_new_mem_buf(options.key_pem.data(), static_cast<int>(options.key_pem.size())));
  const X509Ptr leaf(PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr));
  if (!leaf || SSL_CTX_use_certificate(ctx.get(), leaf.get()) != 1)
    return tls_fail("the certificate");
  while (X509* more = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(ctx.get(), more) != 1) {
      X509_free(more);
      return tls_fail("the certificate chain");
    }
  }
  ERR_clear_error();  // the end of the PEM text is told as an error
  const KeyPtr key(PEM_read_bio_PrivateKey(keys.get(), nullptr, nullptr, nullptr));
  if (!key || SSL_CTX_use_PrivateKey(ctx.get(), key.get()) != 1) return tls_fail("the private key");
  SSL_CTX_set_alpn_select_cb(ctx.get(), choose_alpn, nullptr);
  auto impl = std::make_unique<Impl>();
  impl->ctx = std::move(ctx);
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

base::Task<Result<std::unique_ptr<Stream>>> tls_connect(TlsContext& context,
                                                        std::unique_ptr<Stream> inner,
                                                        std::string host, std::int64_t due_ns) {
  auto stream = std::make_unique<TlsStream>(context, std::move(inner), host);
  if (!set_expected_name(stream->ssl(), host)) co_return tls_fail("the host name " + host);
  const auto& sessions = context.impl().sessions;
  if (const auto known = sessions.find(host); known != sessions.end()) {
    SSL_set_session(stream->ssl(), known->second.get());
  }
  SSL_set_connect_state(stream->ssl());
  co_return co_await shake(std::move(stream), due_ns);
}

base::Task<Result<std::unique_ptr<Stream>>> tls_accept(TlsContext& context,
                                                       std::unique_ptr<Stream> inner,
                                                       std::int64_t due_ns) {
  auto stream = std::make_unique<TlsStream>(context, std::move(inner), "");
  SSL_set_accept_state(stream->ssl());
  co_return co_await shake(std::move(stream), due_ns);
}

}  // namespace swy::net
