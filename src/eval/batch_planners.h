// Who answers which question of a batch when money has a price and models have room, by different
// rules; what each loses against the exact plan.
//
// When to use: `switchyard eval batch --planner`. Threading: pure. Ownership: results own their
// numbers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "math/dual_price.h"

namespace swy::eval {

// kExact: the assignment of highest total value (math/batch_choice.h). kAuction: the slot auction,
// within a ten-thousandth of the range of scores a question. kBip: load prices by midpoint steps
// (BIP), then the best at those prices, whoever finds no room taking the next. kSinkhorn: the
// balanced soft plan, rounded by the auction.
enum class Planner : std::uint8_t { kExact, kAuction, kBip, kSinkhorn };
std::string_view to_string(Planner planner);
std::optional<Planner> planner_named(std::string_view name);

struct PlannedBatch {
  std::vector<std::size_t> option;  // by question
  std::vector<double> load_price;   // by option, of auction and BIP; empty: the rule has none
};

// Scores are value - price * cost; at an infinite price less cost. nullopt: the room or the options
// do not suffice.
std::optional<PlannedBatch> plan_with(Planner planner, const math::Options& o, double price,
                                      std::span<const std::size_t> room);

}  // namespace swy::eval
