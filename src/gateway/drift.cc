#include "gateway/drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/log.h"
#include "gateway/state_file.h"

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

std::uint64_t Drift::belonging(const Snapshot& snapshot) {
  const DriftOptions& o = *snapshot.config->drift;
  return base::hash64(fmt::format("{} {} {} {} {}", snapshot.plan().configured, o.every,
                                  o.reference, o.tolerance, o.evidence_below));
}

void Drift::adopt(const Snapshot& snapshot) {
  if (!snapshot.config->drift) return sets_.clear();
  const std::string dir = snapshot.config->state;
  path_ = dir.empty() ? "" : dir + "/drift.json";
  const std::uint64_t belongs = belonging(snapshot);
  if (!sets_.empty() && belongs == belongs_) return;
  belongs_ = belongs;
  begin(snapshot);
  restore();
}

void Drift::begin(const Snapshot& snapshot) {
  sets_.clear();
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
  news_ = true;
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
  save();
}

// ---- over a restart
// ------------------------------------------------------------------------------------------------

namespace {

constexpr std::string_view kStateKind = "drift";

void write_state(base::JsonWriter& w, std::string_view name, const math::ChangeDetector& d) {
  const math::ChangeDetector::State s = d.state();
  const auto sums = [&w](std::string_view side, const auto& values) {
    w.key(side).begin_array();
    for (const double v : values) w.number(v);
    w.end_array();
  };
  w.key(name).begin_object().field("seen", s.seen).field("total", s.total);
  w.field("reference_sum", s.reference_sum).field("recent", s.recent);
  sums("up", s.up);
  sums("down", s.down);
  w.end_object();
}

bool read_state(const base::Json& set, std::string_view name, math::ChangeDetector& d) {
  const auto stream = set.find(name);
  if (!stream) return false;
  const double none = std::numeric_limits<double>::quiet_NaN();
  math::ChangeDetector::State s;
  const auto seen = stream->integer_or("seen", -1);
  const auto total = stream->integer_or("total", -1);
  if (seen < 0 || total < 0) return false;
  s.seen = static_cast<std::uint64_t>(seen);
  s.total = static_cast<std::uint64_t>(total);
  s.reference_sum = stream->number_or("reference_sum", none);
  s.recent = stream->number_or("recent", none);
  const auto sums = [&](std::string_view side, auto& values) {
    const auto list = stream->find(side);
    if (!list || list->size() != values.size()) return false;
    std::size_t i = 0;
    list->each([&](const base::Json& v) { values[i++] = v.as_number().value_or(none); });
    return true;
  };
  return sums("up", s.up) && sums("down", s.down) && d.restore(s);
}

}  // namespace

void Drift::restore() {
  history_ = "begun by this process";
  if (path_.empty()) return;
  const auto text = gateway::read_state(path_, {kStateKind, belongs_});
  std::string trouble = text ? "" : text.error().message;
  if (text && *text) {
    base::JsonDoc doc;
    const auto root = doc.parse(**text);
    // What it says goes in whole or not at all.
    std::vector<Set> before = sets_;
    if (!root || !restore_sets(*root)) {
      sets_ = std::move(before);
      trouble = fmt::format("{} does not fit the rule sets", path_);
    } else {
      history_ = "goes on from an earlier process";
    }
  }
  if (trouble.empty()) return;
  history_ = "begun anew: " + trouble;
  base::log_warning("drift begins anew: " + trouble);
}

bool Drift::restore_sets(const base::Json& root) {
  if (root.size() != sets_.size()) return false;
  std::size_t i = 0;
  bool good = true;
  root.each([&](const base::Json& s) {
    Set& set = sets_[i++];
    good = good && s.string_or("name", "") == set.name &&
           read_state(s, "quality", set.quality.detector) &&
           read_state(s, "evidence", set.evidence.detector);
  });
  return good;
}

void Drift::save() {
  if (path_.empty() || !news_) return;
  news_ = false;
  std::string text;
  base::JsonWriter w(text);
  w.begin_array();
  for (const Set& s : sets_) {
    w.begin_object().field("name", s.name);
    write_state(w, "quality", s.quality.detector);
    write_state(w, "evidence", s.evidence.detector);
    w.end_object();
  }
  w.end_array();
  if (const Status saved = gateway::write_state(path_, {kStateKind, belongs_}, text); !saved)
    base::log_warning(saved.error().message);
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
    w.begin_object().field("rules", s.name).field("history", history_);
    write_stream(w, "quality", s.quality.detector, s.quality.alarms->value(), true);
    write_stream(w, "evidence", s.evidence.detector, s.evidence.alarms->value(), false);
    write_stream(w, "dearest", s.dearest.detector, s.dearest.alarms->value(), false);
    w.end_object();
  }
  w.end_array();
}

}  // namespace swy::gateway
