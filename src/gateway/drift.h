// Drift: says when what is observed has moved away from what it was. For every rule set three
// streams: scores less what was believed of the chosen model (either way), whether a choice had
// little evidence behind it (more of it), and whether it was of the dearest model (either way).
//
// When to use: the gateway's control thread owns one (docs/reference/experiments.md). Threading:
// one thread; the evidence counters of RuleSetState are counted by workers. Ownership: owns its
// detectors.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/metrics.h"
#include "gateway/snapshot.h"
#include "math/change_detector.h"

namespace swy::gateway {

// The score less the quality that was believed of the chosen model; NaN when the record has none.
double residual_of(const base::Json& record, double score);

class Drift {
 public:
  explicit Drift(base::Metrics& metrics) : metrics_(metrics) {}
  // Goes on where it was with the same decision part of the configuration and the same options, in
  // this process or, by the file in Config::state, an earlier one; else begins anew. Without
  // options it never says anything.
  void adopt(const Snapshot& snapshot);
  void hear(const base::Json& record, double score);
  // Reads what workers counted since the last time, and writes the file when there is news.
  void beat(const Snapshot& snapshot);
  [[nodiscard]] bool on() const { return !sets_.empty(); }
  // "drift": one object for each rule set. REQUIRES: inside an object.
  void write(base::JsonWriter& w) const;

 private:
  struct Stream {
    math::ChangeDetector detector;
    base::Counter* alarms;
  };
  struct Set {
    std::string name;
    Stream quality, evidence, dearest;
    std::int64_t low = 0, enough = 0, dear = 0, other = 0;  // of the counters, when last read
  };
  void feed_counts(const Set& set, Stream& stream, std::string_view what, std::int64_t hits,
                   std::int64_t all);
  void feed(const Set& set, Stream& stream, std::string_view what, double x);
  static std::uint64_t belonging(const Snapshot& snapshot);
  void begin(const Snapshot& snapshot);
  void restore();
  bool restore_sets(const base::Json& root);
  void save();

  base::Metrics& metrics_;
  std::vector<Set> sets_;      // by rule set
  std::string path_;           // of the file; "": none
  std::uint64_t belongs_ = 0;  // hash of what the detectors depend on
  std::string history_;        // where they began
  bool news_ = false;          // since the file was written
};

}  // namespace swy::gateway
