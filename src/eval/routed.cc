// Lines of plug-in routers: a configuration is written for the pool, compiled as any other, and
// asked about every test question.
//
// A sweep does not ask the estimator again at every setting: the beliefs of a question do not
// depend on the policy, so decide() is called once for a question (that call is what is timed) and
// the policies of all settings weigh the beliefs that it left behind, through the same weigh() that
// decide() calls. evaluate_test.cc checks against decide() at every setting.
// Cards get the price per token that explains the costs of the train part best (least squares on
// tokens in and out); what a choice costs in the evaluation is the cost recorded for that question.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "base/terminal.h"
#include "eval/asked.h"
#include "eval/flowed.h"
#include "eval/line.h"
#include "eval/pool_config.h"
#include "route/describe.h"
#include "route/plan.h"
#include "switchyard/env.h"

namespace swy::eval {
namespace {

// An estimator with an option `table` learns from the train part unless the spec says otherwise.
bool learns_from_table(const RouterSpec& spec, const route::Registry& registry) {
  for (const route::PluginInfo& info : route::describe(registry)) {
    if (info.kind != "estimator" || info.name != spec.name) continue;
    const bool has = std::any_of(info.options.begin(), info.options.end(),
                                 [](const auto& o) { return o.name == "table"; });
    return has && std::none_of(spec.options.begin(), spec.options.end(),
                               [](const auto& o) { return o.first == "table"; });
  }
  return false;
}

// ---- asking
// ----------------------------------------------------------------------------------------------------------

// Everything a plan says of the test questions under one rule set.
struct Answers {
  std::vector<std::vector<double>>
      probability;                     // by test question, by model; all zero when refused
  std::vector<route::Belief> beliefs;  // by test question and candidate, when kept
  double decide_us = 0;
  std::size_t refused = 0;
};

Answers ask_all(const Pool& pool, const route::Plan& plan, const route::RuleSet& rules,
                const std::vector<std::size_t>& model_of, bool keep_beliefs) {
  Answers a;
  a.probability.assign(pool.test.size(), std::vector<double>(pool.models(), 0.0));
  route::Scratch scratch;
  Asked asked;
  base::Progress progress(rules.name, pool.test.size());
  std::int64_t ns = 0;
  for (std::size_t t = 0; t < pool.test.size(); ++t) {
    asked.load(pool, pool.test[t]);
    const std::int64_t start = system_clock().mono_ns();
    asked.begin(plan, scratch);
    const auto decision =
        route::decide_now(plan, rules, {}, base::Rng(0, asked.work().id, 0), scratch);
    ns += system_clock().mono_ns() - start;
    if (const auto* choice = std::get_if<route::Choice>(&decision)) {
      const route::Rule& rule = rules.rules[choice->rule];
      for (std::size_t c = 0; c < rule.candidates.size(); ++c) {
        a.probability[t][model_of[rule.candidates[c]]] += scratch.probability[c];
      }
    } else {
      ++a.refused;
    }
    if (keep_beliefs)
      a.beliefs.insert(a.beliefs.end(), scratch.beliefs.begin(), scratch.beliefs.end());
    progress.advance();
  }
  a.decide_us = static_cast<double>(ns) / 1e3 / static_cast<double>(pool.test.size());
  return a;
}

Setting setting_of(const Pool& pool, std::string knob, const Answers& answers) {
  Setting s;
  s.knob = std::move(knob);
  s.share.assign(pool.models(), 0.0);
  for (std::size_t t = 0; t < pool.test.size(); ++t) add_routed(pool, t, answers.probability[t], s);
  finish_setting(s);
  return s;
}

// ---- sweeps
// ----------------------------------------------------------------------------------------------------------

struct Knob {
  std::string label;
  RouterSpec::Options options;  // added to the policy's
};

std::vector<Knob> utility_knobs(const Pool& pool, std::size_t points) {
  std::vector<Knob> knobs{{"cost=0", {{"cost", "0"}}}};
  if (!pool.priced) return knobs;
  for (const double price : price_grid(pool, points - 2)) {
    knobs.push_back({fmt::format("cost={:.4g}", price),
                     {{"cost", fmt::format("{:.9g}", price)}, {"cost_unit", "1"}}});
  }
  knobs.push_back({"cost only", {{"quality", "0"}, {"cost", "1"}}});
  return knobs;
}

std::vector<Knob> bar_knobs(std::size_t points) {
  std::vector<Knob> knobs;
  knobs.reserve(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double bar = static_cast<double>(i) / static_cast<double>(points - 1);
    knobs.push_back(
        {fmt::format("quality={:.3g}", bar), {{"quality", fmt::format("{:.9g}", bar)}}});
  }
  return knobs;
}

// Thresholds that call the strong model for evenly spaced shares of the test questions (their texts
// only: no outcome is looked at).
std::vector<Knob> threshold_knobs(const Pool& pool, const std::vector<route::Belief>& beliefs,
                                  std::size_t points) {
  const std::size_t strong = best_single(pool);
  std::vector<double> gains;
  gains.reserve(pool.test.size());
  for (std::size_t t = 0; t < pool.test.size(); ++t) {
    gains.push_back(beliefs[2 * t + strong].quality - beliefs[2 * t + 1 - strong].quality);
  }
  std::erase_if(gains, [](double g) { return std::isnan(g); });
  std::sort(gains.begin(), gains.end(), std::greater<>());
  const auto& models = pool.table.models();
  const RouterSpec::Options pair{{"strong", yaml_text(models[strong])},
                                 {"weak", yaml_text(models[1 - strong])}};
  std::vector<Knob> knobs;
  knobs.reserve(points);
  double last = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < points; ++i) {
    const auto calls = static_cast<std::size_t>(
        std::lround(static_cast<double>(i * gains.size()) / static_cast<double>(points - 1)));
    // A gain lies in -1..1, so 2 calls nobody.
    const double bar = calls == 0 ? 2.0 : gains[calls - 1];
    if (bar == last) continue;
    last = bar;
    RouterSpec::Options options = pair;
    options.emplace_back("threshold", fmt::format("{:.17g}", bar));
    knobs.push_back({fmt::format("threshold={:.4g}", bar), std::move(options)});
  }
  return knobs;
}

// The knobs a spec leaves open; none when the policy has none or the spec states it.
std::vector<Knob> knobs_of(const Pool& pool, const RouterSpec& spec,
                           const std::vector<route::Belief>& beliefs, std::size_t points) {
  if (spec.policy == "utility" && !spec.policy_states("cost")) return utility_knobs(pool, points);
  if (spec.policy == "cheapest_passing" && !spec.policy_states("quality")) return bar_knobs(points);
  return threshold_knobs(pool, beliefs, points);
}

bool sweeps(const RouterSpec& spec) {
  if (spec.policy == "utility") return !spec.policy_states("cost");
  if (spec.policy == "cheapest_passing") return !spec.policy_states("quality");
  return spec.policy == "threshold" && !spec.policy_states("threshold") &&
         !spec.policy_states("share");
}

// The settings of a sweep: every knob's policy over the beliefs that are there.
Result<std::vector<Setting>> sweep(const Pool& pool, const RouterSpec& spec,
                                   const route::Registry& registry, const std::vector<Knob>& knobs,
                                   const std::vector<route::Belief>& beliefs) {
  std::vector<RouteYaml> routes;
  routes.reserve(knobs.size());
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    RouterSpec::Options options = spec.policy_options;
    options.insert(options.end(), knobs[k].options.begin(), knobs[k].options.end());
    routes.push_back({fmt::format("k{}", k), "price", node_yaml(spec.policy, options)});
  }
  SWY_TRY(const auto plan, compile_text(models_yaml(pool, pool.train) + routes_yaml(pool, routes),
                                        ".", registry, spec.text));
  std::vector<Setting> settings(knobs.size());
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    settings[k].knob = knobs[k].label;
    settings[k].share.assign(pool.models(), 0.0);
  }
  route::Scratch scratch;
  Asked asked;
  const std::size_t m = pool.models();
  std::vector<double> probability(m);
  std::vector<double> score(m);
  for (std::size_t t = 0; t < pool.test.size(); ++t) {
    asked.load(pool, pool.test[t]);
    asked.begin(*plan, scratch);
    scratch.masked_by.assign(m, -1);
    const std::span<const route::Belief> believed(beliefs.data() + t * m, m);
    for (std::size_t k = 0; k < knobs.size(); ++k) {
      const route::Rule& rule = plan->rule_sets[k].rules[0];
      const route::Question question{
          plan->catalogue, scratch.reading, rule.candidates, {}, scratch};
      std::fill(probability.begin(), probability.end(), 0.0);
      std::fill(score.begin(), score.end(), route::kUnknownNumber);
      route::Distribution d{probability, score, {}};
      rule.policy->weigh(question, believed, d);
      add_routed(pool, t, probability, settings[k]);
    }
  }
  for (Setting& s : settings) finish_setting(s);
  return settings;
}

