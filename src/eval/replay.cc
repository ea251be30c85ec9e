// Deciding again. What a record holds is enough: counts, metadata, caller, tokens and, where an
// estimator read it, the sketch of the prompt; facts that need the text are taken as recorded,
// unless the record has the body: then everything is computed anew and the recorded reading is
// proved too. The random stream is keyed by (seed, work_id, 0), so even a drawn choice comes out
// again. Loses: without bodies a new text signal, or a sketch that was not read at the time, cannot
// be had; such records are skipped with that reason instead of being guessed. Test: replay_test.cc.
#include "eval/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <unordered_map>

#include "base/json.h"
#include "base/terminal.h"
#include "chat/openai.h"
#include "record/log_reader.h"
#include "route/trace.h"

namespace swy::eval {
namespace {

using base::Json;

constexpr std::int64_t kVersion = 1;  // of record lines
constexpr std::string_view kRefused = "(refused)";

std::string_view raw_value(std::string_view line, std::string_view key) {
  const base::JsonSpan span = base::find_top_level(line, key);
  return span.count == 1 ? line.substr(span.begin, span.end - span.begin) : std::string_view{};
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return v;
}

// "at byte 120: recorded ...x..., now ...y..."
std::string first_difference(std::string_view was, std::string_view now) {
  std::size_t at = 0;
  while (at < was.size() && at < now.size() && was[at] == now[at]) ++at;
  const std::size_t from = at < 24 ? 0 : at - 24;
  return fmt::format("at byte {}: recorded ...{}..., now ...{}...", at, was.substr(from, 64),
                     now.substr(from, 64));
}

// One record being decided again.
class Again {
 public:
  Again(std::string_view line, const Json& record, const route::Plan& plan,
        const ReplayOptions& options)
      : line_(line), record_(record), plan_(plan), options_(options) {
    one_.id = record.string_or("id", "");
    one_.cost_before = one_.cost_after = std::numeric_limits<double>::quiet_NaN();
  }

  ReplayOne run() {
    if (record_.integer_or("v", 0) > kVersion)
      return skip("written by a newer version of this program");
    const auto decision = record_.find("decision");
    if (!decision || !decision->is_object()) return skip("refused before a decision was made");
    decision_ = *decision;
    one_.before = decision_.string_or("choice", "");
    const bool same_plan = record_.string_or("plan", "") == plan_.version;
    if (!same_plan && !options_.what_if)
      return skip("decided by another plan version; its choice can be compared, not its bytes");
    if (!decision_.find("set")) return named(same_plan);
    return routed(same_plan);
  }

 private:
  ReplayOne skip(std::string why) {
    one_.verdict = ReplayVerdict::kSkipped;
    one_.why = std::move(why);
    return one_;
  }

  ReplayOne named(bool same_plan) {
    one_.named = true;
    one_.after = one_.before;
    const auto expert = plan_.catalogue.find(one_.before);
    if (!expert) return skip("asked for by name, and the plan has no such model");
    costs(*expert);
    if (!same_plan) {
      one_.verdict = ReplayVerdict::kSame;
      return one_;
    }
    std::string now;
    base::JsonWriter w(now);
    route::write_named(w, plan_, *expert);
    return compare(now, false);
  }

  ReplayOne routed(bool same_plan) {
    const std::string_view name = rules_to_ask(same_plan);
    const route::RuleSet* rules = plan_.find(name);
    if (rules == nullptr) return skip(fmt::format("the plan has no rule set '{}'", name));
    const auto work_id = parse_hex(record_.string_or("work_id", ""));
    const auto seed = record_.find("seed");
    if (!work_id || !seed) return skip("the record has no seed or work_id");
    const auto work = record_.find("work");
    if (!work) return skip("the record has no work");
    keeps_sketch_ = work->find("sketch").has_value();
    if (const Status s = recorded_.read(*work, plan_); !s) return skip(s.error().message);
    if (const std::string trouble = prepare(); !trouble.empty()) return skip(trouble);
    std::vector<fleet::LiveStats> live;
    if (const auto l = record_.find("live")) live = route::read_live(*l, plan_);
    const std::vector<double> accounts = accounts_of(*rules, same_plan);
    const auto decision = route::decide_now(
        plan_, *rules, {live, accounts},
        base::Rng(static_cast<std::uint64_t>(seed->as_integer().value_or(0)), *work_id, 0),
        scratch_);
    if (const std::string missing = missing_text(); !missing.empty()) return skip(missing);
    std::string now;
    base::JsonWriter w(now);
    route::write_decision(w, plan_, *rules, scratch_, decision);
    if (const auto* choice = std::get_if<route::Choice>(&decision)) {
      one_.after = plan_.catalogue[choice->expert].name;
      costs(choice->expert);
    }
    if (!same_plan) {
      weigh_choice(decision, *rules);
      return judge();
    }
    return compare(now, has_body_);
  }

