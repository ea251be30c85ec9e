// A question through a flow: decide() as when serving, then flow::run() with a caller that looks
// answers up. What the table does not have (a second sample of a model, a verdict, a prompt of a
// strategy's own) fails as a call, and a note counts it. Quality is that of the answer given;
// abstaining is quality 0 at the cost of the calls made. All answers of an arm are one entry of the
// table, the best of them: choosing among them is taken to be right.
#include "eval/flowed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "base/json.h"
#include "base/terminal.h"
#include "eval/asked.h"
#include "eval/pool_config.h"
#include "flow/loop.h"
#include "record/responses.h"
#include "route/describe.h"
#include "switchyard/env.h"

namespace swy::eval {
namespace {

constexpr std::size_t kNotedSettings = 4;  // a longer sweep says nothing of each

class RecordedCaller final : public flow::Caller {
 public:
  RecordedCaller(const Pool& pool, const Catalogue& catalogue, const record::Responses& texts,
                 const std::vector<std::size_t>& model_of)
      : pool_(pool), catalogue_(catalogue), texts_(texts), model_of_(model_of) {}

  void ask_about(std::size_t row, std::span<const ExpertId> candidates) {
    row_ = row;
    candidates_ = candidates;
  }
  [[nodiscard]] std::size_t unrecorded() const { return unrecorded_; }

  base::Task<void> call(std::span<const route::FlowCall> calls,
                        std::span<route::Observation> out) override {
    for (std::size_t i = 0; i < calls.size(); ++i) look_up(calls[i], out[i]);
    co_return;
  }

 private:
  void look_up(const route::FlowCall& call, route::Observation& out) {
    const ExpertId expert = candidates_[call.candidate];
    // What an arm costs and is worth stands for all of its answers.
    const std::uint32_t answers = catalogue_[expert].answers;
    if (call.sample >= answers || call.purpose != route::Purpose::kAnswer || !call.prompt.empty()) {
      ++unrecorded_;
      out.failed = true;
      out.text = "not recorded";
      out.cost_usd = 0;
      return;
    }
    const std::size_t model = model_of_[expert];
    out.cost_usd = pool_.costs(row_)[model] / answers;
    const record::Cell& cell = pool_.table.cell(row_, model);
    out.tokens_in = std::isnan(cell.tokens_in) ? 0 : std::lround(cell.tokens_in);
    out.tokens_out = std::isnan(cell.tokens_out) ? 0 : std::lround(cell.tokens_out);
    if (!std::isnan(cell.latency_s)) out.latency_ms = 1e3 * static_cast<double>(cell.latency_s);
    const std::string_view id = pool_.table.row(row_).id;
    const std::string& name = pool_.table.models()[model];
    if (const auto text = texts_.find(id, name)) out.text = *text;
    if (!call.logprobs) return;
    if (const auto p = texts_.logprobs(id, name)) {
      out.logprob_mean = static_cast<double>(p->mean);
      out.logprob_min = static_cast<double>(p->min);
    }
  }

  const Pool& pool_;
  const Catalogue& catalogue_;
  const record::Responses& texts_;
  const std::vector<std::size_t>& model_of_;
  std::size_t row_ = 0;
  std::span<const ExpertId> candidates_;
  std::size_t unrecorded_ = 0;
};

// What happened over all test questions under one rule set.
struct Tally {
  Setting setting;
  double us = 0;
  std::size_t refused = 0, abstained = 0, calls = 0, asked = 0;
  std::size_t early = 0, early_wrong = 0;  // answered before every candidate was asked
  std::size_t unrecorded = 0;
};

class Runner {
 public:
  Runner(const Pool& pool, const route::Plan& plan, const record::Responses& texts,
         const std::vector<std::size_t>& model_of)
      : pool_(pool),
        plan_(plan),
        model_of_(model_of),
        caller_(pool, plan.catalogue, texts, model_of) {}

  Tally over_test(const route::RuleSet& rules, std::string knob) {
    Tally tally;
    tally.setting.knob = std::move(knob);
    tally.setting.share.assign(pool_.models(), 0.0);
    base::Progress progress(rules.name, pool_.test.size());
    const std::size_t before = caller_.unrecorded();
    for (std::size_t t = 0; t < pool_.test.size(); ++t) {
      one(rules, t, tally);
      progress.advance();
    }
    tally.us /= static_cast<double>(pool_.test.size());
    tally.unrecorded = caller_.unrecorded() - before;
    finish_setting(tally.setting);
    return tally;
  }

