#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>
#include <fstream>

namespace swy::text {
namespace {

constexpr std::string_view kBert =
    R"({"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,)"
    R"("hello":4,"world":5,"wor":6,"##ld":7,"##s":8,",":9,"cafe":10,"!":11}},)"
    R"("normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},)"
    R"("pre_tokenizer":{"type":"BertPreTokenizer"},)"
    R"("post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},)"
    R"("added_tokens":[{"content":"[SEP]","special":true,"normalized":false},{"content":"[NEW]","special":false,"normalized":false}]})";

std::shared_ptr<const Tokenizer> parsed(std::string_view json) {
  auto t = Tokenizer::parse(json, "test.json");
  EXPECT_TRUE(t) << t.error().message;
  return t ? *t : nullptr;
}

using Ids = std::vector<TokenId>;

Ids ids_of(const Tokenizer& t, std::string_view text, EncodeOptions options = {}) {
  Encoding e;
  t.encode(text, options, e);
  return e.ids;
}

std::string refusal(std::string_view json) {
  const auto t = Tokenizer::parse(json, "x/tokenizer.json");
  return t ? "no error" : t.error().message;
}

TEST(Tokenizer, EncodesWordsPiecesAndSpecialTokensWithTheirPlaces) {
  const auto t = parsed(kBert);
  Encoding e;
  t->encode("Hello,  Caf\u00E9 worlds!", {.offsets = true}, e);
  EXPECT_EQ(e.ids, (Ids{2, 4, 9, 10, 5, 8, 11, 3}));
  EXPECT_EQ(e.special, (std::vector<std::uint8_t>{1, 0, 0, 0, 0, 0, 0, 1}));
  const std::vector<ByteSpan> places = {{0, 0},   {0, 5},   {5, 6},   {8, 13},
                                        {14, 19}, {19, 20}, {20, 21}, {0, 0}};
  EXPECT_EQ(e.offsets, places);
  EXPECT_EQ(e.first, (ByteSpan{1, 7}));
  EXPECT_FALSE(e.truncated);
}

TEST(Tokenizer, PlacesCountTheBytesOfMalformedTextAsGiven) {
  const auto t = parsed(kBert);
  Encoding e;
  t->encode("\xE2\x82hello\xFF world", {.offsets = true}, e);
  EXPECT_EQ(e.ids, (Ids{2, 4, 5, 3}));
  EXPECT_EQ(e.offsets[1], (ByteSpan{2, 7}));
  EXPECT_EQ(e.offsets[2], (ByteSpan{9, 14}));
}

TEST(Tokenizer, TheLongerTextOfAPairIsCutFirst) {
  const auto t = parsed(kBert);
  Encoding e;
  t->encode_pair("hello", "world world world world", {.max_tokens = 6}, e);
  EXPECT_EQ(e.ids, (Ids{2, 4, 3, 5, 5, 3}));
  EXPECT_EQ(e.type_ids, (std::vector<std::uint8_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_TRUE(e.truncated);
  EXPECT_EQ(e.second, (ByteSpan{3, 5}));
  t->encode_pair("hello hello hello", "world world world", {.max_tokens = 6}, e);
  EXPECT_EQ(e.ids, (Ids{2, 4, 3, 5, 5, 3}));
}

TEST(Tokenizer, MaxTokensCountsSpecialTokensAndSaysWhatItDid) {
  const auto t = parsed(kBert);
  Encoding e;
  t->encode("hello world", {.max_tokens = 4}, e);
  EXPECT_FALSE(e.truncated);
  t->encode("hello world !", {.max_tokens = 4}, e);
  EXPECT_EQ(e.ids, (Ids{2, 4, 5, 3}));
  EXPECT_TRUE(e.truncated);
  t->encode("hello world", {.max_tokens = 1}, e);
  EXPECT_EQ(e.ids, Ids{2});
  t->encode("hello world", {.max_tokens = 0}, e);
  EXPECT_TRUE(e.ids.empty());
  EXPECT_EQ(ids_of(*t, "hello", {.add_special = false}), Ids{4});
}

TEST(Tokenizer, AddedTokensAreFoundInTheTextAndNumberedAfterTheVocabulary) {
  const auto t = parsed(kBert);
  EXPECT_EQ(ids_of(*t, "hello[SEP]world [NEW]"), (Ids{2, 4, 3, 5, 12, 3}));
  EXPECT_EQ(t->id_of("[NEW]"), 12U);
  EXPECT_EQ(t->size(), 13U);
  EXPECT_EQ(t->token(7), "##ld");
  EXPECT_EQ(t->token(99), "");
  EXPECT_EQ(t->special().pad, 0U);
  EXPECT_EQ(t->special().cls, 2U);
  EXPECT_EQ(t->special().unk, 1U);
  EXPECT_FALSE(t->special().mask.has_value());
  EXPECT_EQ(t->special_count(false), 2U);
  EXPECT_EQ(t->special_count(true), 3U);
}

TEST(Tokenizer, EmptyAndBlankTextsAreSpecialTokensOnly) {
  const auto t = parsed(kBert);
  for (const char* text : {"", " ", "\n\t", "\x01\x02", "\u200B"})
    EXPECT_EQ(ids_of(*t, text), (Ids{2, 3})) << text;
}

TEST(Tokenizer, ByteLevelTokensBeginBehindTheirSpaceWhenOffsetsAreTrimmed) {
  const auto t = parsed(
      R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"Ġ":2,"Ġa":3,"Ċ":4},"merges":["Ġ a"]},)"
      R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)"
      R"("post_processor":{"type":"ByteLevel","trim_offsets":true,"add_prefix_space":false}})");
  Encoding e;
  t->encode("a a  a\n", {.offsets = true}, e);
  EXPECT_EQ(e.ids, (Ids{0, 3, 2, 3, 4}));
  const std::vector<ByteSpan> places = {{0, 1}, {2, 3}, {4, 4}, {5, 6}, {6, 7}};
  EXPECT_EQ(e.offsets, places);
}