  // What its policy had kept; another plan's policies are as they open.
  std::vector<double> accounts_of(const route::RuleSet& rules, bool same_plan) {
    const auto account = record_.find("account");
    const std::string_view rule = decision_.string_or("rule", "");
    for (const route::Rule& r : rules.rules)
      if (same_plan && account && r.name == rule) return route::read_account(*account, plan_, r);
    return plan_.accounts;
  }

  // The rule set that decided; of another plan the one that the client asked for, whichever arm of
  // an experiment it was given to.
  std::string_view rules_to_ask(bool same_plan) {
    const auto work = record_.find("work");
    if (!same_plan && work && record_.find("experiment")) return work->string_or("model", "");
    return decision_.string_or("set", "");
  }

  // The probability with which the recorded choice was made, over the arms of an experiment too.
  double logged_propensity() {
    const auto experiment = record_.find("experiment");
    return experiment ? experiment->number_or("marginal", 0) : decision_.number_or("propensity", 0);
  }

  // Scratch from the body when there is one, else from what the record kept. "" or why it cannot
  // be.
  std::string prepare() {
    const auto body = record_.find("body");
    if (!body) {
      const Status s = recorded_.prepare(decision_, plan_, scratch_);
      return s ? "" : s.error().message;
    }
    has_body_ = true;
    if (const auto decoded = doc_.decode(body->as_string().value_or("")); !decoded)
      return "the recorded body cannot be read: " + decoded.error().message;
    work_ = recorded_.work();
    work_.request = &doc_.request();
    scratch_.begin(work_, plan_.signals.size());
    return "";
  }

  // Without the body: what the plan read of the text that the record does not have.
  std::string missing_text() {
    if (has_body_) return "";
    if (const auto lacks = recorded_.lacks(scratch_.reading); !lacks.empty())
      return fmt::format("needs {} (no body kept)", lacks);
    std::set<std::string, std::less<>> known;
    if (const auto facts = decision_.find("facts")) {
      facts->each([&](const Json& f) { known.emplace(f.string_or("signal", "")); });
    }
    for (const FactId id : scratch_.order) {
      const route::NamedSignal& s = plan_.signals[id];
      if (s.signal->reads_text() && known.count(s.name) == 0) {
        return fmt::format("needs the prompt's text for signal '{}' (no body kept)", s.name);
      }
    }
    return "";
  }
  using FactId = route::FactId;

  // The recorded choice under this plan: its odds against those recorded, and what is believed.
  void weigh_choice(const route::Decision& decision, const route::RuleSet& rules) {
    const auto* choice = std::get_if<route::Choice>(&decision);
    const double logged = logged_propensity();
    if (choice == nullptr || !(logged > 0)) return;
    const route::Rule& rule = rules.rules[choice->rule];
    Scored& s = one_.scored;
    s.weight = s.expected = s.believed = 0;  // what would never be chosen needs no belief
    for (std::size_t i = 0; i < rule.candidates.size(); ++i) {
      const double p = scratch_.probability[i];
      const double believed = scratch_.beliefs[i].quality;
      if (p > 0) s.expected += p * believed;
      if (plan_.catalogue[rule.candidates[i]].name != one_.before) continue;
      s.weight = p / logged;
      s.believed = believed;
    }
  }

  ReplayOne judge() {
    one_.verdict = one_.before == one_.after ? ReplayVerdict::kSame
                   : one_.after.empty()      ? ReplayVerdict::kRefused
                                             : ReplayVerdict::kDifferent;
    return one_;
  }

  ReplayOne compare(const std::string& now, bool prove_work) {
    one_.proved = true;
    const std::string_view was = raw_value(line_, "decision");
    one_.verdict = was == now ? ReplayVerdict::kSame : ReplayVerdict::kDifferent;
    if (was != now) one_.why = "decision " + first_difference(was, now);
    if (was != now || !prove_work) return one_;
    std::string work;
    base::JsonWriter w(work);
    route::write_work(w, plan_, scratch_.reading, keeps_sketch_);
    const std::string_view was_work = raw_value(line_, "work");
    if (was_work == work) return one_;
    one_.verdict = ReplayVerdict::kDifferent;
    one_.why = "work " + first_difference(was_work, work);
    return one_;
  }

