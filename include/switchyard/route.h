// The decision sentence for objects: facts, candidates, forbidden, believed, chosen.
//
// decide() is a pure, synchronous function of (work, plan, live view, seed): the gateway, the
// evaluator and a replay call the same one, and the same inputs give the same bytes. It never
// waits: a fact that cannot be had at once comes back as Need, the driver computes it and asks
// again.
//
// Threading: a Plan and everything in it is immutable and shared; a Scratch belongs to one thread
// and one decision at a time. Ownership: Question and everything reachable from it borrow; nothing
// outlives the decide() call except what the Scratch holds until its next use. After warm-up
// decide() does not allocate.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/inline_text.h"
#include "base/rng.h"
#include "base/small_vec.h"
#include "fleet/live.h"
#include "switchyard/chat.h"
#include "switchyard/expert.h"
#include "switchyard/result.h"

namespace swy::text {
class Sketch;
struct Cues;
struct Structure;
}  // namespace swy::text

namespace swy::route {

inline constexpr double kUnknownNumber = std::numeric_limits<double>::quiet_NaN();
using ShortText = base::InlineText<30>;
using ReasonText = base::InlineText<158>;

// ---- the work
// --------------------------------------------------------------------------------------------------------

struct Header {
  std::string_view name;  // lower case
  std::string_view value;
};

// What is remembered of the work's session when it comes; nothing without one.
struct SessionPast {
  std::uint32_t turns = 0;         // requests of it that were answered
  std::uint32_t switches = 0;      // of them by another expert than the one before
  std::string_view rule;           // "set/rule" that decided the last one
  std::uint32_t rule_turns = 0;    // how many in a row were that rule's, up to the last one
  double idle_s = kUnknownNumber;  // since the last one came
  double warmth = kUnknownNumber;  // share of its prompt that the provider had cached
};

// What must be placed. Views only: whoever makes it keeps the memory until the decision is
// recorded.
struct Work {
  std::uint64_t id = 0;                    // key of all randomness for this work
  const chat::Request* request = nullptr;  // never null when decided
  std::span<const Header>
      headers;                // request headers that rules may read; credentials are not among them
  std::string_view key_name;  // caller, "" when no key is configured
  std::string_view role;      // the caller's role, "" when none
  std::string_view session;   // session id, "" when none
  ExpertId previous = kNoExpert;  // the expert that served this session before
  SessionPast past;
  std::string_view
      exclude_row;  // outcome row that estimators must not learn from (evaluation, calibration)
};

// ---- encodings
// -------------------------------------------------------------------------------------------------------

// Which encoder of the plan over which of the work's texts.
struct EncodingKey {
  std::uint16_t encoder = 0;  // into Plan::encoders
  chat::Scope scope = chat::Scope::kLastUser;
  friend bool operator==(const EncodingKey&, const EncodingKey&) = default;
};

// What an encoder made of a text, or why there is nothing.
struct Encoding {
  enum class State : std::uint8_t { kReady, kLate, kBusy, kFailed };
  State state = State::kFailed;
  std::vector<float> values;  // dims() of the encoder when ready, else empty
};
std::string_view to_string(Encoding::State state);  // "ready", "late", "queue full", "failed"

// A plug-in that turns texts into vectors. REQUIRES: thread-safe, no I/O, immutable.
class Encoder {
 public:
  virtual ~Encoder() = default;
  [[nodiscard]] virtual std::size_t dims() const = 0;
  // Names the weights: what was trained on other weights' vectors is refused.
  [[nodiscard]] virtual const std::string& content_hash() const = 0;
  // True: microseconds, so decide() encodes by itself. False: decide() answers Need instead.
  [[nodiscard]] virtual bool immediate() const = 0;
  // Row i of out (texts.size() x dims(), row major) is for texts[i]. A batch costs less than its
  // texts one by one.
  virtual Status encode(std::span<const std::string_view> texts, std::span<float> out) const = 0;
};

// What a conversation has come to, by the roles and sizes of its messages.
struct History {
  std::uint32_t user_turns = 0;    // messages of the user
  double earlier = 0;              // share of the text up to the last answer: what was sent before
  bool reads_tool_result = false;  // the last message is one: whoever called is waiting
};

// What reading the work gives, computed at most once per decision and only when asked. Memory is
// reused.
class Reading {
 public:
  Reading();
  ~Reading();
  Reading(Reading&&) noexcept;
  Reading& operator=(Reading&&) noexcept;

