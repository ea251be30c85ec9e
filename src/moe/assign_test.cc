#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "base/rng.h"
#include "moe/detail/number.h"
#include "moe/testing/lab.h"

namespace swy::moe {
namespace {

using ::testing::ElementsAre;
using testing::f1;
using ::testing::FloatNear;
using testing::Lab;
using testing::named;
constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNaN = std::nanf("");

Spec with_k(const char* name, std::uint16_t k) {
  Spec s = named(name);
  s.k = k;
  return s;
}

TEST(Assign, MixtralRenormalisesTheTwoBest) {
  Lab lab(named("mixtral"), f1());
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(0, 1));
  EXPECT_THAT(lab.weights(0), ElementsAre(FloatNear(.731059F, 1e-6F), FloatNear(.268941F, 1e-6F)));
  EXPECT_THAT(lab.experts(2), ElementsAre(0, 2));
  EXPECT_THAT(lab.experts(3), ElementsAre(0, 1)) << "a tie goes to the lower index";
  EXPECT_THAT(lab.weights(3), ElementsAre(0.5F, 0.5F));
  EXPECT_THAT(lab.demand, ElementsAre(4, 3, 1));
  EXPECT_EQ(lab.demand, lab.kept);
}

TEST(Assign, OlmoeKeepsTheProbabilities) {
  Lab lab(with_k("olmoe", 2), f1());
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.weights(0), ElementsAre(FloatNear(.665241F, 1e-6F), FloatNear(.244728F, 1e-6F)));
}

TEST(Assign, DeepSeekV3LeavesOutTheBestExpertOfAWeakGroup) {
  Spec s = with_k("deepseek-v3", 2);
  s.groups = 4;
  s.groups_kept = 2;
  Lab lab(s, {{1, -.5F, .3F, .2F, 2, -3, .9F, .8F}});
  lab.bias = {0, 0, .05F, .05F, -.4F, 0, 0, 0};
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(6, 7));
  EXPECT_THAT(lab.weights(0),
              ElementsAre(FloatNear(1.268715F, 2e-6F), FloatNear(1.231285F, 2e-6F)));
}

TEST(Assign, EveryPresetRunsAndIsFoundByName) {
  for (const Preset& p : presets()) {
    Lab lab(p.spec, {std::vector<float>(64, 0.25F)});
    const std::vector<std::uint32_t> id{0};
    lab.ctx.token_id = id;
    EXPECT_TRUE(lab.run().ok()) << p.name;
    EXPECT_EQ(named(p.name), p.spec);
    EXPECT_EQ(lab.experts(0)[0], 0) << p.name;
  }
  Spec s;
  EXPECT_EQ(preset("no-such-model", s).code, Code::kUnsupported);
}

TEST(Assign, NanCountsAsTheLowestFiniteAndInfinityWins) {
  Lab lab(with_k("mixtral", 3), {{kNaN, -1e30F, kInf, -kInf, 5}});
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(2, 4, 1));
  EXPECT_THAT(lab.weights(0), ElementsAre(1, 0, 0));
  EXPECT_EQ(lab.out.nan_scores, 1);
}

TEST(Assign, RowsOfNothingButNanOrInfinityKeepTheirMeaning) {
  Lab lab(named("mixtral"),
          {{kNaN, kNaN, kNaN}, {-kInf, -kInf, -kInf}, {kInf, kInf, kInf}, {0, -kInf, -kInf}});
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(0, 1));
  EXPECT_THAT(lab.experts(1), ElementsAre(-1, -1));
  EXPECT_THAT(lab.weights(1), ElementsAre(0, 0));
  EXPECT_THAT(lab.experts(2), ElementsAre(0, 1));
  EXPECT_THAT(lab.weights(2), ElementsAre(0.5F, 0.5F));
  EXPECT_THAT(lab.experts(3), ElementsAre(0, -1));
  EXPECT_THAT(lab.weights(3), ElementsAre(1, 0));
  EXPECT_EQ(lab.out.nan_scores, 3);
}

