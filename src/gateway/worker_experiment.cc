// A request's place in an experiment (docs/reference/experiments.md).
//
// The arm that serves is dealt by a hash of the unit. Every other arm that gets requests, and every
// shadow, decides too: what it would have done with the model that was chosen gives the probability
// of that choice over the whole experiment, which is what off-policy estimates need; none of them
// is called. Once one arm has all requests the others are not asked any more.
#include <cmath>

#include "base/hash.h"
#include "gateway/elsewhere.h"
#include "gateway/worker.h"

namespace swy::gateway {
namespace {

std::uint64_t unit_of(route::ExperimentUnit unit, const route::Work& work) {
  if (unit == route::ExperimentUnit::kSession && !work.session.empty())
    return base::hash64(work.session, 1);
  if (unit == route::ExperimentUnit::kKey && !work.key_name.empty())
    return base::hash64(work.key_name, 2);
  return work.id;
}

}  // namespace

std::optional<Seat> Worker::seat_for(const Snapshot& snapshot, std::size_t rule_set,
                                     const route::Work& work) const {
  const auto experiment = snapshot.rule_sets[rule_set].experiment;
  if (!experiment) return std::nullopt;
  const route::ExperimentSpec& spec = snapshot.config->experiments[*experiment];
  Seat seat;
  seat.experiment = *experiment;
  seat.unit = unit_of(spec.unit, work);
  seat.arm = route::assign(spec, snapshot.trials[*experiment].shares, seat.unit);
  return seat;
}

// false: encodings were asked for; ask again once they are here.
bool Worker::ask_others(Exchange& x, const route::Work& work,
                        std::optional<Understood>& understood) {
  if (!x.seat) return true;
  const Snapshot& s = *x.snapshot;
  const TrialState& trial = s.trials[x.seat->experiment];
  const bool shadow =
      s.config->experiments[x.seat->experiment].kind == route::ExperimentKind::kShadow;
  for (std::size_t arm = 0; arm < trial.shares.size(); ++arm) {
    if (arm == x.seat->arm || (!shadow && !(trial.shares[arm] > 0))) continue;
    const std::size_t index = trial.rule_sets[arm];
    const route::RuleSet& set = s.plan().rule_sets[index];
    other_scratch_.begin(work, s.plan().signals.size());
    if (understood) understood->provide(other_scratch_.reading);
    s.look(index, other_seen_);
    const route::Decision d = route::decide(s.plan(), set, other_seen_.view(),
                                            base::Rng(s.config->seed, work.id, 0), other_scratch_);
    if (const auto* need = std::get_if<route::Need>(&d)) {
      if (!understood) understood.emplace(*shared_.understanding, loop_);
      understood->ask(s.config->plan, *need, other_scratch_.reading);
      return false;
    }
    Seat::Other other;
    other.arm = arm;
    if (const auto* choice = std::get_if<route::Choice>(&d)) {
      other.choice = choice->expert;
      const route::Rule& rule = set.rules[choice->rule];
      for (std::size_t c = 0; c < rule.candidates.size(); ++c)
        other.odds.emplace_back(rule.candidates[c], other_scratch_.probability[c]);
    }
    x.seat->others.push_back(std::move(other));
  }
  return true;
}

void Worker::weigh_seat(Exchange& x, const route::Choice& choice) {
  const TrialState& trial = x.snapshot->trials[x.seat->experiment];
  trial.requests[x.seat->arm]->add();
  x.seat->propensity = trial.shares[x.seat->arm] * choice.propensity;
  x.seat->marginal = x.seat->propensity;
  for (const Seat::Other& other : x.seat->others) {
    for (const auto& [expert, p] : other.odds) {
      if (expert == choice.expert) x.seat->marginal += trial.shares[other.arm] * p;
    }
  }
  if (x.lesson) x.lesson->propensity = x.seat->marginal;
}

std::string Worker::seat_text(const Exchange& x) const {
  const Seat& seat = *x.seat;
  const route::ExperimentSpec& spec = x.snapshot->config->experiments[seat.experiment];
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("name", spec.name)
      .field("id", spec.id)
      .field("arm", spec.arms[seat.arm].name)
      .field("unit", base::hex64(seat.unit))
      .field("share", x.snapshot->trials[seat.experiment].shares[seat.arm]);
  if (seat.propensity > 0) w.field("propensity", seat.propensity).field("marginal", seat.marginal);
  if (!seat.others.empty()) {
    w.key("others").begin_array();
    for (const Seat::Other& other : seat.others) {
      w.begin_object().field("arm", spec.arms[other.arm].name);
      if (other.choice != kNoExpert)
        w.field("choice", x.snapshot->plan().catalogue[other.choice].name);
      w.end_object();
    }
    w.end_array();
  }
  w.end_object();
  return out;
}

// Tells the control thread how a request of an experiment ended, where that says anything.
void Worker::report_seat(const Exchange& x, std::int64_t now_ns) {
  const route::ExperimentSpec& spec = x.snapshot->config->experiments[x.seat->experiment];
  Happened h;
  h.value = measured(spec.metric, ended_as(x.status, x.aborted, x.error.has_value()), x.cost,
                     static_cast<double>(now_ns - x.start_ns) / 1e6);
  if (spec.kind == route::ExperimentKind::kShadow && x.seat->propensity > 0) {
    for (const Seat::Other& other : x.seat->others)
      h.would.emplace_back(spec.arms[other.arm].name, other.choice == x.expert);
  }
  if (std::isnan(h.value) && h.would.empty()) return;
  h.id = spec.id;
  h.arm = spec.arms[x.seat->arm].name;
  h.unit = x.seat->unit;
  shared_.on_control([shared = &shared_, h = std::move(h)] { shared->happened(h); });
}

base::Task<void> Worker::experiments(http::Request request, http::ServerConnection& connection) {
  const auto key = authenticate(request);
  if (!key) {
    co_await reply_error(connection, ErrorCode::kUnauthorized,
                         "missing or unknown API key; send Authorization: Bearer KEY", "");
    co_return;
  }
  std::function<std::string()> tell = shared_.tell_experiments;
  RunElsewhere<std::string> told(loop_, shared_.on_control, std::move(tell));
  std::string body = co_await told;
  co_await reply(connection, 200, std::move(body));
}

}  // namespace swy::gateway