  void reset(const Work& work);
  [[nodiscard]] const Work& work() const { return *work_; }
  [[nodiscard]] const chat::Request& request() const { return *work_->request; }
  // The texts in scope joined by newlines, at most 64 KiB (the head 48 KiB and the tail 16 KiB of
  // longer ones).
  std::string_view text(chat::Scope scope);
  // Whether text(scope) leaves something out: nothing can be said of what stands there.
  bool cut(chat::Scope scope);
  // Estimated prompt tokens of the whole request, tool declarations included.
  std::int64_t tokens_in();
  const text::Cues& cues(chat::Scope scope);
  const text::Structure& structure();  // of the last user text
  const text::Sketch& sketch();        // of the last user text
  const History& history();
  // The encoding, when it has been provided. nullptr: not yet; it is noted as wanted, and whoever
  // asked is asked again once it is there.
  const Encoding* encoding(EncodingKey key);
  void provide(EncodingKey key, Encoding::State state, std::span<const float> values = {});
  // What was asked for and is not there yet; and how often encoding() had to give nullptr.
  [[nodiscard]] base::SmallVec<EncodingKey, 4> wanted() const;
  [[nodiscard]] std::size_t missed() const { return missed_; }

  // For a replay without bodies: what the record kept of the reading.
  void preset_tokens(std::int64_t tokens);
  void preset_sketch(const text::Sketch& sketch);
  [[nodiscard]] bool sketch_was_read() const;
  void preset_history(const History& history);
  [[nodiscard]] bool history_was_read() const;
  // Whether an encoding was asked for or the structure computed.
  [[nodiscard]] bool text_was_examined() const;

 private:
  struct Memo;
  const Work* work_ = nullptr;
  std::size_t missed_ = 0;
  std::unique_ptr<Memo> memo_;
};

// ---- facts
// -----------------------------------------------------------------------------------------------------------

enum class Truth : std::uint8_t { kFalse, kTrue, kUnknown };
std::string_view to_string(Truth truth);

// The label of an unknown fact says why it is unknown, where there is more to say than that the
// text does not tell: "late", "queue full", "failed" (see Encoding), "not all read" (Reading::cut).
struct Fact {
  Truth truth = Truth::kUnknown;
  float confidence =
      1;  // probability that truth (or label) is right, where the signal can say; 1 otherwise
  double value =
      kUnknownNumber;  // a number behind it, for comparisons (tokens, matches, similarity)
  ShortText label;     // a name behind it (language code, previous model), for == and in
};

using FactId = std::uint16_t;

// A plug-in that reads the work. Reads nothing but its Reading; REQUIRES: thread-safe, no I/O,
// total.
class Signal {
 public:
  virtual ~Signal() = default;
  // One Fact per Reading. A signal that needs an encoding asks its Reading for it; when that gives
  // nullptr, what it writes is ignored and compute() is called again with the encoding there.
  virtual void compute(std::span<Reading* const> readings, std::span<Fact> facts) const = 0;
  // Declared price in microseconds for a 1 KB prompt: rules ask cheap facts first.
  [[nodiscard]] virtual double cost_us() const = 0;
  // False: it reads only what a record keeps of the work (counts, tools, metadata, caller), so that
  // a replay without the body can compute it again.
  [[nodiscard]] virtual bool reads_text() const { return true; }
};

// ---- beliefs
// ---------------------------------------------------------------------------------------------------------

// What is believed of one candidate for this work. NaN = unknown, never zero.
struct Belief {
  double quality = kUnknownNumber;  // expected quality 0..1
  double quality_var = kUnknownNumber;
  double cost_micro = kUnknownNumber;  // expected micro-USD for this request
  double latency_ms = kUnknownNumber;  // expected time to the last token
  double latency_p95_ms = kUnknownNumber;
  double p_fail = kUnknownNumber;
  double evidence = kUnknownNumber;  // effective number of observations behind quality
};

struct Verdict {
  bool allow = true;
  ReasonText why;  // when denied: what was missing, with numbers
  // Denied for what the request says rather than for what the model is: when every candidate is
  // denied and one of the denials is such, the refusal is kForbidden.
  bool content = false;
};

// What a guard asks for once a candidate that it allowed is chosen.
struct Demand {
  std::uint32_t mask = 0;        // text::pii_bit of what must be masked before the request is sent
  float mask_confidence = 0.5F;  // a less certain span is left as it is
  ReasonText note;               // for header and record; "" : nothing to say
};

class Plan;
struct Scratch;

// What plug-ins see of one decision. Everything borrowed.
struct Question {
  const Catalogue& catalogue;
  Reading& reading;
  std::span<const ExpertId> candidates;
  fleet::LiveView live;  // indexed by ExpertId; may be empty (nothing known)
  Scratch& scratch;
  std::span<const double> account = {};  // of the rule's policy; empty: as it opens
  std::string_view rule = {};            // "set/rule" that asks; "" outside a decision

