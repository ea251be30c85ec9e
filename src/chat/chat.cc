#include "switchyard/chat.h"

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
  return std::nullopt;
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
