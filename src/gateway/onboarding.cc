// New is a candidate of some rule that the tables of `onboarding.table` have no observation of. It
// is asked `probes` of their questions, `concurrency` at once; every answer is scored, recorded and
// kept in a file, so that a restart goes on where it was. When all are in, the file becomes an
// outcome table of the directory and the configuration is read again: estimators that name the
// directory learn from it as from any table. Feedback on the model's answers joins the file later.
//
// Bounds: a probe starts only when what was spent, what may be under way and the most it can cost
// itself (its prompt and max_tokens, its judge included) stay within max_cost_usd; a model without
// a price is bounded by probes and max_tokens. Failed calls are tried with other questions after a
// pause that doubles; kMostFailures in a row end it until the configuration is read again. Twice as
// many questions as probes are asked at most.
#include "gateway/onboarding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/log.h"
#include "flow/prompts.h"
#include "gateway/exchange.h"
#include "gateway/flow_text.h"
#include "gateway/worker.h"

namespace swy::gateway {
namespace {

constexpr unsigned kIdWorker = 1023;  // of record ids: workers are fewer than 256
constexpr std::size_t kMostFailures = 6;
constexpr std::int64_t kFirstPause = 250 * net::kMillisecond;  // 8 s in all before it gives up
constexpr std::int64_t kJudgeTokens = 64;                      // of a grade, and its prompt's words
constexpr std::size_t kLeastFeedback = 10;                     // new observations worth a new plan
constexpr std::size_t kLongestKept = std::size_t{64} << 10U;   // of a client's question

enum class State : std::uint8_t { kKnown, kWaiting, kProbing, kProbed, kStopped };

std::string_view to_string(State s) {
  switch (s) {
    case State::kKnown:
      return "known";
    case State::kWaiting:
      return "waiting";
    case State::kProbing:
      return "probing";
    case State::kProbed:
      return "probed";
    case State::kStopped:
      break;
  }
  return "stopped";
}

// What makes an outcome comparable with the others of a file.
std::string identity_of(const OnboardingOptions& o, const Card& card, const Upstream& upstream) {
  const std::string what =
      fmt::format("{}\n{}:{}{}\n{}\n{}\n{}", card.name, upstream.origin.host, upstream.origin.port,
                  upstream.base_path, card.upstream_model, o.judge, static_cast<int>(o.form));
  return base::hex64(base::hash64(what));
}

bool has_observations(const record::OutcomeTable& table, const Card& card) {
  const std::size_t m = table.model_index(card.name, card.name_in_tables());
  if (m == record::OutcomeTable::npos) return false;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (!std::isnan(table.cell(row, m).quality)) return true;
  }
  return false;
}

std::vector<ExpertId> asked_by_rules(const route::Plan& plan) {
  std::vector<ExpertId> out;
  for (const route::RuleSet& set : plan.rule_sets) {
    for (const route::Rule& rule : set.rules) {
      for (std::size_t c = 0; c < rule.candidates.size(); ++c)
        if (rule.answers[c] == 1)
          out.push_back(rule.candidates[c]);  // one answer says nothing of an arm
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

double most_usd(const Price& price, std::int64_t tokens_in, std::int64_t tokens_out) {
  if (!price.known()) return 0;
  return 1e-6 * (static_cast<double>(tokens_in) * price.input +
                 static_cast<double>(tokens_out) * price.output);
}

std::string chat_request(const Card& card, std::string_view prompt, std::int64_t max_tokens) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("model", card.upstream_model).key("messages").begin_array();
  w.begin_object().field("role", "user").field("content", prompt).end_object().end_array();
  w.field("max_tokens", max_tokens).end_object();
  return out;
}

void cancel_call(void* call) { static_cast<http::Call*>(call)->cancel(); }

}  // namespace

// One call and what came of it.
struct Onboarding::Asked {
  std::string said;
  int status = 0;  // the upstream's; 0: none came
  std::optional<chat::Usage> usage;
  std::optional<NanoUsd> cost;
  std::int64_t took_ns = 0;
  std::optional<Error> trouble;
};

// A model that is new. Everything it needs from the configuration is that of `snapshot`.
struct Onboarding::Subject {
  Subject(net::Loop& loop, std::string model) : name(std::move(model)), tasks(loop) {}

  std::string name;
  std::string identity;
  OnboardingOptions options;
  std::shared_ptr<const Snapshot> snapshot;
  ExpertId expert = kNoExpert;
  ExpertId judge = kNoExpert;
  State state = State::kKnown;
  std::string why;  // of its state, where there is something to say
  ProbeFile file;
  std::vector<ProbeQuestion> questions;
  std::size_t next = 0;                             // into questions
  std::size_t under_way = 0;                        // probes
  std::size_t lanes = 0;                            // tasks
  std::size_t asked = 0, failed = 0, failures = 0;  // by this process; failures: in a row
  std::size_t published = 0;                        // observations that estimators could read
  double reserved_usd = 0;                          // the most that probes under way can cost
  std::map<std::uint16_t, std::unique_ptr<http::ClientPool>> pools;  // by upstream
  net::TaskSet tasks;  // last: they use everything above

  [[nodiscard]] const Card& card(ExpertId id) const { return snapshot->plan().catalogue[id]; }
  [[nodiscard]] std::size_t wanted() const { return static_cast<std::size_t>(options.probes); }
  void stop(std::string reason) {
    state = State::kStopped;
    why = std::move(reason);
  }
  // The most that asking this can cost.
  [[nodiscard]] double most(const ProbeQuestion& q) const {
    double usd = most_usd(card(expert).price, q.tokens_in, options.max_tokens);
    if (judge != kNoExpert) {
      usd += most_usd(card(judge).price, q.tokens_in + options.max_tokens + 4 * kJudgeTokens,
                      kJudgeTokens);
    }
    return usd;
  }
};

Onboarding::Onboarding(net::Loop& loop, const Clock& clock, base::Metrics& metrics,
                       OnboardingHost host)
    : loop_(loop),
      clock_(clock),
      metrics_(metrics),
      host_(std::move(host)),
      ids_(clock, kIdWorker, record::random_salt()) {}

Onboarding::~Onboarding() = default;

void Onboarding::stop() {
  for (auto& s : subjects_) s->tasks.cancel();
}

Onboarding::Subject* Onboarding::find(std::string_view name) {
  const auto it = std::find_if(subjects_.begin(), subjects_.end(),
                               [&](const auto& s) { return s->name == name; });
  return it == subjects_.end() ? nullptr : it->get();
}

// ---- who is new
// ----------------------------------------------------------------------------------------------------

std::unique_ptr<Onboarding::Subject> Onboarding::begin(const Snapshot& snapshot, ExpertId id,
                                                       const record::OutcomeTable& table,
                                                       const record::Responses& responses) const {
  const OnboardingOptions& o = *snapshot.config->onboarding;
  const Card& card = snapshot.plan().catalogue[id];
  auto s = std::make_unique<Subject>(loop_, card.name);
  s->options = o;
  s->expert = id;
  s->identity = identity_of(o, card, snapshot.upstream(id));
  if (has_observations(table, card)) return s;
  std::string told;
  auto file = ProbeFile::open(o.directory, card.name, s->identity, told);
  if (!told.empty()) base::log_warning("onboarding: " + told);
  if (!file) {
    s->stop(file.error().message);
    return s;
  }
  s->file = std::move(*file);
  s->published = s->file.unpublished() ? 0 : s->file.observations();
  if (!o.judge.empty()) s->judge = *snapshot.plan().catalogue.find(o.judge);
  const auto lacks_credential = [&](ExpertId e) {
    return e != kNoExpert && snapshot.upstream(e).client_credential;
  };
  if (lacks_credential(id) || lacks_credential(s->judge)) {
    s->stop("its upstream is asked with the callers' credentials, and a probe has no caller");
    return s;
  }
  s->questions = choose_probes(table, responses,
                               {.model = card.name,
                                .count = s->wanted(),
                                .context = card.context,
                                .max_tokens = o.max_tokens,
                                .judged = !o.judge.empty(),
                                .form = o.form});
  s->state = State::kWaiting;
  return s;
}

void Onboarding::adopt(std::shared_ptr<const Snapshot> snapshot) {
  trouble_.clear();
  auto old = std::exchange(subjects_, {});
  if (!snapshot->config->onboarding) return;
  const OnboardingOptions& o = *snapshot->config->onboarding;
  const auto table = record::load_outcomes(o.table);
  const auto responses = o.judge.empty() && table ? record::Responses::of_tables(o.table)
                                                  : Result<record::Responses>(record::Responses());
  if (!table || !responses) {
    trouble_ = table ? responses.error().message : table.error().message;
    base::log_warning("onboarding: " + trouble_);
    return;
  }
  for (const ExpertId id : asked_by_rules(snapshot->plan())) {
    std::unique_ptr<Subject> s = begin(*snapshot, id, *table, *responses);
    const auto same = std::find_if(old.begin(), old.end(), [&](const auto& was) {
      return was != nullptr && was->name == s->name && was->identity == s->identity;
    });
    if (same != old.end() && s->state == State::kWaiting) {
      s->asked = (*same)->asked;
      s->failed = (*same)->failed;
      if ((*same)->state == State::kProbing && (*same)->options == s->options)
        s = std::move(*same);  // goes on
    }
    if (s->state != State::kProbing) s->snapshot = snapshot;
    subjects_.push_back(std::move(s));
  }
  old.clear();
  next_one();
}

// ---- asking
// --------------------------------------------------------------------------------------------------------

// One model at a time: the bound on concurrency is that of all.
void Onboarding::next_one() {
  for (const auto& s : subjects_) {
    if (s->state == State::kProbing) return;
  }
  for (const auto& s : subjects_) {
    if (s->state != State::kWaiting) continue;
    s->state = State::kProbing;
    if (s->file.observations() < s->wanted()) {
      base::log_info(fmt::format("onboarding: model '{}' is new: {} of {} probes are there",
                                 s->name, s->file.observations(), s->wanted()));
    }
    s->lanes = static_cast<std::size_t>(s->options.concurrency);
    for (std::size_t i = static_cast<std::size_t>(s->options.concurrency); i > 0; --i)
      s->tasks.spawn(lane(*s));
    return;
  }
}

// The next question, its cost reserved; nullptr: none is to be asked.
const ProbeQuestion* Onboarding::take(Subject& s) {
  if (s.state != State::kProbing || s.file.observations() + s.under_way >= s.wanted())
    return nullptr;
  while (s.next < s.questions.size() && s.file.has(s.questions[s.next].id)) ++s.next;
  if (s.next == s.questions.size()) {
    s.why = fmt::format("the table has no more questions that can be {}",
                        s.judge == kNoExpert ? "compared with a recorded right answer" : "judged");
    return nullptr;
  }
  const ProbeQuestion& q = s.questions[s.next];
  const double most = s.most(q);
  if (s.file.spent_usd() + s.reserved_usd + most > s.options.max_cost_usd) {
    s.why = fmt::format("the next probe could cost {:.6f} USD, and {:.6f} of max_cost_usd are left",
                        most, s.options.max_cost_usd - s.file.spent_usd() - s.reserved_usd);
    return nullptr;
  }
  ++s.next;
  ++s.under_way;
  s.reserved_usd += most;
  return &q;
}

base::Task<void> Onboarding::lane(Subject& s) {
  for (;;) {
    const ProbeQuestion* question = take(s);
    if (question == nullptr) break;
    base::Task<void> asking = probe(s, *question);
    co_await std::move(asking);
    --s.under_way;
    s.reserved_usd = std::max(0.0, s.reserved_usd - s.most(*question));
    if (s.failures > 0 && s.state == State::kProbing)
      co_await loop_.sleep_for(kFirstPause << (s.failures - 1));
  }
  if (--s.lanes == 0) loop_.post([this, name = s.name] { finished(name); });
}

base::Task<void> Onboarding::probe(Subject& s, const ProbeQuestion& question) {
  std::string prompt = question.prompt;
  base::Task<Asked> asking = ask(s, s.expert, std::move(prompt));
  const Asked answer = co_await std::move(asking);
  ++s.asked;
  ProbeRow row{question.id, question.dataset, question.domain, question.prompt};
  if (answer.usage) {
    row.tokens_in = answer.usage->prompt;
    row.tokens_out = answer.usage->completion;
  }
  if (answer.cost) row.cost_usd = static_cast<double>(*answer.cost) * 1e-9;
  row.latency_s = static_cast<double>(answer.took_ns) * 1e-9;
  std::optional<Error> trouble = answer.trouble;
  if (!trouble && s.judge == kNoExpert) {
    row.score = score_by_reference(question, answer.said, s.options.form);
  } else if (!trouble) {
    std::string grading = flow::grade_prompt(question.prompt, answer.said);
    base::Task<Asked> judging = ask(s, s.judge, std::move(grading));
    const Asked verdict = co_await std::move(judging);
    if (verdict.cost) row.judge_usd = static_cast<double>(*verdict.cost) * 1e-9;
    trouble = verdict.trouble;
    const auto grade = trouble ? std::nullopt : flow::read_grade(verdict.said);
    if (grade) row.score = *grade;
    if (!trouble && !grade) trouble = Error{ErrorCode::kProtocol, "the judge's reply is no grade"};
    note(s, question, "judge", s.judge, verdict, row.score);
  }
  note(s, question, "probe", s.expert, answer, row.score);
  metrics_
      .counter("switchyard_probes_total", "Probes of models that were added, by result.",
               {{"model", s.name}, {"result", trouble ? "failed" : "scored"}})
      .add();
  if (trouble) {
    ++s.failed;
    if (++s.failures >= kMostFailures && s.state == State::kProbing)
      s.stop(fmt::format("{} calls failed in a row: {}", s.failures, trouble->message));
  } else {
    s.failures = 0;
  }
  // An answer that was paid for is kept, scored or not: the budget counts it.
  if (answer.trouble || !s.file.add(std::move(row))) co_return;
  if (const Status saved = s.file.save(false); !saved && s.state == State::kProbing)
    s.stop(saved.error().message);
}

base::Task<Onboarding::Asked> Onboarding::ask(Subject& s, ExpertId expert, std::string prompt) {
  Asked out;
  const Card& card = s.card(expert);
  const Upstream& upstream = s.snapshot->upstream(expert);
  auto& pool = s.pools[s.snapshot->config->upstream_of[expert]];
  if (pool == nullptr) pool = std::make_unique<http::ClientPool>(loop_, upstream.client);
  const std::int64_t tokens = expert == s.judge ? kJudgeTokens : s.options.max_tokens;
  const std::string body = chat_request(card, prompt, tokens);
  const std::string target = upstream.base_path + "/chat/completions";
  wire::Headers headers;
  headers.add("Content-Type", "application/json");
  if (!upstream.authorization.empty()) headers.add("Authorization", upstream.authorization);
  for (const auto& [name, value] : upstream.headers) headers.add(name, value);
  LiveCall live;
  live.start(s.snapshot->live, expert);
  const std::int64_t start = clock_.mono_ns();
  http::Call call(*pool);
  net::Deadline deadline(cancel_call, &call);
  deadline.arm(loop_, loop_.after(s.options.timeout_ms * net::kMillisecond));
  const http::OutRequest request{
      .method = "POST", .target = target, .headers = &headers, .body = body};
  const auto head = co_await call.start(upstream.origin, request);
  if (!head) {
    out.trouble = head.error();
  } else {
    base::Task<Result<std::string>> reading = read_whole(call);
    const Result<std::string> text = co_await std::move(reading);
    out.status = (*head)->status;
    if (text) {
      read_answer(out, card, out.status, *text, prompt.size());
    } else {
      out.trouble = text.error();
    }
  }
  out.took_ns = clock_.mono_ns() - start;
  fleet::CallResult result;
  result.failed = out.trouble.has_value();
  result.total_ms = static_cast<double>(out.took_ns) * 1e-6;
  result.tokens_out = out.usage ? out.usage->completion : 0;
  live.finish(result);
  settle(s, expert, out);
  co_return out;
}

void Onboarding::read_answer(Asked& out, const Card& card, int status, const std::string& body,
                             std::size_t prompt_bytes) {
  if (status != 200) {
    out.trouble = Error{ErrorCode::kUnavailable,
                        fmt::format("upstream '{}' answered {}", card.upstream, status)};
    return;
  }
  const auto answer = answer_doc_.read(body);
  if (!answer || answer->error) {
    out.trouble = answer ? Error{ErrorCode::kProtocol, answer->error->message} : answer.error();
    return;
  }
  out.usage = answer->usage;
  if (!out.usage) {
    out.usage = chat::Usage{.prompt = static_cast<std::int64_t>(prompt_bytes / 4),
                            .completion = static_cast<std::int64_t>(answer->content_bytes / 4),
                            .estimated = true};
  }
  out.cost = cost_of(card.price, out.usage->prompt, out.usage->cached, out.usage->completion);
  out.said = answer_said(body);
}

void Onboarding::settle(const Subject& s, ExpertId expert, const Asked& asked) {
  const ModelMetrics& m = s.snapshot->models[expert];
  (asked.trouble ? m.failed : m.answered)->add();
  if (asked.trouble) return;
  m.total->observe_us(asked.took_ns / 1000);
  m.tokens_in->add(asked.usage->prompt);
  m.tokens_out->add(asked.usage->completion);
  if (asked.cost) m.cost_nano->add(*asked.cost);
  if (asked.usage->estimated) m.usage_missing->add();
}

// One line of the record log.
void Onboarding::note(const Subject& s, const ProbeQuestion& question, std::string_view purpose,
                      ExpertId expert, const Asked& asked, double score) {
  const Card& card = s.card(expert);
  const auto id = ids_.next();
  std::string line;
  base::JsonWriter w(line);
  w.begin_object().field("v", 1).field("kind", "probe").field("id", id.view());
  w.field("time_us", clock_.wall_us() - asked.took_ns / 1000);
  w.field("plan", s.snapshot->plan().version).field("of", s.name).field("purpose", purpose);
  w.field("question", question.id).key("outcome").begin_object();
  w.field("status", asked.status).field("model", card.name).field("upstream", card.upstream);
  if (asked.trouble)
    w.field("error", to_string(asked.trouble->code)).field("message", asked.trouble->message);
  if (asked.usage) {
    w.field("tokens_in", asked.usage->prompt)
        .field("tokens_cached", asked.usage->cached)
        .field("tokens_out", asked.usage->completion);
  }
  if (asked.cost) w.field("cost_nano", *asked.cost);
  w.field("cost_basis", !asked.cost ? "none" : asked.usage->estimated ? "estimate" : "usage");
  w.end_object();
  if (!std::isnan(score)) w.field("score", score);
  w.key("times").begin_object().field("total_us", asked.took_ns / 1000).end_object().end_object();
  host_.record(std::move(line));
}

// ---- what came of it
// -----------------------------------------------------------------------------------------------

// The last lane of a model has ended.
void Onboarding::finished(const std::string& name) {
  Subject* s = find(name);
  if (s == nullptr || s->lanes > 0) return;  // begun anew meanwhile
  if (s->state == State::kProbing) {
    const bool something = s->file.observations() > 0;
    s->state = something ? State::kProbed : State::kStopped;
    if (s->file.observations() >= s->wanted()) s->why.clear();
    if (something && s->file.unpublished()) publish(*s);
  }
  if (s->state == State::kStopped)
    base::log_warning(fmt::format("onboarding: model '{}' stopped: {}", s->name, s->why));
  next_one();
}

void Onboarding::publish(Subject& s) {
  if (const Status saved = s.file.save(true); !saved) return s.stop(saved.error().message);
  s.published = s.file.observations();
  base::log_info(
      fmt::format("onboarding: model '{}': {} observations, mean {:.3f}, probes cost {:.6f} USD",
                  s.name, s.published, s.file.mean(), s.file.spent_usd()));
  host_.publish();
}

void Onboarding::hear(const base::Json& record, double score) {
  const auto outcome = record.find("outcome");
  const auto decision = record.find("decision");
  if (!outcome || !decision) return;
  Subject* s = find(outcome->string_or("model", ""));
  if (s == nullptr || s->state != State::kProbed || record.find("flow") ||
      s->file.observations() >= static_cast<std::size_t>(s->options.feedback))
    return;
  const std::string_view body = record.string_or("body", "");
  if (body.empty() || !request_doc_.decode(body)) return;
  ProbeRow row;
  row.id = record.string_or("id", "");
  chat::each_text(request_doc_.request(), chat::Scope::kLastUser, [&](std::string_view text) {
    if (!row.prompt.empty()) row.prompt += '\n';
    row.prompt += text;
  });
  if (row.id.empty() || row.prompt.empty() || row.prompt.size() > kLongestKept) return;
  row.score = score;
  row.traffic = true;
  row.tokens_in = outcome->integer_or("tokens_in", 0);
  row.tokens_out = outcome->integer_or("tokens_out", 0);
  if (const auto cost = outcome->find("cost_nano"))
    row.cost_usd = 1e-9 * static_cast<double>(cost->as_integer().value_or(0));
  if (!s->file.add(std::move(row))) return;
  const std::size_t fresh = s->file.observations() - s->published;
  if (fresh >= std::max(kLeastFeedback, s->published / 4) ||
      s->file.observations() == static_cast<std::size_t>(s->options.feedback))
    return publish(*s);
  if (const Status saved = s->file.save(false); !saved)
    base::log_warning("onboarding: " + saved.error().message);
}

std::string Onboarding::tell() const {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("object", "list");
  if (!trouble_.empty()) w.field("trouble", trouble_);
  w.key("data").begin_array();
  for (const auto& s : subjects_) {
    w.begin_object().field("model", s->name).field("state", to_string(s->state));
    if (!s->why.empty()) w.field("why", s->why);
    if (s->state != State::kKnown) {
      w.field("probes", s->options.probes)
          .field("observations", std::uint64_t{s->file.observations()})
          .field("published", std::uint64_t{s->published})
          .field("asked", std::uint64_t{s->asked})
          .field("failed", std::uint64_t{s->failed});
      if (s->file.observations() > 0) w.field("mean", s->file.mean());
      w.field("cost_usd", s->file.spent_usd()).field("max_cost_usd", s->options.max_cost_usd);
    }
    w.end_object();
  }
  w.end_array().end_object();
  return out;
}

}  // namespace swy::gateway
