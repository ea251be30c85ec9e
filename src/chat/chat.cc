#include "switchyard/chat.h"

#include <array>

namespace swy::chat {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return "developer";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
    case Role::kTool:
      return "tool";
    case Role::kOther:
      break;
  }
  return "other";
}

std::optional<Scope> scope_from(std::string_view name) {
  if (name == "last_user") return Scope::kLastUser;
  if (name == "user") return Scope::kUser;
  if (name == "system") return Scope::kSystem;
  if (name == "all") return Scope::kAll;
  if (name == "tool_results") return Scope::kToolResults;
  if (name == "retrieved") return Scope::kRetrieved;
  return std::nullopt;
}

namespace {

constexpr std::array<std::string_view, 8> kPassageTags = {"documents",      "document", "context",
                                                          "passages",       "passage",  "source",
                                                          "search_results", "retrieved"};

bool starts_with_folded(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

// Whether the name ends here: "<context>", "<context id=1>", but not "<contextual>".
bool name_ends(std::string_view rest) {
  return !rest.empty() && (rest[0] == '>' || rest[0] == ' ' || rest[0] == '\n' || rest[0] == '\t');
}

// The tag that opens at `text` (behind "<"), "" for none.
std::string_view tag_at(std::string_view text) {
  for (const std::string_view tag : kPassageTags) {
    if (starts_with_folded(text, tag) && name_ends(text.substr(tag.size()))) return tag;
  }
  return {};
}

}  // namespace

bool next_retrieved(std::string_view& rest, std::string_view& passage) {
  constexpr std::size_t kMaxAttributes = 1024;  // bytes of an opening tag
  for (std::size_t at = rest.find('<'); at != std::string_view::npos; at = rest.find('<', at + 1)) {
    const std::string_view tag = tag_at(rest.substr(at + 1));
    if (tag.empty()) continue;
    const std::size_t end = rest.substr(at, kMaxAttributes).find('>');
    if (end == std::string_view::npos) continue;
    const std::size_t begin = at + end + 1;
    std::size_t close = rest.find("</", begin);
    while (close != std::string_view::npos && !(starts_with_folded(rest.substr(close + 2), tag) &&
                                                name_ends(rest.substr(close + 2 + tag.size()))))
      close = rest.find("</", close + 2);
    if (close == std::string_view::npos) close = rest.size();
    passage = rest.substr(begin, close - begin);
    rest.remove_prefix(close);
    return true;
  }
  rest = {};
  return false;
}

void Request::clear() {
  // Lists keep their memory; everything else goes back to what a fresh Request has.
  Request fresh;
  fresh.messages = std::move(messages);
  fresh.parts = std::move(parts);
  fresh.tools = std::move(tools);
  fresh.tool_descriptions = std::move(tool_descriptions);
  fresh.metadata = std::move(metadata);
  fresh.messages.clear();
  fresh.parts.clear();
  fresh.tools.clear();
  fresh.tool_descriptions.clear();
  fresh.metadata.clear();
  *this = std::move(fresh);
}

}  // namespace swy::chat
