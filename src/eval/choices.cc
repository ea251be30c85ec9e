// Everything here is an expectation over the probabilities of a setting, so a router that
// randomises is not judged by one draw. Two oracle numbers because of ties: with right and wrong
// answers "the" best model is arbitrary, so the exact rate is low for any router, and `any_best` is
// the one that says something (request-routing.md 3.10, 6.8). Recall by the number of models that
// solve a question shows what the gap to the oracle consists of (6.2). O(questions * models).
// Tests: choices_test.cc.
#include "eval/choices.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace swy::eval {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kCollapsed = 0.95;
constexpr std::size_t kFewestInDomain = 20;  // below, a domain's best model is luck
constexpr std::size_t kEveryCount = 12;      // pools up to this size: every number of solvers

// Groups of equal numbers of solvers: 0, 1, 2, ... or 0, 1, 2, 3-4, 5-8, ... and all.
std::vector<Recall> solver_groups(std::size_t models) {
  std::vector<Recall> out{{0, 0, 0, 0, 0}, {1, 1, 0, 0, 0}};
  std::size_t to = 1;
  while (to + 1 < models) {
    const std::size_t from = to + 1;
    to = models <= kEveryCount ? from : std::min(to * 2, models - 1);
    out.push_back({from, to, 0, 0, 0});
  }
  if (models > 1) out.push_back({models, models, 0, 0, 0});
  return out;
}

// The index of a question's group by name, made when new.
class Groups {
 public:
  std::size_t of(const record::OutcomeRow& r, std::vector<DomainReport>& out) {
    const std::string name(r.domain.empty() ? r.dataset : r.domain);
    const auto [it, fresh] = index_.try_emplace(name, out.size());
    if (fresh) out.push_back({name.empty() ? "all" : name, 0, 0, 0});
    return it->second;
  }

 private:
  std::unordered_map<std::string, std::size_t> index_;
};

// Domains of the train part where another model beats `favourite` by more standard errors than the
// largest of so many comparisons would by chance (about sqrt(2 ln n) of n).
std::size_t domains_for_others(const Pool& pool, std::size_t favourite) {
  std::unordered_map<std::string, std::vector<std::size_t>> rows;
  for (const std::size_t row : pool.train) {
    const record::OutcomeRow r = pool.table.row(row);
    rows[std::string(r.domain.empty() ? r.dataset : r.domain)].push_back(row);
  }
  const auto comparisons = static_cast<double>(rows.size() * pool.models());
  const double errors = std::max(2.0, std::sqrt(2 * std::log(comparisons)));
  std::size_t domains = 0;
  for (const auto& [name, members] : rows) {
    if (members.size() < kFewestInDomain) continue;
    const auto n = static_cast<double>(members.size());
    bool other = false;
    for (std::size_t m = 0; m < pool.models() && !other; ++m) {
      double sum = 0;
      double squares = 0;
      for (const std::size_t row : members) {
        const double d = pool.qualities(row)[m] - pool.qualities(row)[favourite];
        sum += d;
        squares += d * d;
      }
      const double mean = sum / n;
      other = mean > errors * std::sqrt(std::max(0.0, squares / n - mean * mean) / n) && mean > 0;
    }
    domains += other ? 1U : 0U;
  }
  return domains;
}

// Sums over the test questions that become rates at the end.
class Counter {
 public:
  Counter(const Pool& pool, const Decided& decided, ChoiceReport& out)
      : pool_(pool), decided_(decided), out_(out) {
    out.recall = solver_groups(pool.models());
    out.confusion.assign(pool.models() * pool.models(), 0.0);
  }

  void question(std::size_t t) {
    const std::size_t row = pool_.test[t];
    const std::span<const float> p(decided_.probability.data() + t * pool_.models(),
                                   pool_.models());
    const auto q = pool_.qualities(row);
    const std::size_t best = best_model(pool_, row);
    best_quality_ += q[best];
    for (std::size_t m = 0; m < q.size(); ++m) {
      const auto share = static_cast<double>(p[m]);
      out_.confusion[best * q.size() + m] += share;
      if (m == best) out_.exact_oracle += share;
      if (q[m] == q[best]) out_.any_best += share;
    }
    recalled(p, q);
    if (pool_.priced) optimal(row, p, q);
    DomainReport& d = out_.domains[groups_.of(pool_.table.row(row), out_.domains)];
    ++d.questions;
    d.quality += static_cast<double>(decided_.setting.quality[t]);
    d.cost += static_cast<double>(decided_.setting.cost[t]);
  }

  void finish() {
    const auto n = static_cast<double>(pool_.test.size());
    out_.exact_oracle /= n;
    out_.any_best /= n;
    for (double& c : out_.confusion) c /= n;
    for (Recall& r : out_.recall) {
      const auto questions = static_cast<double>(r.questions);
      r.found = r.questions > 0 ? r.found / questions : kNone;
      r.chance = r.questions > 0 ? r.chance / questions : kNone;
    }
    for (DomainReport& d : out_.domains) {
      d.quality /= static_cast<double>(d.questions);
      d.cost /= static_cast<double>(d.questions);
    }
    std::sort(out_.domains.begin(), out_.domains.end(),
              [](const DomainReport& a, const DomainReport& b) { return a.name < b.name; });
    const bool known = pool_.priced && solved_ > 0;
    out_.opt_sel = known ? out_.opt_sel / static_cast<double>(solved_) : kNone;
    out_.opt_cost = known && spent_ > 0 ? least_ / spent_ : kNone;
    out_.opt_acc = best_quality_ > 0 ? decided_.setting.mean_quality * n / best_quality_ : kNone;
  }

