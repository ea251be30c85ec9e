// The stored fixtures of the specification (an oracle in double precision wrote them). Skipped
// where the data is not there; assign_test.cc has some of the same numbers typed in.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace swy::moe
