// Trials: the experiments of a running gateway: what was observed of each, what they decided, and
// the shares that new requests are dealt by.
//
// When to use: the gateway's control thread owns one; workers read shares from their Snapshot and
// report what happened. Threading: one thread; measured() and read_seat() are pure. Ownership: owns
// its experiments; metrics are borrowed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/metrics.h"
#include "route/experiment.h"
#include "switchyard/expert.h"

namespace swy::gateway {

// What became of one request of an experiment.
struct Happened {
  std::string id;  // ExperimentSpec::id
  std::string arm;
  std::uint64_t unit = 0;
  double value = 0;                                 // in the metric's unit; NaN: nothing to learn
  std::vector<std::pair<std::string, bool>> would;  // other arms: whether they choose the same
};

// The metric of an exchange that ended so; NaN where it says nothing: quality (it comes as
// feedback), callers' mistakes, unknown costs. status: see ended_as().
double measured(route::ExperimentMetric metric, int status, std::optional<NanoUsd> cost,
                double total_ms);

// The status sent to the client; of an answer that broke after its head had left, what would have
// been sent had it broken before.
int ended_as(int status, bool aborted, bool failed);

// What a record says of its experiment, its value left out; nullopt when it was of none.
std::optional<Happened> read_seat(const base::Json& record);

class Trials {
 public:
  explicit Trials(base::Metrics& metrics) : metrics_(metrics) {}

  // From here on these run. One whose id is known goes on; another begins anew.
  void adopt(const std::vector<route::ExperimentSpec>& specs);
  // What earlier processes left in the record files, in order of time. Once, after adopt().
  void catch_up(const std::string& directory);
  // True: shares changed. What was decided is logged and counted.
  bool take(const Happened& h);
  // Feedback for the request of this record line.
  bool hear(const base::Json& record, double score);
  // What was decided since the last time, as lines for the record log.
  [[nodiscard]] std::vector<std::string> take_lines(std::int64_t time_us);
  // By experiment, in the order of adopt(): by arm.
  [[nodiscard]] std::vector<std::vector<double>> shares() const;
  [[nodiscard]] bool empty() const { return trials_.empty(); }
  // "data": one object for each experiment. REQUIRES: inside an object.
  void write(base::JsonWriter& w) const;

 private:
  struct Trial {
    route::Experiment experiment;
    std::string history;                              // where its observations come from
    std::vector<base::Counter*> observed, lost, won;  // by arm
    std::vector<route::ArmState> told;                // by arm: the state last logged
  };
  std::unique_ptr<Trial> make(const route::ExperimentSpec& spec);
  Trial* find(std::string_view id);
  bool apply(Trial& t, const Happened& h, bool quiet);
  void tell(Trial& t, bool quiet);
  void restore(const base::Json& decided);

  base::Metrics& metrics_;
  std::vector<std::unique_ptr<Trial>> trials_;
  struct Decided {
    std::string id, name, arm, decision, why;
  };
  std::vector<Decided> decided_;
};

}  // namespace swy::gateway
