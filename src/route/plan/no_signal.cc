// no_signal(). Test: compile_test.cc.
#include <algorithm>

#include "route/plan/compile.h"

namespace swy::route {
namespace {

class Unmade final : public Signal {
 public:
  void compute(std::span<Reading* const> /*readings*/, std::span<Fact> facts) const override {
    Fact off;
    off.label = ShortText("off");
    std::fill(facts.begin(), facts.end(), off);
  }
  [[nodiscard]] double cost_us() const override { return 0; }
  [[nodiscard]] bool reads_text() const override { return false; }
};

}  // namespace

std::unique_ptr<Signal> no_signal() { return std::make_unique<Unmade>(); }

}  // namespace swy::route
