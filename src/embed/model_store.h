// ModelStore: the models of this machine, one folder each with a manifest of sizes and hashes.
//
// When to use: to find a model's folder for loading, to list and to verify. model_staging.h puts
// models in. Threading: const functions from any thread and process; a pull of the same model
// replaces its folder in one step. Ownership: owns a path, holds nothing open.
//
// On disk: STORE/OWNER--NAME/{manifest.json, files}; names that begin with a dot are the store's
// own. docs/reference/models.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "embed/model_manifest.h"
#include "switchyard/result.h"

namespace swy::embed {

enum class FileState : std::uint8_t { kOk, kChanged, kMissing, kExtra };
std::string_view to_string(FileState state);

struct FileFinding {
  std::string path;
  FileState state = FileState::kOk;
  std::string detail;  // of kChanged: what differs
};

class ModelStore {
 public:
  explicit ModelStore(std::string root) : root_(std::move(root)) {}
  // $SWITCHYARD_MODELS, else $XDG_CACHE_HOME/switchyard/models, else ~/.cache/switchyard/models.
  // It need not exist. kNotFound: none of these is set.
  static Result<ModelStore> from_environment();

  struct Entry {
    std::string name;
    Result<Manifest> manifest;  // or what is wrong with it
  };
  // By name. A store that does not exist is empty.
  [[nodiscard]] Result<std::vector<Entry>> list() const;
  // kNotFound: no such model, with the nearest names and the command that fetches it. kParse: its
  // manifest is damaged.
  [[nodiscard]] Result<Manifest> manifest(std::string_view name) const;
  // Hashes everything. The manifest's files in its order, then what should not be there. Errors as
  // of manifest().
  [[nodiscard]] Result<std::vector<FileFinding>> verify(std::string_view name) const;
  // Where its files are. The sizes are checked, the hashes are not.
  [[nodiscard]] Result<std::string> find(std::string_view name) const;

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string folder(std::string_view name) const;  // REQUIRES: an allowed name

 private:
  std::string root_;
};

// A `path` of a configuration: model:NAME is that model's folder in the store of the environment;
// anything else a path relative to `directory`. Errors as of ModelStore::find().
Result<std::string> resolve_model_path(std::string_view path, std::string_view directory);

// Of a plain file (a symbolic link is none), with `path` as given in the result. kIo.
Result<ModelFile> hash_file(const std::string& path);

}  // namespace swy::embed
