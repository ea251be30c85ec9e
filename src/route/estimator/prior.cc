// prior: the quality that the model's card declares, per domain.
//
// Formula: of the card's domains that apply to the request, the mean of their declared qualities
// weighted by the confidence of the fact that made them apply; "default" when none applies. A
// domain applies when a signal of its name is true, or when one of the signals listed in `domains`
// has its name as label (a classifier's or a language's name). quality_var = q (1 - q) / (evidence
// + 1): the variance of a Beta whose weight is the option `evidence` (a pseudo-count;
// request-routing.md 3.1 uses the same form for counted outcomes).
// Right as far as the declared numbers are: it is the operator's belief, to be put behind `knn` in
// a chain. Cost: the facts it needs, then O(candidates * domains). Loses as soon as outcomes exist.
// A card without an applying domain and without "default" stays unknown. Source: section 1,
// "two-step category" routing with declared instead of measured tables. Test: prior_test.cc.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "route/detail/named.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr std::string_view kDefault = "default";

struct Options {
  std::vector<std::string> domains;
  double evidence = 2;

  void bind(base::OptionBinder& binder) {
    binder.field("domains", domains, "signals whose label names a domain of the cards");
    binder.field("evidence", evidence, {.min = 0}, "observations that a declared quality is worth");
  }
};

struct Domain {
  std::string name;
  double quality;
  std::optional<FactId> signal;  // of the same name
};

struct Declared {
  double fallback = kUnknownNumber;
  std::vector<Domain> domains;
};

class Prior final : public Estimator {
 public:
  // declared: by ExpertId.
  Prior(std::vector<Declared> declared, std::vector<FactId> labels, double evidence)
      : declared_(std::move(declared)), labels_(std::move(labels)), evidence_(evidence) {
    needs_ = labels_;
    for (const Declared& d : declared_) {
      for (const Domain& domain : d.domains) {
        if (domain.signal) needs_.push_back(*domain.signal);
      }
    }
    std::sort(needs_.begin(), needs_.end());
    needs_.erase(std::unique(needs_.begin(), needs_.end()), needs_.end());
  }

  void estimate(const Question& q, std::span<Belief> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double quality = quality_of(q, declared_[q.candidates[i]]);
      if (std::isnan(quality)) continue;
      out[i].quality = quality;
      out[i].quality_var = quality * (1 - quality) / (evidence_ + 1);
      out[i].evidence = evidence_;
    }
  }
  [[nodiscard]] std::span<const FactId> needs() const override { return needs_; }

 private:
  // How much the domain applies: the confidence of the surest fact that says so, 0 when none does.
  [[nodiscard]] double applies(const Question& q, const Domain& domain) const {
    double confidence = 0;
    if (domain.signal) {
      const Fact& fact = q.fact(*domain.signal);
      if (fact.truth == Truth::kTrue) confidence = static_cast<double>(fact.confidence);
    }
    for (const FactId id : labels_) {
      const Fact& fact = q.fact(id);
      if (fact.truth != Truth::kUnknown && fact.label.view() == domain.name) {
        confidence = std::max(confidence, static_cast<double>(fact.confidence));
      }
    }
    return confidence;
  }

  [[nodiscard]] double quality_of(const Question& q, const Declared& declared) const {
    double sum = 0;
    double weight = 0;
    for (const Domain& domain : declared.domains) {
      const double w = applies(q, domain);
      sum += w * domain.quality;
      weight += w;
    }
    return weight > 0 ? sum / weight : declared.fallback;
  }

  std::vector<Declared> declared_;
  std::vector<FactId> labels_;
  std::vector<FactId> needs_;
  double evidence_;
};

}  // namespace

std::unique_ptr<Estimator> make_prior(const base::Doc& node, BuildContext& ctx) {
  Options options;
  if (!ctx.bind(node, options)) return nullptr;
  std::vector<FactId> labels;
  const std::size_t before = ctx.diag().errors();
  for (const std::string& name : options.domains) {
    if (const auto id = signal_named(name, "domains", node.mark(), ctx)) labels.push_back(*id);
  }
  if (ctx.diag().errors() != before) return nullptr;
  std::vector<Declared> declared;
  for (const Card& card : ctx.catalogue().cards()) {
    Declared& d = declared.emplace_back();
    for (const auto& [name, quality] : card.quality) {
      if (name == kDefault) {
        d.fallback = quality;
        continue;
      }
      const auto signal = ctx.signal(name);
      d.domains.push_back({.name = name, .quality = quality, .signal = signal});
      if (!signal && labels.empty()) {
        ctx.diag().note(node.mark(),
                        fmt::format("prior: quality.{} of model '{}' never applies: there is no "
                                    "signal of that name, and no signals are listed in domains",
                                    name, card.name));
      }
    }
  }
  return std::make_unique<Prior>(std::move(declared), std::move(labels), options.evidence);
}

}  // namespace swy::route
