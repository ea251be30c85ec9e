#include "text/image_facts.h"

#include <gtest/gtest.h>

#include <string>

#include "text/base64.h"

namespace swy::text {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int v : values) out += static_cast<char>(v);
  return out;
}
std::string url(const std::string& file) { return "data:image/any;base64," + base64_encode(file); }

const std::string kPng = "\x89PNG\r\n\x1a\n" + bytes({0, 0, 0, 13}) + "IHDR" +
                         bytes({0, 0, 2, 0x80, 0, 0, 1, 0xE0, 8, 6, 0, 0, 0});
const std::string kGif = "GIF89a" + bytes({0x40, 1, 0xC8, 0, 0, 0, 0});
// An APP0 segment of 16 bytes, then a baseline frame.
const std::string kJpeg = bytes({0xFF, 0xD8, 0xFF, 0xE0, 0, 16}) + std::string(14, '\0') +
                          bytes({0xFF, 0xC4, 0, 4, 0, 0}) +
                          bytes({0xFF, 0xC0, 0, 17, 8, 1, 0x2C, 1, 0x90, 3, 0, 0, 0});
const std::string kWebp = "RIFF" + bytes({0, 0, 0, 0}) + "WEBPVP8X" + bytes({10, 0, 0, 0}) +
                          bytes({0, 0, 0, 0}) + bytes({0x7F, 2, 0, 0xDF, 1, 0});

TEST(ImageFacts, ReadTheSizeFromTheFirstBytes) {
  EXPECT_EQ(image_facts(url(kPng)), (ImageFacts{640, 480, kPng.size()}));
  EXPECT_EQ(image_facts(url(kGif)), (ImageFacts{320, 200, kGif.size()}));
  EXPECT_EQ(image_facts(url(kJpeg)), (ImageFacts{400, 300, kJpeg.size()}));
  EXPECT_EQ(image_facts(url(kWebp)), (ImageFacts{640, 480, kWebp.size()}));
}

TEST(ImageFacts, SayNothingOfWhatIsElsewhereOrUnknown) {
  EXPECT_EQ(image_facts("https://example.org/a.png"), ImageFacts{});
  EXPECT_EQ(image_facts(""), ImageFacts{});
  EXPECT_EQ(image_facts("data:image/png,raw"), ImageFacts{});
  EXPECT_EQ(image_facts(url("no image at all")), (ImageFacts{0, 0, 15}));
}

TEST(ImageFacts, AreTotalOnEveryCutAndEveryFlippedByte) {
  for (const std::string& file : {kPng, kGif, kJpeg, kWebp}) {
    for (std::size_t n = 0; n <= file.size(); ++n) (void)image_head_facts(file.substr(0, n));
    for (std::size_t i = 0; i < file.size(); ++i) {
      std::string other = file;
      for (const int v : {0, 0x7F, 0xFF}) {
        other[i] = static_cast<char>(v);
        (void)image_facts(url(other));
      }
    }
  }
}

}  // namespace
}  // namespace swy::text
