// From lines to a report. Every number is a function of column means (quality and cost of every
// setting), so one function gives its value on the questions as they are and its bootstrap samples
// on resampled means. Differences at equal cost are of mixtures fixed on the questions as they are:
// the interval is that of one policy, not of re-choosing it on every resample. AIQ is recomputed
// whole.
#include "eval/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "eval/curve.h"
#include "eval/summary.h"
#include "switchyard/env.h"

namespace swy::eval {
namespace {

constexpr std::uint64_t kBootstrapSeed =
    20240521;  // any number: the same report twice from the same data
constexpr double kMostlyAsGood = 0.95;

using Means = std::span<const double>;

// Where the means of every line's settings are: quality at 2 i, cost at 2 i + 1 for setting i.
struct Layout {
  std::vector<std::size_t> first;   // by line: its first setting
  std::vector<std::size_t> picked;  // by line: its first pick, as a setting
  std::vector<double> means;        // on the questions as they are
  Resamples resamples;

  static double quality(Means m, std::size_t setting) { return m[2 * setting]; }
  static double cost(Means m, std::size_t setting) { return m[2 * setting + 1]; }
};

Layout lay_out(const std::vector<Line>& lines, std::size_t count) {
  Layout layout;
  std::vector<std::span<const float>> columns;
  const auto add = [&](const Setting& s) {
    columns.emplace_back(s.quality);
    columns.emplace_back(s.cost);
    layout.means.push_back(s.mean_quality);
    layout.means.push_back(s.mean_cost);
  };
  for (const Line& line : lines) {
    layout.first.push_back(columns.size() / 2);
    for (const Setting& s : line.settings) add(s);
    layout.picked.push_back(columns.size() / 2);
    for (const Picked& p : line.picked) add(p.decided.setting);
  }
  layout.resamples = resample(columns, count, kBootstrapSeed);
  return layout;
}

template <typename F>
Interval interval_of(const Layout& layout, F&& f) {
  std::vector<double> samples;
  samples.reserve(layout.resamples.count);
  for (std::size_t r = 0; r < layout.resamples.count; ++r)
    samples.push_back(f(layout.resamples.of(r)));
  return percentile_interval(f(Means(layout.means)), std::move(samples));
}

// A mixture of two settings, by their numbers over all lines.
struct FixedMix {
  std::size_t low = 0;
  std::size_t high = 0;
  double share = 0;
  [[nodiscard]] double quality(Means m) const {
    return (1 - share) * Layout::quality(m, low) + share * Layout::quality(m, high);
  }
};

class Reporter {
 public:
  Reporter(const Pool& pool, const std::vector<Line>& lines, const Layout& layout, std::size_t best)
      : pool_(pool), lines_(lines), layout_(layout), best_(best) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].kind == Line::Kind::kSingle) singles_.push_back(layout.first[i]);
      if (lines[i].kind == Line::Kind::kOracle) oracle_ = settings_of(i);
    }
    mixture_hull_ = hull_of(singles_, layout.means);
    best_cost_ = Layout::cost(layout.means, singles_[best]);
    best_quality_ = Layout::quality(layout.means, singles_[best]);
  }

  [[nodiscard]] LineReport line(std::size_t i) const {
    const Line& line = lines_[i];
    LineReport out;
    out.name = line.name;
    out.kind = kind_of(line.kind);
    out.decide_us = line.decide_us;
    out.refused = line.refused;
    for (std::size_t s = 0; s < line.settings.size(); ++s) {
      out.points.push_back(point(layout_.first[i] + s, line.settings[s]));
    }
    finish(out, settings_of(i), line.kind != Line::Kind::kSingle);
    if (pool_.models() == 2 && line.kind == Line::Kind::kRouter) pair(out, i);
    for (std::size_t p = 0; p < line.picked.size(); ++p)
      out.picks.push_back(pick(layout_.picked[i] + p, line.picked[p]));
    return out;
  }

  // Routers against the best single model and against each other.
  [[nodiscard]] std::vector<PairedTest> tests() const {
    using Of = PairedTest::Of;
    std::vector<PairedTest> out;
    for (const Of of : {Of::kAiq, Of::kQuality, Of::kBudget}) {
      if (of != Of::kQuality && !pool_.priced) continue;
      std::vector<std::pair<std::size_t, std::vector<double>>> samples;
      for (std::size_t i = 0; i < lines_.size(); ++i) {
        const bool base = i == best_ && of != Of::kAiq;  // a single model has no curve
        if (lines_[i].kind == Line::Kind::kRouter || base) samples.emplace_back(i, figures(i, of));
      }
      for (std::size_t a = 0; a < samples.size(); ++a) {
        for (std::size_t b = a + 1; b < samples.size(); ++b) {
          const auto& [line_a, x] = samples[a];
          const auto& [line_b, y] = samples[b];
          if (x.empty() || y.empty()) continue;
          PairedTest t{lines_[line_a].name, lines_[line_b].name, of, {}, kNone};
          std::tie(t.difference, t.p) = paired_difference(x, y);
          out.push_back(t);
        }
      }
    }
    return out;
  }

  // Random mixtures of single models: their frontier as a curve.
  [[nodiscard]] LineReport mixture() const {
    LineReport out;
    out.name = "mixtures";
    out.kind = LineReport::Kind::kMixture;
    std::vector<std::size_t> settings;
    for (const Vertex& v : mixture_hull_) {
      const auto m = static_cast<std::size_t>(std::find(singles_.begin(), singles_.end(), v.point) -
                                              singles_.begin());
      out.points.push_back(point(v.point, lines_[m].settings[0]));
      out.points.back().knob = pool_.table.models()[m];
      settings.push_back(v.point);
    }
    finish(out, settings, true);
    return out;
  }

 private:
  // A line's figure on the questions as they are, then on every resample. Empty: it has none.
  [[nodiscard]] std::vector<double> figures(std::size_t line, PairedTest::Of of) const {
    const std::vector<std::size_t> settings = settings_of(line);
    std::size_t chosen = 0;
    if (of != PairedTest::Of::kAiq) {
      const auto by = of == PairedTest::Of::kQuality ? Picked::By::kQuality : Picked::By::kBudget;
      const auto& picked = lines_[line].picked;
      const auto it = std::find_if(picked.begin(), picked.end(), [&](const Picked& p) {
        return p.by == by || p.by == Picked::By::kOnly;
      });
      if (it == picked.end()) return {};
      chosen = layout_.picked[line] + static_cast<std::size_t>(it - picked.begin());
    }
    const auto figure = [&](Means m) {
      return of == PairedTest::Of::kAiq ? aiq(settings, m) : Layout::quality(m, chosen);
    };
    std::vector<double> out{figure(Means(layout_.means))};
    for (std::size_t r = 0; r < layout_.resamples.count; ++r)
      out.push_back(figure(layout_.resamples.of(r)));
    return out;
  }

  [[nodiscard]] PickReport pick(std::size_t setting, const Picked& picked) const {
    const PointReport at = point(setting, picked.decided.setting);
    PickReport p{picked.by, picked.knob, at.quality, at.cost};
    p.over_mixture = at.over_mixture;
    const std::size_t best = singles_[best_];
    p.over_best = interval_of(
        layout_, [&](Means m) { return Layout::quality(m, setting) - Layout::quality(m, best); });
    if (!pool_.priced) return p;
    p.cost_ratio = interval_of(
        layout_, [&](Means m) { return Layout::cost(m, setting) / Layout::cost(m, best); });
    p.arena = arena_score(at.quality.value, 1000 * at.cost);
    const std::size_t small = singles_[cheapest_single(pool_)];
    const auto of = [&](std::size_t s) {
      return CostQuality{Layout::cost(layout_.means, s), Layout::quality(layout_.means, s)};
    };
    if (small != best) p.lift = ibc_lift(of(setting), of(small), of(best));
    if (const auto mix = mix_at_cost(hull_of(oracle_, layout_.means), at.cost)) {
      const FixedMix oracle{mix->low, mix->high, mix->share};
      p.regret = interval_of(
          layout_, [&](Means m) { return oracle.quality(m) - Layout::quality(m, setting); });
    }
    return p;
  }

  static LineReport::Kind kind_of(Line::Kind kind) {
    switch (kind) {
      case Line::Kind::kSingle:
        return LineReport::Kind::kSingle;
      case Line::Kind::kRandom:
        return LineReport::Kind::kRandom;
      case Line::Kind::kOracle:
        return LineReport::Kind::kOracle;
      case Line::Kind::kRouter:
        return LineReport::Kind::kRouter;
    }
    return LineReport::Kind::kRouter;
  }

  [[nodiscard]] std::vector<std::size_t> settings_of(std::size_t line) const {
    std::vector<std::size_t> out;
    out.reserve(lines_[line].settings.size());
    for (std::size_t s = 0; s < lines_[line].settings.size(); ++s)
      out.push_back(layout_.first[line] + s);
    return out;
  }

  // The frontier over these settings; Vertex::point is the setting's number over all lines.
  static std::vector<Vertex> hull_of(const std::vector<std::size_t>& settings, Means means) {
    std::vector<double> cost;
    std::vector<double> quality;
    for (const std::size_t s : settings) {
      cost.push_back(Layout::cost(means, s));
      quality.push_back(Layout::quality(means, s));
    }
    std::vector<Vertex> hull = frontier(cost, quality);
    for (Vertex& v : hull) v.point = settings[v.point];
    return hull;
  }

  [[nodiscard]] PointReport point(std::size_t setting, const Setting& s) const {
    PointReport p;
    p.knob = s.knob;
    p.share = s.share;
    p.quality = interval_of(layout_, [&](Means m) { return Layout::quality(m, setting); });
    if (!pool_.priced) return p;
    p.cost = s.mean_cost;
    if (const auto mix = mix_at_cost(mixture_hull_, s.mean_cost)) {
      const FixedMix base{mix->low, mix->high, mix->share};
      p.over_mixture = interval_of(
          layout_, [&](Means m) { return Layout::quality(m, setting) - base.quality(m); });
    }
    return p;
  }

  // AIQ: mean quality of the frontier of these settings and the cheapest single model, over the
  // costs from the cheapest to the dearest single model.
  [[nodiscard]] double aiq(const std::vector<std::size_t>& settings, Means m) const {
    const auto cheaper = [&](std::size_t a, std::size_t b) {
      return Layout::cost(m, a) < Layout::cost(m, b);
    };
    const auto [low, high] = std::minmax_element(singles_.begin(), singles_.end(), cheaper);
    if (Layout::cost(m, *low) >= Layout::cost(m, *high)) return kNone;
    std::vector<std::size_t> all = settings;
    all.push_back(*low);
    return mean_quality(hull_of(all, m), Layout::cost(m, *low), Layout::cost(m, *high));
  }

  void finish(LineReport& out, const std::vector<std::size_t>& settings, bool curve) const {
    for (std::size_t p = 1; p < out.points.size(); ++p) {
      const PointReport& a = out.points[p];
      const PointReport& b = out.points[out.best];
      if (a.quality.value > b.quality.value ||
          (a.quality.value == b.quality.value && a.cost < b.cost))
        out.best = p;
    }
    if (!pool_.priced) return;
    const std::vector<Vertex> hull = hull_of(settings, layout_.means);
    for (const Vertex& v : hull) {
      out.frontier.push_back(static_cast<std::size_t>(
          std::find(settings.begin(), settings.end(), v.point) - settings.begin()));
    }
    if (!curve) return;
    CurveReport& c = out.curve;
    c.aiq = interval_of(layout_, [&](Means m) { return aiq(settings, m); });
    c.aiq_gain = interval_of(layout_, [&](Means m) { return aiq(settings, m) - aiq(singles_, m); });
    c.cost_95 = cost_at_quality(hull, kMostlyAsGood * best_quality_);
    c.cost_100 = cost_at_quality(hull, best_quality_);
    at_best_cost(c, hull);
  }

  void at_best_cost(CurveReport& c, const std::vector<Vertex>& hull) const {
    const auto mix = mix_at_cost(hull, best_cost_);
    if (!mix) return;
    const FixedMix mine{mix->low, mix->high, mix->share};
    const std::size_t best = singles_[best_];
    c.at_best = interval_of(layout_, [&](Means m) { return mine.quality(m); });
    c.over_best =
        interval_of(layout_, [&](Means m) { return mine.quality(m) - Layout::quality(m, best); });
    if (const auto base = mix_at_cost(mixture_hull_, mix->cost)) {
      const FixedMix other{base->low, base->high, base->share};
      c.over_mixture =
          interval_of(layout_, [&](Means m) { return mine.quality(m) - other.quality(m); });
    }
    if (const auto oracle = mix_at_cost(hull_of(oracle_, layout_.means), best_cost_)) {
      c.regret = oracle->quality - mix->quality;
    }
  }

  void pair(LineReport& out, std::size_t line) const {
    std::vector<double> share;
    for (const Setting& s : lines_[line].settings) share.push_back(s.share[best_]);
    const auto curve = [&](Means m) {
      std::vector<double> quality;
      for (const std::size_t s : settings_of(line)) quality.push_back(Layout::quality(m, s));
      return pair_curve(share, quality, Layout::quality(m, singles_[1 - best_]),
                        Layout::quality(m, singles_[best_]));
    };
    out.curve.apgr = interval_of(layout_, [&](Means m) { return apgr(curve(m)); });
    out.curve.cpt_50 = call_share(curve(layout_.means), 0.5);
    out.curve.cpt_80 = call_share(curve(layout_.means), 0.8);
  }

  const Pool& pool_;
  const std::vector<Line>& lines_;
  const Layout& layout_;
  std::size_t best_;
  std::vector<std::size_t> singles_;  // setting of every model
  std::vector<std::size_t> oracle_;
  std::vector<Vertex> mixture_hull_;
  double best_cost_ = kNone;
  double best_quality_ = kNone;
};

