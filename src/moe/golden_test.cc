// The stored fixtures of the specification (an oracle in double precision wrote them). Skipped
// where the data is not there; assign_test.cc has some of the same numbers typed in.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/json.h"
#include "moe/testing/lab.h"

namespace swy::moe {
namespace {

using base::Json;
using testing::Lab;
using testing::named;
using testing::Rows;

class Golden : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream in(std::string(SWY_SOURCE_DIR) + "/../shared/data/moe/moe_golden.json");
    if (!in) GTEST_SKIP() << "no fixtures beside this checkout (../shared/data/moe)";
    text_.assign(std::istreambuf_iterator<char>(in), {});
    auto parsed = doc_.parse(text_);
    ASSERT_TRUE(parsed.has_value());
    root_ = *parsed;
  }
  Json at(std::string_view name) { return *root_.find(name); }
  static std::vector<float> numbers(const Json& j) {
    std::vector<float> v;
    j.each([&](const Json& x) { v.push_back(static_cast<float>(x.as_number().value_or(-1e9))); });
    return v;
  }
  static std::vector<std::int32_t> integers(const Json& j) {
    std::vector<std::int32_t> v;
    j.each(
        [&](const Json& x) { v.push_back(static_cast<std::int32_t>(x.as_number().value_or(-9))); });
    return v;
  }
  static Rows matrix(const Json& j) {
    Rows m;
    j.each([&](const Json& r) { m.push_back(numbers(r)); });
    return m;
  }
  static Json item(const Json& j, std::size_t i) {
    Json found;
    std::size_t n = 0;
    j.each([&](const Json& x) {
      if (n++ == i) found = x;
    });
    return found;
  }
  static void expect_near(const std::vector<float>& got, const std::vector<float>& want,
                          float tolerance = 1e-6F) {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], want[i], tolerance * std::max(1.0F, std::abs(want[i]))) << i;
  }
  // out: [[experts], [weights]] of token t.
  static void expect_row(const Lab& lab, std::size_t t, const Json& out) {
    EXPECT_EQ(lab.experts(t), integers(item(out, 0))) << t;
    expect_near(lab.weights(t), numbers(item(out, 1)));
  }

 private:
  std::string text_;
  base::JsonDoc doc_;
  Json root_;
};

TEST_F(Golden, TopkConventionsAgreeWithTheOracle) {
  const std::pair<const char*, const char*> cases[] = {
      {"A_mixtral", "mixtral"}, {"A_olmoe", "olmoe"}, {"A_gptoss", "gpt-oss"}};
  for (const auto& [fixture, name] : cases) {
    Spec s = named(name);
    s.k = 2;
    Lab lab(s, matrix(*at(fixture).find("Z")));
    ASSERT_TRUE(lab.run().ok());
    for (std::size_t t = 0; t < 4; ++t) expect_row(lab, t, item(*at(fixture).find("out"), t));
  }
}

TEST_F(Golden, SoftmaxOfEveryExpertAgrees) {
  Spec s = named("olmoe");
  s.k = 3;
  Lab lab(s, testing::f1());
  ASSERT_TRUE(lab.run().ok());
  const Rows want = matrix(*at("A_softmax").find("P"));
  for (std::size_t t = 0; t < 4; ++t) {
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(lab.weights(t)[i], want[t][static_cast<std::size_t>(lab.experts(t)[i])], 1e-6);
  }
}

TEST_F(Golden, DeepSeekGroupsAgree) {
  Spec v2 = named("deepseek-v2-hf");
  v2.k = 2;
  v2.groups = 4;
  v2.groups_kept = 2;
  const Json a = at("A_dsv2_group");
  Lab lab(v2, {numbers(*a.find("z"))});
  ASSERT_TRUE(lab.run().ok());
  expect_row(lab, 0, *a.find("out"));

  Spec v3 = named("deepseek-v3");
  v3.k = 2;
  v3.groups = 4;
  v3.groups_kept = 2;
  const Json b = at("A_dsv3");
  Lab lab3(v3, {numbers(*b.find("z"))});
  lab3.bias = numbers(*b.find("bias"));
  ASSERT_TRUE(lab3.run().ok());
  expect_row(lab3, 0, *b.find("out"));
}

