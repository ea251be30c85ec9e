// Experiment: which of several rule sets serves the requests for one, and when the answers so far
// are enough to end one or to make one win.
//
// When to use: the gateway's experiments (docs/reference/experiments.md). Pure: no clock, no I/O;
// the same observations in the same order lead to the same decisions. Threading: one thread;
// assign() is a free function of immutable values, any thread. Ownership: owns its state.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/doc.h"
#include "math/mean_evidence.h"

namespace swy::route {

enum class ExperimentKind : std::uint8_t { kAb, kBestArm, kCanary, kShadow };
enum class ExperimentMetric : std::uint8_t { kQuality, kSuccess, kCost, kLatency };
enum class ExperimentUnit : std::uint8_t { kSession, kKey, kRequest };
std::string_view to_string(ExperimentKind kind);      // "ab", "best_arm", "canary", "shadow"
std::string_view to_string(ExperimentMetric metric);  // "quality", "success", "cost", "latency"
std::string_view to_string(ExperimentUnit unit);      // "session", "key", "request"

struct ExperimentArm {
  std::string name;
  std::string rules;  // a rule set
  double share = 0;
};

struct ExperimentSpec {
  std::string name;
  std::string rules;  // the rule set that clients ask for
  ExperimentKind kind = ExperimentKind::kCanary;
  ExperimentMetric metric = ExperimentMetric::kQuality;
  ExperimentUnit unit = ExperimentUnit::kSession;
  std::vector<ExperimentArm> arms;  // the first is the control; shares sum to 1
  double cap = 1;  // of the metric: USD, ms; larger numbers count as this. 1 for the other two
  double alpha = 0.05;
  double margin = 0;                    // in the metric's unit: a loss up to this is none
  std::uint64_t min_observations = 30;  // of each arm compared
  bool promote = false;                 // what wins gets all requests; else it is only reported
  std::string id;                       // see experiment_id()
};

// 16 hex digits that change with the experiment's node and with whatever its arms' decisions depend
// on in the configuration: observations of another id are of another experiment.
std::string experiment_id(const base::Doc& experiment, const base::Doc& config,
                          const std::vector<ExperimentArm>& arms);

// Which arm serves this unit: of those with a share left. The same unit keeps its arm for as long
// as that arm has a share. REQUIRES: some share is positive; shares.size() == spec.arms.size().
std::size_t assign(const ExperimentSpec& spec, const std::vector<double>& shares,
                   std::uint64_t unit);

enum class ArmState : std::uint8_t { kRunning, kOut, kWon };
std::string_view to_string(ArmState state);  // "running", "out", "won"

class Experiment {
 public:
  static constexpr std::size_t kUnits = std::size_t{1} << 20U;  // remembered, the latest

  explicit Experiment(ExperimentSpec spec);

  // What became of a request of this arm, in the metric's unit. The first of a unit counts. True:
  // something was decided: shares() or state() changed. Numbers beyond the metric's range count as
  // its ends; NaN and an arm that there is not count as nothing.
  bool observe(std::size_t arm, std::uint64_t unit, double value);
  // Takes over what was decided of an arm before: as observe() would have. Nothing when it is
  // decided already.
  void restore(std::size_t arm, ArmState state, std::string why);
  // What an arm that did not serve the request would have chosen. Moves no share.
  void would_choose(std::size_t arm, bool the_same);

  struct Arm {
    math::MeanEvidence evidence;  // of goodness in [0, 1]: more is better whatever the metric
    ArmState state = ArmState::kRunning;
    std::uint64_t compared = 0, same = 0;  // of would_choose()
    std::string why;                       // of the last decision about it
  };
  [[nodiscard]] const ExperimentSpec& spec() const { return spec_; }
  [[nodiscard]] const std::vector<Arm>& arms() const { return arms_; }
  [[nodiscard]] const std::vector<double>& shares() const { return shares_; }
  // "running", "rolled back", "promoted", "decided", "shadowing".
  [[nodiscard]] std::string_view state() const;
  [[nodiscard]] bool running() const { return running_; }

  // In the metric's unit.
  [[nodiscard]] double mean(std::size_t arm) const;
  [[nodiscard]] math::Bounds bounds(std::size_t arm) const;  // at spec().alpha
  // Of arm's mean less the control's, at the level at which it is judged.
  [[nodiscard]] math::Bounds difference(std::size_t arm) const;
  // Logarithm of the e-value against "not worse than the control by more than the margin" (worse),
  // and against "worse by the margin or more" (fit); best_arm: against "as good as the best of the
  // others".
  [[nodiscard]] double log_e_worse(std::size_t arm) const;
  [[nodiscard]] double log_e_fit(std::size_t arm) const;
  [[nodiscard]] double log_level() const;  // what either must reach

 private:
  bool fresh(std::uint64_t unit);
  [[nodiscard]] double goodness(double value) const;
  [[nodiscard]] double value_of(double good) const;
  [[nodiscard]] double worst_against(std::size_t arm, double margin) const;
  bool judge();
  bool judge_best();
  bool judge_against_control(std::size_t arm);
  bool settle();
  void end(std::size_t arm, std::string why);
  void win(std::size_t arm, std::string why);
  [[nodiscard]] bool enough(std::size_t a, std::size_t b) const;

  ExperimentSpec spec_;
  std::vector<Arm> arms_;
  std::vector<double> shares_;
  bool running_ = true;
  std::unordered_set<std::uint64_t> units_;
  std::deque<std::uint64_t> order_;  // of units_, oldest first
};

}  // namespace swy::route
