// Prices per million tokens by model name, from a JSON object {model: {"in_per_mtok": USD,
// "out_per_mtok": USD}}. Threading: immutable after loading. Ownership: value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "switchyard/result.h"

namespace swy::record {

struct Price {
  double in_per_mtok = 0;   // USD
  double out_per_mtok = 0;  // USD
};

class PriceList {
 public:
  // kNotFound or kIo for the file; kParse, naming the model, for an entry without two prices of at
  // least 0.
  static Result<PriceList> load(const std::string& path);
  static Result<PriceList> parse(std::string_view json);

  // The exact name if it is listed, else the same name in any case of ASCII letters.
  [[nodiscard]] std::optional<Price> find(std::string_view model) const;
  [[nodiscard]] std::size_t size() const { return exact_.size(); }

 private:
  std::unordered_map<std::string, Price> exact_;
  std::unordered_map<std::string, Price>
      folded_;  // by lower-case name; the first of a case-insensitive tie
};

}  // namespace swy::record
