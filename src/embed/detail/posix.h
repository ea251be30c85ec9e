// What the store needs of the operating system: a descriptor with an owner, errno as an Error.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "switchyard/result.h"

namespace swy::embed::detail {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

inline tl::unexpected<Error> sys_fail(std::string_view doing, std::string_view path, int error) {
  const bool used_up = error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE;
  return fail(used_up ? ErrorCode::kExhausted : ErrorCode::kIo,
              "cannot " + std::string(doing) + " " + std::string(path) + ": " +
                  std::generic_category().message(error));
}

}  // namespace swy::embed::detail
