// An exchange of several calls: the loop of flow/loop.h with upstreams behind it. The calls of a
// round run at once, none is streamed; the answer that the strategy chose goes to the client as it
// came, or as a stream when one was asked for. Every call is settled, counted and recorded. The
// client going away, or the rule's deadline, ends all calls under way; a call that fails is
// something the strategy sees.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "flow/loop.h"
#include "gateway/flow_run.h"
#include "gateway/flow_text.h"
#include "gateway/worker.h"

namespace swy::gateway {
namespace {

// Wakes who waits for a round once its last call has ended; nobody waits when the waiter is gone.
struct Round {
  net::Loop::Sleep* waiter = nullptr;
  std::size_t left = 0;
};

// Ends a call of the round: the waiter is woken from the loop, not from within the call.
class RoundShare {
 public:
  RoundShare(net::Loop& loop, std::shared_ptr<Round> round)
      : loop_(loop), round_(std::move(round)) {}
  RoundShare(const RoundShare&) = delete;
  RoundShare& operator=(const RoundShare&) = delete;
  ~RoundShare() {
    if (--round_->left > 0) return;
    loop_.post([round = round_] {
      if (round->waiter != nullptr) round->waiter->interrupt();
    });
  }

 private:
  net::Loop& loop_;
  std::shared_ptr<Round> round_;
};

Error as_upstream_error(const Card& card, const Error& why) {
  return {why.code,
          fmt::format("upstream '{}' (model {}): {}", card.upstream, card.name, why.message)};
}

}  // namespace

// The calls of one exchange.
class Worker::FlowCaller final : public flow::Caller {
 public:
  FlowCaller(Worker& worker, Exchange& x, http::Request& request,
             http::ServerConnection& connection)
      : worker_(worker),
        x_(x),
        request_(request),
        connection_(connection),
        deadline_ns_(worker.shared_.clock.mono_ns() +
                     static_cast<std::int64_t>(x.flow->rule->limits.deadline_ms * 1e6)) {}

  base::Task<void> call(std::span<const route::FlowCall> calls,
                        std::span<route::Observation> out) override {
    const std::size_t first = run().answers.size();
    run().answers.resize(first + calls.size());
    run().usages.resize(first + calls.size());
    const std::int64_t left = time_left(calls);
    if (connection_.gone() || left <= 0) {
      for (route::Observation& o : out) give_up(o);
      co_return;
    }
    if (calls.size() == 1 && answered_before(calls[0], out[0])) co_return;
    std::vector<std::unique_ptr<http::Call>> made;
    for (const route::FlowCall& c : calls) {
      const ExpertId expert = run().start.candidates[c.candidate];
      made.push_back(
          std::make_unique<http::Call>(*worker_.pools_[x_.snapshot->config->upstream_of[expert]]));
      out[made.size() - 1].failed = true;  // until it has answered
    }
    connection_.on_gone([&made] {
      for (const auto& c : made) c->cancel();
    });
    co_await round(calls, out, first, made, left);
    connection_.on_gone({});
    for (route::Observation& o : out) {
      if (o.failed && o.text.empty()) give_up(o);
    }
  }

 private:
  FlowRun& run() { return *x_.flow; }

  // Until the flow's deadline, or the latest of the calls' own.
  [[nodiscard]] std::int64_t time_left(std::span<const route::FlowCall> calls) const {
    const std::int64_t left = deadline_ns_ - worker_.shared_.clock.mono_ns();
    double most_ms = 0;
    for (const route::FlowCall& c : calls) {
      if (std::isnan(c.deadline_ms)) return left;
      most_ms = std::max(most_ms, c.deadline_ms);
    }
    return std::min(left, static_cast<std::int64_t>(most_ms * 1e6));
  }

  [[nodiscard]] const Card& card_of(const route::FlowCall& call) {
    return x_.snapshot->plan().catalogue[run().start.candidates[call.candidate]];
  }

  // A call of a round of its own, from what was said before.
  bool answered_before(const route::FlowCall& call, route::Observation& out) {
    if (!(call.reuse_s > 0) || call.prompt.empty()) return false;
    auto reply = worker_.replies_.find(card_of(call).name, call.prompt, call.reuse_s,
                                       worker_.shared_.clock.mono_ns());
    if (!reply) return false;
    out.text = std::move(*reply);
    out.cost_usd = 0;
    out.latency_ms = 0;
    out.reused = true;
    return true;
  }

  base::Task<void> round(std::span<const route::FlowCall> calls, std::span<route::Observation> out,
                         std::size_t first, std::vector<std::unique_ptr<http::Call>>& made,
                         std::int64_t left) {
    const auto joint = std::make_shared<Round>();
    joint->left = calls.size();
    net::Loop::Sleep sleep(worker_.loop_, left);
    const std::shared_ptr<net::Loop::Sleep> forget(
        &sleep, [joint](net::Loop::Sleep*) { joint->waiter = nullptr; });
    joint->waiter = &sleep;
    net::TaskSet tasks(worker_.loop_);
    for (std::size_t i = 0; i < calls.size(); ++i)
      tasks.spawn(one(calls[i], out[i], first + i, *made[i], joint));
    if (joint->left > 0) co_await sleep;
  }