 private:
  void recalled(std::span<const float> p, std::span<const double> q) {
    std::size_t solvers = 0;
    double found = 0;
    for (std::size_t m = 0; m < q.size(); ++m) {
      if (q[m] < kSolved) continue;
      ++solvers;
      found += static_cast<double>(p[m]);
    }
    for (Recall& r : out_.recall) {
      if (solvers < r.from || solvers > r.to) continue;
      ++r.questions;
      r.found += found;
      r.chance += static_cast<double>(solvers) / static_cast<double>(q.size());
    }
  }

  void optimal(std::size_t row, std::span<const float> p, std::span<const double> q) {
    const auto c = pool_.costs(row);
    double least = std::numeric_limits<double>::infinity();
    double cost = 0;
    for (std::size_t m = 0; m < q.size(); ++m) {
      cost += static_cast<double>(p[m]) * c[m];
      if (q[m] >= kSolved) least = std::min(least, c[m]);
    }
    if (std::isinf(least)) return;
    ++solved_;
    least_ += least;
    spent_ += cost;
    for (std::size_t m = 0; m < q.size(); ++m) {
      if (q[m] >= kSolved && c[m] == least) out_.opt_sel += static_cast<double>(p[m]);
    }
  }

  const Pool& pool_;
  const Decided& decided_;
  ChoiceReport& out_;
  Groups groups_;
  std::size_t solved_ = 0;
  double best_quality_ = 0;
  double least_ = 0;
  double spent_ = 0;
};

void add_calibration(const Pool& pool, const Decided& decided,
                     const std::vector<route::Belief>& beliefs, ChoiceReport& out) {
  const std::size_t k = pool.models();
  std::vector<float> believed;
  std::vector<float> observed;
  std::vector<float> chosen_believed;
  std::vector<float> chosen_observed;
  for (std::size_t t = 0; t < pool.test.size(); ++t) {
    const auto q = pool.qualities(pool.test[t]);
    std::size_t likeliest = 0;
    for (std::size_t m = 0; m < k; ++m) {
      believed.push_back(static_cast<float>(beliefs[t * k + m].quality));
      observed.push_back(static_cast<float>(q[m]));
      if (decided.probability[t * k + m] > decided.probability[t * k + likeliest]) likeliest = m;
    }
    chosen_believed.push_back(static_cast<float>(beliefs[t * k + likeliest].quality));
    chosen_observed.push_back(static_cast<float>(q[likeliest]));
  }
  out.all = calibrate(believed, observed);
  out.chosen = calibrate(chosen_believed, chosen_observed);
}

}  // namespace

std::size_t best_model(const Pool& pool, std::size_t row) {
  const auto q = pool.qualities(row);
  const auto c = pool.costs(row);
  std::size_t best = 0;
  for (std::size_t m = 1; m < q.size(); ++m) {
    if (q[m] > q[best] || (q[m] == q[best] && pool.priced && c[m] < c[best])) best = m;
  }
  return best;
}

ChoiceReport choice_report(const Pool& pool, const Decided& decided,
                           const std::vector<route::Belief>& beliefs) {
  ChoiceReport out;
  Counter counter(pool, decided, out);
  for (std::size_t t = 0; t < pool.test.size(); ++t) counter.question(t);
  counter.finish();
  const std::vector<double>& share = decided.setting.share;
  out.entropy = entropy_bits(share);
  out.favourite =
      static_cast<std::size_t>(std::max_element(share.begin(), share.end()) - share.begin());
  out.favourite_share = share[out.favourite];
  if (out.favourite_share > kCollapsed)
    out.collapsed_domains = domains_for_others(pool, out.favourite);
  if (!beliefs.empty()) add_calibration(pool, decided, beliefs, out);
  return out;
}

Confidence confidence_of(std::span<const route::Belief> beliefs) {
  double sum = 0;
  double n = 0;
  const route::Belief* first = nullptr;
  const route::Belief* second = nullptr;
  for (const route::Belief& b : beliefs) {
    if (std::isnan(b.quality)) continue;
    sum += b.quality;
    n += 1;
    if (first == nullptr || b.quality > first->quality) {
      second = first;
      first = &b;
    } else if (second == nullptr || b.quality > second->quality) {
      second = &b;
    }
  }
  if (first == nullptr) return {0, kNone, kNone};  // knows nothing of any: no evidence
  const double evidence = std::isnan(first->evidence) ? kNone
                          : second == nullptr         ? first->evidence
                                                      : std::min(first->evidence, second->evidence);
  return {evidence, -first->quality_var, first->quality - sum / n};
}

Familiarity familiarity(const std::vector<route::Belief>& validation,
                        const std::vector<route::Belief>& test, std::size_t models) {
  std::vector<Confidence> in;
  std::vector<Confidence> out;
  for (std::size_t at = 0; at + models <= validation.size(); at += models)
    in.push_back(confidence_of({validation.data() + at, models}));
  for (std::size_t at = 0; at + models <= test.size(); at += models)
    out.push_back(confidence_of({test.data() + at, models}));
  const auto by = [&](double Confidence::* field) {
    std::vector<double> a;
    std::vector<double> b;
    for (const Confidence& c : in) a.push_back(c.*field);
    for (const Confidence& c : out) b.push_back(c.*field);
    return auroc_between(a, b);
  };
  return {by(&Confidence::evidence), by(&Confidence::certainty), by(&Confidence::spread)};
}

}  // namespace swy::eval
