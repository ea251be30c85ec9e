// What can be wrong with a folder: every case is an error that names the file, never a crash.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

#include "embed/encoder.h"

namespace swy::embed {
namespace {

namespace fs = std::filesystem;
const fs::path kGolden = SWY_SOURCE_DIR "/tests/golden/encoders";

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

void spit(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

class LoadErrors : public ::testing::Test {
 protected:
  LoadErrors()
      : at_(fs::temp_directory_path() / ("swy_encoder_load_test" + std::to_string(::getpid()))) {
    fs::remove_all(at_);
    fs::copy(kGolden / "bert_sequence", at_);
  }
  ~LoadErrors() override { fs::remove_all(at_); }
  void change(const std::string& file, const std::string& from, const std::string& to) {
    std::string text = slurp(at_ / file);
    const auto i = text.find(from);
    ASSERT_NE(i, std::string::npos) << from;
    spit(at_ / file, text.replace(i, from.size(), to));
  }
  void expect_error(ErrorCode code, const std::string& part) const {
    const auto e = Encoder::load(at_.string());
    ASSERT_FALSE(e) << part;
    EXPECT_EQ(e.error().code, code) << e.error().message;
    EXPECT_NE(e.error().message.find(part), std::string::npos) << e.error().message;
    EXPECT_NE(e.error().message.find(at_.string()), std::string::npos) << e.error().message;
  }
  fs::path at_;
};

TEST_F(LoadErrors, a_whole_folder_loads) {
  const auto e = Encoder::load(at_.string());
  ASSERT_TRUE(e) << e.error().message;
  EXPECT_EQ((*e)->info().labels, (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
  EXPECT_EQ((*e)->info().architecture, "bert");
  EXPECT_EQ((*e)->info().max_tokens, 40);
  EXPECT_EQ((*e)->info().content_hash.size(), 16);
}

TEST_F(LoadErrors, missing_files_are_named) {
  fs::remove(at_ / "vocab.txt");
  EXPECT_FALSE(Encoder::load(at_.string()));
  spit(at_ / "vocab.txt", slurp(kGolden / "bert_token" / "vocab.txt"));
  fs::remove(at_ / "model.safetensors");
  expect_error(ErrorCode::kNotFound, "model.safetensors");
  fs::remove(at_ / "config.json");
  expect_error(ErrorCode::kNotFound, "config.json");
}

TEST_F(LoadErrors, a_wrong_shape_names_the_tensor) {
  change("config.json", "\"intermediate_size\": 24", "\"intermediate_size\": 25");
  expect_error(ErrorCode::kInvalidArgument, "'bert.encoder.layer.0.intermediate.dense.weight'");
}

TEST_F(LoadErrors, a_missing_tensor_is_named) {
  change("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
  expect_error(ErrorCode::kNotFound, "'bert.encoder.layer.2.attention.self.query.weight'");
}

TEST_F(LoadErrors, what_is_not_done_is_refused) {
  change("config.json", "\"model_type\": \"bert\"", "\"model_type\": \"deberta-v2\"");
  expect_error(ErrorCode::kUnsupported, "deberta-v2");
}

TEST_F(LoadErrors, settings_out_of_range_are_refused) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"\"hidden_size\": 16", "\"hidden_size\": 17"},
      {"\"hidden_size\": 16", "\"hidden_size\": 1e30"},
      {"\"num_attention_heads\": 2", "\"num_attention_heads\": 0"},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": -1"},
      {"\"vocab_size\": 64", "\"vocab_size\": 63"},
      {"\"max_position_embeddings\": 40", "\"max_position_embeddings\": 2"},
      {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"swish\""},
      {"\"position_embedding_type\": \"absolute\"",
       "\"position_embedding_type\": \"relative_key\""}};
  const std::string config = slurp(at_ / "config.json");
  for (const auto& [from, to] : changes) {
    spit(at_ / "config.json", config);
    change("config.json", from, to);
    const auto e = Encoder::load(at_.string());
    ASSERT_FALSE(e) << to;
    EXPECT_NE(e.error().message.find("swy_encoder_load_test"), std::string::npos);
  }
}

TEST_F(LoadErrors, truncated_and_tampered_weights_are_refused_or_read_but_never_crash) {
  const std::string whole = slurp(at_ / "model.safetensors");
  for (std::size_t n = 0; n < whole.size(); n += 997) {
    spit(at_ / "model.safetensors", whole.substr(0, n));
    const auto e = Encoder::load(at_.string());
    ASSERT_FALSE(e) << n;
    EXPECT_NE(e.error().message.find("model.safetensors"), std::string::npos);
  }
  for (std::size_t i = 0; i < 4000; i += 7) {  // the header
    std::string bad = whole;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    spit(at_ / "model.safetensors", bad);
    const auto e = Encoder::load(at_.string());
    EXPECT_TRUE(e || e.error().message.find("model.safetensors") != std::string::npos);
  }
}

TEST_F(LoadErrors, numbers_that_are_not_finite_are_refused) {
  std::string whole = slurp(at_ / "model.safetensors");
  const float nan = NAN;
  std::memcpy(whole.data() + whole.size() - 4, &nan, 4);
  spit(at_ / "model.safetensors", whole);
  expect_error(ErrorCode::kInvalidArgument, "not finite");
}

TEST_F(LoadErrors, options_that_do_not_fit_are_refused) {
  EncoderOptions o;
  o.max_tokens = 41;
  EXPECT_EQ(Encoder::load(at_.string(), o).error().code, ErrorCode::kInvalidArgument);
  o.max_tokens = 3;  // [CLS] a [SEP] b [SEP]: no room
  EXPECT_EQ(Encoder::load(at_.string(), o).error().code, ErrorCode::kInvalidArgument);
  o.max_tokens = 0;
  o.kernels = "sse9";
  EXPECT_EQ(Encoder::load(at_.string(), o).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(LoadErrors, sentence_encoder_modules_are_followed_and_checked) {
  const std::string transformer = R"({"type":"s.models.Transformer","path":""})";
  const std::string pooling = R"({"type":"s.models.Pooling","path":"1_Pooling"})";
  spit(at_ / "modules.json", "[" + transformer + "," + pooling + "]");
  spit(at_ / "1_Pooling/config.json", R"({"pooling_mode_cls_token":true})");
  spit(at_ / "sentence_bert_config.json", R"({"max_seq_length":20})");
  const auto e = Encoder::load(at_.string());
  ASSERT_TRUE(e) << e.error().message;
  EXPECT_EQ((*e)->info().pooling, Pooling::kCls);
  EXPECT_FALSE((*e)->info().normalize);
  EXPECT_EQ((*e)->info().max_tokens, 20);
  spit(at_ / "1_Pooling/config.json", R"({"pooling_mode_lasttoken":true})");
  expect_error(ErrorCode::kUnsupported, "1_Pooling/config.json");
  spit(at_ / "modules.json", R"([{"type":"s.models.Dense","path":"2_Dense"}])");
  expect_error(ErrorCode::kUnsupported, "'Dense'");
  spit(at_ / "modules.json", R"([{"type":"s.models.Transformer","path":"../x"}])");
  expect_error(ErrorCode::kInvalidArgument, "'../x'");
}

}  // namespace
}  // namespace swy::embed