Result<Line> plugin_line(const Pool& pool, RouterSpec spec, const route::Registry& registry,
                         std::size_t points) {
  Line line{.name = spec.text, .kind = Line::Kind::kRouter, .settings = {}, .notes = {}};
  if (spec.policy.empty()) spec.policy = pool.models() == 2 ? "threshold" : "utility";
  if (spec.policy == "threshold" && sweeps(spec) && pool.models() != 2) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}': threshold needs two models, the pool has {}; name a pair with --models",
                    spec.text, pool.models()));
  }
  SWY_TRY(const TempDir temp, TempDir::make());
  RouterSpec::Options options = spec.options;
  if (learns_from_table(spec, registry)) {
    SWY_DO(write_train(pool, pool.train, temp.path() + "/train.jsonl"));
    options.emplace_back("table", "[train.jsonl]");
  }
  const bool swept = sweeps(spec);
  const std::string policy = swept ? "first" : node_yaml(spec.policy, spec.policy_options);
  const std::string yaml = models_yaml(pool, pool.train) +
                           routes_yaml(pool, {{"auto", node_yaml(spec.name, options), policy}});
  SWY_TRY(const auto plan, compile_text(yaml, temp.path(), registry, spec.text));
  std::vector<std::size_t> model_of(pool.models());
  std::iota(model_of.begin(), model_of.end(),
            std::size_t{0});  // cards are in the order of the table
  const Answers answers = ask_all(pool, *plan, plan->rule_sets[0], model_of, swept);
  line.decide_us = answers.decide_us;
  if (!swept) {
    line.settings.push_back(setting_of(pool, "", answers));
    return line;
  }
  SWY_TRY(line.settings, sweep(pool, spec, registry, knobs_of(pool, spec, answers.beliefs, points),
                               answers.beliefs));
  return line;
}

