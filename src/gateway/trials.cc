#include "gateway/trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <unordered_map>

#include "base/hash.h"
#include "base/log.h"
#include "gateway/record_line.h"
#include "record/log_reader.h"

namespace swy::gateway {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr double kMostLog = 690;  // exp() of it is still a number

bool is_quality(const route::ExperimentSpec& spec) {
  return spec.metric == route::ExperimentMetric::kQuality;
}

void write_bounds(base::JsonWriter& w, std::string_view name, math::Bounds b) {
  w.key(name).begin_array().number(b.low).number(b.high).end_array();
}

double value_in_record(route::ExperimentMetric metric, const base::Json& record) {
  const auto outcome = record.find("outcome");
  if (!outcome) return kNothing;
  std::optional<NanoUsd> cost;
  if (outcome->find("cost_nano")) cost = outcome->integer_or("cost_nano", 0);
  const auto times = record.find("times");
  const double total_us = times ? static_cast<double>(times->integer_or("total_us", 0)) : kNothing;
  const auto aborted = outcome->find("aborted");
  const int status =
      ended_as(static_cast<int>(outcome->integer_or("status", 0)),
               aborted && aborted->as_bool().value_or(false), outcome->find("error").has_value());
  return measured(metric, status, cost, total_us / 1e3);
}

}  // namespace

double measured(route::ExperimentMetric metric, int status, std::optional<NanoUsd> cost,
                double total_ms) {
  const bool good = status >= 200 && status < 300;
  switch (metric) {
    case route::ExperimentMetric::kQuality:
      return kNothing;
    case route::ExperimentMetric::kSuccess:
      if (good) return 1;
      return status >= 500 || status == 429 || status == 422 ? 0 : kNothing;
    case route::ExperimentMetric::kCost:
      return good && cost ? static_cast<double>(*cost) * 1e-9 : kNothing;
    case route::ExperimentMetric::kLatency:
      break;
  }
  return good ? total_ms : kNothing;
}

int ended_as(int status, bool aborted, bool failed) {
  if (aborted) return 499;
  return failed && status < 400 ? 502 : status;
}

std::optional<Happened> read_seat(const base::Json& record) {
  const auto e = record.find("experiment");
  if (!e || !e->is_object()) return std::nullopt;
  Happened h;
  h.id = e->string_or("id", "");
  h.arm = e->string_or("arm", "");
  h.value = kNothing;
  const std::string_view unit = e->string_or("unit", "");
  const auto [end, error] = std::from_chars(unit.data(), unit.data() + unit.size(), h.unit, 16);
  if (h.id.empty() || error != std::errc{} || end != unit.data() + unit.size()) return std::nullopt;
  const auto decision = record.find("decision");
  const std::string_view choice = decision ? decision->string_or("choice", "") : "";
  if (const auto others = e->find("others"); others && !choice.empty()) {
    others->each([&](const base::Json& o) {
      h.would.emplace_back(std::string(o.string_or("arm", "")),
                           o.string_or("choice", "") == choice);
    });
  }
  return h;
}

std::unique_ptr<Trials::Trial> Trials::make(const route::ExperimentSpec& spec) {
  auto t = std::make_unique<Trial>(
      Trial{route::Experiment(spec), "begun by this process", {}, {}, {}, {}});
  for (const route::ExperimentArm& a : spec.arms) {
    const auto labels = [&](std::initializer_list<std::pair<std::string, std::string>> more) {
      base::Labels l{{"experiment", spec.name}, {"arm", a.name}};
      l.insert(l.end(), more);
      return l;
    };
    t->observed.push_back(&metrics_.counter("switchyard_experiment_observations_total",
                                            "Outcomes that an experiment counted.", labels({})));
    constexpr const char* kDecided = "switchyard_experiment_decisions_total";
    constexpr const char* kDecidedHelp = "Arms that experiments put out or found to have won.";
    t->lost.push_back(&metrics_.counter(kDecided, kDecidedHelp, labels({{"decision", "out"}})));
    t->won.push_back(&metrics_.counter(kDecided, kDecidedHelp, labels({{"decision", "won"}})));
    t->told.push_back(route::ArmState::kRunning);
  }
  return t;
}

void Trials::adopt(const std::vector<route::ExperimentSpec>& specs) {
  std::vector<std::unique_ptr<Trial>> next;
  for (const route::ExperimentSpec& spec : specs) {
    const auto same = std::find_if(trials_.begin(), trials_.end(), [&](const auto& t) {
      return t != nullptr && t->experiment.spec().id == spec.id &&
             t->experiment.spec().name == spec.name;
    });
    next.push_back(same != trials_.end() ? std::move(*same) : make(spec));
  }
  trials_ = std::move(next);
}

Trials::Trial* Trials::find(std::string_view id) {
  const auto it = std::find_if(trials_.begin(), trials_.end(),
                               [&](const auto& t) { return t->experiment.spec().id == id; });
  return it == trials_.end() ? nullptr : it->get();
}

