// The fields of a Spec and the names of its choices.
//
// When to use: printing, reading and binding Specs. Threading: pure. Ownership: names are static.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>

#include "switchyard/moe.h"

namespace swy::moe {

// In the order of the enumerators.
[[nodiscard]] std::span<const std::string_view> names(Transform kind);
[[nodiscard]] std::span<const std::string_view> names(Select kind);
[[nodiscard]] std::span<const std::string_view> names(Cap kind);
[[nodiscard]] std::span<const std::string_view> names(CapacityRule kind);
[[nodiscard]] std::span<const std::string_view> names(Weigh kind);
[[nodiscard]] std::span<const std::string_view> names(EpsKind kind);
[[nodiscard]] std::span<const std::string_view> names(Update kind);

// f(name, field) of every field, in the order of the struct. S: Spec or const Spec.
template <typename S, typename F>
  requires std::is_same_v<std::remove_const_t<S>, Spec>
void each_field(S& s, F&& f) {
  f("transform", s.transform), f("select", s.select), f("cap", s.cap), f("weigh", s.weigh);
  f("update", s.update), f("k", s.k), f("kmin", s.kmin), f("kmax", s.kmax);
  f("groups", s.groups), f("groups_kept", s.groups_kept), f("group_top", s.group_top);
  f("mask_with_zero", s.mask_with_zero), f("temperature", s.temperature);
  f("norm_eps", s.norm_eps), f("noise", s.noise), f("top_p", s.top_p);
  f("past_top_p", s.past_top_p), f("keep_crossing", s.keep_crossing);
  f("threshold", s.threshold), f("per_sequence", s.per_sequence);
  f("capacity_rule", s.capacity_rule), f("capacity_factor", s.capacity_factor);
  f("min_capacity", s.min_capacity), f("align", s.align);
  f("renorm_after_cap", s.renorm_after_cap), f("scale", s.scale), f("eps_kind", s.eps_kind);
  f("eps", s.eps), f("renorm_single", s.renorm_single), f("random_second", s.random_second);
  f("rate", s.rate), f("ema", s.ema), f("iters", s.iters), f("midpoint", s.midpoint);
  f("clip_nonneg", s.clip_nonneg), f("hist_low", s.hist_low), f("hist_high", s.hist_high);
}

}  // namespace swy::moe
