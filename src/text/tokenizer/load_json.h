// Reading members of a tokenizer.json, with errors that name the place ("model.vocab[3]").
//
// When to use: load.cc and load_steps.cc only. Threading: pure functions. Ownership: results are
// the caller's; a place is the path of `j` itself.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "switchyard/result.h"
#include "text/tokenizer.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/post.h"
#include "text/tokenizer/pre_tokenizer.h"

namespace swy::text::tok {

using base::Json;

inline constexpr std::int64_t kMaxId = std::int64_t{1} << 24U;  // bounds the table of tokens by id

inline auto wrong(const std::string& place, const std::string& what,
                  ErrorCode code = ErrorCode::kInvalidArgument) {
  return fail(code, place + ": " + what);
}
inline auto unsupported(const std::string& place, const std::string& what) {
  return wrong(place, what + " is not supported", ErrorCode::kUnsupported);
}
inline std::string quoted(std::string_view s) { return '"' + std::string(s) + '"'; }
inline std::string member(const std::string& place, std::string_view key) {
  return place.empty() ? std::string(key) : place + "." + std::string(key);
}
inline std::string element(const std::string& place, std::size_t i) {
  return place + "[" + std::to_string(i) + "]";
}

inline Result<std::string> text_of(const Json& j, const std::string& place, std::string_view key) {
  const auto v = j.find(key);
  const auto s = v ? v->as_string() : std::nullopt;
  if (!s) return wrong(member(place, key), "a text is missing");
  return std::string(*s);
}

inline Result<bool> flag_of(const Json& j, const std::string& place, std::string_view key,
                            bool fallback) {
  const auto v = j.find(key);
  if (!v || v->is_null()) return fallback;
  const auto b = v->as_bool();
  if (!b) return wrong(member(place, key), "true or false is expected");
  return *b;
}

inline Result<TokenId> id_in(const Json& j, const std::string& place) {
  const auto i = j.as_integer();
  if (!i || *i < 0 || *i >= kMaxId)
    return wrong(place, "a token id is a number from 0 to " + std::to_string(kMaxId - 1));
  return static_cast<TokenId>(*i);
}

// Calls f(element, place) for each element of j[key].
template <typename F>
Status each_element(const Json& j, const std::string& place, std::string_view key, F f) {
  const auto list = j.find(key);
  if (!list || !list->is_array()) return wrong(member(place, key), "a list is expected");
  std::size_t i = 0;
  for (base::JsonIter it(*list); !it.done(); it.next(), ++i)
    SWY_DO(f(it.value(), element(member(place, key), i)));
  return {};
}

// Appends the steps of a normalizer, a pre-tokenizer; fills the post-processor.
Status parse_normalizer(const Json& j, const std::string& place, Normalizer& out);
Status parse_pre_tokenizer(const Json& j, const std::string& place, PreTokenizer& out);
Status parse_post_processor(const Json& j, const std::string& place, PostProcessor& out);

}  // namespace swy::text::tok
