#include <cmath>

#include <gtest/gtest.h>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// The signal `counted` answers from metadata: truth and label are the value, confidence 0.75.
std::string config(const std::string& estimator) {
  return "models:\n"
         "  - { name: a, price: { input: 1, output: 1 }, quality: { default: 0.6, code: 0.9, math: "
         "0.3 } }\n"
         "  - { name: b, price: { input: 1, output: 1 }, quality: { code: 0.5 } }\n"
         "signals: { code: { type: counted, key: code }, math: { type: counted, key: math }, "
         "topic: { type: counted, key: topic } }\n"
         "routes: { auto: [{ models: [a, b], estimator: " +
         estimator + " }] }\n";
}

TEST(Prior, FallsBackToDefaultAndElseStaysUnknown) {
  EstimatorLab lab(config("prior"));
  Prompt p("x");
  const auto b = lab.believe(p.work);
  EXPECT_DOUBLE_EQ(b[0].quality, 0.6);
  EXPECT_DOUBLE_EQ(b[0].evidence, 2);
  EXPECT_DOUBLE_EQ(b[0].quality_var, 0.6 * 0.4 / 3);
  EXPECT_TRUE(std::isnan(b[1].quality));
  EXPECT_TRUE(std::isnan(b[1].evidence));
}

TEST(Prior, UsesTheDomainWhoseSignalIsTrue) {
  EstimatorLab lab(config("{ type: prior, evidence: 5 }"));
  EXPECT_EQ(lab.rule().estimator->needs().size(), 2U);  // code and math
  Prompt p("x");
  p.request.metadata = {{"code", "true"}, {"math", "false"}};
  const auto b = lab.believe(p.work);
  EXPECT_DOUBLE_EQ(b[0].quality, 0.9);
  EXPECT_DOUBLE_EQ(b[1].quality, 0.5);
  EXPECT_DOUBLE_EQ(b[0].evidence, 5);
}

TEST(Prior, AveragesSeveralDomainsAndTreatsUnknownAsNotApplying) {
  EstimatorLab lab(config("prior"));
  Prompt p("x");
  p.request.metadata = {{"code", "true"}, {"math", "true"}};
  EXPECT_NEAR(lab.believe(p.work)[0].quality, 0.6,
              1e-12);  // equal confidence: the mean of .9 and .3
  p.request.metadata = {{"code", "perhaps"}};
  EXPECT_DOUBLE_EQ(lab.believe(p.work)[0].quality, 0.6);
}

TEST(Prior, ReadsDomainsFromLabels) {
  // "true" is the only label `counted` can give with a known truth, so the domain is called that.
  EstimatorLab lab(
      "models: [{ name: a, price: { input: 1, output: 1 }, quality: { default: 0.6, 'true': 0.2 } "
      "}]\n"
      "signals: { topic: { type: counted, key: topic } }\n"
      "routes: { auto: [{ models: [a], estimator: { type: prior, domains: [topic] } }] }\n");
  Prompt p("x");
  EXPECT_DOUBLE_EQ(lab.believe(p.work)[0].quality, 0.6);
  p.request.metadata = {{"topic", "true"}};
  EXPECT_DOUBLE_EQ(lab.believe(p.work)[0].quality, 0.2);
}

TEST(Prior, NamesUnknownSignalsAndDomainsThatNeverApply) {
  EXPECT_NE(findings(config("{ type: prior, domains: [topc] }"), beliefs_registry())
                .find("no signal 'topc', did you mean topic"),
            std::string::npos);
  const std::string note = findings(
      "models: [{ name: a, price: { input: 1, output: 1 }, quality: { law: 0.5 } }]\n"
      "routes: { auto: [{ models: [a] }] }\n",
      beliefs_registry());
  EXPECT_NE(note.find("note: prior: quality.law of model 'a' never applies"), std::string::npos)
      << note;
}

}  // namespace
}  // namespace swy::route::testing
