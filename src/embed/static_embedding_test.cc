#include "embed/static_embedding.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/testing/allocations.h"
#include "embed/encoder.h"
#include "embed/safetensors.h"

namespace swy::embed {
namespace {

namespace fs = std::filesystem;
const std::string kGolden = SWY_SOURCE_DIR "/tests/golden/encoders/bert_embed";

class Static : public ::testing::Test {
 protected:
  Static()
      : at_(fs::temp_directory_path() /
            ("swy_static_embedding_test" + std::to_string(::getpid()))) {
    fs::remove_all(at_);
    fs::create_directories(at_);
    fs::copy(kGolden + "/vocab.txt", at_);
    fs::copy(kGolden + "/tokenizer_config.json", at_);
  }
  ~Static() override { fs::remove_all(at_); }
  void write(const std::vector<Tensor>& tensors) const {
    ASSERT_TRUE(write_safetensors((at_ / "model.safetensors").string(), tensors, {}));
  }
  [[nodiscard]] std::string error() const {
    const auto e = StaticEmbedding::load(at_.string());
    return e ? "" : e.error().message;
  }
  fs::path at_;
};

TEST_F(Static, an_embedding_is_the_weighted_sum_of_rows_normalised) {
  std::vector<float> table(64 * 2);
  std::vector<float> weights(64, 1.0F);
  table[57 * 2] = 3;      // the
  table[58 * 2 + 1] = 2;  // cat
  weights[58] = 2;
  write({{"embeddings", Dtype::kF32, {64, 2}, 128, std::as_bytes(std::span(table))},
         {"weights", Dtype::kF32, {64}, 64, std::as_bytes(std::span(weights))}});
  for (const char* kernels : {"", "scalar"}) {
    StaticOptions o;
    o.kernels = kernels;
    const auto e = StaticEmbedding::load(at_.string(), o);
    ASSERT_TRUE(e) << e.error().message;
    StaticScratch scratch;
    std::vector<float> out(2);
    e->embed("the cat", scratch, out);
    EXPECT_NEAR(out[0], 0.6F, 1e-6);  // (3, 4) / 5
    EXPECT_NEAR(out[1], 0.8F, 1e-6);
    e->embed("", scratch, out);
    EXPECT_EQ(out, (std::vector<float>{0, 0}));
    const std::vector<std::uint32_t> ids = {57, 1'000'000};
    e->embed_ids(ids, out);
    EXPECT_NEAR(out[0], 1, 1e-6);
  }
}

TEST_F(Static, tables_that_do_not_fit_are_refused_by_name) {
  const std::vector<float> floats(64 * 2, 1.0F);
  const std::vector<std::int32_t> mapping(64, 64);
  const auto f = std::as_bytes(std::span(floats));
  EXPECT_NE(error().find("model.safetensors"), std::string::npos);
  write({});
  EXPECT_NE(error().find("no tensor 'embeddings'"), std::string::npos);
  write({{"embeddings", Dtype::kF32, {128}, 128, f}});
  EXPECT_NE(error().find("'embeddings' is not rows x dims"), std::string::npos);
  write({{"embeddings", Dtype::kF32, {32, 4}, 128, f}});
  EXPECT_NE(error().find("64 tokens, the table knows 32"), std::string::npos);
  write({{"embeddings", Dtype::kI8, {64, 8}, 512, f}});
  EXPECT_NE(error().find("no tensor 'scales'"), std::string::npos);
  write({{"embeddings", Dtype::kF32, {64, 2}, 128, f},
         {"mapping", Dtype::kI32, {64}, 64, std::as_bytes(std::span(mapping))}});
  EXPECT_NE(error().find("'mapping' names a row"), std::string::npos);
  write({{"embeddings", Dtype::kF32, {64, 2}, 128, f},
         {"mapping", Dtype::kF32, {64}, 64, std::as_bytes(std::span(mapping))}});
  EXPECT_NE(error().find("'mapping' is not"), std::string::npos);
  write({{"embeddings", Dtype::kF32, {64, 2}, 128, f}});
  EXPECT_EQ(error(), "");
  fs::remove(at_ / "vocab.txt");
  EXPECT_NE(error(), "");
}

TEST_F(Static, distilling_saving_and_loading_keeps_every_bit) {
  const auto encoder = Encoder::load(kGolden);
  ASSERT_TRUE(encoder);
  DistilOptions o;
  o.dims = 8;
  const auto made = distil(**encoder, o);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->dims(), 8);
  ASSERT_TRUE(made->save((at_ / "out").string()));
  const auto read = StaticEmbedding::load((at_ / "out").string());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->content_hash().size(), 16);
  StaticScratch scratch;
  std::vector<float> a(8);
  std::vector<float> b(8);
  for (const char* text : {"the cat sat", "on", "a mat !"}) {
    made->embed(text, scratch, a);
    read->embed(text, scratch, b);
    EXPECT_EQ(a, b);
    double square = 0;
    for (const float v : a) square += double{v} * v;
    EXPECT_NEAR(square, 1, 1e-5);
  }
}