TEST_F(Golden, MaskingGroupsWithZeroLeaksAsHuggingFaceDoes) {
  const Json a = at("A_dsv3_leak");
  for (const auto& [name, key] :
       {std::pair{"deepseek-v3", "maskinf"}, {"deepseek-v3-hf", "mask0"}}) {
    Spec s = named(name);
    s.k = 2;
    s.groups = 2;
    s.groups_kept = 1;
    s.scale = 1;
    Lab lab(s, {numbers(*a.find("z"))});
    lab.bias = numbers(*a.find("bias"));
    ASSERT_TRUE(lab.run().ok());
    expect_row(lab, 0, *a.find(key));
  }
}

TEST_F(Golden, LlamaWeighsBySigmoid) {
  Lab lab(named("llama-4"), testing::f1());
  ASSERT_TRUE(lab.run().ok());
  for (std::size_t t = 0; t < 4; ++t) expect_row(lab, t, item(*at("A_llama4").find("out"), t));
}

TEST_F(Golden, CosineScoresAgree) {
  const Json a = at("A_cosine");
  Spec s = named("gpt-oss");
  s.transform = Transform::kCosine;
  s.weigh = Weigh::kRaw;
  s.k = 3;
  s.temperature = static_cast<float>(std::exp(a.number_or("tau", 0)));
  Lab lab(s, {{0, 0, 0}});
  const auto x = numbers(*a.find("x"));
  lab.ctx.hidden = Scores::f32(x, 1, 2);
  // The fixture's centroids are the argument order of its generator: W and P (identity) swapped.
  lab.centroid = {1, 0, 0, 2, 1, 1};
  ASSERT_TRUE(lab.run().ok());
  EXPECT_EQ(lab.experts(0), (std::vector<std::int32_t>{2, 1, 0}));
  const auto want = numbers(*a.find("out"));
  expect_near(lab.weights(0), {want[2], want[1], want[0]});
}

Lab capped(Cap cap) {
  Spec s = named("mixtral");
  s.cap = cap;
  Lab lab(s, testing::f1());
  return lab;
}

TEST_F(Golden, ChoiceMajorCapacityAgreesWithTutel) {
  for (const auto& [cap, name] :
       {std::pair{Cap::kChoiceMajor, "B_tutel"}, {Cap::kBatchPriority, "B_tutel_batchprio"}}) {
    Lab lab = capped(cap);
    const std::vector<std::uint32_t> two(3, 2);
    lab.ctx.capacity = two;
    ASSERT_TRUE(lab.run().ok());
    const Json a = at(name);
    for (std::size_t t = 0; t < 4; ++t) {
      EXPECT_EQ(lab.experts(t), integers(item(*a.find("kept"), t))) << name << t;
      const auto loc = integers(item(*a.find("loc"), t));
      for (std::size_t c = 0; c < 2; ++c) {
        if (lab.experts(t)[c] >= 0) {
          EXPECT_EQ(lab.slot[t * 2 + c], static_cast<std::uint32_t>(loc[c]));
        }
      }
    }
    EXPECT_EQ(lab.demand, (std::vector<std::uint32_t>{4, 3, 1}));
    EXPECT_EQ(lab.kept, (std::vector<std::uint32_t>{2, 2, 1}));
  }
}