 private:
  void one(const route::RuleSet& rules, std::size_t t, Tally& tally) {
    asked_.load(pool_, pool_.test[t]);
    const std::int64_t start = system_clock().mono_ns();
    asked_.begin(plan_, scratch_);
    const auto decision =
        route::decide_now(plan_, rules, {}, base::Rng(0, asked_.work().id, 0), scratch_);
    const auto* choice = std::get_if<route::Choice>(&decision);
    if (choice == nullptr) {
      ++tally.refused;
      return add(tally, 0, 0);
    }
    const route::Rule& rule = rules.rules[choice->rule];
    if (rule.strategy == nullptr) {
      std::vector<double> probability(pool_.models(), 0.0);
      for (std::size_t c = 0; c < rule.candidates.size(); ++c)
        probability[model_of_[rule.candidates[c]]] += scratch_.probability[c];
      ++tally.calls;
      return add_routed(pool_, t, probability, tally.setting);
    }
    caller_.ask_about(pool_.test[t], rule.candidates);
    base::Task<flow::Ended> task =
        flow::run(*rule.strategy, rule.limits, flow::Start::of(rule, *choice, scratch_), caller_);
    task.start();  // answers from memory: it does not wait
    const flow::Ended& e = task.result();
    tally.us += static_cast<double>(system_clock().mono_ns() - start) / 1e3;
    tally.calls += e.seen.size();
    if (!e.answer) {
      ++tally.abstained;
      return add(tally, 0, e.cost_usd());
    }
    const std::size_t model = model_of_[rule.candidates[e.seen[*e.answer].candidate]];
    const double quality = pool_.qualities(pool_.test[t])[model];
    tally.setting.share[model] += 1;
    if (e.seen.size() < rule.candidates.size()) {
      ++tally.early;
      tally.early_wrong += quality < 0.5 ? 1U : 0U;
    }
    add(tally, quality, e.cost_usd());
  }

  void add(Tally& tally, double quality, double cost) const {
    tally.setting.quality.push_back(static_cast<float>(quality));
    tally.setting.cost.push_back(
        static_cast<float>(pool_.priced ? cost : std::numeric_limits<double>::quiet_NaN()));
  }

