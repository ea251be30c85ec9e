// The files that say what a model consists of: manifests of the store and indexes of shards. What
// is accepted names only files below the model's folder, and a manifest survives being written.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "embed/model_files.h"
#include "embed/model_manifest.h"

using namespace swy;

namespace {

// Everything up to the index is there, the weights in one file are not.
void read_index(std::string_view text) {
  embed::FileQuest quest({});
  for (;;) {
    const auto file = quest.next();
    if (!file || !*file) return;
    SWY_ASSERT(embed::check_model_file(**file));
    if (**file == "model.safetensors") {
      quest.absent();
    } else if (!quest.found(text)) {
      return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_index(text);
  const auto manifest = embed::parse_manifest(text);
  if (!manifest) return 0;
  SWY_ASSERT(embed::check_model_name(manifest->name));
  for (const auto& file : manifest->files) SWY_ASSERT(embed::check_model_file(file.path));
  const auto again = embed::parse_manifest(embed::to_json(*manifest));
  SWY_ASSERT(again && embed::to_json(*again) == embed::to_json(*manifest));
  return 0;
}
