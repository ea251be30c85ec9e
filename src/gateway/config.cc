#include "gateway/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/options.h"
#include "gateway/onboarding_config.h"
#include "gateway/url.h"
#include "route/experiments_config.h"

namespace swy::gateway {
namespace {

using base::Diagnostics;
using base::Doc;
using base::DocBinder;
using base::OptionBinder;

struct TopOptions {
  std::int64_t version = 0, workers = 1, seed = 0, busy_poll_us = 0;
  const Doc *listen = nullptr, *keys = nullptr, *upstreams = nullptr, *records = nullptr,
            *limits = nullptr, *understanding = nullptr, *learning = nullptr,
            *experiments = nullptr, *drift = nullptr, *onboarding = nullptr;
  std::string state;
  void bind(OptionBinder& b) {
    b.field("version", version, {1, 1}, "of the configuration format");
    b.field("workers", workers, {1, 256}, "threads, each with its own loop");
    b.field("busy_poll_us", busy_poll_us, {0, 1000},
            "how long a busy worker looks for events before it sleeps: less latency, more CPU");
    b.field("seed", seed, {0, 9e15}, "of all random choices");
    b.node("listen", listen, "address");
    b.node("keys", keys, "who may call");
    b.node("upstreams", upstreams, "where models are asked");
    b.node("records", records, "where decisions are kept");
    b.node("limits", limits, "bounds");
    b.node("understanding", understanding, "the pool that encodes texts");
    b.node("learning", learning, "what learns while serving");
    b.node("experiments", experiments, "rule sets tried against each other");
    b.node("drift", drift, "alarms when what is observed moves away");
    b.field("state", state, "directory of what learning and drift keep over a restart");
    b.node("onboarding", onboarding, "how models that are added are made known");
  }
};

struct ListenOptions {
  std::string address = "127.0.0.1:8080";
  void bind(OptionBinder& b) {
    b.field("address", address, "host:port; port 0 takes any free one");
  }
};

struct LimitOptions {
  std::int64_t max_body_bytes = 32 * 1024 * 1024, max_connections = 20'000;
  void bind(OptionBinder& b) {
    b.field("max_body_bytes", max_body_bytes, {1024, 1e10},
            "a longer request body is refused with 413");
    b.field("max_connections", max_connections, {1, 1e6}, "of one worker; more are closed at once");
  }
};

struct RecordOptions {
  Records r;
  void bind(OptionBinder& b) {
    b.field("path", r.path, "directory, relative to the configuration file");
    b.field("bodies", r.bodies, "keep request bodies too");
    b.field("sketch", r.sketch,
            "keep the hashed word vector that kNN read, so that a replay can prove it");
    b.field("rotate_mb", r.rotate_mb, {1, 1e6}, "size of one file");
    b.field("sync_ms", r.sync_ms, {0, 3.6e6},
            "how often records are pushed to stable storage; 0: never");
  }
};

struct LearningKeys {
  LearningOptions l;
  void bind(OptionBinder& b) {
    b.field("beat_ms", l.beat_ms, {10, 3.6e6}, "how often what was learned is published");
    b.field("keep_mb", l.keep_mb, {1, 1e5}, "memory for requests that wait for feedback");
  }
};

struct DriftKeys {
  DriftOptions d;
  void bind(OptionBinder& b) {
    b.field("every", d.every, {100, 1e12}, "observations between two false alarms, on average");
    b.field("reference", d.reference, {20, 1e6}, "observations that say where the mean is");
    b.field("tolerance", d.tolerance, {0, 0.5}, "a mean that moved by less is no change");
    b.field("evidence_below", d.evidence_below, {0, 1e9}, "a choice with less evidence is a guess");
  }
};

struct UnderstandingKeys {
  UnderstandingOptions u;
  void bind(OptionBinder& b) {
    b.field("threads", u.threads, {1, 256}, "threads that encode");
    b.field("queue", u.queue, {1, 1e6}, "texts that may wait; more are refused: unknown facts");
    b.field("batch", u.batch, {1, 1024}, "texts encoded together");
  }
};

struct KeyOptions {
  Key k;
  void bind(OptionBinder& b) {
    b.field("name", k.name, "for records and rules");
    b.field("hash", k.hash, "sha256:..., from `switchyard keys hash`");
    b.field("role", k.role, "for rules; admin may read everybody's records");
  }
};

struct UpstreamOptions {
  std::string dialect = "openai", url, credential;
  std::int64_t connect_ms = 5'000, first_byte_ms = 120'000, idle_ms = 60'000;
  std::string ca_file;
  bool verify = true;
  const Doc* headers = nullptr;
  void bind(OptionBinder& b) {
    b.field("dialect", dialect, "openai");
    b.field("url", url, "http:// or https:// with the path before /chat/completions");
    b.field("credential", credential, "env:NAME, file:PATH, or client to forward the caller's own");
    b.field("connect_ms", connect_ms, {1, 3.6e6}, "to connect");
    b.field("first_byte_ms", first_byte_ms, {1, 3.6e6},
            "from the request sent to the answer's head");
    b.field("idle_ms", idle_ms, {1, 3.6e6}, "between two pieces of an answer");
    b.field("ca_file", ca_file, "certificate authorities to trust instead of the system's");
    b.field("verify", verify, "check the server's certificate");
    b.node("headers", headers, "added to every call");
  }
};

class Reader {
 public:
  Reader(const Doc& doc, const std::string& file, const route::Registry& registry,
         Diagnostics& diag)
      : doc_(doc),
        registry_(registry),
        diag_(diag),
        directory_(std::filesystem::path(file).parent_path().string()) {
    if (directory_.empty()) directory_ = ".";
    out_->file = file;
  }

