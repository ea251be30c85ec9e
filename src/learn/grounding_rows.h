// Rows for grounding: a question, a context, an answer and the places in it that the context does
// not support.
//
// When to use: training and measuring grounding. Threading: values. Ownership: owns everything.
// Format: docs/reference/grounding.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "embed/grounding_features.h"
#include "switchyard/result.h"

namespace swy::learn {

struct GroundingSpan {
  std::uint32_t begin = 0;  // bytes of the answer
  std::uint32_t end = 0;
  std::string type;
};

struct GroundingRow {
  std::string id, doc, source;  // doc: rows of one document stay on one side of every split
  std::string question, context, answer;
  std::vector<GroundingSpan> spans;

  [[nodiscard]] embed::GroundingText text() const { return {question, context, answer}; }
};

// FILE.jsonl or .jsonl.gz. kParse names the file, line and key.
Result<std::vector<GroundingRow>> read_grounding_rows(const std::string& path);

}  // namespace swy::learn
