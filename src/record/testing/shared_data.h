// Where the real data lies: the folder named by the environment variable SWY_DATA, else shared/data
// beside the project. Nullopt when it is not there: tests that need it skip, saying so. REQUIRES:
// SWY_SOURCE_DIR is defined (tests, benchmarks).
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace swy::record {

inline std::optional<std::string> shared_data() {
  const char* named =
      std::getenv("SWY_DATA");  // NOLINT(concurrency-mt-unsafe): nothing here sets the environment
  const std::string dir = named != nullptr ? named : SWY_SOURCE_DIR "/../shared/data";
  std::error_code ec;
  if (std::filesystem::is_directory(dir, ec)) return dir;
  return std::nullopt;
}

}  // namespace swy::record
