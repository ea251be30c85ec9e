#include "chat/dialect/openai_fields.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace swy::chat {
namespace {

using base::Json;
using base::JsonIter;

std::string_view kind_of(const Json& j) {
  switch (j.type()) {
    case Json::Type::kNull:
      return "null";
    case Json::Type::kBool:
      return "a boolean";
    case Json::Type::kNumber:
      return j.as_integer() ? "an integer" : "a decimal";
    case Json::Type::kString:
      return "a string";
    case Json::Type::kArray:
      return "an array";
    case Json::Type::kObject:
      break;
  }
  return "an object";
}

tl::unexpected<RequestError> refuse(std::string message, std::string param, std::string_view code) {
  return tl::unexpected(RequestError{ErrorCode::kInvalidArgument, std::move(message),
                                     std::move(param), std::string(code)});
}

tl::unexpected<RequestError> wrong_type(std::string param, std::string_view expected,
                                        const Json& got) {
  auto message = fmt::format("Invalid type for '{}': expected {}, but got {} instead.", param,
                             expected, kind_of(got));
  return refuse(std::move(message), std::move(param), "invalid_type");
}

// A place inside the body, as text only when an error needs it.
struct Place {
  std::string_view list;
  std::size_t index = 0;
  [[nodiscard]] std::string at(std::string_view member = "") const {
    return fmt::format("{}[{}]{}{}", list, index, member.empty() ? "" : ".", member);
  }
};

Decoded read_model(Target& t, std::string_view name, const Json& j) {
  const auto s = j.as_string();
  if (!s) return wrong_type(std::string(name), "a string", j);
  if (s->empty()) return missing(std::string(name));
  t.request.model = *s;
  return {};
}

Decoded read_flag(bool& out, std::string_view name, const Json& j) {
  const auto b = j.as_bool();
  if (!b && !j.is_null()) return wrong_type(std::string(name), "a boolean", j);
  out = b.value_or(false);
  return {};
}
Decoded read_stream(Target& t, std::string_view name, const Json& j) {
  return read_flag(t.request.stream, name, j);
}
Decoded read_logprobs(Target& t, std::string_view name, const Json& j) {
  return read_flag(t.request.logprobs, name, j);
}

Decoded read_stream_options(Target& t, std::string_view name, const Json& j) {
  if (j.is_null()) return {};
  if (!j.is_object()) return wrong_type(std::string(name), "an object", j);
  const auto usage = j.find("include_usage");
  return usage ? read_flag(t.request.include_usage, "stream_options.include_usage", *usage)
               : Decoded{};
}

// An integer in [1, most]; null is "not given" (nullopt).
tl::expected<std::optional<std::int64_t>, RequestError> read_count(std::string_view name,
                                                                   const Json& j,
                                                                   std::int64_t most) {
  if (j.is_null()) return std::nullopt;
  const auto n = j.as_integer();
  if (!n) return wrong_type(std::string(name), "an integer", j);
  if (*n < 1) {
    return refuse(
        fmt::format(
            "Invalid '{}': integer below minimum value. Expected a value >= 1, but got {} instead.",
            name, *n),
        std::string(name), "integer_below_min_value");
  }
  if (*n > most) {
    return refuse(fmt::format("Invalid '{}': integer above maximum value. Expected a value <= {}, "
                              "but got {} instead.",
                              name, most, *n),
                  std::string(name), "integer_above_max_value");
  }
  return n;
}

Decoded read_max_completion_tokens(Target& t, std::string_view name, const Json& j) {
  auto n = read_count(name, j, std::numeric_limits<std::int64_t>::max());
  if (!n) return tl::unexpected(std::move(n).error());
  if (n->has_value()) {
    t.request.max_tokens = *n;
    t.new_max_tokens = true;
  }
  return {};
}

Decoded read_max_tokens(Target& t, std::string_view name, const Json& j) {
  auto n = read_count(name, j, std::numeric_limits<std::int64_t>::max());
  if (!n) return tl::unexpected(std::move(n).error());
  if (n->has_value() && !t.new_max_tokens) t.request.max_tokens = *n;
  return {};
}

Decoded read_n(Target& t, std::string_view name, const Json& j) {
  auto n = read_count(name, j, kMaxChoices);
  if (!n) return tl::unexpected(std::move(n).error());
  t.request.n = n->value_or(1);
  return {};
}

Decoded read_temperature(Target& t, std::string_view name, const Json& j) {
  if (j.is_null()) return {};
  const auto v = j.as_number();
  if (!v) return wrong_type(std::string(name), "a number", j);
  t.request.temperature = *v;
  return {};
}

Decoded read_text(std::string_view& out, std::string_view name, const Json& j) {
  const auto s = j.as_string();
  if (!s && !j.is_null()) return wrong_type(std::string(name), "a string", j);
  out = s.value_or("");
  return {};
}
Decoded read_user(Target& t, std::string_view name, const Json& j) {
  return read_text(t.request.user, name, j);
}
Decoded read_effort(Target& t, std::string_view name, const Json& j) {
  return read_text(t.request.reasoning_effort, name, j);
}

Role role_of(std::string_view s) {
  if (s == "user") return Role::kUser;
  if (s == "assistant") return Role::kAssistant;
  if (s == "system") return Role::kSystem;
  if (s == "developer") return Role::kDeveloper;
  if (s == "tool" || s == "function") return Role::kTool;
  return Role::kOther;
}

PartKind count_part(Request& r, std::string_view type) {
  if (type == "image_url" || type == "input_image") {
    ++r.images;
    return PartKind::kImage;
  }
  if (type == "input_audio") {
    ++r.audios;
    return PartKind::kAudio;
  }
  if (type == "file") {
    ++r.files;
    return PartKind::kFile;
  }
  return type == "text" ? PartKind::kText : PartKind::kOther;  // refusal and what is not known yet
}

// {"url": ..., "detail": ...}, or the address alone; what is otherwise is the upstream's to refuse.
void read_image(Part& part, const Json& j) {
  const auto image = j.find("image_url");
  if (!image) return;
  if (image->is_object()) {
    part.source = image->string_or("url", "");
    part.detail = image->string_or("detail", "");
  } else {
    part.source = image->as_string().value_or("");
    part.detail = j.string_or("detail", "");
  }
}

Decoded read_part(Request& r, const Place& message, std::size_t index, const Json& j) {
  const auto place = [&](std::string_view member) {
    return fmt::format("{}[{}]{}{}", message.at("content"), index, member.empty() ? "" : ".",
                       member);
  };
  if (!j.is_object()) return wrong_type(place(""), "an object", j);
  const auto type = j.find("type");
  if (!type) return missing(place("type"));
  const auto name = type->as_string();
  if (!name) return wrong_type(place("type"), "a string", *type);
  Part part{count_part(r, *name), {}};
  if (part.kind == PartKind::kText) {
    const auto text = j.find("text");
    if (!text) return missing(place("text"));
    const auto s = text->as_string();
    if (!s) return wrong_type(place("text"), "a string", *text);
    part.text = *s;
  }
  if (part.kind == PartKind::kImage) read_image(part, j);
  r.parts.push_back(part);
  return {};
}

Decoded read_content(Request& r, const Place& place, const Json& j) {
  if (j.is_null()) return {};
  if (const auto s = j.as_string()) {
    if (r.parts.size() >= kMaxParts) return too_many("messages", kMaxParts);
    r.parts.push_back({PartKind::kText, *s});
    return {};
  }
  if (!j.is_array())
    return wrong_type(place.at("content"), "one of a string or array of objects", j);
  std::size_t index = 0;
  for (JsonIter it(j); !it.done(); it.next(), ++index) {
    if (r.parts.size() >= kMaxParts) return too_many(place.at("content"), kMaxParts);
    if (auto d = read_part(r, place, index, it.value()); !d) return d;
  }
  return {};
}

Decoded read_message(Request& r, const Place& place, const Json& j) {
  if (!j.is_object()) return wrong_type(place.at(), "an object", j);
  Message m;
  m.first_part = static_cast<std::uint32_t>(r.parts.size());
  bool has_role = false;
  bool has_content = false;
  for (JsonIter it(j); !it.done(); it.next()) {
    const Json value = it.value();
    if (it.key() == "role") {
      const auto role = value.as_string();
      if (!role) return wrong_type(place.at("role"), "a string", value);
      if (has_role) return repeated(place.at("role"));
      m.role = role_of(*role);
      has_role = true;
    } else if (it.key() == "content") {
      if (has_content) return repeated(place.at("content"));
      has_content = true;
      if (auto d = read_content(r, place, value); !d) return d;
    } else if (it.key() == "tool_calls") {
      if (!value.is_array() && !value.is_null())
        return wrong_type(place.at("tool_calls"), "an array", value);
      m.tool_calls += static_cast<std::uint32_t>(value.size());
    } else if (it.key() == "function_call" && value.is_object()) {
      m.tool_calls += 1;  // the older way, before tool_calls
    }
  }
  if (!has_role) return missing(place.at("role"));
  m.parts = static_cast<std::uint32_t>(r.parts.size()) - m.first_part;
  r.messages.push_back(m);
  return {};
}

Decoded read_messages(Target& t, std::string_view name, const Json& j) {
  if (!j.is_array()) return wrong_type(std::string(name), "an array of objects", j);
  for (JsonIter it(j); !it.done(); it.next()) {
    if (t.request.messages.size() >= kMaxMessages) return too_many(std::string(name), kMaxMessages);
    if (auto d = read_message(t.request, {name, t.request.messages.size()}, it.value()); !d)
      return d;
  }
  if (t.request.messages.empty()) {
    return refuse(
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        std::string(name), "empty_array");
  }
  return {};
}

// Bytes of the value as JSON without spaces; escapes count as the character they stand for.
// Recursion is bounded by the parser's depth limit.
std::uint64_t json_bytes(const Json& j) {
  std::uint64_t n = 2;  // the brackets or quotes
  switch (j.type()) {
    case Json::Type::kString:
      return n + j.as_string()->size();
    case Json::Type::kArray:
      for (JsonIter it(j); !it.done(); it.next()) n += (n > 2 ? 1U : 0U) + json_bytes(it.value());
      return n;
    case Json::Type::kObject:
      for (JsonIter it(j); !it.done(); it.next()) {
        n += (n > 2 ? 1U : 0U) + it.key().size() + 3 + json_bytes(it.value());
      }
      return n;
    case Json::Type::kBool:
      return *j.as_bool() ? 4 : 5;
    case Json::Type::kNumber: {
      std::array<char, 40> tmp;
      const auto i = j.as_integer();
      const auto end = i ? std::to_chars(tmp.data(), tmp.data() + tmp.size(), *i)
                         : std::to_chars(tmp.data(), tmp.data() + tmp.size(), *j.as_number());
      return static_cast<std::uint64_t>(end.ptr - tmp.data());
    }
    case Json::Type::kNull:
      break;
  }
  return 4;
}

// A description that is not text is the upstream's to refuse.
void add_tool(Request& r, std::string_view name, const Json& declaration) {
  r.tools.push_back(name);
  const auto description = declaration.find("description");
  r.tool_descriptions.push_back(description ? description->as_string().value_or("") : "");
}

// tools: [{type, <type>: {name}}]; hosted tools ("web_search") have no name of their own, the type
// stands for it.
Decoded read_tool(Request& r, const Place& place, const Json& j) {
  if (!j.is_object()) return wrong_type(place.at(), "an object", j);
  const auto type = j.find("type");
  if (!type) return missing(place.at("type"));
  const auto type_name = type->as_string();
  if (!type_name) return wrong_type(place.at("type"), "a string", *type);
  if (*type_name != "function" && *type_name != "custom") {
    add_tool(r, *type_name, j);
    return {};
  }
  const auto body = j.find(*type_name);
  if (!body) return missing(place.at(*type_name));
  const auto name = body->find("name");
  if (!name) return missing(place.at(fmt::format("{}.name", *type_name)));
  const auto s = name->as_string();
  if (!s) return wrong_type(place.at(fmt::format("{}.name", *type_name)), "a string", *name);
  add_tool(r, *s, *body);
  return {};
}

// functions: [{name}], the older way.
Decoded read_function(Request& r, const Place& place, const Json& j) {
  if (!j.is_object()) return wrong_type(place.at(), "an object", j);
  const auto name = j.find("name");
  if (!name) return missing(place.at("name"));
  const auto s = name->as_string();
  if (!s) return wrong_type(place.at("name"), "a string", *name);
  add_tool(r, *s, j);
  return {};
}

Decoded read_tools(Target& t, std::string_view name, const Json& j) {
  if (j.is_null()) return {};
  if (!j.is_array()) return wrong_type(std::string(name), "an array of objects", j);
  std::size_t index = 0;
  for (JsonIter it(j); !it.done(); it.next(), ++index) {
    if (t.request.tools.size() >= kMaxTools) return too_many(std::string(name), kMaxTools);
    auto d = name == "tools" ? read_tool(t.request, {name, index}, it.value())
                             : read_function(t.request, {name, index}, it.value());
    if (!d) return d;
  }
  if (index > 0) t.request.tool_bytes += json_bytes(j);
  return {};
}

ToolChoice choice_of_object(const Json& j) {
  if (j.string_or("type", "") != "allowed_tools") return ToolChoice::kNamed;
  const auto allowed = j.find("allowed_tools");
  return allowed && allowed->string_or("mode", "") == "auto" ? ToolChoice::kAuto
                                                             : ToolChoice::kRequired;
}

Decoded read_tool_choice(Target& t, std::string_view name, const Json& j) {
  if (j.is_null()) return {};
  const bool newer = name == "tool_choice";
  ToolChoice choice = ToolChoice::kNamed;
  if (j.is_object()) {
    choice = newer ? choice_of_object(j) : ToolChoice::kNamed;
  } else {
    const auto s = j.as_string();
    if (!s) return wrong_type(std::string(name), "one of a string or an object", j);
    if (*s == "none") {
      choice = ToolChoice::kNone;
    } else if (*s == "auto") {
      choice = ToolChoice::kAuto;
    } else {
      choice = ToolChoice::kRequired;
    }
  }
  if (newer || !t.new_tool_choice) t.request.tool_choice = choice;
  t.new_tool_choice = t.new_tool_choice || newer;
  return {};
}

Decoded read_response_format(Target& t, std::string_view name, const Json& j) {
  if (j.is_null()) return {};
  if (!j.is_object()) return wrong_type(std::string(name), "an object", j);
  const auto type = j.find("type");
  if (!type) return missing("response_format.type");
  const auto s = type->as_string();
  if (!s) return wrong_type("response_format.type", "a string", *type);
  t.request.response_format = *s == "text"          ? ResponseFormat::kText
                              : *s == "json_object" ? ResponseFormat::kJsonObject
                                                    : ResponseFormat::kJsonSchema;
  return {};
}

std::string_view scalar_text(std::string& scratch, const Json& j) {
  if (const auto s = j.as_string()) return *s;
  if (const auto b = j.as_bool()) return *b ? "true" : "false";
  if (j.is_null()) return "null";
  std::array<char, 40> tmp;
  const auto i = j.as_integer();
  const auto end = i ? std::to_chars(tmp.data(), tmp.data() + tmp.size(), *i)
                     : std::to_chars(tmp.data(), tmp.data() + tmp.size(), *j.as_number());
  const std::size_t begin = scratch.size();
  scratch.append(tmp.data(), end.ptr);
  return std::string_view(scratch).substr(begin);
}

Decoded read_metadata(Target& t, std::string_view name, const Json& j) {
  if (j.is_null()) return {};
  if (!j.is_object()) return wrong_type(std::string(name), "an object", j);
  t.scratch.reserve(kMaxMetadata * 40);  // 40: the longest number; views into it must not move
  std::size_t count = 0;
  for (JsonIter it(j); !it.done(); it.next()) {
    if (++count > kMaxMetadata) return too_many(std::string(name), kMaxMetadata);
    const Json value = it.value();
    if (value.is_object() || value.is_array()) continue;
    const std::string_view text = scalar_text(t.scratch, value);
    if (it.key().size() + text.size() > kMaxMetadataBytes) {
      return tl::unexpected(RequestError{
          ErrorCode::kTooLarge,
          fmt::format("Invalid 'metadata': a pair may have at most {} bytes.", kMaxMetadataBytes),
          std::string(name), "string_above_max_length"});
    }
    t.request.metadata.emplace_back(it.key(), text);
  }
  return {};
}

constexpr std::array<Field, kFieldCount> kFields{{
    {"model", read_model},
    {"messages", read_messages},
    {"stream", read_stream},
    {"stream_options", read_stream_options},
    {"max_tokens", read_max_tokens},
    {"max_completion_tokens", read_max_completion_tokens},
    {"n", read_n},
    {"temperature", read_temperature},
    {"tools", read_tools},
    {"functions", read_tools},
    {"tool_choice", read_tool_choice},
    {"function_call", read_tool_choice},
    {"response_format", read_response_format},
    {"reasoning_effort", read_effort},
    {"user", read_user},
    {"metadata", read_metadata},
    {"logprobs", read_logprobs},
}};

}  // namespace

const Field* find_field(std::string_view name, std::size_t& number) {
  for (number = 0; number < kFields.size(); ++number) {
    if (kFields[number].name == name) return &kFields[number];
  }
  return nullptr;
}

tl::unexpected<RequestError> missing(std::string param) {
  auto message = fmt::format("Missing required parameter: '{}'.", param);
  return refuse(std::move(message), std::move(param), "missing_required_parameter");
}

tl::unexpected<RequestError> repeated(std::string param) {
  auto message = fmt::format("Repeated parameter: '{}' is given more than once.", param);
  return refuse(std::move(message), std::move(param), "duplicate_parameter");
}

tl::unexpected<RequestError> too_many(std::string param, std::size_t limit) {
  auto message =
      fmt::format("Invalid '{}': too long. At most {} entries are accepted.", param, limit);
  return tl::unexpected(RequestError{ErrorCode::kTooLarge, std::move(message), std::move(param),
                                     "array_above_max_length"});
}

}  // namespace swy::chat
