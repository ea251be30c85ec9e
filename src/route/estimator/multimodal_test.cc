#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "route/testing/beliefs_lab.h"
#include "text/base64.h"

namespace swy::route {
namespace {

using testing::EstimatorLab;
using testing::Prompt;

// One question over and over, of which the picture alone says who can answer: `small` reads small
// ones, `large` large ones. Rows without an image: both answer.
class Multimodal : public ::testing::Test {
 protected:
  Multimodal() {
    std::filesystem::create_directories(folder_);
    std::ofstream table(folder_ / "t.jsonl");
    std::ofstream images(folder_ / "t.images.jsonl");
    for (int i = 0; i < 60; ++i) {
      const bool big = i % 2 == 0;
      const bool has = i % 3 != 0;
      table << R"({"id":"r)" << i << R"(","prompt":")"
            << (has ? "What is the area of the shaded figure?" : "Name the capital of a country.")
            << R"(","models":{"small":{"correct":)" << (!has || !big) << R"(},"large":{"correct":)"
            << (!has || big) << "}}}\n";
      if (!has) continue;
      images << R"({"id":"r)" << i << R"(","images":[{"width":)" << (big ? 2000 + i : 100 + i)
             << R"(,"height":)" << (big ? 1500 : 80) << R"(,"bytes":)" << (big ? 900000 : 4000)
             << "}]}\n";
    }
  }
  ~Multimodal() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string yaml(const std::string& options) const {
    return "models:\n  - { name: small }\n  - { name: large }\n  - { name: new }\n"
           "routes: { auto: [{ models: [small, large, new], estimator: { type: multimodal, "
           "table: t.jsonl" +
           options + " } }] }\n";
  }
  EstimatorLab lab(
      const std::string& options = ", images: t.images.jsonl, clusters: 4, shrink: 1") {
    return EstimatorLab(yaml(options), folder_.string());
  }

  std::filesystem::path folder_ = std::filesystem::path(::testing::TempDir()) / "swy_multimodal";
};

// A PNG of this size, of which only the first bytes are there.
std::string png(std::uint32_t width, std::uint32_t height) {
  std::string s = "\x89PNG\r\n\x1a\n";
  s += std::string(3, '\0') + "\x0dIHDR";
  for (const std::uint32_t v : {width, height}) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) s += static_cast<char>(v >> shift & 0xFFU);
  }
  return "data:image/png;base64," + text::base64_encode(s);
}

std::vector<Belief> ask(EstimatorLab& lab, const std::string& url) {
  Prompt p("What is the area of the shaded figure?");
  if (!url.empty()) {
    chat::Part image{chat::PartKind::kImage, {}};
    image.source = url;
    p.request.parts.push_back(image);
    p.request.messages[0].parts = 2;
    p.request.images = 1;
  }
  return lab.believe(p.work);
}

TEST_F(Multimodal, TellsRequestsApartByTheirImagesWhereTheTextIsTheSame) {
  auto k = lab();
  ASSERT_TRUE(k.made());
  const auto big = ask(k, png(2100, 1500));
  const auto small = ask(k, png(110, 80));
  EXPECT_GT(big[1].quality, big[0].quality + .5);
  EXPECT_GT(small[0].quality, small[1].quality + .5);
  EXPECT_TRUE(std::isnan(big[2].quality));
  EXPECT_GT(big[1].evidence, 5);
}

TEST_F(Multimodal, TakesARowsImagesWhereItIsAskedByTextAlone) {
  auto k = lab();
  Prompt p("What is the area of the shaded figure?");
  p.work.exclude_row = "r2";  // a large one
  const auto b = k.believe(p.work);
  EXPECT_GT(b[1].quality, b[0].quality + .5);
}

TEST_F(Multimodal, IsTheTextAloneWithoutImages) {
  auto k = lab(", clusters: 4, shrink: 1");
  ASSERT_TRUE(k.made());
  const auto b = ask(k, "");
  EXPECT_NEAR(b[0].quality, b[1].quality, .1);  // the text does not tell them apart
  Prompt p("Name the capital of a country.");
  EXPECT_GT(k.believe(p.work)[0].quality, .9);
}

TEST_F(Multimodal, NamesTheLineOfABadFile) {
  std::ofstream(folder_ / "bad.jsonl") << R"({"id":"r1","images":[{"width":-3}]})" << '\n';
  const auto found =
      testing::findings(yaml(", images: bad.jsonl"), testing::beliefs_registry(), folder_.string());
  EXPECT_NE(found.find("bad.jsonl:1:"), std::string::npos) << found;
  EXPECT_NE(
      testing::findings(yaml(", images: none.jsonl"), testing::beliefs_registry(), folder_.string())
          .find("none.jsonl"),
      std::string::npos);
}

}  // namespace
}  // namespace swy::route
