// What a worker is made of and how a request finds its handler. The chat path is worker_chat.cc,
// the rest worker_api.cc.
#include "gateway/worker.h"

#include <fmt/format.h>

#include <array>

#include "chat/error.h"

namespace swy::gateway {
namespace {

http::ServerOptions server_options(const Config& config) {
  http::ServerOptions o;
  o.limits.body_bytes = static_cast<std::uint64_t>(config.max_body_bytes);
  o.max_connections = static_cast<std::size_t>(config.max_connections);
  return o;
}

enum class Endpoint : std::uint8_t {
  kChat,
  kModels,
  kRoute,
  kFeedback,
  kRecords,
  kExperiments,
  kOnboarding,
  kHealth,
  kReady,
  kMetrics
};
struct Route {
  std::string_view path;  // one that ends with a slash takes a name behind it
  bool post;              // otherwise GET and HEAD
  Endpoint endpoint;
};
constexpr std::array<Route, 11> kRoutes = {{{"/v1/chat/completions", true, Endpoint::kChat},
                                            {"/v1/models", false, Endpoint::kModels},
                                            {"/v1/models/", false, Endpoint::kModels},
                                            {"/v1/route", true, Endpoint::kRoute},
                                            {"/v1/feedback", true, Endpoint::kFeedback},
                                            {"/v1/records/", false, Endpoint::kRecords},
                                            {"/v1/experiments", false, Endpoint::kExperiments},
                                            {"/v1/onboarding", false, Endpoint::kOnboarding},
                                            {"/healthz", false, Endpoint::kHealth},
                                            {"/readyz", false, Endpoint::kReady},
                                            {"/metrics", false, Endpoint::kMetrics}}};

const Route* find_route(std::string_view path) {
  for (const Route& r : kRoutes) {
    const bool prefix = r.path.back() == '/';
    if (prefix ? path.substr(0, r.path.size()) == r.path : path == r.path) return &r;
  }
  return nullptr;
}

}  // namespace

Shared::Shared(const Clock& the_clock, base::Metrics& the_metrics)
    : clock(the_clock),
      metrics(the_metrics),
      reload_ok(metrics.counter("switchyard_config_reloads_total",
                                "Configurations read again, by result.", {{"result", "ok"}})),
      reload_failed(metrics.counter("switchyard_config_reloads_total",
                                    "Configurations read again, by result.",
                                    {{"result", "refused"}})),
      records_written(metrics.counter("switchyard_records_written_total", "Records on disk.")),
      records_dropped(
          metrics.counter("switchyard_records_dropped_total",
                          "Records that could not be written (disk full, for example).")),
      learned(metrics.counter("switchyard_outcomes_learned_total",
                              "Feedback that estimators learned from.")),
      requests(metrics.counter("switchyard_chat_requests_total", "Chat requests received.")),
      refused(metrics.counter("switchyard_chat_refused_total",
                              "Chat requests refused before any model was called.")),
      added(metrics.histogram("switchyard_added_seconds",
                              "Time spent in the gateway, waiting for upstreams not counted.")),
      deciding(metrics.histogram("switchyard_decide_seconds", "Time of the decision alone.")),
      judging(
          metrics.histogram("switchyard_grounding_seconds",
                            "Time a finished answer waited to be judged by a grounding guard.")) {
  for (std::size_t i = 0; i < judged.size(); ++i) {
    judged[i] = &metrics.counter(
        "switchyard_grounding_total", "Answers that a grounding guard was asked about, by result.",
        {{"result", std::string(to_string(static_cast<route::GroundingResult>(i)))}});
  }
}

Worker::Worker(net::Loop& loop, unsigned index, Shared& shared,
               std::shared_ptr<const Snapshot> snapshot, std::unique_ptr<record::LogWriter> log,
               std::uint64_t salt)
    : loop_(loop),
      index_(index),
      shared_(shared),
      log_(std::move(log)),
      ids_(shared.clock, index, salt),
      server_(loop, *this, server_options(*snapshot->config)) {
  adopt(std::move(snapshot));
  if (log_) loop_.before_writes([this] { write_records(); });
}

Worker::~Worker() { loop_.before_writes({}); }

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot) {
  // Pools of upstreams that did not change keep their warm connections; calls in flight hold on to
  // a pool by reference, so a pool that is replaced is kept until the worker ends. Reloads are rare
  // and pools are small.
  std::vector<std::unique_ptr<http::ClientPool>> next;
  for (std::size_t i = 0; i < snapshot->config->upstreams.size(); ++i) {
    const Upstream& u = snapshot->config->upstreams[i];
    std::unique_ptr<http::ClientPool> kept;
    if (snapshot_ != nullptr) {
      for (std::size_t k = 0; k < snapshot_->config->upstreams.size(); ++k) {
        if (kept == nullptr && pools_[k] != nullptr &&
            same_connection(u, snapshot_->config->upstreams[k]))
          kept = std::move(pools_[k]);
      }
    }
    next.push_back(kept ? std::move(kept) : std::make_unique<http::ClientPool>(loop_, u.client));
  }
  for (auto& old : pools_) {
    if (old == nullptr) continue;
    old->close_idle();
    retired_.push_back(std::move(old));
  }
  pools_ = std::move(next);
  snapshot_ = std::move(snapshot);
}

