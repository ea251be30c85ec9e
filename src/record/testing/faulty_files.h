// The operating system's files with faults on demand: the next calls of a kind fail with the given
// errno, or write short. One thread.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "record/file_ops.h"

namespace swy::record {

class FaultyFiles final : public FileOps {
 public:
  int make_directory_error = 0;  // 0 = no fault; stays until cleared
  int open_error = 0;
  int write_error = 0;
  int truncate_error = 0;
  int sync_error = 0;
  std::size_t short_write = 0;  // if not 0: the next write takes at most so many bytes
  int writes = 0;               // calls that reached the operating system
  int syncs = 0;
  std::vector<std::pair<off_t, off_t>> write_outs;  // from, size

  int make_directory(const char* path, mode_t mode) override {
    return make_directory_error != 0 ? -make_directory_error
                                     : system_files().make_directory(path, mode);
  }
  int open_file(const char* path, int flags, mode_t mode) override {
    return open_error != 0 ? -open_error : system_files().open_file(path, flags, mode);
  }
  ssize_t write_file(int fd, const void* bytes, std::size_t size) override {
    if (write_error != 0) return -write_error;
    ++writes;
    if (short_write != 0) size = std::min(size, short_write);
    short_write = 0;
    return system_files().write_file(fd, bytes, size);
  }
  int truncate_file(int fd, off_t size) override {
    return truncate_error != 0 ? -truncate_error : system_files().truncate_file(fd, size);
  }
  int sync_file(int fd) override {
    if (sync_error != 0) return -sync_error;
    ++syncs;
    return system_files().sync_file(fd);
  }
  void start_write_out(int fd, off_t from, off_t size) override {
    write_outs.emplace_back(from, size);
    system_files().start_write_out(fd, from, size);
  }
  int links(int fd) override { return system_files().links(fd); }
};

}  // namespace swy::record
