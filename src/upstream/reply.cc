// Composes answers. Text: the recorded one, else one that says it is simulated, as long as the
// recorded token count where there is one (a token is taken as four bytes). The text is cut into
// `pieces` equal parts at code points; part i is due at ttft + i * piece time. Tests:
// upstream_test.cc.
#include "upstream/private/reply.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "base/rng.h"
#include "chat/error.h"
#include "text/tokens.h"

namespace swy::upstream {
namespace {

// Answers carry the same time in every run: equal requests, equal bytes.
constexpr std::int64_t kCreated = 1'700'000'000;
constexpr std::uint64_t kJitterStage = 0x6a6974746572;  // "jitter"
constexpr std::uint64_t kIdStage = 0x6964;              // "id"
constexpr std::size_t kBytesPerToken = 4;
constexpr std::size_t kQuoted = 60;  // of the prompt, in a simulated answer
constexpr std::int64_t kLongestText = 1'000'000;

// The largest code point boundary not above n.
std::size_t boundary(std::string_view text, std::size_t n) {
  if (n >= text.size()) return text.size();
  while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0U) == 0x80U) --n;
  return n;
}

std::string last_user_text(const chat::Request& request) {
  std::string out;
  chat::each_text(request, chat::Scope::kLastUser, [&](std::string_view part) {
    if (!out.empty()) out += '\n';
    out += part;
  });
  return out;
}

std::string simulated(std::string_view model, std::string_view prompt,
                      std::optional<std::int64_t> tokens) {
  std::string out = "[simulated answer of " + std::string(model) + " to \"";
  const std::size_t cut = boundary(prompt, kQuoted);
  out += prompt.substr(0, cut);
  if (cut < prompt.size()) out += "...";
  out += "\"]";
  const auto wanted =
      static_cast<std::size_t>(std::clamp<std::int64_t>(tokens.value_or(0), 0, kLongestText)) *
      kBytesPerToken;
  while (out.size() < wanted) out += " simulated";
  return out;
}

// Repeats the text until every one of n pieces has at least one code point of it.
void stretch(std::string& text, std::int64_t n) {
  const auto wanted = static_cast<std::size_t>(n) * 4;  // the longest code point
  if (text.empty()) text = "simulated ";
  const std::size_t once = text.size();
  while (text.size() < wanted) text += text.substr(0, once);
}

chat::Usage stated_usage(const Reply& reply) {
  chat::Usage usage = reply.usage;
  if (reply.fault.kind == FaultKind::kWrongUsage) {
    usage.prompt = -1;
    usage.completion = 1'000'000'000'000;
  }
  return usage;
}

}  // namespace

chat::AnswerHead Reply::head() const { return {id, model, kCreated}; }

Reply make_reply(const Script& script, const chat::Request& request, std::uint64_t number) {
  const ScriptOptions& options = script.options();
  const ModelScript* model = script.model(request.model);
  const std::string prompt = last_user_text(request);
  const std::string_view name =
      model != nullptr && !model->recorded_as.empty() ? model->recorded_as : request.model;
  const Recorded recorded = script.book().find(prompt, name);

  Reply r;
  base::Rng ids(options.seed, number, kIdStage);
  r.id = "chatcmpl-" + base::hex64(ids.next());
  r.model = request.model;
  r.stream = request.stream;
  r.include_usage = request.include_usage;
  r.text = recorded.text ? std::string(*recorded.text)
                         : simulated(request.model, prompt, recorded.tokens_out);
  r.usage.prompt = recorded.tokens_in.value_or(text::estimate_tokens(prompt));
  r.usage.completion = recorded.tokens_out.value_or(text::estimate_tokens(r.text));
  if (request.max_tokens && *request.max_tokens > 0 && *request.max_tokens < r.usage.completion) {
    const double share =
        static_cast<double>(*request.max_tokens) / static_cast<double>(r.usage.completion);
    r.text.resize(
        boundary(r.text, static_cast<std::size_t>(static_cast<double>(r.text.size()) * share)));
    r.usage.completion = *request.max_tokens;
    r.finish = "length";
  }
  if (options.chunks > 0) {
    stretch(r.text, options.chunks);
    r.pieces = options.chunks;
  } else {
    r.pieces = std::max<std::int64_t>(1, text::estimate_tokens(r.text));
  }
  if (model != nullptr && !options.fast) {
    base::Rng rng(options.seed, number, kJitterStage);
    r.ttft_ms = model->ttft_ms * (1.0 + model->jitter * (2.0 * rng.uniform() - 1.0));
    r.piece_ms = model->tokens_per_s > 0 ? 1000.0 / model->tokens_per_s : 0.0;
  }
  return r;
}

void make_huge(Reply& reply, std::int64_t bytes) {
  reply.text.assign(static_cast<std::size_t>(bytes), 'x');
  reply.pieces = 1;
}

std::string plain_body(const Reply& reply) {
  std::string out;
  chat::append_completion(out, reply.head(), reply.text, reply.finish, stated_usage(reply));
  switch (reply.fault.kind) {
    case FaultKind::kNoUsage: {
      // The writer always states usage, as the last field.
      const std::size_t at = out.rfind(",\"usage\":");
      out.replace(at, std::string::npos, "}");
      break;
    }
    case FaultKind::kMalformed:
    case FaultKind::kUndone:
      out.resize(out.size() / 2);
      break;
    case FaultKind::kError:
      out = chat::openai_error("injected fault", "server_error", "", "injected_fault");
      break;
    case FaultKind::kEmpty:
      out.clear();
      break;
    default:
      break;
  }
  return out;
}

std::string_view Events::next_piece() {
  const auto n = static_cast<std::size_t>(reply_.pieces);
  for (;;) {
    ++piece_;
    const std::string_view text = reply_.text;
    const auto i = static_cast<std::size_t>(piece_);
    const std::size_t end = i >= n ? text.size() : boundary(text, text.size() * i / n);
    const std::string_view piece = text.substr(at_, end - at_);
    at_ = end;
    if (!piece.empty() || i >= n) return piece;
  }
}

void Events::append_next(std::string& out) {
  const chat::AnswerHead head = reply_.head();
  const bool with_usage = reply_.include_usage && reply_.fault.kind != FaultKind::kNoUsage;
  switch (phase_) {
    case Phase::kRole:
      due_ms_ = reply_.ttft_ms;
      chat::append_role_chunk(out, head, with_usage);
      phase_ = reply_.text.empty() ? Phase::kFinish : Phase::kContent;
      return;
    case Phase::kContent:
      chat::append_content_chunk(out, head, next_piece(), with_usage);
      due_ms_ = reply_.ttft_ms + static_cast<double>(piece_ - 1) * reply_.piece_ms;
      if (piece_ >= reply_.pieces) phase_ = Phase::kFinish;
      return;
    case Phase::kFinish:
      chat::append_finish_chunk(out, head, reply_.finish, with_usage);
      phase_ = with_usage ? Phase::kUsage : Phase::kDone;
      return;
    case Phase::kUsage:
      chat::append_usage_chunk(out, head, stated_usage(reply_));
      phase_ = Phase::kDone;
      return;
    case Phase::kDone:
      chat::append_done(out);
      phase_ = Phase::kEnd;
      return;
    case Phase::kEnd:
      SWY_ASSERT(false);
  }
}

}  // namespace swy::upstream
