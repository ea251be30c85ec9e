// Known answers on T4, agreement of sweeps with decide(), output formats, and the published pair on
// real data when it is there.
#include "eval/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/doc.h"
#include "base/json.h"
#include "eval/line.h"
#include "eval/plot.h"
#include "eval/print.h"
#include "eval/testing/tables.h"
#include "record/testing/shared_data.h"

namespace swy::eval {
namespace {

using ::testing::HasSubstr;

Report reported(const Pool& pool, const std::vector<std::string>& routers,
                std::size_t bootstrap = 50) {
  EvalOptions options;
  options.routers = routers;
  options.bootstrap = bootstrap;
  auto report = evaluate(pool, options, route::builtin_registry());
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report.value_or(Report{});
}

const LineReport& line_of(const Report& report, std::string_view name) {
  for (const LineReport& l : report.lines) {
    if (l.name == name) return l;
  }
  ADD_FAILURE() << "no line " << name;
  return report.lines.front();
}

Pool made_pool(std::size_t rows, std::size_t models) {
  auto pool = make_pool(testing::table_from(testing::synthetic_rows(rows, models)), {});
  EXPECT_TRUE(pool);
  return pool ? std::move(*pool) : Pool{};
}

TEST(Evaluate, OracleTakesTheCheapestCorrectModel) {
  const Report r = reported(testing::t4_pool(), {});
  const LineReport& oracle = line_of(r, "oracle");
  EXPECT_NEAR(oracle.points[oracle.best].quality.value, 1.0, 1e-6);
  EXPECT_NEAR(oracle.points[oracle.best].cost, 7.25, 1e-6);
  // Its sweep passes through the other two policies of 3.7.
  const auto has = [&](double cost, double quality) {
    return std::any_of(oracle.points.begin(), oracle.points.end(), [&](const PointReport& p) {
      return std::abs(p.cost - cost) < 1e-6 && std::abs(p.quality.value - quality) < 1e-6;
    });
  };
  EXPECT_TRUE(has(2.5, .75));
  EXPECT_TRUE(has(1, .25));
}

TEST(Evaluate, BestSingleIsTheCheaperOfEquals) {
  const Report r = reported(testing::t4_pool(), {});
  EXPECT_EQ(r.models[r.best_single], "M");
  EXPECT_NEAR(r.best().points[0].cost, 4, 1e-6);
  EXPECT_NEAR(line_of(r, "random").points[0].quality.value, (.25 + .75 + .75) / 3, 1e-6);
  EXPECT_NEAR(line_of(r, "random").points[0].cost, 25.0 / 3, 1e-5);
}

TEST(Evaluate, RegretAndCostAtQualityAreReadOffTheFrontiers) {
  const Report r = reported(testing::t4_pool(), {});
  const CurveReport& mixtures = line_of(r, "mixtures").curve;
  // At M's cost 4 the oracle's frontier has .75 + (4 - 2.5) / 4.75 * .25.
  EXPECT_NEAR(mixtures.regret, 1.5 / 4.75 * .25, 1e-5);
  EXPECT_NEAR(mixtures.cost_100, 4, 1e-6);
  EXPECT_NEAR(mixtures.cost_95, 1 + 3 * (.95 * .75 - .25) / .5, 1e-5);
  // Between S at 1 and L at 20: a triangle up to M, flat after it.
  EXPECT_NEAR(mixtures.aiq.value, (3 * .5 + 16 * .75) / 19, 1e-6);
}

TEST(Evaluate, ASettingOfASweepIsWhatDecideWouldChoose) {
  const Pool pool = made_pool(400, 3);
  const auto registry = route::builtin_registry();
  const auto swept = routed_line(pool, *parse_router("knn+utility", registry), registry, 9);
  ASSERT_TRUE(swept) << swept.error().message;
  ASSERT_EQ(swept->settings.size(), 9U);
  for (std::size_t i = 0; i < 8; ++i) {
    const double price = i == 0 ? 0.0 : price_grid(pool, 7)[i - 1];
    const std::string spec = fmt::format("knn+utility:cost={:.9g},cost_unit=1", price);
    const auto stated = routed_line(pool, *parse_router(spec, registry), registry, 9);
    ASSERT_TRUE(stated) << stated.error().message;
    EXPECT_EQ(stated->settings[0].quality, swept->settings[i].quality) << spec;
    EXPECT_EQ(stated->settings[0].cost, swept->settings[i].cost) << spec;
  }
}

TEST(Evaluate, ALearnedRouterBeatsMixturesWhereWordsTellQuestionsApart) {
  const Report r = reported(made_pool(3000, 2), {"knn"}, 200);
  ASSERT_TRUE(r.pair);
  const CurveReport& knn = line_of(r, "knn").curve;
  EXPECT_GT(knn.apgr.lo, 0.55);
  EXPECT_GT(knn.aiq_gain.lo, 0);
  const CurveReport& mixtures = line_of(r, "mixtures").curve;
  EXPECT_GT(knn.aiq.value, mixtures.aiq.value);
}

TEST(Evaluate, PartsOfACompositionLearnFromTheTrainPart) {
  const Pool pool = made_pool(400, 2);
  const Report r = reported(
      pool, {"knn", "blend:of={ knn: 1 }", "fallback:of=[prior, knn],evidence=5", "prior"});
  const CurveReport& knn = line_of(r, "knn").curve;
  EXPECT_EQ(line_of(r, "blend:of={ knn: 1 }").curve.aiq.value, knn.aiq.value);
  EXPECT_NE(line_of(r, "prior").curve.aiq.value, knn.aiq.value);
}

TEST(Evaluate, ProbabilitiesOfAPolicyAreWeighedNotDrawn) {
  const Pool pool = made_pool(300, 2);
  const auto registry = route::builtin_registry();
  const auto line = routed_line(
      pool, *parse_router("prior+epsilon:epsilon=0.5,inner={ type: utility, cost: 0 }", registry),
      registry, 5);
  ASSERT_TRUE(line) << line.error().message;
  for (std::size_t t = 0; t < pool.test.size(); ++t) {
    const auto q = pool.qualities(pool.test[t]);
    EXPECT_NEAR(static_cast<double>(line->settings[0].quality[t]), .25 * q[0] + .75 * q[1], 1e-6);
  }
}

TEST(Evaluate, AConfigurationIsEvaluatedAsItServes) {
  const Pool pool = made_pool(300, 2);
  const std::string path = ::testing::TempDir() + "eval_config.yaml";
  std::ofstream(path) << "models:\n"
                         "  - { name: small, upstream_model: m0, context: 100000, price: { input: "
                         "1, output: 1 } }\n"
                         "  - { name: m1, context: 100000, price: { input: 2, output: 2 } }\n"
                         "signals:\n  proof: { type: keyword, any: [ring, ideal, lemma, proof, "
                         "field, norm, kernel, module, group, limit, measure, basis] }\n"
                         "routes:\n  auto:\n"
                         "    - { name: hard, when: proof, models: [m1], policy: first }\n"
                         "    - { name: rest, models: [small], policy: first }\n";
  const Report r = reported(pool, {path + ":auto"});
  double expected = 0;
  for (const std::size_t row : pool.test)
    expected += pool.qualities(row)[pool.table.row(row).domain == "hard" ? 1 : 0];
  EXPECT_NEAR(line_of(r, path + ":auto").points[0].quality.value,
              expected / static_cast<double>(pool.test.size()), 1e-6);
  EvalOptions wrong;
  wrong.routers = {path + ":atuo"};
  const auto missing = evaluate(pool, wrong, route::builtin_registry());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("auto"));
  std::filesystem::remove(path);
}

TEST(Evaluate, WithoutCostsThereAreQualitiesAndNoCurves) {
  std::string rows;
  for (int i = 0; i < 60; ++i) {
    rows += fmt::format(
        R"({{"id":"q{0}","prompt":"p{0}","models":{{"a":{{"correct":1}},"b":{{"correct":{1}}}}}}})"
        "\n",
        i, i % 2);
  }
  const auto pool = make_pool(testing::table_from(rows), {});
  ASSERT_TRUE(pool);
  const Report r = reported(*pool, {"knn+utility"});
  EXPECT_FALSE(r.priced);
  EXPECT_NEAR(line_of(r, "knn+utility").points[0].quality.value, 1, 1e-6);
  EXPECT_TRUE(std::isnan(line_of(r, "oracle").curve.aiq.value));
  EXPECT_THAT(to_table(r, false), HasSubstr("always a"));
}

TEST(Evaluate, WhatIsPickedIsASettingOfTheCurveUnderAnotherName) {
  const Report r = reported(made_pool(2000, 3), {"knn"});
  const LineReport& knn = line_of(r, "knn");
  ASSERT_EQ(knn.picks.size(), 5U);
  for (const PickReport& p : knn.picks) {
    for (const PointReport& point : knn.points) {
      if (point.knob != p.knob) continue;
      EXPECT_DOUBLE_EQ(point.quality.value, p.quality.value) << p.knob;
      EXPECT_DOUBLE_EQ(point.cost, p.cost) << p.knob;
    }
    EXPECT_GT(p.quality.value, .5);
    EXPECT_GE(p.regret.value, -1e-9) << "nothing is above the oracle's frontier";
  }
  ASSERT_TRUE(knn.choices);
  EXPECT_GT(knn.choices->any_best, knn.choices->exact_oracle);
  EXPECT_LT(knn.choices->all.ece, .1);
  EXPECT_GE(knn.us_p99, knn.us_p50);
}

TEST(Evaluate, ARouterThatReadsNothingIsUnmovedByNoise) {
  EvalOptions options;
  options.routers = {"prior", "knn"};
  options.noise = 100;
  options.bootstrap = 0;
  const auto r = evaluate(made_pool(1000, 3), options, route::builtin_registry());
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(line_of(*r, "prior").noise.unchanged, 100U);
  const Noise& knn = line_of(*r, "knn").noise;
  EXPECT_EQ(knn.asked, 100U);
  EXPECT_LT(knn.unchanged, 100U);
  EXPECT_GT(knn.unchanged, 60U);
}

TEST(Evaluate, MissingQualitiesOfARouterAreWorthNothingAndDoNotStopTheReport) {
  // `live` knows no quality at all.
  const Report r = reported(made_pool(300, 3), {"live"});
  const LineReport& live = line_of(r, "live");
  ASSERT_TRUE(live.choices);
  EXPECT_EQ(live.choices->chosen.count, 0U);
  EXPECT_EQ(to_json(r).find("nan"), std::string::npos);
}

// Tables that say little must not stop a report, nor put what is no number into it.
TEST(Evaluate, DegenerateTablesGiveAReportWithoutNonsense) {
  const auto rows = [](const std::string& cells) {
    std::string out;
    for (int i = 0; i < 80; ++i) {
      out += fmt::format(R"({{"id":"q{0}","prompt":"word{1} p{0}","models":{{{2}}}}})"
                         "\n",
                         i, i % 7, cells);
    }
    return out;
  };
  for (const char* cells :
       {R"("a":{"correct":1,"tokens_in":5,"tokens_out":5,"cost":1})",   // one model
        R"("a":{"correct":1,"cost":1},"b":{"correct":1,"cost":2})",     // one class
        R"("a":{"correct":0,"cost":1},"b":{"correct":0,"cost":2})",     // the other
        R"("a":{"score":0.4,"cost":1},"b":{"score":0.4,"cost":1})",     // all equal
        R"("a":{"correct":1},"b":{"correct":0})",                       // no prices
        R"("a":{"correct":1,"cost":0},"b":{"correct":0,"cost":0})"}) {  // all free
    const auto pool = make_pool(testing::table_from(rows(cells)), {});
    ASSERT_TRUE(pool) << cells;
    const Report r = reported(*pool, {"knn+utility", "clusters+utility", "prior+utility"}, 20);
    const std::string json = to_json(r);
    EXPECT_EQ(json.find("nan"), std::string::npos) << cells;
    EXPECT_EQ(json.find("inf"), std::string::npos) << cells;
    EXPECT_FALSE(to_table(r, false).empty());
  }
}

// A constant belief differs a little between what was learned from all rows and from some; a bar
// right at it would call nobody.
TEST(Evaluate, CallingTheStrongModelForEverythingIsChosenForEverything) {
  const Report r = reported(made_pool(600, 2), {"prior"});
  const LineReport& prior = line_of(r, "prior");
  ASSERT_FALSE(prior.picks.empty());
  EXPECT_NEAR(prior.picks[0].over_best.value, 0, 1e-9);
}

TEST(Evaluate, UnknownRoutersAndModelsAreNamedWithTheNearest) {
  EvalOptions options;
  options.routers = {"always:MM"};
  const Pool pool = testing::t4_pool();
  const auto report = evaluate(pool, options, route::builtin_registry());
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("MM"));
  options.routers = {"knn+threshold"};
  const auto pair = evaluate(pool, options, route::builtin_registry());
  ASSERT_FALSE(pair);
  EXPECT_THAT(pair.error().message, HasSubstr("two models"));
}

