// Lines of a text file, plain or gzip-compressed (found out from the bytes), one at a time with
// bounded memory. Use it for outcome tables, responses and logs. Threading: one thread at a time.
// Ownership: owns the file; a line is a view that dies with the next call.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "switchyard/result.h"

namespace swy::record {

class GzipReader {
 public:
  // kNotFound or kIo. kParse for a name ending in .gz whose bytes are not gzip.
  static Result<GzipReader> open(const std::string& path,
                                 std::size_t max_line = std::size_t{64} << 20U);
  ~GzipReader();
  GzipReader(GzipReader&&) noexcept;
  GzipReader& operator=(GzipReader&&) noexcept;

  // The next line without its newline (and without a carriage return before it); nullopt at the
  // end. A last line without a newline is a line. kParse for damaged or cut-off gzip, kTooLarge for
  // an over-long line (the reader is then finished), kIo.
  Result<std::optional<std::string_view>> next();

  [[nodiscard]] std::uint64_t line_number() const;  // of the line handed out last, from 1
  [[nodiscard]] bool terminated() const;            // that line ended with a newline
  [[nodiscard]] std::string where() const;          // "path:line"

 private:
  struct Impl;
  explicit GzipReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace swy::record
