#include "route/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "text/ngram.h"

namespace swy::route {
namespace {

using base::Json;
using base::JsonWriter;

void write_known(JsonWriter& w, std::string_view name, double value) {
  if (value == value) w.field(name, value);
}

void write_texts(JsonWriter& w, std::string_view name, std::string_view value) {
  if (!value.empty()) w.field(name, value);
}

void write_request(JsonWriter& w, const chat::Request& r) {
  w.field("model", r.model);
  if (r.stream) w.field("stream", true);
  if (r.logprobs) w.field("logprobs", true);
  if (r.max_tokens) w.field("max_tokens", *r.max_tokens);
  if (r.n != 1) w.field("n", r.n);
  write_known(w, "temperature", r.temperature);
  w.field("turns", std::uint64_t{r.messages.size()});
  if (!r.tools.empty()) {
    w.key("tools").begin_array();
    for (const auto& t : r.tools) w.string(t);
    w.end_array();
  }
  write_texts(w, "tool_choice", chat::to_string(r.tool_choice));
  if (r.response_format != chat::ResponseFormat::kText)
    w.field("response_format", chat::to_string(r.response_format));
  write_texts(w, "reasoning_effort", r.reasoning_effort);
  write_texts(w, "user", r.user);
  if (r.images != 0) w.field("images", r.images);
  if (r.audios != 0) w.field("audios", r.audios);
  if (r.files != 0) w.field("files", r.files);
  if (!r.metadata.empty()) {
    w.key("metadata").begin_object();
    for (const auto& [k, v] : r.metadata) w.field(k, v);
    w.end_object();
  }
}

void write_past(JsonWriter& w, const SessionPast& p) {
  w.key("past").begin_object().field("turns", p.turns).field("switches", p.switches);
  write_texts(w, "rule", p.rule);
  w.field("rule_turns", p.rule_turns);
  write_known(w, "idle_s", p.idle_s);
  write_known(w, "warmth", p.warmth);
  w.end_object();
}

void write_history(JsonWriter& w, const History& h) {
  w.key("history").begin_object().field("user_turns", h.user_turns).field("earlier", h.earlier);
  if (h.reads_tool_result) w.field("reads_tool_result", true);
  w.end_object();
}

std::uint32_t count_or_0(const Json& j, std::string_view key) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(j.integer_or(key, 0), 0, std::numeric_limits<std::uint32_t>::max()));
}

void write_fact(JsonWriter& w, const NamedSignal& signal, const Fact& f) {
  w.raw(signal.json_head[static_cast<std::size_t>(f.truth)]);
  if (f.truth != Truth::kUnknown) {
    w.field("confidence", static_cast<double>(f.confidence));
    write_known(w, "value", f.value);
    write_texts(w, "label", f.label.view());
  } else {
    write_texts(w, "why", f.label.view());
  }
  w.raw(signal.json_tail);
}

void write_belief(JsonWriter& w, const Belief& b) {
  write_known(w, "quality", b.quality);
  write_known(w, "quality_var", b.quality_var);
  write_known(w, "evidence", b.evidence);
  write_known(w, "cost_micro", b.cost_micro);
  write_known(w, "latency_ms", b.latency_ms);
  write_known(w, "latency_p95_ms", b.latency_p95_ms);
  write_known(w, "p_fail", b.p_fail);
}

void write_candidate_fields(JsonWriter& w, const Plan& plan, const Scratch& s, std::size_t c) {
  if (s.masked_by[c] >= 0) {
    w.field("masked_by", plan.guards[static_cast<std::size_t>(s.masked_by[c])].name)
        .field("why", s.verdicts[c].why.view());
    return;
  }
  write_belief(w, s.beliefs[c]);
  write_known(w, "score", s.score[c]);
  w.field("p", s.probability[c]);
}

// One clause for a candidate of the answer: why it leads, may still be drawn, lost, or is
// forbidden.
std::string reason_of(const Plan& plan, const Scratch& s, const Choice* choice, std::size_t c) {
  if (s.masked_by[c] >= 0) {
    return fmt::format("forbidden by {}: {}",
                       plan.guards[static_cast<std::size_t>(s.masked_by[c])].name,
                       s.verdicts[c].why.view());
  }
  if (choice == nullptr) return "not chosen";
  if (c == choice->candidate) return std::string(choice->why.view());
  if (s.probability[c] > 0)
    return fmt::format("could have been drawn: probability {:.4g}", s.probability[c]);
  const double mine = s.score[c];
  const double best = s.score[choice->candidate];
  if (mine == mine && best == best)
    return fmt::format("ranked lower: score {:.4g}, the choice has {:.4g}", mine, best);
  return mine == mine ? "ranked lower" : "nothing known to rank it by";
}