  [[nodiscard]] const Work& work() const { return reading.work(); }
  [[nodiscard]] const Card& card(std::size_t candidate) const {
    return catalogue[candidates[candidate]];
  }
  // Facts that the plug-in listed in needs(): computed before it is called.
  [[nodiscard]] const Fact& fact(FactId id) const;
  [[nodiscard]] bool masked(std::size_t candidate) const;
};

// A hard rule: allow or deny one candidate. Never a score. Fails closed: unknown is a denial.
class Guard {
 public:
  virtual ~Guard() = default;
  [[nodiscard]] virtual Verdict check(const Question& q, std::size_t candidate) const = 0;
  // What can be said of a card whatever the request: a denial here is a configuration finding.
  // nullopt: it depends.
  [[nodiscard]] virtual std::optional<Verdict> check_card(const Card& /*card*/) const {
    return std::nullopt;
  }
  [[nodiscard]] virtual std::span<const FactId> needs() const { return {}; }
  // Called after the choice, for the chosen card, with the facts of needs() in scratch.
  [[nodiscard]] virtual Demand demand(const Scratch& /*scratch*/, const Card& /*chosen*/) const {
    return {};
  }
};

// What became of a choice, once it is known: what update() learns from.
struct Outcome {
  double quality = kUnknownNumber;     // 0..1
  double cost_micro = kUnknownNumber;  // NaN: not known
  double propensity = 1;               // with which the choice was made
};

// Predicts per candidate. Fills what it knows and leaves the rest NaN; out is all NaN on entry, one
// per candidate (masked ones included: they may be skipped).
class Estimator {
 public:
  virtual ~Estimator() = default;
  // One that needs an encoding asks q.reading for it; when that gives nullptr, what it writes is
  // ignored and estimate() is called again with the encoding there.
  virtual void estimate(const Question& q, std::span<Belief> out) const = 0;
  [[nodiscard]] virtual std::span<const FactId> needs() const { return {}; }
  [[nodiscard]] virtual bool reads_live() const {
    return false;
  }  // the record then keeps the live view
  // Identifies what was learned (hash of the table or weights), so that every decision names the
  // version it used.
  [[nodiscard]] virtual std::uint64_t version() const { return 0; }
  // Writes what was learned to a file that the option `weights` reads. kUnsupported: it keeps its
  // table instead.
  [[nodiscard]] virtual Status export_weights(const std::string& /*path*/) const {
    return fail(ErrorCode::kUnsupported,
                "it has no weight file: it reads its table when it starts");
  }