TEST_F(Golden, WeightOrderedCapacityAgreesWithMegatron) {
  Lab lab = capped(Cap::kByWeight);
  const std::vector<std::uint32_t> two(3, 2);
  lab.ctx.capacity = two;
  ASSERT_TRUE(lab.run().ok());
  const Rows want = matrix(*at("B_megatron_probs").find("out"));
  for (std::size_t t = 0; t < 4; ++t) {
    std::vector<float> dense(3, 0);
    for (std::size_t c = 0; c < 2; ++c) {
      if (lab.experts(t)[c] >= 0)
        dense[static_cast<std::size_t>(lab.experts(t)[c])] = lab.weights(t)[c];
    }
    expect_near(dense, want[t]);
  }
}

TEST_F(Golden, LoadMetricsAgree) {
  const std::vector<std::uint32_t> counts{4, 0, 0};
  Lab lab(named("switch"), testing::f1());
  ASSERT_TRUE(lab.run().ok());
  EXPECT_EQ(lab.demand, counts);
  const Metrics m = measure(lab.out, {4, 3, 1});
  EXPECT_NEAR(m.cv2, at("C_cv2").number_or("out", -1), 1e-9);
  EXPECT_NEAR(m.maxvio, at("C_cv2").number_or("maxvio", -1), 1e-9);
  EXPECT_EQ(m.entropy, 0);
}

TEST_F(Golden, ExpertChoiceAgrees) {
  Lab lab(named("expert-choice"), testing::f2());
  lab.spec.k = 1;
  ASSERT_TRUE(lab.run().ok());
  const Json a = at("D_ec");
  std::vector<std::vector<std::int32_t>> by_expert(3);
  for (std::size_t t = 0; t < 6; ++t) {
    for (const std::int32_t e : lab.experts(t)) {
      if (e >= 0) by_expert[static_cast<std::size_t>(e)].push_back(static_cast<std::int32_t>(t));
    }
  }
  for (std::size_t e = 0; e < 3; ++e) {
    auto want = integers(item(*a.find("out"), e));
    std::sort(want.begin(), want.end());
    EXPECT_EQ(by_expert[e], want);
  }
  const Rows p = matrix(*a.find("S"));
  EXPECT_NEAR(lab.weights(1)[0], p[1][0], 1e-6);
}

TEST_F(Golden, HashesAgree) {
  const Json a = at("D_hash");
  Lab lab(named("hash"), testing::Rows(6, std::vector<float>(8, 0)));
  lab.ctx.layer = 3;
  lab.ctx.seed = 7;
  const std::vector<std::uint32_t> ids{0, 1, 2, 3, 4, 5};
  lab.ctx.token_id = ids;
  lab.kmax = 1;
  ASSERT_TRUE(lab.run().ok());
  EXPECT_EQ(lab.expert, integers(*a.find("out")));

  const Json b = at("D_balhash");
  const std::vector<std::uint64_t> freq{10, 7, 5, 4, 3, 1};
  std::vector<std::int32_t> table(6);
  std::vector<std::uint64_t> load(3);
  std::vector<std::uint32_t> order(6);
  ASSERT_TRUE(balanced_hash(freq, table, load, order).ok());
  EXPECT_EQ(table, integers(item(*b.find("out"), 0)));
  EXPECT_EQ(load, (std::vector<std::uint64_t>{10, 10, 10}));
}

TEST_F(Golden, SchedulesOfExpertsPerStepAgree) {
  const std::pair<const char*, Schedule> kinds[] = {{"linear", Schedule::kLinear},
                                                    {"linear_reverse", Schedule::kLinearReverse},
                                                    {"cosine", Schedule::kCosine},
                                                    {"cosine_reverse", Schedule::kCosineReverse},
                                                    {"bell", Schedule::kBell},
                                                    {"gauss", Schedule::kGauss},
                                                    {"gauss_reverse", Schedule::kGaussReverse}};
  for (const auto& [name, schedule] : kinds) {
    const auto want = integers(*at("H_dynk").find("out")->find(name));
    for (std::size_t i = 0; i < want.size(); ++i)
      EXPECT_EQ(scheduled_k(schedule, 0.25 * static_cast<double>(i), 8, 32),
                static_cast<std::uint32_t>(want[i]))
          << name;
  }
}

