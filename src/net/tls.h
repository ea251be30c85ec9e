// TLS over any Stream (OpenSSL, no sockets here). TlsContext holds certificates, trust and
// sessions; tls_connect() and tls_accept() do the handshake and give a Stream.
//
// Threading: a context and its streams belong to one loop's thread: make one per loop. Ownership: a
// context outlives its streams. A connection that ends without TLS's own goodbye is reported as
// kClosed, not as the end of the stream: it may have been cut by somebody else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/task.h"
#include "net/stream.h"
#include "switchyard/result.h"

namespace swy::net {

struct TlsClientOptions {
  bool verify = true;   // certificate chain and host name
  std::string ca_file;  // PEM; "" = the system's trust store
};

struct TlsServerOptions {
  std::string certificate_pem;  // the chain, leaf first
  std::string key_pem;
};

class TlsContext {
 public:
  static Result<std::unique_ptr<TlsContext>> client(const TlsClientOptions& options);
  static Result<std::unique_ptr<TlsContext>> server(const TlsServerOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  [[nodiscard]] std::uint64_t resumed() const;  // handshakes that took up an earlier session

  struct Impl;  // private to src/net
  Impl& impl() { return *impl_; }

 private:
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// `host` is sent as SNI, verified against the certificate, and names the session to resume. due_ns:
// for the handshake. kProtocol: the handshake failed, with OpenSSL's reason; kTimeout; kClosed.
base::Task<Result<std::unique_ptr<Stream>>> tls_connect(TlsContext& context,
                                                        std::unique_ptr<Stream> inner,
                                                        std::string host, std::int64_t due_ns);
base::Task<Result<std::unique_ptr<Stream>>> tls_accept(TlsContext& context,
                                                       std::unique_ptr<Stream> inner,
                                                       std::int64_t due_ns);

}  // namespace swy::net
