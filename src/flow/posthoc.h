// PostHoc: which of the answers heard so far is best, and how likely it is right.
//
// When to use: strategies that stop when an answer is good enough. Untrained it counts the voices,
// weighed by how good each model is believed to be; fitted on past answers it is a small logistic
// regression over the same voices and what the answers look like. Threading: immutable once made.
// Ownership: value.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "flow/past.h"
#include "math/logistic.h"

namespace swy::flow {

// One answer to the question.
struct Heard {
  std::uint32_t candidate = 0;
  std::uint32_t seen = 0;  // where it came from
  bool missing = false;    // the call failed
  std::string normal;      // "" : not in the wanted form
  double bytes = 0;
};

struct Proposal {
  std::size_t heard = 0;
  double posterior = 0;  // of its being right, if the models erred independently of each other
  std::size_t voices = 0;
};

class PostHoc {
 public:
  // choices: how many answers a wrong model picks from, evenly.
  explicit PostHoc(double choices = 10) : choices_(choices) {}

  // What is believed before any call: by candidate; unknown counts as 0.5.
  using Beliefs = std::span<const double>;

  // The answer with most weight behind it; of equals the one of the best model, then the first.
  // REQUIRES: heard is not empty.
  [[nodiscard]] Proposal propose(std::span<const Heard> heard, Beliefs beliefs) const;
  // Probability that proposal p is right: of the fitted model for this set of candidates, else
  // its posterior.
  [[nodiscard]] double score(std::span<const Heard> heard, const Proposal& p, Beliefs beliefs,
                             double question_bytes) const;

  // Learns the score for answers of exactly these candidates, and says what it gives on each past
  // question when it has not learned from its fold.
  struct OutOfFold {
    std::vector<double> score;
    std::vector<double> quality;          // of the proposed answer
    std::vector<std::uint32_t> proposed;  // candidate
  };
  OutOfFold fit(const Past& past, std::span<const std::uint32_t> candidates);
  // What a regression on these answers sees; of none: the question and the beliefs.
  void features(std::span<const Heard> heard, Beliefs beliefs, double question_bytes,
                std::vector<double>& out) const;
  // Weighs voices by the mean qualities of the past from now on, unless it has beliefs of its own.
  void learn_weights(const Past& past);
  // Hash of what was learned.
  [[nodiscard]] std::uint64_t version() const;

 private:
  void columns(std::span<const Heard> heard, const Proposal& p, Beliefs beliefs,
               double question_bytes, std::vector<double>& out) const;
  void add_question(Beliefs beliefs, double question_bytes, std::vector<double>& out) const;
  double choices_;
  // What to weigh voices by: the mean quality on the past when that is what was learned with.
  [[nodiscard]] Beliefs weighed(Beliefs beliefs) const {
    return accuracy_.empty() ? beliefs : Beliefs(accuracy_);
  }
  std::vector<double> accuracy_;                                 // by candidate
  std::map<std::vector<std::uint32_t>, math::Logistic> fitted_;  // by candidates, ascending
};

}  // namespace swy::flow
