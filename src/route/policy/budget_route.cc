// budget_route: prices of money and of load that follow what is really spent and who is really
// asked.
//
// Formula: argmax q_j - lambda c_j - p_j with c_j the expected cost in USD, lambda in quality per
// USD, p_j the load price of candidate j. After every choice, with its real cost c,
//   lambda <- min(ceiling, [lambda + step / unit^2 (c - B)]_+)
//   p_j    <- [p_j + load_step ([j chosen] - C_j)]_+, at most 1
// where B is `budget`, or what `pace` allows for the time since the last choice, and C_j the share
// of `shares`, or what `rates` allows for that time (moe-assignment.md section 1, "BIP / QB price"
// one level up: projected subgradient steps on the Lagrangian of max sum q x with sum c x <= B). So
//   spent - sum of B = (lambda_N - lambda_0) unit^2 / step, less what cutting at 0 threw away:
// spending is above the budget by at most lambda_N unit^2 / step, whatever the traffic does. A
// limit that is not reached has price 0. With `balance` load prices may fall below 0: shares are
// then met from both sides (the loss-free bias of arXiv 2408.15664, proportional, as an offset of
// load). The choice is moe::assign's: one token of one row, lambda and c its costs, -p its bias,
// in floats; of equals the cheaper, then the lower ExpertId. Cost: O(n log n) of n candidates, no
// allocation. Loses against `budget` while the price is still far
// off, and where requests in flight are many: prices follow choices that have ended. Unknown costs
// count as the worst that is known; a choice whose real cost stays unknown moves no money price.
// Propensity:
// 1. The account (price, time, load prices) is in the record, and a replay decides by it. Source:
// dual descent for online budgets; moe-assignment.md section 1. Deviations: the step is in units of
// `unit`, so that it does not depend on the currency. Tests: budget_route_test.cc (known answer
// L_budget, the identity), budget_kernels_test.cc, conformance_test.cc.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "base/check.h"
#include "route/detail/named.h"
#include "route/policy/pick.h"
#include "switchyard/moe.h"
#include "switchyard/registry.h"

namespace swy::route {
namespace {

constexpr double kHour = 3600;

struct Options {
  double budget = kUnknownNumber;
  double pace = kUnknownNumber;
  double price = 0;
  double ceiling = std::numeric_limits<double>::infinity();
  double step = 0.003;
  double unit = kUnknownNumber;
  base::NumberMap shares;
  base::NumberMap rates;
  double load_step = 0.01;
  bool balance = false;

