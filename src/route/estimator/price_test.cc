#include <cmath>

#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

std::string config(const std::string& price, const std::string& more = "") {
  return "models: [{ name: a, price: { input: 2, output: 8 }" + more +
         " }, { name: b, quality: { default: 1 } }]\n" +
         "routes: { auto: [{ models: [a, b], estimator: " + price + " }] }\n";
}

TEST(PriceEstimator, MultipliesTokensByTheCard) {
  EstimatorLab lab(config("{ type: price, output_tokens: 100 }"));
  Prompt p("hello");
  EXPECT_DOUBLE_EQ(lab.believe(p.work, {.tokens = 1000})[0].cost_micro, 1000 * 2 + 100 * 8);
}

TEST(PriceEstimator, CapsTheAnswerByTheRequestAndTheCard) {
  Prompt p("hello");
  EXPECT_DOUBLE_EQ(EstimatorLab(config("price")).believe(p.work, {.tokens = 0})[0].cost_micro,
                   400 * 8);
  EXPECT_DOUBLE_EQ(EstimatorLab(config("price", ", max_output: 50"))
                       .believe(p.work, {.tokens = 0})[0]
                       .cost_micro,
                   50 * 8);
  p.request.max_tokens = 10;
  p.request.n = 3;
  EXPECT_DOUBLE_EQ(EstimatorLab(config("price")).believe(p.work, {.tokens = 5})[0].cost_micro,
                   5 * 2 + 3 * 10 * 8);
}

TEST(PriceEstimator, LeavesACardWithoutPriceUnknown) {
  EstimatorLab lab(config("price"));
  Prompt p("hello");
  EXPECT_TRUE(std::isnan(lab.believe(p.work, {.tokens = 1000})[1].cost_micro));
}

}  // namespace
}  // namespace swy::route::testing
