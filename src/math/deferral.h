// Deferral rules of speculative cascades: of a cheap model's distribution q over what may be said
// and a strong one's p, does the cheap one's draft stand?
//
// When to use: strategies that compare two models' distributions, over tokens or over whole
// answers. Threading: pure. Ownership: everything borrowed for the call. A distribution may sum to
// less than 1: what is missing is said by neither name in the vocabulary and counts as one more
// entry in the distance.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace swy::math {

// kChow: max q < 1 - alpha. kDiff: max q < max p - alpha. kOpt: max q < max p - alpha TV(p, q).
// Of entry v alone: kTokenV1: q(v) < max p - alpha. kTokenV2: p(v) < max p - alpha. kTokenV3: p(v)
// < (1 - alpha) max p.
enum class DeferralRule { kChow, kDiff, kOpt, kTokenV1, kTokenV2, kTokenV3 };
std::optional<DeferralRule> deferral_rule(std::string_view name);  // "chow" ... "token_v3"

// Half the sum of absolute differences, what is missing from 1 included. REQUIRES: equal sizes.
double total_variation(std::span<const double> p, std::span<const double> q);
// True: entry v of the draft does not stand. Rules of blocks do not look at v. REQUIRES: equal
// sizes, v in range for rules of tokens.
bool defers(DeferralRule rule, double alpha, std::span<const double> q, std::span<const double> p,
            std::size_t v);
// False: whatever p is, as long as none of it exceeds `most_p`, entry v of the draft stands (kChow:
// exactly whether it defers).
bool may_defer(DeferralRule rule, double alpha, std::span<const double> q, std::size_t v,
               double most_p = 1);
// What is said in the end: q or p as the rule of blocks says; of a rule of tokens q(v) where v
// stands, and what is refused distributed as p. REQUIRES: q and p sum to 1, out as long.
void deferred_target(DeferralRule rule, double alpha, std::span<const double> q,
                     std::span<const double> p, std::span<double> out);

}  // namespace swy::math
