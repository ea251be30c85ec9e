#include "gateway/onboarding.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/fake_clock.h"
#include "flow/prompts.h"
#include "http/server.h"
#include "switchyard/registry.h"

namespace swy::gateway {
namespace {

// An upstream that answers what a function says; "" : status 500.
class Answers final : public http::Handler {
 public:
  explicit Answers(net::Loop& loop) : server_(loop, *this, {}) {
    EXPECT_TRUE(server_.listen({.address = "127.0.0.1", .port = 0}));
  }
  base::Task<void> handle(http::Request request, http::ServerConnection& connection) override {
    ++requests;
    const auto body = doc_.decode(request.body);
    EXPECT_TRUE(body.has_value());
    const std::string model(doc_.request().model);
    const std::string prompt(doc_.request().parts[0].text);
    const std::string text = answer(model, prompt);
    std::string out;
    base::JsonWriter w(out);
    w.begin_object().field("object", "chat.completion").field("model", model);
    w.key("choices").begin_array().begin_object().field("index", 0).field("finish_reason", "stop");
    w.key("message").begin_object().field("role", "assistant").field("content", text).end_object();
    w.end_object().end_array().key("usage").begin_object().field("prompt_tokens", 10);
    w.field("completion_tokens", 20).field("total_tokens", 30).end_object().end_object();
    wire::Headers headers;
    headers.add("Content-Type", "application/json");
    (void)co_await connection.respond(text.empty() ? 500 : 200, headers, out);
  }
  std::string error_body(int /*status*/, const Error& error) override { return error.message; }
  [[nodiscard]] unsigned port() const { return server_.port(); }

  std::function<std::string(const std::string& model, const std::string& prompt)> answer;
  int requests = 0;

 private:
  chat::RequestDoc doc_;
  http::Server server_;
};

class OnboardingLab : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "swy_onboarding_XXXXXX";
    ASSERT_NE(mkdtemp(dir_.data()), nullptr);
    std::ofstream rows(dir_ + "/known.jsonl");
    std::ofstream answers(dir_ + "/known.responses.jsonl");
    for (int i = 0; i < 40; ++i) {
      rows << fmt::format(
                  R"({{"id":"q{0}","prompt":"what is {0}","models":{{"small":{{"correct":1}}}}}})",
                  i)
           << "\n";
      answers << fmt::format(R"({{"id":"q{0}","responses":{{"small":"{0}"}}}})", i) << "\n";
    }
    upstream_.answer = [](const std::string&, const std::string& prompt) {
      return prompt.substr(prompt.rfind(' ') + 1);  // right
    };
  }

