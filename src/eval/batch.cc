// Batch evaluation: beliefs of every test question, one plan over all of them
// (math/batch_choice.h), and what the plan earns and costs by the record. Cost: one decision a
// question and some sixty assignments a floor. Test: batch_test.cc.
#include "eval/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/options.h"
#include "eval/grid.h"
#include "eval/line.h"
#include "math/batch_choice.h"

namespace swy::eval {
namespace {

constexpr double kMicro = 1e6;

Result<std::vector<std::size_t>> rooms(const Pool& pool, const BatchOptions& options) {
  const std::size_t n = pool.test.size();
  std::vector<std::size_t> room(pool.models(), n);
  for (const auto& [name, share] : options.loads) {
    const std::size_t m = pool.table.model_index(name);
    if (m == record::OutcomeTable::npos) {
      return fail(ErrorCode::kNotFound, fmt::format("the pool has no model '{}'{}", name,
                                                    base::did_you_mean(name, pool.table.models())));
    }
    room[m] = static_cast<std::size_t>(std::floor(share * static_cast<double>(n) + 1e-9));
  }
  return room;
}

// Beliefs of the test questions as options: quality, and cost in USD.
struct Beliefs {
  std::vector<double> quality;
  std::vector<double> cost;
  [[nodiscard]] math::Options options(std::size_t models) const { return {quality, cost, models}; }
};

Result<Beliefs> believe(const Pool& pool, const BatchOptions& options,
                        const route::Registry& registry) {
  SWY_TRY(RouterSpec spec, parse_router(options.estimator, registry));
  if (spec.kind != RouterSpec::Kind::kPlugin) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}': a batch is planned by an ESTIMATOR", options.estimator));
  }
  spec.policy = "first";
  SWY_TRY(const Line line, routed_line(pool, spec, registry, 3));
  Beliefs out;
  for (const route::Belief& b : line.beliefs) {
    out.quality.push_back(b.quality);
    out.cost.push_back(b.cost_micro / kMicro);
  }
  return out;
}

// What a choice of every question earned and cost.
std::pair<double, double> recorded(const Pool& pool, const std::vector<std::size_t>& chosen) {
  double quality = 0;
  double cost = 0;
  const auto n = static_cast<double>(chosen.size());
  for (std::size_t t = 0; t < chosen.size(); ++t) {
    quality += pool.qualities(pool.test[t])[chosen[t]] / n;
    cost += pool.costs(pool.test[t])[chosen[t]] / n;
  }
  return {quality, cost};
}

BatchRow row_of(const Pool& pool, const Beliefs& beliefs, const math::BatchPlan& plan,
                double floor) {
  BatchRow row;
  row.floor = floor;
  row.reached = plan.reached;
  row.price = plan.price;
  row.believed_quality = plan.value();
  row.believed_cost = plan.cost();
  const auto cheap = recorded(pool, plan.cheap.option);
  const auto dear = recorded(pool, plan.dear.option);
  row.quality = cheap.first + plan.mix * (dear.first - cheap.first);
  row.cost = cheap.second + plan.mix * (dear.second - cheap.second);
  std::vector<std::size_t> alone;
  const std::size_t models = pool.models();
  row.share.assign(models, 0.0);
  const auto n = static_cast<double>(pool.test.size());
  for (std::size_t t = 0; t < pool.test.size(); ++t) {
    row.share[plan.cheap.option[t]] += (1 - plan.mix) / n;
    row.share[plan.dear.option[t]] += plan.mix / n;
    alone.push_back(math::best_at({beliefs.quality.data() + t * models, models},
                                  {beliefs.cost.data() + t * models, models}, plan.price,
                                  math::Side::kDearer));
  }
  std::tie(row.alone_quality, row.alone_cost) = recorded(pool, alone);
  return row;
}

