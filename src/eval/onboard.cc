// For every new model: the router on the pool without it (ignored), on the pool as it is (full),
// and on the pool with the model's outcomes hidden from learners but for n train questions, those
// that a gateway's onboarding would ask or drawn at random (known); prices and the mean quality on
// the card come from these outcomes too. The figure is the area under the frontier (AIQ) over the
// costs from the cheapest of the other models to the dearest of all, the same for all of these. All
// settings of all of these are resampled together, so that (known - ignored) / (full - ignored) is
// of the same questions throughout. The ratio of all models together is that of the sums: a model
// that adds nothing has no ratio of its own but weighs nothing there. Cost: 1 + models * (1 +
// probes * draws) fits of every router. Loses where the gain is within its noise: read its interval
// first. Source: acceptance (f) of routing-benchmarks.md 5; Tests: onboard_test.cc.
#include "eval/onboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/doc.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/terminal.h"
#include "eval/curve.h"
#include "eval/grid.h"
#include "record/sample.h"

namespace swy::eval {
namespace {

constexpr std::uint64_t kProbeStage = 13;  // of the random numbers: any of its own
constexpr std::uint64_t kBootstrapSeed = 20240521;

// Figures of one line on the questions as they are, then on every resample.
using Series = std::vector<double>;

struct Range {
  double low = 0;
  double high = 0;
};

// From the cheapest of the others to the dearest of all, on the test part.
Range cost_range(const Pool& pool, std::size_t fresh) {
  Range r{std::numeric_limits<double>::infinity(), 0};
  for (std::size_t m = 0; m < pool.models(); ++m) {
    double sum = 0;
    for (const std::size_t row : pool.test) sum += pool.costs(row)[m];
    const double mean = sum / static_cast<double>(pool.test.size());
    if (m != fresh) r.low = std::min(r.low, mean);
    r.high = std::max(r.high, mean);
  }
  return r;
}

// Area under the frontier of these settings and a single model that costs range.low.
double area(std::vector<double> cost, std::vector<double> quality, Range range, double cheapest) {
  cost.push_back(range.low);
  quality.push_back(cheapest);
  const auto hull = frontier(cost, quality);
  return mean_quality(hull, range.low, range.high);
}

class Study {
 public:
  Study(const Pool& pool, const EvalOptions& options, const route::Registry& registry)
      : pool_(pool), options_(options), registry_(registry) {}

  // The line's figure for the pool in which `fresh` is new, which may be cut down to the others.
  Result<Series> figures(const Pool& shown, const RouterSpec& spec, std::size_t fresh) const {
    SWY_TRY(const Line line, routed_line(shown, spec, registry_, options_.points));
    std::vector<std::span<const float>> columns;
    for (const Setting& s : line.settings) {
      columns.emplace_back(s.quality);
      if (pool_.priced) columns.emplace_back(s.cost);
    }
    if (!pool_.priced) return quality_series(line);
    const Line single = single_line(pool_, cheapest_other(fresh));
    columns.emplace_back(single.settings[0].quality);
    const Resamples resamples = resample(columns, options_.bootstrap, kBootstrapSeed);
    const Range range = cost_range(pool_, fresh);
    const auto figure = [&](std::span<const double> means) {
      std::vector<double> cost;
      std::vector<double> quality;
      for (std::size_t i = 0; i + 1 < means.size(); i += 2) {
        quality.push_back(means[i]);
        cost.push_back(means[i + 1]);
      }
      return area(std::move(cost), std::move(quality), range, means.back());
    };
    std::vector<double> as_is;
    for (const auto& column : columns) {
      as_is.push_back(std::accumulate(column.begin(), column.end(), 0.0) /
                      static_cast<double>(column.size()));
    }
    Series out{figure(as_is)};
    for (std::size_t r = 0; r < resamples.count; ++r) out.push_back(figure(resamples.of(r)));
    return out;
  }

  // The pool with all but `probes` outcomes of the model hidden, chosen for this draw.
  [[nodiscard]] Pool probed(std::size_t fresh, std::size_t probes, std::size_t draw,
                            bool at_random) const {
    Pool out = pool_;
    if (out.hidden.empty()) out.hidden.assign(pool_.table.rows() * pool_.models(), 0);
    const auto hidden = [&](std::size_t row) -> std::uint8_t& {
      return out.hidden[row * pool_.models() + fresh];
    };
    for (const std::size_t row : pool_.train) hidden(row) = 1;
    auto shown = at_random ? shuffled(draw) : evenly(fresh, probes, draw);
    shown.resize(std::min(probes, shown.size()));
    for (const std::size_t row : shown) hidden(row) = 0;
    return out;
  }

