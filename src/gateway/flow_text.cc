// Members that are not looked at keep their value, re-encoded (numbers as the client wrote them
// where base::Json keeps them). Tests: flow_text_test.cc.
#include "gateway/flow_text.h"

#include <algorithm>
#include <utility>

#include "base/json.h"

namespace swy::gateway {
namespace {

using base::Json;
using base::JsonWriter;

void copy_member(JsonWriter& w, std::string_view name, const Json& value) {
  w.key(name).raw(value.to_string());
}

// What makes no sense beside a prompt of our own.
bool belongs_to_messages(std::string_view name) {
  for (const std::string_view n :
       {"messages", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call",
        "response_format", "n", "max_tokens", "max_completion_tokens", "logprobs", "top_logprobs",
        "prediction", "modalities", "audio", "logit_bias", "stop"}) {
    if (n == name) return true;
  }
  return false;
}

bool replaced(std::string_view name) {
  return name == "model" || name == "stream" || name == "stream_options";
}

void write_delta(JsonWriter& w, const Json& message) {
  w.key("delta").begin_object();
  message.each_member([&](std::string_view name, const Json& value) {
    if (name != "tool_calls") return copy_member(w, name, value);
    w.key(name).begin_array();
    int index = 0;
    value.each([&](const Json& call) {
      w.begin_object().field("index", index++);
      call.each_member([&](std::string_view k, const Json& v) {
        if (k != "index") copy_member(w, k, v);
      });
      w.end_object();
    });
    w.end_array();
  });
  w.end_object();
}

class Streamer {
 public:
  Streamer(const Json& root, bool with_usage) : root_(root), with_usage_(with_usage) {}

  std::string run(const Json& choices) {
    choices.each([&](const Json& choice) {
      const auto index = choice.integer_or("index", 0);
      chunk([&](JsonWriter& w) {
        w.begin_object().field("index", index);
        if (const auto message = choice.find("message"); message && message->is_object()) {
          write_delta(w, *message);
        } else {
          w.key("delta").begin_object().end_object();
        }
        w.key("finish_reason").null().end_object();
      });
      chunk([&](JsonWriter& w) {
        w.begin_object().field("index", index).key("delta").begin_object().end_object();
        w.field("finish_reason", choice.string_or("finish_reason", "stop")).end_object();
      });
    });
    if (const auto usage = root_.find("usage"); with_usage_ && usage && usage->is_object()) {
      begin();
      JsonWriter w(out_);
      head(w);
      w.key("choices").begin_array().end_array();
      copy_member(w, "usage", *usage);
      w.end_object();
      out_ += "\n\n";
    }
    out_ += "data: [DONE]\n\n";
    return std::move(out_);
  }

 private:
  void begin() { out_ += "data: "; }
  void head(JsonWriter& w) {
    w.begin_object()
        .field("id", root_.string_or("id", ""))
        .field("object", "chat.completion.chunk");
    w.field("created", root_.integer_or("created", 0)).field("model", root_.string_or("model", ""));
    if (const auto print = root_.find("system_fingerprint"))
      copy_member(w, "system_fingerprint", *print);
  }
  template <typename Fill>
  void chunk(Fill&& fill) {
    begin();
    JsonWriter w(out_);
    head(w);
    w.key("choices").begin_array();
    fill(w);
    w.end_array();
    if (with_usage_) w.key("usage").null();
    w.end_object();
    out_ += "\n\n";
  }

  const Json& root_;
  bool with_usage_;
  std::string out_;
};

}  // namespace

Result<std::string> inner_body(std::string_view client_body, const InnerCall& call) {
  base::JsonDoc doc;
  const auto root = doc.parse(client_body);
  if (!root || !root->is_object()) return fail(ErrorCode::kInternal, "the request is no object");
  std::string out;
  JsonWriter w(out);
  w.begin_object().field("model", call.model);
  const bool own = !call.prompt.empty();
  if (own) {
    w.key("messages").begin_array().begin_object().field("role", "user");
    w.field("content", call.prompt).end_object().end_array();
  }
  root->each_member([&](std::string_view name, const Json& value) {
    if (replaced(name) || (own && belongs_to_messages(name))) return;
    if (name == "seed" && call.sample > 0) return;
    if (name == "logprobs" && call.logprobs) return;
    copy_member(w, name, value);
  });
  if (call.sample > 0) {
    const std::int64_t seed = root->integer_or("seed", 0) & INT32_MAX;
    w.field("seed", (seed + std::int64_t{call.sample}) & INT32_MAX);
  }
  if (call.logprobs) w.field("logprobs", true);
  w.end_object();
  return out;
}

std::optional<Logprobs> answer_logprobs(std::string_view body) {
  base::JsonDoc doc;
  const auto root = doc.parse(body);
  const auto choices = root ? root->find("choices") : std::nullopt;
  if (!choices) return std::nullopt;
  double sum = 0;
  double least = 0;
  std::size_t n = 0;
  bool first = true;
  choices->each([&](const Json& choice) {
    if (!std::exchange(first, false)) return;
    const auto logprobs = choice.find("logprobs");
    const auto content = logprobs ? logprobs->find("content") : std::nullopt;
    if (!content) return;
    content->each([&](const Json& token) {
      const auto p = token.find("logprob");
      const auto value = p ? p->as_number() : std::nullopt;
      if (!value || !(*value <= 0)) return;
      sum += *value;
      least = std::min(least, *value);
      ++n;
    });
  });
  if (n == 0) return std::nullopt;
  return Logprobs{sum / static_cast<double>(n), least};
}

std::string answer_said(std::string_view body) {
  base::JsonDoc doc;
  const auto root = doc.parse(body);
  const auto choices = root ? root->find("choices") : std::nullopt;
  if (!choices) return {};
  std::string out;
  bool first = true;
  choices->each([&](const Json& choice) {
    const auto message = std::exchange(first, false) ? choice.find("message") : std::nullopt;
    if (!message) return;
    out = message->string_or("content", "");
    const auto calls = message->find("tool_calls");
    if (!out.empty() || !calls || calls->size() == 0) return;
    // Ids differ from call to call: what is asked for is compared.
    calls->each([&](const Json& c) {
      if (const auto f = c.find("function")) out += f->to_string();
    });
  });
  return out;
}

Result<std::string> answer_as_stream(std::string_view body, bool with_usage) {
  base::JsonDoc doc;
  const auto root = doc.parse(body);
  const auto choices = root ? root->find("choices") : std::nullopt;
  if (!choices || !choices->is_array())
    return fail(ErrorCode::kProtocol, "the answer is not a chat completion");
  return Streamer(*root, with_usage).run(*choices);
}

}  // namespace swy::gateway
