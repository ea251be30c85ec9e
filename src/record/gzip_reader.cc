#include "record/gzip_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace swy::record {
namespace {
constexpr std::size_t kChunk = std::size_t{256} << 10U;
constexpr unsigned kInput = 64U << 10U;
}  // namespace

struct GzipReader::Impl {
  std::string path;
  gzFile file = nullptr;
  std::size_t max_line = 0;
  std::vector<char> buffer;
  std::size_t begin = 0;    // of what has not been handed out
  std::size_t scanned = 0;  // no newline in [begin, scanned)
  std::size_t end = 0;
  std::uint64_t line = 0;
  bool at_end = false;
  bool terminated = true;

  ~Impl() {
    if (file != nullptr) gzclose_r(file);
  }
  Status fill();
  std::string_view hand_out(std::size_t line_end, bool with_newline);
};

// Reads more bytes behind `end`, moving the unfinished line to the front first.
Status GzipReader::Impl::fill() {
  if (begin > 0) {
    std::memmove(buffer.data(), buffer.data() + begin, end - begin);
    end -= begin;
    scanned -= begin;
    begin = 0;
  }
  if (end > max_line) {
    at_end = true;
    return fail(ErrorCode::kTooLarge,
                fmt::format("{}:{}: a line of more than {} bytes", path, line + 1, max_line));
  }
  if (buffer.size() < end + kChunk) buffer.resize(end * 2 + kChunk);
  const int n = gzread(file, buffer.data() + end, static_cast<unsigned>(kChunk));
  int code = Z_OK;
  const char* text = gzerror(file, &code);
  if (n < 0 || (n < static_cast<int>(kChunk) && code != Z_OK && code != Z_STREAM_END)) {
    at_end = true;
    if (code == Z_ERRNO)
      return fail(ErrorCode::kIo, fmt::format("{}: {}", path, ::strerror(errno)));
    return fail(ErrorCode::kParse,
                fmt::format("{}: damaged or cut-off gzip after line {} ({})", path, line, text));
  }
  at_end = n < static_cast<int>(kChunk);  // gzread is short only at the end
  end += static_cast<std::size_t>(n);
  return {};
}

std::string_view GzipReader::Impl::hand_out(std::size_t line_end, bool with_newline) {
  std::string_view out(buffer.data() + begin, line_end - begin);
  begin = line_end + (with_newline ? 1 : 0);
  scanned = begin;
  terminated = with_newline;
  ++line;
  if (!out.empty() && out.back() == '\r') out.remove_suffix(1);
  return out;
}

GzipReader::GzipReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GzipReader::~GzipReader() = default;
GzipReader::GzipReader(GzipReader&&) noexcept = default;
GzipReader& GzipReader::operator=(GzipReader&&) noexcept = default;

Result<GzipReader> GzipReader::open(const std::string& path, std::size_t max_line) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    return fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("cannot open {}: {}", path, ::strerror(error)));
  }
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->max_line = max_line;
  impl->file = gzdopen(fd, "rb");
  if (impl->file == nullptr) {
    ::close(fd);
    return fail(ErrorCode::kExhausted, "no memory to read " + path);
  }
  gzbuffer(impl->file, kInput);
  const bool named_gz = path.size() > 3 && path.compare(path.size() - 3, 3, ".gz") == 0;
  if (named_gz && gzdirect(impl->file) != 0) {
    return fail(ErrorCode::kParse,
                path + " is named .gz but is not gzip, or is cut off in its first bytes");
  }
  return GzipReader(std::move(impl));
}

Result<std::optional<std::string_view>> GzipReader::next() {
  Impl& m = *impl_;
  for (;;) {
    if (m.scanned < m.end) {
      const void* newline = std::memchr(m.buffer.data() + m.scanned, '\n', m.end - m.scanned);
      if (newline != nullptr) {
        const auto at =
            static_cast<std::size_t>(static_cast<const char*>(newline) - m.buffer.data());
        return m.hand_out(at, true);
      }
      m.scanned = m.end;
    }
    if (m.at_end) {
      if (m.begin == m.end) return std::nullopt;
      return m.hand_out(m.end, false);
    }
    if (auto more = m.fill(); !more) {
      m.begin = m.scanned = m.end = 0;  // what is left of a damaged file is not a line
      return tl::unexpected<Error>(std::move(more).error());
    }
  }
}

std::uint64_t GzipReader::line_number() const { return impl_->line; }
bool GzipReader::terminated() const { return impl_->terminated; }
std::string GzipReader::where() const { return fmt::format("{}:{}", impl_->path, impl_->line); }

}  // namespace swy::record
