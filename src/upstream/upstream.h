// ScriptedUpstream: an OpenAI-compatible server that plays a Script, for tests, demo and benchmarks.
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
#include <string>
#include <string_view>

#include "base/task.h"
#include "chat/openai.h"
#include "http/server.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "switchyard/result.h"
#include "upstream/script_state.h"

namespace swy::upstream {

class ScriptedUpstream final : public http::Handler {
 public:
  ScriptedUpstream(net::Loop& loop, Script& script);

  Status listen(const net::ListenOptions& options) { return server_.listen(options); }
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  // Stops accepting and lets answers under way finish. Then Loop::drain().
  void drain() { server_.drain(); }

  base::Task<void> handle(http::Request request, http::ServerConnection& connection) override;
  std::string error_body(int status, const Error& error) override;

 private:
  base::Task<void> chat(http::Request request, http::ServerConnection& connection);
  [[nodiscard]] bool may_enter(const http::Request& request) const;
  [[nodiscard]] std::string models_json() const;
  [[nodiscard]] std::string stats_json() const;

  Script& script_;
  chat::RequestDoc doc_;  // used between two waits only
  http::Server server_;   // last: its tasks use everything above
};

}  // namespace swy::upstream
