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
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "base/hash.h"
#include "base/terminal.h"
#include "eval/asked.h"
#include "eval/flowed.h"
#include "eval/line.h"
#include "eval/noise.h"
#include "eval/pick.h"
#include "eval/pool_config.h"
#include "route/describe.h"
#include "route/plan.h"
#include "switchyard/env.h"

namespace swy::eval {
namespace {

bool takes_table(std::string_view estimator, const route::Registry& registry) {
  for (const route::PluginInfo& info : route::describe(registry)) {
    if (info.kind != "estimator" || info.name != estimator) continue;
    return std::any_of(info.options.begin(), info.options.end(),
                       [](const auto& o) { return o.name == "table"; });
  }
  return false;
}

// An estimator with an option `table` learns from the train part unless the spec says otherwise.
bool learns_from_table(const RouterSpec& spec, const route::Registry& registry) {
  return !spec.states("table") && takes_table(spec.name, registry);
}

// The estimators that the option `of` names by their type: they learn from the train part, too.
std::vector<std::string> parts_that_learn(const RouterSpec& spec, const route::Registry& registry) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : spec.options) {
    if (key != "of") continue;
    for (std::size_t i = 0; i < value.size();) {
      const auto in_name = [&](std::size_t at) {
        return at < value.size() && (std::isalnum(static_cast<unsigned char>(value[at])) != 0 ||
                                     value[at] == '_' || value[at] == '-');
      };
      std::size_t end = i;
      while (in_name(end)) ++end;
      const std::string name = value.substr(i, end - i);
      if (takes_table(name, registry)) parts.push_back(name);
      i = end + 1;
    }
  }
  return parts;
}

// ---- asking
// ----------------------------------------------------------------------------------------------------------

// Everything a plan says of some questions under one rule set.
struct Answers {
  // By question, by model; all zero when refused.
  std::vector<std::vector<double>> probability;
  std::vector<route::Belief> beliefs;  // by question and model
  std::vector<float> us;               // time of every decision
  std::size_t refused = 0;
};

// A compiled plan and whose card is whose model.
struct Asker {
  const Pool& pool;
  const route::Plan& plan;
  const route::RuleSet& rules;
  const std::vector<std::size_t>& model_of;  // by card

  // texts: what to ask instead of the rows' prompts; empty: these.
  [[nodiscard]] Answers ask(std::span<const std::size_t> rows,
                            std::span<const std::string> texts = {}) const {
    Answers a;
    a.probability.assign(rows.size(), std::vector<double>(pool.models(), 0.0));
    a.beliefs.resize(rows.size() * pool.models());
    route::Scratch scratch;
    Asked asked;
    base::Progress progress(rules.name, rows.size());
    for (std::size_t t = 0; t < rows.size(); ++t) {
      if (texts.empty()) {
        asked.load(pool, rows[t]);
      } else {
        asked.load(pool, rows[t], texts[t]);
      }
      const std::int64_t start = system_clock().mono_ns();
      asked.begin(plan, scratch);
      const auto decision =
          route::decide_now(plan, rules, {}, base::Rng(0, asked.work().id, 0), scratch);
      a.us.push_back(static_cast<float>(system_clock().mono_ns() - start) / 1e3F);
      take(decision, scratch, t, a);
      progress.advance();
    }
    return a;
  }

 private:
  void take(const route::Decision& decision, const route::Scratch& scratch, std::size_t t,
            Answers& a) const {
    const auto* choice = std::get_if<route::Choice>(&decision);
    if (choice == nullptr) {
      ++a.refused;
      return;
    }
    const route::Rule& rule = rules.rules[choice->rule];
    for (std::size_t c = 0; c < rule.candidates.size(); ++c) {
      const std::size_t model = model_of[rule.candidates[c]];
      a.probability[t][model] += scratch.probability[c];
      if (c < scratch.beliefs.size()) a.beliefs[t * pool.models() + model] = scratch.beliefs[c];
    }
  }
};

