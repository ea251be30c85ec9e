// Pool: the questions and models that an evaluation is about: outcome tables cut down to the models
// that answered (nearly) all questions, split into a train and a test part.
//
// When to use: first step of evaluate(); tests make one from a table. Threading: immutable once
// made. Ownership: owns its table; everything else refers to rows of it by number.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "record/outcome.h"

namespace swy::eval {

struct PoolOptions {
  std::vector<std::string> data;  // files and directories
  // Files to learn from; all of `data` is then tested on. Empty: `data` is split.
  std::vector<std::string> train;
  std::vector<std::uint32_t> answers;  // arms of so many answers (record::LoadOptions)
  std::string prices;               // price list: costs are tokens at these prices; "": as recorded
  std::vector<std::string> models;  // empty: those with an observation on 95 % of the questions
  std::vector<std::string> datasets;  // empty: all
  std::vector<std::string> domains;   // empty: all
  double train_share = 0.6;
  std::uint64_t seed = 0;
  bool by_part =
      false;  // the table's own parts ("train", "dev", "test") decide where they are named
  // Data sets to test on, all of them; everything else is learned from, but for questions that
  // occur in these too. Empty: the split above.
  std::vector<std::string> leave_out;
  std::vector<std::string> leave_out_domains;  // the same for domains
  // A question on both sides of what was given (train and data, or the table's own parts) is an
  // error, or, with this, not learned from.
  bool drop_leaked = false;
  // Share of the train part on which knobs are chosen; 0: none, and nothing is chosen.
  double validation_share = 0.2;

  [[nodiscard]] bool leaves_out() const { return !leave_out.empty() || !leave_out_domains.empty(); }
};

struct Pool {
  record::OutcomeTable table;      // the models under test only; every row has a quality for each
  std::vector<std::size_t> train;  // rows of the table
  std::vector<std::size_t> test;
  std::vector<double> quality;    // row * models + model
  std::vector<double> cost;       // the same in USD; NaN everywhere when not priced
  bool priced = false;            // every model has costs
  bool foreign = false;           // the test questions are from elsewhere than what is learned from
  std::vector<std::string> data;  // the files it came from, for answers beside them
  std::vector<std::string> notes;  // what was left out or filled in, and why
  // Rows of `train` on which knobs are chosen, by routers that learned from the others only.
  std::vector<std::size_t> validation;
  // row * models + model: outcomes that learners are not shown. Empty: none.
  std::vector<std::uint8_t> hidden;
  // By model: costs are those of the table times this, learners see the table's. Empty: 1.
  std::vector<double> price_factor;
  // Where sweeps ask (price_grid()); empty: by the pool's own costs.
  std::vector<double> prices;

  [[nodiscard]] bool is_hidden(std::size_t row, std::size_t model) const {
    return !hidden.empty() && hidden[row * models() + model] != 0;
  }
  [[nodiscard]] std::size_t models() const { return table.models().size(); }
  [[nodiscard]] std::span<const double> qualities(std::size_t row) const {
    return {quality.data() + row * models(), models()};
  }
  [[nodiscard]] std::span<const double> costs(std::size_t row) const {
    return {cost.data() + row * models(), models()};
  }
};

// kInvalidArgument, with the count, when questions are on both sides. kNotFound for names that the
// tables lack (with the nearest), kInvalidArgument when nothing is
// left to train or test on. Questions with the same letters and digits are on the same side,
// whatever their ids. A cost that is missing where the model has others becomes the model's mean:
// never 0.
Result<Pool> load_pool(const PoolOptions& options);
Result<Pool> make_pool(const record::OutcomeTable& all, const PoolOptions& options);
Result<Pool> make_pool(const record::OutcomeTable& all, const PoolOptions& options,
                       std::vector<std::string> notes);  // what loading had to say

// What if prices were others: costs of these models times these factors, on cards and in the
// reckoning; what is learned from keeps the old ones. kNotFound for unknown models,
// kInvalidArgument without costs or for a factor that is not above 0.
Status shift_prices(Pool& pool, std::span<const std::pair<std::string, double>> shifts);

// The same questions without this model. REQUIRES: two models.
Result<Pool> without_model(const Pool& pool, std::size_t model);

}  // namespace swy::eval
