// Untrained: each model m is right with its believed probability p_m and otherwise picks evenly
// from the other answers, independently. The posterior of answer a is then a softmax of sum over m
// that said a of log((choices - 1) p_m / (1 - p_m)) over the answers heard and the mass of those
// not heard (Nitzan and Paroush 1982 for the weights). Models do not err independently:
// agreement-but-wrong makes it too sure of itself (request-routing.md section 6, pitfall 4).
// Fitted: logistic regression on the logit of that posterior, who agrees with the proposed answer,
// who gave none, how many different answers there are, the length of answer and question, and the
// beliefs. What a good scorer can know: format and agreement; not whether a shared error is shared.
// Cost: propose is quadratic in the answers heard (a handful). Tests: posthoc_test.cc.
#include "flow/posthoc.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/hash.h"

namespace swy::flow {
namespace {

double belief_of(PostHoc::Beliefs beliefs, std::uint32_t candidate) {
  const double q = candidate < beliefs.size() ? beliefs[candidate] : route::kUnknownNumber;
  return std::isnan(q) ? 0.5 : std::clamp(q, 0.02, 0.98);
}

bool says_something(const Heard& h) { return !h.missing && !h.normal.empty(); }
bool agree(const Heard& a, const Heard& b) {
  return says_something(a) && says_something(b) && a.normal == b.normal;
}

std::size_t distinct(std::span<const Heard> heard) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < heard.size(); ++i) {
    bool before = !says_something(heard[i]);
    for (std::size_t j = 0; j < i && !before; ++j) before = agree(heard[i], heard[j]);
    n += before ? 0U : 1U;
  }
  return n;
}

std::vector<std::uint32_t> key_of(std::span<const Heard> heard) {
  std::vector<std::uint32_t> key;
  for (const Heard& h : heard) key.push_back(h.candidate);
  std::sort(key.begin(), key.end());
  return key;
}

}  // namespace

Proposal PostHoc::propose(std::span<const Heard> heard, Beliefs believed) const {
  const Beliefs beliefs = weighed(believed);
  const auto weight = [&](const Heard& h) {
    const double p = belief_of(beliefs, h.candidate);
    return std::log((choices_ - 1) * p / (1 - p));
  };
  Proposal best;
  double best_support = 0;
  double best_weight = 0;
  double mass = std::max(0.0, choices_ - static_cast<double>(distinct(heard)));
  bool any = false;
  for (std::size_t i = 0; i < heard.size(); ++i) {
    if (!says_something(heard[i])) continue;
    double support = 0;
    std::size_t voices = 0;
    bool first = true;
    for (std::size_t j = 0; j < heard.size(); ++j) {
      if (!agree(heard[i], heard[j])) continue;
      first = first && j >= i;
      support += weight(heard[j]);
      ++voices;
    }
    if (first) mass += std::exp(support);
    const double own = weight(heard[i]);
    const bool better = !any || support > best_support + 1e-12 ||
                        (support > best_support - 1e-12 && own > best_weight + 1e-12);
    if (!better) continue;
    any = true;
    best = {i, 0, voices};
    best_support = support;
    best_weight = own;
  }
  if (any) {
    best.posterior = std::exp(best_support) / mass;
    return best;
  }
  // Nothing comparable: the best model that gave any text.
  for (std::size_t i = 0; i < heard.size(); ++i) {
    const bool usable = !heard[i].missing;
    const bool had = !heard[best.heard].missing;
    if (usable && (!had || weight(heard[i]) > weight(heard[best.heard]))) best.heard = i;
  }
  return best;
}

void PostHoc::columns(std::span<const Heard> heard, const Proposal& p, Beliefs beliefs,
                      double question_bytes, std::vector<double>& out) const {
  out.clear();
  const double safe = std::clamp(p.posterior, 0.002, 0.998);
  out.push_back(std::log(safe / (1 - safe)));
  const Heard& chosen = heard[p.heard];
  std::vector<const Heard*> order;
  for (const Heard& h : heard) order.push_back(&h);
  std::stable_sort(order.begin(), order.end(),
                   [](const Heard* a, const Heard* b) { return a->candidate < b->candidate; });
  for (const Heard* h : order) {
    out.push_back(agree(*h, chosen) ? 1 : 0);
    out.push_back(says_something(*h) ? 0 : 1);
    out.push_back(std::log1p(h->bytes));
  }
  out.push_back(static_cast<double>(distinct(heard)));
  add_question(beliefs, question_bytes, out);
}

