// Probes of a model that was added: which questions it is asked, what its answers are worth, and
// the file that keeps the outcomes, an outcome table that estimators read.
//
// When to use: onboarding.cc. Threading: one thread. Ownership: values; a ProbeFile owns its rows.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/extract.h"
#include "record/outcome.h"
#include "record/responses.h"
#include "switchyard/result.h"

namespace swy::gateway {

struct ProbeQuestion {
  std::string id, dataset, domain, prompt;
  std::int64_t tokens_in = 0;         // estimated
  std::vector<std::string> accepted;  // right answers in normal form; empty: a judge decides
};

struct ProbeChoice {
  std::string_view model;       // seeds the choice
  std::size_t count = 0;        // so many, and as many again in reserve
  std::int64_t context = 0;     // tokens of prompt and answer; 0: not stated
  std::int64_t max_tokens = 0;  // of an answer
  bool judged = false;          // else only questions with a recorded right answer that compares
  flow::AnswerForm form = flow::AnswerForm::kAuto;
};

// Questions of the table that other models' outcomes are known of, of no test part, without tools:
// spread evenly over data sets, domains and, within these, difficulty. The first `count` are the
// sample; the same table, model and count give the same ones.
std::vector<ProbeQuestion> choose_probes(const record::OutcomeTable& table,
                                         const record::Responses& responses,
                                         const ProbeChoice& choice);

// 1 when the answer is an accepted one in normal form, else 0.
double score_by_reference(const ProbeQuestion& question, std::string_view answer,
                          flow::AnswerForm form);

struct ProbeRow {
  std::string id, dataset, domain, prompt;
  double score = std::numeric_limits<double>::quiet_NaN();  // NaN: it could not be told
  std::int64_t tokens_in = 0, tokens_out = 0;
  double cost_usd = std::numeric_limits<double>::quiet_NaN();
  double latency_s = std::numeric_limits<double>::quiet_NaN();
  double judge_usd = 0;
  bool traffic = false;  // a client's question, scored by feedback
};

// The outcomes of one model: DIRECTORY/NAME.jsonl once they are published, DIRECTORY/NAME.partial
// until then. Written whole or not at all.
class ProbeFile {
 public:
  // What is there already. Rows of another `identity` (another upstream, another way to score) are
  // set aside as NAME.stale and told in `told`. kIo, kParse: it cannot be read.
  static Result<ProbeFile> open(const std::string& directory, std::string_view model,
                                std::string identity, std::string& told);
  // False: a row of this id is there already.
  bool add(ProbeRow row);
  [[nodiscard]] bool has(std::string_view id) const;
  // Makes rows last; publish: as the table that estimators read.
  [[nodiscard]] Status save(bool publish);
  [[nodiscard]] std::size_t observations() const;  // rows with a score
  [[nodiscard]] std::size_t rows() const { return rows_.size(); }
  [[nodiscard]] double mean() const;       // of the scores; NaN without any
  [[nodiscard]] double spent_usd() const;  // on probes, where it is known, judges included
  [[nodiscard]] bool unpublished() const { return unpublished_; }

 private:
  Status read(const std::string& path, std::string& told);
  std::string model_, identity_, stem_;
  std::vector<ProbeRow> rows_;
  bool unpublished_ = false;
};

}  // namespace swy::gateway
