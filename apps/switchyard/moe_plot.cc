// At most 200 columns and 128 rows of cells: more steps or experts are averaged into one.
#include "moe_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "eval/line_chart.h"
#include "eval/xml.h"

namespace swy::app {
namespace {

constexpr double kWidth = 1080;
constexpr double kMap = 360;
constexpr double kLeft = 76;
constexpr double kWide = 614;
constexpr double kTop = 44;
constexpr double kTall = 270;
constexpr std::size_t kColumns = 200;
constexpr std::size_t kRows = 128;

// From nothing (white) by the fair share (blue) and twice that (amber) to four times (red).
std::string colour(double load) {
  using Rgb = std::array<double, 3>;
  constexpr std::array<Rgb, 4> kStops{
      {{255, 255, 255}, {0, 114, 178}, {240, 180, 40}, {190, 20, 20}}};
  const double place = load <= 1 ? load : 1 + std::min(2.0, std::log2(load));
  const std::size_t stop = std::min<std::size_t>(static_cast<std::size_t>(place), 2);
  const double t = place - static_cast<double>(stop);
  const auto mix = [&](std::size_t c) {
    return static_cast<int>(
        std::lround(kStops[stop][c] + t * (kStops[stop + 1][c] - kStops[stop][c])));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2));
}

// A load as one of the shades drawn: 16 up to the fair share, 16 beyond.
double shade(double load) {
  if (load <= 1) return std::round(load * 16) / 16;
  return std::exp2(std::round(std::min(2.0, std::log2(load)) * 8) / 8);
}

// What the experts got in some of the steps, in fair shares.
std::vector<double> loads_of(const MoeTrace& t, std::size_t from, std::size_t to) {
  std::vector<double> load(t.experts, 0.0);
  double all = 0;
  for (std::size_t s = from; s < to; ++s) {
    for (std::size_t e = 0; e < t.experts; ++e) load[e] += t.demand[s * t.experts + e];
  }
  for (const double n : load) all += n;
  for (double& n : load) n = all > 0 ? n / all * t.experts : 0;
  return load;
}

std::string cells(const MoeTrace& t) {
  const std::size_t steps = t.maxvio.size();
  const std::size_t columns = std::min(kColumns, steps);
  const std::size_t rows = std::min<std::size_t>(kRows, t.experts);
  // All cells of one shade are one path, a cell is 1 x 1: a fifth of a rectangle each.
  std::map<double, std::string> paths;
  for (std::size_t c = 0; c < columns; ++c) {
    const std::vector<double> loads = loads_of(t, c * steps / columns, (c + 1) * steps / columns);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto from = static_cast<std::ptrdiff_t>(r * t.experts / rows);
      const auto to = static_cast<std::ptrdiff_t>((r + 1) * t.experts / rows);
      const double load = std::accumulate(loads.begin() + from, loads.begin() + to, 0.0) /
                          static_cast<double>(to - from);
      if (const double s = shade(load); s > 0) paths[s] += fmt::format("M{} {}h1v1h-1z", c, r);
    }
  }
  std::string out = fmt::format(
      "<g transform=\"translate({} {}) scale({:.5f} {:.5f})\" shape-rendering=\"crispEdges\">\n",
      kLeft, kTop, kWide / static_cast<double>(columns), kTall / static_cast<double>(rows));
  for (const auto& [load, path] : paths)
    out += fmt::format("<path fill=\"{}\" d=\"{}\"/>\n", colour(load), path);
  return out + "</g>\n";
}

std::string key() {
  std::string out;
  constexpr std::array<std::pair<double, const char*>, 5> kSteps{
      {{0, "nothing"}, {0.5, "half its share"}, {1, "its share"}, {2, "twice"}, {4, "four times"}}};
  double y = kTop + 8;
  for (const auto& [load, name] : kSteps) {
    out += fmt::format(
        "<rect x=\"{0}\" y=\"{1:.1f}\" width=\"16\" height=\"12\" fill=\"{2}\" stroke=\"#999\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\">{5}</text>\n",
        kLeft + kWide + 14, y, colour(load), kLeft + kWide + 38, y + 10, name);
    y += 20;
  }
  return out;
}

}  // namespace

std::string to_svg(const MoeTrace& trace) {
  const auto steps = static_cast<double>(trace.maxvio.size());
  std::vector<eval::ChartPanel> panels{
      {"Largest violation: the fullest expert over its share, less 1",
       "steps",
       0,
       steps,
       {{"max violation", trace.maxvio}},
       {}}};
  if (std::any_of(trace.dropped.begin(), trace.dropped.end(), [](double d) { return d > 0; }))
    panels.push_back(
        {"Dropped share of the assignments", "steps", 0, steps, {{"dropped", trace.dropped}}, {}});
  const double height = kMap + 270 * static_cast<double>(panels.size());
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" "
      "font-size=\"11.5\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
      "<text x=\"{2}\" y=\"18\" font-size=\"14\" font-weight=\"600\">Load of every expert</text>\n"
      "<text x=\"{2}\" y=\"34\" fill=\"#555\">{3}</text>\n{4}"
      "<rect x=\"{2}\" y=\"{5}\" width=\"{6}\" height=\"{7}\" fill=\"none\" stroke=\"#bbb\"/>\n"
      "<text x=\"{8}\" y=\"{9}\" text-anchor=\"end\">expert 0</text>\n"
      "<text x=\"{8}\" y=\"{10}\" text-anchor=\"end\">{11}</text>\n{12}"
      "<g transform=\"translate(0 {13})\">{14}</g>\n</svg>\n",
      kWidth, height, kLeft, eval::xml_text(trace.title, false), cells(trace), kTop, kWide, kTall,
      kLeft - 8, kTop + 10, kTop + kTall, trace.experts - 1, key(), kMap, eval::chart_svg(panels));
}

}  // namespace swy::app
