// Append with one write(2) per group of lines; see log.h for the contract.
//
// Why a half line never stays in the middle: the writer knows the file's size after the last whole
// line. The half line of a short write is taken back with ftruncate(2); if even that fails, the
// file is given up and the next line opens a new one, so the half line is the last thing in its
// file: a torn tail. Why a deleted file is noticed: writes to a file without a name succeed and
// lose the line. Each write is followed by a look at the link count (fstat, a small part of the
// write's price), and what it wrote is written again into a new file. Tests: log_writer_test.cc
// (injected faults, RLIMIT_FSIZE, kill -9).
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "record/log.h"

namespace swy::record {
namespace {

constexpr mode_t kDirMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr int kNameTries = 100;  // names taken by an earlier process with our pid and millisecond
constexpr std::size_t kMaxRetired =
    8;  // full files held open for sync(); older ones are closed unsynced
constexpr std::size_t kLargeGroup = 256U << 10U;  // lines kept are written at the latest then
constexpr std::size_t kKeepBuffer = 1U << 20U;
// The disk begins on the bytes in steps of this size. Left to sync(), the kernel's work on a second
// of records holds up whatever else that core does for milliseconds.
constexpr std::uint64_t kWriteOutStep = 256U << 10U;

ErrorCode code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::kExhausted;
    default:
      return ErrorCode::kIo;
  }
}