Result<Line> make_line(const Pool& pool, const RouterSpec& spec, const route::Registry& registry,
                       const EvalOptions& options) {
  switch (spec.kind) {
    case RouterSpec::Kind::kAlways: {
      const std::size_t m = pool.table.model_index(spec.name);
      if (m != record::OutcomeTable::npos) return single_line(pool, m);
      return fail(
          ErrorCode::kNotFound,
          fmt::format("always: the pool has no model '{}'; nearest: {}", spec.name,
                      fmt::join(base::nearest_names(spec.name, pool.table.models(), 3), ", ")));
    }
    case RouterSpec::Kind::kRandom:
      return random_line(pool);
    case RouterSpec::Kind::kOracle:
      return oracle_line(pool, options.points);
    case RouterSpec::Kind::kLength:
      if (length_pair(pool)) return length_line(pool, options.points);
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("length chooses between the best and the cheapest of the {} models, "
                              "which are one here; name a pair with --models",
                              pool.models()));
    case RouterSpec::Kind::kPlugin:
    case RouterSpec::Kind::kStrategy:
    case RouterSpec::Kind::kConfig:
      break;
  }
  return routed_line(pool, spec, registry, options.points, options.noise);
}

// Singles, random and oracle first; then what was asked for and is not among them.
Result<std::vector<Line>> make_lines(const Pool& pool, const EvalOptions& options,
                                     const route::Registry& registry) {
  std::vector<Line> lines;
  lines.reserve(pool.models() + 3 + options.routers.size());
  for (std::size_t m = 0; m < pool.models(); ++m) lines.push_back(single_line(pool, m));
  lines.push_back(random_line(pool));
  lines.push_back(oracle_line(pool, options.points));
  if (length_pair(pool)) lines.push_back(length_line(pool, options.points));
  std::vector<std::string> seen{"random", "oracle", "length"};
  for (const std::string& text : options.routers) {
    SWY_TRY(const RouterSpec spec, parse_router(text, registry));
    if (std::find(seen.begin(), seen.end(), text) != seen.end() &&
        spec.kind != RouterSpec::Kind::kLength)
      continue;
    seen.push_back(text);
    SWY_TRY(Line line, make_line(pool, spec, registry, options));
    if (line.kind == Line::Kind::kSingle || (spec.kind == RouterSpec::Kind::kLength))
      continue;  // always there
    lines.push_back(std::move(line));
  }
  return lines;
}

