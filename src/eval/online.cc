// Online evaluation: what a bandit earns while it learns.
//
// A run: the questions in an order drawn from the run's number; for each one decide() of the plan
// in force, the recorded outcome of the chosen model as feedback, update() on a private copy of
// every estimator that learns, and every `every` outcomes the copies published as the next plan:
// the steps of the gateway, without its sockets. Only the chosen model's outcome is shown, although
// the table knows all; regret is reckoned with the rest. Intervals are over runs (Student's t), so
// they say how much the order and the draws matter, not how other questions would have gone. Cost
// of a run: rounds times one decision and one update. Test: online_test.cc.
#include "eval/online.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/hash.h"
#include "base/json.h"
#include "base/terminal.h"
#include "eval/grid.h"
#include "eval/line_chart.h"
#include "eval/pool_config.h"
#include "eval/spec.h"
#include "route/describe.h"

namespace swy::eval {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Cards know prices; without a warm start they know no quality.
std::string cards(const Pool& pool, bool warm) {
  if (warm) return models_yaml(pool, pool.train);
  Pool blank = pool;
  std::fill(blank.quality.begin(), blank.quality.end(), 0.5);
  return models_yaml(blank, blank.train);
}

bool has_table_option(const RouterSpec& spec, const route::Registry& registry) {
  for (const route::PluginInfo& info : route::describe(registry)) {
    if (info.kind != "estimator" || info.name != spec.name) continue;
    return std::any_of(info.options.begin(), info.options.end(),
                       [](const auto& o) { return o.name == "table"; });
  }
  return false;
}

Result<std::shared_ptr<const route::Plan>> plan_of(const Pool& pool, const RouterSpec& spec,
                                                   bool warm, const route::Registry& registry) {
  SWY_TRY(const TempDir temp, TempDir::make());
  RouterSpec::Options options = spec.options;
  if (warm && has_table_option(spec, registry)) {
    SWY_DO(write_train(pool, pool.train, temp.path() + "/train.jsonl"));
    options.emplace_back("table", "[train.jsonl]");
  }
  const std::string policy =
      node_yaml(spec.policy.empty() ? "utility" : spec.policy, spec.policy_options);
  return compile_text(
      cards(pool, warm) + routes_yaml(pool, {{"auto", node_yaml(spec.name, options), policy}}),
      temp.path(), registry, spec.text);
}

// What one run of one router gave.
struct Run {
  double quality = 0;
  double cost = 0;
  double best = 0;  // of the best single model on the same questions
  double oracle = 0;
  std::vector<double> tenths = std::vector<double>(kTenths);
  std::vector<double> share;
  std::vector<double> price;  // by step: the first number of the policy's account; empty: none
  std::vector<double> spent;  // by step: USD a question so far
};

// The plan in force and the copies that learn.
class Learner {
 public:
  explicit Learner(std::shared_ptr<const route::Plan> plan) : plan_(std::move(plan)) {
    for (const auto& e : plan_->learners) copies_.push_back(e->copy());
  }
  [[nodiscard]] const route::Plan& plan() const { return *plan_; }
  void learn(const route::Question& q, std::size_t candidate, const route::Outcome& outcome) {
    for (auto& copy : copies_) copy->update(q, candidate, outcome);
  }
  void publish() {
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      plan_ = route::with_estimator(*plan_, plan_->learners[i].get(),
                                    std::shared_ptr<const route::Estimator>(copies_[i]->copy()));
    }
  }

 private:
  std::shared_ptr<const route::Plan> plan_;
  std::vector<std::unique_ptr<route::Estimator>> copies_;
};

std::vector<std::size_t> order_of(std::vector<std::size_t> rows, std::uint64_t run) {
  base::Rng rng(run, 0, 7);
  for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[rng.below(i)]);
  return rows;
}

// A question a second.
void settle(const route::Rule& rule, const route::Choice& choice, double cost, std::size_t t,
            std::vector<double>& accounts) {
  if (rule.account_size == 0) return;
  rule.policy->settle({choice.candidate, 1e6 * cost, static_cast<double>(t)},
                      std::span(accounts).subspan(rule.account_at, rule.account_size));
}

