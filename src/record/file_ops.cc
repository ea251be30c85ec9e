#include "record/file_ops.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace swy::record {
namespace {

int or_errno(int rc) { return rc < 0 ? -errno : rc; }

class SystemFiles final : public FileOps {
 public:
  int make_directory(const char* path, mode_t mode) override {
    return or_errno(::mkdir(path, mode));
  }
  int open_file(const char* path, int flags, mode_t mode) override {
    return or_errno(::open(path, flags, mode));
  }
  ssize_t write_file(int fd, const void* bytes, std::size_t size) override {
    const ssize_t n = ::write(fd, bytes, size);
    return n < 0 ? -errno : n;
  }
  int truncate_file(int fd, off_t size) override { return or_errno(::ftruncate(fd, size)); }
  int sync_file(int fd) override { return or_errno(::fdatasync(fd)); }
  void start_write_out(int fd, off_t from, off_t size) override {
    (void)::sync_file_range(fd, from, size, SYNC_FILE_RANGE_WRITE);
  }
  int links(int fd) override {
    struct stat st{};
    if (::fstat(fd, &st) < 0) return -errno;
    return st.st_nlink > 0 ? 1 : 0;
  }
};

}  // namespace

FileOps& system_files() {
  static SystemFiles files;  // stateless
  return files;
}

}  // namespace swy::record
