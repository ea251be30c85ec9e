// Recorded answers: the text a model gave to a question of an outcome table. Used by the scripted
// upstream and the demo. Files: *.responses.jsonl(.gz), lines {"id":...,"responses":{model: text},
// "logprobs":{model:{"mean":...,"min":...}}}, the latter where they were recorded.
// Threading: immutable after loading. Ownership: owns the texts; views live as long as the object
// and survive its move.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "record/interner.h"
#include "switchyard/result.h"

namespace swy::record {

class Responses {
 public:
  // A file, or a directory (its *.responses.jsonl and *.responses.jsonl.gz). Errors begin with
  // file:line.
  static Result<Responses> load(const std::string& path);

  // Of the tables at these paths (files or directories): the answers in NAME.responses.jsonl(.gz)
  // beside each NAME.jsonl(.gz), and the `pred` of a cell for which there is no longer text. A
  // table without either gives nothing.
  static Result<Responses> of_tables(std::span<const std::string> paths);

  [[nodiscard]] std::optional<std::string_view> find(std::string_view id,
                                                     std::string_view model) const;
  // Of the tokens of that answer. nullopt: not recorded, which says nothing of the answer.
  struct Logprobs {
    float mean = 0;
    float min = 0;
  };
  [[nodiscard]] std::optional<Logprobs> logprobs(std::string_view id, std::string_view model) const;
  [[nodiscard]] std::size_t size() const { return texts_.size(); }
  [[nodiscard]] const std::vector<std::string>& models() const { return models_.names(); }

 private:
  Status load_file(const std::string& path);
  Status load_predictions(const std::string& path);
  Status keep_logprobs(std::uint64_t id_key, const base::Json& row, const std::string& where);
  void keep(std::uint64_t id_key, std::string_view model, std::string_view text);
  struct Text {
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
  };
  Interner ids_;
  Interner models_;
  std::unordered_map<std::uint64_t, Text> texts_;         // id index * 2^32 + model index
  std::unordered_map<std::uint64_t, Logprobs> logprobs_;  // as texts_
  std::vector<char> arena_;  // a vector, so that moving the owner never moves the bytes
};

}  // namespace swy::record
