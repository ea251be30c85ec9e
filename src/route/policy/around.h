// A policy around another: what it needs and what it keeps are the inner one's, which it asks in
// its own weigh(). For epsilon, newcomers, session_aware, sticky.
//
// Threading: as the inner policy's. Ownership: owns the inner policy.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::route {

class AroundPolicy : public Policy {
 public:
  explicit AroundPolicy(std::unique_ptr<Policy> inner) : inner_(std::move(inner)) {}

  [[nodiscard]] std::span<const FactId> needs() const final { return inner_->needs(); }
  [[nodiscard]] bool reads_live() const final { return inner_->reads_live(); }
  [[nodiscard]] std::vector<double> open_account(std::size_t candidates) const final {
    return inner_->open_account(candidates);
  }
  void settle(const Settlement& what, std::span<double> account) const final {
    inner_->settle(what, account);
  }

 protected:
  [[nodiscard]] const Policy& inner() const { return *inner_; }

 private:
  std::unique_ptr<Policy> inner_;
};

// The policy that the option `inner` of `node` names; nullptr when it is not given or not right,
// which has then been said.
inline std::unique_ptr<Policy> inner_policy(const base::Doc& node, const base::Doc* inner,
                                            std::string_view type, BuildContext& ctx) {
  if (inner != nullptr) return ctx.policy(*inner);
  ctx.diag().error(node.mark(),
                   std::string(type) + ": say which policy decides, for example inner: utility");
  return nullptr;
}

}  // namespace swy::route
