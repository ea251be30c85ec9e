// Multinomial logistic regression over cue counts.
//
// What: minimises mean cross entropy + l2/2 |W|^2 (offsets free) by gradient descent with momentum;
// the features are few and small, so plain descent converges in a second.
// When it loses: more classes than rows. Source: textbook. Test: cue_train_test.cc.
#include "learn/cue_train.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "record/gzip_reader.h"

namespace swy::learn {
namespace {

constexpr std::size_t kColumns = text::kMaxCues + 1;
using Columns = std::array<double, kColumns>;

Columns features_of(const std::string& s) {
  text::Cues cues;
  text::find_cues(s, cues);
  Columns x{};
  for (std::size_t g = 0; g < text::kMaxCues; ++g) x[g] = std::log1p(double{1} * cues.count[g]);
  x[text::kMaxCues] = 1;
  return x;
}

}  // namespace

Result<std::vector<CueRow>> load_cue_rows(const std::string& path,
                                          std::span<const std::string_view> classes) {
  SWY_TRY(auto reader, record::GzipReader::open(path));
  std::vector<CueRow> rows;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) return rows;
    const std::size_t tab = line->find('\t');
    const auto it = std::find(classes.begin(), classes.end(), line->substr(0, tab));
    if (tab == std::string_view::npos || it == classes.end())
      return fail(ErrorCode::kParse, reader.where() + ": not a class, a tab and a text");
    rows.push_back(
        {static_cast<std::size_t>(it - classes.begin()), std::string(line->substr(tab + 1))});
  }
}

text::CueWeights fit_cues(text::CueTask task, const std::vector<const CueRow*>& rows,
                          const CueFit& options) {
  const std::size_t classes = text::cue_classes(task).size();
  std::vector<Columns> x;
  for (const CueRow* r : rows) x.push_back(features_of(r->text));
  std::vector<Columns> w(classes);
  std::vector<Columns> v(classes);
  for (int round = 0; round < options.rounds; ++round) {
    std::vector<Columns> g(classes);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::array<double, text::kMaxCueClasses> p{};
      double top = -1e300;
      for (std::size_t c = 0; c < classes; ++c) {
        for (std::size_t k = 0; k < kColumns; ++k) p[c] += w[c][k] * x[i][k];
        top = std::max(top, p[c]);
      }
      double sum = 0;
      for (std::size_t c = 0; c < classes; ++c) sum += p[c] = std::exp(p[c] - top);
      for (std::size_t c = 0; c < classes; ++c) {
        const double d =
            (p[c] / sum - (rows[i]->label == c ? 1 : 0)) / static_cast<double>(rows.size());
        for (std::size_t k = 0; k < kColumns; ++k) g[c][k] += d * x[i][k];
      }
    }
    for (std::size_t c = 0; c < classes; ++c) {
      for (std::size_t k = 0; k < kColumns; ++k) {
        if (k < text::kMaxCues) g[c][k] += options.l2 * w[c][k];
        v[c][k] = 0.9 * v[c][k] - 0.3 * g[c][k];
        w[c][k] += v[c][k];
      }
    }
  }
  text::CueWeights out;
  for (std::size_t c = 0; c < classes; ++c) {
    for (std::size_t k = 0; k < kColumns; ++k)
      out.row[c][k] = static_cast<float>(std::round(w[c][k] * 1000) / 1000);
  }
  return out;
}

std::string weights_text(text::CueTask task, const text::CueWeights& weights) {
  std::string out;
  const auto classes = text::cue_classes(task);
  const auto names = text::cue_names();
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const auto line = [&](std::string_view cue, float v) {
      if (v != 0) out += fmt::format("{} {} {} {:.3f}\n", to_string(task), classes[c], cue, v);
    };
    for (std::size_t g = 0; g < names.size(); ++g) line(names[g], weights.row[c][g]);
    line("offset", weights.row[c][text::kMaxCues]);
  }
  return out;
}

CueScore score_cues(text::CueTask task, const text::CueWeights& weights,
                    const std::vector<const CueRow*>& rows) {
  const std::size_t classes = text::cue_classes(task).size();
  struct Bin {
    double right = 0, confidence = 0;
  };
  std::array<Bin, 10> bins{};
  std::array<std::array<double, 3>, text::kMaxCueClasses> count{};  // found, wanted, both
  CueScore s;
  double right = 0;
  for (const CueRow* r : rows) {
    text::Cues cues;
    text::find_cues(r->text, cues);
    const auto j = text::judge_with(task, weights, cues);
    const double p = static_cast<double>(j.probability[j.best]);
    Bin& b = bins[std::min<std::size_t>(9, static_cast<std::size_t>(p * 10))];
    b.confidence += p;
    b.right += j.best == r->label ? 1 : 0;
    right += j.best == r->label ? 1 : 0;
    count[j.best][0] += 1;
    count[r->label][1] += 1;
    count[r->label][2] += j.best == r->label ? 1 : 0;
  }
  const double n = static_cast<double>(std::max<std::size_t>(rows.size(), 1));
  for (const Bin& b : bins) s.ece += std::abs(b.confidence - b.right) / n;
  for (std::size_t c = 0; c < classes; ++c) {
    s.macro_f1 +=
        2 * count[c][2] / std::max(1.0, count[c][0] + count[c][1]) / static_cast<double>(classes);
  }
  s.rows = rows.size();
  s.accuracy = right / n;
  return s;
}

}  // namespace swy::learn
