// Signals over a trained head: cheap evidence first, the encoder only when that is unsure.
//
// When to use: make() by signal files whose answer is the label of a head (classifier, domain,
// task); YesNo by those whose answer is the probability of one label of a built-in head of two
// (needs_facts, complexity). Threading and ownership: as every signal.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "embed/head.h"
#include "route/detail/plugin.h"

namespace swy::route::headed {

struct Options {
  std::string head;
  std::string encoder;
  std::vector<std::string> any;
  double min_confidence = -1;
  double unsure_below = -1;
  std::string when_late = "unknown";
  std::string scope = "last_user";
  void bind(base::OptionBinder& b);
};

// The first stage of a head and what it reads.
struct CheapStage {
  std::shared_ptr<const embed::TextHead> head;
  std::optional<std::uint16_t> fixed;  // the static embedding, when the head reads it

  // False: an encoding is missing; the fact is provisional and compute() is called again.
  // REQUIRES: head->has_cheap_stage(); `text` is the reading's of that scope and not empty.
  bool score(Reading& reading, chat::Scope scope, std::string_view text,
             embed::HeadScore& out) const;
};

class YesNo {
 public:
  // nullopt: an error was reported. `positive`: the label whose probability is asked for.
  static std::optional<YesNo> make(const base::Doc& node, BuildContext& ctx,
                                   std::string_view builtin, std::string_view positive);
  // The calibrated probability; nullopt: no text, or see CheapStage::score.
  [[nodiscard]] std::optional<double> probability(Reading& reading, chat::Scope scope) const;

 private:
  CheapStage stage_;
  std::uint32_t positive_ = 0;
};

// `builtin`: name of the head that comes with the program; "" when the options must name a file.
std::unique_ptr<Signal> make(const base::Doc& node, BuildContext& ctx, std::string_view builtin);

}  // namespace swy::route::headed
