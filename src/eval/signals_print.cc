// A SignalReport as a table for a terminal and as the page docs/guide/signals.md.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "eval/signals.h"

namespace swy::eval {
namespace {

std::string share(double v) { return std::isnan(v) ? "" : fmt::format("{:.1f} %", 100 * v); }
std::string three(double v) { return std::isnan(v) ? "" : fmt::format("{:.3f}", v); }
std::string micro(double us) {
  return us >= 1000 ? fmt::format("{:.1f} ms", us / 1000) : fmt::format("{:.1f} us", us);
}
std::string bytes(std::size_t n) {
  return n >= (1U << 20U) ? fmt::format("{:.1f} MiB", static_cast<double>(n) / (1U << 20U))
                          : fmt::format("{:.0f} KiB", static_cast<double>(n) / 1024);
}

using Cells = std::vector<std::string>;

const Cells kHead = {"set",      "labels", "rows",         "way",           "accuracy",
                     "macro F1", "ECE",    "OOS AUROC",    "encoder asked", "time",
                     "head",     "kept",   "right of kept"};

Cells cells(const SignalRow& r) {
  const learn::HeadFigures& f = r.figures;
  return {r.set,
          fmt::format("{}", r.labels),
          fmt::format("{} / {}", r.train, f.rows),
          r.way,
          three(f.accuracy),
          three(f.macro_f1),
          three(f.ece),
          three(f.out_of_scope_auroc),
          share(f.encoder_share),
          micro(r.us),
          bytes(r.head_bytes),
          share(f.kept),
          three(f.kept_accuracy)};
}

const Cells kToolHead = {"way",   "questions",       "tools", "recall@5",
                         "any@5", "none-fits AUROC", "time"};
Cells cells(const ToolRow& r) {
  return {r.way,
          fmt::format("{}", r.questions),
          fmt::format("{}", r.tools),
          three(r.recall5),
          three(r.any5),
          three(r.none_auroc),
          micro(r.us)};
}

template <typename Row>
std::string aligned(const Cells& head, const std::vector<Row>& rows) {
  std::vector<Cells> table = {head};
  for (const Row& r : rows) table.push_back(cells(r));
  std::vector<std::size_t> width(head.size(), 0);
  for (const Cells& row : table) {
    for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  }
  std::string out;
  for (const Cells& row : table) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) line += fmt::format("{:<{}}  ", row[c], width[c]);
    out.append(line.substr(0, line.find_last_not_of(' ') + 1)).append("\n");
  }
  return out;
}

template <typename Row>
std::string markdown(const Cells& head, const std::vector<Row>& rows) {
  const auto line = [](const Cells& row) {
    std::string out = "|";
    for (const std::string& cell : row) out.append(" ").append(cell).append(" |");
    return out + "\n";
  };
  std::string out = line(head) + "|";
  for (std::size_t c = 0; c < head.size(); ++c) out += "---|";
  out += "\n";
  for (const Row& r : rows) out += line(cells(r));
  return out;
}

const SignalRow* find(const SignalReport& report, std::string_view set, std::string_view way) {
  for (const SignalRow& r : report.rows) {
    if (r.set == set && r.way == way) return &r;
  }
  return nullptr;
}

class Misses {
 public:
  void at_least(const SignalRow* row, double figure, double target, std::string_view what) {
    if (row == nullptr || std::isnan(figure) || figure >= target) return;
    out.push_back(
        fmt::format("{}, {}: {} {:.3f} is under {:.3f}", row->set, row->way, what, figure, target));
  }
  void at_most(const SignalRow& row, double figure, double target, std::string_view what) {
    if (figure <= target) return;
    out.push_back(
        fmt::format("{}, {}: {} {:.3f} is over {:.3f}", row.set, row.way, what, figure, target));
  }
  std::vector<std::string> out;
};

}  // namespace

