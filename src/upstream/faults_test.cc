// Every fault, observed by a client as what it is.
#include <gtest/gtest.h>

#include <algorithm>

#include "chat/answer.h"
#include "upstream/testing/rig.h"

namespace swy::upstream {
namespace {

using testing::content_of;
using testing::events;
using testing::Got;
using testing::Rig;

constexpr const char* kPrompt = "tell me something long enough for a few chunks";

ErrorCode code_of(const Got& got) { return got.error ? got.error->code : ErrorCode::kInternal; }

TEST(Faults, a_status_comes_with_the_error_envelope_and_retry_after) {
  Rig rig({});
  for (const bool stream : {false, true}) {
    const Got got = rig.chat("m", kPrompt, stream, "status:429:7");
    EXPECT_EQ(got.status, 429);
    EXPECT_EQ(got.retry_after, "7");
    EXPECT_NE(got.body.find("rate_limit_exceeded"), std::string::npos);
  }
  EXPECT_EQ(rig.chat("m", kPrompt, false, "status:503").status, 503);
  EXPECT_EQ(rig.script.stats().faults, 3u);
}

TEST(Faults, reset_and_cut_break_a_stream_after_so_many_events) {
  Rig rig({});
  for (const char* fault : {"reset:3", "cut:3"}) {
    const Got got = rig.chat("m", kPrompt, true, fault);
    EXPECT_EQ(got.status, 200) << fault;
    EXPECT_EQ(events(got.body).size(), 3u) << fault;
    EXPECT_EQ(code_of(got), ErrorCode::kClosed) << fault;
  }
  EXPECT_EQ(rig.script.stats().aborted, 0u);
}

TEST(Faults, reset_and_cut_at_zero_leave_no_byte) {
  Rig rig({});
  for (const char* fault : {"reset:0", "cut:0"}) {
    for (const bool stream : {false, true}) {
      const Got got = rig.chat("m", kPrompt, stream, fault);
      EXPECT_EQ(got.status, 0) << fault;
      EXPECT_EQ(code_of(got), ErrorCode::kClosed) << fault;
    }
  }
}

TEST(Faults, reset_and_cut_break_a_plain_answer_in_the_middle) {
  Rig rig({});
  for (const char* fault : {"reset:1", "cut:1"}) {
    const Got got = rig.chat("m", kPrompt, false, fault);
    EXPECT_EQ(got.status, 200) << fault;
    EXPECT_FALSE(got.body.empty()) << fault;
    EXPECT_EQ(code_of(got), ErrorCode::kClosed) << fault;
  }
}

TEST(Faults, undone_ends_well_formed_without_done) {
  Rig rig({});
  const Got got = rig.chat("m", kPrompt, true, "undone:2");
  EXPECT_FALSE(got.error);
  EXPECT_EQ(events(got.body).size(), 2u);
  EXPECT_EQ(got.body.find("[DONE]"), std::string::npos);
}

TEST(Faults, an_error_event_is_the_last_of_its_stream) {
  Rig rig({});
  const Got got = rig.chat("m", kPrompt, true, "error:2");
  EXPECT_FALSE(got.error);
  const auto all = events(got.body);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[2].rfind(R"({"error":)", 0), 0u);
  EXPECT_EQ(rig.chat("m", kPrompt, false, "error:0").body.rfind(R"({"error":)", 0), 0u);
}

TEST(Faults, a_limited_stall_is_silent_and_then_goes_on) {
  Rig rig({});
  for (const bool stream : {false, true}) {
    const std::int64_t start = rig.loop.now_ns();
    const Got got = rig.chat("m", kPrompt, stream, "stall:2:150");
    EXPECT_GE(rig.loop.now_ns() - start, 150 * net::kMillisecond);
    EXPECT_FALSE(got.error);
    EXPECT_EQ(content_of(got).rfind("[simulated answer", 0), 0u);
  }
}

TEST(Faults, the_slow_loris_sends_byte_by_byte) {
  Rig rig({});
  const std::int64_t start = rig.loop.now_ns();
  const Got got = rig.chat("m", "x", false, "loris:1");
  EXPECT_GE(rig.loop.now_ns() - start,
            static_cast<std::int64_t>(got.body.size()) * net::kMillisecond);
  EXPECT_NE(content_of(got), "");
  EXPECT_EQ(events(rig.chat("m", "x", true, "loris:1").body).back(), "[DONE]");
}

TEST(Faults, a_delay_comes_before_the_head) {
  Rig rig({});
  const std::int64_t start = rig.loop.now_ns();
  EXPECT_EQ(rig.chat("m", kPrompt, true, "delay:120").status, 200);
  EXPECT_GE(rig.loop.now_ns() - start, 120 * net::kMillisecond);
}

TEST(Faults, malformed_means_json_that_does_not_parse) {
  Rig rig({});
  base::JsonDoc doc;
  EXPECT_FALSE(doc.parse(rig.chat("m", kPrompt, false, "malformed:0").body));
  EXPECT_FALSE(doc.parse(rig.chat("m", kPrompt, false, "undone:0").body));
  const auto all = events(rig.chat("m", kPrompt, true, "malformed:2").body);
  ASSERT_GT(all.size(), 4u);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    EXPECT_EQ(doc.parse(all[i]).has_value(), i != 2) << all[i];
  }
  EXPECT_EQ(all.back(), "[DONE]");
}

