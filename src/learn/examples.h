// Examples: labelled texts, read from lines of JSON.
//
// When to use: training and measuring heads. Threading: values. Ownership: owns everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::learn {

struct Example {
  std::string id;
  std::string text;
  std::vector<std::uint32_t> labels;  // indices into Examples::labels; empty: none holds
  bool out_of_scope = false;          // belongs to no label; never learned as one
  bool auxiliary = false;             // unlike what is served: learned from, never calibrated on
  std::string group = {};             // its source; confidence must hold for texts of others too
};

struct Examples {
  std::vector<std::string> labels;  // sorted
  std::vector<Example> rows;
  bool multilabel = false;  // some row named its labels as an array
};

struct ExampleKeys {
  std::string text = "text";
  std::string label = "label";  // a text, or an array of texts
  std::string id = "id";        // optional in the rows; else the line's text decides the split
  std::string group = "group";  // optional: the row's source
};

inline constexpr std::size_t kMaxExampleBytes = std::size_t{1} << 20U;

// FILE.jsonl or .jsonl.gz. Rows with a true `oos` or `out_of_scope` key are out of scope, those
// with a true `auxiliary` key auxiliary. kParse names file, line and key; kInvalidArgument when
// fewer than two labels occur.
Result<Examples> read_examples(const std::string& path, const ExampleKeys& keys);

// Fills labels and each row's indices from names, in the order of rows.
void index_labels(const std::vector<std::vector<std::string>>& names, Examples& examples);

// Uniform in 0..1, by id and seed alone: rows with a part below `share` are held out. The same id
// falls on the same side in every run and whatever else the file holds.
double split_point(std::string_view id, std::uint64_t seed);

}  // namespace swy::learn
