#include "base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>

namespace swy::base {
namespace {

std::string escape_label(std::string_view v) {
  std::string out;
  for (const char c : v) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string join(const Labels& labels) {
  std::string out;
  for (const auto& [k, v] : labels) {
    if (!out.empty()) out += ',';
    out += fmt::format("{}=\"{}\"", k, escape_label(v));
  }
  return out;
}

std::string braces(std::string_view labels, std::string_view extra = "") {
  if (labels.empty() && extra.empty()) return "";
  const bool both = !labels.empty() && !extra.empty();
  return fmt::format("{{{}{}{}}}", labels, both ? "," : "", extra);
}

}  // namespace

void Histogram::observe_us(std::int64_t us) {
  const auto v = static_cast<std::uint64_t>(us < 0 ? 0 : us);
  // Bucket i holds values up to 2^i microseconds.
  const std::size_t i = v <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(v - 1));
  buckets_[i < kBuckets ? i : kBuckets].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(us, std::memory_order_relaxed);
}

std::int64_t Histogram::count() const {
  std::int64_t n = 0;
  for (const auto& b : buckets_) n += b.load(std::memory_order_relaxed);
  return n;
}

Metrics::Series& Metrics::series(Kind kind, std::string_view name, std::string_view help,
                                 const Labels& labels) {
  const std::lock_guard lock(mutex_);
  const std::string joined = join(labels);
  for (auto& s : series_) {
    if (s.name == name && s.labels == joined) return s;
  }
  auto& s = series_.emplace_back();
  s.kind = kind;
  s.name = name;
  s.help = help;
  s.labels = joined;
  return s;
}

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return series(Kind::kCounter, name, help, labels).counter;
}
Counter& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  return series(Kind::kGauge, name, help, labels).counter;
}
Histogram& Metrics::histogram(std::string_view name, std::string_view help, const Labels& labels) {
  return series(Kind::kHistogram, name, help, labels).histogram;
}

std::string Metrics::prometheus() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  auto to = std::back_inserter(out);
  std::vector<std::string_view> done;
  for (const auto& head : series_) {
    if (std::find(done.begin(), done.end(), head.name) != done.end()) continue;
    done.emplace_back(head.name);
    const char* type = head.kind == Kind::kCounter ? "counter"
                       : head.kind == Kind::kGauge ? "gauge"
                                                   : "histogram";
    fmt::format_to(to, "# HELP {} {}\n# TYPE {} {}\n", head.name, head.help, head.name, type);
    for (const auto& s : series_) {
      if (s.name != head.name) continue;
      if (s.kind != Kind::kHistogram) {
        fmt::format_to(to, "{}{} {}\n", s.name, braces(s.labels), s.counter.value());
        continue;
      }
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
        sum += s.histogram.bucket(i);
        const double le = static_cast<double>(std::uint64_t{1} << i) * 1e-6;
        fmt::format_to(to, "{}_bucket{} {}\n", s.name,
                       braces(s.labels, fmt::format("le=\"{}\"", le)), sum);
      }
      sum += s.histogram.bucket(Histogram::kBuckets);
      fmt::format_to(to, "{}_bucket{} {}\n", s.name, braces(s.labels, "le=\"+Inf\""), sum);
      fmt::format_to(to, "{}_sum{} {}\n", s.name, braces(s.labels),
                     static_cast<double>(s.histogram.sum_us()) * 1e-6);
      fmt::format_to(to, "{}_count{} {}\n", s.name, braces(s.labels), sum);
    }
  }
  return out;
}

}  // namespace swy::base
