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
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/hash.h"
#include "base/json.h"
#include "base/terminal.h"
#include "eval/line.h"
#include "route/describe.h"
#include "route/plan.h"
#include "switchyard/env.h"

namespace swy::eval {
namespace {

// A directory that is gone with this object.
class TempDir {
 public:
  static Result<TempDir> make() {
    std::error_code error;
    std::string path =
        (std::filesystem::temp_directory_path(error) / "switchyard-eval-XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr) {
      return fail(ErrorCode::kIo,
                  fmt::format("cannot make a temporary directory {}; set TMPDIR", path));
    }
    return TempDir(std::move(path));
  }
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&&) = delete;
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;  // what cannot be removed is the system's to clean
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// ---- the configuration of a pool
// -------------------------------------------------------------------------------------

void write_known(base::JsonWriter& w, std::string_view name, float value) {
  if (!std::isnan(value)) w.field(name, static_cast<double>(value));
}

Status write_train(const Pool& pool, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  std::string line;
  for (const std::size_t row : pool.train) {
    const record::OutcomeRow r = pool.table.row(row);
    line.clear();
    base::JsonWriter w(line);
    w.begin_object()
        .field("id", r.id)
        .field("dataset", r.dataset)
        .field("domain", r.domain)
        .field("prompt", r.prompt);
    w.key("tools").begin_array();
    for (std::uint32_t t = 0; t < r.tools; ++t) w.begin_object().end_object();
    w.end_array();
    w.key("models").begin_object();
    for (std::size_t m = 0; m < pool.models(); ++m) {
      const record::Cell& c = pool.table.cell(row, m);
      w.key(pool.table.models()[m]).begin_object();
      write_known(w, "score", c.quality);
      write_known(w, "tokens_in", c.tokens_in);
      write_known(w, "tokens_out", c.tokens_out);
      write_known(w, "cost", c.cost_usd);
      write_known(w, "latency", c.latency_s);
      w.end_object();
    }
    w.end_object().end_object();
    line += '\n';
    file << line;
  }
  file.close();
  if (!file) return fail(ErrorCode::kIo, fmt::format("cannot write {}", path));
  return {};
}

// USD per million tokens that explain the recorded costs; unknown without costs or tokens.
Price fit_price(const Pool& pool, std::size_t model) {
  double ii = 0;
  double io = 0;
  double oo = 0;
  double ic = 0;
  double oc = 0;
  double cost = 0;
  double tokens = 0;
  for (const std::size_t row : pool.train) {
    const record::Cell& c = pool.table.cell(row, model);
    if (std::isnan(c.cost_usd) || std::isnan(c.tokens_in) || std::isnan(c.tokens_out)) continue;
    const auto in = static_cast<double>(c.tokens_in);
    const auto out = static_cast<double>(c.tokens_out);
    const double micro = 1e6 * static_cast<double>(c.cost_usd);
    ii += in * in;
    io += in * out;
    oo += out * out;
    ic += in * micro;
    oc += out * micro;
    cost += micro;
    tokens += in + out;
  }
  if (tokens == 0) return {};
  Price price;
  const double det = ii * oo - io * io;
  price.input = (ic * oo - oc * io) / det;
  price.output = (oc * ii - ic * io) / det;
  // Tokens that hardly vary against each other, or a bill that tokens do not explain: one price for
  // both.
  const bool sound = det > 1e-9 * ii * oo && price.input >= 0 && price.output >= 0;
  if (!sound) price.input = price.output = cost / tokens;
  return price;
}

std::string yaml_text(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

std::string models_yaml(const Pool& pool) {
  std::string yaml = "models:\n";
  for (std::size_t m = 0; m < pool.models(); ++m) {
    yaml += fmt::format(
        "  - {{ name: {}, context: 1000000000, quality: {{ default: {:.9g} }}, "
        "capabilities: [tools, vision, audio, files, json_object, json_schema, logprobs, "
        "reasoning]",
        yaml_text(pool.table.models()[m]), std::clamp(train_mean(pool, m, pool.quality), 0.0, 1.0));
    const Price price = fit_price(pool, m);
    if (price.known())
      yaml +=
          fmt::format(", price: {{ input: {:.9g}, output: {:.9g} }}", price.input, price.output);
    yaml += " }\n";
  }
  return yaml;
}

std::string node_yaml(std::string_view type, const RouterSpec::Options& options) {
  std::string out = fmt::format("{{ type: {}", type);
  for (const auto& [key, value] : options) out += fmt::format(", {}: {}", key, value);
  return out + " }";
}

struct RouteYaml {
  std::string name;
  std::string estimator;
  std::string policy;
};

std::string routes_yaml(const Pool& pool, const std::vector<RouteYaml>& routes) {
  std::string models;
  for (const std::string& m : pool.table.models())
    models += (models.empty() ? "" : ", ") + yaml_text(m);
  std::string yaml = "routes:\n";
  for (const RouteYaml& r : routes) {
    yaml += fmt::format("  {}:\n    - {{ models: [{}], estimator: {}, policy: {} }}\n", r.name,
                        models, r.estimator, r.policy);
  }
  return yaml;
}

Result<std::shared_ptr<const route::Plan>> compile_text(const std::string& yaml,
                                                        const std::string& directory,
                                                        const route::Registry& registry,
                                                        const std::string& what) {
  base::Diagnostics diag(what);
  const auto doc = base::parse_yaml(yaml, diag);
  auto plan = doc ? route::compile(*doc, directory, registry, diag) : nullptr;
  if (plan != nullptr) return plan;
  for (const base::Diagnostic& d : diag.all()) {
    if (d.level == base::Diagnostic::Level::kError)
      return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", what, d.message));
  }
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}: cannot be made", what));
}

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

// One test question as work. Keeps what the work views.
class Asked {
 public:
  void load(const Pool& pool, std::size_t row) {
    const record::OutcomeRow r = pool.table.row(row);
    request_.clear();
    request_.parts.push_back({chat::PartKind::kText, r.prompt});
    request_.messages.push_back({chat::Role::kUser, 0, 1, 0});
    request_.tools.assign(r.tools, "tool");
    work_ = route::Work{};
    work_.id = base::hash64(r.id);
    work_.request = &request_;
    work_.exclude_row = r.id;
    tokens_ = mean_tokens_in(pool, row);
  }
  void begin(const route::Plan& plan, route::Scratch& scratch) const {
    scratch.begin(work_, plan.signals.size());
    if (tokens_ > 0) scratch.reading.preset_tokens(tokens_);
  }
  [[nodiscard]] const route::Work& work() const { return work_; }

