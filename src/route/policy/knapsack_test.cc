#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

struct ValueSignal final : Signal {
  explicit ValueSignal(double value) : value_(value) {}
  void compute(std::span<Reading* const> /*readings*/, std::span<Fact> facts) const override {
    for (Fact& f : facts) f.value = value_;
  }
  [[nodiscard]] double cost_us() const override { return 1; }
  double value_;
};
template <int kPercent>
std::unique_ptr<Signal> make_spent(const base::Doc& node, BuildContext& ctx) {
  struct None {
    void bind(base::OptionBinder& /*b*/) {}
  } none;
  if (!ctx.bind(node, none)) return nullptr;
  return std::make_unique<ValueSignal>(kPercent < 0 ? kUnknownNumber : kPercent / 100.0);
}

// The reason of a decision with so much spent, qualities per unit from 1 to 10.
std::string reason(const std::string& spent) {
  Registry registry = beliefs_registry();
  registry.add_signal("spent_0", make_spent<0>);
  registry.add_signal("spent_25", make_spent<25>);
  registry.add_signal("spent_50", make_spent<50>);
  registry.add_signal("spent_75", make_spent<75>);
  registry.add_signal("spent_100", make_spent<100>);
  registry.add_signal("spent_unknown", make_spent<-1>);
  const auto plan = plan_from(
      "models: [{ name: S, quality: { default: 0.5 }, price: { input: 1, output: 0 } }, { name: L, "
      "quality: { default: 0.9 }, price: { input: 4, output: 0 } }]\n"
      "signals: { spent: { type: " +
          spent +
          " } }\n"
          "routes: { auto: [{ models: [S, L], estimator: prior, policy: { type: knapsack, spent: "
          "spent, cost_unit: 0.0001 } }] }\n",
      registry);
  if (plan == nullptr) return "no plan";
  Prompt p("a question");
  Scratch scratch;
  scratch.begin(p.work, plan->signals.size());
  scratch.reading.preset_tokens(100);  // S: a unit, .5 a unit; L: four, .225
  return std::string(
      std::get<Choice>(decide_now(*plan, plan->rule_sets[0], {}, base::Rng(1, 0, 0), scratch))
          .why.view());
}

// request-routing.md 5.10: with 10 and 1 the bar is .367879, .84, 1.918018, 4.379519 and 10.
TEST(Knapsack, AsksForMoreTheMoreIsSpent) {
  EXPECT_EQ(reason("spent_0"), "S is the best buy above 0.368 quality per unit");
  EXPECT_EQ(reason("spent_25"), "S is the cheapest, nobody is above 0.840 quality per unit");
  EXPECT_EQ(reason("spent_50"), "S is the cheapest, nobody is above 1.918 quality per unit");
  EXPECT_EQ(reason("spent_75"), "S is the cheapest, nobody is above 4.380 quality per unit");
  EXPECT_EQ(reason("spent_100"), "S is the cheapest, nobody is above 10.000 quality per unit");
  EXPECT_EQ(reason("spent_unknown"), reason("spent_100")) << "unknown: all spent";
}

TEST(Knapsack, TakesTheBestOfWhatIsWorthItsPrice) {
  // Units of 1,000 micro-USD; the bar is .367879.
  PolicyLab lab("{ type: knapsack, cost_unit: 0.001 }");
  EXPECT_EQ(lab.weigh({belief(0.5, 1'000), belief(0.8, 2'000), belief(0.9, 2'500)}).only(), 1)
      << ".5, .4 and .36 a unit";
  EXPECT_EQ(lab.weigh({belief(0.5, 1'000), belief(0.8, 2'000), belief(0.9, 2'400)}).only(), 2);
  EXPECT_EQ(lab.weigh({belief(0.1, 1'000), belief(0.8, 9'000)}).only(), 0);
  EXPECT_EQ(lab.weigh({belief(0.1), belief(0.8)}).only(), 1) << "no cost is known";
}

TEST(Knapsack, HopesForWhatItDoubts) {
  Belief b = belief(0.5, 1'000);
  b.quality_var = 0.09;
  EXPECT_EQ(PolicyLab("{ type: knapsack, optimism: 1 }").weigh({b, belief(0.7, 1'000)}).only(), 0);
  EXPECT_EQ(PolicyLab("knapsack").weigh({b, belief(0.7, 1'000)}).only(), 1);
}

TEST(Knapsack, SaysWhatIsWrongWithItsOptions) {
  EXPECT_NE(
      PolicyLab::findings("{ type: knapsack, least: 2, most: 1 }").find("most is below least"),
      std::string::npos);
  EXPECT_NE(PolicyLab::findings("{ type: knapsack, spent: x }").find("there is no signal 'x'"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