 private:
  [[nodiscard]] std::vector<std::size_t> shuffled(std::size_t draw) const {
    std::vector<std::size_t> rows = pool_.train;
    base::Rng rng(options_.pool.seed, draw, kProbeStage);
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::swap(rows[i], rows[i + rng.below(rows.size() - i)]);
    return rows;
  }
  // By what is known of the others, as the gateway chooses.
  [[nodiscard]] std::vector<std::size_t> evenly(std::size_t fresh, std::size_t probes,
                                                std::size_t draw) const {
    std::vector<record::SampleRow> rows;
    for (const std::size_t row : pool_.train)
      rows.push_back({row, record::mean_quality(pool_.table.cells(row), fresh)});
    return record::sample_evenly(
        pool_.table, rows, probes,
        fmt::format("{}/{}/{}", pool_.table.models()[fresh], options_.pool.seed, draw));
  }
  [[nodiscard]] Series quality_series(const Line& line) const {
    const std::vector<std::span<const float>> one{line.settings[0].quality};
    const Resamples resamples = resample(one, options_.bootstrap, kBootstrapSeed);
    Series out{line.settings[0].mean_quality};
    for (std::size_t r = 0; r < resamples.count; ++r) out.push_back(resamples.of(r)[0]);
    return out;
  }

  [[nodiscard]] std::size_t cheapest_other(std::size_t fresh) const {
    std::size_t best = fresh == 0 ? 1 : 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t m = 0; m < pool_.models(); ++m) {
      double sum = 0;
      for (const std::size_t row : pool_.test) sum += pool_.costs(row)[m];
      if (m == fresh || sum >= least) continue;
      least = sum;
      best = m;
    }
    return best;
  }

  const Pool& pool_;
  const EvalOptions& options_;
  const route::Registry& registry_;
};

void add_to(Series& sum, const Series& other, double times) {
  sum.resize(other.size(), 0.0);
  for (std::size_t i = 0; i < other.size(); ++i) sum[i] += times * other[i];
}

Interval interval_of(const Series& s) {
  return percentile_interval(s[0], std::vector<double>(s.begin() + 1, s.end()));
}

struct Figures {
  Series ignored;
  Series full;
  std::vector<Series> known;
};

OnboardRow row_of(const std::string& router, const std::string& model, const Figures& f,
                  double models) {
  OnboardRow out;
  out.router = router;
  out.model = model;
  Series gain = f.full;
  add_to(gain, f.ignored, -1);
  const auto mean = [&](Series s) {
    for (double& v : s) v /= models;
    return interval_of(s);
  };
  out.ignored = mean(f.ignored);
  out.full = mean(f.full);
  out.gain = mean(gain);
  for (const Series& known : f.known) {
    out.known.push_back(mean(known));
    Series way = known;
    add_to(way, f.ignored, -1);
    for (std::size_t i = 0; i < way.size(); ++i)
      way[i] = gain[i] >= kLeastGain * models ? way[i] / gain[i] : kNone;
    out.way.push_back(interval_of(way));
  }
  return out;
}

Result<std::vector<std::size_t>> new_models(const Pool& pool,
                                            const std::vector<std::string>& names) {
  std::vector<std::size_t> out;
  for (const std::string& name : names) {
    if (name == "all") {
      out.resize(pool.models());
      std::iota(out.begin(), out.end(), std::size_t{0});
      return out;
    }
    out.push_back(pool.table.model_index(name));
    if (out.back() == record::OutcomeTable::npos) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("--leave-model-out: the pool has no model '{}'{}", name,
                              base::did_you_mean(name, pool.table.models())));
    }
  }
  return out;
}

std::string with_interval(const Interval& i, const char* format) {
  if (std::isnan(i.value)) return "-";
  std::string out = fmt::format(fmt::runtime(format), i.value);
  if (!std::isnan(i.lo))
    out += fmt::format(" [{}, {}]", fmt::format(fmt::runtime(format), i.lo),
                       fmt::format(fmt::runtime(format), i.hi));
  return out;
}

}  // namespace

