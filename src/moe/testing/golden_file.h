// GoldenFile: the oracle's stored answers (moe_golden.json beside the checkout). Needs
// SWY_SOURCE_DIR.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "moe/testing/golden.h"

namespace swy::moe::testing {

class GoldenFile {
 public:
  GoldenFile() {
    const char* named = std::getenv("SWY_DATA");
    const std::string dir = named != nullptr ? named : SWY_SOURCE_DIR "/../shared/data";
    std::ifstream in(dir + "/moe/moe_golden.json", std::ios::binary);
    if (!in) return;
    std::stringstream text;
    text << in.rdbuf();
    auto doc = doc_.parse(text.str());
    present_ = doc.has_value();
    if (present_) root_ = *doc;
  }
  [[nodiscard]] bool present() const { return present_; }
  // One fixture's member. An absent one is a null value.
  [[nodiscard]] base::Json at(std::string_view fixture, std::string_view member) const {
    const auto found = root_.find(fixture);
    return found ? found->find(member).value_or(base::Json()) : base::Json();
  }

 private:
  base::JsonDoc doc_;
  base::Json root_;
  bool present_ = false;
};

inline std::vector<double> numbers(const base::Json& array) {
  std::vector<double> out;
  array.each([&](const base::Json& v) { out.push_back(v.as_number().value_or(0.0 / 0.0)); });
  return out;
}

inline Matrix matrix(const base::Json& array) {
  Matrix out;
  array.each([&](const base::Json& row) { out.push_back(numbers(row)); });
  return out;
}

}  // namespace swy::moe::testing

#define SWY_MOE_GOLDEN(name)                \
  const swy::moe::testing::GoldenFile name; \
  if (!name.present()) GTEST_SKIP() << "no moe_golden.json beside the checkout"
