// The demo data and the example configurations that ship with the project.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/doc.h"
#include "chat/build.h"
#include "chat/openai.h"
#include "record/outcome.h"
#include "route/plan.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"
#include "upstream/answers.h"

namespace swy::upstream {
namespace {

const std::string kDemo = SWY_SOURCE_DIR "/examples/demo";

std::shared_ptr<const route::Plan> compiled(const std::string& path, std::string& findings) {
  const auto text = base::read_file(path);
  base::Diagnostics diag(path);
  if (!text) return nullptr;
  const auto doc = base::parse_yaml(*text, diag);
  std::shared_ptr<const route::Plan> plan;
  if (doc) {
    const route::Registry registry = route::builtin_registry();
    plan = route::compile(*doc, path.substr(0, path.rfind('/')), registry, diag);
  }
  if (!diag.ok() || diag.warnings() > 0) findings = diag.to_text();
  return plan;
}

TEST(Demo, every_row_says_that_it_is_simulated_and_every_model_answers_it) {
  for (const char* name : {"/outcomes.jsonl", "/outcomes.responses.jsonl"}) {
    const auto text = base::read_file(kDemo + name);
    ASSERT_TRUE(text);
    EXPECT_LT(text->size(), 100'000u);
    for (std::size_t at = 0; at < text->size();) {
      const std::size_t end = text->find('\n', at);
      EXPECT_NE(text->substr(at, end - at).find(R"("simulated":true)"), std::string::npos);
      at = end + 1;
    }
  }
  const std::vector<std::string> paths{kDemo};
  const auto book = AnswerBook::load(paths);
  ASSERT_TRUE(book) << book.error().message;
  const auto table = record::load_outcomes(kDemo + "/outcomes.jsonl");
  ASSERT_TRUE(table);
  EXPECT_GE(table->rows(), 60u);
  for (std::size_t i = 0; i < table->rows(); ++i) {
    for (const char* model : {"sim-small", "sim-medium", "sim-large"}) {
      const Recorded r = book->find(table->row(i).prompt, model);
      EXPECT_TRUE(r.text && r.tokens_in && r.tokens_out) << table->row(i).id << " " << model;
    }
  }
}

TEST(Demo, its_configuration_compiles_and_spreads_the_prompts_over_all_models) {
  std::string findings;
  const auto plan = compiled(kDemo + "/switchyard.yaml", findings);
  ASSERT_TRUE(plan) << findings;
  EXPECT_EQ(findings, "");
  const auto table = record::load_outcomes(kDemo + "/outcomes.jsonl");
  ASSERT_TRUE(table);
  std::map<std::string, int> by_model;
  std::set<std::uint32_t> rules;
  route::Scratch scratch;
  for (std::size_t i = 0; i < table->rows(); ++i) {
    std::string body;
    chat::append_request(body, "auto", table->row(i).prompt, false, 0);
    chat::RequestDoc doc;
    ASSERT_TRUE(doc.decode(body));
    route::Work work;
    work.id = i;
    work.request = &doc.request();
    scratch.begin(work, plan->signals.size());
    const auto decision =
        route::decide_now(*plan, *plan->find("auto"), {}, base::Rng(1, i, 0), scratch);
    ASSERT_TRUE(std::holds_alternative<route::Choice>(decision));
    const auto& choice = std::get<route::Choice>(decision);
    by_model[plan->catalogue[choice.expert].name]++;
    rules.insert(choice.rule);
  }
  EXPECT_EQ(rules.size(), 4u);
  for (const char* model : {"sim-small", "sim-medium", "sim-large"}) {
    RecordProperty(model, by_model[model]);
    EXPECT_GE(by_model[model], 3) << model;
  }
  EXPECT_GT(by_model["sim-small"], by_model["sim-large"]);
}

TEST(Demo, the_quickstart_configuration_compiles_without_a_finding) {
  std::string findings;
  EXPECT_TRUE(compiled(SWY_SOURCE_DIR "/examples/quickstart.yaml", findings));
  EXPECT_EQ(findings, "");
}

}  // namespace
}  // namespace swy::upstream
