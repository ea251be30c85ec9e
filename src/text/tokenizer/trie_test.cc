#include "text/tokenizer/trie.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace swy::text::tok {
namespace {

TEST(Trie, FindsExactlyTheKeysItWasBuiltFrom) {
  std::uint64_t state = 7;
  const auto random = [&](std::uint64_t n) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33U) % n;
  };
  std::map<std::string, std::uint32_t> keys;
  std::vector<std::string> probes;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    std::string key;
    for (std::uint64_t n = 1 + random(6); n > 0; --n)
      key.push_back(static_cast<char>(random(8) == 0 ? random(256) : 'a' + random(5)));
    probes.push_back(key);
    if (i % 2 == 0) keys[key] = i;
  }
  std::vector<Trie::Entry> entries;
  for (const auto& [key, value] : keys) entries.emplace_back(key, value);
  const Trie trie(entries);
  for (const std::string& probe : probes) {
    const auto it = keys.find(probe);
    EXPECT_EQ(trie.find(probe), it == keys.end() ? Trie::kNone : it->second);
  }
}

TEST(Trie, KeepsTheLastOfEqualKeysAndNoEmptyOne) {
  const Trie trie({{"a", 1}, {"ab", 2}, {"a", 3}, {"", 4}});
  EXPECT_EQ(trie.find("a"), 3U);
  EXPECT_EQ(trie.find("ab"), 2U);
  EXPECT_EQ(trie.find(""), Trie::kNone);
  EXPECT_EQ(trie.find("abc"), Trie::kNone);
  EXPECT_EQ(Trie().find("a"), Trie::kNone);
  EXPECT_EQ(Trie(std::vector<Trie::Entry>{}).find("a"), Trie::kNone);
}

TEST(Trie, TakesEveryByteUnderOneNode) {
  std::vector<std::string> keys;
  for (int b = 0; b < 256; ++b) keys.push_back({'x', static_cast<char>(b)});
  std::vector<Trie::Entry> entries;
  for (std::uint32_t i = 0; i < keys.size(); ++i) entries.emplace_back(keys[i], i);
  const Trie trie(entries);
  for (std::uint32_t i = 0; i < keys.size(); ++i) EXPECT_EQ(trie.find(keys[i]), i);
}

}  // namespace
}  // namespace swy::text::tok
