#include "gateway/state_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace swy::gateway {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(StateFile, ComesBackAsItWasAndNothingElseDoes) {
  std::string dir = testing::TempDir() + "swy_state_XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  const std::string path = dir + "/state/drift.json";
  const StateMark mark{"drift", 7};
  const auto none = read_state(path, mark);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  ASSERT_TRUE(write_state(path, mark, R"({"a":[1,2.5]})"));
  ASSERT_TRUE(write_state(path, mark, R"({"a":[1,2.25]})"));  // over an older one
  const auto some = read_state(path, mark);
  ASSERT_TRUE(some) << some.error().message;
  EXPECT_EQ(**some, R"({"a":[1,2.25]})");
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  const auto other = read_state(path, {"drift", 8});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(other.error().message.find("another configuration"), std::string::npos);
  EXPECT_EQ(read_state(path, {"learning", 7}).error().code, ErrorCode::kParse);
}

TEST(StateFile, WhatWasChangedOrCutAnywhereIsRefused) {
  std::string dir = testing::TempDir() + "swy_state_XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  const std::string path = dir + "/drift.json";
  const StateMark mark{"drift", 7};
  ASSERT_TRUE(write_state(path, mark, R"({"a":[1,2.5]})"));
  const std::string whole = text_of(path);
  for (std::size_t i = 0; i + 1 < whole.size(); ++i) {  // the last byte is the newline
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    std::ofstream(path) << changed;
    const auto read = read_state(path, mark);
    EXPECT_FALSE(read && *read && **read != R"({"a":[1,2.5]})") << i << ": " << changed;
    if (changed.find("2.5") == std::string::npos) {
      EXPECT_FALSE(read && *read) << i;
    }
    std::ofstream(path) << whole.substr(0, i);
    EXPECT_FALSE(read_state(path, mark)) << i;
  }
  std::ofstream(path) << R"({"kind":"drift","format":2,"state":{}})";
  EXPECT_NE(read_state(path, mark).error().message.find("format 2"), std::string::npos);
}

}  // namespace
}  // namespace swy::gateway