  // One call, to its end. What it gave is written to `out` last.
  base::Task<void> one(const route::FlowCall& call, route::Observation& out, std::size_t index,
                       http::Call& upstream_call, std::shared_ptr<Round> round) {
    const RoundShare share(worker_.loop_, std::move(round));
    const ExpertId expert = run().start.candidates[call.candidate];
    const Card& card = x_.snapshot->plan().catalogue[expert];
    const Upstream& upstream = x_.snapshot->upstream(expert);
    const InnerCall inner{card.upstream_model, call.prompt, call.sample, call.logprobs};
    const auto body = inner_body(run().body, inner);
    if (!body) co_return failed(out, body.error());
    LiveCall live;
    live.start(x_.snapshot->live, expert);
    const std::int64_t start = worker_.shared_.clock.mono_ns();
    worker_.out_headers_.clear();
    upstream_headers(upstream, request_, worker_.out_headers_);
    const std::string target = upstream.base_path + "/chat/completions";
    const auto head = co_await upstream_call.start(
        upstream.origin,
        {.method = "POST", .target = target, .headers = &worker_.out_headers_, .body = *body});
    if (!head) co_return end(out, expert, live, start, as_upstream_error(card, head.error()));
    const int status = (*head)->status;
    auto read = co_await read_whole(upstream_call);
    if (!read) co_return end(out, expert, live, start, as_upstream_error(card, read.error()));
    std::string text = std::move(*read);
    std::optional<Error> trouble = accept(status, text, index, call, out);
    if (trouble) trouble = as_upstream_error(card, *trouble);
    bill(out, expert, index);
    end(out, expert, live, start, std::move(trouble));
  }

  // Reads the body; nullopt: an answer.
  std::optional<Error> accept(int status, std::string& body, std::size_t index,
                              const route::FlowCall& call, route::Observation& out) {
    if (status != 200) return Error{ErrorCode::kUnavailable, fmt::format("answered {}", status)};
    const auto answer = worker_.answer_doc_.read(body);
    if (!answer) return answer.error();
    if (answer->error)
      return Error{ErrorCode::kProtocol, "answered 200 with an error: " + answer->error->message};
    run().usages[index] = answer->usage;
    if (!answer->usage) {
      const auto prompt =
          call.prompt.empty() ? x_.tokens_in : static_cast<std::int64_t>(call.prompt.size() / 4);
      run().usages[index] =
          chat::Usage{.prompt = prompt,
                      .completion = static_cast<std::int64_t>(answer->content_bytes / 4),
                      .estimated = true};
    }
    out.text = answer_said(body);
    if (call.logprobs) {
      if (const auto p = answer_logprobs(body)) {
        out.logprob_mean = p->mean;
        out.logprob_min = p->min;
      }
    }
    if (call.reuse_s > 0 && !call.prompt.empty())
      worker_.replies_.keep(card_of(call).name, call.prompt, out.text,
                            worker_.shared_.clock.mono_ns());
    run().answers[index] = std::move(body);
    return std::nullopt;
  }

  // What was used is paid for.
  void bill(route::Observation& out, ExpertId expert, std::size_t index) {
    const auto& usage = run().usages[index];
    const ModelMetrics& m = x_.snapshot->models[expert];
    out.cost_usd = 0;
    if (!usage) return;
    out.tokens_in = usage->prompt;
    out.tokens_out = usage->completion;
    const auto cost = cost_of(x_.snapshot->plan().catalogue[expert].price, usage->prompt,
                              usage->cached, usage->completion);
    out.cost_usd = cost ? static_cast<double>(*cost) * 1e-9 : route::kUnknownNumber;
    m.tokens_in->add(usage->prompt);
    m.tokens_out->add(usage->completion);
    if (cost) m.cost_nano->add(*cost);
    if (usage->estimated) m.usage_missing->add();
  }

  void end(route::Observation& out, ExpertId expert, LiveCall& live, std::int64_t start_ns,
           std::optional<Error> trouble) {
    const std::int64_t now = worker_.shared_.clock.mono_ns();
    out.latency_ms = static_cast<double>(now - start_ns) * 1e-6;
    const ModelMetrics& m = x_.snapshot->models[expert];
    if (trouble && trouble->code == ErrorCode::kCancelled) {
      live.abandon();
      m.aborted->add();
      return failed(out, *trouble);
    }
    fleet::CallResult r;
    r.failed = trouble.has_value();
    r.total_ms = out.latency_ms;
    r.tokens_out = out.tokens_out;
    live.finish(r);
    (trouble ? m.failed : m.answered)->add();
    if (trouble) return failed(out, *trouble);
    m.total->observe_us((now - start_ns) / 1000);
    out.failed = false;
  }

