// Trains and measures the sequence tagger of text/pii.h on rows {"text", "template", "spans",
// "part"}.
//
// When to use: `switchyard train pii`. Threading: one thread. Ownership: values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "switchyard/result.h"
#include "text/pii_tagger.h"

namespace swy::learn {

struct PiiRow {
  std::string text;
  std::int64_t template_id = 0;      // rows made from the same sentence
  bool dev = false;                  // part is "dev"
  std::vector<text::PiiSpan> spans;  // byte offsets, in order
};

// Reads a JSONL file, gzip or not. Offsets in the file count code points. Types that are not known
// are an error.
Result<std::vector<PiiRow>> load_pii_rows(const std::string& path);

struct PiiTrainOptions {
  int epochs = 20;
  std::uint64_t seed = 7;
  double rate = 0.15;   // AdaGrad
  double l2 = 1e-5;     // per row of text
  double drop = 0.25;   // share of tokens whose word itself is hidden
  double swap = 0.5;    // share of entities that are replaced by another of their type
  double lower = 0.08;  // share of rows that are trained in lower case
  double prune = 0.17;  // rows whose weights are all smaller are left out
};

// The weights, calibrated on every row by a fit (of five) that has not seen it.
text::PiiModel::Weights train_pii(const std::vector<const PiiRow*>& rows,
                                  const PiiTrainOptions& options);

struct PiiScore {
  std::uint64_t found = 0, wanted = 0, exact = 0, relaxed = 0;
  [[nodiscard]] double precision() const { return ratio(exact, found); }
  [[nodiscard]] double recall() const { return ratio(exact, wanted); }
  [[nodiscard]] double f1() const { return ratio(2 * exact, found + wanted); }
  [[nodiscard]] double relaxed_f1() const { return ratio(2 * relaxed, found + wanted); }

 private:
  static double ratio(std::uint64_t a, std::uint64_t b) {
    return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
  }
};

struct PiiReport {
  PiiScore all;
  std::array<PiiScore, text::kPiiTypes> by_type{};
  double ece = 0;  // expected calibration error of the confidence, 10 bins
};

// Exact: same type and bytes. Relaxed: same type and some byte in common, each span once.
PiiReport score_pii(const std::vector<const PiiRow*>& rows, const text::PiiOptions& options);

}  // namespace swy::learn