  std::shared_ptr<const Config> run() {
    if (!doc_.is_map()) {
      diag_.error(doc_.mark(), "the configuration is empty: start with version, models and routes");
      return nullptr;
    }
    TopOptions top;
    DocBinder binder(doc_, diag_, route::plan_keys());
    top.bind(binder);
    binder.finish();
    out_->workers = top.workers;
    out_->busy_poll_us = top.busy_poll_us;
    out_->seed = static_cast<std::uint64_t>(top.seed);
    if (!top.state.empty())
      out_->state = (std::filesystem::path(directory_) / top.state).lexically_normal().string();
    if (top.keys != nullptr) read_keys(*top.keys);
    if (top.listen != nullptr) read_listen(*top.listen);
    if (top.limits != nullptr) read_limits(*top.limits);
    if (top.understanding != nullptr) read_understanding(*top.understanding);
    if (top.learning != nullptr) read_learning(*top.learning);
    if (top.drift != nullptr) read_drift(*top.drift);
    if (top.records != nullptr) read_records(*top.records);
    if (top.upstreams != nullptr) read_upstreams(*top.upstreams);
    out_->plan = route::compile(doc_, directory_, registry_, diag_);
    match_upstreams();
    if (top.experiments != nullptr && out_->plan != nullptr) {
      out_->experiments =
          route::read_experiments(*top.experiments, doc_, *out_->plan, !out_->records.path.empty(), diag_);
    }
    if (top.onboarding != nullptr)
      out_->onboarding = read_onboarding(*top.onboarding, doc_, *out_, directory_, diag_);
    if (out_->plan != nullptr && !out_->plan->learners.empty() && out_->records.path.empty()) {
      diag_.warning({},
                    "an estimator learns from feedback, but without records there is none: set "
                    "records: { path: ... }");
    }
    if (!diag_.ok()) return nullptr;
    return out_;
  }

 private:
  template <typename Options>
  bool bind(const Doc& node, Options& o) {
    const std::size_t before = diag_.errors();
    DocBinder binder(node, diag_, {});
    o.bind(binder);
    binder.finish();
    return diag_.errors() == before;
  }

  void read_listen(const Doc& node) {
    ListenOptions o;
    if (node.is_scalar()) {
      o.address = node.text();
    } else if (!bind(node, o)) {
      return;
    }
    const base::Mark at =
        node.find("address") != nullptr ? node.find("address")->mark() : node.mark();
    const auto colon = o.address.rfind(':');
    unsigned port = 0;
    const char* end = o.address.data() + o.address.size();
    const bool good = colon != std::string::npos && colon + 1 < o.address.size() &&
                      std::from_chars(o.address.data() + colon + 1, end, port).ptr == end &&
                      port < 65536;
    if (!good)
      return diag_.error(at, fmt::format("listen.address must be host:port, not '{}'", o.address));
    std::string host = o.address.substr(0, colon);
    if (host.size() > 1 && host.front() == '[' && host.back() == ']')
      host = host.substr(1, host.size() - 2);
    if (host == "localhost") host = "127.0.0.1";
    if (host.empty() || host == "*") host = "0.0.0.0";
    out_->port = static_cast<std::uint16_t>(port);
    out_->address = host;
    const bool loopback = host.rfind("127.", 0) == 0 || host == "::1";
    if (!loopback && out_->keys.empty()) {
      diag_.warning(at, fmt::format("no keys are configured, so it will listen on 127.0.0.1:{} "
                                    "only; add keys to listen on {}",
                                    port, host));
      out_->address = "127.0.0.1";
    }
  }

