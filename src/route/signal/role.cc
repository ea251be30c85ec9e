// role: who asks, as the role of the caller's key.
//
// What: label = the role. True when it is one of `any`; with an empty list, when there is a role.
// Unknown: a caller without a role (no keys configured, or a key without one).
// Cost: a few comparisons. When it loses: it says nothing about the person behind a shared key.
// Source: none. Test: role_test.cc.
#include <algorithm>

#include "route/detail/plugin.h"

namespace swy::route {
namespace {

struct Options {
  std::vector<std::string> any;
  void bind(base::OptionBinder& b) { b.field("any", any, "roles that pass; empty: every role"); }
};

class RoleSignal final : public Signal {
 public:
  explicit RoleSignal(std::vector<std::string> any) : any_(std::move(any)) {}
  void compute(std::span<Reading* const> readings, std::span<Fact> facts) const override {
    plugin::each(readings, facts, [this](const Reading& r) -> Fact {
      const std::string_view role = r.work().role;
      if (role.empty()) return {};
      const bool in = any_.empty() || std::find(any_.begin(), any_.end(), role) != any_.end();
      return {plugin::truth(in), 1, plugin::kNaN, plugin::label(role)};
    });
  }
  [[nodiscard]] double cost_us() const override { return 0.01; }
  [[nodiscard]] bool reads_text() const override { return false; }

 private:
  std::vector<std::string> any_;
};

}  // namespace

std::unique_ptr<Signal> make_role(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (!plugin::no_empty(ctx, node, "any", o.any)) return nullptr;
  return std::make_unique<RoleSignal>(std::move(o.any));
}

}  // namespace swy::route
