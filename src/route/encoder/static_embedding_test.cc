#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

TEST(StaticEmbeddingEncoder, TheBuiltInOneKnowsWhatIsAlike) {
  PluginLab lab;
  const auto id = lab.encoder("static_embedding", {});
  ASSERT_TRUE(id) << lab.errors();
  const Encoder& e = lab.encoder(*id);
  EXPECT_TRUE(e.immediate());
  EXPECT_FALSE(e.content_hash().empty());
  const std::vector<std::string_view> texts = {"the cat sleeps on the sofa",
                                               "a kitten is lying on the couch",
                                               "interest rates rose by half a percent", ""};
  std::vector<float> v(texts.size() * e.dims());
  ASSERT_TRUE(e.encode(texts, v));
  const auto cosine = [&](std::size_t a, std::size_t b) {
    const float* x = v.data() + a * e.dims();
    const float* y = v.data() + b * e.dims();
    return std::inner_product(x, x + e.dims(), y, 0.0F);
  };
  EXPECT_NEAR(cosine(0, 0), 1, 1e-4);
  EXPECT_GT(cosine(0, 1), cosine(0, 2) + 0.2F);
  EXPECT_EQ(cosine(3, 3), 0) << "an empty text has no direction";
}

TEST(StaticEmbeddingEncoder, NamesAFolderThatCannotBeRead) {
  PluginLab lab;
  const auto doc = base::Doc::scalar("static_embedding");
  base::Diagnostics diag("x");
  const auto map = base::parse_yaml("{ type: static_embedding, path: no/such/folder }", diag);
  ASSERT_TRUE(map);
  EXPECT_EQ(make_static_embedding(*map, lab), nullptr);
  EXPECT_NE(lab.errors().find("no/such/folder"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
