#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>

#include "text/tokenizer/model.h"

namespace swy::text::tok {
namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t n) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state_ >> 33U) % n;
  }

 private:
  std::uint64_t state_;
};

std::vector<TokenId> ids_of(const Model& model, std::string_view word) {
  ModelScratch scratch;
  std::vector<Piece> pieces;
  model.tokenize(word, {{0, static_cast<std::uint32_t>(word.size())}}, scratch,
                 std::numeric_limits<std::size_t>::max(), pieces);
  std::uint32_t at = 0;
  std::vector<TokenId> ids;
  for (const Piece& p : pieces) {
    EXPECT_EQ(p.begin, at);
    at = p.end;
    ids.push_back(p.id);
  }
  EXPECT_EQ(at, word.size());
  return ids;
}

// The definition: the pair of lowest rank, leftmost first, until none is left.
std::vector<std::string> merged(std::string_view word, const Merges& merges) {
  std::vector<std::string> parts;
  for (const char c : word) parts.emplace_back(1, c);
  while (true) {
    std::size_t best = merges.size();
    std::size_t place = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      for (std::size_t r = 0; r < best; ++r) {
        if (merges[r].first != parts[i] || merges[r].second != parts[i + 1]) continue;
        best = r;
        place = i;
      }
    }
    if (best == merges.size()) return parts;
    parts[place] += parts[place + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

TEST(Bpe, ScanAndHeapFollowTheDefinition) {
  Random random(3);
  std::vector<VocabEntry> vocab;
  std::map<std::string, TokenId> ids;
  const auto add = [&](const std::string& s) {
    if (ids.emplace(s, static_cast<TokenId>(vocab.size())).second)
      vocab.push_back({s, static_cast<TokenId>(vocab.size()), 0});
  };
  for (const char c : {'a', 'b', 'c'}) add(std::string(1, c));
  Merges merges;
  std::map<std::pair<std::string, std::string>, bool> seen;
  while (merges.size() < 60) {
    const std::string a = vocab[random.below(vocab.size())].text;
    const std::string b = vocab[random.below(vocab.size())].text;
    if (a.size() + b.size() > 7 || !seen.emplace(std::pair(a, b), true).second) continue;
    merges.emplace_back(a, b);
    add(a + b);
  }
  BpeOptions options;
  options.byte_level = true;
  const auto model = make_bpe(vocab, merges, options);
  ASSERT_TRUE(model) << model.error().message;
  for (int round = 0; round < 3000; ++round) {
    std::string word;
    for (std::uint64_t n = 1 + random.below(60); n > 0; --n)
      word.push_back(static_cast<char>('a' + random.below(3)));
    std::vector<TokenId> wanted;
    for (const std::string& part : merged(word, merges)) wanted.push_back(ids[part]);
    ASSERT_EQ(ids_of(**model, word), wanted) << word;
  }
}

TEST(Bpe, AMergeOfUnknownTokensIsRefused) {
  const auto model = make_bpe({{"a", 0, 0}, {"b", 1, 0}}, {{"a", "b"}}, {});
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("model.merges[0]: \"ab\""), std::string::npos);
}

TEST(Unigram, TakesTheBestOfAllSegmentations) {
  Random random(5);
  std::vector<VocabEntry> vocab = {{"<unk>", 0, -20}, {"a", 1, -3}, {"b", 2, -3.5}, {"c", 3, -2}};
  for (TokenId id = 4; id < 40; ++id) {
    std::string s;
    for (std::uint64_t n = 2 + random.below(3); n > 0; --n)
      s.push_back(static_cast<char>('a' + random.below(3)));
    vocab.push_back({s, id, -1.0 - static_cast<double>(random.below(9000)) / 1000});
  }
  UnigramOptions options;
  options.lowest_score = -20;
  const auto model = make_unigram(vocab, options);
  std::map<std::string, double> scores;
  for (const VocabEntry& e : vocab) scores[e.text] = e.score;
  for (int round = 0; round < 300; ++round) {
    std::string word;
    for (std::uint64_t n = 1 + random.below(9); n > 0; --n)
      word.push_back(static_cast<char>('a' + random.below(3)));
    const std::function<double(std::size_t)> best = [&](std::size_t at) {
      if (at == word.size()) return 0.0;
      double most = -1e9;
      for (std::size_t n = 1; n <= 4 && at + n <= word.size(); ++n) {
        const auto it = scores.find(word.substr(at, n));
        if (it != scores.end()) most = std::max(most, it->second + best(at + n));
      }
      return most;
    };
    double got = 0;
    for (const TokenId id : ids_of(*model, word)) got += scores[vocab[id].text];
    EXPECT_NEAR(got, best(0), 1e-9) << word;
  }
}

TEST(Unigram, UnknownCharactersInARowAreOneToken) {
  UnigramOptions options;
  const auto model = make_unigram({{"<unk>", 0, 0}, {"a", 1, -1}}, options);
  EXPECT_EQ(ids_of(*model, "axya"), (std::vector<TokenId>{1, 0, 1}));
}

TEST(WordPiece, TakesTheLongestPieceAndGivesUpOnTheWholeWord) {
  WordPieceOptions options;
  options.max_characters = 6;
  const auto model = make_word_piece(
      {{"[UNK]", 0, 0}, {"un", 1, 0}, {"##a", 2, 0}, {"##able", 3, 0}, {"u", 4, 0}}, options);
  EXPECT_EQ(ids_of(*model, "unable"), (std::vector<TokenId>{1, 3}));
  EXPECT_EQ(ids_of(*model, "unax"), std::vector<TokenId>{0});
  EXPECT_EQ(ids_of(*model, "unaaaaa"), std::vector<TokenId>{0});  // seven characters
  EXPECT_EQ(ids_of(*model, "unaaaa"), (std::vector<TokenId>{1, 2, 2, 2, 2}));
}

}  // namespace
}  // namespace swy::text::tok