TEST_F(Golden, TopPAgrees) {
  const Json a = at("F_topp");
  for (const char* p : {"0.4", "0.7"}) {
    Lab lab(named("dynamic-moe"), testing::f1());
    lab.spec.top_p = std::stof(p);
    ASSERT_TRUE(lab.run().ok());
    for (std::size_t t = 0; t < 4; ++t) {
      const Json want = item(*a.find("out")->find(p), t);
      auto e = integers(item(want, 0));
      auto w = numbers(item(want, 1));
      e.resize(3, -1);
      w.resize(3, 0);
      EXPECT_EQ(lab.experts(t), e);
      expect_near(lab.weights(t), w);
    }
    lab.spec.past_top_p = false;
    ASSERT_TRUE(lab.run().ok());
    const auto counts = integers(*a.find("cnt_ge")->find(p));
    for (std::size_t t = 0; t < 4; ++t) {
      const auto e = lab.experts(t);
      EXPECT_EQ(std::count_if(e.begin(), e.end(), [](std::int32_t x) { return x >= 0; }),
                counts[t]);
    }
  }
}

TEST_F(Golden, NormedScoresAgree) {
  Lab relu(named("blockffn"), {{2, -1, 1, 0}});
  ASSERT_TRUE(relu.run().ok());
  EXPECT_EQ(relu.experts(0), (std::vector<std::int32_t>{0, 2, -1, -1}));
  const auto want = numbers(item(*at("F_relurms").find("out"), 0));
  expect_near(relu.weights(0), {want[0], want[2], 0, 0});

  Lab norm(named("unipool"), {{3, -4, 0, 1}});
  norm.spec.k = 4;
  ASSERT_TRUE(norm.run().ok());
  const auto y = numbers(*at("F_normrouter").find("out"));
  expect_near(norm.weights(0), {y[0], y[3], 0, 0});
}

TEST_F(Golden, SparsityAgrees) {
  Lab lab(named("blockffn"), matrix(*at("G_sparsity").find("mask")));
  ASSERT_TRUE(lab.run().ok());
  const Shape shape{4, 4, 4};
  EXPECT_NEAR(measure(lab.out, shape, 2).tls, at("G_sparsity").number_or("tls", -1), 1e-12);
  EXPECT_NEAR(measure(lab.out, shape, 1).cls, at("G_sparsity").number_or("tls", -1), 1e-12);
  EXPECT_NEAR(measure(lab.out, shape, 2).cls, at("G_sparsity").number_or("cls2", -1), 1e-12);
  EXPECT_NEAR(measure(lab.out, shape, 4).cls, at("G_sparsity").number_or("cls4", -1), 1e-12);
}

TEST_F(Golden, PlanAgrees) {
  Lab lab(named("mixtral"), testing::f1());
  ASSERT_TRUE(lab.run().ok());
  std::vector<std::uint32_t> order(8), bins(3), padded(3), gaps(12), owner(3);
  Plan p{order, bins, padded, gaps, owner};
  ASSERT_TRUE(plan(lab.out, {4, 3, 2}, 4, p).ok());
  const Json out = *at("J_dispatch").find("out");
  const auto as_unsigned = [](const std::vector<std::int32_t>& v) {
    return std::vector<std::uint32_t>(v.begin(), v.end());
  };
  EXPECT_EQ(order, as_unsigned(integers(item(out, 0))));
  EXPECT_EQ(bins, as_unsigned(integers(item(out, 2))));
  EXPECT_EQ(padded, as_unsigned(integers(item(out, 3))));
  EXPECT_EQ(gaps, (std::vector<std::uint32_t>{0, 2, 4, 6, 1, 3, 7, 8, 5, 8, 8, 8}));
  EXPECT_EQ(owner, (std::vector<std::uint32_t>{0, 1, 2}));
}