// Logs and counts what an experiment decided since the last time.
void Trials::tell(Trial& t, bool quiet) {
  const route::ExperimentSpec& spec = t.experiment.spec();
  for (std::size_t i = t.told.size(); i-- > 0;) {  // the control last: it wins when others are out
    const route::Experiment::Arm& arm = t.experiment.arms()[i];
    if (arm.state == t.told[i]) continue;
    t.told[i] = arm.state;
    (arm.state == route::ArmState::kOut ? t.lost : t.won)[i]->add();
    if (quiet) continue;
    decided_.push_back(
        {spec.id, spec.name, spec.arms[i].name, std::string(to_string(arm.state)), arm.why});
    base::log_warning(fmt::format(
        "experiment '{}': arm '{}' {}: {}; {}", spec.name, spec.arms[i].name,
        arm.state == route::ArmState::kOut ? "is out" : "has won", arm.why, t.experiment.state()));
  }
}

bool Trials::apply(Trial& t, const Happened& h, bool quiet) {
  const auto& arms = t.experiment.spec().arms;
  const auto index_of = [&](const std::string& name) {
    return static_cast<std::size_t>(
        std::find_if(arms.begin(), arms.end(), [&](const auto& a) { return a.name == name; }) -
        arms.begin());
  };
  for (const auto& [arm, same] : h.would) t.experiment.would_choose(index_of(arm), same);
  const std::size_t arm = index_of(h.arm);
  if (arm == arms.size() || std::isnan(h.value)) return false;
  const auto n = t.experiment.arms()[arm].evidence.n();
  const bool changed = t.experiment.observe(arm, h.unit, h.value);
  if (t.experiment.arms()[arm].evidence.n() > n) t.observed[arm]->add();
  if (changed) tell(t, quiet);
  return changed;
}

bool Trials::take(const Happened& h) {
  Trial* t = find(h.id);
  return t != nullptr && apply(*t, h, false);
}

bool Trials::hear(const base::Json& record, double score) {
  auto seat = read_seat(record);
  if (!seat) return false;
  Trial* t = find(seat->id);
  if (t == nullptr || !is_quality(t->experiment.spec())) return false;
  seat->would.clear();  // counted when the request ended
  seat->value = score;
  return apply(*t, *seat, false);
}

namespace {

// What record files hold of experiments, for later, in order of time.
class Past {
 public:
  using Metric = std::function<std::optional<route::ExperimentMetric>(std::string_view id)>;
  explicit Past(Metric metric) : metric_(std::move(metric)) {}

  void read(std::string_view line) {
    if (line.find(R"("kind":"experiment")") != std::string_view::npos) {
      decisions_.emplace_back(line);
      return;
    }
    const bool feedback = line.find(R"("kind":"feedback")") != std::string_view::npos;
    if (!feedback && line.find(R"("experiment":{)") == std::string_view::npos) return;
    const auto record = doc_.parse(line);
    if (!record) return;
    if (record->string_or("kind", "") == "feedback") {
      scores_.push_back({record->integer_or("time_us", 0), record->number_or("score", kNothing),
                         std::string(record->string_or("record", ""))});
    } else {
      request(*record);
    }
  }

  [[nodiscard]] const std::vector<std::string>& decisions() const { return decisions_; }

  // Feedback joined with its request; everything in order of time.
  std::vector<Happened> take() {
    for (const Score& s : scores_) {
      const auto it = waiting_.find(s.record);
      if (it == waiting_.end()) continue;
      Happened h = it->second;
      h.value = s.score;
      all_.emplace_back(s.time_us, std::move(h));
    }
    std::stable_sort(all_.begin(), all_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Happened> out;
    out.reserve(all_.size());
    for (auto& [time, h] : all_) out.push_back(std::move(h));
    return out;
  }

 private:
  void request(const base::Json& record) {
    auto seat = read_seat(record);
    const auto metric = seat ? metric_(seat->id) : std::nullopt;
    if (!metric) return;
    if (*metric == route::ExperimentMetric::kQuality) {
      Happened h = *seat;
      h.would.clear();  // counted with the request itself
      waiting_.emplace(record.string_or("id", ""), std::move(h));
    }
    seat->value = value_in_record(*metric, record);
    const auto times = record.find("times");
    const std::int64_t took = times ? times->integer_or("total_us", 0) : 0;
    all_.emplace_back(record.integer_or("time_us", 0) + took, std::move(*seat));
  }

  struct Score {
    std::int64_t time_us = 0;
    double score = 0;
    std::string record;
  };
  Metric metric_;
  base::JsonDoc doc_;
  std::vector<std::pair<std::int64_t, Happened>> all_;
  std::vector<Score> scores_;
  std::vector<std::string> decisions_;                 // lines
  std::unordered_map<std::string, Happened> waiting_;  // for feedback, by record
};

}  // namespace

// A decision line. Usually the observations have led to it already; when some came in another order
// they may fall short by a little, and what was decided stays decided.
void Trials::restore(const base::Json& decided) {
  Trial* t = find(decided.string_or("id", ""));
  if (t == nullptr) return;
  const auto& arms = t->experiment.spec().arms;
  const std::string_view decision = decided.string_or("decision", "");
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (arms[i].name != decided.string_or("arm", "")) continue;
    for (const auto state : {route::ArmState::kOut, route::ArmState::kWon}) {
      if (to_string(state) == decision)
        t->experiment.restore(i, state, std::string(decided.string_or("why", "")));
    }
  }
  tell(*t, true);
}