bool valid_kind(std::string_view kind) {
  return !kind.empty() && std::all_of(kind.begin(), kind.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

tl::unexpected<Error> trouble(std::string_view what, std::string_view path, int error) {
  return fail(code_of(error), fmt::format("{} {}: {}", what, path, ::strerror(error)));
}

}  // namespace

LogWriter::LogWriter(LogOptions options, const Clock& clock, FileOps& files)
    : options_(std::move(options)), clock_(clock), files_(files) {}

LogWriter::~LogWriter() {
  flush();
  if (fd_ >= 0) ::close(fd_);
  for (const int fd : retired_) ::close(fd);
}

Result<std::unique_ptr<LogWriter>> LogWriter::open(LogOptions options, const Clock& clock,
                                                   FileOps& files) {
  if (!valid_kind(options.kind)) {
    return fail(ErrorCode::kInvalidArgument,
                "the kind of a log is letters, digits and '_': \"" + options.kind + "\"");
  }
  if (const int rc = files.make_directory(options.dir.c_str(), kDirMode); rc < 0 && rc != -EEXIST) {
    return trouble("cannot make the directory", options.dir, -rc);
  }
  if (::access(options.dir.c_str(), W_OK | X_OK) < 0) {
    return trouble("cannot write into the directory", options.dir, errno);
  }
  return std::unique_ptr<LogWriter>(new LogWriter(std::move(options), clock, files));
}

Status LogWriter::add(std::string_view line) {
  Status usable = [&]() -> Status {
    if (line.size() >= kMaxLine) return fail(ErrorCode::kTooLarge, "a record of 64 MiB or more");
    if (line.find('\n') == std::string_view::npos) return {};
    return fail(ErrorCode::kInvalidArgument, "a record with a newline in it");
  }();
  if (!usable) {
    drop(usable.error());
    return usable;
  }
  const std::uint64_t would_be = size_ + kept_.size() + line.size() + 1;
  if (!kept_.empty() && (would_be > options_.rotate_bytes || kept_.size() > kLargeGroup)) flush();
  kept_.append(line).push_back('\n');
  ++kept_lines_;
  return {};
}

Status LogWriter::append(std::string_view line) {
  flush();
  SWY_DO(add(line));
  const std::uint64_t before = dropped_;
  flush();
  if (dropped_ != before) return tl::unexpected<Error>(last_error_);
  return {};
}

void LogWriter::flush() {
  if (kept_.empty()) return;
  const std::uint64_t all = std::exchange(kept_lines_, 0);
  std::string_view left = kept_;
  const Status together = write_out(left);
  const auto failed = static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n'));
  appended_ += all - failed;
  if (all == 1 && failed == 1) {
    drop(together.error());
    left = {};
  }
  while (!left.empty()) {
    std::string_view line = left.substr(0, left.find('\n') + 1);
    left.remove_prefix(line.size());
    if (const Status alone = write_out(line); alone) {
      ++appended_;
    } else {
      drop(alone.error());
    }
  }
  kept_.clear();
  if (kept_.capacity() > kKeepBuffer) std::string().swap(kept_);
}

void LogWriter::drop(Error why) {
  ++dropped_;
  last_error_ = std::move(why);
}

Status LogWriter::write_out(std::string_view& lines) {
  const std::string_view all = lines;
  if (fd_ >= 0 && size_ > 0 && size_ + all.size() > options_.rotate_bytes) retire_file();
  if (fd_ < 0) SWY_DO(begin_file());
  Status done = write_lines(lines);
  if (fd_ < 0 || files_.links(fd_) > 0) return done;
  retire_file();  // deleted under us: the lines are in a file without a name
  lines = all;
  SWY_DO(begin_file());
  return write_lines(lines);
}

Status LogWriter::write_lines(std::string_view& lines) {
  const ssize_t n = files_.write_file(fd_, lines.data(), lines.size());
  const std::size_t wrote = n < 0 ? 0 : static_cast<std::size_t>(n);
  const std::size_t whole = wrote == lines.size() ? wrote : lines.substr(0, wrote).rfind('\n') + 1;
  size_ += whole;
  unsynced_ = true;
  lines.remove_prefix(whole);
  if (size_ - begun_ >= kWriteOutStep) {
    files_.start_write_out(fd_, static_cast<off_t>(begun_), static_cast<off_t>(size_ - begun_));
    begun_ = size_;
  }
  if (lines.empty()) return {};
  // A short write means that the space ran out on the way.
  return undo(wrote - whole, n < 0 ? static_cast<int>(-n) : ENOSPC);
}

Status LogWriter::undo(std::size_t wrote, int error) {
  const std::string path = path_;
  const bool space = code_of(error) == ErrorCode::kExhausted;
  const bool clean = wrote == 0 || files_.truncate_file(fd_, static_cast<off_t>(size_)) >= 0;
  // Out of space: the same file goes on once there is room. Anything else: the file may be ill, the
  // next line tries another.
  if (!clean || !space) retire_file();
  return trouble("cannot append to", path, error);
}

Status LogWriter::begin_file() {
  const int made =
      files_.make_directory(options_.dir.c_str(), kDirMode);  // it may have been removed
  if (made < 0 && made != -EEXIST) return trouble("cannot make the directory", options_.dir, -made);
  const std::int64_t now_ms = clock_.wall_us() / 1000;
  int fd = -EEXIST;
  std::string path;
  for (int i = 0; i < kNameTries && fd == -EEXIST; ++i) {
    path = fmt::format("{}/{}-{:013}-{}-{}-{}.jsonl", options_.dir, options_.kind, now_ms,
                       ::getpid(), options_.worker, next_file_++);
    fd = files_.open_file(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC,
                          kFileMode);
  }
  if (fd < 0) return trouble("cannot make the log file", path, -fd);
  path_ = std::move(path);
  size_ = begun_ = 0;
  const std::lock_guard lock(mutex_);
  fd_ = fd;
  new_file_ = true;
  return {};
}

// The file stays open until sync() has put it on stable storage.
void LogWriter::retire_file() {
  int surplus = -1;
  {
    const std::lock_guard lock(mutex_);
    retired_.push_back(std::exchange(fd_, -1));
    if (retired_.size() > kMaxRetired) {
      surplus = retired_.front();
      retired_.erase(retired_.begin());
    }
  }
  if (surplus >= 0) ::close(surplus);
}

Status LogWriter::sync() {
  std::vector<int> fds;
  bool new_file = false;
  {
    const std::lock_guard lock(mutex_);
    fds.swap(retired_);
    new_file = std::exchange(new_file_, false);
    if (fd_ >= 0 && unsynced_.exchange(false)) {
      // A duplicate: the owner may retire and sync() of the next round close the original
      // meanwhile.
      const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
      if (copy < 0) return trouble("cannot sync the log in", options_.dir, errno);
      fds.push_back(copy);
    }
  }
  int error = 0;
  if (new_file) {
    const int dir = files_.open_file(options_.dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0) error = -dir;
    if (dir >= 0) fds.push_back(dir);
  }
  for (const int fd : fds) {
    if (const int rc = files_.sync_file(fd); rc < 0) error = -rc;
    ::close(fd);
  }
  if (error == 0) return {};
  unsynced_ = true;
  return trouble("cannot sync the log in", options_.dir, error);
}

}  // namespace swy::record
