#include "base/json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <new>

namespace swy::base {
namespace dom = simdjson::dom;

namespace {

// A Json is a dom::element without its header: the same two words (document, tape index).
static_assert(sizeof(dom::element) == sizeof(Json) && std::is_trivially_copyable_v<dom::element>);
static_assert(sizeof(dom::array::iterator) == sizeof(dom::element) &&
              sizeof(dom::object::iterator) == sizeof(dom::element));

dom::element element_of(const Json& j) {
  dom::element e;
  std::memcpy(static_cast<void*>(&e), &j, sizeof e);
  return e;
}

Json json_of(const dom::element& e) {
  Json j;
  std::memcpy(static_cast<void*>(&j), &e, sizeof j);
  return j;
}

// Length of the well-formed UTF-8 sequence at s, or 0.
std::size_t utf8_length(std::string_view s) {
  const auto b = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto tail = [&](std::size_t i) { return i < s.size() && (b(i) & 0xC0U) == 0x80U; };
  const unsigned char c = b(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return tail(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if ((c == 0xE0 && b(1) < 0xA0) || (c == 0xED && b(1) > 0x9F)) return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if ((c == 0xF0 && b(1) < 0x90) || (c == 0xF4 && b(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

void append_escape(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[c >> 4U];
  out += kHex[c & 15U];
}

// Bytes that stand for themselves in a JSON string, the rest of which append_json_string looks at.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> t{};
  for (std::size_t c = 0x20; c < 0x80; ++c) t[c] = c != '"' && c != '\\';
  return t;
}();

// Whether one of these characters cannot stand in a string as it is: control, quote, backslash, or
// not ASCII.
template <class Word>
bool any_special(Word x) {
  constexpr Word kOnes = static_cast<Word>(~Word{0}) / 0xFF;
  constexpr Word kHigh = kOnes * 0x80;
  const auto has_zero = [](Word v) { return (v - kOnes) & ~v; };
  const Word control = (x - kOnes * 0x20) & ~x;
  return ((x | control | has_zero(x ^ (kOnes * '"')) | has_zero(x ^ (kOnes * '\\'))) & kHigh) != 0;
}

template <class Word>
bool copy_plain(char* to, const char* from) {
  Word x;
  std::memcpy(&x, from, sizeof x);
  std::memcpy(to, &x, sizeof x);
  return !any_special(x);
}

// Copies and says whether all of it is plain. Words of characters; the last overlaps the one
// before.
bool copy_plain(char* to, std::string_view from) {
  const std::size_t n = from.size();
  const auto in_words = [&]<class Word>(Word) {
    bool plain = true;
    for (std::size_t i = 0; i + sizeof(Word) < n; i += sizeof(Word)) {
      plain &= copy_plain<Word>(to + i, from.data() + i);
    }
    return copy_plain<Word>(to + n - sizeof(Word), from.data() + n - sizeof(Word)) && plain;
  };
  if (n >= sizeof(std::uint64_t)) return in_words(std::uint64_t{});
  if (n >= sizeof(std::uint32_t)) return in_words(std::uint32_t{});
  for (std::size_t i = 0; i < n; ++i) {
    if (!kPlain[static_cast<unsigned char>(from[i])]) return false;
    to[i] = from[i];
  }
  return true;
}

// Most strings and all our keys are short and plain: those are put together on the stack with the
// characters around them and appended at once. 0 for `before` or `after`: none. False: nothing was
// appended.
bool append_short(std::string& out, char before, std::string_view value, char after) {
  constexpr std::size_t kShort = 60;
  if (value.size() > kShort) return false;
  std::array<char, kShort + 4> text;
  char* to = text.data();
  if (before != 0) *to++ = before;
  *to++ = '"';
  if (!copy_plain(to, value)) return false;
  to += value.size();
  *to++ = '"';
  if (after != 0) *to++ = after;
  out.append(text.data(), static_cast<std::size_t>(to - text.data()));
  return true;
}

}  // namespace

void append_json_string(std::string& out, std::string_view value) {
  if (append_short(out, 0, value, 0)) return;
  out += '"';
  std::size_t start = 0;
  std::size_t i = 0;
  const auto flush = [&](std::size_t end) { out.append(value.substr(start, end - start)); };
  while (i < value.size()) {
    const auto c = static_cast<unsigned char>(value[i]);
    if (kPlain[c]) {
      ++i;
      continue;
    }
    if (c < 0x80) {
      flush(i);
      append_escape(out, c);
      start = ++i;
      continue;
    }
    const std::size_t n = utf8_length(value.substr(i));
    if (n == 0) {
      flush(i);
      out += "\xEF\xBF\xBD";
      start = ++i;
    } else {
      i += n;
    }
  }
  flush(value.size());
  out += '"';
}

void JsonWriter::separate() {
  if (need_comma_) out_ += ',';
  need_comma_ = true;
}
JsonWriter& JsonWriter::open(char c) {
  separate();
  out_ += c;
  need_comma_ = false;
  return *this;
}
JsonWriter& JsonWriter::close(char c) {
  out_ += c;
  need_comma_ = true;
  return *this;
}
JsonWriter& JsonWriter::key(std::string_view name) {
  if (!append_short(out_, need_comma_ ? ',' : '\0', name, ':')) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
  }
  need_comma_ = false;
  return *this;
}
JsonWriter& JsonWriter::string(std::string_view value) {
  if (!append_short(out_, need_comma_ ? ',' : '\0', value, 0)) {
    separate();
    append_json_string(out_, value);
  }
  need_comma_ = true;
  return *this;
}
template <class Number>
JsonWriter& JsonWriter::digits(Number value) {
  std::array<char, 40> text;
  text[0] = ',';
  const auto end = std::to_chars(text.data() + 1, text.data() + text.size(), value);
  const char* begin = text.data() + (need_comma_ ? 0 : 1);
  out_.append(begin, static_cast<std::size_t>(end.ptr - begin));
  need_comma_ = true;
  return *this;
}
JsonWriter& JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  // Small whole numbers are the common case, and the shortest form of them is the integer's.
  if (value >= 0 && value < 100'000 && !std::signbit(value)) {
    const auto whole = static_cast<std::int64_t>(value);
    if (value == static_cast<double>(whole)) return integer(whole);
  }
  return digits(value);
}
JsonWriter& JsonWriter::integer(std::int64_t value) { return digits(value); }
JsonWriter& JsonWriter::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
  return *this;
}
JsonWriter& JsonWriter::null() {
  separate();
  out_ += "null";
  return *this;
}
JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

Json::Type Json::type() const {
  if (doc_ == nullptr) return Type::kNull;
  switch (element_of(*this).type()) {
    case dom::element_type::ARRAY:
      return Type::kArray;
    case dom::element_type::OBJECT:
      return Type::kObject;
    case dom::element_type::STRING:
      return Type::kString;
    case dom::element_type::BOOL:
      return Type::kBool;
    case dom::element_type::NULL_VALUE:
      return Type::kNull;
    default:
      return Type::kNumber;
  }
}

std::optional<std::string_view> Json::as_string() const {
  std::string_view v;
  if (doc_ == nullptr || element_of(*this).get_string().get(v) != simdjson::SUCCESS)
    return std::nullopt;
  return v;
}
std::optional<double> Json::as_number() const {
  double v = 0;
  if (doc_ == nullptr || element_of(*this).get_double().get(v) != simdjson::SUCCESS)
    return std::nullopt;
  return v;
}
std::optional<std::int64_t> Json::as_integer() const {
  std::int64_t v = 0;
  if (doc_ == nullptr || element_of(*this).get_int64().get(v) != simdjson::SUCCESS)
    return std::nullopt;
  return v;
}
std::optional<bool> Json::as_bool() const {
  bool v = false;
  if (doc_ == nullptr || element_of(*this).get_bool().get(v) != simdjson::SUCCESS)
    return std::nullopt;
  return v;
}
std::optional<Json> Json::find(std::string_view key) const {
  dom::object o;
  dom::element v;
  if (doc_ == nullptr || element_of(*this).get_object().get(o) != simdjson::SUCCESS)
    return std::nullopt;
  if (o.at_key(key).get(v) != simdjson::SUCCESS) return std::nullopt;
  return json_of(v);
}
std::string_view Json::string_or(std::string_view key, std::string_view fallback) const {
  const auto v = find(key);
  return v ? v->as_string().value_or(fallback) : fallback;
}
double Json::number_or(std::string_view key, double fallback) const {
  const auto v = find(key);
  return v ? v->as_number().value_or(fallback) : fallback;
}
std::int64_t Json::integer_or(std::string_view key, std::int64_t fallback) const {
  const auto v = find(key);
  return v ? v->as_integer().value_or(fallback) : fallback;
}
bool Json::bool_or(std::string_view key, bool fallback) const {
  const auto v = find(key);
  return v ? v->as_bool().value_or(fallback) : fallback;
}
std::size_t Json::size() const {
  std::size_t n = 0;
  if (is_array() || is_object()) {
    for (JsonIter it(*this); !it.done(); it.next()) ++n;
  }
  return n;
}
namespace {
void write_value(JsonWriter& w, const Json& j) {
  switch (j.type()) {
    case Json::Type::kNull:
      w.null();
      break;
    case Json::Type::kBool:
      w.boolean(*j.as_bool());
      break;
    case Json::Type::kString:
      w.string(*j.as_string());
      break;
    case Json::Type::kNumber:
      if (const auto i = j.as_integer()) {
        w.integer(*i);
      } else {
        w.number(*j.as_number());
      }
      break;
    case Json::Type::kArray:
      w.begin_array();
      j.each([&](const Json& v) { write_value(w, v); });
      w.end_array();
      break;
    case Json::Type::kObject:
      w.begin_object();
      j.each_member([&](std::string_view k, const Json& v) {
        w.key(k);
        write_value(w, v);
      });
      w.end_object();
      break;
  }
}
}  // namespace
std::string Json::to_string() const {
  std::string out;
  JsonWriter w(out);
  write_value(w, *this);
  return out;
}

namespace {
template <typename Container>
void load_range(const Container& c, std::size_t& begin, std::size_t& end) {
  // An iterator is (document, tape index): the second word is all that moves.
  const auto b = c.begin();
  const auto e = c.end();
  std::memcpy(&begin, reinterpret_cast<const char*>(&b) + sizeof(void*), sizeof begin);
  std::memcpy(&end, reinterpret_cast<const char*>(&e) + sizeof(void*), sizeof end);
}
template <typename Iterator>
Iterator iterator_at(const void* doc, std::size_t index) {
  struct Words {
    const void* doc;
    std::size_t index;
  } words{doc, index};
  alignas(Iterator) std::array<std::byte, sizeof(Iterator)> bytes;
  std::memcpy(bytes.data(), &words, sizeof words);
  return *std::launder(reinterpret_cast<const Iterator*>(bytes.data()));
}
}  // namespace

JsonIter::JsonIter(const Json& container) : value_(container) {
  const dom::element e = element_of(container);
  dom::array a;
  dom::object o;
  if (e.get_array().get(a) == simdjson::SUCCESS) {
    load_range(a, index_, end_);
  } else if (e.get_object().get(o) == simdjson::SUCCESS) {
    object_ = true;
    load_range(o, index_, end_);
  }
  if (!done()) load();
}

void JsonIter::load() {
  if (object_) {
    const auto it = iterator_at<dom::object::iterator>(value_.doc_, index_);
    key_ = it.key();
    value_ = json_of(it.value());
  } else {
    const auto it = iterator_at<dom::array::iterator>(value_.doc_, index_);
    value_ = json_of(*it);
  }
}

void JsonIter::next() {
  const auto advance = [&](auto it) {
    ++it;
    std::memcpy(&index_, reinterpret_cast<const char*>(&it) + sizeof(void*), sizeof index_);
  };
  if (object_) {
    advance(iterator_at<dom::object::iterator>(value_.doc_, index_));
  } else {
    advance(iterator_at<dom::array::iterator>(value_.doc_, index_));
  }
  if (!done()) load();
}

struct JsonDoc::Impl {
  explicit Impl(std::size_t max_depth) : depth(max_depth) {}
  dom::parser parser;
  std::size_t depth;
};

JsonDoc::JsonDoc(std::size_t max_depth) : impl_(std::make_unique<Impl>(max_depth)) {}
JsonDoc::~JsonDoc() = default;
JsonDoc::JsonDoc(JsonDoc&&) noexcept = default;
JsonDoc& JsonDoc::operator=(JsonDoc&&) noexcept = default;

Result<Json> JsonDoc::parse(std::string_view text) {
  if (text.size() >= 0xFFFFFFF0U) return fail(ErrorCode::kTooLarge, "JSON text is over 4 GB");
  if (impl_->parser.capacity() < text.size() || impl_->parser.max_depth() != impl_->depth) {
    // Grow in steps so that a run of slightly larger documents does not allocate each time.
    const std::size_t want = std::max<std::size_t>(1024, text.size() + text.size() / 2);
    if (impl_->parser.allocate(want, impl_->depth) != simdjson::SUCCESS) {
      return fail(ErrorCode::kExhausted, "no memory for the JSON parser");
    }
  }
  dom::element e;
  const auto err = impl_->parser.parse(text.data(), text.size(), true).get(e);
  if (err == simdjson::SUCCESS) return json_of(e);
  const ErrorCode code = err == simdjson::DEPTH_ERROR ? ErrorCode::kTooLarge : ErrorCode::kParse;
  if (err == simdjson::DEPTH_ERROR)
    return fail(code, fmt::format("JSON is nested more than {} levels deep", impl_->depth));
  return fail(code, fmt::format("not valid JSON: {}", simdjson::error_message(err)));
}

namespace {

std::size_t skip_space(std::string_view t, std::size_t i) {
  while (i < t.size() && (t[i] == ' ' || t[i] == '\n' || t[i] == '\r' || t[i] == '\t')) ++i;
  return i;
}

// i at the opening quote; returns the place after the closing one: the next quote with an even
// number of backslashes before it. memchr because long texts are most of a body; runs of
// backslashes are disjoint, so the cost is linear.
std::size_t skip_string(std::string_view t, std::size_t i) {
  const std::size_t first = i + 1;
  for (std::size_t at = first; (at = t.find('"', at)) != std::string_view::npos; ++at) {
    std::size_t slash = at;
    while (slash > first && t[slash - 1] == '\\') --slash;
    if ((at - slash) % 2 == 0) return at + 1;
  }
  return t.size();
}

// i at the first byte of a value; returns the place after it. The text is known to be valid JSON.
std::size_t skip_value(std::string_view t, std::size_t i) {
  if (i < t.size() && t[i] == '"') return skip_string(t, i);
  std::size_t depth = 0;
  for (; i < t.size(); ++i) {
    const char c = t[i];
    if (c == '"') {
      i = skip_string(t, i) - 1;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return i;
      if (--depth == 0) return i + 1;
    } else if (depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
      return i;
    }
  }
  return i;
}

}  // namespace

JsonSpan find_top_level(std::string_view text, std::string_view key) {
  JsonSpan span;
  std::size_t i = skip_space(text, 0);
  if (i >= text.size() || text[i] != '{') return span;
  i = skip_space(text, i + 1);
  while (i < text.size() && text[i] == '"') {
    const std::size_t key_end = skip_string(text, i);
    std::string_view name = text.substr(i + 1, key_end - i - 2);
    std::string decoded;
    if (name.find('\\') != std::string_view::npos) {  // "mod\u0065l" is the same key
      JsonDoc unescape;
      const auto j = unescape.parse(text.substr(i, key_end - i));
      decoded = j ? std::string(j->as_string().value_or("")) : "";
      name = decoded;
    }
    i = skip_space(text, key_end);
    i = skip_space(text, i + 1);  // the colon
    const std::size_t end = skip_value(text, i);
    if (name == key && span.count++ == 0) {
      span.begin = i;
      span.end = end;
    }
    i = skip_space(text, end);
    if (i >= text.size() || text[i] != ',') break;
    i = skip_space(text, i + 1);
  }
  return span;
}

}  // namespace swy::base
