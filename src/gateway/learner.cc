#include "gateway/learner.h"

#include <algorithm>

#include "base/log.h"
#include "record/record_id.h"
#include "route/trace.h"

namespace swy::gateway {
namespace {

constexpr std::size_t kOverhead = 256;  // of an entry: its name twice, two nodes

// Milliseconds; what is no record's name is older than everything.
std::int64_t time_of(std::string_view record) {
  const auto parts = record::parse_record_id(record);
  return parts ? parts->time_ms : std::numeric_limits<std::int64_t>::min();
}

}  // namespace

void Lessons::keep(std::string_view record, Lesson lesson) {
  const std::size_t bytes = kOverhead + lesson.body.size() +
                            lesson.facts.size() * sizeof(std::pair<route::FactId, route::Fact>);
  const std::lock_guard lock(mutex_);
  if (bytes > max_bytes_) return;
  const auto [at, fresh] = entries_.try_emplace(std::string(record));
  if (!fresh) return;
  at->second = {std::move(lesson), false, bytes};
  order_.emplace_back(record);
  bytes_ += bytes;
  while (bytes_ > max_bytes_) forget_oldest();
}

void Lessons::forget_oldest() {
  const auto oldest = entries_.find(order_.front());
  if (oldest->second.learned) horizon_ms_ = std::max(horizon_ms_, time_of(order_.front()));
  bytes_ -= oldest->second.bytes;
  entries_.erase(oldest);
  order_.pop_front();
}

Lessons::Standing Lessons::standing(std::string_view record) const {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(std::string(record));
  if (at == entries_.end()) return Standing::kGone;
  return at->second.learned ? Standing::kLearned : Standing::kKept;
}

std::optional<Lesson> Lessons::take(std::string_view record) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(std::string(record));
  if (at == entries_.end() || at->second.learned) return std::nullopt;
  Entry& e = at->second;
  e.learned = true;
  bytes_ -= e.bytes - kOverhead;
  e.bytes = kOverhead;
  return std::exchange(e.lesson, {});
}

void Lessons::clear() {
  const std::lock_guard lock(mutex_);
  for (const std::string& record : std::exchange(order_, {})) {
    const auto at = entries_.find(record);
    if (at->second.learned) {
      order_.push_back(record);
      continue;
    }
    bytes_ -= at->second.bytes;
    entries_.erase(at);
  }
}

bool Lessons::may_learn_again(std::string_view record) const {
  const std::lock_guard lock(mutex_);
  return entries_.find(std::string(record)) == entries_.end() && time_of(record) > horizon_ms_;
}

void Lessons::learned(std::string_view record) {
  const std::lock_guard lock(mutex_);
  const auto [at, fresh] = entries_.try_emplace(std::string(record), Entry{{}, true, kOverhead});
  if (!fresh) return;
  order_.emplace_back(record);
  bytes_ += kOverhead;
  while (bytes_ > max_bytes_) forget_oldest();
}

Lessons::History Lessons::history(std::size_t most) const {
  const std::lock_guard lock(mutex_);
  History out{{}, horizon_ms_};
  for (auto at = order_.rbegin(); at != order_.rend(); ++at) {
    if (!entries_.find(*at)->second.learned) continue;
    if (out.learned.size() < most) {
      out.learned.push_back(*at);
    } else {
      out.horizon_ms = std::max(out.horizon_ms, time_of(*at));
    }
  }
  std::reverse(out.learned.begin(), out.learned.end());
  return out;
}

void Lessons::restore(const History& history) {
  {
    const std::lock_guard lock(mutex_);
    horizon_ms_ = history.horizon_ms;
  }
  for (const std::string& record : history.learned) learned(record);
}

std::size_t Lessons::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::string_view to_string(Lessons::Standing standing) {
  switch (standing) {
    case Lessons::Standing::kKept:
      return "learned";
    case Lessons::Standing::kLearned:
      return "learned before";
    case Lessons::Standing::kGone:
      break;
  }
  return "not kept";
}

void Learner::adopt(std::shared_ptr<const route::Plan> plan, std::uint64_t configured) {
  plan_ = std::move(plan);
  configured_ = configured;
  copies_.clear();
  dirty_ = false;
  for (const auto& e : plan_->learners) copies_.push_back(e->copy());
}

bool Learner::learn(const Lesson& lesson, double quality) {
  if (copies_.empty() || lesson.configured != configured_) return false;
  if (!doc_.decode(lesson.body)) return false;
  route::Work work;
  work.request = &doc_.request();
  scratch_.begin(work, plan_->signals.size());
  for (const auto& [id, fact] : lesson.facts) scratch_.set_fact(id, fact);
  const route::Rule& rule = plan_->rule_sets[lesson.rule_set].rules[lesson.rule];
  update(rule, lesson.candidate, {.quality = quality, .propensity = lesson.propensity});
  return true;
}

void Learner::update(const route::Rule& rule, std::size_t candidate,
                     const route::Outcome& outcome) {
  scratch_.masked_by.assign(rule.candidates.size(), -1);
  const route::Question q{plan_->catalogue, scratch_.reading, rule.candidates, {}, scratch_};
  for (auto& copy : copies_) copy->update(q, candidate, outcome);
  dirty_ = true;
}

bool Learner::learn_again(const base::Json& record, double quality) {
  const auto decision = record.find("decision");
  const auto work = record.find("work");
  if (copies_.empty() || !decision || !work) return false;
  const route::RuleSet* set = plan_->find(decision->string_or("set", ""));
  if (set == nullptr) return false;
  const auto rule = std::find_if(set->rules.begin(), set->rules.end(), [&](const auto& r) {
    return r.name == decision->string_or("rule", "");
  });
  const auto chosen = plan_->catalogue.find(decision->string_or("choice", ""));
  if (rule == set->rules.end() || !chosen) return false;
  const auto at = std::find(rule->candidates.begin(), rule->candidates.end(), *chosen);
  route::RecordedWork recorded;
  if (at == rule->candidates.end() || !recorded.read(*work, *plan_)) return false;
  const auto body = record.find("body");
  route::Work again = recorded.work();
  if (body) {
    if (!doc_.decode(body->as_string().value_or(""))) return false;
    again.request = &doc_.request();
    scratch_.begin(again, plan_->signals.size());
  } else if (!recorded.prepare(*decision, *plan_, scratch_)) {
    return false;
  }
  route::compute_facts(*plan_, rule->needs, scratch_);
  // Asking reads what learning reads: encodings are made here, and what the record lacks shows.
  scratch_.masked_by.assign(rule->candidates.size(), -1);
  const route::Question q{plan_->catalogue, scratch_.reading, rule->candidates, {}, scratch_};
  std::vector<route::Belief> beliefs(rule->candidates.size());
  for (const auto& learner : plan_->learners) route::believe_now(*plan_, *learner, q, beliefs);
  if (!body && !recorded.lacks(scratch_.reading).empty()) return false;
  const auto seat = record.find("experiment");
  const double propensity =
      seat ? seat->number_or("marginal", 1) : decision->number_or("propensity", 1);
  update(*rule, static_cast<std::size_t>(at - rule->candidates.begin()),
         {.quality = quality, .propensity = propensity});
  return true;
}

std::shared_ptr<const route::Plan> Learner::publish() {
  if (!dirty_) return nullptr;
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    plan_ = route::with_estimator(*plan_, plan_->learners[i].get(),
                                  std::shared_ptr<const route::Estimator>(copies_[i]->copy()));
    if (const Status saved = copies_[i]->save(); !saved) base::log_warning(saved.error().message);
  }
  dirty_ = false;
  return plan_;
}

}  // namespace swy::gateway
