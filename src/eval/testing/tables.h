// Outcome tables for tests. Header-only; nothing shared.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "base/rng.h"
#include "eval/pool.h"

namespace swy::eval::testing {

inline record::OutcomeTable table_from(const std::string& jsonl) {
  auto table = record::parse_outcomes("test.jsonl", jsonl);
  EXPECT_TRUE(table) << (table ? "" : table.error().message);
  return table ? std::move(*table) : record::OutcomeTable{};
}

// The T4 fixture (request-routing.md 0.1) as test part, and the same outcomes under other texts to
// learn from. Costs 1, 4 and 20 USD.
inline std::string t4_rows() {
  constexpr std::array<std::array<int, 3>, 4> kCorrect{
      {{1, 1, 1}, {0, 1, 1}, {0, 0, 1}, {0, 1, 0}}};
  constexpr std::array<const char*, 4> kText{"alpha beta", "gamma delta", "epsilon zeta",
                                             "eta theta"};
  std::string out;
  for (const char* part : {"train", "test"}) {
    for (std::size_t q = 0; q < 4; ++q) {
      out += fmt::format(
          R"({{"id":"{0}-{1}","dataset":"t4","domain":"d","prompt":"{2} {0}","part":"{0}","models":{{)"
          R"("S":{{"correct":{3},"tokens_in":10,"tokens_out":10,"cost":1}},)"
          R"("M":{{"correct":{4},"tokens_in":10,"tokens_out":10,"cost":4}},)"
          R"("L":{{"correct":{5},"tokens_in":10,"tokens_out":10,"cost":20}}}}}})"
          "\n",
          part, q, kText[q], kCorrect[q][0], kCorrect[q][1], kCorrect[q][2]);
    }
  }
  return out;
}

inline Pool t4_pool() {
  PoolOptions options;
  options.by_part = true;
  auto pool = make_pool(table_from(t4_rows()), options);
  EXPECT_TRUE(pool) << (pool ? "" : pool.error().message);
  return pool ? std::move(*pool) : Pool{};
}

// Questions of two kinds, told apart by their words (four of twelve, so that none is a stop word):
// weak models do well on easy ones only. Costs grow with the model's number.
inline std::string synthetic_rows(std::size_t rows, std::size_t models, std::uint64_t seed = 1) {
  std::string out;
  base::Rng rng(seed, 0, 0);
  for (std::size_t i = 0; i < rows; ++i) {
    const bool hard = rng.uniform() < 0.5;
    constexpr std::array<const char*, 12> kHard{"ring",  "ideal", "lemma",   "proof",
                                                "field", "norm",  "kernel",  "module",
                                                "group", "limit", "measure", "basis"};
    constexpr std::array<const char*, 12> kEasy{"apple",  "pear",   "shop", "price",
                                                "coin",   "bread",  "milk", "bag",
                                                "friend", "garden", "ball", "book"};
    std::string prompt;
    for (int w = 0; w < 4; ++w) prompt += fmt::format("{} ", (hard ? kHard : kEasy)[rng.below(12)]);
    out += fmt::format(R"({{"id":"q{}","dataset":"made","domain":"{}","prompt":"{}{}","models":{{)",
                       i, hard ? "hard" : "easy", prompt, i);
    for (std::size_t m = 0; m < models; ++m) {
      const double strength = static_cast<double>(m + 1) / static_cast<double>(models);
      const double p = hard ? 0.2 + 0.6 * strength : 0.8 + 0.1 * strength;
      out += fmt::format(R"({}"m{}":{{"correct":{},"tokens_in":{},"tokens_out":{},"cost":{}}})",
                         m == 0 ? "" : ",", m, rng.uniform() < p ? 1 : 0, 20 + i % 30, 50 + i % 70,
                         1e-5 * static_cast<double>((1U << m) * (100 + i % 100)) / 100);
    }
    out += "}}\n";
  }
  return out;
}

}  // namespace swy::eval::testing
