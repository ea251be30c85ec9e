// Experiments over rule sets.
//
// Assignment: a hash of experiment and unit falls into the arms' shares; a unit whose arm is out is
// dealt again, by another hash, among those left in proportion to their shares, so nobody else
// moves. Tests (math/mean_evidence.h), looked at after every observation:
//   canary    arm i is out once "mean_i - mean_control >= -margin" is refuted at alpha / (K - 1),
//   and
//             fit once "mean_i - mean_control <= -margin" is, for K arms;
//   ab        the same with margin 0 both ways at alpha / (2 (K - 1)): out when worse, fit when
//   better,
//             so with equal arms anything at all is claimed with probability at most alpha; and out
//             when worse by more than the margin (implied, which is why the margin plays no part);
//   best_arm  successive elimination (Even-Dar, Mannor, Mansour, JMLR 7, 2006) with these e-values
//   in
//             place of Hoeffding's radius: i is out once some j makes "mean_i - mean_j >= 0"
//             refuted at alpha / (K - 1); the best one is ever put out with probability at most
//             alpha.
// Cost: O(K) tests an observation, O(K^2) for best_arm. Loses: what a rule set learns meanwhile
// moves its mean; the e-values then speak of the mean so far. Deviations: one observation a unit.
// Test: experiment_test.cc.
#include "route/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/hash.h"
#include "math/draw.h"

