// The output guard `grounding`: does what an answer says stand in the request's own texts? It looks
// at the whole answer once it is complete, unlike the guards of output.h.
//
// When to use: a driver takes the case when the choice is made (case_of), collects the answer and
// has judge() run where milliseconds may be spent. The three stages (docs/reference/grounding.md):
// `when` names the signal that says whether a check is needed; word by word support; explanation.
// Threading: immutable after make_grounding_guard(); judge() from any thread. Ownership: owns its
// model, shares checkpoints; cases and results own their texts.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::embed {
class Grounding;
enum class Support : std::uint8_t;
}  // namespace swy::embed

namespace swy::route {

// What an answer will be held against.
struct GroundingCase {
  std::string context;
  std::string question;
  bool cut = false;  // the request had more context than is kept
};

// Why there is nothing to say, or what there is.
enum class GroundingResult : std::uint8_t { kSupported, kUnsupported, kUnknown, kUnchecked };
std::string_view to_string(GroundingResult result);

// A run of words that the context does not have. Places count code points of the answer's text.
struct UngroundedPart {
  std::size_t choice = 0, begin = 0, end = 0;
  embed::Support support{};
  float p = 0;
  std::string text, said, found, evidence;  // cut at kMaxQuote bytes
};

struct Grounded {
  GroundingResult result = GroundingResult::kUnknown;
  // Of kUnknown: "late", "queue full", "failed". Of kUnchecked: "not needed", "no context", "no
  // text". Static text.
  std::string_view why;
  float p_unsupported = std::numeric_limits<float>::quiet_NaN();  // the likeliest choice's
  bool calibrated = true;
  bool truncated = false;
  std::vector<UngroundedPart> parts;  // at most kMaxParts
  std::size_t more_parts = 0;
};

class GroundingGuard {
 public:
  static constexpr std::size_t kMaxContext = std::size_t{256} << 10U;
  static constexpr std::size_t kMaxAnswer = std::size_t{64} << 10U;
  static constexpr std::size_t kMaxParts = 32;
  static constexpr std::size_t kMaxQuote = 300;

  std::string name;
  bool block = false;        // else annotate
  bool closed = true;        // an answer that cannot be judged counts as unsupported
  double threshold = 0.5;    // of p_unsupported
  double deadline_ms = 500;  // from the answer's end
  std::optional<FactId> when;
  std::vector<chat::Scope> context;
  std::shared_ptr<const embed::Grounding> model;

  // Stage one. nullopt: no check, and `why` says why not. REQUIRES: `when` was computed.
  [[nodiscard]] std::optional<GroundingCase> case_of(const Scratch& scratch,
                                                     std::string_view& why) const;
  // Stages two and three, of the texts by choice. Total. Once `stop` is true it gives up ("late").
  [[nodiscard]] Grounded judge(const GroundingCase& c,
                               const std::map<std::size_t, std::string>& answers,
                               const std::atomic<bool>& stop) const;
  // Whether the answer is to be stopped.
  [[nodiscard]] bool stops(const Grounded& g) const {
    return block && (g.result == GroundingResult::kUnsupported ||
                     (g.result == GroundingResult::kUnknown && closed));
  }
};

// Reads one entry of `output_guards:` with type grounding. nullptr: errors were reported.
std::unique_ptr<GroundingGuard> make_grounding_guard(const std::string& name, const base::Doc& node,
                                                     BuildContext& ctx);
std::vector<base::OptionInfo> grounding_guard_options();

}  // namespace swy::route
