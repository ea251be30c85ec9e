// What signal and guard files share: options that name one of a few values, bounds on a number, and
// the loop of a cheap signal.
//
// When to use: inside plug-in files of this module only. Threading: pure functions and plain
// values. Ownership: results own what they hold; nothing borrowed is kept.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/doc.h"
#include "base/options.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::route::plugin {

inline constexpr double kNaN =
    std::numeric_limits<double>::quiet_NaN();  // no number, or an option left out

template <typename E>
using Named = std::pair<std::string_view, E>;

using base::mark_of;

inline std::string list_names(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

// The value that `given` names. nullopt: an error that lists the names was reported.
template <typename E, std::size_t N>
std::optional<E> choose(BuildContext& ctx, const base::Doc& node, std::string_view key,
                        std::string_view given, const std::array<Named<E>, N>& known) {
  std::vector<std::string> names;
  for (const auto& [name, value] : known) {
    if (name == given) return value;
    names.emplace_back(name);
  }
  ctx.diag().error(mark_of(node, key),
                   fmt::format("{} is one of {}, not '{}'{}", key, list_names(names), given,
                               base::did_you_mean(given, names)));
  return std::nullopt;
}

// The name of a value; "" for one that is not listed.
template <typename E, std::size_t N>
std::string_view name_of(E value, const std::array<Named<E>, N>& known) {
  for (const auto& [name, v] : known) {
    if (v == value) return name;
  }
  return "";
}

inline constexpr std::array<Named<chat::Scope>, 6> kScopes = {
    {{"last_user", chat::Scope::kLastUser},
     {"user", chat::Scope::kUser},
     {"system", chat::Scope::kSystem},
     {"all", chat::Scope::kAll},
     {"tool_results", chat::Scope::kToolResults},
     {"retrieved", chat::Scope::kRetrieved}}};
inline constexpr std::string_view kScopeHelp =
    "texts that are read: last_user, user, system, all, tool_results or retrieved";

// False: errors were reported for an empty text in a list option.
inline bool no_empty(BuildContext& ctx, const base::Doc& node, std::string_view key,
                     const std::vector<std::string>& texts) {
  for (const std::string& t : texts) {
    if (!t.empty()) continue;
    ctx.diag().error(mark_of(node, key), fmt::format("{} holds an empty text", key));
    return false;
  }
  return true;
}

// The ids of the named models. nullopt: errors with the nearest names were reported, one per
// unknown name.
inline std::optional<std::vector<ExpertId>> models(BuildContext& ctx, const base::Doc& node,
                                                   std::string_view key,
                                                   const std::vector<std::string>& names) {
  std::vector<ExpertId> ids;
  for (const std::string& name : names) {
    if (const auto id = ctx.catalogue().find(name)) {
      ids.push_back(*id);
    } else {
      ctx.diag().error(mark_of(node, key),
                       fmt::format("{}: no model is called '{}'{}", key, name,
                                   base::did_you_mean(name, ctx.catalogue().names())));
    }
  }
  if (ids.size() != names.size()) return std::nullopt;
  return ids;
}

// Open interval on a count or share. Neither bound given: the value must be more than 0.
struct Bounds {
  double above = kNaN;
  double below = kNaN;

  void bind(base::OptionBinder& b, base::Range range) {
    b.field("above", above, range, "true when the value is more than this");
    b.field("below", below, range, "true when the value is less than this");
  }
  // False: an error was reported.
  bool check(BuildContext& ctx, const base::Doc& node) const {
    if (!(above >= below)) return true;
    ctx.diag().error(mark_of(node, "below"),
                     fmt::format("no value is more than {} and less than {}", above, below));
    return false;
  }
  [[nodiscard]] bool given() const { return !std::isnan(above) || !std::isnan(below); }
  [[nodiscard]] bool hold(double value) const {
    if (!given()) return value > 0;
    return (std::isnan(above) || value > above) && (std::isnan(below) || value < below);
  }
};

// ASCII lower case, for header names.
inline void to_lower(std::string& s) {
  for (char& c : s) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// Where a request field is looked up.
enum class Source : std::uint8_t { kMetadata, kHeader };
inline constexpr std::array<Named<Source>, 2> kSources = {
    {{"metadata", Source::kMetadata}, {"header", Source::kHeader}}};

// Calls f(value) for every field of that name, in order, until f returns false.
template <typename F>
void each_field(const Reading& reading, Source source, std::string_view key, F&& f) {
  if (source == Source::kHeader) {
    for (const Header& h : reading.work().headers) {
      if (h.name == key && !f(h.value)) return;
    }
    return;
  }
  for (const auto& [name, value] : reading.request().metadata) {
    if (name == key && !f(value)) return;
  }
}

// Of a signal that has to see everything and found nothing in a text that was cut.
inline Fact not_all_read() { return {Truth::kUnknown, 1, kNaN, ShortText("not all read")}; }

inline Truth truth(bool b) { return b ? Truth::kTrue : Truth::kFalse; }

// Labels are cut at a code point, so that records stay UTF-8.
inline ShortText label(std::string_view s) {
  constexpr std::size_t kMax = 30;  // ShortText
  if (s.size() > kMax) {
    std::size_t n = kMax;
    while (n > 0 && (static_cast<unsigned char>(s[n]) & 0xC0U) == 0x80U) --n;
    s = s.substr(0, n);
  }
  return {s};
}

// REQUIRES: as many facts as readings.
template <typename F>
void each(std::span<Reading* const> readings, std::span<Fact> facts, F&& f) {
  for (std::size_t i = 0; i < readings.size(); ++i) facts[i] = f(*readings[i]);
}

}  // namespace swy::route::plugin
