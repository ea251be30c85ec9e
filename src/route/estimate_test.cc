#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "route/testing/no_allocation.h"
#include "route/testing/table_lab.h"

namespace swy::route {
namespace {

using testing::beliefs_registry;
using testing::plan_from;
using testing::Prompt;

class Estimate : public ::testing::TestWithParam<const char*> {
 protected:
  Estimate()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                (std::string("swy_estimate_test_") + GetParam())) {
    std::filesystem::create_directories(folder_);
    std::ofstream out(folder_ / "t.jsonl");
    for (int i = 0; i < 10; ++i) {
      out << R"({"id":"p)" << i << R"(","dataset":"d","domain":"x","prompt":"a poem of )" << i
          << R"( lines","models":{"small":{"correct":1,"tokens_out":9},"large":{"correct":1}}})"
          << "\n"
          << R"({"id":"s)" << i << R"(","dataset":"d","domain":"y","prompt":"the sum of 7 and )"
          << i << R"( is","models":{"small":{"correct":0},"large":{"correct":1,"tokens_out":9}}})"
          << "\n";
    }
  }
  ~Estimate() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_P(Estimate, DoesNotAllocateAfterWarmUp) {
  const Registry registry = beliefs_registry();
  const auto plan = plan_from(
      std::string("models: [{ name: small, price: { input: 1, output: 2 } }, { name: large }]\n"
                  "routes: { auto: [{ models: [small, large], estimator: { type: ") +
          GetParam() + ", table: t.jsonl } }] }\n",
      registry, folder_.string());
  ASSERT_NE(plan, nullptr);
  Prompt poem("a poem of two lines");
  Prompt sum("the sum of 2 and 3 is");
  testing::expect_no_allocation_after_warm_up(*plan, poem, sum);
}

INSTANTIATE_TEST_SUITE_P(ThatLearnsFromATable, Estimate,
                         ::testing::Values("knn", "clusters", "linear", "matrix_factorisation",
                                           "irt", "mlp", "eagle", "sw_ranking"),
                         [](const auto& type) { return std::string(type.param); });

}  // namespace
}  // namespace swy::route
