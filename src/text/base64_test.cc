#include "text/base64.h"

#include <gtest/gtest.h>

namespace swy::text {
namespace {

TEST(Base64, EncodesTheVectorsOfRfc4648) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foo"), "Zm9v");
  EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
  EXPECT_EQ(base64_encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
}

TEST(Base64, EveryLengthRoundTrips) {
  std::string s;
  for (int n = 0; n < 300; ++n) {
    const auto back = base64_decode(base64_encode(s));
    ASSERT_TRUE(back.has_value());
    ASSERT_EQ(*back, s);
    s.push_back(static_cast<char>(static_cast<unsigned char>(n * 37)));
  }
}

TEST(Base64, RejectsWhatTheEncoderDoesNotWrite) {
  for (const std::string_view bad :
       {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zm9v\n", "Zm 9", "Zg==Zg==", "-_-_"}) {
    EXPECT_FALSE(base64_decode(bad).has_value()) << bad;
  }
}

TEST(Base64, WhatDecodesEncodesBackToItself) {
  const std::string good = base64_encode("routing");
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string t = good;
      t[i] = static_cast<char>(static_cast<unsigned char>(c));
      if (const auto d = base64_decode(t)) {
        EXPECT_EQ(base64_encode(*d), t);
      }
    }
  }
}

}  // namespace
}  // namespace swy::text