Result<OnboardReport> onboard(const Pool& given, const EvalOptions& options,
                              const OnboardOptions& onboarding, const route::Registry& registry) {
  if (given.models() < 3) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a model can be new to a router where two others are there; the pool "
                            "has {}",
                            given.models()));
  }
  if (options.routers.empty() || onboarding.probes.empty())
    return fail(ErrorCode::kInvalidArgument, "name routers (--router) and --probes");
  Pool pool = given;
  pool.validation.clear();  // nothing is chosen: figures are of whole curves
  // The same prices with and without the model: another grid is another curve.
  if (pool.priced) pool.prices = price_grid(pool, options.points - 2);
  const Study study(pool, options, registry);
  SWY_TRY(const auto models, new_models(pool, onboarding.models));
  OnboardReport report;
  report.probes = onboarding.probes;
  report.priced = pool.priced;
  for (const std::string& text : options.routers) {
    SWY_TRY(RouterSpec spec, parse_router(text, registry));
    if (spec.policy.empty()) spec.policy = "utility";  // also where two models are left
    if (spec.kind != RouterSpec::Kind::kPlugin) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("--leave-model-out: '{}' does not learn from a table", text));
    }
    Figures all;
    all.known.resize(report.probes.size());
    base::Progress progress(text, models.size());
    for (const std::size_t m : models) {
      Figures f;
      SWY_TRY(const Pool others, without_model(pool, m));
      SWY_TRY(f.ignored, study.figures(others, spec, m));
      SWY_TRY(f.full, study.figures(pool, spec, m));
      for (std::size_t p = 0; p < report.probes.size(); ++p) {
        Series mean;
        for (std::size_t draw = 0; draw < onboarding.draws; ++draw) {
          SWY_TRY(const Series s,
                  study.figures(study.probed(m, report.probes[p], draw, onboarding.at_random), spec,
                                m));
          add_to(mean, s, 1 / static_cast<double>(onboarding.draws));
        }
        f.known.push_back(mean);
        add_to(all.known[p], mean, 1);
      }
      add_to(all.ignored, f.ignored, 1);
      add_to(all.full, f.full, 1);
      report.rows.push_back(row_of(text, pool.table.models()[m], f, 1));
      progress.advance();
    }
    if (models.size() > 1)
      report.rows.push_back(row_of(text, "", all, static_cast<double>(models.size())));
  }
  return report;
}

std::string to_table(const OnboardReport& report, bool color) {
  const std::string figure = report.priced ? "AIQ" : "quality";
  std::vector<std::string> head{"new model", "router", figure + " without", "gain known whole"};
  for (const std::size_t n : report.probes) head.push_back(fmt::format("way at {} probes", n));
  Grid grid(std::move(head), color);
  for (const OnboardRow& r : report.rows) {
    std::vector<std::string> cells{base::fit_columns(r.model.empty() ? "all of them" : r.model, 36),
                                   base::fit_columns(r.router, 36),
                                   fmt::format("{:.3f}", r.ignored.value),
                                   with_interval(r.gain, "{:+.3f}")};
    for (const Interval& w : r.way) cells.push_back(with_interval(w, "{:.2f}"));
    grid.add(std::move(cells), r.model.empty() ? "bold" : "");
  }
  return grid.text() +
         "\n  way: how much of the gain is there, 0 = as if the model were not, 1 = as well known "
         "as "
         "the others;\n  -: the gain is too small to have a share of\n";
}

std::string to_json(const OnboardReport& report) {
  std::string out;
  base::JsonWriter w(out);
  const auto interval = [&](std::string_view name, const Interval& i) {
    if (std::isnan(i.value)) return;
    w.key(name).begin_object().field("value", i.value);
    if (!std::isnan(i.lo)) w.field("lo", i.lo).field("hi", i.hi);
    w.end_object();
  };
  w.begin_object().field("figure", report.priced ? "aiq" : "quality").key("rows").begin_array();
  for (const OnboardRow& r : report.rows) {
    w.begin_object().field("router", r.router).field("model", r.model);
    interval("ignored", r.ignored);
    interval("full", r.full);
    interval("gain", r.gain);
    w.key("probes").begin_array();
    for (std::size_t p = 0; p < report.probes.size(); ++p) {
      w.begin_object().field("probes", std::uint64_t{report.probes[p]});
      interval("known", r.known[p]);
      interval("way", r.way[p]);
      w.end_object();
    }
    w.end_array().end_object();
  }
  w.end_array().end_object();
  return out + "\n";
}

}  // namespace swy::eval
