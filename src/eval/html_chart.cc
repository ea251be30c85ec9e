// Reliability diagrams: 220 by 200, both axes 0 to 1. Colours are those of the plot (plot.cc),
// which the page re-colours for dark readers by attribute.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/html.h"
#include "eval/xml.h"

namespace swy::eval {
namespace {

constexpr double kWidth = 230;
constexpr double kHeight = 216;
constexpr double kLeft = 34;
constexpr double kBottom = 34;
constexpr double kTop = 22;
constexpr double kSide = 160;  // of the square

double x_of(double believed) { return kLeft + believed * kSide; }
double y_of(double observed) { return kTop + (1 - observed) * kSide; }

std::string series(const Calibration& c, std::string_view color, bool filled) {
  std::string path;
  std::string dots;
  for (const CalibrationBin& b : c.bins) {
    if (b.count == 0) continue;
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x_of(b.believed),
                        y_of(b.observed));
    const double share = static_cast<double>(b.count) / static_cast<double>(c.count);
    dots += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\" fill-opacity=\"{}\" "
        "stroke=\"{}\"><title>believed {:.2f}, observed {:.2f}, {} pairs</title></circle>\n",
        x_of(b.believed), y_of(b.observed), std::max(1.8, 13 * std::sqrt(share)), color,
        filled ? "0.55" : "0", color, b.believed, b.observed, b.count);
  }
  if (path.empty()) return {};
  return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.3\"{}/>\n{}",
                     path, color, filled ? "" : " stroke-dasharray=\"3 3\"", dots);
}

}  // namespace

std::string html_text(std::string_view text) { return xml_text(text, true); }

std::string calibration_svg(const ChoiceReport& choices, std::string_view name) {
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" role=\"img\" aria-label=\"Calibration of {2}\" font-family=\"Helvetica, "
      "Arial, "
      "'DejaVu Sans', sans-serif\" font-size=\"10\">\n",
      kWidth, kHeight, html_text(name));
  out += fmt::format(
      "<text x=\"{}\" y=\"13\" font-size=\"12\" font-weight=\"600\" fill=\"#111\">{}</text>\n",
      kLeft,
      html_text(name.size() > 30 ? std::string(name.substr(0, 29)) + "…" : std::string(name)));
  for (const double v : {0.0, 0.5, 1.0}) {
    out += fmt::format(
        "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#e6e6e6\"/>\n"
        "<line x1=\"{3:.1f}\" y1=\"{4}\" x2=\"{3:.1f}\" y2=\"{5}\" stroke=\"#e6e6e6\"/>\n"
        "<text x=\"{6}\" y=\"{7:.1f}\" text-anchor=\"end\" fill=\"#444\">{8:.1f}</text>\n"
        "<text x=\"{3:.1f}\" y=\"{9}\" text-anchor=\"middle\" fill=\"#444\">{8:.1f}</text>\n",
        kLeft, y_of(v), kLeft + kSide, x_of(v), kTop, kTop + kSide, kLeft - 5, y_of(v) + 3.5, v,
        kTop + kSide + 14);
  }
  out += fmt::format(
      "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#8a8a8a\" stroke-dasharray=\"5 "
      "4\"/>\n",
      x_of(0), y_of(0), x_of(1), y_of(1));
  out += series(choices.all, "#8a8a8a", false) + series(choices.chosen, "#0072b2", true);
  out += fmt::format(
      "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#444\">believed; error {:.3f} chosen, "
      "{:.3f} all</text>\n</svg>\n",
      kLeft + kSide / 2, kHeight - kBottom / 2 + 12, choices.chosen.ece, choices.all.ece);
  return out;
}

}  // namespace swy::eval
