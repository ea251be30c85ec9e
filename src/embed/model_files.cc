// Tests: model_store_test.cc.
#include "embed/model_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/json.h"
#include "embed/model_manifest.h"

namespace swy::embed {
namespace {

constexpr std::string_view kWeights = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr std::size_t kMaxShards = 1024;

// In the order of asking: what is small and needed comes first, so that a folder that is no encoder
// is noticed before its weights come.
constexpr std::array<std::string_view, 10> kSmall{"config.json",
                                                  "tokenizer.json",
                                                  "vocab.txt",
                                                  "vocab.json",
                                                  "merges.txt",
                                                  "tokenizer_config.json",
                                                  "special_tokens_map.json",
                                                  "modules.json",
                                                  "1_Pooling/config.json",
                                                  "sentence_bert_config.json"};

constexpr std::size_t kTokenizersEnd = 5;  // in kSmall

bool holds(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

FileQuest::FileQuest(std::vector<std::string> only) : exact_(!only.empty()) {
  if (exact_) {
    for (std::string& file : only) {
      if (!holds(files_, file)) files_.push_back(std::move(file));
    }
    return;
  }
  files_.assign(kSmall.begin(), kSmall.end());
  files_.emplace_back(kWeights);
  files_.emplace_back(kIndex);
}

Result<std::optional<std::string>> FileQuest::next() {
  // The index is for checkpoints in several files.
  if (!exact_ && at_ < files_.size() && files_[at_] == kIndex && has(kWeights)) ++at_;
  SWY_DO(missing());
  if (at_ >= files_.size()) return std::optional<std::string>();
  SWY_DO(check_model_file(files_[at_]));
  return std::optional<std::string>(files_[at_]);
}

Status FileQuest::found(std::string_view text) {
  if (wants_text()) SWY_DO(read_index(text));
  found_.push_back(files_[at_++]);
  return {};
}

void FileQuest::absent() { absent_.push_back(files_[at_++]); }

bool FileQuest::wants_text() const { return !exact_ && files_[at_] == kIndex; }

bool FileQuest::has(std::string_view file) const { return holds(found_, file); }

Status FileQuest::missing() const {
  const auto none = [](std::string what) {
    return fail(ErrorCode::kNotFound, "there is no " + std::move(what));
  };
  if (absent_.empty()) return {};
  if (exact_) return none(absent_.front());
  if (holds(absent_, "config.json")) return none("config.json");
  const bool tokenizer =
      has("tokenizer.json") || has("vocab.txt") || (has("vocab.json") && has("merges.txt"));
  if (at_ >= kTokenizersEnd && !tokenizer)
    return none("tokenizer: neither tokenizer.json, nor vocab.txt, nor vocab.json + merges.txt");
  if (holds(absent_, kWeights) && holds(absent_, kIndex))
    return none(fmt::format("{} (and no {} of shards): weights in other formats are not read",
                            kWeights, kIndex));
  for (std::size_t i = kSmall.size() + 2; i < files_.size(); ++i) {
    if (holds(absent_, files_[i]))
      return none(fmt::format("{}, which {} lists", files_[i], kIndex));
  }
  return {};
}

Status FileQuest::read_index(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return fail(ErrorCode::kParse, fmt::format("{}: {}", kIndex, why));
  };
  base::JsonDoc doc;
  const auto root = doc.parse(text);
  if (!root) return bad(root.error().message);
  const auto map = root->find("weight_map");
  if (!map || !map->is_object() || map->size() == 0) return bad("no weight_map");
  std::set<std::string, std::less<>> shards;
  for (base::JsonIter it(*map); !it.done(); it.next()) {
    const auto file = it.value().as_string();
    if (!file) return bad("a tensor without a file");
    if (Status s = check_model_file(*file); !s) return bad(s.error().message);
    if (!file->ends_with(".safetensors")) return bad(fmt::format("\"{}\" is no weights", *file));
    shards.emplace(*file);
    if (shards.size() > kMaxShards) return bad("too many shards");
  }
  files_.insert(files_.end(), shards.begin(), shards.end());
  return {};
}

}  // namespace swy::embed