TEST(Tokenizer, WhatIsNotDoneIsRefusedWithItsPlace) {
  const std::string model = R"("model":{"type":"WordPiece","unk_token":"u","vocab":{"u":0}})";
  EXPECT_EQ(refusal("[]"), "x/tokenizer.json: not a JSON object");
  EXPECT_EQ(refusal("{}"), "x/tokenizer.json: model: is missing");
  EXPECT_EQ(refusal(R"({"model":{"type":"WordLevel"}})"),
            "x/tokenizer.json: model.type: \"WordLevel\" is not supported");
  EXPECT_EQ(
      refusal(
          R"({"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"ByteLevel"}]},)" +
          model + "}"),
      "x/tokenizer.json: normalizer.normalizers[1].type: \"ByteLevel\" is not supported");
  EXPECT_EQ(refusal(R"({"pre_tokenizer":{"type":"UnicodeScripts"},)" + model + "}"),
            "x/tokenizer.json: pre_tokenizer.type: \"UnicodeScripts\" is not supported");
  EXPECT_EQ(refusal(R"({"model":{"type":"WordPiece","unk_token":"v","vocab":{"u":0}}})"),
            "x/tokenizer.json: model.unk_token: \"v\" is not in the vocabulary");
  EXPECT_EQ(refusal(R"({"model":{"type":"WordPiece","unk_token":"u","vocab":{"u":-1}}})"),
            "x/tokenizer.json: model.vocab.u: a token id is a number from 0 to 16777215");
  EXPECT_EQ(refusal(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a a a"]}})"),
            "x/tokenizer.json: model.merges[0]: two texts with one space between are expected");
  EXPECT_EQ(refusal(R"({"model":{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}})"),
            "x/tokenizer.json: model.dropout: dropout is not supported");
  EXPECT_EQ(
      refusal(R"({"model":{"type":"Unigram","unk_id":null,"vocab":[["a",0]]}})"),
      "x/tokenizer.json: model.unk_id: a vocabulary without an unknown token is not supported");
  EXPECT_NE(
      refusal(
          R"({"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"},)" +
          model + "}")
          .find("pre_tokenizer.pattern.Regex: pattern \"(\""),
      std::string::npos);
}

TEST(Tokenizer, AMissingFileIsNamed) {
  const auto t = Tokenizer::load("/nonexistent/model");
  ASSERT_FALSE(t);
  EXPECT_EQ(t.error().code, ErrorCode::kNotFound);
  EXPECT_NE(t.error().message.find("/nonexistent/model"), std::string::npos);
}

TEST(Tokenizer, AVocabTxtFolderIsReadAsBert) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(testing::TempDir()) / "swy_tokenizer_vocab";
  fs::create_directories(folder);
  std::ofstream(folder / "vocab.txt") << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n##s\nHello\n";
  std::ofstream(folder / "tokenizer_config.json") << R"({"do_lower_case": false})";
  const auto t = Tokenizer::load(folder.string());
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ(ids_of(**t, "Hellos hello"), (Ids{2, 7, 6, 5, 3}));
  EXPECT_EQ((*t)->special().mask, 4U);
  fs::remove_all(folder);
}

// One megabyte of what is slow for a careless implementation. The bound is loose: quadratic time
// would be minutes.
TEST(Tokenizer, AdversarialTextsTakeBoundedTime) {
  const auto bert = parsed(kBert);
  const auto bpe = parsed(
      R"({"model":{"type":"BPE","unk_token":"u","vocab":{"u":0,"a":1,"aa":2,"aaaa":3,"aaaaaaaa":4},)"
      R"("merges":["a a","aa aa","aaaa aaaa"]}})");
  const auto unigram = parsed(
      R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["u",0],["a",-1],["aa",-1.5],["aaaaaaaaaaaaaaaa",-2]]}})");
  const auto split = parsed(
      R"({"model":{"type":"BPE","vocab":{"a":0,"Ġ":1},"merges":[]},"pre_tokenizer":{"type":"ByteLevel"}})");
  const std::size_t size = std::size_t{1} << 20U;
  std::string mixed;
  while (mixed.size() < size) mixed += "a \n'\xFF\xE2\x82[SEP";
  const std::clock_t begin = std::clock();  // processor time: other load does not count
  for (const std::string& text :
       {std::string(size, 'a'), std::string(size, ' '), std::string(size, '['), mixed}) {
    for (const auto& t : {bert, bpe, unigram, split}) {
      Encoding e;
      t->encode(text, {.offsets = true}, e);
      EXPECT_EQ(e.ids.size(), e.offsets.size());
    }
  }
  EXPECT_LT((std::clock() - begin) / CLOCKS_PER_SEC, 60);
}

}  // namespace
}  // namespace swy::text