  std::shared_ptr<const Snapshot> snapshot(const std::string& onboarding,
                                           const std::string& card = "") {
    const std::string text = fmt::format(
        "upstreams:\n  local: {{ url: \"http://127.0.0.1:{}/v1\" }}\n"
        "models:\n  - {{ name: small, upstream: local, price: {{ input: 1, output: 2 }} }}\n"
        "  - {{ name: fresh, upstream: local, price: {{ input: 100, output: 200 }} {} }}\n"
        "  - {{ name: grader, upstream: local, price: {{ input: 1, output: 1 }} }}\n"
        "estimators:\n  past: {{ type: knn, table: [known.jsonl, probes/] }}\n"
        "routes:\n  auto: [ {{ name: any, models: [small, fresh], estimator: past }} ]\n"
        "onboarding: {{ table: known.jsonl, directory: probes/{} }}\n",
        upstream_.port(), card, onboarding);
    base::Diagnostics diag("c.yaml");
    auto config = parse_config(text, dir_ + "/c.yaml", registry_, diag);
    EXPECT_NE(config, nullptr) << diag.to_text();
    return make_snapshot(config, nullptr, metrics_);
  }
  // Until the condition holds; the loop's own deadlines end what hangs.
  void until(const std::function<bool()>& condition) {
    for (int i = 0; i < 20'000 && !condition(); ++i) (void)loop_.run_for(net::kMillisecond);
    EXPECT_TRUE(condition()) << told();
  }
  std::string told() { return onboarding_.tell(); }
  bool tells(const std::string& text) { return told().find(text) != std::string::npos; }

  std::string dir_;
  const route::Registry registry_ = route::builtin_registry();
  base::Metrics metrics_;
  net::Loop loop_;
  Answers upstream_{loop_};
  std::vector<std::string> lines_;
  int published_ = 0;
  Onboarding onboarding_{loop_,
                         system_clock(),
                         metrics_,
                         {.record = [this](std::string line) { lines_.push_back(std::move(line)); },
                          .publish = [this] { ++published_; }}};
};

TEST_F(OnboardingLab, AsksANewModelItsProbesOnceAndPublishesATable) {
  onboarding_.adopt(snapshot(", probes: 12, concurrency: 3"));
  EXPECT_TRUE(tells(R"({"model":"small","state":"known"})")) << told();
  until([this] { return published_ == 1; });
  EXPECT_EQ(upstream_.requests, 12);
  EXPECT_TRUE(tells(R"("model":"fresh","state":"probed","probes":12,"observations":12)")) << told();
  EXPECT_TRUE(tells(R"("mean":1)")) << told();
  EXPECT_FALSE(tells("grader")) << "no rule may choose it";
  const auto table = record::load_outcomes(dir_ + "/probes");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows(), 12U);
  ASSERT_EQ(lines_.size(), 12U);
  EXPECT_NE(lines_[0].find(R"("kind":"probe")"), std::string::npos);
  EXPECT_NE(lines_[0].find(R"("cost_nano":5000000)"), std::string::npos) << lines_[0];
  EXPECT_NE(
      metrics_.prometheus().find(R"(switchyard_probes_total{model="fresh",result="scored"} 12)"),
      std::string::npos);
  // Read again, as a reload and a restart do: nothing more is asked, nothing published.
  onboarding_.adopt(snapshot(", probes: 12, concurrency: 3"));
  until([this] { return tells(R"("state":"probed")"); });
  EXPECT_EQ(upstream_.requests, 12);
  EXPECT_EQ(published_, 1);
  // More probes: only those that are missing.
  onboarding_.adopt(snapshot(", probes: 20"));
  until([this] { return published_ == 2; });
  EXPECT_EQ(upstream_.requests, 20);
}

TEST_F(OnboardingLab, StopsBeforeTheBudgetCanBeExceeded) {
  // A probe costs 0.005 USD; at most about 0.0013 + 0.02 with 100 tokens of answer.
  onboarding_.adopt(snapshot(", probes: 12, concurrency: 3, max_tokens: 100, max_cost_usd: 0.05"));
  until([this] { return published_ == 1; });
  EXPECT_TRUE(tells("of max_cost_usd are left")) << told();
  EXPECT_GE(upstream_.requests, 4);
  EXPECT_LE(upstream_.requests, 7);  // 0.05 - 7 * 0.005 is less than one can cost
  onboarding_.adopt(snapshot(", probes: 12, max_tokens: 100, max_cost_usd: 0.05"));
  const int asked = upstream_.requests;
  until([this] { return tells(R"("state":"probed")"); });
  EXPECT_LE(upstream_.requests, asked + 1);  // what is left may be enough for one, asked alone
}

TEST_F(OnboardingLab, AJudgesGradeIsTheScoreAndItsCostCounts) {
  upstream_.answer = [](const std::string& model, const std::string& prompt) {
    return model == "grader" ? std::string("Grade: 75") : "an essay on " + prompt;
  };
  onboarding_.adopt(snapshot(", probes: 4, judge: grader"));
  until([this] { return published_ == 1; });
  EXPECT_EQ(upstream_.requests, 8);
  EXPECT_TRUE(tells(R"("mean":0.75)")) << told();
  EXPECT_TRUE(tells(R"("cost_usd":0.02012,)")) << told();  // 4 * (0.005 + 0.00003)
  EXPECT_EQ(std::count_if(
                lines_.begin(), lines_.end(),
                [](const auto& l) { return l.find(R"("purpose":"judge")") != std::string::npos; }),
            4);
}

