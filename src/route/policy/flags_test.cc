#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// Predicted losses 1, .8 and .7 of models of size 1, 4 and 20 (request-routing.md 4.5 f).
int chosen_at(const std::string& weight) {
  PolicyLab lab("{ type: flags, cost: 0, flags: { size: { weight: " + weight +
                ", of: { m0: 1, m1: 4, m2: 20 } } } }");
  return lab.weigh({belief(0), belief(0.2), belief(0.3)}).only();
}

TEST(Flags, KnowsTryagesFront) {
  EXPECT_EQ(chosen_at("0"), 2);
  EXPECT_EQ(chosen_at("0.05"), 1);
  EXPECT_EQ(chosen_at("0.2"), 0);
  // Break-evens at .1 / 16 and .2 / 3.
  EXPECT_EQ(chosen_at("0.00624"), 2);
  EXPECT_EQ(chosen_at("0.00626"), 1);
  EXPECT_EQ(chosen_at("0.06666"), 1);
  EXPECT_EQ(chosen_at("0.06667"), 0);
}

TEST(Flags, AddUpWithEachOtherAndWithMoney) {
  PolicyLab lab(
      "{ type: flags, cost: 1, flags: { size: { weight: 0.05, of: { m0: 1, m1: 4 } }, age: { "
      "weight: 0.1, of: { m0: 3, m1: 0 } } } }");
  const Weighed w = lab.weigh({belief(0.9, 1'000), belief(0.8, 2'000)});
  EXPECT_NEAR(w.score[0], 0.9 - 0.1 - 0.05 - 0.3, 1e-12);
  EXPECT_NEAR(w.score[1], 0.8 - 0.2 - 0.2, 1e-12);
  EXPECT_EQ(w.why, "m0 is worth most: 0.450, size -0.050, age -0.300");
}

TEST(Flags, CountWhatAFlagDoesNotNameAsTheWorst) {
  PolicyLab lab("{ type: flags, cost: 0, flags: { size: { weight: 1, of: { m0: 0, m1: 0.3 } } } }");
  const Weighed w = lab.weigh({belief(0.5), belief(0.5), belief(0.6)});
  EXPECT_NEAR(w.score[2], 0.3, 1e-12);
  EXPECT_EQ(w.only(), 0);
}

TEST(Flags, ApplyOnlyWhereTheirSignalIsTrue) {
  const Registry registry = beliefs_registry();
  const auto plan = plan_from(
      "models: [{ name: S, quality: { default: 0.5 } }, { name: L, quality: { default: 0.6 } }]\n"
      "signals: { small: { type: counted, key: small } }\n"
      "routes: { auto: [{ models: [S, L], estimator: prior, policy: { type: flags, flags: { size: "
      "{ weight: 0.1, of: { S: 1, L: 20 }, when: small } } } }] }\n",
      registry);
  ASSERT_NE(plan, nullptr);
  Scratch scratch;
  for (const auto& [said, expected] :
       {std::pair{"true", 0U}, std::pair{"false", 1U}, std::pair{"perhaps", 1U}}) {
    Prompt p("a question");
    p.request.metadata = {{"small", said}};
    scratch.begin(p.work, plan->signals.size());
    const auto d = decide_now(*plan, plan->rule_sets[0], {}, base::Rng(1, 0, 0), scratch);
    EXPECT_EQ(std::get<Choice>(d).candidate, expected) << said;
  }
}

TEST(Flags, SayWhatIsWrongWithThem) {
  const auto has = [](const std::string& flags, const char* message) {
    const std::string text = PolicyLab::findings("{ type: flags, flags: " + flags + " }");
    EXPECT_NE(text.find(message), std::string::npos) << text;
  };
  has("{}", "give flags: { NAME: { weight: NUMBER");
  has("{ size: { weight: 1 } }", "flag size: say of which models");
  has("{ size: { of: { m9: 1 } } }", "there is no model 'm9'");
  has("{ size: { of: { m0: 1 }, when: nothing } }", "there is no signal 'nothing'");
  has("{ size: { of: { m0: 1 }, wait: 1 } }", "wait");
  has("{ size: { weight: -1, of: { m0: 1 } } }", "weight");
}

}  // namespace
}  // namespace swy::route::testing