Lab balanced(Update rule, const Rows& scores, std::uint16_t k = 1) {
  Spec s = named("gpt-oss");
  s.k = k;
  s.update = rule;
  Lab lab(s, scores);
  lab.bias.assign(scores.front().size(), 0);
  return lab;
}

std::vector<std::int32_t> first_choices(Lab& lab) {
  EXPECT_TRUE(lab.run().ok());
  return lab.expert;
}

TEST_F(Golden, LossFreeStepsAgree) {
  const Json a = at("E_lossfree");
  for (const auto& [rule, key] : {std::pair{Update::kBiasSign, "sign"},
                                  {Update::kBiasProp, "prop"},
                                  {Update::kBiasRms, "rms"}}) {
    Lab lab = balanced(rule, matrix(*a.find("S")));
    ASSERT_TRUE(lab.run().ok());
    EXPECT_EQ(lab.demand, (std::vector<std::uint32_t>{6, 0, 0}));
    ASSERT_TRUE(lab.learn().ok());
    expect_near(lab.bias, numbers(*a.find(key)), 1e-9F);
  }
}

TEST_F(Golden, LossFreeBiasBalancesTheBatchAsTheOracleDoes) {
  Lab lab = balanced(Update::kBiasSign, matrix(*at("E_lossfree").find("S")));
  lab.spec.rate = 0.01F;
  std::vector<std::uint32_t> at10;
  for (int step = 0; step < 60; ++step) {
    ASSERT_TRUE(lab.run().ok());
    if (step == 10) at10 = lab.demand;
    ASSERT_TRUE(lab.learn().ok());
  }
  EXPECT_EQ(at10, (std::vector<std::uint32_t>{2, 2, 2}));
  expect_near(lab.bias, numbers(*at("E_lossfree_trace").find("b")), 1e-6F);
}

TEST_F(Golden, GradientsAgree) {
  const Json a = at("K_grad");
  const std::tuple<const char*, Transform, Weigh, float> cases[] = {
      {"sel", Transform::kSoftmax, Weigh::kRenorm, 1},
      {"full", Transform::kSoftmax, Weigh::kRaw, 1},
      {"sig", Transform::kSigmoid, Weigh::kRenorm, 2.5F}};
  for (const auto& [key, transform, weigh, scale] : cases) {
    Spec s;
    s.transform = transform;
    s.weigh = weigh;
    s.scale = scale;
    Lab lab(s, {numbers(*a.find("z"))});
    ASSERT_TRUE(lab.run().ok());
    std::vector<float> dz(3);
    ASSERT_TRUE(
        backward(s, lab.input(), lab.ctx, lab.out, numbers(*a.find("g")), dz, lab.workspace).ok());
    expect_near(dz, numbers(*a.find(key)));
  }
}

std::vector<float> negated(std::vector<float> v) {
  for (float& x : v) x = x == 0 ? 0 : -x;
  return v;
}

TEST_F(Golden, BipPricesAgree) {
  for (const auto& [name, iters] : {std::pair{"E_bip", 4}, {"E_bip_1", 1}, {"E_bip_F3_lower", 4}}) {
    const Json a = at(name);
    const auto scores = a.find("S");
    Lab lab = balanced(Update::kPrice, scores ? matrix(*scores) : testing::f2());
    lab.spec.iters = static_cast<std::uint16_t>(iters);
    ASSERT_TRUE(lab.learn().ok());
    expect_near(negated(lab.bias), numbers(*a.find("q")));
    if (a.find("route")) {
      EXPECT_EQ(first_choices(lab), integers(*a.find("route")));
    }
  }
}

