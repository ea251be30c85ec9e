// Any bytes as a file of another project and as a container: importing and mapping are total, and
// whatever comes out can be read and saved.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/check.h"
#include "record/import.h"

namespace {

// One file a process, in memory-backed storage where there is some.
const std::string& path() {
  static const std::string kPath = [] {
    const char* dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    return std::string(dir) + "/swy_import_fuzz_" + std::to_string(getpid());
  }();
  return kPath;
}

void use(const swy::record::OutcomeTable& table) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const auto row = table.row(i);
    for (const char c : row.prompt) bytes += static_cast<unsigned char>(c) > 32 ? 1U : 0U;
    for (const auto& cell : table.cells(i)) bytes += cell.present ? 1U : 0U;
  }
  SWY_ASSERT(bytes < SIZE_MAX);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace rec = swy::record;
  std::ofstream(path(), std::ios::binary).write(reinterpret_cast<const char*>(data),
                                                static_cast<std::streamsize>(size));
  for (const auto format : {rec::ImportFormat::kAuto, rec::ImportFormat::kRouterBench,
                            rec::ImportFormat::kRouterArena}) {
    if (const auto table = rec::import_outcomes(std::span(&path(), 1), format)) use(*table);
  }
  if (const auto mapped = rec::map_outcomes(path())) use(*mapped);
  return 0;
}
