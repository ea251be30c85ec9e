// Signals as served: each is compiled from its configuration, asked about one request after
// another, and its facts are held against labels.
//
// accuracy, f1: of the label (f1 of the positive class with two classes, macro F1 with more);
// auroc: of the value for "anything but the first class"; ece: of the confidence, which is the
// probability that the fact's truth is right. Personal data is scored by spans: f1 is the exact one
// of learn/pii_train.h. Cost: seconds. Test: signals_test.cc.
#include "eval/signals_served.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "base/doc.h"
#include "base/json.h"
#include "embed/builtin.h"
#include "eval/signal_sets.h"
#include "learn/cue_train.h"
#include "learn/figures.h"
#include "learn/pii_train.h"
#include "record/outcome.h"
#include "route/plan.h"
#include "switchyard/env.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::eval {
namespace {

namespace fs = std::filesystem;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Case {
  std::string text;
  std::size_t label = 0;  // 0: nothing of this
};

struct ServedSet {
  std::string signal, set;
  std::string yaml;  // the signal's node
  std::vector<std::string> classes;
  std::vector<Case> cases;
  bool after_answer = false;  // the text follows an answer
};

// One signal in a configuration of its own.
class Asker {
 public:
  static Result<std::unique_ptr<Asker>> make(const std::string& node) {
    const std::string yaml = fmt::format(
        "models: [ {{ name: m, price: {{ input: 1, output: 1 }} }} ]\nsignals: {{ it: {} }}\n"
        "routes: {{ auto: [ {{ when: it, models: [m] }}, {{ models: [m] }} ] }}\n",
        node);
    base::Diagnostics diag(node);
    const auto doc = base::parse_yaml(yaml, diag);
    auto plan = doc ? route::compile(*doc, ".", route::builtin_registry(), diag) : nullptr;
    if (plan == nullptr) return fail(ErrorCode::kInvalidArgument, diag.to_text());
    return std::unique_ptr<Asker>(new Asker(std::move(plan)));
  }

  route::Fact ask(std::string_view text, bool after_answer) {
    chat::Request request;
    const auto say = [&](chat::Role role, std::string_view words) {
      const auto part = static_cast<std::uint32_t>(request.parts.size());
      request.messages.push_back({role, part, 1, 0});
      request.parts.push_back({chat::PartKind::kText, words});
    };
    if (after_answer) {
      say(chat::Role::kUser, "Good morning!");
      say(chat::Role::kAssistant, "Here is what I found.");
    }
    say(chat::Role::kUser, text);
    route::Work work;
    work.request = &request;
    const std::int64_t start = system_clock().mono_ns();
    scratch_.begin(work, plan_->signals.size());
    route::compute_facts(*plan_, {&fact_, 1}, scratch_);
    us_.push_back(static_cast<double>(system_clock().mono_ns() - start) / 1e3);
    return scratch_.facts[fact_];
  }

  double median_us() {
    if (us_.empty()) return 0;
    const auto middle = us_.begin() + static_cast<std::ptrdiff_t>(us_.size() / 2);
    std::nth_element(us_.begin(), middle, us_.end());
    return *middle;
  }

 private:
  explicit Asker(std::shared_ptr<const route::Plan> plan)
      : plan_(std::move(plan)), fact_(*plan_->find_signal("it")) {}

  std::shared_ptr<const route::Plan> plan_;
  route::FactId fact_;
  route::Scratch scratch_;
  std::vector<double> us_;
};

struct Said {
  std::vector<std::uint32_t> truth, label;
  std::vector<float> value, confidence;
  std::vector<std::uint8_t> positive, right;