std::vector<std::string> missed_targets(const SignalReport& report) {
  Misses m;
  for (const SignalRow& r : report.rows) {
    m.at_most(r, r.figures.ece, 0.03, "calibration error");
    if (r.way != "cascade") continue;
    m.at_most(r, r.figures.encoder_share, 0.30, "share of encoder calls");
    // The harder of two baselines: the encoder's linear head, and everything for every request.
    for (const char* way : {"encoder", "all, always"}) {
      const SignalRow* always = find(report, r.set, way);
      if (always == nullptr) continue;
      m.at_least(&r, r.figures.accuracy, always->figures.accuracy - 0.01,
                 fmt::format("accuracy (beside \"{}\")", way));
    }
  }
  if (const SignalRow* r = find(report, "clinc150", "encoder")) {
    m.at_least(r, r->figures.accuracy, 0.90, "accuracy");
    m.at_least(r, r->figures.out_of_scope_auroc, 0.93, "out-of-scope AUROC");
  }
  if (const SignalRow* r = find(report, "clinc150", "static")) {
    m.at_least(r, r->figures.accuracy, 0.85, "accuracy");
  }
  if (const SignalRow* r = find(report, "mmlu_pro", "cascade")) {
    m.at_least(r, r->figures.macro_f1, 0.80, "macro F1");
  }
  double recall = report.tools.empty() ? 1 : 0;
  for (const ToolRow& r : report.tools) recall = std::max(recall, r.recall5);
  if (recall < 0.85) m.out.push_back(fmt::format("tools: recall@5 {:.3f} is under 0.850", recall));
  return m.out;
}

std::string to_table(const SignalReport& report) {
  std::string out;
  if (!report.rows.empty()) out += aligned(kHead, report.rows);
  if (!report.tools.empty()) out += "\n" + aligned(kToolHead, report.tools);
  if (report.language_samples != 0) {
    out += fmt::format(
        "\nlanguage: {} of {} samples right\n",
        std::lround(report.language_accuracy * static_cast<double>(report.language_samples)),
        report.language_samples);
  }
  const auto missed = missed_targets(report);
  out += missed.empty() ? "\nno target is missed on what was measured\n" : "\nmissed targets:\n";
  for (const std::string& line : missed) out += "  " + line + "\n";
  return out;
}

std::string to_markdown(const SignalReport& report) {
  std::string out =
      "# How well signals understand\n\n"
      "Written by `switchyard eval signals --out docs/guide/signals.md`; run it again after a "
      "change.\n\n"
      "Every head learned and was calibrated on the rows with `part: train` alone; the figures are "
      "those of rows with\n`part: test` where the data folder has such rows, else of `part: dev`. "
      "A "
      "training row whose question occurs among the\nmeasured rows was left out.\n\n"
      "- **n-grams**: words, word pairs and character 4-grams, linear. **static**: the static "
      "embedding alone, linear.\n"
      "- **encoder**: the encoder's sentence embedding alone, linear, for every request.\n"
      "- **all, always**: n-grams, static embedding and encoder together for every request.\n"
      "- **cascade**: the cheap stage, and the encoder only where the cheap confidence is under "
      "the "
      "head's `unsure_below`.\n"
      "- **rows**: learned from / measured. **ECE**: calibration error of `confidence`, 15 bins. "
      "**OOS AUROC**: the\n  out-of-scope score. **time**: median of one request on one core, of "
      "the cascade the mean with its share of encoder\n  calls. **kept**: share of requests "
      "without abstention at the head's own thresholds.\n\n";
  if (!report.encoder_name.empty()) {
    out += fmt::format("Encoder: {}, int8, {} in memory, first 128 tokens.\n", report.encoder_name,
                       bytes(report.encoder_bytes));
  }
  if (!report.static_name.empty()) {
    out += fmt::format("Static embedding: {}, {} in memory.\n", report.static_name,
                       bytes(report.static_bytes));
  }
  out += "\n" + markdown(kHead, report.rows);
  if (!report.tools.empty()) {
    out +=
        "\n## Tool relevance\n\nWhich of all tools of the catalogue does the question need? "
        "Nothing "
        "is trained: cosine of idf-weighted n-grams of\nname, description and parameters; of "
        "embeddings; and the sum of both.\n\n" +
        markdown(kToolHead, report.tools);
  }
  if (report.language_samples != 0) {
    out += fmt::format(
        "\n## Language\n\n{} of {} requests, written for this table in {} languages.\n",
        std::lround(report.language_accuracy * static_cast<double>(report.language_samples)),
        report.language_samples, report.languages);
  }
  out += "\n## Targets\n\n";
  const auto missed = missed_targets(report);
  if (missed.empty()) out += "None is missed on what was measured.\n";
  out +=
      "Tool recall is held against the best of the ways above. Settings of the trainer (folds, the "
      "cascade's allowed loss)\nwere chosen while looking at `dev` rows, so figures on `dev` are "
      "somewhat kind; rows of part `test` are the check.\n\n";
  for (const std::string& line : missed) out += "- missed: " + line + "\n";
  for (const std::string& note : report.notes) out += "- " + note + "\n";
  return out;
}

}  // namespace swy::eval
