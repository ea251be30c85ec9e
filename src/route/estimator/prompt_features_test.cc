#include "route/estimator/prompt_features.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

TEST(PromptFeatures, AreTheSameForARowAndForTheRequestItCameFrom) {
  PluginLab lab;
  auto f = PromptFeatures::make("static_embedding", {}, lab);
  ASSERT_TRUE(f) << lab.errors();
  const std::vector<std::string> prompts = {"What is 2 + 2?", "Write a poem about rain.",
                                            "def f(x):\n  return x"};
  const std::vector<std::uint32_t> tools = {0, 2, 0};
  const auto x = f->fit(lab.encoder(f->encoder()), prompts, tools);
  ASSERT_TRUE(x);
  ASSERT_EQ(x->cols(), f->dims());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    chat::Request request;
    request.parts.push_back({chat::PartKind::kText, prompts[i]});
    request.messages.push_back({chat::Role::kUser, 0, 1, 0});
    request.tools.assign(tools[i], "tool");
    Work work;
    work.request = &request;
    Reading reading;
    reading.reset(work);
    std::vector<float> out(f->dims());
    EXPECT_FALSE(f->read(reading, out)) << "not encoded yet";
    const std::string_view text = prompts[i];
    std::vector<float> vector(lab.encoder(f->encoder()).dims());
    ASSERT_TRUE(lab.encoder(f->encoder()).encode(std::span(&text, 1), vector));
    reading.provide(reading.wanted()[0], Encoding::State::kReady, vector);
    ASSERT_TRUE(f->read(reading, out));
    for (std::size_t d = 0; d < out.size(); ++d) EXPECT_NEAR(out[d], x->row(i)[d], 1e-5) << d;
  }
}

TEST(PromptFeatures, AreTheSameWithoutAMatrixOfAllRows) {
  PluginLab lab;
  auto whole = PromptFeatures::make("static_embedding", {}, lab);
  auto streamed = PromptFeatures::make("static_embedding", {}, lab);
  ASSERT_TRUE(whole && streamed) << lab.errors();
  std::vector<std::string> prompts;  // more than are encoded together
  std::vector<std::uint32_t> tools;
  for (std::uint32_t i = 0; i < 150; ++i) {
    prompts.push_back("How many of the " + std::string(i, '7') + " are prime?");
    tools.push_back(i % 3);
  }
  const Encoder& encoder = lab.encoder(whole->encoder());
  const auto x = whole->fit(encoder, prompts, tools);
  ASSERT_TRUE(x);
  std::size_t row = 0;
  const auto done = streamed->stream(
      encoder,
      [&](const PromptFeatures::Say& say) -> Status {
        for (std::size_t i = 0; i < prompts.size(); ++i) SWY_DO(say(prompts[i], tools[i]));
        return {};
      },
      [&](std::span<const float> features) {
        ASSERT_LT(row, x->rows());
        for (std::size_t d = 0; d < features.size(); ++d)
          ASSERT_EQ(features[d], x->row(row)[d]) << row << " " << d;
        ++row;
      });
  ASSERT_TRUE(done);
  EXPECT_EQ(row, prompts.size());
  EXPECT_TRUE(std::equal(whole->scales().begin(), whole->scales().end(), streamed->scales().begin(),
                         streamed->scales().end()));
}

TEST(PromptFeatures, CountsAreCutAndOnesThatNeverVaryAreNothing) {
  PluginLab lab;
  auto f = PromptFeatures::make("static_embedding", {}, lab);
  ASSERT_TRUE(f);
  std::vector<std::string> prompts(50, "a b c");
  prompts.push_back(std::string(5000, 'x'));
  const auto x =
      f->fit(lab.encoder(f->encoder()), prompts, std::vector<std::uint32_t>(prompts.size(), 1));
  ASSERT_TRUE(x);
  const auto counts = x->row(50).subspan(x->cols() - PromptFeatures::kCounts);
  for (const float c : counts) EXPECT_LE(std::abs(c), 0.4F + 1e-6F);
  EXPECT_NEAR(counts[0], 0.4F, 1e-6);  // a length beyond four deviations
  EXPECT_EQ(counts[12], 0) << "every prompt offers one tool";
}

TEST(PromptFeatures, NameTheEncoderTheyWereMadeOf) {
  PluginLab lab;
  const auto f = PromptFeatures::make("static_embedding", {}, lab);
  ASSERT_TRUE(f);
  EXPECT_EQ(f->identity(), lab.encoder(f->encoder()).content_hash() + "+counts1");
  EXPECT_FALSE(PromptFeatures::make("nothing", {}, lab));
}

}  // namespace
}  // namespace swy::route::testing
