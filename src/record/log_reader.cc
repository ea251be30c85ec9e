// Scanning, finding and tailing record files; see log_reader.h for the contract.
//
// find: the id's own time picks the files (begun - grace <= id time <= last change + grace); in
// each, the bytes "id":"..." are searched in blocks of 1 MiB with memmem, overlapping by one
// needle. A hit counts only if it is the record's own top-level id: inside a JSON string the quotes
// would be escaped, and a nested object is told apart by parsing that one line. Cost: the speed of
// read(2) plus memmem over the plausible files (record_bench.cc); loses when one busy hour fills
// many files and the id is not there.
// tail: every file's last n lines, merged by the time in their ids, because each worker writes its
// own file. Tests: log_reader_test.cc.
#include "record/log_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/json.h"
#include "record/gzip_reader.h"
#include "record/log.h"
#include "record/record_id.h"

namespace swy::record {
namespace {

constexpr std::int64_t kGraceMs =
    3'600'000;  // one hour: longest request plus clock steps, generously
constexpr std::size_t kBlock = std::size_t{1} << 20U;

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] bool ok() const { return fd_ >= 0; }
  // Bytes read at offset, at most size; 0 at the end or on error.
  std::size_t read_at(std::int64_t offset, char* out, std::size_t size) const {
    std::size_t got = 0;
    while (got < size) {
      const ssize_t n =
          ::pread(fd_, out + got, size - got, offset + static_cast<std::int64_t>(got));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      got += static_cast<std::size_t>(n);
    }
    return got;
  }

 private:
  int fd_;
};

// "<kind>-<13 digits>-<pid>-<worker>-<n>.jsonl": the time, or nullopt for another name.
std::optional<std::int64_t> time_in_name(std::string_view name, std::string_view kind) {
  constexpr std::string_view kSuffix = ".jsonl";
  constexpr std::size_t kTimeDigits = 13;
  if (name.size() < kind.size() + 2 + kTimeDigits + kSuffix.size()) return std::nullopt;
  if (name.substr(0, kind.size()) != kind || name[kind.size()] != '-') return std::nullopt;
  if (name.substr(name.size() - kSuffix.size()) != kSuffix) return std::nullopt;
  const std::string_view digits = name.substr(kind.size() + 1, kTimeDigits);
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ms);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      digits.data()[kTimeDigits] != '-') {
    return std::nullopt;
  }
  return ms;
}

std::int64_t id_time(std::string_view line) {
  constexpr std::string_view kKey = "\"id\":\"";
  const std::size_t at = line.find(kKey);
  if (at == std::string_view::npos) return 0;
  const auto parts = parse_record_id(line.substr(at + kKey.size(), kRecordIdSize));
  return parts ? parts->time_ms : 0;
}

// The line around offset, if it ends with a newline and its top-level id is id.
std::optional<std::string> line_with_id(const File& file, std::int64_t offset,
                                        std::string_view id) {
  constexpr std::size_t kStep = std::size_t{64} << 10U;
  std::string line;
  std::string block(kStep, '\0');
  for (std::int64_t at = offset;
       at > 0 && line.size() < kMaxLine;) {  // backwards to the newline before
    const auto size = static_cast<std::size_t>(std::min<std::int64_t>(at, kStep));
    at -= static_cast<std::int64_t>(size);
    if (file.read_at(at, block.data(), size) != size) return std::nullopt;
    const std::size_t newline = std::string_view(block).substr(0, size).rfind('\n');
    const std::size_t from = newline == std::string_view::npos ? 0 : newline + 1;
    line.insert(0, block, from, size - from);
    if (from > 0) break;
  }
  for (std::int64_t at = offset; line.size() < kMaxLine;) {  // forwards to the newline behind
    const std::size_t size = file.read_at(at, block.data(), kStep);
    if (size == 0) return std::nullopt;  // torn tail
    const std::size_t newline = std::string_view(block).substr(0, size).find('\n');
    line.append(block, 0, std::min(newline, size));
    if (newline != std::string_view::npos) break;
    at += static_cast<std::int64_t>(size);
  }
  base::JsonDoc doc;
  const auto json = doc.parse(line);
  if (!json || json->string_or("id", "") != id) return std::nullopt;
  return line;
}

std::optional<std::string> find_in_file(const std::string& path, std::string_view needle,
                                        std::string_view id) {
  const File file(path);
  if (!file.ok()) return std::nullopt;
  std::string block(kBlock, '\0');
  std::int64_t offset = 0;  // of block[0] in the file
  std::size_t kept = 0;     // overlap carried from the block before
  for (;;) {
    const std::size_t got =
        file.read_at(offset + static_cast<std::int64_t>(kept), block.data() + kept, kBlock - kept);
    if (got == 0) return std::nullopt;
    const std::size_t size = kept + got;
    const char* from = block.data();
    const char* const end = block.data() + size;
    while (const void* hit =
               ::memmem(from, static_cast<std::size_t>(end - from), needle.data(), needle.size())) {
      const char* at = static_cast<const char*>(hit);
      if (auto line = line_with_id(file, offset + (at - block.data()), id)) return line;
      from = at + 1;
    }
    kept = std::min(size, needle.size() - 1);
    std::memmove(block.data(), end - kept, kept);
    offset += static_cast<std::int64_t>(size - kept);
  }
}

