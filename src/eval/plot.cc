// The cost-quality plane. Lines are frontiers: straight between two settings in money, hence bent
// on a logarithmic axis, so they are drawn through sampled mixtures. Shaded: 95 % intervals of the
// settings on the frontier. Labels are placed greedily, the most important first, each where it
// covers least; one that would cover another label is left out (the table has every number). Tests:
// evaluate_test.cc (well-formed, names present; overlap is not tested).
#include "eval/plot.h"
#include "eval/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace swy::eval {
namespace {

constexpr double kWidth = 1040;
constexpr double kHeight = 620;
constexpr double kLeft = 72;
constexpr double kRight = 290;  // room for the legend
constexpr double kTop = 66;
constexpr double kBottom = 74;
constexpr double kFont = 11.5;
constexpr double kCharWidth = 0.6 * kFont;  // of the mean character in common sans-serif faces
constexpr std::size_t kAllSingles = 12;
constexpr std::size_t kLegendChars = 36;
constexpr std::ptrdiff_t kMostBands = 6;  // more overlap to one grey
constexpr std::size_t kMostEntries = 22;  // of the legend: what fits beside the axes
// Okabe and Ito's colours, told apart by colour-blind readers too.
constexpr std::array<std::string_view, 6> kPalette{"#0072b2", "#d55e00", "#009e73",
                                                   "#cc79a7", "#b8860b", "#56b4e9"};

using Kind = LineReport::Kind;

struct Box {
  double x0 = 0;
  double y0 = 0;
  double x1 = 0;
  double y1 = 0;
  [[nodiscard]] bool meets(const Box& o) const {
    return x0 < o.x1 && o.x0 < x1 && y0 < o.y1 && o.y0 < y1;
  }
};

std::string cut(std::string_view name, std::size_t most) {
  if (name.size() <= most) return std::string(name);
  std::size_t end = most - 1;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U)
    --end;  // not inside a character
  return std::string(name.substr(0, end)) + "…";
}

struct XY {
  double x = 0;
  double y = 0;
};

// From (USD per 1000, quality) to pixels.
class Axes {
 public:
  Axes(double cost_low, double cost_high, double quality_low, double quality_high)
      : x0_(std::log10(cost_low)),
        x1_(std::log10(cost_high)),
        y0_(quality_low),
        y1_(quality_high) {}
  [[nodiscard]] double x(double cost) const {
    const double at = std::log10(std::max(cost, std::pow(10.0, x0_)));
    return kLeft + (at - x0_) / (x1_ - x0_) * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double y(double quality) const {
    return kHeight - kBottom - (quality - y0_) / (y1_ - y0_) * (kHeight - kTop - kBottom);
  }
  [[nodiscard]] bool shows(double quality) const { return quality >= y0_; }
  [[nodiscard]] double cost_low() const { return std::pow(10.0, x0_); }
  [[nodiscard]] double cost_high() const { return std::pow(10.0, x1_); }
  [[nodiscard]] double quality_low() const { return y0_; }
  [[nodiscard]] double quality_high() const { return y1_; }

 private:
  double x0_, x1_, y0_, y1_;
};

double per_thousand(const PointReport& p) { return 1000 * p.cost; }

class Plot {
 public:
  explicit Plot(const Report& report) : report_(report), axes_(make_axes(report)) {}

  std::string text() {
    frame();
    std::size_t color = 0;
    for (const LineReport& l : report_.lines) {
      if (l.kind == Kind::kMixture) line(l, "#8a8a8a", "5 4", 1.4, false);
      if (l.kind == Kind::kOracle) line(l, "#222222", "1.5 3", 1.6, false);
    }
    for (const LineReport& l : report_.lines) {
      if (l.kind == Kind::kRouter) line(l, kPalette[color++ % kPalette.size()], "", 2.2, true);
    }
    singles();
    labels();
    legend();
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\" "
        "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"{2}\">\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{3}</svg>\n",
        kWidth, kHeight, kFont, out_);
  }

 private:
  struct Label {
    XY at;
    std::string text;
    std::string_view color;
    bool bold = false;
  };

  [[nodiscard]] static bool matters(const Report& r, const LineReport& l) {
    if (l.kind != Kind::kSingle || r.models.size() <= kAllSingles ||
        l.name == r.models[r.best_single])
      return true;
    for (const LineReport& m : r.lines) {
      if (m.kind != Kind::kMixture) continue;
      for (const PointReport& p : m.points) {
        if (p.knob == l.name) return true;
      }
    }
    return false;
  }

