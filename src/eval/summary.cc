#include "eval/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace swy::eval {
namespace {

std::vector<CostQuality> settings_of(const LineReport& line) {
  std::vector<CostQuality> out;
  for (const PointReport& p : line.points) out.push_back({p.cost, p.quality.value});
  return out;
}

const LineReport& line_of(const Report& report, LineReport::Kind kind) {
  return *std::find_if(report.lines.begin(), report.lines.end(),
                       [&](const LineReport& l) { return l.kind == kind; });
}

}  // namespace

void describe_choices(const Pool& pool, const Line& line, LineReport& out) {
  out.noise = line.noise;
  const std::vector<double> us(line.us.begin(), line.us.end());
  out.us_p50 = percentile(us, 50);
  out.us_p90 = percentile(us, 90);
  out.us_p99 = percentile(us, 99);
  if (!line.picked.empty()) out.choices = choice_report(pool, line.picked[0].decided, line.beliefs);
  if (!line.foreign_beliefs.empty())
    out.familiarity = familiarity(line.validation_beliefs, line.foreign_beliefs, pool.models());
}

void add_published(Report& report) {
  const PointReport best = report.best().points[0];
  const CostQuality best_single{best.cost, best.quality.value};
  const LineReport& oracle = line_of(report, LineReport::Kind::kOracle);
  const double top = oracle.points[oracle.best].quality.value;
  const double random = line_of(report, LineReport::Kind::kRandom).points[0].quality.value;
  std::vector<CostQuality> all;
  for (const LineReport& l : report.lines) {
    if (l.kind == LineReport::Kind::kOracle || l.kind == LineReport::Kind::kMixture) continue;
    const auto settings = settings_of(l);
    all.insert(all.end(), settings.begin(), settings.end());
  }
  for (LineReport& l : report.lines) {
    PublishedReport& p = l.published;
    const auto settings = settings_of(l);
    if (!l.picks.empty()) {
      const double quality = l.picks[0].quality.value;
      p.gain_random = relative_gain(quality, random);
      p.gain_best = relative_gain(quality, best_single.quality);
      p.gap_oracle = relative_gap(quality, top);
    }
    p.perf_gain = perf_gain(settings, best_single.quality);
    if (!report.priced) continue;
    const auto front = pareto(settings);
    p.nauc = nauc(front);
    p.peak = peak_quality(front);
    p.qnc = qnc(front, best_single);
    p.cost_save = cost_save(settings, best_single);
    const ParetoStanding standing = pareto_standing(settings, all);
    p.pareto_distance = standing.distance;
    p.pareto_ratio = standing.ratio;
  }
}

std::vector<std::string> warnings(const Report& report) {
  std::vector<std::string> out;
  for (const LineReport& l : report.lines) {
    if (l.kind != LineReport::Kind::kRouter || !l.choices || l.choices->collapsed_domains == 0)
      continue;
    out.push_back(fmt::format(
        "{}: collapsed: {:.0f} % of the questions go to {} although another model is better in {} "
        "{} (by more than chance, on the train part)",
        l.name, 100 * l.choices->favourite_share, report.models[l.choices->favourite],
        l.choices->collapsed_domains, l.choices->collapsed_domains == 1 ? "domain" : "domains"));
  }
  return out;
}

std::string_view name_of(Picked::By by) {
  switch (by) {
    case Picked::By::kOnly:
      return "only";
    case Picked::By::kQuality:
      return "quality";
    case Picked::By::kBudget:
      return "budget";
    case Picked::By::kEqual:
      return "equal_quality";
    case Picked::By::kLift:
      return "lift";
    case Picked::By::kArena:
      return "arena";
  }
  return "only";
}

std::string_view name_of(PairedTest::Of of) {
  switch (of) {
    case PairedTest::Of::kAiq:
      return "aiq";
    case PairedTest::Of::kQuality:
      return "quality";
    case PairedTest::Of::kBudget:
      return "budget";
  }
  return "aiq";
}

}  // namespace swy::eval
