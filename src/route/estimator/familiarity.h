// Familiarity: how much a prompt is like those that were learned from, 0 to 1. What a learned
// estimator says of a prompt unlike its table is a guess; this is what tells.
//
// Formula: wording = mean over the text's windows of five bytes (first 2,000 bytes) of
// ln((rows that have it + 0.3) / rows); strangeness as in gaussian_groups.h. Each is counted in its
// own deviations from the median of the table's rows (wording of a row without the row itself), cut
// at one deviation above it: w and m. familiarity = 1 / (1 + exp(-(3 + w + m))): 0.95 for the
// median row, about 0.4 where one row in twenty is. Cost: one table access per byte. When it loses:
// a new subject in formulations of the table (MMLU beside MMLU-Pro) is not told apart; short
// prompts have few windows. Source: the windows are ours (document frequency as in TF-IDF); the
// distance is that of Ren et al. 2021 (arXiv 2106.09022). Measured: docs/reference/estimators.md,
// auto. When to use: inside this folder. Threading: fitted by one thread, then immutable.
// Ownership: owns its table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "route/estimator/weight_file.h"

namespace swy::route {

// How many rows have which windows of five bytes.
class Wording {
 public:
  Wording();
  void add(std::string_view text);  // one row
  void finish();                    // nothing is added afterwards
  // Mean log share; `own`: the text is one of the rows and is not counted.
  [[nodiscard]] double score(std::string_view text, bool own) const;
  void write(WeightFile& out) const;  // REQUIRES: finished, as read() gives it
  static Result<Wording> read(const WeightFile& in);

 private:
  static constexpr unsigned kBits = 20;
  std::uint32_t rows_ = 0;
  std::vector<std::uint16_t> count_;      // rows by window, saturating
  std::vector<std::uint32_t> last_seen_;  // row that counted last, until finish()
  std::vector<float> log_;                // by count
};

// A score against the rows of the table.
class Deviation {
 public:
  Deviation() = default;
  // Higher is more familiar. REQUIRES: not empty.
  explicit Deviation(std::vector<double> of_rows);
  Deviation(double median, double deviation) : median_(median), deviation_(deviation) {}
  [[nodiscard]] double median() const { return median_; }
  [[nodiscard]] double deviation() const { return deviation_; }
  [[nodiscard]] double of(double score) const;  // at most 1

 private:
  double median_ = 0;
  double deviation_ = 1;  // median minus the 16th percentile
};

double familiarity(double wording_deviation, double meaning_deviation);

}  // namespace swy::route
