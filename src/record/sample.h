// A systematic sample of a table's questions: every domain and difficulty gets its share.
//
// When to use: choosing which questions a new model is asked (gateway), and measuring what such
// probes are worth (eval). Threading: pure. Ownership: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "record/outcome.h"

namespace swy::record {

// A question that may be taken. ease: the mean quality of the models that are known on it.
struct SampleRow {
  std::size_t row = 0;
  double ease = 0;
};

// The mean of what was observed, without column `except`; 0 where nothing was.
[[nodiscard]] double mean_quality(std::span<const Cell> cells,
                                  std::size_t except = OutcomeTable::npos);

// `count` of these rows (all, where there are fewer), then up to as many again in reserve, none
// twice. The same table, rows, count and key give the same ones, whatever the order of rows.
[[nodiscard]] std::vector<std::size_t> sample_evenly(const OutcomeTable& table,
                                                     std::span<const SampleRow> rows,
                                                     std::size_t count, std::string_view key);

}  // namespace swy::record