// The exact plan's price, planned by another rule.
std::optional<math::BatchPlan> replanned(Planner planner, const math::Options& o,
                                         const math::BatchPlan& exact,
                                         std::span<const std::size_t> room) {
  if (planner == Planner::kExact) return exact;
  const auto planned = plan_with(planner, o, exact.price, room);
  if (!planned) return std::nullopt;
  math::BatchChoice choice{planned->option, 0, 0};
  const auto n = static_cast<double>(choice.option.size());
  for (std::size_t t = 0; t < choice.option.size(); ++t) {
    choice.value += o.value[t * o.options + choice.option[t]] / n;
    choice.cost += o.cost[t * o.options + choice.option[t]] / n;
  }
  math::BatchPlan plan = exact;
  plan.mix = 1;
  plan.cheap = choice;
  plan.dear = std::move(choice);
  return plan;
}

double worth_of(const math::BatchPlan& plan) {
  return std::isinf(plan.price) ? -plan.cost() : plan.value() - plan.price * plan.cost();
}

// Four steps from the cheapest plan's believed quality to the best plan's.
std::vector<double> steps(const math::Options& o, std::span<const std::size_t> room) {
  const auto cheapest = math::plan_batch(o, -1e9, room);
  const auto best = math::plan_batch(o, 1e9, room);
  std::vector<double> out;
  if (!cheapest || !best) return out;
  for (int k = 1; k <= 4; ++k)
    out.push_back(cheapest->value() + k * (best->value() - cheapest->value()) / 4);
  return out;
}

}  // namespace

Result<BatchReport> evaluate_batch(const Pool& pool, const BatchOptions& options,
                                   const route::Registry& registry) {
  if (!pool.priced)
    return fail(ErrorCode::kInvalidArgument, "a batch is planned by cost: the pool has none");
  SWY_TRY(const auto room, rooms(pool, options));
  SWY_TRY(const Beliefs beliefs, believe(pool, options, registry));
  const math::Options o = beliefs.options(pool.models());
  BatchReport report;
  report.models = pool.table.models();
  report.questions = pool.test.size();
  report.planner = options.planner;
  report.notes = pool.notes;
  const std::vector<double> floors = options.floors.empty() ? steps(o, room) : options.floors;
  for (const double floor : floors) {
    const auto exact = math::plan_batch(o, floor, room);
    if (!exact) break;
    const auto plan = replanned(options.planner, o, *exact, room);
    if (!plan) break;
    report.rows.push_back(row_of(pool, beliefs, *plan, floor));
    report.rows.back().worth_lost = worth_of(*exact) - worth_of(*plan);
  }
  if (report.rows.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "the loads do not suffice for the batch, or nothing is believed of some question");
  }
  return report;
}

Result<BatchReport> evaluate_batch(const BatchOptions& options, const route::Registry& registry) {
  SWY_TRY(const Pool pool, load_pool(options.pool));
  return evaluate_batch(pool, options, registry);
}

std::string to_table(const BatchReport& report, bool color) {
  std::string out = fmt::format("{} questions as one batch, {} models, planner {}\n\n",
                                report.questions, report.models.size(), to_string(report.planner));
  Grid grid({"quality wanted", "believed", "recorded", "USD / 1000 believed", "recorded",
             "worth lost", "without loads: quality", "USD / 1000", "most used"},
            color);
  for (const BatchRow& r : report.rows) {
    std::size_t most = 0;
    for (std::size_t m = 1; m < r.share.size(); ++m) {
      if (r.share[m] > r.share[most]) most = m;
    }
    grid.add({fmt::format("{:.4f}{}", r.floor, r.reached ? "" : " (not reached)"),
              fmt::format("{:.4f}", r.believed_quality), fmt::format("{:.4f}", r.quality),
              fmt::format("{:.4f}", 1000 * r.believed_cost), fmt::format("{:.4f}", 1000 * r.cost),
              fmt::format("{:.6f}", r.worth_lost), fmt::format("{:.4f}", r.alone_quality),
              fmt::format("{:.4f}", 1000 * r.alone_cost),
              fmt::format("{} {:.0f} %", report.models[most], 100 * r.share[most])});
  }
  return out + grid.text();
}

}  // namespace swy::eval