Run run_once(const Pool& pool, const std::vector<std::size_t>& rows, std::size_t best,
             std::shared_ptr<const route::Plan> plan, std::uint64_t number, std::size_t every) {
  Run run;
  run.share.assign(pool.models(), 0.0);
  Learner learner(std::move(plan));
  route::Scratch scratch;
  chat::Request request;
  std::vector<double> accounts = learner.plan().accounts;
  const auto n = static_cast<double>(rows.size());
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const record::OutcomeRow row = pool.table.row(rows[t]);
    request.clear();
    request.parts.push_back({chat::PartKind::kText, row.prompt});
    request.messages.push_back({chat::Role::kUser, 0, 1, 0});
    request.tools.assign(row.tools, "tool");
    route::Work work;
    work.id = base::hash64(row.id);
    work.request = &request;
    scratch.begin(work, learner.plan().signals.size());
    const auto decision = route::decide_now(learner.plan(), learner.plan().rule_sets[0],
                                            {{}, accounts}, base::Rng(number, work.id, 0), scratch);
    const auto& choice = std::get<route::Choice>(decision);  // no guard forbids anything here
    const auto quality = pool.qualities(rows[t]);
    const auto cost = pool.costs(rows[t]);
    const std::size_t chosen = choice.expert;  // cards are in the order of the table
    run.quality += quality[chosen] / n;
    run.cost += cost[chosen] / n;
    run.best += quality[best] / n;
    run.oracle += *std::max_element(quality.begin(), quality.end()) / n;
    const std::size_t tenth = t * kTenths / rows.size();
    run.tenths[tenth] += quality[chosen];
    if (tenth + 1 == kTenths) run.share[chosen] += 1;
    const route::Rule& rule = learner.plan().rule_sets[0].rules[choice.rule];
    const route::Question q{
        learner.plan().catalogue, scratch.reading, rule.candidates, {}, scratch};
    learner.learn(q, choice.candidate,
                  {.quality = quality[chosen],
                   .cost_micro = 1e6 * cost[chosen],
                   .propensity = choice.propensity});
    settle(rule, choice, cost[chosen], t, accounts);
    if ((t + 1) * kSteps / rows.size() > t * kSteps / rows.size()) {
      if (rule.account_size > 0) run.price.push_back(accounts[rule.account_at]);
      run.spent.push_back(run.cost * n / static_cast<double>(t + 1));
    }
    if ((t + 1) % every == 0) learner.publish();  // the plan of `rule` may end here
  }
  for (std::size_t k = 0; k < kTenths; ++k) {
    const std::size_t from = (k * rows.size() + kTenths - 1) / kTenths;
    const std::size_t to = ((k + 1) * rows.size() + kTenths - 1) / kTenths;
    run.tenths[k] /= std::max(1.0, static_cast<double>(to - from));
  }
  const double last = std::accumulate(run.share.begin(), run.share.end(), 0.0);
  for (double& s : run.share) s /= std::max(1.0, last);
  return run;
}

