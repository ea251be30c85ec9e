// The record log, writing side: append-only files of JSON lines that survive the death of the
// process.
//
// Files: <dir>/<kind>-<time>-<pid>-<worker>-<n>.jsonl, time = milliseconds since 1970 when the file
// was begun, 13 digits, so names sort by time. A new file begins at the first append of a process,
// at the size limit, and when the present file was deleted. Directory 0700, files 0600.
//
// Contract: a line is acknowledged by append(), or by the flush() after its add(), only after one
// write(2) of it and its newline was accepted whole by an O_APPEND file: an acknowledged line
// survives `kill -9` (the page cache holds it). It survives loss of power once sync() has returned.
// Bytes after the last newline of a file are a torn tail: no record, ignored by readers
// (log_reader.h). Whoever answers after flush() may add() many lines for one write.
//
// Versions: every line carries "v":1, written by whoever composes the line. Readers hand lines on
// as they are; who interprets a line accepts its own and every older v, and reports a newer one as
// unreadable instead of guessing.
//
// Threading: one LogWriter per worker. Everything but sync() belongs to the owner's thread; sync()
// may be called from one other thread (the control thread) at any time. Ownership: owns its
// descriptors; borrows clock and files.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "record/file_ops.h"
#include "switchyard/env.h"
#include "switchyard/result.h"

namespace swy::record {

inline constexpr std::size_t kMaxLine = std::size_t{64} << 20U;  // longest line, written or read

struct LogOptions {
  std::string dir;
  std::string kind;  // letters, digits and '_'
  unsigned worker = 0;
  std::uint64_t rotate_bytes = std::uint64_t{64}
                               << 20U;  // a file is closed when the next line would pass this size
};

class LogWriter {
 public:
  // Makes the directory if only its last part is missing and checks that it can be written; the
  // first file is made by the first append. kIo names the path. clock and files are borrowed for
  // the writer's life.
  static Result<std::unique_ptr<LogWriter>> open(LogOptions options, const Clock& clock,
                                                 FileOps& files = system_files());
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Keeps the line and a newline for the next flush(). A line that cannot be a record is dropped at
  // once: kInvalidArgument when it has a newline in it, kTooLarge.
  Status add(std::string_view line);
  // Writes the lines kept, together. When that fails in part, the rest goes line by line; of a line
  // that fails nothing remains in the file, dropped() counts it, last_error() tells why, and the
  // next one tries afresh. Never throws, never waits for the disk on purpose.
  void flush();
  // flush(), then add() and flush() of this line: kExhausted when space ran out, kIo for other
  // trouble.
  Status append(std::string_view line);

  // Puts everything acknowledged before the call on stable storage. Blocks as long as the disk
  // needs; does nothing when nothing was written since the last time.
  Status sync();

  [[nodiscard]] std::uint64_t appended() const { return appended_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  [[nodiscard]] const Error& last_error() const { return last_error_; }  // of the last line dropped
  [[nodiscard]] const std::string& path() const {
    return path_;
  }  // of the present file; "" before the first

 private:
  LogWriter(LogOptions options, const Clock& clock, FileOps& files);
  // These two take what was written off the front of `lines`.
  Status write_out(std::string_view& lines);
  Status write_lines(std::string_view& lines);  // into the present file
  Status undo(std::size_t wrote, int error);
  void drop(Error why);
  Status begin_file();
  void retire_file();

  const LogOptions options_;
  const Clock& clock_;
  FileOps& files_;
  std::string kept_;  // lines for the next flush(), with their newlines
  std::uint64_t kept_lines_ = 0;
  Error last_error_;
  std::string path_;
  std::uint64_t size_ = 0;   // of the present file, whole lines only
  std::uint64_t begun_ = 0;  // bytes that the disk was asked to begin on
  std::uint64_t next_file_ = 0;
  std::uint64_t appended_ = 0;
  std::uint64_t dropped_ = 0;
  int fd_ = -1;  // written by the owner under mutex_, read by the owner without it

  std::mutex mutex_;          // guards fd_ against sync(), retired_ and new_file_; held for no I/O
  std::vector<int> retired_;  // full files, still to be synced and closed
  bool new_file_ = false;     // the directory entry is not on stable storage yet
  std::atomic<bool> unsynced_ = false;  // the present file has bytes that sync() has not seen
};

}  // namespace swy::record
