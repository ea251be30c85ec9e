#include "base/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace swy::base {
namespace {

std::string describe(Range r) {
  const bool lo = std::isfinite(r.min);
  const bool hi = std::isfinite(r.max);
  if (lo && hi) return fmt::format("{} to {}", r.min, r.max);
  if (lo) return fmt::format("at least {}", r.min);
  if (hi) return fmt::format("at most {}", r.max);
  return "";
}

bool inside(double v, Range r) { return v >= r.min && v <= r.max; }

}  // namespace

DocBinder::DocBinder(const Doc& node, Diagnostics& diag, std::vector<std::string> reserved)
    : node_(node), diag_(diag), known_(std::move(reserved)) {}

const Doc* DocBinder::take(std::string_view name) {
  known_.emplace_back(name);
  return node_.find(name);
}

void DocBinder::field(std::string_view name, double& value, Range range,
                      std::string_view /*help*/) {
  const Doc* d = take(name);
  if (d == nullptr) return;
  const auto v = d->as_number();
  if (!v) return diag_.error(d->mark(), fmt::format("{} must be a number", name));
  if (!inside(*v, range))
    return diag_.error(d->mark(), fmt::format("{} must be {}, not {}", name, describe(range), *v));
  value = *v;
}

void DocBinder::field(std::string_view name, std::int64_t& value, Range range,
                      std::string_view /*help*/) {
  const Doc* d = take(name);
  if (d == nullptr) return;
  const auto v = d->as_integer();
  if (!v) return diag_.error(d->mark(), fmt::format("{} must be a whole number", name));
  if (!inside(static_cast<double>(*v), range)) {
    return diag_.error(d->mark(), fmt::format("{} must be {}, not {}", name, describe(range), *v));
  }
  value = *v;
}

void DocBinder::field(std::string_view name, bool& value, std::string_view /*help*/) {
  const Doc* d = take(name);
  if (d == nullptr) return;
  const auto v = d->as_bool();
  if (!v) return diag_.error(d->mark(), fmt::format("{} must be true or false", name));
  value = *v;
}

void DocBinder::field(std::string_view name, std::string& value, std::string_view /*help*/) {
  const Doc* d = take(name);
  if (d == nullptr) return;
  if (!d->is_scalar()) return diag_.error(d->mark(), fmt::format("{} must be text", name));
  value = d->text();
}

void DocBinder::field(std::string_view name, std::vector<std::string>& value,
                      std::string_view /*help*/) {
  const Doc* d = take(name);
  if (d == nullptr) return;
  if (d->is_scalar()) {
    value = {d->text()};
    return;
  }
  if (!d->is_list()) return diag_.error(d->mark(), fmt::format("{} must be a list of texts", name));
  value.clear();
  for (const Doc& item : d->items()) {
    if (!item.is_scalar()) {
      diag_.error(item.mark(), fmt::format("{} must hold texts only", name));
    } else {
      value.push_back(item.text());
    }
  }
}

void DocBinder::field(std::string_view name, NumberMap& value, std::string_view /*help*/) {
  const Doc* d = take(name);
  if (d == nullptr) return;
  if (!d->is_map())
    return diag_.error(d->mark(), fmt::format("{} must be a map of name: number", name));
  value.clear();
  for (const auto& m : d->members()) {
    if (const auto v = m.value.as_number()) {
      value.emplace_back(m.key, *v);
    } else {
      diag_.error(m.value.mark(), fmt::format("{}.{} must be a number", name, m.key));
    }
  }
}

void DocBinder::node(std::string_view name, const Doc*& value, std::string_view /*help*/) {
  value = take(name);
}

void DocBinder::finish() {
  if (node_.is_scalar() || node_.is_null()) return;
  if (!node_.is_map()) return diag_.error(node_.mark(), "expected a map of options");
  for (const auto& m : node_.members()) {
    if (std::find(known_.begin(), known_.end(), m.key) == known_.end()) {
      diag_.error(m.key_mark,
                  fmt::format("unknown key '{}'{}", m.key, did_you_mean(m.key, known_)));
    }
  }
}

void ListBinder::field(std::string_view name, double& value, Range range, std::string_view help) {
  const std::string given = std::isnan(value) ? "" : fmt::format("{}", value);  // NaN: no default
  all_.push_back({std::string(name), "number", given, describe(range), std::string(help)});
}
void ListBinder::field(std::string_view name, std::int64_t& value, Range range,
                       std::string_view help) {
  all_.push_back(
      {std::string(name), "integer", fmt::format("{}", value), describe(range), std::string(help)});
}
void ListBinder::field(std::string_view name, bool& value, std::string_view help) {
  all_.push_back({std::string(name), "boolean", value ? "true" : "false", "", std::string(help)});
}
void ListBinder::field(std::string_view name, std::string& value, std::string_view help) {
  all_.push_back({std::string(name), "text", value.empty() ? "" : value, "", std::string(help)});
}
void ListBinder::field(std::string_view name, std::vector<std::string>& value,
                       std::string_view help) {
  all_.push_back({std::string(name), "list of text", fmt::format("{}", fmt::join(value, ", ")), "",
                  std::string(help)});
}
void ListBinder::field(std::string_view name, NumberMap& /*value*/, std::string_view help) {
  all_.push_back({std::string(name), "map of name: number", "", "", std::string(help)});
}
void ListBinder::node(std::string_view name, const Doc*& /*value*/, std::string_view help) {
  all_.push_back({std::string(name), "nested", "", "", std::string(help)});
}

}  // namespace swy::base
