// Worker: one thread's share of the gateway: a loop, a listener, upstream pools, a record log, and
// the scratch memory of decisions. Nothing in it is shared; other threads reach it by posting to
// its loop.
//
// Shared (thread-safe) state comes in through Shared, which outlives all workers.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/metrics.h"
#include "chat/answer.h"
#include "chat/openai.h"
#include "gateway/exchange.h"
#include "gateway/learner.h"
#include "gateway/relay.h"
#include "gateway/replies.h"
#include "gateway/sessions.h"
#include "gateway/snapshot.h"
#include "gateway/trials.h"
#include "gateway/understanding.h"
#include "http/client.h"
#include "http/server.h"
#include "net/loop.h"
#include "record/log.h"
#include "record/record_id.h"
#include "switchyard/env.h"

namespace swy::gateway {

// What all workers share. Everything in it is thread-safe.
struct Shared {
  const Clock& clock;
  base::Metrics& metrics;
  Sessions sessions;
  std::atomic<bool> draining{false};
  // Runs fn on the control thread (file searches and the like). Set before the first worker starts.
  std::function<void(std::function<void()>)> on_control;
  // What requests leave behind for the learner; and the learning itself, on the control thread,
  // which tells what became of it. Both set before the first worker starts.
  std::unique_ptr<Lessons> lessons;
  std::function<std::string_view(const std::string& record, double score, const std::string& line)>
      learn;
  // Experiments and drift, on the control thread: how a request of one ended, feedback for a record
  // line, and what GET /v1/experiments tells. Set before the first worker starts.
  std::function<void(const Happened&)> happened;
  std::function<void(std::string_view record, double score)> heard;
  std::function<std::string()> tell_experiments;
  std::function<std::string()> tell_onboarding;  // GET /v1/onboarding, likewise
  // What /readyz says of the last reload: "" when it was good. Guarded by its own mutex.
  std::mutex reload_mutex;
  std::string reload_error;

  base::Counter& reload_ok;
  base::Counter& reload_failed;
  base::Counter& records_written;
  base::Counter& records_dropped;
  base::Counter& learned;
  base::Counter& requests;
  base::Counter& refused;
  base::Histogram& added;
  base::Histogram& deciding;
  base::Histogram& judging;
  std::array<base::Counter*, 4> judged;          // by route::GroundingResult
  std::unique_ptr<Understanding> understanding;  // set before the first worker starts

  Shared(const Clock& the_clock, base::Metrics& the_metrics);
  void judged_as(route::GroundingResult r) { judged[static_cast<std::size_t>(r)]->add(); }
};

// The rest of a body. An error is the transport's, or kProtocol for one that is too long.
base::Task<Result<std::string>> read_whole(http::Call& call);

class Worker final : public http::Handler {
 public:
  // snapshot: the first generation. log may be null (no records).
  Worker(net::Loop& loop, unsigned index, Shared& shared, std::shared_ptr<const Snapshot> snapshot,
         std::unique_ptr<record::LogWriter> log, std::uint64_t salt);
  ~Worker() override;

  Status listen(const net::ListenOptions& options) { return server_.listen(options); }
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] http::ServerCounts counts() const { return server_.counts(); }
  [[nodiscard]] http::Server& server() { return server_; }
  [[nodiscard]] record::LogWriter* log() { return log_.get(); }
  // On the worker's loop: later requests use this generation.
  void adopt(std::shared_ptr<const Snapshot> snapshot);
  void drain() { server_.drain(); }

  base::Task<void> handle(http::Request request, http::ServerConnection& connection) override;
  std::string error_body(int status, const Error& error) override;

 private:
  // chat completions (worker_chat.cc; the answer's way back: worker_relay.cc)
  base::Task<void> chat(http::Request request, http::ServerConnection& connection);
  enum class Prepared : std::uint8_t { kReady, kRefused, kNeeds };
  Prepared prepare(Exchange& x, const http::Request& request,
                   std::optional<Understood>& understood);
  bool mask(Exchange& x, std::string_view& body, std::string& masked);
  Prepared decide_for(Exchange& x, const chat::Request& request, const http::Request& raw,
                      const Key* key, std::optional<Understood>& understood);
  Prepared choose_rule_set(Exchange& x, const route::RuleSet& set, std::size_t index,
                           const route::Work& work, std::optional<Understood>& understood);
  // experiments (worker_experiment.cc)
  std::optional<Seat> seat_for(const Snapshot& snapshot, std::size_t rule_set,
                               const route::Work& work) const;
  bool ask_others(Exchange& x, const route::Work& work, std::optional<Understood>& understood);
  void weigh_seat(Exchange& x, const route::Choice& choice);
  std::string seat_text(const Exchange& x) const;
  void report_seat(const Exchange& x, std::int64_t now_ns);
  // What the control thread tells of experiments or onboarding.
  base::Task<void> told_elsewhere(http::Request request, http::ServerConnection& connection,
                                  std::function<std::string()> tell);

  void begin_record(Exchange& x, const http::Request& raw, std::string_view decision,
                    const route::RuleSet* set, const Key* key = nullptr);
  // several calls (worker_flow.cc)
  class FlowCaller;
  friend class FlowCaller;
  void begin_flow(Exchange& x, const route::Rule& rule, const route::Choice& choice);
  void read_masked_question(Exchange& x, std::string_view masked_body);
  base::Task<void> flow_chat(Exchange& x, http::Request& request,
                             http::ServerConnection& connection);
  void settle_flow(Exchange& x);
  base::Task<void> answer_flow(Exchange& x, http::ServerConnection& connection);

