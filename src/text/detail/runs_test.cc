#include "text/detail/runs.h"

#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"

namespace swy::text {
namespace {

TEST(Runs, AgreeWithTheScalarVersionOnRandomText) {
  constexpr std::string_view kAlphabet = "abcxyzABCXYZ0189__`{@[/:\x7f\x80\xa0\xc1\xe1\xff .";
  base::Rng rng(1, 2, 3);
  for (int round = 0; round < 200'000; ++round) {
    std::string s;
    const std::size_t words =
        rng.below(5) == 0 ? kAlphabet.size() : 18;  // mostly word characters, so that runs get long
    for (std::size_t n = rng.below(50); n > 0; --n) s += kAlphabet[rng.below(words)];
    ASSERT_EQ(small_run(s), small_run_scalar(s)) << s;
  }
}

TEST(Runs, ClassifyEveryByte) {
  for (int c = 0; c < 256; ++c) {
    const std::string s(20, static_cast<char>(c));
    EXPECT_EQ(small_run(s), small_run_scalar(s)) << c;
  }
}

}  // namespace
}  // namespace swy::text
