// The fixture T4 of request-routing.md section 0.1 as outcome tables and beliefs: four questions,
// three models S, M, L of cost 1, 4 and 20 micro-USD. Header-only; a folder per fixture, gone with
// it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "route/testing/beliefs_lab.h"

namespace swy::route::testing {

inline constexpr std::array<std::array<int, 3>, 4> kT4Right{
    {{1, 1, 1}, {0, 1, 1}, {0, 0, 1}, {0, 1, 0}}};
inline constexpr std::array<double, 3> kT4Cost{1, 4, 20};
inline constexpr std::array<const char*, 4> kT4Prompt{"alpha", "beta", "gamma", "delta"};

// True outcomes as beliefs.
inline std::vector<Belief> t4_beliefs(std::size_t question) {
  std::vector<Belief> b;
  for (std::size_t m = 0; m < 3; ++m) b.push_back(belief(kT4Right[question][m], kT4Cost[m]));
  return b;
}

class T4Lab : public ::testing::Test {
 protected:
  T4Lab()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("swy_t4_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    write("learn.jsonl", "known-");
    write("ask.jsonl", "asked-");
  }
  ~T4Lab() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& file, const std::string& ids, double cost_times = 1) const {
    std::ofstream out(folder_ / file);
    const char* names[] = {"S", "M", "L"};
    for (std::size_t i = 0; i < 4; ++i) {
      out << R"({"id":")" << ids << i << R"(","prompt":")" << kT4Prompt[i] << R"(","models":{)";
      for (std::size_t m = 0; m < 3; ++m) {
        out << (m == 0 ? "" : ",") << '"' << names[m] << R"(":{"score":)" << kT4Right[i][m]
            << R"(,"cost":)" << cost_times * kT4Cost[m] << "e-6}";
      }
      out << "}}\n";
    }
  }
  // The estimator knows the true outcome of every prompt.
  static std::string config(const std::string& policy) {
    return "models: [{ name: S }, { name: M }, { name: L }]\n"
           "estimators: { past: { type: knn, table: learn.jsonl, neighbours: 1, shrink: 0 } }\n"
           "routes: { auto: [{ models: [S, M, L], estimator: past, policy: " +
           policy + " }] }\n";
  }
  [[nodiscard]] std::string found(const std::string& policy) const {
    return findings(config(policy), beliefs_registry(), folder_.string());
  }
  std::filesystem::path folder_;
};

}  // namespace swy::route::testing
