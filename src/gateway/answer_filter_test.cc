#include "gateway/answer_filter.h"

#include <gtest/gtest.h>

#include "chat/build.h"
#include "gateway/relay.h"

namespace swy::gateway {
namespace {

std::unique_ptr<route::OutputGuard> guard(const std::string& yaml) {
  base::Diagnostics diag("test");
  const auto doc = base::parse_yaml(yaml, diag);
  auto g = route::make_output_guard("g", *doc, diag);
  EXPECT_TRUE(g) << diag.to_text();
  return g;
}

std::string stream_of(const std::vector<std::string>& pieces) {
  const chat::AnswerHead head{"id-1", "m", 7};
  std::string s;
  chat::append_role_chunk(s, head, false);
  for (const std::string& p : pieces) chat::append_content_chunk(s, head, p, false);
  chat::append_finish_chunk(s, head, "stop", false);
  chat::append_done(s);
  return s;
}

struct Read {
  std::string content;
  bool done = false, finished = false, sound = true;
};

// What a client reads; finished stays false when text comes after the finish_reason.
Read read(const std::string& bytes) {
  Read r;
  wire::SseParser sse;
  wire::SseEvent e;
  sse.feed(bytes);
  for (;;) {
    const auto more = sse.next(e);
    if (!more || !*more) break;
    if (e.data == "[DONE]") {
      r.done = true;
      continue;
    }
    base::JsonDoc doc;
    const auto root = doc.parse(e.data);
    if (!root) {
      r.sound = false;
      continue;
    }
    const auto choices = root->find("choices");
    choices->each([&](const base::Json& c) {
      const auto delta = c.find("delta");
      const std::string_view text = delta ? delta->string_or("content", "") : "";
      if (!text.empty() && r.finished) r.sound = false;
      r.content += text;
      if (!c.string_or("finish_reason", "").empty()) r.finished = true;
    });
  }
  return r;
}

std::string filtered(AnswerFilter& filter, const std::vector<std::string>& pieces) {
  base::JsonDoc parser;
  return std::string(filter.events(parser, stream_of(pieces)));
}

std::vector<std::string> cut(const std::string& text, std::size_t size) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < text.size(); i += size) out.push_back(text.substr(i, size));
  return out;
}

text::PiiVault vault_with(std::string_view name) {
  text::PiiVault vault;
  std::string out;
  vault.mask(name, {{text::PiiType::kPerson, 0, static_cast<std::uint32_t>(name.size()), 1}}, out);
  return vault;
}

TEST(AnswerFilter, RestoresPlaceholdersWhereverTheStreamCutsThem) {
  const std::string text = "Dear [PERSON_1], hello [PERSON_1]. [PERSON_2] is not known.";
  for (std::size_t size = 1; size < 20; ++size) {
    AnswerFilter filter({}, vault_with("Anna \"A\" Ö"));
    const Read r = read(filtered(filter, cut(text, size)));
    EXPECT_EQ(r.content, "Dear Anna \"A\" Ö, hello Anna \"A\" Ö. [PERSON_2] is not known.");
    EXPECT_TRUE(r.done && r.finished && r.sound);
  }
}

TEST(AnswerFilter, MasksInTheStreamWhateverThePieces) {
  const auto g =
      guard("{ type: phrases, any: [secret word], regex: ['K-[0-9]+'], action: mask, window: 64 }");
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += "Some ordinary words, then the secret word and K-" + std::to_string(i) + ". ";
  std::string wanted;
  for (std::size_t size : {text.size(), std::size_t{1}, std::size_t{7}, std::size_t{33},
                           std::size_t{64}, std::size_t{200}}) {
    AnswerFilter filter({g.get()}, {});
    const Read r = read(filtered(filter, cut(text, size)));
    if (wanted.empty()) wanted = r.content;
    EXPECT_EQ(r.content, wanted) << size;
    EXPECT_EQ(r.content.find("secret"), std::string::npos);
    EXPECT_EQ(r.content.find("K-"), std::string::npos);
    EXPECT_TRUE(r.done && r.sound);
    EXPECT_EQ(filter.note(), "g: 40 masked");
  }
}

TEST(AnswerFilter, BlockEndsBeforeTheForbiddenTextAndWithoutDone) {
  const auto g = guard("{ type: phrases, any: [forbidden fruit], window: 64 }");
  const std::string text =
      std::string(300, 'x') + " and the forbidden fruit is here" + std::string(300, 'y');
  for (std::size_t size : {std::size_t{1}, std::size_t{50}, text.size()}) {
    AnswerFilter filter({g.get()}, {});
    const Read r = read(filtered(filter, cut(text, size)));
    EXPECT_EQ(filter.blocked(), g.get());
    EXPECT_EQ(r.content.find("fruit"), std::string::npos);
    EXPECT_FALSE(r.done);
    EXPECT_FALSE(r.finished);
    EXPECT_EQ(filter.note(), "g: 1 blocked");
  }
}

