// What every registered policy and estimator must keep (request-routing.md section 2, invariants
// iii to vii), on random cases from fixed seeds; and that plug-in files, src/builtin.def, tests and
// reference pages name the same things. A new plug-in fails here until it has a line in the table
// of valid options below.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/rng.h"
#include "route/describe.h"
#include "route/testing/beliefs_lab.h"
#include "route/testing/graph_weights.h"

namespace swy::route::testing {
namespace {

constexpr int kCases = 1000;

struct PolicyCase {
  const char* type;
  const char* yaml;
  bool reads_quality = true;  // an unknown quality is then never chosen while another is known
  bool order_free = true;     // the order of the list does not matter
  bool deterministic = true;
};

const PolicyCase kPolicies[] = {
    {"first", "first", false, false, true},
    {"weighted", "weighted", false, true, false},
    {"weighted", "{ type: weighted, weights: { m0: 1, m1: 2, m2: 0, m3: 0.5, m7: 9 } }", false,
     true, false},
    {"utility", "utility"},
    {"utility", "{ type: utility, quality: 2, cost: 0.7, latency: 0.4, risk: 1.5 }"},
    {"utility", "{ type: utility, cost: 0 }"},
    {"flags", "{ type: flags, flags: { size: { weight: 0.2, of: { m0: 1 } } } }"},
    {"flags",
     "{ type: flags, cost: 0, flags: { a: { of: { m1: 0.3 } }, b: { of: { m7: 0.1 } } } }"},
    {"knapsack", "knapsack"},
    {"knapsack", "{ type: knapsack, least: 0.1, most: 2, cost_unit: 0.001, optimism: 0.5 }"},
    {"threshold", "{ type: threshold, threshold: 0.1, strong: m5, weak: m1 }"},
    {"threshold", "{ type: threshold, threshold: 0.5, score: strong }"},
    {"cheapest_passing", "{ type: cheapest_passing, quality: 0.6 }"},
    {"cheapest_passing", "{ type: cheapest_passing, quality: 0.4, margin: 1 }"},
    {"epsilon", "{ type: epsilon, epsilon: 0.2, inner: utility }", false, true, false},
    {"newcomers", "{ type: newcomers, table: probes, inner: utility }", false, true, false},
    {"epsilon", "{ type: epsilon, inner: { type: weighted, weights: { m1: 1, m2: 3 } } }", false,
     true, false},
    {"sticky", "{ type: sticky, inner: utility }"},
    {"sticky", "{ type: sticky, margin: 0, inner: { type: cheapest_passing, quality: 0.5 } }"},
    {"session_aware", "{ type: session_aware, inner: utility }"},
    {"session_aware", "{ type: session_aware, stay: 0, inner: { type: utility, cost: 2 } }"},
    {"budget", "{ type: budget, price: 60 }"},
    {"budget", "{ type: budget, price: 0, cap: 0.004 }"},
    {"budget", "{ type: budget, price: 200, mix: 0.3 }", false, true, false},
    {"budget_route", "{ type: budget_route, budget: 0.004, price: 60 }"},
    {"budget_route", "{ type: budget_route, shares: { m1: 0.5 }, balance: true }"},
    {"request_budget", "{ type: request_budget, budget: 0.004 }"},
    {"request_budget", "{ type: request_budget, budget: 0.0035, rule: mix }", false, true, false},
    {"request_budget", "{ type: request_budget, budget: 0.0035, rule: wins }", false, true, false},
    {"conformal", "{ type: conformal, quantile: 0.35 }"},
    {"conformal", "{ type: conformal, calibrate: [no/such/folder] }"},
    {"multi_factor", "multi_factor"},
    {"multi_factor", "{ type: multi_factor, quality: 2, cost: 0.7, doubt: 0.5, patience: 0 }"},
    {"thompson", "thompson", false, true, false},
    {"thompson", "{ type: thompson, width: 0, cost: 0 }", false, true, false},
    {"ucb", "ucb", false},
    {"ucb", "{ type: ucb, alpha: 0.5, cost: 2 }", false},
};

struct Case {
  std::vector<ExpertId> candidates;
  std::vector<Belief> beliefs;
  std::vector<bool> masked;
  ExpertId previous = kNoExpert;

