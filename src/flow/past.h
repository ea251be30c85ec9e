// Past: outcomes and answers of a rule's candidates on questions of the past, for strategies that
// learn how sure an answer is and where to stop.
//
// When to use: while a configuration is read. Threading: immutable once loaded. Ownership: owns its
// texts; the table and the answers it came from are gone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "flow/extract.h"
#include "switchyard/registry.h"

namespace swy::flow {

struct PastAnswer {
  double quality = 0;
  double cost = 0;     // USD
  std::string normal;  // normal_answer(); "" when no text was kept
  double bytes = 0;    // of its text
};

struct Past {
  std::size_t candidates = 0;
  bool believed = false;            // the estimator was asked
  std::vector<PastAnswer> answers;  // question * candidates + candidate
  std::vector<double> question_bytes;
  std::vector<double> belief;       // expected quality before any call; like answers, NaN unknown
  std::vector<std::uint32_t> fold;  // 0 to kFolds - 1, by the question's id

  static constexpr std::uint32_t kFolds = 5;
  [[nodiscard]] std::size_t questions() const { return question_bytes.size(); }
  [[nodiscard]] const PastAnswer& at(std::size_t question, std::size_t candidate) const {
    return answers[question * candidates + candidate];
  }
  [[nodiscard]] double mean_quality(std::size_t candidate) const;
  [[nodiscard]] double mean_cost(std::size_t candidate) const;
};

// The questions of the tables for which every candidate of the rule has an outcome, with the
// answers beside the tables (record::Responses::of_tables). A cost that is missing is the model's
// mean. `beliefs`: ask the rule's estimator about every question, without its own row. nullopt: an
// error or a note was reported at `mark`.
std::optional<Past> load_past(const std::vector<std::string>& paths, base::Mark mark,
                              AnswerForm form, bool beliefs, route::BuildContext& ctx);

}  // namespace swy::flow
