// ImageFacts: what can be said of an image from its address alone: of a data URL the format, the
// bytes and, from the first bytes, width and height. Nothing is fetched and nothing is decoded.
//
// When to use: features of requests with images. Total: any text gives facts, unknown ones are 0.
// Threading: pure. Ownership: values.
#pragma once

#include <cstdint>
#include <string_view>

namespace swy::text {

struct ImageFacts {
  std::uint32_t width = 0, height = 0;  // 0: not known
  std::uint64_t bytes = 0;              // 0: not known (an address elsewhere)
  friend bool operator==(const ImageFacts&, const ImageFacts&) = default;
};

// A data URL in base64 of PNG, GIF, JPEG or WebP; of anything else nothing is known.
ImageFacts image_facts(std::string_view url);
// The same of a file's first bytes; `bytes` stays 0.
ImageFacts image_head_facts(std::string_view head);

}  // namespace swy::text