 private:
  // What the providers counted, tool declarations included, which the table does not keep as text.
  static std::int64_t mean_tokens_in(const Pool& pool, std::size_t row) {
    double sum = 0;
    double n = 0;
    for (const record::Cell& c : pool.table.cells(row)) {
      if (std::isnan(c.tokens_in)) continue;
      sum += static_cast<double>(c.tokens_in);
      n += 1;
    }
    return n > 0 ? std::llround(sum / n) : 0;
  }
  chat::Request request_;
  route::Work work_;
  std::int64_t tokens_ = 0;
};

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
  SWY_TRY(const auto plan,
          compile_text(models_yaml(pool) + routes_yaml(pool, routes), ".", registry, spec.text));
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
    SWY_DO(write_train(pool, temp.path() + "/train.jsonl"));
    options.emplace_back("table", "[train.jsonl]");
  }
  const bool swept = sweeps(spec);
  const std::string policy = swept ? "first" : node_yaml(spec.policy, spec.policy_options);
  const std::string yaml =
      models_yaml(pool) + routes_yaml(pool, {{"auto", node_yaml(spec.name, options), policy}});
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
  if (spec.kind == RouterSpec::Kind::kConfig) return config_line(pool, spec, registry);
  return plugin_line(pool, spec, registry, points);
}

}  // namespace swy::eval
