#include <gtest/gtest.h>

#include <cmath>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {
namespace {

// The signal's label is what the request's metadata says under `route`.
std::string config(const std::string& options) {
  return lab_models() + "signals: { route: { type: counted, key: route } }\n" +
         PolicyLab::rule("first", "{ type: arch_router, " + options + " }");
}

class ArchRouter : public ::testing::Test {
 protected:
  // The quality of every candidate for a conversation with this route; "" : the signal is unknown.
  static std::vector<double> asked(const std::string& options, std::string_view route) {
    EstimatorLab lab(config(options));
    Prompt p("a question");
    const std::string label = "=" + std::string(route);
    if (!route.empty()) p.request.metadata = {{"route", label}};
    std::vector<double> quality;
    for (const Belief& b : lab.believe(p.work)) quality.push_back(b.quality);
    return quality;
  }
  static constexpr const char* kRoutes =
      "signal: route, models: { 'code generation': m3, travel: m1, \"the user's taxes\": m5 }";
};

TEST_F(ArchRouter, GivesEverythingToTheModelOfTheRoute) {
  EXPECT_EQ(asked(kRoutes, "code generation"), (std::vector<double>{0, 0, 0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(asked(kRoutes, "travel"), (std::vector<double>{0, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(asked(kRoutes, "the user's taxes")[5], 1) << "no quote is repaired into another";
}

TEST_F(ArchRouter, SendsWhatNobodyMappedToTheDefault) {  // request-routing.md 4.6 f
  const std::string options = std::string(kRoutes) + ", default: m0";
  for (const char* route : {"other", "cooking", ""})
    EXPECT_EQ(asked(options, route), (std::vector<double>{1, 0, 0, 0, 0, 0, 0, 0})) << route;
  EXPECT_EQ(asked(options, "travel")[1], 1);
}

TEST_F(ArchRouter, StaysUnknownWithoutADefault) {
  for (const char* route : {"other", ""})
    for (const double q : asked(kRoutes, route)) EXPECT_TRUE(std::isnan(q)) << route;
}

TEST_F(ArchRouter, SaysWhatIsWrongWithItsOptions) {
  const auto found = [](const std::string& options) {
    return findings(config(options), beliefs_registry());
  };
  EXPECT_NE(found("signal: rout, models: { a: m0 }").find("there is no signal 'rout'"),
            std::string::npos)
      << found("signal: rout, models: { a: m0 }");
  EXPECT_NE(found("signal: route, models: { a: m9 }").find("there is no model 'm9'"),
            std::string::npos);
  EXPECT_NE(found("signal: route, models: { a: m0 }, default: n").find("there is no model 'n'"),
            std::string::npos);
  EXPECT_NE(found("signal: route").find("models is a map of route: model"), std::string::npos);
  EXPECT_NE(found("signal: route, models: { a: [m0, m1] }").find("a route has one model"),
            std::string::npos);
}

}  // namespace
}  // namespace swy::route::testing
