// The seam between the record log and the disk: the calls of the operating system that can fail for
// an outside reason. The log writer takes a FileOps at construction; tests bring one that fails on
// demand. Threading: implementations have no state of their own to protect; system_files() is
// thread-safe. Ownership: descriptors belong to the caller.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace swy::record {

// Every function returns what the system call of that name returns; a failure is -errno, not errno.
class FileOps {
 public:
  virtual ~FileOps() = default;
  virtual int make_directory(const char* path, mode_t mode) = 0;
  virtual int open_file(const char* path, int flags, mode_t mode) = 0;
  virtual ssize_t write_file(int fd, const void* bytes, std::size_t size) = 0;
  virtual int truncate_file(int fd, off_t size) = 0;
  virtual int sync_file(int fd) = 0;
  // Has the disk begin on these bytes, without waiting for it; a hint, so nothing is returned.
  virtual void start_write_out(int fd, off_t from, off_t size) = 0;
  // How many names the open file still has in the file system; 0 after it was deleted.
  virtual int links(int fd) = 0;
};

// The operating system itself; lives for the whole program.
FileOps& system_files();

}  // namespace swy::record
