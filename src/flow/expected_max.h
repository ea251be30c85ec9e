// The expected best of several uncertain qualities, and the price at which a mean budget is spent.
//
// When to use: cascade_routing, budgeted choices. Threading: pure. Ownership: values.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace swy::flow {

struct Gaussian {
  double mean = 0;
  double sd = 0;
};

// E[max(a, b)], exact; rho: correlation.
double expected_max(Gaussian a, Gaussian b, double rho = 0);
// Of many, pairwise correlation rho: Clark's recursion, exact for two. REQUIRES: not empty.
double expected_max(std::span<const Gaussian> all, double rho = 0);

// The set of candidates (a bit each) worth most: E[max of its qualities] - price * sum of costs, of
// all sets that contain `run`. Equals go to the smaller cost, then the lower set. REQUIRES: at most
// 16 candidates.
struct Supermodel {
  std::uint32_t set = 0;
  double value = 0;
};
double supermodel_value(std::uint32_t set, std::span<const Gaussian> quality,
                        std::span<const double> cost, double price, double rho = 0);
Supermodel best_supermodel(std::span<const Gaussian> quality, std::span<const double> cost,
                           std::uint32_t allowed, std::uint32_t run, double price, double rho = 0);

// A mean of what happens at a price on money, over some questions.
struct Spent {
  double quality = 0;
  double cost = 0;
};
// Prices `cheap` and `dear` next to each other; with probability gamma `dear` is used (the lower
// price, which spends more), else `cheap`. Then the mean cost is the budget.
struct BudgetPrice {
  double cheap = 0;
  double dear = 0;
  double gamma = 1;
  Spent expected;
};
// at(price): cost does not rise with the price. Bisection, at most `steps` of it.
BudgetPrice price_for_budget(const std::function<Spent(double)>& at, double budget, int steps = 40);

}  // namespace swy::flow