void write_ranked(JsonWriter& w, const Plan& plan, const Rule& rule, const Scratch& s,
                  const Choice* choice, std::size_t c) {
  w.begin_object().field("model", plan.catalogue[rule.candidates[c]].name);
  write_candidate_fields(w, plan, s, c);
  w.field("reason", reason_of(plan, s, choice, c)).end_object();
}

void write_candidates(JsonWriter& w, const Plan& plan, const Rule& rule, const Scratch& s) {
  w.key("candidates").begin_array();
  for (std::size_t c = 0; c < rule.candidates.size() && c < s.masked_by.size(); ++c) {
    w.begin_object().field("model", plan.catalogue[rule.candidates[c]].name);
    write_candidate_fields(w, plan, s, c);
    w.end_object();
  }
  w.end_array();
}

// Candidates best first: by probability, then score (unknown last), then file order; masked ones at
// the end.
std::vector<std::size_t> rank(const Scratch& s) {
  std::vector<std::size_t> order(s.masked_by.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto key = [&](std::size_t c) {
    const double score =
        s.score[c] == s.score[c] ? s.score[c] : -std::numeric_limits<double>::infinity();
    return std::tuple(s.masked_by[c] >= 0, -s.probability[c], -score, c);
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

}  // namespace

void write_work(JsonWriter& w, const Plan& plan, Reading& reading, bool keep_sketch) {
  const Work& work = reading.work();
  w.begin_object();
  write_request(w, *work.request);
  if (!work.headers.empty()) {
    w.key("headers").begin_object();
    for (const Header& h : work.headers) w.field(h.name, h.value);
    w.end_object();
  }
  write_texts(w, "key", work.key_name);
  write_texts(w, "role", work.role);
  write_texts(w, "session", work.session);
  if (work.previous != kNoExpert) w.field("previous", plan.catalogue[work.previous].name);
  if (work.past.turns > 0) write_past(w, work.past);
  w.field("tokens", reading.tokens_in());
  if (reading.history_was_read()) write_history(w, reading.history());
  if (keep_sketch && reading.sketch_was_read()) w.field("sketch", reading.sketch().to_text());
  w.end_object();
}

void write_live(JsonWriter& w, const Plan& plan, fleet::LiveView live,
                std::span<const ExpertId> experts) {
  w.begin_object();
  for (const ExpertId id : experts) {
    if (id >= live.size()) continue;
    const fleet::LiveStats& s = live[id];
    w.key(plan.catalogue[id].name).begin_object();
    write_known(w, "ttft_ms", s.ttft_ms);
    write_known(w, "ms_per_token", s.ms_per_token);
    write_known(w, "fail_share", s.fail_share);
    w.field("calls", s.calls).field("in_flight", s.in_flight).end_object();
  }
  w.end_object();
}

void write_account(JsonWriter& w, const Rule& rule, fleet::LiveView live) {
  w.begin_array();
  for (const double v : live.accounts.subspan(rule.account_at, rule.account_size)) w.number(v);
  w.end_array();
}

void write_decision(JsonWriter& w, const Plan& plan, const RuleSet& rules, const Scratch& s,
                    const Decision& decision) {
  const auto* choice = std::get_if<Choice>(&decision);
  const auto* refuse = std::get_if<Refuse>(&decision);
  w.begin_object().field("set", rules.name);
  const Rule* rule = nullptr;
  if (choice != nullptr) rule = &rules.rules[choice->rule];
  if (refuse != nullptr && refuse->rule) rule = &rules.rules[*refuse->rule];
  if (rule != nullptr)
    w.field("rule", rule->name)
        .field("policy", rule->policy_name)
        .field("estimator", rule->estimator_name);
  w.key("facts").begin_array();
  for (const FactId id : s.order) write_fact(w, plan.signals[id], s.facts[id]);
  w.end_array();
  if (rule != nullptr) write_candidates(w, plan, *rule, s);
  if (choice != nullptr) {
    w.field("choice", plan.catalogue[choice->expert].name)
        .field("propensity", choice->propensity)
        .field("reason", choice->why.view());
  }
  if (refuse != nullptr)
    w.field("refused", to_string(refuse->code)).field("reason", refuse->message);
  w.end_object();
}

void write_named(JsonWriter& w, const Plan& plan, ExpertId expert) {
  w.begin_object().key("facts").begin_array().end_array();
  w.field("choice", plan.catalogue[expert].name)
      .field("propensity", 1.0)
      .field("reason", "asked for by name")
      .end_object();
}

void write_answer(JsonWriter& w, const Plan& plan, const RuleSet& rules, const Scratch& s,
                  const Decision& decision) {
  const auto* choice = std::get_if<Choice>(&decision);
  const auto* refuse = std::get_if<Refuse>(&decision);
  w.begin_object()
      .field("object", "route.decision")
      .field("set", rules.name)
      .field("plan", plan.version);
  const Rule* rule = nullptr;
  if (choice != nullptr) {
    rule = &rules.rules[choice->rule];
    w.field("decision", rule->name).field("model", plan.catalogue[choice->expert].name);
    w.field("propensity", choice->propensity).field("reason", choice->why.view());
  } else if (refuse != nullptr) {
    if (refuse->rule) rule = &rules.rules[*refuse->rule];
    w.key("model").null().field("error", to_string(refuse->code)).field("reason", refuse->message);
  }
  w.key("ranked").begin_array();
  if (rule != nullptr) {
    for (const std::size_t c : rank(s)) write_ranked(w, plan, *rule, s, choice, c);
  }
  w.end_array().key("facts").begin_array();
  for (const FactId id : s.order) write_fact(w, plan.signals[id], s.facts[id]);
  w.end_array().end_object();
}

std::string_view RecordedWork::keep(std::string_view s) { return strings_.emplace_back(s); }

Status RecordedWork::read(const Json& work, const Plan& plan) {
  if (!work.is_object()) return fail(ErrorCode::kParse, "the record has no work");
  strings_.clear();
  const auto size_of = [&](std::string_view key) {
    const auto j = work.find(key);
    return j ? j->size() : 0;
  };
  strings_.reserve(16 + size_of("tools") + 2 * (size_of("metadata") + size_of("headers")));
  read_request(work);
  read_fields(work);
  work_ = Work{};
  work_.request = &request_;
  work_.headers = headers_;
  work_.key_name = keep(work.string_or("key", ""));
  work_.role = keep(work.string_or("role", ""));
  work_.session = keep(work.string_or("session", ""));
  if (const auto p = plan.catalogue.find(work.string_or("previous", ""))) work_.previous = *p;
  if (const auto past = work.find("past")) {
    work_.past = {count_or_0(*past, "turns"),
                  count_or_0(*past, "switches"),
                  keep(past->string_or("rule", "")),
                  count_or_0(*past, "rule_turns"),
                  past->number_or("idle_s", kUnknownNumber),
                  past->number_or("warmth", kUnknownNumber)};
  }
  history_.reset();
  if (const auto h = work.find("history")) {
    history_ = History{count_or_0(*h, "user_turns"), h->number_or("earlier", 0),
                       h->bool_or("reads_tool_result", false)};
  }
  tokens_ = work.integer_or("tokens", 0);
  sketch_.reset();
  if (work.find("sketch")) sketch_ = std::string(work.string_or("sketch", ""));
  return {};
}

void RecordedWork::read_request(const Json& work) {
  request_.clear();
  request_.model = keep(work.string_or("model", ""));
  request_.stream = work.bool_or("stream", false);
  request_.logprobs = work.bool_or("logprobs", false);
  if (const auto m = work.find("max_tokens")) request_.max_tokens = m->as_integer();
  request_.n = work.integer_or("n", 1);
  request_.temperature = work.number_or("temperature", kUnknownNumber);
  request_.messages.resize(
      static_cast<std::size_t>(std::clamp<std::int64_t>(work.integer_or("turns", 0), 0, 100'000)));
  if (const auto tools = work.find("tools")) {
    tools->each([&](const Json& t) { request_.tools.push_back(keep(t.as_string().value_or(""))); });
  }
  const auto choice = work.string_or("tool_choice", "");
  for (int i = 0; i < 5; ++i) {
    if (chat::to_string(static_cast<chat::ToolChoice>(i)) == choice)
      request_.tool_choice = static_cast<chat::ToolChoice>(i);
  }
  const auto format = work.string_or("response_format", "text");
  for (int i = 0; i < 3; ++i) {
    if (chat::to_string(static_cast<chat::ResponseFormat>(i)) == format)
      request_.response_format = static_cast<chat::ResponseFormat>(i);
  }
  request_.reasoning_effort = keep(work.string_or("reasoning_effort", ""));
  request_.user = keep(work.string_or("user", ""));
  request_.images = static_cast<std::uint32_t>(work.integer_or("images", 0));
  request_.audios = static_cast<std::uint32_t>(work.integer_or("audios", 0));
  request_.files = static_cast<std::uint32_t>(work.integer_or("files", 0));
}

// Metadata and headers.
void RecordedWork::read_fields(const Json& work) {
  if (const auto meta = work.find("metadata")) {
    meta->each_member([&](std::string_view k, const Json& v) {
      request_.metadata.emplace_back(keep(k), keep(v.as_string().value_or("")));
    });
  }
  headers_.clear();
  if (const auto headers = work.find("headers")) {
    headers->each_member([&](std::string_view k, const Json& v) {
      headers_.push_back({keep(k), keep(v.as_string().value_or(""))});
    });
  }
}

std::string_view RecordedWork::lacks(const Reading& reading) const {
  if (!sketch_ && reading.sketch_was_read())
    return "the prompt's sketch, which the record does not have";
  if (!history_ && reading.history_was_read())
    return "the conversation's turns, which the record does not have";
  return reading.text_was_examined() ? "the prompt's text for the rule's estimator" : "";
}

Status RecordedWork::prepare(const Json& decision, const Plan& plan, Scratch& scratch) const {
  scratch.begin(work_, plan.signals.size());
  for (std::size_t i = 0; i < plan.signals.size(); ++i) {
    if (plan.signals[i].signal->reads_text()) scratch.preset_fact(static_cast<FactId>(i), Fact{});
  }
  scratch.reading.preset_tokens(tokens_);
  if (history_) scratch.reading.preset_history(*history_);
  if (sketch_ && !sketch_->empty()) {
    SWY_TRY(const text::Sketch sketch, text::Sketch::parse(*sketch_));
    scratch.reading.preset_sketch(sketch);
  }  // else the sketch of no text; lacks() tells whether it mattered, and so of the history
  const auto facts = decision.find("facts");
  if (!facts) return fail(ErrorCode::kParse, "the record has no facts");
  facts->each([&](const Json& j) {
    const auto id = plan.find_signal(j.string_or("signal", ""));
    if (!id) return;
    Fact f;
    const auto truth = j.string_or("truth", "unknown");
    f.truth = truth == "true" ? Truth::kTrue : truth == "false" ? Truth::kFalse : Truth::kUnknown;
    f.confidence = static_cast<float>(j.number_or("confidence", 1));
    f.value = j.number_or("value", kUnknownNumber);
    f.label = ShortText(j.string_or(f.truth == Truth::kUnknown ? "why" : "label", ""));
    scratch.preset_fact(*id, f);
  });
  return {};
}

std::vector<fleet::LiveStats> read_live(const Json& live, const Plan& plan) {
  std::vector<fleet::LiveStats> out(plan.catalogue.size());
  live.each_member([&](std::string_view name, const Json& j) {
    const auto id = plan.catalogue.find(name);
    if (!id) return;
    out[*id] = {j.number_or("ttft_ms", kUnknownNumber), j.number_or("ms_per_token", kUnknownNumber),
                j.number_or("fail_share", kUnknownNumber), j.number_or("calls", 0),
                j.integer_or("in_flight", 0)};
  });
  return out;
}

std::vector<double> read_account(const Json& account, const Plan& plan, const Rule& rule) {
  std::vector<double> all = plan.accounts;
  std::size_t i = 0;
  account.each([&](const Json& v) {
    if (i < rule.account_size) all[rule.account_at + i] = v.as_number().value_or(kUnknownNumber);
    ++i;
  });
  return i == rule.account_size ? all : plan.accounts;
}

}  // namespace swy::route
