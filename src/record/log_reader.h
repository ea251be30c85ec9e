// The record log, reading side. Works on the files alone, so it serves the running process, another
// process and an archive; a writer may be appending meanwhile.
//
// Reads with read(2), not mmap: a writer that takes back a half-written line shortens the file, and
// touching a mapped page behind the new end would kill the reader. A record is a line that ends
// with a newline. Bytes after the last newline (torn tail) are counted and never handed out.
// Threading: free functions, any thread. Ownership: views handed to a callback die when it returns.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::record {

struct LogFile {
  std::string path;
  std::int64_t begun_ms = 0;  // from the name
  std::int64_t last_ms = 0;   // time of the last change, from the file system
  std::int64_t bytes = 0;
};

struct LogPlace {
  std::string_view path;
  std::uint64_t line = 0;  // from 1
};

struct ScanReport {
  std::uint64_t files = 0;
  std::uint64_t lines = 0;  // handed out
  std::uint64_t torn = 0;   // files that end in an unfinished line
  std::uint64_t unreadable =
      0;  // lines that are no JSON object, over-long lines, files that cannot be read
  std::string first_trouble;  // where and what, for the operator; "" when there was none
};

// The files of one kind, oldest first. A name of another shape is not a log file. kNotFound if dir
// does not exist.
Result<std::vector<LogFile>> log_files(const std::string& dir, std::string_view kind);

// Hands out every record in file order. Trouble with a line or a file is counted and reported, not
// fatal. A line is readable here if it begins with '{' and ends with '}'; its JSON is the
// receiver's to parse. The receiver returns false to stop.
using LineReceiver = std::function<bool(std::string_view line, const LogPlace& where)>;
Result<ScanReport> scan(const std::string& dir, std::string_view kind, const LineReceiver& receive);

// The record whose top-level "id" is id, without an index: looks for the bytes in those files whose
// time can hold the id (one hour of grace each way, for long requests and clock steps), newest
// first. kNotFound, kInvalidArgument for a text that is no record id.
Result<std::string> find(const std::string& dir, std::string_view kind, std::string_view id);

// The last n records by time of their id, oldest first. Reads the files from their ends.
Result<std::vector<std::string>> tail(const std::string& dir, std::string_view kind, std::size_t n);

}  // namespace swy::record