TEST(Assign, DeadExpertsTakeNoPartAndTooFewLeaveEmptyPlaces) {
  for (const char* name : {"mixtral", "olmoe", "deepseek-v3", "gpt-oss"}) {
    Spec s = with_k(name, 2);
    s.groups = 1;
    Lab lab(s, f1());
    const std::vector<std::uint64_t> live{0b100};
    lab.ctx.expert_live = live;
    ASSERT_TRUE(lab.run().ok());
    EXPECT_THAT(lab.experts(0), ElementsAre(2, -1)) << name;
    EXPECT_NEAR(lab.weights(0)[0], s.scale, 1e-6) << name << ": a softmax over the living";
    const std::vector<std::uint64_t> none{0};
    lab.ctx.expert_live = none;
    ASSERT_TRUE(lab.run().ok());
    EXPECT_THAT(lab.experts(3), ElementsAre(-1, -1)) << name;
    EXPECT_THAT(lab.demand, ElementsAre(0, 0, 0));
  }
}

TEST(Assign, PaddingTokensAreLeftOut) {
  Lab lab(named("mixtral"), f1());
  const std::vector<std::uint8_t> live{1, 0, 1, 0};
  lab.ctx.token_live = live;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(1), ElementsAre(-1, -1));
  EXPECT_THAT(lab.weights(3), ElementsAre(0, 0));
  EXPECT_THAT(lab.demand, ElementsAre(2, 1, 1));
}

TEST(Assign, BiasAndPriceMoveTheSelectionButNoWeight) {
  Lab lab(with_k("olmoe", 1), f1());
  lab.bias = {-1, 0, 0};
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(1));
  EXPECT_NEAR(lab.weights(0)[0], .244728, 1e-6);
  lab.bias.clear();
  const std::vector<float> cost{1, 0, 2};
  lab.ctx.cost = cost;
  lab.ctx.lambda = 1;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(1));
  EXPECT_NEAR(lab.weights(0)[0], .244728, 1e-6);
}

TEST(Assign, NeverReadsBetweenRows) {
  Lab lab(named("mixtral"), {});
  lab.rows = 2;
  lab.cols = 3;
  lab.ld = 5;
  lab.scores = {2, 1, 0, kNaN, kNaN, 0, 1, 2};  // ends with the last row's last column
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(0, 1));
  EXPECT_THAT(lab.experts(1), ElementsAre(2, 1));
  EXPECT_EQ(lab.out.nan_scores, 0);
}

TEST(Assign, HalvesGiveTheSameAsTheirValuesInFloats) {
  base::Rng rng(3, 0, 0);
  Lab lab(with_k("mixtral", 4), {});
  lab.rows = 50;
  lab.cols = 19;
  std::vector<std::uint16_t> bf(50 * 19);
  std::vector<std::uint16_t> half(bf.size());
  std::vector<float> from_bf(bf.size());
  std::vector<float> from_half(bf.size());
  for (std::size_t i = 0; i < bf.size(); ++i) {
    bf[i] = static_cast<std::uint16_t>(rng.next());
    half[i] = static_cast<std::uint16_t>(rng.next());
    from_bf[i] = detail::from_bf16(bf[i]);
    from_half[i] = detail::from_f16(half[i]);
  }
  lab.scores = from_bf;
  ASSERT_TRUE(lab.run().ok());
  const auto expert = lab.expert;
  const auto weight = lab.weight;
  ASSERT_TRUE(lab.run(Scores::bf16(bf, 50, 19)).ok());
  EXPECT_EQ(lab.expert, expert);
  EXPECT_EQ(lab.weight, weight);
  lab.scores = from_half;
  ASSERT_TRUE(lab.run().ok());
  const auto expert2 = lab.expert;
  ASSERT_TRUE(lab.run(Scores::f16(half, 50, 19)).ok());
  EXPECT_EQ(lab.expert, expert2);
}

TEST(Assign, HalfPrecisionFormatsAreReadExactly) {
  EXPECT_EQ(detail::from_f16(0x3C00), 1.0F);
  EXPECT_EQ(detail::from_f16(0xC000), -2.0F);
  EXPECT_EQ(detail::from_f16(0x0001), 0x1p-24F);
  EXPECT_EQ(detail::from_f16(0x83FF), -0x3FFp-24F);
  EXPECT_EQ(detail::from_f16(0x7BFF), 65504.0F);
  EXPECT_EQ(detail::from_f16(0xFC00), -kInf);
  EXPECT_TRUE(std::isnan(detail::from_f16(0x7E00)));
  EXPECT_EQ(detail::from_bf16(0x3F80), 1.0F);
}

