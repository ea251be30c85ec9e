#include "gateway/masking.h"

#include <gtest/gtest.h>

namespace swy::gateway {
namespace {

TEST(MaskRequest, ReplacesPersonalDataInMessagesOnly) {
  Demands d;
  d.mask = text::pii_bit(text::PiiType::kEmailAddress);
  d.confidence = 0.5F;
  text::PiiVault vault;
  const auto out = mask_request(
      R"({"model":"auto","user":"a@example.org","messages":[{"role":"user","content":"mail a@example.org"},)"
      R"({"role":"assistant","tool_calls":[{"function":{"arguments":"{\"to\":\"a@example.org\"}"}}]}]})",
      d, vault);
  ASSERT_TRUE(out);
  EXPECT_EQ(
      *out,
      R"({"model":"auto","user":"a@example.org","messages":[{"role":"user","content":"mail [EMAIL_ADDRESS_1]"},)"
      R"({"role":"assistant","tool_calls":[{"function":{"arguments":"{\"to\":\"[EMAIL_ADDRESS_1]\"}"}}]}]})");
  EXPECT_EQ(vault.size(), 1U);
}

TEST(MaskRequest, WhatCannotBeRewrittenIsNotSent) {
  Demands d;
  d.mask = text::kAllPii;
  text::PiiVault vault;
  EXPECT_EQ(mask_request("{\"messages\":", d, vault).error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace swy::gateway
