// Axes end at round numbers; the y axis begins at 0 where nothing is below. Names stand in a legend
// beside the panel in the colours of Okabe and Ito, which colour-blind readers tell apart. Tests:
// line_chart_test.cc.
#include "eval/line_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "eval/xml.h"

namespace swy::eval {
namespace {

constexpr double kWidth = 1080;
constexpr double kPanel = 270;
constexpr double kLeft = 76;
constexpr double kRight = 390;  // room for the names
constexpr double kTop = 34;
constexpr double kBottom = 48;
constexpr std::size_t kMostNames = 8;
constexpr std::size_t kNameChars = 50;
constexpr std::array<const char*, 8> kColors{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                             "#b8860b", "#56b4e9", "#7a5195", "#222222"};

// The next number of 1, 2, 5 times a power of ten.
double round_step(double raw) {
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double f : {1.0, 2.0, 5.0})
    if (raw <= f * power * (1 + 1e-9)) return f * power;
  return 10 * power;
}

struct Scale {
  double lo = 0, hi = 1, step = 0.25;
};

std::optional<Scale> scale_of(const ChartPanel& panel) {
  double lo = std::numeric_limits<double>::infinity();
  double hi = -lo;
  for (const auto* all : {&panel.lines, &panel.levels}) {
    for (const ChartLine& line : *all) {
      for (const double v : line.y) {
        if (!std::isfinite(v)) continue;
        lo = std::min(lo, v);
        hi = std::max(hi, v);
      }
    }
  }
  if (lo > hi) return std::nullopt;
  if (lo >= 0) lo = 0;
  if (hi <= lo) hi = lo + 1;
  const double step = round_step((hi - lo) / 5);
  return Scale{std::floor(lo / step) * step, std::ceil(hi / step) * step, step};
}

std::string tick(double v) { return fmt::format("{:.6g}", std::abs(v) < 1e-12 ? 0 : v); }

std::string named(std::string_view name) {
  return xml_text(name.size() > kNameChars ? std::string(name.substr(0, kNameChars - 1)) + "…"
                                           : std::string(name),
                  false);
}

class Panel {
 public:
  Panel(const ChartPanel& panel, Scale scale, double top)
      : panel_(panel), scale_(scale), top_(top) {}

  std::string text() {
    axes();
    for (std::size_t i = 0; i < panel_.lines.size(); ++i)
      line(panel_.lines[i], kColors[i % kColors.size()], false);
    for (const ChartLine& l : panel_.levels) line(l, "#777777", true);
    return std::move(out_);
  }

 private:
  [[nodiscard]] double x(double share) const { return kLeft + share * (kWidth - kLeft - kRight); }
  [[nodiscard]] double y(double v) const {
    return top_ + kTop + (scale_.hi - v) / (scale_.hi - scale_.lo) * (kPanel - kTop - kBottom);
  }

  // Whole numbers where the axis is long enough for them.
  [[nodiscard]] std::string along(double share) const {
    const double v = panel_.x_from + share * (panel_.x_to - panel_.x_from);
    return tick(panel_.x_to - panel_.x_from >= 8 ? std::round(v) : v);
  }

  void axes() {
    out_ +=
        fmt::format("<text x=\"{}\" y=\"{:.1f}\" font-size=\"14\" font-weight=\"600\">{}</text>\n",
                    kLeft, top_ + 20, xml_text(panel_.title, false));
    const auto ticks = static_cast<int>(std::lround((scale_.hi - scale_.lo) / scale_.step));
    for (int i = 0; i <= ticks; ++i) {
      const double v = scale_.lo + i * scale_.step;
      out_ += fmt::format(
          "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#e6e6e6\"/>\n<text "
          "x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
          kLeft, y(v), x(1), kLeft - 8, y(v) + 4, tick(v));
    }
    const double bottom = y(scale_.lo);
    for (int i = 0; i <= 4; ++i) {
      const double share = i / 4.0;
      out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                          x(share), bottom + 16,
                          tick(panel_.x_from + share * (panel_.x_to - panel_.x_from)));
    }
    out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                        x(0.5), bottom + 34, xml_text(panel_.x_title, false));
  }

  void line(const ChartLine& l, const char* color, bool level) {
    std::string path;
    bool pen_down = false;
    const std::size_t n = level ? 2 : l.y.size();
    for (std::size_t i = 0; i < n; ++i) {
      const double v = l.y.empty() ? std::nan("") : l.y[level ? 0 : i];
      const double share =
          level ? static_cast<double>(i) : (static_cast<double>(i) + 1) / static_cast<double>(n);
      if (std::isfinite(v))
        path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", x(share), y(v));
      pen_down = std::isfinite(v);
    }
    if (path.empty()) return;
    const char* dash = level ? " stroke-dasharray=\"5 4\"" : "";
    out_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\"{}/>\n",
                        path, color, dash);
    if (named_ == kMostNames) return;
    const double at = top_ + kTop + 8 + 18 * static_cast<double>(named_++);
    out_ += fmt::format(
        "<path d=\"M{:.1f} {:.1f}h22\" stroke=\"{}\" stroke-width=\"2.4\"{}/><text x=\"{:.1f}\" "
        "y=\"{:.1f}\">{}</text>\n",
        x(1) + 14, at, color, dash, x(1) + 42, at + 4, named(l.name));
  }

  const ChartPanel& panel_;
  Scale scale_;
  double top_;
  std::size_t named_ = 0;
  std::string out_;
};

}  // namespace

std::string chart_svg(std::span<const ChartPanel> panels) {
  std::string body;
  double top = 0;
  for (const ChartPanel& p : panels) {
    const auto scale = scale_of(p);
    if (!scale) continue;
    body += Panel(p, *scale, top).text();
    top += kPanel;
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" "
      "font-size=\"11.5\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{2}</svg>\n",
      kWidth, std::max(top, 1.0), body);
}

}  // namespace swy::eval
