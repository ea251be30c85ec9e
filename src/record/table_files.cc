#include "record/table_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

namespace swy::record {
namespace {

bool ends_with(std::string_view s, std::string_view end) {
  return s.size() >= end.size() && s.substr(s.size() - end.size()) == end;
}
bool contains(std::string_view s, std::string_view part) {
  return s.find(part) != std::string_view::npos;
}

bool wanted(std::string_view name, bool responses) {
  if (!ends_with(name, ".jsonl") && !ends_with(name, ".jsonl.gz")) return false;
  if (responses) return contains(name, ".responses.");
  constexpr std::array<std::string_view, 4> kOther = {".responses.", ".services.", ".catalogue.",
                                                      ".trajectories."};
  return std::none_of(kOther.begin(), kOther.end(),
                      [&](std::string_view part) { return contains(name, part); });
}

}  // namespace

Result<std::vector<std::string>> table_files(const std::string& path, bool responses) {
  std::error_code ec;
  if (!std::filesystem::is_directory(path, ec)) return std::vector<std::string>{path};
  std::vector<std::string> out;
  std::filesystem::directory_iterator it(path, ec);
  for (; !ec && it != std::filesystem::directory_iterator(); it.increment(ec)) {
    std::error_code kind_error;
    if (wanted(it->path().filename().string(), responses) && it->is_regular_file(kind_error)) {
      out.push_back(it->path().string());
    }
  }
  if (ec) return fail(ErrorCode::kIo, "cannot list " + path + ": " + ec.message());
  std::sort(out.begin(), out.end());
  if (out.empty()) {
    return fail(ErrorCode::kNotFound,
                path + (responses ? " holds no *.responses.jsonl or *.responses.jsonl.gz"
                                  : " holds no outcome table (*.jsonl or *.jsonl.gz)"));
  }
  return out;
}

}  // namespace swy::record