double mean_of(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Decided decided_of(const Pool& pool, std::span<const std::size_t> rows, std::string knob,
                   const Answers& answers) {
  Decided d = empty_decided(pool, std::move(knob), rows.size());
  for (std::size_t t = 0; t < rows.size(); ++t)
    add_decided(pool, rows[t], answers.probability[t], d);
  finish_setting(d.setting);
  return d;
}

// ---- sweeps
// ----------------------------------------------------------------------------------------------------------

struct Knob {
  std::string label;
  RouterSpec::Options options;  // added to the policy's
};

// Policies with the options of money (route/policy/pick.h).
bool weighs_money(const RouterSpec& spec) {
  return spec.policy == "utility" || spec.policy == "multi_factor" || spec.policy == "thompson" ||
         spec.policy == "ucb" || spec.policy == "flags";
}

std::vector<Knob> money_knobs(const Pool& pool, const RouterSpec& spec, std::size_t points) {
  std::vector<Knob> knobs{{"cost=0", {{"cost", "0"}}}};
  if (!pool.priced) return knobs;
  for (const double price : price_grid(pool, points - 2)) {
    knobs.push_back({fmt::format("cost={:.4g}", price),
                     {{"cost", fmt::format("{:.9g}", price)}, {"cost_unit", "1"}}});
  }
  if (spec.policy == "utility" || spec.policy == "multi_factor")
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

// Thresholds that call the strong model for evenly spaced shares of the questions believed of
// (their texts only: no outcome is looked at).
std::vector<Knob> threshold_knobs(const Pool& pool, const std::vector<route::Belief>& beliefs,
                                  std::size_t points) {
  const std::size_t strong = best_single(pool);
  std::vector<double> gains;
  gains.reserve(beliefs.size() / 2);
  for (std::size_t t = 0; t < beliefs.size() / 2; ++t) {
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
    // A gain lies in -1..1, so 2 calls nobody and -2 everybody, also of questions whose gain is
    // below all that were seen.
    double bar = calls == 0 ? 2.0 : gains[calls - 1];
    if (calls > 0 && bar <= gains.back()) bar = -2;
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
  if (weighs_money(spec) && !spec.policy_states("cost")) return money_knobs(pool, spec, points);
  if (spec.policy == "cheapest_passing" && !spec.policy_states("quality")) return bar_knobs(points);
  return threshold_knobs(pool, beliefs, points);
}

bool sweeps(const RouterSpec& spec) {
  if (weighs_money(spec)) return !spec.policy_states("cost");
  if (spec.policy == "cheapest_passing") return !spec.policy_states("quality");
  return spec.policy == "threshold" && !spec.policy_states("threshold") &&
         !spec.policy_states("share");
}

// The settings of a sweep on these rows: every knob's policy over the beliefs that are there.
// visit(knob, t, probabilities of the models for rows[t]).
template <typename Visit>
Status weigh_all(const Pool& pool, std::span<const std::size_t> rows, const RouterSpec& spec,
                 const route::Registry& registry, const std::vector<Knob>& knobs,
                 const std::vector<route::Belief>& beliefs, Visit&& visit) {
  std::vector<RouteYaml> routes;
  routes.reserve(knobs.size());
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    RouterSpec::Options options = spec.policy_options;
    options.insert(options.end(), knobs[k].options.begin(), knobs[k].options.end());
    routes.push_back({fmt::format("k{}", k), "price", node_yaml(spec.policy, options)});
  }
  SWY_TRY(const auto plan, compile_text(models_yaml(pool, pool.train) + routes_yaml(pool, routes),
                                        ".", registry, spec.text));
  if (!plan->accounts.empty())
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}': {} follows what is spent from request to request: evaluate it "
                            "with `switchyard eval online`",
                            spec.text, spec.policy));
  route::Scratch scratch;
  Asked asked;
  const std::size_t m = pool.models();
  std::vector<double> probability(m);
  std::vector<double> score(m);
  for (std::size_t t = 0; t < rows.size(); ++t) {
    asked.load(pool, rows[t]);
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
      visit(k, t, probability);
    }
  }
  return {};
}

Result<std::vector<Setting>> sweep(const Pool& pool, std::span<const std::size_t> rows,
                                   const RouterSpec& spec, const route::Registry& registry,
                                   const std::vector<Knob>& knobs,
                                   const std::vector<route::Belief>& beliefs) {
  std::vector<Setting> settings(knobs.size());
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    settings[k].knob = knobs[k].label;
    settings[k].share.assign(pool.models(), 0.0);
  }
  SWY_DO(weigh_all(pool, rows, spec, registry, knobs, beliefs,
                   [&](std::size_t k, std::size_t t, const std::vector<double>& p) {
                     add_routed_row(pool, rows[t], p, settings[k]);
                   }));
  for (Setting& s : settings) finish_setting(s);
  return settings;
}

