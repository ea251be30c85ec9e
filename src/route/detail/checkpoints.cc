#include "route/detail/checkpoints.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <mutex>

#include "embed/model_store.h"

namespace swy::route {

Result<Checkpoint> load_checkpoint(std::string_view path, std::string_view directory,
                                   const embed::EncoderOptions& options) {
  SWY_TRY(const std::string folder, embed::resolve_model_path(path, directory));
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const embed::Encoder>> loaded;
  std::error_code ec;  // a folder without the file is told by load() itself
  const auto written = std::filesystem::last_write_time(folder + "/model.safetensors", ec);
  const std::string key = fmt::format("{}|{}|{}|{}", folder, static_cast<int>(options.precision),
                                      options.max_tokens, written.time_since_epoch().count());
  const std::lock_guard lock(mutex);
  if (auto known = loaded[key].lock()) return known;
  SWY_TRY(Checkpoint made, embed::Encoder::load(folder, options));
  loaded[key] = made;
  return made;
}

}  // namespace swy::route