  // The range of what matters: weak models of a large pool would push everything into a corner.
  static Axes make_axes(const Report& r) {
    double c0 = std::numeric_limits<double>::infinity();
    double c1 = 0;
    double q0 = 1;
    double q1 = 0;
    for (const LineReport& l : r.lines) {
      if (!matters(r, l)) continue;
      for (const PointReport& p : l.points) {
        if (p.cost > 0) c0 = std::min(c0, per_thousand(p));
        c1 = std::max(c1, per_thousand(p));
        q0 = std::min(q0, p.quality.value);
        q1 = std::max(q1, p.quality.value);
      }
    }
    if (!(c0 < c1)) c0 = c1 > 0 ? c1 / 2 : 0.5;
    if (!(c1 > 0)) c1 = 1;
    const double step = q1 - q0 > 0.25 ? 0.1 : 0.02;
    const double pad = std::max(0.04 * (q1 - q0), 0.002);
    return {c0 / 1.35, c1 * 1.35, std::max(0.0, std::floor((q0 - pad) / step) * step),
            std::min(1.0, std::ceil((q1 + pad) / step) * step)};
  }

  void add(std::string svg) { out_ += std::move(svg) + "\n"; }

  void words(XY at, std::string_view text, std::string_view attributes) {
    add(fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>", at.x, at.y, attributes,
                    xml_text(text, false)));
  }

  void frame() {
    words({kLeft, 27}, "Cost and quality of routers",
          "font-size=\"17\" font-weight=\"600\" fill=\"#111\"");
    words(
        {kLeft, 47},
        fmt::format(
            "{} test questions, {} models, learned from {} others; bands: 95 % bootstrap intervals",
            report_.test, report_.models.size(), report_.train),
        "fill=\"#555\"");
    const double bottom = kHeight - kBottom;
    const double right = kWidth - kRight;
    const double range = axes_.quality_high() - axes_.quality_low();
    const double step = range > 0.5 ? 0.1 : range > 0.2 ? 0.05 : range > 0.08 ? 0.02 : 0.01;
    for (double q = std::ceil(axes_.quality_low() / step - 1e-9) * step;
         q <= axes_.quality_high() + 1e-9; q += step) {
      const double y = axes_.y(q);
      add(fmt::format("<line x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\" stroke=\"#e6e6e6\"/>",
                      kLeft, y, right, y));
      words({kLeft - 8, y + 4}, fmt::format("{:.2f}", q), "text-anchor=\"end\" fill=\"#444\"");
    }
    const bool narrow = axes_.cost_high() / axes_.cost_low() < 300;
    for (int e = -9; e < 9; ++e) {
      for (const int d : {1, 2, 5}) {
        if (d != 1 && !narrow) continue;
        const double cost = d * std::pow(10.0, e);
        if (cost < axes_.cost_low() || cost > axes_.cost_high()) continue;
        const double x = axes_.x(cost);
        add(fmt::format(
            "<line x1=\"{:.1f}\" y1=\"{}\" x2=\"{:.1f}\" y2=\"{}\" stroke=\"#e6e6e6\"/>", x, kTop,
            x, bottom));
        words({x, bottom + 18}, fmt::format("{:g}", cost), "text-anchor=\"middle\" fill=\"#444\"");
      }
    }
    add(fmt::format("<path d=\"M{0} {1}V{2}H{3}\" fill=\"none\" stroke=\"#444\"/>", kLeft, kTop,
                    bottom, right));
    words({(kLeft + right) / 2, bottom + 42}, "USD per 1,000 questions (log scale)",
          "text-anchor=\"middle\" fill=\"#222\"");
    const double middle = (kTop + bottom) / 2;
    words({20, middle}, "quality (mean score)",
          fmt::format("text-anchor=\"middle\" fill=\"#222\" transform=\"rotate(-90 20 {})\"",
                      middle));
  }

  [[nodiscard]] XY at(const PointReport& p) const {
    return {axes_.x(per_thousand(p)), axes_.y(p.quality.value)};
  }

  // One bound of the quality along the frontier, mixtures between two settings sampled.
  template <typename Bound>
  std::vector<XY> along(const LineReport& l, Bound&& bound) const {
    std::vector<XY> out;
    const auto go = [&](double cost, double quality) {
      out.push_back(
          {axes_.x(cost), axes_.y(std::clamp(quality, axes_.quality_low(), axes_.quality_high()))});
    };
    for (std::size_t i = 0; i < l.frontier.size(); ++i) {
      const PointReport& b = l.points[l.frontier[i]];
      constexpr int kSamples = 40;
      for (int s = 1; i > 0 && s < kSamples; ++s) {
        const PointReport& a = l.points[l.frontier[i - 1]];
        const double f =
            static_cast<double>(s * s) / (kSamples * kSamples);  // denser where the bend is
        go(per_thousand(a) + f * (per_thousand(b) - per_thousand(a)),
           bound(a) + f * (bound(b) - bound(a)));
      }
      go(per_thousand(b), bound(b));
    }
    return out;
  }

  static std::string path_of(const std::vector<XY>& points) {
    std::string d;
    for (const XY& p : points) d += fmt::format("{}{:.1f} {:.1f}", d.empty() ? "M" : "L", p.x, p.y);
    return d;
  }

  void line(const LineReport& l, std::string_view color, std::string_view dash, double width,
            bool band) {
    legend_.push_back({l.name, std::string(color), std::string(dash)});
    if (l.frontier.empty()) return;
    if (band) draw_band(l, color);
    if (l.frontier.size() > 1) {
      const std::vector<XY> points = along(l, [](const PointReport& p) { return p.quality.value; });
      for (const XY& p : points) obstacles_.push_back({{p.x - 2, p.y - 2, p.x + 2, p.y + 2}, 1});
      add(
          fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" "
                      "stroke-dasharray=\"{}\"/>",
                      path_of(points), color, width, dash.empty() ? "none" : dash));
    }
    for (std::size_t i = 0; i < l.points.size(); ++i) {
      const bool on = std::find(l.frontier.begin(), l.frontier.end(), i) != l.frontier.end();
      if (l.kind == Kind::kMixture || (l.kind == Kind::kOracle && i != l.best) ||
          !axes_.shows(l.points[i].quality.value))
        continue;
      const XY p = at(l.points[i]);
      add(fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\" fill-opacity=\"{}\"/>", p.x,
          p.y, on ? 3.2 : 1.8, color, on ? "1" : "0.45"));
      obstacles_.push_back({{p.x - 3, p.y - 3, p.x + 3, p.y + 3}, 3});
    }
    if (l.kind == Kind::kOracle)
      wanted_.push_back({at(l.points[l.best]), "oracle", "#222222", true});
  }

  void draw_band(const LineReport& l, std::string_view color) {
    const auto routers = std::count_if(report_.lines.begin(), report_.lines.end(),
                                       [](const LineReport& o) { return o.kind == Kind::kRouter; });
    if (report_.resamples == 0 || routers > kMostBands) return;
    std::vector<XY> points = along(l, [](const PointReport& p) { return p.quality.hi; });
    const std::vector<XY> lower = along(l, [](const PointReport& p) { return p.quality.lo; });
    points.insert(points.end(), lower.rbegin(), lower.rend());
    // A single setting has no area: its interval is a stroke.
    add(fmt::format(
        "<path d=\"{}Z\" fill=\"{}\" fill-opacity=\"0.10\" stroke=\"{}\" stroke-opacity=\"{}\"/>",
        path_of(points), color, color, l.frontier.size() == 1 ? 0.6 : 0));
  }

  void singles() {
    for (const LineReport& l : report_.lines) {
      if (l.kind != Kind::kSingle) continue;
      const PointReport& p = l.points[0];
      if (!axes_.shows(p.quality.value) || per_thousand(p) > axes_.cost_high()) {
        ++hidden_;
        continue;
      }
      const bool best = l.name == report_.models[report_.best_single];
      const XY c = at(p);
      add(
          fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"7\" height=\"7\" fill=\"{}\" "
                      "stroke=\"#ffffff\" stroke-width=\"0.8\"/>",
                      c.x - 3.5, c.y - 3.5, best ? "#111111" : "#8a8a8a"));
      obstacles_.push_back({{c.x - 5, c.y - 5, c.x + 5, c.y + 5}, 20});
      if (matters(report_, l))
        wanted_.push_back({c, cut(l.name, 34), best ? "#111111" : "#555555", best});
    }
  }

  [[nodiscard]] double covered(const Box& b) const {
    if (b.x0 < kLeft + 2 || b.x1 > kWidth - kRight + 16 || b.y0 < kTop - 12 ||
        b.y1 > kHeight - kBottom - 2)
      return 1e9;
    for (const Box& o : placed_) {
      if (b.meets(o)) return 1e9;
    }
    double n = 0;
    for (const auto& [box, weight] : obstacles_) n += b.meets(box) ? weight : 0;
    return n;
  }

  void labels() {
    for (const bool bold : {true, false}) {
      for (const Label& l : wanted_) {
        if (l.bold == bold) place(l);
      }
    }
  }

  void place(const Label& l) {
    const double w = kCharWidth * static_cast<double>(l.text.size()) * (l.bold ? 1.06 : 1.0);
    Box best;
    double least = 1e8;
    for (const double far : {8.0, 16.0, 28.0, 42.0}) {
      for (int turn = 0; turn < 8; ++turn) {
        const double a = turn * std::numbers::pi / 4;
        const double cx = l.at.x + std::cos(a) * (far + w / 2);
        const double cy = l.at.y + std::sin(a) * (far + 3);
        const double x = std::fabs(std::cos(a)) < 0.1 ? l.at.x : cx;
        const Box b{x - w / 2, cy - 7, x + w / 2, cy + 7};
        const double cost = covered(b) + far / 20 + turn * 0.01;
        if (cost < least) {
          least = cost;
          best = b;
        }
      }
    }
    if (least >= 1e8) return;
    placed_.push_back(best);
    words({best.x0, best.y1 - 3.4}, l.text,
          fmt::format("class=\"label\" fill=\"{}\"{} paint-order=\"stroke\" stroke=\"#ffffff\" "
                      "stroke-width=\"3\" stroke-linejoin=\"round\"",
                      l.color, l.bold ? " font-weight=\"600\"" : ""));
  }

  void legend() {
    const double x = kWidth - kRight + 24;
    double y = kTop + 8;
    const auto swatch = [&](std::string_view color, std::string_view dash) {
      add(
          fmt::format("<line x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\" stroke=\"{}\" "
                      "stroke-width=\"2.2\" stroke-dasharray=\"{}\"/>",
                      x, y - 4, x + 22, y - 4, color, dash.empty() ? "none" : dash));
    };
    std::size_t shown = 0;
    for (const bool routers : {true, false}) {
      for (const Entry& e : legend_) {
        if (e.dash.empty() != routers) continue;
        if (routers && ++shown > kMostEntries) continue;
        swatch(e.color, e.dash);
        const std::string name = e.name == "mixtures" ? "random mixtures of single models" : e.name;
        words({x + 30, y}, cut(name, kLegendChars), "fill=\"#222\"");
        y += 20;
      }
    }
    if (shown > kMostEntries) {
      words({x + 30, y}, fmt::format("and {} routers more", shown - kMostEntries), "fill=\"#777\"");
      y += 20;
    }
    add(fmt::format("<rect x=\"{}\" y=\"{:.1f}\" width=\"7\" height=\"7\" fill=\"#8a8a8a\"/>",
                    x + 8, y - 8));
    words({x + 30, y}, "single model", "fill=\"#222\"");
    y += 20;
    add(fmt::format("<rect x=\"{}\" y=\"{:.1f}\" width=\"7\" height=\"7\" fill=\"#111111\"/>",
                    x + 8, y - 8));
    words({x + 30, y}, "best single model (by the train part)", "fill=\"#222\"");
    if (hidden_ > 0)
      words({x, y + 26}, fmt::format("{} models outside the axes", hidden_), "fill=\"#777\"");
  }

  struct Entry {
    std::string name;
    std::string color;
    std::string dash;
  };
  const Report& report_;
  Axes axes_;
  std::string out_;
  std::vector<Entry> legend_;
  std::vector<Label> wanted_;
  std::vector<Box> placed_;
  std::vector<std::pair<Box, double>>
      obstacles_;  // what a label should not cover, and how much it matters
  std::size_t hidden_ = 0;
};

}  // namespace

std::string to_svg(const Report& report) { return Plot(report).text(); }

}  // namespace swy::eval
