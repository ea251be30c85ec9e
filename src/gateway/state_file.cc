#include "gateway/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/doc.h"
#include "base/hash.h"
#include "base/json.h"

namespace swy::gateway {
namespace {

constexpr std::int64_t kFormat = 1;

std::string hash_of(std::string_view content) { return base::hex64(base::hash64(content)); }

// On stable storage before it takes the old one's name.
bool write_whole(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool good = true;
  while (good && !text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    good = n > 0;
    if (good) text.remove_prefix(static_cast<std::size_t>(n));
  }
  good = ::fsync(fd) == 0 && good;
  return ::close(fd) == 0 && good;
}

}  // namespace

Status write_state(const std::string& path, const StateMark& mark, std::string_view content) {
  std::error_code ignored;  // what cannot be made cannot be written, which is told below
  std::filesystem::create_directory(std::filesystem::path(path).parent_path(), ignored);
  std::string text;
  base::JsonWriter w(text);
  w.begin_object().field("kind", mark.kind).field("format", kFormat);
  w.field("configured", base::hex64(mark.belongs)).field("hash", hash_of(content));
  w.key("state").raw(content).end_object();
  text += '\n';
  const std::string fresh = path + ".new";
  if (!write_whole(fresh, text) || std::rename(fresh.c_str(), path.c_str()) != 0)
    return fail(ErrorCode::kIo, fmt::format("cannot write {}", path));
  return {};
}

Result<std::optional<std::string>> read_state(const std::string& path, const StateMark& mark) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  SWY_TRY(const std::string text, base::read_file(path));
  base::JsonDoc doc;
  const auto root = doc.parse(text);
  if (!root || root->string_or("kind", "") != mark.kind)
    return fail(ErrorCode::kParse, fmt::format("{} is no file of kind '{}'", path, mark.kind));
  if (root->integer_or("format", 0) != kFormat) {
    return fail(ErrorCode::kParse, fmt::format("{} has format {}, this program reads {}", path,
                                               root->integer_or("format", 0), kFormat));
  }
  const base::JsonSpan span = base::find_top_level(text, "state");
  const std::string content = text.substr(span.begin, span.end - span.begin);
  const std::string_view theirs = root->string_or("hash", "");
  if (span.count != 1 || theirs != hash_of(content)) {
    return fail(ErrorCode::kParse, fmt::format("{} is damaged: its content has hash {}, not {}",
                                               path, hash_of(content), theirs));
  }
  const std::string_view of = root->string_or("configured", "");
  if (of != base::hex64(mark.belongs)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is of another configuration ({}, this is {})", path, of,
                            base::hex64(mark.belongs)));
  }
  return content;
}

}  // namespace swy::gateway
