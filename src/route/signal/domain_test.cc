#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

std::string domain(std::string_view text) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: domain, min_confidence: 0 }");
  if (s == nullptr) return lab.errors();
  return std::string(lab.ask_encoded(*s, text).label.view());
}

TEST(DomainSignal, KnowsTheSubjectsOfMmluPro) {
  EXPECT_EQ(domain("Let f be a continuous function on [0,1]. Prove that the integral of f squared "
                   "is zero only if f is zero. Which theorem of calculus applies?"),
            "math");
  EXPECT_EQ(domain("A ball is thrown upwards with a velocity of 20 m/s. What is its kinetic energy "
                   "at the highest point, and what force acts on it?"),
            "physics");
  EXPECT_EQ(
      domain("How many moles of hydrogen react with one mole of oxygen, and what is the pH of "
             "the solution of hydrochloric acid?"),
      "chemistry");
  EXPECT_EQ(domain("Which enzyme unwinds the DNA double helix during replication in a cell, and "
                   "what happens to the protein it binds?"),
            "biology");
}

TEST(DomainSignal, IsTrueForTheSubjectsAskedForAndUnknownWithoutText) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: domain, any: [law], min_confidence: 0 }");
  ASSERT_TRUE(s) << lab.errors();
  const Fact f = lab.ask_encoded(
      *s, "What is the derivative of x squared times the sine of x with respect to x?");
  EXPECT_EQ(f.truth, Truth::kFalse);
  EXPECT_GT(f.confidence, 0.5F) << "that it is not law";
  EXPECT_EQ(lab.ask_encoded(*s, "").truth, Truth::kUnknown);
  EXPECT_FALSE(lab.make_signal("{ type: domain, any: [laws] }"));
  EXPECT_NE(lab.errors().find("mean law"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
