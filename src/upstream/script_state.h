// Script: the state of a running scripted upstream: what it plays (options, answers, faults) and
// what it has seen (requests, counts).
//
// Use: one Script for all workers of a program or test; each worker has its ScriptedUpstream
// (upstream.h). Threading: every member is thread-safe. Ownership: owns what it was given.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"
#include "upstream/answers.h"
#include "upstream/script.h"

namespace swy::upstream {

struct UpstreamStats {
  std::uint64_t requests = 0;  // for an answer: /healthz and /script/ do not count
  std::uint64_t faults = 0;    // injected
  std::uint64_t aborted = 0;   // the client went away before the answer was complete
  std::uint64_t bytes = 0;     // of bodies written
  std::int64_t active = 0;     // answers under way
};

class Script {
 public:
  explicit Script(ScriptOptions options, AnswerBook book = {});
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  [[nodiscard]] const ScriptOptions& options() const { return options_; }  // faults: as at start
  [[nodiscard]] const AnswerBook& book() const { return book_; }
  // The listed model, or the "*" entry, or nullptr.
  [[nodiscard]] const ModelScript* model(std::string_view name) const;
  [[nodiscard]] bool listed(std::string_view name) const;  // by name, or recorded

  // Requests are numbered from 1 in order of arrival.
  std::uint64_t begin_request() { return ++requests_; }
  // The fault for this request, by the rules in force: same seed, rules and order of requests, same
  // faults.
  Fault choose_fault(std::uint64_t number, std::string_view model);
  void set_faults(std::vector<FaultRule> rules);
  void remember(std::uint64_t number, http::Request request, const Fault& fault);

  void count_active(int change) { active_ += change; }
  void count_fault() { ++faults_; }
  void count_aborted() { ++aborted_; }
  void count_bytes(std::uint64_t n) { bytes_ += n; }
  [[nodiscard]] UpstreamStats stats() const;
  [[nodiscard]] std::string requests_json() const;
  // Forgets requests and counts, numbers from 1 again and puts the first rules back.
  void reset();

 private:
  struct RuleState {
    FaultRule rule;
    std::int64_t seen = 0;  // requests for its model
    std::int64_t hits = 0;
  };
  struct Seen {
    std::uint64_t number;
    http::Request request;
    std::size_t body_bytes;
    Fault fault;
  };

  const ScriptOptions options_;
  const AnswerBook book_;
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<std::uint64_t> faults_ = 0;
  std::atomic<std::uint64_t> aborted_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::int64_t> active_ = 0;
  std::atomic<bool> any_rule_ = false;  // spares the lock when there are none
  mutable std::mutex mutex_;            // guards rules_ and seen_; a leaf
  std::vector<RuleState> rules_;
  std::deque<Seen> seen_;
};

}  // namespace swy::upstream