TEST(Evaluate, IsTheSameTwice) {
  const Pool pool = made_pool(300, 3);
  Report a = reported(pool, {"knn"});
  Report b = reported(pool, {"knn"});
  for (Report* r : {&a, &b}) {
    r->seconds = 0;
    for (LineReport& l : r->lines) l.decide_us = l.us_p50 = l.us_p90 = l.us_p99 = 0;
  }
  EXPECT_TRUE(to_json(a) == to_json(b));
  EXPECT_EQ(to_csv(a), to_csv(b));
}

// Every opened element is closed, in order; nothing is left over.
bool balanced(std::string_view xml) {
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != std::string_view::npos; at = xml.find('<', at + 1)) {
    const std::size_t end = xml.find('>', at);
    if (end == std::string_view::npos) return false;
    const std::string_view tag = xml.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string_view::npos) return false;
    if (tag.back() == '/') continue;
    const std::string name(
        tag.substr(tag[0] == '/' ? 1 : 0, tag.find(' ') - (tag[0] == '/' ? 1 : 0)));
    if (tag[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return false;
    } else {
      open.pop_back();
    }
  }
  return open.empty();
}

TEST(Evaluate, ThePlotIsWellFormedWithEveryLabelOfASmallPool) {
  std::string rows = testing::synthetic_rows(400, 4);
  for (std::size_t at = rows.find("\"m0\""); at != std::string::npos; at = rows.find("\"m0\"", at))
    rows.replace(at, 4, "\"<m&0>\"");
  const auto pool = make_pool(testing::table_from(rows), {});
  ASSERT_TRUE(pool);
  const std::string svg = to_svg(reported(*pool, {"knn", "prior"}));
  EXPECT_TRUE(balanced(svg));
  EXPECT_THAT(svg, HasSubstr("&lt;m&amp;0&gt;"));
  for (const char* name : {"m1", "m2", "m3", "oracle", "knn", "prior"})
    EXPECT_THAT(svg, HasSubstr(fmt::format(">{}<", name)));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(Evaluate, FilesAreWrittenAndCsvHasAColumnPerModel) {
  const Report r = reported(testing::t4_pool(), {"prior"});
  const std::string dir = ::testing::TempDir() + "eval_out";
  const auto written = write_files(r, dir);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->size(), 4U);
  base::JsonDoc doc;
  EXPECT_TRUE(doc.parse(*base::read_file(dir + "/report.json")));
  const std::string csv = *base::read_file(dir + "/points.csv");
  const std::string head = csv.substr(0, csv.find('\n'));
  EXPECT_THAT(head, HasSubstr("share:S,share:M,share:L"));
  std::size_t begin = 0;
  for (std::size_t end = csv.find('\n'); end != std::string::npos; end = csv.find('\n', begin)) {
    EXPECT_EQ(std::count(csv.begin() + static_cast<std::ptrdiff_t>(begin),
                         csv.begin() + static_cast<std::ptrdiff_t>(end), ','),
              std::count(head.begin(), head.end(), ','));
    begin = end + 1;
  }
  std::filesystem::remove_all(dir);
}

TEST(Evaluate, RouteLlmsPairOnRealDataGivesTheKnownReferencePoints) {
  const auto data = record::shared_data();
  if (!data) GTEST_SKIP() << "no real data: set SWY_DATA or put it in ../shared/data";
  const std::string path = *data + "/routellm/routellm-mmlu.jsonl.gz";
  EvalOptions options;
  options.pool.data = {path};
  options.routers = {"knn:neighbours=60"};
  options.bootstrap = 100;
  const auto report = evaluate(options, route::builtin_registry());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->models[report->best_single], "gpt-4-1106-preview");
  // routing-benchmarks.md 4.1, on the part that is here, within the noise of 4.5 (.03 standard
  // error).
  EXPECT_NEAR(report->best().points[0].quality.value, .8059, .025);
  EXPECT_NEAR(line_of(*report, "oracle").points[0].quality.value, .8587, .025);
  EXPECT_NEAR(line_of(*report, "length").curve.apgr.value, .583, .07);
  EXPECT_NEAR(line_of(*report, "knn:neighbours=60").curve.apgr.value, .630, .07);
  EXPECT_GT(line_of(*report, "knn:neighbours=60").curve.apgr.lo, .5);
}

}  // namespace
}  // namespace swy::eval
