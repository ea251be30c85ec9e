// calibrated: another estimator's quality, turned into the share of right answers that went with
// it.
//
// Formula: quality = sigma(slope * q + bias) with the slope and bias of Platt scaling
// (math/platt.h) on past prompts: of every model by itself, of those with fewer than `least`
// outcomes all together. At most 2,000 prompts, evenly spaced, none learning from its own row where
// the estimator can leave it out. The curve rises, so the order of two prompts of one model stays;
// the order of two models may change, which is the point: ranks (`router_dc`, `p2l`, `zooter`,
// `sw_ranking`) become probabilities that `cheapest_passing` and `budget` can use. quality_var = q
// (1 - q) / (1 + evidence); a quality that the inner estimator does not know stays unknown. Cost:
// the inner one's. When it loses: where the inner one was fitted on the same rows and cannot leave
// them out it looks better than it is (use other rows); calibration belongs to this traffic.
// Source: Platt 1999; request-routing.md 3.5 and the Calibrate of section 2. Tests:
// calibrated_test.cc, math/platt_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "math/platt.h"
#include "route/detail/one_text.h"
#include "route/estimator/observed.h"
#include "route/estimator/parts.h"

namespace swy::route {
namespace {

constexpr std::size_t kMostPrompts = 2'000;

struct Options {
  std::string of;
  TableOptions source;
  std::int64_t least = 50;
  void bind(base::OptionBinder& b) {
    b.field("of", of, "the estimator, by configured or type name; required");
    source.bind(b);
    b.field("least", least, {.min = 1, .max = 1e9},
            "outcomes of a model below which it has the curve of all models");
  }
};

class Calibrated final : public Combined<Calibrated> {
 public:
  // curves: by ExpertId.
  Calibrated(Parts inner, std::vector<math::Platt> curves, std::uint64_t version)
      : Combined(std::move(inner)), curves_(std::move(curves)), version_(version) {}

  void estimate(const Question& q, std::span<Belief> out) const override {
    parts().all()[0]->estimate(q, out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      Belief& b = out[i];
      if (std::isnan(b.quality)) continue;
      b.quality = curves_[q.candidates[i]](b.quality);
      const double evidence = std::isnan(b.evidence) ? 0 : b.evidence;
      b.quality_var = b.quality * (1 - b.quality) / (1 + evidence);
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return parts().version() * 31 + version_; }

 private:
  std::vector<math::Platt> curves_;
  std::uint64_t version_;
};

struct PastRow {
  std::string id, prompt;
};

// Beliefs of every row, by model: score[model][k] belongs to outcome[model][k].
struct Pairs {
  std::vector<double> score;
  std::vector<float> outcome;
};

std::optional<std::vector<Pairs>> ask(const Estimator& inner, const Observed& past,
                                      const std::vector<PastRow>& rows, base::Mark mark,
                                      BuildContext& ctx) {
  std::vector<ExpertId> everyone;
  for (std::size_t id = 0; id < ctx.catalogue().size(); ++id)
    everyone.push_back(static_cast<ExpertId>(id));
  std::vector<Belief> out(everyone.size());
  std::vector<Pairs> pairs(everyone.size());
  const std::size_t prompts = std::min(rows.size(), kMostPrompts);
  for (std::size_t k = 0; k < prompts; ++k) {
    const std::size_t at = k * rows.size() / prompts;
    if (const Status s =
            ctx.believe(inner, everyone, one_text(rows[at].prompt), rows[at].id, 0, out);
        !s) {
      ctx.diag().error(mark, "calibrated: " + s.error().message);
      return std::nullopt;
    }
    for (const ExpertId id : everyone) {
      const ObservedModel* m = past.of(id);
      if (m == nullptr || std::isnan(m->quality.value[at]) || std::isnan(out[id].quality)) continue;
      pairs[id].score.push_back(out[id].quality);
      pairs[id].outcome.push_back(m->quality.value[at]);
    }
  }
  return pairs;
}

std::vector<math::Platt> curves_of(const std::vector<Pairs>& pairs, std::int64_t least) {
  Pairs all;
  for (const Pairs& p : pairs) {
    all.score.insert(all.score.end(), p.score.begin(), p.score.end());
    all.outcome.insert(all.outcome.end(), p.outcome.begin(), p.outcome.end());
  }
  const math::Platt common = math::fit_platt(all.score, all.outcome);
  std::vector<math::Platt> curves;
  for (const Pairs& p : pairs) {
    const bool enough = static_cast<std::int64_t>(p.score.size()) >= least;
    curves.push_back(enough ? math::fit_platt(p.score, p.outcome) : common);
  }
  return curves;
}

}  // namespace

std::unique_ptr<Estimator> make_calibrated(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  auto inner = Parts::one(o.of, "calibrated", node.mark(), ctx);
  if (!inner) return nullptr;
  std::vector<PastRow> rows;
  const auto past =
      Observed::load(o.source, "calibrated", node.mark(), ctx, [&](const record::OutcomeRow& row) {
        rows.push_back({std::string(row.id), std::string(row.prompt)});
      });
  if (ctx.diag().errors() != before) return nullptr;
  if (!past) return std::make_unique<Unlearned>();
  const auto pairs = ask(*inner->all()[0], *past, rows, node.mark(), ctx);
  if (!pairs) return nullptr;
  return std::make_unique<Calibrated>(std::move(*inner), curves_of(*pairs, o.least),
                                      past->version());
}

}  // namespace swy::route
