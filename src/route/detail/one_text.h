// The request of one user text: what past prompts are asked as. Header-only. Threading: pure.
// Ownership: the request views `text`.
#pragma once

#include <string_view>

#include "switchyard/chat.h"

namespace swy::route {

inline chat::Request one_text(std::string_view text) {
  chat::Request request;
  request.parts.push_back({.kind = chat::PartKind::kText, .text = text});
  request.messages.push_back({.role = chat::Role::kUser, .first_part = 0, .parts = 1});
  return request;
}

}  // namespace swy::route
