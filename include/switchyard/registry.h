// The registry: which plug-ins this program contains, by kind and name. Built once by main (or a
// test) from src/builtin.def; immutable afterwards. A name that is not in it is an error with the
// nearest known names, never a default.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/doc.h"
#include "base/options.h"
#include "switchyard/route.h"

namespace swy::route {

class Registry;
class Strategy;

// Where a plug-in is being made: what it may look up, and where its complaints go. Lives during
// configuration only.
class BuildContext {
 public:
  virtual ~BuildContext() = default;
  virtual base::Diagnostics& diag() = 0;
  virtual const Catalogue& catalogue() = 0;
  virtual const Registry& registry() = 0;
  // The directory that relative paths in the configuration start from.
  virtual const std::string& directory() = 0;
  // A signal by its configured name; nullopt when there is none of that name.
  virtual std::optional<FactId> signal(std::string_view name) = 0;
  virtual std::vector<std::string> signal_names() = 0;
  // An encoder of the plan by its configured or type name (made on first use); nullopt after an
  // error was reported at `mark`.
  virtual std::optional<std::uint16_t> encoder(std::string_view name, base::Mark mark) = 0;
  virtual const Encoder& encoder(std::uint16_t id) = 0;
  // An estimator by its configured or type name, or made from a nested node (text, list = first
  // known wins, or map).
  virtual std::shared_ptr<const Estimator> estimator(const base::Doc& node) = 0;
  // The policy a nested node describes (for wrappers); nullptr after an error was reported.
  virtual std::unique_ptr<Policy> policy(const base::Doc& node) = 0;
  // The candidates of the rule that is being built, for policies that name some of them. Empty
  // outside a rule.
  virtual std::span<const ExpertId> candidates() = 0;
  // What the rule's estimator (price included) believes of its candidates for a request: facts are
  // computed as in decide(). For policies that calibrate themselves on past prompts. `exclude_row`:
  // the outcome row the request is from. `tokens_in`: of the whole prompt where the request is only
  // a part of it; below 1: to be estimated.
  virtual Status believe(const chat::Request& request, std::string_view exclude_row,
                         std::int64_t tokens_in, std::span<Belief> out) = 0;
  // The same of any estimator and any candidates, for estimators that calibrate another.
  virtual Status believe(const Estimator& estimator, std::span<const ExpertId> candidates,
                         const chat::Request& request, std::string_view exclude_row,
                         std::int64_t tokens_in, std::span<Belief> out) = 0;
  // Reads `options` from node. False: errors were reported, or the caller only wants the list of
  // options; make nothing.
  template <typename Options>
  bool bind(const base::Doc& node, Options& options) {
    if (lister_ != nullptr) {
      options.bind(*lister_);
      return false;
    }
    const std::size_t before = diag().errors();
    base::DocBinder binder(node, diag(), reserved_);
    options.bind(binder);
    binder.finish();
    return diag().errors() == before;
  }

 protected:
  base::ListBinder* lister_ = nullptr;  // set: describe, do not build
  std::vector<std::string> reserved_ = {"type"};
};

template <typename T>
using Factory = std::unique_ptr<T> (*)(const base::Doc& node, BuildContext& ctx);

class Registry {
 public:
  void add_encoder(std::string_view name, Factory<Encoder> make) { encoders_.emplace(name, make); }
  void add_signal(std::string_view name, Factory<Signal> make) { signals_.emplace(name, make); }
  void add_guard(std::string_view name, Factory<Guard> make) { guards_.emplace(name, make); }
  void add_estimator(std::string_view name, Factory<Estimator> make) {
    estimators_.emplace(name, make);
  }
  void add_policy(std::string_view name, Factory<Policy> make) { policies_.emplace(name, make); }
  void add_strategy(std::string_view name, Factory<Strategy> make) {
    strategies_.emplace(name, make);
  }
  [[nodiscard]] const std::map<std::string, Factory<Encoder>, std::less<>>& encoders() const {
    return encoders_;
  }
  [[nodiscard]] const std::map<std::string, Factory<Signal>, std::less<>>& signals() const {
    return signals_;
  }
  [[nodiscard]] const std::map<std::string, Factory<Guard>, std::less<>>& guards() const {
    return guards_;
  }
  [[nodiscard]] const std::map<std::string, Factory<Estimator>, std::less<>>& estimators() const {
    return estimators_;
  }
  [[nodiscard]] const std::map<std::string, Factory<Policy>, std::less<>>& policies() const {
    return policies_;
  }
  [[nodiscard]] const std::map<std::string, Factory<Strategy>, std::less<>>& strategies() const {
    return strategies_;
  }

 private:
  std::map<std::string, Factory<Encoder>, std::less<>> encoders_;
  std::map<std::string, Factory<Signal>, std::less<>> signals_;
  std::map<std::string, Factory<Guard>, std::less<>> guards_;
  std::map<std::string, Factory<Estimator>, std::less<>> estimators_;
  std::map<std::string, Factory<Policy>, std::less<>> policies_;
  std::map<std::string, Factory<Strategy>, std::less<>> strategies_;
};

// Everything in src/builtin.def but the strategies, which flow::builtin_registry() adds.
Registry builtin_registry();

}  // namespace swy::route
