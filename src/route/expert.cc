#include "switchyard/expert.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/check.h"

namespace swy {
namespace {

constexpr std::array<std::pair<std::string_view, Capability>, 8> kCapabilities{
    {{"tools", kCapTools},
     {"vision", kCapVision},
     {"audio", kCapAudio},
     {"files", kCapFiles},
     {"json_object", kCapJsonObject},
     {"json_schema", kCapJsonSchema},
     {"logprobs", kCapLogprobs},
     {"reasoning", kCapReasoning}}};

}  // namespace

std::optional<Capability> capability_from(std::string_view name) {
  for (const auto& [n, c] : kCapabilities) {
    if (n == name) return c;
  }
  return std::nullopt;
}

std::string capability_names(std::uint32_t set) {
  std::string out;
  for (const auto& [n, c] : kCapabilities) {
    if ((set & c) == 0) continue;
    if (!out.empty()) out += ", ";
    out += n;
  }
  return out;
}

std::vector<std::string> known_capabilities() {
  std::vector<std::string> out;
  for (const auto& [n, c] : kCapabilities) out.emplace_back(n);
  return out;
}

std::optional<NanoUsd> cost_of(const Price& price, std::int64_t tokens_in,
                               std::int64_t tokens_cached, std::int64_t tokens_out) {
  if (!price.known()) return std::nullopt;
  const double cached_price =
      price.cached_input == price.cached_input ? price.cached_input : price.input;
  const auto fresh = static_cast<double>(tokens_in - tokens_cached);
  // USD per million tokens = micro-USD per token = 1,000 nano-USD per token.
  const double nano =
      1000.0 * (fresh * price.input + static_cast<double>(tokens_cached) * cached_price +
                static_cast<double>(tokens_out) * price.output);
  return std::llround(nano);
}

std::string usd_text(NanoUsd amount) {
  const bool negative = amount < 0;
  const auto magnitude =
      negative ? 0 - static_cast<std::uint64_t>(amount) : static_cast<std::uint64_t>(amount);
  std::string out = fmt::format("{}{}.{:09}", negative ? "-" : "", magnitude / 1'000'000'000,
                                magnitude % 1'000'000'000);
  while (out.back() == '0' && out[out.size() - 2] != '.') out.pop_back();
  return out;
}

ExpertId Catalogue::add(Card card) {
  SWY_ASSERT(cards_.size() < kNoExpert && !find(card.name));
  cards_.push_back(std::move(card));
  return static_cast<ExpertId>(cards_.size() - 1);
}

std::optional<ExpertId> Catalogue::find(std::string_view name) const {
  for (std::size_t i = 0; i < cards_.size(); ++i) {
    if (cards_[i].name == name) return static_cast<ExpertId>(i);
  }
  return std::nullopt;
}

std::vector<std::string> Catalogue::names() const {
  std::vector<std::string> out;
  for (const Card& c : cards_) out.push_back(c.name);
  return out;
}

}  // namespace swy