TEST_F(Golden, MidpointPricesAgree) {
  for (const auto& [name, iters] : {std::pair{"E_bip_mid", 8}, {"E_bip_F3_mid", 4}}) {
    const Json a = at(name);
    const auto scores = a.find("S");
    Lab lab = balanced(Update::kPrice, scores ? matrix(*scores) : testing::f2());
    lab.spec.iters = static_cast<std::uint16_t>(iters);
    lab.spec.midpoint = true;
    lab.spec.clip_nonneg = false;
    ASSERT_TRUE(lab.learn().ok());
    expect_near(negated(lab.bias), numbers(*a.find("q")), 3e-6F);
    if (name == std::string("E_bip_F3_mid")) {
      EXPECT_EQ(first_choices(lab), integers(*a.find("route")));
    }
  }
}

TEST_F(Golden, QuantileBalancingAgrees) {
  Lab lab = balanced(Update::kQuantile, testing::f2());
  lab.spec.rate = 1;
  EXPECT_EQ(first_choices(lab), (std::vector<std::int32_t>(6, 0)));
  ASSERT_TRUE(lab.learn().ok());
  expect_near(lab.bias, numbers(*at("E_qb").find("b1")));
  // The last token is a tie (0.9 - 0.5 and 0.3 + 0.1) that fp32 breaks its own way.
  auto got = first_choices(lab);
  auto want = integers(*at("E_qb").find("route"));
  got.pop_back();
  want.pop_back();
  EXPECT_EQ(got, want);
}

TEST_F(Golden, ColumnQuantilesLetExpertsVolunteer) {
  const Json a = at("E_qbdyn");
  Lab lab = balanced(Update::kColumnQuantile, testing::f2());
  lab.spec.transform = Transform::kSoftmax;
  lab.spec.select = Select::kThreshold;
  lab.spec.weigh = Weigh::kRaw;
  ASSERT_TRUE(lab.learn().ok());
  expect_near(negated(lab.bias), numbers(*a.find("beta")));
  // An expert stands exactly at its own quantile; strictly above is decided in fp32 here.
  ASSERT_TRUE(lab.run().ok());
  for (std::size_t t = 0; t < 6; ++t) {
    auto e = lab.experts(t);
    std::erase(e, -1);
    std::sort(e.begin(), e.end());
    EXPECT_EQ(e, integers(item(*a.find("active"), t))) << t;
  }
}

TEST_F(Golden, MidpointReachesTheOptimumWhereTheLowerEndStalls) {
  const Json all = *at("X_instances").find("inst");
  int stalled = 0;
  all.each([&](const Json& inst) {
    const Rows scores = matrix(*inst.find("S"));
    const auto k = static_cast<std::uint16_t>(inst.integer_or("k", 0));
    const double best = inst.number_or("opt", 0);
    const auto dual = [&](bool midpoint) {
      Lab lab = balanced(Update::kPrice, scores, k);
      lab.spec.iters = 60;
      lab.spec.midpoint = midpoint;
      lab.spec.clip_nonneg = !midpoint;
      EXPECT_TRUE(lab.learn().ok());
      double d = 0;
      for (const auto& row : scores) {
        std::vector<double> s(row.size());
        for (std::size_t j = 0; j < s.size(); ++j)
          s[j] = static_cast<double>(row[j]) + static_cast<double>(lab.bias[j]);
        std::sort(s.rbegin(), s.rend());
        for (std::size_t i = 0; i < k; ++i) d += s[i];
      }
      for (const float b : lab.bias) d -= 2.0 * k * static_cast<double>(b);
      if (midpoint) {
        EXPECT_TRUE(lab.run().ok());
        EXPECT_EQ(lab.demand, (std::vector<std::uint32_t>(4, 2U * k)));
      }
      return d;
    };
    EXPECT_NEAR(dual(true), best, 2e-5);
    const double lower = dual(false);
    EXPECT_NEAR(lower, inst.number_or("dual_lower", 0), 2e-5);
    stalled += lower > best + 1e-4 ? 1 : 0;
  });
  EXPECT_EQ(stalled, 19);
}

}  // namespace
}  // namespace swy::moe
