#include "base/options.h"

#include <gtest/gtest.h>

namespace swy::base {
namespace {

struct Sample {
  double cost = 0.5;
  std::int64_t neighbours = 40;
  std::vector<std::string> any;
  NumberMap weights;
  void bind(OptionBinder& b) {
    b.field("cost", cost, {0, 1}, "weight of cost");
    b.field("neighbours", neighbours, {1, 1000}, "how many");
    b.field("any", any, "phrases");
    b.field("weights", weights, "per model");
  }
};

Sample read(std::string_view yaml, Diagnostics& diag) {
  const auto doc = parse_yaml(yaml, diag);
  Sample s;
  DocBinder b(*doc, diag, {"type"});
  s.bind(b);
  b.finish();
  return s;
}

TEST(DocBinder, ReadsValuesAndKeepsDefaults) {
  Diagnostics diag("f");
  const Sample s =
      read("{ type: knn, neighbours: 7, any: [a, b], weights: { x: 1, y: 2.5 } }", diag);
  EXPECT_TRUE(diag.ok()) << diag.to_text();
  EXPECT_EQ(s.neighbours, 7);
  EXPECT_DOUBLE_EQ(s.cost, 0.5);
  EXPECT_EQ(s.any.size(), 2U);
  EXPECT_EQ(s.weights[1].second, 2.5);
}

TEST(DocBinder, NamesTheKeyThatIsWrong) {
  Diagnostics diag("f");
  read("{ neigbours: 7, cost: 3 }", diag);
  EXPECT_EQ(diag.to_text(),
            "f:1:3: error: unknown key 'neigbours', did you mean neighbours?\n"
            "f:1:23: error: cost must be 0 to 1, not 3\n");
}

TEST(ListBinder, ListsDefaultsAndRanges) {
  Sample s;
  ListBinder b;
  s.bind(b);
  ASSERT_EQ(b.all().size(), 4U);
  EXPECT_EQ(b.all()[1].default_value, "40");
  EXPECT_EQ(b.all()[1].range, "1 to 1000");
}

}  // namespace
}  // namespace swy::base
