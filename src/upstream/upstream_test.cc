// What a healthy scripted upstream answers, over real sockets on the loopback.
#include "upstream/upstream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "net/testing/certificate.h"
#include "upstream/testing/rig.h"

namespace swy::upstream {
namespace {

using testing::Ask;
using testing::content_of;
using testing::events;
using testing::Got;
using testing::Rig;

AnswerBook small_book() {
  const std::filesystem::path dir = std::filesystem::path(::testing::TempDir()) / "upstream_test";
  std::filesystem::create_directories(dir);
  std::ofstream(dir / "t.jsonl")
      << R"({"id":"a","prompt":"What is 17 + 25?","models":{"small":{"correct":1,"tokens_in":12,"tokens_out":7},"large":{"correct":1,"tokens_out":20}}})"
      << '\n';
  std::ofstream(dir / "t.responses.jsonl")
      << R"({"id":"a","responses":{"small":"17 + 25 = 42 – übrigens ✓"}})" << '\n';
  const std::vector<std::string> paths{dir.string()};
  auto book = AnswerBook::load(paths);
  EXPECT_TRUE(book);
  return std::move(*book);
}

std::int64_t usage(const std::string& json, std::string_view key) {
  base::JsonDoc doc;
  const auto parsed = doc.parse(json);
  if (!parsed || !parsed->find("usage")) return -999;
  return parsed->find("usage")->integer_or(key, -998);
}

TEST(Upstream, a_known_prompt_gets_the_recorded_answer_and_its_token_counts) {
  Rig rig({}, small_book());
  const Got got = rig.chat("small", "What is 17 + 25?", false);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.content_type, "application/json");
  EXPECT_EQ(content_of(got), "17 + 25 = 42 – übrigens ✓");
  EXPECT_EQ(usage(got.body, "prompt_tokens"), 12);
  EXPECT_EQ(usage(got.body, "completion_tokens"), 7);
  EXPECT_NE(got.body.find(R"("model":"small")"), std::string::npos);
}

TEST(Upstream, an_answer_that_was_not_kept_is_simulated_at_the_recorded_length_and_says_so) {
  Rig rig({}, small_book());
  const Got got = rig.chat("large", "What  is 17 + 25?", false);
  EXPECT_EQ(content_of(got).rfind("[simulated answer of large to \"What  is 17 + 25?\"]", 0), 0u);
  EXPECT_GE(content_of(got).size(), 80u);
  EXPECT_EQ(usage(got.body, "completion_tokens"), 20);
  const Got unknown = rig.chat("any/name:1", "Unheard of", false);
  EXPECT_EQ(content_of(unknown), "[simulated answer of any/name:1 to \"Unheard of\"]");
  EXPECT_GT(usage(unknown.body, "prompt_tokens"), 0);
}

TEST(Upstream, recorded_as_lends_a_model_the_answers_of_another) {
  Rig rig({.models = {{"mine", 0, 0, 0, "small"}}}, small_book());
  EXPECT_EQ(content_of(rig.chat("mine", "What is 17 + 25?", false)), "17 + 25 = 42 – übrigens ✓");
}

TEST(Upstream, a_stream_has_role_content_finish_and_done_in_this_order) {
  Rig rig({}, small_book());
  const Got got = rig.chat("small", "What is 17 + 25?", true);
  EXPECT_EQ(got.content_type, "text/event-stream; charset=utf-8");
  EXPECT_FALSE(got.error);
  const auto all = events(got.body);
  ASSERT_GE(all.size(), 5u);
  EXPECT_NE(all[0].find(R"("role":"assistant")"), std::string::npos);
  for (std::size_t i = 1; i + 2 < all.size(); ++i) {
    EXPECT_NE(all[i].find(R"("finish_reason":null)"), std::string::npos);
    EXPECT_NE(all[i].find(R"("content":")"), std::string::npos);
  }
  EXPECT_NE(all[all.size() - 2].find(R"("finish_reason":"stop")"), std::string::npos);
  EXPECT_EQ(all.back(), "[DONE]");
  EXPECT_EQ(content_of(got), "17 + 25 = 42 – übrigens ✓");
  EXPECT_EQ(got.body.find("usage"), std::string::npos);
}

TEST(Upstream, usage_is_streamed_before_done_when_asked_for) {
  Rig rig({}, small_book());
  const Got got = rig.ask(
      {.body =
           R"({"model":"small","messages":[{"role":"user","content":[{"type":"text","text":"What is 17 + 25?"}]}],"stream":true,"stream_options":{"include_usage":true}})"});
  const auto all = events(got.body);
  ASSERT_GE(all.size(), 3u);
  EXPECT_EQ(usage(all[all.size() - 2], "completion_tokens"), 7);
  EXPECT_NE(all[all.size() - 2].find(R"("choices":[])"), std::string::npos);
  EXPECT_NE(all[0].find(R"("usage":null)"), std::string::npos);
}

TEST(Upstream, max_tokens_cuts_the_answer_with_finish_reason_length) {
  Rig rig({}, small_book());
  Ask a;
  chat::append_request(a.body, "small", "What is 17 + 25?", false, 3);
  const Got got = rig.ask(a);
  EXPECT_EQ(usage(got.body, "completion_tokens"), 3);
  EXPECT_NE(got.body.find(R"("finish_reason":"length")"), std::string::npos);
  const std::string text = content_of(got);
  EXPECT_FALSE(text.empty());
  EXPECT_EQ(std::string("17 + 25 = 42 – übrigens ✓").rfind(text, 0), 0u);
}

TEST(Upstream, a_fixed_number_of_chunks_is_kept_for_any_answer) {
  Rig rig({.fast = true, .chunks = 50}, small_book());
  for (const char* prompt : {"What is 17 + 25?", "x"}) {
    EXPECT_EQ(events(rig.chat("small", prompt, true).body).size(), 50u + 3u);
  }
}

TEST(Upstream, equal_seeds_give_equal_bytes_and_another_seed_does_not) {
  const auto play = [](std::uint64_t seed) {
    Rig rig({.seed = seed, .models = {{"*", 2, 0, 0.5, ""}}}, small_book());
    std::string all;
    for (int i = 0; i < 5; ++i) all += rig.chat("small", "What is 17 + 25?", i % 2 == 0).body;
    return all;
  };
  const std::string first = play(11);
  EXPECT_EQ(first, play(11));
  EXPECT_NE(first, play(12));
}

TEST(Upstream, first_content_and_every_next_one_come_at_their_time) {
  Rig rig({.models = {{"m", 60, 100, 0, ""}}, .chunks = 10});
  const std::int64_t start = rig.loop.now_ns();
  const Got got = rig.chat("m", "hello", true);
  const double ms = static_cast<double>(rig.loop.now_ns() - start) / 1e6;
  EXPECT_EQ(events(got.body).size(), 13u);
  EXPECT_GE(ms, 60 + 9 * 10);
  EXPECT_LT(ms, 60 + 9 * 10 + 1000);  // a loaded machine wakes late, never early
}

TEST(Upstream, models_health_and_unknown_paths_are_answered) {
  Rig rig({.models = {{"listed", 0, 0, 0, ""}, {"*", 0, 0, 0, ""}}}, small_book());
  const Got models = rig.ask({.method = "GET", .target = "/v1/models?x=1"});
  for (const char* id : {R"("id":"listed")", R"("id":"small")", R"("id":"large")"}) {
    EXPECT_NE(models.body.find(id), std::string::npos) << models.body;
  }
  EXPECT_EQ(models.body.find(R"("id":"*")"), std::string::npos);
  EXPECT_EQ(rig.ask({.method = "GET", .target = "/healthz"}).status, 200);
  EXPECT_EQ(rig.ask({.method = "GET", .target = "/v1/nothing"}).status, 404);
  EXPECT_EQ(rig.ask({.method = "GET"}).status, 405);
  EXPECT_EQ(rig.ask({.body = "{"}).status, 400);
  EXPECT_EQ(rig.ask({.body = R"({"model":"m","messages":[]})"}).status, 400);
}

TEST(Upstream, a_wrong_key_and_an_unlisted_model_are_refused_when_configured) {
  Rig rig({.models = {{"listed", 0, 0, 0, ""}}, .only_listed = true, .api_key = "k"});
  EXPECT_EQ(rig.chat("listed", "x", false).status, 401);
  Ask a{.headers = {{"authorization", "Bearer k"}}};
  chat::append_request(a.body, "listed", "x", false, 0);
  EXPECT_EQ(rig.ask(a).status, 200);
  a.body.clear();
  chat::append_request(a.body, "other", "x", false, 0);
  const Got got = rig.ask(a);
  EXPECT_EQ(got.status, 404);
  EXPECT_NE(got.body.find("model_not_found"), std::string::npos);
}

TEST(Upstream, what_was_received_can_be_looked_at_and_forgotten) {
  Rig rig({.remember = 2});
  for (const char* model : {"one", "two", "three"}) {
    Ask a{.headers = {{"X-Mark", model}, {"X-Mark", "again"}}};
    chat::append_request(a.body, model, "x", false, 0);
    EXPECT_EQ(rig.ask(a).status, 200);
  }
  base::JsonDoc doc;
  const std::string seen = rig.ask({.method = "GET", .target = "/script/requests"}).body;
  const auto json = doc.parse(seen);
  ASSERT_TRUE(json);
  std::vector<std::string> marks;
  json->find("requests")->each([&](const base::Json& r) {
    marks.emplace_back(r.find("headers")->string_or("x-mark", ""));
    EXPECT_EQ(r.string_or("method", ""), "POST");
    EXPECT_NE(r.string_or("body", "").find("messages"), std::string_view::npos);
  });
  EXPECT_EQ(marks, (std::vector<std::string>{"two, again", "three, again"}));
  EXPECT_EQ(rig.script.stats().requests, 3u);
  EXPECT_EQ(rig.ask({.target = "/script/reset"}).status, 200);
  EXPECT_EQ(rig.script.stats().requests, 0u);
  EXPECT_EQ(rig.ask({.method = "GET", .target = "/script/requests"}).body, R"({"requests":[]})");
}

TEST(Upstream, answers_over_tls_when_given_a_certificate) {
  net::Loop loop;
  Script script({});
  ScriptedUpstream upstream(loop, script);
  const auto certificate = net::testing::make_certificate("localhost");
  ASSERT_TRUE(upstream.listen_tls({}, {certificate.certificate_pem, certificate.key_pem}));
  http::ClientOptions options;
  options.tls.verify = false;
  http::ClientPool pool(loop, options);
  Ask ask;
  chat::append_request(ask.body, "m", "hello", true, 0);
  const auto got = http::testing::run(
      loop, testing::fetch(pool, {"127.0.0.1", upstream.port(), true}, std::move(ask)));
  ASSERT_TRUE(got);
  EXPECT_EQ(events(got->body).back(), "[DONE]");
}

base::Task<void> slow_client(Rig& rig, int& done, int& good) {
  Ask ask;
  chat::append_request(ask.body, "slow", "hello", true, 0);
  const Got got = co_await testing::fetch(rig.pool, rig.origin, std::move(ask));
  if (!got.error && events(got.body).size() == 13) ++good;
  if (++done == 1000) rig.loop.stop();
}

TEST(Upstream, a_thousand_slow_streams_run_beside_each_other_on_one_loop) {
  // One after the other they would take 1000 * 2.9 s.
  Rig rig({.models = {{"slow", 2000, 10, 0.2, ""}}, .chunks = 10});
  int done = 0;
  int good = 0;
  for (int i = 0; i < 1000; ++i) rig.loop.spawn(slow_client(rig, done, good));
  rig.loop.run_for(60'000 * net::kMillisecond);
  EXPECT_EQ(done, 1000);
  EXPECT_EQ(good, 1000);
  EXPECT_EQ(rig.script.stats().active, 0);
  EXPECT_EQ(rig.script.stats().aborted, 0u);
}

}  // namespace
}  // namespace swy::upstream
