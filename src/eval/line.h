// Line: how one router did on every test question, at each of its settings.
//
// References (single models, random mixture, oracle, prompt length) are computed from the table
// alone; plug-in routers and configurations run the same compiled Plan and the same decide() that
// serve requests. All values are expectations over the probabilities a policy states, so there is
// no sampling noise in them. Threading: none shared. Ownership: a Line owns its numbers.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/pool.h"
#include "eval/spec.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::eval {

struct Setting {
  std::string knob;            // "cost=12.5"; "" when there is only one
  std::vector<float> quality;  // by test question
  std::vector<float> cost;     // USD; NaN when the pool is not priced
  std::vector<double> share;   // by model: how often it was chosen
  double mean_quality = 0;
  double mean_cost = 0;
};

// A setting with what it chose: probabilities by test question and model.
struct Decided {
  Setting setting;
  std::vector<float> probability;
};

// A setting, or a mixture of two, that was chosen without looking at any test question.
struct Picked {
  enum class By {
    kOnly,     // the router has one setting
    kQuality,  // highest quality; of equals the cheapest
    kBudget,   // highest quality for what the best single model costs
    kEqual,    // least cost for the quality of the best single model
    kLift,     // highest benefit per cost over the cheapest model (AutoMix)
    kArena,    // highest arena score (RouterArena)
  };
  By by = By::kOnly;
  std::string knob;
  Decided decided;
};

// The same questions in slightly other clothes (noise.h).
struct Noise {
  std::size_t asked = 0;
  std::size_t unchanged = 0;  // the likeliest model is the same
};

struct Line {
  enum class Kind { kSingle, kRandom, kOracle, kRouter };
  std::string name;
  Kind kind = Kind::kRouter;
  std::vector<Setting> settings;
  double decide_us = std::numeric_limits<double>::quiet_NaN();  // mean time of one decision
  double refused = 0;                                           // share of questions refused
  std::vector<std::string> notes;
  std::vector<Picked> picked{};  // on the test questions; empty: nothing to choose on
  std::vector<float> us{};       // time of every decision
  // By question and model, of routers that were asked; validation: by what learned from the rest.
  std::vector<route::Belief> beliefs{};
  std::vector<route::Belief> validation_beliefs{};
  std::vector<route::Belief> foreign_beliefs{};  // by the same, of as many test questions at most
  Noise noise{};
};

Line single_line(const Pool& pool, std::size_t model);
Line random_line(const Pool& pool);
// The cheapest of the best models for every question, and what a perfect predictor would choose at
// a price on money (the same sweep as the routers').
Line oracle_line(const Pool& pool, std::size_t points);
// The models that prompt length chooses between: of two the better and the other, of more the best
// single model and the cheapest. nullopt when these are one, or without costs.
std::optional<std::pair<std::size_t, std::size_t>> length_pair(const Pool& pool);
// The longest prompts to the stronger of these. REQUIRES: length_pair().
Line length_line(const Pool& pool, std::size_t points);

// A plug-in router or a configuration. Learns from the train part only, through a table file in a
// temporary directory that is gone when this returns. noise: how many questions to ask again
// perturbed.
Result<Line> routed_line(const Pool& pool, const RouterSpec& spec, const route::Registry& registry,
                         std::size_t points, std::size_t noise = 0);

// The model of highest mean quality on the train part; ties to the cheaper, then the first.
std::size_t best_single(const Pool& pool);
// The model of least mean cost on the train part. REQUIRES: priced.
std::size_t cheapest_single(const Pool& pool);
double train_mean(const Pool& pool, std::size_t model, const std::vector<double>& values);

// Worth of quality per USD at which a sweep asks: from caring (nearly) for quality alone to
// (nearly) for cost alone. Not including 0 and infinity. REQUIRES: priced.
std::vector<double> price_grid(const Pool& pool, std::size_t points);

// Adds test question t, routed with these probabilities, to a setting. REQUIRES: questions in
// order.
void add_routed(const Pool& pool, std::size_t t, const std::vector<double>& probability,
                Setting& out);
// The same for a row of the table, whichever part it is of.
void add_routed_row(const Pool& pool, std::size_t row, const std::vector<double>& probability,
                    Setting& out);
Decided empty_decided(const Pool& pool, std::string knob, std::size_t questions);
void add_decided(const Pool& pool, std::size_t row, const std::vector<double>& probability,
                 Decided& out);
void finish_setting(Setting& setting);

}  // namespace swy::eval