// The last n whole lines of a file, in order.
std::vector<std::string> last_lines(const LogFile& log, std::size_t n) {
  const File file(log.path);
  if (!file.ok()) return {};
  std::string bytes;  // from `at` to the end
  std::int64_t at = log.bytes;
  std::size_t newlines = 0;
  // n lines need n newlines and the one before them.
  for (std::size_t step = 64U << 10U; at > 0 && newlines <= n;
       step = std::min(step * 2, kMaxLine)) {
    const auto size =
        static_cast<std::size_t>(std::min<std::int64_t>(at, static_cast<std::int64_t>(step)));
    at -= static_cast<std::int64_t>(size);
    std::string block(size, '\0');
    block.resize(file.read_at(at, block.data(), size));
    newlines += static_cast<std::size_t>(std::count(block.begin(), block.end(), '\n'));
    bytes.insert(0, block);
  }
  std::vector<std::string> lines;
  std::string_view rest =
      std::string_view(bytes).substr(0, bytes.rfind('\n') + 1);  // npos + 1 = 0: no line
  while (!rest.empty() && lines.size() < n) {
    rest.remove_suffix(1);
    const std::size_t from = rest.rfind('\n') + 1;
    if (from == 0 && at > 0) break;  // begins before what was read
    lines.emplace_back(rest.substr(from));
    rest = rest.substr(0, from);
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

struct Timed {
  std::int64_t time_ms;
  std::string line;
};

// Keeps the n latest, oldest first; lines of the same millisecond are in the order of their text,
// so of their id.
void keep_latest(std::vector<Timed>& found, std::size_t n) {
  std::sort(found.begin(), found.end(), [](const Timed& a, const Timed& b) {
    return std::tie(a.time_ms, a.line) < std::tie(b.time_ms, b.line);
  });
  if (found.size() > n) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(n));
}

// False when the receiver wants no more.
bool scan_file(const LogFile& log, const LineReceiver& receive, ScanReport& report) {
  const auto note = [&](std::string text) {
    ++report.unreadable;
    if (report.first_trouble.empty()) report.first_trouble = std::move(text);
  };
  auto reader = GzipReader::open(log.path, kMaxLine);
  if (!reader) {
    note(reader.error().message);
    return true;
  }
  ++report.files;
  for (;;) {
    const auto line = reader->next();
    if (!line) {
      note(line.error().message);
      return true;
    }
    if (!*line) return true;
    if (!reader->terminated()) {
      ++report.torn;
      return true;
    }
    const std::string_view text = **line;
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') {
      note(reader->where() + ": not a JSON object");
      continue;
    }
    ++report.lines;
    if (!receive(text, {log.path, reader->line_number()})) return false;
  }
}

}  // namespace

Result<std::vector<LogFile>> log_files(const std::string& dir, std::string_view kind) {
  std::error_code ec;
  std::vector<LogFile> out;
  std::filesystem::directory_iterator it(dir, ec);
  if (ec) {
    return fail(ec == std::errc::no_such_file_or_directory ? ErrorCode::kNotFound : ErrorCode::kIo,
                "cannot list " + dir + ": " + ec.message());
  }
  for (; it != std::filesystem::directory_iterator(); it.increment(ec)) {
    const auto begun = time_in_name(it->path().filename().string(), kind);
    struct stat st{};
    if (!begun || ::stat(it->path().c_str(), &st) < 0 || !S_ISREG(st.st_mode)) continue;
    const std::int64_t last_ms =
        std::int64_t{st.st_mtim.tv_sec} * 1000 + st.st_mtim.tv_nsec / 1'000'000;
    out.push_back({it->path().string(), *begun, last_ms, std::int64_t{st.st_size}});
  }
  if (ec) return fail(ErrorCode::kIo, "cannot list " + dir + ": " + ec.message());
  std::sort(out.begin(), out.end(),
            [](const LogFile& a, const LogFile& b) { return a.path < b.path; });
  return out;
}

Result<ScanReport> scan(const std::string& dir, std::string_view kind,
                        const LineReceiver& receive) {
  SWY_TRY(const auto files, log_files(dir, kind));
  ScanReport report;
  for (const LogFile& file : files) {
    if (!scan_file(file, receive, report)) break;
  }
  return report;
}

Result<std::string> find(const std::string& dir, std::string_view kind, std::string_view id) {
  SWY_TRY(const RecordIdParts parts, parse_record_id(id));
  SWY_TRY(const auto files, log_files(dir, kind));
  const std::string needle = fmt::format("\"id\":\"{}\"", id);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    if (parts.time_ms < file->begun_ms - kGraceMs || parts.time_ms > file->last_ms + kGraceMs)
      continue;
    if (auto line = find_in_file(file->path, needle, id)) return *std::move(line);
  }
  return fail(ErrorCode::kNotFound, fmt::format("no record {} in {}", id, dir));
}

Result<std::vector<std::string>> tail(const std::string& dir, std::string_view kind,
                                      std::size_t n) {
  SWY_TRY(auto files, log_files(dir, kind));
  std::sort(files.begin(), files.end(), [](const LogFile& a, const LogFile& b) {
    return std::tie(a.last_ms, a.path) > std::tie(b.last_ms, b.path);
  });
  std::vector<Timed> found;
  for (const LogFile& file : files) {
    // Nothing in this file is newer than its last change, so it cannot displace what is there.
    if (found.size() == n && (n == 0 || found.front().time_ms > file.last_ms)) break;
    for (std::string& line : last_lines(file, n)) {
      const std::int64_t time_ms = id_time(line);
      found.push_back({time_ms != 0 ? time_ms : file.begun_ms, std::move(line)});
    }
    keep_latest(found, n);
  }
  std::vector<std::string> out;
  out.reserve(found.size());
  for (Timed& t : found) out.push_back(std::move(t.line));
  return out;
}

}  // namespace swy::record