// Means of the past are the same on every question: they weigh voices and are no column.
void PostHoc::add_question(Beliefs beliefs, double question_bytes, std::vector<double>& out) const {
  out.push_back(std::log1p(question_bytes));
  if (!accuracy_.empty()) return;
  for (const double b : beliefs) out.push_back(std::isnan(b) ? 0.5 : b);
}

double PostHoc::score(std::span<const Heard> heard, const Proposal& p, Beliefs beliefs,
                      double question_bytes) const {
  if (heard[p.heard].missing) return 0;
  const auto it = fitted_.find(key_of(heard));
  if (it == fitted_.end()) return p.posterior;
  std::vector<double> row;
  columns(heard, p, weighed(beliefs), question_bytes, row);
  return row.size() == it->second.weights.size() ? it->second.probability(row) : p.posterior;
}

void PostHoc::learn_weights(const Past& past) {
  if (past.believed || !accuracy_.empty()) return;
  for (std::uint32_t c = 0; c < past.candidates; ++c) accuracy_.push_back(past.mean_quality(c));
}

void PostHoc::features(std::span<const Heard> heard, Beliefs believed, double question_bytes,
                       std::vector<double>& out) const {
  const Beliefs beliefs = weighed(believed);
  if (!heard.empty()) return columns(heard, propose(heard, beliefs), beliefs, question_bytes, out);
  out.clear();
  add_question(beliefs, question_bytes, out);
}

PostHoc::OutOfFold PostHoc::fit(const Past& past, std::span<const std::uint32_t> candidates) {
  learn_weights(past);
  OutOfFold out;
  std::vector<double> x;
  std::vector<double> row;
  std::vector<Heard> heard(candidates.size());
  for (std::size_t q = 0; q < past.questions(); ++q) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const PastAnswer& a = past.at(q, candidates[i]);
      heard[i] = {candidates[i], 0, false, a.normal, a.bytes};
    }
    const Beliefs beliefs = weighed({past.belief.data() + q * past.candidates, past.candidates});
    const Proposal p = propose(heard, beliefs);
    columns(heard, p, beliefs, past.question_bytes[q], row);
    x.insert(x.end(), row.begin(), row.end());
    out.proposed.push_back(heard[p.heard].candidate);
    out.quality.push_back(past.at(q, out.proposed.back()).quality);
  }
  const std::size_t d = row.size();
  const std::size_t n = past.questions();
  out.score.resize(n);
  for (std::uint32_t fold = 0; fold < Past::kFolds; ++fold) {
    std::vector<double> some_x;
    std::vector<double> some_y;
    for (std::size_t q = 0; q < n; ++q) {
      if (past.fold[q] == fold) continue;
      some_x.insert(some_x.end(), x.begin() + static_cast<std::ptrdiff_t>(q * d),
                    x.begin() + static_cast<std::ptrdiff_t>((q + 1) * d));
      some_y.push_back(out.quality[q]);
    }
    const math::Logistic model = math::fit_logistic(some_x, d, some_y);
    for (std::size_t q = 0; q < n; ++q) {
      if (past.fold[q] == fold) out.score[q] = model.probability({x.data() + q * d, d});
    }
  }
  std::vector<std::uint32_t> key(candidates.begin(), candidates.end());
  std::sort(key.begin(), key.end());
  fitted_[key] = math::fit_logistic(x, d, out.quality);
  return out;
}

std::uint64_t PostHoc::version() const {
  std::uint64_t h = 0;
  for (const auto& [key, model] : fitted_) {
    for (const double w : model.weights) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &w, sizeof bits);
      h = h * 31 + bits;
    }
  }
  return h;
}

}  // namespace swy::flow
