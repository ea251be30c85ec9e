// What an outcome table says by group of its rows: shrunken means of every model's observations,
// for a text that belongs to the groups by shares.
//
// Formula: mean(share) = sum_g share_g (sum of g + shrink * overall) / (n_g + shrink), overall
// being the model's mean over the whole table; evidence = sum_g share_g n_g. The excluded row is
// taken out of its group's sums and of the overall mean exactly. When to use: inside this folder.
// Threading: made by one thread, then immutable. Ownership: borrows the Observed that every call
// names.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "route/estimator/observed.h"

namespace swy::route {

class GroupTable {
 public:
  struct Mean {
    double value = kUnknownNumber;
    double evidence = 0;
  };

  // group[i] < groups is the group of row i. REQUIRES: group.size() == past.rows().
  GroupTable(const Observed& past, std::vector<std::uint32_t> group, std::size_t groups,
             double shrink);
  [[nodiscard]] std::size_t groups() const { return size_.size(); }
  [[nodiscard]] std::uint32_t group_of(std::size_t row) const { return group_[row]; }
  [[nodiscard]] double size(std::size_t group) const { return size_[group]; }  // rows
  // REQUIRES: share.size() == groups(), model < past.models().size(); excluded is a row or kNoRow.
  [[nodiscard]] Mean quality(const Observed& past, std::size_t model, std::span<const float> share,
                             std::uint32_t excluded) const;
  [[nodiscard]] PastCalls calls(const Observed& past, std::size_t model,
                                std::span<const float> share, std::uint32_t excluded) const;

 private:
  struct Sums {
    std::vector<double> sum, count;  // by group
  };
  struct ModelSums {
    Sums quality, tokens_out, cost_usd, latency_s;
  };
  [[nodiscard]] Sums sums_of(const Column& column) const;
  [[nodiscard]] Mean mean(const Column& column, const Sums& sums, std::span<const float> share,
                          std::uint32_t excluded) const;

  std::vector<std::uint32_t> group_;  // by row
  std::vector<double> size_;          // rows by group
  std::vector<ModelSums> sums_;       // by observed model
  double shrink_;
};

}  // namespace swy::route