std::vector<std::string> Trials::take_lines(std::int64_t time_us) {
  std::vector<std::string> out;
  for (const Decided& d : std::exchange(decided_, {})) {
    std::string line;
    base::JsonWriter w(line);
    w.begin_object().field("v", 1).field("kind", "experiment").field("time_us", time_us);
    w.field("id", d.id).field("name", d.name).field("arm", d.arm);
    w.field("decision", d.decision).field("why", d.why).end_object();
    out.push_back(std::move(line));
  }
  return out;
}

void Trials::catch_up(const std::string& directory) {
  if (trials_.empty()) return;
  if (directory.empty()) {
    for (auto& t : trials_)
      t->history = "begun by this process: records are off, so a restart begins anew";
    return;
  }
  Past past([this](std::string_view id) -> std::optional<route::ExperimentMetric> {
    const Trial* t = find(id);
    if (t == nullptr) return std::nullopt;
    return t->experiment.spec().metric;
  });
  const auto scanned =
      record::scan(directory, kRecordKind, [&](std::string_view line, const record::LogPlace&) {
        past.read(line);
        return true;
      });
  if (!scanned) {
    if (scanned.error().code == ErrorCode::kNotFound) return;  // nothing was ever recorded
    base::log_warning(
        fmt::format("experiments begin anew: records cannot be read: {}", scanned.error().message));
    return;
  }
  for (const Happened& h : past.take()) {
    if (Trial* t = find(h.id)) apply(*t, h, true);
  }
  base::JsonDoc doc;
  for (const std::string& line : past.decisions()) {
    if (const auto decided = doc.parse(line)) restore(*decided);
  }
  for (auto& t : trials_) {
    std::uint64_t n = 0;
    for (const auto& a : t->experiment.arms()) n += a.evidence.n() + a.compared;
    if (n == 0 && t->experiment.running()) continue;
    t->history = fmt::format("{} observations read from records", n);
    base::log_info(fmt::format("experiment '{}': {}, {}", t->experiment.spec().name, t->history,
                               t->experiment.state()));
  }
}

std::vector<std::vector<double>> Trials::shares() const {
  std::vector<std::vector<double>> out;
  out.reserve(trials_.size());
  for (const auto& t : trials_) out.push_back(t->experiment.shares());
  return out;
}

namespace {

double e_value(double log_e) { return std::exp(std::min(log_e, kMostLog)); }

void write_arm(base::JsonWriter& w, const route::Experiment& e, std::size_t i) {
  const route::ExperimentSpec& spec = e.spec();
  const route::Experiment::Arm& arm = e.arms()[i];
  w.begin_object()
      .field("name", spec.arms[i].name)
      .field("rules", spec.arms[i].rules)
      .field("share", e.shares()[i])
      .field("state", to_string(arm.state));
  if (!arm.why.empty()) w.field("why", arm.why);
  if (spec.kind == route::ExperimentKind::kShadow) {
    if (i > 0) w.field("compared", arm.compared).field("same_choice", arm.same);
    w.end_object();
    return;
  }
  w.field("n", arm.evidence.n());
  if (arm.evidence.n() > 0) w.field("mean", e.mean(i));
  write_bounds(w, "bounds", e.bounds(i));
  if (i > 0) write_bounds(w, "difference", e.difference(i));
  if (i > 0 || spec.kind == route::ExperimentKind::kBestArm)
    w.field("e_worse", e_value(e.log_e_worse(i)));
  if (i > 0 && spec.kind != route::ExperimentKind::kBestArm)
    w.field("e_fit", e_value(e.log_e_fit(i)));
  w.end_object();
}

}  // namespace

void Trials::write(base::JsonWriter& w) const {
  w.key("data").begin_array();
  for (const auto& t : trials_) {
    const route::Experiment& e = t->experiment;
    const route::ExperimentSpec& spec = e.spec();
    w.begin_object()
        .field("name", spec.name)
        .field("id", spec.id)
        .field("rules", spec.rules)
        .field("kind", to_string(spec.kind))
        .field("metric", to_string(spec.metric))
        .field("unit", to_string(spec.unit))
        .field("state", e.state())
        .field("history", t->history)
        .field("alpha", spec.alpha)
        .field("margin", spec.margin)
        .field("min_observations", spec.min_observations)
        .field("promote", spec.promote)
        .field("e_needed", e_value(e.log_level()));
    w.key("arms").begin_array();
    for (std::size_t i = 0; i < spec.arms.size(); ++i) write_arm(w, e, i);
    w.end_array().end_object();
  }
  w.end_array();
}

}  // namespace swy::gateway
