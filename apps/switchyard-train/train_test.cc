// Training of graph_router: what it learns, and that what serves computes the same.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/rng.h"
#include "graph_train.h"
#include "route/plan.h"
#include "route/testing/fakes.h"
#include "train_registry.h"

namespace swy::app {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kDims = 6;
constexpr std::size_t kModels = 6;

// Inputs of two tasks, "left" and "right" of the first feature; even models solve the left ones,
// odd models the right ones, nine times in ten. Answers of the last model are long on the left.
struct Planted {
  math::Matrix x;
  std::vector<std::string_view> domains;
  std::vector<std::vector<float>> quality, cost, size;

  explicit Planted(std::size_t rows, std::uint64_t seed, double missing = 0.2) : x(rows, kDims) {
    base::Rng rng(seed, 0, 0);
    for (auto* columns : {&quality, &cost, &size})
      columns->assign(kModels, std::vector<float>(rows, kNaN));
    for (std::size_t i = 0; i < rows; ++i) {
      for (float& v : x.row(i)) v = static_cast<float>(rng.uniform() - 0.5);
      const bool left = i % 2 == 0;
      x.row(i)[0] = left ? 1.0F : -1.0F;
      domains.emplace_back(left ? "left" : "right");
      for (std::size_t m = 0; m < kModels; ++m) {
        const bool solves = (left == (m % 2 == 0)) != (rng.below(10) == 0);
        if (rng.uniform() < missing) continue;
        quality[m][i] = solves ? 1.0F : 0.0F;
        cost[m][i] = 0.001F * static_cast<float>(m + 1);
        size[m][i] = m + 1 == kModels ? (left ? 1.5F : 0.5F) : 1.0F;
      }
    }
  }
  [[nodiscard]] route::TrainingRows rows() const { return {x, domains, quality, cost, size}; }
};

struct Said {
  std::vector<double> value = std::vector<double>(kModels + 1);
  std::vector<double> scale = std::vector<double>(kModels + 1);
};
Said said(const math::GraphRouter& g, std::span<const float> x) {
  Said s;
  s.value.resize(g.outputs);
  s.scale.resize(g.outputs);
  g.predict(x, s.value, s.scale);
  return s;
}

const route::GraphTraining kOptions{.hidden = 4, .rate = 0.01, .steps = 300};

double farthest(const math::GraphRouter& g, const Planted& shown, const Planted& asked) {
  const GraphAnswer of = answer_by_training(g, shown.rows(), asked.x);
  double most = 0;
  for (std::size_t i = 0; i < asked.x.rows(); ++i) {
    const Said s = said(g, asked.x.row(i));
    for (std::size_t m = 0; m < kModels; ++m) {
      most = std::max(most, std::abs(s.value[m] - static_cast<double>(of.value.row(i)[m])));
      most = std::max(most, std::abs(s.scale[m] - static_cast<double>(of.scale.row(i)[m])));
    }
  }
  return most;
}

TEST(GraphTraining, ComputesWhatServesToFiveDigits) {
  const Planted rows(400, 1);
  const Planted asked(100, 2);
  EXPECT_LE(farthest(train_graph(rows.rows(), kOptions), rows, asked), 1e-5);
  // Also where all parameters are arbitrary, not only where training leaves them.
  math::GraphRouter g =
      math::place_graph(rows.x, rows.domains, {rows.quality, rows.cost}, kOptions.hidden);
  math::start_graph(g, 7);
  base::Rng rng(9, 0, 0);
  for (std::vector<float>* p : g.parameters())
    for (float& v : *p) v = static_cast<float>(rng.uniform() * 2 - 1);
  for (std::size_t m = 0; m < kModels; ++m) g.join(rows.x, rows.quality[m], rows.cost[m]);
  EXPECT_LE(farthest(g, rows, asked), 1e-5);
}

TEST(GraphTraining, LearnsWhoSolvesWhatAndWhoseAnswersAreLong) {
  const math::GraphRouter g = train_graph(Planted(600, 3).rows(), kOptions);
  const Planted asked(40, 4);
  for (std::size_t i = 0; i < asked.x.rows(); ++i) {
    const Said s = said(g, asked.x.row(i));
    for (std::size_t m = 0; m < kModels; ++m) {
      const bool good = (i % 2 == 0) == (m % 2 == 0);
      EXPECT_EQ(s.value[m] > 0.5, good) << i << ", " << m << ": " << s.value[m];
    }
    EXPECT_EQ(s.scale[kModels - 1] > 1, i % 2 == 0) << s.scale[kModels - 1];
  }
}

// Ten probes say which of the two kinds a model is that training has never seen.
TEST(GraphTraining, KnowsANewModelFromTenProbes) {
  math::GraphRouter g = train_graph(Planted(600, 5).rows(), kOptions);
  const Planted probes(10, 6, 0);
  g.join(probes.x, probes.quality[0], probes.cost[0]);
  g.join(probes.x, probes.quality[1], probes.cost[1]);
  const Planted asked(40, 7);
  for (std::size_t i = 0; i < asked.x.rows(); ++i) {
    const Said s = said(g, asked.x.row(i));
    const double left = s.value[kModels];
    const double right = s.value[kModels + 1];
    EXPECT_EQ(left > right, i % 2 == 0) << i << ": " << left << " " << right;
  }
}

TEST(GraphTraining, IsTheSameAgainAndAnotherOfAnotherSeed) {
  const Planted rows(100, 8);
  route::GraphTraining o{.hidden = 2, .steps = 60};
  const math::GraphRouter a = train_graph(rows.rows(), o);
  EXPECT_EQ(a.states, train_graph(rows.rows(), o).states);
  o.seed = 2;
  EXPECT_NE(a.states, train_graph(rows.rows(), o).states);
}

TEST(GraphTraining, TakesTablesOfAlmostNothing) {
  for (const std::size_t n : {1U, 2U, 3U, 9U, 11U}) {
    const Planted rows(n, 10);
    const math::GraphRouter g = train_graph(rows.rows(), {.hidden = 2, .steps = 20});
    for (const double v : said(g, rows.x.row(0)).value) EXPECT_TRUE(v > 0 && v < 1) << n;
  }
  Planted nothing(30, 11, 1);  // no observation at all
  for (const double v :
       said(train_graph(nothing.rows(), {.hidden = 2, .steps = 20}), nothing.x.row(0)).value)
    EXPECT_NEAR(v, 0.5, 1e-3);
  Planted same(30, 12, 0);  // all scores equal
  for (std::vector<float>& column : same.quality) column.assign(30, 1.0F);
  for (const double v :
       said(train_graph(same.rows(), {.hidden = 2, .steps = 60}), same.x.row(0)).value)
    EXPECT_GT(v, 0.9);
}

// From a table of texts to the plug-in of the serving program.
TEST(GraphTraining, WritesAFileThatServesTheSameBeliefs) {
  const auto folder = std::filesystem::path(::testing::TempDir()) /
                      ("swy_train_test_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream out(folder / "t.jsonl");
  base::Rng rng(13, 0, 0);
  for (int i = 0; i < 120; ++i)
    out << R"({"id":"r)" << i << R"(","domain":"d","prompt":")"
        << (i % 2 == 0 ? "a poem about rain " : "the sum of primes ") << rng.below(50)
        << R"(","models":{"m0":{"correct":)" << (i % 2) << R"(,"tokens_out":9},"m1":{"correct":)"
        << (1 - i % 2) << R"(,"cost":0.02}}})" << '\n';
  out.close();
  const auto beliefs = [&](const std::string& source, const route::Registry& registry) {
    const auto plan = route::testing::plan_from(
        "models: [{ name: m0, price: { input: 1, output: 2 } }, { name: m1 }]\n"
        "routes: { auto: [{ models: [m0, m1], estimator: { type: graph_router, " +
            source + " } }] }\n",
        registry, folder.string());
    EXPECT_NE(plan, nullptr);
    std::vector<route::Belief> b(2);
    if (plan == nullptr) return b;
    if (source.starts_with("table")) {
      EXPECT_TRUE(plan->rule_sets[0].rules[0].estimator->export_weights(folder / "g.swy"));
    }
    route::testing::Prompt p("a poem about the sum");
    route::Scratch scratch;
    scratch.begin(p.work, 0);
    scratch.masked_by.assign(2, -1);
    const route::Question q{
        plan->catalogue, scratch.reading, plan->rule_sets[0].rules[0].candidates, {}, scratch};
    route::believe_now(*plan, *plan->rule_sets[0].rules[0].estimator, q, b);
    return b;
  };
  const auto trained = beliefs("table: t.jsonl, steps: 100, hidden: 4", training_registry());
  const auto served = beliefs("weights: g.swy", route::builtin_registry());
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_FALSE(std::isnan(served[m].quality));
    EXPECT_EQ(trained[m].quality, served[m].quality);
    EXPECT_EQ(trained[m].cost_micro, served[m].cost_micro);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace swy::app
