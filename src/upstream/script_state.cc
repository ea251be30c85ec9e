// Faults are drawn from (seed, request number, place of the rule), so that neither the answers nor
// other rules shift the draws. Tests: faults_test.cc, upstream_test.cc.
#include "upstream/script_state.h"

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/rng.h"

namespace swy::upstream {
namespace {

// A long body is remembered so far; a test that needs more has the sender.
constexpr std::size_t kRememberedBody = 256UL * 1024;
constexpr std::uint64_t kFaultStage = 0x6661756c74;  // "fault"

void write_headers(base::JsonWriter& w, const wire::Headers& headers) {
  std::map<std::string, std::string> by_name;  // repeated fields as one list, as HTTP allows
  for (std::size_t i = 0; i < headers.size(); ++i) {
    std::string name(headers[i].name);
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    std::string& value = by_name[name];
    if (!value.empty()) value += ", ";
    value += headers[i].value;
  }
  w.key("headers").begin_object();
  for (const auto& [name, value] : by_name) w.field(name, value);
  w.end_object();
}

}  // namespace

Script::Script(ScriptOptions options, AnswerBook book)
    : options_(std::move(options)), book_(std::move(book)) {
  set_faults(options_.faults);
}

const ModelScript* Script::model(std::string_view name) const {
  const ModelScript* any = nullptr;
  for (const ModelScript& m : options_.models) {
    if (m.name == name) return &m;
    if (m.name == "*") any = &m;
  }
  return any;
}

bool Script::listed(std::string_view name) const {
  return book_.has_model(name) ||
         std::any_of(options_.models.begin(), options_.models.end(),
                     [&](const ModelScript& m) { return m.name == name && name != "*"; });
}

Fault Script::choose_fault(std::uint64_t number, std::string_view model) {
  if (!any_rule_) return {};
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    RuleState& r = rules_[i];
    if (!r.rule.model.empty() && r.rule.model != model) continue;
    ++r.seen;
    if (r.seen % r.rule.every != 0) continue;
    if (r.rule.times > 0 && r.hits >= r.rule.times) continue;
    if (base::Rng(options_.seed, number, kFaultStage + i).uniform() >= r.rule.probability) continue;
    ++r.hits;
    return r.rule.fault;
  }
  return {};
}

void Script::set_faults(std::vector<FaultRule> rules) {
  const std::lock_guard lock(mutex_);
  rules_.clear();
  for (FaultRule& rule : rules) rules_.push_back({std::move(rule), 0, 0});
  any_rule_ = !rules_.empty();
}

void Script::remember(std::uint64_t number, http::Request request, const Fault& fault) {
  const auto keep = static_cast<std::size_t>(options_.remember);
  if (keep == 0) return;
  Seen seen{number, std::move(request), 0, fault};
  seen.body_bytes = seen.request.body.size();
  if (seen.body_bytes > kRememberedBody) {
    seen.request.body.resize(kRememberedBody);
    seen.request.body.shrink_to_fit();
  }
  const std::lock_guard lock(mutex_);
  if (seen_.size() >= keep) seen_.pop_front();
  seen_.push_back(std::move(seen));
}

UpstreamStats Script::stats() const { return {requests_, faults_, aborted_, bytes_, active_}; }

std::string Script::requests_json() const {
  std::string out;
  base::JsonWriter w(out);
  const std::lock_guard lock(mutex_);
  w.begin_object().key("requests").begin_array();
  for (const Seen& s : seen_) {
    w.begin_object().field("number", s.number).field("method", s.request.head.method);
    w.field("path", s.request.head.target);
    write_headers(w, s.request.head.headers);
    w.field("body", s.request.body).field("body_bytes", std::uint64_t{s.body_bytes});
    w.field("fault", to_string(s.fault)).end_object();
  }
  w.end_array().end_object();
  return out;
}

void Script::reset() {
  set_faults(options_.faults);
  const std::lock_guard lock(mutex_);
  seen_.clear();
  requests_ = faults_ = aborted_ = bytes_ = 0;
}

}  // namespace swy::upstream
