// Learning while serving: what a request leaves behind until its outcome is known, and the private
// copies of the estimators that learn from it.
//
// Lessons: what was asked and chosen, kept in memory only, oldest first out when full. Any thread;
// one mutex, a leaf. Learner: control thread only. Feedback teaches the copies; at a beat they are
// published as part of the next plan, and whoever keeps a file writes it. Requests in flight keep
// the plan that they pinned. Ownership: both own what they keep.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.h"
#include "chat/openai.h"
#include "route/plan.h"

namespace swy::gateway {

// Everything that is needed to learn from a choice once its outcome is known.
struct Lesson {
  std::string body;  // the request as it came
  std::uint64_t configured =
      0;  // Snapshot::configured: facts and indices are of that configuration
  std::uint32_t rule_set = 0;
  std::uint32_t rule = 0;
  std::uint32_t candidate = 0;
  double propensity = 1;
  std::vector<std::pair<route::FactId, route::Fact>> facts;  // that the rule's plug-ins read
};

class Lessons {
 public:
  explicit Lessons(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  void keep(std::string_view record, Lesson lesson);
  // kKept: it can be learned from. kLearned: it has been. kGone: forgotten, or never kept.
  enum class Standing : std::uint8_t { kKept, kLearned, kGone };
  [[nodiscard]] Standing standing(std::string_view record) const;
  // Takes the lesson out; its record stays known as learned until it is forgotten.
  [[nodiscard]] std::optional<Lesson> take(std::string_view record);
  // The lessons that nobody has learned; what has been learned stays known.
  void clear();

  // A record whose lesson is gone may be learned from its record line while it is certain that
  // nobody has: it is younger than every record of which that was forgotten.
  [[nodiscard]] bool may_learn_again(std::string_view record) const;
  void learned(std::string_view record);
  // Which records have been learned, oldest first, at most so many; and the time in milliseconds up
  // to which records may have been learned that are not among these.
  struct History {
    std::vector<std::string> learned;
    std::int64_t horizon_ms = 0;
  };
  [[nodiscard]] History history(std::size_t most) const;
  void restore(const History& history);
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Entry {
    Lesson lesson;
    bool learned = false;
    std::size_t bytes = 0;
  };
  void forget_oldest();       // REQUIRES: mutex_ held, there is one
  mutable std::mutex mutex_;  // guards all below
  std::int64_t horizon_ms_ = std::numeric_limits<std::int64_t>::max();
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::deque<std::string> order_;  // oldest first
  std::unordered_map<std::string, Entry> entries_;
};
std::string_view to_string(Lessons::Standing standing);  // for the answer to feedback

class Learner {
 public:
  // From here on this plan is taught. What was not published is lost unless it was saved.
  void adopt(std::shared_ptr<const route::Plan> plan, std::uint64_t configured);
  // False: nothing was learned, because the lesson is of another configuration, cannot be read, or
  // no estimator learns.
  bool learn(const Lesson& lesson, double quality);
  // From the record line of a request whose lesson is gone, as far as it has what estimators read:
  // encodings, for example, only with its body.
  bool learn_again(const base::Json& record, double quality);
  // The plan with everything that was learned since the last one; nullptr when there is nothing
  // new. Saves.
  [[nodiscard]] std::shared_ptr<const route::Plan> publish();
  [[nodiscard]] bool learns() const { return !copies_.empty(); }
  [[nodiscard]] bool dirty() const { return dirty_; }

 private:
  void update(const route::Rule& rule, std::size_t candidate, const route::Outcome& outcome);
  std::shared_ptr<const route::Plan> plan_;
  std::uint64_t configured_ = 0;
  std::vector<std::unique_ptr<route::Estimator>> copies_;  // of plan_->learners
  bool dirty_ = false;
  chat::RequestDoc doc_;
  route::Scratch scratch_;
};

}  // namespace swy::gateway
