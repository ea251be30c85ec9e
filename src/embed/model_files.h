// FileQuest: which files make an encoder, asked one after the other, with no idea where they come
// from.
//
//   FileQuest quest({});
//   for (;;) { auto file = quest.next(); ... get it, then quest.found(text) or quest.absent() }
//
// When to use: pulling from a hub and taking a local folder share it. Threading: one thread.
// Ownership: owns its lists.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::embed {

class FileQuest {
 public:
  // only: exactly these, all of them; empty: what an encoder needs (config.json, a tokenizer,
  // safetensors weights in one file or in shards) and what may go with it.
  explicit FileQuest(std::vector<std::string> only);

  // The next file to look for; nullopt: complete. kNotFound names what is missing, as early as that
  // is certain. kInvalidArgument: a name in `only` that may not be.
  Result<std::optional<std::string>> next();
  // next()'s file has been got. kParse: it is the index of shards (read it when wants_text()) and
  // makes no sense.
  Status found(std::string_view text = {});
  void absent();
  [[nodiscard]] bool wants_text() const;  // of next()'s file, for found()

 private:
  [[nodiscard]] bool has(std::string_view file) const;
  Status missing() const;  // what is certain to be missing by now
  Status read_index(std::string_view text);

  bool exact_;
  std::vector<std::string> files_;
  std::vector<std::string> found_;
  std::vector<std::string> absent_;
  std::size_t at_ = 0;
};

}  // namespace swy::embed
