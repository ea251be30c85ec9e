// Encoders against known answers of the reference implementation: tiny random checkpoints in
// tests/golden/encoders, written by tests/parity/encoders/make_tiny.py.
#include "embed/encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/testing/allocations.h"
#include "math/kernels.h"

namespace swy::embed {
namespace {

const std::string kGolden = SWY_SOURCE_DIR "/tests/golden/encoders/";

std::string read(const std::string& path) {
  std::string text;
  std::FILE* f = std::fopen(path.c_str(), "rb");
  EXPECT_NE(f, nullptr) << path;
  char part[4096];
  while (f != nullptr) {
    const std::size_t n = std::fread(part, 1, sizeof part, f);
    if (n == 0) break;
    text.append(part, n);
  }
  if (f != nullptr) std::fclose(f);
  return text;
}

std::shared_ptr<const Encoder> load(const std::string& name, const EncoderOptions& options) {
  auto e = Encoder::load(kGolden + name, options);
  EXPECT_TRUE(e) << (e ? "" : e.error().message);
  return e ? *e : nullptr;
}

EncoderOptions exact(std::string_view kernels) {
  EncoderOptions o;
  o.precision = Precision::kF32;
  o.kernels = kernels;
  return o;
}

struct Case {
  std::vector<std::uint32_t> ids;
  std::vector<std::uint8_t> types;
  std::vector<float> states, logits;
  [[nodiscard]] Sequence sequence() const { return {ids, types}; }
};

template <typename T>
std::vector<T> list(const base::Json& json, std::string_view key) {
  std::vector<T> out;
  if (const auto v = json.find(key)) {
    v->each([&](const base::Json& x) { out.push_back(static_cast<T>(x.as_number().value())); });
  }
  return out;
}

std::vector<Case> cases(const std::string& name) {
  std::vector<Case> out;
  base::JsonDoc doc;
  const auto json = doc.parse(read(kGolden + name + "/expected.json"));
  EXPECT_TRUE(json);
  json->each([&](const base::Json& c) {
    out.push_back({list<std::uint32_t>(c, "ids"), list<std::uint8_t>(c, "types"),
                   list<float>(c, "states"), list<float>(c, "logits")});
  });
  EXPECT_EQ(out.size(), 3);
  return out;
}

void expect_near(std::span<const float> got, std::span<const float> want, float bound,
                 const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], bound) << what << i;
}

float cosine_of(std::span<const float> a, std::span<const float> b) {
  return math::cosine(*math::find_kernels("scalar"), a, b);
}

class EveryFamily : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Encoder, EveryFamily,
                         ::testing::Values("bert_embed", "bert_sequence", "bert_token", "bert_pair",
                                           "roberta_sequence", "roberta_token", "xlm_roberta_pair",
                                           "distilbert_sequence", "distilbert_token",
                                           "mpnet_sequence", "modernbert_embed",
                                           "modernbert_sequence", "modernbert_mean",
                                           "modernbert_token"),
                         [](const auto& p) { return p.param; });

// Logits of one case by whatever head the checkpoint has; empty without one.
Matrix logits_of(const Encoder& e, const Case& c, Workspace& ws) {
  Matrix m;
  const Sequence s = c.sequence();
  if (e.info().head == Head::kSequence) {
    EXPECT_TRUE(e.classify_ids({&s, 1}, ws, m));
  }
  if (e.info().head == Head::kToken) {
    EXPECT_TRUE(e.tag_ids({&s, 1}, ws, m));
  }
  return m;
}

TEST_P(EveryFamily, gives_the_states_and_logits_of_the_reference_on_every_kernel) {
  for (const math::Kernels* k : math::runnable_kernels()) {
    const auto e = load(GetParam(), exact(k->name));
    ASSERT_NE(e, nullptr);
    Workspace ws;
    for (const Case& c : cases(GetParam())) {
      Matrix states;
      const Sequence s = c.sequence();
      ASSERT_TRUE(e->states_ids({&s, 1}, ws, states));
      expect_near(states.all(), c.states, 2e-4F, std::string(k->name) + " state ");
      expect_near(logits_of(*e, c, ws).all(), c.logits, 2e-4F, std::string(k->name) + " logit ");
    }
  }
}

