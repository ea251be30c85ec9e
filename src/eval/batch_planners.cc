// The same rules that assign tokens to experts (src/moe), one level up: questions are tokens,
// models are experts, room is capacity (moe-assignment.md section 1). Where room is more than
// questions, Sinkhorn gets one more row that takes what is left. Test: batch_planners_test.cc.
#include "eval/batch_planners.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "math/batch_choice.h"
#include "moe/auction.h"
#include "moe/batch.h"
#include "moe/sinkhorn.h"

namespace swy::eval {
namespace {

constexpr std::array<std::string_view, 4> kNames{"exact", "auction", "bip", "sinkhorn"};
constexpr double kPrecision = 1e-4;  // of the range of the scores
constexpr std::uint16_t kBipRounds = 40;
constexpr double kSharpness = 50;  // range of the scores over Sinkhorn's temperature

struct Batch {
  std::vector<double> score;  // questions x options
  std::vector<std::uint32_t> room;
  std::size_t n = 0, m = 0;
  double range = 1;

  [[nodiscard]] moe::Rows<const double> rows() const { return {score.data(), n, m}; }
};

// nullopt: too little room. What is no option scores far below everything else.
std::optional<Batch> batch_of(const math::Options& o, double price,
                              std::span<const std::size_t> room) {
  Batch b;
  b.n = o.questions();
  b.m = o.options;
  double lo = HUGE_VAL;
  double hi = -HUGE_VAL;
  for (std::size_t i = 0; i < o.value.size(); ++i) {
    const double s = std::isinf(price) ? -o.cost[i] : o.value[i] - price * o.cost[i];
    b.score.push_back(s);
    if (std::isnan(s)) continue;
    lo = std::min(lo, s);
    hi = std::max(hi, s);
  }
  b.range = std::max(hi - lo, 1e-9);
  for (double& s : b.score)
    if (std::isnan(s)) s = lo - 10 * b.range;
  std::size_t all = 0;
  for (const std::size_t r : room) {
    b.room.push_back(static_cast<std::uint32_t>(std::min(r, b.n)));
    all += b.room.back();
  }
  if (all < b.n || b.n == 0) return std::nullopt;
  return b;
}

std::optional<PlannedBatch> by_auction(moe::Rows<const double> score, const Batch& b, double eps) {
  const std::size_t slots = std::accumulate(b.room.begin(), b.room.end(), std::size_t{0});
  std::vector<moe::AuctionSlot> memory(slots);
  std::vector<std::uint32_t> begin(b.m + 1), waiting(b.n), owner(b.n);
  PlannedBatch out;
  out.load_price.resize(b.m);
  moe::AuctionOutcome outcome;
  moe::AuctionOptions options;
  options.eps = eps;
  const auto status = moe::slot_auction(score, b.room, options, {memory, begin, waiting},
                                        {owner, out.load_price, outcome});
  if (!status.ok()) return std::nullopt;
  out.option.assign(owner.begin(), owner.end());
  return out;
}

// The best at these load prices, in the order of what a question would lose with its second best.
PlannedBatch at_prices(const Batch& b, const std::vector<double>& load_price) {
  PlannedBatch out{std::vector<std::size_t>(b.n), load_price};
  std::vector<double> regret(b.n);
  std::vector<std::vector<std::size_t>> order(b.n);
  for (std::size_t t = 0; t < b.n; ++t) {
    const auto worth = [&](std::size_t m) { return b.score[t * b.m + m] - load_price[m]; };
    order[t].resize(b.m);
    std::iota(order[t].begin(), order[t].end(), 0U);
    std::stable_sort(order[t].begin(), order[t].end(),
                     [&](std::size_t x, std::size_t y) { return worth(x) > worth(y); });
    regret[t] = b.m > 1 ? worth(order[t][0]) - worth(order[t][1]) : 0;
  }
  std::vector<std::size_t> turn(b.n);
  std::iota(turn.begin(), turn.end(), 0U);
  std::stable_sort(turn.begin(), turn.end(),
                   [&](std::size_t x, std::size_t y) { return regret[x] > regret[y]; });
  std::vector<std::uint32_t> left = b.room;
  for (const std::size_t t : turn) {
    const auto free = [&](std::size_t m) { return left[m] > 0; };
    out.option[t] = *std::find_if(order[t].begin(), order[t].end(), free);
    --left[out.option[t]];
  }
  return out;
}

std::optional<PlannedBatch> by_bip(const Batch& b) {
  moe::Spec spec;
  spec.transform = moe::Transform::kIdentity;
  spec.weigh = moe::Weigh::kRaw;
  spec.k = 1;
  spec.update = moe::Update::kPrice;
  spec.midpoint = true;
  spec.clip_nonneg = true;
  spec.iters = kBipRounds;
  const std::vector<float> score(b.score.begin(), b.score.end());
  const auto scores =
      moe::Scores::f32(score, static_cast<std::uint32_t>(b.n), static_cast<std::uint32_t>(b.m));
  moe::Ctx ctx;
  ctx.capacity = b.room;
  moe::StateMemory memory(spec, scores.cols);
  moe::State state = memory.view();
  moe::Batch batch;
  if (!batch.assign(spec, scores, ctx, state).ok() || !batch.update(spec, scores, ctx, state).ok())
    return std::nullopt;
  std::vector<double> price(b.m);
  for (std::size_t m = 0; m < b.m; ++m) price[m] = -static_cast<double>(memory.bias[m]);
  return at_prices(b, price);
}

std::optional<PlannedBatch> by_sinkhorn(const Batch& b) {
  const auto room =
      static_cast<double>(std::accumulate(b.room.begin(), b.room.end(), std::size_t{0}));
  const auto questions = static_cast<double>(b.n);
  const bool spare = room > questions;
  const std::size_t rows = b.n + (spare ? 1 : 0);
  std::vector<double> score = b.score;
  std::vector<double> row_mass(rows, 1.0);
  std::vector<double> col_mass(b.room.begin(), b.room.end());
  // A column of no mass has no plan: it gets next to none, and no slot in the auction.
  for (double& c : col_mass) c = std::max(c, 1e-6);
  if (spare) {
    score.resize(rows * b.m, 0.0);
    row_mass.back() = std::accumulate(col_mass.begin(), col_mass.end(), 0.0) - questions;
  }
  std::vector<double> scratch(moe::sinkhorn_scratch(rows, b.m));
  std::vector<double> plan(rows * b.m);
  moe::SinkhornOptions options;
  options.xi = b.range / kSharpness;
  options.most = 500;
  (void)moe::sinkhorn_log({score.data(), rows, b.m}, row_mass, col_mass, options, scratch,
                          {plan.data(), rows, b.m});
  auto out = by_auction({plan.data(), b.n, b.m}, b, kPrecision);
  if (out) out->load_price.clear();  // of the plan, not of the scores
  return out;
}

}  // namespace

std::string_view to_string(Planner planner) { return kNames[static_cast<std::size_t>(planner)]; }

std::optional<Planner> planner_named(std::string_view name) {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<Planner>(at - kNames.begin());
}

std::optional<PlannedBatch> plan_with(Planner planner, const math::Options& o, double price,
                                      std::span<const std::size_t> room) {
  if (planner == Planner::kExact) {
    auto exact = math::choose_batch(o, price, room);
    if (!exact) return std::nullopt;
    return PlannedBatch{std::move(exact->option), {}};
  }
  const auto batch = batch_of(o, price, room);
  if (!batch) return std::nullopt;
  std::optional<PlannedBatch> out;
  if (planner == Planner::kAuction)
    out = by_auction(batch->rows(), *batch, kPrecision * batch->range);
  if (planner == Planner::kBip) out = by_bip(*batch);
  if (planner == Planner::kSinkhorn) out = by_sinkhorn(*batch);
  if (!out) return std::nullopt;
  for (std::size_t t = 0; t < out->option.size(); ++t) {
    const std::size_t at = t * o.options + out->option[t];
    if (std::isnan(o.value[at]) || std::isnan(o.cost[at])) return std::nullopt;
  }
  return out;
}

}  // namespace swy::eval
