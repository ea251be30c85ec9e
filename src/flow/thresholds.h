// Thresholds of a cascade, searched on past questions: at which score an answer is good enough.
//
// When to use: by strategies that learn thresholds. Threading: pure. Ownership: values.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace swy::flow {

// What stopping at each stage would have given on past questions. By stage, then by question.
struct Stages {
  std::vector<std::vector<double>> score;    // of all stages but the last, which always answers
  std::vector<std::vector<double>> quality;  // of the answer given there
  std::vector<std::vector<double>> cost;     // of everything up to there
};

struct Goal {
  // Exactly one is given. budget: most quality at a mean cost of at most this. floor: least cost
  // at a mean quality that is, by `sure` standard errors, at least `keep` times the reference.
  double budget = std::numeric_limits<double>::quiet_NaN();
  double keep = std::numeric_limits<double>::quiet_NaN();
  double sure = 0;
  std::vector<double> reference;  // by question: quality of what is compared with, for keep
};

struct Searched {
  std::vector<double> threshold;  // by stage but the last; an answer stands when score > threshold
  double quality = 0;
  double cost = 0;
  double short_by = 0;  // how far the goal was missed; 0: met
  bool met = false;
};

// Whether a serves the goal better than b.
bool better(const Searched& a, const Searched& b, const Goal& goal);
// What these thresholds would have given.
Searched try_thresholds(const Stages& stages, const std::vector<double>& threshold,
                        const Goal& goal);
// REQUIRES: at least one stage and one question. One stage: nothing to search.
Searched search_thresholds(const Stages& stages, const Goal& goal);

}  // namespace swy::flow
