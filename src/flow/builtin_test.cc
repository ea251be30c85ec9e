// What every strategy keeps, over the whole registry: files, tests, reference page; bounded, paid,
// reproducible, total on odd answers.
#include "flow/builtin.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "flow/testing/scripted.h"
#include "route/describe.h"

namespace swy::flow {
namespace {

const std::filesystem::path kRoot = SWY_SOURCE_DIR;

std::string page() {
  return base::read_file((kRoot / "docs/reference/flows.md").string()).value_or("");
}

TEST(Strategies, HaveAFileATestAndASectionWithTheirOptions) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "src/flow/strategy")) {
    const std::string stem = entry.path().stem().string();
    if (stem.ends_with("_test")) continue;
    ++files;
    EXPECT_EQ(builtin_registry().strategies().count(stem), 1U)
        << entry.path() << " is not in src/builtin.def";
  }
  EXPECT_EQ(files, builtin_registry().strategies().size());
  for (const route::PluginInfo& info : route::describe(builtin_registry())) {
    if (info.kind != "strategy") continue;
    EXPECT_TRUE(std::filesystem::exists(kRoot / "src/flow/strategy" / (info.name + "_test.cc")));
    EXPECT_NE(page().find("\n## " + info.name + "\n"), std::string::npos) << info.name;
    EXPECT_NE(page().find(route::options_table(info)), std::string::npos)
        << "section " << info.name << " should have:\n"
        << route::options_table(info);
  }
}

// One working configuration of each.
const std::map<std::string, std::string> kExamples = {
    {"cascade", "{ type: cascade, threshold: .8 }"},
    {"agreement", "{ type: agreement }"},
    {"automix", "{ type: automix, threshold: .5 }"},
    {"acar", "{ type: acar }"},
    {"cascade_routing", "{ type: cascade_routing, cost: .01 }"},
    {"prism", "{ type: prism }"},
    {"remom", "{ type: remom, breadth: [3] }"},
    {"gate", "{ type: gate, judge: L }"},
    {"best_route", "{ type: best_route, judge: M }"},
    {"best_set", "{ type: best_set, budget: .01 }"},
    {"treehop",
     "{ type: treehop, passages: " + (kRoot / "src/flow/testing/passages.jsonl").string() + " }"},
    {"arch_router",
     "{ type: arch_router, router: L, routes: { a: { when: one, model: S }, b: { when: two, model: "
     "M } } }"},
    {"speculative", "{ type: speculative, alpha: .2, confidence: believed }"},
};

class EveryStrategy : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryStrategy, EndsWithinItsLimitsWhateverIsAnswered) {
  ASSERT_EQ(kExamples.count(GetParam()), 1U) << "give an example configuration of it";
  testing::FlowLab lab(kExamples.at(GetParam()));
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  const std::vector<std::string> texts = {"a", "b", "", "CORRECT", "50", "\"answer\":", "12.0"};
  base::Rng rng(11, 12, 13);
  for (int round = 0; round < 300; ++round) {
    testing::ScriptedCaller caller;
    for (std::uint32_t m = 0; m < 3; ++m) {
      for (int s = 0; s < 6; ++s) {
        const testing::Said said{texts[rng.below(texts.size())], 1, rng.below(4) == 0};
        caller.answers[m].push_back(said);
        caller.verdicts[m].push_back({texts[rng.below(texts.size())], 1, rng.below(4) == 0});
      }
    }
    Start start = lab.start();
    for (std::uint8_t& a : start.allowed) a = rng.below(4) == 0 ? 0 : 1;
    if (start.allowed[0] + start.allowed[1] + start.allowed[2] == 0) start.allowed[2] = 1;
    for (route::Belief& b : start.beliefs) {
      if (rng.below(3) == 0) b.quality = route::kUnknownNumber;
    }
    const Start again = start;
    const Ended e = lab.ask(caller, start);
    EXPECT_LE(static_cast<std::int64_t>(e.seen.size()), lab.rule().limits.max_calls);
    EXPECT_NEAR(e.cost_usd(), static_cast<double>(e.seen.size()), 1e-9);  // each costs 1
    for (const route::Observation& o : e.seen) EXPECT_EQ(start.allowed[o.candidate], 1);
    if (e.answer) {
      ASSERT_LT(*e.answer, e.seen.size());
      EXPECT_FALSE(e.seen[*e.answer].failed);
      EXPECT_EQ(e.seen[*e.answer].purpose, route::Purpose::kAnswer);
    }
    EXPECT_FALSE(e.why.view().empty());
    const Ended same = lab.ask(caller, again);  // the same episode, the same steps
    ASSERT_EQ(same.seen.size(), e.seen.size());
    EXPECT_EQ(same.answer, e.answer);
  }
}

TEST_P(EveryStrategy, AnswersWhenTheOnlyAllowedModelDoes) {
  testing::FlowLab lab(kExamples.at(GetParam()));
  ASSERT_NE(lab.plan, nullptr) << lab.errors();
  Start start = lab.start();
  start.allowed = {1, 0, 0};
  testing::ScriptedCaller caller;
  for (std::uint32_t m = 0; m < 3; ++m) caller.answers[m] = {{"42", 1}};
  const Ended e = lab.ask(caller, start);
  EXPECT_EQ(testing::answer_of(e), "42") << e.why.view();
}

std::vector<std::string> names() {
  const route::Registry registry = builtin_registry();
  std::vector<std::string> out;
  for (const auto& [name, make] : registry.strategies()) out.push_back(name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, EveryStrategy, ::testing::ValuesIn(names()),
                         [](const auto& p) { return p.param; });

}  // namespace
}  // namespace swy::flow