// What the picked knobs do on the test questions.
Result<std::vector<Picked>> decide_picked(const Pool& pool, const RouterSpec& spec,
                                          const route::Registry& registry,
                                          const std::vector<Knob>& knobs,
                                          const std::vector<Pick>& picks,
                                          const std::vector<route::Belief>& beliefs) {
  std::vector<Knob> used;  // low, high of every pick
  std::vector<Decided> decided;
  for (const Pick& p : picks) {
    for (const std::size_t k : {p.low, p.high}) {
      used.push_back(knobs[k]);
      decided.push_back(empty_decided(pool, knobs[k].label, pool.test.size()));
    }
  }
  SWY_DO(weigh_all(pool, pool.test, spec, registry, used, beliefs,
                   [&](std::size_t k, std::size_t t, const std::vector<double>& p) {
                     add_decided(pool, pool.test[t], p, decided[k]);
                   }));
  for (Decided& d : decided) finish_setting(d.setting);
  std::vector<Picked> out;
  for (std::size_t i = 0; i < picks.size(); ++i)
    out.push_back(mixed(pool, picks[i], decided[2 * i], decided[2 * i + 1]));
  return out;
}

// A plug-in router that learned from some rows.
struct Learned {
  TempDir temp;
  std::shared_ptr<const route::Plan> plan;

  static Result<Learned> from(const Pool& pool, const RouterSpec& spec,
                              const route::Registry& registry, std::span<const std::size_t> rows) {
    SWY_TRY(TempDir temp, TempDir::make());
    RouterSpec::Options options = spec.options;
    const auto parts = parts_that_learn(spec, registry);
    const bool learns = learns_from_table(spec, registry);
    if (learns || !parts.empty()) SWY_DO(write_train(pool, rows, temp.path() + "/train.jsonl"));
    if (learns) options.emplace_back("table", "[train.jsonl]");
    std::string estimators = parts.empty() ? "" : "estimators:\n";
    for (const std::string& part : parts)
      estimators += fmt::format("  {}: {}\n", part, node_yaml(part, {{"table", "[train.jsonl]"}}));
    const std::string policy = sweeps(spec) ? "first" : node_yaml(spec.policy, spec.policy_options);
    const std::string yaml = models_yaml(pool, rows) + estimators +
                             routes_yaml(pool, {{"auto", node_yaml(spec.name, options), policy}});
    SWY_TRY(auto plan, compile_text(yaml, temp.path(), registry, spec.text));
    return Learned{std::move(temp), std::move(plan)};
  }

  [[nodiscard]] Answers ask(const Pool& pool, std::span<const std::size_t> rows,
                            std::span<const std::string> texts = {}) const {
    std::vector<std::size_t> model_of(pool.models());
    std::iota(model_of.begin(), model_of.end(), std::size_t{0});  // cards as in the table
    return Asker{pool, *plan, plan->rule_sets[0], model_of}.ask(rows, texts);
  }
};

// `count` test questions, evenly spaced, or all that there are.
std::vector<std::size_t> some_of_test(const Pool& pool, std::size_t count) {
  const std::size_t n = std::min(count, pool.test.size());
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < n; ++i) rows.push_back(pool.test[i * pool.test.size() / n]);
  return rows;
}

// Chooses knobs on the validation rows, with a router that learned from the rest of the train part.
// The knob that a person would serve with: the dearer one of the pick for equal quality (without
// costs: for quality); none when there is nothing to choose.
Result<std::vector<Knob>> validate(const Pool& pool, const RouterSpec& spec,
                                   const route::Registry& registry, std::size_t points,
                                   const std::vector<route::Belief>& beliefs, Line& line) {
  std::vector<bool> is_validation(pool.table.rows(), false);
  for (const std::size_t row : pool.validation) is_validation[row] = true;
  std::vector<std::size_t> rest;
  for (const std::size_t row : pool.train) {
    if (!is_validation[row]) rest.push_back(row);
  }
  if (rest.empty()) return std::vector<Knob>{};
  SWY_TRY(const Learned learned, Learned::from(pool, spec, registry, rest));
  const Answers answers = learned.ask(pool, pool.validation);
  line.validation_beliefs = answers.beliefs;
  if (pool.foreign)
    line.foreign_beliefs = learned.ask(pool, some_of_test(pool, pool.validation.size())).beliefs;
  if (!sweeps(spec)) return std::vector<Knob>{};
  const std::vector<Knob> knobs = knobs_of(pool, spec, answers.beliefs, points);
  SWY_TRY(const auto settings,
          sweep(pool, pool.validation, spec, registry, knobs, answers.beliefs));
  const std::vector<Pick> picks = pick(pool, settings);
  SWY_TRY(line.picked, decide_picked(pool, spec, registry, knobs, picks, beliefs));
  const auto served = std::find_if(picks.begin(), picks.end(),
                                   [](const Pick& p) { return p.by == Picked::By::kEqual; });
  return std::vector<Knob>{knobs[served == picks.end() ? picks[0].low : served->high]};
}