  void failed(route::Observation& out, const Error& why) {
    out.failed = true;
    out.text = why.message;
    if (std::isnan(out.cost_usd)) out.cost_usd = 0;
    run().errors.push_back(why);
  }

  void give_up(route::Observation& out) {
    if (connection_.gone()) return failed(out, {ErrorCode::kCancelled, "the client went away"});
    const bool over = deadline_ns_ <= worker_.shared_.clock.mono_ns();
    failed(out, {ErrorCode::kTimeout, over ? "the deadline of the rule's flow is over"
                                           : "no answer within the call's own deadline"});
  }

  Worker& worker_;
  Exchange& x_;
  http::Request& request_;
  http::ServerConnection& connection_;
  std::int64_t deadline_ns_;
};

void Worker::begin_flow(Exchange& x, const route::Rule& rule, const route::Choice& choice) {
  x.flow = std::make_shared<FlowRun>();
  x.flow->rule = &rule;
  x.flow->start = flow::Start::of(rule, choice, scratch_);
  x.flow->with_usage = scratch_.reading.request().include_usage;
  x.demands = demands_of_all(x.snapshot->plan(), rule, scratch_);
}

// What strategies quote to other models must be masked as the request is.
void Worker::read_masked_question(Exchange& x, std::string_view masked_body) {
  std::string question;
  const bool decoded = request_doc_.decode(masked_body).has_value();
  if (!decoded) x.flow->start.turns.clear();
  if (decoded) {
    chat::each_text(request_doc_.request(), chat::Scope::kLastUser, [&](std::string_view text) {
      if (!question.empty()) question += '\n';
      question += text;
    });
  }
  x.flow->start.question = std::move(question);
  if (!x.flow->start.turns.empty()) x.flow->start.turns = flow::turns_of(request_doc_.request());
}

base::Task<void> Worker::flow_chat(Exchange& x, http::Request& request,
                                   http::ServerConnection& connection) {
  FlowRun& run = *x.flow;
  FlowCaller caller(*this, x, request, connection);
  x.sent_ns = shared_.clock.mono_ns();
  // The record needs the candidates afterwards.
  flow::Start start = run.start;
  run.ended = co_await flow::run(*run.rule->strategy, run.rule->limits, std::move(start), caller);
  x.head_ns = shared_.clock.mono_ns();
  std::string().swap(request.body);
  std::string().swap(run.body);
  settle_flow(x);
  if (connection.gone()) {
    x.aborted = true;
    x.fail_with({ErrorCode::kCancelled, "the client went away"});
  } else if (!run.ended.answer) {
    const bool all_failed = run.errors.size() == run.ended.seen.size() && !run.errors.empty();
    x.fail_with(all_failed ? run.errors.back()
                           : Error{ErrorCode::kNoCandidate,
                                   fmt::format("the strategy '{}' abstained: {}",
                                               run.rule->strategy_name, run.ended.why.view())});
  }
  if (x.error) co_return co_await refuse(x, connection);
  co_await answer_flow(x, connection);
}

// All calls together; the tokens are those of the answer, the record has every call's.
void Worker::settle_flow(Exchange& x) {
  const FlowRun& run = *x.flow;
  const double cost = run.ended.cost_usd();
  if (!std::isnan(cost)) x.cost = std::llround(cost * 1e9);
  x.reason = run.ended.why.view();
  if (!run.ended.answer) return;
  const std::uint32_t at = *run.ended.answer;
  x.expert = run.start.candidates[run.ended.seen[at].candidate];
  x.usage = run.usages[at];
  for (const auto& usage : run.usages) {
    if (usage && usage->estimated && x.usage) x.usage->estimated = true;
  }
}

base::Task<void> Worker::answer_flow(Exchange& x, http::ServerConnection& connection) {
  std::string body = std::move(x.flow->answers[*x.flow->ended.answer]);
  x.upstream_status = 200;
  x.first_ns = shared_.clock.mono_ns();
  if (const auto answer = answer_doc_.read(body)) x.finish_reason = answer->finish_reason;
  co_await guard_plain(x, body);
  if (x.error) co_return co_await refuse(x, connection);
  if (x.stream) {
    auto events = answer_as_stream(body, x.flow->with_usage);
    if (!events) {
      x.fail_with(x.upstream_error(events.error()));
      co_return co_await refuse(x, connection);
    }
    body = std::move(*events);
  }
  x.status = 200;
  remember(x);
  finish(x);
  out_headers_.clear();
  answer_headers(x, nullptr, out_headers_);
  if (!x.stream) {
    out_headers_.add_checked("Content-Type", "application/json");
    (void)co_await connection.respond(200, out_headers_, body);
    co_return;
  }
  out_headers_.add_checked("Content-Type", "text/event-stream");
  out_headers_.add_checked("Cache-Control", "no-cache");
  connection.begin(200, out_headers_);
  (void)co_await connection.finish(body);
}

}  // namespace swy::gateway
