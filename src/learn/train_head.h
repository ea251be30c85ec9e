// train_head: labelled texts into a calibrated head (embed/head.h); score_head: its figures on rows
// it has not seen.
//
// When to use: `switchyard train signal`, `switchyard eval signals`, `make heads`. Threading: pure,
// one core, deterministic by (data, options). Ownership: TrainData borrows; results are values.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "embed/head.h"
#include "embed/head_file.h"
#include "learn/examples.h"
#include "switchyard/result.h"

namespace swy::learn {

// Embeddings of all rows, by whatever made them; dims 0: there are none.
struct Embedded {
  std::size_t dims = 0;
  std::span<const float> rows;  // examples x dims
  std::string hash;             // content hash of the weights
  std::string name;             // for people

  [[nodiscard]] std::span<const float> row(std::size_t i) const {
    return rows.subspan(i * dims, dims);
  }
};

struct TrainData {
  const Examples& examples;
  Embedded static_embedding, encoder;
};

enum class HeadType : std::uint8_t { kLinear, kPrototype, kContrastive };

struct TrainOptions {
  std::string name;
  HeadType type = HeadType::kLinear;
  bool grams = true;         // in the cheap stage of a linear head
  bool one_vs_rest = false;  // several labels, or none, may hold
  unsigned gram_bits = 16;
  double c = 10;  // inverse penalty, as in scikit-learn
  double encoder_c = 10;
  double encoder_share = 0.27;  // of requests at most, that ask the encoder
  double cascade_loss = 0.002;  // accuracy given up for fewer of them
  int max_iterations = 100;
  std::uint64_t seed = 1;
  std::string provenance = "{}";  // JSON object for the file
};

// What the trainer would do next, for a progress bar: units done of units in all.
using OnProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Learns and calibrates on `rows` (indices into data.examples) alone: where the fits are
// large a fifth of them, chosen by id, calibrates, else every row does; always with the head that
// was trained on the other four fifths. The head that is given learned from all. Auxiliary rows are
// learned from and never calibrate; rows of one id learn or calibrate together; rows with a group
// calibrate once more with a head that has not seen their group (heads/folds.h). kInvalidArgument:
// fewer than two rows of a label, or no features for the type.
Result<embed::HeadData> train_head(const TrainData& data, std::span<const std::uint32_t> rows,
                                   const TrainOptions& options, const OnProgress& on_progress = {});

// One way of using a head.
struct HeadFigures {
  std::size_t rows = 0;
  double accuracy = 0;  // of the best label; multilabel: the best label holds
  double macro_f1 = 0;
  double ece = 0;
  double ece_chance = 0;          // ece_by_chance()
  double out_of_scope_auroc = 0;  // NaN without out-of-scope rows
  double encoder_share = 0;       // of rows that asked the encoder
  double cheap_us = 0;            // median of the cheap stage, embedding excluded
  double kept = 0;                // share of rows without abstention
  double kept_accuracy = 0;
};

enum class HeadUse : std::uint8_t { kCheap, kEncoder, kCascade };

// REQUIRES: the head has the stages that `use` needs and data the embeddings that they need.
HeadFigures score_head(const embed::TextHead& head, HeadUse use, const TrainData& data,
                       std::span<const std::uint32_t> rows);

}  // namespace swy::learn
