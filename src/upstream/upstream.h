// ScriptedUpstream: an OpenAI-compatible server that plays a Script, for tests, demo and
// benchmarks.
//
//   Script script(options, std::move(book));
//   ScriptedUpstream upstream(loop, script);
//   upstream.listen({});                       // 127.0.0.1, a free port: upstream.port()
//
// POST /v1/chat/completions (plain and SSE), GET /v1/models, GET /healthz; for tests GET
// /script/requests, GET /script/stats, POST /script/faults, POST /script/reset. Every answer is a
// function of the script's seed, the request and its number. Threading: the loop's thread; several
// loops may share one Script. Ownership: loop and script outlive it; destroying it ends its
// connections. Reference page: docs/reference/upstream.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/task.h"
#include "chat/openai.h"
#include "http/server.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "switchyard/result.h"
#include "upstream/script_state.h"

namespace swy::upstream {

class ScriptedUpstream final : public http::Handler {
 public:
  ScriptedUpstream(net::Loop& loop, Script& script);

  // One of them, once.
  Status listen(const net::ListenOptions& options);
  Status listen_tls(const net::ListenOptions& options, const net::TlsServerOptions& tls);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Stops accepting and lets answers under way finish. Then Loop::drain().
  void drain();

  base::Task<void> handle(http::Request request, http::ServerConnection& connection) override;
  std::string error_body(int status, const Error& error) override;

 private:
  base::Task<void> accept_tls();
  base::Task<void> shake_hands(std::unique_ptr<net::Stream> stream);
  base::Task<void> chat(http::Request request, http::ServerConnection& connection);
  [[nodiscard]] bool may_enter(const http::Request& request) const;
  [[nodiscard]] std::string models_json() const;
  [[nodiscard]] std::string stats_json() const;

  net::Loop& loop_;
  Script& script_;
  std::uint16_t port_ = 0;
  std::unique_ptr<net::TlsContext> tls_;  // these two for listen_tls()
  std::unique_ptr<net::Listener> tls_listener_;
  chat::RequestDoc doc_;  // used between two waits only
  http::Server server_;   // after everything that its tasks use
  net::TaskSet tasks_;    // last: they hand connections to server_
};

}  // namespace swy::upstream