  void add(const Case& c, bool holds, std::uint32_t said, double v, double sure) {
    truth.push_back(static_cast<std::uint32_t>(c.label));
    label.push_back(said);
    value.push_back(std::isnan(v) ? 0 : static_cast<float>(v));
    confidence.push_back(static_cast<float>(sure));
    positive.push_back(c.label == 0 ? 0 : 1);
    right.push_back(holds == (c.label != 0) ? 1 : 0);
  }
};

double f1_of(const Said& said) {
  double both = 0, sum = 0;
  for (std::size_t i = 0; i < said.truth.size(); ++i) {
    both += said.truth[i] == 1 && said.label[i] == 1 ? 1 : 0;
    sum += static_cast<double>(said.truth[i] + said.label[i]);
  }
  return sum == 0 ? 0 : 2 * both / sum;
}

ServedRow figures(const ServedSet& set, const Said& said) {
  ServedRow row;
  row.signal = set.signal;
  row.set = set.set;
  row.rows = said.truth.size();
  row.classes = set.classes.size();
  row.accuracy = learn::accuracy(said.truth, said.label);
  row.f1 = set.classes.size() == 2 ? f1_of(said)
                                   : learn::macro_f1(said.truth, said.label, set.classes.size());
  row.auroc = learn::auroc(said.value, said.positive);
  row.ece = learn::ece(said.confidence, said.right);
  row.ece_chance = learn::ece_by_chance(said.confidence);
  return row;
}

Status measure(const ServedSet& set, std::size_t memory, SignalReport& report) {
  SWY_TRY(const auto asker, Asker::make(set.yaml));
  Said said;
  for (const Case& c : set.cases) {
    const route::Fact fact = asker->ask(c.text, set.after_answer);
    const bool holds = fact.truth == route::Truth::kTrue;
    const auto named = std::find(set.classes.begin(), set.classes.end(), fact.label.view());
    const auto label = holds && named != set.classes.end()
                           ? static_cast<std::uint32_t>(named - set.classes.begin())
                           : std::uint32_t{holds};
    said.add(c, holds, label, fact.value, static_cast<double>(fact.confidence));
  }
  ServedRow row = figures(set, said);
  row.us = asker->median_us();
  row.memory = memory;
  report.served.push_back(std::move(row));
  return {};
}

// ---- sets

// The rows written for this project that the weights were not fitted on: every second one, as
// `switchyard train cues` divides them.
Result<ServedSet> own_cases(const std::string& folder, const std::string& name,
                            std::span<const std::string_view> classes) {
  ServedSet set{name, "written for this project", {}, {}, {}, name == "feedback"};
  set.yaml = fmt::format("{{ type: {}, prior: 0.5 }}", name);  // as the rows are shared out
  set.classes.assign(classes.begin(), classes.end());
  SWY_TRY(const auto rows,
          learn::load_cue_rows((fs::path(folder) / "cues" / (name + ".tsv")).string(), classes));
  for (std::size_t i = 1; i < rows.size(); i += 2) {
    set.cases.push_back({rows[i].text, rows[i].label});
  }
  return set;
}

Status add_texts(const std::string& path, const char* key, std::size_t label,
                 std::vector<Case>& out) {
  return each_row(path, [&](base::Json row) -> Status {
    out.push_back({std::string(row.string_or(key, "")), label});
    return {};
  });
}

// The peer's attacks, and its questions as what is none.
Result<ServedSet> attacks(const std::string& data) {
  ServedSet set{"jailbreak",
                "a peer's attacks and questions",
                "{ type: jailbreak }",
                {"benign", "attack"},
                {},
                false};
  const fs::path folder = fs::path(data) / "vsr_cases";
  SWY_DO(add_texts((folder / "jailbreak_detection_cases.jsonl.gz").string(), "question", 1,
                   set.cases));
  SWY_DO(add_texts((folder / "domain_classify_cases.jsonl.gz").string(), "question", 0, set.cases));
  SWY_DO(add_texts((folder / "domain_bench.jsonl.gz").string(), "text", 0, set.cases));
  return set;
}

// The same by two signals, as a rule `attack || harmful` sees them.
Status measure_either(ServedSet set, SignalReport& report) {
  SWY_TRY(const auto attack, Asker::make(set.yaml));
  SWY_TRY(const auto harmful, Asker::make("{ type: safety }"));
  set.signal = "jailbreak or safety";
  Said said;
  for (const Case& c : set.cases) {
    const route::Fact a = attack->ask(c.text, false), b = harmful->ask(c.text, false);
    const bool holds = a.truth == route::Truth::kTrue || b.truth == route::Truth::kTrue;
    said.add(c, holds, holds ? 1 : 0, std::max(a.value, b.value),
             holds ? std::max(a.value, b.value) : (1 - a.value) * (1 - b.value));
  }
  ServedRow row = figures(set, said);
  row.us = attack->median_us() + harmful->median_us();
  row.memory = sizeof(text::CueWeights);
  report.served.push_back(std::move(row));
  return {};
}

// Prompts whose data set says whether a good answer needs facts about the world.
Result<ServedSet> fact_questions(const std::string& data) {
  ServedSet set{
      "needs_facts", "llmrouter, routellm (dev)", "{ type: needs_facts }", {"none", "facts"}, {},
      false};
  static constexpr std::array<std::string_view, 4> kFacts = {"natural_qa", "trivia_qa",
                                                             "humanities", "stem"};
  static constexpr std::array<std::string_view, 10> kNoFacts = {
      "gsm8k",           "math",      "mbpp",    "human_eval", "agentverse-logicgrid",
      "agentverse-mgsm", "commongen", "writing", "roleplay",   "coding"};
  const auto among = [](const auto& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const char* file :
       {"llmrouter/llmrouter_dc-train.jsonl.gz", "llmrouter/llmrouter_dc-test.jsonl.gz",
        "llmrouter/routeprofile-test.jsonl.gz", "routellm/routellm-mtbench.jsonl.gz"}) {
    SWY_DO(each_row((fs::path(data) / file).string(), [&](base::Json row) -> Status {
      if (row.string_or("part", "") == "train") return {};  // the head learned from these
      const std::string_view domain = row.string_or("domain", "");
      const bool facts = among(kFacts, domain);
      if (!facts && !among(kNoFacts, domain)) return {};
      set.cases.push_back({std::string(row.string_or("prompt", "")), facts ? 1U : 0U});
      return {};
    }));
  }
  return set;
}

// Hard: fewer than half of the models that tried were right.
Result<ServedSet> hard_questions(const std::string& data) {
  ServedSet set{
      "complexity", "zeroeval, mmlu_pro (dev)", "{ type: complexity }", {"false", "true"}, {},
      false};
  const std::vector<std::string> paths = {(fs::path(data) / "zeroeval").string(),
                                          (fs::path(data) / "mmlu_pro").string()};
  SWY_TRY(const auto table, record::load_outcomes(paths));
  for (std::size_t r = 0; r < table.rows(); ++r) {
    if (table.row(r).part == "train") continue;
    double right = 0, tried = 0;
    for (std::size_t m = 0; m < table.models().size(); ++m) {
      const record::Cell& c = table.cell(r, m);
      if (!c.present || c.missing || std::isnan(c.quality)) continue;
      tried += 1;
      right += static_cast<double>(c.quality);
    }
    if (tried == 0) continue;
    set.cases.push_back({std::string(table.row(r).prompt), right < tried / 2 ? 1U : 0U});
  }
  return set;
}

// ---- by meaning: what an operator writes, for ten intents of a set that has 140 more

struct Wanted {
  std::string_view intent, description;  // written for this table, from the intent's name alone
};
constexpr std::array<Wanted, 10> kWanted = {
    {{"translate", "translating words and sentences into another language"},
     {"weather", "the weather forecast, rain and temperature of a place"},
     {"transfer", "moving money from one bank account to another"},
     {"book_flight", "booking a flight or a plane ticket"},
     {"recipe", "recipes and how to cook a dish"},
     {"alarm", "setting or cancelling an alarm to wake up"},
     {"play_music", "playing a song, an artist or a playlist"},
     {"pto_request", "asking the employer for days off and vacation"},
     {"lost_luggage", "luggage or a suitcase that the airline lost"},
     {"tire_pressure", "the air pressure of car tires"}}};

constexpr std::size_t kExamples = 10;  // of each intent, for `similarity`

std::size_t wanted_class(std::string_view intent) {
  const auto at = std::find_if(kWanted.begin(), kWanted.end(),
                               [&](const Wanted& w) { return w.intent == intent; });
  return at == kWanted.end() ? 0 : 1 + static_cast<std::size_t>(at - kWanted.begin());
}

struct ByMeaning {
  std::vector<std::vector<std::string>> examples;  // by class; of the training rows
  std::vector<Case> cases;                         // of the others
};

// Of the other intents only every tenth row is a case, so that both kinds are there.
Result<ByMeaning> by_meaning(const std::string& data) {
  ByMeaning out;
  out.examples.resize(kWanted.size() + 1);
  std::size_t others = 0;
  SWY_DO(each_row((fs::path(data) / "intents/clinc150.jsonl.gz").string(),
                  [&](base::Json row) -> Status {
                    const std::size_t label = wanted_class(row.string_or("intent", ""));
                    std::string text(row.string_or("text", ""));
                    if (row.string_or("part", "") == "train") {
                      if (label != 0) out.examples[label].push_back(std::move(text));
                    } else if (label != 0 || ++others % 10 == 0) {
                      out.cases.push_back({std::move(text), label});
                    }
                    return {};
                  }));
  for (std::size_t c = 0; c < kWanted.size(); ++c) {
    if (!out.examples[c + 1].empty()) continue;
    return fail(ErrorCode::kNotFound, fmt::format("clinc150: no rows of {}", kWanted[c].intent));
  }
  return out;
}

// A text as a YAML scalar.
std::string yaml_text(std::string_view text) {
  std::string out;
  base::JsonWriter(out).string(text);
  return out;
}

ServedSet meaning_set(std::string_view signal, std::string_view set, std::string yaml,
                      const ByMeaning& from) {
  ServedSet out{
      std::string(signal), std::string(set), std::move(yaml), {"none"}, from.cases, false};
  for (const Wanted& w : kWanted) out.classes.emplace_back(w.intent);
  return out;
}

ServedSet similar(const ByMeaning& from) {
  std::string groups;
  for (std::size_t c = 0; c < kWanted.size(); ++c) {
    std::string texts;
    const auto& all = from.examples[c + 1];
    for (std::size_t i = 0; i < std::min(kExamples, all.size()); ++i) {
      texts += fmt::format("{}{}", i == 0 ? "" : ", ", yaml_text(all[i]));
    }
    groups += fmt::format("{}{}: [{}]", c == 0 ? "" : ", ", kWanted[c].intent, texts);
  }
  return meaning_set("similarity", "clinc150: ten intents by 10 examples each, or none",
                     fmt::format("{{ type: similarity, examples: {{ {} }} }}", groups), from);
}

ServedSet preferred(const ByMeaning& from) {
  std::string routes;
  for (const Wanted& w : kWanted) {
    routes +=
        fmt::format("{}{}: {}", routes.empty() ? "" : ", ", w.intent, yaml_text(w.description));
  }
  return meaning_set("preference", "clinc150: ten intents by a description each, or none",
                     fmt::format("{{ type: preference, routes: {{ {} }} }}", routes), from);
}

// Of the vectors of so many texts.
std::size_t vectors(std::size_t texts) {
  return texts * embed::builtin_static()->dims() * sizeof(float);
}

// The entries go to a file, as an operator's do; it is removed afterwards.
Status measure_knowledge(const ByMeaning& from, SignalReport& report) {
  std::size_t entries = 0;
  const fs::path path = fs::temp_directory_path() / fmt::format("swy_knowledge_{}.jsonl", getpid());
  {
    std::ofstream out(path);
    for (std::size_t c = 0; c < kWanted.size(); ++c) {
      entries += from.examples[c + 1].size();
      for (const std::string& text : from.examples[c + 1]) {
        out << fmt::format("{{\"text\":{},\"label\":\"{}\"}}\n", yaml_text(text),
                           kWanted[c].intent);
      }
    }
  }
  const std::string yaml = fmt::format("{{ type: knowledge, file: {} }}", yaml_text(path.string()));
  const Status done = measure(
      meaning_set("knowledge", "clinc150: ten intents by 100 entries each, or none", yaml, from),
      vectors(entries), report);
  std::error_code ignored;
  fs::remove(path, ignored);
  return done;
}

Status measure_meaning(const std::string& data, SignalReport& report) {
  SWY_TRY(const ByMeaning from, by_meaning(data));
  SWY_DO(measure(similar(from), vectors(kWanted.size() * kExamples), report));
  SWY_DO(measure(preferred(from), vectors(kWanted.size()), report));
  return measure_knowledge(from, report);
}

// ---- personal data

double detect_time(const std::vector<const learn::PiiRow*>& rows) {
  std::vector<double> us;
  std::vector<text::PiiSpan> spans;
  for (const learn::PiiRow* row : rows) {
    const std::int64_t start = system_clock().mono_ns();
    text::detect_pii(row->text, {}, spans);
    us.push_back(static_cast<double>(system_clock().mono_ns() - start) / 1e3);
  }
  std::sort(us.begin(), us.end());
  return us.empty() ? 0 : us[us.size() / 2];
}

// What the signal's own model takes; the static embedding and the cue table are shared.
std::size_t model_bytes(std::string_view signal) {
  const std::string_view head = signal == "needs_facts"  ? "facts"
                                : signal == "complexity" ? "difficulty"
                                                         : "";
  if (head.empty()) return sizeof(text::CueWeights);
  const auto loaded = embed::builtin_head(
      head,
      {.static_hash = std::string(embed::builtin_static()->content_hash()), .encoder_hash = {}});
  return loaded ? (*loaded)->memory_bytes() : 0;
}

Status measure_spans(const std::string& data, std::size_t memory, SignalReport& report) {
  SWY_TRY(const auto all,
          learn::load_pii_rows((fs::path(data) / "pii/presidio_synth_v2.jsonl.gz").string()));
  std::vector<const learn::PiiRow*> dev;
  for (const learn::PiiRow& r : all) {
    if (r.dev) dev.push_back(&r);
  }
  const learn::PiiReport scored = learn::score_pii(dev, {});
  std::vector<float> confidence;
  std::vector<text::PiiSpan> spans;
  for (const learn::PiiRow* r : dev) {
    text::detect_pii(r->text, {}, spans);
    for (const text::PiiSpan& s : spans) confidence.push_back(s.confidence);
  }
  ServedRow row{"pii",
                "synthetic sentences, spans",
                dev.size(),
                text::kPiiTypes,
                kNone,
                0,
                kNone,
                scored.ece,
                learn::ece_by_chance(confidence, 10),
                0,
                memory};
  row.f1 = scored.all.f1();
  row.us = detect_time(dev);
  report.served.push_back(std::move(row));
  return {};
}

// The peer's cases: each names one type that occurs. f1: of the cases with any span found.
Status measure_named_types(const std::string& data, std::size_t memory, SignalReport& report) {
  double named = 0, any = 0;
  std::vector<double> us;
  std::vector<text::PiiSpan> spans;
  SWY_DO(each_row((fs::path(data) / "vsr_cases/pii_detection_cases.jsonl.gz").string(),
                  [&](base::Json row) -> Status {
                    const auto type = text::pii_type(row.string_or("pii_type", ""));
                    const std::int64_t start = system_clock().mono_ns();
                    text::detect_pii(row.string_or("question", ""), {}, spans);
                    us.push_back(static_cast<double>(system_clock().mono_ns() - start) / 1e3);
                    any += spans.empty() ? 0 : 1;
                    named += std::any_of(spans.begin(), spans.end(),
                                         [&](const auto& s) { return type && s.type == *type; })
                                 ? 1
                                 : 0;
                    return {};
                  }));
  if (us.empty()) return fail(ErrorCode::kNotFound, "no cases of personal data");
  std::sort(us.begin(), us.end());
  const auto n = static_cast<double>(us.size());
  const auto add = [&](const char* what, double found) {
    report.served.push_back({"pii", what, us.size(), 2, found / n, 2 * found / (n + found), kNone,
                             kNone, kNone, us[us.size() / 2], memory});
  };
  add("a peer's cases, all with some: some is found", any);
  add("a peer's cases: the type they name is found", named);
  return {};
}

}  // namespace

