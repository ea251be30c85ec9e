// Pool: the questions and models that an evaluation is about: outcome tables cut down to the models
// that answered (nearly) all questions, split into a train and a test part.
//
// When to use: first step of evaluate(); tests make one from a table. Threading: immutable once
// made. Ownership: owns its table; everything else refers to rows of it by number.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "record/outcome.h"

namespace swy::eval {

struct PoolOptions {
  std::vector<std::string> data;      // files and directories
  std::vector<std::string> models;    // empty: those with an observation on 95 % of the questions
  std::vector<std::string> datasets;  // empty: all
  std::vector<std::string> domains;   // empty: all
  double train_share = 0.6;
  std::uint64_t seed = 0;
  bool by_part =
      false;  // the table's own parts ("train", "dev", "test") decide where they are named
  // Data sets to test on, all of them; everything else is learned from, but for questions that
  // occur in these too. Empty: the split above.
  std::vector<std::string> leave_out;
};

struct Pool {
  record::OutcomeTable table;      // the models under test only; every row has a quality for each
  std::vector<std::size_t> train;  // rows of the table
  std::vector<std::size_t> test;
  std::vector<double> quality;     // row * models + model
  std::vector<double> cost;        // the same in USD; NaN everywhere when not priced
  bool priced = false;             // every model has costs
  std::vector<std::string> data;   // the files it came from, for answers beside them
  std::vector<std::string> notes;  // what was left out or filled in, and why

  [[nodiscard]] std::size_t models() const { return table.models().size(); }
  [[nodiscard]] std::span<const double> qualities(std::size_t row) const {
    return {quality.data() + row * models(), models()};
  }
  [[nodiscard]] std::span<const double> costs(std::size_t row) const {
    return {cost.data() + row * models(), models()};
  }
};

// kNotFound for names that the tables lack (with the nearest), kInvalidArgument when nothing is
// left to train or test on. Questions with the same letters and digits are on the same side,
// whatever their ids. A cost that is missing where the model has others becomes the model's mean:
// never 0.
Result<Pool> load_pool(const PoolOptions& options);
Result<Pool> make_pool(const record::OutcomeTable& all, const PoolOptions& options);

}  // namespace swy::eval
