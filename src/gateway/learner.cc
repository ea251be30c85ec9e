#include "gateway/learner.h"

#include "base/log.h"

namespace swy::gateway {
namespace {

constexpr std::size_t kOverhead = 256;  // of an entry: its name twice, two nodes

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
  while (bytes_ > max_bytes_) {
    const auto oldest = entries_.find(order_.front());
    bytes_ -= oldest->second.bytes;
    entries_.erase(oldest);
    order_.pop_front();
  }
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
  bytes_ = 0;
  order_.clear();
  entries_.clear();
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
  scratch_.masked_by.assign(rule.candidates.size(), -1);
  const route::Question q{plan_->catalogue, scratch_.reading, rule.candidates, {}, scratch_};
  for (auto& copy : copies_) {
    copy->update(q, lesson.candidate, {.quality = quality, .propensity = lesson.propensity});
  }
  dirty_ = true;
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
