// Readers of the labelled sets. Every row becomes (id, text, label, part); a set is a list of
// sources and a rule for the label. Test: signals_test.cc.
#include "eval/signal_sets.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/json.h"
#include "record/gzip_reader.h"

namespace swy::eval {
namespace {

namespace fs = std::filesystem;

struct Row {
  std::string id, text, label;
  std::string part;  // "train", "dev", "test"
  bool out_of_scope = false;
  bool auxiliary = false;
  std::string group = {};  // the row's source, where confidence is to hold for others too
};
using Rows = std::vector<Row>;

Result<std::string> text_of(base::Json row, std::string_view key) {
  const auto value = row.find(key);
  const auto text = value ? value->as_string() : std::nullopt;
  if (!text) return fail(ErrorCode::kParse, fmt::format("\"{}\" is missing or not a text", key));
  return std::string(*text);
}

std::string part_of(base::Json row) {
  const auto part = row.string_or("part", row.string_or("split", "test"));
  return std::string(part == "valid" ? "dev" : part);
}

// The question without its answer options: as people ask.
std::string_view question_of(std::string_view text) {
  for (const std::string_view mark : {"\nA.", "\nA)", "\n(A)"}) {
    text = text.substr(0, text.find(mark));
  }
  return text;
}

// The question without its answer options, letters and digits only: what two sets have in common.
std::string stem(std::string_view text) {
  std::string out;
  for (const char c : question_of(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out.push_back(c);
    if (c >= 'A' && c <= 'Z') out.push_back(static_cast<char>(c + 32));
  }
  return out;
}

// ---- one reader for each shape of file

Status intents(const std::string& path, Rows& out) {
  return each_row(path, [&](base::Json row) -> Status {
    Row r;
    SWY_TRY(r.text, text_of(row, "text"));
    SWY_TRY(r.label, text_of(row, "intent"));
    r.id = std::string(row.string_or("id", r.text));
    r.part = part_of(row);
    const auto oos = row.find("oos");
    r.out_of_scope =
        r.label == "oos" ||
        (oos && (oos->as_bool().value_or(false) || oos->as_string().value_or("") == "oos"));
    out.push_back(std::move(r));
    return {};
  });
}

// The project's own: label, tab, id, tab, text.
Status tabbed(const std::string& path, Rows& out) {
  SWY_TRY(record::GzipReader reader, record::GzipReader::open(path));
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) return {};
    const std::size_t one = line->find('\t');
    const std::size_t two = one == std::string_view::npos ? one : line->find('\t', one + 1);
    if (two == std::string_view::npos) {
      return fail(ErrorCode::kParse, reader.where() + ": not a label, an id and a text");
    }
    Row r;
    r.label = std::string(line->substr(0, one));
    r.id = std::string(line->substr(one + 1, two - one - 1));
    r.text = std::string(line->substr(two + 1));
    r.part = "train";
    out.push_back(std::move(r));
  }
}

using LabelOf = std::function<std::string(base::Json)>;

// Outcome tables: the prompt, and a label from the row; rows with an empty label are left out.
Status prompts(const std::string& path, const LabelOf& label, Rows& out) {
  return each_row(path, [&](base::Json row) -> Status {
    Row r;
    r.label = label(row);
    if (r.label.empty()) return {};
    SWY_TRY(r.text, text_of(row, "prompt"));
    r.id = stem(r.text);  // sets share questions under different ids
    r.part = part_of(row);
    out.push_back(std::move(r));
    return {};
  });
}

// One row per user turn: what the user and the system said last, and the turn. "Hotels_2" and
// "Hotels_4" are the same kind of service.
Status dialogues(const std::string& path, Rows& out) {
  return each_row(path, [&](base::Json row) -> Status {
    const auto turns = row.find("turns");
    if (!turns) return fail(ErrorCode::kParse, "\"turns\" is missing");
    std::string before;
    turns->each([&](base::Json turn) {
      const std::string text(turn.string_or("text", ""));
      const auto services = turn.find("services");
      if (turn.string_or("speaker", "") == "USER" && services && services->size() == 1) {
        std::string service;
        services->each([&](base::Json s) { service = s.as_string().value_or(""); });
        Row r;
        r.label = service.substr(0, service.rfind('_'));
        r.group = service;
        r.id = std::string(row.string_or("id", ""));  // turns of a dialogue stay together
        r.text = before.empty() ? text : before + "\n" + text;
        r.part = part_of(row);
        out.push_back(std::move(r));
      }
      before = text;
    });
    return {};
  });
}

Status cases(const std::string& path, std::string_view text_key, std::string_view label_key,
             Rows& out) {
  return each_row(path, [&](base::Json row) -> Status {
    Row r;
    SWY_TRY(r.text, text_of(row, text_key));
    SWY_TRY(r.label, text_of(row, label_key));
    r.id = std::string(row.string_or("id", r.text));
    r.part = "test";
    out.push_back(std::move(r));
    return {};
  });
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 57> kSubjects = {{
    {"abstract_algebra", "math"},
    {"anatomy", "health"},
    {"astronomy", "physics"},
    {"business_ethics", "business"},
    {"clinical_knowledge", "health"},
    {"college_biology", "biology"},
    {"college_chemistry", "chemistry"},
    {"college_computer_science", "computer science"},
    {"college_mathematics", "math"},
    {"college_medicine", "health"},
    {"college_physics", "physics"},
    {"computer_security", "computer science"},
    {"conceptual_physics", "physics"},
    {"econometrics", "economics"},
    {"electrical_engineering", "engineering"},
    {"elementary_mathematics", "math"},
    {"formal_logic", "philosophy"},
    {"global_facts", "other"},
    {"high_school_biology", "biology"},
    {"high_school_chemistry", "chemistry"},
    {"high_school_computer_science", "computer science"},
    {"high_school_european_history", "history"},
    {"high_school_geography", "other"},
    {"high_school_government_and_politics", "other"},
    {"high_school_macroeconomics", "economics"},
    {"high_school_mathematics", "math"},
    {"high_school_microeconomics", "economics"},
    {"high_school_physics", "physics"},
    {"high_school_psychology", "psychology"},
    {"high_school_statistics", "math"},
    {"high_school_us_history", "history"},
    {"high_school_world_history", "history"},
    {"human_aging", "health"},
    {"human_sexuality", "other"},
    {"international_law", "law"},
    {"jurisprudence", "law"},
    {"logical_fallacies", "philosophy"},
    {"machine_learning", "computer science"},
    {"management", "business"},
    {"marketing", "business"},
    {"medical_genetics", "health"},
    {"miscellaneous", "other"},
    {"moral_disputes", "philosophy"},
    {"moral_scenarios", "philosophy"},
    {"nutrition", "health"},
    {"philosophy", "philosophy"},
    {"prehistory", "history"},
    {"professional_accounting", "other"},
    {"professional_law", "law"},
    {"professional_medicine", "health"},
    {"professional_psychology", "psychology"},
    {"public_relations", "other"},
    {"security_studies", "other"},
    {"sociology", "other"},
    {"us_foreign_policy", "other"},
    {"virology", "health"},
    {"world_religions", "philosophy"},
}};

// ---- sets

std::string category(base::Json row) {
  return std::string(mmlu_category(row.string_or("domain", "")));
}
std::string domain(base::Json row) { return std::string(row.string_or("domain", "")); }

// "zeroeval-gsm" and "routellm-gsm8k" hold the same questions.
std::string dataset(base::Json row) {
  std::string name(row.string_or("dataset", ""));
  if (const auto dash = name.find('-'); dash != std::string::npos) name.erase(0, dash + 1);
  if (name == "gsm8k") return "gsm";
  return name == "mmlu-redux" ? "mmlu" : name;
}

struct Source {
  std::string path;  // under the data folder
  std::function<Status(const std::string&, Rows&)> read;
  bool written = false;  // under the folder of the project's own rows
};
struct SetPlan {
  std::string_view name;
  std::string_view source;
  std::vector<Source> train, test;
  bool fill = false;  // training files after the first give only labels that the first lacks
  std::string_view shipped = {};
  bool by_source = false;  // confidence is to hold for texts of sources not learned from
};

// Exam questions twice: without their options, and with them as auxiliary rows.
Source both_ways(const Source& source) {
  const auto read = source.read;
  return {source.path, [read](const std::string& path, Rows& out) -> Status {
            constexpr std::size_t kShort = 20;  // "Which is true?" says nothing on its own
            const std::size_t before = out.size();
            SWY_DO(read(path, out));
            for (std::size_t i = before, n = out.size(); i < n; ++i) {
              const std::string_view bare = question_of(out[i].text);
              if (bare.size() <= kShort || bare.size() == out[i].text.size()) continue;
              Row row = out[i];
              row.text = std::string(bare);
              out[i].auxiliary = true;
              out.push_back(std::move(row));
            }
            return {};
          }};
}

// Every sixteenth everyday request: a subject has none of them.
Source everyday(std::string path) {
  return {std::move(path), [](const std::string& p, Rows& out) -> Status {
            Rows all;
            SWY_DO(intents(p, all));
            for (std::size_t i = 0; i < all.size(); i += 16) {
              if (all[i].out_of_scope) continue;
              all[i].label = "other";
              out.push_back(std::move(all[i]));
            }
            return {};
          }};
}

// What kind of work a data set's prompts ask for; "" where they are of several kinds.
std::string task_of(base::Json row) {
  static const std::unordered_map<std::string_view, std::string_view> kTasks = {
      {"gsm8k", "math"},
      {"math", "math"},
      {"agentverse-mgsm", "math"},
      {"mbpp", "code"},
      {"human_eval", "code"},
      {"coding", "code"},
      {"agentverse-logicgrid", "reasoning"},
      {"natural_qa", "knowledge"},
      {"trivia_qa", "knowledge"},
      {"openbook_qa", "knowledge"},
      {"commonsense_qa", "knowledge"},
      {"arc_challenge", "knowledge"},
      {"mmlu", "knowledge"},
      {"commongen", "writing"},
      {"writing", "writing"},
      {"roleplay", "writing"},
      {"extraction", "extraction"},
      {"humanities", "knowledge"},
      {"stem", "knowledge"}};
  const auto found = kTasks.find(row.string_or("domain", ""));
  return found == kTasks.end() ? std::string() : std::string(found->second);
}

Source intent_file(std::string path) { return {std::move(path), intents}; }
Source table(std::string path, const LabelOf& label) {
  return {std::move(path),
          [label](const std::string& p, Rows& out) { return prompts(p, label, out); }};
}
Source case_file(std::string path, std::string text_key, std::string label_key) {
  return {std::move(path),
          [=](const std::string& p, Rows& out) { return cases(p, text_key, label_key, out); }};
}

std::vector<SetPlan> make_plans() {
  const std::string pro = "mmlu_pro/mmlu_pro.jsonl.gz";
  const std::string mmlu = "routellm/routellm-mmlu.jsonl.gz";
  const std::string redux = "zeroeval/zeroeval-mmlu-redux.jsonl.gz";
  const std::vector<Source> domains = {table(pro, domain), table(mmlu, category),
                                       table(redux, category)};
  std::vector<SetPlan> plans;
  for (const char* name : {"clinc150", "banking77", "snips"}) {
    const Source file = intent_file(fmt::format("intents/{}.jsonl.gz", name));
    plans.push_back({name, "intents", {file}, {file}});
  }
  plans.push_back({"sgd",
                   "sgd",
                   {{"sgd/sgd-train.jsonl.gz", dialogues}},
                   {{"sgd/sgd-dev.jsonl.gz", dialogues}, {"sgd/sgd-test.jsonl.gz", dialogues}}});
  plans.push_back(
      {"mmlu_pro", "mmlu_pro, routellm, zeroeval", domains, {table(pro, domain)}, true, "domain"});
  std::vector<Source> asked;
  for (const Source& source : domains) asked.push_back(both_ways(source));
  asked.push_back({"domain/questions.tsv", tabbed, true});
  asked.push_back(everyday("intents/clinc150.jsonl.gz"));
  plans.push_back({"vsr_domain",
                   "vsr_cases",
                   asked,
                   {case_file("vsr_cases/domain_classify_cases.jsonl.gz", "question", "category"),
                    case_file("vsr_cases/domain_bench.jsonl.gz", "text", "true_label")},
                   false,
                   "domain",
                   true});
  plans.push_back({"task",
                   "llmrouter, routellm",
                   {},
                   {table("llmrouter/llmrouter_dc-train.jsonl.gz", task_of),
                    table("llmrouter/llmrouter_dc-test.jsonl.gz", task_of),
                    table("llmrouter/routeprofile-test.jsonl.gz", task_of),
                    table("routellm/routellm-mtbench.jsonl.gz", task_of)},
                   false,
                   "task"});
  plans.push_back({"mmlu_subjects", "routellm", {table(mmlu, domain)}, {table(mmlu, domain)}});
  std::vector<Source> sets = {table(mmlu, dataset), table(redux, dataset)};
  for (const char* path :
       {"routellm/routellm-gsm8k.jsonl.gz", "routellm/routellm-mtbench.jsonl.gz",
        "zeroeval/zeroeval-gsm.jsonl.gz", "zeroeval/zeroeval-crux.jsonl.gz",
        "zeroeval/zeroeval-math-l5.jsonl.gz", "zeroeval/zeroeval-zebra-grid.jsonl.gz"}) {
    sets.push_back(table(path, dataset));
  }
  plans.push_back({"datasets", "routellm, zeroeval", sets, sets});
  return plans;
}

// Files that are missing are skipped; kNotFound when all are.
Status read_all(const std::vector<Source>& sources, const std::string& data,
                const std::string& written, bool fill, bool by_source, Rows& out) {
  bool any = false;
  std::unordered_set<std::string> first;
  std::string last;
  for (const Source& source : sources) {
    last = (fs::path(source.written ? written : data) / source.path).string();
    if (!fs::exists(last)) continue;
    const std::size_t before = out.size();
    SWY_DO(source.read(last, out));
    for (std::size_t i = before; by_source && i < out.size(); ++i) out[i].group = source.path;
    if (fill && any) {
      out.erase(std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                               [&](const Row& r) { return first.contains(r.label); }),
                out.end());
      for (std::size_t i = before; i < out.size(); ++i) out[i].auxiliary = true;
    }
    if (!any) {
      for (const Row& r : out) first.insert(r.label);
    }
    any = true;
  }
  return any || sources.empty() ? Status{} : fail(ErrorCode::kNotFound, last + ": no such file");
}

SignalSet assemble(const SetPlan& plan, Rows train, Rows test) {
  const bool held_back =
      std::any_of(test.begin(), test.end(), [](const Row& r) { return r.part == "test"; });
  std::erase_if(test, [&](const Row& r) { return r.part != (held_back ? "test" : "dev"); });
  std::unordered_set<std::string> seen;
  for (const Row& r : test) seen.insert(stem(r.text));
  std::erase_if(train, [&](const Row& r) {
    return r.part == "test" || (r.part == "dev" && !held_back) || seen.contains(stem(r.text));
  });
  std::unordered_set<std::string> learned;
  for (const Row& r : train) {
    if (!r.out_of_scope) learned.insert(r.label);
  }
  if (plan.train.empty()) {
    for (const Row& r : test) learned.insert(r.label);
  }
  SignalSet set{std::string(plan.name),   std::string(plan.source), {}, {}, {},
                std::string(plan.shipped)};
  std::vector<std::vector<std::string>> names;
  const auto add = [&](Row& r, std::vector<std::uint32_t>& rows, bool outside) {
    rows.push_back(static_cast<std::uint32_t>(set.examples.rows.size()));
    names.push_back({std::move(r.label)});
    set.examples.rows.push_back(
        {std::move(r.id), std::move(r.text), {}, outside, r.auxiliary, std::move(r.group)});
  };
  for (Row& r : train) add(r, set.train, r.out_of_scope);
  // A label that was never learned is out of scope.
  for (Row& r : test) add(r, set.test, r.out_of_scope || !learned.contains(r.label));
  learn::index_labels(names, set.examples);
  return set;
}

const std::vector<SetPlan>& plans() {
  static const std::vector<SetPlan> kPlans = make_plans();
  return kPlans;
}

}  // namespace

