// Staging: where a model is put together before it appears in the store, all of it in one step.
//
//   open() -> per file: part, finish() | keep() | reuse() -> commit()
//
// When to use: every way into the store. One Staging per model at a time on this machine: open()
// waits for the others. What is there when the process ends (parts, finished files) is found by the
// next open() for the same source; a reader never sees it. Threading: one thread. Ownership: holds
// the lock until destroyed.
//
// On disk: STORE/.staging/OWNER--NAME/{source, files/FILE, parts/FILE.part, parts/FILE.tag}. A file
// under files/ is never written to, only replaced: it may share its bytes with the store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "embed/model_store.h"
#include "switchyard/result.h"

namespace swy::embed {

using Hashes = std::map<std::string, std::string, std::less<>>;  // file -> sha256, lower case

struct StagingOptions {
  std::string name;
  std::string source;             // where it comes from; another one than last time starts afresh
  std::string revision;           // the same; "" for a folder
  Hashes expected;                // files must have these hashes
  std::function<void()> waiting;  // called once when somebody else has the lock; may be empty
};

class Staging {
 public:
  // kInvalidArgument (names), kIo, kExhausted.
  static Result<std::unique_ptr<Staging>> open(const ModelStore& store, StagingOptions options);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // A part is a file on its way. Its tag says which version of the file it is of.
  [[nodiscard]] std::uint64_t part_size(std::string_view file) const;  // 0: none
  [[nodiscard]] std::string tag(std::string_view file) const;          // "": none
  // Opens the part for append(): a new one with this tag, or what is there, to go on.
  Status begin_part(std::string_view file, std::string_view tag);
  Status continue_part(std::string_view file);
  Status append(std::string_view bytes);
  void drop_part(std::string_view file);

  // The part is complete: it is hashed, made durable and becomes a file of the model. stated: the
  // hash that the source says it has, or "". kProtocol: it has another one; the part is gone.
  Result<ModelFile> finish(std::string_view file, std::string_view stated);
  // Takes the file that was finished under this tag earlier, or the one of the installed model with
  // this hash. false: there is none.
  Result<bool> keep(std::string_view file, std::string_view tag, std::string_view stated);
  Result<bool> reuse(std::string_view file, std::string_view sha256);
  // A file from elsewhere on this machine: copied, or linked where `link` and the file system
  // allow.
  Result<ModelFile> take(std::string_view file, const std::string& from, bool link);

  // The text of a file that is in place.
  [[nodiscard]] Result<std::string> read(std::string_view file, std::uint64_t most) const;

  // Replaces the model in the store by the files of this Staging; `commit` is the
  // hub's name of the revision, or "". kInvalidArgument: an expected hash is of a file that is not
  // among them.
  Result<Manifest> commit(std::string_view commit);

 private:
  struct Impl;
  explicit Staging(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Puts the model that lies in `folder` into the store. only: as of FileQuest.
struct TakeOptions {
  std::string folder;
  std::vector<std::string> only;
  bool link = false;
};
Result<Manifest> take_folder(const ModelStore& store, StagingOptions staging,
                             const TakeOptions& options);

}  // namespace swy::embed
