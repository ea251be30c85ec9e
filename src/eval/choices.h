// What a router chose, question by question: how often the oracle's model, how often one as good,
// which questions it misses, whether it still tells questions apart, and whether it knows what it
// knows.
//
// When to use: by evaluate(), on a setting chosen without the test questions. Threading: pure.
// Ownership: values. What each number means: docs/reference/eval.md.
#pragma once

#include <string>
#include <vector>

#include "eval/line.h"
#include "eval/metrics.h"

namespace swy::eval {

// A quality of at least this counts as solved where a metric wants right or wrong.
inline constexpr double kSolved = 0.5;

// The questions that `from` to `to` of the models solve.
struct Recall {
  std::size_t from = 0;
  std::size_t to = 0;
  std::size_t questions = 0;
  double found = 0;   // share for which the router chose one that does
  double chance = 0;  // the same for the random choice
};

struct DomainReport {
  std::string name;  // domain, or the data set where questions name none
  std::size_t questions = 0;
  double quality = 0;
  double cost = 0;
};

struct ChoiceReport {
  double exact_oracle = 0;  // chose the best model (of equals the cheapest, then the first)
  double any_best = 0;      // chose one as good
  std::vector<Recall> recall;
  // RouterArena, over questions that some model solves: cheapest of these models chosen; their cost
  // over the router's; quality over the pool's best (over all questions). NaN without costs.
  double opt_sel = 0;
  double opt_cost = 0;
  double opt_acc = 0;
  double entropy = 0;         // bits, of the shares of the models
  std::size_t favourite = 0;  // model
  double favourite_share = 0;
  // More than 95 % go to one model although others are better (by more than chance, on the train
  // part) in this many domains; 0: no collapse.
  std::size_t collapsed_domains = 0;
  Calibration chosen;  // of the believed quality of what was chosen
  Calibration all;     // of every candidate
  std::vector<DomainReport> domains;
  // [oracle's model * models + chosen]: share of the questions.
  std::vector<double> confusion;
};

// beliefs: by test question and model; may be empty.
ChoiceReport choice_report(const Pool& pool, const Decided& decided,
                           const std::vector<route::Belief>& beliefs);

// The best model for a row; of equals the cheapest, then the first.
std::size_t best_model(const Pool& pool, std::size_t row);

// The router's own confidence in a question: three candidates for it, all read off its beliefs.
struct Confidence {
  double evidence = 0;   // least observations behind the two highest qualities
  double certainty = 0;  // minus the variance of the highest
  double spread = 0;     // highest quality minus the mean of all
};
Confidence confidence_of(std::span<const route::Belief> beliefs);

// How well each tells questions like those learned from (validation) from the test questions.
struct Familiarity {
  double evidence = std::numeric_limits<double>::quiet_NaN();
  double certainty = std::numeric_limits<double>::quiet_NaN();
  double spread = std::numeric_limits<double>::quiet_NaN();
};
Familiarity familiarity(const std::vector<route::Belief>& validation,
                        const std::vector<route::Belief>& test, std::size_t models);

}  // namespace swy::eval