TEST_F(Static, all_components_keep_the_angles_between_centred_token_vectors) {
  // With as many dimensions as the encoder has, projection is a rotation: similar tokens of the
  // encoder stay exactly as similar, up to bytes.
  const auto encoder = Encoder::load(kGolden);
  DistilOptions o;
  o.dims = 16;
  const auto s = distil(**encoder, o);
  ASSERT_TRUE(s);
  std::vector<std::vector<double>> x;
  std::vector<double> mean(16);
  Workspace ws;
  Matrix states;
  for (std::uint32_t id = 1; id < 64; ++id) {
    const std::vector<std::uint32_t> ids = {2, id, 3};
    const Sequence q{ids, {}};
    ASSERT_TRUE((*encoder)->states_ids({&q, 1}, ws, states));
    auto& v = x.emplace_back(16);
    for (std::size_t i = 0; i < 48; ++i) v[i % 16] += double{states.all()[i]};
    for (std::size_t i = 0; i < 16; ++i) mean[i] += v[i] / 63;
  }
  const auto angle = [](const auto& a, const auto& b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      ab += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return ab / std::sqrt(aa * bb);
  };
  for (auto& v : x) {
    for (std::size_t i = 0; i < 16; ++i) v[i] -= mean[i];
  }
  for (std::uint32_t id = 5; id < 60; id += 9) {
    std::vector<float> a(16);
    std::vector<float> b(16);
    s->embed_ids(std::vector<std::uint32_t>{id}, a);
    s->embed_ids(std::vector<std::uint32_t>{id + 3}, b);
    EXPECT_NEAR(
        angle(std::vector<double>(a.begin(), a.end()), std::vector<double>(b.begin(), b.end())),
        angle(x[id - 1], x[id + 2]), 0.02);
  }
}

TEST_F(Static, options_of_distil_are_checked) {
  const auto encoder = Encoder::load(kGolden);
  DistilOptions o;
  o.dims = 17;
  EXPECT_EQ(distil(**encoder, o).error().code, ErrorCode::kInvalidArgument);
  o.dims = 8;
  const std::vector<std::uint64_t> few(3);
  o.counts = few;
  EXPECT_EQ(distil(**encoder, o).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(Static, allocates_nothing_once_warm) {
  const std::vector<float> table(64 * 2, 1.0F);
  write({{"embeddings", Dtype::kF32, {64, 2}, 128, std::as_bytes(std::span(table))}});
  const auto e = StaticEmbedding::load(at_.string());
  ASSERT_TRUE(e);
  StaticScratch scratch;
  std::vector<float> out(2);
  // The tokenizer's buffers take turns, and what it keeps per thread is made on first use.
  for (int i = 0; i < 8; ++i) e->embed("the cat sat on the mat", scratch, out);
  const std::size_t before = base::testing::allocation_count();
  e->embed("the cat sat on the mat", scratch, out);
  EXPECT_EQ(base::testing::allocation_count(), before);
}

}  // namespace
}  // namespace swy::embed