  void bind(base::OptionBinder& b) {
    b.field("budget", budget, {.min = 0, .max = 1e6}, "USD that a request may cost on average");
    b.field("pace", pace, {.min = 0, .max = 1e9}, "in place of budget: USD an hour");
    b.field("price", price, {.min = 0}, "quality that one USD is worth, to begin with");
    b.field("ceiling", ceiling, {.min = 0}, "the highest price of money");
    b.field("step", step, {.min = 1e-9, .max = 1e3},
            "how far the price of one unit moves when a request costs a unit too much");
    b.field("unit", unit, {.min = 1e-9, .max = 1e6},
            "USD that a request costs about; left out: the budget");
    b.field("shares", shares, "model name: the largest share of the requests");
    b.field("rates", rates, "model name: the most requests a second, on average");
    b.field("load_step", load_step, {.min = 1e-9, .max = 1},
            "quality by which one request too many moves a model's load price");
    b.field("balance", balance, "shares are to be met, not only kept below");
  }
};

// What one candidate may be given: of every request, and of every second.
struct Allowance {
  double share = kUnknownNumber;
  double per_second = kUnknownNumber;
  [[nodiscard]] bool limited() const { return !std::isnan(share) || !std::isnan(per_second); }
  [[nodiscard]] double in(double seconds) const {
    return std::isnan(share) ? per_second * seconds : share;
  }
};

moe::Spec top_one() {
  moe::Spec spec;
  spec.transform = moe::Transform::kIdentity;
  spec.k = 1;
  spec.weigh = moe::Weigh::kRaw;
  return spec;
}

// One token for the assignment library: the candidates that may be chosen and whose quality is
// known, in the order in which ties are won, for the lower index wins there.
class Row {
 public:
  Row(const Question& q, std::span<const Belief> beliefs) : memory_(q.scratch.spare) {
    auto& columns = memory_.index;
    columns.clear();
    for (std::size_t i = 0; i < beliefs.size(); ++i) {
      if (!q.masked(i) && !std::isnan(beliefs[i].quality))
        columns.push_back(static_cast<std::uint32_t>(i));
    }
    std::sort(columns.begin(), columns.end(),
              [&](std::size_t a, std::size_t b) { return wins_tie(q, beliefs, a, b); });
    memory_.number.resize(3 * size());
  }
  [[nodiscard]] std::size_t size() const { return memory_.index.size(); }
  [[nodiscard]] std::size_t candidate(std::size_t i) const { return memory_.index[i]; }
  void set(std::size_t i, double quality, double usd, double load) {
    part(kQuality)[i] = static_cast<float>(quality);
    part(kCost)[i] = static_cast<float>(usd);
    part(kBias)[i] = -static_cast<float>(load);
  }
  // The candidate of the highest quality - lambda cost + bias. REQUIRES: size() > 0, all set.
  [[nodiscard]] std::size_t choose(double lambda) {
    static const moe::Spec kTopOne = top_one();
    const auto n = static_cast<std::uint32_t>(size());
    moe::Ctx ctx;
    ctx.cost = part(kCost);
    ctx.lambda = static_cast<float>(lambda);
    moe::State state;
    state.bias = part(kBias);
    std::int32_t chosen = -1;
    float weight = 0;
    moe::Assignment out;
    out.kmax = 1;
    out.expert = {&chosen, 1};
    out.weight = {&weight, 1};
    memory_.bytes.resize(std::max(memory_.bytes.size(), moe::workspace_bytes(kTopOne, {1, n, 1})));
    const auto scores = moe::Scores::f32(part(kQuality), 1, n);
    const auto status = moe::assign(kTopOne, scores, ctx, state, out, memory_.bytes);
    return SWY_EXPECT(status.ok() && chosen >= 0) ? candidate(static_cast<std::size_t>(chosen))
                                                  : candidate(0);
  }

 private:
  enum : std::size_t { kQuality, kCost, kBias };
  [[nodiscard]] std::span<float> part(std::size_t which) const {
    return std::span(memory_.number).subspan(which * size(), size());
  }
  Spare& memory_;
};

class BudgetRoute final : public Policy {
 public:
  // allowed: by candidate of the rule.
  BudgetRoute(const Options& o, std::vector<Allowance> allowed)
      : o_(o), step_(o.step / (o.unit * o.unit)), allowed_(std::move(allowed)) {}

  void weigh(const Question& q, std::span<const Belief> beliefs, Distribution& out) const override {
    const double price = q.account.empty() ? o_.price : q.account[kPrice];
    const double worst = price > 0 ? worst_known(q, beliefs, &Belief::cost_micro) : kUnknownNumber;
    Row row(q, beliefs);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::size_t c = row.candidate(i);
      const double cost = std::isnan(beliefs[c].cost_micro) ? worst : beliefs[c].cost_micro;
      const double usd = price > 0 && !std::isnan(cost) ? cost / kMicro : 0.0;
      const double load = load_price(q, c);
      out.score[c] = beliefs[c].quality - load - price * usd;
      row.set(i, beliefs[c].quality, usd, load);
    }
    if (row.size() == 0) return choose_unknowing(q, "quality", out);
    const std::size_t best = row.choose(price);
    out.probability[best] = 1;
    out.why.append(q.card(best).name);
    out.why.append(" is worth most with a USD at ");
    out.why.append_number(price);
    const double load = load_price(q, best);
    if (load != 0) {
      out.why.append(" and its load at ");
      out.why.append_number(load);
    }
  }
  [[nodiscard]] std::vector<double> open_account(std::size_t candidates) const override {
    std::vector<double> account(kLoads + (allowed_.empty() ? 0 : candidates), 0.0);
    account[kPrice] = o_.price;
    account[kTime] = kUnknownNumber;
    return account;
  }
  void settle(const Settlement& what, std::span<double> account) const override {
    const double seconds =
        std::isnan(account[kTime]) ? 0.0 : std::max(0.0, what.now_s - account[kTime]);
    account[kTime] = what.now_s;
    const double allowed = std::isnan(o_.pace) ? o_.budget : o_.pace / kHour * seconds;
    const double over = what.cost_micro / kMicro - allowed;
    if (!std::isnan(over))
      account[kPrice] = std::clamp(account[kPrice] + step_ * over, 0.0, o_.ceiling);
    for (std::size_t i = 0; i < allowed_.size() && kLoads + i < account.size(); ++i) {
      if (!allowed_[i].limited()) continue;
      const double taken = i == what.candidate ? 1 : 0;
      double& load = account[kLoads + i];
      load += o_.load_step * (taken - allowed_[i].in(seconds));
      load = std::clamp(load, o_.balance ? -1.0 : 0.0, 1.0);
    }
  }