TEST(Assign, ExpIsWithinTwoUnitsInTheLastPlace) {
  double worst = 0;
  for (float x = -86.9F; x < 87.9F; x += 0.00037F) {
    const double want = std::exp(static_cast<double>(x));
    const float near = static_cast<float>(want);
    const double ulp = static_cast<double>(std::nextafter(near, kInf)) - static_cast<double>(near);
    worst = std::max(worst, std::abs(static_cast<double>(detail::exp_f32(x)) - want) / ulp);
  }
  EXPECT_LE(worst, 2.0);
  EXPECT_EQ(detail::exp_f32(-kInf), 0.0F);
  EXPECT_EQ(detail::exp_f32(0), 1.0F);
}

TEST(Assign, NoiseDependsOnTheKeyAndOnNothingElse) {
  Spec s = with_k("shazeer", 1);
  Lab lab(s, testing::Rows(2000, {0, 0}));
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.demand, ElementsAre(2000, 0)) << "no noise outside training";
  lab.ctx.training = true;
  lab.ctx.seed = 9;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_NEAR(lab.demand[0], 1000, 100);
  const auto first = lab.expert;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_EQ(lab.expert, first);
  lab.ctx.step = 1;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_NE(lab.expert, first);
}

TEST(Assign, GshardKeepsASecondExpertInProportionToItsWeight) {
  Lab lab(named("gshard"), testing::Rows(4000, {2, 1, 0}));
  lab.ctx.training = true;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_EQ(lab.demand[0], 4000);
  EXPECT_NEAR(lab.demand[1], 4000 * .5379, 150);
}

TEST(Assign, NamesTheSpanThatIsTooShort) {
  Lab lab(named("mixtral"), f1());
  ASSERT_TRUE(lab.run().ok());
  const auto fails = [&](const char* what) {
    const Status s = assign(lab.spec, lab.input(), lab.ctx, lab.state(), lab.out, lab.workspace);
    EXPECT_STREQ(s.what, what);
    EXPECT_EQ(s.code, Code::kTooShort);
  };
  lab.out.expert = std::span(lab.expert).first(7);
  fails("assignment.expert");
  lab.out.expert = lab.expert;
  lab.out.weight = std::span(lab.weight).first(7);
  fails("assignment.weight");
  lab.out.weight = lab.weight;
  lab.out.demand = std::span(lab.demand).first(2);
  fails("assignment.demand");
  lab.out.demand = lab.demand;
  lab.bias = {0, 0};
  fails("state.bias");
  lab.bias.clear();
  const std::vector<std::uint8_t> live{1};
  lab.ctx.token_live = live;
  fails("ctx.token_live");
  lab.ctx.token_live = {};
  lab.workspace.resize(10);
  fails("workspace");
  lab.scores.resize(11);
  fails("scores");
}

TEST(Assign, RefusesSpecsThatMakeNoSense) {
  const auto refused = [](auto change, const char* what) {
    Lab lab(named("mixtral"), f1());
    lab.kmax = 2;
    change(lab.spec);
    EXPECT_STREQ(lab.run().what, what);
  };
  refused([](Spec& s) { s.k = 0; }, "spec.k");
  refused([](Spec& s) { s.k = 3; }, "assignment.kmax");
  refused([](Spec& s) { s.groups = 2; }, "spec.groups");
  refused([](Spec& s) { s.groups = 3; }, "spec.groups_kept");
  refused([](Spec& s) { s.scale = kNaN; }, "spec.scale");
}