  void read_limits(const Doc& node) {
    LimitOptions o;
    if (!bind(node, o)) return;
    out_->max_body_bytes = o.max_body_bytes;
    out_->max_connections = o.max_connections;
  }

  void read_understanding(const Doc& node) {
    UnderstandingKeys o;
    if (bind(node, o)) out_->understanding = o.u;
  }

  void read_learning(const Doc& node) {
    LearningKeys o;
    if (bind(node, o)) out_->learning = o.l;
  }

  void read_drift(const Doc& node) {
    DriftKeys o;
    if (bind(node, o)) out_->drift = o.d;
  }

  void read_records(const Doc& node) {
    RecordOptions o;
    if (!bind(node, o)) return;
    out_->records = o.r;
    if (o.r.path.empty()) return diag_.error(node.mark(), "records needs a path");
    const std::filesystem::path p(o.r.path);
    out_->records.path =
        (p.is_absolute() ? p : std::filesystem::path(directory_) / p).lexically_normal().string();
  }

  void read_keys(const Doc& node) {
    if (!node.is_list())
      return diag_.error(node.mark(), "keys must be a list of { name, hash, role }");
    std::set<std::string> names;
    for (const Doc& item : node.items()) {
      KeyOptions o;
      if (!bind(item, o)) continue;
      const base::Mark at = item.find("hash") != nullptr ? item.find("hash")->mark() : item.mark();
      constexpr std::string_view kPrefix = "sha256:";
      const bool hex =
          o.k.hash.size() == kPrefix.size() + 64 && o.k.hash.rfind(kPrefix, 0) == 0 &&
          o.k.hash.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string::npos;
      if (!hex) {
        diag_.error(at,
                    "hash must be sha256: and 64 lower-case hex digits; make one with `switchyard "
                    "keys hash`");
        continue;
      }
      if (o.k.name.empty()) diag_.error(item.mark(), "a key needs a name");
      if (!names.insert(o.k.name).second)
        diag_.error(item.mark(), fmt::format("key '{}' is given twice", o.k.name));
      o.k.hash.erase(0, kPrefix.size());
      const auto same = std::find_if(out_->keys.begin(), out_->keys.end(),
                                     [&](const Key& k) { return k.hash == o.k.hash; });
      if (same != out_->keys.end())
        diag_.error(at, fmt::format("keys '{}' and '{}' have the same hash", same->name, o.k.name));
      out_->keys.push_back(std::move(o.k));
    }
  }

  // "Bearer ..." or "". A missing variable or file is a note: the file can be checked on another
  // machine.
  std::string read_credential(const std::string& text, base::Mark at) {
    if (text.rfind("env:", 0) == 0) {
      const char* value = std::getenv(text.c_str() + 4);
      if (value != nullptr && *value != '\0') return fmt::format("Bearer {}", value);
      diag_.note(
          at, fmt::format("environment variable {} is not set: calls go out without a credential",
                          text.substr(4)));
      return "";
    }
    if (text.rfind("file:", 0) == 0) {
      const auto path = std::filesystem::path(directory_) / text.substr(5);
      auto content = base::read_file(path.string());
      if (content) {
        while (!content->empty() &&
               (content->back() == '\n' || content->back() == '\r' || content->back() == ' '))
          content->pop_back();
        return fmt::format("Bearer {}", *content);
      }
      diag_.note(at, fmt::format("{}: calls go out without a credential", content.error().message));
      return "";
    }
    diag_.error(at,
                "credential must be env:NAME, file:PATH or client; a secret does not belong in the "
                "configuration");
    return "";
  }

  void read_upstreams(const Doc& node) {
    if (!node.is_map())
      return diag_.error(node.mark(), "upstreams must be a map of name: { url: ... }");
    for (const auto& m : node.members()) read_upstream(m.key, m.value);
  }

