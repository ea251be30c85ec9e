// A chat request as the router sees it: one representation for every dialect, made of views into
// the decoded body.
//
// Ownership: Request borrows from the decoder that filled it (chat::RequestDoc) or from whoever
// built it by hand (tests, evaluator); it is valid as long as that memory. Threading: a Request
// belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace swy::chat {

enum class Role : std::uint8_t { kSystem, kDeveloper, kUser, kAssistant, kTool, kOther };
enum class PartKind : std::uint8_t { kText, kImage, kAudio, kFile, kOther };
enum class ToolChoice : std::uint8_t { kUnset, kNone, kAuto, kRequired, kNamed };
enum class ResponseFormat : std::uint8_t { kText, kJsonObject, kJsonSchema };

std::string_view to_string(Role role);

// Names as on the wire; "" for an unset tool choice.
constexpr std::string_view to_string(ToolChoice c) {
  constexpr std::array<std::string_view, 5> kNames{"", "none", "auto", "required", "named"};
  return kNames[static_cast<std::size_t>(c)];
}
constexpr std::string_view to_string(ResponseFormat f) {
  constexpr std::array<std::string_view, 3> kNames{"text", "json_object", "json_schema"};
  return kNames[static_cast<std::size_t>(f)];
}

struct Part {
  PartKind kind = PartKind::kText;
  std::string_view text;  // for kText; empty otherwise
  // For kImage: where it is (a data URL holds it), and the detail asked for; "" when not said.
  std::string_view source{};
  std::string_view detail{};
};

struct Message {
  Role role = Role::kUser;
  std::uint32_t first_part = 0;  // into Request::parts
  std::uint32_t parts = 0;
  std::uint32_t tool_calls = 0;  // calls an assistant message makes
};

struct Request {
  std::string_view model;
  bool stream = false;
  bool include_usage = false;  // stream_options.include_usage
  bool logprobs = false;
  std::optional<std::int64_t> max_tokens;  // max_completion_tokens or max_tokens
  std::int64_t n = 1;
  double temperature = std::numeric_limits<double>::quiet_NaN();  // NaN: not given
  std::vector<Message> messages;
  std::vector<Part> parts;
  std::vector<std::string_view> tools;              // declared function names
  std::vector<std::string_view> tool_descriptions;  // as many; "" where none is given
  ToolChoice tool_choice = ToolChoice::kUnset;
  ResponseFormat response_format = ResponseFormat::kText;
  std::string_view reasoning_effort;
  std::string_view user;
  std::vector<std::pair<std::string_view, std::string_view>>
      metadata;  // strings; other scalars as their JSON text
  std::uint64_t tool_bytes =
      0;  // size of the tool declarations as JSON: they cost prompt tokens too
  std::uint32_t images = 0, audios = 0, files = 0;  // counts over all messages

  void clear();  // keeps capacity
};

// Which of the request's texts a reader looks at.
enum class Scope : std::uint8_t { kLastUser, kUser, kSystem, kAll, kToolResults, kRetrieved };
inline constexpr std::size_t kScopes = 6;
std::optional<Scope> scope_from(std::string_view name);  // "last_user", "user", "system", "all",
                                                         // "tool_results", "retrieved"

// The next passage of `rest` that stands between <TAG ...> and </TAG>, where TAG is context,
// document, documents, passage, passages, retrieved, search_results or source, in any case; an open
// one reaches to the end. `rest` moves behind it. false: no more. Linear.
bool next_retrieved(std::string_view& rest, std::string_view& passage);

// The message that kLastUser names; the number of messages when there is no user message.
inline std::size_t last_user_message(const Request& r) {
  for (std::size_t i = r.messages.size(); i-- > 0;) {
    if (r.messages[i].role == Role::kUser) return i;
  }
  return r.messages.size();
}

inline bool in_scope(Role role, Scope scope) {
  switch (scope) {
    case Scope::kUser:
      return role == Role::kUser;
    case Scope::kSystem:
      return role == Role::kSystem || role == Role::kDeveloper;
    case Scope::kToolResults:
      return role == Role::kTool;
    case Scope::kRetrieved:
      return role != Role::kAssistant && role != Role::kTool;
    case Scope::kLastUser:
    case Scope::kAll:
      break;
  }
  return scope == Scope::kAll;
}

// Calls f(std::string_view) for every text part in scope, in order. kLastUser falls back to kAll
// when no user message exists. kRetrieved: the passages of user, system and developer messages.
template <typename F>
void each_text(const Request& r, Scope scope, F&& f) {
  const std::size_t last_user =
      scope == Scope::kLastUser ? last_user_message(r) : r.messages.size();
  if (scope == Scope::kLastUser && last_user == r.messages.size()) scope = Scope::kAll;
  for (std::size_t i = 0; i < r.messages.size(); ++i) {
    const Message& m = r.messages[i];
    if (i != last_user && !in_scope(m.role, scope)) continue;
    for (std::uint32_t p = m.first_part; p < m.first_part + m.parts; ++p) {
      if (r.parts[p].kind != PartKind::kText) continue;
      if (scope != Scope::kRetrieved) {
        f(r.parts[p].text);
        continue;
      }
      std::string_view rest = r.parts[p].text, passage;
      while (next_retrieved(rest, passage)) f(passage);
    }
  }
}

}  // namespace swy::chat
