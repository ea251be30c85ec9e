#include "embed/head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>

#include "base/testing/allocations.h"
#include "embed/head_file.h"

namespace swy::embed {
namespace {

// Two labels, 256 gram rows; the rows of "cat" and "dog" vote, everything else is neutral.
HeadData cats_and_dogs() {
  HeadData head;
  head.name = "pets";
  head.type = "linear";
  head.labels = {"cat", "dog"};
  HeadStage& s = head.cheap.emplace();
  s.gram_bits = 8;
  s.gram_weights.assign(256 * 2, 0);
  s.gram_scale.assign(256, 0);
  s.gram_idf.assign(256, 10);
  s.gram_idf_step = 0.1F;
  s.bias = {0, 0};
  s.slope = {1, 1};
  s.offset = {0, 0};
  Grams grams;
  const char* words[] = {"cat", "dog"};
  for (std::size_t label = 0; label < 2; ++label) {
    grams.read(words[label]);
    const std::size_t row = grams.all()[0].hash & 255U;
    s.gram_scale[row] = 0.1F;
    s.gram_weights[row * 2 + label] = 100;
  }
  return head;
}

void add_encoder(HeadData& head) {
  head.encoder_hash = "e1";
  HeadStage& s = head.encoder.emplace();
  s.dims = 3;
  s.weights = {1, 0, 0, 0, 2, 0};
  s.bias = {0.5F, 0};
  s.slope = {1, 1};
  s.offset = {0, 0};
  s.cheap_weight = 0.5F;
  head.unsure_below = 0.9F;
}

HeadScore cheap_score(const TextHead& head, std::string_view text) {
  Grams grams;
  HeadScore score;
  grams.read(text);
  head.cheap({.grams = &grams, .static_embedding = {}}, score);
  return score;
}

TEST(TextHead, WordsVoteWithTheirWeightsOverTheTextsLength) {
  const auto head = TextHead::parse(head_bytes(cats_and_dogs()), "pets");
  ASSERT_TRUE(head) << head.error().message;
  const HeadScore one = cheap_score(**head, "dog");
  EXPECT_EQ(one.best, 1U);
  // "dog" is a word and three pieces of equal weight: length 2 of 4 equal parts.
  Grams grams;
  grams.read("dog");
  const double z = 10.0 / std::sqrt(static_cast<double>(grams.all().size()));
  EXPECT_NEAR(one.confidence, 1 / (1 + std::exp(-z)), 1e-4);
  EXPECT_NEAR(one.probabilities[0] + one.probabilities[1], 1, 1e-6);
  EXPECT_TRUE(one.sure) << "there is no encoder to ask";
  EXPECT_EQ(cheap_score(**head, "cat").best, 0U);
  EXPECT_NEAR(cheap_score(**head, "").confidence, 0.5, 1e-6);
}

TEST(TextHead, TheEncoderStageAddsToWhatTheCheapStageSaw) {
  HeadData data = cats_and_dogs();
  add_encoder(data);
  const auto head = TextHead::parse(head_bytes(data), "pets", {"", "e1"});
  ASSERT_TRUE(head) << head.error().message;
  HeadScore score = cheap_score(**head, "");
  EXPECT_FALSE(score.sure);
  const float e[] = {0.25F, 0.5F, 9};
  (*head)->refine(e, score);
  EXPECT_TRUE(score.sure);
  EXPECT_TRUE(score.refined);
  // logits 0.5 + 0.25 and 1
  EXPECT_NEAR(score.probabilities[1], 1 / (1 + std::exp(-0.25)), 1e-6);
}

TEST(TextHead, PrototypesMeasureTheAngleAfterProjection) {
  HeadData data = cats_and_dogs();
  data.cheap.reset();
  data.encoder_hash = "e1";
  HeadStage& s = data.encoder.emplace();
  s.dims = 3;
  s.projected = 2;
  s.projection = {2, 0, 0, 0, 2, 0};
  s.weights = {1, 0, 0, 1};
  s.bias = s.offset = {0, 0};
  s.slope = {1, 1};
  const auto head = TextHead::parse(head_bytes(data), "pets", {"", "e1"});
  ASSERT_TRUE(head) << head.error().message;
  HeadScore score;
  const float e[] = {3, 4, 100};
  (*head)->refine(e, score);
  EXPECT_EQ(score.best, 1U);
  EXPECT_NEAR(score.confidence, 1 / (1 + std::exp(-0.2)), 1e-5);
}

TEST(TextHead, LabelsOfAMultilabelHeadAreIndependent) {
  HeadData data = cats_and_dogs();
  data.multilabel = true;
  data.cheap->bias = {2, 3};
  data.cheap->slope = {1, 2};
  data.cheap->offset = {0, -1};
  const auto head = TextHead::parse(head_bytes(data), "pets");
  ASSERT_TRUE(head) << head.error().message;
  const HeadScore score = cheap_score(**head, "");
  EXPECT_NEAR(score.probabilities[0], 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_NEAR(score.probabilities[1], 1 / (1 + std::exp(-5.0)), 1e-6);
}

TEST(TextHead, ConfidenceFollowsTheIsotonicCurveAndAbstentionItsThresholds) {
  HeadData data = cats_and_dogs();
  data.cheap->isotonic_x = {0.4F, 0.6F};
  data.cheap->isotonic_y = {0.2F, 0.4F};
  data.abstain_below = 0.35F;
  data.cheap->scope = {0, 1, 2, 3};
  data.out_of_scope_above = 0.7F;
  const auto head = TextHead::parse(head_bytes(data), "pets");
  ASSERT_TRUE(head) << head.error().message;
  const HeadScore neutral = cheap_score(**head, "");
  EXPECT_NEAR(neutral.confidence, 0.3, 1e-6);
  EXPECT_TRUE(neutral.abstain);
  // energy ln 2 = 0.69 between the first and the second of four knots
  EXPECT_NEAR(neutral.out_of_scope, 1 - 1.6931 / 5, 1e-3);
  const HeadScore clear = cheap_score(**head, "cat");
  EXPECT_NEAR(clear.confidence, 0.4, 1e-6);
  EXPECT_FALSE(clear.abstain);
  EXPECT_LT(clear.out_of_scope, neutral.out_of_scope);
}

TEST(TextHead, AnotherEmbeddingIsRefusedAndAMissingOneLeavesItsStageOut) {
  HeadData data = cats_and_dogs();
  add_encoder(data);
  const std::string bytes = head_bytes(data);
  const auto other = TextHead::parse(bytes, "pets.head", {"", "e2"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(other.error().message.find("pets.head"), std::string::npos);
  const auto without = TextHead::parse(bytes, "pets");
  ASSERT_TRUE(without);
  EXPECT_FALSE((*without)->has_encoder_stage());
  data.cheap.reset();
  const auto nothing = TextHead::parse(head_bytes(data), "pets");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::kUnsupported);
}

TEST(TextHead, EveryCutAndEveryChangedByteIsRefused) {
  HeadData data = cats_and_dogs();
  add_encoder(data);
  const std::string bytes = head_bytes(data);
  for (std::size_t n = 0; n < bytes.size(); n += 13) {
    EXPECT_FALSE(TextHead::parse(std::string_view(bytes).substr(0, n), "x", {"", "e1"})) << n;
  }
  // The header's spaces are the only bytes without meaning.
  const std::size_t header = bytes.find("    ");
  for (std::size_t i = 0; i < bytes.size(); i += 7) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 0x11);
    if (bytes[i] == ' ' || header == i) continue;
    const auto read = TextHead::parse(bad, "x", {"", "e1"});
    if (!read) continue;
    // A renamed key of the header that is not looked at may pass; what is served must not change.
    EXPECT_EQ((*read)->content_hash(),
              TextHead::parse(bytes, "x", {"", "e1"}).value()->content_hash());
  }
}

TEST(TextHead, NumbersThatAreNotFiniteAndSizesThatDoNotFitAreNamed) {
  HeadData data = cats_and_dogs();
  data.cheap->bias[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(check_head(data).error().message.find("bias"), std::string::npos);
  data = cats_and_dogs();
  data.cheap->gram_weights.pop_back();
  EXPECT_NE(check_head(data).error().message.find("gram"), std::string::npos);
  data = cats_and_dogs();
  data.cheap->isotonic_x = {0.5F, 0.4F};
  data.cheap->isotonic_y = {0, 1};
  EXPECT_FALSE(check_head(data));
  data.cheap.reset();
  EXPECT_FALSE(check_head(data));
}

TEST(TextHead, NothingIsAllocatedAfterTheFirstCall) {
  HeadData data = cats_and_dogs();
  add_encoder(data);
  const auto head = TextHead::parse(head_bytes(data), "pets", {"", "e1"});
  ASSERT_TRUE(head);
  Grams grams;
  HeadScore score;
  const float e[] = {1, 2, 3};
  const auto once = [&] {
    grams.read("a cat and a dog walk into a bar and nobody minds at all");
    (*head)->cheap({.grams = &grams, .static_embedding = {}}, score);
    (*head)->refine(e, score);
  };
  once();
  const std::size_t before = base::testing::allocation_count();
  for (int i = 0; i < 10; ++i) once();
  EXPECT_EQ(base::testing::allocation_count(), before);
}

}  // namespace
}  // namespace swy::embed