// 97.5 % point of Student's t; beyond the table that of 30.
double t_quantile(std::size_t degrees) {
  constexpr std::array<double, 30> kTable{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                          2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                          2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                          2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
  return kTable[std::clamp<std::size_t>(degrees, 1, kTable.size()) - 1];
}

Interval over_runs(const std::vector<Run>& runs, auto&& value) {
  double sum = 0;
  double square = 0;
  for (const Run& r : runs) {
    const double v = value(r);
    sum += v;
    square += v * v;
  }
  const auto n = static_cast<double>(runs.size());
  const double mean = sum / n;
  if (runs.size() < 2) return {mean, kUnknown, kUnknown};
  const double se = std::sqrt(std::max(0.0, (square - n * mean * mean) / (n - 1) / n));
  const double half = t_quantile(runs.size() - 1) * se;
  return {mean, mean - half, mean + half};
}

std::vector<double> mean_of(const std::vector<Run>& runs, std::vector<double> Run::* steps) {
  std::vector<double> mean((runs[0].*steps).size(), 0.0);
  for (const Run& r : runs)
    for (std::size_t k = 0; k < mean.size(); ++k)
      mean[k] += (r.*steps)[k] / static_cast<double>(runs.size());
  return mean;
}

OnlineLine line_of(std::string name, bool learns, const std::vector<Run>& runs, bool priced) {
  OnlineLine line;
  line.name = std::move(name);
  line.learns = learns;
  line.quality = over_runs(runs, [](const Run& r) { return r.quality; });
  line.cost = priced ? over_runs(runs, [](const Run& r) { return r.cost; })
                     : Interval{kUnknown, kUnknown, kUnknown};
  line.regret = over_runs(runs, [](const Run& r) { return r.best - r.quality; });
  line.oracle_regret = over_runs(runs, [](const Run& r) { return r.oracle - r.quality; });
  line.curve.assign(kTenths, 0.0);
  line.share.assign(runs[0].share.size(), 0.0);
  line.price = mean_of(runs, &Run::price);
  line.spent = priced ? mean_of(runs, &Run::spent) : std::vector<double>();
  for (const Run& r : runs) {
    for (std::size_t k = 0; k < kTenths; ++k)
      line.curve[k] += r.tenths[k] / static_cast<double>(runs.size());
    for (std::size_t m = 0; m < r.share.size(); ++m)
      line.share[m] += r.share[m] / static_cast<double>(runs.size());
  }
  return line;
}

struct Asked {
  std::vector<std::size_t> rows;
  std::size_t rounds = 0;
};

Result<OnlineLine> router_line(const Pool& pool, const Asked& asked, const std::string& text,
                               const OnlineOptions& options, std::size_t best,
                               const route::Registry& registry) {
  SWY_TRY(const RouterSpec spec, parse_router(text, registry));
  if (spec.kind != RouterSpec::Kind::kPlugin && spec.kind != RouterSpec::Kind::kRandom) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}': online evaluation takes ESTIMATOR+POLICY, such as "
                            "linear_bandit+thompson",
                            text));
  }
  RouterSpec plugin = spec;
  if (spec.kind == RouterSpec::Kind::kRandom) {
    plugin.name = "prior";
    plugin.policy = "weighted";
  }
  SWY_TRY(const auto plan, plan_of(pool, plugin, options.warm, registry));
  std::vector<Run> runs;
  base::Progress progress(text, options.runs);
  for (std::size_t r = 0; r < options.runs; ++r) {
    auto rows = order_of(asked.rows, r + 1 + (options.pool.seed << 20U));
    rows.resize(asked.rounds);
    runs.push_back(run_once(pool, rows, best, plan, r + 1, options.every));
    progress.advance();
  }
  return line_of(text, !plan->learners.empty(), runs, pool.priced);
}

}  // namespace

Result<OnlineReport> evaluate_online(const Pool& pool, const OnlineOptions& options,
                                     const route::Registry& registry) {
  Asked asked{pool.test, 0};
  if (!options.warm) {
    asked.rows.insert(asked.rows.end(), pool.train.begin(), pool.train.end());
    std::sort(asked.rows.begin(), asked.rows.end());
  }
  asked.rounds =
      options.rounds == 0 ? asked.rows.size() : std::min(options.rounds, asked.rows.size());
  OnlineReport report;
  report.models = pool.table.models();
  report.questions = asked.rows.size();
  report.rounds = asked.rounds;
  report.runs = options.runs;
  report.every = options.every;
  report.priced = pool.priced;
  report.notes = pool.notes;
  std::vector<double> mean(pool.models());
  for (const std::size_t row : asked.rows) {
    const auto quality = pool.qualities(row);
    for (std::size_t m = 0; m < mean.size(); ++m)
      mean[m] += quality[m] / static_cast<double>(asked.rows.size());
    report.oracle_quality +=
        *std::max_element(quality.begin(), quality.end()) / static_cast<double>(asked.rows.size());
  }
  report.best_single =
      static_cast<std::size_t>(std::max_element(mean.begin(), mean.end()) - mean.begin());
  report.best_quality = mean[report.best_single];
  std::vector<std::string> routers{"random"};
  routers.insert(routers.end(), options.routers.begin(), options.routers.end());
  for (const std::string& text : routers) {
    SWY_TRY(auto line, router_line(pool, asked, text, options, report.best_single, registry));
    report.lines.push_back(std::move(line));
  }
  return report;
}