TEST(Capacity, FollowsEachFormula) {
  Spec s;
  s.k = 2;
  s.capacity_factor = 1.25F;
  EXPECT_EQ(capacity(s, 10, 4, 9), 7U);
  s.capacity_rule = CapacityRule::kTutel;
  EXPECT_EQ(capacity(s, 10, 4, 9), 6U);
  s.capacity_factor = 0;
  EXPECT_EQ(capacity(s, 10, 4, 9), 9U) << "dropless: the largest demand";
  s.capacity_factor = -1.25F;
  EXPECT_EQ(capacity(s, 10, 4, 5), 5U);
  EXPECT_EQ(capacity(s, 10, 4, 9), 6U);
  s.capacity_rule = CapacityRule::kMegablocks;
  s.capacity_factor = 1.25F;
  EXPECT_EQ(capacity(s, 10, 4, 9), 6U);
  s.capacity_rule = CapacityRule::kPerExpert;
  s.min_capacity = 8;
  EXPECT_EQ(capacity(s, 10, 4, 9), 8U);
  s.align = 16;
  EXPECT_EQ(capacity(s, 10, 4, 9), 16U);
  EXPECT_EQ(capacity(s, 0, 0, 0), 16U);
}

TEST(Capacity, OfZeroDropsEverything) {
  for (const Cap cap : {Cap::kArrival, Cap::kChoiceMajor, Cap::kBatchPriority, Cap::kByWeight}) {
    Spec s = named("mixtral");
    s.cap = cap;
    Lab lab(s, f1());
    const std::vector<std::uint32_t> none(3, 0);
    lab.ctx.capacity = none;
    ASSERT_TRUE(lab.run().ok());
    EXPECT_THAT(lab.demand, ElementsAre(4, 3, 1));
    EXPECT_THAT(lab.kept, ElementsAre(0, 0, 0));
    EXPECT_EQ(lab.expert, std::vector<std::int32_t>(8, -1));
    EXPECT_EQ(measure(lab.out, {4, 3, 2}).drop_rate, 1);
  }
}

TEST(Capacity, CountsEachSequenceAlone) {
  Spec s = named("switch");
  s.cap = Cap::kArrival;
  s.per_sequence = true;
  Lab lab(s, testing::Rows(6, {2, 1, 0}));
  const std::vector<std::uint32_t> first{0, 4};
  lab.ctx.seq_begin = first;  // ceil(4 / 3) = 2 places, then ceil(2 / 3) = 1
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.expert, ElementsAre(0, 0, -1, -1, 0, -1));
  EXPECT_THAT(lab.slot, ElementsAre(0, 1, 0, 0, 0, 0));
}

TEST(Capacity, CanGiveTheLostWeightToWhatIsLeft) {
  Spec s = named("mixtral");
  s.cap = Cap::kArrival;
  s.renorm_after_cap = true;
  Lab lab(s, f1());
  const std::vector<std::uint32_t> caps{1, 3, 3};
  lab.ctx.capacity = caps;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(1), ElementsAre(-1, 1));
  EXPECT_THAT(lab.weights(1), ElementsAre(0, FloatNear(1, 1e-6F)));
}

TEST(Select, TopPStopsBeforeOrAfterAnExactHit) {
  Spec s = named("dynamic-moe");
  s.transform = Transform::kIdentity;
  s.top_p = 0.75F;
  Lab lab(s, {{0.5F, 0.25F, 0.125F, 0.125F}});
  const auto count = [&] {
    EXPECT_TRUE(lab.run().ok());
    return 4 - std::count(lab.expert.begin(), lab.expert.end(), -1);
  };
  EXPECT_EQ(count(), 3) << "> keeps going at equality";
  lab.spec.past_top_p = false;
  EXPECT_EQ(count(), 2);
  lab.spec.keep_crossing = false;
  EXPECT_EQ(count(), 1);
  lab.spec.kmin = 2;
  EXPECT_EQ(count(), 2);
  lab.spec.top_p = 2;
  EXPECT_EQ(count(), 4) << "never crossed: all";
  lab.spec.kmax = 3;
  EXPECT_EQ(count(), 3);
}

TEST(Select, ThresholdMayTakeNobodyUnlessToldOtherwise) {
  Spec s = named("blockffn");
  Lab lab(s, {{-1, -2, -3}});
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.expert, ElementsAre(-1, -1, -1));
  lab.spec.kmin = 1;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.expert, ElementsAre(0, -1, -1));
}