TEST(Faults, the_content_type_can_lie) {
  Rig rig({});
  for (const bool stream : {false, true}) {
    EXPECT_EQ(rig.chat("m", kPrompt, stream, "content_type").content_type, "text/html");
  }
}

TEST(Faults, usage_can_be_missing_or_absurd) {
  Rig rig({});
  const Got none = rig.chat("m", kPrompt, false, "no_usage");
  base::JsonDoc doc;
  const auto json = doc.parse(none.body);
  ASSERT_TRUE(json) << none.body;
  EXPECT_FALSE(json->find("usage"));
  EXPECT_NE(content_of(none), "");
  const Got wrong = rig.chat("m", kPrompt, false, "wrong_usage");
  EXPECT_NE(wrong.body.find(R"("prompt_tokens":-1)"), std::string::npos);
}

TEST(Faults, a_body_can_be_empty_or_huge) {
  Rig rig({});
  for (const bool stream : {false, true}) {
    const Got empty = rig.chat("m", kPrompt, stream, "empty");
    EXPECT_EQ(empty.status, 200);
    EXPECT_EQ(empty.body, "");
    EXPECT_FALSE(empty.error);
    EXPECT_EQ(content_of(rig.chat("m", kPrompt, stream, "huge:300000")), std::string(300'000, 'x'));
  }
}

TEST(Faults, a_wrong_fault_header_is_told_and_none_overrides_the_rules) {
  Rig rig({.faults = {{{FaultKind::kStatus, 500, 0}, "", 1, 1, 0}}});
  EXPECT_EQ(rig.chat("m", kPrompt, false).status, 500);
  EXPECT_EQ(rig.chat("m", kPrompt, false, "none").status, 200);
  EXPECT_EQ(rig.chat("m", kPrompt, false, "rest:1").status, 400);
}

TEST(Faults, rules_choose_by_model_turn_and_number_of_times) {
  Rig rig({.faults = {{{FaultKind::kStatus, 503, 0}, "flaky", 1, 2, 2},
                      {{FaultKind::kStatus, 500, 0}, "broken", 1, 1, 0}}});
  std::vector<int> flaky;
  for (int i = 0; i < 8; ++i) {
    flaky.push_back(rig.chat("flaky", kPrompt, false).status);
    EXPECT_EQ(rig.chat("healthy", kPrompt, false).status, 200);
    EXPECT_EQ(rig.chat("broken", kPrompt, false).status, 500);
  }
  EXPECT_EQ(flaky, (std::vector<int>{200, 503, 200, 503, 200, 200, 200, 200}));
}

std::string draw(std::uint64_t seed) {
  Script script({.seed = seed, .faults = {{{FaultKind::kEmpty, 0, 0}, "", 0.3, 1, 0}}});
  std::string out;
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    out += script.choose_fault(n, "m").kind == FaultKind::kEmpty ? 'x' : '.';
  }
  return out;
}

TEST(Faults, chance_comes_from_the_seed_and_meets_its_share) {
  const std::string first = draw(1);
  EXPECT_EQ(first, draw(1));
  EXPECT_NE(first, draw(2));
  // 300 expected, standard deviation 14.5: five of them either side.
  EXPECT_NEAR(static_cast<double>(std::count(first.begin(), first.end(), 'x')), 300, 73);
}

TEST(Faults, rules_can_be_set_while_running) {
  Rig rig({});
  EXPECT_EQ(rig.ask({.target = "/script/faults",
                     .body = R"({"faults":[{"fault":"status:503","times":1}]})"})
                .body,
            R"({"faults":1})");
  EXPECT_EQ(rig.chat("m", kPrompt, false).status, 503);
  EXPECT_EQ(rig.chat("m", kPrompt, false).status, 200);
  const Got bad =
      rig.ask({.target = "/script/faults", .body = R"({"faults":[{"fault":"stats:503"}]})"});
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("did you mean status"), std::string::npos) << bad.body;
}

base::Task<int> leave_early(Rig& rig) {
  http::Call call(rig.pool);
  std::string body;
  chat::append_request(body, "slow", kPrompt, true, 0);
  const http::OutRequest request{"POST", "/v1/chat/completions", nullptr, body};
  const auto head = co_await call.start(rig.origin, request);
  if (head) (void)co_await call.read_body();
  call.cancel();
  for (int i = 0; i < 200 && rig.script.stats().aborted == 0; ++i) {
    co_await rig.loop.sleep_for(10 * net::kMillisecond);
  }
  co_return static_cast<int>(rig.script.stats().active);
}

TEST(Faults, a_client_that_leaves_ends_its_answer_at_once_and_is_counted) {
  Rig rig({.models = {{"slow", 0, 0.001, 0, ""}}});
  const auto active = http::testing::run(rig.loop, leave_early(rig));
  EXPECT_EQ(active, 0);
  EXPECT_EQ(rig.script.stats().aborted, 1u);
  const Got stats = rig.ask({.method = "GET", .target = "/script/stats"});
  EXPECT_NE(stats.body.find(R"("aborted":1)"), std::string::npos) << stats.body;
}

}  // namespace
}  // namespace swy::upstream