  void read_upstream(const std::string& name, const Doc& node) {
    UpstreamOptions o;
    if (!bind(node, o)) return;
    const auto mark_of = [&](std::string_view key) {
      return node.find(key) != nullptr ? node.find(key)->mark() : node.mark();
    };
    if (o.dialect != "openai") {
      return diag_.error(mark_of("dialect"),
                         fmt::format("unknown dialect '{}'{}", o.dialect,
                                     base::did_you_mean(o.dialect, {"openai"})));
    }
    const auto url = parse_url(o.url);
    if (!url) return diag_.error(mark_of("url"), url.error().message);
    Upstream u;
    u.name = name;
    u.origin = url->origin;
    u.base_path = url->path;
    u.client_credential = o.credential == "client";
    if (!o.credential.empty() && !u.client_credential)
      u.authorization = read_credential(o.credential, mark_of("credential"));
    u.client.connect_timeout_ns = o.connect_ms * net::kMillisecond;
    u.client.first_byte_timeout_ns = o.first_byte_ms * net::kMillisecond;
    u.client.body_timeout_ns = o.idle_ms * net::kMillisecond;
    u.client.tls.verify = o.verify;
    if (!o.ca_file.empty()) {
      u.client.tls.ca_file =
          (std::filesystem::path(directory_) / o.ca_file).lexically_normal().string();
      // Read now: otherwise every call would find out.
      if (const auto ca = net::TlsContext::client(u.client.tls); !ca)
        return diag_.error(mark_of("ca_file"), ca.error().message);
    }
    if (o.headers != nullptr) {
      if (!o.headers->is_map())
        return diag_.error(o.headers->mark(), "headers must be a map of name: text");
      for (const auto& h : o.headers->members()) u.headers.emplace_back(h.key, h.value.text());
    }
    out_->upstreams.push_back(std::move(u));
  }

  void match_upstreams() {
    if (out_->plan == nullptr) return;
    std::vector<std::string> names;
    for (const Upstream& u : out_->upstreams) names.push_back(u.name);
    const Doc& models = *doc_.find("models");
    for (std::size_t i = 0; i < out_->plan->catalogue.size(); ++i) {
      const Card& card = out_->plan->catalogue[static_cast<ExpertId>(i)];
      const auto it = std::find(names.begin(), names.end(), card.upstream);
      const Doc& node = models.items()[i];
      const Doc* at = node.find("upstream");
      if (it != names.end()) {
        out_->upstream_of.push_back(static_cast<std::uint16_t>(it - names.begin()));
      } else if (card.upstream.empty()) {
        diag_.error(node.mark(), fmt::format("model '{}' names no upstream", card.name));
      } else {
        diag_.error(at == nullptr ? node.mark() : at->mark(),
                    fmt::format("unknown upstream '{}'{}", card.upstream,
                                base::did_you_mean(card.upstream, names)));
      }
    }
  }

  const Doc& doc_;
  const route::Registry& registry_;
  Diagnostics& diag_;
  std::string directory_;
  std::shared_ptr<Config> out_ = std::make_shared<Config>();
};

}  // namespace

bool same_connection(const Upstream& a, const Upstream& b) {
  return a.origin == b.origin && a.client.connect_timeout_ns == b.client.connect_timeout_ns &&
         a.client.first_byte_timeout_ns == b.client.first_byte_timeout_ns &&
         a.client.body_timeout_ns == b.client.body_timeout_ns &&
         a.client.tls.verify == b.client.tls.verify && a.client.tls.ca_file == b.client.tls.ca_file;
}

std::shared_ptr<const Config> parse_config(std::string_view text, const std::string& file,
                                           const route::Registry& registry, Diagnostics& diag) {
  const auto doc = base::parse_yaml(text, diag);
  return doc ? Reader(*doc, file, registry, diag).run() : nullptr;
}

std::shared_ptr<const Config> load_config(const std::string& file, const route::Registry& registry,
                                          Diagnostics& diag) {
  const auto text = base::read_file(file);
  if (!text) {
    diag.error({}, text.error().message);
    return nullptr;
  }
  return parse_config(*text, file, registry, diag);
}

std::vector<base::OptionInfo> drift_keys() {
  DriftKeys keys;
  base::ListBinder binder;
  keys.bind(binder);
  return binder.all();
}

}  // namespace swy::gateway