  const Pool& pool_;
  const route::Plan& plan_;
  const std::vector<std::size_t>& model_of_;
  RecordedCaller caller_;
  route::Scratch scratch_;
  Asked asked_;
};

std::string note_of(const std::string& name, const Tally& t, std::size_t questions) {
  const auto n = static_cast<double>(questions);
  std::string note = fmt::format(
      "{}{}{}: {:.2f} calls a question; {:.1f} % answered before every model was asked, of those "
      "{:.1f} % wrong",
      name, t.setting.knob.empty() ? "" : " ", t.setting.knob, static_cast<double>(t.calls) / n,
      100 * static_cast<double>(t.early) / n,
      100 * static_cast<double>(t.early_wrong) / std::max(1.0, static_cast<double>(t.early)));
  if (t.abstained > 0)
    note += fmt::format("; abstained on {:.1f} %", 100 * static_cast<double>(t.abstained) / n);
  if (t.unrecorded > 0)
    note +=
        fmt::format("; {} calls are of a kind the tables do not record and failed", t.unrecorded);
  return note;
}

Line line_of(const Pool& pool, const std::string& name, std::vector<Tally> tallies) {
  Line line{.name = name, .kind = Line::Kind::kRouter, .settings = {}, .notes = {}};
  line.decide_us = 0;
  for (Tally& t : tallies) {
    if (tallies.size() <= kNotedSettings) line.notes.push_back(note_of(name, t, pool.test.size()));
    line.decide_us += t.us / static_cast<double>(tallies.size());
    line.refused = std::max(line.refused,
                            static_cast<double>(t.refused) / static_cast<double>(pool.test.size()));
    line.settings.push_back(std::move(t.setting));
  }
  return line;
}

Status write_answers(const Pool& pool, const record::Responses& texts, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  std::string line;
  for (const std::size_t row : pool.train) {
    const std::string_view id = pool.table.row(row).id;
    line.clear();
    base::JsonWriter w(line);
    w.begin_object().field("id", id);
    w.key("responses").begin_object();
    for (const std::string& model : pool.table.models()) {
      if (const auto text = texts.find(id, model)) w.field(model, *text);
    }
    w.end_object().end_object();
    line += '\n';
    file << line;
  }
  file.close();
  if (!file) return fail(ErrorCode::kIo, fmt::format("cannot write {}", path));
  return {};
}

bool has_option(const route::Registry& registry, std::string_view kind, std::string_view name,
                std::string_view option) {
  for (const route::PluginInfo& info : route::describe(registry)) {
    if (info.kind != kind || info.name != name) continue;
    return std::any_of(info.options.begin(), info.options.end(),
                       [&](const auto& o) { return o.name == option; });
  }
  return false;
}

struct Knob {
  std::string label;
  RouterSpec::Options options;
};

std::vector<Knob> budgets(const Pool& pool, std::size_t points) {
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
  for (std::size_t m = 0; m < pool.models(); ++m) {
    const double c = train_mean(pool, m, pool.cost);
    low = std::min(low, c);
    high += c;
  }
  std::vector<Knob> out;
  for (std::size_t i = 0; i < points; ++i) {
    const double f = static_cast<double>(i) / static_cast<double>(points - 1);
    const double budget = low + (high - low) * f * f;  // closer together where it is cheap
    out.push_back(
        {fmt::format("budget={:.3g}", budget), {{"budget", fmt::format("{:.9g}", budget)}}});
  }
  return out;
}

std::vector<Knob> prices(const Pool& pool, std::size_t points) {
  std::vector<Knob> out = {{"cost=0", {{"cost", "0"}}}};
  for (const double price : price_grid(pool, points - 1))
    out.push_back({fmt::format("cost={:.4g}", price), {{"cost", fmt::format("{:.9g}", price)}}});
  return out;
}

std::vector<Knob> knobs_of(const Pool& pool, const RouterSpec& spec,
                           const route::Registry& registry, std::size_t points) {
  constexpr std::array<std::string_view, 5> kGoals = {"budget", "keep", "threshold", "thresholds",
                                                      "cost"};
  const bool open = std::none_of(kGoals.begin(), kGoals.end(),
                                 [&](std::string_view key) { return spec.states(key); });
  if (open && pool.priced && has_option(registry, "strategy", spec.name, "cost"))
    return prices(pool, points);
  if (open && pool.priced && has_option(registry, "strategy", spec.name, "budget"))
    return budgets(pool, points);
  if (!spec.states("alpha") && has_option(registry, "strategy", spec.name, "alpha")) {
    std::vector<Knob> out;
    for (std::size_t i = 0; i < points; ++i) {
      const double alpha = static_cast<double>(i) / static_cast<double>(points - 1);
      out.push_back(
          {fmt::format("alpha={:.3g}", alpha), {{"alpha", fmt::format("{:.9g}", alpha)}}});
    }
    return out;
  }
  if (!spec.states("agree") && has_option(registry, "strategy", spec.name, "agree")) {
    std::vector<Knob> out;
    for (std::size_t k = 1; k < pool.models(); ++k)
      out.push_back({fmt::format("agree={}", k), {{"agree", fmt::format("{}", k)}}});
    return out;
  }
  return {{"", {}}};
}

std::string rule_yaml(const Pool& pool, const std::string& name, const RouterSpec& spec,
                      const RouterSpec::Options& options, bool believed_from_table) {
  std::string models;
  for (const std::string& m : pool.table.models())
    models += (models.empty() ? "" : ", ") + yaml_text(m);
  RouterSpec::Options beliefs = spec.estimator_options;
  if (believed_from_table) beliefs.emplace_back("table", "[train.jsonl]");
  return fmt::format(
      "  {}:\n    - {{ models: [{}], estimator: {}, policy: {{ type: utility, cost: 0 }}, flow: {} "
      "}}\n",
      name, models, node_yaml(spec.estimator.empty() ? "prior" : spec.estimator, beliefs),
      node_yaml(spec.name, options));
}

}  // namespace

bool has_flow(const route::RuleSet& rules) {
  return std::any_of(rules.rules.begin(), rules.rules.end(),
                     [](const route::Rule& r) { return r.strategy != nullptr; });
}

Result<Line> flow_line(const Pool& pool, const RouterSpec& spec, const route::Registry& registry,
                       std::size_t points) {
  SWY_TRY(const auto texts, record::Responses::of_tables(pool.data));
  SWY_TRY(const TempDir temp, TempDir::make());
  SWY_DO(write_train(pool, pool.train, temp.path() + "/train.jsonl"));
  SWY_DO(write_answers(pool, texts, temp.path() + "/train.responses.jsonl"));
  const bool learns = has_option(registry, "strategy", spec.name, "table") && !spec.states("table");
  const bool believes = !spec.estimator.empty() &&
                        has_option(registry, "estimator", spec.estimator, "table") &&
                        std::none_of(spec.estimator_options.begin(), spec.estimator_options.end(),
                                     [](const auto& o) { return o.first == "table"; });
  const std::vector<Knob> knobs = knobs_of(pool, spec, registry, points);
  std::string yaml = models_yaml(pool, pool.train) + "routes:\n";
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    RouterSpec::Options options = spec.options;
    options.insert(options.end(), knobs[k].options.begin(), knobs[k].options.end());
    if (learns) options.emplace_back("table", "[train.jsonl]");
    yaml += rule_yaml(pool, fmt::format("k{}", k), spec, options, believes);
  }
  std::vector<std::string> notes;
  SWY_TRY(const auto plan, compile_text(yaml, temp.path(), registry, spec.text, &notes));
  std::vector<std::size_t> model_of(pool.models());
  std::iota(model_of.begin(), model_of.end(), std::size_t{0});
  Runner runner(pool, *plan, texts, model_of);
  std::vector<Tally> tallies;
  for (std::size_t k = 0; k < knobs.size(); ++k)
    tallies.push_back(runner.over_test(plan->rule_sets[k], knobs[k].label));
  Line line = line_of(pool, spec.text, std::move(tallies));
  if (knobs.size() <= kNotedSettings)
    line.notes.insert(line.notes.end(), notes.begin(), notes.end());
  return line;
}

Result<Line> flow_line(const Pool& pool, const std::string& name, const route::Plan& plan,
                       const route::RuleSet& rules, const std::vector<std::size_t>& model_of) {
  SWY_TRY(const auto texts, record::Responses::of_tables(pool.data));
  Runner runner(pool, plan, texts, model_of);
  std::vector<Tally> tallies;
  tallies.push_back(runner.over_test(rules, ""));
  return line_of(pool, name, std::move(tallies));
}

}  // namespace swy::eval
