#include "base/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "switchyard/env.h"

namespace swy::base {

bool color_on(int fd) { return isatty(fd) != 0 && std::getenv("NO_COLOR") == nullptr; }

std::string styled(std::string_view text, std::string_view style, bool on) {
  if (!on) return std::string(text);
  static constexpr std::array<std::pair<std::string_view, int>, 8> kStyles{{{"bold", 1},
                                                                            {"dim", 2},
                                                                            {"red", 31},
                                                                            {"green", 32},
                                                                            {"yellow", 33},
                                                                            {"blue", 34},
                                                                            {"magenta", 35},
                                                                            {"cyan", 36}}};
  for (const auto& [name, code] : kStyles) {
    if (name == style) return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  }
  return std::string(text);
}

int terminal_width(int fd, int fallback) {
  winsize w{};
  return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : fallback;
}

std::string fit_columns(std::string_view text, std::size_t columns) {
  std::string out;
  std::size_t used = 0;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t n = 1;
    while (i + n < text.size() && (static_cast<unsigned char>(text[i + n]) & 0xC0U) == 0x80U) ++n;
    if (used + 1 == columns && i + n < text.size()) return out + "…";
    if (used == columns) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) {
      out += ' ';  // control characters would move the cursor
    } else {
      out.append(text.substr(i, n));
    }
    i += n;
    ++used;
  }
  return out;
}

Progress::Progress(std::string label, std::uint64_t total)
    : label_(std::move(label)),
      total_(total),
      start_ns_(system_clock().mono_ns()),
      on_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void Progress::advance(std::uint64_t n) {
  done_ += n;
  if (!on_ || (done_ & 63U) != 0) return;  // look at the clock seldom
  const std::int64_t now = system_clock().mono_ns();
  if (now - start_ns_ < 500'000'000 || now - last_ns_ < 100'000'000) return;
  last_ns_ = now;
  draw();
}

void Progress::draw() {
  drawn_ = true;
  constexpr std::uint64_t kCells = 30;
  const std::uint64_t filled = total_ == 0 ? 0 : std::min(kCells, done_ * kCells / total_);
  std::string bar(filled, '#');
  bar.append(kCells - filled, '.');
  const double s = static_cast<double>(last_ns_ - start_ns_) * 1e-9;
  const double left = done_ == 0 ? 0
                                 : s * static_cast<double>(total_ - std::min(done_, total_)) /
                                       static_cast<double>(done_);
  std::fputs(
      fmt::format("\r\x1b[K{} [{}] {}/{}  {:.0f} s left", label_, bar, done_, total_, left).c_str(),
      stderr);
}

}  // namespace swy::base
