#include "text/detail/masks.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "base/rng.h"

namespace swy::text {
namespace {

TEST(Masks, AgreeWithTheScalarVersionOnRandomBytes) {
  base::Rng rng(4, 5, 6);
  for (int round = 0; round < 20'000; ++round) {
    std::string s(rng.below(140), '\0');
    for (char& c : s) {
      c = static_cast<char>(
          static_cast<unsigned char>(round % 2 == 0 ? rng.below(256) : 0x20 + rng.below(0x60)));
    }
    const std::size_t at = rng.below(s.size() + 1);
    const Block fast = block_at(s, at);
    const auto slow = block_at<ScalarBlock>(s, at);
    const auto first = static_cast<char>(rng.below(128));
    const auto last = static_cast<char>(static_cast<std::size_t>(first) +
                                        rng.below(128U - static_cast<unsigned>(first)));
    const auto any = static_cast<char>(static_cast<unsigned char>(rng.below(256)));
    ASSERT_EQ(fast.letters(), slow.letters());
    ASSERT_EQ(fast.high(), slow.high());
    ASSERT_EQ(fast.equal(any), slow.equal(any)) << static_cast<int>(any);
    ASSERT_EQ(fast.between(first, last), slow.between(first, last))
        << static_cast<int>(first) << " " << static_cast<int>(last);
  }
}

TEST(Masks, CountAndCutBits) {
  base::Rng rng(7, 8, 9);
  for (int round = 0; round < 10'000; ++round) {
    const std::uint64_t m = rng.next() & (round % 2 == 0 ? ~std::uint64_t{0} : rng.next());
    ASSERT_EQ(count_bits(m), static_cast<std::uint32_t>(std::popcount(m)));
  }
  EXPECT_EQ(low_bits(0), 0U);
  EXPECT_EQ(low_bits(3), 7U);
  EXPECT_EQ(low_bits(64), ~std::uint64_t{0});
}

}  // namespace
}  // namespace swy::text
