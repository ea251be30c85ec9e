#include "gateway/account_file.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "base/doc.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/state_file.h"

namespace swy::gateway {
namespace {

constexpr StateMark kMark{"accounts", 0};  // every rule says for itself what it is

std::string path_of(const Snapshot& s) {
  const bool keeps = !s.config->state.empty() && !s.plan().accounts.empty();
  return keeps ? s.config->state + "/accounts.json" : "";
}

template <class F>
void each_account(const route::Plan& plan, F f) {
  for (const route::RuleSet& set : plan.rule_sets) {
    for (const route::Rule& rule : set.rules) {
      if (rule.account_size > 0) f(set, rule);
    }
  }
}

std::string content_of(const Snapshot& s) {
  std::vector<double> numbers;
  s.accounts->view(numbers);
  std::string text;
  base::JsonWriter w(text);
  w.begin_array();
  each_account(s.plan(), [&](const route::RuleSet& set, const route::Rule& rule) {
    w.begin_object().field("set", set.name).field("rule", rule.name);
    w.field("policy", rule.policy_name).key("models").begin_array();
    for (const ExpertId id : rule.candidates) w.string(s.plan().catalogue[id].name);
    w.end_array().key("numbers").begin_array();
    for (const double x : std::span(numbers).subspan(rule.account_at, rule.account_size))
      w.number(x);
    w.end_array().end_object();
  });
  w.end_array();
  return text;
}

bool is_of(const base::Json& kept, const Snapshot& s, const route::RuleSet& set,
           const route::Rule& rule) {
  if (kept.string_or("set", "") != set.name || kept.string_or("rule", "") != rule.name ||
      kept.string_or("policy", "") != rule.policy_name)
    return false;
  const auto models = kept.find("models");
  if (!models || models->size() != rule.candidates.size()) return false;
  std::size_t i = 0;
  bool same = true;
  models->each([&](const base::Json& name) {
    same = same && name.as_string() == s.plan().catalogue[rule.candidates[i++]].name;
  });
  return same;
}

void take(const base::Json& kept, const Snapshot& s, const route::Rule& rule) {
  const auto numbers = kept.find("numbers");
  if (!numbers || numbers->size() != rule.account_size) return;
  s.accounts->change(rule.account_at, rule.account_size, [&](std::span<double> account) {
    std::size_t i = 0;
    numbers->each(
        [&](const base::Json& x) { account[i++] = x.as_number().value_or(route::kUnknownNumber); });
  });
}

}  // namespace

void AccountFile::restore(const Snapshot& s) {
  const std::string path = path_of(s);
  if (path.empty()) return;
  const auto text = read_state(path, kMark);
  if (!text) return base::log_warning("accounts begin anew: " + text.error().message);
  if (!*text) return;
  base::JsonDoc doc;
  const auto root = doc.parse(**text);
  if (!root) return base::log_warning("accounts begin anew: " + path + " is not readable");
  root->each([&](const base::Json& kept) {
    each_account(s.plan(), [&](const route::RuleSet& set, const route::Rule& rule) {
      if (is_of(kept, s, set, rule)) take(kept, s, rule);
    });
  });
}

void AccountFile::save(const Snapshot& s) {
  const std::string path = path_of(s);
  if (path.empty()) return;
  std::string content = content_of(s);
  if (content == written_) return;
  if (const Status saved = write_state(path, kMark, content); !saved)
    return base::log_warning(saved.error().message);
  written_ = std::move(content);
}

}  // namespace swy::gateway
