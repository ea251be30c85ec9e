// Lines over a common axis as one SVG file, panel below panel, without scripts or fonts of its own.
//
// When to use: what changes over requests or steps (prices, spending, loads). Threading: pure.
// Ownership: the text is the caller's.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace swy::eval {

struct ChartLine {
  std::string name;
  std::vector<double> y;  // evenly spread over the panel's x axis; NaN: a gap; empty: not drawn,
                          // but its colour is kept
};

struct ChartPanel {
  std::string title;
  std::string x_title;
  double x_from = 0;
  double x_to = 1;
  std::vector<ChartLine> lines;
  std::vector<ChartLine> levels = {};  // dashed and level, at their first y
};

// At most 8 lines a panel have a name beside them. Panels without a finite number are left out.
std::string chart_svg(std::span<const ChartPanel> panels);

}  // namespace swy::eval