TEST_P(EveryFamily, in_bytes_points_where_the_reference_points) {
  for (const math::Kernels* k : math::runnable_kernels()) {
    EncoderOptions o;
    o.kernels = k->name;
    const auto e = load(GetParam(), o);
    ASSERT_NE(e, nullptr);
    Workspace ws;
    for (const Case& c : cases(GetParam())) {
      Matrix states;
      const Sequence s = c.sequence();
      ASSERT_TRUE(e->states_ids({&s, 1}, ws, states));
      EXPECT_GT(cosine_of(states.all(), c.states), 0.99F) << k->name;
    }
  }
}

TEST_P(EveryFamily, gives_a_text_the_same_bits_alone_and_in_a_batch) {
  for (const Precision p : {Precision::kF32, Precision::kInt8}) {
    EncoderOptions o;
    o.precision = p;
    const auto e = load(GetParam(), o);
    ASSERT_NE(e, nullptr);
    const std::vector<std::string_view> texts = {"the cat", "", "sat on the mats!", "cat",
                                                 "a b c d e f g h i j k l m n o p q"};
    Workspace ws;
    Matrix all;
    e->embed(texts, ws, all);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      Matrix one;
      e->embed({&texts[i], 1}, ws, one);
      EXPECT_TRUE(std::equal(one.all().begin(), one.all().end(), all.row(i).begin())) << i;
    }
  }
}

TEST(Encoder, allocates_nothing_once_it_has_seen_the_largest_call) {
  const auto e = load("bert_embed", {});
  const std::vector<std::string_view> texts = {"the cat sat", "on the mat", "abc def ghi jkl"};
  Workspace ws;
  Matrix out;
  e->embed(texts, ws, out);
  e->embed(texts, ws, out);
  const std::size_t before = base::testing::allocation_count();
  e->embed(texts, ws, out);
  e->embed({texts.data(), 2}, ws, out);
  EXPECT_EQ(base::testing::allocation_count(), before);
}

TEST(Encoder, pools_by_mean_first_token_or_maximum) {
  Workspace ws;
  for (const Pooling p : {Pooling::kMean, Pooling::kCls, Pooling::kMax}) {
    EncoderOptions o = exact("");
    o.pooling = p;
    o.normalize = false;
    const auto e = load("bert_embed", o);
    const Case c = cases("bert_embed")[1];
    const Sequence s = c.sequence();
    Matrix out;
    ASSERT_TRUE(e->embed_ids({&s, 1}, ws, out));
    for (std::size_t d = 0; d < 16; ++d) {
      double mean = 0;
      float top = -1e9F;
      for (std::size_t i = 0; i < c.ids.size(); ++i) {
        mean += c.states[i * 16 + d] / static_cast<double>(c.ids.size());
        top = std::max(top, c.states[i * 16 + d]);
      }
      const double want = p == Pooling::kMean ? mean : p == Pooling::kCls ? c.states[d] : top;
      EXPECT_NEAR(out.row(0)[d], want, 1e-4);
    }
  }
}

TEST(Encoder, normalises_to_length_one) {
  const auto e = load("bert_embed", {});
  Workspace ws;
  Matrix out;
  const std::string_view text = "the cat";
  e->embed({&text, 1}, ws, out);
  double square = 0;
  for (const float v : out.row(0)) square += double{v} * v;
  EXPECT_NEAR(square, 1, 1e-5);
}