std::size_t likeliest(std::span<const double> probability) {
  return static_cast<std::size_t>(std::max_element(probability.begin(), probability.end()) -
                                  probability.begin());
}

// The likeliest model of `count` test questions as they are and perturbed, at this knob; without
// one, as decide() says.
Result<Noise> ask_perturbed(const Pool& pool, const RouterSpec& spec,
                            const route::Registry& registry, const Learned& learned,
                            const std::vector<Knob>& knobs, std::size_t count) {
  const std::vector<std::size_t> rows = some_of_test(pool, count);
  const std::size_t n = rows.size();
  std::vector<std::string> texts;
  for (const std::size_t row : rows) {
    const record::OutcomeRow r = pool.table.row(row);
    texts.push_back(perturbed(r.prompt, r.id, 0));
  }
  const std::array<Answers, 2> answers{learned.ask(pool, rows), learned.ask(pool, rows, texts)};
  std::array<std::vector<std::size_t>, 2> chosen;
  for (std::size_t side = 0; side < 2; ++side) {
    if (knobs.empty()) {
      for (const auto& p : answers[side].probability) chosen[side].push_back(likeliest(p));
      continue;
    }
    SWY_DO(weigh_all(pool, rows, spec, registry, knobs, answers[side].beliefs,
                     [&](std::size_t, std::size_t, const std::vector<double>& p) {
                       chosen[side].push_back(likeliest(p));
                     }));
  }
  Noise out{n, 0};
  for (std::size_t i = 0; i < n; ++i) out.unchanged += chosen[0][i] == chosen[1][i] ? 1U : 0U;
  return out;
}

Result<Line> plugin_line(const Pool& pool, RouterSpec spec, const route::Registry& registry,
                         std::size_t points, std::size_t noise) {
  Line line{.name = spec.text, .kind = Line::Kind::kRouter, .settings = {}, .notes = {}};
  if (spec.policy.empty()) spec.policy = pool.models() == 2 ? "threshold" : "utility";
  if (spec.policy == "threshold" && sweeps(spec) && pool.models() != 2) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}': threshold needs two models, the pool has {}; name a pair with --models",
                    spec.text, pool.models()));
  }
  SWY_TRY(const Learned learned, Learned::from(pool, spec, registry, pool.train));
  Answers answers = learned.ask(pool, pool.test);
  line.decide_us = mean_of(answers.us);
  line.us = std::move(answers.us);
  line.beliefs = std::move(answers.beliefs);
  if (sweeps(spec)) {
    SWY_TRY(line.settings, sweep(pool, pool.test, spec, registry,
                                 knobs_of(pool, spec, line.beliefs, points), line.beliefs));
  } else {
    line.picked.push_back(only(decided_of(pool, pool.test, "", answers)));
    line.settings.push_back(line.picked[0].decided.setting);
  }
  std::vector<Knob> served;
  if (!pool.validation.empty()) {
    SWY_TRY(served, validate(pool, spec, registry, points, line.beliefs, line));
  }
  if (noise > 0 && (!served.empty() || !sweeps(spec))) {
    SWY_TRY(line.noise, ask_perturbed(pool, spec, registry, learned, served, noise));
  }
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
      out[id] = pool.table.model_index(card.name, card.name_in_tables());
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
  if (!plan->accounts.empty())
    line.notes.push_back(
        fmt::format("{}: policies that follow what is spent stand at the prices "
                    "that they open with; `switchyard eval online` moves them",
                    spec.text));
  if (has_flow(*rules)) return flow_line(pool, spec.text, *plan, *rules, model_of);
  Answers answers = Asker{pool, *plan, *rules, model_of}.ask(pool.test);
  line.decide_us = mean_of(answers.us);
  line.us = std::move(answers.us);
  line.beliefs = std::move(answers.beliefs);
  line.refused = static_cast<double>(answers.refused) / static_cast<double>(pool.test.size());
  if (answers.refused > 0) {
    line.notes.push_back(fmt::format("{}: refused {} of {} questions (quality 0, cost 0)",
                                     spec.text, answers.refused, pool.test.size()));
  }
  line.picked.push_back(only(decided_of(pool, pool.test, "", answers)));
  line.settings.push_back(line.picked[0].decided.setting);
  return line;
}

}  // namespace

Result<Line> routed_line(const Pool& pool, const RouterSpec& spec, const route::Registry& registry,
                         std::size_t points, std::size_t noise) {
  if (spec.kind == RouterSpec::Kind::kStrategy) return flow_line(pool, spec, registry, points);
  if (spec.kind == RouterSpec::Kind::kConfig) return config_line(pool, spec, registry);
  return plugin_line(pool, spec, registry, points, noise);
}

}  // namespace swy::eval