namespace swy::route {
namespace {

double uniform_of(const ExperimentSpec& spec, std::uint64_t unit, std::uint64_t salt) {
  const std::uint64_t h = base::hash64(fmt::format("{}:{:016x}", spec.name, unit), salt);
  return static_cast<double>(h >> 11U) * 0x1.0p-53;
}

bool less_is_better(ExperimentMetric m) {
  return m == ExperimentMetric::kCost || m == ExperimentMetric::kLatency;
}

}  // namespace

std::string_view to_string(ExperimentKind kind) {
  switch (kind) {
    case ExperimentKind::kAb:
      return "ab";
    case ExperimentKind::kBestArm:
      return "best_arm";
    case ExperimentKind::kCanary:
      return "canary";
    case ExperimentKind::kShadow:
      break;
  }
  return "shadow";
}

std::string_view to_string(ExperimentMetric metric) {
  switch (metric) {
    case ExperimentMetric::kQuality:
      return "quality";
    case ExperimentMetric::kSuccess:
      return "success";
    case ExperimentMetric::kCost:
      return "cost";
    case ExperimentMetric::kLatency:
      break;
  }
  return "latency";
}

std::string_view to_string(ExperimentUnit unit) {
  switch (unit) {
    case ExperimentUnit::kSession:
      return "session";
    case ExperimentUnit::kKey:
      return "key";
    case ExperimentUnit::kRequest:
      break;
  }
  return "request";
}

std::string_view to_string(ArmState state) {
  switch (state) {
    case ArmState::kRunning:
      return "running";
    case ArmState::kOut:
      return "out";
    case ArmState::kWon:
      break;
  }
  return "won";
}

std::size_t assign(const ExperimentSpec& spec, const std::vector<double>& shares,
                   std::uint64_t unit) {
  SWY_ASSERT(shares.size() == spec.arms.size());
  const std::size_t first = math::draw(shares.size(), uniform_of(spec, unit, 1),
                                       [&](std::size_t i) { return spec.arms[i].share; });
  if (shares[first] > 0) return first;
  double left = 0;
  for (const double s : shares) left += s;
  return math::draw(shares.size(), uniform_of(spec, unit, 2) * left,
                    [&](std::size_t i) { return shares[i]; });
}

Experiment::Experiment(ExperimentSpec spec) : spec_(std::move(spec)), arms_(spec_.arms.size()) {
  SWY_ASSERT(spec_.arms.size() >= 2);
  for (const ExperimentArm& a : spec_.arms) shares_.push_back(a.share);
}

std::string_view Experiment::state() const {
  if (spec_.kind == ExperimentKind::kShadow) return "shadowing";
  if (running_) return "running";
  const bool won = std::any_of(arms_.begin() + 1, arms_.end(),
                               [](const Arm& a) { return a.state == ArmState::kWon; });
  if (won) return spec_.promote ? "promoted" : "decided";
  return spec_.kind == ExperimentKind::kBestArm ? "decided" : "rolled back";
}

double Experiment::goodness(double value) const {
  const double v = std::clamp(value / spec_.cap, 0.0, 1.0);
  return less_is_better(spec_.metric) ? 1 - v : v;
}

double Experiment::value_of(double good) const {
  return (less_is_better(spec_.metric) ? 1 - good : good) * spec_.cap;
}

bool Experiment::fresh(std::uint64_t unit) {
  if (!units_.insert(unit).second) return false;
  order_.push_back(unit);
  if (order_.size() > kUnits) {
    units_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

bool Experiment::observe(std::size_t arm, std::uint64_t unit, double value) {
  if (arm >= arms_.size() || std::isnan(value) || !fresh(unit)) return false;
  arms_[arm].evidence.add(goodness(value));
  return running_ && spec_.kind != ExperimentKind::kShadow && judge();
}

void Experiment::restore(std::size_t arm, ArmState state, std::string why) {
  if (arm >= arms_.size() || !running_ || arms_[arm].state != ArmState::kRunning) return;
  if (state == ArmState::kOut) {
    end(arm, std::move(why));
    settle();
  } else if (state == ArmState::kWon) {
    win(arm, std::move(why));
  }
}

void Experiment::would_choose(std::size_t arm, bool the_same) {
  if (arm >= arms_.size()) return;
  ++arms_[arm].compared;
  if (the_same) ++arms_[arm].same;
}

bool Experiment::enough(std::size_t a, std::size_t b) const {
  return arms_[a].evidence.n() >= spec_.min_observations &&
         arms_[b].evidence.n() >= spec_.min_observations;
}

double Experiment::log_level() const {
  const double others = static_cast<double>(arms_.size() - 1);
  return std::log((spec_.kind == ExperimentKind::kAb ? 2 : 1) * others / spec_.alpha);
}

// The e-value against "not worse than any other by more than the margin", of the others still in.
double Experiment::worst_against(std::size_t arm, double margin) const {
  double most = 0;
  for (std::size_t j = 0; j < arms_.size(); ++j) {
    if (j == arm || arms_[j].state == ArmState::kOut) continue;
    most = std::max(most, math::against_difference_of_at_least(arms_[j].evidence,
                                                               arms_[arm].evidence, -margin));
  }
  return most;
}

double Experiment::log_e_worse(std::size_t arm) const {
  if (spec_.kind == ExperimentKind::kBestArm) return worst_against(arm, 0);
  const double margin = spec_.kind == ExperimentKind::kCanary ? spec_.margin / spec_.cap : 0;
  return math::against_difference_of_at_least(arms_[0].evidence, arms_[arm].evidence, -margin);
}

double Experiment::log_e_fit(std::size_t arm) const {
  const double margin = spec_.kind == ExperimentKind::kCanary ? spec_.margin / spec_.cap : 0;
  return math::against_difference_of_at_least(arms_[arm].evidence, arms_[0].evidence, margin);
}

void Experiment::end(std::size_t arm, std::string why) {
  arms_[arm].state = ArmState::kOut;
  arms_[arm].why = std::move(why);
  shares_[arm] = 0;
  double left = 0;
  for (const double s : shares_) left += s;
  if (left > 0) {
    for (double& s : shares_) s /= left;
  } else {
    shares_[0] = 1;
  }
}

void Experiment::win(std::size_t arm, std::string why) {
  arms_[arm].state = ArmState::kWon;
  arms_[arm].why = std::move(why);
  running_ = false;
  if (!spec_.promote) return;
  for (double& s : shares_) s = 0;
  shares_[arm] = 1;
}

bool Experiment::judge_against_control(std::size_t arm) {
  if (arms_[arm].state != ArmState::kRunning || !enough(0, arm)) return false;
  const bool canary = spec_.kind == ExperimentKind::kCanary;
  const double margin = canary ? spec_.margin / spec_.cap : 0;
  const math::MeanEvidence& control = arms_[0].evidence;
  const math::MeanEvidence& mine = arms_[arm].evidence;
  const auto told = [&](std::string_view what) {
    return fmt::format("{}: {} {:.6g} against {:.6g} of the control, {} and {} observations", what,
                       to_string(spec_.metric), mean(arm), mean(0), mine.n(), control.n());
  };
  if (math::refutes_difference_of_at_least(control, mine, -margin, log_level())) {
    end(arm, told("worse"));
    return true;
  }
  if (math::refutes_difference_of_at_least(mine, control, margin, log_level())) {
    win(arm, told(canary ? "not worse by the margin" : "better"));
    return true;
  }
  return false;
}

bool Experiment::judge_best() {
  bool changed = false;
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    for (std::size_t j = 0; j < arms_.size() && arms_[i].state == ArmState::kRunning; ++j) {
      if (j == i || arms_[j].state == ArmState::kOut || !enough(i, j)) continue;
      if (!math::refutes_difference_of_at_least(arms_[j].evidence, arms_[i].evidence, 0,
                                                log_level()))
        continue;
      end(i, fmt::format("{} is better: {} {:.6g} against {:.6g}, {} and {} observations",
                         spec_.arms[j].name, to_string(spec_.metric), mean(j), mean(i),
                         arms_[j].evidence.n(), arms_[i].evidence.n()));
      changed = true;
    }
  }
  return changed;
}

// Whether only one arm is left.
bool Experiment::settle() {
  std::size_t left = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < arms_.size(); ++i) {
    if (arms_[i].state == ArmState::kOut) continue;
    ++left;
    last = i;
  }
  if (left != 1) return false;
  win(last, "the others are out");
  return true;
}

bool Experiment::judge() {
  bool changed = false;
  if (spec_.kind == ExperimentKind::kBestArm) {
    changed = judge_best();
  } else {
    for (std::size_t i = 1; i < arms_.size() && running_; ++i)
      changed = judge_against_control(i) || changed;
  }
  if (changed && running_) settle();
  return changed;
}

double Experiment::mean(std::size_t arm) const { return value_of(arms_[arm].evidence.mean()); }

math::Bounds Experiment::bounds(std::size_t arm) const {
  const math::Bounds b = math::mean_bounds(arms_[arm].evidence, spec_.alpha);
  if (less_is_better(spec_.metric)) return {value_of(b.high), value_of(b.low)};
  return {value_of(b.low), value_of(b.high)};
}

math::Bounds Experiment::difference(std::size_t arm) const {
  const double alpha = spec_.alpha / static_cast<double>(arms_.size() - 1);
  const math::Bounds b = math::difference_bounds(arms_[0].evidence, arms_[arm].evidence, alpha);
  if (less_is_better(spec_.metric)) return {-b.high * spec_.cap, -b.low * spec_.cap};
  return {b.low * spec_.cap, b.high * spec_.cap};
}

}  // namespace swy::route
