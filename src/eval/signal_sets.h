// The labelled data sets that signals are measured on, read from a data folder.
//
// When to use: `switchyard eval signals` and `make heads`. Threading: pure reading. Ownership:
// values. What each set is and how its rows are split: docs/guide/signals.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "learn/examples.h"
#include "switchyard/result.h"

namespace swy::eval {

struct SignalSet {
  std::string name;
  std::string source;  // folder or file under the data folder
  learn::Examples examples;
  std::vector<std::uint32_t> train;  // learning and calibration
  std::vector<std::uint32_t> test;   // part "test" where there are such rows, else "dev"
  std::string shipped;               // the built-in head that knows these labels, or ""
};

// The sets by name, in the order of the table.
const std::vector<std::string_view>& signal_set_names();

struct SignalFolders {
  std::string train;    // gives the rows with part "train"
  std::string measure;  // gives those to be measured on
  std::string written;  // the project's own rows (tests/data); may be absent
};

// kNotFound when the set's files are missing, kParse for a row that is not what it should be. A
// training row whose question occurs among the test rows is left out. A set that only measures a
// shipped head has no training rows.
Result<SignalSet> load_signal_set(std::string_view name, const SignalFolders& folders);

// Keeps `limit` of the rows: those that calibrate before auxiliary ones, then those with the
// smallest split points.
void keep_rows(const SignalSet& set, std::size_t limit, std::uint64_t seed,
               std::vector<std::uint32_t>& rows);

// Calls `on_row` with each line of a JSONL file, gzip or not; errors begin with file and line.
Status each_row(const std::string& path, const std::function<Status(base::Json)>& on_row);

// Labels of the domain head for MMLU's subjects: the 14 categories of MMLU-Pro; "" for a subject
// that fits none.
std::string_view mmlu_category(std::string_view subject);

struct Tool {
  std::string id, text;  // name, description and parameters as one text
};
struct ToolQuestion {
  std::string text;
  std::vector<std::uint32_t> gold;  // indices into ToolSet::tools; empty: no tool fits
  bool test = false;
};
struct ToolSet {
  std::vector<Tool> tools;
  std::vector<ToolQuestion> questions;
};
Result<ToolSet> load_tools(const std::string& data);

}  // namespace swy::eval