TEST(AnswerFilter, AnnotateCountsAndChangesNothing) {
  const auto g = guard("{ type: pii, types: [EMAIL_ADDRESS], action: annotate }");
  AnswerFilter filter({g.get()}, {});
  const Read r = read(filtered(filter, {"write to a@exam", "ple.org now"}));
  EXPECT_EQ(r.content, "write to a@example.org now");
  EXPECT_EQ(filter.note(), "g: 1 seen");
}

TEST(AnswerFilter, PersonalDataInAnAnswerIsMasked) {
  const auto g = guard("{ type: pii, types: [EMAIL_ADDRESS, CREDIT_CARD], action: mask }");
  AnswerFilter filter({g.get()}, {});
  std::string body;
  chat::append_completion(body, {"i", "m", 1}, "it is a@example.org, 4111 1111 1111 1111", "stop",
                          {});
  ASSERT_TRUE(filter.whole(body));
  EXPECT_NE(body.find("it is [EMAIL_ADDRESS], [CREDIT_CARD]"), std::string::npos) << body;
}

TEST(AnswerFilter, AWholeAnswerIsBlocked) {
  const auto g = guard("{ type: phrases, any: [forbidden] }");
  AnswerFilter filter({g.get()}, {});
  std::string body;
  chat::append_completion(body, {"i", "m", 1}, "this is forbidden", "stop", {});
  EXPECT_FALSE(filter.whole(body));
  EXPECT_EQ(filter.blocked(), g.get());
}

TEST(AnswerFilter, ChoicesAndToolCallsHaveTextsOfTheirOwn) {
  AnswerFilter filter({}, vault_with("A\"B"));
  base::JsonDoc parser;
  const std::string events =
      "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"[PERS\"}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ON_1]\"}}]}\n\n"
      "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"ON_1]\"}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
      "{\"arguments\":\"{\\\"n\\\":\\\"[PERSON\"}}]}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
      "{\"arguments\":\"_1]\\\"}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n";
  const std::string out(filter.events(parser, events));
  EXPECT_NE(out.find("\"index\":0,\"delta\":{\"content\":\"ON_1]\"}"), std::string::npos) << out;
  EXPECT_NE(out.find("{\"index\":1,\"delta\":{\"content\":\"A\\\"B\"}}"), std::string::npos) << out;
  EXPECT_NE(out.find(R"(A\\\"B\"}"})"), std::string::npos) << out;
}

TEST(AnswerFilter, CommentsUsageAndErrorsPassUnchanged) {
  AnswerFilter filter({}, vault_with("Anna"));
  base::JsonDoc parser;
  const std::string events =
      ": keep-alive\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n"
      "data: {\"error\":{\"message\":\"[PERSON_1]\"}}\n\n";
  EXPECT_EQ(filter.events(parser, events), events);
}

TEST(OutputWindow, TextThatIsNotUtf8DoesNotStopIt) {
  const auto mask =
      guard("{ type: phrases, any: [secret], action: mask, replace: '*', window: 64 }");
  const std::vector<const route::OutputGuard*> guards = {mask.get()};
  OutputWindow window(guards);
  std::string out;
  const std::string text(1000, '\x9c');
  EXPECT_TRUE(window.push(text, false, out));
  EXPECT_TRUE(window.push(" secret", true, out));
  EXPECT_EQ(out, text + " *");
}

TEST(OutputWindow, HitsOfTwoGuardsThatOverlapAtTheCutAreBothMasked) {
  const auto early =
      guard("{ type: phrases, regex: ['a[^ ]*b'], action: mask, replace: '<', window: 64 }");
  const auto late =
      guard("{ type: phrases, regex: ['b[^ ]*c'], action: mask, replace: '>', window: 64 }");
  const std::vector<const route::OutputGuard*> guards = {late.get(), early.get()};
  for (std::size_t before = 0; before < 70; ++before) {
    OutputWindow window(guards);
    std::string out;
    ASSERT_TRUE(
        window.push(std::string(before, ' ') + "a12345b6789c" + std::string(60, ' '), true, out));
    EXPECT_EQ(out.find_first_of("123456789abc"), std::string::npos) << before << ": " << out;
  }
}

}  // namespace
}  // namespace swy::gateway