Result<OnlineReport> evaluate_online(const OnlineOptions& options,
                                     const route::Registry& registry) {
  for (const std::string& text : options.routers) {
    SWY_TRY(const RouterSpec spec, parse_router(text, registry));
    (void)spec;  // complaints come before minutes of loading
  }
  SWY_TRY(const Pool pool, load_pool(options.pool));
  return evaluate_online(pool, options, registry);
}

// ---- for people and programs
// -------------------------------------------------------------------------------------

namespace {

std::string with_interval(const Interval& i, int decimals) {
  if (std::isnan(i.value)) return "-";
  if (std::isnan(i.lo)) return fmt::format("{:.{}f}", i.value, decimals);
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", i.value, decimals, i.lo, decimals, i.hi,
                     decimals);
}

void write_interval(base::JsonWriter& w, std::string_view name, const Interval& i) {
  w.key(name).begin_array().number(i.value).number(i.lo).number(i.hi).end_array();
}

}  // namespace

std::string to_table(const OnlineReport& report, bool color) {
  std::string out = fmt::format(
      "{} of {} questions a run, {} runs, a new plan every {} outcomes; best single model {} "
      "({:.3f}), "
      "oracle {:.3f}\n\n",
      report.rounds, report.questions, report.runs, report.every, report.models[report.best_single],
      report.best_quality, report.oracle_quality);
  Grid grid({"router", "quality", "below best single", "below oracle", "USD / 1000", "first tenth",
             "half", "last tenth"},
            color);
  for (const OnlineLine& line : report.lines) {
    Interval cost = line.cost;
    for (double* v : {&cost.value, &cost.lo, &cost.hi}) *v *= 1000;
    grid.add({line.name + (line.learns ? "" : " (does not learn)"), with_interval(line.quality, 4),
              with_interval(line.regret, 4), with_interval(line.oracle_regret, 4),
              with_interval(cost, 3), fmt::format("{:.4f}", line.curve.front()),
              fmt::format("{:.4f}", line.curve[4]), fmt::format("{:.4f}", line.curve.back())});
  }
  return out + grid.text();
}

std::string to_json(const OnlineReport& report) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("questions", std::uint64_t{report.questions})
      .field("rounds", std::uint64_t{report.rounds})
      .field("runs", std::uint64_t{report.runs})
      .field("every", std::uint64_t{report.every})
      .field("best_single", report.models[report.best_single])
      .field("best_quality", report.best_quality)
      .field("oracle_quality", report.oracle_quality)
      .key("routers")
      .begin_array();
  for (const OnlineLine& line : report.lines) {
    w.begin_object().field("name", line.name).field("learns", line.learns);
    write_interval(w, "quality", line.quality);
    write_interval(w, "cost_usd", line.cost);
    write_interval(w, "regret", line.regret);
    write_interval(w, "oracle_regret", line.oracle_regret);
    w.key("curve").begin_array();
    for (const double v : line.curve) w.number(v);
    w.end_array();
    for (const auto& [name, steps] :
         {std::pair("price", &line.price), std::pair("spent_usd", &line.spent)}) {
      if (steps->empty()) continue;
      w.key(name).begin_array();
      for (const double v : *steps) w.number(v);
      w.end_array();
    }
    w.key("share").begin_object();
    for (std::size_t m = 0; m < line.share.size(); ++m) {
      if (line.share[m] > 0) w.field(report.models[m], line.share[m]);
    }
    w.end_object().end_object();
  }
  w.end_array().key("notes").begin_array();
  for (const std::string& n : report.notes) w.string(n);
  w.end_array().end_object();
  return out;
}

std::string to_svg(const OnlineReport& report) {
  const auto asked = static_cast<double>(report.rounds);
  ChartPanel quality{"Quality, mean of every tenth", "questions asked", 0, asked, {}, {}};
  ChartPanel spent{"USD a question so far", "questions asked", 0, asked, {}, {}};
  ChartPanel price{"Price of money: quality per USD", "questions asked", 0, asked, {}, {}};
  for (const OnlineLine& line : report.lines) {
    quality.lines.push_back({line.name, line.curve});
    spent.lines.push_back({line.name, line.spent});
    price.lines.push_back({line.name, line.price});
  }
  quality.levels.push_back({"best single model", {report.best_quality}});
  return chart_svg(std::vector{std::move(price), std::move(spent), std::move(quality)});
}

}  // namespace swy::eval