TEST(Select, HashSendsUnknownIdsAndDeadExpertsNowhere) {
  Lab lab(named("hash"), testing::Rows(3, {0, 0, 0}));
  const std::vector<std::uint32_t> ids{0, 1, 2};
  const std::vector<std::int32_t> table{2, -1};
  const std::vector<std::uint64_t> live{0b011};
  lab.ctx.token_id = ids;
  lab.ctx.hash_table = table;
  lab.kmax = 1;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.expert, ElementsAre(2, -1, -1));
  EXPECT_EQ(lab.weight[0], 1);
  lab.ctx.expert_live = live;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.expert, ElementsAre(-1, -1, -1));
}

TEST(Select, ExpertChoiceWorksOnEachSequenceAndTrimsToKmax) {
  Spec s = named("expert-choice");
  s.k = 1;
  s.per_sequence = true;
  Lab lab(s, testing::Rows(4, {1, 0}));
  const std::vector<std::uint32_t> first{0, 2};
  lab.ctx.seq_begin = first;
  ASSERT_TRUE(lab.run().ok());
  // Each expert takes one of two equal tokens: the earlier; both take the same.
  EXPECT_THAT(lab.expert, ElementsAre(0, 1, -1, -1, 0, 1, -1, -1));
  lab.spec.kmax = 1;
  lab.kmax = 1;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.expert, ElementsAre(0, -1, 0, -1));
  EXPECT_THAT(lab.demand, ElementsAre(2, 2));
  EXPECT_THAT(lab.kept, ElementsAre(2, 0));
}

TEST(Update, LeavesDeadExpertsAloneAndNamesWhatIsMissing) {
  Spec s = named("gpt-oss");
  s.k = 1;
  s.update = Update::kBiasProp;
  s.rate = 1;
  Lab lab(s, testing::Rows(4, {3, 2, 1}));
  const std::vector<std::uint64_t> live{0b011};
  lab.ctx.expert_live = live;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_STREQ(lab.learn().what, "state.bias");
  lab.bias = {0, 0, 7};
  ASSERT_TRUE(lab.learn().ok());
  EXPECT_THAT(lab.bias, ElementsAre(-2, 2, 7));
  lab.out.demand = {};
  EXPECT_STREQ(lab.learn().what, "assignment.demand");
  for (const Update rule : {Update::kPrice, Update::kQuantile, Update::kColumnQuantile}) {
    lab.spec.update = rule;
    lab.bias = {0, 0, 7};
    ASSERT_TRUE(lab.learn().ok());
    EXPECT_EQ(lab.bias[2], 7);
  }
  lab.spec.update = Update::kHistQuantile;
  EXPECT_STREQ(lab.learn().what, "state.hist");
}

TEST(Update, SurvivesScoresThatSayNothing) {
  for (const Update rule :
       {Update::kPrice, Update::kQuantile, Update::kHistQuantile, Update::kColumnQuantile}) {
    for (const float value : {-kInf, kInf, kNaN, 0.0F, 1e-45F}) {
      Spec s = named("gpt-oss");
      s.k = 1;
      s.update = rule;
      Lab lab(s, testing::Rows(5, {value, value, value}));
      lab.bias = {0, 0, 0};
      lab.hist.assign(30, 0);
      ASSERT_TRUE(lab.learn().ok());
      for (const float b : lab.bias) EXPECT_TRUE(std::isfinite(b)) << value;
    }
  }
}

TEST(Assign, TakesNoTokensAndAMillionExperts) {
  Lab none(named("mixtral"), {});
  none.cols = 5;
  ASSERT_TRUE(none.run().ok());
  EXPECT_THAT(none.demand, ElementsAre(0, 0, 0, 0, 0));

  Lab wide(with_k("mixtral", 2), {std::vector<float>(std::size_t{1} << 20U, 1.0F)});
  wide.scores[777'777] = 2;
  ASSERT_TRUE(wide.run().ok());
  EXPECT_THAT(wide.experts(0), ElementsAre(777'777, 0));
}

TEST(Assign, TakesMoreChoicesThanExperts) {
  Lab lab(with_k("mixtral", 8), f1());
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(0, 1, 2, -1, -1, -1, -1, -1));
}

TEST(Assign, KeepsDenormalLogitsApart) {
  Lab lab(with_k("gpt-oss", 1), {{0, 1e-45F, -1e-45F}});
  ASSERT_TRUE(lab.run().ok());
  EXPECT_THAT(lab.experts(0), ElementsAre(1));
}

}  // namespace
}  // namespace swy::moe