TEST_F(OnboardingLab, AnAnswerThatFailsIsFollowedByAnotherQuestion) {
  upstream_.answer = [this](const std::string&, const std::string& prompt) {
    return upstream_.requests <= 2 ? std::string() : prompt.substr(prompt.rfind(' ') + 1);
  };
  onboarding_.adopt(snapshot(", probes: 5, concurrency: 1"));
  until([this] { return published_ == 1; });
  EXPECT_EQ(upstream_.requests, 7);
  EXPECT_TRUE(tells(R"("observations":5,"published":5,"asked":7,"failed":2)")) << told();
}

TEST_F(OnboardingLab, AModelThatLeavesWhileItIsProbedIsNotAskedAnyMore) {
  auto first = snapshot(", probes: 30, concurrency: 1");
  auto config = std::make_shared<Config>(*first->config);
  config->onboarding.reset();
  const auto without = make_snapshot(config, nullptr, metrics_);
  bool left = false;
  upstream_.answer = [&](const std::string&, const std::string& prompt) {
    if (upstream_.requests == 3) {
      loop_.post([&] {
        onboarding_.adopt(without);
        left = true;
      });
    }
    return prompt.substr(prompt.rfind(' ') + 1);
  };
  onboarding_.adopt(first);
  until([&] { return left; });
  const int asked = upstream_.requests;
  (void)loop_.run_for(20 * net::kMillisecond);
  EXPECT_LE(upstream_.requests, asked + 1);  // what was on its way
  EXPECT_EQ(published_, 0);
  // It comes back: what was learned is still there.
  onboarding_.adopt(first);
  until([this] { return published_ == 1; });
  EXPECT_LE(upstream_.requests, 31);
}

TEST_F(OnboardingLab, FeedbackOnItsAnswersJoinsItsOutcomesOnceEach) {
  onboarding_.adopt(snapshot(", probes: 5, feedback: 20"));
  until([this] { return published_ == 1; });
  const auto hear = [this](const std::string& id, const std::string& model, bool body) {
    std::string line = fmt::format(
        R"({{"v":1,"kind":"request","id":"{}","decision":{{"choice":"{}"}},)"
        R"("outcome":{{"status":200,"model":"{}","tokens_in":3,"tokens_out":4,"cost_nano":5000}})",
        id, model, model);
    if (body) {
      line += R"(,"body":"{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",)"
              R"(\"content\":\"real question )" +
              id + R"(\"}]}")";
    }
    base::JsonDoc doc;
    const auto record = doc.parse(line + "}");
    ASSERT_TRUE(record) << line;
    onboarding_.hear(*record, 0);
  };
  hear("r0", "small", true);   // not new
  hear("r0", "fresh", false);  // its question was not kept
  EXPECT_TRUE(tells(R"("observations":5)")) << told();
  for (int i = 0; i < 9; ++i) hear(fmt::format("r{}", i), "fresh", true);
  hear("r3", "fresh", true);  // again
  EXPECT_TRUE(tells(R"("observations":14,"published":5)")) << told();
  EXPECT_EQ(published_, 1);
  hear("r9", "fresh", true);
  EXPECT_EQ(published_, 2);
  EXPECT_EQ(record::load_outcomes(dir_ + "/probes")->rows(), 15U);
  EXPECT_TRUE(tells(R"("cost_usd":0.025)")) << told();  // of the five probes
  for (int i = 10; i < 40; ++i) hear(fmt::format("r{}", i), "fresh", true);
  EXPECT_TRUE(tells(R"("observations":20,"published":20)")) << told();
}

}  // namespace
}  // namespace swy::gateway
