// Routers evaluated on a table in a file of its own: a folder that is there for one test, and the
// line of one router. Header-only; nothing shared.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "eval/evaluate.h"
#include "flow/builtin.h"

namespace swy::eval::testing {

// A fixture writes its table to table() while it is set up.
class FileLab : public ::testing::Test {
 protected:
  // name: of the folder, this fixture's alone.
  explicit FileLab(const std::string& name) : directory_(::testing::TempDir() + name) {
    std::filesystem::create_directories(directory_);
    options_.pool.data = {table()};
    options_.bootstrap = 0;
  }
  ~FileLab() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string table() const { return directory_ + "/t.jsonl"; }

  const LineReport& line(const std::string& router) {
    options_.routers = {router};
    auto report = evaluate(options_, flow::builtin_registry());
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    report_ = report.value_or(Report{});
    for (const LineReport& l : report_.lines) {
      if (l.name == router) return l;
    }
    ADD_FAILURE() << "no line " << router;
    return report_.lines.front();
  }

  std::string directory_;
  EvalOptions options_;
  Report report_;
};

}  // namespace swy::eval::testing
