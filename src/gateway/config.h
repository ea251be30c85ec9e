// The whole configuration of a serving gateway: where it listens, who may call, where upstreams
// are, where records go, and the compiled Plan. Immutable after load; shared as shared_ptr<const
// Config>.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/doc.h"
#include "flow/extract.h"
#include "http/client.h"
#include "route/experiment.h"
#include "route/plan.h"

namespace swy::gateway {

struct Key {
  std::string name;
  std::string hash;  // sha256, 64 hex digits, of the key's text
  std::string role;  // "" when none; "admin" may read everybody's records
};

struct Upstream {
  std::string name;
  http::Origin origin;
  std::string base_path;           // "/v1", no slash at the end
  std::string authorization;       // whole header value; "" : none
  bool client_credential = false;  // forward the client's own Authorization
  std::vector<std::pair<std::string, std::string>> headers;  // added to every call
  http::ClientOptions client;
};

// A pool made for one serves the other.
bool same_connection(const Upstream& a, const Upstream& b);

struct Records {
  std::string path;     // absolute or relative to the working directory; "" : no records
  bool bodies = false;  // keep request bodies (prompts!)
  bool sketch = true;   // keep the hashed word vector when an estimator read it, so that a replay
                        // can prove kNN decisions
  std::int64_t rotate_mb = 64;
  std::int64_t sync_ms = 1000;  // how often written records are pushed to stable storage; 0: never
};

// What estimators that learn while serving are given.
struct LearningOptions {
  std::int64_t beat_ms = 2000;  // from feedback to the plan that knows it, at most
  std::int64_t keep_mb = 64;    // of requests that wait for feedback, in memory
};

// When what is observed is said to have moved away from what is believed; see drift.h.
struct DriftOptions {
  double every = 10'000;         // observations between two false alarms, at least, on average
  std::int64_t reference = 200;  // observations that say where the mean is
  double tolerance = 0.05;
  double evidence_below = 5;  // a choice with less evidence than this counts as a guess
};

// How a model that was added is made known; see onboarding.h and docs/reference/onboarding.md.
struct OnboardingOptions {
  std::vector<std::string> table;  // resolved paths: questions with outcomes of other models
  std::string directory;           // resolved: what is learned of new models
  std::int64_t probes = 100;       // questions asked of a new model
  std::int64_t concurrency = 2;    // at once
  double max_cost_usd = 1;         // of one model's probes and their judging
  std::int64_t max_tokens = 1024;  // of an answer
  std::int64_t timeout_ms = 120'000;
  std::int64_t feedback = 200;  // observations up to which feedback on its answers joins them
  std::string judge;            // a model; "": answers are compared with recorded right ones
  flow::AnswerForm form = flow::AnswerForm::kAuto;  // how these are compared
  bool operator==(const OnboardingOptions&) const = default;
};

// The pool that encodes texts for signals. Fixed for the life of the process.
struct UnderstandingOptions {
  std::int64_t threads = 1;
  std::int64_t queue = 256;  // texts that may wait
  std::int64_t batch = 16;   // texts encoded together
  bool operator==(const UnderstandingOptions&) const = default;
};

struct Config {
  std::string file;
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;
  std::int64_t workers = 1;
  std::int64_t busy_poll_us = 0;  // see net::Loop::busy_poll
  std::int64_t max_body_bytes = std::int64_t{32} << 20U;
  std::int64_t max_connections = 20'000;  // per worker
  std::uint64_t seed = 0;
  std::vector<Key> keys;
  std::vector<Upstream> upstreams;
  std::vector<std::uint16_t> upstream_of;  // by ExpertId
  Records records;
  UnderstandingOptions understanding;
  LearningOptions learning;
  std::vector<route::ExperimentSpec> experiments;  // at most one for a rule set
  std::optional<DriftOptions> drift;               // nullopt: not looked for
  std::string state;                               // directory of what survives a restart; "": none
  std::optional<OnboardingOptions> onboarding;     // nullopt: models that are added are not probed
  std::shared_ptr<const route::Plan> plan;
};

// Reads a configuration text. Everything found goes to diag, in one go; nullptr when there are
// errors.
std::shared_ptr<const Config> parse_config(std::string_view text, const std::string& file,
                                           const route::Registry& registry,
                                           base::Diagnostics& diag);
// The same from a file; a missing file is an error in diag at 0:0.
std::shared_ptr<const Config> load_config(const std::string& file, const route::Registry& registry,
                                          base::Diagnostics& diag);

// The keys of `drift`, for the reference page.
std::vector<base::OptionInfo> drift_keys();

}  // namespace swy::gateway