base::Task<void> Worker::handle(http::Request request, http::ServerConnection& connection) {
  std::string_view path = request.head.target;
  path = path.substr(0, path.find('?'));
  const Route* route = find_route(path);
  if (route == nullptr) return unknown_path(connection, path);
  const std::string_view method = request.head.method;
  if (route->post ? method != "POST" : method != "GET" && method != "HEAD")
    return refuse_method(connection, method, path, route->post ? "POST" : "GET, HEAD");
  std::string name(path.substr(route->path.size()));
  switch (route->endpoint) {
    case Endpoint::kChat:
      return chat(std::move(request), connection);
    case Endpoint::kModels:
      return models(std::move(request), connection, std::move(name));
    case Endpoint::kRoute:
      return this->route(std::move(request), connection);
    case Endpoint::kFeedback:
      return feedback(std::move(request), connection);
    case Endpoint::kRecords:
      return records(std::move(request), connection, std::move(name));
    case Endpoint::kExperiments:
      return told_elsewhere(std::move(request), connection, shared_.tell_experiments);
    case Endpoint::kOnboarding:
      return told_elsewhere(std::move(request), connection, shared_.tell_onboarding);
    case Endpoint::kHealth:
      return reply(connection, 200, R"({"status":"ok"})");
    case Endpoint::kReady:
      return ready(connection);
    case Endpoint::kMetrics:
      return metrics_page(connection);
  }
  return unknown_path(connection, path);
}

base::Task<void> Worker::unknown_path(http::ServerConnection& connection, std::string_view path) {
  return reply(
      connection, 404,
      chat::openai_error(fmt::format("unknown path {}; try /v1/chat/completions, "
                                     "/v1/models, /v1/route, /v1/records/ID, /v1/feedback, "
                                     "/v1/experiments, /v1/onboarding",
                                     path),
                         "invalid_request_error", "", "unknown_url"));
}

std::string Worker::error_body(int status, const Error& error) {
  return chat::openai_error(error.message, chat::error_type(status), "",
                            std::string(to_string(error.code)));
}

base::Task<void> Worker::reply(http::ServerConnection& connection, int status, std::string body,
                               std::string_view allow) {
  wire::Headers headers;
  if (!allow.empty()) headers.add("Allow", allow);
  headers.add("Content-Type", "application/json");
  (void)co_await connection.respond(status, headers, body);
}

base::Task<void> Worker::refuse_method(http::ServerConnection& connection, std::string_view method,
                                       std::string_view path, std::string_view allowed) {
  return reply(connection, 405,
               chat::openai_error(fmt::format("{} takes {}, not {}", path.substr(0, 200), allowed,
                                              method.substr(0, 40)),
                                  "invalid_request_error", "", "method_not_allowed"),
               allowed);
}

// Not a coroutine: the arguments are used before it returns.
base::Task<void> Worker::reply_error(http::ServerConnection& connection, ErrorCode code,
                                     std::string_view message, std::string_view param) {
  const chat::HttpError e = chat::http_error(code);
  return reply(connection, e.status, chat::openai_error(message, e.type, param, e.code));
}

std::optional<const Key*> Worker::authenticate(const http::Request& request) const {
  if (snapshot_->keys.open()) return nullptr;
  const auto authorization = request.head.headers.find("Authorization");
  const Key* key = authorization ? snapshot_->keys.find(*authorization) : nullptr;
  if (key == nullptr) return std::nullopt;
  return key;
}

}  // namespace swy::gateway
