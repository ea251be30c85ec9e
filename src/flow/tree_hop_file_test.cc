#include "flow/tree_hop_file.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace swy::flow {
namespace {

class TreeHopFile : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_ = ::testing::TempDir() + "swy_tree_hop.safetensors";
};

math::TreeHopWeights sample() {
  math::TreeHopWeights w;
  w.dims = 2;
  math::TreeHopHead h;
  h.q = h.k = h.v = {2, 3, {1, 0, 0, 1, 1, 1}, {.1F, .2F, .3F}};
  h.widen = {3, 2, {1, 0, 0, 0, 1, 0}, {}};
  h.layers.push_back({{1, 1}, {0, .5F}, {2, 2, {1, 0, 0, 1}, {}}});
  h.narrow = {2, 3, {1, 0, 0, 1, 1, 1}, {}};
  w.heads = {h, h};
  w.out = {6, 2, std::vector<float>(12, .25F), {}};
  return w;
}

TEST_F(TreeHopFile, GivesTheSameQueriesOnceItIsReadBack) {
  ASSERT_TRUE(save_tree_hop(path_, sample(), "encoder-1"));
  const auto read = load_tree_hop(path_, "encoder-1");
  ASSERT_TRUE(read) << read.error().message;
  const std::array q = {1.0F, 0.0F};
  const std::array c = {.6F, .8F};
  std::array<float, 2> before{}, after{};
  next_query(sample(), q, c, before);
  next_query(*read, q, c, after);
  EXPECT_EQ(before, after);
}

TEST_F(TreeHopFile, IsRefusedForAnotherEncoderDamagedOrOfAnotherKind) {
  ASSERT_TRUE(save_tree_hop(path_, sample(), "encoder-1"));
  const auto other = load_tree_hop(path_, "encoder-2");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("trained on the encoder encoder-1, this one is encoder-2"),
            std::string::npos);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x01');
  file.close();
  const auto damaged = load_tree_hop(path_, "encoder-1");
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message.find("damaged"), std::string::npos);
  auto w = sample();
  w.heads[0].k = {2, 2, {1, 0, 0, 1}, {}};  // projections that do not fit
  ASSERT_TRUE(save_tree_hop(path_, w, "encoder-1"));
  EXPECT_FALSE(load_tree_hop(path_, "encoder-1"));
  w = sample();
  w.out = {5, 2, std::vector<float>(10, .25F), {}};
  ASSERT_TRUE(save_tree_hop(path_, w, "encoder-1"));
  EXPECT_FALSE(load_tree_hop(path_, "encoder-1"));
}

}  // namespace
}  // namespace swy::flow
