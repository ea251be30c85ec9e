// Choosing for a whole batch at once: the least cost for a mean value, when every option can be
// taken only so often.
//
// When to use: batch endpoints, plans for a window, reckoning what capacity costs. Threading: pure.
// Ownership: everything borrowed for the call; results own their numbers.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "math/dual_price.h"

namespace swy::math {

struct BatchChoice {
  std::vector<std::size_t> option;  // by question
  double value = 0;                 // means over the questions
  double cost = 0;
};

// The choice of highest total value - price * cost with option m taken at most capacity[m] times;
// an infinite price: of least total cost. Exact. nullopt: the capacities, or the options that
// questions have, do not suffice. Of equals the lower index.
std::optional<BatchChoice> choose_batch(const Options& o, double price,
                                        std::span<const std::size_t> capacity);

// Least expected cost for a mean value of at least `floor` within the capacities: `dear` with
// probability mix, else `cheap` (both keep the capacities). The optimum of the linear relaxation;
// where mix is 0 or 1, of the integers too.
struct BatchPlan {
  bool reached = true;  // false: even the best choice stays below the floor; it is `dear`, mix 1
  double price = 0;     // value per cost at which the two are worth the same
  double mix = 1;
  BatchChoice cheap;
  BatchChoice dear;
  [[nodiscard]] double value() const { return cheap.value + mix * (dear.value - cheap.value); }
  [[nodiscard]] double cost() const { return cheap.cost + mix * (dear.cost - cheap.cost); }
};
std::optional<BatchPlan> plan_batch(const Options& o, double floor,
                                    std::span<const std::size_t> capacity);

}  // namespace swy::math
