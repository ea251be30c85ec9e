// Dual prices: which option to take for each of many questions when only the mean cost (or the mean
// quality) is bounded.
//
// When to use: calibrating one price on past questions (route/policy/budget), choosing for a whole
// batch (eval), drawing oracle curves. All functions are pure; everything is borrowed for the call
// and the results own their memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace swy::math {

// Options of n questions: value and cost row-major, n x options. NaN in either: not an option
// there. Costs may be any finite numbers, values too.
struct Options {
  std::span<const double> value;
  std::span<const double> cost;
  std::size_t options = 0;
  [[nodiscard]] std::size_t questions() const { return options == 0 ? 0 : value.size() / options; }
};

// Where the mean cost crosses a budget. At `price` the two policies "take the cheaper of equals"
// and "take the dearer of equals" have the same worth; the dearer one is taken with probability
// mix.
struct DualPrice {
  enum class Bound : std::uint8_t {
    kMet,         // mean cost is the budget
    kLoose,       // price 0: the best of every question costs less than the budget
    kInfeasible,  // price infinite: even the cheapest of every question cost more
  };
  Bound bound = Bound::kMet;
  double price = 0;       // value per unit of cost
  double mix = 1;         // probability of the dearer of equals
  double mean_value = 0;  // of the mixed policy, on these questions
  double mean_cost = 0;
  double low_cost = 0;   // mean cost when the cheaper of equals is always taken
  double high_cost = 0;  // and when the dearer is
};

// The price for a mean cost of at most `budget`. Questions without any option are left out.
// REQUIRES: at least one question with an option.
DualPrice price_for_budget(const Options& o, double budget);

// The price for a mean value of at least `floor` at least cost (price: still value per cost).
// kInfeasible: the best of every question does not reach the floor; price is then 0.
DualPrice price_for_value(const Options& o, double floor);

// The option of highest value - price * cost; of equals (within `slack` of the highest, relative to
// the sizes involved) the cheapest, or the dearest. An infinite price: the cheapest, of equals the
// best. Equal in both: the lower index. npos: no option.
enum class Side : std::uint8_t { kCheaper, kDearer };
std::size_t best_at(std::span<const double> value, std::span<const double> cost, double price,
                    Side side);

inline constexpr std::size_t kNoOption = static_cast<std::size_t>(-1);

// The best mixture of at most two options with expected cost at most `budget` for one question:
// maximise sum p v, sum p c <= budget, sum p = 1. False: even the cheapest costs more (p is then
// all on the cheapest). p: one per option, zero where there is none. REQUIRES: an option.
bool best_mixture(std::span<const double> value, std::span<const double> cost, double budget,
                  std::span<double> p);

}  // namespace swy::math