void sort_singles(Report& report) {
  const auto end = report.lines.begin() + static_cast<std::ptrdiff_t>(report.models.size());
  std::sort(report.lines.begin(), end, [](const LineReport& a, const LineReport& b) {
    const double qa = a.points[0].quality.value;
    const double qb = b.points[0].quality.value;
    if (qa != qb) return qa > qb;
    if (a.points[0].cost != b.points[0].cost) return a.points[0].cost < b.points[0].cost;
    return a.name < b.name;
  });
}

}  // namespace

const LineReport& Report::best() const {
  return *std::find_if(lines.begin(), lines.end(),
                       [&](const LineReport& l) { return l.name == models[best_single]; });
}

Result<Report> evaluate(const Pool& pool, const EvalOptions& options,
                        const route::Registry& registry) {
  if (options.points < 3)
    return fail(ErrorCode::kInvalidArgument, "at least 3 points make a curve: --points 25");
  const std::int64_t start = system_clock().mono_ns();
  for (const std::string& text : options.routers) SWY_DO(parse_router(text, registry));
  SWY_TRY(const auto lines, make_lines(pool, options, registry));
  Report report;
  report.models = pool.table.models();
  report.questions = pool.train.size() + pool.test.size();
  report.train = pool.train.size();
  report.test = pool.test.size();
  report.priced = pool.priced;
  report.pair = pool.models() == 2;
  report.best_single = best_single(pool);
  report.resamples = options.bootstrap;
  report.notes = pool.notes;
  const Layout layout = lay_out(lines, options.bootstrap);
  const Reporter reporter(pool, lines, layout, report.best_single);
  report.validation = pool.validation.size();
  report.tests = reporter.tests();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    report.lines.push_back(reporter.line(i));
    describe_choices(pool, lines[i], report.lines.back());
    report.notes.insert(report.notes.end(), lines[i].notes.begin(), lines[i].notes.end());
    if (lines[i].kind == Line::Kind::kRandom && pool.priced)
      report.lines.push_back(reporter.mixture());
  }
  add_published(report);
  sort_singles(report);
  report.seconds = static_cast<double>(system_clock().mono_ns() - start) / 1e9;
  return report;
}

Result<Report> evaluate(const EvalOptions& options, const route::Registry& registry) {
  for (const std::string& text : options.routers) SWY_DO(parse_router(text, registry));
  const std::int64_t start = system_clock().mono_ns();
  SWY_TRY(Pool pool, load_pool(options.pool));
  SWY_DO(shift_prices(pool, options.price_shift));
  SWY_TRY(Report report, evaluate(pool, options, registry));
  report.seconds = static_cast<double>(system_clock().mono_ns() - start) / 1e9;
  return report;
}

}  // namespace swy::eval