Status each_row(const std::string& path, const std::function<Status(base::Json)>& on_row) {
  SWY_TRY(record::GzipReader reader, record::GzipReader::open(path));
  base::JsonDoc doc;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) return {};
    if (line->empty()) continue;
    const auto row = doc.parse(*line);
    if (!row) return fail_in(reader.where(), row.error());
    if (auto ok = on_row(*row); !ok) return fail_in(reader.where(), ok.error());
  }
}

std::string_view mmlu_category(std::string_view subject) {
  for (const auto& [name, category] : kSubjects) {
    if (name == subject) return category;
  }
  return {};
}

const std::vector<std::string_view>& signal_set_names() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> names;
    for (const SetPlan& plan : plans()) names.push_back(plan.name);
    return names;
  }();
  return kNames;
}

Result<SignalSet> load_signal_set(std::string_view name, const SignalFolders& folders) {
  for (const SetPlan& plan : plans()) {
    if (plan.name != name) continue;
    Rows train, test;
    SWY_DO(read_all(plan.train, folders.train, folders.written, plan.fill, plan.by_source, train));
    SWY_DO(read_all(plan.test, folders.measure, folders.written, false, false, test));
    SignalSet set = assemble(plan, std::move(train), std::move(test));
    const bool untaught = set.train.empty() && !plan.train.empty();
    if (untaught || set.test.empty()) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("{}: no rows to {}", name, untaught ? "learn from" : "measure"));
    }
    return set;
  }
  return fail(ErrorCode::kInvalidArgument, fmt::format("no such set: {}", name));
}