Status evaluate_served(const SignalsOptions& options, SignalReport& report) {
  // Absent files are said, not an error; damaged ones are one.
  const auto absent = [&](const Error& error, std::string_view what) {
    if (error.code != ErrorCode::kNotFound && error.code != ErrorCode::kIo) return false;
    report.notes.push_back(fmt::format("{} is left out: {}", what, error.message));
    return true;
  };
  const auto one = [&](Result<ServedSet> set, std::string_view what) -> Status {
    if (!set) return absent(set.error(), what) ? Status{} : tl::unexpected(set.error());
    return measure(*set, model_bytes(set->signal), report);
  };
  const std::size_t pii = std::size_t{1} << 20U;  // the table of models/pii.bin
  const auto spans = [&](Status ok, std::string_view what) -> Status {
    return ok || absent(ok.error(), what) ? Status{} : ok;
  };
  SWY_DO(spans(measure_spans(options.data, pii, report), "pii"));
  SWY_DO(spans(measure_named_types(options.data, pii, report), "a peer's pii cases"));
  auto attacked = attacks(options.data);
  if (attacked) SWY_DO(measure_either(*attacked, report));
  SWY_DO(one(std::move(attacked), "a peer's attacks"));
  SWY_DO(one(fact_questions(options.data), "questions that need facts"));
  SWY_DO(one(hard_questions(options.data), "complexity"));
  SWY_DO(spans(measure_meaning(options.data, report), "signals by meaning"));
  for (std::size_t t = 0; t < text::kCueTasks; ++t) {
    const auto task = static_cast<text::CueTask>(t);
    SWY_DO(one(own_cases(options.written, std::string(to_string(task)), text::cue_classes(task)),
               to_string(task)));
  }
  constexpr std::array<std::string_view, 2> kFacts = {"none", "facts"};
  SWY_DO(one(own_cases(options.written, "needs_facts", kFacts), "needs_facts"));
  return {};
}

}  // namespace swy::eval
