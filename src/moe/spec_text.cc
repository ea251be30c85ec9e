// Names are the enumerators' in snake_case, as the reference page has them. Numbers are printed
// with as many digits as bring the same float back. Tests: spec_text_test.cc.
#include "moe/spec_text.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/doc.h"
#include "moe/fields.h"

namespace swy::moe {
namespace {

using Names = std::span<const std::string_view>;

template <typename T>
std::string text_of(const T& v) {
  if constexpr (std::is_enum_v<T>) {
    return std::string(names(v)[static_cast<std::size_t>(v)]);
  } else {
    return fmt::format("{}", v);
  }
}

std::vector<std::string> all_of(Names names) { return {names.begin(), names.end()}; }

// "" or what is wrong with the text.
template <typename T>
std::string read_into(const base::Doc& node, T& field) {
  if (!node.is_scalar()) return "is one value";
  if constexpr (std::is_enum_v<T>) {
    const Names known = names(field);
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (known[i] != node.text()) continue;
      field = static_cast<T>(i);
      return "";
    }
    return fmt::format("is one of {}; not '{}'{}", fmt::join(known, ", "), node.text(),
                       base::did_you_mean(node.text(), all_of(known)));
  } else if constexpr (std::is_same_v<T, bool>) {
    const auto v = node.as_bool();
    if (v) field = *v;
    return v ? "" : "is true or false";
  } else if constexpr (std::is_integral_v<T>) {
    const auto v = node.as_integer();
    const bool fits = v && *v >= 0 && *v <= std::int64_t{std::numeric_limits<T>::max()};
    if (fits) field = static_cast<T>(*v);
    return fits ? "" : fmt::format("is a whole number from 0 to {}", std::numeric_limits<T>::max());
  } else {
    const auto v = node.as_number();
    const bool fits = v && std::isfinite(static_cast<float>(*v));
    if (fits) field = static_cast<T>(*v);
    return fits ? "" : "is a number";
  }
}

Error wrong(base::Mark at, const std::string& what) {
  return {ErrorCode::kInvalidArgument, fmt::format("spec:{}:{}: {}", at.line, at.column, what)};
}

Result<Spec> started(const base::Doc& map, const Spec& start) {
  const base::Doc* name = map.find("preset");
  if (name == nullptr) return start;
  Spec spec;
  if (preset(name->text(), spec).ok()) return spec;
  std::vector<std::string> known;
  for (const Preset& p : presets()) known.emplace_back(p.name);
  return tl::unexpected(wrong(name->mark(), fmt::format("there is no preset '{}'{}", name->text(),
                                                        base::did_you_mean(name->text(), known))));
}

}  // namespace

std::string to_text(const Spec& spec) {
  std::string out;
  each_field(spec, [&](std::string_view name, const auto& v) {
    out += fmt::format("{}{}: {}", out.empty() ? "{" : ", ", name, text_of(v));
  });
  return out + "}";
}

std::string to_text(const Spec& spec, const Spec& base) {
  std::vector<std::string> usual;
  each_field(base, [&](std::string_view, const auto& v) { usual.push_back(text_of(v)); });
  std::string out;
  std::size_t i = 0;
  each_field(spec, [&](std::string_view name, const auto& v) {
    const std::string text = text_of(v);
    if (text == usual[i++]) return;
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", name, text);
  });
  return "{" + out + "}";
}

Result<Spec> parse_spec(std::string_view yaml, const Spec& start) {
  base::Diagnostics diag("spec");
  const auto doc = base::parse_yaml(yaml, diag);
  if (!doc) return fail(ErrorCode::kInvalidArgument, diag.to_text());
  if (doc->is_null()) return start;
  if (!doc->is_map())
    return tl::unexpected(wrong(doc->mark(), "a map of fields, such as {k: 4, cap: arrival}"));
  SWY_TRY(Spec spec, started(*doc, start));
  for (const base::Doc::Member& m : doc->members()) {
    bool found = m.key == "preset";
    std::string trouble;
    std::vector<std::string> known;
    each_field(spec, [&](std::string_view name, auto& field) {
      known.emplace_back(name);
      if (name != m.key) return;
      found = true;
      trouble = read_into(m.value, field);
    });
    if (!found)
      return tl::unexpected(wrong(m.key_mark, fmt::format("there is no field '{}'{}", m.key,
                                                          base::did_you_mean(m.key, known))));
    if (!trouble.empty()) return tl::unexpected(wrong(m.value.mark(), m.key + " " + trouble));
  }
  return spec;
}

}  // namespace swy::moe