void keep_rows(const SignalSet& set, std::size_t limit, std::uint64_t seed,
               std::vector<std::uint32_t>& rows) {
  if (rows.size() <= limit) return;
  std::sort(rows.begin(), rows.end(), [&](std::uint32_t a, std::uint32_t b) {
    const learn::Example& x = set.examples.rows[a];
    const learn::Example& y = set.examples.rows[b];
    if (x.auxiliary != y.auxiliary) return y.auxiliary;
    return learn::split_point(x.id, seed) < learn::split_point(y.id, seed);
  });
  rows.resize(limit);
  std::sort(rows.begin(), rows.end());
}

Result<ToolSet> load_tools(const std::string& data) {
  ToolSet out;
  std::unordered_map<std::string, std::uint32_t> index;
  const fs::path folder = fs::path(data) / "bfcl_tools";
  SWY_DO(
      each_row((folder / "bfcl_tools.catalogue.jsonl.gz").string(), [&](base::Json row) -> Status {
        Tool tool;
        SWY_TRY(tool.id, text_of(row, "tool"));
        tool.text =
            fmt::format("{}: {}", row.string_or("name", ""), row.string_or("description", ""));
        for (char& c : tool.text) {
          if (c == '_') c = ' ';  // calculate_area: two words
        }
        if (const auto names = row.find("parameters")) {
          names->each(
              [&](base::Json p) { tool.text.append(" ").append(p.as_string().value_or("")); });
        }
        index.emplace(tool.id, static_cast<std::uint32_t>(out.tools.size()));
        out.tools.push_back(std::move(tool));
        return {};
      }));
  SWY_DO(each_row((folder / "bfcl_tools.jsonl.gz").string(), [&](base::Json row) -> Status {
    ToolQuestion q;
    SWY_TRY(q.text, text_of(row, "text"));
    q.test = part_of(row) != "train";
    if (const auto gold = row.find("gold")) {
      gold->each([&](base::Json id) {
        const auto found = index.find(std::string(id.as_string().value_or("")));
        if (found != index.end()) q.gold.push_back(found->second);
      });
    }
    out.questions.push_back(std::move(q));
    return {};
  }));
  return out;
}

}  // namespace swy::eval
