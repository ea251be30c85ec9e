// Reads the tables of a page that to_markdown() wrote, so that a run of some sets can keep the rows
// of the others: figures come back as printed, with three decimals. Test: signals_test.cc.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "eval/signal_sets.h"
#include "eval/signals.h"

namespace swy::eval {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
using Cells = std::vector<std::string>;

std::vector<std::string_view> lines_of(std::string_view page) {
  std::vector<std::string_view> out;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    out.push_back(page.substr(0, end));
    page.remove_prefix(std::min(end + 1, page.size()));
  }
  return out;
}

// Of "| a | b |"; empty for a line that is no row.
Cells cells_of(std::string_view line) {
  Cells out;
  if (!line.starts_with("| ")) return out;
  for (line.remove_prefix(2); !line.empty();) {
    const std::size_t end = line.find("| ");
    std::string_view cell = line.substr(0, end == std::string_view::npos ? line.rfind('|') : end);
    while (cell.ends_with(' ')) cell.remove_suffix(1);
    out.emplace_back(cell);
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 2);
  }
  return out;
}

// The leading number times what its unit stands for; NaN for an empty cell.
double number(std::string_view cell) {
  double value = kNone;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc()) return kNone;
  const std::string_view unit(end, static_cast<std::size_t>(cell.data() + cell.size() - end));
  if (unit == " %") return value / 100;
  if (unit == " ms") return value * 1000;
  if (unit == " KiB") return value * 1024;
  return unit == " MiB" ? value * 1024 * 1024 : value;
}

std::size_t whole(std::string_view cell) {
  const double value = number(cell);
  return std::isnan(value) || value < 0 ? 0 : static_cast<std::size_t>(value);
}

SignalRow head_row(const Cells& c) {
  SignalRow r;
  r.set = c[0], r.labels = whole(c[1]), r.way = c[3];
  const std::size_t slash = std::min(c[2].find(" / "), c[2].size() - 1);
  r.train = whole(std::string_view(c[2]).substr(0, slash));
  learn::HeadFigures& f = r.figures;
  f.rows = whole(std::string_view(c[2]).substr(std::min(slash + 3, c[2].size())));
  f.accuracy = number(c[4]), f.macro_f1 = number(c[5]), f.ece = number(c[6]);
  f.ece_chance = number(c[7]), f.out_of_scope_auroc = number(c[8]);
  f.encoder_share = number(c[9]), r.us = number(c[10]), r.head_bytes = whole(c[11]);
  f.kept = number(c[12]), f.kept_accuracy = number(c[13]);
  return r;
}

ServedRow served_row(const Cells& c) {
  return {c[0],         c[1],         whole(c[2]),  whole(c[3]),  number(c[4]), number(c[5]),
          number(c[6]), number(c[7]), number(c[8]), number(c[9]), whole(c[10])};
}

ToolRow tool_row(const Cells& c) {
  return {c[0], whole(c[1]), whole(c[2]), number(c[3]), number(c[4]), number(c[5]), number(c[6])};
}

// What stands between `before` and `after` in the page; "" when they do not stand so.
std::string_view between(std::string_view page, std::string_view before, std::string_view after) {
  const std::size_t at = page.find(before);
  if (at == std::string_view::npos) return {};
  page.remove_prefix(at + before.size());
  const std::size_t end = page.find(after);
  return end == std::string_view::npos ? std::string_view() : page.substr(0, end);
}

void keep_names(std::string_view page, SignalReport& report) {
  if (report.encoder_name.empty()) {
    report.encoder_name = between(page, "\nEncoder: ", ", int8, ");
    report.encoder_bytes = whole(between(page, ", int8, ", " in memory"));
  }
  if (report.static_name.empty()) {
    const std::string_view line = between(page, "\nStatic embedding: ", " in memory.\n");
    const std::size_t comma = std::min(line.find(", "), line.size());
    report.static_name = line.substr(0, comma);
    report.static_bytes = whole(line.substr(std::min(comma + 2, line.size())));
  }
  if (report.language_samples != 0) return;
  const std::string_view line =
      between(page, "\nRight: ", " languages");  // "22 of 22 requests in 16"
  const std::size_t of = line.find(" of "), in = line.find(" requests in ");
  if (of == std::string_view::npos || in == std::string_view::npos || in < of) return;
  report.language_samples = whole(line.substr(of + 4, in - of - 4));
  report.languages = whole(line.substr(in + 13));
  report.language_accuracy = number(line.substr(0, of)) /
                             static_cast<double>(std::max<std::size_t>(report.language_samples, 1));
}

}  // namespace

Status keep_rows_of(std::string_view page, SignalReport& report) {
  const auto limits =
      fmt::format(" --max-train {} --max-test {} ", report.max_train, report.max_test);
  if (page.find(limits) == std::string_view::npos) {
    return fail(ErrorCode::kInvalidArgument, "the page was not written with" + limits);
  }
  std::set<std::string> measured, kept;
  for (const SignalRow& r : report.rows) measured.insert(r.set);
  const bool served = report.served.empty(), tools = report.tools.empty();
  for (const std::string_view line : lines_of(page)) {
    const Cells c = cells_of(line);
    if (c.size() == 14 && c[0] != "set" && !measured.contains(c[0])) {
      report.rows.push_back(head_row(c));
      kept.insert(c[0]);
    } else if (c.size() == 11 && served && c[0] != "signal") {
      report.served.push_back(served_row(c));
      kept.insert("the other signals");
    } else if (c.size() == 7 && tools && c[0] != "way") {
      report.tools.push_back(tool_row(c));
      kept.insert("tools");
    }
  }
  const auto& order = signal_set_names();
  std::stable_sort(report.rows.begin(), report.rows.end(), [&](const auto& a, const auto& b) {
    return std::find(order.begin(), order.end(), a.set) <
           std::find(order.begin(), order.end(), b.set);
  });
  keep_names(page, report);
  std::erase_if(report.notes,
                [](const std::string& note) { return note.ends_with(": not asked for"); });
  const auto loaded = [](std::string_view n) { return n.starts_with("times are too high"); };
  if (page.find("\n- times are too high") != std::string_view::npos &&
      std::none_of(report.notes.begin(), report.notes.end(), loaded)) {
    report.notes.emplace_back("times are too high in rows of the earlier run: taken under load");
  }
  for (const std::string& name : kept) {
    report.kept.append(report.kept.empty() ? "" : ", ").append(name);
  }
  return {};
}

}  // namespace swy::eval
