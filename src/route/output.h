// Output guards: what must not stand in an answer, looked for in a window of its text.
//
// When to use: the gateway asks them while an answer passes. Declared under `output_guards:`, named
// by rules under `output:`. Threading: immutable after make_output_guard(). Ownership: owns its
// tables.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/doc.h"
#include "base/options.h"

namespace swy::route {

struct OutputHit {
  std::size_t begin = 0, end = 0;  // bytes
  std::string_view replacement;    // for mask; lives as long as the guard
};

class OutputGuard {
 public:
  enum class Action : std::uint8_t { kBlock, kMask, kAnnotate };
  virtual ~OutputGuard() = default;
  // Appends what it finds, in order and without overlap.
  virtual void find(std::string_view text, std::vector<OutputHit>& out) const = 0;

  std::string name;
  Action action = Action::kBlock;
  std::size_t window = 256;  // bytes of text that are held back, so that nothing is missed at a cut
};

// Reads one entry of `output_guards:` of type phrases or pii (grounding: grounded.h). nullptr:
// errors were reported.
std::unique_ptr<OutputGuard> make_output_guard(const std::string& name, const base::Doc& node,
                                               base::Diagnostics& diag);

// The options of each type, for the reference page: "phrases", "pii", "grounding".
std::vector<std::string> output_guard_types();
std::vector<base::OptionInfo> output_guard_options(std::string_view type);

}  // namespace swy::route