  void costs(ExpertId expert) {
    const auto outcome = record_.find("outcome");
    if (!outcome) return;
    if (outcome->string_or("cost_basis", "none") != "none")
      one_.cost_before = static_cast<double>(outcome->integer_or("cost_nano", 0)) * 1e-9;
    const auto cost =
        cost_of(plan_.catalogue[expert].price, outcome->integer_or("tokens_in", 0),
                outcome->integer_or("tokens_cached", 0), outcome->integer_or("tokens_out", 0));
    if (cost) one_.cost_after = static_cast<double>(*cost) * 1e-9;
  }

  std::string_view line_;
  const Json& record_;
  const route::Plan& plan_;
  const ReplayOptions& options_;
  Json decision_;
  route::RecordedWork recorded_;
  chat::RequestDoc doc_;
  route::Work work_;
  route::Scratch scratch_;
  bool has_body_ = false;
  bool keeps_sketch_ = false;
  ReplayOne one_;
};

void count(ReplayReport& report, ReplayOne one, std::size_t listed) {
  ++report.records;
  report.proved += one.proved ? 1U : 0U;
  report.named += one.named ? 1U : 0U;
  if (one.verdict == ReplayVerdict::kSkipped) {
    ++report.skipped;
    ++report.reasons[one.why];
    return;
  }
  ++report.before[one.before.empty() ? std::string(kRefused) : one.before];
  ++report.after[one.after.empty() ? std::string(kRefused) : one.after];
  if (!std::isnan(one.cost_before) && !std::isnan(one.cost_after)) {
    report.cost_before += one.cost_before;
    report.cost_after += one.cost_after;
    ++report.costed;
  }
  if (one.verdict == ReplayVerdict::kSame) {
    ++report.same;
    return;
  }
  ++(one.verdict == ReplayVerdict::kRefused ? report.refused : report.different);
  if (report.differences.size() < listed) report.differences.push_back(std::move(one));
}

std::string or_refused(const std::string& model) {
  return model.empty() ? std::string(kRefused) : model;
}

void write_counts(base::JsonWriter& w, std::string_view name,
                  const std::map<std::string, std::uint64_t>& counts) {
  w.key(name).begin_object();
  for (const auto& [key, n] : counts) w.field(key, n);
  w.end_object();
}

std::string value_text(const OffPolicy& v) {
  if (!v.refused.empty()) return fmt::format("  value: not estimated, {}\n", v.refused);
  const auto line = [](std::string_view name, const Estimate& e) {
    return std::isnan(e.value)
               ? std::string()
               : fmt::format("  {:<36} {:>9.3f} [{:.3f}, {:.3f}]\n", name, e.value, e.low, e.high);
  };
  return fmt::format(
             "\n  mean score of {} scored requests, worth {:.0f} under this configuration\n"
             "  {:<36} {:>9.3f}\n",
             v.scored, v.effective, "as it was", v.logged) +
         line("inverse propensity", v.ips) + line("self-normalised", v.snips) +
         line("doubly robust", v.dr);
}

void write_value(base::JsonWriter& w, const OffPolicy& v) {
  w.key("value").begin_object();
  w.field("scored", static_cast<std::uint64_t>(v.scored)).field("effective", v.effective);
  if (!v.refused.empty()) w.field("refused", v.refused);
  if (!std::isnan(v.logged)) w.field("logged", v.logged);
  const auto write = [&w](std::string_view name, const Estimate& e) {
    if (std::isnan(e.value)) return;
    w.key(name).begin_object();
    w.field("value", e.value).field("low", e.low).field("high", e.high).end_object();
  };
  if (v.refused.empty()) {
    write("ips", v.ips);
    write("snips", v.snips);
    write("dr", v.dr);
  }
  w.end_object();
}

}  // namespace

ReplayOne replay_line(std::string_view line, const route::Plan& plan,
                      const ReplayOptions& options) {
  base::JsonDoc doc;
  const auto record = doc.parse(line);
  if (!record) {
    ReplayOne one;
    one.why = "not JSON: " + record.error().message;
    return one;
  }
  return Again(line, *record, plan, options).run();
}

Result<ReplayReport> replay(const std::string& directory, std::string_view file_kind,
                            const route::Plan& plan, const ReplayOptions& options) {
  ReplayReport report;
  report.plan = plan.version;
  report.what_if = options.what_if;
  base::JsonDoc doc;
  std::uint64_t broken = 0;
  SWY_TRY(const auto files, record::log_files(directory, file_kind));
  std::uint64_t bytes = 0;
  for (const record::LogFile& f : files) bytes += static_cast<std::uint64_t>(f.bytes);
  base::Progress progress("replay", bytes);
  std::unordered_map<std::string, Scored> choices;
  std::map<std::string, double> scores;  // the last one of a record counts
  SWY_TRY(const auto scanned,
          record::scan(directory, file_kind, [&](std::string_view line, const record::LogPlace&) {
            progress.advance(line.size() + 1);
            const auto record = doc.parse(line);
            if (!record) {
              ++broken;
            } else if (record->string_or("kind", "") == "experiment" ||
                       record->string_or("kind", "") == "probe") {
              // what an experiment decided, a probe's call: nothing to decide again
            } else if (record->string_or("kind", "") != "request") {
              ++report.feedback;
              if (const auto score = record->find("score"); score && score->as_number())
                scores[std::string(record->string_or("record", ""))] = *score->as_number();
            } else {
              ReplayOne one = Again(line, *record, plan, options).run();
              if (!std::isnan(one.scored.weight)) choices[one.id] = one.scored;
              count(report, std::move(one), options.differences);
            }
            return true;
          }));
  report.unreadable = scanned.unreadable + broken;
  std::vector<Scored> scored;
  for (const auto& [id, reward] : scores) {
    const auto it = choices.find(id);
    if (it == choices.end()) continue;
    it->second.reward = reward;
    scored.push_back(it->second);
  }
  report.value = off_policy(scored);
  return report;
}

std::string to_text(const ReplayReport& r, bool color) {
  std::string out = fmt::format("{} requests decided again with plan {}: {} {}, {} {}{}{}\n",
                                r.records, r.plan, r.same, r.what_if ? "as before" : "the same",
                                r.different, r.what_if ? "otherwise" : "different",
                                r.refused > 0 ? fmt::format(", {} refused", r.refused) : "",
                                r.skipped > 0 ? fmt::format(", {} not comparable", r.skipped) : "");
  if (r.proved > 0)
    out += fmt::format("{} compared byte for byte; {} asked for their model by name\n", r.proved,
                       r.named);
  for (const auto& [why, n] : r.reasons)
    out += base::styled(fmt::format("  {} not comparable: {}\n", n, why), "yellow", color);
  if (r.unreadable > 0)
    out += base::styled(fmt::format("  {} lines or files cannot be read\n", r.unreadable), "red",
                        color);
  if (r.what_if) {
    out += fmt::format("\n  {:<36} {:>9} {:>9}\n", "model", "before", "after");
    std::set<std::string> models;
    for (const auto& [m, n] : r.before) models.insert(m);
    for (const auto& [m, n] : r.after) models.insert(m);
    const auto of = [](const auto& counts, const std::string& m) {
      return counts.count(m) == 0 ? 0 : counts.at(m);
    };
    for (const std::string& m : models)
      out += fmt::format("  {:<36} {:>9} {:>9}\n", base::fit_columns(m, 36), of(r.before, m),
                         of(r.after, m));
    out += fmt::format(
        "  cost of {} requests at their recorded tokens: {:.6f} USD before, {:.6f} USD after\n",
        r.costed, r.cost_before, r.cost_after);
  }
  if (r.what_if && r.feedback > 0) out += value_text(r.value);
  if (!r.differences.empty()) out += "\n";
  for (const ReplayOne& d : r.differences) {
    out += fmt::format("  {}  {} -> {}{}{}\n", d.id, or_refused(d.before),
                       base::styled(or_refused(d.after), "bold", color), d.why.empty() ? "" : "  ",
                       d.why);
  }
  const std::uint64_t more = r.different + r.refused - r.differences.size();
  if (more > 0) out += fmt::format("  and {} more\n", more);
  return out;
}

std::string to_json(const ReplayReport& r) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("plan", r.plan)
      .field("what_if", r.what_if)
      .field("records", r.records)
      .field("same", r.same);
  w.field("different", r.different)
      .field("refused", r.refused)
      .field("skipped", r.skipped)
      .field("proved", r.proved);
  w.field("named", r.named)
      .field("feedback", r.feedback)
      .field("unreadable", r.unreadable)
      .field("clean", r.clean());
  write_counts(w, "before", r.before);
  write_counts(w, "after", r.after);
  write_counts(w, "not_comparable", r.reasons);
  w.field("cost_before_usd", r.cost_before)
      .field("cost_after_usd", r.cost_after)
      .field("costed", r.costed);
  if (r.what_if) write_value(w, r.value);
  w.key("differences").begin_array();
  for (const ReplayOne& d : r.differences) {
    w.begin_object()
        .field("id", d.id)
        .field("before", d.before)
        .field("after", d.after)
        .field("why", d.why)
        .end_object();
  }
  w.end_array().end_object();
  return out + "\n";
}

}  // namespace swy::eval
