// Familiarity: how much a prompt is like those that were learned from, 0 to 1. What a learned
// estimator says of a prompt unlike its table is a guess; this is what tells.
//
// Formula: a logistic regression without weights below 0 on signs that all are more where a prompt
// is more familiar: wording = mean over the text's windows of five bytes (first 2,000 bytes) of
// ln((rows that have it + 0.3) / rows); minus unseen = share of windows that no row has; near = ln
// of the mean cosine to the five nearest rows; sureness and form of gaussian_groups.h; words and
// form_words: GroupTerms of the words and word pairs, and of the text's form. It tells rows as they
// are (without the row itself) from the same rows as they would look if all rows of their group
// were not there: that is what a foreign prompt is. Before anything is read both are as likely. A
// sign that speaks the wrong way among the table's own groups is taken out: it would speak against
// foreign prompts of the next kind, where a table has few groups. With one group there is nothing
// to leave out: 1 / (1 + exp(-(3 + w + m))), wording and meaning (minus the strangeness of
// gaussian_groups.h) in deviations of the table's rows from their median. Cost: one table access
// per byte, the groups of every term. When it loses: a new subject in formulations of the table
// (MMLU-Pro's subjects); few groups say little of what others would look like. Source: the windows
// and the choice of signs are ours (document frequency as in TF-IDF); the distance is that of Ren
// et al. 2021 (arXiv 2106.09022). Measured: docs/reference/estimators.md, auto. When to use:
// inside this folder. Threading: fitted by one thread, then immutable. Ownership: owns its table.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "math/logistic.h"
#include "route/estimator/knn_index.h"
#include "route/estimator/weight_file.h"

namespace swy::route {

// How many rows have which windows of five bytes.
class Wording {
 public:
  Wording();
  void add(std::string_view text);  // one row
  void finish();                    // nothing is added afterwards
  struct Score {
    double wording = 0;  // mean log share
    double unseen = 1;   // share of windows that no row has
  };
  // `own`: the text is one of the rows and is not counted. `without`: rows that all are among
  // these, and are not counted either.
  [[nodiscard]] Score score(std::string_view text, bool own,
                            const Wording* without = nullptr) const;
  void write(WeightFile& out) const;  // REQUIRES: finished, as read() gives it
  static Result<Wording> read(const WeightFile& in);

 private:
  static constexpr unsigned kBits = 20;
  std::uint32_t rows_ = 0;
  std::vector<std::uint16_t> count_;      // rows by window, saturating
  std::vector<std::uint32_t> last_seen_;  // row that counted last, until finish()
  std::vector<float> log_;                // by count
};

// What tells; more of it, but for `unseen`, is more familiar.
struct Signs {
  double wording = 0, unseen = 0, meaning = 0, near = 0;
  double sureness = 0, form = 0;     // Lies
  double words = 0, form_words = 0;  // GroupTerms
};

// The sign `near`; best first, as many as there are.
double nearness(std::span<const Hit> hits);
inline constexpr std::size_t kNearRows = 5;

class Familiarity {
 public:
  static constexpr std::size_t kSigns = 8;
  static constexpr std::size_t kNumbers = kSigns + 1;
  Familiarity() = default;
  explicit Familiarity(std::span<const double, kNumbers> numbers);  // of numbers()
  // `outside`: the rows of `inside`, or some of them, without their group. May be empty. REQUIRES:
  // inside is not.
  static Familiarity fit(std::span<const Signs> inside, std::span<const Signs> outside);
  [[nodiscard]] double of(const Signs& signs) const;
  [[nodiscard]] std::array<double, kNumbers> numbers() const;

 private:
  math::Logistic model_ = {std::vector<double>(kSigns, 0.0), 0};
};

}  // namespace swy::route