// ---- configurations
// --------------------------------------------------------------------------------------------------

// The pool's model for every card that the rule set can choose.
Result<std::vector<std::size_t>> match_cards(const Pool& pool, const route::Plan& plan,
                                             const route::RuleSet& rules) {
  std::vector<std::size_t> out(plan.catalogue.size(), record::OutcomeTable::npos);
  for (const route::Rule& rule : rules.rules) {
    for (const ExpertId id : rule.candidates) {
      const Card& card = plan.catalogue[id];
      out[id] = pool.table.model_index(card.name);
      if (out[id] == record::OutcomeTable::npos)
        out[id] = pool.table.model_index(card.upstream_model);
      if (out[id] != record::OutcomeTable::npos) continue;
      return fail(ErrorCode::kNotFound,
                  fmt::format("the pool has no outcomes of '{}' (upstream_model '{}'){}; if the "
                              "data has it, name the models with "
                              "--models",
                              card.name, card.upstream_model,
                              base::did_you_mean(card.name, pool.table.models())));
    }
  }
  return out;
}

Result<Line> config_line(const Pool& pool, const RouterSpec& spec,
                         const route::Registry& registry) {
  SWY_TRY(const std::string text, base::read_file(spec.name));
  base::Diagnostics diag(spec.name);
  const auto doc = base::parse_yaml(text, diag);
  const std::string parent = std::filesystem::path(spec.name).parent_path().string();
  const auto plan =
      doc ? route::compile(*doc, parent.empty() ? "." : parent, registry, diag) : nullptr;
  if (plan == nullptr) return fail(ErrorCode::kInvalidArgument, diag.to_text());
  const route::RuleSet* rules = plan->find(spec.rule_set);
  if (rules == nullptr) {
    std::vector<std::string> known;
    for (const route::RuleSet& r : plan->rule_sets) known.push_back(r.name);
    return fail(ErrorCode::kNotFound,
                fmt::format("{} has no rule set '{}'{}; it has {}", spec.name, spec.rule_set,
                            base::did_you_mean(spec.rule_set, known), fmt::join(known, ", ")));
  }
  SWY_TRY(const auto model_of, match_cards(pool, *plan, *rules));
  Line line{.name = spec.text, .kind = Line::Kind::kRouter, .settings = {}, .notes = {}};
  if (has_flow(*rules)) return flow_line(pool, spec.text, *plan, *rules, model_of);
  const Answers answers = ask_all(pool, *plan, *rules, model_of, false);
  line.decide_us = answers.decide_us;
  line.refused = static_cast<double>(answers.refused) / static_cast<double>(pool.test.size());
  if (answers.refused > 0) {
    line.notes.push_back(fmt::format("{}: refused {} of {} questions (quality 0, cost 0)",
                                     spec.text, answers.refused, pool.test.size()));
  }
  line.settings.push_back(setting_of(pool, "", answers));
  return line;
}

}  // namespace

Result<Line> routed_line(const Pool& pool, const RouterSpec& spec, const route::Registry& registry,
                         std::size_t points) {
  if (spec.kind == RouterSpec::Kind::kStrategy) return flow_line(pool, spec, registry, points);
  if (spec.kind == RouterSpec::Kind::kConfig) return config_line(pool, spec, registry);
  return plugin_line(pool, spec, registry, points);
}

}  // namespace swy::eval
