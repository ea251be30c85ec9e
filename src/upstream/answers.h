// AnswerBook: recorded questions and answers, found by prompt.
//
// Use it to answer as a recorded model did: the text of the prompt, exact or with white space
// folded, finds the row of an outcome table; the row has what the asked model said (if kept) and
// how many tokens it took. Threading: immutable after load, any thread reads. Ownership: owns
// tables and texts; views live as long as the book.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "record/outcome.h"
#include "record/responses.h"
#include "switchyard/result.h"

namespace swy::upstream {

struct Recorded {
  std::string_view id;                   // of the row; "" when the prompt is not known
  std::optional<std::string_view> text;  // nullopt: not kept, or the model was not asked
  std::optional<std::int64_t> tokens_in, tokens_out;
};

class AnswerBook {
 public:
  // Each path: an outcome table or a directory of them; answers come from the
  // NAME.responses.jsonl(.gz) files beside the tables.
  static Result<AnswerBook> load(std::span<const std::string> paths);

  // Of several rows with the prompt: one that has the model's text, else one that has its cell,
  // else the first.
  [[nodiscard]] Recorded find(std::string_view prompt, std::string_view model) const;
  [[nodiscard]] bool has_model(std::string_view model) const;
  [[nodiscard]] const std::vector<std::string>& models() const { return models_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }

 private:
  struct Source {
    record::OutcomeTable table;
    std::optional<record::Responses> responses;
  };
  struct Place {
    std::uint32_t source;
    std::uint32_t row;
  };
  void index(std::uint32_t source);

  std::vector<Source> sources_;
  std::unordered_multimap<std::uint64_t, Place> by_prompt_;  // hash of the folded prompt
  std::vector<std::string> models_;                          // sorted
  std::size_t rows_ = 0;
};

// Runs of white space become one blank, none at the ends.
std::string fold_space(std::string_view text);

}  // namespace swy::upstream
