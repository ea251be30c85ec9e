#include "eval/line_chart.h"

#include <gtest/gtest.h>

#include <cmath>

namespace swy::eval {
namespace {

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(LineChart, DrawsEveryLineAndNamesIt) {
  const std::vector<ChartPanel> panels{
      {"Price", "requests", 0, 400, {{"a<b", {1, 2, 3}}, {"c", {2, std::nan(""), 2}}}, {}},
      {"Spent", "requests", 0, 400, {{"d", {5, 5}}}, {{"budget", {4}}}}};
  const std::string svg = chart_svg(panels);
  EXPECT_EQ(count(svg, "fill=\"none\""), 4U);
  EXPECT_NE(svg.find("a&lt;b"), std::string::npos);
  EXPECT_NE(svg.find(">400</text>"), std::string::npos);
  EXPECT_NE(svg.find("budget"), std::string::npos);
  EXPECT_EQ(count(svg, "stroke-dasharray"), 2U);
  EXPECT_EQ(count(svg, "nan"), 0U);
}

TEST(LineChart, LeavesOutWhatHasNoNumbers) {
  const std::vector<ChartPanel> panels{{"Price", "x", 0, 1, {{"a", {std::nan("")}}}, {}},
                                       {"Level", "x", 0, 1, {{"b", {0, 0}}}, {}}};
  const std::string svg = chart_svg(panels);
  EXPECT_EQ(svg.find("Price"), std::string::npos);
  EXPECT_NE(svg.find("Level"), std::string::npos);
}

}  // namespace
}  // namespace swy::eval