 private:
  enum : std::size_t { kPrice, kTime, kLoads };
  static constexpr double kMicro = 1e6;

  static double load_price(const Question& q, std::size_t candidate) {
    const std::size_t at = kLoads + candidate;
    return at < q.account.size() ? q.account[at] : 0;
  }

  Options o_;
  double step_;                     // quality per USD^2
  std::vector<Allowance> allowed_;  // empty: nobody is limited
};

// False after an error was reported.
bool read_limits(const base::NumberMap& limits, const char* option, double Allowance::* limit,
                 base::Mark mark, BuildContext& ctx, std::vector<Allowance>& allowed) {
  const std::span<const ExpertId> rule = ctx.candidates();
  bool good = true;
  for (const auto& [name, value] : limits) {
    const auto id = model_named(name, option, mark, ctx);
    good = good && id.has_value();
    if (!id) continue;
    if (!(value >= 0) || std::isinf(value)) {
      ctx.diag().error(mark, std::string(option) + ": '" + name + "' must be 0 or more");
      good = false;
      continue;
    }
    allowed.resize(rule.size());
    const auto at = std::find(rule.begin(), rule.end(), *id);
    if (at != rule.end()) {
      allowed[static_cast<std::size_t>(at - rule.begin())].*limit = value;
    } else if (!rule.empty()) {
      ctx.diag().error(mark, std::string(option) + ": '" + name + "' is no model of this rule");
      good = false;
    }
  }
  return good;
}

}  // namespace

std::unique_ptr<Policy> make_budget_route(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  std::vector<Allowance> allowed;
  const bool shares = read_limits(o.shares, "shares", &Allowance::share, node.mark(), ctx, allowed);
  const bool rates =
      read_limits(o.rates, "rates", &Allowance::per_second, node.mark(), ctx, allowed);
  if (!shares || !rates) return nullptr;
  const auto refuse = [&](const char* why) {
    ctx.diag().error(node.mark(), why);
    return nullptr;
  };
  if (std::isnan(o.budget) && std::isnan(o.pace) && o.shares.empty() && o.rates.empty())
    return refuse("budget_route: say what is limited: budget, pace, shares or rates");
  if (!std::isnan(o.budget) && !std::isnan(o.pace))
    return refuse("budget_route: either budget or pace");
  if (std::isnan(o.unit)) o.unit = o.budget;
  if (!std::isnan(o.pace) && std::isnan(o.unit))
    return refuse("budget_route: with pace, say in unit what a request costs about");
  if (o.unit == 0)
    return refuse("budget_route: with a budget of 0, say in unit what a request costs");
  for (const Allowance& a : allowed)
    if (!std::isnan(a.share) && !std::isnan(a.per_second))
      return refuse("budget_route: a model has either a share or a rate");
  return std::make_unique<BudgetRoute>(o, std::move(allowed));
}

}  // namespace swy::route