  [[nodiscard]] bool anything_known() const {
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (!masked[i] && !std::isnan(beliefs[i].quality)) return true;
    }
    return false;
  }
};

// Coarse values, so that ties occur; unknown with the given chance in eight.
double draw(base::Rng& rng, std::uint64_t unknown, double step) {
  if (rng.below(8) < unknown) return kUnknownNumber;
  return step * static_cast<double>(rng.below(11));
}

// unknown: how often cost, latency and risk are unknown; quality is in any case one time in eight.
Case random_case(base::Rng& rng, std::size_t most, std::uint64_t unknown) {
  Case c;
  std::vector<ExpertId> pool;
  for (ExpertId i = 0; i < kLabModels; ++i) pool.push_back(i);
  const std::size_t n = 1 + rng.below(most);
  for (std::size_t i = 0; i < n; ++i) {
    std::swap(pool[i], pool[i + rng.below(pool.size() - i)]);
    c.candidates.push_back(pool[i]);
    Belief b;
    b.quality = draw(rng, 1, 0.1);
    b.quality_var = draw(rng, unknown, 0.01);
    b.cost_micro = draw(rng, unknown, 1000);
    b.latency_ms = draw(rng, unknown, 700);
    b.p_fail = draw(rng, unknown, 0.05);
    c.beliefs.push_back(b);
    c.masked.push_back(rng.below(4) == 0);
  }
  c.masked[rng.below(n)] = false;
  if (rng.below(2) == 0) c.previous = static_cast<ExpertId>(rng.below(kLabModels));
  return c;
}

Weighed weigh(PolicyLab& lab, const Case& c) {
  return lab.weigh(c.beliefs, c.masked, c.candidates, c.previous);
}

bool same_bytes(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

class EveryPolicy : public ::testing::TestWithParam<PolicyCase> {
 protected:
  PolicyLab lab_{GetParam().yaml};
};

TEST_P(EveryPolicy, SpreadsOneOverWhatIsNotForbidden) {
  base::Rng rng(1, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    const Case c = random_case(rng, kLabModels, 2);
    const Weighed w = weigh(lab_, c);
    double sum = 0;
    for (std::size_t k = 0; k < c.candidates.size(); ++k) {
      EXPECT_GE(w.probability[k], 0) << "case " << i;
      if (c.masked[k]) {
        EXPECT_EQ(w.probability[k], 0) << "case " << i;
      }
      sum += w.probability[k];
    }
    EXPECT_NEAR(sum, 1, 1e-9) << "case " << i;
    EXPECT_FALSE(w.why.empty()) << "case " << i;
    if (GetParam().deterministic) {
      EXPECT_GE(w.only(), 0) << "case " << i;
    }
  }
}

TEST_P(EveryPolicy, NeverChoosesWhatIsUnknownWhileAnotherIsKnown) {
  if (!GetParam().reads_quality) GTEST_SKIP() << "does not read quality, or explores";
  base::Rng rng(2, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    const Case c = random_case(rng, kLabModels, 2);
    if (!c.anything_known()) continue;
    EXPECT_FALSE(std::isnan(c.beliefs[static_cast<std::size_t>(weigh(lab_, c).only())].quality))
        << "case " << i;
  }
}

TEST_P(EveryPolicy, TakesTheFirstOrThePreviousWhenNothingIsKnown) {
  if (!GetParam().reads_quality) GTEST_SKIP() << "does not read quality, or explores";
  base::Rng rng(3, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    Case c = random_case(rng, kLabModels, 2);
    for (Belief& b : c.beliefs) b.quality = kUnknownNumber;
    c.previous = kNoExpert;
    const auto first = std::find(c.masked.begin(), c.masked.end(), false) - c.masked.begin();
    EXPECT_EQ(weigh(lab_, c).only(), first) << "case " << i;
    EXPECT_NE(weigh(lab_, c).why.find("nothing known"), std::string::npos) << "case " << i;
  }
}

TEST_P(EveryPolicy, GivesTheSameBytesForTheSameInputs) {
  PolicyLab other(GetParam().yaml);
  base::Rng rng(4, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    const Case c = random_case(rng, kLabModels, 2);
    const Weighed a = weigh(lab_, c);
    const Weighed b = weigh(other, c);
    EXPECT_TRUE(same_bytes(a.probability, b.probability) && same_bytes(a.score, b.score) &&
                a.why == b.why)
        << "case " << i;
  }
}

TEST_P(EveryPolicy, DoesNotMindTheOrderOfCandidates) {
  if (!GetParam().order_free) GTEST_SKIP() << "the order is the policy";
  base::Rng rng(5, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    const Case c = random_case(rng, kLabModels, 2);
    if (!c.anything_known()) continue;  // then the first in the list is taken, by contract
    Case p = c;
    for (std::size_t k = p.candidates.size(); k > 1; --k) {
      const std::size_t j = rng.below(k);
      std::swap(p.candidates[k - 1], p.candidates[j]);
      std::swap(p.beliefs[k - 1], p.beliefs[j]);
      std::vector<bool>::swap(p.masked[k - 1], p.masked[j]);
    }
    const Weighed a = weigh(lab_, c);
    const Weighed b = weigh(lab_, p);
    for (std::size_t k = 0; k < c.candidates.size(); ++k) {
      const auto at = std::find(p.candidates.begin(), p.candidates.end(), c.candidates[k]) -
                      p.candidates.begin();
      EXPECT_NEAR(a.probability[k], b.probability[static_cast<std::size_t>(at)], 1e-12)
          << "case " << i;
    }
  }
}

TEST_P(EveryPolicy, IsNotMovedByADominatedCandidate) {
  if (!GetParam().deterministic) GTEST_SKIP() << "shares with everybody";
  base::Rng rng(6, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    Case c = random_case(rng, kLabModels - 1, 0);
    const Weighed before = weigh(lab_, c);
    const std::size_t by = rng.below(c.candidates.size());
    if (c.masked[by] || std::isnan(c.beliefs[by].quality)) continue;
    ExpertId added = 0;
    while (std::find(c.candidates.begin(), c.candidates.end(), added) != c.candidates.end())
      ++added;
    if (std::string(GetParam().type) == "threshold") {
      // A named pair decides alone; another candidate is dominated only if it is not one of the
      // pair.
      while (added == 0 || added == 1 || added == 5 || added == 7 ||
             std::find(c.candidates.begin(), c.candidates.end(), added) != c.candidates.end()) {
        if (++added == kLabModels) break;
      }
      if (added == kLabModels) continue;
    }
    if (c.previous == added) continue;
    Belief worse = c.beliefs[by];
    worse.quality -= 0.05;
    worse.cost_micro += 500;
    worse.latency_ms += 100;
    worse.p_fail += 0.01;
    c.candidates.push_back(added);
    c.beliefs.push_back(worse);
    c.masked.push_back(false);
    EXPECT_EQ(weigh(lab_, c).only(), before.only()) << "case " << i;
  }
}

TEST_P(EveryPolicy, GivesEverythingToTheOnlyOneLeft) {
  base::Rng rng(7, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    Case c = random_case(rng, kLabModels, 4);
    const std::size_t left = rng.below(c.candidates.size());
    for (std::size_t k = 0; k < c.masked.size(); ++k) c.masked[k] = k != left;
    EXPECT_NEAR(weigh(lab_, c).probability[left], 1, 1e-12) << "case " << i;
  }
}

std::string test_name(const ::testing::TestParamInfo<PolicyCase>& info) {
  return std::string(info.param.type) + "_" + std::to_string(info.index);
}
INSTANTIATE_TEST_SUITE_P(Conformance, EveryPolicy, ::testing::ValuesIn(kPolicies), test_name);

TEST(PolicyConformance, CoversEveryRegisteredPolicy) {
  const Registry registry = beliefs_registry();
  for (const auto& [name, make] : registry.policies()) {
    EXPECT_TRUE(std::any_of(std::begin(kPolicies), std::end(kPolicies),
                            [&](const PolicyCase& c) { return c.type == name; }))
        << "add a line for " << name << " to kPolicies";
  }
}

TEST(PolicyConformance, UtilityTakesTheBestAtNoPriceAndTheCheapestAtAnyPrice) {
  PolicyLab best("{ type: utility, cost: 0 }");
  PolicyLab cheapest("{ type: utility, cost: 1e9 }");
  base::Rng rng(8, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    const Case c = random_case(rng, kLabModels, 0);
    if (!c.anything_known()) continue;
    const Belief& b = c.beliefs[static_cast<std::size_t>(weigh(best, c).only())];
    const Belief& f = c.beliefs[static_cast<std::size_t>(weigh(cheapest, c).only())];
    for (std::size_t k = 0; k < c.candidates.size(); ++k) {
      if (c.masked[k] || std::isnan(c.beliefs[k].quality)) continue;
      EXPECT_LE(c.beliefs[k].quality, b.quality) << "case " << i;
      EXPECT_GE(c.beliefs[k].cost_micro, f.cost_micro) << "case " << i;
    }
  }
}

// request-routing.md section 7: the price sweep gives a monotone cost curve; and at any price the
// cheapest is chosen. Of a policy that draws, in expectation.
TEST(PolicyConformance, EveryPolicyThatWeighsMoneySpendsLessAtAHigherPrice) {
  for (const std::string type : {"utility", "multi_factor", "ucb", "thompson"}) {
    std::deque<PolicyLab> labs;
    for (const char* cost : {"0", "0.1", "0.5", "2", "1e9"})
      labs.emplace_back("{ type: " + type + ", cost: " + cost + " }");
    base::Rng rng(9, 0, 0);
    for (int i = 0; i < kCases / 5; ++i) {
      const Case c = random_case(rng, kLabModels, 0);
      if (!c.anything_known()) continue;
      double before = std::numeric_limits<double>::infinity();
      double cheapest = before;
      for (std::size_t k = 0; k < c.candidates.size(); ++k) {
        const bool choosable = !c.masked[k] && (type == "ucb" || type == "thompson" ||
                                                !std::isnan(c.beliefs[k].quality));
        if (choosable) cheapest = std::min(cheapest, c.beliefs[k].cost_micro);
      }
      for (PolicyLab& lab : labs) {
        const Weighed w = weigh(lab, c);
        double spent = 0;
        for (std::size_t k = 0; k < c.candidates.size(); ++k) {
          if (w.probability[k] > 0) spent += w.probability[k] * c.beliefs[k].cost_micro;
        }
        EXPECT_LE(spent, before + 1e-3) << type << ", case " << i;
        before = spent;
      }
      EXPECT_NEAR(before, cheapest, 1e-3) << type << ", case " << i;
    }
  }
}

// ---- estimators
// ------------------------------------------------------------------------------------------------------

struct EstimatorCase {
  const char* type;
  const char* yaml;
};

const EstimatorCase kEstimators[] = {
    {"prior", "{ type: prior, domains: [topic] }"},
    {"price", "{ type: price, output_tokens: 77 }"},
    {"live", "{ type: live, min_calls: 2 }"},
    {"auto", "{ type: auto, table: table.jsonl }"},
    {"arch_router", "{ type: arch_router, signal: topic, models: { 'true': m2 }, default: m1 }"},
    {"composition", "{ type: composition, table: table.jsonl, epochs: 3 }"},
    {"composition",
     "{ type: composition, table: table.jsonl, epochs: 3, sizes: { m0: 1, m1: 2 }, memory: 2 }"},
    {"model_sat", "{ type: model_sat, table: table.jsonl, tasks: 3, shots: 5, epochs: 3 }"},
    {"linear", "{ type: linear, table: table.jsonl }"},
    {"linear", "{ type: linear, table: table.jsonl, loss: hinge }"},
    {"mlp", "{ type: mlp, table: table.jsonl, hidden: 4, epochs: 3 }"},
    {"matrix_factorisation",
     "{ type: matrix_factorisation, table: table.jsonl, hidden: 2, epochs: 3 }"},
    {"irt", "{ type: irt, table: table.jsonl, hidden: 2, epochs: 3 }"},
    {"trees", "{ type: trees, table: table.jsonl, rounds: 3, leaf_rows: 2 }"},
    {"uniroute", "{ type: uniroute, table: table.jsonl, clusters: 4 }"},
    {"multimodal", "{ type: multimodal, table: table.jsonl, clusters: 4 }"},
    {"route_profile", "{ type: route_profile, table: table.jsonl, groups: 4 }"},
    {"carrot", "{ type: carrot, table: table.jsonl }"},
    {"carrot", "{ type: carrot, table: table.jsonl, by: knn }"},
    {"router_dc", "{ type: router_dc, table: table.jsonl, hidden: 2, epochs: 3 }"},
    {"p2l", "{ type: p2l, table: table.jsonl, epochs: 3 }"},
    {"p2l", "{ type: p2l, table: table.jsonl, epochs: 3, ties: bag }"},
    {"zooter", "{ type: zooter, table: table.jsonl, epochs: 3 }"},
    {"zooter",
     "{ type: zooter, table: table.jsonl, epochs: 3, beta: 1, target: share, cost: 1, top: 1 }"},
    {"router_retriever", "{ type: router_retriever, table: table.jsonl }"},
    {"continual_gates", "{ type: continual_gates, table: table.jsonl, epochs: 3 }"},
    {"barp", "{ type: barp, table: table.jsonl, epochs: 3, weight: 0.5 }"},
    {"blend", "{ type: blend, of: { prior: 1, live: 2, price: 1 } }"},
    {"fallback", "{ type: fallback, of: [prior, live], evidence: 3 }"},
    {"residual", "{ type: residual, of: prior }"},
    {"calibrated", "{ type: calibrated, of: prior, table: table.jsonl }"},
    {"hybrid_llm", "{ type: hybrid_llm, table: table.jsonl, hidden: 2, epochs: 3 }"},
    {"graph_router", "{ type: graph_router, weights: graph.swy }"},
    {"knn", "{ type: knn, table: table.jsonl, neighbours: 5 }"},
    {"knn", "{ type: knn, table: table.jsonl, weights: uniform, shrink: 0, min_similarity: 0.2 }"},
    {"clusters", "{ type: clusters, table: table.jsonl, clusters: 4 }"},
    {"clusters", "{ type: clusters, table: table.jsonl, by: domain, shrink: 0, sharpness: 20 }"},
    {"sw_ranking", "{ type: sw_ranking, table: table.jsonl }"},
    {"eagle", "{ type: eagle, table: table.jsonl, neighbours: 3, global: 0.2 }"},
    {"linear_bandit", "{ type: linear_bandit, dims: 5, signals: [topic], ridge: 0.01 }"},
    {"linear_bandit", "{ type: linear_bandit, table: table.jsonl }"},
    {"linear_bandit", "{ type: linear_bandit, table: table.jsonl, hidden: 8 }"},
};

constexpr const char* kWords[] = {"integral", "poem",  "python", "river",
                                  "tax",      "proof", "cat",    "server"};

std::string random_prompt(base::Rng& rng) {
  std::string text;
  const std::size_t n = rng.below(12);
  for (std::size_t i = 0; i < n; ++i)
    text += std::string(kWords[rng.below(std::size(kWords))]) + " ";
  return text;
}

class EveryEstimator : public ::testing::TestWithParam<EstimatorCase> {
 protected:
  EveryEstimator()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("swy_conformance_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    std::ofstream out(folder_ / "table.jsonl");
    base::Rng rng(20, 0, 0);
    for (int i = 0; i < 120; ++i) {
      out << R"({"id":"r)" << i << R"(","dataset":"d","domain":"x","prompt":")"
          << random_prompt(rng) << R"(","models":{"m0":{"correct":)" << rng.below(2)
          << R"(,"tokens_out":)" << rng.below(500) << "}";
      if (rng.below(3) != 0) out << R"(,"m1":{"correct":)" << rng.below(2) << R"(,"latency":1.5})";
      out << "}}\n";
    }
    out.close();
    if (GetParam().type == std::string("graph_router")) {
      const Status saved = save_untrained(
          lab_models() + PolicyLab::rule("first", "{ type: graph_router, table: table.jsonl }"),
          folder_.string(), folder_ / "graph.swy");
      EXPECT_TRUE(saved) << saved.error().message;
    }
    lab_ = std::make_unique<EstimatorLab>(
        lab_models(", quality: { default: 0.5, topic: 0.8, 'true': 0.3 }") +
            "signals: { topic: { type: counted, key: topic } }\n" +
            PolicyLab::rule("first", GetParam().yaml),
        folder_.string());
  }
  ~EveryEstimator() override { std::filesystem::remove_all(folder_); }

  static std::vector<fleet::LiveStats> random_live(base::Rng& rng) {
    std::vector<fleet::LiveStats> live(kLabModels);
    for (auto& s : live) {
      s = {.ttft_ms = draw(rng, 1, 100),
           .ms_per_token = draw(rng, 1, 5),
           .fail_share = draw(rng, 1, 0.1),
           .calls = static_cast<double>(rng.below(5)),
           .in_flight = 0};
    }
    return live;
  }
  std::filesystem::path folder_;
  std::unique_ptr<EstimatorLab> lab_;
};

bool in_range(double v, double least, double most) {
  return std::isnan(v) || (v >= least && v <= most);
}

TEST_P(EveryEstimator, SaysPossibleThingsAndTheSameAgainInAnyOrder) {
  base::Rng rng(21, 0, 0);
  for (int i = 0; i < kCases; ++i) {
    Prompt p(random_prompt(rng));
    if (rng.below(2) == 0) p.request.metadata = {{"topic", rng.below(2) == 0 ? "true" : "false"}};
    if (rng.below(3) == 0) p.request.max_tokens = static_cast<std::int64_t>(rng.below(600));
    const auto live = random_live(rng);
    const auto once = lab_->believe(p.work, {.live = live});
    const auto twice = lab_->believe(p.work, {.live = live});
    EXPECT_EQ(std::memcmp(once.data(), twice.data(), once.size() * sizeof(Belief)), 0)
        << "case " << i;
    const auto back = lab_->believe(
        p.work, {.live = live, .candidates = {7, 6, 5, 4, 3, 2, 1, 0}, .masked = {true}});
    for (std::size_t k = 0; k < once.size(); ++k) {
      const Belief& b = once[k];
      EXPECT_TRUE(in_range(b.quality, 0, 1) && in_range(b.quality_var, 0, 0.25) &&
                  in_range(b.evidence, 0, 1e9))
          << "case " << i;
      EXPECT_TRUE(in_range(b.cost_micro, 0, 1e12) && in_range(b.latency_ms, 0, 1e9) &&
                  in_range(b.p_fail, 0, 1))
          << "case " << i;
      if (k == 7) continue;  // masked in the reversed list
      EXPECT_EQ(std::memcmp(&b, &back[7 - k], sizeof(Belief)), 0) << "case " << i << ", m" << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Conformance, EveryEstimator, ::testing::ValuesIn(kEstimators),
                         [](const auto& param) {
                           return std::string(param.param.type) + "_" + std::to_string(param.index);
                         });

TEST(EstimatorConformance, CoversEveryRegisteredEstimator) {
  const Registry registry = beliefs_registry();
  for (const auto& [name, make] : registry.estimators()) {
    EXPECT_TRUE(std::any_of(std::begin(kEstimators), std::end(kEstimators),
                            [&](const EstimatorCase& c) { return c.type == name; }))
        << "add a line for " << name << " to kEstimators";
  }
}

// ---- files, list, tests and pages
// --------------------------------------------------------------------------------------

struct Listed {
  const char* kind;
  const char* name;
};

const Listed kListed[] = {
#define ENCODER(name) {"encoder", #name},
#define SIGNAL(name) {"signal", #name},
#define GUARD(name) {"guard", #name},
#define ESTIMATOR(name) {"estimator", #name},
#define POLICY(name) {"policy", #name},
#define STRATEGY(name)
#include "builtin.def"
#undef ENCODER
#undef SIGNAL
#undef GUARD
#undef ESTIMATOR
#undef POLICY
#undef STRATEGY
};

const std::filesystem::path kRoot = SWY_SOURCE_DIR;

std::filesystem::path page_of(const std::string& kind) {
  return kRoot / "docs" / "reference" / (kind == "policy" ? "policies.md" : kind + "s.md");
}

std::string text_of(const std::filesystem::path& file) {
  return base::read_file(file.string()).value_or("");
}

TEST(Builtin, ListsEveryPluginFile) {
  for (const char* kind : {"encoder", "signal", "guard", "estimator", "policy"}) {
    for (const auto& entry : std::filesystem::directory_iterator(kRoot / "src" / "route" / kind)) {
      const std::string stem = entry.path().stem().string();
      if (entry.path().extension() != ".cc" || stem.ends_with("_test") || stem.ends_with("_bench"))
        continue;
      if (std::filesystem::exists(std::filesystem::path(entry.path()).replace_extension(".h")))
        continue;  // a helper has a header
      EXPECT_TRUE(std::any_of(
          std::begin(kListed), std::end(kListed),
          [&](const Listed& l) { return l.kind == std::string(kind) && l.name == stem; }))
          << entry.path() << " is not in src/builtin.def";
    }
  }
}

TEST(Builtin, HasAFileATestAndASectionForEveryLine) {
  for (const Listed& l : kListed) {
    const auto file = kRoot / "src" / "route" / l.kind / l.name;
    EXPECT_TRUE(std::filesystem::exists(file.string() + ".cc")) << file << ".cc";
    EXPECT_TRUE(std::filesystem::exists(file.string() + "_test.cc")) << file << "_test.cc";
    EXPECT_NE(("\n" + text_of(page_of(l.kind))).find("\n## " + std::string(l.name) + "\n"),
              std::string::npos)
        << page_of(l.kind) << " has no section '## " << l.name << "'";
  }
}

TEST(Builtin, PagesShowTheOptionsAsTheyAre) {
  for (const PluginInfo& info : describe(beliefs_registry())) {
    if (info.kind == "signal" || info.kind == "encoder") continue;  // signal/reference_test.cc
    EXPECT_NE(text_of(page_of(info.kind)).find(options_table(info)), std::string::npos)
        << page_of(info.kind) << ", section " << info.name << ", should have:\n"
        << options_table(info);
  }
}

}  // namespace
}  // namespace swy::route::testing