  // Learning one outcome at a time. What serves never changes: a learner updates a private copy and
  // publishes that as part of the next Plan (with_estimator in route/plan.h).
  // nullptr: this estimator does not learn from single outcomes.
  [[nodiscard]] virtual std::unique_ptr<Estimator> copy() const { return nullptr; }
  // REQUIRES: *this came from copy() and no other thread sees it; q holds the facts of needs(). An
  // outcome without quality teaches nothing.
  virtual void update(const Question& /*q*/, std::size_t /*candidate*/,
                      const Outcome& /*outcome*/) {}
  // Writes what was learned to the file that its options name, whole or not at all; nothing without
  // one. Never called while deciding.
  [[nodiscard]] virtual Status save() const { return {}; }
  // For estimators made of others: itself with `fresh` wherever it holds `old`; nullptr when it
  // does not hold it.
  [[nodiscard]] virtual std::shared_ptr<const Estimator> replace(
      const Estimator* /*old*/, const std::shared_ptr<const Estimator>& /*fresh*/) const {
    return nullptr;
  }
};

// ---- the choice
// ------------------------------------------------------------------------------------------------------

// What a policy says: a probability for every candidate. The core draws from it, so the propensity
// that is recorded is the probability with which the choice was made, by construction. (A sampling
// policy states its distribution.)
struct Distribution {
  std::span<double>
      probability;  // one per candidate, zero on entry; must sum to 1 over unmasked ones
  std::span<double>
      score;  // NaN on entry; how the policy ranks them, higher is better; for ranking and explain
  ReasonText why;  // one clause: why the likeliest candidate leads
};

// What became of a choice, for the policies that keep an account.
struct Settlement {
  std::size_t candidate = 0;           // of the rule
  double cost_micro = kUnknownNumber;  // of all calls; NaN: not known
  double now_s = 0;                    // of a clock that does not go back
};

class Policy {
 public:
  virtual ~Policy() = default;
  // REQUIRES: at least one unmasked candidate. beliefs[i] belongs to q.candidates[i].
  virtual void weigh(const Question& q, std::span<const Belief> beliefs,
                     Distribution& out) const = 0;
  [[nodiscard]] virtual std::span<const FactId> needs() const { return {}; }
  // The record then keeps the live view.
  [[nodiscard]] virtual bool reads_live() const { return false; }
  // The numbers that it keeps from one choice to the next, such as prices, as they are before the
  // first one. Whoever drives decide() holds them, hands them in as Question::account and lets
  // settle() change them once a choice has ended; the policy itself stays immutable.
  [[nodiscard]] virtual std::vector<double> open_account(std::size_t /*candidates*/) const {
    return {};
  }
  virtual void settle(const Settlement& /*what*/, std::span<double> /*account*/) const {}
};

struct Choice {
  std::uint32_t rule = 0;       // index into the rule set
  std::uint32_t candidate = 0;  // index into the rule's candidates
  ExpertId expert = kNoExpert;
  double propensity = 1;
  ReasonText why;
};
// Provide these encodings to the scratch's reading (or say why not), then ask again.
struct Need {
  base::SmallVec<EncodingKey, 4> encodings;
  base::SmallVec<FactId, 8> facts;  // that wait for them
  double deadline_ms = 0;           // of the rule that asks, counted from the first asking
};
struct Refuse {
  ErrorCode code = ErrorCode::kNoCandidate;
  std::string message;  // names the guards and what they missed
  std::optional<std::uint32_t> rule;
};
using Decision = std::variant<Choice, Need, Refuse>;

struct RuleSet;

// What a policy may write into while it weighs.
struct Spare {
  std::vector<std::uint32_t> index;
  std::vector<float> number;
  std::vector<std::byte> bytes;
};

// The memory of one decision: reused, so that nothing is allocated after warm-up.
struct Scratch {
  Reading reading;
  std::vector<Fact> facts;  // by FactId
  enum class Have : std::uint8_t {
    kNo,
    kPreset,
    kYes
  };  // kPreset: known beforehand, not asked for yet
  std::vector<Have> have;               // by FactId
  std::vector<FactId> order;            // facts in the order in which they were computed
  std::vector<std::int16_t> masked_by;  // by candidate: guard index in Plan::guards, or -1
  std::vector<Verdict> verdicts;        // by candidate: the denial, when masked
  std::vector<Belief> beliefs;          // by candidate
  std::vector<Belief> partial;
  std::vector<double> probability;  // by candidate
  std::vector<double> score;        // by candidate
  Spare spare;

  // Forgets the previous decision. Call once per work; asking again after Need keeps the facts.
  void begin(const Work& work, std::size_t facts_in_plan);
  void set_fact(FactId id, const Fact& fact);
  // Makes a fact known without asking for it (replay).
  void preset_fact(FactId id, const Fact& fact);
  // The fact, asked for: it enters the order. nullptr when it is not known yet.
  const Fact* ask(FactId id);
};

// The sentence. rng must be keyed by (seed, work.id, stage). REQUIRES: scratch.begin(work, ...) was
// called.
Decision decide(const Plan& plan, const RuleSet& rules, fleet::LiveView live, base::Rng rng,
                Scratch& scratch);

// Makes the facts known, encoding what they want on this thread.
void compute_facts(const Plan& plan, std::span<const FactId> facts, Scratch& scratch);

// What the estimator believes, encoding what it wants on this thread.
void believe_now(const Plan& plan, const Estimator& estimator, const Question& q,
                 std::span<Belief> out);

// decide() until it is not Need, encoding on this thread whatever the deadline: what the evaluator
// and the replay do.
Decision decide_now(const Plan& plan, const RuleSet& rules, fleet::LiveView live, base::Rng rng,
                    Scratch& scratch);

}  // namespace swy::route
