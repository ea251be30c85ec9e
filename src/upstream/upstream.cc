// Routes of the scripted upstream. Between reading a request and delivering its answer nothing
// waits, so one decoder serves all connections of the loop. Tests: upstream_test.cc.
#include "upstream/upstream.h"

#include <utility>
#include <vector>

#include "base/doc.h"
#include "base/hash.h"
#include "base/json.h"
#include "chat/build.h"
#include "chat/error.h"
#include "upstream/private/deliver.h"

namespace swy::upstream {
namespace {

constexpr std::int64_t kHandshakeNs = 10'000 * net::kMillisecond;

struct Simple {  // a whole answer
  int status = 200;
  std::string body;
};

wire::Headers json_headers() {
  wire::Headers h;
  h.add("content-type", "application/json");
  return h;
}

Simple refusal(int status, std::string_view message, std::string_view code) {
  return {status, chat::openai_error(message, chat::error_type(status), "", code)};
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// Keeps the count of answers under way true whichever way the coroutine ends.
class ActiveCount {
 public:
  explicit ActiveCount(Script& script) : script_(script) { script_.count_active(1); }
  ~ActiveCount() { script_.count_active(-1); }
  ActiveCount(const ActiveCount&) = delete;
  ActiveCount& operator=(const ActiveCount&) = delete;

 private:
  Script& script_;
};

// The fault that the client asks for, or the one that the rules choose.
Result<Fault> fault_for(Script& script, const http::Request& request, std::uint64_t number,
                        std::string_view model) {
  if (const auto wanted = request.head.headers.find("x-script-fault")) return parse_fault(*wanted);
  return script.choose_fault(number, model);
}

Simple set_faults(Script& script, std::string_view body) {
  base::Diagnostics diag("body");
  const auto doc = base::parse_yaml(body, diag);  // JSON is YAML
  std::vector<FaultRule> rules;
  if (doc && doc->find("faults") != nullptr) {
    rules = read_faults(*doc->find("faults"), diag);
  } else if (doc) {
    diag.error(doc->mark(), "expected {\"faults\": [...]}");
  }
  if (!diag.ok()) return refusal(400, diag.to_text(), "invalid_faults");
  const std::size_t count = rules.size();
  script.set_faults(std::move(rules));
  return {200, "{\"faults\":" + std::to_string(count) + "}"};
}

}  // namespace

ScriptedUpstream::ScriptedUpstream(net::Loop& loop, Script& script)
    : loop_(loop), script_(script), server_(loop, *this, {}), tasks_(loop) {}

Status ScriptedUpstream::listen(const net::ListenOptions& options) {
  SWY_DO(server_.listen(options));
  port_ = server_.port();
  return {};
}

Status ScriptedUpstream::listen_tls(const net::ListenOptions& options,
                                    const net::TlsServerOptions& tls) {
  SWY_TRY(tls_, net::TlsContext::server(tls));
  SWY_TRY(tls_listener_, net::Listener::listen(loop_, options));
  port_ = tls_listener_->port();
  tasks_.spawn(accept_tls());
  return {};
}

base::Task<void> ScriptedUpstream::accept_tls() {
  for (;;) {
    auto stream = co_await tls_listener_->accept();
    if (!stream) co_return;  // closed
    tasks_.spawn(shake_hands(std::move(*stream)));
  }
}

base::Task<void> ScriptedUpstream::shake_hands(std::unique_ptr<net::Stream> stream) {
  const std::int64_t due = loop_.after(kHandshakeNs);
  auto secure = co_await net::tls_accept(*tls_, std::move(stream), due);
  if (secure) server_.serve(std::move(*secure));  // else the client's problem, and it knows
}

void ScriptedUpstream::drain() {
  if (tls_listener_) tls_listener_->close();
  server_.drain();
}

std::string ScriptedUpstream::error_body(int status, const Error& error) {
  return chat::openai_error(error.message, chat::error_type(status), "", "");
}

bool ScriptedUpstream::may_enter(const http::Request& request) const {
  const std::string& key = script_.options().api_key;
  if (key.empty()) return true;
  const auto given = request.head.headers.find("authorization");
  return given && base::equal_constant_time(*given, "Bearer " + key);
}

std::string ScriptedUpstream::models_json() const {
  std::vector<chat::ModelEntry> entries;
  for (const ModelScript& m : script_.options().models) {
    if (m.name != "*") entries.push_back({m.name, 0, "switchyard"});
  }
  const std::size_t listed = entries.size();
  for (const std::string& name : script_.book().models()) {
    bool known = false;
    for (std::size_t i = 0; i < listed; ++i) known = known || entries[i].id == name;
    if (!known) entries.push_back({name, 0, "switchyard"});
  }
  std::string out;
  chat::append_model_list(out, entries);
  return out;
}

std::string ScriptedUpstream::stats_json() const {
  const UpstreamStats s = script_.stats();
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("requests", s.requests).field("active", s.active);
  w.field("aborted", s.aborted).field("faults", s.faults).field("bytes", s.bytes).end_object();
  return out;
}

base::Task<void> ScriptedUpstream::handle(http::Request request,
                                          http::ServerConnection& connection) {
  const std::string& method = request.head.method;
  const std::string_view path = path_of(request.head.target);
  const bool get = method == "GET" || method == "HEAD";
  Simple answer = refusal(404, "no such path: " + method + " " + std::string(path), "not_found");
  if (path.substr(0, 4) == "/v1/" && !may_enter(request)) {
    answer = refusal(401, "Incorrect API key provided.", "invalid_api_key");
  } else if (path == "/v1/chat/completions") {
    if (method == "POST") co_return co_await chat(std::move(request), connection);
    answer = refusal(405, "use POST", "method_not_allowed");
  } else if (path == "/v1/models" && get) {
    answer = {200, models_json()};
  } else if (path == "/healthz" && get) {
    answer = {200, R"({"status":"ok"})"};
  } else if (path == "/script/requests" && get) {
    answer = {200, script_.requests_json()};
  } else if (path == "/script/stats" && get) {
    answer = {200, stats_json()};
  } else if (path == "/script/faults" && method == "POST") {
    answer = set_faults(script_, request.body);
  } else if (path == "/script/reset" && method == "POST") {
    script_.reset();
    answer = {200, "{}"};
  }
  (void)co_await connection.respond(answer.status, json_headers(), answer.body);
}

base::Task<void> ScriptedUpstream::chat(http::Request request, http::ServerConnection& connection) {
  const std::uint64_t number = script_.begin_request();
  const ActiveCount active(script_);
  Simple answer;
  Reply reply;
  if (const auto decoded = doc_.decode(request.body); !decoded) {
    const chat::ErrorReply e = chat::error_reply(decoded.error());
    answer = {e.status, e.body};
  } else if (const std::string_view model = doc_.request().model;
             script_.options().only_listed && !script_.listed(model)) {
    answer =
        refusal(404, "The model '" + std::string(model) + "' does not exist.", "model_not_found");
  } else if (const auto fault = fault_for(script_, request, number, model); !fault) {
    answer = refusal(400, fault.error().message, "invalid_fault");
  } else {
    reply = make_reply(script_, doc_.request(), number);
    reply.fault = *fault;
  }
  script_.remember(number, std::move(request), reply.fault);
  if (answer.status != 200) {
    (void)co_await connection.respond(answer.status, json_headers(), answer.body);
    co_return;
  }
  if (reply.fault.kind != FaultKind::kNone) script_.count_fault();
  if (!co_await deliver(connection, std::move(reply), script_)) script_.count_aborted();
}

}  // namespace swy::upstream
