#include "gateway/drift.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <fstream>

#include "base/rng.h"
#include "switchyard/registry.h"

namespace swy::gateway {
namespace {

constexpr const char* kConfig =
    "upstreams:\n  local: { url: http://127.0.0.1:9/v1 }\n"
    "models:\n  - { name: small, upstream: local, price: { input: 1, output: 2 } }\n"
    "routes:\n  auto: [ { name: any, models: [small], policy: first } ]\n";

std::shared_ptr<const Snapshot> snapshot(const std::string& more, base::Metrics& metrics) {
  static const route::Registry registry = route::builtin_registry();
  base::Diagnostics diag("c.yaml");
  auto config = parse_config(kConfig + more, "c.yaml", registry, diag);
  EXPECT_NE(config, nullptr) << diag.to_text();
  return config == nullptr ? nullptr : make_snapshot(config, nullptr, metrics);
}

std::string record(double believed) {
  return fmt::format(
      R"({{"decision":{{"set":"auto","candidates":[{{"model":"large","quality":0.1}},)"
      R"({{"model":"small","quality":{}}}],"choice":"small"}}}})",
      believed);
}

void hear(Drift& drift, const std::string& line, double score) {
  base::JsonDoc doc;
  drift.hear(doc.parse(line).value(), score);
}

bool alarmed(const base::Metrics& m, std::string_view of, int times) {
  return m.prometheus().find(
             fmt::format(R"(switchyard_drift_alarms_total{{set="auto",of="{}"}} {})", of, times)) !=
         std::string::npos;
}

TEST(Drift, GoesOnOverAReloadAndARestartAndBeginsAnewWithAnotherConfiguration) {
  std::string dir = testing::TempDir() + "swy_drift_XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  base::Metrics metrics;
  const std::string same = "drift: { reference: 100, tolerance: 0.05 }\nstate: " + dir + "\n";
  const auto told = [](const Drift& drift) {
    std::string out;
    base::JsonWriter w(out);
    w.begin_object();
    drift.write(w);
    w.end_object();
    return out;
  };
  const auto first = snapshot(same, metrics);
  Drift drift(metrics);
  drift.adopt(*first);
  for (int i = 0; i < 150; ++i) hear(drift, record(0.8), 0.8);
  drift.beat(*first);
  std::string before = told(drift);
  EXPECT_NE(before.find(R"("n":150,"learning":false)"), std::string::npos) << before;
  drift.adopt(*snapshot(same + "seed: 9\n", metrics));  // of nothing that drift depends on
  EXPECT_EQ(told(drift), before);

  Drift second(metrics);
  second.adopt(*first);
  const std::string after = told(second);
  EXPECT_NE(after.find("goes on from an earlier process"), std::string::npos) << after;
  EXPECT_EQ(after.substr(after.find(R"("n":150)")), before.substr(before.find(R"("n":150)")));

  for (const std::string& other :
       {"drift: { reference: 99, tolerance: 0.05 }\nstate: " + dir + "\n",
        same + "signals: { code: { type: keyword, any: [x] } }\n"}) {
    Drift anew(metrics);
    anew.adopt(*snapshot(other, metrics));
    EXPECT_NE(told(anew).find("another configuration"), std::string::npos) << told(anew);
    EXPECT_NE(told(anew).find(R"("n":0)"), std::string::npos);
  }
  std::ofstream(dir + "/drift.json", std::ios::app) << "x";
  Drift damaged(metrics);
  damaged.adopt(*first);
  EXPECT_NE(told(damaged).find("begun anew"), std::string::npos) << told(damaged);
}

TEST(Drift, TheResidualIsOfTheChosenModel) {
  base::JsonDoc doc;
  EXPECT_DOUBLE_EQ(residual_of(doc.parse(record(0.7)).value(), 0.5), -0.2);
  EXPECT_TRUE(std::isnan(residual_of(doc.parse(R"({"decision":{"choice":"x"}})").value(), 1)));
  EXPECT_TRUE(std::isnan(residual_of(doc.parse("{}").value(), 1)));
}

TEST(Drift, ScoresThatFallBehindTheBeliefRaiseAnAlarmAndSteadyOnesDoNot) {
  base::Metrics metrics;
  const auto s = snapshot("drift: { reference: 100, tolerance: 0.05 }\n", metrics);
  Drift drift(metrics);
  drift.adopt(*s);
  base::Rng rng(1, 2, 3);
  for (int i = 0; i < 1500; ++i) hear(drift, record(0.8), rng.uniform() < 0.8 ? 1 : 0);
  EXPECT_TRUE(alarmed(metrics, "quality", 0)) << metrics.prometheus();
  for (int i = 0; i < 400 && alarmed(metrics, "quality", 0); ++i)
    hear(drift, record(0.8), rng.uniform() < 0.4 ? 1 : 0);
  EXPECT_TRUE(alarmed(metrics, "quality", 1)) << metrics.prometheus();
}

TEST(Drift, MoreChoicesWithLittleEvidenceRaiseAnAlarm) {
  base::Metrics metrics;
  const auto s = snapshot("drift: { reference: 100, tolerance: 0.05 }\n", metrics);
  Drift drift(metrics);
  drift.adopt(*s);
  const auto beat = [&](int low, int enough) {
    s->rule_sets[0].low_evidence->add(low);
    s->rule_sets[0].enough_evidence->add(enough);
    drift.beat(*s);
  };
  for (int i = 0; i < 50; ++i) beat(2, 18);
  EXPECT_TRUE(alarmed(metrics, "evidence", 0));
  for (int i = 0; i < 10; ++i) beat(0, 20);  // fewer is no trouble
  EXPECT_TRUE(alarmed(metrics, "evidence", 0));
  for (int i = 0; i < 20 && alarmed(metrics, "evidence", 0); ++i) beat(12, 8);
  EXPECT_TRUE(alarmed(metrics, "evidence", 1)) << metrics.prometheus();
}

// request-routing.md section 6, pitfall 10: thresholds drift with router, pool and traffic.
TEST(Drift, AShareOfTheDearestThatLeavesItsBandRaisesAnAlarm) {
  base::Metrics metrics;
  const auto s = snapshot("drift: { reference: 100, tolerance: 0.05 }\n", metrics);
  EXPECT_EQ(s->rule_sets[0].dearest, std::vector<ExpertId>{kNoExpert});  // one model is none
  for (const int later : {16, 0}) {                                      // up or down
    base::Metrics own;
    Drift drift(own);
    drift.adopt(*s);
    const auto beat = [&](int dear, int other) {
      s->rule_sets[0].of_dearest->add(dear);
      s->rule_sets[0].of_others->add(other);
      drift.beat(*s);
    };
    for (int i = 0; i < 50; ++i) beat(8, 12);
    EXPECT_TRUE(alarmed(own, "dearest", 0));
    for (int i = 0; i < 40 && alarmed(own, "dearest", 0); ++i) beat(later, 20 - later);
    EXPECT_TRUE(alarmed(own, "dearest", 1)) << own.prometheus();
  }
}

TEST(Drift, WithoutTheOptionNothingIsCountedOrSaid) {
  base::Metrics metrics;
  const auto s = snapshot("", metrics);
  EXPECT_EQ(s->rule_sets[0].low_evidence, nullptr);
  Drift drift(metrics);
  drift.adopt(*s);
  EXPECT_FALSE(drift.on());
  hear(drift, record(0.8), 0);
  drift.beat(*s);
  std::string out;
  base::JsonWriter w(out);
  w.begin_object();
  drift.write(w);
  w.end_object();
  EXPECT_EQ(out, R"({"drift":[]})");
}

}  // namespace
}  // namespace swy::gateway