  base::Task<void> relay_plain(Exchange& x, http::Call& call, const wire::ResponseHead& head,
                               http::ServerConnection& connection);
  bool accept_answer(Exchange& x, std::string& body, std::optional<chat::Usage>& usage);
  base::Task<void> guard_plain(Exchange& x, std::string& body);
  struct Passing;
  std::string_view pass(Exchange& x, Passing& p, std::string_view piece);
  base::Task<void> end_stream(Exchange& x, http::Call& call, Passing& p,
                              const wire::ResponseHead& head, http::ServerConnection& connection);
  base::Task<void> judge(Exchange& x);
  void begin_stream(Exchange& x, const wire::ResponseHead& head,
                    http::ServerConnection& connection);
  base::Task<void> finish_stream(Exchange& x, http::Call& call, const StreamRelay& relay,
                                 http::ServerConnection& connection, std::string_view last);
  base::Task<void> relay_stream(Exchange& x, http::Call& call, const wire::ResponseHead& head,
                                http::ServerConnection& connection);
  base::Task<void> refuse(Exchange& x, http::ServerConnection& connection);
  base::Task<void> end_stream_with_error(Exchange& x, http::ServerConnection& connection,
                                         bool begun, const Error& error);
  void settle(Exchange& x, const std::optional<chat::Usage>& usage);
  void remember(const Exchange& x);
  void settle_account(const Exchange& x, std::int64_t now_ns);
  void settle_call(Exchange& x, std::int64_t now_ns);
  void finish(Exchange& x);
  void write_records();
  static void upstream_headers(const Upstream& upstream, const http::Request& request,
                               wire::Headers& out);
  void answer_headers(Exchange& x, const wire::ResponseHead* upstream, wire::Headers& out);

  // everything else (worker_api.cc)
  base::Task<void> models(http::Request request, http::ServerConnection& connection,
                          std::string name);
  base::Task<void> route(http::Request request, http::ServerConnection& connection);
  base::Task<void> records(http::Request request, http::ServerConnection& connection,
                           std::string id);
  base::Task<void> send_record(http::ServerConnection& connection,
                               std::function<Result<std::string>()> find);
  base::Task<void> feedback(http::Request request, http::ServerConnection& connection);
  base::Task<void> keep_feedback(http::ServerConnection& connection, std::string line,
                                 std::string record, double score,
                                 std::function<Result<std::string>()> find);
  // Looks for a record on the control thread, as this caller may see it.
  std::function<Result<std::string>()> finder(const Key* key, std::string id) const;
  base::Task<void> ready(http::ServerConnection& connection);
  base::Task<void> metrics_page(http::ServerConnection& connection);
  // g++ 12 destroys an aggregate written as {...}, or a lambda, inside a co_await expression twice:
  // give it a name, or return the Task unawaited. `allow` and `allowed` outlive the Task
  // (literals).
  base::Task<void> reply(http::ServerConnection& connection, int status, std::string body,
                         std::string_view allow = {});
  base::Task<void> unknown_path(http::ServerConnection& connection, std::string_view path);
  base::Task<void> refuse_method(http::ServerConnection& connection, std::string_view method,
                                 std::string_view path, std::string_view allowed);
  base::Task<void> reply_error(http::ServerConnection& connection, ErrorCode code,
                               std::string_view message, std::string_view param);
  // The caller's key; an error reply is due when nullopt. nullptr: no keys are configured.
  std::optional<const Key*> authenticate(const http::Request& request) const;
  // nullopt: encodings were asked for; ask again with the same id once they are here.
  std::optional<std::string> find_route_answer(const Snapshot& snapshot,
                                               const http::Request& request, const Key* key,
                                               std::uint64_t id, int& status,
                                               std::optional<Understood>& understood);

  // The request as rules see it. Views into the arguments and header_text_.
  route::Work work_of(const chat::Request& request, const http::Request& raw, const Key* key,
                      std::uint64_t id, const route::Plan& plan);

  net::Loop& loop_;
  unsigned index_;
  Shared& shared_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<record::LogWriter> log_;
  record::RecordIds ids_;
  std::vector<std::unique_ptr<http::ClientPool>> pools_;    // by upstream
  std::vector<std::unique_ptr<http::ClientPool>> retired_;  // of upstreams that a reload changed
  std::uint64_t told_written_ = 0;                          // of log_'s counts, told to the metrics
  std::uint64_t told_dropped_ = 0;
  std::int64_t last_log_complaint_ns_ = 0;

  // Scratch of the synchronous part of a request: in use between two suspension points only.
  chat::RequestDoc request_doc_;
  chat::AnswerDoc answer_doc_;
  base::JsonDoc stream_doc_;
  route::Scratch scratch_;
  route::Scratch other_scratch_;  // of arms that do not serve
  Seen seen_, other_seen_;
  std::vector<route::Header> headers_;
  std::string header_text_;
  std::string decision_text_;
  std::optional<SessionMemory> past_;
  Replies replies_;            // of calls within flows that may be answered from here
  wire::Headers out_headers_;  // of the next request or answer to leave

  http::Server server_;  // last: its tasks use everything above
};

}  // namespace swy::gateway
