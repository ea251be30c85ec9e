// Private to route: the plug-ins of a plan that is being made. What stands under a section is made
// with it; what a rule names beside (a type with its defaults, a nested node) is made on asking.
//
// Threading: one thread. Ownership: shares the plan with whoever reads its rules; the document, the
// registry and the diagnostics outlive it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/plan.h"
#include "switchyard/registry.h"

namespace swy::route {

class Parts final : public BuildContext {
 public:
  // plan: with its models.
  Parts(const base::Doc& config, const std::string& directory, const Registry& registry,
        base::Diagnostics& diag, std::shared_ptr<Plan> plan)
      : config_(config),
        directory_(directory),
        registry_(registry),
        diag_(diag),
        plan_(std::move(plan)) {}

  // Encoders, signals, guards, output guards.
  void read_sections();
  // After the rules: a configured estimator that none uses is still made, so that its options are
  // checked.
  void check_unused_estimators();

  // Candidates and beliefs are this rule's while it is being built; nullptr: none is.
  void building(const Rule* rule) { rule_ = rule; }
  // Of every rule.
  [[nodiscard]] const std::vector<std::uint16_t>& always() const { return always_; }
  // nullopt after an error was reported, here or where the guard stands.
  std::optional<std::uint16_t> guard(const std::string& name, base::Mark at);
  // Flat, however the node nests: a FirstKnown inside another one would share its scratch.
  std::vector<std::shared_ptr<const Estimator>> estimators_of(const base::Doc& node);
  // besides: keys of the node that are not the strategy's.
  std::unique_ptr<Strategy> strategy(const base::Doc& node,
                                     const std::vector<std::string>& besides);
  // What could not be made is reported where it stands, not where it is used: "encoder NAME",
  // "guard NAME", "output NAME".
  [[nodiscard]] bool has_failed(const std::string& what) const { return failed_.count(what) != 0; }

  base::Diagnostics& diag() override { return diag_; }
  const Catalogue& catalogue() override { return plan_->catalogue; }
  const Registry& registry() override { return registry_; }
  const std::string& directory() override { return directory_; }
  std::optional<FactId> signal(std::string_view name) override { return plan_->find_signal(name); }
  std::vector<std::string> signal_names() override;
  std::optional<std::uint16_t> encoder(std::string_view name, base::Mark mark) override;
  const Encoder& encoder(std::uint16_t id) override { return *plan_->encoders[id].encoder; }
  std::shared_ptr<const Estimator> estimator(const base::Doc& node) override;
  std::unique_ptr<Policy> policy(const base::Doc& node) override;
  std::span<const ExpertId> candidates() override {
    return rule_ == nullptr ? std::span<const ExpertId>{} : rule_->candidates;
  }
  Status believe(const chat::Request& request, std::string_view exclude_row, std::int64_t tokens_in,
                 std::span<Belief> out) override;
  Status believe(const Estimator& estimator, std::span<const ExpertId> candidates,
                 const chat::Request& request, std::string_view exclude_row, std::int64_t tokens_in,
                 std::span<Belief> out) override;

 private:
  std::string type_of(const base::Doc& node, std::string_view kind);
  template <typename T, typename Map>
  std::unique_ptr<T> make(const base::Doc& node, const Map& factories, std::string_view kind);
  std::shared_ptr<const Estimator> make_estimator(const base::Doc& node, const base::Doc& where);
  bool may_nest(const base::Doc& name);
  void read_encoders();
  std::optional<std::uint16_t> add_encoder(const std::string& name, const base::Doc& node);
  void read_signals();
  bool is_off(const base::Doc& node);
  void read_guards();
  void add_guard(const std::string& name, const base::Doc& node);
  std::optional<std::uint16_t> find_guard(std::string_view name);
  void read_output_guards();

  const base::Doc& config_;
  const std::string& directory_;
  const Registry& registry_;
  base::Diagnostics& diag_;
  std::shared_ptr<Plan> plan_;
  std::set<std::string> off_;  // signals by name
  std::set<std::string> failed_;
  std::vector<std::uint16_t> always_;
  std::map<std::string, std::shared_ptr<const Estimator>, std::less<>> estimators_;
  std::vector<std::string> making_;  // names of estimators, each made for the one before
  const Rule* rule_ = nullptr;
  Scratch scratch_;
};

}  // namespace swy::route
