// Aligned columns for a terminal: the first to the left, the others to the right; the head is dim.
//
// When to use: tables of the reports here. Threading: none shared. Ownership: owns its cells. Cells
// are taken to be as wide as they are long.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/terminal.h"

namespace swy::eval {

class Grid {
 public:
  Grid(std::vector<std::string> head, bool color) : color_(color) {
    rows_.push_back({std::move(head), "dim"});
  }
  void add(std::vector<std::string> cells, std::string_view style = "") {
    rows_.push_back({std::move(cells), style});
  }

  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> width;
    for (const Row& r : rows_) {
      width.resize(std::max(width.size(), r.cells.size()));
      for (std::size_t c = 0; c < r.cells.size(); ++c)
        width[c] = std::max(width[c], r.cells[c].size());
    }
    std::string out;
    for (const Row& r : rows_) {
      std::string line;
      for (std::size_t c = 0; c < r.cells.size(); ++c) {
        line += c == 0 ? fmt::format("  {:<{}}", r.cells[c], width[c])
                       : fmt::format("  {:>{}}", r.cells[c], width[c]);
      }
      out += base::styled(line, r.style, color_ && !r.style.empty()) + "\n";
    }
    return out;
  }

 private:
  struct Row {
    std::vector<std::string> cells;
    std::string_view style;
  };
  std::vector<Row> rows_;
  bool color_;
};

}  // namespace swy::eval