TEST(Encoder, cuts_texts_beyond_max_tokens) {
  EncoderOptions o = exact("");
  o.max_tokens = 6;
  const auto e = load("bert_embed", o);
  Workspace ws;
  Matrix out;
  const std::vector<std::string_view> texts = {"a b c d", "a b c d e f g"};
  e->embed(texts, ws, out);
  EXPECT_TRUE(std::equal(out.row(0).begin(), out.row(0).end(), out.row(1).begin()));
}

TEST(Encoder, scores_pairs_with_types_for_both_sides) {
  const auto e = load("bert_pair", exact(""));
  Workspace ws;
  Matrix scores;
  const std::vector<TextPair> pairs = {{"the cat", "sat on"}, {"the cat sat", "on"}};
  ASSERT_TRUE(e->score_pairs(pairs, ws, scores));
  EXPECT_EQ(scores.rows(), 2);
  EXPECT_EQ(scores.cols(), 1);
  EXPECT_NE(scores.row(0)[0], scores.row(1)[0]);  // the same words, another border
}

TEST(Encoder, tags_every_token_of_a_long_text_with_its_bytes) {
  const auto e = load("bert_token", exact(""));
  Workspace ws;
  TokenLogits short_one;
  ASSERT_TRUE(e->tag("cat sat", ws, short_one));
  ASSERT_EQ(short_one.tokens.size(), 2);
  EXPECT_EQ(short_one.tokens[1].begin, 4);
  EXPECT_EQ(short_one.tokens[1].end, 7);
  std::string text;
  for (int i = 0; i < 100; ++i) text += "cat on ";
  TokenLogits out;
  ASSERT_TRUE(e->tag(text, ws, out));
  ASSERT_EQ(out.tokens.size(), 200);
  EXPECT_FALSE(out.truncated);
  EXPECT_EQ(out.logits.rows(), 200);
  EXPECT_EQ(out.logits.cols(), 5);
  for (std::size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(text.substr(out.tokens[i].begin, out.tokens[i].end - out.tokens[i].begin),
              i % 2 == 0 ? "cat" : "on");
    EXPECT_TRUE(std::any_of(out.logits.row(i).begin(), out.logits.row(i).end(),
                            [](float v) { return v != 0; }));
  }
  for (int i = 0; i < 1000; ++i) text += "cat on ";
  ASSERT_TRUE(e->tag(text, ws, out));
  EXPECT_TRUE(out.truncated);
  EXPECT_EQ(out.tokens.size(), out.logits.rows());
  ASSERT_TRUE(e->tag("", ws, out));
  EXPECT_TRUE(out.tokens.empty());
}

TEST(Encoder, refuses_ids_and_heads_that_it_does_not_have) {
  const auto e = load("bert_embed", {});
  Workspace ws;
  Matrix out;
  const std::vector<std::uint32_t> outside = {2, 64, 3};
  const std::vector<std::uint32_t> many(41, 5);
  const std::vector<std::uint8_t> types = {0};
  for (const Sequence& s : {Sequence{outside, {}}, Sequence{many, {}}, Sequence{},
                            Sequence{std::span(many).first(5), types}}) {
    const auto r = e->embed_ids({&s, 1}, ws, out);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, ErrorCode::kInvalidArgument);
  }
  const std::string_view text = "a";
  const TextPair pair{"a", "b"};
  TokenLogits tags;
  EXPECT_EQ(e->classify({&text, 1}, ws, out).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(e->score_pairs({&pair, 1}, ws, out).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(e->tag(text, ws, tags).error().code, ErrorCode::kUnsupported);
}

TEST(Encoder, takes_any_bytes_as_text) {
  const auto e = load("bert_embed", {});
  Workspace ws;
  Matrix out;
  std::string every;
  for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
  const std::string big(1 << 20, 'a');
  std::vector<std::string_view> texts = {every, big, std::string_view("\0\0", 2), "\xff\xfe"};
  e->embed(texts, ws, out);
  for (const float v : out.all()) EXPECT_TRUE(std::isfinite(v));
}

}  // namespace
}  // namespace swy::embed
