#include "gateway/drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"

namespace swy::gateway {
namespace {

constexpr std::int64_t kMostAtOnce = 100'000;  // of one beat: more are thinned out

// A residual lies in [-1, 1], the detector wants [0, 1].
double to_unit(double residual) { return std::clamp((residual + 1) / 2, 0.0, 1.0); }
double from_unit(double x) { return 2 * x - 1; }

}  // namespace

double residual_of(const base::Json& record, double score) {
  double believed = std::numeric_limits<double>::quiet_NaN();
  const auto decision = record.find("decision");
  if (!decision) return believed;
  const std::string_view choice = decision->string_or("choice", "");
  const auto candidates = decision->find("candidates");
  if (!candidates || choice.empty()) return believed;
  candidates->each([&](const base::Json& c) {
    if (c.string_or("model", "") == choice) believed = c.number_or("quality", believed);
  });
  return score - believed;
}

void Drift::adopt(const Snapshot& snapshot) {
  sets_.clear();
  if (!snapshot.config->drift) return;
  const DriftOptions& o = *snapshot.config->drift;
  math::ChangeOptions both{.every = o.every,
                           .reference = static_cast<std::uint64_t>(o.reference),
                           .tolerance = o.tolerance};
  math::ChangeOptions rise = both;
  const math::ChangeOptions share = both;
  both.tolerance /= 2;  // of a number that was halved
  rise.down = false;
  for (std::size_t i = 0; i < snapshot.rule_sets.size(); ++i) {
    const std::string& name = snapshot.plan().rule_sets[i].name;
    const auto alarms = [&](const char* of) {
      return &metrics_.counter("switchyard_drift_alarms_total",
                               "Times that what is observed was found to have moved.",
                               {{"set", name}, {"of", of}});
    };
    const RuleSetState& state = snapshot.rule_sets[i];
    sets_.push_back({name,
                     {math::ChangeDetector(both), alarms("quality")},
                     {math::ChangeDetector(rise), alarms("evidence")},
                     {math::ChangeDetector(share), alarms("dearest")},
                     state.low_evidence->value(),
                     state.enough_evidence->value(),
                     state.of_dearest->value(),
                     state.of_others->value()});
  }
}

void Drift::feed(const Set& set, Stream& stream, std::string_view what, double x) {
  const double place = stream.detector.reference();
  const math::Change change = stream.detector.add(x);
  if (change == math::Change::kNone) return;
  stream.alarms->add();
  const bool quality = what == "quality";
  base::log_warning(fmt::format(
      "drift: rule set '{}': {} {} from {:.3f} to about {:.3f}", set.name,
      quality              ? "scores less what was believed"
      : what == "evidence" ? "the share of choices with little evidence"
                           : "the share of the dearest models (calibrate thresholds again)",
      change == math::Change::kUp ? "rose" : "fell", quality ? from_unit(place) : place,
      quality ? from_unit(stream.detector.recent()) : stream.detector.recent()));
}

void Drift::hear(const base::Json& record, double score) {
  if (sets_.empty()) return;
  const double residual = residual_of(record, score);
  if (std::isnan(residual)) return;
  const auto decision = record.find("decision");
  const std::string_view name = decision->string_or("set", "");
  const auto set =
      std::find_if(sets_.begin(), sets_.end(), [&](const Set& s) { return s.name == name; });
  if (set != sets_.end()) feed(*set, set->quality, "quality", to_unit(residual));
}

// In what order they came is not known: spread evenly.
void Drift::feed_counts(const Set& set, Stream& stream, std::string_view what, std::int64_t hits,
                        std::int64_t all) {
  if (all <= 0) return;
  const std::int64_t n = std::min(all, kMostAtOnce);
  for (std::int64_t k = 0; k < n; ++k) {
    const bool hit = (k + 1) * hits / all != k * hits / all;
    feed(set, stream, what, hit ? 1 : 0);
  }
}

void Drift::beat(const Snapshot& snapshot) {
  const auto since = [](std::int64_t& last, const base::Counter& counter) {
    const std::int64_t now = counter.value();
    return now - std::exchange(last, now);
  };
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    Set& set = sets_[i];
    const RuleSetState& state = snapshot.rule_sets[i];
    const std::int64_t low = since(set.low, *state.low_evidence);
    feed_counts(set, set.evidence, "evidence", low,
                low + since(set.enough, *state.enough_evidence));
    const std::int64_t dear = since(set.dear, *state.of_dearest);
    feed_counts(set, set.dearest, "dearest", dear, dear + since(set.other, *state.of_others));
  }
}

namespace {

void write_stream(base::JsonWriter& w, std::string_view name, const math::ChangeDetector& d,
                  std::int64_t alarms, bool residual) {
  const auto own = [residual](double x) { return residual ? from_unit(x) : x; };
  w.key(name).begin_object().field("n", d.n()).field("learning", d.learning());
  if (d.n() > 0) w.field("reference", own(d.reference())).field("recent", own(d.recent()));
  w.field("level", d.level()).field("alarms", alarms).end_object();
}

}  // namespace

void Drift::write(base::JsonWriter& w) const {
  w.key("drift").begin_array();
  for (const Set& s : sets_) {
    w.begin_object().field("rules", s.name);
    write_stream(w, "quality", s.quality.detector, s.quality.alarms->value(), true);
    write_stream(w, "evidence", s.evidence.detector, s.evidence.alarms->value(), false);
    write_stream(w, "dearest", s.dearest.detector, s.dearest.alarms->value(), false);
    w.end_object();
  }
  w.end_array();
}

}  // namespace swy::gateway
