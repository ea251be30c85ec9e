// JSON: a writer that appends to a string, and a read-only view over a parsed document.
//
// JsonWriter: canonical output (no spaces, keys in the order written, shortest round-trip doubles,
// NaN and infinities as null), so equal calls give equal bytes: records and replays are compared
// that way. JsonDoc / Json: whole-document parse (simdjson, at most 64 levels deep by default),
// views borrow from the JsonDoc and die with its next parse. Not thread-safe; one JsonDoc per
// thread reuses its memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "switchyard/result.h"

namespace swy::base {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view value);  // invalid UTF-8 becomes U+FFFD
  JsonWriter& number(double value);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  // REQUIRES: text that stands between two commas: a valid value, or a part of one that the
  // caller's other calls make whole ({"a":1 now and "b":2} later).
  JsonWriter& raw(std::string_view json);

  JsonWriter& field(std::string_view name, std::string_view value) {
    return key(name).string(value);
  }
  JsonWriter& field(std::string_view name, const char* value) { return key(name).string(value); }
  JsonWriter& field(std::string_view name, double value) { return key(name).number(value); }
  JsonWriter& field(std::string_view name, std::int64_t value) { return key(name).integer(value); }
  JsonWriter& field(std::string_view name, int value) { return key(name).integer(value); }
  JsonWriter& field(std::string_view name, unsigned value) { return key(name).integer(value); }
  JsonWriter& field(std::string_view name, std::uint64_t value) {
    return key(name).integer(static_cast<std::int64_t>(value));
  }
  JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }

 private:
  JsonWriter& open(char c);
  JsonWriter& close(char c);
  template <class Number>
  JsonWriter& digits(Number value);
  void separate();
  std::string& out_;
  bool need_comma_ = false;
};

void append_json_string(std::string& out, std::string_view value);

class JsonDoc;

// A view of one value. Cheap to copy. Every accessor is total: a wrong type gives nullopt or the
// fallback.
class Json {
 public:
  enum class Type : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
  [[nodiscard]] Type type() const;
  [[nodiscard]] bool is_object() const { return type() == Type::kObject; }
  [[nodiscard]] bool is_array() const { return type() == Type::kArray; }
  [[nodiscard]] bool is_string() const { return type() == Type::kString; }
  [[nodiscard]] bool is_null() const { return type() == Type::kNull; }
  [[nodiscard]] std::optional<std::string_view> as_string() const;
  [[nodiscard]] std::optional<double> as_number() const;
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;  // only for integral numbers
  [[nodiscard]] std::optional<bool> as_bool() const;
  [[nodiscard]] std::optional<Json> find(std::string_view key) const;  // first member of that name
  [[nodiscard]] std::string_view string_or(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] double number_or(std::string_view key, double fallback) const;
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback) const;
  [[nodiscard]] bool bool_or(std::string_view key, bool fallback) const;
  [[nodiscard]] std::size_t size() const;       // of an array or object, else 0
  [[nodiscard]] std::string to_string() const;  // the value as JSON text, canonical

  // Visitors: f(Json) for arrays, f(std::string_view key, Json) for objects; nothing for other
  // types.
  template <typename F>
  void each(F&& f) const;
  template <typename F>
  void each_member(F&& f) const;

 private:
  friend class JsonDoc;
  friend class JsonIter;
  const void* doc_ = nullptr;
  std::size_t index_ = 0;
};

// Iteration without templates over simdjson types.
class JsonIter {
 public:
  explicit JsonIter(const Json& container);
  [[nodiscard]] bool done() const { return index_ >= end_; }
  [[nodiscard]] std::string_view key() const { return key_; }  // "" for arrays
  [[nodiscard]] Json value() const { return value_; }
  void next();

 private:
  void load();
  Json value_;
  std::string_view key_;
  std::size_t index_ = 0;
  std::size_t end_ = 0;
  bool object_ = false;
};

template <typename F>
void Json::each(F&& f) const {
  if (!is_array()) return;
  for (JsonIter it(*this); !it.done(); it.next()) f(it.value());
}
template <typename F>
void Json::each_member(F&& f) const {
  if (!is_object()) return;
  for (JsonIter it(*this); !it.done(); it.next()) f(it.key(), it.value());
}

class JsonDoc {
 public:
  explicit JsonDoc(std::size_t max_depth = 64);
  ~JsonDoc();
  JsonDoc(JsonDoc&&) noexcept;
  JsonDoc& operator=(JsonDoc&&) noexcept;
  // Parses text (copied). The error says what is wrong and, where known, at which byte. Earlier
  // views die.
  Result<Json> parse(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Byte range [begin, end) of the value of a top-level key in text that has been parsed
// successfully, for splicing. second is false when the key occurs more than once (a body two
// parsers would read differently).
struct JsonSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t count = 0;  // how often the key occurs at the top level
};
JsonSpan find_top_level(std::string_view text, std::string_view key);

}  // namespace swy::base
