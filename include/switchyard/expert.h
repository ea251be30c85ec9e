// Experts: what can be asked. A Card describes one model; the Catalogue holds them all in
// configuration order. Immutable after the configuration is read; shared between threads inside a
// Plan.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace swy {

using ExpertId = std::uint16_t;  // index into the Catalogue
inline constexpr ExpertId kNoExpert = 0xFFFF;

// USD per million tokens, which is micro-USD per token. NaN: not stated.
struct Price {
  double input = std::numeric_limits<double>::quiet_NaN();
  double cached_input = std::numeric_limits<double>::quiet_NaN();  // falls back to input
  double output = std::numeric_limits<double>::quiet_NaN();
  [[nodiscard]] bool known() const { return input == input && output == output; }
};

// Capabilities a request can require; a bit set.
enum Capability : std::uint32_t {
  kCapTools = 1U << 0U,
  kCapVision = 1U << 1U,
  kCapAudio = 1U << 2U,
  kCapFiles = 1U << 3U,
  kCapJsonObject = 1U << 4U,
  kCapJsonSchema = 1U << 5U,
  kCapLogprobs = 1U << 6U,
  kCapReasoning = 1U << 7U,
};
std::optional<Capability> capability_from(std::string_view name);
std::string capability_names(std::uint32_t set);  // "tools, vision"
std::vector<std::string> known_capabilities();

struct Card {
  std::string name;            // what clients and rules call it
  std::string upstream;        // where it is asked
  std::string upstream_model;  // what it is called there
  std::uint32_t answers = 1;   // it stands for so many answers, of which the best is taken
  Price price;
  std::int64_t context = 0;     // tokens, prompt and answer; 0: not stated
  std::int64_t max_output = 0;  // tokens; 0: not stated
  std::uint32_t capabilities = 0;
  bool capabilities_stated =
      false;  // an absent list is unknown, and unknown does not pass a capability guard
  std::vector<std::pair<std::string, double>>
      quality;  // domain -> declared quality 0..1; "default" is the fallback
  std::string region;
  std::vector<std::string> labels;  // data labels this model may see
  std::string description;
  // In outcome tables, unless they know it by its own name: an arm is MODEL*ANSWERS.
  [[nodiscard]] std::string name_in_tables() const {
    return answers > 1 ? upstream_model + "*" + std::to_string(answers) : upstream_model;
  }
};

// Money is integer. The unit is nano-USD, finer than the house rule's micro: one token of a 0.10
// USD/Mtok model costs 0.1 micro-USD, and sums must not round that away. int64 reaches 9.2 billion
// USD.
using NanoUsd = std::int64_t;
// nullopt when the price is not known.
std::optional<NanoUsd> cost_of(const Price& price, std::int64_t tokens_in,
                               std::int64_t tokens_cached, std::int64_t tokens_out);
// "0.0000123": decimal USD, no exponent, no trailing zeros beyond the first decimal.
std::string usd_text(NanoUsd amount);

class Catalogue {
 public:
  // Returns the id. REQUIRES: the name is new and fewer than 65,535 experts exist.
  ExpertId add(Card card);
  [[nodiscard]] std::optional<ExpertId> find(std::string_view name) const;
  [[nodiscard]] const Card& operator[](ExpertId id) const { return cards_[id]; }
  [[nodiscard]] std::size_t size() const { return cards_.size(); }
  [[nodiscard]] const std::vector<Card>& cards() const { return cards_; }
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::vector<Card> cards_;
};

}  // namespace swy
