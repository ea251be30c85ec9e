// Off-policy evaluation: what another policy would have earned, from requests that were decided
// with a known probability and scored later.
//
// When to use: `switchyard replay` with another configuration, over records with feedback.
// Threading: pure. Ownership: values. Source: request-routing.md 3.9; Dudik et al. 2011 (doubly
// robust), Swaminathan and Joachims 2015 (self-normalised). Test: off_policy_test.cc.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>

namespace swy::eval {

// One scored request.
struct Scored {
  double weight = 0;  // probability of the logged choice under the other policy / as logged
  double reward = 0;  // the score, 0..1
  // What the other policy's estimator believes: of what it would choose (mean over its
  // probabilities), and of what was logged. NaN: nothing.
  double expected = std::numeric_limits<double>::quiet_NaN();
  double believed = std::numeric_limits<double>::quiet_NaN();
};

struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  double low = std::numeric_limits<double>::quiet_NaN();  // 95 %, normal approximation
  double high = std::numeric_limits<double>::quiet_NaN();
};

struct OffPolicy {
  std::size_t scored = 0;
  std::size_t modelled = 0;  // of them with beliefs
  double effective = 0;      // (sum w)^2 / sum w^2: how many requests the weights amount to
  double logged = std::numeric_limits<double>::quiet_NaN();  // mean reward as it was
  Estimate ips;                                              // mean of w r: unbiased, wide
  Estimate snips;       // sum w r / sum w: hardly biased, narrower
  Estimate dr;          // mean of expected + w (r - believed): unless all have beliefs, none
  std::string refused;  // why nothing is estimated; "": the estimates stand
};

// Estimates whatever the overlap; `refused` then says whether to believe them: at least 30 scored
// requests, worth at least 20 and a hundredth of their number under the other policy.
OffPolicy off_policy(std::span<const Scored> all);

}  // namespace swy::eval
