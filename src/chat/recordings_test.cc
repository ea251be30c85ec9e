// The provider's own traffic: every recorded chat request decodes, every recorded chat answer is
// read with the usage it states. The recordings lie outside the repository; without them these
// tests are skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/doc.h"
#include "chat/answer.h"
#include "chat/openai.h"

namespace swy::chat {
namespace {

struct Recording {
  std::string name, request, response;
  std::int64_t status = 0;
  bool stream() const { return response.starts_with("data:"); }
};

std::string folder() {
  for (const char* up : {"/..", "/../.."}) {
    std::string path = std::string(SWY_SOURCE_DIR) + up + "/shared/data/wire/openai-recordings";
    if (std::filesystem::is_directory(path)) return path;
  }
  return "";
}

void add_chats(const std::filesystem::path& file, std::vector<Recording>& out) {
  const auto text = base::read_file(file.string());
  ASSERT_TRUE(text) << text.error().message;
  base::Diagnostics diag(file.string());
  const auto doc = base::parse_yaml(*text, diag);
  ASSERT_TRUE(doc) << diag.to_text();
  const auto* interactions = doc->find("interactions");
  ASSERT_NE(interactions, nullptr) << file;
  for (const base::Doc& i : interactions->items()) {
    const base::Doc& request = *i.find("request");
    const base::Doc& response = *i.find("response");
    if (request.find("url")->text().find("/chat/completions") == std::string::npos) continue;
    out.push_back({file.stem().string(), request.find("body")->text(),
                   response.find("body")->text(), response.find("code")->as_integer().value_or(0)});
  }
}

std::vector<Recording> chats() {
  std::vector<std::filesystem::path> files;
  for (const auto& f : std::filesystem::directory_iterator(folder())) files.push_back(f.path());
  std::sort(files.begin(), files.end());
  std::vector<Recording> out;
  for (const auto& f : files) add_chats(f, out);
  return out;
}

// The number after "key": in the text, searched from the end, or 0: an independent reading of the
// usage.
std::int64_t number_after(const std::string& text, const std::string& key) {
  const std::size_t at = text.rfind("\"" + key + "\":");
  return at == std::string::npos ? 0 : std::stoll(text.substr(at + key.size() + 3));
}

Usage stated(const std::string& text) {
  return {number_after(text, "prompt_tokens"), number_after(text, "completion_tokens"),
          number_after(text, "cached_tokens"), number_after(text, "reasoning_tokens"), false};
}

class Recordings : public ::testing::Test {
 protected:
  void SetUp() override {
    if (folder().empty())
      GTEST_SKIP() << "no shared/data/wire/openai-recordings beside the repository";
    all_ = chats();
    ASSERT_GE(all_.size(), 20U);
  }
  std::vector<Recording> all_;
};

TEST_F(Recordings, EveryChatRequestDecodesUnlessTheProviderRefusedItsValues) {
  RequestDoc doc;
  for (const Recording& r : all_) {
    const auto d = doc.decode(r.request);
    if (r.name == "chat-no-messages" || r.name == "chat-bad-request") {
      ASSERT_FALSE(d) << r.name;
      EXPECT_EQ(r.status, 400) << r.name;
      EXPECT_EQ(d.error().param, r.name == "chat-no-messages" ? "messages" : "max_tokens");
      continue;
    }
    ASSERT_TRUE(d) << r.name << ": " << d.error().message;
    EXPECT_EQ(doc.request().stream, r.stream()) << r.name;
    EXPECT_FALSE(doc.request().messages.empty()) << r.name;
    const auto spliced = splice_model(r.request, "other");
    ASSERT_TRUE(spliced) << r.name;
    EXPECT_EQ(spliced->size() + doc.request().model.size(), r.request.size() + 5) << r.name;
    ASSERT_TRUE(doc.decode(*spliced)) << r.name;
    EXPECT_EQ(doc.request().model, "other") << r.name;
  }
}

TEST_F(Recordings, OurRefusalOfAnEmptyArrayIsTheProvidersOwn) {
  for (const Recording& r : all_) {
    if (r.name != "chat-no-messages") continue;
    RequestDoc doc;
    AnswerDoc answer;
    const auto ours = doc.decode(r.request);
    const auto theirs = answer.read(r.response);
    ASSERT_TRUE(!ours && theirs && theirs->error);
    EXPECT_EQ(ours.error().message, theirs->error->message);
    EXPECT_EQ(ours.error().param, theirs->error->param);
    EXPECT_EQ(ours.error().openai_code, theirs->error->code);
  }
}

TEST_F(Recordings, EveryWholeAnswerIsReadWithItsUsage) {
  AnswerDoc doc;
  for (const Recording& r : all_) {
    if (r.stream()) continue;
    const auto a = doc.read(r.response);
    ASSERT_TRUE(a) << r.name << ": " << a.error().message;
    EXPECT_EQ(a->error.has_value(), r.status != 200) << r.name;
    if (a->error) {
      EXPECT_FALSE(a->error->message.empty()) << r.name;
      continue;
    }
    EXPECT_EQ(a->usage, stated(r.response)) << r.name;
    EXPECT_FALSE(a->finish_reason.empty() || a->model.empty()) << r.name;
    EXPECT_EQ(a->tool_calls > 0, r.response.find("\"tool_calls\": [") != std::string::npos)
        << r.name;
  }
}

TEST_F(Recordings, EveryStreamIsScannedEventByEvent) {
  std::size_t streams = 0;
  base::JsonDoc parser;
  for (const Recording& r : all_) {
    if (!r.stream()) continue;
    ++streams;
    StreamScan scan;
    std::size_t events = 0;
    std::string_view rest = r.response;
    for (std::size_t end = rest.find("\n\n"); end != std::string_view::npos;
         end = rest.find("\n\n")) {
      ASSERT_TRUE(rest.starts_with("data: ")) << r.name;
      EXPECT_TRUE(events == 0 || scan.chunks() == events) << r.name;
      const StreamStep step = scan.feed(parser, "", rest.substr(6, end - 6));
      ASSERT_TRUE(step != StreamStep::kBroken && step != StreamStep::kError) << r.name;
      if (step != StreamStep::kDone) {
        ++events;
        EXPECT_FALSE(scan.finish() && scan.finish_reason().empty()) << r.name << ": not ended yet";
      }
      rest.remove_prefix(end + 2);
    }
    EXPECT_TRUE(scan.finish()) << r.name;
    EXPECT_TRUE(scan.done()) << r.name;
    EXPECT_FALSE(scan.finish_reason().empty()) << r.name;
    const bool has_usage = r.response.find("\"prompt_tokens\"") != std::string::npos;
    EXPECT_EQ(scan.usage().has_value(), has_usage) << r.name;
    if (has_usage) {
      EXPECT_EQ(*scan.usage(), stated(r.response)) << r.name;
    }
  }
  EXPECT_EQ(streams, 3U);
}

}  // namespace
}  // namespace swy::chat
